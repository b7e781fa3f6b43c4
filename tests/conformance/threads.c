/* SPDX-License-Identifier: Apache-2.0
 * Conformance of a provider that several threads use. Assertions stand in the main thread only. */
#include "conformance.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pqi/host.h>

#define THREADS 4u
#define ROUNDS  24u
#define KEY     0x00c0f00au
#define SHARED  58u /* this slot and the next */

typedef struct job {
    pqi_provider *p;
    unsigned number, bad;
    uint64_t seen;
} job;

/* Everybody raises the same counter to numbers of its own; nobody ever sees it go down (INV-6). */
static void raise(job *j, unsigned round, uint64_t base)
{
    uint64_t want = base + 1u + round * THREADS + j->number, now = 0;
    j->bad += pqi_provider_counter_advance(j->p, SHARED, want) != PQI_OK;
    j->bad += pqi_provider_counter_get(j->p, SHARED, &now) != PQI_OK;
    j->bad += now < want || now < j->seen;
    j->seen = now;
    j->bad += pqi_provider_counter_advance(j->p, SHARED + 2u + j->number, want) != PQI_OK;
    j->bad += pqi_provider_counter_get(j->p, SHARED + 2u + j->number, &now) != PQI_OK;
    j->bad += now != want;
}

static void use(job *j, unsigned round)
{
    const pqi_cspan label = {PQI_LIT("conformance threads")};
    uint8_t plain[16], got[16], blob[16 + PQI_SEAL_OVERHEAD], ss[2][PQI_X25519_LEN];
    const uint8_t base[PQI_X25519_LEN] = {9};
    memset(plain, (int)(j->number + round), sizeof plain);
    j->bad += pqi_provider_seal(j->p, label, round, (pqi_cspan){plain, sizeof plain},
                  (pqi_span){blob, sizeof blob}) != PQI_OK;
    j->bad += pqi_provider_unseal(j->p, label, round, (pqi_cspan){blob, sizeof blob},
                  (pqi_span){got, sizeof got}) != PQI_OK;
    j->bad += memcmp(plain, got, sizeof got) != 0;
    if (pqi_provider_alg_caps(j->p, PQI_KEY_X25519, 0) != 0) {
        j->bad += pqi_provider_dh(j->p, KEY, base, ss[0]) != PQI_OK;
        j->bad += pqi_provider_dh(j->p, KEY, base, ss[1]) != PQI_OK;
        j->bad += memcmp(ss[0], ss[1], sizeof ss[0]) != 0;
    }
}

static uint64_t start; /* of the shared counters */

static void *work(void *arg)
{
    job *j = arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        raise(j, round, start);
        use(j, round);
    }
    return NULL;
}

void pqi_provider_conformance_threads(pqi_provider *p)
{
    job jobs[THREADS];
    pthread_t threads[THREADS];
    uint64_t now = 0;
    start = 0;
    for (uint32_t slot = SHARED; slot < SHARED + 2u + THREADS; slot++) {
        assert_int_equal(pqi_provider_counter_get(p, slot, &now), PQI_OK);
        start = now > start ? now : start;
    }
    if (pqi_provider_alg_caps(p, PQI_KEY_X25519, 0) != 0) {
        assert_int_equal(pqi_provider_generate(p, KEY, PQI_KEY_X25519, 0), PQI_OK);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        jobs[i] = (job){p, i, 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(jobs[i].bad, 0);
    }
    assert_int_equal(pqi_provider_counter_get(p, SHARED, &now), PQI_OK);
    assert_int_equal(now, start + ROUNDS * THREADS);
    if (pqi_provider_alg_caps(p, PQI_KEY_X25519, 0) != 0) {
        assert_int_equal(pqi_provider_destroy(p, KEY), PQI_OK);
    }
}
