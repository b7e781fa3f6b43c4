/* SPDX-License-Identifier: Apache-2.0
 * Suites (docs/spec/registry.md), the set of algorithms a program is built with, and the hybrid box
 * of docs/spec/v1.md: ML-KEM + X25519 -> AEAD, where both secrets are needed for the key. */
#ifndef PQI_SUITE_H
#define PQI_SUITE_H

#include <pqi/classic.h>
#include <pqi/kem.h>
#include <pqi/sig.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the two shared secrets become the input of the key derivation, docs/spec/v1.md section 3. */
typedef enum pqi_combiner {
    PQI_COMBINER_CONCAT = 0, /* K_pq || K_x: the default */
    PQI_COMBINER_XWING = 1,  /* the shared secret of X-Wing; only with ML-KEM-768 */
    PQI_COMBINER_INT32_ = 2147483647
} pqi_combiner;

typedef struct pqi_suite {
    uint16_t id;      /* on the wire */
    const char *name; /* "ML-KEM-768+X25519/AES-256-GCM/SHA-256" */
    const pqi_kem *kem;
    pqi_aead_id aead;
    pqi_hash_id hash;
    pqi_combiner combiner;
    uint8_t level;   /* the KEM's NIST category */
    uint8_t flags;   /* PQI_ALG_*: those of the KEM and the suite's own */
    uint32_t bitmap; /* 1 << n, the bit in a certificate's suites field */
} pqi_suite;

PQI_API extern const pqi_suite pqi_suite_0001; /* ML-KEM-512, for LPWAN by policy */
PQI_API extern const pqi_suite pqi_suite_0002; /* ML-KEM-768, the default */
PQI_API extern const pqi_suite
    pqi_suite_0003; /* ML-KEM-768, AES-256-GCM-SIV: where storage can go back */
PQI_API extern const pqi_suite pqi_suite_0004; /* ML-KEM-1024, SHA-384 */
PQI_API extern const pqi_suite pqi_suite_0005; /* X-Wing: keys of 0x0002, another combiner */
/* SABER, which is not standardised: flags has PQI_ALG_NOT_STANDARD. */
PQI_API extern const pqi_suite pqi_suite_0006; /* LightSaber */
PQI_API extern const pqi_suite pqi_suite_0007; /* Saber */
PQI_API extern const pqi_suite pqi_suite_0008; /* FireSaber, SHA-384 */

/* The same suites, byte for byte, over the small variants of kem.h. */
PQI_API extern const pqi_suite pqi_suite_0001_small;
PQI_API extern const pqi_suite pqi_suite_0002_small;
PQI_API extern const pqi_suite pqi_suite_0003_small;
PQI_API extern const pqi_suite pqi_suite_0004_small;

/* What a program is built with. Everything below takes it by const pointer and looks algorithms up
 * here only, so a firmware links what it names. Arrays are borrowed for the life of the object. */
typedef struct pqi_algs {
    const pqi_classic *classic;
    const pqi_suite *const *suites;
    size_t n_suites;
    const pqi_kem *const *kems;
    size_t n_kems;
    const pqi_sig *const *sigs;
    size_t n_sigs;
} pqi_algs;

/* NULL when the id is not in the set. */
PQI_API const pqi_suite *pqi_algs_suite(const pqi_algs *a, uint32_t id);
PQI_API const pqi_kem *pqi_algs_kem(const pqi_algs *a, uint32_t id);
PQI_API const pqi_sig *pqi_algs_sig(const pqi_algs *a, int32_t id);

/* All algorithms of the library over `classic`: fills *out. Naming it links everything. */
PQI_API void pqi_algs_all(pqi_algs *out, const pqi_classic *classic);

/* The same set with the small variants of kem.h and sig.h: what a device with 32 KB of memory names, or
 * takes its own set from. A set may mix both kinds; ids and bytes are the same. */
PQI_API void pqi_algs_small(pqi_algs *out, const pqi_classic *classic);

/* ---- the hybrid box ---------------------------------------------------------------------- */

/* What a box is bound to. bind = Hash(pre || ct_pq || x_eph || pk_R || x_R || post), where the
 * caller puts header, ids and topic into pre and post with their lengths (docs/spec/v1.md).
 * key || iv = HKDF-Expand(HKDF-Extract(salt, K_pq || K_x), info || bind, 44); a suite with another
 * combiner has its own input to Extract. AAD = bind. */
typedef struct pqi_box_ctx {
    pqi_cspan salt; /* label, e.g. "PQI4 v1" */
    pqi_cspan info; /* label, e.g. "v1 k" */
    pqi_cspan pre, post;
} pqi_box_ctx;

#define PQI_BOX_BIND_MAX 48u /* bytes of the longest suite hash */

/* Bytes of the capsule ct_pq || x_eph of a suite, and of the box overhead around n plain bytes. */
PQI_API size_t pqi_box_capsule_len(const pqi_suite *s);

typedef struct pqi_box_peer {
    pqi_cspan kem_pk;    /* suite->kem->pk_len bytes */
    pqi_cspan x25519_pk; /* 32 bytes */
} pqi_box_peer;

/* Scratch for sealing and opening with suite s, bytes, 8-aligned. */
PQI_API size_t pqi_box_tmp_len(const pqi_suite *s);

/* Encrypts to a peer.
 * coins   in   64 bytes, secret, uniform, never used twice: 32 for the KEM, 32 for X25519
 * capsule out  pqi_box_capsule_len(s) bytes
 * ct      out  plain.len + PQI_AEAD_TAG bytes; ct.ptr may equal plain.ptr, no other overlap
 * bind    out  the suite's hash length, for the signature; may be NULL
 * PQI_OK; PQI_ERR_DECODE: the peer's KEM key fails its check; PQI_ERR_AUTH: the peer's X25519 key is
 * of low order; PQI_ERR_ARG; PQI_ERR_SPACE; statuses of the classical backend. */
PQI_API PQI_MUST_CHECK pqi_status pqi_box_seal(const pqi_algs *a, const pqi_suite *s,
    const pqi_box_peer *to, const pqi_box_ctx *ctx, pqi_cspan coins, pqi_cspan plain,
    pqi_span capsule, pqi_span ct, uint8_t *bind, pqi_span tmp);

/* The bind value of a received box: needs no secret. Same statuses. */
PQI_API PQI_MUST_CHECK pqi_status pqi_box_bind(const pqi_algs *a, const pqi_suite *s,
    const pqi_box_peer *to, const pqi_box_ctx *ctx, pqi_cspan capsule, uint8_t *bind);

/* Opens with raw secrets; inside a provider only. kem_sk in suite->kem->sk_len bytes, x25519_sk in
 * 32 bytes, `self` the matching public keys. plain.len must be ct.len - PQI_AEAD_TAG.
 * One failure for every cause of a wrong key: PQI_ERR_AUTH, plain is zero. */
typedef struct pqi_box_secret {
    pqi_cspan kem_sk, x25519_sk;
    pqi_box_peer self;
} pqi_box_secret;
PQI_API PQI_MUST_CHECK pqi_status pqi_box_open(const pqi_algs *a, const pqi_suite *s,
    const pqi_box_secret *sk, const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct,
    pqi_span plain, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
