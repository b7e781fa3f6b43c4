/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic of IEEE 754 binary64 numbers, round to nearest, ties to even. The file that includes
 * this header picks a backend: with PQI_FPR_NATIVE the processor's double, else integers only.
 *
 * Both give the same bits for every operand that signing can meet, that is for numbers that are
 * zero or of an absolute value in [2^-1022, 2^1022], whose result is again such a number. There is
 * no infinity, no NaN, no subnormal number: the emulation takes a subnormal operand for zero. This is
 * what makes a signature the same on every machine, which deterministic signing needs: two different
 * signatures of one hash would give the private key away (Falcon specification 1.2, section 2.2.2).
 *
 *   fpr_add sub mul div sqrt neg half     as in IEEE 754
 *   fpr_scaled(i, e)    i * 2^e, |i| < 2^63, rounded; -1000 < e < 900
 *   fpr_of(i)           i
 *   fpr_fixed(x, e)     x * 2^e towards zero, e >= 0; the result is below 2^63
 *   fpr_trunc(x)        fpr_fixed(x, 0)
 *   fpr_floor(x)        towards minus infinity, |x| < 2^62
 *   fpr_p63(x)          trunc(x * 2^63), 0 if x < 0; x < 1
 *   fpr_const(bits)     the number with these bits; fpr_bits(x) the other way
 *   fpr_word(p), fpr_set_word(p, v)   an int64_t in the place of a number */
#ifndef PQI_PRIM_FALCON_FPR_H
#define PQI_PRIM_FALCON_FPR_H

#include "prim/falcon/wide.h"

#if defined(PQI_FPR_NATIVE)
#include "prim/falcon/fpr_native.h"
#else
#include "prim/falcon/fpr_emu.h"
#endif

static inline fpr fpr_of(int64_t i)
{
    return fpr_scaled(i, 0);
}

static inline fpr fpr_sqr(fpr x)
{
    return fpr_mul(x, x);
}

#endif
