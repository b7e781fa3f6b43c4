/* SPDX-License-Identifier: Apache-2.0
 * Protected memory by itself, of both kinds: guard pages, canaries, shielding, limits, forks; and the vector
 * registers. INV-2, INV-16. */
#include "support/mem_scan.h"

#include "hal/soft.h"
#include "port/linux/protected_mem.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define LEN 20000u

static pqi_pmem m;

/* False: not that kind here. */
static int map(int secret)
{
    pqi_pmem_unmap(&m); /* of a test that failed */
    assert_int_equal(secret ? unsetenv("PQI_SECRET_MEM") : setenv("PQI_SECRET_MEM", "0", 1), 0);
    assert_int_equal(pqi_pmem_map(&m, LEN), PQI_OK);
    assert_int_equal(unsetenv("PQI_SECRET_MEM"), 0);
    assert_true(m.data.len >= LEN && ((uintptr_t)m.data.ptr & 15u) == 0);
    if (secret && !m.secret) {
        print_message("# not run with secret pages: no memfd_secret(2) here\n");
        pqi_pmem_unmap(&m);
        return 0;
    }
    assert_int_equal(m.secret, secret);
    for (size_t i = 0; i < m.data.len; i++) {
        assert_int_equal(m.data.ptr[i], 0);
    }
    memset(m.data.ptr, 0x5a, 6000);
    return 1;
}

static void both(void (*run)(void))
{
    for (int secret = 1; secret >= 0; secret--) {
        if (map(secret)) {
            run();
            pqi_pmem_unmap(&m);
            assert_null(m.map);
            pqi_pmem_unmap(&m); /* fine */
        }
    }
}

static void content_stays(void)
{
    for (int i = 0; i < 3; i++) {
        pqi_pmem_close(&m);
        assert_int_equal(pqi_pmem_open(&m), PQI_OK);
        for (size_t k = 0; k < m.data.len; k++) {
            assert_int_equal(m.data.ptr[k], k < 6000 ? 0x5a + i : 0);
        }
        memset(m.data.ptr, 0x5b + i, 6000);
        m.hidden = i == 0 ? 6000 : m.data.len + 9999; /* never more than there is */
    }
}

static void what_was_written_is_read_again(void **state)
{
    (void)state;
    both(content_stays);
}

/* A child of a test: cmocka's handlers would jump out of it into the test program, where it would go on as a
 * second one; and nothing of it is left when the parent is killed or waits in vain. */
static void child_begins(pid_t parent)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0] && !UNDER_SANITIZER; i++) {
        (void)signal(faults[i], SIG_DFL);
    }
    const struct rlimit seconds = {
        30, 30}; /* the kernel ends what spins, with all signals blocked too */
    (void)alarm(600);
    if (setrlimit(RLIMIT_CPU, &seconds) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() != parent) {
        _exit(3);
    }
}

/* The object of a frame that was left by a jump is mapped again in its place: the list of all mappings must
 * not become a ring, in which forks and the end of the process would run for ever. */
static void mapping_again(void)
{
    int status = 1;
    const int secret = m.secret;
    const pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child_begins(parent);
        (void)alarm(120);
        static pqi_pmem own[3];
        (void)(secret ? unsetenv("PQI_SECRET_MEM") : setenv("PQI_SECRET_MEM", "0", 1));
        bool ok = true;
        for (int i = 0; i < 7; i++) {
            ok = ok && pqi_pmem_map(&own[i % 3], LEN) == PQI_OK;
            own[i % 3].data.ptr[0] = 1;
        }
        pid_t grandchild = fork();
        if (grandchild == 0) { /* the ring would hold it in the handler of fork() */
            _exit(0);
        }
        ok = ok && waitpid(grandchild, &status, 0) == grandchild && status == 0;
        for (int i = 0; i < 3; i++) {
            pqi_pmem_close(&own[i]);
            pqi_pmem_close(&own[i]); /* once too often does no harm */
            ok = ok && pqi_pmem_open(&own[i]) == PQI_OK && own[i].data.ptr[0] == 1;
            pqi_pmem_close(&own[i]);
            pqi_pmem_unmap(&own[i]);
        }
        if (UNDER_SANITIZER) {
            _exit(ok ? 0 : 1); /* what was mapped over is lost, and would be told */
        }
        exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void mapped_again_it_ends(void **state)
{
    (void)state;
    both(mapping_again);
}

/* ---- guards ------------------------------------------------------------------------------------- */

/* The child maps for itself: a forked one would have nothing to touch. */
static int touch_own(size_t at_end, int closed)
{
    int status = 0;
    const int secret = m.secret;
    const pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child_begins(parent);
        pqi_pmem own;
        (void)(secret ? unsetenv("PQI_SECRET_MEM") : setenv("PQI_SECRET_MEM", "0", 1));
        if (pqi_pmem_map(&own, LEN) != PQI_OK) {
            _exit(77);
        }
        volatile uint8_t *end = own.inner + own.inner_len;
        if (closed) {
            pqi_pmem_close(&own);
        }
        end[-(ptrdiff_t)own.inner_len + (ptrdiff_t)at_end] = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void guards(void)
{
    const size_t below = (size_t)-1;
    assert_int_equal(touch_own(0, 0), 0);
    assert_int_equal(touch_own(m.inner_len - 1, 0), 0);
    assert_int_equal(touch_own(m.inner_len, 0), SIGSEGV);
    assert_int_equal(touch_own(m.inner_len + 4095, 0), SIGSEGV);
    assert_int_equal(touch_own(below, 0), SIGSEGV);
    assert_int_equal(touch_own(0, 1), SIGSEGV);
    assert_int_equal(touch_own(m.inner_len - 1, 1), SIGSEGV);
    assert_true(m.data.ptr + m.data.len + PQI_PMEM_CANARY == m.inner + m.inner_len);
}

static void an_overrun_is_a_fault(void **state)
{
    (void)state;
    if (UNDER_SANITIZER) {
        print_message("# not run: a sanitizer handles faults itself\n");
        return;
    }
    both(guards);
}

static void high(void)
{
    m.data.ptr[m.data.len] ^= 1;
    pqi_pmem_close(&m);
    assert_int_equal(pqi_pmem_open(&m), PQI_ERR_PROVIDER);
    assert_int_equal(pqi_pmem_open(&m), PQI_ERR_PROVIDER);
}

static void low(void)
{
    pqi_pmem_close(&m);
    assert_int_equal(pqi_pmem_open(&m), PQI_OK);
    m.data.ptr[-1] ^= 0x80;
    pqi_pmem_close(&m);
    assert_int_equal(pqi_pmem_open(&m), PQI_ERR_PROVIDER);
}

/* Written while it was closed, by who has the right to. */
static void behind(void)
{
    pqi_pmem_close(&m);
    assert_int_equal(mprotect(m.inner, m.inner_len, PROT_READ | PROT_WRITE), 0);
    memset(m.data.ptr - PQI_PMEM_CANARY, 7, PQI_PMEM_CANARY);
    assert_int_equal(pqi_pmem_open(&m), PQI_ERR_PROVIDER);
}

static void a_damaged_canary_ends_it(void **state)
{
    (void)state;
    both(high);
    both(low);
    both(behind);
}

/* The provider says so too, and keeps saying it. */
static void a_provider_with_a_damaged_canary_refuses(void **state)
{
    (void)state;
    host_rig r;
    uint8_t b[32];
    host_rig_make(&r);
    r.algs.classic = &pqi_classic_openssl;
    pqi_provider *p = host_rig_open(&r);
    const pqi_soft *s = (const pqi_soft *)(const void *)p;
    uint8_t *kek = s->cfg.mem.ptr - 32; /* provider_host.c: KEK | memory of pqi_soft | stage */
    uint8_t *page = (uint8_t *)((uintptr_t)(kek - 16) & ~(uintptr_t)4095u);
    assert_int_equal(pqi_provider_random(p, (pqi_span){b, sizeof b}), PQI_OK);
    assert_int_equal(mprotect(page, 8192, PROT_READ | PROT_WRITE), 0);
    kek[-1] ^= 1;
    assert_int_equal(pqi_provider_random(p, (pqi_span){b, sizeof b}), PQI_ERR_PROVIDER);
    assert_int_equal(pqi_provider_counter_advance(p, 0, 1), PQI_ERR_PROVIDER);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

/* ---- shielding ---------------------------------------------------------------------------------- */

static void read_past_rights(uint8_t *out, const uint8_t *from, size_t n)
{
    int mem = open("/proc/self/mem", O_RDONLY);
    assert_true(mem >= 0);
    assert_int_equal(pread(mem, out, n, (off_t)(uintptr_t)from), (ssize_t)n);
    (void)close(mem);
}

/* Each close has another key stream; the key itself is not beside what it encrypts; zeros stay. */
static void closed_private_pages_are_encrypted(void **state)
{
    (void)state;
    static uint8_t first[LEN], second[LEN];
    assert_int_equal(map(0), 1);
    pqi_pmem_close(&m);
    read_past_rights(first, m.data.ptr, LEN);
    assert_int_equal(pqi_pmem_open(&m), PQI_OK);
    pqi_pmem_close(&m);
    read_past_rights(second, m.data.ptr, LEN);
    unsigned same = 0, plain = 0, repeated = 0;
    for (size_t i = 0; i < 6000; i++) {
        same += first[i] == second[i] ? 1u : 0u;
        plain += first[i] == 0x5a ? 1u : 0u;
        repeated += i >= 4096 && first[i] == first[i - 4096] ? 1u : 0u;
    }
    assert_true(same < 100 && plain < 100 && repeated < 100); /* about 6000 / 256 */
    for (size_t i = 8192; i < LEN; i++) {
        assert_int_equal(first[i] | second[i], 0);
    }
    pqi_pmem_unmap(&m);
}

/* Secret pages cannot be read by a file even while they are open. */
static void open_secret_pages_are_in_no_file(void **state)
{
    (void)state;
    uint8_t b[16];
    if (!map(1)) {
        return;
    }
    int mem = open("/proc/self/mem", O_RDWR);
    assert_true(mem >= 0);
    assert_int_equal(pread(mem, b, sizeof b, (off_t)(uintptr_t)m.data.ptr), -1);
    assert_int_equal(pwrite(mem, b, sizeof b, (off_t)(uintptr_t)m.data.ptr), -1);
    (void)close(mem);
    assert_int_equal(m.data.ptr[0], 0x5a);
    pqi_pmem_unmap(&m);
}

/* ---- limits ------------------------------------------------------------------------------------- */

/* Too small a RLIMIT_MEMLOCK is no failure: private pages that are not locked. */
static void without_room_to_lock_it_works_and_tells(void **state)
{
    (void)state;
    int status = 1;
    const struct rlimit none = {0, 0};
    const pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child_begins(parent);
        /* CAP_IPC_LOCK goes with the user id */
        int ok = setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (geteuid() != 0 || setuid(65534) == 0);
        if (!ok || pqi_pmem_map(&m, LEN) != PQI_OK) {
            _exit(2);
        }
        ok = !m.secret && (UNDER_SANITIZER || !m.locked) && m.not_dumped && m.wiped_on_fork;
        memset(m.data.ptr, 1, LEN);
        pqi_pmem_close(&m);
        ok = ok && pqi_pmem_open(&m) == PQI_OK && m.data.ptr[LEN - 1] == 1;
        pqi_pmem_unmap(&m);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- forks -------------------------------------------------------------------------------------- */

/* The child neither has the content nor touches what may lie in its place. */
static void fork_with_it(void)
{
    int status = 1;
    uint8_t *where = m.inner;
    const size_t n = m.inner_len;
    pqi_pmem_close(&m);
    const pid_t parent = getpid();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child_begins(parent);
        bool ok = pqi_pmem_open(&m) == PQI_ERR_STATE;
        pqi_pmem_close(&m);
        uint8_t *mine = NULL;
        if (m.secret) {
            mine = mmap(where, n, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            ok = ok && mine == where; /* it was not inherited */
            memset(mine, 3, n);
        }
        pqi_pmem_unmap(&m);
        ok = ok && (mine == NULL || (mine[0] == 3 && mine[n - 1] == 3));
        pqi_pmem own; /* and it can have its own */
        ok = ok && pqi_pmem_map(&own, LEN) == PQI_OK;
        pqi_pmem_close(&own);
        ok = ok && pqi_pmem_open(&own) == PQI_OK;
        pqi_pmem_unmap(&own);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(pqi_pmem_open(&m), PQI_OK);
    assert_int_equal(m.data.ptr[5999], 0x5a);
}

static void a_forked_child_gets_nothing(void **state)
{
    (void)state;
    both(fork_with_it);
}

/* ---- scratch and registers ---------------------------------------------------------------------- */

/* What is not shielded between operations is zero: scratch areas and stage. */
static void nothing_is_left_in_scratch(void **state)
{
    (void)state;
    host_rig r;
    static uint8_t rest[1u << 20];
    host_rig_make(&r);
    r.algs.classic = &pqi_classic_openssl;
    mem_store(&r);
    assert_int_equal(setenv("PQI_SECRET_MEM", "0", 1), 0);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(unsetenv("PQI_SECRET_MEM"), 0);
    const pqi_soft *s = (const pqi_soft *)(const void *)p;
    size_t n = s->cfg.workers * s->scratch_len + pqi_soft_keys_len(&s->cfg);
    const uint8_t *from = s->cfg.mem.ptr + s->cfg.mem.len - s->cfg.workers * s->scratch_len;
    assert_true(n <= sizeof rest);
    for (int i = 0; i < 2; i++) {
        read_past_rights(rest, from, n);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(rest[k], 0);
        }
        mem_use(&r, p);
    }
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

#if defined(__x86_64__)

static _Alignas(64) uint8_t seen[32][64];
static pqi_classic spy;

/* As memcpy() would leave a secret: in the highest registers, which nothing uses afterwards. */
static pqi_status filling_random(uint8_t *out, size_t len)
{
    pqi_status st = pqi_classic_openssl.random(out, len);
    uint8_t b[16];
    memset(b, 0xc3, sizeof b);
    __asm__ volatile("movdqu %0, %%xmm13\n\tmovdqu %0, %%xmm14\n\tmovdqu %0, %%xmm15"
                     :
                     : "m"(b)
                     : "xmm13", "xmm14", "xmm15");
    if (__builtin_cpu_supports("avx512f")) {
        __asm__ volatile("vbroadcastsd %0, %%zmm16\n\tvbroadcastsd %0, %%zmm23\n\t"
                         "vbroadcastsd %0, %%zmm31"
                         :
                         : "m"(b));
    }
    return st;
}

static void look_at_registers(void)
{
    __asm__ volatile("movdqu %%xmm13, %0\n\tmovdqu %%xmm14, %1\n\tmovdqu %%xmm15, %2"
                     : "=m"(seen[13]), "=m"(seen[14]), "=m"(seen[15]));
    if (__builtin_cpu_supports("avx512f")) {
        __asm__ volatile("vmovdqu64 %%zmm16, %0\n\tvmovdqu64 %%zmm23, %1\n\tvmovdqu64 %%zmm31, %2"
                         : "=m"(seen[16]), "=m"(seen[23]), "=m"(seen[31]));
    }
}

static unsigned kept(void)
{
    unsigned n = 0;
    for (size_t i = 0; i < 32; i++) {
        n += seen[i][0] == 0xc3 && seen[i][15] == 0xc3 ? 1u : 0u;
    }
    return n;
}

static void no_vector_register_keeps_a_secret(void **state)
{
    (void)state;
    host_rig r;
    uint8_t b[8];
    host_rig_make(&r);
    spy = pqi_classic_openssl;
    r.algs.classic = &spy;
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(filling_random(b, sizeof b), PQI_OK);
    look_at_registers();
    assert_true(kept() >= 3); /* the test can see */
    spy.random = filling_random;
    pqi_status st = pqi_provider_random(p, (pqi_span){b, sizeof b});
    look_at_registers();
    assert_int_equal(st, PQI_OK);
    assert_int_equal(kept(), 0);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

#else

static void no_vector_register_keeps_a_secret(void **state)
{
    (void)state;
    print_message("# not run: the registers of x86-64\n");
}

#endif

PQI_TEST_MAIN(cmocka_unit_test(what_was_written_is_read_again),
    cmocka_unit_test(mapped_again_it_ends), cmocka_unit_test(an_overrun_is_a_fault),
    cmocka_unit_test(a_damaged_canary_ends_it),
    cmocka_unit_test(a_provider_with_a_damaged_canary_refuses),
    cmocka_unit_test(closed_private_pages_are_encrypted),
    cmocka_unit_test(open_secret_pages_are_in_no_file),
    cmocka_unit_test(without_room_to_lock_it_works_and_tells),
    cmocka_unit_test(a_forked_child_gets_nothing), cmocka_unit_test(nothing_is_left_in_scratch),
    cmocka_unit_test(no_vector_register_keeps_a_secret))
