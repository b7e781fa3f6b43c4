/* SPDX-License-Identifier: Apache-2.0
 * KEMs with every secret undefined for valgrind: seeds, coins, decapsulation keys. A branch or an
 * index that depends on one of them is an error of the run. */
#include "ct/secret.h"
#include <pqi/kem.h>

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

static alignas(8) uint8_t tmp_bytes[16384];
static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT];

static int run(const pqi_kem *alg)
{
    uint8_t seed[PQI_KEM_MAX_SEED], coins[32], ss[32], ss2[32], rejected[32];
    pqi_span tmp = {tmp_bytes, alg->tmp_len};
    pqi_cspan pkc = {pk, alg->pk_len}, skc = {sk, alg->sk_len}, ctc = {ct, alg->ct_len};
    memset(seed, 0x42, sizeof seed);
    memset(coins, 0x24, sizeof coins);
    PQI_SECRET(seed, sizeof seed);
    PQI_SECRET(coins, sizeof coins);

    pqi_status st = pqi_kem_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
        (pqi_cspan){seed, alg->seed_len}, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    st = pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, 32}, pkc,
        (pqi_cspan){coins, sizeof coins}, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(ct, alg->ct_len); /* it goes over the wire */
    PQI_SECRET(sk, alg->sk_len);
    st = pqi_kem_decaps(alg, (pqi_span){ss2, 32}, ctc, skc, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    ct[0] ^= 1;
    st = pqi_kem_decaps(alg, (pqi_span){rejected, 32}, ctc, skc, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    st = pqi_kem_check_sk(alg, skc, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(ss, 32);
    PQI_PUBLIC(ss2, 32);
    PQI_PUBLIC(rejected, 32);
    return memcmp(ss, ss2, 32) != 0 || memcmp(ss, rejected, 32) == 0;
}

int main(void)
{
    static const pqi_kem *const kems[] = {&pqi_kem_ml_kem_512, &pqi_kem_ml_kem_768,
        &pqi_kem_ml_kem_1024, &pqi_kem_lightsaber, &pqi_kem_saber, &pqi_kem_firesaber};
    int failed = 0;
    for (size_t i = 0; i < sizeof kems / sizeof kems[0]; i++) {
        if (run(kems[i]) != 0) {
            (void)printf("ct_kem: %s: wrong answer\n", kems[i]->name);
            failed = 1;
        }
    }
    (void)puts(failed == 0 ? "ct_kem: ok" : "ct_kem: failed");
    return failed;
}
