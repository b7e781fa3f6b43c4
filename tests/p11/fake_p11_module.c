/* SPDX-License-Identifier: Apache-2.0
 * fake_p11_module.so: see fake_p11.h. For tests alone; it protects nothing. */
#include "p11/fake_p11.h"
#include "p11/fake_p11_pq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILLED 9

__attribute__((visibility("default")))
fake_p11_control fake_p11_state = {.fail = -1, .remove_at = -1};

static struct ck_function_list *real;
static struct ck_function_list mine;

static fake_p11_control *st(void)
{
    return &fake_p11_state;
}

static void forget_sessions(void)
{
    ck_slot_id_t slots[16];
    unsigned long n = 16;
    if (real->C_GetSlotList(1, slots, &n) == CKR_OK) {
        for (unsigned long i = 0; i < n; i++) {
            (void)real->C_CloseAllSessions(slots[i]);
        }
    }
    atomic_store(&st()->sessions, 0);
}

static int changes(int call)
{
    return call == FAKE_C_DestroyObject || call == FAKE_C_GenerateKey ||
           call == FAKE_C_GenerateKeyPair;
}

/* What the call answers without being made; CKR_OK: make it. */
static ck_rv_t before(int call)
{
    atomic_fetch_add(&st()->calls[call], 1u);
    if (changes(call) && atomic_fetch_add(&st()->changes, 1u) + 1 == st()->kill_at) {
        _exit(KILLED);
    }
    if (call == st()->remove_at) {
        st()->removed = 1;
        forget_sessions();
    }
    if (st()->removed && call != FAKE_C_Initialize && call != FAKE_C_Finalize &&
        call != FAKE_C_GetSlotList) {
        return CKR_TOKEN_NOT_PRESENT;
    }
    if (call == st()->fail && st()->fail_times != 0) {
        st()->fail_times--;
        if (st()->forget) {
            forget_sessions();
        }
        return st()->fail_rv;
    }
    return CKR_OK;
}

static ck_rv_t after(int call, ck_rv_t rv)
{
    if (changes(call) && atomic_load(&st()->changes) == st()->kill_after) {
        _exit(KILLED);
    }
    return rv;
}

#define WRAP(name, params, args)                                                                   \
    static ck_rv_t my_##name params                                                                \
    {                                                                                              \
        ck_rv_t rv = before(FAKE_##name);                                                          \
        return rv != CKR_OK ? rv : after(FAKE_##name, real->name args);                            \
    }

static void *wait_for_ever(void *arg)
{
    while (pause() != 0) { /* it never gives 0 */
    }
    return arg;
}

/* With FAKE_P11_THREAD in the environment it is a module that has a thread of its own. */
static ck_rv_t my_C_Initialize(void *a)
{
    pthread_t thread;
    ck_rv_t rv = before(FAKE_C_Initialize);
    if (rv == CKR_OK && getenv("FAKE_P11_THREAD") != NULL) {
        rv = pthread_create(&thread, NULL, wait_for_ever, NULL) == 0 ? CKR_OK : CKR_GENERAL_ERROR;
    }
    return rv != CKR_OK ? rv : real->C_Initialize(a);
}

WRAP(C_Finalize, (void *a), (a))
WRAP(C_GetSessionInfo, (ck_session_handle_t s, struct ck_session_info *i), (s, i))
WRAP(C_Login, (ck_session_handle_t s, ck_user_type_t u, unsigned char *p, unsigned long n),
    (s, u, p, n))
WRAP(C_Logout, (ck_session_handle_t s), (s))
WRAP(C_FindObjectsFinal, (ck_session_handle_t s), (s))
WRAP(C_GenerateKey,
    (ck_session_handle_t s, struct ck_mechanism *m, struct ck_attribute *t, unsigned long n,
        ck_object_handle_t *k),
    (s, m, t, n, k))
WRAP(C_DeriveKey,
    (ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t b, struct ck_attribute *t,
        unsigned long n, ck_object_handle_t *k),
    (s, m, b, t, n, k))
WRAP(
    C_EncryptInit, (ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t k), (s, m, k))
WRAP(C_Encrypt,
    (ck_session_handle_t s, unsigned char *d, unsigned long n, unsigned char *o, unsigned long *on),
    (s, d, n, o, on))
WRAP(
    C_DecryptInit, (ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t k), (s, m, k))
WRAP(C_Decrypt,
    (ck_session_handle_t s, unsigned char *d, unsigned long n, unsigned char *o, unsigned long *on),
    (s, d, n, o, on))
WRAP(C_GenerateRandom, (ck_session_handle_t s, unsigned char *r, unsigned long n), (s, r, n))

static ck_rv_t my_C_FindObjectsInit(ck_session_handle_t s, struct ck_attribute *t, unsigned long n)
{
    ck_rv_t rv = before(FAKE_C_FindObjectsInit);
    fake_pq_search(t, n);
    return rv != CKR_OK ? rv : real->C_FindObjectsInit(s, t, n);
}

static ck_rv_t my_C_FindObjects(
    ck_session_handle_t s, ck_object_handle_t *o, unsigned long room, unsigned long *n)
{
    ck_rv_t rv = before(FAKE_C_FindObjects);
    if (rv == CKR_OK) {
        rv = real->C_FindObjects(s, o, room, n);
    }
    if (rv == CKR_OK) {
        fake_pq_found(o, room, n);
    }
    return rv;
}

static ck_rv_t my_C_DestroyObject(ck_session_handle_t s, ck_object_handle_t o)
{
    ck_rv_t rv = before(FAKE_C_DestroyObject);
    if (rv == CKR_OK && !fake_pq_destroy(o, &rv)) {
        rv = real->C_DestroyObject(s, o);
    }
    return after(FAKE_C_DestroyObject, rv);
}

static ck_rv_t my_C_GenerateKeyPair(ck_session_handle_t s, struct ck_mechanism *m,
    struct ck_attribute *a, unsigned long an, struct ck_attribute *b, unsigned long bn,
    ck_object_handle_t *x, ck_object_handle_t *y)
{
    ck_rv_t rv = before(FAKE_C_GenerateKeyPair);
    if (rv == CKR_OK && !fake_pq_generate(m, a, an, b, bn, x, y, &rv)) {
        rv = real->C_GenerateKeyPair(s, m, a, an, b, bn, x, y);
    }
    return after(FAKE_C_GenerateKeyPair, rv);
}

static ck_rv_t my_C_SignInit(ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t k)
{
    ck_rv_t rv = before(FAKE_C_SignInit);
    if (rv == CKR_OK && !fake_pq_sign_init(m, k, &rv)) {
        rv = real->C_SignInit(s, m, k);
    }
    return rv;
}

static ck_rv_t my_C_Sign(
    ck_session_handle_t s, unsigned char *d, unsigned long n, unsigned char *o, unsigned long *on)
{
    ck_rv_t rv = before(FAKE_C_Sign);
    if (rv == CKR_OK && !fake_pq_sign(d, n, o, on, &rv)) {
        rv = real->C_Sign(s, d, n, o, on);
    }
    return rv;
}

static ck_rv_t my_C_GetSlotList(unsigned char present, ck_slot_id_t *list, unsigned long *n)
{
    ck_rv_t rv = before(FAKE_C_GetSlotList);
    if (rv == CKR_OK && st()->removed) {
        *n = 0;
        return CKR_OK;
    }
    return rv != CKR_OK ? rv : real->C_GetSlotList(present, list, n);
}

static ck_rv_t my_C_GetSlotInfo(ck_slot_id_t slot, struct ck_slot_info *info)
{
    ck_rv_t rv = before(FAKE_C_GetSlotInfo);
    if (rv == CKR_OK) {
        rv = real->C_GetSlotInfo(slot, info);
        info->flags |= st()->slot_flags;
    }
    return rv;
}

static ck_rv_t my_C_GetTokenInfo(ck_slot_id_t slot, struct ck_token_info *info)
{
    ck_rv_t rv = before(FAKE_C_GetTokenInfo);
    if (rv == CKR_OK) {
        rv = real->C_GetTokenInfo(slot, info);
        info->flags |= st()->token_flags;
    }
    return rv;
}

static ck_rv_t my_C_GetMechanismInfo(
    ck_slot_id_t slot, ck_mechanism_type_t m, struct ck_mechanism_info *info)
{
    ck_rv_t rv = before(FAKE_C_GetMechanismInfo);
    for (unsigned i = 0; i < 4 && st()->hide[i] != 0; i++) {
        if (st()->hide[i] == m) {
            rv = CKR_MECHANISM_INVALID;
        }
    }
    if (rv == CKR_OK && st()->pq && fake_pq_mechanism(m, info, &rv)) {
        return rv;
    }
    return rv != CKR_OK ? rv : real->C_GetMechanismInfo(slot, m, info);
}

static ck_rv_t my_C_OpenSession(
    ck_slot_id_t slot, ck_flags_t flags, void *app, ck_notify_t notify, ck_session_handle_t *s)
{
    ck_rv_t rv = before(FAKE_C_OpenSession);
    if (rv == CKR_OK && st()->max_sessions != 0 &&
        atomic_load(&st()->sessions) >= st()->max_sessions) {
        rv = CKR_SESSION_COUNT;
    }
    if (rv == CKR_OK) {
        rv = real->C_OpenSession(slot, flags, app, notify, s);
    }
    if (rv == CKR_OK) {
        unsigned n = atomic_fetch_add(&st()->sessions, 1u) + 1;
        if (n > atomic_load(&st()->most)) {
            atomic_store(&st()->most, n);
        }
    }
    return rv;
}

static ck_rv_t my_C_CloseSession(ck_session_handle_t s)
{
    ck_rv_t rv = before(FAKE_C_CloseSession);
    if (rv == CKR_OK) {
        rv = real->C_CloseSession(s);
        if (rv == CKR_OK) {
            atomic_fetch_sub(&st()->sessions, 1u);
        }
    }
    return rv;
}

static ck_rv_t my_C_GetAttributeValue(
    ck_session_handle_t s, ck_object_handle_t o, struct ck_attribute *t, unsigned long n)
{
    ck_rv_t rv = before(FAKE_C_GetAttributeValue);
    if (rv == CKR_OK) {
        if (!fake_pq_get(o, t, n, &rv)) {
            rv = real->C_GetAttributeValue(s, o, t, n);
        }
        if (rv == CKR_OK && st()->lie != 0 && t[0].type == st()->lie && t[0].value_len == 1) {
            unsigned char *v = t[0].value;
            v[0] ^= 1u;
        }
    }
    return rv;
}

/* Not by its public name: other libraries export one as well. */
static ck_rv_t get_list(struct ck_function_list **list)
{
    if (real == NULL) {
        ck_rv_t (*get)(struct ck_function_list **);
        void *dl = dlopen(PQI_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
        void *symbol = dl != NULL ? dlsym(dl, "C_GetFunctionList") : NULL;
        if (symbol == NULL) {
            return CKR_LIBRARY_LOAD_FAILED;
        }
        memcpy(&get, &symbol, sizeof get);
        if (get(&real) != CKR_OK) {
            return CKR_GENERAL_ERROR;
        }
    }
    mine = *real;
#define SET(name) mine.name = my_##name;
    FAKE_P11_CALLS(SET)
#undef SET
    *list = &mine;
    return CKR_OK;
}

__attribute__((visibility("default"))) ck_rv_t C_GetFunctionList(struct ck_function_list **list)
{
    return get_list(list);
}

static ck_rv_t my_decapsulate(ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t key,
    struct ck_attribute *t, unsigned long n, unsigned char *ct, unsigned long ct_len,
    ck_object_handle_t *out)
{
    ck_rv_t rv = before(FAKE_C_DecapsulateKey);
    return rv != CKR_OK ? rv : fake_pq_decapsulate(s, m, key, t, n, ct, ct_len, out);
}

/* In the driver's own words, PKCS#11 3.0 section 5.4.6. */
ck_rv_t C_GetInterface(
    unsigned char *name, struct ck_version *version, pqi_ck_interface **out, ck_flags_t flags);
__attribute__((visibility("default"))) ck_rv_t C_GetInterface(
    unsigned char *name, struct ck_version *version, pqi_ck_interface **out, ck_flags_t flags)
{
    static char mine_name[] = "PKCS 11";
    static pqi_ck_functions_32 list;
    static pqi_ck_interface mine_interface = {mine_name, &list, 0};
    struct ck_function_list *f = NULL;
    if (strcmp((const char *)name, mine_name) != 0 || version == NULL || version->major != 3 ||
        flags != 0 || get_list(&f) != CKR_OK) {
        return CKR_FUNCTION_FAILED;
    }
    list.base = *f;
    list.base.version = (struct ck_version){3, 2};
    list.decapsulate = my_decapsulate;
    *out = &mine_interface;
    return CKR_OK;
}
