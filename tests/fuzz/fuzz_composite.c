/* SPDX-License-Identifier: Apache-2.0
 * Composite signatures: the first byte chooses the algorithm, the rest is a signature over "Hello world" of
 * a fixed key, or a field that holds one, or DER. What decodes is encoded to the same bytes; whoever passes
 * has both halves as they stand. */
#include "port/linux/ossl_p256.h"
#include "suite/packed.h"

#include <pqi/falcon.h>
#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static uint64_t tmp_words[16384];
static const pqi_span tmp = {(uint8_t *)tmp_words, sizeof tmp_words};

/* The key of RFC 6979 section A.2.5 beside the post-quantum key of a seed of bytes 0x11. */
static const uint8_t *key_of(const pqi_sig *alg, unsigned which)
{
    static uint8_t pks[2][PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], made[2];
    static const uint8_t scalar[32] = {0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c,
        0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b,
        0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21};
    const pqi_sig *pq = pqi_composite_sig_of(alg)->pq;
    uint8_t seed[PQI_SIG_MAX_SEED];
    if (made[which] == 0) {
        memset(seed, 0x11, sizeof seed);
        must(pqi_sig_keygen(pq, (pqi_span){pks[which], pq->pk_len}, (pqi_span){sk, pq->sk_len},
                 (pqi_cspan){seed, pq->seed_len}, tmp) == PQI_OK);
        must(pqi_ossl_p256_public(pks[which] + pq->pk_len, scalar) == PQI_OK);
        made[which] = 1;
    }
    return pks[which];
}

static void der(pqi_cspan in)
{
    uint8_t raw[PQI_P256_SIG], again[PQI_P256_DER];
    pqi_status st = pqi_p256_der_decode(in, raw);
    must(st == PQI_OK || st == PQI_ERR_AUTH);
    if (st == PQI_OK) {
        must(pqi_p256_der_encode(raw, again) == in.len && memcmp(again, in.ptr, in.len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t field[PQI_SIG_MAX_SIG], pk[PQI_SIG_MAX_PK];
    if (size == 0) {
        return 0;
    }
    const unsigned which = data[0] & 1u;
    const pqi_sig *alg = which == 0 ? &pqi_sig_ml_dsa_44_p256 : &pqi_sig_falcon_512_p256;
    const pqi_composite_sig *c = pqi_composite_sig_of(alg);
    const pqi_cspan ctx = {PQI_LIT("Context")}, msg = {PQI_LIT("Hello world")};
    const pqi_cspan in = {data + 1, size - 1};
    memcpy(pk, key_of(alg, which), alg->pk_len);
    der(in);
    pqi_status st = pqi_sig_verify(alg, (pqi_cspan){pk, alg->pk_len}, ctx, &msg, 1, in, tmp);
    must(st == PQI_OK || st == PQI_ERR_AUTH);
    if (st == PQI_OK) { /* each half alone passes as what it is, and with the other key none does */
        uint8_t m[PQI_COMPOSITE_MSG_MAX], raw[PQI_P256_SIG];
        size_t n = 0;
        must(pqi_composite_message(&pqi_classic_openssl, c, ctx, &msg, 1, m, &n) == PQI_OK);
        const pqi_cspan part = {m, n};
        must(pqi_sig_verify(c->pq, (pqi_cspan){pk, c->pq->pk_len}, c->label, &part, 1,
                 (pqi_cspan){in.ptr, c->pq->sig_len}, tmp) == PQI_OK);
        must(pqi_p256_der_decode(
                 (pqi_cspan){in.ptr + c->pq->sig_len, in.len - c->pq->sig_len}, raw) == PQI_OK);
        must(pqi_ossl_p256_verify(pk + c->pq->pk_len, part, raw) == PQI_OK);
        pk[alg->pk_len - 1] ^= 1;
        must(pqi_sig_verify(alg, (pqi_cspan){pk, alg->pk_len}, ctx, &msg, 1, in, tmp) ==
             PQI_ERR_AUTH);
    }
    pqi_cspan sig;
    if (pqi_sig_unpad(alg, in, &sig) == PQI_OK) {
        must(sig.ptr == in.ptr && sig.len <= in.len && in.len == alg->sig_len);
        memcpy(field, in.ptr, in.len);
        must(pqi_sig_pad(alg, (pqi_span){field, in.len}, sig.len) == PQI_OK);
        must(memcmp(field, in.ptr, in.len) == 0);
    }
    return 0;
}
