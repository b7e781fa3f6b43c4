/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.KeyGen_internal, FIPS 204 Algorithm 6, in little memory: s1 is read back from the private key
 * and transformed again for each row. */
#ifndef PQI_PRIM_MLDSA_KEYGEN_SMALL_H
#define PQI_PRIM_MLDSA_KEYGEN_SMALL_H

#include "prim/mldsa/encode.h"
#include "prim/mldsa/row.h"

typedef struct keygen_tmp {
    pqi_xof x;
    pqi_mldsa_poly p; /* an element of s1, transformed; then the row */
    union {
        uint8_t row[PQI_MLDSA_ROW]; /* sum of the row */
        uint8_t raw[N];             /* a short polynomial in the making */
    };
    uint8_t seeds[RHO_LEN + 64 + KEY_LEN]; /* rho || rho' || K */
} keygen_tmp;

/* Samples the short polynomial `nonce` into w->raw and its encoding. */
PIECE void sample_short(keygen_tmp *w, uint8_t *packed, unsigned nonce)
{
    pqi_mldsa_sample_eta(w->raw, &w->x, w->seeds + RHO_LEN, nonce, ETA);
    pack_short(packed, w->raw);
}

/* w->p = NTT(s1[j]), from the private key. */
PIECE void load_s1(keygen_tmp *w, const uint8_t *packed)
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t *v = &w->p.c[8 * i];
        pqi_mldsa_unpack8(v, packed + i * ETA_BITS, ETA_BITS);
        for (unsigned k = 0; k < 8; k++) {
            v[k] = PQI_MLDSA_Q + ETA - v[k];
        }
    }
    pqi_mldsa_ntt(&w->p);
}

PIECE void split(uint8_t *t1, uint8_t *t0, const pqi_mldsa_poly *t)
{
    split_t(t1, t0, t);
}

PIECE void keygen_row(keygen_tmp *w, uint8_t *pk, uint8_t *sk, unsigned row)
{
    memset(w->row, 0, sizeof w->row);
    for (unsigned j = 0; j < L; j++) {
        load_s1(w, sk + SK_S1 + j * S_LEN);
        pqi_mldsa_row_add(w->row, &w->x, w->seeds, row, j, &w->p);
    }
    pqi_mldsa_row_finish(w->row, &w->p);
    sample_short(w, sk + SK_S2 + row * S_LEN, L + row); /* over the row, which is in w->p now */
    add_short(&w->p, w->raw);
    split(pk + PK_T1 + row * T1_LEN, sk + SK_T0 + row * T0_LEN, &w->p);
}

static pqi_status keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    keygen_tmp *w = tmp;
    expand_seed(w->seeds, &w->x, seed);
    PQI_PUBLIC(w->seeds, RHO_LEN);
    memcpy(pk, w->seeds, RHO_LEN);
    memcpy(sk, w->seeds, RHO_LEN);
    memcpy(sk + SK_KEY, w->seeds + RHO_LEN + 64, KEY_LEN);
    for (unsigned j = 0; j < L; j++) {
        sample_short(w, sk + SK_S1 + j * S_LEN, j);
    }
    for (unsigned i = 0; i < K; i++) {
        keygen_row(w, pk, sk, i);
    }
    PQI_PUBLIC(pk, PK_LEN);
    pqi_shake256_start(&w->x); /* step 9: tr = H(pk) */
    pqi_xof_absorb(&w->x, pk, PK_LEN);
    pqi_xof_squeeze(&w->x, sk + SK_TR, PQI_MLDSA_TR);
    pqi_wipe(w, sizeof *w);
    return PQI_OK;
}

#endif
