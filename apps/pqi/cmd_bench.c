/* SPDX-License-Identifier: Apache-2.0
 * pqi bench: times of every operation on this machine. */
#include "algs.h"
#include "bench/bench.h"
#include "commands.h"

#include <pqi/xwing.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS_MAX 3600.0
#define FLEET_MAX   500000u /* both sessions of a peer are counted in a table of 2^20 */

static json_t *sizes(const pqi_algs *algs)
{
    json_t *list = json_array();
    for (size_t i = 0; i < algs->n_kems; i++) {
        const pqi_kem *k = algs->kems[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:i, s:i, s:i, s:i, s:b}", "algorithm", k->name, "pk",
                      (int)k->pk_len, "sk", (int)k->sk_len, "ct", (int)k->ct_len, "tmp",
                      (int)k->tmp_len, "standard", k->flags == 0));
    }
    for (size_t i = 0; i < algs->n_sigs; i++) {
        const pqi_sig *s = algs->sigs[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:i, s:i, s:i, s:i}", "algorithm", s->name, "pk", (int)s->pk_len,
                      "sk", (int)s->sk_len, "sig", (int)s->sig_len, "tmp", (int)s->sign_tmp));
    }
    return list;
}

/* Behind the sizes of an algorithm that is no standard. */
static const char *remark(uint32_t flags)
{
    return (flags & PQI_ALG_NOT_STANDARD) != 0   ? "  not standardised"
           : (flags & PQI_ALG_PRE_STANDARD) != 0 ? "  pre-standard"
                                                 : "";
}

static void print_sizes(const pqi_algs *algs)
{
    printf("\n%-20s %8s %8s %8s\n", "bytes", "pk", "sk", "ct|sig");
    for (size_t i = 0; i < algs->n_kems; i++) {
        const pqi_kem *k = algs->kems[i];
        printf("%-20s %8u %8u %8u%s\n", k->name, k->pk_len, k->sk_len, k->ct_len, remark(k->flags));
    }
    printf("%-20s %8u %8u %8u\n", "X-Wing", PQI_XWING_PK, PQI_XWING_SK, PQI_XWING_CT);
    for (size_t i = 0; i < algs->n_sigs; i++) {
        const pqi_sig *s = algs->sigs[i];
        printf(
            "%-20s %8u %8u %8u%s\n", s->name, s->pk_len, s->sk_len, s->sig_len, remark(s->flags));
    }
}

/* A positive decimal number of seconds. */
static bool parse_seconds(const char *text, uint64_t *ns)
{
    char *end = NULL;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v > 0.0) || v > SECONDS_MAX) {
        return false;
    }
    *ns = (uint64_t)(v * 1e9);
    return true;
}

/* Welch's t between fixed and varying secrets. */
static void run_timing(pqi_bench *b)
{
    if (!b->quiet) {
        printf("%-20s %-34s %9s %10s\n", "algorithm", "operation", "t", "measured");
    }
    pqi_bench_timing(b);
    if (!b->quiet) {
        printf(
            "\n|t| above 10 that grows with --seconds tells that the time depends on the secret,\n"
            "as it does for the control.\n");
    }
}

static bool is_group(const char *name)
{
    const pqi_bench_group *g = pqi_bench_groups;
    while (g->name != NULL && strcmp(g->name, name) != 0) {
        g++;
    }
    return g->name != NULL;
}

/* only: the name of a group; NULL: all that need not be named. */
static void run_groups(pqi_bench *b, const char *only)
{
    const char *unit = pqi_bench_cycle_unit(b);
    if (!b->quiet) {
        printf("%-20s %-22s %11s %11s %11s", "algorithm", "operation", "median ns", "min ns",
            "p90 ns");
        printf(unit != NULL ? " %8s cyc\n" : "%s\n", unit != NULL ? unit : "");
    }
    for (const pqi_bench_group *g = pqi_bench_groups; g->name != NULL; g++) {
        if (only != NULL ? strcmp(g->name, only) == 0 : !g->asked) {
            g->run(b);
        }
    }
}

static pqi_cli_exit run(pqi_bench *b, bool timing, const char *only)
{
    if (timing) {
        run_timing(b);
    } else {
        run_groups(b, only);
    }
    if (b->n_run == 0 && !b->failed) {
        return pqi_cli_fail(
            PQI_CLI_USAGE, "pqi bench without --filter", "no operation fits the filter");
    }
    if (b->quiet) {
        json_t *root = json_pack("{s:O, s:O, s:o, s:s?}", "results", b->results, "figures",
            b->figures, "sizes", sizes(b->algs), "cycle_unit", pqi_bench_cycle_unit(b));
        pqi_cli_exit rc = pqi_cli_print_json(root);
        return b->failed ? PQI_CLI_FAILED : rc;
    }
    if (!timing && only == NULL) {
        print_sizes(b->algs);
    }
    return b->failed ? PQI_CLI_FAILED : PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_bench(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_bench b = {.perf = -1};
    const char *seconds = "0.25", *backend = NULL, *only = NULL;
    bool small = false, timing = false;
    uint64_t sessions = 100000;
    pqi_cli_list providers = {0};
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &b.quiet, "print one JSON object"),
        PQI_CLI_STRING("filter", "NAME", &b.filter, "only operations with NAME in their name"),
        PQI_CLI_STRING("seconds", "S", &seconds, "time for each operation (0.25)"),
        PQI_CLI_UINT("sessions", "N", &sessions, FLEET_MAX, "of the fleet (100000)"),
        PQI_CLI_LIST("provider", "URI", &providers, "of the group providers; several (soft:)"),
        PQI_CLI_FLAG("small", &small, "the variants of least memory"),
        PQI_CLI_BACKEND(&backend),
        PQI_CLI_FLAG("timing", &timing, "instead: whether times tell secrets apart (t values)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Measures every operation: nanoseconds (median, least, 90th percentile of batches)\n"
        "and cycles. Core cycles need perf_event; else the time stamp counter is shown,\n"
        "labelled tsc, which runs at its own fixed rate.\n"
        "GROUP is kem, sig, hash, aead, curve, v1, session; and four that run only when named:\n"
        "fleet, an endpoint with many sessions at once; control, what the control plane costs a\n"
        "device and its server; memory, what the protection of a provider's memory costs; "
        "providers,\n"
        "each operation with the keys in this process, a TPM, a token or an agent, in a new "
        "directory\n"
        "under /tmp (a TPM needs pqi tpm init before).",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc == 1 && !timing && !is_group(argv[0])) {
        return pqi_cli_usage(self, "there is no group %s", argv[0]);
    }
    if (argc > 1 || (argc == 1 && timing)) {
        return pqi_cli_usage(self, "bench takes one group at most, and none with --timing");
    }
    only = argc == 1 ? argv[0] : NULL;
    if (!parse_seconds(seconds, &b.ns_per_case)) {
        return pqi_cli_usage(self, "--seconds takes a number above 0 and up to %.0f, not \"%.40s\"",
            SECONDS_MAX, seconds);
    }
    if (sessions == 0) {
        return pqi_cli_usage(self, "--sessions takes a number from 1 on");
    }
    b.fleet = (uint32_t)sessions;
    b.providers = &providers;
    pqi_algs algs;
    rc = pqi_cli_algs_of(&algs, backend, small);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_require_selftest();
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    b.algs = &algs;
    b.results = json_array();
    b.figures = json_array();
    pqi_bench_open_counter(&b);
    rc = run(&b, timing, only);
    pqi_bench_close_counter(&b);
    json_decref(b.results);
    json_decref(b.figures);
    return rc;
}
