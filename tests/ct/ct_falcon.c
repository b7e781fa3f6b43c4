/* SPDX-License-Identifier: Apache-2.0
 * Constant-time check of Falcon signing: private key, rnd, the sampler's seed and the expanded key
 * are marked secret; the front door, an expanded key, and one attempt with each backend. Run under
 * valgrind: a report is a finding. ct_falcon_key.c has key generation. */
#include "ct/secret.h"
#include "prim/falcon/codec.h"
#include "prim/falcon/modq.h"
#include "prim/falcon/sign_core.h"

#include <stdio.h>
#include <string.h>

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_SIGN_TMP];
} tmp;

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_EXPANDED];
} ek;

static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sig[PQI_SIG_MAX_SIG];

static int verifies(const pqi_sig *alg, pqi_falcon_format format, size_t len)
{
    const pqi_cspan part = {(const uint8_t *)"message", 7};
    PQI_PUBLIC(sig, sizeof sig);
    return pqi_falcon_verify(alg, format, (pqi_cspan){pk, alg->pk_len}, &part, 1,
               (pqi_cspan){sig, len}, (pqi_span){tmp.b, sizeof tmp.b}) == PQI_OK;
}

static int front_doors(const pqi_sig *alg, pqi_falcon_format format, size_t ek_len)
{
    const pqi_span out = {sig, sizeof sig}, room = {tmp.b, sizeof tmp.b}, big = {ek.b, ek_len};
    const pqi_cspan key = {sk, alg->sk_len}, part = {(const uint8_t *)"message", 7};
    uint8_t rnd[48] = {(uint8_t)format};
    size_t len = 0;
    PQI_SECRET(rnd, sizeof rnd);
    PQI_SECRET(sk, sizeof sk);
    if (pqi_falcon_sign(alg, format, out, &len, key, &part, 1, (pqi_cspan){rnd, 48}, room) !=
            PQI_OK ||
        !verifies(alg, format, len)) {
        return 1;
    }
    if (pqi_falcon_expand(alg, big, key, room) != PQI_OK) {
        return 1;
    }
    PQI_SECRET(ek.b, sizeof ek.b);
    return pqi_falcon_sign_expanded(alg, format, out, &len, (pqi_cspan){ek.b, ek_len}, &part, 1,
               (pqi_cspan){rnd, 48}, room) != PQI_OK ||
           !verifies(alg, format, len);
}

/* Whether an attempt is short enough is public; about every one is. */
static int attempts(unsigned logn, const pqi_falcon_backend *backend)
{
    const pqi_falcon_expanded none = {NULL, NULL};
    pqi_falcon_work *w = pqi_falcon_work_init(tmp.b, logn);
    uint8_t seed[PQI_FALCON_PRNG_SEED] = {0};
    unsigned found = 0;
    if (pqi_falcon_decode_sk(w->f, w->g, w->F, sk, logn) != PQI_OK ||
        pqi_falcon_complete_G(w->G, w->f, w->g, w->F, logn, w->t) != PQI_OK) {
        return 1;
    }
    memset(w->hash, 0, sizeof *w->hash << logn);
    for (unsigned i = 0; i < 2; i++) {
        PQI_PUBLIC(seed, sizeof seed);
        seed[0] = (uint8_t)i;
        PQI_SECRET(seed, sizeof seed);
        found += pqi_falcon_attempt(w, backend, &none, seed) != NULL;
    }
    return found == 0;
}

static int run(const pqi_sig *alg, unsigned logn, size_t ek_len)
{
    const pqi_span room = {tmp.b, alg->keygen_tmp};
    const uint8_t seed[PQI_FALCON_SEED] = {(uint8_t)logn};
    int failed = pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                     (pqi_cspan){seed, sizeof seed}, room) != PQI_OK;
    PQI_PUBLIC(pk, sizeof pk);
    failed |= front_doors(alg, PQI_FALCON_COMPRESSED, ek_len);
    failed |= front_doors(alg, PQI_FALCON_PADDED, ek_len);
    failed |= front_doors(alg, PQI_FALCON_CT, ek_len);
    failed |= attempts(logn, &pqi_falcon_emulated);
    if (pqi_falcon_native != NULL) {
        failed |= attempts(logn, pqi_falcon_native);
    }
    return failed;
}

int main(void)
{
    int failed = run(&pqi_sig_falcon_512, 9, PQI_FALCON512_EXPANDED);
    failed |= run(&pqi_sig_falcon_1024, 10, PQI_FALCON1024_EXPANDED);
    (void)printf("%s ct_falcon\n", failed == 0 ? "ok" : "not ok");
    return failed;
}
