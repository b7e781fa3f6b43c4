/* SPDX-License-Identifier: Apache-2.0
 * What planes and thieves signed. Signatures are those of the fixture: fast, and whoever knows a public key could
 * make them; who signed what is up to the schedule. */
#include "control/ctl_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t scratch[65536];
static const pqi_span room = {scratch, sizeof scratch};

static void ok(pqi_status st, const char *what)
{
    if (st != PQI_OK) {
        (void)fprintf(stderr, "ctl_driver: %s: %s\n", what, pqi_status_name(st));
        exit(2);
    }
}

static void sha256(const drv_world *w, const char *label, pqi_cspan in, uint8_t out[PQI_HASH_LEN])
{
    const pqi_cspan parts[2] = {{(const uint8_t *)label, strlen(label)}, in};
    ok(w->p.algs.classic->hash(PQI_HASH_SHA256, parts, 2, out), "hash");
}

static void junk(uint8_t out[PQI_HASH_LEN])
{
    memset(out, 0xa5, PQI_HASH_LEN);
}

static uint32_t number(int64_t x)
{
    return (uint32_t)x;
}

static drv_object *keep(drv_world *w, pqi_object kind, size_t len)
{
    if (w->n_obj == DRV_OBJECTS) {
        (void)fprintf(stderr, "ctl_driver: too many objects\n");
        exit(2);
    }
    drv_object *o = &w->obj[w->n_obj++];
    memset(o, 0, sizeof *o);
    o->kind = kind;
    o->bytes = plane_keep(&w->p, (pqi_cspan){scratch, len});
    return o;
}

const drv_object *drv_object_at(const drv_world *w, int64_t k)
{
    if (k < 0 || k >= (int64_t)w->n_obj) {
        (void)fprintf(stderr, "ctl_driver: no object %d\n", (int)k);
        exit(2);
    }
    return &w->obj[k];
}

/* ---- the world before any schedule ------------------------------------------------------------------- */

static void make_tokens(drv_world *w, uint32_t root)
{
    const uint8_t r = (uint8_t)root;
    sha256(w, "driver token", (pqi_cspan){&r, 1}, w->tokens[root][DRV_TOKENS]);
    for (uint32_t i = DRV_TOKENS; i-- > 0;) {
        ok(pqi_hash_steps(
               &w->p.algs, PQI_CHAIN_TOKEN, w->tokens[root][i + 1u], 1, w->tokens[root][i]),
            "token");
    }
}

void drv_open(drv_world *w)
{
    memset(w, 0, sizeof *w);
    plane_init(&w->p, PLANE_TOY);
    for (uint32_t r = 1; r <= DRV_ROOTS; r++) {
        const pqi_cspan m = r == 1 ? w->p.manifest : plane_rotate(&w->p);
        ok(pqi_manifest_decode(&w->p.algs, m, &w->roots[r]), "root");
        make_tokens(w, r);
    }
    w->first = w->p.n_objects;
}

static void forget(drv_world *w)
{
    while (w->p.n_objects > w->first) {
        free(w->p.objects[--w->p.n_objects]);
    }
    w->n_obj = 0;
    w->n_log = 0;
}

void drv_close(drv_world *w)
{
    forget(w);
    plane_free(&w->p);
}

/* ---- objects ------------------------------------------------------------------------------------------- */

/* M version kind: 0 as it should be, 1 one signature too few, 2 by strangers */
static void make_root(drv_world *w, const int64_t *a)
{
    const pqi_manifest *m = &w->roots[a[0]];
    const pqi_key few[1] = {PL_ROOT1}, strangers[2] = {PL_STRANGER, PL_ISSUER};
    const pqi_key good[2] = {PL_ROOT1, PL_ROOT2};
    pqi_manifest_spec s = {.root_version = m->root_version, .keys = m->keys, .n_keys = m->n_keys};
    size_t n = 0;
    memcpy(s.fleet_id, m->fleet_id, sizeof s.fleet_id);
    memcpy(s.threshold, m->threshold, sizeof s.threshold);
    ok(pqi_manifest_build(&w->p.algs, &w->p.sp.base, &s,
           a[1] == 0   ? good
           : a[1] == 1 ? few
                       : strangers,
           a[1] == 1 ? 1 : 2, room, &n),
        "root");
    (void)keep(w, PQI_OBJ_ROOT, n);
}

/* L n index epoch ... */
static void make_log(drv_world *w, const int64_t *a)
{
    drv_log *l = &w->log[w->n_log++ % DRV_LOGS];
    l->n = 0;
    for (int64_t i = 0; i < a[0]; i++) {
        l->e[l->n++] = (pqi_revoked){number(a[1 + 2 * i]), number(a[2 + 2 * i]), 1};
    }
}

static void log_hash(const drv_world *w, uint32_t root, const drv_log *l, uint32_t n, uint8_t *out)
{
    ok(pqi_rev_log_start(&w->p.algs, w->p.fleet_id, root, out), "log");
    for (uint32_t i = 0; i < n; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&l->e[i], e);
        ok(pqi_rev_log_fold(&w->p.algs, (pqi_cspan){e, sizeof e}, out), "log");
    }
}

static void chain(const drv_world *w, const drv_object *h, bool local, uint32_t steps, uint8_t *out)
{
    const uint8_t of[3] = {(uint8_t)h->head.root_version, (uint8_t)h->chain, local};
    uint8_t seed[PQI_HASH_LEN];
    sha256(w, "driver chain", (pqi_cspan){of, sizeof of}, seed);
    ok(pqi_hash_steps(&w->p.algs, PQI_CHAIN_TICK, seed, steps, out), "ticks");
}

void drv_preimage(const drv_world *w, const drv_object *h, bool local, uint32_t i, uint8_t out[32])
{
    const uint32_t count = local ? h->head.delegates[0].count : h->head.tick_count;
    if (i > count) {
        junk(out);
        return;
    }
    chain(w, h, local, count - i, out);
}

/* What the head says of policy, log and roster: object, or -1 none, or -2 what does not exist. */
static void name_things(const drv_world *w, const int64_t *a, pqi_head *h)
{
    if (a[3] >= 0) {
        const drv_object *policy = drv_object_at(w, a[3]);
        h->policy_seq = policy->seq;
        memcpy(h->policy_hash, policy->hash, 32);
    } else if (a[3] == -2) {
        h->policy_seq = 9;
        junk(h->policy_hash);
    }
    h->rev_seq = number(a[5]);
    if (a[4] >= 0) {
        log_hash(w, h->root_version, &w->log[a[4]], h->rev_seq, h->rev_hash);
    } else {
        junk(h->rev_hash);
    }
    if (a[6] >= 0) {
        const drv_object *roster = drv_object_at(w, a[6]);
        h->roster_seq = roster->seq;
        h->roster_size = roster->size;
        memcpy(h->roster_root, roster->hash, 32);
    } else if (a[6] == -2) {
        h->roster_seq = 9;
        h->roster_size = 3;
        junk(h->roster_root);
    }
}

/* H root epoch prev policy log n roster base count time token signer delegates chain */
static void make_head(drv_world *w, const int64_t *a)
{
    static const char id[] = "gw-1", prefix[] = "site";
    pqi_head h = {.root_version = number(a[0]),
        .head_epoch = number(a[1]),
        .tick_base = number(a[7]),
        .tick_count = number(a[8]),
        .time = (uint64_t)a[9],
        .n_delegates = number(a[12])};
    drv_object of = {.chain = number(a[13])};
    size_t n = 0;
    memcpy(h.fleet_id, w->p.fleet_id, PQI_FLEET_ID_LEN);
    if (a[2] >= 0) {
        memcpy(h.prev, drv_object_at(w, a[2])->head.hash, 32);
    } else if (a[2] == -2) {
        junk(h.prev);
    }
    name_things(w, a, &h);
    if (a[10] >= 0) {
        memcpy(h.token, w->tokens[h.root_version][a[10]], 32);
    } else {
        junk(h.token);
    }
    of.head = h;
    chain(w, &of, false, h.tick_count, h.tick_anchor);
    if (h.n_delegates != 0) {
        h.delegates[0] = (pqi_delegate){{(const uint8_t *)id, sizeof id - 1},
            {(const uint8_t *)prefix, sizeof prefix - 1}, {0}, 60};
        chain(w, &of, true, 60, h.delegates[0].anchor);
    }
    ok(pqi_head_build(&w->p.algs, &w->p.sp.base, (pqi_key)a[11], &h, room, &n), "head");
    drv_object *o = keep(w, PQI_OBJ_HEAD, n);
    ok(pqi_head_decode(&w->p.algs, o->bytes, &o->head), "head");
    o->chain = of.chain;
}

/* T head i kind: 0 good, 1 of nothing; 2, 3 the same of a delegate */
static void make_tick(drv_world *w, const int64_t *a)
{
    const drv_object *h = drv_object_at(w, a[0]);
    const bool local = a[2] >= 2;
    pqi_tick t = {.local = local, .epoch = h->head.head_epoch, .i = number(a[1])};
    if (a[2] % 2 != 0 || (local && h->head.n_delegates == 0)) {
        junk(t.h);
    } else {
        drv_preimage(w, h, local, t.i, t.h);
    }
    uint8_t out[PQI_LOCAL_TICK_LEN];
    const size_t n = pqi_tick_write(&t, out);
    memcpy(scratch, out, n);
    (void)keep(w, PQI_OBJ_TICK, n);
}

static pqi_policy_rules flavor_of(int64_t flavor)
{
    pqi_policy_rules r = pqi_policy_default;
    switch (flavor) {
    case 1:
        r.fresh = 2;
        r.aged = 4;
        r.stale = 8;
        r.rev_ahead_permille = 1000;
        r.max_step_s = 7200;
        break;
    case 2:
        r.flags |= PQI_POLICY_ROSTER | PQI_POLICY_DELEGATES;
        r.grace_s = 0;
        r.local_ticks_max = 6;
        break;
    case 3:
        r.ttl_ticks = 12;
        r.min_rev_seq = 2;
        r.rev_ahead_permille = 500;
        break;
    case 4:
        r.tick_s = 60;
        r.flags |= PQI_POLICY_NO_ROLLBACK | PQI_POLICY_DELEGATES;
        r.rev_ahead_permille = 1000;
        break;
    default:
        break;
    }
    return r;
}

static size_t signers(int64_t mask, const pqi_key *of, size_t n, pqi_key *out)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if ((mask >> i & 1) != 0) {
            out[k++] = of[i];
        }
    }
    return k;
}

/* P root seq flavor base signers: bits of policy keys, 8 a stranger */
static void make_policy(drv_world *w, const int64_t *a)
{
    static const pqi_key all[4] = {PL_POLICY1, PL_POLICY2, PL_POLICY3, PL_STRANGER};
    pqi_key by[4];
    pqi_policy x = {.version = 2,
        .root_version = number(a[0]),
        .seq = number(a[1]),
        .tick_base = number(a[3]),
        .rules = flavor_of(a[2])};
    static pqi_policy back;
    size_t n = 0;
    memcpy(x.fleet_id, w->p.fleet_id, PQI_FLEET_ID_LEN);
    ok(pqi_policy_build(&w->p.algs, &w->p.sp.base, &x, by, signers(a[4], all, 4, by), room, &n),
        "policy");
    drv_object *o = keep(w, PQI_OBJ_POLICY, n);
    ok(pqi_policy_decode(&w->p.algs, o->bytes, &back), "policy");
    o->seq = back.seq;
    memcpy(o->hash, back.hash, 32);
}

pqi_leaf drv_leaf(uint32_t i, uint32_t variant)
{
    pqi_leaf l = {7u + i, 1, {0}};
    memset(l.cert_hash, (int)(0x70u + i + (i != 0 ? 16u * variant : 0)), PQI_HASH_LEN);
    return l;
}

static void leaf_hashes(const drv_world *w, const drv_object *r, uint8_t (*out)[PQI_HASH_LEN])
{
    for (uint32_t i = 0; i < r->size; i++) {
        const pqi_leaf l = drv_leaf(i, r->variant);
        ok(pqi_leaf_hash(&w->p.algs, &l, out[i]), "leaf");
    }
}

/* R root seq leaves variant signer */
static void make_roster(drv_world *w, const int64_t *a)
{
    uint8_t hashes[DRV_LEAVES][PQI_HASH_LEN];
    drv_object of = {.seq = number(a[1]), .size = number(a[2]), .variant = number(a[3])};
    pqi_roster r = {.root_version = number(a[0]), .seq = of.seq, .size = of.size};
    size_t n = 0;
    memcpy(r.fleet_id, w->p.fleet_id, PQI_FLEET_ID_LEN);
    leaf_hashes(w, &of, hashes);
    ok(pqi_roster_root(&w->p.algs, hashes, of.size, r.root), "roster");
    memcpy(of.hash, r.root, 32);
    ok(pqi_roster_build(&w->p.algs, &w->p.sp.base, (pqi_key)a[4], &r, room, &n), "roster");
    drv_object *o = keep(w, PQI_OBJ_ROSTER, n);
    of.kind = o->kind;
    of.bytes = o->bytes;
    *o = of;
}

/* S root log from to signers: bits: revoker, policy keys, 16 a stranger */
static void make_segment(drv_world *w, const int64_t *a)
{
    static const pqi_key all[5] = {PL_REVOKER, PL_POLICY1, PL_POLICY2, PL_POLICY3, PL_STRANGER};
    pqi_key by[5];
    const drv_log *l = &w->log[a[1]];
    pqi_revocations h = {.root_version = number(a[0]), .from = number(a[2])};
    size_t n = 0;
    memcpy(h.fleet_id, w->p.fleet_id, PQI_FLEET_ID_LEN);
    log_hash(w, h.root_version, l, h.from, h.prev);
    ok(pqi_revocations_build(&w->p.algs, &w->p.sp.base, by, signers(a[4], all, 5, by), &h,
           &l->e[h.from], (size_t)(a[3] - a[2]), room, &n),
        "revocations");
    (void)keep(w, PQI_OBJ_REVOCATIONS, n);
}

/* A roster position */
static void make_path(drv_world *w, const int64_t *a)
{
    uint8_t hashes[DRV_LEAVES][PQI_HASH_LEN], root[PQI_HASH_LEN];
    const drv_object *r = drv_object_at(w, a[0]);
    const pqi_path of = {
        .roster_seq = r->seq, .size = r->size, .position = number(a[1] % (int64_t)r->size)};
    size_t n = 0;
    leaf_hashes(w, r, hashes);
    ok(pqi_path_build(&w->p.algs, hashes, &of, root, room, &n), "path");
    (void)keep(w, PQI_OBJ_PATH, n);
}

bool drv_make(drv_world *w, char verb, const int64_t *a, size_t n)
{
    static const struct {
        char verb;
        size_t args;
        void (*make)(drv_world *, const int64_t *);
    } all[] = {{'M', 2, make_root}, {'L', 1, make_log}, {'H', 14, make_head}, {'T', 3, make_tick},
        {'P', 5, make_policy}, {'R', 5, make_roster}, {'S', 5, make_segment}, {'A', 2, make_path}};
    if (verb == 'U') {
        forget(w);
        return true;
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].verb == verb && n >= all[i].args) {
            all[i].make(w, a);
            return true;
        }
    }
    return false;
}
