/* SPDX-License-Identifier: Apache-2.0
 * Loaded before the C library: a random generator that gives the same bytes each time. */
#include <string.h>
#include <sys/random.h>

__attribute__((visibility("default"))) ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    memset(buf, 0x5a, len);
    return (ssize_t)len;
}
