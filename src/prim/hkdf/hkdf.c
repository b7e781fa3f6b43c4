/* SPDX-License-Identifier: Apache-2.0
 * HKDF, RFC 5869, over the HMAC of the classical table. */
#include "base/mem.h"
#include "prim/hkdf/sha2_len.h"

#include <pqi/classic.h>
#include <pqi/wipe.h>

#define MAX_INFO 8u

/* RFC 5869 section 2.2. An absent salt means a string of zeros, which is what HMAC pads with. */
pqi_status pqi_hkdf_extract(const pqi_classic *c, pqi_hash_id hash, pqi_cspan salt,
    const pqi_cspan *parts, size_t n_parts, uint8_t *prk)
{
    size_t len = pqi_sha2_len(hash);
    if (c == NULL || c->hmac == NULL || prk == NULL || len == 0 ||
        (salt.ptr == NULL && salt.len != 0) || (parts == NULL && n_parts != 0)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = c->hmac(hash, salt, parts, n_parts, prk);
    if (st != PQI_OK) {
        memset(prk, 0, len);
    }
    return st;
}

/* RFC 5869 section 2.3: T(i) = HMAC(prk, T(i-1) || info || i). */
pqi_status pqi_hkdf_expand(const pqi_classic *c, pqi_hash_id hash, pqi_cspan prk,
    const pqi_cspan *info, size_t n_info, pqi_span out)
{
    size_t len = pqi_sha2_len(hash);
    if (c == NULL || c->hmac == NULL || len == 0 || out.ptr == NULL || out.len > 255u * len ||
        (prk.ptr == NULL && prk.len != 0) || n_info > MAX_INFO || (info == NULL && n_info != 0)) {
        return PQI_ERR_ARG;
    }
    uint8_t t[PQI_HASH_MAX];
    uint8_t counter = 0;
    pqi_cspan parts[MAX_INFO + 2u];
    parts[0] = (pqi_cspan){t, 0};
    for (size_t i = 0; i < n_info; i++) {
        parts[i + 1] = info[i];
    }
    parts[n_info + 1] = (pqi_cspan){&counter, 1};

    pqi_status st = PQI_OK;
    for (size_t done = 0; done < out.len && st == PQI_OK;) {
        counter++; /* at most 255, by the bound on out.len */
        st = c->hmac(hash, prk, parts, n_info + 2u, t);
        if (st == PQI_OK) {
            size_t n = out.len - done < len ? out.len - done : len;
            memcpy(out.ptr + done, t, n);
            done += n;
            parts[0].len = len;
        }
    }
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
    }
    pqi_wipe(t, sizeof t);
    return st;
}
