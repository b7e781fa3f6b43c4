/* SPDX-License-Identifier: Apache-2.0
 * The message chain, docs/spec/chain.md. Section numbers are those of that document. */
#include "session/chain.h"

#include "base/mem.h"

#include <pqi/wipe.h>

#include <stdbool.h>

#define LABEL     "PQI4 chain"
#define LABEL_LEN (sizeof LABEL - 1u)

/* Section 2: one purpose for each use. The last level of a tree has its own two. */
typedef enum purpose { NODE_0 = 0, NODE_1 = 1, NEXT = 2, ROOT = 3, KEY_0 = 4, KEY_1 = 5 } purpose;

#define USED        UINT32_C(0x80000000)
#define LEVEL_SHIFT 24u
#define FIRST_MASK  UINT32_C(0xfffff)
#define LATE        UINT32_MAX /* in place of next: a trial of late nodes */
_Static_assert(PQI_CHAIN_N_MAX - 1u == FIRST_MASK, "a number fits into an id");
_Static_assert(
    LABEL_LEN + 1u + PQI_CHAIN_KEY <= 55u, "section 2: one block of SHA-256 with padding");

const pqi_chain_profile pqi_chain_tiny = {10, 4, 128};
const pqi_chain_profile pqi_chain_std = {12, 16, 128};
const pqi_chain_profile pqi_chain_gateway = {12, 64, 512};

/* Section 2: out = SHA-256(label || purpose || k). out may be k. */
static pqi_status prf(const pqi_classic *c, purpose p, const uint8_t *k, uint8_t *out)
{
    uint8_t block[LABEL_LEN + 1u + PQI_CHAIN_KEY];
    memcpy(block, LABEL, LABEL_LEN);
    block[LABEL_LEN] = (uint8_t)p;
    memcpy(block + LABEL_LEN + 1u, k, PQI_CHAIN_KEY);
    const pqi_cspan part = {block, sizeof block};
    pqi_status st = c->hash(PQI_HASH_SHA256, &part, 1, out);
    pqi_wipe(block, sizeof block);
    return st;
}

/* The child, left (0) or right (1), of a node of level `level` >= 1. */
static pqi_status child(
    const pqi_classic *c, const uint8_t *k, uint32_t level, uint32_t right, uint8_t *out)
{
    purpose left = level == 1u ? KEY_0 : NODE_0;
    return prf(c, right != 0 ? (purpose)(left + 1u) : left, k, out);
}

static bool depth_ok(uint32_t depth)
{
    return depth == 10u || depth == 12u;
}

/* Superblocks begun before number `next`; sk is the key of the one of this index. */
static uint32_t begun(uint32_t depth, uint32_t next)
{
    return (next + (1u << depth) - 1u) >> depth;
}

/* --- sender, section 3 --- */

pqi_status pqi_chain_send_start(const pqi_chain_send *s, const uint8_t ck[PQI_CHAIN_KEY])
{
    if (!depth_ok(s->depth)) {
        return PQI_ERR_ARG;
    }
    memcpy(s->head->sk, ck, PQI_CHAIN_KEY);
    s->head->next = 0;
    pqi_wipe(s->key, s->depth * sizeof *s->key);
    return PQI_OK;
}

/* From k, of level `level`, down its left edge: right children to s->key, the leaf to k. Of these slots
 * none is in use. */
static pqi_status left_edge(
    const pqi_classic *c, const pqi_chain_send *s, uint32_t level, uint8_t *k)
{
    pqi_status st = PQI_OK;
    for (uint32_t up = level; up > 0 && st == PQI_OK; up--) {
        st = child(c, k, up, 1, s->key[up - 1u]);
        if (st == PQI_OK) {
            st = child(c, k, up, 0, k);
        }
    }
    if (st != PQI_OK) {
        pqi_wipe(s->key, level * sizeof *s->key);
    }
    return st;
}

pqi_status pqi_chain_send_next(
    const pqi_classic *c, const pqi_chain_send *s, uint32_t *n, uint8_t key[PQI_CHAIN_KEY])
{
    struct {
        uint8_t sk[PQI_CHAIN_KEY], k[PQI_CHAIN_KEY];
    } w;
    memset(key, 0, PQI_CHAIN_KEY);
    const uint32_t next = s->head->next;
    if (next >= PQI_CHAIN_N_MAX) {
        return PQI_ERR_LIMIT;
    }
    uint32_t level = 0;
    pqi_status st = PQI_OK;
    const bool begins = next % (1u << s->depth) == 0;
    if (begins) {
        level = s->depth;
        st = prf(c, ROOT, s->head->sk, w.k);
        if (st == PQI_OK) {
            st = prf(c, NEXT, s->head->sk, w.sk);
        }
    } else {
        while ((next >> level & 1u) == 0) {
            level++; /* below depth: a lower bit of next is set */
        }
        memcpy(w.k, s->key[level], PQI_CHAIN_KEY);
    }
    if (st == PQI_OK) {
        st = left_edge(c, s, level, w.k);
    }
    if (st != PQI_OK) {
        goto out;
    }
    if (begins) {
        memcpy(s->head->sk, w.sk, PQI_CHAIN_KEY);
    } else {
        pqi_wipe(s->key[level], PQI_CHAIN_KEY);
    }
    memcpy(key, w.k, PQI_CHAIN_KEY);
    *n = next;
    s->head->next = next + 1u;
out:
    pqi_wipe(&w, sizeof w);
    return st;
}

/* --- receiver: looking, section 4 --- */

static uint32_t nodes_of(const pqi_chain_profile *p)
{
    return PQI_CHAIN_NODES((uint32_t)p->depth, (uint32_t)p->cap);
}

static uint32_t level_of(uint32_t id)
{
    return id >> LEVEL_SHIFT & 15u;
}

static uint32_t id_of(uint32_t level, uint32_t first)
{
    return USED | level << LEVEL_SHIFT | first;
}

static bool has(uint32_t id, uint32_t n)
{
    return id != 0 && (n ^ (id & FIRST_MASK)) >> level_of(id) == 0;
}

uint32_t pqi_chain_low(const pqi_chain_profile *p, uint32_t next)
{
    uint32_t low = next > p->horizon ? next - p->horizon : 0;
    return low - low % PQI_CHAIN_GRAIN;
}

pqi_status pqi_chain_recv_start(const pqi_chain_recv *r, const uint8_t ck[PQI_CHAIN_KEY])
{
    const pqi_chain_profile *p = r->profile;
    if (!depth_ok(p->depth) || p->cap == 0 || p->cap > PQI_CHAIN_CAP_MAX || p->horizon == 0 ||
        p->horizon % PQI_CHAIN_GRAIN != 0 || p->horizon >= (1u << p->depth) - PQI_CHAIN_GRAIN) {
        return PQI_ERR_ARG;
    }
    memcpy(r->head->sk, ck, PQI_CHAIN_KEY);
    r->head->next = 0;
    pqi_wipe(r->node, nodes_of(p) * sizeof *r->node);
    return PQI_OK;
}

/* Section 4, step 3: the superblock of t->n, which is not begun: its root to path[depth]. */
static pqi_status jump(const pqi_classic *c, const pqi_chain_recv *r, pqi_chain_try *t)
{
    const uint32_t depth = r->profile->depth;
    t->top = depth;
    t->steps = (t->n >> depth) - begun(depth, t->next) + 1u;
    memcpy(t->at, r->head->sk, PQI_CHAIN_KEY);
    for (uint32_t i = 1; i < t->steps; i++) {
        memcpy(t->before, t->at, PQI_CHAIN_KEY);
        pqi_status st = prf(c, NEXT, t->at, t->at);
        if (st != PQI_OK) {
            return st;
        }
    }
    return prf(c, ROOT, t->at, t->path[depth]);
}

/* The nodes of a receiver, or those that are left of one. */
typedef struct table {
    const pqi_chain_node *node;
    uint32_t count;
} table;

static table table_of(const pqi_chain_recv *r)
{
    return (table){r->node, nodes_of(r->profile)};
}

/* Section 4, step 2: the held node over n, null if there is none. */
static const pqi_chain_node *held_over(table of, uint32_t n)
{
    for (uint32_t i = 0; i < of.count && of.node[i].id != 0; i++) {
        if (has(of.node[i].id, n)) {
            return &of.node[i];
        }
    }
    return NULL;
}

static pqi_status find(table of, pqi_chain_try *t)
{
    const pqi_chain_node *held = held_over(of, t->n);
    if (held == NULL) {
        return PQI_ERR_REPLAY;
    }
    t->top = level_of(held->id);
    memcpy(t->path[t->top], held->key, PQI_CHAIN_KEY);
    return PQI_OK;
}

/* Whether a trial still fits: nothing above its number was taken since. One that is all zero does not:
 * no node covers 0 before the first jump, and none is held over what was taken. */
static bool still_fits(table of, const pqi_chain_try *t)
{
    const pqi_chain_node *held = held_over(of, t->n);
    return t->steps != 0 ? held == NULL : held != NULL && level_of(held->id) == t->top;
}

/* From path[top] down to the key of t->n. */
static pqi_status descend(const pqi_classic *c, pqi_chain_try *t)
{
    pqi_status st = PQI_OK;
    for (uint32_t up = t->top; up > 0 && st == PQI_OK; up--) {
        st = child(c, t->path[up], up, t->n >> (up - 1u) & 1u, t->path[up - 1u]);
    }
    return st;
}

pqi_status pqi_chain_recv_peek(
    const pqi_classic *c, const pqi_chain_recv *r, uint32_t n, pqi_chain_try *t)
{
    const uint32_t depth = r->profile->depth;
    const uint32_t next = r->head->next;
    memset(t, 0, sizeof *t);
    if (n >= PQI_CHAIN_N_MAX || (n > next && n - next > PQI_CHAIN_STEPS_MAX << depth)) {
        return PQI_ERR_LIMIT;
    }
    t->n = n;
    t->next = next;
    pqi_status st = n >> depth < begun(depth, next) ? find(table_of(r), t) : jump(c, r, t);
    if (st == PQI_OK) {
        st = descend(c, t);
    }
    if (st != PQI_OK) {
        pqi_wipe(t, sizeof *t);
    }
    return st;
}

void pqi_chain_discard(pqi_chain_try *t)
{
    pqi_wipe(t, sizeof *t);
}

/* --- receiver: taking, section 4 --- */

/* The new nodes as they come, in order of falling numbers. */
typedef struct stage {
    const pqi_classic *c;
    pqi_chain_node *node;
    uint32_t count, cap;
    uint32_t left_over; /* how many of them lie below next */
    uint32_t next, low;
    bool closed; /* there is nothing from next on */
} stage;

/* Whether a node that begins at `first` would be kept: later ones are all older. */
static bool keeps(const stage *g, uint32_t level, uint32_t first)
{
    if (first >= g->next) {
        return !g->closed;
    }
    return (g->left_over < g->cap && first + (1u << level) > g->low);
}

static void put(stage *g, uint32_t level, uint32_t first, const uint8_t *key)
{
    if (!keeps(g, level, first)) {
        return;
    }
    g->left_over += first < g->next;
    pqi_chain_node *to = &g->node[g->count++];
    memcpy(to->key, key, PQI_CHAIN_KEY);
    to->id = id_of(level, first);
}

/* Section 4, step 6: a node without what lies behind the horizon. Wipes k. */
static pqi_status put_above_low(stage *g, uint32_t level, uint32_t first, uint8_t *k)
{
    uint8_t right[PQI_CHAIN_KEY];
    pqi_status st = PQI_OK;
    bool kept = keeps(g, level, first);
    while (kept && first < g->low && st == PQI_OK) {
        const uint32_t half = 1u << (level - 1u); /* level >= 5: low is a multiple of 16 */
        st = child(g->c, k, level, 1, right);
        if (st != PQI_OK) {
            break;
        }
        if (g->low >= first + half) {
            memcpy(k, right, PQI_CHAIN_KEY);
            first += half;
        } else {
            put(g, level - 1u, first + half, right);
            st = child(g->c, k, level, 0, k);
        }
        level--;
        kept = keeps(g, level, first);
    }
    if (kept && st == PQI_OK) {
        put(g, level, first, k);
    }
    pqi_wipe(right, sizeof right);
    pqi_wipe(k, PQI_CHAIN_KEY);
    return st;
}

/* Section 4, step 5: the siblings of the path, which cover all of the found node but n itself. */
static pqi_status put_siblings(stage *g, const pqi_chain_try *t)
{
    uint8_t k[PQI_CHAIN_KEY];
    pqi_status st = PQI_OK;
    for (uint32_t up = t->top; up > 0 && st == PQI_OK; up--) {
        const uint32_t level = up - 1u;
        const uint32_t first = ((t->n >> level) + 1u) << level;
        if ((t->n >> level & 1u) == 0 && keeps(g, level, first)) {
            st = child(g->c, t->path[up], up, 1, k);
            if (st == PQI_OK) {
                put(g, level, first, k);
            }
        }
    }
    for (uint32_t level = 0; level < t->top && st == PQI_OK; level++) {
        const uint32_t first = ((t->n >> level) - 1u) << level;
        if ((t->n >> level & 1u) == 1 && keeps(g, level, first)) {
            st = child(g->c, t->path[level + 1u], level + 1u, 0, k);
            if (st == PQI_OK) {
                st = put_above_low(g, level, first, k);
            }
        }
    }
    pqi_wipe(k, sizeof k);
    return st;
}

/* Section 4, step 5, after a jump: n's superblock and the one before it, if that was not begun. Older
 * ones lie behind the horizon. */
static pqi_status put_begun(stage *g, const pqi_chain_recv *r, const pqi_chain_try *t)
{
    const uint32_t depth = r->profile->depth;
    pqi_status st = put_siblings(g, t);
    const uint32_t first = t->steps > 1u ? ((t->n >> depth) - 1u) << depth : 0;
    if (st == PQI_OK && t->steps > 1u && keeps(g, depth, first)) {
        uint8_t k[PQI_CHAIN_KEY];
        st = prf(g->c, ROOT, t->before, k);
        if (st == PQI_OK) {
            st = put_above_low(g, depth, first, k);
        }
        pqi_wipe(k, sizeof k);
    }
    return st;
}

/* Section 4, steps 5 and 6, over the nodes that are held. */
static pqi_status put_held(stage *g, table of, const pqi_chain_try *t)
{
    uint8_t k[PQI_CHAIN_KEY];
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < of.count && of.node[i].id != 0 && st == PQI_OK; i++) {
        const pqi_chain_node *held = &of.node[i];
        if (has(held->id, t->n)) {
            st = put_siblings(g, t);
        } else {
            memcpy(k, held->key, PQI_CHAIN_KEY);
            st = put_above_low(g, level_of(held->id), held->id & FIRST_MASK, k);
        }
    }
    pqi_wipe(k, sizeof k);
    return st;
}

/* Puts the staged nodes in place of all others. Unused ones stay zero. */
static void replace(pqi_chain_node *node, uint32_t count, const stage *g)
{
    memcpy(node, g->node, g->count * sizeof *node);
    for (uint32_t i = g->count; i < count && node[i].id != 0; i++) {
        pqi_wipe(&node[i], sizeof node[i]);
    }
}

pqi_status pqi_chain_recv_commit(const pqi_classic *c, const pqi_chain_recv *r, pqi_chain_try *t)
{
    pqi_status st = PQI_ERR_STATE;
    stage g = {.c = c, .node = r->stage, .cap = r->profile->cap};
    if (t->next != r->head->next || !still_fits(table_of(r), t)) {
        goto out;
    }
    g.next = t->n >= t->next ? t->n + 1u : t->next;
    g.low = pqi_chain_low(r->profile, g.next);
    st = t->steps != 0 ? put_begun(&g, r, t) : PQI_OK;
    if (st == PQI_OK) {
        st = put_held(&g, table_of(r), t);
    }
    if (st == PQI_OK && t->steps != 0) {
        st = prf(c, NEXT, t->at, t->at);
    }
    if (st != PQI_OK) {
        goto out;
    }
    /* Nothing fails from here on. */
    replace(r->node, nodes_of(r->profile), &g);
    r->head->next = g.next;
    if (t->steps != 0) {
        memcpy(r->head->sk, t->at, PQI_CHAIN_KEY);
    }
out:
    pqi_wipe(g.node, g.count * sizeof *g.node);
    pqi_wipe(t, sizeof *t);
    return st;
}

/* --- the end of an epoch, section 4 --- */

/* The path to number `count`, which was not sent: what lies left of it is what is missing. It may lie
 * behind the epoch's last number: then all begun nodes are, and nothing of its own superblock stays. */
static pqi_status path_to_end(
    const pqi_classic *c, const pqi_chain_recv *r, uint32_t count, pqi_chain_try *t)
{
    const uint32_t depth = r->profile->depth;
    t->n = count;
    t->next = r->head->next;
    pqi_status st = PQI_OK;
    if (count >> depth >= begun(depth, t->next)) {
        st = jump(c, r, t);
    } else {
        st = find(table_of(r), t);
    }
    return st == PQI_OK ? descend(c, t) : st;
}

pqi_status pqi_chain_recv_close(
    const pqi_classic *c, const pqi_chain_recv *r, uint32_t count, const pqi_chain_late *late)
{
    const uint32_t next = r->head->next;
    if (count < next || count > PQI_CHAIN_N_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_chain_try t = {0};
    stage g = {.c = c, .node = late->stage, .cap = late->cap, .next = count, .closed = true};
    g.low = pqi_chain_low(r->profile, count);
    pqi_status st = PQI_OK;
    if (count - next > PQI_CHAIN_STEPS_MAX << r->profile->depth) {
        goto out; /* given up: table stays empty */
    }
    st = path_to_end(c, r, count, &t);
    if (st == PQI_OK && t.steps != 0) {
        st = put_begun(&g, r, &t);
    }
    if (st == PQI_OK) {
        st = put_held(&g, table_of(r), &t);
    }
out:
    if (st == PQI_OK) {
        replace(late->node, late->cap, &g);
    }
    pqi_wipe(g.node, g.count * sizeof *g.node);
    pqi_wipe(&t, sizeof t);
    return st;
}

pqi_status pqi_chain_late_peek(
    const pqi_classic *c, const pqi_chain_late *l, uint32_t n, pqi_chain_try *t)
{
    memset(t, 0, sizeof *t);
    t->n = n;
    t->next = LATE;
    pqi_status st = n < PQI_CHAIN_N_MAX ? find((table){l->node, l->cap}, t) : PQI_ERR_REPLAY;
    if (st == PQI_OK) {
        st = descend(c, t);
    }
    if (st != PQI_OK) {
        pqi_wipe(t, sizeof *t);
    }
    return st;
}

pqi_status pqi_chain_late_commit(const pqi_classic *c, const pqi_chain_late *l, pqi_chain_try *t)
{
    const table of = {l->node, l->cap};
    stage g = {.c = c, .node = l->stage, .cap = l->cap, .next = PQI_CHAIN_N_MAX};
    pqi_status st = t->next == LATE && still_fits(of, t) ? put_held(&g, of, t) : PQI_ERR_STATE;
    if (st == PQI_OK) {
        replace(l->node, l->cap, &g);
    }
    pqi_wipe(g.node, g.count * sizeof *g.node);
    pqi_wipe(t, sizeof *t);
    return st;
}
