/* SPDX-License-Identifier: Apache-2.0
 * What the pqi policy commands share. */
#ifndef PQI_APPS_POLICY_H
#define PQI_APPS_POLICY_H

#include "cli_role.h"

/* A policy from a file, be it text or a signed object. */
typedef struct pqi_policy_file {
    pqi_span bytes; /* what p points into */
    pqi_policy *p;
    bool object; /* false: text, so that numbers, hash and signatures are empty */
} pqi_policy_file;

/* Errors are printed; then there is nothing to unload. */
pqi_cli_exit pqi_policy_load(const char *path, pqi_policy_file *out);
void pqi_policy_unload(pqi_policy_file *f);

/* Prints what y says differently from x; *any: whether there is something. Errors are printed. */
pqi_cli_exit pqi_policy_diff(const pqi_policy *x, const pqi_policy *y, bool *any);
/* Prints "# signed by 1 of 2 policy keys" under the manifest of that file. Errors are printed. */
pqi_cli_exit pqi_policy_progress(const pqi_policy *p, const char *root);

pqi_cli_exit pqi_cmd_policy_sign(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_policy_publish(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_policy_merge(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_policy_verify(const pqi_cli_command *self, int argc, char **argv);

#endif
