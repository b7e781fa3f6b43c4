/* SPDX-License-Identifier: Apache-2.0
 * Composite algorithms of a host, between their files and to their tests. */
#ifndef PQI_PORT_LINUX_COMPOSITE_INT_H
#define PQI_PORT_LINUX_COMPOSITE_INT_H

#include <pqi/host.h>

/* Encapsulation to a key of pqi_kem_ml_kem_768_p256 with the whole randomness of the draft: 32 bytes for
 * ML-KEM, 128 for P-256. Statuses of pqi_kem_encaps(); on error ct and ss hold rubbish. */
#define PQI_COMPOSITE_RANDOMNESS 160u
PQI_MUST_CHECK pqi_status pqi_composite_encaps_derand(
    uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *randomness, void *tmp);

/* Known answers, for the descriptors. */
PQI_MUST_CHECK pqi_status pqi_composite_selftest_sig(const pqi_sig *alg, pqi_span tmp);
PQI_MUST_CHECK pqi_status pqi_composite_selftest_kem(const pqi_kem *alg, pqi_span tmp);

#endif
