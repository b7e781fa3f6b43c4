/* SPDX-License-Identifier: Apache-2.0
 * Replay window, docs/spec/v1.md section 5. */
#include "session/replay.h"

#include "base/mem.h"

static uint64_t bit_of(uint32_t width, uint64_t n, size_t *word)
{
    uint32_t i = (uint32_t)(n % width);
    *word = i / 64u;
    return UINT64_C(1) << (i % 64u);
}

void pqi_window_reset(pqi_window *w, uint64_t floor)
{
    memset(w, 0, sizeof *w);
    w->floor = floor;
    w->high = floor;
}

static int width_ok(uint32_t width)
{
    return width >= 64u && width <= PQI_WINDOW_BITS && width % 64u == 0;
}

pqi_status pqi_window_peek(const pqi_window *w, uint32_t width, uint64_t n)
{
    if (!width_ok(width)) {
        return PQI_ERR_ARG;
    }
    if (n == 0 || n <= w->floor) {
        return PQI_ERR_REPLAY;
    }
    if (n > w->high) {
        return PQI_OK;
    }
    if (w->high - n >= width) {
        return PQI_ERR_REPLAY;
    }
    size_t word;
    uint64_t bit = bit_of(width, n, &word);
    return (w->bits[word] & bit) != 0 ? PQI_ERR_REPLAY : PQI_OK;
}

pqi_status pqi_window_commit(pqi_window *w, uint32_t width, uint64_t n)
{
    pqi_status st = pqi_window_peek(w, width, n);
    if (st != PQI_OK) {
        return st;
    }
    size_t word;
    if (n > w->high) {
        /* Clear the bits of the numbers that enter: at most the whole ring. */
        uint64_t gap = n - w->high;
        uint32_t steps = gap < width ? (uint32_t)gap : width;
        for (uint32_t i = 0; i < steps; i++) {
            uint64_t bit = bit_of(width, n - i, &word);
            w->bits[word] &= ~bit;
        }
        w->high = n;
    }
    uint64_t bit = bit_of(width, n, &word);
    w->bits[word] |= bit;
    return PQI_OK;
}
