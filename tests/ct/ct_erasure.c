/* needs: pqi */
/* SPDX-License-Identifier: Apache-2.0
 * The erasure code with the bytes of the object undefined for valgrind; lengths, indices and the pattern
 * of loss are public. */
#include "ct/secret.h"
#include "session/erasure.h"

#include <stdio.h>
#include <string.h>

#define LEN   819u /* k = 26 chunks of 32, 13 bytes of fill */
#define CHUNK 32u

static int failed(const char *what)
{
    (void)puts(what);
    return 1;
}

int main(void)
{
    static uint8_t object[LEN], mem[26 * CHUNK];
    const pqi_span m = {mem, sizeof mem};
    pqi_erasure d;
    for (size_t i = 0; i < LEN; i++) {
        object[i] = (uint8_t)(i * 13u + 5u);
    }
    PQI_SECRET(object, sizeof object);
    if (pqi_erasure_begin(&d, LEN, CHUNK) != PQI_OK) {
        return failed("begin");
    }
    for (unsigned n = 0; n < 26; n++) { /* the last 13 chunks lost; each symbol twice */
        unsigned i = n < 13 ? n : n + 13;
        uint8_t symbol[CHUNK];
        if (pqi_erasure_symbol(&d.shape, (pqi_cspan){object, LEN}, i, (pqi_span){symbol, CHUNK}) !=
            PQI_OK) {
            return failed("symbol");
        }
        for (int twice = 0; twice < 2; twice++) {
            if (pqi_erasure_add(&d, m, i, (pqi_cspan){symbol, CHUNK}) != PQI_OK) {
                return failed("add");
            }
        }
        symbol[7] ^= 1;
        if (pqi_erasure_add(&d, m, i, (pqi_cspan){symbol, CHUNK}) != PQI_ERR_DECODE) {
            return failed("conflict");
        }
    }
    if (pqi_erasure_recover(&d, m) != PQI_OK) {
        return failed("recover");
    }
    if (pqi_erasure_whole(&d, m, (pqi_cspan){object, LEN}) != PQI_OK) {
        return failed("whole");
    }
    PQI_PUBLIC(mem, sizeof mem);
    PQI_PUBLIC(object, sizeof object);
    return memcmp(mem, object, LEN) != 0 ? failed("object") : 0;
}
