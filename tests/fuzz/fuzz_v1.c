/* SPDX-License-Identifier: Apache-2.0
 * v1 packets: what parses is wholly accounted for, and none of its strict prefixes down to the
 * signature has another reading. */
#include <pqi/host.h>
#include <pqi/v1.h>

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
    pqi_algs a;
    pqi_algs_all(&a, &pqi_classic_openssl);
    pqi_v1_packet k, mark;
    memset(&k, 0x5a, sizeof k);
    memcpy(&mark, &k, sizeof k);
    pqi_status st = pqi_v1_parse(&a, (pqi_cspan){data, size}, &k);
    if (st != PQI_OK) {
        must(st == PQI_ERR_DECODE || st == PQI_ERR_UNSUPPORTED);
        must(memcmp(&k, &mark, sizeof k) == 0);
        return 0;
    }
    must(k.hdr.len + k.gate.len + k.capsule.len + k.ct.len + k.sig.len == size);
    must(k.hdr.ptr == data && k.sig.ptr + k.sig.len == data + size);
    must(k.ct.len >= PQI_AEAD_TAG && k.sig.len != 0);
    static const uint8_t gk[PQI_GATE_KEY] = {1};
    static const uint8_t pk[PQI_KEM_MAX_PK] = {2};
    const pqi_v1_ends e = {{PQI_LIT("a")}, {PQI_LIT("b")}, {PQI_LIT("t")},
        {{pk, k.suite->kem->pk_len}, {pk, PQI_X25519_LEN}}, gk,
        {pk, k.type == PQI_V1_T_PREKEY ? PQI_KEY_ID_LEN : 0u}};
    must(pqi_v1_check_gate(&a, &k, &e) == PQI_ERR_AUTH);
    pqi_v1_inner inner;
    pqi_status st_in = pqi_v1_read_inner(&k, k.ct, &inner);
    must(st_in == PQI_OK || st_in == PQI_ERR_DECODE);
    must(
        st_in != PQI_OK || inner.message.len + (k.flags != 0 ? PQI_V1_EXPIRY_LEN : 0u) == k.ct.len);
    return 0;
}
