/* SPDX-License-Identifier: Apache-2.0
 * SHA-256, FIPS 180-4 section 6.2. Eight rounds are written out, so that the eight working variables
 * stay in registers instead of moving. */
#include "base/mem.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/md.h"

/* clang-format off */
/* FIPS 180-4 section 4.2.2: cube roots of the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Section 5.3.3: square roots of the first 8 primes. */
static const uint32_t IV[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
/* clang-format on */

/* Sections 4.1.2 and 6.2.2 step 3 */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
    do {                                                                                           \
        uint32_t t = (h) + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) +                        \
                     ((g) ^ ((e) & ((f) ^ (g)))) + k[i] + w[i];                                    \
        uint32_t ab = (a) ^ (b);                                                                   \
        (d) += t;                                                                                  \
        (h) = t + (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) + ((b) ^ (ab & bc));              \
        bc = ab;                                                                                   \
    } while (0)

static void eight_rounds(uint32_t s[8], const uint32_t *k, const uint32_t *w)
{
    uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7],
             bc = b ^ c;
    ROUND(a, b, c, d, e, f, g, h, 0);
    ROUND(h, a, b, c, d, e, f, g, 1);
    ROUND(g, h, a, b, c, d, e, f, 2);
    ROUND(f, g, h, a, b, c, d, e, 3);
    ROUND(e, f, g, h, a, b, c, d, 4);
    ROUND(d, e, f, g, h, a, b, c, 5);
    ROUND(c, d, e, f, g, h, a, b, 6);
    ROUND(b, c, d, e, f, g, h, a, 7);
    s[0] = a;
    s[1] = b;
    s[2] = c;
    s[3] = d;
    s[4] = e;
    s[5] = f;
    s[6] = g;
    s[7] = h;
}

static void start(pqi_md_ctx *c)
{
    memcpy(c->h.w32, IV, sizeof IV);
}

static void compress(pqi_md_ctx *c, const uint8_t *block)
{
    uint32_t *h = c->h.w32, *s = c->s.w32, *w = c->m.w32;
    for (size_t i = 0; i < 16; i++) {
        w[i] = load32_be(block + 4u * i); /* also in place */
    }
    for (uint32_t *p = w + 16; p != w + 64; p++) { /* step 1 */
        uint32_t x = p[-15], y = p[-2];
        *p = p[-16] + (rotr32(x, 7) ^ rotr32(x, 18) ^ x >> 3) + p[-7] +
             (rotr32(y, 17) ^ rotr32(y, 19) ^ y >> 10);
    }
    memcpy(s, h, sizeof c->s.w32);
    for (size_t i = 0; i < 64; i += 16) { /* two calls: with the loop inside, registers spill */
        eight_rounds(s, K + i, w + i);
        eight_rounds(s, K + i + 8, w + i + 8);
    }
    for (size_t i = 0; i < 8; i++) {
        h[i] += s[i];
    }
}

const pqi_md pqi_md_sha256 = {PQI_HASH_SHA256, 32, 64, start, compress};
