/* SPDX-License-Identifier: Apache-2.0
 * The packets of a v4 handshake and the header of v4 data: docs/spec/v4-handshake.md section 2.
 *
 * Readers take exactly one packet: every length follows from suite, mode and flags, reserved bits are
 * zero. Spans of what was read point into the packet. Writers fill everything but the gate tag, which
 * pqi_hs_gate_tag() of hs_keys.h puts at the end. Everything here is public. All functions are
 * thread-safe; a failed one leaves its output as it was. */
#ifndef PQI_SESSION_HS_WIRE_H
#define PQI_SESSION_HS_WIRE_H

#include <pqi/v1.h>

#include <stdbool.h>

/* First bytes. Mode M has those of mode S and the flag PQI_HS_F_MIXED. */
#define PQI_HS_T_INIT_S  0x48u
#define PQI_HS_T_RESP_S  0x49u
#define PQI_HS_T_CONF_S  0x4au
#define PQI_HS_T_INIT_K  0x4bu
#define PQI_HS_T_RESP_K  0x4cu
#define PQI_HS_T_CONF_K  0x4du
#define PQI_HS_T_CHAL    0x4eu
#define PQI_HS_T_RESUME1 0x50u
#define PQI_HS_T_RESUME2 0x51u
#define PQI_HS_T_REJ     0x52u
#define PQI_HS_T_NOSESS  0x53u

#define PQI_HS_F_NONCE 0x01u /* INIT: a challenge is answered */
#define PQI_HS_F_PSK   0x04u /* INIT and RESP: the site's key is mixed in */
#define PQI_HS_F_MIXED 0x08u /* mode M */

#define PQI_HS_RAND        16u
#define PQI_HS_NONCE       16u
#define PQI_HS_HEAD        8u /* of a head's hash */
#define PQI_HS_GATE        16u
#define PQI_HS_LEVEL_MAX   5u
#define PQI_HS_INIT_HDR    60u
#define PQI_HS_RESP_HDR    48u
#define PQI_HS_CONF_HDR    8u
#define PQI_HS_CHAL_LEN    46u
#define PQI_HS_REJ_LEN     50u
#define PQI_HS_NOSESS_LEN  38u
#define PQI_HS_RESUME1_LEN 46u
#define PQI_HS_RESUME2_LEN 42u
#define PQI_HS_DATA_N_MAX  0xfffffu /* 2^20 messages in an epoch */
#define PQI_HS_CTX_TOPIC   0x01u    /* first byte of a context: an MQTT topic follows, as in v1 */

typedef enum pqi_hs_mode {
    PQI_HS_MODE_S = 1, /* both sign */
    PQI_HS_MODE_K = 2, /* both prove static KEM and X25519 keys */
    PQI_HS_MODE_M = 3, /* the initiator proves static keys, the responder signs */
    PQI_HS_MODE_INT32_ = 2147483647
} pqi_hs_mode;

/* What both ends know of a handshake before they read a RESP or CONF of it. */
typedef struct pqi_hs_form {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    bool psk;             /* the site's key is mixed in */
    const pqi_sig *sig_i; /* mode S; the algorithm of the certificate; NULL else */
    const pqi_sig *sig_r; /* modes S and M; NULL else */
    /* In a composite suite: the static key that the mode uses is a plain one, of the suite's post-quantum
     * half: of I, of R. */
    bool plain_i, plain_r;
} pqi_hs_form;

/* PQI_OK; PQI_ERR_ARG: no suite, no such mode, a signature that the mode has not, or lacks. */
PQI_MUST_CHECK pqi_status pqi_hs_form_check(const pqi_hs_form *f);

/* Bytes of the packets of a checked form. */
size_t pqi_hs_init_len(const pqi_hs_form *f, bool with_nonce);
size_t pqi_hs_resp_len(const pqi_hs_form *f);
size_t pqi_hs_conf_len(const pqi_hs_form *f);

typedef struct pqi_hs_init {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    bool psk;
    uint8_t min_level; /* of the initiator's policy, 0..5 */
    uint64_t seq;      /* not 0 */
    uint32_t rsid_i;   /* not 0 */
    uint32_t head_epoch;
    pqi_cspan kid_r, kid_i; /* 8 bytes each, not equal */
    pqi_cspan head_hash;    /* 8 */
    pqi_cspan rand_i;       /* 16 */
    pqi_cspan nonce;        /* 16, or none */
    pqi_cspan x_i;          /* 32 */
    pqi_cspan ek_i;         /* a public key of the ephemeral KEM */
    pqi_cspan ct_r;         /* mode K: a ciphertext to R's static key; else none */
    pqi_cspan body;         /* read: all but the gate tag */
    pqi_cspan gate;         /* read: 16 */
} pqi_hs_init;

typedef struct pqi_hs_resp {
    uint8_t min_level;
    uint32_t rsid_i, rsid_r; /* neither is 0 */
    uint32_t head_epoch;
    uint64_t init_ctr_r;
    pqi_cspan head_hash; /* 8 */
    pqi_cspan rand_r;    /* 16 */
    pqi_cspan x_r;       /* 32 */
    pqi_cspan ct_e;      /* a ciphertext of the ephemeral KEM */
    pqi_cspan ct_i;      /* modes K and M: a ciphertext to I's static key; else none */
    pqi_cspan auth;      /* signature or nothing, sealed: its length and 16 */
    pqi_cspan open;      /* read: all in front of auth */
    pqi_cspan gate;      /* read: 16 */
} pqi_hs_resp;

typedef struct pqi_hs_conf {
    uint32_t rsid_r; /* not 0 */
    pqi_cspan auth;  /* as in a RESP */
    pqi_cspan open;  /* read: the 8 bytes in front of auth */
} pqi_hs_conf;

/* Reads an INIT. PQI_OK; PQI_ERR_DECODE; PQI_ERR_UNSUPPORTED: the suite is not in the set; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_hs_init_read(const pqi_algs *a, pqi_cspan in, pqi_hs_init *out);

/* Read a RESP or CONF of the handshake f. PQI_OK; PQI_ERR_DECODE: not one of this suite, mode and
 * lengths, or not sound; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_hs_resp_read(const pqi_hs_form *f, pqi_cspan in, pqi_hs_resp *out);
PQI_MUST_CHECK pqi_status pqi_hs_conf_read(const pqi_hs_form *f, pqi_cspan in, pqi_hs_conf *out);

/* Write an INIT with zeros for the gate tag; the part of a RESP or CONF in front of auth, which is what
 * the next transcript hash or the additional data of the AEAD takes. The caller puts auth, and in a
 * RESP the gate tag, behind it. *len gets the bytes written, or needed.
 * PQI_OK; PQI_ERR_SPACE; PQI_ERR_ARG: a field that the reader would refuse. */
PQI_MUST_CHECK pqi_status pqi_hs_init_write(const pqi_hs_init *p, pqi_span out, size_t *len);
PQI_MUST_CHECK pqi_status pqi_hs_resp_write(
    const pqi_hs_form *f, const pqi_hs_resp *p, pqi_span out, size_t *len);
PQI_MUST_CHECK pqi_status pqi_hs_conf_write(
    const pqi_hs_form *f, uint32_t rsid_r, pqi_span out, size_t *len);

/* ---- packets of fixed length --------------------------------------------------------------------- */

typedef enum pqi_hs_reason {
    PQI_HS_REJ_SUITE = 1,    /* not the suite that certificates and policy give */
    PQI_HS_REJ_MODE = 2,     /* not the mode */
    PQI_HS_REJ_POLICY = 3,   /* below the lowest level of the policy */
    PQI_HS_REJ_ROLLBACK = 4, /* a RESUME1 of an epoch or start that is past */
    PQI_HS_REJ_INT32_ = 2147483647
} pqi_hs_reason;

/* One structure for CHAL, REJ, NOSESS, RESUME1 and RESUME2: which fields a type has says the table of
 * section 2.4; the others are 0. */
typedef struct pqi_hs_short {
    uint8_t type;        /* PQI_HS_T_* */
    uint8_t code;        /* REJ: the reason; RESUME1: 1: the generation before is held too */
    uint32_t rsid;       /* not 0 */
    uint32_t epoch;      /* RESUME1, RESUME2: e; REJ: head epoch */
    uint32_t boot;       /* RESUME1 */
    uint64_t hint;       /* CHAL */
    pqi_cspan head_hash; /* REJ: 8 */
    pqi_cspan nonce;     /* 16; REJ: the random bytes of what is rejected */
    pqi_cspan body;      /* read: all but the tag */
    pqi_cspan tag;       /* read: 16 */
} pqi_hs_short;

/* PQI_OK; PQI_ERR_DECODE; PQI_ERR_ARG: out is NULL. */
PQI_MUST_CHECK pqi_status pqi_hs_short_read(pqi_cspan in, pqi_hs_short *out);
/* Writes zeros for the tag. PQI_OK; PQI_ERR_SPACE; PQI_ERR_ARG: a field the reader would refuse. */
PQI_MUST_CHECK pqi_status pqi_hs_short_write(const pqi_hs_short *p, pqi_span out, size_t *len);

/* ---- data ---------------------------------------------------------------------------------------- */

#define PQI_HS_DATA_HDR_MAX 10u

typedef struct pqi_hs_data {
    bool frames, padded;
    bool wide;      /* the epoch has 16 bits */
    bool compact;   /* short numbers: not with wide */
    uint32_t rsid;  /* not 0; compact: below 2^16 */
    uint16_t epoch; /* mod 2^8, wide: mod 2^16 */
    uint32_t n;     /* at most PQI_HS_DATA_N_MAX; compact: below 2^16 */
    pqi_cspan hdr;  /* read: 9 bytes; wide 10; compact 6 */
    pqi_cspan ct;   /* read: the rest, at least a tag and at most PQI_V1_PLAIN_MAX more */
} pqi_hs_data;

PQI_MUST_CHECK pqi_status pqi_hs_data_read(pqi_cspan in, pqi_hs_data *out);
/* Writes the header. PQI_OK; PQI_ERR_SPACE; PQI_ERR_ARG: a field the reader would refuse. */
PQI_MUST_CHECK pqi_status pqi_hs_data_write(const pqi_hs_data *p, pqi_span out, size_t *len);

#endif
