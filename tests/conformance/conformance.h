/* SPDX-License-Identifier: Apache-2.0
 * The conformance suite of the provider interface (INV-110): every driver runs it, those of this library
 * and those of others. It needs cmocka and libpqi, and nothing of a driver but its provider. */
#ifndef PQI_CONFORMANCE_H
#define PQI_CONFORMANCE_H

#include <pqi/provider.h>

/* Inside of a cmocka test. Uses handles 0x00c0f000.. and counter slots 60..63, and removes its keys.
 * What a driver does not offer (pqi_provider_alg_caps() is 0) is left out; at least one kind of key must
 * work. The provider stays usable. */
void pqi_provider_conformance(pqi_provider *p);

/* For providers that serve several threads: keys, counters, sealing and random bytes from four threads at
 * once. Needs two free keys and counter slots 58..63. */
void pqi_provider_conformance_threads(pqi_provider *p);

/* The end of a provider: zeroize, after which nothing works (INV-86). */
void pqi_provider_conformance_zeroize(pqi_provider *p);

#endif
