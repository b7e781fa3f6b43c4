/* SPDX-License-Identifier: Apache-2.0 */
#include "support/kill_vfs.h"

#include "port/linux/test_point.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

typedef struct shim_file {
    sqlite3_file base;
    sqlite3_file *real;
} shim_file;

static sqlite3_vfs *real_;
static sqlite3_vfs vfs_;
static kill_mode mode_;
static unsigned target_, steps_;

/* 0: go on, 1: die now, 2: fail now. */
static int count(void)
{
    steps_++;
    if (mode_ == KILL_DIE && steps_ == target_) {
        return 1;
    }
    return mode_ == KILL_FULL && steps_ >= target_ ? 2 : 0;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((shim_file *)(void *)f)->real;
}

static int f_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}
static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}
static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    switch (count()) {
    case 1:
        (void)real_of(f)->pMethods->xWrite(real_of(f), p, n / 2, at); /* torn */
        _exit(KILL_EXIT);
    case 2:
        return SQLITE_FULL;
    default:
        return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
    }
}
static int f_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    if (count() == 1) {
        _exit(KILL_EXIT);
    }
    return real_of(f)->pMethods->xTruncate(real_of(f), n);
}
static int f_sync(sqlite3_file *f, int flags)
{
    if (count() == 1) {
        _exit(KILL_EXIT);
    }
    return real_of(f)->pMethods->xSync(real_of(f), flags);
}
static int f_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), n);
}
static int f_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}
static int f_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}
static int f_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}
static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}
static int f_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}
static int f_character(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static const sqlite3_io_methods methods_ = {.iVersion = 1,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_character};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)v;
    shim_file *s = (shim_file *)(void *)f;
    memset(s, 0, sizeof *s);
    s->real = (sqlite3_file *)(void *)(s + 1);
    int rc = real_->xOpen(real_, name, s->real, flags, out);
    s->base.pMethods = s->real->pMethods != NULL ? &methods_ : NULL;
    return rc;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v;
    if (count() == 1) {
        _exit(KILL_EXIT);
    }
    return real_->xDelete(real_, name, sync);
}

static int point(unsigned p)
{
    (void)p;
    switch (count()) {
    case 1:
        _exit(KILL_EXIT);
    case 2:
        return ENOSPC;
    default:
        return 0;
    }
}

void kill_vfs_install(void)
{
    real_ = sqlite3_vfs_find(NULL);
    vfs_ = *real_;
    vfs_.zName = "kill";
    vfs_.szOsFile = (int)sizeof(shim_file) + real_->szOsFile;
    vfs_.xOpen = v_open;
    vfs_.xDelete = v_delete;
    (void)sqlite3_vfs_register(&vfs_, 1);
    pqi_host_set_point_hook(point);
}

void kill_vfs_arm(kill_mode mode, unsigned step)
{
    mode_ = mode;
    target_ = step;
    steps_ = 0;
}

unsigned kill_vfs_steps(void)
{
    return steps_;
}
