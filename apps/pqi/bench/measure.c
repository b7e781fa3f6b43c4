/* SPDX-License-Identifier: Apache-2.0
 * Clock, cycle counter and statistics of pqi bench.
 *
 * A batch is as many operations as fit in about a millisecond, at least one; the figures are over
 * the batches of one case: median, minimum and 90th percentile of nanoseconds for one operation. */
#include "bench.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH_NS    1000000u
#define MAX_BATCHES 4096u
#define MIN_BATCHES 5u

uint64_t pqi_bench_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void pqi_bench_open_counter(pqi_bench *b)
{
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.type = PERF_TYPE_HARDWARE;
    attr.size = sizeof attr;
    attr.config = PERF_COUNT_HW_CPU_CYCLES;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    b->perf = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

void pqi_bench_close_counter(pqi_bench *b)
{
    if (b->perf >= 0) {
        (void)close(b->perf);
        b->perf = -1;
    }
}

const char *pqi_bench_cycle_unit(const pqi_bench *b)
{
    if (b->perf >= 0) {
        return "core";
    }
#if defined(__x86_64__) || defined(__i386__)
    return "tsc";
#else
    return NULL;
#endif
}

static uint64_t now_cycles(const pqi_bench *b)
{
    uint64_t n = 0;
    if (b->perf >= 0) {
        return read(b->perf, &n, sizeof n) == (ssize_t)sizeof n ? n : 0;
    }
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const double *sorted, size_t n, unsigned percent)
{
    return sorted[(n - 1) * percent / 100u];
}

bool pqi_bench_wants(const pqi_bench *b, const char *algorithm, const char *operation)
{
    char name[96];
    (void)snprintf(name, sizeof name, "%s %s", algorithm, operation);
    return b->filter == NULL || strstr(name, b->filter) != NULL;
}

typedef struct samples {
    double ns[MAX_BATCHES], cycles[MAX_BATCHES];
    size_t n;
} samples;

/* `count` operations from number *at on. false: one of them failed. */
static bool batch(const pqi_bench_case *c, uint64_t *at, uint64_t count)
{
    pqi_status bad = PQI_OK;
    for (uint64_t i = 0; i < count; i++) {
        pqi_status st = c->run(c->state, (*at)++);
        bad = st != PQI_OK ? st : bad;
    }
    return bad == PQI_OK;
}

static bool collect(const pqi_bench *b, const pqi_bench_case *c, samples *s)
{
    uint64_t at = 0;
    uint64_t per_batch = 1;
    uint64_t spent = 0;
    for (;;) { /* warm up, and find the size of a batch */
        uint64_t t = pqi_bench_now_ns();
        if (!batch(c, &at, per_batch)) {
            return false;
        }
        t = pqi_bench_now_ns() - t;
        if (t >= BATCH_NS / 2 || per_batch > (1u << 24)) {
            break;
        }
        per_batch *= 2;
    }
    for (s->n = 0; s->n < MAX_BATCHES && (s->n < MIN_BATCHES || spent < b->ns_per_case); s->n++) {
        uint64_t t = pqi_bench_now_ns();
        uint64_t y = now_cycles(b);
        bool ok = batch(c, &at, per_batch);
        y = now_cycles(b) - y;
        t = pqi_bench_now_ns() - t;
        if (!ok) {
            return false;
        }
        spent += t;
        s->ns[s->n] = (double)t / (double)per_batch;
        s->cycles[s->n] = (double)y / (double)per_batch;
    }
    qsort(s->ns, s->n, sizeof s->ns[0], compare);
    qsort(s->cycles, s->n, sizeof s->cycles[0], compare);
    return true;
}

static void report(pqi_bench *b, const pqi_bench_case *c, const samples *s)
{
    double median = percentile(s->ns, s->n, 50);
    double p90 = percentile(s->ns, s->n, 90);
    double cycles = percentile(s->cycles, s->n, 50);
    const char *unit = pqi_bench_cycle_unit(b);
    json_t *o = json_pack("{s:s, s:s, s:f, s:f, s:f, s:I}", "algorithm", c->algorithm, "operation",
        c->operation, "median_ns", median, "min_ns", s->ns[0], "p90_ns", p90, "batches",
        (json_int_t)s->n);
    if (unit != NULL) {
        (void)json_object_set_new(o, "cycles", json_real(cycles));
    }
    if (c->bytes > 0) {
        (void)json_object_set_new(o, "bytes", json_integer((json_int_t)c->bytes));
    }
    if (c->adds > 0) {
        (void)json_object_set_new(o, "overhead_bytes", json_integer((json_int_t)c->adds));
        (void)json_object_set_new(o, "messages_per_second", json_real(1e9 / median));
    }
    (void)json_array_append_new(b->results, o);
    if (b->quiet) {
        return;
    }
    printf("%-20s %-22s %11.0f %11.0f %11.0f", c->algorithm, c->operation, median, s->ns[0], p90);
    if (unit != NULL) {
        printf(" %12.0f", cycles);
    }
    if (c->adds > 0) {
        printf(" %8.0f messages/s, +%zu bytes", 1e9 / median, c->adds);
    } else if (c->bytes > 0) {
        printf(" %8.1f MB/s", (double)c->bytes * 1000.0 / median);
    }
    (void)putchar('\n');
}

double pqi_bench_run(pqi_bench *b, const pqi_bench_case *c)
{
    double median = 0;
    if (!pqi_bench_wants(b, c->algorithm, c->operation)) {
        return 0;
    }
    samples *s = pqi_cli_alloc(sizeof *s);
    if (collect(b, c, s)) {
        report(b, c, s);
        median = percentile(s->ns, s->n, 50);
        b->n_run++;
    } else {
        b->failed = true;
        (void)pqi_cli_fail(
            PQI_CLI_FAILED, "pqi selftest", "%s %s failed", c->algorithm, c->operation);
    }
    free(s);
    return median;
}

void pqi_bench_figure(
    pqi_bench *b, const char *algorithm, const char *operation, double value, const char *unit)
{
    if (!pqi_bench_wants(b, algorithm, operation)) {
        return;
    }
    b->n_run++;
    (void)json_array_append_new(
        b->figures, json_pack("{s:s, s:s, s:f, s:s}", "algorithm", algorithm, "operation",
                        operation, "value", value, "unit", unit));
    if (!b->quiet) {
        const bool whole = value >= 1000 || (double)(uint64_t)value >= value;
        printf("%-20s %-22s %14.*f %s\n", algorithm, operation, whole ? 0 : 2, value, unit);
    }
}
