/* SPDX-License-Identifier: Apache-2.0
 * Policies as text: lines of `key = value`, `#` begins a comment. pqi-policy(1), FILES. */
#ifndef PQI_APPS_POLICY_TEXT_H
#define PQI_APPS_POLICY_TEXT_H

#include "cli.h"

#include <pqi/control.h>

#include <stdio.h>

#define PQI_POLICY_TEXT_MAX 65536u

/* Fills rules and rows and the format version; what a text does not say is as in pqi_policy_default.
 * The text is cut up, and *out points into it. false: `why` says what is wrong, with the line. */
#define PQI_POLICY_WHY 200u
bool pqi_policy_parse(char *text, size_t len, pqi_policy *out, char why[PQI_POLICY_WHY]);

/* The whole policy as text that pqi_policy_parse() reads back; comments 1: with what each key means. */
void pqi_policy_print(FILE *f, const pqi_policy *p, bool comments);
/* The same as JSON: rules by their keys, acl and fail-safe as arrays. */
json_t *pqi_policy_json(const pqi_policy *p);

#endif
