/* SPDX-License-Identifier: Apache-2.0
 * Attestation on a Linux host: signatures of TPMs, certificates of endorsement keys, credentials, and what
 * a CA does to give an attestation key its certificate. docs/spec/attest.md */
#ifndef PQI_HOST_ATTEST_H
#define PQI_HOST_ATTEST_H

#include <pqi/attest.h>
#include <pqi/host_ca.h>
#include <pqi/host_device.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ECDSA over P-256 with OpenSSL: a pqi_p256_verify. PQI_OK; PQI_ERR_AUTH; PQI_ERR_PROVIDER. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_p256_verify(
    const uint8_t pk[PQI_TPM_POINT_LEN], const uint8_t digest[32], const uint8_t sig[64]);

/* Is this the endorsement key of a certificate that leads to one of the roots?
 * cert   in  DER, X.509
 * roots  in  PEM certificates: those that sign themselves are trusted, others help to build the path
 * at     in  unix seconds; 0: now
 * PQI_OK; PQI_ERR_AUTH: another key, no path, expired, not for an endorsement key; PQI_ERR_DECODE: cert;
 * PQI_ERR_ARG: no certificate in roots. pqi_host_attest_why() tells more. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ek_verify(
    pqi_cspan cert, pqi_cspan roots, const pqi_tpm_ek *ek, uint64_t at);

/* What TPM2_MakeCredential does, by software (TPM 2.0 part 1 section 24): only the TPM with this endorsement key, and
 * with a loaded key of this name in it, gives the secret back.
 * secret in   not empty, at most 32 bytes; secret
 * out    out  TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET, at most PQI_AK_CRED_MAX bytes
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_AUTH: a point that is not on its curve; PQI_ERR_SPACE; PQI_ERR_PROVIDER. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_make_credential(const pqi_tpm_ek *ek,
    const uint8_t ak_name[PQI_TPM_NAME_MAX], pqi_cspan secret, pqi_span out, size_t *out_len);

/* ---- CA ------------------------------------------------------------------------------------------- */

typedef struct pqi_host_ca_ak_opts {
    pqi_cspan ek_roots;   /* PEM; empty: none */
    const uint8_t *ek_fp; /* 32 bytes: the fingerprint that a person vouches for; NULL: not given */
    int allow_no_cert;    /* 1: ek_fp alone is enough */
    int replace_ek;       /* 1: the device got another TPM */
} pqi_host_ca_ak_opts;

/* Checks a request: the device is listed and the factory key is its own, the attestation key has the
 * template, the endorsement key is certified (or its fingerprint given by hand), of no other device and no
 * other than before. Makes a credential and keeps the hash of its secret. A second challenge
 * replaces the first.
 * out: at most PQI_AK_MSG_MAX bytes.
 * PQI_OK; PQI_ERR_POLICY: one of the above; PQI_ERR_AUTH: signature or certificate; PQI_ERR_DECODE; as
 * pqi_host_ca_challenge(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_ak_challenge(pqi_host_ca *ca, pqi_cspan request,
    const pqi_host_ca_ak_opts *opts, pqi_span out, size_t *out_len);

typedef struct pqi_host_ca_ak {
    char id[PQI_ID_MAX + 1], cls[PQI_ID_MAX + 1];
    uint8_t ak_name[PQI_TPM_NAME_MAX], ek_fp[32];
    int certified; /* its endorsement key has a certificate */
    int halves;    /* the P-256 halves of the device's keys were proven to be in the TPM */
    uint64_t issued_at, not_after;
} pqi_host_ca_ak;

/* Takes a proof and issues the AK certificate for a class of device. A proof is good once, for 24 hours. One with
 * statements about the halves of the device's keys is taken only if they hold, for the newest certificate of the
 * device; the AK certificate then says so.
 * days: validity; 0: without end. out: at most PQI_AK_CERT_MAX bytes. done may be NULL.
 * PQI_OK; PQI_ERR_AUTH: not the secret, or a statement is about other keys; PQI_ERR_POLICY: no challenge, too late,
 * revoked, or a statement about keys that could be elsewhere; PQI_ERR_DECODE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_ak_issue(pqi_host_ca *ca, pqi_cspan proof,
    pqi_cspan cls, uint32_t days, pqi_span out, size_t *out_len, pqi_host_ca_ak *done);

/* Every AK certificate, oldest first; of one device where id is not empty. A callback that returns another
 * value than 0 ends the walk. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_ak_each(
    pqi_host_ca *ca, pqi_cspan id, int (*each)(void *ctx, const pqi_host_ca_ak *ak), void *ctx);

/* ---- device --------------------------------------------------------------------------------------- */

/* A request for an AK certificate, signed by the factory key of a device directory.
 * from  in   ek_public, ek_cert and ak_public as tools wrote them; NULL: those of the provider's own TPM
 * out: at most PQI_AK_REQUEST_MAX bytes.
 * PQI_OK; PQI_ERR_UNSUPPORTED: the provider is no TPM; PQI_ERR_MISSING: no device, or its TPM was not
 * provisioned; PQI_ERR_POLICY: not the template of an attestation key; as pqi_host_device_join(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_ak_request(
    const pqi_host_device_cfg *cfg, const pqi_ak_request *from, pqi_span out, size_t *out_len);

/* Answers a credential. secret: what tools had the TPM say, 32 bytes; empty: the provider's own TPM is
 * asked, and it also says that the P-256 halves of the device's keys are in it, where they have such and a
 * certificate is installed. out: at most PQI_AK_MSG_MAX bytes.
 * PQI_OK; PQI_ERR_AUTH: made for another TPM or key; PQI_ERR_POLICY: for another device; PQI_ERR_DECODE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_ak_activate(const pqi_host_device_cfg *cfg,
    pqi_cspan credential, pqi_cspan secret, pqi_span out, size_t *out_len);

/* Keeps an AK certificate in the directory (DIR/ak.cert), once it holds under the installed root.
 * PQI_OK; PQI_ERR_AUTH, PQI_ERR_POLICY: another device, root or time; PQI_ERR_STATE: nothing is installed. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_ak_install(
    const pqi_host_device_cfg *cfg, pqi_cspan cert, const pqi_now *now);
/* Reads it. PQI_OK; PQI_ERR_MISSING; PQI_ERR_SPACE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_ak_cert(
    const char *dir, pqi_span out, size_t *out_len);

/* Answers a challenge.
 * log   in   an event log; empty: none
 * from  in   quote and values as tools wrote them; NULL: the provider quotes, and its TPM tells the values
 * out: at most PQI_ATTEST_EVIDENCE_MAX bytes.
 * PQI_OK; PQI_ERR_UNSUPPORTED: the provider cannot quote; PQI_ERR_MISSING: no AK certificate;
 * PQI_ERR_DECODE: challenge; PQI_ERR_PROVIDER. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_attest(const pqi_host_device_cfg *cfg,
    pqi_cspan challenge, pqi_cspan log, const pqi_attest_evidence *from, pqi_span out,
    size_t *out_len);

/* The same on a device that is open. Where the provider is not itself the TPM, evidence has no values of PCRs
 * beside the quote. Statuses likewise. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_answer(
    pqi_host_device *d, pqi_cspan challenge, pqi_cspan log, pqi_span out, size_t *out_len);

/* What the TPM has to sign for a challenge, and over which PCRs: for those who let tools do it.
 * PQI_OK; PQI_ERR_STATE: no certificate is installed; PQI_ERR_DECODE: challenge. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_qualifying(
    const pqi_host_device_cfg *cfg, pqi_cspan challenge, uint8_t out[32], uint32_t *pcr_mask);

/* One sentence about the last failure of this thread's last call above; never NULL. */
PQI_API const char *pqi_host_attest_why(void);

#ifdef __cplusplus
}
#endif
#endif
