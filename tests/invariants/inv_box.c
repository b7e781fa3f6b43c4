/* SPDX-License-Identifier: Apache-2.0
 * The hybrid box: INV-41 everything it is bound to is authenticated; INV-43 both secrets are needed;
 * INV-91 labels separate keys. */
#include "pqi_test.h"

#include <pqi/host.h>
#include <pqi/suite.h>
#include <stdbool.h>

#define N 50u

typedef struct fixture {
    pqi_algs a;
    const pqi_suite *s;
    uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], x_pk[32], x_sk[32];
    uint8_t pre[30], post[20], salt[7], info[4], plain[N];
    uint8_t capsule[PQI_KEM_MAX_CT + 32], ct[N + PQI_AEAD_TAG], bind[PQI_BOX_BIND_MAX];
    _Alignas(8) uint8_t tmp[131072];
} fixture;

static fixture f;

static pqi_span scratch(void)
{
    return (pqi_span){f.tmp, sizeof f.tmp};
}

static pqi_box_ctx ctx(void)
{
    return (pqi_box_ctx){{f.salt, sizeof f.salt}, {f.info, sizeof f.info}, {f.pre, sizeof f.pre},
        {f.post, sizeof f.post}};
}

static pqi_box_peer peer(void)
{
    return (pqi_box_peer){{f.kem_pk, f.s->kem->pk_len}, {f.x_pk, 32}};
}

static pqi_status open_box(uint8_t *out)
{
    const pqi_box_secret sk = {{f.kem_sk, f.s->kem->sk_len}, {f.x_sk, 32}, peer()};
    const pqi_box_ctx c = ctx();
    memset(out, 0x5a, N);
    return pqi_box_open(&f.a, f.s, &sk, &c, (pqi_cspan){f.capsule, pqi_box_capsule_len(f.s)},
        (pqi_cspan){f.ct, sizeof f.ct}, (pqi_span){out, N}, scratch());
}

static void seal_box(const pqi_suite *s)
{
    uint8_t seed[PQI_KEM_MAX_SEED], coins[64];
    f.s = s;
    const pqi_classic *c = f.a.classic;
    assert_int_equal(c->random(seed, sizeof seed), PQI_OK);
    assert_int_equal(c->random(coins, 64), PQI_OK);
    assert_int_equal(c->random(f.x_sk, 32), PQI_OK);
    assert_int_equal(c->random(f.plain, N), PQI_OK);
    assert_int_equal(c->random(f.pre, sizeof f.pre), PQI_OK);
    assert_int_equal(c->x25519_public(f.x_pk, f.x_sk), PQI_OK);
    assert_int_equal(
        pqi_kem_keygen(s->kem, (pqi_span){f.kem_pk, s->kem->pk_len},
            (pqi_span){f.kem_sk, s->kem->sk_len}, (pqi_cspan){seed, s->kem->seed_len}, scratch()),
        PQI_OK);
    const pqi_box_ctx cx = ctx();
    const pqi_box_peer to = peer();
    assert_int_equal(pqi_box_seal(&f.a, s, &to, &cx, (pqi_cspan){coins, 64},
                         (pqi_cspan){f.plain, N}, (pqi_span){f.capsule, pqi_box_capsule_len(s)},
                         (pqi_span){f.ct, sizeof f.ct}, f.bind, scratch()),
        PQI_OK);
}

static int setup(void **state)
{
    (void)state;
    pqi_algs_all(&f.a, &pqi_classic_openssl);
    return 0;
}

static void refuses_each_flip(uint8_t *p, size_t n, size_t step)
{
    static const uint8_t zero[N];
    uint8_t out[N];
    for (size_t i = 0; i < n; i += step) {
        p[i] ^= (uint8_t)(1u << (i % 8));
        assert_int_equal(open_box(out), PQI_ERR_AUTH);
        assert_memory_equal(out, zero, N);
        p[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_int_equal(open_box(out), PQI_OK);
}

/* INV-41, INV-43: every byte of capsule, header, context, labels, public keys and ciphertext. */
static void every_bound_byte_matters(void **state)
{
    (void)state;
    for (size_t i = 0; i < f.a.n_suites; i++) {
        const pqi_suite *s = f.a.suites[i];
        uint8_t out[N];
        seal_box(s);
        assert_int_equal(open_box(out), PQI_OK);
        assert_memory_equal(out, f.plain, N);
        refuses_each_flip(f.capsule, s->kem->ct_len, 31); /* changes K_pq */
        refuses_each_flip(
            f.capsule + s->kem->ct_len, 31, 1); /* changes K_x; see below for byte 31 */
        refuses_each_flip(f.pre, sizeof f.pre, 1);
        refuses_each_flip(f.post, sizeof f.post, 1);
        refuses_each_flip(f.salt, sizeof f.salt, 1); /* INV-91 */
        refuses_each_flip(f.info, sizeof f.info, 1);
        refuses_each_flip(f.ct, sizeof f.ct, 1);
        refuses_each_flip(f.kem_pk, s->kem->pk_len, 97);
        refuses_each_flip(f.x_pk, 32, 1);
        /* X25519 ignores the top bit, so only the binding can see it. */
        f.capsule[s->kem->ct_len + 31] ^= 0x80;
        assert_int_equal(open_box(out), PQI_ERR_AUTH);
        f.capsule[s->kem->ct_len + 31] ^= 0x80;
    }
}

/* INV-43: the attacker knows one of the secrets and everything public. */
static void needs_both(const pqi_suite *s)
{
    uint8_t out[N], keep[32], seed[PQI_KEM_MAX_SEED] = {1}, other_pk[PQI_KEM_MAX_PK];
    static uint8_t kem_sk[PQI_KEM_MAX_SK];
    seal_box(s);
    memcpy(keep, f.x_sk, 32);
    f.x_sk[5] ^= 1;
    assert_int_equal(open_box(out), PQI_ERR_AUTH);
    memcpy(f.x_sk, keep, 32);
    memcpy(kem_sk, f.kem_sk, sizeof kem_sk);
    assert_int_equal(pqi_kem_keygen(f.s->kem, (pqi_span){other_pk, f.s->kem->pk_len},
                         (pqi_span){f.kem_sk, f.s->kem->sk_len},
                         (pqi_cspan){seed, f.s->kem->seed_len}, scratch()),
        PQI_OK);
    assert_int_equal(open_box(out), PQI_ERR_AUTH);
    memcpy(f.kem_sk, kem_sk, sizeof kem_sk);
    assert_int_equal(open_box(out), PQI_OK);
}

static void one_secret_is_not_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < f.a.n_suites; i++) {
        needs_both(f.a.suites[i]);
    }
}

/* The derivation by hand, in the order of docs/spec/v1.md: K_pq first. */
static void the_key_is_the_documented_one(void **state)
{
    (void)state;
    uint8_t k[64], prk[64], key_iv[44], h[64], out[N];
    for (size_t i = 0; i < f.a.n_suites; i++) {
        const pqi_suite *s = f.a.suites[i];
        const pqi_classic *c = f.a.classic;
        size_t hl = s->hash == PQI_HASH_SHA384 ? 48 : 32;
        seal_box(s);
        const pqi_cspan ct_pq = {f.capsule, s->kem->ct_len};
        const uint8_t *x_eph = f.capsule + s->kem->ct_len;
        assert_int_equal(pqi_kem_decaps(s->kem, (pqi_span){k, 32}, ct_pq,
                             (pqi_cspan){f.kem_sk, s->kem->sk_len}, scratch()),
            PQI_OK);
        assert_int_equal(c->x25519(k + 32, f.x_sk, x_eph), PQI_OK);
        const pqi_cspan bound[] = {{f.pre, sizeof f.pre}, ct_pq, {x_eph, 32},
            {f.kem_pk, s->kem->pk_len}, {f.x_pk, 32}, {f.post, sizeof f.post}};
        assert_int_equal(c->hash(s->hash, bound, 6, h), PQI_OK);
        assert_memory_equal(h, f.bind, hl);
        const pqi_cspan xwing[] = {{k, 64}, {x_eph, 32}, {f.x_pk, 32}, {PQI_LIT("\\.//^\\")}};
        bool is_xwing = s->id == 0x0005;
        if (is_xwing) {
            assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, xwing, 4, k, 32), PQI_OK);
        }
        const pqi_cspan ikm = {k, is_xwing ? 32 : 64}, info[] = {{f.info, sizeof f.info}, {h, hl}};
        assert_int_equal(
            pqi_hkdf_extract(c, s->hash, (pqi_cspan){f.salt, sizeof f.salt}, &ikm, 1, prk), PQI_OK);
        assert_int_equal(
            pqi_hkdf_expand(c, s->hash, (pqi_cspan){prk, hl}, info, 2, (pqi_span){key_iv, 44}),
            PQI_OK);
        const pqi_aead_key ak = {s->aead, {key_iv, 32}, {key_iv + 32, 12}};
        assert_int_equal(c->aead_open(&ak, (pqi_cspan){h, hl}, (pqi_cspan){f.ct, sizeof f.ct},
                             (pqi_span){out, N}),
            PQI_OK);
        assert_memory_equal(out, f.plain, N);
        const pqi_box_ctx cx = ctx();
        const pqi_box_peer to = peer();
        assert_int_equal(
            pqi_box_bind(&f.a, s, &to, &cx, (pqi_cspan){f.capsule, pqi_box_capsule_len(s)}, h),
            PQI_OK);
        assert_memory_equal(h, f.bind, hl);
    }
}

static void bad_peers_and_lengths(void **state)
{
    (void)state;
    static const uint8_t zero[PQI_KEM_MAX_CT + 32];
    uint8_t coins[64] = {3};
    seal_box(&pqi_suite_0002);
    const pqi_suite *s = f.s;
    const pqi_box_ctx cx = ctx();
    pqi_box_peer to = peer();
    const pqi_span cap = {f.capsule, pqi_box_capsule_len(s)}, out = {f.ct, sizeof f.ct};
    const pqi_cspan c = {coins, 64}, in = {f.plain, N};
    to.x25519_pk.ptr = zero; /* low order */
    assert_int_equal(
        pqi_box_seal(&f.a, s, &to, &cx, c, in, cap, out, f.bind, scratch()), PQI_ERR_AUTH);
    assert_memory_equal(f.capsule, zero, cap.len);
    assert_memory_equal(f.ct, zero, sizeof f.ct);
    assert_memory_equal(f.bind, zero, 32);
    to = peer();
    memset(f.kem_pk, 0xff, 100); /* coefficients above q */
    assert_int_equal(
        pqi_box_seal(&f.a, s, &to, &cx, c, in, cap, out, f.bind, scratch()), PQI_ERR_DECODE);
    assert_memory_equal(f.capsule, zero, cap.len);
    assert_int_equal(
        pqi_box_seal(&f.a, s, &to, &cx, (pqi_cspan){coins, 63}, in, cap, out, f.bind, scratch()),
        PQI_ERR_ARG);
    assert_int_equal(pqi_box_seal(&f.a, s, &to, &cx, c, in, (pqi_span){cap.ptr, cap.len - 1}, out,
                         f.bind, scratch()),
        PQI_ERR_ARG);
    seal_box(s);
    uint8_t plain[N];
    const pqi_box_secret sk = {{f.kem_sk, s->kem->sk_len}, {f.x_sk, 32}, peer()};
    assert_int_equal(
        pqi_box_open(&f.a, s, &sk, &cx, (pqi_cspan){cap.ptr, cap.len},
            (pqi_cspan){f.ct, sizeof f.ct}, (pqi_span){plain, N}, (pqi_span){f.tmp, 8}),
        PQI_ERR_SPACE);
    for (size_t n = 0; n < sizeof f.ct; n++) { /* truncation by each byte */
        size_t body = n < 16 ? 0 : n - 16;
        pqi_status st = pqi_box_open(&f.a, s, &sk, &cx, (pqi_cspan){cap.ptr, cap.len},
            (pqi_cspan){f.ct, n}, (pqi_span){plain, body}, scratch());
        assert_int_equal(st, n < 16 ? PQI_ERR_ARG : PQI_ERR_AUTH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bound_byte_matters),
        cmocka_unit_test(one_secret_is_not_enough),
        cmocka_unit_test(the_key_is_the_documented_one),
        cmocka_unit_test(bad_peers_and_lengths),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
