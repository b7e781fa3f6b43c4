/* SPDX-License-Identifier: Apache-2.0
 * The message chain, docs/spec/chain.md: every bound from both sides, every failure without an effect,
 * what one operation costs. Keys against a model: tests/session/chain_oracle.py. */
#include "pqi_test.h"

#include "support/chain_rig.h"

#include <pqi/classic_mcu.h>
#include <pqi/host.h>

static const pqi_chain_profile *const profiles[RIG_PROFILES] = {
    &pqi_chain_tiny, &pqi_chain_std, &pqi_chain_gateway};
static const uint8_t ck[PQI_CHAIN_KEY] = {1, 2, 3};
static const uint8_t none[PQI_CHAIN_KEY] = {0};

static chain_rig rig;

static void begin(const pqi_chain_profile *p)
{
    rig_fail_at = 0;
    assert_true(rig_start(&rig, p, ck));
}

static void expect(uint32_t n, pqi_status want)
{
    uint8_t key[PQI_CHAIN_KEY];
    pqi_status st;
    assert_true(rig_open(&rig, n, true, &st, key));
    if (st != want) {
        fail_msg("number %u: status %d, expected %d", (unsigned)n, (int)st, (int)want);
    }
    assert_true((memcmp(key, none, sizeof key) == 0) == (st != PQI_OK));
}

static unsigned count_left_over(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < PQI_CHAIN_NODES(PQI_CHAIN_DEPTH_MAX, PQI_CHAIN_CAP_MAX); i++) {
        const pqi_chain_node *node = &rig.r.node[i];
        count += node->id != 0 && (node->id & 0xfffffu) < rig.r.head.next;
    }
    return count;
}

/* Each number opens once, in order and out of order, with the sender's key. */
static void both_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        static uint8_t sent[6000][PQI_CHAIN_KEY];
        begin(profiles[i]);
        for (uint32_t n = 0; n < 6000; n++) {
            uint32_t got;
            assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &got, sent[n]), PQI_OK);
            assert_int_equal(got, n);
        }
        for (uint32_t n = 0; n < 6000; n++) {
            const uint32_t swapped = n ^ 1u; /* 1 0 3 2 ... */
            uint8_t key[PQI_CHAIN_KEY];
            pqi_status st;
            assert_true(rig_open(&rig, swapped, true, &st, key));
            assert_int_equal(st, PQI_OK);
            assert_memory_equal(key, sent[swapped], sizeof key);
            expect(swapped, PQI_ERR_REPLAY);
        }
        assert_int_equal(count_left_over(), 0);
    }
}

static void bounds_of_profiles(void **state)
{
    (void)state;
    begin(&pqi_chain_std);
    static const pqi_chain_profile bad[] = {{0, 4, 128}, {9, 4, 128}, {11, 4, 128}, {13, 4, 128},
        {10, 0, 128}, {10, 65, 128}, {10, 4, 0}, {10, 4, 8}, {10, 4, 120}, {10, 4, 1008},
        {12, 4, 4080}};
    const rig_recv before = rig.r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rig.profile = bad[i];
        assert_int_equal(pqi_chain_recv_start(&rig.recv, ck), PQI_ERR_ARG);
    }
    assert_memory_equal(&before, &rig.r, sizeof before);
    rig.profile = (pqi_chain_profile){10, 64, 992};
    assert_int_equal(pqi_chain_recv_start(&rig.recv, ck), PQI_OK);
    const rig_send sender = rig.s;
    static const uint32_t depths[] = {0, 9, 11, 13};
    for (size_t i = 0; i < 4; i++) {
        rig.send.depth = depths[i];
        assert_int_equal(pqi_chain_send_start(&rig.send, ck), PQI_ERR_ARG);
    }
    assert_memory_equal(&sender, &rig.s, sizeof sender);
}

/* INV-51: skipped numbers open within the horizon and not behind it. */
static void horizon(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const uint32_t edge = 1u << profiles[i]->depth;
        const uint32_t highest[] = {1000, edge, edge + 40, 3 * edge};
        for (size_t k = 0; k < sizeof highest / sizeof highest[0]; k++) {
            const uint32_t low = (highest[k] + 1 - profiles[i]->horizon) / 16 * 16;
            assert_int_equal(pqi_chain_low(profiles[i], highest[k] + 1), low);
            /* each from the start: a late number splits nodes, and tiny holds four */
            for (uint32_t late = low - 1; late < highest[k]; late += 1 + late % 3) {
                begin(profiles[i]);
                expect(highest[k], PQI_OK);
                expect(late, late < low ? PQI_ERR_REPLAY : PQI_OK);
                expect(late, PQI_ERR_REPLAY);
            }
        }
    }
    assert_int_equal(pqi_chain_low(&pqi_chain_std, 128), 0);
    assert_int_equal(pqi_chain_low(&pqi_chain_std, 143), 0);
    assert_int_equal(pqi_chain_low(&pqi_chain_std, 144), 16);
}

/* INV-51, INV-95: how far ahead a number may be. */
static void jumps(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const uint32_t far = PQI_CHAIN_STEPS_MAX << profiles[i]->depth;
        begin(profiles[i]);
        expect(far + 1, PQI_ERR_LIMIT);
        expect(far, PQI_OK);
        expect(2 * far + 2, PQI_ERR_LIMIT);
        expect(UINT32_MAX, PQI_ERR_LIMIT);
        expect(2 * far + 1, PQI_OK);
    }
    assert_int_equal(PQI_CHAIN_STEPS_MAX << 12, 16384);
}

/* INV-95: an epoch ends. */
static void end_of_epoch(void **state)
{
    (void)state;
    const uint32_t last = PQI_CHAIN_N_MAX - 1u;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const uint32_t far = PQI_CHAIN_STEPS_MAX << profiles[i]->depth;
        begin(profiles[i]);
        for (uint32_t n = far; n < last; n += far) {
            expect(n, PQI_OK);
        }
        expect(last + 1u, PQI_ERR_LIMIT);
        expect(last, PQI_OK);
        expect(last + 1u, PQI_ERR_LIMIT);
        expect(last, PQI_ERR_REPLAY);
        expect(last - 1u, PQI_OK);
        assert_int_equal(rig.r.head.next, PQI_CHAIN_N_MAX);
    }
}

static void end_of_sender(void **state)
{
    (void)state;
    begin(&pqi_chain_tiny);
    uint8_t key[PQI_CHAIN_KEY];
    uint32_t n = 0;
    for (uint32_t i = 0; i < PQI_CHAIN_N_MAX; i++) {
        assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &n, key), PQI_OK);
        assert_int_equal(n, i);
    }
    const rig_send before = rig.s;
    assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &n, key), PQI_ERR_LIMIT);
    assert_memory_equal(&before, &rig.s, sizeof before);
    assert_memory_equal(key, none, sizeof key);
    assert_int_equal(n, PQI_CHAIN_N_MAX - 1u);
}

/* INV-54, INV-95: left-over nodes are bounded, and the oldest go, never all. Odd numbers are missing, so
 * each is a node of its own. */
static void cap(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const uint32_t most = profiles[i]->cap;
        begin(profiles[i]);
        for (uint32_t n = 0; n <= 2 * most; n += 2) {
            expect(n, PQI_OK);
            assert_int_equal(count_left_over(), n / 2);
        }
        expect(2 * most + 2, PQI_OK);
        assert_int_equal(count_left_over(), most);
        expect(1, PQI_ERR_REPLAY);
        expect(2 * most + 4, PQI_OK);
        assert_int_equal(count_left_over(), most);
        expect(3, PQI_ERR_REPLAY);
        expect(5, PQI_OK);
        assert_int_equal(count_left_over(), most - 1);
        expect(2 * most + 3, PQI_OK);
    }
}

/* A late number splits its node; at the cap that gives up the oldest as well. */
static void cap_by_splitting(void **state)
{
    (void)state;
    begin(&pqi_chain_tiny);
    expect(0, PQI_OK);
    expect(32, PQI_OK); /* 1, 2-3, 4-7, 8-15 and 16-31: one too many */
    assert_int_equal(count_left_over(), 4);
    expect(1, PQI_ERR_REPLAY);
    expect(20, PQI_OK); /* 16-19, 21, 22-23, 24-31 */
    assert_int_equal(count_left_over(), 4);
    expect(2, PQI_ERR_REPLAY);
    expect(15, PQI_ERR_REPLAY);
    expect(16, PQI_OK);
    expect(31, PQI_OK);
}

/* INV-87: every hash of a peek and of a commit fails once; not a byte of the state changes, and
 * the same number opens afterwards. */
static void failing_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const uint32_t edge = 1u << profiles[i]->depth;
        const uint32_t order[] = {0, 9, 3 * edge + 40, 3 * edge - 3, 4 * edge, 4 * edge + 7};
        begin(profiles[i]);
        for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
            for (unsigned at = 1;; at++) {
                uint8_t key[PQI_CHAIN_KEY];
                pqi_status st;
                const rig_recv before = rig.r;
                rig_fail_at = at;
                assert_true(rig_open(&rig, order[k], true, &st, key));
                if (st == PQI_OK) {
                    assert_true(rig_fail_at != 0);
                    rig_fail_at = 0;
                    break;
                }
                assert_int_equal(st, PQI_ERR_PROVIDER);
                assert_memory_equal(&before, &rig.r, sizeof before);
            }
        }
    }
}

/* INV-87: a forged packet of any number, then again and again, and all honest ones still open. */
static void forged(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        begin(profiles[i]);
        expect(3, PQI_OK);
        expect(90, PQI_OK);
        const rig_recv before = rig.r;
        for (uint32_t n = 0; n < PQI_CHAIN_N_MAX + 9; n += n < 200 ? 1 : 37) {
            uint8_t key[PQI_CHAIN_KEY];
            pqi_status st;
            assert_true(rig_open(&rig, n, false, &st, key));
            assert_memory_equal(&before, &rig.r, sizeof before);
        }
        expect(89, PQI_OK);
        expect(91, PQI_OK);
        expect(3, PQI_ERR_REPLAY);
    }
}

static void failing_hash_of_sender(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        begin(profiles[i]);
        for (uint32_t want = 0; want < 20; want++) {
            unsigned at = 1;
            uint8_t key[PQI_CHAIN_KEY];
            uint32_t n = 77;
            pqi_status st = PQI_ERR_PROVIDER;
            for (; st != PQI_OK; at++) {
                const rig_send before = rig.s;
                rig_fail_at = at;
                st = pqi_chain_send_next(&rig_table, &rig.send, &n, key);
                if (st != PQI_OK) {
                    assert_int_equal(st, PQI_ERR_PROVIDER);
                    assert_int_equal(n, 77);
                    assert_memory_equal(&before, &rig.s, sizeof before);
                    assert_memory_equal(key, none, sizeof key);
                }
            }
            rig_fail_at = 0;
            assert_int_equal(n, want);
        }
    }
}

/* INV-87: a trial fits only the state it was made of. Two trials of one number, or of two numbers in
 * one node: the second is refused and gives nothing back that the first took. */
static void stale_trials(void **state)
{
    (void)state;
    static const uint32_t pairs[][3] = {/* after, first, second */
        {0, 5, 5}, {0, 5, 6}, {0, 6, 5}, {100, 70, 70}, {100, 70, 71}, {100, 71, 65},
        {0, 5000, 5000}, {0, 5000, 4}, {0, 4, 5000}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        begin(&pqi_chain_std);
        expect(pairs[i][0], PQI_OK);
        pqi_chain_try second;
        assert_int_equal(pqi_chain_recv_peek(&rig_table, &rig.recv, pairs[i][2], &second), PQI_OK);
        expect(pairs[i][1], PQI_OK);
        const rig_recv before = rig.r;
        assert_int_equal(pqi_chain_recv_commit(&rig_table, &rig.recv, &second), PQI_ERR_STATE);
        assert_memory_equal(&before, &rig.r, sizeof before);
        assert_true(rig_is_zero(&second, sizeof second));
        expect(pairs[i][1], PQI_ERR_REPLAY);
    }
    begin(&pqi_chain_std);
    assert_int_equal(pqi_chain_recv_commit(&rig_table, &rig.recv, &rig.t), PQI_ERR_STATE);
    assert_int_equal(pqi_chain_recv_peek(&rig_table, &rig.recv, 3, &rig.t), PQI_OK);
    pqi_chain_discard(&rig.t);
    assert_int_equal(pqi_chain_recv_commit(&rig_table, &rig.recv, &rig.t), PQI_ERR_STATE);
    assert_int_equal(pqi_chain_recv_peek(&rig_table, &rig.recv, 3, &rig.t), PQI_OK);
    assert_int_equal(pqi_chain_recv_commit(&rig_table, &rig.recv, &rig.t), PQI_OK);
    assert_int_equal(pqi_chain_recv_commit(&rig_table, &rig.recv, &rig.t), PQI_ERR_STATE);
}

static unsigned cost_of(uint32_t n, bool authentic)
{
    uint8_t key[PQI_CHAIN_KEY];
    pqi_status st;
    rig_calls = 0;
    assert_true(rig_open(&rig, n, authentic, &st, key));
    return rig_calls;
}

/* Section 6: hashes, exactly, of the dearest cases. */
static void costs(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const pqi_chain_profile *p = profiles[i];
        const uint32_t size = 1u << p->depth;
        begin(p);
        assert_int_equal(cost_of(4 * size, false), 4u + 1u + p->depth);
        assert_int_equal(cost_of(4 * size + 1, false), 0);
        assert_int_equal(cost_of(PQI_CHAIN_N_MAX, false), 0);
        assert_int_equal(cost_of(0, false), 1u + p->depth);
        expect(0, PQI_OK);
        assert_int_equal(cost_of(0, false), 0);
        assert_int_equal(cost_of(1, false), 0); /* held as it is */
        assert_int_equal(cost_of(size - 1, false), p->depth - 1u);
        /* a jump to the end of a superblock derives the siblings that are kept, and no other */
        begin(p);
        unsigned kept = 0;
        while (1u << kept < p->horizon && kept < p->cap) {
            kept++;
        }
        assert_int_equal(cost_of(4 * size - 1, true), 3u + 1u + p->depth + kept + 1u);
        /* in order: 2 a message */
        begin(p);
        unsigned sum = 0, most = 0;
        for (uint32_t n = 0; n < 2 * size; n++) {
            const unsigned now = cost_of(n, true);
            sum += now;
            most = now > most ? now : most;
        }
        assert_int_equal(sum, 4 * size);
        assert_int_equal(most, 2u + 2u * p->depth);
        /* no jump, wherever it lands, costs more than section 6 says */
        most = 0;
        for (uint32_t r = 0; r < size; r += 1 + r / 40) {
            begin(p);
            const unsigned now = cost_of(3 * size + r, true);
            most = now > most ? now : most;
        }
        assert_true(most <= 4u + 1u + p->depth + 2u + p->depth + 2u * (p->depth - 4u));
        assert_true(most >= 4u + 1u + 2u * p->depth);
    }
}

/* A late number in the oldest node of a full table: 12-15 takes the last place, so neither 10-11 nor 9
 * is derived. */
static void cost_at_the_cap(void **state)
{
    (void)state;
    begin(&pqi_chain_tiny);
    static const uint32_t order[] = {0, 16, 18, 20, 22}; /* leaves 21, 19, 17, 8-15 */
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        expect(order[i], PQI_OK);
    }
    assert_int_equal(cost_of(8, true), 3u + 1u);
    expect(9, PQI_ERR_REPLAY);
    expect(12, PQI_OK);
}

static void costs_of_sender(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        const uint32_t size = 1u << profiles[i]->depth;
        begin(profiles[i]);
        unsigned most = 0, sum = 0;
        for (uint32_t k = 0; k < 3 * size; k++) {
            uint8_t key[PQI_CHAIN_KEY];
            uint32_t n;
            rig_calls = 0;
            assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &n, key), PQI_OK);
            sum += rig_calls;
            most = rig_calls > most ? rig_calls : most;
        }
        assert_int_equal(sum, 6 * size);
        assert_int_equal(most, 2u + 2u * profiles[i]->depth);
    }
}

/* A used key or node is in the state no more: the sender's side; the receiver's is the model's. */
static void sender_forgets(void **state)
{
    (void)state;
    begin(&pqi_chain_tiny);
    static uint8_t used[3000][PQI_CHAIN_KEY];
    uint32_t n;
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &n, used[i]), PQI_OK);
        uint32_t held = (0u - (n + 1u)) & 1023u;
        for (uint32_t level = 0; level < 10; level++) {
            assert_true(rig_is_zero(rig.s.key[level], PQI_CHAIN_KEY) == !(held >> level & 1u));
            assert_true(memcmp(rig.s.key[level], used[i], PQI_CHAIN_KEY) != 0);
        }
    }
}

/* A new epoch in the place of an old one: nothing of that is left. */
static void starts_anew(void **state)
{
    (void)state;
    for (size_t i = 0; i < RIG_PROFILES; i++) {
        begin(profiles[i]);
        const rig_recv fresh = rig.r;
        const rig_send fresh_sender = rig.s;
        uint8_t key[PQI_CHAIN_KEY];
        uint32_t n;
        expect(70, PQI_OK);
        assert_int_equal(pqi_chain_send_next(&rig_table, &rig.send, &n, key), PQI_OK);
        assert_int_equal(pqi_chain_recv_start(&rig.recv, ck), PQI_OK);
        assert_int_equal(pqi_chain_send_start(&rig.send, ck), PQI_OK);
        assert_memory_equal(&fresh, &rig.r, sizeof fresh);
        assert_memory_equal(&fresh_sender, &rig.s, sizeof fresh_sender);
    }
}

/* Both classical tables give one chain. */
static void second_table(void **state)
{
    (void)state;
    pqi_classic mcu = pqi_classic_openssl;
    mcu.hash = pqi_mcu_hash;
    uint8_t a[PQI_CHAIN_KEY], b[PQI_CHAIN_KEY];
    begin(&pqi_chain_std);
    assert_int_equal(pqi_chain_recv_peek(&mcu, &rig.recv, 9000, &rig.t), PQI_OK);
    memcpy(a, rig.t.path[0], sizeof a);
    assert_int_equal(pqi_chain_recv_commit(&mcu, &rig.recv, &rig.t), PQI_OK);
    const rig_recv after = rig.r;
    begin(&pqi_chain_std);
    pqi_status st;
    assert_true(rig_open(&rig, 9000, true, &st, b));
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(&after, &rig.r, sizeof after);
}

static int setup(void **state)
{
    (void)state;
    rig_use(&pqi_classic_openssl);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_ends),
        cmocka_unit_test(bounds_of_profiles), cmocka_unit_test(horizon), cmocka_unit_test(jumps),
        cmocka_unit_test(end_of_epoch), cmocka_unit_test(end_of_sender), cmocka_unit_test(cap),
        cmocka_unit_test(cap_by_splitting), cmocka_unit_test(failing_hash),
        cmocka_unit_test(forged), cmocka_unit_test(failing_hash_of_sender),
        cmocka_unit_test(stale_trials), cmocka_unit_test(costs), cmocka_unit_test(cost_at_the_cap),
        cmocka_unit_test(costs_of_sender), cmocka_unit_test(sender_forgets),
        cmocka_unit_test(starts_anew), cmocka_unit_test(second_table)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
