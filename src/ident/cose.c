/* SPDX-License-Identifier: Apache-2.0 */
#include "ident/cose.h"

#include "base/mem.h"
#include "ident/ident.h"

/* Header labels: RFC 9052 table 2 and RFC 9596 section 2. */
#define HDR_ALG 1u
#define HDR_KID 4u
#define HDR_TYP 16u

#define HEAD_MAX 9u /* bytes of a CBOR head */

/* ---- decoding --------------------------------------------------------------------------------- */

static void read_alg_kid(rd *r, int32_t *alg, uint8_t kid[PQI_KID_LEN])
{
    pqi_cbor_key(r, HDR_ALG);
    *alg = pqi_ident_read_sig_alg(r);
    pqi_cbor_key(r, HDR_KID);
    pqi_ident_read_fixed(r, kid, PQI_KID_LEN);
}

static void read_empty_map(rd *r)
{
    (void)pqi_cbor_map(r, 0, 0);
}

pqi_status pqi_cose_sign1_decode(pqi_cspan in, pqi_cspan typ, pqi_cose_sign1 *out)
{
    pqi_cose_sign1 m = {0};
    rd r = rd_of(in);
    pqi_cbor_tag(&r, PQI_CBOR_TAG_SIGN1);
    (void)pqi_cbor_array(&r, 4, 4);
    m.protected_ = pqi_cbor_bstr(&r, 1, in.len);
    read_empty_map(&r);
    m.payload = pqi_cbor_bstr(&r, 1, in.len);
    m.signature = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_SIG);

    rd h = rd_of(m.protected_);
    (void)pqi_cbor_map(&h, 3, 3);
    read_alg_kid(&h, &m.alg, m.kid);
    pqi_cbor_key(&h, HDR_TYP);
    pqi_cbor_expect_tstr(&h, typ);
    if (rd_done(&h) != PQI_OK) {
        rd_fail(&r);
    }
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        *out = m;
    }
    return st;
}

size_t pqi_cose_signatures_begin(rd *r, pqi_cspan signatures)
{
    *r = rd_of(signatures);
    return pqi_cbor_array(r, 1, PQI_COSE_SIGNATURES_MAX);
}

void pqi_cose_signature_next(rd *r, pqi_cose_signature *out)
{
    (void)pqi_cbor_array(r, 3, 3);
    out->protected_ = pqi_cbor_bstr(r, 1, SIZE_MAX);
    read_empty_map(r);
    out->signature = pqi_cbor_bstr(r, 1, PQI_SIG_MAX_SIG);
    rd h = rd_of(out->protected_);
    (void)pqi_cbor_map(&h, 2, 2);
    read_alg_kid(&h, &out->alg, out->kid);
    if (rd_done(&h) != PQI_OK) {
        rd_fail(r);
    }
}

pqi_status pqi_cose_sign_decode(pqi_cspan in, pqi_cspan typ, pqi_cose_sign *out)
{
    pqi_cose_sign m = {0};
    rd r = rd_of(in);
    pqi_cbor_tag(&r, PQI_CBOR_TAG_SIGN);
    (void)pqi_cbor_array(&r, 4, 4);
    m.body_protected = pqi_cbor_bstr(&r, 1, in.len);
    read_empty_map(&r);
    m.payload = pqi_cbor_bstr(&r, 1, in.len);
    m.signatures = (pqi_cspan){r.p, r.left};

    rd h = rd_of(m.body_protected);
    (void)pqi_cbor_map(&h, 1, 1);
    pqi_cbor_key(&h, HDR_TYP);
    pqi_cbor_expect_tstr(&h, typ);
    if (rd_done(&h) != PQI_OK || r.bad) {
        return PQI_ERR_DECODE;
    }
    size_t n = pqi_cose_signatures_begin(&r, m.signatures);
    for (size_t i = 0; i < n && !r.bad; i++) {
        pqi_cose_signature s;
        pqi_cose_signature_next(&r, &s);
    }
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        *out = m;
    }
    return st;
}

/* ---- what is signed: RFC 9052 section 4.4 ------------------------------------------------------ */

#define TBS_PARTS 9u

typedef struct tbs {
    uint8_t head[4][HEAD_MAX];
    pqi_cspan part[TBS_PARTS];
    size_t n;
} tbs;

static void tbs_bstr(tbs *t, pqi_cspan b)
{
    uint8_t *head = t->head[(t->n - 1) / 2];
    wr w = wr_of((pqi_span){head, HEAD_MAX});
    pqi_cbor_put_head(&w, PQI_CBOR_BSTR, b.len);
    t->part[t->n++] = (pqi_cspan){head, w.len};
    t->part[t->n++] = b;
}

/* In place: the parts point into *t. */
static void tbs_make(tbs *t, const pqi_cose_signed *s, pqi_cspan domain)
{
    static const uint8_t sign1[] = "\x84\x6aSignature1"; /* array of 4, text of 10 */
    static const uint8_t sign[] = "\x85\x69Signature";   /* array of 5, text of 9 */
    bool one = s->sign_protected.len == 0;
    t->part[0] = one ? (pqi_cspan){sign1, sizeof sign1 - 1u} : (pqi_cspan){sign, sizeof sign - 1u};
    t->n = 1;
    tbs_bstr(t, s->body_protected);
    if (!one) {
        tbs_bstr(t, s->sign_protected);
    }
    tbs_bstr(t, domain);
    tbs_bstr(t, s->payload);
}

pqi_status pqi_cose_verify(const pqi_algs *a, const pqi_manifest_key *by, pqi_cspan domain,
    const pqi_cose_signed *what, pqi_cspan signature, pqi_span tmp)
{
    const pqi_sig *alg = pqi_algs_sig(a, by->alg);
    if (alg == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (by->pk.len != alg->pk_len) {
        return PQI_ERR_AUTH;
    }
    tbs t;
    tbs_make(&t, what, domain);
    return pqi_sig_verify(alg, by->pk, domain, t.part, t.n, signature, tmp);
}

/* ---- building ---------------------------------------------------------------------------------- */

pqi_status pqi_cose_signer_load(
    const pqi_algs *a, pqi_provider *p, pqi_key key, pqi_cspan domain, pqi_cose_signer *out)
{
    pqi_key_info info = {0};
    pqi_status st = pqi_provider_info(p, key, &info);
    if (st != PQI_OK) {
        return st;
    }
    if (info.kind != PQI_KEY_SIG) {
        return PQI_ERR_ARG;
    }
    const pqi_sig *alg = pqi_algs_sig(a, info.alg);
    if (alg == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t len = 0;
    st = pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &len);
    if (st != PQI_OK) {
        return st;
    }
    if (len != alg->pk_len) {
        return PQI_ERR_PROVIDER;
    }
    pqi_cose_signer s = {p, key, info.alg, alg->sig_len, domain, {0}};
    st = pqi_signer_kid(a, s.alg, (pqi_cspan){pk, len}, s.kid);
    if (st == PQI_OK) {
        *out = s;
    }
    return st;
}

static void put_alg_kid(wr *w, const pqi_cose_signer *s)
{
    pqi_cbor_put_uint(w, HDR_ALG);
    pqi_cbor_put_int(w, s->alg);
    pqi_cbor_put_uint(w, HDR_KID);
    pqi_cbor_put_bstr(w, (pqi_cspan){s->kid, PQI_KID_LEN});
}

/* The protected header: of a Sign1 (both), a Sign body (no signer) or a signature (no typ). */
static void put_header(wr *w, const pqi_cose_signer *s, pqi_cspan typ)
{
    pqi_cbor_put_map(w, (s != NULL ? 2u : 0u) + (typ.len != 0 ? 1u : 0u));
    if (s != NULL) {
        put_alg_kid(w, s);
    }
    if (typ.len != 0) {
        pqi_cbor_put_uint(w, HDR_TYP);
        pqi_cbor_put_tstr(w, typ);
    }
}

/* Writes the header as a byte string and tells where its bytes are. */
static pqi_cspan put_protected(wr *w, const pqi_cose_signer *s, pqi_cspan typ)
{
    wr count = wr_count();
    put_header(&count, s, typ);
    pqi_cbor_put_head(w, PQI_CBOR_BSTR, count.len);
    size_t at = w->len;
    put_header(w, s, typ);
    return w->p == NULL ? (pqi_cspan){NULL, count.len} : (pqi_cspan){w->p + at, count.len};
}

static pqi_status put_payload(wr *w, const pqi_cose_body *body, pqi_cspan *where)
{
    wr count = wr_count();
    pqi_status st = body->put(&count, body->obj);
    if (st != PQI_OK) {
        return st;
    }
    pqi_cbor_put_head(w, PQI_CBOR_BSTR, count.len);
    size_t at = w->len;
    if (w->p == NULL) {
        (void)wr_reserve(w, count.len);
        *where = (pqi_cspan){NULL, count.len};
        return PQI_OK;
    }
    st = body->put(w, body->obj);
    *where = (pqi_cspan){w->p + at, count.len};
    return st;
}

/* In place: a shorter signature may have a shorter head, then it moves forward. */
pqi_status pqi_cose_put_signature(
    wr *w, const pqi_cose_signer *s, const pqi_cspan *parts, size_t n_parts)
{
    size_t head = pqi_cbor_head_len(s->sig_len);
    if (w->p == NULL) {
        (void)wr_reserve(w, head + s->sig_len);
        return PQI_OK;
    }
    if (w->len > w->cap || head + s->sig_len > w->cap - w->len) {
        return PQI_ERR_STATE; /* the counting pass made room */
    }
    uint8_t *at = w->p + w->len + head;
    size_t len = 0;
    pqi_status st = pqi_provider_sign(
        s->p, s->key, s->domain, parts, n_parts, (pqi_span){at, s->sig_len}, &len);
    if (st != PQI_OK) {
        return st;
    }
    if (len == 0 || len > s->sig_len) {
        return PQI_ERR_PROVIDER;
    }
    size_t real = pqi_cbor_head_len(len);
    if (real != head) {
        memmove(w->p + w->len + real, at, len);
    }
    pqi_cbor_put_head(w, PQI_CBOR_BSTR, len);
    (void)wr_reserve(w, len);
    return PQI_OK;
}

static pqi_status put_signature(wr *w, const pqi_cose_signer *s, const pqi_cose_signed *what)
{
    tbs t;
    tbs_make(&t, what, s->domain);
    return pqi_cose_put_signature(w, s, t.part, t.n);
}

static pqi_status put_sign1(wr *w, const pqi_cose_signer *s, const pqi_cose_body *body)
{
    pqi_cose_signed what = {{0}, {0}, {0}};
    pqi_cbor_put_head(w, PQI_CBOR_TAG, PQI_CBOR_TAG_SIGN1);
    pqi_cbor_put_array(w, 4);
    what.body_protected = put_protected(w, s, body->typ);
    pqi_cbor_put_map(w, 0);
    pqi_status st = put_payload(w, body, &what.payload);
    return st == PQI_OK ? put_signature(w, s, &what) : st;
}

static pqi_status put_sign(wr *w, const pqi_cose_signer *s, size_t n, const pqi_cose_body *body)
{
    pqi_cose_signed what = {{0}, {0}, {0}};
    pqi_cbor_put_head(w, PQI_CBOR_TAG, PQI_CBOR_TAG_SIGN);
    pqi_cbor_put_array(w, 4);
    what.body_protected = put_protected(w, NULL, body->typ);
    pqi_cbor_put_map(w, 0);
    pqi_status st = put_payload(w, body, &what.payload);
    pqi_cbor_put_array(w, n);
    for (size_t i = 0; i < n && st == PQI_OK; i++) {
        pqi_cbor_put_array(w, 3);
        what.sign_protected = put_protected(w, &s[i], (pqi_cspan){NULL, 0});
        pqi_cbor_put_map(w, 0);
        st = put_signature(w, &s[i], &what);
    }
    return st;
}

/* sign1: n == 0. Counts, then writes into room that is large enough. */
static pqi_status build(
    const pqi_cose_signer *s, size_t n, const pqi_cose_body *body, pqi_span out, size_t *out_len)
{
    wr count = wr_count();
    *out_len = 0;
    pqi_status st = n == 0 ? put_sign1(&count, s, body) : put_sign(&count, s, n, body);
    if (st != PQI_OK) {
        return st;
    }
    if (out.ptr == NULL || out.len < count.len) {
        *out_len = count.len;
        return PQI_ERR_SPACE;
    }
    wr w = wr_of((pqi_span){out.ptr, count.len});
    st = n == 0 ? put_sign1(&w, s, body) : put_sign(&w, s, n, body);
    if (st == PQI_OK) {
        st = wr_done(&w, out_len);
    }
    if (st != PQI_OK) {
        memset(out.ptr, 0, count.len);
        *out_len = 0;
    }
    return st;
}

pqi_status pqi_cose_sign1_build(
    const pqi_cose_signer *s, const pqi_cose_body *body, pqi_span out, size_t *out_len)
{
    return build(s, 0, body, out, out_len);
}

pqi_status pqi_cose_sign_build(
    const pqi_cose_signer *s, size_t n, const pqi_cose_body *body, pqi_span out, size_t *out_len)
{
    if (n == 0 || n > PQI_COSE_SIGNATURES_MAX) {
        *out_len = 0;
        return PQI_ERR_ARG;
    }
    return build(s, n, body, out, out_len);
}
