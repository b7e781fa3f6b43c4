/* SPDX-License-Identifier: Apache-2.0
 * The software provider: durable changes, and what they are worth after a restart.
 *
 * Without an element that counts, keys and counters are saved each for themselves. With one, the saved
 * keys carry a generation k, the saved counters k and a generation g, and the element has g too, where
 * nobody sets it back (docs/spec/provider-files.md section 8):
 *
 *   keys change      write keys (k'), write counters (k', g+1), element to g+1
 *   counters change                   write counters (k, g+1), element to g+1
 *   settle           as a keys change, with a k' of its own
 *
 * Cut off between two of these, the files are one step ahead of what follows, and loading finishes the
 * change. Files that are behind were put back. A change that fails is not over either, as nobody knows
 * whether a write or a count that was reported as failed took place: `unsettled` is set, the files get
 * the old content under the new numbers (which fits either way), and the next change settles it first.
 *
 * What a start finds may not be all that was written one step ahead: whoever owns disk and power keeps what
 * a change that he cut off wrote, and starts from the files of before it. So the first change after a start
 * settles too: it uses up the numbers of all that was left behind, and what is done then has them alone. */
#include "hal/soft.h"

/* What wrote the keys: the low two bits of k. So keys of a change that failed or was cut off never have the
 * number of those that it was settled with. */
typedef enum soft_step { SAME = 0, CHANGED = 1, SETTLED = 2 } soft_step;

static uint64_t step_of(uint64_t k)
{
    return k >> 2;
}

static uint64_t next_k(uint64_t k, soft_step what)
{
    return what == SAME ? k : (step_of(k) + 1u) << 2 | (uint64_t)what;
}

static bool counts(const pqi_soft *s)
{
    return (pqi_soft_element_caps(&s->cfg) & PQI_CAP_NO_ROLLBACK) != 0;
}

static pqi_status read_generation(soft_op *op, uint64_t *g)
{
    const pqi_element *e = op->s->cfg.element;
    *g = 0;
    return pqi_soft_note(op, SOFT_ELEMENT, e->generation(e->arg, g));
}

static pqi_status advance(soft_op *op, uint64_t g)
{
    const pqi_element *e = op->s->cfg.element;
    return pqi_soft_note(op, SOFT_ELEMENT, e->advance(e->arg, g));
}

/* Writes what is in memory, with `values` as the counters. SAME: the keys stay as they are. */
static pqi_status commit(soft_op *op, const uint64_t *values, soft_step what)
{
    pqi_soft *s = op->s;
    uint64_t k = next_k(s->keys_gen, what), g = s->generation + 1u;
    pqi_status st = PQI_OK;
    s->unsettled = 1;
    s->asked = 0;
    if (what != SAME) {
        st = pqi_soft_write_keys(op, k);
    }
    if (st == PQI_OK) {
        st = pqi_soft_write_counters(op, values, k, g);
    }
    if (st == PQI_OK) {
        s->keys_next = k;
        s->asked = 1;
        st = advance(op, g);
    }
    if (st == PQI_OK) {
        s->keys_gen = k;
        s->generation = g;
        s->unsettled = 0;
    }
    return st;
}

pqi_status pqi_soft_settle(soft_op *op)
{
    pqi_soft *s = op->s;
    uint64_t g = 0;
    if (s->unsettled == 0) {
        return PQI_OK;
    }
    pqi_status st = read_generation(op, &g);
    if (st != PQI_OK) {
        return st;
    }
    if (s->asked != 0 &&
        g == s->generation + 1u) { /* the element did count before it said that it failed */
        s->generation = g;
        s->keys_gen = s->keys_next;
    }
    if (g != s->generation) {
        return g > s->generation ? PQI_ERR_ROLLBACK : PQI_ERR_STORAGE;
    }
    return commit(op, s->counters, SETTLED);
}

pqi_status pqi_soft_store_keys(soft_op *op)
{
    return counts(op->s) ? commit(op, op->s->counters, CHANGED) : pqi_soft_write_keys(op, 0);
}

pqi_status pqi_soft_store_counters(soft_op *op, const uint64_t *values)
{
    return counts(op->s) ? commit(op, values, SAME) : pqi_soft_write_counters(op, values, 0, 0);
}

bool pqi_soft_undo(soft_op *op, bool keys)
{
    const pqi_soft *s = op->s;
    pqi_status st = PQI_OK;
    if (keys && s->cfg.element != NULL) {
        st = pqi_soft_write_keys(op, next_k(s->keys_gen, CHANGED));
    } else if (!keys && counts(s)) {
        st = pqi_soft_write_counters(op, s->counters, s->keys_gen, s->generation + 1u);
    }
    return st == PQI_OK;
}

/* The generation of the first keys is the element's next: keys without counters are believed only until
 * the element moves. */
pqi_status pqi_soft_birth(soft_op *op)
{
    pqi_soft *s = op->s;
    pqi_status st = PQI_OK;
    if (counts(s)) {
        st = read_generation(op, &s->generation);
        s->keys_gen = s->generation << 2;
        return st == PQI_OK ? commit(op, s->counters, CHANGED) : st;
    }
    st = pqi_soft_write_keys(op, 0);
    return st == PQI_OK ? pqi_soft_write_counters(op, s->counters, 0, 0) : st;
}

/* No counters were saved yet: good only before the element was ever moved by this provider. */
static pqi_status join_fresh(soft_op *op, uint64_t k, uint64_t now)
{
    pqi_soft *s = op->s;
    if (k != next_k(now << 2, CHANGED)) {
        return PQI_ERR_ROLLBACK;
    }
    s->keys_gen = k;
    s->generation = now;
    return commit(op, s->counters, SAME);
}

static pqi_status join(soft_op *op, uint64_t k, bool fresh)
{
    pqi_soft *s = op->s;
    uint64_t now = 0;
    pqi_status st = read_generation(op, &now);
    if (st != PQI_OK) {
        return st;
    }
    if (fresh) {
        return join_fresh(op, k, now);
    }
    uint64_t ahead = step_of(k) - step_of(s->keys_gen);
    if (s->generation < now || k < s->keys_gen || (ahead == 0 && k != s->keys_gen)) {
        return PQI_ERR_ROLLBACK;
    }
    if (s->generation - now > 1u || ahead > 1u) {
        return PQI_ERR_STORAGE;
    }
    if (s->generation != now) {
        st = advance(op, s->generation);
    }
    if (st == PQI_OK && k != s->keys_gen) {
        s->keys_gen = k;
        st = commit(op, s->counters, SAME);
    }
    return st;
}

pqi_status pqi_soft_join(soft_op *op, uint64_t k, bool fresh)
{
    pqi_soft *s = op->s;
    if (!counts(s)) {
        return fresh ? pqi_soft_write_counters(op, s->counters, 0, 0) : PQI_OK;
    }
    pqi_status st = join(op, k, fresh);
    s->unsettled = 1;
    s->asked = 0;
    return st;
}
