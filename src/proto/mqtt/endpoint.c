/* SPDX-License-Identifier: Apache-2.0
 * Life of an endpoint: open, announce, close. docs/spec/v1.md and docs/spec/state.md. */
#include "proto/mqtt/announce.h"
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "session/budget.h"
#include "session/replay.h"

#include <pqi/wipe.h>

/* docs/spec/v1.md section 6; protocol budgets of a gateway and of a microcontroller. */
const pqi_limits pqi_limits_gateway = {
    .peer_sig = {100000, 200},
    .global_sig = {5000000, 5000},
    .announce = {50000, 200},
    .announce_peer = {100, 3},
    .packet_max = PQI_V1_PACKET_MAX,
    .window_bits = 1024,
};

const pqi_limits pqi_limits_mcu = {
    .peer_sig = {1000, 8},
    .global_sig = {5000, 16},
    .announce = {200, 4},
    .announce_peer = {100, 2},
    .packet_max = 8192,
    .window_bits = 128,
};

const char *pqi_drop_name(pqi_drop d)
{
    static const char *const names[PQI_DROP_COUNT_] = {
        [PQI_DROP_NONE] = "none",
        [PQI_DROP_SIZE] = "size",
        [PQI_DROP_TOPIC] = "topic",
        [PQI_DROP_DECODE] = "decode",
        [PQI_DROP_SUITE] = "suite",
        [PQI_DROP_UNKNOWN] = "unknown",
        [PQI_DROP_NOT_FOR_US] = "not-for-us",
        [PQI_DROP_REVOKED] = "revoked",
        [PQI_DROP_EXPIRED] = "expired",
        [PQI_DROP_SCOPE] = "scope",
        [PQI_DROP_REPLAY] = "replay",
        [PQI_DROP_GATE] = "gate",
        [PQI_DROP_BUDGET] = "budget",
        [PQI_DROP_SIGNATURE] = "signature",
        [PQI_DROP_SEALED] = "sealed",
        [PQI_DROP_CERT] = "certificate",
        [PQI_DROP_MISMATCH] = "mismatch",
        [PQI_DROP_EPOCH] = "epoch",
        [PQI_DROP_TABLE] = "table",
        [PQI_DROP_STATE] = "state",
        [PQI_DROP_POLICY] = "policy",
        [PQI_DROP_SESSION] = "session",
        [PQI_DROP_ORDER] = "order",
        [PQI_DROP_PREKEY] = "prekey",
        [PQI_DROP_RETAINED] = "retained",
        [PQI_DROP_LATE] = "late",
        [PQI_DROP_TIME] = "time",
        [PQI_DROP_GAP] = "gap",
        [PQI_DROP_CLOSED] = "closed",
    };
    return (uint32_t)d < PQI_DROP_COUNT_ ? names[d] : "unknown-reason";
}

/* ---- scratch ----------------------------------------------------------------------------------- */

static size_t align8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t pqi_ep_verify_tmp(const pqi_algs *a)
{
    size_t n = 8;
    for (size_t i = 0; i < a->n_sigs; i++) {
        n = max_of(n, max_of(a->sigs[i]->verify_tmp, a->sigs[i]->pk_len));
    }
    for (size_t i = 0; i < a->n_suites; i++) {
        n = max_of(n, max_of(pqi_box_tmp_len(a->suites[i]), a->suites[i]->kem->pk_len));
    }
    return align8(n);
}

static size_t work_len(const pqi_endpoint_cfg *c)
{
    const pqi_algs *a = c->algs;
    size_t record =
        max_of(pqi_ep_peers_record_max(a, c->n_peers), pqi_ep_seq_record_max(c->n_peers));
    size_t own = max_of(pqi_ep_verify_tmp(a), 2u * align8(record) + PQI_STORE_OVERHEAD);
    return align8(
        max_of(own, pqi_ep_control_tmp(c))); /* one at a time: neither keeps anything in it */
}

static size_t fixed_len(size_t n_peers)
{
    return pqi_ep_index_len(n_peers) + align8(sizeof(pqi_peer));
}

size_t pqi_endpoint_scratch_len(const pqi_endpoint_cfg *cfg)
{
    return cfg == NULL || cfg->algs == NULL ? 0 : fixed_len(cfg->n_peers) + work_len(cfg);
}

pqi_peer *pqi_ep_candidate(const pqi_endpoint *e)
{
    return (pqi_peer *)(void *)(e->cfg.scratch.ptr + pqi_ep_index_len(e->cfg.n_peers));
}

pqi_span pqi_ep_work(const pqi_endpoint *e)
{
    size_t at = fixed_len(e->cfg.n_peers);
    return (pqi_span){e->cfg.scratch.ptr + at, work_len(&e->cfg)};
}

/* ---- open -------------------------------------------------------------------------------------- */

static pqi_status check_cfg(const pqi_endpoint_cfg *c)
{
    const pqi_limits *l = &c->limits;
    if (c->algs == NULL || c->provider == NULL || c->nvm == NULL || c->pinned == NULL ||
        c->peers == NULL || c->n_peers == 0 || c->n_peers > UINT32_MAX / 4u || c->revoked == NULL ||
        c->revoked_max == 0 || c->revoked_max > PQI_REV_LOG_MAX || c->scratch.ptr == NULL ||
        (uintptr_t)c->scratch.ptr % 8u != 0 || l->packet_max > PQI_V1_PACKET_MAX ||
        (l->window_bits != 128 && l->window_bits != 1024)) {
        return PQI_ERR_ARG;
    }
    if (c->scratch.len < pqi_endpoint_scratch_len(c)) {
        return PQI_ERR_SPACE;
    }
    return pqi_classic_check(c->algs->classic);
}

/* The public half in the provider is the one in the certificate. */
static pqi_status key_matches(pqi_endpoint *e, pqi_key key, pqi_cspan want)
{
    pqi_span work = pqi_ep_work(e);
    size_t n = 0;
    pqi_status st = pqi_provider_public_key(e->cfg.provider, key, work, &n);
    if (st != PQI_OK) {
        return st;
    }
    return n == want.len && pqi_ct_eq(work.ptr, want.ptr, n) ? PQI_OK : PQI_ERR_AUTH;
}

/* A certificate without a signing key is fine: its holder opens v1 packets and seals none. */
static pqi_status check_own_keys(pqi_endpoint *e)
{
    const pqi_cert *c = &e->cert;
    if (pqi_algs_kem(e->cfg.algs, c->kem_alg) == NULL ||
        (c->sig_alg != 0 && pqi_algs_sig(e->cfg.algs, c->sig_alg) == NULL)) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_status st = key_matches(e, e->cfg.keys.kem, c->kem_pk);
    if (st == PQI_OK) {
        st = key_matches(e, e->cfg.keys.x25519, c->x25519_pk);
    }
    return st == PQI_OK && c->sig_alg != 0 ? key_matches(e, e->cfg.keys.sig, c->sig_pk) : st;
}

/* What is signed of the time may be a thief's, and what heals that comes to a device that runs: where the caller's
 * own clock finds the certificate in force, it starts, and sends nothing while signed time says otherwise. */
static pqi_status verify_own(pqi_endpoint *e, const pqi_now *now)
{
    const pqi_now then = pqi_ctl_now(&e->ctl, now);
    const pqi_algs *a = e->cfg.algs;
    pqi_status st = pqi_cert_verify(a, &e->cert, &e->ctl.manifest, &then, pqi_ep_work(e));
    return st == PQI_ERR_POLICY
               ? pqi_cert_verify(a, &e->cert, &e->ctl.manifest, now, pqi_ep_work(e))
               : st;
}

/* Who we are, then the root and what is known under it, then that the root says who we are. The caller's policy
 * judges that, not the fleet's: one that nobody passes must not keep out the next one. */
static pqi_status load_identity(pqi_endpoint *e, const pqi_now *now)
{
    const pqi_algs *a = e->cfg.algs;
    pqi_status st = pqi_cert_decode(a, e->cfg.cert, &e->cert);
    if (st == PQI_OK) {
        st = a->classic->hash(PQI_HASH_SHA256, &e->cfg.cert, 1, e->own_hash);
    }
    if (st == PQI_OK) {
        st = pqi_ep_control_open(e, now);
    }
    if (st == PQI_OK) {
        st = pqi_manifest_policy(a, &e->ctl.manifest, &e->base_policy);
    }
    if (st == PQI_OK) {
        st = pqi_cert_policy(a, &e->cert, &e->base_policy);
    }
    if (st == PQI_OK) {
        st = verify_own(e, now);
    }
    return st == PQI_OK ? check_own_keys(e) : st;
}

/* Numbers below the ceiling may have been used, numbers up to recv_stored may have been accepted:
 * neither comes again (INV-96). */
static pqi_status wake_peers(pqi_endpoint *e, const pqi_now *now)
{
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        pqi_peer *p = &e->cfg.peers[i];
        if (!p->used) {
            continue;
        }
        p->send_next = p->send_ceiling;
        pqi_window_reset(&p->window, p->recv_stored);
        pqi_bucket_fill(&p->sig_bucket, &e->cfg.limits.peer_sig, now->mono_ms);
        pqi_bucket_fill(&p->ann_bucket, &e->cfg.limits.announce_peer, now->mono_ms);
        if (pqi_ct_is_zero_mask(p->cert_hash, sizeof p->cert_hash) != 0) { /* other manifest */
            continue;
        }
        pqi_status st = pqi_ep_gate_keys(e, p);
        if (st != PQI_OK) {
            return st;
        }
        p->ready = 1;
    }
    return PQI_OK;
}

/* The epoch moves before the record says so: a crash in between moves it once more, which harms
 * nobody. */
static pqi_status settle_epoch(pqi_endpoint *e, bool changed)
{
    uint64_t epoch = 0;
    pqi_status st = pqi_provider_counter_get(e->cfg.provider, PQI_SLOT_ANN_EPOCH, &epoch);
    if (st == PQI_OK && epoch >= UINT32_MAX) {
        st = PQI_ERR_LIMIT;
    }
    if (st == PQI_OK && (changed || epoch == 0)) {
        epoch++;
        st = pqi_provider_counter_advance(e->cfg.provider, PQI_SLOT_ANN_EPOCH, epoch);
        if (st == PQI_OK) {
            const pqi_ep_change none = {NULL, PQI_EP_NO_PEER};
            st = pqi_ep_save_peers(e, &none);
        }
    }
    e->ann_epoch = (uint32_t)epoch;
    return st;
}

/* Stores how old what we know is, where there is a control plane to know something of. */
static void close_control(pqi_endpoint *e, const pqi_now *now)
{
    static const pqi_cspan none = {NULL, 0};
    const bool plane = pqi_ctl_fresh(&e->ctl, now, none) != PQI_FRESH_NONE;
    pqi_ctl_close(&e->ctl, plane ? now : NULL);
}

static void fill_buckets(pqi_endpoint *e, uint64_t now_ms)
{
    const pqi_limits *l = &e->cfg.limits;
    pqi_bucket_fill(&e->global_sig, &l->global_sig, now_ms);
    pqi_bucket_fill(&e->announce, &l->announce, now_ms);
    for (size_t i = 0; i < PQI_OBJ_COUNT_; i++) {
        pqi_bucket_fill(&e->control[i], &l->announce, now_ms);
    }
}

pqi_status pqi_endpoint_open(pqi_endpoint *e, const pqi_endpoint_cfg *cfg, const pqi_now *now)
{
    if (e == NULL || cfg == NULL || now == NULL) {
        return PQI_ERR_ARG;
    }
    memset(e, 0, sizeof *e);
    pqi_status st = check_cfg(cfg);
    if (st != PQI_OK) {
        return st;
    }
    e->cfg = *cfg;
    memset(cfg->peers, 0, cfg->n_peers * sizeof cfg->peers[0]);
    pqi_ep_index(e);
    bool changed = true;
    st = load_identity(e, now);
    const pqi_now then = st == PQI_OK ? pqi_ctl_now(&e->ctl, now) : *now;
    if (st == PQI_OK) {
        st = pqi_ep_load(e, &changed);
    }
    if (st == PQI_OK) {
        st = pqi_ep_prekeys_load(e, &then);
    }
    if (st == PQI_OK) {
        st = wake_peers(e, &then);
    }
    if (st == PQI_OK) {
        st = settle_epoch(e, changed);
    }
    if (st == PQI_OK) {
        st = pqi_ep_sessions_open(e, &then);
    }
    if (st != PQI_OK) {
        close_control(e, now);
    }
    pqi_wipe(pqi_ep_work(e).ptr, pqi_ep_work(e).len);
    if (st != PQI_OK) {
        pqi_wipe(cfg->peers, cfg->n_peers * sizeof cfg->peers[0]);
        pqi_wipe(e, sizeof *e);
        return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
    }
    pqi_ep_apply_revocations(e);
    fill_buckets(e, now->mono_ms);
    memset(&e->pk, 0, sizeof e->pk); /* what a start costs is no work for others */
    e->seen = *now;
    e->open = 1;
    return PQI_OK;
}

/* ---- announcement ------------------------------------------------------------------------------ */

void pqi_endpoint_announce_topic(const pqi_endpoint *e, char out[PQI_TOPIC_MAX])
{
    size_t n = sizeof PQI_TOPIC_ANNOUNCE - 1u;
    memcpy(out, PQI_TOPIC_ANNOUNCE, n);
    size_t id = e->open ? e->cert.device_id.len : 0;
    if (id != 0) {
        memcpy(out + n, e->cert.device_id.ptr, id);
    }
    out[n + id] = 0;
}

/* The signature over topic and body, and its length, behind the body; *len: of it all. */
static pqi_status sign_body(
    pqi_endpoint *e, const pqi_sig *sig, size_t body, pqi_span out, size_t *len)
{
    char topic[PQI_TOPIC_MAX];
    pqi_endpoint_announce_topic(e, topic);
    pqi_ann_signed s;
    size_t topic_len = sizeof PQI_TOPIC_ANNOUNCE - 1u + e->cert.device_id.len;
    pqi_ann_parts((pqi_cspan){(const uint8_t *)topic, topic_len}, (pqi_cspan){out.ptr, body}, &s);
    size_t n = 0;
    const pqi_pk_at at = {e->cfg.algs->classic, e->cfg.provider, &e->pk, {NULL, 0}};
    const pqi_pk_to_sign what = {e->cfg.keys.sig, pqi_ann_domain, s.parts, PQI_ANN_PARTS};
    pqi_status st = pqi_pk_key_sign(&at, &what, (pqi_span){out.ptr + body + 2u, sig->sig_len}, &n);
    if (st != PQI_OK || n == 0 || n > sig->sig_len) {
        return st != PQI_OK ? st : PQI_ERR_PROVIDER;
    }
    *len = body + 2u + n;
    wr w = wr_of((pqi_span){out.ptr + body, 2});
    wr_u16(&w, (uint16_t)n);
    return wr_done(&w, &n);
}

pqi_status pqi_endpoint_announce(pqi_endpoint *e, pqi_span out, size_t *out_len)
{
    if (e == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    const pqi_sig *sig = pqi_algs_sig(e->cfg.algs, e->cert.sig_alg);
    pqi_cspan block = {NULL, 0};
    size_t body = 0;
    pqi_status st = pqi_ep_prekey_block(e, &block);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_ann f = {.flags = sig != NULL ? PQI_ANN_SIGNED : 0u,
        .epoch = sig != NULL ? e->ann_epoch : e->cert.key_epoch,
        .cert = e->cfg.cert,
        .proof = {e->ctl.path, e->ctl.path_len},
        .prekeys = block};
    st = pqi_ann_write(&f, out, &body);
    *out_len = body + 2u + (sig != NULL ? sig->sig_len : 0u);
    if (st != PQI_OK || out.len < *out_len) {
        return PQI_ERR_SPACE;
    }
    if (sig == NULL) {
        memset(out.ptr + body, 0, 2);
        return PQI_OK;
    }
    st = sign_body(e, sig, body, out, out_len);
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, *out_len);
        *out_len = 0;
    }
    return st;
}

const pqi_peer *pqi_endpoint_peer(const pqi_endpoint *e, pqi_cspan id)
{
    if (e == NULL || !e->open || id.ptr == NULL || id.len == 0 || id.len > PQI_ID_MAX) {
        return NULL;
    }
    size_t at = pqi_ep_by_id(e, id);
    return at == PQI_EP_NO_PEER ? NULL : &e->cfg.peers[at];
}

/* ---- close ------------------------------------------------------------------------------------- */

void pqi_endpoint_close(pqi_endpoint *e)
{
    if (e == NULL || !e->open) {
        return;
    }
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        pqi_peer *p = &e->cfg.peers[i];
        if (p->used) {
            p->send_ceiling = p->send_next;
            p->recv_stored = p->window.high;
        }
    }
    pqi_status st = pqi_ep_save_seq(e, PQI_EP_NO_PEER, 0, 0);
    (void)st; /* the marks on the medium are then those of a crash, which are safe */
    pqi_ep_sessions_close(e);
    pqi_ep_prekeys_close(e);
    close_control(e, &e->seen);
    pqi_wipe(e->cfg.peers, e->cfg.n_peers * sizeof e->cfg.peers[0]);
    pqi_wipe(e->cfg.scratch.ptr, pqi_endpoint_scratch_len(&e->cfg));
    pqi_wipe(e, sizeof *e);
}
