/* SPDX-License-Identifier: Apache-2.0
 * Sampling, FIPS 203 section 4.2.2. */
#include "prim/mlkem/poly.h"

/* Algorithm 7. The matrix is public, so rejection may take its time. Both candidates of a group are
 * stored before they are judged: a rejected one is overwritten by the next. */
unsigned pqi_mlkem_rej(int16_t *c, unsigned have, unsigned want, const uint8_t *in, size_t len)
{
    while (len >= 3 && have < want) {
        unsigned d1 = in[0] | (in[1] & 15u) << 8;
        unsigned d2 = (unsigned)in[1] >> 4 | (unsigned)in[2] << 4;
        in += 3;
        len -= 3;
        c[have] = (int16_t)d1;
        have += d1 < PQI_MLKEM_Q;
        if (have < want) {
            c[have] = (int16_t)d2;
            have += d2 < PQI_MLKEM_Q;
        }
    }
    return have;
}

/* Algorithm 8: each coefficient is the sum of eta bits minus the sum of eta bits. */
static void cbd2_add(int16_t *c, unsigned n, const uint8_t *in)
{
    for (unsigned i = 0; i < n; i += 8, in += 4) {
        uint32_t t =
            (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
        t = (t & 0x55555555u) + (t >> 1 & 0x55555555u); /* sums of two bits */
        for (unsigned j = 0; j < 8; j++, t >>= 4) {
            *c = (int16_t)(*c + (int)(t & 3u) - (int)(t >> 2 & 3u));
            c++;
        }
    }
}

static void cbd3_add(int16_t *c, unsigned n, const uint8_t *in)
{
    for (unsigned i = 0; i < n; i += 4, in += 3) {
        uint32_t t = (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;
        t = (t & 0x249249u) + (t >> 1 & 0x249249u) + (t >> 2 & 0x249249u); /* sums of three bits */
        for (unsigned j = 0; j < 4; j++, t >>= 6) {
            *c = (int16_t)(*c + (int)(t & 7u) - (int)(t >> 3 & 7u));
            c++;
        }
    }
}

void pqi_mlkem_cbd_add(int16_t *c, unsigned n, const uint8_t *in, unsigned eta)
{
    if (eta == 3) {
        cbd3_add(c, n, in);
    } else {
        cbd2_add(c, n, in);
    }
}
