/* SPDX-License-Identifier: Apache-2.0
 * A fake TPM for tests: its "attestation key" is an OpenSSL key in memory, its PCRs are what a test says.
 * It attests nothing; nothing of it is in the library. */
#ifndef PQI_TESTS_FAKE_QUOTE_H
#define PQI_TESTS_FAKE_QUOTE_H

#include <pqi/attest.h>

#include <openssl/evp.h>

typedef struct fake_tpm {
    EVP_PKEY *key;
    uint8_t ak[PQI_TPM_AK_MAX]; /* TPM2B_PUBLIC */
    size_t ak_len;
    pqi_pcrs pcrs;
    uint32_t reset_count, restart_count;
    uint8_t log[16384]; /* as the firmware would have written it */
    size_t log_len;
} fake_tpm;

/* Another tag is another key. PCRs are as after a reset; the log has its header. */
void fake_tpm_start(fake_tpm *t, const pqi_algs *a, uint8_t tag);
void fake_tpm_stop(fake_tpm *t);
/* Extends a PCR with the hash of a text, and logs it. */
void fake_tpm_event(fake_tpm *t, const pqi_algs *a, uint32_t pcr, uint32_t type, const char *text);
void fake_tpm_log(
    fake_tpm *t, uint32_t pcr, uint32_t type, const uint8_t digest[32], pqi_cspan data);
/* A quote in the form of pqi_provider_quote(); at most PQI_QUOTE_MAX bytes. */
size_t fake_tpm_quote(
    const fake_tpm *t, const pqi_algs *a, pqi_cspan extra, uint32_t mask, uint8_t *out);
/* What a TPM would say about a key: pqi_half. Sound as fake_half_of() fills it in; a test may change anything. */
typedef struct fake_half {
    uint16_t type, name_alg, sym, scheme, hash, curve, kdf;
    uint32_t attributes;
    pqi_cspan policy;
    uint8_t point[65];
    uint32_t magic;
    uint16_t kind; /* TPM_ST_ATTEST_CERTIFY */
    uint8_t extra[32], safe;
    uint8_t name_xor; /* into the last byte of the certified name */
} fake_half;
void fake_half_of(fake_half *h, pqi_key_kind kind, uint8_t tag, const uint8_t extra[32]);
/* Signed by the attestation key of t; at most PQI_HALF_MAX bytes. *area_len: bytes in front of TPMS_ATTEST's length. */
size_t fake_tpm_certify(
    const fake_tpm *t, const pqi_algs *a, const fake_half *h, uint8_t *out, size_t *area_len);
/* The values of mask, 32 bytes each. */
size_t fake_tpm_values(const fake_tpm *t, uint32_t mask, uint8_t *out);

#endif
