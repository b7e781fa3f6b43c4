/* SPDX-License-Identifier: Apache-2.0
 * Questions, and the envelope of answers: what decodes is written again as the same bytes. */
#include <pqi/control.h>

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
    pqi_ask o, mark;
    uint8_t again[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = 0;
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    if (pqi_ask_decode((pqi_cspan){data, size}, &o) == PQI_OK) {
        must(pqi_ask_write(&o, (pqi_span){again, sizeof again}, &n) == PQI_OK);
        must(n == size && memcmp(again, data, size) == 0);
    } else {
        must(memcmp(&o, &mark, sizeof o) == 0);
    }
    pqi_object kind = PQI_OBJ_NONE;
    pqi_cspan body = {NULL, 0};
    if (pqi_answer_decode((pqi_cspan){data, size}, &kind, &body) == PQI_OK) {
        must(kind > PQI_OBJ_NONE && kind < PQI_OBJ_COUNT_);
        must(body.ptr == data + PQI_ANSWER_HEAD && body.len == size - PQI_ANSWER_HEAD);
    } else {
        must(kind == PQI_OBJ_NONE && body.ptr == NULL);
    }
    return 0;
}
