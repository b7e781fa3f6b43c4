/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/agent_rig.h"

#include "port/linux/element.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void path_of(const agent_rig *r, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%.60s", r->top, name);
}

static void put(const agent_rig *r, const char *name, const char *text, unsigned mode)
{
    char path[128];
    path_of(r, name, path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void make_dir(const agent_rig *r, const char *name, unsigned mode)
{
    char path[128];
    path_of(r, name, path);
    assert_int_equal(mkdir(path, mode), 0);
    assert_int_equal(chmod(path, mode), 0);
}

void agent_rig_acl(agent_rig *r, const char *acl)
{
    char own[200];
    (void)snprintf(own, sizeof own, "allow uid=%u store=s " RIG_ALL "\n", (unsigned)geteuid());
    put(r, "etc/acl", acl != NULL ? acl : own, 0644);
}

void agent_rig_make(agent_rig *r, const char *acl)
{
    memset(r, 0, sizeof *r);
    r->pid = r->listen_fd = -1;
    memcpy(r->top, "/tmp/pqi-agent-XXXXXX", sizeof "/tmp/pqi-agent-XXXXXX");
    assert_non_null(mkdtemp(r->top));
    assert_int_equal(chmod(r->top, 0711), 0);
    make_dir(r, "store", 0700);
    make_dir(r, "store2", 0700);
    make_dir(r, "log", 0700);
    make_dir(r, "etc", 0755);
    make_dir(r, "run", 0755);
    put(r, "kek", "a key file of forty bytes for the tests.", 0600);
    agent_rig_acl(r, acl);
    (void)snprintf(r->sock, sizeof r->sock, "%s/run/s", r->top);
    (void)snprintf(r->uri, sizeof r->uri, "agent:%s?store=s&timeout=120000", r->sock);
    (void)snprintf(r->audit, sizeof r->audit, "%s/log/audit", r->top);
    const char *provider = getenv("PQI_TEST_AGENT_PROVIDER");
    (void)snprintf(r->provider, sizeof r->provider, "%s", provider != NULL ? provider : "");
    const char *path = getenv("PQI_TEST_AGENT_ALLOW");
    if (path != NULL) {
        (void)snprintf(r->extra, sizeof r->extra, "allow %s\n", path);
    }
}

long agent_rig_landlock(void)
{
    return syscall(444, NULL, 0, 1u); /* landlock_create_ruleset: its version */
}

static void write_config(const agent_rig *r)
{
    static char text[3000];
    char provider[240] = "", store[400];
    if (r->provider[0] != '\0') {
        (void)snprintf(provider, sizeof provider, " provider='%s'", r->provider);
    }
    const bool soft = provider[0] == '\0';
    (void)snprintf(store, sizeof store, "store s dir=%s/store %s%s%s create=yes%s\n", r->top,
        soft ? "key-file=" : "", soft ? r->top : "", soft ? "/kek" : "", provider);
    (void)snprintf(text, sizeof text,
        "# of a test\nsocket %s\nmode 0666\nacl %s/etc/acl\naudit %s %s\n%s%s"
        "store s2 dir=%s/store2 key-file=%s/kek create=yes\n%s%s",
        r->sock, r->top, r->audit, r->audit_options, geteuid() == 0 ? "user root\n" : "", store,
        r->top, r->top, agent_rig_landlock() < 1 ? "sandbox weak\n" : "", r->extra);
    put(r, "etc/conf", text, 0644);
}

static void spawn(agent_rig *r)
{
    char conf[128];
    write_config(r);
    path_of(r, "etc/conf", conf);
    r->pid = fork();
    assert_true(r->pid >= 0);
    if (r->pid == 0) {
        char pid[16];
        (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
        if (r->listen_fd >= 0 &&
            (dup2(r->listen_fd, 3) != 3 || fcntl(3, F_SETFD, 0) != 0 ||
                setenv("LISTEN_PID", pid, 1) != 0 || setenv("LISTEN_FDS", "1", 1) != 0)) {
            _exit(126);
        }
        /* In its sandbox the leak checker cannot look at threads, and says that by the exit status. */
        const char *asan = getenv("ASAN_OPTIONS");
        char options[256];
        (void)snprintf(options, sizeof options, "%s:detect_leaks=0", asan != NULL ? asan : "");
        (void)setenv("ASAN_OPTIONS", options, 1);
        (void)execl(PQI_AGENT_BINARY, "pqi-agent", "--config", conf, (char *)NULL);
        _exit(127);
    }
}

static int try_connect(const agent_rig *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, r->sock, strlen(r->sock) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)(const void *)&at, sizeof at) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int agent_rig_connect(const agent_rig *r)
{
    int fd = try_connect(r);
    assert_true(fd >= 0);
    return fd;
}

void agent_rig_start(agent_rig *r)
{
    spawn(r);
    for (int i = 0; i < 12000; i++) {
        int status, fd = try_connect(r);
        if (fd >= 0) {
            (void)close(fd);
            return;
        }
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
            break;
        }
        const struct timespec t = {0, 10000000};
        (void)nanosleep(&t, NULL);
    }
    fail_msg("the agent did not start");
}

int agent_rig_start_fails(agent_rig *r)
{
    int status = 0;
    spawn(r);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    r->pid = -1;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

void agent_rig_kill(agent_rig *r, int sig)
{
    int status = 0;
    if (r->pid > 0) {
        assert_int_equal(kill(r->pid, sig), 0);
        assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
        if (sig == SIGTERM) {
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
    r->pid = -1;
}

pqi_provider *agent_rig_open(const agent_rig *r, const char *store)
{
    char uri[160];
    pqi_provider *p = NULL;
    (void)snprintf(uri, sizeof uri, "agent:%s?store=%s&timeout=120000", r->sock, store);
    if (pqi_agent_provider_open(&p, uri, NULL) != PQI_OK) {
        return NULL;
    }
    return p;
}

void agent_rig_close(pqi_provider *p)
{
    assert_true(pqi_agent_provider_close(p));
}

unsigned agent_rig_lines(const agent_rig *r, const char *what)
{
    char line[2048];
    unsigned n = 0;
    FILE *f = fopen(r->audit, "rb");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        n += what == NULL || strstr(line, what) != NULL;
    }
    (void)fclose(f);
    return n;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    (void)sb;
    (void)type;
    (void)ftw;
    return remove(path);
}

void agent_rig_end(agent_rig *r)
{
    agent_rig_kill(r, SIGTERM);
    assert_int_equal(nftw(r->top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
