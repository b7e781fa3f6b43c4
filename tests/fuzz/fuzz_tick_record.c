/* SPDX-License-Identifier: Apache-2.0
 * Records of tick boxes: what decodes is written again as the same bytes; *out is untouched otherwise. */
#include <pqi/control.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_ticks_record o, mark;
    uint8_t again[PQI_TICKS_RECORD_MAX];
    size_t n = 0;
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_ticks_record_decode((pqi_cspan){data, size}, &o) != PQI_OK) {
        if (memcmp(&o, &mark, sizeof o) != 0) {
            abort();
        }
        return 0;
    }
    if (pqi_ticks_record_write(&o, (pqi_span){again, sizeof again}, &n) != PQI_OK || n != size ||
        memcmp(again, data, size) != 0) {
        abort();
    }
    return 0;
}
