/* SPDX-License-Identifier: Apache-2.0
 * Attestation policies as text: sections that begin with `class = NAME`, lines of `key = value`. */
#include "attest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define AGE_DEFAULT 86400u

/* ---- PCRs ----------------------------------------------------------------------------------------- */

bool pqi_attest_parse_pcrs(const char *text, uint32_t *mask)
{
    *mask = 0;
    while (*text != '\0') {
        char *end = NULL;
        const unsigned long n = strtoul(text, &end, 10);
        if (end == text || *text < '0' || *text > '9' || n >= PQI_TPM_PCRS) {
            return false;
        }
        *mask |= 1u << n;
        while (*end == ',' || *end == ' ' || *end == '+' || *end == '\t') {
            end++;
        }
        text = end;
    }
    return *mask != 0;
}

/* ---- reading -------------------------------------------------------------------------------------- */

typedef struct reader {
    pqi_attest_text *t;
    unsigned line;
    char *why;
} reader;

static bool wrong(const reader *r, const char *what)
{
    (void)snprintf(r->why, PQI_ATTEST_WHY, "line %u: %s", r->line, what);
    return false;
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t') {
        s++;
    }
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1]) != NULL) {
        s[--n] = '\0';
    }
    return s;
}

static pqi_attest_class *current(const reader *r)
{
    const uint32_t n = r->t->p.n_classes;
    return n == 0 ? NULL : &r->t->p.classes[n - 1];
}

static bool begin_class(reader *r, const char *name)
{
    pqi_attest_policy *p = &r->t->p;
    const uint32_t i = p->n_classes;
    if (i == PQI_ATTEST_CLASSES) {
        return wrong(r, "there are more classes than a policy has");
    }
    if (pqi_id_check(pqi_cli_span(name)) != PQI_OK) {
        return wrong(r, "a class has 1 to 32 of A-Z a-z 0-9 _ . -");
    }
    memcpy(r->t->names[i], name, strlen(name) + 1);
    p->classes[i] = (pqi_attest_class){.name = pqi_cli_span(r->t->names[i]),
        .max_age_s = AGE_DEFAULT,
        .digests = {r->t->digests[i], 0},
        .values = {r->t->values[i], 0},
        .events = {r->t->events[i], 0}};
    p->n_classes++;
    return true;
}

static bool read_hash(const char *hex, uint8_t out[32])
{
    pqi_span room = {out, 32};
    return pqi_cli_hex_decode(hex, &room) && room.len == 32;
}

/* Rows are kept in their order, none twice. */
static bool insert(uint8_t *rows, pqi_cspan *list, size_t size, size_t max, const uint8_t *row)
{
    size_t at = 0;
    int cmp = -1;
    while (at < list->len && (cmp = memcmp(rows + at, row, size)) < 0) {
        at += size;
    }
    if (at < list->len && cmp == 0) {
        return true;
    }
    if (list->len / size >= max) {
        return false;
    }
    memmove(rows + at + size, rows + at, list->len - at);
    memcpy(rows + at, row, size);
    list->len += size;
    return true;
}

static bool read_row(const char *value, uint8_t row[PQI_ATTEST_ROW])
{
    char *end = NULL;
    const unsigned long pcr = strtoul(value, &end, 10);
    if (end == value || pcr >= PQI_TPM_PCRS || (*end != ' ' && *end != '\t')) {
        return false;
    }
    row[0] = (uint8_t)pcr;
    return read_hash(trim(end), row + 1);
}

static const struct {
    const char *word;
    uint32_t flag;
} needs[] = {
    {"log", PQI_ATTEST_LOG}, {"ek-cert", PQI_ATTEST_EK_CERT}, {"halves", PQI_ATTEST_HALVES}};
#define NEEDS (sizeof needs / sizeof needs[0])

static bool read_need(const char *value, uint32_t *flags)
{
    char copy[64];
    char *save = NULL;
    *flags = 0;
    if (strlen(value) >= sizeof copy) {
        return false;
    }
    memcpy(copy, value, strlen(value) + 1);
    for (char *w = strtok_r(copy, ", \t", &save); w != NULL; w = strtok_r(NULL, ", \t", &save)) {
        size_t i = 0;
        while (i < NEEDS && strcmp(w, needs[i].word) != 0) {
            i++;
        }
        if (i == NEEDS && strcmp(w, "none") != 0) {
            return false;
        }
        *flags |= i < NEEDS ? needs[i].flag : 0;
    }
    return true;
}

static bool read_key(reader *r, const char *key, const char *value)
{
    uint8_t row[PQI_ATTEST_ROW];
    pqi_attest_class *c = current(r);
    const uint32_t i = r->t->p.n_classes - 1u;
    if (strcmp(key, "class") == 0) {
        return begin_class(r, value);
    }
    if (c == NULL) {
        return wrong(r, "a policy begins with class = NAME");
    }
    if (strcmp(key, "pcrs") == 0) {
        return pqi_attest_parse_pcrs(value, &c->pcr_mask) ||
               wrong(r, "pcrs are numbers from 0 to 23");
    }
    if (strcmp(key, "max-age-seconds") == 0) {
        char *end = NULL;
        const unsigned long n = strtoul(value, &end, 10);
        c->max_age_s = (uint32_t)n;
        return (*end == '\0' && n >= 1 && n <= PQI_ATTEST_AGE_MAX) ||
               wrong(r, "max-age-seconds is from 1 to 2678400");
    }
    if (strcmp(key, "need") == 0) {
        return read_need(value, &c->flags) || wrong(r, "need is log, ek-cert, halves or none");
    }
    if (strcmp(key, "digest") == 0) {
        return (read_hash(value, row) &&
                   insert(r->t->digests[i], &c->digests, PQI_PCR_LEN, PQI_ATTEST_DIGESTS, row)) ||
               wrong(r, "digest takes 64 hex digits, up to 64 times in a class");
    }
    if (strcmp(key, "value") == 0) {
        return (read_row(value, row) &&
                   insert(r->t->values[i], &c->values, PQI_ATTEST_ROW, PQI_ATTEST_VALUES, row)) ||
               wrong(r, "value takes a PCR and 64 hex digits, up to 64 times in a class");
    }
    if (strcmp(key, "event") == 0) {
        return (read_row(value, row) &&
                   insert(r->t->events[i], &c->events, PQI_ATTEST_ROW, PQI_ATTEST_EVENTS, row)) ||
               wrong(r, "event takes a PCR and 64 hex digits, up to 256 times in a class");
    }
    return wrong(r, "unknown key: class, pcrs, max-age-seconds, need, digest, value, event");
}

static int by_name(const void *a, const void *b)
{
    const pqi_attest_class *x = a, *y = b;
    const size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
    const int c = memcmp(x->name.ptr, y->name.ptr, n);
    return c != 0 ? c : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static bool check(reader *r)
{
    pqi_attest_policy *p = &r->t->p;
    qsort(p->classes, p->n_classes, sizeof p->classes[0], by_name);
    for (uint32_t i = 0; i < p->n_classes; i++) {
        if (p->classes[i].pcr_mask == 0) {
            return wrong(r, "a class has no pcrs");
        }
        if (i != 0 && by_name(&p->classes[i - 1], &p->classes[i]) == 0) {
            return wrong(r, "a class stands there twice");
        }
    }
    return true;
}

bool pqi_attest_text_parse(char *text, pqi_attest_text *out, char why[PQI_ATTEST_WHY])
{
    reader r = {out, 0, why};
    memset(out, 0, sizeof *out);
    while (text != NULL) {
        char *line = text, *end = strchr(text, '\n');
        text = end != NULL ? end + 1 : NULL;
        if (end != NULL) {
            *end = '\0';
        }
        r.line++;
        line[strcspn(line, "#")] = '\0';
        line = trim(line);
        if (*line == '\0') {
            continue;
        }
        char *eq = strchr(line, '=');
        if (eq == NULL) {
            return wrong(&r, "a line is key = value");
        }
        *eq = '\0';
        if (!read_key(&r, trim(line), trim(eq + 1))) {
            return false;
        }
    }
    return check(&r);
}

/* ---- printing ------------------------------------------------------------------------------------- */

static void print_rows(FILE *f, const char *key, pqi_cspan list)
{
    char hex[65];
    for (size_t at = 0; at + PQI_ATTEST_ROW <= list.len; at += PQI_ATTEST_ROW) {
        pqi_cli_hex_encode(hex, list.ptr + at + 1, 32);
        (void)fprintf(f, "%s = %u %s\n", key, list.ptr[at], hex);
    }
}

static void print_needs(FILE *f, uint32_t flags)
{
    const char *before = "need = ";
    for (size_t i = 0; i < NEEDS; i++) {
        if ((flags & needs[i].flag) != 0) {
            (void)fprintf(f, "%s%s", before, needs[i].word);
            before = ", ";
        }
    }
    (void)fputs(flags == 0 ? "need = none\n" : "\n", f);
}

void pqi_attest_text_print(FILE *f, const pqi_attest_policy *p)
{
    char pcrs[PQI_ATTEST_PCRS_LEN], hex[65];
    for (uint32_t i = 0; i < p->n_classes; i++) {
        const pqi_attest_class *c = &p->classes[i];
        pqi_attest_pcrs(pcrs, c->pcr_mask);
        (void)fprintf(f, "%sclass = %.*s\npcrs = %s\nmax-age-seconds = %" PRIu32 "\n",
            i == 0 ? "" : "\n", (int)c->name.len, (const char *)c->name.ptr, pcrs, c->max_age_s);
        print_needs(f, c->flags);
        for (size_t at = 0; at + PQI_PCR_LEN <= c->digests.len; at += PQI_PCR_LEN) {
            pqi_cli_hex_encode(hex, c->digests.ptr + at, 32);
            (void)fprintf(f, "digest = %s\n", hex);
        }
        print_rows(f, "value", c->values);
        print_rows(f, "event", c->events);
    }
}
