/* SPDX-License-Identifier: Apache-2.0
 * The constant-time helpers themselves, on secret operands and secret masks. */
#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

int main(void)
{
    uint8_t a[40], b[40];
    for (uint8_t i = 0; i < sizeof a; i++) {
        a[i] = i;
        b[i] = (uint8_t)(i ^ (i == 7 ? 1u : 0u));
    }
    PQI_SECRET(a, sizeof a);
    PQI_SECRET(b, sizeof b);
    uint32_t same = pqi_ct_eq_mask(a, b, sizeof a);
    uint32_t zero = pqi_ct_is_zero_mask(a, 1);
    pqi_ct_copy_if(zero, b, a, sizeof b);
    uint32_t now = pqi_ct_eq_mask(a, b, sizeof a);
    uint32_t picked = pqi_ct_select_u32(pqi_ct_eq_u32(a[3], 3), 5, 6);
    PQI_PUBLIC(&same, sizeof same);
    PQI_PUBLIC(&zero, sizeof zero);
    PQI_PUBLIC(&now, sizeof now);
    PQI_PUBLIC(&picked, sizeof picked);
    pqi_wipe(a, sizeof a);
    return same == 0 && zero == UINT32_MAX && now == UINT32_MAX && picked == 5 ? 0 : 1;
}
