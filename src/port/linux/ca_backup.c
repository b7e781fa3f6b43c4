/* SPDX-License-Identifier: Apache-2.0
 * Backup: SQLite's online backup of the registry and a copy of the provider's files, made under a
 * new name and renamed when it is whole; a crash leaves a directory TO.part.XXXXXX behind, which is
 * never touched again. The copy of the registry is marked, so that using it
 * always goes through recover. */
#include "port/linux/ca_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pqi_status io_why(const char *what, const char *path)
{
    return pqi_why(PQI_ERR_STORAGE, "cannot %s %s: %s", what, path, strerror(errno));
}

static int copy_fd(int in, int out)
{
    uint8_t buf[8192];
    for (;;) {
        ssize_t n = read(in, buf, sizeof buf);
        if (n == 0) {
            return fsync(out);
        }
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(out, buf + done, (size_t)(n - done));
            if (w < 0 && errno != EINTR) {
                return -1;
            }
            done += w > 0 ? w : 0;
        }
    }
}

static pqi_status copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0) {
        return io_why("read", from);
    }
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    pqi_status st = out < 0 || copy_fd(in, out) != 0 ? io_why("write", to) : PQI_OK;
    if (out >= 0 && close(out) != 0 && st == PQI_OK) {
        st = io_why("write", to);
    }
    (void)close(in);
    return st;
}

static pqi_status sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return io_why("open", dir);
    }
    pqi_status st = fsync(fd) == 0 ? PQI_OK : io_why("sync", dir);
    (void)close(fd);
    return st;
}

static pqi_status copy_entry(const char *from, const char *to, const char *name)
{
    char a[PQI_DIR_PATH_MAX], b[PQI_DIR_PATH_MAX];
    struct stat sb;
    pqi_status st = pqi_dir_path(from, name, a);
    if (st == PQI_OK) {
        st = pqi_dir_path(to, name, b);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (lstat(a, &sb) != 0) {
        return io_why("read", a);
    }
    return S_ISREG(sb.st_mode) ? copy_file(a, b) : PQI_OK; /* sockets and the like are not state */
}

static pqi_status copy_dir(const char *from, const char *to)
{
    if (mkdir(to, 0700) != 0) {
        return io_why("make", to);
    }
    DIR *d = opendir(from);
    if (d == NULL) {
        return io_why("read", from);
    }
    pqi_status st = PQI_OK;
    while (st == PQI_OK) {
        errno = 0;
        const struct dirent *e = readdir(d);
        if (e == NULL) {
            st = errno == 0 ? PQI_OK
                            : io_why("read", from); /* what was not listed would be missing */
            break;
        }
        if (e->d_name[0] != '.') { /* also skips temporary files */
            st = copy_entry(from, to, e->d_name);
        }
    }
    (void)closedir(d);
    return st == PQI_OK ? sync_dir(to) : st;
}

static pqi_status backup_db(pqi_host_ca *ca, const char *path)
{
    sqlite3 *db = NULL;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return io_why("make", path);
    }
    (void)close(fd);
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_backup *b = sqlite3_backup_init(db, "main", ca->db, "main");
        rc = b != NULL ? sqlite3_backup_step(b, -1) : sqlite3_errcode(db);
        if (b != NULL) {
            int end = sqlite3_backup_finish(b);
            rc = rc == SQLITE_DONE ? end : rc;
        }
    }
    pqi_status st = rc == SQLITE_OK ? PQI_OK : pqi_ca_sql_why(db, rc);
    if (st == PQI_OK) {
        st = pqi_ca_run(db, "PRAGMA synchronous=EXTRA", "");
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(db, "UPDATE meta SET restored = 1", "");
    }
    (void)sqlite3_close(db);
    return st;
}

static void empty_dir(int fd)
{
    DIR *d = fdopendir(fd); /* takes fd */
    if (d == NULL) {
        (void)close(fd);
        return;
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        (void)unlinkat(dirfd(d), e->d_name, 0); /* no directory goes this way */
    }
    (void)closedir(d);
}

/* Removes what this run has made under the name that mkdtemp() gave it, and nothing else: links are
 * not followed, and a directory of somebody else is left alone. */
static void remove_part(const char *part)
{
    const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat sb;
    int fd = open(part, how);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &sb) != 0 || sb.st_uid != geteuid() || (sb.st_mode & 077) != 0) {
        (void)close(fd);
        return;
    }
    int keys = openat(fd, "keys", how);
    if (keys >= 0) {
        empty_dir(keys);
        (void)unlinkat(fd, "keys", AT_REMOVEDIR);
    }
    (void)unlinkat(fd, "ca.db", 0);
    (void)unlinkat(fd, "ca.db-journal", 0);
    (void)close(fd);
    (void)rmdir(part);
}

static pqi_status fill(pqi_host_ca *ca, const char *part)
{
    char from[PQI_DIR_PATH_MAX], path[PQI_DIR_PATH_MAX];
    pqi_status st = pqi_dir_path(part, "ca.db", path);
    if (st == PQI_OK) {
        st = backup_db(ca, path);
    }
    if (st == PQI_OK) {
        st = pqi_dir_path(ca->dir, "keys", from);
    }
    if (st == PQI_OK) {
        st = pqi_dir_path(part, "keys", path);
    }
    if (st == PQI_OK) {
        st = copy_dir(from, path);
    }
    return st == PQI_OK ? sync_dir(part) : st;
}

/* The name lasts as well, or there is no backup under it. */
static pqi_status give_name(const char *part, const char *to)
{
    char parent[PQI_DIR_PATH_MAX];
    const char *slash = strrchr(to, '/');
    const int n = slash == NULL ? 0 : slash == to ? 1 : (int)(slash - to);
    (void)snprintf(parent, sizeof parent, "%.*s", n != 0 ? n : 1, n != 0 ? to : ".");
    if (rename(part, to) != 0) {
        return io_why("make", to);
    }
    pqi_status st = sync_dir(parent);
    if (st != PQI_OK && rename(to, part) != 0) {
        return pqi_why(st, "%s is whole, but may be gone after a loss of power: remove it", to);
    }
    return st;
}

pqi_status pqi_host_ca_backup(pqi_host_ca *ca, const char *to)
{
    static const char suffix[] = ".part.XXXXXX";
    char part[PQI_DIR_PATH_MAX];
    struct stat sb;
    pqi_cspan none = {NULL, 0};
    pqi_why_clear();
    size_t n = to != NULL ? strlen(to) : 0;
    if (ca == NULL || n == 0 || n + sizeof suffix > sizeof part || to[n - 1] == '/') {
        return pqi_why(PQI_ERR_ARG, "the name of a new directory is needed, without / at its end");
    }
    if (lstat(to, &sb) == 0) {
        return pqi_why(PQI_ERR_STATE, "%s exists already", to);
    }
    memcpy(part, to, n);
    memcpy(part + n, suffix, sizeof suffix);
    pqi_status st = pqi_ca_begin(ca); /* the note comes first: it is in the copy as well */
    if (st == PQI_OK) {
        st = pqi_ca_commit(ca, "backup", none, "");
    }
    if (st != PQI_OK) {
        return st;
    }
    if (mkdtemp(part) == NULL) {
        return io_why("make", part);
    }
    st = fill(ca, part);
    if (st == PQI_OK) {
        st = give_name(part, to);
    }
    if (st != PQI_OK) {
        remove_part(part);
    }
    return st;
}
