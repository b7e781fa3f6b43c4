/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/keccak/keccak.h"
#include "prim/mldsa/impl.h"

_Static_assert(PQI_MLDSA_TR == PQI_MLDSA_MU, "tr is made where mu will be");

void pqi_mldsa_make_mu(uint8_t mu[PQI_MLDSA_MU], pqi_xof *x, const uint8_t tr[PQI_MLDSA_TR],
    const pqi_mldsa_frame *frame, const pqi_cspan *parts, size_t n_parts)
{
    pqi_shake256_start(x);
    pqi_xof_absorb(x, tr, PQI_MLDSA_TR);
    if (frame->framed != 0) {
        const uint8_t head[2] = {frame->domain, (uint8_t)frame->ctx.len};
        pqi_xof_absorb(x, head, sizeof head);
        pqi_xof_absorb(x, frame->ctx.ptr, frame->ctx.len);
    }
    for (size_t i = 0; i < n_parts; i++) {
        pqi_xof_absorb(x, parts[i].ptr, parts[i].len);
    }
    pqi_xof_squeeze(x, mu, PQI_MLDSA_MU);
}

void pqi_mldsa_make_mu_pk(uint8_t mu[PQI_MLDSA_MU], pqi_xof *x, pqi_cspan pk,
    const pqi_mldsa_frame *frame, const pqi_cspan *parts, size_t n_parts)
{
    pqi_shake256_start(x);
    pqi_xof_absorb(x, pk.ptr, pk.len);
    pqi_xof_squeeze(x, mu, PQI_MLDSA_TR);
    pqi_mldsa_make_mu(mu, x, mu, frame, parts, n_parts);
}
