/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: objects to a JSON tree, and the tree to text. */
#ifndef PQI_APPS_INSPECT_H
#define PQI_APPS_INSPECT_H

#include "cmd_util.h"

#include <pqi/join.h>
#include <pqi/v1.h>

/* Why an object was refused: what it seemed to be, and where the encoding went wrong. */
typedef struct pqi_inspect_error {
    const char *kind; /* "certificate", or "object" when nothing fits */
    const char *what;
    size_t offset;
    bool has_offset;
} pqi_inspect_error;

/* The tree of one object, {"type": ..., ...}; NULL: *err tells why. Nothing in it is secret, and
 * nothing is verified but what the object proves by itself. */
json_t *pqi_inspect_object(const pqi_algs *algs, pqi_cspan in, pqi_inspect_error *err);

/* Is this deterministic CBOR from end to end? false: *err tells where it breaks. err->kind gets what
 * the object calls itself, or NULL. */
bool pqi_inspect_cbor(pqi_cspan in, pqi_inspect_error *err);

/* Prints the tree as aligned text; `one_line`: on one line. */
void pqi_inspect_print(const json_t *tree, bool one_line);

#endif
