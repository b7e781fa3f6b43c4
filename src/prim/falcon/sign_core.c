/* SPDX-License-Identifier: Apache-2.0
 * sign_core.h. The sampled point (z0, z1) has integer coordinates, so s = (hash, 0) - (z0, z1) * B is
 * computed modulo q, exactly and without floating point: its coefficients are far below q / 2. */
#include "prim/falcon/sign_core.h"

#include "base/mem.h"
#include "ct/secret.h"
#include "prim/falcon/modq.h"

_Static_assert(sizeof(pqi_falcon_work) <= PQI_FALCON_WORK_HEAD, "PQI_FALCON_WORK_HEAD");
_Static_assert(PQI_FALCON_WORK_LEN(512u) == PQI_FALCON512_SIGN_TMP &&
                   PQI_FALCON_WORK_LEN(1024u) == PQI_FALCON1024_SIGN_TMP,
    "the sizes of falcon.h");

pqi_falcon_work *pqi_falcon_work_init(void *tmp, unsigned logn)
{
    pqi_falcon_work *w = tmp;
    uint8_t *at = (uint8_t *)tmp + PQI_FALCON_WORK_HEAD;
    size_t n = (size_t)1 << logn;
    w->logn = logn;
    w->unsound = 0;
    w->t = at;
    w->gram = at + 16 * n;
    w->l10 = at + 24 * n;
    w->g00 = at + 32 * n;
    w->z0 = w->l10;
    at += 36 * n;
    w->z1 = (void *)at;
    w->hash = (void *)(at + 2 * n);
    w->f = (void *)(at + 4 * n);
    w->g = w->f + n;
    w->F = w->g + n;
    w->G = w->F + n;
    return w;
}

const pqi_falcon_backend *pqi_falcon_pick(void)
{
    if (pqi_falcon_native != NULL && pqi_falcon_native->trusted()) {
        return pqi_falcon_native;
    }
    return &pqi_falcon_emulated;
}

static void transform_small(int16_t *a, const int8_t *f, unsigned logn)
{
    pqi_falcon_from_small(a, f, logn);
    pqi_falcon_ntt(a, logn);
}

void pqi_falcon_transform_basis(const pqi_falcon_work *w, int16_t *basis)
{
    const int8_t *small[4] = {w->f, w->g, w->F, w->G};
    for (unsigned i = 0; i < 4; i++) {
        transform_small(basis + ((size_t)i << w->logn), small[i], w->logn);
    }
}

/* a = a z0 + b z1 as coefficients, -6145..6145; everything comes transformed, b is spent. */
static void combine(int16_t *a, int16_t *b, const int16_t *z0, const int16_t *z1, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    pqi_falcon_mul(a, z0, logn);
    pqi_falcon_mul(b, z1, logn);
    for (size_t i = 0; i < n; i++) {
        a[i] = pqi_falcon_centre((int16_t)(a[i] + b[i]));
    }
    pqi_falcon_intt(a, logn);
}

/* s1 = hash - z0 g - z1 G and s2 = z0 f + z1 F, from the transformed z0, z1 and f, g, F, G at `b`,
 * which are overwritten. Returns the squared norm. */
static uint64_t make_s(const pqi_falcon_work *w, int16_t *b, const int16_t *z0, const int16_t *z1)
{
    size_t n = (size_t)1 << w->logn;
    int16_t *s2 = b, *s1 = b + n;
    uint64_t norm = 0;
    combine(s2, b + 2 * n, z0, z1, w->logn);
    combine(s1, b + 3 * n, z0, z1, w->logn);
    for (size_t i = 0; i < n; i++) {
        int32_t v1 = pqi_falcon_centre((int16_t)(w->hash[i] - s1[i]));
        int32_t v2 = pqi_falcon_centre(s2[i]);
        s2[i] = (int16_t)v2;
        norm += (uint64_t)(v1 * v1 + v2 * v2);
    }
    return norm;
}

const int16_t *pqi_falcon_attempt(pqi_falcon_work *w, const pqi_falcon_backend *backend,
    const pqi_falcon_expanded *ek, const uint8_t seed[PQI_FALCON_PRNG_SEED])
{
    size_t n = (size_t)1 << w->logn;
    int16_t *basis = w->t; /* the backend is done with t when this is written */
    pqi_falcon_prng_start(&w->prng, seed);
    if (ek->words != NULL) {
        backend->sample_expanded(w, ek->words);
        memcpy(basis, ek->basis, 4 * n * sizeof *basis);
    } else {
        backend->sample(w);
        pqi_falcon_transform_basis(w, basis);
    }
    pqi_falcon_ntt(w->z0, w->logn);
    pqi_falcon_ntt(w->z1, w->logn);
    uint64_t norm = make_s(w, basis, w->z0, w->z1);
    uint32_t bad = (uint32_t)((pqi_falcon_bound(w->logn) - norm) >> 63) | w->unsound;
    PQI_PUBLIC(&bad, sizeof bad);
    return bad == 0 ? basis : NULL;
}
