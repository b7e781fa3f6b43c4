/* SPDX-License-Identifier: Apache-2.0
 * Which algorithms a device takes, and what it says of its keys: docs/spec/composite.md section 6. */
#include "port/linux/device_int.h"

#include <stdbool.h>

static bool offers_half(pqi_provider *p, pqi_key_kind kind, int32_t alg)
{
    return (pqi_provider_alg_caps(p, kind, alg) & PQI_CAP_HALF) != 0;
}

int32_t pqi_device_factory_alg(const pqi_host_device *d)
{
    bool named = d->cfg.factory_alg != 0 && (d->cfg.choice & PQI_HOST_ALSO_SIG) == 0;
    int32_t alg = d->cfg.factory_alg != 0 ? d->cfg.factory_alg : PQI_SIG_ID_ML_DSA_65;
    const pqi_sig *c = pqi_algs_composite_sig(&d->algs, alg);
    bool take = !named && (d->cfg.choice & PQI_HOST_PLAIN) == 0 && c != NULL &&
                offers_half(d->provider, PQI_KEY_SIG, c->id);
    return take ? c->id : alg;
}

/* The suites of a KEM that carry no mark but the KEM's own: others, such as X-Wing, are asked for. What
 * their AEADs bear is no matter here: who may need that decides by policy. */
static uint32_t unmarked_suites(const pqi_algs *a, const pqi_kem *kem)
{
    const pqi_alg_policy own_marks = {
        0, kem != NULL ? (uint8_t) ~(kem->flags | PQI_ALG_NOT_MISUSE_RESISTANT) : 0};
    return kem != NULL ? pqi_policy_suites(a, &own_marks, kem->id) : 0;
}

/* Also those of the counterpart: a certificate names the suites its holder can send with. */
static uint32_t default_suites(const pqi_algs *a, const pqi_kem *kem)
{
    const pqi_kem *other = kem != NULL ? pqi_algs_other_kem(a, kem->id) : NULL;
    return unmarked_suites(a, kem) | unmarked_suites(a, other);
}

pqi_status pqi_device_make_wish(
    const pqi_host_device *d, const pqi_host_join_opts *o, pqi_device_wish *w)
{
    static const pqi_host_join_opts defaults;
    o = o != NULL ? o : &defaults;
    w->kem = o->kem_alg != 0 ? o->kem_alg : PQI_KEM_ID_ML_KEM_768;
    w->sig = o->kem_only ? 0 : o->sig_alg != 0 ? o->sig_alg : PQI_SIG_ID_ML_DSA_65;
    const bool plain = (o->choice & PQI_HOST_PLAIN) != 0;
    const bool kem_named =
        (o->kem_alg != 0 && (o->choice & PQI_HOST_ALSO_KEM) == 0) || o->suites != 0;
    const bool sig_named = o->sig_alg != 0 && (o->choice & PQI_HOST_ALSO_SIG) == 0;
    const pqi_kem *k = pqi_algs_composite_kem(&d->algs, w->kem);
    const pqi_sig *s = pqi_algs_composite_sig(&d->algs, w->sig);
    if (!plain && !kem_named && k != NULL && offers_half(d->provider, PQI_KEY_KEM, k->id)) {
        w->kem = k->id;
    }
    if (!plain && !sig_named && s != NULL && offers_half(d->provider, PQI_KEY_SIG, s->id)) {
        w->sig = s->id;
    }
    const pqi_kem *kem = pqi_algs_kem(&d->algs, w->kem);
    uint32_t known = pqi_policy_suites(&d->algs, NULL, w->kem);
    w->suites = o->suites != 0 ? o->suites : default_suites(&d->algs, kem);
    if (kem == NULL || (w->suites & known) == 0 ||
        (w->sig != 0 && pqi_algs_sig(&d->algs, w->sig) == NULL)) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "this program does not offer that algorithm");
    }
    return PQI_OK;
}

/* What all three (or two) keys have; and, of those with two halves at all, the classical one. */
pqi_status pqi_device_assurance(pqi_provider *p, const pqi_join_keys *k, uint32_t *out)
{
    const pqi_key keys[] = {k->kem, k->sig, k->x25519};
    const uint32_t of_all = pqi_provider_caps(p);
    uint32_t every = PQI_CAP_NON_EXPORTABLE | PQI_CAP_HALF;
    *out = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        pqi_key_info info;
        if (keys[i] == 0) {
            continue;
        }
        pqi_status st = pqi_provider_info(p, keys[i], &info);
        if (st != PQI_OK) {
            return st;
        }
        uint32_t caps = info.caps;
        if ((caps & PQI_CAP_NON_EXPORTABLE) != 0 || info.kind == PQI_KEY_X25519) {
            caps |= PQI_CAP_HALF; /* X25519 stands beside a KEM key, which is what counts */
        }
        every &= caps;
    }
    *out = ((of_all & PQI_CAP_NO_ROLLBACK) != 0 ? PQI_ASSURE_NO_ROLLBACK : 0u) |
           ((of_all & PQI_CAP_HW_RNG) != 0 ? PQI_ASSURE_HW_RNG : 0u) |
           ((of_all & PQI_CAP_QUOTE) != 0 ? PQI_ASSURE_ATTESTED_BOOT : 0u) |
           ((of_all & PQI_CAP_SEPARATE) != 0 ? PQI_ASSURE_SEPARATE : 0u) |
           ((every & PQI_CAP_NON_EXPORTABLE) != 0 ? PQI_ASSURE_NON_EXPORTABLE : 0u) |
           ((every & PQI_CAP_HALF) != 0 ? PQI_ASSURE_HALF : 0u);
    return PQI_OK;
}
