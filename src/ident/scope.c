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

bool pqi_ident_topic_ok(pqi_cspan topic)
{
    return topic.len <= PQI_TOPIC_MAX && plain_topic(topic);
}

bool pqi_ident_prefix_ok(pqi_cspan prefix)
{
    return prefix.len <= PQI_PREFIX_MAX && plain_topic(prefix) &&
           prefix.ptr[prefix.len - 1] != '/' && pqi_utf8_check(prefix) == PQI_OK;
}

bool pqi_ident_scope_ok(const pqi_scope *s)
{
    bool sets = s->rights != 0 && (s->rights & ~RIGHTS_ALL) == 0 && s->cls <= PQI_CLASS_S;
    return sets && pqi_ident_prefix_ok(s->prefix);
}

bool pqi_ident_covers(pqi_cspan prefix, pqi_cspan topic)
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

/* As a bit for each class. */
static uint8_t allowed_by(unsigned granted)
{
    unsigned classes = 0;
    for (unsigned c = PQI_CLASS_L; c <= PQI_CLASS_S; c++) {
        classes |= allows(granted, c) ? 1u << c : 0u;
    }
    return (uint8_t)classes;
}

pqi_status pqi_ident_scope_classes(
    const pqi_scope *scopes, size_t n, pqi_cspan topic, uint8_t right, uint8_t *classes)
{
    *classes = 0;
    bool args = (scopes != NULL || n == 0) && pqi_ident_topic_ok(topic);
    if (!args || right == 0 || (right & ~RIGHTS_ALL) != 0) {
        return PQI_ERR_ARG;
    }
    for (size_t i = 0; i < n; i++) {
        if ((scopes[i].rights & right) == right && pqi_ident_covers(scopes[i].prefix, topic)) {
            *classes |= allowed_by(scopes[i].cls);
        }
    }
    return *classes != 0 ? PQI_OK : PQI_ERR_POLICY;
}

pqi_status pqi_scope_check(
    const pqi_scope *scopes, size_t n, pqi_cspan topic, uint8_t right, pqi_class cls)
{
    uint8_t classes = 0;
    if ((unsigned)cls > PQI_CLASS_S) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_ident_scope_classes(scopes, n, topic, right, &classes);
    return st == PQI_OK && (classes & (1u << (unsigned)cls)) == 0 ? PQI_ERR_POLICY : st;
}
