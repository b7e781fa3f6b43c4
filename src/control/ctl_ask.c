/* SPDX-License-Identifier: Apache-2.0
 * Questions to the control plane: what is missing, and how often to ask. docs/spec/control.md sections 1.7
 * and 3. */
#include "control/ctl_int.h"

#include "base/mem.h"

#include <pqi/wipe.h>

#define FIRST_MS  2000u   /* until the second question */
#define LAST_MS   600000u /* between questions that nobody answers */
#define ASKS_WANT 3u      /* questions for what somebody else has */

/* Is something missing that a newer object brings? */
static bool wants_newest(const pqi_ctl *c)
{
    const bool head = pqi_ctl_has_plane(c) &&
                      (!pqi_ctl_has_head(c) || c->s.head.head_epoch < pqi_ctl_floor(c, FLOOR_HEAD));
    return head || pqi_ctl_root_behind(c) || pqi_ctl_rev_gap(c) || pqi_ctl_policy_gap(c) ||
           pqi_ctl_roster_gap(c);
}

/* Nobody vouched since the start for what is the newest, or it is not fresh any more. */
static bool wants_time(const pqi_ctl *c, uint64_t up)
{
    static const pqi_cspan none = {NULL, 0};
    const pqi_fresh f = pqi_ctl_fresh_at(c, up, none);
    return f != PQI_FRESH_NONE && (f != PQI_FRESH_FRESH || c->s.clock.known != 2);
}

uint8_t pqi_ctl_due(const pqi_ctl *c, uint64_t up)
{
    unsigned want = c->want;
    if (!c->open) {
        return 0;
    }
    want |= wants_newest(c) ? PQI_ASK_NEWEST : 0;
    want |= wants_time(c, up) ? PQI_ASK_STATEMENT : 0;
    const bool path = (c->policy.rules.flags & PQI_POLICY_ROSTER) != 0 && c->path_len == 0 &&
                      c->s.roster.counts == PQI_CTL_NAMED;
    return (uint8_t)(want | (path ? PQI_ASK_PATH : 0));
}

void pqi_ctl_answered(pqi_ctl *c)
{
    c->asking = 0;
    c->counted = 0;
    c->ask_tries = 0;
    pqi_wipe(c->nonce, sizeof c->nonce);
}

void pqi_ctl_ask_soon(pqi_ctl *c)
{
    const uint64_t soon = c->seen_ms + FIRST_MS;
    c->ask_tries = 0;
    c->ask_next_ms = c->ask_next_ms < soon ? c->ask_next_ms : soon;
}

void pqi_ctl_want(pqi_ctl *c, const pqi_now *now, uint8_t want)
{
    if (c == NULL || now == NULL || !c->open) {
        return;
    }
    c->want |= want & (PQI_ASK_STATEMENT | PQI_ASK_PATH | PQI_ASK_NEWEST);
    c->want_left = ASKS_WANT;
}

/* A nonce stays open while its answer would still tell something: an answer that comes after the next
 * question is as good. */
static bool nonce_stale(const pqi_ctl *c, uint64_t up)
{
    const uint64_t tick = pqi_ctl_tick_ms(c), age = up - c->asked_ms;
    return (c->asking & PQI_ASK_STATEMENT) == 0 || age >= LAST_MS || age >= tick;
}

/* Doubles with each question, and is up to a quarter less, by chance: a fleet that starts at once does not
 * ask at once. */
static uint64_t pause(uint8_t tries, uint8_t chance)
{
    uint64_t ms = FIRST_MS;
    for (uint8_t i = 0; i < tries && ms < LAST_MS; i++) {
        ms *= 2u;
    }
    ms = ms < LAST_MS ? ms : LAST_MS;
    return ms - ms / 4u * chance / 256u;
}

static uint32_t until(uint64_t up, uint64_t then)
{
    const uint64_t left = then > up ? then - up : 0;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

/* Nothing is wanted: when the time will be. */
static uint32_t until_stale(const pqi_ctl *c, uint64_t up)
{
    const uint64_t fresh = c->policy.rules.fresh * pqi_ctl_tick_ms(c);
    const uint64_t age = pqi_ctl_clock_age(&c->s.clock, up);
    return pqi_ctl_has_plane(c) && fresh >= age ? until(age, fresh) : UINT32_MAX;
}

static pqi_status write_question(pqi_ctl *c, uint8_t want, pqi_span out, size_t *len)
{
    const bool has = pqi_ctl_has_head(c);
    pqi_ask q = {.want = want,
        .root_version = c->manifest.root_version,
        .head_epoch = has ? c->s.head.head_epoch : 0,
        .tick = has ? c->s.tick : 0,
        .policy_seq = c->policy.root_version == c->manifest.root_version ? c->policy.seq : 0,
        .rev_seq = pqi_ctl_rev_known(c),
        .roster_seq = c->s.roster.root_version == c->manifest.root_version ? c->s.roster.seq : 0,
        .roster_index = c->cfg.leaf.roster_index,
        .id = c->cfg.id};
    memcpy(q.kid, c->cfg.kid, PQI_KID_LEN);
    memcpy(q.nonce, c->nonce, PQI_NONCE_LEN);
    return pqi_ask_write(&q, out, len);
}

/* What the next question holds. The nonce is none that anybody saw before. */
static pqi_status prepare(pqi_ctl *c, uint8_t want, uint64_t up, uint8_t *chance)
{
    uint8_t drawn[PQI_NONCE_LEN + 1u];
    pqi_status st = pqi_provider_random(c->cfg.provider, (pqi_span){drawn, sizeof drawn});
    if (st != PQI_OK) {
        return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
    }
    *chance = drawn[PQI_NONCE_LEN];
    if ((want & PQI_ASK_STATEMENT) != 0 && nonce_stale(c, up)) {
        memcpy(c->nonce, drawn, PQI_NONCE_LEN);
        c->asking = PQI_ASK_STATEMENT;
        c->asked_ms = up;
    }
    return PQI_OK;
}

static void sent(pqi_ctl *c, uint64_t up, uint8_t chance)
{
    c->ask_next_ms = up + pause(c->ask_tries, chance);
    if (c->ask_tries < UINT8_MAX) {
        c->ask_tries++;
    }
    if (c->want != 0) {
        c->want_left--;
        c->want = c->want_left != 0 ? c->want : 0;
    }
}

pqi_status pqi_ctl_ask(pqi_ctl *c, const pqi_now *now, pqi_span out, size_t *len, uint32_t *wait_ms)
{
    if (c == NULL || now == NULL || len == NULL || wait_ms == NULL) {
        return PQI_ERR_ARG;
    }
    *len = 0;
    *wait_ms = 0;
    if (!c->open) {
        return PQI_ERR_STATE;
    }
    pqi_ctl_see(c, now);
    const uint64_t up = c->seen_ms;
    const uint8_t want = pqi_ctl_due(c, up);
    if (want == 0 || up < c->ask_next_ms) {
        *wait_ms = want == 0 ? until_stale(c, up) : until(up, c->ask_next_ms);
        return PQI_OK;
    }
    if (out.ptr == NULL || out.len < PQI_ASK_LEN + c->cfg.id.len) {
        *len = PQI_ASK_LEN + c->cfg.id.len;
        return PQI_ERR_SPACE;
    }
    uint8_t chance = 0;
    pqi_status st = prepare(c, want, up, &chance);
    if (st == PQI_OK) {
        st = write_question(c, want, out, len);
    }
    if (st == PQI_OK) {
        sent(c, up, chance);
        *wait_ms = until(up, c->ask_next_ms);
    }
    return st;
}
