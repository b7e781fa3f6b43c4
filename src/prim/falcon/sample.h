/* SPDX-License-Identifier: Apache-2.0
 * Fast Fourier sampling (specification Algorithm 11) for one attempt to sign, and the memory it
 * works in. There are two backends, which give the same result to the bit. */
#ifndef PQI_PRIM_FALCON_SAMPLE_H
#define PQI_PRIM_FALCON_SAMPLE_H

#include "prim/falcon/impl.h"
#include "prim/falcon/prng.h"

/* Scratch of signing; the arrays follow the structure. Words are 64-bit numbers of fpr.h or fft.h. */
typedef struct pqi_falcon_work {
    pqi_falcon_prng prng;
    pqi_xof x;
    unsigned logn;
    uint32_t unsound; /* not zero: the backend met values that no private key gives */
    void *t;          /* 2n words */
    void *gram;       /* n words */
    void *l10;        /* n words; z0 stands here at the end */
    void *g00;        /* n/2 words */
    int8_t *f, *g, *F, *G;
    uint16_t *hash;   /* the hashed message */
    int16_t *z0, *z1; /* the sampled lattice point, modulo q */
} pqi_falcon_work;

#define PQI_FALCON_WORK_HEAD   896u /* bytes for the structure */
#define PQI_FALCON_WORK_LEN(n) (PQI_FALCON_WORK_HEAD + 44u * (n))

/* Words of an expanded key: f / q and -F / q transformed, l10, the nodes of the tree in the order of
 * their use, then n words that are not the backend's: 4n residues. */
#define PQI_FALCON_TREE_WORDS(n, logn)  ((n) / 2u * ((logn) + 1u))
#define PQI_FALCON_EXPANDED_FP(n, logn) (3u * (n) + PQI_FALCON_TREE_WORDS(n, logn))

/* Each function sets w->unsound. It ends in bounded time for any key and any expanded key; what it
 * gives for an unsound one is of no use. */
typedef struct pqi_falcon_backend {
    /* Whether this backend computes what it should, here and now. */
    bool (*trusted)(void);
    /* Samples (z0, z1) near (hash, 0) * B^-1 with the key in w->f..G; w->prng is started. */
    void (*sample)(pqi_falcon_work *w);
    /* The same with the words of an expanded key. */
    void (*sample_expanded)(pqi_falcon_work *w, const void *ek);
    /* Makes these words from w->f..G. */
    void (*expand)(pqi_falcon_work *w, void *ek);
} pqi_falcon_backend;

extern const pqi_falcon_backend pqi_falcon_emulated;

/* The native backend, NULL where the build has none. */
extern const pqi_falcon_backend *const pqi_falcon_native;

#endif
