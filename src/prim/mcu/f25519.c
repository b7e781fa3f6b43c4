/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic modulo 2^255 - 19 on 32-bit words.
 *
 * Implementation notes. As 2^255 = 19, no second pass of carries is needed: the highest word is
 * computed first, what of it lies at 2^255 and above goes in at the bottom 19 times, and the one pass
 * that follows ends in a highest word with room for its last carry.
 *
 * PORTABILITY: right shifts of negative values are arithmetic, as gcc and clang define them. */
#include "prim/mcu/f25519.h"

#include "base/mem.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/wide.h"

#include "ct/ct.h"

#include <pqi/wipe.h>

#define TOP 0x7fffffffu /* bits of the highest word below 2^255 */

void pqi_fe_add(pqi_fe r, const pqi_fe a, const pqi_fe b)
{
    uint64_t high = (uint64_t)a[7] + b[7];
    uint64_t acc = 19u * (uint32_t)(high >> 31);
    for (unsigned i = 0; i < 7; i++) {
        acc += (uint64_t)a[i] + b[i];
        r[i] = (uint32_t)acc;
        acc >>= 32;
    }
    r[7] = ((uint32_t)high & TOP) + (uint32_t)acc; /* at most 2^31 */
}

/* a - b + 2^255 - 19. A borrow is 0 to 2, and the highest word at least 2^31 - 2. */
void pqi_fe_sub(pqi_fe r, const pqi_fe a, const pqi_fe b)
{
    int64_t high = (int64_t)a[7] - b[7];
    int64_t acc = 19 * ((int32_t)(high >> 31) - 1);
    for (unsigned i = 0; i < 7; i++) {
        acc += (int64_t)a[i] - b[i];
        r[i] = (uint32_t)acc;
        acc >>= 32;
    }
    r[7] = ((uint32_t)high & TOP) + TOP + 1u + (uint32_t)acc;
}

#if defined(PQI_CT_MUL16)

/* Half words: (2^16 - 1)^2 + 2 (2^16 - 1) = 2^32 - 1. */
#define STEP(j)                                                                                    \
    do {                                                                                           \
        acc = x * b[j] + t[j] + (acc >> 16);                                                       \
        t[j] = (uint16_t)acc;                                                                      \
    } while (0)

static void multiply_row(uint16_t t[17], uint32_t x, const uint16_t b[16])
{
    uint32_t acc = 0;
    for (unsigned i = 0; i < 2; i++, t += 8, b += 8) {
        STEP(0);
        STEP(1);
        STEP(2);
        STEP(3);
        STEP(4);
        STEP(5);
        STEP(6);
        STEP(7);
    }
    t[0] = (uint16_t)(acc >> 16);
}

static void multiply_halves(uint16_t t[32], const pqi_fe a, const pqi_fe b)
{
    uint16_t half[16];
    for (unsigned i = 0; i < PQI_FE; i++) {
        half[2 * i] = (uint16_t)b[i];
        half[2 * i + 1] = (uint16_t)(b[i] >> 16);
    }
    memset(t, 0, 16 * sizeof t[0]);
    for (unsigned i = 0; i < 16; i++) {
        multiply_row(t + i, a[i / 2] >> 16u * (i & 1u) & 0xffffu, half);
    }
    pqi_wipe(half, sizeof half);
}

static void pack(uint32_t *r, const uint16_t *half, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        r[i] = (uint32_t)half[2 * i + 1] << 16 | half[2 * i];
    }
}

void pqi_fe_multiply(pqi_fe_product *t, const pqi_fe a, const pqi_fe b)
{
    multiply_halves(t->half, a, b);
    pack(t->w, t->half, 2 * PQI_FE); /* each word is made of the halves in its place */
}

void pqi_fe_mul(pqi_fe r, const pqi_fe a, const pqi_fe b, pqi_fe_product *t)
{
    uint16_t *h = t->half;
    multiply_halves(h, a, b);
    uint32_t high = 38u * h[31] + h[15]; /* 2^256 = 38 */
    uint32_t acc = 19u * (high >> 15);
    for (unsigned i = 0; i < 15; i++) {
        acc += 38u * h[i + 16] + h[i];
        h[i] = (uint16_t)acc;
        acc >>= 16;
    }
    h[15] = (uint16_t)((high & 0x7fffu) + acc); /* acc <= 38 */
    pack(r, h, PQI_FE);
}

#else

#define STEP(j)                                                                                    \
    do {                                                                                           \
        uint64_t acc = wide_mul_add(x, b[j], t[j], carry);                                         \
        t[j] = (uint32_t)acc;                                                                      \
        carry = (uint32_t)(acc >> 32);                                                             \
    } while (0)

/* t += x * b for the 8 lowest words of t; the ninth is set. */
static void multiply_row(uint32_t t[9], uint32_t x, const pqi_fe b)
{
    uint32_t carry = 0;
    STEP(0);
    STEP(1);
    STEP(2);
    STEP(3);
    STEP(4);
    STEP(5);
    STEP(6);
    STEP(7);
    t[8] = carry;
}

void pqi_fe_multiply(pqi_fe_product *t, const pqi_fe a, const pqi_fe b)
{
    memset(t->w, 0, PQI_FE * sizeof t->w[0]);
    for (unsigned i = 0; i < PQI_FE; i++) {
        multiply_row(t->w + i, a[i], b);
    }
}

void pqi_fe_mul(pqi_fe r, const pqi_fe a, const pqi_fe b, pqi_fe_product *t)
{
    const uint32_t *w = t->w;
    pqi_fe_multiply(t, a, b);
    uint64_t high = wide_mul_add(w[15], 38, w[7], 0); /* 2^256 = 38 */
    uint32_t carry = 19u * (uint32_t)(high >> 31);
    for (unsigned i = 0; i < 7; i++) {
        uint64_t acc = wide_mul_add(w[i + 8], 38, w[i], carry);
        r[i] = (uint32_t)acc;
        carry = (uint32_t)(acc >> 32);
    }
    r[7] = ((uint32_t)high & TOP) + carry; /* carry <= 38 */
}

#endif

void pqi_fe_mul_small(pqi_fe r, const pqi_fe a, uint32_t s)
{
    uint64_t high = wide_mul(a[7], s);
    uint32_t carry = 19u * (uint32_t)(high >> 31);
    for (unsigned i = 0; i < 7; i++) {
        uint64_t acc = wide_mul_add(a[i], s, carry, 0);
        r[i] = (uint32_t)acc;
        carry = (uint32_t)(acc >> 32);
    }
    r[7] = ((uint32_t)high & TOP) + carry; /* carry <= 2^17 */
}

/* r = r^(2^n) * b */
static void square_times(pqi_fe r, unsigned n, const pqi_fe b, pqi_fe_product *t)
{
    while (n-- != 0) {
        pqi_fe_mul(r, r, r, t);
    }
    pqi_fe_mul(r, r, b, t);
}

/* r = a^(2^250 - 1) and w[1] = a^11; e(n) is a^(2^n - 1). */
static void power_250(pqi_fe r, const pqi_fe a, pqi_fe w[3], pqi_fe_product *t)
{
    pqi_fe_mul(r, a, a, t); /* 2 */
    memcpy(w[0], r, sizeof(pqi_fe));
    square_times(r, 2, a, t);     /* 9 = 2 * 4 + 1 */
    pqi_fe_mul(w[1], r, w[0], t); /* 11 */
    memcpy(w[0], w[1], sizeof(pqi_fe));
    square_times(w[0], 1, r, t); /* e(5): 31 = 11 * 2 + 9 */
    memcpy(r, w[0], sizeof(pqi_fe));
    square_times(r, 5, w[0], t); /* e(10) */
    memcpy(w[2], r, sizeof(pqi_fe));
    square_times(r, 10, w[2], t); /* e(20) */
    memcpy(w[0], r, sizeof(pqi_fe));
    square_times(r, 20, w[0], t); /* e(40) */
    square_times(r, 10, w[2], t); /* e(50) */
    memcpy(w[2], r, sizeof(pqi_fe));
    square_times(r, 50, w[2], t); /* e(100) */
    memcpy(w[0], r, sizeof(pqi_fe));
    square_times(r, 100, w[0], t); /* e(200) */
    square_times(r, 50, w[2], t);  /* e(250) */
}

/* 2^252 - 3 = (2^250 - 1) * 4 + 1 */
void pqi_fe_root_power(pqi_fe r, const pqi_fe a, pqi_fe w[3], pqi_fe_product *t)
{
    power_250(r, a, w, t);
    square_times(r, 2, a, t);
}

/* 2^255 - 21 = (2^250 - 1) * 32 + 11 */
void pqi_fe_invert(pqi_fe r, const pqi_fe a, pqi_fe w[3], pqi_fe_product *t)
{
    power_250(r, a, w, t);
    square_times(r, 5, w[1], t);
}

void pqi_fe_decode(pqi_fe r, const uint8_t b[32])
{
    for (unsigned i = 0; i < PQI_FE; i++) {
        r[i] = load32_le(b + 4u * i);
    }
    r[7] &= TOP;
}

/* r = a mod 2^255 + add; returns the bit of the sum at 2^255, which r is without. */
static uint32_t add_below(pqi_fe r, const pqi_fe a, uint32_t add)
{
    uint64_t acc = add;
    for (unsigned i = 0; i < PQI_FE; i++) {
        acc += i == 7 ? a[i] & TOP : a[i];
        r[i] = (uint32_t)acc;
        acc >>= 32;
    }
    uint32_t over = r[7] >> 31;
    r[7] &= TOP;
    return over;
}

void pqi_fe_encode(uint8_t b[32], const pqi_fe a)
{
    pqi_fe v, w;
    /* below 2^255 + 19, and the second sum below 2^255: a carry of the first leaves less than 19 */
    uint32_t over = add_below(v, a, 19u * (a[7] >> 31));
    (void)add_below(v, v, 19u * over);
    /* v - (2^255 - 19) = v + 19 - 2^255 where that is not negative */
    uint32_t reduce = pqi_ct_nonzero_u32(add_below(w, v, 19));
    for (unsigned i = 0; i < PQI_FE; i++) {
        store32_le(b + 4u * i, pqi_ct_select_u32(reduce, w[i], v[i]));
    }
    pqi_wipe(v, sizeof v);
    pqi_wipe(w, sizeof w);
}

void pqi_fe_swap(uint32_t mask, pqi_fe a, pqi_fe b)
{
    mask = pqi_ct_barrier_u32(mask);
    for (unsigned i = 0; i < PQI_FE; i++) {
        uint32_t t = mask & (a[i] ^ b[i]);
        a[i] ^= t;
        b[i] ^= t;
    }
}
