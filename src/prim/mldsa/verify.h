/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.Verify_internal, FIPS 204 Algorithm 8, from mu on. Everything here is public. */
#ifndef PQI_PRIM_MLDSA_VERIFY_H
#define PQI_PRIM_MLDSA_VERIFY_H

#include "ct/ct.h"
#include "prim/mldsa/level.h"

typedef struct verify_tmp {
    uint64_t acc[N];
    pqi_mldsa_poly z[L]; /* transformed */
    pqi_mldsa_poly c;    /* transformed */
    pqi_mldsa_poly t;
    uint8_t hint[N];
    uint8_t w1[N];
    uint8_t ctilde[CTILDE];
    pqi_mldsa_challenge terms;
    pqi_xof x;
} verify_tmp;

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

/* Decodes and transforms z. False if a coefficient reaches gamma1 - beta (step 13). */
static inline bool load_z(verify_tmp *w, const uint8_t *packed)
{
    uint32_t bad = 0;
    for (unsigned j = 0; j < L; j++) {
        for (unsigned i = 0; i < N / 8; i++) {
            uint32_t v[8];
            pqi_mldsa_unpack8(v, packed + j * Z_LEN + i * Z_BITS, Z_BITS);
            for (unsigned k = 0; k < 8; k++) {
                bad |= pqi_mldsa_exceeds(GAMMA1 - (int32_t)v[k], GAMMA1 - BETA);
                w->z[j].c[8 * i + k] = PQI_MLDSA_Q + GAMMA1 - v[k];
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
    pqi_mldsa_sample_ball(&w->terms, sig, CTILDE, TAU);
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
        absorb_w1(&w->x, w->w1);
    }
    pqi_xof_squeeze(&w->x, w->ctilde, CTILDE);
    if (pqi_ct_eq(w->ctilde, sig, CTILDE) != 0) {
        st = PQI_OK;
    }
out:
    pqi_wipe(w, sizeof *w);
    return st;
}

/* Algorithm 3 after its checks. */
static pqi_status verify_pure(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    const pqi_mldsa_frame frame = {1, 0, ctx};
    const pqi_cspan key = {pk, PK_LEN};
    uint8_t mu[PQI_MLDSA_MU];
    if (sig.len != SIG_LEN) {
        return PQI_ERR_AUTH;
    }
    pqi_mldsa_make_mu_pk(mu, key, &frame, parts, n_parts);
    return verify_mu(pk, mu, sig.ptr, tmp);
}

#endif
