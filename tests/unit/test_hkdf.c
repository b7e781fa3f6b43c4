/* SPDX-License-Identifier: Apache-2.0
 * HKDF against RFC 5869 Appendix A, its bounds and its failures. */
#include "pqi_hex.h"

#include <pqi/host.h>

static pqi_status failing_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    (void)id;
    (void)key;
    (void)parts;
    (void)n_parts;
    memset(out, 0xee, 32);
    return PQI_ERR_PROVIDER;
}

static void run(const char *ikm, const char *salt, const char *info, const char *prk_hex,
    const char *okm_hex, size_t split)
{
    uint8_t b[3][80], prk[32], okm[82];
    pqi_cspan ikm_s = {b[0], pqi_unhex(b[0], 80, ikm)};
    pqi_cspan salt_s = {b[1], pqi_unhex(b[1], 80, salt)};
    size_t info_len = pqi_unhex(b[2], 80, info);
    size_t n = strlen(okm_hex) / 2;
    assert_int_equal(
        pqi_hkdf_extract(&pqi_classic_openssl, PQI_HASH_SHA256, salt_s, &ikm_s, 1, prk), PQI_OK);
    pqi_assert_hex(prk, 32, prk_hex);
    split = split < info_len ? split : info_len;
    const pqi_cspan parts[2] = {{b[2], split}, {b[2] + split, info_len - split}};
    assert_int_equal(pqi_hkdf_expand(&pqi_classic_openssl, PQI_HASH_SHA256, (pqi_cspan){prk, 32},
                         parts, 2, (pqi_span){okm, n}),
        PQI_OK);
    pqi_assert_hex(okm, n, okm_hex);
}

static void rfc5869_vectors(void **state)
{
    (void)state;
    for (size_t split = 0; split < 12; split += 5) {
        run("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            split);
    }
    run("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8", 0);
}

static void bounds(void **state)
{
    (void)state;
    static uint8_t out[255 * 32 + 1];
    const uint8_t prk[32] = {1};
    const pqi_cspan k = {prk, 32};
    const pqi_classic *c = &pqi_classic_openssl;
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA256, k, NULL, 0, (pqi_span){out, sizeof out - 1}), PQI_OK);
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA256, k, NULL, 0, (pqi_span){out, sizeof out}), PQI_ERR_ARG);
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA3_256, k, NULL, 0, (pqi_span){out, 1}), PQI_ERR_ARG);
    pqi_cspan many[9] = {{NULL, 0}};
    assert_int_equal(pqi_hkdf_expand(c, PQI_HASH_SHA512, k, many, 8, (pqi_span){out, 64}), PQI_OK);
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA512, k, many, 9, (pqi_span){out, 64}), PQI_ERR_ARG);
    assert_int_equal(pqi_hkdf_extract(c, PQI_HASH_NONE, k, &k, 1, out), PQI_ERR_ARG);
    assert_int_equal(pqi_hkdf_extract(NULL, PQI_HASH_SHA256, k, &k, 1, out), PQI_ERR_ARG);
}

static void a_failing_backend_leaves_zeros(void **state)
{
    (void)state;
    pqi_classic c = pqi_classic_openssl;
    c.hmac = failing_hmac;
    uint8_t out[64], zero[64] = {0};
    const pqi_cspan k = {zero, 32};
    memset(out, 0x5a, sizeof out);
    assert_int_equal(pqi_hkdf_extract(&c, PQI_HASH_SHA256, k, &k, 1, out), PQI_ERR_PROVIDER);
    assert_memory_equal(out, zero, 32);
    memset(out, 0x5a, sizeof out);
    assert_int_equal(pqi_hkdf_expand(&c, PQI_HASH_SHA256, k, &k, 1, (pqi_span){out, sizeof out}),
        PQI_ERR_PROVIDER);
    assert_memory_equal(out, zero, sizeof out);
}

static void the_table_is_checked(void **state)
{
    (void)state;
    assert_int_equal(pqi_classic_check(&pqi_classic_openssl), PQI_OK);
    assert_int_equal(pqi_classic_check(NULL), PQI_ERR_UNSUPPORTED);
    pqi_classic c = pqi_classic_openssl;
    c.abi++;
    assert_int_equal(pqi_classic_check(&c), PQI_ERR_UNSUPPORTED);
    c = pqi_classic_openssl;
    c.aead_open = NULL;
    assert_int_equal(pqi_classic_check(&c), PQI_ERR_UNSUPPORTED);
}

PQI_TEST_MAIN(cmocka_unit_test(rfc5869_vectors), cmocka_unit_test(bounds),
    cmocka_unit_test(a_failing_backend_leaves_zeros), cmocka_unit_test(the_table_is_checked))
