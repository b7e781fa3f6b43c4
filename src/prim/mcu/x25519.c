/* SPDX-License-Identifier: Apache-2.0
 * X25519, RFC 7748 section 5: the Montgomery ladder. */
#include "base/mem.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/mcu/f25519.h"

#include <pqi/classic_mcu.h>
#include <pqi/wipe.h>

#define A24 121665u /* (486662 - 2) / 4 */

typedef struct ladder {
    pqi_fe x2, z2, a, b;
    union {
        struct {
            pqi_fe x1, x3, z3;
        };
        pqi_fe free[3]; /* for the inversion at the end */
    };
    pqi_fe_product t;
    uint8_t k[32];
} ladder;

/* One step of section 5; the comments give its names. */
static void ladder_step(ladder *w)
{
    pqi_fe_add(w->a, w->x2, w->z2);        /* A */
    pqi_fe_sub(w->b, w->x2, w->z2);        /* B */
    pqi_fe_add(w->x2, w->x3, w->z3);       /* C */
    pqi_fe_sub(w->z2, w->x3, w->z3);       /* D */
    pqi_fe_mul(w->z3, w->z2, w->a, &w->t); /* DA */
    pqi_fe_mul(w->x3, w->x2, w->b, &w->t); /* CB */
    pqi_fe_mul(w->a, w->a, w->a, &w->t);   /* AA */
    pqi_fe_mul(w->b, w->b, w->b, &w->t);   /* BB */
    pqi_fe_add(w->x2, w->z3, w->x3);
    pqi_fe_sub(w->z2, w->z3, w->x3);
    pqi_fe_mul(w->x3, w->x2, w->x2, &w->t); /* x3 = (DA + CB)^2 */
    pqi_fe_mul(w->z2, w->z2, w->z2, &w->t);
    pqi_fe_mul(w->z3, w->z2, w->x1, &w->t); /* z3 = x1 (DA - CB)^2 */
    pqi_fe_mul(w->x2, w->a, w->b, &w->t);   /* x2 = AA BB */
    pqi_fe_sub(w->b, w->a, w->b);           /* E */
    pqi_fe_mul_small(w->z2, w->b, A24);
    pqi_fe_add(w->z2, w->z2, w->a);
    pqi_fe_mul(w->z2, w->z2, w->b, &w->t); /* z2 = E (AA + a24 E) */
}

static void swap(ladder *w, uint32_t bit)
{
    pqi_fe_swap(0u - bit, w->x2, w->x3);
    pqi_fe_swap(0u - bit, w->z2, w->z3);
}

static void multiply(uint8_t out[32], const uint8_t sk[32], const uint8_t u[32])
{
    ladder w;
    memset(&w, 0, sizeof w);
    memcpy(w.k, sk, sizeof w.k);
    w.k[0] &= 248u; /* decodeScalar25519 */
    w.k[31] = (uint8_t)((w.k[31] & 127u) | 64u);
    pqi_fe_decode(w.x1, u);
    memcpy(w.x3, w.x1, sizeof w.x3);
    w.x2[0] = 1;
    w.z3[0] = 1;
    uint32_t last = 0;
    for (unsigned i = 255; i-- != 0;) {
        uint32_t bit = (uint32_t)w.k[i >> 3] >> (i & 7u) & 1u;
        swap(&w, bit ^ last);
        last = bit;
        ladder_step(&w);
    }
    swap(&w, last);
    pqi_fe_invert(w.a, w.z2, w.free, &w.t);
    pqi_fe_mul(w.x2, w.x2, w.a, &w.t);
    pqi_fe_encode(out, w.x2);
    pqi_wipe(&w, sizeof w);
}

pqi_status pqi_mcu_x25519_public(uint8_t pk[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN])
{
    static const uint8_t base[32] = {9};
    multiply(pk, sk, base);
    return PQI_OK;
}

pqi_status pqi_mcu_x25519(
    uint8_t ss[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN], const uint8_t pk[PQI_X25519_LEN])
{
    multiply(ss, sk, pk);
    uint32_t zero = pqi_ct_is_zero_mask(ss, PQI_X25519_LEN); /* then ss is what an error leaves */
    PQI_PUBLIC(&zero, sizeof zero);
    return zero == 0 ? PQI_OK : PQI_ERR_AUTH;
}
