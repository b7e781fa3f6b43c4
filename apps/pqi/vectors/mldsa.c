/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA vectors (FIPS 204): ACVP keyGen, sigGen and sigVer over all interfaces, the rejection
 * cases, Wycheproof mldsa_*. */
#include "vectors_pq.h"

#include <pqi/host.h>
#include <pqi/mldsa.h>

#include <string.h>

static const uint8_t no_rnd[PQI_SIG_MAX_RND]; /* the deterministic variant: FIPS 204 Algorithm 2 */

/* One signature or verification, whatever its interface. */
typedef struct job {
    const pqi_sig *alg;
    pqi_cspan key; /* sk or pk */
    pqi_cspan ctx, rnd;
    pqi_cspan msg, mu;
    pqi_hash_id hash;
    uint8_t digest[PQI_HASH_MAX];
    enum { PURE, PREHASH, INTERNAL, MU } face;
} job;

static bool keygen(pqi_vec *v, const pqi_sig *alg, pqi_cspan seed, pqi_span *pk, pqi_span *sk)
{
    *pk = pqi_vec_room(v, alg->pk_len);
    *sk = pqi_vec_room(v, alg->sk_len);
    pqi_status want = seed.len == alg->seed_len ? PQI_OK : PQI_ERR_ARG;
    pqi_status st = pqi_sig_keygen(alg, *pk, *sk, seed, pqi_vec_tmp(v));
    return pqi_vec_status(v, "keygen", st, want) && want == PQI_OK;
}

static pqi_status sign(pqi_vec *v, const job *j, pqi_span *sig)
{
    *sig = pqi_vec_room(v, j->alg->sig_len);
    size_t n = sig->len;
    pqi_status st = PQI_ERR_UNSUPPORTED;
    pqi_span tmp = pqi_vec_tmp(v);
    pqi_cspan digest = {j->digest, pqi_hash_len(j->hash)};
    switch (j->face) {
    case PURE:
        st = pqi_sig_sign(j->alg, *sig, &n, j->key, j->ctx, &j->msg, 1, j->rnd, tmp);
        break;
    case PREHASH:
        st = pqi_mldsa_sign_prehash(j->alg, *sig, &n, j->key, j->ctx, j->hash, digest,
            PQI_MLDSA_ALLOW_WEAK_HASH, j->rnd, tmp);
        break;
    case INTERNAL:
        st = pqi_mldsa_sign_internal(j->alg, *sig, &n, j->key, &j->msg, 1, j->rnd, tmp);
        break;
    case MU:
        st = pqi_mldsa_sign_mu(j->alg, *sig, &n, j->key, j->mu.ptr, j->rnd, tmp);
        break;
    }
    sig->len = st == PQI_OK ? n : 0;
    return st;
}

static pqi_status verify(pqi_vec *v, const job *j, pqi_cspan sig)
{
    pqi_span tmp = pqi_vec_tmp(v);
    pqi_cspan digest = {j->digest, pqi_hash_len(j->hash)};
    switch (j->face) {
    case PURE:
        return pqi_sig_verify(j->alg, j->key, j->ctx, &j->msg, 1, sig, tmp);
    case PREHASH:
        return pqi_mldsa_verify_prehash(j->alg, j->key, j->ctx, j->hash, digest, sig, tmp);
    case INTERNAL:
        return pqi_mldsa_verify_internal(j->alg, j->key, &j->msg, 1, sig, tmp);
    case MU:
        return pqi_mldsa_verify_mu(j->alg, j->key, j->mu.ptr, sig, tmp);
    }
    return PQI_ERR_UNSUPPORTED;
}

/* The representative mu of a test, of the one length that the interface has. */
static bool take_mu(pqi_vec *v, job *j)
{
    j->face = MU;
    j->mu = pqi_vec_hex(v, "mu");
    if (j->mu.len != PQI_MLDSA_MU) {
        pqi_vec_note(v, "mu has %zu bytes", j->mu.len);
    }
    return v->note[0] == '\0';
}

/* ---- ACVP ------------------------------------------------------------------------------- */

static bool take_prehash(pqi_vec *v, job *j)
{
    j->face = PREHASH;
    j->hash = pqi_vec_hash(pqi_vec_text(v, "hashAlg"));
    if (j->hash == PQI_HASH_NONE) {
        pqi_vec_note(v, "unknown hashAlg \"%.40s\"", pqi_vec_text(v, "hashAlg"));
        return false;
    }
    pqi_status st =
        pqi_vec_digest(v, j->hash, &j->msg, 1, (pqi_span){j->digest, pqi_hash_len(j->hash)});
    if (st == PQI_ERR_UNSUPPORTED) { /* the digest is the caller's: any implementation will do */
        st = pqi_classic_openssl.hash(j->hash, &j->msg, 1, j->digest);
    }
    return pqi_vec_status(v, "digest", st, PQI_OK);
}

/* Interface and message of an ACVP test. Files of the first draft name no interface: internal. */
static bool take_face(pqi_vec *v, job *j)
{
    const char *face = pqi_vec_text(v, "signatureInterface");
    if (strcmp(face, "external") != 0 && pqi_vec_true(v, "externalMu")) {
        return take_mu(v, j);
    }
    j->msg = pqi_vec_hex(v, "message");
    if (strcmp(face, "external") != 0) {
        j->face = INTERNAL;
        return true;
    }
    j->ctx = pqi_vec_hex_opt(v, "context");
    if (strcmp(pqi_vec_text(v, "preHash"), "preHash") == 0) {
        return take_prehash(v, j);
    }
    j->face = PURE;
    return true;
}

static void take_rnd(pqi_vec *v, job *j)
{
    j->rnd = (pqi_cspan){no_rnd, j->alg->rnd_len};
    if (pqi_vec_has(v, "rnd") && !pqi_vec_true(v, "deterministic")) {
        j->rnd = pqi_vec_hex(v, "rnd");
    }
}

void pqi_vec_mldsa_keygen(pqi_vec *v)
{
    const pqi_sig *alg = pqi_vec_sig(v, pqi_vec_text(v, "parameterSet"));
    pqi_span pk, sk;
    if (alg == NULL || !keygen(v, alg, pqi_vec_hex(v, "seed"), &pk, &sk)) {
        return;
    }
    (void)pqi_vec_equal(v, "pk", pqi_vec_c(pk), pqi_vec_hex(v, "pk"));
    (void)pqi_vec_equal(v, "sk", pqi_vec_c(sk), pqi_vec_hex(v, "sk"));
}

/* A signature from a known public key must also verify. */
static void check_back(pqi_vec *v, job *j, pqi_cspan pk, pqi_span sig)
{
    j->key = pk;
    (void)pqi_vec_status(v, "verify", verify(v, j, pqi_vec_c(sig)), PQI_OK);
}

void pqi_vec_mldsa_siggen(pqi_vec *v)
{
    job j = {.alg = pqi_vec_sig(v, pqi_vec_text(v, "parameterSet"))};
    pqi_span pk = {NULL, 0}, sk, sig;
    if (j.alg == NULL || !take_face(v, &j)) {
        return;
    }
    take_rnd(v, &j);
    if (strcmp(pqi_vec_text(v, "keyFormat"), "seed") == 0) {
        if (!keygen(v, j.alg, pqi_vec_hex(v, "seed"), &pk, &sk)) {
            return;
        }
        j.key = pqi_vec_c(sk);
    } else {
        j.key = pqi_vec_hex(v, "sk");
    }
    if (!pqi_vec_status(v, "sign", sign(v, &j, &sig), PQI_OK)) {
        return;
    }
    (void)pqi_vec_equal(v, "signature", pqi_vec_c(sig), pqi_vec_hex(v, "signature"));
    if (pk.len != 0) {
        check_back(v, &j, pqi_vec_c(pk), sig);
    }
}

void pqi_vec_mldsa_sigver(pqi_vec *v)
{
    job j = {.alg = pqi_vec_sig(v, pqi_vec_text(v, "parameterSet"))};
    if (j.alg == NULL || !take_face(v, &j)) {
        return;
    }
    j.key = pqi_vec_hex(v, "pk");
    pqi_status want = pqi_vec_true(v, "testPassed") ? PQI_OK : PQI_ERR_AUTH;
    (void)pqi_vec_status(v, "verify", verify(v, &j, pqi_vec_hex(v, "signature")), want);
}

void pqi_vec_mldsa_rejection(pqi_vec *v)
{
    job j = {.alg = pqi_vec_sig(v, pqi_vec_text(v, "parameterSet")), .face = INTERNAL};
    pqi_span pk, sk, sig;
    if (j.alg == NULL || !keygen(v, j.alg, pqi_vec_hex(v, "seed"), &pk, &sk)) {
        return;
    }
    uint8_t h[32];
    pqi_span hash = {h, sizeof h};
    const pqi_cspan keys[2] = {pqi_vec_c(pk), pqi_vec_c(sk)};
    pqi_status st = pqi_vec_digest(v, PQI_HASH_SHA256, keys, 2, hash);
    if (pqi_vec_status(v, "digest", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "key_hash", pqi_vec_c(hash), pqi_vec_hex(v, "key_hash"));
    }
    take_rnd(v, &j);
    j.key = pqi_vec_c(sk);
    j.msg = pqi_vec_hex(v, "message");
    if (!pqi_vec_status(v, "sign", sign(v, &j, &sig), PQI_OK)) {
        return;
    }
    pqi_cspan s = pqi_vec_c(sig);
    st = pqi_vec_digest(v, PQI_HASH_SHA256, &s, 1, hash);
    if (pqi_vec_status(v, "digest", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "sig_hash", pqi_vec_c(hash), pqi_vec_hex(v, "sig_hash"));
    }
    check_back(v, &j, pqi_vec_c(pk), sig);
}

/* ---- Wycheproof ------------------------------------------------------------------------- */

/* The private key, expanded or from its seed. false: refused, rightly or noted. */
static bool take_private(pqi_vec *v, job *j, pqi_span *pk)
{
    if (!pqi_vec_has(v, "privateSeed")) {
        j->key = pqi_vec_hex(v, "privateKey");
        return true;
    }
    pqi_span sk;
    if (!keygen(v, j->alg, pqi_vec_hex(v, "privateSeed"), pk, &sk)) {
        return false;
    }
    if (pqi_vec_has(v, "publicKey")) {
        (void)pqi_vec_equal(v, "publicKey", pqi_vec_c(*pk), pqi_vec_hex(v, "publicKey"));
    }
    j->key = pqi_vec_c(sk);
    return true;
}

/* mu is given beside most messages: the library must compute the same. */
static void check_mu(pqi_vec *v, const job *j)
{
    if (j->face != PURE || !pqi_vec_has(v, "mu") || !pqi_vec_has(v, "publicKey")) {
        return;
    }
    uint8_t mu[PQI_MLDSA_MU];
    pqi_status st = pqi_mldsa_mu(j->alg, mu, pqi_vec_hex(v, "publicKey"), j->ctx, &j->msg, 1);
    if (pqi_vec_status(v, "mu", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "mu", (pqi_cspan){mu, sizeof mu}, pqi_vec_hex(v, "mu"));
    }
}

void pqi_vec_mldsa_sign(pqi_vec *v)
{
    job j = {.alg = pqi_vec_sig(v, v->algorithm), .face = PURE};
    pqi_span pk = {NULL, 0}, sig;
    if (j.alg == NULL) {
        return;
    }
    bool valid = pqi_vec_expected(v) == PQI_VEC_VALID;
    if (!take_private(v, &j, &pk)) {
        if (valid) {
            pqi_vec_note(v, "a valid seed was refused");
        }
        return;
    }
    take_rnd(v, &j);
    j.ctx = pqi_vec_hex_opt(v, "ctx");
    if (pqi_vec_has(v, "msg")) {
        j.msg = pqi_vec_hex(v, "msg");
    } else if (!take_mu(v, &j)) {
        return;
    }
    pqi_status st = sign(v, &j, &sig);
    /* a long context, a key of another length or with values out of range */
    if (!pqi_vec_status(v, "sign", st, valid ? PQI_OK : PQI_ERR_ARG) || !valid) {
        return;
    }
    (void)pqi_vec_equal(v, "sig", pqi_vec_c(sig), pqi_vec_hex(v, "sig"));
    check_mu(v, &j);
    if (pqi_vec_has(v, "publicKey")) {
        check_back(v, &j, pqi_vec_hex(v, "publicKey"), sig);
    }
}

void pqi_vec_mldsa_verify(pqi_vec *v)
{
    job j = {.alg = pqi_vec_sig(v, v->algorithm), .face = PURE};
    if (j.alg == NULL) {
        return;
    }
    j.key = pqi_vec_hex(v, "publicKey");
    j.ctx = pqi_vec_hex_opt(v, "ctx");
    if (pqi_vec_has(v, "msg")) {
        j.msg = pqi_vec_hex(v, "msg");
    } else if (!take_mu(v, &j)) {
        return;
    }
    pqi_status want = PQI_OK;
    if (pqi_vec_expected(v) != PQI_VEC_VALID) {
        bool lengths = j.key.len == j.alg->pk_len && j.ctx.len <= PQI_SIG_MAX_CTX;
        want = lengths ? PQI_ERR_AUTH : PQI_ERR_ARG;
    }
    (void)pqi_vec_status(v, "verify", verify(v, &j, pqi_vec_hex(v, "sig")), want);
}
