/* SPDX-License-Identifier: Apache-2.0
 * Composite algorithms: known answers, DER, and that neither half, nor any mixture of halves, passes for
 * the whole. docs/spec/composite.md. */
#include "pqi_test.h"

#include "port/linux/composite_int.h"
#include "port/linux/ossl_p256.h"
#include "suite/packed.h"
#include "support/composite_key.h"
#include "tmp_dir.h"

#include <pqi/falcon.h>
#include <pqi/hash.h>
#include <pqi/profile.h>
#include <pqi/selftest.h>

#include <stdalign.h>

static alignas(8) uint8_t tmp_bytes[131072];
static const pqi_span tmp = {tmp_bytes, sizeof tmp_bytes};
static uint8_t sig[PQI_SIG_MAX_SIG], other[PQI_SIG_MAX_SIG], bad[PQI_SIG_MAX_SIG];
static composite_key key, key2;
static pqi_algs algs;

static const pqi_sig *const sigs[] = {&pqi_sig_ml_dsa_44_p256, &pqi_sig_ml_dsa_65_p256,
    &pqi_sig_falcon_512_p256, &pqi_sig_falcon_1024_p256};
#define N_SIGS (sizeof sigs / sizeof sigs[0])

static const uint8_t scalar2[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const pqi_cspan ctx = {PQI_LIT("Context")};
static const pqi_cspan msg = {PQI_LIT("Hello world")};

static pqi_status verify(const composite_key *k, pqi_cspan c, pqi_cspan m, pqi_cspan s)
{
    return pqi_sig_verify(k->sig, (pqi_cspan){k->pk, k->sig->pk_len}, c, &m, 1, s, tmp);
}

static size_t pq_len(const pqi_sig *alg)
{
    return pqi_composite_sig_of(alg)->pq->sig_len;
}

static void is_digest(pqi_cspan a, const char *hex)
{
    uint8_t md[32];
    char got[65];
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, &a, 1, md, sizeof md), PQI_OK);
    for (size_t i = 0; i < sizeof md; i++) {
        (void)snprintf(got + 2 * i, 3, "%02x", md[i]);
    }
    assert_string_equal(got, hex);
}

/* ---- facts of the descriptors -------------------------------------------------------------------- */

/* Sizes are written down in the descriptors, as constants must be: here they meet those of the halves. */
static void sizes_are_those_of_the_halves(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SIGS; i++) {
        const pqi_sig *a = sigs[i], *pq = pqi_composite_sig_of(a)->pq;
        assert_int_equal(a->pk_len, pq->pk_len + PQI_P256_PK);
        assert_int_equal(a->sig_len, pq->sig_len + PQI_P256_DER);
        assert_int_equal(a->sk_len, pq->sk_len);
        assert_int_equal(a->seed_len, pq->seed_len);
        assert_int_equal(a->rnd_len, pq->rnd_len);
        assert_int_equal(a->keygen_tmp, pq->keygen_tmp);
        assert_int_equal(a->sign_tmp, pq->sign_tmp);
        assert_int_equal(a->verify_tmp, pq->verify_tmp);
        assert_int_equal(a->level, pq->level);
        assert_int_equal(a->flags, PQI_ALG_PRE_STANDARD | PQI_ALG_COMPOSITE);
        assert_true(a->sig_len <= PQI_SIG_MAX_SIG && a->pk_len <= PQI_SIG_MAX_PK);
        assert_ptr_equal(pqi_algs_composite_sig(&algs, pq->id), a);
        assert_null(pqi_algs_composite_sig(&algs, a->id));
        assert_null(pqi_composite_sig_of(pq));
        assert_int_equal(
            pqi_sig_parse((pqi_cspan){(const uint8_t *)a->name, strlen(a->name)}), a->id);
    }
    const pqi_kem *k = &pqi_kem_ml_kem_768_p256, *pq = pqi_composite_kem_of(k)->pq;
    assert_int_equal(k->pk_len, pq->pk_len + PQI_P256_PK);
    assert_int_equal(k->ct_len, pq->ct_len + PQI_P256_PK);
    assert_int_equal(k->sk_len, pq->sk_len);
    assert_int_equal(k->seed_len, pq->seed_len);
    assert_int_equal(k->coins_len, 32);
    assert_int_equal(k->tmp_len, pq->tmp_len);
    assert_ptr_equal(pqi_algs_composite_kem(&algs, pq->id), k);
    assert_ptr_equal(pqi_algs_other_kem(&algs, pq->id), k);
    assert_ptr_equal(pqi_algs_other_kem(&algs, k->id), pq);
    assert_null(pqi_algs_other_kem(&algs, PQI_KEM_ID_ML_KEM_512));
    assert_null(pqi_algs_composite_sig(&algs, PQI_SIG_ID_ML_DSA_87));
    assert_ptr_equal(pqi_algs_suite(&algs, 9), &pqi_suite_0009);
    uint32_t bits = 0;
    for (size_t i = 0; i < algs.n_suites; i++) {
        assert_int_equal(algs.suites[i]->bitmap & bits, 0);
        bits |= algs.suites[i]->bitmap;
    }
    assert_int_equal(bits, 0x1ff);
}

/* Marks, level: policy can forbid them. */
static void policy_by_the_mark(void **state)
{
    (void)state;
    const pqi_alg_policy no = {0, PQI_ALG_COMPOSITE}, any = {0, 0};
    for (size_t i = 0; i < N_SIGS; i++) {
        assert_int_equal(pqi_policy_sig(&no, sigs[i]), PQI_ERR_POLICY);
        assert_int_equal(pqi_policy_sig(&no, pqi_composite_sig_of(sigs[i])->pq), PQI_OK);
        assert_int_equal(pqi_policy_sig(&any, sigs[i]), PQI_OK);
    }
    assert_int_equal(pqi_policy_kem(&no, &pqi_kem_ml_kem_768_p256), PQI_ERR_POLICY);
    assert_int_equal(pqi_policy_suite(&no, &pqi_suite_0009), PQI_ERR_POLICY);
    assert_int_equal(pqi_policy_suite(&any, &pqi_suite_0009), PQI_OK);
    assert_int_equal(pqi_policy_suites(&algs, &no, 0), 0xff);
    assert_int_equal(pqi_policy_suites(&algs, &any, PQI_KEM_ID_ML_KEM_768_P256), 0x100);
    /* a plain suite wins where the recipient's KEM leaves the choice */
    assert_ptr_equal(pqi_suite_choose(&algs, &any, 0x106, 0, NULL), &pqi_suite_0002);
    assert_ptr_equal(
        pqi_suite_choose(&algs, &any, 0x106, PQI_KEM_ID_ML_KEM_768_P256, NULL), &pqi_suite_0009);
    assert_null(pqi_suite_choose(&algs, &no, 0x106, PQI_KEM_ID_ML_KEM_768_P256, NULL));
}

/* Who has no P-256 key cannot make keys, sign or decapsulate; outputs are zero. */
static void private_operations_are_refused(void **state)
{
    (void)state;
    static const uint8_t zero[PQI_SIG_MAX_SK];
    static uint8_t out[PQI_SIG_MAX_SK], out2[PQI_SIG_MAX_SK];
    for (size_t i = 0; i < N_SIGS; i++) {
        const pqi_sig *a = sigs[i];
        size_t n = 7;
        memset(sig, 1, sizeof sig);
        assert_int_equal(pqi_sig_keygen(a, (pqi_span){out2, a->pk_len}, (pqi_span){out, a->sk_len},
                             (pqi_cspan){zero, a->seed_len}, tmp),
            PQI_ERR_UNSUPPORTED);
        assert_int_equal(
            pqi_sig_sign(a, (pqi_span){sig, a->sig_len}, &n, (pqi_cspan){zero, a->sk_len}, ctx,
                &msg, 1, (pqi_cspan){zero, a->rnd_len}, tmp),
            PQI_ERR_UNSUPPORTED);
        assert_int_equal(n, 0);
        assert_memory_equal(sig, zero, a->sig_len);
    }
    const pqi_kem *k = &pqi_kem_ml_kem_768_p256;
    assert_int_equal(pqi_kem_keygen(k, (pqi_span){out2, k->pk_len}, (pqi_span){out, k->sk_len},
                         (pqi_cspan){zero, k->seed_len}, tmp),
        PQI_ERR_UNSUPPORTED);
    memset(out, 1, 32);
    assert_int_equal(pqi_kem_decaps(k, (pqi_span){out, 32}, (pqi_cspan){sig, k->ct_len},
                         (pqi_cspan){zero, k->sk_len}, tmp),
        PQI_ERR_UNSUPPORTED);
    assert_memory_equal(out, zero, 32);
}

/* A set without composites (a microcontroller's) neither knows their ids nor their suite. */
static void small_sets_have_none(void **state)
{
    (void)state;
    pqi_algs small;
    pqi_algs_small(&small, &pqi_classic_openssl);
    for (size_t i = 0; i < N_SIGS; i++) {
        assert_null(pqi_algs_sig(&small, sigs[i]->id));
    }
    assert_null(pqi_algs_kem(&small, PQI_KEM_ID_ML_KEM_768_P256));
    assert_null(pqi_algs_suite(&small, 9));
    assert_null(pqi_algs_other_kem(&small, PQI_KEM_ID_ML_KEM_768));
}

/* ---- M' ------------------------------------------------------------------------------------------ */

static void message_bytes(void **state)
{
    (void)state;
    static const char want[] = "CompositeAlgorithmSignatures2025"
                               "COMPSIG-MLDSA44-ECDSA-P256-SHA256"
                               "\x07"
                               "Context";
    static const uint8_t sha256[] = {0x64, 0xec, 0x88, 0xca, 0x00, 0xb2, 0x68, 0xe5};
    const pqi_composite_sig *c = pqi_composite_sig_of(&pqi_sig_ml_dsa_44_p256);
    const pqi_cspan parts[] = {{PQI_LIT("Hello")}, {NULL, 0}, {PQI_LIT(" world")}};
    uint8_t m[PQI_COMPOSITE_MSG_MAX], long_ctx[256] = {0};
    size_t n = 0;
    assert_int_equal(pqi_composite_message(&pqi_classic_openssl, c, ctx, parts, 3, m, &n), PQI_OK);
    assert_int_equal(n, sizeof want - 1 + 32);
    assert_memory_equal(m, want, sizeof want - 1);
    assert_memory_equal(m + sizeof want - 1, sha256, sizeof sha256);
    c = pqi_composite_sig_of(&pqi_sig_falcon_1024_p256); /* the longest label and hash */
    assert_int_equal(
        pqi_composite_message(&pqi_classic_openssl, c, (pqi_cspan){long_ctx, 255}, parts, 3, m, &n),
        PQI_OK);
    assert_int_equal(n, 32 + 41 + 1 + 255 + 64);
    assert_true(n <= PQI_COMPOSITE_MSG_MAX);
    assert_int_equal(
        pqi_composite_message(&pqi_classic_openssl, c, (pqi_cspan){long_ctx, 256}, parts, 3, m, &n),
        PQI_ERR_ARG);
    assert_int_equal(n, 0);
}

/* ---- signatures ---------------------------------------------------------------------------------- */

/* Everything is fixed: seed of 0x11 bytes, deterministic first half, RFC 6979 in the second. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint8_t rs[PQI_P256_SIG];
        const char *pk, *sig;
    } want[] = {
        {{0xf4, 0x96, 0x6f, 0x21, 0x5c, 0xb0, 0x27, 0xc5, 0xbe, 0x53, 0x25, 0x76, 0xd5, 0xdf, 0xbb,
             0x4f, 0xb2, 0x30, 0x06, 0x01, 0x40, 0x28, 0xc3, 0xea, 0xf4, 0xca, 0x79, 0x7d, 0x4e,
             0x39, 0x50, 0x1a, 0xf0, 0xc3, 0x21, 0x43, 0xf0, 0xbd, 0x05, 0x05, 0x79, 0x7e, 0x23,
             0x01, 0xfc, 0xc6, 0xfd, 0x57, 0xcd, 0xe9, 0x02, 0x1d, 0x4a, 0xa2, 0xa5, 0x18, 0xf9,
             0x5a, 0x3c, 0x50, 0x33, 0x35, 0x4d, 0xf1},
            "d43cf0576b46efe11dd0116acbcf64368fb291d0cb54877e41cfc4953882421d",
            "24dc52acb0e7eb09f23a45d3af87ae8ed7db615b423a198fdbd99c0951ea1c9a"},
        {{0xab, 0xf1, 0x6e, 0xc8, 0x4b, 0x30, 0xe4, 0xb0, 0xc2, 0x1d, 0xbe, 0xd9, 0xd1, 0xed, 0xbc,
             0xaf, 0x8d, 0x1e, 0x2c, 0x4c, 0xfe, 0x9c, 0x3f, 0xf8, 0x57, 0x1f, 0x2e, 0x61, 0x10,
             0x54, 0x77, 0x92, 0x87, 0xea, 0x20, 0x49, 0xeb, 0xf9, 0x94, 0x6c, 0xb6, 0xf0, 0xe8,
             0xb6, 0xb7, 0xdc, 0xf5, 0x7b, 0x6f, 0x62, 0x83, 0xca, 0x08, 0x2a, 0xb8, 0xf0, 0xc4,
             0xaf, 0x80, 0xd5, 0x27, 0x0c, 0x65, 0x82},
            "9ba485c33fd2b48a40c07513904f8c494c139b571f6ef70e62bc1d4c506c6b60",
            "01aaf8b3592861fefb7579eb453f154649157b2e34d26451d58c725595a7afb3"},
        {{0x43, 0x2c, 0x83, 0x84, 0xe9, 0x6a, 0xa6, 0x54, 0x11, 0x1b, 0xfa, 0xe8, 0x1f, 0xed, 0x44,
             0x79, 0x73, 0xfd, 0xbe, 0x8c, 0xe6, 0xcd, 0x0d, 0x8e, 0x5d, 0x5a, 0x0c, 0x97, 0x1b,
             0x94, 0xec, 0xfe, 0xa1, 0x7d, 0xd8, 0x3a, 0xb2, 0x39, 0xfd, 0xab, 0x9e, 0x16, 0x76,
             0xe7, 0x88, 0x61, 0x45, 0x17, 0xb0, 0x55, 0x53, 0x6d, 0xfa, 0x05, 0x27, 0xb6, 0x50,
             0x83, 0x4a, 0xa7, 0x7a, 0x3b, 0x8c, 0x24},
            "a845290ceb52f68cb01dbc8004cd0866578f0802ac5c8f32e081047ca4d7df8d",
            "7133e99c5d624f3f07dec0ef5be9c1987bf6ae0989fed810f8ba8d5536e94dc0"},
        {{0x65, 0x63, 0x5a, 0x30, 0x48, 0x3f, 0x58, 0x3a, 0xee, 0x85, 0x8d, 0x21, 0xae, 0x12, 0xe4,
             0x14, 0x3d, 0x35, 0xae, 0xbd, 0x09, 0x3b, 0x0d, 0x03, 0x73, 0x4c, 0xc6, 0x2c, 0x3d,
             0x0f, 0xa6, 0x1f, 0xd4, 0xd3, 0xd4, 0xc1, 0x0f, 0xc3, 0xc0, 0xd4, 0x55, 0x6f, 0xde,
             0x59, 0xd4, 0xb8, 0x6f, 0x85, 0x90, 0xee, 0x06, 0xc3, 0x11, 0x00, 0xaa, 0xb2, 0x2d,
             0x08, 0x2a, 0x66, 0x14, 0x4f, 0x67, 0x5f},
            "de41eabdb7dfe650398d69582e037457075c77d534d2cdbbc06f776cdb37d24c",
            "e7ed1da527fc94d5135363a3b7c4312d75174d75078110794f59bb193101ae05"},
    };
    for (size_t i = 0; i < N_SIGS; i++) {
        size_t n = 0;
        composite_key_sig(&key, sigs[i], 0x11, NULL, tmp);
        composite_sign(&key, ctx, msg, want[i].rs, sig, &n, tmp);
        is_digest((pqi_cspan){key.pk, sigs[i]->pk_len}, want[i].pk);
        is_digest((pqi_cspan){sig, n}, want[i].sig);
        assert_int_equal(verify(&key, ctx, msg, (pqi_cspan){sig, n}), PQI_OK);
    }
}

static void refused(const composite_key *k, const uint8_t *s, size_t n)
{
    assert_int_equal(verify(k, ctx, msg, (pqi_cspan){s, n}), PQI_ERR_AUTH);
}

/* The first pq bytes of a, then the second half of b. */
static size_t splice(const uint8_t *a, const uint8_t *b, size_t b_len, size_t pq)
{
    memcpy(bad, a, pq);
    memcpy(bad + pq, b + pq, b_len - pq);
    return b_len;
}

static void both_halves_count(void **state)
{
    (void)state;
    const pqi_cspan msg2 = {PQI_LIT("Hello World")}, none = {NULL, 0};
    for (size_t i = 0; i < N_SIGS; i++) {
        const size_t pq = pq_len(sigs[i]);
        size_t n = 0, n2 = 0;
        composite_key_sig(&key, sigs[i], 0x11, NULL, tmp);
        composite_key_sig(&key2, sigs[i], 0x22, scalar2, tmp);
        composite_sign(&key, ctx, msg, NULL, sig, &n, tmp);
        assert_int_equal(verify(&key, ctx, msg, (pqi_cspan){sig, n}), PQI_OK);
        /* another context, none, another message, another key */
        assert_int_equal(verify(&key, msg, msg, (pqi_cspan){sig, n}), PQI_ERR_AUTH);
        assert_int_equal(verify(&key, none, msg, (pqi_cspan){sig, n}), PQI_ERR_AUTH);
        assert_int_equal(verify(&key, ctx, msg2, (pqi_cspan){sig, n}), PQI_ERR_AUTH);
        refused(&key2, sig, n);
        /* halves of two messages, of two keys */
        composite_sign(&key, ctx, msg2, NULL, other, &n2, tmp);
        refused(&key, bad, splice(sig, other, n2, pq));
        refused(&key, bad, splice(other, sig, n, pq));
        composite_sign(&key2, ctx, msg, NULL, other, &n2, tmp);
        refused(&key, bad, splice(sig, other, n2, pq));
        refused(&key, bad, splice(other, sig, n, pq));
        /* a key made of two: each half of its signature is good for one of them */
        composite_key mixed = key;
        memcpy(mixed.pk + sigs[i]->pk_len - PQI_P256_PK, key2.pk + sigs[i]->pk_len - PQI_P256_PK,
            PQI_P256_PK);
        refused(&mixed, sig, n);
        assert_int_equal(
            verify(&mixed, ctx, msg, (pqi_cspan){bad, splice(sig, other, n2, pq)}), PQI_OK);
        /* swapped, alone, cut */
        memcpy(bad, sig + pq, n - pq);
        memcpy(bad + n - pq, sig, pq);
        refused(&key, bad, n);
        refused(&key, sig, pq);
        refused(&key, sig + pq, n - pq);
        refused(&key, sig, n - 1);
        memcpy(bad, sig, n);
        bad[n] = 0;
        refused(&key, bad, n + 1);
        for (size_t at = 0; at < n; at = at + 97 < pq || at >= pq ? at + (at < pq ? 97 : 1) : pq) {
            memcpy(bad, sig, n);
            bad[at] ^= 0x10;
            refused(&key, bad, n);
        }
    }
}

/* What one algorithm signed is not good under another id with the same keys. */
static void no_cross_use(void **state)
{
    (void)state;
    const pqi_sig *a = &pqi_sig_ml_dsa_44_p256, *pq = pqi_composite_sig_of(a)->pq;
    static const uint8_t rnd[32];
    const size_t len = pq->sig_len;
    size_t n = 0, m_len = 0;
    uint8_t m[PQI_COMPOSITE_MSG_MAX], raw[PQI_P256_SIG];
    composite_key_sig(&key, a, 0x11, NULL, tmp);
    composite_sign(&key, ctx, msg, NULL, sig, &n, tmp);
    const pqi_cspan pk_pq = {key.pk, pq->pk_len};
    /* the first half alone is no plain signature, of the message or of M' without the label */
    assert_int_equal(pqi_composite_message(
                         &pqi_classic_openssl, pqi_composite_sig_of(a), ctx, &msg, 1, m, &m_len),
        PQI_OK);
    const pqi_cspan part = {m, m_len};
    assert_int_equal(
        pqi_sig_verify(pq, pk_pq, ctx, &msg, 1, (pqi_cspan){sig, len}, tmp), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_sig_verify(pq, pk_pq, ctx, &part, 1, (pqi_cspan){sig, len}, tmp), PQI_ERR_AUTH);
    /* a plain signature of the same key is no first half, with a good second one */
    size_t plain = 0;
    memcpy(bad, sig, n);
    assert_int_equal(pqi_sig_sign(pq, (pqi_span){bad, len}, &plain, (pqi_cspan){key.sk, pq->sk_len},
                         ctx, &msg, 1, (pqi_cspan){rnd, 32}, tmp),
        PQI_OK);
    assert_int_equal(pqi_sig_verify(pq, pk_pq, ctx, &msg, 1, (pqi_cspan){bad, len}, tmp), PQI_OK);
    refused(&key, bad, n);
    refused(&key, bad, len); /* nor is it a composite signature by itself */
    /* M' with the label of another algorithm: signed by both halves in their proper way */
    pqi_composite_sig wrong = *pqi_composite_sig_of(a);
    wrong.label = pqi_composite_sig_of(&pqi_sig_ml_dsa_65_p256)->label;
    assert_int_equal(
        pqi_composite_message(&pqi_classic_openssl, &wrong, ctx, &msg, 1, m, &m_len), PQI_OK);
    const pqi_cspan m2 = {m, m_len};
    composite_ecdsa(key.scalar, m2, raw);
    assert_int_equal(pqi_sig_sign(pq, (pqi_span){bad, len}, &plain, (pqi_cspan){key.sk, pq->sk_len},
                         wrong.label, &m2, 1, (pqi_cspan){rnd, 32}, tmp),
        PQI_OK);
    refused(&key, bad, len + pqi_p256_der_encode(raw, bad + len));
    /* both over the message instead of M' */
    composite_ecdsa(key.scalar, msg, raw);
    memcpy(bad, sig, len);
    refused(&key, bad, len + pqi_p256_der_encode(raw, bad + len));
}

/* ---- DER ----------------------------------------------------------------------------------------- */

static size_t der_of(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
    return n;
}

#define H31 "00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

static void der_has_one_encoding(void **state)
{
    (void)state;
    static const char *const good[] = {"3006020101020101", "300702017f02020080",
        "30450221"
        "00ff" H31 "0220"
        "7f" H31,
        "30460221"
        "0080" H31 "0221"
        "00ff" H31};
    static const char *const wrong[] = {"", "30", "3000", "30060201010201", "300602010102010100",
        "3006020100020101", "3006020101020100",                     /* zero */
        "30060201ff020101", "3006020101020180",                     /* negative */
        "300702020001020101", "300702010102020001",                 /* a zero too many */
        "3003020101", "3009020101020101020101",                     /* one, three numbers */
        "3005020002010102", "30060200020201010",                    /* no bytes */
        "308106020101020101", "30820006020101020101",               /* long lengths */
        "30800201010201010000",                                     /* indefinite */
        "3107020101020101", "3006030101020101", "3006020101030101", /* tags */
        "3007020101020101", "3005020101020101",                     /* another length */
        "3046022101"
        "00" H31 "0221"
        "00ff" H31, /* 2^256 and more */
        "30450221"
        "01ff" H31 "0220"
        "7f" H31,
        "3046"
        "022200"
        "00ff" H31 "0220"
        "7f" H31};
    uint8_t der[100], raw[PQI_P256_SIG], back[PQI_P256_DER];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t n = der_of(good[i], der);
        assert_int_equal(pqi_p256_der_decode((pqi_cspan){der, n}, raw), PQI_OK);
        assert_int_equal(pqi_p256_der_encode(raw, back), n);
        assert_memory_equal(der, back, n);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t n = der_of(wrong[i], der);
        memset(raw, 1, sizeof raw);
        if (pqi_p256_der_decode((pqi_cspan){der, n}, raw) != PQI_ERR_AUTH) {
            fail_msg("%s is taken", wrong[i]);
        }
        assert_true(raw[0] == 0 && raw[63] == 0);
    }
}

/* The same numbers in another encoding, and numbers out of range, under a good first half. */
static void der_of_a_whole_signature(void **state)
{
    (void)state;
    static const uint8_t n_order[32] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca,
        0xc2, 0xfc, 0x63, 0x25, 0x51};
    const pqi_sig *a = &pqi_sig_ml_dsa_44_p256;
    const size_t pq = pq_len(a);
    uint8_t raw[PQI_P256_SIG];
    size_t n = 0;
    composite_key_sig(&key, a, 0x11, NULL, tmp);
    composite_sign(&key, ctx, msg, NULL, sig, &n, tmp);
    /* long form of the length, a zero in front of r */
    memcpy(bad, sig, pq + 1);
    bad[pq + 1] = 0x81;
    memcpy(bad + pq + 2, sig + pq + 1, n - pq - 1);
    refused(&key, bad, n + 1);
    memcpy(bad, sig, pq + 4);
    bad[pq + 1]++;
    bad[pq + 3]++;
    bad[pq + 4] = 0;
    memcpy(bad + pq + 5, sig + pq + 4, n - pq - 4);
    refused(&key, bad, n + 1);
    /* r or s: the order, the order plus itself is no 256-bit number; s + n where it fits */
    assert_int_equal(pqi_p256_der_decode((pqi_cspan){sig + pq, n - pq}, raw), PQI_OK);
    for (size_t half = 0; half < 2; half++) {
        uint8_t r[PQI_P256_SIG];
        memcpy(r, raw, sizeof r);
        memcpy(r + 32 * half, n_order, 32);
        memcpy(bad, sig, pq);
        refused(&key, bad, pq + pqi_p256_der_encode(r, bad + pq));
        memset(r + 32 * half, 0xff, 32);
        refused(&key, bad, pq + pqi_p256_der_encode(r, bad + pq));
    }
    assert_int_equal(pqi_p256_der_encode(raw, bad + pq), n - pq); /* control */
    assert_int_equal(verify(&key, ctx, msg, (pqi_cspan){bad, n}), PQI_OK);
}

/* ---- points -------------------------------------------------------------------------------------- */

static void points(void **state)
{
    (void)state;
    uint8_t pk[PQI_P256_PK], ss[32], zero[PQI_P256_PK] = {0}, p[PQI_P256_PK], one[32] = {0};
    one[31] = 1;
    assert_int_equal(pqi_ossl_p256_public(pk, composite_rfc6979_scalar), PQI_OK);
    assert_int_equal(pk[1], 0x60); /* RFC 6979 section A.2.5: Ux, Uy */
    assert_int_equal(pk[64], 0x99);
    assert_int_equal(pqi_ossl_p256_check(pk), PQI_OK);
    for (unsigned first = 0; first < 256; first++) { /* infinity, compressed, hybrid */
        memcpy(p, pk, sizeof p);
        p[0] = (uint8_t)first;
        assert_int_equal(pqi_ossl_p256_check(p), first == 4 ? PQI_OK : PQI_ERR_AUTH);
    }
    assert_int_equal(pqi_ossl_p256_check(zero), PQI_ERR_AUTH);
    for (size_t at = 1; at < sizeof p; at += 7) {
        memcpy(p, pk, sizeof p);
        p[at] ^= 1;
        assert_int_equal(pqi_ossl_p256_check(p), PQI_ERR_AUTH);
        memset(ss, 1, sizeof ss);
        assert_int_equal(pqi_ossl_p256_dh(ss, one, p), PQI_ERR_AUTH);
        assert_memory_equal(ss, zero, sizeof ss);
    }
    memset(p, 0xff, sizeof p); /* x above the field */
    p[0] = 4;
    assert_int_equal(pqi_ossl_p256_check(p), PQI_ERR_AUTH);
    assert_int_equal(pqi_ossl_p256_dh(ss, one, pk), PQI_OK); /* one times a point is the point */
    assert_memory_equal(ss, pk + 1, 32);
    assert_int_equal(pqi_ossl_p256_dh(ss, zero, pk), PQI_ERR_ARG);
    assert_int_equal(pqi_ossl_p256_public(p, zero), PQI_ERR_ARG);
}

static void scalars(void **state)
{
    (void)state;
    uint8_t seed[PQI_P256_SEED], sk[32],
        n[32] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
            0x25, 0x51};
    memset(seed, 0, 32); /* zero, the order, 2^256 - 1, then the order less one */
    memcpy(seed + 32, n, 32);
    memset(seed + 64, 0xff, 32);
    n[31]--;
    memcpy(seed + 96, n, 32);
    assert_int_equal(pqi_p256_random_scalar(sk, seed), PQI_OK);
    assert_memory_equal(sk, n, 32);
    assert_int_equal(pqi_ossl_p256_public(bad, sk), PQI_OK);
    memcpy(seed + 64, composite_rfc6979_scalar, 32); /* the first that fits */
    assert_int_equal(pqi_p256_random_scalar(sk, seed), PQI_OK);
    assert_memory_equal(sk, composite_rfc6979_scalar, 32);
    memset(seed + 64, 0xff, 64);
    assert_int_equal(pqi_p256_random_scalar(sk, seed), PQI_ERR_RNG);
    assert_int_equal(sk[0], 0);
}

/* ---- KEM ----------------------------------------------------------------------------------------- */

static pqi_status encaps(const composite_key *k, const uint8_t coins[32], uint8_t *ct, uint8_t *ss)
{
    return pqi_kem_encaps(k->kem, (pqi_span){ct, k->kem->ct_len}, (pqi_span){ss, 32},
        (pqi_cspan){k->pk, k->kem->pk_len}, (pqi_cspan){coins, 32}, tmp);
}

static void kem_needs_both(void **state)
{
    (void)state;
    const pqi_kem *a = &pqi_kem_ml_kem_768_p256, *pq = pqi_composite_kem_of(a)->pq;
    static uint8_t ct[PQI_KEM_MAX_CT];
    uint8_t ss[32], got[32], coins[32];
    memset(coins, 0x33, sizeof coins);
    composite_key_kem(&key, a, 0x11, NULL, tmp);
    composite_key_kem(&key2, a, 0x22, scalar2, tmp);
    assert_int_equal(encaps(&key, coins, ct, ss), PQI_OK);
    is_digest((pqi_cspan){key.pk, a->pk_len},
        "3e6df809ae041660067ed58715edc154d6f97464887d0ab6e78dc45bdef2428f");
    is_digest((pqi_cspan){ct, a->ct_len},
        "fa42296ee9822f0abf694b7d52b68b115186f7f00e5938f1132418a57c987d8b");
    is_digest(
        (pqi_cspan){ss, 32}, "2542a7d4db9db570a750778ce87276bb13617039c2a5b548cb953a701bb0d83e");
    composite_decaps(&key, ct, got, tmp);
    assert_memory_equal(ss, got, 32);
    /* one half stolen is not enough */
    composite_key thief = key;
    memcpy(thief.scalar, key2.scalar, 32);
    composite_decaps(&thief, ct, got, tmp);
    assert_memory_not_equal(ss, got, 32);
    thief = key;
    memcpy(thief.sk, key2.sk, pq->sk_len);
    composite_decaps(&thief, ct, got, tmp);
    assert_memory_not_equal(ss, got, 32);
    /* the secret is bound to the recipient's point and the sender's */
    thief = key;
    memcpy(thief.pk + pq->pk_len, key2.pk + pq->pk_len, PQI_P256_PK);
    composite_decaps(&thief, ct, got, tmp);
    assert_memory_not_equal(ss, got, 32);
    coins[0] ^= 1;
    assert_int_equal(encaps(&key, coins, ct, got), PQI_OK);
    assert_memory_not_equal(ss, got, 32);
}

static void kem_keys_are_checked(void **state)
{
    (void)state;
    const pqi_kem *a = &pqi_kem_ml_kem_768_p256;
    static const uint8_t zero[PQI_KEM_MAX_CT];
    static uint8_t ct[PQI_KEM_MAX_CT];
    uint8_t ss[32], coins[32] = {0};
    composite_key_kem(&key, a, 0x11, NULL, tmp);
    const pqi_cspan pk = {key.pk, a->pk_len};
    uint8_t *t = key.pk + a->pk_len - PQI_P256_PK;
    assert_int_equal(pqi_kem_check_pk(a, pk, tmp), PQI_OK);
    static const size_t at[] = {0, 1, 40, 64};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        t[at[i]] ^= 2;
        memset(ct, 1, sizeof ct);
        assert_int_equal(pqi_kem_check_pk(a, pk, tmp), PQI_ERR_DECODE);
        assert_int_equal(encaps(&key, coins, ct, ss), PQI_ERR_DECODE);
        assert_memory_equal(ct, zero, a->ct_len);
        assert_memory_equal(ss, zero, 32);
        t[at[i]] ^= 2;
    }
    key.pk[0] = key.pk[1] = 0xff; /* FIPS 203 section 7.2 */
    assert_int_equal(pqi_kem_check_pk(a, pk, tmp), PQI_ERR_DECODE);
    assert_int_equal(encaps(&key, coins, ct, ss), PQI_ERR_DECODE);
}

/* ---- fields of one length ------------------------------------------------------------------------ */

static void padded_fields(void **state)
{
    (void)state;
    const pqi_sig *a = &pqi_sig_ml_dsa_44_p256, *plain = &pqi_sig_ml_dsa_44;
    const pqi_span field = {bad, a->sig_len};
    unsigned shorter = 0;
    composite_key_sig(&key, a, 0x11, NULL, tmp);
    for (unsigned i = 0; i < 64 && shorter < 3; i++) {
        size_t n = 0;
        pqi_cspan s;
        memset(bad, 0xaa, sizeof bad);
        composite_sign(&key, ctx, msg, NULL, bad, &n, tmp);
        shorter += n < a->sig_len;
        assert_int_equal(pqi_sig_pad(a, field, n), PQI_OK);
        assert_int_equal(pqi_sig_unpad(a, (pqi_cspan){bad, a->sig_len}, &s), PQI_OK);
        assert_int_equal(s.len, n);
        assert_int_equal(verify(&key, ctx, msg, s), PQI_OK);
        assert_int_equal(pqi_sig_unpad(a, (pqi_cspan){bad, a->sig_len - 1}, &s), PQI_ERR_AUTH);
        if (n < a->sig_len) {
            bad[a->sig_len - 1] = 1;
            assert_int_equal(pqi_sig_unpad(a, (pqi_cspan){bad, a->sig_len}, &s), PQI_ERR_AUTH);
        }
        assert_int_equal(pqi_sig_pad(a, field, n - 1), PQI_ERR_PROVIDER);
        bad[pq_len(a) + 1] = 0xff; /* a length beyond the field */
        assert_int_equal(pqi_sig_unpad(a, (pqi_cspan){bad, a->sig_len}, &s), PQI_ERR_AUTH);
    }
    assert_true(shorter >= 3);
    pqi_cspan s;
    const pqi_span one = {bad, plain->sig_len};
    assert_int_equal(pqi_sig_pad(plain, one, plain->sig_len), PQI_OK);
    assert_int_equal(pqi_sig_pad(plain, one, plain->sig_len - 1), PQI_ERR_PROVIDER);
    assert_int_equal(pqi_sig_unpad(plain, (pqi_cspan){bad, plain->sig_len}, &s), PQI_OK);
    assert_int_equal(s.len, plain->sig_len);
    assert_int_equal(pqi_sig_unpad(plain, (pqi_cspan){bad, plain->sig_len - 1}, &s), PQI_ERR_AUTH);
}

/* ---- self test, interoperation ------------------------------------------------------------------- */

static void self_test(void **state)
{
    (void)state;
    unsigned failed = 0;
    assert_true(pqi_selftest_tmp_len(&algs) <= sizeof tmp_bytes);
    assert_int_equal(pqi_selftest(&algs, &failed, tmp), PQI_OK);
    /* an id without a known answer is not used */
    pqi_sig odd = pqi_sig_ml_dsa_44_p256;
    odd.id = -70000;
    assert_int_equal(pqi_composite_selftest_sig(&odd, tmp), PQI_ERR_SELFTEST);
}

static void put_file(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The second half is an ordinary ECDSA signature over M': the openssl program says so. */
static void openssl_program(void **state)
{
    (void)state;
    static const uint8_t spki[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
    char pk_path[128], m_path[128], sig_path[128], command[600];
    uint8_t der[sizeof spki + PQI_P256_PK], m[PQI_COMPOSITE_MSG_MAX];
    if (system("command -v openssl >/dev/null 2>&1") != 0) {
        skip();
    }
    tmp_dir d;
    tmp_dir_make(&d);
    for (size_t i = 0; i < N_SIGS; i++) {
        const pqi_sig *a = sigs[i];
        const size_t pq = pq_len(a);
        size_t n = 0, len = 0;
        composite_key_sig(&key, a, 0x11, NULL, tmp);
        composite_sign(&key, ctx, msg, NULL, sig, &n, tmp);
        assert_int_equal(pqi_composite_message(
                             &pqi_classic_openssl, pqi_composite_sig_of(a), ctx, &msg, 1, m, &len),
            PQI_OK);
        memcpy(der, spki, sizeof spki);
        memcpy(der + sizeof spki, key.pk + a->pk_len - PQI_P256_PK, PQI_P256_PK);
        put_file(tmp_dir_file(&d, "pk.der", pk_path), der, sizeof der);
        put_file(tmp_dir_file(&d, "m", m_path), m, len);
        put_file(tmp_dir_file(&d, "sig", sig_path), sig + pq, n - pq);
        (void)snprintf(command, sizeof command,
            "openssl dgst -sha256 -verify %s -keyform DER -signature %s %s >/dev/null 2>&1",
            pk_path, sig_path, m_path);
        assert_int_equal(system(command), 0);
        m[0] ^= 1;
        put_file(m_path, m, len);
        assert_int_not_equal(system(command), 0); /* control */
    }
    (void)tmp_dir_clear(&d, 1);
}

static int set_up(void **state)
{
    (void)state;
    return pqi_host_algs(&algs) == NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_are_those_of_the_halves),
        cmocka_unit_test(policy_by_the_mark), cmocka_unit_test(private_operations_are_refused),
        cmocka_unit_test(small_sets_have_none), cmocka_unit_test(message_bytes),
        cmocka_unit_test(known_answers), cmocka_unit_test(both_halves_count),
        cmocka_unit_test(no_cross_use), cmocka_unit_test(der_has_one_encoding),
        cmocka_unit_test(der_of_a_whole_signature), cmocka_unit_test(points),
        cmocka_unit_test(scalars), cmocka_unit_test(kem_needs_both),
        cmocka_unit_test(kem_keys_are_checked), cmocka_unit_test(padded_fields),
        cmocka_unit_test(self_test), cmocka_unit_test(openssl_program)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
