/* SPDX-License-Identifier: Apache-2.0
 * The checked front door of every KEM: lengths, pointers and scratch are looked at here, once. */
#include <pqi/kem.h>

#include <pqi/wipe.h>

#include <stdbool.h>

/* tmp: 8-aligned and long enough for `alg`. */
static pqi_status check_tmp(const pqi_kem *alg, pqi_span tmp)
{
    if (tmp.ptr == NULL || ((uintptr_t)tmp.ptr & 7u) != 0) {
        return PQI_ERR_ARG;
    }
    return tmp.len < alg->tmp_len ? PQI_ERR_SPACE : PQI_OK;
}

static bool in_is(pqi_cspan s, size_t len)
{
    return s.ptr != NULL && s.len == len;
}

static bool out_is(pqi_span s, size_t len)
{
    return s.ptr != NULL && s.len == len;
}

/* After a failure of the algorithm itself, which may have stopped half way. */
static pqi_status done(pqi_status st, const pqi_kem *alg, pqi_span tmp)
{
    if (st != PQI_OK) {
        pqi_wipe(tmp.ptr, alg->tmp_len);
    }
    return st;
}

static void clear(pqi_span s)
{
    if (s.ptr != NULL) {
        pqi_wipe(s.ptr, s.len);
    }
}

pqi_status pqi_kem_keygen(
    const pqi_kem *alg, pqi_span pk, pqi_span sk, pqi_cspan seed, pqi_span tmp)
{
    if (alg == NULL || !out_is(pk, alg->pk_len) || !out_is(sk, alg->sk_len) ||
        !in_is(seed, alg->seed_len)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = check_tmp(alg, tmp);
    if (st != PQI_OK) {
        return st;
    }
    st = done(alg->keygen(pk.ptr, sk.ptr, seed.ptr, tmp.ptr), alg, tmp);
    if (st != PQI_OK) {
        clear(pk);
        clear(sk);
    }
    return st;
}

pqi_status pqi_kem_encaps(
    const pqi_kem *alg, pqi_span ct, pqi_span ss, pqi_cspan pk, pqi_cspan coins, pqi_span tmp)
{
    pqi_status st = PQI_ERR_ARG;
    if (alg == NULL || !out_is(ct, alg->ct_len) || !out_is(ss, PQI_KEM_SS) ||
        !in_is(pk, alg->pk_len) || !in_is(coins, alg->coins_len)) {
        clear(ss);
        return st;
    }
    st = check_tmp(alg, tmp);
    if (st == PQI_OK) {
        st = done(alg->encaps(ct.ptr, ss.ptr, pk.ptr, coins.ptr, tmp.ptr), alg, tmp);
    }
    if (st != PQI_OK) {
        clear(ct);
        clear(ss);
    }
    return st;
}

pqi_status pqi_kem_decaps(const pqi_kem *alg, pqi_span ss, pqi_cspan ct, pqi_cspan sk, pqi_span tmp)
{
    pqi_status st = PQI_ERR_ARG;
    if (alg == NULL || !out_is(ss, PQI_KEM_SS) || !in_is(ct, alg->ct_len) ||
        !in_is(sk, alg->sk_len)) {
        clear(ss);
        return st;
    }
    st = check_tmp(alg, tmp);
    if (st == PQI_OK) {
        st = done(alg->decaps(ss.ptr, ct.ptr, sk.ptr, tmp.ptr), alg, tmp);
    }
    if (st != PQI_OK) {
        clear(ss);
    }
    return st;
}

pqi_status pqi_kem_check_pk(const pqi_kem *alg, pqi_cspan pk, pqi_span tmp)
{
    if (alg == NULL || (pk.ptr == NULL && pk.len != 0)) {
        return PQI_ERR_ARG;
    }
    if (pk.len != alg->pk_len) {
        return PQI_ERR_DECODE;
    }
    pqi_status st = check_tmp(alg, tmp);
    return st != PQI_OK ? st : alg->check_pk(pk.ptr, tmp.ptr);
}

pqi_status pqi_kem_check_sk(const pqi_kem *alg, pqi_cspan sk, pqi_span tmp)
{
    if (alg == NULL || !in_is(sk, alg->sk_len)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = check_tmp(alg, tmp);
    return st != PQI_OK ? st : alg->check_sk(sk.ptr, tmp.ptr);
}
