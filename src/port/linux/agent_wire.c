/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_wire.h"

#include "base/rd.h"
#include "base/wr.h"

#include <string.h>

/* Fields of a body in their order, one letter each: docs/spec/agent.md section 2.3.
 *   m magic u32            K, k key u32, second key   t kind u8      a algorithm i32
 *   n, N number u32        v value u64                l name u8 length
 *   c spans of a box context, u16 length each          p capsule u16 length
 *   d data u32 length */
static const struct {
    const char *name, *req, *resp;
} ops[PQI_AGENT_OP_LAST + 1] = {
    [PQI_AGENT_HELLO] = {"hello", "ml", "nl"},
    [PQI_AGENT_GENERATE] = {"generate", "Kta", ""},
    [PQI_AGENT_DESTROY] = {"destroy", "K", ""},
    [PQI_AGENT_INFO] = {"info", "K", "tanN"},
    [PQI_AGENT_PUBLIC_KEY] = {"public_key", "K", "d"},
    [PQI_AGENT_SIGN] = {"sign", "Knld", "d"},
    [PQI_AGENT_DECAPSULATE] = {"decapsulate", "Kd", "d"},
    [PQI_AGENT_DH] = {"dh", "Kd", "d"},
    [PQI_AGENT_DECRYPT] = {"decrypt", "Kkncpd", "d"},
    [PQI_AGENT_RANDOM] = {"random", "n", "d"},
    [PQI_AGENT_SEAL] = {"seal", "lvd", "d"},
    [PQI_AGENT_UNSEAL] = {"unseal", "lvd", "d"},
    [PQI_AGENT_COUNTER_GET] = {"counter_get", "n", "v"},
    [PQI_AGENT_COUNTER_ADVANCE] = {"counter_advance", "nv", ""},
    [PQI_AGENT_QUOTE] = {"quote", "ln", "d"},
    [PQI_AGENT_ALG_CAPS] = {"alg_caps", "ta", "n"},
    [PQI_AGENT_ZEROIZE] = {"zeroize", "", ""},
};

static bool is_op(uint8_t op)
{
    return op != 0 && op <= PQI_AGENT_OP_LAST;
}

const char *pqi_agent_op_name(uint8_t op)
{
    return is_op(op) ? ops[op].name : NULL;
}

size_t pqi_agent_frame_len(const uint8_t len[PQI_AGENT_LEN])
{
    rd r = rd_of((pqi_cspan){len, PQI_AGENT_LEN});
    size_t n = rd_u32(&r);
    return n < PQI_AGENT_FRAME_MIN || n > PQI_AGENT_FRAME_MAX ? 0 : n;
}

/* i32 as two's complement. */
static int32_t rd_i32(rd *r)
{
    uint32_t v = rd_u32(r);
    return v <= INT32_MAX ? (int32_t)v : -1 - (int32_t)(UINT32_MAX - v);
}

static pqi_cspan rd_span(rd *r, size_t len_bytes, size_t max)
{
    size_t n = (size_t)rd_be(r, len_bytes);
    if (n > max) {
        rd_fail(r);
    }
    return rd_bytes(r, n);
}

/* An overflow that no room mends. */
static void wr_span(wr *w, size_t len_bytes, size_t max, pqi_cspan b)
{
    if (b.len > max) {
        w->len = SIZE_MAX;
    }
    wr_be(w, b.len, len_bytes);
    wr_bytes(w, b);
}

static void read_req_field(rd *r, char field, pqi_agent_req *q)
{
    switch (field) {
    case 'm':
        rd_expect(r, 4, PQI_AGENT_MAGIC);
        break;
    case 'K':
        q->key = rd_u32(r);
        break;
    case 'k':
        q->key2 = rd_u32(r);
        break;
    case 't':
        q->kind = rd_u8(r);
        break;
    case 'a':
        q->alg = rd_i32(r);
        break;
    case 'n':
        q->n = rd_u32(r);
        break;
    case 'v':
        q->value = rd_u64(r);
        break;
    case 'l':
        q->name = rd_span(r, 1, PQI_AGENT_NAME_MAX);
        break;
    case 'c':
        q->salt = rd_span(r, 2, PQI_AGENT_CTX_MAX);
        q->info = rd_span(r, 2, PQI_AGENT_CTX_MAX);
        q->pre = rd_span(r, 2, PQI_AGENT_CTX_MAX);
        q->post = rd_span(r, 2, PQI_AGENT_CTX_MAX);
        break;
    case 'p':
        q->capsule = rd_span(r, 2, PQI_KEM_MAX_CT + PQI_X25519_LEN);
        break;
    default:
        q->data = rd_span(r, 4, PQI_AGENT_DATA_MAX);
        break;
    }
}

static void write_req_field(wr *w, char field, const pqi_agent_req *q)
{
    switch (field) {
    case 'm':
        wr_u32(w, PQI_AGENT_MAGIC);
        break;
    case 'K':
        wr_u32(w, q->key);
        break;
    case 'k':
        wr_u32(w, q->key2);
        break;
    case 't':
        wr_u8(w, q->kind);
        break;
    case 'a':
        wr_u32(w, (uint32_t)q->alg);
        break;
    case 'n':
        wr_u32(w, q->n);
        break;
    case 'v':
        wr_u64(w, q->value);
        break;
    case 'l':
        wr_span(w, 1, PQI_AGENT_NAME_MAX, q->name);
        break;
    case 'c':
        wr_span(w, 2, PQI_AGENT_CTX_MAX, q->salt);
        wr_span(w, 2, PQI_AGENT_CTX_MAX, q->info);
        wr_span(w, 2, PQI_AGENT_CTX_MAX, q->pre);
        wr_span(w, 2, PQI_AGENT_CTX_MAX, q->post);
        break;
    case 'p':
        wr_span(w, 2, PQI_KEM_MAX_CT + PQI_X25519_LEN, q->capsule);
        break;
    default:
        wr_span(w, 4, PQI_AGENT_DATA_MAX, q->data);
        break;
    }
}

static void read_resp_field(rd *r, char field, pqi_agent_resp *a)
{
    switch (field) {
    case 't':
        a->kind = rd_u8(r);
        break;
    case 'a':
        a->alg = rd_i32(r);
        break;
    case 'n':
        a->n = rd_u32(r);
        break;
    case 'N':
        a->n2 = rd_u32(r);
        break;
    case 'v':
        a->value = rd_u64(r);
        break;
    case 'l':
        a->name = rd_span(r, 1, PQI_AGENT_NAME_MAX);
        break;
    default:
        a->data = rd_span(r, 4, PQI_AGENT_DATA_MAX);
        break;
    }
}

static void write_resp_field(wr *w, char field, const pqi_agent_resp *a)
{
    switch (field) {
    case 't':
        wr_u8(w, a->kind);
        break;
    case 'a':
        wr_u32(w, (uint32_t)a->alg);
        break;
    case 'n':
        wr_u32(w, a->n);
        break;
    case 'N':
        wr_u32(w, a->n2);
        break;
    case 'v':
        wr_u64(w, a->value);
        break;
    case 'l':
        wr_span(w, 1, PQI_AGENT_NAME_MAX, a->name);
        break;
    default:
        wr_span(w, 4, PQI_AGENT_DATA_MAX, a->data);
        break;
    }
}

/* Head of both kinds of frame. */
static wr begin(pqi_span out, uint8_t op, uint32_t id)
{
    wr w = wr_of(out);
    wr_u32(&w, 0);
    wr_u8(&w, PQI_AGENT_VERSION);
    wr_u8(&w, op);
    wr_u16(&w, 0);
    wr_u32(&w, id);
    return w;
}

static pqi_status finish(wr *w, pqi_span out, size_t *len)
{
    *len = 0;
    if (w->len > PQI_AGENT_LEN + PQI_AGENT_FRAME_MAX) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = wr_done(w, len);
    if (st == PQI_OK) {
        wr front = wr_of(out);
        wr_u32(&front, (uint32_t)(w->len - PQI_AGENT_LEN));
    }
    return st;
}

pqi_status pqi_agent_req_write(const pqi_agent_req *q, pqi_span out, size_t *len)
{
    *len = 0;
    if (!is_op(q->op)) {
        return PQI_ERR_ARG;
    }
    wr w = begin(out, q->op, q->id);
    for (const char *f = ops[q->op].req; *f != '\0'; f++) {
        write_req_field(&w, *f, q);
    }
    return finish(&w, out, len);
}

pqi_status pqi_agent_req_read(pqi_cspan frame, pqi_agent_req *q)
{
    memset(q, 0, sizeof *q);
    rd r = rd_of(frame);
    rd_expect(&r, 1, PQI_AGENT_VERSION);
    uint8_t op = rd_u8(&r);
    rd_expect(&r, 2, 0);
    q->id = rd_u32(&r);
    if (frame.len <= PQI_AGENT_FRAME_MAX && !r.bad && is_op(op)) {
        q->op = op;
        for (const char *f = ops[op].req; *f != '\0'; f++) {
            read_req_field(&r, *f, q);
        }
        if (rd_done(&r) == PQI_OK) {
            return PQI_OK;
        }
    }
    memset(q, 0, sizeof *q);
    return PQI_ERR_DECODE;
}

static bool is_text(pqi_cspan t)
{
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] < 0x20 || t.ptr[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* Numbers of pqi/status.h; anything else is no answer. */
static bool is_status(int32_t v)
{
    return v == PQI_OK || v == PQI_AGAIN || (v <= PQI_ERR_ARG && v >= PQI_ERR_SPACE) ||
           (v <= PQI_ERR_DECODE && v >= PQI_ERR_LIMIT) || (v <= PQI_ERR_RNG && v >= PQI_ERR_LOCKED);
}

static const char *body_of(uint8_t op, pqi_status st)
{
    return st == PQI_OK ? ops[op].resp : st == PQI_ERR_SPACE ? "n" : "";
}

pqi_status pqi_agent_resp_write(const pqi_agent_resp *a, pqi_span out, size_t *len)
{
    *len = 0;
    if (!is_op(a->op) || !is_status(a->status) || !is_text(a->text)) {
        return PQI_ERR_ARG;
    }
    wr w = begin(out, a->op, a->id);
    wr_u32(&w, (uint32_t)a->status);
    wr_u32(&w, a->native);
    wr_span(&w, 1, PQI_AGENT_TEXT_MAX, a->text);
    for (const char *f = body_of(a->op, a->status); *f != '\0'; f++) {
        write_resp_field(&w, *f, a);
    }
    return finish(&w, out, len);
}

pqi_status pqi_agent_resp_read(pqi_cspan frame, pqi_agent_resp *a)
{
    memset(a, 0, sizeof *a);
    rd r = rd_of(frame);
    rd_expect(&r, 1, PQI_AGENT_VERSION);
    uint8_t op = rd_u8(&r);
    rd_expect(&r, 2, 0);
    a->id = rd_u32(&r);
    int32_t status = rd_i32(&r);
    a->native = rd_u32(&r);
    a->text = rd_span(&r, 1, PQI_AGENT_TEXT_MAX);
    bool good = frame.len <= PQI_AGENT_FRAME_MAX && !r.bad && is_op(op) && is_status(status) &&
                is_text(a->text);
    if (good) {
        a->op = op;
        a->status = (pqi_status)status;
        for (const char *f = body_of(op, a->status); *f != '\0'; f++) {
            read_resp_field(&r, *f, a);
        }
        if (rd_done(&r) == PQI_OK) {
            return PQI_OK;
        }
    }
    memset(a, 0, sizeof *a);
    return PQI_ERR_DECODE;
}
