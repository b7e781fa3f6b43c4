/* SPDX-License-Identifier: Apache-2.0
 * A simulated network between endpoints in one process: simulated time, memory in place of disks,
 * and an attacker who decides what arrives. The schedule language is that of docs/adversary.md; what
 * happens is printed, one event a line, for tests/adversary/oracle.py to judge. */
#ifndef PQI_TESTS_ADVERSARY_SIM_H
#define PQI_TESTS_ADVERSARY_SIM_H

#include "support/plane.h"

enum {
    SIM_NODES = 3,
    SIM_STRANGERS = 4,
    SIM_TAPE = 4096,
    SIM_HELD = 128,
    SIM_ARGS = 6,
    SIM_ROOTS = 64
};

/* What a control object says, for the judge: kind h head, t tick, p policy, l part of the log, r root, s statement,
 * f of a stolen revoker's key, x signed by a key of heads that was replaced. */
typedef struct sim_note {
    char kind;
    uint32_t root, a, b, c, d;
    int forged;
    long id, prev; /* of heads */
} sim_note;

/* What the broker retains of the control plane, as places on the tape. */
enum { SIM_ROOT, SIM_HEAD, SIM_TICK, SIM_POLICY, SIM_LOG, SIM_DELTA, SIM_NEWEST };

/* Kinds that a broker withholds from a node: bits. */
enum {
    SIM_NO_HEAD = 1,
    SIM_NO_TICK = 2,
    SIM_NO_POLICY = 4,
    SIM_NO_LOG = 8,
    SIM_NO_ANSWER = 16,
    SIM_NO_ROOT = 32,
    SIM_NO_DELTA = 64
};

typedef struct sim_root {
    uint8_t b[16384], pin[32];
    size_t len;
} sim_root;

/* Something that was published: the attacker keeps all of it. */
typedef struct sim_letter {
    char topic[PQI_TOPIC_MAX];
    uint8_t *b;
    size_t len;
    int from, to; /* to < 0: everybody */
    char
        kind; /* d data, a announcement, v revocations, s a packet of sessions alone, c an object of the
                   * control plane, q a question to it */
    unsigned got; /* bit n: node n accepted it, or computed for it */
    sim_note note;
} sim_letter;

typedef enum sim_rule {
    RULE_NONE,
    RULE_DROP,
    RULE_HOLD,
    RULE_DUP,
    RULE_REORDER,
    RULE_RETAIN
} sim_rule;

typedef struct sim_node {
    dev *d;
    int up, has_snap, insider, crashed, frozen;
    unsigned group, withheld;
    uint32_t heard; /* newest tick that was given to it */
    fake_nvm snap;
    uint64_t snap_counters[PQI_COUNTER_SLOTS]; /* of the provider, then */
    uint32_t snap_epoch;
    dev pristine; /* as it was when the fleet had met, without the medium */
    uint8_t *pristine_scratch, *pristine_sessions, *met; /* met: its announcement then */
    size_t met_len;
    fake_nvm pristine_nvm;
    long first_ann; /* on the tape, or -1 */
} sim_node;

typedef struct sim_held {
    size_t letter;
    uint64_t due;
} sim_held;

typedef struct sim {
    pqi_session_use sessions;
    uint8_t modes;
    sim_node n[SIM_NODES];
    sim_letter tape[SIM_TAPE];
    size_t n_tape;
    sim_rule rule;
    unsigned rule_left;
    uint64_t rule_arg, step;
    int rule_control; /* the rule is for packets of sessions alone, messages pass */
    sim_held held[SIM_HELD];
    size_t n_held;
    size_t queue[SIM_HELD]; /* of a reordering */
    size_t n_queue;
    unsigned texts;
    msg stranger[SIM_STRANGERS];    /* announcements of devices that nobody needs */
    long newest_list;               /* the fleet's whole log, on the tape; -1: none yet */
    pqi_revoked revoked[SIM_NODES]; /* the log */
    size_t n_revoked;
    int counting; /* a flood: refusals are added up, not printed */
    uint64_t flood, flood_work, flood_us, flood_pages;
    plane *pl; /* NULL: a fleet without one */
    plane pl_pristine;
    sim_root roots[SIM_ROOTS];
    long newest[SIM_NEWEST], head_id;
    int stolen_head;
    int quiet;   /* the attacker is gone */
    int stolen;  /* the revoker's key was used by somebody else */
    int hostile; /* what is delivered now: 0 as published, 1 by a broker, 2 by an insider,
                  * 3 a real announcement under another name */
} sim;

/* ---- sim_world.c: nodes and their medium ------------------------------------------------------- */

/* Nodes that have met; once. rounds: sessions heal after a few messages. */
void sim_make(sim *w, pqi_session_use sessions, uint8_t modes, int rounds, int with_plane);
void sim_reset(sim *w); /* back to that, before each schedule */
void sim_free(sim *w);
const char *sim_name(int n);
void sim_actor(int n); /* whose code runs now */
/* orderly 0: power fails first; 1: it ends in order; SIM_CLOSED: it did. */
enum { SIM_CLOSED = 2 };
void sim_start(sim *w, int n, int orderly);
void sim_snapshot(sim *w, int n);
void sim_restore(sim *w, int n);
void sim_restore_image(sim *w, int n);
void sim_roll_sessions(sim *w, int n, int lose);
void sim_renew(sim *w, int n);
void sim_status(sim *w, int n); /* notices that the power is gone */
/* Gives one message to a node and prints what became of it. */
void sim_begin_flood(sim *w);
void sim_print_flood(sim *w);
void sim_deliver(sim *w, int n, const char *topic, const uint8_t *b, size_t len, int retained);

/* ---- sim_net.c: the network -------------------------------------------------------------------- */

long sim_record(
    sim *w, const char *topic, const uint8_t *b, size_t len, int from, int to, char kind);
void sim_publish(sim *w, size_t letter); /* through the attacker's rules */
void sim_transmit(sim *w, size_t letter);
void sim_release(sim *w, int all);
void sim_flush_queue(sim *w);
/* A fresh text of `from` for `to` under plant/<owner>/; the number on the tape, or -1. */
long sim_send(sim *w, int from, int to, int owner, pqi_class cls);
long sim_announce(sim *w, int n);
/* Everything that sessions want to send by themselves, until nobody wants more. */
void sim_pump(sim *w);
void sim_revoke(sim *w, int n);
void sim_new_root(sim *w);
void sim_list(sim *w); /* publishes the whole log as it is */
/* Attacker off, everybody on, clean delivery: every pair must talk. */
void sim_quiet(sim *w);

/* ---- sim_plane.c: the control plane -------------------------------------------------------------- */

void sim_plane_make(sim *w);
void sim_plane_own(sim *w, dev *d);
void sim_plane_begin(sim *w);
void sim_plane_reset(sim *w);
void sim_plane_retained(sim *w); /* after the tape was cleared */
void sim_plane_hours(sim *w, uint64_t hours);
void sim_plane_head(sim *w);
void sim_plane_policy(sim *w, uint64_t flavor);
void sim_plane_entry(sim *w);
void sim_plane_trickle(sim *w, int n);
void sim_plane_revoke(sim *w, int n);
void sim_plane_answer(sim *w, const sim_letter *question);
void sim_plane_steal(sim *w, int node, uint64_t kind);
void sim_plane_steal_revoker(sim *w, uint64_t kind, uint64_t more);
void sim_plane_rotate(sim *w);
void sim_plane_record(sim *w, int n, uint64_t which, int lose);
void sim_plane_clock(sim *w, int n, uint64_t how);
void sim_plane_told(
    sim *w, int n, const char *topic, const uint8_t *b, size_t len, const char *outcome);
void sim_plane_calm(sim *w);

/* ---- sim_ops.c: the verbs ---------------------------------------------------------------------- */

/* 0: no such verb. */
int sim_op(sim *w, const char *verb, const uint64_t arg[SIM_ARGS]);

#endif
