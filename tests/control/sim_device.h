/* SPDX-License-Identifier: Apache-2.0
 * Simulated devices for tests/control/fleet_sim.c: each has keys that follow from a secret of the whole
 * simulation and its number, a certificate, and a real control state (pqi/ctl.h) whose records lie in
 * memory. What is simulated is the hardware: no device here has storage or a wire of its own. */
#ifndef PQI_TESTS_SIM_DEVICE_H
#define PQI_TESTS_SIM_DEVICE_H

#include <pqi/ctl.h>
#include <pqi/host.h>
#include <pqi/join.h>

#define SIM_MAX     5000u
#define SIM_REVOKED 64u
#define SIM_RECORDS 6u
#define SIM_POLICY  2048u

typedef struct sim_slot {
    char name[16];
    uint8_t *bytes[2];
    size_t len[2];
} sim_slot;

typedef struct sim_device {
    struct sim *sim;
    uint32_t number;
    char id[PQI_ID_MAX + 1];
    pqi_provider provider;
    uint64_t counters[PQI_COUNTER_SLOTS];
    sim_slot rec[SIM_RECORDS];
    pqi_nvm nvm;
    uint8_t *manifest_mem, policy_mem[SIM_POLICY];
    pqi_revoked revoked[SIM_REVOKED];
    pqi_leaf leaf;
    uint8_t kid[PQI_KID_LEN];
    pqi_ctl ctl;
    uint64_t ask_ms; /* when it may have a question */
} sim_device;

typedef struct sim {
    pqi_algs algs;
    uint8_t secret[32], pinned[32];
    uint32_t n;
    sim_device *d;
    pqi_span manifest; /* of the pinned root: from the first grant */
    pqi_span tmp;      /* of all of them: one thread */
    uint64_t taken[PQI_OBJ_COUNT_];
} sim;

/* n devices sim-0001, ... whose keys follow from the secret. */
int sim_init(sim *s, uint32_t n, const uint8_t secret[32], const uint8_t pinned[32]);
void sim_free(sim *s);

/* Provisioning; out: enough for the object. */
pqi_status sim_fingerprint(sim_device *d, uint8_t out[32]);
pqi_status sim_join(sim_device *d, pqi_cspan challenge, pqi_span out, size_t *len);
/* Checks the grant, keeps certificate and manifest, makes the confirmation. */
pqi_status sim_install(sim_device *d, pqi_cspan challenge, pqi_cspan grant, pqi_span cert,
    size_t *cert_len, uint8_t confirm[PQI_CONFIRM_LEN]);

/* A start: from its certificate, with nothing stored. */
pqi_status sim_start(sim_device *d, pqi_cspan cert, const pqi_now *now);

#endif
