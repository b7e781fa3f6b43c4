/* SPDX-License-Identifier: Apache-2.0
 * The checked interfaces of mldsa.h. */
#include "base/args.h"
#include "base/mem.h"
#include "prim/mldsa/impl.h"
#include <pqi/wipe.h>

/* By id, not by address: naming the descriptors here would link all levels and variants. */
static pqi_status check_alg(const pqi_sig *alg)
{
    if (alg == NULL) {
        return PQI_ERR_ARG;
    }
    if (alg->id != PQI_SIG_ID_ML_DSA_44 && alg->id != PQI_SIG_ID_ML_DSA_65 &&
        alg->id != PQI_SIG_ID_ML_DSA_87) {
        return PQI_ERR_UNSUPPORTED;
    }
    return PQI_OK;
}

/* Scratch for the hash of the message, before tmp is used for the rest. */
static pqi_xof *xof_in(pqi_span tmp)
{
    return (pqi_xof *)(void *)tmp.ptr;
}

static pqi_status check_message(
    const pqi_mldsa_frame *frame, const pqi_cspan *parts, size_t n_parts)
{
    if (frame->ctx.len > PQI_SIG_MAX_CTX || !pqi_args_span(frame->ctx) ||
        !pqi_args_parts(parts, n_parts)) {
        return PQI_ERR_ARG;
    }
    return PQI_OK;
}

/* What a sign call was given, apart from the message. */
typedef struct sign_args {
    pqi_span sig;
    size_t *sig_len;
    pqi_cspan sk, rnd;
    pqi_span tmp;
} sign_args;

static pqi_status check_sign(const pqi_sig *alg, const sign_args *a)
{
    pqi_status st = check_alg(alg);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_args_exact(a->sk, alg->sk_len) || !pqi_args_exact(a->rnd, alg->rnd_len) ||
        a->sig.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    if (a->sig.len < alg->sig_len) {
        *a->sig_len = alg->sig_len;
        return PQI_ERR_SPACE;
    }
    return pqi_args_tmp(a->tmp, alg->sign_tmp);
}

/* Signs mu, or, where mu is NULL, the message. */
static pqi_status sign(const pqi_sig *alg, const sign_args *a, const uint8_t *mu,
    const pqi_mldsa_frame *frame, const pqi_cspan *parts, size_t n_parts)
{
    uint8_t own_mu[PQI_MLDSA_MU];
    const pqi_mldsa_impl *impl;
    if (a->sig_len == NULL) {
        return PQI_ERR_ARG;
    }
    *a->sig_len = 0;
    pqi_status st = check_sign(alg, a);
    if (st != PQI_OK) {
        goto out;
    }
    if (mu == NULL) {
        st = check_message(frame, parts, n_parts);
        if (st != PQI_OK) {
            goto out;
        }
        pqi_mldsa_make_mu(
            own_mu, xof_in(a->tmp), a->sk.ptr + PQI_MLDSA_SK_TR, frame, parts, n_parts);
        mu = own_mu;
    }
    impl = alg->impl;
    st = impl->sign_mu(a->sig.ptr, a->sk.ptr, mu, a->rnd.ptr, a->tmp.ptr);
    if (st == PQI_OK) {
        *a->sig_len = alg->sig_len;
    }
out:
    if (st != PQI_OK) {
        pqi_args_clear(a->sig);
    }
    pqi_wipe(own_mu, sizeof own_mu);
    return st;
}

static pqi_status check_verify(const pqi_sig *alg, pqi_cspan pk, pqi_cspan sig, pqi_span tmp)
{
    pqi_status st = check_alg(alg);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_args_exact(pk, alg->pk_len) || !pqi_args_span(sig)) {
        return PQI_ERR_ARG;
    }
    st = pqi_args_tmp(tmp, alg->verify_tmp);
    if (st != PQI_OK) {
        return st;
    }
    return sig.len == alg->sig_len ? PQI_OK : PQI_ERR_AUTH;
}

static pqi_status verify(const pqi_sig *alg, pqi_cspan pk, const pqi_mldsa_frame *frame,
    const pqi_cspan *parts, size_t n_parts, pqi_cspan sig, pqi_span tmp)
{
    uint8_t mu[PQI_MLDSA_MU];
    pqi_status st = check_message(frame, parts, n_parts);
    if (st != PQI_OK) {
        return st;
    }
    st = check_verify(alg, pk, sig, tmp);
    if (st != PQI_OK) {
        return st;
    }
    pqi_mldsa_make_mu_pk(mu, xof_in(tmp), pk, frame, parts, n_parts);
    const pqi_mldsa_impl *impl = alg->impl;
    return impl->verify_mu(pk.ptr, mu, sig.ptr, tmp.ptr);
}

pqi_status pqi_mldsa_mu(const pqi_sig *alg, uint8_t mu[PQI_MLDSA_MU], pqi_cspan pk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts)
{
    const pqi_mldsa_frame frame = {1, 0, ctx};
    if (mu == NULL) {
        return PQI_ERR_ARG;
    }
    memset(mu, 0, PQI_MLDSA_MU);
    pqi_status st = check_alg(alg);
    if (st != PQI_OK) {
        return st;
    }
    st = check_message(&frame, parts, n_parts);
    if (st != PQI_OK || !pqi_args_exact(pk, alg->pk_len)) {
        return PQI_ERR_ARG;
    }
    pqi_xof x;
    pqi_mldsa_make_mu_pk(mu, &x, pk, &frame, parts, n_parts);
    pqi_wipe(&x, sizeof x); /* the message may be confidential */
    return PQI_OK;
}

pqi_status pqi_mldsa_sign_mu(const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_cspan sk,
    const uint8_t mu[PQI_MLDSA_MU], pqi_cspan rnd, pqi_span tmp)
{
    const sign_args args = {sig, sig_len, sk, rnd, tmp};
    if (mu == NULL) {
        if (sig_len != NULL) {
            *sig_len = 0;
        }
        pqi_args_clear(sig);
        return PQI_ERR_ARG;
    }
    return sign(alg, &args, mu, NULL, NULL, 0);
}

pqi_status pqi_mldsa_verify_mu(
    const pqi_sig *alg, pqi_cspan pk, const uint8_t mu[PQI_MLDSA_MU], pqi_cspan sig, pqi_span tmp)
{
    if (mu == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_status st = check_verify(alg, pk, sig, tmp);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_mldsa_impl *impl = alg->impl;
    return impl->verify_mu(pk.ptr, mu, sig.ptr, tmp.ptr);
}

pqi_status pqi_mldsa_sign_internal(const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_cspan sk,
    const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd, pqi_span tmp)
{
    const pqi_mldsa_frame frame = {0, 0, {NULL, 0}};
    const sign_args args = {sig, sig_len, sk, rnd, tmp};
    return sign(alg, &args, NULL, &frame, parts, n_parts);
}

pqi_status pqi_mldsa_verify_internal(const pqi_sig *alg, pqi_cspan pk, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, pqi_span tmp)
{
    const pqi_mldsa_frame frame = {0, 0, {NULL, 0}};
    return verify(alg, pk, &frame, parts, n_parts, sig, tmp);
}

/* The DER of the object identifiers 2.16.840.1.101.3.4.2.n (NIST CSOR, hash algorithms); n is the
 * last byte. Algorithm 4 steps 10 to 22 name three of them. */
#define OID_LEN 11u
static const uint8_t oid_head[OID_LEN - 1] = {
    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};

/* n of `hash`; 0 for no hash. pqi_hash_id is a numbering of our own, so this is a table. */
static uint8_t oid_arc(pqi_hash_id hash)
{
    switch (hash) {
    case PQI_HASH_SHA256:
        return 1;
    case PQI_HASH_SHA384:
        return 2;
    case PQI_HASH_SHA512:
        return 3;
    case PQI_HASH_SHA224:
        return 4;
    case PQI_HASH_SHA512_224:
        return 5;
    case PQI_HASH_SHA512_256:
        return 6;
    case PQI_HASH_SHA3_224:
        return 7;
    case PQI_HASH_SHA3_256:
        return 8;
    case PQI_HASH_SHA3_384:
        return 9;
    case PQI_HASH_SHA3_512:
        return 10;
    case PQI_HASH_SHAKE128:
        return 11;
    case PQI_HASH_SHAKE256:
        return 12;
    case PQI_HASH_NONE:
    case PQI_HASH_INT32_:
        break;
    }
    return 0;
}

static bool make_oid(uint8_t oid[OID_LEN], pqi_hash_id hash, pqi_cspan digest)
{
    uint8_t arc = oid_arc(hash);
    memcpy(oid, oid_head, sizeof oid_head);
    oid[OID_LEN - 1] = arc;
    return arc != 0 && pqi_args_exact(digest, pqi_hash_len(hash));
}

/* Collision strength in bits is half the digest; a parameter set of category 2, 3, 5 wants 128,
 * 192, 256 (FIPS 204 section 5.4 and Table 1). */
static bool is_weak(const pqi_sig *alg, size_t digest_len)
{
    size_t want = alg->level == 2 ? 128u : alg->level == 3 ? 192u : 256u;
    return 4u * digest_len < want;
}

pqi_status pqi_mldsa_sign_prehash(const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_cspan sk,
    pqi_cspan ctx, pqi_hash_id hash, pqi_cspan digest, unsigned flags, pqi_cspan rnd, pqi_span tmp)
{
    const pqi_mldsa_frame frame = {1, 1, ctx};
    const sign_args args = {sig, sig_len, sk, rnd, tmp};
    uint8_t oid[OID_LEN];
    const pqi_cspan parts[2] = {{oid, sizeof oid}, digest};
    pqi_status st = check_alg(alg);
    if (st == PQI_OK && (!make_oid(oid, hash, digest) || sig_len == NULL ||
                            (flags & ~PQI_MLDSA_ALLOW_WEAK_HASH) != 0)) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK && (flags & PQI_MLDSA_ALLOW_WEAK_HASH) == 0 && is_weak(alg, digest.len)) {
        st = PQI_ERR_POLICY;
    }
    if (st != PQI_OK) {
        if (sig_len != NULL) {
            *sig_len = 0;
        }
        pqi_args_clear(sig);
        return st;
    }
    return sign(alg, &args, NULL, &frame, parts, 2);
}

pqi_status pqi_mldsa_verify_prehash(const pqi_sig *alg, pqi_cspan pk, pqi_cspan ctx,
    pqi_hash_id hash, pqi_cspan digest, pqi_cspan sig, pqi_span tmp)
{
    const pqi_mldsa_frame frame = {1, 1, ctx};
    uint8_t oid[OID_LEN];
    const pqi_cspan parts[2] = {{oid, sizeof oid}, digest};
    if (!make_oid(oid, hash, digest)) {
        return PQI_ERR_ARG;
    }
    return verify(alg, pk, &frame, parts, 2, sig, tmp);
}
