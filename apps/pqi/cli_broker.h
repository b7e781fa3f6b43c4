/* SPDX-License-Identifier: Apache-2.0
 * Handing objects to a broker, for commands that are no device. The broker is not trusted: what is
 * published is signed. */
#ifndef PQI_APPS_CLI_BROKER_H
#define PQI_APPS_CLI_BROKER_H

#include "cli.h"

#include <pqi/host_mqtt.h>

typedef struct pqi_cli_broker_args {
    const char *broker, *ca_file, *cert_file, *tls_key_file, *user, *password_file;
    bool mqtt5;
} pqi_cli_broker_args;

/* Rows for an option table. */
/* clang-format off */
#define PQI_CLI_BROKER_OPTIONS(a, what)                                                            \
    PQI_CLI_STRING("broker", "HOST[:PORT]", &(a).broker, what),                                    \
    PQI_CLI_STRING("tls-ca", "FILE", &(a).ca_file, "use TLS; CA certificates of the broker"),      \
    PQI_CLI_STRING("tls-cert", "FILE", &(a).cert_file, "TLS client certificate"),                  \
    PQI_CLI_STRING("tls-key", "FILE", &(a).tls_key_file, "TLS client key"),                        \
    PQI_CLI_STRING("user", "NAME", &(a).user, "user name at the broker"),                          \
    PQI_CLI_STRING("password-file", "FILE", &(a).password_file,                                    \
        "file whose first line is the broker password"),                                           \
    PQI_CLI_FLAG("mqtt5", &(a).mqtt5, "speak MQTT 5 (default: 3.1.1)")
/* clang-format on */

/* A client that connects in its first poll and again whenever it has to. client_id NULL: none. Errors are
 * printed. */
pqi_cli_exit pqi_cli_broker_client(
    const pqi_cli_broker_args *a, const char *client_id, pqi_host_mqtt **out);
/* Connects within 10 s. Errors are printed. Close it with pqi_host_mqtt_close(). */
pqi_cli_exit pqi_cli_broker_open(const pqi_cli_broker_args *a, pqi_host_mqtt **out);
/* Publishes with QoS 1 and waits for the broker's word, at most 10 s. Errors are printed. */
pqi_cli_exit pqi_cli_broker_publish(
    pqi_host_mqtt *m, const char *topic, pqi_cspan payload, bool retain);

/* The files of --tls-ca, --tls-cert and --tls-key can be read; NULL: not given. Errors are printed. */
pqi_cli_exit pqi_cli_tls_files(const char *ca, const char *cert, const char *key);

/* HOST, HOST:PORT, [IPV6]:PORT or /PATH; *port 0: none was given. Errors are printed. */
#define PQI_CLI_HOST_MAX 256
pqi_cli_exit pqi_cli_split_broker(const char *s, char host[PQI_CLI_HOST_MAX], uint16_t *port);

/* Seconds since some moment, never going back. */
double pqi_cli_seconds(void);

#endif
