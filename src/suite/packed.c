/* SPDX-License-Identifier: Apache-2.0 */
#include "suite/packed.h"

#include "base/mem.h"

/* Where DER begins; its second byte is the length of the rest (X.690 8.1.3.4). */
static size_t der_at(const pqi_sig *alg)
{
    return ((const pqi_composite_sig *)alg->impl)->pq->sig_len;
}

pqi_status pqi_sig_pad(const pqi_sig *alg, pqi_span field, size_t n)
{
    if (field.len != alg->sig_len || n == 0 || n > field.len) {
        return PQI_ERR_PROVIDER;
    }
    if ((alg->flags & PQI_ALG_COMPOSITE) == 0) {
        return n == field.len ? PQI_OK : PQI_ERR_PROVIDER;
    }
    size_t der = der_at(alg);
    if (n < der + 2u || n != der + 2u + field.ptr[der + 1u]) {
        return PQI_ERR_PROVIDER;
    }
    memset(field.ptr + n, 0, field.len - n);
    return PQI_OK;
}

pqi_status pqi_sig_unpad(const pqi_sig *alg, pqi_cspan field, pqi_cspan *sig)
{
    *sig = field;
    if (field.len != alg->sig_len) {
        return PQI_ERR_AUTH;
    }
    if ((alg->flags & PQI_ALG_COMPOSITE) == 0) {
        return PQI_OK;
    }
    size_t der = der_at(alg);
    size_t n = der + 2u + field.ptr[der + 1u];
    unsigned rest = 0;
    for (size_t i = n; i < field.len; i++) {
        rest |= field.ptr[i];
    }
    if (n > field.len || rest != 0) {
        return PQI_ERR_AUTH;
    }
    sig->len = n;
    return PQI_OK;
}
