/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/control.md section 1.1. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "base/mem.h"
#include "ct/ct.h"

#define FIELDS 14u

static bool is_zero(const uint8_t hash[PQI_HASH_LEN])
{
    static const uint8_t zero[PQI_HASH_LEN] = {0};
    return pqi_ct_eq(hash, zero, PQI_HASH_LEN) != 0;
}

/* ---- rules: the same for decoding and building ------------------------------------------------- */

/* Bytewise; the shorter one first where it is the front of the other. */
static bool id_before(pqi_cspan x, pqi_cspan y)
{
    for (size_t i = 0; i < x.len && i < y.len; i++) {
        if (x.ptr[i] != y.ptr[i]) {
            return x.ptr[i] < y.ptr[i];
        }
    }
    return x.len < y.len;
}

static bool delegates_ok(const pqi_head *h)
{
    if (h->n_delegates > PQI_DELEGATES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        bool fields = pqi_id_check(d->device_id) == PQI_OK && pqi_ident_prefix_ok(d->prefix);
        if (!fields || d->count == 0 || d->count > PQI_TICKS_MAX) {
            return false;
        }
        if (i != 0 && !id_before(h->delegates[i - 1].device_id, d->device_id)) {
            return false;
        }
    }
    return true;
}

static bool rules(const pqi_head *h)
{
    bool numbers = h->root_version != 0 && h->head_epoch != 0 && h->tick_count != 0 &&
                   h->tick_count <= PQI_TICKS_MAX &&
                   h->tick_base <= UINT32_MAX - h->tick_count; /* ticks never wrap */
    bool first = h->head_epoch != 1 || is_zero(h->prev);
    bool policy = h->policy_seq != 0 || is_zero(h->policy_hash);
    bool roster = h->roster_seq != 0 || (h->roster_size == 0 && is_zero(h->roster_root));
    return numbers && first && policy && roster && delegates_ok(h);
}

/* ---- decoding ---------------------------------------------------------------------------------- */

static void read_hash(rd *r, uint64_t key, uint8_t out[PQI_HASH_LEN])
{
    pqi_cbor_key(r, key);
    pqi_ident_read_fixed(r, out, PQI_HASH_LEN);
}

static uint32_t read_u32(rd *r, uint64_t key, uint32_t min)
{
    pqi_cbor_key(r, key);
    return pqi_ident_read_u32(r, min);
}

/* Keys 6 to 8: what the head names. */
static void read_named(rd *r, pqi_head *h)
{
    pqi_cbor_key(r, 6);
    (void)pqi_cbor_array(r, 2, 2);
    h->policy_seq = pqi_ident_read_u32(r, 0);
    pqi_ident_read_fixed(r, h->policy_hash, PQI_HASH_LEN);
    pqi_cbor_key(r, 7);
    (void)pqi_cbor_array(r, 2, 2);
    h->rev_seq = pqi_ident_read_u32(r, 0);
    pqi_ident_read_fixed(r, h->rev_hash, PQI_HASH_LEN);
    pqi_cbor_key(r, 8);
    (void)pqi_cbor_array(r, 3, 3);
    h->roster_seq = pqi_ident_read_u32(r, 0);
    h->roster_size = pqi_ident_read_u32(r, 0);
    pqi_ident_read_fixed(r, h->roster_root, PQI_HASH_LEN);
}

static void read_delegates(rd *r, pqi_head *h)
{
    pqi_cbor_key(r, 14);
    h->n_delegates = (uint32_t)pqi_cbor_array(r, 0, PQI_DELEGATES_MAX);
    for (uint32_t i = 0; i < h->n_delegates && !r->bad; i++) {
        pqi_delegate *d = &h->delegates[i];
        (void)pqi_cbor_array(r, 4, 4);
        d->device_id = pqi_ident_read_id(r);
        pqi_ident_read_fixed(r, d->anchor, PQI_HASH_LEN);
        d->count = (uint32_t)pqi_cbor_uint(r, 1, PQI_TICKS_MAX);
        d->prefix = pqi_cbor_tstr(r, 1, PQI_PREFIX_MAX);
    }
}

static pqi_status read_payload(pqi_cspan payload, pqi_head *h)
{
    rd r = rd_of(payload);
    (void)pqi_cbor_map(&r, FIELDS, FIELDS);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, h->fleet_id, PQI_FLEET_ID_LEN);
    h->root_version = read_u32(&r, 3, 1);
    h->head_epoch = read_u32(&r, 4, 1);
    read_hash(&r, 5, h->prev);
    read_named(&r, h);
    read_hash(&r, 9, h->tick_anchor);
    h->tick_count = read_u32(&r, 10, 1);
    h->tick_base = read_u32(&r, 11, 0);
    pqi_cbor_key(&r, 12);
    h->time = pqi_cbor_uint(&r, 0, UINT64_MAX);
    read_hash(&r, 13, h->token);
    read_delegates(&r, h);
    pqi_status st = rd_done(&r);
    return st == PQI_OK && !rules(h) ? PQI_ERR_DECODE : st;
}

pqi_status pqi_head_decode(const pqi_algs *a, pqi_cspan in, pqi_head *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_HEAD_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign1 s;
    pqi_head h = {0};
    pqi_status st = pqi_cose_sign1_decode(in, PQI_TYP_HEAD, &s);
    if (st == PQI_OK) {
        st = read_payload(s.payload, &h);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[2] = {{PQI_LIT("PQI4 head id")}, s.payload};
        st = a->classic->hash(PQI_HASH_SHA256, parts, 2, h.hash);
    }
    if (st == PQI_OK) {
        h.encoded = in;
        h.protected_ = s.protected_;
        h.payload = s.payload;
        h.signature = s.signature;
        *out = h;
    }
    return st;
}

pqi_status pqi_head_verify(
    const pqi_algs *a, const pqi_head *h, const pqi_manifest *m, pqi_span tmp)
{
    if (!pqi_ident_same_fleet(m, h->fleet_id, h->root_version)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_single x = {a, m, PQI_TYP_HEAD, PQI_DOMAIN_HEAD, h->encoded};
    return pqi_ident_one(&x, PQI_ROLE_HEAD, tmp);
}

/* ---- building ---------------------------------------------------------------------------------- */

static void put_field(wr *w, uint64_t key, uint64_t value)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_uint(w, value);
}

static void put_hash(wr *w, const uint8_t hash[PQI_HASH_LEN])
{
    pqi_cbor_put_bstr(w, (pqi_cspan){hash, PQI_HASH_LEN});
}

static void put_named(wr *w, const pqi_head *h)
{
    pqi_cbor_put_uint(w, 6);
    pqi_cbor_put_array(w, 2);
    pqi_cbor_put_uint(w, h->policy_seq);
    put_hash(w, h->policy_hash);
    pqi_cbor_put_uint(w, 7);
    pqi_cbor_put_array(w, 2);
    pqi_cbor_put_uint(w, h->rev_seq);
    put_hash(w, h->rev_hash);
    pqi_cbor_put_uint(w, 8);
    pqi_cbor_put_array(w, 3);
    pqi_cbor_put_uint(w, h->roster_seq);
    pqi_cbor_put_uint(w, h->roster_size);
    put_hash(w, h->roster_root);
}

void pqi_head_put_payload(wr *w, const pqi_head *h)
{
    pqi_cbor_put_map(w, FIELDS);
    put_field(w, 1, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){h->fleet_id, PQI_FLEET_ID_LEN});
    put_field(w, 3, h->root_version);
    put_field(w, 4, h->head_epoch);
    pqi_cbor_put_uint(w, 5);
    put_hash(w, h->prev);
    put_named(w, h);
    pqi_cbor_put_uint(w, 9);
    put_hash(w, h->tick_anchor);
    put_field(w, 10, h->tick_count);
    put_field(w, 11, h->tick_base);
    put_field(w, 12, h->time);
    pqi_cbor_put_uint(w, 13);
    put_hash(w, h->token);
    pqi_cbor_put_uint(w, 14);
    pqi_cbor_put_array(w, h->n_delegates);
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        pqi_cbor_put_array(w, 4);
        pqi_cbor_put_tstr(w, d->device_id);
        put_hash(w, d->anchor);
        pqi_cbor_put_uint(w, d->count);
        pqi_cbor_put_tstr(w, d->prefix);
    }
}

static pqi_status put_payload(wr *w, const void *obj)
{
    pqi_head_put_payload(w, obj);
    return PQI_OK;
}

pqi_status pqi_head_build(const pqi_algs *a, pqi_provider *p, pqi_key signer,
    const pqi_head *fields, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || fields == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!rules(fields)) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer s;
    pqi_status st = pqi_cose_signer_load(a, p, signer, PQI_DOMAIN_HEAD, &s);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cose_body body = {PQI_TYP_HEAD, put_payload, fields};
    return pqi_cose_sign1_build(&s, &body, out, out_len);
}
