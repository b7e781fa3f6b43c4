/* SPDX-License-Identifier: Apache-2.0
 * The signing functions of falcon.h and of the descriptors: what is accepted, what is refused, what a
 * failure leaves behind, and what nonce and signature depend on. */
#include "pqi_test.h"

#include "ct/ct.h"
#include "prim/falcon/sign_core.h"

#define ROOM 2048u

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_SIGN_TMP + 8];
} tmp;

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_EXPANDED + 8];
} ek;

/* The set under test, and a key of it. */
static struct {
    const pqi_sig *alg;
    unsigned logn;
    size_t ek_len, tmp_len;
    uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];
    pqi_cspan sk_, ek_;
    pqi_span ek_out, room;
} t;

static uint8_t sig[ROOM];
static size_t sig_len;
static const uint8_t zero[ROOM], rnd_bytes[48] = {7};
static const pqi_cspan rnd = {rnd_bytes, 48}, det = {zero, 48};
static const pqi_cspan part = {(const uint8_t *)"valve 17 may open", 17};

/* Attempts fail as often, and use the backend, that the test says; the link wraps
 * pqi_falcon_attempt(). */
static unsigned failing;
static const pqi_falcon_backend *instead;

const int16_t *real_attempt(pqi_falcon_work *w, const pqi_falcon_backend *backend,
    const pqi_falcon_expanded *e, const uint8_t *seed) __asm__("__real_pqi_falcon_attempt");
const int16_t *wrap_attempt(pqi_falcon_work *w, const pqi_falcon_backend *backend,
    const pqi_falcon_expanded *e, const uint8_t *seed) __asm__("__wrap_pqi_falcon_attempt");

const int16_t *wrap_attempt(pqi_falcon_work *w, const pqi_falcon_backend *backend,
    const pqi_falcon_expanded *e, const uint8_t *seed)
{
    if (failing != 0) {
        failing--;
        return NULL;
    }
    return real_attempt(w, instead != NULL ? instead : backend, e, seed);
}

static void setup(unsigned logn)
{
    const uint8_t seed[PQI_FALCON_SEED] = {(uint8_t)logn, 1};
    t.alg = logn == 9 ? &pqi_sig_falcon_512 : &pqi_sig_falcon_1024;
    t.logn = logn;
    t.ek_len = logn == 9 ? PQI_FALCON512_EXPANDED : PQI_FALCON1024_EXPANDED;
    t.tmp_len = logn == 9 ? PQI_FALCON512_SIGN_TMP : PQI_FALCON1024_SIGN_TMP;
    assert_int_equal(t.alg->sign_tmp, t.tmp_len);
    assert_true(t.alg->keygen_tmp <= sizeof tmp.b);
    assert_int_equal(
        pqi_sig_keygen(t.alg, (pqi_span){t.pk, t.alg->pk_len}, (pqi_span){t.sk, t.alg->sk_len},
            (pqi_cspan){seed, sizeof seed}, (pqi_span){tmp.b, t.alg->keygen_tmp}),
        PQI_OK);
    t.sk_ = (pqi_cspan){t.sk, t.alg->sk_len};
    t.ek_ = (pqi_cspan){ek.b, t.ek_len};
    t.ek_out = (pqi_span){ek.b, t.ek_len};
    t.room = (pqi_span){tmp.b, t.tmp_len};
    memset(tmp.b, 0x5A, sizeof tmp.b);
    failing = 0;
    instead = NULL;
}

static pqi_status sign_as(pqi_falcon_format format, pqi_cspan r)
{
    return pqi_falcon_sign(
        t.alg, format, (pqi_span){sig, sizeof sig}, &sig_len, t.sk_, &part, 1, r, t.room);
}

static pqi_status check(pqi_falcon_format format, const pqi_cspan *parts, size_t n)
{
    return pqi_falcon_verify(t.alg, format, (pqi_cspan){t.pk, t.alg->pk_len}, parts, n,
        (pqi_cspan){sig, sig_len}, (pqi_span){tmp.b, t.alg->verify_tmp});
}

static const pqi_falcon_format formats[3] = {
    PQI_FALCON_COMPRESSED, PQI_FALCON_PADDED, PQI_FALCON_CT};

static void round_trips(void **state)
{
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        setup(logn);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(sign_as(formats[i], rnd), PQI_OK);
            size_t longest = pqi_falcon_sig_len(t.alg, formats[i]);
            assert_true(i == 0 ? sig_len <= longest : sig_len == longest);
            assert_true(pqi_ct_is_zero_mask(tmp.b, t.tmp_len) != 0); /* wiped */
            assert_int_equal(tmp.b[t.tmp_len], 0x5A);                /* and nothing beyond */
            for (unsigned j = 0; j < 3; j++) {
                assert_int_equal(check(formats[j], &part, 1), i == j ? PQI_OK : PQI_ERR_AUTH);
            }
            const pqi_cspan split[3] = {{part.ptr, 5}, {NULL, 0}, {part.ptr + 5, 12}};
            assert_int_equal(check(formats[i], split, 3), PQI_OK);
            assert_int_equal(check(formats[i], split, 2), PQI_ERR_AUTH);
            memset(tmp.b, 0x5A, sizeof tmp.b);
        }
    }
}

static void empty_message(void **state)
{
    (void)state;
    setup(9);
    assert_int_equal(pqi_falcon_sign(t.alg, PQI_FALCON_PADDED, (pqi_span){sig, sizeof sig},
                         &sig_len, t.sk_, NULL, 0, det, t.room),
        PQI_OK);
    assert_int_equal(check(PQI_FALCON_PADDED, NULL, 0), PQI_OK);
    assert_int_equal(check(PQI_FALCON_PADDED, &part, 1), PQI_ERR_AUTH);
}

/* The nonce depends on rnd, message, key and format, and on nothing else. */
static void nonces(void **state)
{
    uint8_t first[PQI_FALCON_NONCE], again[ROOM];
    (void)state;
    setup(9);
    assert_int_equal(sign_as(PQI_FALCON_COMPRESSED, det), PQI_OK);
    memcpy(first, sig + 1, sizeof first);
    memcpy(again, sig, sizeof again);
    assert_int_equal(sign_as(PQI_FALCON_COMPRESSED, det), PQI_OK);
    assert_memory_equal(again, sig, sig_len);
    assert_int_equal(sign_as(PQI_FALCON_COMPRESSED, rnd), PQI_OK);
    assert_memory_not_equal(first, sig + 1, sizeof first);
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(sign_as(formats[i], det), PQI_OK);
        assert_memory_not_equal(first, sig + 1, sizeof first);
    }
    const pqi_cspan other = {part.ptr, part.len - 1};
    assert_int_equal(pqi_falcon_sign(t.alg, PQI_FALCON_COMPRESSED, (pqi_span){sig, sizeof sig},
                         &sig_len, t.sk_, &other, 1, det, t.room),
        PQI_OK);
    assert_memory_not_equal(first, sig + 1, sizeof first);
}

/* The descriptor frames the message with its context. */
static void descriptor(void **state)
{
    const pqi_cspan ctx = {(const uint8_t *)"plant", 5};
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        setup(logn);
        assert_int_equal(pqi_sig_sign(t.alg, (pqi_span){sig, sizeof sig}, &sig_len, t.sk_, ctx,
                             &part, 1, rnd, t.room),
            PQI_OK);
        assert_int_equal(sig_len, t.alg->sig_len);
        const pqi_cspan framed[3] = {{(const uint8_t *)"\0\5", 2}, ctx, part};
        assert_int_equal(check(PQI_FALCON_PADDED, framed, 3), PQI_OK);
        assert_int_equal(check(PQI_FALCON_PADDED, &part, 1), PQI_ERR_AUTH);
        const pqi_span room = {tmp.b, sizeof tmp.b & ~(size_t)7};
        const pqi_cspan pk = {t.pk, t.alg->pk_len}, got = {sig, sig_len};
        assert_int_equal(pqi_sig_verify(t.alg, pk, ctx, &part, 1, got, room), PQI_OK);
        assert_int_equal(
            pqi_sig_verify(t.alg, pk, (pqi_cspan){NULL, 0}, &part, 1, got, room), PQI_ERR_AUTH);
    }
}

/* One argument of pqi_falcon_sign() at a time is wrong. */
typedef struct call {
    const pqi_sig *alg;
    pqi_falcon_format format;
    pqi_span sig;
    size_t *len;
    pqi_cspan sk;
    const pqi_cspan *parts;
    size_t n_parts;
    pqi_cspan rnd;
    pqi_span tmp;
} call;

static call good(void)
{
    return (call){
        t.alg, PQI_FALCON_PADDED, {sig, sizeof sig}, &sig_len, t.sk_, &part, 1, rnd, t.room};
}

static void expect(call c, pqi_status want)
{
    memset(sig, 0xEE, sizeof sig);
    sig_len = 77;
    assert_int_equal(
        pqi_falcon_sign(c.alg, c.format, c.sig, c.len, c.sk, c.parts, c.n_parts, c.rnd, c.tmp),
        want);
    if (c.sig.ptr != NULL && c.len != NULL) {
        assert_true(pqi_ct_is_zero_mask(c.sig.ptr, c.sig.len) != 0);
        assert_int_equal(sig_len, want == PQI_ERR_SPACE && c.sig.len < 100 ? t.alg->sig_len : 0);
    }
}

static void refusals(void **state)
{
    const pqi_cspan bad_part = {NULL, 3};
    (void)state;
    setup(9);
#define WRONG(status, change)                                                                      \
    do {                                                                                           \
        call c = good();                                                                           \
        change;                                                                                    \
        expect(c, status);                                                                         \
    } while (0)
    WRONG(PQI_ERR_ARG, c.alg = NULL);
    WRONG(PQI_ERR_UNSUPPORTED, c.alg = &pqi_sig_ml_dsa_44);
    WRONG(PQI_ERR_UNSUPPORTED, c.alg = &pqi_sig_falcon_512_verify);
    WRONG(PQI_ERR_ARG, c.format = PQI_FALCON_FORMAT_INT32_);
    WRONG(PQI_ERR_ARG, c.format = (pqi_falcon_format)0);
    WRONG(PQI_ERR_ARG, c.sig.ptr = NULL);
    WRONG(PQI_ERR_ARG, c.len = NULL);
    WRONG(PQI_ERR_SPACE, c.sig.len = 99);
    WRONG(PQI_ERR_ARG, c.sk.len--);
    WRONG(PQI_ERR_ARG, c.sk.ptr = NULL);
    WRONG(PQI_ERR_ARG, c.parts = NULL);
    WRONG(PQI_ERR_ARG, c.parts = &bad_part);
    WRONG(PQI_ERR_ARG, c.rnd.len++);
    WRONG(PQI_ERR_ARG, c.rnd.ptr = NULL);
    WRONG(PQI_ERR_ARG, c.tmp.ptr = NULL);
    WRONG(PQI_ERR_ARG, c.tmp.ptr++);
    WRONG(PQI_ERR_SPACE, c.tmp.len--);
    t.sk[0] ^= 1;
    WRONG(PQI_ERR_ARG, (void)0); /* the header of another set */
    t.sk[0] ^= 1;
    memset(t.sk + 1, 0x80, 32);
    WRONG(PQI_ERR_ARG, (void)0); /* coefficients without an encoding */
    memset(t.sk + 1, 0, 384);
    WRONG(PQI_ERR_ARG, (void)0); /* f = 0 has no inverse */
    assert_true(pqi_ct_is_zero_mask(tmp.b, t.tmp_len) != 0);
}

static void attempts_run_out(void **state)
{
    (void)state;
    setup(9);
    failing = 127;
    assert_int_equal(sign_as(PQI_FALCON_PADDED, rnd), PQI_OK);
    assert_int_equal(check(PQI_FALCON_PADDED, &part, 1), PQI_OK);
    failing = 128;
    expect(good(), PQI_ERR_PROVIDER);
    assert_int_equal(failing, 0);
}

static void expanded(void **state)
{
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        uint8_t want[ROOM];
        setup(logn);
        assert_int_equal(sign_as(PQI_FALCON_COMPRESSED, rnd), PQI_OK);
        memcpy(want, sig, sizeof want);
        size_t want_len = sig_len;
        ek.b[t.ek_len] = 0x5A;
        assert_int_equal(pqi_falcon_expand(t.alg, t.ek_out, t.sk_, t.room), PQI_OK);
        assert_int_equal(ek.b[t.ek_len], 0x5A);
        assert_true(pqi_ct_is_zero_mask(tmp.b, t.tmp_len) != 0);
        const pqi_span out = {sig, sizeof sig};
        assert_int_equal(pqi_falcon_sign_expanded(t.alg, PQI_FALCON_COMPRESSED, out, &sig_len,
                             t.ek_, &part, 1, rnd, t.room),
            PQI_OK);
        assert_int_equal(sig_len, want_len);
        assert_memory_equal(sig, want, want_len);
        const pqi_cspan wrong[3] = {{NULL, t.ek_len}, {ek.b, t.ek_len - 8}, {ek.b + 1, t.ek_len}};
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(pqi_falcon_sign_expanded(t.alg, PQI_FALCON_COMPRESSED, out, &sig_len,
                                 wrong[i], &part, 1, rnd, t.room),
                PQI_ERR_ARG);
            assert_int_equal(sig_len, 0);
            assert_true(pqi_ct_is_zero_mask(sig, sizeof sig) != 0);
        }
        assert_int_equal(
            pqi_falcon_expand(&pqi_sig_ml_dsa_44, t.ek_out, t.sk_, t.room), PQI_ERR_UNSUPPORTED);
        const pqi_sig *verify =
            logn == 9 ? &pqi_sig_falcon_512_verify : &pqi_sig_falcon_1024_verify;
        assert_int_equal(pqi_falcon_expand(verify, t.ek_out, t.sk_, t.room), PQI_ERR_UNSUPPORTED);
        assert_int_equal(pqi_falcon_expand(NULL, t.ek_out, t.sk_, t.room), PQI_ERR_ARG);
        assert_int_equal(
            pqi_falcon_expand(t.alg, (pqi_span){ek.b + 1, t.ek_len}, t.sk_, t.room), PQI_ERR_ARG);
        assert_int_equal(
            pqi_falcon_expand(t.alg, (pqi_span){ek.b, t.ek_len - 8}, t.sk_, t.room), PQI_ERR_ARG);
        assert_int_equal(
            pqi_falcon_expand(t.alg, t.ek_out, t.sk_, (pqi_span){tmp.b, t.tmp_len - 8}),
            PQI_ERR_SPACE);
        memset(ek.b, 1, t.ek_len);
        t.sk[0] ^= 1;
        assert_int_equal(pqi_falcon_expand(t.alg, t.ek_out, t.sk_, t.room), PQI_ERR_ARG);
        assert_true(pqi_ct_is_zero_mask(ek.b, t.ek_len) != 0);
    }
}

/* Keys that decode and are none: f = 1 with g = F = 0, whose 1/sigma is 74 where the sampler wants
 * 0.55 to 0.78; the same with F of 127s. They are refused, soon and by both backends. */
static void forged_keys(void **state)
{
    const pqi_falcon_backend *backends[2] = {&pqi_falcon_emulated, pqi_falcon_native};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        setup(9 + (i & 1u));
        unsigned bits = t.logn == 9 ? 6 : 5;
        size_t fg_len = (size_t)bits << t.logn >> 3, n = (size_t)1 << t.logn;
        instead = backends[i >> 2];
        memset(t.sk + 1, 0, t.alg->sk_len - 1);
        t.sk[1] = (uint8_t)(1u << (8 - bits));
        if ((i & 2u) != 0) {
            memset(t.sk + 1 + 2 * fg_len, 0x7f, n);
        }
        expect(good(), PQI_ERR_ARG);
        memset(ek.b, 1, t.ek_len);
        assert_int_equal(pqi_falcon_expand(t.alg, t.ek_out, t.sk_, t.room), PQI_ERR_ARG);
        assert_true(pqi_ct_is_zero_mask(ek.b, t.ek_len) != 0);
        assert_true(pqi_ct_is_zero_mask(tmp.b, t.tmp_len) != 0);
    }
}

static void spoil(unsigned how)
{
    size_t words = t.ek_len / 8 - 2;
    for (size_t i = 0; i < words; i++) {
        static const uint64_t what[4] = {UINT64_MAX, 0, 0x7FEFFFFFFFFFFFFFu, 0xC059000000000000u};
        memcpy(ek.b + 8 * i, &what[how & 3u], 8);
    }
}

/* Signing with an expanded key that was overwritten, by NaN, 0, huge and negative numbers, ends too. */
static void spoilt_expanded_keys(void **state)
{
    const pqi_falcon_backend *backends[2] = {&pqi_falcon_emulated, pqi_falcon_native};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        setup(9);
        instead = backends[i >> 2];
        spoil(i);
        memset(sig, 0xEE, sizeof sig);
        assert_int_equal(pqi_falcon_sign_expanded(t.alg, PQI_FALCON_PADDED,
                             (pqi_span){sig, sizeof sig}, &sig_len, t.ek_, &part, 1, rnd, t.room),
            PQI_ERR_ARG);
        assert_int_equal(sig_len, 0);
        assert_true(pqi_ct_is_zero_mask(sig, sizeof sig) != 0);
        assert_true(pqi_ct_is_zero_mask(tmp.b, t.tmp_len) != 0);
    }
}

/* A nonce and a seed from outside are used as they are. */
static void seeded(void **state)
{
    const uint8_t nonce[PQI_FALCON_NONCE] = {1, 2, 3}, seed[PQI_FALCON_SEED] = {4, 5, 6};
    const pqi_span out = {sig, sizeof sig};
    (void)state;
    setup(9);
    assert_int_equal(pqi_falcon_sign_seeded(
                         t.alg, PQI_FALCON_CT, out, &sig_len, t.sk_, &part, 1, nonce, seed, t.room),
        PQI_OK);
    assert_int_equal(sig[0], 0x59);
    assert_memory_equal(sig + 1, nonce, sizeof nonce);
    assert_int_equal(check(PQI_FALCON_CT, &part, 1), PQI_OK);
    assert_int_equal(pqi_falcon_sign_seeded(
                         t.alg, PQI_FALCON_CT, out, &sig_len, t.sk_, &part, 1, NULL, seed, t.room),
        PQI_ERR_ARG);
    assert_int_equal(pqi_falcon_sign_seeded(
                         t.alg, PQI_FALCON_CT, out, &sig_len, t.sk_, &part, 1, nonce, NULL, t.room),
        PQI_ERR_ARG);
    assert_int_equal(sig_len, 0);
    assert_true(pqi_ct_is_zero_mask(sig, sizeof sig) != 0);
}

PQI_TEST_MAIN(cmocka_unit_test(round_trips), cmocka_unit_test(empty_message),
    cmocka_unit_test(nonces), cmocka_unit_test(descriptor), cmocka_unit_test(refusals),
    cmocka_unit_test(attempts_run_out), cmocka_unit_test(expanded), cmocka_unit_test(seeded),
    cmocka_unit_test(forged_keys), cmocka_unit_test(spoilt_expanded_keys))
