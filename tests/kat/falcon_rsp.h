/* SPDX-License-Identifier: Apache-2.0
 * Reading the published Falcon vectors in place; a test skips where they are not there. */
#ifndef PQI_TESTS_KAT_FALCON_RSP_H
#define PQI_TESTS_KAT_FALCON_RSP_H

#include "pqi_test.h"

#include <ctype.h>
#include <stdbool.h>

#define VECTORS PQI_SOURCE_DIR "/../shared/vectors/falcon/"

/* The longest line: sm of count 99, 3300 + 42 + 1461 bytes in hex, or a private key. */
#define LINE_MAX_LEN 16384

static inline FILE *open_vectors(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s%s", VECTORS, name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        print_message("# SKIP no %s\n", name);
        skip();
    }
    return f;
}

/* The bytes of the next value that follows `key`; false at the end of the file. Lines that do not
 * start with the key are passed over. */
static inline bool next_hex(FILE *f, const char *key, uint8_t *out, size_t room, size_t *len)
{
    static char line[LINE_MAX_LEN];
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, strlen(key)) != 0) {
            continue;
        }
        *len = 0;
        for (const char *p = line + strlen(key); isxdigit((unsigned char)*p); p += 2) {
            unsigned byte;
            assert_true(*len < room);
            assert_int_equal(sscanf(p, "%2x", &byte), 1);
            out[(*len)++] = (uint8_t)byte;
        }
        return true;
    }
    return false;
}

#endif
