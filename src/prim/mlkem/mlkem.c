/* SPDX-License-Identifier: Apache-2.0
 * K-PKE and ML-KEM, FIPS 203 sections 5, 6 and 7. Letters are those of the specification.
 *
 * Implementation notes. The matrix is never held: an entry is expanded, multiplied into the row's
 * sum and dropped. A ciphertext piece is packed in the buffer and then either written or, in
 * decapsulation, compared with the received one, so that no second ciphertext is held either. */
#include "prim/mlkem/mlkem.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

_Static_assert(sizeof(pqi_mlkem_work) % 8 == 0, "the vector follows the fixed part without a gap");
_Static_assert(PQI_MLKEM_BUF == 3 * PQI_SHAKE128_RATE, "one squeeze of rejection sampling");
_Static_assert(PQI_MLKEM_BUF >= 2 * PQI_SHAKE256_RATE, "noise for eta = 3");
_Static_assert(PQI_MLKEM_BUF >= 32 * 11, "largest packed polynomial");

typedef pqi_mlkem_work work;

/* w->a = SampleNTT(rho || x || y), Algorithm 7. Three blocks give 256 coefficients in most cases. */
static void sample_entry(work *w, unsigned x, unsigned y)
{
    w->xof_in[32] = (uint8_t)x;
    w->xof_in[33] = (uint8_t)y;
    pqi_keccak_absorb_once(w->sponge, PQI_SHAKE128_RATE, PQI_SHAKE_PAD, w->xof_in, 34);
    pqi_keccak_squeeze_blocks(w->buf, 3, w->sponge, PQI_SHAKE128_RATE);
    unsigned have = pqi_mlkem_rej(w->a.c, 0, PQI_MLKEM_N, w->buf, PQI_MLKEM_BUF);
    while (have < PQI_MLKEM_N) {
        pqi_keccak_squeeze_blocks(w->buf, 1, w->sponge, PQI_SHAKE128_RATE);
        have = pqi_mlkem_rej(w->a.c, have, PQI_MLKEM_N, w->buf, PQI_SHAKE128_RATE);
    }
}

/* p += SamplePolyCBD_eta(PRF_eta(seed, n)), equation 4.3 and Algorithm 8. */
static void add_noise(work *w, pqi_mlkem_poly *p, unsigned eta, unsigned n)
{
    w->prf_in[32] = (uint8_t)n;
    pqi_keccak_absorb_once(w->sponge, PQI_SHAKE256_RATE, PQI_SHAKE_PAD, w->prf_in, 33);
    pqi_keccak_squeeze_blocks(w->buf, eta == 3 ? 2 : 1, w->sponge, PQI_SHAKE256_RATE);
    pqi_mlkem_cbd_add(p->c, PQI_MLKEM_N, w->buf, eta);
}

/* w->v[i] = NTT(noise n0 + i) for all i. */
static void noise_vector(const pqi_mlkem_set *set, work *w, unsigned n0)
{
    for (unsigned i = 0; i < set->k; i++) {
        memset(&w->v[i], 0, sizeof w->v[i]);
        add_noise(w, &w->v[i], set->eta1, n0 + i);
        pqi_mlkem_ntt(&w->v[i]);
    }
}

/* Algorithm 13, K-PKE.KeyGen, and the keys of Algorithm 16. */
pqi_status pqi_mlkem_keygen(
    const pqi_mlkem_set *set, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    work *w = tmp;
    const unsigned k = set->k;
    uint8_t *const sk_pk = sk + PQI_MLKEM_BYTES * k;
    uint8_t *const sk_h = sk_pk + PQI_MLKEM_PK(k);

    /* (rho, sigma) = G(d || k) */
    memcpy(w->m, seed, 32);
    w->m[32] = (uint8_t)k;
    pqi_sha3_512(w->g, w->m, 33);
    memcpy(w->xof_in, w->g, 32);
    PQI_PUBLIC(w->xof_in, 32);
    memcpy(w->prf_in, w->g + 32, 32);

    noise_vector(set, w, 0); /* s */
    for (unsigned i = 0; i < k; i++) {
        memset(&w->acc, 0, sizeof w->acc);
        for (unsigned j = 0; j < k; j++) {
            sample_entry(w, j, i); /* A[i, j] has the seed rho || j || i */
            pqi_mlkem_mul_acc(&w->acc, &w->a, &w->v[j]);
        }
        /* t = A s + e; the sum's memory then serves for e. */
        pqi_mlkem_acc_reduce(&w->a, &w->acc);
        pqi_mlkem_to_mont(&w->a);
        memset(&w->e, 0, sizeof w->e);
        add_noise(w, &w->e, set->eta1, k + i);
        pqi_mlkem_ntt(&w->e);
        pqi_mlkem_add(&w->a, &w->e); /* < 3328 + 1665 */
        pqi_mlkem_canonical(&w->a);
        pqi_mlkem_encode12(pk + PQI_MLKEM_BYTES * i, &w->a);
    }
    memcpy(pk + PQI_MLKEM_BYTES * k, w->xof_in, 32);
    PQI_PUBLIC(pk, PQI_MLKEM_PK(k));
    for (unsigned i = 0; i < k; i++) {
        pqi_mlkem_canonical(&w->v[i]);
        pqi_mlkem_encode12(sk + PQI_MLKEM_BYTES * i, &w->v[i]);
    }
    /* dk = dk_pke || ek || H(ek) || z */
    memcpy(sk_pk, pk, PQI_MLKEM_PK(k));
    pqi_sha3_256(sk_h, pk, PQI_MLKEM_PK(k));
    memcpy(sk_h + 32, seed + 32, 32);
    pqi_wipe(w, PQI_MLKEM_TMP(k));
    return PQI_OK;
}

/* Where the packed ciphertext goes: written to `out`, or compared with `ref` when out is NULL. */
typedef struct sink {
    uint8_t *out;
    const uint8_t *ref;
    uint32_t differ; /* not zero once a byte differs */
} sink;

/* Packs w->a with d bits a coefficient at byte `at` of the ciphertext. */
static void emit(work *w, sink *to, size_t at, unsigned d)
{
    pqi_mlkem_canonical(&w->a);
    if (to->out != NULL) {
        pqi_mlkem_compress(to->out + at, &w->a, d);
        return;
    }
    pqi_mlkem_compress(w->buf, &w->a, d);
    to->differ |= ~pqi_ct_eq_mask(w->buf, to->ref + at, (size_t)32 * d);
}

/* Algorithm 14, K-PKE.Encrypt(ek, m, r); m in w->m, r in w->prf_in, rho in w->xof_in. */
static void encrypt(const pqi_mlkem_set *set, work *w, const uint8_t *ek, sink *to)
{
    const unsigned k = set->k;
    noise_vector(set, w, 0); /* y */
    for (unsigned i = 0; i < k; i++) {
        memset(&w->acc, 0, sizeof w->acc);
        for (unsigned j = 0; j < k; j++) {
            sample_entry(w, i, j); /* A[j, i], for the transpose */
            pqi_mlkem_mul_acc(&w->acc, &w->a, &w->v[j]);
        }
        /* u = NTT^-1(A^T y) + e1 */
        pqi_mlkem_acc_reduce(&w->a, &w->acc);
        pqi_mlkem_inv_ntt(&w->a);
        add_noise(w, &w->a, 2, k + i);
        emit(w, to, (size_t)32 * set->du * i, set->du);
    }
    /* v = NTT^-1(t y) + e2 + Decompress_1(m) */
    memset(&w->acc, 0, sizeof w->acc);
    for (unsigned j = 0; j < k; j++) {
        pqi_mlkem_decode12(w->a.c, PQI_MLKEM_N, ek + PQI_MLKEM_BYTES * j);
        pqi_mlkem_mul_acc(&w->acc, &w->a, &w->v[j]);
    }
    pqi_mlkem_acc_reduce(&w->a, &w->acc);
    pqi_mlkem_inv_ntt(&w->a);
    add_noise(w, &w->a, 2, 2 * k);
    pqi_mlkem_msg_add(&w->a, w->m);
    emit(w, to, (size_t)32 * set->du * k, set->dv);
}

/* (K, r) = G(m || h), with m || h in w->m; then the encryption of m under r. */
static void derive_and_encrypt(const pqi_mlkem_set *set, work *w, const uint8_t *ek, sink *to)
{
    pqi_sha3_512(w->g, w->m, 64);
    memcpy(w->prf_in, w->g + 32, 32);
    memcpy(w->xof_in, ek + PQI_MLKEM_BYTES * set->k, 32);
    PQI_PUBLIC(w->xof_in, 32);
    encrypt(set, w, ek, to);
}

/* Algorithm 20 with the check of section 7.2, and Algorithm 17. */
pqi_status pqi_mlkem_encaps(const pqi_mlkem_set *set, uint8_t *ct, uint8_t *ss, const uint8_t *pk,
    const uint8_t *coins, void *tmp)
{
    work *w = tmp;
    pqi_status st = pqi_mlkem_check_pk(set, pk);
    if (st != PQI_OK) {
        return st;
    }
    memcpy(w->m, coins, 32);
    pqi_sha3_256(w->m + 32, pk, PQI_MLKEM_PK(set->k));
    sink to = {ct, NULL, 0};
    derive_and_encrypt(set, w, pk, &to);
    memcpy(ss, w->g, 32);
    pqi_wipe(w, PQI_MLKEM_TMP(set->k));
    return PQI_OK;
}

/* Algorithm 15, K-PKE.Decrypt: w->m[0..31] = m'. */
static void decrypt(const pqi_mlkem_set *set, work *w, const uint8_t *dk, const uint8_t *ct)
{
    memset(&w->acc, 0, sizeof w->acc);
    for (unsigned i = 0; i < set->k; i++) {
        pqi_mlkem_decompress(&w->v[0], ct + (size_t)32 * set->du * i, set->du);
        pqi_mlkem_ntt(&w->v[0]);
        pqi_mlkem_decode12(w->a.c, PQI_MLKEM_N, dk + PQI_MLKEM_BYTES * i);
        pqi_mlkem_mul_acc(&w->acc, &w->a, &w->v[0]);
    }
    /* w = v' - NTT^-1(s u') */
    pqi_mlkem_acc_reduce(&w->a, &w->acc);
    pqi_mlkem_inv_ntt(&w->a);
    pqi_mlkem_decompress(&w->v[0], ct + (size_t)32 * set->du * set->k, set->dv);
    pqi_mlkem_sub(&w->v[0], &w->a);
    pqi_mlkem_canonical(&w->v[0]);
    pqi_mlkem_msg_get(w->m, &w->v[0]);
}

/* w->reject = J(z || c), equation 4.4. */
static void reject_secret(const pqi_mlkem_set *set, work *w, const uint8_t *z, const uint8_t *ct)
{
    pqi_xof x;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, z, 32);
    pqi_xof_absorb(&x, ct, PQI_MLKEM_CT(set->k, set->du, set->dv));
    pqi_xof_squeeze(&x, w->reject, 32);
    pqi_wipe(&x, sizeof x);
}

/* Algorithm 21 with the check of section 7.3, and Algorithm 18. */
pqi_status pqi_mlkem_decaps(
    const pqi_mlkem_set *set, uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    work *w = tmp;
    const uint8_t *const ek = sk + PQI_MLKEM_BYTES * set->k;
    const uint8_t *const h = ek + PQI_MLKEM_PK(set->k);
    pqi_status st = pqi_mlkem_check_sk(set, sk, tmp);
    if (st != PQI_OK) {
        return st;
    }
    decrypt(set, w, sk, ct);
    memcpy(w->m + 32, h, 32);
    reject_secret(set, w, h + 32, ct);
    sink to = {NULL, ct, 0};
    derive_and_encrypt(set, w, ek, &to);
    pqi_ct_copy_if(pqi_ct_nonzero_u32(to.differ), w->g, w->reject, 32);
    memcpy(ss, w->g, 32);
    pqi_wipe(w, PQI_MLKEM_TMP(set->k));
    return PQI_OK;
}

pqi_status pqi_mlkem_check_pk(const pqi_mlkem_set *set, const uint8_t *pk)
{
    uint32_t over = 0;
    for (unsigned i = 0; i < set->k; i++) {
        over |= pqi_mlkem_over_q(pk + PQI_MLKEM_BYTES * i);
    }
    return over == 0 ? PQI_OK : PQI_ERR_DECODE;
}

pqi_status pqi_mlkem_check_sk(const pqi_mlkem_set *set, const uint8_t *sk, void *tmp)
{
    (void)tmp;
    const uint8_t *const ek = sk + PQI_MLKEM_BYTES * set->k;
    uint8_t h[32];
    pqi_sha3_256(h, ek, PQI_MLKEM_PK(set->k));
    uint32_t same = pqi_ct_eq_mask(h, ek + PQI_MLKEM_PK(set->k), 32);
    PQI_PUBLIC(&same, sizeof same);
    return same != 0 ? PQI_OK : PQI_ERR_ARG;
}
