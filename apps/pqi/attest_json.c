/* SPDX-License-Identifier: Apache-2.0
 * Attestation policies as JSON, for pqi attest and pqi inspect. */
#include "attest.h"

void pqi_attest_pcrs(char out[PQI_ATTEST_PCRS_LEN], uint32_t mask)
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if ((mask >> i & 1u) != 0) {
            const int n =
                snprintf(out + at, PQI_ATTEST_PCRS_LEN - at, "%s%u", at == 0 ? "" : " ", i);
            at += n > 0 ? (size_t)n : 0;
        }
    }
}

static json_t *hex_json(const uint8_t *p, size_t n)
{
    char hex[2 * PQI_PCR_LEN + 1];
    pqi_cli_hex_encode(hex, p, n);
    return json_string(hex);
}

static json_t *rows_json(pqi_cspan list, size_t size)
{
    json_t *out = json_array();
    for (size_t at = 0; at + size <= list.len; at += size) {
        json_t *hex = hex_json(list.ptr + at + (size - 32), 32);
        (void)json_array_append_new(out,
            size == 32 ? hex : json_pack("{s:i, s:o}", "pcr", (int)list.ptr[at], "sha256", hex));
    }
    return out;
}

json_t *pqi_attest_classes_json(const pqi_attest_policy *p)
{
    json_t *out = json_array();
    for (uint32_t i = 0; i < p->n_classes; i++) {
        const pqi_attest_class *c = &p->classes[i];
        json_t *pcrs = json_array();
        for (unsigned k = 0; k < PQI_TPM_PCRS; k++) {
            if ((c->pcr_mask >> k & 1u) != 0) {
                (void)json_array_append_new(pcrs, json_integer((json_int_t)k));
            }
        }
        (void)json_array_append_new(
            out, json_pack("{s:s%, s:o, s:I, s:b, s:b, s:b, s:o, s:o, s:o}", "class", c->name.ptr,
                     c->name.len, "pcrs", pcrs, "max_age_seconds", (json_int_t)c->max_age_s,
                     "needs_log", (int)(c->flags & PQI_ATTEST_LOG) != 0, "needs_ek_cert",
                     (int)(c->flags & PQI_ATTEST_EK_CERT) != 0, "needs_halves",
                     (int)(c->flags & PQI_ATTEST_HALVES) != 0, "digests", rows_json(c->digests, 32),
                     "values", rows_json(c->values, PQI_ATTEST_ROW), "events",
                     rows_json(c->events, PQI_ATTEST_ROW)));
    }
    return out;
}
