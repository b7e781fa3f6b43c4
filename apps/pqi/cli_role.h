/* SPDX-License-Identifier: Apache-2.0
 * Role directories on the command line. Wherever one is named it is a KEYDIR: the directory, and where
 * --key-file, --passphrase-file and --credential do not fit it, one of :key=FILE, :pass=FILE and
 * :cred=NAME behind it. Without any of them its passphrase is asked for on the terminal. */
#ifndef PQI_APPS_CLI_ROLE_H
#define PQI_APPS_CLI_ROLE_H

#include "cli_kek.h"
#include "cmd_util.h"

#include <pqi/host_role.h>

#define PQI_CLI_KEYDIR_ABOUT                                                                       \
    "A KEYDIR is a role directory; DIR:pass=FILE, DIR:key=FILE or DIR:cred=NAME says what opens\n" \
    "it where the options of the keys do not. Else its passphrase is asked for."

/* Opens one. Errors are printed; then *out is NULL. */
pqi_cli_exit pqi_cli_role_open(
    const char *keydir, const pqi_cli_kek_args *common, pqi_host_role **out);

/* What a KEYDIR says, for those who open it themselves: *dir is allocated, and *kek is to be wiped while
 * `keydir` still lives. Errors are printed. */
pqi_cli_exit pqi_cli_keydir_read(
    const char *keydir, const pqi_cli_kek_args *common, char **dir, pqi_host_kek_source *kek);

typedef struct pqi_cli_role_set {
    pqi_host_role *v[PQI_CLI_LIST_MAX];
    size_t n;
} pqi_cli_role_set;

/* Opens several different ones; each must be of `role` (0: any). On an error none stays open. */
pqi_cli_exit pqi_cli_roles_open(const pqi_cli_list *keydirs, const pqi_cli_kek_args *common,
    pqi_role role, pqi_cli_role_set *out);
void pqi_cli_roles_close(pqi_cli_role_set *set);

/* Reads a public record that pqi role export wrote; *bytes is the caller's to free, after it is done
 * with out->pk. Errors are printed. */
pqi_cli_exit pqi_cli_role_record(const char *path, pqi_span *bytes, pqi_role_record *out);

/* A root manifest from a file, decoded; *bytes is what *out points into. Errors are printed. */
pqi_cli_exit pqi_cli_manifest(const char *path, pqi_span *bytes, pqi_manifest *out);

#endif
