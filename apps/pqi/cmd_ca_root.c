/* SPDX-License-Identifier: Apache-2.0
 * pqi ca root, roster, renew: what a CA does for a control plane and for certificates that end. */
#include "cli_store.h"
#include "cmd_ca.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- root --------------------------------------------------------------------------------------- */

static pqi_cli_exit install(ca_common *c, pqi_cspan manifest)
{
    pqi_host_ca_rooted done;
    pqi_status st = pqi_host_ca_new_root(c->ca, manifest, 0, &done);
    if (st == PQI_ERR_POLICY && done.without != 0) {
        char question[120];
        (void)snprintf(question, sizeof question,
            "this ends %" PRIu64 " certificates in force, whose issuer the new root does not name",
            done.without);
        if (!pqi_cli_sure(c->yes, question)) {
            return PQI_CLI_USAGE;
        }
        st = pqi_host_ca_new_root(c->ca, manifest, 1, &done);
    }
    if (st != PQI_OK) {
        return pqi_cli_refused(st, pqi_host_ca_why());
    }
    if (done.repeated) {
        printf("root version %" PRIu32 " is in force already\n", done.root_version);
        return PQI_CLI_OK;
    }
    printf("root version %" PRIu32 " in force, its log of revocations begins with %" PRIu32 "\n",
        done.root_version, done.carried);
    if (done.without != 0) {
        printf("%" PRIu64 " certificates ended: these devices have to join again\n", done.without);
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_ca_root(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    pqi_span in = {NULL, 0};
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        CA_ISSUER(c),
        PQI_CLI_FLAG("yes", &c.yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Installs the next version of the root manifest, as pqi root rotate made it. With "
        "--issuer\n"
        "another issuer key signs from now on; certificates of the old one stay valid while the\n"
        "manifest names it too. Publish manifest, roster and revocations again afterwards.\n\n"
        "Example: pqi ca root --dir ca --key-file ca.key --issuer /keys/issuer-2 root-2.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "root takes one operand: the manifest");
    }
    rc = pqi_cli_read_file(argv[0], PQI_MANIFEST_MAX, &in);
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_ready(&c, self);
    }
    if (rc == PQI_CLI_OK) {
        rc = install(&c, (pqi_cspan){in.ptr, in.len});
        pqi_ca_done(&c);
    }
    free(in.ptr);
    return rc;
}

/* ---- roster ------------------------------------------------------------------------------------- */

/* One line for each member: what pqi control put takes beside the roster. */
static pqi_cli_exit write_leaves(const char *path, const pqi_host_ca_member *m, uint32_t n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL) {
        return pqi_cli_fail(PQI_CLI_ENV, "free some memory", "out of memory");
    }
    (void)fputs(PQI_CLI_LEAVES_HEADER "\n", f);
    for (uint32_t i = 0; i < n; i++) {
        char hex[2 * PQI_HASH_LEN + 1];
        pqi_cli_hex_encode(hex, m[i].leaf.cert_hash, PQI_HASH_LEN);
        (void)fprintf(f, "%" PRIu32 ",%" PRIu32 ",%s,%s,%" PRIu64 "\n", m[i].leaf.roster_index,
            m[i].leaf.key_epoch, hex, m[i].id, m[i].not_after);
    }
    pqi_cli_exit rc = fclose(f) == 0 ? pqi_cli_write_file(path, (pqi_cspan){(uint8_t *)text, len})
                                     : pqi_cli_fail(PQI_CLI_ENV, NULL, "out of memory");
    free(text);
    return rc;
}

static pqi_cli_exit publish(
    const char *store, pqi_cspan roster, const pqi_host_ca_member *m, uint32_t n)
{
    int is_new = 0;
    pqi_cli_exit rc = pqi_cli_put_roster(store, roster, m, n, &is_new);
    if (rc == PQI_CLI_OK) {
        printf("roster of %" PRIu32 " devices is in the store; the next head names it\n", n);
    }
    return rc;
}

static pqi_cli_exit roster(ca_common *c, const char *leaves, const char *store)
{
    pqi_host_ca_member *m = NULL;
    pqi_host_ca_info info;
    uint32_t n = 0;
    size_t len = 0;
    pqi_span room = {pqi_cli_alloc(PQI_ROSTER_MAX), PQI_ROSTER_MAX};
    pqi_status st = pqi_host_ca_roster(c->ca, room, &len, &m, &n);
    if (st == PQI_OK) {
        st = pqi_host_ca_get_info(c->ca, &info);
    }
    pqi_cli_exit rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_refused(st, pqi_host_ca_why());
    if (rc == PQI_CLI_OK && leaves != NULL) {
        rc = write_leaves(leaves, m, n);
    }
    if (rc == PQI_CLI_OK && (c->out != NULL || store == NULL)) {
        rc = pqi_cli_write_file(c->out, (pqi_cspan){room.ptr, len});
    }
    if (rc == PQI_CLI_OK && store != NULL) {
        rc = publish(store, (pqi_cspan){room.ptr, len}, m, n);
    }
    if (rc == PQI_CLI_OK && pqi_ca_to_file(c)) {
        printf("roster %" PRIu32 " of %" PRIu32 " devices in %s\n", info.roster_seq, n, c->out);
    }
    pqi_host_ca_members_free(m);
    free(room.ptr);
    return rc;
}

pqi_cli_exit pqi_cmd_ca_roster(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const char *leaves = NULL, *store = NULL;
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        CA_ISSUER(c),
        CA_OUT(c, "the roster"),
        PQI_CLI_STRING(
            "leaves", "FILE", &leaves, "its members as CSV, which a control plane needs"),
        PQI_CLI_STRING("publish", "STORE", &store, "put it into the control plane's store"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Signs a roster of all certificates in force. It counts once a head of the control plane\n"
        "names it: the issuer alone cannot bring a device into the fleet.\n\n"
        "Example: pqi ca roster --dir ca --key-file ca.key -o fleet.roster --leaves fleet.csv",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "roster takes no operand");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = roster(&c, leaves, store);
    pqi_ca_done(&c);
    return rc;
}

/* ---- renew -------------------------------------------------------------------------------------- */

typedef struct due_list {
    char (*id)[PQI_ID_MAX + 1];
    size_t n, room;
    uint64_t until;
    bool fresh; /* instead: who has no certificate yet */
} due_list;

static int collect(void *ctx, const pqi_host_ca_device *d)
{
    due_list *l = ctx;
    const bool ends = d->active_epoch != 0 && d->not_after != 0 && d->not_after <= l->until;
    if (d->revoked || !(l->fresh ? d->active_epoch == 0 : ends)) {
        return 0;
    }
    if (l->n == l->room) {
        size_t room = l->room == 0 ? 64 : 2 * l->room;
        char(*grown)[PQI_ID_MAX + 1] = pqi_cli_alloc(room * sizeof *grown);
        if (l->n != 0) {
            memcpy(grown, l->id, l->n * sizeof *grown);
        }
        free(l->id);
        l->id = grown;
        l->room = room;
    }
    memcpy(l->id[l->n++], d->id, sizeof d->id);
    return 0;
}

static pqi_cli_exit challenge_one(ca_common *c, const char *id, const char *dir)
{
    uint8_t mem[PQI_CHALLENGE_MAX];
    size_t len = 0, room = strlen(dir) + strlen(id) + sizeof "/.challenge";
    pqi_status st =
        pqi_host_ca_challenge(c->ca, pqi_cli_span(id), (pqi_span){mem, sizeof mem}, &len);
    if (st != PQI_OK) {
        return pqi_cli_refused(st, pqi_host_ca_why());
    }
    char *path = pqi_cli_alloc(room);
    (void)snprintf(path, room, "%s/%s.challenge", dir, id);
    pqi_cli_exit rc = pqi_cli_write_file(path, (pqi_cspan){mem, len});
    free(path);
    return rc;
}

static pqi_cli_exit renew(ca_common *c, uint64_t days, bool fresh, const char *dir)
{
    due_list l = {NULL, 0, 0, (uint64_t)time(NULL) + days * 86400u, fresh};
    pqi_status st = pqi_host_ca_each_device(c->ca, collect, &l);
    pqi_cli_exit rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_ca_why());
    for (size_t i = 0; i < l.n && rc == PQI_CLI_OK; i++) {
        rc = challenge_one(c, l.id[i], dir);
        if (rc == PQI_CLI_OK && !pqi_cli_has_progress(l.n)) {
            printf("%s: challenge in %s/%s.challenge\n", l.id[i], dir, l.id[i]);
        }
        pqi_cli_progress("renewing", i + 1, l.n);
    }
    if (rc == PQI_CLI_OK && fresh) {
        printf("%zu devices have no certificate yet\n", l.n);
    } else if (rc == PQI_CLI_OK) {
        printf("%zu devices have certificates that end within %" PRIu64 " days\n", l.n, days);
    }
    free(l.id);
    return rc;
}

pqi_cli_exit pqi_cmd_ca_renew(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    uint64_t days = 30;
    bool fresh = false;
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        PQI_CLI_UINT(
            "days", "N", &days, 36500, "certificates that end within so many (default 30)"),
        PQI_CLI_FLAG("new", &fresh, "instead: all devices that have no certificate yet"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes challenges for all devices whose certificate ends soon, one file each. A renewal "
        "is\n"
        "a join with new keys: pqi device join, pqi ca issue --all, pqi device install, pqi ca "
        "confirm.\n\n"
        "Example: pqi ca renew --dir ca --key-file ca.key --days 30 challenges",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "renew takes one operand: the directory for the challenges");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = renew(&c, days, fresh, argv[0]);
    pqi_ca_done(&c);
    return rc;
}
