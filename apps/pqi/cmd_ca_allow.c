/* SPDX-License-Identifier: Apache-2.0
 * pqi ca allow: one device, or a CSV file of them in one transaction. */
#include "ca_item.h"

#include "algs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry_args {
    const char *factory, *fingerprint, *roles, *scopes, *csv, *trust, *id;
    uint64_t gwset;
    bool replace;
} entry_args;

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
pqi_cli_exit pqi_ca_item_factory(pqi_ca_item *it, const char *path)
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

bool pqi_ca_item_fingerprint(pqi_ca_item *it, const char *hex)
{
    pqi_span room = {it->e.factory_fp, sizeof it->e.factory_fp};
    return pqi_cli_hex_decode(hex, &room) && room.len == sizeof it->e.factory_fp;
}

pqi_cli_exit pqi_ca_item_words(pqi_ca_item *it, const char *roles, char *scopes)
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

/* ---- one device --------------------------------------------------------------------------------- */

static pqi_cli_exit allow_one(ca_common *c, const entry_args *a)
{
    static const char *const words[] = {"unchanged", "added", "changed"};
    pqi_ca_item *it = pqi_cli_alloc(sizeof *it);
    size_t n = strlen(a->scopes) + 1;
    char *scopes = pqi_cli_alloc(n);
    memcpy(scopes, a->scopes, n);
    it->e.id = pqi_cli_span(a->id != NULL ? a->id : "");
    it->e.gwset = (uint32_t)a->gwset;
    it->e.replace_factory = a->replace;
    pqi_cli_exit rc = pqi_ca_parse_assurance(a->trust, &it->e.assurance);
    if (rc == PQI_CLI_OK && a->factory != NULL) {
        rc = pqi_ca_item_factory(it, a->factory);
    } else if (rc == PQI_CLI_OK && !pqi_ca_item_fingerprint(it, a->fingerprint)) {
        rc = pqi_cli_fail(
            PQI_CLI_USAGE, "pqi inspect FACTORY shows it", "a fingerprint has 64 hex digits");
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_item_words(it, a->roles, scopes);
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
        PQI_CLI_STRING("csv", "FILE", &a.csv, "import lines of " PQI_CA_CSV_HEADER),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Puts a device on the allow-list, or changes its entry; both are audited. A change takes\n"
        "effect with the next certificate. A CSV file is imported whole or not at all; its first "
        "line\n"
        "may name its columns, of which gwset and assurance may be missing.\n\n"
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
    rc = a.csv != NULL ? pqi_ca_import_csv(&c, a.csv, a.replace, (uint32_t)a.gwset)
                       : allow_one(&c, &a);
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
