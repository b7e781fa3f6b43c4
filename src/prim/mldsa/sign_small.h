/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.Sign_internal, FIPS 204 Algorithm 7, from mu on, in little memory: the same signature.
 *
 * Implementation notes
 *
 * An attempt goes through A column by column: one transformed polynomial of y at a time, whose
 * products are added to all rows while A comes out of the hash. The rows, in three bytes a coefficient
 * (Bos, Renes, Sprenkels, "Dilithium for memory constrained devices", AFRICACRYPT 2022, section 3.1),
 * are what needs room. Most of them stand in the z field of the caller's signature, where nothing else
 * is needed before the last step; the others in tmp. So the signature is scratch until the call ends,
 * and may not overlap an input.
 *
 * Then, row by row, w becomes w - cs2 (checked as r0), and is turned into hints, which are kept as bits
 * in the memory of the first row of tmp. Last, y is made again piece by piece and becomes z in the
 * signature. Whether an attempt fails is the same decision as in sign.h; the order in which its checks
 * are done is another, and does not show in the signature. The products by c read the packed key.
 *
 * That an attempt failed, and at which polynomial, does not depend on the key: see sign.h. */
#ifndef PQI_PRIM_MLDSA_SIGN_SMALL_H
#define PQI_PRIM_MLDSA_SIGN_SMALL_H

#include "prim/mldsa/encode.h"
#include "prim/mldsa/row.h"

/* Appendix C: with this bound a sound key fails with probability below 2^-256. */
#define MAX_ATTEMPTS 814u

/* Rows in the z field of the signature, and in tmp. */
enum { ROW_LEN = (int)PQI_MLDSA_ROW, ROWS_SIG = L * Z_LEN / ROW_LEN, ROWS_TMP = K - ROWS_SIG };
/* Bytes of hints, a bit a coefficient. */
enum { MASK_LEN = N / 8, MASKS_LEN = K * MASK_LEN };
_Static_assert(
    ROWS_TMP >= 1 && (int)MASKS_LEN <= (int)ROW_LEN, "the hints fit the first row of tmp");

/* A short polynomial and a piece of its product by c. */
typedef struct short_work {
    uint8_t ext[2 * N]; /* extended for mul_eta */
    int32_t prod[PART];
    uint8_t y[PART / 8 * Z_BITS]; /* packed */
} short_work;

typedef struct sign_tmp {
    union {
        pqi_xof x;
        int32_t prod[PART]; /* a piece of c t0 */
    };
    union {
        pqi_mldsa_poly p;   /* y[j], transformed; a row of w */
        short_work s;       /* s1[j] or s2[i] */
        uint16_t t0[2 * N]; /* extended for mul_wide_part */
    };
    uint8_t seed[64 + 2]; /* rho'' || nonce */
    pqi_mldsa_challenge c;
    uint8_t rows[ROWS_TMP][PQI_MLDSA_ROW];
} sign_tmp;

static inline uint8_t *row_at(sign_tmp *w, uint8_t *sig, unsigned i)
{
    return i < ROWS_SIG ? sig + SIG_Z + i * ROW_LEN : w->rows[i - ROWS_SIG];
}

static inline uint8_t *mask_of(sign_tmp *w, unsigned i)
{
    return w->rows[0] + i * MASK_LEN;
}

/* skDecode (Algorithm 25), the check alone. */
PIECE bool key_is_sound(sign_tmp *w, const uint8_t *sk)
{
    uint32_t bad = 0;
    for (unsigned n = 0; n < L + K; n++) {
        bad |= load_short(w->s.ext, sk + SK_S1 + n * S_LEN); /* s2 follows s1 */
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

/* Starts the hash of y[j] (Algorithm 34). */
static inline void start_y(sign_tmp *w, unsigned nonce)
{
    w->seed[64] = (uint8_t)nonce;
    w->seed[65] = (uint8_t)(nonce >> 8);
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, w->seed, sizeof w->seed);
}

/* Step 11: w->p = NTT(y[j]). */
static inline void make_y(sign_tmp *w, unsigned nonce)
{
    uint8_t packed[2 * Z_BITS];
    start_y(w, nonce);
    for (unsigned n = 0; n < N; n += 16) {
        pqi_xof_squeeze(&w->x, packed, sizeof packed);
        load_z8(&w->p.c[n], packed);
        load_z8(&w->p.c[n + 8], packed + Z_BITS);
    }
    pqi_wipe(packed, sizeof packed);
    pqi_mldsa_ntt(&w->p);
}

/* Step 12: the rows are A * y, transformed. */
PIECE void multiply(sign_tmp *w, uint8_t *sig, const uint8_t *rho, unsigned kappa)
{
    for (unsigned i = 0; i < K; i++) {
        memset(row_at(w, sig, i), 0, ROW_LEN);
    }
    for (unsigned j = 0; j < L; j++) {
        make_y(w, kappa + j);
        for (unsigned i = 0; i < K; i++) {
            pqi_mldsa_row_add(row_at(w, sig, i), &w->x, rho, i, j, &w->p);
        }
    }
}

/* Steps 12 to 16: the rows are w; the commitment hash, the challenge. */
PIECE void make_challenge(sign_tmp *w, uint8_t *sig, const uint8_t *mu)
{
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, mu, PQI_MLDSA_MU);
    uint8_t w1[PART];
    for (unsigned i = 0; i < K; i++) {
        pqi_mldsa_row_finish(row_at(w, sig, i), &w->p);
        for (unsigned at = 0; at < N; at += PART) {
            for (unsigned n = 0; n < PART; n++) {
                int32_t w0;
                w1[n] = (uint8_t)pqi_mldsa_decompose(&w0, w->p.c[at + n], GAMMA2);
            }
            absorb_w1(&w->x, w1, w1);
        }
    }
    pqi_wipe(w1, sizeof w1);
    pqi_xof_squeeze(&w->x, sig, CTILDE);
    PQI_PUBLIC(sig, CTILDE);
    pqi_mldsa_sample_ball(&w->c, &w->x, (uint8_t *)&w->p, sig, CTILDE, TAU);
}

/* Steps 18, 21 and the second half of 23 for one polynomial: the row becomes w - cs2, below q. */
PIECE bool low_bits_fit(sign_tmp *w, uint8_t *row, const uint8_t *s2)
{
    uint32_t bad = 0;
    (void)load_short(w->s.ext, s2);
    for (unsigned at = 0; at < N; at += PART) {
        pqi_mldsa_mul_eta_part(w->s.prod, &w->c, w->s.ext, at, ETA);
        for (unsigned n = 0; n < PART; n++) {
            int32_t r0;
            /* w + q - cs2 is above 0 and below 2q + beta */
            uint32_t r = pqi_mldsa_row_get(row, at + n) + PQI_MLDSA_Q - (uint32_t)w->s.prod[n];
            r = pqi_mldsa_freeze(pqi_mldsa_freeze(r));
            (void)pqi_mldsa_decompose(&r0, r, GAMMA2);
            bad |= pqi_mldsa_exceeds(r0, GAMMA2 - BETA);
            pqi_mldsa_row_set(row, at + n, r);
        }
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

/* t0 of a private key, which stores 2^12 - t0. */
static inline void load_t0(uint16_t ext[2 * N], const uint8_t *packed)
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t v[8];
        pqi_mldsa_unpack8(v, packed + i * 13, 13);
        for (unsigned k = 0; k < 8; k++) {
            ext[8 * i + k] = (uint16_t)v[k];
            ext[N + 8 * i + k] = (uint16_t)(2u * PQI_MLDSA_BIAS_T0 - v[k]);
        }
    }
}

/* Steps 25 and 26 for one polynomial: its hints. Adds their number to *count. */
PIECE bool hints_fit(
    sign_tmp *w, uint32_t mask[N / 32], const uint8_t *row, const uint8_t *t0, uint32_t *count)
{
    uint32_t bad = 0;
    load_t0(w->t0, t0);
    for (unsigned at = 0; at < N; at += PART) {
        uint32_t m = 0;
        pqi_mldsa_mul_wide_part(w->prod, &w->c, w->t0, at, PQI_MLDSA_BIAS_T0);
        for (unsigned n = 0; n < PART; n++) {
            int32_t r0;
            uint32_t r1 = pqi_mldsa_decompose(&r0, pqi_mldsa_row_get(row, at + n), GAMMA2);
            uint32_t h = pqi_mldsa_make_hint(r0 + w->prod[n], r1, GAMMA2);
            bad |= pqi_mldsa_exceeds(w->prod[n], GAMMA2);
            m |= h << n;
            *count += h;
        }
        mask[at / 32] = m;
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}
_Static_assert(PQI_MLDSA_PART == 32, "a piece is a word of hints");

/* The same for all. The first row of tmp comes first, for its memory takes the hints. */
PIECE bool make_hints(sign_tmp *w, uint8_t *sig, const uint8_t *sk)
{
    uint32_t mask[N / 32], count = 0, bad;
    bool fit = true;
    for (unsigned n = 0; n < K && fit; n++) {
        unsigned i = n + ROWS_SIG < K ? n + ROWS_SIG : n + ROWS_SIG - K;
        fit = hints_fit(w, mask, row_at(w, sig, i), sk + SK_T0 + i * T0_LEN, &count);
        memcpy(mask_of(w, i), mask, MASK_LEN);
    }
    bad = ((uint32_t)OMEGA - count) >> 31;
    PQI_PUBLIC(&bad, sizeof bad);
    pqi_wipe(mask, sizeof mask); /* hints of an attempt that fails are secret */
    return fit && bad == 0;
}

/* Steps 17, 20 and the first half of 23 for one polynomial: z, packed in the signature. */
PIECE bool response_fits(sign_tmp *w, uint8_t *z, const uint8_t *s1, unsigned nonce)
{
    uint32_t bad = 0;
    (void)load_short(w->s.ext, s1);
    start_y(w, nonce);
    for (unsigned at = 0; at < N; at += PART) {
        pqi_xof_squeeze(&w->x, w->s.y, sizeof w->s.y);
        pqi_mldsa_mul_eta_part(w->s.prod, &w->c, w->s.ext, at, ETA);
        for (unsigned n = 0; n < PART / 8; n++, z += Z_BITS) {
            bad |= respond8(z, w->s.y + n * Z_BITS, &w->s.prod[8 * n]);
        }
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0;
}

/* One pass of the loop of step 10. True: sig holds c~ and z, and mask_of() the hints. */
static inline bool attempt(
    sign_tmp *w, uint8_t *sig, const uint8_t *sk, const uint8_t *mu, unsigned kappa)
{
    multiply(w, sig, sk, kappa);
    make_challenge(w, sig, mu);
    for (unsigned i = 0; i < K; i++) {
        if (!low_bits_fit(w, row_at(w, sig, i), sk + SK_S2 + i * S_LEN)) {
            return false;
        }
    }
    if (!make_hints(w, sig, sk)) {
        return false;
    }
    for (unsigned j = 0; j < L; j++) { /* no row is needed any more */
        if (!response_fits(w, sig + SIG_Z + j * Z_LEN, sk + SK_S1 + j * S_LEN, kappa + j)) {
            return false;
        }
    }
    return true;
}

/* HintBitPack (Algorithm 20). The hints are part of an accepted signature. */
PIECE void pack_hints(sign_tmp *w, uint8_t *h)
{
    unsigned at = 0;
    PQI_PUBLIC(w->rows[0], MASKS_LEN);
    memset(h, 0, OMEGA);
    for (unsigned i = 0; i < K; i++) {
        uint32_t mask[N / 32];
        memcpy(mask, mask_of(w, i), MASK_LEN);
        for (unsigned n = 0; n < N; n++) {
            if ((mask[n / 32] >> (n % 32) & 1u) != 0) {
                h[at++] = (uint8_t)n;
            }
        }
        h[OMEGA + i] = (uint8_t)at;
    }
}

/* The signature is scratch, so nothing that is read may be part of it. */
static inline bool apart(const uint8_t *sig, const uint8_t *in, size_t len)
{
    const uintptr_t s = (uintptr_t)sig, p = (uintptr_t)in;
    return s < p ? p - s >= SIG_LEN : s - p >= len;
}

static pqi_status sign_mu(
    uint8_t *sig, const uint8_t *sk, const uint8_t *mu, const uint8_t *rnd, void *tmp)
{
    sign_tmp *w = tmp;
    pqi_status st = PQI_ERR_ARG;
    if (!apart(sig, sk, SK_LEN) || !apart(sig, mu, PQI_MLDSA_MU) || !key_is_sound(w, sk)) {
        goto out;
    }
    PQI_PUBLIC(sk, RHO_LEN);
    private_seed(w->seed, &w->x, sk, rnd, mu);
    st = PQI_ERR_PROVIDER;
    for (unsigned n = 0; n < MAX_ATTEMPTS; n++) {
        if (attempt(w, sig, sk, mu, n * L)) {
            pack_hints(w, sig + SIG_H);
            PQI_PUBLIC(sig, SIG_LEN);
            st = PQI_OK;
            break;
        }
    }
    if (st != PQI_OK) {
        pqi_wipe(sig, SIG_LEN);
    }
out:
    pqi_wipe(w, sizeof *w);
    return st;
}

#endif
