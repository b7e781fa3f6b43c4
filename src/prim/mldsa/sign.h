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

#include "prim/mldsa/level.h"

/* Appendix C: with this bound a sound key fails with probability below 2^-256. */
#define MAX_ATTEMPTS 814u

typedef struct sign_tmp {
    pqi_mldsa_poly a[K][L];
    union {
        pqi_mldsa_poly y[L]; /* transformed */
        int32_t t0[2 * N];   /* extended for mul_wide */
    } u;
    pqi_mldsa_poly w;                   /* one row */
    int32_t w0[K][N];                   /* LowBits(w), later minus cs2 */
    int32_t prod[N];                    /* a product by c */
    uint8_t w1[K][N];                   /* HighBits(w), later the hints */
    uint8_t s1[L][2 * N], s2[K][2 * N]; /* extended for mul_eta */
    uint8_t sig[SIG_LEN];
    uint8_t seed[64 + 2]; /* rho'' || nonce */
    pqi_mldsa_challenge c;
    pqi_xof x;
} sign_tmp;

/* skDecode (Algorithm 25) of n short polynomials. Returns 1 if a coefficient is out of range. */
static inline uint32_t load_short(uint8_t ext[][2 * N], const uint8_t *packed, unsigned n)
{
    uint32_t bad = 0;
    for (unsigned j = 0; j < n; j++) {
        uint8_t raw[N];
        for (unsigned i = 0; i < N / 8; i++) {
            uint32_t v[8];
            pqi_mldsa_unpack8(v, packed + j * S_LEN + i * ETA_BITS, ETA_BITS);
            for (unsigned k = 0; k < 8; k++) {
                bad |= (2u * ETA - v[k]) >> 31;
                raw[8 * i + k] = (uint8_t)v[k];
            }
        }
        pqi_mldsa_extend_eta(ext[j], raw, ETA);
        pqi_wipe(raw, sizeof raw);
    }
    return bad;
}

/* Steps 1 to 7: everything that is the same for all attempts. Returns false for a malformed key. */
static inline bool sign_begin(sign_tmp *w, const uint8_t *sk, const uint8_t *mu, const uint8_t *rnd)
{
    uint32_t bad = load_short(w->s1, sk + SK_S1, L) | load_short(w->s2, sk + SK_S2, K);
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
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, sk + SK_KEY, KEY_LEN);
    pqi_xof_absorb(&w->x, rnd, RND_LEN);
    pqi_xof_absorb(&w->x, mu, PQI_MLDSA_MU);
    pqi_xof_squeeze(&w->x, w->seed, 64);
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
            uint32_t *v = &w->u.y[j].c[8 * i];
            pqi_mldsa_unpack8(v, packed + i * Z_BITS, Z_BITS);
            for (unsigned k = 0; k < 8; k++) {
                v[k] = PQI_MLDSA_Q + GAMMA1 - v[k];
            }
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
                acc += (uint64_t)w->a[i][j].c[n] * w->u.y[j].c[n];
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
        absorb_w1(&w->x, w->w1[i]);
    }
    pqi_xof_squeeze(&w->x, w->sig, CTILDE);
    PQI_PUBLIC(w->sig, CTILDE);
    pqi_mldsa_sample_ball(&w->c, w->sig, CTILDE, TAU);
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
        uint32_t v[8];
        pqi_mldsa_unpack8(v, packed, Z_BITS);
        for (unsigned k = 0; k < 8; k++) {
            int32_t minus_z = (int32_t)v[k] - GAMMA1 - w->prod[8 * i + k];
            bad |= pqi_mldsa_exceeds(minus_z, GAMMA1 - BETA);
            v[k] = (uint32_t)(minus_z + GAMMA1) & ((1u << Z_BITS) - 1u);
        }
        pqi_mldsa_pack8(packed, v, Z_BITS);
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

/* Algorithm 2 after its checks. */
static pqi_status sign_pure(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    const pqi_mldsa_frame frame = {1, 0, ctx};
    uint8_t mu[PQI_MLDSA_MU];
    pqi_mldsa_make_mu(mu, sk + SK_TR, &frame, parts, n_parts);
    pqi_status st = sign_mu(sig, sk, mu, rnd, tmp);
    *sig_len = st == PQI_OK ? SIG_LEN : 0;
    pqi_wipe(mu, sizeof mu);
    return st;
}

#endif
