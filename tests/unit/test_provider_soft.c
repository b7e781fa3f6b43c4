/* SPDX-License-Identifier: Apache-2.0
 * The software provider over plain memory: conformance, saved state, self test, bounds. */
#include "conformance/conformance.h"
#include "pqi_test.h"

#include <pqi/host.h>
#include <pqi/provider_soft.h>

typedef struct rig {
    pqi_algs a;
    pqi_soft soft;
    pqi_soft_cfg cfg;
    uint8_t keys[8192], counters[PQI_SOFT_COUNTERS_LEN];
    size_t keys_len, counters_len;
    unsigned saves;
    int open, fail;
} rig;

static rig r;
static uint64_t mem[131072];

static pqi_status save_keys(void *arg, pqi_cspan plain)
{
    rig *x = arg;
    assert_true(plain.len <= sizeof x->keys);
    x->saves++;
    if (x->fail) {
        return PQI_ERR_STORAGE;
    }
    memcpy(x->keys, plain.ptr, plain.len);
    x->keys_len = plain.len;
    return PQI_OK;
}

static pqi_status save_counters(void *arg, pqi_cspan blob)
{
    rig *x = arg;
    assert_int_equal(blob.len, PQI_SOFT_COUNTERS_LEN);
    if (x->fail) {
        return PQI_ERR_STORAGE;
    }
    memcpy(x->counters, blob.ptr, blob.len);
    x->counters_len = blob.len;
    return PQI_OK;
}

static pqi_status mem_open(void *arg)
{
    ((rig *)arg)->open++;
    return PQI_OK;
}

static void mem_close(void *arg)
{
    ((rig *)arg)->open--;
}

static void rig_init(uint32_t flags, uint32_t slots)
{
    memset(&r, 0, sizeof r);
    pqi_algs_all(&r.a, &pqi_classic_openssl);
    r.cfg = (pqi_soft_cfg){.algs = &r.a,
        .platform = {.arg = &r,
            .open = mem_open,
            .close = mem_close,
            .save_keys = save_keys,
            .save_counters = save_counters},
        .slots = slots,
        .workers = 1,
        .flags = flags,
        .boot = 1,
        .mem = {(uint8_t *)mem, sizeof mem}};
    assert_true(pqi_soft_mem_len(&r.cfg) != 0 && pqi_soft_mem_len(&r.cfg) <= sizeof mem);
}

/* INV-110, INV-86 */
static void conformance(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags <= PQI_SOFT_CACHE; flags++) {
        rig_init(flags, 4);
        assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
        pqi_provider *p = pqi_soft_provider(&r.soft);
        assert_int_equal(pqi_provider_caps(p), PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT);
        pqi_provider_conformance(p);
        assert_int_equal(r.open, 0); /* closed between operations */
        pqi_provider_conformance_zeroize(p);
        for (size_t i = 0; i < sizeof mem / sizeof mem[0]; i++) {
            assert_true(mem[i] == 0);
        }
    }
}

static void saved_keys_come_back(void **state)
{
    (void)state;
    static uint8_t before[PQI_SIG_MAX_PK], after[PQI_SIG_MAX_PK];
    static uint8_t keys[8192], counters[PQI_SOFT_COUNTERS_LEN];
    uint8_t blob[32 + PQI_SEAL_OVERHEAD], secret[32] = {7}, got[32];
    size_t n = 0, m = 0;
    uint64_t v = 0;
    const pqi_cspan label = {PQI_LIT("l")};
    rig_init(0, 4);
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    pqi_provider *p = pqi_soft_provider(&r.soft);
    assert_int_equal(pqi_provider_generate(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 6, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 5, (pqi_span){before, sizeof before}, &n), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 3, UINT64_C(0x123456789abcdef0)), PQI_OK);
    assert_int_equal(
        pqi_provider_seal(p, label, 1, (pqi_cspan){secret, 32}, (pqi_span){blob, sizeof blob}),
        PQI_OK);
    memcpy(keys, r.keys, r.keys_len);
    memcpy(counters, r.counters, sizeof counters);
    const pqi_cspan k = {keys, r.keys_len}, c = {counters, sizeof counters};

    for (uint32_t flags = 0; flags <= PQI_SOFT_CACHE; flags++) { /* either way of keeping them */
        r.cfg.flags = flags;
        assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, k, c), PQI_OK);
        assert_int_equal(
            pqi_provider_public_key(p, 5, (pqi_span){after, sizeof after}, &m), PQI_OK);
        assert_int_equal(n, m);
        assert_memory_equal(before, after, n);
        assert_int_equal(pqi_provider_counter_get(p, 3, &v), PQI_OK);
        assert_true(v == UINT64_C(0x123456789abcdef0));
        assert_int_equal(
            pqi_provider_unseal(p, label, 1, (pqi_cspan){blob, sizeof blob}, (pqi_span){got, 32}),
            PQI_OK);
        assert_memory_equal(got, secret, 32);
    }
    /* every truncation and one extension of the state */
    for (size_t len = 0; len < k.len; len++) {
        assert_int_equal(
            pqi_soft_load(&r.soft, &r.cfg, (pqi_cspan){keys, len}, c), PQI_ERR_STORAGE);
    }
    keys[k.len] = 0;
    assert_int_equal(
        pqi_soft_load(&r.soft, &r.cfg, (pqi_cspan){keys, k.len + 1}, c), PQI_ERR_STORAGE);
    assert_int_equal(pqi_provider_counter_get(p, 3, &v), PQI_ERR_STATE); /* nothing half loaded */
    /* every byte of the counters, and those of another provider */
    for (size_t i = 0; i < sizeof counters; i++) {
        counters[i] ^= 1;
        assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, k, c), PQI_ERR_AUTH);
        counters[i] ^= 1;
    }
    assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, k, (pqi_cspan){counters, 547}), PQI_ERR_AUTH);
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, k, (pqi_cspan){r.counters, 548}), PQI_ERR_AUTH);
    /* a blob of another owner, INV-111 */
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    assert_int_equal(
        pqi_provider_unseal(p, label, 1, (pqi_cspan){blob, sizeof blob}, (pqi_span){got, 32}),
        PQI_ERR_AUTH);
    r.cfg.slots = 1;
    assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, k, c), PQI_ERR_LIMIT);
}

/* docs/spec/provider-files.md section 2: the longest seed is that of SABER. */
static void seeds_have_a_bound(void **state)
{
    (void)state;
    static uint8_t keys[86 + 10 + 255];
    static const struct {
        uint8_t len;
        pqi_status st;
    } c[] = {{0, PQI_ERR_STORAGE}, {96, PQI_OK}, {97, PQI_ERR_STORAGE}, {255, PQI_ERR_STORAGE}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        rig_init(0, 1);
        assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
        assert_int_equal(r.keys_len, 86);
        memset(keys, 0xee, sizeof keys);
        memcpy(keys, r.keys, 86);
        keys[85] = 1;
        memcpy(keys + 86, "\0\0\0\5\1\0\0\1\2", 9); /* handle 5, a KEM, Saber */
        keys[95] = c[i].len;
        const pqi_cspan k = {keys, 96u + c[i].len}, counters = {r.counters, sizeof r.counters};
        assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, k, counters), c[i].st);
    }
}

static void a_failing_save_changes_nothing(void **state)
{
    (void)state;
    uint8_t pk[32];
    size_t n;
    uint64_t v = 0;
    rig_init(0, 2);
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    pqi_provider *p = pqi_soft_provider(&r.soft);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_OK);
    r.fail = 1;
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_X25519, 0), PQI_ERR_STORAGE);
    assert_int_equal(pqi_provider_destroy(p, 1), PQI_ERR_STORAGE);
    assert_int_equal(pqi_provider_counter_advance(p, 0, 10), PQI_ERR_STORAGE);
    r.fail = 0;
    assert_int_equal(pqi_provider_public_key(p, 1, (pqi_span){pk, 32}, &n), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 2, (pqi_span){pk, 32}, &n), PQI_ERR_MISSING);
    assert_int_equal(pqi_provider_counter_get(p, 0, &v), PQI_OK);
    assert_int_equal(v, 0);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 3, PQI_KEY_X25519, 0), PQI_ERR_LIMIT);
}

static pqi_classic broken;

static pqi_status wrong_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    pqi_status st = pqi_classic_openssl.hmac(id, key, parts, n_parts, out);
    out[31] ^= 1;
    return st;
}

static pqi_status open_accepts_all(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    if (pqi_classic_openssl.aead_open(k, aad, in, out) != PQI_OK) {
        memset(out.ptr, 0, out.len);
    }
    return PQI_OK;
}

static pqi_status wrong_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = pqi_classic_openssl.aead_seal(k, aad, in, out);
    out.ptr[0] ^= 1;
    return st;
}

static pqi_status wrong_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    pqi_status st = pqi_classic_openssl.x25519(ss, sk, pk);
    ss[0] ^= 1;
    return st;
}

static pqi_status dead_random(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return PQI_ERR_RNG;
}

/* INV-17, INV-112: each self test is shown to fail, and then nothing is built. */
static void a_failing_self_test_prevents_construction(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        rig_init(0, 2);
        broken = pqi_classic_openssl;
        broken.hmac = i == 0 ? wrong_hmac : broken.hmac;
        broken.aead_open = i == 1 ? open_accepts_all : broken.aead_open;
        broken.aead_seal = i == 2 ? wrong_seal : broken.aead_seal;
        broken.x25519 = i == 3 ? wrong_x25519 : broken.x25519;
        broken.random = i == 4 ? dead_random : broken.random;
        r.a.classic = &broken;
        pqi_status st = pqi_soft_create(&r.soft, &r.cfg);
        assert_int_equal(st, i < 4 ? PQI_ERR_SELFTEST : i == 4 ? PQI_ERR_RNG : PQI_OK);
        if (i < 5) {
            uint8_t b[8];
            assert_int_equal(
                pqi_provider_random(pqi_soft_provider(&r.soft), (pqi_span){b, 8}), PQI_ERR_STATE);
            assert_int_equal(r.saves, 0);
        }
    }
}

/* Pairwise consistency: keys that do not belong together are not kept. */
static pqi_status (*good_decaps)(uint8_t *, const uint8_t *, const uint8_t *, void *);
static pqi_status (*good_verify)(
    const uint8_t *, pqi_cspan, const pqi_cspan *, size_t, pqi_cspan, void *);

static pqi_status wrong_decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    pqi_status st = good_decaps(ss, ct, sk, tmp);
    ss[0] ^= 1;
    return st;
}

static pqi_status wrong_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    pqi_status st = good_verify(pk, ctx, parts, n_parts, sig, tmp);
    return st == PQI_OK ? PQI_ERR_AUTH : st;
}

/* INV-112 */
static void a_failing_pairwise_test_keeps_no_key(void **state)
{
    (void)state;
    pqi_kem kem = pqi_kem_ml_kem_768;
    pqi_sig sig = pqi_sig_ml_dsa_44;
    good_decaps = kem.decaps;
    good_verify = sig.verify;
    kem.decaps = wrong_decaps;
    sig.verify = wrong_verify;
    const pqi_kem *const kems[] = {&kem};
    const pqi_sig *const sigs[] = {&sig};
    pqi_key_info info;
    rig_init(0, 2);
    r.a.kems = kems;
    r.a.n_kems = 1;
    r.a.sigs = sigs;
    r.a.n_sigs = 1;
    broken = pqi_classic_openssl;
    r.a.classic = &broken;
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    pqi_provider *p = pqi_soft_provider(&r.soft);
    broken.x25519 = wrong_x25519;
    unsigned saves = r.saves;
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_KEM, kem.id), PQI_ERR_SELFTEST);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, sig.id), PQI_ERR_SELFTEST);
    assert_int_equal(pqi_provider_info(p, 1, &info), PQI_ERR_MISSING);
    assert_int_equal(r.saves, saves);
    broken.x25519 = pqi_classic_openssl.x25519;
    broken.random = dead_random;
    uint8_t b[32] = {1}, zero[32] = {0};
    assert_int_equal(pqi_provider_random(p, (pqi_span){b, 32}), PQI_ERR_RNG);
    assert_memory_equal(b, zero, 32);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_ERR_RNG);
}

/* The system generator repeats itself (a restored snapshot): the outputs still differ. */
static pqi_status stuck_random(uint8_t *out, size_t len)
{
    memset(out, 0x42, len);
    return PQI_OK;
}

static void hedging_covers_a_stuck_generator(void **state)
{
    (void)state;
    uint8_t a[32], b[32], c[32];
    rig_init(0, 2);
    broken = pqi_classic_openssl;
    r.a.classic = &broken;
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    pqi_provider *p = pqi_soft_provider(&r.soft);
    broken.random = stuck_random;
    assert_int_equal(pqi_provider_random(p, (pqi_span){a, 32}), PQI_OK);
    assert_int_equal(pqi_provider_random(p, (pqi_span){b, 32}), PQI_OK);
    assert_memory_not_equal(a, b, 32);
    r.cfg.boot++; /* the same state started twice */
    static uint8_t keys[8192];
    memcpy(keys, r.keys, r.keys_len);
    assert_int_equal(pqi_soft_load(&r.soft, &r.cfg, (pqi_cspan){keys, r.keys_len},
                         (pqi_cspan){r.counters, sizeof r.counters}),
        PQI_OK);
    assert_int_equal(pqi_provider_random(p, (pqi_span){c, 32}), PQI_OK);
    assert_memory_not_equal(a, c, 32);
    assert_memory_not_equal(b, c, 32);
}

static void the_front_door_checks_the_driver(void **state)
{
    (void)state;
    uint8_t b[8];
    pqi_provider none = {NULL};
    pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI, .caps = PQI_CAP_NON_EXPORTABLE};
    pqi_provider p = {&ops};
    assert_int_equal(pqi_provider_random(NULL, (pqi_span){b, 8}), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_random(&none, (pqi_span){b, 8}), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_random(&p, (pqi_span){b, 8}), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_provider_zeroize(&p), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_provider_caps(&p), PQI_CAP_NON_EXPORTABLE);
    ops.abi++;
    assert_int_equal(pqi_provider_random(&p, (pqi_span){b, 8}), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_provider_caps(&p), 0); /* INV-7: absence of a fact is a no */
    assert_int_equal(pqi_provider_caps(NULL), 0);
    assert_string_equal(pqi_provider_name(NULL), "");
}

static void configurations_are_checked(void **state)
{
    (void)state;
    rig_init(0, 2);
    pqi_soft_cfg c = r.cfg;
    c.slots = 0;
    assert_int_equal(pqi_soft_mem_len(&c), 0);
    c.slots = PQI_SOFT_SLOTS_MAX + 1;
    assert_int_equal(pqi_soft_mem_len(&c), 0);
    c = r.cfg;
    c.workers = 2; /* without a lock */
    assert_int_equal(pqi_soft_mem_len(&c), 0);
    c = r.cfg;
    c.mem.len = pqi_soft_mem_len(&c) - 1;
    assert_int_equal(pqi_soft_create(&r.soft, &c), PQI_ERR_ARG);
    c.mem.len++;
    c.mem.ptr++;
    assert_int_equal(pqi_soft_create(&r.soft, &c), PQI_ERR_ARG);
    c.mem.ptr--;
    assert_int_equal(pqi_soft_create(&r.soft, &c), PQI_OK);
    assert_int_equal(pqi_soft_create(NULL, &c), PQI_ERR_ARG);
}

/* Keys by one variant of a KEM, boxes by the other, which needs more scratch. */
static void a_set_may_mix_variants(void **state)
{
    (void)state;
    static const pqi_suite *const suites[] = {&pqi_suite_0002};
    static const pqi_kem *const kems[] = {&pqi_kem_ml_kem_768_small};
    static const pqi_sig *const sigs[] = {&pqi_sig_ml_dsa_44_small};
    static uint8_t pk[PQI_KEM_MAX_PK], capsule[PQI_KEM_MAX_CT + PQI_X25519_LEN];
    static uint64_t tmp[8192];
    uint8_t x_pk[PQI_X25519_LEN], coins[64] = {1}, ct[5 + PQI_AEAD_TAG], plain[5];
    size_t n = 0;
    rig_init(0, 2);
    r.a = (pqi_algs){r.a.classic, suites, 1, kems, 1, sigs, 1};
    assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_OK);
    pqi_provider *p = pqi_soft_provider(&r.soft);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 1, (pqi_span){pk, sizeof pk}, &n), PQI_OK);
    const pqi_box_peer to = {{pk, n}, {x_pk, sizeof x_pk}};
    assert_int_equal(pqi_provider_public_key(p, 2, (pqi_span){x_pk, sizeof x_pk}, &n), PQI_OK);
    const pqi_box_ctx ctx = {{PQI_LIT("s")}, {PQI_LIT("i")}, {NULL, 0}, {NULL, 0}};
    const pqi_span caps = {capsule, pqi_box_capsule_len(suites[0])};
    assert_int_equal(pqi_box_seal(&r.a, suites[0], &to, &ctx, (pqi_cspan){coins, sizeof coins},
                         (pqi_cspan){PQI_LIT("hello")}, caps, (pqi_span){ct, sizeof ct}, NULL,
                         (pqi_span){(uint8_t *)tmp, sizeof tmp}),
        PQI_OK);
    assert_int_equal(pqi_provider_decrypt(p, 1, 2, suites[0], &ctx, (pqi_cspan){caps.ptr, caps.len},
                         (pqi_cspan){ct, sizeof ct}, (pqi_span){plain, sizeof plain}),
        PQI_OK);
    assert_memory_equal(plain, "hello", 5);
}

PQI_TEST_MAIN(cmocka_unit_test(conformance), cmocka_unit_test(saved_keys_come_back),
    cmocka_unit_test(seeds_have_a_bound), cmocka_unit_test(a_failing_save_changes_nothing),
    cmocka_unit_test(a_failing_self_test_prevents_construction),
    cmocka_unit_test(a_failing_pairwise_test_keeps_no_key),
    cmocka_unit_test(hedging_covers_a_stuck_generator),
    cmocka_unit_test(the_front_door_checks_the_driver),
    cmocka_unit_test(configurations_are_checked), cmocka_unit_test(a_set_may_mix_variants))
