/* SPDX-License-Identifier: Apache-2.0
 * What the protection of a software provider's memory costs: the same operations over secret pages, over private
 * ones that are shielded while nothing happens, and over plain memory. */
#include "bench.h"

#include <pqi/host.h>
#include <pqi/provider_soft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIG    1u
#define KEM    2u
#define PLACES 3u

typedef struct place {
    const char *name;
    const char *env; /* PQI_SECRET_MEM; NULL: the provider of the core, without a platform */
} place;

static const place places[PLACES] = {
    {"secret pages", "1"}, {"shielded pages", "0"}, {"plain memory", NULL}};

static pqi_status save(void *arg, pqi_cspan data)
{
    (void)arg;
    (void)data;
    return PQI_OK;
}

static pqi_status random_32(void *state, uint64_t n)
{
    (void)n;
    uint8_t b[32];
    return pqi_provider_random(state, (pqi_span){b, sizeof b});
}

static pqi_status decapsulate(void *state, uint64_t n)
{
    uint8_t ct[1088] = {(uint8_t)n}, ss[PQI_KEM_SS];
    return pqi_provider_decapsulate(state, KEM, (pqi_cspan){ct, sizeof ct}, ss);
}

static pqi_status sign(void *state, uint64_t n)
{
    static const pqi_cspan label = {PQI_LIT("PQI4 bench")};
    uint8_t sig[PQI_SIG_MAX_SIG];
    const pqi_cspan msg = {(const uint8_t *)&n, sizeof n};
    size_t len = 0;
    return pqi_provider_sign(state, SIG, label, &msg, 1, (pqi_span){sig, sizeof sig}, &len);
}

static void measure(pqi_bench *b, pqi_provider *p, const place *x)
{
    const pqi_bench_case cases[] = {{x->name, "random 32", 0, random_32, p, 0},
        {x->name, "ML-KEM-768 dec", 0, decapsulate, p, 0},
        {x->name, "ML-DSA-65 sign", 0, sign, p, 0}};
    if (pqi_provider_generate(p, SIG, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65) != PQI_OK ||
        pqi_provider_generate(p, KEM, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768) != PQI_OK) {
        b->failed = true;
        return;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double ns = pqi_bench_run(b, &cases[i]);
        if (ns > 0) {
            pqi_bench_figure(b, x->name, cases[i].operation, 1e9 / ns, "/s");
        }
    }
}

static void over_core(pqi_bench *b, const place *x)
{
    pqi_soft soft;
    pqi_soft_cfg cfg = {.algs = b->algs,
        .platform = {.save_keys = save, .save_counters = save},
        .slots = PQI_HOST_SLOTS_DEFAULT,
        .workers = 1,
        .flags = PQI_SOFT_CACHE,
        .boot = pqi_bench_now_ns()};
    cfg.mem.len = pqi_soft_mem_len(&cfg);
    cfg.mem.ptr = calloc(1, cfg.mem.len);
    if (cfg.mem.ptr == NULL || pqi_soft_create(&soft, &cfg) != PQI_OK) {
        b->failed = true;
    } else {
        measure(b, pqi_soft_provider(&soft), x);
        (void)!pqi_provider_zeroize(pqi_soft_provider(&soft));
    }
    free(cfg.mem.ptr);
}

static void over_host(pqi_bench *b, const place *x, const char *dir)
{
    static const uint8_t pass[] = "measured only";
    pqi_provider *p = NULL;
    pqi_host_provider_facts facts = {0};
    const pqi_host_provider_cfg cfg = {
        .algs = b->algs, .dir = dir, .kek = {.passphrase = {pass, sizeof pass}}, .create = 1};
    if (setenv("PQI_SECRET_MEM", x->env, 1) != 0 || pqi_host_provider_open(&p, &cfg) != PQI_OK ||
        pqi_host_provider_get_facts(p, &facts) != PQI_OK) {
        b->failed = true;
    } else if ((x->env[0] == '1') == (facts.secret != 0)) {
        measure(b, p, x);
    } else if (!b->quiet) {
        printf("%-20s not measured: the kernel has none\n", x->name);
    }
    pqi_host_provider_close(p);
    (void)unsetenv("PQI_SECRET_MEM");
}

static void sweep(const char *dir)
{
    static const char *const names[] = {"provider.pqi", "counters.pqi", "lock", "provider.uri"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

void pqi_bench_memory(pqi_bench *b)
{
    for (size_t i = 0; i < PLACES; i++) {
        char dir[] = "/tmp/pqi-bench-XXXXXX";
        if (places[i].env == NULL) {
            over_core(b, &places[i]);
        } else if (mkdtemp(dir) == NULL) {
            b->failed = true;
        } else {
            over_host(b, &places[i], dir);
            sweep(dir);
        }
    }
}
