/* SPDX-License-Identifier: Apache-2.0
 * Entries of the allow-list from the command line and from CSV files. */
#ifndef PQI_APPS_CA_ITEM_H
#define PQI_APPS_CA_ITEM_H

#include "cmd_ca.h"

/* An entry with the memory of its scopes. */
typedef struct pqi_ca_item {
    pqi_host_ca_entry e;
    pqi_scope scopes[PQI_SCOPES_MAX];
    char id[PQI_ID_MAX + 1]; /* of the factory record, where none was given */
    unsigned line;
} pqi_ca_item;

/* The key of a factory record, which must be of it->e.id, or gives it where that is empty. Errors are
 * printed. */
pqi_cli_exit pqi_ca_item_factory(pqi_ca_item *it, const char *path);
bool pqi_ca_item_fingerprint(pqi_ca_item *it, const char *hex); /* false: not 64 hex digits */
/* Roles and scopes; the text of the scopes is cut up and must outlive the item. Errors are printed. */
pqi_cli_exit pqi_ca_item_words(pqi_ca_item *it, const char *roles, char *scopes);

/* All lines of a file in one transaction, or none. Errors are printed, with the line. gwset: where the
 * file has no such column. */
pqi_cli_exit pqi_ca_import_csv(ca_common *c, const char *path, bool replace, uint32_t gwset);

#endif
