/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/control.md section 1.4, revocation log. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "base/mem.h"
#include "base/wr.h"
#include "ct/ct.h"

/* ---- entries and the hash over them ------------------------------------------------------------ */

static pqi_revoked read_entry(rd *r)
{
    pqi_revoked e = {0, 0, 0};
    e.roster_index = rd_u32(r);
    e.min_key_epoch = rd_u32(r);
    e.reason = rd_u8(r);
    return e;
}

void pqi_revoked_write(const pqi_revoked *e, uint8_t out[PQI_REVOKED_LEN])
{
    wr w = wr_of((pqi_span){out, PQI_REVOKED_LEN});
    wr_u32(&w, e->roster_index);
    wr_u32(&w, e->min_key_epoch);
    wr_u8(&w, e->reason);
}

pqi_revoked pqi_revocations_at(const pqi_revocations *v, uint32_t i)
{
    if (i >= v->count || v->entries.len / PQI_REVOKED_LEN <= i) {
        return (pqi_revoked){0, 0, 0};
    }
    rd r = rd_of((pqi_cspan){v->entries.ptr + (size_t)i * PQI_REVOKED_LEN, PQI_REVOKED_LEN});
    return read_entry(&r);
}

pqi_status pqi_rev_log_start(const pqi_algs *a, const uint8_t fleet_id[PQI_FLEET_ID_LEN],
    uint32_t root_version, uint8_t out[32])
{
    if (a == NULL || fleet_id == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    uint8_t version[4];
    wr w = wr_of((pqi_span){version, sizeof version});
    wr_u32(&w, root_version);
    const pqi_cspan parts[] = {
        PQI_REV_LOG_START, {fleet_id, PQI_FLEET_ID_LEN}, {version, sizeof version}};
    return a->classic->hash(PQI_HASH_SHA256, parts, 3, out);
}

pqi_status pqi_rev_log_fold(const pqi_algs *a, pqi_cspan entries, uint8_t state[32])
{
    if (a == NULL || state == NULL || entries.len % PQI_REVOKED_LEN != 0 ||
        (entries.ptr == NULL && entries.len != 0)) {
        return PQI_ERR_ARG;
    }
    uint8_t now[32];
    memcpy(now, state, sizeof now);
    for (size_t at = 0; at < entries.len; at += PQI_REVOKED_LEN) {
        uint8_t next[32];
        const pqi_cspan parts[] = {
            PQI_REV_LOG_ENTRY, {now, sizeof now}, {entries.ptr + at, PQI_REVOKED_LEN}};
        pqi_status st = a->classic->hash(PQI_HASH_SHA256, parts, 3, next);
        if (st != PQI_OK) {
            return st;
        }
        memcpy(now, next, sizeof now);
    }
    memcpy(state, now, sizeof now);
    return PQI_OK;
}

/* ---- decoding ---------------------------------------------------------------------------------- */

static void check_entries(rd *outer, pqi_cspan entries)
{
    rd r = rd_of(entries);
    while (r.left != 0 && !r.bad) {
        if (read_entry(&r).min_key_epoch == 0) { /* it would revoke nothing */
            rd_fail(&r);
        }
    }
    if (r.bad) {
        rd_fail(outer);
    }
}

static pqi_status read_payload(pqi_cspan payload, pqi_revocations *v)
{
    rd r = rd_of(payload);
    (void)pqi_cbor_map(&r, 6, 6);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, v->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cbor_key(&r, 3);
    v->root_version = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 4);
    v->from = (uint32_t)pqi_cbor_uint(&r, 0, PQI_REV_LOG_MAX - 1u);
    pqi_cbor_key(&r, 5);
    pqi_ident_read_fixed(&r, v->prev, sizeof v->prev);
    pqi_cbor_key(&r, 6);
    size_t least = v->from == 0 ? 0 : PQI_REVOKED_LEN;
    v->entries = pqi_cbor_bstr(&r, least, (size_t)(PQI_REV_LOG_MAX - v->from) * PQI_REVOKED_LEN);
    v->count = (uint32_t)(v->entries.len / PQI_REVOKED_LEN);
    check_entries(&r, v->entries);
    return rd_done(&r);
}

/* A whole log begins where every log of that root version does. */
static pqi_status check_start(const pqi_algs *a, const pqi_revocations *v)
{
    uint8_t start[32];
    if (v->from != 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_rev_log_start(a, v->fleet_id, v->root_version, start);
    return st == PQI_OK && !pqi_ct_eq(start, v->prev, sizeof start) ? PQI_ERR_DECODE : st;
}

pqi_status pqi_revocations_decode(const pqi_algs *a, pqi_cspan in, pqi_revocations *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_REVOCATIONS_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign s;
    pqi_revocations v = {0};
    pqi_status st = pqi_cose_sign_decode(in, PQI_TYP_REV, &s);
    if (st == PQI_OK) {
        st = pqi_ident_check_signers(s.signatures);
    }
    if (st == PQI_OK) {
        st = read_payload(s.payload, &v);
    }
    if (st == PQI_OK) {
        st = check_start(a, &v);
    }
    if (st == PQI_OK) {
        v.encoded = in;
        v.body_protected = s.body_protected;
        v.payload = s.payload;
        v.signatures = s.signatures;
        *out = v;
    }
    return st;
}

pqi_status pqi_revocations_verify(
    const pqi_algs *a, const pqi_revocations *v, const pqi_manifest *m, pqi_span tmp, int *quorum)
{
    *quorum = 0;
    if (!pqi_ident_same_fleet(m, v->fleet_id, v->root_version)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_multi x = {
        a, m, PQI_DOMAIN_REV, {v->body_protected, v->payload, v->signatures}};
    pqi_role role = m->threshold[PQI_ROLE_REVOKER] != 0 ? PQI_ROLE_REVOKER : PQI_ROLE_ISSUER;
    pqi_status st = pqi_ident_quorum(&x, role, tmp);
    if (st != PQI_OK) {
        return st;
    }
    unsigned good = 0;
    unsigned need = m->threshold[PQI_ROLE_POLICY];
    st = pqi_ident_count(&x, PQI_ROLE_POLICY, tmp, &good);
    if (st != PQI_OK && st != PQI_ERR_UNSUPPORTED) {
        return st; /* a bad signature of a key that we know refuses the object, whatever it is for */
    }
    *quorum = need != 0 && good >= need;
    return PQI_OK;
}

/* ---- building ---------------------------------------------------------------------------------- */

typedef struct segment {
    const pqi_revocations *head;
    const pqi_revoked *entries;
    size_t n;
} segment;

void pqi_revocations_put_payload(
    wr *w, const pqi_revocations *head, const pqi_revoked *entries, size_t n)
{
    pqi_cbor_put_map(w, 6);
    pqi_cbor_put_uint(w, 1);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){head->fleet_id, PQI_FLEET_ID_LEN});
    pqi_cbor_put_uint(w, 3);
    pqi_cbor_put_uint(w, head->root_version);
    pqi_cbor_put_uint(w, 4);
    pqi_cbor_put_uint(w, head->from);
    pqi_cbor_put_uint(w, 5);
    pqi_cbor_put_bstr(w, (pqi_cspan){head->prev, sizeof head->prev});
    pqi_cbor_put_uint(w, 6);
    pqi_cbor_put_head(w, PQI_CBOR_BSTR, n * PQI_REVOKED_LEN);
    for (size_t i = 0; i < n; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&entries[i], e);
        wr_bytes(w, (pqi_cspan){e, sizeof e});
    }
}

static pqi_status put_payload(wr *w, const void *obj)
{
    const segment *s = obj;
    pqi_revocations_put_payload(w, s->head, s->entries, s->n);
    return PQI_OK;
}

/* Only what others accept is signed. */
static bool entries_ok(const pqi_revocations *head, const pqi_revoked *entries, size_t n)
{
    if (head->root_version == 0 || head->from >= PQI_REV_LOG_MAX ||
        n > PQI_REV_LOG_MAX - head->from || (n == 0 && head->from != 0) ||
        (entries == NULL && n != 0)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (entries[i].min_key_epoch == 0) {
            return false;
        }
    }
    return true;
}

pqi_status pqi_revocations_build(const pqi_algs *a, pqi_provider *p, const pqi_key *handles,
    size_t n_handles, const pqi_revocations *head, const pqi_revoked *entries, size_t n,
    pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || handles == NULL || head == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (n_handles == 0 || n_handles > PQI_MANIFEST_KEYS_MAX || !entries_ok(head, entries, n)) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer signers[PQI_MANIFEST_KEYS_MAX];
    const pqi_ident_keyring ring = {a, p, PQI_DOMAIN_REV, handles, n_handles};
    pqi_status st = pqi_ident_load_signers(&ring, signers);
    pqi_revocations h = *head;
    if (st == PQI_OK && h.from == 0) {
        st = pqi_rev_log_start(a, h.fleet_id, h.root_version, h.prev);
    }
    if (st != PQI_OK) {
        return st;
    }
    const segment seg = {&h, entries, n};
    const pqi_cose_body body = {PQI_TYP_REV, put_payload, &seg};
    return pqi_cose_sign_build(signers, n_handles, &body, out, out_len);
}
