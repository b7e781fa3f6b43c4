/* SPDX-License-Identifier: Apache-2.0
 * Frames and padding: docs/spec/ratchet.md section 2. */
#include "session/frames.h"

#include "base/rd.h"
#include "base/wr.h"

#define FRAMES                                                                                     \
    (PQI_HAS(PQI_FRAME_FIN) | PQI_HAS(PQI_FRAME_SETTLED) | PQI_HAS(PQI_FRAME_CHUNK) |              \
        PQI_HAS(PQI_FRAME_ABORT) | PQI_HAS(PQI_FRAME_HELLO) | PQI_HAS(PQI_FRAME_EXPIRY))

/* ---- reading ------------------------------------------------------------------------------------- */

static void read_settled(rd *r, pqi_frames *f)
{
    f->settled_ctr = rd_u64(r);
    f->settled_head = rd_u32(r);
    pqi_cspan hash = rd_bytes(r, PQI_FRAME_HEAD_HASH);
    if (!r->bad) {
        memcpy(f->settled_hash, hash.ptr, PQI_FRAME_HEAD_HASH);
    }
}

static void read_abort(rd *r, pqi_frames *f)
{
    f->abort_seq = rd_u64(r);
    if (f->abort_seq == 0) {
        rd_fail(r);
    }
}

/* docs/spec/expiry.md section 1. */
static bool is_expiry(uint8_t kind, uint64_t value)
{
    return kind == PQI_EXPIRY_CONTROL || (kind == PQI_EXPIRY_UNIX && value != 0);
}

static void read_expiry(rd *r, pqi_frames *f)
{
    f->expiry_kind = rd_u8(r);
    f->expiry_value = rd_u64(r);
    if (!is_expiry(f->expiry_kind, f->expiry_value)) {
        rd_fail(r);
    }
}

static void read_fin(rd *r, pqi_frames *f)
{
    f->fin = (uint32_t)rd_be(r, 3);
    if (f->fin > PQI_FIN_MAX) {
        rd_fail(r);
    }
}

/* The CHUNK frame whose type byte was read: its own reader wants to see that byte. */
static void read_chunk(rd *r, uint8_t chunk, pqi_frames *f)
{
    size_t used = 0;
    if (r->bad ||
        pqi_chunk_parse((pqi_cspan){r->p - 1, r->left + 1u}, chunk, &f->chunk, &used) != PQI_OK) {
        rd_fail(r);
        return;
    }
    (void)rd_bytes(r, used - 1u);
}

static void read_one(rd *r, unsigned type, uint8_t chunk, pqi_frames *f)
{
    switch (type) {
    case PQI_FRAME_FIN:
        read_fin(r, f);
        break;
    case PQI_FRAME_SETTLED:
        read_settled(r, f);
        break;
    case PQI_FRAME_CHUNK:
        read_chunk(r, chunk, f);
        break;
    case PQI_FRAME_ABORT:
        read_abort(r, f);
        break;
    case PQI_FRAME_HELLO:
        break;
    case PQI_FRAME_EXPIRY:
        read_expiry(r, f);
        break;
    default:
        rd_fail(r);
        break;
    }
}

/* Frames up to the END, or to the end of the text. */
static void read_all(rd *r, uint8_t chunk, pqi_frames *f, bool *app)
{
    unsigned last = PQI_FRAME_END;
    while (!r->bad && r->left != 0 && !*app) {
        unsigned type = rd_u8(r);
        if (type == PQI_FRAME_END) {
            *app = true;
        } else if (type <= last) {
            rd_fail(r);
        } else {
            read_one(r, type, chunk, f);
            f->has |= r->bad ? 0u : PQI_HAS(type);
            last = type;
        }
    }
    if (*app && f->has == 0) {
        rd_fail(r); /* an application message without frames has b0 clear */
    }
}

/* Takes padding off: the last two bytes are the count of zero bytes in front of them. */
static bool take_padding(pqi_cspan *plain)
{
    if (plain->len < PQI_PAD_LEN) {
        return false;
    }
    const uint8_t *end = plain->ptr + plain->len - PQI_PAD_LEN;
    size_t zeros = (size_t)end[0] << 8 | end[1];
    if (zeros > plain->len - PQI_PAD_LEN) {
        return false;
    }
    unsigned any = 0;
    for (size_t i = 1; i <= zeros; i++) {
        any |= *(end - i);
    }
    plain->len -= PQI_PAD_LEN + zeros;
    return any == 0;
}

pqi_status pqi_frames_read(
    pqi_cspan plain, const pqi_frames_form *form, pqi_frames *f, bool *app, pqi_cspan *payload)
{
    *f = (pqi_frames){0};
    *payload = (pqi_cspan){NULL, 0};
    *app = false;
    bool sound = plain.ptr != NULL && (!form->padded || take_padding(&plain));
    if (sound && form->frames) {
        rd r = rd_of(plain);
        read_all(&r, form->chunk, f, app);
        sound = !r.bad;
        *payload = (pqi_cspan){r.p, r.left};
    } else if (sound) {
        *app = true;
        *payload = plain;
    }
    if (!sound) {
        *f = (pqi_frames){0};
        *payload = (pqi_cspan){NULL, 0};
        *app = false;
        return PQI_ERR_DECODE;
    }
    return PQI_OK;
}

/* ---- writing ------------------------------------------------------------------------------------- */

static bool is_sound(const pqi_frames *f)
{
    bool fin = (f->has & PQI_HAS(PQI_FRAME_FIN)) == 0 || f->fin <= PQI_FIN_MAX;
    bool abort = (f->has & PQI_HAS(PQI_FRAME_ABORT)) == 0 || f->abort_seq != 0;
    bool expiry =
        (f->has & PQI_HAS(PQI_FRAME_EXPIRY)) == 0 || is_expiry(f->expiry_kind, f->expiry_value);
    return (f->has & ~FRAMES) == 0 && fin && abort && expiry;
}

static void write_one(wr *w, unsigned type, const pqi_frames *f)
{
    wr_u8(w, (uint8_t)type);
    if (type == PQI_FRAME_FIN) {
        wr_be(w, f->fin, 3);
    } else if (type == PQI_FRAME_SETTLED) {
        wr_u64(w, f->settled_ctr);
        wr_u32(w, f->settled_head);
        wr_bytes(w, (pqi_cspan){f->settled_hash, PQI_FRAME_HEAD_HASH});
    } else if (type == PQI_FRAME_ABORT) {
        wr_u64(w, f->abort_seq);
    } else if (type == PQI_FRAME_EXPIRY) {
        wr_u8(w, f->expiry_kind);
        wr_u64(w, f->expiry_value);
    }
}

pqi_status pqi_frames_write(
    const pqi_frames *f, unsigned from, unsigned to, pqi_span out, size_t *len)
{
    *len = 0;
    if (!is_sound(f) || to > PQI_FRAME_EXPIRY) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of(out);
    for (unsigned type = from; type <= to; type++) {
        if (type != PQI_FRAME_CHUNK && (f->has & PQI_HAS(type)) != 0) {
            write_one(&w, type, f);
        }
    }
    return wr_done(&w, len);
}

size_t pqi_pad_len(size_t len, unsigned log2)
{
    if (log2 == 0) {
        return 0;
    }
    size_t mask = ((size_t)1 << log2) - 1u;
    return ((0u - (len + PQI_PAD_LEN)) & mask) + PQI_PAD_LEN;
}
