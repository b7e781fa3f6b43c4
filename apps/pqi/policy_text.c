/* SPDX-License-Identifier: Apache-2.0
 * One table of the keys; reading, printing and JSON walk it. */
#include "policy_text.h"

#include "inspect.h"

#include <pqi/session.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct word {
    const char *name;
    uint8_t bits;
} word;

static const word marks[] = {{"not-standardised", PQI_ALG_NOT_STANDARD},
    {"pre-standard", PQI_ALG_PRE_STANDARD}, {"not-misuse-resistant", PQI_ALG_NOT_MISUSE_RESISTANT},
    {"composite", PQI_ALG_COMPOSITE}, {NULL, 0}};
static const word modes[] = {{"S", PQI_MODES_S}, {"K", PQI_MODES_K}, {"M", PQI_MODES_M}, {NULL, 0}};
static const word uses[] = {
    {"prefer", PQI_SESSIONS_PREFER}, {"require", PQI_SESSIONS_REQUIRE}, {NULL, 0}};
static const word flags[] = {{"roster", PQI_POLICY_ROSTER}, {"gossip", PQI_POLICY_GOSSIP},
    {"delegates", PQI_POLICY_DELEGATES}, {"no-rollback", PQI_POLICY_NO_ROLLBACK},
    {"attest", PQI_POLICY_ATTEST}, {NULL, 0}};
static const word assurance[] = {{"no-rollback", PQI_ASSURE_NO_ROLLBACK},
    {"non-exportable", PQI_ASSURE_NON_EXPORTABLE}, {"hw-rng", PQI_ASSURE_HW_RNG},
    {"attested-boot", PQI_ASSURE_ATTESTED_BOOT}, {"half", PQI_ASSURE_HALF},
    {"separate", PQI_ASSURE_SEPARATE}, {NULL, 0}};
static const word rights[] = {{"pub", PQI_RIGHT_PUB}, {"sub", PQI_RIGHT_SUB}, {NULL, 0}};
static const word classes[] = {{"L", 1}, {"M", 2}, {"H", 4}, {"S", 8}, {NULL, 0}};

typedef enum kind { KIND_NUMBER, KIND_ONE, KIND_SET } kind;

typedef struct rule {
    const char *key, *about;
    kind kind;
    size_t at, size; /* of the field in pqi_policy_rules */
    uint64_t min, max;
    const word *words;
    const char *empty; /* the word for an empty set */
    bool second;       /* of version 2 alone */
} rule;

#define AT(field)     offsetof(pqi_policy_rules, field), sizeof(((pqi_policy_rules *)0)->field)
#define NUMBER(field) KIND_NUMBER, AT(field)
#define CLASS(i)      offsetof(pqi_policy_rules, assurance) + (i), 1

/* clang-format off */
static const rule rules[] = {
    {"min-level", "lowest NIST level of peers' algorithms, 0 to 5", NUMBER(min_level), 0, 5, NULL, NULL, false},
    {"forbid", "algorithms that are refused: not-standardised, pre-standard, not-misuse-resistant, "
        "composite", KIND_SET, AT(forbid), 0, 0, marks, "none", false},
    {"modes", "handshakes that are allowed: S both sign, K both prove KEM keys, M one of each", KIND_SET,
        AT(modes), 0, 0, modes, "all", false},
    {"sessions", "prefer or require", KIND_ONE, AT(sessions), 0, 0, uses, NULL, false},
    {"flags", "roster: peers must be in it; gossip: pass heads on; delegates: local ticks count; no-rollback: own "
        "storage must be; attest: peers must be", KIND_SET, AT(flags), 0, 0, flags, "none", false},
    {"tick-seconds", "from tick to tick, 1 to 86400", NUMBER(tick_s), 1, 86400, NULL, NULL, false},
    {"fresh", "age in ticks up to which everything is allowed", NUMBER(fresh), 1, UINT32_MAX, NULL, NULL, false},
    {"aged", "and up to which no new trust, handshakes or set-points are", NUMBER(aged), 2, UINT32_MAX, NULL,
        NULL, false},
    {"stale", "and up to which telemetry is marked; above it only fail-safe is left", NUMBER(stale), 3,
        UINT32_MAX, NULL, NULL, false},
    {"grace-seconds", "uptime for which class M goes on before the time is known", NUMBER(grace_s), 0, UINT32_MAX,
        NULL, NULL, false},
    {"assurance-L", "what peers need for class L: no-rollback, non-exportable, hw-rng, attested-boot, half, "
        "separate", KIND_SET, CLASS(0), 0, 0, assurance, "none", false},
    {"assurance-M", "for class M", KIND_SET, CLASS(1), 0, 0, assurance, "none", false},
    {"assurance-H", "for class H", KIND_SET, CLASS(2), 0, 0, assurance, "none", false},
    {"min-revocations", "entries of the log that a device must have", NUMBER(min_rev_seq), 0, UINT32_MAX, NULL,
        NULL, false},
    {"ttl-ticks", "after so many ticks class H stops until a new policy; 0: never", NUMBER(ttl_ticks), 0,
        UINT32_MAX, NULL, NULL, false},
    {"rev-ahead-permille", "share of the roster that a revoker alone may revoke ahead of a head",
        NUMBER(rev_ahead_permille), 0, 1000, NULL, NULL, true},
    {"local-ticks-max", "ticks of a delegate that count after the last one of the fleet", NUMBER(local_ticks_max),
        0, UINT32_MAX, NULL, NULL, true},
    {"max-step-seconds", "a clock farther from signed time is not believed", NUMBER(max_step_s), 60, UINT32_MAX,
        NULL, NULL, true},
};
/* clang-format on */

#define N_RULES (sizeof rules / sizeof rules[0])

static uint32_t load(const pqi_policy_rules *u, const rule *r)
{
    const uint8_t *at = (const uint8_t *)u + r->at;
    uint16_t half = 0;
    uint32_t whole = 0;
    if (r->size == sizeof half) {
        memcpy(&half, at, sizeof half);
        return half;
    }
    if (r->size == sizeof whole) {
        memcpy(&whole, at, sizeof whole);
        return whole;
    }
    return *at;
}

static void save(pqi_policy_rules *u, const rule *r, uint32_t v)
{
    uint8_t *at = (uint8_t *)u + r->at;
    const uint16_t half = (uint16_t)v;
    if (r->size == sizeof half) {
        memcpy(at, &half, sizeof half);
    } else if (r->size == sizeof v) {
        memcpy(at, &v, sizeof v);
    } else {
        *at = (uint8_t)v;
    }
}

/* ---- reading ------------------------------------------------------------------------------------ */

typedef struct reader {
    pqi_policy *p;
    uint32_t seen; /* rules by their place */
    bool version;
    unsigned line;
    char *why;
} reader;

static bool wrong(const reader *r, const char *fmt, const char *what)
{
    int n = snprintf(r->why, PQI_POLICY_WHY, "line %u: ", r->line);
    if (n > 0) {
        char *rest = r->why + n;
        size_t room = PQI_POLICY_WHY - (size_t)n;
        size_t at = strcspn(fmt, "@");
        (void)snprintf(
            rest, room, "%.*s%.60s%s", (int)at, fmt, what, fmt[at] == '@' ? fmt + at + 1 : "");
    }
    return false;
}

static char *trim(char *s)
{
    s += strspn(s, " \t");
    for (char *e = s + strlen(s); e > s && (e[-1] == ' ' || e[-1] == '\t'); e--) {
        e[-1] = '\0';
    }
    return s;
}

/* A comment begins the line or stands behind a blank: topics may not contain '#'. */
static void cut_comment(char *line)
{
    for (char *c = line; *c != '\0'; c++) {
        if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
            *c = '\0';
            return;
        }
    }
}

static bool read_number(const char *text, uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t v = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || v > UINT32_MAX) {
            return false;
        }
        v = v * 10u + (uint64_t)(*text - '0');
    }
    *out = (uint32_t)v;
    return v >= min && v <= max;
}

static bool read_word(const char *text, const word *words, uint8_t *bits)
{
    for (; words->name != NULL; words++) {
        if (strcmp(words->name, text) == 0) {
            *bits = words->bits;
            return true;
        }
    }
    return false;
}

/* Words separated by any of `seps`, each once. */
static bool read_set(char *text, const word *words, const char *seps, uint8_t *bits)
{
    char *save_at = NULL;
    *bits = 0;
    for (char *t = strtok_r(text, seps, &save_at); t != NULL; t = strtok_r(NULL, seps, &save_at)) {
        uint8_t one = 0;
        if (!read_word(t, words, &one) || (*bits & one) == one) {
            return false;
        }
        *bits |= one;
    }
    return *bits != 0;
}

static bool read_rule(reader *r, const rule *u, char *value)
{
    uint32_t v = 0;
    uint8_t bits = 0;
    bool ok = false;
    if (u->kind == KIND_NUMBER) {
        ok = read_number(value, u->min, u->max, &v);
    } else if (u->kind == KIND_ONE) {
        ok = read_word(value, u->words, &bits);
        v = bits;
    } else if (strcmp(value, u->empty) == 0) {
        ok = true;
    } else {
        ok = read_set(value, u->words, ", \t", &bits);
        v = bits;
    }
    save(&r->p->rules, u, v);
    return ok || wrong(r, "a value that @ does not take", u->key);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes put_prefix() in place: \\ and \xHH. */
static bool read_prefix(reader *r, char *text, pqi_cspan *out)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '\\') {
            *to++ = *at;
            continue;
        }
        int high = -1, low = -1;
        if (at[1] == 'x') {
            high = hex_digit(at[2]);
            low = high < 0 ? -1 : hex_digit(at[3]);
        } else if (at[1] == '\\') {
            high = '\\' >> 4;
            low = '\\' & 15;
        }
        if (high < 0 || low < 0 || (high | low) == 0) {
            return wrong(r, "a \\ in a prefix is written \\\\, and other bytes \\xHH: \"@\"", at);
        }
        at += at[1] == 'x' ? 3 : 1;
        *to++ = (char)(high << 4 | low);
    }
    *out = (pqi_cspan){(const uint8_t *)text, (size_t)(to - text)};
    *to = '\0';
    return true;
}

/* "SUBJECT PREFIX RIGHTS CLASSES", the subject * for everybody. */
static bool read_acl(reader *r, char *value)
{
    char *save_at = NULL, *f[4] = {NULL, NULL, NULL, NULL};
    size_t n = 0;
    for (char *t = strtok_r(value, " \t", &save_at); t != NULL;
         t = strtok_r(NULL, " \t", &save_at)) {
        if (n == 4) {
            return wrong(r, "an acl is SUBJECT PREFIX RIGHTS CLASSES", "");
        }
        f[n++] = t;
    }
    if (n != 4) {
        return wrong(r, "an acl is SUBJECT PREFIX RIGHTS CLASSES", "");
    }
    if (r->p->n_acls == PQI_POLICY_ACLS_MAX) {
        return wrong(r, "there are more acl lines than a policy holds", "");
    }
    pqi_acl *a = &r->p->acls[r->p->n_acls];
    const pqi_cspan id = {(const uint8_t *)f[0], strlen(f[0])};
    const bool all = strcmp(f[0], "*") == 0;
    if (!all && pqi_id_check(id) != PQI_OK) {
        return wrong(r, "\"@\" is no device id and no *", f[0]);
    }
    a->subject = all ? (pqi_cspan){NULL, 0} : id;
    if (!read_prefix(r, f[1], &a->prefix)) {
        return false;
    }
    if (!read_set(f[2], rights, "+,", &a->rights)) {
        return wrong(r, "rights are pub, sub or pub+sub, not \"@\"", f[2]);
    }
    if (!read_set(f[3], classes, "+,", &a->classes)) {
        return wrong(r, "classes are L, M, H, S, joined by +, not \"@\"", f[3]);
    }
    r->p->n_acls++;
    return true;
}

static bool prefix_ok(const reader *r, pqi_cspan prefix)
{
    /* a scope of that prefix covers itself exactly when it is one */
    const pqi_scope s = {prefix, PQI_RIGHT_PUB, PQI_CLASS_L};
    return (prefix.len <= PQI_PREFIX_MAX && prefix.ptr[prefix.len - 1] != '/' &&
               pqi_scope_check(&s, 1, prefix, PQI_RIGHT_PUB, PQI_CLASS_L) == PQI_OK) ||
           wrong(r, "\"@\" is no prefix of topics", (const char *)prefix.ptr);
}

static bool read_fail_safe(reader *r, char *value)
{
    if (r->p->n_fail_safe == PQI_POLICY_FAIL_SAFE) {
        return wrong(r, "there are more fail-safe lines than a policy holds", "");
    }
    if (*value == '\0' || strpbrk(value, " \t") != NULL) {
        return wrong(r, "fail-safe takes one prefix of topics", "");
    }
    pqi_cspan prefix;
    if (!read_prefix(r, value, &prefix)) {
        return false;
    }
    r->p->fail_safe[r->p->n_fail_safe++] = prefix;
    return prefix_ok(r, prefix);
}

static bool read_version(reader *r, const char *value)
{
    uint32_t v = 0;
    if (r->version) {
        return wrong(r, "version stands there twice", "");
    }
    r->version = true;
    bool ok = read_number(value, 1, 2, &v);
    r->p->version = v;
    return ok || wrong(r, "version is 1 or 2, not \"@\"", value);
}

static bool read_pair(reader *r, const char *key, char *value)
{
    if (strcmp(key, "version") == 0) {
        return read_version(r, value);
    }
    if (!r->version) {
        return wrong(r, "version stands before everything else", "");
    }
    if (strcmp(key, "acl") == 0) {
        return read_acl(r, value) && prefix_ok(r, r->p->acls[r->p->n_acls - 1].prefix);
    }
    if (strcmp(key, "fail-safe") == 0) {
        return read_fail_safe(r, value);
    }
    for (size_t i = 0; i < N_RULES; i++) {
        if (strcmp(rules[i].key, key) != 0) {
            continue;
        }
        if ((r->seen >> i & 1u) != 0) {
            return wrong(r, "@ stands there twice", key);
        }
        if (rules[i].second && r->p->version == 1) {
            return wrong(r, "version 1 has no @", key);
        }
        r->seen |= (uint32_t)1 << i;
        return read_rule(r, &rules[i], value);
    }
    return wrong(r, "unknown key \"@\"", key);
}

static bool read_line(reader *r, char *line)
{
    cut_comment(line);
    line[strcspn(line, "\r")] = '\0';
    char *text = trim(line);
    if (*text == '\0') {
        return true;
    }
    char *eq = strchr(text, '=');
    if (eq == NULL) {
        return wrong(r, "\"@\" is not key = value", text);
    }
    *eq = '\0';
    return read_pair(r, trim(text), trim(eq + 1));
}

bool pqi_policy_parse(char *text, size_t len, pqi_policy *out, char why[PQI_POLICY_WHY])
{
    memset(out, 0, sizeof *out);
    out->rules = pqi_policy_default;
    reader r = {out, 0, false, 0, why};
    if (memchr(text, 0, len) != NULL) {
        (void)snprintf(why, PQI_POLICY_WHY, "this is no text: it has NUL bytes");
        return false;
    }
    for (char *line = text, *next = NULL; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        r.line++;
        if (!read_line(&r, line)) {
            return false;
        }
    }
    const pqi_policy_rules *u = &out->rules;
    if (!r.version) {
        return wrong(&r, "no version: the text is empty", "");
    }
    if (u->fresh >= u->aged || u->aged >= u->stale) {
        return wrong(&r, "fresh, aged and stale do not ascend", "");
    }
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void put_set(FILE *f, uint32_t bits, const word *words, const char *sep)
{
    const char *between = "";
    for (; words->name != NULL; words++) {
        if ((bits & words->bits) == words->bits) {
            (void)fprintf(f, "%s%s", between, words->name);
            between = sep;
        }
    }
}

static void put_value(FILE *f, const rule *r, uint32_t v)
{
    if (r->kind == KIND_NUMBER) {
        (void)fprintf(f, "%" PRIu32, v);
    } else if (r->kind == KIND_SET && v == 0) {
        (void)fputs(r->empty, f);
    } else if (r->kind == KIND_SET) {
        put_set(f, v, r->words, ", ");
    } else {
        const word *w = r->words;
        while (w->name != NULL && w->bits != v) {
            w++;
        }
        (void)fputs(w->name != NULL ? w->name : "?", f);
    }
}

/* A prefix may hold anything that is UTF-8: nothing of it may look like another word or line. */
static void put_prefix(FILE *f, pqi_cspan prefix)
{
    for (size_t i = 0; i < prefix.len;) {
        const char *at = (const char *)prefix.ptr + i;
        const char *space = memchr(at, ' ', prefix.len - i);
        const size_t n = space != NULL ? (size_t)(space - at) : prefix.len - i;
        pqi_inspect_print_safe(f, at, n);
        if (space != NULL) {
            (void)fputs("\\x20", f);
        }
        i += n + 1;
    }
}

static void put_acl(FILE *f, const pqi_acl *a)
{
    (void)fprintf(f, "acl = %.*s ", a->subject.len != 0 ? (int)a->subject.len : 1,
        a->subject.len != 0 ? (const char *)a->subject.ptr : "*");
    put_prefix(f, a->prefix);
    (void)fputc(' ', f);
    put_set(f, a->rights, rights, "+");
    (void)fputc(' ', f);
    put_set(f, a->classes, classes, "+");
    (void)fputc('\n', f);
}

void pqi_policy_print(FILE *f, const pqi_policy *p, bool comments)
{
    (void)fprintf(f, "version = %" PRIu32 "\n", p->version);
    for (size_t i = 0; i < N_RULES; i++) {
        if (rules[i].second && p->version == 1) {
            continue;
        }
        if (comments) {
            (void)fprintf(f, "\n# %s\n", rules[i].about);
        }
        (void)fprintf(f, "%s = ", rules[i].key);
        put_value(f, &rules[i], load(&p->rules, &rules[i]));
        (void)fputc('\n', f);
    }
    if (comments) {
        (void)fputs("\n# Who may do what: SUBJECT or *, PREFIX, pub, sub or pub+sub, classes. "
                    "Without a line\n"
                    "# certificates alone decide; with one, what no line allows is denied.\n"
                    "# acl = control-1 plant pub+sub L+M+H\n",
            f);
    }
    for (uint32_t i = 0; i < p->n_acls; i++) {
        put_acl(f, &p->acls[i]);
    }
    if (comments) {
        (void)fputs("\n# Where class S is taken; without a line wherever scopes allow it.\n"
                    "# fail-safe = plant/stop\n",
            f);
    }
    for (uint32_t i = 0; i < p->n_fail_safe; i++) {
        (void)fputs("fail-safe = ", f);
        put_prefix(f, p->fail_safe[i]);
        (void)fputc('\n', f);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------- */

static json_t *json_set(uint32_t bits, const word *words)
{
    json_t *list = json_array();
    for (; words->name != NULL; words++) {
        if ((bits & words->bits) == words->bits) {
            (void)json_array_append_new(list, json_string(words->name));
        }
    }
    return list;
}

static json_t *json_value(const rule *r, uint32_t v)
{
    const word *w = r->words;
    if (r->kind == KIND_NUMBER) {
        return json_integer(v);
    }
    if (r->kind == KIND_SET) {
        return json_set(v, r->words);
    }
    while (w->name != NULL && w->bits != v) {
        w++;
    }
    return json_string(w->name != NULL ? w->name : "?");
}

json_t *pqi_policy_json(const pqi_policy *p)
{
    json_t *o = json_object(), *acl = json_array(), *safe = json_array();
    (void)json_object_set_new(o, "version", json_integer(p->version));
    for (size_t i = 0; i < N_RULES; i++) {
        if (!rules[i].second || p->version != 1) {
            (void)json_object_set_new(
                o, rules[i].key, json_value(&rules[i], load(&p->rules, &rules[i])));
        }
    }
    for (uint32_t i = 0; i < p->n_acls; i++) {
        const pqi_acl *a = &p->acls[i];
        json_t *subject = a->subject.len != 0
                              ? json_stringn((const char *)a->subject.ptr, a->subject.len)
                              : json_null();
        (void)json_array_append_new(
            acl, json_pack("{s:o, s:s%, s:o, s:o}", "subject", subject, "prefix",
                     (const char *)a->prefix.ptr, (int)a->prefix.len, "rights",
                     json_set(a->rights, rights), "classes", json_set(a->classes, classes)));
    }
    for (uint32_t i = 0; i < p->n_fail_safe; i++) {
        (void)json_array_append_new(
            safe, json_stringn((const char *)p->fail_safe[i].ptr, p->fail_safe[i].len));
    }
    (void)json_object_set_new(o, "acl", acl);
    (void)json_object_set_new(o, "fail-safe", safe);
    return o;
}
