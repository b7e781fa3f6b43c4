/* SPDX-License-Identifier: Apache-2.0
 * Schedules of one session: schedule_ratchet.py tells the steps and outcomes. */
#include "session/schedule_rig.h"

#include <string.h>

enum { SEAL = 1, OPEN, SERVE, TIME, SKIP, HEAL };
enum { INTACT, FLIPPED, MOVED, RENUMBERED };
static const char topics[2][8] = {"plant/a", "plant/b"};

typedef struct end {
    union {
        pqi_session_tiny tiny;
        pqi_session_std std;
        pqi_session_gateway gateway;
    } mem;
    pqi_ratchet_view view;
    pqi_ratchet_env env;
    pqi_round_mem round;
    uint8_t buf[PQI_ROUND_BUF_MAX];
} end;

static end ends[2];
static pqi_ratchet_rms flash[2]; /* what is in the storage of each end */
static pqi_ratchet_limits limits;
static uint8_t tmp[65536] __attribute__((aligned(64)));

static uint32_t now_s(void)
{
    return (uint32_t)(rig_it.now_ms / 1000);
}

static bool start(end *e, pqi_hs_side side, const pqi_hs_out *keys)
{
    memset(&e->mem, 0, sizeof e->mem);
    memset(&e->round, 0, sizeof e->round);
    e->round.buf = e->buf;
    e->round.len = sizeof e->buf;
    e->view = pqi_session_view(rig_profile_of(), &e->mem);
    e->env = (pqi_ratchet_env){.algs = &rig_it.algs,
        .provider = &rig_it.provider[side].base,
        .limits = &limits,
        .rounds = &e->round,
        .n_rounds = 1,
        .tmp = {tmp, sizeof tmp}};
    const pqi_ratchet_init init = {.suite = rig_it.suite,
        .mode = PQI_HS_MODE_S,
        .side = side,
        .keys = keys,
        .rsid_own = 100u + side,
        .rsid_peer = 101u - side,
        .now_s = now_s(),
        .chunk = rig_it.head.chunk};
    return pqi_ratchet_start(&e->env, &e->view, &init) == PQI_OK;
}

bool session_begin(void)
{
    pqi_hs_out keys;
    for (size_t i = 0; i < sizeof keys; i++) {
        ((uint8_t *)&keys)[i] = (uint8_t)(i * 7 + i / 32);
    }
    rig_limits(&limits);
    for (size_t i = 0; i < 2; i++) { /* the handshake's, written when it ended */
        flash[i] = (pqi_ratchet_rms){0};
        memcpy(flash[i].rms, keys.rms0, sizeof keys.rms0);
    }
    return start(&ends[0], PQI_HS_SIDE_I, &keys) && start(&ends[1], PQI_HS_SIDE_R, &keys);
}

static pqi_ratchet_ctx ctx_of(unsigned topic)
{
    return (pqi_ratchet_ctx){
        PQI_HS_CTX_TOPIC, {(const uint8_t *)topics[topic], sizeof topics[topic] - 1}};
}

static void tell(end *e, pqi_status st, uint8_t *out)
{
    out[0] = rig_verdict(st);
    pqi_healing age = {0};
    if (pqi_ratchet_healing(&e->env, &e->view, now_s(), &age) != PQI_OK) {
        out[0] = RIG_CHANGED;
    }
    out[6] = (uint8_t)(pqi_ratchet_due(&e->env, &e->view, now_s()) | (unsigned)age.level << 4);
    out[7] = (uint8_t)e->view.r->epoch;
}

static void tell_packet(const pqi_hs_data *d, size_t len, uint8_t *out)
{
    out[1] = (uint8_t)d->epoch;
    rig_put16(out + 2, d->n & 0xffffu);
    rig_put16(out + 4, (unsigned)len);
}

static void seal(const rig_step *s, uint8_t *out)
{
    end *e = &ends[s->a & 1];
    rig_place *p = &rig_it.places[s->b % RIG_PLACES];
    uint8_t text[256];
    const bool app = (s->a & 2) != 0;
    const size_t len = app ? (s->a >> 2) * 4u : 0;
    pqi_hs_data d;
    rig_text(s->b, text, len);
    const pqi_ratchet_msg m = {.ctx = ctx_of(0), .app = app, .payload = {text, len}};
    size_t got = 0;
    pqi_status st = pqi_ratchet_seal(
        &e->env, &e->view, now_s(), &m, (pqi_span){p->packet, sizeof p->packet}, &got);
    p->len = 0;
    if (st == PQI_OK && pqi_hs_data_read((pqi_cspan){p->packet, got}, &d) == PQI_OK) {
        p->len = got;
        p->from = s->a & 1;
        p->text = (uint8_t)len;
        p->control = !app;
        tell_packet(&d, got, out);
    }
    tell(e, st, out);
}

/* The packet as the network altered it; which topic it comes on. */
static pqi_cspan altered(const rig_place *p, unsigned how, uint8_t *copy, unsigned *topic)
{
    memcpy(copy, p->packet, p->len);
    *topic = how == MOVED;
    if (how == FLIPPED) {
        copy[p->len - 1 - p->len % 7] ^= 4;
    }
    if (how == RENUMBERED) {
        copy[8] ^= 1;
    }
    return (pqi_cspan){copy, p->len};
}

static bool same_text(const pqi_ratchet_opened *o, const rig_place *p, unsigned place)
{
    uint8_t text[256];
    rig_text(place, text, p->text);
    return o->app == !p->control && o->payload.len == p->text &&
           (p->text == 0 || memcmp(o->payload.ptr, text, p->text) == 0);
}

static void open_it(const rig_step *s, uint8_t *out)
{
    static uint8_t copy[RIG_PACKET], plain[RIG_PACKET];
    static end before;
    end *e = &ends[s->a & 1];
    const rig_place *p = &rig_it.places[s->b % RIG_PLACES];
    pqi_ratchet_opened o;
    pqi_hs_data d, sent;
    unsigned topic;
    if (p->len == 0 || p->from == (s->a & 1)) {
        out[0] = RIG_NONE;
        return;
    }
    pqi_cspan in = altered(p, s->a >> 1 & 3, copy, &topic);
    if (pqi_hs_data_read(in, &d) != PQI_OK ||
        pqi_hs_data_read((pqi_cspan){p->packet, p->len}, &sent) != PQI_OK) {
        out[0] = RIG_OTHER;
        return;
    }
    (void)pqi_ratchet_due(&e->env, &e->view, now_s()); /* ends what ran out */
    memcpy(&before, e, sizeof before);
    const pqi_ratchet_ctx ctx = ctx_of(topic);
    pqi_status st =
        pqi_ratchet_open(&e->env, &e->view, now_s(), &d, &ctx, (pqi_span){plain, sizeof plain}, &o);
    const bool app = st == PQI_OK && o.app;
    tell_packet(&sent, app ? o.payload.len : 0, out);
    tell(e, st, out);
    if (st == PQI_OK) {
        out[6] |= (uint8_t)(0x40u * o.late | 0x80u * o.healed);
    }
    if (st != PQI_OK && (memcmp(&before.mem, &e->mem, sizeof before.mem) != 0 ||
                            memcmp(&before.round.in, &e->round.in, sizeof e->round.in) != 0 ||
                            memcmp(before.buf, e->buf, sizeof e->buf) != 0)) {
        out[0] = RIG_CHANGED;
    }
    if (st == PQI_OK && !same_text(&o, p, s->b)) {
        out[0] = RIG_OTHER;
    }
}

/* Both storages hold a resumption secret in common (W1 of the model m5). */
static bool in_common(void)
{
    for (unsigned i = 0; i <= flash[0].both; i++) {
        for (unsigned k = 0; k <= flash[1].both; k++) {
            const uint8_t *a = i ? flash[0].next : flash[0].rms;
            const uint8_t *b = k ? flash[1].next : flash[1].rms;
            if (flash[0].epoch + i == flash[1].epoch + k && memcmp(a, b, PQI_HS_KEY) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void serve(const rig_step *s, uint8_t *out)
{
    end *e = &ends[s->a & 1];
    pqi_ratchet_rms *rms = &flash[s->a & 1];
    pqi_status st = PQI_OK;
    if ((s->a & 2) != 0 && (pqi_ratchet_due(&e->env, &e->view, now_s()) & PQI_DUE_WORK) != 0) {
        st = pqi_ratchet_work(&e->env, &e->view, now_s());
    }
    if ((s->a & 4) != 0) {
        pqi_status got = pqi_ratchet_secrets(&e->env, &e->view, rms);
        st = st == PQI_OK ? got : st;
        pqi_ratchet_stored(&e->view);
    }
    out[1] = (uint8_t)e->view.r->epoch;
    rig_put16(out + 2, rms->epoch & 0xffffu);
    rig_put16(out + 4, rms->both);
    tell(e, st, out);
    if (!in_common()) {
        out[0] = RIG_SPLIT;
    }
}

static void skip(const rig_step *s, uint8_t *out)
{
    static uint8_t lost[RIG_PACKET];
    end *e = &ends[s->a & 1];
    const pqi_ratchet_msg m = {.ctx = ctx_of(0)};
    pqi_status st = PQI_OK;
    for (unsigned i = 0; i < s->b; i++) {
        size_t len;
        st = pqi_ratchet_seal(&e->env, &e->view, now_s(), &m, (pqi_span){lost, sizeof lost}, &len);
    }
    tell(e, st, out);
}

void session_step(const rig_step *s, uint8_t out[RIG_OUTCOME])
{
    memset(out, 0, RIG_OUTCOME);
    switch (s->op) {
    case SEAL:
        seal(s, out);
        break;
    case OPEN:
        open_it(s, out);
        break;
    case SERVE:
        serve(s, out);
        break;
    case TIME:
        rig_it.now_ms += 1000u * s->b;
        tell(&ends[0], PQI_OK, out);
        break;
    case SKIP:
        skip(s, out);
        break;
    case HEAL:
        pqi_ratchet_heal(&ends[s->a & 1].view);
        tell(&ends[s->a & 1], PQI_OK, out);
        break;
    default:
        out[0] = RIG_NONE;
    }
}
