/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "ident/cose.h"
#include "ident/ident.h"
#include "support/reencode.h"
#include "support/trust_fixture.h"

static uint8_t buf[PQI_MANIFEST_MAX], again[PQI_MANIFEST_MAX];

static pqi_span out_span(void)
{
    return (pqi_span){buf, sizeof buf};
}

/* ---- scopes ------------------------------------------------------------------------------------ */

static pqi_status scope(const char *prefix, const char *topic, uint8_t right, int cls, uint8_t has)
{
    const pqi_scope s = {{(const uint8_t *)prefix, strlen(prefix)}, PQI_RIGHT_PUB, has};
    return pqi_scope_check(
        &s, 1, (pqi_cspan){(const uint8_t *)topic, strlen(topic)}, right, (pqi_class)cls);
}

static void scope_matches_whole_levels(void **state)
{
    (void)state;
    assert_int_equal(scope("plant/pump-1", "plant/pump-1", PQI_RIGHT_PUB, 0, 0), PQI_OK);
    assert_int_equal(scope("plant/pump-1", "plant/pump-1/x", PQI_RIGHT_PUB, 0, 0), PQI_OK);
    assert_int_equal(scope("plant/pump-1", "plant/pump-1/", PQI_RIGHT_PUB, 0, 0), PQI_OK);
    assert_int_equal(scope("plant/pump-1", "plant/pump-10", PQI_RIGHT_PUB, 0, 0), PQI_ERR_POLICY);
    assert_int_equal(scope("plant/pump-1", "plant/pump-", PQI_RIGHT_PUB, 0, 0), PQI_ERR_POLICY);
    assert_int_equal(scope("plant/pump-1", "plant", PQI_RIGHT_PUB, 0, 0), PQI_ERR_POLICY);
    assert_int_equal(scope("plant/pump-1", "Plant/pump-1", PQI_RIGHT_PUB, 0, 0), PQI_ERR_POLICY);
    assert_int_equal(scope("plant/pump-1", "x/plant/pump-1", PQI_RIGHT_PUB, 0, 0), PQI_ERR_POLICY);
    assert_int_equal(scope("p", "p", PQI_RIGHT_SUB, 0, 0), PQI_ERR_POLICY);
    assert_int_equal(scope("p", "p", PQI_RIGHT_PUB | PQI_RIGHT_SUB, 0, 0), PQI_ERR_POLICY);
    const pqi_scope none = {{NULL, 0}, PQI_RIGHT_PUB, PQI_CLASS_S}; /* no prefix covers nothing */
    const pqi_cspan t = {PQI_LIT("p")};
    assert_int_equal(pqi_scope_check(&none, 1, t, PQI_RIGHT_PUB, PQI_CLASS_L), PQI_ERR_POLICY);
    assert_int_equal(pqi_scope_check(NULL, 0, t, PQI_RIGHT_PUB, PQI_CLASS_L), PQI_ERR_POLICY);
}

static void scope_orders_classes(void **state)
{
    (void)state;
    for (int cls = 0; cls <= 3; cls++) {
        for (uint8_t has = 0; has <= 3; has++) { /* S stands apart from L, M, H */
            int good = cls == 3 || has == 3 ? cls == has : cls <= has;
            assert_int_equal(
                scope("p", "p/q", PQI_RIGHT_PUB, cls, has), good ? PQI_OK : PQI_ERR_POLICY);
        }
    }
    assert_int_equal(scope("p", "p", PQI_RIGHT_PUB, 4, 3), PQI_ERR_ARG);
    assert_int_equal(scope("p", "p", PQI_RIGHT_PUB, -1, 3), PQI_ERR_ARG);
    assert_int_equal(scope("p", "p", 0, 0, 3), PQI_ERR_ARG);
    assert_int_equal(scope("p", "p", 4, 0, 3), PQI_ERR_ARG);
}

static void scope_refuses_topics(void **state)
{
    (void)state;
    assert_int_equal(scope("p", "", PQI_RIGHT_PUB, 0, 0), PQI_ERR_ARG);
    assert_int_equal(scope("p", "p/+", PQI_RIGHT_PUB, 0, 0), PQI_ERR_ARG);
    assert_int_equal(scope("p", "p/#", PQI_RIGHT_PUB, 0, 0), PQI_ERR_ARG);
    const pqi_scope s = {{PQI_LIT("p")}, PQI_RIGHT_PUB, 0};
    assert_int_equal(
        pqi_scope_check(&s, 1, (pqi_cspan){PQI_LIT("p/\0")}, PQI_RIGHT_PUB, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_scope_check(&s, 1, (pqi_cspan){NULL, 3}, PQI_RIGHT_PUB, 0), PQI_ERR_ARG);
    uint8_t longest[PQI_TOPIC_MAX + 1];
    memset(longest, '/', sizeof longest);
    longest[0] = 'p';
    assert_int_equal(
        pqi_scope_check(&s, 1, (pqi_cspan){longest, PQI_TOPIC_MAX}, PQI_RIGHT_PUB, 0), PQI_OK);
    assert_int_equal(pqi_scope_check(&s, 1, (pqi_cspan){longest, sizeof longest}, PQI_RIGHT_PUB, 0),
        PQI_ERR_ARG);
}

/* ---- round trips ------------------------------------------------------------------------------- */

static void cert_fields_come_back(void **state)
{
    (void)state;
    fx *f = fx_get();
    const pqi_cert want = fx_cert_fields(f), *c = &f->cert;
    assert_int_equal(c->device_id.len, 6);
    assert_memory_equal(c->device_id.ptr, "pump-1", 6);
    assert_int_equal(c->key_epoch, 3);
    assert_int_equal(c->kem_alg, want.kem_alg);
    assert_memory_equal(c->kem_pk.ptr, want.kem_pk.ptr, 800);
    assert_memory_equal(c->x25519_pk.ptr, want.x25519_pk.ptr, 32);
    assert_int_equal(c->sig_alg, want.sig_alg);
    assert_memory_equal(c->sig_pk.ptr, want.sig_pk.ptr, 1312);
    assert_int_equal(c->valid_from_epoch, 5);
    assert_int_equal(c->valid_to_epoch, 900);
    assert_true(c->not_before == want.not_before && c->not_after == want.not_after);
    assert_int_equal(c->suites, 3);
    assert_int_equal(c->roles, want.roles);
    assert_int_equal(c->gwset, 7);
    assert_int_equal(c->n_scopes, 2);
    assert_memory_equal(c->scopes[1].prefix.ptr, "plant/cmd/pump-1", 16);
    assert_int_equal(c->scopes[1].cls, PQI_CLASS_S);
    assert_int_equal(c->assurance, want.assurance);
    assert_int_equal(c->roster_index, 42);
    uint8_t kid[8];
    assert_int_equal(
        pqi_signer_kid(&f->algs, PQI_SIG_ID_ML_DSA_44, fx_pk(f, FX_ISSUER), kid), PQI_OK);
    assert_memory_equal(c->issuer_kid, kid, 8);
    assert_int_equal(pqi_cert_verify(&f->algs, c, &f->manifest, &f->now, f->tmp), PQI_OK);
}

static void cert_optional_fields_are_absent(void **state)
{
    (void)state;
    fx *f = fx_get();
    for (unsigned mask = 0; mask < 16; mask++) {
        pqi_cert c = fx_cert_fields(f), got;
        if ((mask & 1u) != 0) {
            c.sig_alg = 0;
            c.sig_pk = (pqi_cspan){NULL, 0};
        }
        if ((mask & 2u) != 0) {
            c.not_before = c.not_after = 0;
        }
        if ((mask & 4u) != 0) {
            c.gwset = 0;
        }
        if ((mask & 8u) != 0) {
            c.n_scopes = 0;
        }
        size_t n = 0;
        assert_int_equal(pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, out_span(), &n), PQI_OK);
        assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
        assert_int_equal(got.sig_alg, c.sig_alg);
        assert_true(got.not_after == c.not_after);
        assert_int_equal(got.gwset, c.gwset);
        assert_int_equal(got.n_scopes, c.n_scopes);
        assert_int_equal(reencode_cert(&got, (pqi_span){again, sizeof again}), n);
        assert_memory_equal(again, buf, n);
        assert_int_equal(pqi_cert_verify(&f->algs, &got, &f->manifest, &f->now, f->tmp), PQI_OK);
    }
}

static void cert_build_refuses_bad_fields(void **state)
{
    (void)state;
    fx *f = fx_get();
    uint8_t long_prefix[PQI_PREFIX_MAX + 1];
    memset(long_prefix, 'a', sizeof long_prefix);
    for (int i = 0; i < 19; i++) {
        pqi_cert c = fx_cert_fields(f);
        switch (i) {
        case 0:
            c.key_epoch = 0;
            break;
        case 1:
            c.device_id.len = 0;
            break;
        case 2:
            c.device_id = (pqi_cspan){PQI_LIT("a/b")};
            break;
        case 3:
            c.kem_pk.len--;
            break;
        case 4:
            c.x25519_pk.len--;
            break;
        case 5:
            c.sig_pk.len--;
            break;
        case 6:
            c.sig_alg = 0;
            break; /* a key without its algorithm */
        case 7:
            c.valid_from_epoch = 901;
            break;
        case 8:
            c.not_before = c.not_after + 1;
            break;
        case 9:
            c.roles = 0x10;
            break;
        case 10:
            c.assurance = 0x10;
            break;
        case 11:
            c.n_scopes = PQI_SCOPES_MAX + 1;
            break;
        case 12:
            c.scopes[0].rights = 0;
            break;
        case 13:
            c.scopes[0].rights = 4;
            break;
        case 14:
            c.scopes[0].cls = 4;
            break;
        case 15:
            c.scopes[0].prefix = (pqi_cspan){PQI_LIT("plant/+")};
            break;
        case 16:
            c.scopes[0].prefix = (pqi_cspan){PQI_LIT("plant/")};
            break;
        case 17:
            c.scopes[0].prefix = (pqi_cspan){long_prefix, sizeof long_prefix};
            break;
        default:
            c.scopes[0].prefix = (pqi_cspan){PQI_LIT("\xff")};
            break;
        }
        size_t n = 1;
        assert_int_equal(
            pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, out_span(), &n), PQI_ERR_ARG);
        assert_int_equal(n, 0);
    }
    pqi_cert c = fx_cert_fields(f);
    size_t n = 0;
    c.kem_alg = 0x7777;
    assert_int_equal(
        pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, out_span(), &n), PQI_ERR_UNSUPPORTED);
    c = fx_cert_fields(f);
    assert_int_equal(pqi_cert_build(&f->algs, f->p, FX_KEM, &c, out_span(), &n), PQI_ERR_ARG);
    assert_int_equal(pqi_cert_build(&f->algs, f->p, 999, &c, out_span(), &n), PQI_ERR_MISSING);
}

/* Space: one byte short touches nothing and tells the need; a failed signature leaves zeros. */
static void build_space_and_provider_failure(void **state)
{
    (void)state;
    fx *f = fx_get();
    const pqi_cert c = fx_cert_fields(f);
    size_t n = 0, need = f->cert_bytes.len;
    memset(buf, 0xee, sizeof buf);
    assert_int_equal(pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, (pqi_span){buf, need - 1}, &n),
        PQI_ERR_SPACE);
    assert_int_equal(n, need);
    for (size_t i = 0; i < need; i++) {
        assert_int_equal(buf[i], 0xee);
    }
    assert_int_equal(
        pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, (pqi_span){NULL, 0}, &n), PQI_ERR_SPACE);
    assert_int_equal(
        pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, (pqi_span){buf, need}, &n), PQI_OK);
    assert_int_equal(n, need);
    assert_int_equal(buf[need], 0xee);
    assert_memory_equal(buf, f->cert_bytes.ptr, need); /* fixed seeds: the same object again */

    f->sp.fail_sign_at = f->sp.n_signed + 1;
    assert_int_equal(
        pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, out_span(), &n), PQI_ERR_PROVIDER);
    f->sp.fail_sign_at = 0;
    assert_int_equal(n, 0);
    for (size_t i = 0; i < need; i++) {
        assert_int_equal(buf[i], 0);
    }
}

static void manifest_round_trip(void **state)
{
    (void)state;
    fx *f = fx_get();
    const pqi_manifest *m = &f->manifest;
    assert_int_equal(m->root_version, 1);
    assert_int_equal(m->n_keys, 5);
    assert_int_equal(m->threshold[PQI_ROLE_ROOT], 2);
    assert_int_equal(pqi_manifest_verify(&f->algs, m, m, f->tmp), PQI_OK);
    assert_int_equal(reencode_manifest(m, (pqi_span){again, sizeof again}), f->manifest_bytes.len);
    assert_memory_equal(again, f->manifest_bytes.ptr, f->manifest_bytes.len);
}

static void manifest_build_refuses(void **state)
{
    (void)state;
    fx *f = fx_get();
    for (int i = 0; i < 9; i++) {
        pqi_manifest_key keys[6];
        pqi_manifest_spec s = fx_manifest_spec(f, keys);
        pqi_key roots[2] = {FX_ROOT1, FX_ROOT2};
        size_t n_roots = 2, n = 0;
        switch (i) {
        case 0:
            s.root_version = 0;
            break;
        case 1:
            s.threshold[PQI_ROLE_ROOT] = 4;
            break; /* more than its keys */
        case 2:
            s.threshold[PQI_ROLE_ROOT] = 0;
            break; /* keys without a threshold */
        case 3:
            s.threshold[PQI_ROLE_POLICY] = 1;
            break; /* threshold without keys */
        case 4:
            keys[2] = keys[0];
            break; /* one key twice */
        case 5:
            keys[3].pk.len--;
            break;
        case 6:
            roots[1] = FX_ROOT1;
            break; /* one signer twice */
        case 7:
            n_roots = 0;
            break;
        default:
            s.n_keys = 0;
            break;
        }
        assert_int_equal(
            pqi_manifest_build(&f->algs, f->p, &s, roots, n_roots, out_span(), &n), PQI_ERR_ARG);
    }
}

/* The order in the specification does not matter: one set of keys, one encoding. */
static void manifest_is_sorted(void **state)
{
    (void)state;
    fx *f = fx_get();
    pqi_manifest_key keys[5], swap;
    const pqi_manifest_spec s = fx_manifest_spec(f, keys);
    const pqi_key roots[2] = {FX_ROOT2, FX_ROOT1};
    for (int i = 0; i < 2; i++) {
        swap = keys[i];
        keys[i] = keys[4 - i];
        keys[4 - i] = swap;
    }
    size_t n = 0;
    assert_int_equal(pqi_manifest_build(&f->algs, f->p, &s, roots, 2, out_span(), &n), PQI_OK);
    assert_int_equal(n, f->manifest_bytes.len);
    assert_memory_equal(buf, f->manifest_bytes.ptr, n);
}

static void revocations_round_trip(void **state)
{
    (void)state;
    fx *f = fx_get();
    assert_true(f->rev.seq == 9);
    assert_int_equal(f->rev.count, 3);
    pqi_revoked e = pqi_revocations_at(&f->rev, 2);
    assert_int_equal(e.roster_index, 70000);
    assert_int_equal(e.min_key_epoch, UINT32_MAX);
    assert_int_equal(e.reason, 4);
    e = pqi_revocations_at(&f->rev, 3);
    assert_int_equal(e.min_key_epoch, 0);
    assert_int_equal(pqi_revocations_verify(&f->algs, &f->rev, &f->manifest, f->tmp), PQI_OK);
    assert_int_equal(
        reencode_revocations(&f->rev, (pqi_span){again, sizeof again}), f->rev_bytes.len);
    assert_memory_equal(again, f->rev_bytes.ptr, f->rev_bytes.len);
}

static void revocations_full_and_empty(void **state)
{
    (void)state;
    fx *f = fx_get();
    static pqi_revoked list[PQI_REVOKED_MAX + 1];
    for (uint32_t i = 0; i <= PQI_REVOKED_MAX; i++) {
        list[i] = (pqi_revoked){UINT32_MAX - PQI_REVOKED_MAX + i, UINT32_MAX, 255};
    }
    pqi_revocations head = {.root_version = UINT32_MAX, .seq = UINT64_MAX}, got;
    size_t n = 0;
    assert_int_equal(pqi_revocations_build(
                         &f->algs, f->p, FX_REVOKER, &head, list, PQI_REVOKED_MAX, out_span(), &n),
        PQI_OK);
    assert_true(n <= PQI_REVOCATIONS_MAX);
    assert_int_equal(pqi_revocations_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(got.count, PQI_REVOKED_MAX);
    assert_int_equal(pqi_revocations_build(&f->algs, f->p, FX_REVOKER, &head, list,
                         PQI_REVOKED_MAX + 1, out_span(), &n),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, FX_REVOKER, &head, NULL, 0, out_span(), &n), PQI_OK);
    assert_int_equal(pqi_revocations_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(got.count, 0);
    const pqi_revoked twice[2] = {{5, 1, 0}, {5, 2, 0}}, down[2] = {{6, 1, 0}, {5, 1, 0}},
                      nothing[1] = {{5, 0, 0}};
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, FX_REVOKER, &head, twice, 2, out_span(), &n),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, FX_REVOKER, &head, down, 2, out_span(), &n),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, FX_REVOKER, &head, nothing, 1, out_span(), &n),
        PQI_ERR_ARG);
}

/* docs/spec/objects.md, alg16: two ids of one key are two names, also where their low 16 bits agree. */
static void names_of_long_ids(void **state)
{
    (void)state;
    static const struct {
        int32_t alg;
        uint8_t id[6];
        size_t len;
    } c[] = {
        {PQI_SIG_ID_ML_DSA_44, {0xff, 0xd0}, 2},
        {PQI_SIG_ID_FALCON_512, {0, 0, 0xff, 0xfe, 0xff, 0x37}, 6},
        {PQI_SIG_ID_FALCON_512 + 0x10000, {0xff, 0x37}, 2},
        {INT16_MAX, {0x7f, 0xff}, 2},
        {INT16_MAX + 1, {0, 0, 0, 0, 0x80, 0}, 6},
        {INT16_MIN, {0x80, 0}, 2},
        {INT16_MIN - 1, {0, 0, 0xff, 0xff, 0x7f, 0xff}, 6},
        {INT32_MIN, {0, 0, 0x80, 0, 0, 0}, 6},
        {INT32_MAX, {0, 0, 0x7f, 0xff, 0xff, 0xff}, 6},
    };
    fx *f = fx_get();
    const pqi_cspan pk = fx_pk(f, FX_ISSUER);
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        uint8_t got[32], want[32];
        const pqi_cspan id = {c[i].id, c[i].len};
        const pqi_cspan key[] = {{PQI_LIT("PQI4 key")}, id, pk};
        const pqi_cspan fp[] = {{PQI_LIT("PQI4 factory fp")}, id, pk};
        assert_int_equal(f->algs.classic->hash(PQI_HASH_SHA256, key, 3, want), PQI_OK);
        assert_int_equal(pqi_signer_kid(&f->algs, c[i].alg, pk, got), PQI_OK);
        assert_memory_equal(got, want, 8);
        assert_int_equal(f->algs.classic->hash(PQI_HASH_SHA256, fp, 3, want), PQI_OK);
        assert_int_equal(pqi_factory_fp(&f->algs, c[i].alg, pk, got), PQI_OK);
        assert_memory_equal(got, want, 32);
    }
    uint8_t out[32];
    assert_int_equal(pqi_factory_fp(&f->algs, 0, pk, out), PQI_ERR_ARG);
    assert_int_equal(pqi_signer_kid(&f->algs, 0, pk, out), PQI_ERR_ARG);
}

/* 32 bits and not 0; nothing is cut to fit. */
static void range_of_ids(void **state)
{
    (void)state;
    static const struct {
        uint8_t b[9];
        uint8_t len;
        int32_t alg; /* 0: refused */
    } c[] = {
        {{0x38, 0x2f}, 2, PQI_SIG_ID_ML_DSA_44},
        {{0x3a, 0, 1, 0, 0xc8}, 5, PQI_SIG_ID_FALCON_512},
        {{0x3a, 0x7f, 0xff, 0xff, 0xff}, 5, INT32_MIN},
        {{0x1a, 0x7f, 0xff, 0xff, 0xff}, 5, INT32_MAX},
        {{0x00}, 1, 0},
        {{0x1a, 0xff, 0xfe, 0xff, 0x37}, 5, 0}, /* Falcon-512 + 2^32 */
        {{0x3a, 0x80, 0, 0, 0}, 5, 0},
        {{0x1a, 0x80, 0, 0, 0}, 5, 0},
        {{0x3b, 0, 0, 0, 1, 0, 0, 0, 0x2f}, 9, 0}, /* ML-DSA-44 - 2^32 */
        {{0x1b, 0, 0, 0, 1, 0, 0, 0, 0}, 9, 0},
    };
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        rd r = rd_of((pqi_cspan){c[i].b, c[i].len});
        int32_t alg = pqi_ident_read_sig_alg(&r);
        assert_int_equal(rd_done(&r), c[i].alg != 0 ? PQI_OK : PQI_ERR_DECODE);
        assert_true(c[i].alg == 0 || alg == c[i].alg);
    }
}

static pqi_status put_cert(wr *w, const void *obj)
{
    pqi_cert_put_payload(w, obj);
    return PQI_OK;
}

/* Signed by the issuer's key under its own kid, but the header names another algorithm. */
static void algorithm_of_the_header(void **state)
{
    (void)state;
    fx *f = fx_get();
    static const int32_t algs[] = {
        PQI_SIG_ID_ML_DSA_44, PQI_SIG_ID_ML_DSA_65, PQI_SIG_ID_FALCON_512, 1};
    for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
        pqi_cose_signer s;
        pqi_cert c = fx_cert_fields(f), got;
        size_t n = 0;
        assert_int_equal(
            pqi_cose_signer_load(&f->algs, f->p, FX_ISSUER, PQI_DOMAIN_CERT, &s), PQI_OK);
        memcpy(c.issuer_kid, s.kid, PQI_KID_LEN);
        s.alg = algs[i];
        const pqi_cose_body body = {PQI_TYP_CERT, put_cert, &c};
        assert_int_equal(pqi_cose_sign1_build(&s, &body, out_span(), &n), PQI_OK);
        assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
        assert_int_equal(pqi_cert_verify(&f->algs, &got, &f->manifest, &f->now, f->tmp),
            i == 0 ? PQI_OK : PQI_ERR_AUTH);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(scope_matches_whole_levels), cmocka_unit_test(scope_orders_classes),
    cmocka_unit_test(scope_refuses_topics), cmocka_unit_test(cert_fields_come_back),
    cmocka_unit_test(cert_optional_fields_are_absent),
    cmocka_unit_test(cert_build_refuses_bad_fields),
    cmocka_unit_test(build_space_and_provider_failure), cmocka_unit_test(manifest_round_trip),
    cmocka_unit_test(manifest_build_refuses), cmocka_unit_test(manifest_is_sorted),
    cmocka_unit_test(revocations_round_trip), cmocka_unit_test(revocations_full_and_empty),
    cmocka_unit_test(names_of_long_ids), cmocka_unit_test(range_of_ids),
    cmocka_unit_test(algorithm_of_the_header))
