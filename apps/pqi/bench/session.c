/* SPDX-License-Identifier: Apache-2.0
 * Messages of one v4 session on one core, in order: suite 0x0002, no round under way. Both ends begin
 * again from a copy of their state after some messages, so that an epoch does not end. */
#include "bench.h"

#include "session/ratchet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 256u
#define MOST 4096u
#define ROOM (MOST + PQI_RATCHET_OVERHEAD)

typedef struct end {
    pqi_session_std now, first;
    pqi_ratchet_view v;
    pqi_ratchet_env env;
} end;

typedef struct session_state {
    end i, r;
    pqi_ratchet_limits limits;
    pqi_provider provider;
    pqi_ratchet_msg msg;
    uint8_t text[MOST], plain[MOST + PQI_FRAMES_FIXED_MAX];
    uint8_t packet[RING][ROOM];
    size_t len;
    uint8_t *tmp;
} session_state;

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    (void)p;
    (void)out;
    return PQI_ERR_RNG; /* no round is begun */
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI, .name = "bench", .random = op_random};

static pqi_status session_seal(void *state, uint64_t n)
{
    session_state *s = state;
    if (n % RING == 0) {
        s->i.now = s->i.first;
    }
    return pqi_ratchet_seal(
        &s->i.env, &s->i.v, 1, &s->msg, (pqi_span){s->packet[n % RING], ROOM}, &s->len);
}

static pqi_status open_one(session_state *s, uint64_t n)
{
    pqi_hs_data d;
    pqi_ratchet_opened o;
    pqi_status st = pqi_hs_data_read((pqi_cspan){s->packet[n % RING], s->len}, &d);
    return st == PQI_OK ? pqi_ratchet_open(&s->r.env, &s->r.v, 1, &d, &s->msg.ctx,
                              (pqi_span){s->plain, sizeof s->plain}, &o)
                        : st;
}

static pqi_status session_open(void *state, uint64_t n)
{
    session_state *s = state;
    if (n % RING == 0) {
        s->r.now = s->r.first;
    }
    return open_one(s, n);
}

/* A forged packet as far ahead as is looked at: what it costs to refuse it. */
static pqi_status session_refuse(void *state, uint64_t n)
{
    session_state *s = state;
    uint8_t *b = s->packet[0];
    (void)n;
    b[7] ^= 0x3f; /* n + 16128 */
    pqi_status st = open_one(s, 0);
    b[7] ^= 0x3f;
    return st == PQI_ERR_AUTH ? PQI_OK : PQI_ERR_SELFTEST;
}

static pqi_status start(
    session_state *s, end *e, const pqi_algs *a, const pqi_hs_out *keys, pqi_hs_side side)
{
    const pqi_suite *suite = pqi_algs_suite(a, pqi_suite_0002.id);
    if (suite == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    e->v = pqi_session_view(&pqi_chain_std, &e->now);
    e->env = (pqi_ratchet_env){.algs = a,
        .provider = &s->provider,
        .limits = &s->limits,
        .tmp = {s->tmp, pqi_ratchet_tmp_len(&pqi_chain_std, suite)}};
    const pqi_ratchet_init init = {.suite = suite,
        .mode = PQI_HS_MODE_S,
        .side = side,
        .keys = keys,
        .rsid_own = side == PQI_HS_SIDE_I ? 1 : 2,
        .rsid_peer = side == PQI_HS_SIDE_I ? 2 : 1,
        .chunk = 32};
    pqi_status st = pqi_ratchet_start(&e->env, &e->v, &init);
    e->first = e->now;
    return st;
}

static pqi_status prepare(session_state *s, const pqi_algs *a)
{
    static const pqi_hs_out keys = {.rk0 = {1}, .ck_i2r = {2}, .ck_r2i = {3}, .rms0 = {4}};
    const pqi_suite *suite = pqi_algs_suite(a, pqi_suite_0002.id);
    s->limits = pqi_ratchet_lpwan;
    s->provider.ops = &ops;
    s->msg =
        (pqi_ratchet_msg){.ctx = {PQI_HS_CTX_TOPIC, {PQI_LIT("plant/7/valve/state")}}, .app = true};
    if (suite == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    s->tmp = pqi_cli_alloc(pqi_ratchet_tmp_len(&pqi_chain_std, suite));
    pqi_status st = start(s, &s->i, a, &keys, PQI_HS_SIDE_I);
    return st == PQI_OK ? start(s, &s->r, a, &keys, PQI_HS_SIDE_R) : st;
}

typedef struct size_row {
    size_t bytes;
    const char *seal, *open, *refuse;
} size_row;

static const size_row rows[] = {{32, "seal-32", "open-32", "refuse-32"},
    {256, "seal-256", "open-256", "refuse-256"}, {1024, "seal-1024", "open-1024", "refuse-1024"},
    {MOST, "seal-4096", "open-4096", "refuse-4096"}};

static void bench_size(pqi_bench *b, session_state *s, const size_row *row)
{
    const size_t adds = 9u + PQI_AEAD_TAG, bytes = row->bytes;
    s->msg.payload = (pqi_cspan){s->text, bytes};
    pqi_bench_run(b, &(pqi_bench_case){"session", row->seal, bytes, session_seal, s, adds});
    for (uint64_t n = 0; n < RING; n++) {
        b->failed = session_seal(s, n) != PQI_OK || b->failed;
    }
    pqi_bench_run(b, &(pqi_bench_case){"session", row->open, bytes, session_open, s, adds});
    s->r.now = s->r.first;
    pqi_bench_run(b, &(pqi_bench_case){"session", row->refuse, bytes, session_refuse, s, adds});
}

void pqi_bench_session(pqi_bench *b)
{
    bool wanted = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        wanted = wanted || pqi_bench_wants(b, "session", rows[i].seal) ||
                 pqi_bench_wants(b, "session", rows[i].open) ||
                 pqi_bench_wants(b, "session", rows[i].refuse);
    }
    if (!wanted) {
        return;
    }
    session_state *s = pqi_cli_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    pqi_status st = prepare(s, b->algs);
    for (size_t i = 0; st == PQI_OK && i < sizeof rows / sizeof rows[0]; i++) {
        bench_size(b, s, &rows[i]);
    }
    b->failed = b->failed || (st != PQI_OK && st != PQI_ERR_UNSUPPORTED);
    free(s->tmp);
    free(s);
}
