/* SPDX-License-Identifier: Apache-2.0 */
#include "support/plane.h"

static const uint8_t fleet_byte = 0xf1;

static void topic(msg *m, const char *a, const char *b)
{
    memset(m->topic, 0, sizeof m->topic);
    (void)snprintf(m->topic, sizeof m->topic, "%s%s", a, b);
}

static pqi_span room(msg *m)
{
    return (pqi_span){m->b, sizeof m->b};
}

plane *plane_new(void)
{
    plane *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->f = fleet_get();
    p->f->has_plane = 1;
    p->policy.version = 1;
    p->policy.rules = pqi_policy_default;
    fleet_root(p->f, 1);
    return p;
}

void plane_free(plane *p)
{
    p->f->has_plane = 0;
    p->f->issuer = 0;
    p->f->head = 0;
    fleet_root(p->f, 1);
    free(p);
}

/* ---- heads and ticks ------------------------------------------------------------------------------ */

static void seed_of(const plane *p, const char *what, uint32_t n, uint8_t out[32])
{
    const uint8_t tail[] = {(uint8_t)n, (uint8_t)p->f->root_version};
    const pqi_cspan parts[] = {{(const uint8_t *)what, strlen(what)}, {tail, sizeof tail}};
    uint8_t h[PQI_HASH_MAX];
    assert_int_equal(p->f->algs.classic->hash(PQI_HASH_SHA256, parts, 2, h), PQI_OK);
    memcpy(out, h, 32);
}

static void steps(const plane *p, pqi_chain_kind k, const uint8_t *in, uint32_t n, uint8_t *out)
{
    assert_int_equal(pqi_hash_steps(&p->f->algs, k, in, n, out), PQI_OK);
}

static void log_hash(const plane *p, uint32_t n, uint8_t out[32])
{
    uint8_t id[PQI_FLEET_ID_LEN];
    memset(id, fleet_byte, sizeof id);
    assert_int_equal(pqi_rev_log_start(&p->f->algs, id, p->f->root_version, out), PQI_OK);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&p->log[i], e);
        assert_int_equal(pqi_rev_log_fold(&p->f->algs, (pqi_cspan){e, sizeof e}, out), PQI_OK);
    }
}

void plane_fields(const plane *p, uint32_t epoch, pqi_head *h)
{
    uint8_t seed[32];
    memset(h, 0, sizeof *h);
    memset(h->fleet_id, fleet_byte, sizeof h->fleet_id);
    h->root_version = p->f->root_version;
    h->head_epoch = epoch;
    memcpy(h->prev, p->hash, sizeof h->prev);
    h->policy_seq = p->policy.seq;
    memcpy(h->policy_hash, p->policy_hash, sizeof h->policy_hash);
    h->rev_seq = p->n_log;
    log_hash(p, p->n_log, h->rev_hash);
    h->roster_seq = p->roster_seq;
    h->roster_size = p->roster_seq != 0 ? p->n_roster : 0;
    memcpy(h->roster_root, p->roster_root, sizeof h->roster_root);
    seed_of(p, "ticks", epoch, seed);
    steps(p, PQI_CHAIN_TICK, seed, PLANE_TICKS, h->tick_anchor);
    h->tick_count = PLANE_TICKS;
    h->tick_base = p->tick_base;
    h->time = p->time_s;
    seed_of(p, "tokens", 0, seed);
    steps(p, PQI_CHAIN_TOKEN, seed, PLANE_HEADS - epoch, h->token);
}

static pqi_key head_key(const plane *p)
{
    return p->f->head != 0 ? p->f->head : FLEET_HEAD;
}

void plane_sign(const plane *p, pqi_key signer, const pqi_head *h, msg *m)
{
    topic(m, PQI_TOPIC_HEAD, "");
    assert_int_equal(
        pqi_head_build(&p->f->algs, &p->f->ca.base, signer, h, room(m), &m->len), PQI_OK);
}

static void sign_head(plane *p, const pqi_head *h, msg *m)
{
    plane_sign(p, head_key(p), h, m);
}

void plane_head(plane *p, msg *m)
{
    pqi_head h;
    p->tick_base += p->tick;
    plane_fields(p, ++p->epoch, &h);
    sign_head(p, &h, m);
    assert_int_equal(pqi_head_decode(&p->f->algs, (pqi_cspan){m->b, m->len}, &p->head), PQI_OK);
    memcpy(p->hash, p->head.hash, sizeof p->hash);
    p->tick = 0;
}

void plane_twin(plane *p, msg *m)
{
    pqi_head h;
    plane_fields(p, p->epoch, &h);
    memcpy(h.prev, p->head.prev, sizeof h.prev);
    h.time ^= 1u;
    sign_head(p, &h, m);
}

void plane_tick(plane *p, uint32_t i, msg *m)
{
    uint8_t seed[32];
    pqi_tick t = {.epoch = p->epoch, .i = i};
    seed_of(p, "ticks", p->epoch, seed);
    steps(p, PQI_CHAIN_TICK, seed, PLANE_TICKS - i, t.h);
    topic(m, PQI_TOPIC_TICK, "");
    m->len = pqi_tick_write(&t, m->b);
    p->tick = i > p->tick ? i : p->tick;
}

/* ---- what a head names ----------------------------------------------------------------------------- */

void plane_policy(plane *p, const pqi_policy_rules *rules, msg *m)
{
    const pqi_key signer = FLEET_POLICY;
    static pqi_policy x;
    p->policy.seq++;
    p->policy.rules = *rules;
    p->policy.root_version = p->f->root_version;
    p->policy.tick_base = p->tick_base + p->tick;
    memset(p->policy.fleet_id, fleet_byte, sizeof p->policy.fleet_id);
    topic(m, PQI_TOPIC_POLICY, "");
    assert_int_equal(
        pqi_policy_build(&p->f->algs, &p->f->ca.base, &p->policy, &signer, 1, room(m), &m->len),
        PQI_OK);
    assert_int_equal(pqi_policy_decode(&p->f->algs, (pqi_cspan){m->b, m->len}, &x), PQI_OK);
    memcpy(p->policy_hash, x.hash, sizeof p->policy_hash);
}

void plane_revoke(plane *p, uint32_t roster_index, uint32_t min_epoch)
{
    assert_true(p->n_log < PLANE_LOG);
    p->log[p->n_log++] = (pqi_revoked){roster_index, min_epoch, 1};
}

void plane_log(plane *p, uint32_t from, msg *m)
{
    fleet_revoke(p->f, from, p->log, p->n_log, m);
}

static void leaves_of(const plane *p, uint8_t leaves[PLANE_ROSTER][PQI_HASH_LEN])
{
    for (uint32_t i = 0; i < p->n_roster; i++) {
        assert_int_equal(pqi_leaf_hash(&p->f->algs, &p->roster[i], leaves[i]), PQI_OK);
    }
}

void plane_roster(plane *p, dev *const *devs, uint32_t n, msg *m)
{
    uint8_t leaves[PLANE_ROSTER][PQI_HASH_LEN];
    assert_true(n <= PLANE_ROSTER);
    p->n_roster = n;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t h[PQI_HASH_MAX];
        const pqi_cspan cert = {devs[i]->cert, devs[i]->cert_len};
        assert_int_equal(p->f->algs.classic->hash(PQI_HASH_SHA256, &cert, 1, h), PQI_OK);
        p->roster[i] =
            (pqi_leaf){.roster_index = devs[i]->spec.roster, .key_epoch = devs[i]->spec.epoch};
        memcpy(p->roster[i].cert_hash, h, 32);
    }
    leaves_of(p, leaves);
    assert_int_equal(pqi_roster_root(&p->f->algs, leaves, n, p->roster_root), PQI_OK);
    pqi_roster r = {.root_version = p->f->root_version, .seq = ++p->roster_seq, .size = n};
    memset(r.fleet_id, fleet_byte, sizeof r.fleet_id);
    memcpy(r.root, p->roster_root, sizeof r.root);
    topic(m, PQI_TOPIC_ROSTER, "");
    assert_int_equal(pqi_roster_build(&p->f->algs, &p->f->ca.base,
                         p->f->issuer != 0 ? p->f->issuer : FLEET_ISSUER, &r, room(m), &m->len),
        PQI_OK);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static void answer_to(const dev *d, pqi_object kind, msg *m)
{
    topic(m, PQI_TOPIC_ANSWER, d->spec.id);
    memset(m->b, 0, PQI_ANSWER_HEAD);
    m->b[0] = PQI_ANSWER_T;
    m->b[1] = (uint8_t)kind;
}

void plane_path(plane *p, const dev *d, msg *m)
{
    uint8_t leaves[PLANE_ROSTER][PQI_HASH_LEN], root[PQI_HASH_LEN];
    pqi_path of = {.roster_seq = p->roster_seq, .size = p->n_roster};
    size_t n = 0;
    while (of.position < p->n_roster && p->roster[of.position].roster_index != d->spec.roster) {
        of.position++;
    }
    leaves_of(p, leaves);
    answer_to(d, PQI_OBJ_PATH, m);
    assert_int_equal(pqi_path_build(&p->f->algs, leaves, &of, root,
                         (pqi_span){m->b + PQI_ANSWER_HEAD, sizeof m->b - PQI_ANSWER_HEAD}, &n),
        PQI_OK);
    assert_memory_equal(root, p->roster_root, sizeof root);
    m->len = PQI_ANSWER_HEAD + n;
}

void plane_statement(plane *p, const dev *d, const msg *q, msg *m)
{
    pqi_ask ask;
    assert_int_equal(pqi_ask_decode((pqi_cspan){q->b, q->len}, &ask), PQI_OK);
    pqi_statement s = {.root_version = p->f->root_version,
        .head_epoch = p->epoch,
        .tick = p->tick,
        .time = p->time_s,
        .size = 1};
    memset(s.fleet_id, fleet_byte, sizeof s.fleet_id);
    assert_int_equal(pqi_nonce_leaf(&p->f->algs, ask.nonce, ask.kid, s.root), PQI_OK);
    answer_to(d, PQI_OBJ_STATEMENT, m);
    size_t n = 0;
    assert_int_equal(pqi_statement_build(&p->f->algs, &p->f->ca.base, head_key(p), &s,
                         (pqi_span){m->b + PQI_ANSWER_HEAD + 2, sizeof m->b - 64u}, &n),
        PQI_OK);
    m->b[PQI_ANSWER_HEAD] = (uint8_t)(n >> 8);
    m->b[PQI_ANSWER_HEAD + 1] = (uint8_t)n;
    uint8_t *path = m->b + PQI_ANSWER_HEAD + 2 + n;
    memset(path, 0, 12); /* number 0, size, position 0 */
    path[7] = 1;
    m->len = PQI_ANSWER_HEAD + 2 + n + 12;
}

void plane_root(plane *p, msg *m)
{
    topic(m, PQI_TOPIC_ROOT, "");
    memcpy(m->b, p->f->manifest, p->f->manifest_len);
    m->len = p->f->manifest_len;
}

/* ---- devices ---------------------------------------------------------------------------------------- */

void plane_freshen(plane *p, dev *d)
{
    static msg m;
    plane_tick(p, p->tick + 1u, &m);
    (void)dev_receive(d, &m);
    if (pqi_ctl_fresh(&d->ep.ctl, &d->now, (pqi_cspan){NULL, 0}) != PQI_FRESH_FRESH) {
        fail_msg("%s is not fresh: %s", d->spec.id, pqi_drop_name(d->ev.drop));
    }
}

void dev_wait(dev *d, uint64_t ms)
{
    d->now.mono_ms += ms;
    d->now.unix_s += ms / 1000u;
}

bool plane_question(dev *d, msg *q)
{
    while (dev_poll(d, q)) {
        if (strcmp(q->topic, PQI_TOPIC_ASK) == 0) {
            return true;
        }
    }
    return false;
}
