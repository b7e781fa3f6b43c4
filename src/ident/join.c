/* SPDX-License-Identifier: Apache-2.0
 * Join request: the device's and the CA's side. */
#include "ident/join.h"

#include "base/mem.h"
#include "ct/ct.h"

/* What the provider says about a key of the request. PQI_ERR_ARG: another kind. */
static pqi_status load_key(
    const pqi_algs *a, pqi_provider *p, pqi_key key, pqi_key_kind kind, pqi_join_key *out)
{
    pqi_key_info info = {0};
    pqi_status st = pqi_provider_info(p, key, &info);
    if (st != PQI_OK) {
        return st;
    }
    if (info.kind != kind) {
        return PQI_ERR_ARG;
    }
    size_t len = PQI_X25519_LEN;
    if (kind == PQI_KEY_KEM) {
        const pqi_kem *alg = pqi_algs_kem(a, (uint32_t)info.alg);
        len = alg != NULL ? alg->pk_len : 0;
    } else if (kind == PQI_KEY_SIG) {
        const pqi_sig *alg = pqi_algs_sig(a, info.alg);
        len = alg != NULL ? alg->pk_len : 0;
    }
    if (len == 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    *out = (pqi_join_key){kind == PQI_KEY_X25519 ? 0 : info.alg, p, key, {NULL, len}};
    return PQI_OK;
}

static pqi_status load_keys(
    const pqi_algs *a, pqi_provider *p, const pqi_join_keys *keys, pqi_join_source *s)
{
    pqi_status st = load_key(a, p, keys->factory, PQI_KEY_SIG, &s->factory);
    if (st == PQI_OK) {
        st = load_key(a, p, keys->kem, PQI_KEY_KEM, &s->kem);
    }
    if (st == PQI_OK) {
        st = load_key(a, p, keys->x25519, PQI_KEY_X25519, &s->x25519);
    }
    if (st == PQI_OK && keys->sig != 0) {
        st = load_key(a, p, keys->sig, PQI_KEY_SIG, &s->sig);
    }
    return st;
}

pqi_status pqi_join_build(const pqi_algs *a, pqi_provider *p, const pqi_join_keys *keys,
    const pqi_challenge *ch, const pqi_join_request *extra, pqi_span out, size_t *out_len)
{
    bool args = a != NULL && p != NULL && keys != NULL && ch != NULL && extra != NULL;
    if (!args || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    bool boot =
        extra->boot.len <= PQI_BOOT_MAX && (extra->boot.ptr != NULL || extra->boot.len == 0);
    if (!boot || (extra->assurance & ~PQI_ASSURE_ALL) != 0 || keys->factory == keys->sig ||
        pqi_id_check(ch->device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    pqi_join_source s = {.challenge = ch,
        .boot = extra->boot,
        .suites = extra->suites,
        .assurance = extra->assurance};
    pqi_cose_signer signers[2];
    size_t n = keys->sig != 0 ? 2u : 1u;
    pqi_status st = load_keys(a, p, keys, &s);
    if (st == PQI_OK) {
        st = pqi_cose_signer_load(a, p, keys->factory, PQI_DOMAIN_JOIN_FACTORY, &signers[0]);
    }
    if (st == PQI_OK && n == 2) {
        st = pqi_cose_signer_load(a, p, keys->sig, PQI_DOMAIN_JOIN_POP, &signers[1]);
    }
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cose_body body = {PQI_TYP_JOIN, pqi_join_put_payload, &s};
    return pqi_cose_sign_build(signers, n, &body, out, out_len);
}

static pqi_status verify_one(const pqi_algs *a, const pqi_join_request *m,
    const pqi_cose_signature *s, pqi_cspan pk, pqi_cspan domain, pqi_span tmp)
{
    const pqi_manifest_key by = {PQI_ROLE_ROOT, s->alg, pk, {0}};
    const pqi_cose_signed what = {m->body_protected, s->protected_, m->payload};
    return pqi_cose_verify(a, &by, domain, &what, s->signature, tmp);
}

pqi_status pqi_join_verify(
    const pqi_algs *a, const pqi_join_request *r, const uint8_t factory_fp[32], pqi_span tmp)
{
    uint8_t fp[32];
    pqi_cose_signature sigs[2];
    pqi_status st = pqi_join_signatures(a, r, sigs);
    if (st == PQI_OK) {
        st = pqi_factory_fp(a, r->factory_alg, r->factory_pk, fp);
    }
    if (st == PQI_OK && !pqi_ct_eq(fp, factory_fp, sizeof fp)) {
        st = PQI_ERR_AUTH;
    }
    if (st == PQI_OK) {
        st = verify_one(a, r, &sigs[0], r->factory_pk, PQI_DOMAIN_JOIN_FACTORY, tmp);
    }
    if (st == PQI_OK && r->sig_alg != 0) {
        st = verify_one(a, r, &sigs[1], r->sig_pk, PQI_DOMAIN_JOIN_POP, tmp);
    }
    const pqi_kem *kem = pqi_algs_kem(a, r->kem_alg);
    if (st == PQI_OK) {
        st = kem == NULL ? PQI_ERR_UNSUPPORTED : pqi_kem_check_pk(kem, r->kem_pk, tmp);
    }
    return st == PQI_ERR_DECODE ? PQI_ERR_AUTH : st;
}

/* ---- factory record: ["pqi-factory", 1, device id, alg, pk, signature] ------------------------- */

#define FACTORY_NAME ((pqi_cspan){PQI_LIT("pqi-factory")})

/* The signature covers the array of the first five elements, as it would stand alone. */
static const uint8_t factory_head[1] = {0x85};

pqi_status pqi_factory_build(const pqi_algs *a, pqi_provider *p, pqi_key key, pqi_cspan device_id,
    pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (pqi_id_check(device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer s;
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t pk_len = 0;
    pqi_status st = pqi_cose_signer_load(a, p, key, PQI_DOMAIN_FACTORY, &s);
    if (st == PQI_OK) {
        st = pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &pk_len);
    }
    for (int write = 0; write <= 1 && st == PQI_OK; write++) {
        wr w = write != 0 ? wr_of((pqi_span){out.ptr, *out_len}) : wr_count();
        pqi_cbor_put_array(&w, 6);
        pqi_cbor_put_tstr(&w, FACTORY_NAME);
        pqi_cbor_put_uint(&w, PQI_OBJECT_VERSION);
        pqi_cbor_put_tstr(&w, device_id);
        pqi_cbor_put_int(&w, s.alg);
        pqi_cbor_put_bstr(&w, (pqi_cspan){pk, pk_len});
        const pqi_cspan parts[2] = {
            {factory_head, 1}, {w.p != NULL ? w.p + 1 : NULL, w.p != NULL ? w.len - 1 : 0}};
        st = pqi_cose_put_signature(&w, &s, parts, 2);
        if (write != 0 && st != PQI_OK) {
            memset(out.ptr, 0, *out_len);
        }
        *out_len = st == PQI_OK ? w.len : 0;
        if (write == 0 && st == PQI_OK && (out.ptr == NULL || out.len < w.len)) {
            return PQI_ERR_SPACE;
        }
    }
    return st;
}

pqi_status pqi_factory_open(const pqi_algs *a, pqi_cspan in, pqi_factory *out, pqi_span tmp)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_FACTORY_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_factory m = {0};
    rd r = rd_of(in);
    (void)pqi_cbor_array(&r, 6, 6);
    pqi_cbor_expect_tstr(&r, FACTORY_NAME);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    m.device_id = pqi_ident_read_id(&r);
    m.alg = pqi_ident_read_sig_alg(&r);
    m.pk = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_PK);
    const size_t covered = in.len - r.left;
    pqi_cspan sig = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_SIG);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        st = pqi_ident_check_sig_key(a, m.alg, m.pk);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[2] = {{factory_head, 1}, {in.ptr + 1, covered - 1}};
        st = pqi_sig_verify(pqi_algs_sig(a, m.alg), m.pk, PQI_DOMAIN_FACTORY, parts, 2, sig, tmp);
    }
    if (st == PQI_OK) {
        st = pqi_factory_fp(a, m.alg, m.pk, m.fingerprint);
    }
    if (st == PQI_OK) {
        *out = m;
    }
    return st;
}

pqi_status pqi_factory_fp(const pqi_algs *a, int32_t alg, pqi_cspan pk, uint8_t out[32])
{
    return a == NULL || pk.ptr == NULL || out == NULL
               ? PQI_ERR_ARG
               : pqi_ident_key_hash(a, PQI_FACTORY_FP, alg, pk, out);
}
