/* SPDX-License-Identifier: Apache-2.0
 * pqi, the command line tool: finds the subcommand and runs it. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_help(const char *arg)
{
    return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static const pqi_cli_command *find(const pqi_cli_command *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

static void print_table(const pqi_cli_command *table)
{
    const char *group = NULL;
    for (const pqi_cli_command *c = table; c->name != NULL; c++) {
        if (c->group != NULL && (group == NULL || strcmp(group, c->group) != 0)) {
            group = c->group;
            printf("\n%s\n", group);
        }
        printf("  %-12s %s\n", c->name, c->help);
    }
}

static pqi_cli_exit help_top(void)
{
    printf("Usage: pqi COMMAND [OPTION...] [ARGUMENT...]\n"
           "Post-quantum security for industrial devices.\n");
    print_table(pqi_commands);
    printf("\nSee pqi COMMAND --help, or pqi(1). Exit codes: 0 done, 1 failed or refused, 2 wrong\n"
           "command line, 3 file, network or system error.\n");
    return PQI_CLI_OK;
}

static pqi_cli_exit help_group(const pqi_cli_command *c)
{
    printf("Usage: %s COMMAND [OPTION...] [ARGUMENT...]\n%s\n\n", c->path, c->help);
    print_table(c->sub);
    return PQI_CLI_OK;
}

/* Whether two names differ by at most one replaced, dropped, added or swapped letter. */
static bool is_near(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), i = 0;
    while (i < la && i < lb && a[i] == b[i]) {
        i++;
    }
    a += i;
    b += i;
    la -= i;
    lb -= i;
    if (la == lb) {
        bool swapped = la >= 2 && a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0;
        return swapped || (la >= 1 && strcmp(a + 1, b + 1) == 0);
    }
    if (la == lb + 1) {
        return strcmp(a + 1, b) == 0;
    }
    return lb == la + 1 && strcmp(a, b + 1) == 0;
}

static pqi_cli_exit unknown(const pqi_cli_command *table, const char *path, const char *name)
{
    char advice[96];
    (void)snprintf(advice, sizeof advice, "%s --help", path);
    for (const pqi_cli_command *c = table; c->name != NULL; c++) {
        if (is_near(name, c->name)) {
            (void)snprintf(advice, sizeof advice, "%s", c->path);
        }
    }
    return pqi_cli_fail(PQI_CLI_USAGE, advice, "unknown command \"%s %s\"", path, name);
}

/* argv[0] names a command of `table`; groups nest, so this walks down. */
static pqi_cli_exit dispatch(int argc, char **argv)
{
    const pqi_cli_command *table = pqi_commands;
    const char *path = "pqi";
    for (;;) {
        const pqi_cli_command *c = find(table, argv[0]);
        if (c == NULL) {
            return unknown(table, path, argv[0]);
        }
        if (c->sub == NULL) {
            return c->run(c, argc, argv);
        }
        argc--;
        argv++;
        if (argc == 0) {
            return pqi_cli_usage(c, "%s needs a command", c->path);
        }
        if (is_help(argv[0])) {
            return help_group(c);
        }
        table = c->sub;
        path = c->path;
    }
}

/* `pqi help a b c` is `pqi a b c --help`. */
static pqi_cli_exit help_of(int argc, char **argv)
{
    char flag[] = "--help";
    char *words[5] = {NULL, NULL, NULL, NULL, NULL};
    int n = 0;
    if (argc > 3) {
        return pqi_cli_fail(PQI_CLI_USAGE, "pqi help COMMAND", "too many arguments for help");
    }
    while (n < argc) {
        words[n] = argv[n];
        n++;
    }
    words[n] = flag;
    return dispatch(n + 1, words);
}

static pqi_cli_exit run(int argc, char **argv)
{
    if (argc < 2 || is_help(argv[1]) || (argc == 2 && strcmp(argv[1], "help") == 0)) {
        return help_top();
    }
    if (strcmp(argv[1], "help") == 0) {
        return help_of(argc - 2, argv + 2);
    }
    if (strcmp(argv[1], "--version") == 0) {
        argv[1] += 2; /* "version" */
    } else if (argv[1][0] == '-') {
        return pqi_cli_fail(PQI_CLI_USAGE, "pqi --help", "unknown option %s", argv[1]);
    }
    return dispatch(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    (void)setenv("TSS2_LOG", "all+none", 0); /* the TPM stack prints what we tell better */
    pqi_cli_exit rc = pqi_cli_protect();
    rc = rc == PQI_CLI_OK ? run(argc, argv) : rc;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return pqi_cli_fail(PQI_CLI_ENV, "check that the disk is not full and the pipe still open",
            "cannot write to standard output");
    }
    return (int)rc;
}
