/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic modulo q = 12289 and x^n + 1, specification section 3.1 and 3.3.
 *
 * Implementation notes. The building blocks map to 16-bit "multiply high" and "multiply low"
 * instructions and the loops have constant bounds inside, so that compilers make vector code of
 * them. Bounds: mont_mul() with a centred factor z gives at most |a| * 6145 / 2^16 + 6145, so three
 * layers take 6145 to 12867, 20218, 28259, and a fourth would not fit 16 bits.
 *
 * PORTABILITY: right shifts of negative values are arithmetic and conversions to int16_t wrap, as
 * gcc, clang and every other compiler for our targets do (C11 6.5.7, 6.3.1.3); a test checks. */
#include "prim/falcon/modq.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include <pqi/wipe.h>

#define Q    PQI_FALCON_Q
#define QINV (-12287) /* q^-1 mod 2^16: 12289 * -12287 = 1 - 2304 * 2^16 */
#define R2   (-1337)  /* 2^32 mod q */

/* 7^bitrev10(i) * 2^16 mod q, centred; 7 has order 2048. The first n are the roots for n. */
/* clang-format off */
static const int16_t roots[PQI_FALCON_MAX_N] = {
    4091, -4401, -1229, -1081, -5329, 4342, -6014, -2530, 1591, -5890, -2812, 5266, 586, 5825,
    -4751, -2579, 1134, -5882, 1711, 965, -5190, -4615, 3743, -5847, -1875, -4189, 1885, 1688, 1364,
    -1960, -2125, -3109, -79, -6049, 997, 117, 4783, 4407, 1549, -5217, 2829, -5831, 4431, -3412,
    -5145, 2564, 5664, 4042, -100, 432, -1538, 1237, -4679, 1534, 3983, -4426, 2181, -5981, -3569,
    -5719, 4843, 1690, 14, 3872, 5569, -2921, -126, 2019, -4746, 2315, 4673, -4949, 1553, 1156,
    -3888, -900, 1020, 2967, -1517, -5244, 3316, -1053, 5285, -711, -1652, -2203, -2796, -6109,
    -3012, 6130, 3323, 883, -1820, 489, 1502, 2851, -1228, -2560, 2742, -48, 4970, -1808, -2211,
    1195, 730, 1762, 3854, 2030, 5892, -1367, -3269, 5274, -3110, 3604, 3782, -2083, 3180, 3467,
    4668, 2446, -4676, -2903, 834, -4586, -5453, 3403, 5351, -13, 3580, 1739, -1469, -2502, -2080,
    4070, -39, -3764, -1888, 2749, -4951, -1715, 6040, 943, -2959, 1477, -5424, -2621, 3585, -5656,
    -144, 4063, 3684, -4609, -4101, -5387, 3533, -2482, 6090, 727, -2190, -5286, -5344, 1949, -2558,
    -1730, 6057, 378, -4418, -3526, -3388, -3060, -3443, 4551, -2700, -625, -4659, -3468, 5680,
    4956, -6038, -3901, -2133, -3566, 2341, 3159, 1467, 5460, -3736, -4506, 2649, 2320, -3253,
    -6101, 737, 3698, 4699, 5753, -3243, 3687, 16, 914, 5186, -1758, 4552, 1964, 3509, -3853, -4773,
    5381, -1556, 3281, -5252, 1060, 2895, -5133, -3402, 5357, -5880, -4092, 2962, -5914, 5064,
    -5655, 5625, 278, 932, -2060, -3362, -4647, 351, -2991, 237, 5858, -4597, 3146, -163, -4703,
    2053, -1004, 3802, 5204, 4602, 1748, -989, 340, 3711, 4614, 300, -1296, 5070, -2240, -673, -42,
    -4868, -1582, 5746, 5654, 3835, 5553, 1224, -3813, -3052, 3845, 250, -1080, 4225, -5963, -2609,
    -35, 4136, 2778, 692, -3481, -5879, -5571, -2184, -1871, 3759, -4933, -928, -3856, -5852, 3652,
    -5947, -3311, 5391, 2272, -5813, -4873, -3871, -1465, -303, 5733, 876, -5259, 2167, 2436, 3442,
    -3072, -4083, 4858, 5964, 2746, -5111, 1434, -4900, -3410, -1628, -832, 4220, 1432, -1457, 4328,
    -3732, 1867, -2835, 2416, 3816, -3213, 686, 5393, 2523, 4339, 6115, 619, 937, 2834, -4514, 3279,
    2363, -4801, 6112, 5056, 824, -2085, -599, 1113, 2727, -2441, 896, 2028, 5075, 2654, -1825,
    -4405, -120, 5434, 3070, -5889, -3157, -617, -136, 4520, 1273, -2550, -821, -2352, -2250, -2569,
    2262, -2890, -1097, 315, 4511, 1158, 6061, -5538, -424, 357, -4922, 4550, 983, -3755, -3937,
    -2163, -4759, -3036, 4367, 5221, 3999, -3512, 3161, -5299, 4130, -637, 3374, -812, 1753, 292,
    -3608, 2806, -1911, -101, 5800, -478, 3181, 1988, 1024, -2949, 2477, -1361, 4582, -5539, 3619,
    5503, 5233, 2463, -3819, -4639, -4325, -5894, 1071, 1272, 3474, -1244, 3291, -945, -3787, -2811,
    -2452, 1253, 1857, -6056, 4720, -728, 6034, -2472, 3339, 1797, 2879, -6047, 5200, 2114, -4327,
    -2936, -926, 5475, 6084, -2688, 4108, -4966, -1851, -2818, 1271, 408, -5378, 3079, 360, -4013,
    -754, -3133, -3240, -750, 850, -3672, 784, -4370, -3955, -119, 1846, -2076, -105, -4462, -386,
    5600, -2510, 1012, 721, 2784, -5613, -5737, 5348, 4424, -5473, -3884, -2330, 5150, 2356, 5552,
    5267, 1333, -3488, -2628, -4981, 5788, 4910, 909, -676, 4395, -4051, -5603, 4302, 3044, 2285,
    -40, 1963, -3073, 4296, -371, 695, 4371, -2496, 4884, 2411, -2059, 2650, 841, 3890, -2058,
    -5041, -3784, -1093, -5601, 4059, 6060, 3686, 4722, -436, 5816, -5231, -5421, -1152, -4363,
    4894, -5, 4102, 3908, 3610, -5764, -4351, -4307, -312, -5534, 537, 4562, 1623, -4062, -836,
    -4745, 906, -473, -2741, -1431, -2586, 2815, -553, -5476, -5310, 819, -3386, -6018, -1446, 348,
    -4775, -3950, -5850, 694, 852, 5659, 2781, 3716, -700, 3024, 1523, -3630, 4114, -1551, 3303,
    5885, 2978, -5000, -405, -3166, -2966, -459, 98, 2526, 2116, 4131, -882, 1844, 3645, 3916,
    -4156, 2224, -1418, -4197, -2638, 5989, -5149, -3809, 1670, 159, -1366, 4918, 128, -4977, 725,
    -3132, 5006, -5896, 3494, 6043, -1317, -6108, -451, 3423, -1775, -4621, 3693, -5631, -5384,
    -336, -2077, -367, -3188, -3924, 5110, 45, 2400, 1921, 4377, 2720, 1695, 51, 2808, 650, 1896,
    -2292, -2318, -309, -4191, 4833, 4135, 4257, 5838, 4765, -1304, -757, 590, -91, 482, -116, 2006,
    -5225, -2271, 3912, -273, -1770, -927, -5335, 2210, 284, 5413, -5688, 3865, -1950, -1101, -6058,
    517, -2725, -1008, 3863, 1210, 4604, -4129, -842, 153, -5085, 5763, 5089, -3041, -135, -541,
    1354, -5617, 179, 5532, 2646, 5941, -104, 862, 3158, 477, -5010, 5678, -4375, 4254, 302, 2893,
    -2175, -5399, -2729, -2642, -384, 4098, -2465, -2020, 1353, -1574, 5325, -6035, 3951, 1807,
    -5840, 5159, 1308, -3974, 3404, 1877, 1231, 112, -5891, -565, -17, -5003, 1459, -15, -2393,
    3456, 800, 1397, -1611, 103, -4869, -4313, 936, 764, 632, -4293, -4066, -3844, -4531, -1419,
    -2718, 2508, 1946, -5765, -2131, 1044, 4338, 2457, 3641, 1659, 4139, 4688, -2556, -1141, 3946,
    2082, 5261, 2036, -439, -4653, -53, 5366, 2380, 1399, -4569, 2100, 3217, -1377, -3391, -4711,
    -294, 2791, 1215, 3355, 2711, 2267, 2004, -3721, -2113, 3214, 2337, 1750, 4729, 4997, -4874,
    -5974, -245, 4374, -5132, 4844, 211, -4286, -2130, -2999, -808, 1735, 2336, 5793, -2414, -4097,
    986, -4762, 1401, 870, 3615, -3824, 2756, -2519, 2034, -2121, 3264, 6132, 54, 2880, 4763, -484,
    3074, -4003, -2861, 4881, -5356, 1090, -2251, 2567, 708, 893, -5824, 4962, -2265, 2090, 5718,
    -1546, 780, 4733, 4623, 2134, 2087, 4802, 884, 5372, 5795, 5938, 4333, -5730, -4740, 5269,
    -1625, 4252, 3260, 5917, -1475, 5768, -2306, -4193, -4498, -5489, -4798, -6017, 1907, -1342,
    -6000, -486, 6032, -840, 1171, -3088, -4356, 2479, -4319, -952, -5227, -3378, -5561, -5747,
    -4175, -3461, -5694, 3545, 4348, 4610, 2205, -5290, -4183, 5560, -1899, -2968, 2499, 2413,
    -5017, -5408, -1707, -2981, -2852, 3554, 3326, 5991, -320, 3415, -6, -2451, -226, 4332, -4459,
    -960, -5684, -18, 2044, -678, -4936, -1088, -707, 3733, -3346, -2311, 1627, -5121, 3935, 5050,
    2762, -4793, -1906, 755, 1654, -236, 4952, -2155, 4394, -5697, -4391, -4792, -3385, -260, 3581,
    -1541, 5674, -1931, 4901, -4875, -3518, 710, -5525, -3827, -5096, 5371, -5015, -1205, 290,
    -4425, -5462, -467, 2509, -5711, 4026, 5807, 1458, 5721, 5762, 4178, 2105, -668, 4852, -3392,
    2856, -779, -3025, 2520, -3513, -5278, 2647, 1898, -5250, 5950, -1126, 5488, -6012, -3107, -833,
    633, -2243, -735, 5633, -2702, 2333, -5281, -5205, 5047, -5090, -2424, -3292, 569, -5899, -1444,
    -2610, -4021, -817, 4203, 1997, 2, -2958, 162, -6107, 2000, 3649, -2497, -5926, -4732, -6102,
    -3779, -2354, 5536, -3270, 3706, -280, 1452, 3067, 5494, -2597, 4865, 6019, -5183, -2679, 4588,
    -2124, -6028, 5887, 2652, -2117, 1580, -1910, 4638, -2340,
};
/* clang-format on */

static inline int16_t mul_hi(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b) >> 16);
}

static inline int16_t mul_lo(int16_t a, int16_t b)
{
    return (int16_t)(uint16_t)((uint32_t)(int32_t)a * (uint32_t)(int32_t)b);
}

/* a * z * 2^-16 mod q, with zq = z * QINV mod 2^16: the low halves of a*z and of (a*zq)*q are
 * equal, so the difference of the high halves is exact. */
static inline int16_t mont_by(int16_t a, int16_t z, int16_t zq)
{
    return (int16_t)(mul_hi(a, z) - mul_hi(mul_lo(a, zq), Q));
}

static inline int16_t mont_mul(int16_t a, int16_t b)
{
    return mont_by(a, b, mul_lo(b, QINV));
}

/* Any a to -6145..6145. 21844 = round(2^28 / q). */
static inline int16_t reduce(int16_t a)
{
    int16_t t = (int16_t)((mul_hi(a, 21844) + 2048) >> 12);
    return (int16_t)(a - mul_lo(t, Q));
}

static void reduce_all(int16_t *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        a[i] = reduce(a[i]);
    }
}

/* Cooley-Tukey butterflies of one block with the root z. */
static inline void block(int16_t *a, size_t len, int16_t z)
{
    int16_t zq = mul_lo(z, QINV);
    for (size_t j = 0; j < len; j++) {
        int16_t t = mont_by(a[j + len], z, zq);
        a[j + len] = (int16_t)(a[j] - t);
        a[j] = (int16_t)(a[j] + t);
    }
}

/* Gentleman-Sande butterflies of one block. In: at most 7563 (15126 times a root gives no more);
 * the sums are reduced at once. */
static inline void inv_block(int16_t *a, size_t len, int16_t z)
{
    int16_t zq = mul_lo(z, QINV);
    for (size_t j = 0; j < len; j++) {
        int16_t t = a[j];
        a[j] = reduce((int16_t)(t + a[j + len]));
        a[j + len] = mont_by((int16_t)(a[j + len] - t), z, zq);
    }
}

/* blocks * 2 * len = n. */
static inline void layer(int16_t *a, size_t blocks, size_t len)
{
    const int16_t *z = roots + blocks;
    for (size_t i = 0; i < blocks; i++) {
        block(a + 2 * i * len, len, *z++);
    }
}

static inline void inv_layer(int16_t *a, size_t blocks, size_t len)
{
    const int16_t *z = roots + 2 * blocks;
    for (size_t i = 0; i < blocks; i++) {
        inv_block(a + 2 * i * len, len, *--z);
    }
}

#if defined(__OPTIMIZE_SIZE__)

static void short_layers(int16_t *a, size_t n)
{
    for (size_t len = 4, blocks = n / 8; len != 0; len >>= 1, blocks <<= 1) {
        layer(a, blocks, len);
    }
}

static void inv_short_layers(int16_t *a, size_t n)
{
    for (size_t len = 1, blocks = n / 2; len <= 4; len <<= 1, blocks >>= 1) {
        inv_layer(a, blocks, len);
    }
}

#else

/* The layers of strides 4, 2, 1 work inside blocks of eight, which leaves vectors half empty. Here
 * place j of ROW blocks is made one row and the layers run along the rows. */
#define ROW 16u

static inline void load_rows(int16_t t[8][ROW], const int16_t *a)
{
    for (size_t b = 0; b < ROW; b++) {
        for (size_t j = 0; j < 8; j++) {
            t[j][b] = a[8 * b + j];
        }
    }
}

static inline void store_rows(int16_t *a, int16_t t[8][ROW])
{
    for (size_t b = 0; b < ROW; b++) {
        for (size_t j = 0; j < 8; j++) {
            a[8 * b + j] = t[j][b];
        }
    }
}

/* Butterflies between the rows x and y with the roots z[step * b]. */
static inline void row(int16_t *x, int16_t *y, const int16_t *z, size_t step)
{
    for (size_t b = 0; b < ROW; b++) {
        int16_t t = mont_mul(y[b], z[step * b]);
        y[b] = (int16_t)(x[b] - t);
        x[b] = (int16_t)(x[b] + t);
    }
}

/* The same with z[-step * b]. */
static inline void inv_row(int16_t *x, int16_t *y, const int16_t *z, size_t step)
{
    for (size_t b = 0; b < ROW; b++) {
        int16_t t = x[b];
        x[b] = reduce((int16_t)(t + y[b]));
        y[b] = mont_mul((int16_t)(y[b] - t), *(z - step * b));
    }
}

static void short_layers(int16_t *a, size_t n)
{
    int16_t t[8][ROW];
    for (size_t at = 0; at < n / 8; at += ROW) {
        load_rows(t, a + 8 * at);
        for (size_t j = 0; j < 4; j++) {
            row(t[j], t[j + 4], roots + n / 8 + at, 1);
        }
        for (size_t j = 0; j < 4; j++) {
            size_t x = (j & 1u) + 4 * (j >> 1);
            row(t[x], t[x + 2], roots + n / 4 + 2 * at + (j >> 1), 2);
        }
        for (size_t j = 0; j < 4; j++) {
            row(t[2 * j], t[2 * j + 1], roots + n / 2 + 4 * at + j, 4);
        }
        store_rows(a + 8 * at, t);
    }
    pqi_wipe(t, sizeof t);
}

static void inv_short_layers(int16_t *a, size_t n)
{
    int16_t t[8][ROW];
    for (size_t at = 0; at < n / 8; at += ROW) {
        load_rows(t, a + 8 * at);
        for (size_t j = 0; j < 4; j++) {
            inv_row(t[2 * j], t[2 * j + 1], roots + n - 1 - 4 * at - j, 4);
        }
        for (size_t j = 0; j < 4; j++) {
            size_t x = (j & 1u) + 4 * (j >> 1);
            inv_row(t[x], t[x + 2], roots + n / 2 - 1 - 2 * at - (j >> 1), 2);
        }
        for (size_t j = 0; j < 4; j++) {
            inv_row(t[j], t[j + 4], roots + n / 4 - 1 - at, 1);
        }
        store_rows(a + 8 * at, t);
    }
    pqi_wipe(t, sizeof t);
}

#endif

/* Reduction follows every layer before which a multiple of three long layers remains. */
void pqi_falcon_ntt(int16_t *a, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    unsigned left = logn - 3;
    for (size_t len = n / 2, blocks = 1; len >= 8; len >>= 1, blocks <<= 1) {
        layer(a, blocks, len);
        left--;
        if (left == 0 || left == 3 || left == 6) {
            reduce_all(a, n);
        }
    }
    short_layers(a, n);
    reduce_all(a, n);
}

void pqi_falcon_intt(int16_t *a, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    inv_short_layers(a, n);
    for (size_t len = 8, blocks = n / 16; len < n; len <<= 1, blocks >>= 1) {
        inv_layer(a, blocks, len);
    }
    int16_t scale = logn == 9 ? -4779 : 3755; /* 2^32 / n mod q */
    int16_t scale_q = mul_lo(scale, QINV);
    for (size_t i = 0; i < n; i++) {
        a[i] = reduce(mont_by(a[i], scale, scale_q));
    }
}

void pqi_falcon_mul(int16_t *a, const int16_t *b, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    for (size_t i = 0; i < n; i++) {
        a[i] = mont_mul(a[i], b[i]);
    }
}

static inline int16_t square(int16_t x, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        x = mont_mul(x, x);
    }
    return x;
}

/* x^-1 = x^(q - 2); 0 for 0. q - 2 = 2 * 4096 + 4095, and 4095 = 63 * 65. |x| < q. */
static inline int16_t invert(int16_t x)
{
    int16_t x1 = mont_mul(x, R2);
    int16_t x3 = mont_mul(square(x1, 1), x1);
    int16_t x15 = mont_mul(square(x3, 2), x3);
    int16_t x63 = mont_mul(square(x15, 2), x3);
    int16_t x4095 = mont_mul(square(x63, 6), x63);
    int16_t x4096 = mont_mul(x4095, x1);
    return mont_mul(mont_mul(square(x4096, 1), x4095), 1);
}

uint32_t pqi_falcon_div(int16_t *a, const int16_t *b, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    uint32_t zero = 0;
    for (size_t i = 0; i < n; i++) {
        zero |= ((uint32_t)(uint16_t)b[i] - 1u) >> 31; /* centred: only 0 is 0 mod q */
        a[i] = mont_mul(a[i], invert(b[i]));
    }
    return 0u - zero;
}

void pqi_falcon_from_small(int16_t *a, const int8_t *small, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    for (size_t i = 0; i < n; i++) {
        a[i] = (int16_t)small[i];
    }
}

int16_t pqi_falcon_centre(int16_t a)
{
    int32_t r = reduce(a);
    r -= Q & ((Q / 2 - r) >> 15);
    r += Q & ((r + Q / 2) >> 15);
    return (int16_t)r;
}

/* Copies a to G; the mask is all ones where a coefficient leaves -127..127. */
static uint32_t to_small(int8_t *G, const int16_t *a, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t v = pqi_falcon_centre(a[i]);
        bad |= (uint32_t)(127 - v) | (uint32_t)(v + 127);
        G[i] = (int8_t)(v & 0xff);
    }
    return 0u - (bad >> 31);
}

pqi_status pqi_falcon_complete_G(
    int8_t *G, const int8_t *f, const int8_t *g, const int8_t *F, unsigned logn, void *tmp)
{
    size_t n = (size_t)1 << logn;
    int16_t *a = tmp, *b = a + n;
    /* Modulo q the NTRU equation is f G = g F. */
    pqi_falcon_from_small(a, g, logn);
    pqi_falcon_ntt(a, logn);
    pqi_falcon_from_small(b, F, logn);
    pqi_falcon_ntt(b, logn);
    pqi_falcon_mul(a, b, logn);
    for (size_t i = 0; i < n; i++) {
        a[i] = mont_mul(a[i], R2); /* the division below brings a factor 2^-16 of its own */
    }
    pqi_falcon_from_small(b, f, logn);
    pqi_falcon_ntt(b, logn);
    uint32_t bad = pqi_falcon_div(a, b, logn);
    reduce_all(a, n);
    pqi_falcon_intt(a, logn);
    bad |= to_small(G, a, n);
    PQI_PUBLIC(&bad, sizeof bad);
    if (bad != 0) {
        pqi_wipe(G, n);
        return PQI_ERR_ARG;
    }
    return PQI_OK;
}
