/* SPDX-License-Identifier: Apache-2.0
 * The classical table over OpenSSL 3: fetched algorithms, per-thread contexts, hashes, HMAC and the
 * system generator. Public-key operations: ossl_pk.c; AEADs: ossl_aead.c.
 *
 * Implementation notes. A fetch costs more than a hash of a short message, so each algorithm is
 * fetched once. A context lives as long as its thread, because making one costs two allocations, and is
 * started again after each hash, so that the next one finds it ready.
 * HMAC is composed here from the hash (FIPS 198-1 section 4): EVP_MAC of OpenSSL 3.0 copies three
 * digest contexts per message. Starting a context again overwrites the last chaining value. */
#include "port/linux/ossl.h"

#include <pqi/host.h>
#include <pqi/wipe.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/err.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pqi_ossl fetched;
static pthread_key_t thread_key;
static bool thread_key_made;

static void thread_free(void *arg)
{
    pqi_ossl_thread *t = arg;
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < PQI_OSSL_HASHES; i++) {
        EVP_MD_CTX_free(t->md[i]);
    }
    for (size_t i = 0; i < PQI_OSSL_AEADS; i++) {
        EVP_CIPHER_CTX_free(t->cipher[i]);
    }
    free(t);
}

/* The thread that calls exit() runs no destructors of thread-specific data. */
static void at_exit(void)
{
    pqi_ossl_thread *t = pthread_getspecific(thread_key);
    (void)pthread_setspecific(thread_key, NULL);
    thread_free(t);
}

static void init(void)
{
    static const char *const md_names[PQI_OSSL_HASHES] = {[PQI_HASH_SHA256] = "SHA2-256",
        [PQI_HASH_SHA384] = "SHA2-384",
        [PQI_HASH_SHA512] = "SHA2-512",
        [PQI_HASH_SHA224] = "SHA2-224",
        [PQI_HASH_SHA512_224] = "SHA2-512/224",
        [PQI_HASH_SHA512_256] = "SHA2-512/256"};
    static const char *const cipher_names[PQI_OSSL_AEADS] = {[PQI_AEAD_AES_256_GCM] = "AES-256-GCM",
        [PQI_AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
        [PQI_AEAD_AES_128_CCM_8] = "AES-128-CCM",
        [PQI_AEAD_AES_128_CCM_16] = "AES-128-CCM",
        [PQI_AEAD_AES_256_GCM_SIV] = "AES-256-ECB"}; /* the block cipher; the mode is ours */
    for (size_t i = 1; i < PQI_OSSL_HASHES; i++) {
        fetched.md[i] = EVP_MD_fetch(NULL, md_names[i], NULL);
    }
    for (size_t i = 1; i < PQI_OSSL_AEADS; i++) {
        fetched.cipher[i] = EVP_CIPHER_fetch(NULL, cipher_names[i], NULL);
    }
    ERR_clear_error();
    thread_key_made = pthread_key_create(&thread_key, thread_free) == 0;
    if (thread_key_made) {
        /* OpenSSL registered its own handler in the fetches above, so this one runs before it. */
        (void)atexit(at_exit);
    }
}

const pqi_ossl *pqi_ossl_get(void)
{
    (void)pthread_once(&once, init);
    return &fetched;
}

pqi_ossl_thread *pqi_ossl_thread_get(void)
{
    (void)pthread_once(&once, init);
    if (!thread_key_made) {
        return NULL;
    }
    pqi_ossl_thread *t = pthread_getspecific(thread_key);
    if (t == NULL) {
        t = calloc(1, sizeof *t);
        if (t != NULL && pthread_setspecific(thread_key, t) != 0) {
            free(t);
            t = NULL;
        }
    }
    return t;
}

pqi_status pqi_ossl_fail(pqi_status st)
{
    ERR_clear_error();
    return st;
}

/* getrandom(2), not the DRBG of the process: no state that a fork or a restored snapshot repeats. */
static pqi_status ossl_random(uint8_t *out, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = getrandom(out + done, len - done, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            pqi_wipe(out, len);
            return PQI_ERR_RNG;
        }
        done += (size_t)n;
    }
    return PQI_OK;
}

/* The thread's context for `id`, started. NULL with *st set on failure. */
static EVP_MD_CTX *md_start(pqi_hash_id id, pqi_status *st)
{
    const EVP_MD *md = (unsigned)id < PQI_OSSL_HASHES ? pqi_ossl_get()->md[id] : NULL;
    if (md == NULL) {
        *st = PQI_ERR_UNSUPPORTED;
        return NULL;
    }
    *st = PQI_ERR_PROVIDER;
    pqi_ossl_thread *t = pqi_ossl_thread_get();
    if (t == NULL) {
        return NULL;
    }
    if (t->md[id] == NULL) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        if (ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
            EVP_MD_CTX_free(ctx);
            return NULL;
        }
        t->md[id] = ctx;
    }
    *st = PQI_OK;
    return t->md[id];
}

/* The next hash begins with the context as the last one left it: one that failed is not used again. */
static void md_drop(pqi_hash_id id)
{
    pqi_ossl_thread *t = pqi_ossl_thread_get();
    if (t != NULL) {
        EVP_MD_CTX_free(t->md[id]); /* wipes the state of the hash */
        t->md[id] = NULL;
    }
}

/* Absorbs the parts and writes the digest; `ctx` is started. */
static bool md_finish(EVP_MD_CTX *ctx, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    bool ok = true;
    for (size_t i = 0; ok && i < n_parts; i++) {
        ok = parts[i].len == 0 || EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1;
    }
    return ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

/* Starts the context again, so that no chaining value of a secret stays in it. */
static bool md_restart(EVP_MD_CTX *ctx)
{
    return EVP_DigestInit_ex2(ctx, NULL, NULL) == 1;
}

static pqi_status ossl_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    pqi_status st;
    EVP_MD_CTX *ctx = md_start(id, &st);
    if (st == PQI_OK) {
        bool ok = md_finish(ctx, parts, n_parts, out);
        st = md_restart(ctx) && ok ? PQI_OK : PQI_ERR_PROVIDER;
        if (st != PQI_OK) {
            pqi_wipe(out, (size_t)EVP_MD_get_size(pqi_ossl_get()->md[id]));
            md_drop(id);
        }
    }
    return st == PQI_OK ? st : pqi_ossl_fail(st);
}

/* FIPS 198-1 section 4. The block of SHA-384 and SHA-512 has 128 bytes, FIPS 180-4 figure 1. */
static pqi_status ossl_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    pqi_status st;
    EVP_MD_CTX *ctx = md_start(id, &st);
    if (st != PQI_OK) {
        return pqi_ossl_fail(st);
    }
    const EVP_MD *md = pqi_ossl_get()->md[id];
    size_t block = (size_t)EVP_MD_get_block_size(md);
    size_t len = (size_t)EVP_MD_get_size(md);
    struct {
        uint8_t k[128], pad[128], inner[PQI_HASH_MAX];
    } w;
    memset(w.k, 0, sizeof w.k);
    bool ok = true;
    if (key.len > block) {
        ok = md_finish(ctx, &key, 1, w.k) && md_restart(ctx);
    } else if (key.len != 0) {
        memcpy(w.k, key.ptr, key.len);
    }
    for (size_t i = 0; i < block; i++) {
        w.pad[i] = w.k[i] ^ 0x36u;
    }
    ok = ok && EVP_DigestUpdate(ctx, w.pad, block) == 1 &&
         md_finish(ctx, parts, n_parts, w.inner) && md_restart(ctx);
    for (size_t i = 0; i < block; i++) {
        w.pad[i] = w.k[i] ^ 0x5cu;
    }
    const pqi_cspan inner = {w.inner, len};
    ok = ok && EVP_DigestUpdate(ctx, w.pad, block) == 1 && md_finish(ctx, &inner, 1, out);
    ok = md_restart(ctx) && ok;
    pqi_wipe(&w, sizeof w);
    if (!ok) {
        pqi_wipe(out, len);
        md_drop(id);
        return pqi_ossl_fail(PQI_ERR_PROVIDER);
    }
    return PQI_OK;
}

const pqi_classic pqi_classic_openssl = {
    .abi = PQI_CLASSIC_ABI,
    .name = "openssl",
    .random = ossl_random,
    .hash = ossl_hash,
    .hmac = ossl_hmac,
    .x25519_public = pqi_ossl_x25519_public,
    .x25519 = pqi_ossl_x25519,
    .ed25519_public = pqi_ossl_ed25519_public,
    .ed25519_sign = pqi_ossl_ed25519_sign,
    .ed25519_verify = pqi_ossl_ed25519_verify,
    .aead_seal = pqi_ossl_aead_seal,
    .aead_open = pqi_ossl_aead_open,
};
