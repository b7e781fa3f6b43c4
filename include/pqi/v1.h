/* SPDX-License-Identifier: Apache-2.0
 * v1 sealed packets, docs/spec/v1.md: one packet, one message, sealed to one recipient and signed.
 *
 *   0 T=0x11  1 flags  2 suite u16  4 kid_S 8  12 kid_R 8  20 seq u64  28 len(AEAD ct) u16
 *   30 gate tag 16 | ct_pq | x_eph 32 | AEAD ct || tag 16 | signature
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
#define PQI_V1_HDR        30u
#define PQI_V1_GATE       16u
#define PQI_V1_PLAIN_MAX  32768u
#define PQI_V1_PACKET_MAX (PQI_V1_PLAIN_MAX + 8192u)
#define PQI_GATE_KEY      32u

typedef struct pqi_v1_packet {
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
} pqi_v1_ends;

typedef struct pqi_v1_seal_in {
    const pqi_suite *suite;
    const pqi_sig *sig_alg;
    pqi_key sig_key;
    uint8_t kid_s[PQI_KID_LEN], kid_r[PQI_KID_LEN];
    uint64_t seq; /* never used twice with these kids */
    pqi_v1_ends ends;
    pqi_cspan plain;
} pqi_v1_seal_in;

/* Seals. tmp: pqi_box_tmp_len(suite). PQI_OK; PQI_ERR_SPACE: *out_len tells the need; PQI_ERR_ARG:
 * plain longer than PQI_V1_PLAIN_MAX, seq 0; statuses of box, provider and backend. On error out is
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

#ifdef __cplusplus
}
#endif
#endif
