/* SPDX-License-Identifier: Apache-2.0
 * v4 sessions of an endpoint: what the caller chooses and what it can see. The endpoint makes, keeps and
 * heals them by itself; docs/spec/session.md says how.
 *
 * Nothing here is secret. Thread-safe: constants and plain structures. */
#ifndef PQI_SESSION_H
#define PQI_SESSION_H

#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which packets carry messages. */
typedef enum pqi_session_use {
    PQI_SESSIONS_OFF = 0,     /* v1 packets only */
    PQI_SESSIONS_PREFER = 1,  /* a session where there is one, else v1 while one is being made */
    PQI_SESSIONS_REQUIRE = 2, /* no v1 message is sent or accepted (INV-61) */
    PQI_SESSIONS_INT32_ = 2147483647
} pqi_session_use;

/* Memory of one session: how far out of order messages may come. docs/spec/chain.md section 5. */
typedef enum pqi_session_reach {
    PQI_SESSION_STD = 0,     /* at most 2,000 bytes */
    PQI_SESSION_TINY = 1,    /* at most 1,300 bytes; both ends of a pair need the same depth */
    PQI_SESSION_GATEWAY = 2, /* reaches farther back */
    PQI_SESSION_REACH_INT32_ = 2147483647
} pqi_session_reach;

/* How the ends prove themselves: bits of pqi_session_cfg.modes. Which one a pair uses follows from its
 * certificates and from this; it is never negotiated. docs/spec/v4-handshake.md section 1. */
#define PQI_MODES_S 0x02u /* both sign */
#define PQI_MODES_K 0x04u /* both prove KEM keys */
#define PQI_MODES_M                                                                                \
    0x08u /* the one that cannot sign begins and proves a KEM key, the other signs */

/* When a session heals itself, and when it stops. A round of kind D mixes in X25519, one of kind H the
 * suite's KEM as well. docs/spec/ratchet.md. */
typedef struct pqi_session_limits {
    uint32_t d_msgs, d_s; /* a D round after so many messages or seconds */
    uint32_t h_msgs,
        h_s; /* an H round; alarm at 2, high risk stops at 4, all but class S at 16 times */
    uint32_t d_min_s,
        h_min_s;      /* messages count from so many seconds on (the same times of them for the
                                * ages): a fast link is not busy with rounds alone */
    uint32_t grace_s; /* late messages of the epoch or session before are taken so long */
    uint8_t chunk;    /* bytes of a symbol: 16, 32 or 64; the same at both ends */
    uint8_t burst;    /* 1: a link that carries a whole object in one message */
} pqi_session_limits;
PQI_API extern const pqi_session_limits
    pqi_session_limits_ip; /* 64, 900; 256, 3600; 10, 60; 60; 32 */
PQI_API extern const pqi_session_limits
    pqi_session_limits_lpwan; /* 64, 900; 1024, 86400; 10, 60; 86400; 16 */

#define PQI_SESSION_MESSAGE_MAX 32720u /* bytes of a message in a session; v1 takes 48 more */

typedef struct pqi_session_cfg {
    pqi_session_use use;
    pqi_session_reach reach;
    uint32_t n_sessions;   /* two for each peer that has one: the live one and its successor */
    uint32_t n_handshakes; /* at a time */
    uint32_t n_rounds;     /* H rounds at a time */
    uint8_t modes;         /* PQI_MODES_*; 0: all */
    const pqi_session_limits *limits; /* NULL: pqi_session_limits_ip */
    pqi_cspan psk;                    /* the site's key, 32 bytes, or none; borrowed for life */
    pqi_span mem; /* pqi_endpoint_sessions_len() bytes, 8-aligned, the endpoint's for its life */
} pqi_session_cfg;

/* Age of the last post-quantum healing. */
typedef struct pqi_healing {
    uint32_t messages, seconds; /* since the coins of the last completed H round were drawn */
    uint8_t level;              /* 0; 1: alarm; 2: high risk is refused; 3: only class S is sent */
} pqi_healing;

typedef struct pqi_session_info {
    uint8_t up;   /* 1: messages go through a session */
    uint8_t mode; /* 'S', 'K' or 'M' of the session that is sent on; 0: none */
    uint8_t side; /* 'I' or 'R' */
    uint8_t
        role; /* of the candidate: 0 none, 1 INIT is out, 2 RESP taken, 3 RESP sent, 4 CONF taken */
    uint8_t wanted; /* 1: a handshake is being tried */
    uint16_t suite;
    uint32_t epoch, skipped; /* skipped: nodes kept for messages still missing */
    uint32_t messages;       /* of this session, both directions */
    pqi_healing healing;
    const char
        *why; /* one word for people: why a new session is wanted; "none": it is not. Static */
} pqi_session_info;

#ifdef __cplusplus
}
#endif
#endif
