/* SPDX-License-Identifier: Apache-2.0
 * Inside of the provider of a Linux host: provider_host.c opens, provider_files.c loads and saves,
 * provider_uri.c tells what to open. */
#ifndef PQI_PORT_LINUX_PROVIDER_INT_H
#define PQI_PORT_LINUX_PROVIDER_INT_H

#include "port/linux/element.h"
#include "port/linux/file_atomic.h"
#include "port/linux/kek.h"
#include "port/linux/protected_mem.h"

#include <pqi/host.h>
#include <pqi/provider_soft.h>

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#define PQI_HOSTP_LOCK    "lock"
#define PQI_HOSTP_URI_MAX 1024u /* with its final NUL */

typedef enum pqi_scheme {
    PQI_SCHEME_NONE = 0,
    PQI_SCHEME_SOFT,
    PQI_SCHEME_TPM,
    PQI_SCHEME_PKCS11,
    PQI_SCHEME_AGENT
} pqi_scheme;

/* The provider is the first member of the first member. */
typedef struct pqi_hostp {
    pqi_soft soft;
    pqi_soft_cfg cfg;
    pqi_pmem mem; /* KEK | memory of pqi_soft | room for saved keys */
    pqi_span stage;
    pqi_host_element *element; /* NULL: software keys, or closed after zeroize */
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pqi_kek_params kdf;
    uint8_t state;
    int lock_fd;
    pid_t pid; /* the process that opened it */
    char dir[PQI_FILE_DIR_MAX];
} pqi_hostp;

uint8_t *pqi_hostp_kek(const pqi_hostp *h);

/* What the hardware behind p says about the P-256 half of a key, over extra: pqi_half of pqi/attest.h.
 * PQI_ERR_UNSUPPORTED: no such provider, or its hardware cannot; PQI_ERR_MISSING: it has no such key. */
PQI_MUST_CHECK pqi_status pqi_hostp_certify(
    pqi_provider *p, pqi_key key, const uint8_t extra[32], pqi_span out, size_t *len);

/* For pqi_soft_platform. */
pqi_status pqi_hostp_save_keys(void *arg, pqi_cspan plain);
pqi_status pqi_hostp_save_counters(void *arg, pqi_cspan blob);
uint32_t pqi_hostp_native_error(void *arg, const char **text);

/* Replaces a file of the directory, as long as it holds our lock. */
PQI_MUST_CHECK pqi_status pqi_hostp_write(const pqi_hostp *h, const char *name, pqi_cspan data);

/* Starts h->soft from the files, or makes it where there are none and cfg says so. */
PQI_MUST_CHECK pqi_status pqi_hostp_load_or_create(pqi_hostp *h, const pqi_host_provider_cfg *cfg);

/* The scheme of a URI; PQI_SCHEME_NONE: no such kind of provider. */
pqi_scheme pqi_uri_scheme(const char *uri);
/* What a directory is, or becomes where `wanted` (may be NULL) is its first URI.
 * uri    out  PQI_HOSTP_URI_MAX bytes
 * known  out  it stands in provider.uri, or needs to stand nowhere
 * PQI_OK; PQI_ERR_ARG: no such kind of provider; PQI_ERR_STATE: the directory is another one;
 * PQI_ERR_STORAGE: provider.uri is damaged. pqi_why() tells all of these. */
PQI_MUST_CHECK pqi_status pqi_uri_of_dir(
    const char *dir, const char *wanted, char *uri, bool *known);
/* The content of provider.uri for a URI. */
PQI_MUST_CHECK pqi_status pqi_uri_save(const char *dir, const char *uri);
#define PQI_URI_FILE "provider.uri"

#endif
