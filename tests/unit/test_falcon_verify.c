/* SPDX-License-Identifier: Apache-2.0
 * Falcon's encodings and verification: what is accepted, what is refused. */
#include "pqi_test.h"

#include "prim/falcon/codec.h"
#include "prim/falcon/hash.h"
#include "prim/falcon/modq.h"
#include "prim/keccak/keccak.h"

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_SIGN_TMP];
} tmp;

static const pqi_sig *const algs[2] = {&pqi_sig_falcon_512_verify, &pqi_sig_falcon_1024_verify};
static const uint8_t message[] = "valve 17 may open";
static const pqi_cspan part = {message, sizeof message - 1};

/* A signature without a private key: for s2 = 1 the public key h = c - s1 makes any s1 verify that
 * is short enough. */
typedef struct made {
    uint8_t pk[PQI_FALCON1024_PK], sig[3][PQI_FALCON1024_SIG_CT + 1];
    size_t len[3];
} made;

static void set_head(uint8_t *sig, unsigned logn, pqi_falcon_format format)
{
    sig[0] = (uint8_t)((format == PQI_FALCON_CT ? 0x50 : 0x30) + logn);
    for (uint8_t i = 0; i < PQI_FALCON_NONCE; i++) {
        sig[1 + i] = i;
    }
}

/* With |s1|^2 = norm - 1 and s2 = 1. */
static void make(made *m, unsigned logn, uint32_t norm)
{
    static uint16_t c[1024];
    static int16_t h[1024], s2[1024];
    size_t n = (size_t)1 << logn;
    pqi_xof x;
    set_head(m->sig[0], logn, PQI_FALCON_COMPRESSED);
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, m->sig[0] + 1, PQI_FALCON_NONCE);
    pqi_xof_absorb(&x, message, sizeof message - 1);
    pqi_falcon_hash_to_point(&x, c, logn);
    uint32_t left = norm - 1;
    for (size_t i = 0; i < n; i++) {
        int32_t root = 6144; /* the greatest s1 whose square fits */
        while ((uint32_t)(root * root) > left) {
            root--;
        }
        left -= (uint32_t)(root * root);
        int32_t v = (c[i] + (i % 2 == 0 ? root : -root)) % PQI_FALCON_Q;
        v += v < 0 ? PQI_FALCON_Q : 0;
        h[i] = (int16_t)(v > PQI_FALCON_Q / 2 ? v - PQI_FALCON_Q : v);
    }
    assert_int_equal(left, 0);
    pqi_falcon_encode_pk(m->pk, h, logn);
    memset(s2, 0, sizeof s2);
    s2[0] = 1;
    for (unsigned i = 0; i < 3; i++) {
        pqi_falcon_format format = (pqi_falcon_format)(1 + i);
        set_head(m->sig[i], logn, format);
        size_t len = pqi_falcon_encode_s2(m->sig[i] + PQI_FALCON_SIG_HEAD,
            pqi_falcon_len(logn, format) - PQI_FALCON_SIG_HEAD, format, s2, logn);
        assert_int_not_equal(len, 0);
        m->len[i] = PQI_FALCON_SIG_HEAD + len;
    }
}

static pqi_status verify(unsigned logn, const made *m, unsigned format, size_t len)
{
    const pqi_sig *alg = algs[logn - 9];
    uint8_t *exact = malloc(len != 0 ? len : 1); /* a read past the end is seen */
    assert_non_null(exact);
    memcpy(exact, m->sig[format], len);
    pqi_status st =
        pqi_falcon_verify(alg, (pqi_falcon_format)(1 + format), (pqi_cspan){m->pk, alg->pk_len},
            &part, 1, (pqi_cspan){exact, len}, (pqi_span){tmp.b, alg->verify_tmp});
    free(exact);
    return st;
}

/* The bound on the norm, to the unit. */
static void bound(void **state)
{
    static made m;
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        uint32_t most = logn == 9 ? 34034726 : 70265242; /* specification Table 3.3 */
        for (unsigned format = 0; format < 3; format++) {
            make(&m, logn, most);
            assert_int_equal(verify(logn, &m, format, m.len[format]), PQI_OK);
            make(&m, logn, most + 1);
            assert_int_equal(verify(logn, &m, format, m.len[format]), PQI_ERR_AUTH);
        }
    }
}

/* A compressed signature is exactly its encoding, the others have exactly their length, and none
 * passes as another. */
static void formats(void **state)
{
    static made m;
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        make(&m, logn, 1000);
        for (unsigned format = 0; format < 3; format++) {
            for (size_t len = 0; len < m.len[format]; len++) {
                assert_int_equal(verify(logn, &m, format, len), PQI_ERR_AUTH);
            }
            m.sig[format][m.len[format]] = 0;
            assert_int_equal(verify(logn, &m, format, m.len[format] + 1), PQI_ERR_AUTH);
            for (unsigned other = 0; other < 3; other++) {
                static made moved;
                moved = m;
                memcpy(moved.sig[other], m.sig[format], m.len[format]);
                assert_int_equal(verify(logn, &moved, other, m.len[format]),
                    other == format ? PQI_OK : PQI_ERR_AUTH);
            }
        }
        /* The tail of a padded signature. */
        for (size_t i = m.len[0]; i < m.len[1]; i++) {
            m.sig[1][i] = 1;
            assert_int_equal(verify(logn, &m, 1, m.len[1]), PQI_ERR_AUTH);
            m.sig[1][i] = 0;
        }
        /* Every other first byte. */
        for (unsigned format = 0; format < 3; format++) {
            uint8_t right = m.sig[format][0];
            for (unsigned head = 0; head < 256; head++) {
                m.sig[format][0] = (uint8_t)head;
                assert_int_equal(
                    verify(logn, &m, format, m.len[format]), head == right ? PQI_OK : PQI_ERR_AUTH);
            }
            m.sig[format][0] = right;
        }
    }
}

/* Encodings of s2 at the borders, written by hand: 9 bits are zero, sign and value come first. */
static void canonical_s2(void **state)
{
    static int16_t s2[512], back[512];
    static uint8_t out[1024];
    (void)state;
    memset(s2, 0, sizeof s2);
    size_t room = pqi_falcon_len(9, PQI_FALCON_COMPRESSED) - PQI_FALCON_SIG_HEAD;
    const int16_t values[] = {0, 1, -1, 127, -127, 128, -128, 2047, -2047};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        s2[511] = values[i];
        for (unsigned format = 1; format <= 3; format++) {
            size_t fits = pqi_falcon_len(9, (pqi_falcon_format)format) - PQI_FALCON_SIG_HEAD;
            size_t len = pqi_falcon_encode_s2(out, fits, (pqi_falcon_format)format, s2, 9);
            assert_int_not_equal(len, 0);
            assert_int_equal(
                pqi_falcon_decode_s2(back, (pqi_cspan){out, len}, (pqi_falcon_format)format, 9),
                PQI_OK);
            assert_memory_equal(back, s2, sizeof s2);
        }
    }
    const int16_t outside[] = {2048, -2048, 32767, -32768};
    for (unsigned i = 0; i < 4; i++) {
        s2[511] = outside[i];
        for (unsigned format = 1; format <= 3; format++) {
            assert_int_equal(pqi_falcon_encode_s2(out, room, (pqi_falcon_format)format, s2, 9), 0);
        }
    }
    /* 512 zeros are 9 bits each: 576 bytes. */
    s2[511] = 0;
    assert_int_equal(pqi_falcon_encode_s2(out, room, PQI_FALCON_COMPRESSED, s2, 9), 576);
    assert_int_equal(pqi_falcon_encode_s2(out, 575, PQI_FALCON_COMPRESSED, s2, 9), 0);
    assert_int_equal(
        pqi_falcon_decode_s2(back, (pqi_cspan){out, 576}, PQI_FALCON_COMPRESSED, 9), PQI_OK);
    out[0] |= 0x80; /* minus zero */
    assert_int_equal(
        pqi_falcon_decode_s2(back, (pqi_cspan){out, 576}, PQI_FALCON_COMPRESSED, 9), PQI_ERR_AUTH);
    out[0] = 0x7f;
    assert_int_equal(pqi_falcon_decode_s2(back, (pqi_cspan){out, 576}, PQI_FALCON_COMPRESSED, 9),
        PQI_OK); /* 127 instead */
    /* A last coefficient of one more bit: seven bits of the last byte are unused, then not zero. */
    s2[511] = 128;
    assert_int_equal(pqi_falcon_encode_s2(out, room, PQI_FALCON_COMPRESSED, s2, 9), 577);
    for (unsigned bit = 0; bit < 7; bit++) {
        out[576] ^= (uint8_t)(1u << bit);
        assert_int_equal(
            pqi_falcon_decode_s2(back, (pqi_cspan){out, 577}, PQI_FALCON_COMPRESSED, 9),
            PQI_ERR_AUTH);
        out[576] ^= (uint8_t)(1u << bit);
    }
    /* Sixteen zeros in a row would be 2048. */
    memset(out, 0, sizeof out);
    assert_int_equal(
        pqi_falcon_decode_s2(back, (pqi_cspan){out, room}, PQI_FALCON_COMPRESSED, 9), PQI_ERR_AUTH);
    /* The most negative value of the CT format. */
    memset(out, 0, sizeof out);
    out[0] = 0x80;
    assert_int_equal(
        pqi_falcon_decode_s2(back, (pqi_cspan){out, 768}, PQI_FALCON_CT, 9), PQI_ERR_AUTH);
}

static void public_keys(void **state)
{
    static made m;
    static int16_t h[1024];
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        make(&m, logn, 1000);
        m.pk[0] ^= 0x10;
        assert_int_equal(verify(logn, &m, 1, m.len[1]), PQI_ERR_AUTH);
        m.pk[0] ^= 0x10;
        /* The coefficient q - 1 is the greatest: 0x3000 = 12288 in the first 14 bits. */
        m.pk[1] = 0xc0;
        m.pk[2] &= 0x03;
        assert_int_equal(pqi_falcon_decode_pk(h, m.pk, logn), PQI_OK);
        m.pk[2] |= 0x04;
        assert_int_equal(pqi_falcon_decode_pk(h, m.pk, logn), PQI_ERR_AUTH);
        assert_int_equal(verify(logn, &m, 1, m.len[1]), PQI_ERR_AUTH);
    }
}

static void private_keys(void **state)
{
    static int8_t f[1024], g[1024], F[1024], back[3][1024], zero[1024];
    static uint8_t sk[PQI_FALCON1024_SK];
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        const unsigned bits = logn == 9 ? 6 : 5;
        const int8_t most = (int8_t)pqi_falcon_fg_limit(logn);
        size_t n = (size_t)1 << logn;
        for (size_t i = 0; i < n; i++) {
            f[i] = (int8_t)((int)(i % (2u * (unsigned)most + 1)) - most);
            g[i] = (int8_t)-f[i];
            F[i] = (int8_t)((int)(i % 255) - 127);
        }
        assert_int_equal(pqi_falcon_encode_sk(sk, f, g, F, logn), PQI_OK);
        assert_int_equal(pqi_falcon_decode_sk(back[0], back[1], back[2], sk, logn), PQI_OK);
        assert_memory_equal(back[0], f, n);
        assert_memory_equal(back[1], g, n);
        assert_memory_equal(back[2], F, n);
        /* The most negative value of each field is no encoding. */
        const size_t first[3] = {1, 1 + bits * n / 8, 1 + 2 * bits * n / 8};
        for (unsigned k = 0; k < 3; k++) {
            uint8_t kept = sk[first[k]];
            sk[first[k]] = (uint8_t)(k == 2 ? 0x80 : 0x80 | (kept & (0xffu >> bits)));
            assert_int_equal(
                pqi_falcon_decode_sk(back[0], back[1], back[2], sk, logn), PQI_ERR_ARG);
            assert_memory_equal(back[k], zero, n);
            sk[first[k]] = kept;
        }
        sk[0] ^= 1;
        assert_int_equal(pqi_falcon_decode_sk(back[0], back[1], back[2], sk, logn), PQI_ERR_ARG);
        f[3] = (int8_t)(most + 1);
        assert_int_equal(pqi_falcon_encode_sk(sk, f, g, F, logn), PQI_ERR_ARG);
        f[3] = (int8_t)(-most - 1);
        assert_int_equal(pqi_falcon_encode_sk(sk, f, g, F, logn), PQI_ERR_ARG);
        assert_int_equal(sk[5], 0);
    }
}

static void arguments(void **state)
{
    static made m;
    (void)state;
    make(&m, 9, 1000);
    const pqi_sig *alg = algs[0];
    const pqi_cspan pk = {m.pk, alg->pk_len}, sig = {m.sig[1], m.len[1]}, none = {NULL, 0};
    const pqi_span room = {tmp.b, alg->verify_tmp};
    const pqi_cspan pieces[3] = {{message, 5}, none, {message + 5, part.len - 5}};
    const pqi_cspan bad_part = {NULL, 1};
    assert_int_equal(pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, pieces, 3, sig, room), PQI_OK);
    assert_int_equal(
        pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, NULL, 0, sig, room), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &part, 1, none, room), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_falcon_verify(NULL, PQI_FALCON_PADDED, pk, &part, 1, sig, room), PQI_ERR_ARG);
    assert_int_equal(
        pqi_falcon_verify(alg, PQI_FALCON_FORMAT_INT32_, pk, &part, 1, sig, room), PQI_ERR_ARG);
    assert_int_equal(
        pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &bad_part, 1, sig, room), PQI_ERR_ARG);
    assert_int_equal(pqi_falcon_verify(alg, PQI_FALCON_PADDED, (pqi_cspan){m.pk, pk.len - 1}, &part,
                         1, sig, room),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_falcon_verify(&pqi_sig_ml_dsa_44, PQI_FALCON_PADDED, pk, &part, 1, sig, room),
        PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &part, 1, sig,
                         (pqi_span){tmp.b, room.len - 1}),
        PQI_ERR_SPACE);
    assert_int_equal(pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &part, 1, sig,
                         (pqi_span){tmp.b + 1, room.len}),
        PQI_ERR_ARG);
    /* The generic interface wants the padded format and a framed message. */
    assert_int_equal(pqi_sig_verify(alg, pk, none, &part, 1, sig, room), PQI_ERR_AUTH);
    assert_int_equal(pqi_falcon_sig_len(alg, PQI_FALCON_COMPRESSED), 752);
    assert_int_equal(pqi_falcon_sig_len(alg, PQI_FALCON_PADDED), 666);
    assert_int_equal(pqi_falcon_sig_len(alg, PQI_FALCON_CT), 809);
    assert_int_equal(pqi_falcon_sig_len(algs[1], PQI_FALCON_COMPRESSED), 1462);
    assert_int_equal(pqi_falcon_sig_len(algs[1], PQI_FALCON_PADDED), 1280);
    assert_int_equal(pqi_falcon_sig_len(algs[1], PQI_FALCON_CT), 1577);
    assert_int_equal(pqi_falcon_sig_len(&pqi_sig_ml_dsa_44, PQI_FALCON_CT), 0);
    assert_int_equal(pqi_falcon_sig_len(NULL, PQI_FALCON_CT), 0);
    assert_int_equal(pqi_falcon_sig_len(alg, PQI_FALCON_FORMAT_INT32_), 0);
}

PQI_TEST_MAIN(cmocka_unit_test(bound), cmocka_unit_test(formats), cmocka_unit_test(canonical_s2),
    cmocka_unit_test(public_keys), cmocka_unit_test(private_keys), cmocka_unit_test(arguments))
