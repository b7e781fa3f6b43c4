/* SPDX-License-Identifier: Apache-2.0
 * The microcontroller set as a whole: what a table has, the tables a firmware writes, the self test,
 * boxes that cross to the OpenSSL back end and back, and RFC 8032. The known answers of
 * test_classic_openssl.c run on it as unit_classic_mcu_kat. */
#include "pqi_hex.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>
#include <pqi/selftest.h>
#include <pqi/suite.h>

static pqi_classic mcu;
static _Alignas(8) uint8_t tmp_bytes[131072];
static const pqi_span tmp = {tmp_bytes, sizeof tmp_bytes};

static pqi_status system_random(uint8_t *out, size_t len)
{
    return pqi_classic_openssl.random(out, len);
}

static int setup(void **state)
{
    (void)state;
    memset(&mcu, 0x5a, sizeof mcu);
    pqi_classic_mcu(&mcu, system_random);
    return 0;
}

static void table(void **state)
{
    (void)state;
    assert_int_equal(pqi_classic_check(&mcu), PQI_OK);
    assert_ptr_equal(mcu.random, system_random);
    assert_string_equal(mcu.name, "mcu");
    uint8_t out[PQI_HASH_MAX];
    const pqi_cspan none = {NULL, 0};
    memset(out, 0x5a, sizeof out);
    for (int id = -1; id <= 13; id++) { /* SHA-224 and the truncated ones are not in the set */
        pqi_status want =
            id >= PQI_HASH_SHA256 && id <= PQI_HASH_SHA512 ? PQI_OK : PQI_ERR_UNSUPPORTED;
        assert_int_equal(mcu.hash((pqi_hash_id)id, NULL, 0, out), want);
        assert_int_equal(mcu.hmac((pqi_hash_id)id, none, NULL, 0, out), want);
    }
    assert_int_equal(mcu.hash(PQI_HASH_INT32_, NULL, 0, out), PQI_ERR_UNSUPPORTED);
}

static void self_test(void **state)
{
    (void)state;
    pqi_algs a;
    unsigned failed = 99;
    pqi_algs_all(&a, &mcu);
    assert_int_equal(pqi_selftest(&a, &failed, tmp), PQI_OK);
    assert_int_equal(failed, pqi_selftest_count(&a));
    for (unsigned i = 0; i < failed; i++) {
        assert_int_equal(pqi_selftest_one(&a, i, tmp), PQI_OK);
    }
}

/* A firmware with suite 0x0002 alone: passes its self test, and refuses what it does not have. */
static void small_table(void **state)
{
    (void)state;
    static const pqi_classic small = PQI_CLASSIC_MCU_SUITES_1_2(system_random);
    static const pqi_suite *const suites[] = {&pqi_suite_0002};
    static const pqi_kem *const kems[] = {&pqi_kem_ml_kem_768};
    pqi_algs a = {.classic = &small, .suites = suites, .n_suites = 1, .kems = kems, .n_kems = 1};
    assert_int_equal(pqi_classic_check(&small), PQI_OK);
    assert_int_equal(pqi_selftest(&a, NULL, tmp), PQI_OK);
    static const pqi_suite *const more[] = {&pqi_suite_0002, &pqi_suite_0004};
    a.suites = more; /* SHA-384 is missing now, and that must be seen */
    a.n_suites = 2;
    assert_int_equal(pqi_selftest(&a, NULL, tmp), PQI_ERR_SELFTEST);
    uint8_t pk[32], sig[64], zero[64] = {0}, out[64];
    const pqi_cspan none = {NULL, 0};
    memset(pk, 0x5a, sizeof pk);
    memset(sig, 0x5a, sizeof sig);
    assert_int_equal(small.ed25519_public(pk, zero), PQI_ERR_UNSUPPORTED);
    assert_int_equal(small.ed25519_sign(sig, zero, none), PQI_ERR_UNSUPPORTED);
    assert_int_equal(small.ed25519_verify(pk, none, sig), PQI_ERR_UNSUPPORTED);
    assert_memory_equal(pk, zero, sizeof pk);
    assert_memory_equal(sig, zero, sizeof sig);
    for (int id = 0; id < 4; id++) {
        pqi_status want = id == PQI_HASH_SHA256 ? PQI_OK : PQI_ERR_UNSUPPORTED;
        assert_int_equal(small.hash((pqi_hash_id)id, NULL, 0, out), want);
        assert_int_equal(small.hmac((pqi_hash_id)id, none, NULL, 0, out), want);
    }
}

/* Each AEAD refuses the ids of the others, and zeroes its output. */
static void aead_entries(void **state)
{
    (void)state;
    typedef pqi_status (*entry)(const pqi_aead_key *, pqi_cspan, pqi_cspan, pqi_span);
    static const entry entries[] = {pqi_mcu_gcm_seal, pqi_mcu_gcm_open, pqi_mcu_chacha_seal,
        pqi_mcu_chacha_open, pqi_mcu_ccm_seal, pqi_mcu_ccm_open, pqi_mcu_gcm_siv_seal,
        pqi_mcu_gcm_siv_open};
    static const uint8_t key[32], zero[16];
    const pqi_cspan none = {NULL, 0};
    for (size_t e = 0; e < sizeof entries / sizeof entries[0]; e++) {
        for (int id = 0; id <= 6; id++) {
            int ccm = id == PQI_AEAD_AES_128_CCM_8 || id == PQI_AEAD_AES_128_CCM_16;
            int own = e < 2   ? id == PQI_AEAD_AES_256_GCM
                      : e < 4 ? id == PQI_AEAD_CHACHA20_POLY1305
                      : e < 6 ? ccm
                              : id == PQI_AEAD_AES_256_GCM_SIV;
            const pqi_aead_key k = {(pqi_aead_id)id, {key, ccm ? 16 : 32}, {key, ccm ? 13 : 12}};
            size_t tag = id == PQI_AEAD_AES_128_CCM_8 ? 8 : 16;
            uint8_t out[16];
            memset(out, 0x5a, sizeof out);
            int seal = e % 2 == 0;
            pqi_status want = !own ? PQI_ERR_UNSUPPORTED : seal ? PQI_OK : PQI_ERR_AUTH;
            pqi_status got = seal
                                 ? entries[e](&k, none, none, (pqi_span){out, tag})
                                 : entries[e](&k, none, (pqi_cspan){zero, tag}, (pqi_span){out, 0});
            assert_int_equal(got, want);
            if (seal && !own) {
                assert_memory_equal(out, zero, tag);
            }
        }
    }
}

/* ---- crossing ---------------------------------------------------------------------------- */

/* Keys and coins are fixed, so that both back ends must make the same box. */
static void one_box(const pqi_suite *s, const pqi_algs *from, const pqi_algs *to)
{
    static uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], capsule[PQI_KEM_MAX_CT + 32];
    static const uint8_t seed[PQI_KEM_MAX_SEED] = {7};
    uint8_t x_sk[32] = {9}, x_pk[32], coins[64] = {3}, ct[20 + PQI_AEAD_TAG], plain[20], b1[48],
            b2[48];
    const pqi_box_ctx cx = {
        {PQI_LIT("salt")}, {PQI_LIT("info")}, {PQI_LIT("pre")}, {PQI_LIT("post")}};
    const pqi_cspan text = {PQI_LIT("twenty bytes of text")};
    assert_int_equal(from->classic->x25519_public(x_pk, x_sk), PQI_OK);
    assert_int_equal(
        pqi_kem_keygen(s->kem, (pqi_span){kem_pk, s->kem->pk_len},
            (pqi_span){kem_sk, s->kem->sk_len}, (pqi_cspan){seed, s->kem->seed_len}, tmp),
        PQI_OK);
    const pqi_box_peer peer = {{kem_pk, s->kem->pk_len}, {x_pk, 32}};
    const pqi_box_secret sk = {{kem_sk, s->kem->sk_len}, {x_sk, 32}, peer};
    size_t n = pqi_box_capsule_len(s);
    assert_int_equal(pqi_box_seal(from, s, &peer, &cx, (pqi_cspan){coins, 64}, text,
                         (pqi_span){capsule, n}, (pqi_span){ct, sizeof ct}, b1, tmp),
        PQI_OK);
    assert_int_equal(pqi_box_bind(to, s, &peer, &cx, (pqi_cspan){capsule, n}, b2), PQI_OK);
    assert_memory_equal(b1, b2, pqi_hash_len(s->hash));
    assert_int_equal(pqi_box_open(to, s, &sk, &cx, (pqi_cspan){capsule, n},
                         (pqi_cspan){ct, sizeof ct}, (pqi_span){plain, 20}, tmp),
        PQI_OK);
    assert_memory_equal(plain, text.ptr, 20);
    ct[19] ^= 1;
    assert_int_equal(pqi_box_open(to, s, &sk, &cx, (pqi_cspan){capsule, n},
                         (pqi_cspan){ct, sizeof ct}, (pqi_span){plain, 20}, tmp),
        PQI_ERR_AUTH);
}

static void boxes_cross(void **state)
{
    (void)state;
    pqi_algs own, host;
    pqi_algs_all(&own, &mcu);
    pqi_algs_all(&host, &pqi_classic_openssl);
    for (size_t i = 0; i < own.n_suites; i++) {
        one_box(own.suites[i], &own, &host);
        one_box(own.suites[i], &host, &own);
        one_box(own.suites[i], &own, &own);
    }
}

/* ---- RFC 8032 section 7.1 ----------------------------------------------------------------- */

static void rfc8032(void **state)
{
    (void)state;
    static const struct {
        const char *seed, *pk, *msg, *sig;
    } t[] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39"
            "7"
            "01cf9b46bd25bf5f0595bbe24655141438e7a100b"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f36"
            "1"
            "3d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f7"
            "6"
            "0984dc6594a7c15e9716ed28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        uint8_t seed[32], pk[32], msg[2], sig[64];
        (void)pqi_unhex(seed, 32, t[i].seed);
        const pqi_cspan m = {msg, pqi_unhex(msg, 2, t[i].msg)};
        assert_int_equal(mcu.ed25519_public(pk, seed), PQI_OK);
        pqi_assert_hex(pk, 32, t[i].pk);
        assert_int_equal(mcu.ed25519_sign(sig, seed, m), PQI_OK);
        pqi_assert_hex(sig, 64, t[i].sig);
        assert_int_equal(mcu.ed25519_verify(pk, m, sig), PQI_OK);
    }
}

PQI_TEST_MAIN(cmocka_unit_test_setup(table, setup), cmocka_unit_test_setup(self_test, setup),
    cmocka_unit_test_setup(small_table, setup), cmocka_unit_test_setup(aead_entries, setup),
    cmocka_unit_test_setup(boxes_cross, setup), cmocka_unit_test_setup(rfc8032, setup))
