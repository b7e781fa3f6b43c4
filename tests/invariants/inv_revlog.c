/* SPDX-License-Identifier: Apache-2.0
 * The log of revocations at the endpoint: parts of it in any order, gaps, other histories, its caps, and the
 * record of before. docs/spec/control.md sections 1.4 and 5. */
#include "support/fleet.h"

#include <pqi/control.h>

#define CA_REVOKER 3u /* handle of support/fleet.c */

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

/* Doubled entries, lower and higher ones, a device for ever and its epochs afterwards. */
static const pqi_revoked history[] = {
    {9, 5, 1}, {1, 2, 2}, {9, 4, 3}, {7, UINT32_MAX, 4}, {9, 6, 5}, {7, 3, 6}};
enum { HISTORY = 6 };

static dev *listener(void)
{
    dev *d = dev_new(&spec_ctl);
    d->limits.announce = (pqi_rate){0, 1000};
    assert_int_equal(dev_open(d), PQI_OK);
    return d;
}

static void part(uint32_t from, size_t to, msg *m)
{
    fleet_revoke(fleet_get(), from, history, to, m);
}

/* What the first n entries of a log mean, found without the code under test. */
static void in_force(const dev *d, const pqi_revoked *log, size_t n)
{
    size_t devices = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t most = 0;
        bool first = true;
        for (size_t k = 0; k < n; k++) {
            if (log[k].roster_index == log[i].roster_index) {
                most = log[k].min_key_epoch > most ? log[k].min_key_epoch : most;
                first = first && k >= i;
            }
        }
        devices += first ? 1u : 0u;
        bool found = false;
        for (uint32_t k = 0; k < d->ep.ctl.rev.n; k++) {
            found = found || (d->ep.cfg.revoked[k].roster_index == log[i].roster_index &&
                                 d->ep.cfg.revoked[k].min_key_epoch == most);
        }
        assert_true(found);
    }
    assert_int_equal(d->ep.ctl.rev.n, devices);
    for (uint32_t k = 1; k < d->ep.ctl.rev.n; k++) {
        assert_true(d->ep.cfg.revoked[k - 1].roster_index < d->ep.cfg.revoked[k].roster_index);
    }
}

/* The log's number and hash, and what is in force by it. */
static void knows(const dev *d, size_t n)
{
    uint8_t hash[32], id[PQI_FLEET_ID_LEN];
    memset(id, 0xf1, sizeof id);
    assert_int_equal(pqi_rev_log_start(&d->f->algs, id, d->f->root_version, hash), PQI_OK);
    for (size_t i = 0; i < n; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&history[i], e);
        assert_int_equal(pqi_rev_log_fold(&d->f->algs, (pqi_cspan){e, sizeof e}, hash), PQI_OK);
    }
    assert_int_equal(d->ep.ctl.rev.seq, n);
    if (n != 0) {
        assert_memory_equal(d->ep.ctl.rev.hash, hash, 32);
    }
    in_force(d, history, n);
}

/* INV-68: a part behind what is known is a gap and costs no signature; the whole log fills it. */
static void gaps(void **state)
{
    (void)state;
    static msg m;
    dev *d = listener();
    const uint64_t before = fleet_verifies;
    for (uint32_t from = 1; from < HISTORY; from++) {
        part(from, HISTORY, &m);
        dev_refuses(d, &m, PQI_DROP_GAP);
    }
    assert_true(fleet_verifies == before);
    part(0, 2, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    assert_int_equal(d->ev.seq, 2);
    for (uint32_t from = 3; from < HISTORY; from++) {
        part(from, HISTORY, &m);
        dev_refuses(d, &m, PQI_DROP_GAP);
    }
    knows(d, 2);
    part(2, 4, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    part(4, 6, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    knows(d, 6);
    dev_free(d);
}

/* A part that overlaps what is known is taken from where it is news; one that ends before is old, one that
 * ends there says nothing. Restarts change none of it. Both topics, whatever the retained flag says. */
static void overlaps(void **state)
{
    (void)state;
    static msg m;
    dev *d = listener();
    part(0, 3, &m);
    memcpy(m.topic, PQI_TOPIC_REV_DELTA, sizeof PQI_TOPIC_REV_DELTA);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    for (int life = 0; life < 2; life++) {
        const uint64_t before = fleet_verifies;
        for (uint32_t from = 0; from < 3; from++) {
            part(from, 3, &m);
            assert_int_equal(dev_receive(d, &m), PQI_EV_NONE);
        }
        for (uint32_t from = 0; from < 2; from++) {
            part(from, 2, &m);
            dev_refuses(d, &m, PQI_DROP_REPLAY);
        }
        part(0, 0, &m);
        dev_refuses(d, &m, PQI_DROP_REPLAY);
        assert_true(fleet_verifies == before);
        assert_int_equal(dev_open(d), PQI_OK);
        knows(d, 3);
    }
    part(1, 4, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    knows(d, 4);
    part(2, 6, &m);
    memcpy(m.topic, PQI_TOPIC_REVOCATIONS, sizeof PQI_TOPIC_REVOCATIONS);
    const pqi_inbound in = {text_of(PQI_TOPIC_REVOCATIONS), {m.b, m.len}, 1};
    assert_int_equal(
        pqi_endpoint_receive(&d->ep, &d->now, &in, (pqi_span){d->plain, sizeof d->plain}, &d->ev),
        PQI_OK);
    assert_int_equal(d->ev.kind, PQI_EV_REVOKED);
    knows(d, 6);
    dev_free(d);
}

/* INV-68: whoever holds the revoker's key cannot write the history anew: a whole log or a part of another
 * one is refused, one entry changed, one left out, one put in, or two in another order; and each such try
 * costs a token. */
static void other_histories(void **state)
{
    (void)state;
    static msg m;
    dev *d = listener();
    part(0, 4, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    unsigned tries = 0;
    for (unsigned at = 0; at < 4; at++) {
        for (unsigned how = 0; how < 4; how++) {
            pqi_revoked log[HISTORY + 1];
            size_t n = HISTORY;
            memcpy(log, history, sizeof history);
            if (how == 0) {
                log[at].reason ^= 1;
            } else if (how == 1) {
                memmove(&log[at], &log[at + 1], (HISTORY - at - 1) * sizeof log[0]);
                n--;
            } else if (how == 2) {
                memmove(&log[at + 1], &log[at], (HISTORY - at) * sizeof log[0]);
                log[at].reason ^= 1;
                n++;
            } else {
                const pqi_revoked e = log[at];
                log[at] = log[at + 1];
                log[at + 1] = e;
            }
            for (uint32_t from = 0; from <= at; from++) {
                fleet_revoke(d->f, from, log, n, &m);
                dev_refuses(d, &m, PQI_DROP_MISMATCH);
                tries++;
            }
            const uint64_t before = fleet_verifies;
            fleet_revoke(d->f, 4, log, n, &m); /* the link alone tells, without the signature */
            dev_refuses(d, &m, PQI_DROP_MISMATCH);
            assert_true(fleet_verifies == before);
        }
    }
    knows(d, 4);
    assert_int_equal(d->ep.control[PQI_OBJ_REVOCATIONS].level, (1000u - tries) * 1024u);
    part(0, 6, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    knows(d, 6);
    assert_int_equal(d->ep.control[PQI_OBJ_REVOCATIONS].level, (1000u - tries) * 1024u);
    dev_free(d);
}

/* INV-68: a delta whose link is wrong, and one whose link is right and whose overlap is not. */
static void wrong_links(void **state)
{
    (void)state;
    static msg m;
    dev *d = listener();
    part(0, 2, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    pqi_revocations head = {.root_version = 1, .from = 2};
    memset(head.fleet_id, 0xf1, sizeof head.fleet_id);
    memcpy(head.prev, d->ep.ctl.rev.hash, 32);
    for (size_t i = 0; i < 32; i++) {
        head.prev[i] ^= 1;
        fleet_revoke_as(CA_REVOKER, &head, history + 2, 2, &m);
        dev_refuses(d, &m, PQI_DROP_MISMATCH);
        head.prev[i] ^= 1;
    }
    fleet_revoke_as(CA_REVOKER, &head, history + 2, 2, &m);
    assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
    head.from = 3; /* the hash of 2 in front of entry 4 */
    fleet_revoke_as(CA_REVOKER, &head, history + 3, 2, &m);
    dev_refuses(d, &m, PQI_DROP_MISMATCH);
    head.from = 1;
    fleet_revoke_as(CA_REVOKER, &head, history + 1, 5, &m);
    dev_refuses(d, &m, PQI_DROP_MISMATCH);
    knows(d, 4);
    dev_free(d);
}

/* ---- every order --------------------------------------------------------------------------------- */

static bool next_order(unsigned o[HISTORY])
{
    int i = HISTORY - 2;
    while (i >= 0 && o[i] > o[i + 1]) {
        i--;
    }
    if (i < 0) {
        return false;
    }
    int k = HISTORY - 1;
    while (o[k] < o[i]) {
        k--;
    }
    unsigned x = o[i];
    o[i] = o[k];
    o[k] = x;
    for (int a = i + 1, b = HISTORY - 1; a < b; a++, b--) {
        x = o[a];
        o[a] = o[b];
        o[b] = x;
    }
    return true;
}

/* All orders of six parts: nothing known is ever lost, the number tells what is in force at every moment, and
 * the end is the same. What was dropped as a gap comes once more as long as that helps: a retained message. */
static void orders(const uint32_t parts[HISTORY][2])
{
    static msg m[HISTORY];
    unsigned order[HISTORY] = {0, 1, 2, 3, 4, 5};
    unsigned runs = 0;
    for (unsigned i = 0; i < HISTORY; i++) {
        part(parts[i][0], parts[i][1], &m[i]);
    }
    dev *fresh = listener();
    fake_nvm medium = {0};
    fake_nvm_copy(&medium, &fresh->nvm);
    uint64_t counters[PQI_COUNTER_SLOTS];
    memcpy(counters, fresh->prov.counters, sizeof counters);
    dev *d = fresh;
    do {
        fake_nvm_free(&d->nvm);
        fake_nvm_copy(&d->nvm, &medium);
        memcpy(d->prov.counters, counters, sizeof counters);
        assert_int_equal(dev_open(d), PQI_OK);
        uint32_t have = 0;
        for (unsigned round = 0; round < HISTORY && have < HISTORY; round++) {
            for (unsigned i = 0; i < HISTORY; i++) {
                const uint32_t *p = parts[order[i]];
                pqi_event_kind kind = dev_receive(d, &m[order[i]]);
                bool news = p[0] <= have && p[1] > have;
                assert_int_equal(kind == PQI_EV_REVOKED, news);
                have = news ? p[1] : have;
                knows(d, have);
                if (i == runs % HISTORY && round == 0) {
                    assert_int_equal(dev_open(d), PQI_OK);
                    knows(d, have);
                }
            }
        }
        knows(d, HISTORY);
        runs++;
    } while (next_order(order));
    assert_int_equal(runs, 720);
    fake_nvm_free(&medium);
    dev_free(d);
}

static void all_orders(void **state)
{
    (void)state;
    static const uint32_t wholes[HISTORY][2] = {{0, 2}, {0, 4}, {0, 6}, {2, 3}, {3, 5}, {4, 6}};
    static const uint32_t deltas[HISTORY][2] = {{0, 1}, {1, 2}, {1, 4}, {2, 3}, {3, 5}, {5, 6}};
    orders(wholes);
    orders(deltas);
}

/* ---- caps ---------------------------------------------------------------------------------------- */

static pqi_revoked big[PQI_REV_LOG_MAX];
static uint8_t big_buf[PQI_REVOCATIONS_MAX];

static void big_part(dev *d, uint32_t from, size_t to, pqi_drop want)
{
    fleet *f = fleet_get();
    const pqi_key revoker = CA_REVOKER;
    pqi_revocations head = {.root_version = 1, .from = from};
    size_t n = 0;
    memset(head.fleet_id, 0xf1, sizeof head.fleet_id);
    assert_int_equal(pqi_rev_log_start(&f->algs, head.fleet_id, 1, head.prev), PQI_OK);
    for (uint32_t i = 0; i < from; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&big[i], e);
        assert_int_equal(pqi_rev_log_fold(&f->algs, (pqi_cspan){e, sizeof e}, head.prev), PQI_OK);
    }
    assert_int_equal(pqi_revocations_build(&f->algs, &f->ca.base, &revoker, 1, &head, big + from,
                         to - from, (pqi_span){big_buf, sizeof big_buf}, &n),
        PQI_OK);
    uint8_t before[32], after[32];
    dev_digest(d, before);
    const pqi_inbound in = {text_of(PQI_TOPIC_REVOCATIONS), {big_buf, n}, 1};
    assert_int_equal(
        pqi_endpoint_receive(&d->ep, &d->now, &in, (pqi_span){d->plain, sizeof d->plain}, &d->ev),
        PQI_OK);
    assert_int_equal(d->ev.kind, want == PQI_DROP_NONE ? PQI_EV_REVOKED : PQI_EV_DROP);
    assert_int_equal(d->ev.drop, want);
    dev_digest(d, after);
    assert_int_equal(memcmp(before, after, 32) == 0, want != PQI_DROP_NONE);
}

/* A log of 4096 entries about 1024 devices, in one piece and in two, is what there can be at most. */
static void fullest(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PQI_REV_LOG_MAX; i++) { /* descending, then raised */
        big[i] = (pqi_revoked){4000000000u - (i % PQI_REVOKED_MAX) * 7u, 1u + i, (uint8_t)i};
    }
    for (unsigned pieces = 1; pieces <= 2; pieces++) {
        dev *d = listener();
        if (pieces == 2) {
            big_part(d, 0, 1500, PQI_DROP_NONE);
            big_part(d, 1500, 4095, PQI_DROP_NONE);
        }
        big_part(d, 0, PQI_REV_LOG_MAX, PQI_DROP_NONE);
        for (int life = 0; life < 2; life++) {
            assert_int_equal(d->ep.ctl.rev.seq, PQI_REV_LOG_MAX);
            assert_int_equal(d->ep.ctl.rev.n, PQI_REVOKED_MAX);
            for (uint32_t i = 0; i < PQI_REVOKED_MAX; i++) {
                const pqi_revoked *r = &d->ep.cfg.revoked[PQI_REVOKED_MAX - 1 - i];
                assert_int_equal(r->roster_index, 4000000000u - i * 7u);
                assert_int_equal(r->min_key_epoch, 1u + i + 3u * PQI_REVOKED_MAX);
            }
            assert_int_equal(dev_open(d), PQI_OK);
        }
        dev_free(d);
    }
}

/* One device more than the table holds: nothing of that part is taken, also not what would have fitted; what
 * raises goes on. */
static void table_full(void **state)
{
    (void)state;
    static const uint32_t full = PQI_REVOKED_MAX;
    for (uint32_t i = 0; i < full; i++) {
        big[i] = (pqi_revoked){i + 10, 2, 0};
    }
    dev *d = listener();
    big_part(d, 0, full - 1, PQI_DROP_NONE);
    big[full] = (pqi_revoked){5, 1, 0};
    big_part(d, full - 1, full + 1, PQI_DROP_TABLE);
    big_part(d, 0, full + 1, PQI_DROP_TABLE);
    big_part(d, full - 1, full, PQI_DROP_NONE);
    big_part(d, full, full + 1, PQI_DROP_TABLE);
    big[full] = (pqi_revoked){10, 3, 0};
    big[full + 1] = (pqi_revoked){9, 1, 0};
    big_part(d, full, full + 2, PQI_DROP_TABLE);
    big_part(d, full, full + 1, PQI_DROP_NONE);
    assert_int_equal(d->ep.cfg.revoked[0].min_key_epoch, 3);
    assert_int_equal(d->ep.ctl.rev.n, full);
    dev_free(d);
}

/* ---- the record of before ------------------------------------------------------------------------ */

static uint8_t plain[65536], buf[65536 + PQI_STORE_OVERHEAD];

static size_t load(dev *d, pqi_store *s)
{
    size_t n = 0;
    assert_int_equal(pqi_store_open(s, &d->prov.base, &d->nvm.nvm, "peers", PQI_SLOT_PEERS,
                         (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &n),
        PQI_OK);
    return n;
}

static void save(pqi_store *s, size_t n)
{
    assert_int_equal(pqi_store_save(s, (pqi_cspan){plain, n}, (pqi_span){buf, sizeof buf}), PQI_OK);
}

/* Writes the newest record of one peer anew as version 2 had it, with a snapshot of n revocations in front, and
 * nothing beside it. */
static size_t as_version_2(dev *d, const pqi_revoked *list, uint32_t n)
{
    const size_t at = 1 + 32 + 32, tail = PQI_KID_LEN + 4,
                 more = 8 + 4 + (size_t)n * PQI_REVOKED_LEN;
    pqi_store s;
    size_t len = load(d, &s);
    assert_int_equal(plain[0], 3);
    assert_int_equal(plain[at + 3], 1);
    len -= tail;
    plain[0] = 2;
    memmove(plain + at + more, plain + at, len - at);
    memset(plain + at, 0xff, 8);
    memset(plain + at + 8, 0, 4);
    plain[at + 11] = (uint8_t)n;
    for (uint32_t i = 0; i < n; i++) {
        pqi_revoked_write(&list[i], plain + at + 12 + i * PQI_REVOKED_LEN);
    }
    save(&s, len + more);
    fake_nvm_erase(&d->nvm, "ctl-rev", 0);
    fake_nvm_erase(&d->nvm, "ctl-rev", 1);
    d->prov.counters[PQI_SLOT_REV] = 0;
    return at;
}

static dev *with_pump(dev **pump)
{
    static msg ann;
    dev *d = listener();
    *pump = dev_new(&spec_pump);
    assert_int_equal(dev_open(*pump), PQI_OK);
    dev_announce(*pump, &ann);
    assert_int_equal(dev_receive(d, &ann), PQI_EV_PEER);
    pqi_endpoint_close(&d->ep);
    return d;
}

static const pqi_revoked snapshot[] = {{1, 2, 2}, {7, UINT32_MAX, 4}, {9, 6, 5}};
enum { SNAPSHOT = 3 };

/* What a snapshot revoked stays in force when the record is read by this program, and beside the log of the
 * same root version; the next root's log replaces it. Also when the power fails at any write of the start that
 * reads it, and when the old record is never written anew. */
static void older_record(void **state)
{
    (void)state;
    static msg m;
    const pqi_revoked other[] = {{9, 2, 0}, {20, 1, 0}};
    for (uint32_t root = 1; root <= 2; root++) {
        dev *pump = NULL, *d = with_pump(&pump);
        (void)as_version_2(d, snapshot, SNAPSHOT);
        fleet_root(d->f, root);
        for (uint64_t cut = 1; cut <= 4; cut++) {
            d->power = (test_power){.cut_at = cut};
            if (dev_open(d) == PQI_OK) {
                in_force(d, snapshot, SNAPSHOT);
            }
            d->power = (test_power){0};
        }
        for (int life = 0; life < 3; life++) {
            assert_int_equal(dev_open(d), PQI_OK);
            assert_int_equal(d->ep.ctl.rev.seq, 0);
            in_force(d, snapshot, SNAPSHOT);
            assert_true(pqi_endpoint_peer(&d->ep, text_of("pump-1"))->revoked);
            if (life == 1) { /* a peer more: the record is of this version from now on */
                dev *other_dev =
                    dev_new(&(dev_spec){.id = "new", .epoch = 1, .roster = 8, .seed = 8});
                assert_int_equal(dev_open(other_dev), PQI_OK);
                dev_announce(other_dev, &m);
                assert_int_equal(dev_receive(d, &m), PQI_EV_PEER);
                dev_free(other_dev);
            }
        }
        fleet_revoke(d->f, 0, other, 2, &m);
        assert_int_equal(dev_receive(d, &m), PQI_EV_REVOKED);
        pqi_revoked both[SNAPSHOT + 2];
        memcpy(both, snapshot, sizeof snapshot);
        memcpy(both + SNAPSHOT, other, sizeof other);
        for (int life = 0; life < 2; life++) {
            if (root == 1) {
                in_force(d, both, SNAPSHOT + 2);
            } else {
                in_force(d, other, 2);
            }
            assert_int_equal(d->ep.ctl.rev.seq, 2);
            assert_int_equal(pqi_endpoint_peer(&d->ep, text_of("pump-1"))->revoked, root == 1);
            assert_int_equal(dev_open(d), PQI_OK);
        }
        fleet_root(d->f, 1);
        dev_free(pump);
        dev_free(d);
    }
}

/* A record whose list is not in order, or whose numbers are none, is damage. */
static void damaged_record(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } t[] = {{0, 4}, {0, 0}, {65 + 8, 1}, {65 + 10, 4}, {65 + 12 + 9 + 3, 1}, {65 + 12 + 3, 8}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        dev *pump = NULL, *d = with_pump(&pump);
        assert_int_equal(as_version_2(d, snapshot, SNAPSHOT), 65);
        pqi_store s;
        const size_t n = load(d, &s);
        plain[t[i].at] = t[i].value;
        save(&s, n);
        assert_int_equal(dev_open(d), PQI_ERR_STORAGE);
        dev_free(pump);
        dev_free(d);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(gaps), cmocka_unit_test(overlaps), cmocka_unit_test(other_histories),
    cmocka_unit_test(wrong_links), cmocka_unit_test(all_orders), cmocka_unit_test(fullest),
    cmocka_unit_test(table_full), cmocka_unit_test(older_record), cmocka_unit_test(damaged_record))
