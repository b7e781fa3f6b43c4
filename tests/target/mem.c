/* SPDX-License-Identifier: Apache-2.0
 * The three functions of the C library that the core calls, for images without one: words where
 * both sides are aligned, bytes elsewhere. */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

/* The loops below must not be turned into calls of the functions they are. */
#define PLAIN_LOOP __attribute__((optimize("no-tree-loop-distribute-patterns")))

typedef uint32_t __attribute__((may_alias)) word;

#define IS_ALIGNED(p) (((uintptr_t)(p)&3u) == 0)

PLAIN_LOOP void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;
    if (IS_ALIGNED(d) && IS_ALIGNED(s)) {
        for (; n >= 4; n -= 4, d += 4, s += 4) {
            *(word *)(void *)d = *(const word *)(const void *)s;
        }
    }
    for (; n > 0; n--) {
        *d++ = *s++;
    }
    return dst;
}

PLAIN_LOOP void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;
    if ((uintptr_t)d < (uintptr_t)s) {
        for (size_t i = 0; i < n; i++) {
            d[i] = s[i];
        }
    } else {
        for (size_t i = n; i > 0; i--) {
            d[i - 1] = s[i - 1];
        }
    }
    return dst;
}

PLAIN_LOOP void *memset(void *dst, int c, size_t n)
{
    uint8_t *d = dst;
    const uint32_t all = (uint8_t)c * 0x01010101u;
    if (IS_ALIGNED(d)) {
        for (; n >= 4; n -= 4, d += 4) {
            *(word *)(void *)d = all;
        }
    }
    for (; n > 0; n--) {
        *d++ = (uint8_t)c;
    }
    return dst;
}
