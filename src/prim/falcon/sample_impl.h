/* SPDX-License-Identifier: Apache-2.0
 * Fast Fourier sampling, specification Algorithm 11 with the tree of Algorithm 9 computed as it is
 * walked (or read from an expanded key). Compiled once per backend of fpr.h.
 *
 * Implementation notes
 *
 * The basis is B = [[g, -f], [G, -F]]; its Gram matrix has g00 = |g|^2 + |f|^2 and g01 = g G* + f F*.
 * Its LDL* decomposition (Algorithm 8) has l10 = g01* / g00 and, as det B = q, d11 = q^2 / g00.
 *
 * A node of the tree for polynomials of m coefficients gets one self-adjoint polynomial d of 2m
 * coefficients, whose m values at the roots are real. It is split as d = f0(x^2) + x f1(x^2): at the
 * roots w and -w, f0 = (d(w) + d(-w)) / 2 and f1 = r / w with the real number r = (d(w) - d(-w)) / 2.
 * The node's matrix is [[f0, f1], [f1*, f0]], so l10 = f1* / f0 = w * r / f0 and d11 = f0 - r^2 / f0:
 * real numbers l = r / f0 and d11 are all there is to compute and to store.
 *
 * Algorithm 11 takes the right child (of t1, with d11) first, then the left one (of t0, with f0). The
 * node for m keeps its pair t0, t1 at T(m), its m real numbers (f0, l) at N(m), and its children
 * use T(m/2), N(m/2): both regions halve with every level, so 2n words of t and n words of gram
 * hold the whole path. Walking is iterative: leaf number i goes right where bit b of i is 0.
 *
 * The samples are integers, and splitting down to single coefficients is where they stand in z0 and
 * z1: they are stored as they are drawn, and no inverse transform is needed. */
#ifndef PQI_PRIM_FALCON_SAMPLE_IMPL_H
#define PQI_PRIM_FALCON_SAMPLE_IMPL_H

#include "base/mem.h"
#include "prim/falcon/fft.h"
#include "prim/falcon/fpr.h"
#include "prim/falcon/roots.h"
#include "prim/falcon/sample.h"
#include "prim/falcon/sampler.h"

/* Marks the functions that divide; see sample_native.c. */
#if !defined(FPR_DIVIDES)
#define FPR_DIVIDES
#endif

#define FPR_SQRT_HALF fpr_const(0x3FE6A09E667F3BCDu)
#define FPR_Q_SQUARED fpr_const(0x41A200C002000000u) /* 12289^2 = 151019521 */
#define FPR_INV_Q     fpr_const(0x3F1554E39097A782u)

typedef struct cplx {
    fpr re, im;
} cplx;

static inline cplx cplx_add(cplx a, cplx b)
{
    return (cplx){fpr_add(a.re, b.re), fpr_add(a.im, b.im)};
}

static inline cplx cplx_sub(cplx a, cplx b)
{
    return (cplx){fpr_sub(a.re, b.re), fpr_sub(a.im, b.im)};
}

static inline cplx cplx_mul(cplx a, cplx b)
{
    return (cplx){fpr_sub(fpr_mul(a.re, b.re), fpr_mul(a.im, b.im)),
        fpr_add(fpr_mul(a.re, b.im), fpr_mul(a.im, b.re))};
}

/* a times the conjugate of b. */
static inline cplx cplx_mul_conj(cplx a, cplx b)
{
    return (cplx){fpr_add(fpr_mul(a.re, b.re), fpr_mul(a.im, b.im)),
        fpr_sub(fpr_mul(a.im, b.re), fpr_mul(a.re, b.im))};
}

static inline cplx cplx_scale(cplx a, fpr s)
{
    return (cplx){fpr_mul(a.re, s), fpr_mul(a.im, s)};
}

static inline cplx cplx_half(cplx a)
{
    return (cplx){fpr_half(a.re), fpr_half(a.im)};
}

static inline cplx cplx_times_i(cplx a)
{
    return (cplx){fpr_neg(a.im), a.re};
}

static inline fpr cplx_norm(cplx a)
{
    return fpr_add(fpr_sqr(a.re), fpr_sqr(a.im));
}

/* Value number j of a polynomial of which a holds h values. */
static inline cplx get(const fpr *a, size_t h, size_t j)
{
    return (cplx){a[j], a[h + j]};
}

static inline void put(fpr *a, size_t h, size_t j, cplx v)
{
    a[j] = v.re;
    a[h + j] = v.im;
}

static inline cplx root(size_t k)
{
    return (cplx){fpr_const(pqi_falcon_root_re[k]), fpr_const(pqi_falcon_root_im[k])};
}

/* Walking the tree: it samples where t is given, it reads the nodes where `tree` is, else it
 * computes them in gram, and it writes them to `out` where that is given. */
typedef struct walk {
    pqi_falcon_prng *prng;
    size_t n;
    fpr *t, *gram, *out;
    const fpr *tree;
    fpr inv_sigma, sigma_min;
    int16_t *z; /* where samples go */
} walk;

static inline fpr *pair_of(const walk *k, size_t m)
{
    return k->t + 2 * k->n - 4 * m;
}

static inline fpr *node_of(const walk *k, size_t m)
{
    return k->gram + k->n - 2 * m;
}

/* From d at d[0..2h) to f0 at d[0..h), l at d[h..2h) and d11. */
FPR_DIVIDES static void decompose(fpr *restrict d, fpr *restrict d11, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        fpr a = d[j], b = d[h + j];
        fpr f0 = fpr_half(fpr_add(a, b)), r = fpr_half(fpr_sub(a, b)), l = fpr_div(r, f0);
        d[j] = f0;
        d[h + j] = l;
        d11[j] = fpr_sub(f0, fpr_mul(r, l));
    }
}

/* f of h values to f0 and f1 of h/2 values each at out, h >= 2. */
static inline void split_some(fpr *restrict out, const fpr *restrict f, size_t h, size_t u, cplx w)
{
    size_t q = h / 2;
    cplx a = get(f, h, u), b = get(f, h, u + q);
    put(out, q, u, cplx_half(cplx_add(a, b)));
    put(out + h, q, u, cplx_half(cplx_mul_conj(cplx_sub(a, b), w)));
}

static void split(fpr *restrict out, const fpr *restrict f, size_t h)
{
    size_t q = h / 2;
    for (size_t u = 0; u < q / 2; u++) {
        split_some(out, f, h, u, root(q / 2 + u));
    }
    for (size_t u = q / 2; u < q; u++) {
        split_some(out, f, h, u, cplx_times_i(root(u)));
    }
}

static inline void merge_some(fpr *restrict f, const fpr *restrict in, size_t h, size_t u, cplx w)
{
    size_t q = h / 2;
    cplx f0 = get(in, q, u), f1 = cplx_mul(get(in + h, q, u), w);
    put(f, h, u, cplx_add(f0, f1));
    put(f, h, u + q, cplx_sub(f0, f1));
}

static void merge(fpr *restrict f, const fpr *restrict in, size_t h)
{
    size_t q = h / 2;
    for (size_t u = 0; u < q / 2; u++) {
        merge_some(f, in, h, u, root(q / 2 + u));
    }
    for (size_t u = q / 2; u < q; u++) {
        merge_some(f, in, h, u, cplx_times_i(root(u)));
    }
}

/* Between the children of a node (steps 7 and 8): z1 is merged from the right child's result and
 * replaces t1, and t0 + (t1 - z1) * l10 is split into the left child's pair. At the place u, w is the
 * root of the level below, and l10 = root(q + u) * l. */
static inline void turn_some(
    fpr *restrict pair, fpr *restrict child, const fpr *restrict l, size_t q, size_t u, cplx w)
{
    size_t h = 2 * q;
    fpr *t0 = pair, *t1 = pair + 2 * h;
    cplx f0 = get(child, q, u), f1 = cplx_mul(get(child + h, q, u), w), wl = root(q + u);
    cplx za = cplx_add(f0, f1), zb = cplx_sub(f0, f1);
    cplx da = cplx_mul(cplx_sub(get(t1, h, u), za), wl);
    cplx db = cplx_times_i(cplx_mul(cplx_sub(get(t1, h, u + q), zb), wl));
    put(t1, h, u, za);
    put(t1, h, u + q, zb);
    cplx a = cplx_add(get(t0, h, u), cplx_scale(da, l[u]));
    cplx b = cplx_add(get(t0, h, u + q), cplx_scale(db, l[u + q]));
    put(child, q, u, cplx_half(cplx_add(a, b)));
    put(child + h, q, u, cplx_half(cplx_mul_conj(cplx_sub(a, b), w)));
}

static void turn_pair(fpr *restrict pair, fpr *restrict child, const fpr *restrict l, size_t q)
{
    for (size_t u = 0; u < q / 2; u++) {
        turn_some(pair, child, l, q, u, root(q / 2 + u));
    }
    for (size_t u = q / 2; u < q; u++) {
        turn_some(pair, child, l, q, u, cplx_times_i(root(u)));
    }
}

/* Down to the right child of a node for m > 2. */
static void enter(const walk *k, size_t m)
{
    if (k->tree == NULL) {
        decompose(node_of(k, m), node_of(k, m / 2), m / 2);
    }
    if (k->t != NULL) {
        split(pair_of(k, m / 2), pair_of(k, m) + m, m / 2);
    }
}

/* From the right to the left child. */
static void turn(walk *k, size_t m)
{
    size_t h = m / 2;
    const fpr *l = k->tree;
    if (l != NULL) {
        k->tree += h;
    } else {
        l = node_of(k, m) + h;
        memcpy(node_of(k, h), node_of(k, m), h * sizeof(fpr));
    }
    if (k->out != NULL) {
        memcpy(k->out, l, h * sizeof(fpr));
        k->out += h;
    }
    if (k->t != NULL) {
        turn_pair(pair_of(k, m), pair_of(k, h), l, h / 2);
    }
}

/* Up from the left child. */
static void leave(const walk *k, size_t m)
{
    if (k->t != NULL) {
        merge(pair_of(k, m), pair_of(k, m / 2), m / 2);
    }
}

/* The node for m = 2, whose children are the leaves. */
typedef struct twig {
    fpr right, l, left; /* 1/sigma of the right leaf, l, 1/sigma of the left one */
} twig;

/* Computed as Algorithm 9, step 3 has it. */
static twig get_twig(walk *k)
{
    fpr d11;
    if (k->tree != NULL) {
        const fpr *node = k->tree;
        k->tree += 3;
        return (twig){node[0], node[1], node[2]};
    }
    fpr *d = node_of(k, 2);
    decompose(d, &d11, 1);
    twig v = {fpr_mul(fpr_sqrt(d11), k->inv_sigma), d[1], fpr_mul(fpr_sqrt(d[0]), k->inv_sigma)};
    if (k->out != NULL) {
        k->out[0] = v.right;
        k->out[1] = v.l;
        k->out[2] = v.left;
        k->out += 3;
    }
    return v;
}

/* z modulo q in -6145..6145, |z| < 2^20; 174746 = round(2^31 / q). */
static inline int16_t residue(int32_t z)
{
    int64_t t = ((int64_t)z * 174746 + (1 << 30)) >> 31;
    return (int16_t)(z - (int32_t)t * PQI_FALCON_Q);
}

static inline fpr draw(const walk *k, fpr mu, fpr isigma, size_t at)
{
    int32_t z = sample_z(k->prng, mu, isigma, k->sigma_min);
    k->z[at] = residue(z);
    return fpr_of(z);
}

/* Four samples, coefficients at, at + n/2 of even index and at + n/4, at + 3n/4 of odd index in the
 * sense of the node. */
static void leaf(walk *k, size_t at)
{
    size_t n = k->n;
    twig v = get_twig(k);
    if (k->t == NULL) {
        return;
    }
    fpr *p = pair_of(k, 2);
    cplx t1 = {p[2], p[3]}, z1;
    z1.re = draw(k, t1.re, v.right, at + n / 4);
    z1.im = draw(k, t1.im, v.right, at + n / 4 + n / 2);
    cplx d = cplx_sub(t1, z1);
    fpr l = fpr_mul(v.l, FPR_SQRT_HALF); /* l10 = l * (1 + i) / sqrt(2) */
    fpr mu_re = fpr_add(p[0], fpr_mul(fpr_sub(d.re, d.im), l));
    fpr mu_im = fpr_add(p[1], fpr_mul(fpr_add(d.re, d.im), l));
    p[2] = z1.re;
    p[3] = z1.im;
    p[0] = draw(k, mu_re, v.left, at);
    p[1] = draw(k, mu_im, v.left, at + n / 2);
}

/* All leaves below one child of the root; `up` asks for the merged result at pair_of(n / 2). */
static void walk_tree(walk *k, bool up)
{
    size_t n = k->n, m = n / 2, reversed = 0, i = 0;
    for (;;) {
        for (; m > 2; m /= 2) {
            enter(k, m);
        }
        leaf(k, reversed ^ (n / 4 - 1));
        if (i == n / 4 - 1 && !up) {
            return;
        }
        size_t left = i++;
        for (m = 4; (left & 1u) != 0; m *= 2, left >>= 1) {
            leave(k, m);
        }
        if (m == n) {
            return;
        }
        turn(k, m);
        m /= 2;
        reversed = pqi_falcon_next_reversed((unsigned)reversed, (unsigned)n / 4);
    }
}

/* Fixed point to fpr, in place. */
static void convert(fpr *a, size_t n, int scale)
{
    for (size_t i = 0; i < n; i++) {
        a[i] = fpr_scaled(fpr_word(&a[i]), -scale);
    }
}

static void load_small(fpr *a, const int8_t *f, unsigned logn)
{
    pqi_falcon_fft_small((void *)a, f, logn);
    convert(a, (size_t)1 << logn, PQI_FALCON_SMALL_SCALE(logn));
}

static void load_hash(fpr *a, const uint16_t *c, unsigned logn)
{
    pqi_falcon_fft_hash((void *)a, c, logn);
    convert(a, (size_t)1 << logn, PQI_FALCON_HASH_SCALE(logn));
}

static void scale_all(fpr *a, size_t n, fpr s)
{
    for (size_t i = 0; i < n; i++) {
        a[i] = fpr_mul(a[i], s);
    }
}

/* a = a * b, h values. */
static void mul_all(fpr *restrict a, const fpr *restrict b, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        put(a, h, j, cplx_mul(get(a, h, j), get(b, h, j)));
    }
}

/* The root node from the transformed basis: l10 in place of G, d11 in the first half of F's place. */
FPR_DIVIDES static void root_node(const fpr *restrict f, const fpr *restrict g, fpr *restrict cap_f,
    fpr *restrict cap_g, fpr *restrict g00, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        cplx vf = get(f, h, j), vg = get(g, h, j);
        fpr d00 = fpr_add(cplx_norm(vg), cplx_norm(vf));
        fpr inverse = fpr_div(fpr_const(0x3FF0000000000000u), d00);
        cplx g01 =
            cplx_add(cplx_mul_conj(get(cap_g, h, j), vg), cplx_mul_conj(get(cap_f, h, j), vf));
        g00[j] = d00;
        cap_f[j] = fpr_mul(FPR_Q_SQUARED, inverse);
        put(cap_g, h, j, cplx_scale(g01, inverse));
    }
}

static walk walk_start(const pqi_falcon_work *w)
{
    bool small = w->logn == 9;
    walk k = {.n = (size_t)1 << w->logn, .t = w->t, .gram = w->gram};
    k.inv_sigma = fpr_const(small ? INV_SIGMA_512 : INV_SIGMA_1024);
    k.sigma_min = fpr_const(small ? SIGMA_MIN_512 : SIGMA_MIN_1024);
    return k;
}

/* The right half: t1 = hash * f / q, sampled to z1. fq = f / q may stand in the first half of t. */
static void sample_right(walk *k, const pqi_falcon_work *w, const fpr *fq)
{
    size_t n = k->n, h = n / 2;
    load_hash(k->t + n, w->hash, w->logn);
    mul_all(k->t + n, fq, h);
    split(k->t, k->t + n, h);
    k->z = w->z1;
    walk_tree(k, true);
    merge(k->t + n, k->t, h);
}

/* t0 of the left half without its first term: (t1 - z1) * l10, to the first half of t, where fq may
 * stand; the transformed hash stays in gram. */
static void carry_over(const walk *k, const pqi_falcon_work *w, const fpr *fq, const fpr *l10)
{
    size_t n = k->n, h = n / 2;
    const fpr *hash = k->gram, *z1 = k->t + n;
    load_hash(k->gram, w->hash, w->logn);
    for (size_t j = 0; j < h; j++) {
        cplx t1 = cplx_mul(get(hash, h, j), get(fq, h, j));
        cplx d = cplx_sub(t1, get(z1, h, j));
        put(k->t, h, j, cplx_mul(d, get(l10, h, j)));
    }
}

/* The rest: t0 = -hash * F / q + what was carried over, sampled to z0. minus_fq = -F / q. */
static void prepare_left(const walk *k, const fpr *minus_fq)
{
    size_t n = k->n, h = n / 2;
    fpr *t0 = k->gram;
    mul_all(t0, minus_fq, h);
    for (size_t i = 0; i < n; i++) {
        t0[i] = fpr_add(t0[i], k->t[i]);
    }
    split(k->t, t0, h);
}

static void make_root(const pqi_falcon_work *w)
{
    size_t n = (size_t)1 << w->logn;
    fpr *t = w->t;
    load_small(t, w->f, w->logn);
    load_small(t + n, w->g, w->logn);
    load_small(w->gram, w->F, w->logn);
    load_small(w->l10, w->G, w->logn);
    root_node(t, t + n, w->gram, w->l10, w->g00, n / 2);
    scale_all(t, n, FPR_INV_Q);
}

static inline void sample(pqi_falcon_work *w)
{
    walk k = walk_start(w);
    k.prng = &w->prng;
    make_root(w);
    sample_right(&k, w, k.t);
    load_small(k.t, w->f, w->logn);
    scale_all(k.t, k.n, FPR_INV_Q);
    carry_over(&k, w, k.t, w->l10);
    load_small(w->l10, w->F, w->logn);
    scale_all(w->l10, k.n, fpr_neg(FPR_INV_Q));
    prepare_left(&k, w->l10);
    memcpy(k.gram, w->g00, k.n / 2 * sizeof(fpr));
    k.z = w->z0;
    walk_tree(&k, false);
}

static inline void sample_expanded(pqi_falcon_work *w, const void *ek)
{
    walk k = walk_start(w);
    const fpr *fq = ek, *minus_fq = fq + k.n, *l10 = minus_fq + k.n;
    k.prng = &w->prng;
    k.tree = l10 + k.n;
    sample_right(&k, w, fq);
    carry_over(&k, w, fq, l10);
    prepare_left(&k, minus_fq);
    k.z = w->z0;
    walk_tree(&k, false);
}

static inline void expand(pqi_falcon_work *w, void *ek)
{
    walk k = walk_start(w);
    fpr *fq = ek, *minus_fq = fq + k.n, *l10 = minus_fq + k.n;
    make_root(w);
    memcpy(fq, k.t, k.n * sizeof(fpr));
    memcpy(l10, w->l10, k.n * sizeof(fpr));
    load_small(minus_fq, w->F, w->logn);
    scale_all(minus_fq, k.n, fpr_neg(FPR_INV_Q));
    k.t = NULL;
    k.out = l10 + k.n;
    walk_tree(&k, true);
    memcpy(k.gram, w->g00, k.n / 2 * sizeof(fpr));
    walk_tree(&k, true);
}

#endif
