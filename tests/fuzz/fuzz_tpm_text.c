/* SPDX-License-Identifier: Apache-2.0
 * What users and files say about a TPM: URIs, lists of PCRs and approvals. What is taken is within its bounds; an
 * approval is written again as the same bytes. The first byte of the input says which. */
#include "port/linux/tpm.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX 8192u

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static bool is_path(const char *p)
{
    return p[0] == '\0' || (p[0] == '/' && strlen(p) < TPM_PATH_MAX);
}

static void uri(pqi_cspan in, const char *text)
{
    static tpm_uri u;
    (void)in;
    if (pqi_tpm_uri_parse(text, &u) != PQI_OK) {
        return;
    }
    must(strncmp(text, "tpm:", 4) == 0 && u.tcti[0] != '\0' && strlen(u.tcti) < TPM_TCTI_MAX);
    must(strncmp(u.tcti, "cmd", 4) != 0 && strncmp(u.tcti, "cmd:", 4) != 0 && u.tcti[0] != '/');
    must(u.base >= 0x81000000u && u.base <= 0x817fffffu);
    must(u.nv >= 0x01800000u && u.nv <= 0x01bfffffu);
    must(u.pcrs != 0 && (u.pcrs & ~TPM_PCRS_ALL) == 0);
    must(is_path(u.policy) && is_path(u.approval) && is_path(u.owner) && is_path(u.endorsement));
}

static void pcrs(pqi_cspan in, const char *text)
{
    char again[TPM_PCRS_TEXT];
    uint32_t mask = 0, same = 0;
    (void)in;
    if (pqi_tpm_pcrs_parse(text, &mask) == PQI_OK) {
        pqi_tpm_pcrs_text(mask, again);
        must(pqi_tpm_pcrs_parse(again, &same) == PQI_OK && same == mask);
    } else {
        must(mask == 0);
    }
}

static void approval(pqi_cspan in, const char *text)
{
    static tpm_approval a;
    static uint8_t again[2048];
    size_t used = 1, n = 0;
    (void)text;
    if (pqi_tpm_approval_parse(in, &a, &used) != PQI_OK) {
        must(used == 0);
        return;
    }
    must(used <= in.len && a.mask != 0 && (a.mask & ~TPM_PCRS_ALL) == 0);
    must(pqi_tpm_approval_put(&a, (pqi_span){again, sizeof again}, &n) == PQI_OK);
    must(n == used && memcmp(again, in.ptr, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(pqi_cspan in, const char *text) = {uri, pcrs, approval};
    if (size == 0 || size > TEXT_MAX) {
        return 0;
    }
    char *text = malloc(size);
    must(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    parts[data[0] % 3u]((pqi_cspan){data + 1, size - 1}, text);
    free(text);
    return 0;
}
