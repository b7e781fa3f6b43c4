/* SPDX-License-Identifier: Apache-2.0
 * What a failed operation tells people, the lock on a directory, and opening its provider: shared by
 * the CA and the device directory. */
#ifndef PQI_PORT_LINUX_WHY_H
#define PQI_PORT_LINUX_WHY_H

#include <pqi/host_device.h>

/* Sets this thread's sentence and returns st. Never name a secret. */
pqi_status pqi_why(pqi_status st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As pqi_why(), but keeps a sentence that a deeper layer has set since pqi_why_clear(). */
pqi_status pqi_why_else(pqi_status st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pqi_why_clear(void);
const char *pqi_why_get(void);

/* mkdir(2) with mode 0700; an existing directory must belong to us and be closed to others. */
PQI_MUST_CHECK pqi_status pqi_dir_make(const char *dir);
/* Only we and root can put files into an existing directory. PQI_ERR_MISSING; PQI_ERR_STORAGE: others can. */
PQI_MUST_CHECK pqi_status pqi_dir_unshared(const char *dir);
/* "dir/name" into out; PQI_ERR_ARG: too long. */
#define PQI_DIR_PATH_MAX 1024u
PQI_MUST_CHECK pqi_status pqi_dir_path(const char *dir, const char *name, char *out);
/* 1: dir/name exists (of whatever kind), 0: it does not, or dir does not. */
int pqi_dir_has(const char *dir, const char *name);

/* Takes DIR/lock exclusively, waits up to 5 s. The descriptor is the caller's to close.
 * PQI_ERR_STATE: another process has it; PQI_ERR_MISSING: no such directory; PQI_ERR_STORAGE. */
PQI_MUST_CHECK pqi_status pqi_dir_lock(const char *dir, int *fd);

/* Opens (create 0) or makes (create 1) the provider in `dir`; algs are borrowed until it is closed.
 * PQI_ERR_MISSING: there is none, and for no other reason. */
PQI_MUST_CHECK pqi_status pqi_keys_open(pqi_provider **out, const pqi_algs *algs, const char *dir,
    const pqi_host_kek_source *kek, int create);

/* The statuses of a provider in words, `what` being "the device's keys" or so. */
pqi_status pqi_keys_why(pqi_status st, const char *what, const char *dir);

/* Scratch that is enough for every algorithm in `a`, bytes. */
size_t pqi_host_tmp_len(const pqi_algs *a);

#endif
