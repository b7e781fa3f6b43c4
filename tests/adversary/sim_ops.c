/* SPDX-License-Identifier: Apache-2.0
 * The verbs of a schedule. Every argument is taken modulo what it chooses from, so that any line of
 * numbers means something and a schedule stays one when lines are left out. */
#include "adversary/sim.h"

#include "adversary/insider.h"
#include "adversary/watch.h"

static uint8_t buf[65536];

static int node_of(uint64_t x)
{
    return (int)(x % SIM_NODES);
}

/* A letter of the tape, data first choice; NULL: nothing was published yet. */
static const sim_letter *pick(const sim *w, uint64_t x, char kind)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_tape; i++) {
        n += kind == 0 || w->tape[i].kind == kind ? 1u : 0u;
    }
    if (n == 0) {
        return NULL;
    }
    size_t k = x % n;
    for (size_t i = 0;; i++) {
        if ((kind == 0 || w->tape[i].kind == kind) && k-- == 0) {
            return &w->tape[i];
        }
    }
}

static void hand(sim *w, int n, const char *topic, size_t len, int retained)
{
    w->hostile = 1;
    sim_deliver(w, n, topic, buf, len, retained);
    w->hostile = 0;
}

static void rule(sim *w, sim_rule r, uint64_t n, uint64_t arg)
{
    if (w->n_queue != 0) {
        sim_flush_queue(w);
    }
    w->rule = r;
    w->rule_left = (unsigned)(n % 16u) + 1u;
    w->rule_arg = arg % 32u;
    w->rule_control = 0;
}

static void op_drop(sim *w, const uint64_t *a)
{
    rule(w, RULE_DROP, a[0], 0);
}
static void op_hold(sim *w, const uint64_t *a)
{
    rule(w, RULE_HOLD, a[0], a[1]);
}
static void op_duplicate(sim *w, const uint64_t *a)
{
    rule(w, RULE_DUP, a[0], 0);
}
static void op_reorder(sim *w, const uint64_t *a)
{
    rule(w, RULE_REORDER, a[0], a[1]);
}
static void op_retain(sim *w, const uint64_t *a)
{
    rule(w, RULE_RETAIN, a[0], 0);
}
/* The same for handshakes and rounds only: messages pass. */
static void op_drop_control(sim *w, const uint64_t *a)
{
    rule(w, RULE_DROP, a[0], 0);
    w->rule_control = 1;
}
static void op_hold_control(sim *w, const uint64_t *a)
{
    rule(w, RULE_HOLD, a[0], a[1]);
    w->rule_control = 1;
}
static void op_settle(sim *w, const uint64_t *a)
{
    (void)w;
    (void)a;
}
static void op_release(sim *w, const uint64_t *a)
{
    (void)a;
    sim_release(w, 1);
}

static void op_send(sim *w, const uint64_t *a)
{
    const int from = node_of(a[0]), to = node_of(a[1]);
    const long at = sim_send(w, from, to, w->n[from].insider ? node_of(a[2]) : from, PQI_CLASS_L);
    if (at >= 0) {
        sim_publish(w, (size_t)at);
    }
}

static void op_refresh(sim *w, const uint64_t *a)
{
    sim_node *s = &w->n[node_of(a[0])];
    if (s->up) {
        pqi_status st =
            pqi_endpoint_connect(&s->d->ep, &s->d->now, text_of(sim_name(node_of(a[1]))), 1);
        (void)st; /* v1 only, or a peer that is revoked: nothing happens */
    }
}

static void op_announce(sim *w, const uint64_t *a)
{
    const long at = sim_announce(w, node_of(a[0]));
    if (at >= 0) {
        sim_publish(w, (size_t)at);
    }
}

static void op_replay(sim *w, const uint64_t *a)
{
    const sim_letter *l = pick(w, a[0], 0);
    if (l != NULL) {
        const int to = l->to >= 0 && a[1] % 4u != 3u ? l->to : node_of(a[1]);
        memcpy(buf, l->b, l->len);
        hand(w, to, l->topic, l->len, (int)(a[2] % 2u));
    }
}

static void op_topic_swap(sim *w, const uint64_t *a)
{
    const sim_letter *l = pick(w, a[0], 'd');
    if (l != NULL) {
        char topic[PQI_TOPIC_MAX];
        (void)snprintf(topic, sizeof topic, "plant/%s/x%u",
            sim_name(a[1] % 2u ? l->from : node_of(a[2])), (unsigned)(a[2] % 8u));
        memcpy(buf, l->b, l->len);
        hand(w, l->to, topic, l->len, 0);
    }
}

static void op_splice(sim *w, const uint64_t *a)
{
    const sim_letter *x = pick(w, a[0], 'd'), *y = pick(w, a[1], 'd');
    if (x != NULL) {
        const size_t cut = a[2] % (y->len < x->len ? y->len : x->len);
        memcpy(buf, x->b, cut);
        memcpy(buf + cut, y->b + cut, y->len - cut);
        hand(w, x->to, a[3] % 2u ? x->topic : y->topic, y->len, 0);
    }
}

static void op_truncate(sim *w, const uint64_t *a)
{
    const sim_letter *l = pick(w, a[0], 0);
    if (l != NULL) {
        memcpy(buf, l->b, l->len);
        hand(w, l->to >= 0 ? l->to : node_of(a[2]), l->topic, a[1] % l->len, 0);
    }
}

static void op_bitflip(sim *w, const uint64_t *a)
{
    const sim_letter *l = pick(w, a[0], 0);
    if (l == NULL) {
        return;
    }
    const size_t head = l->len < PQI_V1_HDR + PQI_V1_GATE ? l->len : PQI_V1_HDR + PQI_V1_GATE;
    const size_t first = a[1] % 3u == 1u ? head : 0, end = a[1] % 3u == 0u ? head : l->len;
    if (first < end) {
        const size_t bit = 8u * first + a[2] % (8u * (end - first));
        memcpy(buf, l->b, l->len);
        buf[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
        hand(w, l->to >= 0 ? l->to : node_of(a[3]), l->topic, l->len, 0);
    }
}

/* Types of docs/spec/v1.md and docs/spec/v4-handshake.md with random bodies; 0x11 with the kids of a
 * real packet. A broker knows everything that is needed for these. */
static size_t forge(sim *w, const uint64_t *a, int *to, char topic[PQI_TOPIC_MAX])
{
    static const uint8_t types[] = {0x11, 0x40, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,
        0x50, 0x51, 0x58, 0x71, 0x72, 0x00};
    static const size_t sizes[] = {
        0, 1, 9, 25, 42, 46, 47, 62, 100, 908, 1292, 2380, 4096, 9000, 60000};
    *to = node_of(a[2]);
    const sim_letter *l = pick(w, a[3], 'd');
    size_t len = sizes[a[1] % (sizeof sizes / sizeof sizes[0])];
    uint64_t x = a[1] * 2654435761u + 88172645463325252u;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        buf[i] = (uint8_t)(x >> 24);
    }
    const uint8_t type = types[a[0] % sizeof types];
    if (type == 0x11 && l != NULL) {
        len = l->len;
        *to = l->to;
        memcpy(buf, l->b, len);
        buf[27] ^= (uint8_t)a[1]; /* another number */
        for (size_t i = 0; i < PQI_V1_GATE; i++) {
            buf[PQI_V1_HDR + i] ^= (uint8_t)(a[1] >> i % 8u | 1u);
        }
    }
    if (len != 0) {
        buf[0] = type;
    }
    (void)snprintf(topic, PQI_TOPIC_MAX, "plant/%s/%s", l != NULL ? sim_name(l->from) : "a",
        sim_name(l != NULL ? l->to : *to));
    if (type == 0x71) {
        (void)snprintf(topic, PQI_TOPIC_MAX, "%szz", PQI_TOPIC_ANNOUNCE);
    }
    return len;
}

static void op_forge(sim *w, const uint64_t *a)
{
    char topic[PQI_TOPIC_MAX];
    int to = 0;
    const size_t len = forge(w, a, &to, topic);
    hand(w, to, topic, len, 0);
}

/* Many of all kinds that need no key, in 1000s: forged, replayed, altered, cut. Only sums are printed. */
static void op_flood(sim *w, const uint64_t *a)
{
    uint64_t x = a[1] * 2654435761u + 88172645463325252u;
    sim_begin_flood(w);
    for (uint64_t i = 0; i < 1000u * (1u + a[0] % 2000u); i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        const uint64_t arg[SIM_ARGS] = {
            x >> 8 & 0xffu, x >> 16 & 0xffffu, x >> 32 & 0xffffu, x >> 48};
        switch (x % 4u) {
        case 0:
            op_replay(w, arg);
            break;
        case 1:
            op_bitflip(w, arg);
            break;
        case 2:
            op_truncate(w, arg);
            break;
        default:
            op_forge(w, arg);
            break;
        }
    }
    const uint64_t before = adv_public_key_ops();
    sim_pump(w); /* nothing that came is worth a computation later either */
    w->flood_work += adv_public_key_ops() - before;
    sim_print_flood(w);
}

static void op_announce_substitute(sim *w, const uint64_t *a)
{
    const sim_letter *l = pick(w, a[0], 'a');
    if (l != NULL) {
        char topic[PQI_TOPIC_MAX];
        (void)snprintf(topic, sizeof topic, "%s%s", PQI_TOPIC_ANNOUNCE, sim_name(node_of(a[1])));
        memcpy(buf, l->b, l->len);
        w->hostile = 3;
        sim_deliver(w, node_of(a[2]), topic, buf, l->len, 1);
        w->hostile = 0;
    }
}

static void op_partition(sim *w, const uint64_t *a)
{
    for (int i = 0; i < SIM_NODES; i++) {
        w->n[i].group = (unsigned)(a[0] >> i & 1u);
    }
}

static void op_freeze(sim *w, const uint64_t *a)
{
    w->n[node_of(a[0])].frozen = (int)(a[1] % 2u);
}

static void op_cut(sim *w, const uint64_t *a)
{
    test_power *p = &w->n[node_of(a[0])].d->power;
    p->cut_at = p->ops + 1u + a[1] % 8u;
    p->mode = (cut_mode)(a[2] % CUT_MODES_);
}

static void op_restart(sim *w, const uint64_t *a)
{
    sim_start(w, node_of(a[0]), 1);
}
static void op_crash(sim *w, const uint64_t *a)
{
    sim_start(w, node_of(a[0]), 0);
}
static void op_snapshot(sim *w, const uint64_t *a)
{
    sim_snapshot(w, node_of(a[0]));
}
static void op_restore(sim *w, const uint64_t *a)
{
    sim_restore(w, node_of(a[0]));
}
static void op_restore_image(sim *w, const uint64_t *a)
{
    sim_restore_image(w, node_of(a[0]));
}
static void op_roll_sessions(sim *w, const uint64_t *a)
{
    sim_roll_sessions(w, node_of(a[0]), 0);
}
static void op_lose_sessions(sim *w, const uint64_t *a)
{
    sim_roll_sessions(w, node_of(a[0]), 1);
}
static void op_renew(sim *w, const uint64_t *a)
{
    sim_renew(w, node_of(a[0]));
}
static void op_revoke(sim *w, const uint64_t *a)
{
    sim_revoke(w, node_of(a[0]));
}

static void op_tick(sim *w, const uint64_t *a)
{
    for (int i = 0; i < SIM_NODES; i++) {
        w->n[i].d->now.mono_ms += a[0] % 100000u;
    }
    printf("T %llu\n", (unsigned long long)(a[0] % 100000u));
}

/* ---- a device that turned hostile -------------------------------------------------------------- */

static void op_widen(sim *w, const uint64_t *a)
{
    sim_node *s = &w->n[node_of(a[0])];
    if (s->up) {
        adv_widen_scope(&s->d->ep, "plant");
        s->insider = 1;
        printf("I %s\n", sim_name(node_of(a[0])));
    }
}

static void op_leap(sim *w, const uint64_t *a)
{
    sim_node *s = &w->n[node_of(a[0])];
    if (s->up) {
        adv_leap(&s->d->ep, text_of(sim_name(node_of(a[1]))), a[2] % 100000u);
        printf("I %s\n", sim_name(node_of(a[0])));
    }
}

/* The attacker tries both: a receiver that binds the sender's name, and one that does not. */
static void op_resign(sim *w, const uint64_t *a)
{
    const sim_letter *l = pick(w, a[0], 'd');
    const int thief = node_of(a[1]);
    if (l == NULL || !w->n[thief].up || thief == l->to || thief == l->from) {
        return;
    }
    char topic[PQI_TOPIC_MAX];
    (void)snprintf(topic, sizeof topic, "plant/%s/%s", sim_name(thief), sim_name(l->to));
    for (int unnamed = 0; unnamed < 2; unnamed++) {
        memcpy(buf, l->b, l->len);
        const char *on = a[2] % 2u ? topic : l->topic;
        if (adv_resign(&w->n[thief].d->ep, text_of(sim_name(l->to)), text_of(on), unnamed, buf,
                l->len) == PQI_OK) {
            w->hostile = 2;
            sim_deliver(w, l->to, on, buf, l->len, 0);
            w->hostile = 0;
        }
    }
}

/* Packets that pass the gate and fail later: what a gate key is worth to a thief of it. */
static void op_badsig(sim *w, const uint64_t *a)
{
    const int from = node_of(a[0]), to = node_of(a[1]);
    for (uint64_t i = 0; i < 1u + a[2] % 24u && w->n[from].up; i++) {
        const long at = sim_send(w, from, to, from, PQI_CLASS_L);
        if (at < 0) {
            return;
        }
        const sim_letter *l = &w->tape[at];
        memcpy(buf, l->b, l->len);
        buf[l->len - 1 - i] ^= 0x55;
        if (adv_regate(&w->n[from].d->ep, text_of(sim_name(to)), text_of(l->topic), buf, l->len) ==
            PQI_OK) {
            w->hostile = 2;
            sim_deliver(w, to, l->topic, buf, l->len, 0);
            w->hostile = 0;
        }
    }
}

static void op_newcomer(sim *w, const uint64_t *a)
{
    const msg *m = &w->stranger[a[0] % SIM_STRANGERS];
    memcpy(buf, m->b, m->len);
    hand(w, node_of(a[1]), m->topic, m->len, 1);
}

/* A device that was told to use sessions only, and does not. */
static void op_old_packet(sim *w, const uint64_t *a)
{
    const int from = node_of(a[0]), to = node_of(a[1]);
    sim_node *s = &w->n[from];
    char topic[PQI_TOPIC_MAX];
    size_t len = 0;
    if (!s->up || from == to) {
        return;
    }
    (void)snprintf(topic, sizeof topic, "plant/%s/%s", sim_name(from), sim_name(to));
    const pqi_outbound o = {.peer = text_of(sim_name(to)),
        .topic = text_of(topic),
        .payload = text_of("old"),
        .cls = PQI_CLASS_L,
        .via = PQI_VIA_V1};
    const pqi_session_use use = s->d->ep.cfg.sessions.use;
    s->d->ep.cfg.sessions.use = PQI_SESSIONS_PREFER;
    sim_actor(from);
    if (pqi_endpoint_send(&s->d->ep, &s->d->now, &o, (pqi_span){buf, sizeof buf}, &len) == PQI_OK) {
        printf("S %s %s %s old\n", sim_name(from), sim_name(to), topic);
        w->hostile = 2;
        sim_deliver(w, to, topic, buf, len, 0);
        w->hostile = 0;
    }
    s->d->ep.cfg.sessions.use = use;
}

static void op_low_order(sim *w, const uint64_t *a)
{
    const int from = node_of(a[0]), to = node_of(a[1]);
    char topic[PQI_TOPIC_MAX];
    size_t len = 0;
    (void)snprintf(topic, sizeof topic, "plant/%s/%s", sim_name(from), sim_name(to));
    if (w->n[from].up && adv_low_order(&w->n[from].d->ep, text_of(sim_name(to)), text_of(topic),
                             text_of("zero"), (pqi_span){buf, sizeof buf}, &len) == PQI_OK) {
        w->hostile = 2;
        sim_deliver(w, to, topic, buf, len, 0);
        w->hostile = 0;
    }
}

/* A stolen revoker key: 0 as many entries as a message of the harness holds, 1 a log without those of the
 * fleet. */
static void op_stolen_revoker(sim *w, const uint64_t *a)
{
    enum { MANY = 1500 };
    static msg m;
    if (w->pl != NULL) {
        sim_plane_steal_revoker(w, a[0], a[1]);
        return;
    }
    static pqi_revoked log[SIM_NODES + MANY];
    w->stolen = 1;
    const size_t own = a[0] % 2u ? 0 : w->n_revoked;
    const size_t more = a[0] % 2u ? w->n_revoked + 3u : MANY;
    memcpy(log, w->revoked, own * sizeof log[0]);
    for (size_t i = 0; i < more; i++) {
        log[own + i] = (pqi_revoked){.roster_index = 100, .min_key_epoch = 1u + (uint32_t)i};
    }
    fleet_revoke(w->n[0].d->f, 0, log, own + more, &m);
    const long at = sim_record(w, m.topic, m.b, m.len, -1, -1, 'v');
    if (at >= 0) {
        sim_publish(w, (size_t)at);
    }
}

static void op_new_root(sim *w, const uint64_t *a)
{
    (void)a;
    sim_new_root(w);
}

/* ---- the control plane: nothing in worlds without one ---------------------------------------------- */

static void op_hours(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_hours(w, a[0] % 60u + 1u);
    }
}

static void op_plane_head(sim *w, const uint64_t *a)
{
    (void)a;
    if (w->pl != NULL) {
        sim_plane_head(w);
    }
}

static void op_plane_policy(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_policy(w, a[0]);
    }
}

static void op_plane_entry(sim *w, const uint64_t *a)
{
    (void)a;
    if (w->pl != NULL) {
        sim_plane_entry(w);
    }
}

static void op_trickle(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_trickle(w, node_of(a[0]));
    }
}

static void op_withhold(sim *w, const uint64_t *a)
{
    w->n[node_of(a[0])].withheld = (unsigned)(a[1] % 128u);
}

static void op_steal_head(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_steal(w, node_of(a[0]), a[1]);
    }
}

static void op_lose_record(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_record(w, node_of(a[0]), a[1], 1);
    }
}

static void op_roll_record(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_record(w, node_of(a[0]), a[1], 0);
    }
}

static void op_clock(sim *w, const uint64_t *a)
{
    if (w->pl != NULL) {
        sim_plane_clock(w, node_of(a[0]), a[1]);
    }
}

/* A message of class S. */
static void op_stop(sim *w, const uint64_t *a)
{
    const int from = node_of(a[0]), to = node_of(a[1]);
    if (w->pl == NULL) {
        return;
    }
    const long at = sim_send(w, from, to, from, PQI_CLASS_S);
    if (at >= 0) {
        sim_publish(w, (size_t)at);
    }
}

int sim_op(sim *w, const char *verb, const uint64_t arg[SIM_ARGS])
{
    static const struct {
        const char *name;
        void (*run)(sim *w, const uint64_t *a);
    } ops[] = {{"send", op_send}, {"announce", op_announce}, {"drop", op_drop}, {"hold", op_hold},
        {"release", op_release}, {"duplicate", op_duplicate}, {"reorder", op_reorder},
        {"retain-flip", op_retain}, {"replay", op_replay}, {"topic-swap", op_topic_swap},
        {"splice", op_splice}, {"truncate", op_truncate}, {"bitflip", op_bitflip},
        {"forge", op_forge}, {"announce-substitute", op_announce_substitute},
        {"partition", op_partition}, {"freeze", op_freeze}, {"cut", op_cut},
        {"restart", op_restart}, {"crash", op_crash}, {"snapshot", op_snapshot},
        {"restore", op_restore}, {"renew", op_renew}, {"revoke", op_revoke}, {"tick", op_tick},
        {"widen", op_widen}, {"leap", op_leap}, {"resign", op_resign}, {"badsig", op_badsig},
        {"settle", op_settle}, {"refresh", op_refresh}, {"restore-image", op_restore_image},
        {"roll-sessions", op_roll_sessions}, {"lose-sessions", op_lose_sessions},
        {"drop-control", op_drop_control}, {"hold-control", op_hold_control},
        {"old-packet", op_old_packet}, {"newcomer", op_newcomer}, {"flood", op_flood},
        {"low-order", op_low_order}, {"stolen-revoker", op_stolen_revoker},
        {"new-root", op_new_root}, {"hours", op_hours}, {"plane-head", op_plane_head},
        {"plane-policy", op_plane_policy}, {"plane-entry", op_plane_entry}, {"trickle", op_trickle},
        {"withhold", op_withhold}, {"steal-head", op_steal_head}, {"lose-record", op_lose_record},
        {"roll-record", op_roll_record}, {"clock", op_clock}, {"stop", op_stop}};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(ops[i].name, verb) == 0) {
            w->step++;
            for (int n = 0; n < SIM_NODES; n++) {
                w->n[n].d->now.mono_ms++;
            }
            ops[i].run(w, arg);
            sim_pump(w);
            sim_release(w, 0);
            sim_pump(w);
            return 1;
        }
    }
    return 0;
}
