/* SPDX-License-Identifier: Apache-2.0
 * SamplerZ, specification section 3.9.3: integers near mu with deviation sigma, by rejection from
 * the base sampler. Compiled once per backend of fpr.h.
 *
 * Which proposals are rejected shows in the time; the acceptance probability is made independent of
 * mu and sigma by the factor ccs = sigma_min / sigma (section 3.9.3; Howe et al., eprint 2019/1411).
 * Of the lazy comparison it shows how many random bytes equalled the probability's, which each does
 * with probability 2^-8 whatever that is. */
#ifndef PQI_PRIM_FALCON_SAMPLER_H
#define PQI_PRIM_FALCON_SAMPLER_H

#include "ct/secret.h"
#include "prim/falcon/fpr.h"
#include "prim/falcon/prng.h"

#include <stdbool.h>

/* 1 / sigma and sigma_min, section 2.5 and Table 3.3; log 2 and its inverse; 1 / (2 * 1.8205^2);
 * 1 / 1.8205. tools/falcon-tables computes everything here. */
#define INV_SIGMA_512  0x3F78B6C2DE64C7C9u
#define INV_SIGMA_1024 0x3F78531EF6311AE2u
#define SIGMA_MIN_512  0x3FF47201BF1F7A75u
#define SIGMA_MIN_1024 0x3FF4C5C19990C764u
#define LN2            0x3FE62E42FEFA39EFu
#define INV_LN2        0x3FF71547652B82FEu
#define INV_2SIGMA0SQ  0x3FC34F8BC183BBC2u
#define INV_SIGMA0     0x3FE193DCD8464F73u

#define BASE_ROWS 20u

/* Table 3.1, in three limbs of 24 bits; two rows of zeros fill the last vector. */
/* clang-format off */
static const uint32_t base_high[BASE_ROWS] = {
    10745844, 5559083, 2260429, 708981, 169348, 30538, 4132, 417, 31, 1,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint32_t base_middle[BASE_ROWS] = {
    3068844, 1580863, 13669192, 4421575, 7122675, 13063405, 14505003, 16768101, 8444042, 12844466,
    1232676, 38047, 870, 14, 0, 0, 0, 0, 0, 0};
static const uint32_t base_low[BASE_ROWS] = {
    3741698, 8248194, 2736639, 10046180, 4136815, 7650655, 7826148, 11363290, 8086568, 265321,
    13644283, 9111839, 6138264, 12545723, 3104126, 28824, 198, 1, 0, 0};

/* Section 3.9.2: 2^63 * exp(-x) = (((exp_poly[0]) * -x + exp_poly[1]) * -x + ...), from FACCT
 * (Zhao, Steinfeld, Sakzad, eprint 2018/1234). */
static const uint64_t exp_poly[13] = {
    0x00000004741183A3, 0x00000036548CFC06, 0x0000024FDCBF140A, 0x0000171D939DE045,
    0x0000D00CF58F6F84, 0x000680681CF796E3, 0x002D82D8305B0FEA, 0x011111110E066FD0,
    0x0555555555070F00, 0x155555555581FF00, 0x400000000002B400, 0x7FFFFFFFFFFF4800,
    0x8000000000000000};
/* clang-format on */

/* Algorithm 12, BaseSampler: z >= 0 of deviation 1.8205, from 72 random bits. */
static inline uint32_t sample_base(pqi_falcon_prng *p)
{
    uint64_t low = prng_u64(p);
    uint32_t v0 = (uint32_t)low & 0xFFFFFFu, v1 = (uint32_t)(low >> 24) & 0xFFFFFFu;
    uint32_t v2 = (uint32_t)(low >> 48) | prng_u8(p) << 16, z = 0;
    for (unsigned i = 0; i < BASE_ROWS; i++) {
        uint32_t borrow = (v0 - base_low[i]) >> 31;
        borrow = (v1 - base_middle[i] - borrow) >> 31;
        z += (v2 - base_high[i] - borrow) >> 31;
    }
    return z;
}

/* Algorithm 13, ApproxExp: about 2^63 * ccs * exp(-x), 0 <= x < log 2, 0 < ccs < 1. */
static inline uint64_t approx_exp(fpr x, fpr ccs)
{
    uint64_t z = fpr_p63(x) << 1, y = exp_poly[0];
    for (unsigned i = 1; i < 13; i++) {
        y = exp_poly[i] - falcon_mulhi(z, y);
    }
    return falcon_mulhi(fpr_p63(ccs) << 1, y);
}

/* Algorithm 14, BerExp: true with probability ccs * exp(-x), x >= 0. */
static inline bool accept(pqi_falcon_prng *p, fpr x, fpr ccs)
{
    uint32_t s = (uint32_t)fpr_trunc(fpr_mul(x, fpr_const(INV_LN2)));
    fpr r = fpr_sub(x, fpr_mul(fpr_of((int64_t)s), fpr_const(LN2)));
    s |= 0u - ((63u - s) >> 31); /* from 64 on: 63, where the probability is below 2^-63 */
    uint64_t z = falcon_shr((approx_exp(r, ccs) << 1) - 1u, s & 63u);
    unsigned i = 64;
    int32_t w;
    do {
        i -= 8;
        w = (int32_t)prng_u8(p) - (int32_t)(uint8_t)(z >> i);
        PQI_PUBLIC(&w, sizeof w);
    } while (w == 0 && i > 0);
    return w < 0;
}

/* A proposal is accepted with probability above 1/2 for any sigma of a sound key: this many are refused
 * with probability below 2^-500. The bound is for unsound keys, whose signatures fail anyway. */
#define MAX_PROPOSALS 500u

/* Algorithm 15, SamplerZ, for 0 <= r < 1: its result less floor(mu), where r = mu - floor(mu).
 * isigma = 1 / sigma, sigma_min <= sigma <= 1.8205. */
static inline int32_t sample_z(pqi_falcon_prng *p, fpr r, fpr isigma, fpr sigma_min)
{
    fpr dss = fpr_half(fpr_sqr(isigma)); /* 1 / (2 sigma^2) */
    fpr ccs = fpr_mul(isigma, sigma_min);
    int32_t z = 0;
    for (unsigned i = 0; i < MAX_PROPOSALS; i++) {
        int32_t z0 = (int32_t)sample_base(p);
        int32_t b = (int32_t)(prng_u8(p) & 1u);
        z = b + (2 * b - 1) * z0;
        fpr x = fpr_mul(fpr_sqr(fpr_sub(fpr_of(z), r)), dss);
        x = fpr_sub(x, fpr_mul(fpr_of(z0 * z0), fpr_const(INV_2SIGMA0SQ)));
        if (accept(p, x, ccs)) {
            break;
        }
    }
    return z;
}

#endif
