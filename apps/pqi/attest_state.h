/* SPDX-License-Identifier: Apache-2.0
 * What a verifier on the command line remembers between two commands: one JSON file. Its time is the wall
 * clock. pqi-attest(1), FILES. */
#ifndef PQI_APPS_ATTEST_STATE_H
#define PQI_APPS_ATTEST_STATE_H

#include "attest.h"

#define PQI_ATTEST_STATE_PEERS 4096u
#define PQI_ATTEST_STATE_MAX   4194304u

typedef struct pqi_attest_saved {
    uint32_t root_version, policy_seq; /* of the policy in force; 0: none yet */
    uint8_t policy_hash[32];
    pqi_attest_peer *peers; /* PQI_ATTEST_STATE_PEERS of them */
} pqi_attest_saved;

/* From reading to the end of the process nobody else changes the state: two commands at once would put back
 * what the other took away, a nonce or a verdict. Errors are printed. */
pqi_cli_exit pqi_attest_state_lock(const char *path);
/* A file that is not there is an empty state. Errors are printed. */
pqi_cli_exit pqi_attest_state_read(const char *path, pqi_attest_saved *out);
pqi_cli_exit pqi_attest_state_write(const char *path, const pqi_attest_saved *s);
void pqi_attest_state_free(pqi_attest_saved *s);

#endif
