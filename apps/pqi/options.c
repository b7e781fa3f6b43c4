/* SPDX-License-Identifier: Apache-2.0
 * The option parser and the --help page made from the same table. */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static pqi_cli_exit print_help(
    const pqi_cli_command *self, const pqi_cli_option *options, const char *about)
{
    printf("Usage: %s %s\n%s\n\nOptions:\n", self->path, self->args, about);
    for (const pqi_cli_option *o = options; o->name != NULL; o++) {
        char left[48];
        (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value != NULL ? " " : "",
            o->value != NULL ? o->value : "");
        printf("  %-22s %s\n", left, o->help);
    }
    printf("  %-22s %s\n", "--help", "print this and exit");
    return PQI_CLI_OK;
}

/* The option named by `arg` ("x" or "x=value"), *value is set to what follows '='. */
static const pqi_cli_option *find(
    const pqi_cli_option *options, const char *arg, const char **value)
{
    const char *eq = strchr(arg, '=');
    size_t len = eq != NULL ? (size_t)(eq - arg) : strlen(arg);
    *value = eq != NULL ? eq + 1 : NULL;
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == len && memcmp(options->name, arg, len) == 0) {
            return options;
        }
    }
    return NULL;
}

/* Decimal digits only, no sign, no space. */
static bool parse_uint(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        unsigned digit = (unsigned)(*text - '0');
        if (digit > max || v > (max - digit) / 10u) {
            return false;
        }
        v = v * 10u + digit;
    }
    *out = v;
    return true;
}

static pqi_cli_exit store(const pqi_cli_command *self, const pqi_cli_option *o, const char *value)
{
    if (o->kind == PQI_CLI_KIND_FLAG) {
        if (value != NULL) {
            return pqi_cli_usage(self, "--%s takes no value", o->name);
        }
        *(bool *)o->into = true;
        return PQI_CLI_GO;
    }
    if (value == NULL) {
        return pqi_cli_usage(self, "--%s needs a value (%s)", o->name, o->value);
    }
    if (o->kind == PQI_CLI_KIND_STRING) {
        *(const char **)o->into = value;
        return PQI_CLI_GO;
    }
    if (o->kind == PQI_CLI_KIND_LIST) {
        pqi_cli_list *list = o->into;
        if (list->n == PQI_CLI_LIST_MAX) {
            return pqi_cli_usage(
                self, "--%s stands there more than %u times", o->name, PQI_CLI_LIST_MAX);
        }
        list->v[list->n++] = value;
        return PQI_CLI_GO;
    }
    if (!parse_uint(value, o->max, (uint64_t *)o->into)) {
        return pqi_cli_usage(self, "--%s takes a number from 0 to %llu, not \"%.40s\"", o->name,
            (unsigned long long)o->max, value);
    }
    return PQI_CLI_GO;
}

pqi_cli_exit pqi_cli_parse(const pqi_cli_command *self, const pqi_cli_option *options,
    const char *about, int *argc, char **argv)
{
    int kept = 0;
    bool only_operands = false;
    for (int i = 1; i < *argc; i++) {
        char *arg = argv[i];
        if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            argv[kept++] = arg;
            continue;
        }
        if (strcmp(arg, "--") == 0) {
            only_operands = true;
            continue;
        }
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            return print_help(self, options, about);
        }
        const char *value = NULL;
        const bool out = strcmp(arg, "-o") == 0;
        const char *name = arg[1] == '-' ? arg + 2 : out ? "out" : NULL;
        const pqi_cli_option *o = name != NULL ? find(options, name, &value) : NULL;
        if (o == NULL) {
            return pqi_cli_usage(self, "unknown option %.60s", arg);
        }
        if (o->kind != PQI_CLI_KIND_FLAG && value == NULL && i + 1 < *argc) {
            value = argv[++i];
        }
        pqi_cli_exit rc = store(self, o, value);
        if (rc != PQI_CLI_GO) {
            return rc;
        }
    }
    *argc = kept;
    return PQI_CLI_GO;
}
