/* SPDX-License-Identifier: Apache-2.0
 * Which kind of JSON file it is, told by the names in it, and the tests of it. */
#include "vectors_classic.h"
#include "vectors_pq.h"

#include <pqi/xwing.h>

#include <string.h>

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

static void run_groups(pqi_vec *v, json_t *groups, pqi_vec_test run)
{
    size_t i = 0, k = 0;
    json_array_foreach(groups, i, v->group)
    {
        json_t *tests = json_object_get(v->group, "tests");
        json_array_foreach(tests, k, v->test)
        {
            pqi_vec_run(v, run);
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

/* ACVP files name algorithm and revision, Wycheproof files algorithm and schema. */
static bool run_groups_of(pqi_vec *v, json_t *body, json_t *groups)
{
    v->algorithm = text_of(body, "algorithm");
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

/* ---- files without groups ---------------------------------------------------------------- */

static bool has(json_t *object, const char *name)
{
    return json_object_get(object, name) != NULL;
}

/* Strings in a value, through arrays and objects; the nesting was bounded by the JSON reader. */
static size_t count_strings(json_t *value, unsigned depth)
{
    size_t n = json_is_string(value), i = 0;
    const char *name = NULL;
    json_t *item = NULL;
    if (depth == 0) {
        return n;
    }
    json_array_foreach(value, i, item)
    {
        n += count_strings(item, depth - 1);
    }
    json_object_foreach(value, name, item)
    {
        n += count_strings(item, depth - 1);
    }
    return n;
}

/* Vectors of FN-DSA made before there was a draft. */
static bool run_fn_dsa(pqi_vec *v, json_t *body)
{
    json_t *tests = json_object_get(body, "tests");
    if (strstr(text_of(body, "status"), "not final") == NULL) {
        return false;
    }
    size_t n = json_array_size(tests);
    const char *name = NULL;
    json_t *item = NULL;
    json_object_foreach(body, name, item)
    {
        n += json_is_string(item) || item == tests ? 0 : count_strings(item, 4);
    }
    v->algorithm = "FN-DSA";
    pqi_vec_count_skips(v, "FN-DSA is not final", n);
    return true;
}

/* Steps inside Falcon's signing: their functions are not public. */
static bool run_falcon_steps(pqi_vec *v, json_t *body)
{
    v->algorithm = "Falcon";
    if (has(body, "samples") && has(body, "random")) {
        pqi_vec_count_skips(v, PQI_VEC_INTERNAL, json_array_size(json_object_get(body, "samples")));
        return true;
    }
    if (has(body, "chacha20_seed") && has(body, "s2")) {
        pqi_vec_count_skips(v, PQI_VEC_INTERNAL, 1);
        return true;
    }
    return false;
}

static bool run_rfc7748(pqi_vec *v, json_t *body)
{
    json_t *mult = json_object_get(body, "scalar_mult");
    json_t *after = json_object_get(json_object_get(body, "iterated"), "k_after");
    const char *count = NULL;
    json_t *k = NULL;
    if (!json_is_array(mult)) {
        return false;
    }
    v->algorithm = "X25519";
    pqi_vec_run_each(v, mult, pqi_vec_rfc7748_mult);
    json_object_foreach(after, count, k)
    {
        pqi_vec_run_made(
            v, json_pack("{s:s, s:O}", "count", count, "k", k), pqi_vec_rfc7748_iterate);
    }
    if (has(body, "diffie_hellman")) {
        pqi_vec_run_made(
            v, json_incref(json_object_get(body, "diffie_hellman")), pqi_vec_rfc7748_dh);
    }
    return true;
}

/* The forms of one algorithm: {"100": hex, ..}. */
static void run_accumulated_form(pqi_vec *v, json_t *counts, const char *algorithm, bool with_dk)
{
    const char *count = NULL;
    json_t *want = NULL;
    json_object_foreach(counts, count, want)
    {
        pqi_vec_run_made(v,
            json_pack("{s:s, s:s, s:b, s:O}", "algorithm", algorithm, "count", count, "withDk",
                with_dk, "want", want),
            pqi_vec_cctv_accumulated);
    }
}

static bool run_accumulated(pqi_vec *v, json_t *body)
{
    json_t *kem = json_object_get(body, "ml_kem"), *dsa = json_object_get(body, "ml_dsa");
    static const char *const forms[] = {"fips203_go_form", "fips203_with_dk"};
    const char *name = NULL;
    json_t *counts = NULL;
    if (!json_is_object(kem) || !json_is_object(dsa)) {
        return false;
    }
    v->algorithm = "ML-KEM and ML-DSA";
    v->mode = "accumulated";
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        json_object_foreach(json_object_get(kem, forms[i]), name, counts)
        {
            run_accumulated_form(v, counts, name, i == 1);
        }
    }
    json_object_foreach(json_object_get(kem, "draft_ipd_cctv"), name, counts)
    {
        pqi_vec_count_skips(v, PQI_VEC_DRAFT, json_object_size(counts));
    }
    json_object_foreach(dsa, name, counts)
    {
        if (strcmp(name, "field") == 0) {
            pqi_vec_count_skips(v, PQI_VEC_INTERNAL, 1);
        } else {
            run_accumulated_form(v, counts, name, false);
        }
    }
    return true;
}

/* Messages alone: C2SP CCTV, ML-DSA/benchmark. */
static bool run_messages(pqi_vec *v, json_t *root)
{
    size_t i = 0;
    json_t *msg = NULL;
    if (!json_is_string(json_array_get(root, 0))) {
        return false;
    }
    v->algorithm = "ML-DSA";
    v->mode = "benchmark";
    json_array_foreach(root, i, msg)
    {
        pqi_vec_run_made(v, json_pack("{s:O}", "msg", msg), pqi_vec_cctv_benchmark);
    }
    return true;
}

/* A list of tests of one kind, told by two names in the first. */
static const struct list_kind {
    const char *algorithm, *mode, *names[2];
    size_t pk_len; /* of the algorithm; 0: the names tell it alone */
    pqi_vec_test run;
} list_kinds[] = {
    {"ML-DSA", "rejection", {"sig_hash", "parameterSet"}, 0, pqi_vec_mldsa_rejection},
    {"X-Wing", "", {"eseed", "ss"}, PQI_XWING_PK, pqi_vec_xwing},
    {"CFRG hybrid KEM", "", {"randomness", "ss"}, PQI_XWING_PK, pqi_vec_xwing},
    {"Falcon", "verify", {"logn", "sig"}, 0, pqi_vec_falcon_verify},
    {"HKDF", "", {"ikm", "okm"}, 0, pqi_vec_rfc5869},
    {"AES-GCM", "", {"iv", "tag"}, 0, pqi_vec_cavp_gcm},
};

static bool run_list(pqi_vec *v, json_t *tests)
{
    json_t *first = json_array_get(tests, 0);
    for (size_t i = 0; i < sizeof list_kinds / sizeof list_kinds[0]; i++) {
        const struct list_kind *k = &list_kinds[i];
        if (has(first, k->names[0]) && has(first, k->names[1])) {
            bool known = k->pk_len == 0 || strlen(text_of(first, "pk")) == 2 * k->pk_len;
            v->algorithm = k->algorithm;
            v->mode = k->mode;
            pqi_vec_run_each(v, tests, known ? k->run : NULL);
            return true;
        }
    }
    return false;
}

bool pqi_vec_json(pqi_vec *v)
{
    json_t *body = body_of(v->root);
    json_t *groups = json_object_get(body, "testGroups");
    if (json_is_array(groups)) {
        return run_groups_of(v, body, groups);
    }
    return run_messages(v, v->root) || run_fn_dsa(v, body) ||
           run_list(v, json_object_get(body, "tests")) || run_rfc7748(v, body) ||
           run_accumulated(v, body) || run_falcon_steps(v, body) || pqi_vec_digests(v, body);
}
