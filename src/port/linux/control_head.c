/* SPDX-License-Identifier: Apache-2.0
 * Making heads. docs/spec/control-server.md section 3.
 *
 * Implementation notes. One writing transaction reads everything, takes the lease, signs and inserts:
 * nothing can change between what a head names and its insert, and the store holds the complete signed
 * head before anybody sees it. A process that dies after signing leaves no trace of that head; one that
 * dies after the commit finds it there. */
#include "port/linux/control_int.h"

#include <pqi/wipe.h>

#include <string.h>

/* ---- the provider's counter ------------------------------------------------------------------------ */

static uint64_t as_counter(const pqi_control_view *v)
{
    return (uint64_t)v->root_version << 32 | v->head.head_epoch;
}

static pqi_status read_counter(const pqi_host_control *c, uint64_t *out)
{
    pqi_status st = pqi_provider_counter_get(c->provider, PQI_SLOT_CONTROL, out);
    return st == PQI_OK ? st : pqi_why(st, "cannot read the counter of the control plane's keys");
}

pqi_status pqi_control_counter_check(pqi_host_control *c)
{
    uint64_t counter = 0;
    pqi_status st = read_counter(c, &counter);
    /* A store that went back under our eyes is not what an operator restored before we began. */
    if (st == PQI_OK && as_counter(&c->view) < counter &&
        (c->view.skip == 0 || as_counter(&c->view) < c->counter)) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "the store is older than its keys remember (root %u head %u, keys: root %u head %u): "
            "an "
            "old copy was restored. Put the newest objects again, or recover",
            c->view.root_version, c->view.head.head_epoch, (unsigned)(counter >> 32),
            (unsigned)(counter & UINT32_MAX));
    }
    return st;
}

int pqi_control_counter_is_there(const pqi_host_control *c)
{
    return as_counter(&c->view) == c->counter;
}

/* Epochs that another server made count as well. */
pqi_status pqi_control_counter_follow(pqi_host_control *c)
{
    if (pqi_control_counter_is_there(c)) {
        return PQI_OK;
    }
    if (as_counter(&c->view) < c->counter) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "heads vanished from the store while it was open: start again, or recover");
    }
    pqi_status st =
        pqi_provider_counter_advance(c->provider, PQI_SLOT_CONTROL, as_counter(&c->view));
    if (st != PQI_OK) {
        return pqi_why(st, "cannot move the counter of the control plane's keys");
    }
    c->counter = as_counter(&c->view);
    return PQI_OK;
}

pqi_status pqi_control_next_epoch(const pqi_host_control *c, uint32_t *out)
{
    uint64_t counter = 0, next = c->view.head.head_epoch;
    pqi_status st = read_counter(c, &counter);
    if (st != PQI_OK) {
        return st;
    }
    if ((uint32_t)(counter >> 32) > c->view.root_version) {
        return pqi_why(PQI_ERR_ROLLBACK, "the keys remember root version %u, the store has %u",
            (unsigned)(counter >> 32), c->view.root_version);
    }
    if ((uint32_t)(counter >> 32) == c->view.root_version && (counter & UINT32_MAX) > next) {
        next = counter & UINT32_MAX;
    }
    next += 1 + (uint64_t)c->view.skip;
    if (next > UINT32_MAX) {
        return pqi_why(PQI_ERR_LIMIT, "no head epochs are left under this root version");
    }
    *out = (uint32_t)next;
    return PQI_OK;
}

/* ---- is one due? --------------------------------------------------------------------------------- */

static int delegates_differ(const pqi_control_view *v)
{
    uint8_t buf[sizeof v->delegates];
    size_t len = 0;
    return pqi_control_delegates_write(v->head.delegates, v->head.n_delegates,
               (pqi_span){buf, sizeof buf}, &len) != PQI_OK ||
           len != v->delegates_len || memcmp(buf, v->delegates, len) != 0;
}

unsigned pqi_control_due(const pqi_host_control *c, uint64_t now_ms)
{
    const pqi_control_view *v = &c->view;
    if (v->root_version == 0) {
        return 0;
    }
    if (v->head.head_epoch == 0) {
        return PQI_CONTROL_NEW_ROOT;
    }
    unsigned what = 0;
    what |= v->policy.seq > v->head.policy_seq ? PQI_CONTROL_NEW_POLICY : 0;
    what |= v->rev_named_max > v->head.rev_seq ? PQI_CONTROL_NEW_REV : 0;
    what |= v->roster.seq > v->head.roster_seq ? PQI_CONTROL_NEW_ROSTER : 0;
    what |= delegates_differ(v) ? PQI_CONTROL_NEW_DELEGATES : 0;
    what |= !v->seed || pqi_control_tick_due(c, now_ms) >= v->head.tick_count
                ? PQI_CONTROL_NEW_TICKS
                : 0;
    return what;
}

/* ---- making one ------------------------------------------------------------------------------------ */

typedef struct making {
    pqi_head head;
    int64_t number, at;
    unsigned what;
    uint8_t sealed[PQI_CONTROL_SEALED];
    uint8_t encoded[PQI_HEAD_MAX];
    size_t len;
} making;

static pqi_status key_named(pqi_host_control *c)
{
    const pqi_manifest *m = &c->view.manifest;
    for (uint32_t i = 0; i < m->n_keys; i++) {
        if (m->keys[i].role == PQI_ROLE_HEAD &&
            memcmp(m->keys[i].kid, c->head_kid, PQI_KID_LEN) == 0) {
            return PQI_OK;
        }
    }
    return pqi_why(PQI_ERR_POLICY, "root version %u does not name the head key in %s",
        c->view.root_version, c->dir);
}

/* R at the number that is named; the entries beyond the head before hang on what that one named. */
static pqi_status name_log(pqi_host_control *c, pqi_head *h)
{
    const pqi_head *old = &c->view.head;
    uint8_t before[PQI_HASH_LEN];
    if (old->head_epoch == 0) {
        return pqi_control_rev_hash(c, &c->view, h->rev_seq, h->rev_hash);
    }
    memcpy(h->rev_hash, old->rev_hash, PQI_HASH_LEN);
    if (h->rev_seq == old->rev_seq) {
        return PQI_OK;
    }
    pqi_status st = pqi_control_rev_hash(c, &c->view, old->rev_seq, before);
    if (st == PQI_OK && memcmp(before, old->rev_hash, PQI_HASH_LEN) != 0) {
        st = pqi_why(PQI_ERR_STORAGE,
            "the revocations in the store are not those that head %u names", old->head_epoch);
    }
    return st == PQI_OK ? pqi_control_rev_hash(c, &c->view, h->rev_seq, h->rev_hash) : st;
}

static pqi_status fill(pqi_host_control *c, making *m)
{
    const pqi_control_view *v = &c->view;
    pqi_head *h = &m->head;
    const uint64_t now_s = (uint64_t)pqi_control_now_s(c);
    memset(h, 0, sizeof *h);
    memcpy(h->fleet_id, v->manifest.fleet_id, sizeof h->fleet_id);
    h->root_version = v->root_version;
    memcpy(h->prev, v->head.hash, PQI_HASH_LEN); /* zero where there is none */
    h->policy_seq = v->policy.seq;
    memcpy(h->policy_hash, v->policy.hash, PQI_HASH_LEN);
    h->rev_seq = v->rev_named_max;
    h->roster_seq = v->roster.seq;
    h->roster_size = v->roster.size;
    memcpy(h->roster_root, v->roster.hash, PQI_HASH_LEN);
    h->tick_count = c->cfg.ticks_per_head;
    m->number = pqi_control_number(c, pqi_control_now_ms(c), &m->at);
    if (v->rules_next.tick_s != v->rules.tick_s) { /* or shorter ticks would all be due at once */
        m->at = (int64_t)pqi_control_now_ms(c);
    }
    h->tick_base = (uint32_t)m->number;
    if (h->tick_base < v->head.tick_base) {
        h->tick_base = v->head.tick_base;
    }
    h->time = now_s > v->head.time ? now_s : v->head.time;
    pqi_status st = pqi_control_delegates_read(
        (pqi_cspan){v->delegates, v->delegates_len}, h->delegates, &h->n_delegates);
    if (st == PQI_OK) {
        st = pqi_control_next_epoch(c, &h->head_epoch);
    }
    if (st == PQI_OK) {
        st = name_log(c, h);
    }
    if (st == PQI_OK) {
        st = pqi_control_tokens_load(c);
    }
    if (st == PQI_OK) {
        st = pqi_control_token(c, h->head_epoch, h->token);
    }
    return st;
}

static pqi_status sign(pqi_host_control *c, making *m)
{
    pqi_head *h = &m->head;
    pqi_head seen;
    pqi_status st = pqi_control_ticks_make(
        c, h->root_version, h->head_epoch, h->tick_count, h->tick_anchor, m->sealed);
    if (st == PQI_OK) {
        st = pqi_head_build(&c->algs, c->provider, PQI_CONTROL_HANDLE, h,
            (pqi_span){m->encoded, sizeof m->encoded}, &m->len);
    }
    if (st == PQI_OK) { /* what we sign is what others accept */
        st = pqi_head_decode(&c->algs, (pqi_cspan){m->encoded, m->len}, &seen);
    }
    if (st == PQI_OK) {
        st = pqi_head_verify(&c->algs, &seen, &c->view.manifest, c->tmp);
    }
    if (st == PQI_OK) {
        memcpy(h->hash, seen.hash, PQI_HASH_LEN);
    }
    return st == PQI_OK ? st : pqi_why_else(st, "cannot sign a head: %s", pqi_status_text(st));
}

static pqi_status insert(pqi_host_control *c, const making *m)
{
    const pqi_head *h = &m->head;
    pqi_status st = pqi_control_lease_check(c);
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db,
            "INSERT INTO pqi_heads(root_version, head_epoch, hash, tick_base, rev_seq, what,"
            " made_by, at, encoded) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            "iibiiitib", (int64_t)h->root_version, (int64_t)h->head_epoch,
            (pqi_cspan){h->hash, PQI_HASH_LEN}, (int64_t)h->tick_base, (int64_t)h->rev_seq,
            (int64_t)m->what, pqi_control_str(c->holder), pqi_control_now_s(c),
            (pqi_cspan){m->encoded, m->len});
    }
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db, "DELETE FROM pqi_seed", "");
    }
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db,
            "INSERT INTO pqi_seed(one, root_version, head_epoch, sealed) VALUES(1, $1, $2, $3)",
            "iib", (int64_t)h->root_version, (int64_t)h->head_epoch,
            (pqi_cspan){m->sealed, sizeof m->sealed});
    }
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db,
            "UPDATE pqi_state SET skip = 0, tick_number = $1, tick_at = $2 WHERE one = 1", "ii",
            (int64_t)h->tick_base, m->at);
    }
    if (st == PQI_OK) {
        st = pqi_control_note(c, "head", "epoch %u: policy %u, revocations %u, roster %u, tick %u",
            h->head_epoch, h->policy_seq, h->rev_seq, h->roster_seq, h->tick_base);
    }
    return st == PQI_OK ? pqi_control_changed(c) : st;
}

/* Inside the transaction. PQI_ERR_MISSING: nothing is to be made. */
static pqi_status make(pqi_host_control *c, int force, making *m, int *leased)
{
    pqi_status st = pqi_control_load(c);
    if (st == PQI_OK && c->view.root_version == 0) {
        return pqi_why(PQI_ERR_STATE, "the store has no root manifest yet");
    }
    if (st == PQI_OK) {
        st = key_named(c);
    }
    if (st == PQI_OK) {
        st = pqi_control_counter_check(c);
    }
    if (st == PQI_OK) {
        st = pqi_control_clock_check(c);
    }
    if (st == PQI_OK) {
        st = pqi_control_lease_take(c, leased);
    }
    if (st != PQI_OK) {
        return st;
    }
    m->what = pqi_control_due(c, pqi_control_now_ms(c)) | (force ? PQI_CONTROL_NEW_FORCED : 0u);
    if (!*leased || m->what == 0) {
        return PQI_ERR_MISSING;
    }
    st = pqi_control_check_named(c);
    if (st == PQI_OK) {
        st = fill(c, m);
    }
    if (st == PQI_OK) {
        st = sign(c, m);
    }
    return st == PQI_OK ? insert(c, m) : st;
}

static void tell(pqi_host_control *c, const making *m)
{
    const pqi_control_event ev = {
        .kind = PQI_CONTROL_EV_HEAD, .number = m->head.head_epoch, .what = m->what};
    pqi_control_tell(c, &ev);
}

static pqi_status advance(pqi_host_control *c, int force, making *m, int *leased)
{
    int nothing = 0;
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st != PQI_OK) {
        return st;
    }
    st = make(c, force, m, leased);
    if (st == PQI_ERR_MISSING) { /* the lease is to be kept */
        nothing = 1;
        st = PQI_OK;
    }
    st = pqi_cdb_end(c->db, st);
    if (st != PQI_OK) {
        pqi_control_chains_drop(c);
        c->view.changes = -1; /* it was read in a transaction that is gone */
        return st;
    }
    pqi_control_lease_told(c, *leased);
    st = pqi_control_refresh(c, 0); /* the counter follows before anybody sees the head */
    if (st == PQI_OK && !nothing) {
        c->cfg.accept_clock = 0; /* the store has its time now */
        tell(c, m);
    }
    m->what = nothing ? 0 : m->what;
    return st;
}

pqi_status pqi_host_control_advance(pqi_host_control *c, int force, pqi_control_made *out)
{
    making m;
    pqi_why_clear();
    if (c == NULL || out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    memset(out, 0, sizeof *out);
    if (c->provider == NULL) {
        return pqi_why(PQI_ERR_STATE, "this needs the keys of the control plane");
    }
    memset(&m, 0, sizeof m);
    pqi_status st = advance(c, force, &m, &out->leased);
    out->head_epoch = c->view.head.head_epoch;
    out->rev_named = c->view.head.rev_seq;
    if (st == PQI_OK) {
        out->what = m.what;
        out->rev_held = pqi_control_held(&c->view);
    }
    return st == PQI_OK ? st : pqi_why_else(st, "cannot make a head: %s", pqi_status_text(st));
}

/* ---- ticks -------------------------------------------------------------------------------------- */

pqi_status pqi_host_control_tick(pqi_host_control *c, pqi_tick *out, uint64_t *due_ms)
{
    int64_t at = 0;
    pqi_why_clear();
    if (c == NULL || out == NULL || due_ms == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    *due_ms = 0;
    memset(out, 0, sizeof *out);
    if (c->provider == NULL) {
        return pqi_why(PQI_ERR_STATE, "this needs the keys of the control plane");
    }
    const uint64_t now = pqi_control_now_ms(c);
    (void)pqi_control_number(c, now, &at);
    *due_ms = (uint64_t)at + (uint64_t)c->view.rules.tick_s * 1000u;
    uint32_t i = pqi_control_tick_due(c, now);
    if (i == 0 || pqi_control_clock_check(c) != PQI_OK) {
        return PQI_ERR_MISSING;
    }
    pqi_tick t = {.epoch = c->view.head.head_epoch, .i = i};
    pqi_status st = pqi_control_tick_value(c, i, t.h);
    if (st == PQI_OK) {
        *out = t;
    }
    return st;
}
