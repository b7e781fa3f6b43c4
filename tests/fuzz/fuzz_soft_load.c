/* SPDX-License-Identifier: Apache-2.0
 * Saved state of the software provider, as it lies inside provider.pqi, and counters.pqi: what loads is
 * saved again as the same keys; what does not leaves no secret in the memory. First byte: bit 0, over an
 * element that counts; bit 1, with a counter file, which is the end of the input. */
#include "support/fake_element.h"
#include <pqi/host.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS    4u
#define KEYS_MAX 1024u
#define TAG_LEN  4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mem[65536];
static uint8_t saved[KEYS_MAX];
static size_t saved_len;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static pqi_status save_keys(void *arg, pqi_cspan plain)
{
    (void)arg;
    must(plain.len <= sizeof saved);
    memcpy(saved, plain.ptr, plain.len);
    saved_len = plain.len;
    return PQI_OK;
}

static pqi_status save_counters(void *arg, pqi_cspan blob)
{
    (void)arg;
    must(blob.len == PQI_SOFT_COUNTERS_LEN || blob.len == PQI_SOFT_COUNTERS_MAX);
    return PQI_OK;
}

/* Storage, hedge, owner and keys. The generation in front is another one after a settlement. */
static void same_keys(pqi_cspan keys, size_t front)
{
    must(saved_len == keys.len && memcmp(saved, keys.ptr, TAG_LEN) == 0 &&
         memcmp(saved + front, keys.ptr + front, keys.len - front) == 0);
}

static void load(pqi_soft_cfg *cfg, pqi_cspan keys, pqi_cspan counters, size_t front)
{
    static pqi_soft soft;
    pqi_status st = pqi_soft_load(&soft, cfg, keys, counters);
    if (st == PQI_OK) {
        must(pqi_soft_save_keys(&soft) == PQI_OK);
        same_keys(keys, front);
        return;
    }
    for (size_t i = 0; i < cfg->mem.len; i++) {
        must(cfg->mem.ptr[i] == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fake_element element;
    static pqi_algs algs;
    static const uint32_t caps = PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK;
    if (size < 2 || size > KEYS_MAX) {
        return 0;
    }
    if (algs.classic == NULL) {
        (void)pqi_host_algs(&algs);
        fake_element_init(&element, caps);
    }
    const bool over = (data[0] & 1u) != 0, file = (data[0] & 2u) != 0;
    pqi_cspan keys = {data + 1, size - 1}, counters = {NULL, 0};
    const size_t n = over ? PQI_SOFT_COUNTERS_MAX : PQI_SOFT_COUNTERS_LEN;
    if (file && keys.len > n) {
        keys.len -= n;
        counters = (pqi_cspan){keys.ptr + keys.len, n};
    }
    pqi_soft_cfg cfg = {.algs = &algs,
        .platform = {.save_keys = save_keys, .save_counters = save_counters},
        .element = over ? &element.element : NULL,
        .slots = SLOTS,
        .workers = 1};
    element.generation = 0;
    cfg.mem = (pqi_span){(uint8_t *)mem, pqi_soft_mem_len(&cfg)};
    must(cfg.mem.len != 0 && cfg.mem.len <= sizeof mem);
    load(&cfg, keys, counters, over ? TAG_LEN + 8u : TAG_LEN);
    return 0;
}
