/* SPDX-License-Identifier: Apache-2.0
 * The microcontroller set against the OpenSSL back end: the same bytes and the same status for all
 * lengths, alignments, in-place calls, and keys and signatures that no honest party sends. */
#include "pqi_hex.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>

#define MAX_TEXT 320u

static const pqi_classic *const ossl = &pqi_classic_openssl;
static pqi_classic mcu;

/* Reproducible test data: SHAKE128 of a counter. */
static void fill(void *out, size_t n)
{
    static uint32_t count;
    const pqi_cspan seed = {(const uint8_t *)&count, sizeof count};
    count++;
    assert_int_equal(pqi_sha3(PQI_HASH_SHAKE128, &seed, 1, out, n), PQI_OK);
}

static int setup(void **state)
{
    (void)state;
    pqi_classic_mcu(&mcu, ossl->random);
    return 0;
}

/* ---- hashes ------------------------------------------------------------------------------ */

static const pqi_hash_id hash_ids[] = {PQI_HASH_SHA256, PQI_HASH_SHA384, PQI_HASH_SHA512};

static void one_hash(pqi_hash_id id, const uint8_t *msg, size_t n, size_t cut)
{
    const pqi_cspan parts[] = {{msg, cut}, {NULL, 0}, {msg + cut, n - cut}};
    uint8_t want[PQI_HASH_MAX], got[PQI_HASH_MAX];
    size_t len = pqi_hash_len(id);
    assert_int_equal(ossl->hash(id, parts, 3, want), PQI_OK);
    assert_int_equal(mcu.hash(id, parts, 3, got), PQI_OK);
    assert_memory_equal(got, want, len);
    const pqi_cspan key = {msg + n / 3, n - n / 3};
    assert_int_equal(ossl->hmac(id, key, parts, 3, want), PQI_OK);
    assert_int_equal(mcu.hmac(id, key, parts, 3, got), PQI_OK);
    assert_memory_equal(got, want, len);
    if (id == PQI_HASH_SHA256) {
        memset(got, 0, sizeof got);
        assert_int_equal(pqi_mcu_hmac_sha256(id, key, parts, 3, got), PQI_OK);
        assert_memory_equal(got, want, len);
    }
}

static void hashes(void **state)
{
    (void)state;
    uint8_t msg[1 + 520];
    for (size_t i = 0; i < sizeof hash_ids / sizeof hash_ids[0]; i++) {
        for (size_t n = 0; n <= 520; n++) {
            fill(msg, sizeof msg);
            one_hash(hash_ids[i], msg + n % 2, n, n == 0 ? 0 : (n * 7) % n);
        }
    }
}

static void hash_into_its_own_input(void **state)
{
    (void)state;
    uint8_t a[100], b[100];
    for (size_t i = 0; i < 3; i++) {
        fill(a, sizeof a);
        memcpy(b, a, sizeof a);
        const pqi_cspan pa = {a, sizeof a}, pb = {b, sizeof b};
        uint8_t want[PQI_HASH_MAX];
        assert_int_equal(ossl->hash(hash_ids[i], &pa, 1, want), PQI_OK);
        assert_int_equal(mcu.hash(hash_ids[i], &pb, 1, b), PQI_OK);
        assert_memory_equal(b, want, pqi_hash_len(hash_ids[i]));
    }
}

/* ---- AEADs ------------------------------------------------------------------------------- */

typedef struct aead_rig {
    pqi_aead_key k;
    size_t tag;
    uint8_t key[32], nonce[13];
    uint8_t aad[MAX_TEXT + 8], plain[MAX_TEXT + 8], sealed[MAX_TEXT + 24], got[MAX_TEXT + 24];
} aead_rig;

static const pqi_aead_id aead_ids[] = {PQI_AEAD_AES_256_GCM, PQI_AEAD_CHACHA20_POLY1305,
    PQI_AEAD_AES_128_CCM_8, PQI_AEAD_AES_128_CCM_16, PQI_AEAD_AES_256_GCM_SIV};

#define AEADS (sizeof aead_ids / sizeof aead_ids[0])

static void rig_start(aead_rig *r, pqi_aead_id id)
{
    int ccm = id == PQI_AEAD_AES_128_CCM_8 || id == PQI_AEAD_AES_128_CCM_16;
    fill(r->key, sizeof r->key);
    fill(r->nonce, sizeof r->nonce);
    fill(r->aad, sizeof r->aad);
    fill(r->plain, sizeof r->plain);
    r->k = (pqi_aead_key){id, {r->key, ccm ? 16 : 32}, {r->nonce, ccm ? 13 : 12}};
    r->tag = id == PQI_AEAD_AES_128_CCM_8 ? 8 : 16;
}

static void one_aead(aead_rig *r, size_t aad_len, size_t n, size_t shift)
{
    const pqi_cspan aad = {r->aad + shift, aad_len}, in = {r->plain + shift, n};
    const pqi_span want = {r->sealed + shift, n + r->tag};
    const pqi_span got = {r->got + (shift ^ 1u), n + r->tag};
    const pqi_span back = {r->got + (shift ^ 1u), n};
    memset(r->got, 0x5a, sizeof r->got);
    assert_int_equal(ossl->aead_seal(&r->k, aad, in, want), PQI_OK);
    assert_int_equal(mcu.aead_seal(&r->k, aad, in, got), PQI_OK);
    assert_memory_equal(got.ptr, want.ptr, want.len);
    assert_int_equal(got.ptr[got.len], 0x5a);
    /* in place, both ways */
    const pqi_cspan sealed = {got.ptr, got.len};
    assert_int_equal(mcu.aead_open(&r->k, aad, sealed, back), PQI_OK);
    assert_memory_equal(back.ptr, in.ptr, n);
    const pqi_cspan again = {back.ptr, n};
    assert_int_equal(mcu.aead_seal(&r->k, aad, again, got), PQI_OK);
    assert_memory_equal(got.ptr, want.ptr, want.len);
}

static void aead_lengths(void **state)
{
    (void)state;
    static aead_rig r;
    for (size_t i = 0; i < AEADS; i++) {
        for (size_t n = 0; n <= 300; n++) {
            rig_start(&r, aead_ids[i]);
            one_aead(&r, (n * 5 + 3) % 70, n, n % 4);
            one_aead(&r, n, (n * 3 + 1) % 70, (n + 1) % 4);
        }
    }
}

/* Every bit of the sealed text, and each input of the wrong length. */
static void aead_refuses(void **state)
{
    (void)state;
    static aead_rig r;
    static const uint8_t zero[MAX_TEXT];
    for (size_t i = 0; i < AEADS; i++) {
        for (size_t n = 0; n <= 70; n += 7) {
            rig_start(&r, aead_ids[i]);
            const pqi_cspan aad = {r.aad, n / 2}, in = {r.plain, n};
            assert_int_equal(mcu.aead_seal(&r.k, aad, in, (pqi_span){r.sealed, n + r.tag}), PQI_OK);
            for (size_t bit = 0; bit < 8 * (n + r.tag); bit++) {
                r.sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
                memset(r.got, 0x5a, sizeof r.got);
                assert_int_equal(mcu.aead_open(&r.k, aad, (pqi_cspan){r.sealed, n + r.tag},
                                     (pqi_span){r.got, n}),
                    PQI_ERR_AUTH);
                assert_memory_equal(r.got, zero, n);
                assert_int_equal(r.got[n], 0x5a);
                r.sealed[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            }
            for (size_t bit = 0; bit < 8 * aad.len; bit++) {
                r.aad[bit / 8] ^= (uint8_t)(1u << (bit % 8));
                assert_int_equal(mcu.aead_open(&r.k, aad, (pqi_cspan){r.sealed, n + r.tag},
                                     (pqi_span){r.got, n}),
                    PQI_ERR_AUTH);
                r.aad[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            }
        }
    }
}

/* Any lengths of key, nonce and output: both back ends agree, and a refusal leaves zeros. */
static void aead_arguments(void **state)
{
    (void)state;
    static aead_rig r;
    static const uint8_t zero[MAX_TEXT];
    static uint8_t other[MAX_TEXT];
    static const size_t key_len[] = {0, 15, 16, 17, 24, 31, 32}, nonce_len[] = {0, 11, 12, 13};
    static const pqi_aead_id ids[] = {PQI_AEAD_NONE, PQI_AEAD_AES_256_GCM,
        PQI_AEAD_CHACHA20_POLY1305, PQI_AEAD_AES_128_CCM_8, PQI_AEAD_AES_128_CCM_16,
        PQI_AEAD_AES_256_GCM_SIV, (pqi_aead_id)6};
    const pqi_cspan none = {NULL, 0};
    rig_start(&r, PQI_AEAD_AES_256_GCM);
    for (size_t i = 0; i < 7 * 7 * 4 * 30; i++) {
        const pqi_aead_key k = {
            ids[i % 7], {r.key, key_len[i / 7 % 7]}, {r.nonce, nonce_len[i / 49 % 4]}};
        size_t len = i / 196;
        memset(r.got, 0x5a, sizeof r.got);
        memset(other, 0x5a, sizeof other);
        pqi_status want =
            ossl->aead_seal(&k, none, (pqi_cspan){r.plain, 5}, (pqi_span){other, len});
        pqi_status got = mcu.aead_seal(&k, none, (pqi_cspan){r.plain, 5}, (pqi_span){r.got, len});
        assert_int_equal(got, want);
        assert_memory_equal(r.got, got == PQI_OK ? other : zero, len);
        want = ossl->aead_open(&k, none, (pqi_cspan){r.plain, len}, (pqi_span){other, 5});
        got = mcu.aead_open(&k, none, (pqi_cspan){r.plain, len}, (pqi_span){r.got, 5});
        assert_int_equal(got, want);
        assert_memory_equal(r.got, zero, 5);
    }
}

/* Lengths where counters carry and CCM changes the encoding of the length of the data. */
static void aead_long(void **state)
{
    (void)state;
    static uint8_t aad[70000], plain[65536 + 16], a[65536 + 16], b[65536 + 16];
    static const size_t aad_len[] = {0xfeff, 0xff00, 65536, 70000}, text_len[] = {65535, 65536};
    fill(aad, sizeof aad);
    fill(plain, sizeof plain);
    for (size_t i = 0; i < AEADS; i++) {
        int ccm = i == 2 || i == 3;
        const pqi_aead_key k = {aead_ids[i], {aad + 7, ccm ? 16 : 32}, {aad + 50, ccm ? 13 : 12}};
        size_t tag = i == 2 ? 8 : 16;
        for (size_t j = 0; j < 6; j++) {
            const pqi_cspan ad = {aad, j < 4 ? aad_len[j] : 3};
            size_t n = j < 4 ? 33 : text_len[j - 4];
            pqi_status want =
                ossl->aead_seal(&k, ad, (pqi_cspan){plain, n}, (pqi_span){a, n + tag});
            assert_int_equal(
                mcu.aead_seal(&k, ad, (pqi_cspan){plain, n}, (pqi_span){b, n + tag}), want);
            if (want == PQI_OK) {
                assert_memory_equal(a, b, n + tag);
                assert_int_equal(
                    mcu.aead_open(&k, ad, (pqi_cspan){b, n + tag}, (pqi_span){b, n}), PQI_OK);
                assert_memory_equal(b, plain, n);
            }
        }
    }
}

/* One block of cipher text for which the sum of Poly1305 ends at 0, 1, 4, 5 and -1 modulo 2^130 - 5:
 * the first three come out of the last product as 2^130 - 5 and more. */
static void poly1305_last_reduction(void **state)
{
    (void)state;
    static const struct {
        uint8_t nonce;
        const char *sealed;
    } t[] = {
        {1, "f77e1853a43452a740d16a77a874b19ad028c32dcfba0b5bdfed66789e8b3a57"},
        {9, "1f8e717474992922670458b190f744640e09a9555a79aec265b8dd2f5743a646"},
        {16, "4114e99773835e60b0a34db1c6104de8f541913a7bb9b43a7939716c60638d20"},
        {18, "c76417d9083b2ebff6025a9f15630eb7bdc7d7c5714b7257f1b5bcc5f18d23c1"},
        {19, "0f1599842f5c8e8690535cbcd2a14cbbe0c9481721f5c09a3a51ab890ec1b9a4"},
    };
    uint8_t key[32], nonce[12] = {0}, sealed[32], a[16], b[16];
    for (uint8_t i = 0; i < 32; i++) {
        key[i] = i;
    }
    const pqi_aead_key k = {PQI_AEAD_CHACHA20_POLY1305, {key, 32}, {nonce, 12}};
    const pqi_cspan none = {NULL, 0}, in = {sealed, 32};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        nonce[8] = t[i].nonce;
        assert_int_equal(pqi_unhex(sealed, 32, t[i].sealed), 32);
        assert_int_equal(ossl->aead_open(&k, none, in, (pqi_span){a, 16}), PQI_OK);
        assert_int_equal(mcu.aead_open(&k, none, in, (pqi_span){b, 16}), PQI_OK);
        assert_memory_equal(a, b, 16);
    }
}

/* ---- curves ------------------------------------------------------------------------------ */

static void one_x25519(const uint8_t sk[32], const uint8_t pk[32])
{
    uint8_t want[32], got[32];
    pqi_status st = ossl->x25519(want, sk, pk);
    assert_int_equal(mcu.x25519(got, sk, pk), st);
    assert_memory_equal(got, want, 32);
}

/* Points near 0, 2^255 - 19 and 2^256, with the highest bit set and clear. */
static void x25519(void **state)
{
    (void)state;
    uint8_t sk[32], pk[32], want[32], got[32];
    for (unsigned i = 0; i < 200; i++) {
        fill(sk, sizeof sk);
        fill(pk, sizeof pk);
        one_x25519(sk, pk);
        assert_int_equal(ossl->x25519_public(want, sk), PQI_OK);
        assert_int_equal(mcu.x25519_public(got, sk), PQI_OK);
        assert_memory_equal(got, want, 32);
        memset(pk, (i & 1u) != 0 ? 0xff : 0, sizeof pk);
        pk[0] = (uint8_t)((i & 1u) * 0xd0u + i / 4u);
        pk[31] = (uint8_t)((i & 1u) * 0x7fu + (i & 2u) * 0x40u);
        one_x25519(sk, pk);
    }
    memcpy(got, pk, 32); /* the output is an input */
    assert_int_equal(ossl->x25519(want, sk, pk), PQI_OK);
    assert_int_equal(mcu.x25519(got, sk, got), PQI_OK);
    assert_memory_equal(got, want, 32);
}

static void one_verify(const uint8_t pk[32], pqi_cspan msg, const uint8_t sig[64])
{
    assert_int_equal(mcu.ed25519_verify(pk, msg, sig), ossl->ed25519_verify(pk, msg, sig));
}

/* S = S + L: the same point, refused. */
static void add_order(uint8_t s[32])
{
    uint8_t order[32];
    unsigned carry = 0;
    (void)pqi_unhex(order, 32, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)s[i] + order[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static void ed25519(void **state)
{
    (void)state;
    uint8_t seed[32], msg[300], pk[32], pk2[32], sig[64], sig2[64];
    for (size_t i = 0; i < 40; i++) {
        fill(seed, sizeof seed);
        fill(msg, sizeof msg);
        const pqi_cspan m = {i == 0 ? NULL : msg, i * 7};
        assert_int_equal(ossl->ed25519_public(pk, seed), PQI_OK);
        assert_int_equal(mcu.ed25519_public(pk2, seed), PQI_OK);
        assert_memory_equal(pk2, pk, 32);
        assert_int_equal(ossl->ed25519_sign(sig, seed, m), PQI_OK);
        assert_int_equal(mcu.ed25519_sign(sig2, seed, m), PQI_OK);
        assert_memory_equal(sig2, sig, 64);
        assert_int_equal(mcu.ed25519_verify(pk, m, sig), PQI_OK);
        for (size_t bit = i % 4; bit < 512; bit += 37) {
            sig[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            assert_int_equal(mcu.ed25519_verify(pk, m, sig), PQI_ERR_AUTH);
            one_verify(pk, m, sig);
            sig[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        pk[i % 32] ^= (uint8_t)(1u << (i % 8)); /* half of these are no point */
        one_verify(pk, m, sig);
        pk[i % 32] ^= (uint8_t)(1u << (i % 8));
        add_order(sig + 32);
        assert_int_equal(mcu.ed25519_verify(pk, m, sig), PQI_ERR_AUTH);
        one_verify(pk, m, sig);
    }
}

/* Keys of low order in all encodings: with R = S B and A of order 1 any message verifies, and with
 * the others one in 2, 4 or 8. Both back ends must say the same for each. */
static void ed25519_odd_keys(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "0100000000000000000000000000000000000000000000000000000000000000", /* order 1 */
        "0100000000000000000000000000000000000000000000000000000000000080", /* ... x = -0 */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* ... y + p */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
        "0000000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* ... y = p */
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "0200000000000000000000000000000000000000000000000000000000000000", /* no point */
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        uint8_t pk[32], sig[64] = {0};
        (void)pqi_unhex(pk, 32, keys[i]);
        (void)pqi_unhex(
            sig, 32, "5866666666666666666666666666666666666666666666666666666666666666");
        sig[32] = 1; /* S = 1, R = B */
        for (uint8_t m = 0; m < 24; m++) {
            const pqi_cspan msg = {&m, 1};
            one_verify(pk, msg, sig);
            taken += mcu.ed25519_verify(pk, msg, sig) == PQI_OK;
        }
        memcpy(sig, pk, 32); /* R of low order, S = 0 */
        sig[32] = 0;
        for (uint8_t m = 0; m < 24; m++) {
            const pqi_cspan msg = {&m, 1};
            one_verify(pk, msg, sig);
        }
    }
    assert_true(taken >= 4 * 24); /* all encodings of order 1 are taken by both */
}

PQI_TEST_MAIN(cmocka_unit_test_setup(hashes, setup),
    cmocka_unit_test_setup(hash_into_its_own_input, setup),
    cmocka_unit_test_setup(aead_lengths, setup), cmocka_unit_test_setup(aead_refuses, setup),
    cmocka_unit_test_setup(aead_arguments, setup), cmocka_unit_test_setup(aead_long, setup),
    cmocka_unit_test_setup(poly1305_last_reduction, setup), cmocka_unit_test_setup(x25519, setup),
    cmocka_unit_test_setup(ed25519, setup), cmocka_unit_test_setup(ed25519_odd_keys, setup))
