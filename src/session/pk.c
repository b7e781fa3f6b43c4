/* SPDX-License-Identifier: Apache-2.0
 * Counted public-key operations. */
#include "session/pk.h"

#include "base/args.h"

void pqi_pk_note(pqi_pk_counts *counts, pqi_pk_kind kind, unsigned n)
{
    if (counts == NULL || (unsigned)kind >= PQI_PK_KINDS) {
        return;
    }
    if (counts->total <= UINT64_MAX - n) { /* no kind is above the total */
        counts->by[kind] += n;
        counts->total += n;
    }
}

/* ---- ephemeral keys ------------------------------------------------------------------------------ */

pqi_status pqi_pk_keygen(
    const pqi_pk_at *at, const pqi_kem *kem, pqi_cspan seed, pqi_span pk, pqi_span sk)
{
    if (at == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_KEM_KEYGEN, 1);
    return pqi_kem_keygen(kem, pk, sk, seed, at->tmp);
}

pqi_status pqi_pk_encaps(const pqi_pk_at *at, const pqi_kem *kem, pqi_cspan pk, pqi_cspan coins,
    pqi_span ct, uint8_t ss[PQI_KEM_SS])
{
    if (at == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_KEM_ENCAPS, 1);
    return pqi_kem_encaps(kem, ct, (pqi_span){ss, PQI_KEM_SS}, pk, coins, at->tmp);
}

pqi_status pqi_pk_decaps(
    const pqi_pk_at *at, const pqi_kem *kem, pqi_cspan ct, pqi_cspan sk, uint8_t ss[PQI_KEM_SS])
{
    if (at == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_KEM_DECAPS, 1);
    return pqi_kem_decaps(kem, (pqi_span){ss, PQI_KEM_SS}, ct, sk, at->tmp);
}

pqi_status pqi_pk_x25519_public(
    const pqi_pk_at *at, const uint8_t sk[PQI_X25519_LEN], uint8_t pk[PQI_X25519_LEN])
{
    if (at == NULL || at->classic == NULL || sk == NULL || pk == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_X25519_PUBLIC, 1);
    return at->classic->x25519_public(pk, sk);
}

pqi_status pqi_pk_x25519(const pqi_pk_at *at, const uint8_t sk[PQI_X25519_LEN],
    const uint8_t peer[PQI_X25519_LEN], uint8_t ss[PQI_X25519_LEN])
{
    if (at == NULL || at->classic == NULL || sk == NULL || peer == NULL || ss == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_X25519, 1);
    return at->classic->x25519(ss, sk, peer);
}

/* ---- keys of the provider ------------------------------------------------------------------------ */

pqi_status pqi_pk_key_decaps(const pqi_pk_at *at, pqi_key key, pqi_cspan ct, uint8_t ss[PQI_KEM_SS])
{
    if (at == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_KEY_DECAPS, 1);
    return pqi_provider_decapsulate(at->provider, key, ct, ss);
}

pqi_status pqi_pk_key_dh(const pqi_pk_at *at, pqi_key key, const uint8_t peer[PQI_X25519_LEN],
    uint8_t ss[PQI_X25519_LEN])
{
    if (at == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_KEY_DH, 1);
    return pqi_provider_dh(at->provider, key, peer, ss);
}

pqi_status pqi_pk_key_sign(
    const pqi_pk_at *at, const pqi_pk_to_sign *s, pqi_span sig, size_t *sig_len)
{
    if (at == NULL || s == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_KEY_SIGN, 1);
    return pqi_provider_sign(at->provider, s->key, s->domain, s->parts, s->n_parts, sig, sig_len);
}

/* ---- peers --------------------------------------------------------------------------------------- */

pqi_status pqi_pk_verify(const pqi_pk_at *at, const pqi_pk_signed *s)
{
    if (at == NULL || s == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pk_note(at->counts, PQI_PK_VERIFY, 1);
    return pqi_sig_verify(s->alg, s->pk, s->domain, s->parts, s->n_parts, s->sig, at->tmp);
}
