/* SPDX-License-Identifier: Apache-2.0
 * Attestation: did this peer's machine start what the fleet allows? docs/spec/attest.md.
 *
 *   quote        what a TPM 2.0 signs about its PCRs
 *   event log    how the PCRs came to their values (TCG PC Client Platform Firmware Profile)
 *   pqi-ak       the issuer's word that an attestation key is in the TPM of a device
 *   pqi-attest   the policy: what is allowed, by class of device; signed as the fleet's policy is
 *   verifier     a state machine: whom to ask, what came of it, until when
 *
 * Everything is bytes and time in, bytes and verdicts out: no I/O, no allocation, no key. Decoding leaves
 * *out alone on failure; spans in *out point into the input. Nothing here is secret. Thread-safe:
 * functions touch only their arguments. */
#ifndef PQI_ATTEST_H
#define PQI_ATTEST_H

#include <pqi/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- structures of TPM 2.0 ------------------------------------------------------------------------ */

#define PQI_TPM_PCRS      24u
#define PQI_PCR_LEN       32u /* SHA-256 bank */
#define PQI_PCR_MASK_ALL  0x00ffffffu
#define PQI_TPM_AK_MAX    256u /* a marshalled TPM2B_PUBLIC of an attestation key */
#define PQI_TPM_NAME_MAX  34u  /* algorithm SHA-256, digest */
#define PQI_TPM_POINT_LEN 65u  /* 04 || x || y, P-256 */

/* A quote: length u16 || TPMS_ATTEST || length u16 || TPMT_SIGNATURE, as pqi_provider_quote() gives it.
 * TPM 2.0 part 2 sections 10.12.8 and 11.3.4. */
typedef struct pqi_quote {
    pqi_cspan attest; /* TPMS_ATTEST: what is signed */
    uint8_t sig[64];  /* r || s */
    pqi_cspan signer; /* qualified name of the key, 34 bytes */
    pqi_cspan extra;  /* what the verifier gave, 0..64 bytes */
    uint64_t clock;   /* milliseconds that the TPM was on */
    uint32_t reset_count, restart_count;
    uint8_t clock_safe;
    uint64_t firmware;
    uint32_t pcr_mask;               /* bit n: PCR n of the SHA-256 bank; not 0 */
    uint8_t pcr_digest[PQI_PCR_LEN]; /* SHA-256 over the selected values, ascending */
} pqi_quote;

/* PQI_OK; PQI_ERR_DECODE: another magic or type, another bank, more than one selection, a length that
 * does not fit, bytes behind the end; PQI_ERR_UNSUPPORTED: a signature that is not ECDSA with SHA-256. */
PQI_API PQI_MUST_CHECK pqi_status pqi_quote_decode(pqi_cspan in, pqi_quote *out);

/* Public area of an attestation key, a TPM2B_PUBLIC: restricted, signs, fixedTPM, fixedParent,
 * sensitiveDataOrigin, P-256, ECDSA with SHA-256 (part 2 section 12.2.4). */
typedef struct pqi_tpm_ak {
    pqi_cspan encoded;             /* the TPM2B_PUBLIC */
    uint8_t pk[PQI_TPM_POINT_LEN]; /* the point; whether it is on the curve, who uses it checks */
    uint8_t name[PQI_TPM_NAME_MAX];
} pqi_tpm_ak;

/* PQI_OK; PQI_ERR_DECODE: no TPM2B_PUBLIC; PQI_ERR_POLICY: one of another template; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_tpm_ak_decode(
    const pqi_algs *a, pqi_cspan in, pqi_tpm_ak *out);

/* Public area of an endorsement key: a restricted decryption key that the TPM made and keeps. */
#define PQI_TPM_EK_MAX 768u
typedef struct pqi_tpm_ek {
    pqi_cspan encoded;       /* the TPM2B_PUBLIC */
    uint16_t type;           /* 0x0001 RSA, 0x0023 ECC */
    uint16_t name_alg;       /* 0x000b SHA-256, 0x000c SHA-384 */
    uint16_t sym_bits;       /* of AES in CFB mode: 128 or 256 */
    uint16_t curve;          /* 0x0003 P-256, 0x0004 P-384; RSA: 0 */
    pqi_cspan x, y;          /* ECC */
    pqi_cspan modulus;       /* RSA, of 2,048, 3,072 or 4,096 bits, exponent 65,537 */
    uint8_t fingerprint[32]; /* of the key, whatever stands around it in the area */
} pqi_tpm_ek;

/* PQI_OK; PQI_ERR_DECODE; PQI_ERR_POLICY: not such a key; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_tpm_ek_decode(
    const pqi_algs *a, pqi_cspan in, pqi_tpm_ek *out);

/* Checks r || s over the SHA-256 of a message with a P-256 key. A host has pqi_host_p256_verify().
 * PQI_OK; PQI_ERR_AUTH: not on the curve, not its signature. */
typedef pqi_status (*pqi_p256_verify)(
    const uint8_t pk[PQI_TPM_POINT_LEN], const uint8_t digest[32], const uint8_t sig[64]);

/* ---- halves of keys in a TPM ------------------------------------------------------------------------ */

/* A statement: length u16 || TPM2B_PUBLIC || length u16 || TPMS_ATTEST || length u16 || TPMT_SIGNATURE. The TPM says that a key with this public area is in it (TPM2_Certify), and the area that
 * the key was made there and cannot leave. docs/spec/attest.md section 2.1. */
#define PQI_HALF_MAX   512u
#define PQI_HALF_EXTRA 32u
typedef struct pqi_half {
    pqi_key_kind kind;              /* PQI_KEY_SIG or PQI_KEY_KEM, by its attributes */
    uint8_t pk[PQI_TPM_POINT_LEN];  /* the point */
    uint8_t name[PQI_TPM_NAME_MAX]; /* computed from the area; the one that is certified */
    pqi_cspan attest;               /* TPMS_ATTEST: what is signed */
    uint8_t sig[64];                /* r || s */
    pqi_cspan extra;                /* PQI_HALF_EXTRA bytes */
} pqi_half;

/* Reads one; the signature is not checked. PQI_OK; PQI_ERR_DECODE: another magic or type, a length that
 * does not fit, bytes behind the end; PQI_ERR_POLICY: a key of another kind, such as one that was imported or
 * may leave, or not on P-256; PQI_ERR_AUTH: the name is of another public area; PQI_ERR_UNSUPPORTED: a
 * signature that is not ECDSA with SHA-256; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_half_decode(const pqi_algs *a, pqi_cspan in, pqi_half *out);

/* What a statement has to be. */
typedef struct pqi_half_want {
    pqi_key_kind kind;
    const uint8_t *pk;             /* PQI_TPM_POINT_LEN bytes: of the certified key */
    const uint8_t *ak_pk;          /* likewise: of the attestation key */
    uint8_t extra[PQI_HALF_EXTRA]; /* pqi_half_qualifying() */
} pqi_half_want;
/* PQI_OK; as pqi_half_decode(); PQI_ERR_POLICY: the other kind; PQI_ERR_AUTH: another point, other extra
 * data, or not by this attestation key. */
PQI_API PQI_MUST_CHECK pqi_status pqi_half_verify(
    const pqi_algs *a, pqi_p256_verify verify, const pqi_half_want *w, pqi_cspan statement);

/* The points of a certificate's keys. PQI_ERR_POLICY: not both are composite. */
PQI_API PQI_MUST_CHECK pqi_status pqi_half_points(const pqi_algs *a, const pqi_cert *c,
    uint8_t sig[PQI_TPM_POINT_LEN], uint8_t kem[PQI_TPM_POINT_LEN]);

/* ---- event log ----------------------------------------------------------------------------------- */

#define PQI_EVENTLOG_MAX    262144u /* bytes */
#define PQI_EVENTLOG_EVENTS 4096u
#define PQI_EVENTLOG_ALGS   8u

#define PQI_EV_NO_ACTION 3u /* TCG PFP table 27: the one event type that extends nothing */

typedef struct pqi_eventlog {
    pqi_cspan left; /* what was not read yet */
    uint32_t n_algs, events;
    uint16_t alg[PQI_EVENTLOG_ALGS], len[PQI_EVENTLOG_ALGS];
} pqi_eventlog;

typedef struct pqi_log_event {
    uint32_t pcr, type;
    const uint8_t *digest; /* SHA-256, 32 bytes */
    pqi_cspan data;
} pqi_log_event;

/* Reads the header: crypto-agile, "Spec ID Event03", with a SHA-256 bank. PQI_OK; PQI_ERR_DECODE;
 * PQI_ERR_UNSUPPORTED: a log without SHA-256. */
PQI_API PQI_MUST_CHECK pqi_status pqi_eventlog_begin(pqi_eventlog *l, pqi_cspan in);
/* The next event. PQI_OK; PQI_ERR_MISSING: the end; PQI_ERR_DECODE: not a whole event, a digest missing,
 * twice or of an algorithm that the header lacks, a PCR above 23, more than PQI_EVENTLOG_EVENTS. */
PQI_API PQI_MUST_CHECK pqi_status pqi_eventlog_next(pqi_eventlog *l, pqi_log_event *out);

typedef struct pqi_pcrs {
    uint8_t v[PQI_TPM_PCRS][PQI_PCR_LEN];
    uint32_t extended; /* bit n: an event extended PCR n */
    uint32_t events;
} pqi_pcrs;

/* What the PCRs are after all events of a log, from a reset on: PCR 17 to 22 are ones until their first
 * event, the others zero; PCR 0 ends in the locality that an event "StartupLocality" says.
 * PQI_OK; as pqi_eventlog_next() and _begin(); statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_eventlog_replay(
    const pqi_algs *a, pqi_cspan in, pqi_pcrs *out);

/* SHA-256 over the values of the PCRs in mask, ascending: what a quote signs. */
PQI_API PQI_MUST_CHECK pqi_status pqi_pcrs_digest(
    const pqi_algs *a, const pqi_pcrs *p, uint32_t mask, uint8_t out[PQI_PCR_LEN]);

/* "EV_SEPARATOR", ...; "?" for others. Static storage. */
PQI_API const char *pqi_eventlog_type(uint32_t type);

/* ---- AK certificate ------------------------------------------------------------------------------ */

#define PQI_AK_CERT_MAX 8192u

#define PQI_AK_EK_CERTIFIED 0x01u /* its endorsement key has a certificate of a vendor */
#define PQI_AK_HALVES       0x02u /* the P-256 halves of the device's keys are proven to be in this TPM */

typedef struct pqi_ak_cert {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version;
    pqi_cspan device_id;
    uint32_t roster_index; /* of the device; also of its certificate */
    uint8_t factory_fp[32];
    pqi_tpm_ak ak;
    uint8_t ek_fp[32];
    pqi_cspan cls; /* class of device: the row of the policy, 1..PQI_ID_MAX bytes as an id */
    uint32_t flags;
    uint32_t valid_from_epoch, valid_to_epoch; /* control epochs, inclusive */
    uint64_t not_before, not_after;            /* unix seconds; 0: no bound */
    uint8_t half_key_id
        [PQI_KEY_ID_LEN]; /* PQI_AK_HALVES: of the certificate with these halves; else 0 */
    pqi_cspan encoded, protected_, payload, signature;
} pqi_ak_cert;

PQI_API PQI_MUST_CHECK pqi_status pqi_ak_cert_decode(
    const pqi_algs *a, pqi_cspan in, pqi_ak_cert *out);
/* By an issuer of m, and inside its window. PQI_OK; PQI_ERR_AUTH; PQI_ERR_POLICY: outside its window;
 * PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ak_cert_verify(const pqi_algs *a, const pqi_ak_cert *c,
    const pqi_manifest *m, const pqi_now *now, pqi_span tmp);
/* Input as in pqi_ak_cert; of ak only `encoded` is read. PQI_ERR_ARG: a field breaks its rule. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ak_cert_build(const pqi_algs *a, pqi_provider *p,
    pqi_key issuer, const pqi_ak_cert *fields, pqi_span out, size_t *out_len);

/* ---- what a device and a CA say to each other about an AK -------------------------------------------- */

#define PQI_AK_REQUEST_MAX 20480u
#define PQI_EK_CERT_MAX    4096u
#define PQI_AK_CRED_MAX    1024u /* TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET */

/* Signed by the factory key: this is my TPM. */
typedef struct pqi_ak_request {
    pqi_cspan device_id;
    int32_t factory_alg;
    pqi_cspan factory_pk;
    uint8_t factory_fp[32];                  /* computed */
    pqi_cspan ek_public, ek_cert, ak_public; /* ek_cert may be empty */
} pqi_ak_request;

/* Decodes and checks the signature; whether the factory key is the device's the caller compares.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH; PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ak_request_open(
    const pqi_algs *a, pqi_cspan in, pqi_ak_request *out, pqi_span tmp);
/* Of fields are read device_id, ek_public, ek_cert and ak_public. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ak_request_build(const pqi_algs *a, pqi_provider *p,
    pqi_key factory, const pqi_ak_request *fields, pqi_span out, size_t *out_len);

/* The CA's credential for an AK (body: TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET), and what the TPM gave
 * back (body: the secret, 32 bytes), alone or with what the TPM says about the device's keys. Not signed: the
 * credential opens in that TPM alone, and the secret says so. */
typedef enum pqi_ak_msg_kind {
    PQI_AK_CREDENTIAL = 1,
    PQI_AK_PROOF = 2,
    PQI_AK_HALF_PROOF = 3,
    PQI_AK_MSG_INT32_ = 2147483647
} pqi_ak_msg_kind;

#define PQI_AK_MSG_MAX    1536u
#define PQI_AK_SECRET_LEN 32u
typedef struct pqi_ak_msg {
    pqi_ak_msg_kind kind;
    pqi_cspan device_id;
    uint8_t ak_name[PQI_TPM_NAME_MAX];
    pqi_cspan body;
    uint8_t key_id[PQI_KEY_ID_LEN]; /* PQI_AK_HALF_PROOF: of the device's certificate, */
    pqi_cspan half_sig, half_kem;   /* and a statement for each half, at most PQI_HALF_MAX bytes */
} pqi_ak_msg;

/* What the AK signs along with the name of a half: SHA-256 of "PQI4 half", the secret of the credential, device
 * id with its length, and key id. So a statement is of one enrolment, device and certificate. */
PQI_API PQI_MUST_CHECK pqi_status pqi_half_qualifying(const pqi_algs *a,
    const uint8_t secret[PQI_AK_SECRET_LEN], pqi_cspan device_id,
    const uint8_t key_id[PQI_KEY_ID_LEN], uint8_t out[PQI_HALF_EXTRA]);

PQI_API PQI_MUST_CHECK pqi_status pqi_ak_msg_decode(pqi_cspan in, pqi_ak_msg *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_ak_msg_encode(
    const pqi_ak_msg *m, pqi_span out, size_t *out_len);

/* ---- policy -------------------------------------------------------------------------------------- */

#define PQI_ATTEST_POLICY_MAX 32768u
#define PQI_ATTEST_CLASSES    16u
#define PQI_ATTEST_DIGESTS    64u  /* of a class */
#define PQI_ATTEST_VALUES     64u  /* of a class */
#define PQI_ATTEST_EVENTS     256u /* of a class */
#define PQI_ATTEST_ROW        33u  /* PCR u8 || 32 bytes */
#define PQI_ATTEST_AGE_MAX    2678400u

#define PQI_ATTEST_LOG     0x01u /* an event log is needed */
#define PQI_ATTEST_EK_CERT 0x02u /* the endorsement key must have a certificate of its vendor */
#define PQI_ATTEST_HALVES  0x04u /* the halves of the key in use must be proven to be in the TPM */

/* A class of device. A quote over its mask is allowed when its digest is one of `digests`, or when each
 * PCR of the mask is allowed by itself: its value is in `values`, or the log leads to its value and has
 * only events of `events` for it, one at least. A class with none of the three allows nothing (INV-36). */
typedef struct pqi_attest_class {
    pqi_cspan name; /* as an id */
    uint32_t pcr_mask, max_age_s, flags;
    pqi_cspan digests;        /* 32 n bytes */
    pqi_cspan values, events; /* PQI_ATTEST_ROW n bytes, ascending */
} pqi_attest_class;

typedef struct pqi_attest_policy {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version;
    uint32_t seq;       /* 1, 2, ... strictly increasing under one root version */
    uint32_t n_classes; /* 0: nothing is allowed */
    pqi_attest_class classes[PQI_ATTEST_CLASSES]; /* ascending by name */
    uint8_t hash[32];                             /* SHA-256("PQI4 attest policy id" || payload) */
    pqi_cspan encoded, body_protected, payload, signatures;
} pqi_attest_policy;

PQI_API PQI_MUST_CHECK pqi_status pqi_attest_policy_decode(
    const pqi_algs *a, pqi_cspan in, pqi_attest_policy *out);
/* Signed by the manifest's threshold of policy keys. PQI_OK; PQI_ERR_AUTH; PQI_ERR_UNSUPPORTED;
 * PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_policy_verify(
    const pqi_algs *a, const pqi_attest_policy *x, const pqi_manifest *m, pqi_span tmp);
/* Signs with 1..PQI_MANIFEST_KEYS_MAX different keys. PQI_ERR_ARG: a field breaks its rule, a key twice. */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_policy_build(const pqi_algs *a, pqi_provider *p,
    const pqi_attest_policy *fields, const pqi_key *handles, size_t n, pqi_span out,
    size_t *out_len);
/* The keys of `by` that signed it, by their place. As pqi_policy_signed_by() (pqi/role.h). */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_policy_signed_by(const pqi_algs *a,
    const pqi_attest_policy *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask);
PQI_API const pqi_attest_class *pqi_attest_policy_class(
    const pqi_attest_policy *x, pqi_cspan name); /* NULL: none */

/* ---- challenge and evidence ------------------------------------------------------------------------ */

#define PQI_ATTEST_NONCE         32u
#define PQI_ATTEST_CHALLENGE_MAX (49u + PQI_ID_MAX)
#define PQI_ATTEST_EVIDENCE_MAX                                                                    \
    (46u + PQI_AK_CERT_MAX + PQI_QUOTE_MAX + PQI_TPM_PCRS * PQI_PCR_LEN + PQI_EVENTLOG_MAX)

typedef struct pqi_attest_challenge {
    uint8_t nonce[PQI_ATTEST_NONCE];
    uint32_t pcr_mask, root_version, policy_seq;
    pqi_cspan verifier_id;
} pqi_attest_challenge;

PQI_API PQI_MUST_CHECK pqi_status pqi_attest_challenge_decode(
    pqi_cspan in, pqi_attest_challenge *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_challenge_encode(
    const pqi_attest_challenge *c, pqi_span out, size_t *out_len);

/* Who answers, as the fleet's certificates name it. */
typedef struct pqi_attest_subject {
    pqi_cspan device_id;
    uint8_t key_id[PQI_KEY_ID_LEN]; /* of the certificate in use */
    uint32_t roster_index;
} pqi_attest_subject;

/* What the TPM signs along with the PCRs: SHA-256 of "PQI4 attest", nonce, mask, root version, policy
 * sequence, verifier id and device id with their lengths, and key id. */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_qualifying(
    const pqi_algs *a, const pqi_attest_challenge *c, const pqi_attest_subject *s, uint8_t out[32]);

typedef struct pqi_attest_evidence {
    uint8_t nonce[PQI_ATTEST_NONCE];
    pqi_cspan ak_cert, quote;
    pqi_cspan values; /* 32 bytes for each PCR of the mask, ascending; or empty: as the log says */
    pqi_cspan log;    /* may be empty; without both a class can be judged as a whole only */
} pqi_attest_evidence;

PQI_API PQI_MUST_CHECK pqi_status pqi_attest_evidence_decode(
    pqi_cspan in, pqi_attest_evidence *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_evidence_encode(
    const pqi_attest_evidence *e, pqi_span out, size_t *out_len);

/* ---- parts ------------------------------------------------------------------------------------------ */

/* Evidence on its way in messages, docs/spec/attest.md section 5.1: each part but the last has PQI_ATTEST_PART
 * bytes of it, in order. One that is longer than PQI_ATTEST_SENT_MAX goes without its event log. */
#define PQI_ATTEST_PART     8192u
#define PQI_ATTEST_PARTS    16u
#define PQI_ATTEST_SENT_MAX (PQI_ATTEST_PART * PQI_ATTEST_PARTS)
#define PQI_ATTEST_PART_MAX (42u + PQI_ATTEST_PART) /* of the message */

typedef struct pqi_attest_part {
    uint8_t nonce[PQI_ATTEST_NONCE];
    uint32_t index, count; /* 0 <= index < count <= PQI_ATTEST_PARTS; count follows from total */
    uint32_t total;        /* bytes of the evidence */
    pqi_cspan bytes;
} pqi_attest_part;

/* PQI_OK; PQI_ERR_DECODE: also when number and length are not those that total gives. */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_part_decode(pqi_cspan in, pqi_attest_part *out);
/* Part `index` of evidence. PQI_OK; PQI_ERR_MISSING: there is none of that number; PQI_ERR_ARG: too long for
 * parts; PQI_ERR_SPACE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_part_encode(const uint8_t nonce[PQI_ATTEST_NONCE],
    pqi_cspan evidence, uint32_t index, pqi_span out, size_t *out_len);

/* Puts parts together, of one peer and one question at a time. {0}: nothing is there. */
typedef struct pqi_attest_gather {
    pqi_span mem; /* the caller's, at least total bytes of the first part */
    uint8_t nonce[PQI_ATTEST_NONCE];
    uint32_t next, total; /* next 0: nothing is there */
} pqi_attest_gather;

/* PQI_OK: that was the last one, the evidence is in mem, total bytes, and g is empty again; PQI_ERR_MISSING: more
 * have to come; PQI_ERR_REPLAY: not the next one: everything is dropped; PQI_ERR_SPACE: likewise. A first part
 * drops what was there. */
PQI_API PQI_MUST_CHECK pqi_status pqi_attest_gather_add(
    pqi_attest_gather *g, const pqi_attest_part *p);

/* ---- appraisal ----------------------------------------------------------------------------------- */

/* Why not. Stable names: pqi_attest_reason_name(). They are for the verifier's log; who is refused is
 * told nothing. */
typedef enum pqi_attest_reason {
    PQI_ATTEST_OK = 0,
    PQI_ATTEST_NO_POLICY,   /* there is none, or another one than the challenge names */
    PQI_ATTEST_UNSOLICITED, /* nobody asked, or another nonce */
    PQI_ATTEST_LATE,        /* after the deadline */
    PQI_ATTEST_DECODE,      /* evidence, certificate, quote or log is not well-formed */
    PQI_ATTEST_CERT,        /* AK certificate: signature, fleet or window */
    PQI_ATTEST_DEVICE,      /* AK certificate of another device */
    PQI_ATTEST_EK,          /* no vendor's certificate, and the class needs one */
    PQI_ATTEST_CLASS,       /* the policy has no such class */
    PQI_ATTEST_SIGNATURE,   /* not by the certified key */
    PQI_ATTEST_QUALIFYING,  /* another nonce, verifier, device, key or policy is in the quote */
    PQI_ATTEST_PCRS,        /* other PCRs than asked for, or values that are not the quoted ones */
    PQI_ATTEST_NO_LOG,      /* the class needs one */
    PQI_ATTEST_LOG_DIFFERS, /* the log does not lead to the quoted values */
    PQI_ATTEST_DIGEST,      /* the policy does not allow these values */
    PQI_ATTEST_BUSY,        /* a hash or signature could not be computed here */
    PQI_ATTEST_HALF, /* the class needs the halves of the key in use proven, and they are not */
    PQI_ATTEST_REASON_COUNT_,
    PQI_ATTEST_REASON_INT32_ = 2147483647
} pqi_attest_reason;
PQI_API const char *pqi_attest_reason_name(pqi_attest_reason r);

/* What evidence is judged with. */
typedef struct pqi_attest_judge {
    const pqi_algs *algs;
    pqi_p256_verify verify;
    const pqi_manifest *manifest;
    const pqi_attest_policy *policy; /* verified; NULL: none, which denies */
    pqi_span tmp;                    /* verify_tmp of the issuer's algorithm */
} pqi_attest_judge;

typedef struct pqi_attest_result {
    pqi_attest_reason reason;
    uint32_t pcr;       /* of DIGEST, LOG_DIFFERS: the first one that is not allowed; else 24 */
    uint32_t max_age_s; /* with OK: of the class, or what the AK certificate has left */
    uint32_t reset_count, restart_count; /* once the signature and what it qualifies hold */
    int counted;                         /* 1: these two are set */
} pqi_attest_result;

/* Judges evidence against the challenge that asked for it. Cheap checks first; the quote is believed only
 * after all of binding, signature and PCR values hold. *out is set in every case. */
PQI_API void pqi_attest_appraise(const pqi_attest_judge *j, const pqi_attest_challenge *c,
    const pqi_attest_subject *s, pqi_cspan evidence, const pqi_now *now, pqi_attest_result *out);

/* ---- verifier ------------------------------------------------------------------------------------ */

typedef enum pqi_attest_state {
    PQI_ATTEST_NONE = 0,
    PQI_ATTEST_ASKED,
    PQI_ATTEST_GOOD,
    PQI_ATTEST_BAD,
    PQI_ATTEST_STATE_INT32_ = 2147483647
} pqi_attest_state;
PQI_API const char *pqi_attest_state_name(pqi_attest_state s); /* "none", ... */

/* One peer. Fields are the verifier's; read them if you like. A standing verdict stays good while the
 * next question is out. */
typedef struct pqi_attest_peer {
    uint8_t used, good, asked, bad, counted;
    uint8_t id_len;
    char id[PQI_ID_MAX + 1];
    uint8_t key_id[PQI_KEY_ID_LEN];
    uint8_t nonce[PQI_ATTEST_NONCE];
    uint32_t pcr_mask, max_age_s;
    uint32_t reset_count, restart_count;
    pqi_attest_reason reason; /* of the last evidence */
    uint64_t asked_ms, until_ms, next_ask_ms;
    uint32_t failures; /* in a row: the next question waits longer */
} pqi_attest_peer;

typedef struct pqi_verifier_cfg {
    pqi_attest_judge judge; /* policy is set by pqi_verifier_policy() */
    pqi_cspan own_id;
    pqi_attest_peer *peers;
    size_t n_peers;
    uint32_t answer_ms;  /* deadline of an answer; 0: 60,000 */
    uint32_t retry_ms;   /* between questions to one peer, doubled by each failure up to 64 times;
                           * 0: 10,000 */
    uint32_t per_minute; /* questions to all peers together; 0: 60 */
} pqi_verifier_cfg;

typedef struct pqi_verifier {
    pqi_verifier_cfg cfg;
    pqi_attest_policy policy;
    int has_policy;
    uint64_t budget_ms;                 /* of the last refill */
    uint32_t tokens;                    /* in 1/60,000 */
    uint64_t asked, good, bad, refused; /* counts, for metrics */
} pqi_verifier;

/* PQI_OK; PQI_ERR_ARG. Pointers of cfg are borrowed for life. */
PQI_API PQI_MUST_CHECK pqi_status pqi_verifier_init(
    pqi_verifier *v, const pqi_verifier_cfg *cfg, const pqi_now *now);

/* Verifies an encoded policy and puts it in force; its bytes are borrowed while it is. Every verdict and
 * open question ends. The same policy again changes nothing.
 * PQI_OK; PQI_ERR_REPLAY: not above the one in force; PQI_ERR_AUTH; PQI_ERR_DECODE; PQI_ERR_UNSUPPORTED.
 * Where it must survive a restart, its floor is the caller's (pqi/host_attest.h). */
PQI_API PQI_MUST_CHECK pqi_status pqi_verifier_policy(pqi_verifier *v, pqi_cspan encoded);

/* Is it time to ask this peer: no good verdict for this key, or less than a quarter of its time left, no
 * question out, and not asked too recently? */
PQI_API int pqi_verifier_due(
    const pqi_verifier *v, const pqi_attest_subject *s, const pqi_now *now);

/* Makes a challenge of 32 fresh random bytes. PQI_OK; PQI_ERR_STATE: no policy, or a question is out;
 * PQI_ERR_LIMIT: a budget is used up, or no free place; PQI_ERR_SPACE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_verifier_ask(pqi_verifier *v, const pqi_attest_subject *s,
    const uint8_t nonce[PQI_ATTEST_NONCE], const pqi_now *now, pqi_span out, size_t *out_len);

/* Is this the nonce that an answer of s is awaited for now? What comes in parts is kept only then. */
PQI_API int pqi_verifier_expects(const pqi_verifier *v, const pqi_attest_subject *s,
    const uint8_t nonce[PQI_ATTEST_NONCE], const pqi_now *now);

/* Takes evidence that came authenticated from s. One nonce, one evidence: what comes unasked, late or
 * twice is refused before anything is parsed beyond its nonce (INV-35) and changes no verdict. Evidence
 * of another start of the machine ends the verdict before it, whatever it says itself.
 * PQI_OK: *out tells, also when it is bad; PQI_ERR_REPLAY: unsolicited or late; PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_verifier_take(pqi_verifier *v, const pqi_attest_subject *s,
    pqi_cspan evidence, const pqi_now *now, pqi_attest_result *out);

typedef struct pqi_verdict {
    pqi_attest_state state; /* GOOD only for this key, this policy and before until_ms */
    pqi_attest_reason reason;
    uint64_t until_ms; /* of GOOD: uptime */
} pqi_verdict;
PQI_API void pqi_verifier_verdict(
    const pqi_verifier *v, const pqi_attest_subject *s, const pqi_now *now, pqi_verdict *out);

/* The peer started anew or left: its verdict and question end. */
PQI_API void pqi_verifier_forget(pqi_verifier *v, pqi_cspan id);

/* ---- answering ------------------------------------------------------------------------------------ */

/* How often a device answers: a quote takes a TPM a fraction of a second, and each one is a signature. */
typedef struct pqi_attest_budget {
    uint64_t last_ms;
    uint32_t tokens; /* in 1/60,000 */
    uint32_t per_minute;
} pqi_attest_budget;
PQI_API void pqi_attest_budget_init(pqi_attest_budget *b, uint32_t per_minute, const pqi_now *now);
/* 1: there is one, and it is taken. */
PQI_API int pqi_attest_budget_take(pqi_attest_budget *b, const pqi_now *now);

#ifdef __cplusplus
}
#endif
#endif
