/* SPDX-License-Identifier: Apache-2.0
 * The only functions of a C library that the core may call. Declared here, as C11 7.1.4 allows, so
 * that the core compiles where there is no <string.h>. */
#ifndef PQI_BASE_MEM_H
#define PQI_BASE_MEM_H

#include <stddef.h>

#if defined(__STDC_HOSTED__) && __STDC_HOSTED__
#include <string.h> /* hosts may have them as inline functions */
#else
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
#endif

#endif
