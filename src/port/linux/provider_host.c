/* SPDX-License-Identifier: Apache-2.0
 * The software provider on a Linux host: protected memory, a mutex, two files and a lock.
 *
 * provider.pqi: "PQIP" | version 1 | state 1 | KDF kind 1 | log2 N 1 | r 1 | p 1 | salt 16 |
 * nonce 12 | AES-256-GCM(KEK, saved keys) with everything before the nonce as associated data.
 * The nonce is random; one KEK encrypts one file per key change, far below 2^32 times.
 *
 * Birth: provider.pqi in state "new", counters.pqi, provider.pqi in state "ready". So counters.pqi
 * never exists alone, and a ready provider without it has lost it: both are refused (INV-5). A crash
 * in between leaves "new", which no caller ever got keys from, and the next open finishes it. */
#include "hal/soft.h"
#include "port/linux/file_atomic.h"
#include "port/linux/kek.h"
#include "port/linux/protected_mem.h"

#include <pqi/host.h>
#include <pqi/provider_soft.h>
#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEYS_FILE     "provider.pqi"
#define COUNTERS_FILE "counters.pqi"
#define LOCK_FILE     "lock"

#define VERSION     1u
#define STATE_NEW   1u
#define STATE_READY 2u
#define FIXED_LEN   26u /* before the nonce */
#define NONCE_LEN   PQI_AEAD_NONCE
#define HEADER_LEN  (FIXED_LEN + NONCE_LEN)
#define FILE_CAP    (1024u * 1024u) /* INV-15: keys of 4096 slots need 320 KB */

static const uint8_t magic[4] = {'P', 'Q', 'I', 'P'};

/* The provider is the first member of the first member. */
typedef struct host {
    pqi_soft soft;
    pqi_soft_cfg cfg;
    pqi_pmem mem; /* KEK | memory of pqi_soft | room for saved keys */
    pqi_span stage;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pqi_kek_params kdf;
    uint8_t state;
    int lock_fd;
    pid_t pid; /* the process that opened it */
    char dir[PQI_FILE_DIR_MAX];
} host;

/* Of the last failed file operation on this thread. */
static _Thread_local int native_errno;

static uint8_t *kek_of(const host *h)
{
    return h->mem.data.ptr;
}

/* ---- platform functions of the software provider ------------------------------------------------ */

static void host_lock(void *arg)
{
    (void)pthread_mutex_lock(&((host *)arg)->mutex);
}

static void host_unlock(void *arg)
{
    (void)pthread_mutex_unlock(&((host *)arg)->mutex);
}

static void host_wait(void *arg)
{
    host *h = arg;
    (void)pthread_cond_wait(&h->cond, &h->mutex);
}

static void host_wake(void *arg)
{
    (void)pthread_cond_broadcast(&((host *)arg)->cond);
}

/* Not every kernel wipes the memory of a forked child, so the process is looked at as well. */
static pqi_status host_open_mem(void *arg)
{
    host *h = arg;
    return h->pid == getpid() ? pqi_pmem_open(&h->mem) : PQI_ERR_STATE;
}

/* After zeroize the key-encryption key goes too: it opens every key that is stored. */
static void host_close_mem(void *arg)
{
    host *h = arg;
    if (h->soft.live == 0) {
        pqi_wipe(h->mem.data.ptr, h->mem.data.len);
    }
    pqi_pmem_close(&h->mem);
}

static pqi_status note_errno(pqi_status st)
{
    native_errno = st == PQI_ERR_STORAGE ? errno : 0;
    return st;
}

static uint32_t host_native_error(void *arg, const char **text)
{
    (void)arg;
    const char *t = native_errno != 0 ? strerrordesc_np(native_errno) : "";
    *text = t != NULL ? t : "";
    return (uint32_t)native_errno;
}

static void put_fixed(const host *h, uint8_t out[FIXED_LEN])
{
    memcpy(out, magic, sizeof magic);
    out[4] = VERSION;
    out[5] = h->state;
    out[6] = h->kdf.kind;
    out[7] = h->kdf.log2_n;
    out[8] = h->kdf.r;
    out[9] = h->kdf.parallel;
    memcpy(out + 10, h->kdf.salt, PQI_KEK_SALT);
}

/* The directory still holds the lock of this provider. Without this check a removed lock file, or
 * another directory under the same name, would let two providers overwrite each other's counters. */
static pqi_status still_ours(const host *h)
{
    int dir;
    if (pqi_file_open_dir(h->dir, &dir) != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    struct stat held, named;
    bool seen =
        fstat(h->lock_fd, &held) == 0 && fstatat(dir, LOCK_FILE, &named, AT_SYMLINK_NOFOLLOW) == 0;
    (void)close(dir);
    if (seen && held.st_dev == named.st_dev && held.st_ino == named.st_ino) {
        return PQI_OK;
    }
    errno = ESTALE;
    return PQI_ERR_STORAGE;
}

static pqi_status write_file(const host *h, const char *name, pqi_cspan data)
{
    pqi_status st = still_ours(h);
    if (st == PQI_OK) {
        st = pqi_file_write_atomic(h->dir, name, data);
    }
    return note_errno(st);
}

static pqi_status host_save_keys(void *arg, pqi_cspan plain)
{
    host *h = arg;
    const pqi_classic *c = h->cfg.algs->classic;
    size_t len = HEADER_LEN + plain.len + PQI_AEAD_TAG;
    uint8_t *file = malloc(len);
    if (file == NULL) {
        return PQI_ERR_LIMIT;
    }
    put_fixed(h, file);
    pqi_status st = c->random(file + FIXED_LEN, NONCE_LEN);
    if (st == PQI_OK) {
        const pqi_aead_key k = {
            PQI_AEAD_AES_256_GCM, {kek_of(h), PQI_KEK_LEN}, {file + FIXED_LEN, NONCE_LEN}};
        st = c->aead_seal(&k, (pqi_cspan){file, FIXED_LEN}, plain,
            (pqi_span){file + HEADER_LEN, len - HEADER_LEN});
    }
    if (st == PQI_OK) {
        st = write_file(h, KEYS_FILE, (pqi_cspan){file, len});
    }
    free(file);
    return st;
}

static pqi_status host_save_counters(void *arg, pqi_cspan blob)
{
    return write_file(arg, COUNTERS_FILE, blob);
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
static pqi_status take_dir(host *h, int create)
{
    int dir = -1;
    pqi_status st = create != 0 ? make_dir(h->dir) : PQI_OK;
    if (st == PQI_OK) {
        st = pqi_file_open_dir(h->dir, &dir);
    }
    if (st != PQI_OK) {
        return st;
    }
    h->lock_fd = openat(
        dir, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR);
    (void)close(dir);
    if (h->lock_fd < 0) {
        return PQI_ERR_STORAGE;
    }
    if (flock(h->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? PQI_ERR_STATE : PQI_ERR_STORAGE;
    }
    st = pqi_file_sweep(h->dir, KEYS_FILE);
    return st == PQI_OK ? pqi_file_sweep(h->dir, COUNTERS_FILE) : st;
}

static pqi_status read_counters(const host *h, uint8_t out[PQI_SOFT_COUNTERS_LEN], size_t *len)
{
    return note_errno(pqi_file_read(
        h->dir, COUNTERS_FILE, PQI_SOFT_COUNTERS_LEN, (pqi_span){out, PQI_SOFT_COUNTERS_LEN}, len));
}

/* counters.pqi without provider.pqi: the keys are gone, and that is no fresh start. */
static pqi_status nothing_is_there(const host *h)
{
    uint8_t counters[PQI_SOFT_COUNTERS_LEN];
    size_t n = 0;
    return read_counters(h, counters, &n) == PQI_ERR_MISSING ? PQI_OK : PQI_ERR_STORAGE;
}

static pqi_status parse_fixed(host *h, pqi_cspan file)
{
    const uint8_t *p = file.ptr;
    if (file.len < HEADER_LEN + PQI_AEAD_TAG || memcmp(p, magic, sizeof magic) != 0 ||
        p[4] != VERSION || (p[5] != STATE_NEW && p[5] != STATE_READY)) {
        return PQI_ERR_STORAGE;
    }
    h->state = p[5];
    h->kdf.kind = p[6];
    h->kdf.log2_n = p[7];
    h->kdf.r = p[8];
    h->kdf.parallel = p[9];
    memcpy(h->kdf.salt, p + 10, PQI_KEK_SALT);
    return PQI_OK;
}

/* Decrypts the file into the stage and starts the provider from it. */
static pqi_status load(host *h, const pqi_host_kek_source *kek, pqi_cspan file)
{
    pqi_status st = parse_fixed(h, file);
    if (st == PQI_OK) {
        st = pqi_kek_derive(kek, &h->kdf, kek_of(h));
        st = st == PQI_ERR_DECODE ? PQI_ERR_STORAGE : st;
    }
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan body = {file.ptr + HEADER_LEN, file.len - HEADER_LEN};
    const pqi_span plain = {h->stage.ptr, body.len - PQI_AEAD_TAG};
    if (plain.len > h->stage.len) {
        return PQI_ERR_LIMIT;
    }
    const pqi_aead_key k = {
        PQI_AEAD_AES_256_GCM, {kek_of(h), PQI_KEK_LEN}, {file.ptr + FIXED_LEN, NONCE_LEN}};
    uint8_t counters[PQI_SOFT_COUNTERS_LEN];
    size_t counters_len = 0;
    st = h->cfg.algs->classic->aead_open(&k, (pqi_cspan){file.ptr, FIXED_LEN}, body, plain);
    if (st == PQI_OK) {
        st = read_counters(h, counters, &counters_len);
        st = st == PQI_ERR_MISSING ? PQI_OK : st;
    }
    if (st == PQI_OK && h->state == STATE_READY && counters_len != sizeof counters) {
        st = PQI_ERR_STORAGE; /* gone or cut: never a fresh start */
    }
    if (st == PQI_OK) {
        bool fresh = h->state == STATE_NEW;
        st = pqi_soft_load(&h->soft, &h->cfg, (pqi_cspan){plain.ptr, plain.len},
            (pqi_cspan){counters, fresh ? 0 : counters_len});
    }
    return st;
}

static pqi_status create_new(host *h, const pqi_host_kek_source *kek)
{
    pqi_status st = pqi_kek_new_params(kek, &h->kdf);
    if (st == PQI_OK) {
        st = pqi_kek_derive(kek, &h->kdf, kek_of(h));
    }
    if (st == PQI_OK) {
        h->state = STATE_NEW;
        st = pqi_soft_create(&h->soft, &h->cfg);
    }
    return st;
}

/* The region may be open or closed here, both are fine. */
static void wipe_stage(host *h)
{
    if (pqi_pmem_open(&h->mem) == PQI_OK) {
        pqi_wipe(h->stage.ptr, h->stage.len);
        pqi_pmem_close(&h->mem);
    }
}

static pqi_status load_or_create(host *h, const pqi_host_provider_cfg *cfg)
{
    size_t len = 0;
    uint8_t *file = malloc(FILE_CAP);
    if (file == NULL) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st =
        note_errno(pqi_file_read(h->dir, KEYS_FILE, FILE_CAP, (pqi_span){file, FILE_CAP}, &len));
    if (st == PQI_OK) {
        st = load(h, &cfg->kek, (pqi_cspan){file, len});
        wipe_stage(h);
    } else if (st == PQI_ERR_MISSING) {
        st = nothing_is_there(h);
        if (st == PQI_OK) {
            st = cfg->create != 0 ? create_new(h, &cfg->kek) : PQI_ERR_MISSING;
        }
    }
    free(file);
    if (st == PQI_OK && h->state == STATE_NEW) {
        h->state = STATE_READY;
        st = pqi_soft_save_keys(&h->soft);
    }
    return st;
}

/* Everything in memory: configuration, protected region, mutex. */
static pqi_status set_up(host *h, const pqi_host_provider_cfg *cfg)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    h->cfg = (pqi_soft_cfg){.algs = cfg->algs,
        .platform = {h, host_lock, host_unlock, host_wait, host_wake, host_open_mem, host_close_mem,
            host_save_keys, host_save_counters, host_native_error},
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

static void release(host *h)
{
    pqi_pmem_unmap(&h->mem);
    (void)pthread_cond_destroy(&h->cond);
    (void)pthread_mutex_destroy(&h->mutex);
    if (h->lock_fd >= 0) {
        (void)close(h->lock_fd);
    }
    free(h);
}

pqi_status pqi_host_provider_open(pqi_provider **out, const pqi_host_provider_cfg *cfg)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    *out = NULL;
    if (cfg == NULL || cfg->algs == NULL || cfg->dir == NULL || cfg->dir[0] == 0 ||
        pqi_classic_check(cfg->algs->classic) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    host *h = calloc(1, sizeof *h);
    if (h == NULL) {
        return PQI_ERR_LIMIT;
    }
    h->lock_fd = -1;
    (void)pthread_mutex_init(&h->mutex, NULL); /* default attributes: these cannot fail on Linux */
    (void)pthread_cond_init(&h->cond, NULL);
    h->pid = getpid();
    pqi_kek_params probe; /* exactly one source, before anything is made */
    pqi_status st = pqi_kek_new_params(&cfg->kek, &probe);
    if (st == PQI_OK) {
        st = pqi_file_absolute(cfg->dir, h->dir, sizeof h->dir);
    }
    if (st == PQI_OK) {
        st = set_up(h, cfg);
    }
    if (st == PQI_OK) {
        st = take_dir(h, cfg->create);
    }
    if (st == PQI_OK) {
        st = load_or_create(h, cfg);
    }
    if (st != PQI_OK) {
        release(h);
        return st;
    }
    *out = pqi_soft_provider(&h->soft);
    return PQI_OK;
}

/* A provider of another kind, even one over pqi_soft, is no host. */
static bool is_host(const pqi_provider *p)
{
    const pqi_soft *s = (const pqi_soft *)(const void *)p;
    return p != NULL && p->ops == &pqi_soft_ops && s->cfg.platform.lock == host_lock;
}

void pqi_host_provider_close(pqi_provider *p)
{
    if (is_host(p)) {
        release((host *)(void *)p); /* wipes the memory; soft holds no secret */
    }
}

pqi_status pqi_host_provider_get_facts(const pqi_provider *p, pqi_host_provider_facts *out)
{
    if (!is_host(p) || out == NULL) {
        return PQI_ERR_ARG;
    }
    const host *h = (const host *)(const void *)p;
    *out = (pqi_host_provider_facts){.locked = h->mem.locked,
        .not_dumped = h->mem.not_dumped,
        .wiped_on_fork = h->mem.wiped_on_fork,
        .bytes = h->mem.inner_len};
    return PQI_OK;
}
