/* SPDX-License-Identifier: Apache-2.0
 * pqi attest: the table, and the device's side: enroll, activate, install, quote. */
#include "attest.h"

#include "cli_kek.h"
#include "commands.h"

#include <pqi/host_attest.h>
#include <pqi/host_tpm.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_PATH  "/sys/kernel/security/tpm0/binary_bios_measurements"
#define TOOL_MAX  8192u
#define CRED_HEAD 8u /* of the credential files of tpm2-tools: 0xbadcc0de, version 1 */

typedef struct common {
    const char *dir, *out;
    pqi_cli_kek_args kek;
    pqi_host_device_cfg cfg;
} common;

#define COMMON_OPTIONS(c)                                                                          \
    PQI_CLI_STRING("dir", "DIR", &(c).dir, "the device directory"), PQI_CLI_KEK_OPTIONS((c).kek)
#define OUT_OPTION(c, what)                                                                        \
    PQI_CLI_STRING("out", "FILE", &(c).out, what " (default: standard output)")

static pqi_cli_exit ready(common *c, const pqi_cli_command *self)
{
    if (c->dir == NULL) {
        return pqi_cli_usage(self, "--dir is missing");
    }
    c->cfg.dir = c->dir;
    return pqi_cli_kek_read(&c->kek, false, &c->cfg.kek);
}

static pqi_cli_exit done(common *c, pqi_status st, pqi_cspan out, const char *what)
{
    pqi_cli_kek_wipe(&c->cfg.kek);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_attest_why());
    }
    pqi_cli_exit rc = pqi_cli_write_file(c->out, out);
    if (rc == PQI_CLI_OK && c->out != NULL && strcmp(c->out, "-") != 0) {
        printf("%s in %s\n", what, c->out);
    }
    return rc;
}

/* A file where its name is given; empty else. */
static pqi_cli_exit optional(const char *path, size_t cap, pqi_span *out)
{
    *out = (pqi_span){NULL, 0};
    return path != NULL ? pqi_cli_read_file(path, cap, out) : PQI_CLI_OK;
}

static pqi_cspan view(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* ---- enroll --------------------------------------------------------------------------------------- */

static pqi_cli_exit enroll(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    const char *ek = NULL, *ek_cert = NULL, *ak = NULL;
    pqi_span files[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(c),
        PQI_CLI_STRING("ek-public", "FILE", &ek, "endorsement key, where tools made it"),
        PQI_CLI_STRING("ek-cert", "FILE", &ek_cert, "its certificate, DER"),
        PQI_CLI_STRING("ak-public", "FILE", &ak, "attestation key, where tools made it"),
        OUT_OPTION(c, "the request"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Asks for an AK certificate: the endorsement and attestation key of the TPM, signed by "
        "the\n"
        "device's factory key. The TPM is that of the device's provider; with --ek-public and\n"
        "--ak-public it is one that tpm2_createek and tpm2_createak were used on.\n\n"
        "Example: pqi attest enroll --dir pump-1 --key-file pump-1.key -o pump-1.ak-request",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || (ek == NULL) != (ak == NULL) || (ek_cert != NULL && ek == NULL)) {
        return pqi_cli_usage(
            self, "enroll takes no operand; --ek-public and --ak-public go together");
    }
    rc = optional(ek, TOOL_MAX, &files[0]);
    rc = rc == PQI_CLI_OK ? optional(ek_cert, PQI_EK_CERT_MAX, &files[1]) : rc;
    rc = rc == PQI_CLI_OK ? optional(ak, TOOL_MAX, &files[2]) : rc;
    rc = rc == PQI_CLI_OK ? ready(&c, self) : rc;
    if (rc == PQI_CLI_OK) {
        const pqi_ak_request from = {
            .ek_public = view(files[0]), .ek_cert = view(files[1]), .ak_public = view(files[2])};
        pqi_span out = {pqi_cli_alloc(PQI_AK_REQUEST_MAX), PQI_AK_REQUEST_MAX};
        size_t len = 0;
        const pqi_status st =
            pqi_host_device_ak_request(&c.cfg, ek != NULL ? &from : NULL, out, &len);
        rc = done(&c, st, (pqi_cspan){out.ptr, len}, "request");
        free(out.ptr);
    }
    for (int i = 0; i < 3; i++) {
        free(files[i].ptr);
    }
    return rc;
}

/* ---- activate -------------------------------------------------------------------------------------- */

/* In the form that tpm2_activatecredential reads. */
static pqi_cli_exit write_blob(const char *path, pqi_cspan credential)
{
    static const uint8_t head[CRED_HEAD] = {0xba, 0xdc, 0xc0, 0xde, 0, 0, 0, 1};
    uint8_t out[CRED_HEAD + PQI_AK_CRED_MAX];
    pqi_ak_msg m;
    if (pqi_ak_msg_decode(credential, &m) != PQI_OK || m.kind != PQI_AK_CREDENTIAL) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi ca ak challenge makes one",
            "this is no credential for an attestation key");
    }
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, m.body.ptr, m.body.len);
    return pqi_cli_write_file(path, (pqi_cspan){out, sizeof head + m.body.len});
}

static pqi_cli_exit activate(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    const char *secret_path = NULL, *blob = NULL;
    pqi_span cred = {NULL, 0}, secret = {NULL, 0};
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(c),
        PQI_CLI_STRING("blob", "FILE", &blob, "only write what tpm2_activatecredential reads"),
        PQI_CLI_STRING("secret", "FILE", &secret_path, "what tpm2_activatecredential gave back"),
        OUT_OPTION(c, "the proof"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Has the TPM open the CA's credential, which proves that the attestation key is in it. "
        "The\n"
        "device's own TPM also certifies the P-256 halves of the keys in use, where they have "
        "such;\n"
        "with --secret the proof is without.\n\n"
        "Example: pqi attest activate --dir pump-1 --key-file pump-1.key -o pump-1.proof "
        "pump-1.cred",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "activate takes one operand: the credential");
    }
    rc = pqi_cli_read_file(argv[0], PQI_AK_MSG_MAX, &cred);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (blob != NULL) {
        rc = write_blob(blob, view(cred));
        free(cred.ptr);
        return rc;
    }
    rc = optional(secret_path, PQI_AK_SECRET_LEN, &secret);
    if (rc == PQI_CLI_OK && secret_path != NULL) {
        c.cfg.dir = c.dir; /* no key is needed */
    } else if (rc == PQI_CLI_OK) {
        rc = ready(&c, self);
    }
    if (rc == PQI_CLI_OK) {
        uint8_t out[PQI_AK_MSG_MAX];
        size_t len = 0;
        const pqi_status st = pqi_host_device_ak_activate(
            &c.cfg, view(cred), view(secret), (pqi_span){out, sizeof out}, &len);
        rc = done(&c, st, (pqi_cspan){out, len}, "proof");
        memset(out, 0, sizeof out);
    }
    free(cred.ptr);
    free(secret.ptr);
    return rc;
}

/* ---- install -------------------------------------------------------------------------------------- */

static pqi_cli_exit install(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    pqi_span in = {NULL, 0};
    const pqi_cli_option options[] = {COMMON_OPTIONS(c), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Keeps an AK certificate in the device directory, once it holds under the pinned root.\n\n"
        "Example: pqi attest install --dir pump-1 --key-file pump-1.key pump-1.ak",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "install takes one operand: the AK certificate");
    }
    rc = pqi_cli_read_file(argv[0], PQI_AK_CERT_MAX, &in);
    rc = rc == PQI_CLI_OK ? ready(&c, self) : rc;
    if (rc == PQI_CLI_OK) {
        pqi_host_device_status status;
        pqi_now now = {0, (uint64_t)time(NULL), 0};
        if (pqi_host_device_get_status(&c.cfg, &status) == PQI_OK) {
            now.control_epoch = status.control.head_epoch;
        }
        const pqi_status st = pqi_host_device_ak_install(&c.cfg, view(in), &now);
        pqi_cli_kek_wipe(&c.cfg.kek);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_attest_why());
    }
    if (rc == PQI_CLI_OK) {
        printf("AK certificate installed in %s\n", c.dir);
    }
    free(in.ptr);
    return rc;
}

/* ---- quote ---------------------------------------------------------------------------------------- */

typedef struct quote_args {
    common c;
    const char *log, *message, *signature, *pcrs;
    bool qualifying;
} quote_args;

/* What tpm2_quote wrote: TPMS_ATTEST, TPMT_SIGNATURE and the values of the PCRs. */
static pqi_cli_exit from_tools(
    const quote_args *a, uint8_t quote[PQI_QUOTE_MAX], pqi_attest_evidence *e, pqi_span *values)
{
    pqi_span m = {NULL, 0}, s = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(a->message, PQI_QUOTE_MAX, &m);
    rc = rc == PQI_CLI_OK ? pqi_cli_read_file(a->signature, PQI_QUOTE_MAX, &s) : rc;
    rc = rc == PQI_CLI_OK ? optional(a->pcrs, PQI_TPM_PCRS * PQI_PCR_LEN, values) : rc;
    if (rc == PQI_CLI_OK && m.len + s.len + 4 > PQI_QUOTE_MAX) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "tpm2_quote -m MESSAGE -s SIGNATURE",
            "%s and %s are longer than a quote", a->message, a->signature);
    }
    if (rc == PQI_CLI_OK) {
        quote[0] = (uint8_t)(m.len >> 8);
        quote[1] = (uint8_t)m.len;
        memcpy(quote + 2, m.ptr, m.len);
        quote[2 + m.len] = (uint8_t)(s.len >> 8);
        quote[3 + m.len] = (uint8_t)s.len;
        memcpy(quote + 4 + m.len, s.ptr, s.len);
        e->quote = (pqi_cspan){quote, m.len + s.len + 4};
        e->values = view(*values);
    }
    free(m.ptr);
    free(s.ptr);
    return rc;
}

static pqi_cli_exit print_qualifying(quote_args *a, pqi_cspan challenge)
{
    uint8_t extra[32];
    uint32_t mask = 0;
    char hex[65], pcrs[PQI_ATTEST_PCRS_LEN];
    const pqi_status st = pqi_host_device_qualifying(&a->c.cfg, challenge, extra, &mask);
    pqi_cli_kek_wipe(&a->c.cfg.kek);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_attest_why());
    }
    pqi_cli_hex_encode(hex, extra, sizeof extra);
    pqi_attest_pcrs(pcrs, mask);
    for (char *p = pcrs; *p != '\0'; p++) {
        *p = *p == ' ' ? ',' : *p;
    }
    printf("%s sha256:%s\n", hex, pcrs);
    return PQI_CLI_OK;
}

static pqi_cli_exit answer(quote_args *a, pqi_cspan challenge, pqi_cspan log)
{
    uint8_t quote[PQI_QUOTE_MAX];
    pqi_attest_evidence e;
    pqi_span values = {NULL, 0};
    pqi_cli_exit rc = PQI_CLI_OK;
    memset(&e, 0, sizeof e);
    if (a->message != NULL) {
        rc = from_tools(a, quote, &e, &values);
    }
    if (rc == PQI_CLI_OK) {
        pqi_span out = {pqi_cli_alloc(PQI_ATTEST_EVIDENCE_MAX), PQI_ATTEST_EVIDENCE_MAX};
        size_t len = 0;
        const pqi_status st = pqi_host_device_attest(
            &a->c.cfg, challenge, log, a->message != NULL ? &e : NULL, out, &len);
        rc = done(&a->c, st, (pqi_cspan){out.ptr, len}, "evidence");
        free(out.ptr);
    }
    free(values.ptr);
    return rc;
}

static pqi_cli_exit quote(const pqi_cli_command *self, int argc, char **argv)
{
    quote_args a;
    pqi_span in = {NULL, 0}, log = {NULL, 0};
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(a.c),
        PQI_CLI_STRING("event-log", "FILE", &a.log,
            "event log of the firmware; \"none\": leave it out (default: that of this machine)"),
        PQI_CLI_FLAG("qualifying", &a.qualifying, "only print what tpm2_quote is to sign"),
        PQI_CLI_STRING("message", "FILE", &a.message, "what tpm2_quote -m wrote"),
        PQI_CLI_STRING("signature", "FILE", &a.signature, "what tpm2_quote -s wrote"),
        PQI_CLI_STRING("pcrs", "FILE", &a.pcrs, "what tpm2_pcrread -o wrote"),
        OUT_OPTION(a.c, "the evidence"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Answers a verifier's challenge with a quote of the TPM, the AK certificate and the event\n"
        "log. The quote is the provider's; with --message and --signature it is one that\n"
        "tpm2_quote made over what --qualifying printed.\n\n"
        "Example: pqi attest quote --dir pump-1 --key-file pump-1.key -o pump-1.evidence "
        "pump-1.ask",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || (a.message == NULL) != (a.signature == NULL) ||
        (a.pcrs != NULL && a.message == NULL)) {
        return pqi_cli_usage(
            self, "quote takes one operand, the challenge; --message and --signature go together");
    }
    rc = pqi_cli_read_file(argv[0], PQI_ATTEST_CHALLENGE_MAX, &in);
    if (rc == PQI_CLI_OK && !a.qualifying && (a.log == NULL || strcmp(a.log, "none") != 0)) {
        rc = pqi_cli_read_file(a.log != NULL ? a.log : LOG_PATH, PQI_EVENTLOG_MAX, &log);
    }
    rc = rc == PQI_CLI_OK ? ready(&a.c, self) : rc;
    if (rc == PQI_CLI_OK) {
        rc = a.qualifying ? print_qualifying(&a, view(in)) : answer(&a, view(in), view(log));
    }
    free(in.ptr);
    free(log.ptr);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_attest_commands[] = {
    {"enroll", NULL, enroll, "--dir DIR [--ek-public FILE --ak-public FILE] [--out FILE]",
        "ask for an AK certificate", NULL, "pqi attest enroll"},
    {"activate", NULL, activate, "--dir DIR [--secret FILE | --blob FILE] [--out FILE] CREDENTIAL",
        "prove that the attestation key is in the TPM", NULL, "pqi attest activate"},
    {"install", NULL, install, "--dir DIR AK_CERT",
        "keep an AK certificate", NULL, "pqi attest install"},
    {"challenge", NULL, pqi_cmd_attest_challenge,
        "--state FILE --as ID --root FILE --policy FILE --cert FILE [--out FILE]",
        "ask a device what it started", NULL, "pqi attest challenge"},
    {"quote", NULL, quote, "--dir DIR [--event-log FILE] [--out FILE] CHALLENGE",
        "answer a challenge", NULL, "pqi attest quote"},
    {"verify", NULL, pqi_cmd_attest_verify,
        "--state FILE --as ID --root FILE --policy FILE --cert FILE [--json] EVIDENCE",
        "judge an answer", NULL, "pqi attest verify"},
    {"show", NULL, pqi_cmd_attest_show, "[--json] STATE",
        "list verdicts", NULL, "pqi attest show"},
    {"policy", NULL, NULL, "",
        "write and sign what machines may have started", pqi_attest_policy_commands,
        "pqi attest policy"},
    {"log", NULL, pqi_cmd_attest_log, "[--json] [--pcrs LIST] [--events] [FILE]",
        "print and replay an event log", NULL, "pqi attest log"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
