/* SPDX-License-Identifier: Apache-2.0
 * X-Wing: the first test vector of the draft, round trips, implicit rejection, low order, and every
 * way to call it wrongly. `pqi vectors` runs all vectors of the draft. */
#include "pqi_hex.h"

#include <pqi/classic_mcu.h>
#include <pqi/hash.h>
#include <pqi/host.h>
#include <pqi/xwing.h>

#include <stdalign.h>

static alignas(8) uint8_t tmp_bytes[16384];
static uint8_t pk[PQI_XWING_PK], ct[PQI_XWING_CT], ss[PQI_XWING_SS];
static uint8_t sk[PQI_XWING_SK], coins[PQI_XWING_COINS];

static const pqi_xwing xwing = {&pqi_kem_ml_kem_768, &pqi_classic_openssl};

static pqi_span tmp_of(void)
{
    return (pqi_span){tmp_bytes, pqi_xwing_tmp_len(&xwing)};
}

static pqi_status keygen(const pqi_xwing *x)
{
    return pqi_xwing_keygen(x, (pqi_span){pk, sizeof pk}, (pqi_cspan){sk, sizeof sk}, tmp_of());
}

static pqi_status encaps(const pqi_xwing *x)
{
    return pqi_xwing_encaps(x, (pqi_span){ct, sizeof ct}, (pqi_span){ss, sizeof ss},
        (pqi_cspan){pk, sizeof pk}, (pqi_cspan){coins, sizeof coins}, tmp_of());
}

static pqi_status decaps(const pqi_xwing *x, uint8_t out[PQI_XWING_SS])
{
    return pqi_xwing_decaps(x, (pqi_span){out, PQI_XWING_SS}, (pqi_cspan){ct, sizeof ct},
        (pqi_cspan){sk, sizeof sk}, tmp_of());
}

static int is_zero(const uint8_t *p, size_t n)
{
    uint8_t d = 0;
    for (size_t i = 0; i < n; i++) {
        d |= p[i];
    }
    return d == 0;
}

static int fresh(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sk; i++) {
        sk[i] = (uint8_t)(i * 7 + 1);
    }
    for (size_t i = 0; i < sizeof coins; i++) {
        coins[i] = (uint8_t)(i * 11 + 3);
    }
    memset(tmp_bytes, 0xa5, sizeof tmp_bytes);
    return keygen(&xwing) != PQI_OK || encaps(&xwing) != PQI_OK;
}

static void the_draft(void **state)
{
    (void)state;
    uint8_t md[32], got[PQI_XWING_SS];
    const pqi_cspan key = {pk, sizeof pk}, sent = {ct, sizeof ct};
    pqi_unhex(sk, sizeof sk, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    pqi_unhex(coins, sizeof coins,
        "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2"
        "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2");
    assert_int_equal(keygen(&xwing), PQI_OK);
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, &key, 1, md, sizeof md), PQI_OK);
    pqi_assert_hex(md, 32, "5121745904643ad9dfacca7869292c19a8a69533b53e60666b7db910b4ad6367");
    assert_int_equal(encaps(&xwing), PQI_OK);
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, &sent, 1, md, sizeof md), PQI_OK);
    pqi_assert_hex(md, 32, "c0abd149f83f45324ac3a7ddc7606c71f257e5ea86113522834a0ee1bcb34e3e");
    pqi_assert_hex(ss, 32, "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384");
    assert_int_equal(decaps(&xwing, got), PQI_OK);
    assert_memory_equal(got, ss, sizeof ss);
}

/* Points of order 1, 2, 4 and 8 and their encodings above p (RFC 7748 section 7). */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/* A firmware's parts give the same. */
static void small_parts(void **state)
{
    (void)state;
    pqi_classic mcu;
    const pqi_xwing x = {&pqi_kem_ml_kem_768_small, &mcu};
    uint8_t pk2[PQI_XWING_PK], ct2[PQI_XWING_CT], got[PQI_XWING_SS];
    pqi_classic_mcu(&mcu, pqi_classic_openssl.random);
    assert_int_equal(pqi_xwing_tmp_len(&x), PQI_XWING_TMP(PQI_ML_KEM_768_SMALL_TMP));
    memcpy(pk2, pk, sizeof pk);
    memcpy(ct2, ct, sizeof ct);
    memcpy(got, ss, sizeof ss);
    assert_int_equal(keygen(&x), PQI_OK);
    assert_int_equal(encaps(&x), PQI_OK);
    assert_memory_equal(pk, pk2, sizeof pk);
    assert_memory_equal(ct, ct2, sizeof ct);
    assert_memory_equal(ss, got, sizeof ss);
    assert_int_equal(decaps(&x, got), PQI_OK);
    assert_memory_equal(ss, got, sizeof ss);
    pqi_unhex(ct + 1088, 32, low_order[2]);
    assert_int_equal(decaps(&x, got), PQI_ERR_AUTH);
}

/* Each half of the ciphertext changes the secret; none is an error. */
static void altered(void **state)
{
    (void)state;
    static const size_t at[] = {0, 543, 1087, 1088, 1118};
    uint8_t got[PQI_XWING_SS];
    assert_int_equal(decaps(&xwing, got), PQI_OK);
    assert_memory_equal(got, ss, sizeof ss);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        ct[at[i]] ^= 2;
        assert_int_equal(decaps(&xwing, got), PQI_OK);
        assert_memory_not_equal(got, ss, sizeof ss);
        ct[at[i]] ^= 2;
    }
}

/* The recipient's X25519 key stands in the combiner: another encoding of the same point is another
 * secret, although the X25519 result is the same. */
static void bound_to_keys(void **state)
{
    (void)state;
    uint8_t first[PQI_XWING_SS];
    memcpy(first, ss, sizeof ss);
    pk[PQI_XWING_PK - 1] ^= 0x80; /* RFC 7748 section 5: the top bit is ignored */
    assert_int_equal(encaps(&xwing), PQI_OK);
    assert_memory_not_equal(first, ss, sizeof ss);
    pk[PQI_XWING_PK - 1] ^= 0x80;
    assert_int_equal(encaps(&xwing), PQI_OK);
    assert_memory_equal(first, ss, sizeof ss);
    uint8_t got[PQI_XWING_SS];
    ct[PQI_XWING_CT - 1] ^= 0x80;
    assert_int_equal(decaps(&xwing, got), PQI_OK);
    assert_memory_not_equal(got, ss, sizeof ss);
}

static void refuses_low_order(void **state)
{
    (void)state;
    uint8_t got[PQI_XWING_SS];
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++) {
        assert_int_equal(fresh(NULL), 0);
        pqi_unhex(ct + 1088, 32, low_order[i]);
        memset(got, 1, sizeof got);
        assert_int_equal(decaps(&xwing, got), PQI_ERR_AUTH);
        assert_true(is_zero(got, sizeof got));
        pqi_unhex(pk + 1184, 32, low_order[i]);
        assert_int_equal(encaps(&xwing), PQI_ERR_AUTH);
        assert_true(is_zero(ct, sizeof ct) && is_zero(ss, sizeof ss));
        assert_true(is_zero(tmp_bytes, pqi_xwing_tmp_len(&xwing)));
    }
}

static void refuses_modulus(void **state)
{
    (void)state;
    pk[0] = pk[1] = 0xff; /* FIPS 203 section 7.2 */
    assert_int_equal(encaps(&xwing), PQI_ERR_DECODE);
    assert_true(is_zero(ct, sizeof ct) && is_zero(ss, sizeof ss));
    assert_true(is_zero(tmp_bytes, pqi_xwing_tmp_len(&xwing)));
}

static void wipes(void **state)
{
    (void)state;
    uint8_t got[PQI_XWING_SS];
    const size_t used = pqi_xwing_tmp_len(&xwing);
    assert_int_equal(used, PQI_XWING_TMP(pqi_kem_ml_kem_768.tmp_len));
    for (int op = 0; op < 3; op++) {
        memset(tmp_bytes, 0xa5, sizeof tmp_bytes);
        assert_int_equal(op == 0   ? keygen(&xwing)
                         : op == 1 ? encaps(&xwing)
                                   : decaps(&xwing, got),
            PQI_OK);
        assert_true(is_zero(tmp_bytes, used));
        for (size_t i = used; i < sizeof tmp_bytes; i++) {
            assert_int_equal(tmp_bytes[i], 0xa5); /* nothing past the documented size */
        }
    }
}

/* Wrong lengths and missing pointers; outputs that are there come back zero. */
static void refuses_lengths(void **state)
{
    (void)state;
    const pqi_span p = {pk, sizeof pk}, c = {ct, sizeof ct}, s = {ss, sizeof ss};
    const pqi_cspan k = {sk, sizeof sk}, e = {coins, sizeof coins};
    const pqi_cspan pc = {pk, sizeof pk}, cc = {ct, sizeof ct};
    for (int d = -1; d <= 1; d += 2) {
        const size_t by = (size_t)d;
        const pqi_span p2 = {pk, p.len - (d < 0)}, c2 = {ct, c.len - (d < 0)};
        assert_int_equal(
            pqi_xwing_keygen(&xwing, p, (pqi_cspan){sk, k.len + by}, tmp_of()), PQI_ERR_ARG);
        assert_int_equal(
            pqi_xwing_encaps(&xwing, c, s, (pqi_cspan){pk, pc.len + by}, e, tmp_of()), PQI_ERR_ARG);
        assert_true(is_zero(ct, sizeof ct) && is_zero(ss, sizeof ss));
        assert_int_equal(
            pqi_xwing_encaps(&xwing, c, s, pc, (pqi_cspan){coins, e.len + by}, tmp_of()),
            PQI_ERR_ARG);
        assert_int_equal(
            pqi_xwing_decaps(&xwing, s, (pqi_cspan){ct, cc.len + by}, k, tmp_of()), PQI_ERR_ARG);
        assert_int_equal(
            pqi_xwing_decaps(&xwing, s, cc, (pqi_cspan){sk, k.len + by}, tmp_of()), PQI_ERR_ARG);
        if (d < 0) {
            assert_int_equal(pqi_xwing_keygen(&xwing, p2, k, tmp_of()), PQI_ERR_ARG);
            assert_int_equal(pqi_xwing_encaps(&xwing, c2, s, pc, e, tmp_of()), PQI_ERR_ARG);
            assert_int_equal(
                pqi_xwing_decaps(&xwing, (pqi_span){ss, s.len - 1}, cc, k, tmp_of()), PQI_ERR_ARG);
        }
    }
    const pqi_span none = {NULL, 0};
    const pqi_cspan cnone = {NULL, 0};
    assert_int_equal(pqi_xwing_keygen(&xwing, none, k, tmp_of()), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_keygen(&xwing, p, cnone, tmp_of()), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_encaps(&xwing, none, s, pc, e, tmp_of()), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_encaps(&xwing, c, none, pc, e, tmp_of()), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_decaps(&xwing, none, cc, k, tmp_of()), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_decaps(&xwing, s, cnone, k, tmp_of()), PQI_ERR_ARG);
}

static void refuses_scratch(void **state)
{
    (void)state;
    const pqi_cspan k = {sk, sizeof sk};
    const pqi_span p = {pk, sizeof pk};
    pqi_span tmp = tmp_of();
    tmp.len--;
    assert_int_equal(pqi_xwing_keygen(&xwing, p, k, tmp), PQI_ERR_SPACE);
    assert_true(is_zero(pk, sizeof pk));
    tmp = (pqi_span){tmp_bytes + 1, sizeof tmp_bytes - 1};
    assert_int_equal(pqi_xwing_keygen(&xwing, p, k, tmp), PQI_ERR_ARG);
    tmp.ptr = NULL;
    assert_int_equal(pqi_xwing_keygen(&xwing, p, k, tmp), PQI_ERR_ARG);
}

static pqi_status fails(uint8_t *out, const uint8_t *in)
{
    (void)out;
    (void)in;
    return PQI_ERR_PROVIDER;
}

static void refuses_parts(void **state)
{
    (void)state;
    uint8_t got[PQI_XWING_SS];
    pqi_classic table = pqi_classic_openssl;
    const pqi_xwing bad[] = {{&pqi_kem_ml_kem_512, &pqi_classic_openssl},
        {&pqi_kem_ml_kem_1024, &pqi_classic_openssl}, {&pqi_kem_ml_kem_768, &table}};
    table.x25519 = NULL;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(keygen(&bad[i]), PQI_ERR_UNSUPPORTED);
        assert_int_equal(encaps(&bad[i]), PQI_ERR_UNSUPPORTED);
        assert_int_equal(decaps(&bad[i], got), PQI_ERR_UNSUPPORTED);
        assert_true(is_zero(got, sizeof got));
    }
    const pqi_xwing none[] = {{NULL, &pqi_classic_openssl}, {&pqi_kem_ml_kem_768, NULL}};
    assert_int_equal(keygen(&none[0]), PQI_ERR_ARG);
    assert_int_equal(keygen(&none[1]), PQI_ERR_ARG);
    assert_int_equal(keygen(NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_tmp_len(NULL), 0);
    /* a table that fails: its status, and nothing comes out */
    table.x25519 = pqi_classic_openssl.x25519;
    table.x25519_public = fails;
    memset(pk, 1, sizeof pk);
    assert_int_equal(keygen(&bad[2]), PQI_ERR_PROVIDER);
    assert_true(is_zero(pk, sizeof pk));
    assert_true(is_zero(tmp_bytes, pqi_xwing_tmp_len(&xwing)));
}

static pqi_status other_public(uint8_t *out, const uint8_t *in)
{
    pqi_status st = pqi_classic_openssl.x25519_public(out, in);
    out[0] ^= 1;
    return st;
}

static void self_test(void **state)
{
    (void)state;
    const size_t need = pqi_xwing_selftest_tmp_len(&xwing);
    pqi_classic table = pqi_classic_openssl;
    const pqi_xwing wrong = {&pqi_kem_ml_kem_768, &table};
    table.x25519_public = other_public;
    assert_in_range(need, 1, sizeof tmp_bytes);
    assert_int_equal(pqi_xwing_selftest(&xwing, (pqi_span){tmp_bytes, need}), PQI_OK);
    assert_int_equal(pqi_xwing_selftest(&xwing, (pqi_span){tmp_bytes, need - 1}), PQI_ERR_SPACE);
    assert_int_equal(pqi_xwing_selftest(NULL, (pqi_span){tmp_bytes, need}), PQI_ERR_ARG);
    assert_int_equal(pqi_xwing_selftest(&wrong, (pqi_span){tmp_bytes, need}), PQI_ERR_SELFTEST);
}

PQI_TEST_MAIN(cmocka_unit_test_setup(the_draft, fresh), cmocka_unit_test_setup(small_parts, fresh),
    cmocka_unit_test_setup(altered, fresh), cmocka_unit_test_setup(bound_to_keys, fresh),
    cmocka_unit_test(refuses_low_order), cmocka_unit_test_setup(refuses_modulus, fresh),
    cmocka_unit_test_setup(wipes, fresh), cmocka_unit_test_setup(refuses_lengths, fresh),
    cmocka_unit_test_setup(refuses_scratch, fresh), cmocka_unit_test_setup(refuses_parts, fresh),
    cmocka_unit_test(self_test))
