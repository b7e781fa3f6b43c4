/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.Verify_internal, FIPS 204 Algorithm 8, from mu on. Everything here is public. */
#ifndef PQI_PRIM_MLDSA_VERIFY_H
#define PQI_PRIM_MLDSA_VERIFY_H

#include "ct/ct.h"
#include "prim/mldsa/encode.h"

typedef struct verify_tmp {
    pqi_xof x;
    uint64_t acc[N];
    pqi_mldsa_poly z[L]; /* transformed */
    pqi_mldsa_poly c;    /* transformed */
    pqi_mldsa_poly t;
    uint8_t hint[N];
    uint8_t w1[N];
    uint8_t ctilde[CTILDE];
    pqi_mldsa_challenge terms;
} verify_tmp;

/* Room for mu until the first row. */
static inline uint8_t *mu_room(verify_tmp *w)
{
    return w->w1;
}

/* Decodes and transforms z. False if a coefficient reaches gamma1 - beta (step 13). */
static inline bool load_z(verify_tmp *w, const uint8_t *packed)
{
    uint32_t bad = 0;
    for (unsigned j = 0; j < L; j++) {
        for (unsigned i = 0; i < N / 8; i++) {
            uint32_t *v = &w->z[j].c[8 * i];
            load_z8(v, packed + j * Z_LEN + i * Z_BITS);
            for (unsigned k = 0; k < 8; k++) {
                bad |= z_too_large(v[k]);
            }
        }
        pqi_mldsa_ntt(&w->z[j]);
    }
    return bad == 0;
}

/* w' = A z - c t1 2^d for one row (step 9), in w->t, below q. */
static inline void commitment_row(verify_tmp *w, const uint8_t *pk, unsigned row)
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t *v = &w->t.c[8 * i];
        pqi_mldsa_unpack8(v, pk + PK_T1 + row * T1_LEN + i * 10, 10);
        for (unsigned k = 0; k < 8; k++) {
            v[k] = PQI_MLDSA_Q - (v[k] << PQI_MLDSA_D); /* 1023 * 2^13 = q - 1 */
        }
    }
    pqi_mldsa_ntt(&w->t);
    memset(w->acc, 0, sizeof w->acc);
    pqi_mldsa_mac(w->acc, &w->t, &w->c);
    add_row(w->acc, &w->t, pk, row, w->z);
    pqi_mldsa_acc_reduce(&w->t, w->acc);
    pqi_mldsa_intt(&w->t);
}

static pqi_status verify_mu(const uint8_t *pk, const uint8_t *mu, const uint8_t *sig, void *tmp)
{
    verify_tmp *w = tmp;
    const uint8_t *h = sig + SIG_H;
    pqi_status st = PQI_ERR_AUTH;
    unsigned at = 0;
    if (!hints_are_canonical(h) || !load_z(w, sig + SIG_Z)) {
        goto out;
    }
    pqi_mldsa_sample_ball(&w->terms, &w->x, w->hint, sig, CTILDE, TAU);
    pqi_mldsa_challenge_poly(&w->c, &w->terms);
    pqi_mldsa_ntt(&w->c);
    pqi_shake256_start(&w->x); /* step 12 */
    pqi_xof_absorb(&w->x, mu, PQI_MLDSA_MU);
    for (unsigned i = 0; i < K; i++) {
        commitment_row(w, pk, i);
        memset(w->hint, 0, sizeof w->hint);
        for (; at < h[OMEGA + i]; at++) {
            w->hint[h[at]] = 1;
        }
        for (unsigned n = 0; n < N; n++) { /* step 10 */
            w->w1[n] = (uint8_t)pqi_mldsa_use_hint(w->hint[n], w->t.c[n], GAMMA2);
        }
        for (unsigned n = 0; n < N; n += PART) {
            absorb_w1(&w->x, w->w1 + n, w->w1 + n);
        }
    }
    pqi_xof_squeeze(&w->x, w->ctilde, CTILDE);
    if (pqi_ct_eq(w->ctilde, sig, CTILDE) != 0) {
        st = PQI_OK;
    }
out:
    pqi_wipe(w, sizeof *w);
    return st;
}

#endif
