/* SPDX-License-Identifier: Apache-2.0
 * The worked example examples/se_i2c over a simulated chip: the conformance suite, damaged frames, a busy
 * chip, every native code, and power cuts at every command. */
#include "conformance/conformance.h"
#include "pqi_test.h"
#include "se_i2c/fake_i2c_se.h"

#include "port/linux/ossl_p256.h"

#include <pqi/host.h>

#define PATIENCE 200u

static fake_i2c_se chip;
static se_i2c se;

/* A disk in memory for the software provider over the element. */
static uint8_t keys[4096], counters[PQI_SOFT_COUNTERS_MAX];
static size_t keys_len, counters_len;
static pqi_algs algs;
static pqi_soft soft;
static pqi_soft_cfg cfg;
static uint8_t *mem;

static pqi_status save_keys(void *arg, pqi_cspan plain)
{
    (void)arg;
    if (chip.off != 0 || plain.len > sizeof keys) { /* one power supply for all */
        return PQI_ERR_STORAGE;
    }
    memcpy(keys, plain.ptr, plain.len);
    keys_len = plain.len;
    return PQI_OK;
}

static pqi_status save_counters(void *arg, pqi_cspan blob)
{
    (void)arg;
    if (chip.off != 0 || blob.len > sizeof counters) {
        return PQI_ERR_STORAGE;
    }
    memcpy(counters, blob.ptr, blob.len);
    counters_len = blob.len;
    return PQI_OK;
}

static void plug(void)
{
    chip.off = 0;
    chip.cut_at = 0;
    chip.points = 0;
    chip.left_ms = 0;
    assert_int_equal(se_i2c_start(&se, &chip.bus, &pqi_classic_openssl, PATIENCE), PQI_OK);
}

static void configure(void)
{
    cfg = (pqi_soft_cfg){.algs = pqi_host_algs(&algs),
        .platform = {.save_keys = save_keys, .save_counters = save_counters},
        .element = &se.element,
        .slots = 8,
        .workers = 1,
        .boot = 1};
    cfg.mem.len = pqi_soft_mem_len(&cfg);
    mem = calloc(1, cfg.mem.len);
    cfg.mem.ptr = mem;
    assert_non_null(mem);
}

static pqi_provider *create(void)
{
    plug();
    configure();
    assert_int_equal(pqi_soft_create(&soft, &cfg), PQI_OK);
    return pqi_soft_provider(&soft);
}

static pqi_status restart(void)
{
    static uint8_t k[sizeof keys], c[sizeof counters];
    free(mem);
    plug();
    configure();
    memcpy(k, keys, keys_len);
    memcpy(c, counters, counters_len);
    return pqi_soft_load(&soft, &cfg, (pqi_cspan){k, keys_len}, (pqi_cspan){c, counters_len});
}

static void end(void)
{
    free(mem);
    mem = NULL;
    fake_i2c_end(&chip);
}

static void conforms(void **state)
{
    (void)state;
    fake_i2c_init(&chip);
    pqi_provider *p = create();
    assert_string_equal(pqi_provider_name(p), "se-i2c");
    assert_true((pqi_provider_caps(p) & PQI_CAP_NO_ROLLBACK) != 0);
    pqi_provider_conformance(p);
    assert_int_equal(restart(), PQI_OK);
    pqi_provider_conformance(pqi_soft_provider(&soft));
    pqi_provider_conformance_zeroize(pqi_soft_provider(&soft));
    end();
}

/* A bus on which every n-th frame is damaged or lost, and a chip that takes its time: not noticed. */
static void bad_bus(void **state)
{
    (void)state;
    static const unsigned n[] = {3, 5, 7, 11};
    for (size_t i = 0; i < sizeof n / sizeof n[0]; i++) {
        fake_i2c_init(&chip);
        pqi_provider *p = create();
        chip.flip_every = n[i];
        chip.drop_every = i % 2 == 0 ? 0 : n[i] + 2;
        chip.busy_ms = 30;
        pqi_provider_conformance(p);
        chip.flip_every = chip.drop_every = 0;
        end();
    }
    /* a dead bus is an error with its code */
    const char *text = "";
    uint64_t v = 1;
    fake_i2c_init(&chip);
    plug();
    chip.flip_every = 1;
    assert_int_equal(se.element.generation(se.element.arg, &v), PQI_ERR_PROVIDER);
    assert_int_equal(se.element.native_error(se.element.arg, &text), 6);
    chip.flip_every = 0;
    chip.off = 1;
    assert_int_equal(se.element.generation(se.element.arg, &v), PQI_ERR_PROVIDER);
    assert_int_equal(v, 0);
    assert_int_equal(se.element.native_error(se.element.arg, &text), 0xff);
    assert_non_null(strstr(text, "does not answer"));
    end();
}

/* Out of patience: PQI_AGAIN, and the same call picks up the answer of the one execution. */
static void again(void **state)
{
    (void)state;
    uint8_t sig[64], pk[65], zero[64] = {0};
    const pqi_cspan msg = {PQI_LIT("again")};
    unsigned rounds = 0;
    uint64_t v;
    fake_i2c_init(&chip);
    plug();
    const pqi_element *e = &se.element;
    assert_int_equal(e->p256_generate(e->arg, 5, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, 5, pk), PQI_OK);
    se.patience_ms = 10;
    chip.busy_ms = 100;
    pqi_status st = PQI_AGAIN;
    for (; st == PQI_AGAIN && rounds < 100; rounds++) {
        st = e->p256_sign(e->arg, 5, msg, sig);
        if (st == PQI_AGAIN) {
            assert_memory_equal(sig, zero, sizeof zero);
            /* another command meanwhile does not steal the answer */
            assert_int_equal(chip.executed[0x30], 0);
        }
    }
    assert_int_equal(st, PQI_OK);
    assert_true(rounds > 2);
    assert_int_equal(chip.executed[0x20], 1);
    assert_int_equal(pqi_ossl_p256_verify(pk, msg, sig), PQI_OK);
    chip.busy_ms = 0;
    assert_int_equal(e->generation(e->arg, &v), PQI_OK);
    end();
}

static void codes(void **state)
{
    (void)state;
    static const struct {
        uint8_t code;
        pqi_status st;
    } want[] = {{2, PQI_ERR_MISSING}, {3, PQI_ERR_LIMIT}, {4, PQI_ERR_AUTH}, {5, PQI_ERR_LOCKED},
        {6, PQI_ERR_PROVIDER}, {7, PQI_ERR_PROVIDER}, {8, PQI_ERR_PROVIDER}, {9, PQI_ERR_PROVIDER},
        {0x80, PQI_ERR_PROVIDER}};
    uint8_t pk[65], zero[65] = {0};
    fake_i2c_init(&chip);
    plug();
    const pqi_element *e = &se.element;
    assert_int_equal(e->p256_generate(e->arg, 5, PQI_KEY_KEM), PQI_OK);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const char *text = "";
        chip.say = want[i].code;
        assert_int_equal(e->p256_public(e->arg, 5, pk), want[i].st);
        assert_memory_equal(pk, zero, sizeof zero);
        assert_int_equal(e->native_error(e->arg, &text), want[i].code);
        assert_true(text[0] != '\0');
    }
    chip.say = 0;
    assert_int_equal(e->p256_public(e->arg, 5, pk), PQI_OK);
    pk[64] ^= 1;
    assert_int_equal(e->p256_dh(e->arg, 5, pk, zero), PQI_ERR_AUTH);
    pk[0] = 6;
    assert_int_equal(e->p256_dh(e->arg, 5, pk, zero), PQI_ERR_AUTH);
    for (pqi_key k = 100; k < 99 + SE_I2C_SLOTS; k++) {
        assert_int_equal(e->p256_generate(e->arg, k, PQI_KEY_SIG), PQI_OK);
    }
    assert_int_equal(e->p256_generate(e->arg, 200, PQI_KEY_SIG), PQI_ERR_LIMIT);
    assert_int_equal(e->p256_generate(e->arg, 100, PQI_KEY_SIG), PQI_OK); /* in its own place */
    end();
}

/* Power goes before and after each command of a birth: the next start works, and so does the birth. */
static void power_cuts(void **state)
{
    (void)state;
    unsigned n = 1, cut = 1;
    static uint8_t sig[PQI_SIG_MAX_SIG];
    const pqi_cspan d = {PQI_LIT("PQI4 power")};
    for (; cut != 0; n++) {
        size_t len;
        fake_i2c_init(&chip);
        pqi_provider *p = create();
        assert_int_equal(pqi_provider_counter_advance(p, 1, 5), PQI_OK);
        chip.points = 0;
        chip.cut_at = n;
        pqi_status st = pqi_provider_generate(p, 7, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256);
        cut = (unsigned)chip.off;
        assert_true(cut != 0 ? st != PQI_OK : st == PQI_OK);
        uint64_t v = 0;
        assert_int_equal(restart(), PQI_OK);
        p = pqi_soft_provider(&soft);
        assert_int_equal(pqi_provider_counter_get(p, 1, &v), PQI_OK);
        assert_int_equal(v, 5);
        pqi_key_info info;
        if (pqi_provider_info(p, 7, &info) == PQI_OK) {
            assert_int_equal(pqi_provider_destroy(p, 7), PQI_OK);
        }
        assert_int_equal(
            pqi_provider_generate(p, 7, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), PQI_OK);
        assert_int_equal(
            pqi_provider_sign(p, 7, d, &d, 1, (pqi_span){sig, sizeof sig}, &len), PQI_OK);
        unsigned used = 0;
        for (unsigned i = 0; i < SE_I2C_SLOTS; i++) {
            used += chip.slots[i].pkey != NULL ? 1u : 0u;
        }
        assert_int_equal(used, 1); /* no orphan stays */
        end();
    }
    assert_true(n > 8);
}

PQI_TEST_MAIN(cmocka_unit_test(conforms), cmocka_unit_test(bad_bus), cmocka_unit_test(again),
    cmocka_unit_test(codes), cmocka_unit_test(power_cuts))
