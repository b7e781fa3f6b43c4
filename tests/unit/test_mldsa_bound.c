/* SPDX-License-Identifier: Apache-2.0
 * Signatures that are right in everything but the bound of z (FIPS 204 Algorithm 8 step 13): no change of
 * a good one gives such a signature, so a signer is built here that leaves that check out. Compiled for
 * each PQI_MLDSA_LEVEL. */
#include "pqi_test.h"

#include "prim/mldsa/round.h"

/* As pqi_mldsa_exceeds(), but z need only have an encoding. */
static uint32_t lax_exceeds(int32_t x, int32_t bound);
#define pqi_mldsa_exceeds(x, bound) lax_exceeds((x), (bound))
#include "prim/mldsa/sign_small.h"
#undef pqi_mldsa_exceeds

static uint32_t lax_exceeds(int32_t x, int32_t bound)
{
    if (bound == GAMMA1 - BETA) { /* x is -z */
        return x < -GAMMA1 || x >= GAMMA1;
    }
    return pqi_mldsa_exceeds(x, bound);
}

#if PQI_MLDSA_LEVEL == 44
#define FAST  pqi_sig_ml_dsa_44
#define SMALL pqi_sig_ml_dsa_44_small
#elif PQI_MLDSA_LEVEL == 65
#define FAST  pqi_sig_ml_dsa_65
#define SMALL pqi_sig_ml_dsa_65_small
#else
#define FAST  pqi_sig_ml_dsa_87
#define SMALL pqi_sig_ml_dsa_87_small
#endif

static union {
    uint64_t align;
    uint8_t b[100000];
} tmp;

/* The largest |z|. */
static int32_t largest(const uint8_t *sig)
{
    int32_t max = 0;
    for (unsigned n = 0; n < L * N; n += 8) {
        uint32_t v[8];
        pqi_mldsa_unpack8(v, sig + SIG_Z + n / 8 * Z_BITS, Z_BITS);
        for (unsigned k = 0; k < 8; k++) {
            int32_t z = abs(GAMMA1 - (int32_t)v[k]);
            max = z > max ? z : max;
        }
    }
    return max;
}

static void bound_of_z_is_checked(void **state)
{
    (void)state;
    static uint8_t pk[PK_LEN], sk[SK_LEN], sig[SIG_LEN];
    static const uint8_t seed[32] = {7}, mu[PQI_MLDSA_MU] = {9};
    const pqi_span room = {tmp.b, sizeof tmp.b};
    unsigned over = 0;
    assert_int_equal(pqi_sig_keygen(&FAST, (pqi_span){pk, PK_LEN}, (pqi_span){sk, SK_LEN},
                         (pqi_cspan){seed, 32}, room),
        PQI_OK);
    for (uint8_t n = 0; n < 24; n++) {
        uint8_t rnd[32] = {n};
        const pqi_cspan p = {pk, PK_LEN}, s = {sig, SIG_LEN};
        assert_int_equal(sign_mu(sig, sk, mu, rnd, tmp.b), PQI_OK);
        bool is_over = largest(sig) >= GAMMA1 - BETA;
        pqi_status want = is_over ? PQI_ERR_AUTH : PQI_OK;
        over += is_over;
        assert_int_equal(pqi_mldsa_verify_mu(&FAST, p, mu, s, room), want);
        assert_int_equal(pqi_mldsa_verify_mu(&SMALL, p, mu, s, room), want);
    }
    assert_in_range(over, 4, 23);
}

#if PQI_MLDSA_LEVEL == 44
/* Every signing fails with t0 at the ends of its range, where ML-DSA-44 wants some 110 hints of the 80 it
 * allows: the descriptor itself, below the front door, leaves nothing of its attempts in the signature. */
static void failed_signature_is_zero(void **state)
{
    (void)state;
    static uint8_t pk[PK_LEN], sk[SK_LEN], sig[SIG_LEN];
    static const uint8_t seed[32] = {12}, none[SIG_LEN];
    uint32_t bits = 1;
    unsigned failed = 0;
    assert_int_equal(pqi_sig_keygen(&SMALL, (pqi_span){pk, PK_LEN}, (pqi_span){sk, SK_LEN},
                         (pqi_cspan){seed, 32}, (pqi_span){tmp.b, sizeof tmp.b}),
        PQI_OK);
    memset(sk + SK_T0, 0, K * T0_LEN);
    for (unsigned i = 0; i < K * N; i++) {
        bits = bits * 1664525u + 1013904223u;
        for (unsigned b = 13 * i; b < 13 * i + 13 && bits >> 31 != 0; b++) {
            sk[SK_T0 + b / 8] = (uint8_t)(sk[SK_T0 + b / 8] | 1u << (b % 8));
        }
    }
    for (uint8_t n = 0; n < 8; n++) { /* now and then one of the 814 attempts passes */
        uint8_t rnd[32] = {n};
        size_t len = 1;
        memset(sig, 0x5a, sizeof sig);
        if (SMALL.sign(sig, &len, sk, (pqi_cspan){NULL, 0}, NULL, 0, rnd, tmp.b) != PQI_OK) {
            assert_int_equal(len, 0);
            assert_memory_equal(sig, none, sizeof sig);
            failed++;
        }
    }
    assert_in_range(failed, 1, 8);
}

PQI_TEST_MAIN(cmocka_unit_test(bound_of_z_is_checked), cmocka_unit_test(failed_signature_is_zero))
#else
PQI_TEST_MAIN(cmocka_unit_test(bound_of_z_is_checked))
#endif
