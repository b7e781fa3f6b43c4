/* SPDX-License-Identifier: Apache-2.0
 * One provider, many threads: every operation at once. Built to run under ThreadSanitizer. */
#include "support/host_rig.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 6u
#define ROUNDS  25u

static host_rig r;
static pqi_provider *p;
static atomic_uint failures;
static uint8_t sig_pk[PQI_SIG_MAX_PK], kem_pk[PQI_KEM_MAX_PK], x_pk[32];

/* cmocka's assertions jump, which is for the main thread only. */
static void want(int good)
{
    if (!good) {
        atomic_fetch_add(&failures, 1u);
    }
}

static void sign_and_verify(uint8_t *tmp, size_t len)
{
    static const pqi_cspan d = {PQI_LIT("PQI4 threads")};
    const pqi_sig *alg = &pqi_sig_ml_dsa_44;
    uint8_t sig[2420];
    size_t n = 0;
    want(pqi_provider_sign(p, 1, d, &d, 1, (pqi_span){sig, sizeof sig}, &n) == PQI_OK);
    want(pqi_sig_verify(alg, (pqi_cspan){sig_pk, alg->pk_len}, d, &d, 1, (pqi_cspan){sig, n},
             (pqi_span){tmp, len}) == PQI_OK);
}

static void decapsulate(uint8_t *tmp, size_t len)
{
    const pqi_kem *alg = &pqi_kem_ml_kem_768;
    uint8_t ct[1088], coins[32], a[32], b[32];
    want(pqi_provider_random(p, (pqi_span){coins, 32}) == PQI_OK);
    want(pqi_kem_encaps(alg, (pqi_span){ct, sizeof ct}, (pqi_span){a, 32},
             (pqi_cspan){kem_pk, alg->pk_len}, (pqi_cspan){coins, 32},
             (pqi_span){tmp, len}) == PQI_OK);
    want(pqi_provider_decapsulate(p, 2, (pqi_cspan){ct, sizeof ct}, b) == PQI_OK);
    want(memcmp(a, b, 32) == 0);
}

static void exchange(void)
{
    uint8_t sk[32], pk[32], a[32], b[32];
    want(pqi_provider_random(p, (pqi_span){sk, 32}) == PQI_OK);
    want(pqi_classic_openssl.x25519_public(pk, sk) == PQI_OK);
    want(pqi_classic_openssl.x25519(a, sk, x_pk) == PQI_OK);
    want(pqi_provider_dh(p, 3, pk, b) == PQI_OK);
    want(memcmp(a, b, 32) == 0);
}

static void seal(unsigned id, unsigned round)
{
    static const pqi_cspan label = {PQI_LIT("threads")};
    uint8_t plain[50], blob[50 + PQI_SEAL_OVERHEAD], back[50];
    memset(plain, (int)(id + round), sizeof plain);
    want(pqi_provider_seal(p, label, round, (pqi_cspan){plain, sizeof plain},
             (pqi_span){blob, sizeof blob}) == PQI_OK);
    want(pqi_provider_unseal(p, label, round, (pqi_cspan){blob, sizeof blob},
             (pqi_span){back, sizeof back}) == PQI_OK);
    want(memcmp(plain, back, sizeof plain) == 0);
}

static void *worker(void *arg)
{
    unsigned id = *(const unsigned *)arg;
    uint8_t *tmp = malloc(262144);
    want(tmp != NULL);
    for (unsigned i = 0; tmp != NULL && i < ROUNDS; i++) {
        uint64_t before = 0, after = 0;
        sign_and_verify(tmp, 262144);
        decapsulate(tmp, 262144);
        exchange();
        seal(id, i);
        want(pqi_provider_counter_get(p, id, &before) == PQI_OK);
        want(pqi_provider_counter_advance(p, id, before + 1) == PQI_OK);
        want(pqi_provider_counter_advance(p, 20, i * THREADS + id) == PQI_OK);
        want(pqi_provider_counter_get(p, id, &after) == PQI_OK && after == before + 1);
        pqi_key_info info; /* look at what the others change */
        pqi_status st = pqi_provider_info(p, 100 + (id + 1) % THREADS, &info);
        want(st == PQI_OK || st == PQI_ERR_MISSING);
        want(pqi_provider_counter_get(p, (id + 1) % THREADS, &after) == PQI_OK);
        if (i % 8 == id % 8) { /* keys come and go */
            want(pqi_provider_generate(p, 100 + id, PQI_KEY_X25519, 0) == PQI_OK);
            want(pqi_provider_destroy(p, 100 + id) == PQI_OK);
        }
    }
    free(tmp);
    return NULL;
}

static void everything_at_once(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    unsigned id[THREADS];
    size_t n;
    host_rig_make(&r);
    r.cfg.slots = 16;
    r.cfg.workers = 3; /* fewer than threads: some wait */
    p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 3, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 1, (pqi_span){sig_pk, sizeof sig_pk}, &n), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 2, (pqi_span){kem_pk, sizeof kem_pk}, &n), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 3, (pqi_span){x_pk, sizeof x_pk}, &n), PQI_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        id[i] = i;
        assert_int_equal(pthread_create(&t[i], NULL, worker, &id[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&failures), 0);
    uint64_t v = 0;
    assert_int_equal(pqi_provider_counter_get(p, 20, &v), PQI_OK);
    assert_int_equal(v, ROUNDS * THREADS - 1);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

static void *stop_worker(void *arg)
{
    uint8_t b[16];
    (void)arg;
    pqi_status st;
    do {
        st = pqi_provider_random(p, (pqi_span){b, sizeof b});
    } while (st == PQI_OK);
    want(st == PQI_ERR_STATE);
    return NULL;
}

/* Zeroize while others work: they end with a clean error (INV-86). */
static void zeroize_under_load(void **state)
{
    (void)state;
    pthread_t t[4];
    host_rig_make(&r);
    p = host_rig_open(&r);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, stop_worker, NULL), 0);
    }
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(pqi_provider_counter_advance(p, 1, i), PQI_OK);
    }
    assert_int_equal(pqi_provider_zeroize(p), PQI_OK);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&failures), 0);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(everything_at_once), cmocka_unit_test(zeroize_under_load))
