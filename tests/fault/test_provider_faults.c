/* SPDX-License-Identifier: Apache-2.0
 * Every call that the provider makes into the classical back end, and every step of a file write,
 * fails once. The operation says so, its outputs are zero, and the provider is as before: the same
 * operation then succeeds. */
#include "support/host_rig.h"

#include "port/linux/test_point.h"

#include <errno.h>

#define ROOM 8192u

static host_rig r;
static pqi_classic broken;
static unsigned calls, fail_at;

/* Counts a call and tells whether it is the one that fails. */
static int fails(void)
{
    return ++calls == fail_at;
}

static pqi_status f_random(uint8_t *out, size_t len)
{
    if (fails()) {
        memset(out, 0xee, len);
        return PQI_ERR_RNG;
    }
    return pqi_classic_openssl.random(out, len);
}

static pqi_status f_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.hash(id, parts, n, out);
}

static pqi_status f_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.hmac(id, key, parts, n, out);
}

static pqi_status f_x25519_public(uint8_t *pk, const uint8_t *sk)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.x25519_public(pk, sk);
}

static pqi_status f_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.x25519(ss, sk, pk);
}

static pqi_status f_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.aead_seal(k, aad, in, out);
}

static pqi_status f_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.aead_open(k, aad, in, out);
}

static int f_point(unsigned point)
{
    return point != PQI_POINT_FILE_DONE && fails() ? ENOSPC : 0;
}

/* What the operations work on. */
static uint8_t capsule[PQI_KEM_MAX_CT + 32], boxed[48], sealed[32 + PQI_SEAL_OVERHEAD];
static const pqi_cspan label = {PQI_LIT("PQI4 fault")};
static const pqi_box_ctx ctx = {{PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, {NULL, 0}, {NULL, 0}};

/* One operation; *n is the length of its output. */
typedef pqi_status (*operation)(pqi_provider *p, uint8_t *out, size_t *n);

static pqi_status do_sign(pqi_provider *p, uint8_t *out, size_t *n)
{
    size_t len;
    *n = pqi_sig_ml_dsa_44.sig_len;
    return pqi_provider_sign(p, 1, label, &label, 1, (pqi_span){out, *n}, &len);
}

static pqi_status do_decrypt(pqi_provider *p, uint8_t *out, size_t *n)
{
    *n = 32;
    return pqi_provider_decrypt(p, 2, 3, &pqi_suite_0002, &ctx,
        (pqi_cspan){capsule, pqi_box_capsule_len(&pqi_suite_0002)}, (pqi_cspan){boxed, 48},
        (pqi_span){out, 32});
}

static pqi_status do_dh(pqi_provider *p, uint8_t *out, size_t *n)
{
    static const uint8_t base[32] = {9};
    *n = 32;
    return pqi_provider_dh(p, 3, base, out);
}

static pqi_status do_random(pqi_provider *p, uint8_t *out, size_t *n)
{
    *n = 1000;
    return pqi_provider_random(p, (pqi_span){out, *n});
}

static pqi_status do_seal(pqi_provider *p, uint8_t *out, size_t *n)
{
    *n = label.len + PQI_SEAL_OVERHEAD;
    return pqi_provider_seal(p, label, 1, label, (pqi_span){out, *n});
}

static pqi_status do_unseal(pqi_provider *p, uint8_t *out, size_t *n)
{
    *n = 32;
    return pqi_provider_unseal(
        p, label, 1, (pqi_cspan){sealed, sizeof sealed}, (pqi_span){out, 32});
}

static pqi_status generate(pqi_provider *p, pqi_key_kind kind, int32_t alg)
{
    pqi_key_info info;
    pqi_status st = pqi_provider_generate(p, 7, kind, alg);
    if (st != PQI_OK) {
        fail_at = 0;
        assert_int_equal(pqi_provider_info(p, 7, &info), PQI_ERR_MISSING);
    }
    return st;
}

static pqi_status do_generate_sig(pqi_provider *p, uint8_t *out, size_t *n)
{
    (void)out;
    *n = 0;
    return generate(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
}

static pqi_status do_generate_kem(pqi_provider *p, uint8_t *out, size_t *n)
{
    (void)out;
    *n = 0;
    return generate(p, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_512);
}

static pqi_status do_generate_x25519(pqi_provider *p, uint8_t *out, size_t *n)
{
    (void)out;
    *n = 0;
    return generate(p, PQI_KEY_X25519, 0);
}

static pqi_status do_destroy(pqi_provider *p, uint8_t *out, size_t *n)
{
    (void)out;
    *n = 0;
    return pqi_provider_destroy(p, 7);
}

static pqi_status do_advance(pqi_provider *p, uint8_t *out, size_t *n)
{
    uint64_t before = 0, after = 0;
    (void)out;
    *n = 0;
    assert_int_equal(pqi_provider_counter_get(p, 2, &before), PQI_OK);
    pqi_status st = pqi_provider_counter_advance(p, 2, before + 1);
    assert_int_equal(pqi_provider_counter_get(p, 2, &after), PQI_OK);
    assert_int_equal(after, before + (st == PQI_OK ? 1u : 0u)); /* INV-6 */
    return st;
}

static void set_up(pqi_provider *p)
{
    static uint8_t kem_pk[1184];
    static _Alignas(8) uint8_t tmp[65536];
    uint8_t x_pk[32], coins[64] = {5}, plain[32] = {6};
    size_t n = 0;
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 3, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 2, (pqi_span){kem_pk, sizeof kem_pk}, &n), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 3, (pqi_span){x_pk, 32}, &n), PQI_OK);
    const pqi_box_peer to = {{kem_pk, sizeof kem_pk}, {x_pk, 32}};
    assert_int_equal(
        pqi_box_seal(&r.algs, &pqi_suite_0002, &to, &ctx, (pqi_cspan){coins, 64},
            (pqi_cspan){plain, 32}, (pqi_span){capsule, pqi_box_capsule_len(&pqi_suite_0002)},
            (pqi_span){boxed, 48}, NULL, (pqi_span){tmp, sizeof tmp}),
        PQI_OK);
    assert_int_equal(
        pqi_provider_seal(p, label, 1, (pqi_cspan){plain, 32}, (pqi_span){sealed, sizeof sealed}),
        PQI_OK);
}

static const operation operations[] = {do_sign, do_decrypt, do_dh, do_random, do_seal, do_unseal,
    do_generate_sig, do_destroy, do_generate_kem, do_destroy, do_generate_x25519, do_destroy,
    do_advance};

static void break_classic(void)
{
    broken = pqi_classic_openssl;
    broken.random = f_random;
    broken.hash = f_hash;
    broken.hmac = f_hmac;
    broken.x25519_public = f_x25519_public;
    broken.x25519 = f_x25519;
    broken.aead_seal = f_seal;
    broken.aead_open = f_open;
    r.algs.classic = &broken;
    calls = 0;
    fail_at = 0;
    pqi_host_set_point_hook(f_point);
}

static void every_call_of_every_operation_fails_once(void **state)
{
    (void)state;
    static uint8_t out[ROOM];
    static const uint8_t zero[ROOM];
    unsigned total = 0;
    host_rig_make(&r);
    break_classic();
    pqi_provider *p = host_rig_open(&r);
    set_up(p);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        pqi_status st;
        unsigned n = 0;
        do {
            size_t len = 0;
            memset(out, 0x5a, sizeof out);
            calls = 0;
            fail_at = ++n;
            st = operations[i](p, out, &len);
            int reached = calls >= n && fail_at != 0;
            fail_at = 0;
            if (st != PQI_OK) {
                assert_true(st == PQI_ERR_RNG || st == PQI_ERR_PROVIDER || st == PQI_ERR_STORAGE ||
                            st == PQI_ERR_SELFTEST);
                assert_memory_equal(out, zero, len);
                total++;
            } else {
                assert_false(reached); /* no failure is swallowed */
            }
        } while (st != PQI_OK);
    }
    assert_true(total > 40);
    pqi_host_provider_close(p);
    p = host_rig_open(&r); /* and the files are sound */
    pqi_host_provider_close(p);
    pqi_host_set_point_hook(NULL);
    host_rig_end(&r);
}

/* Opening, first and later. */
static void every_call_of_a_start_fails_once(void **state)
{
    (void)state;
    host_rig_make(&r);
    break_classic();
    for (int again = 0; again < 2; again++) {
        pqi_status st;
        unsigned n = 0;
        do {
            pqi_provider *p = NULL;
            calls = 0;
            fail_at = ++n;
            st = pqi_host_provider_open(&p, &r.cfg);
            fail_at = 0;
            assert_true((st == PQI_OK) == (p != NULL));
            if (st == PQI_OK) {
                assert_true(calls < n);
            }
            pqi_host_provider_close(p);
            if (st != PQI_OK && again == 0) {
                p = host_rig_open(&r); /* no operator is needed */
                pqi_host_provider_close(p);
                (void)tmp_dir_clear(&r.dir, 0);
            }
        } while (st != PQI_OK);
        assert_true(n > 8);
    }
    pqi_host_set_point_hook(NULL);
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(every_call_of_every_operation_fails_once),
    cmocka_unit_test(every_call_of_a_start_fails_once))
