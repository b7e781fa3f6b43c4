/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA.Verify_internal, FIPS 204 Algorithm 8, from mu on, in little memory: z is decoded and
 * transformed again for each row, c t1 is a sum of runs of t1. Everything here is public. */
#ifndef PQI_PRIM_MLDSA_VERIFY_SMALL_H
#define PQI_PRIM_MLDSA_VERIFY_SMALL_H

#include "ct/ct.h"
#include "prim/mldsa/encode.h"
#include "prim/mldsa/row.h"

typedef struct verify_tmp {
    union {
        pqi_xof x;
        struct {
            int32_t prod[PART]; /* a piece of c t1 */
            uint8_t w1[PART];   /* and of w1 */
        };
        uint8_t ctilde[CTILDE];
    };
    union {
        pqi_mldsa_poly p;   /* z[j], transformed; the row */
        uint16_t t1[2 * N]; /* extended for mul_wide_part */
    };
    uint8_t row[PQI_MLDSA_ROW];
    pqi_mldsa_challenge c;
    pqi_xof h; /* hash of w1 */
} verify_tmp;

/* Room for mu until the first row. */
static inline uint8_t *mu_room(verify_tmp *w)
{
    return w->row;
}

/* w->p = NTT(z[j]). False if a coefficient reaches gamma1 - beta (step 13). */
PIECE bool load_z(verify_tmp *w, const uint8_t *packed)
{
    uint32_t bad = 0;
    for (unsigned n = 0; n < N; n += 8, packed += Z_BITS) {
        load_z8(&w->p.c[n], packed);
        for (unsigned k = 0; k < 8; k++) {
            bad |= z_too_large(w->p.c[n + k]);
        }
    }
    pqi_mldsa_ntt(&w->p);
    return bad == 0;
}

/* One row of A z, below q, in w->row. */
PIECE bool multiply_row(verify_tmp *w, const uint8_t *rho, const uint8_t *z, unsigned i)
{
    memset(w->row, 0, sizeof w->row);
    for (unsigned j = 0; j < L; j++) {
        if (!load_z(w, z + j * Z_LEN)) {
            return false;
        }
        pqi_mldsa_row_add(w->row, &w->x, rho, i, j, &w->p);
    }
    pqi_mldsa_row_finish(w->row, &w->p);
    return true;
}

static inline void load_t1(uint16_t ext[2 * N], const uint8_t *packed)
{
    for (unsigned i = 0; i < N / 8; i++) {
        uint32_t v[8];
        pqi_mldsa_unpack8(v, packed + i * 10, 10);
        for (unsigned k = 0; k < 8; k++) {
            ext[8 * i + k] = (uint16_t)(PQI_MLDSA_BIAS_T1 - v[k]);
            ext[N + 8 * i + k] = (uint16_t)(PQI_MLDSA_BIAS_T1 + v[k]);
        }
    }
}

/* a - ct1 * 2^d mod q for a < q and |ct1| <= 60 * 1023. */
static inline uint32_t minus_ct1(uint32_t a, int32_t ct1)
{
    /* 0 < v < 121q < 2^30: 60 * 1023 * 2^13 < 60q. With v = v1 * 2^23 + v0, v - v1 * q is
     * v0 + v1 * (2^13 - 1), below 2^23 + 2^20 < 2q. */
    uint32_t v = a + 60u * PQI_MLDSA_Q - ((uint32_t)ct1 << PQI_MLDSA_D);
    return pqi_mldsa_freeze(v - (v >> 23) * PQI_MLDSA_Q);
}
_Static_assert(TAU <= 60, "minus_ct1 relies on it");

/* Steps 9 and 10 for the row in w->row, and the row into the hash. The hints of the polynomial stand
 * from h to `end`, rising. */
PIECE void use_hints(verify_tmp *w, const uint8_t *t1, const uint8_t *h, const uint8_t *end)
{
    load_t1(w->t1, t1);
    for (unsigned at = 0; at < N; at += PART) {
        pqi_mldsa_mul_wide_part(w->prod, &w->c, w->t1, at, PQI_MLDSA_BIAS_T1);
        for (unsigned n = 0; n < PART; n++) {
            uint32_t hint = h != end && *h == at + n;
            uint32_t r = minus_ct1(pqi_mldsa_row_get(w->row, at + n), w->prod[n]);
            h += hint;
            w->w1[n] = (uint8_t)pqi_mldsa_use_hint(hint, r, GAMMA2);
        }
        absorb_w1(&w->h, w->w1, w->w1);
    }
}

static pqi_status verify_mu(const uint8_t *pk, const uint8_t *mu, const uint8_t *sig, void *tmp)
{
    verify_tmp *w = tmp;
    const uint8_t *const h = sig + SIG_H;
    pqi_status st = PQI_ERR_AUTH;
    unsigned at = 0;
    if (!hints_are_canonical(h)) {
        goto out;
    }
    pqi_mldsa_sample_ball(&w->c, &w->x, (uint8_t *)&w->p, sig, CTILDE, TAU);
    pqi_shake256_start(&w->h); /* step 12 */
    pqi_xof_absorb(&w->h, mu, PQI_MLDSA_MU);
    for (unsigned i = 0; i < K; i++) {
        if (!multiply_row(w, pk, sig + SIG_Z, i)) {
            goto out;
        }
        use_hints(w, pk + PK_T1 + i * T1_LEN, h + at, h + h[OMEGA + i]);
        at = h[OMEGA + i];
    }
    pqi_xof_squeeze(&w->h, w->ctilde, CTILDE);
    if (pqi_ct_eq(w->ctilde, sig, CTILDE) != 0) {
        st = PQI_OK;
    }
out:
    pqi_wipe(w, sizeof *w);
    return st;
}

#endif
