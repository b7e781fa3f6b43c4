/* SPDX-License-Identifier: Apache-2.0
 * pqi policy: the fleet's policy as text, and as an object that several keys sign. */
#include "policy.h"

#include "algs.h"
#include "commands.h"
#include "policy_text.h"

#include <pqi/gate.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- a policy from a file ----------------------------------------------------------------------- */

static bool is_object(pqi_cspan in)
{
    return in.len > 2 && in.ptr[0] == 0xd8 && in.ptr[1] == 0x62; /* COSE_Sign: tag 98 */
}

pqi_cli_exit pqi_policy_load(const char *path, pqi_policy_file *out)
{
    char why[PQI_POLICY_WHY];
    pqi_algs algs;
    memset(out, 0, sizeof *out);
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_POLICY_TEXT_MAX, &out->bytes);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cspan in = {out->bytes.ptr, out->bytes.len};
    out->p = pqi_cli_alloc(sizeof *out->p);
    out->object = is_object(in);
    if (out->object) {
        pqi_cli_algs(&algs);
        if (pqi_policy_decode(&algs, in, out->p) != PQI_OK) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi inspect FILE tells what the file is",
                "%s is not a policy", path);
        }
    } else if (!pqi_policy_parse((char *)out->bytes.ptr, out->bytes.len, out->p, why)) {
        pqi_cli_plain(why);
        rc = pqi_cli_fail(
            PQI_CLI_FAILED, "pqi policy new writes one to begin with", "%s, %s", path, why);
    }
    if (rc != PQI_CLI_OK) {
        pqi_policy_unload(out);
    }
    return rc;
}

void pqi_policy_unload(pqi_policy_file *f)
{
    free(f->bytes.ptr);
    free(f->p);
    memset(f, 0, sizeof *f);
}

/* ---- new, show ---------------------------------------------------------------------------------- */

static char *text_of(const pqi_policy *p, bool comments, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (f == NULL) {
        return NULL;
    }
    if (comments) {
        (void)fputs(
            "# Policy of a fleet, for pqi policy sign. What a line does not say is as it stands "
            "here.\n",
            f);
    }
    pqi_policy_print(f, p, comments);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static pqi_cli_exit cmd_new(const pqi_cli_command *self, int argc, char **argv)
{
    const char *out = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("out", "FILE", &out, "the text (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Writes a policy as text, with the default of every key and what it means, to be changed\n"
        "with an editor.\n\n"
        "Example: pqi policy new -o policy.txt",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "new takes no operand");
    }
    pqi_policy *p = pqi_cli_alloc(sizeof *p);
    p->version = 2;
    p->rules = pqi_policy_default;
    size_t len = 0;
    char *text = text_of(p, true, &len);
    free(p);
    if (text == NULL) {
        return pqi_cli_fail(PQI_CLI_ENV, "free some memory", "out of memory");
    }
    if (out == NULL || strcmp(out, "-") == 0) {
        (void)fputs(text, stdout);
    } else {
        rc = pqi_cli_write_file(out, (pqi_cspan){(const uint8_t *)text, len});
    }
    free(text);
    return out == NULL || strcmp(out, "-") == 0 ? PQI_CLI_OK : rc;
}

static json_t *json_of(const pqi_policy_file *f)
{
    json_t *o = pqi_policy_json(f->p);
    if (f->object) {
        (void)json_object_set_new(
            o, "fleet_id", pqi_cli_json_hex(f->p->fleet_id, PQI_FLEET_ID_LEN));
        (void)json_object_set_new(o, "root_version", json_integer(f->p->root_version));
        (void)json_object_set_new(o, "seq", json_integer(f->p->seq));
        (void)json_object_set_new(o, "tick_base", json_integer(f->p->tick_base));
        (void)json_object_set_new(o, "hash", pqi_cli_json_hex(f->p->hash, PQI_HASH_LEN));
    }
    return o;
}

static void print_numbers(const pqi_policy *p)
{
    char fleet[2 * PQI_FLEET_ID_LEN + 1], hash[2 * PQI_HASH_LEN + 1], sum[PQI_CHECKSUM_TEXT];
    pqi_cli_hex_encode(fleet, p->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cli_hex_encode(hash, p->hash, PQI_HASH_LEN);
    pqi_checksum_text(p->hash, sum);
    printf("# policy %" PRIu32 ", fleet id %s, root version %" PRIu32 ", made at tick %" PRIu32
           "\n# hash %s\n# checksum %s\n",
        p->seq, fleet, p->root_version, p->tick_base, hash, sum);
}

static pqi_cli_exit show(const pqi_policy_file *f, const char *root, bool json)
{
    if (json) {
        return pqi_cli_print_json(json_of(f));
    }
    pqi_cli_exit rc = PQI_CLI_OK;
    if (f->object) {
        print_numbers(f->p);
    }
    if (root != NULL) {
        rc = pqi_policy_progress(f->p, root);
    }
    if (rc == PQI_CLI_OK) {
        pqi_policy_print(stdout, f->p, false);
    }
    return rc;
}

static pqi_cli_exit cmd_show(const pqi_cli_command *self, int argc, char **argv)
{
    const char *root = NULL;
    pqi_policy_file f;
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("root", "FILE", &root, "root manifest, to say who has signed it"),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows a policy, be it text or a signed object, in the form that pqi policy sign reads.\n\n"
        "Example: pqi policy show --root root.cbor policy.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "show takes one operand: the policy");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = pqi_policy_load(argv[0], &f);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (root != NULL && !f.object) {
        rc = pqi_cli_fail(
            PQI_CLI_USAGE, "leave --root out", "%s is a text: nobody signs it", argv[0]);
    } else {
        rc = show(&f, root, json);
    }
    pqi_policy_unload(&f);
    return rc;
}

/* ---- diff --------------------------------------------------------------------------------------- */

/* The lines of a text, cut at their ends. */
static size_t lines_of(char *text, char **lines, size_t room)
{
    size_t n = 0;
    char *save = NULL;
    for (char *t = strtok_r(text, "\n", &save); t != NULL && n < room;
         t = strtok_r(NULL, "\n", &save)) {
        lines[n++] = t;
    }
    return n;
}

static bool holds(char *const *lines, size_t n, const char *line)
{
    size_t i = 0;
    while (i < n && strcmp(lines[i], line) != 0) {
        i++;
    }
    return i < n;
}

enum { LINES_MAX = 128 };

/* Lines of one that the other lacks; the order of acl and fail-safe lines means nothing. */
static bool differ(char *before, char *after)
{
    char *a[LINES_MAX], *b[LINES_MAX];
    size_t n = lines_of(before, a, LINES_MAX), m = lines_of(after, b, LINES_MAX);
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        size_t key = strcspn(a[i], "=");
        if (holds(b, m, a[i])) {
            continue;
        }
        any = true;
        printf("- %s\n", a[i]);
        for (size_t j = 0; j < m; j++) { /* its new value beside it */
            bool row = strncmp(a[i], "acl ", 4) == 0 || strncmp(a[i], "fail-safe ", 10) == 0;
            if (!row && strncmp(b[j], a[i], key + 1) == 0) {
                printf("+ %s\n", b[j]);
                b[j][0] = '\0';
            }
        }
    }
    for (size_t j = 0; j < m; j++) {
        if (b[j][0] != '\0' && !holds(a, n, b[j])) {
            any = true;
            printf("+ %s\n", b[j]);
        }
    }
    return any;
}

pqi_cli_exit pqi_policy_diff(const pqi_policy *x, const pqi_policy *y, bool *any)
{
    size_t len = 0;
    char *a = text_of(x, false, &len), *b = text_of(y, false, &len);
    pqi_cli_exit rc = PQI_CLI_OK;
    if (a == NULL || b == NULL) {
        rc = pqi_cli_fail(PQI_CLI_ENV, "free some memory", "out of memory");
    } else {
        *any = differ(a, b);
    }
    free(a);
    free(b);
    return rc;
}

static pqi_cli_exit cmd_diff(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_policy_file x, y;
    bool any = false;
    const pqi_cli_option options[] = {PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows what the second policy says differently from the first, key by key. Both may be\n"
        "text or signed objects. Exit code 0: nothing, 1: something.\n\n"
        "Example: pqi policy diff policy-3.cbor policy.txt",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 2) {
        return pqi_cli_usage(self, "diff takes two policies");
    }
    rc = pqi_policy_load(argv[0], &x);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = pqi_policy_load(argv[1], &y);
    if (rc == PQI_CLI_OK) {
        rc = pqi_policy_diff(x.p, y.p, &any);
        rc = rc == PQI_CLI_OK && any ? PQI_CLI_FAILED : rc;
        pqi_policy_unload(&y);
    }
    pqi_policy_unload(&x);
    return rc;
}

/* ---- gates -------------------------------------------------------------------------------------- */

static pqi_cli_exit gates_json(void)
{
    static const char *const classes[] = {"L", "M", "H", "S"};
    json_t *rows = json_array();
    for (unsigned r = 0; r < PQI_GATE_ROWS; r++) {
        pqi_cell cells[4];
        json_t *row = json_object();
        (void)json_object_set_new(row, "known", json_string(pqi_gate_row(r, cells)));
        for (size_t i = 0; i < 4; i++) {
            (void)json_object_set_new(row, classes[i], json_string(pqi_cell_name(cells[i])));
        }
        (void)json_array_append_new(rows, row);
    }
    return pqi_cli_print_json(rows);
}

static pqi_cli_exit cmd_gates(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON array"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Prints the table by which a device decides: what is known of the fleet and of the peer,\n"
        "and what that allows for the classes L, M, H and S. docs/spec/gates.md explains it.\n\n"
        "Example: pqi policy gates",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "gates takes no operand");
    }
    if (json) {
        return gates_json();
    }
    printf("| What is known | L | M | H | S |\n|---|---|---|---|---|\n");
    for (unsigned r = 0; r < PQI_GATE_ROWS; r++) {
        pqi_cell c[4];
        const char *name = pqi_gate_row(r, c);
        printf("| %s | %s | %s | %s | %s |\n", name, pqi_cell_name(c[0]), pqi_cell_name(c[1]),
            pqi_cell_name(c[2]), pqi_cell_name(c[3]));
    }
    return PQI_CLI_OK;
}

/* clang-format off */
const pqi_cli_command pqi_policy_commands[] = {
    {"new", NULL, cmd_new, "[--out FILE]",
        "write a policy as text to begin with", NULL, "pqi policy new"},
    {"show", NULL, cmd_show, "[--json] [--root FILE] FILE",
        "show a policy and who signed it", NULL, "pqi policy show"},
    {"diff", NULL, cmd_diff, "FILE FILE",
        "show what two policies say differently", NULL, "pqi policy diff"},
    {"sign", NULL, pqi_cmd_policy_sign,
        "--root FILE --sign KEYDIR... [--seq N] [--out FILE] FILE",
        "make a policy of a text, or add signatures", NULL, "pqi policy sign"},
    {"merge", NULL, pqi_cmd_policy_merge, "[--out FILE] FILE FILE...",
        "put the signatures of copies together", NULL, "pqi policy merge"},
    {"verify", NULL, pqi_cmd_policy_verify, "--root FILE FILE",
        "check that all signatures are there", NULL, "pqi policy verify"},
    {"publish", NULL, pqi_cmd_policy_publish, "--store STORE [--yes] FILE",
        "put a policy into the control plane's store", NULL, "pqi policy publish"},
    {"gates", NULL, cmd_gates, "[--json]",
        "print the table by which devices decide", NULL, "pqi policy gates"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
