/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11.h"
#include "port/linux/why.h"

#include <string.h>

#define BATCH 8u

pqi_p11_key_id pqi_p11_key_id_of(const uint8_t id[PQI_P11_ID], pqi_key key, unsigned kind)
{
    pqi_p11_key_id out;
    memcpy(out.b, id, PQI_P11_ID);
    for (unsigned i = 0; i < 4; i++) {
        out.b[PQI_P11_ID + i] = (unsigned char)(key >> (24u - 8u * i));
    }
    out.b[PQI_P11_ID + 4] = (unsigned char)kind;
    return out;
}

/* The structure has no const form; PKCS#11 does not write through a template that it reads. */
struct ck_attribute pqi_p11_attr(ck_attribute_type_t type, const void *value, size_t len)
{
    struct ck_attribute a = {.type = type, .value_len = len};
    memcpy(&a.value, &value, sizeof a.value);
    return a;
}

/* Up to `room` objects; *n is how many. */
static pqi_status search(pqi_p11_call *c, ck_object_class_t class, const pqi_p11_key_id *id,
    ck_object_handle_t *out, unsigned long room, unsigned long *n)
{
    const unsigned char yes = 1;
    struct ck_attribute t[] = {
        pqi_p11_attr(CKA_CLASS, &class, sizeof class),
        pqi_p11_attr(CKA_ID, id->b, sizeof id->b),
        pqi_p11_attr(CKA_TOKEN, &yes, sizeof yes),
    };
    *n = 0;
    pqi_status st = pqi_p11_step(c, "C_FindObjectsInit", c->f->C_FindObjectsInit(c->session, t, 3));
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_p11_step(c, "C_FindObjects", c->f->C_FindObjects(c->session, out, room, n));
    pqi_status end = pqi_p11_step(c, "C_FindObjectsFinal", c->f->C_FindObjectsFinal(c->session));
    if (st == PQI_OK && *n > room) {
        st = pqi_p11_step(c, "C_FindObjects", CKR_GENERAL_ERROR);
    }
    return st == PQI_OK ? end : st;
}

pqi_status pqi_p11_find(
    pqi_p11_call *c, ck_object_class_t class, const pqi_p11_key_id *id, ck_object_handle_t *out)
{
    ck_object_handle_t found[2];
    unsigned long n;
    pqi_status st = search(c, class, id, found, 2, &n);
    if (st != PQI_OK) {
        return st;
    }
    if (n == 0) {
        return PQI_ERR_MISSING;
    }
    if (n > 1) {
        return pqi_why(PQI_ERR_PROVIDER,
            "the token has two objects under one id of ours: somebody has put one there");
    }
    *out = found[0];
    return PQI_OK;
}

pqi_status pqi_p11_remove(pqi_p11_call *c, ck_object_class_t class, const pqi_p11_key_id *id)
{
    ck_object_handle_t found[BATCH];
    unsigned long n = BATCH;
    for (unsigned round = 0; round < BATCH && n == BATCH; round++) {
        pqi_status st = search(c, class, id, found, BATCH, &n);
        for (unsigned long i = 0; i < n && st == PQI_OK; i++) {
            st = pqi_p11_step(c, "C_DestroyObject", c->f->C_DestroyObject(c->session, found[i]));
        }
        if (st != PQI_OK) {
            return st;
        }
    }
    return PQI_OK;
}

pqi_status pqi_p11_get(
    pqi_p11_call *c, ck_object_handle_t object, ck_attribute_type_t type, void *out, size_t *len)
{
    struct ck_attribute a = {.type = type, .value = out, .value_len = *len};
    pqi_status st = pqi_p11_step(
        c, "C_GetAttributeValue", c->f->C_GetAttributeValue(c->session, object, &a, 1));
    if (st == PQI_OK && a.value_len > *len) { /* CK_UNAVAILABLE_INFORMATION is the largest number */
        st = pqi_p11_step(c, "C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID);
    }
    *len = st == PQI_OK ? a.value_len : 0;
    return st;
}

pqi_status pqi_p11_stays(pqi_p11_call *c, ck_object_handle_t object)
{
    static const struct {
        ck_attribute_type_t type;
        unsigned char want;
        const char *name;
    } must[] = {
        {CKA_SENSITIVE, 1, "CKA_SENSITIVE is false"},
        {CKA_EXTRACTABLE, 0, "CKA_EXTRACTABLE is true"},
        {CKA_ALWAYS_SENSITIVE, 1, "CKA_ALWAYS_SENSITIVE is false"},
        {CKA_NEVER_EXTRACTABLE, 1, "CKA_NEVER_EXTRACTABLE is false"},
        {CKA_LOCAL, 1, "CKA_LOCAL is false"},
    };
    for (size_t i = 0; i < sizeof must / sizeof must[0]; i++) {
        unsigned char is = 2;
        size_t len = sizeof is;
        pqi_status st = pqi_p11_get(c, object, must[i].type, &is, &len);
        if (st != PQI_OK) {
            return st;
        }
        if (len != 1 || is != must[i].want) {
            return pqi_why(PQI_ERR_PROVIDER,
                "the token does not promise that its key stays inside (%s): use another token",
                must[i].name);
        }
    }
    return PQI_OK;
}

bool pqi_p11_has(const pqi_p11_token *t, ck_mechanism_type_t m, ck_flags_t uses)
{
    struct ck_mechanism_info info = {0, 0, 0};
    return t->module->f->C_GetMechanismInfo(t->slot, m, &info) == CKR_OK &&
           (info.flags & uses) == uses;
}
