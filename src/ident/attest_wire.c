/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 5: challenge, evidence, and what a quote is bound to. */
#include <pqi/attest.h>

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"

#define T_CHALLENGE 0x78u
#define T_EVIDENCE  0x79u
#define VERSION     1u

static pqi_cspan read_head(rd *r, uint8_t type)
{
    rd_expect(r, 1, type);
    rd_expect(r, 1, VERSION);
    rd_expect(r, 2, 0);
    return rd_bytes(r, PQI_ATTEST_NONCE);
}

static void put_head(wr *w, uint8_t type, const uint8_t *nonce)
{
    wr_u8(w, type);
    wr_u8(w, VERSION);
    wr_u16(w, 0);
    wr_bytes(w, (pqi_cspan){nonce, PQI_ATTEST_NONCE});
}

static bool mask_ok(uint32_t mask)
{
    return mask != 0 && (mask & ~PQI_PCR_MASK_ALL) == 0;
}

static bool challenge_ok(const pqi_attest_challenge *c)
{
    return mask_ok(c->pcr_mask) && c->root_version != 0 && c->policy_seq != 0 &&
           pqi_id_check(c->verifier_id) == PQI_OK;
}

pqi_status pqi_attest_challenge_decode(pqi_cspan in, pqi_attest_challenge *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_attest_challenge c = {{0}, 0, 0, 0, {NULL, 0}};
    rd r = rd_of(in);
    pqi_cspan nonce = read_head(&r, T_CHALLENGE);
    c.pcr_mask = rd_u32(&r);
    c.root_version = rd_u32(&r);
    c.policy_seq = rd_u32(&r);
    c.verifier_id = rd_bytes(&r, rd_u8(&r));
    if (rd_done(&r) != PQI_OK || !challenge_ok(&c)) {
        return PQI_ERR_DECODE;
    }
    memcpy(c.nonce, nonce.ptr, PQI_ATTEST_NONCE);
    *out = c;
    return PQI_OK;
}

pqi_status pqi_attest_challenge_encode(const pqi_attest_challenge *c, pqi_span out, size_t *out_len)
{
    if (c == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!challenge_ok(c)) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of(out);
    put_head(&w, T_CHALLENGE, c->nonce);
    wr_u32(&w, c->pcr_mask);
    wr_u32(&w, c->root_version);
    wr_u32(&w, c->policy_seq);
    wr_u8(&w, (uint8_t)c->verifier_id.len);
    wr_bytes(&w, c->verifier_id);
    return wr_done(&w, out_len);
}

pqi_status pqi_attest_qualifying(
    const pqi_algs *a, const pqi_attest_challenge *c, const pqi_attest_subject *s, uint8_t out[32])
{
    if (a == NULL || c == NULL || s == NULL || out == NULL || !challenge_ok(c) ||
        pqi_id_check(s->device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    uint8_t mem[PQI_ATTEST_NONCE + 12u + 2u * (1u + PQI_ID_MAX) + PQI_KEY_ID_LEN];
    wr w = wr_of((pqi_span){mem, sizeof mem});
    wr_bytes(&w, (pqi_cspan){c->nonce, PQI_ATTEST_NONCE});
    wr_u32(&w, c->pcr_mask);
    wr_u32(&w, c->root_version);
    wr_u32(&w, c->policy_seq);
    wr_u8(&w, (uint8_t)c->verifier_id.len);
    wr_bytes(&w, c->verifier_id);
    wr_u8(&w, (uint8_t)s->device_id.len);
    wr_bytes(&w, s->device_id);
    wr_bytes(&w, (pqi_cspan){s->key_id, PQI_KEY_ID_LEN});
    const pqi_cspan parts[2] = {{PQI_LIT("PQI4 attest")}, {mem, w.len}};
    return a->classic->hash(PQI_HASH_SHA256, parts, 2, out);
}

static bool values_ok(pqi_cspan v)
{
    return v.len % PQI_PCR_LEN == 0 && v.len / PQI_PCR_LEN <= PQI_TPM_PCRS;
}

pqi_status pqi_attest_evidence_decode(pqi_cspan in, pqi_attest_evidence *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_ATTEST_EVIDENCE_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_attest_evidence e = {{0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    rd r = rd_of(in);
    pqi_cspan nonce = read_head(&r, T_EVIDENCE);
    e.ak_cert = rd_vec16(&r, 1, PQI_AK_CERT_MAX);
    e.quote = rd_vec16(&r, 1, PQI_QUOTE_MAX);
    e.values = rd_vec16(&r, 0, PQI_TPM_PCRS * PQI_PCR_LEN);
    const uint32_t log_len = rd_u32(&r);
    if (log_len > PQI_EVENTLOG_MAX) {
        rd_fail(&r);
    }
    e.log = rd_bytes(&r, log_len);
    if (rd_done(&r) != PQI_OK || !values_ok(e.values)) {
        return PQI_ERR_DECODE;
    }
    memcpy(e.nonce, nonce.ptr, PQI_ATTEST_NONCE);
    *out = e;
    return PQI_OK;
}

pqi_status pqi_attest_evidence_encode(const pqi_attest_evidence *e, pqi_span out, size_t *out_len)
{
    if (e == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    bool cert = e->ak_cert.len != 0 && e->ak_cert.len <= PQI_AK_CERT_MAX;
    bool quote = e->quote.len != 0 && e->quote.len <= PQI_QUOTE_MAX;
    if (!cert || !quote || !values_ok(e->values) || e->log.len > PQI_EVENTLOG_MAX) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of(out);
    put_head(&w, T_EVIDENCE, e->nonce);
    wr_vec16(&w, e->ak_cert);
    wr_vec16(&w, e->quote);
    wr_vec16(&w, e->values);
    wr_u32(&w, (uint32_t)e->log.len);
    wr_bytes(&w, e->log);
    return wr_done(&w, out_len);
}
