/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/falcon.h>
#include <pqi/suite.h>

static const pqi_suite *const suites[] = {&pqi_suite_0001, &pqi_suite_0002, &pqi_suite_0003,
    &pqi_suite_0004, &pqi_suite_0005, &pqi_suite_0006, &pqi_suite_0007, &pqi_suite_0008};
static const pqi_kem *const kems[] = {&pqi_kem_ml_kem_512, &pqi_kem_ml_kem_768,
    &pqi_kem_ml_kem_1024, &pqi_kem_lightsaber, &pqi_kem_saber, &pqi_kem_firesaber};
static const pqi_sig *const sigs[] = {&pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_87,
    &pqi_sig_falcon_512, &pqi_sig_falcon_1024};

void pqi_algs_all(pqi_algs *out, const pqi_classic *classic)
{
    if (out != NULL) {
        *out = (pqi_algs){classic, suites, sizeof suites / sizeof suites[0], kems,
            sizeof kems / sizeof kems[0], sigs, sizeof sigs / sizeof sigs[0]};
    }
}
