/* SPDX-License-Identifier: Apache-2.0
 * The self test of a set of algorithms: which items it has and what each one needs. */
#include "prim/selftest_int.h"

#include <pqi/selftest.h>

#include <stdbool.h>

unsigned pqi_selftest_count(const pqi_algs *a)
{
    return pqi_selftest_classic_count() + (unsigned)a->n_kems + (unsigned)a->n_sigs;
}

const char *pqi_selftest_name(const pqi_algs *a, unsigned index)
{
    size_t i = index;
    if (i < pqi_selftest_classic_count()) {
        return pqi_selftest_classic_name(index);
    }
    i -= pqi_selftest_classic_count();
    if (i < a->n_kems) {
        return a->kems[i]->name;
    }
    i -= a->n_kems;
    return i < a->n_sigs ? a->sigs[i]->name : NULL;
}

size_t pqi_selftest_tmp_len(const pqi_algs *a)
{
    size_t most = 0;
    for (size_t i = 0; i < a->n_kems; i++) {
        size_t n = pqi_selftest_kem_tmp(a->kems[i]);
        most = n > most ? n : most;
    }
    for (size_t i = 0; i < a->n_suites; i++) {
        size_t n = pqi_selftest_kem_tmp(a->suites[i]->kem);
        most = n > most ? n : most;
    }
    for (size_t i = 0; i < a->n_sigs; i++) {
        size_t n = pqi_selftest_sig_tmp(a->sigs[i]);
        most = n > most ? n : most;
    }
    return most;
}

/* Whether a suite of the set uses the hash (also under HMAC) or the AEAD of a classical item. */
static bool is_needed(const pqi_algs *a, unsigned index)
{
    for (size_t i = 0; i < a->n_suites; i++) {
        if (pqi_selftest_classic_is(index, a->suites[i]->hash, a->suites[i]->aead)) {
            return true;
        }
    }
    return false;
}

/* The KEM of the set and other variants of it that suites name: one makes keys, the other uses them. */
static pqi_status test_kem(const pqi_algs *a, const pqi_kem *kem, pqi_span tmp)
{
    pqi_status st = pqi_selftest_kem(kem, tmp);
    for (size_t i = 0; i < a->n_suites && st == PQI_OK; i++) {
        const pqi_kem *other = a->suites[i]->kem;
        if (other != kem && other->id == kem->id) {
            st = pqi_selftest_kem(other, tmp);
        }
    }
    return st;
}

pqi_status pqi_selftest_one(const pqi_algs *a, unsigned index, pqi_span tmp)
{
    size_t i = index;
    if (i >= pqi_selftest_count(a)) {
        return PQI_ERR_ARG;
    }
    if (tmp.len < pqi_selftest_tmp_len(a)) {
        return PQI_ERR_SPACE;
    }
    if (i < pqi_selftest_classic_count()) {
        pqi_status st = pqi_selftest_classic_run(a->classic, index);
        return st == PQI_ERR_UNSUPPORTED && is_needed(a, index) ? PQI_ERR_SELFTEST : st;
    }
    i -= pqi_selftest_classic_count();
    return i < a->n_kems ? test_kem(a, a->kems[i], tmp)
                         : pqi_selftest_sig(a->sigs[i - a->n_kems], tmp);
}

pqi_status pqi_selftest(const pqi_algs *a, unsigned *failed_index, pqi_span tmp)
{
    unsigned n = pqi_selftest_count(a);
    unsigned i = 0;
    pqi_status st = PQI_OK;
    for (; i < n; i++) {
        st = pqi_selftest_one(a, i, tmp);
        if (st != PQI_OK && st != PQI_ERR_UNSUPPORTED) {
            break;
        }
        st = PQI_OK;
    }
    if (failed_index != NULL) {
        *failed_index = i;
    }
    return st;
}
