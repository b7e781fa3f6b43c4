/* SPDX-License-Identifier: Apache-2.0
 * Objects of a simulated fleet, made with the library's builders. */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#define TICKS      168u
#define NONCES     256u /* questions under one statement */
#define FIRST_TIME UINT64_C(1800000000)

/* ---- keys ----------------------------------------------------------------------------------------- */

static pqi_status saved(void *arg, pqi_cspan bytes)
{
    (void)arg;
    (void)bytes;
    return PQI_OK;
}

static pqi_status make_keys(bench_plane *p)
{
    pqi_soft_cfg cfg = {.algs = p->algs,
        .platform = {.save_keys = saved, .save_counters = saved},
        .slots = 8,
        .workers = 1,
        .flags = PQI_SOFT_CACHE,
        .boot = 1};
    cfg.mem.len = pqi_soft_mem_len(&cfg);
    p->mem.len = cfg.mem.len;
    p->mem.ptr = cfg.mem.ptr = pqi_cli_alloc(cfg.mem.len);
    pqi_status st = pqi_soft_create(&p->soft, &cfg);
    pqi_provider *s = pqi_soft_provider(&p->soft);
    for (pqi_key k = PQI_ROLE_ROOT; k <= PQI_ROLE_HEAD && st == PQI_OK; k++) {
        size_t len = 0;
        st = pqi_provider_generate(s, k, PQI_KEY_SIG, p->sig->id);
        if (st == PQI_OK) {
            st = pqi_provider_public_key(s, k, (pqi_span){p->pk[k], PQI_SIG_MAX_PK}, &len);
        }
    }
    return st;
}

pqi_status bench_plane_manifest(bench_plane *p, const uint8_t *head_pk)
{
    pqi_manifest_key keys[PQI_ROLE_HEAD];
    pqi_manifest_spec s = {.root_version = 1, .keys = keys, .n_keys = PQI_ROLE_HEAD};
    const pqi_key root = PQI_ROLE_ROOT;
    memcpy(s.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    memset(keys, 0, sizeof keys);
    for (uint32_t i = 0; i < PQI_ROLE_HEAD; i++) {
        const uint8_t *pk = p->pk[i + 1];
        keys[i].role = (pqi_role)(i + 1);
        keys[i].alg = p->sig->id;
        keys[i].pk.ptr = i + 1 == PQI_ROLE_HEAD && head_pk != NULL ? head_pk : pk;
        keys[i].pk.len = p->sig->pk_len;
        s.threshold[i + 1] = 1;
    }
    const pqi_span out = {p->manifest, sizeof p->manifest};
    pqi_status st = pqi_manifest_build(
        p->algs, pqi_soft_provider(&p->soft), &s, &root, 1, out, &p->manifest_len);
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    if (st == PQI_OK) {
        st = pqi_manifest_decode(p->algs, (pqi_cspan){p->manifest, p->manifest_len}, m);
    }
    if (st == PQI_OK) {
        memcpy(p->manifest_hash, m->hash, PQI_HASH_LEN);
    }
    free(m);
    return st;
}

static pqi_status make_leaves(bench_plane *p)
{
    pqi_status st = PQI_OK;
    p->leaves = pqi_cli_alloc((size_t)p->n * PQI_HASH_LEN);
    p->work = pqi_cli_alloc((size_t)p->n * PQI_HASH_LEN);
    for (uint32_t i = 0; i < p->n && st == PQI_OK; i++) {
        pqi_leaf l = {i, 1, {1}};
        memcpy(l.cert_hash + 1, &i, sizeof i);
        st = pqi_leaf_hash(p->algs, &l, p->leaves[i]);
        if (i == p->own) {
            p->leaf = l;
        }
    }
    return st;
}

/* ---- objects -------------------------------------------------------------------------------------- */

static pqi_span room(bench_plane *p)
{
    return (pqi_span){p->out, sizeof p->out};
}

pqi_status bench_plane_policy(bench_plane *p)
{
    const pqi_key key = PQI_ROLE_POLICY;
    p->policy = (pqi_policy){
        .version = 2, .root_version = 1, .seq = p->policy.seq + 1, .rules = pqi_policy_default};
    p->policy.rules.flags |= PQI_POLICY_ROSTER;
    memcpy(p->policy.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    pqi_status st = pqi_policy_build(
        p->algs, pqi_soft_provider(&p->soft), &p->policy, &key, 1, room(p), &p->len);
    return st == PQI_OK ? pqi_policy_decode(p->algs, (pqi_cspan){p->out, p->len}, &p->policy) : st;
}

pqi_status bench_plane_roster(bench_plane *p)
{
    const pqi_path of = {.roster_seq = p->roster.seq + 1, .size = p->n, .position = p->own};
    p->roster = (pqi_roster){.root_version = 1, .seq = of.roster_seq, .size = p->n};
    memcpy(p->roster.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    memcpy(p->work, p->leaves, (size_t)p->n * PQI_HASH_LEN);
    pqi_status st = pqi_path_build(
        p->algs, p->work, &of, p->roster.root, (pqi_span){p->path, sizeof p->path}, &p->path_len);
    return st == PQI_OK ? pqi_roster_build(p->algs, pqi_soft_provider(&p->soft), PQI_ROLE_ISSUER,
                              &p->roster, room(p), &p->len)
                        : st;
}

pqi_status bench_plane_head(bench_plane *p)
{
    pqi_head h = {.root_version = 1,
        .head_epoch = p->head.head_epoch + 1,
        .policy_seq = p->policy.seq,
        .rev_seq = p->n_revoked,
        .roster_seq = p->roster.seq,
        .roster_size = p->roster.size,
        .tick_count = TICKS,
        .tick_base = p->head.tick_base + p->tick,
        .time = p->time_s};
    if (h.head_epoch > BENCH_HEADS) {
        return PQI_ERR_LIMIT;
    }
    memcpy(h.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    memcpy(h.prev, p->head.hash, PQI_HASH_LEN);
    memcpy(h.policy_hash, p->policy.hash, PQI_HASH_LEN);
    memcpy(h.rev_hash, p->rev_hash, PQI_HASH_LEN);
    memcpy(h.roster_root, p->roster.root, PQI_HASH_LEN);
    memcpy(h.token, p->tokens[h.head_epoch], PQI_HASH_LEN);
    memcpy(p->tick_seed, &h.head_epoch, sizeof h.head_epoch);
    pqi_status st = pqi_hash_steps(p->algs, PQI_CHAIN_TICK, p->tick_seed, TICKS, h.tick_anchor);
    if (st == PQI_OK) {
        st = pqi_head_build(
            p->algs, pqi_soft_provider(&p->soft), PQI_ROLE_HEAD, &h, room(p), &p->len);
    }
    if (st == PQI_OK) {
        st = pqi_head_decode(p->algs, (pqi_cspan){p->out, p->len}, &p->head);
        p->tick = 0;
    }
    return st;
}

pqi_status bench_plane_tick(bench_plane *p, uint32_t i)
{
    pqi_tick t = {.epoch = p->head.head_epoch, .i = i};
    pqi_status st = pqi_hash_steps(p->algs, PQI_CHAIN_TICK, p->tick_seed, TICKS - i, t.h);
    p->tick = i;
    p->len = pqi_tick_write(&t, p->out);
    return st;
}

pqi_status bench_plane_log(bench_plane *p, uint32_t from)
{
    const pqi_key key = PQI_ROLE_REVOKER;
    pqi_revocations h = {.root_version = 1, .from = from};
    memcpy(h.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    pqi_status st = pqi_rev_log_start(p->algs, p->fleet_id, 1, h.prev);
    for (uint32_t i = 0; i < from && st == PQI_OK; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&p->revoked[i], e);
        st = pqi_rev_log_fold(p->algs, (pqi_cspan){e, sizeof e}, h.prev);
    }
    return st == PQI_OK ? pqi_revocations_build(p->algs, pqi_soft_provider(&p->soft), &key, 1, &h,
                              &p->revoked[from], p->n_revoked - from, room(p), &p->len)
                        : st;
}

pqi_status bench_plane_revoke(bench_plane *p)
{
    uint8_t e[PQI_REVOKED_LEN];
    if (p->n_revoked == BENCH_REVOKED || p->n < 2 || p->own + 1 >= p->n) {
        return PQI_ERR_LIMIT;
    }
    p->revoked[p->n_revoked] = (pqi_revoked){p->own + 1 + p->n_revoked, UINT32_MAX, 1};
    pqi_revoked_write(&p->revoked[p->n_revoked++], e);
    p->n--;
    memmove(
        p->leaves[p->own + 1], p->leaves[p->own + 2], (size_t)(p->n - p->own - 1) * PQI_HASH_LEN);
    return pqi_rev_log_fold(p->algs, (pqi_cspan){e, sizeof e}, p->rev_hash);
}

pqi_status bench_plane_statement(bench_plane *p, const pqi_ask *q)
{
    uint8_t(*leaves)[PQI_HASH_LEN] = pqi_cli_alloc(NONCES * PQI_HASH_LEN);
    uint8_t path[PQI_PATH_MAX];
    size_t path_len = 0, n = 0;
    const pqi_path of = {.size = NONCES, .position = NONCES / 2};
    pqi_statement s = {.root_version = 1,
        .head_epoch = p->head.head_epoch,
        .tick = p->tick,
        .time = p->time_s,
        .size = NONCES};
    memcpy(s.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    pqi_status st = pqi_nonce_leaf(p->algs, q->nonce, q->kid, leaves[of.position]);
    if (st == PQI_OK) {
        st = pqi_path_build(p->algs, leaves, &of, s.root, (pqi_span){path, sizeof path}, &path_len);
    }
    free(leaves);
    if (st == PQI_OK) {
        st = pqi_statement_build(p->algs, pqi_soft_provider(&p->soft), PQI_ROLE_HEAD, &s,
            (pqi_span){p->out + 2, sizeof p->out - 2 - path_len}, &n);
    }
    if (st == PQI_OK) {
        p->out[0] = (uint8_t)(n >> 8);
        p->out[1] = (uint8_t)n;
        memcpy(p->out + 2 + n, path, path_len);
        p->len = 2 + n + path_len;
    }
    return st;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

pqi_status bench_plane_init(bench_plane *p, const pqi_algs *algs, const pqi_sig *sig, uint32_t n)
{
    memset(p, 0, sizeof *p);
    p->algs = algs;
    p->sig = sig;
    p->n = n;
    p->own = n / 2;
    p->time_s = FIRST_TIME;
    memset(p->fleet_id, 0x66, sizeof p->fleet_id);
    memset(p->tokens[BENCH_HEADS], 0x74, PQI_HASH_LEN);
    pqi_status st = make_keys(p);
    for (uint32_t e = BENCH_HEADS; e-- > 0 && st == PQI_OK;) {
        st = pqi_hash_steps(algs, PQI_CHAIN_TOKEN, p->tokens[e + 1], 1, p->tokens[e]);
    }
    if (st == PQI_OK) {
        st = bench_plane_manifest(p, NULL);
    }
    if (st == PQI_OK) {
        st = pqi_rev_log_start(algs, p->fleet_id, 1, p->rev_hash);
    }
    return st == PQI_OK ? make_leaves(p) : st;
}

void bench_plane_free(bench_plane *p)
{
    free(p->mem.ptr);
    free(p->leaves);
    free(p->work);
}
