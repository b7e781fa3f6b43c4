/* SPDX-License-Identifier: Apache-2.0
 * The pure interface over sign_mu() of sign.h or sign_small.h, which stands before this. */
#ifndef PQI_PRIM_MLDSA_SIGN_PURE_H
#define PQI_PRIM_MLDSA_SIGN_PURE_H

/* Algorithm 2 after its checks. */
static pqi_status sign_pure(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    const pqi_mldsa_frame frame = {1, 0, ctx};
    uint8_t mu[PQI_MLDSA_MU];
    pqi_mldsa_make_mu(mu, tmp, sk + SK_TR, &frame, parts, n_parts);
    pqi_status st = sign_mu(sig, sk, mu, rnd, tmp);
    *sig_len = st == PQI_OK ? SIG_LEN : 0;
    pqi_wipe(mu, sizeof mu);
    return st;
}

#endif
