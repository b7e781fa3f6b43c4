/* SPDX-License-Identifier: Apache-2.0
 * Which algorithms a device asks for, and what it says of its keys: docs/spec/composite.md section 6. */
#include "pqi_test.h"

#include "port/linux/device_int.h"
#include "support/element_rig.h"

#include <stdbool.h>

static element_rig rig;
static pqi_host_device d;

static void begin(uint32_t caps)
{
    memset(&d, 0, sizeof d);
    d.provider = element_rig_make(&rig, caps, 0, 8);
    (void)pqi_host_algs(&d.algs);
}

static void wish_is(const pqi_host_join_opts *o, uint32_t kem, int32_t sig, uint32_t suites)
{
    pqi_device_wish w;
    assert_int_equal(pqi_device_make_wish(&d, o, &w), PQI_OK);
    assert_int_equal(w.kem, kem);
    assert_int_equal(w.sig, sig);
    assert_int_equal(w.suites, suites);
}

#define PLAIN_KEM PQI_KEM_ID_ML_KEM_768
#define BOTH_KEM  PQI_KEM_ID_ML_KEM_768_P256
#define PLAIN_SIG PQI_SIG_ID_ML_DSA_65
#define BOTH_SIG  PQI_SIG_ID_ML_DSA_65_P256
#define ALSO      (PQI_HOST_ALSO_KEM | PQI_HOST_ALSO_SIG)

static void with_hardware(void **state)
{
    (void)state;
    begin(PQI_CAP_HALF);
    wish_is(NULL, BOTH_KEM, BOTH_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){0}, BOTH_KEM, BOTH_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){.kem_only = 1}, BOTH_KEM, 0, 0x106);
    /* a choice wins */
    wish_is(&(pqi_host_join_opts){.choice = PQI_HOST_PLAIN}, PLAIN_KEM, PLAIN_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){.kem_alg = PLAIN_KEM}, PLAIN_KEM, BOTH_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){.sig_alg = PLAIN_SIG}, BOTH_KEM, PLAIN_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){.sig_alg = PQI_SIG_ID_FALCON_512_P256}, BOTH_KEM,
        PQI_SIG_ID_FALCON_512_P256, 0x106);
    wish_is(&(pqi_host_join_opts){.suites = 4}, PLAIN_KEM, BOTH_SIG, 4); /* gcm-siv alone */
    wish_is(&(pqi_host_join_opts){.kem_alg = BOTH_KEM, .suites = 0x100, .choice = PQI_HOST_PLAIN},
        BOTH_KEM, PLAIN_SIG, 0x100);
    /* of a profile */
    wish_is(
        &(pqi_host_join_opts){
            .kem_alg = PLAIN_KEM, .sig_alg = PQI_SIG_ID_FALCON_512, .choice = ALSO},
        BOTH_KEM, PQI_SIG_ID_FALCON_512_P256, 0x106);
    wish_is(
        &(pqi_host_join_opts){
            .kem_alg = PLAIN_KEM, .sig_alg = PLAIN_SIG, .choice = ALSO | PQI_HOST_PLAIN},
        PLAIN_KEM, PLAIN_SIG, 0x106);
    /* no counterpart */
    wish_is(
        &(pqi_host_join_opts){
            .kem_alg = PQI_KEM_ID_ML_KEM_1024, .sig_alg = PQI_SIG_ID_ML_DSA_87, .choice = ALSO},
        PQI_KEM_ID_ML_KEM_1024, PQI_SIG_ID_ML_DSA_87, 0x08);
    wish_is(
        &(pqi_host_join_opts){
            .kem_alg = PQI_KEM_ID_ML_KEM_512, .sig_alg = PQI_SIG_ID_ML_DSA_44, .choice = ALSO},
        PQI_KEM_ID_ML_KEM_512, PQI_SIG_ID_ML_DSA_44_P256, 0x01);
    wish_is(&(pqi_host_join_opts){.kem_alg = PQI_KEM_ID_SABER, .choice = ALSO}, PQI_KEM_ID_SABER,
        BOTH_SIG, 0x40);
    pqi_device_wish w;
    assert_int_equal(
        pqi_device_make_wish(&d, &(pqi_host_join_opts){.kem_alg = BOTH_KEM, .suites = 2}, &w),
        PQI_ERR_UNSUPPORTED); /* no suite of that KEM */
    assert_int_equal(pqi_device_factory_alg(&d), BOTH_SIG);
    d.cfg.choice = PQI_HOST_PLAIN;
    assert_int_equal(pqi_device_factory_alg(&d), PLAIN_SIG);
    d.cfg.choice = 0;
    d.cfg.factory_alg = PQI_SIG_ID_FALCON_1024;
    assert_int_equal(pqi_device_factory_alg(&d), PQI_SIG_ID_FALCON_1024);
    d.cfg.choice = PQI_HOST_ALSO_SIG;
    assert_int_equal(pqi_device_factory_alg(&d), PQI_SIG_ID_FALCON_1024_P256);
    d.cfg.factory_alg = PQI_SIG_ID_ML_DSA_87;
    assert_int_equal(pqi_device_factory_alg(&d), PQI_SIG_ID_ML_DSA_87);
    element_rig_end(&rig);
}

static void without_hardware(void **state)
{
    (void)state;
    begin(PQI_CAP_HW_RNG | PQI_CAP_NO_ROLLBACK);
    wish_is(NULL, PLAIN_KEM, PLAIN_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){.kem_alg = PLAIN_KEM, .sig_alg = PLAIN_SIG, .choice = ALSO},
        PLAIN_KEM, PLAIN_SIG, 0x106);
    wish_is(&(pqi_host_join_opts){.kem_alg = BOTH_KEM}, BOTH_KEM, PLAIN_SIG, 0x106);
    assert_int_equal(pqi_device_factory_alg(&d), PLAIN_SIG);
    element_rig_end(&rig);
}

/* ---- assurance ----------------------------------------------------------------------------------- */

#define KEM 1u
#define DH  2u
#define SIG 3u

static const pqi_provider_ops *real;
static uint32_t more_caps, key_caps[4];
static pqi_provider_ops stronger;

/* A provider that says more of itself and its keys than the software does. */
static pqi_status info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    pqi_status st = real->info(p, key, out);
    out->caps |= st == PQI_OK ? key_caps[key] : 0;
    return st;
}

static uint32_t claimed(bool with_sig)
{
    const pqi_join_keys k = {.kem = KEM, .x25519 = DH, .sig = with_sig ? SIG : 0};
    uint32_t bits = 0xff;
    real = d.provider->ops;
    stronger = *real;
    stronger.caps |= more_caps;
    stronger.info = info;
    d.provider->ops = &stronger;
    assert_int_equal(pqi_device_assurance(d.provider, &k, &bits), PQI_OK);
    d.provider->ops = real;
    return bits;
}

static void keys(uint32_t kem, int32_t sig)
{
    memset(key_caps, 0, sizeof key_caps);
    more_caps = 0;
    assert_int_equal(pqi_provider_generate(d.provider, KEM, PQI_KEY_KEM, (int32_t)kem), PQI_OK);
    assert_int_equal(pqi_provider_generate(d.provider, DH, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_generate(d.provider, SIG, PQI_KEY_SIG, sig), PQI_OK);
}

static void claims(void **state)
{
    (void)state;
    begin(PQI_CAP_HALF);
    keys(BOTH_KEM, BOTH_SIG);
    assert_int_equal(claimed(true), PQI_ASSURE_HALF);
    more_caps = PQI_CAP_SEPARATE;
    assert_int_equal(claimed(true), PQI_ASSURE_HALF | PQI_ASSURE_SEPARATE);
    more_caps = PQI_CAP_HW_RNG | PQI_CAP_NO_ROLLBACK | PQI_CAP_QUOTE | PQI_CAP_NON_EXPORTABLE;
    assert_int_equal(claimed(true),
        PQI_ASSURE_HALF | PQI_ASSURE_HW_RNG | PQI_ASSURE_NO_ROLLBACK | PQI_ASSURE_ATTESTED_BOOT);
    more_caps = 0;
    key_caps[KEM] = key_caps[SIG] = PQI_CAP_NON_EXPORTABLE; /* all three, or it is not said */
    assert_int_equal(claimed(true), PQI_ASSURE_HALF);
    key_caps[DH] = PQI_CAP_NON_EXPORTABLE;
    assert_int_equal(claimed(true), PQI_ASSURE_HALF | PQI_ASSURE_NON_EXPORTABLE);
    element_rig_end(&rig);
    begin(PQI_CAP_HALF); /* one key in software takes the claim away */
    keys(BOTH_KEM, PLAIN_SIG);
    assert_int_equal(claimed(true), 0);
    assert_int_equal(claimed(false), PQI_ASSURE_HALF); /* it is not certified */
    element_rig_end(&rig);
    begin(PQI_CAP_HALF);
    keys(PLAIN_KEM, BOTH_SIG);
    assert_int_equal(claimed(true), 0);
    key_caps[KEM] = PQI_CAP_NON_EXPORTABLE;
    assert_int_equal(claimed(true), PQI_ASSURE_HALF);
    const pqi_join_keys gone = {.kem = 7, .x25519 = DH};
    uint32_t bits = 0;
    assert_int_equal(pqi_device_assurance(d.provider, &gone, &bits), PQI_ERR_MISSING);
    assert_int_equal(bits, 0);
    element_rig_end(&rig);
}

PQI_TEST_MAIN(
    cmocka_unit_test(with_hardware), cmocka_unit_test(without_hardware), cmocka_unit_test(claims))
