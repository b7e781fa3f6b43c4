/* SPDX-License-Identifier: Apache-2.0 -- needs: pqi
 * The steps of a v4 handshake on the classical set for microcontrollers, with seeds, private keys, the
 * site's key and everything that comes of them undefined for valgrind. Packets are public once they are
 * made. */
#include "ct/secret.h"
#include "session/hs_op.h"

#include <pqi/classic_mcu.h>

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

typedef struct end {
    pqi_provider base; /* first */
    const pqi_algs *algs;
    const pqi_kem *kem;
    uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], x_pk[32], x_sk[32];
    uint8_t sig_pk[PQI_SIG_MAX_PK], sig_sk[PQI_SIG_MAX_SK];
    uint8_t kid[PQI_KID_LEN], cert[48], drawn;
} end;

static alignas(8) uint8_t tmp_bytes[65536], inner[65536];
static const pqi_span tmp = {inner, sizeof inner};
static const pqi_sig *const sig = &pqi_sig_ml_dsa_44;
static end ends[2];

static pqi_status no_random(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return PQI_ERR_RNG;
}

static end *of(pqi_provider *p)
{
    return (end *)(void *)p;
}

static pqi_status p_random(pqi_provider *p, pqi_span out)
{
    memset(out.ptr, ++of(p)->drawn, out.len);
    PQI_SECRET(out.ptr, out.len);
    return PQI_OK;
}

static pqi_status p_decaps(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    (void)key;
    const pqi_cspan sk = {of(p)->kem_sk, of(p)->kem->sk_len};
    return pqi_kem_decaps(of(p)->kem, (pqi_span){ss, PQI_KEM_SS}, ct, sk, tmp);
}

static pqi_status p_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    (void)key;
    return of(p)->algs->classic->x25519(ss, of(p)->x_sk, peer);
}

static pqi_status p_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span out, size_t *len)
{
    static const uint8_t rnd[PQI_SIG_MAX_RND];
    (void)key;
    return pqi_sig_sign(sig, out, len, (pqi_cspan){of(p)->sig_sk, sig->sk_len}, domain, parts,
        n_parts, (pqi_cspan){rnd, sig->rnd_len}, tmp);
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI,
    .name = "ct",
    .random = p_random,
    .decapsulate = p_decaps,
    .dh = p_dh,
    .sign = p_sign};

static int make_end(end *e, const pqi_algs *a, const pqi_kem *kem, uint8_t n)
{
    uint8_t seed[PQI_KEM_MAX_SEED];
    memset(e, 0, sizeof *e);
    memset(seed, n, sizeof seed);
    memset(e->x_sk, n + 1, sizeof e->x_sk);
    memset(e->kid, n, sizeof e->kid);
    memset(e->cert, n, sizeof e->cert);
    e->base.ops = &ops;
    e->algs = a;
    e->kem = kem;
    if (pqi_kem_keygen(kem, (pqi_span){e->kem_pk, kem->pk_len}, (pqi_span){e->kem_sk, kem->sk_len},
            (pqi_cspan){seed, kem->seed_len}, tmp) != PQI_OK ||
        pqi_sig_keygen(sig, (pqi_span){e->sig_pk, sig->pk_len}, (pqi_span){e->sig_sk, sig->sk_len},
            (pqi_cspan){seed, sig->seed_len}, tmp) != PQI_OK ||
        a->classic->x25519_public(e->x_pk, e->x_sk) != PQI_OK) {
        return 1;
    }
    PQI_SECRET(e->x_sk, sizeof e->x_sk);
    /* of a decapsulation key all but the public key in it and its hash (FIPS 203 section 7.3) */
    PQI_SECRET(e->kem_sk, kem->sk_len - kem->pk_len - 64u);
    PQI_SECRET(e->kem_sk + kem->sk_len - 32, 32);
    /* of a signing key all but rho and the hash of the public key (FIPS 204 algorithm 24) */
    PQI_SECRET(e->sig_sk + 32, 32);
    PQI_SECRET(e->sig_sk + 128, sig->sk_len - 128u);
    return 0;
}

static pqi_hs_self self_of(end *e, const char *id)
{
    return (pqi_hs_self){.provider = &e->base,
        .kem = 1,
        .x25519 = 2,
        .sig = 3,
        .sig_alg = sig,
        .id = {(const uint8_t *)id, strlen(id)},
        .kid = e->kid,
        .cert256 = e->cert,
        .cert384 = e->cert,
        .kem_pk = {e->kem_pk, e->kem->pk_len},
        .x25519_pk = {e->x_pk, 32}};
}

static pqi_hs_peer peer_of(const end *e, const pqi_hs_self *s)
{
    return (pqi_hs_peer){.id = s->id,
        .kid = s->kid,
        .cert256 = s->cert256,
        .cert384 = s->cert384,
        .kem_pk = s->kem_pk,
        .x25519_pk = s->x25519_pk,
        .sig_alg = sig,
        .sig_pk = {e->sig_pk, sig->pk_len}};
}

static pqi_span room(uint8_t *b)
{
    return (pqi_span){b, 16384};
}

static int handshake(const pqi_algs *a, const pqi_suite *s, pqi_hs_mode mode)
{
    static uint8_t init[16384], again[16384], resp[16384], conf[16384];
    uint8_t psk[PQI_HS_PSK];
    size_t n = 0, m = 0;
    if (make_end(&ends[0], a, s->kem, 10) != 0 || make_end(&ends[1], a, s->kem, 20) != 0) {
        return 1;
    }
    memset(psk, 0x31, sizeof psk);
    PQI_SECRET(psk, sizeof psk);
    const pqi_hs_self i = self_of(&ends[0], "pump-1"), r = self_of(&ends[1], "control");
    const pqi_hs_peer pi = peer_of(&ends[0], &i), pr = peer_of(&ends[1], &r);
    const pqi_span scratch = {tmp_bytes, sizeof tmp_bytes};
    const pqi_hs_op oi = {a, &i, &pr, NULL, scratch}, or_ = {a, &r, &pi, NULL, scratch};
    const pqi_hs_say say = {.suite = s,
        .mode = mode,
        .psk = {psk, sizeof psk},
        .counter = 1,
        .rsid = 2,
        .topic_i = {PQI_LIT("pq/4/i/control")},
        .topic_r = {PQI_LIT("pq/4/r/pump-1")}};
    static pqi_hs_pend pend;
    static pqi_hs_await await;
    static pqi_hs_taken taken;
    static pqi_hs_out out;
    pqi_hs_init p;
    if (pqi_hs_make_init(&oi, &say, &pend, room(init), &n) != PQI_OK ||
        pqi_hs_remake_init(&oi, &pend, room(again), &m) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(init, n); /* they go over the wire */
    PQI_PUBLIC(again, m);
    if (n != m || memcmp(init, again, n) != 0 ||
        pqi_hs_init_read(a, (pqi_cspan){init, n}, &p) != PQI_OK ||
        pqi_hs_answer(&or_, &say, &p, &await, room(resp), &n) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(resp, n);
    const size_t at = n - PQI_HS_GATE - 1; /* the last byte of auth_R: refused, and pend stays */
    resp[at] ^= 1;
    if (pqi_hs_take_resp(&oi, &pend, (pqi_cspan){resp, n}, &taken, room(conf), &m) !=
        PQI_ERR_AUTH) {
        return 1;
    }
    resp[at] ^= 1;
    if (pqi_hs_take_resp(&oi, &pend, (pqi_cspan){resp, n}, &taken, room(conf), &m) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(conf, m);
    if (pqi_hs_take_conf(&or_, &await, (pqi_cspan){conf, m}, &out) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(&out, sizeof out);
    PQI_PUBLIC(&taken.keys, sizeof taken.keys);
    return memcmp(&out, &taken.keys, sizeof out) != 0;
}

int main(void)
{
    static const struct {
        const pqi_suite *suite;
        pqi_hs_mode mode;
    } all[] = {{&pqi_suite_0001, PQI_HS_MODE_S}, {&pqi_suite_0001, PQI_HS_MODE_M},
        {&pqi_suite_0005, PQI_HS_MODE_K}, {&pqi_suite_0004, PQI_HS_MODE_K}};
    pqi_classic c;
    pqi_algs a;
    pqi_classic_mcu(&c, no_random);
    pqi_algs_all(&a, &c);
    int bad = 0;
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
        bad += handshake(&a, all[k].suite, all[k].mode);
    }
    (void)puts(bad == 0 ? "ct_hs_op: ok" : "ct_hs_op: wrong answer");
    return bad != 0;
}
