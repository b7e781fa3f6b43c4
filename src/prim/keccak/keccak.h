/* SPDX-License-Identifier: Apache-2.0
 * Keccak for the other primitives: the permutation, and sponges whose parameters are known at
 * compile time and cannot be wrong. FIPS 202. All functions take time that depends on lengths only.
 *
 * A bare sponge is uint64_t s[25]; lane i stands in s[i] as keccak_lane.h says, which is the business
 * of this folder. The caller wipes it when the input was secret. */
#ifndef PQI_PRIM_KECCAK_KECCAK_H
#define PQI_PRIM_KECCAK_KECCAK_H

#include <pqi/hash.h>

/* Rates in bytes: 200 - 2 * (security bits / 8), FIPS 202 section 6. */
#define PQI_SHAKE128_RATE 168u
#define PQI_SHAKE256_RATE 136u
#define PQI_SHA3_256_RATE 136u
#define PQI_SHA3_512_RATE 72u

/* Domain bits and the first 1 of pad10*1, FIPS 202 section 6.1 and 6.2. */
#define PQI_SHA3_PAD  0x06u
#define PQI_SHAKE_PAD 0x1Fu

/* Keccak-f[1600], FIPS 202 section 3.3: 24 rounds in place. */
void pqi_keccak_f1600(uint64_t s[25]);

/* Sets s to the sponge that has absorbed `in` whole, padded and ready to squeeze: the first
 * permutation of the output phase is done by pqi_keccak_squeeze_blocks(). */
void pqi_keccak_absorb_once(
    uint64_t s[25], size_t rate, uint8_t pad, const uint8_t *in, size_t in_len);

/* Permutes and writes `rate` bytes, `blocks` times. Only for a sponge from absorb_once(). */
void pqi_keccak_squeeze_blocks(uint8_t *out, size_t blocks, uint64_t s[25], size_t rate);

/* Starts an incremental sponge; pqi_xof_absorb() and pqi_xof_squeeze() go on. */
void pqi_keccak_start(pqi_xof *x, uint32_t rate, uint8_t pad);

static inline void pqi_shake128_start(pqi_xof *x)
{
    pqi_keccak_start(x, PQI_SHAKE128_RATE, PQI_SHAKE_PAD);
}

static inline void pqi_shake256_start(pqi_xof *x)
{
    pqi_keccak_start(x, PQI_SHAKE256_RATE, PQI_SHAKE_PAD);
}

/* One-shot hashes that cannot fail; `out` may overlap `in`. They wipe their state. */
void pqi_sha3_256(uint8_t out[32], const uint8_t *in, size_t in_len);
void pqi_sha3_512(uint8_t out[64], const uint8_t *in, size_t in_len);
void pqi_shake256(uint8_t *out, size_t out_len, const uint8_t *in, size_t in_len);

#endif
