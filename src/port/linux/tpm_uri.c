/* SPDX-License-Identifier: Apache-2.0
 * Addresses of TPM providers: docs/providers.md section 2. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pqi_status take_number(const char *v, uint32_t low, uint32_t high, uint32_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long n = strtoul(v, &end, 0);
    if (v[0] < '0' || v[0] > '9' || *end != 0 || errno != 0 || n < low || n > high) {
        return pqi_why(
            PQI_ERR_ARG, "\"%.40s\" is no handle between 0x%08x and 0x%08x", v, low, high);
    }
    *out = (uint32_t)n;
    return PQI_OK;
}

static pqi_status take_path(const char *v, char *out)
{
    size_t n = strlen(v);
    if (v[0] != '/' ||
        n >= TPM_PATH_MAX) { /* the URI is kept: it must not depend on where one is */
        return pqi_why(
            PQI_ERR_ARG, "a file in the TPM's URI needs an absolute path, not \"%.40s\"", v);
    }
    memcpy(out, v, n + 1);
    return PQI_OK;
}

pqi_status pqi_tpm_pcrs_parse(const char *text, uint32_t *mask)
{
    uint32_t m = 0;
    const char *p = text;
    while (*p != 0) {
        char *end = NULL;
        unsigned long n = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 99;
        if (n > 23 || (*end != 0 && ((*end != '+' && *end != ',') || end[1] == 0))) {
            return pqi_why(
                PQI_ERR_ARG, "\"%.60s\" is no list of PCRs: 0+2+4+7, each from 0 to 23", text);
        }
        m |= 1u << n;
        p = *end != 0 ? end + 1 : end;
    }
    if (m == 0) {
        return pqi_why(PQI_ERR_ARG, "at least one PCR is needed: keys sealed to no state are not");
    }
    *mask = m;
    return PQI_OK;
}

void pqi_tpm_pcrs_text(uint32_t mask, char out[TPM_PCRS_TEXT])
{
    size_t n = 0;
    out[0] = 0;
    for (unsigned i = 0; i < 24; i++) {
        if ((mask >> i & 1u) != 0) {
            int k = snprintf(out + n, TPM_PCRS_TEXT - n, n == 0 ? "%u" : "+%u", i);
            n += k > 0 ? (size_t)k : 0;
        }
    }
}

static pqi_status take_option(tpm_uri *u, const char *name, const char *v)
{
    if (strcmp(name, "base") == 0) {
        return take_number(v, 0x81000000u, 0x817fffffu - TPM_KEY_FIRST - TPM_KEYS_MAX, &u->base);
    }
    if (strcmp(name, "nv") == 0) {
        return take_number(v, 0x01800000u, 0x01bfffffu - TPM_NV_MAX, &u->nv);
    }
    if (strcmp(name, "pcrs") == 0) {
        return pqi_tpm_pcrs_parse(v, &u->pcrs);
    }
    if (strcmp(name, "policy") == 0) {
        return take_path(v, u->policy);
    }
    if (strcmp(name, "approval") == 0) {
        return take_path(v, u->approval);
    }
    if (strcmp(name, "owner") == 0) {
        return take_path(v, u->owner);
    }
    if (strcmp(name, "endorsement") == 0) {
        return take_path(v, u->endorsement);
    }
    return pqi_why(PQI_ERR_ARG,
        "the TPM's URI has an unknown option \"%.40s\": base, nv, pcrs, policy, approval, owner "
        "and "
        "endorsement exist",
        name);
}

static pqi_status take_options(tpm_uri *u, char *text)
{
    char *save = NULL;
    for (char *o = strtok_r(text, "&", &save); o != NULL; o = strtok_r(NULL, "&", &save)) {
        char *eq = strchr(o, '=');
        if (eq == NULL) {
            return pqi_why(PQI_ERR_ARG, "\"%.40s\" in the TPM's URI has no value", o);
        }
        *eq = 0;
        pqi_status st = take_option(u, o, eq + 1);
        if (st != PQI_OK) {
            return st;
        }
    }
    return PQI_OK;
}

/* The name in front of the colon. The stack would take a file's name for it and run its code, and two TCTIs
 * run what their arguments say: `cmd` a program, `pcap` a second TCTI. The address of a directory is
 * in a file, which is no place for programs. */
static pqi_status check_tcti(const char *tcti)
{
    static const char *const refused[] = {"cmd", "pcap"};
    size_t n = strspn(tcti, "abcdefghijklmnopqrstuvwxyz0123456789-");
    bool bad = n == 0 || (tcti[n] != 0 && tcti[n] != ':');
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bad = bad || (n == strlen(refused[i]) && memcmp(tcti, refused[i], n) == 0);
    }
    return bad ? pqi_why(PQI_ERR_ARG,
                     "\"%.40s\" is no way to a TPM: device:/dev/tpmrm0, swtpm:path=SOCKET, tabrmd: "
                     "are; files and programs in place of a TCTI's name are not taken",
                     tcti)
               : PQI_OK;
}

pqi_status pqi_tpm_uri_parse(const char *uri, tpm_uri *out)
{
    memset(out, 0, sizeof *out);
    out->base = TPM_BASE_DEFAULT;
    out->nv = TPM_NV_DEFAULT;
    out->pcrs = TPM_PCRS_DEFAULT;
    if (uri == NULL || strncmp(uri, "tpm:", 4) != 0) {
        return pqi_why(PQI_ERR_ARG, "a TPM's URI begins with tpm:, as tpm:device:/dev/tpmrm0");
    }
    const char *tcti = uri + 4, *q = strchr(tcti, '?');
    size_t n = q != NULL ? (size_t)(q - tcti) : strlen(tcti);
    if (n == 0 || n >= TPM_TCTI_MAX) {
        return pqi_why(PQI_ERR_ARG, "the TPM's URI names no device: tpm:device:/dev/tpmrm0");
    }
    memcpy(out->tcti, tcti, n);
    pqi_status st = check_tcti(out->tcti);
    if (st != PQI_OK || q == NULL) {
        return st;
    }
    char options[4 * TPM_PATH_MAX];
    if (strlen(q + 1) >= sizeof options) {
        return pqi_why(PQI_ERR_ARG, "the TPM's URI is too long");
    }
    memcpy(options, q + 1, strlen(q + 1) + 1);
    return take_options(out, options);
}
