/* SPDX-License-Identifier: Apache-2.0
 * Allow-lists as CSV: lines of columns, without quotes, in one transaction. */
#include "ca_item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_MAX (16u * 1024u * 1024u)

/* ---- assurance ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t bit;
} trust_names[] = {{"no-rollback", PQI_ASSURE_NO_ROLLBACK},
    {"non-exportable", PQI_ASSURE_NON_EXPORTABLE}, {"hw-rng", PQI_ASSURE_HW_RNG},
    {"attested-boot", PQI_ASSURE_ATTESTED_BOOT}, {"half", PQI_ASSURE_HALF},
    {"separate", PQI_ASSURE_SEPARATE}};

#define N_TRUST (sizeof trust_names / sizeof trust_names[0])

void pqi_ca_assurance(char out[PQI_CA_ASSURANCE_LEN], uint32_t bits)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_TRUST; i++) {
        if ((bits & trust_names[i].bit) != 0) {
            int n = snprintf(out + at, PQI_CA_ASSURANCE_LEN - at, "%s%s", at != 0 ? "+" : "",
                trust_names[i].name);
            at += n > 0 ? (size_t)n : 0;
        }
    }
}

pqi_cli_exit pqi_ca_parse_assurance(const char *text, uint32_t *bits)
{
    *bits = 0;
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "+"), i = 0;
        while (i < N_TRUST &&
               (strlen(trust_names[i].name) != n || strncmp(trust_names[i].name, text, n) != 0)) {
            i++;
        }
        if (i == N_TRUST) {
            return pqi_cli_fail(PQI_CLI_USAGE,
                "no-rollback, non-exportable, hw-rng, attested-boot, half, separate, joined by +",
                "unknown assurance in \"%.60s\"", text);
        }
        *bits |= trust_names[i].bit;
        text += n + (text[n] == '+');
    }
    return PQI_CLI_OK;
}

/* ---- columns ------------------------------------------------------------------------------------ */

enum { COL_ID, COL_FACTORY, COL_ROLES, COL_SCOPES, COL_GWSET, COL_ASSURANCE, COLS };

static const char *const col_names[COLS] = {
    "id", "factory", "roles", "scopes", "gwset", "assurance"};

typedef struct layout {
    int at[COLS]; /* place of a column in a line; -1: there is none */
    int n;        /* columns of a line */
} layout;

/* Cuts the next field off and takes blanks from its ends. */
static char *field(char **at)
{
    char *start = *at;
    char *end = strchr(start, ',');
    *at = end != NULL ? end + 1 : NULL;
    if (end != NULL) {
        *end = '\0';
    }
    while (*start == ' ') {
        start++;
    }
    for (char *p = start + strlen(start); p > start && p[-1] == ' '; p--) {
        p[-1] = '\0';
    }
    return start;
}

static bool is_header(const char *line)
{
    while (*line == ' ') {
        line++;
    }
    return strncmp(line, "id,", 3) == 0 || strncmp(line, "id ,", 4) == 0;
}

/* The first line may say which columns there are; without it the first four. */
static pqi_cli_exit read_header(char *line, unsigned number, layout *l)
{
    l->n = 0;
    for (int c = 0; c < COLS; c++) {
        l->at[c] = -1;
    }
    for (char *at = line; at != NULL; l->n++) {
        const char *name = field(&at);
        int c = 0;
        while (c < COLS && strcmp(col_names[c], name) != 0) {
            c++;
        }
        if (c == COLS || l->at[c] >= 0) {
            return pqi_cli_fail(PQI_CLI_FAILED, PQI_CA_CSV_HEADER, "line %u: %s column \"%.40s\"",
                number, c == COLS ? "unknown" : "a second", name);
        }
        l->at[c] = l->n;
    }
    for (int c = COL_ID; c <= COL_SCOPES; c++) {
        if (l->at[c] < 0) {
            return pqi_cli_fail(PQI_CLI_FAILED, PQI_CA_CSV_HEADER, "line %u: no column \"%s\"",
                number, col_names[c]);
        }
    }
    return PQI_CLI_OK;
}

/* ---- lines -------------------------------------------------------------------------------------- */

static pqi_cli_exit take_gwset(pqi_ca_item *it, const char *text)
{
    uint64_t v = 0;
    for (const char *p = text; *p != '\0'; p++) {
        v = *p >= '0' && *p <= '9' ? v * 10u + (uint64_t)(*p - '0') : UINT64_MAX;
        if (v > UINT32_MAX) {
            return pqi_cli_fail(
                PQI_CLI_FAILED, "a number, 0 for none", "\"%.40s\" is no gateway set", text);
        }
    }
    it->e.gwset = (uint32_t)v;
    return PQI_CLI_OK;
}

static pqi_cli_exit take_fields(pqi_ca_item *it, const layout *l, char *const *f)
{
    it->e.id = pqi_cli_span(f[l->at[COL_ID]]);
    if (pqi_id_check(it->e.id) != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_FAILED, "1 to 32 of A-Z a-z 0-9 _ . -",
            "\"%.40s\" is no device id", f[l->at[COL_ID]]);
    }
    pqi_cli_exit rc = PQI_CLI_OK;
    if (!pqi_ca_item_fingerprint(it, f[l->at[COL_FACTORY]])) {
        rc = pqi_ca_item_factory(it, f[l->at[COL_FACTORY]]);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_item_words(it, f[l->at[COL_ROLES]], f[l->at[COL_SCOPES]]);
    }
    if (rc == PQI_CLI_OK && l->at[COL_GWSET] >= 0) {
        rc = take_gwset(it, f[l->at[COL_GWSET]]);
    }
    if (rc == PQI_CLI_OK && l->at[COL_ASSURANCE] >= 0) {
        rc = pqi_ca_parse_assurance(f[l->at[COL_ASSURANCE]], &it->e.assurance);
    }
    return rc;
}

static pqi_cli_exit read_line(char *line, unsigned number, const layout *l, pqi_ca_item *it)
{
    char *f[COLS];
    int n = 0;
    for (char *at = line; at != NULL; n++) {
        char *text = field(&at);
        if (n < l->n) {
            f[n] = text;
        }
    }
    it->line = number;
    if (n != l->n) {
        return pqi_cli_fail(PQI_CLI_FAILED, "nothing was imported", "line %u has %d fields, not %d",
            number, n, l->n);
    }
    if (take_fields(it, l, f) != PQI_CLI_OK) {
        (void)fprintf(stderr, "  in line %u; nothing was imported\n", number);
        return PQI_CLI_FAILED;
    }
    return PQI_CLI_OK;
}

static int by_id(const void *a, const void *b)
{
    const pqi_ca_item *const *x = a, *const *y = b;
    const pqi_cspan p = (*x)->e.id, q = (*y)->e.id;
    int c = memcmp(p.ptr, q.ptr, p.len < q.len ? p.len : q.len);
    if (c != 0 || p.len != q.len) {
        return c != 0 ? c : p.len < q.len ? -1 : 1;
    }
    return (*x)->line < (*y)->line ? -1 : (*x)->line > (*y)->line;
}

/* Two lines about one device are a mistake, whichever would win. */
static pqi_cli_exit check_twice(const pqi_ca_item *items, size_t n)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    const pqi_ca_item **sorted = pqi_cli_alloc((n + 1) * sizeof(pqi_ca_item *));
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &items[i];
    }
    qsort(sorted, n, sizeof(pqi_ca_item *), by_id);
    for (size_t i = 1; i < n && rc == PQI_CLI_OK; i++) {
        const pqi_cspan a = sorted[i - 1]->e.id, b = sorted[i]->e.id;
        if (a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "nothing was imported",
                "lines %u and %u are both about %.*s", sorted[i - 1]->line, sorted[i]->line,
                (int)a.len, (const char *)a.ptr);
        }
    }
    free(sorted);
    return rc;
}

/* Empty or a comment: up to its end, or that of the text. */
static bool is_empty(const char *line)
{
    size_t blanks = strspn(line, " ");
    return line[0] == '#' || line[blanks] == '\0' || line[blanks] == '\n' || line[blanks] == '\r';
}

/* Lines that say something. */
static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (const char *line = text; line != NULL;) {
        const char *end = strchr(line, '\n');
        n += !is_empty(line);
        line = end != NULL ? end + 1 : NULL;
    }
    return n;
}

static pqi_cli_exit parse(char *text, pqi_ca_item *items, size_t *n, size_t total)
{
    layout l = {{0, 1, 2, 3, -1, -1}, 4};
    bool first = true;
    unsigned number = 0;
    size_t seen = 0;
    *n = 0;
    for (char *line = text, *next = NULL; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        number++;
        line[strcspn(line, "\r")] = '\0';
        if (is_empty(line)) {
            continue;
        }
        pqi_cli_progress("reading", ++seen, total);
        pqi_cli_exit rc = PQI_CLI_OK;
        if (first && is_header(line)) {
            rc = read_header(line, number, &l);
        } else {
            rc = read_line(line, number, &l, &items[*n]);
            *n += 1;
        }
        first = false;
        if (rc != PQI_CLI_OK) {
            return rc;
        }
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit import_items(ca_common *c, const pqi_ca_item *items, size_t n)
{
    size_t counts[3], failed = 0;
    pqi_host_ca_entry *e = pqi_cli_alloc((n > 0 ? n : 1) * sizeof *e);
    for (size_t i = 0; i < n; i++) {
        e[i] = items[i].e;
    }
    pqi_status st = pqi_host_ca_allow_many(c->ca, e, n, counts, &failed);
    free(e);
    if (st != PQI_OK) {
        pqi_cli_exit rc = pqi_cli_refused(st, pqi_host_ca_why());
        if (failed < n) {
            (void)fprintf(stderr, "  in line %u; nothing was imported\n", items[failed].line);
        }
        return rc == PQI_CLI_USAGE ? PQI_CLI_FAILED : rc;
    }
    printf("added %zu, changed %zu, unchanged %zu\n", counts[PQI_HOST_CA_ADDED],
        counts[PQI_HOST_CA_CHANGED], counts[PQI_HOST_CA_SAME]);
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_ca_import_csv(ca_common *c, const char *path, bool replace, uint32_t gwset)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, CSV_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    char *text = (char *)in.ptr;
    if (memchr(text, 0, in.len) != NULL) { /* the rest would be left out without a word */
        free(in.ptr);
        return pqi_cli_fail(
            PQI_CLI_FAILED, "save it as UTF-8", "%s is not a text file: it has NUL bytes", path);
    }
    size_t total = count_lines(text), n = 0;
    pqi_ca_item *items = pqi_cli_alloc((total + 1) * sizeof *items);
    for (size_t i = 0; i < total; i++) {
        items[i].e.replace_factory = replace;
        items[i].e.gwset = gwset;
    }
    rc = parse(text, items, &n, total);
    if (rc == PQI_CLI_OK) {
        rc = check_twice(items, n);
    }
    if (rc == PQI_CLI_OK) {
        rc = import_items(c, items, n);
    }
    free(items);
    free(in.ptr);
    return rc;
}
