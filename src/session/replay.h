/* SPDX-License-Identifier: Apache-2.0
 * Replay window over a bit ring: numbers, nothing else. Bit i of the ring belongs to the one number
 * n with n mod width == i in (high - width, high]; widths 128 and 1024 use the same memory.
 * docs/spec/v1.md section 5. */
#ifndef PQI_SESSION_REPLAY_H
#define PQI_SESSION_REPLAY_H

#include <pqi/endpoint.h>

/* Starts a window that accepts any number above floor. */
void pqi_window_reset(pqi_window *w, uint64_t floor);

/* PQI_OK: n is new; PQI_ERR_REPLAY: zero, seen, at or below the floor, or older than the window.
 * Changes nothing. width: 64..PQI_WINDOW_BITS, a multiple of 64. */
PQI_MUST_CHECK pqi_status pqi_window_peek(const pqi_window *w, uint32_t width, uint64_t n);

/* Marks n, which peek has just called new. Same statuses. */
PQI_MUST_CHECK pqi_status pqi_window_commit(pqi_window *w, uint32_t width, uint64_t n);

#endif
