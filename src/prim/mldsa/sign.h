/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.Sign_internal, FIPS 204 Algorithm 7, from mu on.
 *
 * Implementation notes
 *
 * A is expanded once and kept: it is most of the scratch, and making it again for each attempt would
 * take longer than the rest of the attempt. multiply_rows() is the one place that knows.
 *
 * c*s1, c*s2 and c*t0 are sums of tau signed runs (sample.c), not transforms: shorter, and nothing
 * has to be transformed before. y is kept packed as it comes from the hash, in the z field of the
 * signature under construction, and z replaces it there. Nothing reaches the caller's `sig` before
 * all checks are passed.
 *
 * The checks of step 23 run in the order r0, z, polynomial by polynomial, and stop at the first
 * that fails. That an attempt failed, and at which polynomial, does not depend on the key: the
 * distribution of an attempt that is thrown away is the point of the rejection (section 3.3, 6.2).
 * LowBits(w - cs2) is taken as w0 - cs2: if one of the two is below gamma2 - beta in absolute value,
 * |cs2| <= beta keeps the other inside the same interval, so they are equal. */
#ifndef PQI_PRIM_MLDSA_SIGN_H
#define PQI_PRIM_MLDSA_SIGN_H

#include "prim/mldsa/encode.h"

/* Appendix C: with this bound a sound key fails with probability below 2^-256. */
#define MAX_ATTEMPTS 814u

typedef struct sign_tmp {
    pqi_xof x;
    pqi_mldsa_poly a[K][L];
    union {
        pqi_mldsa_poly y[L]; /* transformed */
        int32_t t0[2 * N];   /* extended for mul_wide */
    } u;
    union {
        pqi_mldsa_poly w; /* one row */
        int32_t prod[N];  /* a product by c */
    };
    int32_t w0[K][N];                   /* LowBits(w), later minus cs2 */
    uint8_t w1[K][N];                   /* HighBits(w), later the hints */
    uint8_t s1[L][2 * N], s2[K][2 * N]; /* extended for mul_eta */
    uint8_t sig[SIG_LEN];
    uint8_t seed[64 + 2]; /* rho'' || nonce */
    pqi_mldsa_challenge c;
} sign_tmp;

/* Steps 1 to 7: everything that is the same for all attempts. Returns false for a malformed key. */
static inline bool sign_begin(sign_tmp *w, const uint8_t *sk, const uint8_t *mu, const uint8_t *rnd)
{
    uint32_t bad = 0;
    for (unsigned j = 0; j < L; j++) {
        bad |= load_short(w->s1[j], sk + SK_S1 + j * S_LEN);
    }
    for (unsigned i = 0; i < K; i++) {
        bad |= load_short(w->s2[i], sk + SK_S2 + i * S_LEN);
    }
    PQI_PUBLIC(&bad, sizeof bad);
    if (bad != 0) {
        return false;
    }
    PQI_PUBLIC(sk, RHO_LEN);
    for (unsigned i = 0; i < K; i++) {
        for (unsigned j = 0; j < L; j++) {
            pqi_mldsa_sample_a(&w->a[i][j], sk, i, j);
        }
    }
    private_seed(w->seed, &w->x, sk, rnd, mu);
    return true;
}

/* Step 11: ExpandMask (Algorithm 34), and the transform of y. */
static inline void make_y(sign_tmp *w, unsigned kappa)
{
    for (unsigned j = 0; j < L; j++) {
        uint8_t *packed = w->sig + SIG_Z + j * Z_LEN;
        w->seed[64] = (uint8_t)(kappa + j);
        w->seed[65] = (uint8_t)((kappa + j) >> 8);
        pqi_shake256(packed, Z_LEN, w->seed, sizeof w->seed);
        for (unsigned i = 0; i < N / 8; i++) {
            load_z8(&w->u.y[j].c[8 * i], packed + i * Z_BITS);
        }
        pqi_mldsa_ntt(&w->u.y[j]);
    }
}

/* Steps 12 and 13: w = A * y, split into HighBits and LowBits. */
static inline void multiply_rows(sign_tmp *w)
{
    for (unsigned i = 0; i < K; i++) {
        for (unsigned n = 0; n < N; n++) {
            uint64_t acc = 0;
            for (unsigned j = 0; j < L; j++) {
                acc += pqi_ct_mul(w->a[i][j].c[n], w->u.y[j].c[n]);
            }
            w->w.c[n] = pqi_mldsa_mont_reduce(acc);
        }
        pqi_mldsa_intt(&w->w);
        for (unsigned n = 0; n < N; n++) {
            w->w1[i][n] = (uint8_t)pqi_mldsa_decompose(&w->w0[i][n], w->w.c[n], GAMMA2);
        }
    }
}

/* Steps 15 and 16: the commitment hash and the challenge. */
static inline void make_challenge(sign_tmp *w, const uint8_t *mu)
{
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, mu, PQI_MLDSA_MU);
    for (unsigned i = 0; i < K; i++) {
        for (unsigned at = 0; at < N; at += PART) {
            absorb_w1(&w->x, w->w1[i] + at, (uint8_t *)w->prod);
        }
    }
    pqi_xof_squeeze(&w->x, w->sig, CTILDE);
    PQI_PUBLIC(w->sig, CTILDE);
    pqi_mldsa_sample_ball(&w->c, &w->x, (uint8_t *)w->prod, w->sig, CTILDE, TAU);
}

/* Steps 18, 21 and the second half of 23 for one polynomial: w0 becomes r0. */
static inline bool low_bits_fit(sign_tmp *w, unsigned i)
{
    uint32_t bad = 0;
    pqi_mldsa_mul_eta(w->prod, &w->c, w->s2[i], ETA);
    for (unsigned n = 0; n < N; n++) {
        w->w0[i][n] -= w->prod[n];
        bad |= pqi_mldsa_exceeds(w->w0[i][n], GAMMA2 - BETA);
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

/* Steps 17, 20 and the first half of 23 for one polynomial: packed y becomes packed z. */
static inline bool response_fits(sign_tmp *w, unsigned j)
{
    uint32_t bad = 0;
    pqi_mldsa_mul_eta(w->prod, &w->c, w->s1[j], ETA);
    for (unsigned i = 0; i < N / 8; i++) {
        uint8_t *packed = w->sig + SIG_Z + j * Z_LEN + i * Z_BITS;
        bad |= respond8(packed, packed, &w->prod[8 * i]);
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

static inline void load_t0(int32_t ext[2 * N], const uint8_t *packed)
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t v[8];
        pqi_mldsa_unpack8(v, packed + i * 13, 13);
        for (unsigned k = 0; k < 8; k++) {
            int32_t t0 = (1 << (PQI_MLDSA_D - 1)) - (int32_t)v[k];
            ext[8 * i + k] = -t0;
            ext[N + 8 * i + k] = t0;
        }
    }
}

/* Steps 25 and 26 for one polynomial: hints over w1. Adds their number to *count. */
static inline bool hints_fit(sign_tmp *w, const uint8_t *sk, unsigned i, uint32_t *count)
{
    uint32_t bad = 0;
    load_t0(w->u.t0, sk + SK_T0 + i * T0_LEN);
    pqi_mldsa_mul_wide(w->prod, &w->c, w->u.t0);
    for (unsigned n = 0; n < N; n++) {
        bad |= pqi_mldsa_exceeds(w->prod[n], GAMMA2);
        uint32_t h = pqi_mldsa_make_hint(w->w0[i][n] + w->prod[n], w->w1[i][n], GAMMA2);
        w->w1[i][n] = (uint8_t)h;
        *count += h;
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

/* One pass of the loop of step 10. True: w->sig holds c~, z, and w->w1 the hints. */
static inline bool attempt(sign_tmp *w, const uint8_t *sk, const uint8_t *mu, unsigned kappa)
{
    make_y(w, kappa);
    multiply_rows(w);
    make_challenge(w, mu);
    for (unsigned i = 0; i < K; i++) {
        if (!low_bits_fit(w, i)) {
            return false;
        }
    }
    for (unsigned j = 0; j < L; j++) {
        if (!response_fits(w, j)) {
            return false;
        }
    }
    uint32_t count = 0;
    for (unsigned i = 0; i < K; i++) {
        if (!hints_fit(w, sk, i, &count)) {
            return false;
        }
    }
    uint32_t bad = ((uint32_t)OMEGA - count) >> 31;
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

/* HintBitPack (Algorithm 20). The hints are part of an accepted signature. */
static inline void pack_hints(sign_tmp *w)
{
    uint8_t *h = w->sig + SIG_H;
    unsigned at = 0;
    PQI_PUBLIC(w->w1, sizeof w->w1);
    memset(h, 0, OMEGA);
    for (unsigned i = 0; i < K; i++) {
        for (unsigned n = 0; n < N; n++) {
            if (w->w1[i][n] != 0) {
                h[at++] = (uint8_t)n;
            }
        }
        h[OMEGA + i] = (uint8_t)at;
    }
}

static pqi_status sign_mu(
    uint8_t *sig, const uint8_t *sk, const uint8_t *mu, const uint8_t *rnd, void *tmp)
{
    sign_tmp *w = tmp;
    pqi_status st = PQI_ERR_ARG;
    if (!sign_begin(w, sk, mu, rnd)) {
        goto out;
    }
    st = PQI_ERR_PROVIDER;
    for (unsigned n = 0; n < MAX_ATTEMPTS; n++) {
        if (attempt(w, sk, mu, n * L)) {
            pack_hints(w);
            PQI_PUBLIC(w->sig, SIG_LEN);
            memcpy(sig, w->sig, SIG_LEN);
            st = PQI_OK;
            break;
        }
    }
out:
    pqi_wipe(w, sizeof *w);
    return st;
}

#endif
