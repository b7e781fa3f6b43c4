/* SPDX-License-Identifier: Apache-2.0
 * pqi tpm: what this library has in a TPM 2.0. */
#include "cmd_util.h"
#include "commands.h"

#include <pqi/host_tpm.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TPM_DEFAULT "tpm:device:/dev/tpmrm0"
#define TPM_OPTION(uri)                                                                            \
    PQI_CLI_STRING("tpm", "URI", &(uri), "the TPM (default: $PQI_TPM, then " TPM_DEFAULT ")")

static const char *uri_or_default(const char *uri)
{
    const char *env = getenv("PQI_TPM");
    return uri != NULL ? uri : (env != NULL && env[0] != 0 ? env : TPM_DEFAULT);
}

static pqi_cli_exit failed(pqi_status st)
{
    return pqi_cli_why(st, pqi_host_tpm_why());
}

static pqi_cli_exit cmd_init(const pqi_cli_command *self, int argc, char **argv)
{
    const char *uri = NULL;
    unsigned made = 0;
    const pqi_cli_option options[] = {TPM_OPTION(uri), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes the storage root key and the attestation key, where they are missing, and keeps "
        "them\n"
        "in the TPM. Keys and counter of a directory come with the directory. Where the "
        "hierarchies\n"
        "have passwords the URI names the files: tpm:...?owner=/FILE&endorsement=/FILE.\n\n"
        "Example: pqi tpm init --tpm tpm:device:/dev/tpmrm0",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "init takes no operand");
    }
    uri = uri_or_default(uri);
    pqi_status st = pqi_host_tpm_init(uri, &made);
    if (st != PQI_OK) {
        return failed(st);
    }
    printf(made != 0 ? "%u keys made\n" : "nothing to do: the keys are there\n", made);
    return PQI_CLI_OK;
}

static pqi_cli_exit cmd_clear(const pqi_cli_command *self, int argc, char **argv)
{
    const char *uri = NULL;
    bool yes = false;
    unsigned removed = 0;
    const pqi_cli_option options[] = {TPM_OPTION(uri),
        PQI_CLI_FLAG("yes", &yes, "do not ask: all keys in the TPM are gone for ever"),
        PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Removes keys and counters that this program has made in the TPM, of all directories: "
        "those\n"
        "directories never open again. Other objects of the TPM stay.\n\n"
        "Example: pqi tpm clear --yes",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "clear takes no operand");
    }
    if (!pqi_cli_sure(yes, "all directories with keys in this TPM become useless; go on?")) {
        return PQI_CLI_USAGE;
    }
    pqi_status st = pqi_host_tpm_clear(uri_or_default(uri), &removed);
    if (st != PQI_OK) {
        return failed(st);
    }
    printf("%u objects removed\n", removed);
    return PQI_CLI_OK;
}

/* ---- show ------------------------------------------------------------------------------------------ */

static const char *there(int has)
{
    return has > 0 ? "there" : (has == 0 ? "missing (pqi tpm init)" : "something else is there");
}

static void hex_handle(char out[16], uint32_t h)
{
    (void)snprintf(out, 16, "0x%08x", h);
}

static json_t *json_handles(const uint32_t *h, uint32_t n)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        char text[16];
        hex_handle(text, h[i]);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *json_counters(const pqi_tpm_facts *f)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < f->n_counters; i++) {
        char text[16];
        hex_handle(text, f->counters[i].index);
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o}", "index", text, "value",
                      f->counters[i].known != 0 ? json_integer((json_int_t)f->counters[i].value)
                                                : json_null()));
    }
    return list;
}

static json_t *json_pcrs(uint32_t mask, const uint8_t *values)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if ((mask >> i & 1u) != 0) {
            char name[8];
            (void)snprintf(name, sizeof name, "%u", i);
            (void)json_object_set_new(o, name, pqi_cli_json_hex(values, 32));
            values += 32;
        }
    }
    return o;
}

static void print_pcrs(uint32_t mask, const uint8_t *values)
{
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if ((mask >> i & 1u) != 0) {
            char hex[65];
            pqi_cli_hex_encode(hex, values, 32);
            printf("PCR %-2u            %s\n", i, hex);
            values += 32;
        }
    }
}

static pqi_cli_exit show_json(const pqi_tpm_facts *f)
{
    char firmware[24], srk[16], ak[16];
    (void)snprintf(firmware, sizeof firmware, "%08x.%08x", f->firmware[0], f->firmware[1]);
    hex_handle(srk, f->base);
    hex_handle(ak, f->base + 1u);
    return pqi_cli_print_json(json_pack("{s:s, s:s, s:{s:s, s:b}, s:{s:s, s:b}, s:o, s:o, "
                                        "s:{s:b, s:I, s:I, s:I, s:I}, s:o, s:s, s:s}",
        "manufacturer", f->manufacturer, "firmware", firmware, "storage_key", "handle", srk,
        "there", f->has_srk == 1, "attestation_key", "handle", ak, "there", f->has_ak == 1, "keys",
        json_handles(f->keys, f->n_keys), "counters", json_counters(f), "lockout", "locked",
        f->da_locked, "failed", (json_int_t)f->da_failed, "limit", (json_int_t)f->da_max,
        "interval", (json_int_t)f->da_interval, "left", (json_int_t)f->da_left, "pcrs",
        json_pcrs(f->pcrs, f->values), "ek_subject", f->ek_subject, "ek_issuer", f->ek_issuer));
}

static pqi_cli_exit show_text(const pqi_tpm_facts *f)
{
    printf("manufacturer:     %s, firmware %08x.%08x\n", f->manufacturer, f->firmware[0],
        f->firmware[1]);
    printf("endorsement:      %s\n",
        f->ek_subject[0] != 0 ? f->ek_subject : "no certificate of a P-256 or P-384 key");
    if (f->ek_issuer[0] != 0) {
        printf("  issued by:      %s\n", f->ek_issuer);
    }
    printf("storage key:      0x%08x %s\n", f->base, there(f->has_srk));
    printf("attestation key:  0x%08x %s\n", f->base + 1u, there(f->has_ak));
    printf("keys:             %u\n", f->n_keys);
    for (uint32_t i = 0; i < f->n_keys; i++) {
        printf("  0x%08x\n", f->keys[i]);
    }
    printf("counters:         %u\n", f->n_counters);
    for (uint32_t i = 0; i < f->n_counters; i++) {
        const pqi_tpm_counter *c = &f->counters[i];
        if (c->known != 0) {
            printf("  0x%08x      %" PRIu64 "\n", c->index, c->value);
        } else {
            printf("  0x%08x      (the owner's password is needed)\n", c->index);
        }
    }
    printf("wrong passwords:  %u of %u, one forgotten every %u s\n", f->da_failed, f->da_max,
        f->da_interval);
    if (f->da_locked != 0) {
        printf("LOCKED:           for at most %" PRIu64 " s\n", f->da_left);
    }
    print_pcrs(f->pcrs, f->values);
    return PQI_CLI_OK;
}

static pqi_cli_exit cmd_show(const pqi_cli_command *self, int argc, char **argv)
{
    const char *uri = NULL;
    bool json = false;
    static pqi_tpm_facts facts;
    const pqi_cli_option options[] = {
        TPM_OPTION(uri), PQI_CLI_FLAG("json", &json, "print one JSON object"), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows the TPM, its endorsement certificate, what this program has in it, wrong passwords\n"
        "and lockout, and the PCRs of the URI.\n\n"
        "Example: pqi tpm show --tpm 'tpm:device:/dev/tpmrm0?pcrs=0+7'",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "show takes no operand");
    }
    pqi_status st = pqi_host_tpm_show(uri_or_default(uri), &facts);
    if (st != PQI_OK) {
        return failed(st);
    }
    pqi_cli_plain(facts.ek_subject);
    pqi_cli_plain(facts.ek_issuer);
    return json ? show_json(&facts) : show_text(&facts);
}

/* ---- policies ----------------------------------------------------------------------------------------- */

/* "7=HEX" */
static bool take_pcr(const char *text, uint8_t all[PQI_TPM_PCRS][32], uint32_t *mask)
{
    char *end = NULL;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '=' || n >= PQI_TPM_PCRS) {
        return false;
    }
    pqi_span out = {all[n], 32};
    *mask |= 1u << n;
    return pqi_cli_hex_decode(end + 1, &out) && out.len == 32;
}

static pqi_cli_exit values_given(
    const pqi_cli_command *self, const pqi_cli_list *pcrs, pqi_tpm_approval *a)
{
    uint8_t all[PQI_TPM_PCRS][32];
    uint8_t *to = a->values;
    for (size_t i = 0; i < pcrs->n; i++) {
        if (!take_pcr(pcrs->v[i], all, &a->mask)) {
            return pqi_cli_usage(self, "\"%.20s\" is not PCR=64 hex digits", pcrs->v[i]);
        }
    }
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if ((a->mask >> i & 1u) != 0) {
            memcpy(to, all[i], 32);
            to += 32;
        }
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit values_now(const char *uri, const char *list, pqi_tpm_approval *a)
{
    size_t n = 0;
    pqi_status st = pqi_host_tpm_pcrs(list != NULL ? list : "0+2+4+7", &a->mask);
    for (uint32_t m = a->mask; st == PQI_OK && m != 0; m &= m - 1u) {
        n += 32;
    }
    if (st == PQI_OK) {
        st = pqi_host_tpm_pcr_read(uri_or_default(uri), a->mask, (pqi_span){a->values, n});
    }
    return st == PQI_OK ? PQI_CLI_OK : failed(st);
}

static pqi_cli_exit cmd_policy_sign(const pqi_cli_command *self, int argc, char **argv)
{
    const char *uri = NULL, *key = NULL, *list = NULL, *out = NULL;
    pqi_cli_list given = {{NULL}, 0};
    pqi_tpm_approval a;
    uint8_t mem[PQI_TPM_APPROVAL_MAX];
    size_t n = 0;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("key", "FILE", &key, "the policy key: private, P-256, PEM"),
        PQI_CLI_LIST("pcr", "N=HEX", &given, "a PCR and its value; may be repeated"),
        TPM_OPTION(uri),
        PQI_CLI_STRING("pcrs", "LIST", &list, "take the TPM's present values (default: 0+2+4+7)"),
        PQI_CLI_STRING("out", "FILE", &out, "the approval (default: standard output)"),
        PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Signs PCR values with the policy key: directories that were made with policy=FILE of "
        "that\n"
        "key open while the PCRs have these values. The values are those given with --pcr, or "
        "those\n"
        "that a TPM has now.\n\n"
        "Example: pqi tpm policy sign --key vendor.pem --pcr 0=0123... --pcr 7=4567... -o "
        "fw-2.approval",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || key == NULL) {
        return pqi_cli_usage(self, "sign takes --key and no operand");
    }
    if (given.n != 0 && (uri != NULL || list != NULL)) {
        return pqi_cli_usage(self, "give the values with --pcr, or a TPM to read them from");
    }
    rc = given.n != 0 ? values_given(self, &given, &a) : values_now(uri, list, &a);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_tpm_approve(key, &a, (pqi_span){mem, sizeof mem}, &n);
    return st == PQI_OK ? pqi_cli_write_file(out, (pqi_cspan){mem, n}) : failed(st);
}

static pqi_cli_exit cmd_policy_add(const pqi_cli_command *self, int argc, char **argv)
{
    const char *dir = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("dir", "DIR", &dir, "the directory of keys, as DEVICE/keys"), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Puts an approval of PCR values beside the keys of a directory: from the next start on "
        "they\n"
        "open in that state too. The TPM checks the signature, whoever puts it there.\n\n"
        "Example: pqi tpm policy add --dir /var/lib/pump/keys fw-2.approval",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || dir == NULL) {
        return pqi_cli_usage(self, "add takes --dir and one operand: the approval");
    }
    pqi_span in = {NULL, 0};
    rc = pqi_cli_read_file(argv[0], PQI_TPM_APPROVAL_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_tpm_approval_add(dir, (pqi_cspan){in.ptr, in.len});
    free(in.ptr);
    return st == PQI_OK ? PQI_CLI_OK : failed(st);
}

static pqi_cli_exit print_approvals(const char *path, pqi_cspan in)
{
    for (size_t at = 0; at < in.len;) {
        pqi_tpm_approval a;
        char hex[131];
        size_t used = 0;
        pqi_status st =
            pqi_host_tpm_approval_read((pqi_cspan){in.ptr + at, in.len - at}, &a, &used);
        if (st != PQI_OK) {
            return failed(st);
        }
        pqi_cli_hex_encode(hex, a.signer, sizeof a.signer);
        printf("%s: approval, signature good\nsigner            %s\n", path, hex);
        print_pcrs(a.mask, a.values);
        at += used;
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit cmd_policy_show(const pqi_cli_command *self, int argc, char **argv)
{
    const pqi_cli_option options[] = {PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows approvals and checks their signatures. A directory keeps its own in tpm.policy.\n\n"
        "Example: pqi tpm policy show /var/lib/pump/keys/tpm.policy",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc == 0) {
        return pqi_cli_usage(self, "show takes files");
    }
    for (int i = 0; i < argc && rc <= PQI_CLI_OK; i++) {
        pqi_span in = {NULL, 0};
        rc = pqi_cli_read_file(argv[i], 16 * PQI_TPM_APPROVAL_MAX, &in);
        if (rc == PQI_CLI_OK) {
            rc = print_approvals(argv[i], (pqi_cspan){in.ptr, in.len});
        }
        free(in.ptr);
    }
    return rc;
}

/* clang-format off */
static const pqi_cli_command policy_commands[] = {
    {"sign", NULL, cmd_policy_sign, "--key FILE [--pcr N=HEX]... [--tpm URI] [--pcrs LIST] [--out FILE]",
        "approve PCR values", NULL, "pqi tpm policy sign"},
    {"add", NULL, cmd_policy_add, "--dir DIR FILE",
        "put an approval beside the keys of a directory", NULL, "pqi tpm policy add"},
    {"show", NULL, cmd_policy_show, "FILE...",
        "show approvals, check their signatures", NULL, "pqi tpm policy show"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

const pqi_cli_command pqi_tpm_commands[] = {
    {"init", NULL, cmd_init, "[--tpm URI]",
        "make storage key and attestation key", NULL, "pqi tpm init"},
    {"show", NULL, cmd_show, "[--json] [--tpm URI]",
        "show the TPM and what is in it", NULL, "pqi tpm show"},
    {"policy", NULL, NULL, "",
        "approve states of the platform", policy_commands, "pqi tpm policy"},
    {"clear", NULL, cmd_clear, "[--yes] [--tpm URI]",
        "remove all keys of this program from the TPM", NULL, "pqi tpm clear"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
