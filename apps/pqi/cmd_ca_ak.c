/* SPDX-License-Identifier: Apache-2.0
 * pqi ca ak: certificates of attestation keys. */
#include "cmd_ca.h"

#include <pqi/host_attest.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOTS_MAX 1048576u

typedef struct ak_args {
    ca_common c;
    const char *roots, *ek, *cls;
    uint64_t days;
    bool no_cert, replace;
} ak_args;

/* ---- challenge ------------------------------------------------------------------------------------ */

static pqi_cli_exit make(ak_args *a, pqi_cspan request, pqi_host_ca_ak_opts *o)
{
    uint8_t out[PQI_AK_MSG_MAX];
    size_t len = 0;
    const pqi_status st =
        pqi_host_ca_ak_challenge(a->c.ca, request, o, (pqi_span){out, sizeof out}, &len);
    pqi_cli_exit rc = st == PQI_OK ? pqi_cli_write_file(a->c.out, (pqi_cspan){out, len})
                                   : pqi_cli_refused(st, pqi_host_attest_why());
    if (rc == PQI_CLI_OK && pqi_ca_to_file(&a->c)) {
        printf("credential in %s\n", a->c.out);
    }
    return rc;
}

static pqi_cli_exit challenge(const pqi_cli_command *self, int argc, char **argv)
{
    ak_args a;
    uint8_t fp[32];
    pqi_span in = {NULL, 0}, roots = {NULL, 0}, room = {fp, sizeof fp};
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        CA_OPTIONS(a.c),
        PQI_CLI_STRING("ek-roots", "FILE", &a.roots, "PEM certificates of TPM vendors"),
        PQI_CLI_STRING("ek", "HEX", &a.ek, "fingerprint that the endorsement key must have"),
        PQI_CLI_FLAG("allow-no-ek-cert", &a.no_cert, "without a vendor's certificate; needs --ek"),
        PQI_CLI_FLAG("replace-ek", &a.replace, "the device got another TPM"),
        CA_OUT(a.c, "the credential"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks a request for an AK certificate and makes a credential that only the TPM of that\n"
        "endorsement key opens, with that attestation key in it. pqi inspect shows "
        "fingerprints.\n\n"
        "Example: pqi ca ak challenge --dir ca --key-file ca.key --ek-roots vendors.pem \\\n"
        "           -o pump-1.cred pump-1.ak-request",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "challenge takes one operand: the request");
    }
    if (a.ek != NULL && (!pqi_cli_hex_decode(a.ek, &room) || room.len != sizeof fp)) {
        return pqi_cli_usage(self, "--ek takes the 64 hex digits of a fingerprint");
    }
    if (a.no_cert && a.ek == NULL) {
        return pqi_cli_usage(self, "--allow-no-ek-cert needs --ek");
    }
    rc = pqi_cli_read_file(argv[0], PQI_AK_REQUEST_MAX, &in);
    if (rc == PQI_CLI_OK && a.roots != NULL) {
        rc = pqi_cli_read_file(a.roots, ROOTS_MAX, &roots);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_ready(&a.c, self);
    }
    if (rc == PQI_CLI_OK) {
        pqi_host_ca_ak_opts o = {.ek_roots = {roots.ptr, roots.len},
            .ek_fp = a.ek != NULL ? fp : NULL,
            .allow_no_cert = a.no_cert,
            .replace_ek = a.replace};
        rc = make(&a, (pqi_cspan){in.ptr, in.len}, &o);
        pqi_ca_done(&a.c);
    }
    free(in.ptr);
    free(roots.ptr);
    return rc;
}

/* ---- issue ---------------------------------------------------------------------------------------- */

static pqi_cli_exit issue(const pqi_cli_command *self, int argc, char **argv)
{
    ak_args a;
    pqi_span in = {NULL, 0};
    memset(&a, 0, sizeof a);
    a.days = PQI_HOST_CA_DAYS;
    const pqi_cli_option options[] = {
        CA_OPTIONS(a.c),
        CA_ISSUER(a.c),
        PQI_CLI_STRING("class", "NAME", &a.cls, "class of device in the attestation policy"),
        PQI_CLI_UINT("days", "N", &a.days, 36500, "validity (default 365), 0: without end"),
        CA_OUT(a.c, "the AK certificate"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Takes a device's proof and issues its AK certificate. A credential is good for one "
        "proof,\n"
        "for 24 hours.\n\n"
        "Example: pqi ca ak issue --dir ca --key-file ca.key --class pump -o pump-1.ak "
        "pump-1.proof",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || a.cls == NULL) {
        return pqi_cli_usage(self, "issue takes one operand, the proof, and --class");
    }
    rc = pqi_cli_read_file(argv[0], PQI_AK_MSG_MAX, &in);
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_ready(&a.c, self);
    }
    if (rc == PQI_CLI_OK) {
        pqi_host_ca_ak done;
        uint8_t *out = pqi_cli_alloc(PQI_AK_CERT_MAX);
        size_t len = 0;
        const pqi_status st = pqi_host_ca_ak_issue(a.c.ca, (pqi_cspan){in.ptr, in.len},
            pqi_cli_span(a.cls), (uint32_t)a.days, (pqi_span){out, PQI_AK_CERT_MAX}, &len, &done);
        rc = st == PQI_OK ? pqi_cli_write_file(a.c.out, (pqi_cspan){out, len})
                          : pqi_cli_refused(st, pqi_host_attest_why());
        if (rc == PQI_CLI_OK && pqi_ca_to_file(&a.c)) {
            printf("%s: AK certificate of class %s%s in %s\n", done.id, done.cls,
                done.halves ? ", halves of its keys proven," : "", a.c.out);
        }
        free(out);
        pqi_ca_done(&a.c);
    }
    free(in.ptr);
    return rc;
}

/* ---- show ----------------------------------------------------------------------------------------- */

static int show_json(void *ctx, const pqi_host_ca_ak *k)
{
    return json_array_append_new(
        ctx, json_pack("{s:s, s:s, s:o, s:o, s:b, s:b, s:I, s:I}", "id", k->id, "class", k->cls,
                 "ak_name", pqi_cli_json_hex(k->ak_name, sizeof k->ak_name), "ek_fingerprint",
                 pqi_cli_json_hex(k->ek_fp, sizeof k->ek_fp), "ek_certified", k->certified,
                 "halves_proven", k->halves, "issued_at", (json_int_t)k->issued_at, "not_after",
                 (json_int_t)k->not_after));
}

static int show_line(void *ctx, const pqi_host_ca_ak *k)
{
    char until[PQI_CLI_DATE_LEN], hex[2 * sizeof k->ek_fp + 1];
    (void)ctx;
    pqi_cli_date(until, k->not_after);
    pqi_cli_hex_encode(hex, k->ek_fp, sizeof k->ek_fp);
    printf("%-32s %-16s %-20s %-9s %-7s %s\n", k->id, k->cls, until,
        k->certified ? "certified" : "by hand", k->halves ? "proven" : "-", hex);
    return 0;
}

static pqi_cli_exit show(const pqi_cli_command *self, int argc, char **argv)
{
    ak_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        CA_OPTIONS(a.c),
        PQI_CLI_FLAG("json", &a.c.json, "print one JSON array"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Lists AK certificates: device, class, end of validity, who vouches for the TPM, whether "
        "the\n"
        "P-256 halves of the device's keys were proven to be in it, and the fingerprint of its\n"
        "endorsement key.\n\n"
        "Example: pqi ca ak show --dir ca --key-file ca.key pump-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 1) {
        return pqi_cli_usage(self, "show takes one operand at most: a device id");
    }
    rc = pqi_ca_ready(&a.c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    json_t *all = a.c.json ? json_array() : NULL;
    if (!a.c.json) {
        printf("%-32s %-16s %-20s %-9s %-7s %s\n", "ID", "CLASS", "UNTIL", "TPM", "HALVES", "EK");
    }
    const pqi_status st = pqi_host_ca_ak_each(
        a.c.ca, pqi_cli_span(argc == 1 ? argv[0] : ""), a.c.json ? show_json : show_line, all);
    pqi_ca_done(&a.c);
    if (st != PQI_OK) {
        json_decref(all);
        return pqi_cli_why(st, pqi_host_attest_why());
    }
    return a.c.json ? pqi_cli_print_json(all) : PQI_CLI_OK;
}

/* clang-format off */
const pqi_cli_command pqi_ca_ak_commands[] = {
    {"challenge", NULL, challenge, "--dir DIR --ek-roots FILE [--out FILE] REQUEST",
        "check a request and make a credential", NULL, "pqi ca ak challenge"},
    {"issue", NULL, issue, "--dir DIR --class NAME [--out FILE] PROOF",
        "take a proof and issue an AK certificate", NULL, "pqi ca ak issue"},
    {"show", NULL, show, "--dir DIR [--json] [ID]",
        "list AK certificates", NULL, "pqi ca ak show"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
