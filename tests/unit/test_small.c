/* SPDX-License-Identifier: Apache-2.0
 * The small variants against the fast ones: the same facts, the same bytes for the same seeds, the same
 * refusals, less scratch. */
#include "pqi_test.h"

#include "ct/ct.h"
#include <pqi/hash.h>
#include <pqi/mldsa.h>
#include <pqi/suite.h>

static union {
    uint64_t align;
    uint8_t b[100000];
} tmp;
static const pqi_span room = {tmp.b, sizeof tmp.b};

static const struct {
    const pqi_kem *fast, *small;
    uint32_t tmp;
} kems[3] = {{&pqi_kem_ml_kem_512, &pqi_kem_ml_kem_512_small, PQI_ML_KEM_512_SMALL_TMP},
    {&pqi_kem_ml_kem_768, &pqi_kem_ml_kem_768_small, PQI_ML_KEM_768_SMALL_TMP},
    {&pqi_kem_ml_kem_1024, &pqi_kem_ml_kem_1024_small, PQI_ML_KEM_1024_SMALL_TMP}};

static const struct {
    const pqi_sig *fast, *small;
    uint32_t keygen, sign, verify;
} sigs[3] = {{&pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_44_small, PQI_ML_DSA_44_SMALL_KEYGEN_TMP,
                 PQI_ML_DSA_44_SMALL_SIGN_TMP, PQI_ML_DSA_44_SMALL_VERIFY_TMP},
    {&pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_65_small, PQI_ML_DSA_65_SMALL_KEYGEN_TMP,
        PQI_ML_DSA_65_SMALL_SIGN_TMP, PQI_ML_DSA_65_SMALL_VERIFY_TMP},
    {&pqi_sig_ml_dsa_87, &pqi_sig_ml_dsa_87_small, PQI_ML_DSA_87_SMALL_KEYGEN_TMP,
        PQI_ML_DSA_87_SMALL_SIGN_TMP, PQI_ML_DSA_87_SMALL_VERIFY_TMP}};

/* Keys, ciphertexts and signatures of the fast [0] and the small [1]. */
static uint8_t pk[2][PQI_SIG_MAX_PK], sk[2][PQI_SIG_MAX_SK], out[2][PQI_SIG_MAX_SIG], ss[2][32];
static pqi_xof random_bytes;

static void start_random(uint8_t first)
{
    assert_int_equal(pqi_xof_init(&random_bytes, PQI_HASH_SHAKE128), PQI_OK);
    pqi_xof_absorb(&random_bytes, &first, 1);
}

static void facts_and_sizes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *f = kems[i].fast, *s = kems[i].small;
        assert_string_equal(f->name, s->name);
        assert_true(f->id == s->id && f->level == s->level && f->flags == s->flags);
        assert_true(f->pk_len == s->pk_len && f->sk_len == s->sk_len && f->ct_len == s->ct_len);
        assert_true(f->seed_len == s->seed_len && f->coins_len == s->coins_len);
        assert_int_equal(s->tmp_len, kems[i].tmp);
        assert_true(s->tmp_len < f->tmp_len);
    }
    for (unsigned i = 0; i < 3; i++) {
        const pqi_sig *f = sigs[i].fast, *s = sigs[i].small;
        assert_string_equal(f->name, s->name);
        assert_true(f->id == s->id && f->level == s->level && f->flags == s->flags);
        assert_true(f->pk_len == s->pk_len && f->sk_len == s->sk_len && f->sig_len == s->sig_len);
        assert_true(f->seed_len == s->seed_len && f->rnd_len == s->rnd_len);
        assert_int_equal(s->keygen_tmp, sigs[i].keygen);
        assert_int_equal(s->sign_tmp, sigs[i].sign);
        assert_int_equal(s->verify_tmp, sigs[i].verify);
        assert_true(s->keygen_tmp < f->keygen_tmp && s->sign_tmp < f->sign_tmp);
        assert_true(s->verify_tmp < f->verify_tmp);
    }
}

static void sets_hold_the_same(void **state)
{
    (void)state;
    pqi_algs fast, small;
    pqi_algs_all(&fast, NULL);
    pqi_algs_small(&small, NULL);
    assert_true(small.n_suites == 4 && small.n_kems == 3 && small.n_sigs == 3);
    for (size_t i = 0; i < fast.n_suites; i++) {
        const pqi_suite *f = fast.suites[i], *s = pqi_algs_suite(&small, f->id);
        if (f->flags != 0) { /* X-Wing and SABER have one form */
            continue;
        }
        assert_non_null(s);
        assert_string_equal(f->name, s->name);
        assert_true(f->aead == s->aead && f->hash == s->hash && f->level == s->level);
        assert_true(f->bitmap == s->bitmap && f->kem->id == s->kem->id);
        assert_ptr_equal(s->kem, pqi_algs_kem(&small, f->kem->id));
    }
    for (size_t i = 0; i < fast.n_sigs; i++) {
        const pqi_sig *s = pqi_algs_sig(&small, fast.sigs[i]->id);
        if (fast.sigs[i]->flags == 0) {
            assert_true(s != NULL && s != fast.sigs[i]);
        }
    }
}

static void kem_both(const pqi_kem *const alg[2])
{
    uint8_t seed[64], coins[32];
    pqi_xof_squeeze(&random_bytes, seed, sizeof seed);
    pqi_xof_squeeze(&random_bytes, coins, sizeof coins);
    for (unsigned i = 0; i < 2; i++) {
        const pqi_kem *a = alg[i];
        const pqi_span t = {tmp.b, a->tmp_len};
        assert_int_equal(pqi_kem_keygen(a, (pqi_span){pk[i], a->pk_len},
                             (pqi_span){sk[i], a->sk_len}, (pqi_cspan){seed, 64}, t),
            PQI_OK);
        assert_int_equal(pqi_kem_encaps(a, (pqi_span){out[i], a->ct_len}, (pqi_span){ss[i], 32},
                             (pqi_cspan){pk[i], a->pk_len}, (pqi_cspan){coins, 32}, t),
            PQI_OK);
    }
    assert_memory_equal(pk[0], pk[1], alg[0]->pk_len);
    assert_memory_equal(sk[0], sk[1], alg[0]->sk_len);
    assert_memory_equal(out[0], out[1], alg[0]->ct_len);
    assert_memory_equal(ss[0], ss[1], 32);
}

/* Both open out[0] with sk[0] to the same secret. */
static void decaps_both(const pqi_kem *const alg[2], uint8_t got[32])
{
    uint8_t k[2][32];
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(
            pqi_kem_decaps(alg[i], (pqi_span){k[i], 32}, (pqi_cspan){out[0], alg[i]->ct_len},
                (pqi_cspan){sk[0], alg[i]->sk_len}, (pqi_span){tmp.b, alg[i]->tmp_len}),
            PQI_OK);
    }
    assert_memory_equal(k[0], k[1], 32);
    memcpy(got, k[0], 32);
}

static void kem_same_bytes(void **state)
{
    (void)state;
    uint8_t k[32], at[2];
    start_random(1);
    for (unsigned n = 0; n < 3 * 60; n++) {
        const pqi_kem *const alg[2] = {kems[n % 3].fast, kems[n % 3].small};
        kem_both(alg);
        decaps_both(alg, k);
        assert_memory_equal(k, ss[0], 32);
        /* one bit changed, the last byte changed, another ciphertext */
        pqi_xof_squeeze(&random_bytes, at, 2);
        unsigned byte = (at[0] | at[1] * 256u) % alg[0]->ct_len;
        out[0][byte] ^= (uint8_t)(1u << (n % 8));
        decaps_both(alg, k);
        assert_memory_not_equal(k, ss[0], 32);
        out[0][byte] ^= (uint8_t)(1u << (n % 8));
        out[0][alg[0]->ct_len - 1] ^= 0x80u;
        decaps_both(alg, k);
        assert_memory_not_equal(k, ss[0], 32);
        pqi_xof_squeeze(&random_bytes, out[0], alg[0]->ct_len);
        decaps_both(alg, k);
        assert_memory_not_equal(k, ss[0], 32);
    }
}

static void kem_same_refusals(void **state)
{
    (void)state;
    start_random(2);
    for (unsigned n = 0; n < 3; n++) {
        const pqi_kem *const alg[2] = {kems[n].fast, kems[n].small};
        const pqi_kem *a = alg[1];
        const pqi_span t = {tmp.b, a->tmp_len};
        kem_both(alg);
        for (unsigned part = 0; part < 2; part++) { /* ek inside dk, H(ek) inside dk */
            uint8_t *p = sk[1] + a->sk_len - (part == 0 ? 65u : 64u);
            *p ^= 1;
            memset(ss[1], 0x5a, 32);
            assert_int_equal(pqi_kem_decaps(a, (pqi_span){ss[1], 32},
                                 (pqi_cspan){out[1], a->ct_len}, (pqi_cspan){sk[1], a->sk_len}, t),
                PQI_ERR_ARG);
            assert_int_equal(pqi_ct_is_zero_mask(ss[1], 32), UINT32_MAX);
            assert_int_equal(pqi_ct_is_zero_mask(tmp.b, a->tmp_len), UINT32_MAX);
            assert_int_equal(pqi_kem_check_sk(a, (pqi_cspan){sk[1], a->sk_len}, t), PQI_ERR_ARG);
            *p ^= 1;
        }
        pk[1][0] = 0xff;
        pk[1][1] |= 0x0f; /* the first coefficient is 4095 */
        assert_int_equal(pqi_kem_encaps(a, (pqi_span){out[1], a->ct_len}, (pqi_span){ss[1], 32},
                             (pqi_cspan){pk[1], a->pk_len}, (pqi_cspan){sk[0], 32}, t),
            PQI_ERR_DECODE);
        assert_int_equal(pqi_ct_is_zero_mask(out[1], a->ct_len), UINT32_MAX);
    }
}

static void sig_keys(const pqi_sig *const alg[2])
{
    uint8_t seed[32];
    pqi_xof_squeeze(&random_bytes, seed, sizeof seed);
    for (unsigned i = 0; i < 2; i++) {
        const pqi_sig *a = alg[i];
        assert_int_equal(
            pqi_sig_keygen(a, (pqi_span){pk[i], a->pk_len}, (pqi_span){sk[i], a->sk_len},
                (pqi_cspan){seed, 32}, (pqi_span){tmp.b, a->keygen_tmp}),
            PQI_OK);
        assert_int_equal(pqi_ct_is_zero_mask(tmp.b, a->keygen_tmp), UINT32_MAX);
    }
    assert_memory_equal(pk[0], pk[1], alg[0]->pk_len);
    assert_memory_equal(sk[0], sk[1], alg[0]->sk_len);
}

/* The four interfaces: pure, internal, external mu, pre-hashed. */
static pqi_status sign_by(const pqi_sig *a, unsigned how, uint8_t *sig, const uint8_t rnd[32])
{
    static const uint8_t text[64] = "turn the pump off";
    const pqi_cspan s = {sk[0], a->sk_len}, r = {rnd, 32}, part = {text, 17}, ctx = {text, 4};
    const pqi_span t = {tmp.b, a->sign_tmp}, o = {sig, a->sig_len};
    size_t len = 0;
    switch (how) {
    case 0:
        return pqi_sig_sign(a, o, &len, s, ctx, &part, 1, r, t);
    case 1:
        return pqi_mldsa_sign_internal(a, o, &len, s, &part, 1, r, t);
    case 2:
        return pqi_mldsa_sign_mu(a, o, &len, s, text, r, t);
    default:
        return pqi_mldsa_sign_prehash(
            a, o, &len, s, ctx, PQI_HASH_SHA512, (pqi_cspan){text, 64}, 0, r, t);
    }
}

static pqi_status verify_by(const pqi_sig *a, unsigned how, const uint8_t *sig)
{
    static const uint8_t text[64] = "turn the pump off";
    const pqi_cspan p = {pk[0], a->pk_len}, part = {text, 17}, ctx = {text, 4};
    const pqi_cspan s = {sig, a->sig_len};
    const pqi_span t = {tmp.b, a->verify_tmp};
    switch (how) {
    case 0:
        return pqi_sig_verify(a, p, ctx, &part, 1, s, t);
    case 1:
        return pqi_mldsa_verify_internal(a, p, &part, 1, s, t);
    case 2:
        return pqi_mldsa_verify_mu(a, p, text, s, t);
    default:
        return pqi_mldsa_verify_prehash(a, p, ctx, PQI_HASH_SHA512, (pqi_cspan){text, 64}, s, t);
    }
}

static void sig_same_bytes(void **state)
{
    (void)state;
    uint8_t rnd[32], at[2];
    start_random(3);
    for (unsigned n = 0; n < 3 * 40; n++) {
        const pqi_sig *const alg[2] = {sigs[n % 3].fast, sigs[n % 3].small};
        const unsigned how = n / 3 % 4;
        sig_keys(alg);
        pqi_xof_squeeze(&random_bytes, rnd, sizeof rnd);
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(sign_by(alg[i], how, out[i], rnd), PQI_OK);
            assert_int_equal(pqi_ct_is_zero_mask(tmp.b, alg[i]->sign_tmp), UINT32_MAX);
        }
        assert_memory_equal(out[0], out[1], alg[0]->sig_len);
        assert_int_equal(verify_by(alg[1], how, out[0]), PQI_OK);
        assert_int_equal(pqi_ct_is_zero_mask(tmp.b, alg[1]->verify_tmp), UINT32_MAX);
        assert_int_equal(verify_by(alg[1], (how + 1) % 4, out[0]), PQI_ERR_AUTH);
        /* any change of the signature, of the key */
        pqi_xof_squeeze(&random_bytes, at, 2);
        unsigned byte = (at[0] | at[1] * 256u) % alg[0]->sig_len;
        out[0][byte] ^= (uint8_t)(1u << (n % 8));
        assert_int_equal(verify_by(alg[0], how, out[0]), PQI_ERR_AUTH);
        assert_int_equal(verify_by(alg[1], how, out[0]), PQI_ERR_AUTH);
        byte = (at[0] * 256u | at[1]) % alg[0]->pk_len;
        pk[0][byte] ^= (uint8_t)(1u << (n % 8));
        assert_int_equal(verify_by(alg[1], how, out[1]), PQI_ERR_AUTH);
    }
}

/* Signatures as good as any but for one rule: hints that fall, hints beyond omega, z at its bound. */
static void sig_same_refusals(void **state)
{
    (void)state;
    static const uint8_t rnd[32];
    start_random(4);
    for (unsigned n = 0; n < 3; n++) {
        const pqi_sig *const alg[2] = {sigs[n].fast, sigs[n].small};
        const uint32_t len = alg[0]->sig_len, k = n == 0 ? 4 : n == 1 ? 6 : 8;
        const uint32_t omega = n == 0 ? 80 : n == 1 ? 55 : 75, z_bits = n == 0 ? 18 : 20;
        sig_keys(alg);
        assert_int_equal(sign_by(alg[1], 0, out[1], rnd), PQI_OK);
        for (unsigned what = 0; what < 4; what++) {
            uint8_t *h = out[0] + len - omega - k;
            memcpy(out[0], out[1], len);
            if (what == 0) {
                uint8_t first = h[0]; /* two positions of the first polynomial swapped */
                assert_true(h[omega] >= 2);
                h[0] = h[1];
                h[1] = first;
            } else if (what == 1) {
                h[omega - 1] ^= 1; /* an unused position */
            } else if (what == 2) {
                h[omega + k - 1] = (uint8_t)(omega + 1);
            } else {
                memset(h - z_bits, 0, z_bits); /* eight coefficients of z are gamma1 */
            }
            assert_int_equal(verify_by(alg[0], 0, out[0]), PQI_ERR_AUTH);
            assert_int_equal(verify_by(alg[1], 0, out[0]), PQI_ERR_AUTH);
            assert_int_equal(pqi_ct_is_zero_mask(tmp.b, alg[1]->verify_tmp), UINT32_MAX);
        }
    }
}

/* While a small variant signs, the signature is scratch. */
static void sig_overlaps_no_input(void **state)
{
    (void)state;
    static uint8_t both[PQI_SIG_MAX_SK + PQI_SIG_MAX_SIG + 64];
    static const uint8_t rnd[32], mu[64];
    size_t n;
    start_random(5);
    for (unsigned i = 0; i < 3; i++) {
        const pqi_sig *const alg[2] = {sigs[i].fast, sigs[i].small};
        const pqi_sig *a = alg[1];
        const pqi_cspan r = {rnd, 32}, key = {both, a->sk_len};
        sig_keys(alg);
        for (unsigned overlap = 0; overlap < 2; overlap++) {
            memcpy(both, sk[0], a->sk_len);
            const pqi_span o = {both + a->sk_len - overlap, a->sig_len};
            assert_int_equal(
                pqi_mldsa_sign_mu(a, o, &n, key, mu, r, room), overlap == 0 ? PQI_OK : PQI_ERR_ARG);
            assert_int_equal(n, overlap == 0 ? a->sig_len : 0);
        }
        for (unsigned overlap = 0; overlap < 2; overlap++) {
            const pqi_cspan good = {sk[0], a->sk_len};
            memset(both, 0, 64);
            const pqi_span o = {both + 64 - overlap, a->sig_len};
            assert_int_equal(pqi_mldsa_sign_mu(a, o, &n, good, both, r, room),
                overlap == 0 ? PQI_OK : PQI_ERR_ARG);
            const pqi_span before = {both + 1, a->sig_len};
            assert_int_equal(
                pqi_mldsa_sign_mu(a, before, &n, good, both + a->sig_len + 1 - overlap, r, room),
                overlap == 0 ? PQI_OK : PQI_ERR_ARG);
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(facts_and_sizes), cmocka_unit_test(sets_hold_the_same),
    cmocka_unit_test(kem_same_bytes), cmocka_unit_test(kem_same_refusals),
    cmocka_unit_test(sig_same_bytes), cmocka_unit_test(sig_same_refusals),
    cmocka_unit_test(sig_overlaps_no_input))
