/* SPDX-License-Identifier: Apache-2.0
 * Known-answer tests of SHA-3, SHAKE and the classical table. */
#include "base/mem.h"
#include "ct/ct.h"
#include "prim/selftest_classic_kat.h"
#include "prim/selftest_int.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static pqi_status verdict(bool ok)
{
    return ok ? PQI_OK : PQI_ERR_SELFTEST;
}

/* ---- hashes ----------------------------------------------------------------------------- */

static const pqi_kat_hash *find_hash(const pqi_kat_hash *table, size_t n, int id)
{
    for (size_t i = 0; i < n; i++) {
        if ((int)table[i].id == id) {
            return &table[i];
        }
    }
    return table;
}

/* A status other than PQI_OK: not offered, or a failure. */
static pqi_status compare(pqi_status st, const uint8_t *md, const uint8_t *want, size_t len)
{
    if (st == PQI_ERR_UNSUPPORTED) {
        return st;
    }
    return verdict(st == PQI_OK && pqi_ct_eq(md, want, len) == 1);
}

static pqi_status test_keccak(const pqi_classic *c, int id)
{
    (void)c;
    uint8_t md[PQI_HASH_MAX] = {0};
    const pqi_cspan msg[2] = {{PQI_LIT("a")}, {PQI_LIT("bc")}};
    const pqi_kat_hash *k = find_hash(pqi_kat_hashes, COUNT(pqi_kat_hashes), id);
    size_t len = pqi_hash_len(k->id);
    return verdict(compare(pqi_sha3(k->id, msg, 2, md, len), md, k->md, len) == PQI_OK);
}

static pqi_status test_hash(const pqi_classic *c, int id)
{
    uint8_t md[PQI_HASH_MAX] = {0};
    const pqi_cspan msg[2] = {{PQI_LIT("a")}, {PQI_LIT("bc")}};
    const pqi_kat_hash *k = find_hash(pqi_kat_hashes, COUNT(pqi_kat_hashes), id);
    return compare(c->hash(k->id, msg, 2, md), md, k->md, pqi_hash_len(k->id));
}

static pqi_status test_hmac(const pqi_classic *c, int id)
{
    uint8_t md[PQI_HASH_MAX] = {0};
    const pqi_cspan key = {PQI_LIT("Jefe")};
    const pqi_cspan msg[2] = {{PQI_LIT("what do ya want ")}, {PQI_LIT("for nothing?")}};
    const pqi_kat_hash *k = find_hash(pqi_kat_hmacs, COUNT(pqi_kat_hmacs), id);
    return compare(c->hmac(k->id, key, msg, 2, md), md, k->md, pqi_hash_len(k->id));
}

static pqi_status test_hkdf(const pqi_classic *c, int id)
{
    uint8_t prk[PQI_HASH_MAX], okm[sizeof pqi_kat_hkdf_okm] = {0};
    const pqi_hash_id hash = PQI_HASH_SHA256;
    const pqi_cspan salt = {pqi_kat_hkdf_salt, sizeof pqi_kat_hkdf_salt};
    const pqi_cspan ikm[1] = {{pqi_kat_hkdf_ikm, sizeof pqi_kat_hkdf_ikm}};
    const pqi_cspan info[1] = {{pqi_kat_hkdf_info, sizeof pqi_kat_hkdf_info}};
    (void)id;
    pqi_status st = pqi_hkdf_extract(c, hash, salt, ikm, 1, prk);
    if (st == PQI_OK) {
        pqi_cspan key = {prk, pqi_hash_len(hash)};
        st = pqi_hkdf_expand(c, hash, key, info, 1, (pqi_span){okm, sizeof okm});
    }
    return compare(st, okm, pqi_kat_hkdf_okm, sizeof okm);
}

/* ---- curves ----------------------------------------------------------------------------- */

static pqi_status test_x25519(const pqi_classic *c, int id)
{
    static const uint8_t low_order[PQI_X25519_LEN]; /* the point 0 */
    uint8_t out[PQI_X25519_LEN] = {0};
    (void)id;
    pqi_status st =
        compare(c->x25519_public(out, pqi_kat_x25519_sk), out, pqi_kat_x25519_pk, sizeof out);
    if (st != PQI_OK) {
        return st;
    }
    bool ok = c->x25519(out, pqi_kat_x25519_sk, pqi_kat_x25519_peer) == PQI_OK &&
              pqi_ct_eq(out, pqi_kat_x25519_ss, sizeof out) == 1 &&
              c->x25519(out, pqi_kat_x25519_sk, low_order) == PQI_ERR_AUTH;
    return verdict(ok);
}

static pqi_status test_ed25519(const pqi_classic *c, int id)
{
    uint8_t pk[PQI_ED25519_PK] = {0}, sig[PQI_ED25519_SIG] = {0};
    const pqi_cspan msg = {pqi_kat_ed25519_msg, sizeof pqi_kat_ed25519_msg};
    (void)id;
    pqi_status st =
        compare(c->ed25519_public(pk, pqi_kat_ed25519_seed), pk, pqi_kat_ed25519_pk, sizeof pk);
    if (st != PQI_OK) {
        return st;
    }
    if (c->ed25519_sign(sig, pqi_kat_ed25519_seed, msg) != PQI_OK ||
        pqi_ct_eq(sig, pqi_kat_ed25519_sig, sizeof sig) != 1 ||
        c->ed25519_verify(pqi_kat_ed25519_pk, msg, sig) != PQI_OK) {
        return PQI_ERR_SELFTEST;
    }
    sig[0] ^= 1u;
    return verdict(c->ed25519_verify(pqi_kat_ed25519_pk, msg, sig) == PQI_ERR_AUTH);
}

/* ---- AEAD, random ----------------------------------------------------------------------- */

static bool aead_opens(const pqi_classic *c, const pqi_kat_aead *k, const pqi_aead_key *key)
{
    uint8_t sealed[sizeof k->sealed], plain[sizeof k->plain] = {0};
    const pqi_cspan aad = {k->aad, k->aad_len};
    const pqi_cspan in = {sealed, k->sealed_len};
    const pqi_span out = {plain, k->plain_len};
    memcpy(sealed, k->sealed, k->sealed_len);
    if (c->aead_open(key, aad, in, out) != PQI_OK ||
        pqi_ct_eq(plain, k->plain, k->plain_len) != 1) {
        return false;
    }
    sealed[k->sealed_len - 1u] ^= 1u; /* the tag */
    if (c->aead_open(key, aad, in, out) != PQI_ERR_AUTH) {
        return false;
    }
    sealed[k->sealed_len - 1u] ^= 1u;
    sealed[0] ^= 1u; /* the ciphertext */
    return c->aead_open(key, aad, in, out) == PQI_ERR_AUTH;
}

static pqi_status test_aead(const pqi_classic *c, int id)
{
    const pqi_kat_aead *k = &pqi_kat_aeads[0];
    for (size_t i = 0; i < COUNT(pqi_kat_aeads); i++) {
        if ((int)pqi_kat_aeads[i].id == id) {
            k = &pqi_kat_aeads[i];
        }
    }
    uint8_t sealed[sizeof k->sealed] = {0};
    const pqi_aead_key key = {k->id, {k->key, k->key_len}, {k->nonce, k->nonce_len}};
    const pqi_cspan plain = {k->plain, k->plain_len};
    pqi_status st = c->aead_seal(
        &key, (pqi_cspan){k->aad, k->aad_len}, plain, (pqi_span){sealed, k->sealed_len});
    st = compare(st, sealed, k->sealed, k->sealed_len);
    if (st != PQI_OK) {
        return st;
    }
    return verdict(aead_opens(c, k, &key));
}

/* There is no known answer for random bytes: this catches a generator that fails, writes nothing or
 * repeats itself. */
static pqi_status test_random(const pqi_classic *c, int id)
{
    uint8_t a[32] = {0}, b[32] = {0};
    (void)id;
    bool ok = c->random(a, sizeof a) == PQI_OK && c->random(b, sizeof b) == PQI_OK &&
              pqi_ct_is_zero_mask(a, sizeof a) == 0 && pqi_ct_eq(a, b, sizeof a) == 0;
    return verdict(ok);
}

/* ---- the items -------------------------------------------------------------------------- */

typedef struct item {
    const char *name;
    pqi_status (*run)(const pqi_classic *c, int id);
    int id; /* pqi_hash_id or pqi_aead_id */
    enum { KECCAK, HASH, AEAD, UNUSED, OTHER } kind;
} item;

static const item items[] = {
    {"SHA3-224", test_keccak, PQI_HASH_SHA3_224, KECCAK},
    {"SHA3-256", test_keccak, PQI_HASH_SHA3_256, KECCAK},
    {"SHA3-384", test_keccak, PQI_HASH_SHA3_384, KECCAK},
    {"SHA3-512", test_keccak, PQI_HASH_SHA3_512, KECCAK},
    {"SHAKE128", test_keccak, PQI_HASH_SHAKE128, KECCAK},
    {"SHAKE256", test_keccak, PQI_HASH_SHAKE256, KECCAK},
    {"SHA-256", test_hash, PQI_HASH_SHA256, HASH},
    {"SHA-384", test_hash, PQI_HASH_SHA384, HASH},
    {"SHA-512", test_hash, PQI_HASH_SHA512, HASH},
    {"HMAC-SHA-256", test_hmac, PQI_HASH_SHA256, HASH},
    {"HMAC-SHA-384", test_hmac, PQI_HASH_SHA384, HASH},
    {"HMAC-SHA-512", test_hmac, PQI_HASH_SHA512, HASH},
    {"HKDF-SHA-256", test_hkdf, PQI_HASH_SHA256, HASH},
    {"X25519", test_x25519, 0, OTHER},
    {"Ed25519", test_ed25519, 0, UNUSED},
    {"AES-256-GCM", test_aead, PQI_AEAD_AES_256_GCM, AEAD},
    {"ChaCha20-Poly1305", test_aead, PQI_AEAD_CHACHA20_POLY1305, AEAD},
    {"AES-128-CCM-8", test_aead, PQI_AEAD_AES_128_CCM_8, AEAD},
    {"AES-128-CCM-16", test_aead, PQI_AEAD_AES_128_CCM_16, AEAD},
    {"AES-256-GCM-SIV", test_aead, PQI_AEAD_AES_256_GCM_SIV, AEAD},
    {"random", test_random, 0, OTHER},
};

unsigned pqi_selftest_classic_count(void)
{
    return (unsigned)COUNT(items);
}

const char *pqi_selftest_classic_name(unsigned index)
{
    return items[index].name;
}

/* X25519 and random bytes are needed by every suite, Ed25519 by none. */
bool pqi_selftest_classic_is(unsigned index, pqi_hash_id hash, pqi_aead_id aead)
{
    const item *i = &items[index];
    return i->kind == OTHER || (i->kind == HASH && i->id == (int)hash) ||
           (i->kind == AEAD && i->id == (int)aead);
}

pqi_status pqi_selftest_classic_run(const pqi_classic *c, unsigned index)
{
    const item *i = &items[index];
    if (i->kind != KECCAK && pqi_classic_check(c) != PQI_OK) {
        return c == NULL ? PQI_ERR_UNSUPPORTED : PQI_ERR_SELFTEST;
    }
    return i->run(c, i->id);
}
