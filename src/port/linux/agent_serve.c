/* SPDX-License-Identifier: Apache-2.0
 * One request: access, rate, audit, operation, answer. The order is that of docs/spec/agent.md section 3:
 * nothing is asked of a provider that was not allowed, nothing is given away that was not logged. */
#include "port/linux/agent_server.h"

#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BIT(op) (1u << (op))

/* Uses of keys and changes of state: each has its line in the audit log. */
static const uint32_t logged = BIT(PQI_AGENT_GENERATE) | BIT(PQI_AGENT_DESTROY) |
                               BIT(PQI_AGENT_SIGN) | BIT(PQI_AGENT_DECAPSULATE) |
                               BIT(PQI_AGENT_DH) | BIT(PQI_AGENT_DECRYPT) | BIT(PQI_AGENT_SEAL) |
                               BIT(PQI_AGENT_UNSEAL) | BIT(PQI_AGENT_COUNTER_ADVANCE) |
                               BIT(PQI_AGENT_QUOTE) | BIT(PQI_AGENT_ZEROIZE);

static uint64_t now_ms(void)
{
    struct timespec t = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Bytes of the result that an operation may have. */
static size_t result_room(const pqi_agent_req *q)
{
    switch (q->op) {
    case PQI_AGENT_PUBLIC_KEY:
        return PQI_SIG_MAX_PK + 128u;
    case PQI_AGENT_SIGN:
        return q->n < PQI_SIG_MAX_SIG + 128u ? q->n : PQI_SIG_MAX_SIG + 128u;
    case PQI_AGENT_DECAPSULATE:
    case PQI_AGENT_DH:
        return PQI_KEM_SS;
    case PQI_AGENT_DECRYPT:
        return q->data.len >= PQI_AEAD_TAG ? q->data.len - PQI_AEAD_TAG : 0;
    case PQI_AGENT_RANDOM:
        return q->n <= PQI_AGENT_CHUNK ? q->n : 0;
    case PQI_AGENT_SEAL:
        return q->data.len + PQI_SEAL_OVERHEAD;
    case PQI_AGENT_UNSEAL:
        return q->data.len >= PQI_SEAL_OVERHEAD ? q->data.len - PQI_SEAL_OVERHEAD : 0;
    case PQI_AGENT_QUOTE:
        return PQI_QUOTE_MAX;
    default:
        return 0;
    }
}

/* Head, text and the fixed fields of an answer, then the result. */
#define FIXED_ROOM (64u + PQI_AGENT_TEXT_MAX + PQI_AGENT_NAME_MAX)

size_t pqi_agent_room(const pqi_agent_req *q)
{
    return FIXED_ROOM + result_room(q);
}

/* ---- the operation -------------------------------------------------------------------------------- */

static pqi_status do_decrypt(
    pqi_agent_core *c, pqi_provider *p, const pqi_agent_req *q, pqi_span out)
{
    const pqi_suite *suite = q->n <= UINT16_MAX ? pqi_algs_suite(&c->algs, q->n) : NULL;
    const pqi_box_ctx ctx = {q->salt, q->info, q->pre, q->post};
    return suite == NULL
               ? PQI_ERR_UNSUPPORTED
               : pqi_provider_decrypt(p, q->key, q->key2, suite, &ctx, q->capsule, q->data, out);
}

static pqi_status do_info(pqi_provider *p, const pqi_agent_req *q, pqi_agent_resp *a)
{
    pqi_key_info info;
    pqi_status st = pqi_provider_info(p, q->key, &info);
    if (st == PQI_OK) {
        a->kind = (uint8_t)info.kind;
        a->alg = info.alg;
        a->n = info.caps;
        a->n2 = info.pk_len;
    }
    return st;
}

static bool is_kind(uint8_t kind)
{
    return kind == PQI_KEY_KEM || kind == PQI_KEY_SIG || kind == PQI_KEY_X25519;
}

/* Operations whose result is bytes. out is result_room() long. */
static pqi_status do_bytes(
    pqi_agent_core *c, pqi_provider *p, const pqi_agent_req *q, pqi_span out, size_t *len)
{
    *len = out.len;
    switch (q->op) {
    case PQI_AGENT_PUBLIC_KEY:
        return pqi_provider_public_key(p, q->key, out, len);
    case PQI_AGENT_SIGN:
        return pqi_provider_sign(p, q->key, q->name, &q->data, 1, out, len);
    case PQI_AGENT_DECAPSULATE:
        return pqi_provider_decapsulate(p, q->key, q->data, out.ptr);
    case PQI_AGENT_DH:
        return q->data.len == PQI_X25519_LEN ? pqi_provider_dh(p, q->key, q->data.ptr, out.ptr)
                                             : PQI_ERR_ARG;
    case PQI_AGENT_DECRYPT:
        return do_decrypt(c, p, q, out);
    case PQI_AGENT_RANDOM:
        return q->n <= PQI_AGENT_CHUNK ? pqi_provider_random(p, out) : PQI_ERR_ARG;
    case PQI_AGENT_SEAL:
        return pqi_provider_seal(p, q->name, q->value, q->data, out);
    case PQI_AGENT_UNSEAL:
        return pqi_provider_unseal(p, q->name, q->value, q->data, out);
    default:
        return pqi_provider_quote(p, q->name, q->n, out, len);
    }
}

static pqi_status operate(
    pqi_agent_core *c, pqi_provider *p, const pqi_agent_req *q, pqi_agent_resp *a, pqi_span scratch)
{
    size_t len = 0;
    pqi_status st;
    switch (q->op) {
    case PQI_AGENT_GENERATE:
        return is_kind(q->kind) ? pqi_provider_generate(p, q->key, (pqi_key_kind)q->kind, q->alg)
                                : PQI_ERR_ARG;
    case PQI_AGENT_DESTROY:
        return pqi_provider_destroy(p, q->key);
    case PQI_AGENT_INFO:
        return do_info(p, q, a);
    case PQI_AGENT_COUNTER_GET:
        return pqi_provider_counter_get(p, q->n, &a->value);
    case PQI_AGENT_COUNTER_ADVANCE:
        return pqi_provider_counter_advance(p, q->n, q->value);
    case PQI_AGENT_ALG_CAPS:
        a->n = is_kind(q->kind) ? pqi_provider_alg_caps(p, (pqi_key_kind)q->kind, q->alg) : 0;
        return PQI_OK;
    case PQI_AGENT_ZEROIZE:
        return pqi_provider_zeroize(p);
    default:
        st = do_bytes(c, p, q, scratch, &len);
        a->data = (pqi_cspan){scratch.ptr, st == PQI_OK ? len : 0};
        a->n = st == PQI_ERR_SPACE && len <= UINT32_MAX ? (uint32_t)len : 0;
        return st;
    }
}

/* A driver's text as far as it is plain. */
static void put_native(pqi_provider *p, pqi_agent_resp *a, char text[PQI_AGENT_TEXT_MAX + 1])
{
    const char *t = "";
    a->native = pqi_provider_native_error(p, &t);
    size_t n = strnlen(t, PQI_AGENT_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)(t[i] >= 0x20 && t[i] < 0x7f ? t[i] : '?');
    }
    a->text = (pqi_cspan){(const uint8_t *)text, n};
}

/* ---- one request ---------------------------------------------------------------------------------- */

static void hello(
    pqi_agent_core *c, pqi_agent_session *s, const pqi_agent_req *q, pqi_agent_resp *a)
{
    a->status = PQI_ERR_POLICY; /* of an unknown store as well: nobody learns which there are */
    for (size_t i = 0; i < c->config->n_stores; i++) {
        const pqi_agent_store *store = &c->config->store[i];
        size_t len = strlen(store->name);
        if (q->name.len != len || memcmp(q->name.ptr, store->name, len) != 0) {
            continue;
        }
        (void)pthread_mutex_lock(&c->acl_mutex);
        bool known = pqi_agent_acl_knows(&c->acl, &s->who, store->name);
        (void)pthread_mutex_unlock(&c->acl_mutex);
        if (known) {
            const char *name = pqi_provider_name(store->p);
            s->store = store;
            a->status = PQI_OK;
            a->n = pqi_provider_caps(store->p);
            a->name = (pqi_cspan){(const uint8_t *)name, strnlen(name, PQI_AGENT_NAME_MAX)};
        }
    }
    if (a->status != PQI_OK) {
        const pqi_agent_event e = {"hello", &s->who, NULL, NULL, a->status};
        pqi_agent_audit_refused(&c->audit, &e);
    }
}

/* An allowed request with its line in the log. The result stays here when the line cannot be written. */
static void allowed(pqi_agent_core *c, const pqi_agent_session *s, const pqi_agent_req *q,
    pqi_agent_resp *a, pqi_span scratch, char text[PQI_AGENT_TEXT_MAX + 1])
{
    const bool log = (logged & BIT(q->op)) != 0;
    if (log && pqi_agent_audit_ready(&c->audit) != PQI_OK) {
        static const char full[] = "the audit log cannot be written: keys are not used";
        a->status = PQI_ERR_STORAGE;
        a->text = (pqi_cspan){PQI_LIT(full)};
        return;
    }
    a->status = operate(c, s->store->p, q, a, scratch);
    if (a->status != PQI_OK) {
        put_native(s->store->p, a, text);
    }
    const pqi_agent_event e = {pqi_agent_op_name(q->op), &s->who, s->store->name, q, a->status};
    if (log && pqi_agent_audit_write(&c->audit, &e) != PQI_OK) {
        a->status = PQI_ERR_STORAGE;
    }
}

static pqi_status check(pqi_agent_core *c, const pqi_agent_session *s, const pqi_agent_req *q)
{
    unsigned line = 0;
    (void)pthread_mutex_lock(&c->acl_mutex);
    pqi_status st = pqi_agent_acl_check(&c->acl, &s->who, s->store->name, q, now_ms(), &line);
    (void)pthread_mutex_unlock(&c->acl_mutex);
    if (st != PQI_OK) {
        const pqi_agent_event e = {pqi_agent_op_name(q->op), &s->who, s->store->name, q, st};
        pqi_agent_audit_refused(&c->audit, &e);
    }
    return st;
}

void pqi_agent_serve(
    pqi_agent_core *c, pqi_agent_session *s, const pqi_agent_req *q, pqi_span out, size_t *len)
{
    pqi_agent_resp a = {.op = q->op, .id = q->id};
    char text[PQI_AGENT_TEXT_MAX + 1] = "";
    const pqi_span scratch = {malloc(result_room(q) + 1), result_room(q)};
    *len = 0;
    if (scratch.ptr == NULL) {
        return;
    }
    if (q->op == PQI_AGENT_HELLO && s->store == NULL) {
        hello(c, s, q, &a);
    } else if (q->op == PQI_AGENT_HELLO || s->store == NULL) {
        a.status = PQI_ERR_STATE;
    } else {
        a.status = check(c, s, q);
        if (a.status == PQI_OK) {
            allowed(c, s, q, &a, scratch, text);
        }
    }
    if (pqi_agent_resp_write(&a, out, len) != PQI_OK) {
        *len = 0;
    }
    pqi_wipe(scratch.ptr, scratch.len);
    free(scratch.ptr);
}
