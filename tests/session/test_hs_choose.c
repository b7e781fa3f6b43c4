/* SPDX-License-Identifier: Apache-2.0
 * INV-90 for suite, mode and lowest level: nobody on the way has a say in them. All pairs of certificates
 * with all policies and modes, against the rule written down once more. */
#include "pqi_test.h"

#include "session/hs_rig.h"

#include <pqi/host.h>

static pqi_algs algs;
static hs_run run;
static hs_rig rig;

static const pqi_suite *const suites[] = {
    &pqi_suite_0001, &pqi_suite_0002, &pqi_suite_0004, &pqi_suite_0005, &pqi_suite_0006};
#define N_SUITES (sizeof suites / sizeof suites[0])

static const int32_t sigs[] = {
    0, PQI_SIG_ID_ML_DSA_44, PQI_SIG_ID_ML_DSA_65, PQI_SIG_ID_FALCON_512};
static const uint16_t kems[] = {
    PQI_KEM_ID_ML_KEM_512, PQI_KEM_ID_ML_KEM_768, PQI_KEM_ID_ML_KEM_1024, PQI_KEM_ID_LIGHTSABER};

static uint32_t bits_of(unsigned set)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < N_SUITES; i++) {
        bits |= (set >> i & 1u) != 0 ? suites[i]->bitmap : 0u;
    }
    return bits;
}

static bool sig_fits(const pqi_hs_policy *p, int32_t id)
{
    const pqi_sig *s = pqi_algs_sig(&algs, id);
    return id == 0 || (s->level >= p->algs.min_level && (s->flags & p->algs.forbid) == 0);
}

/* Rank in which suites are preferred: standardised, pre-standard (X-Wing), not standardised; then level. */
static int rank(const pqi_suite *s)
{
    static const uint16_t order[] = {0x0006, 0x0005, 0x0001, 0x0002, 0x0004};
    int r = 0;
    while (order[r] != s->id) {
        r++;
    }
    return r;
}

static pqi_status want(
    const pqi_hs_policy *p, const pqi_hs_facts *a, const pqi_hs_facts *b, pqi_hs_choice *c)
{
    pqi_hs_mode m = (a->sig_id != 0) + (b->sig_id != 0) == 2   ? PQI_HS_MODE_S
                    : (a->sig_id != 0) + (b->sig_id != 0) == 1 ? PQI_HS_MODE_M
                                                               : PQI_HS_MODE_K;
    if ((p->modes >> m & 1) == 0) {
        m = PQI_HS_MODE_K;
    }
    if ((p->modes >> m & 1) == 0) {
        return PQI_ERR_POLICY;
    }
    if (m != PQI_HS_MODE_K && (!sig_fits(p, a->sig_id) || !sig_fits(p, b->sig_id))) {
        return PQI_ERR_POLICY;
    }
    const pqi_suite *best = NULL;
    for (size_t i = 0; i < N_SUITES; i++) {
        const pqi_suite *s = suites[i];
        const bool a_static = m == PQI_HS_MODE_K || (m == PQI_HS_MODE_M && a->sig_id == 0);
        const bool b_static = m == PQI_HS_MODE_K || (m == PQI_HS_MODE_M && b->sig_id == 0);
        if ((s->bitmap & a->suites & b->suites) != 0 && s->level >= p->algs.min_level &&
            ((s->flags | s->kem->flags) & p->algs.forbid) == 0 &&
            (!a_static || a->kem_id == s->kem->id) && (!b_static || b->kem_id == s->kem->id) &&
            (best == NULL || rank(s) > rank(best))) {
            best = s;
        }
    }
    *c = (pqi_hs_choice){best, m, m != PQI_HS_MODE_M || a->sig_id == 0};
    return best == NULL ? PQI_ERR_POLICY : PQI_OK;
}

static unsigned chosen, refused;

static void one_pair(const pqi_hs_policy *p, const pqi_hs_facts *a, const pqi_hs_facts *b)
{
    pqi_hs_choice w = {0}, x, y;
    pqi_status st = want(p, a, b, &w);
    assert_int_equal(pqi_hs_choose(&algs, p, a, b, &x), st);
    assert_int_equal(pqi_hs_choose(&algs, p, b, a, &y), st);
    if (st != PQI_OK) {
        refused++;
        assert_null(x.suite);
        assert_int_equal(x.mode, 0);
        assert_false(x.begins);
        return;
    }
    chosen++;
    assert_ptr_equal(x.suite, w.suite);
    assert_ptr_equal(y.suite, w.suite);
    assert_int_equal(x.mode, w.mode);
    assert_int_equal(y.mode, w.mode);
    assert_int_equal(x.begins, w.begins);
    assert_true(w.mode == PQI_HS_MODE_M ? x.begins != y.begins : x.begins && y.begins);
}

static void all_pairs(void **state)
{
    (void)state;
    const size_t n_sigs = sizeof sigs / sizeof sigs[0], n_kems = sizeof kems / sizeof kems[0];
    const size_t n_facts = 32 * n_sigs * n_kems;
    static const uint8_t levels[] = {0, 2, 3, 5};
    static const uint8_t forbid[] = {0, PQI_ALG_NOT_STANDARD, PQI_ALG_PRE_STANDARD};
    for (size_t i = 0; i < n_facts; i += 3) {
        for (size_t j = 0; j < n_facts; j += 7) {
            const pqi_hs_facts a = {bits_of(i & 31), kems[i / 32 % n_kems], sigs[i / 32 / n_kems]};
            const pqi_hs_facts b = {bits_of(j & 31), kems[j / 32 % n_kems], sigs[j / 32 / n_kems]};
            for (unsigned m = 0; m < 16; m += 2) {
                for (unsigned l = 0; l < 4; l++) {
                    const pqi_hs_policy p = {{levels[l], forbid[(i + j) % 3]}, (uint8_t)m};
                    one_pair(&p, &a, &b);
                }
            }
        }
    }
    assert_true(chosen > 10000 && refused > 10000);
}

/* More in a certificate or less in a policy never makes the suite worse, and nothing below the policy is
 * ever chosen. */
static void monotonic(void **state)
{
    (void)state;
    const pqi_hs_policy p = {{0, 0}, PQI_HS_MODES_ALL};
    for (unsigned a = 1; a < 32; a++) {
        for (unsigned more = 0; more < N_SUITES; more++) {
            pqi_hs_facts f = {bits_of(a), 0, PQI_SIG_ID_ML_DSA_65}, g = f;
            pqi_hs_choice x, y;
            f.suites |= suites[more]->bitmap;
            assert_int_equal(pqi_hs_choose(&algs, &p, &g, &g, &x), PQI_OK);
            assert_int_equal(pqi_hs_choose(&algs, &p, &f, &f, &y), PQI_OK);
            assert_true(rank(y.suite) >= rank(x.suite));
        }
    }
}

static void arguments(void **state)
{
    (void)state;
    const pqi_hs_policy p = {{0, 0}, PQI_HS_MODES_ALL};
    const pqi_hs_facts f = {bits_of(31), PQI_KEM_ID_ML_KEM_768, PQI_SIG_ID_ML_DSA_44},
                       foreign = {bits_of(31), PQI_KEM_ID_ML_KEM_768, -7};
    pqi_hs_choice x;
    assert_int_equal(pqi_hs_choose(NULL, &p, &f, &f, &x), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_choose(&algs, NULL, &f, &f, &x), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_choose(&algs, &p, NULL, &f, &x), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_choose(&algs, &p, &f, NULL, &x), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_choose(&algs, &p, &f, &f, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_choose(&algs, &p, &foreign, &f, &x), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_hs_choose(&algs, &p, &f, &foreign, &x), PQI_ERR_UNSUPPORTED);
}

/* ---- on the way ---------------------------------------------------------------------------------- */

static void as_case(hs_case *c, const pqi_suite *s, pqi_hs_mode m)
{
    *c = (hs_case){"", m, s, m == PQI_HS_MODE_S ? &pqi_sig_ml_dsa_44 : NULL,
        m != PQI_HS_MODE_K ? &pqi_sig_ml_dsa_44 : NULL, false, false};
}

/* R computed one suite and mode; a genuine INIT of any other is refused before any public-key operation,
 * and so is one that somebody rewrote to what R would take. */
static void only_what_was_computed(void **state)
{
    (void)state;
    static const pqi_hs_mode modes[] = {PQI_HS_MODE_S, PQI_HS_MODE_K, PQI_HS_MODE_M};
    for (size_t i = 0; i < N_SUITES * 3; i++) {
        hs_case c;
        as_case(&c, suites[i / 3], modes[i % 3]);
        hs_run_case(&c, &run);
        hs_rig_make(&rig, &run, NULL);
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        pqi_hs_init p;
        const pqi_cspan init = {rig.init.b, rig.init.len};
        assert_int_equal(pqi_hs_init_read(&rig.algs, init, &p), PQI_OK);
        for (size_t j = 0; j < N_SUITES * 3; j++) {
            if (j == i) {
                continue;
            }
            pqi_hs_init q = p;
            q.suite = suites[j / 3];
            q.mode = modes[j % 3];
            assert_int_equal(pqi_hs_answer(&rig.r.op, &rig.r.say, &q, &rig.await,
                                 (pqi_span){rig.resp.b, sizeof rig.resp.b}, &rig.resp.len),
                PQI_ERR_POLICY);
            assert_int_equal(rig.r.counts.total, 0);
            /* rewritten: the same bytes under another suite that has the KEM's lengths */
            if (j / 3 != i / 3 && j % 3 == i % 3 &&
                suites[j / 3]->kem->pk_len == suites[i / 3]->kem->pk_len) {
                rig.init.b[3] = (uint8_t)suites[j / 3]->id;
                rig.r.say.suite = suites[j / 3];
                assert_int_equal(hs_rig_answer(&rig), PQI_OK);
                rig.resp.b[3] = (uint8_t)suites[i / 3]->id; /* and back for I */
                assert_int_equal(hs_rig_resp(&rig), PQI_ERR_AUTH);
                rig.init.b[3] = (uint8_t)suites[i / 3]->id;
                rig.r.say.suite = suites[i / 3];
                memset(&rig.r.counts, 0, sizeof rig.r.counts);
            }
        }
    }
}

/* The lowest level of the policy stands in INIT and RESP; one that somebody lowered is no key. */
static void lowered_level(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++) {
        static const pqi_hs_mode modes[] = {PQI_HS_MODE_S, PQI_HS_MODE_K, PQI_HS_MODE_M};
        hs_case c;
        as_case(&c, suites[i / 3], modes[i % 3]);
        hs_run_case(&c, &run);
        hs_rig_make(&rig, &run, NULL);
        rig.i.say.min_level = rig.r.say.min_level = suites[i / 3]->level;
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        rig.init.b[1] &= 0x8f;
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        assert_int_equal(hs_rig_resp(&rig), PQI_ERR_AUTH);
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        rig.resp.b[1] &= 0x8f;
        assert_int_equal(hs_rig_resp(&rig), PQI_ERR_AUTH);
        rig.i.say.min_level =
            (uint8_t)(suites[i / 3]->level + 1u); /* the suite does not reach it */
        assert_int_equal(hs_rig_init(&rig), PQI_ERR_ARG);
    }
}

static int setup(void **state)
{
    (void)state;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_pairs), cmocka_unit_test(monotonic),
        cmocka_unit_test(arguments), cmocka_unit_test(only_what_was_computed),
        cmocka_unit_test(lowered_level)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
