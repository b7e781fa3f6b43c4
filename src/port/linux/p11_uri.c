/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/p11_uri.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct attribute {
    const char *name;
    uint32_t bit;       /* 0: refused */
    size_t at, room;    /* of the value in pqi_p11_uri, with its 0; room 0: a number */
    const char *refuse; /* why */
} attribute;

#define FIELD(member) offsetof(pqi_p11_uri, member), sizeof(((pqi_p11_uri *)0)->member), NULL
#define OBJECT        0, 0, 0, "names an object; the provider names its objects itself: leave it out"
#define UNUSED        0, 0, 0, "this attribute is not used here: name the token by token, serial, model"

/* RFC 7512 section 2.3, pk11-path and pk11-query */
static const attribute path_attributes[] = {
    {"token", PQI_P11_TOKEN, FIELD(token)},
    {"manufacturer", PQI_P11_MANUFACTURER, FIELD(manufacturer)},
    {"model", PQI_P11_MODEL, FIELD(model)},
    {"serial", PQI_P11_SERIAL, FIELD(serial)},
    {"slot-id", PQI_P11_SLOT_ID, 0, 0, NULL},
    {"object", OBJECT},
    {"id", OBJECT},
    {"type", OBJECT},
    {"library-manufacturer", UNUSED},
    {"library-description", UNUSED},
    {"library-version", UNUSED},
    {"slot-manufacturer", UNUSED},
    {"slot-description", UNUSED},
};
static const attribute query_attributes[] = {
    {"module-path", PQI_P11_MODULE_PATH, FIELD(module_path)},
    {"module-name", PQI_P11_MODULE_NAME, FIELD(module_name)},
    {"pin-source", PQI_P11_PIN_SOURCE, FIELD(pin_path)},
    {"pin-value", 0, 0, 0,
        "a PIN in a URI is read by everybody who lists processes: put it into a file of mode 0600 "
        "and "
        "name that by pin-source"},
};

typedef struct parser {
    const char *p;
    size_t len, at;
    pqi_p11_uri *out;
    pqi_p11_uri_error *err;
} parser;

static bool fail(const parser *s, size_t at, const char *what)
{
    s->err->at = at;
    s->err->what = what;
    return false;
}

static bool in_range(char c, char from, char to)
{
    return c >= from && c <= to;
}

/* unreserved, and the reserved characters of section 2.3 that may stand for themselves */
static bool is_plain(char c, bool query)
{
    if (in_range(c, 'a', 'z') || in_range(c, 'A', 'Z') || in_range(c, '0', '9')) {
        return true;
    }
    return c != '\0' && (strchr("-._~:[]@!$'()*+,=", c) != NULL || (!query && c == '&') ||
                            (query && strchr("/?|", c) != NULL));
}

static int hex_of(char c)
{
    return in_range(c, '0', '9')   ? c - '0'
           : in_range(c, 'a', 'f') ? c - 'a' + 10
           : in_range(c, 'A', 'F') ? c - 'A' + 10
                                   : -1;
}

/* One character of a value, decoded. */
static bool next_char(parser *s, bool query, char *c)
{
    size_t at = s->at;
    if (s->p[at] != '%') {
        *c = s->p[at];
        s->at = at + 1;
        return is_plain(*c, query) ||
               fail(s, at, "this character must be written as % and two hexadecimal digits");
    }
    int high = s->len - at > 2 ? hex_of(s->p[at + 1]) : -1;
    int low = high >= 0 ? hex_of(s->p[at + 2]) : -1;
    if (low < 0) {
        return fail(s, at, "two hexadecimal digits must follow %");
    }
    *c = (char)(unsigned char)(high * 16 + low);
    s->at = at + 3;
    return *c != '\0' || fail(s, at, "a value cannot hold a zero byte");
}

static bool ends(const parser *s, bool query)
{
    return s->at == s->len || s->p[s->at] == (query ? '&' : ';') || (!query && s->p[s->at] == '?');
}

static bool number(parser *s)
{
    uint64_t v = 0;
    size_t first = s->at;
    for (; !ends(s, false); s->at++) {
        char c = s->p[s->at];
        v = v * 10u + (uint64_t)(unsigned char)(c - '0');
        if (!in_range(c, '0', '9') || v > UINT32_MAX) {
            return fail(s, s->at, "slot-id is a decimal number below 2^32");
        }
    }
    s->out->slot_id = (uint32_t)v;
    return s->at != first || fail(s, first, "a value is missing here");
}

static bool text(parser *s, const attribute *a, bool query)
{
    char *to = (char *)s->out + a->at;
    size_t n = 0, first = s->at;
    while (!ends(s, query)) {
        size_t at = s->at;
        char c;
        if (!next_char(s, query, &c)) {
            return false;
        }
        if (n + 1 == a->room) {
            return fail(s, at, "this value is longer than any that fits");
        }
        to[n++] = c;
    }
    return n != 0 || fail(s, first, "a value is missing here");
}

/* "file:/path", "file:///path", "file://localhost/path" (RFC 8089) or "/path" */
static bool pin_source(parser *s, size_t at)
{
    static const char *const begins[] = {"file://localhost/", "file:///", "file:/", "/"};
    char *path = s->out->pin_path;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t n = strlen(begins[i]);
        if (strncmp(path, begins[i], n) == 0) {
            size_t len = strlen(path) - (n - 1);
            memmove(path, path + n - 1, len);
            memset(path + len, 0, sizeof s->out->pin_path - len);
            return len > 1 && path[1] != '/'
                       ? true
                       : fail(s, at, "pin-source names no file: it is file:/PATH");
        }
    }
    return fail(s, at, "pin-source must be an absolute path or a file: URI");
}

static bool check_value(parser *s, const attribute *a, size_t at)
{
    if (a->bit == PQI_P11_MODULE_PATH && s->out->module_path[0] != '/') {
        return fail(s, at, "module-path must be absolute; a bare name goes into module-name");
    }
    if (a->bit == PQI_P11_MODULE_NAME &&
        (strchr(s->out->module_name, '/') != NULL || s->out->module_name[0] == '.')) {
        return fail(s, at, "module-name is a bare name; a path goes into module-path");
    }
    return a->bit != PQI_P11_PIN_SOURCE || pin_source(s, at);
}

static const attribute *find(const parser *s, size_t from, bool query)
{
    const attribute *list = query ? query_attributes : path_attributes;
    size_t n = query ? sizeof query_attributes / sizeof query_attributes[0]
                     : sizeof path_attributes / sizeof path_attributes[0];
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(list[i].name);
        if (len == s->at - from && memcmp(list[i].name, s->p + from, len) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

static bool one_attribute(parser *s, bool query)
{
    size_t from = s->at;
    while (!ends(s, query) && s->p[s->at] != '=') {
        s->at++;
    }
    if (s->at == from) {
        return fail(s, from, "an attribute is missing here");
    }
    const attribute *a = find(s, from, query);
    if (a == NULL) {
        return fail(s, from,
            query ? "unknown attribute: module-path, module-name and pin-source stand behind '?'"
                  : "unknown attribute: token, serial, model, manufacturer and slot-id stand "
                    "before '?'");
    }
    if (a->bit == 0) {
        return fail(s, from, a->refuse);
    }
    if ((s->out->has & a->bit) != 0) {
        return fail(s, from, "this attribute stands twice");
    }
    s->out->has |= a->bit;
    if (ends(s, query)) {
        return fail(s, s->at, "'=' and a value must follow");
    }
    size_t at = ++s->at;
    return (a->room == 0 ? number(s) : text(s, a, query)) && check_value(s, a, at);
}

/* Attributes up to the end of their part, which begins at s->at. */
static bool attributes(parser *s, bool query)
{
    while (one_attribute(s, query)) {
        if (s->at == s->len || s->p[s->at] == '?') {
            return true;
        }
        s->at++; /* ';' or '&' */
    }
    return false;
}

static bool parse(parser *s)
{
    static const char scheme[] = "pkcs11:";
    const uint32_t both = PQI_P11_MODULE_PATH | PQI_P11_MODULE_NAME;
    size_t n = sizeof scheme - 1;
    if (s->len > PQI_P11_URI_MAX) {
        return fail(s, PQI_P11_URI_MAX, "the URI is longer than 1024 bytes");
    }
    if (s->len < n || memcmp(s->p, scheme, n) != 0) {
        return fail(s, 0, "a PKCS#11 URI begins with pkcs11:");
    }
    s->at = n;
    if (s->at < s->len && s->p[s->at] != '?' && !attributes(s, false)) {
        return false;
    }
    if (s->at < s->len) {
        s->at++; /* '?' */
        if (!attributes(s, true)) {
            return false;
        }
    }
    return (s->out->has & both) != both ||
           fail(s, s->len, "give module-path or module-name, not both");
}

pqi_status pqi_p11_uri_parse(const char *uri, size_t len, pqi_p11_uri *out, pqi_p11_uri_error *err)
{
    parser s = {uri, len, 0, out, err};
    memset(out, 0, sizeof *out);
    *err = (pqi_p11_uri_error){0, ""};
    if (parse(&s)) {
        return PQI_OK;
    }
    memset(out, 0, sizeof *out);
    return PQI_ERR_ARG;
}
