/* SPDX-License-Identifier: Apache-2.0
 * Signatures of a manifest's keys: one key of a role over a COSE_Sign1, or several over a COSE_Sign
 * (manifest, revocation log, policy). docs/spec/objects.md. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "base/mem.h"
#include "ct/ct.h"

/* Lexicographic; kids are public. */
int pqi_ident_kid_cmp(const uint8_t *x, const uint8_t *y)
{
    for (size_t i = 0; i < PQI_KID_LEN; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

pqi_status pqi_ident_check_signers(pqi_cspan signatures)
{
    rd r;
    size_t n = pqi_cose_signatures_begin(&r, signatures);
    uint8_t last[PQI_KID_LEN];
    for (size_t i = 0; i < n && !r.bad; i++) {
        pqi_cose_signature s = {0};
        pqi_cose_signature_next(&r, &s);
        if (i != 0 && pqi_ident_kid_cmp(last, s.kid) >= 0) {
            rd_fail(&r);
        }
        memcpy(last, s.kid, PQI_KID_LEN);
    }
    return rd_done(&r);
}

pqi_status pqi_ident_count(const pqi_ident_multi *x, pqi_role role, pqi_span tmp, unsigned *good)
{
    rd r;
    size_t n = pqi_cose_signatures_begin(&r, x->what.signatures);
    bool unsupported = false;
    *good = 0;
    for (size_t i = 0; i < n && !r.bad; i++) {
        pqi_cose_signature s = {0};
        pqi_cose_signature_next(&r, &s);
        const pqi_manifest_key *k = pqi_ident_find_key(x->by, role, s.kid);
        if (r.bad || k == NULL) {
            continue; /* of another role, or of another root version */
        }
        if (k->alg != s.alg) {
            return PQI_ERR_AUTH;
        }
        const pqi_cose_signed what = {x->what.body_protected, s.protected_, x->what.payload};
        pqi_status st = pqi_cose_verify(x->algs, k, x->domain, &what, s.signature, tmp);
        if (st != PQI_OK && st != PQI_ERR_UNSUPPORTED) {
            return st;
        }
        unsupported = unsupported || st != PQI_OK;
        *good += st == PQI_OK ? 1u : 0u;
    }
    if (r.bad) {
        return PQI_ERR_AUTH;
    }
    return unsupported ? PQI_ERR_UNSUPPORTED : PQI_OK;
}

pqi_status pqi_ident_quorum(const pqi_ident_multi *x, pqi_role role, pqi_span tmp)
{
    unsigned good = 0;
    pqi_status st = pqi_ident_count(x, role, tmp, &good);
    unsigned need = x->by->threshold[role];
    if (st != PQI_OK && st != PQI_ERR_UNSUPPORTED) {
        return st;
    }
    if (need != 0 && good >= need) {
        return PQI_OK;
    }
    return st == PQI_OK ? PQI_ERR_AUTH : st;
}

bool pqi_ident_same_fleet(
    const pqi_manifest *m, const uint8_t fleet_id[PQI_FLEET_ID_LEN], uint32_t root_version)
{
    return root_version == m->root_version &&
           pqi_ct_eq(fleet_id, m->fleet_id, PQI_FLEET_ID_LEN) != 0;
}

pqi_status pqi_ident_one(const pqi_ident_single *x, pqi_role role, pqi_span tmp)
{
    pqi_cose_sign1 s;
    if (pqi_cose_sign1_decode(x->encoded, x->typ, &s) != PQI_OK) {
        return PQI_ERR_AUTH;
    }
    const pqi_manifest_key *k = pqi_ident_find_key(x->by, role, s.kid);
    if (k == NULL || k->alg != s.alg || x->by->threshold[role] != 1) {
        return PQI_ERR_AUTH; /* one signature cannot meet a higher threshold */
    }
    const pqi_cose_signed what = {s.protected_, {NULL, 0}, s.payload};
    return pqi_cose_verify(x->algs, k, x->domain, &what, s.signature, tmp);
}

pqi_status pqi_ident_load_signers(const pqi_ident_keyring *ring, pqi_cose_signer *sorted)
{
    for (size_t i = 0; i < ring->n; i++) {
        pqi_cose_signer s;
        pqi_status st =
            pqi_cose_signer_load(ring->algs, ring->p, ring->handles[i], ring->domain, &s);
        if (st != PQI_OK) {
            return st;
        }
        size_t at = i;
        for (; at > 0 && pqi_ident_kid_cmp(s.kid, sorted[at - 1].kid) < 0; at--) {
            sorted[at] = sorted[at - 1];
        }
        if (at > 0 && pqi_ident_kid_cmp(s.kid, sorted[at - 1].kid) == 0) {
            return PQI_ERR_ARG;
        }
        sorted[at] = s;
    }
    return PQI_OK;
}
