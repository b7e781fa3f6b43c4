/* SPDX-License-Identifier: Apache-2.0
 * What a day costs a device: 24 ticks, one scheduled head, one device in a thousand revoked, each at a time of
 * its own with a head and a roster behind it, in the order in which a control plane publishes: what was added
 * to the log, the whole log (which is retained and goes to every subscriber too), head, roster. Then a day
 * without news. */
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOURS    24u
#define HOUR_MS  3600000u
#define PAUSE_MS 5000u /* until a question that is due is asked */
#define PER      1000u /* devices for each that is revoked a day */

static const uint32_t fleets[] = {1000, 10000, 100000};

typedef struct day {
    bench_plane plane;
    bench_device device;
    uint64_t log_bytes; /* of the whole log, again and again */
    uint8_t mem[PQI_ROSTER_MAX], policy[PQI_POLICY_MAX];
} day;

/* The object made last, kept. */
static pqi_cspan kept(const bench_plane *p, uint8_t *mem)
{
    memcpy(mem, p->out, p->len);
    return (pqi_cspan){mem, p->len};
}

static pqi_status give(day *d, pqi_object kind, pqi_cspan in)
{
    pqi_ctl_event ev;
    pqi_status st = bench_device_take(&d->device, kind, in, &ev);
    return st == PQI_OK ? ev.status : st;
}

static pqi_status pause_and_ask(day *d)
{
    d->device.now.mono_ms += PAUSE_MS;
    return bench_device_ask(&d->device);
}

/* The whole log after what was added: nothing new is in it. */
static pqi_status whole_log(day *d)
{
    pqi_ctl_event ev;
    pqi_status st = bench_plane_log(&d->plane, 0);
    if (st == PQI_OK) {
        d->log_bytes += d->plane.len;
        st = bench_device_take(
            &d->device, PQI_OBJ_REVOCATIONS, (pqi_cspan){d->plane.out, d->plane.len}, &ev);
    }
    return st != PQI_OK || ev.status == PQI_ERR_REPLAY ? st : PQI_ERR_SELFTEST;
}

static pqi_status what_was_added(day *d)
{
    pqi_status st = bench_plane_log(&d->plane, d->plane.n_revoked - 1);
    if (st == PQI_OK) {
        st = bench_device_hear(&d->device, PQI_OBJ_REVOCATIONS);
    }
    return st == PQI_OK ? whole_log(d) : st;
}

/* A roster, a head that names it. */
static pqi_status news(day *d, bool revoke)
{
    bench_plane *p = &d->plane;
    pqi_status st = revoke ? bench_plane_revoke(p) : PQI_OK;
    if (st == PQI_OK && revoke) {
        st = what_was_added(d);
    }
    if (st == PQI_OK) {
        st = bench_plane_roster(p);
    }
    const pqi_cspan roster = kept(p, d->mem);
    if (st == PQI_OK) {
        st = bench_plane_head(p);
    }
    if (st == PQI_OK) {
        st = bench_device_hear(&d->device, PQI_OBJ_HEAD);
    }
    if (st == PQI_OK) {
        st = give(d, PQI_OBJ_ROSTER, roster);
    }
    return st == PQI_OK ? pause_and_ask(d) : st;
}

static pqi_status hour(day *d)
{
    pqi_status st = bench_plane_tick(&d->plane, d->plane.tick + 1);
    if (st == PQI_OK) {
        st = bench_device_hear(&d->device, PQI_OBJ_TICK);
    }
    if (st == PQI_OK) {
        st = pause_and_ask(d);
    }
    return st == PQI_OK ? pqi_ctl_tick(&d->device.ctl, &d->device.now) : st;
}

/* n revocations spread over the day; head 1: and a head that was due anyway, at noon. */
static pqi_status run(day *d, uint32_t n, bool head)
{
    pqi_status st = PQI_OK;
    uint32_t done = 0;
    for (uint32_t h = 0; h < HOURS && st == PQI_OK; h++) {
        const uint64_t start = d->device.now.mono_ms;
        st = hour(d);
        for (; done < (uint64_t)n * (h + 1) / HOURS && st == PQI_OK; done++) {
            st = news(d, true);
        }
        if (st == PQI_OK && head && h == HOURS / 2) {
            st = news(d, false);
        }
        d->plane.time_s += HOUR_MS / 1000;
        d->device.now.mono_ms = start + HOUR_MS;
    }
    return st;
}

/* A device that has all there is, and to which somebody vouched for it. */
static pqi_status settle(day *d)
{
    pqi_status st = bench_plane_policy(&d->plane);
    const pqi_cspan policy = kept(&d->plane, d->policy);
    if (st == PQI_OK) {
        st = news(d, false);
    }
    if (st == PQI_OK) {
        st = give(d, PQI_OBJ_POLICY, policy);
    }
    return st == PQI_OK ? hour(d) : st;
}

static bool is_well(const bench_device *d)
{
    return pqi_ctl_fresh(&d->ctl, &d->now, (pqi_cspan){NULL, 0}) == PQI_FRESH_FRESH &&
           pqi_ctl_flags(&d->ctl, &d->now) == 0 && d->ctl.path_len != 0 &&
           d->ctl.rev.seq == d->plane->n_revoked && d->ctl.s.clock.known == 2;
}

static void figures(pqi_bench *b, const day *d, const char *name)
{
    const bench_device *v = &d->device;
    pqi_bench_figure(b, name, "received", (double)v->received, "bytes/day");
    pqi_bench_figure(b, name, "whole-logs", (double)d->log_bytes, "bytes/day");
    pqi_bench_figure(b, name, "sent", (double)v->sent, "bytes/day");
    pqi_bench_figure(b, name, "messages", (double)v->messages, "messages/day");
    pqi_bench_figure(b, name, "verified", (double)v->verified, "signatures/day");
    pqi_bench_figure(b, name, "hashed", (double)v->hashed, "hashes/day");
    pqi_bench_figure(b, name, "written", (double)v->medium.written, "bytes/day");
}

static pqi_status a_day(pqi_bench *b, day *d, uint32_t revoked, bool head, const char *name)
{
    bench_device_count(&d->device);
    d->log_bytes = 0;
    pqi_status st = run(d, revoked, head);
    if (st == PQI_OK && !is_well(&d->device)) {
        st = PQI_ERR_SELFTEST;
    }
    if (st == PQI_OK) {
        figures(b, d, name);
    }
    return st;
}

static pqi_status fleet(pqi_bench *b, day *d, const pqi_sig *sig, uint32_t n)
{
    char busy[64], quiet[64];
    (void)snprintf(busy, sizeof busy, "control day %s %u", sig->name, (unsigned)n);
    (void)snprintf(quiet, sizeof quiet, "control quiet %s %u", sig->name, (unsigned)n);
    if (!pqi_bench_wants(b, busy, "received") && !pqi_bench_wants(b, quiet, "received")) {
        return PQI_OK;
    }
    pqi_status st = bench_plane_init(&d->plane, b->algs, sig, n);
    if (st == PQI_OK) {
        st = bench_device_open(&d->device, &d->plane, BENCH_REVOKED);
    }
    if (st == PQI_OK) {
        st = settle(d);
    }
    if (st == PQI_OK) {
        st = a_day(b, d, n / PER, true, busy);
    }
    if (st == PQI_OK) {
        st = a_day(b, d, 0, false, quiet);
    }
    bench_device_close(&d->device);
    bench_plane_free(&d->plane);
    return st;
}

void bench_control_day(pqi_bench *b, const pqi_sig *sig)
{
    day *d = pqi_cli_alloc(sizeof *d);
    pqi_status st = PQI_OK;
    for (size_t i = 0; i < sizeof fleets / sizeof fleets[0] && st == PQI_OK; i++) {
        st = fleet(b, d, sig, fleets[i]);
    }
    if (st != PQI_OK) {
        bench_control_failed(b, "a day", st);
    }
    free(d);
}
