/* SPDX-License-Identifier: Apache-2.0
 * PKCS#11 URI: what is accepted can be written again, with every byte as %XX, and gives the same;
 * what is refused leaves zeros, and the error lies within the URI. */
#include "port/linux/p11_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[16384];
static size_t at;

static void put(const char *s)
{
    size_t n = strlen(s);
    memcpy(out + at, s, n);
    at += n;
}

static void field(
    const pqi_p11_uri *u, uint32_t bit, const char *name, const char *value, char *mark)
{
    char hex[4];
    if ((u->has & bit) == 0) {
        return;
    }
    if (*mark != '\0') {
        out[at++] = *mark;
    }
    *mark = *mark == '?' || *mark == '&' ? '&' : ';';
    put(name);
    for (; *value != '\0'; value++) {
        (void)snprintf(hex, sizeof hex, "%%%02x", (unsigned char)*value);
        put(hex);
    }
}

static size_t write_again(const pqi_p11_uri *u)
{
    char mark = '\0', slot[24];
    at = 0;
    put("pkcs11:");
    if ((u->has & PQI_P11_SLOT_ID) != 0) {
        (void)snprintf(slot, sizeof slot, "slot-id=%lu", (unsigned long)u->slot_id);
        put(slot);
        mark = ';';
    }
    field(u, PQI_P11_SERIAL, "serial=", u->serial, &mark);
    field(u, PQI_P11_MODEL, "model=", u->model, &mark);
    field(u, PQI_P11_MANUFACTURER, "manufacturer=", u->manufacturer, &mark);
    field(u, PQI_P11_TOKEN, "token=", u->token, &mark);
    mark = '?';
    field(u, PQI_P11_PIN_SOURCE, "pin-source=", u->pin_path, &mark);
    field(u, PQI_P11_MODULE_NAME, "module-name=", u->module_name, &mark);
    field(u, PQI_P11_MODULE_PATH, "module-path=", u->module_path, &mark);
    return at;
}

static void want(int good)
{
    if (!good) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const pqi_p11_uri zero;
    static pqi_p11_uri a, b;
    pqi_p11_uri_error err;
    if (pqi_p11_uri_parse((const char *)data, size, &a, &err) != PQI_OK) {
        want(memcmp(&a, &zero, sizeof a) == 0);
        want(err.at <= size && err.what[0] != '\0');
        return 0;
    }
    want(size <= PQI_P11_URI_MAX);
    want(a.module_path[0] == ((a.has & PQI_P11_MODULE_PATH) != 0 ? '/' : '\0'));
    want(a.pin_path[0] == ((a.has & PQI_P11_PIN_SOURCE) != 0 ? '/' : '\0'));
    size_t n = write_again(&a);
    if (n <= PQI_P11_URI_MAX) {
        want(pqi_p11_uri_parse(out, n, &b, &err) == PQI_OK);
        want(memcmp(&a, &b, sizeof a) == 0);
    }
    return 0;
}
