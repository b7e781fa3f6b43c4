/* SPDX-License-Identifier: Apache-2.0
 * A thief with the whole disk of a certified device: correct keys, correct packets, a topic outside
 * its scope. Uses the packet layer directly, because an honest endpoint would refuse to send. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>

int demo_announce(const demo_args *a)
{
    pqi_host_device *d = demo_open_device(a);
    uint8_t *buf = malloc(PQI_ANNOUNCE_MAX);
    size_t len = 0;
    int ok = d && buf && a->out &&
             pqi_endpoint_announce(
                 pqi_host_device_endpoint(d), (pqi_span){buf, PQI_ANNOUNCE_MAX}, &len) == PQI_OK;
    FILE *f = ok ? fopen(a->out, "wb") : NULL;
    ok = f && fwrite(buf, 1, len, f) == len;
    if (f) {
        ok = fclose(f) == 0 && ok;
    }
    free(buf);
    pqi_host_device_close(d);
    return ok ? 0 : 1;
}

/* One sealed command to the valve. */
static pqi_status forge(const demo_args *a, pqi_host_device *d, const pqi_peer *valve, uint64_t seq,
    pqi_span out, size_t *len)
{
    const pqi_algs *algs = pqi_host_device_algs(d);
    pqi_provider *p = pqi_host_device_provider(d);
    const pqi_endpoint_keys keys = pqi_host_device_keys(d);
    static const pqi_alg_policy any;
    pqi_cert self;
    pqi_status st = pqi_cert_decode(algs, pqi_host_device_cert(d), &self);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_suite *suite =
        pqi_suite_choose(algs, &any, self.suites & valve->suites, valve->kem->id, NULL);
    if (!suite) {
        return PQI_ERR_UNSUPPORTED;
    }
    uint8_t gk[PQI_GATE_KEY];
    const pqi_gate_end from = {self.device_id, self.key_epoch};
    const pqi_gate_end to = {{(const uint8_t *)valve->id, valve->id_len}, valve->key_epoch};
    st = pqi_v1_gate_key(algs, p, keys.x25519, valve->x25519_pk, &from, &to, gk);
    if (st != PQI_OK) {
        return st;
    }
    char topic[PQI_TOPIC_MAX];
    static const char body[] = "{\"cmd\": 666, \"set\": 100}";
    demo_topic(topic, a->to, "cmd");
    pqi_v1_seal_in in = {.suite = suite,
        .sig_alg = pqi_algs_sig(algs, self.sig_alg),
        .sig_key = keys.sig,
        .seq = seq,
        .plain = {(const uint8_t *)body, sizeof body - 1}};
    memcpy(in.kid_s, self.key_id, sizeof in.kid_s);
    memcpy(in.kid_r, valve->key_id, sizeof in.kid_r);
    in.ends = (pqi_v1_ends){.id_s = self.device_id,
        .id_r = to.id,
        .topic = {(const uint8_t *)topic, strlen(topic)},
        .to = {{valve->kem_pk, suite->kem->pk_len}, {valve->x25519_pk, PQI_X25519_LEN}},
        .gk = gk};
    size_t tmp_len = pqi_box_tmp_len(suite);
    uint8_t *tmp = malloc(tmp_len);
    st = tmp ? pqi_v1_seal(algs, p, &in, (pqi_span){tmp, tmp_len}, out, len) : PQI_ERR_LIMIT;
    free(tmp);
    return st;
}

static int run(const demo_args *a, pqi_host_device *d, pqi_host_node *n)
{
    static uint8_t packet[PQI_V1_PACKET_MAX];
    char topic[PQI_TOPIC_MAX];
    const pqi_cspan id = {(const uint8_t *)a->to, strlen(a->to)};
    const pqi_peer *valve = NULL;
    const uint64_t end = demo_us() + 10000000u;
    while (!valve && demo_us() < end) {
        pqi_node_event ev;
        if (pqi_host_node_poll(n, 50, &ev) != PQI_OK) {
            return 1;
        }
        valve = pqi_endpoint_peer(pqi_host_node_endpoint(n), id);
    }
    demo_topic(topic, a->to, "cmd");
    unsigned attempts = 0;
    for (uint64_t seq = 1000000; valve && seq < 1000020; seq++) {
        size_t len = 0;
        pqi_status st = forge(a, d, valve, seq, (pqi_span){packet, sizeof packet}, &len);
        if (st != PQI_OK || pqi_host_mqtt_publish(pqi_host_node_mqtt(n), topic,
                                (pqi_cspan){packet, len}, 1, 0) != PQI_OK) {
            (void)fprintf(stderr, "pqi-demo: cannot forge: %s\n", pqi_status_text(st));
            return 1;
        }
        attempts++;
    }
    while (pqi_host_mqtt_pending(pqi_host_node_mqtt(n)) != 0 && demo_us() < end) {
        pqi_node_event ev;
        if (pqi_host_node_poll(n, 20, &ev) != PQI_OK) {
            return 1;
        }
    }
    printf("{\"attempts\": %u}\n", attempts);
    return attempts ? 0 : 1;
}

int demo_insider(const demo_args *a)
{
    pqi_host_device *d = demo_open_device(a);
    const pqi_host_mqtt_cfg mqtt = {
        .port = (uint16_t)demo_long(a->broker_port, 1883), .client_id = "insider"};
    const pqi_host_node_cfg cfg = {.device = d, .mqtt = &mqtt};
    pqi_host_node *n = NULL;
    int rc = d && a->to && pqi_host_node_open(&n, &cfg) == PQI_OK ? run(a, d, n) : 1;
    pqi_host_node_close(n);
    pqi_host_device_close(d);
    return rc;
}
