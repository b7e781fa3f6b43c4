/* SPDX-License-Identifier: Apache-2.0
 * Bit packing, FIPS 204 section 7.1: coefficient i takes `bits` bits from bit i * bits on, little
 * endian. Eight coefficients fill `bits` bytes. `bits` is a constant at every call, so the shifts
 * are too; no branch depends on a value. */
#ifndef PQI_PRIM_MLDSA_PACK_H
#define PQI_PRIM_MLDSA_PACK_H

#include <stdint.h>

/* SimpleBitPack (Algorithm 16) of eight values below 2^bits, bits <= 20. */
static inline void pqi_mldsa_pack8(uint8_t *out, const uint32_t v[8], unsigned bits)
{
    uint32_t acc = 0; /* at most 7 + 20 bits */
    unsigned have = 0;
    for (unsigned i = 0; i < 8; i++) {
        acc |= v[i] << have;
        for (have += bits; have >= 8; have -= 8) {
            *out++ = (uint8_t)acc;
            acc >>= 8;
        }
    }
}

/* SimpleBitUnpack (Algorithm 18) of eight values of `bits` <= 20 bits. */
static inline void pqi_mldsa_unpack8(uint32_t v[8], const uint8_t *in, unsigned bits)
{
    uint32_t acc = 0; /* at most 19 + 8 bits */
    unsigned have = 0;
    for (unsigned i = 0; i < 8; i++) {
        for (; have < bits; have += 8) {
            acc |= (uint32_t)*in++ << have;
        }
        v[i] = acc & ((1u << bits) - 1u);
        acc >>= bits;
        have -= bits;
    }
}

#endif
