/* SPDX-License-Identifier: Apache-2.0
 * Endpoints with composite certificates among plain ones: announcements, v1, prekeys, sessions of every
 * mode with healing rounds. The algorithms are those of pqi_host_algs() with private operations in
 * software, for tests: the scalar of the P-256 half comes from the other half's private key. */
#include "support/fleet.h"

#include "port/linux/ossl_p256.h"
#include "prim/keccak/keccak.h"
#include "support/composite_key.h"

#include <pqi/host.h>

static pqi_sig sig;
static pqi_kem kem;
static pqi_suite suite;

static void scalar_of(const uint8_t *sk, size_t len, uint8_t out[32])
{
    uint8_t seed[PQI_P256_SEED];
    pqi_shake256(seed, sizeof seed, sk, len);
    assert_int_equal(pqi_p256_random_scalar(out, seed), PQI_OK);
}

static pqi_status sig_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    const pqi_sig *pq = &pqi_sig_ml_dsa_44;
    uint8_t k[32];
    pqi_status st = pq->keygen(pk, sk, seed, tmp);
    scalar_of(sk, pq->sk_len, k);
    return st != PQI_OK ? st : pqi_ossl_p256_public(pk + pq->pk_len, k);
}

static pqi_status sig_sign(uint8_t *out, size_t *len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    const pqi_composite_sig *c = pqi_composite_sig_of(&pqi_sig_ml_dsa_44_p256);
    uint8_t m[PQI_COMPOSITE_MSG_MAX], k[32], raw[PQI_P256_SIG];
    size_t n = 0;
    pqi_status st = pqi_composite_message(&pqi_classic_openssl, c, ctx, parts, n_parts, m, &n);
    const pqi_cspan part = {m, n};
    st = st != PQI_OK ? st : c->pq->sign(out, len, sk, c->label, &part, 1, rnd, tmp);
    scalar_of(sk, c->pq->sk_len, k);
    composite_ecdsa(k, part, raw);
    *len += pqi_p256_der_encode(raw, out + *len);
    return st;
}

static pqi_status kem_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    const pqi_kem *pq = &pqi_kem_ml_kem_768;
    uint8_t k[32];
    pqi_status st = pq->keygen(pk, sk, seed, tmp);
    scalar_of(sk, pq->sk_len, k);
    return st != PQI_OK ? st : pqi_ossl_p256_public(pk + pq->pk_len, k);
}

static pqi_status kem_decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    const pqi_kem *pq = &pqi_kem_ml_kem_768;
    uint8_t k[32], ss_t[32], ek_t[PQI_P256_PK];
    scalar_of(sk, pq->sk_len, k);
    pqi_status st = pq->decaps(ss, ct, sk, tmp);
    st = st != PQI_OK ? st : pqi_ossl_p256_public(ek_t, k);
    st = st != PQI_OK ? st : pqi_ossl_p256_dh(ss_t, k, ct + pq->ct_len);
    pqi_composite_kem_combine(pqi_composite_kem_of(&kem), ss, ss_t, ct + pq->ct_len, ek_t, ss);
    return st;
}

static int set_up(void **state)
{
    (void)state;
    static const pqi_sig *sigs[8];
    static const pqi_kem *kems[8];
    static const pqi_suite *suites[12];
    fleet *f = fleet_get();
    sig = pqi_sig_ml_dsa_44_p256;
    sig.keygen = sig_keygen;
    sig.sign = sig_sign;
    kem = pqi_kem_ml_kem_768_p256;
    kem.keygen = kem_keygen;
    kem.decaps = kem_decaps;
    suite = pqi_suite_0009;
    suite.kem = &kem;
    memcpy(sigs, f->algs.sigs, f->algs.n_sigs * sizeof *sigs);
    memcpy(kems, f->algs.kems, f->algs.n_kems * sizeof *kems);
    memcpy(suites, f->algs.suites, f->algs.n_suites * sizeof *suites);
    sigs[f->algs.n_sigs++] = &sig;
    kems[f->algs.n_kems++] = &kem;
    suites[f->algs.n_suites++] = &suite;
    f->algs.sigs = sigs;
    f->algs.kems = kems;
    f->algs.suites = suites;
    return 0;
}

#define SUITES (0x02u | 0x100u)

typedef struct pair {
    dev *a, *b;
    msg m;
} pair;

static dev_spec spec(const char *id, bool composite, uint8_t seed)
{
    return (dev_spec){.id = id,
        .epoch = 1,
        .roster = seed,
        .pub = "plant",
        .seed = seed,
        .suites = SUITES,
        .kem = composite ? kem.id : PQI_KEM_ID_ML_KEM_768,
        .sig = composite ? sig.id : PQI_SIG_ID_ML_DSA_44};
}

static void meet(pair *p, const dev_spec *a, const dev_spec *b)
{
    p->a = dev_new(a);
    p->b = dev_new(b);
    assert_int_equal(dev_open(p->a), PQI_OK);
    assert_int_equal(dev_open(p->b), PQI_OK);
}

static void part(pair *p)
{
    dev_free(p->a);
    dev_free(p->b);
}

static void both_ways(pair *p, uint8_t type)
{
    static const char *const texts[] = {"first", "second", "third"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(dev_send(p->a, "valve-7", "plant/a", texts[i], &p->m), PQI_OK);
        assert_int_equal(p->m.b[0] & 0xf8u, type & 0xf8u);
        dev_expect(p->b, &p->m, texts[i]);
        assert_int_equal(dev_send(p->b, "pump-1", "plant/b", texts[i], &p->m), PQI_OK);
        dev_expect(p->a, &p->m, texts[i]);
    }
}

static void v1(void **state)
{
    (void)state;
    static pair p;
    for (unsigned which = 0; which < 4; which++) {
        const dev_spec a = spec("pump-1", (which & 1u) != 0, 1), b = spec("valve-7", which > 1, 2);
        meet(&p, &a, &b);
        dev_meet(p.a, p.b);
        both_ways(&p, PQI_V1_T);
        part(&p);
    }
}

/* Composite prekeys, after a restart too. */
static void prekeys(void **state)
{
    (void)state;
    static pair p;
    for (unsigned which = 0; which < 4; which++) {
        dev_spec a = spec("pump-1", (which & 1u) != 0, 1), b = spec("valve-7", which > 1, 2);
        a.period = b.period = 1000;
        a.use = b.use = PQI_PREKEY_REQUIRE;
        meet(&p, &a, &b);
        assert_true(dev_prekeys(p.a) && dev_prekeys(p.b));
        dev_meet(p.a, p.b);
        assert_int_equal(dev_send(p.a, "valve-7", "plant/a", "sealed", &p.m), PQI_OK);
        assert_int_equal(p.m.b[0], PQI_V1_T_PREKEY);
        dev_expect(p.b, &p.m, "sealed");
        pqi_endpoint_close(&p.b->ep);
        assert_int_equal(dev_open(p.b), PQI_OK); /* peers come back with keys of both lengths */
        assert_int_equal(dev_send(p.b, "pump-1", "plant/b", "still known", &p.m), PQI_OK);
        dev_expect(p.a, &p.m, "still known");
        part(&p);
    }
}

/* Modes S, M and K (who signs is in the certificates, or in the modes that policy allows). */
static void sessions(void **state)
{
    (void)state;
    static pair p;
    for (unsigned which = 0; which < 4; which++) {
        for (unsigned mode = 0; mode < 3; mode++) {
            dev_spec a = spec("pump-1", (which & 1u) != 0, 1), b = spec("valve-7", which > 1, 2);
            a.sessions = b.sessions = PQI_SESSIONS_REQUIRE;
            a.kem_only = mode == 1; /* M: the one that does not sign begins */
            a.modes = b.modes = mode == 2 ? PQI_MODES_K : 0;
            meet(&p, &a, &b);
            dev_meet(p.a, p.b);
            assert_int_equal(
                pqi_endpoint_connect(&p.a->ep, &p.a->now, text_of("valve-7"), 0), PQI_OK);
            assert_true(dev_talk(p.a, p.b) >= 4);
            for (unsigned i = 0; i < 40; i++) { /* with what heals in between */
                both_ways(&p, 0x40);
                p.a->now.mono_ms += 30000;
                p.b->now.mono_ms += 30000;
                (void)dev_talk(p.a, p.b);
            }
            part(&p);
        }
    }
}

/* A device without composites learns nothing from a composite announcement. */
static void small_peer(void **state)
{
    (void)state;
    static pair p;
    pqi_algs small;
    pqi_algs_small(&small, &pqi_classic_openssl);
    const dev_spec a = spec("pump-1", true, 1), b = spec("valve-7", false, 2);
    meet(&p, &a, &b);
    pqi_cert c;
    assert_int_equal(
        pqi_cert_decode(&p.a->f->algs, (pqi_cspan){p.a->cert, p.a->cert_len}, &c), PQI_OK);
    assert_int_equal(
        pqi_cert_decode(&small, (pqi_cspan){p.a->cert, p.a->cert_len}, &c), PQI_ERR_UNSUPPORTED);
    p.b->ep.cfg.algs = &small;
    dev_announce(p.a, &p.m);
    assert_int_not_equal(dev_receive(p.b, &p.m), PQI_EV_PEER);
    part(&p);
}

/* A policy that forbids composites. */
static void forbidden(void **state)
{
    (void)state;
    static pair p;
    const dev_spec a = spec("pump-1", true, 1);
    dev_spec b = spec("valve-7", false, 2);
    b.policy.forbid = PQI_ALG_COMPOSITE;
    meet(&p, &a, &b);
    dev_announce(p.a, &p.m);
    assert_int_equal(dev_receive(p.b, &p.m), PQI_EV_DROP);
    assert_int_equal(p.b->ev.drop, PQI_DROP_POLICY);
    part(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(v1), cmocka_unit_test(prekeys),
        cmocka_unit_test(sessions), cmocka_unit_test(small_peer), cmocka_unit_test(forbidden)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
