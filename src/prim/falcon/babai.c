/* SPDX-License-Identifier: Apache-2.0
 * The quotient k = (F f* + G g*) / (f f* + g g*) is found STEP bits at a time from the top: each
 * round takes fixed-point approximations of F and G, rounds k, and subtracts k f 2^s and k g 2^s
 * (T. Pornin, "Improved Key Pair Generation for Falcon, BAT and Hawk", eprint 2023/290). Number and
 * shifts of the rounds depend on the degree only. */
#include "prim/falcon/babai.h"

#include "ct/ct.h"
#include "prim/falcon/fixed.h"
#include <pqi/wipe.h>

#define STEP   22u /* bits of k in one round */
#define WINDOW 16u /* words in which the top of f may lie */

/* Bits after the point of F and k. |k| < 2^STEP, so coefficients of F 2^-s are below 2^STEP times
 * those of f, which are below 1; a transform brings up to m, and a factor 8 is left. */
static unsigned fraction(unsigned logm)
{
    return 58 - STEP - logm;
}

/* Number of bits of the longest coefficient, as two's complement without its sign. */
static uint32_t longest(const uint32_t *x, size_t len, size_t m)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t any = 0;
        for (size_t j = 0; j < m; j++) {
            uint32_t sign = 0u - (x[(len - 1) * m + j] >> 30);
            any |= (x[i * m + j] ^ sign) & PQI_WORD_MASK;
        }
        for (uint32_t k = 0; k < 31; k++) {
            uint32_t hit = pqi_ct_nonzero_u32(any >> k);
            bits = pqi_ct_select_u32(hit, 31 * (uint32_t)i + k + 1, bits);
        }
    }
    return bits;
}

static uint32_t at_least(uint32_t a, uint32_t b)
{
    return pqi_ct_select_u32(0u - ((a - b) >> 31), b, a);
}

/* A bit position start + shift: `start` is public, `shift` secret. */
typedef struct place {
    int32_t word; /* the window's first word; may be negative: zeros stand there */
    uint32_t hit[WINDOW];
    uint32_t rest; /* shift within the word that is hit, 0..30 */
} place;

static void make_place(place *p, int32_t start, uint32_t shift)
{
    int32_t word = 0;
    for (; start < 0; start += 31) {
        word--;
    }
    for (; start >= 31; start -= 31) {
        word++;
    }
    p->word = word;
    p->rest = 0;
    shift += (uint32_t)start;
    for (uint32_t i = 0; i < WINDOW; i++) {
        /* The barrier keeps d from becoming the loop's counter. */
        uint32_t d = pqi_ct_barrier_u32(shift) - 31 * i;
        uint32_t in = pqi_ct_barrier_u32((d - 31) & ~d); /* 0 <= d < 31 */
        p->hit[i] = pqi_ct_barrier_u32(0u - (in >> 31));
        p->rest |= d & p->hit[i];
    }
}

/* out = floor(x / 2^place), which fits 62 bits. */
static void to_fixed(pqi_fx *out, const uint32_t *x, size_t len, size_t m, const place *p)
{
    for (size_t j = 0; j < m; j++) {
        uint32_t sign = (0u - (x[(len - 1) * m + j] >> 30)) & PQI_WORD_MASK;
        uint32_t low = 0, mid = 0, high = 0;
        for (uint32_t i = 0; i < WINDOW + 2; i++) {
            int32_t at = p->word + (int32_t)i;
            uint32_t w = at < 0 ? 0 : (size_t)at < len ? x[(size_t)at * m + j] : sign;
            low |= i < WINDOW ? w & p->hit[i] : 0;
            mid |= i - 1 < WINDOW ? w & p->hit[i - 1] : 0;
            high |= i - 2 < WINDOW ? w & p->hit[i - 2] : 0;
        }
        uint64_t v = falcon_shr((uint64_t)mid << 31 | low, p->rest);
        v |= falcon_shl(high, 62 - p->rest);
        out[j] = (int64_t)(v << 1) >> 1;
    }
}

/* out = k f of small + 1 words, through residues. t: 2 m words. */
static void multiply(
    uint32_t *out, const int32_t *k, const uint32_t *f, size_t small, unsigned logm, uint32_t *t)
{
    size_t m = (size_t)1 << logm;
    uint32_t *table = t, *kr = t + m;
    for (size_t i = 0; i <= small; i++) {
        pqi_rns r;
        uint32_t *row = out + i * m;
        pqi_rns_prime(&r, i);
        pqi_rns_roots(table, logm, &r);
        for (size_t j = 0; j < m; j++) {
            kr[j] = pqi_rns_mul(pqi_rns_small(k[j], r.p), r.r2, r.p, r.neg_inv);
        }
        pqi_rns_ntt(kr, logm, table, &r);
        pqi_rns_reduce(row, f, small, m, &r);
        pqi_rns_ntt(row, logm, table, &r);
        for (size_t j = 0; j < m; j++) {
            row[j] = pqi_rns_mul(row[j], kr[j], r.p, r.neg_inv);
        }
        pqi_rns_intt(row, logm, table, &r);
    }
    pqi_rns_rebuild(out, small + 1, m, 1, t);
}

void pqi_babai_subtract(
    uint32_t *x, size_t len, const uint32_t *y, size_t y_len, uint32_t shift, size_t m)
{
    size_t skip = 0;
    for (; shift >= 31; shift -= 31) {
        skip++;
    }
    for (size_t j = 0; j < m; j++) {
        uint32_t sign = (0u - (y[(y_len - 1) * m + j] >> 30)) & PQI_WORD_MASK;
        uint32_t borrow = 0, below = 0;
        for (size_t i = skip; i < len; i++) {
            uint32_t w = i - skip < y_len ? y[(i - skip) * m + j] : sign;
            uint32_t t = (uint32_t)(((uint64_t)w << 31 | below) >> (31 - shift)) & PQI_WORD_MASK;
            uint32_t d = x[i * m + j] - t - borrow;
            x[i * m + j] = d & PQI_WORD_MASK;
            borrow = d >> 31;
            below = w;
        }
    }
}

/* k = round((F f* + G g*) / (f f* + g g*)) from w1 = F, w2 = G and the inverses. */
static void quotient(int32_t *k, pqi_fx *w1, pqi_fx *w2, const pqi_fx *fi, unsigned logm)
{
    size_t m = (size_t)1 << logm;
    pqi_fx_fft(w1, logm);
    pqi_fx_fft(w2, logm);
    pqi_fx_quotient(w1, w2, fi, fi + m, logm);
    pqi_fx_ifft(w2, logm);
    unsigned point = fraction(logm);
    for (size_t j = 0; j < m; j++) { /* k overlaps w1 only */
        k[j] = (int32_t)((w2[j] + ((int64_t)1 << (point - 1))) >> point);
    }
}

static void subtract_product(
    const pqi_babai *b, uint32_t *x, const uint32_t *f, uint32_t shift, size_t len, int32_t *k)
{
    size_t m = (size_t)1 << b->logm;
    uint32_t *product = (uint32_t *)k + m, *t = product + (b->small + 1) * m;
    multiply(product, k, f, b->small, b->logm, t);
    pqi_babai_subtract(x, len, product, b->small + 1, shift, m);
}

void pqi_babai_reduce(const pqi_babai *b, uint32_t *tmp)
{
    size_t m = (size_t)1 << b->logm;
    pqi_fx *fi = (pqi_fx *)(void *)tmp, *gi = fi + m, *w1 = gi + m, *w2 = w1 + m;
    int32_t *k = (int32_t *)(void *)w1;
    place p;
    /* f and g scaled to at most 1 by their longest coefficient, then by 2^(62 - logm). */
    uint32_t bits = at_least(longest(b->f, b->small, m), longest(b->g, b->small, m));
    bits = at_least(bits, b->low) - b->low;
    make_place(&p, (int32_t)b->low - (int32_t)(62 - b->logm), bits);
    to_fixed(fi, b->f, b->small, m, &p);
    to_fixed(gi, b->g, b->small, m, &p);
    pqi_fx_fft(fi, b->logm);
    pqi_fx_fft(gi, b->logm);
    pqi_fx_invert(fi, gi, b->logm);

    uint32_t rounds = 1;
    for (uint32_t done = STEP; done < b->bits; done += STEP) {
        rounds++;
    }
    for (uint32_t i = rounds; i-- != 0;) {
        uint32_t shift = STEP * i;
        /* F is shorter than f 2^(shift + STEP) by now, up to sums over m: words that matter. */
        size_t len = b->small;
        while (len < b->large && 31 * (len - b->small) < shift + STEP + 4) {
            len++;
        }
        make_place(&p, (int32_t)(b->low + shift) - (int32_t)fraction(b->logm), bits);
        to_fixed(w1, b->F, len, m, &p);
        to_fixed(w2, b->G, len, m, &p);
        quotient(k, w1, w2, fi, b->logm);
        subtract_product(b, b->F, b->f, shift, len, k);
        subtract_product(b, b->G, b->g, shift, len, k);
    }
    pqi_wipe(&p, sizeof p);
}
