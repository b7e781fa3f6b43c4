/* SPDX-License-Identifier: Apache-2.0
 * The front door of sig.h: checks arguments, then calls the descriptor. */
#include "base/args.h"
#include <pqi/sig.h>

static pqi_status check_keygen(
    const pqi_sig *alg, pqi_span pk, pqi_span sk, pqi_cspan seed, pqi_span tmp)
{
    if (alg == NULL || pk.ptr == NULL || pk.len != alg->pk_len || sk.ptr == NULL ||
        sk.len != alg->sk_len || !pqi_args_exact(seed, alg->seed_len)) {
        return PQI_ERR_ARG;
    }
    return pqi_args_tmp(tmp, alg->keygen_tmp);
}

pqi_status pqi_sig_keygen(
    const pqi_sig *alg, pqi_span pk, pqi_span sk, pqi_cspan seed, pqi_span tmp)
{
    pqi_status st = check_keygen(alg, pk, sk, seed, tmp);
    if (st == PQI_OK) {
        st = alg->keygen(pk.ptr, sk.ptr, seed.ptr, tmp.ptr);
    }
    if (st != PQI_OK) {
        pqi_args_clear(pk);
        pqi_args_clear(sk);
    }
    return st;
}

static pqi_status check_sign(
    const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_cspan sk, pqi_cspan rnd, pqi_span tmp)
{
    if (alg == NULL || sig.ptr == NULL || !pqi_args_exact(sk, alg->sk_len) ||
        !pqi_args_exact(rnd, alg->rnd_len)) {
        return PQI_ERR_ARG;
    }
    if (sig.len < alg->sig_len) {
        *sig_len = alg->sig_len;
        return PQI_ERR_SPACE;
    }
    return pqi_args_tmp(tmp, alg->sign_tmp);
}

pqi_status pqi_sig_sign(const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_cspan sk,
    pqi_cspan ctx, const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd, pqi_span tmp)
{
    pqi_status st = PQI_ERR_ARG;
    if (sig_len != NULL) {
        *sig_len = 0;
        if (ctx.len <= PQI_SIG_MAX_CTX && pqi_args_span(ctx) && pqi_args_parts(parts, n_parts)) {
            st = check_sign(alg, sig, sig_len, sk, rnd, tmp);
        }
    }
    if (st == PQI_OK) {
        st = alg->sign(sig.ptr, sig_len, sk.ptr, ctx, parts, n_parts, rnd.ptr, tmp.ptr);
    }
    if (st != PQI_OK) {
        pqi_args_clear(sig);
    }
    return st;
}

pqi_status pqi_sig_verify(const pqi_sig *alg, pqi_cspan pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, pqi_span tmp)
{
    if (alg == NULL || !pqi_args_exact(pk, alg->pk_len) || ctx.len > PQI_SIG_MAX_CTX ||
        !pqi_args_span(ctx) || !pqi_args_parts(parts, n_parts) || !pqi_args_span(sig)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_args_tmp(tmp, alg->verify_tmp);
    if (st != PQI_OK) {
        return st;
    }
    if (sig.len == 0 || sig.len > alg->sig_len) {
        return PQI_ERR_AUTH;
    }
    return alg->verify(pk.ptr, ctx, parts, n_parts, sig, tmp.ptr);
}
