/* SPDX-License-Identifier: Apache-2.0
 * The parts of the self test. Each returns PQI_OK or PQI_ERR_SELFTEST; those of the classical table
 * also PQI_ERR_UNSUPPORTED. */
#ifndef PQI_PRIM_SELFTEST_INT_H
#define PQI_PRIM_SELFTEST_INT_H

#include <pqi/classic.h>
#include <pqi/kem.h>
#include <pqi/sig.h>

#include <stdbool.h>

/* SHA-3, SHAKE and the classical table: items 0.. of every set. */
unsigned pqi_selftest_classic_count(void);
const char *pqi_selftest_classic_name(unsigned index);
pqi_status pqi_selftest_classic_run(const pqi_classic *c, unsigned index);
/* The hash or AEAD behind an item, so that the caller can tell whether a suite needs it. */
bool pqi_selftest_classic_is(unsigned index, pqi_hash_id hash, pqi_aead_id aead);

size_t pqi_selftest_kem_tmp(const pqi_kem *alg);
size_t pqi_selftest_sig_tmp(const pqi_sig *alg);
pqi_status pqi_selftest_kem(const pqi_kem *alg, pqi_span tmp);
pqi_status pqi_selftest_sig(const pqi_sig *alg, pqi_span tmp);

#endif
