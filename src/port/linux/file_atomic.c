/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/file_atomic.h"

#include "port/linux/pmem_end.h"
#include "port/linux/test_point.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* "." name "." 32 hex digits ".tmp" */
#define TEMP_RANDOM   16u
#define TEMP_NAME_MAX (PQI_FILE_NAME_MAX + 2u * TEMP_RANDOM + 7u)

static bool name_is_good(const char *name)
{
    return name != NULL && name[0] != 0 && name[0] != '.' && strchr(name, '/') == NULL &&
           strlen(name) <= PQI_FILE_NAME_MAX;
}

/* Belongs to us and to nobody else. */
static bool is_private(const struct stat *s)
{
    return s->st_uid == geteuid() && (s->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* A test point that sets errno when the step is to fail. */
static bool point(unsigned n)
{
    int e = pqi_host_kill_point(n);
    if (e != 0) {
        errno = e;
    }
    return e == 0;
}

static void close_quietly(int fd)
{
    int e = errno;
    (void)close(fd);
    errno = e;
}

pqi_status pqi_file_absolute(const char *dir, char *out, size_t room)
{
    size_t at = 0, n = strnlen(dir, room);
    out[0] = 0;
    if (n == 0 || n == room) {
        return PQI_ERR_ARG;
    }
    if (dir[0] != '/') {
        if (getcwd(out, room) == NULL) {
            out[0] = 0;
            return errno == ERANGE ? PQI_ERR_ARG : PQI_ERR_STORAGE;
        }
        at = strlen(out);
        if (n + 1 >= room - at) {
            out[0] = 0;
            return PQI_ERR_ARG;
        }
        out[at++] = '/';
    }
    memcpy(out + at, dir, n + 1);
    return PQI_OK;
}

pqi_status pqi_file_open_dir(const char *dir, int *fd)
{
    *fd = -1;
    int d = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (d < 0) {
        return errno == ENOENT ? PQI_ERR_MISSING : PQI_ERR_STORAGE;
    }
    struct stat s;
    if (fstat(d, &s) != 0 || !is_private(&s)) {
        close_quietly(d);
        return PQI_ERR_STORAGE;
    }
    *fd = d;
    return PQI_OK;
}

static pqi_status temp_name(char out[TEMP_NAME_MAX], const char *name)
{
    uint8_t r[TEMP_RANDOM];
    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r) { /* never short up to 256 bytes */
        return PQI_ERR_RNG;
    }
    size_t at = (size_t)snprintf(out, TEMP_NAME_MAX, ".%s.", name);
    for (size_t i = 0; i < sizeof r; i++) {
        (void)snprintf(out + at + 2 * i, 3, "%02x", r[i]);
    }
    memcpy(out + at + 2 * sizeof r, ".tmp", sizeof ".tmp");
    return PQI_OK;
}

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    while (n != 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* Fills and syncs the new file `temp`. */
static bool write_temp(int dir_fd, const char *temp, pqi_cspan data)
{
    int fd = openat(
        dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return false;
    }
    size_t half = data.len / 2;
    bool ok = point(PQI_POINT_FILE_WRITE) && write_all(fd, data.ptr, half) &&
              point(PQI_POINT_FILE_HALF) &&
              (data.len == 0 || write_all(fd, data.ptr + half, data.len - half)) &&
              point(PQI_POINT_FILE_SYNC) && fsync(fd) == 0;
    if (!ok) {
        close_quietly(fd);
        return false;
    }
    return close(fd) == 0;
}

/* False: protected memory was wiped while it may have been in use, so data may be sealed under zeros. It was
 * computed before this look. */
static bool keys_stand(void)
{
    if (pqi_pmem_end_torn()) {
        errno = ECANCELED;
        return false;
    }
    return true;
}

pqi_status pqi_file_write_atomic(const char *dir, const char *name, pqi_cspan data)
{
    if (dir == NULL || !name_is_good(name) || (data.ptr == NULL && data.len != 0)) {
        return PQI_ERR_ARG;
    }
    char temp[TEMP_NAME_MAX];
    pqi_status st = temp_name(temp, name);
    if (st != PQI_OK) {
        return st;
    }
    int fd;
    if (pqi_file_open_dir(dir, &fd) != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    bool ok = point(PQI_POINT_FILE_TEMP) && write_temp(fd, temp, data) &&
              point(PQI_POINT_FILE_RENAME) && keys_stand() && renameat(fd, temp, fd, name) == 0;
    if (ok) {
        ok = point(PQI_POINT_FILE_DIR) && fsync(fd) == 0;
    } else {
        int e = errno;               /* of the step that failed, for the log of the caller */
        (void)unlinkat(fd, temp, 0); /* may not exist; what stays is swept at the next start */
        errno = e;
    }
    close_quietly(fd);
    (void)pqi_host_kill_point(PQI_POINT_FILE_DONE);
    return ok ? PQI_OK : PQI_ERR_STORAGE;
}

static bool read_exactly(int fd, uint8_t *p, size_t n)
{
    while (n != 0) {
        ssize_t done = read(fd, p, n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return false;
        }
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static pqi_status read_open_file(int fd, size_t cap, pqi_span out, size_t *len)
{
    struct stat s;
    if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || !is_private(&s) || s.st_size < 0 ||
        (uintmax_t)s.st_size > cap) {
        return PQI_ERR_STORAGE;
    }
    size_t n = (size_t)s.st_size;
    if (n > out.len) {
        *len = n;
        return PQI_ERR_SPACE;
    }
    if (!read_exactly(fd, out.ptr, n)) {
        if (n != 0) {
            memset(out.ptr, 0, n);
        }
        return PQI_ERR_STORAGE;
    }
    *len = n;
    return PQI_OK;
}

pqi_status pqi_file_read(const char *dir, const char *name, size_t cap, pqi_span out, size_t *len)
{
    if (dir == NULL || !name_is_good(name) || len == NULL || (out.ptr == NULL && out.len != 0)) {
        return PQI_ERR_ARG;
    }
    *len = 0;
    int dir_fd;
    pqi_status st = pqi_file_open_dir(dir, &dir_fd);
    if (st != PQI_OK) {
        return st;
    }
    /* O_NONBLOCK: opening a FIFO must not hang; it is refused after fstat. */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        st = errno == ENOENT ? PQI_ERR_MISSING : PQI_ERR_STORAGE;
    } else {
        st = read_open_file(fd, cap, out, len);
        close_quietly(fd);
    }
    close_quietly(dir_fd);
    return st;
}

pqi_status pqi_file_remove(const char *dir, const char *name)
{
    if (dir == NULL || !name_is_good(name)) {
        return PQI_ERR_ARG;
    }
    int fd;
    pqi_status st = pqi_file_open_dir(dir, &fd);
    if (st != PQI_OK) {
        return st;
    }
    if (unlinkat(fd, name, 0) != 0) {
        st = errno == ENOENT ? PQI_ERR_MISSING : PQI_ERR_STORAGE;
    } else if (fsync(fd) != 0) {
        st = PQI_ERR_STORAGE;
    }
    close_quietly(fd);
    return st;
}

/* ".name." followed by a temporary suffix. */
static bool is_temp_of(const char *entry, const char *name)
{
    size_t n = strlen(name), len = strlen(entry);
    return len == n + 2u + 2u * TEMP_RANDOM + 4u && entry[0] == '.' &&
           strncmp(entry + 1, name, n) == 0 && entry[n + 1] == '.' &&
           strcmp(entry + len - 4, ".tmp") == 0;
}

pqi_status pqi_file_sweep(const char *dir, const char *name)
{
    if (dir == NULL || !name_is_good(name)) {
        return PQI_ERR_ARG;
    }
    int fd;
    if (pqi_file_open_dir(dir, &fd) != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    DIR *d = fdopendir(fd); /* takes fd */
    if (d == NULL) {
        close_quietly(fd);
        return PQI_ERR_STORAGE;
    }
    bool ok = true;
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL) {
            ok = ok && errno == 0;
            break;
        }
        if (is_temp_of(e->d_name, name) && unlinkat(dirfd(d), e->d_name, 0) != 0) {
            ok = false;
        }
    }
    (void)closedir(d);
    return ok ? PQI_OK : PQI_ERR_STORAGE;
}
