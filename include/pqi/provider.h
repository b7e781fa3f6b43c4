/* SPDX-License-Identifier: Apache-2.0
 * The security provider: the only holder of long-term private keys. Applications hold handles; key
 * bytes never cross this line.
 *
 * A driver fills one constant table; the checked front door below handles arguments, ABI, missing
 * entries and the state after zeroize once for all drivers. One provider may be shared by many
 * threads: a driver does its own locking. Nothing here is global. */
#ifndef PQI_PROVIDER_H
#define PQI_PROVIDER_H

#include <pqi/suite.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_PROVIDER_ABI 2u

typedef struct pqi_provider pqi_provider;
typedef uint32_t pqi_key; /* handle, 0 is none; persistent keys keep their handle over restarts */

/* Facts about a provider, about one of its keys, or about the keys of an algorithm that it would make.
 * A missing bit means no: policy fails closed. docs/providers.md has the table of all drivers.
 *
 * A composite key (pqi/composite.h) has two halves. NON_EXPORTABLE says that neither can leave; HALF
 * that the classical one cannot, while UNSEALED tells what becomes of the other: who steals it from
 * memory still cannot sign or decrypt without the hardware. */
#define PQI_CAP_NON_EXPORTABLE 0x01u /* key bytes cannot leave the device, even for its root user */
#define PQI_CAP_NO_ROLLBACK    0x02u /* counters survive a restored disk image */
#define PQI_CAP_QUOTE          0x04u /* quotes are signed by a hardware root */
#define PQI_CAP_UNSEALED       0x08u /* the key is sealed at rest and used in main memory */
#define PQI_CAP_PERSISTENT     0x10u /* keys and counters outlive the process */
#define PQI_CAP_HALF           0x20u /* the classical half is NON_EXPORTABLE */
#define PQI_CAP_HW_RNG         0x40u /* a hardware generator is mixed into random bytes */
#define PQI_CAP_SEPARATE       0x80u /* keys live in another process than the caller's */

typedef enum pqi_key_kind {
    PQI_KEY_NONE = 0,
    PQI_KEY_KEM = 1,    /* alg = PQI_KEM_ID_* */
    PQI_KEY_SIG = 2,    /* alg = PQI_SIG_ID_* */
    PQI_KEY_X25519 = 3, /* alg = 0 */
    PQI_KEY_KIND_INT32_ = 2147483647
} pqi_key_kind;

typedef struct pqi_key_info {
    pqi_key key;
    pqi_key_kind kind;
    int32_t alg;
    uint32_t caps; /* PQI_CAP_* of this key */
    uint32_t pk_len;
} pqi_key_info;

#define PQI_DOMAIN_MAX 64u /* bytes of a domain label: docs/spec/domains.md */

/* Sealed blobs: nonce 12 || ciphertext n || tag 16, bound to label and generation. */
#define PQI_SEAL_OVERHEAD 28u
#define PQI_LABEL_MAX     64u

typedef struct pqi_provider_ops {
    uint32_t abi;  /* PQI_PROVIDER_ABI of the driver's build */
    uint32_t caps; /* PQI_CAP_* of the provider as a whole */
    const char *name;
    pqi_status (*generate)(pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg);
    pqi_status (*destroy)(pqi_provider *p, pqi_key key);
    pqi_status (*info)(pqi_provider *p, pqi_key key, pqi_key_info *out);
    pqi_status (*public_key)(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len);
    pqi_status (*sign)(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
        size_t n_parts, pqi_span sig, size_t *sig_len);
    pqi_status (*decapsulate)(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss);
    pqi_status (*dh)(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss);
    pqi_status (*decrypt)(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
        const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain);
    pqi_status (*random)(pqi_provider *p, pqi_span out);
    pqi_status (*seal)(
        pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out);
    pqi_status (*unseal)(
        pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain);
    pqi_status (*counter_get)(pqi_provider *p, uint32_t slot, uint64_t *value);
    pqi_status (*counter_advance)(pqi_provider *p, uint32_t slot, uint64_t value);
    pqi_status (*quote)(
        pqi_provider *p, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len);
    pqi_status (*zeroize)(pqi_provider *p);
    uint32_t (*alg_caps)(pqi_provider *p, pqi_key_kind kind, int32_t alg);
    uint32_t (*native_error)(pqi_provider *p, const char **text);
} pqi_provider_ops;

/* First member of a driver's own struct. */
struct pqi_provider {
    const pqi_provider_ops *ops;
};

/* Every function below: PQI_ERR_ARG for NULL, a bad length or handle 0; PQI_ERR_UNSUPPORTED for a
 * foreign ABI or an operation the driver lacks; PQI_ERR_STATE after zeroize; PQI_AGAIN when a slow
 * device wants the same call again; PQI_ERR_PROVIDER for a failure of the device; PQI_ERR_AUTH where
 * the device refuses its password or PIN, PQI_ERR_LOCKED while it refuses any because of wrong ones
 * (see pqi_provider_native_error). On error outputs are zero and the provider is as before. */

/* Makes a key under the handle `want` (1..0x7fffffff, chosen by the caller, see pqi_keys below),
 * runs the pairwise consistency test, and makes it persistent before it returns.
 * PQI_ERR_STATE: the handle is taken; PQI_ERR_LIMIT: no slot is free; PQI_ERR_RNG; PQI_ERR_STORAGE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_generate(
    pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg);

/* Removes a key and wipes it. PQI_ERR_MISSING: no such key. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_destroy(pqi_provider *p, pqi_key key);

/* PQI_ERR_MISSING: no such key. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_info(
    pqi_provider *p, pqi_key key, pqi_key_info *out);

/* Copies the public key. PQI_ERR_SPACE: *out_len tells the need. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_public_key(
    pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len);

/* Signs parts under a domain label (1..PQI_DOMAIN_MAX bytes, beginning with "PQI4 "), which becomes
 * the context string of FIPS 204. There is no way to sign without a label (INV-107). Hedged. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_sign(pqi_provider *p, pqi_key key, pqi_cspan domain,
    const pqi_cspan *parts, size_t n_parts, pqi_span sig, size_t *sig_len);

/* KEM decapsulation; ss gets PQI_KEM_SS bytes, secret: wipe it. Implicit rejection is no error. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_decapsulate(
    pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t ss[PQI_KEM_SS]);

/* X25519 with a stored key; PQI_ERR_AUTH: the result is zero. ss is secret: wipe it. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_dh(
    pqi_provider *p, pqi_key key, const uint8_t peer[PQI_X25519_LEN], uint8_t ss[PQI_X25519_LEN]);

/* Opens a hybrid box addressed to the pair (kem, dh) wholly inside the provider.
 * plain.len must be ct.len - PQI_AEAD_TAG. PQI_ERR_AUTH: it does not open, for whatever reason. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh,
    const pqi_suite *suite, const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct,
    pqi_span plain);

/* Random bytes, hedged with a device secret where the driver has one. PQI_ERR_RNG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_random(pqi_provider *p, pqi_span out);

/* Seals plain under label (1..PQI_LABEL_MAX bytes) and generation. out.len must be plain.len +
 * PQI_SEAL_OVERHEAD. The sealing key derives from no key in other use (INV-111). */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out);

/* PQI_ERR_AUTH: altered, another label, generation or owner. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain);

/* Monotonic counters, slots 0..PQI_COUNTER_SLOTS-1; a slot never advanced reads 0. advance to a
 * value at or below the current one changes nothing and is PQI_OK (INV-6). Durable on return. */
#define PQI_COUNTER_SLOTS 64u
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_counter_get(
    pqi_provider *p, uint32_t slot, uint64_t *value);
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_counter_advance(
    pqi_provider *p, uint32_t slot, uint64_t value);

/* Attestation quote over nonce (16..64 bytes) and the PCRs of pcr_mask (bit n: PCR n, SHA-256 bank):
 *   length u16 || TPMS_ATTEST || length u16 || TPMT_SIGNATURE, TPM 2.0 part 2 sections 10.12.8, 11.3.4
 * by the attestation key, which signs nothing else. At most PQI_QUOTE_MAX bytes. PQI_ERR_UNSUPPORTED
 * without PQI_CAP_QUOTE: no driver simulates a root of trust (INV-109). */
#define PQI_QUOTE_MAX 1024u
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_quote(
    pqi_provider *p, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len);

/* Wipes every secret in memory; from then on every operation is PQI_ERR_STATE (INV-86). Keys at
 * rest stay; a new provider object opens them again. */
PQI_API PQI_MUST_CHECK pqi_status pqi_provider_zeroize(pqi_provider *p);

PQI_API uint32_t pqi_provider_caps(const pqi_provider *p); /* 0 for NULL or a foreign ABI */
/* PQI_CAP_* that a key of this algorithm would have here; 0: such keys are not offered (or NULL, a
 * foreign ABI, a driver that does not tell). The bits of a key that exists: pqi_provider_info(). */
PQI_API uint32_t pqi_provider_alg_caps(pqi_provider *p, pqi_key_kind kind, int32_t alg);
PQI_API const char *pqi_provider_name(const pqi_provider *p);

/* Code and text of the last native failure on this thread's last call, for the log. *text is static
 * storage or "" and holds no secret. */
PQI_API uint32_t pqi_provider_native_error(pqi_provider *p, const char **text);

/* ---- fixed handles and counter slots of this library (docs/spec/registry.md) ------------------ */
#define PQI_HANDLE_FACTORY_SIG   0x01000001u /* device factory identity */
#define PQI_HANDLE_OP_BASE       0x02000000u /* operational keys: base + 16 * (key_epoch % 4096) + n */
#define PQI_HANDLE_OP_KEM        1u
#define PQI_HANDLE_OP_X25519     2u
#define PQI_HANDLE_OP_SIG        3u
#define PQI_HANDLE_CA_ROOT       0x03000001u
#define PQI_HANDLE_CA_ISSUER     0x03000002u
#define PQI_HANDLE_PREKEY_BASE   0x04000000u /* prekeys: base + 4 * (prekey epoch % 4) + n */
#define PQI_HANDLE_PREKEY_KEM    1u
#define PQI_HANDLE_PREKEY_X25519 2u
#define PQI_HANDLE_ROLE_BASE     0x05000000u /* a role directory's key: base + pqi_role */

#define PQI_SLOT_IDENTITY  0u  /* generation of the identity store */
#define PQI_SLOT_PEERS     1u  /* generation of the peer store */
#define PQI_SLOT_SEQ       2u  /* generation of the sequence store */
#define PQI_SLOT_ANN_EPOCH 3u  /* announcement epoch */
#define PQI_SLOT_BOOT      4u  /* start numbers of resumed sessions, reserved ahead */
#define PQI_SLOT_PREKEYS   5u  /* generation of the prekey store */
#define PQI_SLOT_CA_STORE  8u  /* the CA's registry generation */
#define PQI_SLOT_TICKS     10u /* generation of a tick box */
#define PQI_SLOT_CONTROL   9u  /* of a control plane's store: root version << 32 | newest head */

#ifdef __cplusplus
}
#endif
#endif
