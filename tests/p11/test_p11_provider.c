/* SPDX-License-Identifier: Apache-2.0
 * A whole provider over a token: INV-110, INV-11, INV-2, and a directory that meets another token. */
#include "conformance/conformance.h"
#include "p11/fake_p11.h"
#include "p11/p11_rig.h"

#include "port/linux/test_point.h"
#include "port/linux/why.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 9

static p11_rig r;
static pqi_algs algs;
static pqi_host_provider_cfg cfg;
static const pqi_cspan domain = {PQI_LIT("PQI4 token test")};

static int set_up(void **state)
{
    (void)state;
    if (p11_rig_present()) {
        p11_rig_make(&r);
        cfg = (pqi_host_provider_cfg){.algs = pqi_host_algs(&algs),
            .dir = r.dir,
            .kek = {.passphrase = {PQI_LIT(P11_PIN)}, .provider = r.uri},
            .create = 1,
            .slots = 16};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (r.top[0] != '\0') {
        p11_rig_end(&r);
    }
    return 0;
}

static void need(void)
{
    if (r.top[0] == '\0') {
        skip();
    }
    p11_rig_clear(r.dir);
    p11_rig_token("one", 1);
    cfg.create = 1;
    cfg.dir = r.dir;
    cfg.kek.provider = r.uri;
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

static void conforms(void **state)
{
    (void)state;
    need();
    pqi_provider *p = open_it();
    assert_string_equal(pqi_provider_name(p), "pkcs11");
    assert_int_equal(pqi_provider_caps(p), PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT | PQI_CAP_HALF);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256),
        PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT | PQI_CAP_HALF);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65),
        PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT);
    pqi_provider_conformance(p);
    pqi_provider_conformance_threads(p);
    pqi_host_provider_close(p);
    cfg.create = 0;
    cfg.kek.provider = NULL; /* the directory knows */
    p = open_it();
    pqi_provider_conformance(p);
    pqi_provider_conformance_zeroize(p);
    pqi_host_provider_close(p);
}

static void make_key(pqi_provider *p, pqi_key key)
{
    assert_int_equal(pqi_provider_generate(p, key, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256), PQI_OK);
}

static pqi_status use_key(pqi_provider *p, pqi_key key)
{
    static uint8_t sig[PQI_SIG_MAX_SIG], pk[PQI_SIG_MAX_PK], tmp[262144];
    const pqi_sig *alg = &pqi_sig_ml_dsa_65_p256;
    size_t n = 0, pk_len = 0;
    pqi_status st = pqi_provider_sign(p, key, domain, &domain, 1, (pqi_span){sig, sizeof sig}, &n);
    if (st == PQI_OK) {
        assert_int_equal(
            pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &pk_len), PQI_OK);
        assert_int_equal(pqi_sig_verify(alg, (pqi_cspan){pk, pk_len}, domain, &domain, 1,
                             (pqi_cspan){sig, n}, (pqi_span){tmp, sizeof tmp}),
            PQI_OK);
    }
    return st;
}

/* A wrong PIN, another token, the same token initialised again: refused, and nothing is changed. */
static void refused(void **state)
{
    (void)state;
    need();
    pqi_provider *p = open_it();
    make_key(p, 1);
    pqi_host_provider_close(p);
    cfg.create = 0;
    cfg.kek.passphrase = (pqi_cspan){PQI_LIT("9999")};
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_ERR_AUTH);
    cfg.kek.passphrase = (pqi_cspan){PQI_LIT(P11_PIN)};
    p = open_it();
    assert_int_equal(use_key(p, 1), PQI_OK);
    pqi_host_provider_close(p);
    /* a copy with another token in its provider.uri */
    char copy[80], line[256];
    (void)snprintf(copy, sizeof copy, "%s/copy", r.top);
    const char *const cp[] = {"cp", "-a", r.dir, copy, NULL};
    assert_int_equal(p11_rig_run(&r, cp), 0);
    p11_rig_token("other", 0);
    p11_rig_uri(line, "other", "\n");
    (void)snprintf(copy, sizeof copy, "%s/copy/provider.uri", r.top);
    FILE *f = fopen(copy, "w");
    assert_non_null(f);
    assert_true(fputs(line, f) >= 0);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(copy, sizeof copy, "%s/copy", r.top);
    cfg.dir = copy;
    cfg.kek.provider = NULL;
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_ERR_STORAGE);
    cfg.create = 1; /* and it is not taken for a new one */
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_ERR_STORAGE);
    cfg.dir = r.dir;
    p = open_it();
    assert_int_equal(use_key(p, 1), PQI_OK);
    pqi_host_provider_close(p);
    p11_rig_token("one", 1);
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_ERR_STORAGE);
    assert_non_null(strstr(pqi_why_get(), "initialised"));
}

/* ---- power cuts --------------------------------------------------------------------------------- */

static unsigned point_countdown;

static int kill_hook(unsigned point)
{
    (void)point;
    if (point_countdown != 0 && --point_countdown == 0) {
        _exit(KILLED);
    }
    return 0;
}

/* Objects of a class in the token "one", as the module tells; nobody has it open. */
static unsigned objects(ck_object_class_t class)
{
    ck_rv_t (*get)(struct ck_function_list **);
    struct ck_function_list *f;
    ck_slot_id_t slots[8];
    ck_object_handle_t o[64];
    ck_session_handle_t s;
    unsigned long n = 8, found = 0;
    static unsigned char pin[] = P11_PIN;
    void *dl = dlopen(PQI_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    void *symbol = dlsym(dl, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get);
    assert_int_equal(get(&f), CKR_OK);
    assert_int_equal(f->C_Initialize(NULL), CKR_OK);
    assert_int_equal(f->C_GetSlotList(1, slots, &n), CKR_OK);
    for (unsigned long i = 0; i < n; i++) {
        struct ck_token_info info;
        assert_int_equal(f->C_GetTokenInfo(slots[i], &info), CKR_OK);
        if (memcmp(info.label, "one ", 4) == 0) {
            struct ck_attribute t = {CKA_CLASS, &class, sizeof class};
            assert_int_equal(
                f->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &s), CKR_OK);
            assert_int_equal(f->C_Login(s, CKU_USER, pin, sizeof pin - 1), CKR_OK);
            assert_int_equal(f->C_FindObjectsInit(s, &t, 1), CKR_OK);
            assert_int_equal(f->C_FindObjects(s, o, 64, &found), CKR_OK);
            assert_int_equal(f->C_FindObjectsFinal(s), CKR_OK);
        }
    }
    assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    (void)dlclose(dl);
    return (unsigned)found;
}

typedef pqi_status (*action)(pqi_provider *p);

static pqi_status act_generate(pqi_provider *p)
{
    return pqi_provider_generate(p, 2, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65_P256);
}

static pqi_status act_destroy(pqi_provider *p)
{
    return pqi_provider_destroy(p, 1);
}

enum where { AT_FILE, BEFORE_TOKEN, AFTER_TOKEN };

static void arm(fake_p11_control *fake, enum where where, unsigned n)
{
    point_countdown = where == AT_FILE ? n : 0;
    atomic_store(&fake->changes, 0);
    fake->kill_at = where == BEFORE_TOKEN ? n : 0;
    fake->kill_after = where == AFTER_TOKEN ? n : 0;
}

/* Opens (act NULL: and is cut there) and acts in a child. False: it came through. */
static int run_killed(action act, enum where where, unsigned n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pqi_provider *p = NULL;
        void *dl = dlopen(PQI_FAKE_P11, RTLD_NOW | RTLD_LOCAL);
        fake_p11_control *fake = dl != NULL ? dlsym(dl, "fake_p11_state") : NULL;
        if (fake == NULL) {
            _exit(2);
        }
        pqi_host_set_point_hook(kill_hook);
        arm(fake, where, act == NULL ? n : 0);
        pqi_status st = pqi_host_provider_open(&p, &cfg);
        arm(fake, where, act == NULL ? 0 : n);
        if (st == PQI_OK && act != NULL) {
            st = act(p);
        }
        _exit(st == PQI_OK ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
    return WEXITSTATUS(status) == KILLED;
}

/* First start: afterwards there is a provider, and one wrapping key. */
static void births(enum where where, unsigned at_least)
{
    unsigned n = 1;
    for (;; n++) {
        p11_rig_clear(r.dir);
        p11_rig_token("one", 1);
        cfg.create = 1;
        cfg.kek.provider = r.fake_uri;
        if (!run_killed(NULL, where, n)) {
            break;
        }
        pqi_provider *p = NULL;
        cfg.create = 0;
        cfg.kek.provider = NULL;
        pqi_status st = pqi_host_provider_open(&p, &cfg);
        assert_true(st == PQI_OK || st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE);
        pqi_host_provider_close(p);
        cfg.create = 1;
        cfg.kek.provider = r.fake_uri;
        p = open_it();
        make_key(p, 1);
        pqi_host_provider_close(p);
        cfg.create = 0;
        p = open_it();
        assert_int_equal(use_key(p, 1), PQI_OK);
        pqi_host_provider_close(p);
        assert_int_equal(objects(CKO_SECRET_KEY), 1);
        assert_int_equal(objects(CKO_PRIVATE_KEY), 1);
    }
    assert_true(n > at_least);
}

static void birth(void **state)
{
    (void)state;
    need();
    births(AT_FILE, 6 * PQI_POINT_FILE_LAST - 1); /* id, uri, root, keys, counters, keys */
    births(BEFORE_TOKEN, 1);
    births(AFTER_TOKEN, 1);
}

/* A change that is cut off: the old key works, a new one is whole or not there, and can be made again. */
static void changes(action act, enum where where, unsigned at_least)
{
    unsigned n = 1;
    cfg.kek.provider = r.fake_uri;
    for (;; n++) {
        p11_rig_clear(r.dir);
        p11_rig_token("one", 1);
        cfg.create = 1;
        pqi_provider *p = open_it();
        make_key(p, 1);
        pqi_host_provider_close(p);
        cfg.create = 0;
        if (!run_killed(act, where, n)) {
            break;
        }
        pqi_key_info info;
        p = open_it();
        pqi_status one = use_key(p, 1), two = use_key(p, 2);
        assert_int_equal(two, pqi_provider_info(p, 2, &info));
        assert_true(two == PQI_OK || two == PQI_ERR_MISSING);
        assert_true(one == PQI_OK || (act == act_destroy && one == PQI_ERR_MISSING));
        if (act == act_destroy && pqi_provider_info(p, 1, &info) == PQI_OK) {
            assert_int_equal(pqi_provider_destroy(p, 1), PQI_OK);
        }
        if (act == act_generate && two == PQI_ERR_MISSING) {
            make_key(p, 2);
        }
        assert_int_equal(use_key(p, act == act_generate ? 2 : 1),
            act == act_generate ? PQI_OK : PQI_ERR_MISSING);
        if (act == act_destroy) {
            make_key(p, 1);
        }
        pqi_host_provider_close(p);
        /* nothing of the cut one is left over */
        assert_int_equal(objects(CKO_PRIVATE_KEY), act == act_generate ? 2 : 1);
        assert_int_equal(objects(CKO_PUBLIC_KEY), act == act_generate ? 2 : 1);
    }
    assert_true(n > at_least);
}

static void generating(void **state)
{
    (void)state;
    need();
    changes(act_generate, AT_FILE, PQI_POINT_FILE_LAST - 1);
    changes(act_generate, BEFORE_TOKEN, 1);
    changes(act_generate, AFTER_TOKEN, 1);
}

static void destroying(void **state)
{
    (void)state;
    need();
    changes(act_destroy, AT_FILE, PQI_POINT_FILE_LAST - 1);
    changes(act_destroy, BEFORE_TOKEN, 2);
    changes(act_destroy, AFTER_TOKEN, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(birth), /* before this process loads the module */
        cmocka_unit_test(generating),
        cmocka_unit_test(destroying),
        cmocka_unit_test(conforms),
        cmocka_unit_test(refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
