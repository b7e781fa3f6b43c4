/* SPDX-License-Identifier: Apache-2.0
 * The provider whose keys are in a key agent: every operation is one request. docs/providers.md section
 * 3.4, docs/spec/agent.md. It keeps no key and no copy of what it passed on. */
#include "port/linux/agent_conn.h"
#include "port/linux/element.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct agent {
    pqi_provider base;
    pqi_provider_ops ops; /* caps and name are those of the store */
    pqi_agent_pool pool;
    pid_t pid; /* the process that opened it */
    char name[PQI_AGENT_NAME_MAX + 16];
} agent;

/* Of this thread's last call. */
static _Thread_local struct {
    const pqi_provider *of;
    uint32_t code;
    char text[PQI_AGENT_TEXT_MAX + 1];
} native;

static agent *agent_of(pqi_provider *p)
{
    return (agent *)(void *)p;
}

static void note_errno(const pqi_provider *p, int e)
{
    const char *t = e != 0 ? strerrordesc_np(e) : "";
    native.of = p;
    native.code = (uint32_t)e;
    (void)snprintf(native.text, sizeof native.text, "%s%s", e != 0 ? "key agent: " : "",
        t != NULL ? t : "unknown error");
    if (e == 0) {
        native.text[0] = '\0';
    }
}

static void note_answer(const pqi_provider *p, const pqi_agent_resp *a)
{
    native.of = p;
    native.code = a->native;
    if (a->text.len != 0) {
        memcpy(native.text, a->text.ptr, a->text.len);
    }
    native.text[a->text.len] = '\0';
}

/* One request. On PQI_OK and PQI_ERR_SPACE *r is the caller's to free; otherwise it is free. */
static pqi_status call(pqi_provider *p, pqi_agent_req *q, pqi_agent_reply *r)
{
    agent *a = agent_of(p);
    int err = 0;
    memset(r, 0, sizeof *r);
    note_errno(p, 0);
    if (a->pid != getpid()) {
        return PQI_ERR_STATE;
    }
    pqi_status st = pqi_agent_call(&a->pool, q, r, &err);
    if (st != PQI_OK) {
        note_errno(p, err);
        return st;
    }
    note_answer(p, &r->resp);
    st = r->resp.status;
    if (st != PQI_OK && st != PQI_ERR_SPACE) {
        bool retried = r->retried;
        pqi_agent_reply_free(r);
        r->retried = retried;
    }
    return st;
}

/* An answer that is well formed but not one to this question. */
static pqi_status confused(const pqi_provider *p)
{
    note_errno(p, EBADMSG);
    return PQI_ERR_PROVIDER;
}

static pqi_status call_plain(pqi_provider *p, pqi_agent_req *q)
{
    pqi_agent_reply r;
    pqi_status st = call(p, q, &r);
    pqi_agent_reply_free(&r);
    return st == PQI_ERR_SPACE ? confused(p) : st;
}

/* An answer of exactly out.len bytes. */
static pqi_status call_exact(pqi_provider *p, pqi_agent_req *q, pqi_span out)
{
    pqi_agent_reply r;
    pqi_status st = call(p, q, &r);
    if (st == PQI_ERR_SPACE || (st == PQI_OK && r.resp.data.len != out.len)) {
        st = confused(p);
    } else if (st == PQI_OK && out.len != 0) {
        memcpy(out.ptr, r.resp.data.ptr, out.len);
    }
    pqi_agent_reply_free(&r);
    return st;
}

/* An answer of at most out.len bytes. */
static pqi_status call_upto(pqi_provider *p, pqi_agent_req *q, pqi_span out, size_t *out_len)
{
    pqi_agent_reply r;
    pqi_status st = call(p, q, &r);
    if (st == PQI_ERR_SPACE) {
        *out_len = r.resp.n;
    } else if (st == PQI_OK) {
        *out_len = r.resp.data.len;
        if (r.resp.data.len > out.len) {
            st = PQI_ERR_SPACE;
        } else if (r.resp.data.len != 0) {
            memcpy(out.ptr, r.resp.data.ptr, r.resp.data.len);
        }
    }
    pqi_agent_reply_free(&r);
    return st;
}

/* ---- operations ----------------------------------------------------------------------------------- */

static pqi_status agent_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    pqi_agent_req q = {.op = PQI_AGENT_INFO, .key = key};
    pqi_agent_reply r;
    pqi_status st = call(p, &q, &r);
    if (st == PQI_OK && (r.resp.kind < PQI_KEY_KEM || r.resp.kind > PQI_KEY_X25519)) {
        st = confused(p);
    }
    if (st == PQI_OK) {
        *out = (pqi_key_info){.key = key,
            .kind = (pqi_key_kind)r.resp.kind,
            .alg = r.resp.alg,
            .caps = r.resp.n | PQI_CAP_SEPARATE,
            .pk_len = r.resp.n2};
    }
    pqi_agent_reply_free(&r);
    return st == PQI_ERR_SPACE ? confused(p) : st;
}

/* A birth whose answer was lost may have been one: the key that is there now, and was not before, is
 * the one that was asked for. */
static pqi_status agent_generate(pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    pqi_agent_req q = {.op = PQI_AGENT_GENERATE, .key = want, .kind = (uint8_t)kind, .alg = alg};
    pqi_agent_reply r;
    pqi_key_info info;
    bool was_free = agent_info(p, want, &info) == PQI_ERR_MISSING;
    pqi_status st = call(p, &q, &r);
    bool retried = r.retried;
    pqi_agent_reply_free(&r);
    if (st == PQI_ERR_STATE && retried && was_free && agent_info(p, want, &info) == PQI_OK) {
        st = info.kind == kind && info.alg == alg ? PQI_OK : PQI_ERR_STATE;
    }
    return st == PQI_ERR_SPACE ? confused(p) : st;
}

static pqi_status agent_destroy(pqi_provider *p, pqi_key key)
{
    pqi_agent_req q = {.op = PQI_AGENT_DESTROY, .key = key};
    pqi_agent_reply r;
    pqi_status st = call(p, &q, &r);
    bool retried = r.retried;
    pqi_agent_reply_free(&r);
    if (st == PQI_ERR_MISSING && retried) {
        st = PQI_OK; /* the first try removed it */
    }
    return st == PQI_ERR_SPACE ? confused(p) : st;
}

static pqi_status agent_public_key(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    pqi_agent_req q = {.op = PQI_AGENT_PUBLIC_KEY, .key = key};
    return call_upto(p, &q, out, out_len);
}

static pqi_status agent_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    size_t total = 0;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len > PQI_AGENT_DATA_MAX - total) {
            note_errno(p, EMSGSIZE);
            return PQI_ERR_LIMIT;
        }
        total += parts[i].len;
    }
    uint8_t *msg = malloc(total + 1);
    if (msg == NULL) {
        return PQI_ERR_LIMIT;
    }
    size_t at = 0;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].len != 0) {
            memcpy(msg + at, parts[i].ptr, parts[i].len);
            at += parts[i].len;
        }
    }
    pqi_agent_req q = {.op = PQI_AGENT_SIGN,
        .key = key,
        .n = sig.len > UINT32_MAX ? UINT32_MAX : (uint32_t)sig.len,
        .name = domain,
        .data = {msg, total}};
    pqi_status st = call_upto(p, &q, sig, sig_len);
    pqi_wipe(msg, total);
    free(msg);
    return st;
}

static pqi_status agent_decapsulate(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    pqi_agent_req q = {.op = PQI_AGENT_DECAPSULATE, .key = key, .data = ct};
    return call_exact(p, &q, (pqi_span){ss, PQI_KEM_SS});
}

static pqi_status agent_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    pqi_agent_req q = {.op = PQI_AGENT_DH, .key = key, .data = {peer, PQI_X25519_LEN}};
    return call_exact(p, &q, (pqi_span){ss, PQI_X25519_LEN});
}

static pqi_status agent_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    pqi_agent_req q = {.op = PQI_AGENT_DECRYPT,
        .key = kem,
        .key2 = dh,
        .n = suite->id,
        .salt = ctx->salt,
        .info = ctx->info,
        .pre = ctx->pre,
        .post = ctx->post,
        .capsule = capsule,
        .data = ct};
    return call_exact(p, &q, plain);
}

static pqi_status agent_random(pqi_provider *p, pqi_span out)
{
    pqi_status st = PQI_OK;
    do {
        size_t n = out.len < PQI_AGENT_CHUNK ? out.len : PQI_AGENT_CHUNK;
        pqi_agent_req q = {.op = PQI_AGENT_RANDOM, .n = (uint32_t)n};
        st = call_exact(p, &q, (pqi_span){out.ptr, n});
        out.ptr = n != 0 ? out.ptr + n : out.ptr;
        out.len -= n;
    } while (st == PQI_OK && out.len != 0);
    return st;
}

static pqi_status agent_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out)
{
    if (out.len > PQI_AGENT_DATA_MAX) {
        note_errno(p, EMSGSIZE);
        return PQI_ERR_LIMIT;
    }
    pqi_agent_req q = {.op = PQI_AGENT_SEAL, .name = label, .value = generation, .data = plain};
    return call_exact(p, &q, out);
}

static pqi_status agent_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain)
{
    pqi_agent_req q = {.op = PQI_AGENT_UNSEAL, .name = label, .value = generation, .data = blob};
    return call_exact(p, &q, plain);
}

static pqi_status agent_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    pqi_agent_req q = {.op = PQI_AGENT_COUNTER_GET, .n = slot};
    pqi_agent_reply r;
    pqi_status st = call(p, &q, &r);
    *value = st == PQI_OK ? r.resp.value : 0;
    pqi_agent_reply_free(&r);
    return st == PQI_ERR_SPACE ? confused(p) : st;
}

static pqi_status agent_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    pqi_agent_req q = {.op = PQI_AGENT_COUNTER_ADVANCE, .n = slot, .value = value};
    return call_plain(p, &q);
}

static pqi_status agent_quote(
    pqi_provider *p, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len)
{
    pqi_agent_req q = {.op = PQI_AGENT_QUOTE, .name = nonce, .n = pcr_mask};
    return call_upto(p, &q, out, out_len);
}

/* Ends this handle. The keys in the agent are another matter: only an access rule that names zeroize
 * lets the request through, and it is no failure when none does. */
static pqi_status agent_zeroize(pqi_provider *p)
{
    pqi_agent_req q = {.op = PQI_AGENT_ZEROIZE};
    pqi_status st = call_plain(p, &q);
    pqi_agent_pool_end(&agent_of(p)->pool);
    return st == PQI_ERR_POLICY ? PQI_OK : st;
}

static uint32_t agent_alg_caps(pqi_provider *p, pqi_key_kind kind, int32_t alg)
{
    pqi_agent_req q = {.op = PQI_AGENT_ALG_CAPS, .kind = (uint8_t)kind, .alg = alg};
    pqi_agent_reply r;
    uint32_t caps = call(p, &q, &r) == PQI_OK ? r.resp.n : 0;
    pqi_agent_reply_free(&r);
    return caps != 0 ? caps | PQI_CAP_SEPARATE : 0;
}

static uint32_t agent_native_error(pqi_provider *p, const char **text)
{
    bool ours = native.of == p;
    *text = ours ? native.text : "";
    return ours ? native.code : 0;
}

static const pqi_provider_ops agent_ops = {
    .abi = PQI_PROVIDER_ABI,
    .generate = agent_generate,
    .destroy = agent_destroy,
    .info = agent_info,
    .public_key = agent_public_key,
    .sign = agent_sign,
    .decapsulate = agent_decapsulate,
    .dh = agent_dh,
    .decrypt = agent_decrypt,
    .random = agent_random,
    .seal = agent_seal,
    .unseal = agent_unseal,
    .counter_get = agent_counter_get,
    .counter_advance = agent_counter_advance,
    .quote = agent_quote,
    .zeroize = agent_zeroize,
    .alg_caps = agent_alg_caps,
    .native_error = agent_native_error,
};

/* ---- opening -------------------------------------------------------------------------------------- */

static bool copy(char *to, size_t room, const char *from, size_t len)
{
    if (len == 0 || len >= room) {
        return false;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

/* One "name=value" behind the question mark. */
static bool take_option(pqi_agent_pool *p, const char *o, size_t len)
{
    if (len > 6 && strncmp(o, "store=", 6) == 0) {
        return copy(p->store, sizeof p->store, o + 6, len - 6);
    }
    if (len > 8 && len < 15 && strncmp(o, "timeout=", 8) == 0) {
        uint32_t v = 0;
        for (size_t i = 8; i < len; i++) {
            if (o[i] < '0' || o[i] > '9') {
                return false;
            }
            v = v * 10u + (uint32_t)(o[i] - '0');
        }
        p->timeout_ms = v;
        return v >= 100u && v <= 600000u;
    }
    return false;
}

/* agent:SOCKET?store=NAME[&timeout=MS] */
static bool parse_uri(pqi_agent_pool *p, const char *uri)
{
    const char *path = uri + 6;
    if (strncmp(uri, "agent:", 6) != 0 || path[0] != '/') {
        return false;
    }
    size_t len = strcspn(path, "?");
    bool good = path[len] == '?' && copy(p->path, sizeof p->path, path, len);
    for (const char *o = path + len; good && *o != '\0';) {
        size_t n = strcspn(o + 1, "&");
        good = take_option(p, o + 1, n);
        o += 1 + n;
    }
    return good && p->store[0] != '\0';
}

/* The first connection tells whether there is an agent, and what it holds. */
static pqi_status first_contact(agent *a)
{
    pqi_agent_req q = {.op = PQI_AGENT_ALG_CAPS};
    pqi_agent_reply r;
    pqi_status st = call(&a->base, &q, &r);
    pqi_agent_reply_free(&r);
    if (st == PQI_ERR_POLICY) {
        return pqi_why(st, "the key agent at %s does not let this user use the store \"%s\"",
            a->pool.path, a->pool.store);
    }
    if (st == PQI_ERR_PROVIDER) {
        return pqi_why(st, "cannot reach the key agent at %s (%s): is pqi-agent running?",
            a->pool.path, native.text);
    }
    return st;
}

pqi_status pqi_agent_provider_open(pqi_provider **out, const char *uri, const pqi_algs *algs)
{
    (void)algs; /* the agent computes */
    *out = NULL;
    agent *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return PQI_ERR_LIMIT;
    }
    pqi_agent_pool_init(&a->pool);
    a->pid = getpid();
    a->pool.timeout_ms = PQI_AGENT_TIMEOUT_MS;
    a->ops = agent_ops;
    a->base.ops = &a->ops;
    pqi_status st = PQI_OK;
    if (!parse_uri(&a->pool, uri)) {
        st = pqi_why(
            PQI_ERR_ARG, "write agent:/path/of/socket?store=NAME in place of \"%.80s\"", uri);
    }
    if (st == PQI_OK) {
        st = first_contact(a);
    }
    if (st != PQI_OK) {
        pqi_agent_pool_close(&a->pool);
        free(a);
        return st;
    }
    a->ops.caps = a->pool.caps | PQI_CAP_SEPARATE;
    (void)snprintf(a->name, sizeof a->name, "agent over %s", a->pool.name);
    a->ops.name = a->name;
    *out = &a->base;
    return PQI_OK;
}

bool pqi_agent_provider_close(pqi_provider *p)
{
    if (p == NULL || p->ops == NULL || p->ops->sign != agent_sign) {
        return false;
    }
    agent *a = agent_of(p);
    pqi_agent_pool_close(&a->pool);
    free(a);
    return true;
}
