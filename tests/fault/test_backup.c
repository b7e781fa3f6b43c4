/* SPDX-License-Identifier: Apache-2.0
 * A backup of a CA is whole and durable, or it is none: each call of the C library that it copies with fails once. */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

/* The call that fails is the `at`th of its kind; interrupted reads and writes are no failure. */
typedef enum call { NO_CALL, READDIR, LSTAT, READ, WRITE, FSYNC, RENAME } call;
static call which;
static int at, count, error;

static bool fails(call c)
{
    if (which != c || ++count != at) {
        return false;
    }
    errno = error;
    return true;
}

struct dirent *__real_readdir(DIR *d);
int __real_lstat(const char *path, struct stat *sb);
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_write(int fd, const void *buf, size_t n);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
struct dirent *__wrap_readdir(DIR *d);
int __wrap_lstat(const char *path, struct stat *sb);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);

struct dirent *__wrap_readdir(DIR *d)
{
    return fails(READDIR) ? NULL : __real_readdir(d);
}

int __wrap_lstat(const char *path, struct stat *sb)
{
    return fails(LSTAT) ? -1 : __real_lstat(path, sb);
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
    return fails(READ) ? -1 : __real_read(fd, buf, n);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
    return fails(WRITE) ? -1 : __real_write(fd, buf, n);
}

int __wrap_fsync(int fd)
{
    return fails(FSYNC) ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails(RENAME) ? -1 : __real_rename(from, to);
}

static fleet f;

static unsigned files_of(const char *dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e = __real_readdir(d); e != NULL; e = __real_readdir(d)) {
        n += e->d_name[0] != '.';
    }
    (void)closedir(d);
    return n;
}

/* A run in which the given call fails; true: it came so far. */
static bool run(call c, int nth, int e, pqi_status *st)
{
    char to[200];
    (void)snprintf(to, sizeof to, "%s/backup", f.top);
    pqi_host_ca *ca = NULL;
    assert_int_equal(pqi_host_ca_open(&ca, &f.ca_cfg), PQI_OK);
    which = c;
    at = nth;
    error = e;
    count = 0;
    *st = pqi_host_ca_backup(ca, to);
    which = NO_CALL;
    pqi_host_ca_close(ca);
    return count >= nth;
}

static void whole_or_none(call c, int first, int e)
{
    char to[200], keys[220], ca[200];
    (void)snprintf(to, sizeof to, "%s/backup", f.top);
    (void)snprintf(keys, sizeof keys, "%s/keys", to);
    (void)snprintf(ca, sizeof ca, "%s/keys", f.ca_dir);
    const unsigned want = files_of(f.top), n_keys = files_of(ca);
    int nth = first;
    pqi_status st = PQI_OK;
    for (; run(c, nth, e, &st); nth++) {
        if (st == PQI_OK) {             /* what was interrupted went on */
            assert_int_equal(e, EINTR); /* or a copy that lacks something is called a backup */
            assert_int_equal(files_of(keys), n_keys);
            tree_remove(to);
        } else {
            assert_int_not_equal(e, EINTR);
            assert_int_equal(st, PQI_ERR_STORAGE);
            assert_true(pqi_host_ca_why()[0] != '\0');
        }
        assert_int_equal(files_of(f.top), want);
        assert_in_range(nth, first, 200);
    }
    assert_int_equal(st, PQI_OK);
    assert_true(nth > first);
    tree_remove(to);
}

static void each_call(void **state)
{
    (void)state;
    fleet_make(&f);
    whole_or_none(READDIR, 1, EIO);
    whole_or_none(LSTAT, 2, EIO); /* the first looks whether the name is free */
    whole_or_none(READ, 1, EIO);
    whole_or_none(WRITE, 1, ENOSPC);
    whole_or_none(FSYNC, 1, EIO);
    whole_or_none(RENAME, 1, EIO);
    fleet_end(&f);
}

static void interrupted(void **state)
{
    (void)state;
    fleet_make(&f);
    whole_or_none(READ, 1, EINTR);
    whole_or_none(WRITE, 1, EINTR);
    fleet_end(&f);
}

PQI_TEST_MAIN(cmocka_unit_test(each_call), cmocka_unit_test(interrupted))
