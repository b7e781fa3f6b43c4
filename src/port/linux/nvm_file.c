/* SPDX-License-Identifier: Apache-2.0
 * pqi_nvm over files, docs/spec/state.md section 2. */
#include <pqi/host_store.h>

#include "port/linux/file_atomic.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX 40u /* "<32>.<1>" and the NUL */

static pqi_status file_of(const char *name, unsigned which, char out[FILE_MAX])
{
    int n = snprintf(out, FILE_MAX, "%s.%u", name, which);
    return n > 0 && (unsigned)n < FILE_MAX && which <= 1 ? PQI_OK : PQI_ERR_ARG;
}

static pqi_status nvm_read(void *ctx, const char *name, unsigned which, pqi_span out, size_t *len)
{
    const pqi_host_nvm *h = ctx;
    char file[FILE_MAX];
    *len = 0;
    pqi_status st = file_of(name, which, file);
    return st != PQI_OK ? st : pqi_file_read(h->dir, file, PQI_HOST_NVM_CAP, out, len);
}

static pqi_status nvm_write(void *ctx, const char *name, unsigned which, pqi_cspan data)
{
    const pqi_host_nvm *h = ctx;
    char file[FILE_MAX];
    if (file_of(name, which, file) != PQI_OK || data.len > PQI_HOST_NVM_CAP) {
        return PQI_ERR_STORAGE;
    }
    /* What an earlier crash left behind goes first: a nearly full disk needs the room. */
    pqi_status st = pqi_file_sweep(h->dir, file);
    if (st == PQI_OK) {
        st = pqi_file_write_atomic(h->dir, file, data);
    }
    return st == PQI_OK ? PQI_OK : PQI_ERR_STORAGE;
}

pqi_status pqi_host_nvm_open(pqi_host_nvm *h, const char *dir)
{
    if (h == NULL || dir == NULL) {
        return PQI_ERR_ARG;
    }
    char path[PQI_HOST_DIR_MAX];
    int fd = -1;
    pqi_status st = pqi_file_absolute(dir, path, sizeof path);
    if (st == PQI_OK) {
        st = pqi_file_open_dir(path, &fd);
    }
    if (st != PQI_OK) {
        return st;
    }
    (void)close(fd);
    memset(h, 0, sizeof *h);
    memcpy(h->dir, path, strlen(path) + 1);
    h->nvm.ctx = h;
    h->nvm.read = nvm_read;
    h->nvm.write = nvm_write;
    return PQI_OK;
}
