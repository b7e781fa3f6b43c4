/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_TESTS_PQI_HEX_H
#define PQI_TESTS_PQI_HEX_H

#include "pqi_test.h"

static inline unsigned pqi_hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != 0 ? strchr(digits, c) : NULL;
    assert_non_null(at);
    return (unsigned)(at - digits);
}

/* Decodes lower-case hex into out and returns the number of bytes. */
static inline size_t pqi_unhex(uint8_t *out, size_t room, const char *hex)
{
    size_t n = strlen(hex) / 2;
    assert_true(strlen(hex) % 2 == 0 && n <= room);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(pqi_hex_digit(hex[2 * i]) << 4 | pqi_hex_digit(hex[2 * i + 1]));
    }
    return n;
}

/* Fails unless the n bytes at p are those of the hex string. */
static inline void pqi_assert_hex(const uint8_t *p, size_t n, const char *hex)
{
    uint8_t want[512];
    assert_int_equal(pqi_unhex(want, sizeof want, hex), n);
    assert_memory_equal(p, want, n);
}

#endif
