/* SPDX-License-Identifier: Apache-2.0 */
#include "support/trust_fixture.h"

#include "pqi_test.h"
#include <pqi/host.h>
#include <stdbool.h>

static fx the_fx;
static _Alignas(16) uint8_t scratch[512 * 1024];

pqi_cspan fx_pk(const fx *f, pqi_key key)
{
    const seed_key *k = seed_provider_find(&f->sp, key);
    assert_non_null(k);
    return (pqi_cspan){k->pk, k->pk_len};
}

pqi_manifest_key fx_manifest_key(const fx *f, pqi_role role, pqi_key key)
{
    const seed_key *k = seed_provider_find(&f->sp, key);
    assert_non_null(k);
    return (pqi_manifest_key){role, k->alg, {k->pk, k->pk_len}, {0}};
}

pqi_manifest_spec fx_manifest_spec(const fx *f, pqi_manifest_key *keys)
{
    keys[0] = fx_manifest_key(f, PQI_ROLE_ROOT, FX_ROOT1);
    keys[1] = fx_manifest_key(f, PQI_ROLE_ROOT, FX_ROOT2);
    keys[2] = fx_manifest_key(f, PQI_ROLE_ROOT, FX_ROOT3);
    keys[3] = fx_manifest_key(f, PQI_ROLE_ISSUER, FX_ISSUER);
    keys[4] = fx_manifest_key(f, PQI_ROLE_REVOKER, FX_REVOKER);
    pqi_manifest_spec s = {.root_version = 1, .keys = keys, .n_keys = 5};
    memcpy(s.fleet_id, "example fleet 01", PQI_FLEET_ID_LEN);
    s.threshold[PQI_ROLE_ROOT] = 2;
    s.threshold[PQI_ROLE_ISSUER] = 1;
    s.threshold[PQI_ROLE_REVOKER] = 1;
    return s;
}

pqi_cert fx_cert_fields(const fx *f)
{
    pqi_cert c = {0};
    c.device_id = (pqi_cspan){PQI_LIT("pump-1")};
    c.key_epoch = 3;
    c.kem_alg = PQI_KEM_ID_ML_KEM_512;
    c.kem_pk = fx_pk(f, FX_KEM);
    c.x25519_pk = fx_pk(f, FX_X25519);
    c.sig_alg = PQI_SIG_ID_ML_DSA_44;
    c.sig_pk = fx_pk(f, FX_SIG);
    c.valid_from_epoch = 5;
    c.valid_to_epoch = 900;
    c.not_before = 1760000000;
    c.not_after = 1800000000;
    c.suites = 3;
    c.roles = PQI_CERT_ROLE_DEVICE;
    c.gwset = 7;
    c.scopes[0] = (pqi_scope){{PQI_LIT("plant/pump-1")}, PQI_RIGHT_PUB, PQI_CLASS_M};
    c.scopes[1] = (pqi_scope){{PQI_LIT("plant/cmd/pump-1")}, PQI_RIGHT_SUB, PQI_CLASS_S};
    c.n_scopes = 2;
    c.assurance = PQI_ASSURE_HW_RNG;
    c.roster_index = 42;
    return c;
}

static void add_keys(fx *f)
{
    for (pqi_key k = FX_ROOT1; k < FX_KEYS_END; k++) {
        bool kem = k == FX_KEM || k == FX_KEM2, dh = k == FX_X25519 || k == FX_X25519_2;
        pqi_key_kind kind = kem ? PQI_KEY_KEM : dh ? PQI_KEY_X25519 : PQI_KEY_SIG;
        int32_t alg = kem ? (int32_t)PQI_KEM_ID_ML_KEM_512 : dh ? 0 : PQI_SIG_ID_ML_DSA_44;
        seed_provider_add(&f->sp, k, kind, alg, (uint8_t)k);
    }
}

static void make_objects(fx *f)
{
    pqi_manifest_key keys[5];
    const pqi_manifest_spec spec = fx_manifest_spec(f, keys);
    const pqi_key roots[2] = {FX_ROOT1, FX_ROOT2};
    size_t n = 0;
    assert_int_equal(pqi_manifest_build(&f->algs, f->p, &spec, roots, 2,
                         (pqi_span){f->manifest_buf, sizeof f->manifest_buf}, &n),
        PQI_OK);
    f->manifest_bytes = (pqi_cspan){f->manifest_buf, n};
    assert_int_equal(pqi_manifest_decode(&f->algs, f->manifest_bytes, &f->manifest), PQI_OK);

    const pqi_cert fields = fx_cert_fields(f);
    assert_int_equal(pqi_cert_build(&f->algs, f->p, FX_ISSUER, &fields,
                         (pqi_span){f->cert_buf, sizeof f->cert_buf}, &n),
        PQI_OK);
    f->cert_bytes = (pqi_cspan){f->cert_buf, n};
    assert_int_equal(pqi_cert_decode(&f->algs, f->cert_bytes, &f->cert), PQI_OK);

    const pqi_revoked list[3] = {{3, 2, 1}, {42, 3, 0}, {70000, UINT32_MAX, 4}};
    pqi_revocations head = {.root_version = 1, .from = 0};
    const pqi_key revoker = FX_REVOKER;
    memcpy(head.fleet_id, f->manifest.fleet_id, PQI_FLEET_ID_LEN);
    assert_int_equal(pqi_revocations_build(&f->algs, f->p, &revoker, 1, &head, list, 3,
                         (pqi_span){f->rev_buf, sizeof f->rev_buf}, &n),
        PQI_OK);
    f->rev_bytes = (pqi_cspan){f->rev_buf, n};
    assert_int_equal(pqi_revocations_decode(&f->algs, f->rev_bytes, &f->rev), PQI_OK);
}

fx *fx_get(void)
{
    fx *f = &the_fx;
    if (f->p == NULL) {
        pqi_algs_all(&f->algs, &pqi_classic_openssl);
        seed_provider_init(&f->sp, &f->algs);
        f->p = &f->sp.base;
        f->tmp = (pqi_span){scratch, sizeof scratch};
        f->now = (pqi_now){.unix_s = 1770000000, .control_epoch = 100};
        add_keys(f);
        make_objects(f);
    }
    return f;
}

void *fx_exact(const uint8_t *p, size_t len)
{
    uint8_t *heap = malloc(len != 0 ? len : 1);
    assert_non_null(heap);
    if (len != 0) {
        memcpy(heap, p, len);
    }
    return heap;
}
