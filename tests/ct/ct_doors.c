/* SPDX-License-Identifier: Apache-2.0
 * The other doors to signatures and hashes, with their secrets undefined for valgrind: HashML-DSA,
 * ML-DSA on a framed message, Falcon through sig.h and with a given seed, SHA-3 and SHAKE. */
#include "ct/secret.h"
#include <pqi/falcon.h>
#include <pqi/hash.h>
#include <pqi/mldsa.h>

#include <stdio.h>

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON512_SIGN_TMP + 100000u];
} tmp;

static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], sig[PQI_SIG_MAX_SIG];
static const pqi_span room = {tmp.b, sizeof tmp.b}, out = {sig, sizeof sig};
static const pqi_cspan ctx = {(const uint8_t *)"ctx", 3}, part = {(const uint8_t *)"message", 7};

static int keygen(const pqi_sig *alg, uint8_t *rnd, size_t rnd_len)
{
    uint8_t seed[48] = {7};
    PQI_SECRET(seed, sizeof seed);
    pqi_status st = pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
        (pqi_cspan){seed, alg->seed_len}, room);
    PQI_SECRET(sk, alg->sk_len);
    PQI_SECRET(rnd, rnd_len);
    PQI_PUBLIC(pk, alg->pk_len);
    return st != PQI_OK;
}

static int mldsa(const pqi_sig *alg)
{
    static const uint8_t digest[64] = {9};
    uint8_t rnd[32] = {3};
    size_t len = 0;
    int bad = keygen(alg, rnd, sizeof rnd);
    const pqi_cspan key = {sk, alg->sk_len}, pub = {pk, alg->pk_len}, r = {rnd, sizeof rnd};
    const pqi_cspan d = {digest, sizeof digest};
    bad |=
        pqi_mldsa_sign_prehash(alg, out, &len, key, ctx, PQI_HASH_SHA512, d, 0, r, room) != PQI_OK;
    PQI_PUBLIC(sig, sizeof sig);
    bad |= pqi_mldsa_verify_prehash(
               alg, pub, ctx, PQI_HASH_SHA512, d, (pqi_cspan){sig, len}, room) != PQI_OK;
    bad |= pqi_mldsa_sign_internal(alg, out, &len, key, &part, 1, r, room) != PQI_OK;
    PQI_PUBLIC(sig, sizeof sig);
    return bad |
           (pqi_mldsa_verify_internal(alg, pub, &part, 1, (pqi_cspan){sig, len}, room) != PQI_OK);
}

static int falcon(const pqi_sig *alg)
{
    static const uint8_t nonce[PQI_FALCON_NONCE] = {5};
    uint8_t rnd[48] = {4};
    size_t len = 0;
    int bad = keygen(alg, rnd, sizeof rnd);
    const pqi_cspan key = {sk, alg->sk_len}, pub = {pk, alg->pk_len};
    bad |= pqi_sig_sign(alg, out, &len, key, ctx, &part, 1, (pqi_cspan){rnd, 48}, room) != PQI_OK;
    PQI_PUBLIC(sig, sizeof sig);
    bad |= pqi_sig_verify(alg, pub, ctx, &part, 1, (pqi_cspan){sig, len}, room) != PQI_OK;
    bad |= pqi_falcon_sign_seeded(
               alg, PQI_FALCON_PADDED, out, &len, key, &part, 1, nonce, rnd, room) != PQI_OK;
    PQI_PUBLIC(sig, sizeof sig);
    return bad | (pqi_falcon_verify(alg, PQI_FALCON_PADDED, pub, &part, 1, (pqi_cspan){sig, len},
                      room) != PQI_OK);
}

/* What is hashed and squeezed is secret, lengths are not. */
static int hashes(void)
{
    static const pqi_hash_id ids[] = {PQI_HASH_SHA3_256, PQI_HASH_SHA3_384, PQI_HASH_SHA3_512};
    uint8_t text[200] = {1}, digest[64];
    pqi_xof x;
    int bad = 0;
    PQI_SECRET(text, sizeof text);
    const pqi_cspan parts[2] = {{text, 64}, {text + 64, 136}};
    for (size_t i = 0; i < 3; i++) {
        bad |= pqi_sha3(ids[i], parts, 2, digest, pqi_hash_len(ids[i])) != PQI_OK;
    }
    bad |= pqi_xof_init(&x, PQI_HASH_SHAKE256) != PQI_OK;
    pqi_xof_absorb(&x, text, sizeof text);
    pqi_xof_squeeze(&x, text, 5);
    pqi_xof_squeeze(&x, text, sizeof text);
    return bad;
}

int main(void)
{
    int bad = hashes();
    bad |= mldsa(&pqi_sig_ml_dsa_44) | mldsa(&pqi_sig_ml_dsa_65) | mldsa(&pqi_sig_ml_dsa_87);
    bad |= falcon(&pqi_sig_falcon_512);
    (void)printf("%s ct_doors\n", bad == 0 ? "ok" : "not ok");
    return bad;
}
