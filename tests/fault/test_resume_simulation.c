/* SPDX-License-Identifier: Apache-2.0
 * Simulation of two devices that resume over a network that keeps, repeats and holds every packet, on
 * media whose power fails at any write: the properties R1 to R5 of tests/models/m6_resume.pml, of the
 * code. Real packets, keys, records and journals; a session is no more than its keys here, and the
 * first message of a side in it is a comparison of keys. INV-96. */
#include "pqi_test.h"

#include "session/sess_record.h"
#include "state/journal.h"
#include "state/starts.h"
#include "support/fake_nvm.h"
#include "support/fake_provider.h"

#include <pqi/host.h>

#define PACKETS  64u
#define SESSIONS 64u
#define STEPS    150u
#define RUNS     600u
#define NAME     "s-0000a1b2"

typedef struct live {
    bool is;
    pqi_hs_out keys;
} live;

typedef struct side {
    test_power power;
    fake_nvm nvm, image;
    fake_provider prov;
    pqi_starts starts;
    pqi_journal j;
    pqi_sess_record rec;
    bool on, lost, has_image, back;
    uint64_t image_counter;
    live stable, cand;
    unsigned role, attempt, pending; /* pending: the generation, or PQI_SESS_NONE */
    uint8_t asked[PQI_HS_RESUME1_LEN], random[PQI_RESUME_RANDOM];
    uint8_t peer_past[SESSIONS][32]; /* secrets this side has gone on from */
    size_t n_past;
} side;

typedef struct packet {
    unsigned to;
    size_t len;
    uint8_t b[PQI_HS_RESUME1_LEN];
} packet;

/* What was said in a session, by role of the sender; and who ever started its keys. */
typedef struct said {
    uint8_t sid[PQI_HS_SID];
    pqi_hs_out keys;
    bool first, second, settled;
    bool begun[2];
} said;

typedef struct world {
    side s[2];
    packet net[PACKETS];
    said ses[SESSIONS];
    size_t n_net, n_ses;
    uint64_t rng;
    unsigned answers, cuts, refused;
    unsigned only; /* images of this side; 2: of both */
} world;

static const pqi_classic *const cl = &pqi_classic_openssl;
static const pqi_suite *const suites[] = {&pqi_suite_0002};
static const pqi_algs algs = {.suites = suites, .n_suites = 1};

static uint32_t draw(world *w, uint32_t below)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return (uint32_t)(w->rng >> 20) % below;
}

static pqi_resume_way way_of(unsigned asks)
{
    static const pqi_cspan id[2] = {{PQI_LIT("a")}, {PQI_LIT("b")}};
    static const pqi_cspan topic[2] = {{PQI_LIT("pq/4/s/b/a")}, {PQI_LIT("pq/4/s/a/b")}};
    return (pqi_resume_way){id[asks], id[1 - asks], topic[asks], topic[1 - asks]};
}

static said *said_of(world *w, const pqi_hs_out *k)
{
    for (size_t i = 0; i < w->n_ses; i++) {
        if (memcmp(w->ses[i].sid, k->sid, PQI_HS_SID) == 0) {
            assert_memory_equal(&w->ses[i].keys, k, sizeof *k); /* R5 */
            return &w->ses[i];
        }
    }
    assert_true(w->n_ses < SESSIONS);
    said *s = &w->ses[w->n_ses++];
    *s = (said){.keys = *k};
    memcpy(s->sid, k->sid, PQI_HS_SID);
    return s;
}

static void begin(world *w, unsigned x, const pqi_hs_out *k)
{
    said *s = said_of(w, k);
    assert_false(s->begun[x]); /* R3 */
    s->begun[x] = true;
}

static void forget(side *s)
{
    memset(&s->stable, 0, sizeof s->stable);
    memset(&s->cand, 0, sizeof s->cand);
    s->role = 0;
    s->attempt = 0;
    s->pending = PQI_SESS_NONE;
    s->on = false;
}

/* Reads what is on the medium, with the power on for the reader only. */
static bool flash(side *s, pqi_sess_record *r)
{
    uint8_t buf[PQI_SESS_RECORD_LEN + PQI_JOURNAL_OVERHEAD], plain[PQI_SESS_RECORD_LEN];
    size_t len = 0;
    pqi_journal j;
    const int dead = s->power.dead;
    s->power.dead = 0;
    pqi_status st = pqi_journal_open(&j, &s->prov.base, &s->nvm.nvm, NAME,
        (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &len);
    s->power.dead = dead;
    return st == PQI_OK && pqi_sess_record_read((pqi_cspan){plain, len}, r) == PQI_OK;
}

static void common_generation(world *w) /* R1 */
{
    pqi_sess_record r[2];
    bool common = false;
    assert_true(flash(&w->s[0], &r[0]) && flash(&w->s[1], &r[1]));
    for (unsigned i = 0; i < r[0].n; i++) {
        for (unsigned k = 0; k < r[1].n; k++) {
            common |= memcmp(r[0].gen[i].rms, r[1].gen[k].rms, 32) == 0;
        }
    }
    assert_true(common || w->s[0].back || w->s[1].back);
}

/* Writes a changed record; false: the power went, and with it everything but the medium. */
static bool store(side *s, const pqi_sess_record *r, bool drops)
{
    uint8_t buf[PQI_SESS_RECORD_LEN + PQI_JOURNAL_OVERHEAD], plain[PQI_SESS_RECORD_LEN];
    assert_int_equal(pqi_sess_record_write(r, plain), PQI_OK);
    const pqi_cspan p = {plain, sizeof plain};
    const pqi_span b = {buf, sizeof buf};
    pqi_status st = drops ? pqi_journal_settle(&s->j, p, b) : pqi_journal_save(&s->j, p, b);
    if (st != PQI_OK) {
        assert_int_equal(st, s->power.dead ? PQI_ERR_STORAGE : PQI_OK);
        forget(s);
        return false;
    }
    s->rec = *r;
    return true;
}

static void boot(world *w, unsigned x)
{
    side *s = &w->s[x];
    uint8_t buf[PQI_SESS_RECORD_LEN + PQI_JOURNAL_OVERHEAD], plain[PQI_SESS_RECORD_LEN];
    size_t len = 0;
    s->power.dead = 0;
    s->power.cut_at = 0;
    forget(s);
    assert_int_equal(pqi_starts_open(&s->starts, &s->prov.base), PQI_OK);
    assert_int_equal(pqi_journal_open(&s->j, &s->prov.base, &s->nvm.nvm, NAME,
                         (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &len),
        PQI_OK);
    assert_int_equal(pqi_sess_record_read((pqi_cspan){plain, len}, &s->rec), PQI_OK);
    s->on = true;
}

static void send(world *w, unsigned to, const uint8_t *b, size_t len)
{
    packet *p = &w->net[w->n_net < PACKETS ? w->n_net++ : draw(w, PACKETS)];
    p->to = to;
    p->len = len;
    memcpy(p->b, b, len);
}

static pqi_resume_say say_of(world *w, side *s)
{
    for (size_t i = 0; i < sizeof s->random; i++) {
        s->random[i] = (uint8_t)draw(w, 256);
    }
    return (pqi_resume_say){s->random, 1 + draw(w, 1000000), 0, false};
}

/* Section 5: only a side without a session resumes. */
static void ask(world *w, unsigned x)
{
    side *s = &w->s[x];
    if (!s->on || s->stable.is || s->role == 1 || s->role == 3) {
        return;
    }
    pqi_resume_gen g;
    pqi_resume_say say = say_of(w, s);
    const pqi_resume_way way = way_of(x);
    s->pending = pqi_resume_offer(&s->rec, s->attempt++, s->role == 2);
    say.older = s->pending == 1;
    assert_int_equal(pqi_starts_take(&s->starts, &say.start), PQI_OK);
    assert_int_equal(pqi_sess_record_gen(&algs, &s->rec, s->pending, true, &g), PQI_OK);
    assert_int_equal(pqi_resume_ask(cl, &g, &way, &say, s->asked), PQI_OK);
    send(w, 1 - x, s->asked, sizeof s->asked);
}

static void no_past(const side *s, const uint8_t *rms) /* R2 */
{
    for (size_t i = 0; i < s->n_past; i++) {
        assert_true(s->back || memcmp(s->peer_past[i], rms, 32) != 0);
    }
}

/* The generations 0 .. n - 1 of a record are over at this side. */
static void go_on(side *s, const pqi_sess_record *was, unsigned n)
{
    for (unsigned i = 0; i < n && s->n_past < SESSIONS; i++) {
        memcpy(s->peer_past[s->n_past++], was->gen[i].rms, 32);
    }
}

static void got_first_packet(world *w, unsigned y, const packet *p)
{
    side *s = &w->s[y];
    pqi_hs_short h;
    pqi_resume_gen g;
    const pqi_resume_way way = way_of(1 - y);
    const pqi_cspan in = {p->b, p->len};
    assert_int_equal(pqi_hs_short_read(in, &h), PQI_OK);
    unsigned at = pqi_sess_record_find(&s->rec, &h);
    if (at == PQI_SESS_NONE) {
        w->refused++;
        return;
    }
    assert_int_equal(pqi_sess_record_gen(&algs, &s->rec, at, false, &g), PQI_OK);
    const pqi_resume_slot slot = {s->pending, y == 0};
    if (pqi_resume_check(cl, &g, &way, in) != PQI_OK ||
        pqi_resume_admit(&s->rec, &slot, at, h.boot) != PQI_OK) {
        w->refused++;
        return;
    }
    no_past(s, s->rec.gen[at].rms);
    pqi_resume_say say = say_of(w, s);
    uint8_t r2[PQI_HS_RESUME2_LEN];
    live c = {.is = true};
    assert_int_equal(pqi_resume_answer(cl, &g, &way, in, &say, r2, &c.keys), PQI_OK);
    pqi_sess_record r = s->rec;
    pqi_sess_gen new_gen;
    const pqi_sess_new n = {
        &c.keys, say.rsid, pqi_resume_rsid(h.nonce), &pqi_suite_0002, PQI_HS_MODE_K, PQI_HS_SIDE_R};
    pqi_sess_gen_of(&n, &new_gen);
    assert_int_equal(pqi_sess_record_answered(&r, at, &new_gen), PQI_OK);
    r.last_start = h.boot;
    if (!store(s, &r, false)) {
        return;
    }
    send(w, 1 - y, r2, sizeof r2);
    begin(w, y, &c.keys);
    if (s->role == 3) {
        s->stable = s->cand;
    }
    s->cand = c;
    s->role = 2;
    s->pending = PQI_SESS_NONE;
    w->answers++;
}

static void got_answer(world *w, unsigned x, const packet *p)
{
    side *s = &w->s[x];
    pqi_resume_gen g;
    pqi_hs_short h;
    const pqi_resume_way way = way_of(x);
    live c = {.is = true};
    if (s->pending == PQI_SESS_NONE) {
        return;
    }
    assert_int_equal(pqi_sess_record_gen(&algs, &s->rec, s->pending, true, &g), PQI_OK);
    if (pqi_resume_take(cl, &g, &way, (pqi_cspan){s->asked, sizeof s->asked},
            (pqi_cspan){p->b, p->len}, &c.keys) != PQI_OK) {
        return;
    }
    assert_int_equal(pqi_hs_short_read((pqi_cspan){p->b, p->len}, &h), PQI_OK);
    pqi_sess_record r = s->rec;
    pqi_sess_gen new_gen;
    const pqi_sess_new n = {
        &c.keys, h.rsid, pqi_resume_rsid(h.nonce), &pqi_suite_0002, PQI_HS_MODE_K, PQI_HS_SIDE_I};
    pqi_sess_gen_of(&n, &new_gen);
    pqi_sess_record_replaced(&r, &new_gen);
    const pqi_sess_record was = s->rec;
    if (!store(s, &r, true)) {
        return;
    }
    go_on(s, &was, was.n);
    begin(w, x, &c.keys);
    s->cand = c;
    s->role = 1;
    s->pending = PQI_SESS_NONE;
    said_of(w, &c.keys)->first = true;
}

/* Packets of the candidate's session, as far as they were sent. */
static void got_data(world *w, unsigned x)
{
    side *s = &w->s[x];
    if (!s->on || !s->cand.is) {
        return;
    }
    said *d = said_of(w, &s->cand.keys);
    if (s->role == 2 && d->first) {
        pqi_sess_record r = s->rec;
        const pqi_sess_record was = s->rec;
        pqi_sess_record_heard(&r);
        if (!store(s, &r, true)) {
            return;
        }
        go_on(s, &was, was.n - 1u);
        s->role = 3;
        s->pending = PQI_SESS_NONE;
        d->second = true;
    } else if ((s->role == 1 && d->second) || (s->role == 3 && d->settled)) {
        d->settled = true;
        s->stable = s->cand;
        memset(&s->cand, 0, sizeof s->cand);
        s->role = 0;
    }
}

static void deliver(world *w, const packet *at)
{
    const packet p = *at;
    if (!w->s[p.to].on) {
        return;
    }
    if (p.len == PQI_HS_RESUME1_LEN) {
        got_first_packet(w, p.to, &p);
    } else {
        got_answer(w, p.to, &p);
    }
}

static world *world_new(uint64_t seed)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->rng = seed * 0x9e3779b97f4a7c15u + 1;
    for (unsigned x = 0; x < 2; x++) {
        side *s = &w->s[x];
        uint8_t key[32] = {(uint8_t)(x + 1)};
        fake_nvm_init(&s->nvm, &s->power);
        fake_provider_init(&s->prov, NULL, key, &s->power);
        uint8_t buf[PQI_SESS_RECORD_LEN + PQI_JOURNAL_OVERHEAD], plain[PQI_SESS_RECORD_LEN];
        size_t len;
        assert_int_equal(pqi_journal_open(&s->j, &s->prov.base, &s->nvm.nvm, NAME,
                             (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &len),
            PQI_ERR_MISSING);
        pqi_sess_record r = {.n = 1, .chunk = 32, .depth = 12};
        pqi_hs_out k;
        memset(&k, 0x5a, sizeof k); /* what a handshake gave both */
        const pqi_sess_new n = {&k, 10 + x, 11 - x, &pqi_suite_0002, PQI_HS_MODE_K,
            x == 0 ? PQI_HS_SIDE_I : PQI_HS_SIDE_R};
        pqi_sess_gen_of(&n, &r.gen[0]);
        assert_true(store(s, &r, true));
        boot(w, x);
        s->stable = (live){true, k};
    }
    return w;
}

static void world_free(world *w)
{
    for (unsigned x = 0; x < 2; x++) {
        fake_nvm_free(&w->s[x].nvm);
        fake_nvm_free(&w->s[x].image);
    }
    free(w);
}

static void put_back(world *w, unsigned x)
{
    side *s = &w->s[x];
    if (w->only < 2 && w->only != x) {
        return;
    }
    if (!s->has_image) {
        fake_nvm_copy(&s->image, &s->nvm);
        s->image_counter = s->prov.counters[PQI_SLOT_BOOT];
        s->has_image = true;
    } else if (!s->back) {
        fake_nvm_copy(&s->nvm, &s->image);
        if (draw(w, 2) == 0) { /* counters beside the data; else in hardware */
            s->prov.counters[PQI_SLOT_BOOT] = s->image_counter;
        }
        s->back = true;
        boot(w, x);
    }
}

static void step(world *w, bool images)
{
    const unsigned x = draw(w, 2), what = draw(w, images ? 24 : 22);
    side *s = &w->s[x];
    if (what < 4) {
        ask(w, x);
    } else if (what < 14) {
        if (w->n_net != 0) { /* one of the last two, or any */
            const uint32_t n = (uint32_t)w->n_net, recent = n < 2 ? n : 2;
            deliver(w, &w->net[what % 2 == 0 ? n - 1 - draw(w, recent) : draw(w, n)]);
        }
    } else if (what < 18) {
        got_data(w, x);
    } else if (what < 20) { /* the power goes at one of the next writes, or now */
        if (s->power.cut_at == 0 && s->on) {
            s->power.cut_at = s->power.ops + 1 + draw(w, 3);
            s->power.mode = (cut_mode)draw(w, CUT_MODES_);
            w->cuts++;
        }
    } else if (what == 20) {
        forget(s);
    } else if (what == 21) {
        boot(w, x);
    } else {
        put_back(w, x);
    }
    if (s->power.dead) {
        forget(s);
    }
}

static bool agreed(const world *w)
{
    return w->s[0].stable.is && w->s[1].stable.is && w->s[0].role == 0 && w->s[1].role == 0 &&
           memcmp(&w->s[0].stable.keys, &w->s[1].stable.keys, sizeof(pqi_hs_out)) == 0;
}

/* Data on its way is lost; who has a session says it again. */
static void say_again(world *w, bool lost)
{
    for (size_t i = 0; lost && i < w->n_ses; i++) {
        w->ses[i].first = w->ses[i].second = w->ses[i].settled = false;
    }
    for (unsigned x = 0; x < 2; x++) {
        side *s = &w->s[x];
        if (s->cand.is) {
            said *d = said_of(w, &s->cand.keys);
            d->first = d->first || s->role == 1;
            d->second = d->second || s->role == 3;
        }
        if (s->stable.is) {
            said_of(w, &s->stable.keys)->settled = true;
        }
    }
}

/* R4: the network behaves, but for one held packet in front of every honest one. */
static void recover(world *w)
{
    for (unsigned x = 0; x < 2; x++) {
        if (!w->s[x].on) {
            boot(w, x);
        }
        w->s[x].power.cut_at = 0;
    }
    if (w->s[0].stable.is && w->s[1].stable.is) {
        boot(w, 1);
    }
    for (unsigned round = 0; round < 12 && !agreed(w); round++) {
        say_again(w, round == 0);
        for (unsigned x = 0; x < 2; x++) {
            got_data(w, 1 - x);
            got_data(w, x);
            got_data(w, 1 - x);
        }
        packet now[2];
        bool asks[2];
        for (unsigned x = 0; x < 2; x++) {
            const unsigned before = w->s[x].attempt;
            ask(w, x);
            asks[x] = w->s[x].attempt != before;
            now[x] = (packet){.to = 1 - x, .len = PQI_HS_RESUME1_LEN};
            memcpy(now[x].b, w->s[x].asked, PQI_HS_RESUME1_LEN);
        }
        for (unsigned x = 0; x < 2; x++) {
            deliver(w, &w->net[draw(w, (uint32_t)w->n_net)]);
            if (asks[x]) {
                deliver(w, &now[x]);
            }
        }
        for (size_t i = 0; i < w->n_net; i++) { /* every answer there is; one fits */
            if (w->net[i].len == PQI_HS_RESUME2_LEN) {
                deliver(w, &w->net[i]);
            }
        }
    }
}

static void without_images(void **state)
{
    (void)state;
    unsigned answers = 0, cuts = 0, refused = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        world *w = world_new(seed);
        for (unsigned i = 0; i < STEPS; i++) {
            step(w, false);
            common_generation(w);
        }
        recover(w);
        if (!agreed(w)) {
            print_error("seed %u\n", (unsigned)seed);
        }
        assert_true(agreed(w));
        answers += w->answers;
        cuts += w->cuts;
        refused += w->refused;
        world_free(w);
    }
    print_message("# %u answers, %u cuts, %u refused\n", answers, cuts, refused);
    assert_true(answers > RUNS && cuts > RUNS && refused > RUNS); /* it did something */
}

/* With images the pair may need a handshake; keys are never started twice, and a side that kept its
 * own flash lets nothing of its past in. */
static void with_images(void **state)
{
    (void)state;
    unsigned back = 0, stuck = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        world *w = world_new(seed + 100000);
        w->only = (unsigned)(seed % 3);
        for (unsigned i = 0; i < STEPS; i++) {
            step(w, true);
            common_generation(w);
        }
        recover(w);
        back += (w->s[0].back ? 1u : 0u) + (w->s[1].back ? 1u : 0u);
        stuck += agreed(w) ? 0u : 1u;
        assert_true(agreed(w) || w->s[0].back || w->s[1].back);
        world_free(w);
    }
    print_message("# %u images put back, %u pairs need a handshake\n", back, stuck);
    assert_true(back > RUNS / 2 && stuck > RUNS / 50);
}

PQI_TEST_MAIN(cmocka_unit_test(without_images), cmocka_unit_test(with_images))
