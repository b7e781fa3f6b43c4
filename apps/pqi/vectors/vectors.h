/* SPDX-License-Identifier: Apache-2.0
 * The vector runner: one file, one test at a time. run.c reads a file and tells its format by its
 * content; json.c and text.c find the tests in it; each test is a JSON object, also those of text
 * files, and goes through pqi_vec_run() with a test function. That takes its fields with
 * pqi_vec_hex() and friends and compares with pqi_vec_equal() and pqi_vec_status(). A test passes
 * when nothing was noted against it. */
#ifndef PQI_APPS_VECTORS_H
#define PQI_APPS_VECTORS_H

#include "../cli.h"

#include <pqi/suite.h>

#include <jansson.h>

#define PQI_VEC_REASONS 16u
#define PQI_VEC_FIELDS  24u

typedef struct pqi_vec pqi_vec;
typedef void (*pqi_vec_test)(pqi_vec *v);

/* What a test of a Wycheproof file says about itself. */
typedef enum pqi_vec_result { PQI_VEC_VALID, PQI_VEC_INVALID, PQI_VEC_ACCEPTABLE } pqi_vec_result;

struct pqi_vec {
    const pqi_algs *algs;
    bool verbose, quiet;
    bool slow;    /* also what takes minutes */
    uint8_t *tmp; /* scratch for every algorithm of algs */
    size_t tmp_len;

    /* the file */
    const char *path, *algorithm, *mode;
    json_t *root;     /* NULL for a text file */
    json_t *failures; /* array of {tcId, what} */
    unsigned long passed, failed, skipped;
    struct {
        const char *reason; /* static storage */
        unsigned long n;
    } reasons[PQI_VEC_REASONS];

    /* the test */
    json_t *group, *test;
    const char *skip; /* why it is skipped; static storage */
    char note[256];   /* what differed; empty: nothing */
    void *held[PQI_VEC_FIELDS];
    size_t n_held;
};

/* One kind of file: what tells it and what runs its tests. Tables end with a NULL algorithm. */
typedef struct pqi_vec_kind {
    const char *algorithm; /* of the file; a trailing '*' stands for any rest */
    const char *mode;      /* ACVP: the mode or NULL; Wycheproof: the start of the schema's name */
    pqi_vec_test run;
} pqi_vec_kind;

extern const pqi_vec_kind pqi_vec_acvp_pq[], pqi_vec_acvp_classic[];
extern const pqi_vec_kind pqi_vec_wycheproof_pq[], pqi_vec_wycheproof_classic[];

/* Skip reasons that several files share. */
#define PQI_VEC_NOT_BUILT_IN "algorithm not built in"
#define PQI_VEC_INTERNAL     "internal step, in the unit tests"
#define PQI_VEC_DRAFT        "key generation of the FIPS 203 draft"
#define PQI_VEC_SLOW         "long run, see --slow"

/* ---- fields: the test's own, else its group's ------------------------------------------- */

json_t *pqi_vec_field(const pqi_vec *v, const char *name); /* NULL when absent or null */
bool pqi_vec_has(const pqi_vec *v, const char *name);
/* The bytes of a hex field; they live as long as the test. Absent or not hex: noted, empty. */
pqi_cspan pqi_vec_hex(pqi_vec *v, const char *name);
/* The same, cut to `bits` given by another field; sets the skip reason when not whole bytes. */
pqi_cspan pqi_vec_hex_bits(pqi_vec *v, const char *name, const char *bits_name);
/* The same, empty when absent. */
pqi_cspan pqi_vec_hex_opt(pqi_vec *v, const char *name);
const char *pqi_vec_text(const pqi_vec *v, const char *name); /* "" when absent */
size_t pqi_vec_number(pqi_vec *v, const char *name);          /* absent: noted, 0 */
bool pqi_vec_true(const pqi_vec *v, const char *name);
pqi_vec_result pqi_vec_expected(pqi_vec *v); /* "result" */
/* Zeroed memory that lives as long as the test. */
pqi_span pqi_vec_room(pqi_vec *v, size_t len);

/* ---- verdicts --------------------------------------------------------------------------- */

void pqi_vec_note(pqi_vec *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts '?' for all but printable ASCII: text of a file neither steers a terminal nor, cut in the
 * middle of a character, drops out of a JSON report. Notes are made so. */
void pqi_vec_printable(char *text);
/* Notes "NAME differs: got .. want .." on a difference. */
bool pqi_vec_equal(pqi_vec *v, const char *name, pqi_cspan got, pqi_cspan want);
/* Notes "WHAT gave X, expected Y" on a difference. */
bool pqi_vec_status(pqi_vec *v, const char *what, pqi_status got, pqi_status want);

/* ---- lookups ---------------------------------------------------------------------------- */

const pqi_kem *pqi_vec_kem(pqi_vec *v, const char *name); /* NULL: skip reason set */
const pqi_sig *pqi_vec_sig(pqi_vec *v, const char *name);
/* By any of the names in use ("SHA2-256", "SHA-256", "SHA3-512", "SHAKE-128"); PQI_HASH_NONE. */
pqi_hash_id pqi_vec_hash(const char *name);
/* Digest over parts with whichever implementation has it; for SHAKE out.len bytes. */
PQI_MUST_CHECK pqi_status pqi_vec_digest(
    const pqi_vec *v, pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, pqi_span out);

static inline pqi_cspan pqi_vec_c(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

static inline pqi_span pqi_vec_tmp(const pqi_vec *v)
{
    return (pqi_span){v->tmp, v->tmp_len};
}

/* ---- tests ------------------------------------------------------------------------------ */

/* Runs v->test (with v->group for fields it lacks) and counts it. `run` NULL: not built in. */
void pqi_vec_run(pqi_vec *v, pqi_vec_test run);
/* Every element of an array, without a group. */
void pqi_vec_run_each(pqi_vec *v, json_t *tests, pqi_vec_test run);
/* Runs a test made on the spot and drops the reference. */
void pqi_vec_run_made(pqi_vec *v, json_t *test, pqi_vec_test run);
/* Counts n tests as skipped; `reason` in static storage. */
void pqi_vec_count_skips(pqi_vec *v, const char *reason, size_t n);
/* Frees what pqi_vec_room() gave since v->n_held was `mark`, in a test that needs much. */
void pqi_vec_release(pqi_vec *v, size_t mark);

/* ---- files ------------------------------------------------------------------------------ */

/* The tests of v->root, or of a text of `len` bytes with a NUL behind it, which is written to and
 * stays as long as v->algorithm is used. false: no format that is known. */
bool pqi_vec_json(pqi_vec *v);
bool pqi_vec_lines(pqi_vec *v, char *text, size_t len);

/* The parts of pqi_vec_json() and pqi_vec_lines() for files about whole runs of the NIST KAT
 * programs: digests of them, and the counts of one ("count = ..", "pk = .."), made into an array. */
bool pqi_vec_digests(pqi_vec *v, json_t *body);
void pqi_vec_kat_counts(pqi_vec *v, json_t *counts);

/* What a gzip file holds, at most `cap` bytes, allocated, with a NUL behind it. */
bool pqi_vec_gunzip(pqi_cspan in, size_t cap, pqi_span *out);

/* Runs all tests of a file. PQI_CLI_OK: counts are in v, failures or not; else the error was
 * printed. With a report, an object about the file is appended to that JSON array. */
pqi_cli_exit pqi_vec_file(pqi_vec *v, const char *path, json_t *report);

#endif
