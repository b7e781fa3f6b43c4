/* SPDX-License-Identifier: Apache-2.0
 * Lines of a key agent's files: words, some of them "name=value"; 'quotes' around what holds blanks or
 * commas; # begins a comment. docs/spec/agent.md section 4.1. */
#ifndef PQI_PORT_LINUX_AGENT_TEXT_H
#define PQI_PORT_LINUX_AGENT_TEXT_H

#include <pqi/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PQI_AGENT_WORDS 16u
#define PQI_AGENT_LINE  1024u
#define PQI_AGENT_FILE  65536u
#define PQI_AGENT_ERROR 200u

/* A word after its name; items of a list are cut off it one by one. */
typedef struct pqi_agent_word {
    const char *name;  /* "" for a word without '=' */
    const char *value; /* quotes still in place */
} pqi_agent_word;

typedef struct pqi_agent_line {
    char text[PQI_AGENT_LINE];
    pqi_agent_word word[PQI_AGENT_WORDS];
    size_t n;
} pqi_agent_line;

/* Splits one line of len bytes without its line feed. false: *wrong says what is wrong. */
bool pqi_agent_split(const char *line, size_t len, pqi_agent_line *out, const char **wrong);

/* Cuts the next item of a list "a,'b, c',d" off *rest, without quotes, into out. false: there is none
 * (*rest is ""), or it is malformed or longer than room - 1 (*rest is NULL). */
bool pqi_agent_item(const char **rest, char *out, size_t room);

/* A single value: exactly one item. */
bool pqi_agent_one(const char *value, char *out, size_t room);

/* Decimal, or hexadecimal after 0x; the whole of `text`. */
bool pqi_agent_number(const char *text, uint64_t max, uint64_t *out);

#endif
