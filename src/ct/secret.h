/* SPDX-License-Identifier: Apache-2.0
 * Marks for the constant-time check: with PQI_CT_VALGRIND the bytes of a secret are "undefined" for
 * valgrind, so that a branch or an index that depends on them is reported. Empty otherwise.
 *
 * PQI_PUBLIC declassifies. Every use carries its reason in tests/ct/declassified.txt. */
#ifndef PQI_CT_SECRET_H
#define PQI_CT_SECRET_H

#if defined(PQI_CT_VALGRIND)
#include <valgrind/memcheck.h>
#define PQI_SECRET(p, n) ((void)VALGRIND_MAKE_MEM_UNDEFINED((p), (n)))
#define PQI_PUBLIC(p, n) ((void)VALGRIND_MAKE_MEM_DEFINED((p), (n)))
#else
#define PQI_SECRET(p, n) ((void)(p), (void)(n))
#define PQI_PUBLIC(p, n) ((void)(p), (void)(n))
#endif

#endif
