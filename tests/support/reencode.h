/* SPDX-License-Identifier: Apache-2.0
 * Encodes decoded identity objects again, from their fields and with their signatures: the result
 * must be the very bytes that were decoded. Each returns the length. */
#ifndef PQI_TESTS_REENCODE_H
#define PQI_TESTS_REENCODE_H

#include <pqi/join.h>
#include <pqi/trust.h>

size_t reencode_cert(const pqi_cert *c, pqi_span out);
size_t reencode_manifest(const pqi_manifest *m, pqi_span out);
size_t reencode_revocations(const pqi_revocations *v, pqi_span out);
size_t reencode_join(const pqi_join_request *m, pqi_span out);
size_t reencode_challenge(const pqi_challenge *c, pqi_span out);

#endif
