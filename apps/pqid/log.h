/* SPDX-License-Identifier: Apache-2.0
 * One line for each event on standard error: for people, or as JSON for programs. */
#ifndef PQI_APPS_PQID_LOG_H
#define PQI_APPS_PQID_LOG_H

#include <pqi/host_control.h>

#include <stdbool.h>

void pqid_log_json(bool on); /* from here on */

/* An event of the control plane. */
void pqid_log_event(const pqi_control_event *ev);
/* name: one word; text: a sentence. */
void pqid_log(const char *name, const char *text);

#endif
