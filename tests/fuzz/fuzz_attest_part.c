/* SPDX-License-Identifier: Apache-2.0
 * Parts of evidence: one that decodes is written again as the same bytes, and a row of them never leaves its
 * memory. The input is a row of parts, each behind its length of two bytes. */
#include <pqi/attest.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM 20000u
#define EDGE 64u

static void again(const pqi_attest_part *p, const uint8_t *data, size_t size)
{
    static uint8_t whole[PQI_ATTEST_SENT_MAX], out[PQI_ATTEST_PART_MAX];
    size_t n = 0;
    memcpy(whole + (size_t)p->index * PQI_ATTEST_PART, p->bytes.ptr, p->bytes.len);
    const pqi_status st = pqi_attest_part_encode(
        p->nonce, (pqi_cspan){whole, p->total}, p->index, (pqi_span){out, sizeof out}, &n);
    if (st != PQI_OK || n != size || memcmp(out, data, n) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t mem[ROOM + EDGE];
    pqi_attest_gather g;
    memset(&g, 0, sizeof g);
    memset(mem + ROOM, 0x5a, EDGE);
    g.mem = (pqi_span){mem, ROOM};
    while (size >= 2) {
        const size_t want = (size_t)data[0] << 8 | data[1];
        pqi_attest_part p;
        data += 2;
        size -= 2;
        const size_t n = want < size ? want : size;
        if (pqi_attest_part_decode((pqi_cspan){data, n}, &p) == PQI_OK) {
            again(&p, data, n);
            const pqi_status st = pqi_attest_gather_add(&g, &p);
            const int last = p.index + 1u == p.count;
            if ((st == PQI_OK && (!last || g.next != 0 || p.total > ROOM)) ||
                (st == PQI_ERR_MISSING && (last || g.next != p.index + 1u)) ||
                (st != PQI_OK && st != PQI_ERR_MISSING && g.next != 0)) {
                abort();
            }
        }
        data += n;
        size -= n;
    }
    for (size_t i = 0; i < EDGE; i++) {
        if (mem[ROOM + i] != 0x5a) {
            abort();
        }
    }
    return 0;
}
