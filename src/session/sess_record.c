/* SPDX-License-Identifier: Apache-2.0
 * Records of peers and the rules of RESUME: docs/spec/resume.md sections 5 to 7. */
#include "session/sess_record.h"

#include "base/args.h"
#include "base/rd.h"
#include "base/wr.h"

#include <pqi/wipe.h>

#define VERSION  1u
#define F_SIDE_R 0x01u
#define F_HEARD  0x02u
#define F_SENT   0x04u

/* ---- bytes --------------------------------------------------------------------------------------- */

static bool gen_sound(const pqi_sess_gen *g)
{
    return g->rsid_own != 0 && g->rsid_peer != 0 && g->suite != 0 &&
           (g->mode == PQI_HS_MODE_S || g->mode == PQI_HS_MODE_K || g->mode == PQI_HS_MODE_M) &&
           (g->side == PQI_HS_SIDE_I || g->side == PQI_HS_SIDE_R);
}

static bool record_sound(const pqi_sess_record *r)
{
    bool chunk = r->chunk == 16 || r->chunk == 32 || r->chunk == 64;
    bool depth = r->depth == 10 || r->depth == 12;
    bool gens = r->n == 0 || (r->n <= PQI_SESS_GENS && gen_sound(&r->gen[0]) && !r->gen[0].sent);
    bool second = r->n != 2 || (gen_sound(&r->gen[1]) && !r->gen[1].heard);
    return gens && second && chunk && depth;
}

static void gen_write(wr *w, const pqi_sess_gen *g)
{
    wr_bytes(w, (pqi_cspan){g->rms, sizeof g->rms});
    wr_bytes(w, (pqi_cspan){g->sid, sizeof g->sid});
    wr_u32(w, g->epoch);
    wr_u32(w, g->rsid_own);
    wr_u32(w, g->rsid_peer);
    wr_u16(w, g->suite);
    wr_u8(w, g->mode);
    wr_u8(w, (uint8_t)((g->side == PQI_HS_SIDE_R ? F_SIDE_R : 0u) | (g->heard ? F_HEARD : 0u) |
                       (g->sent ? F_SENT : 0u)));
}

static void copy_into(uint8_t *to, pqi_cspan from)
{
    if (from.ptr != NULL) {
        memcpy(to, from.ptr, from.len);
    }
}

static void gen_read(rd *r, pqi_sess_gen *g)
{
    copy_into(g->rms, rd_bytes(r, sizeof g->rms));
    copy_into(g->sid, rd_bytes(r, sizeof g->sid));
    g->epoch = rd_u32(r);
    g->rsid_own = rd_u32(r);
    g->rsid_peer = rd_u32(r);
    g->suite = rd_u16(r);
    g->mode = rd_u8(r);
    uint8_t flags = rd_u8(r);
    if ((flags & ~(F_SIDE_R | F_HEARD | F_SENT)) != 0) {
        rd_fail(r);
    }
    g->side = (flags & F_SIDE_R) != 0 ? PQI_HS_SIDE_R : PQI_HS_SIDE_I;
    g->heard = (flags & F_HEARD) != 0;
    g->sent = (flags & F_SENT) != 0;
}

pqi_status pqi_sess_record_write(const pqi_sess_record *r, uint8_t out[PQI_SESS_RECORD_LEN])
{
    static const pqi_sess_gen none;
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, PQI_SESS_RECORD_LEN);
    if (r == NULL || !record_sound(r)) {
        return PQI_ERR_ARG;
    }
    size_t len = 0;
    wr w = wr_of((pqi_span){out, PQI_SESS_RECORD_LEN});
    wr_u8(&w, VERSION);
    wr_u8(&w, r->n);
    wr_u8(&w, r->chunk);
    wr_u8(&w, r->depth);
    wr_bytes(&w, (pqi_cspan){r->peer_kid, sizeof r->peer_kid});
    wr_u32(&w, r->peer_key_epoch);
    wr_u64(&w, r->init_ceiling);
    wr_u64(&w, r->last_init);
    wr_u32(&w, r->last_start);
    wr_u32(&w, r->own_key_epoch);
    gen_write(&w, r->n != 0 ? &r->gen[0] : &none);
    gen_write(&w, r->n == 2 ? &r->gen[1] : &none);
    return wr_done(&w, &len);
}

/* The bytes of a generation that is not there are zero: a record has one encoding. */
static void gen_read_if(rd *r, bool there, pqi_sess_gen *g)
{
    if (there) {
        gen_read(r, g);
        return;
    }
    for (size_t i = 0; i < PQI_SESS_GEN_LEN; i += 8) {
        rd_expect(r, 8, 0);
    }
}

pqi_status pqi_sess_record_read(pqi_cspan in, pqi_sess_record *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    rd r = rd_of(in);
    rd_expect(&r, 1, VERSION);
    out->n = rd_u8(&r);
    out->chunk = rd_u8(&r);
    out->depth = rd_u8(&r);
    copy_into(out->peer_kid, rd_bytes(&r, sizeof out->peer_kid));
    out->peer_key_epoch = rd_u32(&r);
    out->init_ceiling = rd_u64(&r);
    out->last_init = rd_u64(&r);
    out->last_start = rd_u32(&r);
    out->own_key_epoch = rd_u32(&r);
    gen_read_if(&r, out->n != 0, &out->gen[0]);
    gen_read_if(&r, out->n == 2, &out->gen[1]);
    if (rd_done(&r) != PQI_OK || !record_sound(out)) {
        pqi_wipe(out, sizeof *out);
        return PQI_ERR_DECODE;
    }
    return PQI_OK;
}

/* ---- the three changes --------------------------------------------------------------------------- */

pqi_status pqi_sess_record_answered(pqi_sess_record *r, unsigned at, const pqi_sess_gen *g)
{
    if (r == NULL || g == NULL || at >= r->n || g->heard) {
        return PQI_ERR_ARG;
    }
    if (at != 0) { /* made under the newer one: the peer has it, so the older one is over */
        r->gen[0] = r->gen[at];
        r->gen[0].heard = true;
        r->gen[0].sent = false;
    }
    r->gen[1] = *g;
    r->gen[1].sent = false;
    r->n = 2;
    return PQI_OK;
}

pqi_status pqi_sess_record_sent(pqi_sess_record *r, const pqi_sess_gen *g)
{
    if (r == NULL || g == NULL || g->heard) {
        return PQI_ERR_ARG;
    }
    if (r->n == 0) {
        pqi_sess_record_replaced(r, g);
        return PQI_OK;
    }
    if (r->n == 2) {
        r->gen[0] = r->gen[1];
        r->gen[0].sent = false;
    }
    r->gen[1] = *g;
    r->gen[1].sent = true;
    r->n = 2;
    return PQI_OK;
}

bool pqi_sess_record_is_of(const pqi_sess_record *r, const uint8_t sid[PQI_HS_SID])
{
    uint8_t other = r->n == 0 ? 1 : 0;
    for (unsigned i = 0; i < r->n; i++) {
        for (size_t k = 0; k < PQI_HS_SID; k++) {
            other |= (uint8_t)(r->gen[i].sid[k] ^ sid[k]);
        }
    }
    return other == 0;
}

void pqi_sess_record_replaced(pqi_sess_record *r, const pqi_sess_gen *g)
{
    pqi_sess_gen keep = *g; /* may be one of the record's own */
    pqi_wipe(r->gen, sizeof r->gen);
    r->gen[0] = keep;
    r->gen[0].sent = false;
    r->n = 1;
    pqi_wipe(&keep, sizeof keep);
}

void pqi_sess_record_heard(pqi_sess_record *r)
{
    if (r->n != 0) {
        pqi_sess_record_replaced(r, &r->gen[r->n - 1u]);
        r->gen[0].heard = true;
    }
}

/* ---- look-up ------------------------------------------------------------------------------------- */

unsigned pqi_sess_record_find(const pqi_sess_record *r, const pqi_hs_short *resume1)
{
    for (unsigned i = r->n; i-- > 0;) {
        if (r->gen[i].rsid_own == resume1->rsid && r->gen[i].epoch == resume1->epoch) {
            return i;
        }
    }
    return PQI_SESS_NONE;
}

pqi_status pqi_sess_record_gen(
    const pqi_algs *a, const pqi_sess_record *r, unsigned at, bool asks, pqi_resume_gen *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    if (a == NULL || r == NULL || at >= r->n) {
        return PQI_ERR_ARG;
    }
    const pqi_sess_gen *g = &r->gen[at];
    const pqi_suite *s = pqi_algs_suite(a, g->suite);
    if (s == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    *out = (pqi_resume_gen){
        s, (pqi_hs_mode)g->mode, g->rms, g->sid, g->epoch, asks ? g->rsid_peer : g->rsid_own};
    return PQI_OK;
}

void pqi_sess_gen_of(const pqi_sess_new *s, pqi_sess_gen *out)
{
    memset(out, 0, sizeof *out);
    memcpy(out->rms, s->keys->rms0, sizeof out->rms);
    memcpy(out->sid, s->keys->sid, sizeof out->sid);
    out->rsid_own = s->rsid_own;
    out->rsid_peer = s->rsid_peer;
    out->suite = s->suite->id;
    out->mode = (uint8_t)s->mode;
    out->side = (uint8_t)s->side;
}

/* ---- rules --------------------------------------------------------------------------------------- */

pqi_status pqi_resume_admit(
    const pqi_sess_record *r, const pqi_resume_slot *s, unsigned at, uint32_t start)
{
    if (r == NULL || s == NULL || at >= r->n) {
        return PQI_ERR_ARG;
    }
    if (start <= r->last_start) {
        return PQI_ERR_REPLAY;
    }
    if (r->n == 2 && r->gen[1].sent && at == 0) {
        return PQI_ERR_STATE; /* the peer may go over to the newer one */
    }
    bool waits = s->pending < PQI_SESS_GENS;
    bool newer = waits && at > s->pending; /* the own one can never be answered */
    return waits && s->lower && !newer ? PQI_ERR_STATE : PQI_OK;
}

unsigned pqi_resume_offer(const pqi_sess_record *r, unsigned attempt, bool waiting)
{
    if (r == NULL || r->n == 0) {
        return PQI_SESS_NONE;
    }
    return r->n == 2 && !waiting && attempt % 2u == 0 ? 1u : 0u;
}
