/* SPDX-License-Identifier: Apache-2.0
 * Hashes, AEADs and curves over the classical table; SHA-3 and SHAKE of the library. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 8192u

static const size_t sizes[] = {64, 256, 1024, LARGEST};

#define N_SIZES (sizeof sizes / sizeof sizes[0])

typedef struct state {
    const pqi_classic *c;
    int id;
    size_t len;
    uint8_t key[32], nonce[13], peer[32];
    uint8_t *in, *out; /* LARGEST bytes, and room for a tag */
} state;

static state start(const pqi_bench *b)
{
    state s = {.c = b->algs->classic, .len = 64};
    s.in = pqi_cli_alloc(LARGEST);
    s.out = pqi_cli_alloc(LARGEST + PQI_AEAD_TAG);
    return s;
}

static void stop(state *s)
{
    free(s->in);
    free(s->out);
}

/* ---- hashes ----------------------------------------------------------------------------- */

static pqi_status run_sha3(void *arg, uint64_t n)
{
    state *s = arg;
    const pqi_cspan part = {s->in, s->len};
    (void)n;
    return pqi_sha3((pqi_hash_id)s->id, &part, 1, s->out, pqi_hash_len((pqi_hash_id)s->id));
}

static pqi_status run_hash(void *arg, uint64_t n)
{
    state *s = arg;
    const pqi_cspan part = {s->in, s->len};
    (void)n;
    return s->c->hash((pqi_hash_id)s->id, &part, 1, s->out);
}

static pqi_status run_hmac(void *arg, uint64_t n)
{
    state *s = arg;
    const pqi_cspan part = {s->in, s->len};
    (void)n;
    return s->c->hmac((pqi_hash_id)s->id, (pqi_cspan){s->key, sizeof s->key}, &part, 1, s->out);
}

/* Extract and expand of one AEAD key and nonce, as the hybrid box does. */
static pqi_status run_hkdf(void *arg, uint64_t n)
{
    state *s = arg;
    uint8_t prk[PQI_HASH_MAX];
    const pqi_hash_id id = (pqi_hash_id)s->id;
    const pqi_cspan ikm = {s->in, s->len};
    const pqi_cspan info = {s->key, 16};
    (void)n;
    pqi_status st = pqi_hkdf_extract(s->c, id, (pqi_cspan){s->key, sizeof s->key}, &ikm, 1, prk);
    if (st != PQI_OK) {
        return st;
    }
    return pqi_hkdf_expand(s->c, id, (pqi_cspan){prk, pqi_hash_len(id)}, &info, 1,
        (pqi_span){s->out, PQI_AEAD_KEY + PQI_AEAD_NONCE});
}

/* One case for each message size, named "OP-SIZE". */
static void over_sizes(pqi_bench *b, const char *algorithm, const char *op, state *s,
    pqi_status (*run)(void *, uint64_t))
{
    for (size_t i = 0; i < N_SIZES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s-%zu", op, sizes[i]);
        s->len = sizes[i];
        pqi_bench_run(b, &(pqi_bench_case){algorithm, name, sizes[i], run, s, 0});
    }
}

void pqi_bench_hash(pqi_bench *b)
{
    state s = start(b);
    s.id = PQI_HASH_SHA3_256;
    over_sizes(b, "SHA3-256", "hash", &s, run_sha3);
    s.id = PQI_HASH_SHAKE128;
    over_sizes(b, "SHAKE128", "hash", &s, run_sha3);
    s.id = PQI_HASH_SHA256;
    over_sizes(b, "SHA-256", "hash", &s, run_hash);
    s.len = 64;
    pqi_bench_run(b, &(pqi_bench_case){"HMAC-SHA-256", "mac-64", 64, run_hmac, &s, 0});
    pqi_bench_run(b, &(pqi_bench_case){"HKDF-SHA-256", "64-to-44", 0, run_hkdf, &s, 0});
    stop(&s);
}

/* ---- AEAD ------------------------------------------------------------------------------- */

static pqi_aead_key key_of(const state *s)
{
    bool ccm = s->id == PQI_AEAD_AES_128_CCM_8 || s->id == PQI_AEAD_AES_128_CCM_16;
    return (pqi_aead_key){(pqi_aead_id)s->id, {s->key, ccm ? 16 : PQI_AEAD_KEY},
        {s->nonce, ccm ? 13 : PQI_AEAD_NONCE}};
}

static size_t tag_of(const state *s)
{
    return s->id == PQI_AEAD_AES_128_CCM_8 ? 8 : PQI_AEAD_TAG;
}

static pqi_status run_seal(void *arg, uint64_t n)
{
    state *s = arg;
    memcpy(s->nonce, &n, sizeof n);
    const pqi_aead_key k = key_of(s);
    return s->c->aead_seal(&k, (pqi_cspan){s->peer, 32}, (pqi_cspan){s->in, s->len},
        (pqi_span){s->out, s->len + tag_of(s)});
}

static pqi_status run_open(void *arg, uint64_t n)
{
    state *s = arg;
    const pqi_aead_key k = key_of(s);
    (void)n;
    return s->c->aead_open(&k, (pqi_cspan){s->peer, 32}, (pqi_cspan){s->out, s->len + tag_of(s)},
        (pqi_span){s->in, s->len});
}

void pqi_bench_aead(pqi_bench *b)
{
    static const struct {
        const char *name;
        pqi_aead_id id;
    } rows[] = {
        {"AES-256-GCM", PQI_AEAD_AES_256_GCM},
        {"AES-256-GCM-SIV", PQI_AEAD_AES_256_GCM_SIV},
        {"ChaCha20-Poly1305", PQI_AEAD_CHACHA20_POLY1305},
        {"AES-128-CCM-8", PQI_AEAD_AES_128_CCM_8},
    };
    state s = start(b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s.id = (int)rows[i].id;
        over_sizes(b, rows[i].name, "seal", &s, run_seal);
        s.len = 1024;
        b->failed = b->failed || run_seal(&s, 0) != PQI_OK;
        pqi_bench_run(b, &(pqi_bench_case){rows[i].name, "open-1024", 1024, run_open, &s, 0});
    }
    stop(&s);
}

/* ---- curves ----------------------------------------------------------------------------- */

static pqi_status run_x25519_public(void *arg, uint64_t n)
{
    state *s = arg;
    memcpy(s->key, &n, sizeof n);
    return s->c->x25519_public(s->out, s->key);
}

static pqi_status run_x25519(void *arg, uint64_t n)
{
    state *s = arg;
    memcpy(s->key, &n, sizeof n);
    return s->c->x25519(s->out, s->key, s->peer);
}

static pqi_status run_ed25519_sign(void *arg, uint64_t n)
{
    state *s = arg;
    (void)n;
    return s->c->ed25519_sign(s->out, s->key, (pqi_cspan){s->in, s->len});
}

static pqi_status run_ed25519_verify(void *arg, uint64_t n)
{
    state *s = arg;
    (void)n;
    return s->c->ed25519_verify(s->peer, (pqi_cspan){s->in, s->len}, s->out);
}

void pqi_bench_curve(pqi_bench *b)
{
    state s = start(b);
    s.key[31] = 1; /* any scalar */
    b->failed = b->failed || s.c->x25519_public(s.peer, s.key) != PQI_OK;
    pqi_bench_run(b, &(pqi_bench_case){"X25519", "public", 0, run_x25519_public, &s, 0});
    pqi_bench_run(b, &(pqi_bench_case){"X25519", "shared", 0, run_x25519, &s, 0});
    b->failed = b->failed || s.c->ed25519_public(s.peer, s.key) != PQI_OK ||
                run_ed25519_sign(&s, 0) != PQI_OK;
    pqi_bench_run(b, &(pqi_bench_case){"Ed25519", "sign", 0, run_ed25519_sign, &s, 0});
    pqi_bench_run(b, &(pqi_bench_case){"Ed25519", "verify", 0, run_ed25519_verify, &s, 0});
    stop(&s);
}
