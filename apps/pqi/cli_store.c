/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_store.h"

#include "cmd_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEAVES_MAX (128u * 1024u * 1024u)

static bool is_url(const char *store)
{
    return strstr(store, "://") != NULL;
}

const char *pqi_cli_store_name(const char *store)
{
    return is_url(store) ? "the store in PostgreSQL" : store;
}

bool pqi_cli_has_store(const char *dir)
{
    struct stat sb;
    size_t n = strlen(dir) + sizeof "/control.db";
    char *path = pqi_cli_alloc(n);
    (void)snprintf(path, n, "%s/control.db", dir);
    bool there = stat(path, &sb) == 0;
    free(path);
    return there;
}

pqi_cli_exit pqi_cli_control_why(pqi_status st)
{
    if (st == PQI_ERR_ROLLBACK) {
        return pqi_cli_fail(PQI_CLI_ENV, "see the section RECOVERY of pqi-control(1)", "%s",
            pqi_host_control_why());
    }
    return pqi_cli_why(st, pqi_host_control_why());
}

pqi_cli_exit pqi_cli_control_open(const char *store, pqi_host_control **out)
{
    pqi_host_control_cfg cfg;
    memset(&cfg, 0, sizeof cfg);
    *out = NULL;
    if (is_url(store)) {
        cfg.dir = "."; /* nothing is read from it without keys */
        cfg.store = store;
    } else if (pqi_cli_has_store(store)) {
        cfg.dir = store;
    } else {
        return pqi_cli_fail(
            PQI_CLI_ENV, "pqi control init makes one", "there is no control store in %s", store);
    }
    pqi_status st = pqi_host_control_open(out, &cfg);
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_control_why(st);
}

/* ---- objects ------------------------------------------------------------------------------------ */

static const struct {
    pqi_object kind;
    const char *name, *typ; /* of COSE, behind its head */
} kinds[] = {
    {PQI_OBJ_ROOT, "root manifest", "\x10\x68pqi-root"},
    {PQI_OBJ_HEAD, "head", "\x10\x68pqi-head"},
    {PQI_OBJ_ROSTER, "roster", "\x10\x6apqi-roster"},
    {PQI_OBJ_POLICY, "policy", "\x10\x6apqi-policy"},
    {PQI_OBJ_REVOCATIONS, "revocations", "\x10\x67pqi-rev"},
};

#define N_KINDS (sizeof kinds / sizeof kinds[0])

pqi_object pqi_cli_object_kind(pqi_cspan in)
{
    enum { SNIFF = 64 };
    size_t n = in.len < SNIFF ? in.len : SNIFF;
    for (size_t i = 0; i < N_KINDS; i++) {
        size_t len = strlen(kinds[i].typ);
        for (size_t at = 0; at + len <= n; at++) {
            if (memcmp(in.ptr + at, kinds[i].typ, len) == 0) {
                return kinds[i].kind;
            }
        }
    }
    return PQI_OBJ_NONE;
}

const char *pqi_cli_object_name(pqi_object kind)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (kinds[i].kind == kind) {
            return kinds[i].name;
        }
    }
    return "object";
}

pqi_cli_exit pqi_cli_control_get(pqi_host_control *c, pqi_object kind, pqi_span *out)
{
    size_t len = 0;
    pqi_span room = {pqi_cli_alloc(PQI_MANIFEST_MAX), PQI_MANIFEST_MAX}; /* no object is larger */
    *out = (pqi_span){NULL, 0};
    pqi_status st = pqi_host_control_get(c, kind, room, &len);
    if (st != PQI_OK) {
        free(room.ptr);
        return st == PQI_ERR_MISSING ? PQI_CLI_OK : pqi_cli_control_why(st);
    }
    *out = (pqi_span){room.ptr, len};
    return PQI_CLI_OK;
}

/* ---- leaves ------------------------------------------------------------------------------------- */

static bool read_u64(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        unsigned d = (unsigned)(*text - '0');
        if (d > 9 || v > (max - d) / 10u) {
            return false;
        }
        v = v * 10u + d;
    }
    *out = v;
    return true;
}

static bool read_leaf(char *line, pqi_control_member *m)
{
    char *f[5] = {NULL}, *at = line;
    uint64_t index = 0, epoch = 0;
    pqi_span hash = {m->leaf.cert_hash, PQI_HASH_LEN};
    size_t n = 0;
    for (; at != NULL && n < 5; n++) {
        f[n] = at;
        at = strchr(at, ',');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    if (n != 5 || at != NULL || !read_u64(f[0], UINT32_MAX, &index) ||
        !read_u64(f[1], UINT32_MAX, &epoch) || !pqi_cli_hex_decode(f[2], &hash) ||
        hash.len != PQI_HASH_LEN || pqi_id_check(pqi_cli_span(f[3])) != PQI_OK ||
        !read_u64(f[4], UINT64_MAX, &m->not_after)) {
        return false;
    }
    m->leaf.roster_index = (uint32_t)index;
    m->leaf.key_epoch = (uint32_t)epoch;
    memcpy(m->id, f[3], strlen(f[3]) + 1);
    return true;
}

static pqi_cli_exit read_leaves(char *text, const char *path, pqi_control_member *m, uint32_t *n)
{
    unsigned number = 0;
    for (char *line = text, *next = NULL; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        number++;
        if (*line == '\0' || (number == 1 && strcmp(line, PQI_CLI_LEAVES_HEADER) == 0)) {
            continue;
        }
        if (!read_leaf(line, &m[*n])) {
            return pqi_cli_fail(PQI_CLI_FAILED, "pqi ca roster --leaves writes such a file",
                "%s, line %u is not " PQI_CLI_LEAVES_HEADER, path, number);
        }
        *n += 1;
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cli_leaves(const char *path, pqi_control_member **out, uint32_t *n)
{
    pqi_span in = {NULL, 0};
    size_t lines = 1;
    *out = NULL;
    *n = 0;
    pqi_cli_exit rc = pqi_cli_read_file(path, LEAVES_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    for (size_t i = 0; i < in.len; i++) {
        lines += in.ptr[i] == '\n';
    }
    if (memchr(in.ptr, 0, in.len) != NULL || lines > PQI_CONTROL_ROSTER_MAX + 2u) {
        free(in.ptr);
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi ca roster --leaves writes such a file",
            "%s is no list of members", path);
    }
    pqi_control_member *m = pqi_cli_alloc(lines * sizeof *m);
    rc = read_leaves((char *)in.ptr, path, m, n);
    free(in.ptr);
    if (rc != PQI_CLI_OK) {
        free(m);
        return rc;
    }
    *out = m;
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cli_put_roster(
    const char *store, pqi_cspan roster, const pqi_host_ca_member *members, uint32_t n, int *is_new)
{
    pqi_host_control *c = NULL;
    pqi_cli_exit rc = pqi_cli_control_open(store, &c);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_control_member *m = pqi_cli_alloc(((size_t)n + 1u) * sizeof *m);
    for (uint32_t i = 0; i < n; i++) {
        m[i].leaf = members[i].leaf;
        m[i].not_after = members[i].not_after;
        memcpy(m[i].id, members[i].id, sizeof m[i].id);
    }
    pqi_status st = pqi_host_control_put_roster(c, roster, m, n, is_new);
    rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_control_why(st);
    free(m);
    pqi_host_control_close(c);
    return rc;
}
