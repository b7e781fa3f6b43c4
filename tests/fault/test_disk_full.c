/* SPDX-License-Identifier: Apache-2.0
 * A real full disk: a small tmpfs in a mount namespace of this process, filled to a few pages. The
 * provider, a sealed store and the CA answer PQI_ERR_STORAGE, what was stored stays, and work goes on
 * when there is room again. Without the right to mount the tests are skipped. */
#include "support/host_fleet.h"
#include "support/host_rig.h"

#include <pqi/host_store.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#define PAGE  4096
#define SHM   "/dev/shm" /* where support/host_fleet.c makes its fleets */
#define LABEL "full"

static int mounted;

/* A namespace of our own, so that the mounts end with this process; and /dev/shm of 8 MiB in it. */
static int set_up(void **state)
{
    (void)state;
    mounted = unshare(CLONE_NEWNS) == 0 && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
              mount("pqi-test", SHM, "tmpfs", 0, "size=8m,mode=0700") == 0;
    return 0;
}

static void need_mount(void)
{
    if (!mounted) {
        (void)printf("# SKIP no right to mount a small file system\n");
        skip();
    }
}

/* Fills the file system of `dir` but for so many pages. */
static void fill(const char *dir, unsigned pages)
{
    static const uint8_t zero[PAGE];
    char path[128];
    off_t len = 0;
    (void)snprintf(path, sizeof path, "%s/filler", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    while (write(fd, zero, sizeof zero) == PAGE) {
        len += PAGE;
    }
    assert_int_equal(errno, ENOSPC);
    assert_true(len >= (off_t)pages * PAGE);
    assert_int_equal(ftruncate(fd, len - (off_t)pages * PAGE), 0);
    assert_int_equal(close(fd), 0);
}

static void make_room(const char *dir)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/filler", dir);
    assert_int_equal(unlink(path), 0);
}

static host_rig r;

/* The rig's directory becomes a tmpfs of `size`. */
static void small_rig(const char *size)
{
    host_rig_make(&r);
    assert_int_equal(mount("pqi-test", r.dir.path, "tmpfs", 0, size), 0);
}

static void small_rig_end(void)
{
    assert_int_equal(umount2(r.dir.path, MNT_DETACH), 0);
    host_rig_end(&r);
}

static uint64_t counter(pqi_provider *p)
{
    uint64_t v = 0;
    assert_int_equal(pqi_provider_counter_get(p, 7, &v), PQI_OK);
    return v;
}

static void provider(void **state)
{
    (void)state;
    pqi_key_info info;
    need_mount();
    small_rig("size=64k,mode=0700");
    fill(r.dir.path, 0);
    pqi_provider *p = NULL;
    assert_int_equal(pqi_host_provider_open(&p, &r.cfg), PQI_ERR_STORAGE); /* no birth */
    assert_null(p);
    make_room(r.dir.path);
    p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 7, 70), PQI_OK);
    for (int life = 0; life < 2; life++) {
        fill(r.dir.path, 0);
        assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_X25519, 0), PQI_ERR_STORAGE);
        assert_int_equal(pqi_provider_destroy(p, 1), PQI_ERR_STORAGE);
        assert_int_equal(pqi_provider_counter_advance(p, 7, 71), PQI_ERR_STORAGE);
        assert_int_equal(pqi_provider_info(p, 2, &info), PQI_ERR_MISSING);
        assert_int_equal(pqi_provider_info(p, 1, &info), PQI_OK);
        assert_true(counter(p) == 70);
        pqi_host_provider_close(p);
        p = host_rig_open(&r); /* opens on a full disk, with what was */
        assert_int_equal(pqi_provider_info(p, 2, &info), PQI_ERR_MISSING);
        assert_int_equal(pqi_provider_info(p, 1, &info), PQI_OK);
        assert_true(counter(p) == 70);
        make_room(r.dir.path);
    }
    assert_int_equal(tmp_dir_count(&r.dir), 3); /* no temporary file is left */
    assert_int_equal(pqi_provider_counter_advance(p, 7, 71), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_X25519, 0), PQI_OK);
    pqi_host_provider_close(p);
    small_rig_end();
}

static uint8_t big[5 * PAGE], plain[6 * PAGE], buf[6 * PAGE];

static pqi_status open_record(pqi_store *s, pqi_provider *p, const pqi_host_nvm *nvm, uint8_t *what)
{
    size_t n = 0;
    pqi_status st = pqi_store_open(s, p, &nvm->nvm, LABEL, 7, (pqi_span){buf, sizeof buf},
        (pqi_span){plain, sizeof plain}, &n);
    if (st == PQI_OK) {
        assert_int_equal(n, sizeof big);
        assert_int_equal(plain[0], plain[n - 1]);
        *what = plain[0];
    }
    return st;
}

static pqi_status save_record(pqi_store *s, uint8_t what)
{
    memset(big, what, sizeof big);
    return pqi_store_save(s, (pqi_cspan){big, sizeof big}, (pqi_span){buf, sizeof buf});
}

/* The store and the provider that counts its generations share the disk. For each number of free
 * pages: a save that was acknowledged is there, one that failed left the old or the new record.
 * Between the record and its counter (G = C + 1) an open must write as well, so it is refused until
 * there is room; nothing is lost. */
static void store(void **state)
{
    (void)state;
    pqi_host_nvm nvm;
    pqi_store s;
    need_mount();
    small_rig("size=256k,mode=0700");
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_host_nvm_open(&nvm, r.dir.path), PQI_OK);
    uint8_t now = 0, got = 0;
    assert_int_equal(open_record(&s, p, &nvm, &got), PQI_ERR_MISSING);
    assert_int_equal(save_record(&s, now), PQI_OK);
    unsigned kept = 0, between = 0, saved = 0;
    for (unsigned pages = 0; pages < 10; pages++) {
        fill(r.dir.path, pages);
        pqi_status st = save_record(&s, (uint8_t)(now + 1));
        assert_true(st == PQI_OK || st == PQI_ERR_STORAGE);
        pqi_host_provider_close(p);
        p = host_rig_open(&r);
        pqi_status full = open_record(&s, p, &nvm, &got);
        make_room(r.dir.path);
        assert_int_equal(open_record(&s, p, &nvm, &got), PQI_OK);
        if (full == PQI_OK) {
            assert_int_equal(got, st == PQI_OK ? now + 1 : now);
        } else {
            assert_true(st == PQI_ERR_STORAGE && full == PQI_ERR_STORAGE && got == now + 1);
        }
        saved += st == PQI_OK;
        between += full != PQI_OK;
        kept += got == now;
        now = got;
    }
    assert_true(kept >= 1 && between >= 1 && saved >= 1);
    pqi_host_provider_close(p);
    small_rig_end();
}

/* For each number of free pages an issue is refused or done; a refused one leaves a CA that opens, and
 * the same request is granted when there is room. */
static void certificate_authority(void **state)
{
    (void)state;
    fleet f;
    node n;
    blob ch = {NULL, 0}, rq = {NULL, 0}, gr = {NULL, 0};
    pqi_host_ca_issued done;
    unsigned failed = 0;
    uint32_t last = 0;
    need_mount();
    fleet_make(&f);
    node_make(&f, &n, "pump-1");
    fleet_enrol(&f, &n);
    for (unsigned pages = 0; pages < 24; pages += pages < 4 ? 1 : 4) {
        assert_int_equal(fleet_challenge(&f, n.id, &ch), PQI_OK);
        assert_int_equal(node_join(&n, &ch, &rq), PQI_OK);
        fill(SHM, pages);
        pqi_status st = fleet_issue(&f, &rq, &gr, &done);
        if (st != PQI_OK && st != PQI_ERR_STORAGE) {
            fail_msg("%u pages: %s", pages, pqi_status_name(st));
        }
        make_room(SHM);
        if (st != PQI_OK) {
            failed++;
            assert_int_equal(fleet_issue(&f, &rq, &gr, &done), PQI_OK);
        }
        assert_true(done.key_epoch > last); /* INV-19 */
        last = done.key_epoch;
        uint8_t confirm[PQI_CONFIRM_LEN];
        assert_int_equal(node_install(&f, &n, &gr, confirm), PQI_OK);
        assert_int_equal(fleet_confirm(&f, confirm), PQI_OK);
    }
    assert_true(failed >= 1);
    blob_free(&ch);
    blob_free(&rq);
    blob_free(&gr);
    fleet_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(provider), cmocka_unit_test(store),
        cmocka_unit_test(certificate_authority)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
