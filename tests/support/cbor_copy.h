/* SPDX-License-Identifier: Apache-2.0
 * Decodes one item of our CBOR subset and encodes it again, head by head. */
#ifndef PQI_TESTS_CBOR_COPY_H
#define PQI_TESTS_CBOR_COPY_H

#include "base/cbor.h"

/* in: accepted by pqi_cbor_check(). The items of a nested structure are just a longer flat row. */
static inline pqi_status cbor_copy(pqi_cspan in, pqi_span out, size_t *out_len)
{
    rd r = rd_of(in);
    wr w = wr_of(out);
    while (!r.bad && r.left != 0) {
        pqi_cbor_head h = pqi_cbor_next(&r);
        pqi_cbor_put_head(&w, h.major, h.arg);
        if (h.major == PQI_CBOR_BSTR || h.major == PQI_CBOR_TSTR) {
            wr_bytes(&w, rd_bytes(&r, (size_t)h.arg));
        }
    }
    pqi_status st = rd_done(&r);
    return st == PQI_OK ? wr_done(&w, out_len) : st;
}

#endif
