/* SPDX-License-Identifier: Apache-2.0
 * pqi ca list, show, export: reading the registry. */
#include "cmd_ca.h"

#include "algs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- list --------------------------------------------------------------------------------------- */

static json_t *device_json(const pqi_host_ca_device *d)
{
    char roles[PQI_CLI_ROLES_LEN], scope[PQI_CLI_SCOPE_LEN];
    pqi_cli_roles(roles, d->roles);
    json_t *scopes = json_array();
    for (uint32_t i = 0; i < d->n_scopes; i++) {
        pqi_cli_scope(scope, &d->scopes[i]);
        (void)json_array_append_new(scopes, json_string(scope));
    }
    return json_pack("{s:s, s:o, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "id", d->id,
        "factory_fingerprint", pqi_cli_json_hex(d->factory_fp, sizeof d->factory_fp),
        "roster_index", (json_int_t)d->roster_index, "roles", roles, "gwset", (json_int_t)d->gwset,
        "assurance", (json_int_t)d->assurance, "last_epoch", (json_int_t)d->last_epoch,
        "active_epoch", (json_int_t)d->active_epoch, "not_after", (json_int_t)d->not_after, "state",
        d->revoked             ? "revoked"
        : d->active_epoch != 0 ? "active"
                               : "allowed",
        "scopes", scopes);
}

static int list_json(void *ctx, const pqi_host_ca_device *d)
{
    return json_array_append_new(ctx, device_json(d));
}

static int list_line(void *ctx, const pqi_host_ca_device *d)
{
    char roles[PQI_CLI_ROLES_LEN], date[PQI_CLI_DATE_LEN];
    (void)ctx;
    pqi_cli_roles(roles, d->roles);
    pqi_cli_date(date, d->not_after);
    printf("%-32s %-8s %6" PRIu32 " %6" PRIu32 "  %-20s %s\n", d->id,
        d->revoked            ? "revoked"
        : d->active_epoch > 0 ? "active"
                              : "allowed",
        d->active_epoch, d->last_epoch, date, roles);
    return 0;
}

pqi_cli_exit pqi_cmd_ca_list(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        PQI_CLI_FLAG("json", &c.json, "print one JSON array"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Lists the devices: id, state, active and last key epoch, end of validity, roles.\n\n"
        "Example: pqi ca list --dir ca --key-file ca.key",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "list takes no operand");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    json_t *all = c.json ? json_array() : NULL;
    if (!c.json) {
        printf("%-32s %-8s %6s %6s  %-20s %s\n", "ID", "STATE", "EPOCH", "LAST", "UNTIL", "ROLES");
    }
    pqi_status st = pqi_host_ca_each_device(c.ca, c.json ? list_json : list_line, all);
    pqi_ca_done(&c);
    if (st != PQI_OK) {
        json_decref(all);
        return pqi_cli_why(st, pqi_host_ca_why());
    }
    return c.json ? pqi_cli_print_json(all) : PQI_CLI_OK;
}

/* ---- show --------------------------------------------------------------------------------------- */

static pqi_cli_exit show_ca(ca_common *c)
{
    pqi_host_ca_info i;
    char fleet[2 * PQI_FLEET_ID_LEN + 1], hash[65];
    char root[PQI_CLI_ALG_LEN], issuer[PQI_CLI_ALG_LEN], policy[PQI_CLI_ALG_LEN];
    pqi_status st = pqi_host_ca_get_info(c->ca, &i);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_ca_why());
    }
    pqi_cli_hex_encode(fleet, i.fleet_id, sizeof i.fleet_id);
    pqi_cli_hex_encode(hash, i.manifest_hash, sizeof i.manifest_hash);
    pqi_cli_sig_name(root, i.root_alg);
    pqi_cli_sig_name(issuer, i.issuer_alg);
    pqi_cli_policy_text(policy, &i.policy);
    int strong = (i.provider_caps & PQI_CAP_NO_ROLLBACK) != 0;
    if (c->json) {
        return pqi_cli_print_json(json_pack(
            "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:s, s:s, s:s,"
            " s:I, s:s}",
            "fleet", i.fleet, "fleet_id", fleet, "root_hash", hash, "root_version",
            (json_int_t)i.root_version, "generation", (json_int_t)i.generation, "revocation_seq",
            (json_int_t)i.rev_seq, "devices", (json_int_t)i.devices, "revoked_devices",
            (json_int_t)i.revoked_devices, "certificates", (json_int_t)i.certs, "pending",
            (json_int_t)i.pending, "active", (json_int_t)i.active, "provider", i.provider,
            "rollback_resistant", strong, "root_key", root, "issuer_key", issuer, "certifies",
            policy, "roster_seq", (json_int_t)i.roster_seq, "issuer_dir", i.issuer_dir));
    }
    printf("fleet:        %s (%s)\nroot hash:    %s (version %" PRIu32 ")\n", i.fleet, fleet, hash,
        i.root_version);
    printf("root key:     %s\nissuer key:   %s\ncertifies:    %s\n", root, issuer, policy);
    printf("devices:      %" PRIu64 ", %" PRIu64 " revoked\n", i.devices, i.revoked_devices);
    printf("certificates: %" PRIu64 ", %" PRIu64 " active, %" PRIu64 " pending\n", i.certs,
        i.active, i.pending);
    printf("revocations:  log of %" PRIu64 "%s\n", i.rev_seq,
        i.needs_revoker ? ", signed by a revoker" : "");
    printf("roster:       number %" PRIu32 "\n", i.roster_seq);
    if (i.issuer_dir[0] != '\0') {
        printf("issuer in:    %s\n", i.issuer_dir);
    }
    printf("generation:   %" PRIu64 "\nprovider:     %s%s\n", i.generation, i.provider,
        strong ? "" : " (counters as strong as its disk)");
    return PQI_CLI_OK;
}

static int show_cert(void *ctx, const pqi_host_ca_cert *k)
{
    char id[2 * PQI_KEY_ID_LEN + 1], date[PQI_CLI_DATE_LEN];
    char kem[PQI_CLI_ALG_LEN] = "?", sig[PQI_CLI_ALG_LEN] = "?";
    json_t *list = ctx;
    pqi_algs algs;
    pqi_cert cert;
    pqi_cli_hex_encode(id, k->key_id, sizeof k->key_id);
    pqi_cli_algs(&algs);
    if (pqi_cert_decode(&algs, k->encoded, &cert) == PQI_OK) {
        pqi_cli_kem_name(kem, cert.kem_alg);
        pqi_cli_sig_name(sig, cert.sig_alg);
    }
    if (list != NULL) {
        return json_array_append_new(
            list, json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "key_epoch",
                      (json_int_t)k->key_epoch, "key_id", id, "state", k->state, "issued_at",
                      (json_int_t)k->issued_at, "confirmed_at", (json_int_t)k->confirmed_at,
                      "not_after", (json_int_t)k->not_after, "kem", kem, "signature", sig));
    }
    pqi_cli_date(date, k->not_after);
    printf("  epoch %-6" PRIu32 " %-10s until %-20s key id %s\n    %s, %s\n", k->key_epoch,
        k->state, date, id, kem, sig);
    return 0;
}

static int show_audit(void *ctx, const pqi_host_ca_audit *a)
{
    char date[PQI_CLI_DATE_LEN];
    json_t *list = ctx;
    if (list != NULL) {
        return json_array_append_new(
            list, json_pack("{s:I, s:I, s:s, s:s, s:s}", "seq", (json_int_t)a->seq, "at",
                      (json_int_t)a->at, "op", a->op, "device", a->device, "detail", a->detail));
    }
    pqi_cli_date(date, a->at);
    printf("  %-6" PRIu64 " %s %-10s %s\n", a->seq, date, a->op, a->detail);
    return 0;
}

static void print_device(const pqi_host_ca_device *d)
{
    char hex[65], roles[PQI_CLI_ROLES_LEN], scope[PQI_CLI_SCOPE_LEN];
    pqi_cli_hex_encode(hex, d->factory_fp, sizeof d->factory_fp);
    pqi_cli_roles(roles, d->roles);
    printf("id:           %s%s\nroster index: %" PRIu32 "\nfactory:      %s\nroles:        %s\n",
        d->id, d->revoked ? " (revoked)" : "", d->roster_index, hex, roles);
    for (uint32_t i = 0; i < d->n_scopes; i++) {
        pqi_cli_scope(scope, &d->scopes[i]);
        printf("scope:        %s\n", scope);
    }
}

static pqi_cli_exit show_device(ca_common *c, const char *id)
{
    char(*mem)[PQI_PREFIX_MAX + 1] = pqi_cli_alloc(PQI_SCOPES_MAX * sizeof *mem);
    pqi_host_ca_device d;
    json_t *j = NULL, *certs = NULL, *audit = NULL;
    pqi_status st = pqi_host_ca_device_get(c->ca, pqi_cli_span(id), mem, &d);
    if (st != PQI_OK) {
        free(mem);
        return pqi_cli_refused(st, pqi_host_ca_why());
    }
    if (c->json) {
        j = device_json(&d);
        certs = json_array();
        audit = json_array();
    } else {
        print_device(&d);
        printf("certificates:\n");
    }
    st = pqi_host_ca_each_cert(c->ca, pqi_cli_span(id), show_cert, certs);
    if (st == PQI_OK) {
        if (!c->json) {
            printf("log:\n");
        }
        st = pqi_host_ca_each_audit(c->ca, pqi_cli_span(id), show_audit, audit);
    }
    free(mem);
    if (st != PQI_OK) {
        json_decref(j);
        json_decref(certs);
        json_decref(audit);
        return pqi_cli_why(st, pqi_host_ca_why());
    }
    if (!c->json) {
        return PQI_CLI_OK;
    }
    (void)json_object_set_new(j, "certificates", certs);
    (void)json_object_set_new(j, "audit", audit);
    return pqi_cli_print_json(j);
}

pqi_cli_exit pqi_cmd_ca_show(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        PQI_CLI_FLAG("json", &c.json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows the CA itself, or one device with its certificates and its part of the log.\n\n"
        "Example: pqi ca show --dir ca --key-file ca.key pump-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 1) {
        return pqi_cli_usage(self, "show takes at most one device id");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = argc == 0 ? show_ca(&c) : show_device(&c, argv[0]);
    pqi_ca_done(&c);
    return rc;
}

/* ---- export ------------------------------------------------------------------------------------- */

typedef struct text_buffer {
    char *text;
    size_t len, room;
} text_buffer;

static void append(text_buffer *b, const char *s)
{
    size_t n = strlen(s);
    if (b->len + n + 1 > b->room) {
        size_t room = 2 * (b->len + n + 1024);
        char *grown = pqi_cli_alloc(room);
        if (b->len > 0) {
            memcpy(grown, b->text, b->len);
        }
        free(b->text);
        b->text = grown;
        b->room = room;
    }
    memcpy(b->text + b->len, s, n + 1);
    b->len += n;
}

static int csv_line(void *ctx, const pqi_host_ca_device *d)
{
    char hex[65], roles[PQI_CLI_ROLES_LEN], scope[PQI_CLI_SCOPE_LEN];
    char trust[PQI_CA_ASSURANCE_LEN], number[24];
    if (d->revoked) {
        return 0;
    }
    pqi_cli_hex_encode(hex, d->factory_fp, sizeof d->factory_fp);
    pqi_cli_roles(roles, d->roles);
    append(ctx, d->id);
    append(ctx, ",");
    append(ctx, hex);
    append(ctx, ",");
    append(ctx, roles);
    for (uint32_t i = 0; i < d->n_scopes; i++) {
        pqi_cli_scope(scope, &d->scopes[i]);
        append(ctx, i == 0 ? "," : ";");
        append(ctx, scope);
    }
    (void)snprintf(number, sizeof number, ",%" PRIu32 ",", d->gwset);
    append(ctx, number);
    pqi_ca_assurance(trust, d->assurance);
    append(ctx, trust);
    append(ctx, "\n");
    return 0;
}

static pqi_cli_exit export_csv(ca_common *c)
{
    text_buffer b = {NULL, 0, 0};
    append(&b, PQI_CA_CSV_HEADER "\n");
    pqi_status st = pqi_host_ca_each_device(c->ca, csv_line, &b);
    pqi_cli_exit rc = PQI_CLI_OK;
    if (st != PQI_OK) {
        rc = pqi_cli_why(st, pqi_host_ca_why());
    } else if (pqi_ca_to_file(c)) {
        pqi_cspan data = {(const uint8_t *)b.text, b.len};
        rc = pqi_cli_write_file(c->out, data);
    } else {
        (void)fputs(b.text, stdout);
    }
    free(b.text);
    return rc;
}

typedef struct wanted_cert {
    uint8_t *mem;
    size_t len;
    uint32_t epoch; /* 0: the active one */
} wanted_cert;

static int pick_cert(void *ctx, const pqi_host_ca_cert *k)
{
    wanted_cert *w = ctx;
    if ((w->epoch == 0 ? strcmp(k->state, "active") == 0 : k->key_epoch == w->epoch) &&
        k->encoded.len <= PQI_CERT_MAX) {
        memcpy(w->mem, k->encoded.ptr, k->encoded.len);
        w->len = k->encoded.len;
        return 1;
    }
    return 0;
}

static pqi_cli_exit export_cert(ca_common *c, const char *id, uint32_t epoch)
{
    if (id[0] == '\0') { /* the walk takes it for all devices */
        return pqi_cli_fail(
            PQI_CLI_USAGE, "pqi ca list shows the devices", "the device id is empty");
    }
    wanted_cert w = {pqi_cli_alloc(PQI_CERT_MAX), 0, epoch};
    pqi_status st = pqi_host_ca_each_cert(c->ca, pqi_cli_span(id), pick_cert, &w);
    pqi_cspan data = {w.mem, w.len};
    pqi_cli_exit rc;
    if (st != PQI_OK) {
        rc = pqi_cli_why(st, pqi_host_ca_why());
    } else if (w.len == 0) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi ca show ID tells which epochs there are",
            epoch == 0 ? "%s has no active certificate" : "%s has no certificate of that epoch",
            id);
    } else {
        rc = pqi_cli_write_file(c->out, data);
    }
    free(w.mem);
    return rc;
}

static pqi_cli_exit export_log(ca_common *c, uint32_t from)
{
    pqi_span room = {pqi_cli_alloc(PQI_REVOCATIONS_MAX), PQI_REVOCATIONS_MAX};
    size_t len = 0;
    pqi_cli_exit rc = pqi_ca_sign_log(c, from, room, &len);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(c->out, (pqi_cspan){room.ptr, len});
    }
    free(room.ptr);
    return rc;
}

static pqi_cli_exit export_manifest(ca_common *c, uint32_t version)
{
    pqi_span room = {pqi_cli_alloc(PQI_MANIFEST_MAX), PQI_MANIFEST_MAX};
    size_t len = 0;
    pqi_status st = version == 0 ? pqi_host_ca_manifest(c->ca, room, &len)
                                 : pqi_host_ca_manifest_of(c->ca, version, room, &len);
    pqi_cspan data = {room.ptr, len};
    pqi_cli_exit rc =
        st == PQI_OK ? pqi_cli_write_file(c->out, data) : pqi_cli_refused(st, pqi_host_ca_why());
    free(room.ptr);
    return rc;
}

typedef struct export_opts {
    uint64_t epoch, from, version;
} export_opts;

static pqi_cli_exit export_what(
    ca_common *c, const pqi_cli_command *self, int argc, char **argv, const export_opts *o)
{
    const char *what = argv[0];
    if (strcmp(what, "manifest") == 0 && argc == 1) {
        return export_manifest(c, (uint32_t)o->version);
    }
    if (strcmp(what, "revocations") == 0 && argc == 1) {
        return export_log(c, (uint32_t)o->from);
    }
    if (strcmp(what, "allow-list") == 0 && argc == 1) {
        return export_csv(c);
    }
    if (strcmp(what, "cert") == 0 && argc == 2) {
        return export_cert(c, argv[1], (uint32_t)o->epoch);
    }
    return pqi_cli_usage(self, "export takes manifest, revocations, allow-list, or cert ID");
}

pqi_cli_exit pqi_cmd_ca_export(const pqi_cli_command *self, int argc, char **argv)
{
    ca_common c = {0};
    export_opts o = {0, 0, 0};
    const pqi_cli_option options[] = {
        CA_OPTIONS(c),
        CA_OUT(c, "where to"),
        PQI_CLI_UINT(
            "epoch", "N", &o.epoch, UINT32_MAX, "for cert: this epoch, not the active one"),
        PQI_CLI_UINT("from", "N", &o.from, PQI_REV_LOG_MAX,
            "for revocations: only what was added after entry N"),
        PQI_CLI_UINT("version", "N", &o.version, UINT32_MAX,
            "for manifest: this root version, not the one in force"),
        PQI_CLI_LIST("sign", "KEYDIR", &c.sign,
            "for revocations: the revoker's directory, where the root has one"),
        CA_ISSUER(c),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Writes the root manifest, the log of revocations, the allow-list as CSV (what\n"
        "pqi ca allow --csv reads), or a device's certificate.\n\n"
        "Example: pqi ca export --dir ca --key-file ca.key --out fleet.rev revocations",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 1) {
        return pqi_cli_usage(self, "export takes manifest, revocations, allow-list, or cert ID");
    }
    rc = pqi_ca_ready(&c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = export_what(&c, self, argc, argv, &o);
    pqi_ca_done(&c);
    return rc;
}
