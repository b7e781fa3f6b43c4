/* SPDX-License-Identifier: Apache-2.0
 * The key agent: frames of both directions (what decodes is written again as the same bytes), access rules
 * and configuration. The first byte of the input says which. */
#include "port/linux/agent_server.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[PQI_AGENT_LEN + PQI_AGENT_FRAME_MAX];

static void same(pqi_status st, size_t n, pqi_cspan in)
{
    if (st != PQI_OK || n != in.len + PQI_AGENT_LEN || pqi_agent_frame_len(out) != in.len ||
        memcmp(out + PQI_AGENT_LEN, in.ptr, in.len) != 0) {
        abort();
    }
}

static void request(pqi_cspan in)
{
    pqi_agent_req q;
    size_t n = 0;
    if (pqi_agent_req_read(in, &q) != PQI_OK) {
        if (q.op != 0 || q.data.ptr != NULL) {
            abort();
        }
        return;
    }
    pqi_status st = pqi_agent_req_write(&q, (pqi_span){out, sizeof out}, &n);
    same(st, n, in);
}

static void response(pqi_cspan in)
{
    pqi_agent_resp a;
    size_t n = 0;
    if (pqi_agent_resp_read(in, &a) != PQI_OK) {
        if (a.op != 0 || a.data.ptr != NULL) {
            abort();
        }
        return;
    }
    pqi_status st = pqi_agent_resp_write(&a, (pqi_span){out, sizeof out}, &n);
    same(st, n, in);
}

/* A file that is wrong has no rule, and what is allowed is allowed by a line of it. */
static void rules(pqi_cspan in)
{
    static pqi_agent_acl acl;
    char error[PQI_AGENT_ERROR];
    unsigned line = 0;
    const pqi_agent_peer who = {.uid = 1000, .gid = 1000};
    const pqi_agent_req q = {.op = PQI_AGENT_SIGN, .key = 5, .name = {PQI_LIT("PQI4 v1")}};
    pqi_status st = pqi_agent_acl_parse(&acl, (const char *)in.ptr, in.len, error);
    if ((st == PQI_OK) != (error[0] == '\0') || (st != PQI_OK && acl.n != 0)) {
        abort();
    }
    pqi_status got = pqi_agent_acl_check(&acl, &who, "s", &q, 5, &line);
    if ((got == PQI_OK && acl.n == 0) || (got == PQI_OK && line == 0)) {
        abort();
    }
}

static void config(pqi_cspan in)
{
    static pqi_agent_config c;
    char error[PQI_AGENT_ERROR];
    pqi_status st = pqi_agent_config_parse(&c, (const char *)in.ptr, in.len, error);
    if ((st == PQI_OK) != (error[0] == '\0') || c.n_stores > PQI_AGENT_STORES) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(pqi_cspan in) = {request, response, rules, config};
    if (size != 0) {
        parts[data[0] % 4u]((pqi_cspan){data + 1, size - 1});
    }
    return 0;
}
