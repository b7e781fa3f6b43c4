/* SPDX-License-Identifier: Apache-2.0
 * The tick box of a site. docs/spec/control.md section 1.9.
 *
 * Implementation notes. Every change is made in box->draft and counts after pqi_ticks_save(). Time since a head only
 * ever comes out too short: it begins when the head is seen, goes on with a clock that runs while the machine
 * sleeps, and what passes between two boots is not counted; ticks of the fleet, which cannot be made before
 * their time, mend it. */
#include "port/linux/ticks_int.h"

#include "ident/ident.h"
#include "port/linux/file_atomic.h"

#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_MS 600000u /* between two records of nothing but time */

const char *pqi_host_ticks_why(void)
{
    return pqi_why_get();
}

/* ---- time --------------------------------------------------------------------------------------- */

/* The clock of another boot, or of another machine, tells nothing about what was stored. */
static void resume_clock(pqi_host_ticks *t)
{
    pqi_ticks_state *s = &t->box->s;
    const uint64_t now = pqi_ticks_now(t);
    if (t->boot[0] == 0 || memcmp(s->boot, t->boot, sizeof t->boot) != 0 || s->at_ms > now) {
        s->at_ms = now;
        memcpy(s->boot, t->boot, sizeof t->boot);
    }
    t->heard_ms = now;
    t->saved_ms = now;
}

static uint64_t elapsed(const pqi_ticks_state *s, uint64_t now)
{
    return s->elapsed_ms + (now > s->at_ms ? now - s->at_ms : 0);
}

/* A draft of the state as of now. */
static pqi_ticks_state *draft(pqi_host_ticks *t, uint64_t now)
{
    pqi_ticks_state *d = &t->box->draft;
    *d = t->box->s;
    d->elapsed_ms = elapsed(d, now);
    d->at_ms = now > d->at_ms ? now : d->at_ms;
    memcpy(d->boot, t->boot, sizeof d->boot);
    return d;
}

static uint64_t tick_ms(const pqi_host_ticks *t)
{
    return (uint64_t)t->cfg.tick_s * 1000u;
}

static pqi_cspan root_of(const pqi_host_ticks *t)
{
    return (pqi_cspan){t->root_bytes, t->root_len};
}

static pqi_cspan head_of(const pqi_host_ticks *t)
{
    return (pqi_cspan){t->head_bytes, t->head_len};
}

/* ---- open and close ------------------------------------------------------------------------------- */

void pqi_host_ticks_close(pqi_host_ticks *t)
{
    if (t == NULL) {
        return;
    }
    pqi_pmem_unmap(&t->mem);
    pqi_host_provider_close(t->provider);
    if (t->lock >= 0) {
        (void)close(t->lock);
    }
    free(t->tmp.ptr);
    free(t);
}

static pqi_status check_cfg(const pqi_host_ticks_cfg *cfg)
{
    if (cfg == NULL || cfg->dir == NULL || cfg->dir[0] == '\0') {
        return pqi_why(PQI_ERR_ARG, "the directory of a tick box is needed");
    }
    if (cfg->device != NULL &&
        pqi_id_check((pqi_cspan){(const uint8_t *)cfg->device, strlen(cfg->device)}) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "this is no device id");
    }
    if (cfg->tick_s > 86400 || cfg->after > PQI_TICKS_MAX) {
        return pqi_why(PQI_ERR_ARG, "a tick has 1 to 86400 seconds");
    }
    if (cfg->boot != NULL && (cfg->boot[0] == '\0' || strlen(cfg->boot) > PQI_TICKS_BOOT_MAX)) {
        return pqi_why(PQI_ERR_ARG, "a boot has a name of up to %u characters", PQI_TICKS_BOOT_MAX);
    }
    return PQI_OK;
}

static pqi_status set_up(pqi_host_ticks *t, const pqi_host_ticks_cfg *cfg)
{
    t->lock = -1;
    t->index = -1;
    t->cfg = *cfg;
    memset(&t->cfg.kek, 0, sizeof t->cfg.kek);
    t->cfg.tick_s = cfg->tick_s != 0 ? cfg->tick_s : 3600;
    t->cfg.after = cfg->after != 0 ? cfg->after : 2;
    if (cfg->device != NULL) {
        memcpy(t->device, cfg->device, strnlen(cfg->device, PQI_TICKS_DEVICE_MAX));
    }
    pqi_ticks_boot(t, cfg->boot);
    (void)pqi_host_algs(&t->algs);
    t->tmp = (pqi_span){malloc(pqi_host_tmp_len(&t->algs)), pqi_host_tmp_len(&t->algs)};
    pqi_status st = pqi_file_absolute(cfg->dir, t->dir, sizeof t->dir);
    if (st == PQI_OK && t->tmp.ptr == NULL) {
        st = PQI_ERR_LIMIT;
    }
    if (st == PQI_OK) {
        st = pqi_pmem_map(&t->mem, sizeof *t->box);
    }
    if (st == PQI_OK) {
        t->box = (pqi_ticks_box *)(void *)t->mem.data.ptr;
    }
    return st == PQI_OK ? st : pqi_why(st, "cannot set up the tick box: %s", pqi_status_text(st));
}

/* Lock and provider; there may be no state yet. */
static pqi_status attach(pqi_host_ticks **out, const pqi_host_ticks_cfg *cfg, int create)
{
    char keys[PQI_DIR_PATH_MAX];
    pqi_host_ticks *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = set_up(t, cfg);
    if (st == PQI_OK && create) {
        st = pqi_dir_make(t->dir);
    }
    if (st == PQI_OK && !create && !pqi_dir_has(t->dir, "box")) {
        st = pqi_why(PQI_ERR_MISSING, "there is no tick box in %s", t->dir);
    }
    if (st == PQI_OK) {
        st = pqi_dir_lock(t->dir, &t->lock);
    }
    if (st == PQI_OK) {
        st = pqi_dir_path(t->dir, "keys", keys);
    }
    if (st == PQI_OK) {
        pqi_why_clear();
        st = pqi_keys_why(
            pqi_keys_open(&t->provider, &t->algs, keys, &cfg->kek, create), "the tick box", t->dir);
    }
    if (st != PQI_OK) {
        pqi_host_ticks_close(t);
        return st;
    }
    *out = t;
    return PQI_OK;
}

static pqi_status make_chain(pqi_host_ticks *t, pqi_ticks_seeded *x, uint32_t count)
{
    memset(x, 0, sizeof *x);
    if (count < 1 || count > PQI_TICKS_MAX) {
        return pqi_why(PQI_ERR_ARG, "a chain has 1 to %u ticks", PQI_TICKS_MAX);
    }
    x->c.count = count;
    pqi_status st = pqi_provider_random(t->provider, (pqi_span){x->seed, PQI_HASH_LEN});
    if (st == PQI_OK) {
        st = pqi_hash_steps(&t->algs, PQI_CHAIN_TICK, x->seed, count, x->c.anchor);
    }
    return st == PQI_OK ? st : pqi_why(st, "cannot make a chain: %s", pqi_status_text(st));
}

pqi_status pqi_host_ticks_new(const pqi_host_ticks_cfg *cfg, uint32_t count)
{
    pqi_host_ticks *t = NULL;
    pqi_why_clear();
    pqi_status st = check_cfg(cfg);
    if (st == PQI_OK && (count < 1 || count > PQI_TICKS_MAX)) {
        st = pqi_why(PQI_ERR_ARG, "a chain has 1 to %u ticks", PQI_TICKS_MAX);
    }
    if (st == PQI_OK && pqi_dir_has(cfg->dir, "box")) {
        st = pqi_why(PQI_ERR_STATE, "%s already holds a tick box", cfg->dir);
    }
    if (st == PQI_OK) {
        st = attach(&t, cfg, 1);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (pqi_dir_has(t->dir, "box")) { /* made while we waited for the lock */
        st = pqi_why(PQI_ERR_STATE, "%s already holds a tick box", cfg->dir);
    }
    if (st == PQI_OK) { /* an earlier run may have stopped before its file was there */
        st = pqi_provider_counter_get(t->provider, PQI_SLOT_TICKS, &t->generation);
    }
    if (st == PQI_OK) {
        st = make_chain(t, &draft(t, pqi_ticks_now(t))->chain, count);
    }
    if (st == PQI_OK) {
        st = pqi_ticks_save(t, root_of(t), head_of(t));
    }
    pqi_host_ticks_close(t);
    return st;
}

static int same(pqi_cspan a, const char *b)
{
    return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

/* Where the head names us with this chain; -1: nowhere. */
static int find(const pqi_host_ticks *t, const pqi_head *h, const pqi_ticks_chain *c)
{
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        if (t->device[0] != '\0' && same(d->device_id, t->device) && d->count == c->count &&
            memcmp(d->anchor, c->anchor, PQI_HASH_LEN) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* What is stored was verified when it was taken. */
static pqi_status decode_stored(pqi_host_ticks *t)
{
    pqi_status st = PQI_OK;
    if (t->root_len != 0) {
        st = pqi_manifest_decode(&t->algs, root_of(t), &t->manifest);
    }
    if (st == PQI_OK && t->head_len != 0) {
        st = pqi_head_decode(&t->algs, head_of(t), &t->head);
        t->index = st == PQI_OK ? find(t, &t->head, &t->box->s.chain.c) : -1;
    }
    return st == PQI_OK ? st : pqi_why(PQI_ERR_STORAGE, "the tick box in %s is damaged", t->dir);
}

pqi_status pqi_host_ticks_open(pqi_host_ticks **out, const pqi_host_ticks_cfg *cfg)
{
    pqi_host_ticks *t = NULL;
    pqi_why_clear();
    if (out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    *out = NULL;
    pqi_status st = check_cfg(cfg);
    if (st == PQI_OK) {
        st = attach(&t, cfg, 0);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ticks_load(t);
    if (st == PQI_OK) {
        st = decode_stored(t);
    }
    if (st != PQI_OK) {
        pqi_host_ticks_close(t);
        return st;
    }
    resume_clock(t);
    *out = t;
    return PQI_OK;
}

pqi_status pqi_host_ticks_renew(pqi_host_ticks *t, uint32_t count)
{
    pqi_why_clear();
    if (t == NULL) {
        return pqi_why(PQI_ERR_ARG, "no tick box");
    }
    pqi_status st = make_chain(t, &draft(t, pqi_ticks_now(t))->next, count);
    return st == PQI_OK ? pqi_ticks_save(t, root_of(t), head_of(t)) : st;
}

pqi_status pqi_host_ticks_get_info(pqi_host_ticks *t, pqi_ticks_info *out)
{
    pqi_why_clear();
    if (t == NULL || out == NULL) {
        return pqi_why(PQI_ERR_ARG, "no tick box");
    }
    const pqi_ticks_state *s = &t->box->s;
    *out = (pqi_ticks_info){.chain = s->chain.c,
        .next = s->next.c,
        .root_version = t->root_len != 0 ? t->manifest.root_version : 0,
        .head_epoch = t->head_len != 0 ? t->head.head_epoch : 0,
        .named = t->index >= 0,
        .fleet_tick = s->fleet_i,
        .giving = s->giving,
        .elapsed_ms = t->head_len != 0 ? elapsed(s, pqi_ticks_now(t)) : 0};
    return PQI_OK;
}

pqi_status pqi_host_ticks_export(pqi_host_ticks *t, pqi_span out, size_t *out_len)
{
    pqi_why_clear();
    if (t == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "a tick box and room for its record are needed");
    }
    const pqi_ticks_state *s = &t->box->s;
    const pqi_ticks_chain *c = s->next.c.count != 0 ? &s->next.c : &s->chain.c;
    pqi_ticks_record r = {.count = c->count};
    memcpy(r.anchor, c->anchor, PQI_HASH_LEN);
    pqi_status st = pqi_ticks_record_write(&r, out, out_len);
    return st == PQI_OK ? st : pqi_why(st, "no room for the record");
}

/* ---- root --------------------------------------------------------------------------------------- */

/* Heads of the version before say nothing any more. */
static pqi_status install_root(pqi_host_ticks *t, pqi_cspan in)
{
    const pqi_cspan none = {NULL, 0};
    (void)draft(t, pqi_ticks_now(t));
    pqi_status st = pqi_ticks_save(t, in, none);
    if (st != PQI_OK) {
        return st;
    }
    memmove(t->root_bytes, in.ptr, in.len);
    t->root_len = in.len;
    t->head_len = 0;
    t->index = -1;
    return pqi_manifest_decode(&t->algs, root_of(t), &t->manifest);
}

pqi_status pqi_host_ticks_begin(pqi_host_ticks *t, pqi_cspan manifest)
{
    pqi_manifest m;
    pqi_why_clear();
    if (t == NULL || manifest.ptr == NULL) {
        return pqi_why(PQI_ERR_ARG, "a tick box and a root manifest are needed");
    }
    if (pqi_manifest_decode(&t->algs, manifest, &m) != PQI_OK ||
        manifest.len > sizeof t->root_bytes) {
        return pqi_why(PQI_ERR_DECODE, "this is not a root manifest");
    }
    if (t->root_len == 0) {
        return install_root(t, manifest);
    }
    if (memcmp(m.fleet_id, t->manifest.fleet_id, PQI_FLEET_ID_LEN) != 0) {
        return pqi_why(PQI_ERR_AUTH, "the tick box in %s belongs to another fleet", t->dir);
    }
    if (m.root_version == t->manifest.root_version &&
        memcmp(m.hash, t->manifest.hash, sizeof m.hash) != 0) {
        return pqi_why(
            PQI_ERR_AUTH, "the tick box in %s knows another manifest of this version", t->dir);
    }
    return m.root_version > t->manifest.root_version ? install_root(t, manifest) : PQI_OK;
}

static pqi_status take_root(pqi_host_ticks *t, pqi_cspan in)
{
    pqi_manifest m;
    pqi_status st = pqi_manifest_decode(&t->algs, in, &m);
    if (st != PQI_OK) {
        return st;
    }
    if (memcmp(m.fleet_id, t->manifest.fleet_id, PQI_FLEET_ID_LEN) != 0) {
        return PQI_ERR_AUTH;
    }
    if (m.root_version <= t->manifest.root_version) {
        return PQI_ERR_REPLAY;
    }
    if (m.root_version - t->manifest.root_version != 1) {
        return pqi_why(PQI_ERR_MISSING,
            "root version %u is out and version %u is known here: give "
            "a newer root manifest",
            m.root_version, t->manifest.root_version);
    }
    st = pqi_manifest_verify(&t->algs, &m, &t->manifest, t->tmp);
    if (st == PQI_OK) {
        st = pqi_manifest_verify(&t->algs, &m, &m, t->tmp);
    }
    return st == PQI_OK ? install_root(t, in) : st;
}

/* ---- head, tick --------------------------------------------------------------------------------- */

static int is_newer(const pqi_host_ticks *t, const pqi_head *h)
{
    const pqi_ticks_state *s = &t->box->s;
    return h->root_version != s->root_version ? h->root_version > s->root_version
                                              : h->head_epoch > s->head_epoch;
}

static pqi_status take_head(pqi_host_ticks *t, pqi_cspan in)
{
    pqi_head h;
    pqi_status st =
        in.len <= sizeof t->head_bytes ? pqi_head_decode(&t->algs, in, &h) : PQI_ERR_DECODE;
    if (st != PQI_OK) {
        return st;
    }
    if (h.root_version > t->manifest.root_version) {
        return PQI_ERR_MISSING;
    }
    if (!is_newer(t, &h)) {
        return PQI_ERR_REPLAY;
    }
    st = pqi_head_verify(&t->algs, &h, &t->manifest, t->tmp);
    if (st != PQI_OK) {
        return st;
    }
    const uint64_t now = pqi_ticks_now(t);
    pqi_ticks_state *d = draft(t, now);
    d->root_version = h.root_version;
    d->head_epoch = h.head_epoch;
    d->fleet_i = 0;
    memcpy(d->fleet_h, h.tick_anchor, PQI_HASH_LEN);
    d->giving = 0;
    d->elapsed_ms = 0;
    if (d->next.c.count != 0 &&
        find(t, &h, &d->next.c) >= 0) { /* a head names it: the old one ends */
        d->chain = d->next;
        memset(&d->next, 0, sizeof d->next);
    }
    st = pqi_ticks_save(t, root_of(t), in);
    if (st != PQI_OK) {
        return st;
    }
    memmove(t->head_bytes, in.ptr, in.len);
    t->head_len = in.len;
    t->heard_ms = now;
    t->saved_ms = now;
    return decode_stored(t);
}

static pqi_status take_tick(pqi_host_ticks *t, pqi_cspan in)
{
    pqi_tick x;
    const pqi_ticks_state *s = &t->box->s;
    pqi_status st = pqi_tick_decode(in, &x);
    if (st != PQI_OK) {
        return st;
    }
    if (t->head_len == 0 || x.epoch > t->head.head_epoch) {
        return PQI_ERR_MISSING;
    }
    if (x.local || x.epoch < t->head.head_epoch || x.i <= s->fleet_i) {
        return PQI_ERR_REPLAY;
    }
    st = pqi_tick_check(&t->algs, &x, s->fleet_i, s->fleet_h, t->head.tick_count);
    if (st != PQI_OK) {
        return st;
    }
    const uint64_t now = pqi_ticks_now(t), least = x.i * tick_ms(t);
    pqi_ticks_state *d = draft(t, now);
    d->fleet_i = x.i;
    memcpy(d->fleet_h, x.h, PQI_HASH_LEN);
    d->giving = 0;
    d->elapsed_ms = d->elapsed_ms > least ? d->elapsed_ms : least;
    st = pqi_ticks_save(t, root_of(t), head_of(t));
    if (st == PQI_OK) {
        t->heard_ms = now;
        t->saved_ms = now;
    }
    return st;
}

pqi_status pqi_host_ticks_take(pqi_host_ticks *t, pqi_object kind, pqi_cspan in)
{
    pqi_why_clear();
    if (t == NULL || (kind != PQI_OBJ_ROOT && kind != PQI_OBJ_HEAD && kind != PQI_OBJ_TICK)) {
        return pqi_why(PQI_ERR_ARG, "a tick box takes roots, heads and ticks");
    }
    if (in.ptr == NULL || in.len == 0) {
        return PQI_ERR_DECODE;
    }
    if (t->root_len == 0) {
        return pqi_why(PQI_ERR_MISSING, "the tick box in %s knows no root manifest", t->dir);
    }
    return kind == PQI_OBJ_ROOT   ? take_root(t, in)
           : kind == PQI_OBJ_HEAD ? take_head(t, in)
                                  : take_tick(t, in);
}

/* ---- giving ------------------------------------------------------------------------------------- */

static int under_head(const pqi_host_ticks *t, const pqi_ticks_chain *c)
{
    return c->root_version == t->head.root_version && c->head_epoch == t->head.head_epoch;
}

static pqi_status may_give(const pqi_host_ticks *t)
{
    const pqi_ticks_chain *c = &t->box->s.chain.c;
    if (t->root_len == 0 || t->head_len == 0) {
        return pqi_why(PQI_ERR_MISSING, "no head was seen yet");
    }
    if (t->index < 0) {
        return pqi_why(PQI_ERR_MISSING, "head %u does not name this box with an anchor of it",
            t->head.head_epoch);
    }
    if (c->head_epoch != 0 && !under_head(t, c) && !t->cfg.reuse) {
        return pqi_why(PQI_ERR_POLICY,
            "the chain was used under head %u: make the next one and name it", c->head_epoch);
    }
    return PQI_OK;
}

static uint32_t given_here(const pqi_host_ticks *t)
{
    const pqi_ticks_chain *c = &t->box->s.chain.c;
    return under_head(t, c) ? c->given : 0;
}

static pqi_status value(pqi_host_ticks *t, uint32_t i, pqi_tick *out)
{
    const pqi_ticks_seeded *x = &t->box->s.chain;
    *out = (pqi_tick){.local = 1, .index = (uint8_t)t->index, .epoch = t->head.head_epoch, .i = i};
    return pqi_hash_steps(&t->algs, PQI_CHAIN_TICK, x->seed, x->c.count - i, out->h);
}

static uint32_t until(uint64_t from, uint64_t to)
{
    const uint64_t n = to > from ? to - from : 1;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Has the fleet been silent for long enough, or are we in the middle of it? */
static int is_on(const pqi_host_ticks *t, uint64_t now)
{
    return t->cfg.always || t->box->s.giving ||
           now - t->heard_ms >= (uint64_t)t->cfg.after * tick_ms(t);
}

static pqi_status give(pqi_host_ticks *t, uint64_t now, uint32_t i, pqi_tick *out)
{
    pqi_ticks_state *d = draft(t, now);
    d->chain.c.given = i;
    d->chain.c.root_version = t->head.root_version;
    d->chain.c.head_epoch = t->head.head_epoch;
    d->giving = 1;
    pqi_status st = pqi_ticks_save(t, root_of(t), head_of(t));
    if (st == PQI_OK) {
        t->saved_ms = now;
        st = value(t, i, out);
    }
    return st;
}

pqi_status pqi_host_ticks_poll(pqi_host_ticks *t, pqi_tick *out, uint32_t *wait_ms)
{
    pqi_why_clear();
    if (t == NULL || out == NULL || wait_ms == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    const uint64_t now = pqi_ticks_now(t), tick = tick_ms(t);
    *wait_ms = until(0, tick);
    pqi_status st = may_give(t);
    if (st != PQI_OK) {
        return st;
    }
    const uint64_t age = elapsed(&t->box->s, now), n = age / tick;
    const uint32_t count = t->box->s.chain.c.count, i = n < count ? (uint32_t)n : count;
    *wait_ms = until(0, tick - age % tick);
    if (!is_on(t, now)) {
        const uint32_t quiet = until(now, t->heard_ms + (uint64_t)t->cfg.after * tick);
        *wait_ms = quiet < *wait_ms ? quiet : *wait_ms;
    } else if (i > given_here(t)) {
        return give(t, now, i, out);
    }
    if (now - t->saved_ms >= SAVE_MS) { /* a reboot loses no more than this */
        (void)draft(t, now);
        st = pqi_ticks_save(t, root_of(t), head_of(t));
        t->saved_ms = now;
    }
    return st == PQI_OK ? PQI_AGAIN : st;
}

pqi_status pqi_host_ticks_newest(pqi_host_ticks *t, pqi_tick *out)
{
    pqi_why_clear();
    if (t == NULL || out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    pqi_status st = may_give(t);
    const uint32_t i = st == PQI_OK ? given_here(t) : 0;
    if (st == PQI_OK && i == 0) {
        st = pqi_why(PQI_ERR_MISSING, "no tick was given under this head");
    }
    return st == PQI_OK ? value(t, i, out) : st;
}
