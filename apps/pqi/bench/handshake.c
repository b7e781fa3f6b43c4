/* SPDX-License-Identifier: Apache-2.0
 * v4 handshakes, each end for itself on one core, and their bytes; RESUME. A step begins from a copy of what the
 * one before left, so each end is measured alone. The provider is a bare table over keys from fixed
 * seeds; a real one adds its locking and its boundary. Gate tags, budgets and the record on the medium
 * are not in it. */
#include "../algs.h"
#include "bench.h"

#include "session/hs_op.h"
#include "session/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 12000u

typedef struct form_row {
    const char *name;
    pqi_hs_mode mode;
    uint32_t suite;
    int32_t sig; /* of the ends that sign; 0: none does */
} form_row;

static const form_row forms[] = {
    {"v4 S 512/ML-DSA-44", PQI_HS_MODE_S, 0x0001, PQI_SIG_ID_ML_DSA_44},
    {"v4 S 512/ML-DSA-65", PQI_HS_MODE_S, 0x0001, PQI_SIG_ID_ML_DSA_65},
    {"v4 S 512/Falcon-512", PQI_HS_MODE_S, 0x0001, PQI_SIG_ID_FALCON_512},
    {"v4 M 512/ML-DSA-44", PQI_HS_MODE_M, 0x0001, PQI_SIG_ID_ML_DSA_44},
    {"v4 M 512/Falcon-512", PQI_HS_MODE_M, 0x0001, PQI_SIG_ID_FALCON_512},
    {"v4 K 512", PQI_HS_MODE_K, 0x0001, 0},
    {"v4 S 768/ML-DSA-44", PQI_HS_MODE_S, 0x0002, PQI_SIG_ID_ML_DSA_44},
    {"v4 S 768/ML-DSA-65", PQI_HS_MODE_S, 0x0002, PQI_SIG_ID_ML_DSA_65},
    {"v4 S 768/Falcon-512", PQI_HS_MODE_S, 0x0002, PQI_SIG_ID_FALCON_512},
    {"v4 M 768/ML-DSA-65", PQI_HS_MODE_M, 0x0002, PQI_SIG_ID_ML_DSA_65},
    {"v4 M 768/Falcon-512", PQI_HS_MODE_M, 0x0002, PQI_SIG_ID_FALCON_512},
    {"v4 K 768", PQI_HS_MODE_K, 0x0002, 0},
};

/* ---- an end -------------------------------------------------------------------------------------- */

typedef struct end {
    pqi_provider base; /* first */
    const pqi_algs *algs;
    const pqi_kem *kem;
    const pqi_sig *sig;
    uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], x_pk[PQI_X25519_LEN],
        x_sk[PQI_X25519_LEN];
    uint8_t sig_pk[PQI_SIG_MAX_PK], sig_sk[PQI_SIG_MAX_SK];
    uint8_t kid[PQI_KID_LEN], cert256[32], cert384[48];
    pqi_hs_self self;
    pqi_hs_peer as_peer;
    pqi_hs_say say;
    pqi_hs_op op;
    pqi_span tmp; /* of the provider */
} end;

static end *of(pqi_provider *p)
{
    return (end *)(void *)p;
}

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    return of(p)->algs->classic->random(out.ptr, out.len);
}

static pqi_status op_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    end *e = of(p);
    uint8_t rnd[PQI_SIG_MAX_RND];
    (void)key;
    pqi_status st = e->algs->classic->random(rnd, e->sig->rnd_len);
    return st != PQI_OK ? st
                        : pqi_sig_sign(e->sig, sig, sig_len, (pqi_cspan){e->sig_sk, e->sig->sk_len},
                              domain, parts, n_parts, (pqi_cspan){rnd, e->sig->rnd_len}, e->tmp);
}

static pqi_status op_decapsulate(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    end *e = of(p);
    (void)key;
    return pqi_kem_decaps(
        e->kem, (pqi_span){ss, PQI_KEM_SS}, ct, (pqi_cspan){e->kem_sk, e->kem->sk_len}, e->tmp);
}

static pqi_status op_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    (void)key;
    return of(p)->algs->classic->x25519(ss, of(p)->x_sk, peer);
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI,
    .name = "bench",
    .random = op_random,
    .sign = op_sign,
    .decapsulate = op_decapsulate,
    .dh = op_dh};

static pqi_status make_end(
    end *e, const pqi_algs *a, const pqi_suite *suite, const pqi_sig *sig, uint8_t n)
{
    const uint8_t seed[PQI_KEM_MAX_SEED] = {n};
    e->base.ops = &ops;
    e->algs = a;
    e->kem = suite->kem;
    e->sig = sig;
    e->kid[0] = e->cert256[0] = e->cert384[0] = n;
    memset(e->x_sk, n, sizeof e->x_sk);
    const pqi_cspan id =
        n == 1 ? (pqi_cspan){PQI_LIT("pump-1")} : (pqi_cspan){PQI_LIT("control-1")};
    pqi_status st = pqi_kem_keygen(e->kem, (pqi_span){e->kem_pk, e->kem->pk_len},
        (pqi_span){e->kem_sk, e->kem->sk_len}, (pqi_cspan){seed, e->kem->seed_len}, e->tmp);
    if (st == PQI_OK && sig != NULL) {
        st = pqi_sig_keygen(sig, (pqi_span){e->sig_pk, sig->pk_len},
            (pqi_span){e->sig_sk, sig->sk_len}, (pqi_cspan){seed, sig->seed_len}, e->tmp);
    }
    if (st == PQI_OK) {
        st = a->classic->x25519_public(e->x_pk, e->x_sk);
    }
    e->as_peer = (pqi_hs_peer){.id = id,
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = {e->kem_pk, e->kem->pk_len},
        .x25519_pk = {e->x_pk, sizeof e->x_pk},
        .sig_alg = sig,
        .sig_pk = {e->sig_pk, sig != NULL ? sig->pk_len : 0}};
    e->self = (pqi_hs_self){.provider = &e->base,
        .kem = 1,
        .x25519 = 2,
        .sig = 3,
        .sig_alg = sig,
        .id = id,
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = e->as_peer.kem_pk,
        .x25519_pk = e->as_peer.x25519_pk};
    return st;
}

/* ---- the steps ----------------------------------------------------------------------------------- */

typedef struct hs_state {
    end i, r;
    pqi_hs_pend pend, pend_now;
    pqi_hs_await await, await_now;
    pqi_hs_taken taken;
    pqi_hs_out keys;
    uint8_t init[ROOM], resp[ROOM], conf[ROOM], out[ROOM];
    size_t init_len, resp_len, conf_len, len;
    uint8_t *tmp;
} hs_state;

/* The first of each is kept, what follows goes elsewhere. */
static pqi_status make_init(void *state, uint64_t n)
{
    hs_state *s = state;
    (void)n;
    return pqi_hs_make_init(&s->i.op, &s->i.say, &s->pend_now, (pqi_span){s->out, ROOM}, &s->len);
}

static pqi_status answer_init(void *state, uint64_t n)
{
    hs_state *s = state;
    pqi_hs_init in;
    (void)n;
    pqi_status st = pqi_hs_init_read(s->r.algs, (pqi_cspan){s->init, s->init_len}, &in);
    return st == PQI_OK ? pqi_hs_answer(&s->r.op, &s->r.say, &in, &s->await_now,
                              (pqi_span){s->out, ROOM}, &s->len)
                        : st;
}

static pqi_status take_resp(void *state, uint64_t n)
{
    hs_state *s = state;
    (void)n;
    s->pend_now = s->pend;
    return pqi_hs_take_resp(&s->i.op, &s->pend_now, (pqi_cspan){s->resp, s->resp_len}, &s->taken,
        (pqi_span){s->out, ROOM}, &s->len);
}

static pqi_status take_conf(void *state, uint64_t n)
{
    hs_state *s = state;
    (void)n;
    s->await_now = s->await;
    return pqi_hs_take_conf(&s->r.op, &s->await_now, (pqi_cspan){s->conf, s->conf_len}, &s->keys);
}

/* One handshake: the states and packets that every step begins from. */
static pqi_status once(hs_state *s)
{
    pqi_status st = make_init(s, 0);
    s->pend = s->pend_now;
    memcpy(s->init, s->out, s->init_len = s->len);
    if (st == PQI_OK) {
        st = answer_init(s, 0);
        s->await = s->await_now;
        memcpy(s->resp, s->out, s->resp_len = s->len);
    }
    if (st == PQI_OK) {
        st = take_resp(s, 0);
        memcpy(s->conf, s->out, s->conf_len = s->len);
    }
    if (st == PQI_OK) {
        st = take_conf(s, 0);
    }
    return st == PQI_OK && memcmp(&s->keys, &s->taken.keys, sizeof s->keys) != 0 ? PQI_ERR_SELFTEST
                                                                                 : st;
}

static pqi_status prepare(hs_state *s, const pqi_algs *a, const form_row *row)
{
    const pqi_suite *suite = pqi_algs_suite(a, row->suite);
    const pqi_sig *sig = row->sig != 0 ? pqi_algs_sig(a, row->sig) : NULL;
    if (suite == NULL || (row->sig != 0 && sig == NULL)) {
        return PQI_ERR_UNSUPPORTED;
    }
    const pqi_sig *sig_i = row->mode == PQI_HS_MODE_S ? sig : NULL;
    const pqi_hs_form f = {.suite = suite, .mode = row->mode, .sig_i = sig_i, .sig_r = sig};
    const size_t hs = pqi_hs_tmp_len(&f), prov = pqi_cli_tmp_len(a);
    s->tmp = pqi_cli_alloc(hs + prov);
    s->i.tmp = s->r.tmp = (pqi_span){s->tmp, prov};
    pqi_status st = make_end(&s->i, a, suite, sig_i, 1);
    if (st == PQI_OK) {
        st = make_end(&s->r, a, suite, sig, 2);
    }
    const pqi_span tmp = {s->tmp + prov, hs};
    s->i.op = (pqi_hs_op){a, &s->i.self, &s->r.as_peer, NULL, tmp};
    s->r.op = (pqi_hs_op){a, &s->r.self, &s->i.as_peer, NULL, tmp};
    s->i.say = (pqi_hs_say){.suite = suite,
        .mode = row->mode,
        .counter = 1,
        .rsid = 1,
        .topic_i = {PQI_LIT("pq/4/i/control-1")},
        .topic_r = {PQI_LIT("pq/4/r/pump-1")}};
    s->r.say = s->i.say;
    s->r.say.rsid = 2;
    return st == PQI_OK ? once(s) : st;
}

static void figures(
    pqi_bench *b, const hs_state *s, const char *name, double initiator, double responder)
{
    const size_t all = s->init_len + s->resp_len + s->conf_len;
    pqi_bench_figure(b, name, "INIT", (double)s->init_len, "bytes");
    pqi_bench_figure(b, name, "RESP", (double)s->resp_len, "bytes");
    pqi_bench_figure(b, name, "CONF", (double)s->conf_len, "bytes");
    pqi_bench_figure(b, name, "handshake", (double)all, "bytes");
    if (initiator > 0) {
        pqi_bench_figure(b, name, "initiator", 1e9 / initiator, "handshakes/s");
    }
    if (responder > 0) {
        pqi_bench_figure(b, name, "responder", 1e9 / responder, "handshakes/s");
    }
}

static void bench_form(pqi_bench *b, const form_row *row)
{
    static const char *const steps[] = {"make-INIT", "answer-INIT", "take-RESP", "take-CONF"};
    static pqi_status (*const run[])(void *, uint64_t) = {
        make_init, answer_init, take_resp, take_conf};
    hs_state *s = pqi_cli_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    double ns[4];
    pqi_status st = prepare(s, b->algs, row);
    if (st == PQI_OK) {
        for (unsigned i = 0; i < 4; i++) {
            ns[i] = pqi_bench_run(b, &(pqi_bench_case){row->name, steps[i], 0, run[i], s, 0});
        }
        /* Both steps, or the filter left one out. */
        figures(b, s, row->name, ns[0] > 0 && ns[2] > 0 ? ns[0] + ns[2] : 0,
            ns[1] > 0 && ns[3] > 0 ? ns[1] + ns[3] : 0);
    }
    b->failed = b->failed || (st != PQI_OK && st != PQI_ERR_UNSUPPORTED);
    free(s->tmp);
    free(s);
}

/* ---- RESUME -------------------------------------------------------------------------------------- */

typedef struct resume_state {
    const pqi_classic *c;
    pqi_resume_gen gen;
    uint8_t resume1[PQI_HS_RESUME1_LEN], resume2[PQI_HS_RESUME2_LEN];
    pqi_hs_out i, r;
} resume_state;

/* Both ends. */
static pqi_status resume_round(void *state, uint64_t n)
{
    static const pqi_resume_way way = {{PQI_LIT("pump-1")}, {PQI_LIT("control-1")},
        {PQI_LIT("pq/4/s/control-1/pump-1")}, {PQI_LIT("pq/4/s/pump-1/control-1")}};
    resume_state *s = state;
    const uint8_t random[PQI_RESUME_RANDOM] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16)};
    const pqi_resume_say i = {random, 1, 1, false}, r = {random, 2, 0, false};
    const pqi_cspan one = {s->resume1, sizeof s->resume1}, two = {s->resume2, sizeof s->resume2};
    pqi_status st = pqi_resume_ask(s->c, &s->gen, &way, &i, s->resume1);
    if (st == PQI_OK) {
        st = pqi_resume_answer(s->c, &s->gen, &way, one, &r, s->resume2, &s->r);
    }
    if (st == PQI_OK) {
        st = pqi_resume_take(s->c, &s->gen, &way, one, two, &s->i);
    }
    return st == PQI_OK && memcmp(&s->i, &s->r, sizeof s->i) != 0 ? PQI_ERR_SELFTEST : st;
}

static void bench_resume(pqi_bench *b)
{
    static const char *const name = "v4 RESUME";
    static const uint8_t rms[PQI_HS_KEY] = {1}, sid[PQI_HS_SID] = {2};
    const pqi_suite *suite = pqi_algs_suite(b->algs, pqi_suite_0002.id);
    if (suite == NULL) {
        return;
    }
    resume_state s = {.c = b->algs->classic, .gen = {suite, PQI_HS_MODE_S, rms, sid, 3, 4}};
    const double ns =
        pqi_bench_run(b, &(pqi_bench_case){name, "both-ends", 0, resume_round, &s, 0});
    pqi_bench_figure(b, name, "RESUME1", PQI_HS_RESUME1_LEN, "bytes");
    pqi_bench_figure(b, name, "RESUME2", PQI_HS_RESUME2_LEN, "bytes");
    if (ns > 0) {
        pqi_bench_figure(b, name, "round-trips", 1e9 / ns, "resumptions/s");
    }
}

void pqi_bench_handshake(pqi_bench *b)
{
    static const char *const ops_of[] = {"make-INIT", "answer-INIT", "take-RESP", "take-CONF",
        "INIT", "RESP", "CONF", "handshake", "initiator", "responder"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        bool wanted = false;
        for (size_t k = 0; k < sizeof ops_of / sizeof ops_of[0]; k++) {
            wanted = wanted || pqi_bench_wants(b, forms[i].name, ops_of[k]);
        }
        if (wanted) {
            bench_form(b, &forms[i]);
        }
    }
    bench_resume(b);
}
