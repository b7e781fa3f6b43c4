/* SPDX-License-Identifier: Apache-2.0
 * X-Wing with every secret undefined for valgrind: seed, coins, shared secrets. X25519 is a stand-in
 * without a branch that commutes as X25519 does and hides nothing: what the table of a port does with
 * secrets is not shown here. */
#include "ct/secret.h"

#include <pqi/xwing.h>

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

static alignas(8) uint8_t tmp_bytes[16384];
static uint8_t pk[PQI_XWING_PK], ct[PQI_XWING_CT];

static pqi_status test_public(uint8_t *out, const uint8_t *sk)
{
    for (size_t i = 0; i < PQI_X25519_LEN; i++) {
        out[i] = sk[i] ^ 0x5au;
    }
    PQI_PUBLIC(out, PQI_X25519_LEN);
    return PQI_OK;
}

static pqi_status test_dh(uint8_t *ss, const uint8_t *sk, const uint8_t *peer)
{
    for (size_t i = 0; i < PQI_X25519_LEN; i++) {
        ss[i] = sk[i] ^ peer[i];
    }
    return PQI_OK;
}

static const pqi_classic test_table = {
    .abi = PQI_CLASSIC_ABI, .name = "test_table", .x25519_public = test_public, .x25519 = test_dh};

static int run(const pqi_kem *kem)
{
    const pqi_xwing x = {kem, &test_table};
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
    /* the stand-in makes sk_X ^ ek_X ^ 0x5a of both sides */
    return memcmp(ss, ss2, sizeof ss) != 0 || memcmp(ss, rejected, sizeof ss) == 0;
}

int main(void)
{
    int bad = run(&pqi_kem_ml_kem_768);
    (void)puts(bad == 0 ? "ct_xwing: ok" : "ct_xwing: wrong answer");
    return bad;
}
