/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: the decoding core (no files, no printing) and what surrounds it.
 *
 * Every object becomes one flat JSON tree, from which both forms of output are made: --json dumps
 * it, the text form walks it (inspect_text.c). Strings in the tree are raw; each printer makes them
 * harmless. */
#ifndef PQI_APPS_INSPECT_H
#define PQI_APPS_INSPECT_H

#include "cli.h"

#include <pqi/attest.h>
#include <pqi/join.h>
#include <pqi/trust.h>

#include <stdio.h>

#define PQI_INSPECT_MAX PQI_ATTEST_EVIDENCE_MAX /* bytes of the longest object */
#define PQI_INSPECT_MIN 22u                     /* of the shortest: compact data of a session */

#define PQI_INSPECT_WHY 200u /* bytes of an error */

typedef struct pqi_inspect_ctx {
    const pqi_algs *algs;
    pqi_span tmp;             /* pqi_cli_tmp_len() bytes */
    const pqi_manifest *root; /* NULL: signatures are not checked */
    pqi_cspan topic;          /* that the object came from; empty: not known */
} pqi_inspect_ctx;

typedef struct pqi_inspect_result {
    json_t *fields; /* owned by the caller; NULL: `why` tells what is wrong */
    bool failed;    /* a check was made and failed: the fields say which */
    char why[PQI_INSPECT_WHY];
} pqi_inspect_result;

/* Recognises and decodes one object. true: out->fields is set. */
bool pqi_inspect_object(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);

/* One kind of object. Decodes `in`, adds to out->fields (an empty object), may set out->failed. On
 * PQI_ERR_DECODE it may write a better reason to out->why. */
typedef pqi_status (*pqi_inspect_decode)(
    const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);

pqi_status pqi_inspect_cert(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_manifest(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_revocations(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_role(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_ticks(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_head(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_roster(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_policy(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_statement(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_tick(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_ask(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_answer(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_join(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_factory(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_challenge(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_grant(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_confirm(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_announce(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_session(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_ak(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_ak_request(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_ak_msg(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_attest_policy(
    const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_attest_ask(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_evidence(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_provider(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_wrapped(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_counters(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_slot(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_quote(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
pqi_status pqi_inspect_eventlog(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);
bool pqi_inspect_is_session(uint8_t type); /* the first byte of a packet of sessions? */
pqi_status pqi_inspect_v1(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out);

/* ---- fields (inspect_fields.c) ------------------------------------------------------------------ */

void pqi_inspect_put(json_t *o, const char *name, json_t *value); /* takes the reference */
void pqi_inspect_put_str(json_t *o, const char *name, const char *value);
void pqi_inspect_put_text(json_t *o, const char *name, pqi_cspan value); /* of a peer */
void pqi_inspect_put_uint(json_t *o, const char *name, uint64_t value);
void pqi_inspect_put_hex(json_t *o, const char *name, const uint8_t *value, size_t len);
void pqi_inspect_put_time(json_t *o, const char *name, uint64_t unix_s); /* 0: null */
/* Algorithm with its mark, length, first bytes and SHA-256 of a public key. */
void pqi_inspect_put_kem_key(
    const pqi_inspect_ctx *c, json_t *o, const char *name, uint32_t alg, pqi_cspan pk);
void pqi_inspect_put_sig_key(
    const pqi_inspect_ctx *c, json_t *o, const char *name, int32_t alg, pqi_cspan pk);
void pqi_inspect_put_x25519_key(const pqi_inspect_ctx *c, json_t *o, pqi_cspan pk);
/* A name and pqi_alg_mark() behind it. */
json_t *pqi_inspect_alg(const char *name, unsigned flags);
void pqi_inspect_put_fleet(json_t *o, const uint8_t fleet[PQI_FLEET_ID_LEN]);
void pqi_inspect_put_suites(const pqi_inspect_ctx *c, json_t *o, uint32_t bitmap);
void pqi_inspect_put_assurance(json_t *o, uint32_t bits);
/* {"state": ..., "note": ...} under `name`. PQI_OK: verified; PQI_AGAIN: not checked; other: does
 * not verify, which sets out->failed. note may be NULL. */
void pqi_inspect_put_state(
    pqi_inspect_result *out, json_t *o, const char *name, pqi_status st, const char *note);

/* The names of the bits that are set; unknown ones as a number. */
json_t *pqi_inspect_bits(uint32_t bits, const char *const *names, size_t n);

/* Adds a decoded certificate's fields without its signature. */
void pqi_inspect_add_cert(const pqi_inspect_ctx *c, json_t *o, const pqi_cert *cert);
/* Checks its signature under c->root; PQI_AGAIN without one. */
pqi_status pqi_inspect_check_cert(const pqi_inspect_ctx *c, const pqi_cert *cert);
/* What to do about a signature that was not checked, or what it was checked with. */
#define PQI_INSPECT_GIVE_ROOT "give --root MANIFEST"
const char *pqi_inspect_note(pqi_status st); /* may be NULL */

/* ---- text (inspect_text.c) ---------------------------------------------------------------------- */

/* Prints the fields aligned. Control characters are escaped. */
void pqi_inspect_print(FILE *f, json_t *fields);
/* Prints a string so that no byte of it steers a terminal. */
void pqi_inspect_print_safe(FILE *f, const char *s, size_t len);

/* ---- characters (cli_plain.c) ------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at s and its value; 0: malformed. left > 0. */
size_t pqi_inspect_utf8(const uint8_t *s, size_t left, uint32_t *cp);
/* false: the character steers a terminal or hides text. */
bool pqi_inspect_harmless(uint32_t cp);

/* ---- input lines (inspect_line.c) --------------------------------------------------------------- */

typedef struct pqi_inspect_line {
    pqi_cspan topic; /* in the line; empty: none */
    pqi_cspan bytes; /* decoded in place */
} pqi_inspect_line;

/* Do these first bytes of an input look like text? Each of our binary objects has a control
 * character among its first bytes. */
bool pqi_inspect_is_text(pqi_cspan head);

/* Splits "HEX", "HE X" or "TOPIC HEX", without the newline; decodes the hex over the line itself.
 * NULL: fine; else what is wrong. A blank line gives no topic and no bytes. */
const char *pqi_inspect_split(pqi_span line, pqi_inspect_line *out);

#endif
