/* SPDX-License-Identifier: Apache-2.0
 * Expiry frames, the front of v1 messages and prekey blocks have one encoding: what is read is written again
 * byte for byte; what is refused leaves the output alone. */
#include "session/expiry.h"
#include "session/prekey.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void frame(pqi_cspan in)
{
    uint8_t again[PQI_EXPIRY_LEN];
    pqi_expiry e = {0x5a, 0x5a};
    pqi_status st = pqi_expiry_read(in, &e);
    if (st != PQI_OK) {
        must(st == PQI_ERR_DECODE && e.kind == 0x5a && e.value == 0x5a);
        return;
    }
    must(pqi_expiry_write(&e, again) == PQI_OK);
    must(in.len == sizeof again && memcmp(again, in.ptr, sizeof again) == 0);
    const pqi_expiry_clock none = {0};
    must(pqi_expiry_judge(&e, &none) == PQI_EXPIRY_UNKNOWN);
}

static void front(pqi_cspan in)
{
    const pqi_v1_packet k = {.flags = PQI_V1_EXPIRES};
    pqi_v1_inner v;
    memset(&v, 0, sizeof v);
    pqi_status st = pqi_v1_read_inner(&k, in, &v);
    must(st == PQI_OK || (st == PQI_ERR_DECODE && v.not_after.kind == 0));
    if (st == PQI_OK) {
        must((uint32_t)v.cls <= PQI_CLASS_S && v.message.len + PQI_V1_EXPIRY_LEN == in.len);
    }
}

static void block(pqi_cspan in)
{
    static uint8_t again[PQI_PREKEY_BLOCK_MAX];
    pqi_prekey_block b;
    memset(&b, 0x5a, sizeof b);
    pqi_status st = pqi_prekey_read(in, 0, &b);
    if (st != PQI_OK) {
        must(st == PQI_ERR_DECODE && b.epoch == 0x5a5a5a5a);
        return;
    }
    size_t n = 0;
    must(pqi_prekey_write(&b, (pqi_span){again, sizeof again}, &n) == PQI_OK);
    must(n == in.len && memcmp(again, in.ptr, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const pqi_cspan in = {data, size};
    frame(in);
    front(in);
    block(in);
    return 0;
}
