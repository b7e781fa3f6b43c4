/* SPDX-License-Identifier: Apache-2.0
 * Questions of devices and the answers to them. docs/spec/control-server.md section 5.
 *
 * Implementation notes. What was asked within one batch gets one signature: a statement over the Merkle
 * root of the nonces. Nothing of a question is authenticated, so answers are bounded in bytes, by device
 * and in total; a device that is not in the roster shares a budget with all the others that are not. */
#include "port/linux/control_int.h"

#include "base/wr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX  8u     /* parts of the log for one question */
#define ROOTS_MAX  4u     /* root versions for one question */
#define TOLD_EVERY 10000u /* ms between events about budgets */

/* ---- budgets ------------------------------------------------------------------------------------ */

typedef struct limit {
    uint32_t burst, rate;
} limit;

static void refill(pqi_control_bucket *b, limit l, uint64_t now_ms)
{
    b->at_ms = now_ms >= b->at_ms ? b->at_ms : now_ms; /* the clock went back */
    uint64_t passed = now_ms - b->at_ms;
    passed = passed < 1000000000u ? passed : 1000000000u; /* a new bucket begins full */
    uint64_t left = b->left + passed * l.rate / 1000u;
    if (passed * l.rate >= 1000u || passed > 1000u) {
        b->at_ms = now_ms;
        b->left = left < l.burst ? (uint32_t)left : l.burst;
    }
}

static int may_send(pqi_host_control *c, uint32_t position, size_t n)
{
    const pqi_control_budget *g = &c->cfg.budget;
    const uint64_t now = pqi_control_now_ms(c);
    const int known = position != UINT32_MAX;
    pqi_control_bucket *b = known ? &c->device[position] : &c->other;
    refill(&c->total, (limit){g->total_burst, g->total_rate}, now);
    refill(b,
        known ? (limit){g->device_burst, g->device_rate} : (limit){g->other_burst, g->other_rate},
        now);
    if (b->left < n || c->total.left < n) {
        return 0;
    }
    b->left -= (uint32_t)n;
    c->total.left -= (uint32_t)n;
    return 1;
}

/* ---- one answer --------------------------------------------------------------------------------- */

/* c->answer holds the body behind room for the head. */
static pqi_span body_room(pqi_host_control *c)
{
    return (pqi_span){c->answer + PQI_ANSWER_HEAD, PQI_CONTROL_ANSWER_MAX - PQI_ANSWER_HEAD};
}

static int send_body(
    pqi_host_control *c, const pqi_control_question *q, pqi_object kind, size_t len)
{
    char topic[sizeof PQI_TOPIC_ANSWER + PQI_ID_MAX];
    const size_t n = len + PQI_ANSWER_HEAD;
    if (!may_send(c, q->position, n)) {
        c->cut++;
        c->stats.over_budget++;
        c->spent = 1;
        return 0;
    }
    (void)snprintf(topic, sizeof topic, "%s%s", PQI_TOPIC_ANSWER, q->id);
    c->answer[0] = PQI_ANSWER_T;
    c->answer[1] = (uint8_t)kind;
    c->answer[2] = 0;
    c->answer[3] = 0;
    c->stats.bytes += n;
    if (c->cfg.io.publish != NULL) {
        c->cfg.io.publish(c->cfg.io.ctx, topic, (pqi_cspan){c->answer, n}, 0);
    }
    return 1;
}

static int send_bytes(
    pqi_host_control *c, const pqi_control_question *q, pqi_object kind, pqi_cspan bytes)
{
    pqi_span room = body_room(c);
    if (bytes.len == 0 || bytes.len > room.len) {
        return 0;
    }
    memcpy(room.ptr, bytes.ptr, bytes.len);
    return send_body(c, q, kind, bytes.len);
}

/* ---- objects of the store, read once ------------------------------------------------------------- */

static pqi_status fetch(pqi_host_control *c, const pqi_control_key *k, size_t *len)
{
    const pqi_span room = {c->object, PQI_MANIFEST_MAX};
    const int64_t root = k->root_version;
    const pqi_control_segment s = {k->number, k->until, k->quorum};
    pqi_cspan part;
    pqi_status st;
    switch (k->kind) {
    case PQI_OBJ_ROOT:
        return pqi_cdb_blob(c->db, room, len,
            "SELECT encoded FROM pqi_roots WHERE root_version = $1", "i", (int64_t)k->number);
    case PQI_OBJ_POLICY:
        return pqi_cdb_blob(c->db, room, len,
            "SELECT encoded FROM pqi_policies WHERE root_version = $1 AND seq = $2", "ii", root,
            (int64_t)k->number);
    case PQI_OBJ_ROSTER:
        return pqi_cdb_blob(c->db, room, len,
            "SELECT encoded FROM pqi_rosters WHERE root_version = $1 AND seq = $2", "ii", root,
            (int64_t)k->number);
    case PQI_OBJ_REVOCATIONS:
        st = pqi_control_segment_bytes(c, &s, &part);
        *len = part.len;
        return st;
    case PQI_OBJ_NONE:
    case PQI_OBJ_HEAD:
    case PQI_OBJ_TICK:
    case PQI_OBJ_STATEMENT:
    case PQI_OBJ_PATH:
    case PQI_OBJ_COUNT_:
    case PQI_OBJ_INT32_:
    default:
        return PQI_ERR_ARG;
    }
}

static int same_key(const pqi_control_key *x, const pqi_control_key *y)
{
    return x->kind == y->kind && x->root_version == y->root_version && x->number == y->number &&
           x->until == y->until && x->quorum == y->quorum;
}

pqi_cspan pqi_control_object(pqi_host_control *c, const pqi_control_key *k)
{
    size_t len = 0;
    for (size_t i = 0; i < PQI_CONTROL_CACHE; i++) {
        if (c->cache[i].bytes != NULL && same_key(&c->cache[i].key, k)) {
            return (pqi_cspan){c->cache[i].bytes, c->cache[i].len};
        }
    }
    uint8_t *copy = NULL;
    if (fetch(c, k, &len) == PQI_OK && len != 0) {
        copy = malloc(len);
    }
    if (copy == NULL) {
        return (pqi_cspan){NULL, 0};
    }
    memcpy(copy, c->object, len);
    pqi_control_cached *e = &c->cache[c->cache_next++ % PQI_CONTROL_CACHE];
    free(e->bytes);
    *e = (pqi_control_cached){*k, copy, len};
    return (pqi_cspan){copy, len};
}

void pqi_control_cache_free(pqi_host_control *c)
{
    for (size_t i = 0; i < PQI_CONTROL_CACHE; i++) {
        free(c->cache[i].bytes);
        c->cache[i].bytes = NULL;
    }
}

/* ---- what a device lacks ------------------------------------------------------------------------- */

/* Its numbers, as they count under our root version. */
typedef struct has {
    uint32_t root, head, tick, policy, rev, roster;
} has;

static has has_of(const pqi_host_control *c, const pqi_ask *q)
{
    has h = {q->root_version, 0, 0, 0, 0, 0};
    if (q->root_version == c->view.root_version) {
        h.head = q->head_epoch;
        h.tick = q->tick;
        h.policy = q->policy_seq;
        h.rev = q->rev_seq;
        h.roster = q->roster_seq;
    }
    return h;
}

static void send_object(
    pqi_host_control *c, const pqi_control_question *q, pqi_object kind, uint32_t number)
{
    const pqi_control_key k = {
        .kind = kind, .root_version = c->view.root_version, .number = number};
    if (!c->spent) {
        (void)send_bytes(c, q, kind, pqi_control_object(c, &k));
    }
}

static void send_revocations(pqi_host_control *c, const pqi_control_question *q, uint32_t have)
{
    const uint32_t goal = c->view.head.rev_seq;
    for (unsigned i = 0; i < PARTS_MAX && have < goal && !c->spent; i++) {
        const pqi_control_segment *s = pqi_control_segment_for(&c->view, have, goal);
        if (s == NULL) {
            return;
        }
        const pqi_control_key k = {
            PQI_OBJ_REVOCATIONS, c->view.root_version, s->from, s->until, s->quorum};
        if (!send_bytes(c, q, PQI_OBJ_REVOCATIONS, pqi_control_object(c, &k))) {
            return;
        }
        have = s->until;
    }
}

static void send_tick(pqi_host_control *c, const pqi_control_question *q, const has *h)
{
    pqi_tick t;
    uint64_t due = 0;
    uint8_t bytes[PQI_LOCAL_TICK_LEN];
    if (pqi_host_control_tick(c, &t, &due) == PQI_OK && (h->head != t.epoch || h->tick < t.i)) {
        size_t n = pqi_tick_write(&t, bytes);
        (void)send_bytes(c, q, PQI_OBJ_TICK, (pqi_cspan){bytes, n});
    }
}

/* In the order in which a device can take them. */
static void send_newest(pqi_host_control *c, const pqi_control_question *q)
{
    const pqi_control_view *v = &c->view;
    const has h = has_of(c, &q->ask);
    for (uint32_t r = h.root + 1, n = 0; r <= v->root_version && r != 0 && n < ROOTS_MAX;
         r++, n++) {
        send_object(c, q, PQI_OBJ_ROOT, r);
    }
    if (v->head.head_epoch == 0 || h.root > v->root_version) {
        return;
    }
    if (h.head < v->head.head_epoch) {
        (void)send_bytes(c, q, PQI_OBJ_HEAD, v->head.encoded);
    }
    if (h.policy < v->head.policy_seq) {
        send_object(c, q, PQI_OBJ_POLICY, v->head.policy_seq);
    }
    if (h.roster < v->head.roster_seq) {
        send_object(c, q, PQI_OBJ_ROSTER, v->head.roster_seq);
    }
    send_revocations(c, q, h.rev);
    send_tick(c, q, &h);
}

static void send_path(pqi_host_control *c, const pqi_control_question *q)
{
    if (q->position < c->leaves.n && c->leaves.tree.size != 0) {
        size_t len =
            pqi_control_tree_path(&c->leaves.tree, c->leaves.seq, q->position, body_room(c).ptr);
        (void)send_body(c, q, PQI_OBJ_PATH, len);
    }
}

/* ---- statements --------------------------------------------------------------------------------- */

typedef struct batch {
    pqi_control_tree tree;
    uint8_t encoded[PQI_STATEMENT_MAX];
    size_t len;
    uint32_t n;
    int64_t number; /* of the fleet's tick, when it was signed */
} batch;

static pqi_status nonce_tree(pqi_host_control *c, batch *b)
{
    uint8_t(*leaves)[PQI_HASH_LEN] = calloc(c->n_questions, PQI_HASH_LEN);
    if (leaves == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < c->n_questions && st == PQI_OK; i++) {
        const pqi_ask *q = &c->questions[i].ask;
        if ((q->want & PQI_ASK_STATEMENT) != 0) {
            st = pqi_nonce_leaf(&c->algs, q->nonce, q->kid, leaves[b->n++]);
        }
    }
    if (st == PQI_OK) {
        st = pqi_control_tree_build(&c->algs, &b->tree, leaves, b->n);
    }
    free(leaves);
    return st;
}

static pqi_status sign_batch(pqi_host_control *c, batch *b)
{
    const pqi_head *h = &c->view.head;
    pqi_statement s;
    int64_t at = 0;
    pqi_status st = nonce_tree(c, b);
    if (st != PQI_OK || b->n == 0) {
        return st;
    }
    const uint64_t now_ms = pqi_control_now_ms(c), now_s = now_ms / 1000u;
    memset(&s, 0, sizeof s);
    memcpy(s.fleet_id, h->fleet_id, sizeof s.fleet_id);
    s.root_version = h->root_version;
    s.head_epoch = h->head_epoch;
    s.tick = pqi_control_tick_due(c, now_ms);
    s.time = now_s > h->time ? now_s : h->time;
    s.size = b->n;
    memcpy(s.root, b->tree.nodes[b->tree.level[b->tree.levels - 1]], PQI_HASH_LEN);
    b->number = pqi_control_number(c, now_ms, &at);
    st = pqi_statement_build(&c->algs, c->provider, PQI_CONTROL_HANDLE, &s,
        (pqi_span){b->encoded, sizeof b->encoded}, &b->len);
    if (st == PQI_OK) {
        c->stats.signatures++;
    }
    return st == PQI_OK ? st : pqi_why_else(st, "cannot sign an answer: %s", pqi_status_text(st));
}

static int send_statement(
    pqi_host_control *c, const batch *b, const pqi_control_question *q, uint32_t position)
{
    uint8_t path[PQI_PATH_MAX];
    size_t len = 0;
    wr w = wr_of(body_room(c));
    wr_u16(&w, (uint16_t)b->len);
    wr_bytes(&w, (pqi_cspan){b->encoded, b->len});
    size_t n = pqi_control_tree_path(&b->tree, 0, position, path);
    wr_bytes(&w, (pqi_cspan){path, n});
    if (wr_done(&w, &len) != PQI_OK || !send_body(c, q, PQI_OBJ_STATEMENT, len)) {
        return 0;
    }
    c->stats.statements++;
    return 1;
}

/* ---- who asked ---------------------------------------------------------------------------------- */

/* Tick of the fleet that a device knows by its own word; -1: not to be told. */
static pqi_status known_by(pqi_host_control *c, const pqi_ask *q, int64_t *out)
{
    int64_t base = 0;
    *out = -1;
    if (q->head_epoch == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_cdb_int(c->db, &base,
        "SELECT tick_base FROM pqi_heads WHERE root_version = $1 AND head_epoch = $2", "ii",
        (int64_t)q->root_version, (int64_t)q->head_epoch);
    if (st == PQI_OK) {
        *out = base + q->tick;
    }
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status remember(
    pqi_host_control *c, const pqi_control_question *q, int answered, int64_t number)
{
    const pqi_ask *a = &q->ask;
    int64_t known = number;
    pqi_status st = answered ? PQI_OK : known_by(c, a, &known);
    if (st != PQI_OK) {
        return st;
    }
    return pqi_cdb_run(c->db,
        "INSERT INTO pqi_seen(device, root_version, head_epoch, tick, policy_seq, rev_seq,"
        " roster_seq, known, answered, at) VALUES($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " ON CONFLICT(device) DO UPDATE SET root_version = excluded.root_version,"
        " head_epoch = excluded.head_epoch, tick = excluded.tick,"
        " policy_seq = excluded.policy_seq, rev_seq = excluded.rev_seq,"
        " roster_seq = excluded.roster_seq, known = excluded.known,"
        " answered = excluded.answered, at = excluded.at",
        "tiiiiiiiii", pqi_control_str(q->id), (int64_t)a->root_version, (int64_t)a->head_epoch,
        (int64_t)a->tick, (int64_t)a->policy_seq, (int64_t)a->rev_seq, (int64_t)a->roster_seq,
        known, (int64_t)answered, pqi_control_now_s(c));
}

/* ---- batches ------------------------------------------------------------------------------------ */

/* Devices that are not in the roster leave no row: anybody can make up names. */
static pqi_status write_seen(pqi_host_control *c, const uint8_t *answered, int64_t number)
{
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st != PQI_OK) {
        return st;
    }
    for (uint32_t i = 0; i < c->n_questions && st == PQI_OK; i++) {
        if (c->questions[i].position != UINT32_MAX) {
            st = remember(c, &c->questions[i], answered[i], number);
        }
    }
    return pqi_cdb_end(c->db, st);
}

static void answer_all(pqi_host_control *c, const batch *b, uint8_t *answered)
{
    uint32_t leaf = 0;
    for (uint32_t i = 0; i < c->n_questions; i++) {
        const pqi_control_question *q = &c->questions[i];
        const int stated = (q->ask.want & PQI_ASK_STATEMENT) != 0;
        const uint64_t cut = c->cut;
        c->spent = 0;
        if ((q->ask.want & PQI_ASK_NEWEST) != 0) {
            send_newest(c, q);
        }
        if ((q->ask.want & PQI_ASK_PATH) != 0) {
            send_path(c, q);
        }
        if (stated && b->len != 0) {
            answered[i] = send_statement(c, b, q, leaf) && c->cut == cut;
        }
        leaf += stated ? 1u : 0u;
    }
}

static void tell_batch(pqi_host_control *c)
{
    const uint64_t now = pqi_control_now_ms(c);
    const pqi_control_event ev = {.kind = PQI_CONTROL_EV_BATCH, .number = c->n_questions};
    pqi_control_tell(c, &ev);
    if (c->cut != 0 && (c->cut_told_ms == 0 || now - c->cut_told_ms >= TOLD_EVERY)) {
        const pqi_control_event cut = {.kind = PQI_CONTROL_EV_BUDGET, .number = c->cut};
        c->cut = 0;
        c->cut_told_ms = now;
        pqi_control_tell(c, &cut);
    }
}

static pqi_status flush(pqi_host_control *c, uint8_t *answered)
{
    batch b;
    memset(&b, 0, sizeof b);
    pqi_status st = c->view.head.head_epoch != 0 ? sign_batch(c, &b) : PQI_OK;
    if (st == PQI_OK) {
        answer_all(c, &b, answered);
        c->stats.answered += c->n_questions;
        st = write_seen(c, answered, b.number);
        tell_batch(c);
    }
    pqi_control_tree_free(&b.tree);
    return st;
}

pqi_status pqi_host_control_flush(pqi_host_control *c, uint32_t *answered)
{
    pqi_why_clear();
    if (answered != NULL) {
        *answered = 0;
    }
    if (c == NULL || c->provider == NULL) {
        return pqi_why(PQI_ERR_STATE, "this needs the keys of the control plane");
    }
    if (c->n_questions == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_control_counter_follow(c); /* a statement names the head */
    if (st == PQI_OK) {
        st = pqi_control_clock_check(c);
    }
    uint8_t *done = st == PQI_OK ? calloc(c->n_questions, 1) : NULL;
    if (st == PQI_OK) {
        st = done != NULL ? flush(c, done) : pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    free(done);
    if (answered != NULL && st == PQI_OK) {
        *answered = c->n_questions;
    }
    c->n_questions = 0; /* who got no answer asks again */
    return st;
}

pqi_status pqi_host_control_ask(pqi_host_control *c, pqi_cspan in)
{
    pqi_ask q;
    if (c == NULL || c->provider == NULL) {
        return pqi_why(PQI_ERR_STATE, "this needs the keys of the control plane");
    }
    if (in.ptr == NULL || pqi_ask_decode(in, &q) != PQI_OK) {
        c->stats.malformed++;
        return PQI_OK;
    }
    c->stats.questions++;
    if (c->n_questions == c->cfg.batch_max) {
        c->stats.over_budget++;
        c->cut++;
        return PQI_OK;
    }
    pqi_control_question *e = &c->questions[c->n_questions];
    memset(e, 0, sizeof *e);
    memcpy(e->id, q.id.ptr, q.id.len); /* at most PQI_ID_MAX: pqi_ask_decode() */
    e->ask = q;
    e->ask.id = (pqi_cspan){(const uint8_t *)e->id, q.id.len};
    e->position = pqi_control_leaf_find(&c->leaves, e->ask.id);
    if (c->n_questions++ == 0) {
        c->batch_due_ms = pqi_control_now_ms(c) + c->cfg.batch_ms;
    }
    return PQI_OK;
}

/* Milliseconds until the batch is due; 0: it is; UINT32_MAX: nobody asked. */
uint32_t pqi_control_flush_wait(const pqi_host_control *c, uint64_t now_ms)
{
    if (c->n_questions == 0) {
        return UINT32_MAX;
    }
    if (c->n_questions == c->cfg.batch_max || now_ms >= c->batch_due_ms ||
        c->batch_due_ms - now_ms > c->cfg.batch_ms) { /* the clock went back */
        return 0;
    }
    return (uint32_t)(c->batch_due_ms - now_ms);
}

pqi_control_stats pqi_host_control_get_stats(const pqi_host_control *c)
{
    static const pqi_control_stats none;
    return c != NULL ? c->stats : none;
}
