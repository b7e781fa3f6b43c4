/* SPDX-License-Identifier: Apache-2.0
 * Suite and mode of a pair: docs/spec/v4-handshake.md section 1. */
#include "session/hs_op.h"

#include <pqi/composite.h>

static bool allows(const pqi_hs_policy *p, pqi_hs_mode m)
{
    return (p->modes & PQI_HS_MODE_BIT(m)) != 0;
}

static pqi_status choose_mode(
    const pqi_hs_policy *p, const pqi_hs_facts *self, const pqi_hs_facts *peer, pqi_hs_mode *mode)
{
    const bool a = self->sig_id != 0, b = peer->sig_id != 0;
    const pqi_hs_mode natural = a && b ? PQI_HS_MODE_S : a || b ? PQI_HS_MODE_M : PQI_HS_MODE_K;
    *mode = allows(p, natural) ? natural : PQI_HS_MODE_K;
    return allows(p, *mode) ? PQI_OK : PQI_ERR_POLICY;
}

static pqi_status sig_allowed(const pqi_algs *a, const pqi_alg_policy *p, int32_t id)
{
    const pqi_sig *s = pqi_algs_sig(a, id);
    return s == NULL ? PQI_ERR_UNSUPPORTED : pqi_policy_sig(p, s);
}

/* Every signature that the mode uses. */
static pqi_status check_sigs(const pqi_algs *a, const pqi_hs_policy *p, const pqi_hs_facts *self,
    const pqi_hs_facts *peer, pqi_hs_mode mode)
{
    pqi_status st = PQI_OK;
    if (mode != PQI_HS_MODE_K && self->sig_id != 0) {
        st = sig_allowed(a, &p->algs, self->sig_id);
    }
    if (st == PQI_OK && mode != PQI_HS_MODE_K && peer->sig_id != 0) {
        st = sig_allowed(a, &p->algs, peer->sig_id);
    }
    return st;
}

/* The KEM of a suite that takes both static keys: the same, or a composite one with its post-quantum half.
 * 0: none does. */
static uint16_t kem_of_both(const pqi_algs *a, const pqi_hs_facts *x, const pqi_hs_facts *y)
{
    const pqi_kem *of_x = pqi_algs_composite_kem(a, x->kem_id);
    const pqi_kem *of_y = pqi_algs_composite_kem(a, y->kem_id);
    return x->kem_id == y->kem_id                  ? x->kem_id
           : of_x != NULL && of_x->id == y->kem_id ? y->kem_id
           : of_y != NULL && of_y->id == x->kem_id ? x->kem_id
                                                   : 0u;
}

pqi_status pqi_hs_choose(const pqi_algs *a, const pqi_hs_policy *p, const pqi_hs_facts *self,
    const pqi_hs_facts *peer, pqi_hs_choice *out)
{
    if (a == NULL || p == NULL || self == NULL || peer == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    *out = (pqi_hs_choice){0};
    pqi_hs_mode mode;
    pqi_status st = choose_mode(p, self, peer, &mode);
    if (st == PQI_OK) {
        st = check_sigs(a, p, self, peer, mode);
    }
    if (st != PQI_OK) {
        return st;
    }
    /* S uses no static KEM key, M that of the side that does not sign, K both. */
    const uint32_t both = self->suites & peer->suites;
    const uint16_t kem = mode == PQI_HS_MODE_S                        ? 0u
                         : mode == PQI_HS_MODE_K                      ? kem_of_both(a, self, peer)
                         : mode == PQI_HS_MODE_M && self->sig_id != 0 ? peer->kem_id
                                                                      : self->kem_id;
    if (mode == PQI_HS_MODE_K && kem == 0) {
        return PQI_ERR_POLICY;
    }
    const pqi_suite *s = pqi_suite_choose(a, &p->algs, both, kem, NULL);
    if (s == NULL) {
        return PQI_ERR_POLICY;
    }
    *out = (pqi_hs_choice){s, mode, mode != PQI_HS_MODE_M || self->sig_id == 0};
    return PQI_OK;
}
