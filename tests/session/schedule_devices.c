/* SPDX-License-Identifier: Apache-2.0
 * Schedules of two devices: schedule_pair.py tells the steps and outcomes. */
#include "session/pair.h"
#include "session/schedule_rig.h"

#include <string.h>

enum { SEND = 1, POLL, GET, SERVE, TIME, WANT, LOSE, REBOOT, COPY };
/* Kinds of packets in an outcome. */
enum { K_NONE, K_INIT, K_RESP, K_CONF, K_CHAL, K_NOSESS, K_DATA, K_RESUME1, K_RESUME2, K_REJ };

#define SESSIONS 6u
#define HS       2u
#define ROUNDS   4u /* as many as sessions of one pair: none ever waits for another */
#define KEY_KEM  1u
#define KEY_X    2u
#define KEY_SIG  3u
#define TEXT_MAX 256u

/* What a device is, and never loses. */
typedef struct identity {
    pqi_hs_self self;
    pqi_hs_peer as_peer; /* as the other one knows it */
    uint8_t kid[PQI_KID_LEN], key_id[PQI_SESS_KID], cert256[32], cert384[48];
} identity;

/* What is in storage. */
typedef struct storage {
    bool written;
    pqi_sess_record rec;
} storage;

typedef struct device {
    pqi_pair pair;
    pqi_pair_shared shared;
    pqi_table table;
    uint8_t table_mem[SESSIONS * (sizeof(pqi_session_gateway) + PQI_TABLE_PLACE + 8u)]
        __attribute__((aligned(8)));
    pqi_pair_hs hs[HS];
    uint8_t hs_buf[HS][8192];
    pqi_round_mem round[ROUNDS];
    uint8_t round_buf[ROUNDS][PQI_ROUND_BUF_MAX];
    pqi_ratchet_env ratchet;
    pqi_starts starts;
    pqi_pair_env env;
} device;

static identity ids[2];
static device devices[2];
static storage stored[2], copies[2];
static const char names[2][8] = {"pump-1", "valve-2"};
static const char app_topic[] = "plant/a";
static uint8_t cold[2][PQI_GATE_KEY]; /* by sender */
static pqi_ratchet_limits limits;
static pqi_pair_limits pair_limits;
static uint8_t tmp[65536] __attribute__((aligned(64)));
static uint8_t hs_tmp[131072] __attribute__((aligned(64)));

/* ---- making ---------------------------------------------------------------------------------------- */

static pqi_cspan key_of(fake_provider *f, pqi_key handle)
{
    const fake_key *k = fake_find(f, handle, PQI_KEY_NONE);
    return k != NULL ? (pqi_cspan){k->pk, k->pk_len} : (pqi_cspan){NULL, 0};
}

/* Keys once for all schedules. */
static bool make_identity(unsigned i)
{
    fake_provider *f = &rig_it.provider[i];
    identity *d = &ids[i];
    const pqi_sig *sig = rig_it.sig;
    if (d->self.provider != NULL) {
        return true;
    }
    if (fake_provider_key(f, KEY_KEM, PQI_KEY_KEM, rig_it.suite->kem->id) != PQI_OK ||
        fake_provider_key(f, KEY_X, PQI_KEY_X25519, 0) != PQI_OK ||
        fake_provider_key(f, KEY_SIG, PQI_KEY_SIG, sig->id) != PQI_OK) {
        return false;
    }
    memset(d->kid, (int)(0x41 + i), sizeof d->kid);
    memset(d->key_id, (int)(0x45 + i), sizeof d->key_id);
    memset(d->cert256, (int)(0x51 + i), sizeof d->cert256);
    memset(d->cert384, (int)(0x61 + i), sizeof d->cert384);
    memset(cold[i], (int)(0x71 + i), sizeof cold[i]);
    const pqi_cspan id = {(const uint8_t *)names[i], strlen(names[i])};
    d->self = (pqi_hs_self){&f->base, KEY_KEM, KEY_X, KEY_SIG, sig, id, d->kid, d->cert256,
        d->cert384, key_of(f, KEY_KEM), key_of(f, KEY_X), 1};
    d->as_peer = (pqi_hs_peer){id, d->kid, d->cert256, d->cert384, d->self.kem_pk,
        d->self.x25519_pk, sig, key_of(f, KEY_SIG)};
    return true;
}

/* A device without state. Its random bytes go on: no two lives of a device draw the same. */
static bool make(unsigned i)
{
    device *d = &devices[i];
    const size_t len = pqi_session_size(rig_profile_of());
    memset(d, 0, sizeof *d);
    for (size_t k = 0; k < ROUNDS; k++) {
        d->round[k].buf = d->round_buf[k];
        d->round[k].len = sizeof d->round_buf[k];
    }
    for (size_t k = 0; k < HS; k++) {
        d->hs[k].buf = (pqi_span){d->hs_buf[k], sizeof d->hs_buf[k]};
    }
    d->ratchet = (pqi_ratchet_env){.algs = &rig_it.algs,
        .provider = &rig_it.provider[i].base,
        .limits = &limits,
        .rounds = d->round,
        .n_rounds = ROUNDS,
        .tmp = {tmp, sizeof tmp}};
    d->env = (pqi_pair_env){.ratchet = &d->ratchet,
        .profile = rig_profile_of(),
        .self = &ids[i].self,
        .limits = &pair_limits,
        .shared = &d->shared,
        .table = &d->table,
        .pairs = &d->pair,
        .n_pairs = 1,
        .hs = d->hs,
        .n_hs = HS,
        .starts = &d->starts,
        .tmp = {hs_tmp, sizeof hs_tmp},
        .chunk = rig_it.head.chunk};
    if (pqi_table_init(&d->table, SESSIONS, len, PQI_TABLE_RSID,
            (pqi_span){d->table_mem, sizeof d->table_mem}) != PQI_OK ||
        pqi_starts_open(&d->starts, &rig_it.provider[i].base) != PQI_OK) {
        return false;
    }
    pqi_pair_env_init(&d->env, rig_it.now_ms);
    pqi_pair_init(&d->env, &d->pair, rig_it.now_ms);
    return true;
}

bool devices_begin(void)
{
    rig_limits(&limits);
    pair_limits = pqi_pair_limits_gateway;
    pair_limits.reply = (pqi_rate){1000000, 1000}; /* else random bytes decide who is challenged */
    pair_limits.grace_ms = 1000u * rig_it.head.grace_s;
    memset(stored, 0, sizeof stored);
    memset(copies, 0, sizeof copies);
    return make_identity(0) && make_identity(1) && make(0) && make(1);
}

/* bits 1..2 of the head's flags: 0 mode S, 1 mode K, 2 mode M in which device 0 begins. */
static pqi_pair_at at_of(unsigned i)
{
    static const pqi_hs_mode modes[4] = {
        PQI_HS_MODE_S, PQI_HS_MODE_K, PQI_HS_MODE_M, PQI_HS_MODE_S};
    const pqi_hs_mode mode = modes[rig_it.head.flags >> 1 & 3];
    return (pqi_pair_at){.index = 0,
        .peer = &ids[1 - i].as_peer,
        .key_id = ids[1 - i].key_id,
        .key_epoch = 1,
        .cold_in = cold[1 - i],
        .cold_out = cold[i],
        .choice = {rig_it.suite, mode, mode != PQI_HS_MODE_M || i == 0},
        .min_level = 1,
        .now_ms = rig_it.now_ms};
}

/* ---- telling --------------------------------------------------------------------------------------- */

static uint8_t kind_of(const uint8_t *packet)
{
    switch (packet[0]) {
    case PQI_HS_T_INIT_S:
    case PQI_HS_T_INIT_K:
        return K_INIT;
    case PQI_HS_T_RESP_S:
    case PQI_HS_T_RESP_K:
        return K_RESP;
    case PQI_HS_T_CONF_S:
    case PQI_HS_T_CONF_K:
        return K_CONF;
    case PQI_HS_T_CHAL:
        return K_CHAL;
    case PQI_HS_T_NOSESS:
        return K_NOSESS;
    case PQI_HS_T_RESUME1:
        return K_RESUME1;
    case PQI_HS_T_RESUME2:
        return K_RESUME2;
    case PQI_HS_T_REJ:
        return K_REJ;
    default:
        return K_DATA;
    }
}

static void tell(unsigned i, uint8_t verdict, const rig_place *p, uint8_t *out)
{
    const device *d = &devices[i];
    const struct pqi_pair_core *c = &d->pair.core;
    const unsigned held = (c->stable != 0 ? 1u : 0) | (c->cand != 0 ? 2u : 0);
    out[0] = rig_it.reused ? RIG_REUSED : verdict;
    if (p != NULL) {
        out[1] = kind_of(p->packet);
        out[2] = out[1] == K_DATA ? p->packet[5] : 0;
    }
    out[3] = (uint8_t)((unsigned)c->role << 4 | held);
    rig_put16(out + 4, c->ctr & 0xffffu);
    rig_put16(out + 6, c->last & 0xffffu);
}

/* ---- steps ----------------------------------------------------------------------------------------- */

static void keep(rig_place *p, unsigned from, size_t len, pqi_pair_topic where, unsigned text)
{
    p->len = len;
    p->from = (uint8_t)from;
    p->where = (uint8_t)where;
    p->text = (uint8_t)text;
    p->control = where != PQI_PAIR_TOPIC_NONE;
}

static void send(const rig_step *s, uint8_t *out)
{
    const unsigned i = s->a & 1;
    rig_place *p = &rig_it.places[s->b % RIG_PLACES];
    uint8_t text[TEXT_MAX];
    const size_t len = (s->a >> 2) * 4u;
    const pqi_pair_at at = at_of(i);
    rig_text(s->b, text, len);
    const pqi_pair_msg m = {
        .topic = {(const uint8_t *)app_topic, sizeof app_topic - 1}, .payload = {text, len}};
    size_t got = 0;
    pqi_status st =
        pqi_pair_send(&devices[i].env, &at, &m, (pqi_span){p->packet, sizeof p->packet}, &got);
    p->len = 0;
    if (st == PQI_OK) {
        keep(p, i, got, PQI_PAIR_TOPIC_NONE, (unsigned)len);
    }
    tell(i, (uint8_t)(int8_t)st, st == PQI_OK ? p : NULL, out);
}

static void poll(const rig_step *s, uint8_t *out)
{
    const unsigned i = s->a & 1;
    rig_place *p = &rig_it.places[s->b % RIG_PLACES];
    const pqi_pair_at at = at_of(i);
    uint64_t next;
    size_t got = 0;
    pqi_pair_topic where = PQI_PAIR_TOPIC_NONE;
    pqi_status st = PQI_OK;
    p->len = 0;
    if ((pqi_pair_due(&devices[i].env, &at, &next) & PQI_PAIR_DUE_POLL) != 0) {
        st = pqi_pair_poll(
            &devices[i].env, &at, (pqi_span){p->packet, sizeof p->packet}, &got, &where);
    }
    if (st == PQI_OK && got != 0) {
        keep(p, i, got, where, 0);
    }
    tell(i, st == PQI_OK && got == 0 ? RIG_IDLE : (uint8_t)(int8_t)st, got != 0 ? p : NULL, out);
}

static pqi_cspan topic_of(const rig_place *p, uint8_t topic[PQI_TOPIC_MAX])
{
    if (p->where == PQI_PAIR_TOPIC_NONE) {
        return (pqi_cspan){(const uint8_t *)app_topic, sizeof app_topic - 1};
    }
    size_t len = pqi_pair_topic_write(
        (pqi_pair_topic)p->where, ids[1 - p->from].self.id, ids[p->from].self.id, topic);
    return (pqi_cspan){topic, len};
}

static bool same_text(const pqi_pair_event *ev, const rig_place *p, unsigned place)
{
    uint8_t text[TEXT_MAX];
    rig_text(place, text, p->text);
    return ((ev->what & PQI_PAIR_EV_MESSAGE) != 0) == !p->control &&
           ((ev->what & PQI_PAIR_EV_MESSAGE) == 0 ||
               (ev->payload.len == p->text &&
                   (p->text == 0 || memcmp(ev->payload.ptr, text, p->text) == 0)));
}

/* As an endpoint does it: 0 taken, else why not. */
static uint8_t dispatch(unsigned i, const rig_place *p, unsigned place, pqi_cspan packet)
{
    static uint8_t plain[RIG_PACKET];
    device *d = &devices[i];
    const pqi_pair_at at = at_of(i);
    uint8_t topic[PQI_TOPIC_MAX];
    pqi_pair_route route;
    pqi_pair_event ev;
    pqi_status st = pqi_pair_find(&d->env, packet, &route);
    if (st == PQI_ERR_MISSING) {
        pqi_pair_unknown(&d->env, &at, packet);
        return PQI_DROP_UNKNOWN;
    }
    if (st != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    static struct pqi_pair_core before;
    before = d->pair.core;
    st = pqi_pair_receive(
        &d->env, &at, topic_of(p, topic), packet, (pqi_span){plain, sizeof plain}, &ev);
    if (st != PQI_OK) {
        return (uint8_t)(int8_t)st;
    }
    if ((ev.what & PQI_PAIR_EV_DROP) != 0) {
        return memcmp(&before, &d->pair.core, sizeof before) == 0 ? (uint8_t)ev.drop : RIG_CHANGED;
    }
    if (kind_of(p->packet) == K_DATA && !same_text(&ev, p, place)) {
        return RIG_OTHER;
    }
    return 0;
}

static void get(const rig_step *s, uint8_t *out)
{
    static uint8_t copy[RIG_PACKET];
    const unsigned i = s->a & 1;
    const rig_place *p = &rig_it.places[s->b % RIG_PLACES];
    if (p->len == 0 || p->from == i) {
        out[0] = RIG_NONE;
        return;
    }
    memcpy(copy, p->packet, p->len);
    if ((s->a & 2) != 0) {
        copy[p->len - 1] ^= 4;
    }
    uint8_t verdict = dispatch(i, p, s->b, (pqi_cspan){copy, p->len});
    tell(i, verdict, p, out);
}

/* All that has to be in storage is there. */
static bool store(unsigned i)
{
    const pqi_pair_at at = at_of(i);
    if (pqi_pair_record(&devices[i].env, &at, &stored[i].rec) != PQI_OK) {
        return false;
    }
    stored[i].written = true;
    pqi_pair_stored(&devices[i].env, &at);
    return true;
}

static bool reboot(unsigned i)
{
    const pqi_pair_at at = at_of(i);
    return make(i) &&
           (!stored[i].written || pqi_pair_restore(&devices[i].env, &at, &stored[i].rec) == PQI_OK);
}

static void serve(const rig_step *s, uint8_t *out)
{
    const unsigned i = s->a & 1;
    const pqi_pair_at at = at_of(i);
    pqi_status st = PQI_OK;
    if ((s->a & 2) != 0) {
        st = pqi_pair_work(&devices[i].env, &at);
    }
    if ((s->a & 4) != 0 && !store(i)) {
        st = PQI_ERR_STORAGE;
    }
    tell(i, (uint8_t)(int8_t)st, NULL, out);
}

void devices_step(const rig_step *s, uint8_t out[RIG_OUTCOME])
{
    memset(out, 0, RIG_OUTCOME);
    switch (s->op) {
    case SEND:
        send(s, out);
        break;
    case POLL:
        poll(s, out);
        break;
    case GET:
        get(s, out);
        break;
    case SERVE:
        serve(s, out);
        break;
    case TIME:
        rig_it.now_ms += 100u * s->b;
        tell(0, 0, NULL, out);
        break;
    case WANT:
        pqi_pair_want(&devices[s->a & 1].pair, PQI_PAIR_WHY_USER);
        tell(s->a & 1, 0, NULL, out);
        break;
    case LOSE:
        stored[s->a & 1].written = false;
        tell(s->a & 1, make(s->a & 1) ? 0 : RIG_CHANGED, NULL, out);
        break;
    case REBOOT:
        if ((s->a & 2) != 0) {
            stored[s->a & 1] = copies[s->a & 1];
        }
        tell(s->a & 1, reboot(s->a & 1) ? 0 : RIG_CHANGED, NULL, out);
        break;
    case COPY:
        copies[s->a & 1] = stored[s->a & 1];
        tell(s->a & 1, 0, NULL, out);
        break;
    default:
        out[0] = RIG_NONE;
    }
}
