/* SPDX-License-Identifier: Apache-2.0
 * Records of sessions on the medium, one journal for each peer: docs/spec/resume.md sections 7 and 8. */
#include "proto/mqtt/endpoint_session.h"

#include "base/mem.h"
#include "state/journal.h"

#include <pqi/wipe.h>

#define NAME_ID 8u /* bytes of the hash of a peer's id in the name of its journal */

/* "s-" and hex digits. The name only has to be the same after a restart: what stands in a record is bound to
 * the peer's certificate. */
static pqi_status name_of(const pqi_endpoint *e, size_t at, char out[PQI_JOURNAL_NAME + 1u])
{
    static const char digits[] = "0123456789abcdef";
    const pqi_peer *p = &e->cfg.peers[at];
    const pqi_cspan parts[] = {{PQI_LIT("PQI4 session file")}, {(const uint8_t *)p->id, p->id_len}};
    uint8_t h[PQI_HASH_MAX];
    pqi_status st = e->cfg.algs->classic->hash(PQI_HASH_SHA256, parts, 2, h);
    if (st != PQI_OK) {
        return st;
    }
    char *c = out;
    *c++ = 's';
    *c++ = '-';
    for (size_t i = 0; i < NAME_ID; i++) {
        *c++ = digits[h[i] >> 4];
        *c++ = digits[h[i] & 15u];
    }
    *c = 0;
    return PQI_OK;
}

/* Opens the journal of a peer if it is not: at the first use, and after a write that failed. */
static pqi_status open_journal(
    pqi_endpoint *e, size_t at, pqi_span plain, pqi_span buf, size_t *len)
{
    char name[PQI_JOURNAL_NAME + 1u];
    pqi_status st = name_of(e, at, name);
    return st == PQI_OK ? pqi_journal_open(&e->sessions->journals[at], e->cfg.provider, e->cfg.nvm,
                              name, buf, plain, len)
                        : st;
}

/* Scratch of a record: plain text, and the journal's buffer around it. */
typedef struct room {
    uint8_t plain[PQI_SESS_RECORD_LEN], buf[PQI_SESS_RECORD_LEN + PQI_JOURNAL_OVERHEAD];
} room;

/* Nothing there, or nothing that any attempt will read. */
static bool is_final(pqi_status st)
{
    return st == PQI_OK || st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE || st == PQI_ERR_DECODE;
}

bool pqi_ep_session_restore(pqi_endpoint *e, const pqi_ep_link *p)
{
    pqi_ep_sessions *s = e->sessions;
    const size_t at = p->at.index;
    pqi_sess_record rec = {0};
    room r;
    size_t len = 0;
    pqi_status st = open_journal(
        e, at, (pqi_span){r.plain, sizeof r.plain}, (pqi_span){r.buf, sizeof r.buf}, &len);
    if (st == PQI_OK) {
        st = pqi_sess_record_read((pqi_cspan){r.plain, len}, &rec);
    }
    if (st == PQI_OK) {
        s->marks[at] |= rec.n > 1 ? PQI_EP_TWO : 0u;
        st = pqi_pair_restore(&s->env, &p->at, &rec);
    }
    if (st == PQI_OK && !pqi_pair_passes(&s->env, (uint32_t)at, &s->policy)) {
        pqi_pair_end(&s->env, (uint32_t)at); /* of a policy that was: it leaves the medium */
    }
    if (st != PQI_OK && st != PQI_ERR_MISSING && is_final(st)) {
        s->marks[at] |= PQI_EP_LOST; /* told with the next event of this peer */
    }
    pqi_wipe(&rec, sizeof rec);
    pqi_wipe(&r, sizeof r);
    return is_final(st);
}

/* A generation that is not needed any more leaves both slots. */
static pqi_status write(pqi_endpoint *e, const pqi_ep_link *p, const pqi_sess_record *rec, room *r)
{
    const size_t at = p->at.index;
    pqi_journal *j = &e->sessions->journals[at];
    const pqi_span buf = {r->buf, sizeof r->buf};
    pqi_status st = PQI_OK;
    if (!j->open) {
        size_t len = 0;
        st = open_journal(e, at, (pqi_span){r->plain, sizeof r->plain}, buf, &len);
        st = st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE ? PQI_OK : st;
    }
    if (st == PQI_OK) {
        st = pqi_sess_record_write(rec, r->plain);
    }
    const pqi_cspan plain = {r->plain, sizeof r->plain};
    uint8_t *marks = &e->sessions->marks[at];
    if (st == PQI_OK) { /* of two, one has become another; or one is left */
        const bool keeps = rec->n > 1 && (*marks & PQI_EP_TWO) == 0;
        *marks |= rec->n > 1 ? PQI_EP_TWO : 0u;
        st = keeps ? pqi_journal_save(j, plain, buf) : pqi_journal_settle(j, plain, buf);
    }
    if (st == PQI_OK && rec->n < 2) {
        *marks &= (uint8_t)~PQI_EP_TWO;
    }
    return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
}

pqi_status pqi_ep_session_store(pqi_endpoint *e, const pqi_ep_link *p)
{
    pqi_ep_sessions *s = e->sessions;
    pqi_sess_record rec = {0};
    room r;
    pqi_status st = pqi_pair_record(&s->env, &p->at, &rec);
    const uint8_t f = s->sides[p->at.index].flags;
    const bool next = (f & PQI_EP_NEXT) != 0 && s->env.pairs[p->at.index].core.role == PQI_PAIR_I;
    if (st == PQI_OK && ((f & PQI_EP_ONLY) != 0 || next)) {
        pqi_wipe(rec.gen, sizeof rec.gen); /* no restart makes more of it than it is */
        rec.n = 0;
    }
    if (st == PQI_OK) {
        st = write(e, p, &rec, &r);
        pqi_wipe(&r, sizeof r);
    }
    if (st == PQI_OK) {
        pqi_pair_stored(&s->env, &p->at);
    }
    pqi_wipe(&rec, sizeof rec);
    return st;
}

bool pqi_ep_session_put_away(pqi_endpoint *e, size_t at)
{
    pqi_ep_sessions *s = e->sessions;
    const pqi_peer *peer = &e->cfg.peers[at];
    const pqi_ep_link p = {
        .at = {.index = (uint32_t)at, .key_id = peer->key_id, .key_epoch = peer->key_epoch}};
    const pqi_pair *pair = &s->env.pairs[at];
    if ((s->marks[at] & PQI_EP_RESTORED) == 0) {
        if (!pqi_ep_session_restore(e, &p)) {
            return false;
        }
        s->marks[at] |= PQI_EP_RESTORED;
    }
    if (pair->core.rec.n != 0) {
        pqi_pair_end(&s->env, (uint32_t)at);
    }
    return pair->dirty == 0 || pqi_ep_session_store(e, &p) == PQI_OK;
}
