/* SPDX-License-Identifier: Apache-2.0
 * The combiner of composite KEMs with both secrets undefined for valgrind. P-256 itself is OpenSSL's. */
#include "ct/secret.h"

#include <pqi/composite.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
    static const pqi_composite_kem kem = {.label = {PQI_LIT("|-()-|")}};
    uint8_t a[PQI_KEM_SS], b[PQI_P256_SS], ss[PQI_KEM_SS], again[PQI_KEM_SS];
    uint8_t ct[PQI_P256_PK] = {4, 1}, ek[PQI_P256_PK] = {4, 2};
    memset(a, 0x42, sizeof a);
    memset(b, 0x24, sizeof b);
    PQI_SECRET(a, sizeof a);
    PQI_SECRET(b, sizeof b);
    pqi_composite_kem_combine(&kem, a, b, ct, ek, ss);
    pqi_composite_kem_combine(&kem, a, b, ct, ek, a); /* in place */
    memcpy(again, a, sizeof again);
    b[0] ^= 1;
    pqi_composite_kem_combine(&kem, ss, b, ct, ek, a);
    PQI_PUBLIC(ss, sizeof ss);
    PQI_PUBLIC(again, sizeof again);
    PQI_PUBLIC(a, sizeof a);
    int bad = memcmp(ss, again, sizeof ss) != 0 || memcmp(ss, a, sizeof ss) == 0;
    (void)puts(bad == 0 ? "ct_composite: ok" : "ct_composite: wrong answer");
    return bad;
}
