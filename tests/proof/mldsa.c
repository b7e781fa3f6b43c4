/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA: Montgomery reduction, rounding and hints for every value of their ranges. */
#include "prim/mldsa/field.h"
#include "prim/mldsa/round.h"
#include "proof/proof.h"

#define Q PQI_MLDSA_Q

/* Below p / 2^32 + q, so below 2q. That 2^32 r = p + m q is algebra once the constant is right. */
void prove_mont_reduce(void)
{
    uint64_t p = nondet_uint64();
    ASSUME(p < (uint64_t)Q << 32);
    ASSERT(pqi_mldsa_mont_reduce(p) < 2 * Q);
    ASSERT(PQI_MLDSA_NEG_QINV * Q == UINT32_MAX);
}

void prove_freeze(void)
{
    uint32_t a = nondet_uint32();
    ASSUME(a < 2 * Q);
    uint32_t r = pqi_mldsa_freeze(a);
    ASSERT(r < Q && (r == a || r == a - Q));
}

void prove_power2round(void)
{
    uint32_t r = nondet_uint32();
    int32_t r0;
    ASSUME(r < Q);
    uint32_t r1 = pqi_mldsa_power2round(&r0, r);
    ASSERT(r0 > -4096 && r0 <= 4096 && r1 < 1024);
    ASSERT((int32_t)(r1 << 13) + r0 == (int32_t)r);
}

static void decompose(int32_t gamma2)
{
    uint32_t r = nondet_uint32();
    int32_t r0;
    ASSUME(r < Q);
    uint32_t r1 = pqi_mldsa_decompose(&r0, r, gamma2);
    ASSERT(r1 < pqi_mldsa_high_values(gamma2));
    ASSERT(r0 >= -gamma2 && r0 <= gamma2);
    int32_t back = (int32_t)r1 * 2 * gamma2 + r0;
    ASSERT(back == (int32_t)r || (r1 == 0 && back == (int32_t)r - (int32_t)Q));
    ASSERT(r0 != -gamma2 || (r1 == 0 && back != (int32_t)r)); /* only the top interval is closed */
}

void prove_decompose_88(void)
{
    decompose(PQI_MLDSA_GAMMA2_88);
}

void prove_decompose_32(void)
{
    decompose(PQI_MLDSA_GAMMA2_32);
}

void prove_exceeds(void)
{
    int32_t x = nondet_int32(), bound = nondet_int32();
    ASSUME(x > -(1 << 30) && x < 1 << 30 && bound >= 0 && bound < 1 << 30);
    ASSERT(pqi_mldsa_exceeds(x, bound) == (x <= -bound || x >= bound ? 1u : 0u));
}

/* A signer's hint is what a verifier needs: UseHint on w - c s2 + c t0 gives the high bits of
 * w - c s2 (FIPS 204, Lemma of section 6.2), with the hint made from parts as the signer does. */
static void hints(int32_t gamma2)
{
    uint32_t w = nondet_uint32();
    int32_t cs2 = nondet_int32(), ct0 = nondet_int32(), w0;
    ASSUME(w < Q);
    uint32_t w1 = pqi_mldsa_decompose(&w0, w, gamma2);
    ASSUME(cs2 >= -275 && cs2 <= 275 && ct0 > -gamma2 && ct0 < gamma2);
    ASSUME(w0 - cs2 > -(gamma2 - 275) && w0 - cs2 < gamma2 - 275); /* what signing has checked */
    uint32_t hint = pqi_mldsa_make_hint(w0 - cs2 + ct0, w1, gamma2);
    int32_t seen = (int32_t)w - cs2 + ct0;
    seen += seen < 0 ? (int32_t)Q : 0;
    seen -= seen >= (int32_t)Q ? (int32_t)Q : 0;
    ASSERT(pqi_mldsa_use_hint(hint, (uint32_t)seen, gamma2) == w1);
}

void prove_hints_88(void)
{
    hints(PQI_MLDSA_GAMMA2_88);
}

void prove_hints_32(void)
{
    hints(PQI_MLDSA_GAMMA2_32);
}

/* False: a reduced product can be q or more. */
void refute_mont_reduce(void)
{
    uint64_t p = nondet_uint64();
    ASSUME(p < (uint64_t)Q << 32);
    ASSERT(pqi_mldsa_mont_reduce(p) < Q);
}
