/* SPDX-License-Identifier: Apache-2.0
 * Post-quantum keys in a token with PKCS#11 3.2, of which no real one is at hand: fake_p11_module.so with
 * mechanisms of this library's own primitives. */
#include "conformance/conformance.h"
#include "p11/fake_p11.h"
#include "p11/p11_rig.h"

#include "port/linux/why.h"

#include <dlfcn.h>
#include <sys/stat.h>

#define WHOLE (PQI_CAP_PERSISTENT | PQI_CAP_NON_EXPORTABLE)
#define SOFT  (PQI_CAP_PERSISTENT | PQI_CAP_UNSEALED)

static p11_rig r;
static fake_p11_control *fake;
static pqi_algs algs;
static pqi_host_provider_cfg cfg;
static uint8_t tmp[300000];

static void reset(void)
{
    memset(fake, 0, sizeof *fake);
    fake->fail = -1;
    fake->remove_at = -1;
    fake->pq = 1;
}

static int set_up(void **state)
{
    (void)state;
    if (!p11_rig_present()) {
        return 0;
    }
    p11_rig_make(&r);
    void *dl = dlopen(PQI_FAKE_P11, RTLD_NOW | RTLD_LOCAL);
    fake = dl != NULL ? dlsym(dl, "fake_p11_state") : NULL;
    if (fake == NULL) {
        return -1;
    }
    cfg = (pqi_host_provider_cfg){.algs = pqi_host_algs(&algs),
        .dir = r.dir,
        .kek = {.passphrase = {PQI_LIT(P11_PIN)}, .provider = r.fake_uri},
        .create = 1,
        .slots = 16};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (fake != NULL) {
        p11_rig_end(&r);
    }
    return 0;
}

static pqi_provider *open_it(void)
{
    pqi_provider *p = NULL;
    pqi_why_clear();
    pqi_status st = pqi_host_provider_open(&p, &cfg);
    if (st != PQI_OK) {
        print_message("# %s\n", pqi_why_get());
    }
    assert_int_equal(st, PQI_OK);
    return p;
}

static void need(void)
{
    if (fake == NULL) {
        skip();
    }
    reset();
    p11_rig_clear(r.dir);
}

static void conforms(void **state)
{
    (void)state;
    need();
    pqi_provider *p = open_it();
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), WHOLE);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_87), WHOLE);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), SOFT);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), WHOLE);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_X25519, 0), SOFT);
    assert_int_equal(
        pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), SOFT | PQI_CAP_HALF);
    pqi_provider_conformance(p);
    pqi_host_provider_close(p);
}

static const pqi_cspan domain = {PQI_LIT("PQI4 whole")};

/* The label is the context, the message is joined from its parts, and all of it outlives a restart. */
static void use(void **state)
{
    (void)state;
    need();
    static uint8_t sig[3309], pk[1952], ct[1088];
    uint8_t a[32], b[32], coins[32] = {9};
    size_t n = 0;
    const pqi_cspan parts[] = {{PQI_LIT("one ")}, {NULL, 0}, {PQI_LIT("two")}};
    const pqi_cspan joined = {PQI_LIT("one two")}, other = {PQI_LIT("PQI4 other")};
    const pqi_span t = {tmp, sizeof tmp};
    pqi_key_info info;
    pqi_provider *p = open_it();
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(pqi_provider_info(p, 1, &info), PQI_OK);
        assert_int_equal(info.caps, WHOLE);
        assert_int_equal(pqi_provider_public_key(p, 1, (pqi_span){pk, 1952}, &n), PQI_OK);
        assert_int_equal(
            pqi_provider_sign(p, 1, domain, parts, 3, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
        assert_int_equal(n, sizeof sig);
        const pqi_cspan k = {pk, 1952}, s = {sig, n};
        assert_int_equal(pqi_sig_verify(&pqi_sig_ml_dsa_65, k, domain, &joined, 1, s, t), PQI_OK);
        assert_int_equal(
            pqi_sig_verify(&pqi_sig_ml_dsa_65, k, other, &joined, 1, s, t), PQI_ERR_AUTH);
        assert_int_equal(pqi_provider_public_key(p, 2, (pqi_span){pk, 1952}, &n), PQI_OK);
        assert_int_equal(pqi_kem_encaps(&pqi_kem_ml_kem_768, (pqi_span){ct, 1088},
                             (pqi_span){a, 32}, (pqi_cspan){pk, n}, (pqi_cspan){coins, 32}, t),
            PQI_OK);
        assert_int_equal(pqi_provider_decapsulate(p, 2, (pqi_cspan){ct, 1088}, b), PQI_OK);
        assert_memory_equal(a, b, 32);
        pqi_host_provider_close(p);
        p = open_it();
    }
    /* its failures come out, and change nothing */
    const char *text;
    fake->fail = FAKE_C_DecapsulateKey;
    fake->fail_times = 1;
    fake->fail_rv = CKR_FUNCTION_FAILED;
    assert_int_equal(pqi_provider_decapsulate(p, 2, (pqi_cspan){ct, 1088}, b), PQI_ERR_PROVIDER);
    assert_int_equal(pqi_provider_native_error(p, &text), CKR_FUNCTION_FAILED);
    fake->fail_times = 1;
    fake->fail_rv = CKR_DEVICE_REMOVED;
    assert_int_equal(pqi_provider_decapsulate(p, 2, (pqi_cspan){ct, 1088}, b), PQI_OK);
    assert_memory_equal(a, b, 32);
    fake->lie = CKA_NEVER_EXTRACTABLE;
    assert_int_equal(
        pqi_provider_generate(p, 3, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_ERR_PROVIDER);
    reset();
    assert_int_equal(pqi_provider_info(p, 3, &info), PQI_ERR_MISSING);
    assert_int_equal(pqi_provider_destroy(p, 1), PQI_OK);
    pqi_host_provider_close(p);
    pqi_host_element *h = p11_rig_open(r.fake_uri, r.dir, 0); /* it is out of the token as well */
    const pqi_element *e = &h->element;
    const pqi_span room = {pk, 1952}, less = {pk, 1184};
    assert_int_equal(e->pq->public_key(e->arg, 1, PQI_KEY_SIG, room), PQI_ERR_MISSING);
    assert_int_equal(e->pq->public_key(e->arg, 2, PQI_KEY_KEM, less), PQI_OK);
    assert_int_equal(e->pq->public_key(e->arg, 3, PQI_KEY_SIG, room), PQI_ERR_MISSING);
    h->close(h);
    p = open_it();
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    pqi_host_provider_close(p);
    /* no post-quantum secret was ever on the disk: 0 bytes of seed in 2 keys, 10 bytes each */
    char path[96];
    struct stat sb;
    (void)snprintf(path, sizeof path, "%s/provider.pqi", r.dir);
    assert_int_equal(stat(path, &sb), 0);
    assert_int_equal(sb.st_size, 38 + 4 + 32 + 32 + 16 + 2 + 2 * 10 + 16);
}

/* A key that was made in memory stays one when the token learns its algorithm; the other way round it
 * cannot be used, and is not lost. */
static void changes_of_mind(void **state)
{
    (void)state;
    need();
    static uint8_t sig[3309];
    size_t n = 0;
    pqi_key_info info;
    fake->pq = 0;
    pqi_provider *p = open_it();
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    pqi_host_provider_close(p);
    fake->pq = 1;
    p = open_it();
    assert_int_equal(pqi_provider_info(p, 1, &info), PQI_OK);
    assert_int_equal(info.caps, SOFT);
    assert_int_equal(
        pqi_provider_sign(p, 1, domain, &domain, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    pqi_host_provider_close(p);
    fake->pq = 0;
    p = open_it();
    assert_int_equal(pqi_provider_info(p, 2, &info), PQI_OK);
    assert_int_equal(info.caps, 0);
    assert_int_equal(pqi_provider_sign(p, 2, domain, &domain, 1, (pqi_span){sig, sizeof sig}, &n),
        PQI_ERR_UNSUPPORTED);
    assert_int_equal(
        pqi_provider_sign(p, 1, domain, &domain, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
    pqi_host_provider_close(p);
    fake->pq = 1;
    p = open_it();
    assert_int_equal(
        pqi_provider_sign(p, 2, domain, &domain, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
    pqi_host_provider_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conforms),
        cmocka_unit_test(use),
        cmocka_unit_test(changes_of_mind),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
