/* SPDX-License-Identifier: Apache-2.0
 * Certificates, manifests and revocations: one encoding each, and nothing that was not signed by
 * the right key in the right role. */
#include "pqi_test.h"

#include "ident/cose.h"
#include "ident/ident.h"
#include "support/reencode.h"
#include "support/trust_fixture.h"

static uint8_t buf[PQI_MANIFEST_MAX], again[PQI_MANIFEST_MAX], work[PQI_MANIFEST_MAX + 1];

static pqi_span out_span(void)
{
    return (pqi_span){buf, sizeof buf};
}

/* ---- one row per kind of object ---------------------------------------------------------------- */

typedef union object {
    pqi_cert cert;
    pqi_manifest manifest;
    pqi_revocations rev;
} object;

typedef struct kind {
    const char *name;
    pqi_status (*decode)(const pqi_algs *a, pqi_cspan in, object *out);
    pqi_status (*verify)(const fx *f, const object *o);
    size_t (*reencode)(const object *o, pqi_span out);
} kind;

static pqi_status dec_cert(const pqi_algs *a, pqi_cspan in, object *o)
{
    return pqi_cert_decode(a, in, &o->cert);
}
static pqi_status ver_cert(const fx *f, const object *o)
{
    return pqi_cert_verify(&f->algs, &o->cert, &f->manifest, &f->now, f->tmp);
}
static size_t enc_cert(const object *o, pqi_span out)
{
    return reencode_cert(&o->cert, out);
}
static pqi_status dec_manifest(const pqi_algs *a, pqi_cspan in, object *o)
{
    return pqi_manifest_decode(a, in, &o->manifest);
}
static pqi_status ver_manifest(const fx *f, const object *o)
{
    return pqi_manifest_verify(&f->algs, &o->manifest, &o->manifest, f->tmp);
}
static size_t enc_manifest(const object *o, pqi_span out)
{
    return reencode_manifest(&o->manifest, out);
}
static pqi_status dec_rev(const pqi_algs *a, pqi_cspan in, object *o)
{
    return pqi_revocations_decode(a, in, &o->rev);
}
static pqi_status ver_rev(const fx *f, const object *o)
{
    int quorum = 0;
    return pqi_revocations_verify(&f->algs, &o->rev, &f->manifest, f->tmp, &quorum);
}
static size_t enc_rev(const object *o, pqi_span out)
{
    return reencode_revocations(&o->rev, out);
}

static const kind kinds[3] = {
    {"certificate", dec_cert, ver_cert, enc_cert},
    {"manifest", dec_manifest, ver_manifest, enc_manifest},
    {"revocations", dec_rev, ver_rev, enc_rev},
};

static pqi_cspan bytes_of(const fx *f, size_t k)
{
    return k == 0 ? f->cert_bytes : k == 1 ? f->manifest_bytes : f->rev_bytes;
}

/* Decodes from a block of the exact size; a refusal must leave *out as it was. */
static pqi_status decode_exact(const fx *f, const kind *k, const uint8_t *p, size_t len)
{
    object o, mark;
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    uint8_t *heap = fx_exact(p, len);
    pqi_status st = k->decode(&f->algs, (pqi_cspan){heap, len}, &o);
    if (st != PQI_OK) {
        assert_memory_equal(&o, &mark, sizeof o);
    } else {
        assert_int_equal(k->reencode(&o, (pqi_span){again, sizeof again}), len);
        assert_memory_equal(again, p, len);
    }
    free(heap);
    return st;
}

/* INV-115: no strict prefix and no extension of a signed object decodes, whatever the byte. */
static void inv_115_no_prefix_no_extension(void **state)
{
    (void)state;
    fx *f = fx_get();
    for (size_t k = 0; k < 3; k++) {
        pqi_cspan in = bytes_of(f, k);
        memcpy(work, in.ptr, in.len);
        assert_int_equal(decode_exact(f, &kinds[k], work, in.len), PQI_OK);
        for (size_t len = 0; len < in.len; len++) {
            assert_int_equal(decode_exact(f, &kinds[k], work, len), PQI_ERR_DECODE);
        }
        for (unsigned x = 0; x < 256; x++) {
            work[in.len] = (uint8_t)x;
            assert_int_equal(decode_exact(f, &kinds[k], work, in.len + 1), PQI_ERR_DECODE);
        }
    }
}

/* INV-21, INV-115: a change of any byte is refused by the decoder or by the signature, and what
 * still decodes encodes to itself. Two changes of every byte; every bit of the payload of a log. */
static void inv_21_any_changed_byte(void **state)
{
    (void)state;
    fx *f = fx_get();
    for (size_t k = 0; k < 3; k++) {
        pqi_cspan in = bytes_of(f, k);
        memcpy(work, in.ptr, in.len);
        for (size_t i = 0; i < in.len; i++) {
            bool small = k == 2 && i < 130;
            for (unsigned bit = 0; bit < 8; bit++) {
                if (!small && bit != i % 8 && bit != (i + 3) % 8) {
                    continue;
                }
                work[i] ^= (uint8_t)(1u << bit);
                object o;
                pqi_status st = decode_exact(f, &kinds[k], work, in.len);
                if (st == PQI_OK) {
                    st = kinds[k].decode(&f->algs, (pqi_cspan){work, in.len}, &o);
                    assert_int_equal(st, PQI_OK);
                    st = kinds[k].verify(f, &o);
                }
                if (st == PQI_OK) {
                    fail_msg("%s: byte %zu bit %u changed and accepted", kinds[k].name, i, bit);
                }
                work[i] ^= (uint8_t)(1u << bit);
            }
        }
    }
}

/* INV-115: the typ header keeps the kinds apart. */
static void inv_115_no_object_for_another(void **state)
{
    (void)state;
    fx *f = fx_get();
    for (size_t k = 0; k < 3; k++) {
        for (size_t other = 0; other < 3; other++) {
            pqi_cspan in = bytes_of(f, other);
            assert_int_equal(
                decode_exact(f, &kinds[k], in.ptr, in.len), k == other ? PQI_OK : PQI_ERR_DECODE);
        }
    }
}

static void caps_come_before_parsing(void **state)
{
    (void)state;
    fx *f = fx_get();
    static uint8_t big[PQI_MANIFEST_MAX + 1];
    static const size_t cap[3] = {PQI_CERT_MAX, PQI_MANIFEST_MAX, PQI_REVOCATIONS_MAX};
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(decode_exact(f, &kinds[k], big, cap[k] + 1), PQI_ERR_DECODE);
        assert_int_equal(decode_exact(f, &kinds[k], big, 0), PQI_ERR_DECODE);
    }
}

/* ---- certificates ------------------------------------------------------------------------------ */

static pqi_status verify_as(const fx *f, const pqi_cert *c)
{
    return pqi_cert_verify(&f->algs, c, &f->manifest, &f->now, f->tmp);
}

/* INV-21: the same signature over a payload with one field changed. */
static void inv_21_each_certified_field(void **state)
{
    (void)state;
    fx *f = fx_get();
    uint8_t kem[800], x[32], sig[1312];
    memcpy(kem, f->cert.kem_pk.ptr, sizeof kem);
    memcpy(x, f->cert.x25519_pk.ptr, sizeof x);
    memcpy(sig, f->cert.sig_pk.ptr, sizeof sig);
    kem[0] ^= 1;
    x[31] ^= 1;
    sig[1311] ^= 1;
    for (int i = 0; i < 21; i++) {
        pqi_cert c = f->cert, got;
        switch (i) {
        case 0:
            break; /* nothing: the control */
        case 1:
            c.device_id = (pqi_cspan){PQI_LIT("pump-2")};
            break;
        case 2:
            c.key_epoch++;
            break;
        case 3:
            c.kem_pk.ptr = kem;
            break;
        case 4:
            c.x25519_pk.ptr = x;
            break;
        case 5:
            c.sig_pk.ptr = sig;
            break;
        case 6:
            c.sig_alg = 0;
            break;
        case 7:
            c.valid_from_epoch--;
            break;
        case 8:
            c.valid_to_epoch++;
            break;
        case 9:
            c.not_before--;
            break;
        case 10:
            c.not_after++;
            break;
        case 11:
            c.suites |= 4;
            break;
        case 12:
            c.roles |= PQI_CERT_ROLE_CONTROL;
            break;
        case 13:
            c.gwset++;
            break;
        case 14:
            c.scopes[0].prefix.len -= 2;
            break;
        case 15:
            c.scopes[0].rights = 3;
            break;
        case 16:
            c.scopes[0].cls = PQI_CLASS_S;
            break;
        case 17:
            c.n_scopes = 1;
            break;
        case 18:
            c.assurance |= PQI_ASSURE_NON_EXPORTABLE;
            break;
        case 19:
            c.roster_index++;
            break;
        default:
            c.gwset = 0;
            break;
        }
        size_t n = reencode_cert(&c, out_span());
        assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
        assert_int_equal(verify_as(f, &got), i == 0 ? PQI_OK : PQI_ERR_AUTH);
        /* INV-20: the key id is computed from the payload, so it cannot disagree with it. */
        assert_int_equal(memcmp(got.key_id, f->cert.key_id, PQI_KEY_ID_LEN) == 0, i == 0);
    }
}

/* INV-20: window by control epoch always, by wall clock where there is one. */
static void inv_20_window(void **state)
{
    (void)state;
    fx *f = fx_get();
    static const struct {
        uint64_t unix_s;
        uint32_t epoch;
        pqi_status want;
    } t[] = {
        {0, 5, PQI_OK},
        {0, 900, PQI_OK},
        {0, 4, PQI_ERR_POLICY},
        {0, 901, PQI_ERR_POLICY},
        {0, 0, PQI_ERR_POLICY},
        {1760000000, 5, PQI_OK},
        {1759999999, 5, PQI_ERR_POLICY},
        {1800000000, 5, PQI_OK},
        {1800000001, 5, PQI_ERR_POLICY},
        {1, 5, PQI_ERR_POLICY},
        {1770000000, 901, PQI_ERR_POLICY},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const pqi_now now = {.unix_s = t[i].unix_s, .control_epoch = t[i].epoch};
        assert_int_equal(pqi_cert_window(&f->cert, &now), t[i].want);
        assert_int_equal(
            pqi_cert_verify(&f->algs, &f->cert, &f->manifest, &now, f->tmp), t[i].want);
    }
    pqi_cert c = f->cert;
    c.not_after = 0; /* open at that end */
    const pqi_now late = {.unix_s = UINT64_MAX, .control_epoch = 5};
    assert_int_equal(pqi_cert_window(&c, &late), PQI_OK);
}

/* INV-20: who signed. A key of another role, a stranger, and a manifest that wants more than one. */
static void inv_20_issuer(void **state)
{
    (void)state;
    fx *f = fx_get();
    const pqi_cert fields = fx_cert_fields(f);
    static const pqi_key wrong[] = {FX_ROOT1, FX_REVOKER, FX_STRANGER, FX_SIG};
    size_t n = 0;
    pqi_cert got;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(pqi_cert_build(&f->algs, f->p, wrong[i], &fields, out_span(), &n), PQI_OK);
        assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
        assert_int_equal(verify_as(f, &got), PQI_ERR_AUTH);
    }
    pqi_manifest m = f->manifest;
    m.threshold[PQI_ROLE_ISSUER] = 2;
    assert_int_equal(pqi_cert_verify(&f->algs, &f->cert, &m, &f->now, f->tmp), PQI_ERR_AUTH);
    pqi_algs fewer = f->algs;
    fewer.n_sigs = 0;
    assert_int_equal(
        pqi_cert_verify(&fewer, &f->cert, &f->manifest, &f->now, f->tmp), PQI_ERR_UNSUPPORTED);
    assert_int_equal(
        pqi_cert_verify(&f->algs, &f->cert, &f->manifest, &f->now, (pqi_span){f->tmp.ptr, 8}),
        PQI_ERR_SPACE);
}

static pqi_status put_raw(wr *w, const void *obj)
{
    wr_bytes(w, *(const pqi_cspan *)obj);
    return PQI_OK;
}

/* A Sign1 with any payload, properly signed: what only a wrong or malicious issuer makes. */
static size_t sign_raw(fx *f, pqi_key key, pqi_cspan typ, pqi_cspan domain, pqi_cspan payload)
{
    pqi_cose_signer s;
    size_t n = 0;
    assert_int_equal(pqi_cose_signer_load(&f->algs, f->p, key, domain, &s), PQI_OK);
    const pqi_cose_body body = {typ, put_raw, &payload};
    assert_int_equal(pqi_cose_sign1_build(&s, &body, out_span(), &n), PQI_OK);
    return n;
}

static size_t sign_raw_multi(fx *f, pqi_key key, pqi_cspan typ, pqi_cspan domain, pqi_cspan payload)
{
    pqi_cose_signer s;
    size_t n = 0;
    assert_int_equal(pqi_cose_signer_load(&f->algs, f->p, key, domain, &s), PQI_OK);
    const pqi_cose_body body = {typ, put_raw, &payload};
    assert_int_equal(pqi_cose_sign_build(&s, 1, &body, out_span(), &n), PQI_OK);
    return n;
}

/* INV-21: the domain label is part of what is signed. */
static void inv_21_domain(void **state)
{
    (void)state;
    fx *f = fx_get();
    pqi_cert got;
    size_t n = sign_raw(f, FX_ISSUER, PQI_TYP_CERT, PQI_DOMAIN_CERT, f->cert.payload);
    assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(verify_as(f, &got), PQI_OK);
    n = sign_raw(f, FX_ISSUER, PQI_TYP_CERT, PQI_DOMAIN_REV, f->cert.payload);
    assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(verify_as(f, &got), PQI_ERR_AUTH);
}

/* Offsets into the fixture's payload; checked before use. */
static size_t find(pqi_cspan in, const char *what, size_t len)
{
    for (size_t i = 0; i + len <= in.len; i++) {
        if (memcmp(in.ptr + i, what, len) == 0) {
            return i;
        }
    }
    fail_msg("pattern not in the payload");
    return 0;
}

/* The payload with n bytes at `at` replaced. */
static pqi_cspan edit(pqi_cspan in, size_t at, size_t n, const char *with, size_t with_len)
{
    memcpy(work, in.ptr, at);
    memcpy(work + at, with, with_len);
    memcpy(work + at + with_len, in.ptr + at + n, in.len - at - n);
    return (pqi_cspan){work, in.len - n + with_len};
}

/* INV-1, INV-20, INV-115: payloads that break a rule are refused although the signature is good. */
static void inv_20_signed_but_wrong(void **state)
{
    (void)state;
    fx *f = fx_get();
    static const struct {
        const char *what, *from;
        size_t from_len;
        const char *to;
        size_t to_len;
    } t[] = {
        {"another version", "\xb0\x01\x01", 3, "\xb0\x01\x02", 3},
        {"a pair too many counted", "\xb0\x01\x01", 3, "\xb1\x01\x01", 3},
        {"a pair too few counted", "\xb0\x01\x01", 3, "\xaf\x01\x01", 3},
        {"version not in shortest form", "\xb0\x01\x01", 3, "\xb0\x01\x18\x01", 4},
        {"indefinite map", "\xb0\x01\x01", 3, "\xbf\x01\x01", 3},
        {"id with a slash", "\x66pump-1\x03", 8, "\x66pump/1\x03", 8},
        {"id with a space", "\x66pump-1\x03", 8, "\x66pump 1\x03", 8},
        {"id with a wildcard", "\x66pump-1\x03", 8, "\x66pump+1\x03", 8},
        {"id with a NUL", "\x66pump-1\x03", 8, "\x66pump\0001\x03", 8},
        {"empty id", "\x66pump-1\x03", 8, "\x60\x03", 2},
        {"id of 33 bytes", "\x66pump-1\x03", 8,
            "\x78\x21"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x03",
            36},
        {"id as bytes", "\x66pump-1\x03", 8, "\x46pump-1\x03", 8},
        {"key epoch 0", "\x03\x03\x04\x82", 4, "\x03\x00\x04\x82", 4},
        {"unknown KEM", "\x04\x82\x01\x59", 4, "\x04\x82\x18\x77\x59", 5},
        {"the key of another KEM", "\x04\x82\x01\x59", 4, "\x04\x82\x02\x59", 4},
        {"window upside down", "\x07\x05\x08\x19\x03\x84", 6, "\x07\x19\x03\x85\x08\x19\x03\x84",
            8},
        {"clock window upside down", "\x1a\x68\xe7\x78\x00\x1a\x6b\x49\xd2\x00", 10,
            "\x1a\x6b\x49\xd2\x01\x1a\x6b\x49\xd2\x00", 10},
        {"clock window of zeros", "\x1a\x68\xe7\x78\x00\x1a\x6b\x49\xd2\x00", 10, "\x00\x00", 2},
        {"unknown role bit", "\x0a\x03\x0b\x01\x0c", 5, "\x0a\x03\x0b\x11\x0c", 5},
        {"gateway set 0", "\x0c\x07\x0d\x82", 4, "\x0c\x00\x0d\x82", 4},
        {"no rights", "pump-1\x01\x01", 8, "pump-1\x00\x01", 8},
        {"unknown right", "pump-1\x01\x01", 8, "pump-1\x04\x01", 8},
        {"unknown class", "pump-1\x01\x01", 8, "pump-1\x01\x04", 8},
        {"prefix with +", "plant/pump-1", 12, "plant/+ump-1", 12},
        {"prefix with #", "plant/pump-1", 12, "plant/pump-#", 12},
        {"prefix with NUL", "plant/pump-1", 12, "plant\0pump-1", 12},
        {"prefix ends in /", "plant/pump-1", 12, "plant/pump//", 12},
        {"prefix not UTF-8", "plant/pump-1", 12,
            "plant/pump\xff"
            "1",
            12},
        {"unknown assurance bit", "\x0e\x04\x0f\x48", 4, "\x0e\x18\x40\x0f\x48", 5},
        {"a kid of 7 bytes", "\x0e\x04\x0f\x48", 4, "\x0e\x04\x0f\x47", 4},
        {"keys out of order", "\x0a\x03\x0b\x01", 4, "\x0b\x01\x0a\x03", 4},
        {"a key twice", "\x0a\x03\x0b\x01", 4, "\x0a\x03\x0a\x03", 4},
        {"an unknown key", "\x0c\x07\x0d", 3, "\x11\x07\x0d", 3},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        size_t at = find(f->cert.payload, t[i].from, t[i].from_len);
        pqi_cspan bad = edit(f->cert.payload, at, t[i].from_len, t[i].to, t[i].to_len);
        size_t n = sign_raw(f, FX_ISSUER, PQI_TYP_CERT, PQI_DOMAIN_CERT, bad);
        pqi_status st = decode_exact(f, &kinds[0], buf, n);
        pqi_status want =
            strcmp(t[i].what, "unknown KEM") == 0 ? PQI_ERR_UNSUPPORTED : PQI_ERR_DECODE;
        if (st != want) {
            fail_msg("%s: %s", t[i].what, pqi_status_name(st));
        }
    }
    /* INV-20: X25519 keys of other lengths. */
    size_t at = (size_t)(f->cert.x25519_pk.ptr - f->cert.payload.ptr) - 2;
    uint8_t x[36] = {0x58, 31};
    for (unsigned len = 31; len <= 33; len += 2) {
        x[1] = (uint8_t)len;
        pqi_cspan bad = edit(f->cert.payload, at, 34, (const char *)x, 2 + len);
        size_t n = sign_raw(f, FX_ISSUER, PQI_TYP_CERT, PQI_DOMAIN_CERT, bad);
        assert_int_equal(decode_exact(f, &kinds[0], buf, n), PQI_ERR_DECODE);
    }
}

/* INV-20: the kid in the payload and in the header are one; so are the algorithms. */
static void inv_20_header_and_payload_agree(void **state)
{
    (void)state;
    fx *f = fx_get();
    size_t at = find(f->cert.payload, "\x0e\x04\x0f\x48", 4) + 4;
    const char kid[1] = {(char)(f->cert.payload.ptr[at] ^ 1)};
    pqi_cspan payload = edit(f->cert.payload, at, 1, kid, 1);
    size_t n = sign_raw(f, FX_ISSUER, PQI_TYP_CERT, PQI_DOMAIN_CERT, payload);
    assert_int_equal(decode_exact(f, &kinds[0], buf, n), PQI_ERR_DECODE);

    pqi_cose_signer s;
    assert_int_equal(pqi_cose_signer_load(&f->algs, f->p, FX_ISSUER, PQI_DOMAIN_CERT, &s), PQI_OK);
    s.alg = PQI_SIG_ID_ML_DSA_65;
    const pqi_cose_body body = {PQI_TYP_CERT, put_raw, &f->cert.payload};
    pqi_cert got;
    assert_int_equal(pqi_cose_sign1_build(&s, &body, out_span(), &n), PQI_OK);
    assert_int_equal(pqi_cert_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    assert_int_equal(verify_as(f, &got), PQI_ERR_AUTH);
}

/* What is signed is the Sig_structure of RFC 9052 section 4.4, put together here by hand. */
static void sig_structure(void **state)
{
    (void)state;
    fx *f = fx_get();
    const pqi_cert *c = &f->cert;
    wr w = wr_of((pqi_span){work, sizeof work});
    wr_bytes(&w, (pqi_cspan){PQI_LIT("\x84\x6aSignature1\x58\x18")});
    assert_int_equal(c->protected_.len, 0x18);
    wr_bytes(&w, c->protected_);
    wr_bytes(&w, (pqi_cspan){PQI_LIT("\x49PQI4 cert\x59")});
    wr_u16(&w, (uint16_t)c->payload.len);
    wr_bytes(&w, c->payload);
    const pqi_cspan all = {work, w.len};
    assert_int_equal(pqi_sig_verify(&pqi_sig_ml_dsa_44, fx_pk(f, FX_ISSUER),
                         (pqi_cspan){PQI_LIT("PQI4 cert")}, &all, 1, c->signature, f->tmp),
        PQI_OK);

    const pqi_manifest *m = &f->manifest;
    rd r;
    pqi_cose_signature s = {0};
    assert_int_equal(pqi_cose_signatures_begin(&r, m->signatures), 2);
    pqi_cose_signature_next(&r, &s);
    w = wr_of((pqi_span){work, sizeof work});
    wr_bytes(&w, (pqi_cspan){PQI_LIT("\x85\x69Signature\x4b\xa1\x10\x68pqi-root\x4e")});
    assert_int_equal(s.protected_.len, 14);
    wr_bytes(&w, s.protected_);
    wr_bytes(&w, (pqi_cspan){PQI_LIT("\x49PQI4 root\x59")});
    wr_u16(&w, (uint16_t)m->payload.len);
    wr_bytes(&w, m->payload);
    const pqi_cspan root = {work, w.len};
    const pqi_manifest_key *k = pqi_ident_find_key(m, PQI_ROLE_ROOT, s.kid);
    assert_non_null(k);
    assert_int_equal(pqi_sig_verify(&pqi_sig_ml_dsa_44, k->pk, (pqi_cspan){PQI_LIT("PQI4 root")},
                         &root, 1, s.signature, f->tmp),
        PQI_OK);
}

/* ---- manifests --------------------------------------------------------------------------------- */

static uint8_t m_buf[40000];

static pqi_status build_manifest(
    fx *f, const pqi_manifest_spec *s, const pqi_key *by, size_t n_by, pqi_manifest *out)
{
    size_t n = 0;
    pqi_status st =
        pqi_manifest_build(&f->algs, f->p, s, by, n_by, (pqi_span){m_buf, sizeof m_buf}, &n);
    return st == PQI_OK ? pqi_manifest_decode(&f->algs, (pqi_cspan){m_buf, n}, out) : st;
}

static void manifest_threshold(void **state)
{
    (void)state;
    fx *f = fx_get();
    pqi_manifest_key keys[5];
    const pqi_manifest_spec s = fx_manifest_spec(f, keys);
    static const struct {
        pqi_key by[3];
        size_t n;
        pqi_status want;
    } t[] = {
        {{FX_ROOT1}, 1, PQI_ERR_AUTH},
        {{FX_ROOT1, FX_ROOT3}, 2, PQI_OK},
        {{FX_ROOT1, FX_ROOT2, FX_ROOT3}, 3, PQI_OK},
        {{FX_ROOT1, FX_ISSUER}, 2, PQI_ERR_AUTH},
        {{FX_ROOT1, FX_STRANGER}, 2, PQI_ERR_AUTH},
        {{FX_ISSUER, FX_REVOKER, FX_STRANGER}, 3, PQI_ERR_AUTH},
        {{FX_ROOT2, FX_STRANGER, FX_ROOT3}, 3, PQI_OK},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        pqi_manifest m;
        assert_int_equal(build_manifest(f, &s, t[i].by, t[i].n, &m), PQI_OK);
        assert_int_equal(pqi_manifest_verify(&f->algs, &m, &m, f->tmp), t[i].want);
    }
    pqi_algs fewer = f->algs;
    fewer.n_sigs = 0;
    assert_int_equal(
        pqi_manifest_verify(&fewer, &f->manifest, &f->manifest, f->tmp), PQI_ERR_UNSUPPORTED);
}

/* One root's signature copied beside itself does not make two. */
static void manifest_duplicate_signer(void **state)
{
    (void)state;
    fx *f = fx_get();
    pqi_manifest_key keys[5];
    const pqi_manifest_spec s = fx_manifest_spec(f, keys);
    const pqi_key by[1] = {FX_ROOT1};
    pqi_manifest m;
    assert_int_equal(build_manifest(f, &s, by, 1, &m), PQI_OK);
    size_t head = (size_t)(m.signatures.ptr - m.encoded.ptr), one = m.signatures.len - 1;
    memcpy(work, m.encoded.ptr, m.encoded.len);
    memcpy(work + m.encoded.len, m.signatures.ptr + 1, one);
    assert_int_equal(work[head], 0x81);
    work[head] = 0x82;
    assert_int_equal(decode_exact(f, &kinds[1], work, m.encoded.len + one), PQI_ERR_DECODE);
    /* Two good signatures in the other order are another encoding: refused. */
    const pqi_cspan sigs = f->manifest.signatures;
    size_t each = (sigs.len - 1) / 2, at = (size_t)(sigs.ptr - f->manifest.encoded.ptr) + 1;
    memcpy(work, f->manifest.encoded.ptr, f->manifest.encoded.len);
    memcpy(work + at, sigs.ptr + 1 + each, each);
    memcpy(work + at + each, sigs.ptr + 1, each);
    assert_int_equal(decode_exact(f, &kinds[1], work, f->manifest.encoded.len), PQI_ERR_DECODE);
}

/* Version N + 1 stands on its own threshold and on that of version N. */
static void manifest_rotation(void **state)
{
    (void)state;
    fx *f = fx_get();
    pqi_manifest_key keys[5];
    pqi_manifest_spec s = fx_manifest_spec(f, keys);
    keys[0] = fx_manifest_key(f, PQI_ROLE_ROOT, FX_STRANGER);
    keys[1] = fx_manifest_key(f, PQI_ROLE_ROOT, FX_SIG2);
    s.root_version = 2; /* roots: stranger, sig2, root3 */
    static const struct {
        pqi_key by[4];
        size_t n;
        pqi_status self, old;
    } t[] = {
        {{FX_ROOT1, FX_ROOT2, FX_STRANGER, FX_SIG2}, 4, PQI_OK, PQI_OK},
        {{FX_ROOT1, FX_ROOT3, FX_STRANGER}, 3, PQI_OK, PQI_OK},
        {{FX_STRANGER, FX_SIG2}, 2, PQI_OK, PQI_ERR_AUTH},
        {{FX_ROOT1, FX_ROOT2}, 2, PQI_ERR_AUTH, PQI_OK},
        {{FX_ROOT3, FX_STRANGER}, 2, PQI_OK, PQI_ERR_AUTH},
    };
    uint8_t pin[32] = {
        0}; /* the same whoever signed: a signature that counts nothing moves no pin */
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        pqi_manifest m;
        assert_int_equal(build_manifest(f, &s, t[i].by, t[i].n, &m), PQI_OK);
        if (i == 0) {
            memcpy(pin, m.hash, sizeof pin);
        }
        assert_memory_equal(m.hash, pin, sizeof pin);
        assert_memory_not_equal(m.hash, f->manifest.hash, sizeof pin);
        assert_int_equal(pqi_manifest_verify(&f->algs, &m, &m, f->tmp), t[i].self);
        assert_int_equal(pqi_manifest_verify(&f->algs, &m, &f->manifest, f->tmp), t[i].old);
    }
    /* Strictly one step, in the same fleet, never back, and no second object of one version. */
    pqi_manifest m;
    s.root_version = 3;
    assert_int_equal(build_manifest(f, &s, t[0].by, 4, &m), PQI_OK);
    assert_int_equal(pqi_manifest_verify(&f->algs, &m, &f->manifest, f->tmp), PQI_ERR_AUTH);
    s.root_version = 1;
    assert_int_equal(build_manifest(f, &s, t[0].by, 4, &m), PQI_OK);
    assert_int_equal(pqi_manifest_verify(&f->algs, &m, &f->manifest, f->tmp), PQI_ERR_AUTH);
    assert_int_equal(pqi_manifest_verify(&f->algs, &f->manifest, &m, f->tmp), PQI_ERR_AUTH);
    s.root_version = 2;
    s.fleet_id[0] ^= 1;
    assert_int_equal(build_manifest(f, &s, t[0].by, 4, &m), PQI_OK);
    assert_int_equal(pqi_manifest_verify(&f->algs, &m, &f->manifest, f->tmp), PQI_ERR_AUTH);
}

/* ---- revocations ------------------------------------------------------------------------------- */

/* Signs the fixture's entries under `head` with these keys; what it is worth under m. */
static pqi_status log_by(fx *f, const pqi_revocations *head, const pqi_manifest *m,
    const pqi_key *by, size_t n_by, int *quorum)
{
    const pqi_revoked list[2] = {{3, 2, 1}, {42, 3, 0}};
    pqi_revocations got;
    size_t n = 0;
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, by, n_by, head, list, 2, out_span(), &n), PQI_OK);
    assert_int_equal(pqi_revocations_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
    return pqi_revocations_verify(&f->algs, &got, m, f->tmp, quorum);
}

/* INV-68: whose log it is. */
static void revocations_signer(void **state)
{
    (void)state;
    fx *f = fx_get();
    int quorum = 0;
    pqi_revocations head = {.root_version = 1};
    memcpy(head.fleet_id, f->manifest.fleet_id, PQI_FLEET_ID_LEN);
    static const pqi_key wrong[] = {FX_ISSUER, FX_ROOT1, FX_STRANGER};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(log_by(f, &head, &f->manifest, &wrong[i], 1, &quorum), PQI_ERR_AUTH);
    }
    /* Without a revoker in the manifest it is the issuer, and nobody else. */
    pqi_manifest_key keys[5];
    pqi_manifest_spec s = fx_manifest_spec(f, keys);
    s.n_keys = 4;
    s.threshold[PQI_ROLE_REVOKER] = 0;
    const pqi_key roots[2] = {FX_ROOT1, FX_ROOT2}, issuer = FX_ISSUER, revoker = FX_REVOKER;
    pqi_manifest m;
    assert_int_equal(build_manifest(f, &s, roots, 2, &m), PQI_OK);
    assert_int_equal(log_by(f, &head, &m, &issuer, 1, &quorum), PQI_OK);
    assert_int_equal(log_by(f, &head, &m, &revoker, 1, &quorum), PQI_ERR_AUTH);

    /* Another fleet, another root version. */
    for (int i = 0; i < 2; i++) {
        pqi_revocations h = head;
        h.fleet_id[15] ^= (uint8_t)(i == 0);
        h.root_version += i == 1 ? 1u : 0u;
        assert_int_equal(log_by(f, &h, &f->manifest, &revoker, 1, &quorum), PQI_ERR_AUTH);
    }
    pqi_algs fewer = f->algs;
    fewer.n_sigs = 0;
    assert_int_equal(pqi_revocations_verify(&fewer, &f->rev, &f->manifest, f->tmp, &quorum),
        PQI_ERR_UNSUPPORTED);
    assert_int_equal(
        pqi_revocations_verify(&f->algs, &f->rev, &f->manifest, (pqi_span){f->tmp.ptr, 8}, &quorum),
        PQI_ERR_SPACE);
}

/* INV-68: thresholds of revokers, and a quorum of policy keys beside them; a policy key is no revoker, and a
 * signature of a known key that does not verify refuses the log. */
static void revocations_quorum(void **state)
{
    (void)state;
    fx *f = fx_get();
    pqi_manifest_key keys[7];
    pqi_manifest_spec s = fx_manifest_spec(f, keys);
    keys[5] = fx_manifest_key(f, PQI_ROLE_POLICY, FX_STRANGER);
    keys[6] = fx_manifest_key(f, PQI_ROLE_POLICY, FX_SIG2);
    s.n_keys = 7;
    s.threshold[PQI_ROLE_POLICY] = 2;
    const pqi_key roots[2] = {FX_ROOT1, FX_ROOT2};
    pqi_manifest m;
    assert_int_equal(build_manifest(f, &s, roots, 2, &m), PQI_OK);
    static const struct {
        pqi_key by[4];
        size_t n;
        pqi_status want;
        int quorum;
    } t[] = {
        {{FX_REVOKER}, 1, PQI_OK, 0},
        {{FX_REVOKER, FX_STRANGER}, 2, PQI_OK, 0},
        {{FX_REVOKER, FX_STRANGER, FX_SIG2}, 3, PQI_OK, 1},
        {{FX_SIG2, FX_STRANGER, FX_REVOKER, FX_ROOT1}, 4, PQI_OK,
            1}, /* in any order, beside others */
        {{FX_STRANGER, FX_SIG2}, 2, PQI_ERR_AUTH, 0},
        {{FX_ISSUER, FX_STRANGER, FX_SIG2}, 3, PQI_ERR_AUTH, 0},
    };
    pqi_revocations head = {.root_version = 1}, got;
    memcpy(head.fleet_id, f->manifest.fleet_id, PQI_FLEET_ID_LEN);
    int quorum = 0;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        quorum = 7;
        assert_int_equal(log_by(f, &head, &m, t[i].by, t[i].n, &quorum), t[i].want);
        assert_int_equal(quorum, t[i].quorum);
    }
    /* A byte of each signature in turn: the object ends with three of the same length. */
    const pqi_revoked list[1] = {{3, 2, 1}};
    size_t n = 0;
    assert_int_equal(
        pqi_revocations_build(&f->algs, f->p, t[2].by, 3, &head, list, 1, out_span(), &n), PQI_OK);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *last =
            &buf[n - 1 - i * ((n - (size_t)(f->rev.signatures.ptr - f->rev.encoded.ptr)) / 3)];
        *last ^= 1;
        assert_int_equal(pqi_revocations_decode(&f->algs, (pqi_cspan){buf, n}, &got), PQI_OK);
        assert_int_equal(pqi_revocations_verify(&f->algs, &got, &m, f->tmp, &quorum), PQI_ERR_AUTH);
        assert_int_equal(quorum, 0);
        *last ^= 1;
    }
    assert_int_equal(pqi_revocations_verify(&f->algs, &got, &m, f->tmp, &quorum), PQI_OK);
    assert_int_equal(quorum, 1);
    m.threshold[PQI_ROLE_REVOKER] = 2;
    assert_int_equal(log_by(f, &head, &m, t[2].by, 3, &quorum), PQI_ERR_AUTH);
    assert_int_equal(quorum, 0);
    /* One revoker's signature copied beside itself does not make two. */
    assert_int_equal(log_by(f, &head, &m, t[0].by, 1, &quorum), PQI_ERR_AUTH);
    const size_t at = (size_t)(f->rev.signatures.ptr - f->rev.encoded.ptr);
    const size_t one = f->rev.signatures.len - 1;
    memcpy(work, f->rev.encoded.ptr, f->rev.encoded.len);
    work[at] = 0x82;
    memcpy(work + f->rev.encoded.len, work + at + 1, one);
    assert_int_equal(decode_exact(f, &kinds[2], work, f->rev.encoded.len + one), PQI_ERR_DECODE);
}

/* INV-115: what no log has is refused although the signature is good. */
static void inv_115_revocation_entries(void **state)
{
    (void)state;
    fx *f = fx_get();
    static const struct {
        const char *from;
        size_t from_len;
        const char *to;
        size_t to_len;
        pqi_status want;
    } t[] = {
        {"\x00\x2a\x00\x00\x00\x03", 6, "\x00\x2a\x00\x00\x00\x00", 6,
            PQI_ERR_DECODE},                                        /* epoch 0 */
        {"\x06\x58\x1b", 3, "\x06\x58\x1c", 3, PQI_ERR_DECODE},     /* a byte more than there is */
        {"\x06\x58\x1b", 3, "\x06\x58\x1a", 3, PQI_ERR_DECODE},     /* and one less */
        {"\x06\x58\x1b\x00", 4, "\x06\x58\x1a", 3, PQI_ERR_DECODE}, /* no whole entries */
        {"\x06\x58\x1b", 3, "\x06\x58\x1b", 3, PQI_OK},             /* the control */
        {"\x04\x00\x05", 3, "\x04\x18\x00\x05", 4, PQI_ERR_DECODE}, /* not the shortest form */
        {"\x04\x00\x05", 3, "\x04\x01\x05", 3, PQI_OK},
        {"\x04\x00\x05", 3, "\x04\x19\x0f\xfd\x05", 5, PQI_OK}, /* 4093 and 3 */
        {"\x04\x00\x05", 3, "\x04\x19\x0f\xfe\x05", 5, PQI_ERR_DECODE},
        {"\x04\x00\x05", 3, "\x04\x19\x10\x00\x05", 5, PQI_ERR_DECODE},
        {"\x05\x58\x20", 3, "\x05\x58\x1f", 3, PQI_ERR_DECODE},
        {"\x03\x01\x04", 3, "\x03\x00\x04", 3, PQI_ERR_DECODE}, /* root version 0 */
        {"\xa6\x01\x01", 3, "\xa6\x01\x02", 3, PQI_ERR_DECODE}, /* another version */
        {"\xa6\x01\x01", 3, "\xa5\x01\x01", 3, PQI_ERR_DECODE},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        size_t at = find(f->rev.payload, t[i].from, t[i].from_len);
        pqi_cspan bad = edit(f->rev.payload, at, t[i].from_len, t[i].to, t[i].to_len);
        size_t n = sign_raw_multi(f, FX_REVOKER, PQI_TYP_REV, PQI_DOMAIN_REV, bad);
        if (decode_exact(f, &kinds[2], buf, n) != t[i].want) {
            fail_msg("payload %zu", i);
        }
    }
    for (size_t i = 0; i < 32; i++) { /* from 0 there is one hash before the first entry */
        size_t at = (size_t)(find(f->rev.payload, "\x05\x58\x20", 3) + 3 + i);
        const char flipped = (char)(f->rev.payload.ptr[at] ^ 1);
        pqi_cspan bad = edit(f->rev.payload, at, 1, &flipped, 1);
        size_t n = sign_raw_multi(f, FX_REVOKER, PQI_TYP_REV, PQI_DOMAIN_REV, bad);
        assert_int_equal(decode_exact(f, &kinds[2], buf, n), PQI_ERR_DECODE);
    }
    for (uint32_t from = 0; from < 2; from++) { /* an empty part is the whole of an empty log */
        pqi_revocations head = f->rev;
        head.from = from;
        wr w = wr_of((pqi_span){work, sizeof work});
        pqi_revocations_put_payload(&w, &head, NULL, 0);
        size_t n =
            sign_raw_multi(f, FX_REVOKER, PQI_TYP_REV, PQI_DOMAIN_REV, (pqi_cspan){work, w.len});
        assert_int_equal(decode_exact(f, &kinds[2], buf, n), from == 0 ? PQI_OK : PQI_ERR_DECODE);
    }
}

/* INV-1: no id outside the set reaches a certificate: neither built nor decoded. */
static void inv_1_id_of_a_certificate(void **state)
{
    (void)state;
    fx *f = fx_get();
    uint8_t id[6] = {'p', 'u', 'm', 'p', '-', '1'};
    const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    for (int c = 0; c < 256; c++) {
        pqi_cert x = f->cert;
        id[4] = (uint8_t)c;
        x.device_id.ptr = id;
        size_t n = reencode_cert(&x, out_span()), m = 0;
        bool ok = c != 0 && strchr(set, c) != NULL;
        assert_int_equal(decode_exact(f, &kinds[0], buf, n), ok ? PQI_OK : PQI_ERR_DECODE);
        if (!ok) {
            assert_int_equal(
                pqi_cert_build(&f->algs, f->p, FX_ISSUER, &x, out_span(), &m), PQI_ERR_ARG);
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(inv_1_id_of_a_certificate),
    cmocka_unit_test(inv_115_no_prefix_no_extension), cmocka_unit_test(inv_21_any_changed_byte),
    cmocka_unit_test(inv_115_no_object_for_another), cmocka_unit_test(caps_come_before_parsing),
    cmocka_unit_test(inv_21_each_certified_field), cmocka_unit_test(inv_20_window),
    cmocka_unit_test(inv_20_issuer), cmocka_unit_test(inv_21_domain),
    cmocka_unit_test(inv_20_signed_but_wrong), cmocka_unit_test(inv_20_header_and_payload_agree),
    cmocka_unit_test(sig_structure), cmocka_unit_test(manifest_threshold),
    cmocka_unit_test(manifest_duplicate_signer), cmocka_unit_test(manifest_rotation),
    cmocka_unit_test(revocations_signer), cmocka_unit_test(revocations_quorum),
    cmocka_unit_test(inv_115_revocation_entries))
