/* SPDX-License-Identifier: Apache-2.0
 * Quotes: TPMS_ATTEST and TPMT_SIGNATURE, TPM 2.0 part 2 sections 10.12 and 11.3. */
#include "ident/tpm.h"

#include "base/mem.h"

#define EXTRA_MAX 64u /* TPM2B_DATA: TPMT_HA is the longest */
#define SELECT_MIN                                                                                 \
    3u /* bytes of a PCR selection: part 2 section 10.6.1, PC client platforms have 24 */

/* TPML_PCR_SELECTION of one selection in the SHA-256 bank. A TPM gives a selection of more bytes than
 * three only when it has more PCRs; those are not for us. */
static uint32_t read_selection(rd *r)
{
    rd_expect(r, 4, 1);
    rd_expect(r, 2, TPM_ALG_SHA256);
    rd_expect(r, 1, SELECT_MIN);
    pqi_cspan s = rd_bytes(r, SELECT_MIN);
    if (r->bad) {
        return 0;
    }
    return (uint32_t)s.ptr[0] | (uint32_t)s.ptr[1] << 8 | (uint32_t)s.ptr[2] << 16;
}

pqi_cspan pqi_tpm_read_name(rd *r)
{
    pqi_cspan n = rd_vec16(r, PQI_TPM_NAME_MAX, PQI_TPM_NAME_MAX);
    if (!r->bad && (n.ptr[0] != 0 || n.ptr[1] != TPM_ALG_SHA256)) {
        rd_fail(r);
    }
    return n;
}

tpm_clock pqi_tpm_read_clock(rd *r)
{
    tpm_clock c = {0};
    c.clock = rd_u64(r);
    c.reset_count = rd_u32(r);
    c.restart_count = rd_u32(r);
    c.safe = rd_u8(r);
    c.firmware = rd_u64(r);
    if (c.safe > 1) {
        rd_fail(r);
    }
    return c;
}

static pqi_status read_attest(pqi_cspan in, pqi_quote *q)
{
    rd r = rd_of(in);
    rd_expect(&r, 4, TPM_GENERATED);
    rd_expect(&r, 2, TPM_ST_ATTEST_QUOTE);
    q->signer = pqi_tpm_read_name(&r);
    q->extra = tpm_2b(&r, EXTRA_MAX);
    const tpm_clock c = pqi_tpm_read_clock(&r);
    q->clock = c.clock;
    q->reset_count = c.reset_count;
    q->restart_count = c.restart_count;
    q->clock_safe = c.safe;
    q->firmware = c.firmware;
    q->pcr_mask = read_selection(&r);
    pqi_cspan digest = rd_vec16(&r, PQI_PCR_LEN, PQI_PCR_LEN);
    if (rd_done(&r) != PQI_OK || q->pcr_mask == 0) {
        return PQI_ERR_DECODE;
    }
    memcpy(q->pcr_digest, digest.ptr, PQI_PCR_LEN);
    return PQI_OK;
}

/* A coordinate of 1 to 32 bytes, to 32; TPMs differ in leading zeros. */
static void read_number(rd *r, uint8_t out[32])
{
    pqi_cspan n = rd_vec16(r, 1, 32);
    if (!r->bad) {
        memset(out, 0, 32);
        memcpy(out + 32 - n.len, n.ptr, n.len);
    }
}

pqi_status pqi_tpm_signature(pqi_cspan in, uint8_t sig[64])
{
    rd r = rd_of(in);
    const uint32_t alg = rd_u16(&r), hash = rd_u16(&r);
    if (!r.bad && (alg != TPM_ALG_ECDSA || hash != TPM_ALG_SHA256)) {
        return PQI_ERR_UNSUPPORTED;
    }
    read_number(&r, sig);
    read_number(&r, sig + 32);
    return rd_done(&r);
}

pqi_status pqi_quote_decode(pqi_cspan in, pqi_quote *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_QUOTE_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_quote q = {0};
    rd r = rd_of(in);
    q.attest = rd_vec16(&r, 1, PQI_QUOTE_MAX);
    pqi_cspan sig = rd_vec16(&r, 1, PQI_QUOTE_MAX);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        st = read_attest(q.attest, &q);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_signature(sig, q.sig);
    }
    if (st == PQI_OK) {
        *out = q;
    }
    return st;
}
