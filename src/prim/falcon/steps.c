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
    return (cplx){a.re + b.re, a.im + b.im};
}

static inline cplx sub(cplx a, cplx b)
{
    return (cplx){a.re - b.re, a.im - b.im};
}

static inline cplx times_i(cplx a)
{
    return (cplx){-a.im, a.re};
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
    return (cplx){v.re * 2, v.im * 2};
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
    return falcon_smulhi(d * 256, l) >> 7;
}

static inline cplx times_root_l(cplx d, cplx w, int64_t l)
{
    cplx v = half_mul((cplx){d.re * 256, d.im * 256}, w);
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
    return falcon_smulhi(l, pqi_falcon_fix_re[0]) * 2;
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
        cplx x = get(a, h, j), y = get(b, h, j);
        a[j] = falcon_mul_shift(x.re, y.re, s) - falcon_mul_shift(x.im, y.im, s);
        a[h + j] = falcon_mul_shift(x.re, y.im, s) + falcon_mul_shift(x.im, y.re, s);
    }
}

void pqi_falcon_carry(
    int64_t *restrict a, const int64_t *restrict z, const int64_t *restrict l10, size_t h)
{
    const unsigned s = PQI_FALCON_L10_SCALE;
    for (size_t j = 0; j < h; j++) {
        cplx d = sub(get(a, h, j), get(z, h, j)), l = get(l10, h, j);
        a[j] = falcon_mul_shift(d.re, l.re, s) - falcon_mul_shift(d.im, l.im, s);
        a[h + j] = falcon_mul_shift(d.re, l.im, s) + falcon_mul_shift(d.im, l.re, s);
    }
}
