/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_WIPE_H
#define PQI_WIPE_H

#include <pqi/status.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Overwrites `len` bytes at `p` with zero in a way the compiler may not remove. NULL with len 0 is
 * fine. Thread-safe on distinct memory. */
PQI_API void pqi_wipe(void *p, size_t len);

#ifdef __cplusplus
}
#endif
#endif
