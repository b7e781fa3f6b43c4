/* SPDX-License-Identifier: Apache-2.0
 * Constant-time check of ML-DSA: seed, private key and rnd are marked secret, then every level makes
 * a key and signs, hedged and through external mu. Run under valgrind: a report is a finding. */
#include "ct/secret.h"
#include <pqi/mldsa.h>

#include <stdio.h>

static union {
    uint64_t align;
    uint8_t b[100000];
} tmp;

static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sig[PQI_SIG_MAX_SIG];

/* 0 if the level works; the branches on statuses are on public values. */
static int run(const pqi_sig *alg, uint8_t first)
{
    const pqi_span room = {tmp.b, sizeof tmp.b};
    const pqi_cspan part = {(const uint8_t *)"message", 7}, ctx = {(const uint8_t *)"ctx", 3};
    const pqi_span out = {sig, sizeof sig};
    uint8_t seed[32] = {first}, rnd[32] = {first}, mu[PQI_MLDSA_MU] = {first};
    size_t len = 0;
    PQI_SECRET(seed, sizeof seed);
    PQI_SECRET(rnd, sizeof rnd);
    pqi_status st = pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
        (pqi_cspan){seed, sizeof seed}, room);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_SECRET(sk, alg->sk_len);
    st = pqi_sig_sign(alg, out, &len, (pqi_cspan){sk, alg->sk_len}, ctx, &part, 1,
        (pqi_cspan){rnd, sizeof rnd}, room);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(pk, alg->pk_len);
    PQI_PUBLIC(sig, len);
    st = pqi_sig_verify(
        alg, (pqi_cspan){pk, alg->pk_len}, ctx, &part, 1, (pqi_cspan){sig, len}, room);
    if (st != PQI_OK) {
        return 1;
    }
    st = pqi_mldsa_sign_mu(
        alg, out, &len, (pqi_cspan){sk, alg->sk_len}, mu, (pqi_cspan){rnd, sizeof rnd}, room);
    return st != PQI_OK;
}

int main(void)
{
    int failed = 0;
    for (uint8_t i = 0; i < 3; i++) {
        failed |= run(&pqi_sig_ml_dsa_44, i);
        failed |= run(&pqi_sig_ml_dsa_65, i);
        failed |= run(&pqi_sig_ml_dsa_87, i);
    }
    (void)printf("%s ct_mldsa\n", failed == 0 ? "ok" : "not ok");
    return failed;
}
