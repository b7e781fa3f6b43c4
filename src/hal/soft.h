/* SPDX-License-Identifier: Apache-2.0
 * Inside of the software provider.
 *
 * The protected memory is vault | slots | scratch areas. A slot is a soft_slot and, with
 * PQI_SOFT_CACHE, room for the expanded private and public key. A scratch area is a soft_work, room
 * for a private key, a public key, the tmp of an algorithm, and io. */
#ifndef PQI_HAL_SOFT_H
#define PQI_HAL_SOFT_H

#include <pqi/provider_soft.h>

#include <stdbool.h>

#define SOFT_SECRET 32u
#define SOFT_OWNER  16u
#define SOFT_SEED   96u /* of SABER; docs/spec/provider-files.md section 2 */
#define SOFT_MAGIC  0x50514956u

_Static_assert(SOFT_SEED >= PQI_KEM_MAX_SEED && SOFT_SEED >= PQI_SIG_MAX_SEED, "every seed fits");

typedef struct soft_vault {
    uint32_t magic; /* gone after a fork that wipes, or when nothing was loaded */
    uint32_t pad;
    uint8_t storage[SOFT_SECRET]; /* seals blobs and authenticates counters */
    uint8_t hedge[SOFT_SECRET];   /* hedges the random generator */
    uint8_t owner[SOFT_OWNER];    /* random name of this provider, in every sealed blob */
} soft_vault;

/* handle 0: free. X25519: the seed is the scalar, the public key stands behind it. */
typedef struct soft_slot {
    uint32_t handle;
    int32_t kind, alg;
    uint32_t seed_len;
    uint8_t seed[SOFT_SEED];
} soft_slot;

typedef struct soft_work {
    uint8_t seed[SOFT_SEED], coins[SOFT_SEED], rnd[PQI_SIG_MAX_RND], ss[2][PQI_KEM_SS];
    uint8_t prk[PQI_HASH_MAX], key[PQI_AEAD_KEY], fresh[SOFT_SECRET];
    pqi_xof xof;
} soft_work;

/* One running operation. */
typedef struct soft_op {
    pqi_soft *s;
    soft_work *w;
    uint8_t *sk, *pk, *tmp, *io; /* the rest of the scratch area */
    uint64_t number;             /* of this operation since the start */
    uint32_t worker;
    bool exclusive, deep; /* deep: more than *w was written and gets wiped */
    bool last;            /* zeroized: no operation follows */
} soft_op;

/* An algorithm with its key material, in the slot or expanded in the scratch area. */
typedef struct soft_keys {
    const pqi_kem *kem;
    const pqi_sig *sig;
    pqi_span sk, pk;
} soft_keys;

soft_vault *pqi_soft_vault(const pqi_soft *s);
soft_slot *pqi_soft_slot(const pqi_soft *s, size_t i);
/* NULL: no such key. Handle 0 finds a free slot. */
soft_slot *pqi_soft_find(const pqi_soft *s, pqi_key key);

/* Sizes and pointers. pqi_soft_layout() reads s->cfg. PQI_ERR_ARG. */
pqi_status pqi_soft_layout(pqi_soft *s);

/* Every operation stands between these two. enter waits for its turn; an exclusive operation runs
 * alone. PQI_ERR_STATE: zeroized, or another process's memory. */
pqi_status pqi_soft_enter(pqi_soft *s, bool exclusive, soft_op *op);
void pqi_soft_leave(soft_op *op);
pqi_span pqi_soft_tmp(const soft_op *op);

/* Hedged random bytes. PQI_ERR_RNG whenever the system generator fails. */
pqi_status pqi_soft_random(soft_op *op, pqi_span out);

/* Fills the cache of a slot, or its X25519 public key. */
pqi_status pqi_soft_fill(soft_op *op, soft_slot *slot);
/* Finds the algorithm and the expanded keys of a KEM or signature slot. PQI_ERR_UNSUPPORTED: its
 * algorithm is not in the set. */
pqi_status pqi_soft_expand(soft_op *op, soft_slot *slot, soft_keys *out);
/* Bytes of the public key of a slot; 0 when its algorithm is not in the set. */
size_t pqi_soft_pk_len(const pqi_soft *s, const soft_slot *slot);
/* Pairwise consistency of a filled slot. PQI_ERR_SELFTEST. */
pqi_status pqi_soft_pairwise(soft_op *op, soft_slot *slot);

/* Makes the keys durable through the platform. */
pqi_status pqi_soft_store_keys(soft_op *op);
/* Makes `values` durable as the counters. */
pqi_status pqi_soft_store_counters(soft_op *op, const uint64_t *values);

/* Known answers of what the provider itself relies on. PQI_ERR_SELFTEST; PQI_ERR_UNSUPPORTED. */
pqi_status pqi_soft_selftest(const pqi_classic *c);

extern const pqi_provider_ops pqi_soft_ops;

#endif
