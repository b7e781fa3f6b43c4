/* SPDX-License-Identifier: Apache-2.0
 * Factory record: *out is untouched unless the record verifies. */
#include <pqi/host.h>
#include <pqi/join.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t scratch[256 * 1024];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_algs algs;
    pqi_factory o, mark;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    pqi_status st =
        pqi_factory_open(&algs, (pqi_cspan){data, size}, &o, (pqi_span){scratch, sizeof scratch});
    if (st != PQI_OK && memcmp(&o, &mark, sizeof o) != 0) {
        abort();
    }
    return 0;
}
