/* SPDX-License-Identifier: Apache-2.0 */
#include "ct/ct.h"
#include "ident/ident.h"

#define RIGHTS_ALL (PQI_RIGHT_PUB | PQI_RIGHT_SUB)

/* A topic name: MQTT 5.0 section 4.7.1 and 4.7.3, no wildcard and no NUL. */
static bool plain_topic(pqi_cspan t)
{
    if (t.ptr == NULL || t.len == 0) {
        return false;
    }
    for (size_t i = 0; i < t.len; i++) {
        if (t.ptr[i] == '+' || t.ptr[i] == '#' || t.ptr[i] == 0) {
            return false;
        }
    }
    return true;
}

bool pqi_ident_scope_ok(const pqi_scope *s)
{
    bool sets = s->rights != 0 && (s->rights & ~RIGHTS_ALL) == 0 && s->cls <= PQI_CLASS_S;
    return sets && s->prefix.len <= PQI_PREFIX_MAX && plain_topic(s->prefix) &&
           s->prefix.ptr[s->prefix.len - 1] != '/' && pqi_utf8_check(s->prefix) == PQI_OK;
}

/* Whole levels: the topic is the prefix, or goes on with a separator behind it. */
static bool covers(pqi_cspan prefix, pqi_cspan topic)
{
    if (prefix.len == 0 || prefix.len > topic.len ||
        !pqi_ct_eq(prefix.ptr, topic.ptr, prefix.len)) {
        return false;
    }
    return prefix.len == topic.len || topic.ptr[prefix.len] == '/';
}

/* L, M and H are steps. S stands apart: who may stop a machine need not be allowed to set it. */
static bool allows(unsigned granted, unsigned asked)
{
    if (granted == PQI_CLASS_S || asked == PQI_CLASS_S) {
        return granted == asked;
    }
    return asked <= granted;
}

pqi_status pqi_scope_check(
    const pqi_scope *scopes, size_t n, pqi_cspan topic, uint8_t right, pqi_class cls)
{
    bool args = (scopes != NULL || n == 0) && topic.len <= PQI_TOPIC_MAX && plain_topic(topic);
    if (!args || right == 0 || (right & ~RIGHTS_ALL) != 0 || (unsigned)cls > PQI_CLASS_S) {
        return PQI_ERR_ARG;
    }
    for (size_t i = 0; i < n; i++) {
        bool rights = (scopes[i].rights & right) == right;
        if (rights && allows(scopes[i].cls, (unsigned)cls) && covers(scopes[i].prefix, topic)) {
            return PQI_OK;
        }
    }
    return PQI_ERR_POLICY;
}
