/* SPDX-License-Identifier: Apache-2.0
 * pqid, the daemon: finds the command and runs it. It stays in the foreground; what supervises it is the
 * business of systemd or its like. */
#include "pqid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const pqi_cli_command commands[] = {
    {"control", NULL, pqid_control, "--dir DIR --broker HOST [OPTION...]",
        "makes heads, publishes, answers devices", NULL, "pqid control"},
    {"ticks", NULL, pqid_ticks, "--dir DIR --device ID --root FILE --broker HOST [OPTION...]",
        "gives the ticks of a site that is cut off", NULL, "pqid ticks"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

static pqi_cli_exit help(void)
{
    printf("Usage: pqid COMMAND [OPTION...]\nThe servers of a fleet.\n\n");
    for (const pqi_cli_command *c = commands; c->name != NULL; c++) {
        printf("  %-12s %s\n", c->name, c->help);
    }
    printf("\nSee pqid COMMAND --help, or pqid(1). Exit codes are those of pqi(1).\n");
    return PQI_CLI_OK;
}

static pqi_cli_exit run(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        return help();
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("pqid %s\n", PQI_VERSION);
        return PQI_CLI_OK;
    }
    for (const pqi_cli_command *c = commands; c->name != NULL; c++) {
        if (strcmp(argv[1], c->name) == 0) {
            return c->run(c, argc - 1, argv + 1);
        }
    }
    return pqi_cli_fail(PQI_CLI_USAGE, "pqid --help", "unknown command \"pqid %s\"", argv[1]);
}

int main(int argc, char **argv)
{
    (void)setenv("TSS2_LOG", "all+none", 0); /* the TPM stack prints what we tell better */
    pqi_cli_program = "pqid";
    pqi_cli_exit rc = pqi_cli_protect();
    rc = rc == PQI_CLI_OK ? run(argc, argv) : rc;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write to standard output");
    }
    return (int)rc;
}
