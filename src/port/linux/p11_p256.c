/* SPDX-License-Identifier: Apache-2.0
 * P-256 keys in a token. A key signs or agrees, never both. */
#include "port/linux/ossl_p256.h"
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <pqi/host.h>
#include <pqi/wipe.h>

#include <string.h>

#define POINT  65u
#define DIGEST 32u

/* DER of the object identifier 1.2.840.10045.3.1.7 (RFC 5480 section 2.1.1.1) */
static const unsigned char secp256r1[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static pqi_p11_key_id id_of(const pqi_p11_element *e, pqi_key key, pqi_key_kind kind)
{
    return pqi_p11_key_id_of(e->id, key, (unsigned)kind);
}

/* ---- birth and end ------------------------------------------------------------------------------ */

typedef struct key_arg {
    pqi_p11_key_id id;
    bool sign;
} key_arg;

/* The private object first: a public one without it is noticed by nobody and replaced. */
static pqi_status remove_pair(pqi_p11_call *c, const pqi_p11_key_id *id)
{
    pqi_status st = pqi_p11_remove(c, CKO_PRIVATE_KEY, id);
    return st == PQI_OK ? pqi_p11_remove(c, CKO_PUBLIC_KEY, id) : st;
}

static pqi_status generate_pair(pqi_p11_call *c, const key_arg *a, ck_object_handle_t *private)
{
    static const char label[] = "pqi P-256 key";
    const ck_key_type_t type = CKK_EC;
    const unsigned char yes = 1, no = 0, sign = a->sign ? 1 : 0, derive = a->sign ? 0 : 1;
    struct ck_attribute pub[] = {
        pqi_p11_attr(CKA_EC_PARAMS, secp256r1, sizeof secp256r1),
        pqi_p11_attr(CKA_KEY_TYPE, &type, sizeof type),
        pqi_p11_attr(CKA_TOKEN, &yes, 1),
        pqi_p11_attr(CKA_PRIVATE, &no, 1),
        pqi_p11_attr(CKA_MODIFIABLE, &no, 1),
        pqi_p11_attr(CKA_VERIFY, &sign, 1),
        pqi_p11_attr(CKA_ENCRYPT, &no, 1),
        pqi_p11_attr(CKA_WRAP, &no, 1),
        pqi_p11_attr(CKA_LABEL, label, sizeof label - 1),
        pqi_p11_attr(CKA_ID, a->id.b, sizeof a->id.b),
    };
    struct ck_attribute priv[] = {
        pqi_p11_attr(CKA_KEY_TYPE, &type, sizeof type),
        pqi_p11_attr(CKA_TOKEN, &yes, 1),
        pqi_p11_attr(CKA_PRIVATE, &yes, 1),
        pqi_p11_attr(CKA_SENSITIVE, &yes, 1),
        pqi_p11_attr(CKA_EXTRACTABLE, &no, 1),
        pqi_p11_attr(CKA_MODIFIABLE, &no, 1),
        pqi_p11_attr(CKA_SIGN, &sign, 1),
        pqi_p11_attr(CKA_DERIVE, &derive, 1),
        pqi_p11_attr(CKA_DECRYPT, &no, 1), /* what is not named may be on */
        pqi_p11_attr(CKA_UNWRAP, &no, 1),
        pqi_p11_attr(CKA_LABEL, label, sizeof label - 1),
        pqi_p11_attr(CKA_ID, a->id.b, sizeof a->id.b),
    };
    struct ck_mechanism m = {CKM_ECDSA_KEY_PAIR_GEN, NULL, 0};
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

pqi_status pqi_p11_p256_generate(void *arg, pqi_key key, pqi_key_kind kind)
{
    const pqi_p11_element *e = arg;
    if (kind != PQI_KEY_SIG && kind != PQI_KEY_KEM) {
        return PQI_ERR_ARG;
    }
    key_arg a = {id_of(e, key, kind), kind == PQI_KEY_SIG};
    return pqi_p11_element_run(e, generate_op, &a);
}

static pqi_status destroy_op(pqi_p11_call *c, void *arg)
{
    const pqi_p11_key_id *ids = arg;
    pqi_status st = remove_pair(c, &ids[0]);
    return st == PQI_OK ? remove_pair(c, &ids[1]) : st;
}

pqi_status pqi_p11_p256_destroy(void *arg, pqi_key key)
{
    const pqi_p11_element *e = arg;
    pqi_p11_key_id ids[] = {id_of(e, key, PQI_KEY_SIG), id_of(e, key, PQI_KEY_KEM)};
    return pqi_p11_element_run(e, destroy_op, ids);
}

/* ---- signature ---------------------------------------------------------------------------------- */

typedef struct sign_arg {
    pqi_p11_key_id id;
    ck_mechanism_type_t mechanism;
    unsigned char in[PQI_ELEMENT_MSG_MAX], sig[64];
    unsigned long len;
} sign_arg;

static pqi_status sign_op(pqi_p11_call *c, void *arg)
{
    sign_arg *a = arg;
    struct ck_mechanism m = {a->mechanism, NULL, 0};
    ck_object_handle_t key = CK_INVALID_HANDLE;
    unsigned long n = sizeof a->sig;
    pqi_status st = pqi_p11_find(c, CKO_PRIVATE_KEY, &a->id, &key);
    if (st == PQI_OK) {
        st = pqi_p11_step(c, "C_SignInit", c->f->C_SignInit(c->session, &m, key));
    }
    if (st == PQI_OK) {
        st = pqi_p11_step(c, "C_Sign", c->f->C_Sign(c->session, a->in, a->len, a->sig, &n));
    }
    return st == PQI_OK && n != sizeof a->sig ? pqi_p11_step(c, "C_Sign", CKR_GENERAL_ERROR) : st;
}

pqi_status pqi_p11_p256_sign(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64])
{
    const pqi_p11_element *e = arg;
    sign_arg a;
    memset(&a, 0, sizeof a);
    memset(sig, 0, 64);
    if (msg.len == 0 || msg.len > PQI_ELEMENT_MSG_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_status st = PQI_OK;
    a.id = id_of(e, key, PQI_KEY_SIG);
    a.mechanism = e->ecdsa ? CKM_ECDSA : CKM_ECDSA_SHA256;
    if (e->ecdsa) {
        st = pqi_classic_openssl.hash(PQI_HASH_SHA256, &msg, 1, a.in);
        a.len = DIGEST;
    } else {
        memcpy(a.in, msg.ptr, msg.len);
        a.len = msg.len;
    }
    if (st == PQI_OK) {
        st = pqi_p11_element_run(e, sign_op, &a);
    }
    if (st == PQI_OK) {
        memcpy(sig, a.sig, sizeof a.sig);
    }
    return st;
}

/* ---- agreement ---------------------------------------------------------------------------------- */

typedef struct dh_arg {
    pqi_p11_key_id id;
    unsigned char peer[POINT], ss[32];
} dh_arg;

/* The result has to be combined with that of the post-quantum half, so it leaves the token: as an object
 * of this session, which is destroyed at once. */
static pqi_status derive(
    pqi_p11_call *c, ck_object_handle_t key, dh_arg *a, ck_object_handle_t *out)
{
    const ck_object_class_t class = CKO_SECRET_KEY;
    const ck_key_type_t type = CKK_GENERIC_SECRET;
    const unsigned long len = sizeof a->ss;
    const unsigned char yes = 1, no = 0;
    struct ck_attribute t[] = {
        pqi_p11_attr(CKA_CLASS, &class, sizeof class),
        pqi_p11_attr(CKA_KEY_TYPE, &type, sizeof type),
        pqi_p11_attr(CKA_VALUE_LEN, &len, sizeof len),
        pqi_p11_attr(CKA_TOKEN, &no, 1),
        pqi_p11_attr(CKA_PRIVATE, &yes, 1),
        pqi_p11_attr(CKA_SENSITIVE, &no, 1),
        pqi_p11_attr(CKA_EXTRACTABLE, &yes, 1),
    };
    struct ck_ecdh1_derive_params p = {
        .kdf = CKD_NULL, .public_data_len = POINT, .public_data = a->peer};
    struct ck_mechanism m = {CKM_ECDH1_DERIVE, &p, sizeof p};
    return pqi_p11_step(
        c, "C_DeriveKey", c->f->C_DeriveKey(c->session, &m, key, t, sizeof t / sizeof t[0], out));
}

static pqi_status agree(pqi_p11_call *c, ck_object_handle_t key, dh_arg *a)
{
    ck_object_handle_t secret = CK_INVALID_HANDLE;
    size_t len = sizeof a->ss;
    pqi_status st = derive(c, key, a, &secret);
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

static pqi_status dh_op(pqi_p11_call *c, void *arg)
{
    dh_arg *a = arg;
    ck_object_handle_t key = CK_INVALID_HANDLE;
    pqi_status st = pqi_p11_find(c, CKO_PRIVATE_KEY, &a->id, &key);
    return st == PQI_OK ? agree(c, key, a) : st;
}

pqi_status pqi_p11_p256_dh(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32])
{
    const pqi_p11_element *e = arg;
    dh_arg a;
    memset(ss, 0, 32);
    /* an invalid point would make the token answer with what tells bits of its key */
    pqi_status st = pqi_ossl_p256_check(peer);
    if (st != PQI_OK) {
        return st;
    }
    a.id = id_of(e, key, PQI_KEY_KEM);
    memcpy(a.peer, peer, POINT);
    st = pqi_p11_element_run(e, dh_op, &a);
    if (st == PQI_OK) {
        memcpy(ss, a.ss, sizeof a.ss);
    }
    pqi_wipe(&a, sizeof a);
    return st;
}

/* ---- public key --------------------------------------------------------------------------------- */

typedef struct public_arg {
    pqi_p11_key_id ids[2];
    unsigned char point[POINT];
} public_arg;

/* CKA_EC_POINT is a DER OCTET STRING (PKCS#11 3.2 section 6.3.3); some tokens give the bare point. */
static bool take_point(const unsigned char *in, size_t len, unsigned char out[POINT])
{
    if (len == POINT + 2 && in[0] == 0x04 && in[1] == POINT) {
        in += 2;
        len -= 2;
    }
    if (len != POINT || in[0] != 0x04) {
        return false;
    }
    memcpy(out, in, POINT);
    return true;
}

/* The base point agrees with the private key on the x coordinate of the public key: SP 800-186
 * section 3.2.1.3 has the point. A public object needs no PIN, so anybody may have put his own there, and
 * what is encrypted to it would be for him. That of a key that signs is found out by its signatures. */
static pqi_status is_its_own(
    pqi_p11_call *c, ck_object_handle_t private, const unsigned char point[POINT])
{
    static const unsigned char base[POINT] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47,
        0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33,
        0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
        0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b,
        0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
    dh_arg a;
    memcpy(a.peer, base, sizeof base);
    pqi_status st = agree(c, private, &a);
    if (st == PQI_OK && memcmp(a.ss, point + 1, sizeof a.ss) != 0) {
        st = pqi_why(PQI_ERR_PROVIDER, "the public key in the token is not that of our private "
                                       "key: somebody has put it there");
    }
    return st;
}

static pqi_status public_op(pqi_p11_call *c, void *arg)
{
    public_arg *a = arg;
    ck_object_handle_t private = CK_INVALID_HANDLE, public = CK_INVALID_HANDLE;
    unsigned char der[POINT + 8];
    size_t len = sizeof der;
    /* of one kind or the other: there is at most one, for the handle names the whole key; and a public
     * object whose private half is gone is no key */
    const pqi_p11_key_id *id = &a->ids[0];
    pqi_status st = pqi_p11_find(c, CKO_PRIVATE_KEY, id, &private);
    if (st == PQI_ERR_MISSING) {
        id = &a->ids[1];
        st = pqi_p11_find(c, CKO_PRIVATE_KEY, id, &private);
    }
    if (st == PQI_OK) {
        st = pqi_p11_find(c, CKO_PUBLIC_KEY, id, &public);
    }
    if (st == PQI_OK) {
        st = pqi_p11_get(c, public, CKA_EC_POINT, der, &len);
    }
    if (st == PQI_OK &&
        (!take_point(der, len, a->point) || pqi_ossl_p256_check(a->point) != PQI_OK)) {
        st = pqi_why(PQI_ERR_PROVIDER, "the token gives a public key that is no point of P-256");
    }
    return st == PQI_OK && id == &a->ids[1] ? is_its_own(c, private, a->point) : st;
}

pqi_status pqi_p11_p256_public(void *arg, pqi_key key, uint8_t pk[65])
{
    const pqi_p11_element *e = arg;
    public_arg a = {{id_of(e, key, PQI_KEY_SIG), id_of(e, key, PQI_KEY_KEM)}, {0}};
    pqi_status st = pqi_p11_element_run(e, public_op, &a);
    memset(pk, 0, POINT);
    if (st == PQI_OK) {
        memcpy(pk, a.point, POINT);
    }
    return st;
}

/* ---- random bytes ------------------------------------------------------------------------------- */

static pqi_status random_op(pqi_p11_call *c, void *arg)
{
    const pqi_span *out = arg;
    return pqi_p11_step(
        c, "C_GenerateRandom", c->f->C_GenerateRandom(c->session, out->ptr, out->len));
}

pqi_status pqi_p11_random(void *arg, pqi_span out)
{
    pqi_status st = pqi_p11_element_run(arg, random_op, &out);
    if (st != PQI_OK && out.len != 0) {
        memset(out.ptr, 0, out.len);
    }
    return st == PQI_OK ? PQI_OK : PQI_ERR_RNG;
}
