/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool sandbox_hide(void)
{
    const struct rlimit none = {0, 0};
    return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* ---- Landlock: linux/landlock.h of this or a newer kernel ----------------------------------------- */

#define FS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_ALL      3ULL         /* ABI 4: bind and connect over TCP */
#define SCOPE_ALL    3ULL         /* ABI 6: abstract unix sockets, signals */

struct ruleset {
    uint64_t fs, net, scoped;
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                                                   \
    (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                    \
        LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_OF_FILE                                                                                 \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* All rights on files that ABI n knows. */
static uint64_t known_fs(long abi)
{
    return (1ULL << (abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13)) - 1;
}

static bool add_path(int ruleset, const char *path, uint64_t rights)
{
    struct stat sb;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &sb) != 0) {
        return false;
    }
    struct landlock_path_beneath_attr rule = {
        .allowed_access = S_ISDIR(sb.st_mode) ? rights : rights & FS_OF_FILE, .parent_fd = fd};
    bool good = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    (void)close(fd);
    return good;
}

static const char *lock_files(const sandbox_cfg *cfg)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        return cfg->weak ? NULL : "this kernel has no Landlock";
    }
    const struct ruleset attr = {known_fs(abi), abi >= 4 ? NET_ALL : 0, abi >= 6 ? SCOPE_ALL : 0};
    const size_t len = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    int set = (int)syscall(SYS_landlock_create_ruleset, &attr, len, 0);
    if (set < 0) {
        return "Landlock: no rule set";
    }
    bool good = true;
    for (size_t i = 0; good && i < cfg->n_write; i++) {
        good = add_path(set, cfg->write[i], FS_WRITE & attr.fs);
    }
    for (size_t i = 0; good && i < cfg->n_read; i++) {
        good = add_path(set, cfg->read[i], FS_READ);
    }
    good = good && syscall(SYS_landlock_restrict_self, set, 0) == 0;
    (void)close(set);
    return good ? NULL : "Landlock: a path or the rule set was refused";
}

/* ---- capabilities --------------------------------------------------------------------------------- */

static bool drop_capabilities(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EPERM) {
            return false; /* EPERM: a user without the right to; the sets below are empty then */
        }
    }
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
           syscall(SYS_capset, &head, none) == 0;
}

const char *sandbox_files(const sandbox_cfg *cfg)
{
    if (!drop_capabilities()) {
        return "capabilities cannot be dropped";
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return "no_new_privs";
    }
    return lock_files(cfg);
}

/* ---- system calls --------------------------------------------------------------------------------- */

static const char *const calls[] = {
    /* files: which ones is Landlock's business */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "close", "fstat", "newfstatat",
    "fstatat64", "stat", "lstat", "statx", "lseek", "_llseek", "open", "openat", "fcntl", "fcntl64",
    "flock", "fsync", "fdatasync", "ftruncate", "ftruncate64", "fallocate", "rename", "renameat",
    "renameat2", "unlink", "unlinkat", "getdents64", "access", "faccessat", "faccessat2", "getcwd",
    "readlink", "readlinkat", "fadvise64",
    /* memory */
    "munmap", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock", "memfd_secret",
    /* threads and signals of this process */
    "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "exit", "exit_group",
    "restart_syscall", "sched_yield", "sched_getaffinity", "membarrier", "rseq", "set_robust_list",
    "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid",
    /* clients */
    "accept4", "recvfrom", "recvmsg", "sendto", "sendmsg", "getsockopt", "setsockopt", "shutdown",
    "listen", "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6",
    /* clocks, random bytes, limits */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "clock_nanosleep_time64",
    "nanosleep", "gettimeofday", "time", "getrandom", "sysinfo"};

static int allow(scmp_filter_ctx f, const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);
    return nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
}

static struct scmp_arg_cmp arg_is(unsigned n, scmp_datum_t value)
{
    return (struct scmp_arg_cmp){.arg = n, .op = SCMP_CMP_EQ, .datum_a = value};
}

/* Calls of which only some arguments are harmless. */
static int allow_some(scmp_filter_ctx f, const sandbox_cfg *cfg)
{
    const int mem[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof mem / sizeof mem[0]; i++) {
        rc = seccomp_rule_add(
            f, SCMP_ACT_ALLOW, mem[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    }
    if (rc == 0) {
        rc = seccomp_rule_add(
            f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, arg_is(0, (scmp_datum_t)getpid()));
    }
    if (rc == 0) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, arg_is(1, TCGETS));
    }
    if (rc == 0) { /* reading limits, setting none */
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, arg_is(2, 0));
    }
    if (rc == 0 && cfg->connects) {
        rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, arg_is(0, AF_UNIX));
        rc = rc != 0 ? rc : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
    }
    return rc;
}

const char *sandbox_calls(const sandbox_cfg *cfg)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (f == NULL) {
        return "seccomp: no filter";
    }
    int rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; rc == 0 && i < sizeof calls / sizeof calls[0]; i++) {
        rc = allow(f, calls[i]);
    }
    if (rc == 0) {
        rc = allow_some(f, cfg);
    }
    if (rc == 0) {
        rc = seccomp_load(f);
    }
    seccomp_release(f);
    errno = -rc;
    return rc == 0 ? NULL : "seccomp: the filter was refused";
}
