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
            c.assurance = 0x40;
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
    int quorum = 7;
    assert_int_equal(f->rev.from, 0);
    assert_int_equal(f->rev.count, 3);
    pqi_revoked e = pqi_revocations_at(&f->rev, 2);
    assert_int_equal(e.roster_index, 70000);
    assert_int_equal(e.min_key_epoch, UINT32_MAX);
    assert_int_equal(e.reason, 4);
    e = pqi_revocations_at(&f->rev, 3);
    assert_int_equal(e.min_key_epoch, 0);
    assert_int_equal(
        pqi_revocations_verify(&f->algs, &f->rev, &f->manifest, f->tmp, &quorum), PQI_OK);
    assert_int_equal(quorum, 0);
    assert_int_equal(
        reencode_revocations(&f->rev, (pqi_span){again, sizeof again}), f->rev_bytes.len);
    assert_memory_equal(again, f->rev_bytes.ptr, f->rev_bytes.len);
}

static pqi_status build_log(
    uint32_t version, uint32_t from, const pqi_revoked *list, size_t count, size_t *n)
{
    fx *f = fx_get();
    const pqi_key revoker = FX_REVOKER;
    const pqi_revocations head = {.root_version = version, .from = from, .prev = {1}};
    return pqi_revocations_build(&f->algs, f->p, &revoker, 1, &head, list, count, out_span(), n);
}

static void revocations_caps(void **state)
{
    (void)state;
    fx *f = fx_get();
    static pqi_revoked list[PQI_REV_LOG_MAX + 1];
    for (uint32_t i = 0; i <= PQI_REV_LOG_MAX; i++) {
        list[i] = (pqi_revoked){UINT32_MAX - i, UINT32_MAX, 255};
    }
    static const struct {
        uint32_t from;
        size_t count;
        pqi_status want;
    } t[] = {{0, PQI_REV_LOG_MAX, PQI_OK}, {0, PQI_REV_LOG_MAX + 1, PQI_ERR_ARG}, {0, 0, PQI_OK},
        {1, 0, PQI_ERR_ARG}, {1, PQI_REV_LOG_MAX - 1, PQI_OK}, {1, PQI_REV_LOG_MAX, PQI_ERR_ARG},
        {PQI_REV_LOG_MAX - 1, 1, PQI_OK}, {PQI_REV_LOG_MAX - 1, 2, PQI_ERR_ARG},
        {PQI_REV_LOG_MAX, 1, PQI_ERR_ARG}, {UINT32_MAX, 1, PQI_ERR_ARG}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        size_t n = 0;
        pqi_revocations got;
        assert_int_equal(build_log(UINT32_MAX, t[i].from, list, t[i].count, &n), t[i].want);
        if (t[i].want == PQI_OK) {
            assert_true(n <= PQI_REVOCATIONS_MAX);
            assert_int_equal(pqi_revocations_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
            assert_int_equal(got.from, t[i].from);
            assert_int_equal(got.count, t[i].count);
            assert_int_equal(got.prev[0] == 1, t[i].from != 0); /* R0 is computed */
        }
    }
    size_t n = 0;
    const pqi_revoked twice[2] = {{5, 1, 0}, {5, 1, 0}}, down[2] = {{6, 1, 0}, {5, 1, 0}},
                      nothing[2] = {{6, 1, 0}, {5, 0, 0}};
    assert_int_equal(build_log(1, 0, twice, 2, &n), PQI_OK);
    assert_int_equal(build_log(1, 0, down, 2, &n), PQI_OK);
    assert_int_equal(build_log(1, 0, nothing, 2, &n), PQI_ERR_ARG);
    assert_int_equal(build_log(1, 0, NULL, 1, &n), PQI_ERR_ARG);
    assert_int_equal(build_log(0, 0, twice, 1, &n), PQI_ERR_ARG);
    const pqi_key pair[2] = {FX_REVOKER, FX_REVOKER};
    const pqi_revocations head = {.root_version = 1};
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, pair, 2, &head, twice, 2, out_span(), &n),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, pair, 0, &head, twice, 2, out_span(), &n),
        PQI_ERR_ARG);
}

/* docs/spec/control.md section 1.4: in steps or at once, the hash of the log is the same, and it is that of
 * the text. */
static void revocations_hash(void **state)
{
    (void)state;
    fx *f = fx_get();
    uint8_t at_once[32], steps[32], want[32], parts[64];
    assert_int_equal(pqi_rev_log_start(&f->algs, f->manifest.fleet_id, 1, at_once), PQI_OK);
    memcpy(parts, f->manifest.fleet_id, 16);
    memcpy(parts + 16, "\0\0\0\1", 4);
    const pqi_cspan first[] = {{PQI_LIT("PQI4 rev log")}, {parts, 20}};
    assert_int_equal(f->algs.classic->hash(PQI_HASH_SHA256, first, 2, want), PQI_OK);
    assert_memory_equal(at_once, want, 32);
    assert_memory_equal(f->rev.prev, want, 32);
    memcpy(steps, at_once, 32);
    assert_int_equal(pqi_rev_log_fold(&f->algs, f->rev.entries, at_once), PQI_OK);
    for (size_t i = 0; i < 3; i++) {
        const pqi_cspan e = {f->rev.entries.ptr + 9 * i, 9};
        const pqi_cspan next[] = {{PQI_LIT("PQI4 rev entry")}, {want, 32}, e};
        assert_int_equal(f->algs.classic->hash(PQI_HASH_SHA256, next, 3, parts), PQI_OK);
        memcpy(want, parts, 32);
        assert_int_equal(pqi_rev_log_fold(&f->algs, e, steps), PQI_OK);
    }
    assert_memory_equal(steps, want, 32);
    assert_memory_equal(at_once, want, 32);
    const pqi_cspan cut = {f->rev.entries.ptr, 10};
    assert_int_equal(pqi_rev_log_fold(&f->algs, cut, steps), PQI_ERR_ARG);
    assert_memory_equal(steps, want, 32);
    assert_int_equal(pqi_rev_log_fold(&f->algs, (pqi_cspan){NULL, 0}, steps), PQI_OK);
    assert_memory_equal(steps, want, 32);
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
    cmocka_unit_test(revocations_round_trip), cmocka_unit_test(revocations_caps),
    cmocka_unit_test(revocations_hash), cmocka_unit_test(names_of_long_ids),
    cmocka_unit_test(range_of_ids), cmocka_unit_test(algorithm_of_the_header))
