/* SPDX-License-Identifier: Apache-2.0
 * AES encryption (FIPS 197), two blocks at a time, bit-sliced. */
#ifndef PQI_PRIM_MCU_AES_H
#define PQI_PRIM_MCU_AES_H

#include <stddef.h>
#include <stdint.h>

#define PQI_AES_BLOCK 16u

/* Secret. 488 bytes. */
typedef struct pqi_aes {
    uint32_t k[15 * 8]; /* sliced round keys */
    uint32_t rounds;    /* 10 or 14 */
} pqi_aes;

/* key_len: 16 or 32 */
void pqi_aes_init(pqi_aes *aes, const uint8_t *key, size_t key_len);

/* Encrypts two blocks in place: little-endian word c of block b is q[2 * c + b]. */
void pqi_aes_encrypt(const pqi_aes *aes, uint32_t q[8]);

#endif
