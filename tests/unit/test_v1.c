/* SPDX-License-Identifier: Apache-2.0
 * v1 packets without an endpoint: INV-37, INV-38, INV-41, INV-43, INV-44, INV-91, and the example of
 * docs/spec/v1-example.txt. With PQI_WRITE_EXAMPLE set in the environment the file is written. */
#include "pqi_test.h"

#include "session/v1.h"
#include "support/fake_provider.h"
#include <pqi/host.h>

#define KEM_KEY 1u
#define DH_KEY  2u
#define SIG_KEY 3u
#define ROOM    (4096u + 8192u)

typedef struct side {
    fake_provider prov;
    pqi_cspan id, kem_pk, dh_pk, sig_pk;
    uint8_t kid[PQI_KID_LEN];
} side;

typedef struct bed {
    pqi_algs algs;
    side a, b, c;
    const pqi_suite *suite;
    const pqi_sig *sig;
    uint8_t gk_ab[PQI_GATE_KEY], gk_ba[PQI_GATE_KEY];
    uint8_t tmp[131072] __attribute__((aligned(64)));
    uint8_t packet[ROOM], plain[ROOM];
    size_t len;
} bed;

static pqi_cspan text(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

static void side_init(side *s, const bed *b, const char *id, uint8_t n)
{
    uint8_t seed[32] = {n};
    fake_provider_init(&s->prov, &b->algs, seed, NULL);
    assert_int_equal(fake_provider_key(&s->prov, KEM_KEY, PQI_KEY_KEM, b->suite->kem->id), PQI_OK);
    assert_int_equal(fake_provider_key(&s->prov, DH_KEY, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(fake_provider_key(&s->prov, SIG_KEY, PQI_KEY_SIG, b->sig->id), PQI_OK);
    s->id = text(id);
    s->kem_pk = (pqi_cspan){s->prov.keys[0].pk, s->prov.keys[0].pk_len};
    s->dh_pk = (pqi_cspan){s->prov.keys[1].pk, 32};
    s->sig_pk = (pqi_cspan){s->prov.keys[2].pk, s->prov.keys[2].pk_len};
    memset(s->kid, 0x40 + n, sizeof s->kid);
}

static void gate_key(
    bed *b, side *own, const side *peer, const side *from, const side *to, uint8_t gk[PQI_GATE_KEY])
{
    pqi_gate_end f = {from->id, 1};
    pqi_gate_end t = {to->id, 1};
    assert_int_equal(
        pqi_v1_gate_key(&b->algs, &own->prov.base, DH_KEY, peer->dh_pk.ptr, &f, &t, gk), PQI_OK);
}

static bed *bed_new(const pqi_suite *suite, const pqi_sig *sig)
{
    bed *b = calloc(1, sizeof *b);
    assert_non_null(b);
    pqi_algs_all(&b->algs, &pqi_classic_openssl);
    b->suite = suite;
    b->sig = sig;
    side_init(&b->a, b, "pump-1", 1);
    side_init(&b->b, b, "control", 2);
    side_init(&b->c, b, "valve-7", 3);
    gate_key(b, &b->a, &b->b, &b->a, &b->b, b->gk_ab);
    gate_key(b, &b->a, &b->b, &b->b, &b->a, b->gk_ba);
    return b;
}

static pqi_v1_ends ends(const side *s, const side *r, const char *topic, const uint8_t *gk)
{
    return (pqi_v1_ends){s->id, r->id, text(topic), {r->kem_pk, r->dh_pk}, gk, {NULL, 0}};
}

static pqi_status seal(bed *b, const char *topic, pqi_cspan plain, uint64_t seq)
{
    pqi_v1_seal_in in = {.suite = b->suite,
        .sig_alg = b->sig,
        .sig_key = SIG_KEY,
        .seq = seq,
        .ends = ends(&b->a, &b->b, topic, b->gk_ab),
        .plain = plain};
    memcpy(in.kid_s, b->a.kid, PQI_KID_LEN);
    memcpy(in.kid_r, b->b.kid, PQI_KID_LEN);
    return pqi_v1_seal(&b->algs, &b->a.prov.base, &in, (pqi_span){b->tmp, sizeof b->tmp},
        (pqi_span){b->packet, sizeof b->packet}, &b->len);
}

typedef enum stage { DEAD_PARSE, DEAD_GATE, DEAD_SIG, DEAD_OPEN, ALIVE } stage;

/* Receives as `r` what is said to come from `s`, and tells how far the packet got. */
static stage receive(
    bed *b, side *r, const side *s, const pqi_v1_ends *e, pqi_cspan packet, int gate)
{
    pqi_v1_packet k;
    if (pqi_v1_parse(&b->algs, packet, &k) != PQI_OK) {
        return DEAD_PARSE;
    }
    if (gate && pqi_v1_check_gate(&b->algs, &k, e) != PQI_OK) {
        return DEAD_GATE;
    }
    if (k.suite->kem != b->suite->kem || pqi_v1_check_sig(&b->algs, &k, e, b->sig, s->sig_pk,
                                             (pqi_span){b->tmp, sizeof b->tmp}) != PQI_OK) {
        return DEAD_SIG;
    }
    size_t n = k.ct.len - PQI_AEAD_TAG;
    assert_true(n <= sizeof b->plain);
    memset(b->plain, 0xee, n);
    pqi_status st =
        pqi_v1_open(&b->algs, &r->prov.base, KEM_KEY, DH_KEY, &k, e, (pqi_span){b->plain, n});
    for (size_t i = 0; st != PQI_OK && i < n; i++) {
        assert_int_equal(b->plain[i], 0);
    }
    return st == PQI_OK ? ALIVE : DEAD_OPEN;
}

static stage receive_b(bed *b, const char *topic, pqi_cspan packet, int gate)
{
    pqi_v1_ends e = ends(&b->a, &b->b, topic, b->gk_ab);
    return receive(b, &b->b, &b->a, &e, packet, gate);
}

static void roundtrips(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 31, 1000, 4096};
    pqi_algs a;
    pqi_algs_all(&a, &pqi_classic_openssl);
    for (size_t i = 0; i < a.n_suites * a.n_sigs; i++) { /* each with each */
        bed *b = bed_new(a.suites[i / a.n_sigs], a.sigs[i % a.n_sigs]);
        uint8_t msg[4096];
        memset(msg, 0x5a, sizeof msg);
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            assert_int_equal(seal(b, "plant/a", (pqi_cspan){msg, sizes[j]}, j + 1), PQI_OK);
            assert_int_equal(b->len, pqi_v1_len(b->suite, b->sig, sizes[j]));
            assert_int_equal(receive_b(b, "plant/a", (pqi_cspan){b->packet, b->len}, 1), ALIVE);
            assert_memory_equal(b->plain, msg, sizes[j]);
        }
        free(b);
    }
}

/* INV-91: the key of one direction is not that of the other, both ends compute the same. */
static void gate_keys(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    uint8_t gk[PQI_GATE_KEY];
    assert_memory_not_equal(b->gk_ab, b->gk_ba, PQI_GATE_KEY);
    gate_key(b, &b->b, &b->a, &b->a, &b->b, gk);
    assert_memory_equal(gk, b->gk_ab, PQI_GATE_KEY);
    gate_key(b, &b->b, &b->a, &b->b, &b->a, gk);
    assert_memory_equal(gk, b->gk_ba, PQI_GATE_KEY);
    /* ("ab", "c") and ("a", "bc") differ: the ids carry their lengths. */
    pqi_gate_end x[4] = {{text("ab"), 1}, {text("c"), 1}, {text("a"), 1}, {text("bc"), 1}};
    uint8_t g1[PQI_GATE_KEY], g2[PQI_GATE_KEY];
    pqi_provider *p = &b->a.prov.base;
    assert_int_equal(
        pqi_v1_gate_key(&b->algs, p, DH_KEY, b->b.dh_pk.ptr, &x[0], &x[1], g1), PQI_OK);
    assert_int_equal(
        pqi_v1_gate_key(&b->algs, p, DH_KEY, b->b.dh_pk.ptr, &x[2], &x[3], g2), PQI_OK);
    assert_memory_not_equal(g1, g2, PQI_GATE_KEY);
    x[1].key_epoch = 2;
    assert_int_equal(
        pqi_v1_gate_key(&b->algs, p, DH_KEY, b->b.dh_pk.ptr, &x[0], &x[1], g2), PQI_OK);
    assert_memory_not_equal(g1, g2, PQI_GATE_KEY);
    /* A peer key of low order is refused, and leaves no key. */
    static const uint8_t low[32] = {0};
    assert_int_equal(pqi_v1_gate_key(&b->algs, p, DH_KEY, low, &x[0], &x[1], g2), PQI_ERR_AUTH);
    static const uint8_t zero[PQI_GATE_KEY];
    assert_memory_equal(g2, zero, sizeof zero);
    free(b);
}

static void put_gate(bed *b, const pqi_v1_ends *e)
{
    pqi_v1_post post;
    assert_int_equal(pqi_v1_post_of(e, &post), PQI_OK);
    const pqi_cspan parts[] = {{PQI_LIT("PQI4 v1 gate")}, {post.b, post.len}, {b->packet, 30},
        {b->packet + 46, b->len - 46}};
    uint8_t mac[64];
    assert_int_equal(
        b->algs.classic->hmac(PQI_HASH_SHA256, (pqi_cspan){e->gk, 32}, parts, 4, mac), PQI_OK);
    memcpy(b->packet + 30, mac, 16);
}

/* INV-41, INV-37: every byte is covered twice: by the gate tag, and, for somebody who has the gate
 * key, by the signature or by the seal. */
static void every_byte_flipped(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    assert_int_equal(seal(b, "plant/a", text("open valve 7 by 3 percent"), 9), PQI_OK);
    const pqi_v1_ends e = ends(&b->a, &b->b, "plant/a", b->gk_ab);
    for (size_t i = 0; i < b->len; i++) {
        b->packet[i] ^= (uint8_t)(1u << (i % 8));
        pqi_cspan in = {b->packet, b->len};
        stage s = receive_b(b, "plant/a", in, 1);
        assert_true(s == DEAD_PARSE || s == DEAD_GATE);
        if (i < 30 || i >= 46) {
            uint8_t tag[16];
            memcpy(tag, b->packet + 30, 16);
            put_gate(b, &e);
            s = receive_b(b, "plant/a", in, 1);
            assert_true(s == DEAD_PARSE || s == DEAD_SIG);
            memcpy(b->packet + 30, tag, 16);
        }
        b->packet[i] ^= (uint8_t)(1u << (i % 8));
    }
    assert_int_equal(receive_b(b, "plant/a", (pqi_cspan){b->packet, b->len}, 1), ALIVE);
    free(b);
}

/* INV-44: no strict prefix and no extension; exact heap copies, so a sanitizer sees an over-read. */
static void truncated_and_extended(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    assert_int_equal(seal(b, "plant/a", text("x"), 9), PQI_OK);
    for (size_t n = 0; n <= b->len + 1; n++) {
        if (n == b->len) {
            continue;
        }
        uint8_t *heap = malloc(n != 0 ? n : 1);
        assert_non_null(heap);
        memcpy(heap, b->packet, n);
        assert_int_not_equal(receive_b(b, "plant/a", (pqi_cspan){heap, n}, 1), ALIVE);
        assert_int_not_equal(receive_b(b, "plant/a", (pqi_cspan){heap, n}, 0), ALIVE);
        free(heap);
    }
    pqi_v1_packet k, mark;
    memset(&k, 0x5a, sizeof k);
    memset(&mark, 0x5a, sizeof mark);
    assert_int_equal(pqi_v1_parse(&b->algs, (pqi_cspan){b->packet, 45}, &k), PQI_ERR_DECODE);
    b->packet[3] = 0x77;
    assert_int_equal(
        pqi_v1_parse(&b->algs, (pqi_cspan){b->packet, b->len}, &k), PQI_ERR_UNSUPPORTED);
    b->packet[3] = 0x01;
    b->packet[1] = 1; /* a flag without a meaning */
    assert_int_equal(pqi_v1_parse(&b->algs, (pqi_cspan){b->packet, b->len}, &k), PQI_ERR_DECODE);
    assert_memory_equal(&k, &mark, sizeof k);
    free(b);
}

/* INV-37, INV-38, INV-91: another topic, sender, recipient; reflected; with and without gate key. */
static void wrong_context(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    assert_int_equal(seal(b, "plant/a", text("x"), 9), PQI_OK);
    pqi_cspan in = {b->packet, b->len};
    assert_int_equal(receive_b(b, "plant/b", in, 0), DEAD_SIG);
    assert_int_equal(receive_b(b, "plant/", in, 0), DEAD_SIG);
    assert_int_equal(receive_b(b, "plant/b", in, 1), DEAD_GATE); /* INV-99 */
    assert_int_equal(receive_b(b, "plant/", in, 1), DEAD_GATE);
    pqi_v1_ends e = ends(&b->c, &b->b, "plant/a", b->gk_ab);
    assert_int_equal(receive(b, &b->b, &b->a, &e, in, 0), DEAD_SIG); /* other sender id */
    e = ends(&b->a, &b->c, "plant/a", b->gk_ab);
    assert_int_equal(receive(b, &b->c, &b->a, &e, in, 0), DEAD_SIG); /* other recipient */
    e = ends(&b->a, &b->b, "plant/a", b->gk_ab);
    assert_int_equal(receive(b, &b->b, &b->c, &e, in, 0), DEAD_SIG); /* INV-38: other key */
    e = ends(&b->a, &b->b, "plant/a", b->gk_ba);
    assert_int_equal(receive(b, &b->b, &b->a, &e, in, 1), DEAD_GATE); /* other direction */
    e = ends(&b->b, &b->a, "plant/a", b->gk_ba);
    assert_int_equal(receive(b, &b->a, &b->b, &e, in, 1), DEAD_GATE); /* reflected */
    assert_int_equal(receive(b, &b->a, &b->b, &e, in, 0), DEAD_SIG);
    free(b);
}

/* Protocol R4: an insider takes the ciphertext of another, signs it himself and sets his own ids.
 * Signature and gate tag are good; the sender stands in the key, so the box does not open. */
static void resigned_by_insider(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    assert_int_equal(seal(b, "plant/a", text("x"), 9), PQI_OK);
    uint8_t gk_cb[PQI_GATE_KEY];
    gate_key(b, &b->c, &b->b, &b->c, &b->b, gk_cb);
    memcpy(b->packet + 4, b->c.kid, PQI_KID_LEN);
    pqi_v1_packet k;
    assert_int_equal(pqi_v1_parse(&b->algs, (pqi_cspan){b->packet, b->len}, &k), PQI_OK);
    pqi_v1_ends e = ends(&b->c, &b->b, "plant/a", gk_cb);
    pqi_v1_post post;
    assert_int_equal(pqi_v1_post_of(&e, &post), PQI_OK);
    pqi_box_ctx ctx = {
        {PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, {b->packet, 30}, {post.b, post.len}};
    uint8_t bind[PQI_BOX_BIND_MAX], h[64];
    assert_int_equal(pqi_box_bind(&b->algs, b->suite, &e.to, &ctx, k.capsule, bind), PQI_OK);
    const pqi_cspan parts[] = {{bind, 32}, k.ct};
    assert_int_equal(b->algs.classic->hash(PQI_HASH_SHA256, parts, 2, h), PQI_OK);
    const pqi_cspan part = {h, 32};
    size_t n = 0;
    assert_int_equal(
        pqi_provider_sign(&b->c.prov.base, SIG_KEY, (pqi_cspan){PQI_LIT("PQI4 v1 sig")}, &part, 1,
            (pqi_span){b->packet + b->len - 2420, 2420}, &n),
        PQI_OK);
    put_gate(b, &e);
    assert_int_equal(receive(b, &b->b, &b->c, &e, (pqi_cspan){b->packet, b->len}, 1), DEAD_OPEN);
    free(b);
}

/* INV-43: with one of the two secrets wrong the box stays shut: the recipient's key pair is replaced
 * one half at a time while everything public stays. */
static void both_secrets(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    assert_int_equal(seal(b, "plant/a", text("x"), 9), PQI_OK);
    for (size_t i = 0; i < 2; i++) {
        uint8_t keep[PQI_SIG_MAX_SK];
        memcpy(keep, b->b.prov.keys[i].sk, sizeof keep);
        if (i == 0) { /* keep pk, its hash and z; change the secret polynomials */
            memcpy(b->b.prov.keys[0].sk, b->c.prov.keys[0].sk, 768);
        } else {
            memcpy(b->b.prov.keys[1].sk, b->c.prov.keys[1].sk, 32);
        }
        assert_int_equal(receive_b(b, "plant/a", (pqi_cspan){b->packet, b->len}, 1), DEAD_OPEN);
        memcpy(b->b.prov.keys[i].sk, keep, sizeof keep);
    }
    assert_int_equal(receive_b(b, "plant/a", (pqi_cspan){b->packet, b->len}, 1), ALIVE);
    free(b);
}

static void refused_arguments(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    uint8_t msg[8] = {0};
    assert_int_equal(seal(b, "plant/a", text("x"), 0), PQI_ERR_ARG);
    assert_int_equal(seal(b, "plant/a", (pqi_cspan){msg, PQI_V1_PLAIN_MAX + 1}, 1), PQI_ERR_ARG);
    assert_int_equal(seal(b, "", text("x"), 1), PQI_ERR_ARG);
    memcpy(b->b.kid, b->a.kid, PQI_KID_LEN); /* to oneself */
    assert_int_equal(seal(b, "plant/a", text("x"), 1), PQI_ERR_ARG);
    free(b);
}

/* Every call into the provider fails once: the status comes through, the output is zero. */
static void provider_fails(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    for (uint64_t at = 1; at <= 2; at++) {
        b->a.prov.calls = 0;
        b->a.prov.fail_at = at;
        b->a.prov.fail_with = PQI_ERR_RNG;
        memset(b->packet, 0xee, sizeof b->packet);
        assert_int_equal(seal(b, "plant/a", text("x"), 1), PQI_ERR_RNG);
        for (size_t i = 0; i < pqi_v1_len(b->suite, b->sig, 1); i++) {
            assert_int_equal(b->packet[i], 0);
        }
    }
    b->a.prov.fail_at = 0;
    assert_int_equal(seal(b, "plant/a", text("x"), 1), PQI_OK);
    assert_int_equal(b->a.prov.calls, 4);
    free(b);
}

static void add(char **at, const char *name, const uint8_t *p, size_t n)
{
    *at += sprintf(*at, "%s =", name);
    for (size_t i = 0; i < n; i++) {
        *at += sprintf(*at, "%s%02x", i % 32 == 0 ? "\n    " : "", p[i]);
    }
    *at += sprintf(*at, "\n");
}

/* Compares with, or with PQI_WRITE_EXAMPLE writes, a file of docs/spec. */
static void same_as_file(const char *path, const char *got, size_t len)
{
    static char want[65536];
    FILE *f = NULL;
    if (getenv("PQI_WRITE_EXAMPLE") != NULL) {
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(want, 1, sizeof want, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, len);
    assert_memory_equal(want, got, n);
}

static void add_keys(char **at, const bed *b)
{
    add(at, "x25519_private_sender", b->a.prov.keys[1].sk, 32);
    add(at, "x25519_private_recipient", b->b.prov.keys[1].sk, 32);
    add(at, "kem_public_recipient", b->b.kem_pk.ptr, b->b.kem_pk.len);
    add(at, "kem_private_recipient", b->b.prov.keys[0].sk, b->b.prov.keys[0].sk_len);
    add(at, "x25519_public_recipient", b->b.dh_pk.ptr, 32);
}

/* Seals the example's message; gives its parts, post and bind. */
static void example_packet(bed *b, pqi_v1_packet *k, pqi_v1_post *post, uint8_t *bind)
{
    assert_int_equal(seal(b, "plant/a/state", text("{\"rpm\":1450}"), 257), PQI_OK);
    assert_int_equal(receive_b(b, "plant/a/state", (pqi_cspan){b->packet, b->len}, 1), ALIVE);
    assert_int_equal(pqi_v1_parse(&b->algs, (pqi_cspan){b->packet, b->len}, k), PQI_OK);
    pqi_v1_ends e = ends(&b->a, &b->b, "plant/a/state", b->gk_ab);
    assert_int_equal(pqi_v1_post_of(&e, post), PQI_OK);
    pqi_box_ctx ctx = {{PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, k->hdr, {post->b, post->len}};
    assert_int_equal(pqi_box_bind(&b->algs, b->suite, &e.to, &ctx, k->capsule, bind), PQI_OK);
}

static void worked_example(void **state)
{
    (void)state;
    static char got[65536];
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    pqi_v1_packet k;
    pqi_v1_post post;
    uint8_t bind[PQI_BOX_BIND_MAX];
    example_packet(b, &k, &post, bind);
    char *at = got;
    at += sprintf(at, "# docs/spec/v1.md section 8: suite 0x0001, ML-DSA-44 (deterministic), "
                      "sender pump-1, recipient control,\n# key epochs 1, topic plant/a/state, "
                      "number 257, plain text {\"rpm\":1450}\n");
    add_keys(&at, b);
    add(&at, "sig_public_sender", b->a.sig_pk.ptr, b->a.sig_pk.len);
    add(&at, "gate_key", b->gk_ab, PQI_GATE_KEY);
    add(&at, "post", post.b, post.len);
    add(&at, "bind", bind, 32);
    add(&at, "packet", b->packet, b->len);
    same_as_file(PQI_SOURCE_DIR "/docs/spec/v1-example.txt", got, (size_t)(at - got));
    free(b);
}

/* The same message under the X-Wing suite, down to key and nonce. */
static void xwing_example(void **state)
{
    (void)state;
    static char got[65536];
    uint8_t k[64], ss[32], prk[PQI_HASH_MAX], key_iv[44], bind[PQI_BOX_BIND_MAX], plain[12];
    bed *b = bed_new(&pqi_suite_0005, &pqi_sig_ml_dsa_44);
    const pqi_classic *c = b->algs.classic;
    const pqi_kem *kem = b->suite->kem;
    pqi_v1_packet p;
    pqi_v1_post post;
    example_packet(b, &p, &post, bind);
    const pqi_cspan ct_m = {p.capsule.ptr, kem->ct_len}, ct_x = {p.capsule.ptr + kem->ct_len, 32};
    const fake_key *own = b->b.prov.keys;
    assert_int_equal(pqi_kem_decaps(kem, (pqi_span){k, 32}, ct_m,
                         (pqi_cspan){own[0].sk, kem->sk_len}, (pqi_span){b->tmp, sizeof b->tmp}),
        PQI_OK);
    assert_int_equal(c->x25519(k + 32, own[1].sk, ct_x.ptr), PQI_OK);
    const pqi_cspan mix[] = {{k, 64}, ct_x, b->b.dh_pk, {PQI_LIT("\\.//^\\")}};
    assert_int_equal(pqi_sha3(PQI_HASH_SHA3_256, mix, 4, ss, sizeof ss), PQI_OK);
    const pqi_cspan ikm = {ss, sizeof ss}, info[] = {{PQI_LIT("v1 k")}, {bind, 32}};
    assert_int_equal(
        pqi_hkdf_extract(c, PQI_HASH_SHA256, (pqi_cspan){PQI_LIT("PQI4 v1")}, &ikm, 1, prk),
        PQI_OK);
    assert_int_equal(pqi_hkdf_expand(c, PQI_HASH_SHA256, (pqi_cspan){prk, 32}, info, 2,
                         (pqi_span){key_iv, sizeof key_iv}),
        PQI_OK);
    const pqi_aead_key ak = {PQI_AEAD_AES_256_GCM, {key_iv, 32}, {key_iv + 32, 12}};
    assert_int_equal(
        c->aead_open(&ak, (pqi_cspan){bind, 32}, p.ct, (pqi_span){plain, sizeof plain}), PQI_OK);
    assert_memory_equal(plain, "{\"rpm\":1450}", sizeof plain);
    char *at = got;
    at += sprintf(at,
        "# docs/spec/v1.md section 8: the message of v1-example.txt under suite 0x0005, "
        "up to its signature\n");
    add_keys(&at, b);
    add(&at, "header", p.hdr.ptr, p.hdr.len);
    add(&at, "ct_M", ct_m.ptr, ct_m.len);
    add(&at, "ct_X", ct_x.ptr, ct_x.len);
    add(&at, "ss_M", k, 32);
    add(&at, "ss_X", k + 32, 32);
    add(&at, "xwing_shared_secret", ss, sizeof ss);
    add(&at, "bind", bind, 32);
    add(&at, "key_iv", key_iv, sizeof key_iv);
    add(&at, "ciphertext_and_tag", p.ct.ptr, p.ct.len);
    same_as_file(PQI_SOURCE_DIR "/docs/spec/xwing-example.txt", got, (size_t)(at - got));
    free(b);
}

/* T = 0x12: the recipient's certificate is bound although its keys are not in bind; the type, too. */
static void prekey_certificate(void **state)
{
    (void)state;
    bed *b = bed_new(&pqi_suite_0001, &pqi_sig_ml_dsa_44);
    static const uint8_t id[PQI_KEY_ID_LEN] = {1, 2, 3};
    uint8_t other[PQI_KEY_ID_LEN];
    pqi_v1_ends e = ends(&b->a, &b->b, "plant/a", b->gk_ab);
    e.key_id_r = (pqi_cspan){id, sizeof id};
    pqi_v1_seal_in in = {.suite = b->suite,
        .sig_alg = b->sig,
        .sig_key = SIG_KEY,
        .seq = 1,
        .ends = e,
        .plain = text("x")};
    memcpy(in.kid_s, b->a.kid, PQI_KID_LEN);
    memcpy(in.kid_r, b->b.kid, PQI_KID_LEN);
    const pqi_span out = {b->packet, sizeof b->packet}, tmp = {b->tmp, sizeof b->tmp};
    assert_int_equal(pqi_v1_seal(&b->algs, &b->a.prov.base, &in, tmp, out, &b->len), PQI_OK);
    assert_int_equal(b->packet[0], PQI_V1_T_PREKEY);
    const pqi_cspan packet = {b->packet, b->len};
    assert_int_equal(receive(b, &b->b, &b->a, &e, packet, 1), ALIVE);
    for (size_t i = 0; i < sizeof other; i++) {
        memcpy(other, id, sizeof other);
        other[i] ^= 0x40;
        e.key_id_r.ptr = other;
        assert_int_equal(receive(b, &b->b, &b->a, &e, packet, 1), DEAD_GATE);
        assert_int_equal(receive(b, &b->b, &b->a, &e, packet, 0), DEAD_SIG);
    }
    pqi_v1_packet k;
    assert_int_equal(pqi_v1_parse(&b->algs, packet, &k), PQI_OK);
    e.key_id_r = (pqi_cspan){NULL, 0}; /* ends of the other type */
    assert_int_equal(pqi_v1_check_gate(&b->algs, &k, &e), PQI_ERR_ARG);
    assert_int_equal(pqi_v1_check_sig(&b->algs, &k, &e, b->sig, b->a.sig_pk, tmp), PQI_ERR_ARG);
    k.type = PQI_V1_T;
    e.key_id_r = (pqi_cspan){id, sizeof id};
    assert_int_equal(pqi_v1_check_gate(&b->algs, &k, &e), PQI_ERR_ARG);
    in.ends.key_id_r.len = PQI_KEY_ID_LEN - 1u;
    assert_int_equal(pqi_v1_seal(&b->algs, &b->a.prov.base, &in, tmp, out, &b->len), PQI_ERR_ARG);
    free(b);
}

PQI_TEST_MAIN(cmocka_unit_test(prekey_certificate), cmocka_unit_test(roundtrips),
    cmocka_unit_test(gate_keys), cmocka_unit_test(every_byte_flipped),
    cmocka_unit_test(truncated_and_extended), cmocka_unit_test(wrong_context),
    cmocka_unit_test(resigned_by_insider), cmocka_unit_test(both_secrets),
    cmocka_unit_test(refused_arguments), cmocka_unit_test(provider_fails),
    cmocka_unit_test(worked_example), cmocka_unit_test(xwing_example))
