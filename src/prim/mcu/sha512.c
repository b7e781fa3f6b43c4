/* SPDX-License-Identifier: Apache-2.0
 * SHA-512 and SHA-384, FIPS 180-4 sections 6.4 and 6.5. One round in a loop: on 32-bit processors the
 * working variables do not fit into registers anyway, so they turn in memory, and nothing moves. */
#include "base/mem.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/md.h"

/* clang-format off */
/* FIPS 180-4 section 4.2.3: cube roots of the first 80 primes. */
static const uint64_t K[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* Sections 5.3.4 and 5.3.5: square roots of the 9th to 16th and of the first 8 primes. */
static const uint64_t IV384[8] = {
    0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
    0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
};
static const uint64_t IV512[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};
/* clang-format on */

static uint64_t rotr64(uint64_t x, unsigned n)
{
    return x >> n | x << (64u - n);
}

static void start384(pqi_md_ctx *c)
{
    memcpy(c->h.w64, IV384, sizeof IV384);
}

static void start512(pqi_md_ctx *c)
{
    memcpy(c->h.w64, IV512, sizeof IV512);
}

/* Sections 4.1.3 and 6.4.2. s[-i & 7] is the variable a of round i, the next one b and so on. */
static void round_i(uint64_t s[8], uint64_t w[16], unsigned i)
{
    uint64_t a = s[(0u - i) & 7u], e = s[(4u - i) & 7u];
    uint64_t f = s[(5u - i) & 7u], g = s[(6u - i) & 7u];
    uint64_t t = s[(7u - i) & 7u] + (rotr64(e, 14) ^ rotr64(e, 18) ^ rotr64(e, 41)) +
                 (g ^ (e & (f ^ g))) + K[i] + w[i & 15u];
    s[(3u - i) & 7u] += t;
    uint64_t b = s[(1u - i) & 7u], c = s[(2u - i) & 7u];
    s[(7u - i) & 7u] =
        t + (rotr64(a, 28) ^ rotr64(a, 34) ^ rotr64(a, 39)) + ((a & b) | (c & (a | b)));
    /* the schedule, 16 rounds ahead */
    uint64_t x = w[(i + 1u) & 15u], y = w[(i + 14u) & 15u];
    w[i & 15u] += (rotr64(x, 1) ^ rotr64(x, 8) ^ x >> 7) + w[(i + 9u) & 15u] +
                  (rotr64(y, 19) ^ rotr64(y, 61) ^ y >> 6);
}

static void compress(pqi_md_ctx *c, const uint8_t *block)
{
    uint64_t *s = c->s.w64, *w = c->m.w64;
    memcpy(s, c->h.w64, sizeof c->h.w64);
    for (size_t i = 0; i < 16; i++) {
        w[i] = load64_be(block + 8u * i); /* also in place */
    }
    for (unsigned i = 0; i < 80; i++) {
        round_i(s, w, i);
    }
    for (size_t i = 0; i < 8; i++) {
        c->h.w64[i] += s[i]; /* 80 rounds are a multiple of 8: s has its order again */
    }
}

const pqi_md pqi_md_sha384 = {PQI_HASH_SHA384, 48, 128, start384, compress};
const pqi_md pqi_md_sha512 = {PQI_HASH_SHA512, 64, 128, start512, compress};
