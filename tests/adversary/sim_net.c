/* SPDX-License-Identifier: Apache-2.0
 * The simulated network: what was published, and what the attacker's rules make of it. */
#include "adversary/sim.h"

long sim_record(
    sim *w, const char *topic, const uint8_t *b, size_t len, int from, int to, char kind)
{
    if (w->n_tape == SIM_TAPE) {
        return -1;
    }
    sim_letter *l = &w->tape[w->n_tape];
    memset(l, 0, sizeof *l);
    memcpy(l->topic, topic, strlen(topic) + 1);
    l->b = malloc(len != 0 ? len : 1);
    assert_non_null(l->b);
    memcpy(l->b, b, len);
    l->len = len;
    l->from = from;
    l->to = to;
    l->kind = kind;
    return (long)w->n_tape++;
}

/* What a broker withholds of the control plane; what peers pass on is withheld with the answers. */
static int withheld(const sim *w, const sim_letter *l, int to)
{
    static const struct {
        const char *topic;
        unsigned bit;
    } each[] = {{PQI_TOPIC_ROOT, SIM_NO_ROOT}, {PQI_TOPIC_HEAD, SIM_NO_HEAD},
        {PQI_TOPIC_TICK, SIM_NO_TICK}, {PQI_TOPIC_POLICY, SIM_NO_POLICY},
        {PQI_TOPIC_REVOCATIONS, SIM_NO_LOG}, {PQI_TOPIC_REV_DELTA, SIM_NO_DELTA},
        {PQI_TOPIC_ANSWER, SIM_NO_ANSWER}, {PQI_TOPIC_WITNESS, SIM_NO_ANSWER}};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        if ((w->n[to].withheld & each[i].bit) != 0 &&
            strncmp(l->topic, each[i].topic, strlen(each[i].topic)) == 0) {
            return 1;
        }
    }
    return 0;
}

static void pass(sim *w, size_t at, int to, int retained)
{
    const sim_letter *l = &w->tape[at];
    if (withheld(w, l, to)) {
        return;
    }
    if (l->from >= 0 && w->n[l->from].group != w->n[to].group) {
        return;
    }
    if (l->kind == 'a' && w->n[l->from].frozen && w->n[l->from].first_ann >= 0) {
        l = &w->tape[w->n[l->from].first_ann];
    }
    sim_deliver(w, to, l->topic, l->b, l->len, retained);
}

void sim_transmit(sim *w, size_t at)
{
    const sim_letter *l = &w->tape[at];
    if (l->kind == 'q') {
        if ((w->n[l->from].withheld & SIM_NO_ANSWER) == 0) {
            sim_plane_answer(w, l);
        }
        return;
    }
    const int kept = l->kind == 'a' || (l->kind == 'c' && l->to < 0) ||
                     strcmp(l->topic, PQI_TOPIC_REVOCATIONS) == 0;
    const int retained = kept != (w->rule == RULE_RETAIN);
    if (l->to >= 0) {
        pass(w, at, l->to, retained);
        return;
    }
    for (int i = 0; i < SIM_NODES; i++) {
        if (i != l->from) {
            pass(w, at, i, retained);
        }
    }
}

/* The last ones first, but for one that goes to the end: every order of three is reached. */
void sim_flush_queue(sim *w)
{
    const size_t n = w->n_queue;
    w->n_queue = 0;
    for (size_t i = 0; i < n; i++) {
        sim_transmit(w, w->queue[(n - 1 - i + w->rule_arg) % n]);
    }
}

static void use_rule(sim *w)
{
    if (w->rule_left != 0 && --w->rule_left == 0) {
        if (w->rule == RULE_REORDER) {
            sim_flush_queue(w);
        }
        w->rule = RULE_NONE;
        w->rule_control = 0;
    }
}

void sim_publish(sim *w, size_t at)
{
    if (w->rule_control && w->tape[at].kind != 's') {
        sim_transmit(w, at);
        return;
    }
    switch (w->rule) {
    case RULE_DROP:
        break;
    case RULE_HOLD:
        if (w->n_held < SIM_HELD) {
            w->held[w->n_held++] = (sim_held){at, w->step + w->rule_arg};
        }
        break;
    case RULE_REORDER:
        if (w->n_queue < SIM_HELD) {
            w->queue[w->n_queue++] = at;
        }
        break;
    case RULE_DUP:
        sim_transmit(w, at);
        sim_transmit(w, at);
        break;
    case RULE_NONE:
    case RULE_RETAIN:
        sim_transmit(w, at);
        break;
    }
    use_rule(w);
}

void sim_release(sim *w, int all)
{
    size_t kept = 0;
    const size_t n = w->n_held;
    for (size_t i = 0; i < n; i++) {
        if (all || w->held[i].due <= w->step) {
            sim_transmit(w, w->held[i].letter);
        } else {
            w->held[kept++] = w->held[i];
        }
    }
    w->n_held = kept;
}

/* The number and the kids are in the clear: the oracle checks that none is used twice. */
/* Where the session with a peer stands. */
static void print_session(sim *w, int n, int peer)
{
    pqi_session_info i;
    const dev *d = w->n[n].d;
    if (w->n[n].up &&
        pqi_endpoint_session(&d->ep, &d->now, text_of(sim_name(peer)), &i) == PQI_OK) {
        printf("i %s %s up %d mode %c role %d wanted %d epoch %u healing %d why %s\n", sim_name(n),
            sim_name(peer), i.up, i.mode ? i.mode : '-', i.role, i.wanted, i.epoch, i.healing.level,
            i.why);
    }
}

static void print_number(int from, int to, const uint8_t *b)
{
    unsigned long long seq = 0;
    for (size_t i = 0; i < 8; i++) {
        seq = seq << 8 | b[20 + i];
    }
    printf("N %s %s %02x%02x%02x%02x %llu\n", sim_name(from), sim_name(to), b[4], b[5], b[6], b[7],
        seq);
}

long sim_send(sim *w, int from, int to, int owner, pqi_class cls)
{
    sim_node *s = &w->n[from];
    if (!s->up || from == to) {
        return -1;
    }
    static uint8_t out[FLEET_ROOM];
    sim_actor(from);
    char topic[PQI_TOPIC_MAX], text[32];
    size_t len = 0;
    (void)snprintf(topic, sizeof topic, "plant/%s/%s", sim_name(owner), sim_name(to));
    (void)snprintf(text, sizeof text, "m%u", w->texts++);
    const pqi_outbound o = {.peer = text_of(sim_name(to)),
        .topic = text_of(topic),
        .payload = text_of(text),
        .cls = cls};
    const pqi_span room = {out, sizeof out};
    pqi_status st = pqi_endpoint_send(&s->d->ep, &s->d->now, &o, room, &len);
    if (st == PQI_ERR_MISSING && w->sessions != PQI_SESSIONS_OFF) {
        sim_pump(w); /* a session is being made; whoever sends asks again */
        st = s->up ? pqi_endpoint_send(&s->d->ep, &s->d->now, &o, room, &len) : PQI_ERR_STATE;
    }
    if (st != PQI_OK) {
        printf("s %s %s %s %d %s\n", sim_name(from), sim_name(to), pqi_status_name(st), (int)cls,
            pqi_reason_name(pqi_endpoint_reason(&s->d->ep)));
        sim_status(w, from);
        return -1;
    }
    printf("S %s %s %s %s\n", sim_name(from), sim_name(to), topic, text);
    if (out[0] == PQI_V1_T) {
        print_number(from, to, out);
    }
    return sim_record(w, topic, out, len, from, to, 'd');
}

static int node_named(const char *s, size_t n)
{
    for (int i = 0; i < SIM_NODES; i++) {
        if (strlen(sim_name(i)) == n && memcmp(sim_name(i), s, n) == 0) {
            return i;
        }
    }
    return -1;
}

/* pq/4/i/<to>, pq/4/r/<to>, pq/4/s/<to>/<from>: docs/spec/session.md section 1. */
static int recipient_of(const char *topic)
{
    const char *id = topic + sizeof PQI_TOPIC_INIT - 1;
    return node_named(id, strcspn(id, "/"));
}

static int poll_one(sim *w, int n)
{
    sim_node *s = &w->n[n];
    static uint8_t out[PQI_ENDPOINT_POLL_MAX];
    pqi_outpacket o;
    if (!s->up) {
        return 0;
    }
    sim_actor(n);
    pqi_status st = pqi_endpoint_poll(&s->d->ep, &s->d->now, (pqi_span){out, sizeof out}, &o);
    if (st != PQI_OK) {
        printf("X %s poll %s\n", sim_name(n), pqi_status_name(st));
    }
    sim_status(w, n);
    if (st != PQI_OK || o.len == 0 || !s->up) {
        return 0;
    }
    const int to = recipient_of(o.topic);
    printf("p %s %s %02x %zu\n", sim_name(n), to >= 0 ? sim_name(to) : "-", out[0], o.len);
    const char kind = w->pl != NULL && strcmp(o.topic, PQI_TOPIC_ASK) == 0 ? 'q' : 's';
    const long at = sim_record(w, o.topic, out, o.len, n, to, kind);
    if (at < 0) {
        return 0;
    }
    sim_publish(w, (size_t)at);
    return 1;
}

void sim_pump(sim *w)
{
    if (w->sessions == PQI_SESSIONS_OFF && w->pl == NULL) {
        return;
    }
    int more = 1;
    for (unsigned turn = 0; more; turn++) {
        more = 0;
        for (int n = 0; n < SIM_NODES; n++) {
            more |= poll_one(w, n);
        }
        if (turn == 300) {
            printf("X a two devices never fall silent\n");
            return;
        }
    }
}

long sim_announce(sim *w, int n)
{
    sim_node *s = &w->n[n];
    static uint8_t out[FLEET_ROOM];
    char topic[PQI_TOPIC_MAX];
    size_t len = 0;
    if (!s->up || pqi_endpoint_announce(&s->d->ep, (pqi_span){out, sizeof out}, &len) != PQI_OK) {
        return -1;
    }
    pqi_endpoint_announce_topic(&s->d->ep, topic);
    return sim_record(w, topic, out, len, n, -1, 'a');
}

/* Entries from + 1 and what follows. */
static long publish_log(sim *w, uint32_t from)
{
    static msg m;
    fleet_revoke(w->n[0].d->f, from, w->revoked, w->n_revoked, &m);
    const long letter = sim_record(w, m.topic, m.b, m.len, -1, -1, 'v');
    if (letter >= 0) {
        sim_publish(w, (size_t)letter);
    }
    return letter;
}

void sim_list(sim *w)
{
    const long letter = publish_log(w, 0);
    w->newest_list = letter >= 0 ? letter : w->newest_list;
}

/* The fleet gets a new root manifest, the same for everybody; the log begins anew under it. */
void sim_new_root(sim *w)
{
    if (w->pl != NULL) {
        sim_plane_rotate(w);
        return;
    }
    fleet_root(w->n[0].d->f, w->n[0].d->f->root_version + 1u);
    w->stolen = 0;
    for (int i = 0; i < SIM_NODES; i++) {
        sim_start(w, i, 1);
    }
    if (w->n_revoked != 0) {
        sim_list(w);
    }
}

void sim_revoke(sim *w, int n)
{
    if (w->pl != NULL) {
        sim_plane_revoke(w, n);
        return;
    }
    for (size_t i = 0; i < w->n_revoked; i++) {
        if (w->revoked[i].roster_index == (uint32_t)n + 1u) {
            return;
        }
    }
    w->revoked[w->n_revoked++] =
        (pqi_revoked){.roster_index = (uint32_t)n + 1u, .min_key_epoch = UINT32_MAX};
    printf("V %s\n", sim_name(n));
    if (w->n_revoked > 1) {
        (void)publish_log(w, (uint32_t)w->n_revoked - 1u); /* at once, beside the retained one */
    }
    sim_list(w);
}

/* ---- the quiet period -------------------------------------------------------------------------- */

/* A receiver that crashed refuses up to 64 numbers more than it had seen (docs/spec/v1.md section 5):
 * the sender's next 64 messages count as lost here. */
static int pair_talks(sim *w, int from, int to)
{
    const pqi_class cls = w->pl != NULL ? PQI_CLASS_H : PQI_CLASS_L;
    long at = sim_send(w, from, to, from, cls);
    if (at < 0) {
        return 0;
    }
    sim_transmit(w, (size_t)at);
    if (w->pl != NULL) {
        return w->tape[at].got != 0 && (w->n[to].d->ev.classes & 1u << PQI_CLASS_H) != 0;
    }
    if (w->tape[at].got != 0 || !w->n[to].crashed || w->sessions != PQI_SESSIONS_OFF) {
        return w->tape[at].got != 0;
    }
    const pqi_peer *p = pqi_endpoint_peer(&w->n[from].d->ep, text_of(sim_name(to)));
    if (p != NULL) {
        ((pqi_peer *)(uintptr_t)p)->send_next += PQI_HIGH_RESERVE;
    }
    at = sim_send(w, from, to, from, cls);
    if (at >= 0) {
        sim_transmit(w, (size_t)at);
    }
    return at >= 0 && w->tape[at].got != 0;
}

static int in_standing(const sim *w, int n)
{
    for (uint32_t i = 0; w->pl != NULL && i < w->pl->n_log; i++) {
        if (w->pl->log[i].roster_index == (uint32_t)n + 1u) {
            return 0;
        }
    }
    for (size_t i = 0; i < w->n_revoked; i++) {
        if (w->revoked[i].roster_index == (uint32_t)n + 1u) {
            return 0;
        }
    }
    return 1;
}

/* Seconds go by, each with a message of every pair that has not talked, until all have. */
static void all_pairs(sim *w)
{
    enum { SECONDS = 400 };
    int talked[SIM_NODES][SIM_NODES] = {{0}}, left = 1;
    for (unsigned second = 0; left && second < SECONDS; second++) {
        left = 0;
        for (int i = 0; i < SIM_NODES; i++) {
            for (int j = 0; j < SIM_NODES; j++) {
                if (i != j && !talked[i][j] && in_standing(w, i) && in_standing(w, j)) {
                    talked[i][j] = pair_talks(w, i, j);
                    left |= !talked[i][j];
                    if (!talked[i][j] && second % 100u == 99u) {
                        print_session(w, i, j);
                    }
                }
            }
            w->n[i].d->now.mono_ms += 1000;
            w->n[i].d->now.unix_s += 1;
        }
        sim_pump(w);
        if (w->sessions == PQI_SESSIONS_OFF && w->pl == NULL) {
            break;
        }
    }
}

void sim_quiet(sim *w)
{
    w->rule = RULE_NONE;
    w->rule_left = 0;
    w->rule_control = 0;
    w->hostile = 0;
    sim_flush_queue(w);
    sim_release(w, 1);
    for (int i = 0; i < SIM_NODES; i++) {
        sim_node *s = &w->n[i];
        s->group = 0;
        s->frozen = 0;
        s->d->power.cut_at = 0;
        s->d->now.mono_ms += 600000;
        if (!s->up) {
            sim_start(w, i, 0);
        }
    }
    w->quiet = 1;
    if (w->pl != NULL) {
        sim_plane_calm(w);
    } else if (w->stolen) {
        sim_new_root(w); /* the answer to a stolen revoker key, the only one there is */
    }
    printf("Q\n");
    for (int i = 0; i < SIM_NODES; i++) {
        const long at = sim_announce(w, i);
        if (at >= 0) {
            sim_transmit(w, (size_t)at);
        }
    }
    if (w->newest_list >= 0) { /* retained */
        sim_transmit(w, (size_t)w->newest_list);
    }
    for (int i = 0; i < SIM_NODES; i++) {
        for (int j = 0; j < SIM_NODES; j++) {
            const pqi_peer *p = pqi_endpoint_peer(&w->n[i].d->ep, text_of(sim_name(j)));
            if (p != NULL && p->revoked) {
                printf("R %s %s\n", sim_name(i), sim_name(j));
            }
        }
    }
    sim_pump(w);
    all_pairs(w);
}
