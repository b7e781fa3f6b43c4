/* SPDX-License-Identifier: Apache-2.0
 * Files, socket, user and stores of the agent. */
#include "agent.h"

#include "port/linux/why.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSTEMD_FD 3 /* sd_listen_fds(3) */

int agent_fail(int code, const char *advice, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("pqi-agent: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    if (advice != NULL) {
        (void)fprintf(stderr, "  try: %s\n", advice);
    }
    return code;
}

/* What others than root and ourselves can write is nobody's word. The file that was looked at is the one that is
 * read, and none that would keep us waiting. */
static FILE *open_ours(const char *path)
{
    struct stat sb;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool good = fd >= 0 && fstat(fd, &sb) == 0;
    const char *why = good ? "" : strerror(errno);
    if (good) {
        good = S_ISREG(sb.st_mode) && (sb.st_mode & 022) == 0 &&
               (sb.st_uid == 0 || sb.st_uid == geteuid());
        why = S_ISREG(sb.st_mode) ? "others may write it" : "it is no file";
    }
    FILE *f = good ? fdopen(fd, "r") : NULL;
    if (f == NULL) {
        (void)agent_fail(AGENT_ENV, fd >= 0 ? "chmod 644, owner root" : NULL, "cannot read %s: %s",
            path, good ? strerror(errno) : why);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return f;
}

static char *read_file(const char *path, size_t *len)
{
    *len = 0;
    FILE *f = open_ours(path);
    if (f == NULL) {
        return NULL;
    }
    char *text = malloc(PQI_AGENT_FILE + 1u);
    *len = text != NULL ? fread(text, 1, PQI_AGENT_FILE + 1u, f) : 0;
    if (text == NULL || ferror(f) != 0 || *len > PQI_AGENT_FILE) {
        (void)agent_fail(AGENT_ENV, NULL, "cannot read %s: %s", path,
            *len > PQI_AGENT_FILE ? "longer than 64 KiB" : strerror(errno));
        free(text);
        text = NULL;
    }
    (void)fclose(f);
    return text;
}

static int load_acl(const char *path, pqi_agent_acl *acl)
{
    char error[PQI_AGENT_ERROR];
    size_t len = 0;
    char *text = read_file(path, &len);
    if (text == NULL) {
        return AGENT_ENV;
    }
    pqi_status st = pqi_agent_acl_parse(acl, text, len, error);
    free(text);
    return st == PQI_OK ? AGENT_OK : agent_fail(AGENT_USAGE, NULL, "%s: %s", path, error);
}

int agent_load(pqi_agent_core *core, const char *path)
{
    char error[PQI_AGENT_ERROR];
    size_t len = 0;
    char *text = read_file(path, &len);
    if (text == NULL) {
        return AGENT_ENV;
    }
    pqi_status st = pqi_agent_config_parse(core->config, text, len, error);
    free(text);
    if (st != PQI_OK) {
        return agent_fail(AGENT_USAGE, "pqi-agent(8)", "%s: %s", path, error);
    }
    return load_acl(core->config->acl, &core->acl);
}

void agent_reload(pqi_agent_core *core)
{
    pqi_agent_acl *fresh = malloc(sizeof *fresh);
    bool good = fresh != NULL && load_acl(core->config->acl, fresh) == AGENT_OK;
    if (good) {
        (void)pthread_mutex_lock(&core->acl_mutex);
        core->acl = *fresh;
        (void)pthread_mutex_unlock(&core->acl_mutex);
    }
    free(fresh);
    const pqi_agent_event e = {"reload", NULL, NULL, NULL, good ? PQI_OK : PQI_ERR_DECODE};
    if (pqi_agent_audit_write(&core->audit, &e) != PQI_OK) {
        (void)agent_fail(AGENT_ENV, NULL, "the audit log cannot be written");
    }
}

/* ---- socket --------------------------------------------------------------------------------------- */

/* LISTEN_PID and LISTEN_FDS of socket activation. */
static bool is_activated(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    uint64_t n = 0, who = 0;
    return pid != NULL && fds != NULL && pqi_agent_number(pid, INT32_MAX, &who) &&
           who == (uint64_t)getpid() && pqi_agent_number(fds, 64, &n) && n == 1;
}

static bool is_listening_socket(int fd)
{
    struct sockaddr_un at;
    socklen_t len = sizeof at;
    int type = 0;
    socklen_t n = sizeof type;
    return getsockname(fd, (struct sockaddr *)(void *)&at, &len) == 0 && at.sun_family == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

/* Held until the process ends, from before the socket is bound: between bind(2) and listen(2), while stores
 * are opened, a socket looks as one whose agent is gone. */
static int lock_path(const struct sockaddr_un *at)
{
    char path[sizeof at->sun_path + sizeof ".lock"];
    (void)snprintf(path, sizeof path, "%s.lock", at->sun_path);
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) {
        return agent_fail(AGENT_ENV, NULL, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd);
        return agent_fail(AGENT_FAILED, NULL, "an agent serves %s already", at->sun_path);
    }
    return AGENT_OK;
}

/* A socket file whose agent is gone goes; one that answers, or that we may not ask, stays. */
static int clear_path(const struct sockaddr_un *at)
{
    struct stat sb;
    if (lstat(at->sun_path, &sb) != 0) {
        return AGENT_OK;
    }
    if (!S_ISSOCK(sb.st_mode)) {
        return agent_fail(AGENT_ENV, NULL, "%s exists and is no socket", at->sun_path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd < 0 ||
                 connect(fd, (const struct sockaddr *)(const void *)at, sizeof *at) == 0 ||
                 errno != ECONNREFUSED;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (alive) {
        return agent_fail(AGENT_FAILED, NULL, "an agent serves %s already", at->sun_path);
    }
    return unlink(at->sun_path) == 0
               ? AGENT_OK
               : agent_fail(AGENT_ENV, NULL, "cannot remove %s: %s", at->sun_path, strerror(errno));
}

static int give_socket(const pqi_agent_config *c)
{
    gid_t gid = (gid_t)-1;
    if (c->group[0] != '\0') {
        const struct group *g = getgrnam(c->group);
        if (g == NULL) {
            return agent_fail(AGENT_ENV, NULL, "there is no group %s", c->group);
        }
        gid = g->gr_gid;
    }
    if (chmod(c->socket, c->mode) != 0 || chown(c->socket, (uid_t)-1, gid) != 0) {
        return agent_fail(
            AGENT_ENV, NULL, "cannot give %s its mode or group: %s", c->socket, strerror(errno));
    }
    return AGENT_OK;
}

int agent_socket(const pqi_agent_config *c, int *fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (is_activated()) {
        *fd = SYSTEMD_FD;
        if (!is_listening_socket(*fd) || fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0 ||
            fcntl(*fd, F_SETFL, O_NONBLOCK) != 0) {
            return agent_fail(AGENT_ENV, NULL, "the socket of systemd is no unix stream socket");
        }
        return AGENT_OK;
    }
    if (strlen(c->socket) >= sizeof at.sun_path) {
        return agent_fail(AGENT_USAGE, NULL, "the path of the socket is longer than 107 bytes");
    }
    memcpy(at.sun_path, c->socket, strlen(c->socket) + 1);
    int rc = lock_path(&at);
    if (rc == AGENT_OK) {
        rc = clear_path(&at);
    }
    if (rc != AGENT_OK) {
        return rc;
    }
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0 || bind(*fd, (const struct sockaddr *)(const void *)&at, sizeof at) != 0) {
        return agent_fail(AGENT_ENV, NULL, "cannot bind %s: %s", c->socket, strerror(errno));
    }
    return give_socket(c);
}

/* ---- user and stores ------------------------------------------------------------------------------ */

int agent_become(const pqi_agent_config *c)
{
    if (c->user[0] == '\0') {
        return geteuid() != 0 ? AGENT_OK
                              : agent_fail(AGENT_USAGE, "a line \"user pqi-agent\"",
                                    "the agent does not run as root unless it is told to");
    }
    const struct passwd *pw = getpwnam(c->user);
    if (pw == NULL) {
        return agent_fail(AGENT_ENV, NULL, "there is no user %s", c->user);
    }
    if (geteuid() == pw->pw_uid && geteuid() != 0) {
        return AGENT_OK;
    }
    if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
        return agent_fail(
            AGENT_ENV, NULL, "cannot become the user %s: %s", c->user, strerror(errno));
    }
    return AGENT_OK;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* Threads of this process; 0: unknown. */
static unsigned threads(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/task");
    for (const struct dirent *e = NULL; d != NULL && (e = readdir(d)) != NULL;) {
        n += e->d_name[0] != '.' ? 1u : 0u;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return n;
}

/* The D-Bus library behind tabrmd starts threads and looks programs up. */
static int refuse_bus(const pqi_agent_store *s)
{
    if (!pqi_agent_store_by_bus(s)) {
        return AGENT_OK;
    }
    return agent_fail(AGENT_ENV,
        "provider=tpm:device:/dev/tpmrm0 and a line \"allow /dev/tpmrm0\": the kernel's resource "
        "manager takes the place of tpm2-abrmd; a directory keeps its provider, so make a new one",
        "the store %s in %s reaches its TPM by D-Bus (tpm:tabrmd), which the sandbox of an agent "
        "has no "
        "room for",
        s->name, s->dir);
}

/* Landlock holds the thread that asks for it and those that it starts later. */
static int refuse_threads(const pqi_agent_store *s, unsigned before)
{
    unsigned now = threads();
    if (now != 0 && now == before) {
        return AGENT_OK;
    }
    return agent_fail(AGENT_ENV, "another driver or module, or the store without an agent",
        "the driver of the store %s in %s has started threads (%u, there were %u), which the "
        "sandbox would not hold",
        s->name, s->dir, now, before);
}

int agent_open_stores(pqi_agent_core *core)
{
    const unsigned before = threads();
    for (size_t i = 0; i < core->config->n_stores; i++) {
        pqi_agent_store *s = &core->config->store[i];
        int rc = refuse_bus(s);
        if (rc != AGENT_OK) {
            return rc;
        }
        const pqi_host_provider_cfg cfg = {.algs = &core->algs,
            .dir = s->dir,
            .kek = {.key_file = or_null(s->key_file),
                .passphrase_file = or_null(s->passphrase_file),
                .credential = or_null(s->credential),
                .provider = or_null(s->provider)},
            .create = s->create,
            .slots = s->slots,
            .workers = core->config->workers};
        pqi_why_clear();
        pqi_status st = pqi_host_provider_open(&s->p, &cfg);
        if (st != PQI_OK) {
            return agent_fail(AGENT_ENV, or_null(pqi_why_get()),
                "cannot open the store %s in %s: %s (%s)", s->name, s->dir, pqi_status_text(st),
                pqi_status_name(st));
        }
        rc = refuse_threads(s, before);
        if (rc != AGENT_OK) {
            return rc;
        }
    }
    return AGENT_OK;
}

void agent_close_stores(pqi_agent_core *core)
{
    for (size_t i = 0; i < core->config->n_stores; i++) {
        pqi_host_provider_close(core->config->store[i].p);
        core->config->store[i].p = NULL;
    }
}
