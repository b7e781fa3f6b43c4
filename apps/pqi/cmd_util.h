/* SPDX-License-Identifier: Apache-2.0
 * What the ca, device and inspect commands share. */
#ifndef PQI_APPS_CMD_UTIL_H
#define PQI_APPS_CMD_UTIL_H

#include "cli.h"

#include <pqi/host_ca.h>
#include <pqi/host_device.h>

/* Writes an object: "-" or NULL is standard output (refused on a terminal), else the file is replaced
 * atomically. Errors are printed. */
pqi_cli_exit pqi_cli_write_file(const char *path, pqi_cspan data);

/* Prints `why` with advice for the status. PQI_ERR_ARG is a usage error, the peer's faults are 1, the
 * platform's 3. */
pqi_cli_exit pqi_cli_why(pqi_status st, const char *why);
/* As above for operations of an open CA, where a missing row is a refusal, not a missing file. */
pqi_cli_exit pqi_cli_refused(pqi_status st, const char *why);

/* true: --yes was given, or a person on the terminal answered yes. Else the error is printed. */
bool pqi_cli_sure(bool yes, const char *question);

/* "2026-03-01" in UTC, "-" for 0. */
#define PQI_CLI_DATE_LEN 32
void pqi_cli_date(char out[PQI_CLI_DATE_LEN], uint64_t unix_s);

/* "device+gateway"; "0" for none. */
#define PQI_CLI_ROLES_LEN 64
void pqi_cli_roles(char out[PQI_CLI_ROLES_LEN], uint32_t roles);
bool pqi_cli_parse_roles(const char *text, uint32_t *roles);

/* "plant/pump-1:pub:L": PREFIX:RIGHTS:CLASS, several separated by ';' or spaces. The text is cut up in
 * place and must outlive the scopes. */
bool pqi_cli_parse_scopes(char *text, pqi_scope scopes[PQI_SCOPES_MAX], size_t *n);
#define PQI_CLI_SCOPE_LEN 128
void pqi_cli_scope(char out[PQI_CLI_SCOPE_LEN], const pqi_scope *s);

json_t *pqi_cli_json_hex(const uint8_t *p, size_t n);

/* Would a progress line be shown for so many items? Then lines about each of them are left out. */
bool pqi_cli_has_progress(size_t total);
/* One line on a terminal for long work, nothing elsewhere or for few items. */
void pqi_cli_progress(const char *what, size_t done, size_t total);

pqi_cspan pqi_cli_span(const char *s);

#endif
