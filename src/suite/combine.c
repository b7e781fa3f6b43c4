/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/combine.h"

#include "base/mem.h"
#include "prim/hkdf/sha2_len.h"
#include "prim/keccak/keccak.h"

#include <pqi/wipe.h>

void pqi_combine_xwing(const pqi_combine_in *in, uint8_t ss[PQI_KEM_SS])
{
    static const uint8_t label[6] = {0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c}; /* "\\.//^\\" */
    pqi_xof h;
    pqi_keccak_start(&h, PQI_SHA3_256_RATE, PQI_SHA3_PAD);
    pqi_xof_absorb(&h, in->k, PQI_COMBINE_SECRETS);
    pqi_xof_absorb(&h, in->x_ct, PQI_X25519_LEN);
    pqi_xof_absorb(&h, in->x_pk, PQI_X25519_LEN);
    pqi_xof_absorb(&h, label, sizeof label);
    pqi_xof_squeeze(&h, ss, PQI_KEM_SS);
    pqi_wipe(&h, sizeof h);
}

pqi_status pqi_combine_extract(const pqi_classic *c, const pqi_suite *s, pqi_cspan salt,
    const pqi_combine_in *in, uint8_t prk[PQI_HASH_MAX])
{
    uint8_t ss[PQI_KEM_SS];
    pqi_cspan ikm = {in->k, PQI_COMBINE_SECRETS};
    pqi_status st = PQI_ERR_UNSUPPORTED;
    if (s->combiner == PQI_COMBINER_CONCAT) {
        st = PQI_OK;
    } else if (s->combiner == PQI_COMBINER_XWING) {
        pqi_combine_xwing(in, ss);
        st = PQI_OK;
        ikm = (pqi_cspan){ss, sizeof ss};
    }
    if (st == PQI_OK) {
        st = pqi_hkdf_extract(c, s->hash, salt, &ikm, 1, prk);
    }
    if (st != PQI_OK) {
        pqi_wipe(prk, pqi_sha2_len(s->hash));
    }
    pqi_wipe(ss, sizeof ss);
    return st;
}

pqi_status pqi_combine_expand(const pqi_classic *c, const pqi_suite *s, const uint8_t *prk,
    pqi_cspan label, const uint8_t *th, pqi_span out)
{
    size_t len = pqi_sha2_len(s->hash);
    const pqi_cspan info[] = {label, {th, len}};
    return pqi_hkdf_expand(c, s->hash, (pqi_cspan){prk, len}, info, 2, out);
}
