/* SPDX-License-Identifier: Apache-2.0
 * Included before everything else in a test program (cmake: -include), this makes a test of the ML-KEM
 * and ML-DSA descriptors one of their small variants. */
#ifndef PQI_TESTS_SMALL_H
#define PQI_TESTS_SMALL_H

#include <pqi/kem.h>
#include <pqi/sig.h>

#define pqi_kem_ml_kem_512  pqi_kem_ml_kem_512_small
#define pqi_kem_ml_kem_768  pqi_kem_ml_kem_768_small
#define pqi_kem_ml_kem_1024 pqi_kem_ml_kem_1024_small
#define pqi_sig_ml_dsa_44   pqi_sig_ml_dsa_44_small
#define pqi_sig_ml_dsa_65   pqi_sig_ml_dsa_65_small
#define pqi_sig_ml_dsa_87   pqi_sig_ml_dsa_87_small

#endif
