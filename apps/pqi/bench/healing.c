/* SPDX-License-Identifier: Apache-2.0
 * What is counted of sessions, not timed: bytes that healing adds to a message, hashes of the chain for a
 * message, bytes of a session and a peer. Healing is a run of two ends over some hours of a clock that
 * is a number, nothing lost, a message of 32 bytes each second. */
#include "bench.h"

#include "session/ratchet.h"

#include <pqi/endpoint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD 32u
#define HOURS   12u
#define ROUNDS  2u
#define PACKET  4096u
#define PLAIN   (9u + PQI_AEAD_TAG) /* header and tag: what a message has anyway */

typedef struct end {
    uint32_t mem[(sizeof(pqi_session_std) + 3u) / 4u];
    pqi_ratchet_view v;
    pqi_ratchet_env env;
    pqi_round_mem rounds[ROUNDS];
    uint8_t bufs[ROUNDS][PQI_ROUND_BUF_MAX];
    pqi_ratchet_counts counts;
    bool due; /* a message of its own */
} end;

typedef struct run_state {
    pqi_provider provider; /* first */
    const pqi_algs *algs;
    pqi_ratchet_limits limits;
    end e[2];
    uint32_t now;
    uint8_t packet[PACKET], plain[PACKET];
    uint64_t bytes, messages; /* of packets, control messages too; of the application */
    uint8_t *tmp;
} run_state;

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    const run_state *s = (const run_state *)(const void *)p;
    return s->algs->classic->random(out.ptr, out.len);
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI, .name = "bench", .random = op_random};

/* As the endpoint sets them. */
static pqi_ratchet_limits limits_of(const pqi_session_limits *l)
{
    pqi_ratchet_limits r = pqi_ratchet_ip;
    r.d_msgs = l->d_msgs;
    r.d_s = l->d_s;
    r.h_msgs = l->h_msgs;
    r.h_s = l->h_s;
    r.grace_s = l->grace_s;
    r.d_min_s = l->d_min_s;
    r.h_min_s = l->h_min_s;
    r.burst = l->burst != 0;
    return r;
}

static pqi_status start(run_state *s, unsigned who, const pqi_suite *suite, uint8_t chunk)
{
    static const pqi_hs_out keys = {.rk0 = {1}, .ck_i2r = {2}, .ck_r2i = {3}, .rms0 = {4}};
    end *e = &s->e[who];
    for (unsigned i = 0; i < ROUNDS; i++) {
        e->rounds[i].buf = e->bufs[i];
        e->rounds[i].len = PQI_ROUND_BUF_MAX;
    }
    e->env = (pqi_ratchet_env){.algs = s->algs,
        .provider = &s->provider,
        .limits = &s->limits,
        .rounds = e->rounds,
        .n_rounds = ROUNDS,
        .counts = &e->counts,
        .tmp = {s->tmp, pqi_ratchet_tmp_len(&pqi_chain_std, suite)}};
    e->v = pqi_session_view(&pqi_chain_std, e->mem);
    const pqi_ratchet_init init = {.suite = suite,
        .mode = PQI_HS_MODE_S,
        .side = who == 0 ? PQI_HS_SIDE_I : PQI_HS_SIDE_R,
        .keys = &keys,
        .rsid_own = 1u + who,
        .rsid_peer = 2u - who,
        .now_s = s->now,
        .chunk = chunk};
    return pqi_ratchet_start(&e->env, &e->v, &init);
}

/* Public-key steps and records of an end; then whether it wants to send by itself. */
static pqi_status serve(run_state *s, unsigned who)
{
    enum { STEPS = 8 };
    end *e = &s->e[who];
    pqi_ratchet_rms rms;
    unsigned due = pqi_ratchet_due(&e->env, &e->v, s->now);
    pqi_status st = PQI_OK;
    for (int i = 0; i < STEPS && st == PQI_OK && (due & (PQI_DUE_WORK | PQI_DUE_STORE)) != 0; i++) {
        if ((due & PQI_DUE_WORK) != 0) {
            st = pqi_ratchet_work(&e->env, &e->v, s->now);
        } else {
            st = pqi_ratchet_secrets(&e->env, &e->v, &rms);
            pqi_ratchet_stored(&e->v);
        }
        due = pqi_ratchet_due(&e->env, &e->v, s->now);
    }
    e->due = (due & PQI_DUE_SEND) != 0;
    return st;
}

static pqi_status say(run_state *s, unsigned from, bool app)
{
    static const uint8_t text[PAYLOAD];
    end *a = &s->e[from], *b = &s->e[1u - from];
    const pqi_ratchet_msg m = {.ctx = {PQI_HS_CTX_TOPIC, {PQI_LIT("plant/7/valve/state")}},
        .app = app,
        .payload = {text, app ? PAYLOAD : 0u}};
    size_t len = 0;
    pqi_hs_data d;
    pqi_ratchet_opened o;
    pqi_status st =
        pqi_ratchet_seal(&a->env, &a->v, s->now, &m, (pqi_span){s->packet, PACKET}, &len);
    if (st == PQI_OK) {
        st = serve(s, from);
    }
    if (st == PQI_OK) {
        st = pqi_hs_data_read((pqi_cspan){s->packet, len}, &d);
    }
    if (st == PQI_OK) {
        st = pqi_ratchet_open(&b->env, &b->v, s->now, &d, &m.ctx, (pqi_span){s->plain, PACKET}, &o);
    }
    s->bytes += len;
    s->messages += app ? 1u : 0u;
    return st == PQI_OK ? serve(s, 1u - from) : st;
}

/* A second: what the application says, then what the ends say by themselves. */
static pqi_status second(run_state *s, bool both)
{
    enum { MORE = 8 };
    pqi_status st = say(s, 0, true);
    if (st == PQI_OK && both) {
        st = say(s, 1, true);
    }
    for (int i = 0; i < MORE && st == PQI_OK && (s->e[0].due || s->e[1].due); i++) {
        st = say(s, s->e[0].due ? 0 : 1, false);
    }
    return st;
}

static void healing(pqi_bench *b, const pqi_session_limits *l, bool both, const char *name)
{
    const pqi_suite *suite = pqi_algs_suite(b->algs, pqi_suite_0002.id);
    if (suite == NULL || !pqi_bench_wants(b, name, "healing")) {
        return;
    }
    run_state *s = pqi_cli_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->provider.ops = &ops;
    s->algs = b->algs;
    s->limits = limits_of(l);
    s->now = 1000;
    s->tmp = pqi_cli_alloc(pqi_ratchet_tmp_len(&pqi_chain_std, suite));
    pqi_status st = start(s, 0, suite, l->chunk);
    if (st == PQI_OK) {
        st = start(s, 1, suite, l->chunk);
    }
    for (uint32_t i = 0; i < HOURS * 3600u && st == PQI_OK; i++, s->now++) {
        st = second(s, both);
    }
    if (st == PQI_OK) {
        const double n = (double)s->messages, all = (double)s->bytes;
        pqi_bench_figure(b, name, "healing", (all - n * (PAYLOAD + PLAIN)) / n, "bytes/message");
        pqi_bench_figure(
            b, name, "D-rounds", s->e[0].counts.d_rounds / (double)HOURS, "rounds/hour");
        pqi_bench_figure(
            b, name, "H-rounds", s->e[0].counts.h_rounds / (double)HOURS, "rounds/hour");
    }
    b->failed = b->failed || st != PQI_OK;
    free(s->tmp);
    free(s);
}

/* ---- hashes -------------------------------------------------------------------------------------- */

/* The table has no place for a context. One thread. */
static const pqi_classic *real;
static uint64_t hashes;

static pqi_status count_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    hashes++;
    return real->hash(id, parts, n, out);
}

static pqi_status count_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    hashes++;
    return real->hmac(id, key, parts, n, out);
}

/* Of messages in order, without a round. */
static pqi_status count(run_state *s, unsigned messages, double *sealed, double *opened)
{
    const pqi_suite *suite = pqi_algs_suite(s->algs, pqi_suite_0002.id);
    s->provider.ops = &ops;
    s->limits = pqi_ratchet_lpwan;
    s->limits.d_msgs = s->limits.h_msgs = UINT32_MAX / 64u;
    s->tmp = pqi_cli_alloc(pqi_ratchet_tmp_len(&pqi_chain_std, suite));
    pqi_status st = start(s, 0, suite, 32);
    if (st == PQI_OK) {
        st = start(s, 1, suite, 32);
    }
    const uint8_t text[PAYLOAD] = {0};
    const pqi_ratchet_msg m = {.ctx = {PQI_HS_CTX_TOPIC, {PQI_LIT("plant/7/valve/state")}},
        .app = true,
        .payload = {text, sizeof text}};
    uint64_t by[2] = {0, 0};
    for (unsigned i = 0; i < messages && st == PQI_OK; i++) {
        size_t len = 0;
        pqi_hs_data d;
        pqi_ratchet_opened o;
        hashes = 0;
        st = pqi_ratchet_seal(&s->e[0].env, &s->e[0].v, 0, &m, (pqi_span){s->packet, PACKET}, &len);
        by[0] += hashes;
        hashes = 0;
        if (st == PQI_OK) {
            st = pqi_hs_data_read((pqi_cspan){s->packet, len}, &d);
        }
        if (st == PQI_OK) {
            st = pqi_ratchet_open(
                &s->e[1].env, &s->e[1].v, 0, &d, &m.ctx, (pqi_span){s->plain, PACKET}, &o);
        }
        by[1] += hashes;
    }
    *sealed = (double)by[0] / messages;
    *opened = (double)by[1] / messages;
    free(s->tmp);
    return st;
}

static void bench_hashes(pqi_bench *b)
{
    static const char *const name = "session PRF";
    if (pqi_algs_suite(b->algs, pqi_suite_0002.id) == NULL ||
        (!pqi_bench_wants(b, name, "seal") && !pqi_bench_wants(b, name, "open"))) {
        return;
    }
    pqi_classic counting = *b->algs->classic;
    pqi_algs algs = *b->algs;
    real = b->algs->classic;
    counting.hash = count_hash;
    counting.hmac = count_hmac;
    algs.classic = &counting;
    run_state *s = pqi_cli_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->algs = &algs;
    double sealed = 0, opened = 0;
    const pqi_status st = count(s, 1u << 14, &sealed, &opened);
    if (st == PQI_OK) {
        pqi_bench_figure(b, name, "seal", sealed, "hashes/message");
        pqi_bench_figure(b, name, "open", opened, "hashes/message");
    }
    b->failed = b->failed || st != PQI_OK;
    free(s);
}

/* ---- bytes --------------------------------------------------------------------------------------- */

static void bench_bytes(pqi_bench *b)
{
    enum { MANY = 1001 };
    static const struct {
        const char *name;
        const pqi_chain_profile *profile;
        pqi_session_reach reach;
    } rows[] = {{"session tiny", &pqi_chain_tiny, PQI_SESSION_TINY},
        {"session std", &pqi_chain_std, PQI_SESSION_STD},
        {"session gateway", &pqi_chain_gateway, PQI_SESSION_GATEWAY}};
    pqi_session_cfg c = {.use = PQI_SESSIONS_REQUIRE, .n_sessions = 2, .n_handshakes = 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pqi_bench_figure(
            b, rows[i].name, "state", (double)pqi_session_size(rows[i].profile), "bytes");
    }
    const size_t more =
        pqi_endpoint_sessions_len(b->algs, &c, MANY) - pqi_endpoint_sessions_len(b->algs, &c, 1);
    pqi_bench_figure(b, "session peer", "state", (double)(more / (MANY - 1)), "bytes");
    pqi_bench_figure(b, "session peer", "certificate", (double)sizeof(pqi_peer), "bytes");
}

void pqi_bench_healing(pqi_bench *b)
{
    bench_bytes(b);
    bench_hashes(b);
    healing(b, &pqi_session_limits_ip, true, "session IP both");
    healing(b, &pqi_session_limits_ip, false, "session IP one-way");
    healing(b, &pqi_session_limits_lpwan, true, "session LPWAN both");
    healing(b, &pqi_session_limits_lpwan, false, "session LPWAN one-way");
}
