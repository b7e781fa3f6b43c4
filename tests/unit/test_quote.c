/* SPDX-License-Identifier: Apache-2.0
 * Structures of TPMs, event logs and the formats around them: sound ones, cut at every byte, extended, each
 * byte changed, each field outside its set. */
#include "pqi_test.h"

#include "support/control_fixture.h"
#include "support/fake_quote.h"
#include <pqi/host_attest.h>

#define MASK 0x00000085u /* PCR 0, 2, 7 */

static fake_tpm tpm;

static const pqi_algs *algs(void)
{
    return &cx_get()->algs;
}

/* ---- every cut ------------------------------------------------------------------------------------ */

typedef pqi_status (*parse)(pqi_cspan in);

static pqi_status parse_quote(pqi_cspan in)
{
    pqi_quote q;
    return pqi_quote_decode(in, &q);
}
static pqi_status parse_ak(pqi_cspan in)
{
    pqi_tpm_ak k;
    return pqi_tpm_ak_decode(algs(), in, &k);
}
static pqi_status parse_ek(pqi_cspan in)
{
    pqi_tpm_ek k;
    return pqi_tpm_ek_decode(algs(), in, &k);
}
static pqi_status parse_challenge(pqi_cspan in)
{
    pqi_attest_challenge c;
    return pqi_attest_challenge_decode(in, &c);
}
static pqi_status parse_evidence(pqi_cspan in)
{
    pqi_attest_evidence e;
    return pqi_attest_evidence_decode(in, &e);
}
static pqi_status parse_msg(pqi_cspan in)
{
    pqi_ak_msg m;
    return pqi_ak_msg_decode(in, &m);
}

/* In memory of its exact length, so that a read past the end is found. */
static void cut_everywhere(parse p, pqi_cspan good)
{
    assert_int_equal(p(good), PQI_OK);
    for (size_t n = 0; n < good.len; n++) {
        uint8_t *exact = cx_exact(good.ptr, n);
        assert_int_not_equal(p((pqi_cspan){exact, n}), PQI_OK);
        free(exact);
    }
    uint8_t *more = malloc(good.len + 1);
    memcpy(more, good.ptr, good.len);
    more[good.len] = 0;
    assert_int_not_equal(p((pqi_cspan){more, good.len + 1}), PQI_OK);
    free(more);
}

/* ---- quotes --------------------------------------------------------------------------------------- */

static void quotes(void **state)
{
    (void)state;
    uint8_t q[PQI_QUOTE_MAX], digest[32], bad[64];
    pqi_quote out, mark;
    fake_tpm_event(&tpm, algs(), 0, 8, "firmware 1");
    const size_t n = fake_tpm_quote(&tpm, algs(), (pqi_cspan){PQI_LIT("nonce")}, MASK, q);
    cut_everywhere(parse_quote, (pqi_cspan){q, n});
    assert_int_equal(pqi_quote_decode((pqi_cspan){q, n}, &out), PQI_OK);
    assert_int_equal(out.pcr_mask, MASK);
    assert_int_equal(out.reset_count, 7);
    assert_int_equal(out.restart_count, 2);
    assert_true(out.clock == 123456);
    assert_int_equal(out.extra.len, 5);
    assert_int_equal(pqi_pcrs_digest(algs(), &tpm.pcrs, MASK, digest), PQI_OK);
    assert_memory_equal(out.pcr_digest, digest, 32);
    /* its signature is that of its bytes */
    pqi_tpm_ak ak;
    assert_int_equal(pqi_tpm_ak_decode(algs(), (pqi_cspan){tpm.ak, tpm.ak_len}, &ak), PQI_OK);
    assert_int_equal(algs()->classic->hash(PQI_HASH_SHA256, &out.attest, 1, digest), PQI_OK);
    assert_int_equal(pqi_host_p256_verify(ak.pk, digest, out.sig), PQI_OK);
    for (size_t i = 0; i < 64; i++) {
        memcpy(bad, out.sig, sizeof bad);
        bad[i] ^= 1;
        assert_int_equal(pqi_host_p256_verify(ak.pk, digest, bad), PQI_ERR_AUTH);
    }
    digest[5] ^= 1;
    assert_int_equal(pqi_host_p256_verify(ak.pk, digest, out.sig), PQI_ERR_AUTH);
    digest[5] ^= 1;
    ak.pk[64] ^= 1; /* not on the curve */
    assert_int_equal(pqi_host_p256_verify(ak.pk, digest, out.sig), PQI_ERR_AUTH);
    memset(bad, 0, sizeof bad);
    ak.pk[64] ^= 1;
    assert_int_equal(pqi_host_p256_verify(ak.pk, digest, bad), PQI_ERR_AUTH);
    /* where each byte of the fixed part counts, and *out is left alone */
    static const size_t fixed[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        q[fixed[i]] ^= 0x40;
        memset(&out, 0x5a, sizeof out);
        memcpy(&mark, &out, sizeof out);
        assert_int_not_equal(pqi_quote_decode((pqi_cspan){q, n}, &out), PQI_OK);
        assert_memory_equal(&out, &mark, sizeof out);
        q[fixed[i]] ^= 0x40;
    }
}

/* Offsets in TPMS_ATTEST with 5 bytes of extra data, behind the length in front of it. */
static void quote_fields(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        pqi_status want;
    } cases[] = {
        {2 + 4 + 1, 0x17, PQI_ERR_DECODE},            /* a certification, no quote */
        {2 + 8 + 1, 0x0c, PQI_ERR_DECODE},            /* a name of SHA-384 */
        {2 + 65, 2, PQI_ERR_DECODE},                  /* safe is yes or no */
        {2 + 77, 2, PQI_ERR_DECODE},                  /* two selections */
        {2 + 79, 0x0c, PQI_ERR_DECODE},               /* another bank */
        {2 + 80, 4, PQI_ERR_DECODE},                  /* a selection of another length */
        {2 + 85, 31, PQI_ERR_DECODE},                 /* a digest of another length */
        {2 + 118 + 2 + 1, 0x14, PQI_ERR_UNSUPPORTED}, /* RSASSA */
        {2 + 118 + 2 + 3, 0x0c, PQI_ERR_UNSUPPORTED}, /* SHA-384 */
    };
    uint8_t q[PQI_QUOTE_MAX];
    pqi_quote out;
    const size_t n = fake_tpm_quote(&tpm, algs(), (pqi_cspan){PQI_LIT("nonce")}, MASK, q);
    assert_int_equal(q[0] * 256 + q[1], 118);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t was = q[cases[i].at];
        assert_int_not_equal(was, cases[i].value);
        q[cases[i].at] = cases[i].value;
        assert_int_equal(pqi_quote_decode((pqi_cspan){q, n}, &out), cases[i].want);
        q[cases[i].at] = was;
    }
    memset(q + 2 + 81, 0, 3); /* over no PCR */
    assert_int_equal(pqi_quote_decode((pqi_cspan){q, n}, &out), PQI_ERR_DECODE);
}

/* ---- keys ----------------------------------------------------------------------------------------- */

static void attestation_keys(void **state)
{
    (void)state;
    uint8_t k[PQI_TPM_AK_MAX];
    pqi_tpm_ak ak;
    cut_everywhere(parse_ak, (pqi_cspan){tpm.ak, tpm.ak_len});
    /* each attribute that must be there, and each that must not */
    static const uint32_t needed[] = {0x2, 0x10, 0x20, 0x10000, 0x40000};
    static const uint32_t refused[] = {0x4, 0x800, 0x20000, 0x80000, 0x1, 0x80000000u};
    memcpy(k, tpm.ak, tpm.ak_len);
    const pqi_cspan in = {k, tpm.ak_len};
    for (size_t i = 0; i < 11; i++) {
        const uint32_t flip = i < 5 ? needed[i] : refused[i - 5];
        const uint32_t a = 0x00050072u ^ flip;
        for (int b = 0; b < 4; b++) {
            k[6 + b] = (uint8_t)(a >> (24 - 8 * b));
        }
        assert_int_equal(pqi_tpm_ak_decode(algs(), in, &ak), PQI_ERR_POLICY);
    }
    memcpy(k, tpm.ak, tpm.ak_len);
    /* type, name algorithm, symmetric, scheme, its hash, curve, kdf */
    static const size_t numbers[] = {3, 5, 13, 15, 17, 19, 21};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        k[numbers[i]] ^= 1;
        assert_int_equal(pqi_tpm_ak_decode(algs(), in, &ak), PQI_ERR_POLICY);
        k[numbers[i]] ^= 1;
    }
    assert_int_equal(pqi_tpm_ak_decode(algs(), in, &ak), PQI_OK);
    assert_int_equal(ak.name[1], 0x0b);
    assert_int_equal(ak.pk[0], 4);
}

/* The template L-2 of the EK Credential Profile: P-256, SHA-256, AES-128. */
static size_t make_ek(uint8_t *out, const uint8_t x[32], const uint8_t y[32])
{
    static const uint8_t head[] = {0, 122, 0, 0x23, 0, 0x0b, 0, 3, 0, 0xb2, 0, 32};
    static const uint8_t tail[] = {0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10, 0, 32};
    memcpy(out, head, sizeof head);
    memset(out + sizeof head, 0x33, 32);
    memcpy(out + 44, tail, sizeof tail);
    memcpy(out + 58, x, 32);
    out[90] = 0;
    out[91] = 32;
    memcpy(out + 92, y, 32);
    return 124;
}

static void endorsement_keys(void **state)
{
    (void)state;
    uint8_t k[256];
    pqi_tpm_ek ek;
    const size_t n = make_ek(k, tpm.ak + 24, tpm.ak + 58);
    const pqi_cspan in = {k, n};
    cut_everywhere(parse_ek, in);
    assert_int_equal(pqi_tpm_ek_decode(algs(), in, &ek), PQI_OK);
    assert_int_equal(ek.sym_bits, 128);
    assert_int_equal(ek.curve, 3);
    static const size_t numbers[] = {3, 5, 6, 7, 9, 45, 47, 49, 51, 53, 55};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        k[numbers[i]] ^= 0x12;
        assert_int_not_equal(pqi_tpm_ek_decode(algs(), in, &ek), PQI_OK);
        k[numbers[i]] ^= 0x12;
    }
    /* A signing key is no endorsement key, and the other way round. */
    assert_int_not_equal(pqi_tpm_ek_decode(algs(), (pqi_cspan){tpm.ak, tpm.ak_len}, &ek), PQI_OK);
    pqi_tpm_ak ak;
    assert_int_not_equal(pqi_tpm_ak_decode(algs(), in, &ak), PQI_OK);
}

/* One key is one fingerprint, however its public area is written: a TPM opens a credential for its key
 * whatever the area beside it says, so that another spelling must not be another TPM. */
static void one_key_one_fingerprint(void **state)
{
    (void)state;
    uint8_t k[256], rsa[512] = {0};
    pqi_tpm_ek ek, other;
    const pqi_cspan in = {k, make_ek(k, tpm.ak + 24, tpm.ak + 58)};
    assert_int_equal(pqi_tpm_ek_decode(algs(), in, &ek), PQI_OK);
    k[12] ^= 1;   /* the policy */
    k[9] ^= 0x40; /* userWithAuth */
    k[46] = 1;    /* AES-256 */
    k[47] = 0;
    assert_int_equal(pqi_tpm_ek_decode(algs(), in, &other), PQI_OK);
    assert_memory_equal(ek.fingerprint, other.fingerprint, 32);
    k[123] ^= 1; /* another point */
    assert_int_equal(pqi_tpm_ek_decode(algs(), in, &other), PQI_OK);
    assert_memory_not_equal(ek.fingerprint, other.fingerprint, 32);
    /* RSA: the default exponent is written as 0 or as itself */
    static const uint8_t head[] = {1, 26, 0, 1, 0, 0x0b, 0, 3, 0, 0xb2, 0, 0, 0, 6, 0, 128, 0, 0x43,
        0, 0x10, 8, 0, 0, 0, 0, 0, 1, 0};
    memcpy(rsa, head, sizeof head);
    memset(rsa + sizeof head, 0x99, 256);
    const pqi_cspan area = {rsa, sizeof head + 256};
    assert_int_equal(pqi_tpm_ek_decode(algs(), area, &ek), PQI_OK);
    rsa[23] = 1;
    rsa[25] = 1;
    assert_int_equal(pqi_tpm_ek_decode(algs(), area, &other), PQI_OK);
    assert_memory_equal(ek.fingerprint, other.fingerprint, 32);
    rsa[100] ^= 1;
    assert_int_equal(pqi_tpm_ek_decode(algs(), area, &other), PQI_OK);
    assert_memory_not_equal(ek.fingerprint, other.fingerprint, 32);
}

/* ---- event logs ----------------------------------------------------------------------------------- */

static void logs(void **state)
{
    (void)state;
    pqi_pcrs p;
    fake_tpm t;
    fake_tpm_start(&t, algs(), 9);
    fake_tpm_event(&t, algs(), 0, 8, "crtm");
    fake_tpm_event(&t, algs(), 7, 0x80000001u, "secure boot");
    fake_tpm_event(&t, algs(), 0, 4, "separator");
    memset(t.pcrs.v[17], 0, 32); /* a dynamic launch sets it to zero first */
    fake_tpm_event(&t, algs(), 17, 5, "launch");
    assert_int_equal(pqi_eventlog_replay(algs(), (pqi_cspan){t.log, t.log_len}, &p), PQI_OK);
    assert_int_equal(p.events, 4);
    assert_int_equal(p.extended, 1u << 0 | 1u << 7 | 1u << 17);
    assert_memory_equal(p.v, t.pcrs.v, sizeof p.v);
    /* Cut between events a log is a shorter log; anywhere else it is none. */
    unsigned whole = 0;
    for (size_t n = 0; n < t.log_len; n++) {
        uint8_t *exact = cx_exact(t.log, n);
        whole += pqi_eventlog_replay(algs(), (pqi_cspan){exact, n}, &p) == PQI_OK;
        free(exact);
    }
    assert_int_equal(whole, 4);
    /* A changed digest leads elsewhere. */
    const size_t first = 65 + 14;
    t.log[first] ^= 1;
    assert_int_equal(pqi_eventlog_replay(algs(), (pqi_cspan){t.log, t.log_len}, &p), PQI_OK);
    assert_memory_not_equal(p.v[0], t.pcrs.v[0], 32);
    t.log[first] ^= 1;
    /* PCR 24, another algorithm, two digests of one, the header's name, a bank that is not SHA-256 */
    static const struct {
        size_t at;
        uint8_t value;
        pqi_status want;
    } cases[] = {{65, 24, PQI_ERR_DECODE}, {65 + 12, 0x0c, PQI_ERR_DECODE},
        {65 + 8, 2, PQI_ERR_DECODE}, {65 + 8, 0, PQI_ERR_DECODE}, {32, 's', PQI_ERR_DECODE},
        {0, 1, PQI_ERR_DECODE}, {4, 4, PQI_ERR_DECODE}, {56, 0, PQI_ERR_DECODE},
        {56, 9, PQI_ERR_DECODE}, {62, 20, PQI_ERR_DECODE}, {60, 0x0c, PQI_ERR_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t was = t.log[cases[i].at];
        assert_int_not_equal(was, cases[i].value);
        t.log[cases[i].at] = cases[i].value;
        assert_int_equal(
            pqi_eventlog_replay(algs(), (pqi_cspan){t.log, t.log_len}, &p), cases[i].want);
        t.log[cases[i].at] = was;
    }
    fake_tpm_stop(&t);
}

/* SHA-1 beside SHA-256: digests in any order, one of each, and those of SHA-256 count. */
static void two_banks(void **state)
{
    (void)state;
    static const uint8_t head[] = {0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 37, 0, 0, 0, 'S', 'p', 'e', 'c', ' ', 'I', 'D', ' ', 'E', 'v', 'e', 'n',
        't', '0', '3', 0, 0, 0, 0, 0, 0, 2, 0, 2, 2, 0, 0, 0, 4, 0, 20, 0, 11, 0, 32, 0, 0};
    uint8_t log[256] = {0};
    pqi_pcrs p, q;
    memcpy(log, head, sizeof head);
    for (int order = 0; order < 2; order++) {
        uint8_t *e = log + sizeof head; /* PCR 1, type 1, two digests, no data */
        memset(e, 0, 72 + 4);
        e[0] = e[4] = 1;
        e[8] = 2;
        uint8_t *sha1 = e + 12 + (order != 0 ? 34 : 0), *sha256 = e + 12 + (order != 0 ? 0 : 22);
        sha1[0] = 4;
        memset(sha1 + 2, 0x11, 20);
        sha256[0] = 11;
        memset(sha256 + 2, 0x22, 32);
        const pqi_cspan in = {log, sizeof head + 72};
        assert_int_equal(pqi_eventlog_replay(algs(), in, order != 0 ? &q : &p), PQI_OK);
        sha1[0] = 11; /* the second one of an algorithm, of whatever length */
        assert_int_equal(pqi_eventlog_replay(
                             algs(), (pqi_cspan){log, in.len + (order != 0 ? 12 : 0)}, &tpm.pcrs),
            PQI_ERR_DECODE);
        sha1[0] = 4;
        sha256[0] = 4;
        assert_int_equal(
            pqi_eventlog_replay(algs(), (pqi_cspan){log, in.len - 12}, &tpm.pcrs), PQI_ERR_DECODE);
    }
    assert_memory_equal(&p, &q, sizeof p);
}

/* "StartupLocality" sets where PCR 0 begins; late or twice it is an attempt to hide something. */
static void localities(void **state)
{
    (void)state;
    static const uint8_t zero[32];
    static const pqi_cspan four = {PQI_LIT("StartupLocality\0\x04")};
    pqi_pcrs p;
    fake_tpm t;
    fake_tpm_start(&t, algs(), 9);
    fake_tpm_log(&t, 0, PQI_EV_NO_ACTION, zero, four);
    t.pcrs.v[0][31] = 4;
    fake_tpm_event(&t, algs(), 0, 8, "crtm");
    const size_t len = t.log_len;
    assert_int_equal(pqi_eventlog_replay(algs(), (pqi_cspan){t.log, len}, &p), PQI_OK);
    assert_memory_equal(p.v[0], t.pcrs.v[0], 32);
    fake_tpm_log(&t, 0, PQI_EV_NO_ACTION, zero, four);
    assert_int_equal(
        pqi_eventlog_replay(algs(), (pqi_cspan){t.log, t.log_len}, &p), PQI_ERR_DECODE);
    fake_tpm_stop(&t);
}

/* 4,096 events, and no more. */
static void log_bounds(void **state)
{
    (void)state;
    static uint8_t big[PQI_EVENTLOG_MAX + 64];
    pqi_pcrs p;
    fake_tpm t;
    fake_tpm_start(&t, algs(), 9);
    const size_t head = t.log_len;
    fake_tpm_event(&t, algs(), 1, 1, "");
    const size_t one = t.log_len - head;
    memcpy(big, t.log, head);
    for (size_t i = 0; i <= PQI_EVENTLOG_EVENTS; i++) {
        memcpy(big + head + i * one, t.log + head, one);
    }
    const size_t most = head + PQI_EVENTLOG_EVENTS * one;
    assert_int_equal(pqi_eventlog_replay(algs(), (pqi_cspan){big, most}, &p), PQI_OK);
    assert_int_equal(p.events, PQI_EVENTLOG_EVENTS);
    assert_int_equal(pqi_eventlog_replay(algs(), (pqi_cspan){big, most + one}, &p), PQI_ERR_DECODE);
    pqi_eventlog l;
    assert_int_equal(
        pqi_eventlog_begin(&l, (pqi_cspan){big, PQI_EVENTLOG_MAX + 1}), PQI_ERR_DECODE);
    fake_tpm_stop(&t);
}

/* ---- around them ---------------------------------------------------------------------------------- */

static void messages(void **state)
{
    (void)state;
    uint8_t buf[4096];
    size_t n = 0;
    pqi_attest_challenge c = {{1, 2, 3}, MASK, 1, 5, {PQI_LIT("control")}}, c2;
    assert_int_equal(pqi_attest_challenge_encode(&c, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    assert_int_equal(n, 49 + 7);
    cut_everywhere(parse_challenge, (pqi_cspan){buf, n});
    assert_int_equal(pqi_attest_challenge_decode((pqi_cspan){buf, n}, &c2), PQI_OK);
    assert_memory_equal(c2.nonce, c.nonce, sizeof c.nonce);
    c.pcr_mask = 0x1000000;
    assert_int_equal(pqi_attest_challenge_encode(&c, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);

    static const uint8_t x[64] = {9};
    pqi_attest_evidence e = {{4}, {x, 10}, {x, 20}, {x, 64}, {x, 3}}, e2;
    assert_int_equal(pqi_attest_evidence_encode(&e, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    cut_everywhere(parse_evidence, (pqi_cspan){buf, n});
    assert_int_equal(pqi_attest_evidence_decode((pqi_cspan){buf, n}, &e2), PQI_OK);
    assert_int_equal(e2.log.len, 3);
    e.values.len = 33;
    assert_int_equal(pqi_attest_evidence_encode(&e, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);

    pqi_ak_msg m = {.kind = PQI_AK_PROOF,
        .device_id = {PQI_LIT("pump-1")},
        .ak_name = {0, 0x0b},
        .body = {x, 32}};
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    cut_everywhere(parse_msg, (pqi_cspan){buf, n});
    m.body.len = 31;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_ERR_ARG);
    m.kind = PQI_AK_CREDENTIAL;
    assert_int_equal(pqi_ak_msg_encode(&m, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    cut_everywhere(parse_msg, (pqi_cspan){buf, n});
}

/* docs/spec/attest.md section 9. */
static void spec_example(void **state)
{
    (void)state;
    static const uint8_t head[] = {0x78, 1, 0, 0, 0, 1, 2},
                         tail[] = {0, 0, 0, 0x85, 0, 0, 0, 1, 0, 0, 0, 5, 7, 'c', 'o', 'n', 't',
                             'r', 'o', 'l'};
    uint8_t buf[PQI_ATTEST_CHALLENGE_MAX], got[32];
    char hex[65];
    size_t n = 0;
    pqi_attest_challenge c = {{0}, MASK, 1, 5, {PQI_LIT("control")}};
    pqi_attest_subject s = {.device_id = {PQI_LIT("pump-1")}};
    for (uint8_t i = 0; i < 32; i++) {
        c.nonce[i] = i;
        s.key_id[i / 2] = (uint8_t)(0xa0 + i / 2);
    }
    assert_int_equal(pqi_attest_challenge_encode(&c, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
    assert_memory_equal(buf, head, sizeof head);
    assert_memory_equal(buf + n - sizeof tail, tail, sizeof tail);
    assert_int_equal(pqi_attest_qualifying(algs(), &c, &s, got), PQI_OK);
    for (size_t i = 0; i < 32; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", got[i]);
    }
    assert_string_equal(hex, "f6ecafb30db770edef3a10a34d43ba9bea72cf2e6cf93990a9e0e8dabe5510ec");
}

/* A request is the factory key's: every byte of it. */
static void requests(void **state)
{
    (void)state;
    cx *f = cx_get();
    static uint8_t buf[PQI_AK_REQUEST_MAX];
    size_t n = 0;
    const pqi_ak_request q = {.device_id = {PQI_LIT("pump-1")},
        .ek_public = {tpm.ak, 60},
        .ek_cert = {tpm.ak, 30},
        .ak_public = {tpm.ak, tpm.ak_len}};
    pqi_ak_request got;
    assert_int_equal(
        pqi_ak_request_build(&f->algs, f->p, CX_STRANGER, &q, (pqi_span){buf, sizeof buf}, &n),
        PQI_OK);
    assert_int_equal(pqi_ak_request_open(&f->algs, (pqi_cspan){buf, n}, &got, f->tmp), PQI_OK);
    assert_int_equal(got.ek_public.len, 60);
    for (size_t i = 0; i < n; i += i < 200 ? 1 : 97) {
        buf[i] ^= 1;
        assert_int_not_equal(
            pqi_ak_request_open(&f->algs, (pqi_cspan){buf, n}, &got, f->tmp), PQI_OK);
        buf[i] ^= 1;
    }
    for (size_t i = 0; i < n; i += i < 200 ? 1 : 97) {
        assert_int_equal(
            pqi_ak_request_open(&f->algs, (pqi_cspan){buf, i}, &got, f->tmp), PQI_ERR_DECODE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quotes), cmocka_unit_test(quote_fields),
        cmocka_unit_test(attestation_keys), cmocka_unit_test(endorsement_keys),
        cmocka_unit_test(one_key_one_fingerprint), cmocka_unit_test(logs),
        cmocka_unit_test(two_banks), cmocka_unit_test(localities), cmocka_unit_test(log_bounds),
        cmocka_unit_test(messages), cmocka_unit_test(spec_example), cmocka_unit_test(requests)};
    fake_tpm_start(&tpm, algs(), 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const int rc = cmocka_run_group_tests(tests, NULL, NULL);
    fake_tpm_stop(&tpm);
    return rc;
}
