/* SPDX-License-Identifier: Apache-2.0
 * A gateway with live sessions under a flood of hostile packets of every kind, forged, altered and
 * replayed: none is accepted, none costs a public-key operation, and the peers it talks to lose no
 * message (INV-71, INV-75, INV-97, INV-99). PACKETS in the environment: how many (50,000). The microseconds
 * in the last line are for people, no pass or fail. */
#include "support/fleet.h"

#include "session/hs_wire.h"

#include <pqi/hash.h>
#include <stdlib.h>
#include <time.h>

enum { PEERS = 3, KEEP = 64, KINDS = 8, HONEST_EVERY = 500 };

static const dev_spec specs[PEERS] = {
    {.id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1},
    {.id = "pump-2", .epoch = 1, .roster = 2, .pub = "plant/pump-2", .seed = 2, .kem_only = 1},
    {.id = "valve-1", .epoch = 1, .roster = 4, .pub = "plant/valve-1", .seed = 4},
};
static const char *const topics[PEERS] = {
    "plant/pump-1/flow", "plant/pump-2/flow", "plant/valve-1/state"};
static const char *const kinds[KINDS] = {
    "INIT", "RESP", "CONF", "DATA", "DATA ahead", "short packets", "v1", "noise"};

typedef struct flood {
    dev *gw, *peer[PEERS];
    msg seen[KEEP]; /* genuine packets that were delivered */
    size_t n_seen;
    msg m;
    uint32_t x;
    uint64_t sent[KINDS], ns[KINDS];
} flood;

static uint32_t rnd(flood *f)
{
    f->x ^= f->x << 13;
    f->x ^= f->x >> 17;
    f->x ^= f->x << 5;
    return f->x;
}

static void keep(flood *f, const msg *m)
{
    f->seen[f->n_seen % KEEP] = *m;
    f->n_seen++;
}

/* Sessions come up, v1 packets too, and every packet to the gateway is recorded. */
static flood *flood_new(void)
{
    flood *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->x = 2463534242u;
    dev_spec s = {.id = "control",
        .epoch = 1,
        .roster = 3,
        .pub = "plant",
        .seed = 3,
        .sessions = PQI_SESSIONS_PREFER};
    f->gw = dev_new(&s);
    f->gw->limits = pqi_limits_gateway;
    assert_int_equal(dev_open(f->gw), PQI_OK);
    for (size_t i = 0; i < PEERS; i++) {
        s = specs[i];
        s.sessions = PQI_SESSIONS_PREFER;
        f->peer[i] = dev_new(&s);
        assert_int_equal(dev_open(f->peer[i]), PQI_OK);
        dev_meet(f->peer[i], f->gw);
        if (s.kem_only == 0) {
            assert_int_equal(dev_send(f->peer[i], "control", topics[i], "v1", &f->m), PQI_OK);
            dev_expect(f->gw, &f->m, "v1");
            keep(f, &f->m);
        }
        assert_int_equal(
            pqi_endpoint_connect(&f->peer[i]->ep, &f->peer[i]->now, text_of("control"), 0), PQI_OK);
        for (bool more = true; more;) {
            more = dev_poll(f->peer[i], &f->m);
            if (more) {
                (void)dev_receive(f->gw, &f->m);
                keep(f, &f->m);
            }
            while (dev_poll(f->gw, &f->m)) {
                (void)dev_receive(f->peer[i], &f->m);
                more = true;
            }
        }
    }
    return f;
}

static const msg *genuine(flood *f, uint8_t low, uint8_t high)
{
    const size_t n = f->n_seen < KEEP ? f->n_seen : KEEP;
    const size_t start = rnd(f) % n;
    for (size_t i = 0; i < n; i++) {
        const msg *m = &f->seen[(start + i) % n];
        if (m->b[0] >= low && m->b[0] <= high) {
            return m;
        }
    }
    return &f->seen[start];
}

/* A third each: as it was, with a flipped bit, with a forged rest behind a genuine header. */
static void vary(flood *f, const msg *from)
{
    f->m = *from;
    const uint32_t how = rnd(f) % 3u;
    if (how == 1) {
        f->m.b[rnd(f) % f->m.len] ^= (uint8_t)(1u << (rnd(f) % 8u));
    } else if (how == 2) {
        for (size_t i = f->m.len < 64 ? f->m.len / 2u : 64; i < f->m.len; i += 1u + rnd(f) % 32u) {
            f->m.b[i] = (uint8_t)rnd(f);
        }
        f->m.b[f->m.len - 1u] ^= 1;
    }
}

static void make(flood *f, unsigned kind)
{
    switch (kind) {
    case 0:
        vary(f, genuine(f, PQI_HS_T_INIT_S, PQI_HS_T_INIT_S));
        f->m.b[20u + rnd(f) % 8u] ^= (uint8_t)(rnd(f) % 4u); /* other counters too */
        break;
    case 1: /* a RESP, for which it never asked */
        vary(f, genuine(f, PQI_HS_T_INIT_S, PQI_HS_T_INIT_K));
        f->m.b[0] = (uint8_t)(f->m.b[0] == PQI_HS_T_INIT_K ? PQI_HS_T_RESP_K : PQI_HS_T_RESP_S);
        break;
    case 2:
        vary(f, genuine(f, PQI_HS_T_CONF_S, PQI_HS_T_CONF_K));
        break;
    case 3:
        vary(f, genuine(f, 0x40, 0x47));
        break;
    case 4: /* a live index and a number ahead, which costs keys and an AEAD */
        f->m = *genuine(f, 0x40, 0x47);
        f->m.b[6] = 0;
        f->m.b[7] = (uint8_t)(rnd(f) & 0x3fu);
        f->m.b[8] = (uint8_t)rnd(f);
        f->m.b[f->m.len - 1u] ^= 1;
        break;
    case 5:
        f->m = *genuine(f, 0x40, 0x47);
        f->m.b[0] = (uint8_t)(PQI_HS_T_CHAL + rnd(f) % 6u);
        f->m.len = (size_t[]){46, 46, 46, 42, 50, 38}[f->m.b[0] - PQI_HS_T_CHAL];
        for (size_t i = 6; i < f->m.len; i++) {
            f->m.b[i] = (uint8_t)rnd(f);
        }
        break;
    case 6:
        vary(f, genuine(f, PQI_V1_T, PQI_V1_T));
        break;
    default:
        f->m = f->seen[rnd(f) % (f->n_seen < KEEP ? f->n_seen : KEEP)];
        f->m.len = 1u + rnd(f) % 600u;
        for (size_t i = 0; i < f->m.len; i++) {
            f->m.b[i] = (uint8_t)rnd(f);
        }
        break;
    }
}

/* Every peer's next message arrives, in its session, and what the gateway says to it as well. */
static void honest(flood *f)
{
    for (size_t i = 0; i < PEERS; i++) {
        assert_int_equal(dev_send(f->peer[i], "control", topics[i], "honest", &f->m), PQI_OK);
        assert_int_equal(f->m.b[0] & 0xf8u, 0x40);
        keep(f, &f->m);
        dev_expect(f->gw, &f->m, "honest");
        (void)dev_talk(f->peer[i], f->gw);
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Without a pause: the clock of the gateway stands still while hostile packets come, so that no budget is
 * filled up again, and moves with the honest messages. */
static void strike(flood *f, uint64_t packets)
{
    for (uint64_t i = 0; i < packets; i++) {
        const unsigned kind = (unsigned)(i % KINDS);
        make(f, kind);
        const uint64_t total = f->gw->ep.pk.total, start = now_ns();
        const pqi_event_kind k = dev_receive(f->gw, &f->m);
        f->ns[kind] += now_ns() - start;
        f->sent[kind]++;
        if (k == PQI_EV_MESSAGE || f->gw->ep.pk.total != total) {
            fail_msg("packet %llu (%s): event %d, %llu public-key operations",
                (unsigned long long)i, kinds[kind], (int)k,
                (unsigned long long)(f->gw->ep.pk.total - total));
        }
        if (i % HONEST_EVERY == HONEST_EVERY - 1u) {
            for (size_t p = 0; p < PEERS; p++) {
                f->peer[p]->now.mono_ms += 40;
            }
            f->gw->now.mono_ms += 40;
            honest(f);
        }
    }
}

static void million(void **state)
{
    (void)state;
    const char *env = getenv("PACKETS");
    const uint64_t packets = env != NULL ? strtoull(env, NULL, 10) : 50000u;
    flood *f = flood_new();
    honest(f);
    strike(f, packets);
    honest(f);
    printf("# microseconds for a rejected packet:");
    for (unsigned k = 0; k < KINDS; k++) {
        printf(" %s %.2f%s", kinds[k],
            f->sent[k] != 0 ? (double)f->ns[k] / 1000.0 / (double)f->sent[k] : 0.0,
            k + 1u < KINDS ? "," : "\n");
    }
    printf("# %llu hostile packets, 0 accepted, 0 public-key operations\n",
        (unsigned long long)packets);
    for (size_t i = 0; i < PEERS; i++) {
        dev_free(f->peer[i]);
    }
    dev_free(f->gw);
    free(f);
}

PQI_TEST_MAIN(cmocka_unit_test(million))
