/* SPDX-License-Identifier: Apache-2.0
 * INV-2, INV-16: outside of an operation no page of the process holds a private key, a seed or a key of
 * the store, not even one that its access rights hide, for the process itself, for its parent, or in
 * a core file; and the pages that do hold them are locked, not dumped and not inherited. */
#include "support/kept_frames.h"
#include "support/mem_scan.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static host_rig r;
static pqi_classic spy;

/* Secret pages or private ones. False: the kernel has none of the first. */
static int want(int secret)
{
    if (frames_are_kept()) {
        return 0;
    }
    assert_int_equal(secret ? unsetenv("PQI_SECRET_MEM") : setenv("PQI_SECRET_MEM", "0", 1), 0);
    host_rig_make(&r);
    spy = pqi_classic_openssl;
    r.algs.classic = &spy;
    pqi_provider *p = host_rig_open(&r);
    pqi_host_provider_facts facts;
    assert_int_equal(pqi_host_provider_get_facts(p, &facts), PQI_OK);
    pqi_host_provider_close(p);
    host_rig_end(&r);
    if (facts.secret != secret) {
        assert_int_equal(facts.secret, 0);
        print_message("# not run with secret pages: no memfd_secret(2) here\n");
        return 0;
    }
    host_rig_make(&r);
    r.algs.classic = &spy;
    mem_store(&r);
    return 1;
}

static void unwant(void)
{
    host_rig_end(&r);
    assert_int_equal(unsetenv("PQI_SECRET_MEM"), 0);
}

/* ---- in the process itself ---------------------------------------------------------------------- */

static unsigned inside_by_file, inside_directly;

/* Looks from inside of an operation, where the memory is open: shows that the scan can see. */
static pqi_status spying_random(uint8_t *out, size_t len)
{
    inside_by_file = mem_scan(getpid());
    inside_directly = mem_scan_secret_pages();
    return pqi_classic_openssl.random(out, len);
}

static void no_page(int secret)
{
    if (!want(secret)) {
        return;
    }
    uint8_t b[32];
    for (int again = 0; again < 2; again++) {
        pqi_provider *p = host_rig_open(&r);
        assert_int_equal(mem_scan(getpid()), 0); /* after loading */
        mem_use(&r, p);
        assert_int_equal(mem_scan(getpid()), 0);
        spy.random = spying_random;
        assert_int_equal(pqi_provider_random(p, (pqi_span){b, sizeof b}), PQI_OK);
        spy.random = pqi_classic_openssl.random;
        /* All but s1 unpacked and the results; in secret pages only who may use them sees them. */
        if (secret) {
            assert_int_equal(inside_by_file, 0);
            assert_true(inside_directly >= MEM_STORED - 1);
        } else {
            assert_true(inside_by_file >= MEM_STORED - 1);
        }
        assert_int_equal(mem_scan(getpid()), 0);
        pqi_host_provider_close(p);
        assert_int_equal(mem_scan(getpid()), 0); /* after the end */
    }
    unwant();
}

static void no_page_holds_a_secret(void **state)
{
    (void)state;
    no_page(1);
    no_page(0);
}

/* ---- stacks and contexts of other threads ------------------------------------------------------- */

static pthread_barrier_t used, scanned;

static void *worker(void *arg)
{
    mem_use(&r, arg);
    (void)pthread_barrier_wait(&used);
    (void)pthread_barrier_wait(&scanned);
    return NULL;
}

static void no_stack(int secret)
{
    if (!want(secret)) {
        return;
    }
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pthread_barrier_init(&used, NULL, 2), 0);
    assert_int_equal(pthread_barrier_init(&scanned, NULL, 2), 0);
    for (int i = 0; i < 2; i++) {
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, worker, p), 0);
        (void)pthread_barrier_wait(&used);
        assert_int_equal(mem_scan(getpid()), 0);
        (void)pthread_barrier_wait(&scanned);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(mem_scan(getpid()), 0);
    }
    pqi_host_provider_close(p);
    unwant();
}

static void no_stack_or_context_of_a_thread_holds_a_secret(void **state)
{
    (void)state;
    no_stack(1);
    no_stack(0);
}

/* The passphrase and what scrypt makes of it. */
static void no_passphrase_stays(void **state)
{
    (void)state;
    if (frames_are_kept()) {
        return;
    }
    char path[128], pass[40];
    uint8_t kek[32];
    assert_int_equal(setenv("PQI_SECRET_MEM", "0", 1), 0);
    host_rig_make(&r);
    r.algs.classic = &pqi_classic_openssl;
    for (unsigned i = 0; i < 32; i++) {
        pass[i] = (char)('a' + (i * 7u + 3u) % 26u);
    }
    pass[32] = '\n';
    host_rig_write(tmp_dir_file(&r.keys, "pass", path), pass, 33, 0600);
    memcpy(kek, pass, 32);
    memset(pass, 0, sizeof pass);
    mem_store(&r);
    mem_learn(kek);
    r.cfg.kek = (pqi_host_kek_source){.passphrase_file = path};
    assert_int_equal(tmp_dir_clear(&r.dir, 0), 3);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(mem_scan(getpid()), 0);
    pqi_host_provider_close(p);
    unwant();
}

/* ---- from outside ------------------------------------------------------------------------------- */

static int to_parent, from_parent;

static void meet(void)
{
    char c = 'x';
    if (write(to_parent, &c, 1) != 1 || read(from_parent, &c, 1) != 1) {
        _exit(3);
    }
}

static pqi_status meeting_random(uint8_t *out, size_t len)
{
    meet();
    return pqi_classic_openssl.random(out, len);
}

/* Meets its parent twice: after all operations, and inside of one. */
static void run_child(int dump)
{
    uint8_t b[32];
    pqi_provider *p = host_rig_open(&r);
    mem_use(&r, p);
    meet();
    spy.random = dump ? spy.random : meeting_random;
    if (pqi_provider_random(p, (pqi_span){b, sizeof b}) != PQI_OK) {
        _exit(2);
    }
    _exit(0);
}

typedef struct child {
    pid_t pid;
    int from, to;
} child;

static void start(child *c)
{
    int up[2], down[2];
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        to_parent = up[1];
        from_parent = down[0];
        (void)close(up[0]);
        (void)close(down[1]);
        run_child(0);
    }
    (void)close(up[1]);
    (void)close(down[0]);
    c->from = up[0];
    c->to = down[1];
}

static void await(const child *c)
{
    char x;
    assert_int_equal(read(c->from, &x, 1), 1);
}

static void let_go(const child *c)
{
    assert_int_equal(write(c->to, "y", 1), 1);
}

static void finish(const child *c)
{
    int status = 1;
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    assert_int_equal(status, 0);
    (void)close(c->from);
    (void)close(c->to);
}

static void no_other_process(int secret)
{
    child c;
    if (!want(secret)) {
        return;
    }
    start(&c);
    await(&c);
    assert_int_equal(mem_scan(c.pid), 0);
    let_go(&c);
    await(&c); /* inside of an operation */
    if (secret) {
        assert_int_equal(mem_scan(c.pid), 0);
    } else {
        assert_true(mem_scan(c.pid) >= MEM_STORED - 1);
    }
    let_go(&c);
    finish(&c);
    unwant();
}

static void another_process_finds_no_secret(void **state)
{
    (void)state;
    no_other_process(1);
    no_other_process(0);
}

/* ---- core files --------------------------------------------------------------------------------- */

/* A core of the running process by gdb, which asks the kernel page by page. `all`: also the pages that
 * are marked to be left out. 0: there is no gdb, or it may not. */
static unsigned gcore(pid_t pid, int all, unsigned *found)
{
    char core[128], cmd[512];
    (void)tmp_dir_file(&r.keys, "core", core);
    (void)snprintf(cmd, sizeof cmd,
        "gdb -nx -batch -p %d -ex 'set dump-excluded-mappings %s' -ex 'set use-coredump-filter "
        "off' "
        "-ex 'generate-core-file %s' >/dev/null 2>&1 </dev/null",
        (int)pid, all ? "on" : "off", core);
    int ran = system(cmd);
    if (ran != 0 || access(core, R_OK) != 0) {
        return 0;
    }
    *found = mem_scan_file(core);
    assert_int_equal(unlink(core), 0);
    return 1;
}

static void no_core(int secret)
{
    child c;
    unsigned found = 1;
    if (!want(secret)) {
        return;
    }
    start(&c);
    await(&c);
    unsigned ran = gcore(c.pid, 1, &found);
    if (ran != 0) {
        assert_int_equal(found, 0);
    }
    let_go(&c);
    await(&c);
    if (ran != 0) { /* inside: what is marked is left out; without the marks they are there */
        assert_int_equal(gcore(c.pid, 0, &found), 1);
        assert_int_equal(found, 0);
        assert_int_equal(gcore(c.pid, 1, &found), 1);
        assert_true(secret ? found == 0 : found >= MEM_STORED - 1);
    } else {
        print_message("# no core by gdb: it is missing or may not attach\n");
    }
    let_go(&c);
    finish(&c);
    unwant();
}

static void a_core_by_gdb_holds_no_secret(void **state)
{
    (void)state;
    if (UNDER_SANITIZER) {
        print_message("# not run: the core of a sanitizer's shadow has terabytes\n");
        return;
    }
    no_core(1);
    no_core(0);
}

/* The kernel writes a core where the process stands, when core_pattern is a plain name. */
static int cores_are_files(void)
{
    char pattern[128] = "";
    FILE *f = fopen("/proc/sys/kernel/core_pattern", "r");
    if (f != NULL) {
        (void)!fgets(pattern, sizeof pattern, f);
        (void)fclose(f);
    }
    const struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    return strcmp(pattern, "core\n") == 0 && setrlimit(RLIMIT_CORE, &most) == 0;
}

static int undo_marks;

/* Private pages as they would be without MADV_DONTDUMP. */
static void unmark(void)
{
    char line[512];
    unsigned long from = 0, to = 0;
    FILE *f = fopen("/proc/self/smaps", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned long a, b;
        char perms[5];
        if (sscanf(line, "%lx-%lx %4s", &a, &b, perms) == 3) {
            from = a;
            to = b;
        }
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") != NULL) {
            (void)madvise((void *)from, to - from, MADV_DODUMP);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

static pqi_status aborting_random(uint8_t *out, size_t len)
{
    (void)out;
    (void)len;
    if (undo_marks) {
        unmark();
    }
    abort();
}

static unsigned crash(int inside)
{
    char core[128], other[160];
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        uint8_t b[32];
        pqi_provider *p = host_rig_open(&r);
        mem_use(&r, p);
        spy.random = aborting_random;
        if (chdir(r.keys.path) != 0) {
            _exit(4);
        }
        if (inside) {
            (void)!pqi_provider_random(p, (pqi_span){b, sizeof b});
        }
        (void)aborting_random(b, sizeof b);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status));
    (void)tmp_dir_file(&r.keys, "core", core);
    (void)snprintf(other, sizeof other, "%s.%d", core, (int)pid);
    const char *name = access(core, R_OK) == 0 ? core : other;
    unsigned found = mem_scan_file(name);
    assert_int_equal(unlink(name), 0);
    return found;
}

static void no_crash(int secret)
{
    if (!want(secret)) {
        return;
    }
    undo_marks = 0;
    assert_int_equal(crash(0), 0);
    assert_int_equal(crash(1), 0);
    undo_marks = 1;
    assert_int_equal(crash(0), 0);
    unsigned found = crash(1);
    assert_true(secret ? found == 0 : found >= MEM_STORED - 1);
    undo_marks = 0;
    unwant();
}

static void the_core_of_a_crash_holds_no_secret(void **state)
{
    (void)state;
    if (UNDER_SANITIZER || !cores_are_files()) {
        print_message("# not run: core_pattern is no plain name, or a sanitizer handles crashes\n");
        return;
    }
    no_crash(1);
    no_crash(0);
}

/* ---- the pages ---------------------------------------------------------------------------------- */

/* Adds up the mappings whose flags have all of the words. */
static unsigned long bytes_with(const char *perms, const char *a, const char *b, const char *c)
{
    char line[512];
    unsigned long from = 0, to = 0, bytes = 0;
    char seen[5] = "";
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long x, y;
        char p[5];
        if (sscanf(line, "%lx-%lx %4s", &x, &y, p) == 3) {
            from = x;
            to = y;
            memcpy(seen, p, sizeof p);
        }
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, a) != NULL &&
            strstr(line, b) != NULL && strstr(line, c) != NULL && strcmp(seen, perms) == 0) {
            bytes += to - from;
        }
    }
    (void)fclose(f);
    return bytes;
}

/* No access; excluded from dumps (dd), wiped on fork (wf) or not inherited (dc), locked (lo). */
static void the_pages_are_protected(void **state)
{
    (void)state;
    for (int secret = 0; secret < 2; secret++) {
        if (!want(secret)) {
            continue;
        }
        pqi_provider *p = host_rig_open(&r);
        pqi_host_provider_facts facts;
        assert_int_equal(pqi_host_provider_get_facts(p, &facts), PQI_OK);
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        const char *lo = UNDER_SANITIZER || !facts.locked ? "" : " lo";
        if (secret) { /* and the guard pages */
            assert_int_equal(facts.locked, 1);
            assert_int_equal(bytes_with("---s", " dd", " dc", " lo"), facts.bytes + 2 * page);
        } else { /* and the page of the key that shields them */
            assert_int_equal(bytes_with("---p", " dd", " wf", lo), facts.bytes + page);
        }
        struct rlimit most;
        assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &most), 0);
        assert_true(facts.locked || (geteuid() != 0 && most.rlim_cur < facts.bytes + 8 * page));
        assert_true(facts.not_dumped && facts.wiped_on_fork);
        pqi_host_provider_close(p);
        unwant();
    }
}

/* Nothing of secret pages is passed on to another program, neither mapping nor descriptor. */
static void another_program_inherits_nothing(void **state)
{
    (void)state;
    unsigned lines = 9, fds = 9;
    host_rig_make(&r);
    r.algs.classic = &pqi_classic_openssl;
    pqi_provider *p = host_rig_open(&r);
    FILE *f =
        popen("grep -c secretmem /proc/self/maps; ls -l /proc/self/fd | grep -c secretmem", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u %u", &lines, &fds), 2);
    assert_int_equal(lines + fds, 0);
    (void)pclose(f);
    for (int fd = 0; fd < 256; fd++) { /* not even one of our own is left */
        char path[64], name[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        (void)!readlink(path, name, sizeof name - 1);
        assert_null(strstr(name, "secretmem"));
    }
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

/* Bytes that are not zero in private pages and that of the key, which are read past their access rights. */
static size_t bytes_left_inside(void)
{
    char line[512];
    unsigned long from = 0, to = 0;
    size_t left = 0;
    int mem = open("/proc/self/mem", O_RDONLY);
    FILE *f = fopen("/proc/self/smaps", "r");
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
            static uint8_t page[4096];
            for (unsigned long at = from; at < to; at += sizeof page) {
                assert_int_equal(pread(mem, page, sizeof page, (off_t)at), sizeof page);
                for (size_t i = 0; i < sizeof page; i++) {
                    left += page[i] != 0 ? 1u : 0u;
                }
            }
            memset(page, 0, sizeof page);
        }
    }
    (void)fclose(f);
    (void)close(mem);
    return left;
}

/* INV-16, INV-86: after zeroize not even the key-encryption key is left, which opens the file with
 * all the others. What stays are the two canaries of the region. */
static void zeroize_leaves_nothing(void **state)
{
    (void)state;
    if (!want(0)) {
        return;
    }
    pqi_provider *p = host_rig_open(&r);
    assert_true(bytes_left_inside() > 2u * 16u + 32u);
    assert_int_equal(pqi_provider_zeroize(p), PQI_OK);
    assert_true(bytes_left_inside() <= 2u * 16u);
    assert_int_equal(pqi_provider_destroy(p, MEM_X25519), PQI_ERR_STATE);
    pqi_host_provider_close(p);
    unwant();
}

PQI_TEST_MAIN(cmocka_unit_test(no_page_holds_a_secret),
    cmocka_unit_test(no_stack_or_context_of_a_thread_holds_a_secret),
    cmocka_unit_test(no_passphrase_stays), cmocka_unit_test(another_process_finds_no_secret),
    cmocka_unit_test(a_core_by_gdb_holds_no_secret),
    cmocka_unit_test(the_core_of_a_crash_holds_no_secret),
    cmocka_unit_test(the_pages_are_protected), cmocka_unit_test(another_program_inherits_nothing),
    cmocka_unit_test(zeroize_leaves_nothing))
