/* SPDX-License-Identifier: Apache-2.0
 * The CA object and its transactions. */
#ifndef PQI_PORT_LINUX_CA_INT_H
#define PQI_PORT_LINUX_CA_INT_H

#include "port/linux/ca_db.h"
#include "port/linux/why.h"

#include <pqi/host_ca.h>

#define PQI_CA_FOREVER     UINT32_MAX /* min_key_epoch of a revoked device; never issued */
#define PQI_CA_CLOCK_SLACK 300        /* s: the clock may step back this far */

struct pqi_host_ca {
    pqi_host_ca_cfg cfg;
    char dir[PQI_DIR_PATH_MAX];
    sqlite3 *db;
    pqi_provider *provider;
    int lock;
    pqi_algs algs;
    uint8_t *manifest_bytes;
    pqi_manifest manifest;
    pqi_alg_policy policy; /* of the registry */
    pqi_span tmp;          /* for every algorithm */
    pqi_span object;       /* PQI_GRANT_MAX bytes: the object in work */
    pqi_host_role *issuer; /* NULL: not opened, or the key is in DIR/keys */
};

int64_t pqi_ca_now(const pqi_host_ca *ca);
pqi_cspan pqi_ca_str(const char *s);

/* Starts a transaction and applies the generation rule inside it. After PQI_OK the caller ends with
 * pqi_ca_commit() or pqi_ca_abort(). */
PQI_MUST_CHECK pqi_status pqi_ca_begin(pqi_host_ca *ca);
/* Audits, raises the generation, commits, moves the counter. On error everything is rolled back,
 * unless only the counter failed: then the change is durable and the next open heals the counter. */
PQI_MUST_CHECK pqi_status pqi_ca_commit(
    pqi_host_ca *ca, const char *op, pqi_cspan device, const char *detail);
/* Rolls back and returns st. */
pqi_status pqi_ca_abort(pqi_host_ca *ca, pqi_status st);
PQI_MUST_CHECK pqi_status pqi_ca_audit(
    pqi_host_ca *ca, const char *op, pqi_cspan device, const char *detail);

/* Opens lock, provider, database and memory; no generation rule, no manifest. */
PQI_MUST_CHECK pqi_status pqi_ca_attach(pqi_host_ca **out, const pqi_host_ca_cfg *cfg, int create);
/* Reads and checks the manifest of an initialised registry. PQI_ERR_MISSING: not initialised. */
PQI_MUST_CHECK pqi_status pqi_ca_load(pqi_host_ca *ca);

/* PQI_ERR_POLICY, in words, when the CA's policy refuses an algorithm: name, level and flags of it. */
PQI_MUST_CHECK pqi_status pqi_ca_policy_why(pqi_host_ca *ca, pqi_cspan id, const pqi_kem *kem);
PQI_MUST_CHECK pqi_status pqi_ca_policy_sig_why(pqi_host_ca *ca, pqi_cspan id, const pqi_sig *sig);

/* The log of revocations of the root version in force: its length; one more entry, inside a transaction
 * (PQI_ERR_LIMIT); what its entries mean for devices, certificates and challenges; what a published log has
 * beyond it (empty: nothing), inside a transaction. */
PQI_MUST_CHECK pqi_status pqi_ca_log_seq(pqi_host_ca *ca, uint32_t *seq);
PQI_MUST_CHECK pqi_status pqi_ca_log_append(pqi_host_ca *ca, const pqi_revoked *r);
PQI_MUST_CHECK pqi_status pqi_ca_log_apply(pqi_host_ca *ca);
PQI_MUST_CHECK pqi_status pqi_ca_log_merge(pqi_host_ca *ca, pqi_cspan in, uint32_t *merged);

/* Begins the log of a later root version with what is in force, inside a transaction; from here on that
 * version is the registry's. */
PQI_MUST_CHECK pqi_status pqi_ca_log_carry(pqi_host_ca *ca, uint32_t version, uint32_t *carried);

/* The key that signs, opened when it is asked for first; a key of m's issuers (PQI_ERR_POLICY: it is none).
 * It stays ca's. PQI_ERR_MISSING: no key; statuses of pqi_host_role_open(). */
typedef struct pqi_ca_issuer {
    pqi_provider *p;
    pqi_key key;
    int32_t alg;
    uint8_t kid[PQI_KID_LEN];
} pqi_ca_issuer;
PQI_MUST_CHECK pqi_status pqi_ca_issuer_get(
    pqi_host_ca *ca, const pqi_manifest *m, pqi_ca_issuer *out);
/* cfg.issuer_dir as it stands in the registry from now on: absolute, or "". */
PQI_MUST_CHECK pqi_status pqi_ca_issuer_path(const pqi_host_ca *ca, char out[PQI_DIR_PATH_MAX]);
/* Do root and issuer keys of m pass the CA's policy? PQI_OK; PQI_ERR_POLICY; PQI_ERR_UNSUPPORTED. */
PQI_MUST_CHECK pqi_status pqi_ca_policy_manifest(pqi_host_ca *ca, const pqi_manifest *m);

/* A device's row. */
typedef struct pqi_ca_device {
    uint8_t factory_fp[32];
    uint32_t roster_index, roles, gwset, assurance, last_epoch;
    int revoked;
} pqi_ca_device;
/* PQI_ERR_MISSING: not on the list. */
PQI_MUST_CHECK pqi_status pqi_ca_device_row(pqi_host_ca *ca, pqi_cspan id, pqi_ca_device *out);
/* Scopes of a device; prefixes are copied into mem. */
PQI_MUST_CHECK pqi_status pqi_ca_scopes(pqi_host_ca *ca, pqi_cspan id, pqi_scope *out, uint32_t *n,
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1]);

#endif
