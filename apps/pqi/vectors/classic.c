/* SPDX-License-Identifier: Apache-2.0
 * Vectors of the classical primitives: AEADs (ACVP and Wycheproof), HMAC, HKDF, X25519, Ed25519. */
#include "vectors_classic.h"

#include <string.h>

/* ---- AEAD ------------------------------------------------------------------------------- */

typedef struct aead_test {
    pqi_aead_key k;
    pqi_cspan aad, plain, sealed; /* sealed = ciphertext || tag */
    size_t tag_len;
} aead_test;

/* Which AEAD of the library has these sizes; else the reason to skip. */
static pqi_aead_id aead_of(const aead_test *t, const char *family, const char **reason)
{
    bool ccm = strcmp(family, "AES-CCM") == 0;
    size_t key = ccm ? 16 : PQI_AEAD_KEY;
    size_t nonce = ccm ? 13 : PQI_AEAD_NONCE; /* RFC 8613 section 5: OSCORE's default */
    *reason = NULL;
    if (t->k.key.len != key) {
        *reason = "key size not offered";
    } else if (t->k.nonce.len != nonce) {
        *reason = "nonce size not offered";
    } else if (t->tag_len != PQI_AEAD_TAG && !(ccm && t->tag_len == 8)) {
        *reason = "tag size not offered";
    }
    if (ccm) {
        return t->tag_len == 8 ? PQI_AEAD_AES_128_CCM_8 : PQI_AEAD_AES_128_CCM_16;
    }
    return strcmp(family, "AES-GCM") == 0       ? PQI_AEAD_AES_256_GCM
           : strcmp(family, "AES-GCM-SIV") == 0 ? PQI_AEAD_AES_256_GCM_SIV
                                                : PQI_AEAD_CHACHA20_POLY1305;
}

/* The table of this run lacks it. */
static bool not_offered(pqi_vec *v, pqi_status st)
{
    if (st == PQI_ERR_UNSUPPORTED) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
    }
    return st == PQI_ERR_UNSUPPORTED;
}

static pqi_cspan join(pqi_vec *v, pqi_cspan a, pqi_cspan b)
{
    pqi_span s = pqi_vec_room(v, a.len + b.len);
    if (a.len > 0) {
        memcpy(s.ptr, a.ptr, a.len);
    }
    if (b.len > 0) {
        memcpy(s.ptr + a.len, b.ptr, b.len);
    }
    return pqi_vec_c(s);
}

/* Opens; with `want` other than PQI_OK also checks that no plaintext comes out. */
static void aead_open(pqi_vec *v, const aead_test *t, pqi_status want)
{
    if (t->sealed.len < t->tag_len) {
        pqi_vec_note(v, "the ciphertext is shorter than its tag");
        return;
    }
    pqi_span out = pqi_vec_room(v, t->sealed.len - t->tag_len);
    pqi_span zero = pqi_vec_room(v, out.len);
    pqi_status st = v->algs->classic->aead_open(&t->k, t->aad, t->sealed, out);
    if (not_offered(v, st) || !pqi_vec_status(v, "open", st, want)) {
        return;
    }
    (void)pqi_vec_equal(v, want == PQI_OK ? "plaintext" : "output of a refused message",
        pqi_vec_c(out), want == PQI_OK ? t->plain : pqi_vec_c(zero));
}

static void aead_seal(pqi_vec *v, const aead_test *t)
{
    pqi_span out = pqi_vec_room(v, t->plain.len + t->tag_len);
    pqi_status st = v->algs->classic->aead_seal(&t->k, t->aad, t->plain, out);
    if (!not_offered(v, st) && pqi_vec_status(v, "seal", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "ciphertext and tag", pqi_vec_c(out), t->sealed);
    }
}

/* Runs one direction of an ACVP test or, without a direction, both. */
static void acvp_aead(pqi_vec *v, aead_test *t, const char *family)
{
    const char *reason;
    bool decrypt = strcmp(pqi_vec_text(v, "direction"), "decrypt") == 0;
    bool refused = decrypt && pqi_vec_has(v, "testPassed") && !pqi_vec_true(v, "testPassed");
    t->k.id = aead_of(t, family, &reason);
    if (reason != NULL) {
        v->skip = reason;
        return;
    }
    if (refused) {
        aead_open(v, t, PQI_ERR_AUTH);
        return;
    }
    t->plain = pqi_vec_hex(v, "pt");
    aead_seal(v, t);
    aead_open(v, t, PQI_OK);
}

void pqi_vec_acvp_gcm(pqi_vec *v)
{
    aead_test t = {.tag_len = pqi_vec_number(v, "tagLen") / 8};
    t.k.key = pqi_vec_hex(v, "key");
    t.k.nonce = pqi_vec_hex(v, "iv");
    t.aad = pqi_vec_hex(v, "aad");
    t.sealed = join(v, pqi_vec_hex(v, "ct"), pqi_vec_hex(v, "tag"));
    acvp_aead(v, &t, "AES-GCM");
}

void pqi_vec_acvp_ccm(pqi_vec *v)
{
    aead_test t = {.tag_len = pqi_vec_number(v, "tagLen") / 8};
    t.k.key = pqi_vec_hex(v, "key");
    t.k.nonce = pqi_vec_hex(v, "iv");
    t.aad = pqi_vec_hex(v, "aad");
    t.sealed = pqi_vec_hex(v, "ct");
    acvp_aead(v, &t, "AES-CCM");
}

/* A key or nonce of a wrong size is refused before any data is looked at. */
static void refuse_sizes(pqi_vec *v, const aead_test *t)
{
    pqi_span plain = pqi_vec_room(v, t->plain.len);
    pqi_span sealed = pqi_vec_room(v, t->plain.len + t->tag_len);
    const pqi_classic *c = v->algs->classic;
    pqi_status st = c->aead_seal(&t->k, t->aad, t->plain, sealed);
    (void)pqi_vec_status(v, "seal", st, PQI_ERR_ARG);
    st = c->aead_open(&t->k, t->aad, pqi_vec_c(sealed), plain);
    (void)pqi_vec_status(v, "open", st, PQI_ERR_ARG);
}

void pqi_vec_aead(pqi_vec *v)
{
    aead_test t = {.tag_len = pqi_vec_number(v, "tagSize") / 8};
    const char *reason;
    bool valid = pqi_vec_expected(v) == PQI_VEC_VALID;
    t.k.key = pqi_vec_hex(v, "key");
    t.k.nonce = pqi_vec_hex(v, "iv");
    t.aad = pqi_vec_hex(v, "aad");
    t.plain = pqi_vec_hex(v, "msg");
    t.sealed = join(v, pqi_vec_hex(v, "ct"), pqi_vec_hex(v, "tag"));
    t.k.id = aead_of(&t, v->algorithm, &reason);
    if (reason != NULL && (valid || t.tag_len != PQI_AEAD_TAG)) {
        v->skip = reason;
    } else if (reason != NULL) {
        refuse_sizes(v, &t);
    } else if (valid) {
        aead_seal(v, &t);
        aead_open(v, &t, PQI_OK);
    } else {
        aead_open(v, &t, PQI_ERR_AUTH);
    }
}

void pqi_vec_cavp_gcm(pqi_vec *v)
{
    aead_test t = {.tag_len = pqi_vec_hex(v, "tag").len};
    const char *reason;
    t.k.key = pqi_vec_hex(v, "key");
    t.k.nonce = pqi_vec_hex(v, "iv");
    t.aad = pqi_vec_hex(v, "aad");
    t.sealed = join(v, pqi_vec_hex(v, "ct"), pqi_vec_hex(v, "tag"));
    t.k.id = aead_of(&t, "AES-GCM", &reason);
    if (reason != NULL) {
        v->skip = reason;
    } else if (pqi_vec_true(v, "valid")) {
        t.plain = pqi_vec_hex(v, "pt");
        aead_seal(v, &t);
        aead_open(v, &t, PQI_OK);
    } else {
        aead_open(v, &t, PQI_ERR_AUTH);
    }
}

/* ---- HMAC, HKDF ------------------------------------------------------------------------- */

void pqi_vec_hmac(pqi_vec *v)
{
    pqi_hash_id id = pqi_vec_hash(v->algorithm + strlen("HMAC"));
    pqi_cspan key = pqi_vec_hex(v, "key");
    pqi_cspan msg = pqi_vec_hex(v, "msg");
    pqi_cspan tag = pqi_vec_hex(v, "tag");
    size_t len = pqi_vec_number(v, "tagSize") / 8;
    uint8_t mac[PQI_HASH_MAX];
    pqi_status st = v->algs->classic->hmac(id, key, &msg, 1, mac);
    if (not_offered(v, st)) {
        return;
    }
    if (!pqi_vec_status(v, "hmac", st, PQI_OK) || len > pqi_hash_len(id)) {
        pqi_vec_note(v, "tagSize is out of range");
        return;
    }
    if (pqi_vec_expected(v) != PQI_VEC_INVALID) {
        (void)pqi_vec_equal(v, "tag", (pqi_cspan){mac, len}, tag);
    } else if (tag.len == len && memcmp(mac, tag.ptr, len) == 0) {
        pqi_vec_note(v, "an invalid tag is accepted");
    }
}

void pqi_vec_hkdf(pqi_vec *v)
{
    pqi_hash_id id = pqi_vec_hash(v->algorithm + strlen("HKDF-"));
    pqi_cspan ikm = pqi_vec_hex(v, "ikm");
    pqi_cspan info = pqi_vec_hex(v, "info");
    size_t size = pqi_vec_number(v, "size");
    uint8_t prk[PQI_HASH_MAX];
    const pqi_classic *c = v->algs->classic;
    if (size > 65536) {
        pqi_vec_note(v, "size %zu is out of range", size);
        return;
    }
    pqi_span okm = pqi_vec_room(v, size);
    pqi_status st = pqi_hkdf_extract(c, id, pqi_vec_hex(v, "salt"), &ikm, 1, prk);
    if (id == PQI_HASH_NONE || not_offered(v, st)) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
        return;
    }
    (void)pqi_vec_status(v, "extract", st, PQI_OK);
    st = pqi_hkdf_expand(c, id, (pqi_cspan){prk, pqi_hash_len(id)}, &info, 1, okm);
    bool valid = pqi_vec_expected(v) != PQI_VEC_INVALID;
    if (pqi_vec_status(v, "expand", st, valid ? PQI_OK : PQI_ERR_ARG) && valid) {
        (void)pqi_vec_equal(v, "okm", pqi_vec_c(okm), pqi_vec_hex(v, "okm"));
    }
}

/* ---- curves ----------------------------------------------------------------------------- */

void pqi_vec_x25519(pqi_vec *v)
{
    pqi_cspan pk = pqi_vec_hex(v, "public");
    pqi_cspan sk = pqi_vec_hex(v, "private");
    uint8_t ss[PQI_X25519_LEN];
    if (strcmp(pqi_vec_text(v, "curve"), "curve25519") != 0) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
        return;
    }
    if (pk.len != PQI_X25519_LEN || sk.len != PQI_X25519_LEN) {
        v->skip = "length the interface cannot express";
        return;
    }
    pqi_status st = v->algs->classic->x25519(ss, sk.ptr, pk.ptr);
    pqi_vec_result want = pqi_vec_expected(v);
    if (want == PQI_VEC_INVALID || (want == PQI_VEC_ACCEPTABLE && st != PQI_OK)) {
        (void)pqi_vec_status(v, "x25519", st, PQI_ERR_AUTH);
    } else if (pqi_vec_status(v, "x25519", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "shared", (pqi_cspan){ss, sizeof ss}, pqi_vec_hex(v, "shared"));
    }
}

/* The group's public key, an object {curve, pk}. NULL: noted or skipped. */
static const char *ed25519_key(pqi_vec *v)
{
    json_t *key = json_object_get(v->group, "publicKey");
    const char *curve = json_string_value(json_object_get(key, "curve"));
    if (curve == NULL) {
        pqi_vec_note(v, "field publicKey is missing");
        return NULL;
    }
    if (strcmp(curve, "edwards25519") != 0) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
        return NULL;
    }
    return json_string_value(json_object_get(key, "pk"));
}

void pqi_vec_ed25519(pqi_vec *v)
{
    uint8_t pk[PQI_ED25519_PK];
    pqi_span key = {pk, sizeof pk};
    const char *hex = ed25519_key(v);
    if (hex == NULL) {
        return;
    }
    pqi_cspan sig = pqi_vec_hex(v, "sig");
    if (!pqi_cli_hex_decode(hex, &key) || key.len != sizeof pk || sig.len != PQI_ED25519_SIG) {
        v->skip = "length the interface cannot express";
        return;
    }
    pqi_status st = v->algs->classic->ed25519_verify(pk, pqi_vec_hex(v, "msg"), sig.ptr);
    pqi_vec_result want = pqi_vec_expected(v);
    if (want != PQI_VEC_ACCEPTABLE || st == PQI_ERR_AUTH) {
        (void)pqi_vec_status(v, "verify", st, want == PQI_VEC_VALID ? PQI_OK : PQI_ERR_AUTH);
    }
}
