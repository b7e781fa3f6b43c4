/* SPDX-License-Identifier: Apache-2.0
 * Numbers of TPM 2.0 part 2 that quotes, keys and credentials share. */
#ifndef PQI_IDENT_TPM_H
#define PQI_IDENT_TPM_H

#include "base/rd.h"
#include <pqi/attest.h>

/* Table 9: algorithms. */
#define TPM_ALG_RSA    0x0001u
#define TPM_ALG_AES    0x0006u
#define TPM_ALG_SHA256 0x000bu
#define TPM_ALG_SHA384 0x000cu
#define TPM_ALG_NULL   0x0010u
#define TPM_ALG_ECDSA  0x0018u
#define TPM_ALG_ECDH   0x0019u
#define TPM_ALG_ECC    0x0023u
#define TPM_ALG_CFB    0x0043u

/* Table 10: curves. */
#define TPM_ECC_P256 0x0003u
#define TPM_ECC_P384 0x0004u

/* Table 7, table 19. */
#define TPM_GENERATED         0xff544347u
#define TPM_ST_ATTEST_CERTIFY 0x8017u
#define TPM_ST_ATTEST_QUOTE   0x8018u

/* Table 31: TPMA_OBJECT. */
#define TPMA_FIXED_TPM    0x00000002u
#define TPMA_FIXED_PARENT 0x00000010u
#define TPMA_ORIGIN       0x00000020u /* sensitiveDataOrigin: the TPM made it */
#define TPMA_USER_AUTH    0x00000040u
#define TPMA_ADMIN_POLICY 0x00000080u
#define TPMA_NO_DA        0x00000400u
#define TPMA_RESTRICTED   0x00010000u
#define TPMA_DECRYPT      0x00020000u
#define TPMA_SIGN         0x00040000u

/* A TPM2B of at most max bytes. */
static inline pqi_cspan tpm_2b(rd *r, size_t max)
{
    return rd_vec16(r, 0, max);
}

/* A name or qualified name of SHA-256; others, and what is too short, fail the reader. */
pqi_cspan pqi_tpm_read_name(rd *r);
/* What stands between extraData and what is attested: clockInfo and firmwareVersion. */
typedef struct tpm_clock {
    uint64_t clock, firmware;
    uint32_t reset_count, restart_count;
    uint8_t safe;
} tpm_clock;
tpm_clock pqi_tpm_read_clock(rd *r);
/* TPMT_SIGNATURE, ECDSA with SHA-256, to r || s. PQI_ERR_DECODE; PQI_ERR_UNSUPPORTED. */
PQI_MUST_CHECK pqi_status pqi_tpm_signature(pqi_cspan in, uint8_t sig[64]);

/* A TPM2B_PUBLIC of a P-256 half as our driver has them made: kind, pk and name of *out, which is set also on
 * failure. PQI_ERR_DECODE; PQI_ERR_POLICY: another kind of key; statuses of the hash. */
PQI_MUST_CHECK pqi_status pqi_tpm_half_key(const pqi_algs *a, pqi_cspan in, pqi_half *out);

#endif
