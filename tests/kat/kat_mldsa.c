/* SPDX-License-Identifier: Apache-2.0
 * Known answers of ML-DSA: digests over many random runs (C2SP CCTV, ML-DSA/accumulated; 10000 runs
 * where PQI_SLOW is defined, else 100), and signatures that need many or special rejections (NIST
 * ACVP, ML-DSA specification, known answer tests of Sign_internal). */
#include "pqi_test.h"

#include "kat/digests.h"
#include "prim/mldsa/round.h"

#include <openssl/evp.h>
#include <pqi/mldsa.h>

static union {
    uint64_t align;
    uint8_t b[100000];
} tmp;

static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sig[PQI_SIG_MAX_SIG];

static const uint8_t zero[32];

static pqi_status make_key(const pqi_sig *alg, const uint8_t seed[32])
{
    return pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
        (pqi_cspan){seed, 32}, (pqi_span){tmp.b, sizeof tmp.b});
}

static void from_hex(uint8_t *out, const char *hex, size_t len)
{
    assert_int_equal(strlen(hex), 2 * len);
    for (size_t i = 0; i < len; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        char *end;
        out[i] = (uint8_t)strtoul(digits, &end, 16);
        assert_ptr_equal(end, digits + 2);
    }
}

#if defined(PQI_SLOW)
#define RUNS   10000u
#define DIGEST hash10000
#else
#define RUNS   100u
#define DIGEST hash100
#endif

/* Seeds come from one SHAKE128; public keys and deterministic signatures of the empty message go
 * into another. */
static void accumulated(const pqi_sig *alg, const pqi_kat_sum *known)
{
    const pqi_span room = {tmp.b, sizeof tmp.b};
    const pqi_cspan none = {NULL, 0};
    uint8_t seed[32], digest[32], want[32];
    pqi_xof in, out;
    assert_int_equal(pqi_xof_init(&in, PQI_HASH_SHAKE128), PQI_OK);
    assert_int_equal(pqi_xof_init(&out, PQI_HASH_SHAKE128), PQI_OK);
    for (unsigned i = 0; i < RUNS; i++) {
        size_t len;
        pqi_xof_squeeze(&in, seed, sizeof seed);
        assert_int_equal(make_key(alg, seed), PQI_OK);
        assert_int_equal(
            pqi_sig_sign(alg, (pqi_span){sig, sizeof sig}, &len, (pqi_cspan){sk, alg->sk_len}, none,
                NULL, 0, (pqi_cspan){zero, 32}, room),
            PQI_OK);
        assert_int_equal(pqi_sig_verify(alg, (pqi_cspan){pk, alg->pk_len}, none, NULL, 0,
                             (pqi_cspan){sig, len}, room),
            PQI_OK);
        pqi_xof_absorb(&out, pk, alg->pk_len);
        pqi_xof_absorb(&out, sig, len);
    }
    pqi_xof_squeeze(&out, digest, sizeof digest);
    assert_int_equal(known->id, alg->id);
    from_hex(want, known->DIGEST, sizeof want);
    assert_memory_equal(digest, want, sizeof want);
}

static void accumulated_44(void **state)
{
    (void)state;
    accumulated(&pqi_sig_ml_dsa_44, &pqi_kat_sig_sums[0]);
}

static void accumulated_65(void **state)
{
    (void)state;
    accumulated(&pqi_sig_ml_dsa_65, &pqi_kat_sig_sums[1]);
}

static void accumulated_87(void **state)
{
    (void)state;
    accumulated(&pqi_sig_ml_dsa_87, &pqi_kat_sig_sums[2]);
}

#if defined(PQI_SLOW)
static void number(pqi_xof *x, int32_t v)
{
    char line[16];
    int n = snprintf(line, sizeof line, "%d\n", (int)v);
    pqi_xof_absorb(x, line, (size_t)n);
}

static int32_t centred(int32_t v)
{
    return v > (int32_t)(PQI_MLDSA_Q / 2) ? v - (int32_t)PQI_MLDSA_Q : v;
}

static void rounding_lines(pqi_xof *x, uint32_t r, int32_t gamma2)
{
    int32_t r0;
    number(x, (int32_t)pqi_mldsa_decompose(&r0, r, gamma2));
    number(x, (int32_t)pqi_mldsa_use_hint(1, r, gamma2));
    number(x, r0);
    number(x, abs(r0));
}

/* Rounding of every field element, in the text form of C2SP CCTV. */
static void field_digest(void **state)
{
    (void)state;
    uint8_t digest[32], want[32];
    pqi_xof x;
    assert_int_equal(pqi_xof_init(&x, PQI_HASH_SHAKE128), PQI_OK);
    for (uint32_t r = 0; r < PQI_MLDSA_Q; r++) {
        int32_t c = centred((int32_t)r), r0;
        number(&x, c);
        number(&x, abs(c));
        number(&x, (int32_t)pqi_mldsa_power2round(&r0, r));
        number(&x, r0 < 0 ? r0 + (int32_t)PQI_MLDSA_Q : r0);
        rounding_lines(&x, r, PQI_MLDSA_GAMMA2_88);
        rounding_lines(&x, r, PQI_MLDSA_GAMMA2_32);
    }
    pqi_xof_squeeze(&x, digest, sizeof digest);
    from_hex(want, "f930663417278156ab05d940294a77210a809c924d8ab63ec72f4526247602c7", 32);
    assert_memory_equal(digest, want, sizeof want);
}

PQI_TEST_MAIN(cmocka_unit_test(field_digest), cmocka_unit_test(accumulated_44),
    cmocka_unit_test(accumulated_65), cmocka_unit_test(accumulated_87))

#else /* the quick program */

/* SHA-256 of pk || sk and of the signature. */
/* clang-format off */
static const struct {
    const pqi_sig *alg;
    const char *seed, *message, *key_hash, *sig_hash;
} rejections[] = {
    {&pqi_sig_ml_dsa_44,
        "5c624fcc1862452452d0c665840d8237f43108e5499edcdc108fbc49d596e4b7",
        "951fdf5473a4cba6d9e5b5db7e79fb8173921ba5b13e9271401b8f907b8b7d5b",
        "ac825c59d8a4c453a2c4efea8395741ca404f3000e28d56b25d03bb402e5cb2f",
        "dcc71a421bc6ffafb7df0c7f6d018a19ada154d1e2ee360ed533cecd5dc980ad"},
    {&pqi_sig_ml_dsa_44,
        "9c005f1550b4f31855c6b92f978736733f37791cb39dd182d7ba5732bdc2483e",
        "b744343f30f7fee088998ba574e799f1bf3939c06c29bf9ac10f3588a57e21e2",
        "2485aa99345f1b334d4d94b610fbffccb626cbfd4e9ff0e1f6fc35093c423544",
        "5b80a60baa480b9d0c7d2c05b50928c4bf6808dda693642058a3eb77eaa768fc"},
    {&pqi_sig_ml_dsa_44,
        "cfc73d07a883543a804f770070861825143a62f2f97d05fce00fd8b25d29a43f",
        "0960c13e9ba467a938450120cc96ff6f04b7e557c99a838619a48f9a38738ab8",
        "89142ab26d6eb6c01fa3f189a9c877597740d685983f29bbdd3596648266ae0e",
        "b6296fff0c1f23de4906d58144b00a2db13ad25e49b4b8573a62efeecb544dd7"},
    {&pqi_sig_ml_dsa_65,
        "ccd619172d0978fdb584d433cb5a044c8d24592dad4d1e57ecf1fd62c40a309b",
        "8a32d4b5d3c8537aa9c7c952f63959c66162a68d5f3d02e6c5f96e2cea41d2ef",
        "756c734db013f83e295f2878b32f16335d576249b16d83afede1f5d4cc36d24f",
        "958287f1646d855bb065895a6c6da3df6a3f7ab2a430c9dc559d313e7dd0a527"},
    {&pqi_sig_ml_dsa_65,
        "f215ba2280d86f142012fc05ffc04f2c7d22ff5dd7d69aa0efb081e3a53e9318",
        "a4fadc3c232f2abc8fcbb9c111f261e03dc2ff2d57280a4242936a63e481afe6",
        "17fbd1d17daacea7a2f6da1f22835e8630e8ae8ef1a66e8b7935cc6cc762532d",
        "c027d21b21fa75abe7f35cd84a54e2e83bd352140bc8c49eab2c45004e7268a7"},
    {&pqi_sig_ml_dsa_65,
        "f3a3f2c3263a704295e9d9f73cd97d02f4682bee5949c416bc42c85b7c864446",
        "1c00f3e4cf07bd4fb797d68376eec53701730c4909ec404fc93a6b7f597f81b5",
        "997cee995eece2528155e1ae0095116c6d97b1508b76ad25bae4adf6b60ae6a2",
        "006b205bfa8dff6c2aa4237a6bb5a33dbd1b3d9713b99a9d5af9a882cd0ba1e0"},
    {&pqi_sig_ml_dsa_87,
        "5ac68a4171730b1e920cc3e7cc4aca79c25a36210057373b6bcebcdfa144ce18",
        "172f6d49af757918823a75e981d605ddaf74bf21009ac836d8b4c0aabb49c14c",
        "2446ab05eec3977c40650338983eebf78942ac31f5e944543e87dbac0a4889c1",
        "3784755ac5a2d5720623e504707c308861ef4177a6460fbeb4db257aaa245b55"},
    {&pqi_sig_ml_dsa_87,
        "51df520b9084e48b72eaeba7fe36b54005cd963b58cc25de79339948fd561065",
        "28efcad1c1b528e0e46cb25d28fa21dba893010b3c741d731460988b66985d78",
        "3ecf7f6a8938729118cc21a15b2b59337b24fd3438fb132d0162e53c28cb374c",
        "02fa4cf7bf7f5bd13874c77b30daf708baa3e2c097d4298bf242a07bf68d7ad6"},
    {&pqi_sig_ml_dsa_87,
        "771e95434e41029193d076b806f2c3c22a7f2060287791e70f105ecaeab7ad69",
        "c367382d0e3fee86d29bab0ee5fd6ae91b3a5a7017a024cf145a25f56a62b0b1",
        "c56a924bf6b046da3cacc10b72749ecf54266b38a7e3d5c581d0a44f1f3995d8",
        "4996f7743e90daeb61b5ff86a868c9e5195f201c4e5f5a75f4c79031aaa6c544"},
};
/* clang-format on */

static void sha256_is(const char *hex, pqi_cspan a, pqi_cspan b)
{
    uint8_t digest[32], want[32];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_non_null(ctx);
    assert_int_equal(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
    assert_int_equal(EVP_DigestUpdate(ctx, a.ptr, a.len), 1);
    assert_int_equal(EVP_DigestUpdate(ctx, b.ptr, b.len), 1);
    assert_int_equal(EVP_DigestFinal_ex(ctx, digest, NULL), 1);
    EVP_MD_CTX_free(ctx);
    from_hex(want, hex, sizeof want);
    assert_memory_equal(digest, want, sizeof want);
}

static void rejection_loop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rejections / sizeof rejections[0]; i++) {
        const pqi_sig *alg = rejections[i].alg;
        const pqi_span room = {tmp.b, sizeof tmp.b};
        uint8_t seed[32], message[32];
        const pqi_cspan part = {message, sizeof message};
        size_t len;
        from_hex(seed, rejections[i].seed, sizeof seed);
        from_hex(message, rejections[i].message, sizeof message);
        assert_int_equal(make_key(alg, seed), PQI_OK);
        sha256_is(
            rejections[i].key_hash, (pqi_cspan){pk, alg->pk_len}, (pqi_cspan){sk, alg->sk_len});
        assert_int_equal(pqi_mldsa_sign_internal(alg, (pqi_span){sig, sizeof sig}, &len,
                             (pqi_cspan){sk, alg->sk_len}, &part, 1, (pqi_cspan){zero, 32}, room),
            PQI_OK);
        sha256_is(rejections[i].sig_hash, (pqi_cspan){sig, len}, (pqi_cspan){NULL, 0});
        assert_int_equal(pqi_mldsa_verify_internal(alg, (pqi_cspan){pk, alg->pk_len}, &part, 1,
                             (pqi_cspan){sig, len}, room),
            PQI_OK);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(accumulated_44), cmocka_unit_test(accumulated_65),
    cmocka_unit_test(accumulated_87), cmocka_unit_test(rejection_loop))
#endif
