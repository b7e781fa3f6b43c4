/* SPDX-License-Identifier: Apache-2.0
 * The two hash chains of a control plane: tokens of a root version's heads, ticks of one head. Their
 * seeds are sealed by the provider and stored; the values live in protected memory, one for every
 * PQI_CONTROL_TOKEN_STEP tokens and PQI_CONTROL_TICK_STEP ticks, so that the next one costs fewer
 * hashes than that. */
#include "port/linux/control_int.h"

#include <pqi/wipe.h>

#include <string.h>

static const pqi_cspan label_tokens = {PQI_LIT("control tokens")};
static const pqi_cspan label_ticks = {PQI_LIT("control ticks")};

static uint64_t generation(uint32_t root_version, uint32_t epoch)
{
    return (uint64_t)root_version << 32 | epoch;
}

/* Checkpoint k - 1 of a chain of n values is value min(step * k, n). */
static uint32_t checkpoint_at(uint32_t k, uint32_t step, uint32_t n)
{
    return (uint64_t)step * k < n ? step * k : n;
}

typedef struct chain {
    pqi_chain_kind kind;
    uint32_t step, n;
    uint8_t (*cps)[PQI_HASH_LEN];
} chain;

/* The seed is the last value; from there down. */
static pqi_status fill(const pqi_algs *a, const chain *x, const uint8_t seed[PQI_HASH_LEN])
{
    uint32_t k = (x->n + x->step - 1) / x->step;
    memcpy(x->cps[k - 1], seed, PQI_HASH_LEN);
    for (; k > 1; k--) {
        uint32_t from = checkpoint_at(k, x->step, x->n), to = x->step * (k - 1);
        pqi_status st = pqi_hash_steps(a, x->kind, x->cps[k - 1], from - to, x->cps[k - 2]);
        if (st != PQI_OK) {
            return st;
        }
    }
    return PQI_OK;
}

/* Value i, 1..n. */
static pqi_status value(const pqi_algs *a, const chain *x, uint32_t i, uint8_t out[PQI_HASH_LEN])
{
    uint32_t k = (i + x->step - 1) / x->step;
    return pqi_hash_steps(a, x->kind, x->cps[k - 1], checkpoint_at(k, x->step, x->n) - i, out);
}

static chain tokens_of(pqi_control_chains *c)
{
    chain x = {PQI_CHAIN_TOKEN, PQI_CONTROL_TOKEN_STEP, c->tokens, c->token};
    return x;
}

static chain ticks_of(pqi_control_chains *c)
{
    chain x = {PQI_CHAIN_TICK, PQI_CONTROL_TICK_STEP, c->tick_count, c->tick};
    return x;
}

static pqi_status unseal(pqi_host_control *c, pqi_cspan label, uint64_t g, pqi_cspan sealed)
{
    pqi_status st = PQI_ERR_AUTH;
    if (sealed.len == PQI_CONTROL_SEALED) {
        st = pqi_provider_unseal(
            c->provider, label, g, sealed, (pqi_span){c->chains->seed, PQI_HASH_LEN});
    }
    return st == PQI_OK
               ? st
               : pqi_why(st, "the seeds in the store were sealed by other keys: servers of "
                             "one store need copies of one keys directory");
}

/* ---- tokens ------------------------------------------------------------------------------------- */

static pqi_status make_tokens(pqi_host_control *c, uint32_t root_version)
{
    uint8_t sealed[PQI_CONTROL_SEALED];
    pqi_span seed = {c->chains->seed, PQI_HASH_LEN};
    pqi_status st = pqi_provider_random(c->provider, seed);
    if (st == PQI_OK) {
        st = pqi_provider_seal(c->provider, label_tokens, generation(root_version, 0),
            (pqi_cspan){seed.ptr, seed.len}, (pqi_span){sealed, sizeof sealed});
    }
    if (st == PQI_OK) {
        c->chains->tokens = c->cfg.tokens;
        st = pqi_cdb_run(c->db,
            "INSERT INTO pqi_tokens(root_version, heads, sealed) VALUES($1, $2, $3)", "iib",
            (int64_t)root_version, (int64_t)c->cfg.tokens, (pqi_cspan){sealed, sizeof sealed});
    }
    return st;
}

static pqi_status read_tokens(pqi_host_control *c, uint32_t root_version)
{
    pqi_cdb_rows r;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT heads, sealed FROM pqi_tokens WHERE root_version = $1", "i", (int64_t)root_version);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        c->chains->tokens = pqi_cdb_col_u32(&r, 0);
        st = c->chains->tokens < 1 || c->chains->tokens > PQI_CONTROL_TOKENS_MAX
                 ? pqi_why(PQI_ERR_STORAGE, "the store is damaged: a chain of impossible length")
                 : unseal(c, label_tokens, generation(root_version, 0), pqi_cdb_col(&r, 1));
    }
    pqi_cdb_done(&r);
    return st;
}

pqi_status pqi_control_tokens_load(pqi_host_control *c)
{
    uint32_t root_version = c->view.root_version;
    if (c->chains->token_root == root_version) {
        return PQI_OK;
    }
    c->chains->token_root = 0;
    pqi_status st = read_tokens(c, root_version);
    if (st == PQI_ERR_MISSING) {
        st = make_tokens(c, root_version);
    }
    if (st == PQI_OK) {
        chain x = tokens_of(c->chains);
        st = fill(&c->algs, &x, c->chains->seed);
    }
    pqi_wipe(c->chains->seed, PQI_HASH_LEN);
    c->chains->token_root = st == PQI_OK ? root_version : 0;
    return st;
}

void pqi_control_chains_drop(pqi_host_control *c)
{
    c->chains->token_root = 0;
    c->chains->tick_epoch = 0;
}

pqi_status pqi_control_token(pqi_host_control *c, uint32_t epoch, uint8_t out[PQI_HASH_LEN])
{
    chain x = tokens_of(c->chains);
    if (epoch == 0 || epoch > x.n) {
        return pqi_why(PQI_ERR_LIMIT,
            "head %u: this root version has room for %u heads, a new root manifest is due", epoch,
            x.n);
    }
    return value(&c->algs, &x, epoch, out);
}

/* ---- ticks -------------------------------------------------------------------------------------- */

static pqi_status take_ticks(
    pqi_host_control *c, uint32_t root_version, uint32_t epoch, uint32_t count)
{
    c->chains->tick_epoch = 0;
    c->chains->tick_count = count;
    chain x = ticks_of(c->chains);
    pqi_status st = fill(&c->algs, &x, c->chains->seed);
    pqi_wipe(c->chains->seed, PQI_HASH_LEN);
    if (st == PQI_OK) {
        c->chains->tick_root = root_version;
        c->chains->tick_epoch = epoch;
    }
    return st;
}

pqi_status pqi_control_ticks_make(pqi_host_control *c, uint32_t root_version, uint32_t epoch,
    uint32_t count, uint8_t anchor[PQI_HASH_LEN], uint8_t sealed[PQI_CONTROL_SEALED])
{
    pqi_span seed = {c->chains->seed, PQI_HASH_LEN};
    pqi_status st = pqi_provider_random(c->provider, seed);
    if (st == PQI_OK) {
        st = pqi_provider_seal(c->provider, label_ticks, generation(root_version, epoch),
            (pqi_cspan){seed.ptr, seed.len}, (pqi_span){sealed, PQI_CONTROL_SEALED});
    }
    if (st == PQI_OK) {
        st = take_ticks(c, root_version, epoch, count);
    }
    if (st == PQI_OK) { /* the anchor is one step below tick 1 */
        chain x = ticks_of(c->chains);
        uint8_t h[PQI_HASH_LEN];
        st = value(&c->algs, &x, 1, h);
        if (st == PQI_OK) {
            st = pqi_hash_steps(&c->algs, PQI_CHAIN_TICK, h, 1, anchor);
        }
        pqi_wipe(h, sizeof h);
    }
    return st;
}

pqi_status pqi_control_ticks_load(pqi_host_control *c)
{
    const pqi_head *h = &c->view.head;
    if (h->head_epoch == 0 || !c->view.seed) {
        return PQI_ERR_MISSING;
    }
    if (c->chains->tick_root == h->root_version && c->chains->tick_epoch == h->head_epoch) {
        return PQI_OK;
    }
    pqi_cdb_rows r;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT sealed FROM pqi_seed WHERE one = 1 AND root_version = $1 AND head_epoch = $2", "ii",
        (int64_t)h->root_version, (int64_t)h->head_epoch);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        st = unseal(c, label_ticks, generation(h->root_version, h->head_epoch), pqi_cdb_col(&r, 0));
    }
    pqi_cdb_done(&r);
    if (st == PQI_OK) {
        st = take_ticks(c, h->root_version, h->head_epoch, h->tick_count);
    }
    return st;
}

pqi_status pqi_control_tick_value(pqi_host_control *c, uint32_t i, uint8_t out[PQI_HASH_LEN])
{
    pqi_status st = pqi_control_ticks_load(c);
    if (st == PQI_OK && (i == 0 || i > c->chains->tick_count)) {
        st = PQI_ERR_MISSING;
    }
    if (st == PQI_OK) {
        chain x = ticks_of(c->chains);
        st = value(&c->algs, &x, i, out);
    }
    return st;
}
