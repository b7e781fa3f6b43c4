/* SPDX-License-Identifier: Apache-2.0 */
#include "p11/fake_p11_pq.h"

#include <pqi/kem.h>
#include <pqi/sig.h>

#include <string.h>
#include <sys/random.h>

#define FIRST   0x40000000UL /* handles of SoftHSM stay below */
#define OBJECTS 64u

typedef struct object {
    ck_object_handle_t handle; /* 0: free */
    ck_object_class_t class;
    unsigned char id[64];
    unsigned long id_len;
    const pqi_sig *sig;
    const pqi_kem *kem;
    unsigned char value[PQI_SIG_MAX_SK]; /* what CKA_VALUE would be */
    unsigned long len;
} object;

static object objects[OBJECTS];
static ck_object_handle_t next = FIRST;
static _Thread_local object search_for;
static _Thread_local const object *signer;
static _Thread_local unsigned char context[255];
static _Thread_local unsigned long context_len;
static unsigned char tmp[300000];

static object *find(ck_object_handle_t h)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (h != 0 && objects[i].handle == h) {
            return &objects[i];
        }
    }
    return NULL;
}

static object *fresh(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        if (objects[i].handle == 0) {
            memset(&objects[i], 0, sizeof objects[i]);
            objects[i].handle = next++;
            return &objects[i];
        }
    }
    return NULL;
}

static const struct ck_attribute *attr(
    const struct ck_attribute *t, unsigned long n, ck_attribute_type_t type)
{
    for (unsigned long i = 0; i < n; i++) {
        if (t[i].type == type) {
            return &t[i];
        }
    }
    return NULL;
}

static bool is_true(const struct ck_attribute *t, unsigned long n, ck_attribute_type_t type)
{
    const struct ck_attribute *a = attr(t, n, type);
    unsigned char v = 0;
    if (a != NULL && a->value_len == 1) {
        memcpy(&v, a->value, 1);
    }
    return v != 0;
}

/* ML-DSA-44 is left out, so that a token with some of the sets is tried. */
bool fake_pq_mechanism(ck_mechanism_type_t m, struct ck_mechanism_info *info, ck_rv_t *rv)
{
    static const struct {
        ck_mechanism_type_t m;
        struct ck_mechanism_info info;
    } mine[] = {
        {PQI_CKM_ML_DSA_KEY_PAIR_GEN, {1952, 2592, CKF_GENERATE_KEY_PAIR}},
        {PQI_CKM_ML_DSA, {1952, 2592, CKF_SIGN | CKF_VERIFY}},
        {PQI_CKM_ML_KEM_KEY_PAIR_GEN, {800, 1568, CKF_GENERATE_KEY_PAIR}},
        {PQI_CKM_ML_KEM, {800, 1568, 0x10000000UL | PQI_CKF_DECAPSULATE}},
    };
    for (unsigned i = 0; i < 4; i++) {
        if (mine[i].m == m) {
            *info = mine[i].info;
            *rv = CKR_OK;
            return true;
        }
    }
    return false;
}

static ck_rv_t make(object *x, object *y, unsigned long set, bool kem)
{
    static const pqi_sig *const sigs[] = {NULL, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_87};
    static const pqi_kem *const kems[] = {
        &pqi_kem_ml_kem_512, &pqi_kem_ml_kem_768, &pqi_kem_ml_kem_1024};
    unsigned char seed[64];
    const pqi_span t = {tmp, sizeof tmp};
    if (set < 1 || set > 3 || (!kem && sigs[set - 1] == NULL)) {
        return 0x209; /* CKR_PARAMETER_SET_NOT_SUPPORTED */
    }
    x->kem = y->kem = kem ? kems[set - 1] : NULL;
    x->sig = y->sig = kem ? NULL : sigs[set - 1];
    x->len = kem ? x->kem->pk_len : x->sig->pk_len;
    y->len = kem ? x->kem->sk_len : x->sig->sk_len;
    const pqi_span pk = {x->value, x->len}, sk = {y->value, y->len};
    const pqi_cspan s = {seed, kem ? x->kem->seed_len : x->sig->seed_len};
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return CKR_FUNCTION_FAILED;
    }
    pqi_status st =
        kem ? pqi_kem_keygen(x->kem, pk, sk, s, t) : pqi_sig_keygen(x->sig, pk, sk, s, t);
    return st == PQI_OK ? CKR_OK : CKR_FUNCTION_FAILED;
}

bool fake_pq_generate(const struct ck_mechanism *m, const struct ck_attribute *pub,
    unsigned long n_pub, const struct ck_attribute *priv, unsigned long n_priv,
    ck_object_handle_t *x, ck_object_handle_t *y, ck_rv_t *rv)
{
    bool kem = m->mechanism == PQI_CKM_ML_KEM_KEY_PAIR_GEN;
    if (!kem && m->mechanism != PQI_CKM_ML_DSA_KEY_PAIR_GEN) {
        return false;
    }
    const struct ck_attribute *set = attr(pub, n_pub, PQI_CKA_PARAMETER_SET);
    const struct ck_attribute *id = attr(priv, n_priv, CKA_ID);
    unsigned long v = 0;
    *rv = CKR_TEMPLATE_INCOMPLETE;
    if (set == NULL || set->value_len != sizeof v || id == NULL || id->value_len > 64 ||
        m->parameter != NULL || !is_true(priv, n_priv, CKA_TOKEN) ||
        !is_true(priv, n_priv, CKA_SENSITIVE) || is_true(priv, n_priv, CKA_EXTRACTABLE) ||
        !is_true(priv, n_priv, kem ? PQI_CKA_DECAPSULATE : CKA_SIGN)) {
        return true;
    }
    memcpy(&v, set->value, sizeof v);
    object *a = fresh(), *b = fresh();
    if (a == NULL || b == NULL) {
        *rv = CKR_DEVICE_MEMORY;
        return true;
    }
    a->class = CKO_PUBLIC_KEY;
    b->class = CKO_PRIVATE_KEY;
    memcpy(a->id, id->value, id->value_len);
    memcpy(b->id, id->value, id->value_len);
    a->id_len = b->id_len = id->value_len;
    *rv = make(a, b, v, kem);
    *x = a->handle;
    *y = b->handle;
    if (*rv != CKR_OK) {
        a->handle = b->handle = 0;
    }
    return true;
}

bool fake_pq_destroy(ck_object_handle_t o, ck_rv_t *rv)
{
    object *x = find(o);
    if (o < FIRST) {
        return false;
    }
    *rv = x != NULL ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
    if (x != NULL) {
        memset(x, 0, sizeof *x);
    }
    return true;
}

bool fake_pq_get(ck_object_handle_t o, struct ck_attribute *a, unsigned long n, ck_rv_t *rv)
{
    const object *x = find(o);
    if (o < FIRST) {
        return false;
    }
    *rv = CKR_OBJECT_HANDLE_INVALID;
    if (x == NULL || n != 1) {
        return true;
    }
    *rv = CKR_OK;
    if (a->type == CKA_VALUE && x->class == CKO_PRIVATE_KEY) {
        *rv = CKR_ATTRIBUTE_SENSITIVE;
    } else if (a->type == CKA_VALUE && a->value_len >= x->len) {
        memcpy(a->value, x->value, x->len);
        a->value_len = x->len;
    } else if (a->type != CKA_VALUE && a->value_len == 1) {
        unsigned char v = a->type != CKA_EXTRACTABLE ? 1 : 0;
        memcpy(a->value, &v, 1);
    } else {
        *rv = CKR_BUFFER_TOO_SMALL;
    }
    return true;
}

bool fake_pq_sign_init(const struct ck_mechanism *m, ck_object_handle_t key, ck_rv_t *rv)
{
    pqi_ck_sign_context c;
    signer = NULL;
    if (m->mechanism != PQI_CKM_ML_DSA) {
        return false;
    }
    *rv = CKR_MECHANISM_PARAM_INVALID;
    if (m->parameter_len != sizeof c) {
        return true;
    }
    memcpy(&c, m->parameter, sizeof c);
    if (c.hedge > 1 || c.context_len > sizeof context) {
        return true;
    }
    memcpy(context, c.context, c.context_len);
    context_len = c.context_len;
    signer = find(key);
    *rv = signer != NULL && signer->sig != NULL && signer->class == CKO_PRIVATE_KEY
              ? CKR_OK
              : CKR_KEY_HANDLE_INVALID;
    return true;
}

bool fake_pq_sign(const unsigned char *msg, unsigned long n, unsigned char *sig,
    unsigned long *sig_len, ck_rv_t *rv)
{
    unsigned char rnd[32];
    size_t len = 0;
    if (signer == NULL) {
        return false;
    }
    const object *x = signer;
    const pqi_cspan part = {msg, n}, sk = {x->value, x->len}, r = {rnd, x->sig->rnd_len};
    signer = NULL;
    *rv = CKR_FUNCTION_FAILED;
    if (getrandom(rnd, sizeof rnd, 0) == (ssize_t)sizeof rnd &&
        pqi_sig_sign(x->sig, (pqi_span){sig, *sig_len}, &len, sk, (pqi_cspan){context, context_len},
            &part, 1, r, (pqi_span){tmp, sizeof tmp}) == PQI_OK) {
        *sig_len = len;
        *rv = CKR_OK;
    }
    return true;
}

void fake_pq_search(const struct ck_attribute *t, unsigned long n)
{
    const struct ck_attribute *class = attr(t, n, CKA_CLASS), *id = attr(t, n, CKA_ID);
    memset(&search_for, 0, sizeof search_for);
    if (class != NULL && id != NULL && id->value_len <= sizeof search_for.id) {
        memcpy(&search_for.class, class->value, sizeof search_for.class);
        memcpy(search_for.id, id->value, id->value_len);
        search_for.id_len = id->value_len;
    }
}

void fake_pq_found(ck_object_handle_t *o, unsigned long room, unsigned long *n)
{
    for (unsigned i = 0; i < OBJECTS && *n < room && search_for.id_len != 0; i++) {
        const object *x = &objects[i];
        if (x->handle != 0 && x->class == search_for.class && x->id_len == search_for.id_len &&
            memcmp(x->id, search_for.id, x->id_len) == 0) {
            o[(*n)++] = x->handle;
        }
    }
}

ck_rv_t fake_pq_decapsulate(ck_session_handle_t s, struct ck_mechanism *m, ck_object_handle_t key,
    struct ck_attribute *t, unsigned long n, unsigned char *ct, unsigned long ct_len,
    ck_object_handle_t *out)
{
    const object *x = find(key);
    (void)s;
    if (m->mechanism != PQI_CKM_ML_KEM || x == NULL || x->kem == NULL ||
        x->class != CKO_PRIVATE_KEY || is_true(t, n, CKA_TOKEN)) {
        return CKR_KEY_HANDLE_INVALID;
    }
    object *ss = fresh();
    if (ss == NULL) {
        return CKR_DEVICE_MEMORY;
    }
    ss->class = CKO_SECRET_KEY;
    ss->len = 32;
    if (pqi_kem_decaps(x->kem, (pqi_span){ss->value, 32}, (pqi_cspan){ct, ct_len},
            (pqi_cspan){x->value, x->len}, (pqi_span){tmp, sizeof tmp}) != PQI_OK) {
        ss->handle = 0;
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    }
    *out = ss->handle;
    return CKR_OK;
}
