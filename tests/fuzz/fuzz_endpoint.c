/* SPDX-License-Identifier: Apache-2.0
 * A live endpoint that knows one peer: first byte, the topic; the rest, the payload. A drop changes
 * nothing; nothing that a fuzzer can make is a message or a new peer. */
#include "support/fleet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static dev *ctl;
static msg genuine;
static uint8_t before[32]; /* never changes */

static void set_up(void)
{
    dev *pump =
        dev_new(&(dev_spec){.id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant", .seed = 1});
    ctl = dev_new(&(dev_spec){.id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3});
    must(dev_open(pump) == PQI_OK && dev_open(ctl) == PQI_OK);
    dev_meet(pump, ctl);
    must(dev_send(pump, "control", "plant/a", "x", &genuine) == PQI_OK);
    dev_free(pump);
    dev_digest(ctl, before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = {
        "plant/a", "plant/b", "pq/4/k/pump-1", "pq/4/k/pump-2", "pq/4/v", "other", "", "pq/4/k/"};
    if (ctl == NULL) {
        set_up();
    }
    if (size == 0 || size > PQI_V1_PACKET_MAX) {
        return 0;
    }
    static msg m;
    memset(m.topic, 0, sizeof m.topic);
    const char *t = topics[data[0] % 8];
    memcpy(m.topic, t, strlen(t));
    m.len = size - 1 < sizeof m.b ? size - 1 : sizeof m.b;
    memcpy(m.b, data + 1, m.len);
    if ((data[0] & 0x80) != 0) { /* a genuine packet with the input laid over a part of it */
        size_t n = m.len < 64 ? m.len : 64;
        memcpy(m.b, genuine.b, genuine.len);
        for (size_t i = 0; i < n; i++) {
            m.b[i * 7 % genuine.len] ^= data[1 + i];
        }
        m.len = genuine.len;
        if (memcmp(m.b, genuine.b, m.len) == 0) {
            return 0;
        }
    }
    uint8_t after[32];
    pqi_event_kind k = dev_receive(ctl, &m);
    must(k == PQI_EV_DROP);
    dev_digest(ctl, after);
    must(memcmp(before, after, 32) == 0);
    ctl->now.mono_ms += 1;
    return 0;
}
