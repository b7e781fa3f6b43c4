/* SPDX-License-Identifier: Apache-2.0
 * The rounds of a control plane: what changed goes out, what is due is made.
 *
 * Implementation notes. Whatever is published was committed before. Revocations go out before the head
 * that names them, so that a device which gets both in order sees no gap; roster and policy go out
 * behind their head, because a device takes them only then. Every server of a store publishes, also while another one
 * makes the heads: they may have different brokers. */
#include "port/linux/control_int.h"

#include <string.h>

#define POLL_MS  100u  /* how soon a change of the store is seen */
#define RETRY_MS 1000u /* after a failure */

static void out(pqi_host_control *c, const char *topic, pqi_cspan bytes, int retain)
{
    if (c->cfg.io.publish != NULL) {
        c->cfg.io.publish(c->cfg.io.ctx, topic, bytes, retain);
    }
}

static void told(pqi_host_control *c, pqi_object object, uint32_t number)
{
    const pqi_control_event ev = {
        .kind = PQI_CONTROL_EV_OBJECT, .object = object, .number = number};
    pqi_control_tell(c, &ev);
}

/* Of a number 0 there is nothing under this root version; what an older one left goes away. */
static void out_numbered(pqi_host_control *c, pqi_object kind, const char *topic, uint32_t number)
{
    const pqi_control_key k = {
        .kind = kind, .root_version = c->view.root_version, .number = number};
    pqi_cspan bytes = {NULL, 0};
    if (number != 0) {
        bytes = pqi_control_object(c, &k);
        if (bytes.len == 0) {
            return;
        }
    }
    out(c, topic, bytes, 1);
    if (number != 0) {
        told(c, kind, number);
    }
}

static pqi_cspan part_bytes(pqi_host_control *c, const pqi_control_segment *s)
{
    const pqi_control_key k = {
        PQI_OBJ_REVOCATIONS, c->view.root_version, s->from, s->until, s->quorum};
    return pqi_control_object(c, &k);
}

static void out_revocations(pqi_host_control *c, uint32_t have, uint32_t goal, int anew)
{
    const pqi_control_segment *whole = pqi_control_segment_whole(&c->view, goal);
    if (!anew) {
        for (uint32_t at = have; at < goal;) {
            const pqi_control_segment *s = pqi_control_segment_for(&c->view, at, goal);
            if (s == NULL) {
                break;
            }
            out(c, PQI_TOPIC_REV_DELTA, part_bytes(c, s), 0);
            at = s->until;
        }
    }
    out(c, PQI_TOPIC_REVOCATIONS, whole != NULL ? part_bytes(c, whole) : (pqi_cspan){NULL, 0}, 1);
    if (goal != 0) {
        told(c, PQI_OBJ_REVOCATIONS, goal);
    }
}

/* A tick of an older head that is retained is of use to nobody: the new head takes its place. */
static void out_tick(pqi_host_control *c, int all)
{
    pqi_tick t;
    uint64_t due = 0;
    uint8_t bytes[PQI_LOCAL_TICK_LEN];
    if (c->provider == NULL || pqi_host_control_tick(c, &t, &due) != PQI_OK ||
        (t.i == c->out.tick && !all)) {
        return;
    }
    c->out.tick = t.i;
    size_t n = pqi_tick_write(&t, bytes);
    out(c, PQI_TOPIC_TICK, (pqi_cspan){bytes, n}, 1);
    const pqi_control_event ev = {
        .kind = PQI_CONTROL_EV_TICK, .number = (uint64_t)c->view.head.tick_base + t.i};
    pqi_control_tell(c, &ev);
}

static void publish(pqi_host_control *c, int all)
{
    const pqi_control_view *v = &c->view;
    pqi_control_published *p = &c->out;
    const int root = all || p->root_version != v->root_version;
    const pqi_head *h = &v->head;
    if (v->root_version == 0 || (c->provider != NULL && !pqi_control_counter_is_there(c))) {
        return;
    }
    if (root) {
        out_numbered(c, PQI_OBJ_ROOT, PQI_TOPIC_ROOT, v->root_version);
        p->policy_seq = p->rev_seq = p->roster_seq = p->head_epoch = p->tick = 0;
    }
    if (root || p->rev_seq != h->rev_seq) {
        out_revocations(c, p->rev_seq, h->rev_seq, root);
    }
    const int head = root || p->head_epoch != h->head_epoch;
    if (head && h->head_epoch != 0) {
        out(c, PQI_TOPIC_HEAD, h->encoded, 1);
        told(c, PQI_OBJ_HEAD, h->head_epoch);
    }
    if (root || p->roster_seq != h->roster_seq) {
        out_numbered(c, PQI_OBJ_ROSTER, PQI_TOPIC_ROSTER, h->roster_seq);
    }
    if (root || p->policy_seq != h->policy_seq) {
        out_numbered(c, PQI_OBJ_POLICY, PQI_TOPIC_POLICY, h->policy_seq);
    }
    p->root_version = v->root_version;
    p->head_epoch = h->head_epoch;
    p->policy_seq = h->policy_seq;
    p->rev_seq = h->rev_seq;
    p->roster_seq = h->roster_seq;
    p->tick = head ? 0 : p->tick;
    out_tick(c, head);
}

pqi_status pqi_host_control_publish(pqi_host_control *c)
{
    pqi_why_clear();
    if (c == NULL) {
        return pqi_why(PQI_ERR_ARG, "no store is open");
    }
    publish(c, 1);
    return PQI_OK;
}

/* ---- rounds ------------------------------------------------------------------------------------- */

/* The number of the newest tick goes into the store: it never falls back, wherever a clock goes. */
static pqi_status keep_tick(pqi_host_control *c)
{
    const pqi_control_view *v = &c->view;
    const int64_t now = (int64_t)pqi_control_now_ms(c), tick_ms = (int64_t)v->rules.tick_s * 1000;
    int64_t at = 0, number = pqi_control_number(c, (uint64_t)now, &at);
    const int64_t back = v->tick_at - now;
    if (v->head.head_epoch == 0 || (number == v->tick_number && back <= tick_ms)) {
        return PQI_OK;
    }
    if (back > tick_ms) {
        at = now;
    }
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db,
            "UPDATE pqi_state SET tick_number = $1, tick_at = $2, changes = changes + 1"
            " WHERE one = 1 AND tick_number <= $1",
            "ii", number, at);
        st = pqi_cdb_end(c->db, st);
    }
    if (st == PQI_OK && back > tick_ms) {
        const pqi_control_event ev = {.kind = PQI_CONTROL_EV_CLOCK,
            .number = (uint64_t)(back / 1000),
            .text = "the clock went back; ticks go on from here"};
        pqi_control_tell(c, &ev);
    }
    c->cfg.accept_clock = st == PQI_OK ? 0 : c->cfg.accept_clock;
    return st == PQI_OK ? pqi_control_refresh(c, 0) : st;
}

static void tell_held(pqi_host_control *c)
{
    const uint32_t held = pqi_control_held(&c->view);
    if (held != c->held_told) {
        c->held_told = held;
        if (held != 0) {
            const pqi_control_event ev = {.kind = PQI_CONTROL_EV_HELD,
                .number = held,
                .text = "more revocations than a revoker may name alone: policy keys have to sign"};
            pqi_control_tell(c, &ev);
        }
    }
}

/* What the one with the lease does. */
static pqi_status lead(pqi_host_control *c, uint64_t now)
{
    pqi_control_made made;
    pqi_status st = PQI_OK;
    if (pqi_control_due(c, now) != 0) {
        st = pqi_host_control_advance(c, 0, &made);
    }
    if (st == PQI_OK && c->leased) {
        st = pqi_control_clock_check(c);
        st = st == PQI_OK ? keep_tick(c) : st;
    }
    tell_held(c);
    return st;
}

static pqi_status round_of(pqi_host_control *c, int rescan)
{
    const uint64_t now = pqi_control_now_ms(c);
    pqi_status st = pqi_control_refresh(c, rescan);
    if (st != PQI_OK || c->view.root_version == 0) {
        return st;
    }
    if (now >= c->lease_next_ms || c->lease_next_ms - now > c->cfg.lease_ms) {
        st = pqi_control_lease_renew(c);
    }
    if (st == PQI_OK && c->leased) {
        st = lead(c, now);
    }
    publish(c, 0); /* what is committed goes out, also when no new head could be made */
    if (st == PQI_OK && pqi_control_flush_wait(c, pqi_control_now_ms(c)) == 0) {
        st = pqi_host_control_flush(c, NULL);
    }
    return st;
}

static void failed(pqi_host_control *c, pqi_status st)
{
    c->retry_ms = pqi_control_now_ms(c) + RETRY_MS;
    if (c->failed != st) { /* once until something else happens */
        c->failed = st;
        const pqi_control_event ev = {
            .kind = PQI_CONTROL_EV_FAILED, .status = st, .text = pqi_why_get()};
        pqi_control_tell(c, &ev);
    }
}

static uint32_t wait_of(const pqi_host_control *c)
{
    const uint64_t now = pqi_control_now_ms(c);
    uint32_t flush = pqi_control_flush_wait(c, now);
    return flush < POLL_MS ? flush : POLL_MS;
}

pqi_status pqi_host_control_poll(pqi_host_control *c, int rescan, uint32_t *wait_ms)
{
    pqi_why_clear();
    if (c == NULL || wait_ms == NULL || c->provider == NULL) {
        return pqi_why(PQI_ERR_STATE, "this needs the keys of the control plane");
    }
    const uint64_t now = pqi_control_now_ms(c);
    *wait_ms = POLL_MS;
    if (c->retry_ms > now && c->retry_ms - now <= RETRY_MS && !rescan) {
        return PQI_OK;
    }
    c->retry_ms = 0;
    pqi_status st = round_of(c, rescan);
    if (st != PQI_OK) {
        failed(c, st);
        return PQI_OK;
    }
    c->failed = PQI_OK;
    *wait_ms = wait_of(c);
    return PQI_OK;
}
