/* SPDX-License-Identifier: Apache-2.0
 * pqi ca: the table, and the commands of daily work: challenge, confirm, revoke. */
#include "cmd_ca.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

pqi_cli_exit pqi_ca_kek(ca_common *c, const pqi_cli_command *self, bool confirm)
{
    if (c->dir == NULL) {
        return pqi_cli_usage(self, "--dir is missing");
    }
    c->cfg.dir = c->dir;
    c->kek.what = c->dir;
    pqi_cli_exit rc = pqi_cli_kek_read(&c->kek, confirm, &c->cfg.kek);
    if (rc == PQI_CLI_OK && c->issuer != NULL) {
        rc = pqi_cli_keydir_read(c->issuer, &c->kek, &c->issuer_dir, &c->cfg.issuer_kek);
        c->cfg.issuer_dir = c->issuer_dir;
        if (rc != PQI_CLI_OK) {
            pqi_cli_kek_wipe(&c->cfg.kek);
        }
    }
    return rc;
}

static void wipe(ca_common *c)
{
    pqi_cli_kek_wipe(&c->cfg.kek);
    pqi_cli_kek_wipe(&c->cfg.issuer_kek);
    free(c->issuer_dir);
    c->issuer_dir = NULL;
    c->cfg.issuer_dir = NULL;
}

pqi_cli_exit pqi_ca_ready(ca_common *c, const pqi_cli_command *self)
{
    pqi_cli_exit rc = pqi_ca_kek(c, self, false);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_ca_open(&c->ca, &c->cfg);
    if (st == PQI_OK) {
        return PQI_CLI_OK;
    }
    wipe(c);
    return st == PQI_ERR_MISSING
               ? pqi_cli_fail(PQI_CLI_ENV, "pqi ca init makes one", "%s", pqi_host_ca_why())
               : pqi_cli_why(st, pqi_host_ca_why());
}

void pqi_ca_done(ca_common *c)
{
    pqi_host_ca_close(c->ca);
    wipe(c);
    c->ca = NULL;
}

bool pqi_ca_to_file(const ca_common *c)
{
    return c->out != NULL && strcmp(c->out, "-") != 0;
}

static pqi_cli_exit challenge(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const char *id = NULL;
    const pqi_cli_option options[] = {CA_OPTIONS(c), PQI_CLI_STRING("id", "ID", &id, "the device"),
        CA_OUT(c, "the challenge"), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a challenge for one join of one device. It is good once, for 24 hours.\n\n"
        "Example: pqi ca challenge --dir ca --key-file ca.key --id pump-1 --out pump-1.chal",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || id == NULL) {
        return pqi_cli_usage(self, "--id is needed, and no operand");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    uint8_t mem[PQI_CHALLENGE_MAX];
    pqi_span out = {mem, sizeof mem};
    size_t len = 0;
    pqi_status st = pqi_host_ca_challenge(c.ca, pqi_cli_span(id), out, &len);
    pqi_cspan data = {mem, len};
    rc = st == PQI_OK ? pqi_cli_write_file(c.out, data) : pqi_cli_refused(st, pqi_host_ca_why());
    pqi_ca_done(&c);
    if (rc == PQI_CLI_OK && pqi_ca_to_file(&c)) {
        printf("%s: challenge in %s\n", id, c.out);
    }
    return rc;
}

static pqi_cli_exit confirm_one(ca_common *c, const char *path)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_CONFIRM_LEN, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_host_ca_issued done;
    pqi_cspan data = {in.ptr, in.len};
    pqi_status st = pqi_host_ca_confirm(c->ca, data, &done);
    free(in.ptr);
    if (st != PQI_OK) {
        return pqi_cli_refused(st, pqi_host_ca_why());
    }
    printf("%s: epoch %" PRIu32 " active%s\n", done.id, done.key_epoch,
        done.repeated ? " (already)" : "");
    return PQI_CLI_OK;
}

static pqi_cli_exit confirm(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const pqi_cli_option options[] = {CA_OPTIONS(c), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Takes confirmations of devices: their certificates become active, older ones are\n"
        "superseded.\n\n"
        "Example: pqi ca confirm --dir ca --key-file ca.key pump-1.ok pump-2.ok",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 1) {
        return pqi_cli_usage(self, "confirm takes confirmation files, or -");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    for (int i = 0; i < argc; i++) {
        pqi_cli_exit one = confirm_one(&c, argv[i]);
        rc = rc == PQI_CLI_OK ? one : rc;
    }
    pqi_ca_done(&c);
    return rc;
}

pqi_cli_exit pqi_ca_sign_log(ca_common *c, uint32_t from, pqi_span room, size_t *len)
{
    pqi_cli_role_set set;
    int quorum = 0;
    pqi_cli_exit rc = pqi_cli_roles_open(&c->sign, &c->kek, PQI_ROLE_NONE, &set);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_ca_revocations_signed(c->ca, from, set.v, set.n, room, len, &quorum);
    pqi_cli_roles_close(&set);
    if (st == PQI_ERR_POLICY) {
        return pqi_cli_fail(
            PQI_CLI_FAILED, "--sign KEYDIR names the revoker's directory", "%s", pqi_host_ca_why());
    }
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_refused(st, pqi_host_ca_why());
}

static pqi_cli_exit write_log(ca_common *c)
{
    pqi_span room = {pqi_cli_alloc(PQI_REVOCATIONS_MAX), PQI_REVOCATIONS_MAX};
    size_t len = 0;
    pqi_cli_exit rc = pqi_ca_sign_log(c, 0, room, &len);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(c->out, (pqi_cspan){room.ptr, len});
    }
    free(room.ptr);
    return rc;
}

static pqi_cli_exit revoke_open(ca_common *c, int n, char **names, uint64_t epoch, uint64_t reason)
{
    uint64_t seq = 0;
    size_t failed = 0;
    pqi_cspan *ids = pqi_cli_alloc((size_t)n * sizeof *ids);
    for (int i = 0; i < n; i++) {
        ids[i] = pqi_cli_span(names[i]);
    }
    pqi_status st = pqi_host_ca_revoke_many(
        c->ca, ids, (size_t)n, (uint32_t)epoch, (uint8_t)reason, &seq, &failed);
    free(ids);
    if (st != PQI_OK) {
        return pqi_cli_refused(st, pqi_host_ca_why());
    }
    pqi_cli_exit rc = c->out != NULL ? write_log(c) : PQI_CLI_OK;
    for (int i = 0; i < n && rc == PQI_CLI_OK && (c->out == NULL || pqi_ca_to_file(c)); i++) {
        printf("%s: revoked, log %" PRIu64 "%s%s\n", names[i], seq, c->out != NULL ? " in " : "",
            c->out != NULL ? c->out : "");
    }
    return rc;
}

static void revoke_question(char *out, size_t room, int n, const char *first, bool keys)
{
    if (n == 1) {
        (void)snprintf(out, room,
            keys ? "this revokes the keys of %.32s" : "this revokes %.32s for ever", first);
    } else {
        (void)snprintf(out, room,
            keys ? "this revokes the keys of %d devices" : "this revokes %d devices for ever", n);
    }
}

static pqi_cli_exit revoke(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    uint64_t epoch = 0, reason = 0;
    char question[96];
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        PQI_CLI_UINT("epoch", "N", &epoch, UINT32_MAX - 2u,
            "revoke key epochs up to N only; the device may join again"),
        PQI_CLI_UINT("reason", "N", &reason, 255, "a number for your records"),
        PQI_CLI_FLAG("yes", &c.yes, "do not ask"),
        PQI_CLI_STRING("out", "FILE", &c.out, "write the whole log, ready to publish"),
        PQI_CLI_LIST("sign", "KEYDIR", &c.sign,
            "with --out: the revoker's directory, where the root has one"),
        CA_ISSUER(c),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Revokes devices for ever, or their keys up to an epoch: all of them or none. The log of\n"
        "revocations only grows. Publish the whole log retained on pq/4/v; pqi revoke\n"
        "does all of that at once.\n\n"
        "Example: pqi ca revoke --dir ca --key-file ca.key --yes --out fleet.rev pump-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 1) {
        return pqi_cli_usage(self, "revoke takes device ids");
    }
    revoke_question(question, sizeof question, argc, argv[0], epoch != 0);
    if (!pqi_cli_sure(c.yes, question)) {
        return PQI_CLI_USAGE;
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = revoke_open(&c, argc, argv, epoch, reason);
    pqi_ca_done(&c);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_ca_commands[] = {
    {"init", NULL, pqi_cmd_ca_init,
        "--dir DIR --fleet NAME (--root-dir ROOT | --manifest FILE --issuer KEYDIR | --control)",
        "make a CA, with a root or under one", NULL, "pqi ca init"},
    {"allow", NULL, pqi_cmd_ca_allow, "--dir DIR (--factory FILE --scope S... | --csv FILE)",
        "put devices on the allow-list", NULL, "pqi ca allow"},
    {"challenge", NULL, challenge, "--dir DIR --id ID [--out FILE]",
        "make a challenge for a join", NULL, "pqi ca challenge"},
    {"issue", NULL, pqi_cmd_ca_issue, "--dir DIR (--out FILE | --out-dir DIR) REQUEST... | --all FROM TO",
        "check join requests and issue certificates", NULL, "pqi ca issue"},
    {"confirm", NULL, confirm, "--dir DIR CONFIRMATION...",
        "take confirmations of devices", NULL, "pqi ca confirm"},
    {"ak", NULL, NULL, "",
        "certify attestation keys", pqi_ca_ak_commands, "pqi ca ak"},
    {"revoke", NULL, revoke, "--dir DIR [--epoch N] [--yes] ID...",
        "revoke devices or their old keys", NULL, "pqi ca revoke"},
    {"renew", NULL, pqi_cmd_ca_renew, "--dir DIR [--days N | --new] OUT_DIR",
        "make challenges for certificates that end soon", NULL, "pqi ca renew"},
    {"roster", NULL, pqi_cmd_ca_roster, "--dir DIR [--leaves FILE] (--out FILE | --publish STORE)",
        "sign which certificates are in force", NULL, "pqi ca roster"},
    {"root", NULL, pqi_cmd_ca_root, "--dir DIR [--issuer KEYDIR] [--yes] MANIFEST",
        "install the next root manifest", NULL, "pqi ca root"},
    {"list", NULL, pqi_cmd_ca_list, "--dir DIR [--json]",
        "list devices", NULL, "pqi ca list"},
    {"show", NULL, pqi_cmd_ca_show, "--dir DIR [--json] [ID]",
        "show the CA, or one device with its certificates and log", NULL, "pqi ca show"},
    {"export", NULL, pqi_cmd_ca_export, "--dir DIR [--out FILE] manifest|revocations|allow-list|cert [ID]",
        "write out what others need", NULL, "pqi ca export"},
    {"backup", NULL, pqi_cmd_ca_backup, "--dir DIR TO",
        "copy registry and keys to a new directory", NULL, "pqi ca backup"},
    {"recover", NULL, pqi_cmd_ca_recover, "--dir DIR [--revocations FILE] --yes",
        "make a restored or rolled back CA usable again", NULL, "pqi ca recover"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
