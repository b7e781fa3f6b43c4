/* SPDX-License-Identifier: Apache-2.0
 * Public keys of TPMs as OpenSSL has them. */
#ifndef PQI_PORT_LINUX_ATTEST_OSSL_H
#define PQI_PORT_LINUX_ATTEST_OSSL_H

#include <pqi/host_attest.h>

#include <stdbool.h>

#include <openssl/err.h>
#include <openssl/evp.h>

/* Uncompressed point of a named group; NULL: not on the curve, or no memory. */
EVP_PKEY *pqi_ossl_ec_public(const char *group, pqi_cspan point);
EVP_PKEY *pqi_ossl_ek_public(const pqi_tpm_ek *ek);
const char *pqi_ossl_ek_group(const pqi_tpm_ek *ek);

#endif
