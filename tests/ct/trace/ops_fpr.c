/* SPDX-License-Identifier: Apache-2.0
 * Falcon's emulated binary64 numbers on secret operands of the range that fpr.h states, ends included,
 * and the sampler on draws that are a script: secret, but such that the first proposal is accepted,
 * as how many are rejected is public. */
#define PQI_FALCON_PRNG_SCRIPTED
#include "prim/falcon/prng.h"

#include "base/mem.h"
#include "ct/trace/trace.h"

#define DRAWS 32u
static uint64_t words[DRAWS];
static uint8_t bytes[3 * DRAWS];
static unsigned word_at, byte_at;

static inline uint64_t prng_u64(pqi_falcon_prng *p)
{
    (void)p;
    return words[word_at++];
}

static inline uint32_t prng_u8(pqi_falcon_prng *p)
{
    (void)p;
    return bytes[byte_at++];
}

#include "prim/falcon/sampler.h"

#define N 48u
static fpr x[N], y[N];
static volatile fpr z[N]; /* results: nothing may be left out */
static int64_t ints[N];
static volatile uint64_t sink;

/* Ends and middles of the range. */
static const uint64_t special[16] = {0, 0x8000000000000000u, 0x3FF0000000000000u,
    0xBFF0000000000000u, 0x3FEFFFFFFFFFFFFFu, 0x0010000000000000u, 0x8010000000000000u,
    0x7FD0000000000000u, 0x001FFFFFFFFFFFFFu, 0x4330000000000000u, 0x43DFFFFFFFFFFFFFu,
    0x3CA0000000000000u, 0xC340000000000000u, 0x3FE0000000000000u, 0xBFE0000000000001u,
    0x40C8008000000000u};

/* Numbers of absolute values 2^-low..2^high; where `any`, the first half are special ones. */
static void numbers(unsigned low, unsigned high, int any)
{
    static uint64_t r[2 * N];
    uint8_t pick[N];
    trace_secret(r, sizeof r);
    trace_secret(pick, sizeof pick);
    trace_secret(ints, sizeof ints);
    for (unsigned i = 0; i < 2 * N; i++) {
        uint64_t exponent = 1023 - low + (r[i] >> 52 & 0x7FFu) % (low + high);
        r[i] = (r[i] & 0x800FFFFFFFFFFFFFu) | exponent << 52;
    }
    for (unsigned i = 0; i < N; i++) {
        x[i] = any && i < N / 2 ? special[pick[i] & 15u] : r[2 * i];
        y[i] = any && i < N / 2 ? special[pick[N - 1 - i] & 15u] : r[2 * i + 1];
    }
}

static void wide(void)
{
    numbers(500, 500, 1);
}

static void middle(void)
{
    numbers(400, 400, 1);
}

static void small(void)
{
    numbers(70, 61, 1);
}

#define EACH(name, expression)                                                                     \
    static void name(void)                                                                         \
    {                                                                                              \
        for (unsigned i = 0; i < N; i++) {                                                         \
            z[i] = (fpr)(expression);                                                              \
        }                                                                                          \
    }

EACH(op_add, fpr_add(x[i], y[i]))
EACH(op_sub, fpr_sub(x[i], y[i]))
EACH(op_mul, fpr_mul(x[i], y[i]))
EACH(op_div, fpr_div(x[i], y[i]))
EACH(op_sqrt, fpr_sqrt(x[i] & ~((uint64_t)1 << 63)))
EACH(op_half, fpr_half(x[i]))
EACH(op_scaled, fpr_scaled(ints[i] >> 1, -48))
EACH(op_floor, fpr_floor(x[i]))
EACH(op_trunc, fpr_trunc(x[i]))
EACH(op_p63, fpr_p63(fpr_const(0x3FE0000000000000u | (x[i] & FPR_FRAC) | (y[i] >> 63 << 63))))
EACH(op_shift, falcon_shl(x[i], y[i] & 63u) + falcon_shr(x[i], y[i] >> 6 & 63u))
EACH(op_clz, falcon_clz((x[i] | 1u) >> (y[i] & 31u) | 1u))
EACH(op_mulhi, falcon_mulhi(x[i], y[i]))

/* ---- the sampler --------------------------------------------------------------------------- */

static void script(void)
{
    numbers(1, 0, 0); /* 1/2..1 */
    trace_secret(words, sizeof words);
    trace_secret(bytes, sizeof bytes);
    word_at = byte_at = 0;
}

static void sample_bases(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        sum += sample_base(NULL);
    }
    sink = sum;
}

static void exponentials(void)
{
    for (unsigned i = 0; i < N; i++) { /* x < 1/2 < log 2 */
        z[i] = approx_exp(fpr_half(x[i]), y[i]);
    }
}

/* z0 is 0 or 1, so that a proposal is accepted with a probability above 2^-8: the byte 0 that decides
 * is below it. The fraction of mu and the deviation are secret. */
static void one_proposal(void)
{
    script();
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t top = (words[i] & 1u) != 0 ? 0xFFFF000000000000u : 0x6000000000000000u;
        words[i] = top | words[i] >> 16;
        bytes[3 * i] = (words[i] & 1u) != 0 ? 0xFF : 0x80;
        bytes[3 * i + 2] = 0;
        x[i] = y[i] & ~((uint64_t)1 << 63); /* 1/2..1 */
        y[i] = fpr_add(fpr_const(0x3FE1EB851EB851ECu),
            fpr_mul(y[i] & ~((uint64_t)1 << 63), fpr_const(0x3FCC28F5C28F5C29u)));
    }
}

static void sample_zs(void)
{
    int32_t sum = 0;
    for (unsigned i = 0; i < DRAWS; i++) {
        sum += sample_z(NULL, x[i], y[i], fpr_const(SIGMA_MIN_512));
    }
    sink = (uint64_t)(uint32_t)sum;
    trace_check(word_at == DRAWS && byte_at == 3 * DRAWS);
}

const trace_op trace_fpr[] = {
    {"fpr add", wide, op_add},
    {"fpr sub", wide, op_sub},
    {"fpr mul", middle, op_mul},
    {"fpr div", middle, op_div},
    {"fpr sqrt", wide, op_sqrt},
    {"fpr half", middle, op_half},
    {"fpr scaled", wide, op_scaled},
    {"fpr floor", small, op_floor},
    {"fpr trunc", small, op_trunc},
    {"fpr p63", small, op_p63},
    {"64-bit shifts", small, op_shift},
    {"64-bit leading zeros", small, op_clz},
    {"128-bit products", small, op_mulhi},
    {"Falcon base sampler", script, sample_bases},
    {"Falcon approximate exponential", script, exponentials},
    {"Falcon sampler, one proposal", one_proposal, sample_zs},
    {NULL, NULL, NULL},
};
