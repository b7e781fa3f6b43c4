/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_audit.h"

#include "port/linux/agent_audit_line.h"
#include "port/linux/why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RESERVE_STEP 65536 /* allocated ahead; refilled when a quarter is left */

/* ---- files ---------------------------------------------------------------------------------------- */

static pqi_status split_path(pqi_agent_audit *a, const char *path)
{
    char dir[PQI_DIR_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;
    if (path[0] != '/' || n >= sizeof dir || slash[1] == '\0' ||
        strlen(slash + 1) + 4 > sizeof a->name) {
        return pqi_why(PQI_ERR_ARG, "the audit file needs an absolute path of sensible length");
    }
    memcpy(dir, path, n);
    memcpy(dir + n, n == 0 ? "/" : "", n == 0 ? 2 : 1);
    memcpy(a->name, slash + 1, strlen(slash + 1) + 1);
    a->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return a->dir >= 0 ? PQI_OK
                       : pqi_why(PQI_ERR_STORAGE, "cannot open %s: %s", dir, strerror(errno));
}

/* The last line of a file that is not empty. A line that a crash cut off is finished by nobody: it is
 * taken away, as its answer never went out. */
static pqi_status last_line(pqi_agent_audit *a, int fd, off_t *size, bool mend)
{
    char buf[2 * PQI_AGENT_AUDIT_LINE];
    off_t from = *size > (off_t)sizeof buf ? *size - (off_t)sizeof buf : 0;
    ssize_t n = pread(fd, buf, (size_t)(*size - from), from);
    if (n != *size - from) {
        return PQI_ERR_STORAGE;
    }
    size_t len = (size_t)n;
    while (len != 0 && buf[len - 1] != '\n') {
        len--;
    }
    if (len != (size_t)n) {
        *size = from + (off_t)len;
        if (!mend || ftruncate(fd, *size) != 0) {
            return PQI_ERR_STORAGE;
        }
    }
    if (len == 0) {
        return from == 0 ? PQI_OK : PQI_ERR_STORAGE;
    }
    size_t start = len - 1;
    while (start != 0 && buf[start - 1] != '\n') {
        start--;
    }
    a->cut = !pqi_agent_line_is_stop(buf + start, len - 1 - start);
    return pqi_agent_line_read(buf + start, len - 1 - start, &a->seq, a->hash) ? PQI_OK
                                                                               : PQI_ERR_STORAGE;
}

/* What refusals have of their part already: a restart gives them no new one. */
static pqi_status count_refused(pqi_agent_audit *a)
{
    char line[PQI_AGENT_AUDIT_LINE + 1];
    int fd = openat(a->dir, a->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (f == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return PQI_ERR_STORAGE;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        size_t len = strlen(line);
        a->refused_bytes += pqi_agent_line_is_refusal(line, len) ? (off_t)len : 0;
    }
    pqi_status st = ferror(f) != 0 ? PQI_ERR_STORAGE : PQI_OK;
    (void)fclose(f);
    return st;
}

static void old_name(const pqi_agent_audit *a, unsigned n, char out[224])
{
    (void)snprintf(out, 224, "%s.%u", a->name, n);
}

/* A file that was turned over and whose successor has no line yet carries the chain. */
static pqi_status chain_of_old(pqi_agent_audit *a)
{
    char name[224];
    struct stat sb;
    old_name(a, 1, name);
    int fd = openat(a->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? PQI_OK : PQI_ERR_STORAGE;
    }
    pqi_status st = fstat(fd, &sb) == 0 ? PQI_OK : PQI_ERR_STORAGE;
    if (st == PQI_OK && sb.st_size != 0) {
        st = last_line(a, fd, &sb.st_size, false);
    }
    (void)close(fd);
    return st;
}

static pqi_status open_file(pqi_agent_audit *a)
{
    struct stat sb;
    a->fd = openat(
        a->dir, a->name, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (a->fd < 0 || fstat(a->fd, &sb) != 0) {
        return PQI_ERR_STORAGE;
    }
    a->size = S_ISREG(sb.st_mode) ? sb.st_size : 0;
    a->reserved = a->size;
    return PQI_OK;
}

static uint64_t monotonic_ms(void)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

pqi_status pqi_agent_audit_open(pqi_agent_audit *a, const pqi_classic *c, const char *path,
    uint64_t max_size, unsigned keep, bool sync)
{
    memset(a, 0, sizeof *a);
    a->dir = a->fd = -1;
    a->classic = c;
    a->max_size = max_size > INT64_MAX ? INT64_MAX : (off_t)max_size;
    a->keep = keep > PQI_AGENT_KEEP ? PQI_AGENT_KEEP : keep;
    a->sync = sync;
    a->now_ms = monotonic_ms;
    (void)pthread_mutex_init(&a->mutex, NULL);
    pqi_status st = split_path(a, path);
    if (st != PQI_OK) {
        return st;
    }
    st = open_file(a);
    if (st != PQI_OK) {
        return pqi_why(st, "cannot open the audit file %s: %s", path, strerror(errno));
    }
    st = a->size != 0 ? last_line(a, a->fd, &a->size, true) : PQI_OK;
    if (st == PQI_OK && a->size == 0) {
        st = chain_of_old(a);
    } else if (st == PQI_OK) {
        st = count_refused(a);
    }
    return st == PQI_OK ? st
                        : pqi_why(st, "the last line of %s is damaged: move the file away", path);
}

void pqi_agent_audit_close(pqi_agent_audit *a)
{
    if (a->fd >= 0) {
        pqi_agent_audit_settle(a, true);
        /* what was reserved and not used */
        if (a->reserved > a->size && ftruncate(a->fd, a->size) != 0) {
            a->failed = true;
        }
        (void)close(a->fd);
    }
    if (a->dir >= 0) {
        (void)close(a->dir);
    }
    a->fd = a->dir = -1;
    (void)pthread_mutex_destroy(&a->mutex);
}

/* ---- turning over --------------------------------------------------------------------------------- */

/* Room for lines behind `size`. */
static pqi_status allocate(pqi_agent_audit *a, int fd, off_t size, off_t *reserved)
{
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, size, RESERVE_STEP) == 0) {
        *reserved = size + RESERVE_STEP;
        return PQI_OK;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV) {
        a->no_reserve = true;
        return PQI_OK;
    }
    return PQI_ERR_STORAGE;
}

static bool is_there(const pqi_agent_audit *a, const char *name, struct stat *sb)
{
    return fstatat(a->dir, name, sb, AT_SYMLINK_NOFOLLOW) == 0;
}

/* NAME -> NAME.1 -> NAME.2 ..., up to the first number that is free: a try that is made again pushes no old
 * file out. Where NAME.1 is our file already, an earlier try came so far. */
static pqi_status shift(pqi_agent_audit *a)
{
    char from[224], to[224];
    struct stat own, sb;
    unsigned last = 1;
    old_name(a, 1, to);
    if (fstat(a->fd, &own) != 0) {
        return PQI_ERR_STORAGE;
    }
    if (is_there(a, to, &sb) && sb.st_ino == own.st_ino && sb.st_dev == own.st_dev) {
        return PQI_OK;
    }
    for (old_name(a, last, to); last < a->keep && is_there(a, to, &sb); old_name(a, last, to)) {
        last++;
    }
    for (unsigned n = last; n > 1; n--) {
        old_name(a, n - 1, from);
        old_name(a, n, to);
        if (renameat(a->dir, from, a->dir, to) != 0) {
            return PQI_ERR_STORAGE;
        }
    }
    old_name(a, 1, to);
    return renameat(a->dir, a->name, a->dir, to) == 0 ? PQI_OK : PQI_ERR_STORAGE;
}

/* The new file, with room in it, is there before the old ones are touched; the chain goes on in it. */
static pqi_status turn_over(pqi_agent_audit *a)
{
    char fresh[224];
    off_t reserved = 0;
    (void)snprintf(fresh, sizeof fresh, "%s.new", a->name);
    int fd = openat(a->dir, fresh,
        O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    pqi_status st = fd >= 0 ? PQI_OK : PQI_ERR_STORAGE;
    if (st == PQI_OK && !a->no_reserve) {
        st = allocate(a, fd, 0, &reserved);
    }
    if (st == PQI_OK && a->keep != 0) {
        st = shift(a);
    }
    if (st == PQI_OK && renameat(a->dir, fresh, a->dir, a->name) != 0) {
        st = PQI_ERR_STORAGE;
    }
    if (st != PQI_OK) {
        if (fd >= 0) {
            (void)close(fd);
            (void)unlinkat(a->dir, fresh, 0);
        }
        return st;
    }
    (void)close(a->fd);
    a->fd = fd;
    a->size = 0;
    a->refused_bytes = 0;
    a->reserved = reserved;
    return fsync(a->dir) == 0 ? PQI_OK : PQI_ERR_STORAGE;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static bool is_full(const pqi_agent_audit *a)
{
    return a->max_size != 0 && a->size >= a->max_size;
}

static pqi_status reserve(pqi_agent_audit *a)
{
    if (a->no_reserve || a->reserved - a->size > RESERVE_STEP / 4) {
        return PQI_OK;
    }
    return allocate(a, a->fd, a->size, &a->reserved);
}

/* All of the line or nothing of it. */
static bool append(pqi_agent_audit *a, const char *line, size_t len)
{
    ssize_t n = write(a->fd, line, len);
    if (n != (ssize_t)len) {
        if (n > 0 && ftruncate(a->fd, a->size) != 0) {
            a->failed = true;
        }
        return false;
    }
    a->size += (off_t)len;
    return true;
}

static pqi_status write_locked(
    pqi_agent_audit *a, const pqi_agent_event *e, uint64_t refused, bool folded)
{
    char line[PQI_AGENT_AUDIT_LINE];
    uint8_t hash[PQI_AGENT_HASH];
    if (is_full(a)) { /* this line was promised: else it goes into the old file, as the last */
        (void)turn_over(a);
    }
    memcpy(hash, a->hash, sizeof hash);
    const pqi_agent_line_more more = {refused, folded, a->skipped, a->cut};
    size_t len = pqi_agent_line_make(a->classic, e, a->seq + 1, &more, hash, line);
    if (len == 0 || !append(a, line, len)) {
        a->failed = true;
        return PQI_ERR_STORAGE;
    }
    memcpy(a->hash, hash, sizeof hash);
    a->seq++;
    a->skipped = 0;
    a->cut = false;
    a->refused_bytes += refused != 0 ? (off_t)len : 0;
    a->failed = a->sync && fdatasync(a->fd) != 0;
    return a->failed ? PQI_ERR_STORAGE : PQI_OK;
}

/* ---- refusals ------------------------------------------------------------------------------------- */

/* A line of refusals is written where it takes nothing from others: neither their part of the file, nor the
 * room that was promised to a use of a key. Else they are counted. */
static void put_refused(pqi_agent_audit *a, const pqi_agent_event *e, uint64_t refused, bool folded)
{
    bool room = !a->failed && (!is_full(a) || turn_over(a) == PQI_OK);
    const off_t whole = a->max_size != 0 ? a->max_size : (off_t)PQI_AGENT_UNTURNED;
    room = room &&
           a->refused_bytes + (off_t)PQI_AGENT_AUDIT_LINE <= whole / (off_t)PQI_AGENT_REFUSED_PART;
    if (!room || reserve(a) != PQI_OK || write_locked(a, e, refused, folded) != PQI_OK) {
        a->skipped += refused;
    }
}

static void settle(pqi_agent_audit *a, bool all)
{
    const uint64_t now = a->now_ms();
    for (size_t i = 0; i < PQI_AGENT_FOLDS; i++) {
        pqi_agent_fold *f = &a->fold[i];
        if (!f->used || (!all && now - f->since_ms < PQI_AGENT_FOLD_MS)) {
            continue;
        }
        f->used = false;
        if (f->more != 0) {
            const pqi_agent_peer who = {.uid = f->uid};
            const pqi_agent_event e = {"refused", &who, NULL, NULL, f->status};
            put_refused(a, &e, f->more, true);
        }
    }
}

/* Its window; *first: it begins with this one. NULL: there are too many. */
static pqi_agent_fold *fold_of(pqi_agent_audit *a, uid_t uid, pqi_status status, bool *first)
{
    pqi_agent_fold *room = NULL;
    *first = false;
    for (size_t i = 0; i < PQI_AGENT_FOLDS; i++) {
        pqi_agent_fold *f = &a->fold[i];
        if (f->used && f->uid == uid && f->status == status) {
            return f;
        }
        room = f->used || room != NULL ? room : f;
    }
    *first = room != NULL;
    return room;
}

void pqi_agent_audit_refused(pqi_agent_audit *a, const pqi_agent_event *e)
{
    const uid_t uid = e->who != NULL ? e->who->uid : (uid_t)-1;
    bool first = false;
    (void)pthread_mutex_lock(&a->mutex);
    settle(a, false);
    pqi_agent_fold *f = fold_of(a, uid, e->status, &first);
    if (first) {
        *f = (pqi_agent_fold){true, uid, e->status, a->now_ms(), 0};
        put_refused(a, e, 1, false);
    } else if (f != NULL) {
        f->more++;
    } else {
        a->skipped++;
    }
    (void)pthread_mutex_unlock(&a->mutex);
}

void pqi_agent_audit_settle(pqi_agent_audit *a, bool all)
{
    (void)pthread_mutex_lock(&a->mutex);
    settle(a, all);
    (void)pthread_mutex_unlock(&a->mutex);
}

/* ---- uses of keys --------------------------------------------------------------------------------- */

/* After a failure a line must get through before anything is done again. */
pqi_status pqi_agent_audit_ready(pqi_agent_audit *a)
{
    (void)pthread_mutex_lock(&a->mutex);
    pqi_status st = is_full(a) ? turn_over(a) : PQI_OK;
    if (st == PQI_OK) {
        st = reserve(a);
    }
    if (st == PQI_OK && a->failed) {
        const pqi_agent_event again = {.what = "audit", .status = PQI_OK};
        st = write_locked(a, &again, 0, false);
    }
    if (st != PQI_OK) {
        a->failed = true;
    }
    (void)pthread_mutex_unlock(&a->mutex);
    return st;
}

pqi_status pqi_agent_audit_write(pqi_agent_audit *a, const pqi_agent_event *e)
{
    (void)pthread_mutex_lock(&a->mutex);
    pqi_status st = write_locked(a, e, 0, false);
    (void)pthread_mutex_unlock(&a->mutex);
    return st;
}

/* ---- verifying ------------------------------------------------------------------------------------ */

/* The first line of the oldest file has its predecessor nowhere; line 1 has the hash of zeros before it,
 * any other is taken for what the chain begins with. */
static pqi_status verify_file(
    const pqi_classic *c, FILE *f, uint64_t *lines, uint64_t *last, uint8_t hash[PQI_AGENT_HASH])
{
    char line[PQI_AGENT_AUDIT_LINE + 1];
    while (fgets(line, sizeof line, f) != NULL) {
        size_t len = strlen(line);
        uint64_t seq = 0;
        uint8_t carried[PQI_AGENT_HASH];
        if (len == 0 || line[len - 1] != '\n' ||
            !pqi_agent_line_read(line, len - 1, &seq, carried)) {
            return PQI_ERR_AUTH;
        }
        if (*lines == 0 && seq != 1) {
            memcpy(hash, carried, sizeof carried);
        } else if (seq != *last + 1 || !pqi_agent_line_check(c, line, len - 1, hash)) {
            return PQI_ERR_AUTH;
        }
        *last = seq;
        (*lines)++;
    }
    return ferror(f) != 0 ? PQI_ERR_STORAGE : PQI_OK;
}

pqi_status pqi_agent_audit_verify(const pqi_classic *c, const char *const *paths, size_t n,
    uint64_t *lines, uint8_t hash[PQI_AGENT_HASH])
{
    pqi_status st = PQI_OK;
    uint64_t last = 0;
    *lines = 0;
    memset(hash, 0, PQI_AGENT_HASH);
    for (size_t i = 0; st == PQI_OK && i < n; i++) {
        FILE *f = fopen(paths[i], "re");
        if (f == NULL) {
            return pqi_why(PQI_ERR_STORAGE, "cannot read %s: %s", paths[i], strerror(errno));
        }
        st = verify_file(c, f, lines, &last, hash);
        (void)fclose(f);
    }
    return st;
}
