/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd_util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_MIN 20u /* items: fewer need no bar */

pqi_cspan pqi_cli_span(const char *s)
{
    pqi_cspan v = {(const uint8_t *)s, strlen(s)};
    return v;
}

/* ---- files -------------------------------------------------------------------------------------- */

static bool write_all(int fd, pqi_cspan data)
{
    for (size_t done = 0; done < data.len;) {
        ssize_t n = write(fd, data.ptr + done, data.len - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static pqi_cli_exit write_new(const char *path, pqi_cspan data)
{
    size_t n = strlen(path) + 8;
    char *temp = pqi_cli_alloc(n);
    (void)snprintf(temp, n, "%s.XXXXXX", path);
    mode_t mask = umask(077);
    (void)umask(mask);
    int fd = mkstemp(temp);
    bool ok = fd >= 0 && write_all(fd, data) && fchmod(fd, 0666 & ~mask) == 0 && fsync(fd) == 0;
    int err = errno;
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    if (ok && rename(temp, path) != 0) {
        ok = false;
        err = errno;
    }
    if (!ok && fd >= 0) {
        (void)unlink(temp);
    }
    free(temp);
    return ok ? PQI_CLI_OK
              : pqi_cli_fail(PQI_CLI_ENV, "check the directory and the space on its disk",
                    "cannot write %s: %s", path, strerror(err));
}

pqi_cli_exit pqi_cli_write_file(const char *path, pqi_cspan data)
{
    if (path != NULL && strcmp(path, "-") != 0) {
        struct stat sb; /* a device or a pipe is written to, not replaced */
        if (stat(path, &sb) != 0 || S_ISREG(sb.st_mode)) {
            return write_new(path, data);
        }
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool ok = fd >= 0 && write_all(fd, data);
        int err = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return ok ? PQI_CLI_OK
                  : pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write %s: %s", path, strerror(err));
    }
    if (isatty(STDOUT_FILENO)) {
        return pqi_cli_fail(PQI_CLI_USAGE, "add --out FILE, or pipe it into a file",
            "the output is binary and would go to the terminal");
    }
    if (fwrite(data.ptr, 1, data.len, stdout) != data.len) {
        return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write to standard output");
    }
    return PQI_CLI_OK;
}

/* ---- errors ------------------------------------------------------------------------------------- */

static const char *advice_of(pqi_status st)
{
    static const struct {
        pqi_status st;
        const char *text;
    } table[] = {
        {PQI_ERR_ROLLBACK, "see the section RECOVERY of pqi-ca(1) or pqi-device(1)"},
        {PQI_ERR_STORAGE,
            "check the names, who owns and may read the files, and the space on the disk"},
        {PQI_ERR_DECODE, "pqi inspect FILE tells what the file is"},
        {PQI_ERR_STATE, NULL},
        {PQI_ERR_LIMIT, NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].st == st) {
            return table[i].text;
        }
    }
    return NULL;
}

static pqi_cli_exit why(pqi_status st, const char *text, pqi_cli_exit code)
{
    return pqi_cli_fail(code, advice_of(st), "%s", text[0] != '\0' ? text : pqi_status_text(st));
}

pqi_cli_exit pqi_cli_why(pqi_status st, const char *text)
{
    if (st == PQI_ERR_ARG) {
        return why(st, text, PQI_CLI_USAGE);
    }
    return why(st, text, (int)st <= (int)PQI_ERR_RNG ? PQI_CLI_ENV : PQI_CLI_FAILED);
}

pqi_cli_exit pqi_cli_refused(pqi_status st, const char *text)
{
    return st == PQI_ERR_MISSING ? pqi_cli_fail(PQI_CLI_FAILED, "pqi ca list shows what there is",
                                       "%s", text[0] != '\0' ? text : pqi_status_text(st))
                                 : pqi_cli_why(st, text);
}

bool pqi_cli_sure(bool yes, const char *question)
{
    char line[16];
    if (yes) {
        return true;
    }
    if (!isatty(STDIN_FILENO)) {
        (void)pqi_cli_fail(PQI_CLI_USAGE, "add --yes if you mean it", "%s", question);
        return false;
    }
    (void)fprintf(stderr, "%s [y/N] ", question);
    if (fgets(line, (int)sizeof line, stdin) != NULL &&
        (strcmp(line, "y\n") == 0 || strcmp(line, "yes\n") == 0)) {
        return true;
    }
    (void)pqi_cli_fail(PQI_CLI_FAILED, NULL, "not done");
    return false;
}

/* ---- words -------------------------------------------------------------------------------------- */

void pqi_cli_date(char out[PQI_CLI_DATE_LEN], uint64_t unix_s)
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    (void)snprintf(out, PQI_CLI_DATE_LEN, "-");
    if (unix_s != 0 && unix_s < UINT64_C(253402300800) && gmtime_r(&t, &tm) != NULL) {
        (void)strftime(out, PQI_CLI_DATE_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
}

static const struct {
    uint32_t bit;
    const char *name;
} role_names[] = {
    {PQI_CERT_ROLE_DEVICE, "device"},
    {PQI_CERT_ROLE_GATEWAY, "gateway"},
    {PQI_CERT_ROLE_CONTROL, "control"},
    {PQI_CERT_ROLE_WITNESS, "witness"},
};

#define N_ROLES (sizeof role_names / sizeof role_names[0])

void pqi_cli_roles(char out[PQI_CLI_ROLES_LEN], uint32_t roles)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_ROLES; i++) {
        if ((roles & role_names[i].bit) != 0) {
            int w = snprintf(
                out + n, PQI_CLI_ROLES_LEN - n, "%s%s", n > 0 ? "+" : "", role_names[i].name);
            n += w > 0 ? (size_t)w : 0;
        }
    }
    if (n == 0) {
        (void)snprintf(out, PQI_CLI_ROLES_LEN, "0x%x", roles);
    }
}

bool pqi_cli_parse_roles(const char *text, uint32_t *roles)
{
    *roles = 0;
    while (*text != '\0') {
        size_t n = strcspn(text, "+,| ");
        size_t i = 0;
        while (i < N_ROLES &&
               (strlen(role_names[i].name) != n || memcmp(role_names[i].name, text, n) != 0)) {
            i++;
        }
        if (i == N_ROLES) {
            return false;
        }
        *roles |= role_names[i].bit;
        text += n;
        if (*text != '\0') {
            text++;
        }
    }
    return *roles != 0;
}

/* pub, sub, or both as pubsub, pub,sub or pub+sub; 0: something else. */
static uint8_t parse_rights(const char *text)
{
    static const struct {
        const char *name;
        uint8_t rights;
    } table[] = {{"pub", PQI_RIGHT_PUB}, {"sub", PQI_RIGHT_SUB},
        {"pubsub", PQI_RIGHT_PUB | PQI_RIGHT_SUB}, {"pub,sub", PQI_RIGHT_PUB | PQI_RIGHT_SUB},
        {"pub+sub", PQI_RIGHT_PUB | PQI_RIGHT_SUB}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(text, table[i].name) == 0) {
            return table[i].rights;
        }
    }
    return 0;
}

static bool parse_scope(char *text, pqi_scope *s)
{
    static const char classes[] = "LMHS";
    char *cls = strrchr(text, ':');
    if (cls == NULL || cls[1] == '\0' || cls[2] != '\0') {
        return false;
    }
    *cls++ = '\0';
    char *rights = strrchr(text, ':');
    const char *c = strchr(classes, cls[0]);
    if (rights == NULL || c == NULL || rights == text) {
        return false;
    }
    *rights++ = '\0';
    s->rights = parse_rights(rights);
    s->cls = (uint8_t)(c - classes);
    s->prefix = pqi_cli_span(text);
    return s->rights != 0;
}

bool pqi_cli_parse_scopes(char *text, pqi_scope scopes[PQI_SCOPES_MAX], size_t *n)
{
    char *save = NULL;
    *n = 0;
    for (char *t = strtok_r(text, "; ", &save); t != NULL; t = strtok_r(NULL, "; ", &save)) {
        if (*n == PQI_SCOPES_MAX || !parse_scope(t, &scopes[*n])) {
            return false;
        }
        *n += 1;
    }
    return *n > 0;
}

void pqi_cli_scope(char out[PQI_CLI_SCOPE_LEN], const pqi_scope *s)
{
    static const char *const rights[] = {"none", "pub", "sub", "pubsub"};
    static const char classes[] = "LMHS";
    (void)snprintf(out, PQI_CLI_SCOPE_LEN, "%.*s:%s:%c", (int)s->prefix.len,
        (const char *)s->prefix.ptr, rights[s->rights & 3u], s->cls < 4 ? classes[s->cls] : '?');
}

json_t *pqi_cli_json_hex(const uint8_t *p, size_t n)
{
    char *hex = pqi_cli_alloc(2 * n + 1);
    pqi_cli_hex_encode(hex, p, n);
    json_t *j = json_string(hex);
    free(hex);
    return j;
}

bool pqi_cli_has_progress(size_t total)
{
    return total > PROGRESS_MIN && isatty(STDERR_FILENO);
}

void pqi_cli_progress(const char *what, size_t done, size_t total)
{
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    if (!pqi_cli_has_progress(total)) {
        return;
    }
    size_t filled = done * WIDTH / total;
    memset(bar, '.', WIDTH);
    memset(bar, '#', filled);
    bar[WIDTH] = '\0';
    (void)fprintf(stderr, "\r%s [%s] %zu/%zu%s", what, bar, done, total, done == total ? "\n" : "");
}
