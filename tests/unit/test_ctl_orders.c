/* SPDX-License-Identifier: Apache-2.0
 * What a broker does: everything in any order, twice, late, or never, with restarts in between. A device ends
 * where the plane is once everything came again, and on no way is a revoked one fine again or a policy looser. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"

#include <pqi/session.h>

#define GONE UINT32_MAX

enum { ROOT2, HEAD1, HEAD2, POLICY, DELTA1, DELTA2, ROSTER, OBJECTS };

static plane pl;
static struct {
    pqi_object kind;
    pqi_cspan bytes;
} obj[OBJECTS + 1]; /* and the whole log */
#define WHOLE OBJECTS

/* Root 1: 60 is revoked. Root 2: 60 and 61 in the first head's log, 62 in the second one's; a policy and a
 * roster that the second one names. */
static pqi_cspan before_head, before_rev, before_policy;

static int setup(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_TOY);
    pl.policy.rules.sessions = PQI_SESSIONS_REQUIRE;
    pl.policy.rules.min_level = 1;
    before_policy = plane_policy(&pl, 2);
    plane_revoke(&pl, 60, GONE);
    before_head = plane_head(&pl);
    before_rev = plane_rev(&pl, 0);
    (void)plane_tick(&pl, 3);
    obj[ROOT2].kind = PQI_OBJ_ROOT;
    obj[ROOT2].bytes = plane_rotate(&pl);
    plane_revoke(&pl, 60, GONE);
    plane_revoke(&pl, 61, GONE);
    obj[HEAD1].kind = PQI_OBJ_HEAD;
    obj[HEAD1].bytes = plane_head(&pl);
    plane_revoke(&pl, 62, GONE);
    pl.policy.rules.min_level = 2;
    obj[POLICY].kind = PQI_OBJ_POLICY;
    obj[POLICY].bytes = plane_policy(&pl, 2);
    obj[ROSTER].kind = PQI_OBJ_ROSTER;
    obj[ROSTER].bytes = plane_roster(&pl);
    obj[HEAD2].kind = PQI_OBJ_HEAD;
    obj[HEAD2].bytes = plane_head(&pl);
    obj[DELTA1].kind = PQI_OBJ_REVOCATIONS;
    obj[DELTA1].bytes = plane_rev_part(&pl, 0, 2, 0);
    obj[DELTA2].kind = PQI_OBJ_REVOCATIONS;
    obj[DELTA2].bytes = plane_rev_part(&pl, 2, 3, 0);
    obj[WHOLE].kind = PQI_OBJ_REVOCATIONS;
    obj[WHOLE].bytes = plane_rev(&pl, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plane_free(&pl);
    return 0;
}

static ctl_rig rg;

static void begin(void)
{
    rig_init_first(&rg, &pl);
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, before_head), PQI_OK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_POLICY, before_policy), PQI_OK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, before_rev), PQI_OK);
    assert_int_equal(rig_flags(&rg), 0);
}

/* What a device has seen of itself: it never becomes less. */
typedef struct marks {
    uint8_t revoked[3];
    uint64_t root, head, policy, rev, roster;
    uint8_t level;
} marks;

static uint64_t mark(uint32_t root, uint32_t n)
{
    return (uint64_t)root << 32 | n;
}

static void rises(uint64_t *was, uint64_t is, const char *what)
{
    if (is < *was) {
        fail_msg("%s went back", what);
    }
    *was = is;
}

static void only_rises(marks *m)
{
    const pqi_ctl *c = &rg.c;
    for (uint32_t i = 0; i < 3; i++) {
        const int is = pqi_ctl_is_revoked(c, 60 + i, 1);
        if (m->revoked[i] && !is) {
            fail_msg("%u is not revoked any more", 60 + i);
        }
        m->revoked[i] = (uint8_t)is;
    }
    rises(&m->root, c->manifest.root_version, "root");
    rises(&m->head, mark(c->s.head.root_version, c->s.head.head_epoch), "head");
    rises(&m->policy, mark(c->policy.root_version, c->policy.seq), "policy");
    rises(&m->rev, mark(c->rev.root_version, c->rev.seq), "log");
    rises(&m->roster, mark(c->s.roster.root_version, c->s.roster.seq), "roster");
    assert_true(c->policy.rules.min_level >= m->level);
    assert_int_equal(c->policy.rules.sessions, PQI_SESSIONS_REQUIRE);
    m->level = c->policy.rules.min_level;
    assert_true(m->revoked[0]);
    assert_int_equal(rig_flags(&rg) & (PQI_GATE_ROLLBACK | PQI_GATE_EQUIVOCATION), 0);
}

static void give(marks *m, unsigned i)
{
    (void)rig_take(&rg, obj[i].kind, obj[i].bytes);
    assert_true(rg.ev.status == PQI_OK || rg.ev.status == PQI_ERR_REPLAY ||
                rg.ev.status == PQI_ERR_AUTH || rg.ev.status == PQI_ERR_MISSING ||
                rg.ev.status == PQI_ERR_LIMIT);
    only_rises(m);
}

/* Where every device is in the end. */
static void at_the_end(const char *how)
{
    const pqi_ctl *c = &rg.c;
    const int good = c->manifest.root_version == 2 && c->s.head.root_version == 2 &&
                     c->s.head.head_epoch == 2 && c->policy.root_version == 2 &&
                     c->policy.seq == 1 && c->rev.root_version == 2 && c->rev.seq == 3 &&
                     c->rev.n == 3 && c->s.roster.root_version == 2 && c->s.roster.seq == 1 &&
                     c->s.roster.counts == PQI_CTL_NAMED && rig_flags(&rg) == 0 &&
                     memcmp(c->rev.hash, pl.head.rev_hash, 32) == 0;
    if (!good) {
        fail_msg("%s: root %u, head %u/%u, policy %u/%u, log %u/%u, %u revoked, flags %x", how,
            c->manifest.root_version, c->s.head.root_version, c->s.head.head_epoch,
            c->policy.root_version, c->policy.seq, c->rev.root_version, c->rev.seq, c->rev.n,
            rig_flags(&rg));
    }
}

/* Everything once more, as an answer to a question brings it. */
static void once_more(marks *m)
{
    static const unsigned order[] = {ROOT2, HEAD2, WHOLE, POLICY, ROSTER};
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        give(m, order[i]);
    }
}

static int next_order(unsigned *o, unsigned n)
{
    unsigned i = n - 1;
    while (i > 0 && o[i - 1] >= o[i]) {
        i--;
    }
    if (i == 0) {
        return 0;
    }
    unsigned k = n - 1;
    while (o[k] <= o[i - 1]) {
        k--;
    }
    unsigned t = o[i - 1];
    o[i - 1] = o[k];
    o[k] = t;
    for (unsigned a = i, b = n - 1; a < b; a++, b--) {
        t = o[a];
        o[a] = o[b];
        o[b] = t;
    }
    return 1;
}

static void every_order(void **state)
{
    (void)state;
    unsigned o[OBJECTS], n = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        o[i] = i;
    }
    do {
        marks m = {0};
        begin();
        for (unsigned i = 0; i < OBJECTS; i++) {
            give(&m, o[i]);
        }
        once_more(&m);
        at_the_end("every order");
        rig_free(&rg);
        n++;
    } while (next_order(o, OBJECTS));
    print_message("# %u orders\n", n);
    assert_int_equal(n, 5040);
}

/* The same order again and again is enough as well: each round takes one step at least. */
static void every_order_repeated(void **state)
{
    (void)state;
    unsigned o[OBJECTS], rounds[6] = {0};
    for (unsigned i = 0; i < OBJECTS; i++) {
        o[i] = i;
    }
    do {
        marks m = {0};
        unsigned r = 0;
        begin();
        do {
            for (unsigned i = 0; i < OBJECTS; i++) {
                give(&m, o[i] == DELTA2 && r != 0 ? WHOLE : o[i]);
            }
            r++;
        } while (r < 5 && (rig_flags(&rg) != 0 || rg.c.s.head.head_epoch != 2 || rg.c.rev.n != 3 ||
                              rg.c.s.roster.root_version != 2 || rg.c.rev.root_version != 2 ||
                              rg.c.rev.carried != 0));
        at_the_end("repeated");
        rounds[r]++;
        rig_free(&rg);
    } while (next_order(o, OBJECTS));
    print_message("# rounds: %u %u %u %u\n", rounds[1], rounds[2], rounds[3], rounds[4]);
}

static uint64_t rng = 0x9e3779b97f4a7c15u;

static unsigned below(unsigned n)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (unsigned)(rng % n);
}

/* Loss, repetition, restarts, time, disks that fill up and power cuts. */
static void any_way(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 20000; run++) {
        marks m = {0};
        begin();
        const unsigned steps = below(20);
        for (unsigned i = 0; i < steps; i++) {
            const unsigned what = below(20);
            if (what == 0) {
                assert_int_equal(rig_restart(&rg), PQI_OK);
                only_rises(&m);
            } else if (what == 1) {
                rig_pass(&rg, below(7200000));
                assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
            } else if (what == 2) { /* one write fails, or the power with it */
                rg.power.ops = 0;
                rg.power.cut_at = 1 + below(2);
                rg.power.mode = (cut_mode)below(CUT_MODES_);
                rg.power.one_shot = (int)below(2);
                const unsigned k = below(OBJECTS + 1);
                (void)rig_take(&rg, obj[k].kind, obj[k].bytes);
                assert_int_equal(rig_restart(&rg), PQI_OK);
                only_rises(&m);
            } else {
                give(&m, below(OBJECTS + 1));
            }
        }
        once_more(&m);
        at_the_end("any way");
        assert_int_equal(rig_restart(&rg), PQI_OK);
        at_the_end("after a start");
        rig_free(&rg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_order),
        cmocka_unit_test(every_order_repeated), cmocka_unit_test(any_way)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}
