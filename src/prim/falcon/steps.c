/* SPDX-License-Identifier: Apache-2.0
 * The steps of steps.h. */
#include "prim/falcon/steps.h"

#include "prim/falcon/fft.h"
#include "prim/falcon/roots.h"
#include "prim/falcon/wide.h"

typedef struct cplx {
    int64_t re, im;
} cplx;

static inline cplx get(const int64_t *a, size_t h, size_t j)
{
    return (cplx){a[j], a[h + j]};
}

static inline void put(int64_t *a, size_t h, size_t j, cplx v)
{
    a[j] = v.re;
    a[h + j] = v.im;
}

static inline cplx add(cplx a, cplx b)
{
    return (cplx){falcon_add(a.re, b.re), falcon_add(a.im, b.im)};
}

static inline cplx sub(cplx a, cplx b)
{
    return (cplx){falcon_sub(a.re, b.re), falcon_sub(a.im, b.im)};
}

static inline cplx times_i(cplx a)
{
    return (cplx){falcon_sub(0, a.im), a.re};
}

static inline cplx root(size_t k)
{
    return (cplx){pqi_falcon_fix_re[k], pqi_falcon_fix_im[k]};
}

/* a * w / 2 for a root w. */
static inline cplx half_mul(cplx a, cplx w)
{
    return (cplx){falcon_smulhi(a.re, w.re) - falcon_smulhi(a.im, w.im),
        falcon_smulhi(a.re, w.im) + falcon_smulhi(a.im, w.re)};
}

/* a * conj(w) / 2 for a root w. */
static inline cplx half_mul_conj(cplx a, cplx w)
{
    return (cplx){falcon_smulhi(a.re, w.re) + falcon_smulhi(a.im, w.im),
        falcon_smulhi(a.im, w.re) - falcon_smulhi(a.re, w.im)};
}

static inline void split_at(int64_t *out, size_t q, size_t u, cplx a, cplx b, cplx w)
{
    cplx sum = add(a, b);
    put(out, q, u, (cplx){sum.re >> 1, sum.im >> 1});
    put(out + 2 * q, q, u, half_mul_conj(sub(a, b), w));
}

/* f1 * w, the second term of merging. */
static inline cplx second_term(const int64_t *in, size_t q, size_t u, cplx w)
{
    cplx v = half_mul(get(in + 2 * q, q, u), w);
    return (cplx){falcon_double(v.re, 1), falcon_double(v.im, 1)};
}

/* The root at place u of a level of q roots. */
static inline cplx root_at(size_t q, size_t u)
{
    return u < q / 2 ? root(q / 2 + u) : times_i(root(u));
}

void pqi_falcon_split(int64_t *restrict out, const int64_t *restrict f, size_t h)
{
    size_t q = h / 2;
    for (size_t u = 0; u < q; u++) {
        split_at(out, q, u, get(f, h, u), get(f, h, u + q), root_at(q, u));
    }
}

void pqi_falcon_merge(int64_t *restrict f, const int64_t *restrict in, size_t h)
{
    size_t q = h / 2;
    for (size_t u = 0; u < q; u++) {
        cplx f0 = get(in, q, u), f1 = second_term(in, q, u, root_at(q, u));
        put(f, h, u, add(f0, f1));
        put(f, h, u + q, sub(f0, f1));
    }
}

/* Eight bits more than d has are kept through the two halving products. */
int64_t pqi_falcon_times_l(int64_t d, int64_t l)
{
    return falcon_smulhi(falcon_double(d, 8), l) >> 7;
}

static inline cplx times_root_l(cplx d, cplx w, int64_t l)
{
    cplx v = half_mul((cplx){falcon_double(d.re, 8), falcon_double(d.im, 8)}, w);
    return (cplx){falcon_smulhi(v.re, l) >> 6, falcon_smulhi(v.im, l) >> 6};
}

void pqi_falcon_turn(
    int64_t *restrict pair, int64_t *restrict child, const int64_t *restrict l, size_t h)
{
    size_t q = h / 2;
    int64_t *t0 = pair, *t1 = pair + 2 * h;
    for (size_t u = 0; u < q; u++) {
        cplx w = root_at(q, u), wl = root(q + u);
        cplx f0 = get(child, q, u), f1 = second_term(child, q, u, w);
        cplx za = add(f0, f1), zb = sub(f0, f1);
        cplx da = times_root_l(sub(get(t1, h, u), za), wl, l[u]);
        cplx db = times_root_l(sub(get(t1, h, u + q), zb), wl, l[u + q]);
        put(t1, h, u, za);
        put(t1, h, u + q, zb);
        cplx a = add(get(t0, h, u), da), b = add(get(t0, h, u + q), times_i(db));
        split_at(child, q, u, a, b, w);
    }
}

/* Entry 0 is exp(-i pi / 4). */
int64_t pqi_falcon_l_leaf(int64_t l)
{
    return falcon_double(falcon_smulhi(l, pqi_falcon_fix_re[0]), 1);
}

/* a * b / 2^s. */
static inline cplx mul_shift(cplx a, cplx b, unsigned s)
{
    return (cplx){falcon_sub(falcon_mul_shift(a.re, b.re, s), falcon_mul_shift(a.im, b.im, s)),
        falcon_add(falcon_mul_shift(a.re, b.im, s), falcon_mul_shift(a.im, b.re, s))};
}

/* Fractional bits of pqi_falcon_over_q(): 12 more than its input has. */
#define OVER_Q_SCALE(logn) (PQI_FALCON_SMALL_SCALE(logn) + 12)
#define OVER_Q             ((int64_t)0x55538E425E9E0760) /* round(2^76 / q) */

void pqi_falcon_over_q(int64_t *a, size_t n, int negative)
{
    for (size_t i = 0; i < n; i++) {
        a[i] = falcon_smulhi(a[i], negative ? -OVER_Q : OVER_Q);
    }
}

void pqi_falcon_target(int64_t *restrict a, const int64_t *restrict b, unsigned logn)
{
    size_t h = (size_t)1 << (logn - 1);
    unsigned s = (unsigned)(PQI_FALCON_HASH_SCALE(logn) + OVER_Q_SCALE(logn) - PQI_FALCON_T_SCALE);
    for (size_t j = 0; j < h; j++) {
        put(a, h, j, mul_shift(get(a, h, j), get(b, h, j), s));
    }
}

void pqi_falcon_carry(
    int64_t *restrict a, const int64_t *restrict z, const int64_t *restrict l10, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        cplx d = sub(get(a, h, j), get(z, h, j));
        put(a, h, j, mul_shift(d, get(l10, h, j), PQI_FALCON_L10_SCALE));
    }
}
