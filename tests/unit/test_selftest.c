/* SPDX-License-Identifier: Apache-2.0
 * The self test passes on a sound set and, INV-112, each item fails under every fault put into its
 * functions: a wrong bit of each output, a check that always passes, a check that always fails, an
 * error. Faults are injected by descriptors that call the real function and then spoil its result;
 * SHA-3 is reached by the linker's --wrap. */
#include "pqi_test.h"

#include <pqi/host.h>
#include <pqi/selftest.h>

#include <stdbool.h>

typedef enum fault {
    NONE,
    SHA3_BIT,
    HASH_BIT,
    HASH_GONE,
    HMAC_BIT,
    X25519_PUBLIC_BIT,
    X25519_BIT,
    X25519_TAKES_ALL,
    ED25519_PUBLIC_BIT,
    ED25519_SIGN_BIT,
    ED25519_TAKES_ALL,
    ED25519_TAKES_NONE,
    SEAL_BIT,
    OPEN_BIT,
    OPEN_TAKES_ALL,
    OPEN_TAKES_NONE,
    RANDOM_ERROR,
    RANDOM_ZERO,
    RANDOM_REPEATS,
    KEM_PK_BIT,
    KEM_SK_BIT,
    KEM_CT_BIT,
    KEM_SS_BIT,
    KEM_DECAPS_BIT,
    KEM_NO_REJECT,
    KEM_PK_TAKES_ALL,
    KEM_SK_TAKES_NONE,
    KEM_OTHER_SEED, /* consistent results, from other inputs */
    KEM_OTHER_COINS,
    KEM_ERROR,
    SIG_PK_BIT,
    SIG_SK_BIT,
    SIG_BIT,
    SIG_SHORT,
    SIG_TAKES_ALL,
    SIG_TAKES_NONE,
    SIG_OTHER_SEED,
    SIG_OTHER_RND,
    SIG_ERROR
} fault;

/* The fault in force, the hash or AEAD it is limited to, and which byte of the output it hits:
 * 0 the first, 1 the middle, 2 the last. */
static fault now;
static int only;
static unsigned where;
static const pqi_kem *real_kem;
static const pqi_sig *real_sig;

static void spoil(fault f, uint8_t *out, size_t len)
{
    if (now == f && len > 0) {
        out[where == 0 ? 0 : where == 1 ? len / 2 : len - 1] ^= 0x10;
    }
}

/* ---- SHA-3 ------------------------------------------------------------------------------ */

pqi_status real_sha3(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out,
    size_t out_len) __asm__("__real_pqi_sha3");
pqi_status wrap_sha3(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out,
    size_t out_len) __asm__("__wrap_pqi_sha3");

pqi_status wrap_sha3(
    pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out, size_t out_len)
{
    pqi_status st = real_sha3(id, parts, n_parts, out, out_len);
    if ((int)id == only) {
        spoil(SHA3_BIT, out, out_len);
    }
    return st;
}

/* ---- classical -------------------------------------------------------------------------- */

static const pqi_classic *const real = &pqi_classic_openssl;

static pqi_status f_random(uint8_t *out, size_t len)
{
    pqi_status st = real->random(out, len);
    if (now == RANDOM_ZERO || now == RANDOM_REPEATS) {
        memset(out, now == RANDOM_ZERO ? 0 : 7, len);
    }
    return now == RANDOM_ERROR ? PQI_ERR_RNG : st;
}

static pqi_status f_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    pqi_status st = real->hash(id, parts, n, out);
    if ((int)id == only) {
        spoil(HASH_BIT, out, pqi_hash_len(id));
        return now == HASH_GONE ? PQI_ERR_UNSUPPORTED : st;
    }
    return st;
}

static pqi_status f_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    pqi_status st = real->hmac(id, key, parts, n, out);
    if ((int)id == only) {
        spoil(HMAC_BIT, out, pqi_hash_len(id));
    }
    return st;
}

static pqi_status f_x25519_public(uint8_t pk[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN])
{
    pqi_status st = real->x25519_public(pk, sk);
    spoil(X25519_PUBLIC_BIT, pk, PQI_X25519_LEN);
    return st;
}

static pqi_status f_x25519(
    uint8_t ss[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN], const uint8_t pk[PQI_X25519_LEN])
{
    pqi_status st = real->x25519(ss, sk, pk);
    spoil(X25519_BIT, ss, PQI_X25519_LEN);
    return now == X25519_TAKES_ALL ? PQI_OK : st;
}

static pqi_status f_ed25519_public(uint8_t pk[PQI_ED25519_PK], const uint8_t seed[32])
{
    pqi_status st = real->ed25519_public(pk, seed);
    spoil(ED25519_PUBLIC_BIT, pk, PQI_ED25519_PK);
    return st;
}

static pqi_status f_ed25519_sign(
    uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg)
{
    pqi_status st = real->ed25519_sign(sig, seed, msg);
    spoil(ED25519_SIGN_BIT, sig, PQI_ED25519_SIG);
    return st;
}

static pqi_status f_ed25519_verify(
    const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG])
{
    pqi_status st = real->ed25519_verify(pk, msg, sig);
    if (now == ED25519_TAKES_NONE) {
        return PQI_ERR_AUTH;
    }
    return now == ED25519_TAKES_ALL ? PQI_OK : st;
}

static pqi_status f_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = real->aead_seal(k, aad, in, out);
    if ((int)k->id == only) {
        spoil(SEAL_BIT, out.ptr, out.len);
    }
    return st;
}

static pqi_status f_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = real->aead_open(k, aad, in, out);
    if ((int)k->id != only) {
        return st;
    }
    spoil(OPEN_BIT, out.ptr, out.len);
    if (now == OPEN_TAKES_NONE) {
        return PQI_ERR_AUTH;
    }
    return now == OPEN_TAKES_ALL ? PQI_OK : st;
}

static const pqi_classic faulty = {
    .abi = PQI_CLASSIC_ABI,
    .name = "faulty",
    .random = f_random,
    .hash = f_hash,
    .hmac = f_hmac,
    .x25519_public = f_x25519_public,
    .x25519 = f_x25519,
    .ed25519_public = f_ed25519_public,
    .ed25519_sign = f_ed25519_sign,
    .ed25519_verify = f_ed25519_verify,
    .aead_seal = f_seal,
    .aead_open = f_open,
};

/* ---- KEM -------------------------------------------------------------------------------- */

static uint8_t good_ss[PQI_KEM_SS];

static pqi_status f_kem_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    uint8_t other[PQI_KEM_MAX_SEED];
    memcpy(other, seed, real_kem->seed_len);
    spoil(KEM_OTHER_SEED, other, real_kem->seed_len);
    pqi_status st = real_kem->keygen(pk, sk, other, tmp);
    spoil(KEM_PK_BIT, pk, real_kem->pk_len);
    spoil(KEM_SK_BIT, sk, real_kem->sk_len);
    return now == KEM_ERROR ? PQI_ERR_PROVIDER : st;
}

static pqi_status f_kem_encaps(
    uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp)
{
    uint8_t other[64];
    memcpy(other, coins, real_kem->coins_len);
    spoil(KEM_OTHER_COINS, other, real_kem->coins_len);
    pqi_status st = real_kem->encaps(ct, ss, pk, other, tmp);
    memcpy(good_ss, ss, sizeof good_ss);
    spoil(KEM_CT_BIT, ct, real_kem->ct_len);
    spoil(KEM_SS_BIT, ss, PQI_KEM_SS);
    return st;
}

static pqi_status f_kem_decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    pqi_status st = real_kem->decaps(ss, ct, sk, tmp);
    spoil(KEM_DECAPS_BIT, ss, PQI_KEM_SS);
    if (now == KEM_NO_REJECT) {
        memcpy(ss, good_ss, sizeof good_ss);
    }
    return st;
}

static pqi_status f_kem_check_pk(const uint8_t *pk, void *tmp)
{
    pqi_status st = real_kem->check_pk(pk, tmp);
    return now == KEM_PK_TAKES_ALL ? PQI_OK : st;
}

static pqi_status f_kem_check_sk(const uint8_t *sk, void *tmp)
{
    pqi_status st = real_kem->check_sk(sk, tmp);
    return now == KEM_SK_TAKES_NONE ? PQI_ERR_ARG : st;
}

/* ---- signatures ------------------------------------------------------------------------- */

static pqi_status f_sig_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    uint8_t other[PQI_SIG_MAX_SEED];
    memcpy(other, seed, real_sig->seed_len);
    spoil(SIG_OTHER_SEED, other, real_sig->seed_len);
    pqi_status st = real_sig->keygen(pk, sk, other, tmp);
    spoil(SIG_PK_BIT, pk, real_sig->pk_len);
    spoil(SIG_SK_BIT, sk, real_sig->sk_len);
    return now == SIG_ERROR ? PQI_ERR_PROVIDER : st;
}

static pqi_status f_sig_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    uint8_t other[PQI_SIG_MAX_RND];
    memcpy(other, rnd, real_sig->rnd_len);
    spoil(SIG_OTHER_RND, other, real_sig->rnd_len);
    pqi_status st = real_sig->sign(sig, sig_len, sk, ctx, parts, n_parts, other, tmp);
    spoil(SIG_BIT, sig, *sig_len);
    *sig_len -= now == SIG_SHORT;
    return st;
}

static pqi_status f_sig_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    pqi_status st = real_sig->verify(pk, ctx, parts, n_parts, sig, tmp);
    if (now == SIG_TAKES_NONE) {
        return PQI_ERR_AUTH;
    }
    return now == SIG_TAKES_ALL ? PQI_OK : st;
}

/* ---- the runs --------------------------------------------------------------------------- */

static uint64_t scratch[32768];

static pqi_span tmp_for(const pqi_algs *a)
{
    size_t n = pqi_selftest_tmp_len(a);
    assert_true(n <= sizeof scratch);
    return (pqi_span){(uint8_t *)scratch, n};
}

static unsigned index_of(const pqi_algs *a, const char *name)
{
    for (unsigned i = 0; i < pqi_selftest_count(a); i++) {
        if (strcmp(pqi_selftest_name(a, i), name) == 0) {
            return i;
        }
    }
    fail_msg("no item %s", name);
    return 0;
}

/* Under the fault the whole test fails and names the item; without it the item passes. */
static void expect_caught(const pqi_algs *a, const char *name, fault f, int limit)
{
    unsigned index = index_of(a, name);
    unsigned failed = 0;
    for (where = 0; where < 3; where++) {
        now = f;
        only = limit;
        pqi_status st = pqi_selftest(a, &failed, tmp_for(a));
        now = NONE;
        if (st != PQI_ERR_SELFTEST || failed != index) {
            fail_msg("fault %d at %u of %s: %s, item %u", (int)f, where, name, pqi_status_name(st),
                failed);
        }
    }
    assert_int_equal(pqi_selftest_one(a, index, tmp_for(a)), PQI_OK);
}

static void test_passes(void **state)
{
    (void)state;
    pqi_algs a;
    unsigned failed = 99;
    pqi_algs_all(&a, &faulty);
    assert_int_equal(pqi_selftest(&a, &failed, tmp_for(&a)), PQI_OK);
    assert_int_equal(failed, pqi_selftest_count(&a));
    assert_int_equal(pqi_selftest(&a, NULL, tmp_for(&a)), PQI_OK);
    for (unsigned i = 0; i < pqi_selftest_count(&a); i++) {
        assert_non_null(pqi_selftest_name(&a, i));
        assert_int_equal(pqi_selftest_one(&a, i, tmp_for(&a)), PQI_OK);
    }
    assert_null(pqi_selftest_name(&a, pqi_selftest_count(&a)));
}

static void test_contract(void **state)
{
    (void)state;
    pqi_algs a;
    pqi_algs_all(&a, &pqi_classic_openssl);
    pqi_span tmp = tmp_for(&a);
    assert_int_equal(pqi_selftest_one(&a, pqi_selftest_count(&a), tmp), PQI_ERR_ARG);
    tmp.len--;
    assert_int_equal(pqi_selftest_one(&a, 0, tmp), PQI_ERR_SPACE);
    assert_int_equal(pqi_selftest(&a, NULL, tmp), PQI_ERR_SPACE);
}

/* INV-112 */
static void test_hash_faults(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fault f;
        int id;
    } rows[] = {
        {"SHA3-224", SHA3_BIT, PQI_HASH_SHA3_224},
        {"SHA3-256", SHA3_BIT, PQI_HASH_SHA3_256},
        {"SHA3-384", SHA3_BIT, PQI_HASH_SHA3_384},
        {"SHA3-512", SHA3_BIT, PQI_HASH_SHA3_512},
        {"SHAKE128", SHA3_BIT, PQI_HASH_SHAKE128},
        {"SHAKE256", SHA3_BIT, PQI_HASH_SHAKE256},
        {"SHA-256", HASH_BIT, PQI_HASH_SHA256},
        {"SHA-384", HASH_BIT, PQI_HASH_SHA384},
        {"SHA-512", HASH_BIT, PQI_HASH_SHA512},
        {"SHA-256", HASH_GONE, PQI_HASH_SHA256},
        {"SHA-384", HASH_GONE, PQI_HASH_SHA384},
        {"HMAC-SHA-256", HMAC_BIT, PQI_HASH_SHA256},
        {"HMAC-SHA-384", HMAC_BIT, PQI_HASH_SHA384},
        {"HMAC-SHA-512", HMAC_BIT, PQI_HASH_SHA512},
    };
    pqi_algs a;
    pqi_algs_all(&a, &faulty);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_caught(&a, rows[i].name, rows[i].f, rows[i].id);
    }
}

/* HKDF is the library's own code over HMAC: here HMAC goes wrong only for HKDF's messages. */
static bool hkdf_only;

static pqi_status f_hmac_hkdf(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    pqi_status st = real->hmac(id, key, parts, n, out);
    if (hkdf_only && key.len != 4) { /* not RFC 4231's "Jefe" */
        out[0] ^= 1;
    }
    return st;
}

/* INV-112 */
static void test_hkdf_fault(void **state)
{
    (void)state;
    pqi_classic c = faulty;
    pqi_algs a;
    unsigned failed = 0;
    c.hmac = f_hmac_hkdf;
    pqi_algs_all(&a, &c);
    assert_int_equal(pqi_selftest(&a, &failed, tmp_for(&a)), PQI_OK);
    hkdf_only = true;
    assert_int_equal(pqi_selftest(&a, &failed, tmp_for(&a)), PQI_ERR_SELFTEST);
    hkdf_only = false;
    assert_int_equal(failed, index_of(&a, "HKDF-SHA-256"));
}

/* INV-112 */
static void test_classic_faults(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int id;
    } aeads[] = {
        {"AES-256-GCM", PQI_AEAD_AES_256_GCM},
        {"ChaCha20-Poly1305", PQI_AEAD_CHACHA20_POLY1305},
        {"AES-128-CCM-8", PQI_AEAD_AES_128_CCM_8},
        {"AES-128-CCM-16", PQI_AEAD_AES_128_CCM_16},
        {"AES-256-GCM-SIV", PQI_AEAD_AES_256_GCM_SIV},
    };
    pqi_algs a;
    pqi_algs_all(&a, &faulty);
    for (fault f = X25519_PUBLIC_BIT; f <= X25519_TAKES_ALL; f++) {
        expect_caught(&a, "X25519", f, 0);
    }
    for (fault f = ED25519_PUBLIC_BIT; f <= ED25519_TAKES_NONE; f++) {
        expect_caught(&a, "Ed25519", f, 0);
    }
    for (size_t i = 0; i < sizeof aeads / sizeof aeads[0]; i++) {
        for (fault f = SEAL_BIT; f <= OPEN_TAKES_NONE; f++) {
            expect_caught(&a, aeads[i].name, f, aeads[i].id);
        }
    }
    for (fault f = RANDOM_ERROR; f <= RANDOM_REPEATS; f++) {
        expect_caught(&a, "random", f, 0);
    }
}

/* INV-112 */
static void test_kem_faults(void **state)
{
    (void)state;
    pqi_algs a;
    pqi_algs_all(&a, &faulty);
    for (size_t i = 0; i < a.n_kems; i++) {
        real_kem = a.kems[i];
        pqi_kem k = *real_kem;
        k.keygen = f_kem_keygen;
        k.encaps = f_kem_encaps;
        k.decaps = f_kem_decaps;
        k.check_pk = f_kem_check_pk;
        k.check_sk = f_kem_check_sk;
        const pqi_kem *one[1] = {&k};
        pqi_algs b = a;
        b.kems = one;
        b.n_kems = 1;
        /* SABER has no invalid public key: a check that takes all is right there */
        const bool checks_pk = (k.flags & PQI_ALG_NOT_STANDARD) == 0;
        for (fault f = KEM_PK_BIT; f <= KEM_ERROR; f++) {
            if (f != KEM_PK_TAKES_ALL || checks_pk) {
                expect_caught(&b, k.name, f, 0);
            }
        }
    }
}

/* INV-112: another variant of the KEM, which a suite of the set names and its kems do not. */
static void test_suite_kem_faults(void **state)
{
    (void)state;
    pqi_algs a;
    pqi_algs_all(&a, &faulty);
    real_kem = &pqi_kem_ml_kem_768_small;
    pqi_kem k = *real_kem;
    k.encaps = f_kem_encaps;
    k.decaps = f_kem_decaps;
    k.tmp_len += 65536; /* the one that needs more scratch */
    pqi_suite suite = pqi_suite_0002;
    suite.kem = &k;
    const pqi_suite *one[1] = {&suite};
    a.suites = one;
    a.n_suites = 1;
    expect_caught(&a, k.name, KEM_CT_BIT, 0);
    expect_caught(&a, k.name, KEM_SS_BIT, 0);
    expect_caught(&a, k.name, KEM_DECAPS_BIT, 0);
}

/* INV-112 */
static void test_sig_faults(void **state)
{
    (void)state;
    pqi_algs a;
    pqi_algs_all(&a, &faulty);
    for (size_t i = 0; i < a.n_sigs; i++) {
        real_sig = a.sigs[i];
        pqi_sig s = *real_sig;
        s.keygen = f_sig_keygen;
        s.sign = f_sig_sign;
        s.verify = f_sig_verify;
        const pqi_sig *one[1] = {&s};
        pqi_algs b = a;
        b.sigs = one;
        b.n_sigs = 1;
        for (fault f = SIG_PK_BIT; f <= SIG_ERROR; f++) {
            expect_caught(&b, s.name, f, 0);
        }
    }
}

/* Fail closed: an algorithm without a known answer, a table with a hole, a hash that no suite of the
 * set needs and that is not offered. */
static void test_unknown(void **state)
{
    (void)state;
    pqi_algs a;
    unsigned failed = 0;
    pqi_algs_all(&a, &pqi_classic_openssl);
    pqi_kem k = *a.kems[0];
    k.id = 0x7777;
    const pqi_kem *kems[1] = {&k};
    a.kems = kems;
    a.n_kems = 1;
    assert_int_equal(pqi_selftest(&a, &failed, tmp_for(&a)), PQI_ERR_SELFTEST);
    pqi_algs_all(&a, &pqi_classic_openssl);
    pqi_sig s = *a.sigs[0];
    s.id = 0x7777;
    const pqi_sig *sigs[1] = {&s};
    a.sigs = sigs;
    a.n_sigs = 1;
    assert_int_equal(pqi_selftest(&a, &failed, tmp_for(&a)), PQI_ERR_SELFTEST);
    pqi_classic c = faulty;
    c.hmac = NULL;
    pqi_algs_all(&a, &c);
    assert_int_equal(pqi_selftest(&a, &failed, tmp_for(&a)), PQI_ERR_SELFTEST);
}

static void test_not_offered(void **state)
{
    (void)state;
    pqi_algs a;
    pqi_algs_all(&a, &faulty);
    now = HASH_GONE;
    only = PQI_HASH_SHA512;
    pqi_status one = pqi_selftest_one(&a, index_of(&a, "SHA-512"), tmp_for(&a));
    pqi_status all = pqi_selftest(&a, NULL, tmp_for(&a));
    now = NONE;
    assert_int_equal(one, PQI_ERR_UNSUPPORTED);
    assert_int_equal(all, PQI_OK);
}

PQI_TEST_MAIN(cmocka_unit_test(test_passes), cmocka_unit_test(test_contract),
    cmocka_unit_test(test_hash_faults), cmocka_unit_test(test_hkdf_fault),
    cmocka_unit_test(test_classic_faults), cmocka_unit_test(test_kem_faults),
    cmocka_unit_test(test_suite_kem_faults), cmocka_unit_test(test_sig_faults),
    cmocka_unit_test(test_unknown), cmocka_unit_test(test_not_offered))
