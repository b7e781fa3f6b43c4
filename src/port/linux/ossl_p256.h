/* SPDX-License-Identifier: Apache-2.0
 * P-256 (SP 800-186 section 3.2.1.3) over OpenSSL 3. Points are uncompressed, 04 || x || y. */
#ifndef PQI_PORT_LINUX_OSSL_P256_H
#define PQI_PORT_LINUX_OSSL_P256_H

#include <pqi/composite.h>

#define PQI_P256_SCALAR 32u /* big endian */

/* PQI_OK; PQI_ERR_AUTH: not an uncompressed point of the curve; PQI_ERR_PROVIDER. */
PQI_MUST_CHECK pqi_status pqi_ossl_p256_check(const uint8_t pk[PQI_P256_PK]);

/* ECDSA with SHA-256 (FIPS 186-5 section 6.4) over msg. PQI_OK; PQI_ERR_AUTH: it does not verify, r or s
 * is out of range, or pk is no point; PQI_ERR_PROVIDER. */
PQI_MUST_CHECK pqi_status pqi_ossl_p256_verify(
    const uint8_t pk[PQI_P256_PK], pqi_cspan msg, const uint8_t sig[PQI_P256_SIG]);

/* The point of a scalar, secret. PQI_ERR_ARG: it is 0 or not below the order. */
PQI_MUST_CHECK pqi_status pqi_ossl_p256_public(
    uint8_t pk[PQI_P256_PK], const uint8_t sk[PQI_P256_SCALAR]);

/* The x coordinate of the shared point (SP 800-56A section 5.7.1.2), secret. PQI_ERR_ARG as above;
 * PQI_ERR_AUTH: pk is no point of the curve. ss is zero on error. */
PQI_MUST_CHECK pqi_status pqi_ossl_p256_dh(
    uint8_t ss[PQI_P256_SS], const uint8_t sk[PQI_P256_SCALAR], const uint8_t pk[PQI_P256_PK]);

/* Of a seed of 128 random bytes the first of its four scalars that is in range: RandomScalar of
 * draft-irtf-cfrg-concrete-hybrid-kems section 3.1.1. PQI_ERR_RNG: none is, which does not happen with
 * random bytes (2^-128). sk is zero on error. */
#define PQI_P256_SEED 128u
PQI_MUST_CHECK pqi_status pqi_p256_random_scalar(
    uint8_t sk[PQI_P256_SCALAR], const uint8_t seed[PQI_P256_SEED]);

#endif
