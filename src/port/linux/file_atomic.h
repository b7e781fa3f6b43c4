/* SPDX-License-Identifier: Apache-2.0
 * Whole files, replaced atomically and durably. All functions are thread-safe; two writers of one
 * name need a lock of their own, or the last rename wins.
 *
 * The directory must belong to the caller and be closed to everybody else (mode 0700), and so must a
 * file that is read (0600); symbolic links are refused. Names are 1..PQI_FILE_NAME_MAX bytes, contain
 * no '/' and do not begin with '.'. */
#ifndef PQI_PORT_LINUX_FILE_ATOMIC_H
#define PQI_PORT_LINUX_FILE_ATOMIC_H

#include <pqi/span.h>
#include <pqi/status.h>

#define PQI_FILE_NAME_MAX 200u
#define PQI_FILE_DIR_MAX  4096u

/* `dir` as an absolute path, so that a later chdir() leads to no other directory. Symbolic links stay
 * as they are. PQI_OK; PQI_ERR_ARG: empty, or longer than room - 1 bytes; PQI_ERR_STORAGE: the
 * current directory has no name. On error out[0] is 0. */
PQI_MUST_CHECK pqi_status pqi_file_absolute(const char *dir, char *out, size_t room);

/* Replaces the content of dir/name: new file under an unpredictable name, write, fsync, rename,
 * fsync of the directory. After a crash or an error the file holds the old or the new content, whole.
 * PQI_OK: durable; PQI_ERR_ARG; PQI_ERR_RNG; PQI_ERR_STORAGE: no space, no permission, I/O error; the
 * old content is still there, unless the sync of the directory was what failed. */
PQI_MUST_CHECK pqi_status pqi_file_write_atomic(const char *dir, const char *name, pqi_cspan data);

/* Reads dir/name whole.
 * cap  the most bytes that such a file may have
 * out  room for the content; *len gets its length, or 0 on error
 * PQI_OK; PQI_ERR_MISSING: there is no such file or directory, and for no other reason;
 * PQI_ERR_STORAGE: not readable, longer than cap, not a regular file, open to others;
 * PQI_ERR_SPACE: longer than out, *len tells the need; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_file_read(
    const char *dir, const char *name, size_t cap, pqi_span out, size_t *len);

/* Removes dir/name durably. PQI_OK; PQI_ERR_MISSING; PQI_ERR_STORAGE; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_file_remove(const char *dir, const char *name);

/* Removes temporary files of dir/name that a crash left behind. Call it under the lock of the
 * writers. PQI_OK; PQI_ERR_STORAGE; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_file_sweep(const char *dir, const char *name);

/* Opens dir with the checks above. *fd is the caller's to close.
 * PQI_OK; PQI_ERR_MISSING; PQI_ERR_STORAGE. */
PQI_MUST_CHECK pqi_status pqi_file_open_dir(const char *dir, int *fd);

#endif
