/* SPDX-License-Identifier: Apache-2.0
 * The text of access rules, docs/spec/agent.md section 4. One error, with its line. */
#include "port/linux/agent_acl.h"

#include <stdio.h>
#include <string.h>

#define BIT(op) (1u << (op))

typedef struct parser {
    pqi_agent_rule *r;
    const char *wrong;
    uint32_t seen; /* bit n: word n of `words` was there */
} parser;

static bool fail(parser *p, const char *wrong)
{
    p->wrong = wrong;
    return false;
}

static bool id_of(const char *value, uint64_t *out, bool *any)
{
    char item[32];
    *any = strcmp(value, "any") == 0;
    return *any || (pqi_agent_one(value, item, sizeof item) &&
                       pqi_agent_number(item, UINT32_MAX - 1u, out));
}

static bool take_uid(parser *p, const char *value)
{
    uint64_t v = 0;
    if (!id_of(value, &v, &p->r->any_uid)) {
        return fail(p, "uid is a number or any");
    }
    p->r->uid = (uid_t)v;
    return true;
}

static bool take_gid(parser *p, const char *value)
{
    uint64_t v = 0;
    if (!id_of(value, &v, &p->r->any_gid)) {
        return fail(p, "gid is a number or any");
    }
    p->r->gid = (gid_t)v;
    return true;
}

static bool take_store(parser *p, const char *value)
{
    return pqi_agent_one(value, p->r->store, sizeof p->r->store) ||
           fail(p, "store is one name of at most 64 bytes");
}

/* value[/mask]; no bit of the value outside of the mask, or nothing could match. */
static bool take_key_item(pqi_agent_rule *r, char *item)
{
    uint64_t value = 0, mask = UINT32_MAX;
    char *slash = strchr(item, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!pqi_agent_number(slash + 1, UINT32_MAX, &mask)) {
            return false;
        }
    }
    if (r->n_keys == PQI_AGENT_KEYS || !pqi_agent_number(item, 0x7fffffffu, &value) ||
        (value & ~mask) != 0) {
        return false;
    }
    r->key[r->n_keys].value = (uint32_t)value;
    r->key[r->n_keys++].mask = (uint32_t)mask;
    return true;
}

static bool take_key(parser *p, const char *value)
{
    char item[32];
    p->r->any_key = strcmp(value, "any") == 0;
    while (!p->r->any_key && pqi_agent_item(&value, item, sizeof item)) {
        if (!take_key_item(p->r, item)) {
            return fail(
                p, "key is any, or at most 8 handles, as 0x02000000/0xff000000 with a mask");
        }
    }
    return p->r->any_key || (value != NULL && p->r->n_keys != 0) || fail(p, "key is malformed");
}

static bool take_op(pqi_agent_rule *r, const char *name)
{
    if (strcmp(name, "all") == 0) {
        /* wiping the agent for everybody is never meant by the way */
        r->ops |= (BIT(PQI_AGENT_OP_LAST + 1u) - 4u) & ~BIT(PQI_AGENT_ZEROIZE);
        return true;
    }
    for (uint8_t op = PQI_AGENT_GENERATE; op <= PQI_AGENT_OP_LAST; op++) {
        if (op != PQI_AGENT_ALG_CAPS && strcmp(pqi_agent_op_name(op), name) == 0) {
            r->ops |= BIT(op);
            return true;
        }
    }
    return false;
}

static bool take_ops(parser *p, const char *value)
{
    char item[32];
    while (pqi_agent_item(&value, item, sizeof item)) {
        if (!take_op(p->r, item)) {
            return fail(p, "an operation that does not exist");
        }
    }
    return value != NULL || fail(p, "ops is malformed");
}

static bool take_patterns(parser *p, const char *value, pqi_agent_pattern *list, size_t *n)
{
    char item[PQI_AGENT_NAME_MAX + 2];
    while (pqi_agent_item(&value, item, sizeof item)) {
        size_t len = strlen(item);
        const char *star = strchr(item, '*');
        if (*n == PQI_AGENT_PATTERNS || strcmp(item, "any") == 0) {
            return fail(p, "at most 8 patterns; for any write '*'");
        }
        pqi_agent_pattern *to = &list[(*n)++];
        if (star != NULL && star != item + len - 1) {
            return fail(p, "a star stands at the end of a pattern only");
        }
        to->prefix = star != NULL;
        len -= to->prefix ? 1u : 0u;
        if (len > PQI_AGENT_NAME_MAX) {
            return fail(p, "a pattern of more than 64 bytes");
        }
        memcpy(to->text, item, len);
    }
    return value != NULL || fail(p, "a list of patterns is malformed");
}

static bool take_domains(parser *p, const char *value)
{
    return take_patterns(p, value, p->r->domain, &p->r->n_domains);
}

static bool take_labels(parser *p, const char *value)
{
    return take_patterns(p, value, p->r->label, &p->r->n_labels);
}

static bool take_slots(parser *p, const char *value)
{
    char item[16];
    while (pqi_agent_item(&value, item, sizeof item)) {
        uint64_t from = 0, to = 0;
        char *dash = strchr(item, '-');
        if (dash != NULL) {
            *dash = '\0';
        }
        if (!pqi_agent_number(item, PQI_COUNTER_SLOTS - 1u, &from) ||
            !pqi_agent_number(dash != NULL ? dash + 1 : item, PQI_COUNTER_SLOTS - 1u, &to) ||
            from > to) {
            return fail(p, "slots are numbers and ranges of 0 to 63, as 0-9,60");
        }
        for (; from <= to; from++) {
            p->r->slots |= (uint64_t)1 << from;
        }
    }
    return value != NULL || fail(p, "slots is malformed");
}

static bool take_rate(parser *p, const char *value)
{
    char item[16];
    uint64_t v = 0;
    if (!pqi_agent_one(value, item, sizeof item)) {
        return fail(p, "rate is malformed");
    }
    size_t n = strlen(item);
    if (n < 3 || strcmp(item + n - 2, "/s") != 0) {
        return fail(p, "rate is a number per second, as 100/s");
    }
    item[n - 2] = '\0';
    if (!pqi_agent_number(item, 1000000u, &v) || v == 0) {
        return fail(p, "rate is 1/s to 1000000/s");
    }
    p->r->rate = (uint32_t)v;
    return true;
}

static bool take_burst(parser *p, const char *value)
{
    char item[16];
    uint64_t v = 0;
    if (!pqi_agent_one(value, item, sizeof item) || !pqi_agent_number(item, 1000000u, &v) ||
        v == 0) {
        return fail(p, "burst is 1 to 1000000");
    }
    p->r->burst = (uint32_t)v;
    return true;
}

enum { UID, GID, STORE, KEY, OPS, DOMAINS, SLOTS, LABELS, RATE, BURST, WORDS };

static const struct {
    const char *name;
    bool (*take)(parser *p, const char *value);
} words[WORDS] = {{"uid", take_uid}, {"gid", take_gid}, {"store", take_store}, {"key", take_key},
    {"ops", take_ops}, {"domains", take_domains}, {"slots", take_slots}, {"labels", take_labels},
    {"rate", take_rate}, {"burst", take_burst}};

static bool take_word(parser *p, const pqi_agent_word *w)
{
    if (w->value[0] == '\0') {
        return fail(p, "a word without a value");
    }
    for (unsigned i = 0; i < WORDS; i++) {
        if (strcmp(words[i].name, w->name) == 0) {
            if ((p->seen >> i & 1u) != 0) {
                return fail(p, "a word that is there twice");
            }
            p->seen |= 1u << i;
            return words[i].take(p, w->value);
        }
    }
    return fail(p, "a word that does not exist");
}

static bool has(const parser *p, unsigned word)
{
    return (p->seen >> word & 1u) != 0;
}

/* A rule that leaves out what its operations ask for would allow nothing: that is a slip. */
static bool is_whole(parser *p)
{
    pqi_agent_rule *r = p->r;
    const uint32_t key_ops = BIT(PQI_AGENT_GENERATE) | BIT(PQI_AGENT_DESTROY) |
                             BIT(PQI_AGENT_INFO) | BIT(PQI_AGENT_PUBLIC_KEY) | BIT(PQI_AGENT_SIGN) |
                             BIT(PQI_AGENT_DECAPSULATE) | BIT(PQI_AGENT_DH) |
                             BIT(PQI_AGENT_DECRYPT);
    if (!has(p, UID) || !has(p, STORE) || !has(p, OPS)) {
        return fail(p, "a rule needs uid, store and ops");
    }
    if ((r->ops & key_ops) != 0 && !has(p, KEY)) {
        return fail(p, "these operations need key");
    }
    if ((r->ops & BIT(PQI_AGENT_SIGN)) != 0 && !has(p, DOMAINS)) {
        return fail(p, "sign needs domains");
    }
    if ((r->ops & (BIT(PQI_AGENT_SEAL) | BIT(PQI_AGENT_UNSEAL))) != 0 && !has(p, LABELS)) {
        return fail(p, "seal and unseal need labels");
    }
    if ((r->ops & (BIT(PQI_AGENT_COUNTER_GET) | BIT(PQI_AGENT_COUNTER_ADVANCE))) != 0 &&
        !has(p, SLOTS)) {
        return fail(p, "counters need slots");
    }
    if (has(p, BURST) && !has(p, RATE)) {
        return fail(p, "burst needs rate");
    }
    r->burst = has(p, BURST) ? r->burst : r->rate;
    return true;
}

static bool take_rule(parser *p, const pqi_agent_line *l)
{
    if (l->word[0].name[0] != '\0' || strcmp(l->word[0].value, "allow") != 0) {
        return fail(p, "a rule begins with allow");
    }
    p->r->any_gid = true;
    for (size_t i = 1; i < l->n; i++) {
        if (!take_word(p, &l->word[i])) {
            return false;
        }
    }
    return is_whole(p);
}

static const char *parse_line(pqi_agent_acl *acl, const char *at, size_t len, unsigned line)
{
    pqi_agent_line l;
    parser p = {.wrong = NULL};
    if (!pqi_agent_split(at, len, &l, &p.wrong)) {
        return p.wrong;
    }
    if (l.n == 0) {
        return NULL;
    }
    if (acl->n == PQI_AGENT_RULES) {
        return "more than 128 rules";
    }
    p.r = &acl->rule[acl->n];
    p.r->line = line;
    if (!take_rule(&p, &l)) {
        return p.wrong;
    }
    acl->n++;
    return NULL;
}

pqi_status pqi_agent_acl_parse(
    pqi_agent_acl *acl, const char *text, size_t len, char error[PQI_AGENT_ERROR])
{
    memset(acl, 0, sizeof *acl);
    error[0] = '\0';
    unsigned line = 1;
    for (size_t at = 0; at < len; line++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end != NULL ? (size_t)(end - (text + at)) : len - at;
        const char *wrong = parse_line(acl, text + at, n, line);
        if (wrong != NULL) {
            (void)snprintf(error, PQI_AGENT_ERROR, "line %u: %s", line, wrong);
            memset(acl, 0, sizeof *acl);
            return PQI_ERR_DECODE;
        }
        at += n + 1;
    }
    return PQI_OK;
}
