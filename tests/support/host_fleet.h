/* SPDX-License-Identifier: Apache-2.0
 * A fleet for tests: a CA and devices in a temporary directory, driven through the public API. */
#ifndef PQI_TESTS_HOST_FLEET_H
#define PQI_TESTS_HOST_FLEET_H

#include <pqi/host_ca.h>
#include <pqi/host_device.h>

typedef struct fleet {
    char top[64];
    char ca_dir[96], root_dir[96], key_file[96];
    pqi_host_ca_cfg ca_cfg;
    uint8_t hash[32];
    uint64_t now;               /* what the CA's clock says */
    pqi_host_ca_init_opts init; /* algorithms and policy for fleet_init_ca() */
} fleet;

/* A directory with a key file. */
void fleet_begin(fleet *f);
/* fleet_begin() and an initialised CA. */
void fleet_make(fleet *f);
pqi_status fleet_init_ca(fleet *f);
void fleet_end(fleet *f);

/* A buffer for one object. */
typedef struct blob {
    uint8_t *p;
    size_t len;
} blob;
void blob_free(blob *b);
static inline pqi_cspan blob_span(const blob *b)
{
    pqi_cspan v = {b->p, b->len};
    return v;
}

typedef struct node {
    char id[33], dir[96];
    pqi_host_device_cfg cfg;
    pqi_host_join_opts join; /* {0}: the default */
} node;

void node_make(fleet *f, node *n, const char *id);
pqi_status node_init(fleet *f, node *n, blob *factory);
pqi_status node_join(node *n, const blob *challenge, blob *request);
pqi_status node_install(fleet *f, node *n, const blob *grant, uint8_t confirm[PQI_CONFIRM_LEN]);

/* Each opens the CA, does one thing and closes it. */
pqi_status fleet_allow(fleet *f, const char *id, const uint8_t fp[32], int replace);
pqi_status fleet_challenge(fleet *f, const char *id, blob *out);
pqi_status fleet_issue(fleet *f, const blob *request, blob *grant, pqi_host_ca_issued *done);
pqi_status fleet_confirm(fleet *f, const uint8_t confirm[PQI_CONFIRM_LEN]);

/* The whole walk; PQI_OK and the epoch it ended with. */
pqi_status fleet_provision(fleet *f, node *n, uint32_t *epoch);
/* init and allow. */
void fleet_enrol(fleet *f, node *n);

/* Makes the registry one of schema 2, as programs of before had it: of a device's revocations there is the
 * newest alone, and their numbers begin at 2. */
void fleet_schema_2(fleet *f);

/* Runs `cp -a from to`, `rm -rf path`. */
void tree_copy(const char *from, const char *to);
void tree_remove(const char *path);

#endif
