/* SPDX-License-Identifier: Apache-2.0
 * Keccak-f[1600], FIPS 202 section 3.
 *
 * Implementation notes. Lane A[x, y] of the specification is s[x + 5*y].
 *
 * The fast form keeps two copies of the state in 50 named variables, reads one and writes the other
 * in each round, and so needs no moves. Between rounds the six lanes 1, 2, 8, 12, 17 and 20 are
 * held complemented: with this choice all but one of the complements that chi takes in a row vanish
 * by De Morgan's laws, and the set maps to itself over a round, so it is set up and undone once
 * per permutation.
 *
 * The small form, for builds that optimise for size, follows the specification step by step.
 * 32-bit processors have a third form, in keccak_f1600_32.c. */
#include "prim/keccak/keccak.h"
#include "prim/keccak/keccak_lane.h"

/* With interleaved lanes the permutation is in keccak_f1600_32.c. A test that includes this file
 * defines PQI_KECCAK_PLAIN to have it anyway. */
#if !PQI_KECCAK_INTERLEAVED || defined(PQI_KECCAK_PLAIN)

#if defined(__OPTIMIZE_SIZE__) && !defined(PQI_KECCAK_SMALL)
#define PQI_KECCAK_SMALL
#endif

/* iota, FIPS 202 section 3.2.5, Algorithms 5 and 6. A test recomputes them from the LFSR. */
static const uint64_t rc[24] = {
    0x0000000000000001u,
    0x0000000000008082u,
    0x800000000000808Au,
    0x8000000080008000u,
    0x000000000000808Bu,
    0x0000000080000001u,
    0x8000000080008081u,
    0x8000000000008009u,
    0x000000000000008Au,
    0x0000000000000088u,
    0x0000000080008009u,
    0x000000008000000Au,
    0x000000008000808Bu,
    0x800000000000008Bu,
    0x8000000000008089u,
    0x8000000000008003u,
    0x8000000000008002u,
    0x8000000000000080u,
    0x000000000000800Au,
    0x800000008000000Au,
    0x8000000080008081u,
    0x8000000000008080u,
    0x0000000080000001u,
    0x8000000080008008u,
};

static inline uint64_t rol(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64u - n));
}

#if defined(PQI_KECCAK_SMALL)

void pqi_keccak_f1600(uint64_t s[25])
{
    /* rho and pi in one walk: the lane of step t moves to pi_lane[t], rotated by
     * (t+1)(t+2)/2 mod 64 (FIPS 202, Algorithm 2 step 3, Algorithm 3). */
    static const uint8_t pi_lane[24] = {
        10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
    static const uint8_t rho_bits[24] = {
        1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};
    uint64_t c[5];
    for (unsigned round = 0; round < 24; round++) {
        for (unsigned x = 0; x < 5; x++) { /* theta */
            c[x] = s[x] ^ s[x + 5] ^ s[x + 10] ^ s[x + 15] ^ s[x + 20];
        }
        for (unsigned x = 0; x < 5; x++) {
            uint64_t d = c[x == 0 ? 4 : x - 1] ^ rol(c[x == 4 ? 0 : x + 1], 1);
            for (unsigned y = 0; y < 25; y += 5) {
                s[x + y] ^= d;
            }
        }
        uint64_t t = s[1];
        for (unsigned i = 0; i < 24; i++) { /* rho, pi */
            uint64_t u = s[pi_lane[i]];
            s[pi_lane[i]] = rol(t, rho_bits[i]);
            t = u;
        }
        for (unsigned y = 0; y < 25; y += 5) { /* chi */
            for (unsigned x = 0; x < 5; x++) {
                c[x] = s[x + y];
            }
            for (unsigned x = 0; x < 5; x++) {
                unsigned x1 = x == 4 ? 0 : x + 1;
                s[x + y] = c[x] ^ (~c[x1] & c[x1 == 4 ? 0 : x1 + 1]);
            }
        }
        s[0] ^= rc[round]; /* iota */
    }
}

#else

/* clang-format off */
/* theta's column parities and offsets for the state in variables P##0..P##24. */
#define THETA(P)                                                                                   \
    c0 = P##0 ^ P##5 ^ P##10 ^ P##15 ^ P##20;                                                      \
    c1 = P##1 ^ P##6 ^ P##11 ^ P##16 ^ P##21;                                                      \
    c2 = P##2 ^ P##7 ^ P##12 ^ P##17 ^ P##22;                                                      \
    c3 = P##3 ^ P##8 ^ P##13 ^ P##18 ^ P##23;                                                      \
    c4 = P##4 ^ P##9 ^ P##14 ^ P##19 ^ P##24;                                                      \
    d0 = c4 ^ rol(c1, 1);                                                                          \
    d1 = c0 ^ rol(c2, 1);                                                                          \
    d2 = c1 ^ rol(c3, 1);                                                                          \
    d3 = c2 ^ rol(c4, 1);                                                                          \
    d4 = c3 ^ rol(c0, 1);

/* One round from P to Q: theta, then row by row of Q rho, pi and chi, with iota in row 0. Each
 * row's chi is A[x] ^ (~A[x+1] & A[x+2]) rewritten for its pattern of complemented lanes. */
#define ROUND(P, Q, k)                                                                             \
    do {                                                                                           \
        THETA(P)                                                                                   \
        b0 = P##0 ^ d0;                                                                            \
        b1 = rol(P##6 ^ d1, 44);                                                                   \
        b2 = rol(P##12 ^ d2, 43);                                                                  \
        b3 = rol(P##18 ^ d3, 21);                                                                  \
        b4 = rol(P##24 ^ d4, 14);                                                                  \
        Q##0 = b0 ^ (b1 | b2) ^ (k);                                                               \
        Q##1 = b1 ^ (~b2 | b3);                                                                    \
        Q##2 = b2 ^ (b3 & b4);                                                                     \
        Q##3 = b3 ^ (b4 | b0);                                                                     \
        Q##4 = b4 ^ (b0 & b1);                                                                     \
        b0 = rol(P##3 ^ d3, 28);                                                                   \
        b1 = rol(P##9 ^ d4, 20);                                                                   \
        b2 = rol(P##10 ^ d0, 3);                                                                   \
        b3 = rol(P##16 ^ d1, 45);                                                                  \
        b4 = rol(P##22 ^ d2, 61);                                                                  \
        Q##5 = b0 ^ (b1 | b2);                                                                     \
        Q##6 = b1 ^ (b2 & b3);                                                                     \
        Q##7 = b2 ^ (b3 | ~b4);                                                                    \
        Q##8 = b3 ^ (b4 | b0);                                                                     \
        Q##9 = b4 ^ (b0 & b1);                                                                     \
        b0 = rol(P##1 ^ d1, 1);                                                                    \
        b1 = rol(P##7 ^ d2, 6);                                                                    \
        b2 = rol(P##13 ^ d3, 25);                                                                  \
        b3 = rol(P##19 ^ d4, 8);                                                                   \
        b4 = rol(P##20 ^ d0, 18);                                                                  \
        Q##10 = b0 ^ (b1 | b2);                                                                    \
        Q##11 = b1 ^ (b2 & b3);                                                                    \
        b3 = ~b3;                                                                                  \
        Q##12 = b2 ^ (b3 & b4);                                                                    \
        Q##13 = b3 ^ (b4 | b0);                                                                    \
        Q##14 = b4 ^ (b0 & b1);                                                                    \
        b0 = rol(P##4 ^ d4, 27);                                                                   \
        b1 = rol(P##5 ^ d0, 36);                                                                   \
        b2 = rol(P##11 ^ d1, 10);                                                                  \
        b3 = rol(P##17 ^ d2, 15);                                                                  \
        b4 = rol(P##23 ^ d3, 56);                                                                  \
        Q##15 = b0 ^ (b1 & b2);                                                                    \
        Q##16 = b1 ^ (b2 | b3);                                                                    \
        b3 = ~b3;                                                                                  \
        Q##17 = b2 ^ (b3 | b4);                                                                    \
        Q##18 = b3 ^ (b4 & b0);                                                                    \
        Q##19 = b4 ^ (b0 | b1);                                                                    \
        b0 = rol(P##2 ^ d2, 62);                                                                   \
        b1 = rol(P##8 ^ d3, 55);                                                                   \
        b2 = rol(P##14 ^ d4, 39);                                                                  \
        b3 = rol(P##15 ^ d0, 41);                                                                  \
        b4 = rol(P##21 ^ d1, 2);                                                                   \
        Q##23 = b3 ^ (b4 | b0);                                                                    \
        Q##24 = b4 ^ (b0 & b1);                                                                    \
        b1 = ~b1;                                                                                  \
        Q##20 = b0 ^ (b1 & b2);                                                                    \
        Q##21 = b1 ^ (b2 | b3);                                                                    \
        Q##22 = b2 ^ (b3 & b4);                                                                    \
    } while (0)

void pqi_keccak_f1600(uint64_t s[25])
{
    uint64_t b0, b1, b2, b3, b4, c0, c1, c2, c3, c4, d0, d1, d2, d3, d4;
    uint64_t e0, e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18,
        e19, e20, e21, e22, e23, e24;
    uint64_t a0 = s[0], a1 = ~s[1], a2 = ~s[2], a3 = s[3], a4 = s[4];
    uint64_t a5 = s[5], a6 = s[6], a7 = s[7], a8 = ~s[8], a9 = s[9];
    uint64_t a10 = s[10], a11 = s[11], a12 = ~s[12], a13 = s[13], a14 = s[14];
    uint64_t a15 = s[15], a16 = s[16], a17 = ~s[17], a18 = s[18], a19 = s[19];
    uint64_t a20 = ~s[20], a21 = s[21], a22 = s[22], a23 = s[23], a24 = s[24];
    for (unsigned i = 0; i < 24; i += 2) {
        ROUND(a, e, rc[i]);
        ROUND(e, a, rc[i + 1]);
    }
    s[0] = a0; s[1] = ~a1; s[2] = ~a2; s[3] = a3; s[4] = a4;
    s[5] = a5; s[6] = a6; s[7] = a7; s[8] = ~a8; s[9] = a9;
    s[10] = a10; s[11] = a11; s[12] = ~a12; s[13] = a13; s[14] = a14;
    s[15] = a15; s[16] = a16; s[17] = ~a17; s[18] = a18; s[19] = a19;
    s[20] = ~a20; s[21] = a21; s[22] = a22; s[23] = a23; s[24] = a24;
}
/* clang-format on */

#endif

#else

typedef int pqi_keccak_f1600_is_not_used;

#endif
