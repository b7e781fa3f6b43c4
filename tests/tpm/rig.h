/* SPDX-License-Identifier: Apache-2.0
 * A software TPM (swtpm) for one test program, in a directory of its own, started and stopped by process
 * id, and a relay between it and the driver that records or changes what passes. */
#ifndef PQI_TESTS_TPM_RIG_H
#define PQI_TESTS_TPM_RIG_H

#include "port/linux/tpm.h"
#include "port/linux/why.h"
#include "pqi_test.h"

#include <sys/types.h>

typedef struct tpm_rig {
    char dir[64];  /* of the TPM */
    char keys[80]; /* of the provider, mode 0700 */
    char uri[320];
    pid_t pid;
} tpm_rig;

/* false: swtpm is not installed; a line says so. */
bool tpm_rig_have(void);
void tpm_rig_make(tpm_rig *r);
void tpm_rig_start(tpm_rig *r);
void tpm_rig_kill(tpm_rig *r); /* as a loss of power: SIGKILL */
void tpm_rig_end(tpm_rig *r);
/* A fresh, empty directory for keys. */
void tpm_rig_new_keys(tpm_rig *r);
/* Options behind the URI: "pcrs=16". NULL: none. */
void tpm_rig_options(tpm_rig *r, const char *options);
/* Runs a command of tpm2-tools and others; %s in it is the TPM's directory. Returns its exit code. */
int tpm_rig_sh(const tpm_rig *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Objects and sessions that are loaded now. */
unsigned tpm_rig_loaded(const tpm_rig *r);
unsigned tpm_rig_persistent(const tpm_rig *r);
/* Opens the element over r->keys; secret NULL: none. */
pqi_status tpm_rig_open(tpm_rig *r, const char *secret, int create, pqi_host_element **out);

#define RELAY_MAX (1u << 20)
typedef struct tpm_relay {
    char path[80]; /* its socket; the TCTI is swtpm:path=... */
    const tpm_rig *rig;
    uint8_t *seen; /* both directions */
    size_t n;
    /* Sees each answer of the TPM with its command, may change it, or cut the connection (returns false). */
    bool (*change)(const uint8_t *cmd, size_t cmd_len, uint8_t *rsp, size_t *rsp_len);
    int listener[2], stop[2];
    pthread_t thread;
} tpm_relay;

void tpm_relay_start(tpm_relay *y, const tpm_rig *r);
void tpm_relay_end(tpm_relay *y);
bool tpm_relay_saw(const tpm_relay *y, const uint8_t *what, size_t n);

#endif
