/* SPDX-License-Identifier: Apache-2.0
 * Composite algorithms: what both sides compute without a private key. docs/spec/composite.md. */
#include "base/args.h"
#include "base/rd.h"
#include "base/wr.h"
#include "prim/hkdf/sha2_len.h"
#include "prim/keccak/keccak.h"

#include <pqi/composite.h>
#include <pqi/wipe.h>

#define DER_SEQUENCE 0x30u /* X.690 8.9.1 and 8.3: SEQUENCE, constructed; INTEGER */
#define DER_INTEGER  0x02u
#define INT_LEN      (PQI_P256_SIG / 2u)

_Static_assert(PQI_COMPOSITE_MAX_PK <= PQI_SIG_MAX_PK, "a buffer would grow");
_Static_assert(PQI_COMPOSITE_MAX_SIG <= PQI_SIG_MAX_SIG, "a buffer would grow");
_Static_assert(PQI_COMPOSITE_KEM_PK <= PQI_KEM_MAX_PK, "a buffer would grow");
_Static_assert(PQI_COMPOSITE_KEM_CT <= PQI_KEM_MAX_CT, "a buffer would grow");

const pqi_composite_sig *pqi_composite_sig_of(const pqi_sig *alg)
{
    return alg != NULL && (alg->flags & PQI_ALG_COMPOSITE) != 0 ? alg->impl : NULL;
}

const pqi_composite_kem *pqi_composite_kem_of(const pqi_kem *alg)
{
    return alg != NULL && (alg->flags & PQI_ALG_COMPOSITE) != 0 ? alg->impl : NULL;
}

const pqi_sig *pqi_algs_composite_sig(const pqi_algs *a, int32_t pq_id)
{
    for (size_t i = 0; a != NULL && i < a->n_sigs; i++) {
        const pqi_composite_sig *c = pqi_composite_sig_of(a->sigs[i]);
        if (c != NULL && c->pq->id == pq_id) {
            return a->sigs[i];
        }
    }
    return NULL;
}

const pqi_kem *pqi_algs_composite_kem(const pqi_algs *a, uint32_t pq_id)
{
    for (size_t i = 0; a != NULL && i < a->n_kems; i++) {
        const pqi_composite_kem *c = pqi_composite_kem_of(a->kems[i]);
        if (c != NULL && c->pq->id == pq_id) {
            return a->kems[i];
        }
    }
    return NULL;
}

const pqi_kem *pqi_algs_other_kem(const pqi_algs *a, uint32_t id)
{
    const pqi_composite_kem *c = pqi_composite_kem_of(pqi_algs_kem(a, id));
    return c != NULL ? pqi_algs_kem(a, c->pq->id) : pqi_algs_composite_kem(a, id);
}

/* draft-ietf-lamps-pq-composite-sigs section 2.2: Prefix || Label || len(ctx) || ctx || PH(M). */
pqi_status pqi_composite_message(const pqi_classic *c, const pqi_composite_sig *alg, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, uint8_t *out, size_t *len)
{
    static const pqi_cspan prefix = {PQI_LIT("CompositeAlgorithmSignatures2025")};
    if (len != NULL) {
        *len = 0;
    }
    if (c == NULL || c->hash == NULL || alg == NULL || out == NULL || len == NULL ||
        ctx.len > PQI_SIG_MAX_CTX || !pqi_args_span(ctx) || !pqi_args_parts(parts, n_parts)) {
        return PQI_ERR_ARG;
    }
    size_t md_len = pqi_sha2_len(alg->prehash);
    wr w = wr_of((pqi_span){out, PQI_COMPOSITE_MSG_MAX});
    wr_bytes(&w, prefix);
    wr_bytes(&w, alg->label);
    wr_u8(&w, (uint8_t)ctx.len);
    wr_bytes(&w, ctx);
    uint8_t *md = wr_reserve(&w, md_len);
    if (md == NULL || md_len > PQI_HASH_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_status st = c->hash(alg->prehash, parts, n_parts, md);
    if (st == PQI_OK) {
        *len = w.len;
    }
    return st;
}

/* ---- Ecdsa-Sig-Value: SEQUENCE of two INTEGERs (RFC 3279 section 2.2.3) ------------------------- */

/* The shortest two's complement of a positive number (X.690 8.3.2). */
static void put_integer(wr *w, const uint8_t v[INT_LEN])
{
    size_t skip = 0;
    while (skip < INT_LEN - 1u && v[skip] == 0) {
        skip++;
    }
    bool sign = (v[skip] & 0x80u) != 0;
    wr_u8(w, DER_INTEGER);
    wr_u8(w, (uint8_t)(INT_LEN - skip + (sign ? 1u : 0u)));
    if (sign) {
        wr_u8(w, 0);
    }
    wr_bytes(w, (pqi_cspan){v + skip, INT_LEN - skip});
}

size_t pqi_p256_der_encode(const uint8_t sig[PQI_P256_SIG], uint8_t *der)
{
    wr w = wr_of((pqi_span){der, PQI_P256_DER});
    wr_u8(&w, DER_SEQUENCE);
    wr_u8(&w, 0); /* the length, known at the end */
    put_integer(&w, sig);
    put_integer(&w, sig + INT_LEN);
    der[1] = (uint8_t)(w.len - 2u);
    return w.len;
}

/* Positive, below 2^256 and shortest, or the reader fails. */
static void get_integer(rd *r, uint8_t out[INT_LEN])
{
    rd_expect(r, 1, DER_INTEGER);
    pqi_cspan v = rd_bytes(r, rd_u8(r));
    if (v.len == 0 || (v.ptr[0] & 0x80u) != 0) {
        rd_fail(r);
        return;
    }
    if (v.ptr[0] == 0) {
        v.ptr++;
        v.len--;
        if (v.len == 0 || (v.ptr[0] & 0x80u) == 0) { /* zero, or a zero too many */
            rd_fail(r);
            return;
        }
    }
    if (v.len > INT_LEN) {
        rd_fail(r);
        return;
    }
    memset(out, 0, INT_LEN);
    memcpy(out + INT_LEN - v.len, v.ptr, v.len);
}

pqi_status pqi_p256_der_decode(pqi_cspan der, uint8_t sig[PQI_P256_SIG])
{
    rd r = rd_of(der);
    rd_expect(&r, 1, DER_SEQUENCE);
    /* At most 70 bytes follow, so the one length is that of the short form (X.690 10.1). */
    uint8_t rest = rd_u8(&r);
    if (rest != r.left || der.len > PQI_P256_DER) {
        rd_fail(&r);
    }
    get_integer(&r, sig);
    get_integer(&r, sig + INT_LEN);
    if (rd_done(&r) != PQI_OK) {
        memset(sig, 0, PQI_P256_SIG);
        return PQI_ERR_AUTH;
    }
    return PQI_OK;
}

/* ---- KEM ---------------------------------------------------------------------------------------- */

/* draft-irtf-cfrg-hybrid-kems, the CG framework: KDF(ss_PQ || ss_T || ct_T || ek_T || label). */
void pqi_composite_kem_combine(const pqi_composite_kem *alg, const uint8_t *ss_pq,
    const uint8_t *ss_t, const uint8_t *ct_t, const uint8_t *ek_t, uint8_t ss[PQI_KEM_SS])
{
    pqi_xof h;
    pqi_keccak_start(&h, PQI_SHA3_256_RATE, PQI_SHA3_PAD);
    pqi_xof_absorb(&h, ss_pq, PQI_KEM_SS);
    pqi_xof_absorb(&h, ss_t, PQI_P256_SS);
    pqi_xof_absorb(&h, ct_t, PQI_P256_PK);
    pqi_xof_absorb(&h, ek_t, PQI_P256_PK);
    pqi_xof_absorb(&h, alg->label.ptr, alg->label.len);
    pqi_xof_squeeze(&h, ss, PQI_KEM_SS);
    pqi_wipe(&h, sizeof h);
}
