/* SPDX-License-Identifier: Apache-2.0
 * The generator of the NIST KAT programs: CTR_DRBG with AES-256, without a derivation function, a
 * personalisation string or reseeding (SP 800-90A section 10.2.1). For known answers only. */
#ifndef PQI_APPS_DRBG_H
#define PQI_APPS_DRBG_H

#include "../cli.h"

#define PQI_DRBG_SEED 48u /* seedlen: SP 800-90A section 10.2.1, Table 3 */

typedef struct pqi_drbg {
    uint8_t key[32], v[16];
} pqi_drbg;

/* Both end the program when libcrypto fails. */
void pqi_drbg_init(pqi_drbg *d, const uint8_t entropy[PQI_DRBG_SEED]);
/* One generate request; two requests are not one of their sum. */
void pqi_drbg_generate(pqi_drbg *d, uint8_t *out, size_t len);

#endif
