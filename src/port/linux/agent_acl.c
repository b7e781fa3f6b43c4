/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/agent_acl.h"

#include <stdio.h>
#include <string.h>

#define BIT(op) (1u << (op))

static const uint32_t key_ops = BIT(PQI_AGENT_GENERATE) | BIT(PQI_AGENT_DESTROY) |
                                BIT(PQI_AGENT_INFO) | BIT(PQI_AGENT_PUBLIC_KEY) |
                                BIT(PQI_AGENT_SIGN) | BIT(PQI_AGENT_DECAPSULATE) |
                                BIT(PQI_AGENT_DH) | BIT(PQI_AGENT_DECRYPT);
static const uint32_t seal_ops = BIT(PQI_AGENT_SEAL) | BIT(PQI_AGENT_UNSEAL);
static const uint32_t slot_ops = BIT(PQI_AGENT_COUNTER_GET) | BIT(PQI_AGENT_COUNTER_ADVANCE);

/* ---- matching ------------------------------------------------------------------------------------- */

static bool is_member(const pqi_agent_peer *who, gid_t gid)
{
    bool found = who->gid == gid;
    for (size_t i = 0; i < who->n_groups; i++) {
        found = found || who->groups[i] == gid;
    }
    return found;
}

static bool is_for(const pqi_agent_rule *r, const pqi_agent_peer *who, const char *store)
{
    return (r->any_uid || r->uid == who->uid) && (r->any_gid || is_member(who, r->gid)) &&
           strcmp(r->store, store) == 0;
}

static bool has_key(const pqi_agent_rule *r, pqi_key key)
{
    bool found = r->any_key;
    for (size_t i = 0; i < r->n_keys; i++) {
        found = found || (key & r->key[i].mask) == r->key[i].value;
    }
    return found;
}

static bool matches(const pqi_agent_pattern *p, size_t n, pqi_cspan name)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(p[i].text);
        bool fits = p[i].prefix ? name.len >= len : name.len == len;
        if (fits && (len == 0 || memcmp(p[i].text, name.ptr, len) == 0)) {
            return true;
        }
    }
    return false;
}

static bool allows(const pqi_agent_rule *r, const pqi_agent_req *q)
{
    const uint32_t op = BIT(q->op);
    if (q->op == PQI_AGENT_ALG_CAPS) {
        return true; /* who may do anything may ask what there is */
    }
    if ((r->ops & op) == 0 || ((key_ops & op) != 0 && !has_key(r, q->key)) ||
        (q->op == PQI_AGENT_DECRYPT && !has_key(r, q->key2))) {
        return false;
    }
    if (q->op == PQI_AGENT_SIGN) {
        return matches(r->domain, r->n_domains, q->name);
    }
    if ((seal_ops & op) != 0) {
        return matches(r->label, r->n_labels, q->name);
    }
    return (slot_ops & op) == 0 || (q->n < PQI_COUNTER_SLOTS && (r->slots >> q->n & 1u) != 0);
}

bool pqi_agent_acl_knows(const pqi_agent_acl *acl, const pqi_agent_peer *who, const char *store)
{
    for (size_t i = 0; i < acl->n; i++) {
        if (is_for(&acl->rule[i], who, store)) {
            return true;
        }
    }
    return false;
}

/* ---- rates ---------------------------------------------------------------------------------------- */

static void refill(const pqi_agent_rule *r, pqi_agent_bucket *b, uint64_t now_ms)
{
    uint64_t full = (uint64_t)r->burst * 1000u;
    uint64_t gone = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    uint64_t missing = full - b->level;
    b->level = gone >= missing / r->rate + 1u ? full : b->level + gone * r->rate;
    b->level = b->level > full ? full : b->level;
    b->at_ms = now_ms;
}

/* Of this uid; in a full table the place of one that is full, whose owner loses nothing. */
static pqi_agent_bucket *bucket_of(pqi_agent_rule *r, uid_t uid, uint64_t now_ms)
{
    pqi_agent_bucket *free_one = NULL;
    for (size_t i = 0; i < PQI_AGENT_UIDS; i++) {
        pqi_agent_bucket *b = &r->bucket[i];
        if (b->used && b->uid == uid) {
            refill(r, b, now_ms);
            return b;
        }
        if (b->used) {
            refill(r, b, now_ms);
        }
        if (free_one == NULL && (!b->used || b->level == (uint64_t)r->burst * 1000u)) {
            free_one = b;
        }
    }
    if (free_one != NULL) {
        *free_one = (pqi_agent_bucket){uid, true, (uint64_t)r->burst * 1000u, now_ms};
    }
    return free_one;
}

static bool take_token(pqi_agent_rule *r, uid_t uid, uint64_t now_ms)
{
    if (r->rate == 0) {
        return true;
    }
    pqi_agent_bucket *b = bucket_of(r, uid, now_ms);
    if (b == NULL || b->level < 1000u) {
        return false;
    }
    b->level -= 1000u;
    return true;
}

pqi_status pqi_agent_acl_check(pqi_agent_acl *acl, const pqi_agent_peer *who, const char *store,
    const pqi_agent_req *q, uint64_t now_ms, unsigned *line)
{
    pqi_status st = PQI_ERR_POLICY;
    *line = 0;
    for (size_t i = 0; i < acl->n; i++) {
        pqi_agent_rule *r = &acl->rule[i];
        if (is_for(r, who, store) && allows(r, q)) {
            *line = r->line;
            st = PQI_ERR_LIMIT;
            if (q->op == PQI_AGENT_ALG_CAPS || take_token(r, who->uid, now_ms)) {
                return PQI_OK;
            }
        }
    }
    return st;
}
