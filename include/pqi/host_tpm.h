/* SPDX-License-Identifier: Apache-2.0
 * TPM 2.0 on a Linux host, beyond the provider interface: provisioning, attestation key, PCRs.
 * docs/providers.md section 3.2, docs/spec/attest.md.
 *
 * Opens, does one thing and closes; nothing of it stays in the TPM but what is said. Thread-safe as long
 * as the TCTI is given to one caller at a time. */
#ifndef PQI_HOST_TPM_H
#define PQI_HOST_TPM_H

#include <pqi/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_TPM_PUBLIC_MAX 512u  /* a marshalled TPM2B_PUBLIC */
#define PQI_TPM_CERT_MAX   4096u /* an EK certificate, DER */
#define PQI_TPM_NAME_LEN   34u   /* TPM2B_NAME without its length: algorithm SHA-256, digest */
#define PQI_TPM_CRED_MAX   1024u /* marshalled TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET */
#define PQI_TPM_SECRET_MAX 32u

/* What the verifier of an attestation key needs to know of it. */
typedef struct pqi_tpm_identity {
    uint8_t ek_public[PQI_TPM_PUBLIC_MAX]; /* TPM2B_PUBLIC of the endorsement key */
    size_t ek_public_len;
    uint8_t ek_cert[PQI_TPM_CERT_MAX]; /* from its NV index (TCG EK Credential Profile 2.5) */
    size_t ek_cert_len;                /* 0: the TPM has none */
    uint8_t
        ak_public[PQI_TPM_PUBLIC_MAX]; /* restricted ECDSA P-256 key of the endorsement hierarchy */
    size_t ak_public_len;
    uint8_t ak_name[PQI_TPM_NAME_LEN];
} pqi_tpm_identity;

/* uri as for the provider ("tpm:swtpm:path=..."). PQI_ERR_MISSING: not provisioned (`pqi tpm init`). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_identity(const char *uri, pqi_tpm_identity *out);

/* TPM2_ActivateCredential with attestation and endorsement key.
 * cred in   as PQI_TPM_CRED_MAX says; secret out at most PQI_TPM_SECRET_MAX bytes
 * PQI_OK; PQI_ERR_AUTH: made for another TPM or attestation key, or altered. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_activate(
    const char *uri, pqi_cspan cred, uint8_t secret[PQI_TPM_SECRET_MAX], size_t *len);

/* SHA-256 bank. values: 32 bytes for each bit of mask, in order. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_pcr_read(
    const char *uri, uint32_t mask, pqi_span values);

/* ---- provisioning: what `pqi tpm` does ------------------------------------------------------------- */

/* Makes storage root key and attestation key at the base of the URI, where they are missing; *made counts
 * them. May be called again, also after it was cut off.
 * PQI_OK; PQI_ERR_AUTH: a hierarchy has a password (URI options owner, endorsement); PQI_ERR_STATE:
 * something else is at these handles; PQI_ERR_LIMIT: the TPM is full. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_init(const char *uri, unsigned *made);

/* Removes what this library has made at base and NV index of the URI, of all directories: their keys are
 * gone for ever. Other objects stay. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_clear(const char *uri, unsigned *removed);

#define PQI_TPM_KEYS_MAX     64u
#define PQI_TPM_COUNTERS_MAX 16u
#define PQI_TPM_PCRS         24u
#define PQI_TPM_TEXT_MAX     256u

typedef struct pqi_tpm_counter {
    uint32_t index;
    int known; /* 0: not readable without the owner's password */
    uint64_t value;
} pqi_tpm_counter;

typedef struct pqi_tpm_facts {
    char manufacturer[5];
    uint32_t firmware[2];
    uint32_t base, nv, pcrs;                 /* of the URI */
    int has_srk, has_ak;                     /* 1: there; 0: missing; -1: something else is there */
    uint32_t n_keys, keys[PQI_TPM_KEYS_MAX]; /* handles of P-256 keys */
    uint32_t n_counters;
    pqi_tpm_counter counters[PQI_TPM_COUNTERS_MAX];
    uint32_t da_failed, da_max; /* wrong authorisations so far; locked from da_max on */
    uint32_t da_interval;       /* seconds until one is forgotten; 0: never */
    uint64_t da_left;           /* seconds that a lockout lasts at most; 0: not locked */
    int da_locked;
    uint8_t values[PQI_TPM_PCRS * 32u];                             /* of `pcrs`, in order */
    char ek_subject[PQI_TPM_TEXT_MAX], ek_issuer[PQI_TPM_TEXT_MAX]; /* "": no certificate */
} pqi_tpm_facts;

PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_show(const char *uri, pqi_tpm_facts *out);

/* "0+2+4+7", each 0..23, to a mask. PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_pcrs(const char *text, uint32_t *mask);

/* An approval: PCR values signed by the holder of the policy key, under which keys that were sealed with
 * policy=FILE open as well (TPM2_PolicyAuthorize). docs/providers.md section 3.2. */
#define PQI_TPM_APPROVAL_MAX 906u
typedef struct pqi_tpm_approval {
    uint32_t mask;
    uint8_t values[PQI_TPM_PCRS * 32u]; /* 32 bytes for each bit of mask, in order */
    uint8_t signer[65];                 /* 04 || x || y, P-256 */
} pqi_tpm_approval;

/* Signs mask and values with the private P-256 key in a PEM file; a->signer is filled in.
 * out: PQI_TPM_APPROVAL_MAX bytes. PQI_ERR_ARG: no PCR; PQI_ERR_STORAGE: no such file; PQI_ERR_DECODE:
 * it is no such key. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_approve(
    const char *pem, pqi_tpm_approval *a, pqi_span out, size_t *len);
/* Reads the first approval in `in`; *used gets its length. PQI_ERR_DECODE; PQI_ERR_AUTH: the signature is
 * not of the signer that it names. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_approval_read(
    pqi_cspan in, pqi_tpm_approval *out, size_t *used);
/* Adds an approval to a directory of keys (file tpm.policy). Statuses as above; PQI_ERR_STORAGE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_tpm_approval_add(const char *dir, pqi_cspan approval);

/* One sentence about this thread's last failure in the functions above, for people. */
PQI_API const char *pqi_host_tpm_why(void);

#ifdef __cplusplus
}
#endif
#endif
