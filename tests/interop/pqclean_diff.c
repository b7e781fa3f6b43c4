/* SPDX-License-Identifier: Apache-2.0
 * usage: pqclean_diff ROUNDS [FIRST]. Prints TAP, one test an algorithm. */
#include "pqclean_diff.h"

#include <pqi/hash.h>
#include <pqi/mldsa.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t scratch[1 << 16];
static uint8_t queue[256];
static size_t queue_at, queue_len;
static pqi_xof stream;
static unsigned long round_number;
static unsigned differences;

int PQCLEAN_randombytes(uint8_t *out, size_t n)
{
    if (n > queue_len - queue_at) {
        (void)fputs("pqclean_diff: PQClean draws other random bytes than expected\n", stderr);
        exit(2);
    }
    memcpy(out, queue + queue_at, n);
    queue_at += n;
    return 0;
}

void diff_queue(const uint8_t *bytes, size_t n)
{
    if (n > sizeof queue) {
        exit(2);
    }
    memcpy(queue, bytes, n);
    queue_at = 0;
    queue_len = n;
}

void diff_bytes(void *out, size_t n)
{
    pqi_xof_squeeze(&stream, out, n);
}

uint32_t diff_below(uint32_t bound)
{
    uint32_t v;
    diff_bytes(&v, sizeof v);
    return v % bound;
}

void diff_mutate(uint8_t *b, size_t n)
{
    uint32_t at = diff_below((uint32_t)n);
    switch (diff_below(5)) {
    case 0:
        b[at] ^= (uint8_t)(1u << diff_below(8));
        break;
    case 1:
        b[at] = (uint8_t)diff_below(256);
        break;
    case 2:
        b[at] = diff_below(2) != 0 ? 0xff : 0;
        break;
    case 3:
        diff_bytes(b + at, diff_below((uint32_t)(n - at)) % 8u);
        break;
    default:
        memset(b + at, (int)diff_below(256), n - at);
        break;
    }
}

pqi_span diff_tmp(void)
{
    return (pqi_span){(uint8_t *)scratch, sizeof scratch};
}

void diff_expect(bool same, const char *algorithm, const char *what)
{
    if (!same) {
        differences++;
        (void)printf("# round %lu: %s: %s differs\n", round_number, algorithm, what);
    }
}

/* ---- ML-KEM ------------------------------------------------------------------------------ */

typedef struct kem_peer {
    const pqi_kem *alg;
    int (*keypair)(uint8_t *pk, uint8_t *sk);
    int (*enc)(uint8_t *ct, uint8_t *ss, const uint8_t *pk);
    int (*dec)(uint8_t *ss, const uint8_t *ct, const uint8_t *sk);
} kem_peer;

#define KEM(n)                                                                                     \
    int PQCLEAN_MLKEM##n##_CLEAN_crypto_kem_keypair(uint8_t *pk, uint8_t *sk);                     \
    int PQCLEAN_MLKEM##n##_CLEAN_crypto_kem_enc(uint8_t *ct, uint8_t *ss, const uint8_t *pk);      \
    int PQCLEAN_MLKEM##n##_CLEAN_crypto_kem_dec(                                                   \
        uint8_t *ss, const uint8_t *ct, const uint8_t *sk);                                        \
    static const kem_peer kem_##n = {&pqi_kem_ml_kem_##n,                                          \
        PQCLEAN_MLKEM##n##_CLEAN_crypto_kem_keypair, PQCLEAN_MLKEM##n##_CLEAN_crypto_kem_enc,      \
        PQCLEAN_MLKEM##n##_CLEAN_crypto_kem_dec}
KEM(512);
KEM(768);
KEM(1024);

static uint8_t pk[2][PQI_SIG_MAX_PK], sk[2][PQI_SIG_MAX_SK], ct[2][PQI_KEM_MAX_CT];

static void decaps(const kem_peer *p, const char *what)
{
    uint8_t ours[PQI_KEM_SS], theirs[PQI_KEM_SS];
    pqi_status st = pqi_kem_decaps(p->alg, (pqi_span){ours, sizeof ours},
        (pqi_cspan){ct[0], p->alg->ct_len}, (pqi_cspan){sk[0], p->alg->sk_len}, diff_tmp());
    int rc = p->dec(theirs, ct[0], sk[0]);
    diff_expect(
        st == PQI_OK && rc == 0 && memcmp(ours, theirs, sizeof ours) == 0, p->alg->name, what);
}

static void diff_kem(const kem_peer *p)
{
    const pqi_kem *alg = p->alg;
    uint8_t seed[64], coins[32], ss[2][PQI_KEM_SS];
    diff_bytes(seed, sizeof seed);
    diff_bytes(coins, sizeof coins);
    diff_queue(seed, sizeof seed);
    pqi_status st = pqi_kem_keygen(alg, (pqi_span){pk[0], alg->pk_len},
        (pqi_span){sk[0], alg->sk_len}, (pqi_cspan){seed, sizeof seed}, diff_tmp());
    diff_expect(st == PQI_OK && p->keypair(pk[1], sk[1]) == 0 &&
                    memcmp(pk[0], pk[1], alg->pk_len) == 0 &&
                    memcmp(sk[0], sk[1], alg->sk_len) == 0,
        alg->name, "key");
    diff_queue(coins, sizeof coins);
    st = pqi_kem_encaps(alg, (pqi_span){ct[0], alg->ct_len}, (pqi_span){ss[0], PQI_KEM_SS},
        (pqi_cspan){pk[0], alg->pk_len}, (pqi_cspan){coins, sizeof coins}, diff_tmp());
    diff_expect(st == PQI_OK && p->enc(ct[1], ss[1], pk[0]) == 0 &&
                    memcmp(ct[0], ct[1], alg->ct_len) == 0 && memcmp(ss[0], ss[1], 32) == 0,
        alg->name, "encapsulation");
    decaps(p, "decapsulation");
    diff_mutate(ct[0], alg->ct_len);
    decaps(p, "decapsulation of an altered ciphertext");
    diff_bytes(ct[0], alg->ct_len);
    decaps(p, "decapsulation of random bytes");
    /* a secret vector of any 12-bit values: both reduce */
    diff_mutate(sk[0], alg->sk_len - alg->pk_len - 64);
    decaps(p, "decapsulation with an altered secret vector");
}

/* ---- ML-DSA ------------------------------------------------------------------------------ */

typedef struct sig_peer {
    const pqi_sig *alg;
    int (*keypair)(uint8_t *pk, uint8_t *sk);
    int (*sign)(uint8_t *sig, size_t *siglen, const uint8_t *m, size_t mlen, const uint8_t *ctx,
        size_t ctxlen, const uint8_t *sk);
    int (*verify)(const uint8_t *sig, size_t siglen, const uint8_t *m, size_t mlen,
        const uint8_t *ctx, size_t ctxlen, const uint8_t *pk);
} sig_peer;

#define SIG(n)                                                                                     \
    int PQCLEAN_MLDSA##n##_CLEAN_crypto_sign_keypair(uint8_t *pk, uint8_t *sk);                    \
    int PQCLEAN_MLDSA##n##_CLEAN_crypto_sign_signature_ctx(uint8_t *sig, size_t *siglen,           \
        const uint8_t *m, size_t mlen, const uint8_t *ctx, size_t ctxlen, const uint8_t *sk);      \
    int PQCLEAN_MLDSA##n##_CLEAN_crypto_sign_verify_ctx(const uint8_t *sig, size_t siglen,         \
        const uint8_t *m, size_t mlen, const uint8_t *ctx, size_t ctxlen, const uint8_t *pk);      \
    static const sig_peer sig_##n = {&pqi_sig_ml_dsa_##n,                                          \
        PQCLEAN_MLDSA##n##_CLEAN_crypto_sign_keypair,                                              \
        PQCLEAN_MLDSA##n##_CLEAN_crypto_sign_signature_ctx,                                        \
        PQCLEAN_MLDSA##n##_CLEAN_crypto_sign_verify_ctx}
SIG(44);
SIG(65);
SIG(87);

static uint8_t msg[512], context[255], sig[2][PQI_SIG_MAX_SIG];
static size_t msg_len, context_len;

/* Both take it or both refuse it. */
static void verdict(const sig_peer *p, const uint8_t *key, const char *what)
{
    const pqi_sig *alg = p->alg;
    const pqi_cspan part = {msg, msg_len};
    pqi_status st = pqi_sig_verify(alg, (pqi_cspan){key, alg->pk_len},
        (pqi_cspan){context, context_len}, &part, 1, (pqi_cspan){sig[0], alg->sig_len}, diff_tmp());
    int rc = p->verify(sig[0], alg->sig_len, msg, msg_len, context, context_len, key);
    diff_expect(
        (st == PQI_OK) == (rc == 0) && (st == PQI_OK || st == PQI_ERR_AUTH), alg->name, what);
}

static void diff_sig(const sig_peer *p)
{
    const pqi_sig *alg = p->alg;
    uint8_t seed[32], rnd[32];
    size_t len[2] = {0, 0};
    diff_bytes(seed, sizeof seed);
    diff_bytes(rnd, sizeof rnd);
    msg_len = diff_below(sizeof msg);
    context_len = diff_below(sizeof context + 1u);
    diff_bytes(msg, msg_len);
    diff_bytes(context, context_len);
    diff_queue(seed, sizeof seed);
    pqi_status st = pqi_sig_keygen(alg, (pqi_span){pk[0], alg->pk_len},
        (pqi_span){sk[0], alg->sk_len}, (pqi_cspan){seed, sizeof seed}, diff_tmp());
    diff_expect(st == PQI_OK && p->keypair(pk[1], sk[1]) == 0 &&
                    memcmp(pk[0], pk[1], alg->pk_len) == 0 &&
                    memcmp(sk[0], sk[1], alg->sk_len) == 0,
        alg->name, "key");
    const pqi_cspan part = {msg, msg_len};
    diff_queue(rnd, sizeof rnd);
    st = pqi_sig_sign(alg, (pqi_span){sig[0], sizeof sig[0]}, &len[0],
        (pqi_cspan){sk[0], alg->sk_len}, (pqi_cspan){context, context_len}, &part, 1,
        (pqi_cspan){rnd, sizeof rnd}, diff_tmp());
    diff_expect(st == PQI_OK &&
                    p->sign(sig[1], &len[1], msg, msg_len, context, context_len, sk[0]) == 0 &&
                    len[0] == len[1] && memcmp(sig[0], sig[1], len[0]) == 0,
        alg->name, "signature");
    verdict(p, pk[0], "verification");
    for (unsigned i = 0; i < 8; i++) { /* mostly in the hints, whose encoding has the most rules */
        size_t from = diff_below(4) == 0 ? 0 : alg->sig_len - 84;
        memcpy(sig[0], sig[1], alg->sig_len);
        diff_mutate(sig[0] + from, alg->sig_len - from);
        verdict(p, pk[0], "verification of an altered signature");
    }
    memcpy(sig[0], sig[1], alg->sig_len);
    diff_mutate(pk[1], alg->pk_len);
    verdict(p, pk[1], "verification under an altered key");
}

static unsigned tests;

static void finish(const char *name)
{
    (void)printf(
        "%s %u - the same as PQClean: %s\n", differences == 0 ? "ok" : "not ok", ++tests, name);
}

/* Every algorithm of a kind for all rounds, then the line of the test. */
static unsigned run(void (*one)(void), const char *name, unsigned long first, unsigned long rounds)
{
    differences = 0;
    for (round_number = first; round_number < first + rounds; round_number++) {
        if (pqi_xof_init(&stream, PQI_HASH_SHAKE256) != PQI_OK) {
            exit(2);
        }
        pqi_xof_absorb(&stream, name, strlen(name));
        pqi_xof_absorb(&stream, &round_number, sizeof round_number);
        one();
    }
    finish(name);
    return differences;
}

static void all_kems(void)
{
    diff_kem(&kem_512);
    diff_kem(&kem_768);
    diff_kem(&kem_1024);
}

static void all_mldsa(void)
{
    diff_sig(&sig_44);
    diff_sig(&sig_65);
    diff_sig(&sig_87);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    unsigned bad = 0;
    if (rounds == 0) {
        (void)fputs("usage: pqclean_diff ROUNDS [FIRST]\n", stderr);
        return 2;
    }
    bad += run(all_kems, "ML-KEM", first, rounds);
    bad += run(all_mldsa, "ML-DSA", first, rounds);
    bad += run(diff_falcon, "Falcon", first, (rounds + 5) / 6); /* keys are slow to make */
    (void)printf("1..%u\n", tests);
    return bad == 0 ? 0 : 1;
}
