/* SPDX-License-Identifier: Apache-2.0
 * The sandbox of the key agent: each thing that it forbids is tried, in a process of its own that did
 * the same steps as the agent. What is not forbidden must work. */
#include "pqi_test.h"

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GOOD = 0, WRONG = 1, NO_CAGE = 99 };

static char dir[64], other[64];

/* The version of Landlock; a kernel that has none gets the rest of the cage. */
static long landlock(void)
{
    return syscall(444, NULL, 0, 1u);
}

/* The attempt in a caged child: its exit code, or 256 + the signal that ended it. */
static int caged(int (*attempt)(void), bool calls, bool connects)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sandbox_cfg cfg = {
            .write = {dir}, .n_write = 1, .connects = connects, .weak = landlock() < 1};
        if (!sandbox_hide() || sandbox_files(&cfg) != NULL ||
            (calls && sandbox_calls(&cfg) != NULL)) {
            _exit(NO_CAGE);
        }
        _exit(attempt());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    int rc = WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
    assert_int_not_equal(rc, NO_CAGE);
    return rc;
}

static int refused(bool done)
{
    return !done && errno == EACCES ? GOOD : WRONG;
}

static int read_passwd(void)
{
    return refused(open("/etc/passwd", O_RDONLY) >= 0);
}

static int list_root(void)
{
    return refused(open("/", O_RDONLY | O_DIRECTORY) >= 0);
}

static int write_elsewhere(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/new", other);
    return refused(open(path, O_WRONLY | O_CREAT, 0600) >= 0);
}

static int truncate_elsewhere(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/file", other);
    return refused(truncate(path, 0) == 0);
}

static int remove_elsewhere(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/file", other);
    return refused(unlink(path) == 0);
}

static int link_out(void)
{
    char from[128], to[128];
    (void)snprintf(from, sizeof from, "%s/own", dir);
    (void)snprintf(to, sizeof to, "%s/own", other);
    int fd = open(from, O_WRONLY | O_CREAT, 0600);
    return fd >= 0 && rename(from, to) != 0 && (errno == EXDEV || errno == EACCES) ? GOOD : WRONG;
}

static int run_program(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
    return errno == EACCES ? GOOD : WRONG;
}

static int tcp(void)
{
    (void)socket(AF_INET, SOCK_STREAM, 0);
    return WRONG;
}

static int tcp6(void)
{
    (void)socket(AF_INET6, SOCK_STREAM, 0);
    return WRONG;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? GOOD : WRONG;
}

static int execute(void)
{
    (void)execl("/bin/true", "true", (char *)NULL);
    return WRONG;
}

static int trace(void)
{
    (void)ptrace(PTRACE_TRACEME, 0, 0, 0);
    return WRONG;
}

static int make_process(void)
{
    (void)fork();
    return WRONG;
}

static void *nothing(void *arg)
{
    return arg;
}

static int make_thread(void)
{
    pthread_t t;
    (void)pthread_create(&t, NULL, nothing, NULL);
    return WRONG;
}

static int executable_memory(void)
{
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return WRONG;
}

static int signal_other(void)
{
    (void)kill(getppid(), 0);
    return WRONG;
}

static int raise_limit(void)
{
    const struct rlimit l = {1000000, 1000000};
    (void)setrlimit(RLIMIT_CORE, &l);
    return WRONG;
}

static int other_memory(void)
{
    (void)syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
    return WRONG;
}

static int become_dumpable(void)
{
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return WRONG;
}

/* What the agent does all day. */
static int own_work(void)
{
    char path[128], to[128];
    (void)snprintf(path, sizeof path, "%s/a", dir);
    (void)snprintf(to, sizeof to, "%s/b", dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    bool good = fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && ftruncate(fd, 0) == 0 &&
                close(fd) == 0 && rename(path, to) == 0 && unlink(to) == 0;
    void *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    good = good && m != MAP_FAILED && mprotect(m, 4096, PROT_NONE) == 0 && munmap(m, 4096) == 0;
    void *p = malloc(10000000);
    good = good && p != NULL;
    free(p);
    return good ? GOOD : WRONG;
}

static int has_no_power(void)
{
    uint32_t caps[2][3] = {{0}}, head[2] = {0x20080522u, 0};
    bool good = syscall(SYS_capget, head, caps) == 0 && caps[0][0] == 0 && caps[0][1] == 0 &&
                caps[0][2] == 0 && caps[1][0] == 0 && caps[1][1] == 0 && caps[1][2] == 0;
    struct rlimit l = {1, 1};
    return good && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                   prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &l) == 0 &&
                   l.rlim_cur == 0 && l.rlim_max == 0
               ? GOOD
               : WRONG;
}

static int abstract_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path + 1, dir, strlen(dir));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(dir));
    return connect(fd, (const struct sockaddr *)(const void *)&at, len) != 0 && errno == EPERM
               ? GOOD
               : WRONG;
}

static void files(void **state)
{
    (void)state;
    assert_int_equal(caged(own_work, false, false), GOOD);
    assert_int_equal(caged(has_no_power, false, false), GOOD);
    if (landlock() < 1) {
        print_message("# SKIP this kernel has no Landlock\n");
        skip();
    }
    assert_int_equal(caged(read_passwd, false, false), GOOD);
    assert_int_equal(caged(list_root, false, false), GOOD);
    assert_int_equal(caged(write_elsewhere, false, false), GOOD);
    if (landlock() >= 3) { /* older ones let it pass */
        assert_int_equal(caged(truncate_elsewhere, false, false), GOOD);
    }
    assert_int_equal(caged(remove_elsewhere, false, false), GOOD);
    assert_int_equal(caged(link_out, false, false), GOOD);
    assert_int_equal(caged(run_program, false, false), GOOD);
}

static void abstract_names(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path + 1, dir, strlen(dir));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(dir));
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    if (landlock() < 6) {
        print_message("# SKIP this kernel's Landlock knows no abstract names\n");
        skip();
    }
    assert_int_equal(caged(abstract_socket, false, true), GOOD);
    (void)close(fd);
}

static void calls(void **state)
{
    (void)state;
    static int (*const deadly[])(void) = {tcp, tcp6, execute, trace, make_process, make_thread,
        executable_memory, signal_other, raise_limit, other_memory, become_dumpable};
    assert_int_equal(caged(own_work, true, false), GOOD);
    if (landlock() >= 1) {
        assert_int_equal(caged(read_passwd, true, false), GOOD);
    }
    assert_int_equal(caged(unix_socket, true, true), GOOD);
    assert_int_equal(caged(unix_socket, true, false), 256 + SIGSYS);
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        assert_int_equal(caged(deadly[i], true, true), 256 + SIGSYS);
    }
}

/* ---- threads -------------------------------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *early_thread(void *arg)
{
    (void)arg;
    (void)pthread_barrier_wait(&barrier);
    (void)socket(AF_INET, SOCK_STREAM, 0);
    return NULL;
}

/* The agent's workers run before the filter is loaded. */
static void threads(void **state)
{
    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        pthread_t t;
        sandbox_cfg cfg = {.write = {dir}, .n_write = 1, .weak = landlock() < 1};
        (void)pthread_barrier_init(&barrier, NULL, 2);
        if (sandbox_files(&cfg) != NULL || pthread_create(&t, NULL, early_thread, NULL) != 0 ||
            sandbox_calls(&cfg) != NULL) {
            _exit(NO_CAGE);
        }
        (void)pthread_barrier_wait(&barrier);
        (void)pthread_join(t, NULL);
        _exit(WRONG);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(files), cmocka_unit_test(abstract_names),
        cmocka_unit_test(calls), cmocka_unit_test(threads)};
    char file[128];
    memcpy(dir, "/tmp/pqi-test-XXXXXX", sizeof "/tmp/pqi-test-XXXXXX");
    memcpy(other, dir, sizeof dir);
    if (mkdtemp(dir) == NULL || mkdtemp(other) == NULL) {
        return 1;
    }
    (void)snprintf(file, sizeof file, "%s/file", other);
    int fd = open(file, O_WRONLY | O_CREAT, 0600);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    int rc = fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0
                 ? cmocka_run_group_tests(tests, NULL, NULL)
                 : 1;
    (void)unlink(file);
    (void)snprintf(file, sizeof file, "%s/own", dir);
    (void)unlink(file);
    (void)rmdir(dir);
    (void)rmdir(other);
    return rc;
}
