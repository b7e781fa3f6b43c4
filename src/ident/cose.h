/* SPDX-License-Identifier: Apache-2.0
 * COSE_Sign1 and COSE_Sign (RFC 9052 section 4) in the one form that our objects have:
 *   Sign1 = 18([bstr {1: alg, 4: kid, 16: typ}, {}, bstr payload, bstr signature])
 *   Sign  = 98([bstr {16: typ}, {}, bstr payload, [+ [bstr {1: alg, 4: kid}, {}, bstr signature]]])
 * external_aad of a signature is its domain label, which is also the context string of FIPS 204.
 * The Sig_structure is signed in parts and never copied together. */
#ifndef PQI_IDENT_COSE_H
#define PQI_IDENT_COSE_H

#include "base/cbor.h"
#include <pqi/trust.h>

#define PQI_COSE_SIGNATURES_MAX 32u /* two full sets of root keys, at a rotation */

typedef struct pqi_cose_sign1 {
    int32_t alg;
    uint8_t kid[PQI_KID_LEN];
    pqi_cspan protected_, payload, signature;
} pqi_cose_sign1;

/* PQI_OK; PQI_ERR_DECODE. Spans point into `in`. */
PQI_MUST_CHECK pqi_status pqi_cose_sign1_decode(pqi_cspan in, pqi_cspan typ, pqi_cose_sign1 *out);

typedef struct pqi_cose_sign {
    pqi_cspan body_protected, payload;
    pqi_cspan signatures; /* the array with its head; every element was checked */
} pqi_cose_sign;

PQI_MUST_CHECK pqi_status pqi_cose_sign_decode(pqi_cspan in, pqi_cspan typ, pqi_cose_sign *out);

typedef struct pqi_cose_signature {
    int32_t alg;
    uint8_t kid[PQI_KID_LEN];
    pqi_cspan protected_, signature;
} pqi_cose_signature;

/* Walks the `signatures` of a decoded object: first the head, which gives their number. */
size_t pqi_cose_signatures_begin(rd *r, pqi_cspan signatures);
void pqi_cose_signature_next(rd *r, pqi_cose_signature *out);

/* What a signature covers, next to its domain. */
typedef struct pqi_cose_signed {
    pqi_cspan body_protected;
    pqi_cspan sign_protected; /* of COSE_Sign; empty: COSE_Sign1 */
    pqi_cspan payload;
} pqi_cose_signed;

/* PQI_OK; PQI_ERR_AUTH; PQI_ERR_UNSUPPORTED: alg is not in `a`; PQI_ERR_SPACE: tmp. */
PQI_MUST_CHECK pqi_status pqi_cose_verify(const pqi_algs *a, const pqi_manifest_key *by,
    pqi_cspan domain, const pqi_cose_signed *what, pqi_cspan signature, pqi_span tmp);

/* A key that signs. */
typedef struct pqi_cose_signer {
    pqi_provider *p;
    pqi_key key;
    int32_t alg;
    uint32_t sig_len; /* the longest */
    pqi_cspan domain;
    uint8_t kid[PQI_KID_LEN];
} pqi_cose_signer;

/* Asks the provider about a signature key. PQI_OK; PQI_ERR_ARG: another kind of key;
 * PQI_ERR_UNSUPPORTED; statuses of the provider. */
PQI_MUST_CHECK pqi_status pqi_cose_signer_load(
    const pqi_algs *a, pqi_provider *p, pqi_key key, pqi_cspan domain, pqi_cose_signer *out);

/* Signs parts and appends the signature as a byte string; a counting writer reserves the longest.
 * PQI_ERR_STATE: the writer has less room than that; statuses of the provider. */
PQI_MUST_CHECK pqi_status pqi_cose_put_signature(
    wr *w, const pqi_cose_signer *s, const pqi_cspan *parts, size_t n_parts);

/* The payload: `put` is called twice, first to count, then to write; both must give as much. */
typedef struct pqi_cose_body {
    pqi_cspan typ;
    pqi_status (*put)(wr *w, const void *obj);
    const void *obj;
} pqi_cose_body;

/* PQI_OK; PQI_ERR_SPACE: *out_len is enough; statuses of `put` and of the provider. On an error out
 * is untouched or zero and *out_len is 0, except with PQI_ERR_SPACE. */
PQI_MUST_CHECK pqi_status pqi_cose_sign1_build(
    const pqi_cose_signer *s, const pqi_cose_body *body, pqi_span out, size_t *out_len);
PQI_MUST_CHECK pqi_status pqi_cose_sign_build(
    const pqi_cose_signer *s, size_t n, const pqi_cose_body *body, pqi_span out, size_t *out_len);

#endif
