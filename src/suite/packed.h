/* SPDX-License-Identifier: Apache-2.0
 * What packets and sessions do with composite algorithms where lengths must be known ahead and keys live
 * for one exchange. docs/spec/composite.md section 5. */
#ifndef PQI_SUITE_PACKED_H
#define PQI_SUITE_PACKED_H

#include <pqi/composite.h>

/* The KEM of ephemeral keys: the post-quantum half. X25519 stands beside it in every exchange, and a key
 * of one handshake gains nothing from a slow element. */
static inline const pqi_kem *pqi_suite_eph(const pqi_suite *s)
{
    const pqi_kem *k = s->kem;
    return (k->flags & PQI_ALG_COMPOSITE) != 0 ? ((const pqi_composite_kem *)k->impl)->pq : k;
}

/* The KEM of a static key of this length in an exchange of suite s: the suite's, or a plain key of its
 * post-quantum half. NULL: neither. */
static inline const pqi_kem *pqi_suite_static(const pqi_suite *s, size_t pk_len)
{
    const pqi_kem *eph = pqi_suite_eph(s);
    return pk_len == s->kem->pk_len ? s->kem : pk_len == eph->pk_len ? eph : NULL;
}

/* A signature in a field of alg->sig_len bytes. Composite ones end in DER, which may be shorter than its
 * longest, and are followed by zeros; all others have one length.
 * pad: sig has n bytes of it. PQI_OK; PQI_ERR_PROVIDER: no such length. */
PQI_MUST_CHECK pqi_status pqi_sig_pad(const pqi_sig *alg, pqi_span field, size_t n);
/* *sig: the signature in the field. PQI_OK; PQI_ERR_AUTH: another length, or not zeros behind it. */
PQI_MUST_CHECK pqi_status pqi_sig_unpad(const pqi_sig *alg, pqi_cspan field, pqi_cspan *sig);

#endif
