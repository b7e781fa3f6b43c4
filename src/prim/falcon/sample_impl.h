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
#include "prim/falcon/sample.h"
#include "prim/falcon/sampler.h"
#include "prim/falcon/steps.h"

/* Marks the functions that divide; see sample_native.c. */
#if !defined(FPR_DIVIDES)
#define FPR_DIVIDES
#endif

/* 1 and q^2 = 151019521 */
#define FPR_ONE       fpr_const(0x3FF0000000000000u)
#define FPR_Q_SQUARED fpr_const(0x41A200C002000000u)

typedef struct cplx {
    fpr re, im;
} cplx;

static inline cplx cplx_add(cplx a, cplx b)
{
    return (cplx){fpr_add(a.re, b.re), fpr_add(a.im, b.im)};
}

/* a times the conjugate of b. */
static inline cplx cplx_mul_conj(cplx a, cplx b)
{
    return (cplx){fpr_add(fpr_mul(a.re, b.re), fpr_mul(a.im, b.im)),
        fpr_sub(fpr_mul(a.im, b.re), fpr_mul(a.re, b.im))};
}

static inline fpr cplx_norm(cplx a)
{
    return fpr_add(fpr_sqr(a.re), fpr_sqr(a.im));
}

/* Walking the tree: it samples where t is given, it reads the nodes where `tree` is, else it
 * computes them in gram, and it writes them to `out` where that is given. */
typedef struct walk {
    pqi_falcon_prng *prng;
    size_t n;
    int64_t *t;
    fpr *gram, *out;
    const fpr *tree;
    fpr inv_sigma, sigma_min;
    int16_t *z;   /* where samples go */
    uint64_t bad; /* 1 once a deviation was out of the range that SamplerZ takes */
} walk;

static inline int64_t *pair_of(const walk *k, size_t m)
{
    return k->t + 2 * k->n - 4 * m;
}

static inline fpr *node_of(const walk *k, size_t m)
{
    return k->gram + k->n - 2 * m;
}

/* From d at d[0..2h) to f0 at d[0..h), l at d[h..2h) in the form of steps.h, and d11. |l| < 1, because
 * the matrix is positive definite. */
FPR_DIVIDES static void decompose(fpr *restrict d, fpr *restrict d11, size_t h)
{
    for (size_t j = 0; j < h; j++) {
        fpr a = d[j], b = d[h + j];
        fpr f0 = fpr_half(fpr_add(a, b)), r = fpr_half(fpr_sub(a, b)), l = fpr_div(r, f0);
        d[j] = f0;
        fpr_set_word(&d[h + j], fpr_fixed(l, 63));
        d11[j] = fpr_sub(f0, fpr_mul(r, l));
    }
}

/* Down to the right child of a node for m > 2. */
static void enter(const walk *k, size_t m)
{
    if (k->tree == NULL) {
        decompose(node_of(k, m), node_of(k, m / 2), m / 2);
    }
    if (k->t != NULL) {
        pqi_falcon_split(pair_of(k, m / 2), pair_of(k, m) + m, m / 2);
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
        pqi_falcon_turn(pair_of(k, m), pair_of(k, h), (const void *)l, h);
    }
}

/* Up from the left child. */
static void leave(const walk *k, size_t m)
{
    if (k->t != NULL) {
        pqi_falcon_merge(pair_of(k, m), pair_of(k, m / 2), m / 2);
    }
}

/* The node for m = 2, whose children are the leaves: 1/sigma of the right leaf, l, 1/sigma of the left
 * one. */
typedef struct twig {
    fpr right, left;
    int64_t l;
} twig;

/* isigma in the range 1/1.8205 <= 1/sigma < 1/sigma_min, where SamplerZ accepts more than half of the
 * proposals, else the lower end of it, and that is noted. Keys keep to the range: their Gram-Schmidt
 * norms are at most 1.17 sqrt(q) (section 3.8.2) and, as these come in pairs of product q, at least
 * sqrt(q) / 1.17. With 1/sigma far above it no proposal would be accepted in a lifetime; and a private
 * key may be one that somebody forged. */
static inline fpr in_range(walk *k, fpr isigma)
{
    uint64_t a = fpr_bits(isigma), ccs = fpr_bits(fpr_mul(isigma, k->sigma_min));
    uint64_t above = ~(a | (a - INV_SIGMA0)), below = (ccs - fpr_bits(FPR_ONE)) & ~ccs;
    uint64_t ok = (above & below) >> 63;
    k->bad |= ok ^ 1u;
    return fpr_const(INV_SIGMA0 ^ ((a ^ INV_SIGMA0) & (0 - ok)));
}

/* Computed as Algorithm 9, step 3 has it. */
static twig get_twig(walk *k)
{
    fpr d11;
    if (k->tree != NULL) {
        const fpr *node = k->tree;
        k->tree += 3;
        return (twig){in_range(k, node[0]), in_range(k, node[2]), fpr_word(&node[1])};
    }
    fpr *d = node_of(k, 2);
    decompose(d, &d11, 1);
    twig v = {fpr_mul(fpr_sqrt(d11), k->inv_sigma), fpr_mul(fpr_sqrt(d[0]), k->inv_sigma),
        fpr_word(&d[1])};
    v.right = in_range(k, v.right);
    v.left = in_range(k, v.left);
    if (k->out != NULL) {
        k->out[0] = v.right;
        fpr_set_word(&k->out[1], v.l);
        k->out[2] = v.left;
        k->out += 3;
    }
    return v;
}

/* z modulo q in -6145..6145, |z| < 2^20; 174746 = round(2^31 / q). */
static inline int16_t residue(int32_t z)
{
    int64_t t = (pqi_ct_mul_signed(z, 174746) + (1 << 30)) >> 31;
    return (int16_t)(z - (int32_t)t * PQI_FALCON_Q);
}

/* Samples near mu, stores the coefficient and returns it in the form of mu. */
static int64_t draw(const walk *k, int64_t mu, fpr isigma, size_t at)
{
    const int64_t one = (int64_t)1 << PQI_FALCON_T_SCALE;
    fpr r = fpr_scaled(mu & (one - 1), -PQI_FALCON_T_SCALE);
    int32_t z = (int32_t)(mu >> PQI_FALCON_T_SCALE);
    z += sample_z(k->prng, r, isigma, k->sigma_min);
    k->z[at] = residue(z);
    return falcon_double(z, PQI_FALCON_T_SCALE);
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
    int64_t *t0 = pair_of(k, 2), *t1 = t0 + 2;
    int64_t re = draw(k, t1[0], v.right, at + n / 4);
    int64_t im = draw(k, t1[1], v.right, at + n / 4 + n / 2);
    int64_t d_re = falcon_sub(t1[0], re), d_im = falcon_sub(t1[1], im);
    int64_t l = pqi_falcon_l_leaf(v.l); /* l10 = l * (1 + i) / sqrt(2) */
    t1[0] = re;
    t1[1] = im;
    re = falcon_add(t0[0], pqi_falcon_times_l(falcon_sub(d_re, d_im), l));
    im = falcon_add(t0[1], pqi_falcon_times_l(falcon_add(d_re, d_im), l));
    t0[0] = draw(k, re, v.left, at);
    t0[1] = draw(k, im, v.left, at + n / 2);
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

/* Value number j of a polynomial of h values in fixed point. */
static inline cplx value(const int64_t *a, size_t h, size_t j, int scale)
{
    return (cplx){fpr_scaled(a[j], -scale), fpr_scaled(a[h + j], -scale)};
}

/* The root node from the transformed basis: l10 in place of G, d11 in the first half of F's place. */
FPR_DIVIDES static void root_node(const pqi_falcon_work *w, const int64_t *f, const int64_t *g)
{
    size_t h = (size_t)1 << (w->logn - 1);
    int scale = PQI_FALCON_SMALL_SCALE(w->logn);
    fpr *d11 = w->gram, *g00 = w->g00;
    int64_t *l10 = w->l10;
    for (size_t j = 0; j < h; j++) {
        cplx vf = value(f, h, j, scale), vg = value(g, h, j, scale);
        cplx cap_g = value(l10, h, j, scale);
        cplx cap_f = {
            fpr_scaled(fpr_word(&d11[j]), -scale), fpr_scaled(fpr_word(&d11[h + j]), -scale)};
        cplx g10 = cplx_add(cplx_mul_conj(cap_g, vg), cplx_mul_conj(cap_f, vf));
        g00[j] = fpr_add(cplx_norm(vg), cplx_norm(vf));
        fpr inverse = fpr_div(FPR_ONE, g00[j]);
        d11[j] = fpr_mul(FPR_Q_SQUARED, inverse);
        l10[j] = fpr_fixed(fpr_mul(g10.re, inverse), PQI_FALCON_L10_SCALE);
        l10[h + j] = fpr_fixed(fpr_mul(g10.im, inverse), PQI_FALCON_L10_SCALE);
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

/* a = f / q or -f / q, transformed. */
static void load_over_q(int64_t *a, const int8_t *f, unsigned logn, int negative)
{
    pqi_falcon_fft_small(a, f, logn);
    pqi_falcon_over_q(a, (size_t)1 << logn, negative);
}

/* a = hash * b, transformed; b from load_over_q(). */
static void load_target(int64_t *a, const pqi_falcon_work *w, const int64_t *b)
{
    pqi_falcon_fft_hash(a, w->hash, w->logn);
    pqi_falcon_target(a, b, w->logn);
}

/* The right half: t1 = hash * f / q, sampled to z1, which ends up merged in the second half of t.
 * fq = f / q may stand in the first half of t. */
static void sample_right(walk *k, const pqi_falcon_work *w, const int64_t *fq)
{
    size_t n = k->n, h = n / 2;
    load_target(k->t + n, w, fq);
    pqi_falcon_split(k->t, k->t + n, h);
    k->z = w->z1;
    walk_tree(k, true);
    pqi_falcon_merge(k->t + n, k->t, h);
}

/* Fills t0 with (t1 - z1) * l10. */
static void carry_over(
    const walk *k, const pqi_falcon_work *w, const int64_t *fq, const int64_t *l10, int64_t *t0)
{
    load_target(t0, w, fq);
    pqi_falcon_carry(t0, k->t + k->n, l10, k->n / 2);
}

/* The left half: t0 = -hash * F / q + what was carried over, sampled to z0. minus_fq = -F / q; a gets
 * the target and is free afterwards. */
static void sample_left(
    walk *k, const pqi_falcon_work *w, const int64_t *minus_fq, int64_t *t0, int64_t *a)
{
    load_target(a, w, minus_fq);
    for (size_t i = 0; i < k->n; i++) {
        t0[i] = falcon_add(t0[i], a[i]);
    }
    pqi_falcon_split(k->t, t0, k->n / 2);
    if (k->tree == NULL) {
        memcpy(k->gram, w->g00, k->n / 2 * sizeof(fpr));
    }
    k->z = w->z0;
    walk_tree(k, false);
}

static void make_root(const pqi_falcon_work *w)
{
    size_t n = (size_t)1 << w->logn;
    int64_t *f = w->t, *g = f + n;
    pqi_falcon_fft_small(f, w->f, w->logn);
    pqi_falcon_fft_small(g, w->g, w->logn);
    pqi_falcon_fft_small(w->gram, w->F, w->logn);
    pqi_falcon_fft_small(w->l10, w->G, w->logn);
    root_node(w, f, g);
    pqi_falcon_over_q(f, n, 0);
}

static inline void sample(pqi_falcon_work *w)
{
    walk k = walk_start(w);
    k.prng = &w->prng;
    make_root(w);
    sample_right(&k, w, k.t);
    load_over_q(k.t, w->f, w->logn, 0);
    carry_over(&k, w, k.t, w->l10, w->gram);
    load_over_q(w->l10, w->F, w->logn, 1);
    sample_left(&k, w, w->l10, w->gram, k.t + k.n);
    w->unsound = (uint32_t)k.bad;
}

static inline void sample_expanded(pqi_falcon_work *w, const void *ek)
{
    walk k = walk_start(w);
    const int64_t *fq = ek, *minus_fq = fq + k.n, *l10 = minus_fq + k.n;
    k.prng = &w->prng;
    k.tree = (const void *)(l10 + k.n);
    sample_right(&k, w, fq);
    carry_over(&k, w, fq, l10, w->gram);
    sample_left(&k, w, minus_fq, w->gram, k.t + k.n);
    w->unsound = (uint32_t)k.bad;
}

static inline void expand(pqi_falcon_work *w, void *ek)
{
    walk k = walk_start(w);
    int64_t *fq = ek, *minus_fq = fq + k.n, *l10 = minus_fq + k.n;
    make_root(w);
    memcpy(fq, k.t, k.n * sizeof *fq);
    memcpy(l10, w->l10, k.n * sizeof *l10);
    load_over_q(minus_fq, w->F, w->logn, 1);
    k.t = NULL;
    k.out = (void *)(l10 + k.n);
    walk_tree(&k, true);
    memcpy(k.gram, w->g00, k.n / 2 * sizeof(fpr));
    walk_tree(&k, true);
    w->unsound = (uint32_t)k.bad;
}

#endif
