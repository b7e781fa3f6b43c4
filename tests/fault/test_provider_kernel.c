/* SPDX-License-Identifier: Apache-2.0
 * The host provider over a kernel that does less: INV-14 where only what was synced outlives a
 * power cut. The linker replaces fsync(). */
#include "support/host_rig.h"

int real_fsync(int fd) __asm__("__real_fsync");
int wrap_fsync(int fd) __asm__("__wrap_fsync");

static ino_t watched;
static unsigned synced, fail_sync_of_watched;

int wrap_fsync(int fd)
{
    struct stat s;
    if (fstat(fd, &s) == 0 && s.st_ino == watched) {
        synced++;
        if (fail_sync_of_watched) {
            return -1;
        }
    }
    return real_fsync(fd);
}

static host_rig r;

/* INV-14: the entry of a new directory is durable before a key in it is handed out. */
static void a_new_directory_is_synced_in_its_parent(void **state)
{
    (void)state;
    char path[128];
    struct stat s;
    host_rig_make(&r);
    assert_int_equal(stat(r.dir.path, &s), 0);
    watched = s.st_ino;
    r.cfg.dir = tmp_dir_file(&r.dir, "new", path);
    fail_sync_of_watched = 1;
    pqi_provider *p = NULL;
    assert_int_equal(pqi_host_provider_open(&p, &r.cfg), PQI_ERR_STORAGE);
    assert_null(p);
    assert_int_equal(tmp_dir_count(&r.dir), 0); /* as before */
    fail_sync_of_watched = 0;
    synced = 0;
    p = host_rig_open(&r);
    assert_int_equal(synced, 1);
    pqi_host_provider_close(p);
    tmp_dir made = {{0}};
    memcpy(made.path, path, strlen(path) + 1);
    (void)tmp_dir_clear(&made, 1);
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(a_new_directory_is_synced_in_its_parent))
