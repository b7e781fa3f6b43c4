/* SPDX-License-Identifier: Apache-2.0
 * The known answers of Falcon (key pair, signature, refusals), for an emulated target. */
#include "prim/selftest_int.h"
#include <pqi/falcon.h>

#include <stdio.h>

static union {
    uint64_t align;
    uint8_t b[100000];
} tmp;

int main(void)
{
    const pqi_span room = {tmp.b, sizeof tmp.b};
    const pqi_sig *const algs[2] = {&pqi_sig_falcon_512, &pqi_sig_falcon_1024};
    for (unsigned i = 0; i < 2; i++) {
        if (pqi_selftest_sig_tmp(algs[i]) > room.len || pqi_selftest_sig(algs[i], room) != PQI_OK) {
            printf("%s fails\n", algs[i]->name);
            return 1;
        }
    }
    return 0;
}
