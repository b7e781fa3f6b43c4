/* SPDX-License-Identifier: Apache-2.0
 * Frames between the client of a key agent and the agent, docs/spec/agent.md section 2. No I/O: bytes in,
 * structures out and back. Spans point into the frame. */
#ifndef PQI_PORT_LINUX_AGENT_WIRE_H
#define PQI_PORT_LINUX_AGENT_WIRE_H

#include <pqi/provider.h>

#define PQI_AGENT_VERSION   1u
#define PQI_AGENT_MAGIC     0x50514941u /* "PQIA" */
#define PQI_AGENT_LEN       4u          /* length field in front of every frame */
#define PQI_AGENT_FRAME_MIN 8u
#define PQI_AGENT_FRAME_MAX (0x100000u + 0x10000u) /* bytes after the length field */
#define PQI_AGENT_DATA_MAX  (0x100000u + PQI_SEAL_OVERHEAD)
#define PQI_AGENT_CTX_MAX   0x4000u  /* each span of a pqi_box_ctx */
#define PQI_AGENT_CHUNK     0x10000u /* random bytes of one call */
#define PQI_AGENT_TEXT_MAX  160u
#define PQI_AGENT_NAME_MAX  64u /* of a store; domain labels and sealing labels are as long */

typedef enum pqi_agent_op {
    PQI_AGENT_HELLO = 1,
    PQI_AGENT_GENERATE = 2,
    PQI_AGENT_DESTROY = 3,
    PQI_AGENT_INFO = 4,
    PQI_AGENT_PUBLIC_KEY = 5,
    PQI_AGENT_SIGN = 6,
    PQI_AGENT_DECAPSULATE = 7,
    PQI_AGENT_DH = 8,
    PQI_AGENT_DECRYPT = 9,
    PQI_AGENT_RANDOM = 10,
    PQI_AGENT_SEAL = 11,
    PQI_AGENT_UNSEAL = 12,
    PQI_AGENT_COUNTER_GET = 13,
    PQI_AGENT_COUNTER_ADVANCE = 14,
    PQI_AGENT_QUOTE = 15,
    PQI_AGENT_ALG_CAPS = 16,
    PQI_AGENT_ZEROIZE = 17,
    PQI_AGENT_OP_LAST = 17,
    PQI_AGENT_OP_INT32_ = 2147483647
} pqi_agent_op;

/* One for all operations; what an operation does not use is zero. */
typedef struct pqi_agent_req {
    uint8_t op; /* pqi_agent_op */
    uint32_t id;
    pqi_key key, key2; /* key2: the X25519 key of DECRYPT */
    uint8_t kind;
    int32_t alg;
    uint32_t n;                      /* room, length, slot, PCR mask, suite id */
    uint64_t value;                  /* generation, counter */
    pqi_cspan name;                  /* store, domain, label, nonce */
    pqi_cspan salt, info, pre, post; /* of a pqi_box_ctx */
    pqi_cspan capsule, data;         /* data: message, ciphertext, peer, blob */
} pqi_agent_req;

typedef struct pqi_agent_resp {
    uint8_t op;
    uint32_t id;
    pqi_status status;
    uint32_t native;
    pqi_cspan text; /* of the native failure; printable ASCII */
    uint8_t kind;
    int32_t alg;
    uint32_t n, n2; /* n: capabilities, or the need of PQI_ERR_SPACE; n2: length of a public key */
    uint64_t value;
    pqi_cspan name; /* of the provider */
    pqi_cspan data;
} pqi_agent_resp;

/* Writes a frame with its length field. PQI_OK; PQI_ERR_SPACE: *len tells the need;
 * PQI_ERR_LIMIT: a field or the frame is longer than the maximum; PQI_ERR_ARG: no such operation. */
PQI_MUST_CHECK pqi_status pqi_agent_req_write(const pqi_agent_req *q, pqi_span out, size_t *len);
PQI_MUST_CHECK pqi_status pqi_agent_resp_write(const pqi_agent_resp *a, pqi_span out, size_t *len);

/* The bytes after the length field. PQI_OK; PQI_ERR_DECODE, *q and *a are zero. */
PQI_MUST_CHECK pqi_status pqi_agent_req_read(pqi_cspan frame, pqi_agent_req *q);
PQI_MUST_CHECK pqi_status pqi_agent_resp_read(pqi_cspan frame, pqi_agent_resp *a);

/* The length field of 4 bytes; 0: outside of PQI_AGENT_FRAME_MIN..PQI_AGENT_FRAME_MAX. */
size_t pqi_agent_frame_len(const uint8_t len[PQI_AGENT_LEN]);

/* "sign"; NULL for no operation. */
const char *pqi_agent_op_name(uint8_t op);

#endif
