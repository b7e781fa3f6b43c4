/* SPDX-License-Identifier: Apache-2.0
 * A private directory for one test, removed with its files afterwards. */
#ifndef PQI_TESTS_TMP_DIR_H
#define PQI_TESTS_TMP_DIR_H

#include "pqi_test.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct tmp_dir {
    char path[64];
} tmp_dir;

static inline void tmp_dir_make(tmp_dir *d)
{
    memcpy(d->path, "/tmp/pqi-test-XXXXXX", sizeof "/tmp/pqi-test-XXXXXX");
    assert_non_null(mkdtemp(d->path)); /* mode 0700 */
}

static inline const char *tmp_dir_file(const tmp_dir *d, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%.60s", d->path, name);
    return out;
}

/* Removes the files and returns how many there were; removes the directory too when asked. */
static inline unsigned tmp_dir_clear(const tmp_dir *d, int whole)
{
    unsigned n = 0;
    DIR *dir = opendir(d->path);
    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            assert_int_equal(unlinkat(dirfd(dir), e->d_name, 0), 0);
            n++;
        }
    }
    (void)closedir(dir);
    if (whole) {
        assert_int_equal(rmdir(d->path), 0);
    }
    return n;
}

static inline unsigned tmp_dir_count(const tmp_dir *d)
{
    unsigned n = 0;
    DIR *dir = opendir(d->path);
    assert_non_null(dir);
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    }
    (void)closedir(dir);
    return n;
}

#endif
