/* SPDX-License-Identifier: Apache-2.0
 * Options that choose algorithms, and algorithm names for people. */
#ifndef PQI_APPS_CLI_PROFILE_H
#define PQI_APPS_CLI_PROFILE_H

#include "cli.h"

#include <pqi/profile.h>

typedef struct pqi_cli_profile_args {
    const char *profile;
    uint64_t level;
} pqi_cli_profile_args;

/* clang-format off */
#define PQI_CLI_PROFILE_OPTIONS(a)                                                                 \
    PQI_CLI_STRING("profile", "NAME", &(a).profile, "kyber-dilithium (default), kyber-falcon "     \
        "(pre-standard), saber-dilithium (not standardised)"),                                     \
    PQI_CLI_UINT("level", "1|3|5", &(a).level, 5, "parameter sets of that NIST level")
/* clang-format on */

/* The row of the options; without any, the default profile's. */
pqi_cli_exit pqi_cli_profile_read(
    const pqi_cli_command *self, const pqi_cli_profile_args *a, const pqi_profile **out);

/* Bit of a suite of this program; 0: it has none of that id. */
uint32_t pqi_cli_suite_bit(uint32_t suite_id);
/* KEM id of a suite of this program; 0. */
uint32_t pqi_cli_suite_kem(uint32_t suite_id);

/* "Falcon-512 (pre-standard)"; "unknown algorithm 7" for one that this program lacks. */
#define PQI_CLI_ALG_LEN 112
void pqi_cli_kem_name(char out[PQI_CLI_ALG_LEN], uint32_t id);
void pqi_cli_sig_name(char out[PQI_CLI_ALG_LEN], int32_t id); /* 0: "none" */
/* Names of the suites in a bitmap, separated by "; "; cut where there is no room. */
#define PQI_CLI_SUITES_LEN 512
void pqi_cli_suite_names(char out[PQI_CLI_SUITES_LEN], uint32_t bitmap);
/* "level 3 or higher, standardised only". */
void pqi_cli_policy_text(char out[PQI_CLI_ALG_LEN], const pqi_alg_policy *p);

typedef struct pqi_cli_policy_args {
    uint64_t min_level;
    bool standard_only, no_unstandard, misuse_resistant, no_composite;
} pqi_cli_policy_args;

/* clang-format off */
#define PQI_CLI_POLICY_OPTIONS(a)                                                                  \
    PQI_CLI_UINT("min-level", "N", &(a).min_level, 5,                                              \
        "refuse algorithms below this NIST level, ours and peers'"),                               \
    PQI_CLI_FLAG("forbid-not-standardised", &(a).no_unstandard,                                    \
        "refuse algorithms that are not standardised"),                                            \
    PQI_CLI_FLAG("forbid-pre-standard", &(a).standard_only,                                        \
        "refuse algorithms without a final standard as well"),                                     \
    PQI_CLI_FLAG("misuse-resistant", &(a).misuse_resistant,                                        \
        "only suites that bear a repeated nonce (gcm-siv): where a peer's storage may go back"),    \
    PQI_CLI_FLAG("forbid-composite", &(a).no_composite,                                            \
        "refuse composite algorithms (a P-256 half beside the post-quantum one)")
/* clang-format on */

pqi_alg_policy pqi_cli_policy(const pqi_cli_policy_args *a);

#endif
