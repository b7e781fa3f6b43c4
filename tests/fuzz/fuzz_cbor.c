/* SPDX-License-Identifier: Apache-2.0
 * The CBOR checker: whatever it accepts has one end (no strict prefix by one byte, no extension is
 * accepted) and stays accepted with more depth allowed. */
#include "base/cbor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_neighbours(const uint8_t *data, size_t size)
{
    uint8_t *longer = malloc(size + 1);
    must(longer != NULL);
    memcpy(longer, data, size);
    longer[size] = 0;
    must(pqi_cbor_check((pqi_cspan){longer, size + 1}, PQI_CBOR_DEPTH_MAX) == PQI_ERR_DECODE);
    must(pqi_cbor_check((pqi_cspan){data, size - 1}, PQI_CBOR_DEPTH_MAX) == PQI_ERR_DECODE);
    free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pqi_cspan in = {data, size};
    pqi_status before = PQI_ERR_DECODE;
    for (unsigned depth = 0; depth <= PQI_CBOR_DEPTH_MAX; depth++) {
        pqi_status now = pqi_cbor_check(in, depth);
        must(before != PQI_OK || now == PQI_OK);
        before = now;
    }
    if (before == PQI_OK) {
        must(size != 0);
        check_neighbours(data, size);
    }
    rd r = {data, size, false};
    (void)pqi_cbor_next(&r);
    (void)pqi_cbor_bstr(&r, 0, SIZE_MAX);
    pqi_status text = pqi_utf8_check(in);
    must(text == PQI_OK || text == PQI_ERR_DECODE);
    return 0;
}
