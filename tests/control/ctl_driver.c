/* SPDX-License-Identifier: Apache-2.0
 * usage: ctl_driver < schedule
 * Runs schedules of the control plane on the device's control state (pqi/ctl.h) and prints a line for each step;
 * tests/control/oracle.py predicts them. The language stands in tests/control/schedule.py. */
#include "control/ctl_driver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKED 16u

static drv_world w;
static ctl_rig r;
static fake_nvm snap;
static bool has_device;
static struct {
    pqi_ask q[ASKED];
    size_t n;
} asked;

/* ---- a step's line ------------------------------------------------------------------------------------- */

static uint32_t revoked_mask(uint32_t key_epoch)
{
    uint32_t m = 0;
    for (uint32_t i = 0; i < 24; i++) {
        m |= pqi_ctl_is_revoked(&r.c, i, key_epoch) ? 1u << i : 0;
    }
    return m;
}

static void print_reasons(pqi_fresh fresh, unsigned flags, int grace)
{
    static const pqi_class order[4] = {PQI_CLASS_L, PQI_CLASS_M, PQI_CLASS_H, PQI_CLASS_S};
    for (size_t i = 0; i < 4; i++) {
        const pqi_gate_in in = {.fresh = fresh,
            .flags = flags,
            .op = PQI_OP_RECEIVE,
            .cls = order[i],
            .known = 1,
            .grace = (uint8_t)grace};
        printf(" %s", pqi_reason_name(pqi_gate(&in)));
    }
}

static void print_roster(const pqi_ctl_roster *o)
{
    printf(" %u.%u.%d", o->root_version, o->seq, (int)o->counts);
}

/* taken what root head tick newest log policy roster before equivocation fresh site age flags grace L M H S
 * time wall due more */
static void print_line(int taken, unsigned what, const char *more)
{
    static const pqi_cspan none = {NULL, 0}, site = {PQI_LIT("site/valve")};
    const pqi_ctl *c = &r.c;
    const pqi_ctl_state *s = &c->s;
    const pqi_fresh fresh = pqi_ctl_fresh(c, &r.now, none);
    const unsigned flags = pqi_ctl_flags(c, &r.now);
    const int grace = pqi_ctl_grace(c, &r.now);
    printf("%d %x %u %u.%u %u %u", taken, what, c->manifest.root_version, s->head.root_version,
        s->head.head_epoch, s->tick, s->newest);
    printf(" %u.%u.%u.%u.%u.%u.%x.%x", c->rev.root_version, c->rev.seq, c->rev.named,
        c->rev.void_floor, c->rev.carried, c->rev.alone, revoked_mask(1), revoked_mask(3));
    printf(" %u.%u.%u", c->policy.root_version, c->policy.seq, c->policy.rules.grace_s);
    print_roster(&s->roster);
    print_roster(&s->before);
    printf(" %u.%u %d %d %u %x %d", s->equivocation_root, s->equivocation, (int)fresh,
        (int)pqi_ctl_fresh(c, &r.now, site), pqi_ctl_age(c, &r.now), flags, grace);
    print_reasons(fresh, flags, grace);
    printf(" %" PRIu64 " %" PRIu64 " %s\n", s->time_s, pqi_ctl_now(c, &r.now).unix_s, more);
}

/* ---- starts ---------------------------------------------------------------------------------------------- */

/* A cut may hit the start itself; then it starts once more. */
static void start_again(void)
{
    asked.n = 0;
    pqi_status st = rig_open(&r);
    if (st != PQI_OK && r.power.dead) {
        r.power.dead = 0;
        r.power.cut_at = 0;
        r.now.mono_ms = 0;
        st = rig_open(&r);
    }
    if (st != PQI_OK) {
        (void)fprintf(stderr, "ctl_driver: does not start: %s\n", pqi_status_name(st));
        exit(2);
    }
}

static void power_on(void)
{
    rig_crash(&r);
    r.power.dead = 0;
    r.now.mono_ms = 0;
    start_again();
}

/* What a step did, or that the power failed in it. */
static void done(int taken, unsigned what, const char *more)
{
    if (r.power.dead) {
        r.power.cut_at = 0;
        power_on();
        print_line(2, 0, "cut");
    } else {
        print_line(taken, what, more);
    }
    r.power.cut_at = 0;
}

static void new_device(const int64_t *a)
{
    if (has_device) {
        rig_free(&r);
        fake_nvm_free(&snap);
    }
    has_device = true;
    rig_init(&r, &w.p);
    fake_nvm_init(&snap, NULL);
    r.manifest = w.roots[a[0]].encoded;
    r.cfg.manifest = r.manifest;
    memcpy(r.pinned, w.roots[a[0]].hash, 32);
    r.cfg.revoked_max = (uint32_t)a[1];
    if (a[2] != 0) { /* storage that can be rolled back */
        r.prov.ops = *r.prov.base.ops;
        r.prov.ops.caps = 0;
        r.prov.base.ops = &r.prov.ops;
    }
    r.now.unix_s = (uint64_t)a[3];
    start_again();
    print_line(1, 0, "-");
}

/* ---- records ----------------------------------------------------------------------------------------------- */

static const char *record(int64_t which)
{
    static const char *const names[] = {"ctl", "ctl-rev", "ctl-pol", "ctl-root"};
    return names[which & 3];
}

static void put_back(int64_t which, bool erase)
{
    const fake_slot *old = fake_nvm_find(&snap, record(which));
    fake_slot *now = fake_nvm_find(&r.nvm, record(which));
    for (unsigned k = 0; now != NULL && k < 2; k++) {
        fake_nvm_erase(&r.nvm, record(which), k);
        if (!erase && old != NULL && old->bytes[k] != NULL) {
            now->bytes[k] = malloc(old->len[k]);
            if (now->bytes[k] == NULL) {
                exit(2);
            }
            memcpy(now->bytes[k], old->bytes[k], old->len[k]);
            now->len[k] = old->len[k];
        }
    }
}

/* ---- questions ------------------------------------------------------------------------------------------------ */

static void ask(void)
{
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    char more[96] = "none";
    size_t n = 0;
    uint32_t wait = 0;
    r.c.ask_next_ms = 0; /* how long it waits has tests of its own */
    if (pqi_ctl_ask(&r.c, &r.now, (pqi_span){q, sizeof q}, &n, &wait) != PQI_OK) {
        exit(2);
    }
    if (n != 0) {
        pqi_ask *a = &asked.q[asked.n % ASKED];
        if (pqi_ask_decode((pqi_cspan){q, n}, a) != PQI_OK) {
            exit(2);
        }
        asked.n++;
        (void)snprintf(more, sizeof more, "%u.%u.%u.%u.%u.%u.%u", a->want, a->root_version,
            a->head_epoch, a->tick, a->policy_seq, a->rev_seq, a->roster_seq);
    }
    done(n != 0, 0, more);
}

/* a question root epoch tick time signer */
static void answer(const int64_t *a)
{
    pqi_ask none = {.want = PQI_ASK_STATEMENT};
    pqi_statement s = {.root_version = (uint32_t)a[1],
        .head_epoch = (uint32_t)a[2],
        .tick = (uint32_t)a[3],
        .time = (uint64_t)a[4]};
    memcpy(s.fleet_id, w.p.fleet_id, PQI_FLEET_ID_LEN);
    const pqi_ask *q = asked.n != 0 ? &asked.q[(uint64_t)a[0] % asked.n % ASKED] : &none;
    const pqi_cspan in = plane_answer_of(&w.p, q, &s, (pqi_key)a[5]);
    const pqi_status st = rig_take(&r, PQI_OBJ_STATEMENT, in);
    done(st == PQI_OK, r.ev.what & ~(unsigned)PQI_CTL_WANT, "-");
}

/* v question head i kind age: a witness' word; kind 1: another preimage, 2: another head */
static void word(const int64_t *a)
{
    static const pqi_ask none;
    const drv_object *h = drv_object_at(&w, a[1]);
    const pqi_ask *q = asked.n != 0 ? &asked.q[(uint64_t)a[0] % asked.n % ASKED] : &none;
    uint8_t in[PQI_WITNESS_LEN], pre[32];
    drv_preimage(&w, h, false, (uint32_t)a[2], pre);
    memcpy(in, q->nonce, PQI_NONCE_LEN);
    for (unsigned i = 0; i < 4; i++) {
        in[16 + i] = (uint8_t)(h->head.head_epoch >> (24 - 8 * i));
        in[28 + i] = (uint8_t)((uint32_t)a[2] >> (24 - 8 * i));
        in[64 + i] = (uint8_t)((uint32_t)a[4] >> (24 - 8 * i));
    }
    memcpy(in + 20, h->head.hash, 8);
    memcpy(in + 32, pre, 32);
    in[a[3] == 1 ? 40 : 20] ^= a[3] != 0;
    pqi_ctl_event ev;
    const pqi_status st = pqi_ctl_witness(&r.c, &r.now, (pqi_cspan){in, sizeof in}, &ev);
    done(st == PQI_OK, ev.what & ~(unsigned)PQI_CTL_WANT, "-");
}

/* m path leaf variant: is it a member? */
static void member(const int64_t *a)
{
    const drv_object *path = drv_object_at(&w, a[0]);
    const pqi_leaf leaf = drv_leaf((uint32_t)a[1], (uint32_t)a[2]);
    const pqi_status st = pqi_ctl_member(&r.c, &leaf, path->bytes);
    done(st == PQI_OK, 0, "-");
}

/* ---- the language ------------------------------------------------------------------------------------------------- */

static void take(const int64_t *a)
{
    const drv_object *o = drv_object_at(&w, a[0]);
    const pqi_status st = rig_take(&r, o->kind, o->bytes);
    done(st == PQI_OK, r.ev.what & ~(unsigned)PQI_CTL_WANT, "-");
}

static void pass(uint64_t ms)
{
    r.now.mono_ms += ms;
    r.now.unix_s += ms / 1000u;
    done(1, 0, "-");
}

static void housekeeping(void)
{
    const pqi_status st = pqi_ctl_tick(&r.c, &r.now);
    done(st == PQI_OK, 0, "-");
}

static bool run(char verb, const int64_t *a)
{
    switch (verb) {
    case 'N':
        new_device(a);
        return true;
    case 't':
        take(a);
        return true;
    case 'p':
        pass((uint64_t)a[0]);
        return true;
    case 'z': /* an uptime that begins anew */
        r.now.mono_ms = 0;
        done(1, 0, "-");
        return true;
    case 'h':
        housekeeping();
        return true;
    case 'w':
        r.now.unix_s = (uint64_t)a[0];
        return true;
    case 'q':
        ask();
        return true;
    case 'a':
        answer(a);
        return true;
    case 'v':
        word(a);
        return true;
    case 'm':
        member(a);
        return true;
    case 's':
        fake_nvm_copy(&snap, &r.nvm);
        return true;
    case 'e':
    case 'b':
        put_back(a[0], verb == 'e');
        power_on();
        done(1, 0, "-");
        return true;
    case 'O':
        power_on();
        done(1, 0, "-");
        return true;
    case 'C':
        rig_close(&r);
        power_on();
        done(1, 0, "-");
        return true;
    case 'x':
        r.power.cut_at = r.power.ops + (uint64_t)a[0];
        r.power.mode = (cut_mode)a[1];
        return true;
    default:
        return drv_make(&w, verb, a, DRV_ARGS);
    }
}

int main(void)
{
    static char line[512];
    drv_open(&w);
    while (fgets(line, sizeof line, stdin) != NULL) {
        int64_t a[DRV_ARGS] = {0};
        char *at = line + 1;
        for (size_t i = 0; i < DRV_ARGS; i++) {
            a[i] = strtoll(at, &at, 10);
        }
        if (line[0] == '\n' || line[0] == '#') {
            continue;
        }
        if (!run(line[0], a)) {
            (void)fprintf(stderr, "ctl_driver: what is %s", line);
            return 2;
        }
    }
    if (has_device) {
        rig_free(&r);
        fake_nvm_free(&snap);
    }
    drv_close(&w);
    return 0;
}
