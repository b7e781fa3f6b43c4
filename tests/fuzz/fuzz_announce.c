/* SPDX-License-Identifier: Apache-2.0
 * Announcements have one encoding: what decodes is written again byte for byte. */
#include "proto/mqtt/announce.h"

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
    static uint8_t again[PQI_ANNOUNCE_MAX];
    pqi_ann a, mark;
    memset(&a, 0x5a, sizeof a);
    memcpy(&mark, &a, sizeof a);
    pqi_status st = pqi_ann_decode((pqi_cspan){data, size}, &a);
    if (st != PQI_OK) {
        must(st == PQI_ERR_DECODE || st == PQI_ERR_UNSUPPORTED);
        must(memcmp(&a, &mark, sizeof a) == 0);
        return 0;
    }
    size_t body = 0;
    must(pqi_ann_write(&a, (pqi_span){again, sizeof again}, &body) == PQI_OK);
    must(body == a.body.len && memcmp(again, data, body) == 0);
    /* What is signed is the announcement as it would be without its proof. */
    static const uint8_t name[] = {'t'};
    static uint8_t bare[PQI_ANNOUNCE_MAX];
    pqi_ann_signed with, without;
    pqi_ann less = a;
    size_t len = 0, at = 0;
    less.proof = (pqi_cspan){NULL, 0};
    must(pqi_ann_write(&less, (pqi_span){bare, sizeof bare}, &len) == PQI_OK);
    pqi_ann_parts((pqi_cspan){name, 1}, a.body, &with);
    pqi_ann_parts((pqi_cspan){name, 1}, (pqi_cspan){bare, len}, &without);
    for (size_t i = 0; i < PQI_ANN_PARTS; i++) {
        must(with.parts[i].len == without.parts[i].len);
        must(memcmp(with.parts[i].ptr, without.parts[i].ptr, with.parts[i].len) == 0);
        if (i >= 2) {
            must(memcmp(with.parts[i].ptr, bare + at, with.parts[i].len) == 0);
            at += with.parts[i].len;
        }
    }
    must(at == len);
    must(body + 2 + a.sig.len == size && (a.sig.len != 0) == ((a.flags & PQI_ANN_SIGNED) != 0));
    must(pqi_ann_decode((pqi_cspan){data, size - 1}, &mark) != PQI_OK);
    return 0;
}
