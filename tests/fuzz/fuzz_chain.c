/* SPDX-License-Identifier: Apache-2.0
 * Any sequence of numbers, authentic and forged, with hashes that fail: what support/chain_rig.h says
 * holds, a number opens at most once and never behind the horizon, next never falls, the table stays
 * in order and within its bounds. First byte: profile. Then 3 bytes an operation: kind and how far
 * from next. */
#include "support/chain_rig.h"

#include <pqi/host.h>

#include <stdlib.h>
#include <string.h>

#define OPS 96u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static chain_rig rig;
static uint32_t opened[OPS];
static size_t n_opened;

static bool was_opened(uint32_t n)
{
    for (size_t i = 0; i < n_opened; i++) {
        if (opened[i] == n) {
            return true;
        }
    }
    return false;
}

/* Nodes fall, do not overlap, hold no opened number, and left-over ones keep to cap and horizon. */
static void check_table(void)
{
    uint32_t above = PQI_CHAIN_N_MAX, left_over = 0;
    size_t i = 0;
    const size_t count = (size_t)rig.profile.depth + rig.profile.cap;
    for (; i < count && rig.r.node[i].id != 0; i++) {
        const uint32_t id = rig.r.node[i].id;
        const uint32_t first = id & 0xfffffu, level = id >> 24 & 127u;
        must(level <= rig.profile.depth && first % (1u << level) == 0);
        must(first + (1u << level) <= above);
        must(first >= pqi_chain_low(&rig.profile, rig.r.head.next));
        left_over += first < rig.r.head.next;
        for (size_t k = 0; k < n_opened; k++) {
            must(opened[k] < first || opened[k] >= first + (1u << level));
        }
        above = first;
    }
    must(left_over <= rig.profile.cap);
    must(i - left_over <= rig.profile.depth);
    must(rig_is_zero(&rig.r.node[i], sizeof rig.r.node - i * sizeof rig.r.node[0]));
}

static void step(const uint8_t op[3])
{
    const uint32_t by = (uint32_t)(op[1] << 8 | op[2]);
    const uint32_t next = rig.r.head.next;
    const uint32_t scaled = (op[0] & 4u) != 0 ? by : by & 0x3ffu;
    const uint32_t n = (op[0] & 2u) != 0 ? next - scaled : next + scaled;
    const bool authentic = (op[0] & 1u) == 0;
    uint8_t key[PQI_CHAIN_KEY];
    pqi_status st;
    rig_fail_at = (op[0] & 8u) != 0 ? op[0] >> 4 : 0;
    must(rig_open(&rig, n, authentic, &st, key));
    rig_fail_at = 0;
    if (st == PQI_OK) {
        must(!was_opened(n) && n >= pqi_chain_low(&rig.profile, next));
    }
    if (st == PQI_OK && authentic) {
        opened[n_opened++] = n;
        must(rig.r.head.next == (n >= next ? n + 1u : next));
    } else {
        must(rig.r.head.next == next);
    }
    check_table();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const pqi_chain_profile *const profiles[] = {
        &pqi_chain_tiny, &pqi_chain_std, &pqi_chain_gateway};
    static const uint8_t ck[PQI_CHAIN_KEY] = {7};
    if (size == 0) {
        return 0;
    }
    rig_use(&pqi_classic_openssl);
    must(rig_start(&rig, profiles[data[0] % 3u], ck));
    n_opened = 0;
    for (size_t at = 1; size - at >= 3u && n_opened < OPS && at < 3u * OPS; at += 3) {
        step(data + at);
    }
    return 0;
}
