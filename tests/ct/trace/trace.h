/* SPDX-License-Identifier: Apache-2.0
 * Programs of tools/ct-trace: every operation runs with the same public values and with secrets that
 * depend on the run, between two marks that the plugin looks for. */
#ifndef PQI_TESTS_CT_TRACE_H
#define PQI_TESTS_CT_TRACE_H

#include <stddef.h>
#include <stdint.h>

/* One operation: public inputs are set up from constants, secret ones with trace_secret(). */
typedef struct trace_op {
    const char *name;
    void (*prepare)(void); /* not traced; may be NULL */
    void (*run)(void);     /* traced */
} trace_op;

/* Fills with bytes that differ from run to run. */
void trace_secret(void *out, size_t len);
/* Fills with bytes that are the same in all runs. */
void trace_public(void *out, size_t len, uint8_t label);
/* Ends the program: the operation did not do what it should. */
void trace_check(int ok);

/* Tables end with a NULL name. */
extern const trace_op trace_leaky[], trace_helpers[], trace_kem[], trace_hash[], trace_mcu[];
extern const trace_op trace_falcon[], trace_fpr[];
extern const trace_op trace_erasure[];

#endif
