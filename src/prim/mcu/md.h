/* SPDX-License-Identifier: Apache-2.0
 * The frame that SHA-256 and SHA-512 share (FIPS 180-4 section 5), and HMAC over it (FIPS 198-1). A
 * hash is a constant descriptor: a program links the compression functions of those it names. */
#ifndef PQI_PRIM_MCU_MD_H
#define PQI_PRIM_MCU_MD_H

#include <pqi/hash.h>

#define PQI_MD_BLOCK_MAX 128u

typedef union pqi_md_words {
    uint32_t w32[8];
    uint64_t w64[8];
} pqi_md_words;

typedef struct pqi_md_ctx {
    pqi_md_words h; /* the chaining value */
    pqi_md_words s; /* the working variables a to h; here, so that they are wiped once */
    union {
        uint8_t b[PQI_MD_BLOCK_MAX]; /* bytes until a block is full */
        uint32_t w32[64];            /* then its message schedule, whole */
        uint64_t w64[16];            /* or the part in use */
    } m;
    uint64_t len; /* bytes absorbed */
} pqi_md_ctx;

typedef struct pqi_md {
    pqi_hash_id id;
    uint8_t len;   /* bytes of the digest */
    uint8_t block; /* 64: 32-bit words; 128: 64-bit words */
    void (*start)(pqi_md_ctx *c);
    void (*compress)(
        pqi_md_ctx *c, const uint8_t *block); /* block: c->m.b or foreign; spoils c->m */
} pqi_md;

extern const pqi_md pqi_md_sha256, pqi_md_sha384, pqi_md_sha512;

/* Digest of the parts; out: md->len bytes, may be a part. */
void pqi_md_hash(const pqi_md *md, const pqi_cspan *parts, size_t n_parts, uint8_t *out);

/* HMAC, FIPS 198-1 section 4; any key length. */
void pqi_md_hmac(
    const pqi_md *md, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out);

#endif
