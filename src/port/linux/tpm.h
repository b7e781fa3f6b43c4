/* SPDX-License-Identifier: Apache-2.0
 * What the files of the TPM driver share: addresses, connections, errors, objects.
 *
 * A connection lives for one operation: TPMs without a resource manager serve one client at a time and
 * have three sessions and three transient objects. It also means that a TPM that was away, or lost power,
 * is found again by the next operation. */
#ifndef PQI_PORT_LINUX_TPM_H
#define PQI_PORT_LINUX_TPM_H

#include "port/linux/element.h"
#include "port/linux/protected_mem.h"

#include <pqi/host_tpm.h>

#include <pthread.h>
#include <stdbool.h>

#include <tss2/tss2_esys.h>

#define TPM_TCTI_MAX 512u
#define TPM_PATH_MAX 1024u

/* Handles at and above the base (persistent: 0x81000000..0x817fffff, TCG registry of reserved handles). */
#define TPM_BASE_DEFAULT 0x81018000u
#define TPM_SRK          0u  /* base + 0: storage root key */
#define TPM_AK           1u  /* base + 1: attestation key */
#define TPM_KEY_FIRST    16u /* base + 16..: keys of directories */
#define TPM_KEYS_MAX     64u

/* NV indices of the owner: 0x01800000..0x01bfffff. One counter for each directory. */
#define TPM_NV_DEFAULT 0x01801800u
#define TPM_NV_MAX     16u

#define TPM_PCRS_DEFAULT 0x95u /* 0, 2, 4 and 7 */
#define TPM_PCRS_ALL     0xffffffu

#define TPM_AUTH_LEN  32u
#define TPM_OWNER_MAX 32u /* authorisation values of hierarchies: at most a SHA-256 digest */

/* ---- tpm:TCTI[?name=value&...] ------------------------------------------------------------------- */

typedef struct tpm_uri {
    char tcti[TPM_TCTI_MAX];
    uint32_t base, nv, pcrs;
    char policy[TPM_PATH_MAX];      /* "": none */
    char approval[TPM_PATH_MAX];    /* "": none */
    char owner[TPM_PATH_MAX];       /* "": the owner hierarchy has no password */
    char endorsement[TPM_PATH_MAX]; /* "": nor has the endorsement hierarchy */
} tpm_uri;

/* PQI_OK; PQI_ERR_ARG, with a sentence in pqi_why(). */
PQI_MUST_CHECK pqi_status pqi_tpm_uri_parse(const char *uri, tpm_uri *out);
/* "0+2+4+7" (also with commas); PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_tpm_pcrs_parse(const char *text, uint32_t *mask);
#define TPM_PCRS_TEXT 72u
void pqi_tpm_pcrs_text(uint32_t mask, char out[TPM_PCRS_TEXT]);

/* ---- errors --------------------------------------------------------------------------------------- */

typedef struct tpm_error {
    TSS2_RC rc; /* layer | code, without the number of parameter, session or handle */
    pqi_status status;
    const char *text;
} tpm_error;

/* The row of a code; never NULL: unknown codes have a row of PQI_ERR_PROVIDER. */
const tpm_error *pqi_tpm_error_find(TSS2_RC rc);
/* Layer and code without numbers; the resource manager's answers for the TPM count as the TPM's. */
TSS2_RC pqi_tpm_error_base(TSS2_RC rc);

/* ---- a connection ---------------------------------------------------------------------------------- */

typedef struct tpm_conn {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    const tpm_uri *uri;
    ESYS_TR srk;
    ESYS_TR session;   /* salted with the SRK, encrypts parameters */
    ESYS_TR policy;    /* a policy session */
    ESYS_TR object[2]; /* transient objects */
    uint8_t srk_name[PQI_TPM_NAME_LEN];
} tpm_conn;

/* Connects; TPM2_Startup if the TPM waits for it. The caller calls pqi_tpm_close() also on error. */
PQI_MUST_CHECK pqi_status pqi_tpm_open(tpm_conn *c, const tpm_uri *uri);
/* As pqi_tpm_open(), with the SRK at the base and an HMAC session salted with it. srk_name: the name that
 * the SRK must have, or NULL where nothing is pinned.
 * PQI_ERR_MISSING: there is no SRK, or another one. */
PQI_MUST_CHECK pqi_status pqi_tpm_open_session(
    tpm_conn *c, const tpm_uri *uri, const uint8_t *srk_name);
/* Flushes session and objects, disconnects. */
void pqi_tpm_close(tpm_conn *c);

/* Connects, calls fn, disconnects; once more while the TPM asks for patience, or when others have left it
 * no room. fn may so be called again after it failed. `session`: as pqi_tpm_open_session(). */
typedef pqi_status (*tpm_job)(tpm_conn *c, void *arg);
PQI_MUST_CHECK pqi_status pqi_tpm_do(
    const tpm_uri *uri, bool session, const uint8_t *srk_name, tpm_job fn, void *arg);

/* The status of a code; `doing` says what failed. Notes the code for pqi_provider_native_error() and,
 * with words, for pqi_why(). `c` is asked for the time of a lockout; may be NULL. TSS2_RC_SUCCESS is
 * PQI_OK. */
pqi_status pqi_tpm_check(tpm_conn *c, TSS2_RC rc, const char *doing);
/* A failure that the TPM did not report. */
pqi_status pqi_tpm_note(pqi_status st, TSS2_RC rc);
uint32_t pqi_tpm_native_error(const char **text);

/* Sets TPMA_SESSION_ENCRYPT (the answer's first parameter) and _DECRYPT (the command's) for the next
 * command, and returns the session. */
ESYS_TR pqi_tpm_with(tpm_conn *c, TPMA_SESSION which);
#define TPM_PLAIN 0u
#define TPM_IN    TPMA_SESSION_DECRYPT
#define TPM_OUT   TPMA_SESSION_ENCRYPT
#define TPM_BOTH  (TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT)

/* Overwrites what the libraries below have kept of a secret. */
void pqi_tpm_scrub(tpm_conn *c, const uint8_t *secret, size_t len);

/* Flushes a transient object or session and forgets it. */
void pqi_tpm_flush(tpm_conn *c, ESYS_TR *tr);

/* ---- objects ---------------------------------------------------------------------------------------- */

/* Reads the public area at a persistent handle and computes its name (SHA-256).
 * PQI_ERR_MISSING: nothing is there. pub may be NULL. */
PQI_MUST_CHECK pqi_status pqi_tpm_read_public(
    tpm_conn *c, TPM2_HANDLE h, TPM2B_PUBLIC *pub, uint8_t name[PQI_TPM_NAME_LEN]);
/* An ESYS object for a persistent handle, only if it has this name. PQI_ERR_MISSING. */
PQI_MUST_CHECK pqi_status pqi_tpm_object(
    tpm_conn *c, TPM2_HANDLE h, const uint8_t name[PQI_TPM_NAME_LEN], ESYS_TR *out);
/* Handles that are defined in [first, first + n); *mask bit i: first + i. n <= 64. */
PQI_MUST_CHECK pqi_status pqi_tpm_handles(
    tpm_conn *c, TPM2_HANDLE first, uint32_t n, uint64_t *mask);
PQI_MUST_CHECK pqi_status pqi_tpm_name_of(const TPM2B_PUBLIC *pub, uint8_t name[PQI_TPM_NAME_LEN]);
PQI_MUST_CHECK pqi_status pqi_tpm_property(tpm_conn *c, TPM2_PT pt, uint32_t *value);

/* Takes owner and endorsement passwords from the files named in the URI. */
PQI_MUST_CHECK pqi_status pqi_tpm_hierarchy_auth(tpm_conn *c, ESYS_TR hierarchy);
/* 32 bytes for TPM objects from the secret of a directory; an empty secret: len 0. */
PQI_MUST_CHECK pqi_status pqi_tpm_auth_value(pqi_cspan secret, TPM2B_AUTH *out);

/* Makes the transient object a persistent one, under the owner's password. */
PQI_MUST_CHECK pqi_status pqi_tpm_persist(tpm_conn *c, ESYS_TR object, TPM2_HANDLE at);
/* Removes the persistent object at this handle; PQI_OK too when there is none. */
PQI_MUST_CHECK pqi_status pqi_tpm_evict(tpm_conn *c, TPM2_HANDLE h);

/* Makes SRK and attestation key where they are missing; *made counts them. Checks those that are there:
 * PQI_ERR_STATE: something else is at the handle. */
PQI_MUST_CHECK pqi_status pqi_tpm_provision(tpm_conn *c, unsigned *made);
/* A session without salt and encryption, for when there is no storage key yet. The passwords of the
 * hierarchies do not travel in it, only HMACs made with them. */
PQI_MUST_CHECK pqi_status pqi_tpm_bare_session(tpm_conn *c);
/* PQI_ERR_STATE: the object there is not what pqi_tpm_provision() makes. */
PQI_MUST_CHECK pqi_status pqi_tpm_is_srk(const TPM2B_PUBLIC *pub);
PQI_MUST_CHECK pqi_status pqi_tpm_is_ak(const TPM2B_PUBLIC *pub);

/* The endorsement key as its certificate's template says (TCG EK Credential Profile 2.5), transient in
 * c->object[0]. cert may be NULL. cert_len 0: the TPM has no certificate of an elliptic curve key. */
PQI_MUST_CHECK pqi_status pqi_tpm_load_ek(
    tpm_conn *c, TPM2B_PUBLIC **pub, bool *needs_policy, uint8_t *cert, size_t *cert_len);
/* An NV index that anybody may read; *len bytes at most cap. PQI_ERR_MISSING. */
PQI_MUST_CHECK pqi_status pqi_tpm_nv_blob(
    tpm_conn *c, TPM2_HANDLE index, pqi_span out, size_t *len);

/* SHA-256 bank; values: 32 bytes for each bit. PQI_ERR_UNSUPPORTED: the TPM has no such bank or PCR. */
PQI_MUST_CHECK pqi_status pqi_tpm_pcr_read(tpm_conn *c, uint32_t mask, pqi_span values);
void pqi_tpm_pcr_select(uint32_t mask, TPML_PCR_SELECTION *out);

/* ---- the element ------------------------------------------------------------------------------------- */

typedef struct tpm_key {
    pqi_key key;
    uint8_t kind; /* pqi_key_kind */
    TPM2_HANDLE handle;
    uint8_t name[PQI_TPM_NAME_LEN];
} tpm_key;

/* tpm.keys: what this directory has in the TPM, and by which names it knows it. */
typedef struct tpm_table {
    uint8_t srk_name[PQI_TPM_NAME_LEN], ak_name[PQI_TPM_NAME_LEN];
    TPM2_HANDLE nv; /* the counter; 0: not yet */
    uint8_t nv_name[PQI_TPM_NAME_LEN];
    uint32_t n;
    tpm_key keys[TPM_KEYS_MAX];
} tpm_table;

#define TPM_TABLE_FILE "tpm.keys"
/* PQI_ERR_MISSING: there is no such file; PQI_ERR_STORAGE: it is damaged. */
PQI_MUST_CHECK pqi_status pqi_tpm_table_load(const char *dir, tpm_table *out);
PQI_MUST_CHECK pqi_status pqi_tpm_table_save(const char *dir, const tpm_table *t);
tpm_key *pqi_tpm_table_find(tpm_table *t, pqi_key key);
void pqi_tpm_table_drop(tpm_table *t, pqi_key key);

typedef struct tpm_element {
    pqi_host_element host;
    pthread_mutex_t mutex;
    tpm_uri uri;
    char *dir;
    pqi_pmem mem; /* TPM2B_AUTH */
    bool has_secret;
    tpm_table table;
} tpm_element;

/* pqi_tpm_do() with a session, under the mutex. */
typedef pqi_status (*tpm_step)(tpm_element *e, tpm_conn *c, void *arg);
PQI_MUST_CHECK pqi_status pqi_tpm_run(tpm_element *e, tpm_step fn, void *arg);
/* The password of the directory's objects, for an object, or into a structure. Wipe that. */
PQI_MUST_CHECK pqi_status pqi_tpm_use_secret(tpm_element *e, tpm_conn *c, ESYS_TR object);
PQI_MUST_CHECK pqi_status pqi_tpm_copy_secret(tpm_element *e, TPM2B_AUTH *out);
/* Forgets what the stack holds of it: for each object of pqi_tpm_use_secret(). */
void pqi_tpm_drop_secret(tpm_element *e, tpm_conn *c, ESYS_TR object);

/* pqi_element and pqi_host_element; arg is the tpm_element. */
pqi_status pqi_tpm_p256_generate(void *arg, pqi_key key, pqi_key_kind kind);
pqi_status pqi_tpm_p256_destroy(void *arg, pqi_key key);
pqi_status pqi_tpm_p256_public(void *arg, pqi_key key, uint8_t pk[65]);
pqi_status pqi_tpm_p256_sign(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64]);
pqi_status pqi_tpm_p256_dh(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32]);
pqi_status pqi_tpm_generation(void *arg, uint64_t *value);
pqi_status pqi_tpm_advance(void *arg, uint64_t value);
pqi_status pqi_tpm_quote(
    void *arg, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len);
pqi_status pqi_tpm_random(void *arg, pqi_span out);
pqi_status pqi_tpm_certify(
    pqi_host_element *e, pqi_key key, const uint8_t extra[32], pqi_span out, size_t *len);
/* length u16 || TPMS_ATTEST || length u16 || TPMT_SIGNATURE. PQI_ERR_SPACE: *len is what it takes. */
PQI_MUST_CHECK pqi_status pqi_tpm_put_signed(
    const TPM2B_ATTEST *a, const TPMT_SIGNATURE *s, pqi_span out, size_t *len);
pqi_status pqi_tpm_wrap(
    pqi_host_element *e, const uint8_t kek[PQI_ELEMENT_KEK], pqi_span blob, size_t *len);
pqi_status pqi_tpm_unwrap(pqi_host_element *e, pqi_cspan blob, uint8_t kek[PQI_ELEMENT_KEK]);

/* The directory's counter: makes it where it is missing and `create` says so, and checks it. */
PQI_MUST_CHECK pqi_status pqi_tpm_counter_ready(tpm_element *e, tpm_conn *c, bool create);
/* Is this one of our counters? *written: it was advanced. */
bool pqi_tpm_is_counter(const TPM2B_NV_PUBLIC *pub, bool *written);
PQI_MUST_CHECK pqi_status pqi_tpm_nv_public(
    tpm_conn *c, TPM2_HANDLE index, ESYS_TR *tr, TPM2B_NV_PUBLIC **pub);
PQI_MUST_CHECK pqi_status pqi_tpm_nv_undefine(tpm_conn *c, TPM2_HANDLE index);
/* Is this a key of pqi_tpm_p256_generate()? */
bool pqi_tpm_is_key(const TPM2B_PUBLIC *pub);

/* ---- policies ------------------------------------------------------------------------------------------ */

#define TPM_POLICY_FILE   "tpm.policy" /* approvals, one after the other */
#define TPM_APPROVALS_MAX 16u
#define TPM_PCR_BYTES     (24u * 32u)

/* PCR values that somebody has signed. docs/providers.md section 3.2. */
typedef struct tpm_approval {
    uint32_t mask;
    uint8_t values[TPM_PCR_BYTES]; /* 32 bytes for each bit */
    uint8_t signer[65];            /* 04 || x || y, P-256 */
    uint8_t sig[64];               /* r || s over pqi_tpm_approval_message() */
} tpm_approval;

unsigned pqi_tpm_pcr_count(uint32_t mask);
/* policyDigest of TPM2_PolicyPCR alone. */
PQI_MUST_CHECK pqi_status pqi_tpm_policy_pcr(
    uint32_t mask, const uint8_t *values, uint8_t digest[32]);
/* ... of PolicyAuthorize(signer), and the digest that TPM2_PolicyAuthValue makes of one. */
PQI_MUST_CHECK pqi_status pqi_tpm_policy_signed(const uint8_t signer[65], uint8_t digest[32]);
PQI_MUST_CHECK pqi_status pqi_tpm_policy_and_secret(uint8_t digest[32]);
/* The signer's key as the TPM loads it. */
void pqi_tpm_signer_public(const uint8_t signer[65], TPM2B_PUBLIC *out);
/* approved policy || policyRef: what is hashed and signed. */
#define TPM_APPROVAL_REF "PQI4 tpm approval"
#define TPM_APPROVAL_MSG (32u + sizeof TPM_APPROVAL_REF - 1u)
PQI_MUST_CHECK pqi_status pqi_tpm_approval_message(
    const tpm_approval *a, uint8_t out[TPM_APPROVAL_MSG]);
/* PQI_ERR_DECODE; PQI_ERR_AUTH: the signature is not the signer's. *used: its bytes. */
PQI_MUST_CHECK pqi_status pqi_tpm_approval_parse(pqi_cspan in, tpm_approval *out, size_t *used);
PQI_MUST_CHECK pqi_status pqi_tpm_approval_put(const tpm_approval *a, pqi_span out, size_t *len);
/* Signs a->mask and values with the private P-256 key in a PEM file; fills in signer and signature. */
PQI_MUST_CHECK pqi_status pqi_tpm_approval_sign(const char *pem, tpm_approval *a);
/* Approvals of a directory; none is PQI_OK with *n = 0. */
PQI_MUST_CHECK pqi_status pqi_tpm_approvals_load(
    const char *dir, tpm_approval out[TPM_APPROVALS_MAX], size_t *n);
/* Adds one, in place of one for the same values. */
PQI_MUST_CHECK pqi_status pqi_tpm_approvals_add(const char *dir, pqi_cspan approval);
/* A small public file. */
PQI_MUST_CHECK pqi_status pqi_tpm_file_read(const char *path, pqi_span out, size_t *len);
/* The point of a P-256 key in a PEM file. */
PQI_MUST_CHECK pqi_status pqi_tpm_signer_read(const char *path, uint8_t signer[65]);

#endif
