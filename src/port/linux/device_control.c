/* SPDX-License-Identifier: Apache-2.0
 * What a device directory keeps of the control plane: memory for it, and a look at it. */
#include "port/linux/device_int.h"

#include <stdlib.h>
#include <string.h>

pqi_status pqi_device_room(pqi_span *s, size_t len)
{
    s->ptr = malloc(len);
    s->len = s->ptr != NULL ? len : 0;
    return s->ptr != NULL ? PQI_OK : pqi_why(PQI_ERR_LIMIT, "out of memory");
}

pqi_status pqi_device_control_memory(pqi_host_device *d, pqi_endpoint_cfg *e)
{
    pqi_status st = pqi_device_room(&d->manifest_mem, PQI_MANIFEST_MAX);
    if (st == PQI_OK) {
        st = pqi_device_room(&d->policy_mem, PQI_POLICY_MAX);
    }
    if (st == PQI_OK) {
        st = pqi_device_room(&d->head_mem, PQI_HEAD_MAX);
    }
    d->revoked = calloc(PQI_REV_LOG_MAX, sizeof *d->revoked);
    if (st == PQI_OK && d->revoked == NULL) {
        st = pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    e->revoked = d->revoked;
    e->revoked_max = PQI_REV_LOG_MAX;
    e->manifest_mem = d->manifest_mem;
    e->policy_mem = d->policy_mem;
    e->head_mem = d->head_mem;
    return st;
}

static pqi_ctl_cfg config(pqi_host_device *d, const pqi_endpoint_cfg *e, const pqi_cert *c)
{
    return (pqi_ctl_cfg){.algs = &d->algs,
        .provider = d->provider,
        .nvm = &d->nvm.nvm,
        .manifest = pqi_host_device_manifest(d),
        .pinned = d->record.pinned,
        .manifest_mem = e->manifest_mem,
        .policy_mem = e->policy_mem,
        .revoked = e->revoked,
        .revoked_max = e->revoked_max,
        .id = c->device_id,
        .leaf = {.roster_index = c->roster_index, .key_epoch = c->key_epoch}};
}

static void describe(const pqi_ctl *c, const pqi_now *now, pqi_host_control_status *out)
{
    static const pqi_cspan none = {NULL, 0};
    out->present = pqi_ctl_fresh(c, now, none) != PQI_FRESH_NONE;
    out->root_version = c->manifest.root_version;
    out->head_epoch = c->s.head.head_epoch;
    out->tick = c->s.tick;
    out->age_s = c->s.clock.ms != UINT64_MAX ? c->s.clock.ms / 1000u : UINT64_MAX;
    out->signed_time = c->s.time_s;
    out->policy_seq = c->policy.seq;
    out->rev_seq = c->rev.seq;
    out->revoked = c->rev.n;
    out->roster_seq = c->s.roster.seq;
    out->flags = pqi_ctl_flags(c, now);
}

pqi_status pqi_device_control_status(
    pqi_host_device *d, const pqi_cert *c, pqi_host_control_status *out)
{
    pqi_endpoint_cfg e;
    const pqi_now now = {0, 0, 0};
    memset(&e, 0, sizeof e);
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_device_control_memory(d, &e);
    if (st != PQI_OK) {
        return st;
    }
    pqi_ctl *ctl = malloc(sizeof *ctl);
    pqi_ctl_cfg cfg = config(d, &e, c);
    memcpy(cfg.kid, c->key_id, sizeof cfg.kid);
    st = ctl != NULL ? pqi_device_room(&d->scratch, pqi_ctl_tmp_len(&d->algs, cfg.revoked_max,
                                                        cfg.manifest_mem.len, cfg.policy_mem.len))
                     : pqi_why(PQI_ERR_LIMIT, "out of memory");
    if (st == PQI_OK) {
        cfg.tmp = d->scratch;
        st = pqi_ctl_open(ctl, &cfg, &now);
        st = st == PQI_OK ? st
                          : pqi_why(st, "what is stored of the fleet cannot be read: %s",
                                pqi_status_text(st));
    }
    if (st == PQI_OK) {
        describe(ctl, &now, out);
        pqi_ctl_close(ctl, NULL);
    }
    free(ctl);
    return st;
}
