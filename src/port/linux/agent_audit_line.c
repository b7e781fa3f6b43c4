/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_audit_line.h"

#include "base/hex.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TAIL_LEN (sizeof ",\"hash\":\"" - 1 + 2 * PQI_AGENT_HASH + 2) /* ,"hash":"...64..."} */

#define REFUSED_FIELD ",\"refused\":"

typedef struct text {
    char *p;
    size_t room, len;
} text;

static void put(text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = t->len < t->room ? vsnprintf(t->p + t->len, t->room - t->len, fmt, ap) : 0;
    va_end(ap);
    t->len = n < 0 || (size_t)n >= t->room - t->len ? t->room : t->len + (size_t)n;
}

/* Labels are the caller's bytes: what is not plain is written as \u00xx. */
static void put_string(text *t, const char *name, pqi_cspan s)
{
    put(t, ",\"%s\":\"", name);
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            put(t, "%c", c);
        } else {
            put(t, "\\u%04x", c);
        }
    }
    put(t, "\"");
}

static void put_time(text *t)
{
    struct timespec now = {0, 0};
    struct tm tm;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &tm) != NULL) {
        put(t, ",\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ\"", tm.tm_year + 1900,
            tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000);
    }
}

static void put_request(text *t, const pqi_agent_req *q)
{
    if (q->key != 0) {
        put(t, ",\"key\":\"0x%08" PRIx32 "\"", q->key);
    }
    switch (q->op) {
    case PQI_AGENT_DECRYPT:
        put(t, ",\"dh\":\"0x%08" PRIx32 "\"", q->key2);
        break;
    case PQI_AGENT_SIGN:
        put_string(t, "domain", q->name);
        break;
    case PQI_AGENT_SEAL:
    case PQI_AGENT_UNSEAL:
        put_string(t, "label", q->name);
        put(t, ",\"generation\":%" PRIu64, q->value);
        break;
    case PQI_AGENT_COUNTER_ADVANCE:
        put(t, ",\"slot\":%" PRIu32 ",\"value\":%" PRIu64, q->n, q->value);
        break;
    case PQI_AGENT_COUNTER_GET:
        put(t, ",\"slot\":%" PRIu32, q->n);
        break;
    case PQI_AGENT_QUOTE:
        put(t, ",\"pcrs\":%" PRIu32, q->n);
        break;
    case PQI_AGENT_GENERATE:
        put(t, ",\"alg\":%" PRId32, q->alg);
        break;
    default:
        break;
    }
}

/* SHA-256(hash of the line before || line up to its own hash) */
static bool chain(const pqi_classic *c, const char *line, size_t len, uint8_t hash[PQI_AGENT_HASH])
{
    const pqi_cspan parts[2] = {{hash, PQI_AGENT_HASH}, {(const uint8_t *)line, len}};
    uint8_t next[PQI_AGENT_HASH];
    if (c->hash(PQI_HASH_SHA256, parts, 2, next) != PQI_OK) {
        return false;
    }
    memcpy(hash, next, sizeof next);
    return true;
}

static void put_hash(text *t, const uint8_t hash[PQI_AGENT_HASH])
{
    put(t, ",\"hash\":\"");
    for (size_t i = 0; i < PQI_AGENT_HASH; i++) {
        put(t, "%02x", hash[i]);
    }
    put(t, "\"}\n");
}

size_t pqi_agent_line_make(const pqi_classic *c, const pqi_agent_event *e, uint64_t seq,
    const pqi_agent_line_more *more, uint8_t hash[PQI_AGENT_HASH], char out[PQI_AGENT_AUDIT_LINE])
{
    text t = {out, PQI_AGENT_AUDIT_LINE, 0};
    put(&t, "{\"seq\":%" PRIu64, seq);
    put_time(&t);
    put(&t, ",\"op\":\"%s\"", e->what);
    if (e->who != NULL) {
        put(&t, ",\"uid\":%u", (unsigned)e->who->uid);
        if (!more->folded) {
            put(&t, ",\"gid\":%u,\"pid\":%d", (unsigned)e->who->gid, (int)e->who->pid);
        }
    }
    if (e->store != NULL) {
        put_string(&t, "store", (pqi_cspan){(const uint8_t *)e->store, strlen(e->store)});
    }
    if (e->q != NULL) {
        put_request(&t, e->q);
    }
    put(&t, ",\"status\":\"%s\"", pqi_status_name(e->status));
    if (more->refused != 0) {
        put(&t, REFUSED_FIELD "%" PRIu64, more->refused);
    }
    if (more->skipped != 0) {
        put(&t, ",\"skipped\":%" PRIu64, more->skipped);
    }
    if (more->cut) {
        put(&t, ",\"cut\":true");
    }
    uint8_t next[PQI_AGENT_HASH];
    memcpy(next, hash, sizeof next);
    if (t.len >= t.room || !chain(c, out, t.len, next)) {
        return 0;
    }
    put_hash(&t, next);
    if (t.len >= t.room) {
        return 0;
    }
    memcpy(hash, next, sizeof next);
    return t.len;
}

bool pqi_agent_line_read(const char *line, size_t len, uint64_t *seq, uint8_t hash[PQI_AGENT_HASH])
{
    static const char head[] = "{\"seq\":", tail[] = ",\"hash\":\"";
    if (len < sizeof head + TAIL_LEN || len >= PQI_AGENT_AUDIT_LINE ||
        memcmp(line, head, sizeof head - 1) != 0 ||
        memcmp(line + len - TAIL_LEN, tail, sizeof tail - 1) != 0 ||
        memcmp(line + len - 2, "\"}", 2) != 0) {
        return false;
    }
    size_t at = sizeof head - 1, n = at;
    char digits[24];
    while (n < len && n - at < sizeof digits - 1 && line[n] >= '0' && line[n] <= '9') {
        digits[n - at] = line[n];
        n++;
    }
    digits[n - at] = '\0';
    const char *hex = line + len - 2 - 2 * PQI_AGENT_HASH;
    for (size_t i = 0; i < 2 * PQI_AGENT_HASH; i++) { /* nothing covers these: one spelling */
        if (!((hex[i] >= '0' && hex[i] <= '9') || (hex[i] >= 'a' && hex[i] <= 'f'))) {
            return false;
        }
    }
    uint8_t got[PQI_AGENT_HASH];
    size_t got_len = 0;
    if (pqi_hex_decode((pqi_cspan){(const uint8_t *)hex, 2 * PQI_AGENT_HASH},
            (pqi_span){got, sizeof got}, &got_len) != PQI_OK ||
        !pqi_agent_number(digits, UINT64_MAX, seq)) {
        return false;
    }
    memcpy(hash, got, sizeof got);
    return true;
}

bool pqi_agent_line_check(
    const pqi_classic *c, const char *line, size_t len, uint8_t hash[PQI_AGENT_HASH])
{
    uint64_t seq = 0;
    uint8_t want[PQI_AGENT_HASH], next[PQI_AGENT_HASH];
    memcpy(next, hash, sizeof next);
    if (!pqi_agent_line_read(line, len, &seq, want) || !chain(c, line, len - TAIL_LEN, next) ||
        memcmp(next, want, sizeof next) != 0) {
        return false;
    }
    memcpy(hash, next, sizeof next);
    return true;
}

bool pqi_agent_line_is_refusal(const char *line, size_t len)
{
    return memmem(line, len, REFUSED_FIELD, sizeof REFUSED_FIELD - 1) != NULL;
}

bool pqi_agent_line_is_stop(const char *line, size_t len)
{
    static const char stop[] = ",\"op\":\"stop\",";
    return memmem(line, len, stop, sizeof stop - 1) != NULL;
}
