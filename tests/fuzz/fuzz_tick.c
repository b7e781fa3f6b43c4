/* SPDX-License-Identifier: Apache-2.0
 * Ticks of a fleet and of a delegate: what decodes is written again as the same bytes. */
#include <pqi/control.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_tick o, mark;
    uint8_t again[PQI_LOCAL_TICK_LEN];
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_tick_decode((pqi_cspan){data, size}, &o) != PQI_OK) {
        if (memcmp(&o, &mark, sizeof o) != 0) {
            abort();
        }
        return 0;
    }
    if (pqi_tick_write(&o, again) != size || memcmp(again, data, size) != 0) {
        abort();
    }
    return 0;
}
