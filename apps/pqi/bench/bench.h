/* SPDX-License-Identifier: Apache-2.0
 * The measuring part of pqi bench. A group is a function that prepares some operations and gives
 * each to pqi_bench_run(); groups.c lists them. A new group: a function here, a row there. */
#ifndef PQI_APPS_BENCH_H
#define PQI_APPS_BENCH_H

#include "../cli.h"

#include <pqi/suite.h>

typedef struct pqi_bench {
    const pqi_algs *algs;
    const char *filter;            /* part of "ALGORITHM OPERATION"; NULL: all */
    uint64_t ns_per_case;          /* time budget */
    bool quiet;                    /* JSON only */
    int perf;                      /* perf_event descriptor, -1: not allowed */
    json_t *results;               /* array */
    json_t *figures;               /* array: what is counted, not timed */
    uint32_t fleet;                /* sessions of the fleet */
    const pqi_cli_list *providers; /* URIs */
    unsigned n_run;
    bool failed; /* an operation gave an error */
} pqi_bench;

typedef struct pqi_bench_case {
    const char *algorithm; /* "ML-KEM-768" */
    const char *operation; /* "encaps" */
    size_t bytes;          /* processed by one operation, for throughput; 0: does not apply */
    /* One operation; n counts up, so that inputs can differ. */
    pqi_status (*run)(void *state, uint64_t n);
    void *state;
    size_t adds; /* bytes that a message gets on its way; 0: this is no message */
} pqi_bench_case;

typedef struct pqi_bench_group {
    const char *name;
    void (*run)(pqi_bench *b);
    bool asked; /* runs only when it is named */
} pqi_bench_group;

extern const pqi_bench_group pqi_bench_groups[]; /* ends with a name NULL */

void pqi_bench_kem(pqi_bench *b);
void pqi_bench_sig(pqi_bench *b);
void pqi_bench_falcon(pqi_bench *b);
void pqi_bench_xwing(pqi_bench *b);
void pqi_bench_hash(pqi_bench *b);
void pqi_bench_aead(pqi_bench *b);
void pqi_bench_curve(pqi_bench *b);
void pqi_bench_v1(pqi_bench *b);
void pqi_bench_session(pqi_bench *b);
void pqi_bench_handshake(pqi_bench *b);
void pqi_bench_healing(pqi_bench *b);
void pqi_bench_fleet(pqi_bench *b);
void pqi_bench_control(pqi_bench *b);
void pqi_bench_providers(pqi_bench *b);
void pqi_bench_memory(pqi_bench *b);

/* Instead of the groups: whether times depend on secrets; results {algorithm, operation, t,
 * measurements}. */
void pqi_bench_timing(pqi_bench *b);

/* Whether the filter takes it: a group asks before it prepares something dear. */
bool pqi_bench_wants(const pqi_bench *b, const char *algorithm, const char *operation);

/* Measures and reports a case that the filter takes. Median nanoseconds; 0: not taken, or it failed. */
double pqi_bench_run(pqi_bench *b, const pqi_bench_case *c);

/* Reports a number that the filter takes: a count, a size, or what follows from times. unit: one word. */
void pqi_bench_figure(
    pqi_bench *b, const char *algorithm, const char *operation, double value, const char *unit);

uint64_t pqi_bench_now_ns(void);

/* What the cycle column counts: "core" (perf_event), "tsc" or NULL. */
const char *pqi_bench_cycle_unit(const pqi_bench *b);
void pqi_bench_open_counter(pqi_bench *b);
void pqi_bench_close_counter(pqi_bench *b);

#endif
