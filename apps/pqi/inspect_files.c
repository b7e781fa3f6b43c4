/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: what lies on a disk or comes from a TPM. Of sealed files the header is shown: what is in them opens
 * with the provider alone, and counters are checked with its keys. */
#include "inspect.h"

#include "attest.h"

#include <pqi/provider_soft.h>

#include <string.h>

#define PROVIDER_HEAD 38u /* docs/spec/provider-files.md section 1 */
#define SLOT_HEAD     20u /* docs/spec/state.md section 1 */

static uint64_t number(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

pqi_status pqi_inspect_provider(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    static const char *const states[] = {"?", "new", "ready"};
    static const char *const keks[] = {"?", "file or credential", "passphrase", "in an element"};
    const uint8_t *p = in.ptr;
    (void)c;
    if (in.len < PROVIDER_HEAD + PQI_AEAD_TAG || p[4] != 1 || p[5] < 1 || p[5] > 2 || p[6] < 1 ||
        p[6] > 3) {
        return PQI_ERR_DECODE;
    }
    json_t *o = out->fields;
    pqi_inspect_put_str(o, "state", states[p[5]]);
    pqi_inspect_put_str(o, "key_encryption_key", keks[p[6]]);
    if (p[6] == 2) {
        pqi_inspect_put_uint(o, "scrypt_log2_n", p[7]);
    }
    pqi_inspect_put_hex(o, "salt", p + 10, 16);
    pqi_inspect_put_uint(o, "encrypted_bytes", in.len - PROVIDER_HEAD - PQI_AEAD_TAG);
    return PQI_OK;
}

pqi_status pqi_inspect_wrapped(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    (void)c;
    if (in.len <= 21 || in.ptr[4] != 1) {
        return PQI_ERR_DECODE;
    }
    pqi_inspect_put_hex(out->fields, "salt", in.ptr + 5, 16);
    pqi_inspect_put_uint(out->fields, "wrapped_bytes", in.len - 21);
    return PQI_OK;
}

pqi_status pqi_inspect_counters(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    const bool more = in.ptr[3] == '2';
    const uint8_t *p = in.ptr + (more ? 20 : 4);
    json_t *o = out->fields, *values = json_object();
    char name[12];
    (void)c;
    if (in.len != (more ? PQI_SOFT_COUNTERS_MAX : PQI_SOFT_COUNTERS_LEN)) {
        json_decref(values);
        return PQI_ERR_DECODE;
    }
    if (more) {
        pqi_inspect_put_uint(o, "keys_generation", number(in.ptr + 4, 8));
        pqi_inspect_put_uint(o, "element_generation", number(in.ptr + 12, 8));
    }
    for (unsigned i = 0; i < PQI_COUNTER_SLOTS; i++) {
        const uint64_t v = number(p + (size_t)8 * i, 8);
        if (v != 0) {
            (void)snprintf(name, sizeof name, "slot_%u", i);
            pqi_inspect_put_uint(values, name, v);
        }
    }
    pqi_inspect_put(o, "counters", values);
    pqi_inspect_put_state(out, o, "mac", PQI_AGAIN, "its key is in the provider");
    return PQI_OK;
}

pqi_status pqi_inspect_slot(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    (void)c;
    if (in.len < SLOT_HEAD + PQI_SEAL_OVERHEAD || number(in.ptr + 4, 4) != 0x00010000u ||
        number(in.ptr + 8, 8) == 0 || number(in.ptr + 16, 4) != in.len - SLOT_HEAD) {
        return PQI_ERR_DECODE;
    }
    const uint64_t generation = number(in.ptr + 8, 8);
    pqi_inspect_put_uint(out->fields, "generation", generation);
    pqi_inspect_put_uint(out->fields, "slot", generation % 2);
    pqi_inspect_put_uint(out->fields, "sealed_bytes", in.len - SLOT_HEAD);
    pqi_inspect_put_state(out, out->fields, "seal", PQI_AGAIN, "it opens with its provider alone");
    return PQI_OK;
}

pqi_status pqi_inspect_quote(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_quote q;
    char pcrs[PQI_ATTEST_PCRS_LEN];
    (void)c;
    pqi_status st = pqi_quote_decode(in, &q);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_hex(o, "signer", q.signer.ptr, q.signer.len);
    pqi_inspect_put_hex(o, "qualifying", q.extra.ptr, q.extra.len);
    pqi_attest_pcrs(pcrs, q.pcr_mask);
    pqi_inspect_put_str(o, "pcrs", pcrs);
    pqi_inspect_put_hex(o, "pcr_digest", q.pcr_digest, sizeof q.pcr_digest);
    pqi_inspect_put_uint(o, "reset_count", q.reset_count);
    pqi_inspect_put_uint(o, "restart_count", q.restart_count);
    pqi_inspect_put_state(out, o, "signature", PQI_AGAIN, "the AK certificate comes with evidence");
    return PQI_OK;
}

pqi_status pqi_inspect_eventlog(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_pcrs values;
    char name[12];
    pqi_status st = pqi_eventlog_replay(c->algs, in, &values);
    if (st != PQI_OK) {
        return st;
    }
    json_t *pcrs = json_object();
    pqi_inspect_put_uint(out->fields, "events", values.events);
    for (unsigned i = 0; i < PQI_TPM_PCRS; i++) {
        if ((values.extended >> i & 1u) != 0) {
            (void)snprintf(name, sizeof name, "pcr_%u", i);
            pqi_inspect_put_hex(pcrs, name, values.v[i], PQI_PCR_LEN);
        }
    }
    pqi_inspect_put(out->fields, "pcrs", pcrs);
    return PQI_OK;
}
