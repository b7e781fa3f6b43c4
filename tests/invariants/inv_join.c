/* SPDX-License-Identifier: Apache-2.0
 * Joining: who may ask, what is granted to whom, and what a device takes as its own. */
#include "pqi_test.h"

#include "ident/cose.h"
#include "ident/ident.h"
#include "support/join_fixture.h"
#include "support/reencode.h"

static uint8_t buf[PQI_GRANT_MAX], again[PQI_GRANT_MAX], work[PQI_GRANT_MAX + 1];
static uint8_t plain[PQI_GRANT_MAX];

/* Decodes, encodes again and verifies; refusals leave *out alone. */
static pqi_status join_accept(jx *j, const uint8_t *p, size_t len)
{
    pqi_join_request m, mark;
    memset(&m, 0x5a, sizeof m);
    memcpy(&mark, &m, sizeof mark);
    uint8_t *heap = fx_exact(p, len);
    pqi_status st = pqi_join_decode(&j->f->algs, (pqi_cspan){heap, len}, &m);
    if (st != PQI_OK) {
        assert_memory_equal(&m, &mark, sizeof m);
    } else {
        assert_int_equal(reencode_join(&m, (pqi_span){again, sizeof again}), len);
        assert_memory_equal(again, p, len);
        st = pqi_join_verify(&j->f->algs, &m, j->factory.fingerprint, j->f->tmp);
    }
    free(heap);
    return st;
}

static pqi_status challenge_accept(jx *j, const uint8_t *p, size_t len)
{
    (void)j;
    pqi_challenge c, mark;
    memset(&c, 0x5a, sizeof c);
    memcpy(&mark, &c, sizeof mark);
    uint8_t *heap = fx_exact(p, len);
    pqi_status st = pqi_challenge_decode((pqi_cspan){heap, len}, &c);
    if (st != PQI_OK) {
        assert_memory_equal(&c, &mark, sizeof c);
    } else {
        assert_int_equal(reencode_challenge(&c, (pqi_span){again, sizeof again}), len);
        assert_memory_equal(again, p, len);
    }
    free(heap);
    return st;
}

static pqi_status factory_accept(jx *j, const uint8_t *p, size_t len)
{
    pqi_factory o, mark;
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    uint8_t *heap = fx_exact(p, len);
    pqi_status st = pqi_factory_open(&j->f->algs, (pqi_cspan){heap, len}, &o, j->f->tmp);
    if (st != PQI_OK) {
        assert_memory_equal(&o, &mark, sizeof o);
    }
    free(heap);
    return st;
}

static pqi_status grant_accept(jx *j, const uint8_t *p, size_t len)
{
    pqi_grant g, mark;
    memset(&g, 0x5a, sizeof g);
    memcpy(&mark, &g, sizeof mark);
    uint8_t *heap = fx_exact(p, len);
    memset(plain, 0, sizeof plain);
    pqi_status st = pqi_grant_open(&j->f->algs, j->f->p, &j->keys, &j->challenge,
        (pqi_cspan){heap, len}, (pqi_span){plain, sizeof plain}, &g);
    if (st != PQI_OK) {
        assert_memory_equal(&g, &mark, sizeof g);
        for (size_t i = 0; i < len; i++) {
            assert_int_equal(plain[i], 0);
        }
    }
    free(heap);
    return st;
}

typedef pqi_status (*accept_fn)(jx *j, const uint8_t *p, size_t len);

static void no_prefix_no_extension(jx *j, accept_fn accept, pqi_cspan in, size_t step)
{
    memcpy(work, in.ptr, in.len);
    assert_int_equal(accept(j, work, in.len), PQI_OK);
    for (size_t len = 0; len < in.len; len += (len < 64 || in.len - len < 64) ? 1 : step) {
        assert_int_equal(accept(j, work, len), PQI_ERR_DECODE);
    }
    for (unsigned x = 0; x < 256; x++) {
        work[in.len] = (uint8_t)x;
        assert_int_equal(accept(j, work, in.len + 1), PQI_ERR_DECODE);
    }
}

/* INV-115: every prefix and every one-byte extension is refused. */
static void inv_115_join_objects(void **state)
{
    (void)state;
    jx *j = jx_get();
    no_prefix_no_extension(j, challenge_accept, j->challenge_bytes, 1);
    no_prefix_no_extension(j, factory_accept, j->factory_bytes, 1);
    no_prefix_no_extension(j, join_accept, j->join_bytes, 1);
    no_prefix_no_extension(j, grant_accept, j->grant_bytes, 1);
}

static void flip_all(jx *j, accept_fn accept, pqi_cspan in, const char *name)
{
    memcpy(work, in.ptr, in.len);
    for (size_t i = 0; i < in.len; i++) {
        uint8_t mask = (uint8_t)(1u << (i % 8));
        work[i] ^= mask;
        if (accept(j, work, in.len) == PQI_OK) {
            fail_msg("%s: byte %zu changed and accepted", name, i);
        }
        work[i] ^= mask;
    }
}

/* INV-18: a change of any byte of a factory record, a join request or a grant (header,
 * capsule, ciphertext and tag) is refused. */
static void inv_18_any_changed_byte(void **state)
{
    (void)state;
    jx *j = jx_get();
    flip_all(j, factory_accept, j->factory_bytes, "factory record");
    flip_all(j, join_accept, j->join_bytes, "join request");
    flip_all(j, grant_accept, j->grant_bytes, "grant");
}

/* Every bit of a challenge: refused, or another challenge, which no request answers. */
static void challenge_bits(void **state)
{
    (void)state;
    jx *j = jx_get();
    pqi_cspan in = j->challenge_bytes;
    memcpy(work, in.ptr, in.len);
    for (size_t bit = 0; bit < 8 * in.len; bit++) {
        pqi_challenge c;
        work[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (challenge_accept(j, work, in.len) == PQI_OK) {
            assert_int_equal(pqi_challenge_decode((pqi_cspan){work, in.len}, &c), PQI_OK);
            pqi_grant g;
            assert_int_equal(pqi_grant_open(&j->f->algs, j->f->p, &j->keys, &c, j->grant_bytes,
                                 (pqi_span){plain, sizeof plain}, &g),
                PQI_ERR_AUTH);
        }
        work[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

/* INV-18: exactly the allow-listed factory key. */
static void inv_18_factory_key(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    uint8_t fp[32];
    memcpy(fp, j->factory.fingerprint, 32);
    for (size_t i = 0; i < 32; i++) {
        fp[i] ^= 0x10;
        assert_int_equal(pqi_join_verify(&f->algs, &j->join, fp, f->tmp), PQI_ERR_AUTH);
        fp[i] ^= 0x10;
    }
    pqi_join_keys keys = j->keys;
    keys.factory = FX_STRANGER; /* signs for itself, soundly, and is not on the list */
    size_t n = 0;
    pqi_join_request got;
    assert_int_equal(pqi_join_build(&f->algs, f->p, &keys, &j->challenge, &j->extra,
                         (pqi_span){buf, sizeof buf}, &n),
        PQI_OK);
    assert_int_equal(pqi_join_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(pqi_join_verify(&f->algs, &got, j->factory.fingerprint, f->tmp), PQI_ERR_AUTH);
}

/* INV-18: each proposed field changed under the same signatures. */
static void inv_18_each_field(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    for (int i = 0; i < 10; i++) {
        pqi_join_request m = j->join, got;
        switch (i) {
        case 0:
            break; /* the control */
        case 1:
            m.device_id = (pqi_cspan){PQI_LIT("pump-2")};
            break;
        case 2:
            m.nonce[0] ^= 1;
            break;
        case 3:
            m.fleet_id[0] ^= 1;
            break;
        case 4:
            m.kem_pk = fx_pk(f, FX_KEM2);
            break;
        case 5:
            m.x25519_pk = fx_pk(f, FX_X25519_2);
            break;
        case 6:
            m.boot.len--;
            break;
        case 7:
            m.suites = 1;
            break;
        case 8:
            m.assurance = PQI_ASSURE_NON_EXPORTABLE;
            break;
        default:
            m.boot.len = 0;
            break;
        }
        size_t n = reencode_join(&m, (pqi_span){buf, sizeof buf});
        assert_int_equal(pqi_join_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
        assert_int_equal(pqi_join_verify(&f->algs, &got, j->factory.fingerprint, f->tmp),
            i == 0 ? PQI_OK : PQI_ERR_AUTH);
    }
    /* Other signing or factory keys do not fit the kids in the signatures' headers. */
    for (int i = 0; i < 2; i++) {
        pqi_join_request m = j->join, got;
        *(i == 0 ? &m.sig_pk : &m.factory_pk) = fx_pk(f, FX_SIG2);
        size_t n = reencode_join(&m, (pqi_span){buf, sizeof buf});
        assert_int_equal(pqi_join_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_ERR_DECODE);
    }
}

static pqi_status put_raw(wr *w, const void *obj)
{
    wr_bytes(w, *(const pqi_cspan *)obj);
    return PQI_OK;
}

/* The fixture's payload under any signers. */
static pqi_status join_signed_by(jx *j, const pqi_cose_signer *s, size_t n_signers)
{
    size_t n = 0;
    const pqi_cose_body body = {PQI_TYP_JOIN, put_raw, &j->join.payload};
    assert_int_equal(
        pqi_cose_sign_build(s, n_signers, &body, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    memcpy(work, buf, n);
    return join_accept(j, work, n);
}

/* INV-18: both proofs, by the right keys, each under its own label, in this order. */
static void inv_18_signatures(void **state)
{
    (void)state;
    jx *j = jx_get();
    const pqi_algs *a = &j->f->algs;
    pqi_provider *p = j->f->p;
    pqi_cose_signer factory, pop, stranger, factory_as_pop, pop_as_factory;
    assert_int_equal(
        pqi_cose_signer_load(a, p, FX_FACTORY, PQI_DOMAIN_JOIN_FACTORY, &factory), PQI_OK);
    assert_int_equal(pqi_cose_signer_load(a, p, FX_SIG, PQI_DOMAIN_JOIN_POP, &pop), PQI_OK);
    assert_int_equal(
        pqi_cose_signer_load(a, p, FX_STRANGER, PQI_DOMAIN_JOIN_POP, &stranger), PQI_OK);
    assert_int_equal(
        pqi_cose_signer_load(a, p, FX_FACTORY, PQI_DOMAIN_JOIN_POP, &factory_as_pop), PQI_OK);
    assert_int_equal(
        pqi_cose_signer_load(a, p, FX_SIG, PQI_DOMAIN_JOIN_FACTORY, &pop_as_factory), PQI_OK);

    const pqi_cose_signer good[3] = {factory, pop, stranger};
    assert_int_equal(join_signed_by(j, good, 2), PQI_OK);
    assert_int_equal(join_signed_by(j, good, 1), PQI_ERR_DECODE); /* no proof of possession */
    assert_int_equal(join_signed_by(j, good + 1, 1), PQI_ERR_DECODE);
    assert_int_equal(join_signed_by(j, good, 3), PQI_ERR_DECODE);
    const pqi_cose_signer swapped[2] = {pop, factory};
    assert_int_equal(join_signed_by(j, swapped, 2), PQI_ERR_DECODE);
    const pqi_cose_signer other[2] = {factory, stranger};
    assert_int_equal(join_signed_by(j, other, 2), PQI_ERR_DECODE);
    const pqi_cose_signer label1[2] = {factory_as_pop, pop};
    assert_int_equal(join_signed_by(j, label1, 2), PQI_ERR_AUTH);
    const pqi_cose_signer label2[2] = {factory, pop_as_factory};
    assert_int_equal(join_signed_by(j, label2, 2), PQI_ERR_AUTH);
    /* The signing key's kid in the header, a stranger's signature under it. */
    pqi_cose_signer forged = stranger;
    memcpy(forged.kid, pop.kid, PQI_KID_LEN);
    const pqi_cose_signer pair[2] = {factory, forged};
    assert_int_equal(join_signed_by(j, pair, 2), PQI_ERR_AUTH);
}

/* FIPS 203 section 7.2: a KEM key with a coefficient >= q is refused although properly signed. */
static void join_with_bad_kem_key(void **state)
{
    (void)state;
    jx *j = jx_get();
    pqi_cose_signer s[2];
    assert_int_equal(
        pqi_cose_signer_load(&j->f->algs, j->f->p, FX_FACTORY, PQI_DOMAIN_JOIN_FACTORY, &s[0]),
        PQI_OK);
    assert_int_equal(
        pqi_cose_signer_load(&j->f->algs, j->f->p, FX_SIG, PQI_DOMAIN_JOIN_POP, &s[1]), PQI_OK);
    memcpy(again, j->join.payload.ptr, j->join.payload.len);
    size_t at = (size_t)(j->join.kem_pk.ptr - j->join.payload.ptr);
    memset(again + at, 0xff, 2); /* the first coefficient: 0xfff */
    const pqi_cspan payload = {again, j->join.payload.len};
    const pqi_cose_body body = {PQI_TYP_JOIN, put_raw, &payload};
    size_t n = 0;
    assert_int_equal(pqi_cose_sign_build(s, 2, &body, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    assert_int_equal(join_accept(j, buf, n), PQI_ERR_AUTH);
}

/* Only the keys and the challenge of the request open the grant. */
static void grant_to_others(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    for (int i = 0; i < 6; i++) {
        pqi_join_keys keys = j->keys;
        pqi_challenge ch = j->challenge;
        switch (i) {
        case 0:
            break; /* the control */
        case 1:
            keys.kem = FX_KEM2;
            break;
        case 2:
            keys.x25519 = FX_X25519_2;
            break;
        case 3:
            ch.nonce[31] ^= 1;
            break;
        case 4:
            ch.fleet_id[0] ^= 1;
            break;
        default:
            ch.device_id = (pqi_cspan){PQI_LIT("pump-2")};
            break;
        }
        pqi_grant g;
        assert_int_equal(pqi_grant_open(&f->algs, f->p, &keys, &ch, j->grant_bytes,
                             (pqi_span){plain, sizeof plain}, &g),
            i == 0 ? PQI_OK : PQI_ERR_AUTH);
    }
    pqi_grant g;
    assert_int_equal(pqi_grant_open(&f->algs, f->p, &j->keys, &j->challenge, j->grant_bytes,
                         (pqi_span){plain, 100}, &g),
        PQI_ERR_SPACE);
}

static pqi_status check(
    jx *j, const pqi_join_keys *keys, const char *id, const uint8_t *pin, const pqi_grant *g)
{
    return pqi_grant_check(&j->f->algs, j->f->p, keys, (pqi_cspan){(const uint8_t *)id, strlen(id)},
        pin, g, &j->f->now, j->f->tmp);
}

/* INV-22: the pinned manifest, this device, exactly the live keys. */
static void inv_22_install(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    const uint8_t *pin = f->manifest.hash;
    assert_int_equal(check(j, &j->keys, "pump-1", pin, &j->grant), PQI_OK);
    assert_int_equal(check(j, &j->keys, "pump-2", pin, &j->grant), PQI_ERR_AUTH);
    assert_int_equal(check(j, &j->keys, "pump-10", pin, &j->grant), PQI_ERR_AUTH);
    assert_int_equal(check(j, &j->keys, "", pin, &j->grant), PQI_ERR_ARG);
    uint8_t other[32];
    memcpy(other, pin, 32);
    other[31] ^= 1;
    assert_int_equal(check(j, &j->keys, "pump-1", other, &j->grant), PQI_ERR_AUTH);
    for (int i = 0; i < 6; i++) {
        pqi_join_keys keys = j->keys;
        pqi_status want = PQI_ERR_AUTH;
        switch (i) {
        case 0:
            keys.kem = FX_KEM2;
            break;
        case 1:
            keys.x25519 = FX_X25519_2;
            break;
        case 2:
            keys.sig = FX_SIG2;
            break;
        case 3:
            keys.sig = 0;
            break;
        case 4:
            keys.kem = FX_SIG;
            break;
        default:
            keys.kem = 999;
            want = PQI_ERR_MISSING;
            break;
        }
        assert_int_equal(check(j, &keys, "pump-1", pin, &j->grant), want);
    }
}

/* INV-22: a certificate that the pinned manifest's issuer did not sign, another device's, one
 * without the signing key, one outside its window; a manifest with too few signatures. */
static void inv_22_certificate(void **state)
{
    (void)state;
    jx *j = jx_get();
    fx *f = j->f;
    const uint8_t *pin = f->manifest.hash;
    for (int i = 0; i < 5; i++) {
        pqi_cert c = fx_cert_fields(f);
        pqi_key issuer = FX_ISSUER;
        pqi_status want = PQI_ERR_AUTH;
        switch (i) {
        case 0:
            want = PQI_OK;
            break;
        case 1:
            issuer = FX_STRANGER;
            break;
        case 2:
            c.device_id = (pqi_cspan){PQI_LIT("pump-2")};
            break;
        case 3:
            c.sig_alg = 0;
            c.sig_pk = (pqi_cspan){NULL, 0};
            break;
        default:
            c.valid_to_epoch = f->now.control_epoch - 1;
            want = PQI_ERR_POLICY;
            break;
        }
        size_t n = 0;
        assert_int_equal(
            pqi_cert_build(&f->algs, f->p, issuer, &c, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
        pqi_grant g = j->grant;
        g.cert = (pqi_cspan){buf, n};
        assert_int_equal(check(j, &j->keys, "pump-1", pin, &g), want);
    }
    pqi_manifest_key keys[5];
    const pqi_manifest_spec spec = fx_manifest_spec(f, keys);
    const pqi_key one[1] = {FX_ROOT1};
    size_t n = 0;
    pqi_manifest m;
    assert_int_equal(
        pqi_manifest_build(&f->algs, f->p, &spec, one, 1, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    pqi_grant g = j->grant;
    g.manifest = (pqi_cspan){buf, n};
    assert_int_equal(pqi_manifest_decode(&f->algs, g.manifest, &m), PQI_OK);
    assert_int_equal(check(j, &j->keys, "pump-1", pin, &g), PQI_ERR_AUTH); /* not the pinned one */
    assert_int_equal(check(j, &j->keys, "pump-1", m.hash, &g), PQI_ERR_AUTH); /* one signature */
    g.manifest.len--;
    assert_int_equal(check(j, &j->keys, "pump-1", m.hash, &g), PQI_ERR_DECODE);
}

PQI_TEST_MAIN(cmocka_unit_test(inv_115_join_objects), cmocka_unit_test(inv_18_any_changed_byte),
    cmocka_unit_test(challenge_bits), cmocka_unit_test(inv_18_factory_key),
    cmocka_unit_test(inv_18_each_field), cmocka_unit_test(inv_18_signatures),
    cmocka_unit_test(join_with_bad_kem_key), cmocka_unit_test(grant_to_others),
    cmocka_unit_test(inv_22_install), cmocka_unit_test(inv_22_certificate))
