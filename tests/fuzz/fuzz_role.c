/* SPDX-License-Identifier: Apache-2.0
 * Role record: *out is untouched unless the record verifies. */
#include <pqi/host.h>
#include <pqi/role.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t scratch[256 * 1024];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_algs algs;
    pqi_role_record o, mark;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    pqi_status st = pqi_role_record_open(
        &algs, (pqi_cspan){data, size}, &o, (pqi_span){scratch, sizeof scratch});
    if (st != PQI_OK && memcmp(&o, &mark, sizeof o) != 0) {
        abort();
    }
    return 0;
}
