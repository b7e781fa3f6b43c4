/* SPDX-License-Identifier: Apache-2.0
 * The store over hostile bytes: first byte, the slot and the counter; the rest, what lies in it.
 * Nothing but a genuine record is ever taken for one, and damage never for absence. */
#include "support/fake_nvm.h"
#include "support/fake_provider.h"

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
    static fake_provider prov;
    static fake_nvm nvm;
    static uint8_t buf[2048], plain[2000];
    static uint8_t seed[32] = {7};
    if (size == 0 || size > 4096) {
        return 0;
    }
    /* Another key each time: the fuzzer reads the operands of the fake's tag comparison and would
     * forge a record under a key that stays. */
    for (size_t i = 1; i < 9 && ++seed[i] == 0; i++) {
    }
    fake_provider_init(&prov, NULL, seed, NULL);
    fake_nvm_free(&nvm);
    fake_nvm_init(&nvm, NULL);
    prov.counters[3] = (data[0] >> 1) % 4;
    must(nvm.nvm.write(&nvm, "x", data[0] & 1, (pqi_cspan){data + 1, size - 1}) == PQI_OK);
    pqi_store s;
    size_t len = 1;
    pqi_status st = pqi_store_open(&s, &prov.base, &nvm.nvm, "x", 3, (pqi_span){buf, sizeof buf},
        (pqi_span){plain, sizeof plain}, &len);
    must(st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE || st == PQI_ERR_SPACE);
    must((st == PQI_ERR_MISSING) == (s.open != 0) && len == 0);
    must(st != PQI_ERR_MISSING || prov.counters[3] == 0);
    return 0;
}
