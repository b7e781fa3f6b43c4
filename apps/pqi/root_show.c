/* SPDX-License-Identifier: Apache-2.0
 * A root manifest for people, and who signed it. */
#include "root.h"

#include "algs.h"
#include "cli_profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The root keys of `by` that signed m. */
static pqi_status signed_by(
    const pqi_manifest *m, const pqi_manifest *by, uint32_t *mask, unsigned *n)
{
    pqi_algs algs;
    pqi_cli_algs(&algs);
    pqi_span tmp = {NULL, pqi_cli_tmp_len(&algs)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    pqi_status st = pqi_manifest_signed_by(&algs, m, by, tmp, mask);
    free(tmp.ptr);
    *n = 0;
    for (uint32_t i = 0; i < by->n_keys && st == PQI_OK; i++) {
        if (by->keys[i].role != PQI_ROLE_ROOT) {
            *mask &= ~((uint32_t)1 << i);
        }
        *n += *mask >> i & 1u;
    }
    return st;
}

static pqi_cli_exit bad_signature(pqi_status st)
{
    return st == PQI_ERR_AUTH ? pqi_cli_fail(PQI_CLI_FAILED, "get the file again from who made it",
                                    "a signature of a root key does not verify")
                              : pqi_cli_status(st, "checking the signatures");
}

/* "0123456789abcdef, ..." of the root keys that have not signed. */
static void missing_kids(char *out, size_t room, const pqi_manifest *by, uint32_t mask)
{
    size_t at = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < by->n_keys; i++) {
        char kid[2 * PQI_KID_LEN + 1];
        if (by->keys[i].role != PQI_ROLE_ROOT || (mask >> i & 1u) != 0) {
            continue;
        }
        pqi_cli_hex_encode(kid, by->keys[i].kid, PQI_KID_LEN);
        int w = snprintf(out + at, room - at, "%s%s", at != 0 ? ", " : "", kid);
        if (w < 0 || (size_t)w >= room - at) {
            return;
        }
        at += (size_t)w;
    }
}

static pqi_cli_exit enough(
    const pqi_manifest *m, const pqi_manifest *by, const char *path, const char *advice)
{
    char kids[400];
    uint32_t mask = 0;
    unsigned n = 0, need = by->threshold[PQI_ROLE_ROOT];
    pqi_status st = signed_by(m, by, &mask, &n);
    if (st != PQI_OK) {
        return bad_signature(st);
    }
    if (n >= need) {
        return PQI_CLI_OK;
    }
    missing_kids(kids, sizeof kids, by, mask);
    return pqi_cli_fail(PQI_CLI_FAILED, advice,
        "%s has %u of %u signatures by root keys of version %" PRIu32 "; not yet: %s", path, n,
        need, by->root_version, kids);
}

pqi_cli_exit pqi_root_complete(
    const pqi_manifest *m, const pqi_manifest *from, const char *path, const char *advice)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    if (from != NULL) {
        bool next = m->root_version == (uint64_t)from->root_version + 1u;
        if (memcmp(m->fleet_id, from->fleet_id, PQI_FLEET_ID_LEN) != 0) {
            return pqi_cli_fail(PQI_CLI_FAILED, NULL, "%s is of another fleet", path);
        }
        if (!next) {
            return pqi_cli_fail(PQI_CLI_FAILED, "versions are installed one after the other",
                "%s is version %" PRIu32 " and does not follow version %" PRIu32, path,
                m->root_version, from->root_version);
        }
        rc = enough(m, from, path, advice);
    }
    return rc == PQI_CLI_OK ? enough(m, m, path, advice) : rc;
}

pqi_cli_exit pqi_root_progress(const pqi_manifest *m, const pqi_manifest *from)
{
    uint32_t mask = 0;
    unsigned own = 0, old = 0;
    pqi_status st = signed_by(m, m, &mask, &own);
    if (st == PQI_OK && from != NULL) {
        st = signed_by(m, from, &mask, &old);
    }
    if (st != PQI_OK) {
        return bad_signature(st);
    }
    printf("root signatures: %u of %u by its own keys", own, m->threshold[PQI_ROLE_ROOT]);
    if (from != NULL) {
        printf(", %u of %u by version %" PRIu32, old, from->threshold[PQI_ROLE_ROOT],
            from->root_version);
    }
    printf("\n");
    return PQI_CLI_OK;
}

/* ---- printing ----------------------------------------------------------------------------------- */

typedef struct key_text {
    char kid[2 * PQI_KID_LEN + 1], alg[PQI_CLI_ALG_LEN], sum[PQI_CHECKSUM_TEXT];
} key_text;

static pqi_status text_of(const pqi_manifest_key *k, key_text *t)
{
    pqi_algs algs;
    uint8_t sum[32];
    pqi_cli_algs(&algs);
    pqi_cli_hex_encode(t->kid, k->kid, sizeof k->kid);
    pqi_cli_sig_name(t->alg, k->alg);
    pqi_status st = pqi_role_checksum(&algs, k->role, k->alg, k->pk, sum);
    if (st == PQI_OK) {
        pqi_checksum_text(sum, t->sum);
    }
    return st;
}

static pqi_cli_exit print_json(const pqi_manifest *m, uint32_t mask)
{
    char fleet[2 * PQI_FLEET_ID_LEN + 1], hash[65], sum[PQI_CHECKSUM_TEXT];
    json_t *keys = json_array(), *thresholds = json_object();
    pqi_cli_hex_encode(fleet, m->fleet_id, sizeof m->fleet_id);
    pqi_cli_hex_encode(hash, m->hash, sizeof m->hash);
    pqi_checksum_text(m->hash, sum);
    for (uint32_t i = 0; i < m->n_keys; i++) {
        key_text t;
        if (text_of(&m->keys[i], &t) != PQI_OK) {
            json_decref(keys);
            json_decref(thresholds);
            return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot hash a key");
        }
        (void)json_array_append_new(keys,
            json_pack("{s:s, s:s, s:s, s:s, s:b}", "role", pqi_role_name(m->keys[i].role), "kid",
                t.kid, "algorithm", t.alg, "checksum", t.sum, "signed", (int)(mask >> i & 1u)));
    }
    for (int r = PQI_ROLE_ROOT; r <= PQI_ROLE_HEAD; r++) {
        if (m->threshold[r] != 0) {
            (void)json_object_set_new(
                thresholds, pqi_role_name((pqi_role)r), json_integer(m->threshold[r]));
        }
    }
    return pqi_cli_print_json(json_pack("{s:s, s:I, s:s, s:s, s:o, s:o}", "fleet_id", fleet,
        "root_version", (json_int_t)m->root_version, "hash", hash, "checksum", sum, "thresholds",
        thresholds, "keys", keys));
}

pqi_cli_exit pqi_root_print(const pqi_manifest *m, const pqi_manifest *from, bool json)
{
    char fleet[2 * PQI_FLEET_ID_LEN + 1], hash[65], sum[PQI_CHECKSUM_TEXT];
    uint32_t mask = 0;
    unsigned n = 0;
    pqi_status st = signed_by(m, m, &mask, &n);
    if (st != PQI_OK) {
        return bad_signature(st);
    }
    if (json) {
        return print_json(m, mask);
    }
    pqi_cli_hex_encode(fleet, m->fleet_id, sizeof m->fleet_id);
    pqi_cli_hex_encode(hash, m->hash, sizeof m->hash);
    pqi_checksum_text(m->hash, sum);
    printf("fleet id: %s\nversion:  %" PRIu32 "\nhash:     %s\nchecksum: %s\n", fleet,
        m->root_version, hash, sum);
    pqi_role last = PQI_ROLE_NONE;
    for (uint32_t i = 0; i < m->n_keys; i++) {
        const pqi_manifest_key *k = &m->keys[i];
        key_text t;
        if (text_of(k, &t) != PQI_OK) {
            return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot hash a key");
        }
        if (k->role != last) {
            printf("%s, %u needed:\n", pqi_role_name(k->role), m->threshold[k->role]);
            last = k->role;
        }
        printf("  %s  %s  %s%s\n", t.sum, t.kid, t.alg, (mask >> i & 1u) != 0 ? "  signed" : "");
    }
    return pqi_root_progress(m, from);
}
