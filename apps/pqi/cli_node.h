/* SPDX-License-Identifier: Apache-2.0
 * What `pqi listen` and `pqi send` share: the options of device and broker, and opening a node. */
#ifndef PQI_APPS_CLI_NODE_H
#define PQI_APPS_CLI_NODE_H

#include "cli.h"
#include "cli_broker.h"
#include "cli_kek.h"
#include "cli_profile.h"

#include <pqi/host_node.h>

typedef struct pqi_cli_attest_args {
    const char *policy, *state, *log;
} pqi_cli_attest_args;

/* What cli_attest.h keeps. */
typedef struct pqi_cli_attest {
    pqi_cli_attest_args args;
    pqi_span policy, log;
    int64_t written;   /* the policy's file */
    double look_at;    /* at it again */
    uint64_t answered; /* challenges of peers */
} pqi_cli_attest;

typedef struct pqi_cli_node_args {
    const char *dir, *broker, *ca_file, *cert_file, *tls_key_file, *user, *password_file,
        *client_id;
    uint64_t qos;
    bool mqtt5, require_prekey;
    const char *sessions;
    pqi_cli_kek_args kek;
    pqi_cli_policy_args policy;
    pqi_cli_attest_args attest;
} pqi_cli_node_args;

/* Rows for an option table. */
/* clang-format off */
#define PQI_CLI_NODE_OPTIONS(a)                                                                    \
    PQI_CLI_STRING("dir", "DIR", &(a).dir, "device directory (default: .)"),                       \
    PQI_CLI_KEK_OPTIONS((a).kek),                                                                  \
    PQI_CLI_POLICY_OPTIONS((a).policy),                                                            \
    PQI_CLI_STRING("broker", "HOST[:PORT]", &(a).broker,                                           \
        "MQTT broker, or a path of a unix socket (default: 127.0.0.1)"),                           \
    PQI_CLI_STRING("tls-ca", "FILE", &(a).ca_file, "use TLS; CA certificates of the broker"),      \
    PQI_CLI_STRING("tls-cert", "FILE", &(a).cert_file, "TLS client certificate"),                  \
    PQI_CLI_STRING("tls-key", "FILE", &(a).tls_key_file, "TLS client key"),                        \
    PQI_CLI_STRING("user", "NAME", &(a).user, "user name at the broker"),                          \
    PQI_CLI_STRING("password-file", "FILE", &(a).password_file,                                    \
        "file whose first line is the broker password"),                                           \
    PQI_CLI_STRING("client-id", "ID", &(a).client_id, "MQTT client id (default: the device id)"),  \
    PQI_CLI_UINT("qos", "0|1|2", &(a).qos, 2, "quality of service (default: 1)"),                  \
    PQI_CLI_FLAG("mqtt5", &(a).mqtt5, "speak MQTT 5 (default: 3.1.1)"),                            \
    PQI_CLI_STRING("sessions", "off|prefer|require", &(a).sessions,                                \
        "v4 sessions: none, where there is one, or nothing else (default: prefer)"),               \
    PQI_CLI_STRING("attest", "FILE", &(a).attest.policy,                                           \
        "attestation policy: ask peers what they started, where the fleet demands it"),            \
    PQI_CLI_STRING("attest-state", "FILE", &(a).attest.state,                                      \
        "with --attest: verdicts for pqi attest show, and no older policy after a restart"),       \
    PQI_CLI_STRING("event-log", "FILE", &(a).attest.log,                                           \
        "event log of the firmware, for answers to verifiers")
/* clang-format on */

typedef struct pqi_cli_node {
    pqi_host_device *device;
    pqi_host_node *node;
    double report_at; /* when sessions may be reported again */
    pqi_cli_attest attest;
} pqi_cli_node;

/* Opens device and node; prints what went wrong. `peers` as in pqi_host_node_cfg. */
pqi_cli_exit pqi_cli_node_open(
    const pqi_cli_node_args *a, const char *const *peers, size_t n_peers, pqi_cli_node *out);
void pqi_cli_node_close(pqi_cli_node *n);

#endif
