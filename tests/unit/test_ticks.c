/* SPDX-License-Identifier: Apache-2.0
 * The tick box of a site: never early, never back, never twice, over restarts, crashes and copies; and a device that
 * hears it. docs/spec/control.md section 1.9. */
#include "port/linux/test_point.h"
#include "pqi_test.h"
#include "support/ctl_fixture.h"
#include "tmp_dir.h"

#include <pqi/host_ticks.h>

#include <errno.h>
#include <sys/wait.h>

#define TICK   3600000u
#define COUNT  24u
#define DEVICE "gateway-1"

static plane pl;
static tmp_dir dir;
static char box_dir[128], key_path[128];
static uint64_t clock_;
static pqi_host_ticks_cfg cfg;
static pqi_host_ticks *box;

static uint64_t on_clock(void *ctx)
{
    (void)ctx;
    return clock_;
}

static void open_box(void)
{
    assert_int_equal(pqi_host_ticks_open(&box, &cfg), PQI_OK);
}

static void close_box(void)
{
    pqi_host_ticks_close(box);
    box = NULL;
}

static int setup(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_REAL);
    tmp_dir_make(&dir);
    (void)tmp_dir_file(&dir, "box", box_dir);
    (void)tmp_dir_file(&dir, "kek", key_path);
    FILE *f = fopen(key_path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 32; i++) {
        (void)fputc(i * 7, f);
    }
    (void)fclose(f);
    assert_int_equal(chmod(key_path, 0600), 0);
    clock_ = 1000000;
    cfg = (pqi_host_ticks_cfg){.dir = box_dir,
        .kek = {.key_file = key_path},
        .device = DEVICE,
        .clock_ms = on_clock,
        .boot = "one"};
    assert_int_equal(pqi_host_ticks_new(&cfg, COUNT), PQI_OK);
    open_box();
    return 0;
}

static int teardown(void **state)
{
    char cmd[200];
    (void)state;
    pqi_host_set_point_hook(NULL);
    close_box();
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir.path);
    assert_int_equal(system(cmd), 0);
    plane_free(&pl);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* ---- what it is told ---------------------------------------------------------------------------------- */

static pqi_ticks_record record(void)
{
    uint8_t mem[PQI_TICKS_RECORD_MAX];
    size_t len = 0;
    pqi_ticks_record r;
    assert_int_equal(pqi_host_ticks_export(box, (pqi_span){mem, sizeof mem}, &len), PQI_OK);
    assert_int_equal(pqi_ticks_record_decode((pqi_cspan){mem, len}, &r), PQI_OK);
    return r;
}

/* The next head, naming this record for plant/a. */
static pqi_cspan head_with(const pqi_ticks_record *r)
{
    pqi_head h = plane_head_fields(&pl);
    h.n_delegates = 1;
    h.delegates[0] = (pqi_delegate){{PQI_LIT(DEVICE)}, {PQI_LIT("plant/a")}, {0}, r->count};
    memcpy(h.delegates[0].anchor, r->anchor, PQI_HASH_LEN);
    const pqi_cspan out = plane_head_sign(&pl, &h, plane_head_key(&pl));
    assert_int_equal(pqi_head_decode(&pl.algs, out, &pl.head), PQI_OK);
    pl.counts[h.head_epoch % PLANE_HEADS] = h.tick_count;
    pl.tick = 0;
    return out;
}

static pqi_cspan begin(void)
{
    const pqi_ticks_record r = record();
    const pqi_cspan head = head_with(&r);
    assert_int_equal(pqi_host_ticks_begin(box, pl.manifest), PQI_OK);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head), PQI_OK);
    return head;
}

static pqi_ticks_info info(void)
{
    pqi_ticks_info i;
    assert_int_equal(pqi_host_ticks_get_info(box, &i), PQI_OK);
    return i;
}

/* The number that it gives now, 0: none; it is the one that the head in force proves. */
static uint32_t gives(void)
{
    pqi_tick t;
    uint32_t wait = 0;
    const pqi_status st = pqi_host_ticks_poll(box, &t, &wait);
    assert_true(wait >= 1 && wait <= TICK);
    if (st == PQI_AGAIN) {
        return 0;
    }
    assert_int_equal(st, PQI_OK);
    assert_int_equal(t.local, 1);
    assert_int_equal(t.epoch, pl.head.head_epoch);
    const pqi_delegate *d = &pl.head.delegates[t.index];
    assert_int_equal(pqi_tick_check(&pl.algs, &t, 0, d->anchor, d->count), PQI_OK);
    return t.i;
}

static pqi_status poll_status(void)
{
    pqi_tick t;
    uint32_t wait = 0;
    return pqi_host_ticks_poll(box, &t, &wait);
}

/* ---- time --------------------------------------------------------------------------------------------- */

static void never_early(void **state)
{
    (void)state;
    assert_int_equal(poll_status(), PQI_ERR_MISSING); /* nothing is known yet */
    begin();
    assert_int_equal(gives(), 0);
    clock_ += 2u * TICK - 1;
    assert_int_equal(gives(), 0);
    clock_ += 1;
    assert_int_equal(gives(), 2); /* the fleet is silent for two ticks */
    assert_int_equal(gives(), 0);
    clock_ += TICK - 1;
    assert_int_equal(gives(), 0);
    clock_ += 1;
    assert_int_equal(gives(), 3);
    clock_ += 5u * TICK;
    assert_int_equal(gives(), 8);
    clock_ += 1000u * (uint64_t)TICK; /* and never more than there are */
    assert_int_equal(gives(), COUNT);
    clock_ += TICK;
    assert_int_equal(gives(), 0);
}

static void always(void **state)
{
    (void)state;
    begin();
    close_box();
    cfg.always = 1;
    open_box();
    assert_int_equal(gives(), 0);
    clock_ += TICK - 1;
    assert_int_equal(gives(), 0);
    clock_ += 1;
    assert_int_equal(gives(), 1);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_TICK, plane_tick(&pl, 1)), PQI_OK);
    clock_ += TICK;
    assert_int_equal(gives(), 2);
}

/* Ticks of the fleet stop it, and tell how long the head has been out. */
static void the_fleet_is_heard(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 4; i++) {
        clock_ += TICK;
        assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_TICK, plane_tick(&pl, 1)), PQI_OK);
        assert_int_equal(gives(), 0);
    }
    assert_int_equal(
        pqi_host_ticks_take(box, PQI_OBJ_TICK, plane_tick_of(&pl, 1, 4)), PQI_ERR_REPLAY);
    clock_ += TICK;
    assert_int_equal(gives(), 0);
    clock_ += TICK;
    assert_int_equal(gives(), 6);
    assert_int_equal(info().giving, 1);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_TICK, plane_tick(&pl, 6)), PQI_OK); /* 10 */
    assert_int_equal(info().giving, 0);
    clock_ += TICK;
    assert_int_equal(gives(), 0);
    clock_ += TICK;
    assert_int_equal(gives(), 12);
    pqi_tick forged;
    assert_int_equal(pqi_tick_decode(plane_tick(&pl, 5), &forged), PQI_OK);
    uint8_t out[PQI_LOCAL_TICK_LEN];
    forged.h[3] ^= 1;
    const size_t n = pqi_tick_write(&forged, out);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_TICK, (pqi_cspan){out, n}), PQI_ERR_AUTH);
    assert_int_equal(info().giving, 1);
    assert_int_equal(info().fleet_tick, 10);
}

/* ---- restarts ------------------------------------------------------------------------------------------ */

static void restarts(void **state)
{
    pqi_tick t;
    (void)state;
    begin();
    clock_ += 3u * TICK;
    assert_int_equal(gives(), 3);
    close_box();
    clock_ += 2u * TICK;
    open_box(); /* the same boot: time went on, and it goes on without waiting */
    assert_int_equal(pqi_host_ticks_newest(box, &t), PQI_OK);
    assert_int_equal(t.i, 3);
    assert_int_equal(gives(), 5);
    clock_ += TICK / 2;
    close_box();
    cfg.boot = "two"; /* another boot or another machine: its clock says nothing */
    clock_ = 900u * (uint64_t)TICK;
    open_box();
    assert_int_equal(gives(), 0);
    clock_ += TICK - 1;
    assert_int_equal(gives(), 0);
    clock_ += 1;
    assert_int_equal(gives(), 6);
    close_box();
    clock_ -= 3; /* a clock that goes back */
    open_box();
    assert_int_equal(gives(), 0);
    assert_int_equal(pqi_host_ticks_newest(box, &t), PQI_OK);
    assert_int_equal(t.i, 6);
    clock_ += TICK;
    assert_int_equal(gives(), 7);
    close_box();
    cfg.boot = "three"; /* while nothing is given time is kept all the same, to ten minutes */
    open_box();
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_TICK, plane_tick(&pl, 8)), PQI_OK);
    for (int i = 0; i < 11; i++) {
        clock_ += 300000;
        assert_int_equal(gives(), 0);
    }
    close_box();
    cfg.boot = "four";
    open_box();
    assert_true(info().elapsed_ms >= 8u * TICK + 3000000u);
    assert_true(info().elapsed_ms <= 8u * TICK + 3300000u);
}

/* ---- heads --------------------------------------------------------------------------------------------- */

static void chains_belong_to_a_head(void **state)
{
    (void)state;
    const pqi_cspan first = begin();
    const pqi_ticks_record old = record();
    const pqi_cspan second = head_with(&old); /* unused: it goes over to the next head */
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, second), PQI_OK);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, first), PQI_ERR_REPLAY);
    clock_ += 3u * TICK;
    assert_int_equal(gives(), 3);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head_with(&old)), PQI_OK);
    clock_ += 3u * TICK;
    assert_int_equal(poll_status(), PQI_ERR_POLICY);
    assert_int_equal(pqi_host_ticks_renew(box, 9), PQI_OK);
    const pqi_ticks_record next = record();
    assert_int_equal(next.count, 9);
    assert_memory_not_equal(next.anchor, old.anchor, PQI_HASH_LEN);
    assert_int_equal(poll_status(), PQI_ERR_POLICY);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head_with(&next)), PQI_OK);
    assert_int_equal(info().next.count, 0);
    assert_int_equal(gives(), 0); /* its time begins with its head */
    clock_ += 2u * TICK;
    assert_int_equal(gives(), 2);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head_with(&old)), PQI_OK);
    assert_int_equal(poll_status(), PQI_ERR_MISSING); /* the old chain is gone */
    /* a chain in use goes on until a head names the next one */
    assert_int_equal(pqi_host_ticks_renew(box, 5), PQI_OK);
    const pqi_ticks_record fifth = record();
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head_with(&fifth)), PQI_OK);
    clock_ += 2u * TICK;
    assert_int_equal(gives(), 2);
    assert_int_equal(pqi_host_ticks_renew(box, 6), PQI_OK);
    clock_ += TICK;
    assert_int_equal(gives(), 3);
    close_box();
    cfg.reuse = 1;
    open_box();
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head_with(&fifth)), PQI_OK);
    assert_int_equal(gives(), 0);
    clock_ += 2u * TICK;
    assert_int_equal(gives(), 2);
    close_box();
    cfg.reuse = 0;
    cfg.device = "gateway-2"; /* another name is not named */
    open_box();
    clock_ += TICK;
    assert_int_equal(poll_status(), PQI_ERR_MISSING);
}

static void forged_objects(void **state)
{
    (void)state;
    begin();
    const pqi_ticks_record r = record();
    pqi_head h = plane_head_fields(&pl);
    const pqi_cspan strange = plane_head_sign(&pl, &h, PL_STRANGER);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, strange), PQI_ERR_AUTH);
    assert_int_equal(info().head_epoch, 1);
    const pqi_cspan before = pl.manifest, root = plane_rotate(&pl);
    uint8_t *bent = malloc(root.len);
    assert_non_null(bent);
    memcpy(bent, root.ptr, root.len);
    bent[root.len - 9] ^= 1;
    assert_int_not_equal(
        pqi_host_ticks_take(box, PQI_OBJ_ROOT, (pqi_cspan){bent, root.len}), PQI_OK);
    free(bent);
    assert_int_equal(info().root_version, 1);
    const pqi_cspan head = head_with(&r); /* under the root that is not here yet */
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head), PQI_ERR_MISSING);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_ROOT, root), PQI_OK);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_ROOT, root), PQI_ERR_REPLAY);
    assert_int_equal(
        poll_status(), PQI_ERR_MISSING); /* ticks of the old head tell nothing any more */
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_HEAD, head), PQI_OK);
    close_box();
    open_box(); /* the root that it followed is kept, and an older file does not take it back */
    assert_int_equal(pqi_host_ticks_begin(box, before), PQI_OK);
    assert_int_equal(info().root_version, 2);
    assert_int_equal(info().named, 1);
    assert_int_equal(plane_rotate(&pl).len != 0, 1);
    const pqi_cspan fourth = plane_rotate(&pl);
    assert_int_equal(pqi_host_ticks_take(box, PQI_OBJ_ROOT, fourth), PQI_ERR_MISSING);
    assert_int_equal(pqi_host_ticks_begin(box, fourth), PQI_OK); /* from a person's hand */
    assert_int_equal(info().root_version, 4);
}

/* ---- crashes ------------------------------------------------------------------------------------------- */

static unsigned stop_at_, seen_;
static int stop_how_; /* 0: the process ends, else this errno */

static int hook(unsigned point)
{
    if (point > PQI_POINT_FILE_LAST || ++seen_ != stop_at_) {
        return 0;
    }
    if (stop_how_ == 0) {
        _exit(77);
    }
    return stop_how_;
}

/* The next tick is due, and the process ends at the n-th step of storing it. What came out is told through a pipe. */
static int give_and_die(unsigned n, uint32_t *out)
{
    int fd[2], wstatus = 0;
    *out = 0;
    assert_int_equal(pipe(fd), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pqi_tick t;
        uint32_t wait = 0;
        seen_ = 0;
        stop_at_ = n;
        stop_how_ = 0;
        box = NULL;
        if (pqi_host_ticks_open(&box, &cfg) != PQI_OK) {
            _exit(1);
        }
        pqi_host_set_point_hook(hook);
        if (pqi_host_ticks_poll(box, &t, &wait) != PQI_OK ||
            write(fd[1], &t.i, sizeof t.i) != (ssize_t)sizeof t.i) {
            _exit(2);
        }
        _exit(0);
    }
    (void)close(fd[1]);
    if (read(fd[0], out, sizeof *out) != (ssize_t)sizeof *out) {
        *out = 0;
    }
    (void)close(fd[0]);
    assert_int_equal(waitpid(child, &wstatus, 0), child);
    assert_true(WIFEXITED(wstatus));
    return WEXITSTATUS(wstatus);
}

static void crashes(void **state)
{
    uint32_t last = 0, crashed = 0;
    (void)state;
    begin();
    clock_ += 2u * TICK;
    last = gives();
    close_box();
    for (unsigned n = 1; n < 40; n++) {
        uint32_t out = 0;
        clock_ += TICK;
        const uint32_t due = (uint32_t)((clock_ - 1000000u) / TICK);
        const int rc = give_and_die(n, &out);
        assert_true(rc == 0 || rc == 77);
        open_box();
        const pqi_ticks_info i = info();
        assert_true(i.chain.given >= last); /* never back */
        assert_true(i.chain.given >= out);  /* what came out is stored */
        assert_true(i.chain.given <= due);  /* never early */
        last = i.chain.given;
        close_box();
        crashed += rc == 77;
        if (rc == 0) {
            assert_int_equal(out, due);
            break;
        }
    }
    assert_true(crashed >= 12); /* two files and the counter's, each with its steps */
    open_box();
}

static void failed_writes(void **state)
{
    unsigned n = 1;
    (void)state;
    begin();
    clock_ += 2u * TICK;
    for (; n < 40; n++) {
        seen_ = 0;
        stop_at_ = n;
        stop_how_ = ENOSPC;
        pqi_host_set_point_hook(hook);
        const pqi_status st = poll_status();
        pqi_host_set_point_hook(NULL);
        if (st == PQI_OK) {
            break;
        }
        assert_int_equal(st, PQI_ERR_STORAGE);
        assert_int_equal(info().chain.given, 0);
        assert_true(
            strstr(pqi_host_ticks_why(), "store") != NULL || pqi_host_ticks_why()[0] == '\0');
    }
    assert_true(n >= 6);
    assert_int_equal(info().chain.given, 2);
}

static void copy_file(const char *from, const char *to)
{
    char cmd[300];
    (void)snprintf(cmd, sizeof cmd, "cp -p %s/%s %s/%s", box_dir, from, box_dir, to);
    assert_int_equal(system(cmd), 0);
}

static void older_copies_and_damage(void **state)
{
    pqi_host_ticks *t = NULL;
    (void)state;
    assert_int_equal(pqi_host_ticks_open(&t, &cfg), PQI_ERR_STATE); /* one process at a time */
    begin();
    copy_file("box", "old");
    clock_ += 2u * TICK;
    assert_int_equal(gives(), 2);
    close_box();
    copy_file("box", "new");
    copy_file("old", "box");
    assert_int_equal(pqi_host_ticks_open(&t, &cfg), PQI_ERR_ROLLBACK);
    assert_null(t);
    copy_file("new", "box");
    char path[200];
    (void)snprintf(path, sizeof path, "%s/box", box_dir);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 40, SEEK_SET), 0);
    const int b = fgetc(f);
    assert_int_equal(fseek(f, 40, SEEK_SET), 0);
    (void)fputc(b ^ 1, f);
    (void)fclose(f);
    assert_int_equal(pqi_host_ticks_open(&t, &cfg), PQI_ERR_AUTH);
    copy_file("new", "box");
    assert_int_equal(pqi_host_ticks_new(&cfg, 3), PQI_ERR_STATE); /* nothing is overwritten */
    open_box();
    assert_int_equal(info().chain.given, 2);
}

/* ---- and a device --------------------------------------------------------------------------------------- */

static pqi_fresh fresh_on(const ctl_rig *rg, const char *topic)
{
    return pqi_ctl_fresh(&rg->c, &rg->now, (pqi_cspan){(const uint8_t *)topic, strlen(topic)});
}

/* The plane is cut off: topics under the prefix stay fresh by the box's ticks for as long as the policy lets them, and
 * no others; without the policy's flag none. */
static void site(int flag)
{
    static ctl_rig rg;
    uint32_t given = 0;
    pl.policy.rules.flags |= flag ? PQI_POLICY_DELEGATES : 0;
    pl.policy.rules.local_ticks_max = 12;
    const pqi_cspan policy = plane_policy(&pl, 2);
    rig_init(&rg, &pl);
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, begin()), PQI_OK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_POLICY, policy), PQI_OK);
    for (uint32_t hour = 1; hour <= 20; hour++) {
        pqi_tick t;
        uint32_t wait = 0;
        clock_ += TICK;
        rig_pass(&rg, TICK);
        if (pqi_host_ticks_poll(box, &t, &wait) == PQI_OK) {
            uint8_t out[PQI_LOCAL_TICK_LEN];
            const size_t n = pqi_tick_write(&t, out);
            assert_int_equal(rig_take(&rg, PQI_OBJ_TICK, (pqi_cspan){out, n}), PQI_OK);
            given++;
        }
        const pqi_fresh here = flag && hour <= 12 ? PQI_FRESH_FRESH : PQI_FRESH_AGED;
        assert_int_equal(fresh_on(&rg, "plant/b"), hour <= 4 ? PQI_FRESH_FRESH : PQI_FRESH_AGED);
        assert_int_equal(fresh_on(&rg, "plant/a/pump"), hour <= 4 ? PQI_FRESH_FRESH : here);
    }
    assert_int_equal(given, 19);
    assert_int_equal(rig_take(&rg, PQI_OBJ_TICK, plane_tick(&pl, 20)), PQI_OK);
    assert_int_equal(fresh_on(&rg, "plant/b"), PQI_FRESH_FRESH);
    rig_free(&rg);
}

static void a_site_that_is_cut_off(void **state)
{
    (void)state;
    site(1);
}

static void a_policy_without_delegates(void **state)
{
    (void)state;
    site(0);
}

static void records(void **state)
{
    uint8_t mem[PQI_TICKS_RECORD_MAX + 1];
    size_t len = 0;
    (void)state;
    pqi_ticks_record r = record(), got;
    assert_int_equal(r.count, COUNT);
    assert_int_equal(pqi_ticks_record_write(&r, (pqi_span){mem, 20}, &len), PQI_ERR_SPACE);
    assert_int_equal(pqi_ticks_record_write(&r, (pqi_span){mem, sizeof mem}, &len), PQI_OK);
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(pqi_ticks_record_decode((pqi_cspan){mem, n}, &got), PQI_ERR_DECODE);
    }
    assert_int_equal(pqi_ticks_record_decode((pqi_cspan){mem, len + 1}, &got), PQI_ERR_DECODE);
    for (size_t i = 0; i < 2; i++) {
        static const uint32_t bad[] = {0, PQI_TICKS_MAX + 1};
        r.count = bad[i];
        assert_int_equal(
            pqi_ticks_record_write(&r, (pqi_span){mem, sizeof mem}, &len), PQI_ERR_ARG);
    }
}

PQI_TEST_MAIN(TEST(never_early), TEST(always), TEST(the_fleet_is_heard), TEST(restarts),
    TEST(chains_belong_to_a_head), TEST(forged_objects), TEST(crashes), TEST(failed_writes),
    TEST(older_copies_and_damage), TEST(a_site_that_is_cut_off), TEST(a_policy_without_delegates),
    TEST(records))
