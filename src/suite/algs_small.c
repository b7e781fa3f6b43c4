/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

static const pqi_suite *const suites[] = {
    &pqi_suite_0001_small, &pqi_suite_0002_small, &pqi_suite_0003_small, &pqi_suite_0004_small};
static const pqi_kem *const kems[] = {
    &pqi_kem_ml_kem_512_small, &pqi_kem_ml_kem_768_small, &pqi_kem_ml_kem_1024_small};
static const pqi_sig *const sigs[] = {
    &pqi_sig_ml_dsa_44_small, &pqi_sig_ml_dsa_65_small, &pqi_sig_ml_dsa_87_small};

void pqi_algs_small(pqi_algs *out, const pqi_classic *classic)
{
    if (out != NULL) {
        *out = (pqi_algs){classic, suites, sizeof suites / sizeof suites[0], kems,
            sizeof kems / sizeof kems[0], sigs, sizeof sigs / sizeof sigs[0]};
    }
}
