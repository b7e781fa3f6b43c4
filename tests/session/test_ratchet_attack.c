/* SPDX-License-Identifier: Apache-2.0
 * A search for a key that is used twice or that outlives its use: two sessions of one device and their two
 * peers over a network that holds, repeats, reorders and loses, one pool of round memory for both, clocks
 * that leap, a medium that refuses, and at any call of the table a failure. X25519 is simulated; ML-KEM-512
 * is real. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

#include <pqi/host.h>

#if defined(PQI_SCHEDULES_ALL)
#define SCHEDULES 2000u
#else
#define SCHEDULES 40u
#endif
#define STEPS  400u
#define HELD   8u
#define SEALED 8192u
#define GONE   96u

/* ---- every (key, nonce) that was ever given to the AEAD for sealing -------------------------------- */

typedef struct use {
    uint8_t key[32], nonce[12], text[32]; /* text: hash of the additional data and the plain text */
} use;

static use seals[SEALED];
static uint32_t n_seals;
static pqi_status (*below)(const pqi_aead_key *, pqi_cspan, pqi_cspan, pqi_span);

static void digest(pqi_cspan aad, pqi_cspan in, uint8_t out[32])
{
    const pqi_cspan parts[] = {aad, in};
    uint8_t h[PQI_HASH_MAX];
    assert_int_equal(pqi_classic_openssl.hash(PQI_HASH_SHA256, parts, 2, h), PQI_OK);
    memcpy(out, h, 32);
}

static pqi_status record_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    use u;
    memcpy(u.key, k->key.ptr, sizeof u.key);
    memcpy(u.nonce, k->nonce.ptr, sizeof u.nonce);
    digest(aad, in, u.text);
    for (uint32_t i = 0; i < n_seals; i++) {
        /* stronger than it must be: no key at all comes twice */
        assert_memory_not_equal(u.key, seals[i].key, sizeof u.key);
    }
    assert_true(n_seals < SEALED);
    seals[n_seals++] = u;
    return below(k, aad, in, out);
}

/* ---- keys that must be gone ------------------------------------------------------------------------- */

typedef struct gone {
    uint8_t key[GONE][32];
    uint32_t n; /* ever; a ring */
} gone;

static void bury(gone *g, const uint8_t *key)
{
    memcpy(g->key[g->n++ % GONE], key, 32);
}

typedef struct held {
    bool used;
    unsigned from;
    uint32_t seal; /* its place among seals */
    uint32_t epoch;
    rr_packet p;
} held;

typedef struct line { /* one session: ends 0 (a peer) and 1 (the device) */
    rr_rig g;
    held net[2u * HELD];
    gone gone[2];
    uint32_t epoch[2]; /* as last seen */
    uint8_t rk[2][32];
} line;

static line l[2];
static uint64_t rnd;
static uint32_t tag, refused, failed, healed, takes, lost_memory;

static uint32_t draw(uint32_t n)
{
    return (uint32_t)(rr_next(&rnd) >> 33) % n;
}

/* Everything a thief of this end gets: session, scratch, and the pool of the device. */
static void search(line *x, unsigned who)
{
    const rr_side *s = &x->g.side[who];
    const gone *g = &x->gone[who];
    assert_true(rr_zero(s->tmp, sizeof s->tmp));
    for (uint32_t i = 0; i < GONE && i < g->n; i++) {
        assert_false(rr_holds(&s->st, sizeof s->st, g->key[i], 32));
        assert_false(who == 1 && rr_holds(&l[0].g.side[1].st, sizeof s->st, g->key[i], 32));
    }
}

/* A root is gone with its epoch. */
static void watch(line *x, unsigned who)
{
    const pqi_ratchet *r = rr_head(&x->g, who);
    if (r->epoch != x->epoch[who]) {
        assert_int_equal(r->epoch, x->epoch[who] + 1u);
        bury(&x->gone[who], x->rk[who]);
        x->epoch[who] = r->epoch;
    }
    memcpy(x->rk[who], r->rk, 32);
}

static void maybe_fail(uint32_t of)
{
    rr_fail_at = draw(of) == 0 ? 1u + draw(30) : 0;
}

static bool calm_again(pqi_status st)
{
    const bool was = st != PQI_OK;
    failed += was ? 1u : 0u;
    rr_fail_at = 0;
    return !was;
}

static void send(line *x, unsigned from)
{
    held *h = &x->net[from * HELD + draw(HELD)];
    const uint32_t before = n_seals;
    h->used = false;
    maybe_fail(6);
    pqi_status st = rr_seal(&x->g, from, ++tag, RR_PACKET, &h->p);
    if (n_seals != before) {
        bury(&x->gone[from], seals[n_seals - 1u].key); /* also when the seal failed */
    }
    if (calm_again(st)) {
        h->used = true;
        h->from = from;
        h->seal = n_seals - 1u;
        h->epoch = rr_head(&x->g, from)->epoch;
    }
}

static void deliver(line *x, held *h)
{
    const unsigned to = 1u - h->from;
    maybe_fail(6);
    pqi_status st = rr_take(&x->g, h->from, &h->p); /* nothing changed when it failed */
    if (calm_again(st)) {
        bury(&x->gone[to], seals[h->seal].key);
        healed += x->g.opened.healed ? 1u : 0u;
    } else {
        refused++;
    }
    h->used = draw(3) != 0;
}

static void work(line *x, unsigned who)
{
    rr_side *s = &x->g.side[who];
    const pqi_ratchet before = *s->v.r;
    maybe_fail(3);
    pqi_status st = pqi_ratchet_work(&s->env, &s->v, s->now);
    assert_true(rr_zero(s->tmp, sizeof s->tmp));
    assert_true(st == PQI_OK || st == PQI_ERR_PROVIDER || st == PQI_ERR_AUTH);
    if (st == PQI_ERR_PROVIDER) {
        assert_memory_equal(before.rk, s->v.r->rk, 32);
        assert_memory_equal(before.seed, s->v.r->seed, 32);
        assert_int_equal(before.epoch, s->v.r->epoch);
    }
    if (calm_again(st) && before.state == PQI_ROUND_P_HAVE && s->v.r->state == PQI_ROUND_P_STORE) {
        bury(&x->gone[who], before.seed); /* the proposal's secret */
    }
}

static void serve(line *x, unsigned who)
{
    rr_side *s = &x->g.side[who];
    const unsigned due = pqi_ratchet_due(&s->env, &s->v, s->now);
    lost_memory += s->v.r->mem != 0 && pqi_round_held(&s->env, s->v.r) == NULL ? 1u : 0u;
    if ((due & PQI_DUE_WORK) != 0) {
        work(x, who);
    } else if ((due & PQI_DUE_STORE) != 0 && draw(3) != 0) {
        maybe_fail(4);
        pqi_status st = pqi_ratchet_secrets(&s->env, &s->v, &s->flash);
        if (calm_again(st) && draw(4) != 0) {
            pqi_ratchet_stored(&s->v);
        }
    } else if ((due & PQI_DUE_SEND) != 0) {
        send(x, who);
    }
}

static void step(void)
{
    line *x = &l[draw(2)];
    const unsigned who = draw(2);
    held *h = &x->net[draw(2u * HELD)];
    switch (draw(16)) {
    case 0:
        for (unsigned i = 0; i < 2; i++) { /* time passes for all, or leaps */
            const uint32_t by = draw(8) == 0 ? PQI_ROUND_IDLE_S + 1u : draw(20);
            l[i].g.side[0].now += by;
            l[0].g.side[1].now += by;
        }
        l[1].g.side[1].now = l[0].g.side[1].now;
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        send(x, who);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        serve(x, who);
        break;
    default:
        if (h->used) {
            deliver(x, h);
        }
        break;
    }
    for (unsigned i = 0; i < 2; i++) {
        watch(x, i);
        search(x, i);
    }
}

static void start(uint64_t seed, const rr_conf *conf)
{
    rnd = seed;
    n_seals = 0;
    memset(l, 0, sizeof l);
    for (unsigned i = 0; i < 2; i++) {
        rr_conf c = *conf;
        c.seed = 2u * seed + i;
        rr_start(&l[i].g, &c);
        below = l[i].g.classic.aead_seal;
        l[i].g.classic.aead_seal = record_seal;
        for (unsigned who = 0; who < 2; who++) {
            memcpy(l[i].rk[who], rr_head(&l[i].g, who)->rk, 32);
        }
    }
    l[1].g.side[1].env.rounds = l[0].g.side[1].st.rounds; /* one device */
}

/* Once the network behaves both sessions go on. */
static void settle(line *x)
{
    memset(x->net, 0, sizeof x->net);
    for (unsigned i = 0; i < 400; i++) {
        if (rr_head(&x->g, 0)->epoch == rr_head(&x->g, 1)->epoch && i > 3) {
            assert_memory_equal(rr_head(&x->g, 0)->rk, rr_head(&x->g, 1)->rk, 32);
            return;
        }
        rr_calm(&x->g, tag += 2u);
    }
    fail_msg("the ends do not come together");
}

static void schedules(void **state)
{
    (void)state;
    static const pqi_suite *const suites[] = {&pqi_suite_0001};
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        pqi_ratchet_limits lim = pqi_ratchet_ip;
        lim.d_msgs = 3u + (uint32_t)(seed % 5u);
        lim.h_msgs = 2u + (uint32_t)(seed % 7u);
        lim.alarm = lim.refuse = lim.stop = 255;
        lim.grace_s = 30;
        lim.burst = seed % 3u != 0;
        start(seed, &(rr_conf){.limits = &lim,
                        .toy = true,
                        .suite = suites[0],
                        .chunk = 64,
                        .rounds = 1u + (uint32_t)(seed & 1u),
                        .profile = {seed % 4u == 0 ? &pqi_chain_tiny : &pqi_chain_std,
                            seed % 4u == 0 ? &pqi_chain_tiny : &pqi_chain_std}});
        for (unsigned i = 0; i < STEPS; i++) {
            step();
        }
        for (unsigned i = 0; i < 2; i++) {
            settle(&l[i]);
        }
        takes += l[0].g.side[1].st.rounds[0].lease;
    }
    print_message("# %u refused, %u calls failed, %u healed, %u leases, %u memories lost\n",
        (unsigned)refused, (unsigned)failed, (unsigned)healed, (unsigned)takes,
        (unsigned)lost_memory);
    assert_true(failed > SCHEDULES && healed > SCHEDULES / 2u && lost_memory != 0);
}

PQI_TEST_MAIN(cmocka_unit_test(schedules))
