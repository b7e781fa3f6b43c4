/* SPDX-License-Identifier: Apache-2.0
 * The power-on self test: one known answer for every algorithm of a set. A program runs it before
 * the first use of a key and goes no further when it fails.
 *
 * The items of a set are numbered: SHA-3 and SHAKE, the classical table, then a->kems and a->sigs in
 * their order; the item of a KEM covers the variant of it that a suite names, too. X-Wing, which suite
 * 0x0005 uses, has a test of its own: pqi_xwing_selftest(). All values are public test vectors.
 * Thread-safe; nothing is kept. */
#ifndef PQI_SELFTEST_H
#define PQI_SELFTEST_H

#include <pqi/span.h>
#include <pqi/status.h>
#include <pqi/suite.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Number of items of a set. */
PQI_API unsigned pqi_selftest_count(const pqi_algs *a);

/* Name of an item, "ML-KEM-768"; NULL for an index past the end. Static storage. */
PQI_API const char *pqi_selftest_name(const pqi_algs *a, unsigned index);

/* Bytes of scratch for the whole test of a set. */
PQI_API size_t pqi_selftest_tmp_len(const pqi_algs *a);

/* Tests one item.
 * tmp - at least pqi_selftest_tmp_len(a) bytes, 8-aligned
 * PQI_OK; PQI_ERR_UNSUPPORTED: the classical table does not offer it and no suite of the set needs
 * it; PQI_ERR_SELFTEST: a known answer came out wrong, or there is none for this algorithm;
 * PQI_ERR_ARG: no such index; PQI_ERR_SPACE: tmp is too small. */
PQI_API PQI_MUST_CHECK pqi_status pqi_selftest_one(const pqi_algs *a, unsigned index, pqi_span tmp);

/* Tests every item and stops at the first that fails; *failed_index is its number, or the number of
 * items when all passed. failed_index may be NULL.
 * PQI_OK; PQI_ERR_SELFTEST; PQI_ERR_SPACE: tmp is too small. */
PQI_API PQI_MUST_CHECK pqi_status pqi_selftest(
    const pqi_algs *a, unsigned *failed_index, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
