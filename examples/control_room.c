/* SPDX-License-Identifier: Apache-2.0
 * A whole program: prints verified telemetry and answers each message with a command.
 *
 *   control_room DIR KEY_FILE PORT FILTER     (a directory made by pqi device init ... install) */
#include <pqi/host_node.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "control_room: %s: %s\n", what, why);
    return 1;
}

/* Answers on plant/<device>/cmd. The certificate of this device must allow it. */
static pqi_status answer(pqi_host_node *node, const char *device)
{
    char topic[64];
    const char *text = "ok";
    (void)snprintf(topic, sizeof topic, "plant/%s/cmd", device);
    const pqi_outbound msg = {
        .peer = {(const uint8_t *)device, strlen(device)},
        .topic = {(const uint8_t *)topic, strlen(topic)},
        .payload = {(const uint8_t *)text, strlen(text)},
        .cls = PQI_CLASS_M,
    };
    return pqi_host_node_send(node, &msg, 1, NULL);
}

static int run(pqi_host_node *node)
{
    for (;;) {
        pqi_node_event ev;
        pqi_status st = pqi_host_node_poll(node, 1000, &ev);
        if (st != PQI_OK) {
            return fail("receiving", pqi_status_text(st));
        }
        if (ev.kind == PQI_NODE_MESSAGE) { /* verified, in scope, delivered once */
            printf("%s: %.*s\n", ev.ev.peer, (int)ev.ev.plain.len, (const char *)ev.ev.plain.ptr);
            (void)fflush(stdout);
            if (answer(node, ev.ev.peer) != PQI_OK) {
                printf("%s: no answer possible\n", ev.ev.peer);
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        return fail("usage", "control_room DIR KEY_FILE PORT FILTER");
    }
    const pqi_host_device_cfg device_cfg = {.dir = argv[1], .kek = {.key_file = argv[2]}};
    const pqi_host_mqtt_cfg mqtt_cfg = {.port = (uint16_t)strtoul(argv[3], NULL, 10)};
    const pqi_now now = pqi_host_now();
    pqi_host_device *device = NULL;
    if (pqi_host_device_open(&device, &device_cfg, &now) != PQI_OK) {
        return fail("opening the device", pqi_host_device_why());
    }
    const pqi_host_node_cfg node_cfg = {.device = device, .mqtt = &mqtt_cfg};
    pqi_host_node *node = NULL;
    pqi_status st = pqi_host_node_open(&node, &node_cfg);
    if (st == PQI_OK) {
        st = pqi_host_node_subscribe(node, argv[4], 1);
    }
    int rc = st == PQI_OK ? run(node) : fail("joining the broker", pqi_status_text(st));
    pqi_host_node_close(node);
    pqi_host_device_close(device);
    return rc;
}
