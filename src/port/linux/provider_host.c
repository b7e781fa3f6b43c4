/* SPDX-License-Identifier: Apache-2.0
 * The provider of a directory on a Linux host: software keys in protected memory, alone or over a TPM or
 * a token, or those of an agent. */
#include "hal/soft.h"
#include "port/linux/pmem_end.h"
#include "port/linux/provider_int.h"
#include "port/linux/regs_wipe.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- platform functions of the software provider ------------------------------------------------ */

/* Every operation comes here before its result leaves. */
static void host_lock(void *arg)
{
    pqi_pmem_end_wait();
    (void)pthread_mutex_lock(&((pqi_hostp *)arg)->mutex);
}

static void host_unlock(void *arg)
{
    (void)pthread_mutex_unlock(&((pqi_hostp *)arg)->mutex);
    pqi_regs_wipe();
}

static void host_wait(void *arg)
{
    pqi_hostp *h = arg;
    (void)pthread_cond_wait(&h->cond, &h->mutex);
}

static void host_wake(void *arg)
{
    (void)pthread_cond_broadcast(&((pqi_hostp *)arg)->cond);
}

/* Not every kernel wipes the memory of a forked child, so the process is looked at as well. */
static pqi_status host_open_mem(void *arg)
{
    pqi_hostp *h = arg;
    return h->pid == getpid() ? pqi_pmem_open(&h->mem) : PQI_ERR_STATE;
}

static void close_element(pqi_hostp *h)
{
    if (h->element != NULL) {
        h->element->close(h->element);
        h->element = NULL;
    }
}

/* After zeroize the key-encryption key goes too: it opens every key that is stored; and so does
 * what the element was opened with. Scratch areas and stage hold nothing between operations. */
static void host_close_mem(void *arg)
{
    pqi_hostp *h = arg;
    h->mem.hidden = PQI_KEK_LEN + h->cfg.mem.len - h->cfg.workers * h->soft.scratch_len;
    if (h->soft.live == 0) {
        pqi_wipe(h->mem.data.ptr, h->mem.data.len);
        close_element(h);
    }
    pqi_pmem_close(&h->mem);
}

/* ---- opening ------------------------------------------------------------------------------------ */

/* Makes the directory durable in its parent: a key that was handed out must not vanish with it. */
static pqi_status make_dir(const char *path)
{
    if (mkdir(path, S_IRWXU) != 0) {
        return errno == EEXIST ? PQI_OK : PQI_ERR_STORAGE;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int parent = fd >= 0 ? openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    bool ok = parent >= 0 && fsync(parent) == 0;
    if (parent >= 0) {
        (void)close(parent);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!ok) {
        (void)rmdir(path); /* or the next start would take it for durable */
    }
    return ok ? PQI_OK : PQI_ERR_STORAGE;
}

/* Directory and lock. The lock ends with the descriptor, also when the process dies. */
static pqi_status take_dir(pqi_hostp *h, int create)
{
    int dir = -1;
    pqi_status st = create != 0 ? make_dir(h->dir) : PQI_OK;
    if (st == PQI_OK) {
        st = pqi_file_open_dir(h->dir, &dir);
    }
    if (st != PQI_OK) {
        return st;
    }
    h->lock_fd = openat(dir, PQI_HOSTP_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        S_IRUSR | S_IWUSR);
    (void)close(dir);
    if (h->lock_fd < 0) {
        return PQI_ERR_STORAGE;
    }
    if (flock(h->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? PQI_ERR_STATE : PQI_ERR_STORAGE;
    }
    static const char *const names[] = {"provider.pqi", "counters.pqi", "root.pqi", PQI_URI_FILE,
        "tpm.keys", "tpm.policy", "p11.id"};
    st = PQI_OK;
    for (size_t i = 0; st == PQI_OK && i < sizeof names / sizeof names[0]; i++) {
        st = pqi_file_sweep(h->dir, names[i]);
    }
    return st;
}

/* Everything in memory: configuration, protected region, mutex. */
static pqi_status set_up(pqi_hostp *h, const pqi_host_provider_cfg *cfg)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    h->cfg = (pqi_soft_cfg){.algs = cfg->algs,
        .platform = {h, host_lock, host_unlock, host_wait, host_wake, host_open_mem, host_close_mem,
            pqi_hostp_save_keys, pqi_hostp_save_counters, pqi_hostp_native_error},
        .element = h->element != NULL ? &h->element->element : NULL,
        .slots = cfg->slots != 0 ? cfg->slots : PQI_HOST_SLOTS_DEFAULT,
        .workers = cfg->workers != 0 ? cfg->workers : PQI_HOST_WORKERS_DEFAULT,
        .flags = PQI_SOFT_CACHE, /* a gateway signs more often than it lacks 240 KB */
        .boot = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
    size_t soft_len = pqi_soft_mem_len(&h->cfg);
    if (soft_len == 0) {
        return PQI_ERR_ARG;
    }
    size_t keys_len = pqi_soft_keys_len(&h->cfg);
    pqi_status st = pqi_pmem_map(&h->mem, PQI_KEK_LEN + soft_len + keys_len);
    if (st == PQI_OK) {
        h->cfg.mem = (pqi_span){h->mem.data.ptr + PQI_KEK_LEN, soft_len};
        h->stage = (pqi_span){h->cfg.mem.ptr + soft_len, keys_len};
    }
    return st;
}

static void release(pqi_hostp *h)
{
    pqi_pmem_unmap(&h->mem);
    close_element(h);
    (void)pthread_cond_destroy(&h->cond);
    (void)pthread_mutex_destroy(&h->mutex);
    if (h->lock_fd >= 0) {
        (void)close(h->lock_fd);
    }
    free(h);
}

/* Before anything is made. */
static bool sizes_are_good(const pqi_host_provider_cfg *cfg)
{
    return cfg->slots <= PQI_SOFT_SLOTS_MAX && cfg->workers <= PQI_SOFT_WORKERS_MAX;
}

/* ---- over an element ---------------------------------------------------------------------------- */

/* The hardware behind a directory. What its driver calls missing is not the directory. */
static pqi_status open_element(pqi_hostp *h, const pqi_host_provider_cfg *cfg, const char *uri)
{
    uint8_t secret[PQI_KEK_SECRET_MAX];
    size_t len = 0;
    pqi_status st = pqi_kek_secret(&cfg->kek, secret, &len);
    if (st == PQI_OK) {
        const pqi_element_cfg e = {.uri = uri,
            .dir = h->dir,
            .secret = {secret, len},
            .create = cfg->create != 0 && pqi_dir_has(h->dir, "provider.pqi") == 0};
        st = pqi_uri_scheme(uri) == PQI_SCHEME_TPM ? pqi_tpm_element_open(&h->element, &e)
                                                   : pqi_p11_element_open(&h->element, &e);
        st = st == PQI_ERR_MISSING ? PQI_ERR_STORAGE : st;
    }
    pqi_wipe(secret, sizeof secret);
    return st;
}

/* Only one process makes a directory, and it may have become something since we looked. */
static pqi_status check_uri(const pqi_hostp *h, const char *uri, bool *known)
{
    char now[PQI_HOSTP_URI_MAX];
    pqi_status st = pqi_uri_of_dir(h->dir, NULL, now, known);
    if (st == PQI_OK && *known && strcmp(now, uri) != 0 &&
        (pqi_uri_scheme(now) != PQI_SCHEME_SOFT || pqi_dir_has(h->dir, "provider.pqi") != 0)) {
        st = pqi_why(PQI_ERR_STATE, "another process made %s for %.60s", h->dir, now);
    }
    return st;
}

static pqi_status start_local(pqi_hostp *h, const pqi_host_provider_cfg *cfg, const char *uri)
{
    bool known = true, hard = pqi_uri_scheme(uri) != PQI_SCHEME_SOFT, wrote = false;
    pqi_status st = take_dir(h, cfg->create);
    if (st == PQI_OK && hard) {
        st = check_uri(h, uri, &known);
        known = known && pqi_dir_has(h->dir, PQI_URI_FILE) != 0;
    }
    if (st == PQI_OK && hard && !known && cfg->create == 0) {
        st = PQI_ERR_MISSING;
    }
    if (st == PQI_OK && hard) {
        st = open_element(h, cfg, uri);
    }
    if (st == PQI_OK) {
        st = set_up(h, cfg);
    }
    if (st == PQI_OK && hard && !known) {
        st = pqi_uri_save(h->dir, uri);
        wrote = st == PQI_OK;
    }
    if (st == PQI_OK) {
        st = pqi_hostp_load_or_create(h, cfg);
    }
    if (st != PQI_OK && wrote && pqi_dir_has(h->dir, "root.pqi") == 0) {
        (void)!pqi_file_remove(h->dir, PQI_URI_FILE); /* nothing came of it */
    }
    return st;
}

static pqi_status open_local(
    pqi_provider **out, const pqi_host_provider_cfg *cfg, const char *dir, const char *uri)
{
    pqi_hostp *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return PQI_ERR_LIMIT;
    }
    h->lock_fd = -1;
    (void)pthread_mutex_init(&h->mutex, NULL); /* default attributes: these cannot fail on Linux */
    (void)pthread_cond_init(&h->cond, NULL);
    h->pid = getpid();
    memcpy(h->dir, dir, sizeof h->dir);
    pqi_status st = start_local(h, cfg, uri);
    pqi_regs_wipe();
    if (st != PQI_OK) {
        release(h);
        return st;
    }
    *out = pqi_soft_provider(&h->soft);
    return PQI_OK;
}

/* A directory of an agent holds its URI and nothing else; the keys are locked where they are. */
static pqi_status open_agent(pqi_provider **out, const pqi_host_provider_cfg *cfg, const char *dir,
    const char *uri, bool known)
{
    if (!known && cfg->create == 0) {
        return PQI_ERR_MISSING;
    }
    pqi_status st = pqi_agent_provider_open(out, uri, cfg->algs);
    st = st == PQI_ERR_MISSING && known ? PQI_ERR_PROVIDER : st;
    if (st == PQI_OK && !known) {
        st = make_dir(dir);
        if (st == PQI_OK) {
            st = pqi_uri_save(dir, uri);
        }
    }
    if (st != PQI_OK && *out != NULL) {
        (void)pqi_agent_provider_close(*out);
        *out = NULL;
    }
    return st;
}

/* How many sources of a secret a kind of provider takes. */
static pqi_status check_source(const pqi_host_kek_source *kek, pqi_scheme scheme)
{
    unsigned n = pqi_kek_sources(kek);
    if (scheme == PQI_SCHEME_SOFT && n != 1) {
        return PQI_ERR_ARG;
    }
    if (scheme == PQI_SCHEME_AGENT && n != 0) {
        return pqi_why(PQI_ERR_ARG,
            "agent: takes no key file, passphrase or credential: its own configuration names them");
    }
    return n > 1 ? pqi_why(PQI_ERR_ARG, "one password or PIN from one source is enough") : PQI_OK;
}

pqi_status pqi_host_provider_open(pqi_provider **out, const pqi_host_provider_cfg *cfg)
{
    char dir[PQI_FILE_DIR_MAX], uri[PQI_HOSTP_URI_MAX];
    bool known = false;
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    *out = NULL;
    if (cfg == NULL || cfg->algs == NULL || cfg->dir == NULL || cfg->dir[0] == 0 ||
        pqi_classic_check(cfg->algs->classic) != PQI_OK || !sizes_are_good(cfg)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_file_absolute(cfg->dir, dir, sizeof dir);
    if (st == PQI_OK) {
        st = pqi_uri_of_dir(dir, cfg->kek.provider, uri, &known);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_scheme scheme = pqi_uri_scheme(uri);
    st = check_source(&cfg->kek, scheme);
    if (st != PQI_OK) {
        return st;
    }
    return scheme == PQI_SCHEME_AGENT ? open_agent(out, cfg, dir, uri, known)
                                      : open_local(out, cfg, dir, uri);
}

/* A provider of another kind, even one over pqi_soft, is no host. */
static bool is_host(const pqi_provider *p)
{
    const pqi_soft *s = (const pqi_soft *)(const void *)p;
    return p != NULL && p->ops != NULL && p->ops->generate == pqi_soft_ops.generate &&
           s->cfg.platform.lock == host_lock;
}

void pqi_host_provider_close(pqi_provider *p)
{
    if (p == NULL || pqi_agent_provider_close(p)) {
        return;
    }
    if (is_host(p)) {
        release((pqi_hostp *)(void *)p); /* wipes the memory; soft holds no secret */
    }
}

pqi_status pqi_host_provider_get_facts(const pqi_provider *p, pqi_host_provider_facts *out)
{
    if (!is_host(p) || out == NULL) {
        return PQI_ERR_ARG;
    }
    const pqi_hostp *h = (const pqi_hostp *)(const void *)p;
    *out = (pqi_host_provider_facts){.locked = h->mem.locked,
        .not_dumped = h->mem.not_dumped,
        .wiped_on_fork = h->mem.wiped_on_fork,
        .bytes = h->mem.inner_len,
        .secret = h->mem.secret};
    return PQI_OK;
}

pqi_status pqi_hostp_certify(
    pqi_provider *p, pqi_key key, const uint8_t extra[32], pqi_span out, size_t *len)
{
    *len = 0;
    if (!is_host(p)) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_host_element *e = ((pqi_hostp *)(void *)p)->element;
    return e != NULL && e->certify != NULL ? e->certify(e, key, extra, out, len)
                                           : PQI_ERR_UNSUPPORTED;
}
