/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/wipe.h>

#include <stdint.h>

/* The clobber makes the stores observable, so they cannot be removed as dead. memset, in contrast to
 * volatile stores or a loop of bytes, may write words. */
void pqi_wipe(void *p, size_t len)
{
#if defined(__GNUC__)
    if (len != 0) {
        __builtin_memset(p, 0, len);
    }
    __asm__ __volatile__("" : : "r"(p) : "memory");
#else
    volatile uint8_t *v = p;
    for (size_t i = 0; i < len; i++) {
        v[i] = 0;
    }
#endif
}
