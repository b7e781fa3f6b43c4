/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: packets of v4 sessions, docs/spec/v4-handshake.md section 2, as anybody on the wire can read
 * them. Fields are cut at their offsets; whether the lengths fit a pair's suite only its ends know. */
#include "inspect.h"

enum { DATA_LAST = 0x47, COMPACT = 0x58, COMPACT_LAST = 0x5f, TAG = 16, HEAD = 8 };

typedef struct field {
    const char *name;
    uint8_t at, bytes; /* bytes 0: ends the list; above 8: shown as hex */
} field;

/* One form of a packet. `len` 0: not fixed, at least the fields. */
typedef struct form {
    uint8_t type;
    const char *name;
    size_t len;
    field fields[9];
} form;

/* clang-format off */
static const form forms[] = {
    {0x48, "INIT, modes S and M", 0, {{"suite", 2, 2}, {"recipient_kid", 4, 16}, {"sender_kid", 12, 16},
        {"init_seq", 20, 8}, {"index_i", 28, 4}, {"head_epoch", 32, 4}, {"random", 44, 16}}},
    {0x4b, "INIT, mode K", 0, {{"suite", 2, 2}, {"recipient_kid", 4, 16}, {"sender_kid", 12, 16},
        {"init_seq", 20, 8}, {"index_i", 28, 4}, {"head_epoch", 32, 4}, {"random", 44, 16}}},
    {0x49, "RESP, modes S and M", 0, {{"suite", 2, 2}, {"index_i", 4, 4}, {"index_r", 8, 4},
        {"head_epoch", 12, 4}, {"init_counter", 24, 8}, {"random", 32, 16}}},
    {0x4c, "RESP, mode K", 0, {{"suite", 2, 2}, {"index_i", 4, 4}, {"index_r", 8, 4},
        {"head_epoch", 12, 4}, {"init_counter", 24, 8}, {"random", 32, 16}}},
    {0x4a, "CONF, modes S and M", 0, {{"index_r", 4, 4}}},
    {0x4d, "CONF, mode K", 0, {{"index_r", 4, 4}}},
    {0x4e, "CHAL", 46, {{"index_i", 2, 4}, {"nonce", 6, 16}, {"hint", 22, 8}}},
    {0x50, "RESUME1", 46, {{"index_peer", 2, 4}, {"start", 6, 4}, {"epoch", 10, 4}, {"nonce", 14, 16}}},
    {0x51, "RESUME2", 42, {{"index_peer", 2, 4}, {"epoch", 6, 4}, {"nonce", 10, 16}}},
    {0x52, "REJ", 50, {{"reason", 1, 1}, {"index_i", 2, 4}, {"head_epoch", 6, 4}, {"nonce", 18, 16}}},
    {0x53, "NOSESS", 38, {{"index", 2, 4}, {"nonce", 6, 16}}},
};
/* clang-format on */

bool pqi_inspect_is_session(uint8_t type)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].type == type) {
            return true;
        }
    }
    return (type >= 0x40 && type <= DATA_LAST) || (type >= COMPACT && type <= COMPACT_LAST);
}

static uint64_t number(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static void put_suite(const pqi_inspect_ctx *c, json_t *o, uint64_t id)
{
    const pqi_suite *s = pqi_algs_suite(c->algs, (uint32_t)id);
    char unknown[16];
    (void)snprintf(unknown, sizeof unknown, "0x%04x", (unsigned)id);
    pqi_inspect_put(
        o, "suite", s != NULL ? pqi_inspect_alg(s->name, s->flags) : json_string(unknown));
}

static void put_field(const pqi_inspect_ctx *c, json_t *o, const field *f, const uint8_t *p)
{
    if (f->at == 2 && f->bytes == 2) {
        put_suite(c, o, number(p + f->at, f->bytes));
    } else if (f->bytes > HEAD) {
        /* key ids have 8 bytes, random bytes 16 */
        pqi_inspect_put_hex(o, f->name, p + f->at, f->name[0] == 'n' || f->at >= 32 ? TAG : HEAD);
    } else {
        pqi_inspect_put_uint(o, f->name, number(p + f->at, f->bytes));
    }
}

static pqi_status cut_off(pqi_inspect_result *out, size_t need, size_t len)
{
    (void)snprintf(out->why, sizeof out->why, "it has %zu bytes and needs %zu", len, need);
    return PQI_ERR_DECODE;
}

static pqi_status put_data(pqi_cspan in, pqi_inspect_result *out)
{
    const bool compact = in.ptr[0] >= COMPACT, wide = !compact && (in.ptr[0] & 2u) != 0;
    const size_t index = compact ? 2u : 4u, epoch = wide ? 2u : 1u, n = compact ? 2u : 3u;
    const size_t hdr = 1u + index + epoch + n;
    json_t *o = out->fields;
    if (in.len < hdr + TAG) {
        return cut_off(out, hdr + TAG, in.len);
    }
    pqi_inspect_put_str(o, "type", compact ? "DATA, compact" : "DATA");
    pqi_inspect_put_uint(o, "index", number(in.ptr + 1, index));
    pqi_inspect_put_uint(o, "epoch_low", number(in.ptr + 1 + index, epoch));
    pqi_inspect_put_uint(o, "n", number(in.ptr + 1 + index + epoch, n));
    pqi_inspect_put(o, "frames", json_boolean((in.ptr[0] & 1u) != 0));
    pqi_inspect_put(o, "padded", json_boolean((in.ptr[0] & 4u) != 0));
    pqi_inspect_put_uint(o, "header_bytes", hdr);
    pqi_inspect_put_uint(o, "plain_bytes", in.len - hdr - TAG);
    pqi_inspect_put_state(out, o, "content", PQI_AGAIN, "sealed in a session");
    return PQI_OK;
}

pqi_status pqi_inspect_session(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    const form *f = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        f = forms[i].type == in.ptr[0] ? &forms[i] : f;
    }
    if (f == NULL) {
        return put_data(in, out);
    }
    size_t need = f->len;
    for (size_t i = 0; f->len == 0 && f->fields[i].bytes != 0; i++) {
        const size_t end = f->fields[i].at + (size_t)f->fields[i].bytes + TAG;
        need = end > need ? end : need;
    }
    if (in.len < need || (f->len != 0 && in.len != f->len)) {
        return cut_off(out, need, in.len);
    }
    json_t *o = out->fields;
    pqi_inspect_put_str(o, "type", f->name);
    for (size_t i = 0; f->fields[i].bytes != 0; i++) {
        put_field(c, o, &f->fields[i], in.ptr);
    }
    if (in.ptr[0] == 0x48 || in.ptr[0] == 0x4b) {
        pqi_inspect_put(o, "answers_challenge", json_boolean((in.ptr[1] & 1u) != 0));
        pqi_inspect_put(o, "site_key", json_boolean((in.ptr[1] & 4u) != 0));
    }
    pqi_inspect_put_state(out, o, "tag", PQI_AGAIN, "only the two ends have the key");
    return PQI_OK;
}
