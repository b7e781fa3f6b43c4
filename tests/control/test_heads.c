/* SPDX-License-Identifier: Apache-2.0
 * Heads, ticks and time of a control plane; what it publishes; leases. */
#include "control/rig.h"

#include <pqi/endpoint.h>
#include <unistd.h>

#define HOUR 3600000u

static pqi_head head_of(rig *r)
{
    static uint8_t bytes[PQI_HEAD_MAX];
    size_t len = 0;
    pqi_head h;
    assert_int_equal(
        pqi_host_control_get(r->c, PQI_OBJ_HEAD, (pqi_span){bytes, sizeof bytes}, &len), PQI_OK);
    assert_int_equal(pqi_head_decode(&r->algs, (pqi_cspan){bytes, len}, &h), PQI_OK);
    assert_int_equal(pqi_head_verify(&r->algs, &h, &r->root[h.root_version - 1], r->tmp), PQI_OK);
    return h;
}

/* Each head names what is newest, hangs on the one before, and its token on its successor's. */
static void the_chain(void **state)
{
    rig r;
    pqi_head before;
    (void)state;
    rig_make(&r);
    assert_int_equal(pqi_host_control_get(r.c, PQI_OBJ_HEAD, (pqi_span){NULL, 0}, &(size_t){0}),
        PQI_ERR_MISSING);
    pqi_control_made m = rig_advance(&r);
    assert_int_equal(m.what, PQI_CONTROL_NEW_ROOT);
    assert_int_equal(m.head_epoch, 1);
    assert_int_equal(m.leased, 1);
    before = head_of(&r);
    static const uint8_t zero[PQI_HASH_LEN];
    assert_memory_equal(before.prev, zero, PQI_HASH_LEN);
    assert_int_equal(before.policy_seq, 0);
    assert_int_equal(before.tick_base, 0);
    assert_int_equal(before.tick_count, 10);
    assert_int_equal(before.time, r.now_ms / 1000);
    assert_int_equal(rig_advance(&r).what, 0); /* nothing new */
    for (uint32_t i = 2; i < 6; i++) {
        r.now_ms += HOUR / 2;
        unsigned what = 0;
        if (i == 2) {
            what = PQI_CONTROL_NEW_POLICY;
            assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 7, 3600, 50)), PQI_OK);
        } else if (i == 3) {
            what = PQI_CONTROL_NEW_ROSTER;
            assert_int_equal(rig_put_roster(&r, 4, 20), PQI_OK);
        } else if (i == 4) {
            what = PQI_CONTROL_NEW_REV;
            assert_int_equal(
                rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 1, 0)), PQI_OK);
        } else {
            what = PQI_CONTROL_NEW_DELEGATES;
            const pqi_delegate d = {.device_id = {PQI_LIT("gw-1")},
                .prefix = {PQI_LIT("site/7")},
                .anchor = {1, 2, 3},
                .count = 9};
            assert_int_equal(pqi_host_control_set_delegates(r.c, &d, 1), PQI_OK);
        }
        m = rig_advance(&r);
        assert_int_equal(m.what, what);
        assert_int_equal(m.head_epoch, i);
        assert_int_equal(rig_advance(&r).what, 0);
        pqi_head h = head_of(&r);
        assert_memory_equal(h.prev, before.hash, PQI_HASH_LEN);
        assert_int_equal(pqi_token_check(&r.algs, before.token, h.token, 1), PQI_OK);
        assert_memory_not_equal(h.tick_anchor, before.tick_anchor, PQI_HASH_LEN);
        assert_int_equal(h.tick_base, (i - 1) / 2);
        assert_int_equal(h.policy_seq, 7);
        assert_int_equal(h.roster_seq, i >= 3 ? 4 : 0);
        assert_int_equal(h.roster_size, i >= 3 ? 20 : 0);
        assert_int_equal(h.rev_seq, i >= 4 ? 1 : 0);
        assert_int_equal(h.n_delegates, i >= 5 ? 1 : 0);
        before = h;
    }
    assert_memory_equal(before.delegates[0].prefix.ptr, "site/7", 6);
    assert_int_equal(before.delegates[0].count, 9);
    rig_close(&r);
    rig_open(&r);
    assert_int_equal(rig_advance(&r).what, 0);
    assert_int_equal(head_of(&r).head_epoch, 5);
    rig_end(&r);
}

/* Ticks hash to the anchor; the number of the fleet's tick goes on over heads, restarts, and time away. */
static void ticks(void **state)
{
    rig r;
    pqi_tick t;
    uint64_t due = 0;
    (void)state;
    rig_make(&r);
    const uint64_t began = r.now_ms;
    (void)rig_advance(&r);
    assert_int_equal(pqi_host_control_tick(r.c, &t, &due), PQI_ERR_MISSING);
    assert_int_equal(due, began + HOUR);
    for (uint32_t i = 1; i < 10; i++) {
        r.now_ms = began + i * (uint64_t)HOUR + 5;
        rig_poll(&r);
        pqi_head h = head_of(&r);
        assert_int_equal(h.head_epoch, 1);
        const rig_message *m = rig_last(&r, PQI_TOPIC_TICK);
        assert_non_null(m);
        assert_int_equal(m->retain, 1);
        assert_int_equal(pqi_tick_decode((pqi_cspan){m->bytes, m->len}, &t), PQI_OK);
        assert_int_equal(t.i, i);
        assert_int_equal(pqi_tick_check(&r.algs, &t, 0, h.tick_anchor, h.tick_count), PQI_OK);
        assert_int_equal(rig_count(&r, PQI_TOPIC_TICK), i);
        rig_poll(&r);
        assert_int_equal(rig_count(&r, PQI_TOPIC_TICK), i); /* once each */
        if (i == 5) {
            rig_close(&r);
            rig_open(&r);
            rig_poll(&r);
            assert_int_equal(rig_count(&r, PQI_TOPIC_TICK), i + 1); /* at start */
            rig_forget(&r);
            r.n_messages = 0;
            for (uint32_t k = 0; k < i; k++) { /* keeps the count above simple */
                rig_message *x = &r.messages[r.n_messages++];
                memset(x, 0, sizeof *x);
                (void)snprintf(x->topic, sizeof x->topic, "%s", PQI_TOPIC_TICK);
            }
        }
    }
    /* the last one is due: a new head takes over at that number */
    r.now_ms = began + 10 * (uint64_t)HOUR;
    rig_poll(&r);
    pqi_head h = head_of(&r);
    assert_int_equal(h.head_epoch, 2);
    assert_int_equal(h.tick_base, 10);
    /* away for a day: the number goes on as if it had been there */
    r.now_ms += 24 * (uint64_t)HOUR + 17;
    rig_close(&r);
    rig_open(&r);
    rig_poll(&r);
    h = head_of(&r);
    assert_int_equal(h.head_epoch, 3);
    assert_int_equal(h.tick_base, 34);
    assert_int_equal(rig_info(&r).tick_number, 34);
    r.now_ms = began + 35 * (uint64_t)HOUR;
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick, 1);
    rig_end(&r);
}

/* Ticks of the longest head: every one of them, and the work for one is bounded by checkpoints. */
static void long_head(void **state)
{
    rig r;
    pqi_tick t;
    uint64_t due = 0;
    (void)state;
    rig_make(&r);
    rig_close(&r);
    r.cfg.ticks_per_head = PQI_TICKS_MAX;
    rig_open(&r);
    (void)rig_advance(&r);
    const uint64_t began = r.now_ms;
    pqi_head h = head_of(&r);
    uint8_t have[PQI_HASH_LEN];
    memcpy(have, h.tick_anchor, sizeof have);
    r.cfg.accept_clock = 1;
    for (uint32_t i = 1; i < PQI_TICKS_MAX; i++) {
        r.now_ms = began + i * (uint64_t)HOUR;
        if (i % 40 == 0) {
            rig_poll(&r); /* the store follows, or the clock is not believed */
        }
        assert_int_equal(pqi_host_control_tick(r.c, &t, &due), PQI_OK);
        assert_int_equal(t.i, i);
        assert_int_equal(pqi_tick_check(&r.algs, &t, i - 1, have, h.tick_count), PQI_OK);
        memcpy(have, t.h, sizeof have);
    }
    rig_end(&r);
}

/* Policy: another tick length begins with the head that names it; the number does not jump. */
static void tick_length(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    (void)rig_advance(&r);
    r.now_ms += 3 * (uint64_t)HOUR + 600000;
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick_number, 3);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 50)), PQI_OK);
    rig_poll(&r);
    pqi_control_info i = rig_info(&r);
    assert_int_equal(i.head_epoch, 2);
    assert_int_equal(i.tick_s, 60);
    assert_int_equal(head_of(&r).tick_base, 3);
    rig_poll(&r);
    r.now_ms += 60000;
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick_number, 3 + 1);
    rig_end(&r);
}

/* INV-105: a clock that leaps ahead is not believed, one that falls back takes nothing back. */
static void clocks(void **state)
{
    rig r;
    pqi_control_made m;
    pqi_tick t;
    uint64_t due = 0;
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    (void)state;
    rig_make(&r);
    assert_int_equal(rig_put_roster(&r, 1, 4), PQI_OK);
    (void)rig_advance(&r);
    r.now_ms += HOUR;
    rig_poll(&r);
    const uint64_t right = r.now_ms;
    r.now_ms += 60 * 24 * (uint64_t)HOUR;
    rig_forget(&r);
    rig_poll(&r);
    assert_int_equal(r.events[PQI_CONTROL_EV_FAILED], 1);
    assert_int_equal(r.event_status, PQI_ERR_STATE);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_STATE);
    assert_non_null(strstr(pqi_host_control_why(), "accept-clock"));
    assert_int_equal(pqi_host_control_tick(r.c, &t, &due), PQI_ERR_MISSING);
    size_t len = rig_question(&r, r.members[0].id, PQI_ASK_STATEMENT, 1, NULL, q);
    assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){q, len}), PQI_OK);
    assert_int_equal(pqi_host_control_flush(r.c, NULL), PQI_ERR_STATE);
    assert_int_equal(r.n_messages, 0);
    assert_int_equal(rig_info(&r).head_epoch, 1);
    /* right again: it goes on */
    r.now_ms = right + HOUR;
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick_number, 2);
    assert_int_equal(rig_count(&r, PQI_TOPIC_TICK), 1);
    /* five hours back: the number stays and then rises from here */
    r.now_ms -= 5 * (uint64_t)HOUR;
    rig_poll(&r);
    assert_int_equal(r.events[PQI_CONTROL_EV_CLOCK], 1);
    assert_int_equal(rig_info(&r).tick_number, 2);
    r.now_ms += HOUR;
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick_number, 3);
    pqi_head h = head_of(&r);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_true(head_of(&r).time >= h.time);
    /* a long time away is believed when somebody says so */
    r.now_ms += 60 * 24 * (uint64_t)HOUR;
    rig_close(&r);
    r.cfg.accept_clock = 1;
    rig_open(&r);
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick_number, 3 + 60 * 24);
    assert_int_equal(rig_info(&r).head_epoch, 3);
    /* once */
    r.now_ms += 60 * 24 * (uint64_t)HOUR;
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_STATE);
    rig_end(&r);
}

/* A revoker alone names its share within the window, and no more however many heads there are. */
static void caps(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 100)), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 1, 40), PQI_OK); /* 4 of 40 */
    rig_poll(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 3, 0)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(rig_info(&r).head_rev, 3);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 3, 5, 0)), PQI_OK);
    rig_poll(&r);
    pqi_control_info i = rig_info(&r);
    assert_int_equal(i.head_rev, 4);
    assert_int_equal(i.rev_held, 4);
    assert_int_equal(r.events[PQI_CONTROL_EV_HELD], 1);
    assert_int_equal(r.event_number[PQI_CONTROL_EV_HELD], 4);
    pqi_control_made m;
    for (int k = 0; k < 5; k++) { /* more heads do not help */
        assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
        assert_int_equal(m.rev_named, 4);
        assert_int_equal(m.rev_held, 4);
    }
    /* nothing beyond the head's number goes out */
    for (size_t k = 0; k < r.n_messages; k++) {
        pqi_revocations x;
        const rig_message *o = &r.messages[k];
        if (strcmp(o->topic, PQI_TOPIC_REV_DELTA) == 0 ||
            (strcmp(o->topic, PQI_TOPIC_REVOCATIONS) == 0 && o->len != 0)) {
            assert_int_equal(
                pqi_revocations_decode(&r.algs, (pqi_cspan){o->bytes, o->len}, &x), PQI_OK);
            assert_true(x.from + x.count <= 4);
        }
    }
    /* policy keys sign two of them: those are named, the others still wait */
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 4, 2, 1)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(rig_info(&r).head_rev, 6);
    assert_int_equal(rig_info(&r).rev_held, 2);
    /* after the window a revoker has its share again */
    for (int k = 0; k < 23; k++) {
        r.now_ms += 60000;
        rig_poll(&r);
    }
    assert_int_equal(rig_info(&r).head_rev, 6);
    for (int k = 0; k < 3; k++) {
        r.now_ms += 60000;
        rig_poll(&r);
    }
    assert_int_equal(rig_info(&r).head_rev, 8);
    assert_int_equal(rig_info(&r).rev_held, 0);
    rig_end(&r);
}

/* Without a roster, and with a policy that gives no share, it is one. */
static void at_least_one(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 2, 0)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(rig_info(&r).head_rev, 1);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 2, 1)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(rig_info(&r).head_rev, 2);
    rig_end(&r);
}

static void what_goes_out(void **state)
{
    static const char *const order[] = {
        PQI_TOPIC_ROOT, PQI_TOPIC_REVOCATIONS, PQI_TOPIC_HEAD, PQI_TOPIC_ROSTER, PQI_TOPIC_POLICY};
    rig r;
    (void)state;
    rig_make(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 1000)), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 1, 40), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 2, 0)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(r.n_messages, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(r.messages[i].topic, order[i]);
        assert_int_equal(r.messages[i].retain, 1);
        assert_true(r.messages[i].len > 100);
    }
    rig_poll(&r);
    assert_int_equal(r.n_messages, 5);
    /* a revocation: what was added at once, the whole log, the head */
    rig_forget(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 2, 1, 0)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 3, 0)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(r.n_messages, 3);
    assert_string_equal(r.messages[0].topic, PQI_TOPIC_REV_DELTA);
    assert_int_equal(r.messages[0].retain, 0);
    assert_string_equal(r.messages[1].topic, PQI_TOPIC_REVOCATIONS);
    assert_string_equal(r.messages[2].topic, PQI_TOPIC_HEAD);
    pqi_revocations x;
    assert_int_equal(
        pqi_revocations_decode(&r.algs, (pqi_cspan){r.messages[0].bytes, r.messages[0].len}, &x),
        PQI_OK);
    assert_int_equal(x.from, 2);
    assert_int_equal(
        pqi_revocations_decode(&r.algs, (pqi_cspan){r.messages[1].bytes, r.messages[1].len}, &x),
        PQI_OK);
    assert_int_equal(x.from, 0);
    assert_int_equal(x.count, 3);
    /* everything again for a broker that came back */
    rig_forget(&r);
    assert_int_equal(pqi_host_control_publish(r.c), PQI_OK);
    assert_int_equal(r.n_messages, 5);
    rig_end(&r);
}

/* A new root version begins anew: epoch 1, no policy, roster or log, and what was retained goes away. */
static void next_root(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 1000)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 1, 0)), PQI_OK);
    rig_poll(&r);
    r.now_ms += 180000;
    rig_poll(&r);
    assert_int_equal(rig_info(&r).tick_number, 3);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 0)), PQI_ERR_AUTH);
    assert_int_equal(rig_info(&r).root_version, 1);
    rig_forget(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 1)), PQI_OK);
    int is_new = 1;
    assert_int_equal(
        pqi_host_control_put(r.c, PQI_OBJ_ROOT, r.root[0].encoded, &is_new), PQI_ERR_REPLAY);
    rig_poll(&r);
    pqi_head h = head_of(&r);
    assert_int_equal(h.root_version, 2);
    assert_int_equal(h.head_epoch, 1);
    assert_int_equal(h.policy_seq, 0);
    assert_int_equal(h.rev_seq, 0);
    assert_int_equal(h.tick_base, 3); /* time goes on */
    assert_int_equal(rig_last(&r, PQI_TOPIC_POLICY)->len, 0);
    assert_int_equal(rig_last(&r, PQI_TOPIC_REVOCATIONS)->len, 0);
    assert_int_equal(rig_last(&r, PQI_TOPIC_ROSTER)->len, 0);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 2, 60, 50)), PQI_ERR_AUTH);
    rig_close(&r);
    assert_int_equal(rig_try_open(&r), PQI_OK);
    rig_end(&r);
}

/* A root that does not name our key, and a chain of tokens at its end. */
static void no_right_to_sign(void **state)
{
    rig r, other;
    pqi_control_made m;
    (void)state;
    rig_make(&r);
    rig_make_empty(&other);
    rig_open(&other);
    assert_int_equal(pqi_host_control_begin(other.c, r.root[0].encoded, r.root[0].hash), PQI_OK);
    assert_int_equal(pqi_host_control_advance(other.c, 0, &m), PQI_ERR_POLICY);
    assert_int_equal(rig_info(&other).head_key_named, 0);
    rig_end(&other);
    rig_close(&r);
    r.cfg.tokens = 3;
    rig_open(&r);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
        assert_int_equal(rig_info(&r).tokens_left, 3 - i);
    }
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_LIMIT);
    assert_int_equal(rig_info(&r).head_epoch, 3);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 1)), PQI_OK);
    assert_int_equal(pqi_host_control_advance(r.c, 0, &m), PQI_OK);
    assert_int_equal(m.head_epoch, 1);
    rig_end(&r);
}

/* An old copy of the store: noticed, and healed by the newest head or by skipping. */
static void rollback(void **state)
{
    rig r;
    static uint8_t newest[PQI_HEAD_MAX];
    size_t len = 0;
    uint32_t epoch = 0;
    pqi_control_made m;
    (void)state;
    rig_make(&r);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    }
    assert_int_equal(
        pqi_host_control_get(r.c, PQI_OBJ_HEAD, (pqi_span){newest, sizeof newest}, &len), PQI_OK);
    for (int way = 0; way < 2; way++) {
        rig_close(&r);
        rig_sql(&r, "DELETE FROM pqi_heads WHERE head_epoch > 2");
        rig_sql(&r, "DELETE FROM pqi_seed");
        assert_int_equal(rig_try_open(&r), PQI_ERR_ROLLBACK);
        if (way == 0) { /* what a broker had retained */
            pqi_host_control_cfg plain = r.cfg;
            memset(&plain.kek, 0, sizeof plain.kek);
            assert_int_equal(pqi_host_control_open(&r.c, &plain), PQI_OK);
            assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, (pqi_cspan){newest, len}), PQI_OK);
            rig_close(&r);
            rig_open(&r);
            m = rig_advance(&r);
            assert_int_equal(m.head_epoch, 5);
            assert_int_equal(m.what, PQI_CONTROL_NEW_TICKS);
        } else {
            assert_int_equal(pqi_host_control_recover(&r.cfg, &epoch), PQI_OK);
            assert_int_equal(epoch, 5 + 1 + PQI_CONTROL_SKIP);
            rig_open(&r);
            m = rig_advance(&r);
            assert_int_equal(m.head_epoch, epoch);
        }
    }
    rig_close(&r);
    rig_open(&r);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(m.head_epoch, epoch + 1);
    rig_end(&r);
}

static void heads_from_elsewhere(void **state)
{
    rig r;
    pqi_control_made m;
    static uint8_t bytes[PQI_HEAD_MAX];
    size_t len = 0;
    (void)state;
    rig_make(&r);
    (void)rig_advance(&r);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(
        pqi_host_control_get(r.c, PQI_OBJ_HEAD, (pqi_span){bytes, PQI_HEAD_MAX}, &len), PQI_OK);
    int is_new = 1;
    assert_int_equal(
        pqi_host_control_put(r.c, PQI_OBJ_HEAD, (pqi_cspan){bytes, len}, &is_new), PQI_OK);
    assert_int_equal(is_new, 0);
    /* another head 2, signed by the same key: refused here, an alarm for devices */
    rig_close(&r);
    rig_sql(&r, "DELETE FROM pqi_heads WHERE head_epoch = 2");
    rig_sql(&r, "UPDATE pqi_state SET skip = 1");
    rig_open(&r);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(m.head_epoch, 4);
    assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, (pqi_cspan){bytes, len}), PQI_ERR_REPLAY);
    bytes[len - 5] ^= 1;
    assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, (pqi_cspan){bytes, len}), PQI_ERR_AUTH);
    rig_end(&r);
}

/* Heads that are signed as they should be and do not hang on the one before: refused when they are put, and
 * found when they are there. */
static void another_history(void **state)
{
    rig r;
    static uint8_t bytes[PQI_HEAD_MAX];
    static char sql[4 * PQI_HEAD_MAX];
    char keys[128];
    size_t len = 0;
    pqi_control_made m;
    pqi_provider *p = NULL;
    (void)state;
    rig_make(&r);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    }
    pqi_head h = head_of(&r);
    rig_close(&r);
    (void)snprintf(keys, sizeof keys, "%s/keys", r.dir);
    const pqi_host_provider_cfg cfg = {.algs = &r.algs, .dir = keys, .kek = r.cfg.kek};
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_OK);
    h.head_epoch = 4; /* prev is that of 3 */
    assert_int_equal(pqi_head_build(&r.algs, p, PQI_HANDLE_ROLE_BASE + (unsigned)PQI_ROLE_HEAD, &h,
                         (pqi_span){bytes, sizeof bytes}, &len),
        PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(pqi_head_decode(&r.algs, (pqi_cspan){bytes, len}, &h), PQI_OK);
    rig_open(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, (pqi_cspan){bytes, len}), PQI_ERR_POLICY);
    rig_close(&r);
    const char *open = r.pg ? "'\\x" : "x'";
    int n = snprintf(sql, sizeof sql,
        "INSERT INTO pqi_heads(root_version, head_epoch, tick_base, rev_seq, what, made_by, at,"
        " hash, encoded) VALUES(1, 4, 0, 0, 0, '', 0, %s",
        open);
    for (size_t i = 0; i < PQI_HASH_LEN; i++) {
        n += snprintf(sql + n, sizeof sql - (size_t)n, "%02x", h.hash[i]);
    }
    n += snprintf(sql + n, sizeof sql - (size_t)n, "', %s", open);
    for (size_t i = 0; i < len; i++) {
        n += snprintf(sql + n, sizeof sql - (size_t)n, "%02x", bytes[i]);
    }
    (void)snprintf(sql + n, sizeof sql - (size_t)n, "')");
    rig_sql(&r, sql);
    assert_int_equal(rig_try_open(&r), PQI_ERR_STORAGE);
    assert_non_null(strstr(pqi_host_control_why(), "head 4"));
    rig_end(&r);
}

/* ---- two servers -------------------------------------------------------------------------------- */

static void second_server(rig *r, rig *two)
{
    char shell[512];
    *two = *r;
    two->c = NULL;
    two->messages = calloc(RIG_MESSAGES, sizeof *two->messages);
    two->n_messages = 0;
    (void)snprintf(two->dir, sizeof two->dir, "%s/two", r->top);
    (void)snprintf(shell, sizeof shell,
        "mkdir -m 700 %s && cp -a %s/keys %s/keys && rm -f %s/keys/lock", two->dir, r->dir,
        two->dir, two->dir);
    assert_int_equal(system(shell), 0);
    if (!r->pg) {
        (void)snprintf(shell, sizeof shell, "ln %s/control.db %s/control.db", r->dir, two->dir);
        assert_int_equal(system(shell), 0);
    }
    two->cfg.dir = two->dir;
    two->cfg.name = "two";
    two->cfg.clock_ctx = two;
    two->cfg.io.ctx = two;
}

static void leases(void **state)
{
    rig r, two;
    (void)state;
    rig_make(&r);
    if (!r.pg) { /* SQLite's journal has the name of the file: one directory, one after the other */
        rig_poll(&r);
        assert_string_equal(rig_info(&r).leader, "rig");
        const uint64_t until = rig_info(&r).lease_until_ms;
        r.now_ms += PQI_CONTROL_LEASE_MS / 2;
        rig_poll(&r);
        assert_true(rig_info(&r).lease_until_ms > until);
        rig_close(&r);
        pqi_host_control_cfg plain = r.cfg;
        memset(&plain.kek, 0, sizeof plain.kek);
        assert_int_equal(pqi_host_control_open(&r.c, &plain), PQI_OK);
        assert_string_equal(rig_info(&r).leader, "");
        rig_end(&r);
        return;
    }
    second_server(&r, &two);
    rig_open(&two);
    rig_poll(&r);
    rig_poll(&two);
    assert_int_equal(r.events[PQI_CONTROL_EV_LEASE], 1);
    assert_int_equal(two.events[PQI_CONTROL_EV_LEASE], 0);
    assert_string_equal(rig_info(&two).leader, "rig");
    assert_int_equal(rig_count(&two, PQI_TOPIC_HEAD), 1); /* it publishes, too */
    pqi_control_made m;
    assert_int_equal(pqi_host_control_advance(two.c, 1, &m), PQI_OK);
    assert_int_equal(m.leased, 0);
    assert_int_equal(m.what, 0);
    assert_int_equal(rig_info(&two).head_epoch, 1);
    /* what is put at one is seen at the other */
    assert_int_equal(rig_put(&two, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 50)), PQI_OK);
    rig_poll(&two);
    assert_int_equal(rig_info(&two).head_epoch, 1);
    rig_poll(&r);
    assert_int_equal(rig_info(&r).head_epoch, 2);
    rig_poll(&two);
    assert_int_equal(rig_count(&two, PQI_TOPIC_HEAD), 2);
    /* the first one stops to renew */
    two.now_ms += PQI_CONTROL_LEASE_MS + 1;
    rig_poll(&two);
    assert_int_equal(two.events[PQI_CONTROL_EV_LEASE], 1);
    assert_int_equal(pqi_host_control_advance(two.c, 1, &m), PQI_OK);
    assert_int_equal(m.leased, 1);
    assert_int_equal(m.head_epoch, 3);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(m.leased, 0);
    assert_int_equal(r.event_number[PQI_CONTROL_EV_LEASE], 0);
    /* and one that goes gives it back */
    rig_close(&two);
    rig_poll(&r);
    r.now_ms = two.now_ms;
    rig_poll(&r);
    assert_int_equal(r.event_number[PQI_CONTROL_EV_LEASE], 1);
    rig_forget(&two);
    free(two.messages);
    rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(the_chain), cmocka_unit_test(ticks), cmocka_unit_test(long_head),
    cmocka_unit_test(tick_length), cmocka_unit_test(clocks), cmocka_unit_test(caps),
    cmocka_unit_test(at_least_one), cmocka_unit_test(what_goes_out), cmocka_unit_test(next_root),
    cmocka_unit_test(no_right_to_sign), cmocka_unit_test(rollback),
    cmocka_unit_test(heads_from_elsewhere), cmocka_unit_test(another_history),
    cmocka_unit_test(leases))
