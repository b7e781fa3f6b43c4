/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mldsa/sample.h"

#include "base/mem.h"
#include "ct/secret.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

void pqi_mldsa_sample_a(pqi_mldsa_poly *a, const uint8_t rho[32], unsigned row, unsigned col)
{
    uint64_t s[25];
    uint8_t buf[PQI_SHAKE128_RATE]; /* a multiple of 3 */
    memcpy(buf, rho, 32);
    buf[32] = (uint8_t)col;
    buf[33] = (uint8_t)row;
    pqi_keccak_absorb_once(s, PQI_SHAKE128_RATE, PQI_SHAKE_PAD, buf, 34);
    for (unsigned n = 0; n < PQI_MLDSA_N;) {
        pqi_keccak_squeeze_blocks(buf, 1, s, PQI_SHAKE128_RATE);
        for (unsigned i = 0; i < PQI_SHAKE128_RATE && n < PQI_MLDSA_N; i += 3) {
            uint32_t z = pqi_mldsa_three_bytes(buf + i);
            if (z < PQI_MLDSA_Q) {
                a->c[n++] = z;
            }
        }
    }
}

/* Algorithm 15, CoeffFromHalfByte. Writes eta - coefficient and returns 1, or returns 0. */
static unsigned half_byte(uint8_t *raw, uint32_t b, unsigned eta)
{
    uint32_t accept;
    if (eta == 2) {
        *raw = (uint8_t)(b - 5u * ((b * 13u) >> 6)); /* b mod 5, for b < 16 */
        accept = (b - 15u) >> 31;
    } else {
        *raw = (uint8_t)b;
        accept = (b - 9u) >> 31;
    }
    PQI_PUBLIC(&accept, sizeof accept);
    return accept;
}

void pqi_mldsa_sample_eta(
    uint8_t raw[PQI_MLDSA_N], pqi_xof *x, const uint8_t seed[64], unsigned nonce, unsigned eta)
{
    const uint8_t index[2] = {(uint8_t)nonce, (uint8_t)(nonce >> 8)};
    uint8_t buf[24];
    pqi_shake256_start(x);
    pqi_xof_absorb(x, seed, 64);
    pqi_xof_absorb(x, index, sizeof index);
    for (unsigned n = 0; n < PQI_MLDSA_N;) {
        pqi_xof_squeeze(x, buf, sizeof buf);
        for (unsigned i = 0; i < sizeof buf && n < PQI_MLDSA_N; i++) {
            n += half_byte(&raw[n], buf[i] & 15u, eta);
            if (n < PQI_MLDSA_N) {
                n += half_byte(&raw[n], buf[i] >> 4, eta);
            }
        }
    }
    pqi_wipe(buf, sizeof buf);
}

enum { PLUS = 1, MINUS = 2 }; /* coefficients of a challenge in the making */

/* The terms with `sign`, in order of the power of X. Returns the number of terms so far. */
static unsigned take_terms(pqi_mldsa_challenge *c, unsigned n, const uint8_t *poly, uint8_t sign)
{
    for (unsigned i = 0; i < PQI_MLDSA_N; i++) {
        if (poly[i] == sign) {
            c->at[n++] = (uint8_t)i;
        }
    }
    return n;
}

void pqi_mldsa_sample_ball(pqi_mldsa_challenge *c, pqi_xof *x, uint8_t poly[PQI_MLDSA_N],
    const uint8_t *ctilde, size_t ctilde_len, unsigned tau)
{
    uint8_t sign[8];
    pqi_shake256_start(x);
    pqi_xof_absorb(x, ctilde, ctilde_len);
    pqi_xof_squeeze(x, sign, sizeof sign); /* sign bits, lowest first */
    memset(poly, 0, PQI_MLDSA_N);
    for (unsigned i = PQI_MLDSA_N - tau; i < PQI_MLDSA_N;) {
        uint8_t j;
        pqi_xof_squeeze(x, &j, 1);
        if (j <= i) {
            unsigned n = i + tau - PQI_MLDSA_N;
            poly[i] = poly[j];
            poly[j] = ((unsigned)sign[n / 8] >> (n % 8) & 1u) != 0 ? MINUS : PLUS;
            i++;
        }
    }
    c->plus = take_terms(c, 0, poly, PLUS);
    c->tau = take_terms(c, c->plus, poly, MINUS);
}

void pqi_mldsa_challenge_poly(pqi_mldsa_poly *p, const pqi_mldsa_challenge *c)
{
    memset(p, 0, sizeof *p);
    for (unsigned i = 0; i < c->tau; i++) {
        p->c[c->at[i]] = i < c->plus ? 1u : PQI_MLDSA_Q - 1u;
    }
}

void pqi_mldsa_extend_eta(uint8_t ext[2 * PQI_MLDSA_N], unsigned eta)
{
    for (unsigned i = 0; i < PQI_MLDSA_N; i++) {
        ext[PQI_MLDSA_N + i] = (uint8_t)(2u * eta - ext[i]);
    }
}

/* Sums of runs of `ext` are taken eight bytes at a time in 64-bit words. A byte holds at most
 * 2 eta per term, so 255 / (2 eta) terms fit before a byte could carry into its neighbour; the words
 * start with 2 eta for every term that will be subtracted, so nothing borrows either. In the end a
 * byte holds the sum plus eta per term. */
#define WORDS 8u /* per block, to stay in registers: 64 coefficients */

/* Byte by byte for any host order; compilers make one load of it where they may. */
static inline uint64_t load8(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

/* r[0..63] += the sum of terms from..to - 1 of the challenge, plus eta for each of them. */
static void add_terms(int32_t *r, const uint8_t *ext, const pqi_mldsa_challenge *c, unsigned from,
    unsigned to, unsigned eta)
{
    uint64_t acc[WORDS];
    unsigned mid = c->plus < from ? from : c->plus > to ? to : c->plus;
    for (unsigned k = 0; k < WORDS; k++) {
        acc[k] = 0x0101010101010101u * (2u * eta * (to - mid));
    }
    for (unsigned i = from; i < mid; i++) {
        const uint8_t *run = ext + PQI_MLDSA_N - c->at[i];
        for (unsigned k = 0; k < WORDS; k++) {
            acc[k] += load8(run + 8u * k);
        }
    }
    for (unsigned i = mid; i < to; i++) {
        const uint8_t *run = ext + PQI_MLDSA_N - c->at[i];
        for (unsigned k = 0; k < WORDS; k++) {
            acc[k] -= load8(run + 8u * k);
        }
    }
    for (unsigned i = 0; i < 8 * WORDS; i++) {
        r[i] += (int32_t)(acc[i / 8] >> (8 * (i % 8)) & 0xffu);
    }
}

void pqi_mldsa_mul_eta(int32_t r[PQI_MLDSA_N], const pqi_mldsa_challenge *c,
    const uint8_t ext[2 * PQI_MLDSA_N], unsigned eta)
{
    const unsigned most = eta == 2 ? 63u : 31u; /* 255 / (2 eta) */
    for (unsigned i = 0; i < PQI_MLDSA_N; i++) {
        r[i] = -(int32_t)(eta * c->tau);
    }
    for (unsigned from = 0; from < c->tau; from += most) {
        unsigned to = c->tau - from < most ? c->tau : from + most;
        for (unsigned b = 0; b < PQI_MLDSA_N; b += 8 * WORDS) {
            add_terms(r + b, ext + b, c, from, to, eta);
        }
    }
}

/* The same with lanes of one byte or two in words of 32 bits, eight words at a time, for the variants
 * with little memory. The words are read and written as the memory has them, so that the order of the
 * bytes does not matter. */
typedef uint32_t __attribute__((may_alias, aligned(1))) lanes;

typedef union window {
    uint32_t w[8];
    uint8_t b[32];
    uint16_t h[16];
} window;

/* out = fill + the sum of the positive terms of from..to - 1 - that of the negative ones, where term i
 * is the 32 bytes that stand c->at[i] lanes of `size` bytes before `origin`. */
static void sum_runs(window *out, const pqi_mldsa_challenge *c, unsigned from, unsigned to,
    const uint8_t *origin, unsigned size, uint32_t fill)
{
    uint32_t a0 = fill, a1 = fill, a2 = fill, a3 = fill, a4 = fill, a5 = fill, a6 = fill, a7 = fill;
    for (unsigned i = from; i < to; i++) {
        const lanes *run = (const lanes *)(const void *)(origin - size * c->at[i]);
        if (i < c->plus) { /* the challenge is public */
            a0 += run[0];
            a1 += run[1];
            a2 += run[2];
            a3 += run[3];
            a4 += run[4];
            a5 += run[5];
            a6 += run[6];
            a7 += run[7];
        } else {
            a0 -= run[0];
            a1 -= run[1];
            a2 -= run[2];
            a3 -= run[3];
            a4 -= run[4];
            a5 -= run[5];
            a6 -= run[6];
            a7 -= run[7];
        }
    }
    out->w[0] = a0;
    out->w[1] = a1;
    out->w[2] = a2;
    out->w[3] = a3;
    out->w[4] = a4;
    out->w[5] = a5;
    out->w[6] = a6;
    out->w[7] = a7;
}

/* Negative terms among from..to - 1. */
static unsigned negative_terms(const pqi_mldsa_challenge *c, unsigned from, unsigned to)
{
    return to - (c->plus < from ? from : c->plus > to ? to : c->plus);
}

void pqi_mldsa_mul_eta_part(int32_t r[PQI_MLDSA_PART], const pqi_mldsa_challenge *c,
    const uint8_t ext[2 * PQI_MLDSA_N], unsigned at, unsigned eta)
{
    const unsigned most = eta == 2 ? 63u : 31u; /* 255 / (2 eta) */
    for (unsigned i = 0; i < PQI_MLDSA_PART; i++) {
        r[i] = -(int32_t)(eta * c->tau);
    }
    for (unsigned from = 0; from < c->tau; from += most) {
        unsigned to = c->tau - from < most ? c->tau : from + most;
        window v;
        sum_runs(&v, c, from, to, ext + PQI_MLDSA_N + at, 1,
            0x01010101u * (2u * eta * negative_terms(c, from, to)));
        for (unsigned i = 0; i < PQI_MLDSA_PART; i++) {
            r[i] += v.b[i];
        }
    }
}

void pqi_mldsa_mul_wide_part(int32_t r[PQI_MLDSA_PART], const pqi_mldsa_challenge *c,
    const uint16_t *ext, unsigned at, unsigned bias)
{
    const unsigned most = bias == PQI_MLDSA_BIAS_T1 ? 32u : 7u; /* 65535 / (2 bias) */
    for (unsigned i = 0; i < PQI_MLDSA_PART; i++) {
        r[i] = -(int32_t)(bias * c->tau);
    }
    for (unsigned half = 0; half < PQI_MLDSA_PART; half += 16) {
        const uint16_t *origin = ext + PQI_MLDSA_N + at + half;
        for (unsigned from = 0; from < c->tau; from += most) {
            unsigned to = c->tau - from < most ? c->tau : from + most;
            window v;
            sum_runs(&v, c, from, to, (const uint8_t *)origin, 2,
                0x00010001u * (2u * bias * negative_terms(c, from, to)));
            for (unsigned i = 0; i < 16; i++) {
                r[half + i] += v.h[i];
            }
        }
    }
}

/* As above, without a bias and with sums in words: what a compiler makes vectors of. */
void pqi_mldsa_mul_wide(int32_t r[PQI_MLDSA_N], const pqi_mldsa_challenge *c, const int32_t *ext)
{
    for (unsigned b = 0; b < PQI_MLDSA_N; b += 8) {
        int32_t acc[8] = {0};
        for (unsigned i = 0; i < c->plus; i++) {
            const int32_t *run = ext + PQI_MLDSA_N + b - c->at[i];
            for (unsigned k = 0; k < 8; k++) {
                acc[k] += run[k];
            }
        }
        for (unsigned i = c->plus; i < c->tau; i++) {
            const int32_t *run = ext + PQI_MLDSA_N + b - c->at[i];
            for (unsigned k = 0; k < 8; k++) {
                acc[k] -= run[k];
            }
        }
        for (unsigned k = 0; k < 8; k++) {
            r[b + k] = acc[k];
        }
    }
}
