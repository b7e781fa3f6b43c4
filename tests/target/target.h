/* SPDX-License-Identifier: Apache-2.0
 * What the test programs of this folder need from their machine, and what they share. They run on
 * an emulated microcontroller (port_m.c) and under user-mode emulation or natively (port_posix.c).
 *
 * One program holds one algorithm: ALG and KIND are chosen by the compiler's command line (see
 * algorithms.txt). Lines of the output: "ok NAME", "not ok NAME", "skip NAME: reason",
 * "figure NAME VALUE", "digest NAME HEX"; anything else is a remark. */
#ifndef PQI_TESTS_TARGET_H
#define PQI_TESTS_TARGET_H

#include <pqi/span.h>
#include <pqi/status.h>
#include <pqi/suite.h>

#include <stdbool.h>

/* ---- the machine (port_*.c) --------------------------------------------------------------- */

void tgt_puts(const char *text);
_Noreturn void tgt_exit(int code);
/* A file of the host, opened for reading; one at a time. tgt_read gives 0 at the end. */
bool tgt_open(const char *path);
size_t tgt_read(void *out, size_t room);
void tgt_close(void);
/* All memory that is left for buffers, 8-aligned. */
pqi_span tgt_memory(void);

typedef struct tgt_cost {
    uint32_t instructions;
    uint32_t stack; /* bytes below the caller's frame */
} tgt_cost;
/* Runs op(arg) and tells what it took; zero where the machine cannot tell. */
tgt_cost tgt_run(void (*op)(void *arg), void *arg);
/* Breaks the memory rules on purpose: "past", "below", "stack", "code", "data", or, allowed,
 * "inside". Returns false for an unknown name; after an access that must fault, true. */
bool tgt_misbehave(const char *how);

/* ---- output and verdicts (say.c) ---------------------------------------------------------- */

void tgt_ok(bool ok, const char *name, const char *what);
void tgt_skip(const char *name, const char *reason, size_t needs, size_t has);
void tgt_figure(const char *op, const char *unit, uint32_t value);
void tgt_digest(const char *name, pqi_cspan digest);
unsigned tgt_failures(void);
bool tgt_same_text(const char *a, const char *b);
bool tgt_starts(const char *text, const char *with);
/* The decimal number at the start of the text. */
unsigned tgt_number(const char *text);
bool tgt_same(const uint8_t *a, const uint8_t *b, size_t len);
size_t tgt_text_len(const char *text);
/* Whether 32 bytes are those of 64 lower-case hex digits. */
bool tgt_is_hex(const uint8_t digest[32], const char *hex);

/* ---- buffers (say.c) ---------------------------------------------------------------------- */

/* Gives everything back. */
void tgt_reset_arena(void);
/* Takes len bytes, 8-aligned; ptr is NULL when they are not there. */
pqi_span tgt_take(size_t len);
/* What is left. */
pqi_span tgt_rest(void);
/* Fills with bytes that follow from `seed` alone. */
void tgt_fill(pqi_span out, uint32_t seed);
static inline pqi_cspan tgt_in(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* ---- constant work (constant.c) ----------------------------------------------------------- */

/* Runs op(arg) after prepare(arg, i) for i = 0..n-1; all must take the same number of
 * instructions. `arg` says through its own fields whether a run failed. */
typedef struct tgt_same_work {
    const char *name;
    unsigned n;
    void (*prepare)(void *arg, unsigned i);
    void (*op)(void *arg);
    bool leaks; /* a control: the counts must differ */
} tgt_same_work;
void tgt_check_constant(const tgt_same_work *w, void *arg);
/* Controls that leak on purpose: the check must see them. */
void tgt_constant_controls(void);

/* ---- vectors (vectors.c) ------------------------------------------------------------------ */

/* Values of the current test by name. A missing one has the length 0. */
pqi_cspan tgt_value(const char *name);
/* Makes room for an output value; ptr is NULL when there is none. */
pqi_span tgt_output(const char *name, size_t len);
/* Cuts an output to the length it turned out to have. */
void tgt_shorten(const char *name, size_t len);
bool tgt_vectors(const char *path);

/* ---- the algorithm (kem.c, sig.c, classic.c) ---------------------------------------------- */

/* A classical table that offers nothing (no_classic.c). */
const pqi_classic *tgt_no_classic(void);
/* What the self test runs over. */
void tgt_algs(pqi_algs *out);
/* Figures of each operation. */
void tgt_measure(void);
void tgt_constant(void);
/* Digests over many runs, compared with known ones. */
void tgt_known_answers(unsigned rounds);
/* One operation of a vector. PQI_ERR_SPACE stands for "does not fit in this memory". */
pqi_status tgt_operation(const char *op);

#endif
