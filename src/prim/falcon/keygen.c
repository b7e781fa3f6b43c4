/* SPDX-License-Identifier: Apache-2.0
 * The draws and the reasons to draw again are those of the round-3 reference, so the same seed gives
 * the same keys. A rejected candidate is forgotten, so that it was rejected tells nothing of the
 * key. */
#include "prim/falcon/keygen.h"

#include "ct/secret.h"
#include "prim/falcon/codec.h"
#include "prim/falcon/gauss.h"
#include "prim/falcon/modq.h"
#include "prim/falcon/ntru.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

/* Algorithm 5, step 9: |f|^2 + |g|^2 <= 1.17^2 q = 16822.4. */
#define MAX_NORM 16822u

#define TMP_LEN(n) (4u * PQI_FALCON_NTRU_WORDS(n) + 2u * (n))
_Static_assert(
    TMP_LEN(512u) == PQI_FALCON512_KEYGEN_TMP && TMP_LEN(1024u) == PQI_FALCON1024_KEYGEN_TMP,
    "falcon.h");

/* Parts of tmp. */
typedef struct work {
    unsigned logn;
    uint32_t *mem;
    int8_t *F, *G; /* at the end of mem, where level 0 leaves room */
    int8_t *f, *g; /* after mem */
} work;

/* All ones if f and g can be encoded and are short. */
static uint32_t is_short(const work *w)
{
    int32_t limit = pqi_falcon_fg_limit(w->logn);
    uint32_t norm = 0, bad = 0;
    for (size_t i = 0; i < (size_t)2 << w->logn; i++) { /* g follows f */
        int32_t v = (int32_t)w->f[i];
        bad |= (uint32_t)(limit - v) | (uint32_t)(limit + v);
        norm += (uint32_t)(v * v);
    }
    return ((bad >> 31) - 1u) & (0u - ((norm - MAX_NORM - 1u) >> 31));
}

/* h = g / f mod q, encoded; all ones if f is invertible. */
static uint32_t make_pk(uint8_t *pk, const work *w)
{
    size_t n = (size_t)1 << w->logn;
    int16_t *h = (int16_t *)(void *)w->mem, *b = h + n;
    pqi_falcon_from_small(h, w->g, w->logn);
    pqi_falcon_ntt(h, w->logn);
    pqi_falcon_from_small(b, w->f, w->logn);
    pqi_falcon_ntt(b, w->logn);
    uint32_t zero = pqi_falcon_div(h, b, w->logn);
    pqi_falcon_intt(h, w->logn);
    for (size_t i = 0; i < n; i++) {
        h[i] = pqi_falcon_centre(h[i]);
    }
    pqi_falcon_encode_pk(pk, h, w->logn);
    return ~zero;
}

static bool is_public_true(uint32_t mask)
{
    PQI_PUBLIC(&mask, sizeof mask);
    return mask != 0;
}

/* Draws f and g; true if they and the F, G and public key found for them make a key pair. */
static bool candidate(const work *w, uint8_t *pk, pqi_xof *x)
{
    pqi_falcon_gauss(w->f, w->logn, x);
    pqi_falcon_gauss(w->g, w->logn, x);
    return is_public_true(is_short(w)) &&
           is_public_true(pqi_falcon_norm_fits(w->f, w->g, w->logn, w->mem)) &&
           is_public_true(make_pk(pk, w)) &&
           is_public_true(pqi_falcon_solve(w->F, w->G, w->f, w->g, w->logn, w->mem));
}

pqi_status pqi_falcon_keygen(
    unsigned logn, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    size_t n = (size_t)1 << logn;
    uint32_t *mem = tmp;
    int8_t *FG = (int8_t *)(mem + 6 * n), *fg = (int8_t *)(mem + PQI_FALCON_NTRU_WORDS(n));
    const work w = {logn, mem, FG, FG + n, fg, fg + n};
    pqi_status st = PQI_ERR_PROVIDER;
    pqi_xof x;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, seed, PQI_FALCON_SEED);
    for (unsigned i = 0; i < PQI_FALCON_MAX_CANDIDATES && st != PQI_OK; i++) {
        if (candidate(&w, pk, &x)) {
            st = pqi_falcon_encode_sk(sk, w.f, w.g, w.F, logn);
        }
    }
    PQI_PUBLIC(pk, ((size_t)14 << logn) / 8 + 1);
    pqi_wipe(&x, sizeof x);
    pqi_wipe(tmp, TMP_LEN(n));
    return st;
}

pqi_status pqi_falcon_512_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    return pqi_falcon_keygen(9, pk, sk, seed, tmp);
}

pqi_status pqi_falcon_1024_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    return pqi_falcon_keygen(10, pk, sk, seed, tmp);
}
