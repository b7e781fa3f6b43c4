/* SPDX-License-Identifier: Apache-2.0
 * AK certificates and requests: what does not decode leaves *out alone. */
#include <pqi/attest.h>
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(16) uint8_t tmp[262144];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_ak_cert c, c_mark;
    pqi_ak_request q, q_mark;
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&c, 0x5a, sizeof c);
    memcpy(&c_mark, &c, sizeof c);
    memset(&q, 0x5a, sizeof q);
    memcpy(&q_mark, &q, sizeof q);
    const pqi_cspan in = {data, size};
    if (pqi_ak_cert_decode(&algs, in, &c) != PQI_OK && memcmp(&c, &c_mark, sizeof c) != 0) {
        abort();
    }
    if (pqi_ak_request_open(&algs, in, &q, (pqi_span){tmp, sizeof tmp}) != PQI_OK &&
        memcmp(&q, &q_mark, sizeof q) != 0) {
        abort();
    }
    return 0;
}
