/* SPDX-License-Identifier: Apache-2.0
 * INV-11, INV-6, INV-102: the process dies at every numbered point of a first start, of a key
 * generation, of a removal and of a counter advance. The next start works, keys are the old ones or
 * the new ones, and counters never went down. */
#include "support/host_rig.h"

#include "port/linux/test_point.h"

#include <sys/wait.h>

#define KILLED 9

static host_rig r;
static unsigned countdown;

static int kill_hook(unsigned point)
{
    (void)point;
    if (countdown != 0 && --countdown == 0) {
        _exit(KILLED);
    }
    return 0;
}

typedef pqi_status (*action)(pqi_provider *p);

static pqi_status generate_two(pqi_provider *p)
{
    return pqi_provider_generate(p, 2, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
}

static pqi_status destroy_one(pqi_provider *p)
{
    return pqi_provider_destroy(p, 1);
}

static pqi_status advance(pqi_provider *p)
{
    return pqi_provider_counter_advance(p, 4, 20);
}

/* Opens and runs `act` in a child that dies at point n (of the start when act is NULL). False: the
 * child came through, so there are no more points. */
static int run_killed(action act, unsigned n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pqi_provider *p = NULL;
        pqi_host_set_point_hook(kill_hook);
        countdown = act == NULL ? n : 0;
        pqi_status st = pqi_host_provider_open(&p, &r.cfg);
        countdown = act == NULL ? 0 : n;
        if (st == PQI_OK && act != NULL) {
            st = act(p);
        }
        _exit(st == PQI_OK ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
    return WEXITSTATUS(status) == KILLED;
}

static void first_start(void **state)
{
    (void)state;
    unsigned n = 1;
    host_rig_make(&r);
    for (; run_killed(NULL, n); n++) {
        pqi_provider *p = NULL;
        r.cfg.create = 0; /* unfinished is either absent or finished now */
        pqi_status st = pqi_host_provider_open(&p, &r.cfg);
        assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
        pqi_host_provider_close(p);
        r.cfg.create = 1;
        p = host_rig_open(&r);
        assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_OK);
        pqi_host_provider_close(p);
        assert_int_equal(tmp_dir_count(&r.dir), 3); /* no temporary file stays */
        (void)tmp_dir_clear(&r.dir, 0);
    }
    assert_int_equal(n - 1, 3 * PQI_POINT_FILE_LAST); /* keys, counters, keys */
    host_rig_end(&r);
}

static void prepare(uint8_t pk[32])
{
    size_t n = 0;
    (void)tmp_dir_clear(&r.dir, 0);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 1, (pqi_span){pk, 32}, &n), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 4, 10), PQI_OK);
    pqi_host_provider_close(p);
}

/* Runs `act` killed at every point and checks what the next start finds. */
static void each_point(action act)
{
    uint8_t pk[32], again[32];
    unsigned n = 1, old = 0, new = 0;
    host_rig_make(&r);
    prepare(pk);
    for (; run_killed(act, n); n++) {
        size_t len;
        uint64_t v = 0;
        pqi_key_info info;
        r.cfg.create = 0;
        pqi_provider *p = host_rig_open(&r);
        pqi_status one = pqi_provider_public_key(p, 1, (pqi_span){again, 32}, &len);
        pqi_status two = pqi_provider_info(p, 2, &info);
        assert_int_equal(pqi_provider_counter_get(p, 4, &v), PQI_OK);
        if (act == destroy_one) {
            assert_true(one == PQI_OK || one == PQI_ERR_MISSING);
        } else {
            assert_int_equal(one, PQI_OK);
        }
        if (one == PQI_OK) {
            assert_memory_equal(pk, again, 32);
        }
        assert_true(
            act == generate_two ? two == PQI_OK || two == PQI_ERR_MISSING : two == PQI_ERR_MISSING);
        assert_true(act == advance ? v == 10 || v == 20 : v == 10);
        int is_new = one != PQI_OK || two == PQI_OK || v == 20;
        new += is_new ? 1u : 0u;
        old += is_new ? 0u : 1u;
        if (two == PQI_OK) { /* a new key is a whole key */
            static uint8_t sig[PQI_SIG_MAX_SIG];
            const pqi_cspan d = {PQI_LIT("PQI4 crash")};
            assert_int_equal(
                pqi_provider_sign(p, 2, d, &d, 1, (pqi_span){sig, sizeof sig}, &len), PQI_OK);
        }
        pqi_host_provider_close(p);
        r.cfg.create = 1;
        prepare(pk);
    }
    assert_int_equal(n - 1, PQI_POINT_FILE_LAST);
    assert_int_equal(old, PQI_POINT_FILE_RENAME); /* up to the rename */
    assert_int_equal(new, PQI_POINT_FILE_LAST - PQI_POINT_FILE_RENAME);
    host_rig_end(&r);
}

static void generating(void **state)
{
    (void)state;
    each_point(generate_two);
}

static void removing(void **state)
{
    (void)state;
    each_point(destroy_one);
}

static void counting(void **state)
{
    (void)state;
    each_point(advance);
}

PQI_TEST_MAIN(cmocka_unit_test(first_start), cmocka_unit_test(generating),
    cmocka_unit_test(removing), cmocka_unit_test(counting))
