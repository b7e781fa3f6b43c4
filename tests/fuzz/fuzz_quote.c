/* SPDX-License-Identifier: Apache-2.0
 * Quotes: what does not decode leaves *out alone; what does lies inside the input. */
#include <pqi/attest.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(pqi_cspan s, const uint8_t *data, size_t size)
{
    if (s.len != 0 && (s.ptr < data || s.len > size || (size_t)(s.ptr - data) > size - s.len)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_quote o, mark;
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_quote_decode((pqi_cspan){data, size}, &o) != PQI_OK) {
        if (memcmp(&o, &mark, sizeof o) != 0) {
            abort();
        }
        return 0;
    }
    inside(o.attest, data, size);
    inside(o.signer, data, size);
    inside(o.extra, data, size);
    if (o.pcr_mask == 0 || (o.pcr_mask & ~PQI_PCR_MASK_ALL) != 0 || o.clock_safe > 1) {
        abort();
    }
    return 0;
}
