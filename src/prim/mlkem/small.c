/* SPDX-License-Identifier: Apache-2.0
 * ML-KEM in little memory: the same bytes as mlkem.c from about half its scratch. Letters are those of
 * FIPS 203.
 *
 * Implementation notes. Beside the k polynomials of the secret vector there is one more, the row in
 * the making. A matrix entry is multiplied into it while it comes out of the hash, a piece of the key
 * while it is decoded; noise is added where it belongs; a row is packed in its own memory. Sums are
 * kept in 16 bits: each product is reduced when it is added. */
#include "prim/mlkem/mlkem.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

typedef pqi_mlkem_small_work work;

#define N     PQI_MLKEM_N
#define CHUNK PQI_MLKEM_CHUNK

_Static_assert(sizeof(work) % 8 == 0, "the vector follows the fixed part without a gap");
_Static_assert(PQI_SHAKE128_RATE % CHUNK == 0 && CHUNK % 3 == 0, "chunks end with a candidate");
_Static_assert(CHUNK >= 8 * 3, "32 coefficients of noise with eta = 3");

/* w->acc += A[..] * b, where SampleNTT (Algorithm 7) makes A[..] of rho || i || j. */
static void add_entry(work *w, const uint8_t *rho, unsigned i, unsigned j, const pqi_mlkem_poly *b)
{
    const uint8_t index[2] = {(uint8_t)i, (uint8_t)j};
    pqi_shake128_start(&w->x);
    pqi_xof_absorb(&w->x, rho, 32);
    pqi_xof_absorb(&w->x, index, sizeof index);
    unsigned have = 0;
    for (unsigned done = 0; done < N;) {
        const unsigned most = sizeof w->c / sizeof w->c[0];
        pqi_xof_squeeze(&w->x, w->bytes, CHUNK);
        have = pqi_mlkem_rej(w->c, have, N - done < most ? N - done : most, w->bytes, CHUNK);
        unsigned n = have & ~1u;
        pqi_mlkem_mul_add(&w->acc, w->c, b, done, n);
        done += n;
        w->c[0] = w->c[n]; /* the odd one, if there is one; n <= 16 */
        have -= n;
    }
}

/* w->acc += a * b for `a` in ByteEncode_12, 384 bytes of canonical coefficients. */
static void add_packed(work *w, const uint8_t *a, const pqi_mlkem_poly *b)
{
    for (unsigned at = 0; at < N; at += 16, a += 24) {
        pqi_mlkem_decode12(w->c, 16, a);
        pqi_mlkem_mul_add(&w->acc, w->c, b, at, 16);
    }
}

/* p += SamplePolyCBD_eta(PRF_eta(w->r, n)), equation 4.3 and Algorithm 8. */
static void add_noise(work *w, pqi_mlkem_poly *p, unsigned eta, unsigned n)
{
    const uint8_t counter = (uint8_t)n;
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, w->r, sizeof w->r);
    pqi_xof_absorb(&w->x, &counter, 1);
    for (unsigned at = 0; at < N; at += 32) {
        pqi_xof_squeeze(&w->x, w->bytes, (size_t)8 * eta);
        pqi_mlkem_cbd_add(p->c + at, 32, w->bytes, eta);
    }
}

/* p = NTT(noise n). */
static void noise_ntt(work *w, pqi_mlkem_poly *p, unsigned eta, unsigned n)
{
    memset(p, 0, sizeof *p);
    add_noise(w, p, eta, n);
    pqi_mlkem_ntt(p);
}

/* H(ek) to `out`; `out` may be in *w. */
static void hash_key(const pqi_mlkem_set *set, work *w, const uint8_t *ek, uint8_t *out)
{
    pqi_keccak_start(&w->x, PQI_SHA3_256_RATE, PQI_SHA3_PAD);
    pqi_xof_absorb(&w->x, ek, PQI_MLKEM_PK(set->k));
    pqi_xof_squeeze(&w->x, out, 32);
}

/* G(a || b): 32 bytes to `first`, 32 to w->r. */
static void hash_g(work *w, const uint8_t *a, const uint8_t *b, size_t b_len, uint8_t *first)
{
    pqi_keccak_start(&w->x, PQI_SHA3_512_RATE, PQI_SHA3_PAD);
    pqi_xof_absorb(&w->x, a, 32);
    pqi_xof_absorb(&w->x, b, b_len);
    pqi_xof_squeeze(&w->x, first, 32);
    pqi_xof_squeeze(&w->x, w->r, 32);
}

/* Algorithm 13, K-PKE.KeyGen, and the keys of Algorithm 16. */
pqi_status pqi_mlkem_small_keygen(
    const pqi_mlkem_set *set, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    work *w = tmp;
    const unsigned k = set->k;
    uint8_t *const rho = pk + PQI_MLKEM_BYTES * k;
    uint8_t *const sk_pk = sk + PQI_MLKEM_BYTES * k;
    uint8_t *const sk_h = sk_pk + PQI_MLKEM_PK(k);

    hash_g(w, seed, &set->k, 1, rho); /* (rho, sigma) = G(d || k) */
    PQI_PUBLIC(rho, 32);
    for (unsigned i = 0; i < k; i++) {
        noise_ntt(w, &w->v[i], set->eta1, i); /* s */
        pqi_mlkem_canonical(&w->v[i]);
        pqi_mlkem_encode12(sk + PQI_MLKEM_BYTES * i, &w->v[i]);
        pqi_mlkem_to_mont(&w->v[i]); /* against the factor of pqi_mlkem_mul_add() */
    }
    for (unsigned i = 0; i < k; i++) {
        noise_ntt(w, &w->acc, set->eta1, k + i); /* t = e + A s */
        for (unsigned j = 0; j < k; j++) {
            add_entry(w, rho, j, i, &w->v[j]); /* A[i, j] has the seed rho || j || i */
        }
        pqi_mlkem_canonical(&w->acc); /* 1665 + 4 * 2003 < 2^15 */
        pqi_mlkem_encode12(pk + PQI_MLKEM_BYTES * i, &w->acc);
    }
    PQI_PUBLIC(pk, PQI_MLKEM_PK(k));
    /* dk = dk_pke || ek || H(ek) || z */
    memcpy(sk_pk, pk, PQI_MLKEM_PK(k));
    hash_key(set, w, pk, sk_h);
    memcpy(sk_h + 32, seed + 32, 32);
    pqi_wipe(w, PQI_MLKEM_SMALL_TMP(k));
    return PQI_OK;
}

/* Packs w->acc with d bits a coefficient in its own memory; then writes it to `out`, or, where that is
 * NULL, compares it with `ref`. Not zero if a byte differs. */
static uint32_t emit(work *w, uint8_t *out, const uint8_t *ref, unsigned d)
{
    uint8_t *const packed = (uint8_t *)&w->acc;
    pqi_mlkem_canonical(&w->acc);
    pqi_mlkem_compress(packed, &w->acc, d);
    if (out == NULL) {
        return ~pqi_ct_eq_mask(packed, ref, (size_t)32 * d);
    }
    memcpy(out, packed, (size_t)32 * d);
    return 0;
}

/* Algorithm 14, K-PKE.Encrypt(ek, w->m, w->r). The ciphertext goes to `out` or is compared, as above. */
static uint32_t encrypt(
    const pqi_mlkem_set *set, work *w, const uint8_t *ek, uint8_t *out, const uint8_t *ref)
{
    const unsigned k = set->k;
    const uint8_t *const rho = ek + PQI_MLKEM_BYTES * k;
    const size_t piece = (size_t)32 * set->du;
    uint32_t differ = 0;
    PQI_PUBLIC(rho, 32);
    for (unsigned i = 0; i < k; i++) {
        noise_ntt(w, &w->v[i], set->eta1, i); /* y */
    }
    for (unsigned i = 0; i <= k; i++) {
        /* u = NTT^-1(A^T y) + e1; in the last pass v = NTT^-1(t y) + e2 + Decompress_1(m) */
        memset(&w->acc, 0, sizeof w->acc);
        for (unsigned j = 0; j < k; j++) {
            if (i < k) {
                add_entry(w, rho, i, j, &w->v[j]); /* A[j, i], for the transpose */
            } else {
                add_packed(w, ek + PQI_MLKEM_BYTES * j, &w->v[j]);
            }
        }
        pqi_mlkem_reduce(&w->acc); /* 4 * 2003 < 2^15 */
        pqi_mlkem_inv_ntt(&w->acc);
        add_noise(w, &w->acc, 2, k + i);
        if (i == k) {
            pqi_mlkem_msg_add(&w->acc, w->m);
        }
        differ |= emit(w, out, ref, i < k ? set->du : set->dv);
        out = out != NULL ? out + piece : NULL;
        ref = ref != NULL ? ref + piece : NULL;
    }
    return differ;
}

/* Algorithm 20 with the check of section 7.2, and Algorithm 17. */
pqi_status pqi_mlkem_small_encaps(const pqi_mlkem_set *set, uint8_t *ct, uint8_t *ss,
    const uint8_t *pk, const uint8_t *coins, void *tmp)
{
    work *w = tmp;
    pqi_status st = pqi_mlkem_check_pk(set, pk);
    if (st != PQI_OK) {
        return st;
    }
    memcpy(w->m, coins, 32);
    hash_key(set, w, pk, w->h);
    hash_g(w, w->m, w->h, 32, ss); /* (K, r) = G(m || H(ek)) */
    (void)encrypt(set, w, pk, ct, NULL);
    pqi_wipe(w, PQI_MLKEM_SMALL_TMP(set->k));
    return PQI_OK;
}

/* Algorithm 15, K-PKE.Decrypt: w->m = m'. */
static void decrypt(const pqi_mlkem_set *set, work *w, const uint8_t *dk, const uint8_t *ct)
{
    pqi_mlkem_poly *const u = &w->v[0];
    const size_t piece = (size_t)32 * set->du;
    memset(&w->acc, 0, sizeof w->acc);
    for (unsigned i = 0; i < set->k; i++) {
        pqi_mlkem_decompress(u, ct + piece * i, set->du);
        pqi_mlkem_ntt(u);
        add_packed(w, dk + PQI_MLKEM_BYTES * i, u);
    }
    /* w = v' - NTT^-1(s u') */
    pqi_mlkem_reduce(&w->acc);
    pqi_mlkem_inv_ntt(&w->acc);
    pqi_mlkem_decompress(u, ct + piece * set->k, set->dv);
    pqi_mlkem_sub(u, &w->acc);
    pqi_mlkem_canonical(u);
    pqi_mlkem_msg_get(w->m, u);
}

/* Algorithm 21 with the check of section 7.3, and Algorithm 18. */
pqi_status pqi_mlkem_small_decaps(
    const pqi_mlkem_set *set, uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    work *w = tmp;
    const uint8_t *const ek = sk + PQI_MLKEM_BYTES * set->k;
    const uint8_t *const h = ek + PQI_MLKEM_PK(set->k);
    pqi_status st = pqi_mlkem_small_check_sk(set, sk, tmp);
    if (st != PQI_OK) {
        return st;
    }
    decrypt(set, w, sk, ct);
    hash_g(w, w->m, h, 32, w->h); /* (K', r') = G(m' || h) */
    uint32_t differ = encrypt(set, w, ek, NULL, ct);
    pqi_shake256_start(&w->x); /* J(z || c), equation 4.4 */
    pqi_xof_absorb(&w->x, h + 32, 32);
    pqi_xof_absorb(&w->x, ct, PQI_MLKEM_CT(set->k, set->du, set->dv));
    pqi_xof_squeeze(&w->x, ss, 32);
    hash_g(w, w->m, h, 32, w->h); /* K' again rather than 32 bytes to keep it */
    pqi_ct_copy_if(~pqi_ct_nonzero_u32(differ), ss, w->h, 32);
    pqi_wipe(w, PQI_MLKEM_SMALL_TMP(set->k));
    return PQI_OK;
}

pqi_status pqi_mlkem_small_check_sk(const pqi_mlkem_set *set, const uint8_t *sk, void *tmp)
{
    work *w = tmp;
    const uint8_t *const ek = sk + PQI_MLKEM_BYTES * set->k;
    hash_key(set, w, ek, w->h);
    uint32_t same = pqi_ct_eq_mask(w->h, ek + PQI_MLKEM_PK(set->k), 32);
    PQI_PUBLIC(&same, sizeof same);
    pqi_wipe(&w->x, sizeof w->x);
    pqi_wipe(w->h, sizeof w->h);
    return same != 0 ? PQI_OK : PQI_ERR_ARG;
}
