/* SPDX-License-Identifier: Apache-2.0
 * pqi ca allow: one device, or a CSV file of them in one transaction. */
#include "cmd_ca.h"

#include "algs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CSV_MAX (16u * 1024u * 1024u)

typedef struct entry_args {
    const char *factory, *fingerprint, *roles, *scopes, *csv, *trust, *id;
    uint64_t gwset;
    bool replace;
} entry_args;

/* An entry with the memory of its scopes. */
typedef struct item {
    pqi_host_ca_entry e;
    pqi_scope scopes[PQI_SCOPES_MAX];
    char id[PQI_ID_MAX + 1]; /* of the factory record, where none was given */
    unsigned line;
} item;

static pqi_status open_factory(pqi_cspan in, pqi_factory *f)
{
    pqi_algs algs;
    pqi_cli_algs(&algs);
    size_t n = pqi_cli_tmp_len(&algs);
    pqi_span tmp = {pqi_cli_alloc(n), n};
    pqi_status st = pqi_factory_open(&algs, in, f, tmp);
    free(tmp.ptr);
    return st;
}

static void take_key(const pqi_factory *f, pqi_host_ca_entry *e)
{
    memcpy(e->factory_fp, f->fingerprint, sizeof e->factory_fp);
    e->factory_alg = f->alg;
}

/* The record must be of the id that was given: a mixed-up file is the likeliest mistake of all. Where
 * none was given, it is the record's. */
static pqi_cli_exit take_factory(const char *path, item *it)
{
    pqi_span in = {NULL, 0};
    pqi_factory f;
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_FACTORY_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cspan data = {in.ptr, in.len};
    if (open_factory(data, &f) != PQI_OK) {
        rc = pqi_cli_fail(
            PQI_CLI_FAILED, "pqi device init writes one", "%s is not a valid factory record", path);
    } else if (it->e.id.len == 0) {
        memcpy(it->id, f.device_id.ptr, f.device_id.len);
        it->e.id = pqi_cli_span(it->id);
        take_key(&f, &it->e);
    } else if (f.device_id.len != it->e.id.len ||
               memcmp(f.device_id.ptr, it->e.id.ptr, f.device_id.len) != 0) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "check which file belongs to which device",
            "%s is the factory record of %.*s, not of %.*s", path, (int)f.device_id.len,
            (const char *)f.device_id.ptr, (int)it->e.id.len, (const char *)it->e.id.ptr);
    } else {
        take_key(&f, &it->e);
    }
    free(in.ptr);
    return rc;
}

static bool take_fingerprint(const char *hex, item *it)
{
    pqi_span room = {it->e.factory_fp, sizeof it->e.factory_fp};
    return pqi_cli_hex_decode(hex, &room) && room.len == sizeof it->e.factory_fp;
}

static pqi_cli_exit take_words(item *it, const char *roles, char *scopes)
{
    if (!pqi_cli_parse_roles(roles, &it->e.roles)) {
        return pqi_cli_fail(PQI_CLI_USAGE,
            "device, gateway, control, witness, joined by +, as in device+witness",
            "unknown role in \"%.60s\"", roles);
    }
    if (!pqi_cli_parse_scopes(scopes, it->scopes, &it->e.n_scopes)) {
        return pqi_cli_fail(PQI_CLI_USAGE,
            "PREFIX:pub|sub|pubsub:L|M|H|S, up to 8, separated by ; as in plant/pump-1:pub:L",
            "a scope is not well-formed");
    }
    it->e.scopes = it->scopes;
    return PQI_CLI_OK;
}

/* ---- CSV ---------------------------------------------------------------------------------------- */

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

static pqi_cli_exit csv_line(char *line, unsigned number, item *it)
{
    char *f[4] = {NULL, NULL, NULL, NULL};
    size_t n = 0;
    for (char *at = line; at != NULL && n < 4; n++) {
        f[n] = field(&at);
        if (n == 3 && at != NULL) {
            n = 4; /* a fifth field */
        }
    }
    it->line = number;
    if (n != 4) {
        return pqi_cli_fail(PQI_CLI_FAILED, "id,factory_file_or_fingerprint,roles,scopes",
            "line %u does not have four fields", number);
    }
    it->e.id = pqi_cli_span(f[0]);
    pqi_cli_exit rc = PQI_CLI_OK;
    if (!take_fingerprint(f[1], it)) {
        rc = take_factory(f[1], it);
    }
    if (rc == PQI_CLI_OK) {
        rc = take_words(it, f[2], f[3]);
    }
    if (rc != PQI_CLI_OK) {
        (void)fprintf(stderr, "  in line %u\n", number);
        return PQI_CLI_FAILED;
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit csv_parse(char *text, item *items, size_t *n, size_t total)
{
    char *save = NULL;
    unsigned number = 0;
    *n = 0;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        number++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0' || line[0] == '#' || (number == 1 && strncmp(line, "id,", 3) == 0)) {
            continue;
        }
        pqi_cli_exit rc = csv_line(line, number, &items[*n]);
        if (rc != PQI_CLI_OK) {
            return rc;
        }
        *n += 1;
        pqi_cli_progress("reading", *n, total);
    }
    return PQI_CLI_OK;
}

static size_t count_lines(const char *text)
{
    size_t n = 1;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

static pqi_cli_exit import_items(ca_common *c, const item *items, size_t n)
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

static pqi_cli_exit import_csv(ca_common *c, const entry_args *a)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(a->csv, CSV_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    char *text = (char *)in.ptr;
    if (memchr(text, 0, in.len) != NULL) { /* the rest would be left out without a word */
        free(in.ptr);
        return pqi_cli_fail(
            PQI_CLI_FAILED, "save it as UTF-8", "%s is not a text file: it has NUL bytes", a->csv);
    }
    size_t total = count_lines(text), n = 0;
    item *items = pqi_cli_alloc(total * sizeof *items);
    for (size_t i = 0; i < total; i++) {
        items[i].e.replace_factory = a->replace;
        items[i].e.gwset = (uint32_t)a->gwset;
    }
    rc = csv_parse(text, items, &n, total);
    if (rc == PQI_CLI_OK) {
        rc = import_items(c, items, n);
    }
    free(items);
    free(in.ptr);
    return rc;
}

/* ---- one device --------------------------------------------------------------------------------- */

static pqi_cli_exit parse_trust(const char *text, uint32_t *bits)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } names[] = {{"no-rollback", PQI_ASSURE_NO_ROLLBACK},
        {"non-exportable", PQI_ASSURE_NON_EXPORTABLE}, {"hw-rng", PQI_ASSURE_HW_RNG},
        {"attested-boot", PQI_ASSURE_ATTESTED_BOOT}};
    *bits = 0;
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "+"), i = 0;
        while (i < 4 && (strlen(names[i].name) != n || strncmp(names[i].name, text, n) != 0)) {
            i++;
        }
        if (i == 4) {
            return pqi_cli_fail(PQI_CLI_USAGE,
                "no-rollback, non-exportable, hw-rng, attested-boot, joined by +",
                "unknown assurance in \"%.60s\"", text);
        }
        *bits |= names[i].bit;
        text += n + (text[n] == '+');
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit allow_one(ca_common *c, const entry_args *a)
{
    static const char *const words[] = {"unchanged", "added", "changed"};
    item *it = pqi_cli_alloc(sizeof *it);
    size_t n = strlen(a->scopes) + 1;
    char *scopes = pqi_cli_alloc(n);
    memcpy(scopes, a->scopes, n);
    it->e.id = pqi_cli_span(a->id != NULL ? a->id : "");
    it->e.gwset = (uint32_t)a->gwset;
    it->e.replace_factory = a->replace;
    pqi_cli_exit rc = parse_trust(a->trust, &it->e.assurance);
    if (rc == PQI_CLI_OK && a->factory != NULL) {
        rc = take_factory(a->factory, it);
    } else if (rc == PQI_CLI_OK && !take_fingerprint(a->fingerprint, it)) {
        rc = pqi_cli_fail(
            PQI_CLI_USAGE, "pqi inspect FACTORY shows it", "a fingerprint has 64 hex digits");
    }
    if (rc == PQI_CLI_OK) {
        rc = take_words(it, a->roles, scopes);
    }
    if (rc == PQI_CLI_OK) {
        pqi_host_ca_change change = PQI_HOST_CA_SAME;
        pqi_status st = pqi_host_ca_allow(c->ca, &it->e, &change);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_refused(st, pqi_host_ca_why());
        if (rc == PQI_CLI_OK) {
            printf("%.*s: %s\n", (int)it->e.id.len, (const char *)it->e.id.ptr, words[change]);
        }
    }
    free(scopes);
    free(it);
    return rc;
}

static pqi_cli_exit check_args(const pqi_cli_command *self, const entry_args *a, int argc)
{
    bool one = a->factory != NULL || a->fingerprint != NULL || a->scopes != NULL || a->id != NULL;
    if (a->csv != NULL) {
        return one || argc != 0 ? pqi_cli_usage(self,
                                      "--csv stands for itself: no id, factory or scopes beside it")
                                : PQI_CLI_OK;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "allow takes no operand");
    }
    if ((a->factory == NULL) == (a->fingerprint == NULL)) {
        return pqi_cli_usage(self, "one of --factory and --fingerprint is needed");
    }
    if (a->fingerprint != NULL && a->id == NULL) {
        return pqi_cli_usage(self, "--fingerprint needs --id");
    }
    return a->scopes == NULL ? pqi_cli_usage(self, "--scope is missing") : PQI_CLI_OK;
}

/* Takes every `--scope X` and `--scope=X` but the words after `--` out of argv and joins them by ';' in
 * one `--scope=...` at its end: the option table knows each option once. */
static char *join_scopes(int *argc, char **argv)
{
    static const char name[] = "--scope";
    const size_t n = sizeof name - 1;
    size_t room = n + 2;
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        room += strlen(argv[i]) + 1;
    }
    char *all = pqi_cli_alloc(room);
    memcpy(all, name, n);
    size_t end = n; /* the buffer is zeroed, so the text ends here */
    for (int i = 1; i < *argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], name) == 0 && i + 1 < *argc) {
            value = argv[++i];
        } else if (strncmp(argv[i], "--scope=", n + 1) == 0) {
            value = argv[i] + n + 1;
        } else {
            argv[kept++] = argv[i];
            continue;
        }
        all[end] = end == n ? '=' : ';';
        memcpy(all + end + 1, value, strlen(value));
        end += 1 + strlen(value);
    }
    if (kept < *argc) {
        argv[kept++] = all; /* at least one word was taken out */
    }
    *argc = kept;
    return all;
}

static pqi_cli_exit allow(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    entry_args a;
    memset(&a, 0, sizeof a);
    a.roles = "device";
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        PQI_CLI_STRING("factory", "FILE", &a.factory, "the factory record of the device"),
        PQI_CLI_STRING("fingerprint", "HEX", &a.fingerprint, "or its fingerprint"),
        PQI_CLI_STRING("roles", "LIST", &a.roles, "device (default), gateway, control, witness"),
        PQI_CLI_STRING(
            "scope", "SCOPE", &a.scopes, "PREFIX:pub|sub|pub,sub:L|M|H|S; up to 8 times"),
        PQI_CLI_STRING("id", "ID", &a.id, "the device (default: that of the factory record)"),
        PQI_CLI_UINT("gwset", "N", &a.gwset, UINT32_MAX, "gateway set, 0: none"),
        PQI_CLI_STRING("assurance", "LIST", &a.trust, "believe these claims of the device"),
        PQI_CLI_FLAG("replace-factory", &a.replace, "the device got new hardware"),
        PQI_CLI_STRING("csv", "FILE", &a.csv, "import lines of id,factory,roles,scopes"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Puts a device on the allow-list, or changes its entry; both are audited. A change takes\n"
        "effect with the next certificate. A CSV file is imported whole or not at all.\n\n"
        "Example: pqi ca allow --dir ca --key-file ca.key --factory pump-1.factory \\\n"
        "           --scope plant/pump-1:pub:L --scope plant/pump-1/cmd:sub:M",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    rc = check_args(self, &a, argc);
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_ready(&c, self);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = a.csv != NULL ? import_csv(&c, &a) : allow_one(&c, &a);
    pqi_ca_done(&c);
    return rc;
}

pqi_cli_exit pqi_cmd_ca_allow(const pqi_cli_command *self, int argc, char **argv)
{
    char *scopes = join_scopes(&argc, argv);
    pqi_cli_exit rc = allow(self, argc, argv);
    free(scopes);
    return rc;
}
