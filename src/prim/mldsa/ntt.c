/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes
 *
 * Two layers of butterflies are done in one pass over the polynomial, which halves loads and stores.
 * The distances are compile-time constants so that a compiler can vectorise the inner loops.
 *
 * Bounds, forward: Montgomery products are < 2q, each layer adds at most 2q: 2q + 8 * 2q = 18q,
 * and 18q < 2^32 / 28. Product in a butterfly: < 18q * q < 2^32 * q.
 * Bounds, inverse: sums double in each layer. 2q before the first, so the values before layer
 * n = 1..8 are < 2^n q; the difference is kept positive by adding 2^n q; at the end everything is
 * < 2^9 q = 4290773504 < 2^32. Product: < 2^32 * q. */
#include "prim/mldsa/ntt.h"

#define Q PQI_MLDSA_Q

/* 2^64 / 256 mod q: FIPS 204 Algorithm 42 line 21 with the factor 2^32 twice, once for the
 * Montgomery product and once for the one before. */
#define SCALE 41978u
/* zetas[1] * SCALE / 2^32 mod q: the last layer's twiddle with the scale in it. */
#define SCALE_ZETA 4404704u

/* clang-format off */
const uint32_t pqi_mldsa_zetas[256] = {
    4193792u, 25847u, 5771523u, 7861508u, 237124u, 7602457u, 7504169u, 466468u,
    1826347u, 2353451u, 8021166u, 6288512u, 3119733u, 5495562u, 3111497u, 2680103u,
    2725464u, 1024112u, 7300517u, 3585928u, 7830929u, 7260833u, 2619752u, 6271868u,
    6262231u, 4520680u, 6980856u, 5102745u, 1757237u, 8360995u, 4010497u, 280005u,
    2706023u, 95776u, 3077325u, 3530437u, 6718724u, 4788269u, 5842901u, 3915439u,
    4519302u, 5336701u, 3574422u, 5512770u, 3539968u, 8079950u, 2348700u, 7841118u,
    6681150u, 6736599u, 3505694u, 4558682u, 3507263u, 6239768u, 6779997u, 3699596u,
    811944u, 531354u, 954230u, 3881043u, 3900724u, 5823537u, 2071892u, 5582638u,
    4450022u, 6851714u, 4702672u, 5339162u, 6927966u, 3475950u, 2176455u, 6795196u,
    7122806u, 1939314u, 4296819u, 7380215u, 5190273u, 5223087u, 4747489u, 126922u,
    3412210u, 7396998u, 2147896u, 2715295u, 5412772u, 4686924u, 7969390u, 5903370u,
    7709315u, 7151892u, 8357436u, 7072248u, 7998430u, 1349076u, 1852771u, 6949987u,
    5037034u, 264944u, 508951u, 3097992u, 44288u, 7280319u, 904516u, 3958618u,
    4656075u, 8371839u, 1653064u, 5130689u, 2389356u, 8169440u, 759969u, 7063561u,
    189548u, 4827145u, 3159746u, 6529015u, 5971092u, 8202977u, 1315589u, 1341330u,
    1285669u, 6795489u, 7567685u, 6940675u, 5361315u, 4499357u, 4751448u, 3839961u,
    2091667u, 3407706u, 2316500u, 3817976u, 5037939u, 2244091u, 5933984u, 4817955u,
    266997u, 2434439u, 7144689u, 3513181u, 4860065u, 4621053u, 7183191u, 5187039u,
    900702u, 1859098u, 909542u, 819034u, 495491u, 6767243u, 8337157u, 7857917u,
    7725090u, 5257975u, 2031748u, 3207046u, 4823422u, 7855319u, 7611795u, 4784579u,
    342297u, 286988u, 5942594u, 4108315u, 3437287u, 5038140u, 1735879u, 203044u,
    2842341u, 2691481u, 5790267u, 1265009u, 4055324u, 1247620u, 2486353u, 1595974u,
    4613401u, 1250494u, 2635921u, 4832145u, 5386378u, 1869119u, 1903435u, 7329447u,
    7047359u, 1237275u, 5062207u, 6950192u, 7929317u, 1312455u, 3306115u, 6417775u,
    7100756u, 1917081u, 5834105u, 7005614u, 1500165u, 777191u, 2235880u, 3406031u,
    7838005u, 5548557u, 6709241u, 6533464u, 5796124u, 4656147u, 594136u, 4603424u,
    6366809u, 2432395u, 2454455u, 8215696u, 1957272u, 3369112u, 185531u, 7173032u,
    5196991u, 162844u, 1616392u, 3014001u, 810149u, 1652634u, 4686184u, 6581310u,
    5341501u, 3523897u, 3866901u, 269760u, 2213111u, 7404533u, 1717735u, 472078u,
    7953734u, 1723600u, 6577327u, 1910376u, 6712985u, 7276084u, 8119771u, 4546524u,
    5441381u, 6144432u, 7959518u, 6094090u, 183443u, 7403526u, 1612842u, 4834730u,
    7826001u, 3919660u, 8332111u, 7018208u, 3937738u, 1400424u, 7534263u, 1976782u,
};
/* clang-format on */

/* One copy of a pass where size counts, one for each distance where speed does. */
#if defined(__OPTIMIZE_SIZE__)
#define INLINE static
#else
#define INLINE static inline __attribute__((always_inline))
#endif

/* Layers `2 * len` and `len` = 2^log_len of the forward transform, for butterflies 2*len apart first. */
INLINE void forward_pass(uint32_t *a, const unsigned log_len)
{
    const unsigned len = 1u << log_len;
    const unsigned blocks = (PQI_MLDSA_N / 4u) >> log_len;
    for (unsigned b = 0; b < blocks; b++, a += 4u * len) {
        const uint32_t z1 = pqi_mldsa_zetas[blocks + b];
        const uint32_t z2 = pqi_mldsa_zetas[2u * (blocks + b)];
        const uint32_t z3 = pqi_mldsa_zetas[2u * (blocks + b) + 1u];
        for (unsigned j = 0; j < len; j++) {
            uint32_t t2 = pqi_mldsa_mont_mul(a[j + 2u * len], z1);
            uint32_t t3 = pqi_mldsa_mont_mul(a[j + 3u * len], z1);
            uint32_t u0 = a[j] + t2;
            uint32_t u1 = a[j + len] + t3;
            uint32_t u2 = a[j] + 2u * Q - t2;
            uint32_t u3 = a[j + len] + 2u * Q - t3;
            uint32_t t1 = pqi_mldsa_mont_mul(u1, z2);
            t3 = pqi_mldsa_mont_mul(u3, z3);
            a[j] = u0 + t1;
            a[j + len] = u0 + 2u * Q - t1;
            a[j + 2u * len] = u2 + t3;
            a[j + 3u * len] = u2 + 2u * Q - t3;
        }
    }
}

void pqi_mldsa_ntt(pqi_mldsa_poly *a)
{
    forward_pass(a->c, 6);
    forward_pass(a->c, 4);
    forward_pass(a->c, 2);
    forward_pass(a->c, 0);
}

/* Layers `len` = 2^log_len and `2 * len` of the inverse transform; coefficients < bound in, < 4 bound out.
 * The twiddle -zetas[m] of Algorithm 42 is met by swapping the operands of the difference. */
INLINE void inverse_pass(uint32_t *a, const unsigned log_len, const uint32_t bound)
{
    const unsigned len = 1u << log_len;
    const unsigned blocks = (PQI_MLDSA_N / 4u) >> log_len;
    for (unsigned b = 0; b < blocks; b++, a += 4u * len) {
        const uint32_t z1 = pqi_mldsa_zetas[2u * blocks - 1u - b];
        const uint32_t z2 = pqi_mldsa_zetas[4u * blocks - 1u - 2u * b];
        const uint32_t z3 = pqi_mldsa_zetas[4u * blocks - 2u - 2u * b];
        for (unsigned j = 0; j < len; j++) {
            uint32_t u0 = a[j] + a[j + len];
            uint32_t u1 = pqi_mldsa_mont_mul(a[j + len] + bound - a[j], z2);
            uint32_t u2 = a[j + 2u * len] + a[j + 3u * len];
            uint32_t u3 = pqi_mldsa_mont_mul(a[j + 3u * len] + bound - a[j + 2u * len], z3);
            a[j] = u0 + u2;
            a[j + len] = u1 + u3;
            a[j + 2u * len] = pqi_mldsa_mont_mul(u2 + 2u * bound - u0, z1);
            a[j + 3u * len] = pqi_mldsa_mont_mul(u3 + 2u * bound - u1, z1);
        }
    }
}

/* The last two layers, 64 and 128 apart, with the scale: < 2^7 q in, < q out. */
INLINE void inverse_last(uint32_t *a)
{
    const uint32_t bound = 128u * Q;
    const uint32_t z2 = pqi_mldsa_zetas[3];
    const uint32_t z3 = pqi_mldsa_zetas[2];
    for (unsigned j = 0; j < 64u; j++) {
        uint32_t u0 = a[j] + a[j + 64u];
        uint32_t u1 = pqi_mldsa_mont_mul(a[j + 64u] + bound - a[j], z2);
        uint32_t u2 = a[j + 128u] + a[j + 192u];
        uint32_t u3 = pqi_mldsa_mont_mul(a[j + 192u] + bound - a[j + 128u], z3);
        a[j] = pqi_mldsa_freeze(pqi_mldsa_mont_mul(u0 + u2, SCALE));
        a[j + 64u] = pqi_mldsa_freeze(pqi_mldsa_mont_mul(u1 + u3, SCALE));
        a[j + 128u] = pqi_mldsa_freeze(pqi_mldsa_mont_mul(u2 + 2u * bound - u0, SCALE_ZETA));
        a[j + 192u] = pqi_mldsa_freeze(pqi_mldsa_mont_mul(u3 + 2u * bound - u1, SCALE_ZETA));
    }
}

void pqi_mldsa_intt(pqi_mldsa_poly *a)
{
    inverse_pass(a->c, 0, 2u * Q);
    inverse_pass(a->c, 2, 8u * Q);
    inverse_pass(a->c, 4, 32u * Q);
    inverse_last(a->c);
}

void pqi_mldsa_mac(uint64_t acc[PQI_MLDSA_N], const pqi_mldsa_poly *a, const pqi_mldsa_poly *b)
{
    for (unsigned i = 0; i < PQI_MLDSA_N; i++) {
        acc[i] += pqi_ct_mul(a->c[i], b->c[i]);
    }
}

void pqi_mldsa_acc_reduce(pqi_mldsa_poly *r, const uint64_t acc[PQI_MLDSA_N])
{
    for (unsigned i = 0; i < PQI_MLDSA_N; i++) {
        r->c[i] = pqi_mldsa_mont_reduce(acc[i]);
    }
}
