/* SPDX-License-Identifier: Apache-2.0 */
#include "ident/ident.h"

#include "base/mem.h"
#include "ct/ct.h"

void pqi_ident_read_fixed(rd *r, uint8_t *out, size_t n)
{
    pqi_cspan b = pqi_cbor_bstr(r, n, n);
    if (!r->bad) {
        memcpy(out, b.ptr, n);
    }
}

int32_t pqi_ident_read_sig_alg(rd *r)
{
    int32_t alg = (int32_t)pqi_cbor_int(r, INT32_MIN, INT32_MAX);
    if (alg == 0) { /* no algorithm has it: it marks a long id in pqi_ident_key_hash() */
        rd_fail(r);
    }
    return alg;
}

pqi_cspan pqi_ident_read_id(rd *r)
{
    pqi_cspan id = pqi_cbor_tstr(r, 1, PQI_ID_MAX);
    if (pqi_id_check(id) != PQI_OK) {
        rd_fail(r);
    }
    return id;
}

uint32_t pqi_ident_read_u32(rd *r, uint32_t min)
{
    return (uint32_t)pqi_cbor_uint(r, min, UINT32_MAX);
}

void pqi_ident_read_keys(rd *r, pqi_ident_keys *k)
{
    *k = (pqi_ident_keys){0};
    pqi_cbor_key(r, 4);
    (void)pqi_cbor_array(r, 2, 2);
    k->kem_alg = (uint32_t)pqi_cbor_uint(r, 1, UINT16_MAX);
    k->kem_pk = pqi_cbor_bstr(r, 1, PQI_KEM_MAX_PK);
    pqi_cbor_key(r, 5);
    k->x25519_pk = pqi_cbor_bstr(r, PQI_X25519_LEN, PQI_X25519_LEN);
    if (pqi_cbor_at_key(r, 6)) {
        pqi_cbor_key(r, 6);
        (void)pqi_cbor_array(r, 2, 2);
        k->sig_alg = pqi_ident_read_sig_alg(r);
        k->sig_pk = pqi_cbor_bstr(r, 1, PQI_SIG_MAX_PK);
    }
}

pqi_status pqi_ident_check_sig_key(const pqi_algs *a, int32_t alg, pqi_cspan pk)
{
    const pqi_sig *sig = pqi_algs_sig(a, alg);
    if (sig == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    return pk.len == sig->pk_len ? PQI_OK : PQI_ERR_DECODE;
}

pqi_status pqi_ident_check_keys(const pqi_algs *a, const pqi_ident_keys *k)
{
    const pqi_kem *kem = pqi_algs_kem(a, k->kem_alg);
    if (kem == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (k->kem_pk.len != kem->pk_len || k->x25519_pk.len != PQI_X25519_LEN) {
        return PQI_ERR_DECODE;
    }
    if (k->sig_alg == 0) {
        return k->sig_pk.len == 0 ? PQI_OK : PQI_ERR_DECODE;
    }
    return pqi_ident_check_sig_key(a, k->sig_alg, k->sig_pk);
}

pqi_status pqi_ident_key_hash(
    const pqi_algs *a, pqi_cspan label, int32_t alg, pqi_cspan pk, uint8_t out[32])
{
    if (alg == 0 || pk.len == 0) {
        return PQI_ERR_ARG;
    }
    uint32_t bits = (uint32_t)alg; /* two's complement */
    const uint8_t wide[6] = {
        0, 0, (uint8_t)(bits >> 24), (uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
    bool is_short = alg >= INT16_MIN && alg <= INT16_MAX;
    const pqi_cspan id = is_short ? (pqi_cspan){wide + 4, 2} : (pqi_cspan){wide, sizeof wide};
    const pqi_cspan parts[3] = {label, id, pk};
    return a->classic->hash(PQI_HASH_SHA256, parts, 3, out);
}

pqi_status pqi_signer_kid(const pqi_algs *a, int32_t alg, pqi_cspan pk, uint8_t kid[PQI_KID_LEN])
{
    uint8_t full[32];
    const pqi_cspan label = {PQI_LIT("PQI4 key")};
    pqi_status st = pqi_ident_key_hash(a, label, alg, pk, full);
    if (st == PQI_OK) {
        memcpy(kid, full, PQI_KID_LEN);
    }
    return st;
}

pqi_status pqi_ident_key_id(const pqi_algs *a, pqi_cspan payload, uint8_t out[PQI_KEY_ID_LEN])
{
    uint8_t full[32];
    const pqi_cspan parts[2] = {{PQI_LIT("PQI4 kid")}, payload};
    pqi_status st = a->classic->hash(PQI_HASH_SHA256, parts, 2, full);
    if (st == PQI_OK) {
        memcpy(out, full, PQI_KEY_ID_LEN);
    }
    return st;
}

const pqi_manifest_key *pqi_ident_find_key(
    const pqi_manifest *m, pqi_role role, const uint8_t kid[PQI_KID_LEN])
{
    for (uint32_t i = 0; i < m->n_keys && i < PQI_MANIFEST_KEYS_MAX; i++) {
        const pqi_manifest_key *k = &m->keys[i];
        if (k->role == role && pqi_ct_eq(k->kid, kid, PQI_KID_LEN)) {
            return k;
        }
    }
    return NULL;
}
