/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_broker.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOST_MAX = PQI_CLI_HOST_MAX, PASSWORD_MAX = 1024 };

#define WAIT_S 10.0

double pqi_cli_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

pqi_cli_exit pqi_cli_split_broker(const char *s, char host[HOST_MAX], uint16_t *port)
{
    *port = 0;
    const char *end = s + strlen(s), *colon = strrchr(s, ':');
    if (s[0] == '[') {
        const char *close = strchr(s, ']');
        colon = close && close[1] == ':' ? close + 1 : NULL;
        end = close ? close : end;
        s++;
    } else if (colon && s[0] != '/' && strchr(s, ':') == colon) {
        end = colon;
    } else {
        colon = NULL; /* a bare IPv6 address, a path or a name */
    }
    if (colon) {
        char *rest = NULL;
        unsigned long v = strtoul(colon + 1, &rest, 10);
        if (!rest || *rest != 0 || rest == colon + 1 || v == 0 || v > 65535) {
            return pqi_cli_fail(PQI_CLI_USAGE, "give --broker HOST or HOST:PORT, port 1..65535",
                "the broker's port is not a number: %s", colon + 1);
        }
        *port = (uint16_t)v;
    }
    size_t n = (size_t)(end - s);
    if (n == 0 || n >= HOST_MAX) {
        return pqi_cli_fail(PQI_CLI_USAGE, "give --broker HOST or HOST:PORT",
            "the broker's name is empty or too long");
    }
    memcpy(host, s, n);
    host[n] = 0;
    return PQI_CLI_OK;
}

/* The broker's word, or 10 s without it. */
static bool wait_for(pqi_host_mqtt *m, bool connected)
{
    const double until = pqi_cli_seconds() + WAIT_S;
    for (;;) {
        bool done = connected ? pqi_host_mqtt_connected(m) != 0 : pqi_host_mqtt_pending(m) == 0;
        if (done) {
            return true;
        }
        pqi_mqtt_event ev;
        if (pqi_cli_seconds() >= until || pqi_host_mqtt_poll(m, 100, &ev) != PQI_OK ||
            ev.kind == PQI_MQTT_REFUSED) {
            return false;
        }
    }
}

pqi_cli_exit pqi_cli_tls_files(const char *ca, const char *cert, const char *key)
{
    const char *const path[] = {ca, cert, key};
    for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
        if (path[i] != NULL && access(path[i], R_OK) != 0) {
            return pqi_cli_fail(PQI_CLI_ENV, "check the name and that you may read it",
                "cannot open %s: %s", path[i], strerror(errno));
        }
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit set_up(
    const pqi_cli_broker_args *a, const char *client_id, const char *password, pqi_host_mqtt **out)
{
    char host[PQI_CLI_HOST_MAX];
    pqi_host_mqtt_cfg cfg = {
        .host = host,
        .client_id = client_id,
        .version = a->mqtt5 ? 5 : 4,
        .username = a->user,
        .password = password,
        .ca_file = a->ca_file,
        .cert_file = a->cert_file,
        .key_file = a->tls_key_file,
    };
    pqi_cli_exit rc = pqi_cli_split_broker(a->broker, host, &cfg.port);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_tls_files(a->ca_file, a->cert_file, a->tls_key_file);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (pqi_host_mqtt_open(out, &cfg) != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_USAGE,
            "check the --tls-* files; --tls-cert and --tls-key need --tls-ca",
            "cannot set up the MQTT client");
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cli_broker_client(
    const pqi_cli_broker_args *a, const char *client_id, pqi_host_mqtt **out)
{
    pqi_span password = {NULL, 0};
    pqi_cli_exit rc = PQI_CLI_OK;
    *out = NULL;
    if (a->password_file != NULL) {
        rc = pqi_cli_read_file(a->password_file, PASSWORD_MAX, &password);
    }
    if (rc == PQI_CLI_OK && password.ptr != NULL) {
        password.ptr[strcspn((char *)password.ptr, "\r\n")] = 0;
    }
    if (rc == PQI_CLI_OK) {
        rc = set_up(a, client_id, (const char *)password.ptr, out);
    }
    if (password.ptr != NULL) {
        pqi_wipe(password.ptr, password.len);
        free(password.ptr);
    }
    return rc;
}

pqi_cli_exit pqi_cli_broker_open(const pqi_cli_broker_args *a, pqi_host_mqtt **out)
{
    pqi_cli_exit rc = pqi_cli_broker_client(a, NULL, out);
    if (rc == PQI_CLI_OK && !wait_for(*out, true)) {
        pqi_host_mqtt_close(*out);
        *out = NULL;
        return pqi_cli_fail(PQI_CLI_ENV, "check its name, port, TLS and password",
            "the broker %s does not answer", a->broker);
    }
    return rc;
}

pqi_cli_exit pqi_cli_broker_publish(
    pqi_host_mqtt *m, const char *topic, pqi_cspan payload, bool retain)
{
    pqi_status st = pqi_host_mqtt_publish(m, topic, payload, 1, retain);
    if (st == PQI_OK && wait_for(m, false)) {
        return PQI_CLI_OK;
    }
    return pqi_cli_fail(PQI_CLI_ENV, "run the command again: it goes on where it stopped",
        "the broker did not take %s", topic);
}
