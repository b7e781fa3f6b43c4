/* SPDX-License-Identifier: Apache-2.0
 * INV-14: file writes are atomic, durable and private; INV-15: no read exceeds its cap; INV-5:
 * missing is not damaged. A process killed, or a step that fails, at every numbered point leaves the
 * old content or the new one, whole. */
#include "pqi_test.h"
#include "tmp_dir.h"

#include "port/linux/file_atomic.h"
#include "port/linux/test_point.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define OLD "the old content"
#define NEW "the new content, which is longer"

static unsigned fail_at, kill_at;

static int hook(unsigned point)
{
    if (point == kill_at) {
        _exit(9);
    }
    return point == fail_at ? ENOSPC : 0;
}

static const pqi_cspan old_data = {PQI_LIT(OLD)}, new_data = {PQI_LIT(NEW)};

/* 0: old, 1: new; anything else fails the test. */
static int content(const tmp_dir *d)
{
    uint8_t b[64];
    size_t n = 0;
    assert_int_equal(pqi_file_read(d->path, "f", 64, (pqi_span){b, sizeof b}, &n), PQI_OK);
    if (n == old_data.len && memcmp(b, OLD, n) == 0) {
        return 0;
    }
    assert_int_equal(n, new_data.len);
    assert_memory_equal(b, NEW, n);
    return 1;
}

/* INV-14 */
static void a_failing_step_keeps_the_old_content(void **state)
{
    (void)state;
    tmp_dir d;
    tmp_dir_make(&d);
    pqi_host_set_point_hook(hook);
    for (unsigned p = 1; p <= PQI_POINT_FILE_LAST; p++) {
        fail_at = 0;
        assert_int_equal(pqi_file_write_atomic(d.path, "f", old_data), PQI_OK);
        fail_at = p;
        pqi_status st = pqi_file_write_atomic(d.path, "f", new_data);
        fail_at = 0;
        assert_int_equal(st, p < PQI_POINT_FILE_DONE ? PQI_ERR_STORAGE : PQI_OK);
        assert_int_equal(content(&d), p >= PQI_POINT_FILE_DIR);
        assert_int_equal(tmp_dir_count(&d), 1); /* no temporary file stays */
    }
    pqi_host_set_point_hook(NULL);
    tmp_dir_clear(&d, 1);
}

/* INV-14, INV-11 */
static void a_kill_at_any_point_leaves_old_or_new(void **state)
{
    (void)state;
    tmp_dir d;
    tmp_dir_make(&d);
    for (unsigned p = 1; p <= PQI_POINT_FILE_LAST; p++) {
        assert_int_equal(pqi_file_write_atomic(d.path, "f", old_data), PQI_OK);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            kill_at = p;
            pqi_host_set_point_hook(hook);
            (void)!pqi_file_write_atomic(d.path, "f", new_data);
            _exit(1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
        assert_int_equal(content(&d), p >= PQI_POINT_FILE_DIR);
        assert_int_equal(
            tmp_dir_count(&d), p > PQI_POINT_FILE_TEMP && p < PQI_POINT_FILE_DIR ? 2 : 1);
        assert_int_equal(pqi_file_sweep(d.path, "f"), PQI_OK);
        assert_int_equal(tmp_dir_count(&d), 1);
    }
    tmp_dir_clear(&d, 1);
}

/* A real short write: the file size limit of the process ends inside the content. */
static void a_short_write_is_an_error(void **state)
{
    (void)state;
    tmp_dir d;
    tmp_dir_make(&d);
    assert_int_equal(pqi_file_write_atomic(d.path, "f", old_data), PQI_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit few = {20, 20};
        (void)signal(SIGXFSZ, SIG_IGN);
        int bad = setrlimit(RLIMIT_FSIZE, &few) != 0 ||
                  pqi_file_write_atomic(d.path, "f", new_data) != PQI_ERR_STORAGE;
        _exit(bad);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(content(&d), 0);
    assert_int_equal(tmp_dir_count(&d), 1);
    tmp_dir_clear(&d, 1);
}

/* INV-5, INV-15 */
static void reading_tells_missing_from_damaged(void **state)
{
    (void)state;
    tmp_dir d;
    tmp_dir_make(&d);
    char path[128], other[128];
    uint8_t b[64];
    size_t n = 7;
    const pqi_span out = {b, sizeof b};
    assert_int_equal(pqi_file_read(d.path, "f", 64, out, &n), PQI_ERR_MISSING);
    assert_int_equal(n, 0);
    assert_int_equal(pqi_file_read("/nonexistent/dir", "f", 64, out, &n), PQI_ERR_MISSING);
    assert_int_equal(pqi_file_write_atomic(d.path, "f", old_data), PQI_OK);
    struct stat s;
    assert_int_equal(stat(tmp_dir_file(&d, "f", path), &s), 0);
    assert_int_equal(s.st_mode & 07777, 0600);
    assert_int_equal(pqi_file_read(d.path, "f", old_data.len, out, &n), PQI_OK);
    assert_int_equal(pqi_file_read(d.path, "f", old_data.len - 1, out, &n), PQI_ERR_STORAGE);
    assert_int_equal(pqi_file_read(d.path, "f", 64, (pqi_span){b, 3}, &n), PQI_ERR_SPACE);
    assert_int_equal(n, old_data.len);

    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(pqi_file_read(d.path, "f", 64, out, &n), PQI_ERR_STORAGE);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(d.path, 0750), 0);
    assert_int_equal(pqi_file_read(d.path, "f", 64, out, &n), PQI_ERR_STORAGE);
    assert_int_equal(pqi_file_write_atomic(d.path, "f", new_data), PQI_ERR_STORAGE);
    assert_int_equal(chmod(d.path, 0700), 0);
    assert_int_equal(symlink(path, tmp_dir_file(&d, "link", other)), 0);
    assert_int_equal(pqi_file_read(d.path, "link", 64, out, &n), PQI_ERR_STORAGE);
    assert_int_equal(symlink("/nonexistent", tmp_dir_file(&d, "dangling", other)), 0);
    assert_int_equal(pqi_file_read(d.path, "dangling", 64, out, &n), PQI_ERR_STORAGE);
    assert_int_equal(mkfifo(tmp_dir_file(&d, "fifo", other), 0600), 0);
    assert_int_equal(pqi_file_read(d.path, "fifo", 64, out, &n), PQI_ERR_STORAGE);
    assert_int_equal(pqi_file_write_atomic(d.path, "empty", (pqi_cspan){NULL, 0}), PQI_OK);
    assert_int_equal(pqi_file_read(d.path, "empty", 64, out, &n), PQI_OK);
    assert_int_equal(n, 0);
    assert_int_equal(pqi_file_remove(d.path, "f"), PQI_OK);
    assert_int_equal(pqi_file_remove(d.path, "f"), PQI_ERR_MISSING);
    tmp_dir_clear(&d, 1);
}

static void names_stay_in_the_directory(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", ".hidden", "a/b", "/etc/passwd", NULL};
    uint8_t b[1];
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(pqi_file_write_atomic("/tmp", bad[i], old_data), PQI_ERR_ARG);
        assert_int_equal(pqi_file_read("/tmp", bad[i], 1, (pqi_span){b, 1}, &n), PQI_ERR_ARG);
        assert_int_equal(pqi_file_remove("/tmp", bad[i]), PQI_ERR_ARG);
    }
    char longest[PQI_FILE_NAME_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[PQI_FILE_NAME_MAX + 1] = 0;
    assert_int_equal(pqi_file_write_atomic("/tmp", longest, old_data), PQI_ERR_ARG);
    longest[PQI_FILE_NAME_MAX] = 0;
    tmp_dir d;
    tmp_dir_make(&d);
    assert_int_equal(pqi_file_write_atomic(d.path, longest, old_data), PQI_OK);
    tmp_dir_clear(&d, 1);
}

PQI_TEST_MAIN(cmocka_unit_test(a_failing_step_keeps_the_old_content),
    cmocka_unit_test(a_kill_at_any_point_leaves_old_or_new),
    cmocka_unit_test(a_short_write_is_an_error),
    cmocka_unit_test(reading_tells_missing_from_damaged),
    cmocka_unit_test(names_stay_in_the_directory))
