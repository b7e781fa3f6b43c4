/* SPDX-License-Identifier: Apache-2.0
 * provider.uri: one line that says which provider a directory belongs to. It is not authenticated: who
 * changes it makes the directory fail to open, as its keys are wrapped by what it named. */
#include "port/linux/provider_int.h"
#include "port/linux/why.h"

#include <string.h>

#define KEYS_FILE "provider.pqi"

pqi_scheme pqi_uri_scheme(const char *uri)
{
    static const struct {
        const char *prefix;
        pqi_scheme scheme;
    } known[] = {{"soft:", PQI_SCHEME_SOFT}, {"tpm:", PQI_SCHEME_TPM},
        {"pkcs11:", PQI_SCHEME_PKCS11}, {"agent:", PQI_SCHEME_AGENT}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(uri, known[i].prefix, strlen(known[i].prefix)) == 0) {
            return known[i].scheme;
        }
    }
    return PQI_SCHEME_NONE;
}

/* Printable ASCII without a space, one URI. */
static bool is_uri(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '!' || s[i] > '~') {
            return false;
        }
    }
    return n != 0 && n < PQI_HOSTP_URI_MAX;
}

static pqi_status check_wanted(const char *uri)
{
    pqi_scheme scheme = pqi_uri_scheme(uri);
    if (scheme == PQI_SCHEME_NONE) {
        return pqi_why(PQI_ERR_ARG,
            "\"%.40s\" is no provider: soft:, tpm:TCTI, pkcs11:... or agent:SOCKET?store=NAME",
            uri);
    }
    if (!is_uri(uri, strnlen(uri, PQI_HOSTP_URI_MAX))) {
        return pqi_why(PQI_ERR_ARG,
            "the URI %.40s... is longer than %u characters, or holds a space or a control "
            "character",
            uri, PQI_HOSTP_URI_MAX - 1u);
    }
    if (scheme == PQI_SCHEME_SOFT && strcmp(uri, "soft:") != 0) {
        return pqi_why(PQI_ERR_ARG, "soft: takes nothing behind it, and this is \"%.40s\"", uri);
    }
    return PQI_OK;
}

/* PQI_ERR_MISSING: there is no such file, or directory. */
static pqi_status read_uri(const char *dir, char *uri)
{
    uint8_t b[PQI_HOSTP_URI_MAX];
    size_t n = 0;
    pqi_status st = pqi_file_read(dir, PQI_URI_FILE, sizeof b, (pqi_span){b, sizeof b}, &n);
    if (st == PQI_ERR_MISSING) {
        return st;
    }
    bool good = st == PQI_OK && n >= 2 && b[n - 1u] == '\n' && is_uri((const char *)b, n - 1u);
    if (good) {
        memcpy(uri, b, n - 1u);
        uri[n - 1u] = '\0';
        good = pqi_uri_scheme(uri) != PQI_SCHEME_NONE;
    }
    return good ? PQI_OK
                : pqi_why(PQI_ERR_STORAGE,
                      "%s/" PQI_URI_FILE " is no file of one URI, yours and of mode 0600", dir);
}

pqi_status pqi_uri_of_dir(const char *dir, const char *wanted, char *uri, bool *known)
{
    *known = false;
    pqi_status st = wanted != NULL ? check_wanted(wanted) : PQI_OK;
    if (st != PQI_OK) {
        return st;
    }
    st = read_uri(dir, uri);
    if (st == PQI_ERR_MISSING) {
        bool soft = pqi_dir_has(dir, KEYS_FILE) != 0;
        const char *own = soft || wanted == NULL ? "soft:" : wanted;
        memcpy(uri, own, strlen(own) + 1u); /* checked above */
        *known = pqi_uri_scheme(uri) == PQI_SCHEME_SOFT;
    } else if (st != PQI_OK) {
        return st;
    } else {
        *known = true;
        if (pqi_uri_scheme(uri) == PQI_SCHEME_AGENT && pqi_dir_has(dir, KEYS_FILE) != 0) {
            return pqi_why(PQI_ERR_STORAGE,
                "%s/" KEYS_FILE " holds keys, and " PQI_URI_FILE " sends their users to an agent",
                dir);
        }
    }
    if (wanted != NULL && strcmp(wanted, uri) != 0) {
        return pqi_why(PQI_ERR_STATE,
            "the keys in %s are those of %.60s: they cannot move to %.60s, make a new directory",
            dir, uri, wanted);
    }
    return PQI_OK;
}

pqi_status pqi_uri_save(const char *dir, const char *uri)
{
    char line[PQI_HOSTP_URI_MAX + 1u];
    size_t n = strlen(uri);
    memcpy(line, uri, n);
    line[n] = '\n';
    return pqi_file_write_atomic(dir, PQI_URI_FILE, (pqi_cspan){(const uint8_t *)line, n + 1u});
}
