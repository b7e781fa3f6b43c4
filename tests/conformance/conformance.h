/* SPDX-License-Identifier: Apache-2.0
 * The conformance suite of the provider interface (INV-110): every driver runs it. */
#ifndef PQI_TESTS_CONFORMANCE_H
#define PQI_TESTS_CONFORMANCE_H

#include <pqi/provider.h>

/* Inside of a cmocka test. Uses handles 0x00c0f000.. and counter slots 60..63, and removes its keys.
 * What a driver does not offer (PQI_ERR_UNSUPPORTED to generate) is left out; at least one kind of
 * key must work. The provider stays usable. */
void pqi_provider_conformance(pqi_provider *p);

/* The end of a provider: zeroize, after which nothing works (INV-86). */
void pqi_provider_conformance_zeroize(pqi_provider *p);

#endif
