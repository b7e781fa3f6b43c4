/* SPDX-License-Identifier: Apache-2.0
 * Which keys of a manifest signed an object: for those who collect signatures. */
#include <pqi/attest.h>
#include <pqi/role.h>

#include "ct/ct.h"
#include "ident/cose.h"
#include "ident/ident.h"

#define DOMAIN_POLICY ((pqi_cspan){PQI_LIT("PQI4 policy")})

typedef struct subject {
    pqi_cspan domain, body_protected, payload, signatures;
} subject;

/* The first key with this kid and algorithm, n_keys: none. One key may stand in several roles. */
static uint32_t find(const pqi_manifest *by, const pqi_cose_signature *s, uint32_t from)
{
    uint32_t i = from;
    while (i < by->n_keys &&
           !(by->keys[i].alg == s->alg && pqi_ct_eq(by->keys[i].kid, s->kid, PQI_KID_LEN))) {
        i++;
    }
    return i;
}

static pqi_status check(
    const pqi_algs *a, const subject *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask)
{
    rd r;
    size_t n = pqi_cose_signatures_begin(&r, x->signatures);
    *mask = 0;
    for (size_t i = 0; i < n && !r.bad; i++) {
        pqi_cose_signature s = {0};
        pqi_cose_signature_next(&r, &s);
        uint32_t k = r.bad ? by->n_keys : find(by, &s, 0);
        if (k == by->n_keys) {
            continue;
        }
        const pqi_cose_signed what = {x->body_protected, s.protected_, x->payload};
        pqi_status st = pqi_cose_verify(a, &by->keys[k], x->domain, &what, s.signature, tmp);
        if (st != PQI_OK) {
            *mask = 0;
            return st;
        }
        for (; k < by->n_keys; k = find(by, &s, k + 1)) {
            *mask |= (uint32_t)1 << k;
        }
    }
    if (r.bad) {
        *mask = 0;
    }
    return r.bad ? PQI_ERR_AUTH : PQI_OK;
}

pqi_status pqi_manifest_signed_by(
    const pqi_algs *a, const pqi_manifest *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask)
{
    if (a == NULL || x == NULL || by == NULL || mask == NULL) {
        return PQI_ERR_ARG;
    }
    const subject s = {PQI_DOMAIN_ROOT, x->body_protected, x->payload, x->signatures};
    return check(a, &s, by, tmp, mask);
}

pqi_status pqi_policy_signed_by(
    const pqi_algs *a, const pqi_policy *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask)
{
    if (a == NULL || x == NULL || by == NULL || mask == NULL) {
        return PQI_ERR_ARG;
    }
    const subject s = {DOMAIN_POLICY, x->body_protected, x->payload, x->signatures};
    return check(a, &s, by, tmp, mask);
}

pqi_status pqi_revocations_signed_by(const pqi_algs *a, const pqi_revocations *x,
    const pqi_manifest *by, pqi_span tmp, uint32_t *mask)
{
    if (a == NULL || x == NULL || by == NULL || mask == NULL) {
        return PQI_ERR_ARG;
    }
    const subject s = {PQI_DOMAIN_REV, x->body_protected, x->payload, x->signatures};
    return check(a, &s, by, tmp, mask);
}

pqi_status pqi_attest_policy_signed_by(const pqi_algs *a, const pqi_attest_policy *x,
    const pqi_manifest *by, pqi_span tmp, uint32_t *mask)
{
    if (a == NULL || x == NULL || by == NULL || mask == NULL) {
        return PQI_ERR_ARG;
    }
    const subject s = {
        {PQI_LIT("PQI4 attest policy")}, x->body_protected, x->payload, x->signatures};
    return check(a, &s, by, tmp, mask);
}
