/* SPDX-License-Identifier: Apache-2.0
 * Attestation policies: what decodes has whole, ascending rows; merged with itself it is itself. */
#include "ident/cose.h"

#include <pqi/attest.h>
#include <pqi/host.h>
#include <pqi/role.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[PQI_ATTEST_POLICY_MAX + 1];

static void check_rows(pqi_cspan list, size_t row)
{
    for (size_t at = row; at < list.len; at += row) {
        if (memcmp(list.ptr + at - row, list.ptr + at, row) >= 0) {
            abort();
        }
    }
    if (list.len % row != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_attest_policy o, mark;
    pqi_algs algs;
    size_t n = 0;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_attest_policy_decode(&algs, (pqi_cspan){data, size}, &o) != PQI_OK) {
        if (memcmp(&o, &mark, sizeof o) != 0) {
            abort();
        }
        return 0;
    }
    for (uint32_t i = 0; i < o.n_classes; i++) {
        check_rows(o.classes[i].digests, PQI_PCR_LEN);
        check_rows(o.classes[i].values, PQI_ATTEST_ROW);
        check_rows(o.classes[i].events, PQI_ATTEST_ROW);
        if (pqi_attest_policy_class(&o, o.classes[i].name) != &o.classes[i]) {
            abort();
        }
    }
    if (pqi_cose_merge(o.encoded, o.encoded, (pqi_span){again, sizeof again}, &n) != PQI_OK ||
        n != size || memcmp(again, data, size) != 0) {
        abort();
    }
    return 0;
}
