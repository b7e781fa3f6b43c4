/* SPDX-License-Identifier: Apache-2.0
 * Encodes decoded identity objects again, from their fields and with their signatures: the result
 * must be the very bytes that were decoded. Each returns the length. */
#ifndef PQI_TESTS_REENCODE_H
#define PQI_TESTS_REENCODE_H

#include <pqi/control.h>
#include <pqi/join.h>
#include <pqi/trust.h>

size_t reencode_cert(const pqi_cert *c, pqi_span out);
size_t reencode_manifest(const pqi_manifest *m, pqi_span out);
size_t reencode_revocations(const pqi_revocations *v, pqi_span out);
size_t reencode_head(const pqi_head *h, pqi_span out);
size_t reencode_roster(const pqi_roster *v, pqi_span out);
size_t reencode_policy(const pqi_policy *x, pqi_span out);
size_t reencode_statement(const pqi_statement *v, pqi_span out);
size_t reencode_join(const pqi_join_request *m, pqi_span out);
size_t reencode_challenge(const pqi_challenge *c, pqi_span out);

#endif
