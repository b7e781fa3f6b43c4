/* SPDX-License-Identifier: Apache-2.0
 * TEST DOUBLES: no security whatsoever; see the header. */
#include "session/test_doubles.h"

#include <string.h>

/* A bijection of 64 bits that spreads every bit: the finaliser of splitmix64. */
static uint64_t spread(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Four words from n bytes, each depending on all of them. */
static void mix(uint64_t s[4], const uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t w = 0;
        memcpy(&w, in + i, n - i < 8 ? n - i : 8);
        s[0] = spread(s[0] + w + n);
        s[1] = spread(s[1] ^ s[0]);
        s[2] = spread(s[2] + s[1]);
        s[3] = spread(s[3] ^ s[2]);
    }
    s[0] ^= s[3];
}

static void mix32(uint64_t label, const uint8_t *a, size_t a_len, const uint8_t *b, uint8_t out[32])
{
    uint64_t s[4] = {label, 0, 0, 0};
    mix(s, a, a_len);
    if (b != NULL) {
        mix(s, b, 32);
    }
    memcpy(out, s, 32);
}

/* ---- KEM: pk = f(seed) twice, ct = (coins ^ g(pk), check), secret = h(pk, coins); sk = pk ---------- */

static pqi_status kem_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    (void)tmp;
    mix32(1, seed, 64, NULL, pk);
    mix32(2, pk, 32, NULL, pk + 32);
    memcpy(sk, pk, TEST_DOUBLE_KEM_LEN);
    return PQI_OK;
}

static pqi_status kem_check(const uint8_t *pk, void *tmp)
{
    uint8_t want[32];
    (void)tmp;
    mix32(2, pk, 32, NULL, want);
    return memcmp(want, pk + 32, 32) == 0 ? PQI_OK : PQI_ERR_DECODE;
}

static pqi_status kem_encaps(
    uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp)
{
    (void)tmp;
    mix32(3, pk, 32, NULL, ct);
    for (size_t i = 0; i < 32; i++) {
        ct[i] ^= coins[i];
    }
    mix32(4, pk, 32, coins, ct + 32);
    mix32(5, pk, 32, coins, ss);
    return PQI_OK;
}

static pqi_status kem_decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    uint8_t coins[32], check[32];
    (void)tmp;
    mix32(3, sk, 32, NULL, coins);
    for (size_t i = 0; i < 32; i++) {
        coins[i] ^= ct[i];
    }
    mix32(4, sk, 32, coins, check);
    /* as ML-KEM does, an altered ciphertext gives a secret of its own */
    mix32(memcmp(check, ct + 32, 32) == 0 ? 5 : 6, sk, 32, coins, ss);
    return PQI_OK;
}

const pqi_kem test_double_kem = {
    .name = "TEST DOUBLE of a KEM, no security",
    .id = PQI_KEM_ID_ML_KEM_512,
    .level = 1,
    .pk_len = TEST_DOUBLE_KEM_LEN,
    .sk_len = TEST_DOUBLE_KEM_LEN,
    .seed_len = 64,
    .ct_len = TEST_DOUBLE_KEM_LEN,
    .coins_len = 32,
    .tmp_len = 8,
    .keygen = kem_keygen,
    .encaps = kem_encaps,
    .decaps = kem_decaps,
    .check_pk = kem_check,
    .check_sk = kem_check,
};

/* ---- signature: 32 bytes that anybody can make ----------------------------------------------------- */

static void sum(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts, size_t n, uint8_t out[32])
{
    uint64_t s[4] = {7, 0, 0, 0};
    mix(s, pk, 32);
    mix(s, ctx.ptr, ctx.len);
    for (size_t i = 0; i < n; i++) {
        mix(s, parts[i].ptr, parts[i].len);
    }
    memcpy(out, s, 32);
}

static pqi_status sig_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    (void)tmp;
    mix32(8, seed, 32, NULL, pk);
    memcpy(sk, pk, 32);
    return PQI_OK;
}

static pqi_status sig_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    (void)rnd;
    (void)tmp;
    sum(sk, ctx, parts, n_parts, sig);
    *sig_len = 32;
    return PQI_OK;
}

static pqi_status sig_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    uint8_t want[32];
    (void)tmp;
    sum(pk, ctx, parts, n_parts, want);
    return sig.len == 32 && memcmp(want, sig.ptr, 32) == 0 ? PQI_OK : PQI_ERR_AUTH;
}

const pqi_sig test_double_sig = {
    .name = "TEST DOUBLE of a signature, no security",
    .id = PQI_SIG_ID_ML_DSA_44,
    .level = 2,
    .pk_len = 32,
    .sk_len = 32,
    .seed_len = 32,
    .rnd_len = 32,
    .sig_len = 32,
    .keygen_tmp = 8,
    .sign_tmp = 8,
    .verify_tmp = 8,
    .keygen = sig_keygen,
    .sign = sig_sign,
    .verify = sig_verify,
};

/* ---- X25519: multiplication of odd numbers modulo 2^64 --------------------------------------------- */

static uint64_t odd(const uint8_t in[32])
{
    uint64_t x;
    memcpy(&x, in, 8);
    return x | 1;
}

static void put(uint8_t out[32], uint64_t x)
{
    for (size_t i = 0; i < 32; i += 8) {
        memcpy(out + i, &x, 8);
    }
}

static pqi_status x_public(uint8_t pk[32], const uint8_t sk[32])
{
    put(pk, odd(sk) * 0x9e3779b97f4a7c15u);
    return PQI_OK;
}

static pqi_status x_shared(uint8_t ss[32], const uint8_t sk[32], const uint8_t pk[32])
{
    put(ss, odd(sk) * odd(pk));
    return PQI_OK;
}

/* ---- sets ------------------------------------------------------------------------------------------ */

const pqi_suite test_double_suite = {
    .id = 0x0001,
    .name = "TEST DOUBLE suite, no security",
    .kem = &test_double_kem,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA256,
    .combiner = PQI_COMBINER_CONCAT,
    .level = 1,
    .bitmap = 1u << 1,
};

void test_double_classic(pqi_classic *out, const pqi_classic *real)
{
    *out = *real;
    out->name = "TEST DOUBLE of X25519, no security";
    out->x25519_public = x_public;
    out->x25519 = x_shared;
}

void test_double_algs(pqi_algs *out, const pqi_classic *classic)
{
    static const pqi_suite *const suites[] = {&test_double_suite};
    static const pqi_kem *const kems[] = {&test_double_kem};
    static const pqi_sig *const sigs[] = {&test_double_sig};
    *out = (pqi_algs){.classic = classic,
        .suites = suites,
        .n_suites = 1,
        .kems = kems,
        .n_kems = 1,
        .sigs = sigs,
        .n_sigs = 1};
}
