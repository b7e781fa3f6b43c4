/* SPDX-License-Identifier: Apache-2.0
 * An endpoint with many sessions: memory, look-up, messages of random sessions, a poll while all are
 * silent. Peers and sessions are put into the tables as announcements and handshakes would leave them,
 * with keys that follow from their number: 100,000 handshakes would measure signatures. Messages go
 * through pqi_endpoint_receive(). */
#include "bench.h"

#include "proto/mqtt/endpoint_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD   256u
#define PACKET    (PAYLOAD + PQI_RATCHET_OVERHEAD)
#define SAMPLE    5000u /* sessions of a round of messages */
#define ROUNDS    5u
#define LOOKUPS   1000000u
#define POLLS     10000u
#define START_MS  10000000u
#define TOPIC_LEN 32u

typedef struct fleet {
    pqi_provider provider; /* first */
    pqi_bench *b;
    const pqi_suite *suite;
    pqi_endpoint e;
    uint32_t n;
    uint32_t *rsid;            /* of each peer's session */
    uint32_t *order;           /* random, SAMPLE of them are in use */
    uint8_t (*packet)[PACKET]; /* for the first sessions of the order */
    size_t *len;
    uint8_t plain[PQI_V1_PACKET_MAX], out[PQI_ENDPOINT_POLL_MAX];
    uint8_t *tmp;
    size_t tmp_len;
    uint64_t random;
    pqi_now now;
} fleet;

/* splitmix64: an order, no secret. */
static uint64_t next(fleet *f)
{
    uint64_t z = f->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    fleet *f = (fleet *)(void *)p;
    return f->b->algs->classic->random(out.ptr, out.len);
}

static pqi_status op_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    (void)p;
    (void)slot;
    *value = 0;
    return PQI_OK;
}

static pqi_status op_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    (void)p;
    (void)slot;
    (void)value;
    return PQI_OK;
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI,
    .name = "bench",
    .random = op_random,
    .counter_get = op_counter_get,
    .counter_advance = op_counter_advance};

/* No record of any peer, as on a first start. */
static pqi_status nvm_read(void *ctx, const char *name, unsigned which, pqi_span out, size_t *len)
{
    (void)ctx;
    (void)name;
    (void)which;
    (void)out;
    *len = 0;
    return PQI_ERR_MISSING;
}

static pqi_status nvm_write(void *ctx, const char *name, unsigned which, pqi_cspan data)
{
    (void)ctx;
    (void)name;
    (void)which;
    (void)data;
    return PQI_OK;
}

static const pqi_nvm nvm = {NULL, nvm_read, nvm_write};

/* ---- making -------------------------------------------------------------------------------------- */

static size_t topic_of(uint32_t i, char out[TOPIC_LEN])
{
    return (size_t)snprintf(out, TOPIC_LEN, "plant/pump-%06u/flow", (unsigned)i);
}

static void make_peer(fleet *f, uint32_t i)
{
    pqi_peer *p = &f->e.cfg.peers[i];
    p->used = p->ready = 1;
    p->id_len = (uint8_t)snprintf(p->id, sizeof p->id, "pump-%06u", (unsigned)i);
    for (unsigned k = 0; k < 4; k++) {
        p->key_id[k] = (uint8_t)(i >> 8u * k);
    }
    p->kem = f->suite->kem;
    p->suites = f->suite->bitmap;
    p->valid_to_epoch = UINT32_MAX;
    p->cert384[0] = 1;
    p->n_scopes = 1;
    p->scopes[0].len = (uint8_t)snprintf(
        p->scopes[0].prefix, sizeof p->scopes[0].prefix, "plant/pump-%06u", (unsigned)i);
    p->scopes[0].rights = PQI_RIGHT_PUB;
    p->scopes[0].cls = PQI_CLASS_L;
    /* as wide as keys of a certificate: these pages are in use */
    memset(p->kem_pk, (int)i, sizeof p->kem_pk);
    memset(p->sig_pk, (int)i, sizeof p->sig_pk);
}

static pqi_ratchet_init init_of(
    const fleet *f, uint32_t i, const pqi_hs_out *keys, pqi_hs_side side)
{
    return (pqi_ratchet_init){.suite = f->suite,
        .mode = PQI_HS_MODE_K,
        .side = side,
        .keys = keys,
        .rsid_own = side == PQI_HS_SIDE_R ? f->rsid[i] : i + 1u,
        .rsid_peer = side == PQI_HS_SIDE_R ? i + 1u : f->rsid[i],
        .peer = i,
        .now_s = (uint32_t)(START_MS / 1000u),
        .chunk = 32};
}

static pqi_hs_out keys_of(uint32_t i)
{
    pqi_hs_out k = {.rk0 = {1}, .ck_i2r = {2}, .ck_r2i = {3}, .rms0 = {4}};
    memcpy(k.rk0 + 1, &i, sizeof i);
    memcpy(k.ck_i2r + 1, &i, sizeof i);
    memcpy(k.ck_r2i + 1, &i, sizeof i);
    return k;
}

/* What a handshake leaves: a stable session that both ends have confirmed. */
static pqi_status make_session(fleet *f, uint32_t i)
{
    pqi_ep_sessions *s = f->e.sessions;
    pqi_table_ref ref = 0;
    pqi_status st = pqi_table_take(&s->table, &f->provider, i, &ref);
    if (st != PQI_OK) {
        return st;
    }
    f->rsid[i] = pqi_table_rsid(&s->table, ref);
    s->env.pairs[i].core.stable = ref;
    s->env.pairs[i].confirmed_ms = START_MS;
    const pqi_ratchet_view v = pqi_session_view(s->env.profile, pqi_table_at(&s->table, ref));
    const pqi_hs_out keys = keys_of(i);
    const pqi_ratchet_init init = init_of(f, i, &keys, PQI_HS_SIDE_R);
    return pqi_ratchet_start(&s->ratchet, &v, &init);
}

static void set_endpoint(fleet *f)
{
    static const uint8_t cert[] = {1};
    pqi_endpoint *e = &f->e;
    e->cfg = (pqi_endpoint_cfg){.algs = f->b->algs,
        .provider = &f->provider,
        .nvm = &nvm,
        .cert = {cert, sizeof cert},
        .limits = pqi_limits_gateway,
        .n_peers = f->n,
        .sessions = {.use = PQI_SESSIONS_REQUIRE,
            .modes = PQI_MODES_S | PQI_MODES_K | PQI_MODES_M,
            .n_sessions = 2u * f->n,
            .n_handshakes = 64,
            .n_rounds = 64}};
    e->base_use = PQI_SESSIONS_REQUIRE;
    e->ctl.cfg.algs = f->b->algs; /* of a fleet without a control plane */
    e->ctl.cfg.provider = &f->provider;
    e->ctl.policy.rules = pqi_policy_default;
    e->ctl.open = 1;
    e->cert.device_id = (pqi_cspan){PQI_LIT("control-1")};
    e->cert.valid_to_epoch = UINT32_MAX;
    e->cert.suites = f->suite->bitmap;
    e->cert.kem_alg = f->suite->kem->id;
    e->cfg.scratch.len = pqi_endpoint_scratch_len(&e->cfg);
    e->cfg.sessions.mem.len = pqi_endpoint_sessions_len(e->cfg.algs, &e->cfg.sessions, f->n);
    e->cfg.peers = pqi_cli_alloc(f->n * sizeof(pqi_peer));
    e->cfg.scratch.ptr = pqi_cli_alloc(e->cfg.scratch.len);
    e->cfg.sessions.mem.ptr = pqi_cli_alloc(e->cfg.sessions.mem.len);
    memset(e->cfg.peers, 0, f->n * sizeof(pqi_peer));
    e->open = 1;
}

static pqi_status prepare(fleet *f)
{
    f->provider.ops = &ops;
    f->now = (pqi_now){.control_epoch = 1, .mono_ms = START_MS};
    set_endpoint(f);
    f->rsid = pqi_cli_alloc(f->n * sizeof *f->rsid);
    f->order = pqi_cli_alloc(f->n * sizeof *f->order);
    f->packet = pqi_cli_alloc(ROUNDS * SAMPLE * sizeof *f->packet);
    f->len = pqi_cli_alloc(ROUNDS * SAMPLE * sizeof *f->len);
    f->tmp_len = pqi_ratchet_tmp_len(&pqi_chain_std, f->suite);
    f->tmp = pqi_cli_alloc(f->tmp_len);
    for (uint32_t i = 0; i < f->n; i++) {
        make_peer(f, i);
        f->order[i] = i;
    }
    for (uint32_t i = f->n; i > 1; i--) {
        const uint32_t k = (uint32_t)(next(f) % i), t = f->order[i - 1u];
        f->order[i - 1u] = f->order[k];
        f->order[k] = t;
    }
    pqi_ep_index(&f->e);
    const uint64_t t = pqi_bench_now_ns();
    pqi_status st = pqi_ep_sessions_open(&f->e, &f->now);
    for (uint32_t i = 0; i < f->n && st == PQI_OK; i++) {
        st = make_session(f, i);
    }
    pqi_bench_figure(f->b, "fleet", "make-all", (double)(pqi_bench_now_ns() - t) / 1e6, "ms");
    return st;
}

/* ---- measuring ----------------------------------------------------------------------------------- */

/* The endpoint looks at every peer once after a start; then nobody has anything to say. */
static pqi_status settle(fleet *f)
{
    pqi_outpacket o = {0};
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < f->n && st == PQI_OK && f->e.sessions->count != 0; i++) {
        st = pqi_endpoint_poll(&f->e, &f->now, (pqi_span){f->out, sizeof f->out}, &o);
        st = st == PQI_OK && o.len != 0 ? PQI_ERR_SELFTEST : st;
    }
    return st;
}

/* Polls a millisecond of the clock apart. */
static pqi_status bench_poll(fleet *f)
{
    pqi_outpacket o = {0};
    pqi_status st = PQI_OK;
    const uint64_t t = pqi_bench_now_ns();
    for (uint32_t i = 0; i < POLLS && st == PQI_OK; i++) {
        f->now.mono_ms++;
        st = pqi_endpoint_poll(&f->e, &f->now, (pqi_span){f->out, sizeof f->out}, &o);
        st = st == PQI_OK && o.len != 0 ? PQI_ERR_SELFTEST : st;
    }
    pqi_bench_figure(f->b, "fleet", "poll-idle", (double)(pqi_bench_now_ns() - t) / POLLS, "ns");
    return st;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void median_of(fleet *f, const char *operation, double v[ROUNDS])
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    pqi_bench_figure(f->b, "fleet", operation, v[ROUNDS / 2u], "ns");
}

static pqi_status bench_lookup(fleet *f)
{
    double v[ROUNDS];
    uint32_t found = 0, owner = 0;
    pqi_table_ref ref = 0;
    for (unsigned r = 0; r < ROUNDS; r++) {
        const uint64_t t = pqi_bench_now_ns();
        for (uint32_t i = 0; i < LOOKUPS; i++) {
            const uint32_t k = (uint32_t)(next(f) >> 32) % f->n;
            found += pqi_table_find(&f->e.sessions->table, f->rsid[k], &ref, &owner) && owner == k;
        }
        v[r] = (double)(pqi_bench_now_ns() - t) / LOOKUPS;
    }
    median_of(f, "lookup", v);
    return found == LOOKUPS * ROUNDS ? PQI_OK : PQI_ERR_SELFTEST;
}

typedef struct sender {
    pqi_session_std mem;
    pqi_ratchet_view v;
    pqi_ratchet_env env;
} sender;

static pqi_status start_sender(fleet *f, uint32_t i, sender *s)
{
    const pqi_hs_out keys = keys_of(i);
    const pqi_ratchet_init init = init_of(f, i, &keys, PQI_HS_SIDE_I);
    memset(s, 0, sizeof *s);
    s->v = pqi_session_view(&pqi_chain_std, &s->mem);
    s->env = (pqi_ratchet_env){.algs = f->b->algs,
        .provider = &f->provider,
        .limits = &f->e.sessions->limits,
        .tmp = {f->tmp, f->tmp_len}};
    return pqi_ratchet_start(&s->env, &s->v, &init);
}

static pqi_status seal(uint32_t i, sender *s, uint8_t packet[PACKET], size_t *len)
{
    static const uint8_t text[PAYLOAD];
    char topic[TOPIC_LEN];
    const size_t n = topic_of(i, topic);
    const pqi_ratchet_msg m = {.ctx = {PQI_HS_CTX_TOPIC, {(const uint8_t *)topic, n}},
        .app = true,
        .payload = {text, sizeof text}};
    return pqi_ratchet_seal(
        &s->env, &s->v, (uint32_t)(START_MS / 1000u), &m, (pqi_span){packet, PACKET}, len);
}

static pqi_status receive(fleet *f, uint32_t i, const uint8_t *packet, size_t len)
{
    char topic[TOPIC_LEN];
    const size_t n = topic_of(i, topic);
    const pqi_inbound in = {{(const uint8_t *)topic, n}, {packet, len}, 0};
    pqi_event ev;
    pqi_status st =
        pqi_endpoint_receive(&f->e, &f->now, &in, (pqi_span){f->plain, sizeof f->plain}, &ev);
    return st == PQI_OK && ev.kind != PQI_EV_MESSAGE ? PQI_ERR_SELFTEST : st;
}

/* A few messages before the one that is measured: chains are not at their beginning. */
static pqi_status warm(fleet *f, uint32_t i, uint8_t packet[PACKET], size_t *len)
{
    sender s;
    pqi_status st = start_sender(f, i, &s);
    for (uint64_t more = 1u + next(f) % 16u; st == PQI_OK && more != 0; more--) {
        st = seal(i, &s, packet, len);
        st = st == PQI_OK ? receive(f, i, packet, *len) : st;
    }
    return st == PQI_OK ? seal(i, &s, packet, len) : st;
}

/* Messages of sessions that were not touched since many others were. */
static pqi_status bench_open(fleet *f)
{
    const uint32_t each = f->n / ROUNDS < SAMPLE ? f->n / ROUNDS : SAMPLE;
    double v[ROUNDS];
    pqi_status st = each == 0 ? PQI_ERR_UNSUPPORTED : PQI_OK;
    for (uint32_t k = 0; k < ROUNDS * each && st == PQI_OK; k++) {
        st = warm(f, f->order[k], f->packet[k], &f->len[k]);
    }
    for (uint32_t r = 0, k = 0; r < ROUNDS && st == PQI_OK; r++) {
        const uint64_t t = pqi_bench_now_ns();
        for (uint32_t i = 0; i < each && st == PQI_OK; i++, k++) {
            st = receive(f, f->order[k], f->packet[k], f->len[k]);
        }
        v[r] = (double)(pqi_bench_now_ns() - t) / each;
    }
    if (st == PQI_OK) {
        median_of(f, "open-256-cold", v);
    }
    return st == PQI_ERR_UNSUPPORTED ? PQI_OK : st;
}

static void sizes(const fleet *f)
{
    const pqi_endpoint_cfg *c = &f->e.cfg;
    const double n = f->n, sessions = (double)c->sessions.mem.len;
    const double all = sessions + n * sizeof(pqi_peer) + (double)c->scratch.len;
    pqi_bench_figure(f->b, "fleet", "sessions", n, "sessions");
    pqi_bench_figure(f->b, "fleet", "session", f->e.sessions->table.stride, "bytes");
    pqi_bench_figure(f->b, "fleet", "pair", sizeof(pqi_pair), "bytes");
    pqi_bench_figure(f->b, "fleet", "sessions-of-a-peer", sessions / n, "bytes");
    pqi_bench_figure(f->b, "fleet", "peer-in-all", all / n, "bytes");
    pqi_bench_figure(f->b, "fleet", "memory", all, "bytes");
}

void pqi_bench_fleet(pqi_bench *b)
{
    fleet *f = pqi_cli_alloc(sizeof *f);
    memset(f, 0, sizeof *f);
    f->b = b;
    f->n = b->fleet;
    f->suite = pqi_algs_suite(b->algs, pqi_suite_0002.id);
    pqi_status st = f->suite != NULL ? prepare(f) : PQI_ERR_UNSUPPORTED;
    if (st == PQI_OK) {
        sizes(f);
        st = settle(f);
    }
    if (st == PQI_OK) {
        st = bench_lookup(f);
    }
    if (st == PQI_OK) {
        st = bench_poll(f);
    }
    if (st == PQI_OK) {
        st = bench_open(f);
    }
    if (st != PQI_OK && st != PQI_ERR_UNSUPPORTED) {
        b->failed = true;
        (void)pqi_cli_fail(PQI_CLI_FAILED, "pqi selftest", "fleet: status %d", (int)st);
    }
    free(f->e.cfg.peers);
    free(f->e.cfg.scratch.ptr);
    free(f->e.cfg.sessions.mem.ptr);
    free(f->rsid);
    free(f->order);
    free(f->packet);
    free(f->len);
    free(f->tmp);
    free(f);
}
