/* SPDX-License-Identifier: Apache-2.0
 * pqi vectors: runs official test vectors against this build. */
#include "algs.h"
#include "commands.h"
#include "vectors/vectors.h"

#include <stdio.h>
#include <stdlib.h>

#define ABOUT                                                                                      \
    "Runs test vectors against the algorithms of this program: NIST ACVP, CAVP and KAT (.rsp)\n"   \
    "files, Wycheproof, C2SP CCTV (also gzip), KAT digests of PQClean and liboqs, X-Wing and\n"    \
    "RFC 5869 and 7748. The format is told by the content. What the program does not have or\n"    \
    "cannot express is skipped with a reason. Exit code 1 when a test failed, a file was not\n"    \
    "understood or nothing ran."

typedef struct totals {
    unsigned long passed, failed, skipped;
    pqi_cli_exit rc;
    json_t *report;
} totals;

static void run_file(pqi_vec *v, const char *path, totals *t)
{
    pqi_cli_exit rc = pqi_vec_file(v, path, t->report);
    if (rc != PQI_CLI_OK) {
        t->failed++; /* a file that cannot be used fails the run */
        t->rc = t->rc == PQI_CLI_FAILED ? t->rc : rc;
        return;
    }
    t->passed += v->passed;
    t->failed += v->failed;
    t->skipped += v->skipped;
    if (v->failed > 0) {
        t->rc = PQI_CLI_FAILED;
    }
}

static pqi_cli_exit finish(const totals *t, bool json)
{
    pqi_cli_exit rc = t->rc;
    if (json) {
        pqi_cli_exit out = pqi_cli_print_json(
            json_pack("{s:O, s:I, s:I, s:I}", "files", t->report, "passed", (json_int_t)t->passed,
                "failed", (json_int_t)t->failed, "skipped", (json_int_t)t->skipped));
        rc = out != PQI_CLI_OK ? out : rc;
    } else {
        printf("%lu passed, %lu failed, %lu skipped\n", t->passed, t->failed, t->skipped);
    }
    if (rc == PQI_CLI_OK && t->passed == 0) {
        return pqi_cli_fail(
            PQI_CLI_FAILED, "give a file of an algorithm in `pqi version`", "no test was run");
    }
    return rc;
}

pqi_cli_exit pqi_cmd_vectors(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false, verbose = false, slow = false, small = false;
    const char *backend = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON object instead of text"),
        PQI_CLI_FLAG("verbose", &verbose, "print a line for every test"),
        PQI_CLI_FLAG("slow", &slow, "also runs of up to a million operations (minutes)"),
        PQI_CLI_FLAG("small", &small, "the variants of least memory"),
        PQI_CLI_BACKEND(&backend),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options, ABOUT, &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc == 0) {
        return pqi_cli_usage(self, "vectors needs at least one file");
    }
    pqi_algs algs;
    rc = pqi_cli_algs_of(&algs, backend, small);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_vec v = {.algs = &algs, .verbose = verbose && !json, .quiet = json, .slow = slow};
    v.tmp_len = pqi_cli_tmp_len(&algs);
    v.tmp = pqi_cli_alloc(v.tmp_len);
    totals t = {.rc = PQI_CLI_OK, .report = json_array()};
    for (int i = 0; i < argc; i++) {
        run_file(&v, argv[i], &t);
    }
    free(v.tmp);
    rc = finish(&t, json);
    json_decref(t.report);
    return rc;
}
