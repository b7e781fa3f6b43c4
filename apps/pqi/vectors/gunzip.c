/* SPDX-License-Identifier: Apache-2.0
 * gzip files (RFC 1952), with a bound on what comes out. */
#include "vectors.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GZIP_ONLY (16 + MAX_WBITS) /* of inflateInit2(): a gzip header and trailer, nothing else */

/* Twice the room, at most cap + 1 bytes and the NUL: one more than the bound shows the excess. */
static void grow(pqi_span *out, size_t cap)
{
    size_t room = out->len * 2 > cap + 1 ? cap + 1 : out->len * 2;
    uint8_t *p = pqi_cli_alloc(room + 1);
    memcpy(p, out->ptr, out->len);
    free(out->ptr);
    *out = (pqi_span){p, room};
}

bool pqi_vec_gunzip(pqi_cspan in, size_t cap, pqi_span *out)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len};
    pqi_span room = {pqi_cli_alloc(65536 + 1), 65536};
    int rc = in.len <= UINT32_MAX ? inflateInit2(&z, GZIP_ONLY) : Z_MEM_ERROR;
    while (rc == Z_OK && z.total_out <= cap) {
        if (z.total_out == room.len) {
            grow(&room, cap);
        }
        z.next_out = room.ptr + z.total_out;
        z.avail_out = (uInt)(room.len - z.total_out);
        rc = inflate(&z, Z_NO_FLUSH);
    }
    bool whole = rc == Z_STREAM_END && z.avail_in == 0 && z.total_out <= cap;
    size_t n = z.total_out;
    (void)inflateEnd(&z);
    if (!whole) {
        free(room.ptr);
        return false;
    }
    room.ptr[n] = 0;
    *out = (pqi_span){room.ptr, n};
    return true;
}
