/* SPDX-License-Identifier: Apache-2.0
 * The smallest user of an installed library. */
#include <pqi/status.h>
#include <pqi/wipe.h>

int main(void)
{
    unsigned char secret[4] = {1, 2, 3, 4};
    pqi_wipe(secret, sizeof secret);
    return secret[0] == 0 && pqi_status_name(PQI_OK)[0] == 'P' ? 0 : 1;
}
