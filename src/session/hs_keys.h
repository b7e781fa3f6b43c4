/* SPDX-License-Identifier: Apache-2.0
 * Transcript, key schedule and gate tags of the v4 handshake: docs/spec/v4-handshake.md sections 3 to 5.
 * The letters are those of the document.
 *
 * The schedule is one object that goes forward only: it refuses a step out of order, so that no key
 * exists before everything it is to be bound to has been hashed. It holds no asymmetric key: the caller
 * brings shared secrets and signatures. Time depends on lengths, suite and mode only. All functions are
 * thread-safe for different objects; a failed one leaves the schedule as it was and its outputs zero. */
#ifndef PQI_SESSION_HS_KEYS_H
#define PQI_SESSION_HS_KEYS_H

#include "session/hs_wire.h"

#include "suite/combine.h"

#define PQI_HS_KEY 32u /* bytes of every key that leaves the schedule, in every suite */
#define PQI_HS_SID 16u
#define PQI_HS_PSK 32u
#define PQI_HS_TH  48u /* the longest hash of a suite */

_Static_assert(PQI_HS_KEY == PQI_GATE_KEY, "GK replaces the gate key of the same pair");

/* Who the ends are. Ids 1..PQI_ID_MAX bytes, not equal; topics 1..PQI_TOPIC_MAX bytes. A peer keeps no
 * certificate, so its hash stands for it: the suite's hash of the bytes as they were announced. */
typedef struct pqi_hs_ends {
    pqi_cspan id_i, id_r;
    pqi_cspan cert_i, cert_r;   /* the suite's hash length */
    pqi_cspan topic_i, topic_r; /* where the initiator, the responder publishes its packets */
} pqi_hs_ends;

/* The three exchanges, in the order in which their secrets enter. */
typedef enum pqi_hs_exchange {
    PQI_HS_STATIC_R = 0,  /* mode K: ct_R, and x_I with the responder's static key */
    PQI_HS_EPHEMERAL = 1, /* every mode: ct_e, and x_R with x_I */
    PQI_HS_STATIC_I = 2,  /* modes K and M: ct_I, and x_R with the initiator's static key */
    PQI_HS_EXCHANGE_INT32_ = 2147483647
} pqi_hs_exchange;

typedef enum pqi_hs_side {
    PQI_HS_SIDE_I = 0,
    PQI_HS_SIDE_R = 1,
    PQI_HS_SIDE_INT32_ = 2147483647
} pqi_hs_side;

/* Secret. Wiped by pqi_hs_finish() and pqi_hs_drop(). */
typedef struct pqi_hs_sched {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    uint8_t heard;             /* th is th0..th3 */
    uint8_t next;              /* the exchange that prk waits for; 3: none, prk is prk_d */
    uint8_t th[PQI_HS_TH];     /* the suite's hash length; public */
    uint8_t prk[PQI_HASH_MAX]; /* the suite's hash length */
} pqi_hs_sched;

/* Secret but for sid. Wipe it when done. */
typedef struct pqi_hs_out {
    uint8_t rk0[PQI_HS_KEY];                        /* root of epoch 0 */
    uint8_t ck_i2r[PQI_HS_KEY], ck_r2i[PQI_HS_KEY]; /* chains of epoch 0 */
    uint8_t rms0[PQI_HS_KEY];                       /* resumption */
    uint8_t gk_i2r[PQI_HS_KEY], gk_r2i[PQI_HS_KEY]; /* gate keys, by direction */
    uint8_t exporter[PQI_HS_KEY];
    uint8_t sid[PQI_HS_SID]; /* public */
} pqi_hs_out;

/* th0 and prk_a.
 * psk  in  the site's key, 32 bytes, or none
 * PQI_OK; PQI_ERR_ARG: NULL, a mode, an id, a topic or a certificate outside its range; statuses of
 * hash and hmac. */
PQI_MUST_CHECK pqi_status pqi_hs_start(const pqi_classic *c, const pqi_suite *s, pqi_hs_mode mode,
    const pqi_hs_ends *e, pqi_cspan psk, pqi_hs_sched *h);

/* th1 from an INIT without its gate tag, then th2 from a RESP up to auth, then th3 from that auth.
 * PQI_OK; PQI_ERR_ARG: empty; PQI_ERR_STATE: th3 is there; before th3: the secrets are not all in. */
PQI_MUST_CHECK pqi_status pqi_hs_hear(const pqi_classic *c, pqi_hs_sched *h, pqi_cspan bytes);

/* The next prk, from a KEM's and X25519's shared secret.
 * in  k, x_ct and x_pk as in combine.h: x_ct is x_I for STATIC_R and x_R else, x_pk the other X25519
 *     key of the exchange
 * PQI_OK; PQI_ERR_STATE: not the exchange that is due in this mode; statuses of combine.h. */
PQI_MUST_CHECK pqi_status pqi_hs_mix(
    const pqi_classic *c, pqi_hs_sched *h, pqi_hs_exchange x, const pqi_combine_in *in);

/* What a side signs, with its domain: th2 for the responder, th3 for the initiator.
 * PQI_OK; PQI_ERR_STATE: not yet, or the side does not sign in this mode. */
PQI_MUST_CHECK pqi_status pqi_hs_signed(
    const pqi_hs_sched *h, pqi_hs_side side, pqi_cspan *domain, pqi_cspan *msg);

/* Seals or opens auth of a RESP (side R, heard th2) or a CONF (side I, heard th3).
 * conf   in   the 8 bytes in front of auth of a CONF; nothing for a RESP
 * plain       the signature, or nothing where the side does not sign
 * auth        plain.len + PQI_AEAD_TAG bytes; may not overlap plain
 * A second seal under the same th must be of the same bytes: one key, one nonce, one message.
 * PQI_OK; PQI_ERR_AUTH (open): plain is zero; PQI_ERR_STATE: not yet; PQI_ERR_ARG: a length;
 * statuses of hmac and AEAD. */
PQI_MUST_CHECK pqi_status pqi_hs_auth_seal(const pqi_classic *c, const pqi_hs_sched *h,
    pqi_hs_side side, pqi_cspan conf, pqi_cspan plain, pqi_span auth);
PQI_MUST_CHECK pqi_status pqi_hs_auth_open(const pqi_classic *c, const pqi_hs_sched *h,
    pqi_hs_side side, pqi_cspan conf, pqi_cspan auth, pqi_span plain);

/* The outputs; the schedule is wiped, whatever the status but PQI_ERR_STATE: th3 is not there. */
PQI_MUST_CHECK pqi_status pqi_hs_finish(const pqi_classic *c, pqi_hs_sched *h, pqi_hs_out *out);

void pqi_hs_drop(pqi_hs_sched *h);

/* ---- gate ---------------------------------------------------------------------------------------- */

/* Where a packet with a gate tag stands: who sends it to whom on which topic, under the key of that
 * direction. */
typedef struct pqi_hs_gate_in {
    const uint8_t *gk; /* PQI_GATE_KEY bytes, secret */
    pqi_cspan id_from, id_to, topic;
} pqi_hs_gate_in;

/* Puts the tag over the last 16 bytes of an INIT, RESP, CHAL, REJ or NOSESS. PQI_OK; PQI_ERR_ARG: too
 * short, no such type, a length; statuses of hmac. */
PQI_MUST_CHECK pqi_status pqi_hs_gate_tag(
    const pqi_classic *c, const pqi_hs_gate_in *g, pqi_span packet);

/* The only check in front of public-key work: one HMAC-SHA-256. PQI_OK; PQI_ERR_AUTH; PQI_ERR_ARG as
 * above. */
PQI_MUST_CHECK pqi_status pqi_hs_gate_check(
    const pqi_classic *c, const pqi_hs_gate_in *g, pqi_cspan packet);

#endif
