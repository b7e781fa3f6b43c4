/* SPDX-License-Identifier: Apache-2.0
 * HintBitUnpack, FIPS 204 Algorithm 21: each check by itself, which whole signatures rarely reach.
 * ML-DSA-44: 80 positions, then one bound for each of four polynomials. */
#include "pqi_test.h"

#define PQI_MLDSA_LEVEL 44
#include "prim/mldsa/encode.h"

static bool accepts(const uint8_t positions[6], uint8_t e0, uint8_t e1, uint8_t e2, uint8_t e3)
{
    uint8_t h[OMEGA + K] = {0};
    memcpy(h, positions, 6);
    h[OMEGA] = e0;
    h[OMEGA + 1] = e1;
    h[OMEGA + 2] = e2;
    h[OMEGA + 3] = e3;
    return hints_are_canonical(h);
}

static void sound_hints_are_taken(void **state)
{
    (void)state;
    const uint8_t p[6] = {1, 4, 255, 0, 2, 3}, empty[6] = {0};
    assert_true(accepts(p, 3, 6, 6, 6));
    assert_true(accepts(p, 3, 3, 6, 6));
    assert_true(accepts(p, 1, 3, 3, 6));
    assert_true(accepts(empty, 0, 0, 0, 0));
    assert_true(accepts(empty, 0, 0, 0, 1)); /* position 0 of the last polynomial */
}

static void unsound_hints_are_refused(void **state)
{
    (void)state;
    const uint8_t p[6] = {1, 4, 255, 0, 2, 3}, twice[6] = {1, 4, 4, 0, 0, 0};
    const uint8_t rising[6] = {1, 2, 3, 4, 5, 6};
    assert_false(accepts(p, 4, 6, 6, 6));      /* 255, 0 in one polynomial: falls */
    assert_false(accepts(twice, 3, 3, 3, 3));  /* 4, 4: does not rise */
    assert_false(accepts(p, 3, 5, 5, 5));      /* 3 is left over */
    assert_false(accepts(rising, 3, 2, 6, 6)); /* a bound falls, over an empty polynomial */
    assert_false(accepts(rising, 6, 6, 6, 5)); /* the last bound falls */
}

static void bounds_end_at_omega(void **state)
{
    (void)state;
    uint8_t h[256] = {0}; /* longer than a hint, so that a missing check stays inside */
    for (unsigned i = 0; i < sizeof h; i++) {
        h[i] = (uint8_t)i;
    }
    memset(h + OMEGA, OMEGA, K);
    assert_true(hints_are_canonical(h));
    h[OMEGA + K - 1] = OMEGA + 1; /* and 81 > 79: positions would still rise */
    h[OMEGA] = OMEGA;
    assert_false(hints_are_canonical(h));
}

PQI_TEST_MAIN(cmocka_unit_test(sound_hints_are_taken), cmocka_unit_test(unsound_hints_are_refused),
    cmocka_unit_test(bounds_end_at_omega))
