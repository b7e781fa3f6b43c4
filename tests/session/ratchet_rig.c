/* SPDX-License-Identifier: Apache-2.0 */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

#include <pqi/host.h>

uint64_t rr_hashes, rr_hmacs;
unsigned rr_fail_at;
static const pqi_classic *real;

static bool fails(void)
{
    return rr_fail_at != 0 && --rr_fail_at == 0;
}

static pqi_status count_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    rr_hashes++;
    return fails() ? PQI_ERR_PROVIDER : real->hash(id, parts, n, out);
}

static pqi_status count_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    rr_hmacs++;
    return fails() ? PQI_ERR_PROVIDER : real->hmac(id, key, parts, n, out);
}

static pqi_status fail_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    return fails() ? PQI_ERR_PROVIDER : real->aead_seal(k, aad, in, out);
}

static pqi_status fail_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    return fails() ? PQI_ERR_PROVIDER : real->aead_open(k, aad, in, out);
}

static pqi_status fail_public(uint8_t *pk, const uint8_t *sk)
{
    return fails() ? PQI_ERR_PROVIDER : real->x25519_public(pk, sk);
}

static pqi_status fail_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    return fails() ? PQI_ERR_PROVIDER : real->x25519(ss, sk, pk);
}

/* The toy: multiplication modulo 2^31 - 1 commutes as X25519 does, and hides nothing. */
static uint64_t toy_number(const uint8_t *b)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++) {
        v = v << 8 | b[i];
    }
    return v % 2147483647u + (v % 2147483647u == 0);
}

static void toy_bytes(uint64_t v, uint8_t out[32])
{
    memset(out, 0, 32);
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(v >> (56u - 8u * i));
    }
}

static pqi_status toy_public(uint8_t *pk, const uint8_t *sk)
{
    toy_bytes(toy_number(sk) * 48271u % 2147483647u, pk);
    return PQI_OK;
}

static pqi_status toy_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    toy_bytes(toy_number(sk) * toy_number(pk) % 2147483647u, ss);
    return PQI_OK;
}

uint64_t rr_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    rr_provider *r = (rr_provider *)(void *)p;
    r->calls++;
    if (r->calls == r->fail_at) {
        return PQI_ERR_RNG;
    }
    for (size_t i = 0; i < out.len; i++) {
        out.ptr[i] = (uint8_t)rr_next(&r->state);
    }
    memcpy(r->last, out.ptr, out.len < sizeof r->last ? out.len : sizeof r->last);
    return PQI_OK;
}

bool rr_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    unsigned any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= b[i];
    }
    return any == 0;
}

bool rr_holds(const void *in, size_t len, const void *what, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i + n <= len; i++) {
        if (b[i] == *(const uint8_t *)what && memcmp(b + i, what, n) == 0) {
            return true;
        }
    }
    return false;
}

pqi_ratchet_ctx rr_topic(void)
{
    return (pqi_ratchet_ctx){PQI_HS_CTX_TOPIC, {PQI_LIT(RR_TOPIC)}};
}

pqi_ratchet *rr_head(rr_rig *g, unsigned who)
{
    return g->side[who].v.r;
}

/* ---- start --------------------------------------------------------------------------------------- */

static void fill_keys(rr_rig *g, uint64_t seed)
{
    uint8_t *b = (uint8_t *)&g->keys;
    for (size_t i = 0; i < sizeof g->keys; i++) {
        b[i] = (uint8_t)rr_next(&seed);
    }
}

static void start_side(rr_rig *g, const rr_conf *c, unsigned who)
{
    static const pqi_ratchet_limits *const ip = &pqi_ratchet_ip;
    rr_side *s = &g->side[who];
    const pqi_chain_profile *profile = c->profile[who] != NULL ? c->profile[who] : &pqi_chain_std;
    s->limits = c->limits != NULL ? *c->limits : *ip;
    s->now = 1000;
    s->provider.ops = (pqi_provider_ops){
        .abi = PQI_PROVIDER_ABI, .name = "random bytes of a seed", .random = op_random};
    s->provider.base.ops = &s->provider.ops;
    s->provider.state = c->seed * 2u + who;
    for (uint32_t i = 0; i < RR_ROUNDS; i++) {
        s->st.rounds[i].buf = s->st.bufs[i];
        s->st.rounds[i].len = PQI_ROUND_BUF_MAX;
    }
    s->env = (pqi_ratchet_env){.algs = &g->algs,
        .provider = &s->provider.base,
        .pk = &s->pk,
        .limits = &s->limits,
        .rounds = s->st.rounds,
        .n_rounds = c->rounds,
        .counts = &s->counts,
        .tmp = {(uint8_t *)s->tmp, sizeof s->tmp}};
    s->v = pqi_session_view(profile, s->st.session);
    const pqi_ratchet_init init = {.suite = pqi_algs_suite(&g->algs, c->suite->id),
        .mode = PQI_HS_MODE_S,
        .side = who == 0 ? PQI_HS_SIDE_I : PQI_HS_SIDE_R,
        .keys = &g->keys,
        .rsid_own = 0x100u + who,
        .rsid_peer = 0x101u - who,
        .peer = 7,
        .now_s = s->now,
        .heal = c->heal,
        .compact = c->compact,
        .chunk = c->chunk != 0 ? c->chunk : 32};
    assert_int_equal(pqi_ratchet_start(&s->env, &s->v, &init), PQI_OK);
}

void rr_start(rr_rig *g, const rr_conf *c)
{
    rr_conf conf = *c;
    conf.suite = c->suite != NULL ? c->suite : &pqi_suite_0002;
    memset(g, 0, sizeof *g);
    rr_fail_at = 0;
    real = &pqi_classic_openssl;
    g->classic = *real;
    g->classic.hash = count_hash;
    g->classic.hmac = count_hmac;
    g->classic.aead_seal = fail_seal;
    g->classic.aead_open = fail_open;
    g->classic.x25519_public = c->toy ? toy_public : fail_public;
    g->classic.x25519 = c->toy ? toy_x25519 : fail_x25519;
    (void)pqi_host_algs(&g->algs); /* with the composite suite */
    g->algs.classic = &g->classic;
    fill_keys(g, c->seed);
    start_side(g, &conf, 0);
    start_side(g, &conf, 1);
}

/* ---- sending ------------------------------------------------------------------------------------- */

pqi_status rr_seal_msg(
    rr_rig *g, unsigned from, const pqi_ratchet_msg *m, size_t room, rr_packet *p)
{
    rr_side *s = &g->side[from];
    p->len = 0;
    pqi_status st = pqi_ratchet_seal(&s->env, &s->v, s->now, m, (pqi_span){p->b, room}, &p->len);
    if (st != PQI_OK) {
        assert_true(rr_zero(p->b, room));
    }
    assert_true(rr_zero(s->tmp, sizeof s->tmp));
    return st;
}

pqi_status rr_seal(rr_rig *g, unsigned from, uint32_t tag, size_t room, rr_packet *p)
{
    const uint8_t text[4] = {
        (uint8_t)(tag >> 24), (uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag};
    const pqi_ratchet_msg m = {
        .ctx = rr_topic(), .app = true, .payload = {text, sizeof text}, .cls = PQI_CLASS_L};
    return rr_seal_msg(g, from, &m, room, p);
}

void rr_send(rr_rig *g, unsigned from, uint32_t tag, rr_packet *p)
{
    assert_int_equal(rr_seal(g, from, tag, RR_PACKET, p), PQI_OK);
}

void rr_control(rr_rig *g, unsigned from, rr_packet *p)
{
    const pqi_ratchet_msg m = {.ctx = rr_topic(), .cls = PQI_CLASS_L};
    assert_int_equal(rr_seal_msg(g, from, &m, RR_PACKET, p), PQI_OK);
}

void rr_seal_raw(rr_rig *g, unsigned from, uint8_t bits, pqi_cspan plain, rr_packet *p)
{
    rr_side *s = &g->side[from];
    uint8_t key[32], nonce[12], aad[PQI_RATCHET_AAD];
    uint32_t n;
    size_t hdr_len;
    const pqi_ratchet_ctx ctx = rr_topic();
    assert_int_equal(pqi_chain_send_next(&g->classic, &s->v.send, &n, key), PQI_OK);
    const pqi_hs_data d = {.frames = (bits & 1u) != 0,
        .padded = (bits & 4u) != 0,
        .wide = (bits & 2u) != 0,
        .rsid = s->v.r->rsid_peer,
        .epoch = (uint16_t)(s->v.r->epoch & ((bits & 2u) != 0 ? 0xffffu : 0xffu)),
        .n = n};
    assert_int_equal(pqi_hs_data_write(&d, (pqi_span){p->b, sizeof p->b}, &hdr_len), PQI_OK);
    pqi_ratchet_nonce(n, nonce);
    const pqi_aead_key k = {
        pqi_algs_suite(&g->algs, s->v.r->suite)->aead, {key, sizeof key}, {nonce, sizeof nonce}};
    assert_int_equal(
        g->classic.aead_seal(&k, pqi_ratchet_aad((pqi_cspan){p->b, hdr_len}, &ctx, aad), plain,
            (pqi_span){p->b + hdr_len, plain.len + 16u}),
        PQI_OK);
    p->len = hdr_len + plain.len + 16u;
}

/* ---- receiving ----------------------------------------------------------------------------------- */

pqi_status rr_take_at(rr_rig *g, unsigned to, const rr_packet *p, const pqi_ratchet_ctx *ctx)
{
    static rr_state before;
    rr_side *s = &g->side[to];
    pqi_hs_data d;
    memset(&g->opened, 0, sizeof g->opened);
    if (pqi_hs_data_read((pqi_cspan){p->b, p->len}, &d) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    before = s->st;
    const uint32_t h_rounds = s->counts.h_rounds;
    memset(g->plain, 0xa5, sizeof g->plain);
    pqi_status st = pqi_ratchet_open(
        &s->env, &s->v, s->now, &d, ctx, (pqi_span){g->plain, sizeof g->plain}, &g->opened);
    if (st != PQI_OK) {
        assert_memory_equal(&before, &s->st, sizeof before);
        assert_true(rr_zero(&g->opened, sizeof g->opened));
        if (st != PQI_ERR_ARG) {
            assert_true(rr_zero(g->plain, d.ct.len - PQI_AEAD_TAG));
        }
    }
    assert_int_equal(g->opened.healed, s->counts.h_rounds != h_rounds);
    assert_true(rr_zero(s->tmp, sizeof s->tmp));
    return st;
}

pqi_status rr_take(rr_rig *g, unsigned from, const rr_packet *p)
{
    const pqi_ratchet_ctx ctx = rr_topic();
    return rr_take_at(g, 1u - from, p, &ctx);
}

void rr_expect(rr_rig *g, unsigned from, const rr_packet *p, uint32_t tag)
{
    pqi_status st = rr_take(g, from, p);
    if (st != PQI_OK) {
        fail_msg("message %08x: status %d", (unsigned)tag, (int)st);
    }
    const pqi_cspan t = g->opened.payload;
    assert_true(g->opened.app);
    assert_int_equal(t.len, 4);
    uint32_t got = 0;
    for (size_t i = 0; i < t.len; i++) {
        got = got << 8 | t.ptr[i];
    }
    assert_int_equal(got, tag);
}

/* ---- what is due --------------------------------------------------------------------------------- */

unsigned rr_due(rr_rig *g, unsigned who)
{
    rr_side *s = &g->side[who];
    return pqi_ratchet_due(&s->env, &s->v, s->now);
}

bool rr_serve(rr_rig *g, unsigned who)
{
    rr_side *s = &g->side[who];
    for (unsigned i = 0; i < 4; i++) {
        const unsigned due = rr_due(g, who);
        if ((due & PQI_DUE_WORK) != 0) {
            assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_OK);
        } else if ((due & PQI_DUE_STORE) != 0 && !s->flash_refuses) {
            assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &s->flash), PQI_OK);
            pqi_ratchet_stored(&s->v);
        } else {
            break;
        }
        assert_true(rr_zero(s->tmp, sizeof s->tmp));
    }
    assert_int_equal(rr_due(g, who) & PQI_DUE_WORK, 0);
    return (rr_due(g, who) & PQI_DUE_SEND) != 0;
}

void rr_calm(rr_rig *g, uint32_t tag)
{
    static rr_packet p;
    bool due[2] = {false, false};
    for (unsigned from = 0; from < 2; from++) {
        rr_send(g, from, tag + from, &p);
        (void)rr_serve(g, from);
        rr_expect(g, from, &p, tag + from);
        due[1u - from] = rr_serve(g, 1u - from);
    }
    for (unsigned i = 0; (due[0] || due[1]) && i < 8; i++) {
        const unsigned from = due[0] ? 0 : 1;
        rr_control(g, from, &p);
        (void)rr_serve(g, from);
        assert_int_equal(rr_take(g, from, &p), PQI_OK);
        due[from] = (rr_due(g, from) & PQI_DUE_SEND) != 0;
        due[1u - from] = rr_serve(g, 1u - from);
    }
    assert_false(due[0] || due[1]);
}
