/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA and ML-KEM keys that live wholly in a token with PKCS#11 3.2. */
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <pqi/host.h>
#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>

#define KIND_WHOLE 0x80u /* in CKA_ID, with the kind: no half has such an id */

typedef struct family {
    ck_mechanism_type_t generate, use;
    ck_flags_t flag;
    ck_key_type_t type;
    const char *label;
} family;

static const family dsa = {
    PQI_CKM_ML_DSA_KEY_PAIR_GEN, PQI_CKM_ML_DSA, CKF_SIGN, PQI_CKK_ML_DSA, "pqi ML-DSA key"};
static const family kem = {PQI_CKM_ML_KEM_KEY_PAIR_GEN, PQI_CKM_ML_KEM, PQI_CKF_DECAPSULATE,
    PQI_CKK_ML_KEM, "pqi ML-KEM key"};

typedef struct choice {
    const family *f;
    unsigned long set; /* CKP_* */
    unsigned long pk_len;
} choice;

static bool choose(pqi_key_kind kind, int32_t alg, choice *out)
{
    static const struct {
        pqi_key_kind kind;
        int32_t alg;
        choice c;
    } known[] = {
        {PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44, {&dsa, 1, 1312}}, /* FIPS 204 table 2 */
        {PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65, {&dsa, 2, 1952}},
        {PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_87, {&dsa, 3, 2592}},
        {PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_512, {&kem, 1, 800}}, /* FIPS 203 table 3 */
        {PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768, {&kem, 2, 1184}},
        {PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_1024, {&kem, 3, 1568}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].kind == kind && known[i].alg == alg) {
            *out = known[i].c;
            return true;
        }
    }
    return false;
}

/* Sizes of CK_MECHANISM_INFO are public keys in bytes (sections 6.67.4, 6.68.4); 0: not told. */
static bool has(const pqi_p11_token *t, ck_mechanism_type_t m, ck_flags_t use, unsigned long pk_len)
{
    struct ck_mechanism_info i = {0, 0, 0};
    return t->module->f->C_GetMechanismInfo(t->slot, m, &i) == CKR_OK && (i.flags & use) == use &&
           i.min_key_size <= pk_len && (i.max_key_size == 0 || pk_len <= i.max_key_size);
}

void pqi_p11_pq_look(pqi_p11_element *e)
{
    e->pq_sets = 0;
    for (int32_t kind = PQI_KEY_KEM; kind <= PQI_KEY_SIG; kind++) {
        static const int32_t kems[] = {
            PQI_KEM_ID_ML_KEM_512, PQI_KEM_ID_ML_KEM_768, PQI_KEM_ID_ML_KEM_1024};
        static const int32_t sigs[] = {
            PQI_SIG_ID_ML_DSA_44, PQI_SIG_ID_ML_DSA_65, PQI_SIG_ID_ML_DSA_87};
        for (unsigned i = 0; i < 3; i++) {
            choice c;
            if (choose((pqi_key_kind)kind, kind == PQI_KEY_KEM ? kems[i] : sigs[i], &c) &&
                (kind == PQI_KEY_SIG || e->token->module->decapsulate != NULL) &&
                has(e->token, c.f->generate, CKF_GENERATE_KEY_PAIR, c.pk_len) &&
                has(e->token, c.f->use, c.f->flag, c.pk_len)) {
                e->pq_sets |= 1u << (4u * (unsigned)kind + i);
            }
        }
    }
}

static uint32_t pq_offered(void *arg, pqi_key_kind kind, int32_t alg)
{
    const pqi_p11_element *e = arg;
    choice c;
    bool is = choose(kind, alg, &c) &&
              (e->pq_sets >> (4u * (unsigned)kind + (unsigned)c.set - 1u) & 1u) != 0;
    return is ? PQI_CAP_PERSISTENT | PQI_CAP_NON_EXPORTABLE : 0;
}

static pqi_p11_key_id id_of(const pqi_p11_element *e, pqi_key key, pqi_key_kind kind)
{
    return pqi_p11_key_id_of(e->id, key, KIND_WHOLE | (unsigned)kind);
}

/* ---- birth and end ------------------------------------------------------------------------------ */

typedef struct key_arg {
    pqi_p11_key_id id;
    choice c;
} key_arg;

static pqi_status remove_pair(pqi_p11_call *c, const pqi_p11_key_id *id)
{
    pqi_status st = pqi_p11_remove(c, CKO_PRIVATE_KEY, id);
    return st == PQI_OK ? pqi_p11_remove(c, CKO_PUBLIC_KEY, id) : st;
}

static pqi_status generate_pair(pqi_p11_call *c, const key_arg *a, ck_object_handle_t *private)
{
    const family *f = a->c.f;
    const unsigned char yes = 1, no = 0;
    const bool sign = f->flag == CKF_SIGN;
    struct ck_attribute pub[] = {
        pqi_p11_attr(PQI_CKA_PARAMETER_SET, &a->c.set, sizeof a->c.set),
        pqi_p11_attr(CKA_KEY_TYPE, &f->type, sizeof f->type),
        pqi_p11_attr(CKA_TOKEN, &yes, 1),
        pqi_p11_attr(CKA_PRIVATE, &no, 1),
        pqi_p11_attr(CKA_MODIFIABLE, &no, 1),
        pqi_p11_attr(sign ? CKA_VERIFY : PQI_CKA_ENCAPSULATE, &yes, 1),
        pqi_p11_attr(CKA_LABEL, f->label, strlen(f->label)),
        pqi_p11_attr(CKA_ID, a->id.b, sizeof a->id.b),
    };
    struct ck_attribute priv[] = {
        pqi_p11_attr(CKA_KEY_TYPE, &f->type, sizeof f->type),
        pqi_p11_attr(CKA_TOKEN, &yes, 1),
        pqi_p11_attr(CKA_PRIVATE, &yes, 1),
        pqi_p11_attr(CKA_SENSITIVE, &yes, 1),
        pqi_p11_attr(CKA_EXTRACTABLE, &no, 1),
        pqi_p11_attr(CKA_MODIFIABLE, &no, 1),
        pqi_p11_attr(sign ? CKA_SIGN : PQI_CKA_DECAPSULATE, &yes, 1),
        pqi_p11_attr(CKA_LABEL, f->label, strlen(f->label)),
        pqi_p11_attr(CKA_ID, a->id.b, sizeof a->id.b),
    };
    struct ck_mechanism m = {f->generate, NULL, 0};
    ck_object_handle_t public = CK_INVALID_HANDLE;
    return pqi_p11_step(c, "C_GenerateKeyPair",
        c->f->C_GenerateKeyPair(c->session, &m, pub, sizeof pub / sizeof pub[0], priv,
            sizeof priv / sizeof priv[0], &public, private));
}

static pqi_status generate_op(pqi_p11_call *c, void *arg)
{
    const key_arg *a = arg;
    ck_object_handle_t private = CK_INVALID_HANDLE;
    pqi_status st = remove_pair(c, &a->id);
    if (st == PQI_OK) {
        st = generate_pair(c, a, &private);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_p11_stays(c, private);
    if (st != PQI_OK) {
        const pqi_p11_call was = *c;
        (void)remove_pair(c, &a->id);
        *c = was;
    }
    return st;
}

static pqi_status pq_generate(void *arg, pqi_key key, pqi_key_kind kind, int32_t alg)
{
    const pqi_p11_element *e = arg;
    key_arg a = {id_of(e, key, kind), {NULL, 0, 0}};
    return choose(kind, alg, &a.c) ? pqi_p11_element_run(e, generate_op, &a) : PQI_ERR_UNSUPPORTED;
}

static pqi_status destroy_op(pqi_p11_call *c, void *arg)
{
    return remove_pair(c, arg);
}

static pqi_status pq_destroy(void *arg, pqi_key key, pqi_key_kind kind)
{
    const pqi_p11_element *e = arg;
    pqi_p11_key_id id = id_of(e, key, kind);
    return pqi_p11_element_run(e, destroy_op, &id);
}

/* ---- use ---------------------------------------------------------------------------------------- */

typedef struct public_arg {
    pqi_p11_key_id id;
    pqi_span pk;
} public_arg;

static pqi_status public_op(pqi_p11_call *c, void *arg)
{
    const public_arg *a = arg;
    ck_object_handle_t key = CK_INVALID_HANDLE;
    size_t len = a->pk.len;
    pqi_status st = pqi_p11_find(c, CKO_PRIVATE_KEY, &a->id, &key);
    if (st == PQI_OK) {
        st = pqi_p11_find(c, CKO_PUBLIC_KEY, &a->id, &key);
    }
    if (st == PQI_OK) {
        st = pqi_p11_get(c, key, CKA_VALUE, a->pk.ptr, &len);
    }
    return st == PQI_OK && len != a->pk.len
               ? pqi_p11_step(c, "C_GetAttributeValue", CKR_GENERAL_ERROR)
               : st;
}

static pqi_status pq_public(void *arg, pqi_key key, pqi_key_kind kind, pqi_span pk)
{
    const pqi_p11_element *e = arg;
    public_arg a = {id_of(e, key, kind), pk};
    pqi_status st = pqi_p11_element_run(e, public_op, &a);
    if (st != PQI_OK) {
        memset(pk.ptr, 0, pk.len);
    }
    return st;
}

typedef struct sign_arg {
    pqi_p11_key_id id;
    unsigned char context[PQI_DOMAIN_MAX];
    unsigned long context_len;
    unsigned char *msg;
    unsigned long msg_len;
    pqi_span sig;
} sign_arg;

static pqi_status sign_op(pqi_p11_call *c, void *arg)
{
    sign_arg *a = arg;
    pqi_ck_sign_context p = {PQI_CKH_HEDGE_REQUIRED, a->context, a->context_len};
    struct ck_mechanism m = {PQI_CKM_ML_DSA, &p, sizeof p};
    ck_object_handle_t key = CK_INVALID_HANDLE;
    unsigned long n = a->sig.len;
    pqi_status st = pqi_p11_find(c, CKO_PRIVATE_KEY, &a->id, &key);
    if (st == PQI_OK) {
        st = pqi_p11_step(c, "C_SignInit", c->f->C_SignInit(c->session, &m, key));
    }
    if (st == PQI_OK) {
        st =
            pqi_p11_step(c, "C_Sign", c->f->C_Sign(c->session, a->msg, a->msg_len, a->sig.ptr, &n));
    }
    return st == PQI_OK && n != a->sig.len ? pqi_p11_step(c, "C_Sign", CKR_GENERAL_ERROR) : st;
}

/* In one piece: not every token takes CKM_ML_DSA in parts. */
static pqi_status pq_sign(
    void *arg, pqi_key key, pqi_cspan domain, const pqi_cspan *parts, size_t n_parts, pqi_span sig)
{
    const pqi_p11_element *e = arg;
    sign_arg a = {.id = id_of(e, key, PQI_KEY_SIG), .context_len = domain.len, .sig = sig};
    size_t n = 0;
    memset(sig.ptr, 0, sig.len);
    if (domain.len == 0 || domain.len > sizeof a.context) {
        return PQI_ERR_ARG;
    }
    memcpy(a.context, domain.ptr, domain.len);
    for (size_t i = 0; i < n_parts; i++) {
        n += parts[i].len;
    }
    a.msg = malloc(n + 1);
    if (a.msg == NULL) {
        return PQI_ERR_LIMIT;
    }
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len != 0) {
            memcpy(a.msg + a.msg_len, parts[i].ptr, parts[i].len);
            a.msg_len += parts[i].len;
        }
    }
    pqi_status st = pqi_p11_element_run(e, sign_op, &a);
    if (st != PQI_OK) {
        memset(sig.ptr, 0, sig.len);
    }
    pqi_wipe(a.msg, n + 1);
    free(a.msg);
    return st;
}

typedef struct decaps_arg {
    pqi_p11_key_id id;
    unsigned char *ct;
    unsigned long ct_len;
    unsigned char ss[PQI_KEM_SS];
} decaps_arg;

/* As with ECDH the secret is read out of the token, for keys are derived from it here. */
static pqi_status decaps_op(pqi_p11_call *c, void *arg)
{
    decaps_arg *a = arg;
    const ck_object_class_t class = CKO_SECRET_KEY;
    const ck_key_type_t type = CKK_GENERIC_SECRET;
    const unsigned long want = sizeof a->ss;
    const unsigned char yes = 1, no = 0;
    struct ck_attribute t[] = {
        pqi_p11_attr(CKA_CLASS, &class, sizeof class),
        pqi_p11_attr(CKA_KEY_TYPE, &type, sizeof type),
        pqi_p11_attr(CKA_VALUE_LEN, &want, sizeof want),
        pqi_p11_attr(CKA_TOKEN, &no, 1),
        pqi_p11_attr(CKA_SENSITIVE, &no, 1),
        pqi_p11_attr(CKA_EXTRACTABLE, &yes, 1),
    };
    struct ck_mechanism m = {PQI_CKM_ML_KEM, NULL, 0};
    ck_object_handle_t key = CK_INVALID_HANDLE, secret = CK_INVALID_HANDLE;
    size_t len = sizeof a->ss;
    pqi_status st = pqi_p11_find(c, CKO_PRIVATE_KEY, &a->id, &key);
    if (st == PQI_OK) {
        st = pqi_p11_step(c, "C_DecapsulateKey",
            c->token->module->decapsulate(
                c->session, &m, key, t, sizeof t / sizeof t[0], a->ct, a->ct_len, &secret));
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_p11_get(c, secret, CKA_VALUE, a->ss, &len);
    if (st == PQI_OK && len != sizeof a->ss) {
        st = pqi_p11_step(c, "C_GetAttributeValue", CKR_GENERAL_ERROR);
    }
    ck_rv_t rv = c->f->C_DestroyObject(c->session, secret);
    return st == PQI_OK ? pqi_p11_step(c, "C_DestroyObject", rv) : st;
}

static pqi_status pq_decaps(void *arg, pqi_key key, pqi_cspan ct, uint8_t ss[PQI_KEM_SS])
{
    const pqi_p11_element *e = arg;
    decaps_arg a = {.id = id_of(e, key, PQI_KEY_KEM), .ct_len = ct.len};
    memset(ss, 0, PQI_KEM_SS);
    a.ct = malloc(ct.len + 1); /* the call has no const form */
    if (a.ct == NULL) {
        return PQI_ERR_LIMIT;
    }
    memcpy(a.ct, ct.ptr, ct.len);
    pqi_status st = pqi_p11_element_run(e, decaps_op, &a);
    if (st == PQI_OK) {
        memcpy(ss, a.ss, sizeof a.ss);
    }
    free(a.ct);
    pqi_wipe(&a, sizeof a);
    return st;
}

const pqi_element_pq pqi_p11_pq = {
    .offered = pq_offered,
    .generate = pq_generate,
    .destroy = pq_destroy,
    .public_key = pq_public,
    .sign = pq_sign,
    .decaps = pq_decaps,
};
