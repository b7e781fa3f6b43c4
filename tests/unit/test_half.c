/* SPDX-License-Identifier: Apache-2.0
 * Statements of a TPM about the P-256 halves of keys: sound ones, cut at every byte, extended, each byte changed,
 * each rule broken by itself. INV-121. */
#include "pqi_test.h"

#include "support/control_fixture.h"
#include "support/fake_quote.h"
#include <pqi/host.h>
#include <pqi/host_attest.h>

static fake_tpm tpm, other;
static uint8_t extra[PQI_HALF_EXTRA];

static const pqi_algs *algs(void)
{
    return &cx_get()->algs;
}

/* Made by `t`, then verified as the half of `want_tag` with the attestation key of `tpm`. */
typedef struct round {
    uint8_t mem[PQI_HALF_MAX];
    size_t len, area;
    pqi_tpm_ak ak;
    fake_half want;
    pqi_half_want w;
} round;

static void start(round *g, pqi_key_kind kind)
{
    memset(g, 0, sizeof *g);
    assert_int_equal(pqi_tpm_ak_decode(algs(), (pqi_cspan){tpm.ak, tpm.ak_len}, &g->ak), PQI_OK);
    fake_half_of(&g->want, kind, 50, extra);
    g->w = (pqi_half_want){.kind = kind, .pk = g->want.point, .ak_pk = g->ak.pk};
    memcpy(g->w.extra, extra, sizeof extra);
}

static pqi_status check(round *g)
{
    return pqi_half_verify(algs(), pqi_host_p256_verify, &g->w, (pqi_cspan){g->mem, g->len});
}

static pqi_status said(round *g, const fake_tpm *t, const fake_half *h)
{
    g->len = fake_tpm_certify(t, algs(), h, g->mem, &g->area);
    return check(g);
}

static void sound(void **state)
{
    (void)state;
    static const pqi_key_kind kinds[2] = {PQI_KEY_SIG, PQI_KEY_KEM};
    for (size_t i = 0; i < 2; i++) {
        round g;
        pqi_half h;
        start(&g, kinds[i]);
        fake_half f = g.want;
        assert_int_equal(said(&g, &tpm, &f), PQI_OK);
        assert_int_equal(pqi_half_decode(algs(), (pqi_cspan){g.mem, g.len}, &h), PQI_OK);
        assert_int_equal(h.kind, kinds[i]);
        assert_memory_equal(h.pk, f.point, sizeof h.pk);
        assert_memory_equal(h.extra.ptr, extra, sizeof extra);
        f.attributes &= ~0x400u; /* with a password that can be guessed wrong */
        assert_int_equal(said(&g, &tpm, &f), PQI_OK);
    }
}

/* In memory of its exact length; *out is left alone. */
static void every_cut(void **state)
{
    (void)state;
    round g;
    pqi_half h, mark;
    memset(&h, 0x5a, sizeof h);
    memcpy(&mark, &h, sizeof h);
    start(&g, PQI_KEY_SIG);
    assert_int_equal(said(&g, &tpm, &g.want), PQI_OK);
    for (size_t n = 0; n < g.len; n++) {
        uint8_t *exact = cx_exact(g.mem, n);
        assert_int_equal(pqi_half_decode(algs(), (pqi_cspan){exact, n}, &h), PQI_ERR_DECODE);
        assert_memory_equal(&h, &mark, sizeof h);
        free(exact);
    }
    g.mem[g.len] = 0;
    assert_int_equal(pqi_half_decode(algs(), (pqi_cspan){g.mem, g.len + 1}, &h), PQI_ERR_DECODE);
    /* and behind each of the three parts */
    static uint8_t longer[PQI_HALF_MAX + 1];
    const size_t ends[3] = {g.area, g.len - 74, g.len};
    const size_t heads[3] = {0, g.area, g.len - 74};
    for (size_t i = 0; i < 3; i++) {
        memcpy(longer, g.mem, ends[i]);
        longer[ends[i]] = 0;
        memcpy(longer + ends[i] + 1, g.mem + ends[i], g.len - ends[i]);
        longer[heads[i] + 1]++;
        assert_int_equal(
            pqi_half_decode(algs(), (pqi_cspan){longer, g.len + 1}, &h), PQI_ERR_DECODE);
    }
    assert_memory_equal(&h, &mark, sizeof h);
}

/* Each bit counts: those of the area by the name, those of the rest by the signature. */
static void every_bit(void **state)
{
    (void)state;
    round g;
    start(&g, PQI_KEY_KEM);
    assert_int_equal(said(&g, &tpm, &g.want), PQI_OK);
    for (size_t i = 0; i < g.len; i++) {
        for (unsigned b = 0; b < 8; b++) {
            g.mem[i] ^= (uint8_t)(1u << b);
            assert_int_not_equal(check(&g), PQI_OK);
            g.mem[i] ^= (uint8_t)(1u << b);
        }
    }
    assert_int_equal(check(&g), PQI_OK);
}

/* The TPM says so itself, and it is no key that stays in there. */
static void templates(void **state)
{
    (void)state;
    static const uint32_t flips[2][13] = {
        /* fixedTPM, fixedParent, origin, userWithAuth, restricted, sign; stClear, adminWithPolicy,
         * encryptedDuplication, decrypt, x509sign, reserved ones */
        {0x2, 0x10, 0x20, 0x40, 0x10000, 0x40000, 0x4, 0x80, 0x800, 0x20000, 0x80000, 0x1,
            0x80000000u},
        {0x2, 0x10, 0x20, 0x40, 0x20000, 0x4, 0x80, 0x800, 0x10000, 0x40000, 0x80000, 0x1,
            0x80000000u}};
    static const pqi_key_kind kinds[2] = {PQI_KEY_SIG, PQI_KEY_KEM};
    static const uint8_t policy[32];
    for (size_t k = 0; k < 2; k++) {
        round g;
        start(&g, kinds[k]);
        for (size_t i = 0; i < 13; i++) {
            fake_half f = g.want;
            f.attributes ^= flips[k][i];
            assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
        }
        fake_half f = g.want;
        f.curve = 4; /* the points of P-384 are longer, but what says so is refused before */
        assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
        f.curve = 0x10; /* BN P-256, with as many bytes */
        assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
        f = g.want;
        f.policy = (pqi_cspan){policy, sizeof policy};
        assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
        uint16_t *const fields[] = {&f.type, &f.name_alg, &f.sym, &f.scheme, &f.hash, &f.kdf};
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
            f = g.want;
            *fields[i] ^= i == 3 ? 2 : 1; /* scheme: neither's, or that of the other kind */
            assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
        }
        f = g.want;
        f.scheme ^= 1;
        assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
    }
}

/* What is said, by whom, and about what. */
static void statements(void **state)
{
    (void)state;
    round g;
    start(&g, PQI_KEY_SIG);
    fake_half f = g.want;
    f.magic ^= 1; /* data that a key signed, and no TPM made */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_DECODE);
    f = g.want;
    f.kind = 0x8018; /* a quote */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_DECODE);
    f.kind = 0x801a; /* a creation */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_DECODE);
    f = g.want;
    f.safe = 2;
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_DECODE);
    f = g.want;
    f.name_xor = 1; /* of another key */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_AUTH);
    f = g.want;
    f.extra[31] ^= 1; /* of another enrolment */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_AUTH);
    fake_half_of(&f, PQI_KEY_SIG, 51, extra); /* a key of this TPM, but not the certified one */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_AUTH);
    f = g.want;
    assert_int_equal(said(&g, &other, &f), PQI_ERR_AUTH); /* the key of another TPM */
    fake_half_of(&f, PQI_KEY_KEM, 50, extra);             /* the other half, with this point */
    assert_int_equal(said(&g, &tpm, &f), PQI_ERR_POLICY);
    assert_int_equal(said(&g, &tpm, &g.want), PQI_OK);
    assert_int_equal(pqi_half_verify(algs(), NULL, &g.w, (pqi_cspan){g.mem, g.len}), PQI_ERR_ARG);
}

/* A key in software: true statements do not fit forged areas, and who signs by himself is not the AK. */
static void forged(void **state)
{
    (void)state;
    round g, soft;
    start(&g, PQI_KEY_SIG);
    start(&soft, PQI_KEY_SIG);
    fake_half f = g.want;
    f.attributes &= ~0x32u; /* imported: not fixed, not made there */
    assert_int_equal(said(&soft, &tpm, &f), PQI_ERR_POLICY);
    assert_int_equal(said(&g, &tpm, &g.want), PQI_OK);
    assert_int_equal(g.area, soft.area);
    memcpy(soft.mem, g.mem, g.area); /* the area as it should be, the statement as it is */
    assert_int_equal(check(&soft), PQI_ERR_AUTH);
    /* a statement that is sound in all but its signature */
    assert_int_equal(said(&g, &other, &g.want), PQI_ERR_AUTH);
}

/* A signature of another scheme; r and s of other lengths. */
static void signatures(void **state)
{
    (void)state;
    round g;
    pqi_half h;
    start(&g, PQI_KEY_SIG);
    assert_int_equal(said(&g, &tpm, &g.want), PQI_OK);
    uint8_t *sig = g.mem + g.len - 72;
    const pqi_cspan in = {g.mem, g.len};
    sig[1] = 0x14; /* RSASSA */
    assert_int_equal(pqi_half_decode(algs(), in, &h), PQI_ERR_UNSUPPORTED);
    sig[1] = 0x18;
    sig[3] = 0x0c;
    assert_int_equal(pqi_half_decode(algs(), in, &h), PQI_ERR_UNSUPPORTED);
    sig[3] = 0x0b;
    sig[5] = 33;
    assert_int_equal(pqi_half_decode(algs(), in, &h), PQI_ERR_DECODE);
    sig[5] = 32;
    assert_int_equal(check(&g), PQI_OK);
}

/* Each part of what is qualified makes another value. */
static void qualifying(void **state)
{
    (void)state;
    static const pqi_cspan id = {PQI_LIT("pump-1")}, id2 = {PQI_LIT("pump-2")}, bad = {PQI_LIT("")};
    uint8_t secret[32], key_id[PQI_KEY_ID_LEN], a[32], b[32];
    char hex[65];
    for (size_t i = 0; i < 32; i++) {
        secret[i] = (uint8_t)i;
        key_id[i / 2] = (uint8_t)(0xa0 + i / 2);
    }
    assert_int_equal(pqi_half_qualifying(algs(), secret, id, key_id, a), PQI_OK);
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", a[i]);
    }
    assert_string_equal(hex,
        "5a5b5c0bde64e7d80ecd97a4ac7bd432ba4c6161f19159bbcfabf7a0cf41d5ba"); /* docs/spec/attest.md section 9 */
    assert_int_equal(pqi_half_qualifying(algs(), secret, id2, key_id, b), PQI_OK);
    assert_memory_not_equal(a, b, 32);
    secret[31] ^= 1;
    assert_int_equal(pqi_half_qualifying(algs(), secret, id, key_id, b), PQI_OK);
    assert_memory_not_equal(a, b, 32);
    secret[31] ^= 1;
    key_id[15] ^= 1;
    assert_int_equal(pqi_half_qualifying(algs(), secret, id, key_id, b), PQI_OK);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(pqi_half_qualifying(algs(), secret, bad, key_id, b), PQI_ERR_ARG);
}

/* Only a certificate with both halves has points. */
static void points(void **state)
{
    (void)state;
    static uint8_t sig_pk[2592], kem_pk[1568];
    uint8_t s[65], k[65];
    pqi_algs all;
    assert_non_null(pqi_host_algs(&all));
    for (size_t i = 0; i < sizeof sig_pk; i++) {
        sig_pk[i] = (uint8_t)(i * 7);
        kem_pk[i % sizeof kem_pk] = (uint8_t)(i * 5);
    }
    pqi_cert c = {.sig_alg = PQI_SIG_ID_ML_DSA_65_P256,
        .sig_pk = {sig_pk, 2017},
        .kem_alg = PQI_KEM_ID_ML_KEM_768_P256,
        .kem_pk = {kem_pk, 1249}};
    assert_int_equal(pqi_half_points(&all, &c, s, k), PQI_OK);
    assert_memory_equal(s, sig_pk + 1952, 65);
    assert_memory_equal(k, kem_pk + 1184, 65);
    c.sig_alg = PQI_SIG_ID_ML_DSA_65;
    assert_int_equal(pqi_half_points(&all, &c, s, k), PQI_ERR_POLICY);
    c.sig_alg = 0; /* KEM only */
    assert_int_equal(pqi_half_points(&all, &c, s, k), PQI_ERR_POLICY);
    c.sig_alg = PQI_SIG_ID_ML_DSA_65_P256;
    c.kem_alg = PQI_KEM_ID_ML_KEM_768;
    assert_int_equal(pqi_half_points(&all, &c, s, k), PQI_ERR_POLICY);
}

static pqi_ak_msg proof(const uint8_t *x)
{
    return (pqi_ak_msg){.kind = PQI_AK_HALF_PROOF,
        .device_id = {PQI_LIT("pump-1")},
        .ak_name = {0, 0x0b},
        .body = {x, PQI_AK_SECRET_LEN},
        .key_id = {7, 8, 9},
        .half_sig = {x, 300},
        .half_kem = {x + 1, PQI_HALF_MAX}};
}

/* The message that carries them, cut and extended; elements of one kind under the name of another. */
static void messages(void **state)
{
    (void)state;
    static const uint8_t x[PQI_HALF_MAX + 1] = {9, 1};
    uint8_t buf[PQI_AK_MSG_MAX + 1];
    size_t n = 0;
    pqi_ak_msg m = proof(x), back;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    assert_int_equal(pqi_ak_msg_decode((pqi_cspan){buf, n}, &back), PQI_OK);
    assert_int_equal(back.kind, PQI_AK_HALF_PROOF);
    assert_memory_equal(back.key_id, m.key_id, sizeof m.key_id);
    assert_int_equal(back.half_sig.len, 300);
    assert_int_equal(back.half_kem.len, PQI_HALF_MAX);
    for (size_t i = 0; i < n; i++) {
        uint8_t *exact = cx_exact(buf, i);
        assert_int_equal(pqi_ak_msg_decode((pqi_cspan){exact, i}, &back), PQI_ERR_DECODE);
        free(exact);
    }
    buf[n] = 0;
    assert_int_equal(pqi_ak_msg_decode((pqi_cspan){buf, n + 1}, &back), PQI_ERR_DECODE);
    buf[0] = 0x85; /* five elements, and the rest behind them */
    assert_int_equal(pqi_ak_msg_decode((pqi_cspan){buf, n}, &back), PQI_ERR_DECODE);
    m.kind = PQI_AK_PROOF;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    assert_int_equal(pqi_ak_msg_decode((pqi_cspan){buf, n}, &back), PQI_OK);
    assert_int_equal(back.half_sig.len, 0);
    buf[0] = 0x88;
    assert_int_equal(pqi_ak_msg_decode((pqi_cspan){buf, n}, &back), PQI_ERR_DECODE);
    m = proof(x);
    m.half_sig.len = PQI_HALF_MAX + 1;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);
    m = proof(x);
    m.half_kem.len = 0;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);
    m = proof(x);
    m.body.len = 31;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);
}

/* A certificate names the key whose halves are proven if and only if its flag says so. */
static void certificates(void **state)
{
    (void)state;
    cx *f = cx_get();
    static uint8_t buf[PQI_AK_CERT_MAX];
    size_t n = 0;
    pqi_ak_cert back, c = {.root_version = 1,
                          .device_id = {PQI_LIT("pump-1")},
                          .roster_index = 4,
                          .ak = {.encoded = {tpm.ak, tpm.ak_len}},
                          .cls = {PQI_LIT("pump")},
                          .flags = PQI_AK_HALVES,
                          .valid_to_epoch = 100,
                          .half_key_id = {1, 2, 3}};
    memcpy(c.fleet_id, f->manifest.fleet_id, sizeof c.fleet_id);
    const pqi_span room = {buf, sizeof buf};
    assert_int_equal(pqi_ak_cert_build(&f->algs, f->p, CX_ISSUER, &c, room, &n), PQI_OK);
    assert_int_equal(pqi_ak_cert_decode(&f->algs, (pqi_cspan){buf, n}, &back), PQI_OK);
    assert_memory_equal(back.half_key_id, c.half_key_id, sizeof c.half_key_id);
    const pqi_now now = {0, 0, 1};
    assert_int_equal(pqi_ak_cert_verify(&f->algs, &back, &f->manifest, &now, f->tmp), PQI_OK);
    uint8_t *end = buf + (back.payload.ptr - buf) + back.payload.len; /* 0c 02 0d 50 key-id */
    assert_int_equal(end[-19], PQI_AK_HALVES);
    end[-19] = 0;
    assert_int_equal(pqi_ak_cert_decode(&f->algs, (pqi_cspan){buf, n}, &back), PQI_ERR_DECODE);
    end[-19] = PQI_AK_HALVES | 4;
    assert_int_equal(pqi_ak_cert_decode(&f->algs, (pqi_cspan){buf, n}, &back), PQI_ERR_DECODE);
    c.flags = 0;
    assert_int_equal(pqi_ak_cert_build(&f->algs, f->p, CX_ISSUER, &c, room, &n), PQI_OK);
    assert_int_equal(pqi_ak_cert_decode(&f->algs, (pqi_cspan){buf, n}, &back), PQI_OK);
    assert_int_equal(back.half_key_id[0], 0);
    end = buf + (back.payload.ptr - buf) + back.payload.len;
    end[-1] = PQI_AK_HALVES; /* without the key id */
    assert_int_equal(pqi_ak_cert_decode(&f->algs, (pqi_cspan){buf, n}, &back), PQI_ERR_DECODE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sound), cmocka_unit_test(every_cut),
        cmocka_unit_test(every_bit), cmocka_unit_test(templates), cmocka_unit_test(statements),
        cmocka_unit_test(forged), cmocka_unit_test(signatures), cmocka_unit_test(qualifying),
        cmocka_unit_test(points), cmocka_unit_test(messages), cmocka_unit_test(certificates)};
    fake_tpm_start(&tpm, algs(), 1);
    fake_tpm_start(&other, algs(), 2);
    memset(extra, 0x77, sizeof extra);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const int rc = cmocka_run_group_tests(tests, NULL, NULL);
    fake_tpm_stop(&tpm);
    fake_tpm_stop(&other);
    return rc;
}
