/* SPDX-License-Identifier: Apache-2.0
 * Attestation in `pqi listen` and `pqi send`: policy and event log from files, what became of peers, and the
 * state file. pqi-listen(1). */
#ifndef PQI_APPS_CLI_ATTEST_H
#define PQI_APPS_CLI_ATTEST_H

#include "cli_node.h"

/* Reads the files that were named. out points into them until pqi_cli_attest_free(). */
pqi_cli_exit pqi_cli_attest_open(
    const pqi_cli_attest_args *a, pqi_cli_attest *x, pqi_node_attest_cfg *out);
void pqi_cli_attest_free(pqi_cli_attest *x);
/* The node is open: no policy below the state file's, and what is in force goes there. */
pqi_cli_exit pqi_cli_attest_begin(pqi_cli_node *n);

/* A newer policy in the file is put in force; one that does not hold is told, and the one before stays.
 * At most once a second. */
pqi_cli_exit pqi_cli_attest_care(pqi_cli_node *n);

/* Tells a verdict on standard error (quiet: only a bad one) and writes the state file. */
pqi_cli_exit pqi_cli_attest_tell(pqi_cli_node *n, const pqi_node_event *ev, bool quiet);

/* Does the fleet's policy ask for verdicts? */
bool pqi_cli_attest_needed(const pqi_cli_node *n);
/* Is there a verdict of this peer that opens class M and H, if the fleet's policy asks for one? */
bool pqi_cli_attest_open_for(const pqi_cli_node *n, const char *peer);

#endif
