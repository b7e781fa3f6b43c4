/* SPDX-License-Identifier: Apache-2.0
 * SamplerZ of one backend (PQI_FPR_NATIVE or not) against 1024 published calls with scripted random
 * bytes, and against its own distribution; the generator against RFC 8439. */
#define PQI_FALCON_PRNG_SCRIPTED
#include "prim/falcon/prng.h"

static uint64_t prng_u64(pqi_falcon_prng *p);
static uint32_t prng_u8(pqi_falcon_prng *p);

#include "kat/falcon_rsp.h"
#include "prim/falcon/sampler.h"

#include <math.h>

static uint8_t script[32768];
static size_t script_len, script_at;

static uint32_t prng_u8(pqi_falcon_prng *p)
{
    (void)p;
    assert_true(script_at < script_len);
    return script[script_at++];
}

/* The vectors write a word with its most significant byte first. */
static uint64_t prng_u64(pqi_falcon_prng *p)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++) {
        v = v << 8 | prng_u8(p);
    }
    return v;
}

static uint64_t hex_after(const char **at, const char *key)
{
    *at = strstr(*at, key);
    assert_non_null(*at);
    *at += strlen(key);
    return strtoull(*at, NULL, 16);
}

static void published(void **state)
{
    static char json[262144];
    (void)state;
    FILE *f = open_vectors("falcon-samplerz-512.json");
    json[fread(json, 1, sizeof json - 1, f)] = 0;
    (void)fclose(f);
    const char *at = json;
    (void)hex_after(&at, "\"random\":\"");
    for (script_len = 0; isxdigit((unsigned char)at[2 * script_len]); script_len++) {
        unsigned byte;
        assert_int_equal(sscanf(at + 2 * script_len, "%2x", &byte), 1);
        script[script_len] = (uint8_t)byte;
    }
    unsigned count = 0;
    for (; strstr(at, "\"mu\":\"") != NULL; count++) {
        uint64_t bits = hex_after(&at, "\"mu\":\"");
        double mu;
        memcpy(&mu, &bits, sizeof mu);
        double whole = floor(mu), part = mu - whole;
        memcpy(&bits, &part, sizeof bits);
        fpr isigma = fpr_const(hex_after(&at, "\"isigma\":\""));
        at = strstr(at, "\"z\":");
        assert_non_null(at);
        long z = strtol(at + 4, NULL, 10);
        assert_int_equal(
            (long)whole + sample_z(NULL, fpr_const(bits), isigma, fpr_const(SIGMA_MIN_512)), z);
    }
    assert_int_equal(count, 1024);
    assert_int_equal(script_at, script_len);
}

/* exp(-x) * ccs to 2^-47 of ccs, for 2^10 values of x below log 2. */
static void exponential(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1024; i++) {
        double x = 0.693147 * i / 1024, term = 1, want = 0;
        for (unsigned j = 1; j < 40; j++) {
            want += term;
            term *= -x / j;
        }
        fpr fx = fpr_scaled((int64_t)(x * 0x1p62), -62);
        uint64_t got = approx_exp(fx, fpr_const(0x3FE8000000000000u)); /* 3/4 */
        double error = (double)got / 0x1p63 - 0.75 * want;
        assert_true(error < 0x1p-47 && error > -0x1p-47);
    }
}

/* RFC 8439 section 2.3.2: the block with counter 1; words 12 and 13 of a state are taken as they
 * are, the counter of this generator enters at words 14 and 15. */
static void chacha20(void **state)
{
    static const uint32_t want[16] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7,
        0x0368c033, 0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
        0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
    static const uint8_t tail[16] = {1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0};
    uint8_t seed[PQI_FALCON_PRNG_SEED] = {0};
    pqi_falcon_prng p;
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        seed[i] = (uint8_t)i;
    }
    memcpy(seed + 32, tail, sizeof tail);
    pqi_falcon_prng_start(&p, seed);
    for (unsigned w = 0; w < 16; w++) {
        assert_int_equal(p.block[8 * w], want[w]);
    }
    assert_int_equal(p.count, 8);
}

/* The counter carries from word 14 to word 15, between fills and inside one. */
static void counter_carries(void **state)
{
    uint8_t seed[PQI_FALCON_PRNG_SEED] = {0}, later[PQI_FALCON_PRNG_SEED] = {0};
    pqi_falcon_prng p, q;
    (void)state;
    memset(seed + 48, 0xFF, 4);
    seed[48] = 0xFB; /* block 5 of the fill is the first of the next word */
    later[52] = 1;
    pqi_falcon_prng_start(&p, seed);
    pqi_falcon_prng_start(&q, later);
    for (unsigned w = 0; w < 16; w++) {
        for (unsigned b = 0; b < 3; b++) {
            assert_int_equal(p.block[8 * w + 5 + b], q.block[8 * w + b]);
        }
    }
    pqi_falcon_prng_refill(&p);
    for (unsigned w = 0; w < 16; w++) {
        assert_int_equal(p.block[8 * w], q.block[8 * w + 3]);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(published), cmocka_unit_test(exponential),
    cmocka_unit_test(chacha20), cmocka_unit_test(counter_carries))
