/* SPDX-License-Identifier: Apache-2.0
 * Fields of inspected objects. */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_BYTES 8u /* of a key: enough to tell two apart by eye */

void pqi_inspect_put(json_t *o, const char *name, json_t *value)
{
    if (value == NULL || json_object_set_new(o, name, value) != 0) {
        exit(pqi_cli_fail(PQI_CLI_ENV, "free some memory", "out of memory"));
    }
}

void pqi_inspect_put_str(json_t *o, const char *name, const char *value)
{
    pqi_inspect_put(o, name, json_string(value));
}

/* What is no UTF-8 becomes U+FFFD, the replacement character. */
static json_t *repaired(pqi_cspan value)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *text = pqi_cli_alloc(3 * value.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < value.len;) {
        uint32_t cp = 0;
        size_t n = pqi_inspect_utf8(value.ptr + i, value.len - i, &cp);
        memcpy(text + len, n != 0 ? (const char *)value.ptr + i : replacement, n != 0 ? n : 3);
        len += n != 0 ? n : 3;
        i += n != 0 ? n : 1;
    }
    json_t *out = json_stringn(text, len);
    free(text);
    return out;
}

void pqi_inspect_put_text(json_t *o, const char *name, pqi_cspan value)
{
    json_t *s = json_stringn(value.len != 0 ? (const char *)value.ptr : "", value.len);
    pqi_inspect_put(o, name, s != NULL ? s : repaired(value));
}

void pqi_inspect_put_uint(json_t *o, const char *name, uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX) {
        pqi_inspect_put(o, name, json_integer((json_int_t)value));
        return;
    }
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    pqi_inspect_put_str(o, name, text);
}

void pqi_inspect_put_hex(json_t *o, const char *name, const uint8_t *value, size_t len)
{
    char text[2 * 64 + 1];
    pqi_cli_hex_encode(text, value, len < 64 ? len : 64);
    pqi_inspect_put_str(o, name, text);
}

void pqi_inspect_put_time(json_t *o, const char *name, uint64_t unix_s)
{
    char text[64];
    struct tm tm;
    time_t t = (time_t)unix_s;
    if (unix_s == 0) {
        pqi_inspect_put(o, name, json_null());
        return;
    }
    if (unix_s > INT32_MAX * UINT64_C(100) || gmtime_r(&t, &tm) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        (void)snprintf(text, sizeof text, "%llu seconds after 1970", (unsigned long long)unix_s);
    }
    pqi_inspect_put_str(o, name, text);
}

json_t *pqi_inspect_alg(const char *name, unsigned flags)
{
    return json_sprintf("%s%s", name, pqi_alg_mark(flags));
}

static void put_key(
    const pqi_inspect_ctx *c, json_t *o, const char *name, json_t *alg, pqi_cspan pk)
{
    uint8_t hash[32];
    json_t *k = json_object();
    pqi_inspect_put(k, "algorithm", alg);
    pqi_inspect_put_uint(k, "bytes", pk.len);
    pqi_inspect_put_hex(k, "first", pk.ptr, pk.len < FIRST_BYTES ? pk.len : FIRST_BYTES);
    if (c->algs->classic->hash(PQI_HASH_SHA256, &pk, 1, hash) == PQI_OK) {
        pqi_inspect_put_hex(k, "sha256", hash, sizeof hash);
    }
    pqi_inspect_put(o, name, k);
}

void pqi_inspect_put_kem_key(
    const pqi_inspect_ctx *c, json_t *o, const char *name, uint32_t alg, pqi_cspan pk)
{
    const pqi_kem *k = pqi_algs_kem(c->algs, alg);
    put_key(
        c, o, name, k != NULL ? pqi_inspect_alg(k->name, k->flags) : json_string("unknown"), pk);
}

void pqi_inspect_put_sig_key(
    const pqi_inspect_ctx *c, json_t *o, const char *name, int32_t alg, pqi_cspan pk)
{
    const pqi_sig *s = pqi_algs_sig(c->algs, alg);
    put_key(
        c, o, name, s != NULL ? pqi_inspect_alg(s->name, s->flags) : json_string("unknown"), pk);
}

void pqi_inspect_put_x25519_key(const pqi_inspect_ctx *c, json_t *o, pqi_cspan pk)
{
    put_key(c, o, "x25519_key", json_string("X25519"), pk);
}

void pqi_inspect_put_fleet(json_t *o, const uint8_t fleet[PQI_FLEET_ID_LEN])
{
    pqi_inspect_put_hex(o, "fleet_id", fleet, PQI_FLEET_ID_LEN);
}

json_t *pqi_inspect_bits(uint32_t bits, const char *const *names, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < 32; i++) {
        char text[24];
        if ((bits >> i & 1u) == 0) {
            continue;
        }
        (void)snprintf(text, sizeof text, "unknown bit %zu", i);
        (void)json_array_append_new(list, json_string(i < n ? names[i] : text));
    }
    return list;
}

void pqi_inspect_put_suites(const pqi_inspect_ctx *c, json_t *o, uint32_t bitmap)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->algs->n_suites; i++) {
        if ((bitmap & c->algs->suites[i]->bitmap) != 0) {
            const pqi_suite *s = c->algs->suites[i];
            (void)json_array_append_new(list, pqi_inspect_alg(s->name, s->flags));
            bitmap &= ~s->bitmap;
        }
    }
    json_t *rest = pqi_inspect_bits(bitmap, NULL, 0);
    (void)json_array_extend(list, rest);
    json_decref(rest);
    pqi_inspect_put(o, "suites", list);
}

void pqi_inspect_put_assurance(json_t *o, uint32_t bits)
{
    static const char *const names[] = {"rollback-resistant storage", "non-exportable keys",
        "hardware random generator", "attested boot", "classical halves in hardware",
        "keys in another process"};
    pqi_inspect_put(o, "assurance", pqi_inspect_bits(bits, names, sizeof names / sizeof names[0]));
}

void pqi_inspect_put_state(
    pqi_inspect_result *out, json_t *o, const char *name, pqi_status st, const char *note)
{
    const char *state = st == PQI_OK      ? "verified"
                        : st == PQI_AGAIN ? "not checked"
                                          : "DOES NOT VERIFY";
    json_t *s = json_object();
    pqi_inspect_put_str(s, "state", state);
    if (note != NULL) {
        pqi_inspect_put_str(s, "note", note);
    }
    pqi_inspect_put(o, name, s);
    out->failed = out->failed || (st != PQI_OK && st != PQI_AGAIN);
}
