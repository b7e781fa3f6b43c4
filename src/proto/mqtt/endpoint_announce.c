/* SPDX-License-Identifier: Apache-2.0
 * Receiving announcements: docs/spec/v1.md section 7. */
#include "proto/mqtt/announce.h"
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "session/budget.h"
#include "session/prekey.h"
#include "session/replay.h"

#include <pqi/wipe.h>

/* One announcement on its way through the checks. */
typedef struct arrival {
    pqi_cspan id; /* from the topic */
    pqi_ann ann;
    pqi_cert cert;
    uint8_t hash[32], cert_hash[32];
    pqi_ann_signed signed_;
    pqi_prekey_block prekey; /* epoch 0: none */
    uint32_t roster_seq;     /* of the roster that its proof leads to; 0: none that counts */
    size_t at;               /* slot: the peer's, or a free one */
    const pqi_peer *old;     /* NULL: a newcomer */
    bool cert_known;         /* the very certificate that was verified before */
} arrival;

static pqi_drop read_arrival(const pqi_endpoint *e, const pqi_inbound *in, arrival *v)
{
    if (in->payload.len > PQI_ANNOUNCE_MAX) {
        return PQI_DROP_SIZE;
    }
    pqi_status st = pqi_ann_decode(in->payload, &v->ann);
    if (st != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    pqi_ann_parts(in->topic, v->ann.body, &v->signed_);
    v->at = pqi_ep_by_id(e, v->id);
    v->old = v->at == PQI_EP_NO_PEER ? NULL : &e->cfg.peers[v->at];
    const pqi_classic *c = e->cfg.algs->classic;
    st = c->hash(PQI_HASH_SHA256, v->signed_.parts, PQI_ANN_PARTS, v->hash);
    return st == PQI_OK ? PQI_DROP_NONE : PQI_DROP_STATE;
}

/* INV-29. Epochs of keys and of announcements never go down; one epoch has one key id. */
static pqi_drop check_epochs(const arrival *v)
{
    const pqi_peer *old = v->old;
    if (old == NULL) {
        return PQI_DROP_NONE;
    }
    if (v->cert.key_epoch < old->key_epoch) {
        return PQI_DROP_EPOCH;
    }
    if (v->cert.key_epoch == old->key_epoch && v->prekey.epoch != 0 &&
        v->prekey.epoch < old->prekey.epoch) {
        return PQI_DROP_EPOCH;
    }
    if (v->cert.key_epoch == old->key_epoch &&
        (!pqi_ct_eq(v->cert.key_id, old->key_id, PQI_KEY_ID_LEN) ||
            v->ann.epoch < old->ann_epoch)) {
        return PQI_DROP_EPOCH;
    }
    return PQI_DROP_NONE;
}

static bool leads_to(
    const pqi_endpoint *e, const pqi_leaf *leaf, const pqi_path *path, const pqi_ctl_roster *r)
{
    return r->counts != PQI_CTL_GONE && path->roster_seq == r->seq && path->size == r->size &&
           pqi_path_check(e->cfg.algs, leaf, path, r->root) == PQI_OK;
}

/* The roster that a proof leads to, if it counts here; 0: none. Hashes alone. Also while the policy does not ask:
 * it may ask tomorrow. */
static uint32_t proved(const pqi_endpoint *e, const pqi_leaf *leaf, pqi_cspan proof)
{
    const pqi_ctl_state *s = &e->ctl.s;
    pqi_path path;
    if (proof.len == 0 || pqi_path_decode(proof, &path) != PQI_OK) {
        return 0;
    }
    return leads_to(e, leaf, &path, &s->roster) || leads_to(e, leaf, &path, &s->before)
               ? path.roster_seq
               : 0;
}

/* May this peer be learned, or changed, while we know what we know? Of the candidate are read what the gate
 * looks at. */
static pqi_drop ask_gate(pqi_endpoint *e, const pqi_now *now, const arrival *v, pqi_event *ev)
{
    pqi_peer *p = pqi_ep_candidate(e);
    memset(p, 0, sizeof *p);
    p->roles = v->cert.roles;
    p->assurance = v->cert.assurance;
    p->roster_seq = v->roster_seq;
    const pqi_ep_deed d = {.peer = p, .op = PQI_OP_PEER, .newcomer = v->old == NULL};
    const pqi_reason r = pqi_ep_gate(e, now, &d);
    if (!pqi_ep_refused(e, r)) {
        return PQI_DROP_NONE;
    }
    ev->reason = r;
    return PQI_DROP_CLOSED;
}

/* What the certificate says before anybody checked who says it: all of this costs no signature. */
static pqi_drop check_claims(const pqi_endpoint *e, arrival *v)
{
    const pqi_algs *a = e->cfg.algs;
    pqi_status st = pqi_cert_decode(a, v->ann.cert, &v->cert);
    if (st != PQI_OK) {
        return st == PQI_ERR_UNSUPPORTED ? PQI_DROP_SUITE : PQI_DROP_DECODE;
    }
    if (v->cert.device_id.len != v->id.len ||
        !pqi_ct_eq(v->cert.device_id.ptr, v->id.ptr, v->id.len)) {
        return PQI_DROP_MISMATCH; /* INV-26, INV-27 */
    }
    if (pqi_ann_fits(v->ann.sig, v->ann.epoch, &v->cert) != PQI_OK) {
        return PQI_DROP_SIGNATURE; /* INV-25 */
    }
    if (v->ann.prekeys.len != 0 &&
        pqi_prekey_read(v->ann.prekeys, v->cert.kem_pk.len, &v->prekey) != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    if (pqi_cert_policy(a, &v->cert, &e->cfg.policy) != PQI_OK) {
        return PQI_DROP_POLICY;
    }
    pqi_drop d = check_epochs(v);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    size_t twin = pqi_ep_by_kid(e, v->cert.key_id);
    bool is_own = pqi_ct_eq(v->cert.key_id, e->cert.key_id, PQI_KID_LEN);
    if (is_own || (twin != PQI_EP_NO_PEER && twin != v->at)) {
        return PQI_DROP_MISMATCH; /* a kid names one peer */
    }
    if (!pqi_ep_known_issuer(e, v->cert.issuer_kid)) {
        return PQI_DROP_CERT; /* another CA's: not worth a token */
    }
    if (pqi_ctl_is_revoked(&e->ctl, v->cert.roster_index, v->cert.key_epoch)) {
        return PQI_DROP_REVOKED;
    }
    if (v->old == NULL) {
        v->at = pqi_ep_free_slot(e);
        if (v->at == PQI_EP_NO_PEER) {
            return PQI_DROP_TABLE;
        }
    }
    st = a->classic->hash(PQI_HASH_SHA256, &v->ann.cert, 1, v->cert_hash);
    v->cert_known = st == PQI_OK && v->old != NULL &&
                    pqi_ct_eq(v->cert_hash, v->old->cert_hash, sizeof v->cert_hash);
    if (st != PQI_OK) {
        return PQI_DROP_STATE;
    }
    pqi_leaf leaf = {.roster_index = v->cert.roster_index, .key_epoch = v->cert.key_epoch};
    memcpy(leaf.cert_hash, v->cert_hash, sizeof leaf.cert_hash);
    v->roster_seq = proved(e, &leaf, v->ann.proof);
    if (v->cert_known && v->old->roster_seq > v->roster_seq) {
        v->roster_seq = v->old->roster_seq;
    }
    return PQI_DROP_NONE;
}

static bool charge(pqi_endpoint *e, const arrival *v, const pqi_now *now)
{
    const pqi_limits *l = &e->cfg.limits;
    pqi_bucket *own = v->old != NULL ? &e->cfg.peers[v->at].ann_bucket : NULL;
    if (own != NULL && !pqi_bucket_take(own, &l->announce_peer, now->mono_ms)) {
        return false;
    }
    if (!pqi_bucket_take(&e->announce, &l->announce, now->mono_ms)) {
        if (own != NULL) {
            pqi_bucket_refund(own, &l->announce_peer);
        }
        return false;
    }
    return true;
}

static pqi_drop verify(pqi_endpoint *e, const arrival *v, const pqi_now *now)
{
    const pqi_algs *a = e->cfg.algs;
    pqi_span tmp = pqi_ep_work(e);
    pqi_pk_note(&e->pk, PQI_PK_VERIFY, v->cert_known ? 0 : 1);
    pqi_status st = v->cert_known ? pqi_cert_window(&v->cert, now)
                                  : pqi_cert_verify(a, &v->cert, &e->ctl.manifest, now, tmp);
    if (st == PQI_ERR_POLICY) {
        return PQI_DROP_EXPIRED;
    }
    if (st != PQI_OK) {
        return st == PQI_ERR_AUTH || st == PQI_ERR_UNSUPPORTED ? PQI_DROP_CERT : PQI_DROP_STATE;
    }
    if (v->cert.sig_alg == 0) {
        return PQI_DROP_NONE; /* it says no more than the certificate, which the issuer signed */
    }
    const pqi_sig *sig = pqi_algs_sig(a, v->cert.sig_alg);
    if (sig == NULL) {
        return PQI_DROP_SUITE;
    }
    const pqi_pk_at at = {a->classic, e->cfg.provider, &e->pk, tmp};
    const pqi_pk_signed what = {
        sig, v->cert.sig_pk, pqi_ann_domain, v->signed_.parts, PQI_ANN_PARTS, v->ann.sig};
    st = pqi_pk_verify(&at, &what);
    if (st == PQI_ERR_AUTH) {
        return PQI_DROP_SIGNATURE;
    }
    return st == PQI_OK ? PQI_DROP_NONE : PQI_DROP_STATE;
}

/* The peer as it will be. Numbers we send go on over a change of keys; the window starts anew, as
 * the old key's packets are refused by their kid. */
static pqi_drop build(pqi_endpoint *e, const arrival *v, const pqi_now *now, pqi_peer *p)
{
    bool same_key = v->old != NULL && v->old->key_epoch == v->cert.key_epoch;
    if (v->old != NULL) {
        *p = *v->old;
    } else {
        memset(p, 0, sizeof *p);
        pqi_bucket_fill(&p->sig_bucket, &e->cfg.limits.peer_sig, now->mono_ms);
        pqi_bucket_fill(&p->ann_bucket, &e->cfg.limits.announce_peer, now->mono_ms);
    }
    pqi_status st = pqi_ep_from_cert(e, &v->cert, v->cert_hash, p);
    if (st != PQI_OK) {
        return PQI_DROP_SUITE;
    }
    memset(p->cert384, 0, sizeof p->cert384);
    if (pqi_ep_prekey_learn(e, &v->cert, v->ann.prekeys, p) != PQI_OK) {
        return PQI_DROP_STATE;
    }
    if (!same_key) {
        p->recv_stored = 0;
        pqi_window_reset(&p->window, 0);
    }
    st = pqi_ep_gate_keys(e, p);
    if (st != PQI_OK) {
        return st == PQI_ERR_AUTH ? PQI_DROP_CERT : PQI_DROP_STATE; /* a point of low order */
    }
    memcpy(p->ann_hash, v->hash, sizeof p->ann_hash);
    p->ann_epoch = v->ann.epoch;
    p->roster_seq = v->roster_seq;
    p->used = 1;
    p->ready = 1;
    p->revoked = 0;
    return PQI_DROP_NONE;
}

static pqi_drop accept(pqi_endpoint *e, const arrival *v, const pqi_now *now)
{
    pqi_peer *p = pqi_ep_candidate(e);
    pqi_drop d = build(e, v, now, p);
    if (d == PQI_DROP_NONE) {
        const pqi_ep_change change = {p, v->at};
        d = pqi_ep_save_peers(e, &change) == PQI_OK ? PQI_DROP_NONE : PQI_DROP_STATE;
    }
    if (d == PQI_DROP_NONE) {
        if (!v->cert_known) {
            pqi_ep_session_end(e, v->at); /* its handshakes name the certificate that it had */
        }
        e->cfg.peers[v->at] = *p;
        pqi_ep_index(e);
        pqi_ep_session_cert(e, v->at, v->ann.cert);
        pqi_ep_session_mark(e, v->at);
    }
    pqi_wipe(p, sizeof *p);
    return d;
}

/* An announcement that is known, perhaps with another proof: membership is all that can change, and is stored
 * with whatever is stored next. */
static bool known_again(pqi_endpoint *e, const arrival *v)
{
    pqi_peer *p = &e->cfg.peers[v->at];
    pqi_leaf leaf = {.roster_index = p->roster_index, .key_epoch = p->key_epoch};
    memcpy(leaf.cert_hash, p->cert_hash, sizeof leaf.cert_hash);
    pqi_ep_session_cert(e, v->at, v->ann.cert);
    const uint32_t seq = proved(e, &leaf, v->ann.proof);
    if (seq <= p->roster_seq) {
        return false;
    }
    p->roster_seq = seq;
    pqi_ep_session_mark(e, v->at); /* what a gate held back may go on */
    return true;
}

/* PQI_DROP_NONE and *news false: known already. */
static pqi_drop judge(pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, arrival *v,
    pqi_event *ev, bool *news)
{
    pqi_drop d = read_arrival(e, in, v);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (v->old != NULL && pqi_ct_eq(v->hash, v->old->ann_hash, sizeof v->hash)) {
        *news = known_again(e, v);
        return PQI_DROP_NONE;
    }
    *news = true;
    d = check_claims(e, v);
    if (d == PQI_DROP_NONE) {
        d = ask_gate(e, now, v, ev);
    }
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (!charge(e, v, now)) {
        return PQI_DROP_BUDGET;
    }
    d = verify(e, v, now);
    if (d == PQI_DROP_NONE) {
        pqi_bucket_refund(&e->announce, &e->cfg.limits.announce);
        d = accept(e, v, now);
    }
    return d;
}

/* Our own as the broker kept it, or somebody's idea of it. Where a start forgot our path it is here, and says itself
 * whether it is ours. */
static void on_own(pqi_endpoint *e, const pqi_now *now, pqi_cspan in, pqi_event *ev)
{
    pqi_ann own;
    if (e->ctl.path_len == 0 && pqi_ann_decode(in, &own) == PQI_OK && own.proof.len != 0) {
        pqi_ep_own_path(e, now, own.proof, ev);
    }
}

void pqi_ep_on_announce(pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_event *ev)
{
    const size_t skip = sizeof PQI_TOPIC_ANNOUNCE - 1u;
    arrival v;
    memset(&v, 0, sizeof v);
    v.id = (pqi_cspan){in->topic.ptr + skip, in->topic.len - skip};
    if (pqi_id_check(v.id) != PQI_OK) {
        pqi_ep_drop(ev, PQI_DROP_TOPIC);
        return;
    }
    memcpy(ev->peer, v.id.ptr, v.id.len); /* an id of the set: the rest of the field is zero */
    if (v.id.len == e->cert.device_id.len && pqi_ct_eq(v.id.ptr, e->cert.device_id.ptr, v.id.len)) {
        on_own(e, now, in->payload, ev);
        return;
    }
    bool news = false;
    pqi_drop d = judge(e, now, in, &v, ev, &news);
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    pqi_ep_name(ev, &e->cfg.peers[v.at]);
    ev->kind = news ? PQI_EV_PEER : PQI_EV_NONE;
}
