/* SPDX-License-Identifier: Apache-2.0
 * The store of a control plane on the command line. STORE is its directory or a postgresql:// URL. */
#ifndef PQI_APPS_CLI_STORE_H
#define PQI_APPS_CLI_STORE_H

#include "cmd_util.h"

#include <pqi/host_control.h>

#define PQI_CLI_STORE(into)                                                                        \
    PQI_CLI_STRING("store", "STORE", into, "the control plane's directory, or a postgresql:// URL")

/* For people: a URL is not shown, as it may hold a password. */
const char *pqi_cli_store_name(const char *store);

/* Does the directory hold a store already? Opening one would make it. */
bool pqi_cli_has_store(const char *dir);

/* Opens it without keys, so that a daemon may run beside. A directory without a store is an error, not a
 * new store. Errors are printed. */
pqi_cli_exit pqi_cli_control_open(const char *store, pqi_host_control **out);

/* A failure of pqi/host_control.h in words. */
pqi_cli_exit pqi_cli_control_why(pqi_status st);

/* Which object is it, by its first bytes? PQI_OBJ_NONE: none that a store takes. */
pqi_object pqi_cli_object_kind(pqi_cspan in);
/* "root manifest", "policy", "roster", "revocations", "head"; "object" for others. */
const char *pqi_cli_object_name(pqi_object kind);

/* Members from a file of pqi ca roster --leaves; *out is allocated. Errors are printed, with the line. */
pqi_cli_exit pqi_cli_leaves(const char *path, pqi_control_member **out, uint32_t *n);

/* Puts a roster that a CA has just signed. Errors are printed. */
pqi_cli_exit pqi_cli_put_roster(const char *store, pqi_cspan roster,
    const pqi_host_ca_member *members, uint32_t n, int *is_new);

/* The newest object of a kind; out->ptr is allocated, and NULL where there is none. Errors are printed. */
pqi_cli_exit pqi_cli_control_get(pqi_host_control *c, pqi_object kind, pqi_span *out);

#endif
