/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/why.h"

#include "port/linux/kek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 100 /* of 50 ms */

static _Thread_local char why_[320];

static void set_why(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static void set_why(const char *fmt, va_list ap)
{
    (void)vsnprintf(why_, sizeof why_, fmt, ap);
}

pqi_status pqi_why(pqi_status st, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set_why(fmt, ap);
    va_end(ap);
    return st;
}

pqi_status pqi_why_else(pqi_status st, const char *fmt, ...)
{
    if (why_[0] == '\0') {
        va_list ap;
        va_start(ap, fmt);
        set_why(fmt, ap);
        va_end(ap);
    }
    return st;
}

void pqi_why_clear(void)
{
    why_[0] = '\0';
}

const char *pqi_why_get(void)
{
    return why_;
}

pqi_status pqi_dir_path(const char *dir, const char *name, char *out)
{
    int n = snprintf(out, PQI_DIR_PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= PQI_DIR_PATH_MAX) {
        return pqi_why(PQI_ERR_ARG, "the path %.40s... is too long", dir);
    }
    return PQI_OK;
}

int pqi_dir_has(const char *dir, const char *name)
{
    char path[PQI_DIR_PATH_MAX];
    struct stat sb;
    return pqi_dir_path(dir, name, path) == PQI_OK && lstat(path, &sb) == 0;
}

pqi_status pqi_dir_make(const char *dir)
{
    struct stat sb;
    if (dir == NULL || dir[0] == '\0') {
        return pqi_why(PQI_ERR_ARG, "a directory is needed");
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return pqi_why(PQI_ERR_STORAGE, "cannot make the directory %s: %s", dir, strerror(errno));
    }
    if (lstat(dir, &sb) != 0 || !S_ISDIR(sb.st_mode)) {
        return pqi_why(PQI_ERR_STORAGE, "%s is not a directory", dir);
    }
    if (sb.st_uid != geteuid() || (sb.st_mode & 077) != 0) {
        return pqi_why(
            PQI_ERR_STORAGE, "%s must belong to you and be closed to others (chmod 700)", dir);
    }
    return PQI_OK;
}

pqi_status pqi_dir_unshared(const char *dir)
{
    struct stat sb;
    if (stat(dir, &sb) != 0) {
        return errno == ENOENT
                   ? pqi_why(PQI_ERR_MISSING, "there is no directory %s", dir)
                   : pqi_why(PQI_ERR_STORAGE, "cannot read %s: %s", dir, strerror(errno));
    }
    if (!S_ISDIR(sb.st_mode) || (sb.st_uid != geteuid() && sb.st_uid != 0) ||
        (sb.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return pqi_why(PQI_ERR_STORAGE,
            "others can put files into %s: it must be yours and closed to them (chmod 700)", dir);
    }
    return PQI_OK;
}

pqi_status pqi_dir_lock(const char *dir, int *fd)
{
    char path[PQI_DIR_PATH_MAX];
    *fd = -1;
    pqi_status st = pqi_dir_path(dir, "lock", path);
    if (st != PQI_OK) {
        return st;
    }
    int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f < 0) {
        return errno == ENOENT
                   ? pqi_why(PQI_ERR_MISSING, "there is no directory %s", dir)
                   : pqi_why(PQI_ERR_STORAGE, "cannot open %s: %s", path, strerror(errno));
    }
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(f, LOCK_EX | LOCK_NB) == 0) {
            *fd = f;
            return PQI_OK;
        }
        const struct timespec pause = {0, 50 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    (void)close(f);
    return pqi_why(PQI_ERR_STATE, "%s is in use by another process", dir);
}

static pqi_status need_file(const char *path)
{
    struct stat sb;
    if (path != NULL && stat(path, &sb) != 0) {
        return pqi_why(PQI_ERR_STORAGE, "cannot read the key file %s: %s", path, strerror(errno));
    }
    return PQI_OK;
}

pqi_status pqi_keys_open(pqi_provider **out, const pqi_algs *algs, const char *dir,
    const pqi_host_kek_source *kek, int create)
{
    pqi_host_provider_cfg cfg;
    memset(&cfg, 0, sizeof cfg);
    *out = NULL;
    pqi_why_clear();
    pqi_status st = need_file(kek->key_file);
    if (st == PQI_OK) {
        st = need_file(kek->passphrase_file);
    }
    if (st != PQI_OK) {
        return st;
    }
    cfg.algs = algs;
    cfg.dir = dir;
    cfg.kek = *kek;
    cfg.create = create;
    st = pqi_host_provider_open(out, &cfg);
    if (st == PQI_ERR_STORAGE && why_[0] == '\0') {
        pqi_kek_explain(kek);
    }
    return st;
}

pqi_status pqi_keys_why(pqi_status st, const char *what, const char *dir)
{
    if (st == PQI_OK) {
        return st;
    }
    if (st == PQI_ERR_AUTH) {
        return pqi_why_else(st, "this key or passphrase does not open %s in %s", what, dir);
    }
    if (st == PQI_ERR_LOCKED) {
        return pqi_why_else(st, "%s in %s: %s", what, dir, pqi_status_text(st));
    }
    if (st == PQI_ERR_MISSING) {
        return pqi_why_else(st, "there are no keys in %s (%s)", dir, what);
    }
    if (st == PQI_ERR_STATE) {
        return pqi_why_else(st, "%s in %s are in use by another process", what, dir);
    }
    return pqi_why_else(st, "cannot open %s in %s: %s", what, dir, pqi_status_text(st));
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t pqi_host_tmp_len(const pqi_algs *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_sigs; i++) {
        n = larger(n, larger(a->sigs[i]->verify_tmp, a->sigs[i]->sign_tmp));
    }
    for (size_t i = 0; i < a->n_kems; i++) {
        n = larger(n, a->kems[i]->tmp_len);
    }
    for (size_t i = 0; i < a->n_suites; i++) {
        n = larger(n, pqi_box_tmp_len(a->suites[i]));
    }
    /* a grant holds certificate and manifest beside the scratch of its box */
    return n + PQI_CERT_MAX + PQI_MANIFEST_MAX + 4096u;
}
