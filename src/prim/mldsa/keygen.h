/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.KeyGen_internal, FIPS 204 Algorithm 6. */
#ifndef PQI_PRIM_MLDSA_KEYGEN_H
#define PQI_PRIM_MLDSA_KEYGEN_H

#include "prim/mldsa/encode.h"

typedef struct keygen_tmp {
    pqi_xof x;
    uint64_t acc[N];
    pqi_mldsa_poly s1[L]; /* transformed */
    pqi_mldsa_poly t;
    uint8_t raw[N];
    uint8_t seeds[RHO_LEN + 64 + KEY_LEN]; /* rho || rho' || K */
} keygen_tmp;

/* Samples the short polynomial `nonce` into w->raw and its encoding. */
static inline void sample_short(keygen_tmp *w, uint8_t *packed, unsigned nonce)
{
    pqi_mldsa_sample_eta(w->raw, &w->x, w->seeds + RHO_LEN, nonce, ETA);
    pack_short(packed, w->raw);
}

static inline void keygen_row(keygen_tmp *w, uint8_t *pk, uint8_t *sk, unsigned row)
{
    memset(w->acc, 0, sizeof w->acc);
    add_row(w->acc, &w->t, w->seeds, row, w->s1);
    pqi_mldsa_acc_reduce(&w->t, w->acc);
    pqi_mldsa_intt(&w->t);
    sample_short(w, sk + SK_S2 + row * S_LEN, L + row);
    add_short(&w->t, w->raw);
    split_t(pk + PK_T1 + row * T1_LEN, sk + SK_T0 + row * T0_LEN, &w->t);
}

static pqi_status keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    keygen_tmp *w = tmp;
    expand_seed(w->seeds, &w->x, seed);
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
