/* SPDX-License-Identifier: Apache-2.0
 * Choosing algorithms: profiles (named sets for people and configuration files), the policy that says
 * what is accepted at all, and the rule by which a suite is chosen. docs/spec/registry.md.
 *
 * Names are read and printed here and above; everything below a configuration works with numbers.
 * Immutable tables and functions of their arguments: thread-safe, nothing is secret. */
#ifndef PQI_PROFILE_H
#define PQI_PROFILE_H

#include <pqi/suite.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- policy ------------------------------------------------------------------------------------ */

/* What an endpoint or a CA accepts. {0} accepts every algorithm of its set. */
typedef struct pqi_alg_policy {
    uint8_t min_level; /* lowest NIST category of a KEM or signature, 0..5 */
    uint8_t forbid;    /* PQI_ALG_*: an algorithm or suite with one of these marks is refused */
} pqi_alg_policy;

/* PQI_OK; PQI_ERR_POLICY: below the level, or a forbidden mark; PQI_ERR_ARG: NULL. */
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_kem(const pqi_alg_policy *p, const pqi_kem *kem);
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_sig(const pqi_alg_policy *p, const pqi_sig *sig);
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_suite(const pqi_alg_policy *p, const pqi_suite *s);

/* Bits of the suites of `a` that the policy allows (p) or of all of them (p NULL); kem_id 0: of every
 * KEM. */
PQI_API uint32_t pqi_policy_suites(const pqi_algs *a, const pqi_alg_policy *p, uint32_t kem_id);

/* The one suite to use among `offered` (bits; of both certificates) for a key of kem_id: allowed by
 * the policy; then standardised before pre-standard before not standardised, then the higher level,
 * then the lower id. kem_id 0: any KEM. only: this suite or none; NULL: any. NULL: there is none. */
PQI_API const pqi_suite *pqi_suite_choose(const pqi_algs *a, const pqi_alg_policy *p,
    uint32_t offered, uint32_t kem_id, const pqi_suite *only);

/* ---- profiles ---------------------------------------------------------------------------------- */

typedef enum pqi_profile_id {
    PQI_PROFILE_NONE = 0,
    PQI_PROFILE_KYBER_DILITHIUM = 1, /* the default */
    PQI_PROFILE_KYBER_FALCON = 2,    /* small signatures; Falcon is pre-standard */
    PQI_PROFILE_SABER_DILITHIUM = 3, /* SABER is not standardised */
    PQI_PROFILE_INT32_ = 2147483647
} pqi_profile_id;

/* One row: what a profile means at a level. */
typedef struct pqi_profile {
    pqi_profile_id id;
    uint8_t level;       /* as asked for: 1, 3 or 5; 0: when nothing is asked for */
    uint16_t kem_id;     /* PQI_KEM_ID_* */
    uint16_t suite_id;   /* of that KEM */
    int32_t sig_id;      /* PQI_SIG_ID_*: device, factory and issuer keys */
    int32_t root_sig_id; /* of a CA's root: the family's highest */
} pqi_profile;

/* level 0, 1, 3 or 5. Where a family has no such level, the next higher one stands in the row.
 * NULL: no such row. */
PQI_API const pqi_profile *pqi_profile_get(pqi_profile_id id, unsigned level);
/* Row i in the order of the table; NULL at its end. */
PQI_API const pqi_profile *pqi_profile_at(size_t i);

/* "kyber-falcon"; NULL for an unknown id. Static. */
PQI_API const char *pqi_profile_name(pqi_profile_id id);

/* ---- names ------------------------------------------------------------------------------------- */

/* Numbers of names and their aliases, in upper or lower case: "kyber-falcon"; "ml-kem-768" or
 * "kyber768"; "ml-dsa-65" or "dilithium3"; "falcon-512"; "x-wing". 0 (PQI_PROFILE_NONE): unknown. Whether an
 * algorithm is built in, the pqi_algs of the program tells. A suite has the name of its KEM,
 * but "x-wing" and "gcm-siv". */
PQI_API pqi_profile_id pqi_profile_parse(pqi_cspan name);
PQI_API uint16_t pqi_kem_parse(pqi_cspan name);
PQI_API int32_t pqi_sig_parse(pqi_cspan name);
PQI_API uint16_t pqi_suite_parse(pqi_cspan name);

/* What people must read behind the name of an algorithm or suite with these flags: "", "
 * (pre-standard)" or " (not standardised)". Static. */
PQI_API const char *pqi_alg_mark(unsigned flags);

#ifdef __cplusplus
}
#endif
#endif
