/* SPDX-License-Identifier: Apache-2.0
 * Argument checks that the front doors share. */
#ifndef PQI_BASE_ARGS_H
#define PQI_BASE_ARGS_H

#include "base/mem.h"
#include <pqi/span.h>
#include <pqi/status.h>

#include <stdbool.h>

/* A span may have no pointer only when it is empty. */
static inline bool pqi_args_span(pqi_cspan s)
{
    return s.ptr != NULL || s.len == 0;
}

static inline bool pqi_args_exact(pqi_cspan s, size_t len)
{
    return s.ptr != NULL && s.len == len;
}

static inline bool pqi_args_parts(const pqi_cspan *parts, size_t n_parts)
{
    if (parts == NULL) {
        return n_parts == 0;
    }
    for (size_t i = 0; i < n_parts; i++) {
        if (!pqi_args_span(parts[i])) {
            return false;
        }
    }
    return true;
}

/* Scratch of at least `need` bytes, 8-aligned. */
static inline pqi_status pqi_args_tmp(pqi_span tmp, size_t need)
{
    if (tmp.ptr == NULL || ((uintptr_t)tmp.ptr & 7u) != 0) {
        return PQI_ERR_ARG;
    }
    return tmp.len < need ? PQI_ERR_SPACE : PQI_OK;
}

/* Zeroes an output of a failed call. */
static inline void pqi_args_clear(pqi_span out)
{
    if (out.ptr != NULL) {
        memset(out.ptr, 0, out.len);
    }
}

#endif
