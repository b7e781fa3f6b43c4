/* SPDX-License-Identifier: Apache-2.0
 * Parameters of Falcon and what its files call of each other. n = 2^logn; logn is 9 or 10. */
#ifndef PQI_PRIM_FALCON_IMPL_H
#define PQI_PRIM_FALCON_IMPL_H

#include <pqi/falcon.h>
#include <pqi/hash.h>

#include <stdbool.h>

#define PQI_FALCON_Q     12289 /* specification Table 3.3 */
#define PQI_FALCON_MAX_N 1024u

/* First bytes (sections 3.11.3 to 3.11.5), to which logn is added. */
#define PQI_FALCON_HEAD_PK  0x00u
#define PQI_FALCON_HEAD_SK  0x50u
#define PQI_FALCON_HEAD_SIG 0x30u /* compressed and padded */
#define PQI_FALCON_HEAD_CT  0x50u

/* Bytes before s2 in a signature. */
#define PQI_FALCON_SIG_HEAD (1u + PQI_FALCON_NONCE)

/* floor(beta^2), section 3.3 Table 3.3: the largest accepted squared norm of (s1, s2). */
#define PQI_FALCON512_BOUND  34034726u
#define PQI_FALCON1024_BOUND 70265242u

/* logn of a descriptor, 0 where it is not Falcon's. By id, not by address: naming the descriptors
 * here would link key generation and signing into every program. */
static inline unsigned pqi_falcon_logn(const pqi_sig *alg)
{
    if (alg->id == PQI_SIG_ID_FALCON_512) {
        return 9;
    }
    return alg->id == PQI_SIG_ID_FALCON_1024 ? 10 : 0;
}

static inline uint32_t pqi_falcon_bound(unsigned logn)
{
    return logn == 9 ? PQI_FALCON512_BOUND : PQI_FALCON1024_BOUND;
}

/* Bytes of the longest signature; 0 for an unknown format. */
static inline size_t pqi_falcon_len(unsigned logn, pqi_falcon_format format)
{
    switch (format) {
    case PQI_FALCON_COMPRESSED:
        return logn == 9 ? PQI_FALCON512_SIG_COMPRESSED : PQI_FALCON1024_SIG_COMPRESSED;
    case PQI_FALCON_PADDED:
        return logn == 9 ? PQI_FALCON512_SIG_PADDED : PQI_FALCON1024_SIG_PADDED;
    case PQI_FALCON_CT:
        return logn == 9 ? PQI_FALCON512_SIG_CT : PQI_FALCON1024_SIG_CT;
    case PQI_FALCON_FORMAT_INT32_:
        break;
    }
    return 0;
}

/* The bytes before a message in M': none, or 0x00 || len(ctx) || ctx. */
typedef struct pqi_falcon_frame {
    bool framed;
    pqi_cspan ctx; /* at most 255 bytes */
} pqi_falcon_frame;

/* Absorbs M'. */
static inline void pqi_falcon_absorb_message(
    pqi_xof *x, const pqi_falcon_frame *frame, const pqi_cspan *parts, size_t n_parts)
{
    if (frame->framed) {
        const uint8_t head[2] = {0, (uint8_t)frame->ctx.len};
        pqi_xof_absorb(x, head, sizeof head);
        pqi_xof_absorb(x, frame->ctx.ptr, frame->ctx.len);
    }
    for (size_t i = 0; i < n_parts; i++) {
        pqi_xof_absorb(x, parts[i].ptr, parts[i].len);
    }
}

/* The functions of the descriptors; sig.h. Lengths were checked. */
pqi_status pqi_falcon_512_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
pqi_status pqi_falcon_1024_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
pqi_status pqi_falcon_512_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp);
pqi_status pqi_falcon_1024_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp);
pqi_status pqi_falcon_512_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp);
pqi_status pqi_falcon_1024_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp);

#endif
