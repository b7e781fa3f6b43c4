/* SPDX-License-Identifier: Apache-2.0
 * What a Linux host offers to the core: the classical primitives over OpenSSL 3 and the file-backed
 * software provider. */
#ifndef PQI_HOST_H
#define PQI_HOST_H

#include <pqi/classic.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The classical table over libcrypto 3. Thread-safe; random bytes come from getrandom(2). Beyond
 * SHA-256, -384 and -512 it offers SHA-224, SHA-512/224 and SHA-512/256. */
PQI_API extern const pqi_classic pqi_classic_openssl;

#ifdef __cplusplus
}
#endif
#endif
