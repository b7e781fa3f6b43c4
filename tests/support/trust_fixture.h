/* SPDX-License-Identifier: Apache-2.0
 * One small fleet from fixed seeds: what the tests of the identity objects start from.
 * docs/spec/objects.md and join.md show these very objects. */
#ifndef PQI_TESTS_TRUST_FIXTURE_H
#define PQI_TESTS_TRUST_FIXTURE_H

#include "support/seed_provider.h"
#include <pqi/join.h>
#include <pqi/trust.h>

enum {
    FX_ROOT1 = 1,
    FX_ROOT2,
    FX_ROOT3,
    FX_ISSUER,
    FX_REVOKER,
    FX_FACTORY,
    FX_KEM,
    FX_X25519,
    FX_SIG,
    FX_STRANGER, /* a signature key that no manifest names */
    FX_KEM2,
    FX_X25519_2,
    FX_SIG2,
    FX_KEYS_END
};

typedef struct fx {
    pqi_algs algs;
    seed_provider sp;
    pqi_provider *p;
    pqi_span tmp;
    uint8_t manifest_buf[20000], cert_buf[PQI_CERT_MAX], rev_buf[6000];
    pqi_cspan manifest_bytes, cert_bytes, rev_bytes;
    pqi_manifest manifest; /* 2 of 3 roots, one issuer, one revoker; signed by roots 1 and 2 */
    pqi_cert cert;
    pqi_revocations rev;
    pqi_now now; /* inside the certificate's window */
} fx;

/* The one fixture of the process, made once. */
fx *fx_get(void);

pqi_cspan fx_pk(const fx *f, pqi_key key);
pqi_manifest_key fx_manifest_key(const fx *f, pqi_role role, pqi_key key);
/* The specification of f->manifest; keys: room for 5. */
pqi_manifest_spec fx_manifest_spec(const fx *f, pqi_manifest_key *keys);
/* The fields of f->cert. */
pqi_cert fx_cert_fields(const fx *f);

/* Decoding from a heap block of exactly len bytes; *out ends up without pointers into it. */
void *fx_exact(const uint8_t *p, size_t len);

#endif
