/* SPDX-License-Identifier: Apache-2.0
 * Sessions through the endpoint against a platform that fails: a medium that refuses once, power cut at each
 * durable operation, random schedules of everything an endpoint does. A session is there again without an
 * operator, no message twice, no key with one number twice. docs/spec/resume.md sections 5 to 8. */
#include "support/fleet.h"

#include "session/hs_wire.h"

#define FLOW "plant/pump-1/flow"
#define CMD  "plant/pump-1/cmd"

static const dev_spec spec_pump = {.id = "pump-1",
    .epoch = 1,
    .roster = 1,
    .pub = "plant/pump-1",
    .seed = 1,
    .sessions = PQI_SESSIONS_REQUIRE};
static const dev_spec spec_ctl = {.id = "control",
    .epoch = 1,
    .roster = 3,
    .pub = "plant",
    .seed = 3,
    .sessions = PQI_SESSIONS_REQUIRE};

typedef struct pair {
    dev *d[2]; /* pump, control */
    msg m, n;
} pair;

static const char *const ids[2] = {"pump-1", "control"};
static const char *const topics[2] = {FLOW, CMD};

/* ---- no key with one nonce twice ----------------------------------------------------------------- */

#define USES 65536u
static struct use {
    uint8_t key[32], nonce[12], tag[16];
    uint8_t used;
} uses[USES];
static size_t n_uses;
static pqi_classic watched;
static pqi_status (*real_seal)(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);

static pqi_status watched_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    const pqi_status st = real_seal(k, aad, in, out);
    if (st != PQI_OK || k->key.len > 32 || k->nonce.len != 12) {
        return st;
    }
    struct use u = {.used = 1};
    memcpy(u.key, k->key.ptr, k->key.len);
    memcpy(u.nonce, k->nonce.ptr, 12);
    memcpy(u.tag, out.ptr + out.len - 16, 16);
    uint32_t h = (uint32_t)u.key[0] << 8 | u.key[1] | (uint32_t)u.nonce[11] << 16;
    size_t i = (h * 2654435761u) % USES;
    for (; uses[i].used; i = (i + 1u) % USES) {
        if (memcmp(uses[i].key, u.key, 32) == 0 && memcmp(uses[i].nonce, u.nonce, 12) == 0) {
            assert_memory_equal(uses[i].tag, u.tag, 16); /* the same bytes made again, or a leak */
            return st;
        }
    }
    assert_true(++n_uses < USES - USES / 8u);
    uses[i] = u;
    return st;
}

static void watch(void)
{
    fleet *f = fleet_get();
    if (real_seal == NULL) {
        watched = *f->algs.classic;
        real_seal = watched.aead_seal;
        watched.aead_seal = watched_seal;
        f->algs.classic = &watched;
    }
    memset(uses, 0, sizeof uses);
    n_uses = 0;
}

/* ---- two devices --------------------------------------------------------------------------------- */

#define MESSAGES 4096u
static unsigned sent;
static uint8_t got[MESSAGES], from[MESSAGES];
static uint32_t lcg = 1;

static uint32_t draw(uint32_t below)
{
    lcg = lcg * 1664525u + 1013904223u;
    return (lcg >> 8) % below;
}

static pair *pair_of(const dev_spec *a, const dev_spec *b)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->d[0] = dev_new(a);
    t->d[1] = dev_new(b);
    assert_int_equal(dev_open(t->d[0]), PQI_OK);
    assert_int_equal(dev_open(t->d[1]), PQI_OK);
    dev_meet(t->d[0], t->d[1]);
    sent = 0;
    memset(got, 0, sizeof got);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->d[0]);
    dev_free(t->d[1]);
    free(t);
}

static pqi_session_info about(const dev *d, const char *peer)
{
    pqi_session_info i;
    assert_int_equal(pqi_endpoint_session(&d->ep, &d->now, text_of(peer), &i), PQI_OK);
    return i;
}

static void later(pair *t, uint64_t ms)
{
    t->d[0]->now.mono_ms += ms;
    t->d[1]->now.mono_ms += ms;
}

/* Starts again. What fails meanwhile is over with the next attempt. */
static void reopen(dev *d)
{
    if (dev_open(d) != PQI_OK) {
        assert_true(d->power.dead || d->nvm.room != 0 || d->prov.fail_at != 0);
        d->power = (test_power){0};
        d->prov.fail_at = 0;
        d->nvm.room = 0;
        assert_int_equal(dev_open(d), PQI_OK);
    }
}

/* A device whose power was cut starts again. true: it did. */
static bool revived(dev *d)
{
    if (!d->power.dead) {
        return false;
    }
    d->power = (test_power){0};
    reopen(d);
    return true;
}

/* Delivers; an application message comes once, from whom it says, on the topic it was sent on. */
static void give(pair *t, unsigned to, const msg *m)
{
    dev *d = t->d[to];
    if (dev_receive(d, m) == PQI_EV_MESSAGE && !d->power.dead) {
        unsigned k = 0;
        for (size_t i = 0; i < d->ev.plain.len; i++) {
            k = k * 10u + (unsigned)(d->ev.plain.ptr[i] - '0');
        }
        assert_true(k < sent && got[k]++ == 0 && from[k] == 1u - to);
        assert_string_equal(d->ev.peer, ids[1 - to]);
        assert_string_equal(m->topic, topics[1 - to]);
    }
    (void)revived(d);
}

static bool say(pair *t, unsigned who, msg *m)
{
    char text[16];
    assert_true(sent < MESSAGES);
    (void)snprintf(text, sizeof text, "%u", sent);
    const pqi_status st = dev_send(t->d[who], ids[1 - who], topics[who], text, m);
    from[sent++] = (uint8_t)who;
    return !revived(t->d[who]) && st == PQI_OK;
}

static void carry(pair *t)
{
    unsigned n = 0;
    for (bool more = true; more;) {
        more = false;
        for (unsigned k = 0; k < 2; k++) {
            bool is = dev_poll(t->d[k], &t->m);
            if (!revived(t->d[k]) && is) {
                give(t, 1 - k, &t->m);
                more = true;
                assert_true(++n < 200);
            }
        }
    }
}

static void exchange(pair *t)
{
    for (unsigned k = 0; k < 2; k++) {
        if (say(t, k, &t->m)) {
            give(t, 1 - k, &t->m);
        }
        carry(t);
    }
}

/* Within three minutes a message comes through each way, without an operator. */
static void comes_back(pair *t, const char *what, unsigned at)
{
    for (int i = 0; i < 260; i++) {
        const unsigned was = sent;
        carry(t);
        exchange(t);
        if (sent == was + 2u && got[was] && got[was + 1u]) {
            return;
        }
        later(t, 700);
    }
    fail_msg("%s %u: no session any more", what, at);
}

static void connect(dev *d, const char *peer, int refresh)
{
    assert_int_equal(pqi_endpoint_connect(&d->ep, &d->now, text_of(peer), refresh), PQI_OK);
}

/* ---- power --------------------------------------------------------------------------------------- */

/* Handshake, rounds, RESUME of one side and of both, another handshake. */
static void life(pair *t)
{
    connect(t->d[0], ids[1], 0);
    carry(t);
    for (unsigned i = 0; i < 70; i++) {
        later(t, 1000);
        exchange(t);
    }
    reopen(t->d[0]);
    carry(t);
    exchange(t);
    reopen(t->d[1]);
    reopen(t->d[0]);
    carry(t);
    exchange(t);
    connect(t->d[1], ids[0], 1);
    carry(t);
    exchange(t);
}

static void power(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.modes = b.modes = PQI_MODES_K;
    for (unsigned who = 0; who < 2; who++) {
        for (unsigned mode = 0; mode < CUT_MODES_; mode++) {
            for (uint64_t n = 1;; n += 1u) {
                watch();
                pair *t = pair_of(&a, &b);
                t->d[who]->power = (test_power){.cut_at = n, .mode = (cut_mode)mode};
                life(t);
                const bool over = t->d[who]->power.cut_at != 0;
                comes_back(t, "cut", (unsigned)n);
                if (over) {
                    if (getenv("V")) {
                        fprintf(stderr, "%u ops, epoch %u\n", (unsigned)n,
                            about(t->d[0], ids[1]).epoch);
                    }
                }
                pair_free(t);
                if (over) {
                    break;
                }
            }
        }
    }
}

/* ---- anything ------------------------------------------------------------------------------------ */

#define KEPT 64u
static msg kept[KEPT];
static unsigned kept_to[KEPT], n_kept;

static void keep(unsigned to, const msg *m)
{
    kept[n_kept % KEPT] = *m;
    kept_to[n_kept++ % KEPT] = to;
}

static void step(pair *t)
{
    const unsigned k = draw(2);
    dev *d = t->d[k];
    switch (draw(22)) {
    case 0:
        later(t, 100u + draw(100000));
        break;
    case 1:
        d->now.unix_s = draw(2) ? d->now.unix_s + 100000000u : d->now.unix_s / 2u;
        break;
    case 2: { /* refused where the record cannot be read just now */
        const pqi_status st =
            pqi_endpoint_connect(&d->ep, &d->now, text_of(ids[1 - k]), (int)draw(2));
        assert_true(st == PQI_OK || st == PQI_ERR_POLICY);
        break;
    }
    case 3:
        reopen(d);
        break;
    case 4:
        d->power = (test_power){.cut_at = 1u + draw(4), .mode = (cut_mode)draw(CUT_MODES_)};
        break;
    case 5:
        d->nvm.room = draw(3) == 0;
        break;
    case 6:
        d->prov.fail_at = d->prov.calls + 1u + draw(20);
        break;
    case 7:
        later(t, 10);
        break;
    case 8:
        pqi_endpoint_announce_topic(&d->ep, t->n.topic);
        if (pqi_endpoint_announce(&d->ep, (pqi_span){t->n.b, sizeof t->n.b}, &t->n.len) == PQI_OK) {
            (void)dev_receive(t->d[1 - k], &t->n);
            (void)revived(t->d[1 - k]);
        }
        (void)revived(d);
        break;
    case 9: /* altered */
        if (n_kept != 0) {
            const unsigned i = draw(n_kept < KEPT ? n_kept : KEPT);
            t->m = kept[i];
            t->m.b[draw((uint32_t)t->m.len)] ^= (uint8_t)(1u + draw(255));
            give(t, draw(2), &t->m);
        }
        break;
    case 10: /* replayed, reflected */
    case 11:
        if (n_kept != 0) {
            const unsigned i = draw(n_kept < KEPT ? n_kept : KEPT);
            give(t, draw(8) == 0 ? 1 - kept_to[i] : kept_to[i], &kept[i]);
        }
        break;
    case 12:
        later(t, 2600);
        break;
    case 13:
    case 14:
    case 15:
        if (say(t, k, &t->m)) {
            keep(1 - k, &t->m);
            if (draw(4) != 0) {
                give(t, 1 - k, &t->m);
            }
        }
        break;
    default: {
        const bool is = dev_poll(d, &t->m);
        if (!revived(d) && is) {
            keep(1 - k, &t->m);
            if (draw(5) != 0) {
                give(t, 1 - k, &t->m);
            }
        }
        break;
    }
    }
}

static void schedules(void **state)
{
    (void)state;
    const char *many = getenv("PQI_SCHEDULES");
    const unsigned runs = many != NULL ? (unsigned)atoi(many) : 12u;
    for (unsigned run = 0; run < runs; run++) {
        dev_spec a = spec_pump, b = spec_ctl;
        a.modes = b.modes = run % 3u ? PQI_MODES_K : 0;
        a.kem_only = run % 3u == 2;
        a.modes = b.modes = a.kem_only ? 0 : a.modes;
        watch();
        lcg = 77u + run;
        n_kept = 0;
        pair *t = pair_of(&a, &b);
        for (unsigned i = 0; i < 600; i++) {
            step(t);
        }
        for (unsigned k = 0; k < 2; k++) {
            t->d[k]->nvm.room = 0;
            t->d[k]->power.cut_at = 0;
            t->d[k]->prov.fail_at = 0;
            t->d[k]->now.unix_s = 1000000;
        }
        later(t, 120000);
        comes_back(t, "schedule", run);
        pair_free(t);
    }
}

/* ---- a platform that fails once ------------------------------------------------------------------ */

/* One write that fails is made again by itself: nobody sends, nothing comes. */
static void fails_once(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 2; who++) {
        for (uint64_t n = 1; n < 5; n++) {
            pair *t = pair_of(&spec_pump, &spec_ctl);
            t->d[who]->power = (test_power){.cut_at = n, .one_shot = 1};
            connect(t->d[0], ids[1], 0);
            for (int i = 0; i < 30; i++) {
                carry(t);
                later(t, 1000);
            }
            if (!about(t->d[0], ids[1]).up || !about(t->d[1], ids[0]).up) {
                fail_msg("write %u of %s failed once: no session", (unsigned)n, ids[who]);
            }
            pair_free(t);
        }
    }
}

/* A medium or a key store that cannot be read at this moment is no lost record. */
static void unreadable_once(void **state)
{
    (void)state;
    pair *t = pair_of(&spec_pump, &spec_ctl);
    connect(t->d[0], ids[1], 0);
    carry(t);
    exchange(t);
    assert_int_equal(dev_open(t->d[0]), PQI_OK);
    t->d[0]->prov.fail_at = t->d[0]->prov.calls + 1u; /* the record is unsealed at the first poll */
    for (int i = 0; i < 10; i++) {
        const bool is = dev_poll(t->d[0], &t->m);
        if (is) {
            assert_int_equal(t->m.b[0], PQI_HS_T_RESUME1);
            give(t, 1, &t->m);
            carry(t);
        }
        later(t, 10000);
    }
    assert_true(about(t->d[0], ids[1]).up);
    assert_true(t->d[0]->ep.drops[PQI_DROP_STATE] != 0);
    exchange(t);
    dev *ctl =
        t->d[1]; /* for as long as it lasts, packets that name the peer do not ask the key store again */
    assert_int_equal(say(t, 0, &t->n), true);
    assert_int_equal(dev_open(ctl), PQI_OK);
    ctl->prov.fail_at = ctl->prov.calls + 1u;
    assert_false(dev_poll(ctl, &t->m));
    const uint64_t unseals = ctl->prov.count[FAKE_UNSEAL];
    memset(t->n.topic, 0, sizeof t->n.topic);
    (void)snprintf(t->n.topic, sizeof t->n.topic, "pq/4/s/control/pump-1");
    for (int i = 0; i < 100; i++) {
        assert_int_equal(dev_receive(ctl, &t->n), PQI_EV_DROP);
    }
    assert_true(ctl->prov.count[FAKE_UNSEAL] == unseals);
    later(t, 31000);
    comes_back(t, "read again", 0);
    pair_free(t);
}

/* ---- what must leave the medium ------------------------------------------------------------------- */

static size_t records(const dev *d)
{
    size_t n = 0;
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        n += d->nvm.rec[i].name[0] == 's' && d->nvm.rec[i].name[1] == '-';
    }
    return n;
}

/* docs/spec/resume.md section 6, last line: a revoked peer's secrets leave both slots, at once or, where the
 * device was off, at its next start. The list is put back by a new root, so that the record is asked for. */
static void put_away(void **state)
{
    (void)state;
    for (unsigned off = 0; off < 2; off++) {
        pair *t = pair_of(&spec_pump, &spec_ctl);
        connect(t->d[0], ids[1], 0);
        carry(t);
        exchange(t);
        assert_int_equal(records(t->d[1]), 1);
        const pqi_revoked r = {.roster_index = 1, .min_key_epoch = UINT32_MAX};
        fleet_revoke(t->d[1]->f, 0, &r, 1, &t->n);
        const uint64_t writes = t->d[1]->nvm.writes;
        assert_int_equal(dev_receive(t->d[1], &t->n), PQI_EV_REVOKED);
        const uint64_t list = t->d[1]->nvm.writes;
        assert_true(list > writes);
        if (off) {
            assert_int_equal(dev_open(t->d[1]), PQI_OK);
        }
        for (int i = 0; i < 3; i++) {
            assert_false(dev_poll(t->d[1], &t->m));
            later(t, 1000);
        }
        assert_true(t->d[1]->nvm.writes >= list + 2u); /* both slots */
        const uint64_t done = t->d[1]->nvm.writes;
        for (int i = 0; i < 3; i++) {
            later(t, 70000);
            assert_false(dev_poll(t->d[1], &t->m));
        }
        assert_true(t->d[1]->nvm.writes == done); /* once */
        pair_free(t);
    }
}

/* INV-97: packets with unknown indexes, under a topic of sessions that anybody may use, take no answer from a
 * peer whose session this device lost. */
static void flood_unknown(void **state)
{
    (void)state;
    pair *t = pair_of(&spec_pump, &spec_ctl);
    connect(t->d[0], ids[1], 0);
    carry(t);
    exchange(t);
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        fake_slot *r = &t->d[1]->nvm.rec[i];
        for (unsigned k = 0; k < 2 && r->name[0] == 's' && r->name[1] == '-'; k++) {
            fake_nvm_erase(&t->d[1]->nvm, r->name, k);
        }
    }
    assert_int_equal(dev_open(t->d[1]), PQI_OK);
    static msg junk;
    assert_true(say(t, 0, &junk));
    (void)snprintf(junk.topic, sizeof junk.topic, "pq/4/s/control/nobody");
    const unsigned was = sent;
    for (unsigned i = 0; i < 600 && (i < 100 || !about(t->d[1], ids[0]).up); i++) {
        for (unsigned k = 0; k < 20; k++) {
            (void)dev_receive(t->d[1], &junk);
        }
        if (i % 10u == 0 && say(t, 0, &t->m)) {
            give(t, 1, &t->m);
        }
        carry(t);
        later(t, 100);
    }
    assert_true(sent > was && about(t->d[1], ids[0]).up);
    pair_free(t);
}

/* Another certificate, or a revocation, after each packet of a handshake: what was under way is gone, old packets
 * cost no public-key operation and bring no reply, and the new keys have a session in the end. */
static void replaced(void **state)
{
    (void)state;
    for (unsigned revoke = 0; revoke < 2; revoke++) {
        for (unsigned after = 0; after < 9; after++) {
            pair *t = pair_of(&spec_pump, &spec_ctl);
            if (after > 4) { /* beside a session */
                connect(t->d[0], ids[1], 0);
                carry(t);
            }
            n_kept = 0;
            connect(t->d[after & 1u], ids[1 - (after & 1u)], 1);
            for (unsigned i = 0, k = 0; i < 40 && n_kept < after; i++, k ^= 1u) {
                if (dev_poll(t->d[k], &t->m)) {
                    keep(1 - k, &t->m);
                    give(t, 1 - k, &t->m);
                }
            }
            dev_spec s = spec_pump;
            s.epoch = 2;
            s.seed = 9;
            dev *next = dev_new(&s);
            assert_int_equal(dev_open(next), PQI_OK);
            const pqi_revoked r = {.roster_index = 1, .min_key_epoch = 2};
            if (revoke) {
                fleet_revoke(t->d[1]->f, 0, &r, 1, &t->n);
                assert_int_equal(dev_receive(t->d[1], &t->n), PQI_EV_REVOKED);
            } else {
                dev_announce(next, &t->n);
                assert_int_equal(dev_receive(t->d[1], &t->n), PQI_EV_PEER);
            }
            const uint64_t pk = pqi_endpoint_pk(&t->d[1]->ep).total;
            for (unsigned i = 0; i < n_kept; i++) {
                assert_int_equal(dev_receive(t->d[1], &kept[i]), PQI_EV_DROP);
            }
            for (unsigned i = 0; i < 20; i++) {
                while (dev_poll(t->d[0], &t->m)) {
                    assert_int_equal(dev_receive(t->d[1], &t->m), PQI_EV_DROP);
                }
                if (revoke) {
                    assert_false(dev_poll(t->d[1], &t->m));
                    assert_true(pqi_endpoint_pk(&t->d[1]->ep).total == pk);
                }
                later(t, 1000);
            }
            dev_free(t->d[0]);
            t->d[0] = next;
            next->now = t->d[1]->now;
            if (revoke) {
                dev_announce(next, &t->n);
                assert_int_equal(dev_receive(t->d[1], &t->n), PQI_EV_PEER);
            }
            dev_announce(t->d[1], &t->n);
            assert_int_equal(dev_receive(next, &t->n), PQI_EV_PEER);
            comes_back(t, "replaced after", after);
            pair_free(t);
        }
    }
}

/* Seconds of the ratchet wrap after 136 years of running; years without a poll; polls without end. */
static void time_runs(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.modes = b.modes = PQI_MODES_K;
    static const uint64_t begins[] = {1000, ((UINT64_C(1) << 32) - 40u) * 1000u, UINT64_C(1) << 53};
    for (unsigned i = 0; i < 3; i++) {
        pair *t = pair_of(&a, &b);
        t->d[0]->now.mono_ms = t->d[1]->now.mono_ms = begins[i];
        reopen(t->d[0]);
        reopen(t->d[1]);
        life(t);
        comes_back(t, "begin", i);
        for (unsigned k = 0; k < 2; k++) {
            const pqi_session_info info = about(t->d[k], ids[1 - k]);
            if (info.healing.level != 0) {
                fail_msg("begin %u: level %u, %u s", i, info.healing.level, info.healing.seconds);
            }
        }
        later(t, UINT64_C(3) * 365u * 86400u * 1000u);
        comes_back(t, "years", i);
        for (unsigned k = 0; k < 1000; k++) { /* nothing due: nothing done, and it says how long */
            pqi_outpacket o;
            assert_int_equal(pqi_endpoint_poll(&t->d[0]->ep, &t->d[0]->now,
                                 (pqi_span){t->m.b, sizeof t->m.b}, &o),
                PQI_OK);
            assert_true(k < 10 || (o.len == 0 && o.wait_ms != 0));
        }
        pair_free(t);
    }
}

/* A secret that a record drops leaves both slots, also where it is one of two and two stay: who resumes loses
 * its first message and its power, and resumes from the newer one. */
static void drops_older(void **state)
{
    (void)state;
    pair *t = pair_of(&spec_pump, &spec_ctl);
    connect(t->d[0], ids[1], 0);
    carry(t);
    exchange(t);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(dev_open(t->d[0]), PQI_OK);
        assert_true(dev_poll(t->d[0], &t->m));
        assert_int_equal(t->m.b[0], PQI_HS_T_RESUME1);
        give(t, 1, &t->m);
        const uint64_t writes = t->d[1]->nvm.writes;
        assert_true(dev_poll(t->d[1], &t->m));
        assert_int_equal(t->m.b[0], PQI_HS_T_RESUME2);
        assert_int_equal(t->d[1]->nvm.writes - writes, i == 0 ? 1u : 2u);
        give(t, 0, &t->m);
        assert_true(dev_poll(t->d[0], &t->m)); /* stored; the message is lost */
    }
    carry(t);
    for (int i = 0; i < 5; i++) {
        later(t, 3000);
        carry(t);
    }
    exchange(t);
    pair_free(t);
}

/* ---- what opens by itself ------------------------------------------------------------------------- */

/* A certificate that is not valid yet, or a clock that is not there yet after a start: the session is taken up
 * when time comes, without a message that asks for it. */
static void clock_comes(void **state)
{
    (void)state;
    dev_spec b = spec_ctl;
    b.not_before = 900000;
    pair *t = pair_of(&spec_pump, &b);
    connect(t->d[0], ids[1], 0);
    carry(t);
    exchange(t);
    assert_true(about(t->d[0], ids[1]).up);
    t->d[0]->now.unix_s = 1000; /* as a device without a battery starts */
    assert_int_equal(dev_open(t->d[0]), PQI_OK);
    for (int i = 0; i < 3; i++) {
        assert_false(dev_poll(t->d[0], &t->m));
        later(t, 1000);
    }
    t->d[0]->now.unix_s = 1000000;
    for (int i = 0; i < 80; i++) {
        later(t, 1000);
        carry(t);
    }
    assert_true(about(t->d[0], ids[1]).up);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(fails_once), cmocka_unit_test(unreadable_once),
    cmocka_unit_test(put_away), cmocka_unit_test(drops_older), cmocka_unit_test(replaced),
    cmocka_unit_test(flood_unknown), cmocka_unit_test(time_runs), cmocka_unit_test(clock_comes),
    cmocka_unit_test(power), cmocka_unit_test(schedules))
