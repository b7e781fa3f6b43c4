/* SPDX-License-Identifier: Apache-2.0
 * Time of a device that trusts no clock but its uptime: docs/spec/control.md section 3. */
#include "control/ctl_int.h"

#define MS 1000u

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t pqi_ctl_up(const pqi_ctl *c, const pqi_now *now)
{
    return now->mono_ms > c->raw_ms ? add(c->seen_ms, now->mono_ms - c->raw_ms) : c->seen_ms;
}

void pqi_ctl_see(pqi_ctl *c, const pqi_now *now)
{
    c->seen_ms = pqi_ctl_up(c, now);
    c->raw_ms = now->mono_ms;
}

uint64_t pqi_ctl_tick_ms(const pqi_ctl *c)
{
    return (uint64_t)c->policy.rules.tick_s * MS;
}

/* ---- how old --------------------------------------------------------------------------------------- */

uint64_t pqi_ctl_clock_age(const pqi_ctl_clock *k, uint64_t up)
{
    return up > k->at_ms ? add(k->ms, up - k->at_ms) : k->ms;
}

void pqi_ctl_clock_lose(pqi_ctl_state *s)
{
    s->clock.ms = AGE_LOST;
    s->clock.known = 0;
    for (uint32_t i = 0; i < s->n_local; i++) {
        s->local[i].clock.ms = AGE_LOST;
        s->local[i].clock.known = 0;
    }
}

/* A tick that was held back on its way makes only as much younger as it is newer. */
void pqi_ctl_clock_hear(pqi_ctl_clock *k, uint64_t up, uint64_t ticks, uint64_t tick_ms)
{
    uint64_t age = pqi_ctl_clock_age(k, up);
    uint64_t less = ticks * tick_ms; /* 32 bits of ticks of at most a day */
    if (age == AGE_LOST) {
        return;
    }
    k->ms = age > less ? age - less : 0;
    k->at_ms = up;
    k->known = k->known != 0 ? k->known : 1;
}

void pqi_ctl_clock_vouch(pqi_ctl_clock *k, uint64_t up, uint64_t age_ms)
{
    k->ms = age_ms;
    k->at_ms = up;
    k->known = 2;
}

void pqi_ctl_heard(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up, uint32_t number)
{
    uint32_t newer = number > s->newest ? number - s->newest : 0;
    pqi_ctl_clock_hear(&s->clock, up, newer, pqi_ctl_tick_ms(c));
    s->newest += newer;
    for (uint32_t i = 0; i < s->n_local && newer != 0; i++) {
        s->local[i].fleet_i = s->local[i].i;
    }
}

void pqi_ctl_local_ages(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up)
{
    const uint64_t tick = pqi_ctl_tick_ms(c), fleet = pqi_ctl_clock_age(&s->clock, up);
    const uint32_t since = s->newest > s->head.tick_base ? s->newest - s->head.tick_base : 0;
    const uint64_t base = add(fleet, since * tick);
    for (uint32_t i = 0; i < s->n_local && base != AGE_LOST; i++) {
        pqi_ctl_local *l = &s->local[i];
        const uint64_t less = l->i * tick, age = base > less ? base - less : 0;
        if (age < pqi_ctl_clock_age(&l->clock, up)) {
            l->clock.ms = age;
            l->clock.at_ms = up;
        }
    }
}

/* ---- unix time -------------------------------------------------------------------------------------- */

uint64_t pqi_ctl_estimate(const pqi_ctl_state *s, uint64_t up)
{
    return up > s->est_ms ? add(s->est_s, (up - s->est_ms) / MS) : s->est_s;
}

/* Time that was signed under an older root says nothing any more once one of ours is here. */
static bool has_time(const pqi_ctl *c, const pqi_ctl_state *s)
{
    return s->time_s != 0 && s->time_root == c->manifest.root_version;
}

static void set_time(const pqi_ctl *c, pqi_ctl_state *s, uint64_t time_s)
{
    s->time_s = time_s;
    s->time_root = c->manifest.root_version;
}

/* A head may be an old one: its time is a lower bound, and it moves what we have at most so far that a
 * stolen head key cannot end every certificate at once (INV-105). */
unsigned pqi_ctl_time_head(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up, uint64_t time_s)
{
    const uint64_t now = pqi_ctl_estimate(s, up);
    if (time_s == 0 || (has_time(c, s) && time_s <= s->time_s)) {
        return 0;
    }
    bool far = has_time(c, s) && time_s > add(now, c->policy.rules.max_step_s);
    if (far || time_s > UINT32_MAX) {
        return PQI_CTL_TIME_STEP;
    }
    bool first = !has_time(c, s);
    set_time(c, s, time_s);
    if (first || time_s > now) {
        s->est_s = time_s;
        s->est_ms = up;
    }
    return 0;
}

/* In answer to a nonce of ours: how far it steps does not matter, but it never goes back (INV-74). */
void pqi_ctl_time_statement(const pqi_ctl *c, pqi_ctl_state *s, uint64_t asked_ms, uint64_t time_s)
{
    bool back = has_time(c, s) && time_s < s->time_s;
    if (time_s == 0 || time_s > UINT32_MAX || back) {
        return;
    }
    set_time(c, s, time_s);
    s->est_s = time_s;
    s->est_ms = asked_ms;
}

bool pqi_ctl_wall_ok(const pqi_ctl *c, const pqi_now *now)
{
    const uint64_t least = pqi_ctl_estimate(&c->s, pqi_ctl_up(c, now));
    return c->s.time_s == 0 ||
           (now->unix_s >= least && now->unix_s <= add(least, c->policy.rules.max_step_s));
}

pqi_now pqi_ctl_now(const pqi_ctl *c, const pqi_now *now)
{
    pqi_now out = {0, 0, 0};
    if (now == NULL) {
        return out;
    }
    out = *now;
    if (c == NULL || !c->open) {
        return out;
    }
    if (c->s.head.head_epoch != 0) {
        out.control_epoch = c->s.head.head_epoch;
    }
    if (!pqi_ctl_wall_ok(c, now)) {
        out.unix_s = pqi_ctl_estimate(&c->s, pqi_ctl_up(c, now));
    }
    return out;
}
