/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_IDENT_CERT_H
#define PQI_IDENT_CERT_H

#include "ident/cose.h"
#include "ident/ident.h"

/* The rules that hold between and inside the fields, keys aside. Same for decoding and building. */
bool pqi_cert_rules(const pqi_cert *c);

/* Pairs in the payload map. */
size_t pqi_cert_fields(const pqi_cert *c);

#endif
