/* SPDX-License-Identifier: Apache-2.0
 * Saber.PKE and Saber.KEM of the round-3 submission document ("spec"), whose algorithms are cited by name.
 * Letters are those of the specification; A is the matrix, b and b' its rounded products.
 *
 * Implementation notes. The bytes of A come from one SHAKE128 stream, row by row, and are used in
 * that order and dropped. Encryption needs A s', so a row makes one sum with all secrets, which are
 * held with four bits a coefficient. Key generation needs A^T s, so row j adds to every coefficient
 * of b: those k sums of 512 bytes wait in the memory of the secret key, which is written last.
 * A ciphertext piece is packed in place and then written, or compared in decapsulation. */
#include "prim/saber/saber.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

#define LOG_Q   PQI_SABER_LOG_Q
#define LOG_P   PQI_SABER_LOG_P
#define POLY_Q  PQI_SABER_BYTES(LOG_Q) /* 416 */
#define POLY_P  PQI_SABER_BYTES(LOG_P) /* 320 */
#define SUM_LEN (sizeof(uint16_t) * PQI_SABER_N)

_Static_assert(sizeof(pqi_saber_work) % 8 == 0, "the secrets follow without a gap");
_Static_assert(sizeof(pqi_saber_work) == 216 + 512 + 128 + 256 + 1024 + 128, "tmp as documented");
#if defined(__OPTIMIZE_SIZE__)
_Static_assert(sizeof(pqi_saber_small) == 128, "tmp as documented");
#else
_Static_assert(sizeof(pqi_saber_small) == 128 + 2048, "tmp as documented");
#endif
_Static_assert(SUM_LEN <= POLY_Q + POLY_P, "k sums fit the secret key");
_Static_assert(POLY_P <= SUM_LEN && 32 * 10 <= SUM_LEN, "pieces and noise fit w->a");

typedef pqi_saber_work work;

/* The coefficients of the constants h, h1 and h2 of the spec, which round. */
#define H1 (1u << (LOG_Q - LOG_P - 1)) /* 4 */
static unsigned h2(const pqi_saber_set *set)
{
    return (1u << (LOG_P - 2)) - (1u << (LOG_P - set->log_t - 1)) + H1;
}

/* out = SHA3-256(a) */
static void hash(work *w, uint8_t out[32], const void *a, size_t a_len)
{
    pqi_keccak_start(&w->xof, PQI_SHA3_256_RATE, PQI_SHA3_PAD);
    pqi_xof_absorb(&w->xof, a, a_len);
    pqi_xof_squeeze(&w->xof, out, 32);
}

static void start_stream(work *w, const uint8_t seed[32])
{
    pqi_shake128_start(&w->xof);
    pqi_xof_absorb(&w->xof, seed, 32);
}

/* GenSecret: w->s from a seed in w->kr + 32. */
static void make_secret(const pqi_saber_set *set, work *w)
{
    start_stream(w, w->kr + 32);
    for (size_t i = 0; i < set->k; i++) {
        pqi_xof_squeeze(&w->xof, w->sum.sum, PQI_SABER_BYTES(set->mu)); /* no sum is in use */
        pqi_saber_sample(w->a, (const uint8_t *)w->sum.sum, set->mu);
        pqi_saber_small_put(w->s[i].s, w->a);
        pqi_saber_prepare(&w->sum, &w->s[i]);
    }
}

/* GenMatrix: the next entry, centred. */
static void next_entry(work *w)
{
    uint8_t *bytes = (uint8_t *)w->a + (SUM_LEN - POLY_Q);
    pqi_xof_squeeze(&w->xof, bytes, POLY_Q);
    pqi_saber_unpack(w->a, bytes, LOG_Q);
    pqi_saber_centre(w->a, LOG_Q);
}

/* w->sum += w->a * s */
static void multiply(work *w, const pqi_saber_small *s)
{
    pqi_saber_sum_add(&w->sum, (const int16_t *)w->a, s);
}

/* The sums of key generation lie in unaligned memory, 16 bits each. */
static void load_sum(work *w, const uint8_t *sum)
{
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        w->a[i] = (uint16_t)(sum[2 * i] | sum[2 * i + 1] << 8);
    }
}

/* sum += w->a */
static void add_to_sum(uint8_t *sum, const work *w)
{
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        unsigned v = (sum[2 * i] | (unsigned)sum[2 * i + 1] << 8) + w->a[i];
        sum[2 * i] = (uint8_t)v;
        sum[2 * i + 1] = (uint8_t)(v >> 8);
    }
}

/* w->a = (w->a + h) >> shift; what counts are the lowest bits, so nothing is reduced. */
static void round_off(work *w, unsigned h, unsigned shift)
{
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        w->a[i] = (uint16_t)((uint16_t)(w->a[i] + h) >> shift);
    }
}

/* sums[i] = sum over j of A[j, i] s[j], modulo 2^16; the seed of A is at `seed_a`. */
static void transposed_product(
    const pqi_saber_set *set, work *w, uint8_t *sums, const uint8_t seed_a[32])
{
    memset(sums, 0, SUM_LEN * set->k);
    start_stream(w, seed_a);
    for (size_t j = 0; j < set->k; j++) {
        for (size_t i = 0; i < set->k; i++) {
            next_entry(w);
            pqi_saber_sum_clear(&w->sum);
            multiply(w, &w->s[j]);
            pqi_saber_sum_get(w->a, &w->sum);
            add_to_sum(sums + SUM_LEN * i, w);
        }
    }
}

/* Saber.PKE.KeyGen and Saber.KEM.KeyGen. */
pqi_status pqi_saber_keygen(
    const pqi_saber_set *set, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    work *w = tmp;
    const size_t k = set->k;
    uint8_t *const seed_a = pk + POLY_P * k;
    uint8_t *const sk_pk = sk + POLY_Q * k;
    uint8_t *const sk_h = sk_pk + PQI_SABER_PK(k);

    start_stream(w, seed); /* seed_A is hashed once, so that it shows nothing of the generator */
    pqi_xof_squeeze(&w->xof, seed_a, 32);
    memcpy(w->kr + 32, seed + 32, 32);
    make_secret(set, w);
    transposed_product(set, w, sk, seed_a);
    for (size_t i = 0; i < k; i++) { /* b = (A^T s + h) >> (log q - log p) */
        load_sum(w, sk + SUM_LEN * i);
        round_off(w, H1, LOG_Q - LOG_P);
        pqi_saber_pack(pk + POLY_P * i, w->a, LOG_P);
    }
    PQI_PUBLIC(pk, PQI_SABER_PK(k));
    /* sk = s || pk || SHA3-256(pk) || z */
    for (size_t i = 0; i < k; i++) {
        pqi_saber_small_get(w->a, w->s[i].s);
        pqi_saber_pack(sk + POLY_Q * i, w->a, LOG_Q);
    }
    memcpy(sk_pk, pk, PQI_SABER_PK(k));
    hash(w, sk_h, pk, PQI_SABER_PK(k));
    memcpy(sk_h + 32, seed + 64, 32);
    pqi_wipe(w, PQI_SABER_TMP(k));
    return PQI_OK;
}

/* Where the packed ciphertext goes: written to `out`, or compared with `ref` when out is NULL. */
typedef struct sink {
    uint8_t *out;
    const uint8_t *ref;
    uint32_t differ; /* not zero once a byte differs */
} sink;

/* Packs w->a in place with `bits` bits a coefficient; it is byte `at` and on of the ciphertext. */
static void emit(work *w, sink *to, size_t at, unsigned bits)
{
    pqi_saber_pack((uint8_t *)w->a, w->a, bits);
    if (to->out != NULL) {
        memcpy(to->out + at, w->a, PQI_SABER_BYTES(bits));
    } else {
        to->differ |= ~pqi_ct_eq_mask(w->a, to->ref + at, PQI_SABER_BYTES(bits));
    }
}

/* w->a = the inner product of a vector of k polynomials packed with 10 bits and w->s. */
static void inner_product(const pqi_saber_set *set, work *w, const uint8_t *vec)
{
    pqi_saber_sum_clear(&w->sum);
    for (size_t j = 0; j < set->k; j++) {
        pqi_saber_unpack(w->a, vec + POLY_P * j, LOG_P);
        multiply(w, &w->s[j]);
    }
    pqi_saber_sum_get(w->a, &w->sum);
}

/* Saber.PKE.Enc of the message w->m with the seed w->kr + 32. */
static void encrypt(const pqi_saber_set *set, work *w, const uint8_t *pk, sink *to)
{
    const size_t k = set->k;
    make_secret(set, w);
    start_stream(w, pk + POLY_P * k);
    for (size_t i = 0; i < k; i++) { /* b' = (A s' + h) >> (log q - log p) */
        pqi_saber_sum_clear(&w->sum);
        for (size_t j = 0; j < k; j++) {
            next_entry(w);
            multiply(w, &w->s[j]);
        }
        pqi_saber_sum_get(w->a, &w->sum);
        round_off(w, H1, LOG_Q - LOG_P);
        emit(w, to, POLY_P * i, LOG_P);
    }
    /* c_m = (b^T s' + h1 - 2^(log p - 1) m mod p) >> (log p - log T) */
    inner_product(set, w, pk);
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        unsigned bit = (unsigned)w->m[i / 8] >> (i % 8) & 1u;
        w->a[i] = (uint16_t)(w->a[i] - (bit << (LOG_P - 1)));
    }
    round_off(w, H1, LOG_P - set->log_t);
    emit(w, to, POLY_P * k, set->log_t);
}

/* (K^, r) = SHA3-512(m || h), with m || h in w->m, to w->kr; then the encryption of m under r. */
static void derive_and_encrypt(const pqi_saber_set *set, work *w, const uint8_t *pk, sink *to)
{
    pqi_keccak_start(&w->xof, PQI_SHA3_512_RATE, PQI_SHA3_PAD);
    pqi_xof_absorb(&w->xof, w->m, 64);
    pqi_xof_squeeze(&w->xof, w->kr, 64);
    encrypt(set, w, pk, to);
}

/* K = SHA3-256(K^ || SHA3-256(c)) */
static void finish(const pqi_saber_set *set, work *w, uint8_t ss[32], const uint8_t *ct)
{
    hash(w, w->kr + 32, ct, PQI_SABER_CT(set->k, set->log_t));
    hash(w, ss, w->kr, 64);
    pqi_wipe(w, PQI_SABER_TMP(set->k));
}

/* Saber.KEM.Encaps */
pqi_status pqi_saber_encaps(const pqi_saber_set *set, uint8_t *ct, uint8_t *ss, const uint8_t *pk,
    const uint8_t *coins, void *tmp)
{
    work *w = tmp;
    hash(w, w->m, coins, 32); /* so that m shows nothing of the generator */
    hash(w, w->m + 32, pk, PQI_SABER_PK(set->k));
    sink to = {ct, NULL, 0};
    derive_and_encrypt(set, w, pk, &to);
    finish(set, w, ss, ct);
    return PQI_OK;
}

/* w->s = the secret of sk. All ones if a coefficient is none that key generation makes. */
static uint32_t load_secret(const pqi_saber_set *set, work *w, const uint8_t *sk)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < set->k; i++) {
        pqi_saber_unpack(w->a, sk + POLY_Q * i, LOG_Q);
        bad |= pqi_saber_over(w->a, set->mu / 2u);
        pqi_saber_small_put(w->s[i].s, w->a);
        pqi_saber_prepare(&w->sum, &w->s[i]);
    }
    PQI_PUBLIC(&bad, sizeof bad);
    return bad;
}

/* Saber.PKE.Dec: w->m[0..31] = (b'^T s + h2 - 2^(log p - log T) c_m mod p) >> (log p - 1) */
static void decrypt(const pqi_saber_set *set, work *w, const uint8_t *ct)
{
    uint16_t *const c_m = (uint16_t *)w->sum.f; /* free once the product is made */
    inner_product(set, w, ct);
    pqi_saber_unpack(c_m, ct + POLY_P * set->k, set->log_t);
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        w->a[i] = (uint16_t)(w->a[i] - (unsigned)(c_m[i] << (LOG_P - set->log_t)));
    }
    round_off(w, h2(set), LOG_P - 1);
    pqi_saber_pack(w->m, w->a, 1);
}

/* Saber.KEM.Decaps */
pqi_status pqi_saber_decaps(
    const pqi_saber_set *set, uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    work *w = tmp;
    const uint8_t *const pk = sk + POLY_Q * set->k;
    const uint8_t *const h = pk + PQI_SABER_PK(set->k);
    if (load_secret(set, w, sk) != 0) {
        pqi_wipe(w, PQI_SABER_TMP(set->k));
        return PQI_ERR_ARG;
    }
    decrypt(set, w, ct);
    memcpy(w->m + 32, h, 32);
    sink to = {NULL, ct, 0};
    derive_and_encrypt(set, w, pk, &to);
    pqi_ct_copy_if(pqi_ct_nonzero_u32(to.differ), w->kr, h + 32, 32); /* z */
    finish(set, w, ss, ct);
    return PQI_OK;
}

pqi_status pqi_saber_check_sk(const pqi_saber_set *set, const uint8_t *sk, void *tmp)
{
    work *w = tmp;
    const uint8_t *const pk = sk + POLY_Q * set->k;
    uint32_t bad = load_secret(set, w, sk);
    hash(w, w->m, pk, PQI_SABER_PK(set->k));
    bad |= ~pqi_ct_eq_mask(w->m, pk + PQI_SABER_PK(set->k), 32);
    PQI_PUBLIC(&bad, sizeof bad);
    pqi_wipe(w, PQI_SABER_TMP(set->k));
    return bad == 0 ? PQI_OK : PQI_ERR_ARG;
}
