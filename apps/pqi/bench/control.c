/* SPDX-License-Identifier: Apache-2.0
 * pqi bench control: what the control plane costs a device and its server. */
#include "control.h"

#include <pqi/gate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int32_t algorithms[] = {PQI_SIG_ID_FALCON_512, PQI_SIG_ID_ML_DSA_65};
static const uint32_t rosters[] = {1000, 10000, 100000, 1000000};

void bench_control_failed(pqi_bench *b, const char *what, pqi_status st)
{
    b->failed = true;
    (void)pqi_cli_fail(
        PQI_CLI_FAILED, "pqi selftest", "control, %s: %s", what, pqi_status_text(st));
}

/* ---- rosters -------------------------------------------------------------------------------------- */

/* Leaves from certificates' hashes, then the tree over them. */
static pqi_status build(const pqi_algs *a, uint8_t (*leaves)[PQI_HASH_LEN], uint32_t n, double *ms)
{
    uint8_t root[PQI_HASH_LEN];
    pqi_status st = PQI_OK;
    const uint64_t t = pqi_bench_now_ns();
    for (uint32_t i = 0; i < n && st == PQI_OK; i++) {
        pqi_leaf l = {i, 1, {1}};
        st = pqi_leaf_hash(a, &l, leaves[i]);
    }
    if (st == PQI_OK) {
        st = pqi_roster_root(a, leaves, n, root);
    }
    *ms = (double)(pqi_bench_now_ns() - t) / 1e6;
    return st;
}

static size_t path_len(const pqi_algs *a, uint8_t (*leaves)[PQI_HASH_LEN], uint32_t n)
{
    uint8_t root[PQI_HASH_LEN], path[PQI_PATH_MAX];
    size_t len = 0;
    const pqi_path of = {.roster_seq = 1, .size = n, .position = 0};
    return pqi_path_build(a, leaves, &of, root, (pqi_span){path, sizeof path}, &len) == PQI_OK ? len
                                                                                               : 0;
}

void bench_control_roster(pqi_bench *b)
{
    enum { TRIES = 3 };
    for (size_t i = 0; i < sizeof rosters / sizeof rosters[0]; i++) {
        char name[48];
        double least = 0;
        (void)snprintf(name, sizeof name, "control roster %u", (unsigned)rosters[i]);
        if (!pqi_bench_wants(b, name, "rebuild") && !pqi_bench_wants(b, name, "path")) {
            continue;
        }
        uint8_t(*leaves)[PQI_HASH_LEN] = pqi_cli_alloc((size_t)rosters[i] * PQI_HASH_LEN);
        pqi_status st = PQI_OK;
        for (unsigned k = 0; k < TRIES && st == PQI_OK; k++) {
            double ms = 0;
            st = build(b->algs, leaves, rosters[i], &ms);
            least = k == 0 || ms < least ? ms : least;
        }
        if (st == PQI_OK) {
            pqi_bench_figure(b, name, "rebuild", least, "ms");
            pqi_bench_figure(
                b, name, "path", (double)path_len(b->algs, leaves, rosters[i]), "bytes");
        } else {
            bench_control_failed(b, name, st);
        }
        free(leaves);
    }
}

/* ---- decisions ------------------------------------------------------------------------------------ */

static pqi_status decide(void *state, uint64_t n)
{
    const unsigned *flags = state;
    pqi_gate_in in = {.fresh = (pqi_fresh)(PQI_FRESH_FRESH + n % 5u),
        .flags = n % 3u == 0 ? *flags : 0,
        .op = PQI_OP_RECEIVE,
        .cls = (pqi_class)(n % 4u),
        .known = 1};
    return pqi_reason_name(pqi_gate(&in))[0] != '?' ? PQI_OK : PQI_ERR_SELFTEST;
}

void bench_control_gate(pqi_bench *b)
{
    unsigned flags = PQI_GATE_REV_GAP | PQI_GATE_POLICY_OLD;
    pqi_bench_run(b, &(pqi_bench_case){"control", "gate", 0, decide, &flags, 0});
}

void pqi_bench_control(pqi_bench *b)
{
    bench_control_gate(b);
    bench_control_roster(b);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const pqi_sig *sig = pqi_algs_sig(b->algs, algorithms[i]);
        if (sig != NULL) {
            bench_control_cost(b, sig);
            bench_control_server(b, sig);
            bench_control_day(b, sig);
        }
    }
}
