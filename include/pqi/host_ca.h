/* SPDX-License-Identifier: Apache-2.0
 * The certificate authority as an operable service over one SQLite file. docs/man/pqi-ca.1
 *
 *   DIR/ca.db   the registry: devices, challenges, certificates, revocations, audit
 *   DIR/keys    the provider with the issuer key, encrypted under a KEK
 *   ROOT        the provider with the root key; needed by init only, keep it offline afterwards
 *   ISSUER      where the CA stands under a root manifest made elsewhere: the role directory with the
 *               issuer key; DIR/keys then guards the registry alone
 *
 * Every operation is one transaction: it happened, durably, or nothing did. Every change raises the
 * registry's generation, which a counter of the provider follows after the commit. At open:
 *   registry == counter      normal
 *   registry == counter + 1  a crash between the two: the counter is moved on
 *   anything else            an older copy was restored, of one or the other: PQI_ERR_ROLLBACK
 * There is no switch to accept a rollback. pqi_host_ca_recover() is the one way back: it skips all
 * numbers that the lost copy may have used. With the software provider the counter is only as strong
 * as its disk: a copy that restores registry and keys together is not noticed (PQI_CAP_NO_ROLLBACK
 * tells). A backup made by pqi_host_ca_backup() is marked, so that restoring one is always noticed.
 *
 * One pqi_host_ca is used by one thread at a time, and one directory by one process: the next
 * one waits up to 5 s for the directory's lock. */
#ifndef PQI_HOST_CA_H
#define PQI_HOST_CA_H

#include <pqi/host_device.h>
#include <pqi/host_role.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_HOST_CA_SCHEMA        5          /* PRAGMA user_version */
#define PQI_HOST_CA_CHALLENGE_TTL 86400u     /* s */
#define PQI_HOST_CA_SKIP          1000u      /* numbers skipped by recover */
#define PQI_HOST_CA_FLEET_MAX     64u        /* bytes of a fleet name */
#define PQI_HOST_CA_DAYS          365u       /* default validity */
#define PQI_HOST_CA_APP_ID        0x50514943 /* "PQIC": PRAGMA application_id */

typedef struct pqi_host_ca pqi_host_ca;

typedef struct pqi_host_ca_cfg {
    const char *dir;
    pqi_host_kek_source kek;
    /* The role directory of the issuer key; NULL: the one that init or a new root named, if any. It is
     * opened by what signs, with issuer_kek, or with kek where that has no member set. Borrowed until
     * close, as what the sources point to is. */
    const char *issuer_dir;
    pqi_host_kek_source issuer_kek;
    uint64_t (*clock)(void *ctx); /* unix seconds; NULL: the system's */
    void *clock_ctx;
} pqi_host_ca_cfg;

typedef struct pqi_host_ca_init_opts {
    const char *root_dir;
    pqi_host_kek_source root_kek;
    const char *fleet;            /* a name for people, 1..PQI_HOST_CA_FLEET_MAX bytes */
    int32_t root_alg, issuer_alg; /* PQI_SIG_ID_*; 0: ML-DSA-87, ML-DSA-65 */
    /* What a device may be certified for; final. {0}: any level, pre-standard algorithms, none that is
     * not standardised. */
    uint8_t min_level;        /* lowest NIST category of KEM, signature and factory key, 0..5 */
    uint8_t allow_unstandard; /* 1: PQI_ALG_NOT_STANDARD too */
    uint8_t forbid_pre;       /* 1: no PQI_ALG_PRE_STANDARD either; excludes the one above */
    /* A root manifest made elsewhere, which names the key of cfg->issuer_dir as an issuer; empty: the CA
     * makes root and issuer itself. Then root_dir, root_kek and the algorithms are not used. */
    pqi_cspan manifest;
} pqi_host_ca_init_opts;

/* Makes the root key in ROOT, the issuer key and the registry in DIR, and root manifest 1 that names
 * both. hash out: SHA-256 of the manifest, what devices pin.
 * Run again after a crash it goes on; run again on a finished CA of the same name it only gives the
 * hash. PQI_ERR_ARG; PQI_ERR_UNSUPPORTED: root_alg, issuer_alg; PQI_ERR_POLICY: they are below the
 * CA's own policy, or the manifest does not name the issuer key; PQI_ERR_AUTH, PQI_ERR_DECODE: the manifest;
 * PQI_ERR_STATE: DIR is another fleet's, or was made with other options;
 * PQI_ERR_ROLLBACK: the registry is gone while the
 * provider's counter says that there was one. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_init(
    const pqi_host_ca_cfg *cfg, const pqi_host_ca_init_opts *opts, uint8_t hash[32]);

/* Opens a CA: integrity of the file, schema version, generation.
 * PQI_OK; PQI_ERR_MISSING: no CA there; PQI_ERR_STORAGE: damaged, foreign or unreadable;
 * PQI_ERR_UNSUPPORTED: written by a newer program; PQI_ERR_ROLLBACK; PQI_ERR_AUTH: not this KEK. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_open(pqi_host_ca **out, const pqi_host_ca_cfg *cfg);
PQI_API void pqi_host_ca_close(pqi_host_ca *ca); /* NULL is fine */

/* One sentence for people about this thread's last failure in this header; never NULL, no secret. */
PQI_API const char *pqi_host_ca_why(void);

/* ---- the allow-list ----------------------------------------------------------------------------- */

typedef struct pqi_host_ca_entry {
    pqi_cspan id;
    uint8_t factory_fp[32];
    uint32_t roles; /* PQI_CERT_ROLE_*; 0 is refused */
    uint32_t gwset;
    uint32_t assurance;      /* PQI_ASSURE_*: what the CA believes of what the device will claim */
    const pqi_scope *scopes; /* 1..PQI_SCOPES_MAX */
    size_t n_scopes;
    int32_t
        factory_alg; /* of the factory key where it is known, checked against the policy; or 0 */
    int replace_factory; /* 1: the device got new hardware, take the new fingerprint */
} pqi_host_ca_entry;

typedef enum pqi_host_ca_change {
    PQI_HOST_CA_SAME = 0, /* already so */
    PQI_HOST_CA_ADDED = 1,
    PQI_HOST_CA_CHANGED = 2,
    PQI_HOST_CA_CHANGE_INT32_ = 2147483647
} pqi_host_ca_change;

/* Puts a device on the list, or changes its entry; what changed takes effect with its next
 * certificate. PQI_ERR_ARG: a field; PQI_ERR_POLICY: the device is revoked, its fingerprint differs
 * and replace_factory is 0, or factory_alg does not pass the policy. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_allow(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, pqi_host_ca_change *change);

/* Several entries in one transaction: all or none; *failed gets the index of the bad one. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_allow_many(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, size_t n, size_t counts[3], size_t *failed);

/* ---- issuing ------------------------------------------------------------------------------------ */

/* A fresh nonce for one join of this device, good once and for PQI_HOST_CA_CHALLENGE_TTL.
 * out: PQI_CHALLENGE_MAX. PQI_ERR_MISSING: not allow-listed; PQI_ERR_POLICY: revoked. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_challenge(
    pqi_host_ca *ca, pqi_cspan id, pqi_span out, size_t *out_len);

typedef struct pqi_host_ca_issued {
    char id[PQI_ID_MAX + 1];
    uint32_t key_epoch;
    uint8_t key_id[PQI_KEY_ID_LEN];
    int repeated; /* 1: the same request was granted before; this is that grant again */
} pqi_host_ca_issued;

/* Checks a join request (nonce of ours, live, for this device; allow-listed; exactly its factory
 * key; proofs of possession; INV-18), takes the next key epoch (INV-19), signs the certificate and
 * boxes the grant, in one transaction. The certificate is pending until confirmed. The very same
 * bytes again, while pending, give the same grant: an output that got lost costs nothing.
 * days: validity, 0: without end. out: PQI_GRANT_MAX.
 * PQI_ERR_DECODE; PQI_ERR_POLICY: nonce, allow-list, or algorithms that the CA does not certify;
 * PQI_ERR_UNSUPPORTED: algorithms that this program lacks; PQI_ERR_AUTH: factory key or a proof. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_issue(pqi_host_ca *ca, pqi_cspan request,
    uint32_t days, pqi_span out, size_t *out_len, pqi_host_ca_issued *issued);

/* Takes a device's confirmation (PQI_CONFIRM_LEN bytes): its certificate becomes active, older ones
 * are superseded. Again: PQI_OK. PQI_ERR_MISSING: no such certificate; PQI_ERR_AUTH: wrong MAC;
 * PQI_ERR_POLICY: revoked or superseded meanwhile. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_confirm(
    pqi_host_ca *ca, pqi_cspan confirmation, pqi_host_ca_issued *issued);

/* ---- revocation --------------------------------------------------------------------------------- */

/* Revokes key epochs up to and including `epoch` (0: the device, for ever): one more entry of the log.
 * *seq: entries of the log afterwards, also when it was so already. Publish the log, or what was added,
 * pqi_host_ca_revocations_from(). PQI_ERR_MISSING: no such device or epoch; PQI_ERR_LIMIT:
 * PQI_REV_LOG_MAX, or PQI_REVOKED_MAX devices. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_revoke(
    pqi_host_ca *ca, pqi_cspan id, uint32_t epoch, uint8_t reason, uint64_t *seq);

/* Several in one transaction, all or none, next to each other in the log; *failed gets the index of the
 * bad one. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_revoke_many(pqi_host_ca *ca, const pqi_cspan *ids,
    size_t n, uint32_t epoch, uint8_t reason, uint64_t *seq, size_t *failed);

/* ---- reading ------------------------------------------------------------------------------------ */

typedef struct pqi_host_ca_info {
    char fleet[PQI_HOST_CA_FLEET_MAX + 1];
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint8_t manifest_hash[32];
    uint32_t root_version;
    uint64_t generation, rev_seq; /* entries of the log of revocations */
    uint64_t devices, certs, pending, active, revoked_devices;
    uint32_t provider_caps;
    const char *provider;
    int32_t root_alg, issuer_alg;
    pqi_alg_policy policy;
    uint32_t roster_seq;   /* of the newest roster; 0: none yet */
    char issuer_dir[1024]; /* of the issuer key; "": it is in DIR/keys */
    int needs_revoker;     /* 1: the root names a revoker, which signs the log */
} pqi_host_ca_info;
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_get_info(pqi_host_ca *ca, pqi_host_ca_info *out);

typedef struct pqi_host_ca_device {
    char id[PQI_ID_MAX + 1];
    uint8_t factory_fp[32];
    uint32_t roster_index, roles, gwset, assurance, last_epoch, active_epoch; /* 0: none */
    uint64_t not_after; /* of the active certificate */
    int revoked;
    pqi_scope scopes[PQI_SCOPES_MAX];
    uint32_t n_scopes;
} pqi_host_ca_device;

typedef struct pqi_host_ca_cert {
    const char *id;
    uint32_t key_epoch;
    uint8_t key_id[PQI_KEY_ID_LEN];
    const char *state; /* "pending", "active", "superseded", "revoked" */
    uint64_t issued_at, confirmed_at, not_after;
    pqi_cspan encoded;
} pqi_host_ca_cert;

typedef struct pqi_host_ca_audit {
    uint64_t seq, at;
    const char *op, *device, *detail; /* device may be "" */
} pqi_host_ca_audit;

/* Callbacks get rows in the order of roster index, epoch or time; what they point to lives until they
 * return. A return other than 0 ends the walk. They may not call into the same ca. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_each_device(
    pqi_host_ca *ca, int (*cb)(void *ctx, const pqi_host_ca_device *d), void *ctx);
/* id empty: of all devices. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_each_cert(
    pqi_host_ca *ca, pqi_cspan id, int (*cb)(void *ctx, const pqi_host_ca_cert *c), void *ctx);
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_each_audit(
    pqi_host_ca *ca, pqi_cspan id, int (*cb)(void *ctx, const pqi_host_ca_audit *a), void *ctx);
/* PQI_ERR_MISSING. Its scope prefixes live in `mem`. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_device_get(pqi_host_ca *ca, pqi_cspan id,
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1], pqi_host_ca_device *out);

/* One device whose certificate is in force: what a roster holds. */
typedef struct pqi_host_ca_member {
    pqi_leaf leaf;
    char id[PQI_ID_MAX + 1];
    uint64_t not_after; /* 0: without end */
} pqi_host_ca_member;

/* Signs a roster of all active certificates that have not ended, under the next number, and gives its
 * members, ascending by roster index: *members is allocated, pqi_host_ca_members_free() frees it. out:
 * PQI_ROSTER_MAX is enough. PQI_ERR_SPACE: out; PQI_ERR_MISSING, PQI_ERR_AUTH: the issuer key; statuses of
 * the provider. On an error no number is used up. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_roster(
    pqi_host_ca *ca, pqi_span out, size_t *out_len, pqi_host_ca_member **members, uint32_t *n);
PQI_API void pqi_host_ca_members_free(pqi_host_ca_member *members); /* NULL is fine */

/* Root manifest; the whole log of revocations, signed (there is one from init on, empty); its part behind
 * entry `from`. A log: PQI_REVOCATIONS_MAX is enough. PQI_ERR_SPACE; PQI_ERR_MISSING: nothing is behind
 * `from`; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_manifest(
    pqi_host_ca *ca, pqi_span out, size_t *out_len);
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_revocations(
    pqi_host_ca *ca, pqi_span out, size_t *out_len);
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_revocations_from(
    pqi_host_ca *ca, uint32_t from, pqi_span out, size_t *out_len);
/* The same signed by role directories, which a manifest with a revoker needs: the revoker, and policy keys
 * for a quorum; *quorum 1: they are one. n 0: by the issuer. PQI_ERR_POLICY: without the signature that
 * the manifest asks for. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_revocations_signed(pqi_host_ca *ca, uint32_t from,
    pqi_host_role *const *roles, size_t n, pqi_span out, size_t *out_len, int *quorum);
/* An earlier root manifest, by its version. PQI_ERR_MISSING. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_manifest_of(
    pqi_host_ca *ca, uint32_t version, pqi_span out, size_t *out_len);

/* ---- a new root ---------------------------------------------------------------------------------- */

typedef struct pqi_host_ca_rooted {
    uint32_t root_version;
    uint32_t carried; /* revocations with which the new version's log begins */
    uint64_t without; /* active certificates whose issuer the new version does not name */
    int repeated;     /* 1: it was in force already */
} pqi_host_ca_rooted;

/* Installs the next version of the root manifest. Its issuer is the key of cfg.issuer_dir, or the one
 * that signed so far; the manifest must name it. Certificates of an earlier issuer stay valid while the
 * manifest names that issuer too; where it does not, they count in `without` and force 1 is needed. The log
 * of revocations begins anew with what is in force. PQI_ERR_AUTH: not signed by the thresholds of both
 * versions, another fleet, not the next version; PQI_ERR_POLICY: the issuer, `without`, or an algorithm
 * below the CA's policy; PQI_ERR_DECODE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_new_root(
    pqi_host_ca *ca, pqi_cspan manifest, int force, pqi_host_ca_rooted *out);

/* ---- care --------------------------------------------------------------------------------------- */

/* Copies registry (SQLite's online backup) and provider files to `to`, a directory that does not
 * exist yet. The copy is marked: opening it needs recover. The KEK is not part of it. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_backup(pqi_host_ca *ca, const char *to);

typedef struct pqi_host_ca_recovered {
    uint64_t registry, counter; /* generations found */
    uint64_t generation;        /* now */
    uint64_t rev_seq;           /* entries of the log */
    uint32_t devices;           /* whose epochs were moved */
    uint32_t merged;            /* of them taken from the published log */
} pqi_host_ca_recovered;

/* After a restored backup or a rollback: moves every key epoch and the next roster index on by
 * PQI_HOST_CA_SKIP, ends all challenges and pending certificates, writes the audit table, and brings
 * registry and counter together. Revocations made after the copy are lost in it: pass the newest published
 * log, or a part that begins no later than this one ends, to add them. Empty: none were made; if that is
 * wrong, devices that have them refuse every later entry of this registry until the root is rotated.
 * PQI_ERR_AUTH: not of this fleet and root version, or with another history than the copy's; statuses of
 * open except PQI_ERR_ROLLBACK. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_ca_recover(
    const pqi_host_ca_cfg *cfg, pqi_cspan newest_revocations, pqi_host_ca_recovered *out);

#ifdef __cplusplus
}
#endif
#endif
