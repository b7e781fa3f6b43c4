/* SPDX-License-Identifier: Apache-2.0
 * Gates: what may be done when not everything is known. One table of what is known against the class
 * of an operation; docs/spec/gates.md shows it, and a test compares. Nothing else in the library
 * decides by freshness, revocation, rollback, healing age or assurance.
 *
 * Fail closed, but never on an emergency stop: class S passes whatever is not known, and is still
 * authenticated, scoped and replay-protected like any other. Nothing here is secret. Thread-safe:
 * functions touch only their arguments. */
#ifndef PQI_GATE_H
#define PQI_GATE_H

#include <pqi/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How fresh is what we know of the fleet? Ages are in ticks, docs/spec/control.md section 3. */
typedef enum pqi_fresh {
    PQI_FRESH_NONE = 0, /* the root names no head key: no row of freshness holds */
    PQI_FRESH_FRESH,
    PQI_FRESH_AGED,
    PQI_FRESH_STALE,
    PQI_FRESH_EXPIRED,
    PQI_FRESH_UNKNOWN, /* since the start nothing told the time */
    PQI_FRESH_COUNT_,
    PQI_FRESH_INT32_ = 2147483647
} pqi_fresh;

/* What is wrong besides; bits. */
#define PQI_GATE_SELF_REVOKED  0x0001u
#define PQI_GATE_PEER_REVOKED  0x0002u
#define PQI_GATE_ROLLBACK      0x0004u /* own state is older than it was, or gone */
#define PQI_GATE_EQUIVOCATION  0x0008u /* two heads of one epoch were signed */
#define PQI_GATE_REV_GAP       0x0010u /* the head names revocations that are not here */
#define PQI_GATE_POLICY_GAP    0x0020u /* the head names a policy that is not here */
#define PQI_GATE_POLICY_OLD    0x0040u /* past its time to live */
#define PQI_GATE_STORAGE       0x0080u /* own storage is not what the policy demands (INV-62) */
#define PQI_GATE_ROSTER        0x0100u /* the peer shows no path to the roster in force */
#define PQI_GATE_ASSURANCE     0x0200u /* the peer's assurance is below the policy for this class */
#define PQI_GATE_ATTEST        0x0400u /* the peer is not attested, and must be */
#define PQI_GATE_HEAL_HIGH     0x0800u /* healing age above 4 times its limit */
#define PQI_GATE_HEAL_STOP     0x1000u /* above 16 times */
#define PQI_GATE_ACL           0x2000u /* no row of the policy's list allows it */
#define PQI_GATE_NOT_FAIL_SAFE 0x4000u /* class S on a topic that the policy does not list */
#define PQI_GATE_FLAGS         15u

typedef enum pqi_op {
    PQI_OP_RECEIVE = 0, /* a message from a peer */
    PQI_OP_SEND,        /* a message to a peer */
    PQI_OP_RESUME,      /* going on with a session after a restart: class L whatever cls says */
    PQI_OP_HANDSHAKE,   /* a new session: class H whatever cls says */
    PQI_OP_PEER,        /* learning or changing a peer: class H whatever cls says */
    PQI_OP_STOP, /* a session that is to carry class S and nothing else: class S whatever cls says */
    PQI_OP_INT32_ = 2147483647
} pqi_op;

/* Why. Stable names for logs and audit: pqi_reason_name(). 0: allowed. */
typedef enum pqi_reason {
    PQI_REASON_OK = 0,
    PQI_REASON_MARKED, /* allowed, and to be marked: what we know is stale */
    PQI_REASON_AGED,
    PQI_REASON_STALE,
    PQI_REASON_EXPIRED,
    PQI_REASON_UNKNOWN,
    PQI_REASON_SELF_REVOKED, /* from here on one for each PQI_GATE_* bit, in their order */
    PQI_REASON_PEER_REVOKED,
    PQI_REASON_ROLLBACK,
    PQI_REASON_EQUIVOCATION,
    PQI_REASON_REV_GAP,
    PQI_REASON_POLICY_GAP,
    PQI_REASON_POLICY_OLD,
    PQI_REASON_STORAGE,
    PQI_REASON_ROSTER,
    PQI_REASON_ASSURANCE,
    PQI_REASON_ATTEST,
    PQI_REASON_HEAL_HIGH,
    PQI_REASON_HEAL_STOP,
    PQI_REASON_ACL,
    PQI_REASON_NOT_FAIL_SAFE,
    PQI_REASON_COUNT_,
    PQI_REASON_INT32_ = 2147483647
} pqi_reason;

/* "aged", "rev-gap", ...; "?" for another value. Static storage. */
PQI_API const char *pqi_reason_name(pqi_reason r);

/* What a cell of the table says. */
typedef enum pqi_cell {
    PQI_CELL_ALLOW = 0,
    PQI_CELL_MARK, /* allow, and mark */
    PQI_CELL_DENY,
    PQI_CELL_KNOWN,   /* deny with a peer that has no session and was not learned before */
    PQI_CELL_GRACE,   /* allow until the policy's grace of uptime is over */
    PQI_CELL_WITNESS, /* deny, but a handshake with a witness that carries control objects alone */
    PQI_CELL_INT32_ = 2147483647
} pqi_cell;

typedef struct pqi_gate_in {
    pqi_fresh fresh;
    unsigned flags; /* PQI_GATE_* */
    pqi_op op;
    pqi_class cls;
    uint8_t known;   /* 1: the peer was learned before, or has a session */
    uint8_t grace;   /* 1: within the policy's grace of uptime */
    uint8_t witness; /* 1: the peer's certificate names it a witness */
} pqi_gate_in;

/* The decision. PQI_REASON_OK and PQI_REASON_MARKED: allowed; others: refused. NULL, and values
 * outside their enumerations, are refused as UNKNOWN. Looks at everything twice, so that one skipped
 * instruction does not open it. */
PQI_API PQI_MUST_CHECK pqi_reason pqi_gate(const pqi_gate_in *in);

/* 1: the reason is not a refusal. */
PQI_API int pqi_reason_allows(pqi_reason r);

/* The table, for printing: rows PQI_FRESH_FRESH.. then one for each flag, in order.
 * Returns the name of row r and fills in its cells of classes L, M, H, S; NULL: there is no such row. */
#define PQI_GATE_ROWS (5u + PQI_GATE_FLAGS)
PQI_API const char *pqi_gate_row(unsigned r, pqi_cell cells[4]);
/* "allow", ...; "?" for another value. */
PQI_API const char *pqi_cell_name(pqi_cell c);

#ifdef __cplusplus
}
#endif
#endif
