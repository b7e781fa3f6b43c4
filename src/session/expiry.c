/* SPDX-License-Identifier: Apache-2.0 */
#include "session/expiry.h"

#include "base/rd.h"
#include "base/wr.h"

static bool is_good(uint8_t kind, uint64_t value)
{
    return kind == PQI_EXPIRY_CONTROL || (kind == PQI_EXPIRY_UNIX && value != 0);
}

pqi_status pqi_expiry_write(const pqi_expiry *e, uint8_t out[PQI_EXPIRY_LEN])
{
    memset(out, 0, PQI_EXPIRY_LEN);
    if (!is_good(e->kind, e->value)) {
        return PQI_ERR_ARG;
    }
    size_t n = 0;
    wr w = wr_of((pqi_span){out, PQI_EXPIRY_LEN});
    wr_u8(&w, PQI_FRAME_EXPIRY);
    wr_u8(&w, e->kind);
    wr_u64(&w, e->value);
    return wr_done(&w, &n);
}

pqi_status pqi_expiry_read(pqi_cspan in, pqi_expiry *out)
{
    rd r = rd_of(in);
    rd_expect(&r, 1, PQI_FRAME_EXPIRY);
    pqi_expiry e = {.kind = rd_u8(&r)};
    e.value = rd_u64(&r);
    if (rd_done(&r) != PQI_OK || !is_good(e.kind, e.value)) {
        return PQI_ERR_DECODE;
    }
    *out = e;
    return PQI_OK;
}

static pqi_expiry_state judge_control(uint64_t value, const pqi_expiry_clock *c)
{
    uint32_t epoch = (uint32_t)(value >> 32);
    if (c->control_epoch == 0) {
        return PQI_EXPIRY_UNKNOWN;
    }
    if (c->control_epoch != epoch) {
        return c->control_epoch > epoch ? PQI_EXPIRY_PAST : PQI_EXPIRY_IN_TIME;
    }
    if (!c->has_tick) {
        return PQI_EXPIRY_UNKNOWN;
    }
    return c->tick > (uint32_t)value ? PQI_EXPIRY_PAST : PQI_EXPIRY_IN_TIME;
}

pqi_expiry_state pqi_expiry_judge(const pqi_expiry *e, const pqi_expiry_clock *c)
{
    if (e->kind == 0) {
        return PQI_EXPIRY_NONE;
    }
    if (e->kind == PQI_EXPIRY_CONTROL) {
        return judge_control(e->value, c);
    }
    if (e->kind != PQI_EXPIRY_UNIX || c->unix_s == 0) {
        return PQI_EXPIRY_UNKNOWN;
    }
    if (c->unix_s > e->value) {
        return PQI_EXPIRY_PAST;
    }
    return c->unix_far > e->value ? PQI_EXPIRY_UNKNOWN : PQI_EXPIRY_IN_TIME;
}

bool pqi_expiry_delivers(pqi_expiry_state state, pqi_class cls)
{
    if (state == PQI_EXPIRY_NONE || state == PQI_EXPIRY_IN_TIME || cls == PQI_CLASS_S) {
        return true;
    }
    return state == PQI_EXPIRY_UNKNOWN && cls == PQI_CLASS_L;
}
