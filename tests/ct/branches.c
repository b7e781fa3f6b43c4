/* SPDX-License-Identifier: Apache-2.0
 * Branches on purpose: the search of tools/ct-check for conditional branches must find both. */
#include <stdint.h>

uint32_t pqi_branches(uint32_t secret, volatile uint32_t *at);
uint32_t pqi_branches_loop(uint32_t secret, volatile uint32_t *at);

uint32_t pqi_branches(uint32_t secret, volatile uint32_t *at)
{
    if ((secret & 1u) != 0) {
        *at = 1;
    }
    return *at;
}

uint32_t pqi_branches_loop(uint32_t secret, volatile uint32_t *at)
{
    while (secret-- != 0) {
        *at = secret;
    }
    return *at;
}
