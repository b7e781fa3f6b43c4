/* SPDX-License-Identifier: Apache-2.0
 * pqi selftest: the known answers that also run before every command that uses keys. */
#include "algs.h"
#include "commands.h"

#include <pqi/selftest.h>

#include <stdio.h>
#include <stdlib.h>

static const char *word(pqi_status st)
{
    if (st == PQI_OK) {
        return "passed";
    }
    return st == PQI_ERR_UNSUPPORTED ? "not offered" : "FAILED";
}

static unsigned run_all(const pqi_algs *algs, bool quiet, json_t *results)
{
    unsigned failed = 0;
    pqi_span tmp = {NULL, pqi_selftest_tmp_len(algs)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    for (unsigned i = 0; i < pqi_selftest_count(algs); i++) {
        pqi_status st = pqi_selftest_one(algs, i, tmp);
        const char *name = pqi_selftest_name(algs, i);
        failed += st != PQI_OK && st != PQI_ERR_UNSUPPORTED;
        if (!quiet) {
            printf("%-20s %s\n", name, word(st));
        }
        (void)json_array_append_new(
            results, json_pack("{s:s, s:s}", "algorithm", name, "result", word(st)));
    }
    free(tmp.ptr);
    return failed;
}

pqi_cli_exit pqi_cmd_selftest(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
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
    pqi_cli_algs(&algs);
    json_t *results = json_array();
    unsigned failed = run_all(&algs, json, results);
    if (json) {
        rc = pqi_cli_print_json(json_pack("{s:b, s:O}", "passed", failed == 0, "results", results));
    } else {
        printf("%u items, %u failed\n", pqi_selftest_count(&algs), failed);
        rc = PQI_CLI_OK;
    }
    json_decref(results);
    if (failed > 0) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "install the program again, then check the OpenSSL library and the machine",
            "%u of the algorithms of this program give wrong answers", failed);
    }
    return rc;
}
