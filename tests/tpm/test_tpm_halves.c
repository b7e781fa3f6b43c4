/* SPDX-License-Identifier: Apache-2.0
 * What a TPM says about its keys, against two swtpm: the halves of a device, keys of the other TPM, keys that
 * were made in software and imported. INV-121. */
#include "rig.h"

#include "port/linux/ossl_p256.h"

#include <pqi/host_attest.h>

#include <tss2/tss2_mu.h>

static tpm_rig r, other;
static pqi_host_element *h;
static pqi_algs algs;
static uint8_t extra[PQI_HALF_EXTRA];

typedef struct said {
    uint8_t mem[PQI_HALF_MAX];
    size_t len;
} said;

static void close_it(void)
{
    if (h != NULL) {
        h->close(h);
        h = NULL;
    }
}

static pqi_tpm_ak ak_of(const tpm_rig *t)
{
    static pqi_tpm_identity id; /* the AK has spans into it, which nobody reads below */
    pqi_tpm_ak ak;
    assert_int_equal(pqi_host_tpm_identity(t->uri, &id), PQI_OK);
    assert_int_equal(
        pqi_tpm_ak_decode(&algs, (pqi_cspan){id.ak_public, id.ak_public_len}, &ak), PQI_OK);
    return ak;
}

static pqi_status ask(pqi_key key, said *s)
{
    const unsigned loaded = tpm_rig_loaded(&r);
    pqi_status st = h->certify(h, key, extra, (pqi_span){s->mem, sizeof s->mem}, &s->len);
    assert_int_equal(tpm_rig_loaded(&r), loaded);
    assert_true((st == PQI_OK) == (s->len != 0));
    return st;
}

static pqi_status check(const said *s, pqi_key_kind kind, const uint8_t *pk, const pqi_tpm_ak *ak)
{
    pqi_half_want w = {.kind = kind, .pk = pk, .ak_pk = ak->pk};
    memcpy(w.extra, extra, sizeof extra);
    return pqi_half_verify(&algs, pqi_host_p256_verify, &w, (pqi_cspan){s->mem, s->len});
}

/* A directory of a TPM with a signing key 7 and a KEM key 8. */
static void two_keys(tpm_rig *t, const char *secret, uint8_t sig[65], uint8_t kem[65])
{
    close_it();
    tpm_rig_new_keys(t);
    assert_int_equal(tpm_rig_open(t, secret, 1, &h), PQI_OK);
    assert_int_equal(h->element.p256_generate(h->element.arg, 7, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(h->element.p256_generate(h->element.arg, 8, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(h->element.p256_public(h->element.arg, 7, sig), PQI_OK);
    assert_int_equal(h->element.p256_public(h->element.arg, 8, kem), PQI_OK);
}

/* With and without a password: noDA is the difference in the area. */
static void sound(void **state)
{
    (void)state;
    static const char *const secrets[2] = {"a secret", NULL};
    for (size_t i = 0; i < 2; i++) {
        uint8_t sig[65], kem[65];
        said a, b;
        two_keys(&r, secrets[i], sig, kem);
        const pqi_tpm_ak ak = ak_of(&r);
        assert_int_equal(ask(7, &a), PQI_OK);
        assert_int_equal(ask(8, &b), PQI_OK);
        assert_int_equal(check(&a, PQI_KEY_SIG, sig, &ak), PQI_OK);
        assert_int_equal(check(&b, PQI_KEY_KEM, kem, &ak), PQI_OK);
        /* swapped, or of the other key */
        assert_int_equal(check(&b, PQI_KEY_SIG, sig, &ak), PQI_ERR_POLICY);
        assert_int_equal(check(&a, PQI_KEY_KEM, kem, &ak), PQI_ERR_POLICY);
        assert_int_equal(check(&a, PQI_KEY_SIG, kem, &ak), PQI_ERR_AUTH);
        assert_int_equal(check(&b, PQI_KEY_KEM, sig, &ak), PQI_ERR_AUTH);
        extra[9] ^= 1; /* of another enrolment */
        assert_int_equal(check(&a, PQI_KEY_SIG, sig, &ak), PQI_ERR_AUTH);
        extra[9] ^= 1;
        for (size_t n = 0; n < a.len; n++) {
            said cut = a;
            cut.len = n;
            assert_int_equal(check(&cut, PQI_KEY_SIG, sig, &ak), PQI_ERR_DECODE);
        }
    }
}

static void refused_here(void **state)
{
    (void)state;
    uint8_t sig[65], kem[65];
    said a;
    size_t n = 1;
    two_keys(&r, "right", sig, kem);
    assert_int_equal(ask(9, &a), PQI_ERR_MISSING);
    assert_int_equal(ask(7, &a), PQI_OK);
    for (size_t room = 0; room < a.len; room += 60) {
        uint8_t small[PQI_HALF_MAX];
        assert_int_equal(h->certify(h, 7, extra, (pqi_span){small, room}, &n), PQI_ERR_SPACE);
        assert_int_equal(n, 0);
    }
    assert_int_equal(tpm_rig_sh(&r, "tpm2_dictionarylockout -s -n 1000 -t 1 -l 1"), 0);
    close_it();
    assert_int_equal(tpm_rig_open(&r, "wrong", 0, &h), PQI_OK);
    assert_int_equal(ask(7, &a), PQI_ERR_AUTH);
    close_it();
    assert_int_equal(tpm_rig_open(&r, "right", 0, &h), PQI_OK);
    assert_int_equal(ask(7, &a), PQI_OK);
}

/* Keys of another TPM, certified by its own AK: true, but not of the TPM that was enrolled. */
static void other_tpm(void **state)
{
    (void)state;
    uint8_t sig[65], kem[65], sig2[65], kem2[65];
    said a, b;
    two_keys(&r, NULL, sig, kem);
    const pqi_tpm_ak ak = ak_of(&r);
    assert_int_equal(ask(7, &a), PQI_OK);
    two_keys(&other, NULL, sig2, kem2);
    const pqi_tpm_ak ak2 = ak_of(&other);
    size_t n = 0;
    assert_int_equal(h->certify(h, 7, extra, (pqi_span){b.mem, sizeof b.mem}, &n), PQI_OK);
    b.len = n;
    assert_int_equal(check(&b, PQI_KEY_SIG, sig2, &ak2), PQI_OK);
    assert_int_equal(check(&b, PQI_KEY_SIG, sig2, &ak), PQI_ERR_AUTH);
    assert_int_equal(check(&b, PQI_KEY_SIG, sig, &ak2), PQI_ERR_AUTH);
    assert_int_equal(check(&a, PQI_KEY_SIG, sig, &ak2), PQI_ERR_AUTH);
    assert_int_equal(check(&a, PQI_KEY_SIG, sig2, &ak), PQI_ERR_AUTH);
}

/* ---- a key that somebody has ------------------------------------------------------------------------- */

static const uint8_t scalar[32] = {0x11, 0x22, 0x33, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static void imported_area(TPM2B_PUBLIC *pub, uint8_t pk[65])
{
    memset(pub, 0, sizeof *pub);
    TPMT_PUBLIC *p = &pub->publicArea;
    p->type = TPM2_ALG_ECC;
    p->nameAlg = TPM2_ALG_SHA256;
    p->objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT |
                          TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SENSITIVEDATAORIGIN;
    TPMS_ECC_PARMS *d = &p->parameters.eccDetail;
    d->symmetric.algorithm = d->kdf.scheme = TPM2_ALG_NULL;
    d->curveID = TPM2_ECC_NIST_P256;
    d->scheme.scheme = TPM2_ALG_ECDSA;
    d->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    assert_int_equal(pqi_ossl_p256_public(pk, scalar), PQI_OK);
    p->unique.ecc.x.size = p->unique.ecc.y.size = 32;
    memcpy(p->unique.ecc.x.buffer, pk + 1, 32);
    memcpy(p->unique.ecc.y.buffer, pk + 33, 32);
}

typedef struct import_args {
    TPM2B_PUBLIC pub;
    said *out;
} import_args;

static pqi_status load_imported(tpm_conn *c, const TPM2B_PUBLIC *pub)
{
    TPM2B_SENSITIVE s = {.size = 0};
    TPM2B_PRIVATE dup = {.size = 0}, *priv = NULL;
    const TPM2B_DATA no_key = {.size = 0};
    const TPM2B_ENCRYPTED_SECRET no_seed = {.size = 0};
    const TPMT_SYM_DEF_OBJECT plain = {.algorithm = TPM2_ALG_NULL};
    size_t n = 0;
    s.sensitiveArea.sensitiveType = TPM2_ALG_ECC;
    s.sensitiveArea.sensitive.ecc.size = sizeof scalar;
    memcpy(s.sensitiveArea.sensitive.ecc.buffer, scalar, sizeof scalar);
    if (Tss2_MU_TPM2B_SENSITIVE_Marshal(&s, dup.buffer, sizeof dup.buffer, &n) != 0) {
        return PQI_ERR_PROVIDER;
    }
    dup.size = (UINT16)n;
    pqi_status st = pqi_tpm_check(c,
        Esys_Import(c->esys, c->srk, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE,
            &no_key, pub, &dup, &no_seed, &plain, &priv),
        "an import");
    if (st == PQI_OK) {
        st = pqi_tpm_check(c,
            Esys_Load(c->esys, c->srk, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE, priv,
                pub, &c->object[0]),
            "a load");
    }
    Esys_Free(priv);
    return st;
}

/* What the attestation key says of it. */
static pqi_status certify_imported(tpm_element *e, tpm_conn *c, void *arg)
{
    const import_args *a = arg;
    ESYS_TR ak = ESYS_TR_NONE;
    TPM2B_DATA q = {.size = sizeof extra};
    TPM2B_ATTEST *attest = NULL;
    TPMT_SIGNATURE *sig = NULL;
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
    size_t at = 2, n = 0;
    memcpy(q.buffer, extra, sizeof extra);
    pqi_status st = load_imported(c, &a->pub);
    if (st == PQI_OK) {
        st = pqi_tpm_object(c, e->uri.base + TPM_AK, e->table.ak_name, &ak);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_check(c,
            Esys_Certify(c->esys, c->object[0], ak, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_PASSWORD,
                ESYS_TR_NONE, &q, &scheme, &attest, &sig),
            "a statement");
    }
    if (st == PQI_OK) {
        uint8_t *p = a->out->mem;
        assert_int_equal(Tss2_MU_TPM2B_PUBLIC_Marshal(&a->pub, p, PQI_HALF_MAX, &at), 0);
        p[0] = (uint8_t)((at - 2) >> 8);
        p[1] = (uint8_t)(at - 2);
        st = pqi_tpm_put_signed(attest, sig, (pqi_span){p + at, PQI_HALF_MAX - at}, &n);
        a->out->len = at + n;
    }
    Esys_Free(attest);
    Esys_Free(sig);
    return st;
}

/* The right TPM, its own AK, a true statement - about a key in software. Its area says so; changed, it is
 * another name. */
static void imported(void **state)
{
    (void)state;
    uint8_t sig[65], kem[65], soft[65];
    said s;
    import_args a = {.out = &s};
    two_keys(&r, NULL, sig, kem);
    const pqi_tpm_ak ak = ak_of(&r);
    imported_area(&a.pub, soft);
    assert_int_equal(pqi_tpm_run(h->element.arg, certify_imported, &a), PQI_OK);
    assert_int_equal(check(&s, PQI_KEY_SIG, soft, &ak), PQI_ERR_POLICY);
    s.mem[11] |= 0x12; /* fixedTPM and fixedParent: what a half has */
    assert_int_equal(check(&s, PQI_KEY_SIG, soft, &ak), PQI_ERR_AUTH);
    /* and the TPM does not take the area for true either */
    a.pub.publicArea.objectAttributes |= TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT;
    assert_int_not_equal(pqi_tpm_run(h->element.arg, certify_imported, &a), PQI_OK);
    assert_int_equal(tpm_rig_loaded(&r), 0);
}

int main(void)
{
    if (!tpm_rig_have()) {
        (void)printf("1..0 # SKIP no swtpm\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(sound), cmocka_unit_test(refused_here),
        cmocka_unit_test(other_tpm), cmocka_unit_test(imported)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)pqi_host_algs(&algs);
    memset(extra, 0x77, sizeof extra);
    tpm_rig_make(&r);
    tpm_rig_make(&other);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    close_it();
    tpm_rig_end(&r);
    tpm_rig_end(&other);
    return rc;
}
