/* SPDX-License-Identifier: Apache-2.0
 * The carries of the microcontrollers' arithmetic: sums and differences modulo 2^255 - 19 lose nothing,
 * and a product of words has room for two more. */
#include "prim/mcu/f25519.c"
#include "proof/proof.h"

/* out = a + sign * b + add, on 288 bits in two's complement. */
static void wide_sum(
    uint32_t out[9], const uint32_t a[8], const uint32_t b[8], int sign, int64_t add)
{
    int64_t acc = add;
    for (unsigned i = 0; i < 9; i++) {
        acc += i < 8 ? (int64_t)a[i] : 0;
        acc += i < 8 ? (sign > 0 ? (int64_t)b[i] : -(int64_t)b[i]) : 0;
        out[i] = (uint32_t)acc;
        acc >>= 32;
    }
}

/* r + m 2^255 equals `want`, for -8 <= m < 8. */
static void check_fold(const pqi_fe r, int32_t m, const uint32_t want[9])
{
    int64_t seventh = (int64_t)r[7] + (int64_t)m * 2147483648;
    for (unsigned i = 0; i < 7; i++) {
        ASSERT(r[i] == want[i]);
    }
    ASSERT((uint32_t)seventh == want[7] && (uint32_t)(seventh >> 32) == want[8]);
}

static void any_fe(pqi_fe a)
{
    for (unsigned i = 0; i < PQI_FE; i++) {
        a[i] = nondet_uint32();
    }
}

/* r = a + b - m (2^255 - 19). */
void prove_fe_add(void)
{
    pqi_fe a, b, r;
    uint32_t want[9];
    any_fe(a);
    any_fe(b);
    pqi_fe_add(r, a, b);
    int32_t m = (int32_t)(((uint64_t)a[7] + b[7]) >> 31);
    wide_sum(want, a, b, 1, 19 * m);
    check_fold(r, m, want);
}

/* r = a - b - m (2^255 - 19), m < 0. */
void prove_fe_sub(void)
{
    pqi_fe a, b, r;
    uint32_t want[9];
    any_fe(a);
    any_fe(b);
    pqi_fe_sub(r, a, b);
    int32_t m = (int32_t)(((int64_t)a[7] - b[7]) >> 31) - 1;
    wide_sum(want, a, b, -1, 19 * m);
    check_fold(r, m, want);
}

/* a b + c + d fits for the largest words. */
void prove_mul_add_fits(void)
{
    uint32_t c = nondet_uint32(), d = nondet_uint32();
    uint64_t p = (uint64_t)UINT32_MAX * UINT32_MAX;
    ASSERT(p <= UINT64_MAX - c - d);
    ASSERT(wide_mul_add(UINT32_MAX, UINT32_MAX, c, d) == p + c + d);
}

/* False: a sum may need no fold at all and still be 2^255 or more. */
void refute_fe_add(void)
{
    pqi_fe a, b, r;
    any_fe(a);
    any_fe(b);
    pqi_fe_add(r, a, b);
    ASSERT(r[7] < 0x80000000u);
}
