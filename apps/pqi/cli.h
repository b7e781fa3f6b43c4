/* SPDX-License-Identifier: Apache-2.0
 * What every subcommand of `pqi` shares: the command table, options, errors, files, hex, JSON.
 *
 * A subcommand is one function in one file cmd_NAME.c. It describes its options in a local table,
 * calls pqi_cli_parse() first and returns a pqi_cli_exit. Everything it prints for people goes to
 * standard output, everything that went wrong to standard error in one form:
 *
 *     pqi: WHAT was wrong
 *       try: WHAT to do */
#ifndef PQI_APPS_CLI_H
#define PQI_APPS_CLI_H

#include <pqi/span.h>
#include <pqi/status.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name in front of every error: "pqi", unless main() of another program sets it first. */
extern const char *pqi_cli_program;

/* Exit codes, as documented in pqi(1). */
typedef enum pqi_cli_exit {
    PQI_CLI_GO = -1,    /* from pqi_cli_parse() only: go on */
    PQI_CLI_OK = 0,     /* done */
    PQI_CLI_FAILED = 1, /* the operation failed or was refused, such as a verification */
    PQI_CLI_USAGE = 2,  /* the command line is wrong */
    PQI_CLI_ENV = 3     /* a file, the network, a store or the system failed */
} pqi_cli_exit;

typedef struct pqi_cli_command pqi_cli_command;

/* argv[0] is the name of the command, as in main(). */
typedef pqi_cli_exit (*pqi_cli_run)(const pqi_cli_command *self, int argc, char **argv);

struct pqi_cli_command {
    const char *name;           /* NULL ends a table */
    const char *group;          /* heading in the help; NULL in a nested table */
    pqi_cli_run run;            /* NULL when sub is given */
    const char *args;           /* synopsis of what follows the name, "" for nothing */
    const char *help;           /* one line */
    const pqi_cli_command *sub; /* nested table, as in `pqi ca init`; or NULL */
    const char *path;           /* full name, "pqi ca init" */
};

typedef enum pqi_cli_kind {
    PQI_CLI_KIND_END = 0,
    PQI_CLI_KIND_FLAG,   /* into: bool */
    PQI_CLI_KIND_STRING, /* into: const char * */
    PQI_CLI_KIND_UINT,   /* into: uint64_t, checked against max */
    PQI_CLI_KIND_LIST    /* into: pqi_cli_list; may be given several times */
} pqi_cli_kind;

#define PQI_CLI_LIST_MAX 32u
typedef struct pqi_cli_list {
    const char *v[PQI_CLI_LIST_MAX]; /* in their order */
    size_t n;
} pqi_cli_list;

typedef struct pqi_cli_option {
    const char *name; /* long name without the dashes */
    pqi_cli_kind kind;
    void *into;
    const char *value; /* name of the value in the help; NULL for a flag */
    const char *help;  /* one line */
    uint64_t max;      /* PQI_CLI_KIND_UINT */
} pqi_cli_option;

/* clang-format off */
#define PQI_CLI_FLAG(name, into, help)               {name, PQI_CLI_KIND_FLAG, into, NULL, help, 0}
#define PQI_CLI_STRING(name, value, into, help)      {name, PQI_CLI_KIND_STRING, into, value, help, 0}
#define PQI_CLI_LIST(name, value, into, help)        {name, PQI_CLI_KIND_LIST, into, value, help, 0}
#define PQI_CLI_UINT(name, value, into, max, help)   {name, PQI_CLI_KIND_UINT, into, value, help, max}
#define PQI_CLI_END                                  {NULL, PQI_CLI_KIND_END, NULL, NULL, NULL, 0}
/* clang-format on */

/* Reads the options out of argv and leaves the operands in argv[0..*argc-1], in their order.
 * `--x value`, `--x=value`, flags, `--` and --help are understood, and -o for --out; options may follow
 * operands.
 * `about`: one paragraph for --help. PQI_CLI_GO: go on; else return the value: --help was answered
 * or the error was printed. */
pqi_cli_exit pqi_cli_parse(const pqi_cli_command *self, const pqi_cli_option *options,
    const char *about, int *argc, char **argv);

/* What is no character of UTF-8, steers a terminal (C0 but tab, DEL, C1), or hides or turns text becomes '?',
 * one for each byte. So does a line feed: words of others make no line of their own. */
void pqi_cli_plain(char *text);

/* The one form of an error. Prints and returns `code`; `advice` may be NULL. */
pqi_cli_exit pqi_cli_fail(pqi_cli_exit code, const char *advice, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* What main() does first: descriptors 0 to 2 are taken, no core dumps, and keys are wiped when a signal ends the
 * process. PQI_CLI_OK, or the error was printed. */
pqi_cli_exit pqi_cli_protect(void);

/* A wrong command line: as pqi_cli_fail() with the advice "see pqi NAME --help". */
pqi_cli_exit pqi_cli_usage(const pqi_cli_command *self, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

/* A library status, with what was being done: PQI_CLI_FAILED for the caller's and the peer's
 * faults, PQI_CLI_ENV for those of the platform, PQI_CLI_OK (and no output) for PQI_OK. */
pqi_cli_exit pqi_cli_status(pqi_status status, const char *doing);

/* Reads a whole file, "-" is standard input, at most `cap` bytes. out->ptr is allocated, has a NUL
 * after the last byte and is freed by the caller. Errors are printed. */
pqi_cli_exit pqi_cli_read_file(const char *path, size_t cap, pqi_span *out);

/* Bytes of a hex string (even length, both cases). false: not hex or longer than out->len; on
 * success out->len is the number of bytes. */
bool pqi_cli_hex_decode(const char *hex, pqi_span *out);

/* Writes 2 * len digits and a NUL to `out`. */
void pqi_cli_hex_encode(char *out, const uint8_t *in, size_t len);

/* Prints a JSON value and a newline to standard output and drops the reference. */
pqi_cli_exit pqi_cli_print_json(json_t *value);

/* malloc() of n zeroed bytes that ends the process with a clear line when memory is out. */
void *pqi_cli_alloc(size_t n);

#endif
