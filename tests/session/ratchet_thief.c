/* SPDX-License-Identifier: Apache-2.0 */
#include "session/ratchet_thief.h"

#include "pqi_test.h"

thief_packet thief_log[THIEF_PACKETS];
uint32_t thief_n;
thief_x thief_keys[THIEF_X];
uint32_t thief_n_keys;

static pqi_chain_recv_gateway fresh;
static uint8_t text[2600];

void thief_steal(thief *t, const rr_rig *g, unsigned victim)
{
    const rr_side *s = &g->side[victim];
    memset(t, 0, sizeof *t);
    t->victim = victim;
    t->loot = s->st;
    t->v = pqi_session_view(s->v.recv.profile, t->loot.session);
    t->suite = pqi_algs_suite(&g->algs, t->v.r->suite);
    thief_epoch *e = &t->epoch[t->v.r->epoch];
    memcpy(e->rk, t->v.r->rk, 32);
    e->has_rk = true;
}

static const uint8_t *sk_of(const uint8_t *pk)
{
    for (uint32_t i = 0; i < thief_n_keys; i++) {
        if (memcmp(thief_keys[i].pk, pk, 32) == 0) {
            return thief_keys[i].sk;
        }
    }
    return NULL;
}

/* ---- one packet, one key ------------------------------------------------------------------------- */

static bool try_key(
    const thief *t, const rr_rig *g, const pqi_hs_data *d, const uint8_t *key, size_t *len)
{
    uint8_t nonce[12], aad[PQI_RATCHET_AAD];
    const pqi_ratchet_ctx ctx = rr_topic();
    pqi_ratchet_nonce(d->n, nonce);
    const pqi_aead_key k = {t->suite->aead, {key, 32}, {nonce, sizeof nonce}};
    *len = d->ct.len - 16u;
    return g->classic.aead_open(
               &k, pqi_ratchet_aad(d->hdr, &ctx, aad), d->ct, (pqi_span){text, *len}) == PQI_OK;
}

static bool try_chain(
    const thief *t, const rr_rig *g, const pqi_hs_data *d, const uint8_t *ck, size_t *len)
{
    const pqi_chain_recv r = {&pqi_chain_gateway, &fresh.head, fresh.node, NULL};
    pqi_chain_try path;
    return pqi_chain_recv_start(&r, ck) == PQI_OK &&
           pqi_chain_recv_peek(&g->classic, &r, d->n, &path) == PQI_OK &&
           try_key(t, g, d, path.path[0], len);
}

static bool by_loot(
    const thief *t, const rr_rig *g, const thief_packet *p, const pqi_hs_data *d, size_t *len)
{
    pqi_chain_try path;
    const pqi_classic *c = &g->classic;
    if (p->from != t->victim) {
        return (pqi_chain_recv_peek(c, &t->v.recv, d->n, &path) == PQI_OK &&
                   try_key(t, g, d, path.path[0], len)) ||
               (pqi_chain_late_peek(c, &t->v.late, d->n, &path) == PQI_OK &&
                   try_key(t, g, d, path.path[0], len));
    }
    rr_state copy = t->loot;
    const pqi_ratchet_view v = pqi_session_view(t->v.recv.profile, copy.session);
    uint8_t key[32];
    uint32_t n = 0;
    if (v.send.head->next > d->n) {
        return false;
    }
    while (v.send.head->next <= d->n) {
        assert_int_equal(pqi_chain_send_next(c, &v.send, &n, key), PQI_OK);
    }
    return try_key(t, g, d, key, len);
}

/* Objects in the frames of what was opened: whole ones, which the test makes the sides send. */
static void learn(thief *t, const thief_packet *p, const pqi_hs_data *d, size_t len)
{
    const pqi_frames_form form = {d->frames, d->padded, t->v.r->chunk};
    pqi_frames f;
    bool app;
    pqi_cspan payload;
    assert_int_equal(pqi_frames_read((pqi_cspan){text, len}, &form, &f, &app, &payload), PQI_OK);
    if ((f.has & PQI_HAS(PQI_FRAME_CHUNK)) != 0) {
        thief_epoch *e = &t->epoch[p->epoch];
        /* Of two proposals that cross the last one counts: the answer tells which. */
        if (f.chunk.of.dir == PQI_CHUNK_OBJ_Q || e->len[1] == 0) {
            e->kind = f.chunk.of.kind;
            e->len[f.chunk.of.dir] = f.chunk.body.len;
            memcpy(e->obj[f.chunk.of.dir], f.chunk.body.ptr, f.chunk.body.len);
        }
    }
}

static bool open_one(thief *t, const rr_rig *g, thief_packet *p)
{
    pqi_hs_data d;
    size_t len = 0;
    assert_int_equal(pqi_hs_data_read((pqi_cspan){p->b, p->len}, &d), PQI_OK);
    const thief_epoch *e = &t->epoch[p->epoch];
    p->opened =
        by_loot(t, g, p, &d, &len) || (e->known && try_chain(t, g, &d, e->ck[p->from], &len));
    if (p->opened) {
        learn(t, p, &d, len);
    }
    return p->opened;
}

/* ---- rounds -------------------------------------------------------------------------------------- */

static void enter(thief *t, const rr_rig *g, uint32_t epoch, const uint8_t *es)
{
    thief_epoch *e = &t->epoch[epoch];
    pqi_epoch_keys k;
    assert_int_equal(pqi_round_epoch(&g->classic, PQI_HS_SIDE_I, es, &k), PQI_OK);
    memcpy(e->rk, k.rk, 32);
    memcpy(e->ck[0], k.ck_own, 32);
    memcpy(e->ck[1], k.ck_peer, 32);
    e->known = e->has_rk = true;
}

/* K_pq, if the victim's seed was stolen and is that of this proposal; else a guess. */
static void guess_kem(const thief *t, const rr_rig *g, const thief_epoch *e, uint8_t k[32])
{
    static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK];
    static _Alignas(8) uint8_t tmp[65536];
    uint8_t seed[PQI_KEM_MAX_SEED];
    const pqi_kem *kem = t->suite->kem;
    memset(k, 0, 32);
    if (pqi_round_coins(
            &g->classic, t->v.r->seed, PQI_ROUND_KEM, (pqi_span){seed, kem->seed_len}) != PQI_OK ||
        pqi_kem_keygen(kem, (pqi_span){pk, kem->pk_len}, (pqi_span){sk, kem->sk_len},
            (pqi_cspan){seed, kem->seed_len}, (pqi_span){tmp, sizeof tmp}) != PQI_OK ||
        memcmp(pk, e->obj[0] + 32, kem->pk_len) != 0) {
        return;
    }
    assert_int_equal(
        pqi_kem_decaps(kem, (pqi_span){k, 32}, (pqi_cspan){e->obj[1] + 32, kem->ct_len},
            (pqi_cspan){sk, kem->sk_len}, (pqi_span){tmp, sizeof tmp}),
        PQI_OK);
}

static bool confirms(thief *t, const rr_rig *g, uint32_t epoch)
{
    for (uint32_t i = 0; i < thief_n; i++) {
        if (thief_log[i].epoch == epoch && open_one(t, g, &thief_log[i])) {
            return true;
        }
    }
    return false;
}

/* The secret of the next epoch from both objects, the root and X25519's secret key. */
static bool solve(thief *t, const rr_rig *g, uint32_t epoch)
{
    thief_epoch *e = &t->epoch[epoch];
    if (!e->has_rk || e->len[0] == 0 || e->len[1] == 0 || t->epoch[epoch + 1u].known) {
        return false;
    }
    uint8_t k[64], es[32];
    const uint8_t *x = sk_of(e->obj[0]);
    assert_non_null(x);
    const bool h = e->kind == PQI_CHUNK_H;
    if (h) {
        guess_kem(t, g, e, k);
    }
    assert_int_equal(g->classic.x25519(h ? k + 32 : k, x, e->obj[1]), PQI_OK);
    const pqi_round_in in = {.suite = t->suite,
        .rk = e->rk,
        .sid = t->v.r->sid,
        .epoch = epoch + 1u,
        .kind = e->kind,
        .obj_p = {e->obj[0], e->len[0]},
        .obj_q = {e->obj[1], e->len[1]},
        .k = k};
    assert_int_equal(pqi_round_secret(&g->classic, &in, es), PQI_OK);
    enter(t, g, epoch + 1u, es);
    if (!confirms(t, g, epoch + 1u)) {
        t->epoch[epoch + 1u].known = t->epoch[epoch + 1u].has_rk = false;
        return false;
    }
    return true;
}

/* What the loot holds of a round in flight: an epoch secret, a chain key. */
static void use_next(thief *t, const rr_rig *g)
{
    const pqi_ratchet *r = t->v.r;
    if (r->state == PQI_ROUND_P_STORE || r->state == PQI_ROUND_P_READY ||
        r->state == PQI_ROUND_Q_STORE || r->state == PQI_ROUND_Q_ANSWER) {
        enter(t, g, r->epoch + 1u, r->next);
    } else if (r->state == PQI_ROUND_P_UNHEARD) {
        thief_epoch *e = &t->epoch[r->epoch];
        memcpy(e->ck[1u - t->victim], r->next, 32);
        e->known = true;
    }
}

void thief_work(thief *t, const rr_rig *g)
{
    for (uint32_t i = 0; i < thief_n; i++) {
        thief_log[i].opened = false;
    }
    use_next(t, g);
    for (bool news = true; news;) {
        news = false;
        for (uint32_t i = 0; i < thief_n; i++) {
            if (!thief_log[i].opened) {
                news = open_one(t, g, &thief_log[i]) || news;
            }
        }
        for (uint32_t e = 0; e + 1u < THIEF_EPOCHS; e++) {
            news = solve(t, g, e) || news;
        }
    }
}

bool thief_guesses(const thief *t, const rr_rig *g, const thief_packet *p)
{
    pqi_hs_data d;
    size_t len;
    const uint8_t *b = (const uint8_t *)&t->loot;
    const size_t n = pqi_session_size(t->v.recv.profile);
    assert_int_equal(pqi_hs_data_read((pqi_cspan){p->b, p->len}, &d), PQI_OK);
    for (size_t at = 0; at + 32u <= n; at += 4) {
        uint8_t ck[32];
        if (rr_zero(b + at, 32)) {
            continue;
        }
        if (try_key(t, g, &d, b + at, &len) || try_chain(t, g, &d, b + at, &len) ||
            (pqi_round_ck_peer(&g->classic, 1u - p->from, b + at, ck) == PQI_OK &&
                try_chain(t, g, &d, ck, &len))) {
            return true;
        }
    }
    return false;
}
