/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/falcon/gauss.h"

#include "ct/secret.h"
#include <pqi/wipe.h>

/* A coefficient for n is the sum of 1024/n draws of deviation sigma = 1.17 sqrt(q / 2048), so that
 * (f, g) has the length that section 3.8.2 wants. Entry 0 is 2^63 P(|v| = 0); entry k is
 * 2^63 P(|v| > k given |v| > 0). */
#define ENTRIES 26u
static const uint64_t tail[ENTRIES] = {1283868770400643928u, 6416574995475331444u,
    4078260278032692663u, 2353523259288686585u, 1227179971273316331u, 575931623374121527u,
    242543240509105209u, 91437049221049666u, 30799446349977173u, 9255276791179340u,
    2478152334826140u, 590642893610164u, 125206034929641u, 23590435911403u, 3948334035941u,
    586753615614u, 77391054539u, 9056793210u, 940121950u, 86539696u, 7062824u, 510971u, 32764u,
    1862u, 94u, 4u};

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 8; i-- != 0;) {
        v = v << 8 | p[i];
    }
    return v;
}

/* One draw from 16 bytes: the first word gives sign and "is zero", the second the size. */
static inline int32_t draw(const uint8_t in[16])
{
    const uint64_t mask = UINT64_MAX >> 1;
    uint64_t first = load64(in), second = load64(in + 8) & mask;
    uint32_t negative = (uint32_t)(first >> 63);
    uint32_t zero = (uint32_t)(((first & mask) - tail[0]) >> 63);
    uint32_t v = 1;
    for (unsigned k = 1; k < ENTRIES; k++) {
        v += (uint32_t)((second - tail[k]) >> 63);
    }
    v &= zero - 1u;
    return (int32_t)((v ^ (0u - negative)) + negative);
}

/* At most 2 * 26 in absolute value. */
static int32_t coefficient(unsigned logn, pqi_xof *x)
{
    uint8_t in[16];
    int32_t sum = 0;
    for (unsigned i = 0; i < 1u << (10 - logn); i++) {
        pqi_xof_squeeze(x, in, sizeof in);
        sum += draw(in);
    }
    pqi_wipe(in, sizeof in);
    return sum;
}

void pqi_falcon_gauss(int8_t *f, unsigned logn, pqi_xof *x)
{
    size_t last = ((size_t)1 << logn) - 1;
    int32_t v;
    uint32_t parity = 0, odd;
    for (size_t i = 0; i < last; i++) {
        v = coefficient(logn, x);
        parity ^= (uint32_t)v & 1u;
        f[i] = (int8_t)v;
    }
    do { /* an even resultant would have no inverse modulo that of g */
        v = coefficient(logn, x);
        odd = parity ^ ((uint32_t)v & 1u);
        PQI_PUBLIC(&odd, sizeof odd);
    } while (odd == 0);
    f[last] = (int8_t)v;
}
