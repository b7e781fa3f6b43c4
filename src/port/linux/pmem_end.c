/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes. The list has a spin lock that is only held with all signals blocked. So a handler
 * never interrupts its holder on the same thread, and may wait for one on another. mprotect(2),
 * getpid(2), gettid(2) and sigaction(2) take no lock in user space. */
#include "port/linux/pmem_end.h"

#include "port/linux/ossl.h"

#include <pqi/host.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPINS_MAX     100000000u /* of a handler; then it goes on without the lock */
#define EXIT_WAITS    1000u      /* milliseconds that exit() gives operations of other threads */
#define MILLISECOND   1000000l
#define N_SIGNALS     (sizeof ending / sizeof ending[0])
#define FIRST_CRASHES 4u /* of `ending`: those from here on are crashes */

static const int ending[] = {
    SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static atomic_flag spin = ATOMIC_FLAG_INIT;
static pqi_pmem *first;
static atomic_bool torn;
static atomic_long dying; /* the thread on which a signal ends the process; 0: none does */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct sigaction earlier[N_SIGNALS];
static pthread_mutex_t handlers = PTHREAD_MUTEX_INITIALIZER;
static bool handlers_set;

static void lock(sigset_t *was)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, was);
    while (atomic_flag_test_and_set(&spin)) {
        (void)sched_yield();
    }
}

static void unlock(const sigset_t *was)
{
    atomic_flag_clear(&spin);
    (void)pthread_sigmask(SIG_SETMASK, was, NULL);
}

/* ---- fork --------------------------------------------------------------------------------------- */

static sigset_t before_fork; /* written by the holder of the lock */

static void fork_prepare(void)
{
    sigset_t was;
    lock(&was);
    before_fork = was;
}

static void fork_parent(void)
{
    sigset_t was = before_fork;
    unlock(&was);
}

static void fork_child(void)
{
    for (pqi_pmem *m = first; m != NULL; m = m->next) {
        m->foreign = true;
    }
    first = NULL;
    fork_parent();
}

/* ---- exit --------------------------------------------------------------------------------------- */

/* Wipes what nobody uses. Memory that is never closed cannot tell, and is wiped. True: some is left. */
static bool wipe_idle(void)
{
    bool busy = false;
    sigset_t was;
    lock(&was);
    for (pqi_pmem *m = first; m != NULL; m = m->next) {
        m->ended = true;
        if (!pqi_pmem_is_ours(m)) {
            continue; /* of a process that forked around the C library */
        }
        if (m->opened && m->cycled) {
            busy = true; /* its close will wipe it */
            continue;
        }
        if (m->opened) {
            torn = true;
        }
        pqi_pmem_wipe(m);
    }
    unlock(&was);
    return busy;
}

/* Operations of other threads may run: they end first, or are cut off by the end of the process. */
static void at_exit(void)
{
    const struct timespec nap = {0, MILLISECOND};
    for (unsigned i = 0; wipe_idle() && i < EXIT_WAITS; i++) {
        (void)nanosleep(&nap, NULL);
    }
}

static void set_up(void)
{
    /* OpenSSL enters its own end first, so that it is still there while operations come to theirs. */
    (void)pqi_ossl_get();
    (void)pthread_atfork(fork_prepare, fork_parent, fork_child);
    (void)atexit(at_exit);
    (void)at_quick_exit(at_exit);
}

/* ---- the list ----------------------------------------------------------------------------------- */

void pqi_pmem_end_add(pqi_pmem *m)
{
    (void)pthread_once(&once, set_up);
    sigset_t was;
    lock(&was);
    m->next = first;
    first = m;
    unlock(&was);
}

/* Under the lock. */
static void take_out(const pqi_pmem *m)
{
    for (pqi_pmem **p = &first; *p != NULL; p = &(*p)->next) {
        if (*p == m) {
            *p = m->next;
            break;
        }
    }
}

void pqi_pmem_end_remove(pqi_pmem *m)
{
    sigset_t was;
    lock(&was);
    pqi_pmem_wipe(m);
    take_out(m);
    unlock(&was);
}

void pqi_pmem_end_forget(const pqi_pmem *m)
{
    sigset_t was;
    lock(&was);
    take_out(m);
    unlock(&was);
}

/* ---- signals ------------------------------------------------------------------------------------ */

bool pqi_pmem_end_torn(void)
{
    return torn;
}

void pqi_pmem_end_wait(void)
{
    long thread = dying;
    while (thread != 0 && thread != syscall(SYS_gettid)) {
        (void)pause();
    }
}

static void wipe_all(void)
{
    bool held = false;
    for (unsigned i = 0; !held && i < SPINS_MAX; i++) {
        held = !atomic_flag_test_and_set(&spin);
    }
    for (pqi_pmem *m = first; m != NULL; m = m->next) {
        m->ended = true;
        if (pqi_pmem_is_ours(m)) {
            pqi_pmem_wipe(m);
        }
    }
    if (held) {
        atomic_flag_clear(&spin);
    }
}

static void call_earlier(int sig, siginfo_t *info, void *context)
{
    for (size_t i = 0; i < N_SIGNALS; i++) {
        const struct sigaction *a = &earlier[i];
        if (ending[i] != sig) {
            continue;
        }
        if ((a->sa_flags & SA_SIGINFO) != 0) {
            a->sa_sigaction(sig, info, context);
        } else if (a->sa_handler != SIG_DFL && a->sa_handler != SIG_IGN) {
            a->sa_handler(sig);
        }
    }
}

/* All signals are blocked here. The first process of a container is not ended by default actions. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
    dying = syscall(SYS_gettid);
    torn = true;
    wipe_all();
    call_earlier(sig, info, context);
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    (void)sigaction(sig, &by_default, NULL);
    (void)raise(sig);
    sigset_t only;
    (void)sigemptyset(&only);
    (void)sigaddset(&only, sig);
    (void)pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    _exit(128 + sig);
}

/* A program that has a handler of its own for SIGTERM and the like ends in its own way. */
static bool leave_alone(size_t i)
{
    const struct sigaction *a = &earlier[i];
    bool plain = (a->sa_flags & SA_SIGINFO) == 0;
    bool ignored = plain && a->sa_handler == SIG_IGN;
    bool handled = !plain || a->sa_handler != SIG_DFL;
    return ignored || (handled && i < FIRST_CRASHES);
}

pqi_status pqi_host_wipe_on_signals(void)
{
    pqi_status st = PQI_OK;
    (void)pthread_mutex_lock(&handlers);
    for (size_t i = 0; !handlers_set && st == PQI_OK && i < N_SIGNALS; i++) {
        struct sigaction own = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
        (void)sigfillset(&own.sa_mask);
        if (sigaction(ending[i], NULL, &earlier[i]) != 0 ||
            (!leave_alone(i) && sigaction(ending[i], &own, NULL) != 0)) {
            st = PQI_ERR_PROVIDER;
        }
    }
    handlers_set = handlers_set || st == PQI_OK;
    (void)pthread_mutex_unlock(&handlers);
    return st;
}

pqi_status pqi_host_no_dumps(void)
{
    const char *allowed = secure_getenv("PQI_ALLOW_DUMP");
    if (allowed != NULL && allowed[0] == '1' && allowed[1] == '\0') {
        return PQI_OK;
    }
    const struct rlimit none = {0, 0};
    bool ok = setrlimit(RLIMIT_CORE, &none) == 0;
#if !defined(__SANITIZE_ADDRESS__) /* LeakSanitizer traces its own process */
    ok = ok && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
#endif
    return ok ? PQI_OK : PQI_ERR_PROVIDER;
}
