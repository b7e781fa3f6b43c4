/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 4: what the fleet allows its machines to have started. */
#include "ident/cose.h"
#include "ident/ident.h"

#include <pqi/attest.h>

#define FIELDS    5u
#define ROW       7u
#define FLAGS_ALL (PQI_ATTEST_LOG | PQI_ATTEST_EK_CERT | PQI_ATTEST_HALVES)

#define TYP_ATTEST    ((pqi_cspan){PQI_LIT("pqi-attest")})
#define DOMAIN_ATTEST ((pqi_cspan){PQI_LIT("PQI4 attest policy")})

/* Lexicographic, a shorter one first where it is the front of the other. */
static int compare(pqi_cspan x, pqi_cspan y)
{
    for (size_t i = 0; i < x.len && i < y.len; i++) {
        if (x.ptr[i] != y.ptr[i]) {
            return x.ptr[i] < y.ptr[i] ? -1 : 1;
        }
    }
    return x.len == y.len ? 0 : x.len < y.len ? -1 : 1;
}

/* Whole rows of `size` bytes, ascending, none twice; of PCR rows each in the mask. */
static bool list_ok(pqi_cspan list, size_t size, size_t max, uint32_t mask)
{
    if (list.len % size != 0 || list.len / size > max) {
        return false;
    }
    for (size_t at = 0; at < list.len; at += size) {
        const pqi_cspan row = {list.ptr + at, size};
        if (at != 0 && compare((pqi_cspan){row.ptr - size, size}, row) >= 0) {
            return false;
        }
        if (size == PQI_ATTEST_ROW &&
            (row.ptr[0] >= PQI_TPM_PCRS || (mask >> row.ptr[0] & 1u) == 0)) {
            return false;
        }
    }
    return true;
}

static bool class_ok(const pqi_attest_class *c)
{
    return pqi_id_check(c->name) == PQI_OK && c->pcr_mask != 0 &&
           (c->pcr_mask & ~PQI_PCR_MASK_ALL) == 0 && c->max_age_s != 0 &&
           c->max_age_s <= PQI_ATTEST_AGE_MAX && (c->flags & ~FLAGS_ALL) == 0 &&
           list_ok(c->digests, PQI_PCR_LEN, PQI_ATTEST_DIGESTS, 0) &&
           list_ok(c->values, PQI_ATTEST_ROW, PQI_ATTEST_VALUES, c->pcr_mask) &&
           list_ok(c->events, PQI_ATTEST_ROW, PQI_ATTEST_EVENTS, c->pcr_mask);
}

static bool rules(const pqi_attest_policy *x)
{
    bool ok = x->root_version != 0 && x->seq != 0 && x->n_classes <= PQI_ATTEST_CLASSES;
    for (uint32_t i = 0; ok && i < x->n_classes; i++) {
        ok = class_ok(&x->classes[i]) &&
             (i == 0 || compare(x->classes[i - 1].name, x->classes[i].name) < 0);
    }
    return ok;
}

static void read_class(rd *r, pqi_attest_class *c)
{
    (void)pqi_cbor_array(r, ROW, ROW);
    c->name = pqi_ident_read_id(r);
    c->pcr_mask = pqi_ident_read_u32(r, 1);
    c->max_age_s = pqi_ident_read_u32(r, 1);
    c->flags = pqi_ident_read_u32(r, 0);
    c->digests = pqi_cbor_bstr(r, 0, PQI_ATTEST_DIGESTS * PQI_PCR_LEN);
    c->values = pqi_cbor_bstr(r, 0, PQI_ATTEST_VALUES * PQI_ATTEST_ROW);
    c->events = pqi_cbor_bstr(r, 0, PQI_ATTEST_EVENTS * PQI_ATTEST_ROW);
}

static pqi_status read_payload(pqi_cspan payload, pqi_attest_policy *x)
{
    rd r = rd_of(payload);
    (void)pqi_cbor_map(&r, FIELDS, FIELDS);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, x->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cbor_key(&r, 3);
    x->root_version = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 4);
    x->seq = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 5);
    x->n_classes = (uint32_t)pqi_cbor_array(&r, 0, PQI_ATTEST_CLASSES);
    for (uint32_t i = 0; i < x->n_classes && !r.bad; i++) {
        read_class(&r, &x->classes[i]);
    }
    pqi_status st = rd_done(&r);
    return st == PQI_OK && !rules(x) ? PQI_ERR_DECODE : st;
}

pqi_status pqi_attest_policy_decode(const pqi_algs *a, pqi_cspan in, pqi_attest_policy *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_ATTEST_POLICY_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign s;
    pqi_attest_policy x = {0};
    pqi_status st = pqi_cose_sign_decode(in, TYP_ATTEST, &s);
    if (st == PQI_OK) {
        st = pqi_ident_check_signers(s.signatures);
    }
    if (st == PQI_OK) {
        st = read_payload(s.payload, &x);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[2] = {{PQI_LIT("PQI4 attest policy id")}, s.payload};
        st = a->classic->hash(PQI_HASH_SHA256, parts, 2, x.hash);
    }
    if (st == PQI_OK) {
        x.encoded = in;
        x.payload = s.payload;
        x.body_protected = s.body_protected;
        x.signatures = s.signatures;
        *out = x;
    }
    return st;
}

pqi_status pqi_attest_policy_verify(
    const pqi_algs *a, const pqi_attest_policy *x, const pqi_manifest *m, pqi_span tmp)
{
    if (a == NULL || x == NULL || m == NULL) {
        return PQI_ERR_ARG;
    }
    if (!pqi_ident_same_fleet(m, x->fleet_id, x->root_version)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_multi q = {a, m, DOMAIN_ATTEST, {x->body_protected, x->payload, x->signatures}};
    return pqi_ident_quorum(&q, PQI_ROLE_POLICY, tmp);
}

const pqi_attest_class *pqi_attest_policy_class(const pqi_attest_policy *x, pqi_cspan name)
{
    for (uint32_t i = 0; x != NULL && i < x->n_classes && i < PQI_ATTEST_CLASSES; i++) {
        if (compare(x->classes[i].name, name) == 0) {
            return &x->classes[i];
        }
    }
    return NULL;
}

/* ---- building ---------------------------------------------------------------------------------- */

static void put_field(wr *w, uint64_t key, uint64_t value)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_uint(w, value);
}

static pqi_status put_payload(wr *w, const void *obj)
{
    const pqi_attest_policy *x = obj;
    pqi_cbor_put_map(w, FIELDS);
    put_field(w, 1, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){x->fleet_id, PQI_FLEET_ID_LEN});
    put_field(w, 3, x->root_version);
    put_field(w, 4, x->seq);
    pqi_cbor_put_uint(w, 5);
    pqi_cbor_put_array(w, x->n_classes);
    for (uint32_t i = 0; i < x->n_classes; i++) {
        const pqi_attest_class *c = &x->classes[i];
        pqi_cbor_put_array(w, ROW);
        pqi_cbor_put_tstr(w, c->name);
        pqi_cbor_put_uint(w, c->pcr_mask);
        pqi_cbor_put_uint(w, c->max_age_s);
        pqi_cbor_put_uint(w, c->flags);
        pqi_cbor_put_bstr(w, c->digests);
        pqi_cbor_put_bstr(w, c->values);
        pqi_cbor_put_bstr(w, c->events);
    }
    return PQI_OK;
}

pqi_status pqi_attest_policy_build(const pqi_algs *a, pqi_provider *p,
    const pqi_attest_policy *fields, const pqi_key *handles, size_t n, pqi_span out,
    size_t *out_len)
{
    if (a == NULL || p == NULL || fields == NULL || handles == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!rules(fields) || n == 0 || n > PQI_MANIFEST_KEYS_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer signers[PQI_MANIFEST_KEYS_MAX];
    const pqi_ident_keyring ring = {a, p, DOMAIN_ATTEST, handles, n};
    pqi_status st = pqi_ident_load_signers(&ring, signers);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cose_body body = {TYP_ATTEST, put_payload, fields};
    return pqi_cose_sign_build(signers, n, &body, out, out_len);
}
