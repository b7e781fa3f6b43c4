/* SPDX-License-Identifier: Apache-2.0
 * Nodes of the simulation: life, medium, delivery. */
#include "adversary/sim.h"

#include "adversary/watch.h"
#include <pqi/control.h>
#include <time.h>

static const char *const names[SIM_NODES] = {"a", "b", "c"};
static const char *const scopes[SIM_NODES] = {"plant/a", "plant/b", "plant/c"};
/* Rounds after a few messages, an object in one of them: a short schedule sees many epochs. */
static const pqi_session_limits quick = {
    .d_msgs = 4, .d_s = 900, .h_msgs = 10, .h_s = 3600, .grace_s = 60, .chunk = 64, .burst = 1};
static int actor; /* whose code runs: for seals */

/* Certified devices that nobody needs; their announcements fill a table. */
static const char *const strangers[SIM_STRANGERS] = {"s0", "s1", "s2", "s3"};

const char *sim_name(int n)
{
    return names[n];
}

void sim_actor(int n)
{
    actor = n;
}

static void on_seal(const uint8_t hash[ADV_HASH])
{
    printf("K %s ", names[actor]);
    for (size_t i = 0; i < ADV_HASH; i++) {
        printf("%02x", hash[i]);
    }
    putchar('\n');
}

static void keep(sim_node *s)
{
    s->pristine_scratch = malloc(s->d->scratch_len);
    assert_non_null(s->pristine_scratch);
    if (s->d->sessions.len != 0) {
        s->pristine_sessions = malloc(s->d->sessions.len);
        assert_non_null(s->pristine_sessions);
        memcpy(s->pristine_sessions, s->d->sessions.ptr, s->d->sessions.len);
    }
    memcpy(&s->pristine, s->d, sizeof s->pristine);
    memcpy(s->pristine_scratch, s->d->scratch, s->d->scratch_len);
    fake_nvm_copy(&s->pristine_nvm, &s->d->nvm);
}

void sim_make(sim *w, pqi_session_use sessions, uint8_t modes, int rounds, int with_plane)
{
    memset(w, 0, sizeof *w);
    w->sessions = sessions;
    w->modes = modes;
    if (with_plane) {
        sim_plane_make(w);
    }
    for (int i = 0; i < SIM_NODES; i++) {
        const dev_spec spec = {.id = names[i],
            .epoch = 1,
            .roster = (uint32_t)i + 1u,
            .pub = scopes[i],
            .also_s = with_plane,
            .roles = with_plane && i == 2 ? PQI_CERT_ROLE_WITNESS : 0,
            .not_before = with_plane ? 1 : 0,
            .not_after = with_plane ? 30000000 : 0, /* a year and more */
            .seed = (uint8_t)(0x31 + i),
            .sessions = sessions,
            .modes = modes,
            .session_limits = rounds ? &quick : NULL};
        w->n[i].d = dev_new(&spec);
        if (with_plane) {
            sim_plane_own(w, w->n[i].d);
        }
        assert_int_equal(dev_open(w->n[i].d), PQI_OK);
    }
    if (with_plane) {
        sim_plane_begin(w);
    }
    for (int i = 0; i < SIM_STRANGERS; i++) {
        const dev_spec spec = {.id = strangers[i],
            .epoch = 1,
            .roster = (uint32_t)(SIM_NODES + i) + 1u,
            .pub = "plant/s",
            .seed = (uint8_t)(0x61 + i)};
        dev *d = dev_new(&spec);
        assert_int_equal(dev_open(d), PQI_OK);
        dev_announce(d, &w->stranger[i]);
        dev_free(d);
    }
    for (int i = 0; i < SIM_NODES; i++) {
        for (int j = i + 1; j < SIM_NODES; j++) {
            dev_meet(w->n[i].d, w->n[j].d);
        }
    }
    for (int i = 0; i < SIM_NODES; i++) {
        static msg m;
        dev_announce(w->n[i].d, &m);
        w->n[i].met = malloc(m.len);
        assert_non_null(w->n[i].met);
        memcpy(w->n[i].met, m.b, m.len);
        w->n[i].met_len = m.len;
        keep(&w->n[i]);
    }
    adv_on_seal = on_seal;
}

static void put_back(sim_node *s)
{
    fake_nvm_free(&s->d->nvm);
    memcpy(s->d, &s->pristine, sizeof *s->d);
    memset(s->d->nvm.rec, 0, sizeof s->d->nvm.rec);
    fake_nvm_copy(&s->d->nvm, &s->pristine_nvm);
    memcpy(s->d->scratch, s->pristine_scratch, s->d->scratch_len);
    if (s->d->sessions.len != 0) {
        memcpy(s->d->sessions.ptr, s->pristine_sessions, s->d->sessions.len);
    }
    s->up = 1;
    s->has_snap = s->insider = s->crashed = s->frozen = 0;
    s->group = 0;
}

void sim_reset(sim *w)
{
    for (int i = 0; i < SIM_NODES; i++) {
        put_back(&w->n[i]);
    }
    for (size_t i = 0; i < w->n_tape; i++) {
        free(w->tape[i].b);
    }
    w->n_tape = w->n_held = w->n_queue = w->n_revoked = 0;
    w->rule = RULE_NONE;
    w->rule_left = w->texts = 0;
    w->rule_control = 0;
    w->step = 0;
    w->newest_list = -1;
    w->stolen = 0;
    w->quiet = 0;
    w->head_id = 0;
    if (w->pl != NULL) {
        sim_plane_reset(w);
    } else if (w->n[0].d->f->root_version != 1) {
        fleet_root(w->n[0].d->f, 1);
    }
    w->hostile = 0;
    adv_fixed_random(1);
    for (int i = 0; i < SIM_NODES; i++) { /* what the broker retained from before */
        char topic[PQI_TOPIC_MAX];
        pqi_endpoint_announce_topic(&w->n[i].d->ep, topic);
        w->n[i].first_ann = sim_record(w, topic, w->n[i].met, w->n[i].met_len, i, -1, 'a');
    }
    if (w->pl != NULL) {
        sim_plane_retained(w);
    }
}

void sim_free(sim *w)
{
    sim_reset(w);
    for (size_t i = 0; i < w->n_tape; i++) {
        free(w->tape[i].b);
    }
    for (int i = 0; i < SIM_NODES; i++) {
        free(w->n[i].met);
        fake_nvm_free(&w->n[i].snap);
        fake_nvm_free(&w->n[i].pristine_nvm);
        free(w->n[i].pristine_scratch);
        free(w->n[i].pristine_sessions);
        dev_free(w->n[i].d);
    }
}

void sim_status(sim *w, int n)
{
    if (w->n[n].up && w->n[n].d->power.dead) {
        w->n[n].up = 0;
        w->n[n].crashed = 1;
        printf("C %s\n", names[n]);
    }
}

/* tell 0: nobody expects that it works. */
static pqi_status power_on(sim *w, int n, int tell)
{
    sim_node *s = &w->n[n];
    const uint64_t cut = s->up ? s->d->power.cut_at : 0; /* a cut may hit the start itself */
    s->d->power.dead = 0;
    s->d->power.cut_at = cut;
    s->insider = 0;
    for (size_t i = 0; i < w->n_tape; i++) { /* handshakes end with the process that was in them */
        if (w->tape[i].kind == 's') {
            w->tape[i].got &= ~(1u << n);
        }
    }
    actor = n;
    pqi_status st = dev_open(s->d);
    s->up = st == PQI_OK;
    if (st != PQI_OK && s->d->power.dead) {
        printf("C %s\n", names[n]);
    } else if (tell || st == PQI_OK) {
        printf("O %s %s\n", names[n], pqi_status_name(st));
    }
    return st;
}

void sim_start(sim *w, int n, int orderly)
{
    sim_node *s = &w->n[n];
    actor = n;
    if (s->up && orderly == 1) {
        pqi_endpoint_close(&s->d->ep);
    }
    s->crashed |= !orderly || s->d->power.dead; /* the cut may have hit the close */
    (void)power_on(w, n, 1);
}

static int of_sessions(const char *name)
{
    return strncmp(name, "s-", 2) == 0;
}

void sim_snapshot(sim *w, int n)
{
    sim_node *s = &w->n[n];
    fake_nvm_copy(&s->snap, &s->d->nvm);
    memcpy(s->snap_counters, s->d->prov.counters, sizeof s->snap_counters);
    s->snap_epoch = s->d->spec.epoch;
    s->has_snap = 1;
    if (w->pl != NULL) {
        printf("Z %s\n", names[n]);
    }
}

/* An old copy of the records under counters that went on: it must be refused (INV-8); then the owner
 * puts the present one back. */
void sim_restore(sim *w, int n)
{
    sim_node *s = &w->n[n];
    if (!s->has_snap) {
        return;
    }
    fake_nvm present;
    memset(&present, 0, sizeof present);
    fake_nvm_copy(&present, &s->d->nvm);
    /* what a power cut left half written was never in force, so bytes alone do not tell */
    const int older = s->snap_counters[PQI_SLOT_PEERS] != s->d->prov.counters[PQI_SLOT_PEERS] ||
                      s->snap_counters[PQI_SLOT_SEQ] != s->d->prov.counters[PQI_SLOT_SEQ];
    fake_nvm_copy(&s->d->nvm, &s->snap);
    s->d->power.cut_at = 0;
    s->crashed = 1;
    pqi_status st = power_on(w, n, 0);
    printf("B %s %d %s\n", names[n], older, pqi_status_name(st));
    if (st != PQI_OK) {
        fake_nvm_copy(&s->d->nvm, &present);
        (void)power_on(w, n, 1);
    }
    fake_nvm_free(&present);
}

/* The whole disk as it was, counters of a provider that cannot resist it included. A certificate that
 * was renewed since would make it another device. */
void sim_restore_image(sim *w, int n)
{
    sim_node *s = &w->n[n];
    if (!s->has_snap || s->snap_epoch != s->d->spec.epoch) {
        return;
    }
    fake_nvm_copy(&s->d->nvm, &s->snap);
    memcpy(s->d->prov.counters, s->snap_counters, sizeof s->snap_counters);
    s->d->power.cut_at = 0;
    s->crashed = 1;
    printf("Y %s\n", names[n]);
    (void)power_on(w, n, 1);
}

/* The records of sessions alone: an old copy, or none. Nothing notices at the start; the peer does. */
void sim_roll_sessions(sim *w, int n, int lose)
{
    sim_node *s = &w->n[n];
    fake_nvm *now = &s->d->nvm;
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        if (of_sessions(now->rec[i].name)) {
            const fake_slot *old =
                s->has_snap && !lose ? fake_nvm_find(&s->snap, now->rec[i].name) : NULL;
            for (unsigned k = 0; k < 2; k++) {
                fake_nvm_erase(now, now->rec[i].name, k);
                if (old != NULL && old->bytes[k] != NULL) {
                    now->rec[i].bytes[k] = malloc(old->len[k]);
                    assert_non_null(now->rec[i].bytes[k]);
                    memcpy(now->rec[i].bytes[k], old->bytes[k], old->len[k]);
                    now->rec[i].len[k] = old->len[k];
                }
            }
        }
    }
    sim_start(w, n, 0);
}

void sim_renew(sim *w, int n)
{
    sim_node *s = &w->n[n];
    s->d->spec.epoch++;
    s->d->cert_len = fleet_cert(s->d->f, &s->d->prov, &s->d->spec, s->d->cert);
    sim_start(w, n, 1);
}

/* ---- delivery ---------------------------------------------------------------------------------- */

static pqi_endpoint ep_before, ep_after;
static pqi_peer peers_before[FLEET_PEERS], peers_after[FLEET_PEERS];

/* What a refused packet may change: buckets and counters of refusals. */
static void shadow(const dev *d, pqi_endpoint *e, pqi_peer peers[FLEET_PEERS])
{
    memcpy(e, &d->ep, sizeof *e);
    memset(&e->global_sig, 0, sizeof e->global_sig);
    memset(&e->announce, 0, sizeof e->announce);
    memset(&e->control, 0, sizeof e->control);
    memset(e->drops, 0, sizeof e->drops);
    memset(e->refused_by, 0, sizeof e->refused_by);
    memset(&e->pk, 0, sizeof e->pk);
    memset(&e->seen, 0, sizeof e->seen);
    e->gates = 0; /* what was so at the last look: time passes */
    e->reason = PQI_REASON_OK;
    dev_forget_ctl(&e->ctl);
    memcpy(peers, d->peers, FLEET_PEERS * sizeof *peers);
    for (size_t i = 0; i < FLEET_PEERS; i++) {
        memset(&peers[i].sig_bucket, 0, sizeof peers[i].sig_bucket);
        memset(&peers[i].ann_bucket, 0, sizeof peers[i].ann_bucket);
    }
}

static sim_letter *as_published(sim *w, int n, const char *topic, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < w->n_tape; i++) {
        sim_letter *l = &w->tape[i];
        if ((l->to == n || l->to < 0) && l->len == len && strcmp(l->topic, topic) == 0 &&
            !(l->got & (1u << n)) && memcmp(l->b, b, len) == 0) {
            return l;
        }
    }
    return NULL;
}

static char kind_of(const char *topic)
{
    if (strncmp(topic, PQI_TOPIC_INIT, sizeof PQI_TOPIC_INIT - 1) == 0 ||
        strncmp(topic, PQI_TOPIC_RESP, sizeof PQI_TOPIC_RESP - 1) == 0 ||
        strncmp(topic, PQI_TOPIC_SESSION, sizeof PQI_TOPIC_SESSION - 1) == 0) {
        return 's';
    }
    if (strcmp(topic, PQI_TOPIC_REVOCATIONS) == 0 || strcmp(topic, PQI_TOPIC_REV_DELTA) == 0) {
        return 'v';
    }
    if (strncmp(topic, "pq/4/", 5) == 0 && strchr("uhtoyqax", topic[5]) != NULL) {
        return 'c';
    }
    return strncmp(topic, PQI_TOPIC_ANNOUNCE, sizeof PQI_TOPIC_ANNOUNCE - 1) == 0 ? 'a' : 'd';
}

static void print_refusal(
    sim *w, int n, const char *topic, uint64_t pk, int hostile, int neutral, int oversized)
{
    const pqi_event *ev = &w->n[n].d->ev;
    printf("D %s %s %llu %d %d %s %c %d\n", names[n], pqi_drop_name(ev->drop),
        (unsigned long long)pk, hostile, neutral, ev->peer[0] ? ev->peer : "-", kind_of(topic),
        oversized);
}

static void print_event(sim *w, int n, const char *topic, int hostile, uint64_t work)
{
    const dev *d = w->n[n].d;
    const pqi_event *ev = &d->ev;
    if (ev->notes != 0) {
        printf("E %s %s %u\n", names[n], ev->peer, ev->notes);
    }
    if (ev->kind == PQI_EV_MESSAGE) {
        printf("A %s %s %llu %u %s %.*s %d %u\n", names[n], ev->peer, (unsigned long long)ev->seq,
            ev->key_epoch, topic, (int)ev->plain.len, (const char *)ev->plain.ptr, ev->session,
            ev->classes);
    } else if (ev->kind == PQI_EV_PEER) {
        const pqi_peer *p = pqi_endpoint_peer(&d->ep, text_of(ev->peer));
        printf("P %s %s %u %u\n", names[n], ev->peer, ev->key_epoch, p ? p->ann_epoch : 0);
    } else if (ev->kind == PQI_EV_REVOKED) {
        printf("L %s %d\n", names[n], hostile);
        for (size_t i = 0; i < d->ep.ctl.rev.n; i++) {
            const pqi_revoked *r = &d->ep.cfg.revoked[i];
            if (r->roster_index <= SIM_NODES) { /* a thief's others are nobody */
                printf("R %s %s %u\n", names[n], names[r->roster_index - 1], r->min_key_epoch);
            }
        }
    }
    if (hostile != 0 && work != 0) {
        printf("W %s %llu %d %c\n", names[n], (unsigned long long)work, hostile, kind_of(topic));
    }
}

static uint64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Announcements are metered, not free; they are judged one by one elsewhere. */
static void count_refusal(sim *w, int n, const char *topic, uint64_t pk, uint64_t us)
{
    (void)n;
    if (kind_of(topic) == 'd' || kind_of(topic) == 's') {
        w->flood++;
        w->flood_work += pk;
        w->flood_us += us;
    }
}

static uint64_t pages(void)
{
    unsigned long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f != NULL) {
        if (fscanf(f, "%lu %lu", &size, &resident) != 2) {
            resident = 0;
        }
        (void)fclose(f);
    }
    return resident;
}

void sim_begin_flood(sim *w)
{
    w->counting = 1;
    w->flood_pages = pages();
}

void sim_print_flood(sim *w)
{
    w->counting = 0;
    printf("F %llu %llu %llu %lld\n", (unsigned long long)w->flood,
        (unsigned long long)w->flood_work, (unsigned long long)w->flood_us,
        (long long)pages() - (long long)w->flood_pages);
    w->flood = w->flood_work = w->flood_us = 0;
}

void sim_deliver(sim *w, int n, const char *topic, const uint8_t *b, size_t len, int retained)
{
    sim_node *s = &w->n[n];
    dev *d = s->d;
    if (!s->up) {
        return;
    }
    sim_letter *l = as_published(w, n, topic, b, len);
    const int hostile = l != NULL ? 0 : w->hostile != 0 ? w->hostile : 1;
    uint8_t *heap = malloc(len != 0 ? len : 1); /* exact size, for AddressSanitizer */
    assert_non_null(heap);
    memcpy(heap, b, len);
    shadow(d, &ep_before, peers_before);
    const uint64_t writes = d->nvm.writes, pk = adv_public_key_ops();
    const uint64_t start = w->counting ? now_us() : 0;
    const pqi_inbound in = {text_of(topic), {heap, len}, retained};
    actor = n;
    pqi_status st =
        pqi_endpoint_receive(&d->ep, &d->now, &in, (pqi_span){d->plain, sizeof d->plain}, &d->ev);
    free(heap);
    if (w->counting && st == PQI_OK && d->ev.kind == PQI_EV_DROP) {
        count_refusal(w, n, topic, adv_public_key_ops() - pk, now_us() - start);
        return;
    }
    if (w->pl != NULL && st == PQI_OK) {
        sim_plane_told(
            w, n, topic, b, len, d->ev.kind == PQI_EV_DROP ? pqi_drop_name(d->ev.drop) : "took");
    }
    if (st != PQI_OK) {
        printf("X %s %s\n", names[n], pqi_status_name(st));
    } else if (d->ev.kind == PQI_EV_DROP) {
        shadow(d, &ep_after, peers_after);
        const int neutral = d->ev.drop == PQI_DROP_STATE ||
                            d->ev.drop == PQI_DROP_CLOSED || /* authentic: its number is used up */
                            (memcmp(&ep_before, &ep_after, sizeof ep_before) == 0 &&
                                memcmp(peers_before, peers_after, sizeof peers_before) == 0 &&
                                d->nvm.writes == writes);
        print_refusal(
            w, n, topic, adv_public_key_ops() - pk, hostile, neutral, len > d->limits.packet_max);
    } else {
        print_event(w, n, topic, hostile, adv_public_key_ops() - pk);
        if (l != NULL && d->ev.kind == PQI_EV_MESSAGE) {
            l->got |= 1u << n;
        }
    }
    if (l != NULL && l->kind == 'd' && d->ev.kind == PQI_EV_DROP && d->ev.drop == PQI_DROP_CLOSED) {
        l->got |= 1u << n;
    }
    if (l != NULL && l->kind == 's' && adv_public_key_ops() != pk) {
        l->got |= 1u << n;
    }
    sim_status(w, n);
}
