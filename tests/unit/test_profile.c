/* SPDX-License-Identifier: Apache-2.0
 * The table of profiles, the names, the policy, and the rule by which a suite is chosen. */
#include "pqi_test.h"

#include <pqi/host.h>
#include <pqi/profile.h>
#include <stdbool.h>

static pqi_algs algs;

static pqi_cspan text(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

/* What a row promises, held against the descriptors that this program has. */
static void rows(void **state)
{
    (void)state;
    size_t n = 0, whole = 0;
    for (const pqi_profile *p; (p = pqi_profile_at(n)) != NULL; n++) {
        assert_ptr_equal(pqi_profile_get(p->id, p->level), p);
        assert_non_null(pqi_profile_name(p->id));
        const pqi_suite *suite = pqi_algs_suite(&algs, p->suite_id);
        const pqi_kem *kem = pqi_algs_kem(&algs, p->kem_id);
        const pqi_sig *sig = pqi_algs_sig(&algs, p->sig_id);
        const pqi_sig *root = pqi_algs_sig(&algs, p->root_sig_id);
        if (suite == NULL || kem == NULL || sig == NULL || root == NULL) {
            continue; /* not built in */
        }
        whole++;
        assert_ptr_equal(suite->kem, kem);
        assert_true(kem->level >= p->level && sig->level >= p->level);
        assert_true(root->level >= sig->level && root->level == 5);
        bool saber = p->id == PQI_PROFILE_SABER_DILITHIUM;
        bool falcon = p->id == PQI_PROFILE_KYBER_FALCON;
        assert_int_equal((kem->flags & PQI_ALG_NOT_STANDARD) != 0, saber);
        assert_int_equal((sig->flags & PQI_ALG_PRE_STANDARD) != 0, falcon);
        assert_int_equal(sig->flags & PQI_ALG_NOT_STANDARD, 0);
    }
    assert_int_equal(n, 12);
    assert_true(whole >= 8);
    assert_null(pqi_profile_at(SIZE_MAX));
    for (unsigned level = 0; level < 8; level++) {
        bool known = level == 0 || level == 1 || level == 3 || level == 5;
        for (int id = 1; id <= 3; id++) {
            assert_int_equal(pqi_profile_get((pqi_profile_id)id, level) != NULL, known);
        }
        assert_null(pqi_profile_get(PQI_PROFILE_NONE, level));
        assert_null(pqi_profile_get((pqi_profile_id)4, level));
    }
    assert_null(pqi_profile_name(PQI_PROFILE_NONE));
    const pqi_profile *d = pqi_profile_get(PQI_PROFILE_KYBER_DILITHIUM, 0);
    assert_int_equal(d->suite_id, 0x0002); /* the defaults of the device and CA functions */
    assert_int_equal(d->kem_id, PQI_KEM_ID_ML_KEM_768);
    assert_int_equal(d->sig_id, PQI_SIG_ID_ML_DSA_65);
    assert_int_equal(d->root_sig_id, PQI_SIG_ID_ML_DSA_87);
    const pqi_profile *f = pqi_profile_get(PQI_PROFILE_KYBER_FALCON, 0);
    assert_int_equal(f->sig_id, -65737);
    assert_int_equal(f->kem_id, PQI_KEM_ID_ML_KEM_768);
}

/* Each descriptor is found under its own name, in both cases, and nothing under almost its name. */
static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < algs.n_kems; i++) {
        assert_int_equal(pqi_kem_parse(text(algs.kems[i]->name)), algs.kems[i]->id);
        assert_int_equal(pqi_sig_parse(text(algs.kems[i]->name)), 0);
    }
    for (size_t i = 0; i < algs.n_sigs; i++) {
        assert_int_equal(pqi_sig_parse(text(algs.sigs[i]->name)), algs.sigs[i]->id);
        assert_int_equal(pqi_kem_parse(text(algs.sigs[i]->name)), 0);
    }
    assert_int_equal(pqi_kem_parse(text("kyber768")), 2);
    assert_int_equal(pqi_kem_parse(text("Kyber1024")), 3);
    assert_int_equal(pqi_kem_parse(text("firesaber")), 0x0103);
    assert_int_equal(pqi_sig_parse(text("dilithium3")), -49);
    assert_int_equal(pqi_sig_parse(text("falcon-1024")), -65738);
    assert_int_equal(pqi_suite_parse(text("x-wing")), 0x0005);
    assert_int_equal(pqi_suite_parse(text("gcm-siv")), 0x0003);
    assert_int_equal(pqi_suite_parse(text("GCM-SIV")), 0x0003);
    assert_int_equal(pqi_suite_parse(text("ml-kem-768")), 0x0002);
    assert_int_equal(pqi_suite_parse(text("Saber")), 0x0007);
    for (int id = 1; id <= 3; id++) {
        const char *name = pqi_profile_name((pqi_profile_id)id);
        assert_int_equal(pqi_profile_parse(text(name)), id);
        assert_int_equal(
            pqi_profile_parse((pqi_cspan){(const uint8_t *)name, strlen(name) - 1}), 0);
        assert_int_equal(
            pqi_profile_parse((pqi_cspan){(const uint8_t *)name, strlen(name) + 1}), 0);
    }
    assert_int_equal(pqi_profile_parse(text("KYBER-FALCON")), PQI_PROFILE_KYBER_FALCON);
    static const char *const none[] = {
        "", "kyber", "gcm-si", "ml-kem-768 ", " ml-kem-768", "ml_kem_768", "0"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(pqi_profile_parse(text(none[i])), 0);
        assert_int_equal(pqi_kem_parse(text(none[i])), 0);
        assert_int_equal(pqi_sig_parse(text(none[i])), 0);
        assert_int_equal(pqi_suite_parse(text(none[i])), 0);
    }
    assert_int_equal(pqi_kem_parse((pqi_cspan){NULL, 0}), 0);
    assert_string_equal(pqi_alg_mark(0), "");
    assert_string_equal(pqi_alg_mark(PQI_ALG_PRE_STANDARD), " (pre-standard)");
    assert_string_equal(pqi_alg_mark(PQI_ALG_NOT_STANDARD), " (not standardised)");
    assert_string_equal(pqi_alg_mark(3), " (not standardised)"); /* the stronger word */
}

static void policy(void **state)
{
    (void)state;
    pqi_kem kem = pqi_kem_ml_kem_768;
    pqi_sig sig = pqi_sig_ml_dsa_65;
    for (unsigned level = 0; level <= 6; level++) {
        for (unsigned forbid = 0; forbid < 4; forbid++) {
            for (unsigned have = 1; have <= 5; have++) {
                for (unsigned flags = 0; flags < 4; flags++) {
                    const pqi_alg_policy p = {(uint8_t)level, (uint8_t)forbid};
                    kem.level = sig.level = (uint8_t)have;
                    kem.flags = sig.flags = (uint8_t)flags;
                    pqi_suite s = pqi_suite_0002;
                    s.kem = &kem;
                    pqi_status want =
                        have < level || (forbid & flags) != 0 ? PQI_ERR_POLICY : PQI_OK;
                    assert_int_equal(pqi_policy_kem(&p, &kem), want);
                    assert_int_equal(pqi_policy_sig(&p, &sig), want);
                    assert_int_equal(pqi_policy_suite(&p, &s), want); /* the row forgot the mark */
                    s.kem = &pqi_kem_ml_kem_1024;
                    s.flags = (uint8_t)flags; /* or has one of its own */
                    want = 5 < level || (forbid & flags) != 0 ? PQI_ERR_POLICY : PQI_OK;
                    assert_int_equal(pqi_policy_suite(&p, &s), want);
                }
            }
        }
    }
    const pqi_alg_policy any = {0, 0};
    assert_int_equal(pqi_policy_kem(NULL, &kem), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_kem(&any, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_sig(&any, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_suite(&any, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_suites(&algs, NULL, PQI_KEM_ID_ML_KEM_768), 0x16);
    assert_int_equal(pqi_policy_suites(&algs, &(pqi_alg_policy){0, 2}, PQI_KEM_ID_ML_KEM_768), 6);
    assert_int_equal(pqi_policy_suites(&algs, &(pqi_alg_policy){5, 3}, 0), 0x08);
    assert_int_equal(pqi_policy_suites(&algs, &(pqi_alg_policy){0, 4}, 0), 0x04);
    assert_int_equal(pqi_policy_suites(&algs, &(pqi_alg_policy){3, 7}, 0), 0x04);
    assert_int_equal(pqi_policy_suites(&algs, &(pqi_alg_policy){4, 4}, 0), 0);
    assert_int_equal(pqi_policy_suites(&algs, &(pqi_alg_policy){6, 0}, 0), 0);
    assert_int_equal(pqi_policy_suites(NULL, NULL, 0), 0);
}

/* Misuse resistance is of a suite, follows from its AEAD, and cannot be claimed by flags. */
static void misuse_resistant(void **state)
{
    (void)state;
    static const pqi_aead_id aeads[] = {PQI_AEAD_NONE, PQI_AEAD_AES_256_GCM,
        PQI_AEAD_CHACHA20_POLY1305, PQI_AEAD_AES_128_CCM_8, PQI_AEAD_AES_128_CCM_16,
        PQI_AEAD_AES_256_GCM_SIV, (pqi_aead_id)6};
    const pqi_alg_policy any = {0, 0}, siv = {0, PQI_ALG_NOT_MISUSE_RESISTANT};
    pqi_suite s = pqi_suite_0002;
    for (size_t i = 0; i < sizeof aeads / sizeof aeads[0]; i++) {
        s.aead = aeads[i];
        bool resists = s.aead == PQI_AEAD_AES_256_GCM_SIV;
        for (s.flags = 0; s.flags < 8; s.flags++) {
            bool marked = (s.flags & PQI_ALG_NOT_MISUSE_RESISTANT) != 0;
            assert_int_equal(pqi_policy_suite(&any, &s), PQI_OK);
            assert_int_equal(
                pqi_policy_suite(&siv, &s), resists && !marked ? PQI_OK : PQI_ERR_POLICY);
        }
    }
    assert_int_equal(pqi_policy_kem(&siv, &pqi_kem_ml_kem_768), PQI_OK);
    assert_int_equal(pqi_policy_sig(&siv, &pqi_sig_ml_dsa_65), PQI_OK);
    assert_string_equal(pqi_alg_mark(PQI_ALG_NOT_MISUSE_RESISTANT), ""); /* nothing to warn of */
    const uint32_t both = pqi_suite_0002.bitmap | pqi_suite_0003.bitmap;
    const uint16_t kem = PQI_KEM_ID_ML_KEM_768;
    assert_ptr_equal(pqi_suite_choose(&algs, &any, both, kem, NULL), &pqi_suite_0002);
    assert_ptr_equal(pqi_suite_choose(&algs, &siv, both, kem, NULL), &pqi_suite_0003);
    assert_ptr_equal(pqi_suite_choose(&algs, &any, both, kem, &pqi_suite_0003), &pqi_suite_0003);
    assert_null(pqi_suite_choose(&algs, &siv, both, kem, &pqi_suite_0002));
    assert_null(pqi_suite_choose(&algs, &siv, pqi_suite_0002.bitmap, kem, NULL));
}

/* ---- choosing, against the rule as docs/spec/registry.md says it -------------------------------- */

#define ROWS 6u

static pqi_suite made[ROWS];
static pqi_kem made_kems[ROWS];

static unsigned mark(unsigned flags)
{
    return (flags & 1u) != 0 ? 2u : (flags & 2u) != 0 ? 1u : 0u;
}

/* One number to compare by: mark, then level, then id. */
static unsigned rank(const pqi_suite *s)
{
    return mark(s->flags) * 1000u + (9u - s->level) * 100u + s->id;
}

static void choose_all(const pqi_algs *a, const pqi_alg_policy *p, const pqi_suite *only)
{
    for (uint32_t offered = 0; offered < 1u << ROWS; offered++) {
        const pqi_suite *want = NULL;
        for (size_t i = 0; i < ROWS; i++) {
            const pqi_suite *s = &made[i];
            if ((offered & s->bitmap) != 0 && s->kem->id == 7 && s->level >= p->min_level &&
                ((s->flags | s->kem->flags | (s->aead == PQI_AEAD_AES_256_GCM_SIV ? 0 : 4)) &
                    p->forbid) == 0 &&
                (only == NULL || only == s) && (want == NULL || rank(s) < rank(want))) {
                want = s;
            }
        }
        assert_ptr_equal(pqi_suite_choose(a, p, offered, 7, only), want);
    }
}

static void choosing(void **state)
{
    (void)state;
    static const struct {
        uint8_t level, flags, kem, siv;
    } rows_of[ROWS] = {
        {5, 1, 7, 0}, {1, 0, 7, 1}, {3, 2, 7, 1}, {3, 0, 7, 0}, {3, 0, 7, 1}, {5, 0, 8, 1}};
    for (unsigned turn = 0; turn < ROWS; turn++) { /* the order of the table changes nothing */
        const pqi_suite *list[ROWS];
        for (unsigned i = 0; i < ROWS; i++) {
            made_kems[i] = pqi_kem_ml_kem_768;
            made_kems[i].id = rows_of[i].kem;
            made_kems[i].level = rows_of[i].level;
            made_kems[i].flags = rows_of[i].flags;
            made[i] = pqi_suite_0002;
            made[i].id = (uint16_t)(10 + i);
            made[i].kem = &made_kems[i];
            made[i].level = rows_of[i].level;
            made[i].flags = rows_of[i].flags;
            made[i].aead = rows_of[i].siv != 0 ? PQI_AEAD_AES_256_GCM_SIV : PQI_AEAD_AES_256_GCM;
            made[i].bitmap = 1u << i;
            list[(i + turn) % ROWS] = &made[i];
        }
        pqi_algs a = algs;
        a.suites = list;
        a.n_suites = ROWS;
        for (unsigned level = 0; level <= 5; level++) {
            for (unsigned forbid = 0; forbid < 8; forbid++) {
                const pqi_alg_policy p = {(uint8_t)level, (uint8_t)forbid};
                choose_all(&a, &p, NULL);
                for (unsigned i = 0; i < ROWS; i++) {
                    choose_all(&a, &p, &made[i]);
                }
            }
        }
        const pqi_alg_policy any = {0, 0}, strict = {0, 3};
        assert_ptr_equal(pqi_suite_choose(&a, &any, 63, 0, NULL), &made[5]); /* of any KEM */
        assert_ptr_equal(pqi_suite_choose(&a, &strict, 31, 0, NULL), &made[3]);
        assert_null(pqi_suite_choose(NULL, &any, 63, 7, NULL));
        assert_null(pqi_suite_choose(&a, NULL, 63, 7, NULL));
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(names),
        cmocka_unit_test(policy),
        cmocka_unit_test(misuse_resistant),
        cmocka_unit_test(choosing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
