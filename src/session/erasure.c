/* SPDX-License-Identifier: Apache-2.0
 * The erasure code of ratchet objects, docs/spec/chunks.md sections 1 and 2.
 *
 * Symbol n < k is chunk n of the object. Symbol n >= k is the sum over i < k of chunk(i) / (n ^ i), byte
 * by byte in GF(2^8): the generator matrix is the identity over a Cauchy matrix, of which every square
 * part is regular. A decoder that holds e such sums in place of e lost chunks takes the chunks that it
 * has out of them, and is left with an e x e Cauchy system, whose inverse is known in closed form
 * (Schechter, "On the inversion of certain matrices", 1959): with rows x[r] and columns y[j],
 *
 *   inverse[j][r] = A(j) * B(r) / (x[r] ^ y[j])
 *   B(r) = prod over t of (x[r] ^ y[t]) / prod over t != r of (x[r] ^ x[t])
 *   A(j) = prod over t of (y[j] ^ x[t]) / prod over t != j of (y[j] ^ y[t])
 *
 * so there is no matrix to store: only the lists x and y. Coefficients come from indices, which are
 * public, and may index a table. Bytes of symbols are only shifted, masked and added. */
#include "session/erasure.h"

#include "base/args.h"
#include "ct/ct.h"
#include "ct/secret.h"

#define NO_SYMBOL 255u
#define WORD      4u   /* bytes that are worked on at once */
#define LOST_MAX  127u /* e <= k lost chunks are replaced by e of the 255 - k other symbols */

_Static_assert(PQI_ERASURE_DATA_MAX * 16u == PQI_ERASURE_OBJECT_MAX, "k in the smallest chunks");
_Static_assert(PQI_ERASURE_DATA_MAX < NO_SYMBOL, "255 marks a free slot");
_Static_assert(2u * LOST_MAX <= PQI_ERASURE_SYMBOLS && 2u * (LOST_MAX + 1u) > PQI_ERASURE_SYMBOLS,
    "e <= k and e <= 255 - k");

/* --- GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, four elements in a word --- */

static uint32_t times_x(uint32_t a)
{
    uint32_t high = a & 0x80808080u;
    return ((a ^ high) << 1) ^ ((high >> 7) * 0x1du); /* 0x1d in each byte that overflowed */
}

/* All ones if the bit is set: of a coefficient, which is public, so a branch would be no leak. */
static uint32_t mask(uint32_t c, unsigned bit)
{
    return 0u - (c >> bit & 1u);
}

/* Each byte of a times b. */
static uint32_t mul(uint32_t a, uint8_t b)
{
    uint32_t sum = 0;
    for (unsigned bit = 8; bit-- > 0;) {
        sum = times_x(sum) ^ (a & mask(b, bit));
    }
    return sum;
}

/* inv[a] = 1 / a; inv[0] = 0 is never a coefficient. x generates the field: a runs through its powers
 * and b through those of 1 / x. */
static void make_inverses(uint8_t inv[256])
{
    uint32_t a = 1, b = 1;
    inv[0] = 0;
    for (unsigned i = 0; i < 255; i++) {
        inv[a] = (uint8_t)b;
        a = times_x(a) & 0xffu;
        b = (b ^ ((0u - (b & 1u)) & 0x11du)) >> 1;
    }
}

/* The word at `at`; bytes behind the end count as zero. Not by memcpy: freestanding compilers call it. */
static uint32_t load(pqi_cspan v, size_t at)
{
    uint32_t w = 0;
    size_t left = at < v.len ? v.len - at : 0;
    if (left >= WORD) {
        const uint8_t *p = v.ptr + at;
        return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    for (size_t i = 0; i < left; i++) {
        w |= (uint32_t)v.ptr[at + i] << 8 * i;
    }
    return w;
}

static void store(uint8_t *p, uint32_t w)
{
    for (size_t i = 0; i < WORD; i++) {
        p[i] = (uint8_t)(w >> 8 * i);
    }
}

/* The sum of coef[i] times the word at i * stride + at, i < n. The bits of the coefficients are taken
 * apart first, so that times_x runs seven times in all; eight variables, as an array would not stay in
 * registers. */
static uint32_t dot(pqi_cspan v, size_t stride, size_t at, const uint8_t *coef, size_t n)
{
    uint32_t b0 = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0, b6 = 0, b7 = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t w = load(v, i * stride + at), c = coef[i];
        b0 ^= w & mask(c, 0);
        b1 ^= w & mask(c, 1);
        b2 ^= w & mask(c, 2);
        b3 ^= w & mask(c, 3);
        b4 ^= w & mask(c, 4);
        b5 ^= w & mask(c, 5);
        b6 ^= w & mask(c, 6);
        b7 ^= w & mask(c, 7);
    }
    const uint32_t part[] = {b6, b5, b4, b3, b2, b1, b0};
    uint32_t sum = b7;
    for (size_t i = 0; i < 7; i++) {
        sum = times_x(sum) ^ part[i];
    }
    return sum;
}

/* --- sender --- */

pqi_status pqi_erasure_shape_of(size_t len, size_t chunk, pqi_erasure_shape *out)
{
    *out = (pqi_erasure_shape){0, 0, 0};
    if (len < PQI_ERASURE_OBJECT_MIN || len > PQI_ERASURE_OBJECT_MAX ||
        (chunk != 16 && chunk != 32 && chunk != PQI_ERASURE_CHUNK_MAX)) {
        return PQI_ERR_ARG;
    }
    *out = (pqi_erasure_shape){(uint16_t)len, (uint8_t)chunk, 0};
    while (pqi_erasure_mem(out) < len) {
        out->k++;
    }
    return PQI_OK;
}

/* index <= 254, out of s->chunk bytes. */
static void make_symbol(
    const pqi_erasure_shape *s, pqi_cspan object, unsigned index, const uint8_t *inv, uint8_t *out)
{
    uint8_t coef[PQI_ERASURE_DATA_MAX];
    for (unsigned i = 0; i < s->k; i++) {
        coef[i] = inv[index ^ i];
    }
    for (size_t at = 0; at < s->chunk; at += WORD) {
        uint32_t w = index < s->k ? load(object, (size_t)index * s->chunk + at)
                                  : dot(object, s->chunk, at, coef, s->k);
        store(out + at, w);
    }
}

pqi_status pqi_erasure_symbol(
    const pqi_erasure_shape *s, pqi_cspan object, unsigned index, pqi_span out)
{
    if (s->k == 0 || !pqi_args_exact(object, s->len) || index >= PQI_ERASURE_SYMBOLS ||
        out.ptr == NULL || out.len != s->chunk) {
        pqi_args_clear(out);
        return PQI_ERR_ARG;
    }
    uint8_t inv[256];
    make_inverses(inv);
    make_symbol(s, object, index, inv, out.ptr);
    return PQI_OK;
}

/* --- receiver --- */

pqi_status pqi_erasure_begin(pqi_erasure *d, size_t len, size_t chunk)
{
    d->have = 0;
    memset(d->slot, NO_SYMBOL, sizeof d->slot);
    return pqi_erasure_shape_of(len, chunk, &d->shape);
}

static pqi_status check_args(const pqi_erasure *d, pqi_cspan mem, pqi_cspan in)
{
    if (d->shape.k == 0 || mem.ptr == NULL || in.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    return mem.len < pqi_erasure_mem(&d->shape) ? PQI_ERR_SPACE : PQI_OK;
}

/* The slot that holds `index` (255: the first free one), or k. */
static size_t find(const pqi_erasure *d, unsigned index)
{
    size_t p = 0;
    while (p < d->shape.k && d->slot[p] != index) {
        p++;
    }
    return p;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t n)
{
    int eq = pqi_ct_eq(a, b, n);
    PQI_PUBLIC(&eq, sizeof eq);
    return eq != 0;
}

/* Of the last data symbol (chunk bytes): nothing but zero behind the end of the object. */
static bool padded(const pqi_erasure_shape *s, const uint8_t *symbol)
{
    size_t fill = pqi_erasure_mem(s) - s->len;
    uint32_t zero = pqi_ct_is_zero_mask(symbol + s->chunk - fill, fill);
    PQI_PUBLIC(&zero, sizeof zero);
    return zero != 0;
}

pqi_status pqi_erasure_check(const pqi_erasure *d, pqi_cspan mem, unsigned index, pqi_cspan symbol)
{
    pqi_status st = check_args(d, mem, symbol);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_erasure_shape *s = &d->shape;
    if (index >= PQI_ERASURE_SYMBOLS || symbol.len != s->chunk ||
        (index == s->k - 1u && !padded(s, symbol.ptr))) {
        return PQI_ERR_DECODE;
    }
    size_t p = find(d, index);
    if (p < s->k && !same(mem.ptr + p * s->chunk, symbol.ptr, s->chunk)) {
        return PQI_ERR_DECODE;
    }
    return PQI_OK;
}

pqi_status pqi_erasure_add(pqi_erasure *d, pqi_span mem, unsigned index, pqi_cspan symbol)
{
    pqi_status st = pqi_erasure_check(d, (pqi_cspan){mem.ptr, mem.len}, index, symbol);
    size_t k = d->shape.k, chunk = d->shape.chunk;
    if (st != PQI_OK || d->have == k || find(d, index) < k) {
        return st;
    }
    size_t p = find(d, NO_SYMBOL); /* there is one: have < k */
    if (index < k) {
        /* Its own slot is free, or lent to another symbol, which moves to the free one. */
        if (p != index && d->slot[index] != NO_SYMBOL) {
            memcpy(mem.ptr + p * chunk, mem.ptr + index * chunk, chunk);
            d->slot[p] = d->slot[index];
        }
        p = index;
    }
    memcpy(mem.ptr + p * chunk, symbol.ptr, chunk);
    d->slot[p] = (uint8_t)index;
    d->have++;
    return PQI_OK;
}

pqi_status pqi_erasure_check_whole(const pqi_erasure *d, pqi_cspan mem, pqi_cspan object)
{
    const pqi_erasure_shape *s = &d->shape;
    pqi_status st = check_args(d, mem, object);
    if (st != PQI_OK) {
        return st;
    }
    if (object.len != s->len) {
        return PQI_ERR_DECODE;
    }
    uint8_t inv[256], want[PQI_ERASURE_CHUNK_MAX];
    make_inverses(inv);
    for (size_t p = 0; p < s->k; p++) {
        if (d->slot[p] == NO_SYMBOL) {
            continue;
        }
        make_symbol(s, object, d->slot[p], inv, want);
        if (!same(want, mem.ptr + p * s->chunk, s->chunk)) {
            return PQI_ERR_DECODE;
        }
    }
    return PQI_OK;
}

pqi_status pqi_erasure_whole(pqi_erasure *d, pqi_span mem, pqi_cspan object)
{
    pqi_status st = pqi_erasure_check_whole(d, (pqi_cspan){mem.ptr, mem.len}, object);
    if (st != PQI_OK) {
        return st;
    }
    memset(mem.ptr, 0, pqi_erasure_mem(&d->shape));
    memcpy(mem.ptr, object.ptr, object.len);
    for (unsigned p = 0; p < d->shape.k; p++) {
        d->slot[p] = (uint8_t)p;
    }
    d->have = d->shape.k;
    return PQI_OK;
}

/* --- recovery --- */

typedef struct solver {
    uint8_t words[LOST_MAX * WORD]; /* one word of each of the e symbols */
    uint8_t x[LOST_MAX];            /* their indices */
    uint8_t y[LOST_MAX];            /* the lost chunks, and the slots that the symbols lie in */
    uint8_t inv[256];
    uint8_t coef[PQI_ERASURE_DATA_MAX];
    size_t e;
} solver;

/* What is lost. The bound holds by construction: e symbols of index >= k are held. */
static void list_lost(solver *v, const pqi_erasure *d)
{
    make_inverses(v->inv);
    v->e = 0;
    for (unsigned p = 0; p < d->shape.k && v->e < LOST_MAX; p++) {
        if (d->slot[p] != p) {
            v->x[v->e] = d->slot[p];
            v->y[v->e] = (uint8_t)p;
            v->e++;
        }
    }
}

/* Takes the chunks that are there out of the sum x in slot y. */
static void reduce(solver *v, const pqi_erasure *d, pqi_span mem, unsigned x, unsigned y)
{
    size_t k = d->shape.k, chunk = d->shape.chunk;
    for (unsigned i = 0; i < k; i++) {
        v->coef[i] = d->slot[i] == i ? v->inv[x ^ i] : 0;
    }
    for (size_t at = 0; at < chunk; at += WORD) {
        pqi_cspan all = {mem.ptr, k * chunk};
        uint32_t w = load(all, y * chunk + at) ^ dot(all, chunk, at, v->coef, k);
        store(mem.ptr + y * chunk + at, w);
    }
}

/* prod of (a ^ other[t]) / prod of (a ^ own[t]) but for a itself: A(j) and B(r) above. */
static uint8_t weight(const solver *v, unsigned a, const uint8_t *own, const uint8_t *other)
{
    uint32_t up = 1, down = 1;
    for (size_t t = 0; t < v->e; t++) {
        up = mul(up, (uint8_t)(a ^ other[t]));
        down = own[t] == a ? down : mul(down, (uint8_t)(a ^ own[t]));
    }
    return (uint8_t)mul(up, v->inv[down & 0xffu]);
}

static void scale(uint8_t *symbol, size_t chunk, uint8_t a)
{
    for (size_t at = 0; at < chunk; at += WORD) {
        uint32_t w = mul(load((pqi_cspan){symbol, chunk}, at), a);
        store(symbol + at, w);
    }
}

/* One word of each slot y[j] becomes the sum over r of the word of slot y[r] / (x[r] ^ y[j]). */
static void solve_words(solver *v, pqi_span mem, size_t chunk, size_t at)
{
    for (size_t r = 0; r < v->e; r++) {
        memcpy(v->words + r * WORD, mem.ptr + v->y[r] * chunk + at, WORD);
    }
    for (size_t j = 0; j < v->e; j++) {
        for (size_t r = 0; r < v->e; r++) {
            v->coef[r] = v->inv[v->x[r] ^ v->y[j]];
        }
        uint32_t w = dot((pqi_cspan){v->words, v->e * WORD}, WORD, 0, v->coef, v->e);
        store(mem.ptr + v->y[j] * chunk + at, w);
    }
}

pqi_status pqi_erasure_recover(pqi_erasure *d, pqi_span mem)
{
    pqi_status st = check_args(d, (pqi_cspan){mem.ptr, mem.len}, (pqi_cspan){mem.ptr, mem.len});
    if (st != PQI_OK) {
        return st;
    }
    size_t k = d->shape.k, chunk = d->shape.chunk;
    if (d->have != k) {
        return PQI_ERR_STATE;
    }
    solver v;
    list_lost(&v, d);
    for (size_t r = 0; r < v.e; r++) {
        reduce(&v, d, mem, v.x[r], v.y[r]);
    }
    for (size_t r = 0; r < v.e; r++) {
        scale(mem.ptr + v.y[r] * chunk, chunk, weight(&v, v.x[r], v.x, v.y));
    }
    for (size_t at = 0; at < chunk; at += WORD) {
        solve_words(&v, mem, chunk, at);
    }
    for (size_t j = 0; j < v.e; j++) {
        scale(mem.ptr + v.y[j] * chunk, chunk, weight(&v, v.y[j], v.y, v.x));
        d->slot[v.y[j]] = v.y[j];
    }
    if (!padded(&d->shape, mem.ptr + (k - 1) * chunk)) {
        memset(mem.ptr, 0, k * chunk);
        return pqi_erasure_begin(d, d->shape.len, chunk) == PQI_OK ? PQI_ERR_DECODE : PQI_ERR_ARG;
    }
    return PQI_OK;
}
