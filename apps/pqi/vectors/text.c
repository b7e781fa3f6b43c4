/* SPDX-License-Identifier: Apache-2.0
 * Text files: the .rsp files of NIST KAT programs, "name = value" files and lists of keys of C2SP
 * CCTV. Tests become JSON objects with one string for a field, as if they had stood in a JSON file. */
#include "vectors_pq.h"

#include <string.h>

#define KEY_DIGITS 64u /* the least of a line that is taken for a key */

/* The next line without its end, "" at most; NULL at the end of the text. */
static char *next_line(char **at)
{
    char *line = *at;
    if (*line == '\0') {
        return NULL;
    }
    size_t n = strcspn(line, "\n");
    *at = line + n + (line[n] == '\n');
    line[n] = '\0';
    if (n > 0 && line[n - 1] == '\r') {
        line[n - 1] = '\0';
    }
    return line;
}

/* Splits "name = value" or "name =". NULL: it is another line. */
static char *split(char *line)
{
    char *eq = strchr(line, '=');
    if (eq == NULL || eq < line + 2 || eq[-1] != ' ' || (eq[1] != ' ' && eq[1] != '\0')) {
        return NULL;
    }
    eq[-1] = '\0';
    return eq[1] == '\0' ? eq + 1 : eq + 2;
}

/* Adds a field; `damaged` tells a line that is none. A name may stand again where the steps of an
 * algorithm are told: the first one counts. */
static void add_line(json_t *test, char *line, bool again)
{
    char *value = split(line);
    bool twice = value != NULL && json_object_get(test, line) != NULL;
    if (value == NULL || (twice && !again) ||
        (!twice && json_object_set_new(test, line, json_string(value)) != 0)) {
        (void)json_object_set_new(test, "damaged", json_true());
    }
}

/* ---- .rsp -------------------------------------------------------------------------------- */

static void run_rsp(pqi_vec *v, char *at)
{
    json_t *counts = json_array();
    json_t *test = NULL; /* borrowed from counts */
    char *line;
    v->mode = "KAT";
    while ((line = next_line(&at)) != NULL) {
        if (line[0] == '#') { /* only the first one names the algorithm */
            pqi_vec_printable(line);
            v->algorithm =
                v->algorithm[0] == '\0' ? line + 1 + strspn(line + 1, " ") : v->algorithm;
        } else if (line[0] != '\0') {
            if (test == NULL || strncmp(line, "count =", 7) == 0) {
                test = json_object();
                (void)json_array_append_new(counts, test);
            }
            add_line(test, line, false);
        }
    }
    pqi_vec_kat_counts(v, counts);
    json_decref(counts);
}

/* ---- CCTV -------------------------------------------------------------------------------- */

/* Names of the values around K-PKE and its arithmetic: they stand between the inputs and outputs. */
static size_t count_steps(json_t *test)
{
    static const char *const used[] = {"d", "z", "ek", "dk", "m", "K", "c", "damaged"};
    size_t n = json_object_size(test);
    for (size_t i = 0; i < sizeof used / sizeof used[0]; i++) {
        n -= json_object_get(test, used[i]) != NULL;
    }
    return n;
}

static void run_step(pqi_vec *v, json_t *values, const char *step)
{
    json_t *test = json_copy(values);
    (void)json_object_set_new(test, "step", json_string(step));
    pqi_vec_run_made(v, test, pqi_vec_cctv_step);
}

/* Decapsulation alone, or all of ML-KEM as the draft had it. */
static void run_values(pqi_vec *v, char *at)
{
    json_t *values = json_object();
    char *line;
    v->algorithm = "ML-KEM";
    while ((line = next_line(&at)) != NULL) {
        if (line[0] != '\0') {
            add_line(values, line, true);
        }
    }
    if (json_object_get(values, "d") == NULL) {
        v->mode = "strcmp";
        pqi_vec_run_made(v, json_incref(values), pqi_vec_cctv_strcmp);
    } else {
        v->mode = "draft";
        run_step(v, values, "keygen");
        run_step(v, values, "encaps");
        run_step(v, values, "decaps");
        pqi_vec_count_skips(v, PQI_VEC_INTERNAL, count_steps(values));
    }
    json_decref(values);
}

static void run_keys(pqi_vec *v, char *at)
{
    char *line;
    v->algorithm = "ML-KEM";
    v->mode = "modulus";
    while ((line = next_line(&at)) != NULL) {
        if (line[0] != '\0') {
            pqi_vec_run_made(v, json_pack("{s:s?}", "ek", line), pqi_vec_cctv_modulus);
        }
    }
}

/* The first line that is not empty tells the format. */
bool pqi_vec_lines(pqi_vec *v, char *text, size_t len)
{
    if (strlen(text) != len) {
        return false; /* a NUL in it: no text */
    }
    char *first = text + strspn(text, "\r\n");
    size_t n = strcspn(first, "\r\n");
    if ((first[0] == '#' && strstr(first, "\ncount =") != NULL) ||
        strncmp(first, "count =", 7) == 0) {
        run_rsp(v, first);
    } else if (strncmp(first, "d = ", 4) == 0 || strncmp(first, "dk = ", 5) == 0) {
        run_values(v, first);
    } else if (n >= KEY_DIGITS && strspn(first, "0123456789abcdefABCDEF") == n) {
        run_keys(v, first);
    } else {
        return false;
    }
    return true;
}
