/* SPDX-License-Identifier: Apache-2.0
 * pqi bench --timing: does the time of an operation tell its secrets apart? The method of Reparaz,
 * Balasch and Verbauwhede, "Dude, is my code constant time?" (DATE 2017): two classes of inputs in
 * random order, one a fixed secret, the other a fresh one each time, and Welch's t between their
 * times. It is a measurement, not a proof: a small |t| means that this many measurements on this
 * machine saw nothing. make ct looks at the machine code instead. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL     64u      /* prepared inputs of a class */
#define MAX_RUNS 2000000u /* measurements of one case */
#define CROP     90u      /* percentile above which a measurement is an interrupt */

typedef struct timing_case {
    const char *algorithm, *operation;
    void (*run)(void *state, unsigned cls, unsigned i); /* input i of a class */
    void *state;
} timing_case;

/* xorshift64*: the order of the classes and the secrets of this measurement; protects nothing. */
static uint64_t next(uint64_t *x)
{
    *x ^= *x >> 12;
    *x ^= *x << 25;
    *x ^= *x >> 27;
    return *x * 0x2545f4914f6cdd1du;
}

static uint64_t ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#else
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
#endif
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

typedef struct runs {
    uint64_t ticks[MAX_RUNS];
    uint8_t cls[MAX_RUNS];
    size_t n;
} runs;

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The tick count that CROP percent of the measurements do not pass. */
static uint64_t crop_at(const runs *r)
{
    uint64_t *sorted = pqi_cli_alloc(r->n * sizeof *sorted);
    memcpy(sorted, r->ticks, r->n * sizeof *sorted);
    qsort(sorted, r->n, sizeof *sorted, compare);
    uint64_t limit = sorted[(r->n - 1) * CROP / 100];
    free(sorted);
    return limit;
}

/* Welch's t of the two classes; n is what was left after cropping. */
static double welch(const runs *r, size_t *n)
{
    double count[2] = {0, 0}, mean[2] = {0, 0}, sum[2] = {0, 0};
    const uint64_t limit = crop_at(r);
    for (size_t i = 0; i < r->n; i++) {
        const unsigned c = r->cls[i];
        if (r->ticks[i] <= limit) {
            double x = (double)r->ticks[i], d = x - mean[c];
            count[c] += 1;
            mean[c] += d / count[c];
            sum[c] += d * (x - mean[c]);
        }
    }
    *n = (size_t)(count[0] + count[1]);
    if (count[0] < 2 || count[1] < 2) {
        return 0;
    }
    double v = sum[0] / (count[0] - 1) / count[0] + sum[1] / (count[1] - 1) / count[1];
    return v > 0 ? (mean[0] - mean[1]) / sqrt(v) : 0;
}

static void measure(pqi_bench *b, const timing_case *c)
{
    if (!pqi_bench_wants(b, c->algorithm, c->operation)) {
        return;
    }
    runs *r = pqi_cli_alloc(sizeof *r);
    uint64_t x = 0x9e3779b97f4a7c15u;
    const uint64_t end = now_ns() + b->ns_per_case;
    for (unsigned i = 0; i < 2 * POOL; i++) {
        c->run(c->state, i & 1u, i / 2); /* warm up */
    }
    while (r->n < MAX_RUNS && (r->n < 1000 || now_ns() < end)) {
        const uint64_t v = next(&x);
        const unsigned cls = (unsigned)(v >> 63), i = (unsigned)(v >> 32) % POOL;
        uint64_t t = ticks();
        c->run(c->state, cls, i);
        t = ticks() - t;
        r->ticks[r->n] = t;
        r->cls[r->n++] = (uint8_t)cls;
    }
    size_t kept = 0;
    double t = welch(r, &kept);
    (void)json_array_append_new(
        b->results, json_pack("{s:s, s:s, s:f, s:I}", "algorithm", c->algorithm, "operation",
                        c->operation, "t", t, "measurements", (json_int_t)kept));
    if (!b->quiet) {
        printf("%-20s %-34s %9.2f %10zu\n", c->algorithm, c->operation, t, kept);
    }
    b->n_run++;
    free(r);
}

/* ---- the cases --------------------------------------------------------------------------- */

/* The inputs of a case: class 0 is POOL copies of one, class 1 is POOL different ones. Copies, so
 * that the cache treats both classes alike. */
typedef struct pool {
    const pqi_classic *c;
    const pqi_kem *kem;
    pqi_cspan shared;                 /* a key that both classes use */
    uint8_t (*in[2])[PQI_KEM_MAX_SK]; /* the secrets */
    pqi_span tmp;
    uint8_t ss[64], text[256], out[256 + PQI_AEAD_TAG];
    pqi_status st;
} pool;

static void fill(pool *p, size_t len)
{
    uint64_t x = 0x123456789abcdefu;
    for (size_t i = 0; i < 2 * POOL; i++) {
        for (size_t k = 0; k < len; k++) {
            p->in[i & 1u][i / 2][k] = (i & 1u) != 0 ? (uint8_t)(next(&x) >> 40) : (uint8_t)k;
        }
    }
}

static void run_decaps(void *state, unsigned cls, unsigned i)
{
    pool *p = state;
    p->st = pqi_kem_decaps(p->kem, (pqi_span){p->ss, PQI_KEM_SS},
        (pqi_cspan){p->in[cls][i], p->kem->ct_len}, p->shared, p->tmp);
}

static void run_encaps(void *state, unsigned cls, unsigned i)
{
    pool *p = state;
    uint8_t ct[PQI_KEM_MAX_CT];
    p->st = pqi_kem_encaps(p->kem, (pqi_span){ct, p->kem->ct_len}, (pqi_span){p->ss, PQI_KEM_SS},
        p->shared, (pqi_cspan){p->in[cls][i], p->kem->coins_len}, p->tmp);
}

static void run_x25519(void *state, unsigned cls, unsigned i)
{
    static const uint8_t peer[PQI_X25519_LEN] = {9};
    pool *p = state;
    p->st = p->c->x25519(p->ss, p->in[cls][i], peer);
}

static void run_seal(void *state, unsigned cls, unsigned i)
{
    static const uint8_t nonce[PQI_AEAD_NONCE];
    pool *p = state;
    const pqi_aead_key k = {
        PQI_AEAD_AES_256_GCM, {p->in[cls][i], PQI_AEAD_KEY}, {nonce, sizeof nonce}};
    p->st = p->c->aead_seal(&k, (pqi_cspan){NULL, 0}, (pqi_cspan){p->text, sizeof p->text},
        (pqi_span){p->out, sizeof p->out});
}

static void run_chacha(void *state, unsigned cls, unsigned i)
{
    static const uint8_t nonce[PQI_AEAD_NONCE];
    pool *p = state;
    const pqi_aead_key k = {
        PQI_AEAD_CHACHA20_POLY1305, {p->in[cls][i], PQI_AEAD_KEY}, {nonce, sizeof nonce}};
    p->st = p->c->aead_seal(&k, (pqi_cspan){NULL, 0}, (pqi_cspan){p->text, sizeof p->text},
        (pqi_span){p->out, sizeof p->out});
}

static void run_hmac(void *state, unsigned cls, unsigned i)
{
    pool *p = state;
    const pqi_cspan text = {p->text, sizeof p->text};
    p->st = p->c->hmac(PQI_HASH_SHA256, (pqi_cspan){p->in[cls][i], 32}, &text, 1, p->ss);
}

/* A control that leaks: the time to find the first difference, as memcmp would. */
static void run_leaky(void *state, unsigned cls, unsigned i)
{
    pool *p = state;
    volatile unsigned n = 0;
    while (n < 200 && p->in[cls][i][n] == (uint8_t)n) {
        n = n + 1;
    }
}

static void kem_cases(pqi_bench *b, pool *p)
{
    uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], seed[PQI_KEM_MAX_SEED] = {7};
    uint8_t good[PQI_KEM_MAX_CT], coins[32] = {1};
    const pqi_kem *k = p->kem;
    p->st = pqi_kem_keygen(k, (pqi_span){pk, k->pk_len}, (pqi_span){sk, k->sk_len},
        (pqi_cspan){seed, k->seed_len}, p->tmp);
    b->failed = b->failed || p->st != PQI_OK;
    fill(p, 32);
    p->shared = (pqi_cspan){pk, k->pk_len};
    measure(b, &(timing_case){k->name, "encaps, fixed or random coins", run_encaps, p});
    p->st = pqi_kem_encaps(k, (pqi_span){good, k->ct_len}, (pqi_span){p->ss, PQI_KEM_SS}, p->shared,
        (pqi_cspan){coins, k->coins_len}, p->tmp);
    b->failed = b->failed || p->st != PQI_OK;
    p->shared = (pqi_cspan){sk, k->sk_len};
    fill(p, k->ct_len);
    for (size_t i = 0; i < POOL; i++) {
        memcpy(p->in[0][i], good, k->ct_len);
    }
    measure(b, &(timing_case){k->name, "decaps, good or random ciphertext", run_decaps, p});
    for (size_t i = 0; i < POOL; i++) {
        memcpy(p->in[1][i], good, k->ct_len);
        p->in[1][i][i * 7 % k->ct_len] ^= 1;
    }
    measure(b, &(timing_case){k->name, "decaps, good or altered ciphertext", run_decaps, p});
    p->shared = (pqi_cspan){NULL, 0};
}

void pqi_bench_timing(pqi_bench *b)
{
    pool *p = pqi_cli_alloc(sizeof *p);
    p->c = b->algs->classic;
    for (unsigned c = 0; c < 2; c++) {
        p->in[c] = pqi_cli_alloc(POOL * sizeof *p->in[c]);
    }
    for (size_t i = 0; i < b->algs->n_kems; i++) {
        p->kem = b->algs->kems[i];
        if ((p->kem->flags & PQI_ALG_COMPOSITE) != 0) {
            continue; /* half of it is hardware */
        }
        p->tmp = (pqi_span){pqi_cli_alloc(p->kem->tmp_len), p->kem->tmp_len};
        kem_cases(b, p);
        free(p->tmp.ptr);
    }
    fill(p, 32);
    measure(b, &(timing_case){"X25519", "shared, fixed or random scalar", run_x25519, p});
    measure(b, &(timing_case){"AES-256-GCM", "seal-256, fixed or random key", run_seal, p});
    measure(b, &(timing_case){"ChaCha20-Poly1305", "seal-256, fixed or random key", run_chacha, p});
    measure(b, &(timing_case){"HMAC-SHA-256", "mac-256, fixed or random key", run_hmac, p});
    fill(p, 200);
    measure(b, &(timing_case){"control", "a comparison that leaks", run_leaky, p});
    b->failed = b->failed || p->st != PQI_OK;
    free(p->in[0]);
    free(p->in[1]);
    free(p);
}
