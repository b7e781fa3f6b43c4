/* SPDX-License-Identifier: Apache-2.0
 * X-Wing with every secret undefined for valgrind: seed, coins, shared secrets. X25519 is that of the
 * set for microcontrollers: what another table does with secrets is not shown here. */
#include "ct/secret.h"

#include <pqi/classic_mcu.h>
#include <pqi/xwing.h>

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

static alignas(8) uint8_t tmp_bytes[16384];
static uint8_t pk[PQI_XWING_PK], ct[PQI_XWING_CT];

/* What a microcontroller would give; only X25519 is used. */
static const pqi_classic table = {.abi = PQI_CLASSIC_ABI,
    .name = "x25519",
    .x25519_public = pqi_mcu_x25519_public,
    .x25519 = pqi_mcu_x25519};

static int run(const pqi_kem *kem)
{
    const pqi_xwing x = {kem, &table};
    const pqi_span tmp = {tmp_bytes, sizeof tmp_bytes};
    uint8_t sk[PQI_XWING_SK], coins[PQI_XWING_COINS];
    uint8_t ss[PQI_XWING_SS], ss2[PQI_XWING_SS], rejected[PQI_XWING_SS];
    const pqi_cspan seed = {sk, sizeof sk}, sent = {ct, sizeof ct};
    memset(sk, 0x42, sizeof sk);
    memset(coins, 0x24, sizeof coins);
    PQI_SECRET(sk, sizeof sk);
    PQI_SECRET(coins, sizeof coins);
    pqi_status st = pqi_xwing_keygen(&x, (pqi_span){pk, sizeof pk}, seed, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    st = pqi_xwing_encaps(&x, (pqi_span){ct, sizeof ct}, (pqi_span){ss, sizeof ss},
        (pqi_cspan){pk, sizeof pk}, (pqi_cspan){coins, sizeof coins}, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(ct, sizeof ct); /* it goes over the wire */
    st = pqi_xwing_decaps(&x, (pqi_span){ss2, sizeof ss2}, sent, seed, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    ct[0] ^= 1;
    st = pqi_xwing_decaps(&x, (pqi_span){rejected, sizeof rejected}, sent, seed, tmp);
    if (st != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(ss, sizeof ss);
    PQI_PUBLIC(ss2, sizeof ss2);
    PQI_PUBLIC(rejected, sizeof rejected);
    return memcmp(ss, ss2, sizeof ss) != 0 || memcmp(ss, rejected, sizeof ss) == 0;
}

int main(void)
{
    int bad = run(&pqi_kem_ml_kem_768) + run(&pqi_kem_ml_kem_768_small);
    (void)puts(bad == 0 ? "ct_xwing: ok" : "ct_xwing: wrong answer");
    return bad;
}
