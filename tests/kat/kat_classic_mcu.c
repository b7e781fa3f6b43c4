/* SPDX-License-Identifier: Apache-2.0
 * Wycheproof and RFC 5869 files on the microcontroller set: each verdict is the one of the file and
 * the one of the OpenSSL back end. Tests of sizes that the table does not offer are counted as
 * skipped; a file that runs fewer tests than expected fails. */
#include "pqi_test.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>

#include <jansson.h>
#include <stdbool.h>
#include <unistd.h>

#define VECTORS PQI_SOURCE_DIR "/../shared/vectors/"
#define ROOM    70000u

static const pqi_classic *const ossl = &pqi_classic_openssl;
static pqi_classic mcu;

typedef struct field {
    uint8_t *b; /* exact size: AddressSanitizer sees a read past the end */
    size_t n;
} field;

static field hex(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    assert_non_null(s);
    field f = {malloc(strlen(s) / 2 + 1), strlen(s) / 2};
    assert_non_null(f.b);
    for (size_t i = 0; i < f.n; i++) {
        unsigned v = 0;
        assert_int_equal(sscanf(s + 2 * i, "%2x", &v), 1);
        f.b[i] = (uint8_t)v;
    }
    return f;
}

static pqi_cspan span(field f)
{
    return (pqi_cspan){f.b, f.n};
}

/* What the file says: valid; "acceptable" is decided by OpenSSL's verdict. */
static pqi_status expected(const json_t *t, pqi_status bad, pqi_status other)
{
    const char *r = json_string_value(json_object_get(t, "result"));
    if (r == NULL) {
        return PQI_OK; /* RFC 5869 */
    }
    return strcmp(r, "valid") == 0 ? PQI_OK : strcmp(r, "invalid") == 0 ? bad : other;
}

/* ---- one test of each kind; false: a size that the table does not offer -------------------- */

static bool aead(const json_t *t, pqi_aead_id id)
{
    static uint8_t box[ROOM], got[ROOM], other[ROOM], zero[ROOM];
    field key = hex(t, "key"), iv = hex(t, "iv"), aad = hex(t, "aad"), pt = hex(t, "msg");
    field ct = hex(t, "ct"), tag = hex(t, "tag");
    bool ccm = id == PQI_AEAD_AES_128_CCM_16;
    if (ccm && tag.n == 8) {
        id = PQI_AEAD_AES_128_CCM_8;
    }
    bool fits = key.n == (ccm ? 16u : 32u) && iv.n == (ccm ? 13u : 12u) &&
                (tag.n == 16 || (ccm && tag.n == 8));
    if (fits) {
        const pqi_aead_key k = {id, span(key), span(iv)};
        const pqi_cspan sealed = {box, ct.n + tag.n};
        memcpy(box, ct.b, ct.n);
        memcpy(box + ct.n, tag.b, tag.n);
        pqi_status st = ossl->aead_open(&k, span(aad), sealed, (pqi_span){other, ct.n});
        memset(got, 0x5a, ct.n);
        assert_int_equal(mcu.aead_open(&k, span(aad), sealed, (pqi_span){got, ct.n}), st);
        assert_int_equal(st, expected(t, PQI_ERR_AUTH, st));
        assert_memory_equal(got, st == PQI_OK ? pt.b : zero, ct.n);
        if (st == PQI_OK) {
            assert_int_equal(
                mcu.aead_seal(&k, span(aad), span(pt), (pqi_span){got, sealed.len}), PQI_OK);
            assert_memory_equal(got, box, sealed.len);
        }
    }
    free(key.b);
    free(iv.b);
    free(aad.b);
    free(pt.b);
    free(ct.b);
    free(tag.b);
    return fits;
}

static bool gcm(const json_t *group, const json_t *t)
{
    (void)group;
    return aead(t, PQI_AEAD_AES_256_GCM);
}

static bool gcm_siv(const json_t *group, const json_t *t)
{
    (void)group;
    return aead(t, PQI_AEAD_AES_256_GCM_SIV);
}

static bool ccm(const json_t *group, const json_t *t)
{
    (void)group;
    return aead(t, PQI_AEAD_AES_128_CCM_16);
}

static bool chacha(const json_t *group, const json_t *t)
{
    (void)group;
    return aead(t, PQI_AEAD_CHACHA20_POLY1305);
}

static bool x25519(const json_t *group, const json_t *t)
{
    (void)group;
    field pk = hex(t, "public"), sk = hex(t, "private"), shared = hex(t, "shared");
    uint8_t got[32], other[32];
    bool fits = pk.n == 32 && sk.n == 32;
    if (fits) {
        pqi_status st = ossl->x25519(other, sk.b, pk.b);
        assert_int_equal(mcu.x25519(got, sk.b, pk.b), st);
        assert_memory_equal(got, shared.b, 32); /* all zero where it is refused */
        assert_int_equal(st, expected(t, PQI_ERR_AUTH, st));
    }
    free(pk.b);
    free(sk.b);
    free(shared.b);
    return fits;
}

static bool ed25519(const json_t *group, const json_t *t)
{
    field pk = hex(json_object_get(group, "publicKey"), "pk"), msg = hex(t, "msg"),
          sig = hex(t, "sig");
    bool fits = pk.n == 32 && sig.n == 64; /* the type of the argument refuses other lengths */
    if (fits) {
        pqi_status st = ossl->ed25519_verify(pk.b, span(msg), sig.b);
        assert_int_equal(mcu.ed25519_verify(pk.b, span(msg), sig.b), st);
        assert_int_equal(st, expected(t, PQI_ERR_AUTH, st));
    } else {
        assert_int_equal(expected(t, PQI_ERR_AUTH, PQI_OK), PQI_ERR_AUTH);
    }
    free(pk.b);
    free(msg.b);
    free(sig.b);
    return fits;
}

static bool hmac_sha256(const json_t *group, const json_t *t)
{
    field key = hex(t, "key"), msg = hex(t, "msg"), tag = hex(t, "tag");
    uint8_t got[PQI_HASH_MAX];
    const pqi_cspan m = span(msg);
    (void)group;
    assert_int_equal(mcu.hmac(PQI_HASH_SHA256, span(key), &m, 1, got), PQI_OK);
    assert_true(tag.n <= 32); /* tags of a group may be truncated */
    pqi_status st = memcmp(got, tag.b, tag.n) == 0 ? PQI_OK : PQI_ERR_AUTH;
    assert_int_equal(st, expected(t, PQI_ERR_AUTH, st));
    free(key.b);
    free(msg.b);
    free(tag.b);
    return true;
}

static bool hkdf(pqi_hash_id id, const json_t *t, const char *size_name)
{
    static uint8_t got[255 * PQI_HASH_MAX + 1];
    field ikm = hex(t, "ikm"), salt = hex(t, "salt"), info = hex(t, "info"), okm = hex(t, "okm");
    uint8_t prk[PQI_HASH_MAX];
    size_t n = (size_t)json_integer_value(json_object_get(t, size_name));
    const pqi_cspan i = span(ikm), f = span(info), p = {prk, pqi_hash_len(id)};
    assert_int_equal(pqi_hkdf_extract(&mcu, id, span(salt), &i, 1, prk), PQI_OK);
    pqi_status st =
        n < sizeof got ? pqi_hkdf_expand(&mcu, id, p, &f, 1, (pqi_span){got, n}) : PQI_ERR_ARG;
    assert_int_equal(st, expected(t, PQI_ERR_ARG, st));
    if (st == PQI_OK) {
        assert_int_equal(n, okm.n);
        assert_memory_equal(got, okm.b, n);
    }
    free(ikm.b);
    free(salt.b);
    free(info.b);
    free(okm.b);
    return true;
}

static bool hkdf_sha256(const json_t *group, const json_t *t)
{
    (void)group;
    return hkdf(PQI_HASH_SHA256, t, "size");
}

static bool hkdf_sha512(const json_t *group, const json_t *t)
{
    (void)group;
    return hkdf(PQI_HASH_SHA512, t, "size");
}

static bool hkdf_rfc(const json_t *group, const json_t *t)
{
    (void)group;
    return hkdf(PQI_HASH_SHA256, t, "L");
}

/* ---- files ------------------------------------------------------------------------------- */

typedef bool (*runner)(const json_t *group, const json_t *t);

static size_t run_group(const json_t *group, runner run, size_t *all)
{
    const json_t *tests = json_object_get(group, "tests"), *t;
    size_t i, ran = 0;
    json_array_foreach(tests, i, t)
    {
        ran += run(group, t) ? 1 : 0;
        (*all)++;
    }
    return ran;
}

/* All tests of a file, of which at least `least` must be of a size that the table offers. */
static void file(const char *name, runner run, size_t least)
{
    char path[400];
    (void)snprintf(path, sizeof path, VECTORS "%s", name);
    if (access(path, R_OK) != 0) {
        print_message("# no %s\n", path);
        skip();
    }
    pqi_classic_mcu(&mcu, ossl->random);
    json_error_t why;
    json_t *root = json_load_file(path, 0, &why);
    assert_non_null(root);
    const json_t *groups = json_object_get(root, "testGroups"), *group;
    size_t i, ran = 0, all = 0;
    if (groups == NULL) {
        ran = run_group(root, run, &all);
    }
    json_array_foreach(groups, i, group)
    {
        ran += run_group(group, run, &all);
    }
    json_decref(root);
    print_message("# %s: %zu of %zu\n", name, ran, all);
    assert_true(ran >= least);
}

#define FILE_TEST(name, path, run, least)                                                          \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        file(path, run, least);                                                                    \
    }

FILE_TEST(wp_gcm, "wycheproof/aes_gcm_test.json", gcm, 66)
FILE_TEST(wp_gcm_siv, "wycheproof/aes_gcm_siv_test.json", gcm_siv, 103)
FILE_TEST(wp_ccm, "wycheproof/aes_ccm_test.json", ccm, 6)
FILE_TEST(wp_chacha, "wycheproof/chacha20_poly1305_test.json", chacha, 316)
FILE_TEST(wp_x25519, "wycheproof/x25519_test.json", x25519, 518)
FILE_TEST(wp_ed25519, "wycheproof/ed25519_test.json", ed25519, 139)
FILE_TEST(wp_hmac, "wycheproof/hmac_sha256_test.json", hmac_sha256, 174)
FILE_TEST(wp_hkdf, "wycheproof/hkdf_sha256_test.json", hkdf_sha256, 86)
FILE_TEST(wp_hkdf_512, "wycheproof/hkdf_sha512_test.json", hkdf_sha512, 83)
FILE_TEST(rfc5869, "symmetric-rfc/rfc5869-hkdf-sha256.json", hkdf_rfc, 3)

PQI_TEST_MAIN(cmocka_unit_test(wp_gcm), cmocka_unit_test(wp_gcm_siv), cmocka_unit_test(wp_ccm),
    cmocka_unit_test(wp_chacha), cmocka_unit_test(wp_x25519), cmocka_unit_test(wp_ed25519),
    cmocka_unit_test(wp_hmac), cmocka_unit_test(wp_hkdf), cmocka_unit_test(wp_hkdf_512),
    cmocka_unit_test(rfc5869))
