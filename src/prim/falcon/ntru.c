/* SPDX-License-Identifier: Apache-2.0
 * The NTRU equation by the tower of fields (specification Algorithm 6): field norms down to
 * integers, Bezout there, then up again, with a reduction at each level.
 *
 * Level d has degree n / 2^d. Its f and g stand in `small` words a coefficient at the end of the
 * scratch memory from the way down on; the way up works in front of them. */
#include "prim/falcon/ntru.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/falcon/babai.h"
#include "prim/falcon/fixed.h"
#include "prim/falcon/round3.h"

/* Words of a coefficient of f, g and reduced F, G at each level, and of F, G before reduction; bits
 * of the longest coefficient of f and g at least. From the sizes of random keys: five standard
 * deviations above the mean at least where that is not less than the round-3 reference takes. A key
 * beyond them fails the check at the end and is drawn again. */
static const uint16_t small[11] = {1, 1, 1, 2, 4, 7, 14, 27, 53, 106, 209};
static const uint16_t large[10] = {1, 2, 3, 6, 11, 21, 40, 78, 157, 308};
static const uint16_t low[10] = {0, 8, 20, 45, 92, 182, 365, 730, 1460, 2960};

_Static_assert(PQI_RNS_PRIMES >= 308, "one prime for each word");

typedef struct ntru {
    unsigned logn;
    const int8_t *f, *g;
    uint32_t *mem;
} ntru;

/* f of level d = 1..logn - 1; g follows. */
static uint32_t *level_fg(const ntru *c, unsigned d)
{
    size_t m = (size_t)1 << c->logn, at = PQI_FALCON_NTRU_WORDS(m);
    for (unsigned i = 1; i <= d; i++) {
        m >>= 1;
        at -= (size_t)2 * small[i] * m;
    }
    return c->mem + at;
}

static void set_small(uint32_t *out, const int8_t *f, size_t n, uint32_t p)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = pqi_rns_small(f[i], p);
    }
}

/* out[u] = in[2 u] in[2 u + 1], which is the norm N(f)(x^2) = f(x) f(-x) at a root and its negative. */
static void fold(uint32_t *out, const uint32_t *in, size_t half, const pqi_rns *r)
{
    for (size_t u = 0; u < half; u++) {
        uint32_t v = pqi_rns_mul(in[2 * u], in[2 * u + 1], r->p, r->neg_inv);
        out[u] = pqi_rns_mul(v, r->r2, r->p, r->neg_inv);
    }
}

/* f and g of level d + 1 from those of level d, to `to`. */
static void descend(const ntru *c, unsigned d, uint32_t *to, uint32_t *tmp)
{
    unsigned logm = c->logn - d;
    size_t m = (size_t)1 << logm, half = m / 2, from_len = small[d], len = small[d + 1];
    uint32_t *table = tmp, *x = table + m;
    for (size_t i = 0; i < len; i++) {
        pqi_rns r;
        pqi_rns_prime(&r, i);
        pqi_rns_roots(table, logm, &r);
        for (unsigned which = 0; which < 2; which++) {
            uint32_t *row = to + (which * len + i) * half;
            if (d == 0) {
                set_small(x, which == 0 ? c->f : c->g, m, r.p);
            } else {
                pqi_rns_reduce(x, level_fg(c, d) + which * from_len * m, from_len, m, &r);
            }
            pqi_rns_ntt(x, logm, table, &r);
            fold(row, x, half, &r);
            pqi_rns_intt(row, logm - 1, table, &r);
        }
    }
    /* The norms to Z, the last ones, are positive. */
    pqi_rns_rebuild(to, len, half, half > 1, tmp);
    pqi_rns_rebuild(to + len * half, len, half, half > 1, tmp);
}

/* x *= q; what does not fit the words as a positive number. */
static uint32_t times_q(uint32_t *x, size_t len)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < len; i++) {
        carry += pqi_ct_mul(x[i], PQI_FALCON_Q);
        x[i] = (uint32_t)carry & PQI_WORD_MASK;
        carry >>= 31;
    }
    return (uint32_t)carry | x[len - 1] >> 30;
}

/* F and G of the last level, where they are integers, to mem. */
static uint32_t solve_integers(const ntru *c)
{
    size_t len = small[c->logn];
    uint32_t *F = c->mem, *G = F + len, *fg = G + len;
    for (unsigned d = 0; d + 1 < c->logn; d++) {
        descend(c, d, level_fg(c, d + 1), c->mem);
    }
    descend(c, c->logn - 1, fg, fg + 2 * len);
    uint32_t ok = pqi_big_bezout(G, F, len, fg);
    uint32_t over = times_q(F, len) | times_q(G, len);
    return ok & ~pqi_ct_nonzero_u32(over);
}

/* F(x) = F'(x^2) g(-x) at the roots, modulo one prime: `other` is g at the roots. */
static void lift(uint32_t *row, uint32_t *deep, const uint32_t *other, unsigned logm,
    const uint32_t *table, const pqi_rns *r)
{
    size_t half = (size_t)1 << (logm - 1);
    pqi_rns_ntt(deep, logm - 1, table, r);
    for (size_t u = 0; u < half; u++) {
        uint32_t v = pqi_rns_mul(deep[u], r->r2, r->p, r->neg_inv);
        row[2 * u] = pqi_rns_mul(v, other[2 * u + 1], r->p, r->neg_inv);
        row[2 * u + 1] = pqi_rns_mul(v, other[2 * u], r->p, r->neg_inv);
    }
}

/* F and G of level d from those of level d + 1, both at the start of mem. */
static uint32_t ascend(const ntru *c, unsigned d)
{
    unsigned logm = c->logn - d;
    size_t m = (size_t)1 << logm, half = m / 2, len = small[d], wide = large[d];
    size_t deep_len = small[d + 1];
    const uint32_t *fg = level_fg(c, d);
    uint32_t *FG = c->mem, *deep = FG + 2 * wide * m;
    uint32_t *table = deep + deep_len * m, *x = table + m, *t = x + m;
    memmove(deep, c->mem, deep_len * m * sizeof *deep);
    for (size_t i = 0; i < wide; i++) {
        pqi_rns r;
        pqi_rns_prime(&r, i);
        pqi_rns_roots(table, logm, &r);
        for (unsigned which = 0; which < 2; which++) { /* F with g, then G with f */
            pqi_rns_reduce(x, fg + (1 - which) * len * m, len, m, &r);
            pqi_rns_ntt(x, logm, table, &r);
            pqi_rns_reduce(t, deep + which * deep_len * half, deep_len, half, &r);
            uint32_t *row = FG + (which * wide + i) * m;
            lift(row, t, x, logm, table, &r);
            pqi_rns_intt(row, logm, table, &r);
        }
    }
    pqi_rns_rebuild(FG, wide, m, 1, deep);
    pqi_rns_rebuild(FG + wide * m, wide, m, 1, deep);

    pqi_babai b = {.logm = logm,
        .F = FG,
        .G = FG + wide * m,
        .f = fg,
        .g = fg + len * m,
        .large = wide,
        .small = len,
        .low = low[d],
        .bits = 31 * (uint32_t)deep_len + 4};
    uint32_t ok = UINT32_MAX;
    if (logm <= PQI_ROUND3_LOGM) {
        ok = pqi_round3_reduce(&b, d, deep);
    } else {
        pqi_babai_reduce(&b, deep);
    }
    memmove(FG + len * m, FG + wide * m, len * m * sizeof *FG);
    return ok; /* declassified */
}

/* ---- level 0: one prime, and the quotient from exact numerator and denominator ------------- */

/* Place i of the transform of f* is place n - 1 - i of that of f. a = x f* (+ a). */
static void mul_adjoint(
    uint32_t *a, const uint32_t *x, const uint32_t *f, size_t n, uint32_t keep, const pqi_rns *r)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t v = pqi_rns_mul(x[i], f[n - 1 - i], r->p, r->neg_inv);
        v = pqi_rns_mul(v, r->r2, r->p, r->neg_inv);
        a[i] = pqi_rns_add(a[i] & keep, v, r->p);
    }
}

/* Residues to fixed point with `point` bits. */
static void set_fixed(pqi_fx *out, const uint32_t *a, size_t n, unsigned point, uint32_t p)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (int64_t)((uint64_t)(int64_t)pqi_rns_centre(a[i], p) << point);
    }
}

#define DEN_POINT 36u /* f f* + g g* at a root is below n (|f|^2 + |g|^2) < 2^25 */
#define NUM_POINT 24u /* F f* + G g* has coefficients below 2^30, 2^27 as a rule */
#define K_POINT   (NUM_POINT + 102 - DEN_POINT - 63)

/* 1 / (f f* + g g*) at the first n / 2 roots, times 2^(102 - DEN_POINT); these are all as it is its
 * own adjoint. At mem + 2 n; uses all from mem up to 4 n. */
static const pqi_fx *inverse_norms(const ntru *c, uint32_t *mem)
{
    size_t n = (size_t)1 << c->logn;
    uint32_t *x = mem, *table = x + n, *den = mem + 3 * n;
    pqi_fx *fixed = (pqi_fx *)(void *)mem, *inv = (pqi_fx *)(void *)(mem + 2 * n);
    pqi_rns r;
    pqi_rns_prime(&r, 0);
    pqi_rns_roots(table, c->logn, &r);
    set_small(x, c->f, n, r.p);
    pqi_rns_ntt(x, c->logn, table, &r);
    mul_adjoint(den, x, x, n, 0, &r);
    set_small(x, c->g, n, r.p);
    pqi_rns_ntt(x, c->logn, table, &r);
    mul_adjoint(den, x, x, n, UINT32_MAX, &r);
    pqi_rns_intt(den, c->logn, table, &r);
    set_fixed(fixed, den, n, DEN_POINT, r.p);
    pqi_fx_fft(fixed, c->logn);
    for (size_t j = 0; j < n / 2; j++) {
        /* Positive but for the rounding. */
        inv[j] = pqi_fx_reciprocal((fixed[j] & ~(fixed[j] >> 63)) | 1);
    }
    return inv;
}

uint32_t pqi_falcon_norm_fits(const int8_t *f, const int8_t *g, unsigned logn, uint32_t *mem)
{
    /* |(q f*, q g*) / (f f* + g g*)|^2 = q^2 2 / n (sum of the inverses) <= 1.17^2 q, in units of
     * 2^-56: 13689 n 2^56 / (10000 * 2 q), rounded down. */
    static const uint64_t bound[2] = {2054825287859142u, 4109650575718285u};
    const ntru c = {logn, f, g, mem};
    const pqi_fx *inv = inverse_norms(&c, mem);
    uint64_t sum = 0;
    for (size_t j = 0; j < (size_t)1 << (logn - 1); j++) {
        sum += (uint64_t)inv[j] >> (102 - DEN_POINT - 56);
    }
    return 0u - (uint32_t)((sum - bound[logn - 9] - 1) >> 63);
}

/* k modulo p at mem + 5 n from F, G at the roots in mem; uses mem + 2 n up to 6 n. */
static void quotient(const ntru *c, const pqi_rns *r)
{
    size_t n = (size_t)1 << c->logn, half = n / 2;
    uint32_t *F = c->mem, *G = F + n, *rest = G + n;
    const pqi_fx *inv = inverse_norms(c, rest);
    uint32_t *table = rest, *x = rest + n, *num = rest + 3 * n;
    pqi_fx *fixed = (pqi_fx *)(void *)rest;
    pqi_rns_roots(table, c->logn, r);
    set_small(x, c->f, n, r->p);
    pqi_rns_ntt(x, c->logn, table, r);
    mul_adjoint(num, F, x, n, 0, r);
    set_small(x, c->g, n, r->p);
    pqi_rns_ntt(x, c->logn, table, r);
    mul_adjoint(num, G, x, n, UINT32_MAX, r);
    pqi_rns_intt(num, c->logn, table, r);
    set_fixed(fixed, num, n, NUM_POINT, r->p);
    pqi_fx_fft(fixed, c->logn);
    for (size_t j = 0; j < half; j++) {
        fixed[j] = pqi_fx_mul(fixed[j], inv[j], 63);
        fixed[j + half] = pqi_fx_mul(fixed[j + half], inv[j], 63);
    }
    pqi_fx_ifft(fixed, c->logn);
    for (size_t j = 0; j < n; j++) {
        int64_t k = (fixed[j] + ((int64_t)1 << (K_POINT - 1))) >> K_POINT;
        num[j] = pqi_rns_small((int32_t)k, r->p);
    }
}

/* Residues in -127..127 to bytes; the mask is all ones where one is not. */
static uint32_t to_bytes(int8_t *out, const uint32_t *a, size_t n, uint32_t p)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t v = pqi_rns_centre(a[i], p);
        bad |= (uint32_t)(127 - v) | (uint32_t)(v + 127);
        out[i] = (int8_t)(v & 0xff);
    }
    return 0u - (bad >> 31);
}

/* a -= k f at the roots, for f in x. */
static void sub_mul(uint32_t *a, const uint32_t *k, const uint32_t *x, size_t n, const pqi_rns *r)
{
    for (size_t i = 0; i < n; i++) {
        a[i] = pqi_rns_sub(a[i], pqi_rns_mul(k[i], x[i], r->p, r->neg_inv), r->p);
    }
}

/* From F and G of level 1 at the start of mem to those of level 0, reduced, and whether f G - g F =
 * q. That holds in the integers when it does modulo p, with coefficients below 128. */
static uint32_t finish(const ntru *c, int8_t *F_out, int8_t *G_out)
{
    unsigned logn = c->logn;
    size_t n = (size_t)1 << logn, half = n / 2;
    uint32_t *F = c->mem, *G = F + n, *table = G + n, *x = table + n, *deep = x + n;
    pqi_rns r;
    pqi_rns_prime(&r, 0);
    pqi_rns_roots(table, logn, &r);
    pqi_rns_reduce(deep, c->mem, 1, half, &r);
    pqi_rns_reduce(deep + half, c->mem + half, 1, half, &r);
    for (unsigned which = 0; which < 2; which++) {
        set_small(x, which == 0 ? c->g : c->f, n, r.p);
        pqi_rns_ntt(x, logn, table, &r);
        lift(which == 0 ? F : G, deep + which * half, x, logn, table, &r);
    }
    quotient(c, &r);
    uint32_t *k = c->mem + 5 * n, *y = c->mem + 4 * n;
    pqi_rns_roots(table, logn, &r);
    pqi_rns_ntt(k, logn, table, &r);
    for (size_t i = 0; i < n; i++) {
        k[i] = pqi_rns_mul(k[i], r.r2, r.p, r.neg_inv);
    }
    set_small(x, c->f, n, r.p);
    pqi_rns_ntt(x, logn, table, &r);
    sub_mul(F, k, x, n, &r);
    set_small(y, c->g, n, r.p);
    pqi_rns_ntt(y, logn, table, &r);
    sub_mul(G, k, y, n, &r);
    uint32_t bad = 0, q = pqi_rns_mul(PQI_FALCON_Q, 1, r.p, r.neg_inv);
    for (size_t i = 0; i < n; i++) {
        uint32_t d = pqi_rns_mul(x[i], G[i], r.p, r.neg_inv);
        bad |= q ^ pqi_rns_sub(d, pqi_rns_mul(y[i], F[i], r.p, r.neg_inv), r.p);
    }
    pqi_rns_intt(F, logn, table, &r);
    pqi_rns_intt(G, logn, table, &r);
    bad = pqi_ct_nonzero_u32(bad) | to_bytes(F_out, F, n, r.p) | to_bytes(G_out, G, n, r.p);
    return ~bad;
}

uint32_t pqi_falcon_solve(
    int8_t *F, int8_t *G, const int8_t *f, const int8_t *g, unsigned logn, uint32_t *mem)
{
    const ntru c = {logn, f, g, mem};
    uint32_t ok = solve_integers(&c);
    PQI_PUBLIC(&ok, sizeof ok);
    if (ok == 0) {
        return 0;
    }
    for (unsigned d = logn - 1; d != 0; d--) {
        if (ascend(&c, d) == 0) {
            return 0;
        }
    }
    return finish(&c, F, G);
}
