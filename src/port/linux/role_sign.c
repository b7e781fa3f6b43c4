/* SPDX-License-Identifier: Apache-2.0
 * Objects that several role directories sign together. */
#include <pqi/host_role.h>

#include "port/linux/why.h"

#include <stdlib.h>
#include <string.h>

typedef struct revocation_part {
    const pqi_revocations *head;
    const pqi_revoked *entries;
    size_t count;
} revocation_part;

/* Signs the object with one key into out. */
typedef pqi_status (*build)(
    const pqi_host_role *r, const void *object, pqi_span out, size_t *out_len);

static pqi_status build_root(const pqi_host_role *r, const void *object, pqi_span out, size_t *len)
{
    const pqi_key key = pqi_host_role_key(r);
    return pqi_manifest_build(
        pqi_host_role_algs(r), pqi_host_role_provider(r), object, &key, 1, out, len);
}

static pqi_status build_policy(
    const pqi_host_role *r, const void *object, pqi_span out, size_t *len)
{
    const pqi_key key = pqi_host_role_key(r);
    return pqi_policy_build(
        pqi_host_role_algs(r), pqi_host_role_provider(r), object, &key, 1, out, len);
}

static pqi_status build_attest(
    const pqi_host_role *r, const void *object, pqi_span out, size_t *len)
{
    const pqi_key key = pqi_host_role_key(r);
    return pqi_attest_policy_build(
        pqi_host_role_algs(r), pqi_host_role_provider(r), object, &key, 1, out, len);
}

static pqi_status build_revocations(
    const pqi_host_role *r, const void *object, pqi_span out, size_t *len)
{
    const pqi_key key = pqi_host_role_key(r);
    const revocation_part *p = object;
    return pqi_revocations_build(pqi_host_role_algs(r), pqi_host_role_provider(r), &key, 1, p->head,
        p->entries, p->count, out, len);
}

/* The signed object so far, the next signature, and both together. */
typedef struct work {
    pqi_span so_far, one, both;
    size_t len; /* of so_far */
} work;

static pqi_status add(work *w, const pqi_host_role *r, build make, const void *object)
{
    size_t one = 0, both = 0;
    pqi_status st = make(r, object, w->one, &one);
    if (st != PQI_OK) {
        return pqi_why(st, "cannot sign with the %s key: %s",
            pqi_role_name(pqi_host_role_info(r)->role), pqi_status_text(st));
    }
    if (w->len == 0) {
        memcpy(w->so_far.ptr, w->one.ptr, one);
        w->len = one;
        return PQI_OK;
    }
    const pqi_cspan x = {w->so_far.ptr, w->len}, y = {w->one.ptr, one};
    st = pqi_cose_merge(x, y, w->both, &both);
    if (st == PQI_ERR_AUTH) {
        return pqi_why(st, "others signed something else: the contents differ");
    }
    if (st != PQI_OK) {
        return pqi_why(st, "cannot put the signatures together: %s", pqi_status_text(st));
    }
    const pqi_span t = w->so_far;
    w->so_far = w->both;
    w->both = t;
    w->len = both;
    return PQI_OK;
}

static pqi_status sign_all(pqi_host_role *const *roles, size_t n, build make, const void *object,
    pqi_cspan before, pqi_span out, size_t *out_len)
{
    *out_len = 0;
    size_t room = out.len + before.len + 1u;
    uint8_t *mem = malloc(3u * room);
    if (mem == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    work w = {{mem, room}, {mem + room, room}, {mem + 2u * room, room}, before.len};
    if (before.len != 0) {
        memcpy(mem, before.ptr, before.len);
    }
    pqi_status st = PQI_OK;
    for (size_t i = 0; i < n && st == PQI_OK; i++) {
        st = add(&w, roles[i], make, object);
    }
    if (st == PQI_OK && w.len > out.len) {
        st = pqi_why(PQI_ERR_SPACE, "the signed object is larger than its kind may be");
    }
    if (st == PQI_OK) {
        memcpy(out.ptr, w.so_far.ptr, w.len);
        *out_len = w.len;
    }
    free(mem);
    return st;
}

static pqi_status check_args(
    pqi_host_role *const *roles, size_t n, const void *object, pqi_span out, const size_t *out_len)
{
    pqi_why_clear();
    return roles == NULL || n == 0 || object == NULL || out.ptr == NULL || out_len == NULL
               ? pqi_why(PQI_ERR_ARG, "an object and a key that signs it are needed")
               : PQI_OK;
}

pqi_status pqi_host_roles_sign_root(pqi_host_role *const *roles, size_t n,
    const pqi_manifest_spec *spec, pqi_cspan before, pqi_span out, size_t *out_len)
{
    pqi_status st = check_args(roles, n, spec, out, out_len);
    return st == PQI_OK ? sign_all(roles, n, build_root, spec, before, out, out_len) : st;
}

pqi_status pqi_host_roles_sign_policy(pqi_host_role *const *roles, size_t n,
    const pqi_policy *fields, pqi_cspan before, pqi_span out, size_t *out_len)
{
    pqi_status st = check_args(roles, n, fields, out, out_len);
    return st == PQI_OK ? sign_all(roles, n, build_policy, fields, before, out, out_len) : st;
}

pqi_status pqi_host_roles_sign_attest(pqi_host_role *const *roles, size_t n,
    const pqi_attest_policy *fields, pqi_cspan before, pqi_span out, size_t *out_len)
{
    pqi_status st = check_args(roles, n, fields, out, out_len);
    return st == PQI_OK ? sign_all(roles, n, build_attest, fields, before, out, out_len) : st;
}

pqi_status pqi_host_roles_sign_revocations(pqi_host_role *const *roles, size_t n,
    const pqi_revocations *head, const pqi_revoked *entries, size_t count, pqi_cspan before,
    pqi_span out, size_t *out_len)
{
    const revocation_part part = {head, entries, count};
    pqi_status st = check_args(roles, n, head, out, out_len);
    return st == PQI_OK ? sign_all(roles, n, build_revocations, &part, before, out, out_len) : st;
}
