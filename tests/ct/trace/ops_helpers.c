/* SPDX-License-Identifier: Apache-2.0
 * Two operations that leak on purpose, the constant-time helpers, hashes and key derivation. */
#include "base/mem.h"
#include "ct/ct.h"
#include "ct/trace/trace.h"
#include "prim/keccak/keccak.h"

static uint8_t a[64], b[64], c[64];
static uint8_t big[1000];
static volatile uint8_t sink;
static volatile uint8_t table[256];

static void secrets(void)
{
    trace_secret(a, sizeof a);
    trace_secret(b, sizeof b);
    trace_secret(big, sizeof big);
}

/* ---- leaks: tools/ct-trace fails when it does not see them ------------------------------- */

static void leak_index(void)
{
    sink = table[a[3]];
}

static void leak_branch(void)
{
    if ((a[3] & 1u) != 0) {
        sink = table[0];
    }
}

static void leak_count(void)
{
    for (unsigned i = 0; i < (a[3] & 7u); i++) {
        sink = table[0];
    }
}

const trace_op trace_leaky[] = {
    {"leaky index", secrets, leak_index},
    {"leaky branch", secrets, leak_branch},
    {"leaky loop", secrets, leak_count},
    {NULL, NULL, NULL},
};

/* ---- helpers ----------------------------------------------------------------------------- */

static void compare(void)
{
    sink = (uint8_t)pqi_ct_eq_mask(a, b, sizeof a);
    sink = (uint8_t)pqi_ct_is_zero_mask(a, sizeof a);
    sink = (uint8_t)pqi_ct_eq(a, a, sizeof a);
}

static void copy_if(void)
{
    pqi_ct_copy_if(pqi_ct_eq_u32(a[0], 0), c, b, sizeof b);
    sink = (uint8_t)pqi_ct_select_u32(pqi_ct_nonzero_u32(a[1]), a[2], a[3]);
}

const trace_op trace_helpers[] = {
    {"ct compare", secrets, compare},
    {"ct copy", secrets, copy_if},
    {NULL, NULL, NULL},
};

/* ---- hashes ------------------------------------------------------------------------------ */

static void sha3(void)
{
    pqi_sha3_256(c, big, sizeof big);
    pqi_sha3_512(c, a, sizeof a);
    pqi_shake256(big, sizeof big, a, sizeof a);
}

const trace_op trace_hash[] = {
    {"SHA-3 and SHAKE", secrets, sha3},
    {NULL, NULL, NULL},
};
