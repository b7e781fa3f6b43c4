/* SPDX-License-Identifier: Apache-2.0
 * CHAL, REJ, NOSESS, RESUME1, RESUME2 and the header of data: docs/spec/v4-handshake.md sections 2.4
 * and 2.5. One table says which fields a packet has; reader and writer walk the same list. */
#include "session/hs_wire.h"

#include "base/args.h"
#include "base/rd.h"
#include "base/wr.h"

/* Which fields stand in a packet, in the order of the wire. */
typedef struct shape {
    uint8_t type, code_min, code_max;
    bool boot, epoch, head, hint;
    uint8_t len;
} shape;

static const shape shapes[] = {
    {PQI_HS_T_CHAL, 0, 0, false, false, false, true, PQI_HS_CHAL_LEN},
    {PQI_HS_T_REJ, PQI_HS_REJ_SUITE, PQI_HS_REJ_ROLLBACK, false, true, true, false, PQI_HS_REJ_LEN},
    {PQI_HS_T_NOSESS, 0, 0, false, false, false, false, PQI_HS_NOSESS_LEN},
    {PQI_HS_T_RESUME1, 0, 1, true, true, false, false, PQI_HS_RESUME1_LEN},
    {PQI_HS_T_RESUME2, 0, 0, false, true, false, false, PQI_HS_RESUME2_LEN},
};

static const shape *shape_of(uint8_t type)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (shapes[i].type == type) {
            return &shapes[i];
        }
    }
    return NULL;
}

static bool short_sound(const shape *s, const pqi_hs_short *p)
{
    return p->code >= s->code_min && p->code <= s->code_max && p->rsid != 0 &&
           (s->boot || p->boot == 0) && (s->epoch || p->epoch == 0) && (s->hint || p->hint == 0) &&
           (s->head ? pqi_args_exact(p->head_hash, PQI_HS_HEAD) : p->head_hash.len == 0) &&
           pqi_args_exact(p->nonce, PQI_HS_NONCE);
}

pqi_status pqi_hs_short_read(pqi_cspan in, pqi_hs_short *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_hs_short p = {0};
    rd r = rd_of(in);
    p.type = rd_u8(&r);
    const shape *s = shape_of(p.type);
    if (s == NULL) {
        return PQI_ERR_DECODE;
    }
    p.code = rd_u8(&r);
    p.rsid = rd_u32(&r);
    p.boot = s->boot ? rd_u32(&r) : 0;
    p.epoch = s->epoch ? rd_u32(&r) : 0;
    p.head_hash = rd_bytes(&r, s->head ? PQI_HS_HEAD : 0);
    p.nonce = rd_bytes(&r, PQI_HS_NONCE);
    p.hint = s->hint ? rd_u64(&r) : 0;
    p.tag = rd_bytes(&r, PQI_HS_GATE);
    if (rd_done(&r) != PQI_OK || !short_sound(s, &p)) {
        return PQI_ERR_DECODE;
    }
    p.body = (pqi_cspan){in.ptr, in.len - PQI_HS_GATE};
    *out = p;
    return PQI_OK;
}

pqi_status pqi_hs_short_write(const pqi_hs_short *p, pqi_span out, size_t *len)
{
    static const uint8_t no_tag[PQI_HS_GATE];
    const shape *s = p == NULL ? NULL : shape_of(p->type);
    if (s == NULL || len == NULL || !short_sound(s, p)) {
        return PQI_ERR_ARG;
    }
    *len = s->len;
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u8(&w, p->type);
    wr_u8(&w, p->code);
    wr_u32(&w, p->rsid);
    if (s->boot) {
        wr_u32(&w, p->boot);
    }
    if (s->epoch) {
        wr_u32(&w, p->epoch);
    }
    wr_bytes(&w, p->head_hash);
    wr_bytes(&w, p->nonce);
    if (s->hint) {
        wr_u64(&w, p->hint);
    }
    wr_bytes(&w, (pqi_cspan){no_tag, sizeof no_tag});
    return wr_done(&w, len);
}

/* ---- data ---------------------------------------------------------------------------------------- */

#define T_DATA         0x40u
#define T_DATA_COMPACT 0x58u
#define T_FRAMES       0x01u
#define T_WIDE         0x02u
#define T_PADDED       0x04u
#define T_FLAGS        (T_FRAMES | T_WIDE | T_PADDED)

static bool data_sound(const pqi_hs_data *p)
{
    uint32_t top = p->compact ? UINT16_MAX : PQI_HS_DATA_N_MAX;
    return !(p->compact && p->wide) && p->rsid != 0 && (!p->compact || p->rsid <= UINT16_MAX) &&
           p->n <= top && (p->wide || p->epoch <= UINT8_MAX);
}

pqi_status pqi_hs_data_read(pqi_cspan in, pqi_hs_data *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_hs_data p = {0};
    rd r = rd_of(in);
    uint8_t type = rd_u8(&r);
    p.compact = (type & ~T_FLAGS) == T_DATA_COMPACT;
    if (!p.compact && (type & ~T_FLAGS) != T_DATA) {
        return PQI_ERR_DECODE;
    }
    p.frames = (type & T_FRAMES) != 0;
    p.wide = (type & T_WIDE) != 0;
    p.padded = (type & T_PADDED) != 0;
    p.rsid = (uint32_t)rd_be(&r, p.compact ? 2 : 4);
    p.epoch = (uint16_t)rd_be(&r, p.wide ? 2 : 1);
    p.n = (uint32_t)rd_be(&r, p.compact ? 2 : 3);
    p.hdr = (pqi_cspan){in.ptr, in.len - r.left};
    p.ct = rd_bytes(&r, r.left);
    if (rd_done(&r) != PQI_OK || !data_sound(&p) || p.ct.len < PQI_AEAD_TAG ||
        p.ct.len > PQI_V1_PLAIN_MAX + PQI_AEAD_TAG) {
        return PQI_ERR_DECODE;
    }
    *out = p;
    return PQI_OK;
}

pqi_status pqi_hs_data_write(const pqi_hs_data *p, pqi_span out, size_t *len)
{
    if (p == NULL || len == NULL || !data_sound(p)) {
        return PQI_ERR_ARG;
    }
    *len = p->compact ? 6u : p->wide ? 10u : 9u;
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u8(&w, (uint8_t)((p->compact ? T_DATA_COMPACT : T_DATA) | (p->frames ? T_FRAMES : 0u) |
                        (p->wide ? T_WIDE : 0u) | (p->padded ? T_PADDED : 0u)));
    wr_be(&w, p->rsid, p->compact ? 2 : 4);
    wr_be(&w, p->epoch, p->wide ? 2 : 1);
    wr_be(&w, p->n, p->compact ? 2 : 3);
    return wr_done(&w, len);
}
