/* SPDX-License-Identifier: Apache-2.0
 * A live endpoint of a fleet with a control plane: first byte, the topic and which genuine object the input is
 * laid over; the rest, the payload. Nothing that a fuzzer can make is news: neither the state nor the medium
 * changes. */
#include "support/plane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

#define GENUINE 6u

static dev *pump;
static msg genuine[GENUINE];
static uint8_t before[32]; /* never changes */

static void set_up(void)
{
    static msg m, q;
    static plane *p;
    p = plane_new();
    const dev_spec a = {.id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant", .seed = 1};
    const dev_spec b = {.id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};
    pump = dev_new(&a);
    dev *ctl = dev_new(&b);
    must(dev_open(pump) == PQI_OK && dev_open(ctl) == PQI_OK);
    dev *const members[] = {pump, ctl};
    plane_head(p, &m);
    must(dev_receive(pump, &m) == PQI_EV_CONTROL && dev_receive(ctl, &m) == PQI_EV_CONTROL);
    plane_freshen(p, pump);
    plane_freshen(p, ctl);
    dev_meet(pump, ctl);
    must(plane_question(pump, &q));
    plane_statement(p, pump, &q, &genuine[0]);
    plane_policy(p, &pqi_policy_default, &genuine[1]);
    plane_roster(p, members, 2, &genuine[2]);
    plane_revoke(p, 3, 2);
    plane_log(p, 0, &genuine[3]);
    plane_tick(p, 9, &genuine[4]);
    plane_head(p, &genuine[5]);
    dev_free(ctl);
    dev_digest(pump, before);
}

/* A fuzzer that watches comparisons may come up with a genuine object: that one is taken, rightly. */
static int is_genuine(const msg *m)
{
    for (size_t i = 0; i < GENUINE; i++) {
        const size_t n = genuine[i].len;
        if (m->len >= n && memcmp(m->b + (m->len - n), genuine[i].b, n) == 0) {
            return 1;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = {PQI_TOPIC_ROOT, PQI_TOPIC_HEAD, PQI_TOPIC_TICK,
        PQI_TOPIC_ROSTER, PQI_TOPIC_POLICY, PQI_TOPIC_REVOCATIONS, PQI_TOPIC_REV_DELTA,
        PQI_TOPIC_ANSWER "pump-1", PQI_TOPIC_ANSWER "control", PQI_TOPIC_TICK "/control",
        PQI_TOPIC_TICK "/a/b", PQI_TOPIC_ASK, PQI_TOPIC_WITNESS "pump-1/control", "pq/4/z",
        "pq/4/a", "pq/4/k/control"};
    static msg m;
    uint8_t after[32];
    if (pump == NULL) {
        set_up();
    }
    if (size == 0) {
        return 0;
    }
    const msg *of = &genuine[(data[0] >> 4 & 7u) % GENUINE];
    const bool overlay = (data[0] & 0x80u) != 0;
    memset(m.topic, 0, sizeof m.topic);
    if (overlay) {
        m = *of;
        for (size_t i = 1; i < size && i < 65; i++) {
            m.b[(i * 131u + data[0]) % m.len] ^= data[i];
        }
    } else {
        m.len = size - 1 < sizeof m.b ? size - 1 : sizeof m.b;
        memcpy(m.b, data + 1, m.len);
        memcpy(m.topic, topics[data[0] % 16u], strlen(topics[data[0] % 16u]));
    }
    if (is_genuine(&m)) {
        return 0;
    }
    const pqi_event_kind k = dev_receive(pump, &m);
    must(k == PQI_EV_DROP || k == PQI_EV_NONE);
    dev_digest(pump, after);
    must(memcmp(before, after, 32) == 0);
    pump->now.mono_ms += 1;
    return 0;
}
