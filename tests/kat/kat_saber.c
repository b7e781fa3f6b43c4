/* SPDX-License-Identifier: Apache-2.0
 * Known answers of SABER, round 3: the submission's whole response files are made again, from the
 * generator of NIST's known-answer program (AES-256-CTR DRBG of SP 800-90A, without derivation
 * function), and their SHA-256 is compared with that of the published files. Where the files
 * themselves are present they are compared line by line as well. */
#include "pqi_test.h"

#include <openssl/evp.h>
#include <pqi/kem.h>

#include <stdalign.h>

#define VECTORS PQI_SOURCE_DIR "/../shared/vectors/saber/"
#define COUNTS  100u

static const struct answer {
    const pqi_kem *alg;
    const char *file; /* SHA-256 of the whole file */
} answers[] = {
    {&pqi_kem_lightsaber, "d15eabf67e7a00aa1429369d2dd3c54a091c3bc33c733a7c50963b4d3b68f347"},
    {&pqi_kem_saber, "4066d962d8e71dad0b389d321771dd509cd273ec266e032029995516fb351053"},
    {&pqi_kem_firesaber, "f1cbf649d410da9fdb32dfeb7963b2b6e91c199c3e7208ed487116aa1462978a"},
};

/* ---- AES-256-CTR DRBG, SP 800-90A section 10.2.1 ------------------------------------------ */

struct drbg {
    uint8_t key[32], v[16];
};

static void increment(uint8_t v[16])
{
    for (int i = 15; i >= 0 && ++v[i] == 0; i--) {
    }
}

static void aes_block(const uint8_t key[32], const uint8_t in[16], uint8_t out[16])
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_non_null(c);
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_ecb(), NULL, key, NULL), 1);
    assert_int_equal(EVP_CIPHER_CTX_set_padding(c, 0), 1);
    assert_int_equal(EVP_EncryptUpdate(c, out, &n, in, 16), 1);
    assert_int_equal(n, 16);
    EVP_CIPHER_CTX_free(c);
}

static void drbg_update(struct drbg *d, const uint8_t data[48])
{
    uint8_t t[48];
    for (size_t i = 0; i < 48; i += 16) {
        increment(d->v);
        aes_block(d->key, d->v, t + i);
    }
    for (size_t i = 0; i < 48; i++) {
        t[i] ^= data[i];
    }
    memcpy(d->key, t, 32);
    memcpy(d->v, t + 32, 16);
}

static void drbg_init(struct drbg *d, const uint8_t entropy[48])
{
    memset(d, 0, sizeof *d);
    drbg_update(d, entropy);
}

static void drbg_bytes(struct drbg *d, uint8_t *out, size_t len)
{
    static const uint8_t zero[48];
    uint8_t block[16];
    while (len != 0) {
        size_t n = len < 16 ? len : 16;
        increment(d->v);
        aes_block(d->key, d->v, block);
        memcpy(out, block, n);
        out += n;
        len -= n;
    }
    drbg_update(d, zero);
}

/* ---- response files ------------------------------------------------------------------------- */

/* One run of the file: its digest, and the comparison with the file when there is one. */
struct rsp {
    EVP_MD_CTX *md;
    FILE *file;
};

static void put_text(struct rsp *r, const char *text)
{
    static char line[8192];
    size_t n = strlen(text);
    assert_int_equal(EVP_DigestUpdate(r->md, text, n), 1);
    if (r->file != NULL) {
        assert_true(n < sizeof line);
        assert_int_equal(fread(line, 1, n, r->file), n);
        assert_memory_equal(line, text, n);
    }
}

static void put_hex(struct rsp *r, const char *name, const uint8_t *p, size_t n)
{
    static char line[8192];
    size_t at = (size_t)snprintf(line, sizeof line, "%s = ", name);
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(line + at, sizeof line - at, "%02X", p[i]);
    }
    (void)snprintf(line + at, sizeof line - at, "\n");
    put_text(r, line);
}

static void one_count(struct rsp *r, const pqi_kem *alg, const uint8_t entropy[48])
{
    static alignas(8) uint8_t tmp_bytes[16384];
    static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT];
    uint8_t seed[96], coins[32], ss[32], ss2[32];
    const pqi_span tmp = {tmp_bytes, alg->tmp_len};
    struct drbg d;
    drbg_init(&d, entropy);
    drbg_bytes(&d, seed, 32); /* seed_A, seed_s, z, then m: a call for each */
    drbg_bytes(&d, seed + 32, 32);
    drbg_bytes(&d, seed + 64, 32);
    drbg_bytes(&d, coins, 32);
    assert_int_equal(pqi_kem_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                         (pqi_cspan){seed, 96}, tmp),
        PQI_OK);
    assert_int_equal(pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, 32},
                         (pqi_cspan){pk, alg->pk_len}, (pqi_cspan){coins, 32}, tmp),
        PQI_OK);
    assert_int_equal(pqi_kem_decaps(alg, (pqi_span){ss2, 32}, (pqi_cspan){ct, alg->ct_len},
                         (pqi_cspan){sk, alg->sk_len}, tmp),
        PQI_OK);
    assert_memory_equal(ss, ss2, 32);
    put_hex(r, "seed", entropy, 48);
    put_hex(r, "pk", pk, alg->pk_len);
    put_hex(r, "sk", sk, alg->sk_len);
    put_hex(r, "ct", ct, alg->ct_len);
    put_hex(r, "ss", ss, 32);
    put_text(r, "\n");
}

/* Every line of the response file of one set; the SHA-256 of all of them goes to `digest`. */
static void make_file(struct rsp *r, const pqi_kem *alg, uint8_t digest[32])
{
    struct drbg seeds;
    uint8_t entropy[48];
    char line[64];
    for (size_t i = 0; i < sizeof entropy; i++) {
        entropy[i] = (uint8_t)i;
    }
    drbg_init(&seeds, entropy);
    r->md = EVP_MD_CTX_new();
    assert_non_null(r->md);
    assert_int_equal(EVP_DigestInit_ex(r->md, EVP_sha256(), NULL), 1);
    (void)snprintf(line, sizeof line, "# %s\n\n", alg->name);
    put_text(r, line);
    for (unsigned n = 0; n < COUNTS; n++) {
        drbg_bytes(&seeds, entropy, sizeof entropy);
        (void)snprintf(line, sizeof line, "count = %u\n", n);
        put_text(r, line);
        one_count(r, alg, entropy);
    }
    assert_int_equal(EVP_DigestFinal_ex(r->md, digest, NULL), 1);
    EVP_MD_CTX_free(r->md);
}

static void published_digests(void **state)
{
    (void)state;
    for (size_t a = 0; a < sizeof answers / sizeof answers[0]; a++) {
        struct rsp r = {NULL, NULL};
        uint8_t digest[32];
        char text[65];
        make_file(&r, answers[a].alg, digest);
        for (size_t i = 0; i < sizeof digest; i++) {
            (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
        }
        assert_string_equal(text, answers[a].file);
    }
}

static void published_files(void **state)
{
    (void)state;
    for (size_t a = 0; a < sizeof answers / sizeof answers[0]; a++) {
        char path[512];
        uint8_t digest[32];
        (void)snprintf(path, sizeof path, VECTORS "PQCkemKAT_%s.rsp", answers[a].alg->name);
        struct rsp r = {NULL, fopen(path, "r")};
        if (r.file == NULL) {
            print_message("# skipped: no vectors at %s\n", VECTORS);
            skip();
        }
        make_file(&r, answers[a].alg, digest);
        assert_int_equal(fgetc(r.file), EOF);
        (void)fclose(r.file);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(published_digests), cmocka_unit_test(published_files))
