/* SPDX-License-Identifier: Apache-2.0
 * Identity record: version u8 = 1 | lv8 id | pinned 32 | current, pending, garbage[2] u32 |
 * key_epoch u32 | current_sig, pending_sig u8 | pending_kem u32 | pending_sig_alg i32 |
 * pending_suites u32 | grant_hash 32 | confirm 52 | lv32 challenge | lv32 cert | lv32 manifest.
 * Big-endian, exactly to the end. */
#include "port/linux/device_int.h"

#include <string.h>

#define RECORD_VERSION 1u

typedef struct cursor {
    const uint8_t *in;
    uint8_t *out;
    size_t left, done;
    int bad;
} cursor;

static void put(cursor *c, const void *p, size_t n)
{
    if (c->bad || n > c->left) {
        c->bad = 1;
        return;
    }
    if (n > 0) {
        memcpy(c->out + c->done, p, n);
    }
    c->done += n;
    c->left -= n;
}

static void put_u32(cursor *c, uint32_t v)
{
    const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16 & 255u), (uint8_t)(v >> 8 & 255u),
        (uint8_t)(v & 255u)};
    put(c, b, sizeof b);
}

static void put_u8(cursor *c, uint8_t v)
{
    put(c, &v, 1);
}

static void put_lv(cursor *c, const uint8_t *p, size_t n)
{
    put_u32(c, (uint32_t)n);
    put(c, p, n);
}

static void get(cursor *c, void *p, size_t n)
{
    if (c->bad || n > c->left) {
        c->bad = 1;
        return;
    }
    memcpy(p, c->in + c->done, n);
    c->done += n;
    c->left -= n;
}

static uint32_t get_u32(cursor *c)
{
    uint8_t b[4] = {0, 0, 0, 0};
    get(c, b, sizeof b);
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint8_t get_u8(cursor *c)
{
    uint8_t v = 0;
    get(c, &v, 1);
    return v;
}

static size_t get_lv(cursor *c, uint8_t *p, size_t max)
{
    size_t n = get_u32(c);
    if (n > max) {
        c->bad = 1;
        return 0;
    }
    get(c, p, n);
    return c->bad ? 0 : n;
}

pqi_status pqi_device_record_encode(const pqi_device_record *r, pqi_span out, size_t *len)
{
    cursor c = {NULL, out.ptr, out.len, 0, 0};
    size_t id_len = strlen(r->id);
    *len = 0;
    if (id_len == 0 || id_len > PQI_ID_MAX || r->challenge_len > sizeof r->challenge ||
        r->cert_len > sizeof r->cert || r->manifest_len > sizeof r->manifest) {
        return PQI_ERR_ARG;
    }
    put_u8(&c, RECORD_VERSION);
    put_u8(&c, (uint8_t)id_len);
    put(&c, r->id, id_len);
    put(&c, r->pinned, sizeof r->pinned);
    put_u32(&c, r->current);
    put_u32(&c, r->pending);
    put_u32(&c, r->garbage[0]);
    put_u32(&c, r->garbage[1]);
    put_u32(&c, r->key_epoch);
    put_u8(&c, r->current_sig);
    put_u8(&c, r->pending_sig);
    put_u32(&c, r->pending_kem);
    put_u32(&c, (uint32_t)r->pending_sig_alg);
    put_u32(&c, r->pending_suites);
    put(&c, r->grant_hash, sizeof r->grant_hash);
    put(&c, r->confirm, sizeof r->confirm);
    put_lv(&c, r->challenge, r->challenge_len);
    put_lv(&c, r->cert, r->cert_len);
    put_lv(&c, r->manifest, r->manifest_len);
    *len = c.bad ? 0 : c.done;
    return c.bad ? PQI_ERR_SPACE : PQI_OK;
}

static int sane(const pqi_device_record *r)
{
    pqi_cspan id = {(const uint8_t *)r->id, strlen(r->id)};
    int installed = r->current != 0;
    return pqi_id_check(id) == PQI_OK && r->current_sig <= 1 && r->pending_sig <= 1 &&
           installed == (r->cert_len > 0) && installed == (r->manifest_len > 0) &&
           installed == (r->key_epoch > 0) && (r->pending != 0) == (r->challenge_len > 0) &&
           (r->pending == 0 || r->pending > r->current);
}

pqi_status pqi_device_record_decode(pqi_cspan in, pqi_device_record *out)
{
    cursor c = {in.ptr, NULL, in.len, 0, 0};
    memset(out, 0, sizeof *out);
    if (get_u8(&c) != RECORD_VERSION) {
        return PQI_ERR_DECODE;
    }
    size_t id_len = get_u8(&c);
    if (id_len > PQI_ID_MAX) {
        return PQI_ERR_DECODE;
    }
    get(&c, out->id, id_len);
    get(&c, out->pinned, sizeof out->pinned);
    out->current = get_u32(&c);
    out->pending = get_u32(&c);
    out->garbage[0] = get_u32(&c);
    out->garbage[1] = get_u32(&c);
    out->key_epoch = get_u32(&c);
    out->current_sig = get_u8(&c);
    out->pending_sig = get_u8(&c);
    out->pending_kem = get_u32(&c);
    out->pending_sig_alg = (int32_t)get_u32(&c);
    out->pending_suites = get_u32(&c);
    get(&c, out->grant_hash, sizeof out->grant_hash);
    get(&c, out->confirm, sizeof out->confirm);
    out->challenge_len = get_lv(&c, out->challenge, sizeof out->challenge);
    out->cert_len = get_lv(&c, out->cert, sizeof out->cert);
    out->manifest_len = get_lv(&c, out->manifest, sizeof out->manifest);
    if (c.bad || c.left != 0 || strlen(out->id) != id_len || !sane(out)) {
        memset(out, 0, sizeof *out);
        return PQI_ERR_DECODE;
    }
    return PQI_OK;
}
