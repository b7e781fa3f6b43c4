/* SPDX-License-Identifier: Apache-2.0
 * TEST DOUBLES of the public-key primitives: a KEM, X25519 and a signature that have the algebra which a
 * protocol sees (both ends agree, a changed key or ciphertext gives another secret, a changed message does
 * not verify) and NO SECURITY WHATSOEVER. They are a few multiplications each, so that a million schedules
 * of sessions can be run. No library contains them; hashes, HMAC and AEAD stay those of the library. */
#ifndef PQI_TESTS_SESSION_TEST_DOUBLES_H
#define PQI_TESTS_SESSION_TEST_DOUBLES_H

#include <pqi/suite.h>

#define TEST_DOUBLE_KEM_LEN 64u /* bytes of a public key, and of a ciphertext */

extern const pqi_kem test_double_kem;
extern const pqi_sig test_double_sig;
extern const pqi_suite test_double_suite; /* with the id of suite 0x0001 */

/* A copy of `real` with the double in place of X25519; a set with it, the KEM, suite and signature. */
void test_double_classic(pqi_classic *out, const pqi_classic *real);
void test_double_algs(pqi_algs *out, const pqi_classic *classic);

#endif
