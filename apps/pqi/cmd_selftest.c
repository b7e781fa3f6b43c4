/* SPDX-License-Identifier: Apache-2.0
 * pqi selftest: the known answers that also run before every command that uses keys. */
#include "algs.h"
#include "commands.h"

#include <pqi/selftest.h>
#include <pqi/xwing.h>

#include <stdio.h>
#include <stdlib.h>

static const char *word(pqi_status st)
{
    if (st == PQI_OK) {
        return "passed";
    }
    return st == PQI_ERR_UNSUPPORTED ? "not offered" : "FAILED";
}

/* What has been tested so far. */
typedef struct tally {
    bool quiet;
    unsigned items, failed;
    json_t *results;
} tally;

static void add(tally *t, const char *name, pqi_status st)
{
    t->items++;
    t->failed += st != PQI_OK && st != PQI_ERR_UNSUPPORTED;
    if (!t->quiet) {
        printf("%-20s %s\n", name, word(st));
    }
    (void)json_array_append_new(
        t->results, json_pack("{s:s, s:s}", "algorithm", name, "result", word(st)));
}

/* X-Wing is made of two of the algorithms and is in no set. */
static void run_xwing(const pqi_algs *algs, tally *t)
{
    const pqi_xwing x = {pqi_algs_kem(algs, PQI_KEM_ID_ML_KEM_768), algs->classic};
    pqi_span tmp = {NULL, pqi_xwing_selftest_tmp_len(&x)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    add(t, "X-Wing", pqi_xwing_selftest(&x, tmp));
    free(tmp.ptr);
}

static void run_all(const pqi_algs *algs, tally *t)
{
    pqi_span tmp = {NULL, pqi_selftest_tmp_len(algs)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    for (unsigned i = 0; i < pqi_selftest_count(algs); i++) {
        add(t, pqi_selftest_name(algs, i), pqi_selftest_one(algs, i, tmp));
    }
    free(tmp.ptr);
    run_xwing(algs, t);
}

pqi_cli_exit pqi_cmd_selftest(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false, small = false;
    const char *backend = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_FLAG("small", &small, "the variants of least memory"),
        PQI_CLI_BACKEND(&backend),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Compares every algorithm of this program with a known answer. The same test runs\n"
        "before every command that uses keys, which refuses to work when it fails.",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 0) {
        return pqi_cli_usage(self, "selftest takes no operand");
    }
    pqi_algs algs;
    rc = pqi_cli_algs_of(&algs, backend, small);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    tally t = {.quiet = json, .results = json_array()};
    run_all(&algs, &t);
    if (json) {
        rc = pqi_cli_print_json(
            json_pack("{s:b, s:O}", "passed", t.failed == 0, "results", t.results));
    } else {
        printf("%u items, %u failed\n", t.items, t.failed);
        rc = PQI_CLI_OK;
    }
    json_decref(t.results);
    if (t.failed > 0) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "install the program again, then check the OpenSSL library and the machine",
            "%u of the algorithms of this program give wrong answers", t.failed);
    }
    return rc;
}
