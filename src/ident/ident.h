/* SPDX-License-Identifier: Apache-2.0
 * Shared by the identity objects: their field readers, key ids, payload encoders. */
#ifndef PQI_IDENT_IDENT_H
#define PQI_IDENT_IDENT_H

#include "base/cbor.h"
#include "ident/cose.h"
#include <pqi/control.h>
#include <pqi/join.h>
#include <pqi/trust.h>

#define PQI_OBJECT_VERSION 1u

/* Field readers over the sticky reader; what they copy out is meaningless once it has failed. */
void pqi_ident_read_fixed(rd *r, uint8_t *out, size_t n); /* bstr of n bytes */
int32_t pqi_ident_read_sig_alg(rd *r);                    /* 32 bits, not 0 */
pqi_cspan pqi_ident_read_id(rd *r);                       /* tstr of the set of pqi_id_check() */
uint32_t pqi_ident_read_u32(rd *r, uint32_t min);

/* The keys of a certificate or join request: maps 4 [kem alg, ek], 5 x25519, 6 [sig alg, pk]. */
typedef struct pqi_ident_keys {
    uint32_t kem_alg;
    pqi_cspan kem_pk, x25519_pk;
    int32_t sig_alg; /* 0: none */
    pqi_cspan sig_pk;
} pqi_ident_keys;
void pqi_ident_read_keys(rd *r, pqi_ident_keys *k);

/* Do the lengths fit the algorithms? PQI_OK; PQI_ERR_DECODE; PQI_ERR_UNSUPPORTED. */
PQI_MUST_CHECK pqi_status pqi_ident_check_keys(const pqi_algs *a, const pqi_ident_keys *k);
PQI_MUST_CHECK pqi_status pqi_ident_check_sig_key(const pqi_algs *a, int32_t alg, pqi_cspan pk);

/* SHA-256(label || alg || pk); alg as i16, or 0x0000 and i32 where it does not fit. */
PQI_MUST_CHECK pqi_status pqi_ident_key_hash(
    const pqi_algs *a, pqi_cspan label, int32_t alg, pqi_cspan pk, uint8_t out[32]);
/* SHA-256("PQI4 kid" || payload)[0..16]. */
PQI_MUST_CHECK pqi_status pqi_ident_key_id(
    const pqi_algs *a, pqi_cspan payload, uint8_t out[PQI_KEY_ID_LEN]);

/* The key of `role` with this kid, or NULL. */
const pqi_manifest_key *pqi_ident_find_key(
    const pqi_manifest *m, pqi_role role, const uint8_t kid[PQI_KID_LEN]);

int pqi_ident_kid_cmp(const uint8_t *x, const uint8_t *y);

/* quorum.c: objects that several keys of a manifest sign. Signatures ascend by kid: one order, and no
 * signer twice. PQI_OK; PQI_ERR_DECODE. */
PQI_MUST_CHECK pqi_status pqi_ident_check_signers(pqi_cspan signatures);

typedef struct pqi_ident_multi {
    const pqi_algs *algs;
    const pqi_manifest *by;
    pqi_cspan domain;
    pqi_cose_sign what; /* its signers were checked */
} pqi_ident_multi;

/* How many keys of `role` signed; signatures of other keys count nothing. PQI_OK; PQI_ERR_AUTH: one of
 * the role does not verify; PQI_ERR_UNSUPPORTED: one has an algorithm that is not built in, *good counts
 * the others; PQI_ERR_SPACE: tmp. */
PQI_MUST_CHECK pqi_status pqi_ident_count(
    const pqi_ident_multi *x, pqi_role role, pqi_span tmp, unsigned *good);
/* As many as the threshold of the role? PQI_OK; PQI_ERR_AUTH: too few, or the role has no key; else as
 * above. */
PQI_MUST_CHECK pqi_status pqi_ident_quorum(const pqi_ident_multi *x, pqi_role role, pqi_span tmp);

typedef struct pqi_ident_keyring {
    const pqi_algs *algs;
    pqi_provider *p;
    pqi_cspan domain;
    const pqi_key *handles;
    size_t n;
} pqi_ident_keyring;
/* Into n places of `sorted`, ascending by kid. PQI_ERR_ARG: one twice; as pqi_cose_signer_load(). */
PQI_MUST_CHECK pqi_status pqi_ident_load_signers(
    const pqi_ident_keyring *ring, pqi_cose_signer *sorted);

typedef struct pqi_ident_single {
    const pqi_algs *algs;
    const pqi_manifest *by;
    pqi_cspan typ, domain;
    pqi_cspan encoded; /* the whole object */
} pqi_ident_single;

/* Is it a COSE_Sign1 by a key of `role`, of which one is enough? PQI_OK; PQI_ERR_AUTH;
 * PQI_ERR_UNSUPPORTED: an algorithm that is not built in; PQI_ERR_SPACE: tmp. */
PQI_MUST_CHECK pqi_status pqi_ident_one(const pqi_ident_single *x, pqi_role role, pqi_span tmp);

/* Is an object that names these the manifest's to judge? */
bool pqi_ident_same_fleet(
    const pqi_manifest *m, const uint8_t fleet_id[PQI_FLEET_ID_LEN], uint32_t root_version);

/* merkle.c: joins the n > 1 nodes of a level in place; the first (n + 1) / 2 of them are then the level
 * above. Statuses of the hash. */
PQI_MUST_CHECK pqi_status pqi_ident_join_level(
    const pqi_algs *a, uint8_t (*nodes)[PQI_HASH_LEN], uint32_t n);

/* A prefix of topics: 1..PQI_PREFIX_MAX bytes of UTF-8, no wildcard, no NUL, no '/' at its end. */
bool pqi_ident_prefix_ok(pqi_cspan prefix);
/* A topic name of at most PQI_TOPIC_MAX bytes without wildcards. */
bool pqi_ident_topic_ok(pqi_cspan topic);
/* Whole levels: the topic is the prefix, or goes on with a separator behind it. */
bool pqi_ident_covers(pqi_cspan prefix, pqi_cspan topic);
/* Are the scope's fields in their sets? */
bool pqi_ident_scope_ok(const pqi_scope *s);
/* What pqi_scope_check() says of every class at once: bit 1 << pqi_class in *classes, which is 0 unless the
 * status is PQI_OK. PQI_OK; PQI_ERR_POLICY: none; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_ident_scope_classes(
    const pqi_scope *scopes, size_t n, pqi_cspan topic, uint8_t right, uint8_t *classes);

/* Payload encoders, for building and for the tests' encode-again check. */
void pqi_cert_put_payload(wr *w, const pqi_cert *c);
void pqi_manifest_put_payload(wr *w, const pqi_manifest_spec *s);
void pqi_revocations_put_payload(
    wr *w, const pqi_revocations *head, const pqi_revoked *entries, size_t n);
void pqi_head_put_payload(wr *w, const pqi_head *h);
void pqi_roster_put_payload(wr *w, const pqi_roster *r);
void pqi_policy_put_payload(wr *w, const pqi_policy *x);
void pqi_statement_put_payload(wr *w, const pqi_statement *s);

/* Domain labels, docs/spec/domains.md. */
#define PQI_DOMAIN_CERT         ((pqi_cspan){PQI_LIT("PQI4 cert")})
#define PQI_DOMAIN_ROOT         ((pqi_cspan){PQI_LIT("PQI4 root")})
#define PQI_DOMAIN_REV          ((pqi_cspan){PQI_LIT("PQI4 rev")})
#define PQI_DOMAIN_HEAD         ((pqi_cspan){PQI_LIT("PQI4 head")})
#define PQI_DOMAIN_ROSTER       ((pqi_cspan){PQI_LIT("PQI4 roster")})
#define PQI_DOMAIN_POLICY       ((pqi_cspan){PQI_LIT("PQI4 policy")})
#define PQI_DOMAIN_STATEMENT    ((pqi_cspan){PQI_LIT("PQI4 statement")})
#define PQI_REV_LOG_START       ((pqi_cspan){PQI_LIT("PQI4 rev log")}) /* not signed: hashes */
#define PQI_REV_LOG_ENTRY       ((pqi_cspan){PQI_LIT("PQI4 rev entry")})
#define PQI_DOMAIN_ROLE         ((pqi_cspan){PQI_LIT("PQI4 role")})
#define PQI_DOMAIN_FACTORY      ((pqi_cspan){PQI_LIT("PQI4 factory")})
#define PQI_DOMAIN_JOIN_FACTORY ((pqi_cspan){PQI_LIT("PQI4 join factory")})
#define PQI_DOMAIN_JOIN_POP     ((pqi_cspan){PQI_LIT("PQI4 join pop")})

#define PQI_FACTORY_FP ((pqi_cspan){PQI_LIT("PQI4 factory fp")})

/* COSE typ headers. */
#define PQI_TYP_CERT      ((pqi_cspan){PQI_LIT("pqi-cert")})
#define PQI_TYP_ROOT      ((pqi_cspan){PQI_LIT("pqi-root")})
#define PQI_TYP_REV       ((pqi_cspan){PQI_LIT("pqi-rev")})
#define PQI_TYP_HEAD      ((pqi_cspan){PQI_LIT("pqi-head")})
#define PQI_TYP_ROSTER    ((pqi_cspan){PQI_LIT("pqi-roster")})
#define PQI_TYP_POLICY    ((pqi_cspan){PQI_LIT("pqi-policy")})
#define PQI_TYP_STATEMENT ((pqi_cspan){PQI_LIT("pqi-statement")})
#define PQI_TYP_JOIN      ((pqi_cspan){PQI_LIT("pqi-join")})

#endif
