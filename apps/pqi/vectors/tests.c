/* SPDX-License-Identifier: Apache-2.0
 * One test: run it, count it, say what happened. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pqi_vec_count_skips(pqi_vec *v, const char *reason, size_t n)
{
    v->skipped += n;
    for (size_t i = 0; n > 0 && i < PQI_VEC_REASONS; i++) {
        if (v->reasons[i].reason == NULL || strcmp(v->reasons[i].reason, reason) == 0) {
            v->reasons[i].reason = reason;
            v->reasons[i].n += n;
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

void pqi_vec_release(pqi_vec *v, size_t mark)
{
    while (v->n_held > mark) {
        free(v->held[--v->n_held]);
    }
}

void pqi_vec_run(pqi_vec *v, pqi_vec_test run)
{
    long long id = test_id(v);
    v->note[0] = '\0';
    v->skip = NULL;
    if (run == NULL) {
        v->skip = PQI_VEC_NOT_BUILT_IN;
    } else if (!json_is_object(v->test)) {
        pqi_vec_note(v, "the test is not an object");
    } else {
        run(v);
    }
    if (v->note[0] == '\0' && v->skip != NULL) {
        pqi_vec_count_skips(v, v->skip, 1);
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
    pqi_vec_release(v, 0);
}

void pqi_vec_run_each(pqi_vec *v, json_t *tests, pqi_vec_test run)
{
    size_t k = 0;
    v->group = NULL;
    json_array_foreach(tests, k, v->test)
    {
        pqi_vec_run(v, run);
    }
}

void pqi_vec_run_made(pqi_vec *v, json_t *test, pqi_vec_test run)
{
    v->group = NULL;
    v->test = test;
    pqi_vec_run(v, run);
    v->test = NULL;
    json_decref(test);
}
