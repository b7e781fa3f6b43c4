/* SPDX-License-Identifier: Apache-2.0
 * The host provider over a kernel that does less: INV-2 where the memory of a forked child is not
 * wiped; INV-14 where only what was synced outlives a power cut. The linker replaces madvise() and
 * fsync(). */
#include "support/host_rig.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

int real_madvise(void *p, size_t n, int advice) __asm__("__real_madvise");
int wrap_madvise(void *p, size_t n, int advice) __asm__("__wrap_madvise");
int real_fsync(int fd) __asm__("__real_fsync");
int wrap_fsync(int fd) __asm__("__wrap_fsync");

static int no_wipe_on_fork;
static ino_t watched;
static unsigned synced, fail_sync_of_watched;

int wrap_madvise(void *p, size_t n, int advice)
{
    bool fork_only = advice == MADV_WIPEONFORK || advice == MADV_DONTFORK;
    return no_wipe_on_fork && fork_only ? -1 : real_madvise(p, n, advice);
}

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

/* INV-2, INV-6: the child is refused by its process id; it neither has the keys nor writes counters
 * that take those of its parent back. */
static void a_forked_child_is_refused_by_its_id(void **state)
{
    (void)state;
    int status = 1;
    uint64_t v = 0;
    host_rig_make(&r);
    no_wipe_on_fork = 1;
    pqi_provider *p = host_rig_open(&r);
    pqi_host_provider_facts facts;
    assert_int_equal(pqi_host_provider_get_facts(p, &facts), PQI_OK);
    assert_int_equal(facts.wiped_on_fork, 0);
    assert_int_equal(facts.secret, 0); /* secret pages that a child would share are not used */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint8_t b[8];
        int bad = pqi_provider_random(p, (pqi_span){b, 8}) != PQI_ERR_STATE;
        bad |= pqi_provider_counter_advance(p, 0, 7) != PQI_ERR_STATE;
        pqi_host_provider_close(p);
        _exit(bad);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(pqi_provider_counter_get(p, 0, &v), PQI_OK);
    assert_int_equal(v, 0);
    pqi_host_provider_close(p);
    no_wipe_on_fork = 0;
    host_rig_end(&r);
}

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

PQI_TEST_MAIN(cmocka_unit_test(a_forked_child_is_refused_by_its_id),
    cmocka_unit_test(a_new_directory_is_synced_in_its_parent))
