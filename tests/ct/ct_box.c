/* SPDX-License-Identifier: Apache-2.0 -- needs: pqi
 * The hybrid box, the gate key and the gate check of v1 with their secrets undefined for valgrind:
 * coins, private keys, shared secrets, plain text. The classical table is test_table below, made of
 * SHAKE256 without a branch: it is no cryptography, it carries the marks through, and what the table
 * of a port does with secrets is not shown here. */
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/keccak/keccak.h"

#include <pqi/v1.h>

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#define PLAIN 40u

static alignas(8) uint8_t tmp_bytes[65536];
static uint8_t secret_scalar[32];

static void sponge(uint8_t tag, const pqi_cspan *parts, size_t n, uint8_t *out, size_t len)
{
    pqi_xof x;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, &tag, 1);
    for (size_t i = 0; i < n; i++) {
        pqi_xof_absorb(&x, parts[i].ptr, parts[i].len);
    }
    pqi_xof_squeeze(&x, out, len);
}

static pqi_status test_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    sponge(1, parts, n, out, id == PQI_HASH_SHA256 ? 32 : id == PQI_HASH_SHA384 ? 48 : 64);
    return PQI_OK;
}

static pqi_status test_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    uint8_t k[32], inner[32];
    sponge(2, &key, 1, k, sizeof k);
    sponge(3, parts, n, inner, sizeof inner);
    const pqi_cspan both[] = {{k, sizeof k}, {inner, sizeof inner}};
    return test_hash(id, both, 2, out);
}

/* Commutes as X25519 does, and hides nothing. */
static pqi_status test_public(uint8_t *pk, const uint8_t *sk)
{
    for (size_t i = 0; i < PQI_X25519_LEN; i++) {
        pk[i] = sk[i] ^ 0x5au;
    }
    PQI_PUBLIC(pk, PQI_X25519_LEN);
    return PQI_OK;
}

static pqi_status test_dh(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    for (size_t i = 0; i < PQI_X25519_LEN; i++) {
        ss[i] = sk[i] ^ pk[i];
    }
    return PQI_OK;
}

static void test_tag(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan ct, uint8_t tag[PQI_AEAD_TAG])
{
    const pqi_cspan parts[] = {k->key, k->nonce, aad, ct};
    sponge(5, parts, 4, tag, PQI_AEAD_TAG);
}

static void test_stream(const pqi_aead_key *k, const uint8_t *in, uint8_t *out, size_t n)
{
    uint8_t pad[PLAIN];
    const pqi_cspan parts[] = {k->key, k->nonce};
    sponge(4, parts, 2, pad, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = in[i] ^ pad[i];
    }
}

static pqi_status test_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    test_stream(k, in.ptr, out.ptr, in.len);
    test_tag(k, aad, (pqi_cspan){out.ptr, in.len}, out.ptr + in.len);
    PQI_PUBLIC(out.ptr, out.len); /* it goes over the wire */
    return PQI_OK;
}

static pqi_status test_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    uint8_t tag[PQI_AEAD_TAG];
    test_tag(k, aad, (pqi_cspan){in.ptr, out.len}, tag);
    uint32_t good = pqi_ct_eq_mask(tag, in.ptr + out.len, sizeof tag);
    PQI_PUBLIC(&good, sizeof good); /* the status */
    test_stream(k, in.ptr, out.ptr, out.len);
    return good != 0 ? PQI_OK : PQI_ERR_AUTH;
}

static const pqi_classic test_table = {.abi = PQI_CLASSIC_ABI,
    .name = "test_table",
    .hash = test_hash,
    .hmac = test_hmac,
    .x25519_public = test_public,
    .x25519 = test_dh,
    .aead_seal = test_seal,
    .aead_open = test_open};

/* A provider with one X25519 key. */
static pqi_status test_provider_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    (void)p;
    (void)key;
    return test_dh(ss, secret_scalar, peer);
}

static const pqi_provider_ops test_ops = {
    .abi = PQI_PROVIDER_ABI, .name = "test_provider", .dh = test_provider_dh};

typedef struct keys {
    uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], x_pk[32], x_sk[32];
} keys;

static int make_keys(const pqi_suite *s, keys *k)
{
    uint8_t seed[PQI_KEM_MAX_SEED];
    memset(seed, 0x42, sizeof seed);
    memset(k->x_sk, 0x24, sizeof k->x_sk);
    PQI_SECRET(seed, sizeof seed);
    PQI_SECRET(k->x_sk, sizeof k->x_sk);
    pqi_status st = pqi_kem_keygen(s->kem, (pqi_span){k->kem_pk, s->kem->pk_len},
        (pqi_span){k->kem_sk, s->kem->sk_len}, (pqi_cspan){seed, s->kem->seed_len},
        (pqi_span){tmp_bytes, sizeof tmp_bytes});
    if (st == PQI_OK) {
        st = test_public(k->x_pk, k->x_sk);
    }
    PQI_SECRET(k->kem_sk, s->kem->sk_len);
    return st == PQI_OK ? 0 : 1;
}

static int box(const pqi_algs *a, const pqi_suite *s)
{
    static uint8_t capsule[PQI_KEM_MAX_CT + 32], ct[PLAIN + PQI_AEAD_TAG];
    static keys k;
    uint8_t coins[64], plain[PLAIN], got[PLAIN];
    const pqi_span tmp = {tmp_bytes, sizeof tmp_bytes};
    const pqi_box_ctx ctx = {
        {PQI_LIT("salt")}, {PQI_LIT("info")}, {PQI_LIT("pre")}, {PQI_LIT("post")}};
    if (make_keys(s, &k) != 0) {
        return 1;
    }
    const pqi_box_peer to = {{k.kem_pk, s->kem->pk_len}, {k.x_pk, 32}};
    const pqi_box_secret self = {{k.kem_sk, s->kem->sk_len}, {k.x_sk, 32}, to};
    memset(coins, 0x11, sizeof coins);
    memset(plain, 0x77, sizeof plain);
    PQI_SECRET(coins, sizeof coins);
    PQI_SECRET(plain, sizeof plain);
    const size_t capsule_len = pqi_box_capsule_len(s);
    pqi_status st = pqi_box_seal(a, s, &to, &ctx, (pqi_cspan){coins, 64}, (pqi_cspan){plain, PLAIN},
        (pqi_span){capsule, capsule_len}, (pqi_span){ct, sizeof ct}, NULL, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(capsule, capsule_len);
    const pqi_cspan c = {capsule, capsule_len}, sealed = {ct, sizeof ct};
    st = pqi_box_open(a, s, &self, &ctx, c, sealed, (pqi_span){got, PLAIN}, tmp);
    PQI_PUBLIC(got, sizeof got);
    PQI_PUBLIC(plain, sizeof plain);
    if (st != PQI_OK || memcmp(got, plain, PLAIN) != 0) {
        return 1;
    }
    capsule[0] ^= 1; /* implicit rejection: the AEAD refuses, and only that is seen */
    return pqi_box_open(a, s, &self, &ctx, c, sealed, (pqi_span){got, PLAIN}, tmp) != PQI_ERR_AUTH;
}

static int gate(const pqi_algs *a)
{
    static const uint8_t packet[200] = {0x11}, peer[32] = {9};
    uint8_t gk[PQI_GATE_KEY], tag[PQI_V1_GATE] = {0};
    pqi_provider p = {&test_ops};
    const pqi_gate_end from = {{PQI_LIT("pump-1")}, 1}, to = {{PQI_LIT("control")}, 1};
    memset(secret_scalar, 0x33, sizeof secret_scalar);
    PQI_SECRET(secret_scalar, sizeof secret_scalar);
    if (pqi_v1_gate_key(a, &p, 1, peer, &from, &to, gk) != PQI_OK) {
        return 1;
    }
    const pqi_v1_ends e = {.id_s = from.id, .id_r = to.id, .topic = {PQI_LIT("plant/a")}, .gk = gk};
    const pqi_v1_packet k = {.gate = {tag, sizeof tag}, .all = {packet, sizeof packet}};
    return pqi_v1_check_gate(a, &k, &e) != PQI_ERR_AUTH;
}

int main(void)
{
    pqi_algs a;
    pqi_algs_all(&a, &test_table);
    int bad = gate(&a);
    for (size_t i = 0; i < a.n_suites; i++) {
        bad += box(&a, a.suites[i]);
    }
    (void)puts(bad == 0 ? "ct_box: ok" : "ct_box: wrong answer");
    return bad != 0;
}
