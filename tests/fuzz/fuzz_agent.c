/* SPDX-License-Identifier: Apache-2.0
 * The key agent: frames of both directions (what decodes is written again as the same bytes), access rules,
 * configuration and lines of its log. The first byte of the input says which. */
#include "port/linux/agent_audit_line.h"
#include "port/linux/agent_server.h"

#include <stdio.h>
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

/* A line that reads has the hash that it ends with; only the line that follows on its chain moves the hash. */
static void log_line(pqi_cspan in)
{
    const char *line = (const char *)in.ptr;
    char hex[2 * PQI_AGENT_HASH + 1];
    uint64_t seq = 0;
    uint8_t hash[PQI_AGENT_HASH] = {0}, chain[PQI_AGENT_HASH] = {0x5a}, mark[PQI_AGENT_HASH];
    const bool reads = pqi_agent_line_read(line, in.len, &seq, hash);
    if (!reads && hash[0] != 0) {
        abort();
    }
    for (size_t i = 0; i < PQI_AGENT_HASH; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    }
    if (reads && strncmp(hex, line + in.len - 2 * PQI_AGENT_HASH - 2, sizeof hex - 1) != 0) {
        abort();
    }
    memcpy(mark, chain, sizeof mark);
    const bool good = pqi_agent_line_check(&pqi_classic_openssl, line, in.len, chain);
    if ((good && (!reads || memcmp(chain, hash, sizeof hash) != 0)) ||
        (!good && memcmp(chain, mark, sizeof mark) != 0)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(pqi_cspan in) = {request, response, rules, config, log_line};
    if (size != 0) {
        parts[data[0] % 5u]((pqi_cspan){data + 1, size - 1});
    }
    return 0;
}
