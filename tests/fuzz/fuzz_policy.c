/* SPDX-License-Identifier: Apache-2.0
 * Policy: what decodes encodes again to the same bytes; *out is untouched otherwise. */
#include "support/reencode.h"
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[PQI_POLICY_MAX + 1];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_policy o, mark;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_policy_decode(&algs, (pqi_cspan){data, size}, &o) != PQI_OK) {
        if (memcmp(&o, &mark, sizeof o) != 0) {
            abort();
        }
        return 0;
    }
    size_t n = reencode_policy(&o, (pqi_span){again, sizeof again});
    if (n != size || memcmp(again, data, size) != 0) {
        abort();
    }
    memset(again, 0, sizeof again);
    if (pqi_cose_merge(o.encoded, o.encoded, (pqi_span){again, sizeof again}, &n) != PQI_OK ||
        n != size || memcmp(again, data, size) != 0) {
        abort(); /* with itself it is itself */
    }
    pqi_policy alone;
    if (pqi_policy_payload(&algs, o.payload, &alone) != PQI_OK ||
        memcmp(alone.hash, o.hash, sizeof o.hash) != 0) {
        abort();
    }
    return 0;
}
