/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/wipe.h>

#include <stdint.h>

/* The clobber makes the stores observable, so they cannot be removed as dead; a plain loop lets the
 * compiler use its memset, which volatile stores would not. */
void pqi_wipe(void *p, size_t len)
{
    uint8_t *b = p;
    for (size_t i = 0; i < len; i++) {
        b[i] = 0;
    }
#if defined(__GNUC__)
    __asm__ __volatile__("" : : "r"(p) : "memory");
#else
    volatile uint8_t *v = p;
    for (size_t i = 0; i < len; i++) {
        v[i] = 0;
    }
#endif
}
