/* SPDX-License-Identifier: Apache-2.0 */
#include "ident/cert.h"

#include "base/mem.h"

#define ROLES_ALL                                                                                  \
    (PQI_CERT_ROLE_DEVICE | PQI_CERT_ROLE_GATEWAY | PQI_CERT_ROLE_CONTROL | PQI_CERT_ROLE_WITNESS)
bool pqi_cert_rules(const pqi_cert *c)
{
    bool window = c->valid_from_epoch <= c->valid_to_epoch &&
                  (c->not_after == 0 || c->not_before <= c->not_after);
    bool bits = (c->roles & ~ROLES_ALL) == 0 && (c->assurance & ~PQI_ASSURE_ALL) == 0;
    if (!window || !bits || c->key_epoch == 0 || c->n_scopes > PQI_SCOPES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < c->n_scopes; i++) {
        if (!pqi_ident_scope_ok(&c->scopes[i])) {
            return false;
        }
    }
    return pqi_id_check(c->device_id) == PQI_OK;
}

pqi_status pqi_cert_window(const pqi_cert *c, const pqi_now *now)
{
    if (now->control_epoch < c->valid_from_epoch || now->control_epoch > c->valid_to_epoch) {
        return PQI_ERR_POLICY;
    }
    bool early = now->unix_s < c->not_before;
    bool late = c->not_after != 0 && now->unix_s > c->not_after;
    return now->unix_s != 0 && (early || late) ? PQI_ERR_POLICY : PQI_OK;
}

pqi_status pqi_cert_verify(
    const pqi_algs *a, const pqi_cert *c, const pqi_manifest *m, const pqi_now *now, pqi_span tmp)
{
    const pqi_ident_single x = {a, m, PQI_TYP_CERT, PQI_DOMAIN_CERT, c->encoded};
    pqi_status st = pqi_ident_one(&x, PQI_ROLE_ISSUER, tmp);
    return st == PQI_OK ? pqi_cert_window(c, now) : st;
}

static pqi_status put_payload(wr *w, const void *obj)
{
    pqi_cert_put_payload(w, obj);
    return PQI_OK;
}

pqi_status pqi_cert_build(const pqi_algs *a, pqi_provider *p, pqi_key issuer,
    const pqi_cert *fields, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || fields == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    const pqi_ident_keys k = {
        fields->kem_alg, fields->kem_pk, fields->x25519_pk, fields->sig_alg, fields->sig_pk};
    pqi_status st = pqi_ident_check_keys(a, &k);
    if (st == PQI_ERR_DECODE || !pqi_cert_rules(fields)) {
        return PQI_ERR_ARG;
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_cose_signer s;
    st = pqi_cose_signer_load(a, p, issuer, PQI_DOMAIN_CERT, &s);
    if (st != PQI_OK) {
        return st;
    }
    pqi_cert c = *fields;
    memcpy(c.issuer_kid, s.kid, PQI_KID_LEN);
    const pqi_cose_body body = {PQI_TYP_CERT, put_payload, &c};
    return pqi_cose_sign1_build(&s, &body, out, out_len);
}
