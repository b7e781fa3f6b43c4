/* SPDX-License-Identifier: Apache-2.0
 * What the control plane says, in words. */
#ifndef PQI_CLI_CONTROL_H
#define PQI_CLI_CONTROL_H

#include "cli.h"

#include <pqi/endpoint.h>

#include <stdio.h>

/* "fresh", "aged", ... */
const char *pqi_cli_fresh_name(pqi_fresh f);
/* Names of what is in bits: PQI_CTL_*, or PQI_GATE_* with the names of pqi_reason_name(). */
json_t *pqi_cli_control_names(unsigned what);
json_t *pqi_cli_gate_names(unsigned flags);
/* One object: news, head, tick, freshness. NULL: out of memory. */
json_t *pqi_cli_control_json(const pqi_endpoint *e, const pqi_now *now, const pqi_event *ev);
/* One line. */
void pqi_cli_control_print(
    const pqi_endpoint *e, const pqi_now *now, const pqi_event *ev, FILE *out);
/* PQI_CTL_* that an operator must hear of. */
#define PQI_CLI_ALARMS (PQI_CTL_EQUIVOCATION | PQI_CTL_REV_RATE | PQI_CTL_TIME_STEP)
void pqi_cli_control_alarm(const pqi_event *ev);
/* What may be done about a refusal. */
const char *pqi_cli_reason_help(pqi_reason r);

#endif
