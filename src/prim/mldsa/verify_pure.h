/* SPDX-License-Identifier: Apache-2.0
 * The pure interface over verify_mu() of verify.h or verify_small.h, which stands before this. */
#ifndef PQI_PRIM_MLDSA_VERIFY_PURE_H
#define PQI_PRIM_MLDSA_VERIFY_PURE_H

/* Algorithm 3 after its checks. */
static pqi_status verify_pure(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    const pqi_mldsa_frame frame = {1, 0, ctx};
    const pqi_cspan key = {pk, PK_LEN};
    uint8_t *const mu = mu_room(tmp);
    if (sig.len != SIG_LEN) {
        return PQI_ERR_AUTH;
    }
    pqi_mldsa_make_mu_pk(mu, tmp, key, &frame, parts, n_parts);
    return verify_mu(pk, mu, sig.ptr, tmp);
}

#endif
