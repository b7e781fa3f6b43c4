/* SPDX-License-Identifier: Apache-2.0
 * Sealing: docs/spec/ratchet.md sections 3 to 5. */
#include "session/ratchet_int.h"

#include "base/args.h"

#include <pqi/wipe.h>

#define HDR         9u /* docs/spec/v4-handshake.md section 2.5 */
#define HDR_COMPACT 6u

#define PAD_LOG2_MAX 15u

_Static_assert(PQI_RATCHET_APP_MAX + PQI_FRAMES_FIXED_MAX + PQI_PAD_LEN == PQI_V1_PLAIN_MAX &&
                   PQI_V1_PLAIN_MAX == 1u << PAD_LOG2_MAX,
    "what is padded fits as well");

/* How the plain text of a message comes about. */
typedef struct plan {
    pqi_hs_data hdr;
    size_t hdr_len;
    size_t frames; /* bytes of frames, the CHUNK apart */
    size_t before; /* of them those in front of the CHUNK */
    size_t chunk;  /* bytes of the CHUNK, 0: none */
    size_t plain;  /* padding included */
    size_t pad;
    pqi_frames f;
    bool end; /* an END stands between frames and payload */
} plan;

static bool msg_ok(const pqi_ratchet_msg *m)
{
    const uint32_t allowed = PQI_HAS(PQI_FRAME_SETTLED) | PQI_HAS(PQI_FRAME_ABORT) |
                             PQI_HAS(PQI_FRAME_HELLO) | PQI_HAS(PQI_FRAME_EXPIRY);
    return m != NULL && pqi_ratchet_ctx_ok(&m->ctx) && pqi_args_span(m->payload) &&
           m->payload.len <= PQI_RATCHET_APP_MAX && (m->app || m->payload.len == 0) &&
           m->pad_to_log2 <= PAD_LOG2_MAX && (m->more == NULL || (m->more->has & ~allowed) == 0);
}

static pqi_status may_seal(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s, const pqi_ratchet_msg *m)
{
    const pqi_ratchet *r = v->r;
    if (r->msgs >= env->limits->session_msgs) {
        return PQI_ERR_LIMIT;
    }
    /* A new epoch begins its numbers anew. */
    if (r->state != PQI_ROUND_P_READY && v->send.head->next >= env->limits->epoch_msgs) {
        return PQI_ERR_LIMIT;
    }
    if (m->app && m->cls != PQI_CLASS_S &&
        pqi_ratchet_level(env->limits, r, now_s) == PQI_LEVEL_STOP) {
        return PQI_ERR_POLICY;
    }
    return PQI_OK;
}

/* P has stored RMS of the next epoch: it sends in it from now on. A failure changes nothing. */
static pqi_status enter(const pqi_classic *c, const pqi_ratchet_view *v)
{
    pqi_ratchet *r = v->r;
    pqi_epoch_keys k;
    pqi_status st = pqi_round_epoch(c, r->side, r->next, &k);
    const uint32_t sent = v->send.head->next;
    if (st == PQI_OK) {
        st = pqi_chain_send_start(&v->send, k.ck_own);
    }
    if (st == PQI_OK) {
        memcpy(r->rms, k.rms, PQI_HS_KEY);
        memcpy(r->rk, k.rk, PQI_HS_KEY);
        memcpy(r->next, k.ck_peer, PQI_HS_KEY);
        r->fin = sent;
        r->epoch++;
        r->flags |= PQI_R_FIN;
        pqi_round_to(r, PQI_ROUND_P_UNHEARD);
    }
    pqi_wipe(&k, sizeof k);
    return st;
}

/* ---- layout of a message ------------------------------------------------------------------------- */

static pqi_status plan_frames(const pqi_ratchet *r, const pqi_ratchet_msg *m, plan *p)
{
    if (m->more != NULL) {
        p->f = *m->more;
    }
    if ((r->flags & PQI_R_FIN) != 0) {
        p->f.has |= PQI_HAS(PQI_FRAME_FIN);
        p->f.fin = r->fin;
    }
    uint8_t buf[PQI_FRAMES_FIXED_MAX];
    const pqi_span out = {buf, sizeof buf};
    pqi_status st = pqi_frames_write(&p->f, PQI_FRAME_FIN, PQI_FRAME_CHUNK, out, &p->before);
    if (st == PQI_OK) {
        st = pqi_frames_write(&p->f, PQI_FRAME_FIN, PQI_FRAME_EXPIRY, out, &p->frames);
    }
    return st;
}

/* Lengths, with a CHUNK of p->chunk bytes. */
static void plan_plain(const pqi_ratchet_msg *m, plan *p)
{
    const size_t frames = p->frames + p->chunk;
    p->end = frames != 0 && m->app;
    p->hdr.frames = frames != 0 || !m->app;
    p->hdr.padded = m->pad_to_log2 != 0;
    const size_t text = frames + (p->end ? 1u : 0u) + m->payload.len;
    p->pad = pqi_pad_len(text, m->pad_to_log2);
    p->plain = text + p->pad;
}

static size_t packet_len(const plan *p)
{
    return p->hdr_len + p->plain + PQI_AEAD_TAG;
}

static void plan_header(const pqi_ratchet_view *v, plan *p)
{
    const pqi_ratchet *r = v->r;
    p->hdr.rsid = r->rsid_peer;
    p->hdr.epoch = r->epoch & 0xffu;
    p->hdr.n = v->send.head->next;
    p->hdr.compact =
        (r->flags & PQI_R_COMPACT) != 0 && r->rsid_peer <= UINT16_MAX && p->hdr.n <= UINT16_MAX;
    p->hdr_len = p->hdr.compact ? HDR_COMPACT : HDR;
}

/* Puts the CHUNK at its place in out, if one is due and there is room. */
static void plan_chunk(const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s,
    const pqi_ratchet_msg *m, pqi_span out, plan *p)
{
    const size_t at = p->hdr_len + p->before, need = packet_len(p);
    const size_t most = p->hdr_len + PQI_V1_PLAIN_MAX + PQI_AEAD_TAG;
    const size_t room = (out.len < most ? out.len : most) - need;
    pqi_round_frame(env, r, s, (pqi_span){out.ptr + at, room}, &p->chunk);
    plan_plain(m, p);
    if (packet_len(p) > need + room) { /* padding took the room */
        p->chunk = 0;
        plan_plain(m, p);
    }
}

static pqi_status plan_all(const pqi_ratchet_env *env, const pqi_ratchet_view *v,
    const pqi_suite *s, const pqi_ratchet_msg *m, pqi_span out, plan *p)
{
    plan_header(v, p);
    pqi_status st = plan_frames(v->r, m, p);
    if (st != PQI_OK) {
        return st;
    }
    plan_plain(m, p);
    if (out.len < packet_len(p)) {
        return PQI_ERR_SPACE;
    }
    plan_chunk(env, v->r, s, m, out, p);
    return PQI_OK;
}

/* Header and plain text into out; where nothing stands around the payload it stays where it is. */
static pqi_status put_plain(const pqi_ratchet_msg *m, const plan *p, pqi_span out, pqi_cspan *plain)
{
    size_t n = 0;
    pqi_status st = pqi_hs_data_write(&p->hdr, out, &n);
    if (st != PQI_OK || (p->frames + p->chunk + p->pad == 0 && m->app)) {
        *plain = m->payload;
        return st;
    }
    uint8_t *at = out.ptr + p->hdr_len;
    *plain = (pqi_cspan){at, p->plain};
    st = pqi_frames_write(&p->f, PQI_FRAME_FIN, PQI_FRAME_CHUNK, (pqi_span){at, p->before}, &n);
    at += p->before + p->chunk;
    if (st == PQI_OK) {
        const size_t after = p->frames - p->before;
        st = pqi_frames_write(&p->f, PQI_FRAME_CHUNK, PQI_FRAME_EXPIRY, (pqi_span){at, after}, &n);
        at += after;
    }
    if (p->end) {
        *at++ = PQI_FRAME_END;
    }
    if (m->payload.len != 0) {
        memcpy(at, m->payload.ptr, m->payload.len);
        at += m->payload.len;
    }
    if (p->pad != 0) {
        const size_t zeros = p->pad - PQI_PAD_LEN;
        memset(at, 0, zeros);
        at[zeros] = (uint8_t)(zeros >> 8);
        at[zeros + 1u] = (uint8_t)zeros;
    }
    return st;
}

/* ---- sealing ------------------------------------------------------------------------------------- */

static pqi_status seal_plain(const pqi_classic *c, const pqi_ratchet_view *v, const pqi_suite *s,
    const pqi_ratchet_ctx *ctx, const plan *p, pqi_cspan plain, pqi_span out)
{
    uint8_t key[PQI_CHAIN_KEY], nonce[PQI_AEAD_NONCE], aad[PQI_RATCHET_AAD];
    uint32_t n = 0;
    pqi_status st = pqi_chain_send_next(c, &v->send, &n, key);
    if (st == PQI_OK) {
        pqi_ratchet_nonce(n, nonce);
        const pqi_aead_key k = {s->aead, {key, sizeof key}, {nonce, sizeof nonce}};
        const pqi_cspan hdr = {out.ptr, p->hdr_len};
        st = c->aead_seal(&k, pqi_ratchet_aad(hdr, ctx, aad), plain,
            (pqi_span){out.ptr + p->hdr_len, p->plain + PQI_AEAD_TAG});
    }
    pqi_wipe(key, sizeof key);
    return st;
}

static void seal_done(const pqi_ratchet_env *env, const pqi_ratchet_view *v, const pqi_suite *s,
    size_t chunk, uint32_t now_s)
{
    pqi_ratchet *r = v->r;
    r->msgs++;
    r->flags &= (uint8_t)~PQI_R_ASKED;
    pqi_round_sent(env, r, s, chunk, now_s);
    if (v->late.node[0].id != 0 && pqi_ratchet_late_over(r, now_s)) {
        pqi_wipe(v->late.node, v->late.cap * sizeof *v->late.node);
    }
    if (env->counts != NULL) {
        env->counts->sealed++;
    }
}

static pqi_status seal(const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s,
    const pqi_ratchet_msg *m, pqi_span out, size_t *len)
{
    const pqi_classic *c = env->algs->classic;
    const pqi_suite *s = pqi_algs_suite(env->algs, v->r->suite);
    plan p = {0};
    pqi_cspan plain = {NULL, 0};
    pqi_status st = may_seal(env, v, now_s, m);
    if (st == PQI_OK && v->r->state == PQI_ROUND_P_READY) {
        st = enter(c, v);
    }
    if (st == PQI_OK) {
        st = plan_all(env, v, s, m, out, &p);
        *len = st == PQI_OK || st == PQI_ERR_SPACE ? packet_len(&p) : 0;
    }
    if (st == PQI_OK) {
        st = put_plain(m, &p, out, &plain);
    }
    if (st == PQI_OK) {
        st = seal_plain(c, v, s, &m->ctx, &p, plain, out);
    }
    if (st == PQI_OK) {
        seal_done(env, v, s, p.chunk, now_s);
    }
    return st;
}

pqi_status pqi_ratchet_seal(const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s,
    const pqi_ratchet_msg *m, pqi_span out, size_t *len)
{
    if (len == NULL || out.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    *len = 0;
    pqi_status st = PQI_ERR_ARG;
    if (msg_ok(m)) {
        st = pqi_ratchet_is_live(env, v) ? seal(env, v, now_s, m, out, len) : PQI_ERR_STATE;
    }
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
        *len = st == PQI_ERR_SPACE ? *len : 0;
    }
    return st;
}
