/* SPDX-License-Identifier: Apache-2.0
 * What the pqi root commands share: a manifest that is being made, printing one, and who signed it. */
#ifndef PQI_APPS_ROOT_H
#define PQI_APPS_ROOT_H

#include "cli_role.h"

/* Is `m` complete? It needs the root threshold of itself, and of `from` where that is the version before
 * it (NULL: none). Prints who is missing; `advice` may be NULL. */
pqi_cli_exit pqi_root_complete(
    const pqi_manifest *m, const pqi_manifest *from, const char *path, const char *advice);

/* One line: "root signatures: 1 of 2 by its own keys, 2 of 2 by version 1". Errors are printed. */
pqi_cli_exit pqi_root_progress(const pqi_manifest *m, const pqi_manifest *from);

/* Everything in it, with checksums to read aloud, for people or as JSON. */
pqi_cli_exit pqi_root_print(const pqi_manifest *m, const pqi_manifest *from, bool json);

/* A manifest that is being made; `files` hold the keys. */
typedef struct pqi_root_draft {
    pqi_manifest_spec spec;
    pqi_manifest_key keys[PQI_MANIFEST_KEYS_MAX];
    pqi_span files[PQI_MANIFEST_KEYS_MAX];
    size_t n_files;
} pqi_root_draft;

typedef struct pqi_root_changes {
    pqi_cli_list keys, remove, thresholds; /* ROLE=FILE, KID, ROLE=N */
} pqi_root_changes;

pqi_root_draft *pqi_root_draft_new(void);
void pqi_root_draft_free(pqi_root_draft *d);
/* The keys and thresholds of m, whose spans must live as long; nothing is added to the version. */
void pqi_root_draft_from(pqi_root_draft *d, const pqi_manifest *m);
/* Applies what the options say and checks the thresholds. Errors are printed. */
pqi_cli_exit pqi_root_draft_fill(
    const pqi_cli_command *self, pqi_root_draft *d, const pqi_root_changes *c);

#endif
