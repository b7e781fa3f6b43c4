/* SPDX-License-Identifier: Apache-2.0
 * Role keys: one signing key of a root manifest (root, issuer, policy, revoker, head) in a directory of
 * its own, with a passphrase or key file of its own. docs/man/pqi-role.1
 *
 *   DIR/keys   the provider with the key, encrypted under a KEK; counters, as the provider has them
 *   DIR/lock
 *
 * The handle of the key tells its role (PQI_HANDLE_ROLE_BASE + role), so that a directory cannot be
 * taken for one of another role. The root directory and the CA directory that pqi_host_ca_init() makes
 * open as role directories of a root and an issuer key, too. The public record is what leaves it: pqi_role_record_*.
 *
 * A pqi_host_role is used by one thread at a time; its provider is as thread-safe as any. One
 * process at a time has a directory open; the next one waits up to 5 s. */
#ifndef PQI_HOST_ROLE_H
#define PQI_HOST_ROLE_H

#include <pqi/attest.h>
#include <pqi/host.h>
#include <pqi/role.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pqi_host_role pqi_host_role;

typedef struct pqi_host_role_cfg {
    const char *dir;
    pqi_host_kek_source kek;
} pqi_host_role_cfg;

/* Makes the directory and the key. alg 0: ML-DSA-87 for root and policy keys, else ML-DSA-65. Run
 * again after a crash it goes on; on a finished directory of the same role and algorithm it changes
 * nothing. PQI_ERR_ARG; PQI_ERR_UNSUPPORTED: alg; PQI_ERR_STATE: DIR holds another role or algorithm,
 * or is in use; PQI_ERR_AUTH: another KEK; PQI_ERR_STORAGE, PQI_ERR_RNG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_role_new(
    const pqi_host_role_cfg *cfg, pqi_role role, int32_t alg);

/* Opens a role directory and locks it. PQI_OK; PQI_ERR_MISSING: none there; PQI_ERR_AUTH: not this
 * KEK; PQI_ERR_STATE: in use; PQI_ERR_STORAGE: damaged, or open to other users; PQI_ERR_ARG. On error
 * *out is NULL. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_role_open(
    pqi_host_role **out, const pqi_host_role_cfg *cfg);
/* Wipes the key from memory and unlocks. NULL is fine. */
PQI_API void pqi_host_role_close(pqi_host_role *r);

/* What it holds; pk lives until close. */
PQI_API const pqi_role_record *pqi_host_role_info(const pqi_host_role *r);
/* For the building functions of trust.h and control.h; theirs until close. All algorithms over OpenSSL
 * with pqi_host_role_algs(). The provider's counters are free for the holder of the directory. */
PQI_API pqi_provider *pqi_host_role_provider(const pqi_host_role *r);
PQI_API pqi_key pqi_host_role_key(const pqi_host_role *r);
PQI_API const pqi_algs *pqi_host_role_algs(const pqi_host_role *r);

/* Signs the public record. out: PQI_ROLE_RECORD_MAX is enough. PQI_ERR_SPACE; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_role_export(
    const pqi_host_role *r, pqi_span out, size_t *out_len);

/* ---- signing together ---------------------------------------------------------------------------- */

/* One object under the signatures of several role directories: each signs the same payload, then all
 * are merged. before: the same payload as others have signed it already; empty: nobody has.
 * PQI_OK; PQI_ERR_ARG: no role, or a field breaks its rule; PQI_ERR_AUTH: `before` is another payload;
 * PQI_ERR_DECODE: it is none; PQI_ERR_SPACE: out; PQI_ERR_LIMIT: too many signatures, or no memory;
 * statuses of the provider. Whether the signatures are enough, the verifying functions tell. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_roles_sign_root(pqi_host_role *const *roles, size_t n,
    const pqi_manifest_spec *spec, pqi_cspan before, pqi_span out, size_t *out_len);
PQI_API PQI_MUST_CHECK pqi_status pqi_host_roles_sign_policy(pqi_host_role *const *roles, size_t n,
    const pqi_policy *fields, pqi_cspan before, pqi_span out, size_t *out_len);
PQI_API PQI_MUST_CHECK pqi_status pqi_host_roles_sign_attest(pqi_host_role *const *roles, size_t n,
    const pqi_attest_policy *fields, pqi_cspan before, pqi_span out, size_t *out_len);
/* head: fleet, root version, from and prev of the part. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_roles_sign_revocations(pqi_host_role *const *roles,
    size_t n, const pqi_revocations *head, const pqi_revoked *entries, size_t count,
    pqi_cspan before, pqi_span out, size_t *out_len);

/* One sentence for people about this thread's last failure in this header; never NULL, no secret. */
PQI_API const char *pqi_host_role_why(void);

#ifdef __cplusplus
}
#endif
#endif
