/* SPDX-License-Identifier: Apache-2.0
 * Inside of the software provider.
 *
 * The protected memory is vault | slots | scratch areas. A slot is a soft_slot and, with
 * PQI_SOFT_CACHE, room for the expanded private and public key. A scratch area is a soft_work, room
 * for a private key, a public key, the tmp of an algorithm, and io. */
#ifndef PQI_HAL_SOFT_H
#define PQI_HAL_SOFT_H

#include <pqi/composite.h>
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

/* handle 0: free. X25519: the seed is the scalar, the public key stands behind it. Composite: the seed
 * is that of the post-quantum half, the element has the other. seed_len 0: all of it is in the element. */
typedef struct soft_slot {
    uint32_t handle;
    int32_t kind, alg;
    uint16_t seed_len;
    uint16_t lost; /* the element does not know its half, or the whole, any more */
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
    uint8_t failed;       /* soft_side that failed first */
    uint32_t native;      /* and its code */
    const char *native_text;
} soft_op;

/* Whose native error tells more about the last failure. */
typedef enum soft_side { SOFT_NONE = 0, SOFT_PLATFORM = 1, SOFT_ELEMENT = 2 } soft_side;

/* An algorithm with its key material, in the slot or expanded in the scratch area. */
typedef struct soft_keys {
    const pqi_kem *kem; /* as in the set; one of kem and sig is NULL */
    const pqi_sig *sig;
    const pqi_composite_kem *two_kem; /* NULL: not composite */
    const pqi_composite_sig *two_sig;
    const pqi_element_pq *whole; /* NULL: not wholly in the element */
    pqi_key key;
    pqi_span sk, pk; /* composite: sk of the post-quantum half, pk of both */
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
uint32_t pqi_soft_native_error(pqi_soft *s, const char **text);

/* Hedged random bytes. PQI_ERR_RNG whenever the system generator, or that of the element, fails. */
pqi_status pqi_soft_random(soft_op *op, pqi_span out);

/* The algorithm with all flags of a kind and id. False: it is not in the set. */
bool pqi_soft_alg(const pqi_soft *s, int32_t kind, int32_t alg, soft_keys *out);
/* Fills the cache of a slot, or its X25519 public key. */
pqi_status pqi_soft_fill(soft_op *op, soft_slot *slot);
/* Finds the algorithm and the expanded keys of a KEM or signature slot. PQI_ERR_UNSUPPORTED: its
 * algorithm is not in the set, or is composite and there is no element for it. */
pqi_status pqi_soft_expand(soft_op *op, soft_slot *slot, soft_keys *out);
/* Bytes of the public key of a slot; 0 when its algorithm is not in the set. */
size_t pqi_soft_pk_len(const pqi_soft *s, const soft_slot *slot);
/* Pairwise consistency of a filled slot. PQI_ERR_SELFTEST. */
pqi_status pqi_soft_pairwise(soft_op *op, soft_slot *slot);

/* sig has room for k->sig->sig_len bytes. Not composite: any element is left alone. */
pqi_status pqi_soft_sign(soft_op *op, const soft_keys *k, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len);
pqi_status pqi_soft_decaps(soft_op *op, const soft_keys *k, pqi_cspan ct, uint8_t *ss);

/* Where the element has keys of this algorithm wholly; NULL: it has not. */
const pqi_element_pq *pqi_soft_whole(const pqi_soft *s, int32_t kind, int32_t alg);

/* Makes and removes what of a key is in the element: the whole of it (seed_len 0), or one half. `was` has
 * kind and seed_len of the key. */
pqi_status pqi_soft_make_inside(soft_op *op, const soft_slot *slot);
pqi_status pqi_soft_drop_inside(soft_op *op, pqi_key key, const soft_slot *was);

/* What the element of a configuration has, PQI_CAP_*; 0: there is none. */
uint32_t pqi_soft_element_caps(const pqi_soft_cfg *cfg);
/* Notes which side failed first, and its native error; returns st. */
pqi_status pqi_soft_note(soft_op *op, soft_side side, pqi_status st);

/* Saved bytes, soft_state.c. `k` and `g` are written only over an element that counts. */
pqi_status pqi_soft_write_keys(soft_op *op, uint64_t k);
pqi_status pqi_soft_write_counters(soft_op *op, const uint64_t *values, uint64_t k, uint64_t g);

/* Durable changes, soft_commit.c. Before a change: finishes or takes back one that failed. */
pqi_status pqi_soft_settle(soft_op *op);
/* Makes the keys in memory durable. */
pqi_status pqi_soft_store_keys(soft_op *op);
/* Makes `values` durable as the counters. */
pqi_status pqi_soft_store_counters(soft_op *op, const uint64_t *values);
/* After one of these failed and the memory is as before: makes the files hold that again. False: they
 * may hold either. Does nothing without an element. */
bool pqi_soft_undo(soft_op *op, bool keys);
/* Saves for the first time. */
pqi_status pqi_soft_birth(soft_op *op);
/* After loading: k of the saved keys, s->keys_gen and s->generation of the counters, or (fresh) no
 * counters yet. PQI_ERR_ROLLBACK; PQI_ERR_STORAGE. */
pqi_status pqi_soft_join(soft_op *op, uint64_t k, bool fresh);

/* Known answers of what the provider itself relies on. PQI_ERR_SELFTEST; PQI_ERR_UNSUPPORTED. */
pqi_status pqi_soft_selftest(const pqi_classic *c);

extern const pqi_provider_ops pqi_soft_ops;
/* The operations of s with what its element adds. */
void pqi_soft_set_ops(pqi_soft *s);

#endif
