/* SPDX-License-Identifier: Apache-2.0
 * The algorithms of this program and the self test in front of them. */
#ifndef PQI_APPS_ALGS_H
#define PQI_APPS_ALGS_H

#include "cli.h"

#include <pqi/suite.h>

/* Everything the library has, over OpenSSL. */
void pqi_cli_algs(pqi_algs *out);

/* Bytes of scratch that are enough for every KEM and signature operation of the set. */
size_t pqi_cli_tmp_len(const pqi_algs *algs);

#endif
