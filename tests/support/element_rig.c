/* SPDX-License-Identifier: Apache-2.0 */
#include "support/element_rig.h"

static uint64_t mem[131072];

/* One step of a lasting change. */
static int power(void *arg)
{
    element_rig *r = arg;
    r->steps++;
    r->dark |= r->steps == r->cut_at;
    return r->dark;
}

static void watch(const element_rig *r)
{
    if (r->watch != NULL) {
        r->watch();
    }
}

/* 0: go on; 1: fail before it; 2: fail after it. */
static int save_fails(element_rig *r)
{
    r->saves++;
    if (r->saves_end && r->fail_save != 0 && r->saves > r->fail_save) {
        return 1;
    }
    return r->saves != r->fail_save ? 0 : r->save_late ? 2 : 1;
}

static pqi_status save(element_rig *r, uint8_t *to, size_t room, size_t *to_len, pqi_cspan from)
{
    int fails = save_fails(r);
    assert_true(from.len <= room);
    if (fails == 1 || power(r) != 0) {
        return PQI_ERR_STORAGE;
    }
    memcpy(to, from.ptr, from.len);
    *to_len = from.len;
    watch(r);
    return power(r) != 0 || fails == 2 ? PQI_ERR_STORAGE : PQI_OK;
}

static pqi_status save_keys(void *arg, pqi_cspan plain)
{
    element_rig *r = arg;
    return save(r, r->disk.keys, RIG_KEYS_MAX, &r->disk.keys_len, plain);
}

static pqi_status save_counters(void *arg, pqi_cspan blob)
{
    element_rig *r = arg;
    return save(r, r->disk.counters, PQI_SOFT_COUNTERS_MAX, &r->disk.counters_len, blob);
}

void element_rig_init(element_rig *r, uint32_t caps, uint32_t flags, uint32_t slots)
{
    memset(r, 0, sizeof *r);
    (void)pqi_host_algs(&r->algs);
    fake_element_init(&r->fake, caps);
    r->fake.power = power;
    r->fake.power_arg = r;
    r->fake.dark = &r->dark;
    r->cfg = (pqi_soft_cfg){.algs = &r->algs,
        .platform = {.arg = r, .save_keys = save_keys, .save_counters = save_counters},
        .element = &r->fake.element,
        .slots = slots,
        .workers = 1,
        .flags = flags,
        .boot = 1,
        .mem = {(uint8_t *)mem, sizeof mem}};
    assert_true(pqi_soft_mem_len(&r->cfg) != 0 && pqi_soft_mem_len(&r->cfg) <= sizeof mem);
}

pqi_provider *element_rig_make(element_rig *r, uint32_t caps, uint32_t flags, uint32_t slots)
{
    element_rig_init(r, caps, flags, slots);
    assert_int_equal(pqi_soft_create(&r->soft, &r->cfg), PQI_OK);
    return pqi_soft_provider(&r->soft);
}

pqi_status element_rig_load(element_rig *r, const rig_disk *disk)
{
    static rig_disk copy;
    copy = *disk;
    r->disk = *disk;
    r->dark = 0;
    r->cut_at = 0;
    r->cfg.boot++;
    return pqi_soft_load(&r->soft, &r->cfg, (pqi_cspan){copy.keys, copy.keys_len},
        (pqi_cspan){copy.counters, copy.counters_len});
}

void element_rig_end(element_rig *r)
{
    fake_element_end(&r->fake);
}
