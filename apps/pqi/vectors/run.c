/* SPDX-License-Identifier: Apache-2.0
 * One vector file: read it, tell its format by its content, run its tests, report. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)256 << 20)

static bool fits(const char *pattern, const char *text)
{
    size_t n = strlen(pattern);
    if (n > 0 && pattern[n - 1] == '*') {
        return strncmp(pattern, text, n - 1) == 0;
    }
    return strcmp(pattern, text) == 0;
}

static const pqi_vec_kind *find_acvp(
    const pqi_vec_kind *table, const char *algorithm, const char *mode)
{
    for (; table->algorithm != NULL; table++) {
        bool mode_fits = table->mode == NULL || strcmp(table->mode, mode) == 0;
        if (fits(table->algorithm, algorithm) && mode_fits) {
            return table;
        }
    }
    return NULL;
}

static const pqi_vec_kind *find_wycheproof(
    const pqi_vec_kind *table, const char *algorithm, const char *schema)
{
    for (; table->algorithm != NULL; table++) {
        if (fits(table->algorithm, algorithm) &&
            strncmp(table->mode, schema, strlen(table->mode)) == 0) {
            return table;
        }
    }
    return NULL;
}

static void count_skip(pqi_vec *v, const char *reason)
{
    v->skipped++;
    for (size_t i = 0; i < PQI_VEC_REASONS; i++) {
        if (v->reasons[i].reason == NULL || strcmp(v->reasons[i].reason, reason) == 0) {
            v->reasons[i].reason = reason;
            v->reasons[i].n++;
            return;
        }
    }
}

/* The id of the test, or its place when it has none. */
static long long test_id(const pqi_vec *v)
{
    json_t *id = json_object_get(v->test, "tcId");
    if (json_is_integer(id)) {
        return (long long)json_integer_value(id);
    }
    return (long long)(v->passed + v->failed + v->skipped) + 1;
}

static void run_test(pqi_vec *v, pqi_vec_test run)
{
    long long id = test_id(v);
    v->note[0] = '\0';
    v->skip = NULL;
    if (run == NULL) {
        v->skip = "algorithm not built in";
    } else if (!json_is_object(v->test)) {
        pqi_vec_note(v, "the test is not an object");
    } else {
        run(v);
    }
    if (v->note[0] == '\0' && v->skip != NULL) {
        count_skip(v, v->skip);
    } else if (v->note[0] == '\0') {
        v->passed++;
    } else {
        v->failed++;
        (void)json_array_append_new(
            v->failures, json_pack("{s:I, s:s}", "tcId", (json_int_t)id, "what", v->note));
    }
    if (!v->quiet && v->note[0] != '\0') {
        printf("  tcId %lld: FAILED: %s\n", id, v->note);
    } else if (v->verbose) {
        printf("  tcId %lld: %s%s\n", id, v->skip != NULL ? "skipped: " : "passed",
            v->skip != NULL ? v->skip : "");
    }
    while (v->n_held > 0) {
        free(v->held[--v->n_held]);
    }
}

static void run_groups(pqi_vec *v, json_t *groups, pqi_vec_test run)
{
    size_t i = 0, k = 0;
    json_array_foreach(groups, i, v->group)
    {
        json_t *tests = json_object_get(v->group, "tests");
        json_array_foreach(tests, k, v->test)
        {
            run_test(v, run);
        }
    }
}

/* The object with the tests: the root itself, or the second element of the pair
 * [{"acvVersion": ..}, {..}] that ACVP servers exchange. */
static json_t *body_of(json_t *root)
{
    if (json_is_array(root) && json_array_size(root) == 2) {
        return json_array_get(root, 1);
    }
    return root;
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static bool run_rejection_list(pqi_vec *v, json_t *body)
{
    json_t *tests = json_object_get(body, "tests");
    if (json_object_get(json_array_get(tests, 0), "sig_hash") == NULL) {
        return false;
    }
    v->algorithm = "ML-DSA";
    v->mode = "rejection";
    v->group = NULL;
    size_t k = 0;
    json_array_foreach(tests, k, v->test)
    {
        run_test(v, pqi_vec_mldsa_rejection);
    }
    return true;
}

/* ACVP files name algorithm and revision, Wycheproof files algorithm and schema. */
static bool run_body(pqi_vec *v, json_t *body)
{
    json_t *groups = json_object_get(body, "testGroups");
    v->algorithm = text_of(body, "algorithm");
    if (!json_is_array(groups)) {
        return run_rejection_list(v, body);
    }
    const pqi_vec_kind *kind = NULL;
    if (json_object_get(body, "schema") != NULL) {
        v->mode = text_of(body, "schema");
        kind = find_wycheproof(pqi_vec_wycheproof_pq, v->algorithm, v->mode);
        if (kind == NULL) {
            kind = find_wycheproof(pqi_vec_wycheproof_classic, v->algorithm, v->mode);
        }
    } else if (json_object_get(body, "revision") != NULL || json_object_get(body, "vsId") != NULL) {
        v->mode = text_of(body, "mode");
        kind = find_acvp(pqi_vec_acvp_pq, v->algorithm, v->mode);
        if (kind == NULL) {
            kind = find_acvp(pqi_vec_acvp_classic, v->algorithm, v->mode);
        }
    } else {
        return false;
    }
    run_groups(v, groups, kind != NULL ? kind->run : NULL);
    return true;
}

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

pqi_cli_exit pqi_vec_file(pqi_vec *v, const char *path, json_t *report)
{
    pqi_span text = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, FILE_MAX, &text);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    json_error_t err;
    json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &err);
    free(text.ptr);
    if (root == NULL) {
        return pqi_cli_fail(PQI_CLI_FAILED, "check that the file is whole",
            "%s is not JSON: %s (line %d)", path, err.text, err.line);
    }
    v->path = path;
    v->mode = "";
    v->passed = v->failed = v->skipped = 0;
    memset(v->reasons, 0, sizeof v->reasons);
    v->failures = json_array();
    if (run_body(v, body_of(root))) {
        report_file(v, report);
    } else {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "give a NIST ACVP or a Wycheproof file",
            "%s holds no test vectors of a known format", path);
    }
    if (rc == PQI_CLI_OK && v->passed + v->failed + v->skipped == 0) {
        rc =
            pqi_cli_fail(PQI_CLI_FAILED, "check that the file is whole", "%s holds no tests", path);
    }
    json_decref(v->failures);
    json_decref(root);
    return rc;
}
