/* SPDX-License-Identifier: Apache-2.0
 * The combiner alone, for every suite: INV-43 each bit of both secrets changes the key, and each bit of
 * label, salt and transcript hash does; X-Wing is that of its draft. */
#include "pqi_test.h"

#include "suite/combine.h"
#include <pqi/host.h>

#define OUT 44u

typedef struct fixture {
    pqi_algs a;
    const pqi_suite *s;
    uint8_t k[PQI_COMBINE_SECRETS], x_ct[32], x_pk[32], salt[7], label[4], th[PQI_HASH_MAX];
    _Alignas(8) uint8_t tmp[131072];
} fixture;

static fixture f;

static int setup(void **state)
{
    (void)state;
    pqi_algs_all(&f.a, &pqi_classic_openssl);
    return 0;
}

static void key(uint8_t out[OUT])
{
    uint8_t prk[PQI_HASH_MAX];
    const pqi_combine_in in = {f.k, f.x_ct, f.x_pk};
    const pqi_classic *c = f.a.classic;
    assert_int_equal(
        pqi_combine_extract(c, f.s, (pqi_cspan){f.salt, sizeof f.salt}, &in, prk), PQI_OK);
    assert_int_equal(pqi_combine_expand(c, f.s, prk, (pqi_cspan){f.label, sizeof f.label}, f.th,
                         (pqi_span){out, OUT}),
        PQI_OK);
}

static void each_bit_counts(uint8_t *p, size_t n, int counts)
{
    uint8_t was[OUT], now[OUT];
    key(was);
    for (size_t i = 0; i < 8 * n; i++) {
        p[i / 8] ^= (uint8_t)(1u << i % 8);
        key(now);
        assert_int_equal(memcmp(was, now, OUT) != 0, counts);
        p[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    key(now);
    assert_memory_equal(was, now, OUT);
}

static void every_input_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < f.a.n_suites; i++) {
        f.s = f.a.suites[i];
        each_bit_counts(f.k, PQI_KEM_SS, 1);
        each_bit_counts(f.k + PQI_KEM_SS, PQI_X25519_LEN, 1);
        each_bit_counts(f.salt, sizeof f.salt, 1);
        each_bit_counts(f.label, sizeof f.label, 1);
        each_bit_counts(f.th, f.s->hash == PQI_HASH_SHA384 ? 48 : 32, 1);
        int xwing = f.s->combiner == PQI_COMBINER_XWING; /* else they count through th only */
        each_bit_counts(f.x_ct, sizeof f.x_ct, xwing);
        each_bit_counts(f.x_pk, sizeof f.x_pk, xwing);
    }
}

/* One exchange has another key in each suite of the same KEM and in each order of its secrets. */
static void suites_and_halves_differ(void **state)
{
    (void)state;
    uint8_t a[OUT], b[OUT], half[32];
    memset(f.k, 1, 32);
    memset(f.k + 32, 2, 32);
    f.s = &pqi_suite_0002;
    key(a);
    f.s = &pqi_suite_0005;
    key(b);
    assert_memory_not_equal(a, b, OUT);
    for (size_t i = 0; i < f.a.n_suites; i++) {
        f.s = f.a.suites[i];
        key(a);
        memcpy(half, f.k, 32);
        memcpy(f.k, f.k + 32, 32);
        memcpy(f.k + 32, half, 32);
        key(b);
        assert_memory_not_equal(a, b, OUT);
    }
}

static void unknown_combiner_gives_nothing(void **state)
{
    (void)state;
    uint8_t prk[PQI_HASH_MAX], zero[PQI_HASH_MAX] = {0};
    pqi_suite odd = pqi_suite_0002;
    const pqi_combine_in in = {f.k, f.x_ct, f.x_pk};
    odd.combiner = (pqi_combiner)2;
    memset(prk, 0xee, sizeof prk);
    assert_int_equal(
        pqi_combine_extract(f.a.classic, &odd, (pqi_cspan){f.salt, sizeof f.salt}, &in, prk),
        PQI_ERR_UNSUPPORTED);
    assert_memory_equal(prk, zero, 32);
}

static void unhex(uint8_t *out, const char *hex)
{
    for (size_t i = 0; hex[2 * i] != '\0'; i++) {
        unsigned v = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (uint8_t)v;
    }
}

/* The first vector of the draft's appendix: keys from `seed`, coins `eseed`, shared secret `ss`. Our
 * capsule under suite 0x0005 is its ciphertext, and `ss` is what Extract gets. */
static void xwing_vector(void **state)
{
    (void)state;
    uint8_t seed[32], eseed[64], ss[32], wide[96], pk[PQI_KEM_MAX_PK], x_pk[32], k[64], x_ct[32];
    static uint8_t sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT];
    uint8_t got[PQI_HASH_MAX], want[PQI_HASH_MAX];
    unhex(seed, "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");
    unhex(eseed, "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2"
                 "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2");
    unhex(ss, "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384");
    const pqi_cspan in = {seed, 32};
    const pqi_classic *c = f.a.classic;
    const pqi_kem *m = &pqi_kem_ml_kem_768;
    const pqi_span tmp = {f.tmp, sizeof f.tmp};
    assert_int_equal(pqi_sha3(PQI_HASH_SHAKE256, &in, 1, wide, sizeof wide), PQI_OK);
    assert_int_equal(pqi_kem_keygen(m, (pqi_span){pk, m->pk_len}, (pqi_span){sk, m->sk_len},
                         (pqi_cspan){wide, 64}, tmp),
        PQI_OK);
    assert_int_equal(c->x25519_public(x_pk, wide + 64), PQI_OK);
    assert_int_equal(pqi_kem_encaps(m, (pqi_span){ct, m->ct_len}, (pqi_span){k, 32},
                         (pqi_cspan){pk, m->pk_len}, (pqi_cspan){eseed, 32}, tmp),
        PQI_OK);
    assert_int_equal(c->x25519_public(x_ct, eseed + 32), PQI_OK);
    assert_int_equal(c->x25519(k + 32, eseed + 32, x_pk), PQI_OK);
    const pqi_combine_in mix = {k, x_ct, x_pk};
    const pqi_cspan salt = {f.salt, sizeof f.salt}, ikm = {ss, 32};
    assert_int_equal(pqi_combine_extract(c, &pqi_suite_0005, salt, &mix, got), PQI_OK);
    assert_int_equal(pqi_hkdf_extract(c, PQI_HASH_SHA256, salt, &ikm, 1, want), PQI_OK);
    assert_memory_equal(got, want, 32);
}

/* Facts of the table that code elsewhere rests on. */
static void suite_table(void **state)
{
    (void)state;
    uint32_t seen = 0;
    for (size_t i = 0; i < f.a.n_suites; i++) {
        const pqi_suite *s = f.a.suites[i];
        assert_int_equal(s->level, s->kem->level);
        assert_int_equal(s->flags & s->kem->flags, s->kem->flags);
        assert_true(s->bitmap != 0 && (s->bitmap & (s->bitmap - 1)) == 0 && !(s->bitmap & seen));
        assert_int_equal(s->bitmap, 1u << (s->id - 1)); /* docs/spec/registry.md */
        assert_true(s->combiner != PQI_COMBINER_XWING || s->kem == &pqi_kem_ml_kem_768);
        seen |= s->bitmap;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_input_counts),
        cmocka_unit_test(suites_and_halves_differ),
        cmocka_unit_test(unknown_combiner_gives_nothing),
        cmocka_unit_test(xwing_vector),
        cmocka_unit_test(suite_table),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
