/* SPDX-License-Identifier: Apache-2.0
 * Challenges, evidence, credentials and proofs: what decodes is written again as the same bytes. */
#include <pqi/attest.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[32768];

static void same(pqi_status st, size_t n, const uint8_t *data, size_t size)
{
    if (st != PQI_OK || n != size || memcmp(again, data, size) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_attest_challenge c;
    pqi_attest_evidence e;
    pqi_ak_msg m;
    size_t n = 0;
    const pqi_cspan in = {data, size};
    const pqi_span out = {again, sizeof again};
    if (size > sizeof again) {
        return 0;
    }
    if (pqi_attest_challenge_decode(in, &c) == PQI_OK) {
        const pqi_status st = pqi_attest_challenge_encode(&c, out, &n);
        same(st, n, data, size);
    }
    if (pqi_attest_evidence_decode(in, &e) == PQI_OK) {
        const pqi_status st = pqi_attest_evidence_encode(&e, out, &n);
        same(st, n, data, size);
    }
    if (pqi_ak_msg_decode(in, &m) == PQI_OK) {
        const pqi_status st = pqi_ak_msg_encode(&m, out, &n);
        same(st, n, data, size);
    }
    return 0;
}
