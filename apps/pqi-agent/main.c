/* SPDX-License-Identifier: Apache-2.0
 * pqi-agent, the key agent: see pqi-agent(8). */
#include "../pqi/std_fds.h"
#include "agent.h"
#include "port/linux/why.h"
#include "sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t stop_, reload_;

static void on_signal(int sig)
{
    if (sig == SIGHUP) {
        reload_ = 1;
    } else {
        stop_ = 1;
    }
}

/* Blocked everywhere but in the I/O thread's ppoll(). */
static void catch_signals(void)
{
    const struct sigaction sa = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGHUP, &sa, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

/* ---- the cage ------------------------------------------------------------------------------------- */

/* Cuts the last component off. */
static void folder_of(const char *path, char out[PQI_AGENT_PATH])
{
    size_t n = (size_t)(strrchr(path, '/') - path);
    memcpy(out, path, n == 0 ? 1 : n);
    out[n == 0 ? 1 : n] = '\0';
}

/* A store behind hardware may have to connect to it again. */
static bool may_connect(const pqi_agent_store *s)
{
    const char *name = pqi_provider_name(s->p);
    return strcmp(name, "soft") != 0;
}

/* The TPM's driver connects for every operation, and its library loads a module for that: here, once and
 * for good, as it could not in the cage. */
static void pin_modules(const pqi_agent_config *c)
{
    static const char *const module[] = {"libtss2-tcti-device.so.0", "libtss2-tcti-swtpm.so.0"};
    bool tpm = false;
    for (size_t i = 0; i < c->n_stores; i++) {
        tpm = tpm || strcmp(pqi_provider_name(c->store[i].p), "tpm") == 0;
    }
    for (size_t i = 0; tpm && i < sizeof module / sizeof module[0]; i++) {
        (void)dlopen(module[i], RTLD_NOW | RTLD_NODELETE); /* one is enough, and TPM calls tell */
    }
}

static void describe(const pqi_agent_config *c, sandbox_cfg *box, char folder[2][PQI_AGENT_PATH])
{
    memset(box, 0, sizeof *box);
    for (size_t i = 0; i < c->n_stores; i++) {
        box->write[box->n_write++] = c->store[i].dir;
        box->connects = box->connects || may_connect(&c->store[i]);
    }
    for (size_t i = 0; i < c->n_allow; i++) {
        box->write[box->n_write++] = c->allow[i];
    }
    folder_of(c->audit, folder[0]);
    folder_of(c->acl, folder[1]);
    box->write[box->n_write++] = folder[0];
    box->read[box->n_read++] = folder[1];
    box->weak = c->weak_sandbox;
}

/* ---- running -------------------------------------------------------------------------------------- */

static void note(pqi_agent_core *core, const char *what, pqi_status st)
{
    const pqi_agent_event e = {what, NULL, NULL, NULL, st};
    if (pqi_agent_audit_write(&core->audit, &e) != PQI_OK) {
        (void)agent_fail(AGENT_ENV, NULL, "the audit log cannot be written");
    }
}

int agent_serve(pqi_agent_core *core, int fd)
{
    static sandbox_cfg box;
    static char folder[2][PQI_AGENT_PATH];
    pqi_agent_loop *loop = NULL;
    pin_modules(core->config);
    describe(core->config, &box, folder);
    const char *wrong = sandbox_files(&box);
    if (wrong != NULL) {
        return agent_fail(AGENT_ENV, "a line \"sandbox weak\", if this kernel must do", "%s: %s",
            wrong, strerror(errno));
    }
    if (pqi_agent_loop_new(&loop, core, fd) != PQI_OK) {
        return agent_fail(AGENT_ENV, NULL, "cannot start: no memory or threads");
    }
    wrong = sandbox_calls(&box);
    int rc =
        wrong == NULL ? AGENT_OK : agent_fail(AGENT_ENV, NULL, "%s: %s", wrong, strerror(errno));
    if (rc == AGENT_OK && listen(fd, 64) != 0) {
        rc = agent_fail(AGENT_ENV, NULL, "cannot listen: %s", strerror(errno));
    }
    const bool served = rc == AGENT_OK;
    if (served) {
        note(core, "start", PQI_OK);
        rc = pqi_agent_loop_run(loop, &stop_, &reload_, agent_reload) == PQI_OK ? AGENT_OK
                                                                                : AGENT_ENV;
    }
    pqi_agent_loop_free(loop); /* whoever was at work has its line now */
    if (served) {
        pqi_agent_audit_settle(&core->audit, true);
        note(core, "stop", PQI_OK);
    }
    return rc;
}

static int run(pqi_agent_core *core)
{
    int fd = -1;
    const pqi_agent_config *c = core->config;
    (void)umask(077);
    catch_signals();
    if (pqi_host_no_dumps() != PQI_OK || pqi_host_wipe_on_signals() != PQI_OK) {
        return agent_fail(AGENT_ENV, "let it use setrlimit, prctl and sigaction",
            "cannot keep keys out of core dumps");
    }
    int rc = agent_socket(c, &fd);
    if (rc == AGENT_OK) {
        rc = agent_become(c);
    }
    if (rc == AGENT_OK && !sandbox_hide()) {
        rc = agent_fail(AGENT_ENV, NULL, "cannot forbid core dumps: %s", strerror(errno));
    }
    if (rc == AGENT_OK && pqi_agent_audit_open(&core->audit, core->algs.classic, c->audit,
                              c->audit_size, c->audit_keep, c->audit_sync) != PQI_OK) {
        rc = agent_fail(AGENT_ENV, NULL, "%s", pqi_why_get());
    }
    if (rc == AGENT_OK) {
        rc = agent_open_stores(core);
    }
    if (rc == AGENT_OK) {
        rc = agent_serve(core, fd);
    }
    agent_close_stores(core);
    pqi_agent_audit_close(&core->audit);
    return rc;
}

/* ---- command line --------------------------------------------------------------------------------- */

static int help(void)
{
    printf("Usage: pqi-agent --config FILE [--check]\n"
           "       pqi-agent --verify-audit FILE...\n"
           "Holds private keys for the programs of this host, see pqi-agent(8).\n\n"
           "  --config FILE        configuration\n"
           "  --check              read configuration and access rules, then end\n"
           "  --verify-audit FILE  check the chain of audit logs, oldest first\n");
    return AGENT_OK;
}

static int verify(const pqi_classic *c, int n, char **paths)
{
    uint64_t lines = 0;
    uint8_t hash[PQI_AGENT_HASH];
    if (n == 0) {
        return agent_fail(AGENT_USAGE, "pqi-agent --help", "give the audit logs, oldest first");
    }
    for (int i = 0; i < n; i++) {
        if (access(paths[i], R_OK) != 0) {
            return agent_fail(AGENT_ENV, "check the name and that you may read it",
                "cannot read %s: %s", paths[i], strerror(errno));
        }
    }
    pqi_status st = pqi_agent_audit_verify(c, (const char *const *)paths, (size_t)n, &lines, hash);
    if (st == PQI_ERR_AUTH) {
        return agent_fail(AGENT_FAILED, NULL, "line %llu was altered, or one before it is gone",
            (unsigned long long)lines + 1);
    }
    if (st != PQI_OK) {
        return agent_fail(AGENT_ENV, NULL, "cannot read the audit logs");
    }
    printf("%llu lines, head ", (unsigned long long)lines);
    for (size_t i = 0; i < sizeof hash; i++) {
        printf("%02x", hash[i]);
    }
    printf("\n");
    return AGENT_OK;
}

static int configured(pqi_agent_core *core, int argc, char **argv)
{
    bool check = argc == 4 && strcmp(argv[3], "--check") == 0;
    if (strcmp(argv[1], "--config") != 0) {
        return agent_fail(AGENT_USAGE, "pqi-agent --help", "unknown option %s", argv[1]);
    }
    if (argc < 3) {
        return agent_fail(AGENT_USAGE, "pqi-agent --help", "--config takes a file");
    }
    if (argc > 3 && !check) {
        return agent_fail(AGENT_USAGE, "pqi-agent --help", "unknown option %s", argv[3]);
    }
    int rc = agent_load(core, argv[2]);
    return rc != AGENT_OK || check ? rc : run(core);
}

int main(int argc, char **argv)
{
    static pqi_agent_config config;
    static pqi_agent_core core;
    if (!pqi_std_fds()) {
        return AGENT_ENV;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return help();
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("pqi-agent %s\n", PQI_VERSION);
        return AGENT_OK;
    }
    if (argc >= 2 && strcmp(argv[1], "--verify-audit") == 0) {
        return verify(&pqi_classic_openssl, argc - 2, argv + 2);
    }
    if (argc < 2) {
        return agent_fail(AGENT_USAGE, "pqi-agent --help", "--config FILE is needed");
    }
    core.config = &config;
    core.audit.fd = core.audit.dir = -1;
    (void)pqi_host_algs(&core.algs);
    (void)pthread_mutex_init(&core.acl_mutex, NULL);
    return configured(&core, argc, argv);
}
