/* SPDX-License-Identifier: Apache-2.0
 * The algorithms of this program and the self test in front of them. */
#ifndef PQI_APPS_ALGS_H
#define PQI_APPS_ALGS_H

#include "cli.h"

#include <pqi/suite.h>

/* Everything the library has, over OpenSSL. */
void pqi_cli_algs(pqi_algs *out);

/* The same as asked for on the command line. backend: a name of pqi_classic, NULL for OpenSSL;
 * small: the variants of least memory. An unknown backend is PQI_CLI_USAGE, printed. */
pqi_cli_exit pqi_cli_algs_of(pqi_algs *out, const char *backend, bool small);

/* The option for the first, into a const char *. */
#define PQI_CLI_BACKEND(into)                                                                      \
    PQI_CLI_STRING("backend", "NAME", into, "classical primitives: " PQI_CLI_BACKENDS)
#define PQI_CLI_BACKENDS "openssl or mcu"

/* Bytes of scratch that are enough for every KEM and signature operation of the set. */
size_t pqi_cli_tmp_len(const pqi_algs *algs);

/* Every command that touches a key calls this first and returns the value unless it is PQI_CLI_OK.
 * The self test runs once per process; a failure was printed and lasts. Not thread-safe. */
pqi_cli_exit pqi_cli_require_selftest(void);

#endif
