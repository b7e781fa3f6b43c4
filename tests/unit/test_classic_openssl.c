/* SPDX-License-Identifier: Apache-2.0
 * The OpenSSL back end against FIPS 180-4 examples, RFC 4231, 7748, 8032, 8439, 3610 and CAVP. */
#include "pqi_hex.h"

#include <pqi/host.h>

#include <openssl/err.h>

static const pqi_classic *const c = &pqi_classic_openssl;

static void hashes(void **state)
{
    (void)state;
    static const struct {
        pqi_hash_id id;
        size_t len;
        const char *digest; /* of "abc" */
    } t[] = {
        {PQI_HASH_SHA224, 28, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
        {PQI_HASH_SHA256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {PQI_HASH_SHA384, 48,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358bae"
            "ca134c825a7"},
        {PQI_HASH_SHA512, 64,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3"
            "c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        {PQI_HASH_SHA512_224, 28, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"},
        {PQI_HASH_SHA512_256, 32,
            "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
    };
    const pqi_cspan parts[] = {{PQI_LIT("a")}, {NULL, 0}, {PQI_LIT("bc")}};
    for (size_t round = 0; round < 2; round++) { /* the second one reuses the contexts */
        for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
            uint8_t out[PQI_HASH_MAX + 1];
            out[t[i].len] = 0x5a;
            if (strcmp(c->name, "mcu") == 0 && t[i].id > PQI_HASH_SHA512) {
                assert_int_equal(c->hash(t[i].id, parts, 3, out), PQI_ERR_UNSUPPORTED);
                continue;
            }
            assert_int_equal(c->hash(t[i].id, parts, 3, out), PQI_OK);
            pqi_assert_hex(out, t[i].len, t[i].digest);
            assert_int_equal(out[t[i].len], 0x5a);
        }
    }
    uint8_t out[PQI_HASH_MAX];
    assert_int_equal(c->hash(PQI_HASH_SHA3_256, parts, 3, out), PQI_ERR_UNSUPPORTED);
    assert_int_equal(c->hash(PQI_HASH_NONE, parts, 3, out), PQI_ERR_UNSUPPORTED);
    assert_int_equal(c->hash(PQI_HASH_INT32_, parts, 3, out), PQI_ERR_UNSUPPORTED);
}

/* RFC 4231 sections 4.3 and 4.7: a short key and one longer than the block. */
static void hmacs(void **state)
{
    (void)state;
    uint8_t out[PQI_HASH_MAX], key[131];
    const pqi_cspan jefe = {PQI_LIT("Jefe")};
    const pqi_cspan msg[] = {{PQI_LIT("what do ya want ")}, {PQI_LIT("for nothing?")}};
    assert_int_equal(c->hmac(PQI_HASH_SHA256, jefe, msg, 2, out), PQI_OK);
    pqi_assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(c->hmac(PQI_HASH_SHA384, jefe, msg, 2, out), PQI_OK);
    pqi_assert_hex(out, 48,
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfa"
        "b21649");
    memset(key, 0xaa, sizeof key);
    const pqi_cspan big = {PQI_LIT("Test Using Larger Than Block-Size Key - Hash Key First")};
    assert_int_equal(c->hmac(PQI_HASH_SHA256, (pqi_cspan){key, 131}, &big, 1, out), PQI_OK);
    pqi_assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(c->hmac(PQI_HASH_SHA512, (pqi_cspan){key, 131}, &big, 1, out), PQI_OK);
    pqi_assert_hex(out, 64,
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d"
        "6a1e5295e64f73f63f0aec8b915a985d786598");
}

static void x25519_rfc7748(void **state)
{
    (void)state;
    uint8_t a[32], b[32], pk_a[32], pk_b[32], ss[32];
    pqi_unhex(a, 32, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    pqi_unhex(b, 32, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    assert_int_equal(c->x25519_public(pk_a, a), PQI_OK);
    pqi_assert_hex(pk_a, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    assert_int_equal(c->x25519_public(pk_b, b), PQI_OK);
    assert_int_equal(c->x25519(ss, a, pk_b), PQI_OK);
    pqi_assert_hex(ss, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    memset(ss, 0, sizeof ss);
    assert_int_equal(c->x25519(ss, b, pk_a), PQI_OK);
    pqi_assert_hex(ss, 32, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    uint8_t k[32] = {9}, u[32] = {9}; /* section 5.2, 1000 iterations */
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(c->x25519(ss, k, u), PQI_OK);
        memcpy(u, k, 32);
        memcpy(k, ss, 32);
    }
    pqi_assert_hex(k, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* Points of low order: RFC 7748 section 6.1. */
static void x25519_zero_is_refused(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    const uint8_t sk[32] = {0x42}, zero[32] = {0};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        uint8_t pk[32], ss[32];
        memset(ss, 0x5a, sizeof ss);
        pqi_unhex(pk, 32, points[i]);
        assert_int_equal(c->x25519(ss, sk, pk), PQI_ERR_AUTH);
        assert_memory_equal(ss, zero, 32);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

static void ed25519_rfc8032(void **state)
{
    (void)state;
    uint8_t seed[32], pk[32], sig[64];
    pqi_unhex(seed, 32, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    assert_int_equal(c->ed25519_public(pk, seed), PQI_OK);
    pqi_assert_hex(pk, 32, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    const pqi_cspan empty = {NULL, 0};
    assert_int_equal(c->ed25519_sign(sig, seed, empty), PQI_OK);
    pqi_assert_hex(sig, 64,
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
        "f9b46bd25bf5f0595bbe24655141438e7a100b");
    assert_int_equal(c->ed25519_verify(pk, empty, sig), PQI_OK);
    const pqi_cspan msg = {PQI_LIT("x")};
    assert_int_equal(c->ed25519_verify(pk, msg, sig), PQI_ERR_AUTH);
    sig[63] ^= 0x80;
    assert_int_equal(c->ed25519_verify(pk, empty, sig), PQI_ERR_AUTH);
    assert_int_equal(ERR_peek_error(), 0);
}

typedef struct aead_case {
    pqi_aead_id id;
    const char *key, *nonce, *aad, *plain, *sealed;
} aead_case;

static const aead_case aead_cases[] = {
    /* NIST CAVP, 256-bit key, 96-bit IV, 128-bit plaintext and data */
    {PQI_AEAD_AES_256_GCM, "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
        "ac93a1a6145299bde902f21a", "1e0889016f67601c8ebea4943bc23ad6",
        "2d71bcfa914e4ac045b2aa60955fad24",
        "8995ae2e6df3dbf96fac7b7137bae67feca5aa77d51d4a0a14d9c51e1da474ab"},
    /* RFC 8439 section 2.8.2 */
    {PQI_AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
        "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620"
        "4920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f722074686520667574757265"
        "2c"
        "2073756e73637265656e20776f756c642062652069742e",
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da"
        "92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585"
        "808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
    /* RFC 3610 section 8, packet vector #1 */
    {PQI_AEAD_AES_128_CCM_8, "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf", "00000003020100a0a1a2a3a4a5",
        "0001020304050607", "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e",
        "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"},
    /* empty plaintext and data: only that it round-trips and refuses changes */
    {PQI_AEAD_AES_128_CCM_16, "000102030405060708090a0b0c0d0e0f", "00000003020100a0a1a2a3a4a5", "",
        "", NULL},
    {PQI_AEAD_AES_128_CCM_16, "000102030405060708090a0b0c0d0e0f", "00000003020100a0a1a2a3a4a5",
        "00", "0102030405060708090a0b0c0d0e0f1011", NULL},
    {PQI_AEAD_AES_256_GCM, "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
        "ac93a1a6145299bde902f21a", "", "", NULL},
};

static void one_aead(const aead_case *t)
{
    uint8_t key[32], nonce[13], aad[16], plain[128], sealed[160], out[160], zero[160] = {0};
    const pqi_aead_key k = {
        t->id, {key, pqi_unhex(key, 32, t->key)}, {nonce, pqi_unhex(nonce, 13, t->nonce)}};
    const pqi_cspan a = {aad, pqi_unhex(aad, 16, t->aad)};
    size_t n = pqi_unhex(plain, sizeof plain, t->plain);
    size_t tag = t->id == PQI_AEAD_AES_128_CCM_8 ? 8 : 16;
    const pqi_span box = {sealed, n + tag};
    assert_int_equal(c->aead_seal(&k, a, (pqi_cspan){plain, n}, box), PQI_OK);
    if (t->sealed != NULL) {
        pqi_assert_hex(sealed, n + tag, t->sealed);
    }
    const pqi_cspan in = {sealed, n + tag};
    assert_int_equal(c->aead_open(&k, a, in, (pqi_span){out, n}), PQI_OK);
    assert_memory_equal(out, plain, n);
    for (size_t bit = 0; bit < 8 * (n + tag); bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        memset(out, 0x5a, sizeof out);
        assert_int_equal(c->aead_open(&k, a, in, (pqi_span){out, n}), PQI_ERR_AUTH);
        assert_memory_equal(out, zero, n);
        sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    aad[0] ^= 1;
    assert_int_equal(
        c->aead_open(&k, (pqi_cspan){aad, a.len == 0 ? 1 : a.len}, in, (pqi_span){out, n}),
        PQI_ERR_AUTH);
    aad[0] ^= 1;
    memcpy(out, plain, n); /* in place, both ways */
    assert_int_equal(c->aead_seal(&k, a, (pqi_cspan){out, n}, (pqi_span){out, n + tag}), PQI_OK);
    assert_memory_equal(out, sealed, n + tag);
    assert_int_equal(c->aead_open(&k, a, (pqi_cspan){out, n + tag}, (pqi_span){out, n}), PQI_OK);
    assert_memory_equal(out, plain, n);
    assert_int_equal(
        c->aead_seal(&k, a, (pqi_cspan){plain, n}, (pqi_span){sealed, n + tag + 1}), PQI_ERR_ARG);
    assert_int_equal(
        c->aead_open(&k, a, (pqi_cspan){sealed, tag - 1}, (pqi_span){out, 0}), PQI_ERR_ARG);
    assert_int_equal(ERR_peek_error(), 0);
}

static void aeads(void **state)
{
    (void)state;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof aead_cases / sizeof aead_cases[0]; i++) {
            one_aead(&aead_cases[i]);
        }
    }
    uint8_t key[32] = {0}, out[32];
    const pqi_aead_key none = {PQI_AEAD_NONE, {key, 32}, {key, 12}};
    const pqi_aead_key short_key = {PQI_AEAD_AES_256_GCM, {key, 16}, {key, 12}};
    const pqi_cspan empty = {NULL, 0};
    assert_int_equal(c->aead_seal(&none, empty, empty, (pqi_span){out, 16}), PQI_ERR_UNSUPPORTED);
    assert_int_equal(c->aead_seal(&short_key, empty, empty, (pqi_span){out, 16}), PQI_ERR_ARG);
}

/* The longest message of L = 2 (RFC 3610 section 2.1) with its tag is longer than 65535 bytes; what
 * can be sealed can be opened. */
static void ccm_opens_its_longest_message(void **state)
{
    (void)state;
    static uint8_t plain[65536], box[65536 + 16], got[65536];
    static const pqi_aead_id ids[] = {PQI_AEAD_AES_128_CCM_8, PQI_AEAD_AES_128_CCM_16};
    const uint8_t key[16] = {1}, nonce[13] = {2};
    memset(plain, 0x5a, sizeof plain);
    for (size_t i = 0; i < 2; i++) {
        const pqi_aead_key k = {ids[i], {key, sizeof key}, {nonce, sizeof nonce}};
        const pqi_cspan none = {NULL, 0};
        size_t tag = i == 0 ? 8 : 16, n = 65535;
        assert_int_equal(
            c->aead_seal(&k, none, (pqi_cspan){plain, n}, (pqi_span){box, n + tag}), PQI_OK);
        assert_int_equal(
            c->aead_open(&k, none, (pqi_cspan){box, n + tag}, (pqi_span){got, n}), PQI_OK);
        assert_memory_equal(got, plain, n);
        assert_int_equal(
            c->aead_seal(&k, none, (pqi_cspan){plain, n + 1}, (pqi_span){box, n + 1 + tag}),
            PQI_ERR_ARG);
        assert_int_equal(
            c->aead_open(&k, none, (pqi_cspan){box, n + 1 + tag}, (pqi_span){got, n + 1}),
            PQI_ERR_ARG);
    }
}

static void random_fills(void **state)
{
    (void)state;
    static uint8_t a[5000], b[5000];
    assert_int_equal(c->random(a, sizeof a), PQI_OK);
    assert_int_equal(c->random(b, sizeof b), PQI_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 4900, b + 4900, 100);
    assert_int_equal(c->random(a, 0), PQI_OK);
}

PQI_TEST_MAIN(cmocka_unit_test(hashes), cmocka_unit_test(hmacs), cmocka_unit_test(x25519_rfc7748),
    cmocka_unit_test(x25519_zero_is_refused), cmocka_unit_test(ed25519_rfc8032),
    cmocka_unit_test(aeads), cmocka_unit_test(ccm_opens_its_longest_message),
    cmocka_unit_test(random_fills))
