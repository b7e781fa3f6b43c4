/* SPDX-License-Identifier: Apache-2.0 */
#include "attest_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_bytes(const json_t *o, const char *name, uint8_t *out, size_t n)
{
    const char *hex = json_string_value(json_object_get(o, name));
    pqi_span room = {out, n};
    return hex != NULL && pqi_cli_hex_decode(hex, &room) && room.len == n;
}

static bool read_number(const json_t *o, const char *name, uint64_t max, uint64_t *out)
{
    const json_t *v = json_object_get(o, name);
    const json_int_t n = json_integer_value(v);
    *out = (uint64_t)n;
    return json_is_integer(v) && n >= 0 && (uint64_t)n <= max;
}

static bool read_u32(const json_t *o, const char *name, uint32_t *out)
{
    uint64_t v = 0;
    const bool ok = read_number(o, name, UINT32_MAX, &v);
    *out = (uint32_t)v;
    return ok;
}

static bool read_flag(const json_t *o, const char *name, uint8_t *out)
{
    const json_t *v = json_object_get(o, name);
    *out = json_is_true(v);
    return json_is_boolean(v);
}

static bool read_peer(const char *id, const json_t *o, pqi_attest_peer *p)
{
    uint32_t reason = 0;
    memset(p, 0, sizeof *p);
    if (pqi_id_check(pqi_cli_span(id)) != PQI_OK) {
        return false;
    }
    p->used = 1;
    p->id_len = (uint8_t)strlen(id);
    memcpy(p->id, id, p->id_len);
    const bool ok = read_flag(o, "good", &p->good) && read_flag(o, "asked", &p->asked) &&
                    read_flag(o, "bad", &p->bad) && read_flag(o, "counted", &p->counted) &&
                    read_bytes(o, "key_id", p->key_id, sizeof p->key_id) &&
                    read_bytes(o, "nonce", p->nonce, sizeof p->nonce) &&
                    read_u32(o, "pcr_mask", &p->pcr_mask) &&
                    read_u32(o, "max_age_s", &p->max_age_s) &&
                    read_u32(o, "reset_count", &p->reset_count) &&
                    read_u32(o, "restart_count", &p->restart_count) &&
                    read_u32(o, "reason", &reason) && read_u32(o, "failures", &p->failures) &&
                    read_number(o, "asked_ms", INT64_MAX, &p->asked_ms) &&
                    read_number(o, "until_ms", INT64_MAX, &p->until_ms) &&
                    read_number(o, "next_ask_ms", INT64_MAX, &p->next_ask_ms);
    p->reason = (pqi_attest_reason)reason;
    return ok && reason < PQI_ATTEST_REASON_COUNT_;
}

static bool read_all(const json_t *root, pqi_attest_saved *s)
{
    size_t n = 0;
    const char *id = NULL;
    json_t *o = NULL, *peers = json_object_get(root, "peers");
    if (!json_is_object(peers) || json_object_size(peers) > PQI_ATTEST_STATE_PEERS ||
        !read_u32(root, "root_version", &s->root_version) ||
        !read_u32(root, "policy_seq", &s->policy_seq) ||
        !read_bytes(root, "policy_hash", s->policy_hash, sizeof s->policy_hash)) {
        return false;
    }
    json_object_foreach(peers, id, o)
    {
        if (!read_peer(id, o, &s->peers[n++])) {
            return false;
        }
    }
    return true;
}

pqi_cli_exit pqi_attest_state_lock(const char *path)
{
    char lock[4096];
    const int n = snprintf(lock, sizeof lock, "%s.lock", path);
    const int fd = n > 0 && (size_t)n < sizeof lock
                       ? open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)
                       : -1;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return PQI_CLI_OK;
    }
    const bool busy = fd >= 0 && errno == EWOULDBLOCK;
    if (fd >= 0) {
        (void)close(fd);
    }
    return busy ? pqi_cli_fail(PQI_CLI_ENV, "try again when it has ended",
                      "another command uses the state %s", path)
                : pqi_cli_fail(PQI_CLI_ENV, "check that the folder is there and you may write it",
                      "cannot lock %s.lock", path);
}

pqi_cli_exit pqi_attest_state_read(const char *path, pqi_attest_saved *out)
{
    struct stat sb;
    pqi_span bytes = {NULL, 0};
    memset(out, 0, sizeof *out);
    out->peers = pqi_cli_alloc(PQI_ATTEST_STATE_PEERS * sizeof *out->peers);
    if (stat(path, &sb) != 0 && errno == ENOENT) {
        return PQI_CLI_OK;
    }
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_ATTEST_STATE_MAX, &bytes);
    if (rc == PQI_CLI_OK) {
        json_t *root = json_loadb((const char *)bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES, NULL);
        if (root == NULL || !read_all(root, out)) {
            rc = pqi_cli_fail(PQI_CLI_ENV,
                "restore it, or remove it: then every device is asked anew",
                "%s is no state of a verifier, or it is damaged", path);
        }
        json_decref(root);
        free(bytes.ptr);
    }
    if (rc != PQI_CLI_OK) {
        pqi_attest_state_free(out);
    }
    return rc;
}

static json_t *peer_json(const pqi_attest_peer *p)
{
    return json_pack("{s:b, s:b, s:b, s:b, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "good", p->good, "asked", p->asked, "bad", p->bad, "counted", p->counted, "key_id",
        pqi_cli_json_hex(p->key_id, sizeof p->key_id), "nonce",
        pqi_cli_json_hex(p->nonce, sizeof p->nonce), "pcr_mask", (json_int_t)p->pcr_mask,
        "max_age_s", (json_int_t)p->max_age_s, "reset_count", (json_int_t)p->reset_count,
        "restart_count", (json_int_t)p->restart_count, "reason", (json_int_t)p->reason, "failures",
        (json_int_t)p->failures, "asked_ms", (json_int_t)p->asked_ms, "until_ms",
        (json_int_t)p->until_ms, "next_ask_ms", (json_int_t)p->next_ask_ms);
}

pqi_cli_exit pqi_attest_state_write(const char *path, const pqi_attest_saved *s)
{
    json_t *peers = json_object();
    for (size_t i = 0; i < PQI_ATTEST_STATE_PEERS; i++) {
        if (s->peers[i].used) {
            (void)json_object_set_new(peers, s->peers[i].id, peer_json(&s->peers[i]));
        }
    }
    json_t *root = json_pack("{s:I, s:I, s:o, s:o}", "root_version", (json_int_t)s->root_version,
        "policy_seq", (json_int_t)s->policy_seq, "policy_hash",
        pqi_cli_json_hex(s->policy_hash, sizeof s->policy_hash), "peers", peers);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    pqi_cli_exit rc = text != NULL ? pqi_cli_write_file(path, pqi_cli_span(text))
                                   : pqi_cli_fail(PQI_CLI_ENV, NULL, "out of memory");
    free(text);
    json_decref(root);
    return rc;
}

void pqi_attest_state_free(pqi_attest_saved *s)
{
    free(s->peers);
    s->peers = NULL;
}
