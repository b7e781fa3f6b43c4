/* SPDX-License-Identifier: Apache-2.0
 * Falcon against PQClean's: keys of one seed, signatures of one nonce and seed, verdicts on altered
 * ones. Two differences are on purpose. This library is told the format: its verifier of compressed
 * signatures refuses zeros after the encoding and its verifier of padded ones every other length,
 * where either verifier of PQClean takes an exact encoding and one that zeros fill to the padded
 * length. */
#include "pqclean_diff.h"

#include <pqi/falcon.h>

#include <string.h>

typedef struct falcon_peer {
    const pqi_sig *alg;
    pqi_falcon_format format;
    const char *name;
    int (*keypair)(uint8_t *pk, uint8_t *sk);
    int (*sign)(uint8_t *sig, size_t *siglen, const uint8_t *m, size_t mlen, const uint8_t *sk);
    int (*verify)(
        const uint8_t *sig, size_t siglen, const uint8_t *m, size_t mlen, const uint8_t *pk);
} falcon_peer;

#define FALCON(sym, n, fmt)                                                                        \
    int PQCLEAN_##sym##n##_CLEAN_crypto_sign_keypair(uint8_t *pk, uint8_t *sk);                    \
    int PQCLEAN_##sym##n##_CLEAN_crypto_sign_signature(                                            \
        uint8_t *sig, size_t *siglen, const uint8_t *m, size_t mlen, const uint8_t *sk);           \
    int PQCLEAN_##sym##n##_CLEAN_crypto_sign_verify(                                               \
        const uint8_t *sig, size_t siglen, const uint8_t *m, size_t mlen, const uint8_t *pk);      \
    static const falcon_peer sym##_##n = {&pqi_sig_falcon_##n, (fmt), #sym #n,                     \
        PQCLEAN_##sym##n##_CLEAN_crypto_sign_keypair,                                              \
        PQCLEAN_##sym##n##_CLEAN_crypto_sign_signature,                                            \
        PQCLEAN_##sym##n##_CLEAN_crypto_sign_verify}
FALCON(FALCON, 512, PQI_FALCON_COMPRESSED);
FALCON(FALCON, 1024, PQI_FALCON_COMPRESSED);
FALCON(FALCONPADDED, 512, PQI_FALCON_PADDED);
FALCON(FALCONPADDED, 1024, PQI_FALCON_PADDED);

static uint8_t pk[2][PQI_FALCON1024_PK], sk[2][PQI_FALCON1024_SK], msg[300];
static uint8_t sig[2][PQI_FALCON1024_SIG_CT], other[PQI_FALCON1024_SIG_CT];
static size_t msg_len;

static void make_key(const falcon_peer *p)
{
    uint8_t seed[PQI_FALCON_SEED];
    diff_bytes(seed, sizeof seed);
    diff_queue(seed, sizeof seed);
    pqi_status st = pqi_sig_keygen(p->alg, (pqi_span){pk[0], p->alg->pk_len},
        (pqi_span){sk[0], p->alg->sk_len}, (pqi_cspan){seed, sizeof seed}, diff_tmp());
    diff_expect(st == PQI_OK && p->keypair(pk[1], sk[1]) == 0 &&
                    memcmp(pk[0], pk[1], p->alg->pk_len) == 0 &&
                    memcmp(sk[0], sk[1], p->alg->sk_len) == 0,
        p->name, "key");
}

/* Whether both take the key and make the same signature, or both refuse it. */
static bool sign(const falcon_peer *p, const uint8_t *key, size_t *len, const char *what)
{
    uint8_t draws[PQI_FALCON_NONCE + PQI_FALCON_SEED];
    const pqi_cspan part = {msg, msg_len};
    size_t theirs = 0;
    diff_bytes(draws, sizeof draws);
    diff_queue(draws, sizeof draws);
    pqi_status st = pqi_falcon_sign_seeded(p->alg, p->format, (pqi_span){sig[0], sizeof sig[0]},
        len, (pqi_cspan){key, p->alg->sk_len}, &part, 1, draws, draws + PQI_FALCON_NONCE,
        diff_tmp());
    int rc = p->sign(sig[1], &theirs, msg, msg_len, key);
    diff_expect((st == PQI_OK) == (rc == 0) && (st == PQI_OK || st == PQI_ERR_ARG), p->name, what);
    if (st == PQI_OK && rc == 0) {
        diff_expect(*len == theirs && memcmp(sig[0], sig[1], theirs) == 0, p->name, "signature");
    }
    return st == PQI_OK;
}

/* Whether the encoding is followed by zeros: the last byte of an exact one holds the end of a unary
 * code, a one. */
static bool ends_in_zero(const uint8_t *s, size_t len)
{
    return len != 0 && s[len - 1] == 0;
}

static void verdict(const falcon_peer *p, const uint8_t *key, size_t len, const char *what)
{
    const pqi_cspan part = {msg, msg_len};
    size_t padded = pqi_falcon_sig_len(p->alg, PQI_FALCON_PADDED);
    pqi_status st = pqi_falcon_verify(p->alg, p->format, (pqi_cspan){key, p->alg->pk_len}, &part, 1,
        (pqi_cspan){other, len}, diff_tmp());
    bool theirs = p->verify(other, len, msg, msg_len, key) == 0;
    bool other_format =
        p->format == PQI_FALCON_PADDED ? len != padded : len == padded && ends_in_zero(other, len);
    diff_expect((st == PQI_OK) == (theirs && !other_format) && (st == PQI_OK || st == PQI_ERR_AUTH),
        p->name, what);
}

static void altered(const falcon_peer *p, size_t len)
{
    size_t padded = pqi_falcon_sig_len(p->alg, PQI_FALCON_PADDED);
    for (unsigned i = 0; i < 24; i++) { /* head, nonce, then the encoding, mostly at its end */
        size_t from = diff_below(4) == 0 ? 0 : diff_below(2) == 0 ? 41 : len - 30;
        memcpy(other, sig[0], len);
        diff_mutate(other + from, len - from);
        verdict(p, pk[0], len, "verification of an altered signature");
    }
    for (unsigned i = 0; i < 6; i++) {
        memset(other, 0, sizeof other);
        memcpy(other, sig[0], len);
        size_t cut = diff_below(3) == 0 ? diff_below((uint32_t)len) : len + 1 - diff_below(4);
        verdict(p, pk[0], cut, "verification of a signature with another length");
    }
    if (len < padded) {
        memset(other, 0, sizeof other);
        memcpy(other, sig[0], len);
        verdict(p, pk[0], padded, "verification of a padded signature");
    }
    while (len > 42 && sig[0][len - 1] == 0) {
        len--;
    }
    memcpy(other, sig[0], len);
    verdict(p, pk[0], len, "verification of a signature without its padding");
}

static void with_key(const falcon_peer *p)
{
    size_t len = 0;
    msg_len = diff_below(sizeof msg);
    diff_bytes(msg, msg_len);
    if (!sign(p, sk[0], &len, "signing")) {
        diff_expect(false, p->name, "signing");
        return;
    }
    memcpy(other, sig[0], len);
    verdict(p, pk[0], len, "verification");
    altered(p, len);
    memcpy(other, sig[0], len);
    for (unsigned i = 0; i < 4; i++) {
        memcpy(pk[1], pk[0], sizeof pk[1]);
        diff_mutate(pk[1], diff_below(2) == 0 ? 3 : p->alg->pk_len);
        verdict(p, pk[1], len, "verification under an altered key");
    }
    for (unsigned i = 0; i < 3; i++) {
        memcpy(sk[1], sk[0], sizeof sk[1]);
        diff_mutate(sk[1], diff_below(2) == 0 ? 3 : p->alg->sk_len);
        (void)sign(p, sk[1], &len, "signing with an altered key");
    }
}

void diff_falcon(void)
{
    make_key(&FALCON_512);
    with_key(&FALCON_512);
    with_key(&FALCONPADDED_512);
    make_key(&FALCONPADDED_1024);
    with_key(&FALCON_1024);
    with_key(&FALCONPADDED_1024);
}
