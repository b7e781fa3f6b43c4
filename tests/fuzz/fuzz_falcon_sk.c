/* SPDX-License-Identifier: Apache-2.0
 * Falcon private keys. The first byte chooses the set. What decodes is encoded to the same bytes; a
 * G that is found lies in its range; a refused key leaves nothing. */
#include "prim/falcon/codec.h"
#include "prim/falcon/modq.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union {
        uint64_t align;
        uint8_t b[PQI_FALCON_COMPLETE_TMP(PQI_FALCON_MAX_N)];
    } tmp;
    static int8_t f[PQI_FALCON_MAX_N], g[PQI_FALCON_MAX_N], F[PQI_FALCON_MAX_N];
    static int8_t G[PQI_FALCON_MAX_N], zero[PQI_FALCON_MAX_N];
    static uint8_t again[PQI_FALCON1024_SK];
    if (size == 0) {
        return 0;
    }
    unsigned logn = 9 + (data[0] & 1u);
    size_t n = (size_t)1 << logn, len = logn == 9 ? PQI_FALCON512_SK : PQI_FALCON1024_SK;
    if (size != 1 + len) {
        return 0;
    }
    if (pqi_falcon_decode_sk(f, g, F, data + 1, logn) != PQI_OK) {
        must(memcmp(f, zero, n) == 0 && memcmp(g, zero, n) == 0 && memcmp(F, zero, n) == 0);
        return 0;
    }
    must(pqi_falcon_encode_sk(again, f, g, F, logn) == PQI_OK);
    must(memcmp(again, data + 1, len) == 0);
    if (pqi_falcon_complete_G(G, f, g, F, logn, tmp.b) != PQI_OK) {
        must(memcmp(G, zero, n) == 0);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        must(G[i] != -128);
    }
    return 0;
}
