/* SPDX-License-Identifier: Apache-2.0
 * INV-16: the end of the process wipes the keys, whichever way it ends but SIGKILL and _exit(), and nothing that
 * was computed from wiped memory gets out or onto the disk.
 *
 * Secret pages are seen through their descriptor: the linker replaces close(), which passes it on to the
 * parent before. Private pages are seen by ptrace(2) when the child stops on its way out. */
#include "support/mem_scan.h"

#include "hal/soft.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CANARIES 32u
#define COUNTER  5u
#define CONTENT  1000u /* bytes that are not zero, at least, while the keys are there */

int real_close(int fd) __asm__("__real_close");
int wrap_close(int fd) __asm__("__wrap_close");

static host_rig r;
static pqi_classic spy;
static pqi_provider *provider;
static int spy_socket = -1;

static void send_fd(int fd)
{
    char byte = 's';
    struct iovec io = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof fd)];
    } u;
    memset(&u, 0, sizeof u);
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(spy_socket, &m, 0) != 1) {
        _exit(9);
    }
}

int wrap_close(int fd)
{
    char path[64], name[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = spy_socket >= 0 ? readlink(path, name, sizeof name - 1) : -1;
    if (n > 0) {
        name[n] = '\0';
        if (strstr(name, "secretmem") != NULL) {
            send_fd(fd);
        }
    }
    return real_close(fd);
}

/* ---- the child ---------------------------------------------------------------------------------- */

typedef enum ending {
    BY_EXIT,
    BY_QUICK_EXIT,
    BY_UNDERSCORE_EXIT,
    BY_SIGNAL,       /* raised */
    BY_FAULT,        /* SIGSEGV of a real access */
    BY_HANDLER,      /* SIGSEGV with an earlier handler, while an operation runs */
    BY_EXIT_IN_USE,  /* exit() while another thread is inside of an operation */
    BY_SIGNAL_IN_USE /* SIGTERM likewise */
} ending;

static int to_parent = -1, from_parent = -1;
static pthread_barrier_t inside;
static _Atomic int go_on;

static void say(char c)
{
    (void)!write(to_parent, &c, 1);
}

static void nap(long milliseconds)
{
    const struct timespec t = {0, milliseconds * 1000000l};
    (void)nanosleep(&t, NULL);
}

/* Between the memory and the file. */
static pqi_status waiting_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    static int once;
    if (once == 0) {
        once = 1;
        (void)pthread_barrier_wait(&inside);
        while (go_on == 0) {
            nap(1);
        }
    }
    return pqi_classic_openssl.hmac(id, key, parts, n, out);
}

/* Ends with a new file, authenticated by a secret of the memory. Tells the parent should it come back. */
static void *operation(void *arg)
{
    (void)!pqi_provider_counter_advance(provider, COUNTER, *(const ending *)arg); /* goes up */
    say('R');
    return NULL;
}

/* The memory is wiped here; the operation goes on and must neither return nor write. */
static void earlier_handler(int sig)
{
    (void)sig;
    say('H');
    go_on = 1;
    nap(300);
}

static void begin_operation(ending how)
{
    static ending arg;
    pthread_t t;
    arg = how;
    spy.hmac = waiting_hmac;
    if (pthread_barrier_init(&inside, NULL, 2) != 0 ||
        pthread_create(&t, NULL, operation, &arg) != 0 || pthread_detach(t) != 0) {
        _exit(8);
    }
    (void)pthread_barrier_wait(&inside);
}

static void *let_go_later(void *arg)
{
    (void)arg;
    nap(200);
    go_on = 1;
    return NULL;
}

static void fault(void)
{
    volatile char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *p = 1;
}

static void end(ending how, int sig)
{
    pthread_t t;
    switch (how) {
    case BY_EXIT:
        exit(0);
    case BY_QUICK_EXIT:
        quick_exit(0);
    case BY_UNDERSCORE_EXIT:
        _exit(0);
    case BY_EXIT_IN_USE:
        begin_operation(how);
        if (pthread_create(&t, NULL, let_go_later, NULL) != 0 || pthread_detach(t) != 0) {
            _exit(8);
        }
        exit(0);
    case BY_HANDLER:
        begin_operation(how);
        fault();
        break;
    case BY_FAULT:
        fault();
        break;
    case BY_SIGNAL_IN_USE:
        begin_operation(how);
        (void)raise(sig);
        break;
    case BY_SIGNAL:
        (void)raise(sig);
        break;
    }
    _exit(7);
}

static const int all[] = {
    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define N_ALL (sizeof all / sizeof all[0])

static void child(ending how, int sig)
{
    char c;
    for (size_t i = 0; i < N_ALL && !UNDER_SANITIZER; i++) {
        (void)signal(all[i], SIG_DFL); /* cmocka has handlers that jump out */
    }
    struct sigaction own = {.sa_handler = earlier_handler};
    if (how == BY_HANDLER && sigaction(SIGSEGV, &own, NULL) != 0) {
        _exit(6);
    }
    if (how != BY_EXIT && pqi_host_wipe_on_signals() != PQI_OK) {
        _exit(5);
    }
    provider = host_rig_open(&r);
    mem_use(&r, provider);
    say('r');
    if (read(from_parent, &c, 1) != 1) {
        _exit(4);
    }
    end(how, sig);
}

/* ---- the parent --------------------------------------------------------------------------------- */

typedef struct run {
    pid_t pid;
    int from, to, socket;
} run;

static void start(run *x, ending how, int sig)
{
    int up[2], down[2], pair[2];
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    x->pid = fork();
    assert_true(x->pid >= 0);
    if (x->pid == 0) {
        to_parent = up[1];
        from_parent = down[0];
        spy_socket = pair[1];
        child(how, sig);
    }
    (void)close(up[1]);
    (void)close(down[0]);
    (void)close(pair[1]);
    *x = (run){x->pid, up[0], down[1], pair[0]};
    char c;
    assert_int_equal(read(x->from, &c, 1), 1);
}

static void stop(run *x)
{
    (void)close(x->from);
    (void)close(x->to);
    (void)close(x->socket);
}

static int receive_fd(int socket_fd)
{
    char byte;
    int fd = -1;
    struct iovec io = {&byte, 1};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof fd)];
    } u;
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
    if (recvmsg(socket_fd, &m, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&m) != NULL) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    }
    return fd;
}

static size_t not_zero(const volatile uint8_t *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += p[i] != 0 ? 1u : 0u;
    }
    return count;
}

/* Ends a child, and returns what its secret pages hold afterwards. `told`: what it said meanwhile. */
static size_t left_in_secret_pages(ending how, int sig, int wanted_signal, char told[4])
{
    run x;
    struct stat s;
    int status = 0;
    start(&x, how, sig);
    int fd = receive_fd(x.socket);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &s), 0);
    size_t n = (size_t)s.st_size;
    const volatile uint8_t *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(p != MAP_FAILED);
    assert_true(not_zero(p, n) > CONTENT);
    assert_int_equal(write(x.to, "g", 1), 1);
    assert_int_equal(waitpid(x.pid, &status, 0), x.pid);
    if (wanted_signal != 0) {
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), wanted_signal);
    } else {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    memset(told, 0, 4);
    (void)!read(x.from, told, 3);
    size_t left = not_zero(p, n);
    assert_int_equal(munmap((void *)(uintptr_t)p, n), 0);
    (void)close(fd);
    stop(&x);
    return left;
}

/* False: no secret pages here. */
static int set_up(int secret)
{
    assert_int_equal(secret ? unsetenv("PQI_SECRET_MEM") : setenv("PQI_SECRET_MEM", "0", 1), 0);
    host_rig_make(&r);
    spy = pqi_classic_openssl;
    r.algs.classic = &spy;
    mem_store(&r);
    pqi_host_provider_facts facts;
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_host_provider_get_facts(p, &facts), PQI_OK);
    pqi_host_provider_close(p);
    if (secret && !facts.secret) {
        print_message("# not run: no memfd_secret(2) here\n");
        host_rig_end(&r);
        return 0;
    }
    return 1;
}

static void every_end_wipes_secret_pages(void **state)
{
    (void)state;
    char told[4];
    if (!set_up(1)) {
        return;
    }
    assert_true(
        left_in_secret_pages(BY_UNDERSCORE_EXIT, 0, 0, told) > CONTENT); /* the scan can see */
    assert_true(left_in_secret_pages(BY_SIGNAL, SIGKILL, SIGKILL, told) > CONTENT);
    assert_true(left_in_secret_pages(BY_EXIT, 0, 0, told) <= CANARIES);
    assert_true(left_in_secret_pages(BY_QUICK_EXIT, 0, 0, told) <= CANARIES);
    for (size_t i = 0; i < N_ALL && !UNDER_SANITIZER; i++) {
        assert_true(left_in_secret_pages(BY_SIGNAL, all[i], all[i], told) <= CANARIES);
    }
    if (UNDER_SANITIZER) {
        print_message("# signals not run: a sanitizer handles them itself\n");
    } else {
        assert_true(left_in_secret_pages(BY_FAULT, 0, SIGSEGV, told) <= CANARIES);
    }
    host_rig_end(&r);
}

/* While an operation runs. A signal does not wait for it, exit() does. */
static void an_end_in_the_midst_wipes_and_loses_nothing(void **state)
{
    (void)state;
    char told[4];
    uint64_t v = 0;
    if (!set_up(1)) {
        return;
    }
    assert_true(left_in_secret_pages(BY_EXIT_IN_USE, 0, 0, told) <= CANARIES);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_counter_get(p, COUNTER, &v), PQI_OK);
    assert_int_equal(v, BY_EXIT_IN_USE);
    pqi_host_provider_close(p);
    if (UNDER_SANITIZER) {
        print_message("# signals not run: a sanitizer handles them itself\n");
        host_rig_end(&r);
        return;
    }
    assert_true(left_in_secret_pages(BY_SIGNAL_IN_USE, SIGTERM, SIGTERM, told) <= CANARIES);
    assert_string_equal(told, "");
    (void)tmp_dir_clear(&r.dir, 0);
    mem_store(&r); /* counters at zero again */
    /* What it writes into the memory afterwards is made of zeros: nothing of before. */
    (void)left_in_secret_pages(BY_HANDLER, 0, SIGSEGV, told);
    assert_string_equal(told, "H"); /* the earlier handler ran, the operation never came back */
    p = host_rig_open(&r);          /* and the files are those of before it */
    assert_int_equal(pqi_provider_counter_get(p, COUNTER, &v), PQI_OK);
    assert_int_equal(v, 0);
    mem_use(&r, p);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

/* ---- private pages ------------------------------------------------------------------------------ */

/* Content of the child's private protected pages and the page of their key. */
static size_t left_in_private_pages(pid_t pid)
{
    static uint8_t page[4096];
    char line[512], path[64];
    unsigned long from = 0, to = 0;
    size_t left = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(mem >= 0);
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long a, b;
        char perms[5];
        if (sscanf(line, "%lx-%lx %4s", &a, &b, perms) == 3) {
            from = a;
            to = b;
        }
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") && strstr(line, " wf")) {
            for (unsigned long at = from; at < to; at += sizeof page) {
                assert_int_equal(pread(mem, page, sizeof page, (off_t)at), sizeof page);
                left += not_zero(page, sizeof page);
            }
        }
    }
    (void)fclose(f);
    (void)close(mem);
    return left;
}

static size_t left_at_exit(ending how, int sig)
{
    run x;
    int status = 0;
    size_t left = 0, seen = 0;
    start(&x, how, sig);
    assert_int_equal(ptrace(PTRACE_SEIZE, x.pid, NULL, (void *)(uintptr_t)PTRACE_O_TRACEEXIT), 0);
    assert_true(left_in_private_pages(x.pid) > CONTENT);
    assert_int_equal(write(x.to, "g", 1), 1);
    while (waitpid(x.pid, &status, 0) == x.pid && WIFSTOPPED(status)) {
        bool leaving = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
        if (leaving) {
            left = left_in_private_pages(x.pid);
            seen++;
        }
        int pass = leaving ? 0 : WSTOPSIG(status);
        assert_int_equal(ptrace(PTRACE_CONT, x.pid, NULL, (void *)(uintptr_t)pass), 0);
    }
    assert_int_equal(seen, 1);
    stop(&x);
    return left;
}

static int may_trace(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    int may = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return may;
}

static void every_end_wipes_private_pages(void **state)
{
    (void)state;
    if (UNDER_SANITIZER || !may_trace()) {
        print_message("# not run: no ptrace(2) here, or a sanitizer that cannot be traced\n");
        return;
    }
    assert_int_equal(set_up(0), 1);
    assert_true(left_at_exit(BY_UNDERSCORE_EXIT, 0) > CONTENT);
    assert_true(left_at_exit(BY_EXIT, 0) <= CANARIES);
    assert_true(left_at_exit(BY_QUICK_EXIT, 0) <= CANARIES);
    for (size_t i = 0; i < N_ALL; i++) {
        assert_true(left_at_exit(BY_SIGNAL, all[i]) <= CANARIES);
    }
    assert_true(left_at_exit(BY_FAULT, 0) <= CANARIES);
    host_rig_end(&r);
    assert_int_equal(unsetenv("PQI_SECRET_MEM"), 0);
}

/* ---- what else ---------------------------------------------------------------------------------- */

static void own_handler(int sig)
{
    (void)sig;
}

/* A program's own handler for SIGTERM stays, an ignored SIGHUP too; those of crashes are replaced. */
static void handlers_of_the_program_stay(void **state)
{
    (void)state;
    int status = 1;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sigaction own = {.sa_handler = own_handler}, now;
        (void)signal(SIGINT, SIG_DFL); /* a shell in the background gives it ignored */
        (void)sigaction(SIGTERM, &own, NULL);
        own.sa_handler = SIG_IGN;
        (void)sigaction(SIGHUP, &own, NULL);
        bool ok = pqi_host_wipe_on_signals() == PQI_OK && pqi_host_wipe_on_signals() == PQI_OK;
        ok = ok && sigaction(SIGTERM, NULL, &now) == 0 && now.sa_handler == own_handler;
        ok = ok && sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
        ok = ok && sigaction(SIGINT, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0;
        ok = ok && sigaction(SIGSEGV, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) != 0;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The end of a forked child is not the end of its parent's keys. */
static void the_exit_of_a_child_wipes_nothing_of_its_parent(void **state)
{
    (void)state;
    for (int secret = 1; secret >= 0; secret--) {
        int status = 1;
        if (!set_up(secret)) {
            continue;
        }
        pqi_provider *p = host_rig_open(&r);
        (void)fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        mem_use(&r, p);
        pqi_host_provider_close(p);
        host_rig_end(&r);
    }
    assert_int_equal(unsetenv("PQI_SECRET_MEM"), 0);
}

PQI_TEST_MAIN(cmocka_unit_test(every_end_wipes_secret_pages),
    cmocka_unit_test(an_end_in_the_midst_wipes_and_loses_nothing),
    cmocka_unit_test(every_end_wipes_private_pages), cmocka_unit_test(handlers_of_the_program_stay),
    cmocka_unit_test(the_exit_of_a_child_wipes_nothing_of_its_parent))
