/* SPDX-License-Identifier: Apache-2.0
 * The interfaces of sig.h and mldsa.h over ML-DSA: what is accepted, what is refused, and what is
 * left behind. */
#include "pqi_test.h"

#include "ct/ct.h"
#include <pqi/mldsa.h>

#define TMP_LEN 100000u

static union {
    uint64_t align;
    uint8_t b[TMP_LEN];
} tmp;

static const pqi_sig *const levels[3] = {
    &pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_87};

/* One key and one hedged signature of `message` under `context`. */
static struct {
    const pqi_sig *alg;
    uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sig[PQI_SIG_MAX_SIG];
    pqi_cspan pk_, sk_, sig_;
    pqi_span room;
} t;

static const uint8_t message[] = "valve 17 may open";
static const uint8_t context[] = "unit test";
static const pqi_cspan part = {message, sizeof message - 1};
static const pqi_cspan ctx = {context, sizeof context - 1};
static const pqi_cspan none = {NULL, 0};
static const uint8_t zero[64];
static const uint8_t rnd_bytes[32] = {1, 2, 3};
static const pqi_cspan rnd = {rnd_bytes, 32};
static const pqi_cspan det = {zero, 32};

static pqi_status verify(pqi_cspan c, const pqi_cspan *parts, size_t n)
{
    return pqi_sig_verify(t.alg, t.pk_, c, parts, n, t.sig_, t.room);
}

static void setup(const pqi_sig *alg, uint8_t seed_byte)
{
    uint8_t seed[32] = {0};
    size_t len = 0;
    seed[0] = seed_byte;
    t.alg = alg;
    t.room = (pqi_span){tmp.b, sizeof tmp.b};
    assert_int_equal(pqi_sig_keygen(alg, (pqi_span){t.pk, alg->pk_len},
                         (pqi_span){t.sk, alg->sk_len}, (pqi_cspan){seed, 32}, t.room),
        PQI_OK);
    t.pk_ = (pqi_cspan){t.pk, alg->pk_len};
    t.sk_ = (pqi_cspan){t.sk, alg->sk_len};
    assert_int_equal(
        pqi_sig_sign(alg, (pqi_span){t.sig, sizeof t.sig}, &len, t.sk_, ctx, &part, 1, rnd, t.room),
        PQI_OK);
    assert_int_equal(len, alg->sig_len);
    t.sig_ = (pqi_cspan){t.sig, len};
}

static void round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t other[PQI_SIG_MAX_PK];
        setup(levels[i], 1);
        assert_int_equal(verify(ctx, &part, 1), PQI_OK);
        assert_int_equal(verify(none, &part, 1), PQI_ERR_AUTH);
        assert_int_equal(verify((pqi_cspan){context, 8}, &part, 1), PQI_ERR_AUTH);
        assert_int_equal(verify(ctx, NULL, 0), PQI_ERR_AUTH);
        const pqi_cspan shorter = {message, part.len - 1}, longer = {message, part.len + 1};
        assert_int_equal(verify(ctx, &shorter, 1), PQI_ERR_AUTH);
        assert_int_equal(verify(ctx, &longer, 1), PQI_ERR_AUTH);
        /* The border between context and message is bound. */
        const uint8_t joined[] = "tvalve 17 may open";
        const pqi_cspan moved = {joined, sizeof joined - 1};
        assert_int_equal(verify((pqi_cspan){context, 8}, &moved, 1), PQI_ERR_AUTH);
        /* Another key. */
        memcpy(other, t.pk, t.alg->pk_len);
        setup(levels[i], 2);
        t.pk_.ptr = other;
        assert_int_equal(verify(ctx, &part, 1), PQI_ERR_AUTH);
    }
}

static void every_byte_of_a_signature_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        setup(levels[i], 3);
        for (size_t n = 0; n < t.sig_.len; n++) {
            t.sig[n] ^= (uint8_t)(1u << (n % 8));
            assert_int_equal(verify(ctx, &part, 1), PQI_ERR_AUTH);
            t.sig[n] ^= (uint8_t)(1u << (n % 8));
        }
        assert_int_equal(verify(ctx, &part, 1), PQI_OK);
    }
}

static void every_byte_of_a_public_key_counts(void **state)
{
    (void)state;
    setup(&pqi_sig_ml_dsa_44, 4);
    for (size_t n = 0; n < t.pk_.len; n++) {
        t.pk[n] ^= 0x10;
        assert_int_equal(verify(ctx, &part, 1), PQI_ERR_AUTH);
        t.pk[n] ^= 0x10;
    }
}

static void parts_are_one_message(void **state)
{
    (void)state;
    setup(&pqi_sig_ml_dsa_65, 5);
    const pqi_cspan three[4] = {{message, 3}, none, {message + 3, 1}, {message + 4, part.len - 4}};
    assert_int_equal(verify(ctx, three, 4), PQI_OK);
    uint8_t sig[PQI_SIG_MAX_SIG];
    size_t len;
    assert_int_equal(
        pqi_sig_sign(t.alg, (pqi_span){sig, sizeof sig}, &len, t.sk_, ctx, three, 4, rnd, t.room),
        PQI_OK);
    assert_memory_equal(sig, t.sig, len);
}

static void hedged_and_deterministic(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t a[PQI_SIG_MAX_SIG], b[PQI_SIG_MAX_SIG];
        size_t len;
        setup(levels[i], 6);
        assert_int_equal(
            pqi_sig_sign(t.alg, (pqi_span){a, sizeof a}, &len, t.sk_, ctx, &part, 1, det, t.room),
            PQI_OK);
        assert_int_equal(
            pqi_sig_sign(t.alg, (pqi_span){b, sizeof b}, &len, t.sk_, ctx, &part, 1, det, t.room),
            PQI_OK);
        assert_memory_equal(a, b, len);
        assert_memory_not_equal(a, t.sig, len);
        t.sig_.ptr = a;
        assert_int_equal(verify(ctx, &part, 1), PQI_OK);
    }
}

static void scratch_is_wiped(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        memset(tmp.b, 0xa5, sizeof tmp.b);
        setup(levels[i], 7);
        assert_true(levels[i]->sign_tmp < TMP_LEN - 16);
        assert_int_equal(pqi_ct_is_zero_mask(tmp.b, levels[i]->sign_tmp), UINT32_MAX);
        /* Nothing is written past the documented length. */
        for (size_t n = levels[i]->sign_tmp; n < TMP_LEN; n++) {
            assert_int_equal(tmp.b[n], 0xa5);
        }
    }
}

static pqi_status sign_with(
    pqi_span sig, size_t *len, pqi_cspan sk, pqi_cspan c, pqi_cspan r, pqi_span room)
{
    return pqi_sig_sign(t.alg, sig, len, sk, c, &part, 1, r, room);
}

static void sign_refuses_bad_arguments(void **state)
{
    (void)state;
    uint8_t sig[PQI_SIG_MAX_SIG + 1], big[256] = {0};
    setup(&pqi_sig_ml_dsa_44, 8);
    const pqi_span out = {sig, sizeof sig};
    const pqi_span shorter = {sig, t.alg->sig_len - 1}, exact = {sig, t.alg->sig_len};
    const uint32_t need = t.alg->sign_tmp;
    const struct {
        pqi_span sig;
        pqi_cspan sk, c, r;
        pqi_span room;
        pqi_status want;
    } bad[] = {
        {out, {t.sk, t.sk_.len - 1}, ctx, rnd, t.room, PQI_ERR_ARG},
        {out, {t.sk, t.sk_.len + 1}, ctx, rnd, t.room, PQI_ERR_ARG},
        {out, {NULL, t.sk_.len}, ctx, rnd, t.room, PQI_ERR_ARG},
        {out, t.sk_, {big, 256}, rnd, t.room, PQI_ERR_ARG},
        {out, t.sk_, {NULL, 1}, rnd, t.room, PQI_ERR_ARG},
        {out, t.sk_, ctx, {zero, 31}, t.room, PQI_ERR_ARG},
        {out, t.sk_, ctx, {zero, 33}, t.room, PQI_ERR_ARG},
        {out, t.sk_, ctx, {NULL, 0}, t.room, PQI_ERR_ARG},
        {out, t.sk_, ctx, rnd, {tmp.b + 1, TMP_LEN - 1}, PQI_ERR_ARG},
        {out, t.sk_, ctx, rnd, {tmp.b + 4, TMP_LEN - 4}, PQI_ERR_ARG},
        {out, t.sk_, ctx, rnd, {NULL, TMP_LEN}, PQI_ERR_ARG},
        {out, t.sk_, ctx, rnd, {tmp.b, need - 1}, PQI_ERR_SPACE},
        {shorter, t.sk_, ctx, rnd, t.room, PQI_ERR_SPACE},
        {{NULL, sizeof sig}, t.sk_, ctx, rnd, t.room, PQI_ERR_ARG},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = 99;
        memset(sig, 0xa5, sizeof sig);
        assert_int_equal(
            sign_with(bad[i].sig, &len, bad[i].sk, bad[i].c, bad[i].r, bad[i].room), bad[i].want);
        assert_int_equal(len, bad[i].sig.len == shorter.len ? t.alg->sig_len : 0);
        if (bad[i].sig.ptr != NULL) {
            assert_int_equal(pqi_ct_is_zero_mask(sig, bad[i].sig.len), UINT32_MAX);
        }
    }
    size_t len;
    assert_int_equal(sign_with(out, NULL, t.sk_, ctx, rnd, t.room), PQI_ERR_ARG);
    assert_int_equal(pqi_sig_sign(t.alg, out, &len, t.sk_, ctx, NULL, 1, rnd, t.room), PQI_ERR_ARG);
    const pqi_cspan hole = {NULL, 1};
    assert_int_equal(
        pqi_sig_sign(t.alg, out, &len, t.sk_, ctx, &hole, 1, rnd, t.room), PQI_ERR_ARG);
    assert_int_equal(pqi_sig_sign(NULL, out, &len, t.sk_, ctx, &part, 1, rnd, t.room), PQI_ERR_ARG);
    assert_int_equal(
        sign_with(exact, &len, t.sk_, (pqi_cspan){big, 255}, rnd, (pqi_span){tmp.b, need}), PQI_OK);
}

static void keygen_and_verify_refuse_bad_arguments(void **state)
{
    (void)state;
    setup(&pqi_sig_ml_dsa_44, 9);
    const pqi_span pk = {t.pk, t.alg->pk_len}, sk = {t.sk, t.alg->sk_len};
    const pqi_cspan seed = {zero, 32};
    const pqi_span few = {tmp.b, t.alg->keygen_tmp - 1};
    const pqi_span odd = {tmp.b + 1, TMP_LEN - 1};
    const uint8_t big[256] = {0};
    pqi_cspan s = t.sig_;
    assert_int_equal(
        pqi_sig_verify(t.alg, (pqi_cspan){t.pk, t.pk_.len - 1}, ctx, &part, 1, s, t.room),
        PQI_ERR_ARG);
    assert_int_equal(verify((pqi_cspan){big, 256}, &part, 1), PQI_ERR_ARG);
    assert_int_equal(pqi_sig_verify(t.alg, t.pk_, ctx, &part, 1, s, odd), PQI_ERR_ARG);
    assert_int_equal(
        pqi_sig_verify(t.alg, t.pk_, ctx, &part, 1, s, (pqi_span){tmp.b, t.alg->verify_tmp - 1}),
        PQI_ERR_SPACE);
    assert_int_equal(
        pqi_sig_verify(t.alg, t.pk_, ctx, &part, 1, s, (pqi_span){tmp.b, t.alg->verify_tmp}),
        PQI_OK);
    assert_int_equal(pqi_sig_verify(t.alg, t.pk_, ctx, &part, 1, none, t.room), PQI_ERR_AUTH);
    for (size_t cut = 1; cut < 40; cut++) {
        t.sig_.len = s.len - cut;
        assert_int_equal(verify(ctx, &part, 1), PQI_ERR_AUTH);
    }
    t.sig_.len = s.len + 1;
    assert_int_equal(verify(ctx, &part, 1), PQI_ERR_AUTH);
    t.sig_ = (pqi_cspan){NULL, s.len};
    assert_int_equal(verify(ctx, &part, 1), PQI_ERR_ARG);

    assert_int_equal(pqi_sig_keygen(NULL, pk, sk, seed, t.room), PQI_ERR_ARG);
    assert_int_equal(
        pqi_sig_keygen(t.alg, (pqi_span){t.pk, pk.len - 1}, sk, seed, t.room), PQI_ERR_ARG);
    assert_int_equal(
        pqi_sig_keygen(t.alg, pk, (pqi_span){t.sk, sk.len + 1}, seed, t.room), PQI_ERR_ARG);
    assert_int_equal(pqi_sig_keygen(t.alg, pk, sk, (pqi_cspan){zero, 31}, t.room), PQI_ERR_ARG);
    assert_int_equal(pqi_sig_keygen(t.alg, pk, sk, seed, odd), PQI_ERR_ARG);
    memset(t.sk, 1, sk.len);
    assert_int_equal(pqi_sig_keygen(t.alg, pk, sk, seed, few), PQI_ERR_SPACE);
    assert_int_equal(pqi_ct_is_zero_mask(t.sk, sk.len), UINT32_MAX);
    assert_int_equal(pqi_ct_is_zero_mask(t.pk, pk.len), UINT32_MAX);
}

/* FIPS 204 Algorithm 21: hints have one encoding. Cases 0 and 1 leave the set of hints as it is, so
 * only the encoding check can refuse them. */
static void malformed_hints_are_refused(void **state)
{
    (void)state;
    const struct {
        unsigned k, omega;
    } size[3] = {{4, 80}, {6, 55}, {8, 75}};
    for (size_t i = 0; i < 3; i++) {
        setup(levels[i], 10);
        uint8_t *h = t.sig + t.sig_.len - size[i].omega - size[i].k;
        uint8_t *end = h + size[i].omega;
        uint8_t good[PQI_SIG_MAX_SIG];
        memcpy(good, t.sig, sizeof good);
        unsigned total = end[size[i].k - 1];
        assert_in_range(end[0], 2, size[i].omega - 1u);
        assert_in_range(total, 3, size[i].omega - 1u);
        for (unsigned way = 0; way < 7; way++) {
            memcpy(t.sig, good, sizeof good);
            uint8_t first = h[0];
            switch (way) {
            case 0: /* positions fall */
                h[0] = h[1];
                h[1] = first;
                break;
            case 1: /* something after the last hint */
                h[size[i].omega - 1] = 7;
                break;
            case 2: /* a position twice, the rest moved up: the same set */
                memmove(h + 1, h, total);
                for (unsigned n = 0; n < size[i].k; n++) {
                    end[n]++;
                }
                break;
            case 3: /* a bound falls */
                end[1] = (uint8_t)(end[0] - 1);
                break;
            case 4: /* a bound above omega */
                end[size[i].k - 1] = (uint8_t)(size[i].omega + 1);
                break;
            case 5:
                end[0] = 255;
                break;
            default: /* the last hint is dropped from the bounds but not from the list */
                end[size[i].k - 1]--;
                break;
            }
            assert_int_equal(verify(ctx, &part, 1), PQI_ERR_AUTH);
        }
        memcpy(t.sig, good, sizeof good);
        assert_int_equal(verify(ctx, &part, 1), PQI_OK);
    }
}

/* Encoded s1 and s2 leave room for values that no key has. */
static void private_key_out_of_range_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        size_t s_len = levels[i]->level == 3 ? 128u : 96u, polys[3] = {8, 11, 15}, len;
        for (size_t poly = 0; poly < polys[i]; poly++) {
            setup(levels[i], 11);
            t.sk[128 + poly * s_len + s_len - 1] |= 0xe0; /* the last coefficient */
            memset(t.sig, 0xa5, sizeof t.sig);
            assert_int_equal(
                sign_with((pqi_span){t.sig, sizeof t.sig}, &len, t.sk_, ctx, rnd, t.room),
                PQI_ERR_ARG);
            assert_int_equal(len, 0);
            assert_int_equal(pqi_ct_is_zero_mask(t.sig, sizeof t.sig), UINT32_MAX);
            assert_int_equal(pqi_ct_is_zero_mask(tmp.b, t.alg->sign_tmp), UINT32_MAX);
        }
    }
}

/* With every coefficient of t0 at an end of its range some 110 hints are wanted where ML-DSA-44
 * allows 80, so that nearly all attempts fail: the loop must end. (Deterministic: the values below
 * were picked so that none of the 814 attempts passes.) */
static void unsound_key_meets_the_bound(void **state)
{
    (void)state;
    size_t len;
    uint32_t bits = 1;
    setup(&pqi_sig_ml_dsa_44, 12);
    uint8_t *t0 = t.sk + t.alg->sk_len - 4 * 416;
    memset(t0, 0, 4 * 416);
    for (unsigned i = 0; i < 4 * 256; i++) {
        bits = bits * 1664525u + 1013904223u;
        for (unsigned b = 13 * i; b < 13 * i + 13 && bits >> 31 != 0; b++) {
            t0[b / 8] = (uint8_t)(t0[b / 8] | 1u << (b % 8));
        }
    }
    pqi_status st = sign_with((pqi_span){t.sig, sizeof t.sig}, &len, t.sk_, ctx, rnd, t.room);
    assert_int_equal(st, PQI_ERR_PROVIDER);
    assert_int_equal(len, 0);
    assert_int_equal(pqi_ct_is_zero_mask(t.sig, sizeof t.sig), UINT32_MAX);
    assert_int_equal(pqi_ct_is_zero_mask(tmp.b, t.alg->sign_tmp), UINT32_MAX);
}

static void external_mu_is_the_pure_interface(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        uint8_t mu[PQI_MLDSA_MU], sig[PQI_SIG_MAX_SIG];
        size_t len;
        const pqi_span out = {sig, sizeof sig};
        setup(levels[i], 13);
        assert_int_equal(pqi_mldsa_mu(t.alg, mu, t.pk_, ctx, &part, 1), PQI_OK);
        assert_int_equal(pqi_mldsa_sign_mu(t.alg, out, &len, t.sk_, mu, rnd, t.room), PQI_OK);
        assert_int_equal(len, t.alg->sig_len);
        assert_memory_equal(sig, t.sig, len);
        assert_int_equal(pqi_mldsa_verify_mu(t.alg, t.pk_, mu, t.sig_, t.room), PQI_OK);

        /* The internal interface over M' = 0 || len(ctx) || ctx || message. */
        const uint8_t head[2] = {0, (uint8_t)ctx.len};
        const pqi_cspan framed[3] = {{head, 2}, ctx, part};
        assert_int_equal(
            pqi_mldsa_sign_internal(t.alg, out, &len, t.sk_, framed, 3, rnd, t.room), PQI_OK);
        assert_memory_equal(sig, t.sig, len);
        assert_int_equal(
            pqi_mldsa_verify_internal(t.alg, t.pk_, framed, 3, t.sig_, t.room), PQI_OK);
        assert_int_equal(
            pqi_mldsa_verify_internal(t.alg, t.pk_, &part, 1, t.sig_, t.room), PQI_ERR_AUTH);

        mu[63] ^= 1;
        assert_int_equal(pqi_mldsa_verify_mu(t.alg, t.pk_, mu, t.sig_, t.room), PQI_ERR_AUTH);
        assert_int_equal(pqi_mldsa_verify_mu(t.alg, t.pk_, NULL, t.sig_, t.room), PQI_ERR_ARG);
        assert_int_equal(
            pqi_mldsa_sign_mu(t.alg, out, &len, t.sk_, NULL, rnd, t.room), PQI_ERR_ARG);
        assert_int_equal(len, 0);
        assert_int_equal(pqi_ct_is_zero_mask(sig, sizeof sig), UINT32_MAX);
        const pqi_cspan cut = {t.pk, t.pk_.len - 1};
        assert_int_equal(pqi_mldsa_mu(t.alg, mu, cut, ctx, &part, 1), PQI_ERR_ARG);
        assert_int_equal(
            pqi_mldsa_mu(t.alg, mu, t.pk_, (pqi_cspan){t.sk, 256}, &part, 1), PQI_ERR_ARG);
        assert_int_equal(pqi_ct_is_zero_mask(mu, sizeof mu), UINT32_MAX);
    }
}

static void other_descriptors_are_refused(void **state)
{
    (void)state;
    setup(&pqi_sig_ml_dsa_44, 14);
    pqi_sig other = pqi_sig_ml_dsa_44;
    uint8_t mu[PQI_MLDSA_MU] = {0}, sig[PQI_SIG_MAX_SIG];
    const pqi_span out = {sig, sizeof sig};
    const pqi_cspan digest = {zero, 32};
    size_t len;
    other.id = -7;
    assert_int_equal(pqi_mldsa_mu(&other, mu, t.pk_, ctx, &part, 1), PQI_ERR_UNSUPPORTED);
    assert_int_equal(
        pqi_mldsa_sign_mu(&other, out, &len, t.sk_, mu, rnd, t.room), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_mldsa_verify_mu(&other, t.pk_, mu, t.sig_, t.room), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_mldsa_sign_prehash(
                         &other, out, &len, t.sk_, ctx, PQI_HASH_SHA256, digest, 0, rnd, t.room),
        PQI_ERR_UNSUPPORTED);
    assert_int_equal(
        pqi_mldsa_verify_prehash(&other, t.pk_, ctx, PQI_HASH_SHA256, digest, t.sig_, t.room),
        PQI_ERR_UNSUPPORTED);
}

static void prehash_and_its_weak_hash_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const size_t least[3] = {32, 48, 64}; /* digest bytes for categories 2, 3, 5 */
        uint8_t sig[PQI_SIG_MAX_SIG];
        size_t len;
        const pqi_span out = {sig, sizeof sig};
        setup(levels[i], 15);
        for (pqi_hash_id h = PQI_HASH_SHA256; h <= PQI_HASH_SHAKE256; h++) {
            const pqi_cspan digest = {zero, pqi_hash_len(h)};
            pqi_status want = digest.len < least[i] ? PQI_ERR_POLICY : PQI_OK;
            memset(sig, 0xa5, sizeof sig);
            assert_int_equal(
                pqi_mldsa_sign_prehash(t.alg, out, &len, t.sk_, ctx, h, digest, 0, rnd, t.room),
                want);
            if (want != PQI_OK) {
                assert_int_equal(len, 0);
                assert_int_equal(pqi_ct_is_zero_mask(sig, sizeof sig), UINT32_MAX);
            }
            assert_int_equal(pqi_mldsa_sign_prehash(t.alg, out, &len, t.sk_, ctx, h, digest,
                                 PQI_MLDSA_ALLOW_WEAK_HASH, rnd, t.room),
                PQI_OK);
            const pqi_cspan s = {sig, len};
            for (pqi_hash_id v = PQI_HASH_SHA256; v <= PQI_HASH_SHAKE256; v++) {
                pqi_status st = pqi_mldsa_verify_prehash(t.alg, t.pk_, ctx, v, digest, s, t.room);
                pqi_status no = pqi_hash_len(v) == digest.len ? PQI_ERR_AUTH : PQI_ERR_ARG;
                assert_int_equal(st, v == h ? PQI_OK : no);
            }
            /* A pre-hashed signature is none of the digest. */
            assert_int_equal(
                pqi_sig_verify(t.alg, t.pk_, ctx, &digest, 1, s, t.room), PQI_ERR_AUTH);
        }
        const pqi_cspan digest = {zero, 64};
        assert_int_equal(pqi_mldsa_sign_prehash(
                             t.alg, out, &len, t.sk_, ctx, PQI_HASH_NONE, digest, 0, rnd, t.room),
            PQI_ERR_ARG);
        assert_int_equal(pqi_mldsa_sign_prehash(
                             t.alg, out, &len, t.sk_, ctx, PQI_HASH_SHA512, digest, 2, rnd, t.room),
            PQI_ERR_ARG);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(round_trip), cmocka_unit_test(every_byte_of_a_signature_counts),
    cmocka_unit_test(every_byte_of_a_public_key_counts), cmocka_unit_test(parts_are_one_message),
    cmocka_unit_test(hedged_and_deterministic), cmocka_unit_test(scratch_is_wiped),
    cmocka_unit_test(sign_refuses_bad_arguments),
    cmocka_unit_test(keygen_and_verify_refuse_bad_arguments),
    cmocka_unit_test(malformed_hints_are_refused),
    cmocka_unit_test(private_key_out_of_range_is_refused),
    cmocka_unit_test(unsound_key_meets_the_bound),
    cmocka_unit_test(external_mu_is_the_pure_interface),
    cmocka_unit_test(other_descriptors_are_refused),
    cmocka_unit_test(prehash_and_its_weak_hash_rule))
