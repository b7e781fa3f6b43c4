/* SPDX-License-Identifier: Apache-2.0
 * The PKCS#11 driver when the token fails, goes and comes back: fake_p11_module.so over SoftHSM. */
#include "p11/fake_p11.h"
#include "p11/p11_rig.h"

#include "port/linux/ossl_p256.h"
#include "port/linux/p11_rv.h"
#include "port/linux/why.h"

#include <dlfcn.h>
#include <pthread.h>

#define SIG_KEY 7u
#define KEM_KEY 8u

static p11_rig r;
static fake_p11_control *fake;
static uint8_t sig_pk[65], kem_pk[65];

static void reset(void)
{
    memset(fake, 0, sizeof *fake);
    fake->fail = -1;
    fake->remove_at = -1;
}

static int set_up(void **state)
{
    (void)state;
    if (!p11_rig_present()) {
        return 0;
    }
    p11_rig_make(&r);
    void *dl = dlopen(PQI_FAKE_P11, RTLD_NOW | RTLD_LOCAL); /* the driver gets the same one */
    fake = dl != NULL ? dlsym(dl, "fake_p11_state") : NULL;
    if (fake == NULL) {
        print_message("# %s\n", dlerror());
        return -1;
    }
    reset();
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

static void need(void)
{
    if (fake == NULL) {
        skip();
    }
    reset();
}

static pqi_host_element *open_with_keys(void)
{
    pqi_host_element *h = p11_rig_open(r.fake_uri, r.dir, 1);
    const pqi_element *e = &h->element;
    assert_int_equal(e->p256_generate(e->arg, SIG_KEY, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(e->p256_generate(e->arg, KEM_KEY, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, SIG_KEY, sig_pk), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, KEM_KEY, kem_pk), PQI_OK);
    return h;
}

static pqi_status sign(const pqi_element *e)
{
    uint8_t sig[64], zero[64] = {0};
    const pqi_cspan msg = {PQI_LIT("message")};
    pqi_status st = e->p256_sign(e->arg, SIG_KEY, msg, sig);
    if (st == PQI_OK) {
        assert_int_equal(pqi_ossl_p256_verify(sig_pk, msg, sig), PQI_OK);
    } else {
        assert_memory_equal(sig, zero, sizeof zero);
    }
    return st;
}

static pqi_status agree(const pqi_element *e)
{
    uint8_t sk[32] = {1}, peer[65], a[32], b[32];
    assert_int_equal(pqi_ossl_p256_public(peer, sk), PQI_OK);
    assert_int_equal(pqi_ossl_p256_dh(a, sk, kem_pk), PQI_OK);
    pqi_status st = e->p256_dh(e->arg, KEM_KEY, peer, b);
    if (st == PQI_OK) {
        assert_memory_equal(a, b, sizeof a);
    }
    return st;
}

static const ck_rv_t lost[] = {CKR_SLOT_ID_INVALID, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED,
    CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN};
#define N_LOST (sizeof lost / sizeof lost[0])

/* Every code that tells of a lost session, at every call of a signature: once, it is not noticed. */
static void comes_back(void **state)
{
    (void)state;
    need();
    static const int at[] = {FAKE_C_GetSessionInfo, FAKE_C_FindObjectsInit, FAKE_C_FindObjects,
        FAKE_C_FindObjectsFinal, FAKE_C_SignInit, FAKE_C_Sign};
    pqi_host_element *h = open_with_keys();
    for (size_t i = 0; i < N_LOST; i++) {
        for (size_t j = 0; j < sizeof at / sizeof at[0]; j++) {
            for (int forget = 0; forget < 2; forget++) {
                reset();
                fake->fail = at[j];
                fake->fail_times = 1;
                fake->fail_rv = lost[i];
                fake->forget = forget; /* 0: a false alarm, the sessions are good */
                assert_int_equal(sign(&h->element), PQI_OK);
                assert_int_equal(fake->fail_times, 0);
                assert_int_equal(agree(&h->element), PQI_OK);
            }
        }
    }
    h->close(h);
}

/* Twice: the error comes out with its code, and once the fault is gone all is well. */
static void stays_away(void **state)
{
    (void)state;
    need();
    const char *text = "";
    pqi_host_element *h = open_with_keys();
    const pqi_element *e = &h->element;
    for (size_t i = 0; i < N_LOST; i++) {
        reset();
        fake->fail = FAKE_C_Sign;
        fake->fail_times = 2;
        fake->fail_rv = lost[i];
        assert_int_equal(sign(e), pqi_p11_rv_of(lost[i])->st);
        assert_int_equal(e->native_error(e->arg, &text), lost[i]);
        assert_string_equal(text, pqi_p11_rv_of(lost[i])->text);
        assert_non_null(strstr(pqi_why_get(), pqi_p11_rv_of(lost[i])->name));
        assert_non_null(strstr(pqi_why_get(), "C_Sign"));
        assert_int_equal(sign(e), PQI_OK);
        assert_int_equal(e->native_error(e->arg, &text), 0);
        assert_string_equal(text, "");
    }
    h->close(h);
}

/* Taken out in the middle of every call of a signature and an agreement, and put back. */
static void removal(void **state)
{
    (void)state;
    need();
    static const int at[] = {FAKE_C_GetSessionInfo, FAKE_C_FindObjectsInit, FAKE_C_FindObjects,
        FAKE_C_FindObjectsFinal, FAKE_C_SignInit, FAKE_C_Sign, FAKE_C_DeriveKey,
        FAKE_C_GetAttributeValue, FAKE_C_DestroyObject};
    pqi_host_element *h = open_with_keys();
    const pqi_element *e = &h->element;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        reset();
        fake->remove_at = at[i];
        pqi_status one = sign(e), two = agree(e);
        assert_true(one == PQI_ERR_PROVIDER || two == PQI_ERR_PROVIDER);
        assert_int_equal(fake->removed, 1);
        assert_int_equal(sign(e), PQI_ERR_PROVIDER);
        uint8_t pk[65], kek[32] = {0}, blob[PQI_ELEMENT_BLOB_MAX];
        size_t n = 0;
        assert_int_equal(e->p256_public(e->arg, SIG_KEY, pk), PQI_ERR_PROVIDER);
        assert_int_equal(e->p256_generate(e->arg, 99, PQI_KEY_SIG), PQI_ERR_PROVIDER);
        assert_int_equal(e->p256_destroy(e->arg, SIG_KEY), PQI_ERR_PROVIDER);
        assert_int_equal(h->wrap(h, kek, (pqi_span){blob, sizeof blob}, &n), PQI_ERR_PROVIDER);
        assert_int_equal(n, 0);
        reset();
        assert_int_equal(sign(e), PQI_OK);
        assert_int_equal(agree(e), PQI_OK);
        assert_int_equal(e->p256_public(e->arg, SIG_KEY, pk), PQI_OK);
        assert_memory_equal(pk, sig_pk, sizeof pk);
    }
    h->close(h);
}

/* Every call of every operation fails for good: an error, nothing is damaged, and no session leaks. */
static void each_call_fails(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = open_with_keys();
    const pqi_element *e = &h->element;
    uint8_t pk[65], kek[32] = {7}, got[32], blob[PQI_ELEMENT_BLOB_MAX], out[PQI_ELEMENT_BLOB_MAX];
    size_t n = 0, len = 0;
    unsigned failed = 0;
    assert_int_equal(h->wrap(h, kek, (pqi_span){blob, sizeof blob}, &n), PQI_OK);
    for (int call = FAKE_C_OpenSession; call < FAKE_P11_N; call++) {
        reset();
        fake->fail = call;
        fake->fail_times = 1000;
        fake->fail_rv = CKR_FUNCTION_FAILED;
        pqi_status st[7];
        st[0] = sign(e);
        st[1] = agree(e);
        st[2] = e->p256_public(e->arg, SIG_KEY, pk);
        st[3] = h->wrap(h, kek, (pqi_span){out, sizeof out}, &len);
        st[4] = h->unwrap(h, (pqi_cspan){blob, n}, got);
        st[5] = e->p256_generate(e->arg, 99, PQI_KEY_SIG);
        st[6] = e->p256_destroy(e->arg, 99);
        for (unsigned i = 0; i < 7; i++) {
            assert_true(st[i] == PQI_OK || st[i] == PQI_ERR_PROVIDER);
            failed += st[i] != PQI_OK ? 1u : 0u;
        }
        reset();
        assert_int_equal(sign(e), PQI_OK);
        assert_int_equal(agree(e), PQI_OK);
        assert_int_equal(h->unwrap(h, (pqi_cspan){blob, n}, got), PQI_OK);
        assert_memory_equal(kek, got, sizeof got);
        assert_int_equal(e->p256_destroy(e->arg, 99), PQI_OK);
        assert_int_equal(e->p256_public(e->arg, 99, pk), PQI_ERR_MISSING);
    }
    assert_true(failed >= 25);
    h->close(h);
}

/* Opening: each call fails once, with an error and nothing left open. */
static void opening_fails(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = open_with_keys();
    h->close(h);
    for (int call = 0; call < FAKE_P11_N; call++) {
        reset();
        fake->fail = call;
        fake->fail_times = 1;
        fake->fail_rv =
            call == FAKE_C_GetMechanismInfo ? CKR_MECHANISM_INVALID : CKR_FUNCTION_FAILED;
        pqi_status st = p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h);
        if (st == PQI_OK) { /* not a call of an opening, or one of closing */
            h->close(h);
        } else {
            assert_int_equal(
                st, call == FAKE_C_GetMechanismInfo ? PQI_ERR_UNSUPPORTED : PQI_ERR_PROVIDER);
        }
        assert_int_equal(atomic_load(&fake->calls[FAKE_C_Initialize]), 1);
        reset();
        h = p11_rig_open(r.fake_uri, r.dir, 0);
        assert_int_equal(sign(&h->element), PQI_OK);
        h->close(h);
    }
}

/* The PIN was changed while the token was away: it is tried once, not until the token locks. */
static void pin_changed(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = open_with_keys();
    reset();
    fake->fail = FAKE_C_Login;
    fake->fail_times = 1000;
    fake->fail_rv = CKR_PIN_INCORRECT;
    fake->remove_at = FAKE_C_Sign;
    assert_int_equal(sign(&h->element), PQI_ERR_PROVIDER);
    fake->removed = 0;
    fake->remove_at = -1;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(sign(&h->element), PQI_ERR_AUTH);
    }
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 1);
    reset();
    h->close(h);
    h = p11_rig_open(r.fake_uri, r.dir, 0);
    assert_int_equal(sign(&h->element), PQI_OK);
    h->close(h);
}

static void locks(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = open_with_keys();
    h->close(h);
    reset();
    fake->fail = FAKE_C_Login;
    fake->fail_times = 1;
    fake->fail_rv = CKR_PIN_LOCKED;
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h), PQI_ERR_LOCKED);
    /* said by the token beforehand: the PIN is not even tried */
    reset();
    fake->token_flags = CKF_USER_PIN_LOCKED;
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h), PQI_ERR_LOCKED);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 0);
    reset();
    fake->token_flags = CKF_USER_PIN_COUNT_LOW;
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, "0000", 0, &h), PQI_ERR_AUTH);
    assert_non_null(strstr(pqi_why_get(), "have been counted"));
}

/* The last try belongs to a person: neither a right PIN nor a wrong one is sent, but when that is asked for. */
static void last_try(void **state)
{
    (void)state;
    need();
    static const char *const pins[] = {P11_PIN, "0000"}, *const not_told[] = {"", "0", "yes", "11"};
    pqi_host_element *h = open_with_keys();
    h->close(h);
    reset();
    fake->token_flags = CKF_USER_PIN_FINAL_TRY;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(p11_rig_try(r.fake_uri, r.dir, pins[i], 0, &h), PQI_ERR_LOCKED);
        assert_non_null(strstr(pqi_why_get(), "left ONE try"));
        assert_non_null(strstr(pqi_why_get(), "PQI_PIN_LAST_TRY=1 for one"));
    }
    for (size_t i = 0; i < sizeof not_told / sizeof not_told[0]; i++) {
        assert_int_equal(setenv("PQI_PIN_LAST_TRY", not_told[i], 1), 0);
        assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h), PQI_ERR_LOCKED);
    }
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 0);
    assert_int_equal(setenv("PQI_PIN_LAST_TRY", "1", 1), 0);
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, "0000", 0, &h), PQI_ERR_AUTH);
    assert_non_null(strstr(pqi_why_get(), "ONE try is left"));
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 1);
    h = p11_rig_open(r.fake_uri, r.dir, 0);
    assert_int_equal(sign(&h->element), PQI_OK);
    h->close(h);
    /* what is locked is not tried, whatever was said */
    reset();
    fake->token_flags = CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h), PQI_ERR_LOCKED);
    assert_non_null(strstr(pqi_why_get(), "security officer"));
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 0);
    assert_int_equal(unsetenv("PQI_PIN_LAST_TRY"), 0);
}

/* Somebody tried wrong PINs while the token was away: it is not logged in to until that is settled, and then
 * the same provider works on. */
static void last_try_after_return(void **state)
{
    (void)state;
    need();
    static const struct {
        ck_flags_t flags;
        uint32_t native;
    } c[] = {{CKF_USER_PIN_FINAL_TRY, PQI_P11_LAST_TRY}, {CKF_USER_PIN_LOCKED, CKR_PIN_LOCKED}};
    const char *text = "";
    pqi_host_element *h = open_with_keys();
    const pqi_element *e = &h->element;
    for (size_t i = 0; i < 2; i++) {
        reset();
        fake->remove_at = FAKE_C_Sign;
        assert_int_equal(sign(e), PQI_ERR_PROVIDER);
        fake->removed = 0;
        fake->remove_at = -1;
        fake->token_flags = c[i].flags;
        for (unsigned n = 0; n < 3; n++) {
            assert_int_equal(sign(e), PQI_ERR_LOCKED);
            assert_int_equal(e->native_error(e->arg, &text), c[i].native);
            assert_string_equal(text, pqi_p11_rv_of(c[i].native)->text);
            assert_non_null(strstr(pqi_why_get(), text));
        }
        assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 0);
        fake->token_flags = 0;
        assert_int_equal(sign(e), PQI_OK);
    }
    h->close(h);
}

/* A token with a PIN pad is asked without a PIN; one without is not. */
static void pin_pad(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = NULL;
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, NULL, 1, &h), PQI_ERR_AUTH);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 0);
    fake->token_flags = CKF_PROTECTED_AUTHENTICATION_PATH;
    assert_true(p11_rig_try(r.fake_uri, r.dir, NULL, 1, &h) != PQI_OK); /* SoftHSM has no pad */
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 1);
}

/* What the token does not promise is not believed, and what it lacks is named. */
static void promises(void **state)
{
    (void)state;
    need();
    static const ck_attribute_type_t must[] = {
        CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL};
    uint8_t pk[65];
    pqi_host_element *h = open_with_keys(), *f = NULL;
    const pqi_element *e = &h->element;
    for (size_t i = 0; i < sizeof must / sizeof must[0]; i++) {
        reset();
        fake->lie = must[i];
        assert_int_equal(e->p256_generate(e->arg, 99, PQI_KEY_SIG), PQI_ERR_PROVIDER);
        assert_non_null(strstr(pqi_why_get(), "does not promise"));
        assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &f), PQI_ERR_PROVIDER);
        reset();
        assert_int_equal(e->p256_public(e->arg, 99, pk), PQI_ERR_MISSING);
    }
    h->close(h);
    static const ck_mechanism_type_t lacks[] = {
        CKM_AES_KEY_GEN, CKM_AES_GCM, CKM_ECDSA_KEY_PAIR_GEN, CKM_ECDH1_DERIVE};
    for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++) {
        reset();
        fake->hide[0] = lacks[i];
        assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h), PQI_ERR_UNSUPPORTED);
        assert_non_null(strstr(pqi_why_get(), "lacks"));
    }
    reset();
    fake->hide[0] = CKM_ECDSA;
    fake->hide[1] = CKM_ECDSA_SHA256;
    assert_int_equal(p11_rig_try(r.fake_uri, r.dir, P11_PIN, 0, &h), PQI_ERR_UNSUPPORTED);
    reset();
    fake->slot_flags = CKF_HW_SLOT;
    h = p11_rig_open(r.fake_uri, r.dir, 0);
    uint8_t rnd[2][32] = {{0}};
    assert_int_equal(h->element.caps, PQI_CAP_HALF | PQI_CAP_HW_RNG);
    assert_int_equal(h->element.random(h->element.arg, (pqi_span){rnd[0], 32}), PQI_OK);
    assert_memory_not_equal(rnd[0], rnd[1], 32);
    fake->fail = FAKE_C_GenerateRandom;
    fake->fail_times = 1;
    fake->fail_rv = CKR_FUNCTION_FAILED;
    assert_int_equal(h->element.random(h->element.arg, (pqi_span){rnd[0], 32}), PQI_ERR_RNG);
    assert_memory_equal(rnd[0], rnd[1], 32);
    h->close(h);
}

/* ---- threads ------------------------------------------------------------------------------------ */

#define THREADS 8u
#define ROUNDS  40u

static atomic_uint good, bad;

static void *worker(void *arg)
{
    const pqi_element *e = arg;
    uint8_t sig[64], pk[65];
    const pqi_cspan msg = {PQI_LIT("threads")};
    for (unsigned i = 0; i < ROUNDS; i++) {
        int ok = e->p256_sign(e->arg, SIG_KEY, msg, sig) == PQI_OK &&
                 pqi_ossl_p256_verify(sig_pk, msg, sig) == PQI_OK &&
                 e->p256_public(e->arg, KEM_KEY, pk) == PQI_OK &&
                 memcmp(pk, kem_pk, sizeof pk) == 0;
        atomic_fetch_add(ok ? &good : &bad, 1u);
    }
    return NULL;
}

static void run_threads(const pqi_element *e)
{
    pthread_t t[THREADS];
    void *arg;
    memcpy(&arg, &e, sizeof arg);
    atomic_store(&good, 0);
    atomic_store(&bad, 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, worker, arg), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
}

/* Fewer sessions than threads: they share, and none fails; the pool has a limit of its own. */
static void pool(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = open_with_keys();
    h->close(h);
    for (unsigned most = 1; most <= 3; most++) {
        reset();
        fake->max_sessions = most;
        h = p11_rig_open(r.fake_uri, r.dir, 0);
        run_threads(&h->element);
        assert_int_equal(atomic_load(&bad), 0);
        assert_int_equal(atomic_load(&good), THREADS * ROUNDS);
        assert_true(atomic_load(&fake->most) <= most);
        h->close(h);
        assert_int_equal(atomic_load(&fake->sessions), 0); /* none is left */
    }
    reset();
    h = p11_rig_open(r.fake_uri, r.dir, 0);
    run_threads(&h->element);
    assert_int_equal(atomic_load(&bad), 0);
    assert_true(atomic_load(&fake->most) <= 16);
    /* sessions die under all of them, again and again */
    fake->fail = FAKE_C_Sign;
    fake->fail_rv = CKR_SESSION_HANDLE_INVALID;
    fake->fail_times = 1;
    run_threads(&h->element);
    assert_int_equal(atomic_load(&bad), 0);
    h->close(h);
}

/* Two elements on one token: one login, the last one logs out and ends the module. */
static void shared(void **state)
{
    (void)state;
    need();
    pqi_host_element *a = open_with_keys();
    pqi_host_element *b = p11_rig_open(r.fake_uri, r.dir_b, 1);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Initialize]), 1);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Login]), 1);
    b->close(b);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Finalize]), 0);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Logout]), 0);
    assert_int_equal(sign(&a->element), PQI_OK);
    a->close(a);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Logout]), 1);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Finalize]), 1);
}

/* Somebody else in the process has the module: it is not ended under them, and their login stays. */
static void guest(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = open_with_keys();
    h->close(h);
    reset();
    ck_rv_t (*get)(struct ck_function_list **);
    struct ck_function_list *f;
    void *dl = dlopen(PQI_FAKE_P11, RTLD_NOW | RTLD_LOCAL);
    void *symbol = dlsym(dl, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get);
    assert_int_equal(get(&f), CKR_OK);
    assert_int_equal(f->C_Initialize(NULL), CKR_OK);
    ck_slot_id_t slots[8];
    unsigned long n = 8;
    ck_session_handle_t s;
    assert_int_equal(f->C_GetSlotList(1, slots, &n), CKR_OK);
    assert_int_equal(
        f->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s), CKR_OK);
    static unsigned char pin[] = P11_PIN;
    assert_int_equal(f->C_Login(s, CKU_USER, pin, sizeof pin - 1), CKR_OK);
    h = p11_rig_open(r.fake_uri, r.dir, 0);
    assert_int_equal(sign(&h->element), PQI_OK);
    assert_int_equal(f->C_Logout(s), CKR_OK); /* they log out under us */
    assert_int_equal(sign(&h->element), PQI_OK);
    assert_int_equal(f->C_Logout(s), CKR_OK); /* a hidden key must not pass for a removed one */
    assert_int_equal(h->element.p256_destroy(h->element.arg, KEM_KEY), PQI_OK);
    assert_int_equal(agree(&h->element), PQI_ERR_MISSING);
    h->close(h);
    assert_int_equal(atomic_load(&fake->calls[FAKE_C_Finalize]), 0);
    struct ck_session_info info;
    assert_int_equal(f->C_GetSessionInfo(s, &info), CKR_OK);
    assert_int_equal(f->C_Finalize(NULL), CKR_OK);
    (void)dlclose(dl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(stays_away),
        cmocka_unit_test(removal),
        cmocka_unit_test(each_call_fails),
        cmocka_unit_test(opening_fails),
        cmocka_unit_test(pin_changed),
        cmocka_unit_test(locks),
        cmocka_unit_test(last_try),
        cmocka_unit_test(last_try_after_return),
        cmocka_unit_test(pin_pad),
        cmocka_unit_test(promises),
        cmocka_unit_test(pool),
        cmocka_unit_test(shared),
        cmocka_unit_test(guest),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
