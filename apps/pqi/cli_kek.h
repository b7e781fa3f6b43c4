/* SPDX-License-Identifier: Apache-2.0
 * The options that say where the key encrypting a directory's secrets comes from; the same for
 * every command that opens a device or a CA. */
#ifndef PQI_APPS_CLI_KEK_H
#define PQI_APPS_CLI_KEK_H

#include "cli.h"

#include <pqi/host_device.h>

typedef struct pqi_cli_kek_args {
    const char *key_file, *passphrase_file, *credential;
    const char *provider; /* a URI, for a new directory */
    bool no_secret;       /* the provider needs none */
    const char *what;     /* the directory; asked for on the terminal; NULL: the key store */
} pqi_cli_kek_args;

/* Rows for an option table. */
/* clang-format off */
#define PQI_CLI_KEK_OPTIONS(k)                                                                     \
    PQI_CLI_STRING("key-file", "FILE", &(k).key_file, "32 random bytes that encrypt the keys"),    \
    PQI_CLI_STRING("passphrase-file", "FILE", &(k).passphrase_file,                                \
        "file whose first line encrypts the keys"),                                                \
    PQI_CLI_STRING("credential", "NAME", &(k).credential,                                          \
        "systemd credential that encrypts the keys"),                                              \
    PQI_CLI_STRING("provider", "URI", &(k).provider,                                               \
        "where a new directory has its keys: soft:, tpm:..., pkcs11:..., agent:..."),              \
    PQI_CLI_FLAG("no-secret", &(k).no_secret, "the TPM, token or agent needs no password or PIN")
/* clang-format on */

/* Fills *out from the options, or asks on the terminal. Without either: an error, never an unencrypted
 * store. But with --no-secret, or a provider that needs no secret of ours (agent:, tpm:, pkcs11: with a
 * pin-source), named here or by the directory's provider.uri, none is asked for; software keys refuse
 * to open without. `confirm`: ask twice, for a new store. Errors are printed. */
pqi_cli_exit pqi_cli_kek_read(const pqi_cli_kek_args *a, bool confirm, pqi_host_kek_source *out);

/* Wipes and frees a typed passphrase. */
void pqi_cli_kek_wipe(pqi_host_kek_source *k);

#endif
