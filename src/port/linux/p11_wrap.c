/* SPDX-License-Identifier: Apache-2.0
 * The AES-256 key in the token that wraps the provider's key-encryption key (KEK).
 *
 * Blob: "PQ11" | version 1 | id of the provider 16 | IV 12 | AES-256-GCM(KEK 32) | tag 16, with
 * "PQI4 p11 kek" and everything before the IV as associated data. By C_Encrypt, for tokens do not
 * offer C_WrapKey with GCM; the IV is random, and one key encrypts a few blobs in its life. */
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <pqi/host.h>
#include <pqi/wipe.h>

#include <string.h>

#define VERSION  1u
#define HEAD_LEN (4u + 1u + PQI_P11_ID)
#define IV_LEN   12u
#define TAG_LEN  16u
#define BODY_LEN (PQI_ELEMENT_KEK + TAG_LEN)
#define BLOB_LEN (HEAD_LEN + IV_LEN + BODY_LEN)
#define WRAP_KEY ((unsigned)'W') /* kind in CKA_ID */

static const char aad_label[] = "PQI4 p11 kek";
#define LABEL_LEN (sizeof aad_label - 1)

static pqi_p11_key_id wrap_id(const pqi_p11_element *e)
{
    return pqi_p11_key_id_of(e->id, 0, WRAP_KEY);
}

/* ---- the key ------------------------------------------------------------------------------------ */

typedef struct open_arg {
    pqi_p11_key_id id;
    bool create;
} open_arg;

static pqi_status make_key(pqi_p11_call *c, const pqi_p11_key_id *id, ck_object_handle_t *out)
{
    static const char label[] = "pqi wrapping key";
    const ck_object_class_t class = CKO_SECRET_KEY;
    const ck_key_type_t type = CKK_AES;
    const unsigned long len = 32;
    const unsigned char yes = 1, no = 0;
    struct ck_attribute t[] = {
        pqi_p11_attr(CKA_CLASS, &class, sizeof class),
        pqi_p11_attr(CKA_KEY_TYPE, &type, sizeof type),
        pqi_p11_attr(CKA_VALUE_LEN, &len, sizeof len),
        pqi_p11_attr(CKA_TOKEN, &yes, 1),
        pqi_p11_attr(CKA_PRIVATE, &yes, 1),
        pqi_p11_attr(CKA_SENSITIVE, &yes, 1),
        pqi_p11_attr(CKA_EXTRACTABLE, &no, 1),
        pqi_p11_attr(CKA_MODIFIABLE, &no, 1),
        pqi_p11_attr(CKA_ENCRYPT, &yes, 1),
        pqi_p11_attr(CKA_DECRYPT, &yes, 1),
        pqi_p11_attr(CKA_WRAP, &no, 1),
        pqi_p11_attr(CKA_UNWRAP, &no, 1),
        pqi_p11_attr(CKA_SIGN, &no, 1),
        pqi_p11_attr(CKA_VERIFY, &no, 1),
        pqi_p11_attr(CKA_DERIVE, &no, 1),
        pqi_p11_attr(CKA_LABEL, label, sizeof label - 1),
        pqi_p11_attr(CKA_ID, id->b, sizeof id->b),
    };
    struct ck_mechanism m = {CKM_AES_KEY_GEN, NULL, 0};
    return pqi_p11_step(
        c, "C_GenerateKey", c->f->C_GenerateKey(c->session, &m, t, sizeof t / sizeof t[0], out));
}

static pqi_status open_op(pqi_p11_call *c, void *arg)
{
    const open_arg *a = arg;
    ck_object_handle_t key = CK_INVALID_HANDLE;
    pqi_status st = pqi_p11_find(c, CKO_SECRET_KEY, &a->id, &key);
    if (st == PQI_ERR_MISSING && a->create) {
        st = make_key(c, &a->id, &key);
    }
    return st == PQI_OK ? pqi_p11_stays(c, key) : st;
}

pqi_status pqi_p11_wrap_open(const pqi_p11_element *e, bool create)
{
    open_arg a = {wrap_id(e), create};
    pqi_status st = pqi_p11_element_run(e, open_op, &a);
    return st == PQI_ERR_MISSING
               ? pqi_why(st,
                     "the token holds no key of this directory: it is another token, or was "
                     "initialised since")
               : st;
}

/* ---- encryption --------------------------------------------------------------------------------- */

typedef struct gcm_arg {
    pqi_p11_key_id id;
    unsigned char aad[LABEL_LEN + HEAD_LEN], iv[IV_LEN];
    unsigned char in[BODY_LEN], out[BODY_LEN];
    bool encrypt;
} gcm_arg;

static pqi_status gcm_step(pqi_p11_call *c, ck_object_handle_t key, gcm_arg *a, bool encrypt)
{
    struct ck_gcm_params p = {.iv_ptr = a->iv,
        .iv_len = IV_LEN,
        .iv_bits = 8 * IV_LEN,
        .aad_ptr = a->aad,
        .aad_len = sizeof a->aad,
        .tag_bits = 8 * TAG_LEN};
    struct ck_mechanism m = {CKM_AES_GCM, &p, sizeof p};
    const unsigned long want = encrypt ? BODY_LEN : PQI_ELEMENT_KEK;
    unsigned long n = sizeof a->out;
    const char *step = encrypt ? "C_EncryptInit" : "C_DecryptInit";
    pqi_status st = pqi_p11_step(c, step,
        encrypt ? c->f->C_EncryptInit(c->session, &m, key)
                : c->f->C_DecryptInit(c->session, &m, key));
    if (st != PQI_OK) {
        return st;
    }
    step = encrypt ? "C_Encrypt" : "C_Decrypt";
    st = pqi_p11_step(c, step,
        encrypt ? c->f->C_Encrypt(c->session, a->in, PQI_ELEMENT_KEK, a->out, &n)
                : c->f->C_Decrypt(c->session, a->in, BODY_LEN, a->out, &n));
    return st == PQI_OK && n != want ? pqi_p11_step(c, step, CKR_GENERAL_ERROR) : st;
}

/* Not every module tells altered bytes from a fault of its own (SoftHSM: CKR_GENERAL_ERROR). When the
 * key still opens what it closes, it is the bytes. */
static pqi_status whose_fault(pqi_p11_call *c, ck_object_handle_t key, pqi_status st)
{
    gcm_arg probe;
    const pqi_p11_call was = *c;
    memset(&probe, 0, sizeof probe);
    if (pqi_classic_openssl.random(probe.iv, sizeof probe.iv) != PQI_OK ||
        gcm_step(c, key, &probe, true) != PQI_OK) {
        return st;
    }
    memcpy(probe.in, probe.out, sizeof probe.in);
    if (gcm_step(c, key, &probe, false) != PQI_OK) {
        return st;
    }
    *c = was;
    return PQI_ERR_STORAGE;
}

static pqi_status gcm_op(pqi_p11_call *c, void *arg)
{
    gcm_arg *a = arg;
    ck_object_handle_t key = CK_INVALID_HANDLE;
    pqi_status st = pqi_p11_find(c, CKO_SECRET_KEY, &a->id, &key);
    if (st == PQI_OK) {
        st = gcm_step(c, key, a, a->encrypt);
    }
    if (st != PQI_OK && !a->encrypt && strcmp(c->step != NULL ? c->step : "", "C_Decrypt") == 0 &&
        !pqi_p11_rv_is_lost(c->rv)) {
        st = whose_fault(c, key, st);
    }
    return st;
}

static void set_aad(gcm_arg *a, const uint8_t *head)
{
    memcpy(a->aad, aad_label, LABEL_LEN);
    memcpy(a->aad + LABEL_LEN, head, HEAD_LEN);
}

pqi_status pqi_p11_wrap(
    pqi_host_element *h, const uint8_t kek[PQI_ELEMENT_KEK], pqi_span blob, size_t *len)
{
    const pqi_p11_element *e = (const pqi_p11_element *)(const void *)h;
    gcm_arg a;
    *len = BLOB_LEN;
    if (blob.len < BLOB_LEN) {
        return PQI_ERR_SPACE;
    }
    memset(&a, 0, sizeof a);
    memset(blob.ptr, 0, BLOB_LEN);
    memcpy(blob.ptr, "PQ11", 4);
    blob.ptr[4] = VERSION;
    memcpy(blob.ptr + 5, e->id, PQI_P11_ID);
    set_aad(&a, blob.ptr);
    a.id = wrap_id(e);
    a.encrypt = true;
    memcpy(a.in, kek, PQI_ELEMENT_KEK);
    pqi_status st = pqi_classic_openssl.random(a.iv, sizeof a.iv);
    if (st == PQI_OK) {
        st = pqi_p11_element_run(e, gcm_op, &a);
    }
    if (st == PQI_OK) {
        memcpy(blob.ptr + HEAD_LEN, a.iv, IV_LEN);
        memcpy(blob.ptr + HEAD_LEN + IV_LEN, a.out, BODY_LEN);
    } else {
        memset(blob.ptr, 0, BLOB_LEN);
        *len = 0;
    }
    pqi_wipe(&a, sizeof a);
    return st;
}

pqi_status pqi_p11_unwrap(pqi_host_element *h, pqi_cspan blob, uint8_t kek[PQI_ELEMENT_KEK])
{
    const pqi_p11_element *e = (const pqi_p11_element *)(const void *)h;
    gcm_arg a;
    memset(kek, 0, PQI_ELEMENT_KEK);
    if (blob.len != BLOB_LEN || memcmp(blob.ptr, "PQ11", 4) != 0 || blob.ptr[4] != VERSION) {
        return pqi_why(PQI_ERR_STORAGE, "the wrapped key of this directory is damaged");
    }
    if (memcmp(blob.ptr + 5, e->id, PQI_P11_ID) != 0) {
        return pqi_why(PQI_ERR_STORAGE, "p11.id and the wrapped key are of two directories");
    }
    memset(&a, 0, sizeof a);
    set_aad(&a, blob.ptr);
    a.id = wrap_id(e);
    memcpy(a.iv, blob.ptr + HEAD_LEN, IV_LEN);
    memcpy(a.in, blob.ptr + HEAD_LEN + IV_LEN, BODY_LEN);
    pqi_status st = pqi_p11_element_run(e, gcm_op, &a);
    if (st == PQI_OK) {
        memcpy(kek, a.out, PQI_ELEMENT_KEK);
    } else if (st == PQI_ERR_STORAGE) {
        (void)pqi_why(st, "the wrapped key of this directory was altered, or is of another token");
    }
    pqi_wipe(&a, sizeof a);
    return st;
}
