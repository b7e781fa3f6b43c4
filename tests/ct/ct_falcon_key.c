/* SPDX-License-Identifier: Apache-2.0
 * Constant-time check of Falcon's key generation and of the private key's decoder: the seed is marked
 * secret, then both sets make a key and the missing part of the private key is computed. Run under
 * valgrind: a report is a finding. */
#include "ct/secret.h"
#include "prim/falcon/codec.h"
#include "prim/falcon/modq.h"

#include <stdio.h>

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_KEYGEN_TMP];
} tmp;

static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];
static int8_t f[1024], g[1024], F[1024], G[1024];

/* 0 if it works; the branches on statuses are on public values. */
static int run(const pqi_sig *alg, unsigned logn, uint8_t first)
{
    uint8_t seed[PQI_FALCON_SEED] = {first};
    PQI_SECRET(seed, sizeof seed);
    pqi_status st = pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
        (pqi_cspan){seed, sizeof seed}, (pqi_span){tmp.b, sizeof tmp.b});
    if (st != PQI_OK) {
        return 1;
    }
    PQI_SECRET(sk, alg->sk_len);
    if (pqi_falcon_decode_sk(f, g, F, sk, logn) != PQI_OK ||
        pqi_falcon_complete_G(G, f, g, F, logn, tmp.b) != PQI_OK) {
        return 1;
    }
    return pk[0] != logn;
}

int main(void)
{
    int failed = run(&pqi_sig_falcon_512, 9, 1) | run(&pqi_sig_falcon_1024, 10, 2);
    (void)printf("%s ct_falcon_key\n", failed == 0 ? "ok" : "not ok");
    return failed;
}
