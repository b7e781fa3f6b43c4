/* SPDX-License-Identifier: Apache-2.0
 * include/pqi/announce.h: what a tool that only looks at announcements gets. */
#include "pqi_test.h"

#include "support/trust_fixture.h"
#include <pqi/announce.h>
#include <pqi/endpoint.h>

#define HEAD 10u /* bytes before the certificate */

static const pqi_cspan topic = {PQI_LIT("pq/4/k/pump-1")};
static const pqi_cspan label = {PQI_LIT("PQI4 ann")};

typedef struct sample {
    uint8_t b[PQI_ANNOUNCE_MAX + 1];
    size_t len, body; /* body: bytes before the signature's length */
} sample;

/* Written field by field here, from the table in docs/spec/v1.md section 7. */
static void make(sample *s, pqi_key key, pqi_cspan domain, pqi_cspan on)
{
    const fx *f = fx_get();
    size_t n = f->cert_bytes.len, sig = 0;
    memset(s, 0, sizeof *s);
    s->b[0] = 0x71;
    s->b[1] = 0x04;
    s->b[7] = 9;
    s->b[8] = (uint8_t)(n >> 8);
    s->b[9] = (uint8_t)n;
    memcpy(s->b + HEAD, f->cert_bytes.ptr, n);
    s->body = HEAD + n + 4;
    const uint8_t len[2] = {(uint8_t)(on.len >> 8), (uint8_t)on.len};
    const pqi_cspan parts[] = {{len, 2}, on, {s->b, s->body}};
    assert_int_equal(pqi_provider_sign(f->p, key, domain, parts, 3,
                         (pqi_span){s->b + s->body + 2, sizeof s->b - s->body - 2}, &sig),
        PQI_OK);
    s->b[s->body] = (uint8_t)(sig >> 8);
    s->b[s->body + 1] = (uint8_t)sig;
    s->len = s->body + 2 + sig;
}

/* Decodes an exact heap copy and verifies it under `cert`; the status of what failed first. */
static pqi_status look(const sample *s, const pqi_cert *cert, pqi_cspan on)
{
    const fx *f = fx_get();
    pqi_announcement a;
    uint8_t *heap = fx_exact(s->b, s->len);
    pqi_status st = pqi_announce_decode((pqi_cspan){heap, s->len}, &a);
    if (st == PQI_OK) {
        st = pqi_announce_verify(&f->algs, &a, cert, on, f->tmp);
    }
    free(heap);
    return st;
}

static void splits_and_verifies(void **state)
{
    (void)state;
    static sample s;
    const fx *f = fx_get();
    pqi_announcement a;
    make(&s, FX_SIG, label, topic);
    assert_int_equal(look(&s, &f->cert, topic), PQI_OK);
    assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, s.len}, &a), PQI_OK);
    assert_int_equal(a.epoch, 9);
    assert_true(a.cert.ptr == s.b + HEAD && a.cert.len == f->cert_bytes.len);
    assert_true(a.body.ptr == s.b && a.body.len == s.body);
    assert_true(a.sig.ptr == s.b + s.body + 2 && a.sig.len == 2420);
}

/* The boundary between topic and body is signed: the topic's length stands before it. */
static void another_topic(void **state)
{
    (void)state;
    static sample s;
    static uint8_t longer[PQI_TOPIC_MAX + 1];
    const fx *f = fx_get();
    uint8_t other[sizeof "pq/4/k/pump-1"];
    make(&s, FX_SIG, label, topic);
    for (size_t i = 0; i < topic.len; i++) {
        memcpy(other, topic.ptr, topic.len);
        other[i] ^= 1;
        assert_int_equal(look(&s, &f->cert, (pqi_cspan){other, topic.len}), PQI_ERR_AUTH);
        if (i > 0) {
            assert_int_equal(look(&s, &f->cert, (pqi_cspan){topic.ptr, i}), PQI_ERR_AUTH);
        }
    }
    memcpy(longer, topic.ptr, topic.len);
    longer[topic.len] = 0x71; /* the first byte of the body */
    assert_int_equal(look(&s, &f->cert, (pqi_cspan){longer, topic.len + 1}), PQI_ERR_AUTH);
    assert_int_equal(look(&s, &f->cert, (pqi_cspan){longer, PQI_TOPIC_MAX}), PQI_ERR_AUTH);
    assert_int_equal(look(&s, &f->cert, (pqi_cspan){longer, PQI_TOPIC_MAX + 1}), PQI_ERR_ARG);
    assert_int_equal(look(&s, &f->cert, (pqi_cspan){longer, 0}), PQI_ERR_ARG);
    assert_int_equal(look(&s, &f->cert, (pqi_cspan){NULL, 0}), PQI_ERR_ARG);
}

static void another_key_or_label(void **state)
{
    (void)state;
    static sample s;
    const fx *f = fx_get();
    pqi_cert cert = f->cert;
    make(&s, FX_SIG2, label, topic);
    assert_int_equal(look(&s, &cert, topic), PQI_ERR_AUTH);
    cert.sig_pk = fx_pk(f, FX_SIG2);
    assert_int_equal(look(&s, &cert, topic), PQI_OK);
    make(&s, FX_SIG, label, topic);
    assert_int_equal(look(&s, &cert, topic), PQI_ERR_AUTH);
    make(&s, FX_SIG, (pqi_cspan){PQI_LIT("PQI4 v1 sig")}, topic);
    assert_int_equal(look(&s, &f->cert, topic), PQI_ERR_AUTH);
}

/* Every byte that is signed and every byte of the signature. */
static void altered(void **state)
{
    (void)state;
    static sample s;
    const fx *f = fx_get();
    make(&s, FX_SIG, label, topic);
    for (size_t i = 0; i < s.len; i += i < HEAD + 8 || i + 90 > s.len ? 1 : 23) {
        s.b[i] ^= (uint8_t)(1u << (i % 8));
        pqi_status st = look(&s, &f->cert, topic);
        if (st != PQI_ERR_AUTH && st != PQI_ERR_DECODE && st != PQI_ERR_UNSUPPORTED) {
            fail_msg("byte %zu: %s", i, pqi_status_name(st));
        }
        s.b[i] ^= (uint8_t)(1u << (i % 8));
    }
    static const size_t lens[] = {1, 2419, 2421};
    for (size_t i = 0; i < 3; i++) { /* one encoding, but no signature of this algorithm */
        s.b[s.body] = (uint8_t)(lens[i] >> 8);
        s.b[s.body + 1] = (uint8_t)lens[i];
        s.len = s.body + 2 + lens[i];
        assert_int_equal(look(&s, &f->cert, topic), PQI_ERR_AUTH);
    }
}

/* A path in the roster is shown and not signed: the same signature holds with any and with none; what has not
 * the form of a path is refused, and so is the flag without one. docs/spec/v1.md section 7. */
static void proofs(void **state)
{
    (void)state;
    static sample s, with;
    const fx *f = fx_get();
    static const struct {
        uint8_t size, position;
        size_t hashes;
    } paths[] = {{1, 0, 0}, {2, 0, 1}, {2, 1, 1}, {5, 4, 1}, {5, 1, 3}, {200, 0, 8}};
    make(&s, FX_SIG, label, topic);
    const size_t proof = s.body - 4;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const size_t n = 12 + 32 * paths[i].hashes;
        pqi_announcement a;
        with = s;
        memmove(with.b + proof + 2 + n, with.b + proof + 2, s.len - proof - 2);
        memset(with.b + proof, 0, 2 + n);
        with.len = s.len + n;
        with.b[1] |= 1;
        with.b[proof] = (uint8_t)(n >> 8);
        with.b[proof + 1] = (uint8_t)n;
        with.b[proof + 2 + 3] = 9;
        with.b[proof + 2 + 7] = paths[i].size;
        with.b[proof + 2 + 11] = paths[i].position;
        assert_int_equal(look(&with, &f->cert, topic), PQI_OK);
        assert_int_equal(pqi_announce_decode((pqi_cspan){with.b, with.len}, &a), PQI_OK);
        assert_true(a.proof.ptr == with.b + proof + 2 && a.proof.len == n && a.prekeys.len == 0);
        with.b[proof + 2 + n - 1] ^= n > 12 ? 1 : 0; /* a hash is what it may be */
        assert_int_equal(look(&with, &f->cert, topic), PQI_OK);
        with.b[1] &= (uint8_t)~1u;
        assert_int_equal(look(&with, &f->cert, topic), PQI_ERR_DECODE);
        with.b[1] |= 1;
        with.b[proof + 2 + 11] = paths[i].size; /* no position of that tree */
        assert_int_equal(look(&with, &f->cert, topic), PQI_ERR_DECODE);
        with.b[proof + 2 + 11] = paths[i].position;
        with.b[7] ^= 1; /* what is signed stays signed */
        assert_int_equal(look(&with, &f->cert, topic), PQI_ERR_AUTH);
    }
}

/* A failed decode leaves *out alone. */
static void not_the_one_encoding(void **state)
{
    (void)state;
    static sample s;
    pqi_announcement a, before;
    memset(&a, 0x5a, sizeof a);
    before = a;
    make(&s, FX_SIG, label, topic);
    for (size_t len = 0; len <= s.len + 1; len++) {
        if (len == s.len) {
            continue;
        }
        uint8_t *heap = fx_exact(s.b, len);
        assert_int_equal(pqi_announce_decode((pqi_cspan){heap, len}, &a), PQI_ERR_DECODE);
        free(heap);
    }
    assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, sizeof s.b}, &a), PQI_ERR_DECODE);
    s.b[7] = 0; /* epoch 0 */
    assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, s.len}, &a), PQI_ERR_DECODE);
    s.b[7] = 9;
    for (size_t i = 2; i < 4; i++) { /* reserved */
        s.b[i] = 1;
        assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, s.len}, &a), PQI_ERR_DECODE);
        s.b[i] = 0;
    }
    for (unsigned flags = 0; flags < 256; flags++) {
        s.b[1] = (uint8_t)flags;
        if (flags != 4) {
            assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, s.len}, &a),
                (flags & ~7u) != 0 ? PQI_ERR_UNSUPPORTED : PQI_ERR_DECODE);
        }
    }
    assert_memory_equal(&a, &before, sizeof a);
    s.b[1] = 4;
    assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, s.len}, NULL), PQI_ERR_ARG);
}

static void refused_arguments(void **state)
{
    (void)state;
    static sample s;
    const fx *f = fx_get();
    pqi_announcement a;
    pqi_cert cert = f->cert;
    make(&s, FX_SIG, label, topic);
    assert_int_equal(pqi_announce_decode((pqi_cspan){s.b, s.len}, &a), PQI_OK);
    assert_int_equal(pqi_announce_verify(NULL, &a, &cert, topic, f->tmp), PQI_ERR_ARG);
    assert_int_equal(pqi_announce_verify(&f->algs, NULL, &cert, topic, f->tmp), PQI_ERR_ARG);
    assert_int_equal(pqi_announce_verify(&f->algs, &a, NULL, topic, f->tmp), PQI_ERR_ARG);
    const pqi_span small = {f->tmp.ptr, pqi_sig_ml_dsa_44.verify_tmp - 1};
    assert_int_equal(pqi_announce_verify(&f->algs, &a, &cert, topic, small), PQI_ERR_SPACE);
    const pqi_span enough = {f->tmp.ptr, pqi_sig_ml_dsa_44.verify_tmp};
    assert_int_equal(pqi_announce_verify(&f->algs, &a, &cert, topic, enough), PQI_OK);
    pqi_algs none = f->algs;
    none.n_sigs = 0;
    assert_int_equal(pqi_announce_verify(&none, &a, &cert, topic, f->tmp), PQI_ERR_UNSUPPORTED);
    cert.sig_alg = 0; /* a certificate without a signing key cannot sign */
    cert.sig_pk = (pqi_cspan){NULL, 0};
    assert_int_equal(pqi_announce_verify(&f->algs, &a, &cert, topic, f->tmp), PQI_ERR_AUTH);
}

PQI_TEST_MAIN(cmocka_unit_test(splits_and_verifies), cmocka_unit_test(another_topic),
    cmocka_unit_test(another_key_or_label), cmocka_unit_test(altered),
    cmocka_unit_test(not_the_one_encoding), cmocka_unit_test(proofs),
    cmocka_unit_test(refused_arguments))
