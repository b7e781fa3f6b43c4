/* SPDX-License-Identifier: Apache-2.0
 * Divides, and makes a Cortex-M0 call a helper, on purpose: tools/ct-check fails when its search of
 * the machine code does not see it. */
#include <stdint.h>

uint32_t pqi_divides(uint32_t a, uint32_t b);
uint64_t pqi_divides_long(uint64_t a, uint64_t b);
uint64_t pqi_multiplies(uint32_t a, uint32_t b);

uint32_t pqi_divides(uint32_t a, uint32_t b)
{
    return a / b;
}

uint64_t pqi_divides_long(uint64_t a, uint64_t b)
{
    return a % b;
}

uint64_t pqi_multiplies(uint32_t a, uint32_t b)
{
    return (uint64_t)a * b;
}
