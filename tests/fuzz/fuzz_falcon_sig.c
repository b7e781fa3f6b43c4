/* SPDX-License-Identifier: Apache-2.0
 * Falcon signatures. The first byte chooses set and format; the rest is a public key and a signature.
 * What decodes is encoded to the same bytes, in no other format, and verification agrees with the
 * decoder on what is refused. */
#include "prim/falcon/codec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void one_format(pqi_cspan body, unsigned logn, pqi_falcon_format format)
{
    static int16_t s2[PQI_FALCON_MAX_N];
    static uint8_t again[PQI_FALCON1024_SIG_CT];
    if (pqi_falcon_decode_s2(s2, body, format, logn) != PQI_OK) {
        return;
    }
    size_t room = pqi_falcon_len(logn, format) - PQI_FALCON_SIG_HEAD;
    must(pqi_falcon_encode_s2(again, room, format, s2, logn) == body.len);
    must(memcmp(again, body.ptr, body.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union {
        uint64_t align;
        uint8_t b[PQI_FALCON1024_VERIFY_TMP];
    } tmp;
    static int16_t h[PQI_FALCON_MAX_N];
    static uint8_t again[PQI_FALCON1024_PK];
    if (size == 0) {
        return 0;
    }
    unsigned logn = 9 + (data[0] & 1u);
    pqi_falcon_format format = (pqi_falcon_format)(1 + (data[0] >> 1) % 3u);
    const pqi_sig *alg = logn == 9 ? &pqi_sig_falcon_512_verify : &pqi_sig_falcon_1024_verify;
    if (size < 1 + alg->pk_len) {
        return 0;
    }
    const pqi_cspan pk = {data + 1, alg->pk_len};
    const pqi_cspan sig = {pk.ptr + pk.len, size - 1 - pk.len};
    pqi_status st =
        pqi_falcon_verify(alg, format, pk, NULL, 0, sig, (pqi_span){tmp.b, alg->verify_tmp});
    must(st == PQI_OK || st == PQI_ERR_AUTH);
    if (pqi_falcon_decode_pk(h, pk.ptr, logn) == PQI_OK) {
        pqi_falcon_encode_pk(again, h, logn);
        must(memcmp(again, pk.ptr, pk.len) == 0);
    } else {
        must(st == PQI_ERR_AUTH);
    }
    if (sig.len <= PQI_FALCON_SIG_HEAD) {
        must(st == PQI_ERR_AUTH);
        return 0;
    }
    const pqi_cspan body = {sig.ptr + PQI_FALCON_SIG_HEAD, sig.len - PQI_FALCON_SIG_HEAD};
    must(st != PQI_OK || pqi_falcon_decode_s2(h, body, format, logn) == PQI_OK);
    for (int f = PQI_FALCON_COMPRESSED; f <= PQI_FALCON_CT; f++) {
        one_format(body, logn, (pqi_falcon_format)f);
        must(st != PQI_OK || f == (int)format ||
             pqi_falcon_verify(alg, (pqi_falcon_format)f, pk, NULL, 0, sig,
                 (pqi_span){tmp.b, alg->verify_tmp}) == PQI_ERR_AUTH);
    }
    return 0;
}
