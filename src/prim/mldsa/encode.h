/* SPDX-License-Identifier: Apache-2.0
 * Pieces of the keys and signatures of one level, FIPS 204 section 7.2, for both variants. */
#ifndef PQI_PRIM_MLDSA_ENCODE_H
#define PQI_PRIM_MLDSA_ENCODE_H

#include "prim/mldsa/level.h"

/* BitPack of a short polynomial from raw (eta - coefficient), S_LEN bytes (Algorithm 24). */
static inline void pack_short(uint8_t *packed, const uint8_t raw[N])
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t v[8];
        for (unsigned k = 0; k < 8; k++) {
            v[k] = raw[8 * i + k];
        }
        pqi_mldsa_pack8(packed + i * ETA_BITS, v, ETA_BITS);
    }
}

/* BitUnpack of a short polynomial (Algorithm 25), extended for products by a challenge. Returns 1 if a
 * coefficient is out of range. */
static inline uint32_t load_short(uint8_t ext[2 * N], const uint8_t *packed)
{
    uint32_t bad = 0;
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t v[8];
        pqi_mldsa_unpack8(v, packed + i * ETA_BITS, ETA_BITS);
        for (unsigned k = 0; k < 8; k++) {
            bad |= (2u * ETA - v[k]) >> 31;
            ext[8 * i + k] = (uint8_t)v[k];
        }
    }
    pqi_mldsa_extend_eta(ext, ETA);
    return bad;
}

/* Step 6 of Algorithm 6 for one polynomial t < q: t1 to the public key, 2^12 - t0 to the private key. */
static inline void split_t(uint8_t *t1, uint8_t *t0, const pqi_mldsa_poly *t)
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t high[8], low[8];
        for (unsigned k = 0; k < 8; k++) {
            int32_t r0;
            high[k] = pqi_mldsa_power2round(&r0, t->c[8 * i + k]);
            low[k] = (uint32_t)((1 << (PQI_MLDSA_D - 1)) - r0);
        }
        pqi_mldsa_pack8(t1 + i * 10, high, 10);
        pqi_mldsa_pack8(t0 + i * 13, low, 13);
    }
}

/* t += s2 for t < q and raw = eta - s2; result below q. */
static inline void add_short(pqi_mldsa_poly *t, const uint8_t raw[N])
{
    for (unsigned i = 0; i < N; i++) {
        /* below q + 2q; freeze twice */
        uint32_t v = pqi_mldsa_freeze(t->c[i] + PQI_MLDSA_Q + ETA - raw[i]);
        t->c[i] = pqi_mldsa_freeze(v);
    }
}

/* z = y + c s1 for eight coefficients (Algorithm 7 steps 20 and 23), from packed y to packed z; `out`
 * may be `y`. Returns 1 if one reaches gamma1 - beta. */
static inline uint32_t respond8(uint8_t *out, const uint8_t *y, const int32_t cs1[8])
{
    uint32_t bad = 0, v[8];
    pqi_mldsa_unpack8(v, y, Z_BITS);
    for (unsigned k = 0; k < 8; k++) {
        int32_t minus_z = (int32_t)v[k] - GAMMA1 - cs1[k];
        bad |= pqi_mldsa_exceeds(minus_z, GAMMA1 - BETA);
        v[k] = (uint32_t)(minus_z + GAMMA1) & ((1u << Z_BITS) - 1u);
    }
    pqi_mldsa_pack8(out, v, Z_BITS);
    return bad;
}

/* Eight coefficients of packed y or z, modulo q and at most 2q. */
static inline void load_z8(uint32_t v[8], const uint8_t *packed)
{
    pqi_mldsa_unpack8(v, packed, Z_BITS);
    for (unsigned k = 0; k < 8; k++) {
        v[k] = PQI_MLDSA_Q + GAMMA1 - v[k];
    }
}

/* 1 if |z| of a coefficient from load_z8() reaches gamma1 - beta (Algorithm 8 step 13). */
static inline uint32_t z_too_large(uint32_t v)
{
    return pqi_mldsa_exceeds((int32_t)(v - PQI_MLDSA_Q), GAMMA1 - BETA);
}

/* Steps 1 to 4 of Algorithm 6: w->seeds = rho || rho' || K. */
static inline void expand_seed(uint8_t seeds[RHO_LEN + 64 + KEY_LEN], pqi_xof *x, const uint8_t *xi)
{
    const uint8_t kl[2] = {K, L};
    pqi_shake256_start(x);
    pqi_xof_absorb(x, xi, SEED_LEN);
    pqi_xof_absorb(x, kl, sizeof kl);
    pqi_xof_squeeze(x, seeds, RHO_LEN + 64 + KEY_LEN);
}

/* Step 7 of Algorithm 7: rho''. */
static inline void private_seed(
    uint8_t seed[64], pqi_xof *x, const uint8_t *sk, const uint8_t *rnd, const uint8_t *mu)
{
    pqi_shake256_start(x);
    pqi_xof_absorb(x, sk + SK_KEY, KEY_LEN);
    pqi_xof_absorb(x, rnd, RND_LEN);
    pqi_xof_absorb(x, mu, PQI_MLDSA_MU);
    pqi_xof_squeeze(x, seed, 64);
}

/* HintBitUnpack (Algorithm 21), the checks alone: bounds never fall and end at most at omega,
 * positions rise within a polynomial, and unused ones are zero. */
static inline bool hints_are_canonical(const uint8_t *h)
{
    unsigned at = 0;
    for (unsigned i = 0; i < K; i++) {
        unsigned end = h[OMEGA + i];
        if (end < at || end > OMEGA) {
            return false;
        }
        for (unsigned n = at + 1; n < end; n++) {
            if (h[n - 1] >= h[n]) {
                return false;
            }
        }
        at = end;
    }
    for (; at < OMEGA; at++) {
        if (h[at] != 0) {
            return false;
        }
    }
    return true;
}

#endif
