/* SPDX-License-Identifier: Apache-2.0
 * One vector file: read it, tell its format by its first bytes, run its tests, report. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)

static void report_file(const pqi_vec *v, json_t *report)
{
    json_t *skips = json_object();
    if (!v->quiet) {
        printf(
            "%s: %lu passed, %lu failed, %lu skipped", v->path, v->passed, v->failed, v->skipped);
    }
    for (size_t i = 0; i < PQI_VEC_REASONS && v->reasons[i].reason != NULL; i++) {
        (void)json_object_set_new(
            skips, v->reasons[i].reason, json_integer((json_int_t)v->reasons[i].n));
        if (!v->quiet) {
            printf("%s%s: %lu", i == 0 ? " (" : ", ", v->reasons[i].reason, v->reasons[i].n);
        }
    }
    if (!v->quiet) {
        printf("%s\n", v->skipped > 0 ? ")" : "");
    }
    (void)json_array_append_new(
        report, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:O}", "file", v->path, "algorithm",
                    v->algorithm, "mode", v->mode, "passed", (json_int_t)v->passed, "failed",
                    (json_int_t)v->failed, "skipped", (json_int_t)v->skipped, "skips", skips,
                    "failures", v->failures));
}

#define WHOLE "check that the file is whole"

/* Runs the tests of `text`, which may be gzip. Errors are printed. */
static pqi_cli_exit run_content(pqi_vec *v, pqi_span *text)
{
    static const uint8_t gzip[2] = {0x1f, 0x8b}; /* RFC 1952 section 2.3.1 */
    if (text->len >= sizeof gzip && memcmp(text->ptr, gzip, sizeof gzip) == 0) {
        pqi_span packed = *text;
        bool ok = pqi_vec_gunzip((pqi_cspan){packed.ptr, packed.len}, FILE_MAX, text);
        if (!ok) {
            return pqi_cli_fail(PQI_CLI_FAILED, WHOLE,
                "%s is damaged gzip, or longer than %zu bytes", v->path, FILE_MAX);
        }
        free(packed.ptr);
    }
    size_t at = strspn((const char *)text->ptr, " \t\r\n");
    bool known;
    if (text->ptr[at] == '{' || text->ptr[at] == '[') {
        json_error_t err;
        v->root = json_loadb((const char *)text->ptr, text->len, JSON_REJECT_DUPLICATES, &err);
        if (v->root == NULL) {
            return pqi_cli_fail(
                PQI_CLI_FAILED, WHOLE, "%s is not JSON: %s (line %d)", v->path, err.text, err.line);
        }
        known = pqi_vec_json(v);
    } else {
        known = pqi_vec_lines(v, (char *)text->ptr, text->len);
    }
    if (!known) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi vectors --help for what is understood",
            "%s holds no test vectors of a known format", v->path);
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_vec_file(pqi_vec *v, const char *path, json_t *report)
{
    pqi_span text = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, FILE_MAX, &text);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    v->path = path;
    v->algorithm = v->mode = "";
    v->passed = v->failed = v->skipped = 0;
    memset(v->reasons, 0, sizeof v->reasons);
    v->failures = json_array();
    rc = run_content(v, &text);
    if (rc == PQI_CLI_OK) {
        report_file(v, report);
    }
    if (rc == PQI_CLI_OK && v->passed + v->failed + v->skipped == 0) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, WHOLE, "%s holds no tests", path);
    }
    json_decref(v->failures);
    json_decref(v->root);
    v->root = NULL;
    free(text.ptr);
    return rc;
}
