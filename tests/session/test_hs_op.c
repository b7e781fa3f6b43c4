/* SPDX-License-Identifier: Apache-2.0
 * The steps of a handshake, both ends: the packets and keys of the worked examples byte for byte, and
 * what each step costs. */
#include "pqi_test.h"

#include "session/hs_rig.h"

#include <pqi/host.h>
#include <pqi/provider_soft.h>

static hs_run run;
static hs_rig rig;

static bool is_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    unsigned any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= b[i];
    }
    return any == 0;
}

static void with_tag(const pqi_hs_gate_in *g, hs_buf *b)
{
    assert_true(is_zero(b->b + b->len - PQI_HS_GATE, PQI_HS_GATE));
    assert_int_equal(pqi_hs_gate_tag(&pqi_classic_openssl, g, (pqi_span){b->b, b->len}), PQI_OK);
}

static void same_packet(const hs_buf *a, const hs_buf *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->b, b->b, b->len);
}

/* hs_run.c goes the whole way by itself, from the same seeds; its packets are those of the example file,
 * which hs_oracle.py derives again. */
static void same_as_run(const hs_case *c)
{
    static hs_buf again;
    hs_run_case(c, &run);
    hs_rig_make(&rig, &run, NULL);
    const pqi_hs_gate_in i2r = {run.gk_i2r, rig.i.self.id, rig.r.self.id, rig.i.say.topic_i},
                         r2i = {run.gk_r2i, rig.r.self.id, rig.i.self.id, rig.i.say.topic_r};
    assert_int_equal(hs_rig_init(&rig), PQI_OK);
    with_tag(&i2r, &rig.init);
    same_packet(&rig.init, &run.init);
    assert_int_equal(
        pqi_hs_remake_init(&rig.i.op, &rig.pend, (pqi_span){again.b, sizeof again.b}, &again.len),
        PQI_OK);
    with_tag(&i2r, &again);
    same_packet(&again, &run.init);
    assert_int_equal(hs_rig_answer(&rig), PQI_OK);
    with_tag(&r2i, &rig.resp);
    same_packet(&rig.resp, &run.resp);
    assert_int_equal(hs_rig_resp(&rig), PQI_OK);
    same_packet(&rig.conf, &run.conf);
    assert_memory_equal(&rig.taken.keys, &run.out_i, sizeof run.out_i);
    assert_int_equal(rig.taken.resp.rsid_r, rig.r.say.rsid);
    assert_true(is_zero(&rig.pend, sizeof rig.pend));
    assert_int_equal(hs_rig_conf(&rig), PQI_OK);
    assert_memory_equal(&rig.out_r, &run.out_r, sizeof run.out_r);
    assert_true(is_zero(&rig.await, sizeof rig.await));
    assert_true(is_zero(rig.i.tmp, sizeof rig.i.tmp) && is_zero(rig.r.tmp, sizeof rig.r.tmp));
}

static void the_examples(void **state)
{
    (void)state;
    for (size_t k = 0; k < hs_n_cases; k++) {
        same_as_run(&hs_cases[k]);
    }
}

/* Every mode with every suite, and other signatures. */
static void every_mode_and_suite(void **state)
{
    (void)state;
    static const pqi_suite *const suites[] = {&pqi_suite_0001, &pqi_suite_0002, &pqi_suite_0004,
        &pqi_suite_0005, &pqi_suite_0006, &pqi_suite_0007, &pqi_suite_0008};
    static const pqi_hs_mode modes[] = {PQI_HS_MODE_S, PQI_HS_MODE_K, PQI_HS_MODE_M};
    for (size_t k = 0; k < sizeof suites / sizeof suites[0]; k++) {
        for (size_t m = 0; m < 3; m++) {
            const bool s = modes[m] == PQI_HS_MODE_S, signs = modes[m] != PQI_HS_MODE_K;
            const hs_case c = {"", modes[m], suites[k], s ? &pqi_sig_ml_dsa_44 : NULL,
                signs ? &pqi_sig_ml_dsa_65 : NULL, (k + m) % 2 == 0, (k + m) % 3 == 0};
            same_as_run(&c);
        }
    }
}

/* A device that names the small variants, each with exactly its own scratch, and a gateway that does not,
 * in either role: the same packets and keys. The reader's table has the other variant. */
static void mixed_variants(void **state)
{
    (void)state;
    static const pqi_suite *const variants[][2] = {{&pqi_suite_0001, &pqi_suite_0001_small},
        {&pqi_suite_0002, &pqi_suite_0002_small}, {&pqi_suite_0004, &pqi_suite_0004_small}};
    for (size_t k = 0; k < 6; k++) {
        const hs_case c = {"", PQI_HS_MODE_K, variants[k / 2][0], NULL, NULL, false, true};
        hs_run_case(&c, &run);
        hs_rig_make(&rig, &run, NULL);
        const pqi_hs_form f = {.suite = variants[k / 2][1], .mode = PQI_HS_MODE_K};
        hs_end *e = k % 2 == 0 ? &rig.i : &rig.r;
        e->say.suite = f.suite;
        e->op.tmp.len = pqi_hs_tmp_len(&f);
        assert_true(e->op.tmp.len < pqi_hs_tmp_len(&rig.form));
        memset(e->tmp + e->op.tmp.len, 0xee, 64);
        hs_rig_all(&rig);
        assert_memory_equal(&rig.out_r, &run.out_r, sizeof run.out_r);
        for (size_t i = 0; i < 64; i++) {
            assert_int_equal(e->tmp[e->op.tmp.len + i], 0xee);
        }
    }
}

/* ---- cost ---------------------------------------------------------------------------------------- */

typedef struct cost {
    pqi_hs_mode mode;
    uint64_t step[4][PQI_PK_KINDS]; /* make_init, answer, take_resp, take_conf */
} cost;

/* keygen, encaps, decaps, x public, x, own decaps, own dh, sign, verify */
static const cost costs[] = {
    {PQI_HS_MODE_S, {{1, 0, 0, 1, 0, 0, 0, 0, 0}, {0, 1, 0, 1, 1, 0, 0, 1, 0},
                        {1, 0, 1, 0, 1, 0, 0, 1, 1}, {0, 0, 0, 0, 0, 0, 0, 0, 1}}},
    {PQI_HS_MODE_K, {{1, 1, 0, 1, 1, 0, 0, 0, 0}, {0, 2, 0, 1, 2, 1, 1, 0, 0},
                        {1, 0, 1, 0, 1, 1, 1, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {PQI_HS_MODE_M, {{1, 0, 0, 1, 0, 0, 0, 0, 0}, {0, 2, 0, 1, 2, 0, 0, 1, 0},
                        {1, 0, 1, 0, 1, 1, 1, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 0, 0}}},
};

static void spent(pqi_pk_counts *n, const uint64_t *want)
{
    uint64_t total = 0;
    for (size_t k = 0; k < PQI_PK_KINDS; k++) {
        assert_int_equal(n->by[k], want[k]);
        total += want[k];
    }
    assert_int_equal(n->total, total);
    memset(n, 0, sizeof *n);
}

static void what_a_step_costs(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        const bool s = costs[k].mode == PQI_HS_MODE_S, signs = costs[k].mode != PQI_HS_MODE_K;
        const hs_case c = {"", costs[k].mode, &pqi_suite_0001, s ? &pqi_sig_ml_dsa_44 : NULL,
            signs ? &pqi_sig_ml_dsa_44 : NULL, false, false};
        hs_run_case(&c, &run);
        hs_rig_make(&rig, &run, NULL);
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        spent(&rig.i.counts, costs[k].step[0]);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        spent(&rig.r.counts, costs[k].step[1]);
        assert_int_equal(hs_rig_resp(&rig), PQI_OK);
        spent(&rig.i.counts, costs[k].step[2]);
        assert_int_equal(hs_rig_conf(&rig), PQI_OK);
        spent(&rig.r.counts, costs[k].step[3]);
        /* the provider saw what was counted */
        assert_int_equal(rig.i.prov.count[FAKE_DECAPS], costs[k].step[2][PQI_PK_KEY_DECAPS]);
        assert_int_equal(rig.r.prov.count[FAKE_DH], costs[k].step[1][PQI_PK_KEY_DH]);
    }
}
/* ---- real providers ------------------------------------------------------------------------------ */

typedef struct soft_end {
    pqi_soft soft;
    uint64_t mem[49152];
    uint8_t kem_pk[PQI_KEM_MAX_PK], x_pk[PQI_X25519_LEN], sig_pk[PQI_SIG_MAX_PK];
} soft_end;

static pqi_status forget(void *arg, pqi_cspan bytes)
{
    (void)arg;
    (void)bytes;
    return PQI_OK;
}

static pqi_cspan soft_key(pqi_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg, pqi_span pk)
{
    size_t n = 0;
    assert_int_equal(pqi_provider_generate(p, key, kind, alg), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, key, pk, &n), PQI_OK);
    return (pqi_cspan){pk.ptr, n};
}

static void soft_keys(soft_end *s, hs_end *e, const pqi_algs *a, uint64_t boot)
{
    const pqi_suite *suite = rig.c->suite;
    const pqi_soft_cfg cfg = {.algs = a,
        .platform = {.save_keys = forget, .save_counters = forget},
        .slots = 3,
        .workers = 1,
        .boot = boot,
        .mem = {(uint8_t *)s->mem, sizeof s->mem}};
    assert_true(pqi_soft_mem_len(&cfg) <= sizeof s->mem);
    assert_int_equal(pqi_soft_create(&s->soft, &cfg), PQI_OK);
    pqi_provider *p = pqi_soft_provider(&s->soft);
    e->self.provider = p;
    e->self.kem_pk = e->as_peer.kem_pk = soft_key(
        p, e->self.kem, PQI_KEY_KEM, suite->kem->id, (pqi_span){s->kem_pk, sizeof s->kem_pk});
    e->self.x25519_pk = e->as_peer.x25519_pk =
        soft_key(p, e->self.x25519, PQI_KEY_X25519, 0, (pqi_span){s->x_pk, sizeof s->x_pk});
    if (e->self.sig_alg != NULL) {
        e->as_peer.sig_pk = soft_key(p, e->self.sig, PQI_KEY_SIG, e->self.sig_alg->id,
            (pqi_span){s->sig_pk, sizeof s->sig_pk});
    }
    e->say.seed = NULL;
}

/* The software provider at both ends: its random bytes, its hedged signatures. */
static void soft_providers(void **state)
{
    (void)state;
    static soft_end s[2];
    static const size_t cases[] = {1, 4, 6, 9};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        static hs_buf first;
        hs_run_case(&hs_cases[cases[k]], &run);
        hs_rig_make(&rig, &run, NULL);
        soft_keys(&s[0], &rig.i, &rig.algs, 1);
        soft_keys(&s[1], &rig.r, &rig.algs, 2);
        hs_rig_all(&rig);
        first = rig.init;
        const pqi_hs_out out = rig.out_r;
        hs_rig_all(&rig); /* the same fields: another handshake */
        assert_memory_not_equal(&out, &rig.out_r, PQI_HS_KEY);
        assert_memory_not_equal(first.b + 44, rig.init.b + 44, PQI_HS_RAND);
        hs_rig_all(&rig);
        /* a provider that is wiped: no handshake, nothing left behind */
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        const pqi_hs_pend pend = rig.pend;
        assert_int_equal(pqi_provider_zeroize(rig.i.self.provider), PQI_OK);
        assert_int_equal(hs_rig_resp(&rig), PQI_ERR_STATE);
        assert_memory_equal(&rig.pend, &pend, sizeof pend);
        assert_int_equal(hs_rig_init(&rig), PQI_ERR_STATE);
        assert_true(is_zero(&rig.pend, sizeof rig.pend));
        assert_int_equal(pqi_provider_zeroize(rig.r.self.provider), PQI_OK);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(the_examples), cmocka_unit_test(every_mode_and_suite),
    cmocka_unit_test(mixed_variants), cmocka_unit_test(what_a_step_costs),
    cmocka_unit_test(soft_providers))
