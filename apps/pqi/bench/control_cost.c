/* SPDX-License-Identifier: Apache-2.0
 * What one object costs a device, with its record and its counter on a medium in memory, and what the whole
 * control state takes of its memory. */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLEET 1000u
#define HEADS 200u
#define TICKS 168u

typedef struct cost {
    bench_plane plane;
    bench_device device;
    double ns[HEADS];
    uint8_t old[PQI_HEAD_MAX]; /* a head that the device has */
    size_t old_len;
} cost;

static int by_value(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(double *v, uint32_t n)
{
    qsort(v, n, sizeof v[0], by_value);
    return v[n / 2];
}

static pqi_status timed(cost *c, pqi_object kind, double *ns)
{
    const uint64_t t = pqi_bench_now_ns();
    pqi_status st = bench_device_hear(&c->device, kind);
    *ns = (double)(pqi_bench_now_ns() - t);
    return st;
}

static pqi_status ticks(pqi_bench *b, cost *c, const char *name)
{
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < TICKS && st == PQI_OK; i++) {
        c->device.now.mono_ms += 1000;
        st = bench_plane_tick(&c->plane, i + 1);
        if (st == PQI_OK) {
            st = timed(c, PQI_OBJ_TICK, &c->ns[i]);
        }
    }
    if (st == PQI_OK) {
        pqi_bench_figure(b, name, "take-tick", median(c->ns, TICKS), "ns");
    }
    return st;
}

static pqi_status heads(pqi_bench *b, cost *c, const char *name)
{
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < HEADS && st == PQI_OK; i++) {
        c->device.now.mono_ms += 1000;
        st = bench_plane_head(&c->plane);
        if (st == PQI_OK) {
            st = timed(c, PQI_OBJ_HEAD, &c->ns[i]);
        }
    }
    if (st == PQI_OK) {
        pqi_bench_figure(b, name, "take-head", median(c->ns, HEADS), "ns");
        pqi_bench_figure(b, name, "head", (double)c->plane.len, "bytes");
        c->old_len = c->plane.len;
        memcpy(c->old, c->plane.out, c->plane.len);
    }
    return st;
}

static pqi_status refuse_old(void *state, uint64_t n)
{
    cost *c = state;
    (void)n;
    return pqi_ctl_peek(&c->device.ctl, &c->device.now, PQI_OBJ_HEAD,
               (pqi_cspan){c->old, c->old_len}) == PQI_ERR_REPLAY
               ? PQI_OK
               : PQI_ERR_SELFTEST;
}

/* Another epoch that the token does not fit: what a stranger can make. */
static pqi_status refuse_forged(void *state, uint64_t n)
{
    cost *c = state;
    (void)n;
    const pqi_status st = pqi_ctl_peek(
        &c->device.ctl, &c->device.now, PQI_OBJ_HEAD, (pqi_cspan){c->plane.out, c->plane.len});
    return st == PQI_ERR_AUTH ? PQI_OK : PQI_ERR_SELFTEST;
}

static pqi_status refusals(pqi_bench *b, cost *c, const char *name)
{
    pqi_bench_run(b, &(pqi_bench_case){name, "refuse-old-head", 0, refuse_old, c, 0});
    memset(c->plane.tokens[c->plane.head.head_epoch + 1], 0x5a, PQI_HASH_LEN);
    pqi_status st = bench_plane_head(&c->plane);
    if (st == PQI_OK) {
        pqi_bench_run(b, &(pqi_bench_case){name, "refuse-token", 0, refuse_forged, c, 0});
    }
    return st;
}

/* ---- memory --------------------------------------------------------------------------------------- */

/* For a device that knows one signature algorithm. */
static void memory(pqi_bench *b, const cost *c, const char *name)
{
    static const uint32_t tables[] = {8, 1024};
    enum { POLICY = 1024 };
    const pqi_algs *a = &c->device.algs;
    const size_t manifest = c->plane.manifest_len;
    pqi_bench_figure(b, name, "state", (double)sizeof(pqi_ctl), "bytes");
    pqi_bench_figure(b, name, "manifest", (double)manifest, "bytes");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char op[32];
        const size_t table = tables[i] * sizeof(pqi_revoked);
        const size_t tmp = pqi_ctl_tmp_len(a, tables[i], manifest, POLICY);
        (void)snprintf(op, sizeof op, "table-%u", (unsigned)tables[i]);
        pqi_bench_figure(b, name, op, (double)table, "bytes");
        (void)snprintf(op, sizeof op, "scratch-%u", (unsigned)tables[i]);
        pqi_bench_figure(b, name, op, (double)tmp, "bytes");
        (void)snprintf(op, sizeof op, "memory-%u", (unsigned)tables[i]);
        pqi_bench_figure(
            b, name, op, (double)(sizeof(pqi_ctl) + table + 2 * manifest + POLICY), "bytes");
    }
}

static pqi_status measure(pqi_bench *b, cost *c, const pqi_sig *sig, const char *name)
{
    pqi_status st = bench_plane_init(&c->plane, b->algs, sig, FLEET);
    if (st == PQI_OK) {
        st = bench_device_open(&c->device, &c->plane, BENCH_REVOKED);
    }
    if (st == PQI_OK) {
        memory(b, c, name);
        st = heads(b, c, name);
    }
    if (st == PQI_OK) {
        st = ticks(b, c, name);
    }
    return st == PQI_OK ? refusals(b, c, name) : st;
}

void bench_control_cost(pqi_bench *b, const pqi_sig *sig)
{
    char name[64];
    (void)snprintf(name, sizeof name, "control %s", sig->name);
    if (b->filter != NULL && strstr(name, b->filter) == NULL &&
        !pqi_bench_wants(b, name, "take-head")) {
        return;
    }
    cost *c = pqi_cli_alloc(sizeof *c);
    pqi_status st = measure(b, c, sig, name);
    if (st != PQI_OK) {
        bench_control_failed(b, "one object", st);
    }
    bench_device_close(&c->device);
    bench_plane_free(&c->plane);
    free(c);
}
