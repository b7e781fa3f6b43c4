/* SPDX-License-Identifier: Apache-2.0
 * usage: trace list | trace OPERATION RUN, RUN a digit. */
#include "ct/trace/trace.h"

#include <pqi/hash.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const trace_op *const tables[] = {
    trace_leaky,
    trace_helpers,
    trace_kem,
    trace_hash,
    trace_mcu,
    trace_fpr,
    trace_falcon,
    trace_erasure,
};

static uint8_t run_number;
static uint8_t drawn; /* makes every secret of a run another one */

/* Runs 0 and 1 take the extremes, where a variable-time instruction would show most. */
void trace_secret(void *out, size_t len)
{
    const uint8_t seed[3] = {0xaa, run_number, drawn++};
    const pqi_cspan part = {seed, sizeof seed};
    if (run_number < 2) {
        memset(out, run_number == 0 ? 0 : 0xff, len);
        return;
    }
    trace_check(pqi_sha3(PQI_HASH_SHAKE256, &part, 1, out, len) == PQI_OK);
}

void trace_public(void *out, size_t len, uint8_t label)
{
    const uint8_t seed[2] = {0x55, label};
    const pqi_cspan part = {seed, sizeof seed};
    trace_check(pqi_sha3(PQI_HASH_SHAKE256, &part, 1, out, len) == PQI_OK);
}

void trace_check(int ok)
{
    if (!ok) {
        (void)fputs("trace: an operation failed\n", stderr);
        exit(1);
    }
}

/* The marks. Called through volatile pointers, so that they stay functions of their own. */
__attribute__((noinline)) void trace_begin(void);
__attribute__((noinline)) void trace_end(void);
void trace_begin(void)
{
    __asm__ volatile("" ::: "memory");
}
void trace_end(void)
{
    __asm__ volatile("" ::: "memory");
}
static void (*volatile const begin)(void) = trace_begin;
static void (*volatile const end)(void) = trace_end;

static int run(const trace_op *op)
{
    if (op->prepare != NULL) {
        op->prepare();
    }
    begin();
    op->run();
    end();
    return 0;
}

int main(int argc, char **argv)
{
    const int list = argc == 2 && strcmp(argv[1], "list") == 0;
    if (!list && (argc != 3 || argv[2][0] < '0' || argv[2][0] > '9')) {
        return 2;
    }
    run_number = list ? 0 : (uint8_t)(argv[2][0] - '0');
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        for (const trace_op *op = tables[t]; op->name != NULL; op++) {
            if (list) {
                (void)puts(op->name);
            } else if (strcmp(op->name, argv[1]) == 0) {
                return run(op);
            }
        }
    }
    return list ? 0 : 2;
}
