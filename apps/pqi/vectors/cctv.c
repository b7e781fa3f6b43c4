/* SPDX-License-Identifier: Apache-2.0
 * Files of C2SP CCTV. Those of ML-KEM were made for the draft of FIPS 203, where key generation
 * hashes d without k (final: section 5.1, Algorithm 13, step 1): encapsulation and decapsulation from
 * a given key are the same in both, key generation is not. */
#include "vectors_pq.h"

#include <stdlib.h>
#include <string.h>

#define QUICK 1000u    /* operations of an accumulated run, messages of a file, without --slow */
#define MOST  1000000u /* ... and with it */

/* The set with a decapsulation or encapsulation key of this length. */
static const pqi_kem *kem_of(pqi_vec *v, size_t sk_len, size_t pk_len)
{
    static const char *const names[] = {"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"};
    for (size_t i = 0; i < 3; i++) {
        const pqi_kem *alg = pqi_vec_kem(v, names[i]);
        if (alg != NULL && (alg->sk_len == sk_len || alg->pk_len == pk_len)) {
            return alg;
        }
    }
    pqi_vec_note(v, "no key length of ML-KEM");
    return NULL;
}

/* A text file was read to its end. */
static void check_whole(pqi_vec *v)
{
    if (pqi_vec_true(v, "damaged")) {
        pqi_vec_note(v, "a line is no NAME = VALUE");
    }
}

static void decaps(pqi_vec *v, const pqi_kem *alg)
{
    pqi_span ss = pqi_vec_room(v, PQI_KEM_SS);
    pqi_status st =
        pqi_kem_decaps(alg, ss, pqi_vec_hex(v, "c"), pqi_vec_hex(v, "dk"), pqi_vec_tmp(v));
    if (pqi_vec_status(v, "decaps", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "K", pqi_vec_c(ss), pqi_vec_hex(v, "K"));
    }
}

void pqi_vec_cctv_strcmp(pqi_vec *v)
{
    const pqi_kem *alg = kem_of(v, pqi_vec_hex(v, "dk").len, 0);
    check_whole(v);
    if (alg != NULL) {
        decaps(v, alg);
    }
}

void pqi_vec_cctv_step(pqi_vec *v)
{
    const char *step = pqi_vec_text(v, "step");
    const pqi_kem *alg = kem_of(v, pqi_vec_hex(v, "dk").len, 0);
    check_whole(v);
    if (alg == NULL) {
        return;
    }
    if (strcmp(step, "keygen") == 0) {
        v->skip = PQI_VEC_DRAFT;
    } else if (strcmp(step, "decaps") == 0) {
        decaps(v, alg);
    } else {
        pqi_span ct = pqi_vec_room(v, alg->ct_len), ss = pqi_vec_room(v, PQI_KEM_SS);
        pqi_status st =
            pqi_kem_encaps(alg, ct, ss, pqi_vec_hex(v, "ek"), pqi_vec_hex(v, "m"), pqi_vec_tmp(v));
        if (pqi_vec_status(v, "encaps", st, PQI_OK)) {
            (void)pqi_vec_equal(v, "c", pqi_vec_c(ct), pqi_vec_hex(v, "c"));
            (void)pqi_vec_equal(v, "K", pqi_vec_c(ss), pqi_vec_hex(v, "K"));
        }
    }
}

void pqi_vec_cctv_modulus(pqi_vec *v)
{
    static const uint8_t coins[32];
    pqi_cspan ek = pqi_vec_hex(v, "ek");
    const pqi_kem *alg = kem_of(v, 0, ek.len);
    if (alg == NULL) {
        return;
    }
    pqi_span ct = pqi_vec_room(v, alg->ct_len), ss = pqi_vec_room(v, PQI_KEM_SS);
    pqi_status st = pqi_kem_check_pk(alg, ek, pqi_vec_tmp(v));
    (void)pqi_vec_status(v, "check_pk", st, PQI_ERR_DECODE);
    st = pqi_kem_encaps(alg, ct, ss, ek, (pqi_cspan){coins, sizeof coins}, pqi_vec_tmp(v));
    (void)pqi_vec_status(v, "encaps", st, PQI_ERR_DECODE);
}

/* ---- ML-DSA ------------------------------------------------------------------------------ */

static const uint8_t zero[PQI_SIG_MAX_RND];

/* A key and the deterministic signature of a message with the empty context, which must verify. */
static bool sign_one(
    pqi_vec *v, const pqi_sig *alg, pqi_cspan seed, pqi_cspan msg, pqi_span *pk, pqi_span *sig)
{
    const pqi_cspan none = {NULL, 0};
    pqi_span sk = pqi_vec_room(v, alg->sk_len);
    *pk = pqi_vec_room(v, alg->pk_len);
    *sig = pqi_vec_room(v, alg->sig_len);
    size_t n = 0;
    pqi_status st = pqi_sig_keygen(alg, *pk, sk, seed, pqi_vec_tmp(v));
    if (!pqi_vec_status(v, "keygen", st, PQI_OK)) {
        return false;
    }
    const pqi_cspan rnd = {zero, alg->rnd_len};
    st = pqi_sig_sign(alg, *sig, &n, pqi_vec_c(sk), none, &msg, 1, rnd, pqi_vec_tmp(v));
    if (!pqi_vec_status(v, "sign", st, PQI_OK)) {
        return false;
    }
    sig->len = n;
    st = pqi_sig_verify(alg, pqi_vec_c(*pk), none, &msg, 1, pqi_vec_c(*sig), pqi_vec_tmp(v));
    return pqi_vec_status(v, "verify", st, PQI_OK);
}

/* The file names no parameter set and no signature: signed with all three, verified. */
void pqi_vec_cctv_benchmark(pqi_vec *v)
{
    static const char *const names[] = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    const char *text = pqi_vec_text(v, "msg");
    const pqi_cspan msg = {(const uint8_t *)text, strlen(text)};
    if (!v->slow && v->passed + v->failed >= QUICK) {
        v->skip = PQI_VEC_SLOW; /* a small file can hold millions of messages once it is inflated */
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        pqi_span pk, sig;
        const pqi_sig *alg = pqi_vec_sig(v, names[i]);
        if (alg == NULL || !sign_one(v, alg, (pqi_cspan){zero, 32}, msg, &pk, &sig)) {
            return;
        }
    }
}

/* ---- many operations, one hash ----------------------------------------------------------- */

/* The inputs come from one SHAKE128 without input, the results go into another. */
typedef struct run {
    pqi_xof in, out;
    size_t count;
    bool with_dk;
} run;

static void absorb(run *r, pqi_span s)
{
    pqi_xof_absorb(&r->out, s.ptr, s.len);
}

static bool kem_operation(pqi_vec *v, const pqi_kem *alg, run *r)
{
    pqi_span pk = pqi_vec_room(v, alg->pk_len), sk = pqi_vec_room(v, alg->sk_len);
    pqi_span ct = pqi_vec_room(v, alg->ct_len), other = pqi_vec_room(v, alg->ct_len);
    pqi_span ss = pqi_vec_room(v, PQI_KEM_SS), got = pqi_vec_room(v, PQI_KEM_SS);
    uint8_t seed[64], m[32];
    const pqi_span tmp = pqi_vec_tmp(v);
    pqi_xof_squeeze(&r->in, seed, sizeof seed);
    pqi_xof_squeeze(&r->in, m, sizeof m);
    pqi_xof_squeeze(&r->in, other.ptr, other.len);
    pqi_status st = pqi_kem_keygen(alg, pk, sk, (pqi_cspan){seed, sizeof seed}, tmp);
    if (st == PQI_OK) {
        st = pqi_kem_encaps(alg, ct, ss, pqi_vec_c(pk), (pqi_cspan){m, sizeof m}, tmp);
    }
    if (st == PQI_OK) {
        st = pqi_kem_decaps(alg, got, pqi_vec_c(ct), pqi_vec_c(sk), tmp);
    }
    if (!pqi_vec_status(v, "operation", st, PQI_OK) ||
        !pqi_vec_equal(v, "K of Decaps(c)", pqi_vec_c(got), pqi_vec_c(ss))) {
        return false;
    }
    st = pqi_kem_decaps(alg, got, pqi_vec_c(other), pqi_vec_c(sk), tmp);
    absorb(r, pk);
    if (r->with_dk) {
        absorb(r, sk);
    }
    absorb(r, ct);
    absorb(r, ss);
    absorb(r, got);
    return pqi_vec_status(v, "decaps of random bytes", st, PQI_OK);
}

static bool sig_operation(pqi_vec *v, const pqi_sig *alg, run *r)
{
    uint8_t seed[32];
    pqi_span pk, sig;
    pqi_xof_squeeze(&r->in, seed, sizeof seed);
    if (!sign_one(v, alg, (pqi_cspan){seed, sizeof seed}, (pqi_cspan){NULL, 0}, &pk, &sig)) {
        return false;
    }
    absorb(r, pk);
    absorb(r, sig);
    return true;
}

/* The number of operations; 0: noted or skipped. */
static size_t count_of(pqi_vec *v)
{
    char *end = NULL;
    unsigned long n = strtoul(pqi_vec_text(v, "count"), &end, 10);
    if (n == 0 || *end != '\0') {
        pqi_vec_note(v, "the count is no number");
        return 0;
    }
    if (n > (v->slow ? MOST : QUICK)) {
        v->skip = n > MOST ? "more than a million operations" : PQI_VEC_SLOW;
        return 0;
    }
    return n;
}

void pqi_vec_cctv_accumulated(pqi_vec *v)
{
    const char *name = pqi_vec_text(v, "algorithm");
    run r = {.count = count_of(v), .with_dk = pqi_vec_true(v, "withDk")};
    const pqi_kem *kem = NULL;
    const pqi_sig *sig = NULL;
    if (r.count == 0) {
        return;
    }
    if (strncmp(name, "ML-DSA", 6) == 0) {
        sig = pqi_vec_sig(v, name);
    } else {
        kem = pqi_vec_kem(v, name);
    }
    if (v->skip != NULL ||
        !pqi_vec_status(v, "shake", pqi_xof_init(&r.in, PQI_HASH_SHAKE128), PQI_OK) ||
        !pqi_vec_status(v, "shake", pqi_xof_init(&r.out, PQI_HASH_SHAKE128), PQI_OK)) {
        return;
    }
    const size_t mark = v->n_held;
    for (size_t i = 0; i < r.count; i++) {
        if (sig != NULL ? !sig_operation(v, sig, &r) : !kem_operation(v, kem, &r)) {
            return;
        }
        pqi_vec_release(v, mark);
    }
    pqi_span got = pqi_vec_room(v, 32);
    pqi_xof_squeeze(&r.out, got.ptr, got.len);
    (void)pqi_vec_equal(v, "hash of all results", pqi_vec_c(got), pqi_vec_hex(v, "want"));
}
