/* SPDX-License-Identifier: Apache-2.0
 * pqi control: the store of a control plane: init, put, get, status. */
#include "control.h"

#include "cli_role.h"
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- init --------------------------------------------------------------------------------------- */

static bool names_head(const pqi_manifest *m, const uint8_t kid[PQI_KID_LEN])
{
    for (uint32_t i = 0; i < m->n_keys; i++) {
        if (m->keys[i].role == PQI_ROLE_HEAD && memcmp(m->keys[i].kid, kid, PQI_KID_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* The directory must hold the head key that the manifest names, before anything is made in it. */
static pqi_cli_exit check_key(const pqi_control_args *a, const pqi_manifest *m)
{
    pqi_host_role *r = NULL;
    const pqi_host_role_cfg cfg = {a->dir, a->cfg.kek};
    pqi_status st = pqi_host_role_open(&r, &cfg);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_role_why());
    }
    const pqi_role_record *k = pqi_host_role_info(r);
    pqi_cli_exit rc = PQI_CLI_OK;
    if (k->role != PQI_ROLE_HEAD) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi role new --role head makes one",
            "%s holds a %s key, not a head key", a->dir, pqi_role_name(k->role));
    } else if (!names_head(m, k->kid)) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi root show lists the keys",
            "the root manifest does not name the head key in %s", a->dir);
    }
    pqi_host_role_close(r);
    return rc;
}

static pqi_cli_exit begin(const pqi_control_args *a, const pqi_manifest *m, pqi_cspan bytes)
{
    pqi_host_control *c = NULL;
    char sum[PQI_CHECKSUM_TEXT];
    pqi_cli_exit rc = check_key(a, m);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_open(&c, &a->cfg);
    if (st == PQI_OK) {
        st = pqi_host_control_begin(c, bytes, m->hash);
    }
    pqi_host_control_close(c);
    if (st != PQI_OK) {
        return pqi_cli_control_why(st);
    }
    pqi_checksum_text(m->hash, sum);
    printf("control plane in %s, root version %" PRIu32 ", checksum %s\n",
        pqi_cli_store_name(a->cfg.store != NULL ? a->cfg.store : a->dir), m->root_version, sum);
    return PQI_CLI_OK;
}

/* Who does not say which manifest is meant is asked. */
static pqi_cli_exit is_meant(const pqi_control_args *a, const pqi_manifest *m, const char *hex)
{
    uint8_t want[32];
    char sum[PQI_CHECKSUM_TEXT], question[160];
    pqi_span room = {want, sizeof want};
    pqi_checksum_text(m->hash, sum);
    if (hex == NULL) {
        (void)snprintf(question, sizeof question,
            "every device of this fleet pins a root manifest: is %s its checksum?", sum);
        return pqi_cli_sure(a->yes, question) ? PQI_CLI_OK : PQI_CLI_USAGE;
    }
    if (!pqi_cli_hex_decode(hex, &room) || room.len != sizeof want) {
        return pqi_cli_fail(PQI_CLI_USAGE, "see pqi control init --help",
            "--root-hash takes the 64 hex digits of a SHA-256");
    }
    return memcmp(want, m->hash, sizeof want) == 0
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_FAILED, "this is another manifest than the one you mean",
                     "its hash is not %s", hex);
}

static pqi_cli_exit cmd_init(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_control_args a;
    const char *path = NULL, *hash = NULL;
    pqi_span bytes = {NULL, 0};
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CONTROL_KEY_OPTIONS(a),
        PQI_CLI_STRING("manifest", "FILE", &path, "the root manifest"),
        PQI_CLI_STRING("root-hash", "HEX", &hash, "SHA-256 that it must have"),
        PQI_CLI_FLAG("yes", &a.yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes the store of a control plane beside its head key: DIR is the role directory of a\n"
        "head key that the root manifest names. pqid(1) then serves from it.\n\n"
        "Example: pqi control init --manifest root.cbor --root-hash 4f... /var/lib/pqi/control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || path == NULL) {
        return pqi_cli_usage(self, "init takes one operand, the directory, and --manifest");
    }
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    rc = pqi_cli_manifest(path, &bytes, m);
    if (rc == PQI_CLI_OK) {
        rc = is_meant(&a, m, hash);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_control_kek(&a, argv[0]);
    }
    if (rc == PQI_CLI_OK) {
        rc = begin(&a, m, (pqi_cspan){bytes.ptr, bytes.len});
        pqi_cli_kek_wipe(&a.cfg.kek);
    }
    free(bytes.ptr);
    free(m);
    return rc;
}

/* ---- put, get ----------------------------------------------------------------------------------- */

static pqi_cli_exit put_one(pqi_host_control *c, const char *path, const char *leaves)
{
    pqi_span in = {NULL, 0};
    pqi_control_member *m = NULL;
    uint32_t n = 0;
    int is_new = 0;
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_MANIFEST_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cspan bytes = {in.ptr, in.len};
    pqi_object kind = pqi_cli_object_kind(bytes);
    if (kind == PQI_OBJ_NONE) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "root manifest, policy, roster, revocations or head",
            "%s is no object of a control plane", path);
    } else if (kind == PQI_OBJ_ROSTER && leaves == NULL) {
        rc = pqi_cli_fail(PQI_CLI_USAGE, "pqi ca roster --leaves FILE writes them",
            "a roster needs --leaves, its members");
    } else if (kind == PQI_OBJ_ROSTER) {
        rc = pqi_cli_leaves(leaves, &m, &n);
    }
    if (rc == PQI_CLI_OK) {
        pqi_status st = kind == PQI_OBJ_ROSTER
                            ? pqi_host_control_put_roster(c, bytes, m, n, &is_new)
                            : pqi_host_control_put(c, kind, bytes, &is_new);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_control_why(st);
    }
    if (rc == PQI_CLI_OK) {
        printf("%s: %s %s\n", path, pqi_cli_object_name(kind),
            is_new ? "stored" : "was there already");
    }
    free(m);
    free(in.ptr);
    return rc;
}

static pqi_cli_exit cmd_put(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL, *leaves = NULL;
    pqi_host_control *c = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_STRING("leaves", "FILE", &leaves, "the members of a roster"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Puts signed objects into the store: a later root manifest, a policy, a roster, "
        "revocations.\n"
        "Each is checked as a device would. A running daemon sees it and names it in its next "
        "head.\n\n"
        "Example: pqi control put --store control root-2.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 1 || store == NULL) {
        return pqi_cli_usage(self, "put takes objects, and --store");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_control_open(store, &c);
    }
    for (int i = 0; i < argc && rc == PQI_CLI_OK; i++) {
        rc = put_one(c, argv[i], leaves);
    }
    pqi_host_control_close(c);
    return rc;
}

static pqi_object kind_of(const char *name)
{
    static const struct {
        const char *name;
        pqi_object kind;
    } names[] = {{"root", PQI_OBJ_ROOT}, {"head", PQI_OBJ_HEAD}, {"policy", PQI_OBJ_POLICY},
        {"roster", PQI_OBJ_ROSTER}, {"revocations", PQI_OBJ_REVOCATIONS}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].kind;
        }
    }
    return PQI_OBJ_NONE;
}

static pqi_cli_exit cmd_get(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL, *out = NULL;
    pqi_host_control *c = NULL;
    pqi_span object = {NULL, 0};
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_STRING("out", "FILE", &out, "where to (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Writes the newest root, head, policy or roster of the store, or the whole log of\n"
        "revocations. pqi inspect shows it.\n\n"
        "Example: pqi control get --store control -o policy.cbor policy",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    pqi_object kind = argc == 1 ? kind_of(argv[0]) : PQI_OBJ_NONE;
    if (kind == PQI_OBJ_NONE || store == NULL) {
        return pqi_cli_usage(
            self, "get takes --store and one of root, head, policy, roster, revocations");
    }
    rc = pqi_cli_control_open(store, &c);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_control_get(c, kind, &object);
    }
    pqi_host_control_close(c);
    if (rc == PQI_CLI_OK && object.ptr == NULL) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi control status shows what there is",
            "the store has no %s yet", pqi_cli_object_name(kind));
    } else if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(out, (pqi_cspan){object.ptr, object.len});
    }
    free(object.ptr);
    return rc;
}

/* ---- status ------------------------------------------------------------------------------------- */

static pqi_cli_exit status_json(const pqi_control_info *i)
{
    return pqi_cli_print_json(json_pack("{s:s, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                                        "s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
        "backend", i->backend, "fleet_id", pqi_cli_json_hex(i->fleet_id, PQI_FLEET_ID_LEN),
        "root_hash", pqi_cli_json_hex(i->manifest_hash, PQI_HASH_LEN), "root_version",
        (json_int_t)i->root_version, "head_epoch", (json_int_t)i->head_epoch, "policy_seq",
        (json_int_t)i->policy_seq, "revocations", (json_int_t)i->rev_seq, "roster_seq",
        (json_int_t)i->roster_seq, "head_policy", (json_int_t)i->head_policy, "head_revocations",
        (json_int_t)i->head_rev, "head_roster", (json_int_t)i->head_roster, "held_revocations",
        (json_int_t)i->rev_held, "roster_size", (json_int_t)i->roster_size, "tick",
        (json_int_t)i->tick_number, "tick_seconds", (json_int_t)i->tick_s, "tokens_left",
        (json_int_t)i->tokens_left, "head_time", (json_int_t)i->head_time, "leader", i->leader));
}

static void status_text(const pqi_control_info *i)
{
    char hash[2 * PQI_HASH_LEN + 1], date[PQI_CLI_DATE_LEN];
    pqi_cli_hex_encode(hash, i->manifest_hash, PQI_HASH_LEN);
    pqi_cli_date(date, i->head_time);
    printf("store:       %s\nroot:        version %" PRIu32 ", %s\n", i->backend, i->root_version,
        hash);
    printf("head:        epoch %" PRIu32 ", %s, tick %" PRIu32 " of %" PRIu32 "\n", i->head_epoch,
        date, i->tick, i->tick_count);
    printf("             newest  named by the head\n");
    printf("policy:      %6" PRIu32 "  %6" PRIu32 "\n", i->policy_seq, i->head_policy);
    printf("revocations: %6" PRIu32 "  %6" PRIu32 "\n", i->rev_seq, i->head_rev);
    printf("roster:      %6" PRIu32 "  %6" PRIu32 "  of %" PRIu32 " devices\n", i->roster_seq,
        i->head_roster, i->roster_size);
    printf("tick:        %" PRIu32 ", one in %" PRIu32 " s\nheads left:  %" PRIu32 "\n",
        i->tick_number, i->tick_s, i->tokens_left);
    if (i->rev_held != 0) {
        printf("held:        %" PRIu32 " revocations wait for policy keys: pqi revoke --cosign\n",
            i->rev_held);
    }
    printf("server:      %s\n", i->leader[0] != '\0' ? i->leader : "none makes heads now");
}

static pqi_cli_exit cmd_status(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    pqi_host_control *c = NULL;
    pqi_control_info info;
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows what is newest in the store, what the newest head names, and who makes heads.\n\n"
        "Example: pqi control status --store control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || store == NULL) {
        return pqi_cli_usage(self, "status takes --store, and no operand");
    }
    rc = pqi_cli_control_open(store, &c);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_get_info(c, &info);
    if (st != PQI_OK) {
        rc = pqi_cli_control_why(st);
    } else if (json) {
        rc = status_json(&info);
    } else {
        status_text(&info);
    }
    pqi_host_control_close(c);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_control_commands[] = {
    {"init", NULL, cmd_init, "--manifest FILE [--root-hash HEX] [--store URL] DIR",
        "make the store of a control plane", NULL, "pqi control init"},
    {"put", NULL, cmd_put, "--store STORE [--leaves FILE] FILE...",
        "put signed objects into it", NULL, "pqi control put"},
    {"get", NULL, cmd_get, "--store STORE [--out FILE] root|head|policy|roster|revocations",
        "write out the newest object", NULL, "pqi control get"},
    {"status", NULL, cmd_status, "--store STORE [--json]",
        "show what is newest and who makes heads", NULL, "pqi control status"},
    {"delegate", NULL, pqi_cmd_control_delegate,
        "--store STORE [--set ID:PREFIX:FILE]... [--remove ID]... [--clear] [--json]",
        "set which sites give ticks of their own", NULL, "pqi control delegate"},
    {"log", NULL, pqi_cmd_control_log, "--store STORE [--from N] [--json]",
        "show what was done", NULL, "pqi control log"},
    {"check", NULL, pqi_cmd_control_check, "--store STORE",
        "check every object of the store", NULL, "pqi control check"},
    {"backup", NULL, pqi_cmd_control_backup, "--store STORE FILE",
        "copy the store to a new file", NULL, "pqi control backup"},
    {"restore", NULL, pqi_cmd_control_restore, "--yes [--store URL] DIR FILE",
        "fill an empty store from such a file", NULL, "pqi control restore"},
    {"recover", NULL, pqi_cmd_control_recover, "--yes [--store URL] DIR",
        "make a store usable that is older than its keys remember", NULL, "pqi control recover"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
