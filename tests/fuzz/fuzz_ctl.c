/* SPDX-License-Identifier: Apache-2.0
 * A device's control state under a plane whose every signature verifies: the input is a list of commands, each an
 * object with some of its bytes changed, a start, time that passes, or a question. Whatever comes, what is
 * revoked stays so under one root version, counters and numbers only rise, what is in memory is there after a
 * start, and what peek refuses receive refuses (rig_take). */
#include "support/ctl_fixture.h"

#include <stdlib.h>
#include <string.h>

#define GONE    UINT32_MAX
#define OBJECTS 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plane pl;
static ctl_rig rg;
static struct {
    pqi_object kind;
    pqi_cspan bytes;
} object[OBJECTS];
static unsigned n_objects;
static size_t kept;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void add(pqi_object kind, pqi_cspan bytes)
{
    must(n_objects < OBJECTS);
    object[n_objects].kind = kind;
    object[n_objects++].bytes = bytes;
}

/* 0 head, 1 log, 2 policy, 3 roster, 4 path, 5 tick, 6 local tick, 7 head, 8 more of the log, 9 root, 10 head, 11
 * log, 12 policy */
static void make(void)
{
    plane_init(&pl, PLANE_OPEN);
    pl.delegate[0] = "gw";
    pl.delegate[1] = "a";
    pl.time_s = 1770000000;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER | PQI_POLICY_DELEGATES;
    pl.policy.n_fail_safe = 1;
    pl.policy.fail_safe[0] = (pqi_cspan){PQI_LIT("a/stop")};
    const pqi_cspan policy = plane_policy(&pl, 2), roster = plane_roster(&pl);
    plane_revoke(&pl, 60, GONE);
    add(PQI_OBJ_HEAD, plane_head(&pl));
    add(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    add(PQI_OBJ_POLICY, policy);
    add(PQI_OBJ_ROSTER, roster);
    add(PQI_OBJ_PATH, plane_path(&pl, 0));
    add(PQI_OBJ_TICK, plane_tick(&pl, 2));
    add(PQI_OBJ_TICK, plane_local_tick(&pl, 3));
    plane_revoke(&pl, 61, 2);
    pl.time_s += 7200;
    add(PQI_OBJ_HEAD, plane_head(&pl));
    add(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1));
    add(PQI_OBJ_ROOT, plane_rotate(&pl));
    plane_revoke(&pl, 60, GONE);
    (void)plane_policy(&pl, 2);
    add(PQI_OBJ_HEAD, plane_head(&pl));
    add(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    add(PQI_OBJ_POLICY, pl.policy_bytes);
}

typedef struct input {
    const uint8_t *p;
    size_t left;
} input;

static uint8_t next(input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->p++;
}

static void changed(input *in, unsigned which)
{
    static uint8_t buf[65536];
    const pqi_cspan b = object[which].bytes;
    memcpy(buf, b.ptr, b.len);
    for (unsigned n = next(in) % 16u; n > 0; n--) {
        const size_t at = next(in) | (size_t)next(in) << 8;
        buf[at % b.len] ^= next(in);
    }
    (void)rig_take(&rg, object[which].kind, (pqi_cspan){buf, b.len});
}

typedef struct seen {
    uint32_t root, n;
    pqi_revoked table[RIG_REVOKED];
    uint64_t head, policy, rev, counters[PQI_CTL_FLOORS];
} seen;

static uint64_t mark(uint32_t root, uint32_t n)
{
    return (uint64_t)root << 32 | n;
}

static void look(seen *s)
{
    const pqi_ctl *c = &rg.c;
    s->root = c->manifest.root_version;
    s->n = c->rev.n;
    must(c->rev.n <= RIG_REVOKED);
    memcpy(s->table, rg.revoked, c->rev.n * sizeof s->table[0]);
    s->head = mark(c->s.head.root_version, c->s.head.head_epoch);
    s->policy = mark(c->policy.root_version, c->policy.seq);
    s->rev = mark(c->rev.root_version, c->rev.seq);
    for (uint32_t i = 0; i < PQI_CTL_FLOORS; i++) {
        s->counters[i] = rg.prov.counters[PQI_SLOT_HEAD + i];
        must(s->counters[i] == c->floor[i]);
    }
}

static void compare(const seen *a, const seen *b)
{
    must(b->root >= a->root && b->head >= a->head && b->policy >= a->policy && b->rev >= a->rev);
    for (uint32_t i = 0; i < PQI_CTL_FLOORS; i++) {
        must(b->counters[i] >= a->counters[i]);
    }
    for (uint32_t i = 0; i < b->n; i++) {
        must(i == 0 || b->table[i - 1].roster_index < b->table[i].roster_index);
    }
    for (uint32_t i = 0; i < a->n && a->rev >> 32 == b->rev >> 32 && b->root == 1; i++) {
        must(pqi_ctl_is_revoked(&rg.c, a->table[i].roster_index, a->table[i].min_key_epoch - 1u));
    }
    must((rig_flags(&rg) & PQI_GATE_ROLLBACK) == 0);
}

static void start_again(const seen *s)
{
    seen t;
    must(rig_restart(&rg) == PQI_OK);
    look(&t);
    must(t.root == s->root && t.head == s->head && t.policy == s->policy && t.rev == s->rev &&
         t.n == s->n && memcmp(t.table, s->table, s->n * sizeof t.table[0]) == 0);
    must(rig_fresh(&rg) == PQI_FRESH_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (n_objects == 0) {
        make();
        kept = pl.n_objects;
    }
    input in = {data, size < 512 ? size : 512};
    seen was, is;
    rig_init_first(&rg, &pl);
    must(rig_open(&rg) == PQI_OK);
    look(&was);
    while (in.left != 0) {
        const uint8_t op = next(&in);
        if (op % 32u < n_objects) {
            changed(&in, op % 32u);
        } else if (op % 32u == 28) {
            start_again(&was);
        } else if (op % 32u == 29) {
            rig_pass(&rg, next(&in) * 600000ull);
            must(pqi_ctl_tick(&rg.c, &rg.now) == PQI_OK);
        } else if (op % 32u == 30) {
            (void)rig_ask(&rg);
        } else {
            rg.now.unix_s = next(&in) * 10000000ull;
        }
        look(&is);
        compare(&was, &is);
        was = is;
    }
    start_again(&was);
    rig_free(&rg);
    plane_forget(&pl, kept);
    return 0;
}
