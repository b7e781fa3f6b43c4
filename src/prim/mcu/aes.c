/* SPDX-License-Identifier: Apache-2.0
 * AES-128 and AES-256 encryption, FIPS 197, without a table.
 *
 * Implementation notes. Plane i holds bit i of the 32 bytes of two blocks; the byte in row r and
 * column c of block b is bit 8r + 2c + b. So ShiftRows turns each byte lane of a plane, the next row
 * in MixColumns is a rotation by 8, and one evaluation of the S-box circuit serves all 32 bytes. The
 * constant 0x63 of the S-box passes ShiftRows and MixColumns unchanged (the coefficients of a row,
 * 2, 3, 1, 1, add up to 1) and stands in the round keys. */
#include "prim/mcu/aes.h"

#include "prim/mcu/bytes.h"

#include "ct/ct.h"

#include <pqi/wipe.h>

/* Exchanges the bits of `a` under mask << n with those of `b` under mask. */
#define SWAP_BITS(a, b, mask, n)                                                                   \
    do {                                                                                           \
        uint32_t swap_ = ((a) >> (n) ^ (b)) & (mask);                                              \
        (b) ^= swap_;                                                                              \
        (a) ^= swap_ << (n);                                                                       \
    } while (0)

/* Words to planes and back: transposes the 8 x 8 bits of each byte lane. */
static void transpose(uint32_t q[8])
{
    for (unsigned i = 0; i < 8; i += 4) {
        uint32_t a = q[i], b = q[i + 1], c = q[i + 2], d = q[i + 3];
        SWAP_BITS(a, b, 0x55555555u, 1);
        SWAP_BITS(c, d, 0x55555555u, 1);
        SWAP_BITS(a, c, 0x33333333u, 2);
        SWAP_BITS(b, d, 0x33333333u, 2);
        q[i] = a;
        q[i + 1] = b;
        q[i + 2] = c;
        q[i + 3] = d;
    }
    for (unsigned i = 0; i < 4; i++) {
        SWAP_BITS(q[i], q[i + 4], 0x0f0f0f0fu, 4);
    }
}

/* The S-box but for its constant 0x63: the circuit of Boyar, Matthews and Peralta ("Logic
 * minimization techniques with applications to cryptology", 2013), 115 gates of which 32 are ANDs.
 * Names are theirs: x0 is the most significant bit. */
static void sub_bytes(uint32_t q[8])
{
    uint32_t x0 = q[7], x1 = q[6], x2 = q[5], x3 = q[4], x4 = q[3], x5 = q[2], x6 = q[1], x7 = q[0];
    /* the top linear part */
    uint32_t y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2;
    uint32_t y1 = t0 ^ x7, y4 = y1 ^ x3, y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6;
    uint32_t y3 = y5 ^ y8, t1 = x4 ^ y12, y15 = t1 ^ x5, y20 = t1 ^ x1, y6 = y15 ^ x7;
    uint32_t y10 = y15 ^ t0, y11 = y20 ^ y9, y7 = x7 ^ y11, y17 = y10 ^ y11, y19 = y10 ^ y8;
    uint32_t y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;
    /* inversion in GF(2^8) over GF(2^4) */
    uint32_t t2 = y12 & y15, t3 = y3 & y6, t4 = t3 ^ t2, t5 = y4 & x7, t6 = t5 ^ t2;
    uint32_t t7 = y13 & y16, t8 = y5 & y1, t9 = t8 ^ t7, t10 = y2 & y7, t11 = t10 ^ t7;
    uint32_t t12 = y9 & y11, t13 = y14 & y17, t14 = t13 ^ t12, t15 = y8 & y10, t16 = t15 ^ t12;
    uint32_t t17 = t4 ^ t14, t18 = t6 ^ t16, t19 = t9 ^ t14, t20 = t11 ^ t16;
    uint32_t t21 = t17 ^ y20, t22 = t18 ^ y19, t23 = t19 ^ y21, t24 = t20 ^ y18;
    uint32_t t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t28 = t25 & t27, t29 = t28 ^ t22;
    uint32_t t30 = t23 ^ t24, t31 = t22 ^ t26, t32 = t31 & t30, t33 = t32 ^ t24, t34 = t23 ^ t33;
    uint32_t t35 = t27 ^ t33, t36 = t24 & t35, t37 = t36 ^ t34, t38 = t27 ^ t36, t39 = t29 & t38;
    uint32_t t40 = t25 ^ t39, t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37;
    uint32_t t45 = t42 ^ t41;
    uint32_t z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1;
    uint32_t z5 = t29 & y7, z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12;
    uint32_t z10 = t37 & y3, z11 = t33 & y4, z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2;
    uint32_t z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;
    /* the bottom linear part */
    uint32_t t46 = z15 ^ z16, t47 = z10 ^ z11, t48 = z5 ^ z13, t49 = z9 ^ z10, t50 = z2 ^ z12;
    uint32_t t51 = z2 ^ z5, t52 = z7 ^ z8, t53 = z0 ^ z3, t54 = z6 ^ z7, t55 = z16 ^ z17;
    uint32_t t56 = z12 ^ t48, t57 = t50 ^ t53, t58 = z4 ^ t46, t59 = z3 ^ t54, t60 = t46 ^ t57;
    uint32_t t61 = z14 ^ t57, t62 = t52 ^ t58, t63 = t49 ^ t58, t64 = z4 ^ t59, t65 = t61 ^ t62;
    uint32_t t66 = z1 ^ t63, t67 = t64 ^ t65, s3 = t53 ^ t66;
    q[7] = t59 ^ t63; /* s0 */
    q[6] = t64 ^ s3;
    q[5] = t55 ^ t67;
    q[4] = s3;
    q[3] = t51 ^ t66;
    q[2] = t47 ^ t65;
    q[1] = t56 ^ t62;
    q[0] = t48 ^ t60; /* s7 */
}

/* Row r turns by r columns: byte lane r rotates right by 2r. Rows 1 and 3 exchange neighbouring
 * columns, then rows 1 and 3 one pair of columns each, and row 2 both pairs, two columns apart. */
static inline uint32_t shift_rows(uint32_t x, uint32_t mask)
{
    uint32_t t = (x ^ x >> 2) & 0x33003300u;
    x ^= t ^ t << 2;
    t = (x ^ x >> 4) & mask;
    return x ^ t ^ t << 4;
}

/* In a register: as a constant it would be four instructions each time. */
static inline uint32_t shift_mask(void)
{
    return pqi_ct_barrier_u32(0x030f0c00u);
}

/* ShiftRows, MixColumns and AddRoundKey of one plane. Row r becomes 2 (s_r + s_r+1) + s_r+1 + s_r+2 +
 * s_r+3; doubling moves to the next plane and adds plane 7 to planes 0, 1, 3, 4 (x^8 = x^4 + x^3 + x +
 * 1). `below` is s_r + s_r+1 of the plane below. */
#define MIX(i, x, fold)                                                                            \
    do {                                                                                           \
        uint32_t s = (x), next = rotr32(s, 8), t = s ^ next;                                       \
        q[i] = k[i] ^ next ^ rotr32(t, 16) ^ below ^ (fold);                                       \
        below = t;                                                                                 \
    } while (0)

static void middle_round(uint32_t q[8], const uint32_t k[8])
{
    uint32_t mask = shift_mask(), s7 = shift_rows(q[7], mask);
    uint32_t top = s7 ^ rotr32(s7, 8), below = 0;
    MIX(0, shift_rows(q[0], mask), top);
    MIX(1, shift_rows(q[1], mask), top);
    MIX(2, shift_rows(q[2], mask), 0);
    MIX(3, shift_rows(q[3], mask), top);
    MIX(4, shift_rows(q[4], mask), top);
    MIX(5, shift_rows(q[5], mask), 0);
    MIX(6, shift_rows(q[6], mask), 0);
    MIX(7, s7, 0);
}

static void last_round(uint32_t q[8], const uint32_t k[8])
{
    uint32_t mask = shift_mask();
    for (unsigned i = 0; i < 8; i++) {
        q[i] = shift_rows(q[i], mask) ^ k[i];
    }
}

void pqi_aes_encrypt(const pqi_aes *aes, uint32_t q[8])
{
    const uint32_t *k = aes->k;
    transpose(q);
    for (unsigned i = 0; i < 8; i++) {
        q[i] ^= k[i];
    }
    for (uint32_t left = aes->rounds; left-- != 0;) {
        k += 8;
        sub_bytes(q);
        if (left != 0) {
            middle_round(q, k);
        } else {
            last_round(q, k);
        }
    }
    transpose(q);
}

/* SubWord, FIPS 197 section 5.2, on planes that hold one word and, above each used bit, others that
 * are dropped. */
static uint32_t sub_word(uint32_t w, uint32_t q[8])
{
    for (unsigned i = 0; i < 8; i++) {
        q[i] = w >> i;
    }
    sub_bytes(q);
    w = 0x63636363u;
    for (unsigned i = 0; i < 8; i++) {
        w ^= (q[i] & 0x01010101u) << i;
    }
    return w;
}

/* KeyExpansion, FIPS 197 section 5.2. The words are little-endian, so that RotWord turns right. They
 * stand at the start of aes->k until they are sliced, last round first. */
void pqi_aes_init(pqi_aes *aes, const uint8_t *key, size_t key_len)
{
    uint32_t q[8];
    uint32_t *w = aes->k;
    unsigned nk = (unsigned)key_len / 4u, rcon = 1;
    aes->rounds = nk + 6u;
    for (unsigned i = 0; i < nk; i++) {
        w[i] = load32_le(key + 4u * i);
    }
    for (unsigned i = nk, j = 0; i < 4u * (aes->rounds + 1u); i++) {
        uint32_t t = w[i - 1];
        if (j == 0) {
            t = sub_word(rotr32(t, 8), q) ^ rcon;
            rcon = (rcon << 1) ^ (rcon >> 7) * 0x11bu;
        } else if (j == 4) { /* AES-256 only: j < 4 for nk = 4 */
            t = sub_word(t, q);
        }
        w[i] = w[i - nk] ^ t;
        j = j + 1u == nk ? 0 : j + 1u;
    }
    for (unsigned r = (unsigned)aes->rounds + 1u; r-- != 0;) {
        for (unsigned c = 0; c < 8; c++) {
            q[c] = w[4u * r + c / 2u];
        }
        transpose(q);
        uint32_t affine = r == 0 ? 0 : 0x63u;
        for (unsigned i = 0; i < 8; i++) {
            aes->k[8u * r + i] = q[i] ^ (0u - (affine >> i & 1u));
        }
    }
    pqi_wipe(q, sizeof q);
}
