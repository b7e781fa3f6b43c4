/* SPDX-License-Identifier: Apache-2.0
 * A thief who takes everything that is in a process's memory at one moment: a fork has it all. What the
 * copy can open of the traffic that follows shows when a session has healed. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THIEF_SECONDS = 12, FIRST_OF_DATA = 0x40, LAST_OF_DATA = 0x47 };

/* Commands: what a device sends itself its own memory never opens. */
static bool for_us(const pqi_mqtt_event *in)
{
    static const char leaf[] = "/cmd";
    const size_t n = sizeof leaf - 1;
    return in->topic.len > n && memcmp(in->topic.ptr + in->topic.len - n, leaf, n) == 0;
}

static void steal(const demo_args *a, pqi_host_node *n)
{
    pqi_endpoint *copy = pqi_host_node_endpoint(n); /* of this process, which is a copy */
    static uint8_t plain[PQI_V1_PACKET_MAX];
    const pqi_host_mqtt_cfg cfg = {
        .port = (uint16_t)demo_long(a->broker_port, 1883), .client_id = "thief"};
    pqi_host_mqtt *m = NULL;
    if (pqi_host_mqtt_open(&m, &cfg) != PQI_OK ||
        pqi_host_mqtt_subscribe(m, "plant/#", 1) != PQI_OK) {
        _exit(1);
    }
    unsigned long opened = 0, seen = 0, after = 0;
    const uint64_t start = demo_us(), end = start + THIEF_SECONDS * 1000000u;
    uint64_t last = start;
    while (demo_us() < end) {
        pqi_mqtt_event in;
        pqi_event ev;
        if (pqi_host_mqtt_poll(m, 50, &in) != PQI_OK || in.kind != PQI_MQTT_MESSAGE ||
            in.payload.len == 0 || in.payload.ptr[0] < FIRST_OF_DATA ||
            in.payload.ptr[0] > LAST_OF_DATA || !for_us(&in)) {
            continue;
        }
        const pqi_inbound inbound = {in.topic, in.payload, 0};
        const pqi_now now = pqi_host_now();
        pqi_status st =
            pqi_endpoint_receive(copy, &now, &inbound, (pqi_span){plain, sizeof plain}, &ev);
        if (st != PQI_OK) {
            continue;
        }
        seen++;
        if (ev.kind == PQI_EV_MESSAGE) {
            opened++;
            last = demo_us();
            after = 0;
        } else {
            after++;
        }
    }
    FILE *f = fopen(a->stolen, "w");
    if (f) {
        (void)fprintf(f, "{\"seen\": %lu, \"opened\": %lu, \"closed_since\": %lu, \"ms\": %llu}\n",
            seen, opened, after, (unsigned long long)((last - start) / 1000u));
        (void)fclose(f);
    }
    _exit(0);
}

void demo_signals(const demo_args *a, pqi_host_node *n)
{
    if (demo_steal && a->stolen) {
        demo_steal = 0;
        if (fork() == 0) {
            steal(a, n);
        }
    }
    if (demo_refresh && a->to) {
        demo_refresh = 0;
        const pqi_now now = pqi_host_now();
        const pqi_cspan to = {(const uint8_t *)a->to, strlen(a->to)};
        if (pqi_endpoint_connect(pqi_host_node_endpoint(n), &now, to, 1) != PQI_OK) {
            (void)fprintf(stderr, "pqi-demo: no new session with %s\n", a->to);
        }
    }
}
