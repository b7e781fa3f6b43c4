/* SPDX-License-Identifier: Apache-2.0
 * The simulated fleet's control plane, its broker and its thieves: docs/adversary.md. What is given to a node is
 * printed with what it says, so that the judge keeps books of its own. */
#include "adversary/sim.h"

#include <pqi/control.h>

#define HOUR_MS     3600000u
#define START_S     1000000u /* wall clock of the devices when they are made */
#define FOREIGN     100u     /* roster index of nobody */
#define FIRST_HEAD  9999     /* its id; books.py */
#define FAR         40u      /* epochs that a thief runs ahead */
#define TEN_YEARS_S 315360000u

static const char *const records[] = {"ctl", "ctl-rev", "ctl-pol", "ctl-root"};

static msg m;
static msg first_head, first_policy, first_tick; /* what everybody knows when a schedule begins */

/* ---- making -------------------------------------------------------------------------------------------- */

static void keep_root(sim *w)
{
    const fleet *f = w->pl->f;
    sim_root *r = &w->roots[f->root_version];
    assert_true(f->root_version < SIM_ROOTS && f->manifest_len <= sizeof r->b);
    memcpy(r->b, f->manifest, f->manifest_len);
    r->len = f->manifest_len;
    memcpy(r->pin, f->pinned, sizeof r->pin);
}

void sim_plane_make(sim *w)
{
    w->pl = plane_new();
    w->pl->time_s = START_S;
    keep_root(w);
}

void sim_plane_own(sim *w, dev *d)
{
    d->root = (pqi_cspan){w->roots[1].b, w->roots[1].len};
    d->root_pin = w->roots[1].pin;
}

/* Everybody knows the first head, its policy and the time, before they meet. */
void sim_plane_begin(sim *w)
{
    pqi_policy_rules rules = pqi_policy_default;
    plane_policy(w->pl, &rules, &first_policy);
    plane_head(w->pl, &first_head);
    plane_tick(w->pl, 1, &first_tick);
    for (int i = 0; i < SIM_NODES; i++) {
        assert_int_equal(dev_receive(w->n[i].d, &first_head), PQI_EV_CONTROL);
        assert_int_equal(dev_receive(w->n[i].d, &first_policy), PQI_EV_CONTROL);
        assert_int_equal(dev_receive(w->n[i].d, &first_tick), PQI_EV_CONTROL);
    }
    w->pl_pristine = *w->pl;
}

void sim_plane_reset(sim *w)
{
    fleet *f = w->pl->f;
    *w->pl = w->pl_pristine;
    f->head = 0;
    if (f->root_version != 1) {
        fleet_root(f, 1);
    }
    w->stolen_head = 0;
    for (int k = 0; k < SIM_NEWEST; k++) {
        w->newest[k] = -1;
    }
    for (int i = 0; i < SIM_NODES; i++) {
        w->n[i].withheld = 0;
        w->n[i].heard = 1;
    }
    printf("G 1\n");
}

/* ---- publishing ------------------------------------------------------------------------------------------ */

static uint32_t true_tick(const sim *w)
{
    return w->pl->tick_base + w->pl->tick;
}

/* The same bytes are the same object. */
static long id_of(const sim *w, size_t at)
{
    const sim_letter *x = &w->tape[at];
    for (size_t i = 0; i < at; i++) {
        const sim_letter *l = &w->tape[i];
        if (l->kind == 'c' && l->len == x->len && memcmp(l->b, x->b, x->len) == 0) {
            return l->note.id;
        }
    }
    return (long)at + 1;
}

static long record(sim *w, const msg *x, int to, sim_note note)
{
    const long at = sim_record(w, x->topic, x->b, x->len, -1, to, 'c');
    if (at >= 0) {
        note.id = note.id != 0 ? note.id : id_of(w, (size_t)at);
        w->tape[at].note = note;
    }
    return at;
}

static void publish(sim *w, const msg *x, int slot, sim_note note)
{
    const long at = record(w, x, -1, note);
    if (at >= 0) {
        w->newest[slot] = at;
        sim_publish(w, (size_t)at);
    }
}

static sim_note note_of(const sim *w, char kind, uint32_t a, uint32_t b, uint32_t c)
{
    return (sim_note){.kind = kind, .root = w->pl->f->root_version, .a = a, .b = b, .c = c};
}

/* Of a head: epoch, base, policy, entries; which head it is, and which it goes on from. */
static sim_note note_of_head(sim *w, uint32_t base)
{
    sim_note n = note_of(w, 'h', w->pl->epoch, base, w->pl->policy.seq);
    n.d = w->pl->n_log;
    n.prev = w->head_id;
    return n;
}

void sim_plane_retained(sim *w)
{
    w->head_id = FIRST_HEAD;
    sim_note h = note_of_head(w, 0);
    h.id = FIRST_HEAD;
    h.prev = 0;
    w->newest[SIM_HEAD] = record(w, &first_head, -1, h);
    w->newest[SIM_POLICY] = record(w, &first_policy, -1, note_of(w, 'p', 1, 0, 0));
    w->newest[SIM_TICK] = record(w, &first_tick, -1, note_of(w, 't', 1, 1, 0));
}

static void publish_head(sim *w)
{
    plane_head(w->pl, &m);
    sim_note n = note_of_head(w, w->pl->tick_base);
    publish(w, &m, SIM_HEAD, n);
    w->head_id = w->newest[SIM_HEAD] + 1;
    w->newest[SIM_TICK] = -1;
}

static void publish_log(sim *w, uint32_t from, const char *topic, int slot)
{
    plane_log(w->pl, from, &m);
    (void)snprintf(m.topic, sizeof m.topic, "%s", topic);
    publish(w, &m, slot, note_of(w, 'l', from, w->pl->n_log, 0));
}

void sim_plane_head(sim *w)
{
    if (w->pl->epoch + 1u < PLANE_HEADS - FAR) {
        publish_head(w);
    }
}

void sim_plane_policy(sim *w, uint64_t flavor)
{
    pqi_policy_rules rules = pqi_policy_default;
    rules.grace_s = flavor % 2u != 0 ? 0 : rules.grace_s;
    plane_policy(w->pl, &rules, &m);
    publish(w, &m, SIM_POLICY, note_of(w, 'p', w->pl->policy.seq, 0, 0));
    sim_plane_head(w);
    if (w->newest[SIM_POLICY] >= 0) { /* once more: before its head it is no news */
        sim_publish(w, (size_t)w->newest[SIM_POLICY]);
    }
}

static void publish_entry(sim *w)
{
    publish_log(w, w->pl->n_log - 1u, PQI_TOPIC_REV_DELTA, SIM_DELTA);
    publish_log(w, 0, PQI_TOPIC_REVOCATIONS, SIM_LOG);
    sim_plane_head(w);
}

/* Somebody is revoked whom nobody here knows. */
void sim_plane_entry(sim *w)
{
    if (w->pl->n_log + 1u < PLANE_LOG) {
        plane_revoke(w->pl, 50u + w->pl->n_log, UINT32_MAX);
        publish_entry(w);
    }
}

void sim_plane_revoke(sim *w, int n)
{
    for (uint32_t i = 0; i < w->pl->n_log; i++) {
        if (w->pl->log[i].roster_index == (uint32_t)n + 1u) {
            return;
        }
    }
    if (w->pl->n_log + 1u < PLANE_LOG) {
        plane_revoke(w->pl, (uint32_t)n + 1u, UINT32_MAX);
        printf("V %s\n", sim_name(n));
        publish_entry(w);
    }
}

static void publish_tick(sim *w)
{
    if (w->pl->tick + 1u >= PLANE_TICKS) {
        publish_head(w);
    }
    plane_tick(w->pl, w->pl->tick + 1u, &m);
    printf("G %u\n", true_tick(w));
    publish(w, &m, SIM_TICK, note_of(w, 't', w->pl->epoch, true_tick(w), 0));
}

/* The next tick that a node was not given, of the head in force: one that the broker kept. */
void sim_plane_trickle(sim *w, int n)
{
    for (size_t i = 0; i < w->n_tape; i++) {
        const sim_note *o = &w->tape[i].note;
        if (w->tape[i].kind == 'c' && o->kind == 't' && o->root == w->pl->f->root_version &&
            o->a == w->pl->epoch && o->b > w->n[n].heard) {
            const sim_letter *l = &w->tape[i];
            sim_deliver(w, n, l->topic, l->b, l->len, 1);
            return;
        }
    }
}

/* Hours go by, and the plane says so each time. */
void sim_plane_hours(sim *w, uint64_t hours)
{
    for (uint64_t h = 0; h < hours; h++) {
        for (int i = 0; i < SIM_NODES; i++) {
            dev_wait(w->n[i].d, HOUR_MS);
        }
        w->pl->time_s += HOUR_MS / 1000u;
        printf("T %u\n", HOUR_MS);
        publish_tick(w);
        sim_pump(w);
        sim_release(w, 0);
    }
}

/* ---- questions --------------------------------------------------------------------------------------------- */

static void answer_with(sim *w, int n, pqi_object kind, const uint8_t *b, size_t len, sim_note note)
{
    (void)snprintf(m.topic, sizeof m.topic, "%s%s", PQI_TOPIC_ANSWER, sim_name(n));
    assert_true(len + PQI_ANSWER_HEAD <= sizeof m.b);
    memmove(m.b + PQI_ANSWER_HEAD, b, len);
    memset(m.b, 0, PQI_ANSWER_HEAD);
    m.b[0] = PQI_ANSWER_T;
    m.b[1] = (uint8_t)kind;
    m.len = len + PQI_ANSWER_HEAD;
    const long at = record(w, &m, n, note);
    if (at >= 0) {
        sim_publish(w, (size_t)at);
    }
}

static void answer_letter(sim *w, int n, pqi_object kind, int slot)
{
    if (w->newest[slot] >= 0) {
        const sim_letter *l = &w->tape[w->newest[slot]];
        answer_with(w, n, kind, l->b, l->len, l->note);
    }
}

static void answer_newest(sim *w, int n, const pqi_ask *q)
{
    const plane *p = w->pl;
    for (uint32_t v = q->root_version + 1u; v <= p->f->root_version; v++) {
        const sim_note r = {.kind = 'r', .root = v, .a = v};
        answer_with(w, n, PQI_OBJ_ROOT, w->roots[v].b, w->roots[v].len, r);
    }
    const int ours = q->root_version == p->f->root_version;
    if (!ours || q->head_epoch < p->epoch) {
        answer_letter(w, n, PQI_OBJ_HEAD, SIM_HEAD);
    }
    if (!ours || q->policy_seq < p->policy.seq) {
        answer_letter(w, n, PQI_OBJ_POLICY, SIM_POLICY);
    }
    if (!ours || q->rev_seq < p->n_log) {
        answer_letter(w, n, PQI_OBJ_REVOCATIONS, SIM_LOG);
    }
    answer_letter(w, n, PQI_OBJ_TICK, SIM_TICK);
}

void sim_plane_answer(sim *w, const sim_letter *question)
{
    static msg q;
    pqi_ask ask;
    const int n = question->from;
    if (pqi_ask_decode((pqi_cspan){question->b, question->len}, &ask) != PQI_OK) {
        printf("X %s asks what nobody understands\n", sim_name(n));
        return;
    }
    memcpy(q.b, question->b, question->len);
    q.len = question->len;
    if ((ask.want & PQI_ASK_NEWEST) != 0 || ask.head_epoch < w->pl->epoch) {
        answer_newest(w, n, &ask);
    }
    if ((ask.want & PQI_ASK_STATEMENT) != 0 && w->pl->epoch != 0) {
        plane_statement(w->pl, w->n[n].d, &q, &m);
        const long at = record(w, &m, n, note_of(w, 's', w->pl->epoch, true_tick(w), 0));
        if (at >= 0) {
            sim_publish(w, (size_t)at);
        }
    }
}

/* ---- thieves ------------------------------------------------------------------------------------------------- */

enum {
    THEFT_FAR,
    THEFT_TWIN,
    THEFT_PREV,
    THEFT_LESS,
    THEFT_TICKS,
    THEFT_TIME,
    THEFT_OLD_KEY,
    THEFT_OLD_ROOT,
    THEFTS
};

/* A head by somebody who has the key of heads: given to one node. */
void sim_plane_steal(sim *w, int node, uint64_t kind)
{
    plane *p = w->pl;
    pqi_head h;
    const uint64_t what = kind % THEFTS;
    const uint32_t root = p->f->root_version;
    pqi_key key = p->f->head != 0 ? p->f->head : FLEET_HEAD;
    if (what >= THEFT_OLD_KEY && root == 1) {
        return;
    }
    plane_fields(p, p->epoch + (what == THEFT_TWIN ? 0u : what == THEFT_FAR ? FAR / 2u : 1u), &h);
    sim_note n = note_of_head(w, h.tick_base);
    n.forged = 1;
    if (what == THEFT_TWIN) {
        memcpy(h.prev, p->head.prev, sizeof h.prev);
        h.time += 1;
        n.prev = w->tape[w->newest[SIM_HEAD]].note.prev;
    } else if (what == THEFT_PREV) {
        h.prev[0] ^= 1u;
        n.prev = -1;
    } else if (what == THEFT_LESS) {
        h.policy_seq = 0;
        memset(h.policy_hash, 0, sizeof h.policy_hash);
        h.rev_seq = 0;
    } else if (what == THEFT_TICKS) {
        h.tick_base += 1000000u;
    } else if (what == THEFT_TIME) {
        h.time += TEN_YEARS_S;
    } else if (
        what >=
        THEFT_OLD_KEY) { /* the key that was replaced: under the root of now, or under its own */
        key = root % 2u != 0 ? FLEET_HEAD_2 : FLEET_HEAD;
        n.kind = what == THEFT_OLD_KEY ? 'x' : 'h';
        h.root_version = what == THEFT_OLD_ROOT ? root - 1u : root;
        h.head_epoch = what == THEFT_OLD_ROOT ? FAR / 2u : h.head_epoch;
        n.root = h.root_version;
        h.policy_seq = h.rev_seq = 0;
        memset(h.policy_hash, 0, sizeof h.policy_hash);
    }
    if (h.head_epoch == 1) {
        memset(h.prev, 0, sizeof h.prev);
    }
    n.a = h.head_epoch;
    n.b = h.tick_base;
    n.c = h.policy_seq;
    n.d = h.rev_seq;
    w->stolen_head |= what < THEFT_OLD_KEY;
    plane_sign(p, key, &h, &m);
    const long at = record(w, &m, node, n);
    if (at >= 0) {
        sim_transmit(w, (size_t)at);
    }
}

/* Entries by somebody who has the revoker's key: of nobody, or of devices in good standing. */
void sim_plane_steal_revoker(sim *w, uint64_t kind, uint64_t more)
{
    pqi_revoked log[PLANE_LOG + 8u];
    const uint32_t own = kind % 2u != 0 ? 0 : w->pl->n_log;
    const uint32_t n = own + 1u + (uint32_t)(more % 6u);
    memcpy(log, w->pl->log, sizeof w->pl->log);
    for (uint32_t i = own; i < n; i++) {
        const uint32_t index = kind % 4u < 2u ? FOREIGN + i : 1u + (i - own) % SIM_NODES;
        log[i] = (pqi_revoked){index, UINT32_MAX, 1};
    }
    w->stolen = 1;
    fleet_revoke(w->pl->f, 0, log, n, &m);
    sim_note note = note_of(w, 'f', 0, n, 0);
    note.forged = 1;
    const long at = record(w, &m, -1, note);
    if (at >= 0) {
        sim_publish(w, (size_t)at);
    }
}

/* The answer to a theft: another root, another key of heads, everything anew; who is revoked stays so. */
void sim_plane_rotate(sim *w)
{
    plane *p = w->pl;
    fleet *f = p->f;
    if (f->root_version + 1u >= SIM_ROOTS) {
        return;
    }
    f->head = f->head == FLEET_HEAD_2 ? 0 : FLEET_HEAD_2;
    fleet_root(f, f->root_version + 1u);
    keep_root(w);
    p->tick_base += p->tick;
    p->tick = 0;
    p->epoch = 0;
    p->policy.seq = 0;
    memset(p->hash, 0, sizeof p->hash);
    w->stolen = 0;
    w->stolen_head = 0;
    w->head_id = 0;
    for (int k = 0; k < SIM_NEWEST; k++) {
        w->newest[k] = -1;
    }
    plane_root(p, &m);
    publish(w, &m, SIM_ROOT, note_of(w, 'r', f->root_version, 0, 0));
    sim_plane_policy(w, 0);
    publish_log(w, 0, PQI_TOPIC_REVOCATIONS, SIM_LOG);
}

/* ---- records, clocks ------------------------------------------------------------------------------------------- */

/* One of the control plane's records is gone, or that of the snapshot. */
void sim_plane_record(sim *w, int n, uint64_t which, int lose)
{
    sim_node *s = &w->n[n];
    const char *name = records[which % 4u];
    fake_slot *now = fake_nvm_find(&s->d->nvm, name);
    const fake_slot *old = s->has_snap && !lose ? fake_nvm_find(&s->snap, name) : NULL;
    if (now == NULL || (!lose && old == NULL)) {
        return;
    }
    printf("M %s %s %d\n", sim_name(n), name, lose);
    if (s->up) { /* in order, so that numbers of messages go on */
        pqi_endpoint_close(&s->d->ep);
    }
    for (unsigned k = 0; k < 2; k++) {
        fake_nvm_erase(&s->d->nvm, name, k);
        if (old != NULL && old->bytes[k] != NULL) {
            now->bytes[k] = malloc(old->len[k]);
            assert_non_null(now->bytes[k]);
            memcpy(now->bytes[k], old->bytes[k], old->len[k]);
            now->len[k] = old->len[k];
        }
    }
    sim_start(w, n, SIM_CLOSED);
}

void sim_plane_clock(sim *w, int n, uint64_t how)
{
    pqi_now *now = &w->n[n].d->now;
    const uint64_t to[] = {0, now->unix_s + TEN_YEARS_S, 1, now->unix_s + 86400u};
    now->unix_s = to[how % 4u];
}

/* ---- the judge's news -------------------------------------------------------------------------------------------- */

static const sim_letter *letter_of(const sim *w, const char *topic, const uint8_t *b, size_t len)
{
    const int answer = strncmp(topic, PQI_TOPIC_ANSWER, sizeof PQI_TOPIC_ANSWER - 1) == 0;
    for (size_t i = w->n_tape; i-- > 0;) {
        const sim_letter *l = &w->tape[i];
        if (l->kind == 'c' && l->len == len && strcmp(l->topic, topic) == 0 &&
            memcmp(l->b, b, len) == 0) {
            return l;
        }
        /* a head that a peer passes on */
        if (l->kind == 'c' && answer && len == l->len + PQI_ANSWER_HEAD &&
            memcmp(l->b, b + PQI_ANSWER_HEAD, l->len) == 0) {
            return l;
        }
    }
    return NULL;
}

void sim_plane_told(
    sim *w, int n, const char *topic, const uint8_t *b, size_t len, const char *outcome)
{
    const sim_letter *l = letter_of(w, topic, b, len);
    if (l != NULL) {
        const sim_note *o = &l->note;
        w->n[n].heard = o->kind == 't' && o->b > w->n[n].heard ? o->b : w->n[n].heard;
        printf("c %s %c %u %u %u %u %u %d %ld %ld %s\n", sim_name(n), o->kind, o->root, o->a, o->b,
            o->c, o->d, o->forged, o->id, o->prev, outcome);
    }
}

/* ---- the quiet period -------------------------------------------------------------------------------------------- */

static void again(sim *w, int slot)
{
    if (w->newest[slot] >= 0) {
        sim_transmit(w, (size_t)w->newest[slot]);
    }
}

/* The broker hands out what is retained, and answers pass. */
void sim_plane_calm(sim *w)
{
    for (int i = 0; i < SIM_NODES; i++) {
        w->n[i].withheld = 0;
    }
    if (w->stolen_head || w->stolen) {
        sim_plane_rotate(w);
    }
    again(w, SIM_ROOT);
    again(w, SIM_HEAD);
    again(w, SIM_POLICY);
    again(w, SIM_LOG);
    sim_plane_hours(w, 1);
}
