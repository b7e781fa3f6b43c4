/* SPDX-License-Identifier: Apache-2.0
 * Known answers of Falcon: the round-3 submission's 200 key pairs and signatures, and verification
 * vectors of which every bit is flipped, read in place where they are. The key pairs and padded
 * signatures are proved from the tree alone as well, by digests over what the submission's generator
 * draws. */
#include "kat/falcon_rsp.h"
#include "kat/nist_drbg.h"
#include "pqi_hex.h"

#include "prim/falcon/codec.h"
#include "prim/falcon/modq.h"
#include <pqi/falcon.h>

static union {
    uint64_t align;
    uint8_t b[131072];
} tmp;

typedef struct kat {
    uint8_t seed[48], msg[4096], pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sm[8192];
    size_t seed_len, msg_len, pk_len, sk_len, sm_len;
} kat;

static kat k;

static bool next_kat(FILE *f)
{
    if (!next_hex(f, "seed = ", k.seed, sizeof k.seed, &k.seed_len)) {
        return false;
    }
    assert_true(next_hex(f, "msg = ", k.msg, sizeof k.msg, &k.msg_len));
    assert_true(next_hex(f, "pk = ", k.pk, sizeof k.pk, &k.pk_len));
    assert_true(next_hex(f, "sk = ", k.sk, sizeof k.sk, &k.sk_len));
    assert_true(next_hex(f, "sm = ", k.sm, sizeof k.sm, &k.sm_len));
    return true;
}

/* sm = length of the signature (2 bytes) || nonce || msg || 0x20 + logn || s2; as a compressed
 * signature of section 3.11.3: 0x30 + logn || nonce || s2. */
static size_t sig_of(uint8_t *sig, unsigned logn)
{
    size_t len = (size_t)k.sm[0] << 8 | k.sm[1];
    const uint8_t *esig = k.sm + 2 + PQI_FALCON_NONCE + k.msg_len;
    assert_int_equal(k.sm_len, 2 + PQI_FALCON_NONCE + k.msg_len + len);
    assert_int_equal(esig[0], 0x20 + logn);
    sig[0] = (uint8_t)(0x30 + logn);
    memcpy(sig + 1, k.sm + 2, PQI_FALCON_NONCE);
    memcpy(sig + 1 + PQI_FALCON_NONCE, esig + 1, len - 1);
    return PQI_FALCON_NONCE + len;
}

static pqi_status verify(
    const pqi_sig *alg, pqi_falcon_format format, const uint8_t *sig, size_t len)
{
    const pqi_cspan part = {k.msg, k.msg_len};
    return pqi_falcon_verify(alg, format, (pqi_cspan){k.pk, k.pk_len}, &part, 1,
        (pqi_cspan){sig, len}, (pqi_span){tmp.b, alg->verify_tmp});
}

static void key_codes(unsigned logn)
{
    static int8_t f[1024], g[1024], F[1024], G[1024];
    static uint8_t again[PQI_SIG_MAX_SK];
    static int16_t h[1024];
    assert_int_equal(pqi_falcon_decode_sk(f, g, F, k.sk, logn), PQI_OK);
    assert_int_equal(pqi_falcon_encode_sk(again, f, g, F, logn), PQI_OK);
    assert_memory_equal(again, k.sk, k.sk_len);
    assert_int_equal(pqi_falcon_complete_G(G, f, g, F, logn, tmp.b), PQI_OK);
    assert_int_equal(pqi_falcon_decode_pk(h, k.pk, logn), PQI_OK);
    memset(again, 0, sizeof again);
    pqi_falcon_encode_pk(again, h, logn);
    assert_memory_equal(again, k.pk, k.pk_len);
    /* The NTRU equation over the integers: f G - g F = q. */
    int n = 1 << logn;
    for (int i = 0; i < n; i++) {
        int32_t sum = 0;
        for (int j = 0; j < n; j++) {
            int at = (i - j) & (n - 1), sign = j > i ? -1 : 1;
            sum += sign * (f[j] * G[at] - g[j] * F[at]);
        }
        assert_int_equal(sum, i == 0 ? PQI_FALCON_Q : 0);
    }
}

static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];

static void make_keys(const pqi_sig *alg, const uint8_t seed[48])
{
    assert_int_equal(pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                         (pqi_cspan){seed, 48}, (pqi_span){tmp.b, alg->keygen_tmp}),
        PQI_OK);
}

/* The key pair is the generator's first draw. */
static void key_pair(const pqi_sig *alg)
{
    uint8_t seed[48];
    nist_drbg d;
    nist_drbg_start(&d, k.seed);
    nist_drbg_bytes(&d, seed, sizeof seed);
    make_keys(alg, seed);
    assert_memory_equal(pk, k.pk, k.pk_len);
    assert_memory_equal(sk, k.sk, k.sk_len);
}

/* SHA3-256 over pk || sk || padded signature of the first RUNS counts: the seeds are the draws of a
 * generator whose own seed is 0, 1, ... 47; nonce and sampler seed follow that of the key. The keys
 * equal those of the response files (test round3_*), as do compressed signatures
 * (kat_falcon_sign.c). */
#define RUNS 20u
static void accumulated(const pqi_sig *alg, const char *hex)
{
    nist_drbg all, one;
    uint8_t start[48], seed[48], nonce[PQI_FALCON_NONCE], rng[48], sig[2048], digest[32];
    pqi_xof sum;
    for (uint8_t i = 0; i < 48; i++) {
        start[i] = i;
    }
    nist_drbg_start(&all, start);
    assert_int_equal(pqi_xof_init(&sum, PQI_HASH_SHA3_256), PQI_OK);
    for (unsigned i = 0; i < RUNS; i++) {
        size_t len = 0;
        nist_drbg_bytes(&all, seed, sizeof seed);
        nist_drbg_bytes(&all, k.msg, 33 * (i + 1));
        nist_drbg_start(&one, seed);
        nist_drbg_bytes(&one, seed, sizeof seed);
        nist_drbg_bytes(&one, nonce, sizeof nonce);
        nist_drbg_bytes(&one, rng, sizeof rng);
        make_keys(alg, seed);
        const pqi_cspan part = {k.msg, 33 * (i + 1)};
        assert_int_equal(pqi_falcon_sign_seeded(alg, PQI_FALCON_PADDED, (pqi_span){sig, sizeof sig},
                             &len, (pqi_cspan){sk, alg->sk_len}, &part, 1, nonce, rng,
                             (pqi_span){tmp.b, alg->sign_tmp}),
            PQI_OK);
        assert_int_equal(pqi_falcon_verify(alg, PQI_FALCON_PADDED, (pqi_cspan){pk, alg->pk_len},
                             &part, 1, (pqi_cspan){sig, len}, (pqi_span){tmp.b, alg->verify_tmp}),
            PQI_OK);
        pqi_xof_absorb(&sum, pk, alg->pk_len);
        pqi_xof_absorb(&sum, sk, alg->sk_len);
        pqi_xof_absorb(&sum, sig, len);
    }
    pqi_xof_squeeze(&sum, digest, sizeof digest);
    pqi_assert_hex(digest, sizeof digest, hex);
}

static void accumulated_512(void **state)
{
    (void)state;
    accumulated(
        &pqi_sig_falcon_512, "560f4038b1ea33a3489104c2650d8ea92b0e57922d7e3938811c7dab31e1ed87");
}

static void accumulated_1024(void **state)
{
    (void)state;
    accumulated(
        &pqi_sig_falcon_1024, "cd03756b8bef06ac6c7d640603d101b0d6a5f2db4872607c4af37cd13cd6f603");
}

static void round3(const pqi_sig *alg, unsigned logn, const char *file)
{
    static uint8_t sig[2048];
    FILE *in = open_vectors(file);
    unsigned count = 0;
    for (; next_kat(in); count++) {
        assert_int_equal(k.pk_len, alg->pk_len);
        assert_int_equal(k.sk_len, alg->sk_len);
        key_codes(logn);
        key_pair(alg);
        size_t len = sig_of(sig, logn);
        assert_int_equal(verify(alg, PQI_FALCON_COMPRESSED, sig, len), PQI_OK);
        k.msg[0] ^= 1;
        assert_int_equal(verify(alg, PQI_FALCON_COMPRESSED, sig, len), PQI_ERR_AUTH);
    }
    (void)fclose(in);
    assert_int_equal(count, 100);
}

static void round3_512(void **state)
{
    (void)state;
    round3(&pqi_sig_falcon_512, 9, "falcon512-KAT.rsp");
}

static void round3_1024(void **state)
{
    (void)state;
    round3(&pqi_sig_falcon_1024, 10, "falcon1024-KAT.rsp");
}

/* Count 0 of PQClean's own files in the padded format: sm = signature || msg. */
static void padded(const pqi_sig *alg, const char *file)
{
    uint8_t draw[48], nonce[PQI_FALCON_NONCE], sig[2048];
    size_t len = 0;
    nist_drbg d;
    FILE *in = open_vectors(file);
    assert_true(next_kat(in));
    (void)fclose(in);
    key_pair(alg);
    assert_int_equal(k.sm_len, alg->sig_len + k.msg_len);
    assert_int_equal(verify(alg, PQI_FALCON_PADDED, k.sm, alg->sig_len), PQI_OK);
    nist_drbg_start(&d, k.seed);
    nist_drbg_bytes(&d, draw, sizeof draw);
    nist_drbg_bytes(&d, nonce, sizeof nonce);
    nist_drbg_bytes(&d, draw, sizeof draw);
    const pqi_cspan part = {k.msg, k.msg_len};
    assert_int_equal(
        pqi_falcon_sign_seeded(alg, PQI_FALCON_PADDED, (pqi_span){sig, sizeof sig}, &len,
            (pqi_cspan){sk, alg->sk_len}, &part, 1, nonce, draw, (pqi_span){tmp.b, alg->sign_tmp}),
        PQI_OK);
    assert_int_equal(len, alg->sig_len);
    assert_memory_equal(sig, k.sm, len);
}

static void pqclean_padded(void **state)
{
    (void)state;
    padded(&pqi_sig_falcon_512, "pqclean-nistkat-falcon-padded-512.rsp");
    padded(&pqi_sig_falcon_1024, "pqclean-nistkat-falcon-padded-1024.rsp");
}

/* Padded signatures of another implementation; each stays valid alone and fails with any one bit of
 * it inverted. */
static void bit_flips(void **state)
{
    (void)state;
    FILE *in = open_vectors("falcon-verify-pornin.json");
    unsigned count = 0;
    size_t len = 0;
    for (; next_hex(in, "\"pk\": \"", k.pk, sizeof k.pk, &k.pk_len); count++) {
        const pqi_sig *alg =
            k.pk_len == PQI_FALCON512_PK ? &pqi_sig_falcon_512_verify : &pqi_sig_falcon_1024_verify;
        assert_true(next_hex(in, "\"msg\": \"", k.msg, sizeof k.msg, &k.msg_len));
        assert_true(next_hex(in, "\"sig\": \"", k.sm, sizeof k.sm, &len));
        assert_int_equal(verify(alg, PQI_FALCON_PADDED, k.sm, len), PQI_OK);
        assert_int_equal(verify(alg, PQI_FALCON_COMPRESSED, k.sm, len), PQI_ERR_AUTH);
        assert_int_equal(verify(alg, PQI_FALCON_CT, k.sm, len), PQI_ERR_AUTH);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            k.sm[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_int_equal(verify(alg, PQI_FALCON_PADDED, k.sm, len), PQI_ERR_AUTH);
            k.sm[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        k.msg[0] ^= 1;
        assert_int_equal(verify(alg, PQI_FALCON_PADDED, k.sm, len), PQI_ERR_AUTH);
    }
    (void)fclose(in);
    assert_int_equal(count, 10);
}

PQI_TEST_MAIN(cmocka_unit_test(accumulated_512), cmocka_unit_test(accumulated_1024),
    cmocka_unit_test(round3_512), cmocka_unit_test(round3_1024), cmocka_unit_test(bit_flips),
    cmocka_unit_test(pqclean_padded))
