/* SPDX-License-Identifier: Apache-2.0
 * That the P-256 halves of a device's keys are in its TPM: TPM2_Certify by the attestation key.
 * docs/spec/attest.md section 2.1; TPM 2.0 part 2 sections 10.12.3 and 10.12.8. */
#include "ident/tpm.h"

#include "base/mem.h"
#include "ct/ct.h"
#include <pqi/composite.h>

#define LABEL ((pqi_cspan){PQI_LIT("PQI4 half")})

static bool same(pqi_cspan x, const uint8_t *y, size_t len)
{
    return x.len == len && pqi_ct_eq(x.ptr, y, len) != 0;
}

/* TPMS_ATTEST of TPMS_CERTIFY_INFO. What it is about is known by its name alone. */
static pqi_status read_attest(pqi_half *h)
{
    rd r = rd_of(h->attest);
    rd_expect(&r, 4, TPM_GENERATED);
    rd_expect(&r, 2, TPM_ST_ATTEST_CERTIFY);
    (void)pqi_tpm_read_name(&r); /* the signer's qualified name: its signature tells more */
    h->extra = rd_vec16(&r, PQI_HALF_EXTRA, PQI_HALF_EXTRA);
    (void)pqi_tpm_read_clock(&r);
    pqi_cspan name = pqi_tpm_read_name(&r);
    (void)pqi_tpm_read_name(&r); /* qualified: under which parent, which does not matter */
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    return same(name, h->name, sizeof h->name) ? PQI_OK : PQI_ERR_AUTH;
}

pqi_status pqi_half_decode(const pqi_algs *a, pqi_cspan in, pqi_half *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_half h = {.kind = PQI_KEY_NONE};
    rd r = rd_of(in);
    pqi_cspan area = rd_vec16(&r, 1, PQI_TPM_AK_MAX);
    h.attest = rd_vec16(&r, 1, PQI_HALF_MAX);
    pqi_cspan sig = rd_vec16(&r, 1, PQI_HALF_MAX); /* what they may hold is shorter */
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        st = pqi_tpm_half_key(a, area, &h);
    }
    if (st == PQI_OK) {
        st = read_attest(&h);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_signature(sig, h.sig);
    }
    if (st == PQI_OK) {
        *out = h;
    }
    return st;
}

pqi_status pqi_half_verify(
    const pqi_algs *a, pqi_p256_verify verify, const pqi_half_want *w, pqi_cspan statement)
{
    pqi_half h;
    uint8_t digest[32];
    if (a == NULL || verify == NULL || w == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_half_decode(a, statement, &h);
    if (st != PQI_OK) {
        return st;
    }
    if (h.kind != w->kind) {
        return PQI_ERR_POLICY;
    }
    if (!same(h.extra, w->extra, sizeof w->extra) || !pqi_ct_eq(h.pk, w->pk, PQI_TPM_POINT_LEN)) {
        return PQI_ERR_AUTH;
    }
    st = a->classic->hash(PQI_HASH_SHA256, &h.attest, 1, digest);
    return st == PQI_OK ? verify(w->ak_pk, digest, h.sig) : st;
}

pqi_status pqi_half_qualifying(const pqi_algs *a, const uint8_t secret[PQI_AK_SECRET_LEN],
    pqi_cspan device_id, const uint8_t key_id[PQI_KEY_ID_LEN], uint8_t out[PQI_HALF_EXTRA])
{
    if (a == NULL || secret == NULL || key_id == NULL || out == NULL ||
        pqi_id_check(device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    const uint8_t len = (uint8_t)device_id.len;
    const pqi_cspan parts[5] = {
        LABEL, {secret, PQI_AK_SECRET_LEN}, {&len, 1}, device_id, {key_id, PQI_KEY_ID_LEN}};
    return a->classic->hash(PQI_HASH_SHA256, parts, 5, out);
}

/* The point behind the post-quantum half. */
static bool tail(pqi_cspan pk, uint8_t out[PQI_TPM_POINT_LEN])
{
    if (pk.len <= PQI_TPM_POINT_LEN) {
        return false;
    }
    memcpy(out, pk.ptr + pk.len - PQI_TPM_POINT_LEN, PQI_TPM_POINT_LEN);
    return true;
}

pqi_status pqi_half_points(const pqi_algs *a, const pqi_cert *c, uint8_t sig[PQI_TPM_POINT_LEN],
    uint8_t kem[PQI_TPM_POINT_LEN])
{
    if (a == NULL || c == NULL || sig == NULL || kem == NULL) {
        return PQI_ERR_ARG;
    }
    const pqi_sig *s = pqi_algs_sig(a, c->sig_alg);
    const pqi_kem *k = pqi_algs_kem(a, c->kem_alg);
    bool both = s != NULL && k != NULL && pqi_composite_sig_of(s) != NULL &&
                pqi_composite_kem_of(k) != NULL;
    return both && tail(c->sig_pk, sig) && tail(c->kem_pk, kem) ? PQI_OK : PQI_ERR_POLICY;
}
