/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/join.md, grant and confirmation. */
#include "ident/ident.h"

#include "base/mem.h"
#include "ct/ct.h"
#include <pqi/wipe.h>

#define GRANT_TYPE   0x73u
#define CONFIRM_TYPE 0x74u
#define HDR_LEN      8u /* type, flags, suite u16, length u32 */

/* LV16(fleet id) || LV16(device id) || LV16(nonce). */
#define POST_MAX (6u + PQI_FLEET_ID_LEN + PQI_ID_MAX + PQI_JOIN_NONCE_LEN)

static pqi_cspan make_post(uint8_t *buf, const uint8_t *fleet, pqi_cspan id, const uint8_t *nonce)
{
    wr w = wr_of((pqi_span){buf, POST_MAX});
    wr_vec16(&w, (pqi_cspan){fleet, PQI_FLEET_ID_LEN});
    wr_vec16(&w, id);
    wr_vec16(&w, (pqi_cspan){nonce, PQI_JOIN_NONCE_LEN});
    return (pqi_cspan){buf, w.len};
}

static pqi_box_ctx box_ctx(pqi_cspan hdr, pqi_cspan post)
{
    return (pqi_box_ctx){{PQI_LIT("PQI4 grant")}, {PQI_LIT("grant k")}, hdr, post};
}

static size_t plain_len(size_t cert, size_t manifest)
{
    return 1u + pqi_cbor_head_len(cert) + cert + pqi_cbor_head_len(manifest) + manifest +
           pqi_cbor_head_len(PQI_CONFIRM_KEY_LEN) + PQI_CONFIRM_KEY_LEN;
}

static size_t box_room(const pqi_suite *suite)
{
    return (pqi_box_tmp_len(suite) + 7u) & ~(size_t)7u;
}

size_t pqi_grant_tmp_len(const pqi_suite *suite, size_t cert_len, size_t manifest_len)
{
    return box_room(suite) + plain_len(cert_len, manifest_len);
}

static pqi_status check_grant_args(
    const pqi_suite *suite, const pqi_join_request *to, pqi_cspan cert, pqi_cspan manifest)
{
    bool sizes = cert.ptr != NULL && cert.len != 0 && cert.len <= PQI_CERT_MAX &&
                 manifest.ptr != NULL && manifest.len != 0 && manifest.len <= PQI_MANIFEST_MAX;
    bool fits = suite->kem->id == to->kem_alg && (suite->bitmap & to->suites) != 0;
    return sizes && fits && pqi_id_check(to->device_id) == PQI_OK ? PQI_OK : PQI_ERR_ARG;
}

pqi_status pqi_grant_build(const pqi_algs *a, const pqi_suite *suite, const pqi_join_request *to,
    pqi_cspan cert, pqi_cspan manifest, const uint8_t confirm_key[PQI_CONFIRM_KEY_LEN],
    pqi_cspan coins, pqi_span tmp, pqi_span out, size_t *out_len)
{
    bool args = a != NULL && suite != NULL && to != NULL && confirm_key != NULL;
    if (!args || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    pqi_status st = check_grant_args(suite, to, cert, manifest);
    if (st != PQI_OK) {
        return st;
    }
    size_t n = plain_len(cert.len, manifest.len), capsule_len = pqi_box_capsule_len(suite);
    size_t need = HDR_LEN + capsule_len + n + PQI_AEAD_TAG;
    if (tmp.ptr == NULL || tmp.len < box_room(suite) + n) {
        return PQI_ERR_SPACE;
    }
    if (out.ptr == NULL || out.len < need) {
        *out_len = need;
        return PQI_ERR_SPACE;
    }
    pqi_span plain = {tmp.ptr + box_room(suite), n};
    wr w = wr_of(plain);
    pqi_cbor_put_array(&w, 3);
    pqi_cbor_put_bstr(&w, cert);
    pqi_cbor_put_bstr(&w, manifest);
    pqi_cbor_put_bstr(&w, (pqi_cspan){confirm_key, PQI_CONFIRM_KEY_LEN});

    wr h = wr_of((pqi_span){out.ptr, HDR_LEN});
    wr_u8(&h, GRANT_TYPE);
    wr_u8(&h, 0);
    wr_u16(&h, suite->id);
    wr_u32(&h, (uint32_t)(n + PQI_AEAD_TAG));
    uint8_t post_buf[POST_MAX];
    const pqi_box_ctx ctx = box_ctx(
        (pqi_cspan){out.ptr, HDR_LEN}, make_post(post_buf, to->fleet_id, to->device_id, to->nonce));
    const pqi_box_peer peer = {to->kem_pk, to->x25519_pk};
    st = pqi_box_seal(a, suite, &peer, &ctx, coins, (pqi_cspan){plain.ptr, n},
        (pqi_span){out.ptr + HDR_LEN, capsule_len},
        (pqi_span){out.ptr + HDR_LEN + capsule_len, n + PQI_AEAD_TAG}, NULL,
        (pqi_span){tmp.ptr, box_room(suite)});
    pqi_wipe(plain.ptr, n);
    if (st != PQI_OK) {
        memset(out.ptr, 0, need);
        return st;
    }
    *out_len = need;
    return PQI_OK;
}

typedef struct grant_msg {
    const pqi_suite *suite;
    pqi_cspan hdr, capsule, ct;
} grant_msg;

static pqi_status read_grant(const pqi_algs *a, pqi_cspan in, grant_msg *m)
{
    if (in.len > PQI_GRANT_MAX) {
        return PQI_ERR_DECODE;
    }
    rd r = rd_of(in);
    rd_expect(&r, 1, GRANT_TYPE);
    rd_expect(&r, 1, 0);
    uint16_t suite = rd_u16(&r);
    uint32_t len = rd_u32(&r);
    if (r.bad || len <= PQI_AEAD_TAG) {
        return PQI_ERR_DECODE;
    }
    m->suite = pqi_algs_suite(a, suite);
    if (m->suite == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    m->hdr = (pqi_cspan){in.ptr, HDR_LEN};
    m->capsule = rd_bytes(&r, pqi_box_capsule_len(m->suite));
    m->ct = rd_bytes(&r, len);
    return rd_done(&r);
}

static pqi_status read_plain(pqi_span plain, pqi_grant *out)
{
    pqi_grant g = {{NULL, 0}, {NULL, 0}, {0}};
    rd r = rd_of((pqi_cspan){plain.ptr, plain.len});
    (void)pqi_cbor_array(&r, 3, 3);
    g.cert = pqi_cbor_bstr(&r, 1, PQI_CERT_MAX);
    g.manifest = pqi_cbor_bstr(&r, 1, PQI_MANIFEST_MAX);
    pqi_ident_read_fixed(&r, g.confirm_key, PQI_CONFIRM_KEY_LEN);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        *out = g;
        /* The key has moved: what stays in the caller's buffer is public. */
        pqi_wipe(plain.ptr + plain.len - PQI_CONFIRM_KEY_LEN, PQI_CONFIRM_KEY_LEN);
    } else {
        pqi_wipe(plain.ptr, plain.len);
    }
    pqi_wipe(&g, sizeof g);
    return st;
}

pqi_status pqi_grant_open(const pqi_algs *a, pqi_provider *p, const pqi_join_keys *keys,
    const pqi_challenge *ch, pqi_cspan in, pqi_span plain, pqi_grant *out)
{
    if (a == NULL || p == NULL || keys == NULL || ch == NULL || out == NULL ||
        pqi_id_check(ch->device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    grant_msg m;
    pqi_status st = read_grant(a, in, &m);
    if (st != PQI_OK) {
        return st;
    }
    pqi_key_info info = {0};
    st = pqi_provider_info(p, keys->kem, &info);
    if (st != PQI_OK) {
        return st;
    }
    if (info.kind != PQI_KEY_KEM || info.alg != (int32_t)m.suite->kem->id) {
        return PQI_ERR_AUTH; /* boxed to another kind of key */
    }
    pqi_span room = {plain.ptr, m.ct.len - PQI_AEAD_TAG};
    if (plain.ptr == NULL || plain.len < room.len) {
        return PQI_ERR_SPACE;
    }
    uint8_t post_buf[POST_MAX];
    const pqi_box_ctx ctx =
        box_ctx(m.hdr, make_post(post_buf, ch->fleet_id, ch->device_id, ch->nonce));
    st = pqi_provider_decrypt(p, keys->kem, keys->x25519, m.suite, &ctx, m.capsule, m.ct, room);
    return st == PQI_OK ? read_plain(room, out) : st;
}

/* Is the provider's key `key` of this algorithm and with this public key? */
static pqi_status same_key(
    pqi_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg, pqi_cspan pk)
{
    pqi_key_info info = {0};
    uint8_t live[PQI_SIG_MAX_PK]; /* the longest of all public keys */
    size_t len = 0;
    pqi_status st = pqi_provider_info(p, key, &info);
    if (st == PQI_OK) {
        st = pqi_provider_public_key(p, key, (pqi_span){live, sizeof live}, &len);
    }
    if (st != PQI_OK) {
        return st;
    }
    bool same = info.kind == kind && (kind == PQI_KEY_X25519 || info.alg == alg) && len == pk.len;
    return same && pqi_ct_eq(live, pk.ptr, len) ? PQI_OK : PQI_ERR_AUTH;
}

/* INV-22: exactly the live keys, and a signing key on both sides or on none. */
static pqi_status check_live_keys(pqi_provider *p, const pqi_join_keys *keys, const pqi_cert *c)
{
    if ((keys->sig == 0) != (c->sig_alg == 0)) {
        return PQI_ERR_AUTH;
    }
    pqi_status st = same_key(p, keys->kem, PQI_KEY_KEM, (int32_t)c->kem_alg, c->kem_pk);
    if (st == PQI_OK) {
        st = same_key(p, keys->x25519, PQI_KEY_X25519, 0, c->x25519_pk);
    }
    if (st == PQI_OK && keys->sig != 0) {
        st = same_key(p, keys->sig, PQI_KEY_SIG, c->sig_alg, c->sig_pk);
    }
    return st;
}

static pqi_status check_manifest(
    const pqi_algs *a, const uint8_t pinned[32], pqi_cspan encoded, pqi_manifest *m, pqi_span tmp)
{
    pqi_status st = pqi_manifest_decode(a, encoded, m);
    if (st != PQI_OK) {
        return st;
    }
    return pqi_ct_eq(m->hash, pinned, 32) ? pqi_manifest_verify(a, m, m, tmp) : PQI_ERR_AUTH;
}

pqi_status pqi_grant_check(const pqi_algs *a, pqi_provider *p, const pqi_join_keys *keys,
    pqi_cspan device_id, const uint8_t pinned[32], const pqi_grant *g, const pqi_now *now,
    pqi_span tmp)
{
    bool args = a != NULL && p != NULL && keys != NULL && pinned != NULL && g != NULL;
    if (!args || now == NULL || pqi_id_check(device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    pqi_manifest m;
    pqi_cert c;
    pqi_status st = check_manifest(a, pinned, g->manifest, &m, tmp);
    if (st == PQI_OK) {
        st = pqi_cert_decode(a, g->cert, &c);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (c.device_id.len != device_id.len ||
        !pqi_ct_eq(c.device_id.ptr, device_id.ptr, device_id.len)) {
        return PQI_ERR_AUTH;
    }
    st = pqi_cert_verify(a, &c, &m, now, tmp);
    return st == PQI_OK ? check_live_keys(p, keys, &c) : st;
}

pqi_status pqi_confirm_build(const pqi_algs *a, const uint8_t confirm_key[PQI_CONFIRM_KEY_LEN],
    pqi_cspan device_id, const uint8_t key_id[PQI_KEY_ID_LEN], uint8_t out[PQI_CONFIRM_LEN])
{
    if (a == NULL || confirm_key == NULL || key_id == NULL || out == NULL ||
        pqi_id_check(device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    uint8_t mac[32];
    const uint8_t len[2] = {0, (uint8_t)device_id.len};
    const pqi_cspan parts[4] = {
        {PQI_LIT("PQI4 confirm")}, {len, 2}, device_id, {key_id, PQI_KEY_ID_LEN}};
    pqi_status st = a->classic->hmac(
        PQI_HASH_SHA256, (pqi_cspan){confirm_key, PQI_CONFIRM_KEY_LEN}, parts, 4, mac);
    if (st != PQI_OK) {
        memset(out, 0, PQI_CONFIRM_LEN);
        return st;
    }
    wr w = wr_of((pqi_span){out, PQI_CONFIRM_LEN});
    wr_u32(&w, CONFIRM_TYPE << 24);
    wr_bytes(&w, (pqi_cspan){key_id, PQI_KEY_ID_LEN});
    wr_bytes(&w, (pqi_cspan){mac, sizeof mac});
    return PQI_OK;
}
