/* SPDX-License-Identifier: Apache-2.0
 * v1 sealed packets, docs/spec/v1.md: one packet, one message, sealed to one recipient and signed.
 *
 *   0 T  1 flags  2 suite u16  4 kid_S 8  12 kid_R 8  20 seq u64  28 len(AEAD ct) u16
 *   30 gate tag 16 | ct_pq | x_eph 32 | AEAD ct || tag 16 | signature
 *
 * T = 0x11: sealed to the keys of the recipient's certificate. T = 0x12: to a prekey of the recipient
 * (docs/spec/prekeys.md); kid_R is the prekey's id. Flag b2: the message begins with its class and the
 * time after which it is void (docs/spec/expiry.md).
 *
 * This layer is stateless: no window, no budget, no table (endpoint.h has them). All integers are
 * big-endian. Thread-safe: functions touch only their arguments. */
#ifndef PQI_V1_H
#define PQI_V1_H

#include <pqi/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_V1_T          0x11u
#define PQI_V1_T_PREKEY   0x12u
#define PQI_V1_EXPIRES    0x04u /* flag b2 */
#define PQI_V1_EXPIRY_LEN 11u /* class and frame in front of the message, counted as plain bytes */
#define PQI_V1_HDR        30u
#define PQI_V1_GATE       16u
#define PQI_V1_PLAIN_MAX  32768u
#define PQI_V1_PACKET_MAX (PQI_V1_PLAIN_MAX + 8192u)
#define PQI_GATE_KEY      32u

/* Until when a message may be acted on; kind 0: for ever. Past when the time is above value. */
#define PQI_EXPIRY_CONTROL 1u /* value: control epoch << 32 | tick */
#define PQI_EXPIRY_UNIX    2u /* value: unix seconds, not 0 */
typedef struct pqi_expiry {
    uint8_t kind;
    uint64_t value;
} pqi_expiry;

/* What the receiver knows about it. */
typedef enum pqi_expiry_state {
    PQI_EXPIRY_NONE = 0, /* the message has no such time */
    PQI_EXPIRY_IN_TIME,
    PQI_EXPIRY_UNKNOWN, /* it has one, and the receiver cannot tell the time */
    PQI_EXPIRY_PAST,
    PQI_EXPIRY_INT32_ = 2147483647
} pqi_expiry_state;

typedef struct pqi_v1_packet {
    uint8_t type, flags; /* PQI_V1_T, PQI_V1_T_PREKEY; PQI_V1_EXPIRES or 0 */
    const pqi_suite *suite;
    uint8_t kid_s[PQI_KID_LEN], kid_r[PQI_KID_LEN];
    uint64_t seq;
    pqi_cspan hdr, gate, capsule, ct, sig, all; /* into the input */
} pqi_v1_packet;

/* Splits a packet; checks type, flags, suite, lengths. The signature is what is left over: its
 * length is checked against the sender's algorithm later.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_UNSUPPORTED: a suite that is not in `a`. */
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_parse(const pqi_algs *a, pqi_cspan in, pqi_v1_packet *out);

/* Bytes of a packet for n plain bytes. */
PQI_API size_t pqi_v1_len(const pqi_suite *suite, const pqi_sig *sig, size_t n);

/* GK0 of one direction, protocol: HKDF-Expand(HKDF-Extract("PQI4 gate", X25519(own, peer)),
 * "gate" || LV(id_S) || LV(id_R) || epoch_S u32 || epoch_R u32, 32) with SHA-256. */
typedef struct pqi_gate_end {
    pqi_cspan id;
    uint32_t key_epoch;
} pqi_gate_end;
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_gate_key(const pqi_algs *a, pqi_provider *p,
    pqi_key x25519, const uint8_t peer_x25519[PQI_X25519_LEN], const pqi_gate_end *from,
    const pqi_gate_end *to, uint8_t gk[PQI_GATE_KEY]);

/* Everything a packet is bound to besides its own header. */
typedef struct pqi_v1_ends {
    pqi_cspan id_s, id_r, topic;
    pqi_box_peer to;   /* public keys of the recipient */
    const uint8_t *gk; /* PQI_GATE_KEY bytes, S to R; secret */
    /* Empty: `to` is of the certificate, T = 0x11. The 16-byte key id of the recipient's certificate: `to`
     * is one of its prekeys, T = 0x12; the packet is bound to that certificate all the same. */
    pqi_cspan key_id_r;
} pqi_v1_ends;

typedef struct pqi_v1_seal_in {
    const pqi_suite *suite;
    const pqi_sig *sig_alg;
    pqi_key sig_key;
    uint8_t kid_s[PQI_KID_LEN], kid_r[PQI_KID_LEN];
    uint64_t seq; /* never used twice with these kids */
    pqi_v1_ends ends;
    pqi_cspan plain;
    pqi_expiry not_after; /* kind 0: none, and cls is not sent */
    pqi_class cls;
} pqi_v1_seal_in;

/* Seals. tmp: pqi_box_tmp_len(suite). PQI_OK; PQI_ERR_SPACE: *out_len tells the need; PQI_ERR_ARG:
 * plain with expiry longer than PQI_V1_PLAIN_MAX, seq 0, an expiry of no kind; statuses of box, provider and backend. On error out is
 * zero. */
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_seal(const pqi_algs *a, pqi_provider *p,
    const pqi_v1_seal_in *in, pqi_span tmp, pqi_span out, size_t *out_len);

/* The three checks, in the order in which a receiver does them. Each is PQI_OK or PQI_ERR_AUTH (or a
 * platform status). The gate check is symmetric and constant time; nothing asymmetric may run before
 * it succeeded (INV-99). */
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_check_gate(
    const pqi_algs *a, const pqi_v1_packet *k, const pqi_v1_ends *e);
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_check_sig(const pqi_algs *a, const pqi_v1_packet *k,
    const pqi_v1_ends *e, const pqi_sig *alg, pqi_cspan sender_pk, pqi_span tmp);
/* plain.len must be k->ct.len - PQI_AEAD_TAG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_open(const pqi_algs *a, pqi_provider *p, pqi_key kem,
    pqi_key x25519, const pqi_v1_packet *k, const pqi_v1_ends *e, pqi_span plain);

/* The opened plain text of a packet split: without its flag b2 all of it is the message. */
typedef struct pqi_v1_inner {
    pqi_cspan message; /* into plain */
    pqi_class cls;     /* of messages with an expiry; else PQI_CLASS_L */
    pqi_expiry not_after;
} pqi_v1_inner;
/* PQI_OK; PQI_ERR_DECODE: not the one encoding; PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_v1_read_inner(
    const pqi_v1_packet *k, pqi_cspan plain, pqi_v1_inner *out);

#ifdef __cplusplus
}
#endif
#endif
