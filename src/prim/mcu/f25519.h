/* SPDX-License-Identifier: Apache-2.0
 * The field of 2^255 - 19 elements, for X25519 and Ed25519.
 *
 * An element is any 256-bit number, 8 words, least significant first; results are not reduced
 * further. Outputs may be inputs. Time depends on nothing. */
#ifndef PQI_PRIM_MCU_F25519_H
#define PQI_PRIM_MCU_F25519_H

#include <stdint.h>

#define PQI_FE 8u

typedef uint32_t pqi_fe[PQI_FE];

/* Room for a product. The caller has it, so that it is wiped with the rest. */
typedef union pqi_fe_product {
    uint32_t w[2u * PQI_FE];
    uint16_t half[4u * PQI_FE]; /* where there is no long multiplication, see wide.h */
} pqi_fe_product;

/* t->w = a * b, all 512 bits. */
void pqi_fe_multiply(pqi_fe_product *t, const pqi_fe a, const pqi_fe b);

void pqi_fe_add(pqi_fe r, const pqi_fe a, const pqi_fe b);
void pqi_fe_sub(pqi_fe r, const pqi_fe a, const pqi_fe b);
void pqi_fe_mul(pqi_fe r, const pqi_fe a, const pqi_fe b, pqi_fe_product *t);
/* s <= 2^17 */
void pqi_fe_mul_small(pqi_fe r, const pqi_fe a, uint32_t s);

/* r = a^(2^252 - 3) for square roots (RFC 8032 section 5.1.3), or a^(2^255 - 21) = 1 / a, 0 for 0.
 * r is not a. w is scratch. */
void pqi_fe_root_power(pqi_fe r, const pqi_fe a, pqi_fe w[3], pqi_fe_product *t);
void pqi_fe_invert(pqi_fe r, const pqi_fe a, pqi_fe w[3], pqi_fe_product *t);

/* 32 bytes little-endian; decoding drops the highest bit, encoding reduces modulo 2^255 - 19. */
void pqi_fe_decode(pqi_fe r, const uint8_t b[32]);
void pqi_fe_encode(uint8_t b[32], const pqi_fe a);

/* Exchanges a and b where mask is all ones, and does nothing where it is 0. */
void pqi_fe_swap(uint32_t mask, pqi_fe a, pqi_fe b);

#endif
