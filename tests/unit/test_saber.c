/* SPDX-License-Identifier: Apache-2.0
 * SABER through the front door: round trips, implicit rejection, what is checked and what cannot be,
 * and every way to call it wrongly. */
#include "pqi_test.h"

#include <pqi/hash.h>
#include <pqi/kem.h>

#include <stdalign.h>

static const pqi_kem *const algs[3] = {&pqi_kem_lightsaber, &pqi_kem_saber, &pqi_kem_firesaber};

#define SCRATCH 16384u
/* src/prim/saber/README.md; where this program carries SABER built for size, it is built so too. */
#if defined(__OPTIMIZE_SIZE__)
#define TMP(k) (2264u + 128u * (k))
#else
#define TMP(k) (2264u + 2176u * (k))
#endif

static alignas(8) uint8_t tmp_bytes[SCRATCH + 8];
static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT];
static uint8_t seed[96], coins[32], ss[32];

static pqi_span tmp_of(const pqi_kem *alg)
{
    return (pqi_span){tmp_bytes, alg->tmp_len};
}

static pqi_status keygen(const pqi_kem *alg)
{
    return pqi_kem_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
        (pqi_cspan){seed, alg->seed_len}, tmp_of(alg));
}

static pqi_status encaps(const pqi_kem *alg)
{
    return pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, 32},
        (pqi_cspan){pk, alg->pk_len}, (pqi_cspan){coins, 32}, tmp_of(alg));
}

static pqi_status decaps(const pqi_kem *alg, uint8_t out[32])
{
    return pqi_kem_decaps(alg, (pqi_span){out, 32}, (pqi_cspan){ct, alg->ct_len},
        (pqi_cspan){sk, alg->sk_len}, tmp_of(alg));
}

static int all_are(const uint8_t *p, size_t n, uint8_t v)
{
    uint8_t d = 0;
    for (size_t i = 0; i < n; i++) {
        d |= p[i] ^ v;
    }
    return d == 0;
}

static void fill(const pqi_kem *alg, uint8_t v)
{
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)(i * 5 + v);
    }
    memset(coins, v ^ 0x33, sizeof coins);
    assert_int_equal(keygen(alg), PQI_OK);
    assert_int_equal(encaps(alg), PQI_OK);
}

static void sizes_of_the_submission(void **state)
{
    (void)state;
    static const char *const names[3] = {"LightSaber", "Saber", "FireSaber"};
    static const uint32_t want[3][3] = {{672, 1568, 736}, {992, 2304, 1088}, {1312, 3040, 1472}};
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(algs[i]->name, names[i]);
        assert_int_equal(algs[i]->pk_len, want[i][0]);
        assert_int_equal(algs[i]->sk_len, want[i][1]);
        assert_int_equal(algs[i]->ct_len, want[i][2]);
        assert_int_equal(algs[i]->seed_len, 96);
        assert_int_equal(algs[i]->level, 2 * i + 1);
        assert_int_equal(algs[i]->id, 0x0101 + i);
        assert_int_equal(algs[i]->tmp_len, TMP(i + 2));
    }
}

/* It must never pass for a standard. */
static void not_standardised(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(algs[i]->flags & PQI_ALG_NOT_STANDARD, PQI_ALG_NOT_STANDARD);
    }
}

static void round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 20; n++) {
            uint8_t out[32];
            fill(algs[i], (uint8_t)n);
            assert_int_equal(decaps(algs[i], out), PQI_OK);
            assert_memory_equal(out, ss, 32);
            assert_false(all_are(ss, 32, 0));
            pqi_cspan p = {pk, algs[i]->pk_len}, s = {sk, algs[i]->sk_len};
            assert_int_equal(pqi_kem_check_pk(algs[i], p, tmp_of(algs[i])), PQI_OK);
            assert_int_equal(pqi_kem_check_sk(algs[i], s, tmp_of(algs[i])), PQI_OK);
        }
    }
}

/* sk = s || pk || SHA3-256(pk) || z, and nothing depends on what was in tmp or in the outputs. */
static void key_layout_and_determinism(void **state)
{
    (void)state;
    static uint8_t pk0[PQI_KEM_MAX_PK], sk0[PQI_KEM_MAX_SK];
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        const size_t s_len = 416 * (size_t)(i + 2);
        pqi_cspan part = {pk, alg->pk_len};
        uint8_t h[32];
        fill(alg, 9);
        assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, &part, 1, h, 32), PQI_OK);
        assert_memory_equal(sk + s_len, pk, alg->pk_len);
        assert_memory_equal(sk + s_len + alg->pk_len, h, 32);
        assert_memory_equal(sk + alg->sk_len - 32, seed + 64, 32);
        memcpy(pk0, pk, sizeof pk0);
        memcpy(sk0, sk, sizeof sk0);
        memset(tmp_bytes, 0xff, sizeof tmp_bytes);
        memset(sk, 0xff, sizeof sk);
        memset(pk, 0xff, sizeof pk);
        assert_int_equal(keygen(alg), PQI_OK);
        assert_memory_equal(pk, pk0, alg->pk_len);
        assert_memory_equal(sk, sk0, alg->sk_len);
    }
}

/* Keys and ciphertexts at odd addresses: only tmp has to be aligned. */
static void unaligned_arguments(void **state)
{
    (void)state;
    static uint8_t pk1[PQI_KEM_MAX_PK + 1], sk1[PQI_KEM_MAX_SK + 1], ct1[PQI_KEM_MAX_CT + 1];
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        uint8_t out[33];
        fill(alg, 21);
        assert_int_equal(pqi_kem_keygen(alg, (pqi_span){pk1 + 1, alg->pk_len},
                             (pqi_span){sk1 + 1, alg->sk_len}, (pqi_cspan){seed, 96}, tmp_of(alg)),
            PQI_OK);
        assert_memory_equal(pk1 + 1, pk, alg->pk_len);
        assert_memory_equal(sk1 + 1, sk, alg->sk_len);
        assert_int_equal(
            pqi_kem_encaps(alg, (pqi_span){ct1 + 1, alg->ct_len}, (pqi_span){out + 1, 32},
                (pqi_cspan){pk1 + 1, alg->pk_len}, (pqi_cspan){coins, 32}, tmp_of(alg)),
            PQI_OK);
        assert_memory_equal(ct1 + 1, ct, alg->ct_len);
        assert_int_equal(
            pqi_kem_decaps(alg, (pqi_span){out + 1, 32}, (pqi_cspan){ct1 + 1, alg->ct_len},
                (pqi_cspan){sk1 + 1, alg->sk_len}, tmp_of(alg)),
            PQI_OK);
        assert_memory_equal(out + 1, ss, 32);
    }
}

/* The secret of a refused ciphertext: SHA3-256(z || SHA3-256(c)). */
static void rejected_secret(const pqi_kem *alg, uint8_t want[32])
{
    uint8_t h[32];
    const pqi_cspan c = {ct, alg->ct_len};
    const pqi_cspan parts[2] = {{sk + alg->sk_len - 32, 32}, {h, 32}};
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, &c, 1, h, 32), PQI_OK);
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, parts, 2, want, 32), PQI_OK);
}

static void implicit_rejection_at_every_byte(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        fill(alg, 77);
        for (size_t n = 0; n < 2 * (size_t)alg->ct_len; n++) {
            uint8_t out[32], want[32];
            size_t at = n / 2;
            uint8_t flip = n % 2 == 0 ? 0x01 : 0x80; /* the low bit mostly leaves m' as it was */
            ct[at] ^= flip;
            assert_int_equal(decaps(alg, out), PQI_OK);
            assert_memory_not_equal(out, ss, 32);
            rejected_secret(alg, want);
            assert_memory_equal(out, want, 32);
            ct[at] ^= flip;
        }
    }
}

/* There is no modulus to check: moduli are powers of two. */
static void every_string_is_a_public_key(void **state)
{
    (void)state;
    static const uint8_t bytes[4] = {0x00, 0xff, 0x55, 0x80};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned b = 0; b < sizeof bytes; b++) {
            memset(pk, bytes[b], sizeof pk);
            pqi_cspan p = {pk, algs[i]->pk_len};
            assert_int_equal(pqi_kem_check_pk(algs[i], p, tmp_of(algs[i])), PQI_OK);
            assert_int_equal(encaps(algs[i]), PQI_OK);
        }
    }
}

/* The check covers every byte of pk and of its hash inside sk. Decapsulation does not look at the
 * hash, as in the submission: the secret is then another one. */
static void damaged_public_part(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        fill(alg, 4);
        for (size_t at = 416 * (size_t)(i + 2); at < alg->sk_len - 32; at++) {
            uint8_t out[32];
            pqi_cspan s = {sk, alg->sk_len};
            sk[at] ^= 0x10;
            memset(tmp_bytes, 0x5a, sizeof tmp_bytes);
            assert_int_equal(pqi_kem_check_sk(alg, s, tmp_of(alg)), PQI_ERR_ARG);
            assert_true(all_are(tmp_bytes, alg->tmp_len, 0));
            if (at % 16 == 0) {
                assert_int_equal(decaps(alg, out), PQI_OK);
                assert_memory_not_equal(out, ss, 32);
            }
            sk[at] ^= 0x10;
        }
    }
}

/* A coefficient of s that key generation cannot make, at every place, is refused by both. */
static void secret_out_of_range(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        fill(alg, 5);
        for (size_t at = 0; at < 416 * (size_t)(i + 2); at += 13) {
            uint8_t out[32], old[2] = {sk[at], sk[at + 1]};
            pqi_cspan s = {sk, alg->sk_len};
            sk[at] = (uint8_t)(6 - i); /* mu / 2 + 1 in the lowest 13 bits */
            sk[at + 1] &= 0xe0;
            memset(out, 0x5a, sizeof out);
            memset(tmp_bytes, 0x5a, sizeof tmp_bytes);
            assert_int_equal(decaps(alg, out), PQI_ERR_ARG);
            assert_true(all_are(out, 32, 0));
            assert_true(all_are(tmp_bytes, alg->tmp_len, 0));
            assert_int_equal(pqi_kem_check_sk(alg, s, tmp_of(alg)), PQI_ERR_ARG);
            sk[at] = old[0];
            sk[at + 1] = old[1];
        }
        uint8_t out[32];
        assert_int_equal(decaps(alg, out), PQI_OK);
        assert_memory_equal(out, ss, 32);
    }
}

static void tmp_is_wiped_and_not_exceeded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        uint8_t out[32];
        for (unsigned op = 0; op < 3; op++) {
            memset(tmp_bytes, 0x5a, sizeof tmp_bytes);
            assert_int_equal(op == 0   ? keygen(alg)
                             : op == 1 ? encaps(alg)
                                       : decaps(alg, out),
                PQI_OK);
            assert_true(all_are(tmp_bytes, alg->tmp_len, 0));
            assert_true(all_are(tmp_bytes + alg->tmp_len, SCRATCH - alg->tmp_len, 0x5a));
        }
    }
}

static const pqi_span none = {NULL, 0};

static void bad_scratch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        fill(alg, 5);
        pqi_span p = {pk, alg->pk_len}, s = {sk, alg->sk_len}, c = {ct, alg->ct_len};
        pqi_cspan pc = {pk, alg->pk_len}, sc = {sk, alg->sk_len}, cc = {ct, alg->ct_len};
        pqi_cspan sd = {seed, 96}, m = {coins, 32};
        pqi_span out = {ss, 32};
        const struct {
            pqi_span tmp;
            pqi_status want;
        } bad[] = {{{tmp_bytes, alg->tmp_len - 1}, PQI_ERR_SPACE}, {{tmp_bytes, 0}, PQI_ERR_SPACE},
            {{tmp_bytes + 4, alg->tmp_len}, PQI_ERR_ARG},
            {{tmp_bytes + 1, alg->tmp_len}, PQI_ERR_ARG}, {{NULL, alg->tmp_len}, PQI_ERR_ARG}};
        for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
            assert_int_equal(pqi_kem_keygen(alg, p, s, sd, bad[b].tmp), bad[b].want);
            memset(ss, 0x5a, 32);
            assert_int_equal(pqi_kem_encaps(alg, c, out, pc, m, bad[b].tmp), bad[b].want);
            assert_true(all_are(ss, 32, 0));
            memset(ss, 0x5a, 32);
            assert_int_equal(pqi_kem_decaps(alg, out, cc, sc, bad[b].tmp), bad[b].want);
            assert_true(all_are(ss, 32, 0));
            assert_int_equal(pqi_kem_check_pk(alg, pc, bad[b].tmp), bad[b].want);
            assert_int_equal(pqi_kem_check_sk(alg, sc, bad[b].tmp), bad[b].want);
        }
    }
}

/* One argument at a time is one byte short, one byte long, or NULL. */
static void bad_lengths(void **state)
{
    (void)state;
    static uint8_t big[4096];
    for (unsigned i = 0; i < 3; i++) {
        const pqi_kem *alg = algs[i];
        pqi_span tmp = tmp_of(alg);
        for (unsigned arg = 0; arg < 4; arg++) {
            for (unsigned how = 0; how < 3; how++) {
                size_t off = how == 0 ? (size_t)-1 : how == 1 ? 1 : 0;
#define BAD(n, len) ((len) + (arg == (n) ? off : 0))
#define PTR(n)      (arg == (n) && how == 2 ? NULL : big)
                if (arg < 3) {
                    assert_int_equal(pqi_kem_keygen(alg, (pqi_span){PTR(0), BAD(0, alg->pk_len)},
                                         (pqi_span){PTR(1), BAD(1, alg->sk_len)},
                                         (pqi_cspan){PTR(2), BAD(2, alg->seed_len)}, tmp),
                        PQI_ERR_ARG);
                    assert_int_equal(pqi_kem_decaps(alg, (pqi_span){PTR(0), BAD(0, 32u)},
                                         (pqi_cspan){PTR(1), BAD(1, alg->ct_len)},
                                         (pqi_cspan){PTR(2), BAD(2, alg->sk_len)}, tmp),
                        PQI_ERR_ARG);
                }
                memset(ss, 0x5a, 32);
                pqi_span out = {ss, BAD(1, 32u)};
                if (arg == 1) {
                    out = (pqi_span){PTR(1), BAD(1, 32u)};
                }
                assert_int_equal(pqi_kem_encaps(alg, (pqi_span){PTR(0), BAD(0, alg->ct_len)}, out,
                                     (pqi_cspan){PTR(2), BAD(2, alg->pk_len)},
                                     (pqi_cspan){PTR(3), BAD(3, alg->coins_len)}, tmp),
                    PQI_ERR_ARG);
                assert_true(arg == 1 || all_are(ss, 32, 0));
#undef BAD
#undef PTR
            }
        }
        assert_int_equal(
            pqi_kem_check_pk(alg, (pqi_cspan){big, alg->pk_len - 1}, tmp), PQI_ERR_DECODE);
        assert_int_equal(
            pqi_kem_check_pk(alg, (pqi_cspan){big, alg->pk_len + 1}, tmp), PQI_ERR_DECODE);
        assert_int_equal(pqi_kem_check_pk(alg, (pqi_cspan){NULL, 0}, tmp), PQI_ERR_DECODE);
        assert_int_equal(pqi_kem_check_pk(alg, (pqi_cspan){NULL, alg->pk_len}, tmp), PQI_ERR_ARG);
        assert_int_equal(
            pqi_kem_check_sk(alg, (pqi_cspan){big, alg->sk_len - 1}, tmp), PQI_ERR_ARG);
        assert_int_equal(pqi_kem_check_sk(alg, (pqi_cspan){NULL, alg->sk_len}, tmp), PQI_ERR_ARG);
    }
    pqi_cspan c = {big, 1};
    assert_int_equal(pqi_kem_keygen(NULL, none, none, c, none), PQI_ERR_ARG);
    assert_int_equal(pqi_kem_encaps(NULL, none, none, c, c, none), PQI_ERR_ARG);
    assert_int_equal(pqi_kem_decaps(NULL, none, c, c, none), PQI_ERR_ARG);
    assert_int_equal(pqi_kem_check_pk(NULL, c, none), PQI_ERR_ARG);
    assert_int_equal(pqi_kem_check_sk(NULL, c, none), PQI_ERR_ARG);
}

PQI_TEST_MAIN(cmocka_unit_test(sizes_of_the_submission), cmocka_unit_test(not_standardised),
    cmocka_unit_test(round_trip), cmocka_unit_test(key_layout_and_determinism),
    cmocka_unit_test(unaligned_arguments), cmocka_unit_test(implicit_rejection_at_every_byte),
    cmocka_unit_test(every_string_is_a_public_key), cmocka_unit_test(damaged_public_part),
    cmocka_unit_test(secret_out_of_range), cmocka_unit_test(tmp_is_wiped_and_not_exceeded),
    cmocka_unit_test(bad_scratch), cmocka_unit_test(bad_lengths))
