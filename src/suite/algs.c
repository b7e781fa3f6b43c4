/* SPDX-License-Identifier: Apache-2.0
 * Look-up in the set of algorithms. The sets are short, a linear scan is the fastest and smallest. */
#include <pqi/suite.h>

const pqi_suite *pqi_algs_suite(const pqi_algs *a, uint32_t id)
{
    for (size_t i = 0; a != NULL && i < a->n_suites; i++) {
        if (a->suites[i]->id == id) {
            return a->suites[i];
        }
    }
    return NULL;
}

const pqi_kem *pqi_algs_kem(const pqi_algs *a, uint32_t id)
{
    for (size_t i = 0; a != NULL && i < a->n_kems; i++) {
        if (a->kems[i]->id == id) {
            return a->kems[i];
        }
    }
    return NULL;
}

const pqi_sig *pqi_algs_sig(const pqi_algs *a, int32_t id)
{
    for (size_t i = 0; a != NULL && i < a->n_sigs; i++) {
        if (a->sigs[i]->id == id) {
            return a->sigs[i];
        }
    }
    return NULL;
}
