/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_kek.h"

#include "algs.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

enum { PASSPHRASE_MAX = 1024 };

#define KEK_ADVICE "give --key-file, --passphrase-file or --credential, or run it on a terminal"

/* ---- the terminal --------------------------------------------------------------------------------- */

/* What ends or stops a program while somebody types. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

#define N_ENDING (sizeof ending / sizeof ending[0])

static volatile sig_atomic_t came;

static void on_signal(int sig)
{
    came = sig;
}

typedef struct console {
    int fd;
    struct termios old;
    sigset_t mask;
    struct sigaction action[N_ENDING];
} console;

/* No echo from here on. The signals are taken in wait_for() only, so none comes between. */
static bool begin(console *c)
{
    const struct sigaction own = {.sa_handler = on_signal};
    sigset_t set;
    came = 0;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0 || fd >= FD_SETSIZE || tcgetattr(fd, &c->old) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return false;
    }
    c->fd = fd;
    (void)sigemptyset(&set);
    for (size_t i = 0; i < N_ENDING; i++) {
        (void)sigaddset(&set, ending[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &set, &c->mask);
    for (size_t i = 0; i < N_ENDING; i++) {
        (void)sigaction(ending[i], NULL, &c->action[i]);
        if (c->action[i].sa_handler != SIG_IGN) {
            (void)sigaction(ending[i], &own, NULL);
        }
    }
    struct termios quiet = c->old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(c->fd, TCSAFLUSH, &quiet) == 0;
}

/* The echo comes back first, then a signal that came does what it does. */
static void end(const console *c)
{
    if (c->fd < 0) {
        return;
    }
    (void)tcsetattr(c->fd, TCSAFLUSH, &c->old);
    for (size_t i = 0; i < N_ENDING; i++) {
        (void)sigaction(ending[i], &c->action[i], NULL);
    }
    if (came != 0) {
        (void)raise(came);
    }
    (void)sigprocmask(SIG_SETMASK, &c->mask, NULL);
    (void)close(c->fd);
}

/* false: a signal came, or there is nothing more to read. */
static bool wait_for(const console *c)
{
    fd_set in;
    int n = -1;
    do {
        FD_ZERO(&in);
        FD_SET(c->fd, &in);
        n = pselect(c->fd + 1, &in, NULL, NULL, NULL, &c->mask);
    } while (n < 0 && errno == EINTR && came == 0);
    return n == 1 && came == 0;
}

static bool say(const console *c, const char *text)
{
    const size_t n = strlen(text);
    return write(c->fd, text, n) == (ssize_t)n;
}

/* A line as the terminal gives it, without its end. No other buffer has a copy of it. */
static bool read_line(const console *c, char *line)
{
    const ssize_t n = wait_for(c) ? read(c->fd, line, PASSPHRASE_MAX - 1) : -1;
    line[n > 0 ? n : 0] = 0;
    line[strcspn(line, "\r\n")] = 0;
    return line[0] != 0;
}

/* One line from the terminal without echo. The echo comes back on every path, and with a signal as well; who was
 * stopped asks again. */
static bool ask(const char *prompt, char *line)
{
    bool ok = false, again = true;
    while (again) {
        console c = {.fd = -1};
        ok = begin(&c) && say(&c, prompt) && read_line(&c, line);
        ok = c.fd >= 0 && say(&c, "\n") && ok;
        again = came == SIGTSTP;
        end(&c);
    }
    return ok;
}

static pqi_cli_exit from_tty(const char *what, bool confirm, pqi_host_kek_source *out)
{
    char prompt[160];
    (void)snprintf(
        prompt, sizeof prompt, "Passphrase of %.100s: ", what != NULL ? what : "the key store");
    char *line = pqi_cli_alloc(PASSPHRASE_MAX), *again = pqi_cli_alloc(PASSPHRASE_MAX);
    pqi_cli_exit rc = pqi_cli_require_selftest();
    if (!isatty(STDIN_FILENO) || !ask(prompt, line)) {
        rc = pqi_cli_fail(PQI_CLI_USAGE, KEK_ADVICE, "nothing says how the keys are encrypted");
    } else if (confirm && (!ask("The same again: ", again) || strcmp(line, again) != 0)) {
        rc = pqi_cli_fail(PQI_CLI_USAGE, NULL, "the two passphrases differ");
    }
    pqi_wipe(again, PASSPHRASE_MAX);
    free(again);
    if (rc != PQI_CLI_OK) {
        pqi_wipe(line, PASSPHRASE_MAX);
        free(line);
        return rc;
    }
    out->passphrase = (pqi_cspan){(const uint8_t *)line, strlen(line)};
    return PQI_CLI_OK;
}

enum { URI_MAX = 1024 };

/* The first line of DIR/provider.uri or DIR/keys/provider.uri. */
static bool read_uri(const char *dir, const char *leaf, char uri[URI_MAX])
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, leaf);
    FILE *f = n > 0 && (size_t)n < sizeof path ? fopen(path, "re") : NULL;
    bool ok = f != NULL && fgets(uri, URI_MAX, f) != NULL;
    if (f != NULL) {
        (void)fclose(f);
    }
    return ok;
}

/* The provider brings its own secret, or can do without: it is not asked for. */
static bool needs_none(const pqi_cli_kek_args *a)
{
    char uri[URI_MAX] = "";
    if (a->provider != NULL) {
        (void)snprintf(uri, sizeof uri, "%s", a->provider);
    } else if (a->what != NULL && !read_uri(a->what, "provider.uri", uri)) {
        (void)read_uri(a->what, "keys/provider.uri", uri);
    }
    return strncmp(uri, "agent:", 6) == 0 || strncmp(uri, "tpm:", 4) == 0 ||
           (strncmp(uri, "pkcs11:", 7) == 0 && strstr(uri, "pin-source=") != NULL);
}

pqi_cli_exit pqi_cli_kek_read(const pqi_cli_kek_args *a, bool confirm, pqi_host_kek_source *out)
{
    memset(out, 0, sizeof *out);
    /* INV-17: every command with keys comes by here. */
    pqi_cli_exit rc = pqi_cli_require_selftest();
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    int n = (a->key_file != NULL) + (a->passphrase_file != NULL) + (a->credential != NULL);
    out->provider = a->provider;
    if (n != 0 && a->no_secret) {
        return pqi_cli_fail(PQI_CLI_USAGE, NULL, "--no-secret and a secret exclude each other");
    }
    if (n > 1) {
        return pqi_cli_fail(PQI_CLI_USAGE, "give one of them",
            "--key-file, --passphrase-file and "
            "--credential exclude each other");
    }
    if (n == 0) {
        return a->no_secret || needs_none(a) ? PQI_CLI_OK : from_tty(a->what, confirm, out);
    }
    out->key_file = a->key_file;
    out->passphrase_file = a->passphrase_file;
    out->credential = a->credential;
    return PQI_CLI_OK;
}

void pqi_cli_kek_wipe(pqi_host_kek_source *k)
{
    if (k->passphrase.len != 0) {
        char *p = (char *)(uintptr_t)k->passphrase.ptr; /* ours, from from_tty() */
        pqi_wipe(p, PASSPHRASE_MAX);
        free(p);
    }
    memset(k, 0, sizeof *k);
}
