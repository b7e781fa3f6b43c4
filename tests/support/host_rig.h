/* SPDX-License-Identifier: Apache-2.0
 * A host provider in a private directory with a key file, for tests. */
#ifndef PQI_TESTS_HOST_RIG_H
#define PQI_TESTS_HOST_RIG_H

#include "pqi_test.h"
#include "tmp_dir.h"

#include <pqi/host.h>

typedef struct host_rig {
    tmp_dir dir, keys;
    char key_file[128];
    pqi_algs algs;
    pqi_host_provider_cfg cfg;
} host_rig;

static inline void host_rig_write(const char *path, const void *p, size_t n, unsigned mode)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline void host_rig_make(host_rig *r)
{
    static const uint8_t key[40] = "a key file of forty bytes for the tests";
    memset(r, 0, sizeof *r);
    tmp_dir_make(&r->dir);
    tmp_dir_make(&r->keys);
    host_rig_write(tmp_dir_file(&r->keys, "kek", r->key_file), key, sizeof key, 0600);
    pqi_algs_all(&r->algs, &pqi_classic_openssl);
    r->cfg = (pqi_host_provider_cfg){.algs = &r->algs,
        .dir = r->dir.path,
        .kek = {.key_file = r->key_file},
        .create = 1,
        .slots = 4};
}

static inline pqi_provider *host_rig_open(host_rig *r)
{
    pqi_provider *p = NULL;
    assert_int_equal(pqi_host_provider_open(&p, &r->cfg), PQI_OK);
    assert_non_null(p);
    return p;
}

static inline void host_rig_end(host_rig *r)
{
    (void)tmp_dir_clear(&r->dir, 1);
    (void)tmp_dir_clear(&r->keys, 1);
}

#endif
