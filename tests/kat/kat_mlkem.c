/* SPDX-License-Identifier: Apache-2.0
 * ML-KEM known answers: the accumulated test of C2SP CCTV in the form of Go's crypto/mlkem (final
 * FIPS 203), whose answers are digests, and the CCTV files where they are present.
 * With PQI_KAT_SLOW: 10,000 tests a level instead of 100. */
#define _POSIX_C_SOURCE 200809L /* popen */
#include "pqi_test.h"

#include "kat/digests.h"

#include <pqi/hash.h>
#include <pqi/kem.h>

#include <stdalign.h>

#define VECTORS PQI_SOURCE_DIR "/../shared/vectors/cctv/ML-KEM/"

#if defined(PQI_KAT_SLOW)
#define ROUNDS 10000u
#else
#define ROUNDS 100u
#endif

static alignas(8) uint8_t tmp_bytes[16384];

static const pqi_kem *const algs[] = {
    &pqi_kem_ml_kem_512, &pqi_kem_ml_kem_768, &pqi_kem_ml_kem_1024};

static pqi_span tmp_of(const pqi_kem *alg)
{
    return (pqi_span){tmp_bytes, alg->tmp_len};
}

static void accumulated(void **state)
{
    (void)state;
    static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT];
    uint8_t seed[64], m[32], ss[32], ss2[32];
    for (size_t a = 0; a < sizeof algs / sizeof algs[0]; a++) {
        const pqi_kem *alg = algs[a];
        pqi_xof rng, sum;
        assert_int_equal(pqi_xof_init(&rng, PQI_HASH_SHAKE128), PQI_OK);
        assert_int_equal(pqi_xof_init(&sum, PQI_HASH_SHAKE128), PQI_OK);
        pqi_span pks = {pk, alg->pk_len}, sks = {sk, alg->sk_len}, cts = {ct, alg->ct_len};
        pqi_cspan pkc = {pk, alg->pk_len}, skc = {sk, alg->sk_len}, ctc = {ct, alg->ct_len};
        for (unsigned i = 0; i < ROUNDS; i++) {
            pqi_xof_squeeze(&rng, seed, 64);
            assert_int_equal(
                pqi_kem_keygen(alg, pks, sks, (pqi_cspan){seed, 64}, tmp_of(alg)), PQI_OK);
            pqi_xof_absorb(&sum, pk, alg->pk_len);
            pqi_xof_squeeze(&rng, m, 32);
            assert_int_equal(
                pqi_kem_encaps(alg, cts, (pqi_span){ss, 32}, pkc, (pqi_cspan){m, 32}, tmp_of(alg)),
                PQI_OK);
            pqi_xof_absorb(&sum, ct, alg->ct_len);
            pqi_xof_absorb(&sum, ss, 32);
            assert_int_equal(
                pqi_kem_decaps(alg, (pqi_span){ss2, 32}, ctc, skc, tmp_of(alg)), PQI_OK);
            assert_memory_equal(ss, ss2, 32);
            pqi_xof_squeeze(&rng, ct, alg->ct_len);
            assert_int_equal(
                pqi_kem_decaps(alg, (pqi_span){ss2, 32}, ctc, skc, tmp_of(alg)), PQI_OK);
            pqi_xof_absorb(&sum, ss2, 32);
        }
        uint8_t h[32];
        char text[65];
        pqi_xof_squeeze(&sum, h, 32);
        for (size_t i = 0; i < 32; i++) {
            (void)snprintf(text + 2 * i, 3, "%02x", h[i]);
        }
        const pqi_kat_sum *want = &pqi_kat_kem_sums[a];
        assert_int_equal(want->id, alg->id);
        assert_string_equal(text, ROUNDS == 100 ? want->hash100 : want->hash10000);
    }
}

static int nibble(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one hex string up to the end of line; returns bytes, fails the test beyond `cap`. */
static size_t unhex(const char *text, uint8_t *out, size_t cap)
{
    size_t n = 0;
    while (nibble(text[0]) >= 0 && nibble(text[1]) >= 0) {
        assert_true(n < cap);
        out[n++] = (uint8_t)(nibble(text[0]) << 4 | nibble(text[1]));
        text += 2;
    }
    return n;
}

struct fields {
    uint8_t dk[PQI_KEM_MAX_SK], ek[PQI_KEM_MAX_PK], c[PQI_KEM_MAX_CT], m[32], K[32];
    size_t dk_len, ek_len, c_len, m_len, K_len;
};

/* Reads "name = hex" lines. Returns 0 if there is no such file. */
static int read_fields(const char *dir, const pqi_kem *alg, struct fields *f)
{
    char path[512];
    static char line[16384];
    memset(f, 0, sizeof *f);
    (void)snprintf(path, sizeof path, VECTORS "%s/%s.txt", dir, alg->name);
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, in) != NULL) {
        char *eq = strstr(line, " = ");
        if (eq == NULL) {
            continue;
        }
        *eq = 0;
        const char *hex = eq + 3;
        if (strcmp(line, "dk") == 0) {
            f->dk_len = unhex(hex, f->dk, sizeof f->dk);
        } else if (strcmp(line, "ek") == 0) {
            f->ek_len = unhex(hex, f->ek, sizeof f->ek);
        } else if (strcmp(line, "c") == 0) {
            f->c_len = unhex(hex, f->c, sizeof f->c);
        } else if (strcmp(line, "m") == 0) {
            f->m_len = unhex(hex, f->m, sizeof f->m);
        } else if (strcmp(line, "K") == 0) {
            f->K_len = unhex(hex, f->K, sizeof f->K);
        }
    }
    (void)fclose(in);
    return 1;
}

static void skip_without_vectors(void)
{
    print_message("# skipped: no vectors at %s\n", VECTORS);
    skip();
}

static void check_decaps(const pqi_kem *alg, const struct fields *f)
{
    uint8_t ss[32];
    assert_int_equal(f->K_len, 32);
    assert_int_equal(pqi_kem_decaps(alg, (pqi_span){ss, 32}, (pqi_cspan){f->c, f->c_len},
                         (pqi_cspan){f->dk, f->dk_len}, tmp_of(alg)),
        PQI_OK);
    assert_memory_equal(ss, f->K, 32);
}

/* A ciphertext that differs from the re-encryption only behind a zero byte. */
static void cctv_strcmp(void **state)
{
    (void)state;
    static struct fields f;
    for (size_t a = 0; a < sizeof algs / sizeof algs[0]; a++) {
        if (!read_fields("strcmp", algs[a], &f)) {
            skip_without_vectors();
        }
        check_decaps(algs[a], &f);
    }
}

/* Matrix entries that need more than 575 bytes of SHAKE128. */
static void cctv_unlucky_sample(void **state)
{
    (void)state;
    static struct fields f;
    static uint8_t ct[PQI_KEM_MAX_CT];
    uint8_t ss[32];
    for (size_t a = 0; a < sizeof algs / sizeof algs[0]; a++) {
        const pqi_kem *alg = algs[a];
        if (!read_fields("unluckysample-ipd", alg, &f)) {
            skip_without_vectors();
        }
        check_decaps(alg, &f);
        assert_int_equal(f.m_len, 32);
        assert_int_equal(pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, 32},
                             (pqi_cspan){f.ek, f.ek_len}, (pqi_cspan){f.m, 32}, tmp_of(alg)),
            PQI_OK);
        assert_memory_equal(ct, f.c, alg->ct_len);
        assert_memory_equal(ss, f.K, 32);
    }
}

/* Encapsulation keys with one coefficient in q..4095: all refused. */
static void cctv_modulus(void **state)
{
    (void)state;
    static char line[8192];
    static uint8_t pk[PQI_KEM_MAX_PK], ct[PQI_KEM_MAX_CT];
    const uint8_t m[32] = {0};
    uint8_t ss[32];
    for (size_t a = 0; a < sizeof algs / sizeof algs[0]; a++) {
        const pqi_kem *alg = algs[a];
        char command[512];
        (void)snprintf(
            command, sizeof command, "zcat " VECTORS "modulus/%s.txt.gz 2>/dev/null", alg->name);
        FILE *in = popen(command, "r");
        unsigned lines = 0;
        assert_non_null(in);
        while (fgets(line, sizeof line, in) != NULL) {
            pqi_cspan pks = {pk, unhex(line, pk, sizeof pk)};
            assert_int_equal(pks.len, alg->pk_len);
            assert_int_equal(pqi_kem_check_pk(alg, pks, tmp_of(alg)), PQI_ERR_DECODE);
            assert_int_equal(pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, 32},
                                 pks, (pqi_cspan){m, 32}, tmp_of(alg)),
                PQI_ERR_DECODE);
            lines++;
        }
        (void)pclose(in);
        if (lines == 0) {
            skip_without_vectors();
        }
        assert_true(lines > 700);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(accumulated), cmocka_unit_test(cctv_strcmp),
    cmocka_unit_test(cctv_unlucky_sample), cmocka_unit_test(cctv_modulus))
