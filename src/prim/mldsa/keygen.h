/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.KeyGen_internal, FIPS 204 Algorithm 6. */
#ifndef PQI_PRIM_MLDSA_KEYGEN_H
#define PQI_PRIM_MLDSA_KEYGEN_H

#include "prim/mldsa/level.h"

typedef struct keygen_tmp {
    uint64_t acc[N];
    pqi_mldsa_poly s1[L]; /* transformed */
    pqi_mldsa_poly t;
    uint8_t raw[N];
    uint8_t seeds[RHO_LEN + 64 + KEY_LEN]; /* rho || rho' || K */
} keygen_tmp;

/* Samples the short polynomial `nonce` into w->raw and its encoding (Algorithm 24). */
static inline void sample_short(keygen_tmp *w, uint8_t *packed, unsigned nonce)
{
    pqi_mldsa_sample_eta(w->raw, w->seeds + RHO_LEN, nonce, ETA);
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t v[8];
        for (unsigned k = 0; k < 8; k++) {
            v[k] = w->raw[8 * i + k];
        }
        pqi_mldsa_pack8(packed + i * ETA_BITS, v, ETA_BITS);
    }
}

/* Step 6 for one polynomial t < q: t1 to the public key, 2^12 - t0 to the private key. */
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

static inline void keygen_row(keygen_tmp *w, uint8_t *pk, uint8_t *sk, unsigned row)
{
    memset(w->acc, 0, sizeof w->acc);
    add_row(w->acc, &w->t, w->seeds, row, w->s1);
    pqi_mldsa_acc_reduce(&w->t, w->acc);
    pqi_mldsa_intt(&w->t);
    sample_short(w, sk + SK_S2 + row * S_LEN, L + row);
    for (unsigned i = 0; i < N; i++) {
        /* t + s2: below q + 2q; freeze twice. */
        uint32_t t = pqi_mldsa_freeze(w->t.c[i] + PQI_MLDSA_Q + ETA - w->raw[i]);
        w->t.c[i] = pqi_mldsa_freeze(t);
    }
    split_t(pk + PK_T1 + row * T1_LEN, sk + SK_T0 + row * T0_LEN, &w->t);
}

static pqi_status keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    keygen_tmp *w = tmp;
    const uint8_t kl[2] = {K, L};
    pqi_xof x;
    pqi_shake256_start(&x); /* step 1 */
    pqi_xof_absorb(&x, seed, SEED_LEN);
    pqi_xof_absorb(&x, kl, sizeof kl);
    pqi_xof_squeeze(&x, w->seeds, sizeof w->seeds);
    pqi_wipe(&x, sizeof x);
    PQI_PUBLIC(w->seeds, RHO_LEN);

    memcpy(pk, w->seeds, RHO_LEN);
    memcpy(sk, w->seeds, RHO_LEN);
    memcpy(sk + SK_KEY, w->seeds + RHO_LEN + 64, KEY_LEN);
    for (unsigned j = 0; j < L; j++) { /* steps 4 and 5 */
        sample_short(w, sk + SK_S1 + j * S_LEN, j);
        for (unsigned i = 0; i < N; i++) {
            w->s1[j].c[i] = PQI_MLDSA_Q + ETA - w->raw[i];
        }
        pqi_mldsa_ntt(&w->s1[j]);
    }
    for (unsigned i = 0; i < K; i++) {
        keygen_row(w, pk, sk, i);
    }
    PQI_PUBLIC(pk, PK_LEN);
    pqi_shake256(sk + SK_TR, PQI_MLDSA_TR, pk, PK_LEN); /* step 9 */
    pqi_wipe(w, sizeof *w);
    return PQI_OK;
}

#endif
