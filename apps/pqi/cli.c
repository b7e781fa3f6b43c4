/* SPDX-License-Identifier: Apache-2.0
 * Errors, files, hex and JSON for all subcommands. The option parser is in options.c. */
#include "cli.h"

#include "std_fds.h"

#include <pqi/host.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *pqi_cli_program = "pqi";

pqi_cli_exit pqi_cli_fail(pqi_cli_exit code, const char *advice, const char *what, ...)
{
    char text[2 * 4096]; /* room for a path */
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof text, what, ap);
    va_end(ap);
    pqi_cli_plain(text);
    (void)fflush(stdout); /* keep the order when both go to one place */
    (void)fprintf(stderr, "%s: %s\n", pqi_cli_program, text);
    if (advice != NULL) {
        (void)fprintf(stderr, "  try: %s\n", advice);
    }
    return code;
}

pqi_cli_exit pqi_cli_protect(void)
{
    if (!pqi_std_fds()) {
        return PQI_CLI_ENV; /* there is nowhere to say why */
    }
    if (pqi_host_no_dumps() != PQI_OK || pqi_host_wipe_on_signals() != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_ENV, "let it use setrlimit, prctl and sigaction",
            "cannot keep keys out of core dumps");
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cli_usage(const pqi_cli_command *self, const char *what, ...)
{
    char text[256];
    char advice[96];
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(text, sizeof text, what, ap);
    va_end(ap);
    (void)snprintf(advice, sizeof advice, "see %s --help", self->path);
    return pqi_cli_fail(PQI_CLI_USAGE, advice, "%s", text);
}

pqi_cli_exit pqi_cli_status(pqi_status status, const char *doing)
{
    if (status == PQI_OK) {
        return PQI_CLI_OK;
    }
    pqi_cli_exit code = (int)status <= (int)PQI_ERR_RNG ? PQI_CLI_ENV : PQI_CLI_FAILED;
    return pqi_cli_fail(
        code, NULL, "%s: %s (%s)", doing, pqi_status_text(status), pqi_status_name(status));
}

void *pqi_cli_alloc(size_t n)
{
    void *p = calloc(n == 0 ? 1 : n, 1);
    if (p == NULL) {
        (void)pqi_cli_fail(PQI_CLI_ENV, "free some memory", "out of memory (%zu bytes)", n);
        exit(PQI_CLI_ENV);
    }
    return p;
}

/* Reads to the end or one byte past the cap. false: read error or cap passed, *over tells which. */
static bool read_all(FILE *f, size_t cap, pqi_span *out, bool *over)
{
    size_t room = 65536;
    uint8_t *buf = pqi_cli_alloc(room + 1);
    size_t n = 0;
    for (;;) {
        n += fread(buf + n, 1, room - n, f);
        if (n < room) {
            break;
        }
        if (room > cap) {
            break;
        }
        room *= 2;
        uint8_t *grown = pqi_cli_alloc(room + 1);
        memcpy(grown, buf, n);
        free(buf);
        buf = grown;
    }
    *over = n > cap;
    if (*over || ferror(f)) {
        free(buf);
        return false;
    }
    out->ptr = buf;
    out->len = n;
    return true;
}

pqi_cli_exit pqi_cli_read_file(const char *path, size_t cap, pqi_span *out)
{
    bool std = strcmp(path, "-") == 0;
    FILE *f = std ? stdin : fopen(path, "rb");
    if (f == NULL) {
        return pqi_cli_fail(PQI_CLI_ENV, "check the name and that you may read it",
            "cannot open %s: %s", path, strerror(errno));
    }
    bool over = false;
    errno = 0;
    bool ok = read_all(f, cap, out, &over);
    int err = errno;
    if (!std) {
        (void)fclose(f);
    }
    if (over) {
        return pqi_cli_fail(PQI_CLI_ENV, "check that this is the right file",
            "%s is longer than %zu bytes", path, cap);
    }
    if (!ok) {
        return pqi_cli_fail(PQI_CLI_ENV, "check that it is a file and the disk is healthy",
            "cannot read %s: %s", path, strerror(err));
    }
    return PQI_CLI_OK;
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool pqi_cli_hex_decode(const char *hex, pqi_span *out)
{
    size_t digits = strlen(hex);
    if (digits % 2 != 0 || digits / 2 > out->len) {
        return false;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        int hi = nibble(hex[2 * i]);
        int lo = nibble(hex[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return false;
        }
        out->ptr[i] = (uint8_t)(hi * 16 + lo);
    }
    out->len = digits / 2;
    return true;
}

void pqi_cli_hex_encode(char *out, const uint8_t *in, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15u];
    }
    out[2 * len] = '\0';
}

pqi_cli_exit pqi_cli_print_json(json_t *value)
{
    int rc = value == NULL ? -1 : json_dumpf(value, stdout, JSON_INDENT(2));
    json_decref(value);
    if (rc != 0) {
        return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write JSON to standard output");
    }
    (void)putchar('\n');
    return PQI_CLI_OK;
}
