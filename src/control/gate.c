/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/gates.md: what is known against the class of an operation. The table is the whole rule; the
 * code below it looks rows up, twice. */
#include "ct/ct.h"

#include <pqi/gate.h>

#include <stdbool.h>

#define CLASSES 4u
#define N_FRESH 5u /* rows of freshness; the others are one for each flag */

enum {
    A = PQI_CELL_ALLOW,
    K = PQI_CELL_MARK,
    D = PQI_CELL_DENY,
    N = PQI_CELL_KNOWN,
    G = PQI_CELL_GRACE,
    W = PQI_CELL_WITNESS
};

/* Row r gives PQI_REASON_* r + 1; row 0 refuses nothing. */
typedef struct gate_row {
    const char *name;
    uint8_t cell[CLASSES]; /* L, M, H, S */
} gate_row;

static const gate_row table[PQI_GATE_ROWS] = {
    {"fresh", {A, A, A, A}},
    {"aged", {A, A, D, A}},
    {"stale", {K, D, D, A}},
    {"expired", {D, D, D, A}},
    {"unknown", {A, G, W, A}},
    {"self-revoked", {D, D, D, D}},
    {"peer-revoked", {D, D, D, D}},
    {"rollback", {A, D, W, A}},
    {"equivocation", {A, A, D, A}},
    {"rev-gap", {A, N, D, A}},
    {"policy-gap", {A, D, D, A}},
    {"policy-old", {A, A, D, A}},
    {"storage", {D, D, D, A}},
    {"roster", {A, D, D, A}},
    {"assurance", {D, D, D, A}},
    {"attest", {A, D, D, A}},
    {"heal-high", {A, A, D, A}},
    {"heal-stop", {A, D, D, A}},
    {"acl", {D, D, D, D}},
    {"not-fail-safe", {A, A, A, D}},
};

_Static_assert(PQI_FRESH_FRESH == 1 && PQI_FRESH_UNKNOWN == N_FRESH, "freshness f is row f - 1");
_Static_assert((int)PQI_REASON_AGED == (int)PQI_FRESH_AGED, "row r is reason r + 1");
_Static_assert(PQI_REASON_SELF_REVOKED == N_FRESH + 1u, "so are the rows of flags");
_Static_assert((unsigned)PQI_REASON_COUNT_ == PQI_GATE_ROWS + 1u, "all of them");
_Static_assert(PQI_GATE_NOT_FAIL_SAFE == 1u << (PQI_GATE_FLAGS - 1u), "the last flag");

/* A question in range, in words that a compiler has to take as new ones: the second look is no copy
 * of the first. */
typedef struct gate_ask {
    uint32_t fresh, flags, op, cls, known, grace, witness;
} gate_ask;

static gate_ask take(const pqi_gate_in *in)
{
    return (gate_ask){pqi_ct_barrier_u32((uint32_t)in->fresh), pqi_ct_barrier_u32(in->flags),
        pqi_ct_barrier_u32((uint32_t)in->op), pqi_ct_barrier_u32((uint32_t)in->cls),
        pqi_ct_barrier_u32(in->known), pqi_ct_barrier_u32(in->grace),
        pqi_ct_barrier_u32(in->witness)};
}

static bool in_range(const gate_ask *q)
{
    return q->fresh < PQI_FRESH_COUNT_ && q->flags >> PQI_GATE_FLAGS == 0 && q->op <= PQI_OP_STOP &&
           q->cls < CLASSES && q->known <= 1 && q->grace <= 1 && q->witness <= 1;
}

/* The column: what the operation counts as. */
static uint32_t column(const gate_ask *q)
{
    switch (q->op) {
    case PQI_OP_RECEIVE:
    case PQI_OP_SEND:
        return q->cls;
    case PQI_OP_RESUME:
        return PQI_CLASS_L;
    case PQI_OP_STOP:
        return PQI_CLASS_S;
    default:
        return PQI_CLASS_H;
    }
}

static bool holds(const gate_ask *q, uint32_t row)
{
    return row < N_FRESH ? q->fresh == row + 1u : (q->flags >> (row - N_FRESH) & 1u) != 0;
}

static pqi_reason refusal(uint32_t row)
{
    return row == 0 ? PQI_REASON_UNKNOWN : (pqi_reason)(row + 1u);
}

/* What one row says of the question. */
static pqi_reason say(const gate_ask *q, uint32_t row)
{
    bool allowed = false;
    switch (table[row].cell[column(q)]) {
    case PQI_CELL_ALLOW:
        allowed = true;
        break;
    case PQI_CELL_MARK:
        return PQI_REASON_MARKED;
    case PQI_CELL_KNOWN:
        allowed = q->known == 1;
        break;
    case PQI_CELL_GRACE:
        allowed = q->grace == 1;
        break;
    case PQI_CELL_WITNESS:
        allowed = q->op == PQI_OP_HANDSHAKE && q->witness == 1;
        break;
    default:
        break;
    }
    return allowed ? PQI_REASON_OK : refusal(row);
}

/* From the first row on: stops at the first refusal. */
static pqi_reason look_down(const gate_ask *q)
{
    pqi_reason r = PQI_REASON_OK;
    for (uint32_t row = 0; row < PQI_GATE_ROWS; row++) {
        pqi_reason s = holds(q, row) ? say(q, row) : PQI_REASON_OK;
        if (s == PQI_REASON_MARKED) {
            r = s;
        } else if (s != PQI_REASON_OK) {
            return s;
        }
    }
    return r;
}

/* From the last row back: a refusal replaces what later rows said. */
static pqi_reason look_up(const gate_ask *q)
{
    pqi_reason r = PQI_REASON_OK;
    for (uint32_t row = PQI_GATE_ROWS; row-- > 0;) {
        pqi_reason s = holds(q, row) ? say(q, row) : PQI_REASON_OK;
        bool refuses = s != PQI_REASON_OK && s != PQI_REASON_MARKED;
        if (refuses || (s == PQI_REASON_MARKED && r == PQI_REASON_OK)) {
            r = s;
        }
    }
    return r;
}

pqi_reason pqi_gate(const pqi_gate_in *in)
{
    if (in == NULL) {
        return PQI_REASON_UNKNOWN;
    }
    const gate_ask first = take(in);
    if (!in_range(&first)) {
        return PQI_REASON_UNKNOWN;
    }
    const pqi_reason down = look_down(&first);
    const gate_ask second = take(in);
    if (!in_range(&second)) {
        return PQI_REASON_UNKNOWN;
    }
    const pqi_reason up = look_up(&second);
    return pqi_ct_barrier_u32((uint32_t)down) == pqi_ct_barrier_u32((uint32_t)up)
               ? up
               : PQI_REASON_UNKNOWN;
}

int pqi_reason_allows(pqi_reason r)
{
    return r == PQI_REASON_OK || r == PQI_REASON_MARKED;
}

const char *pqi_reason_name(pqi_reason r)
{
    if (r == PQI_REASON_OK) {
        return "ok";
    }
    if (r == PQI_REASON_MARKED) {
        return "marked";
    }
    return (unsigned)r < PQI_REASON_COUNT_ ? table[(unsigned)r - 1u].name : "?";
}

const char *pqi_gate_row(unsigned r, pqi_cell cells[4])
{
    if (r >= PQI_GATE_ROWS || cells == NULL) {
        return NULL;
    }
    for (unsigned c = 0; c < CLASSES; c++) {
        cells[c] = (pqi_cell)table[r].cell[c];
    }
    return table[r].name;
}

const char *pqi_cell_name(pqi_cell c)
{
    static const char *const names[] = {"allow", "mark", "deny", "known", "grace", "witness"};
    return (unsigned)c < sizeof names / sizeof names[0] ? names[c] : "?";
}
