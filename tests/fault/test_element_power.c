/* SPDX-License-Identifier: Apache-2.0
 * INV-5, INV-6, INV-11, INV-102: the software provider over an element that counts. The power goes at
 * every step of every lasting change, and an attacker puts back every file of every moment before. */
#include "support/element_rig.h"

#define SLOT 7u

static element_rig r;
static pqi_provider *p;

/* What an application sees. */
typedef struct picture {
    uint8_t there[6], pk[6][32];
    uint64_t counter;
} picture;

static void look(picture *v)
{
    static uint8_t pk[PQI_SIG_MAX_PK];
    memset(v, 0, sizeof *v);
    for (pqi_key key = 1; key < 6; key++) {
        size_t n = 0;
        pqi_status st = pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &n);
        assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
        if (st == PQI_OK) {
            v->there[key] = 1;
            memcpy(v->pk[key], pk + n - 32, 32);
        }
    }
    assert_int_equal(pqi_provider_counter_get(p, SLOT, &v->counter), PQI_OK);
}

/* ---- changes ------------------------------------------------------------------------------------ */

static pqi_status make_x(void)
{
    return pqi_provider_generate(p, 1, PQI_KEY_X25519, 0);
}

static pqi_status make_two(void)
{
    return pqi_provider_generate(p, 2, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44_P256);
}

static pqi_status count(void)
{
    uint64_t v = 0;
    assert_int_equal(pqi_provider_counter_get(p, SLOT, &v), PQI_OK);
    return pqi_provider_counter_advance(p, SLOT, v + 10);
}

static pqi_status drop_two(void)
{
    return pqi_provider_destroy(p, 2);
}

static pqi_status drop_x(void)
{
    return pqi_provider_destroy(p, 1);
}

typedef pqi_status (*change)(void);

/* ---- power cuts --------------------------------------------------------------------------------- */

/* Runs `before`, then `act` with the power going at step n; starts again. True: it was reached. */
static int cut_one(const change *before, size_t n_before, change act, unsigned n, uint32_t caps)
{
    static rig_disk disk;
    picture old, now;
    p = element_rig_make(&r, caps, 0, 4);
    for (size_t i = 0; i < n_before; i++) {
        assert_int_equal(before[i](), PQI_OK);
    }
    look(&old);
    r.steps = 0;
    r.cut_at = n;
    pqi_status st = act();
    int reached = r.dark;
    assert_true((st == PQI_OK) == !reached);
    disk = r.disk;
    assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
    look(&now);
    assert_true(now.counter >= old.counter); /* INV-6 */
    int is_old = memcmp(&now, &old, sizeof old) == 0;
    if (is_old) { /* nothing happened: it can be done now */
        assert_true(reached);
        assert_int_equal(act(), PQI_OK);
    }
    picture done;
    look(&done);
    assert_memory_not_equal(&done, &old, sizeof old);
    if (now.there[2] && !old.there[2]) { /* a key that is there is whole */
        size_t len;
        static uint8_t sig[PQI_SIG_MAX_SIG];
        const pqi_cspan domain = {PQI_LIT("PQI4 power")};
        assert_int_equal(
            pqi_provider_sign(p, 2, domain, NULL, 0, (pqi_span){sig, sizeof sig}, &len), PQI_OK);
    }
    disk = r.disk; /* and the state is a sound one */
    assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
    look(&now);
    assert_memory_equal(&now, &done, sizeof done);
    element_rig_end(&r);
    return reached;
}

static void power_goes_at_every_step(void **state)
{
    (void)state;
    static const change before[] = {make_x, make_two, count};
    static const struct {
        size_t n_before;
        change act;
    } c[] = {{0, make_x}, {1, make_two}, {2, count}, {3, count}, {3, drop_two}, {3, drop_x}};
    static const uint32_t caps[] = {RIG_CAPS, PQI_CAP_HALF};
    unsigned total = 0;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
            unsigned n = 1;
            while (cut_one(before, c[i].n_before, c[i].act, n, caps[k])) {
                n++;
            }
            total += n;
        }
    }
    assert_true(total > 50);
}

/* A birth that was cut off: only what is new may begin again. */
static void power_goes_at_birth(void **state)
{
    (void)state;
    static rig_disk disk;
    for (unsigned n = 1;; n++) {
        element_rig_init(&r, RIG_CAPS, 0, 4);
        r.cut_at = n;
        pqi_status st = pqi_soft_create(&r.soft, &r.cfg);
        int reached = r.dark;
        assert_true((st == PQI_OK) == !reached);
        disk = r.disk;
        p = pqi_soft_provider(&r.soft);
        if (disk.keys_len != 0) {
            assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
            assert_int_equal(make_two(), PQI_OK);
            assert_int_equal(count(), PQI_OK);
            disk.counters_len = 0; /* the first keys with counters that start again */
            assert_int_equal(element_rig_load(&r, &disk), PQI_ERR_ROLLBACK);
        }
        element_rig_end(&r);
        if (!reached) {
            assert_true(n > 5);
            break;
        }
    }
}

/* The power goes again while the change of before is finished. */
static void power_goes_while_loading(void **state)
{
    (void)state;
    static rig_disk disk;
    for (unsigned n = 1; n < 12; n++) {
        int reached = 1;
        for (unsigned m = 1; reached; m++) {
            p = element_rig_make(&r, RIG_CAPS, 0, 4);
            assert_int_equal(make_x(), PQI_OK);
            r.steps = 0;
            r.cut_at = n;
            (void)!make_two();
            disk = r.disk;
            r.dark = 0;
            r.steps = 0;
            r.cut_at = m;
            static rig_disk copy;
            copy = disk;
            (void)!pqi_soft_load(&r.soft, &r.cfg, (pqi_cspan){copy.keys, copy.keys_len},
                (pqi_cspan){copy.counters, copy.counters_len});
            reached = r.dark;
            disk = r.disk;
            assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
            assert_int_equal(count(), PQI_OK);
            element_rig_end(&r);
        }
    }
}

/* ---- rollback ----------------------------------------------------------------------------------- */

#define MOMENTS 40u
static rig_disk moments[MOMENTS];
static size_t n_moments;
static unsigned accepted, refused;

static void remember(void)
{
    assert_true(n_moments < MOMENTS);
    moments[n_moments++] = r.disk;
}

/* Every file of every moment with every other one, at one moment of the element: what is accepted looks
 * as the provider did before the last change or does after it, and all else is called what it is. */
static void put_back(const picture *before, const picture *after)
{
    static element_rig kept;
    kept = r;
    for (size_t i = 0; i < n_moments; i++) {
        for (size_t j = 0; j < n_moments; j++) {
            static rig_disk mixed;
            picture now;
            mixed = moments[i];
            memcpy(mixed.counters, moments[j].counters, sizeof mixed.counters);
            mixed.counters_len = moments[j].counters_len;
            r.watch = NULL;
            pqi_status st = element_rig_load(&r, &mixed);
            if (st == PQI_OK) {
                look(&now);
                assert_true(
                    memcmp(&now, before, sizeof now) == 0 || memcmp(&now, after, sizeof now) == 0);
                accepted++;
            } else {
                assert_int_equal(st, PQI_ERR_ROLLBACK);
                refused++;
            }
            r.fake.generation = kept.fake.generation; /* for the next one */
        }
    }
    r.disk = kept.disk;
    r.soft = kept.soft;
    r.watch = remember;
}

static picture before_change, after_change;

/* One change; at its end, the files of all moments against the element. */
static void step(change act)
{
    static rig_disk disk;
    look(&before_change);
    assert_int_equal(act(), PQI_OK);
    look(&after_change);
    unsigned was = accepted;
    disk = r.disk;
    put_back(&after_change, &after_change); /* finished: there is no way back */
    assert_true(accepted > was);
    assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
    r.watch = remember;
}

static void old_files_are_refused(void **state)
{
    (void)state;
    static const change script[] = {make_x, count, count, drop_x, make_x, count, drop_x, count};
    n_moments = 0;
    accepted = 0;
    refused = 0;
    element_rig_init(&r, PQI_CAP_NO_ROLLBACK, 0, 4);
    r.watch = remember;
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    p = pqi_soft_provider(&r.soft);
    for (size_t i = 0; i < sizeof script / sizeof script[0]; i++) {
        step(script[i]);
    }
    assert_true(refused > 20 * accepted);
    element_rig_end(&r);
}

/* The same while a change is cut off at each of its steps, which leaves one way back or forward. */
static void old_files_are_refused_in_between(void **state)
{
    (void)state;
    static const change script[] = {make_x, count, drop_x, count};
    static const change acts[] = {make_x, count};
    for (size_t a = 0; a < 2; a++) {
        for (unsigned n = 1; n < 8; n++) {
            n_moments = 0;
            element_rig_init(&r, PQI_CAP_NO_ROLLBACK, 0, 4);
            r.watch = remember;
            assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
            p = pqi_soft_provider(&r.soft);
            for (size_t i = 0; i < sizeof script / sizeof script[0]; i++) {
                assert_int_equal(script[i](), PQI_OK);
            }
            look(&before_change);
            r.steps = 0;
            r.cut_at = n;
            pqi_status st = acts[a]();
            r.dark = 0;
            r.watch = NULL;
            static rig_disk disk;
            disk = r.disk;
            uint64_t g = r.fake.generation;
            assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
            look(&after_change);
            assert_true(
                st != PQI_OK || memcmp(&after_change, &before_change, sizeof before_change));
            r.fake.generation = g;
            put_back(&before_change, &after_change);
            assert_int_equal(element_rig_load(&r, &disk), PQI_OK); /* and life goes on */
            r.watch = remember;
            remember();
            step(count);
            step(after_change.there[1] ? drop_x : make_x);
            element_rig_end(&r);
        }
    }
}

/* A change that failed, whether or not a part of it took place, is settled by the next one: there is no way
 * back then either, and none to what failed. */
static void failed_changes_are_settled(void **state)
{
    (void)state;
    static const change acts[] = {make_x, count, drop_two};
    unsigned total = 0;
    for (unsigned c = 0; c < 2 * 2 * 3; c++) {
        change act = acts[c % 3];
        int late = c / 3 % 2 != 0, disk = c / 6 != 0, reached = 1;
        for (unsigned n = 1; reached; n++) {
            n_moments = 0;
            element_rig_init(&r, RIG_CAPS, 0, 4);
            r.watch = remember;
            assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
            p = pqi_soft_provider(&r.soft);
            assert_int_equal(make_two(), PQI_OK);
            r.saves = 0;
            r.fake.calls = 0;
            r.save_late = late;
            r.fake.fail_late = late;
            r.fail_save = disk ? n : 0;
            r.fake.fail_at = disk ? 0 : n;
            pqi_status st = act();
            reached = (disk ? r.saves : r.fake.calls) >= n;
            r.fail_save = 0;
            r.fake.fail_at = 0;
            if (st != PQI_OK) {
                total++;
                step(act);
                step(count);
                step(act == make_x ? drop_x : make_x);
            }
            element_rig_end(&r);
        }
    }
    assert_true(total > 15);
}

/* The power goes while `act` runs, when what it saved first is on the disk and the element has not moved. */
static void cut_off(change act, rig_disk *out)
{
    r.steps = 0;
    r.cut_at = 2;
    assert_int_not_equal(act(), PQI_OK);
    *out = r.disk;
}

static pqi_status count_other(void)
{
    return pqi_provider_counter_advance(p, SLOT + 1u, 1);
}

static pqi_status make_other(void)
{
    return pqi_provider_generate(p, 3, PQI_KEY_X25519, 0);
}

/* An attacker keeps what a change that he cut off left behind, puts back the files of before it, lets the
 * next change be done, and swaps the two: both were written at one moment of the element. */
static void a_cut_off_change_replaces_no_other(void **state)
{
    (void)state;
    static const struct {
        change cut, done;
    } c[] = {
        {count_other, count}, {make_other, drop_x}, {make_other, count}, {count_other, drop_x}};
    static rig_disk sound, other, done, mixed;
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        for (unsigned files = 1; files < 4; files++) {
            picture now, after;
            p = element_rig_make(&r, PQI_CAP_NO_ROLLBACK, 0, 4);
            assert_int_equal(make_x(), PQI_OK);
            assert_int_equal(count(), PQI_OK);
            sound = r.disk;
            cut_off(c[i].cut, &other);
            assert_int_equal(element_rig_load(&r, &sound), PQI_OK);
            assert_int_equal(c[i].done(), PQI_OK);
            look(&after);
            done = r.disk;
            mixed = done;
            if ((files & 1u) != 0) {
                memcpy(mixed.keys, other.keys, sizeof mixed.keys);
                mixed.keys_len = other.keys_len;
            }
            if ((files & 2u) != 0) {
                memcpy(mixed.counters, other.counters, sizeof mixed.counters);
                mixed.counters_len = other.counters_len;
            }
            if (element_rig_load(&r, &mixed) == PQI_OK) {
                look(&now);
                assert_memory_equal(&now, &after, sizeof now);
            }
            assert_int_equal(element_rig_load(&r, &done), PQI_OK);
            element_rig_end(&r);
        }
    }
}

/* A number that is ahead by more than a cut-off change is no state of this provider. */
static void what_is_ahead_is_refused(void **state)
{
    (void)state;
    static rig_disk disk;
    p = element_rig_make(&r, PQI_CAP_NO_ROLLBACK, 0, 4);
    assert_int_equal(count(), PQI_OK);
    assert_int_equal(count(), PQI_OK);
    disk = r.disk;
    r.fake.generation -= 2; /* another element, or one that was set up again */
    assert_int_equal(element_rig_load(&r, &disk), PQI_ERR_STORAGE);
    r.fake.generation += 3; /* somebody else counts on it */
    assert_int_equal(element_rig_load(&r, &disk), PQI_ERR_ROLLBACK);
    element_rig_end(&r);
}

/* A copy of the directory is in use elsewhere: the element moved once, and nobody here asked for it. */
static void a_copy_in_use_is_noticed(void **state)
{
    (void)state;
    static rig_disk disk;
    p = element_rig_make(&r, PQI_CAP_NO_ROLLBACK, 0, 4);
    assert_int_equal(count(), PQI_OK);
    disk = r.disk;
    assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
    r.fake.generation++;
    assert_int_equal(count(), PQI_ERR_ROLLBACK);
    assert_int_equal(make_x(), PQI_ERR_ROLLBACK);
    assert_memory_equal(&r.disk, &disk, sizeof disk);
    element_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(power_goes_at_every_step), cmocka_unit_test(power_goes_at_birth),
    cmocka_unit_test(power_goes_while_loading), cmocka_unit_test(old_files_are_refused),
    cmocka_unit_test(old_files_are_refused_in_between),
    cmocka_unit_test(failed_changes_are_settled), cmocka_unit_test(what_is_ahead_is_refused),
    cmocka_unit_test(a_cut_off_change_replaces_no_other),
    cmocka_unit_test(a_copy_in_use_is_noticed))
