/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_node.h"
#include "algs.h"
#include "cli_attest.h"
#include "cli_session.h"

#include <stdlib.h>
#include <string.h>

#include <pqi/wipe.h>

enum { HOST_MAX = PQI_CLI_HOST_MAX, PASSWORD_MAX = 1024 };

static pqi_cli_exit open_device(const pqi_cli_node_args *a, pqi_host_device **out)
{
    pqi_host_device_cfg cfg = {.dir = a->dir ? a->dir : ".", .policy = pqi_cli_policy(&a->policy)};
    if (!pqi_cli_session_use(a->sessions, &cfg.sessions)) {
        return pqi_cli_fail(PQI_CLI_USAGE, "give --sessions off, prefer or require",
            "not a way to use sessions: %s", a->sessions);
    }
    cfg.prekey_use = a->require_prekey ? PQI_PREKEY_REQUIRE : PQI_PREKEY_PREFER;
    pqi_cli_kek_args kek = a->kek;
    kek.what = cfg.dir;
    pqi_cli_exit rc = pqi_cli_kek_read(&kek, false, &cfg.kek);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_now now = pqi_host_now();
    pqi_status st = pqi_host_device_open(out, &cfg, &now);
    pqi_cli_kek_wipe(&cfg.kek);
    if (st != PQI_OK) {
        return pqi_cli_fail(st <= PQI_ERR_RNG ? PQI_CLI_ENV : PQI_CLI_FAILED,
            st == PQI_ERR_MISSING || st == PQI_ERR_STATE
                ? "pqi device status shows what is there; init, join and install come first"
                : NULL,
            "cannot open the device in %s: %s", cfg.dir, pqi_host_device_why());
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit open_node(const pqi_cli_node_args *a, const char *password,
    const char *const *peers, size_t n_peers, pqi_cli_node *out)
{
    char host[HOST_MAX];
    pqi_host_mqtt_cfg mqtt = {
        .host = host,
        .client_id = a->client_id,
        .version = a->mqtt5 ? 5 : 4,
        .username = a->user,
        .password = password,
        .ca_file = a->ca_file,
        .cert_file = a->cert_file,
        .key_file = a->tls_key_file,
    };
    pqi_cli_exit rc = pqi_cli_split_broker(a->broker ? a->broker : "127.0.0.1", host, &mqtt.port);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_tls_files(a->ca_file, a->cert_file, a->tls_key_file);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_node_attest_cfg attest;
    rc = pqi_cli_attest_open(&a->attest, &out->attest, &attest);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_host_node_cfg cfg = {.device = out->device,
        .mqtt = &mqtt,
        .peers = peers,
        .n_peers = n_peers,
        .attest = &attest};
    pqi_status st = pqi_host_node_open(&out->node, &cfg);
    if (st == PQI_ERR_AUTH || st == PQI_ERR_DECODE || st == PQI_ERR_UNSUPPORTED) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi attest policy verify tells more",
            "%s is no attestation policy that this root's policy keys signed", a->attest.policy);
    }
    if (st != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_USAGE,
            "check --to, --from and the --tls-* files; --tls-cert and --tls-key need --tls-ca",
            "cannot set up the MQTT client: %s", pqi_status_text(st));
    }
    return pqi_cli_attest_begin(out);
}

pqi_cli_exit pqi_cli_node_open(
    const pqi_cli_node_args *a, const char *const *peers, size_t n_peers, pqi_cli_node *out)
{
    memset(out, 0, sizeof *out);
    pqi_span password = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_require_selftest();
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (a->password_file) {
        rc = pqi_cli_read_file(a->password_file, PASSWORD_MAX, &password);
        if (rc != PQI_CLI_OK) {
            return rc;
        }
        password.ptr[strcspn((char *)password.ptr, "\r\n")] = 0;
    }
    rc = open_device(a, &out->device);
    if (rc == PQI_CLI_OK) {
        rc = open_node(a, (const char *)password.ptr, peers, n_peers, out);
    }
    if (password.ptr) {
        pqi_wipe(password.ptr, password.len);
        free(password.ptr);
    }
    if (rc != PQI_CLI_OK) {
        pqi_cli_node_close(out);
    }
    return rc;
}

void pqi_cli_node_close(pqi_cli_node *n)
{
    pqi_host_node_close(n->node);
    pqi_host_device_close(n->device);
    pqi_cli_attest_free(&n->attest);
    memset(n, 0, sizeof *n);
}
