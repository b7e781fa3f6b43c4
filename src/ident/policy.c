/* SPDX-License-Identifier: Apache-2.0
 * The algorithm policy over identity objects. Costs no cryptography. */
#include <pqi/trust.h>

pqi_status pqi_cert_policy(const pqi_algs *a, const pqi_cert *c, const pqi_alg_policy *p)
{
    if (a == NULL || c == NULL || p == NULL) {
        return PQI_ERR_ARG;
    }
    const pqi_kem *kem = pqi_algs_kem(a, c->kem_alg);
    const pqi_sig *sig = pqi_algs_sig(a, c->sig_alg);
    if (kem == NULL || (c->sig_alg != 0 && sig == NULL)) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_status st = pqi_policy_kem(p, kem);
    if (st == PQI_OK && sig != NULL) {
        st = pqi_policy_sig(p, sig);
    }
    /* Bits that we do not know are no reason: they may be newer than this program. */
    uint32_t known = c->suites & pqi_policy_suites(a, NULL, c->kem_alg);
    if (st == PQI_OK && known != 0 && (known & pqi_policy_suites(a, p, c->kem_alg)) == 0) {
        st = PQI_ERR_POLICY;
    }
    return st;
}

/* A key of an algorithm that is not built in verifies nothing here, so it is no reason either. */
pqi_status pqi_manifest_policy(const pqi_algs *a, const pqi_manifest *m, const pqi_alg_policy *p)
{
    if (a == NULL || m == NULL || p == NULL) {
        return PQI_ERR_ARG;
    }
    for (uint32_t i = 0; i < m->n_keys && i < PQI_MANIFEST_KEYS_MAX; i++) {
        const pqi_sig *sig = pqi_algs_sig(a, m->keys[i].alg);
        if (sig != NULL && pqi_policy_sig(p, sig) != PQI_OK) {
            return PQI_ERR_POLICY;
        }
    }
    return PQI_OK;
}
