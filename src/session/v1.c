/* SPDX-License-Identifier: Apache-2.0
 * v1 packets, cryptography: docs/spec/v1.md sections 3 and 4. The letters are those of the document. */
#include "session/v1.h"

#include "base/wr.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

static const pqi_cspan salt = {PQI_LIT("PQI4 v1")};
static const pqi_cspan info = {PQI_LIT("v1 k")};
static const pqi_cspan sig_domain = {PQI_LIT("PQI4 v1 sig")};
static const pqi_cspan gate_label = {PQI_LIT("PQI4 v1 gate")};
static const pqi_cspan gk_salt = {PQI_LIT("PQI4 gate")};
static const pqi_cspan gk_info = {PQI_LIT("gate")};

#define COINS 64u

static pqi_box_ctx box_ctx(pqi_cspan hdr, const pqi_v1_post *post)
{
    return (pqi_box_ctx){salt, info, hdr, {post->b, post->len}};
}

pqi_status pqi_v1_gate_key(const pqi_algs *a, pqi_provider *p, pqi_key x25519,
    const uint8_t peer_x25519[PQI_X25519_LEN], const pqi_gate_end *from, const pqi_gate_end *to,
    uint8_t gk[PQI_GATE_KEY])
{
    if (a == NULL || p == NULL || peer_x25519 == NULL || from == NULL || to == NULL || gk == NULL ||
        from->id.len == 0 || from->id.len > PQI_ID_MAX || to->id.len == 0 ||
        to->id.len > PQI_ID_MAX) {
        return PQI_ERR_ARG;
    }
    uint8_t ends[2u + PQI_ID_MAX + 2u + PQI_ID_MAX + 8u];
    size_t len = 0;
    wr w = wr_of((pqi_span){ends, sizeof ends});
    wr_vec16(&w, from->id);
    wr_vec16(&w, to->id);
    wr_u32(&w, from->key_epoch);
    wr_u32(&w, to->key_epoch);
    pqi_status st = wr_done(&w, &len);
    struct {
        uint8_t ss[PQI_X25519_LEN], prk[PQI_HASH_MAX];
    } s;
    memset(gk, 0, PQI_GATE_KEY);
    if (st == PQI_OK) {
        st = pqi_provider_dh(p, x25519, peer_x25519, s.ss);
    }
    if (st == PQI_OK) {
        const pqi_cspan ikm = {s.ss, sizeof s.ss};
        st = pqi_hkdf_extract(a->classic, PQI_HASH_SHA256, gk_salt, &ikm, 1, s.prk);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[] = {gk_info, {ends, len}};
        st = pqi_hkdf_expand(a->classic, PQI_HASH_SHA256, (pqi_cspan){s.prk, 32}, parts, 2,
            (pqi_span){gk, PQI_GATE_KEY});
    }
    pqi_wipe(&s, sizeof s);
    return st;
}

/* First 16 bytes of HMAC-SHA-256(GK, label || post || packet without the tag). The topic is in it: a
 * packet that was moved to another topic must not reach the signature (INV-99). */
static pqi_status gate_tag(const pqi_algs *a, const uint8_t *gk, const pqi_v1_post *post,
    pqi_cspan packet, uint8_t out[PQI_V1_GATE])
{
    const size_t skip = PQI_V1_HDR + PQI_V1_GATE;
    const pqi_cspan parts[] = {gate_label, {post->b, post->len}, {packet.ptr, PQI_V1_HDR},
        {packet.ptr + skip, packet.len - skip}};
    uint8_t mac[PQI_HASH_MAX];
    pqi_status st = a->classic->hmac(PQI_HASH_SHA256, (pqi_cspan){gk, PQI_GATE_KEY}, parts, 4, mac);
    if (st == PQI_OK) {
        memcpy(out, mac, PQI_V1_GATE);
    }
    pqi_wipe(mac, sizeof mac);
    return st;
}

/* What is signed: H(bind || ct), with the suite's hash. */
static pqi_status sig_hash(const pqi_algs *a, const pqi_suite *s, const uint8_t *bind, pqi_cspan ct,
    uint8_t out[PQI_HASH_MAX])
{
    const pqi_cspan parts[] = {{bind, pqi_hash_len(s->hash)}, ct};
    return a->classic->hash(s->hash, parts, 2, out);
}

static pqi_status seal_into(const pqi_algs *a, pqi_provider *p, const pqi_v1_seal_in *in,
    const pqi_v1_post *post, pqi_span tmp, pqi_span out)
{
    uint8_t coins[COINS], bind[PQI_BOX_BIND_MAX], h[PQI_HASH_MAX];
    size_t at = PQI_V1_HDR + PQI_V1_GATE;
    size_t inner = pqi_v1_inner_len(in);
    pqi_span capsule = {out.ptr + at, pqi_box_capsule_len(in->suite)};
    at += capsule.len;
    pqi_span ct = {out.ptr + at, inner + in->plain.len + PQI_AEAD_TAG};
    pqi_cspan plain = in->plain;
    at += ct.len;
    pqi_span sig = {out.ptr + at, in->sig_alg->sig_len};
    size_t sig_len = 0;
    pqi_box_ctx ctx = box_ctx((pqi_cspan){out.ptr, PQI_V1_HDR}, post);
    pqi_status st = pqi_v1_header(in, out.ptr);
    if (st == PQI_OK && inner != 0) { /* put together where it is sealed */
        st = pqi_v1_put_inner(in, ct.ptr);
        if (in->plain.len != 0) {
            memcpy(ct.ptr + inner, in->plain.ptr, in->plain.len);
        }
        plain = (pqi_cspan){ct.ptr, inner + in->plain.len};
    }
    if (st == PQI_OK) {
        st = pqi_provider_random(p, (pqi_span){coins, sizeof coins});
    }
    if (st == PQI_OK) {
        st = pqi_box_seal(a, in->suite, &in->ends.to, &ctx, (pqi_cspan){coins, sizeof coins}, plain,
            capsule, ct, bind, tmp);
    }
    if (st == PQI_OK) {
        st = sig_hash(a, in->suite, bind, (pqi_cspan){ct.ptr, ct.len}, h);
    }
    if (st == PQI_OK) {
        const pqi_cspan part = {h, pqi_hash_len(in->suite->hash)};
        st = pqi_provider_sign(p, in->sig_key, sig_domain, &part, 1, sig, &sig_len);
    }
    if (st == PQI_OK) {
        st = pqi_sig_pad(in->sig_alg, sig, sig_len);
    }
    if (st == PQI_OK) {
        st = gate_tag(a, in->ends.gk, post, (pqi_cspan){out.ptr, out.len}, out.ptr + PQI_V1_HDR);
    }
    pqi_wipe(coins, sizeof coins);
    return st;
}

pqi_status pqi_v1_seal(const pqi_algs *a, pqi_provider *p, const pqi_v1_seal_in *in, pqi_span tmp,
    pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || in == NULL || in->suite == NULL || in->sig_alg == NULL ||
        in->ends.gk == NULL || out_len == NULL || (in->plain.ptr == NULL && in->plain.len != 0) ||
        in->plain.len > PQI_V1_PLAIN_MAX - pqi_v1_inner_len(in) || in->seq == 0 ||
        pqi_ct_eq(in->kid_s, in->kid_r, PQI_KID_LEN)) {
        return PQI_ERR_ARG;
    }
    pqi_v1_post post;
    pqi_status st = pqi_v1_post_of(&in->ends, &post);
    if (st != PQI_OK) {
        return st;
    }
    *out_len = pqi_v1_len(in->suite, in->sig_alg, pqi_v1_inner_len(in) + in->plain.len);
    if (out.ptr == NULL || out.len < *out_len) {
        return PQI_ERR_SPACE;
    }
    out.len = *out_len;
    st = seal_into(a, p, in, &post, tmp, out);
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
        *out_len = 0;
    }
    return st;
}

/* The binding of a received packet; the caller's ends must be of the packet's type. */
static pqi_status post_for(const pqi_v1_packet *k, const pqi_v1_ends *e, pqi_v1_post *out)
{
    bool prekey = k->type == PQI_V1_T_PREKEY;
    return prekey == (e->key_id_r.len != 0) ? pqi_v1_post_of(e, out) : PQI_ERR_ARG;
}

pqi_status pqi_v1_check_gate(const pqi_algs *a, const pqi_v1_packet *k, const pqi_v1_ends *e)
{
    if (a == NULL || k == NULL || e == NULL || e->gk == NULL || k->gate.len != PQI_V1_GATE) {
        return PQI_ERR_ARG;
    }
    uint8_t want[PQI_V1_GATE] = {0};
    pqi_v1_post post;
    pqi_status st = post_for(k, e, &post);
    if (st == PQI_OK) {
        st = gate_tag(a, e->gk, &post, k->all, want);
    }
    int same = pqi_ct_eq(want, k->gate.ptr, PQI_V1_GATE);
    PQI_PUBLIC(&same, sizeof same); /* the answer */
    if (st == PQI_OK && !same) {
        st = PQI_ERR_AUTH;
    }
    pqi_wipe(want, sizeof want);
    return st;
}

pqi_status pqi_v1_check_sig(const pqi_algs *a, const pqi_v1_packet *k, const pqi_v1_ends *e,
    const pqi_sig *alg, pqi_cspan sender_pk, pqi_span tmp)
{
    if (a == NULL || k == NULL || e == NULL || alg == NULL || k->suite == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_v1_post post;
    pqi_cspan sig;
    uint8_t bind[PQI_BOX_BIND_MAX], h[PQI_HASH_MAX];
    pqi_status st = pqi_sig_unpad(alg, k->sig, &sig);
    if (st == PQI_OK) {
        st = post_for(k, e, &post);
    }
    if (st == PQI_OK) {
        pqi_box_ctx ctx = box_ctx(k->hdr, &post);
        st = pqi_box_bind(a, k->suite, &e->to, &ctx, k->capsule, bind);
    }
    if (st == PQI_OK) {
        st = sig_hash(a, k->suite, bind, k->ct, h);
    }
    if (st == PQI_OK) {
        const pqi_cspan part = {h, pqi_hash_len(k->suite->hash)};
        st = pqi_sig_verify(alg, sender_pk, sig_domain, &part, 1, sig, tmp);
    }
    return st;
}

pqi_status pqi_v1_open(const pqi_algs *a, pqi_provider *p, pqi_key kem, pqi_key x25519,
    const pqi_v1_packet *k, const pqi_v1_ends *e, pqi_span plain)
{
    if (a == NULL || p == NULL || k == NULL || e == NULL || k->suite == NULL ||
        k->ct.len < PQI_AEAD_TAG || plain.len != k->ct.len - PQI_AEAD_TAG) {
        return PQI_ERR_ARG;
    }
    pqi_v1_post post;
    pqi_status st = post_for(k, e, &post);
    if (st != PQI_OK) {
        return st;
    }
    pqi_box_ctx ctx = box_ctx(k->hdr, &post);
    return pqi_provider_decrypt(p, kem, x25519, k->suite, &ctx, k->capsule, k->ct, plain);
}
