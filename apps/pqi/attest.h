/* SPDX-License-Identifier: Apache-2.0
 * What the pqi attest commands share. */
#ifndef PQI_APPS_ATTEST_H
#define PQI_APPS_ATTEST_H

#include "cli_role.h"

#include <pqi/attest.h>

#include <stdio.h>

extern const pqi_cli_command pqi_attest_policy_commands[];

pqi_cli_exit pqi_cmd_attest_challenge(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_attest_verify(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_attest_show(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_attest_log(const pqi_cli_command *self, int argc, char **argv);

/* "0,2,7" to a mask and back; false: not a list of PCRs. */
bool pqi_attest_parse_pcrs(const char *text, uint32_t *mask);
#define PQI_ATTEST_PCRS_LEN 80
void pqi_attest_pcrs(char out[PQI_ATTEST_PCRS_LEN], uint32_t mask);

/* ---- policy as text (attest_text.c): pqi-attest(1), FILES --------------------------------------------- */

#define PQI_ATTEST_TEXT_MAX 131072u
#define PQI_ATTEST_WHY      160u

typedef struct pqi_attest_text {
    pqi_attest_policy p;
    char names[PQI_ATTEST_CLASSES][PQI_ID_MAX + 1];
    uint8_t digests[PQI_ATTEST_CLASSES][PQI_ATTEST_DIGESTS * PQI_PCR_LEN];
    uint8_t values[PQI_ATTEST_CLASSES][PQI_ATTEST_VALUES * PQI_ATTEST_ROW];
    uint8_t events[PQI_ATTEST_CLASSES][PQI_ATTEST_EVENTS * PQI_ATTEST_ROW];
} pqi_attest_text;

/* Fills the classes of out->p; the text is cut up. false: `why` says what is wrong, with the line. */
bool pqi_attest_text_parse(char *text, pqi_attest_text *out, char why[PQI_ATTEST_WHY]);
/* The classes as text that pqi_attest_text_parse() reads back. */
void pqi_attest_text_print(FILE *f, const pqi_attest_policy *p);
json_t *pqi_attest_classes_json(const pqi_attest_policy *p);

#endif
