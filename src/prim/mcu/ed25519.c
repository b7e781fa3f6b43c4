/* SPDX-License-Identifier: Apache-2.0
 * Ed25519, RFC 8032 section 5.1.
 *
 * Implementation notes. One loop serves all operations: s B + k A, bit by bit from the top, doubling
 * and adding one of 0, B, A, A + B, chosen without a branch, so that it serves secret scalars too.
 * The addition formula is complete (RFC 8032 section 5.1.4), so it also doubles. There is no table of
 * multiples of B, which makes it small and not fast. */
#include "base/mem.h"
#include "ct/ct.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/f25519.h"
#include "prim/mcu/md.h"

#include <pqi/classic_mcu.h>
#include <pqi/wipe.h>

#include <stdbool.h>

/* x = X / Z, y = Y / Z, x y = T / Z */
typedef struct point {
    pqi_fe x, y, z, t;
} point;

typedef struct work {
    point acc, pick, a, ab; /* ab = A + B */
    pqi_fe f[5];
    pqi_fe_product t; /* also for scalars of 512 bits */
    uint32_t s[8], k[8], key[8];
    uint8_t hash[64];
} work;

/* clang-format off */
/* RFC 8032 section 5.1: d, 2 d, a square root of -1, B, and the order L of B. */
static const pqi_fe D = {
    0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee};
static const pqi_fe D2 = {
    0x26b2f159, 0xebd69b94, 0x8283b156, 0x00e0149a, 0xeef3d130, 0x198e80f2, 0x56dffce7, 0x2406d9dc};
static const pqi_fe SQRT_M1 = {
    0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806, 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480};
static const point B = {
    {0x8f25d51a, 0xc9562d60, 0x9525a7b2, 0x692cc760, 0xfdd6dc5c, 0xc0a4e231, 0xcd6e53fe, 0x216936d3},
    {0x66666658, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666},
    {1},
    {0xa5b7dda3, 0x6dde8ab3, 0x775152f5, 0x20f09f80, 0x64abe37d, 0x66ea4e8e, 0xd78b7665, 0x67875f0f}};
static const uint32_t L[8] = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000};
/* clang-format on */

/* ---- points ------------------------------------------------------------------------------ */

/* r = p + q, RFC 8032 section 5.1.4; r may be p or q, and p may be q. The comments give
 * its names. */
static void add(work *w, point *r, const point *p, const point *q)
{
    uint32_t *a = w->f[0], *b = w->f[1], *c = w->f[2], *d = w->f[3], *e = w->f[4];
    pqi_fe_sub(a, p->y, p->x);
    pqi_fe_sub(b, q->y, q->x);
    pqi_fe_mul(a, a, b, &w->t); /* A */
    pqi_fe_add(b, p->y, p->x);
    pqi_fe_add(c, q->y, q->x);
    pqi_fe_mul(b, b, c, &w->t); /* B */
    pqi_fe_mul(c, p->t, q->t, &w->t);
    pqi_fe_mul(c, c, D2, &w->t); /* C */
    pqi_fe_mul(d, p->z, q->z, &w->t);
    pqi_fe_add(d, d, d); /* D */
    pqi_fe_sub(e, b, a); /* E */
    pqi_fe_add(b, b, a); /* H */
    pqi_fe_sub(a, d, c); /* F */
    pqi_fe_add(d, d, c); /* G */
    pqi_fe_mul(r->x, e, a, &w->t);
    pqi_fe_mul(r->y, d, b, &w->t);
    pqi_fe_mul(r->t, e, b, &w->t);
    pqi_fe_mul(r->z, a, d, &w->t);
}

static void set_neutral(point *p)
{
    memset(p, 0, sizeof *p);
    p->y[0] = 1;
    p->z[0] = 1;
}

/* Where mask is all ones, p = q. */
static void copy_if(uint32_t mask, point *p, const point *q)
{
    pqi_ct_copy_if(mask, (uint8_t *)p, (const uint8_t *)q, sizeof *p);
}

/* w->acc = w->s B + w->k A for scalars below 2^253. */
static void multiply(work *w)
{
    add(w, &w->ab, &w->a, &B);
    set_neutral(&w->acc);
    for (unsigned i = 253; i-- != 0;) {
        uint32_t s = 0u - (w->s[i >> 5] >> (i & 31u) & 1u),
                 k = 0u - (w->k[i >> 5] >> (i & 31u) & 1u);
        add(w, &w->acc, &w->acc, &w->acc);
        set_neutral(&w->pick);
        copy_if(s & ~k, &w->pick, &B);
        copy_if(k & ~s, &w->pick, &w->a);
        copy_if(s & k, &w->pick, &w->ab);
        add(w, &w->acc, &w->acc, &w->pick);
    }
}

/* Section 5.1.2 */
static void encode(work *w, uint8_t out[32], const point *p)
{
    uint8_t x[32];
    pqi_fe_invert(w->pick.z, p->z, w->f, &w->t);
    pqi_fe_mul(w->pick.x, p->x, w->pick.z, &w->t);
    pqi_fe_mul(w->pick.y, p->y, w->pick.z, &w->t);
    pqi_fe_encode(x, w->pick.x);
    pqi_fe_encode(out, w->pick.y);
    out[31] |= (uint8_t)(x[0] << 7);
    pqi_wipe(x, sizeof x);
}

static bool is_zero(const pqi_fe a)
{
    uint8_t b[32];
    pqi_fe_encode(b, a);
    return pqi_ct_is_zero_mask(b, sizeof b) != 0;
}

/* w->a = the negative of a public point, section 5.1.3. Like OpenSSL it also takes y and y + p for
 * y < 19, and x = 0 with either sign: such a key has a low order. False: no point. */
static bool decode_negative(work *w, const uint8_t pk[32])
{
    uint32_t *u = w->f[3], *v = w->f[4], *v3 = w->pick.x, *t = w->pick.y;
    point *a = &w->a;
    uint8_t x[32];
    set_neutral(a);
    pqi_fe_decode(a->y, pk);
    pqi_fe_mul(u, a->y, a->y, &w->t);
    pqi_fe_mul(v, u, D, &w->t);
    pqi_fe_sub(u, u, a->z); /* u = y^2 - 1 */
    pqi_fe_add(v, v, a->z); /* v = d y^2 + 1 */
    pqi_fe_mul(v3, v, v, &w->t);
    pqi_fe_mul(v3, v3, v, &w->t);
    pqi_fe_mul(t, v3, v3, &w->t);
    pqi_fe_mul(t, t, v, &w->t);
    pqi_fe_mul(t, t, u, &w->t); /* u v^7 */
    pqi_fe_root_power(a->x, t, w->f, &w->t);
    pqi_fe_mul(a->x, a->x, v3, &w->t);
    pqi_fe_mul(a->x, a->x, u, &w->t); /* x = u v^3 (u v^7)^((p - 5) / 8) */
    pqi_fe_mul(t, a->x, a->x, &w->t);
    pqi_fe_mul(t, t, v, &w->t); /* v x^2 */
    pqi_fe_sub(v3, t, u);
    pqi_fe_add(t, t, u);
    if (!is_zero(v3)) {
        if (!is_zero(t)) {
            return false;
        }
        pqi_fe_mul(a->x, a->x, SQRT_M1, &w->t);
    }
    pqi_fe_encode(x, a->x);
    if ((x[0] & 1u) == pk[31] >> 7) {
        memset(t, 0, sizeof(pqi_fe));
        pqi_fe_sub(a->x, t, a->x);
    }
    pqi_fe_mul(a->t, a->x, a->y, &w->t);
    return true;
}

/* ---- scalars ----------------------------------------------------------------------------- */

/* All ones if r >= L; then, if `mask`, r -= L. */
static uint32_t subtract_order(uint32_t r[8], uint32_t mask)
{
    uint32_t d[8];
    int64_t acc = 0;
    for (unsigned i = 0; i < 8; i++) {
        acc += (int64_t)r[i] - L[i];
        d[i] = (uint32_t)acc;
        acc >>= 32;
    }
    uint32_t enough = ~(uint32_t)acc; /* acc is 0 or -1 */
    for (unsigned i = 0; i < 8; i++) {
        r[i] = pqi_ct_select_u32(enough & mask, d[i], r[i]);
    }
    pqi_wipe(d, sizeof d);
    return enough;
}

/* r = wide mod L, one bit after the other: r stays below L < 2^253. */
static void reduce(uint32_t r[8], const uint32_t wide[16])
{
    memset(r, 0, 8 * sizeof r[0]);
    for (unsigned i = 512; i-- != 0;) {
        uint32_t in = wide[i >> 5] >> (i & 31u) & 1u;
        for (unsigned j = 0; j < 8; j++) {
            uint32_t out = r[j] >> 31;
            r[j] = r[j] << 1 | in;
            in = out;
        }
        (void)subtract_order(r, 0xffffffffu);
    }
}

static void load_words(uint32_t *w, const uint8_t *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        w[i] = load32_le(b + 4u * i);
    }
}

/* r = SHA-512(parts) mod L, section 5.1.6 */
static void hash_to_scalar(work *w, uint32_t r[8], const pqi_cspan *parts, size_t n)
{
    pqi_md_hash(&pqi_md_sha512, parts, n, w->hash);
    load_words(w->t.w, w->hash, 16);
    reduce(r, w->t.w);
}

/* ---- Ed25519 ----------------------------------------------------------------------------- */

/* Section 5.1.5: w->key from the seed, modulo the order of B, and the prefix in w->hash + 32. */
static void expand(work *w, const uint8_t seed[32])
{
    const pqi_cspan part = {seed, 32};
    pqi_md_hash(&pqi_md_sha512, &part, 1, w->hash);
    memset(&w->t, 0, sizeof w->t);
    load_words(w->t.w, w->hash, 8);
    w->t.w[0] &= ~7u;
    w->t.w[7] = (w->t.w[7] & 0x3fffffffu) | 0x40000000u;
    reduce(w->key, w->t.w);
}

/* out = scalar B */
static void multiply_base(work *w, uint8_t out[32], const uint32_t scalar[8])
{
    memmove(w->s, scalar, sizeof w->s);
    memset(w->k, 0, sizeof w->k);
    set_neutral(&w->a);
    multiply(w);
    encode(w, out, &w->acc);
}

pqi_status pqi_mcu_ed25519_public(uint8_t pk[PQI_ED25519_PK], const uint8_t seed[32])
{
    work w;
    expand(&w, seed);
    multiply_base(&w, pk, w.key);
    pqi_wipe(&w, sizeof w);
    return PQI_OK;
}

/* Section 5.1.6 */
pqi_status pqi_mcu_ed25519_sign(uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg)
{
    work w;
    uint8_t pk[PQI_ED25519_PK];
    expand(&w, seed);
    multiply_base(&w, pk, w.key);
    const pqi_cspan first[2] = {{w.hash + 32, 32}, msg};
    hash_to_scalar(&w, w.s, first, 2); /* r */
    multiply_base(&w, sig, w.s);       /* R */
    const pqi_cspan second[3] = {{sig, 32}, {pk, sizeof pk}, msg};
    hash_to_scalar(&w, w.k, second, 3);
    pqi_fe_multiply(&w.t, w.k, w.key); /* S = r + k s, below 2^506 */
    uint64_t acc = 0;
    for (unsigned i = 0; i < 16; i++) {
        acc += (uint64_t)w.t.w[i] + (i < 8 ? w.s[i] : 0);
        w.t.w[i] = (uint32_t)acc;
        acc >>= 32;
    }
    reduce(w.k, w.t.w);
    for (unsigned i = 0; i < 8; i++) {
        store32_le(sig + 32u + 4u * i, w.k[i]);
    }
    pqi_wipe(&w, sizeof w);
    return PQI_OK;
}

/* Section 5.1.7, without the cofactor: R = S B - k A, compared as bytes. S is below L. */
pqi_status pqi_mcu_ed25519_verify(
    const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG])
{
    work w;
    uint8_t r[32];
    const pqi_cspan parts[3] = {{sig, 32}, {pk, PQI_ED25519_PK}, msg};
    load_words(w.s, sig + 32, 8);
    if (subtract_order(w.s, 0) != 0 || !decode_negative(&w, pk)) {
        return PQI_ERR_AUTH;
    }
    hash_to_scalar(&w, w.k, parts, 3);
    multiply(&w);
    encode(&w, r, &w.acc);
    return pqi_ct_eq(r, sig, sizeof r) == 1 ? PQI_OK : PQI_ERR_AUTH;
}
