/* SPDX-License-Identifier: Apache-2.0
 * The software provider over a fake element: conformance, and every call of the element fails once in
 * every operation, before it took effect and after. Its status comes through, its native code too, and
 * nothing changed: not in memory, not after a restart. */
#include "conformance/conformance.h"
#include "support/element_rig.h"

#define SIG  1u
#define KEM  2u
#define DH   3u
#define NEW  4u
#define SLOT 7u

static element_rig r;
static pqi_provider *p;

/* INV-110, INV-86 */
static void conformance(void **state)
{
    (void)state;
    static const uint32_t caps[] = {PQI_CAP_HALF, PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK,
        PQI_CAP_NO_ROLLBACK, PQI_CAP_QUOTE | PQI_CAP_HW_RNG, RIG_CAPS};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        uint32_t flags = i % 2 == 0 ? PQI_SOFT_CACHE : 0;
        p = element_rig_make(&r, caps[i], flags, 3);
        assert_int_equal(pqi_provider_caps(p), PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT | caps[i]);
        assert_string_equal(pqi_provider_name(p), "fake");
        pqi_provider_conformance(p);
        assert_int_equal(fake_element_halves(&r.fake), 0); /* destroyed keys leave none */
        pqi_provider_conformance_zeroize(p);
        element_rig_end(&r);
    }
}

/* A key is as good as its algorithm and its provider; docs/providers.md section 4. */
static void capabilities_of_keys(void **state)
{
    (void)state;
    const uint32_t plain = PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT;
    p = element_rig_make(&r, RIG_CAPS | PQI_CAP_NON_EXPORTABLE | PQI_CAP_SEPARATE, 0, 3);
    assert_int_equal(pqi_provider_caps(p), plain | RIG_CAPS); /* an element is no provider */
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65),
        plain | PQI_CAP_NO_ROLLBACK | PQI_CAP_HW_RNG);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256),
        plain | PQI_CAP_NO_ROLLBACK | PQI_CAP_HW_RNG | PQI_CAP_HALF);
    element_rig_end(&r);
    p = element_rig_make(&r, PQI_CAP_HW_RNG, 0, 3);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), 0);
    assert_int_equal(
        pqi_provider_generate(p, SIG, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), PQI_ERR_UNSUPPORTED);
    element_rig_end(&r);
    for (int i = 0; i < 9; i++) { /* one that says more than it has */
        element_rig_init(&r, RIG_CAPS, 0, 3);
        pqi_element *e = &r.fake.element;
        e->p256_generate = i == 0 ? NULL : e->p256_generate;
        e->p256_destroy = i == 1 ? NULL : e->p256_destroy;
        e->p256_public = i == 2 ? NULL : e->p256_public;
        e->p256_sign = i == 3 ? NULL : e->p256_sign;
        e->p256_dh = i == 4 ? NULL : e->p256_dh;
        e->generation = i == 5 ? NULL : e->generation;
        e->advance = i == 6 ? NULL : e->advance;
        e->quote = i == 7 ? NULL : e->quote;
        e->random = i == 8 ? NULL : e->random;
        assert_int_equal(pqi_soft_create(&r.soft, &r.cfg), PQI_ERR_ARG);
        element_rig_end(&r);
    }
}

/* ---- every call fails once ---------------------------------------------------------------------- */

static uint8_t capsule[PQI_KEM_MAX_CT + 32], boxed[48], out[PQI_SIG_MAX_SIG];
static size_t out_len;
static const pqi_cspan label = {PQI_LIT("PQI4 element")};
static const pqi_box_ctx ctx = {{PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, {NULL, 0}, {NULL, 0}};

static pqi_status do_sign(void)
{
    size_t n;
    out_len = sizeof out;
    return pqi_provider_sign(p, SIG, label, &label, 1, (pqi_span){out, sizeof out}, &n);
}

static pqi_status do_decaps(void)
{
    out_len = 32;
    return pqi_provider_decapsulate(
        p, KEM, (pqi_cspan){capsule, pqi_kem_ml_kem_768_p256.ct_len}, out);
}

static pqi_status do_decrypt(void)
{
    out_len = 32;
    return pqi_provider_decrypt(p, KEM, DH, &pqi_suite_0009, &ctx,
        (pqi_cspan){capsule, pqi_box_capsule_len(&pqi_suite_0009)}, (pqi_cspan){boxed, 48},
        (pqi_span){out, 32});
}

static pqi_status do_random(void)
{
    out_len = 100;
    return pqi_provider_random(p, (pqi_span){out, 100});
}

static pqi_status do_seal(void)
{
    out_len = label.len + PQI_SEAL_OVERHEAD;
    return pqi_provider_seal(p, label, 1, label, (pqi_span){out, out_len});
}

static pqi_status do_quote(void)
{
    size_t n;
    out_len = 400;
    return pqi_provider_quote(p, (pqi_cspan){boxed, 32}, 1, (pqi_span){out, out_len}, &n);
}

static pqi_status do_public(void)
{
    size_t n;
    out_len = sizeof out;
    return pqi_provider_public_key(p, SIG, (pqi_span){out, sizeof out}, &n);
}

static pqi_status do_generate_sig(void)
{
    out_len = 0;
    return pqi_provider_generate(p, NEW, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44_P256);
}

static pqi_status do_generate_kem(void)
{
    out_len = 0;
    return pqi_provider_generate(p, NEW, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768_P256);
}

static pqi_status do_generate_plain(void)
{
    out_len = 0;
    return pqi_provider_generate(p, NEW, PQI_KEY_X25519, 0);
}

static pqi_status do_destroy(void)
{
    out_len = 0;
    return pqi_provider_destroy(p, NEW);
}

static pqi_status do_advance(void)
{
    uint64_t v = 0;
    out_len = 0;
    assert_int_equal(pqi_provider_counter_get(p, SLOT, &v), PQI_OK);
    return pqi_provider_counter_advance(p, SLOT, v + 1);
}

typedef pqi_status (*operation)(void);
static const operation operations[] = {do_sign, do_decaps, do_decrypt, do_random, do_seal, do_quote,
    do_public, do_generate_sig, do_destroy, do_generate_kem, do_destroy, do_generate_plain,
    do_destroy, do_advance};

/* What an application sees of a provider. */
typedef struct picture {
    pqi_key_info info[4];
    uint8_t pk[4][64];
    uint64_t counter;
} picture;

static void look(picture *v)
{
    static uint8_t pk[PQI_SIG_MAX_PK];
    size_t n;
    memset(v, 0, sizeof *v);
    for (pqi_key key = SIG; key <= NEW; key++) {
        if (pqi_provider_info(p, key, &v->info[key - 1u]) == PQI_OK) {
            assert_int_equal(
                pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &n), PQI_OK);
            memcpy(v->pk[key - 1u], pk + n - 32, 32); /* of both halves */
            memcpy(v->pk[key - 1u] + 32, pk, 32);
        }
    }
    assert_int_equal(pqi_provider_counter_get(p, SLOT, &v->counter), PQI_OK);
}

static void set_up(uint32_t flags)
{
    static uint8_t kem_pk[PQI_KEM_MAX_PK];
    static _Alignas(8) uint8_t tmp[65536];
    uint8_t x_pk[32], coins[64] = {5}, plain[32] = {6};
    size_t n = 0, m = 0;
    p = element_rig_make(&r, RIG_CAPS, flags, 4);
    assert_int_equal(pqi_provider_generate(p, SIG, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), PQI_OK);
    assert_int_equal(
        pqi_provider_generate(p, KEM, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768_P256), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, DH, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(
        pqi_provider_public_key(p, KEM, (pqi_span){kem_pk, sizeof kem_pk}, &n), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, DH, (pqi_span){x_pk, 32}, &m), PQI_OK);
    const pqi_box_peer to = {{kem_pk, n}, {x_pk, 32}};
    assert_int_equal(
        pqi_box_seal(&r.algs, &pqi_suite_0009, &to, &ctx, (pqi_cspan){coins, 64},
            (pqi_cspan){plain, 32}, (pqi_span){capsule, pqi_box_capsule_len(&pqi_suite_0009)},
            (pqi_span){boxed, 48}, NULL, (pqi_span){tmp, sizeof tmp}),
        PQI_OK);
}

/* The picture is the same now and after a restart, and no half is left of keys that are none. */
static void nothing_changed(const picture *before)
{
    picture now;
    unsigned halves = 0;
    look(&now);
    assert_memory_equal(&now, before, sizeof now);
    for (size_t i = 0; i < sizeof now.info / sizeof now.info[0]; i++) {
        halves += (now.info[i].caps & PQI_CAP_HALF) != 0;
    }
    assert_int_equal(fake_element_halves(&r.fake), halves);
    static rig_disk disk;
    disk = r.disk;
    assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
    look(&now);
    assert_memory_equal(&now, before, sizeof now);
}

/* The n-th call of `op` fails. True: it has one. */
static int fail_one(operation op, unsigned n, pqi_status with, int late)
{
    static const uint8_t zero[sizeof out];
    picture before;
    look(&before);
    memset(out, 0x5a, sizeof out);
    r.fake.calls = 0;
    r.fake.fail_at = n;
    r.fake.fail_with = with;
    r.fake.fail_late = late;
    memset(r.fake.count, 0, sizeof r.fake.count);
    pqi_status st = op();
    int reached = r.fake.calls >= n;
    unsigned random_calls = r.fake.count[FE_RANDOM];
    r.fake.fail_at = 0;
    r.fake.fail_late = 0;
    if (!reached || (st == PQI_OK && late && r.fake.count[FE_DESTROY] != 0 && op == do_destroy)) {
        assert_int_equal(st, PQI_OK); /* the half was gone, whatever the element said */
        return 0;
    }
    assert_true(st == with || (st == PQI_ERR_RNG && random_calls != 0));
    assert_memory_equal(out, zero, out_len);
    nothing_changed(&before);
    return 1;
}

static void every_call_fails_once(void **state)
{
    (void)state;
    static const pqi_status with[] = {
        PQI_ERR_PROVIDER, PQI_ERR_LOCKED, PQI_ERR_AUTH, PQI_ERR_LIMIT, PQI_ERR_MISSING};
    unsigned total = 0;
    for (uint32_t flags = 0; flags <= PQI_SOFT_CACHE; flags++) {
        set_up(flags);
        for (int late = 0; late < 2; late++) {
            for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
                unsigned n = 1;
                while (fail_one(operations[i], n, with[n % 5], late)) {
                    n++;
                    total++;
                }
            }
        }
        assert_int_equal(fake_element_halves(&r.fake), 2);
        element_rig_end(&r);
    }
    assert_true(total > 60);
}

/* The same for what the platform saves. */
static void every_save_fails_once(void **state)
{
    (void)state;
    static const operation changes[] = {do_generate_sig, do_destroy, do_generate_kem, do_destroy,
        do_generate_plain, do_destroy, do_advance};
    unsigned total = 0;
    set_up(0);
    for (int late = 0; late < 2; late++) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            for (unsigned n = 1;; n++) {
                picture before;
                look(&before);
                r.saves = 0;
                r.fail_save = n;
                r.save_late = late;
                pqi_status st = changes[i]();
                int reached = r.saves >= n;
                r.fail_save = 0;
                if (!reached) {
                    assert_int_equal(st, PQI_OK);
                    break;
                }
                assert_int_equal(st, PQI_ERR_STORAGE);
                nothing_changed(&before);
                total++;
            }
        }
    }
    assert_true(total > 20);
    element_rig_end(&r);
}

/* The disk dies in the middle of a birth: the key is absent or whole after a restart, never one half. */
static void a_dead_disk_leaves_no_half_key(void **state)
{
    (void)state;
    static rig_disk disk;
    pqi_key_info info;
    unsigned whole = 0;
    for (int late = 0; late < 2; late++) {
        for (unsigned n = 1; n < 4; n++) {
            set_up(0);
            r.saves = 0;
            r.fail_save = n;
            r.save_late = late;
            r.saves_end = 1;
            pqi_status st = do_generate_sig();
            assert_int_equal(st, n < 3 ? PQI_ERR_STORAGE : PQI_OK);
            disk = r.disk;
            r.fail_save = 0;
            assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
            if (pqi_provider_info(p, NEW, &info) == PQI_OK) {
                size_t len;
                assert_int_equal(
                    pqi_provider_sign(p, NEW, label, &label, 1, (pqi_span){out, sizeof out}, &len),
                    PQI_OK);
                whole++;
            }
            element_rig_end(&r);
        }
    }
    assert_true(whole > 2);
}

/* INV-2: a failure is told with the code of who failed, the last one. */
static void native_codes_come_through(void **state)
{
    (void)state;
    const char *text = NULL;
    set_up(0);
    r.fake.calls = 0;
    r.fake.fail_at = 1;
    assert_int_equal(do_random(), PQI_ERR_RNG);
    assert_int_equal(pqi_provider_native_error(p, &text), 0xfa11);
    assert_string_equal(text, "the script says so");
    r.saves = 0;
    r.fail_save = 1;
    r.fake.fail_at = 0;
    assert_int_equal(do_advance(), PQI_ERR_STORAGE);
    assert_int_equal(pqi_provider_native_error(p, &text), 0); /* this platform has none */
    assert_string_equal(text, "");
    element_rig_end(&r);
}

/* A key whose half somebody took away is gone; the others work, and it can be cleared away. */
static void a_lost_half_costs_one_key(void **state)
{
    (void)state;
    static rig_disk disk;
    pqi_key_info info;
    for (uint32_t flags = 0; flags <= PQI_SOFT_CACHE; flags++) {
        set_up(flags);
        fake_element_lose(&r.fake, SIG);
        disk = r.disk;
        assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
        assert_int_equal(pqi_provider_info(p, SIG, &info), PQI_OK);
        assert_int_equal(do_public(), PQI_ERR_MISSING);
        assert_int_equal(do_sign(), PQI_ERR_MISSING);
        assert_int_equal(do_decaps(), PQI_OK);
        assert_int_equal(do_decrypt(), PQI_OK);
        assert_int_equal(pqi_provider_destroy(p, SIG), PQI_OK);
        assert_int_equal(
            pqi_provider_generate(p, SIG, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), PQI_OK);
        assert_int_equal(do_sign(), PQI_OK);
        element_rig_end(&r);
    }
}

/* Without its element a state is refused or its composite keys rest; it never gives half of a key. */
static void a_state_needs_its_element(void **state)
{
    (void)state;
    static rig_disk disk;
    p = element_rig_make(&r, PQI_CAP_HALF, 0, 4);
    assert_int_equal(pqi_provider_generate(p, SIG, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44_P256), PQI_OK);
    disk = r.disk;
    r.cfg.element = NULL;
    assert_int_equal(element_rig_load(&r, &disk), PQI_OK);
    assert_int_equal(do_sign(), PQI_ERR_UNSUPPORTED);
    element_rig_end(&r);
    set_up(0);
    disk = r.disk;
    r.cfg.element = NULL; /* generations are not dropped by taking the hardware away */
    assert_int_equal(element_rig_load(&r, &disk), PQI_ERR_STORAGE);
    element_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(conformance), cmocka_unit_test(capabilities_of_keys),
    cmocka_unit_test(every_call_fails_once), cmocka_unit_test(every_save_fails_once),
    cmocka_unit_test(a_dead_disk_leaves_no_half_key), cmocka_unit_test(native_codes_come_through),
    cmocka_unit_test(a_lost_half_costs_one_key), cmocka_unit_test(a_state_needs_its_element))
