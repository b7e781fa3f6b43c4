/* SPDX-License-Identifier: Apache-2.0
 * Digests of whole runs of the NIST KAT programs, as PQClean (META.yml) and liboqs (kats.json) keep
 * them: the text of the run is made again and hashed. */
#include "kat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTS  100u /* of a whole run */
#define MSG_LEN 33u  /* count i has a message of 33 * (i + 1) bytes: PQCgenKAT_sign.c */

/* What stands around the counts: one alone; joined by empty lines; a file with its header. */
typedef enum form { SINGLE, ALL, WHOLE_FILE } form;

static void put(FILE *f, const char *name, pqi_cspan s)
{
    (void)fprintf(f, "%s = ", name);
    for (size_t i = 0; i < s.len; i++) {
        (void)fprintf(f, "%02X", s.ptr[i]);
    }
    (void)fputc('\n', f);
}

/* One count. `master` gives seed and message. */
static bool put_count(pqi_vec *v, FILE *f, const pqi_kat *k, pqi_drbg *master, size_t i)
{
    uint8_t seed[PQI_DRBG_SEED];
    pqi_span msg = {NULL, 0};
    pqi_kat_count c;
    pqi_drbg_generate(master, seed, sizeof seed);
    if (k->sign != NULL) {
        msg = pqi_vec_room(v, MSG_LEN * (i + 1));
        pqi_drbg_generate(master, msg.ptr, msg.len);
    }
    if (!pqi_kat_make(v, k, seed, pqi_vec_c(msg), &c)) {
        return false;
    }
    (void)fprintf(f, "count = %zu\n", i);
    put(f, "seed", (pqi_cspan){seed, sizeof seed});
    if (k->sign != NULL) {
        (void)fprintf(f, "mlen = %zu\n", msg.len);
        put(f, "msg", pqi_vec_c(msg));
    }
    put(f, "pk", pqi_vec_c(c.pk));
    put(f, "sk", pqi_vec_c(c.sk));
    if (k->sign != NULL) {
        (void)fprintf(f, "smlen = %zu\n", c.sm.len);
        put(f, "sm", pqi_vec_c(c.sm));
    } else {
        put(f, "ct", pqi_vec_c(c.ct));
        put(f, "ss", pqi_vec_c(c.ss));
    }
    return true;
}

static bool put_run(pqi_vec *v, FILE *f, const pqi_kat *k, form what)
{
    uint8_t entropy[PQI_DRBG_SEED];
    pqi_drbg master;
    const size_t mark = v->n_held;
    for (size_t i = 0; i < sizeof entropy; i++) {
        entropy[i] = (uint8_t)i; /* PQCgenKAT_kem.c, PQCgenKAT_sign.c */
    }
    pqi_drbg_init(&master, entropy);
    if (what == WHOLE_FILE) {
        (void)fprintf(f, "# %s\n\n", k->names[0]);
    }
    for (size_t i = 0; i < (what == SINGLE ? 1 : COUNTS); i++) {
        if (what == ALL && i > 0) {
            (void)fputc('\n', f);
        }
        if (!put_count(v, f, k, &master, i)) {
            return false;
        }
        if (what == WHOLE_FILE) {
            (void)fputc('\n', f);
        }
        pqi_vec_release(v, mark);
    }
    return true;
}

/* {name, form, sha256}: `form` one of the names in run_entry(). */
static void test_digest(pqi_vec *v)
{
    const char *what = pqi_vec_text(v, "form");
    const pqi_kat *k = pqi_kat_find(v, pqi_vec_text(v, "name"));
    const pqi_cspan want = pqi_vec_hex(v, "sha256");
    char *text = NULL;
    size_t len = 0;
    if (k == NULL) {
        return;
    }
    if (strcmp(what, "testvectors-sha256") == 0) {
        v->skip = "made with PQClean's own generator";
        return;
    }
    FILE *f = open_memstream(&text, &len);
    if (f == NULL) {
        pqi_vec_note(v, "out of memory");
        return;
    }
    form run = strncmp(what, "all", 3) == 0    ? ALL
               : strncmp(what, "file", 4) == 0 ? WHOLE_FILE
                                               : SINGLE;
    bool made = put_run(v, f, k, run);
    if (fclose(f) != 0) {
        pqi_vec_note(v, "out of memory");
    } else if (made) {
        uint8_t md[32];
        const pqi_cspan all = {(const uint8_t *)text, len};
        pqi_status st = pqi_vec_digest(v, PQI_HASH_SHA256, &all, 1, (pqi_span){md, sizeof md});
        if (pqi_vec_status(v, "digest", st, PQI_OK)) {
            (void)pqi_vec_equal(v, what, (pqi_cspan){md, sizeof md}, want);
        }
    }
    free(text);
}

static void run_form(pqi_vec *v, const char *name, const char *what, json_t *sha)
{
    if (sha != NULL) {
        pqi_vec_run_made(v, json_pack("{s:s, s:s, s:O}", "name", name, "form", what, "sha256", sha),
            test_digest);
    }
}

/* The digests of one algorithm. */
static void run_entry(pqi_vec *v, const char *name, json_t *entry)
{
    static const char *const forms[] = {"nistkat-sha256", "testvectors-sha256", "single", "all",
        "first_count_sha256", "all_counts_sha256", "file_sha256"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        run_form(v, name, forms[i], json_object_get(entry, forms[i]));
    }
    if (json_is_string(entry)) { /* liboqs of some time */
        run_form(v, name, "single", entry);
    }
}

/* An object of entries by name. */
static void run_entries(pqi_vec *v, json_t *entries)
{
    const char *name = NULL;
    json_t *entry = NULL;
    json_object_foreach(entries, name, entry)
    {
        run_entry(v, name, entry);
    }
}

bool pqi_vec_digests(pqi_vec *v, json_t *body)
{
    json_t *schemes = json_object_get(body, "schemes"), *item = NULL;
    const char *name = NULL;
    size_t i = 0;
    v->mode = "KAT digests";
    if (json_is_array(schemes)) { /* PQClean */
        json_array_foreach(schemes, i, item)
        {
            const char *scheme = json_string_value(json_object_get(item, "name"));
            run_entry(v, scheme != NULL ? scheme : "", item);
        }
        return true;
    }
    if (json_is_object(json_object_get(body, "digests"))) {
        run_entries(v, json_object_get(body, "digests"));
        return true;
    }
    if (!json_is_object(json_object_get(body, "current"))) {
        return false;
    }
    json_object_foreach(body, name, item) /* liboqs: today's and those of older commits */
    {
        if (json_is_object(item)) {
            run_entries(v, item);
        }
    }
    return true;
}
