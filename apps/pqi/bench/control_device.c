/* SPDX-License-Identifier: Apache-2.0
 * A device's control state (pqi/ctl.h) over a medium in memory, with a software provider: all that it
 * hashes, verifies, hears, says and stores is counted. */
#include "control.h"

#include <stdlib.h>
#include <string.h>

/* The tables have no place for a context. One thread, one device at a time. */
static bench_device *counted;

static pqi_status count_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n, uint8_t *out)
{
    counted->hashed++;
    return counted->plane->algs->classic->hash(id, parts, n, out);
}

static pqi_status count_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp)
{
    counted->verified++;
    return counted->plane->sig->verify(pk, ctx, parts, n_parts, sig, tmp);
}

/* ---- medium --------------------------------------------------------------------------------------- */

static struct bench_slot *slot_of(bench_medium *m, const char *name)
{
    for (size_t i = 0; i < BENCH_RECORDS; i++) {
        if (strcmp(m->rec[i].name, name) == 0) {
            return &m->rec[i];
        }
    }
    return NULL;
}

static pqi_status nvm_read(void *ctx, const char *name, unsigned which, pqi_span out, size_t *len)
{
    const struct bench_slot *s = slot_of(ctx, name);
    *len = 0;
    if (s == NULL || s->bytes[which] == NULL) {
        return PQI_ERR_MISSING;
    }
    if (s->len[which] > out.len) {
        return PQI_ERR_SPACE;
    }
    *len = s->len[which];
    memcpy(out.ptr, s->bytes[which], s->len[which]);
    return PQI_OK;
}

static pqi_status nvm_write(void *ctx, const char *name, unsigned which, pqi_cspan data)
{
    bench_medium *m = ctx;
    struct bench_slot *s = slot_of(m, name);
    s = s != NULL ? s : slot_of(m, "");
    if (s == NULL || strlen(name) >= sizeof s->name) {
        return PQI_ERR_STORAGE;
    }
    memcpy(s->name, name, strlen(name) + 1);
    if (s->bytes[which] == NULL || s->len[which] < data.len) {
        free(s->bytes[which]);
        s->bytes[which] = pqi_cli_alloc(data.len);
    }
    memcpy(s->bytes[which], data.ptr, data.len);
    s->len[which] = data.len;
    m->writes++;
    m->written += data.len;
    return PQI_OK;
}

static pqi_status saved(void *arg, pqi_cspan bytes)
{
    (void)arg;
    (void)bytes;
    return PQI_OK;
}

/* ---- the device ----------------------------------------------------------------------------------- */

static pqi_status make_provider(bench_device *d)
{
    pqi_soft_cfg cfg = {.algs = d->plane->algs,
        .platform = {.save_keys = saved, .save_counters = saved},
        .slots = 1,
        .workers = 1,
        .boot = 1};
    cfg.mem.len = pqi_soft_mem_len(&cfg);
    d->mem.ptr = cfg.mem.ptr = pqi_cli_alloc(cfg.mem.len);
    return pqi_soft_create(&d->soft, &cfg);
}

static void make_algs(bench_device *d)
{
    d->classic = *d->plane->algs->classic;
    d->classic.hash = count_hash;
    d->sig = *d->plane->sig;
    d->sig.verify = count_verify;
    d->sigs[0] = &d->sig;
    d->algs = *d->plane->algs;
    d->algs.classic = &d->classic;
    d->algs.sigs = d->sigs;
    d->algs.n_sigs = 1;
}

pqi_status bench_device_open(bench_device *d, bench_plane *p, uint32_t revoked_max)
{
    memset(d, 0, sizeof *d);
    d->plane = p;
    counted = d;
    make_algs(d);
    d->medium.nvm = (pqi_nvm){&d->medium, nvm_read, nvm_write};
    d->policy_mem = (pqi_span){pqi_cli_alloc(PQI_POLICY_MAX), PQI_POLICY_MAX};
    d->manifest_mem = (pqi_span){pqi_cli_alloc(p->manifest_len), p->manifest_len};
    d->table = pqi_cli_alloc(revoked_max * sizeof *d->table);
    d->tmp.len = pqi_ctl_tmp_len(&d->algs, revoked_max, p->manifest_len, PQI_POLICY_MAX);
    d->tmp.ptr = pqi_cli_alloc(d->tmp.len);
    d->now = (pqi_now){.mono_ms = 1000};
    pqi_status st = make_provider(d);
    const pqi_ctl_cfg cfg = {.algs = &d->algs,
        .provider = pqi_soft_provider(&d->soft),
        .nvm = &d->medium.nvm,
        .manifest = {p->manifest, p->manifest_len},
        .pinned = p->manifest_hash,
        .manifest_mem = d->manifest_mem,
        .policy_mem = d->policy_mem,
        .revoked = d->table,
        .revoked_max = revoked_max,
        .id = {PQI_LIT("pump-000001")},
        .kid = {1},
        .leaf = p->leaf,
        .tmp = d->tmp};
    return st == PQI_OK ? pqi_ctl_open(&d->ctl, &cfg, &d->now) : st;
}

void bench_device_close(bench_device *d)
{
    if (d->ctl.open) {
        pqi_ctl_close(&d->ctl, &d->now);
    }
    for (size_t i = 0; i < BENCH_RECORDS; i++) {
        free(d->medium.rec[i].bytes[0]);
        free(d->medium.rec[i].bytes[1]);
    }
    free(d->mem.ptr);
    free(d->tmp.ptr);
    free(d->policy_mem.ptr);
    free(d->manifest_mem.ptr);
    free(d->table);
    memset(d, 0, sizeof *d);
}

static pqi_status answer(bench_device *d, pqi_object kind, pqi_cspan body)
{
    pqi_ctl_event ev;
    d->messages++;
    d->received += PQI_ANSWER_HEAD + body.len;
    pqi_status st = pqi_ctl_receive(&d->ctl, &d->now, kind, body, &ev);
    return st == PQI_OK ? ev.status : st;
}

pqi_status bench_device_ask(bench_device *d)
{
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    pqi_ask a;
    size_t len = 0;
    uint32_t wait = 0;
    pqi_status st = pqi_ctl_ask(&d->ctl, &d->now, (pqi_span){q, sizeof q}, &len, &wait);
    if (st != PQI_OK || len == 0) {
        return st;
    }
    d->messages++;
    d->sent += len;
    st = pqi_ask_decode((pqi_cspan){q, len}, &a);
    if (st == PQI_OK && (a.want & PQI_ASK_STATEMENT) != 0) {
        st = bench_plane_statement(d->plane, &a);
        if (st == PQI_OK) {
            st = answer(d, PQI_OBJ_STATEMENT, (pqi_cspan){d->plane->out, d->plane->len});
        }
    }
    if (st == PQI_OK && (a.want & PQI_ASK_PATH) != 0) {
        st = answer(d, PQI_OBJ_PATH, (pqi_cspan){d->plane->path, d->plane->path_len});
    }
    return st;
}

pqi_status bench_device_take(bench_device *d, pqi_object kind, pqi_cspan in, pqi_ctl_event *ev)
{
    d->messages++;
    d->received += in.len;
    return pqi_ctl_receive(&d->ctl, &d->now, kind, in, ev);
}

pqi_status bench_device_hear(bench_device *d, pqi_object kind)
{
    pqi_ctl_event ev;
    const pqi_cspan in = {d->plane->out, d->plane->len};
    pqi_status st = bench_device_take(d, kind, in, &ev);
    return st == PQI_OK ? ev.status : st;
}

void bench_device_count(bench_device *d)
{
    d->received = d->sent = d->messages = d->verified = d->hashed = 0;
    d->medium.writes = d->medium.written = 0;
}
