/* SPDX-License-Identifier: Apache-2.0
 * Verification, specification Algorithm 16, in the memory of two polynomials: HashToPoint is
 * compared with s2 h block by block. */
#include "prim/falcon/verify.h"

#include "base/args.h"
#include "base/mem.h"
#include "prim/falcon/codec.h"
#include "prim/falcon/hash.h"
#include "prim/falcon/modq.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

/* What precedes the two polynomials in tmp. */
typedef struct verify_tmp {
    pqi_xof x;
    uint16_t c[PQI_FALCON_HASH_BLOCK];
} verify_tmp;

_Static_assert(sizeof(verify_tmp) % sizeof(int16_t) == 0 &&
                   sizeof(verify_tmp) + 4 * 512 == PQI_FALCON512_VERIFY_TMP &&
                   sizeof(verify_tmp) + 4 * 1024 == PQI_FALCON1024_VERIFY_TMP,
    "falcon.h");

/* ||s2||^2. At most 1024 * 2047^2 < 2^32. */
static uint32_t norm_s2(const int16_t *s2, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t v = s2[i];
        sum += (uint32_t)(v * v);
    }
    return sum;
}

/* ||s1||^2 with s1 = c - s2 h mod q, centred. At most 1024 * 6144^2 < 2^36. */
static uint64_t norm_s1(verify_tmp *w, const int16_t *s2h, size_t n)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < n;) {
        size_t got = pqi_falcon_hash_block(&w->x, w->c);
        got = got < n - at ? got : n - at;
        uint32_t part = 0; /* 68 * 6144^2 < 2^32 */
        for (size_t i = 0; i < got; i++) {
            /* c - (-6145..6145) - q / 2 fits 16 bits; so does the way back. */
            int32_t v = pqi_falcon_centre((int16_t)((int32_t)w->c[i] - s2h[at + i]));
            part += (uint32_t)(v * v);
        }
        sum += part;
        at += got;
    }
    return sum;
}

pqi_status pqi_falcon_verify_any(const pqi_falcon_claim *claim, const pqi_falcon_frame *frame,
    const pqi_cspan *parts, size_t n_parts, void *tmp)
{
    verify_tmp *w = tmp;
    unsigned logn = claim->logn;
    size_t n = (size_t)1 << logn;
    int16_t *s2 = (int16_t *)(void *)(w + 1), *h = s2 + n;
    pqi_cspan sig = claim->sig;
    uint32_t head = claim->format == PQI_FALCON_CT ? PQI_FALCON_HEAD_CT : PQI_FALCON_HEAD_SIG;
    uint64_t norm;

    pqi_status st = PQI_ERR_AUTH;
    if (sig.len <= PQI_FALCON_SIG_HEAD || sig.ptr[0] != head + logn) {
        return st;
    }
    st = pqi_falcon_decode_s2(s2,
        (pqi_cspan){sig.ptr + PQI_FALCON_SIG_HEAD, sig.len - PQI_FALCON_SIG_HEAD}, claim->format,
        logn);
    if (st == PQI_OK) {
        st = pqi_falcon_decode_pk(h, claim->pk, logn);
    }
    if (st != PQI_OK) {
        return st;
    }
    norm = norm_s2(s2, n);
    pqi_falcon_ntt(s2, logn);
    pqi_falcon_ntt(h, logn);
    pqi_falcon_mul(s2, h, logn);
    pqi_falcon_intt(s2, logn);

    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, sig.ptr + 1, PQI_FALCON_NONCE);
    pqi_falcon_absorb_message(&w->x, frame, parts, n_parts);
    norm += norm_s1(w, s2, n);
    pqi_wipe(w, sizeof *w); /* the message may be confidential */
    return norm <= pqi_falcon_bound(logn) ? PQI_OK : PQI_ERR_AUTH;
}

static pqi_status verify_framed(unsigned logn, const uint8_t *pk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const pqi_cspan *sig, void *tmp)
{
    const pqi_falcon_claim claim = {logn, PQI_FALCON_PADDED, pk, *sig};
    const pqi_falcon_frame frame = {true, ctx};
    return pqi_falcon_verify_any(&claim, &frame, parts, n_parts, tmp);
}

pqi_status pqi_falcon_512_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    return verify_framed(9, pk, ctx, parts, n_parts, &sig, tmp);
}

pqi_status pqi_falcon_1024_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    return verify_framed(10, pk, ctx, parts, n_parts, &sig, tmp);
}

pqi_status pqi_falcon_verify(const pqi_sig *alg, pqi_falcon_format format, pqi_cspan pk,
    const pqi_cspan *parts, size_t n_parts, pqi_cspan sig, pqi_span tmp)
{
    if (alg == NULL) {
        return PQI_ERR_ARG;
    }
    unsigned logn = pqi_falcon_logn(alg);
    if (logn == 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (pqi_falcon_len(logn, format) == 0 || !pqi_args_exact(pk, alg->pk_len) ||
        !pqi_args_parts(parts, n_parts) || !pqi_args_span(sig)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_args_tmp(tmp, alg->verify_tmp);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_falcon_claim claim = {logn, format, pk.ptr, sig};
    const pqi_falcon_frame frame = {false, {NULL, 0}};
    return pqi_falcon_verify_any(&claim, &frame, parts, n_parts, tmp.ptr);
}
