/* SPDX-License-Identifier: Apache-2.0 */
#include "support/ctl_fixture.h"

#include "base/rd.h"
#include "base/wr.h"
#include "pqi_test.h"
#include "prim/keccak/keccak.h"
#include <pqi/host.h>

static void ok(pqi_status st, const char *what)
{
    if (st != PQI_OK) {
        (void)fprintf(stderr, "fixture: %s: %s\n", what, pqi_status_name(st));
        abort();
    }
}

/* ---- toy signatures: a hash that the public key is enough to make ------------------------------------------ */

#define TOY_LEN 32u

static void toy_hash(
    uint8_t out[TOY_LEN], const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts, size_t n)
{
    pqi_xof x;
    const uint8_t len = (uint8_t)ctx.len;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, pk, TOY_LEN);
    pqi_xof_absorb(&x, &len, 1);
    pqi_xof_absorb(&x, ctx.ptr, ctx.len);
    for (size_t i = 0; i < n; i++) {
        pqi_xof_absorb(&x, parts[i].ptr, parts[i].len);
    }
    pqi_xof_squeeze(&x, out, TOY_LEN);
}

static pqi_status toy_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    (void)tmp;
    memcpy(sk, seed, TOY_LEN);
    memcpy(pk, seed, TOY_LEN);
    return PQI_OK;
}

static pqi_status toy_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    (void)rnd;
    (void)tmp;
    toy_hash(sig, sk, ctx, parts, n_parts);
    *sig_len = TOY_LEN;
    return PQI_OK;
}

static pqi_status toy_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    uint8_t want[TOY_LEN];
    (void)tmp;
    toy_hash(want, pk, ctx, parts, n_parts);
    return sig.len == TOY_LEN && memcmp(sig.ptr, want, TOY_LEN) == 0 ? PQI_OK : PQI_ERR_AUTH;
}

static const pqi_sig toy = {
    .name = "toy",
    .id = PQI_SIG_ID_ML_DSA_44,
    .level = 2,
    .pk_len = TOY_LEN,
    .sk_len = TOY_LEN,
    .seed_len = TOY_LEN,
    .rnd_len = TOY_LEN,
    .sig_len = TOY_LEN,
    .keygen_tmp = 8,
    .sign_tmp = 8,
    .verify_tmp = 8,
    .keygen = toy_keygen,
    .sign = toy_sign,
    .verify = toy_verify,
};

static pqi_status open_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    (void)pk;
    (void)ctx;
    (void)parts;
    (void)n_parts;
    (void)sig;
    (void)tmp;
    return PQI_OK;
}

/* ---- the plane ------------------------------------------------------------------------------------------------ */

static uint8_t scratch[65536];
static const pqi_span room = {scratch, sizeof scratch};

pqi_cspan plane_keep(plane *p, pqi_cspan bytes)
{
    uint8_t *at = malloc(bytes.len != 0 ? bytes.len : 1);
    if (at == NULL || p->n_objects == PLANE_OBJECTS) {
        abort();
    }
    if (bytes.len != 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    p->objects[p->n_objects++] = at;
    return (pqi_cspan){at, bytes.len};
}

static pqi_cspan made(plane *p, pqi_status st, size_t n, const char *what)
{
    ok(st, what);
    return plane_keep(p, (pqi_cspan){scratch, n});
}

static void sha256(const plane *p, const char *label, pqi_cspan a, uint8_t out[PQI_HASH_LEN])
{
    const pqi_cspan parts[2] = {{(const uint8_t *)label, strlen(label)}, a};
    ok(p->algs.classic->hash(PQI_HASH_SHA256, parts, 2, out), "hash");
}

pqi_key plane_head_key(const plane *p)
{
    return p->root_version % 2u != 0 ? PL_HEAD : PL_HEAD2;
}

static uint32_t manifest_keys(const plane *p, pqi_manifest_key *keys, uint8_t threshold[8])
{
    const struct {
        pqi_role role;
        pqi_key key;
    } all[] = {{PQI_ROLE_ROOT, PL_ROOT1}, {PQI_ROLE_ROOT, PL_ROOT2}, {PQI_ROLE_ROOT, PL_ROOT3},
        {PQI_ROLE_ISSUER, PL_ISSUER}, {PQI_ROLE_POLICY, PL_POLICY1}, {PQI_ROLE_POLICY, PL_POLICY2},
        {PQI_ROLE_POLICY, PL_POLICY3}, {PQI_ROLE_REVOKER, PL_REVOKER},
        {PQI_ROLE_HEAD, plane_head_key(p)}};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const bool left_out = p->kind == PLANE_PLAIN &&
                              (all[i].role == PQI_ROLE_POLICY || all[i].role == PQI_ROLE_HEAD);
        if (left_out) {
            continue;
        }
        const seed_key *k = seed_provider_find(&p->sp, all[i].key);
        keys[n++] = (pqi_manifest_key){all[i].role, k->alg, {k->pk, k->pk_len}, {0}};
        threshold[all[i].role] =
            all[i].role == PQI_ROLE_ROOT || all[i].role == PQI_ROLE_POLICY ? 2 : 1;
    }
    return n;
}

static pqi_cspan make_manifest(plane *p)
{
    pqi_manifest_key keys[PQI_MANIFEST_KEYS_MAX];
    pqi_manifest_spec s = {.root_version = p->root_version, .keys = keys};
    const pqi_key roots[2] = {PL_ROOT1, PL_ROOT2};
    pqi_manifest m;
    size_t n = 0;
    memcpy(s.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    s.n_keys = manifest_keys(p, keys, s.threshold);
    pqi_status st = pqi_manifest_build(&p->algs, &p->sp.base, &s, roots, 2, room, &n);
    p->manifest = made(p, st, n, "manifest");
    ok(pqi_manifest_decode(&p->algs, p->manifest, &m), "manifest");
    memcpy(p->manifest_hash, m.hash, PQI_HASH_LEN);
    return p->manifest;
}

/* Token of head e is tokens[e]. */
static void make_tokens(plane *p)
{
    uint8_t seed[PQI_HASH_LEN];
    const uint8_t root = (uint8_t)p->root_version;
    sha256(p, "token seed", (pqi_cspan){&root, 1}, seed);
    memcpy(p->tokens[PLANE_TOKENS], seed, PQI_HASH_LEN);
    for (uint32_t e = PLANE_TOKENS; e-- > 0;) {
        ok(pqi_hash_steps(&p->algs, PQI_CHAIN_TOKEN, p->tokens[e + 1], 1, p->tokens[e]), "token");
    }
    p->tokens_root = p->root_version;
}

void plane_init(plane *p, plane_kind kind)
{
    memset(p, 0, sizeof *p);
    p->kind = kind;
    pqi_algs_all(&p->algs, &pqi_classic_openssl);
    if (kind == PLANE_TOY || kind == PLANE_OPEN) {
        p->toy = toy;
        p->toy.verify = kind == PLANE_OPEN ? open_verify : toy_verify;
        p->sigs[0] = &p->toy;
        p->algs.sigs = p->sigs;
        p->algs.n_sigs = 1;
    }
    seed_provider_init(&p->sp, &p->algs);
    for (pqi_key k = PL_ROOT1; k < PL_KEYS_END; k++) {
        seed_provider_add(&p->sp, k, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44, (uint8_t)(0x40u + k));
    }
    memcpy(p->fleet_id, "example fleet 03", PQI_FLEET_ID_LEN);
    p->tokens = malloc((PLANE_TOKENS + 1u) * sizeof *p->tokens);
    if (p->tokens == NULL) {
        abort();
    }
    p->root_version = 1;
    p->tick_count = PLANE_TICKS;
    p->policy = (pqi_policy){.version = 2, .rules = pqi_policy_default};
    memcpy(p->policy.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    for (uint32_t i = 0; i < 5; i++) {
        p->leaves[i] = (pqi_leaf){7 + i, 1, {0}};
        memset(p->leaves[i].cert_hash, (int)(0x70 + i), PQI_HASH_LEN);
    }
    p->n_leaves = 5;
    p->first = make_manifest(p);
    memcpy(p->first_hash, p->manifest_hash, PQI_HASH_LEN);
    make_tokens(p);
}

void plane_forget(plane *p, size_t n)
{
    while (p->n_objects > n) {
        free(p->objects[--p->n_objects]);
    }
}

void plane_free(plane *p)
{
    plane_forget(p, 0);
    free(p->tokens);
    memset(p, 0, sizeof *p);
}

/* Fleet ticks go on; what counts under the old version alone is gone. */
pqi_cspan plane_rotate(plane *p)
{
    const uint32_t base = p->head.tick_base + p->tick;
    p->root_version++;
    memset(&p->head, 0, sizeof p->head);
    p->head.tick_base = base;
    p->tick = 0;
    p->policy.seq = 0;
    p->roster_seq = 0;
    p->n_revoked = 0;
    make_tokens(p);
    return make_manifest(p);
}

/* ---- heads and ticks --------------------------------------------------------------------------------------------- */

static void chain(
    const plane *p, const char *label, uint32_t epoch, uint32_t steps, uint8_t out[PQI_HASH_LEN])
{
    uint8_t seed[PQI_HASH_LEN];
    const uint8_t of[5] = {(uint8_t)p->root_version, (uint8_t)(epoch >> 24), (uint8_t)(epoch >> 16),
        (uint8_t)(epoch >> 8), (uint8_t)epoch};
    sha256(p, label, (pqi_cspan){of, sizeof of}, seed);
    ok(pqi_hash_steps(&p->algs, PQI_CHAIN_TICK, seed, steps, out), "ticks");
}

void plane_rev_hash(plane *p, uint32_t n, uint8_t out[PQI_HASH_LEN])
{
    ok(pqi_rev_log_start(&p->algs, p->fleet_id, p->root_version, out), "log");
    for (uint32_t i = 0; i < n; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&p->revoked[i], e);
        ok(pqi_rev_log_fold(&p->algs, (pqi_cspan){e, sizeof e}, out), "log");
    }
}

pqi_head plane_head_fields(plane *p)
{
    pqi_head h = {.root_version = p->root_version,
        .head_epoch = p->head.head_epoch + 1,
        .policy_seq = p->policy.seq,
        .rev_seq = p->n_revoked,
        .roster_seq = p->roster_seq,
        .tick_count = p->tick_count,
        .tick_base = p->head.tick_base + p->tick,
        .time = p->time_s};
    if (h.head_epoch >= PLANE_TOKENS) {
        abort();
    }
    memcpy(h.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    memcpy(h.prev, p->head.hash, PQI_HASH_LEN);
    if (h.policy_seq != 0) {
        memcpy(h.policy_hash, p->policy_hash, PQI_HASH_LEN);
    }
    plane_rev_hash(p, p->n_revoked, h.rev_hash);
    if (h.roster_seq != 0) {
        h.roster_size = p->roster_size;
        memcpy(h.roster_root, p->roster_root, PQI_HASH_LEN);
    }
    chain(p, "tick", h.head_epoch, h.tick_count, h.tick_anchor);
    memcpy(h.token, p->tokens[h.head_epoch], PQI_HASH_LEN);
    if (p->delegate[0] != NULL) {
        h.n_delegates = 1;
        h.delegates[0] = (pqi_delegate){{(const uint8_t *)p->delegate[0], strlen(p->delegate[0])},
            {(const uint8_t *)p->delegate[1], strlen(p->delegate[1])}, {0}, PLANE_TICKS};
        chain(p, "local", h.head_epoch, PLANE_TICKS, h.delegates[0].anchor);
    }
    return h;
}

pqi_cspan plane_head_sign(plane *p, const pqi_head *h, pqi_key signer)
{
    size_t n = 0;
    pqi_status st = pqi_head_build(&p->algs, &p->sp.base, signer, h, room, &n);
    return made(p, st, n, "head");
}

pqi_cspan plane_head(plane *p)
{
    const pqi_head h = plane_head_fields(p);
    const pqi_cspan out = plane_head_sign(p, &h, plane_head_key(p));
    ok(pqi_head_decode(&p->algs, out, &p->head), "head");
    p->counts[h.head_epoch % PLANE_HEADS] = h.tick_count;
    p->tick = 0;
    return out;
}

pqi_cspan plane_tick_of(plane *p, uint32_t epoch, uint32_t i)
{
    pqi_tick t = {.epoch = epoch, .i = i};
    uint8_t out[PQI_LOCAL_TICK_LEN];
    chain(p, "tick", epoch, p->counts[epoch % PLANE_HEADS] - i, t.h);
    return plane_keep(p, (pqi_cspan){out, pqi_tick_write(&t, out)});
}

pqi_cspan plane_tick(plane *p, uint32_t n)
{
    p->tick += n;
    return plane_tick_of(p, p->head.head_epoch, p->tick);
}

pqi_cspan plane_local_tick(plane *p, uint32_t i)
{
    pqi_tick t = {.local = 1, .epoch = p->head.head_epoch, .i = i};
    uint8_t out[PQI_LOCAL_TICK_LEN];
    chain(p, "local", p->head.head_epoch, PLANE_TICKS - i, t.h);
    return plane_keep(p, (pqi_cspan){out, pqi_tick_write(&t, out)});
}

/* ---- what heads name ------------------------------------------------------------------------------------------------ */

pqi_cspan plane_policy(plane *p, size_t n_keys)
{
    const pqi_key keys[3] = {PL_POLICY1, PL_POLICY2, PL_POLICY3};
    pqi_policy x;
    size_t n = 0;
    p->policy.root_version = p->root_version;
    p->policy.seq++;
    pqi_status st = pqi_policy_build(&p->algs, &p->sp.base, &p->policy, keys, n_keys, room, &n);
    const pqi_cspan out = made(p, st, n, "policy");
    ok(pqi_policy_decode(&p->algs, out, &x), "policy");
    memcpy(p->policy_hash, x.hash, PQI_HASH_LEN);
    p->policy_bytes = out;
    return out;
}

void plane_revoke(plane *p, uint32_t index, uint32_t min_epoch)
{
    if (p->n_revoked == PLANE_REVOKED) {
        abort();
    }
    p->revoked[p->n_revoked++] = (pqi_revoked){index, min_epoch, 1};
}

pqi_cspan plane_rev_part(plane *p, uint32_t from, uint32_t to, int quorum)
{
    const pqi_key keys[3] = {PL_REVOKER, PL_POLICY1, PL_POLICY2};
    pqi_revocations h = {.root_version = p->root_version, .from = from};
    size_t n = 0;
    memcpy(h.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    plane_rev_hash(p, from, h.prev);
    pqi_status st = pqi_revocations_build(
        &p->algs, &p->sp.base, keys, quorum ? 3 : 1, &h, &p->revoked[from], to - from, room, &n);
    return made(p, st, n, "revocations");
}

pqi_cspan plane_rev(plane *p, uint32_t from)
{
    return plane_rev_part(p, from, p->n_revoked, 0);
}

static void hash_leaves(const plane *p, const pqi_leaf *l, uint32_t n, uint8_t (*out)[PQI_HASH_LEN])
{
    for (uint32_t i = 0; i < n; i++) {
        ok(pqi_leaf_hash(&p->algs, &l[i], out[i]), "leaf");
    }
}

pqi_cspan plane_roster(plane *p)
{
    uint8_t hashes[PLANE_LEAVES][PQI_HASH_LEN];
    pqi_roster r = {.root_version = p->root_version, .seq = p->roster_seq + 1, .size = p->n_leaves};
    size_t n = 0;
    memcpy(r.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    hash_leaves(p, p->leaves, p->n_leaves, hashes);
    ok(pqi_roster_root(&p->algs, hashes, p->n_leaves, r.root), "roster");
    p->roster_seq = r.seq;
    p->roster_size = r.size;
    memcpy(p->roster_root, r.root, PQI_HASH_LEN);
    memcpy(p->roster_leaves, p->leaves, sizeof p->leaves);
    pqi_status st = pqi_roster_build(&p->algs, &p->sp.base, PL_ISSUER, &r, room, &n);
    p->roster_bytes = made(p, st, n, "roster");
    return p->roster_bytes;
}

pqi_cspan plane_path(plane *p, uint32_t i)
{
    uint8_t hashes[PLANE_LEAVES][PQI_HASH_LEN], root[PQI_HASH_LEN];
    const pqi_path of = {.roster_seq = p->roster_seq, .size = p->roster_size, .position = i};
    size_t n = 0;
    hash_leaves(p, p->roster_leaves, p->roster_size, hashes);
    pqi_status st = pqi_path_build(&p->algs, hashes, &of, root, room, &n);
    return made(p, st, n, "path");
}

/* ---- statements ------------------------------------------------------------------------------------------------------ */

pqi_statement plane_statement_fields(const plane *p)
{
    pqi_statement s = {.root_version = p->root_version,
        .head_epoch = p->head.head_epoch,
        .tick = p->tick,
        .time = p->time_s};
    memcpy(s.fleet_id, p->fleet_id, PQI_FLEET_ID_LEN);
    return s;
}

/* One of three nonces: the others are somebody else's. */
pqi_cspan plane_answer_of(plane *p, const pqi_ask *q, const pqi_statement *fields, pqi_key signer)
{
    uint8_t leaves[3][PQI_HASH_LEN], again[3][PQI_HASH_LEN], path[PQI_PATH_MAX];
    pqi_statement s = *fields;
    size_t n = 0, path_len = 0, len = 0;
    memset(leaves, 0x11, sizeof leaves);
    ok(pqi_nonce_leaf(&p->algs, q->nonce, q->kid, leaves[1]), "nonce");
    memcpy(again, leaves, sizeof again);
    const pqi_path of = {.size = 3, .position = 1};
    const pqi_span path_room = {path, sizeof path};
    ok(pqi_path_build(&p->algs, leaves, &of, s.root, path_room, &path_len), "nonces");
    s.size = 3;
    ok(pqi_statement_build(&p->algs, &p->sp.base, signer, &s, room, &n), "statement");
    static uint8_t body[PQI_STATEMENT_MAX + PQI_PATH_MAX];
    wr w = wr_of((pqi_span){body, sizeof body});
    wr_vec16(&w, (pqi_cspan){scratch, n});
    wr_bytes(&w, (pqi_cspan){path, path_len});
    ok(wr_done(&w, &len), "answer");
    return plane_keep(p, (pqi_cspan){body, len});
}

pqi_cspan plane_answer(plane *p, pqi_cspan question)
{
    pqi_ask q;
    ok(pqi_ask_decode(question, &q), "question");
    const pqi_statement s = plane_statement_fields(p);
    return plane_answer_of(p, &q, &s, plane_head_key(p));
}

/* ---- a device --------------------------------------------------------------------------------------------------------- */

void rig_init(ctl_rig *r, plane *p)
{
    static const uint8_t seed[32] = {0x5e};
    memset(r, 0, sizeof *r);
    r->p = p;
    r->manifest = p->manifest;
    memcpy(r->pinned, p->manifest_hash, PQI_HASH_LEN);
    fake_provider_init(&r->prov, &p->algs, seed, &r->power);
    fake_nvm_init(&r->nvm, &r->power);
    r->cfg = (pqi_ctl_cfg){.algs = &p->algs,
        .provider = &r->prov.base,
        .nvm = &r->nvm.nvm,
        .manifest = r->manifest,
        .pinned = r->pinned,
        .manifest_mem = {r->manifest_mem, sizeof r->manifest_mem},
        .policy_mem = {r->policy_mem, sizeof r->policy_mem},
        .revoked = r->revoked,
        .revoked_max = RIG_REVOKED,
        .id = {PQI_LIT("pump-1")},
        .kid = {1, 2, 3, 4, 5, 6, 7, 8},
        .leaf = p->leaves[0],
        .tmp = {r->tmp, sizeof r->tmp}};
}

void rig_init_first(ctl_rig *r, plane *p)
{
    rig_init(r, p);
    r->manifest = p->first;
    r->cfg.manifest = p->first;
    memcpy(r->pinned, p->first_hash, PQI_HASH_LEN);
}

void rig_free(ctl_rig *r)
{
    fake_nvm_free(&r->nvm);
}

pqi_status rig_open(ctl_rig *r)
{
    /* what lies in rooms from before must not matter */
    memset(r->manifest_mem, 0xee, sizeof r->manifest_mem);
    memset(r->policy_mem, 0xee, sizeof r->policy_mem);
    memset(r->revoked, 0xee, sizeof r->revoked);
    r->cfg.tmp.len = pqi_ctl_tmp_len(
        r->cfg.algs, r->cfg.revoked_max, r->cfg.manifest_mem.len, r->cfg.policy_mem.len);
    if (r->cfg.tmp.len > sizeof r->tmp) {
        abort();
    }
    return pqi_ctl_open(&r->c, &r->cfg, &r->now);
}

void rig_close(ctl_rig *r)
{
    pqi_ctl_close(&r->c, &r->now);
}

void rig_crash(ctl_rig *r)
{
    memset(&r->c, 0, sizeof r->c);
}

pqi_status rig_restart(ctl_rig *r)
{
    rig_crash(r);
    r->power.dead = 0;
    r->power.cut_at = 0;
    r->now.mono_ms = 0;
    return rig_open(r);
}

/* An exact copy on the heap, so that a sanitizer sees a read past its end or after the call. */
pqi_status rig_take(ctl_rig *r, pqi_object kind, pqi_cspan in)
{
    uint8_t *exact = malloc(in.len != 0 ? in.len : 1);
    if (exact == NULL) {
        abort();
    }
    if (in.len != 0) {
        memcpy(exact, in.ptr, in.len);
    }
    const pqi_cspan at = {exact, in.len};
    const pqi_status peek = pqi_ctl_peek(&r->c, &r->now, kind, at);
    ok(pqi_ctl_receive(&r->c, &r->now, kind, at, &r->ev), "receive");
    if (peek != PQI_OK && r->ev.status != peek) {
        (void)fprintf(stderr, "peek: %s, receive: %s\n", pqi_status_name(peek),
            pqi_status_name(r->ev.status));
        abort();
    }
    memset(exact, 0xdd, in.len);
    free(exact);
    return r->ev.status;
}

void rig_sync(ctl_rig *r)
{
    plane *p = r->p;
    (void)rig_take(r, PQI_OBJ_ROOT, p->manifest);
    if (p->head.head_epoch == 0) {
        return;
    }
    (void)rig_take(r, PQI_OBJ_HEAD, p->head.encoded);
    if (p->tick != 0) {
        (void)rig_take(r, PQI_OBJ_TICK, plane_tick_of(p, p->head.head_epoch, p->tick));
    }
    if (p->roster_seq != 0) {
        (void)rig_take(r, PQI_OBJ_ROSTER, p->roster_bytes);
    }
    if (p->policy.seq != 0) {
        (void)rig_take(r, PQI_OBJ_POLICY, p->policy_bytes);
    }
    (void)rig_take(r, PQI_OBJ_REVOCATIONS, plane_rev(p, 0));
}

pqi_status rig_ask(ctl_rig *r)
{
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = 0;
    uint32_t wait = 0;
    ok(pqi_ctl_ask(&r->c, &r->now, (pqi_span){q, sizeof q}, &n, &wait), "ask");
    if (n == 0) {
        return PQI_ERR_MISSING;
    }
    return rig_take(r, PQI_OBJ_STATEMENT, plane_answer(r->p, (pqi_cspan){q, n}));
}

void rig_pass(ctl_rig *r, uint64_t ms)
{
    r->now.mono_ms += ms;
}

pqi_fresh rig_fresh(const ctl_rig *r)
{
    return pqi_ctl_fresh(&r->c, &r->now, (pqi_cspan){NULL, 0});
}

unsigned rig_flags(const ctl_rig *r)
{
    return pqi_ctl_flags(&r->c, &r->now);
}

void rig_digest(const ctl_rig *r, uint8_t out[32])
{
    pqi_xof x;
    const pqi_ctl *c = &r->c;
    const pqi_policy_rules *u = &c->policy.rules;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, c->manifest.hash, PQI_HASH_LEN);
    pqi_xof_absorb(&x, (const uint8_t *)&c->s, sizeof c->s);
    pqi_xof_absorb(&x, (const uint8_t *)&c->rev.root_version, sizeof c->rev.root_version);
    pqi_xof_absorb(&x, (const uint8_t *)&c->rev.seq, sizeof c->rev.seq);
    pqi_xof_absorb(&x, c->rev.hash, PQI_HASH_LEN);
    pqi_xof_absorb(&x, (const uint8_t *)&c->rev.n, sizeof c->rev.n);
    for (uint32_t i = 0; i < c->rev.n; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&c->cfg.revoked[i], e);
        pqi_xof_absorb(&x, e, sizeof e);
    }
    pqi_xof_absorb(&x, (const uint8_t *)&c->policy.seq, sizeof c->policy.seq);
    pqi_xof_absorb(&x, c->policy.hash, PQI_HASH_LEN);
    pqi_xof_absorb(&x, (const uint8_t *)u, sizeof *u);
    pqi_xof_absorb(&x, (const uint8_t *)c->floor, sizeof c->floor);
    pqi_xof_absorb(&x, c->path, c->path_len);
    pqi_xof_squeeze(&x, out, 32);
}
