/* SPDX-License-Identifier: Apache-2.0
 * AES-256-CTR (SP 800-38A section 6.5) with a random key per close. A key encrypts one content once, and
 * blocks are counted from the start of the data, so no key stream is used twice. Chunks that are
 * zero hide nothing and are left alone: most slots of a provider are free. */
#include "port/linux/pmem_shield.h"

#include <pqi/wipe.h>

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define KEY   32u
#define BLOCK 16u
#define CHUNK 4096u

struct pqi_pmem_shield {
    uint8_t *map; /* guard page | key | guard page */
    size_t page;
    EVP_CIPHER *aes;
    EVP_CIPHER_CTX *ctx;
    pqi_span data;    /* what is encrypted now; len 0: nothing */
    uint8_t hidden[]; /* 1: this chunk is encrypted */
};

static const uint8_t zeros[KEY];

static uint8_t *key_of(const pqi_pmem_shield *s)
{
    return s->map + s->page;
}

static bool key_access(const pqi_pmem_shield *s, int prot)
{
    return mprotect(key_of(s), s->page, prot) == 0;
}

pqi_pmem_shield *pqi_pmem_shield_new(size_t len)
{
    size_t chunks = (len + CHUNK - 1u) / CHUNK;
    pqi_pmem_shield *s = calloc(1, sizeof *s + chunks);
    if (s == NULL) {
        return NULL;
    }
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    void *map = mmap(NULL, 3u * s->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s->map = map != MAP_FAILED ? map : NULL;
    s->aes = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
    s->ctx = EVP_CIPHER_CTX_new();
    if (s->map == NULL || s->aes == NULL || s->ctx == NULL ||
        EVP_CipherInit_ex2(s->ctx, s->aes, zeros, zeros, 1, NULL) != 1) {
        pqi_pmem_shield_free(s);
        return NULL;
    }
    (void)mlock(key_of(s), s->page);
    (void)madvise(key_of(s), s->page, MADV_DONTDUMP);
    (void)madvise(key_of(s), s->page, MADV_WIPEONFORK);
    return s;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1u) == 0);
}

static bool stream(pqi_pmem_shield *s, uint8_t *p, size_t n, size_t chunk)
{
    uint8_t iv[BLOCK] = {0};
    int done = 0;
    uint64_t block = (uint64_t)chunk * (CHUNK / BLOCK);
    for (unsigned i = 0; i < 8; i++) {
        iv[BLOCK - 1u - i] = (uint8_t)(block >> (8u * i));
    }
    return EVP_CipherInit_ex2(s->ctx, NULL, NULL, iv, 1, NULL) == 1 &&
           EVP_CipherUpdate(s->ctx, p, &done, p, (int)n) == 1 && done == (int)n;
}

/* Encrypts or decrypts every hidden chunk; no key schedule stays in the context. */
static bool apply(pqi_pmem_shield *s, pqi_span data)
{
    bool ok = EVP_CipherInit_ex2(s->ctx, NULL, key_of(s), zeros, 1, NULL) == 1;
    for (size_t i = 0; ok && i * CHUNK < data.len; i++) {
        size_t n = data.len - i * CHUNK < CHUNK ? data.len - i * CHUNK : CHUNK;
        ok = s->hidden[i] == 0 || stream(s, data.ptr + i * CHUNK, n, i);
    }
    return EVP_CipherInit_ex2(s->ctx, NULL, zeros, zeros, 1, NULL) == 1 && ok;
}

bool pqi_pmem_shield_up(pqi_pmem_shield *s, pqi_span data)
{
    bool any = false;
    for (size_t i = 0; i * CHUNK < data.len; i++) {
        size_t n = data.len - i * CHUNK < CHUNK ? data.len - i * CHUNK : CHUNK;
        s->hidden[i] = is_zero(data.ptr + i * CHUNK, n) ? 0 : 1;
        any = any || s->hidden[i] != 0;
    }
    bool ok = !any || (key_access(s, PROT_READ | PROT_WRITE) &&
                          getrandom(key_of(s), KEY, 0) == (ssize_t)KEY && apply(s, data));
    if (any) {
        ok = key_access(s, PROT_NONE) && ok;
    }
    if (!ok) {
        pqi_wipe(data.ptr, data.len);
    }
    s->data = ok && any ? data : (pqi_span){NULL, 0};
    return ok;
}

bool pqi_pmem_shield_down(pqi_pmem_shield *s)
{
    const pqi_span data = s->data;
    if (data.len == 0) {
        return true;
    }
    s->data = (pqi_span){NULL, 0};
    bool access = key_access(s, PROT_READ | PROT_WRITE);
    bool ok = access && apply(s, data);
    if (access) {
        pqi_wipe(key_of(s), KEY);
        ok = key_access(s, PROT_NONE) && ok;
    }
    if (!ok) {
        pqi_wipe(data.ptr, data.len);
    }
    return ok;
}

void pqi_pmem_shield_wipe(pqi_pmem_shield *s)
{
    if (key_access(s, PROT_READ | PROT_WRITE)) {
        pqi_wipe(key_of(s), KEY);
        (void)key_access(s, PROT_NONE);
    }
}

void pqi_pmem_shield_free(pqi_pmem_shield *s)
{
    if (s == NULL) {
        return;
    }
    if (s->map != NULL) {
        pqi_pmem_shield_wipe(s);
        (void)munmap(s->map, 3u * s->page);
    }
    EVP_CIPHER_CTX_free(s->ctx);
    EVP_CIPHER_free(s->aes);
    free(s);
}
