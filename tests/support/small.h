/* SPDX-License-Identifier: Apache-2.0
 * Included before everything else in a test program (cmake: -include), this makes a test of algorithms, or
 * of what is built on them, one of the small variants. */
#ifndef PQI_TESTS_SMALL_H
#define PQI_TESTS_SMALL_H

#include <pqi/suite.h>

#define pqi_kem_ml_kem_512  pqi_kem_ml_kem_512_small
#define pqi_kem_ml_kem_768  pqi_kem_ml_kem_768_small
#define pqi_kem_ml_kem_1024 pqi_kem_ml_kem_1024_small
#define pqi_sig_ml_dsa_44   pqi_sig_ml_dsa_44_small
#define pqi_sig_ml_dsa_65   pqi_sig_ml_dsa_65_small
#define pqi_sig_ml_dsa_87   pqi_sig_ml_dsa_87_small
#define pqi_suite_0001      pqi_suite_0001_small
#define pqi_suite_0002      pqi_suite_0002_small
#define pqi_suite_0003      pqi_suite_0003_small
#define pqi_suite_0004      pqi_suite_0004_small
#define pqi_algs_all        pqi_algs_small

#endif
