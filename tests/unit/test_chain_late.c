/* SPDX-License-Identifier: Apache-2.0
 * What is left of a receiver when its epoch ended, docs/spec/chain.md section 4: the missing numbers
 * below the peer's count, in few nodes, and nothing else. */
#include "pqi_test.h"

#include "support/chain_rig.h"

#include <pqi/host.h>

#define COUNT_MAX 9000u

static const pqi_chain_profile *const profiles[RIG_PROFILES] = {
    &pqi_chain_tiny, &pqi_chain_std, &pqi_chain_gateway};
static const uint8_t ck[PQI_CHAIN_KEY] = {4, 5, 6};

static chain_rig rig;
static uint8_t sent[COUNT_MAX][PQI_CHAIN_KEY];
static bool open_before[COUNT_MAX];
static pqi_chain_node nodes[PQI_CHAIN_CAP_MAX], stage[PQI_CHAIN_CAP_MAX];
static uint64_t rnd;

static uint32_t draw(uint32_t n)
{
    rnd = rnd * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(rnd >> 33) % n;
}

static pqi_chain_late late_of(uint32_t cap)
{
    memset(nodes, 0, sizeof nodes);
    memset(stage, 0, sizeof stage);
    return (pqi_chain_late){cap, nodes, stage};
}

static void take(uint32_t n)
{
    uint8_t key[PQI_CHAIN_KEY];
    pqi_status st;
    assert_true(rig_open(&rig, n, true, &st, key));
}

/* Whether late opens n, with the sender's key. Changes nothing. */
static bool opens(const pqi_chain_late *l, uint32_t n)
{
    static pqi_chain_node before[PQI_CHAIN_CAP_MAX];
    pqi_chain_try t;
    memcpy(before, nodes, sizeof nodes);
    pqi_status st = pqi_chain_late_peek(&rig_table, l, n, &t);
    assert_memory_equal(before, nodes, sizeof nodes);
    if (st != PQI_OK) {
        assert_int_equal(st, PQI_ERR_REPLAY);
        assert_true(rig_is_zero(&t, sizeof t));
        return false;
    }
    assert_memory_equal(t.path[0], sent[n], PQI_CHAIN_KEY);
    pqi_chain_discard(&t);
    return true;
}

static void begin(const pqi_chain_profile *p, uint32_t count)
{
    rig_use(&pqi_classic_openssl);
    rig_fail_at = 0;
    assert_true(rig_start(&rig, p, ck));
    for (uint32_t n = 0; n < count; n++) {
        uint32_t got;
        assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &got, sent[n]), PQI_OK);
    }
}

/* What a peek of the receiver would open, from the horizon of count to count. */
static uint32_t note(uint32_t count)
{
    const uint32_t low = pqi_chain_low(&rig.profile, count);
    memset(open_before, 0, sizeof open_before);
    uint32_t total = 0;
    for (uint32_t n = low; n < count; n++) {
        pqi_chain_try t;
        open_before[n] = pqi_chain_recv_peek(&rig_table, &rig.recv, n, &t) == PQI_OK;
        total += open_before[n];
        pqi_chain_discard(&t);
    }
    return total;
}

/* INV-54: exactly what the receiver could open; with a small table, the highest of it. */
static void close_and_compare(uint32_t count, uint32_t cap)
{
    const uint32_t total = note(count);
    const rig_recv before = rig.r;
    const pqi_chain_late l = late_of(cap);
    assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, count, &l), PQI_OK);
    assert_memory_equal(&before, &rig.r, sizeof before);
    assert_true(rig_is_zero(stage, sizeof stage));
    uint32_t kept = 0;
    bool gone = false;
    for (uint32_t n = count; n-- > 0;) {
        const bool is = opens(&l, n);
        assert_false(is && (!open_before[n] || gone));
        gone = gone || (open_before[n] && !is);
        kept += is;
    }
    for (uint32_t n = count; n < count + 70u; n++) {
        pqi_chain_try t;
        assert_int_equal(pqi_chain_late_peek(&rig_table, &l, n, &t), PQI_ERR_REPLAY);
    }
    assert_true(kept == total || nodes[cap - 1u].id != 0); /* the table is full */
    assert_true(kept != 0 || total == 0);
}

static void covers_what_is_missing(void **state)
{
    (void)state;
    static const uint32_t loss[] = {0, 5, 30, 60};
    rnd = 7;
    for (size_t i = 0; i < 3u * 4u * 12u; i++) {
        const pqi_chain_profile *p = profiles[i % 3u];
        const uint32_t size = 1u << p->depth, count = 1u + draw(2u * size);
        begin(p, count);
        const uint32_t seen = draw(count + 1u);
        for (uint32_t n = 0; n < seen; n++) {
            if (draw(100) >= loss[i / 3u % 4u]) {
                take(n);
            }
        }
        close_and_compare(count, PQI_CHAIN_CAP_MAX);
        close_and_compare(count, 4);
    }
}

/* At the edges of superblocks, from every place of the receiver around them. */
static void edges(void **state)
{
    (void)state;
    for (uint32_t next = 0; next < 3; next++) {
        for (uint32_t count = 1020; count < 1030; count++) {
            begin(&pqi_chain_tiny, count);
            take(1021u * (next != 0));
            if (next == 2 && count > 1023) {
                take(1023);
            }
            if (rig.r.head.next <= count) {
                close_and_compare(count, PQI_CHAIN_CAP_MAX);
            }
        }
    }
    begin(&pqi_chain_tiny, 4100); /* as far as a peek reaches, and one more */
    take(3);
    close_and_compare(4099, PQI_CHAIN_CAP_MAX);
    const pqi_chain_late l = late_of(8);
    assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, 4 + 4097, &l), PQI_OK);
    assert_true(rig_is_zero(nodes, sizeof nodes));
    assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, 3, &l), PQI_ERR_ARG);
    assert_int_equal(
        pqi_chain_recv_close(&rig_table, &rig.recv, PQI_CHAIN_N_MAX + 1u, &l), PQI_ERR_ARG);
    assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, 4, &l), PQI_OK);
    assert_int_equal(opens(&l, 4), false);
}

/* The last numbers of an epoch: behind them there is no number to name the end. */
static void end_of_epoch(void **state)
{
    (void)state;
    for (uint32_t back = 1; back < 200; back += 66) {
        begin(&pqi_chain_tiny, 0);
        for (uint32_t n = 4000; n < PQI_CHAIN_N_MAX - back; n += 4000) {
            take(n);
        }
        take(PQI_CHAIN_N_MAX - back - 1u);
        const pqi_chain_late l = late_of(64);
        assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, PQI_CHAIN_N_MAX, &l), PQI_OK);
        pqi_chain_try a, b;
        for (uint32_t n = PQI_CHAIN_N_MAX - 250u; n < PQI_CHAIN_N_MAX; n++) {
            const bool held = pqi_chain_recv_peek(&rig_table, &rig.recv, n, &a) == PQI_OK &&
                              n >= pqi_chain_low(&rig.profile, PQI_CHAIN_N_MAX);
            assert_int_equal(pqi_chain_late_peek(&rig_table, &l, n, &b) == PQI_OK, held);
            assert_true(!held || memcmp(a.path[0], b.path[0], PQI_CHAIN_KEY) == 0);
        }
    }
}

/* Each opens once, in any order; the others stay; a failing hash changes nothing. */
static void taken_once(void **state)
{
    (void)state;
    static uint32_t order[COUNT_MAX];
    rnd = 11;
    for (unsigned i = 0; i < 24; i++) {
        const uint32_t count = 100u + draw(300);
        begin(profiles[i % 3u], count);
        for (uint32_t n = 0; n < count - draw(40); n++) {
            if (draw(10) != 0) {
                take(n);
            }
        }
        const pqi_chain_late l = late_of(PQI_CHAIN_CAP_MAX);
        assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, count, &l), PQI_OK);
        uint32_t left = 0;
        for (uint32_t n = 0; n < count; n++) {
            if (opens(&l, n)) {
                order[left++] = n;
            }
        }
        for (; left != 0; left--) {
            static pqi_chain_node before[PQI_CHAIN_CAP_MAX];
            const uint32_t k = draw(left), n = order[k];
            pqi_chain_try t;
            assert_int_equal(pqi_chain_late_peek(&rig_table, &l, n, &t), PQI_OK);
            memcpy(before, nodes, sizeof nodes);
            rig_fail_at = 1; /* the first hash of the commit, if it has one */
            pqi_status st = pqi_chain_late_commit(&rig_table, &l, &t);
            rig_fail_at = 0;
            if (st != PQI_OK) {
                assert_memory_equal(before, nodes, sizeof nodes);
                assert_int_equal(pqi_chain_late_peek(&rig_table, &l, n, &t), PQI_OK);
                assert_int_equal(pqi_chain_late_commit(&rig_table, &l, &t), PQI_OK);
            }
            assert_true(rig_is_zero(&t, sizeof t) && rig_is_zero(stage, sizeof stage));
            order[k] = order[left - 1u];
            assert_false(opens(&l, n));
            for (uint32_t j = 0; j + 1u < left; j++) {
                assert_true(opens(&l, order[j]));
            }
        }
        assert_true(rig_is_zero(nodes, sizeof nodes));
    }
}

static void failures(void **state)
{
    (void)state;
    begin(&pqi_chain_std, 5000);
    take(2);
    take(70);
    for (unsigned at = 1;; at++) {
        static pqi_chain_node before[PQI_CHAIN_CAP_MAX];
        const pqi_chain_late l = late_of(16);
        memset(nodes, 0x5a, sizeof *nodes);
        memcpy(before, nodes, sizeof nodes);
        rig_fail_at = at;
        pqi_status st = pqi_chain_recv_close(&rig_table, &rig.recv, 4990, &l);
        if (st == PQI_OK) {
            assert_true(rig_fail_at != 0 && at > 15);
            break;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
        assert_memory_equal(before, nodes, sizeof nodes);
        assert_true(rig_is_zero(stage, sizeof stage));
    }
    rig_fail_at = 0;
    /* trials that do not fit */
    const pqi_chain_late l = late_of(16);
    assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, 80, &l), PQI_OK);
    pqi_chain_try a, b;
    memset(&a, 0, sizeof a);
    assert_int_equal(pqi_chain_late_commit(&rig_table, &l, &a), PQI_ERR_STATE);
    assert_int_equal(pqi_chain_late_peek(&rig_table, &l, 71, &a), PQI_OK);
    assert_int_equal(pqi_chain_late_peek(&rig_table, &l, 71, &b), PQI_OK);
    assert_int_equal(pqi_chain_late_commit(&rig_table, &l, &a), PQI_OK);
    assert_int_equal(pqi_chain_late_commit(&rig_table, &l, &b), PQI_ERR_STATE);
    assert_int_equal(pqi_chain_recv_peek(&rig_table, &rig.recv, 72, &a), PQI_OK);
    assert_int_equal(pqi_chain_late_commit(&rig_table, &l, &a), PQI_ERR_STATE);
    /* number 0 alone: its trial is not the same as none */
    begin(&pqi_chain_std, 2);
    take(1);
    assert_int_equal(pqi_chain_recv_close(&rig_table, &rig.recv, 2, &l), PQI_OK);
    memset(&a, 0, sizeof a);
    assert_int_equal(pqi_chain_late_commit(&rig_table, &l, &a), PQI_ERR_STATE);
    assert_true(opens(&l, 0));
}

PQI_TEST_MAIN(cmocka_unit_test(covers_what_is_missing), cmocka_unit_test(edges),
    cmocka_unit_test(end_of_epoch), cmocka_unit_test(taken_once), cmocka_unit_test(failures))
