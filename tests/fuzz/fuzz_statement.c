/* SPDX-License-Identifier: Apache-2.0
 * Statement: what decodes encodes again to the same bytes; *out is untouched otherwise. */
#include "support/reencode.h"
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[PQI_STATEMENT_MAX + 1];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_statement o, mark;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_statement_decode(&algs, (pqi_cspan){data, size}, &o) != PQI_OK) {
        if (memcmp(&o, &mark, sizeof o) != 0) {
            abort();
        }
        return 0;
    }
    size_t n = reencode_statement(&o, (pqi_span){again, sizeof again});
    if (n != size || memcmp(again, data, size) != 0) {
        abort();
    }
    return 0;
}
