/* SPDX-License-Identifier: Apache-2.0
 * Falcon signatures against the round-3 submission's 200, and one attempt against a published vector,
 * with both backends. The link wraps pqi_falcon_pick(), so that the test chooses the backend. */
#include "kat/falcon_rsp.h"
#include "kat/nist_drbg.h"

#include "pqi_hex.h"
#include "prim/falcon/hash.h"
#include "prim/falcon/sign_core.h"
#include "prim/keccak/keccak.h"

#define DIGEST_512  "179d169a7e843ae540418fa09717de20050c3bd7d5c565556ae287afd35b2fc3"
#define DIGEST_1024 "55fdb1a8e64f877d13e4e289c901c43f3084aa881596e8ef0c436f5f936d0ab3"

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_SIGN_TMP];
} tmp;

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_EXPANDED];
} ek;

static const pqi_falcon_backend *chosen;

const pqi_falcon_backend *real_pick(void) __asm__("__real_pqi_falcon_pick");
const pqi_falcon_backend *wrap_pick(void) __asm__("__wrap_pqi_falcon_pick");

const pqi_falcon_backend *wrap_pick(void)
{
    return chosen != NULL ? chosen : real_pick();
}

/* One count of the response file, and the signature in it as falcon.h has it. */
static struct {
    uint8_t seed[48], msg[4096], sk[PQI_SIG_MAX_SK], sm[8192], sig[2048];
    size_t msg_len, sk_len, sig_len;
} k;

static bool next_kat(FILE *f, unsigned logn)
{
    size_t len;
    if (!next_hex(f, "seed = ", k.seed, sizeof k.seed, &len)) {
        return false;
    }
    assert_true(next_hex(f, "msg = ", k.msg, sizeof k.msg, &k.msg_len));
    assert_true(next_hex(f, "sk = ", k.sk, sizeof k.sk, &k.sk_len));
    assert_true(next_hex(f, "sm = ", k.sm, sizeof k.sm, &len));
    size_t esig_len = (size_t)k.sm[0] << 8 | k.sm[1];
    assert_int_equal(len, 2 + PQI_FALCON_NONCE + k.msg_len + esig_len);
    k.sig[0] = (uint8_t)(0x30 + logn);
    memcpy(k.sig + 1, k.sm + 2, PQI_FALCON_NONCE);
    memcpy(k.sig + 41, k.sm + 2 + PQI_FALCON_NONCE + k.msg_len + 1, esig_len - 1);
    k.sig_len = 40 + esig_len;
    return true;
}

/* The generator draws the key's seed, the nonce and the sampler's seed, in this order. */
static void signatures(const pqi_sig *alg, unsigned logn, const char *file)
{
    uint8_t draws[3][48], sig[2048];
    FILE *f = open_vectors(file);
    unsigned count = 0;
    for (; next_kat(f, logn); count++) {
        nist_drbg d;
        size_t len = 0;
        const pqi_cspan part = {k.msg, k.msg_len};
        nist_drbg_start(&d, k.seed);
        nist_drbg_bytes(&d, draws[0], 48);
        nist_drbg_bytes(&d, draws[1], PQI_FALCON_NONCE);
        nist_drbg_bytes(&d, draws[2], 48);
        assert_int_equal(pqi_falcon_sign_seeded(alg, PQI_FALCON_COMPRESSED,
                             (pqi_span){sig, sizeof sig}, &len, (pqi_cspan){k.sk, k.sk_len}, &part,
                             1, draws[1], draws[2], (pqi_span){tmp.b, sizeof tmp.b}),
            PQI_OK);
        assert_int_equal(len, k.sig_len);
        assert_memory_equal(sig, k.sig, len);
    }
    (void)fclose(f);
    assert_int_equal(count, 100);
}

static void emulated_512(void **state)
{
    (void)state;
    chosen = &pqi_falcon_emulated;
    signatures(&pqi_sig_falcon_512, 9, "falcon512-KAT.rsp");
}

static void emulated_1024(void **state)
{
    (void)state;
    chosen = &pqi_falcon_emulated;
    signatures(&pqi_sig_falcon_1024, 10, "falcon1024-KAT.rsp");
}

static void native_512(void **state)
{
    (void)state;
    chosen = pqi_falcon_native;
    signatures(&pqi_sig_falcon_512, 9, "falcon512-KAT.rsp");
}

static void native_1024(void **state)
{
    (void)state;
    chosen = pqi_falcon_native;
    signatures(&pqi_sig_falcon_1024, 10, "falcon1024-KAT.rsp");
}

/* The same signature from every backend, with and without an expanded key, in every format. */
static void all_ways_agree_on(const pqi_sig *alg, unsigned logn, const char *file)
{
    static const uint8_t zero[48];
    static uint8_t first[2048], other[2048];
    const pqi_falcon_backend *backends[2] = {&pqi_falcon_emulated, pqi_falcon_native};
    const size_t ek_len = logn == 9 ? PQI_FALCON512_EXPANDED : PQI_FALCON1024_EXPANDED;
    const pqi_span room = {tmp.b, sizeof tmp.b}, big = {ek.b, ek_len};
    FILE *f = open_vectors(file);
    for (unsigned count = 0; count < 6 && next_kat(f, logn); count++) {
        const pqi_cspan part = {k.msg, k.msg_len}, sk = {k.sk, k.sk_len}, rnd = {zero, 48};
        const pqi_falcon_format format = (pqi_falcon_format)(1 + count % 3);
        size_t len = 0, again = 0;
        for (unsigned b = 0; b < 2; b++) {
            chosen = backends[b];
            uint8_t *out = b == 0 ? first : other;
            assert_int_equal(pqi_falcon_sign(alg, format, (pqi_span){out, sizeof first},
                                 b == 0 ? &len : &again, sk, &part, 1, rnd, room),
                PQI_OK);
            assert_true(b == 0 || (len == again && memcmp(first, other, len) == 0));
            assert_int_equal(pqi_falcon_expand(alg, big, sk, room), PQI_OK);
            chosen = backends[1 - b];
            assert_int_equal(pqi_falcon_sign_expanded(alg, format, (pqi_span){other, sizeof other},
                                 &again, (pqi_cspan){ek.b, ek_len}, &part, 1, rnd, room),
                PQI_OK);
            assert_int_equal(again, len);
            assert_memory_equal(first, other, len);
        }
    }
    (void)fclose(f);
}

static void all_ways_agree(void **state)
{
    (void)state;
    all_ways_agree_on(&pqi_sig_falcon_512, 9, "falcon512-KAT.rsp");
    all_ways_agree_on(&pqi_sig_falcon_1024, 10, "falcon1024-KAT.rsp");
}

/* The submission's generator itself: keys, messages and signatures of the first counts from nothing
 * but its seed 0, 1, ... 47, and SHA-256 over sk || signature. Needs no file. */
static void regenerated_on(const pqi_sig *alg, unsigned counts, const char *want)
{
    static uint8_t msg[4096], pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sig[2048];
    uint8_t entropy[48], seed[48], draws[3][48], digest[32];
    nist_drbg master, d;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    for (unsigned i = 0; i < 48; i++) {
        entropy[i] = (uint8_t)i;
    }
    nist_drbg_start(&master, entropy);
    assert_int_equal(EVP_DigestInit_ex(hash, EVP_sha256(), NULL), 1);
    for (unsigned count = 0; count < counts; count++) {
        size_t len = 0;
        const pqi_cspan part = {msg, 33 * (count + 1)};
        nist_drbg_bytes(&master, seed, sizeof seed);
        nist_drbg_bytes(&master, msg, part.len);
        nist_drbg_start(&d, seed);
        nist_drbg_bytes(&d, draws[0], 48);
        nist_drbg_bytes(&d, draws[1], PQI_FALCON_NONCE);
        nist_drbg_bytes(&d, draws[2], 48);
        assert_int_equal(
            pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                (pqi_cspan){draws[0], 48}, (pqi_span){tmp.b, sizeof tmp.b}),
            PQI_OK);
        assert_int_equal(pqi_falcon_sign_seeded(alg, PQI_FALCON_COMPRESSED,
                             (pqi_span){sig, sizeof sig}, &len, (pqi_cspan){sk, alg->sk_len}, &part,
                             1, draws[1], draws[2], (pqi_span){tmp.b, sizeof tmp.b}),
            PQI_OK);
        assert_int_equal(EVP_DigestUpdate(hash, sk, alg->sk_len), 1);
        assert_int_equal(EVP_DigestUpdate(hash, sig, len), 1);
    }
    assert_int_equal(EVP_DigestFinal_ex(hash, digest, NULL), 1);
    EVP_MD_CTX_free(hash);
    pqi_assert_hex(digest, sizeof digest, want);
}

static void regenerated(void **state)
{
    (void)state;
    const pqi_falcon_backend *backends[2] = {&pqi_falcon_emulated, pqi_falcon_native};
    for (unsigned b = 0; b < 2; b++) {
        chosen = backends[b];
        regenerated_on(&pqi_sig_falcon_512, 10, DIGEST_512);
        regenerated_on(&pqi_sig_falcon_1024, 5, DIGEST_1024);
    }
}

/* The same digests from the published file, which shows where they come from. */
static void digest_of_file(const char *file, unsigned logn, unsigned counts, const char *want)
{
    uint8_t digest[32];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    FILE *f = open_vectors(file);
    assert_int_equal(EVP_DigestInit_ex(hash, EVP_sha256(), NULL), 1);
    for (unsigned count = 0; count < counts && next_kat(f, logn); count++) {
        assert_int_equal(EVP_DigestUpdate(hash, k.sk, k.sk_len), 1);
        assert_int_equal(EVP_DigestUpdate(hash, k.sig, k.sig_len), 1);
    }
    (void)fclose(f);
    assert_int_equal(EVP_DigestFinal_ex(hash, digest, NULL), 1);
    EVP_MD_CTX_free(hash);
    pqi_assert_hex(digest, sizeof digest, want);
}

static void digests_are_published(void **state)
{
    (void)state;
    digest_of_file("falcon512-KAT.rsp", 9, 10, DIGEST_512);
    digest_of_file("falcon1024-KAT.rsp", 10, 5, DIGEST_1024);
}

/* A whole JSON file in memory, and the text behind "key": in it. */
static const char *json_value(const char *json, const char *key)
{
    char pattern[32];
    (void)snprintf(pattern, sizeof pattern, "\"%s\":", key);
    const char *at = strstr(json, pattern);
    assert_non_null(at);
    return at + strlen(pattern);
}

/* The next integer of an array; *p is at the bracket or the comma before it. */
static long json_next(const char **p)
{
    char *end;
    long v = strtol(*p + 1, &end, 10);
    *p = end;
    return v;
}

static void json_small(const char *json, const char *key, int8_t *out, size_t n)
{
    const char *p = json_value(json, key);
    for (size_t i = 0; i < n; i++) {
        out[i] = (int8_t)json_next(&p);
    }
    assert_int_equal(*p, ']');
}

static void json_hex(const char *json, const char *key, uint8_t *out, size_t n)
{
    const char *p = json_value(json, key) + 1;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        assert_int_equal(sscanf(p + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
}

static void one_attempt(void **state)
{
    static char json[65536];
    const pqi_falcon_backend *backends[2] = {&pqi_falcon_emulated, pqi_falcon_native};
    const pqi_falcon_expanded none = {NULL, NULL};
    uint8_t nonce[PQI_FALCON_NONCE], seed[PQI_FALCON_PRNG_SEED];
    (void)state;
    FILE *f = open_vectors("falcon-sign-core-512.json");
    json[fread(json, 1, sizeof json - 1, f)] = 0;
    (void)fclose(f);
    json_hex(json, "nonce", nonce, sizeof nonce);
    json_hex(json, "chacha20_seed", seed, sizeof seed);
    for (unsigned b = 0; b < 2 && backends[b] != NULL; b++) {
        pqi_falcon_work *w = pqi_falcon_work_init(tmp.b, 9);
        json_small(json, "f", w->f, 512);
        json_small(json, "g", w->g, 512);
        json_small(json, "F", w->F, 512);
        json_small(json, "G", w->G, 512);
        pqi_shake256_start(&w->x);
        pqi_xof_absorb(&w->x, nonce, sizeof nonce);
        pqi_xof_absorb(&w->x, "data1", 5);
        pqi_falcon_hash_to_point(&w->x, w->hash, 9);
        const int16_t *s2 = pqi_falcon_attempt(w, backends[b], &none, seed);
        assert_non_null(s2);
        const char *p = json_value(json, "s2");
        for (size_t i = 0; i < 512; i++) {
            assert_int_equal(s2[i], json_next(&p));
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(regenerated), cmocka_unit_test(digests_are_published),
    cmocka_unit_test(one_attempt), cmocka_unit_test(emulated_512), cmocka_unit_test(emulated_1024),
    cmocka_unit_test(native_512), cmocka_unit_test(native_1024), cmocka_unit_test(all_ways_agree))
