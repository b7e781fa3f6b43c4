/* SPDX-License-Identifier: Apache-2.0
 * PQI_FPR_HAVE_NATIVE: the double of the compiler is that of IEEE 754 as far as compilation can tell;
 * fpr_native_trusted() checks the rest when it runs. PQI_FALCON_NO_NATIVE leaves it out. */
#ifndef PQI_PRIM_FALCON_FPR_HAVE_H
#define PQI_PRIM_FALCON_FPR_HAVE_H

#if (defined(__x86_64__) || defined(__aarch64__)) && defined(__GNUC__) &&                          \
    !defined(__FAST_MATH__) && defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ == 0 &&         \
    __DBL_MANT_DIG__ == 53 && !defined(PQI_FALCON_NO_NATIVE)
#define PQI_FPR_HAVE_NATIVE 1
#endif

#endif
