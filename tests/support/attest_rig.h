/* SPDX-License-Identifier: Apache-2.0
 * A verifier, a device with a fake TPM, and what both need: the fleet of the control fixture. */
#ifndef PQI_TESTS_ATTEST_RIG_H
#define PQI_TESTS_ATTEST_RIG_H

#include "support/control_fixture.h"
#include "support/fake_quote.h"

#define RIG_MASK 0x00000081u /* PCR 0 and 7 */

typedef struct rig {
    cx *f;
    fake_tpm tpm;
    pqi_verifier v;
    pqi_attest_peer peers[4];
    pqi_attest_subject pump;
    pqi_now now;
    pqi_attest_policy fields;
    uint8_t policy_mem[2][PQI_ATTEST_POLICY_MAX];
    size_t policy_len;
    uint8_t digests[4 * 32], values[4 * 33], events[8 * 33];
    uint8_t cert[PQI_AK_CERT_MAX];
    size_t cert_len;
    uint8_t challenge[PQI_ATTEST_CHALLENGE_MAX];
    size_t challenge_len;
    uint8_t evidence[40960];
    size_t evidence_len;
    pqi_attest_result r;
    uint8_t nonce; /* of the next question */
} rig;

/* A machine that started well, its AK certificate, and a policy that allows what it is. */
void rig_start(rig *g);
void rig_stop(rig *g);
/* Signs g->fields and puts it in force. */
pqi_status rig_policy(rig *g);
/* fields again: one class "pump" that allows the present values as a whole. */
void rig_allow_now(rig *g);
/* AK certificate of a TPM for a device. */
size_t rig_cert(rig *g, const fake_tpm *t, const char *id, uint32_t flags, uint8_t *out);
pqi_status rig_ask(rig *g);
/* Evidence to the question, as `who` would make it with TPM t; log 1: with the log, 2: without values, 3: log
 * and no values. */
void rig_answer(rig *g, const fake_tpm *t, const pqi_attest_subject *who, int log);
pqi_status rig_take(rig *g);
/* One round: asked, answered, taken. */
pqi_attest_reason rig_round(rig *g, int log);
pqi_attest_state rig_state(const rig *g);

#endif
