/* SPDX-License-Identifier: Apache-2.0
 * Signatures made in different places come together in one COSE_Sign. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "ct/ct.h"

#define HDR_TYP 16u /* RFC 9596 section 2 */
#define TYP_MAX 32u

/* Any object of ours: its header is a type and nothing else. */
static pqi_status any_decode(pqi_cspan in, pqi_cose_sign *out)
{
    rd r = rd_of(in);
    pqi_cbor_tag(&r, PQI_CBOR_TAG_SIGN);
    (void)pqi_cbor_array(&r, 4, 4);
    rd h = rd_of(pqi_cbor_bstr(&r, 1, in.len));
    (void)pqi_cbor_map(&h, 1, 1);
    pqi_cbor_key(&h, HDR_TYP);
    pqi_cspan typ = pqi_cbor_tstr(&h, 1, TYP_MAX);
    if (r.bad || rd_done(&h) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    pqi_status st = pqi_cose_sign_decode(in, typ, out);
    return st == PQI_OK ? pqi_ident_check_signers(out->signatures) : st;
}

static bool same(pqi_cspan x, pqi_cspan y)
{
    return x.len == y.len && pqi_ct_eq(x.ptr, y.ptr, x.len) != 0;
}

typedef struct walk { /* over the signatures of one object */
    rd r;
    size_t left; /* 0: s is none */
    pqi_cose_signature s;
} walk;

static void step(walk *k)
{
    if (k->left != 0 && --k->left != 0) {
        pqi_cose_signature_next(&k->r, &k->s);
    }
}

static walk walk_of(pqi_cspan signatures)
{
    walk k = {0};
    k.left = pqi_cose_signatures_begin(&k.r, signatures) + 1u;
    step(&k);
    return k;
}

/* Both in one order; of a signer in both the first one's. w NULL: counts. */
static size_t merge_signatures(const pqi_cose_sign *x, const pqi_cose_sign *y, wr *w)
{
    walk a = walk_of(x->signatures), b = walk_of(y->signatures);
    size_t n = 0;
    for (; a.left != 0 || b.left != 0; n++) {
        int order = a.left == 0 ? 1 : b.left == 0 ? -1 : pqi_ident_kid_cmp(a.s.kid, b.s.kid);
        const pqi_cose_signature *s = order <= 0 ? &a.s : &b.s;
        if (w != NULL) {
            pqi_cbor_put_array(w, 3);
            pqi_cbor_put_bstr(w, s->protected_);
            pqi_cbor_put_map(w, 0);
            pqi_cbor_put_bstr(w, s->signature);
        }
        if (order <= 0) {
            step(&a);
        }
        if (order >= 0) {
            step(&b);
        }
    }
    return n;
}

pqi_status pqi_cose_merge(pqi_cspan x, pqi_cspan y, pqi_span out, size_t *out_len)
{
    pqi_cose_sign a, b;
    if (out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (any_decode(x, &a) != PQI_OK || any_decode(y, &b) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    if (!same(a.body_protected, b.body_protected) || !same(a.payload, b.payload)) {
        return PQI_ERR_AUTH;
    }
    size_t n = merge_signatures(&a, &b, NULL);
    if (n > PQI_COSE_SIGNATURES_MAX) {
        return PQI_ERR_LIMIT;
    }
    wr w = wr_of(out);
    pqi_cbor_put_head(&w, PQI_CBOR_TAG, PQI_CBOR_TAG_SIGN);
    pqi_cbor_put_array(&w, 4);
    pqi_cbor_put_bstr(&w, a.body_protected);
    pqi_cbor_put_map(&w, 0);
    pqi_cbor_put_bstr(&w, a.payload);
    pqi_cbor_put_array(&w, n);
    (void)merge_signatures(&a, &b, &w);
    return wr_done(&w, out_len);
}
