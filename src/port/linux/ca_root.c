/* SPDX-License-Identifier: Apache-2.0
 * A CA under a root manifest that is made elsewhere: its issuer key, and the next version of the root. */
#include "port/linux/ca_int.h"

#include "port/linux/file_atomic.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the issuer key ----------------------------------------------------------------------------- */

static bool has_source(const pqi_host_kek_source *k)
{
    return k->key_file != NULL || k->passphrase_file != NULL || k->credential != NULL ||
           k->passphrase.ptr != NULL;
}

/* The role directory of the issuer; "": the key is in DIR/keys. */
static pqi_status issuer_dir(pqi_host_ca *ca, char out[PQI_DIR_PATH_MAX])
{
    size_t len = 0;
    pqi_span room = {(uint8_t *)out, PQI_DIR_PATH_MAX - 1u};
    memset(out, 0, PQI_DIR_PATH_MAX);
    if (ca->cfg.issuer_dir != NULL) {
        return pqi_ca_issuer_path(ca, out);
    }
    pqi_status st = pqi_ca_blob(ca->db, room, &len, "SELECT issuer_dir FROM meta", "");
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_ca_issuer_path(const pqi_host_ca *ca, char out[PQI_DIR_PATH_MAX])
{
    out[0] = '\0';
    if (ca->cfg.issuer_dir == NULL) {
        return PQI_OK;
    }
    pqi_status st = pqi_file_absolute(ca->cfg.issuer_dir, out, PQI_DIR_PATH_MAX);
    return st == PQI_OK ? st : pqi_why(st, "the path of the issuer directory is too long");
}

static pqi_status open_role(pqi_host_ca *ca, const char *dir)
{
    pqi_host_role_cfg cfg = {
        dir, has_source(&ca->cfg.issuer_kek) ? ca->cfg.issuer_kek : ca->cfg.kek};
    pqi_status st = pqi_host_role_open(&ca->issuer, &cfg);
    if (st == PQI_OK && pqi_host_role_info(ca->issuer)->role != PQI_ROLE_ISSUER) {
        pqi_host_role_close(ca->issuer);
        ca->issuer = NULL;
        st = pqi_why(PQI_ERR_POLICY, "%s holds no issuer key", dir);
    }
    return st == PQI_ERR_MISSING ? PQI_ERR_STORAGE : st; /* no row is missing, a directory is */
}

static pqi_status own_key(pqi_host_ca *ca, pqi_ca_issuer *out)
{
    uint8_t pk[PQI_SIG_MAX_PK];
    pqi_key_info info;
    size_t len = 0;
    pqi_status st = pqi_provider_info(ca->provider, PQI_HANDLE_CA_ISSUER, &info);
    if (st == PQI_OK) {
        st = pqi_provider_public_key(
            ca->provider, PQI_HANDLE_CA_ISSUER, (pqi_span){pk, sizeof pk}, &len);
    }
    if (st != PQI_OK) {
        return pqi_why(st, "there is no issuer key in %s", ca->dir);
    }
    out->p = ca->provider;
    out->key = PQI_HANDLE_CA_ISSUER;
    out->alg = info.alg;
    return pqi_signer_kid(&ca->algs, info.alg, (pqi_cspan){pk, len}, out->kid);
}

static bool names_issuer(const pqi_manifest *m, const uint8_t kid[PQI_KID_LEN])
{
    for (uint32_t i = 0; i < m->n_keys; i++) {
        if (m->keys[i].role == PQI_ROLE_ISSUER && memcmp(m->keys[i].kid, kid, PQI_KID_LEN) == 0) {
            return true;
        }
    }
    return false;
}

pqi_status pqi_ca_issuer_get(pqi_host_ca *ca, const pqi_manifest *m, pqi_ca_issuer *out)
{
    char dir[PQI_DIR_PATH_MAX];
    pqi_status st = PQI_OK;
    memset(out, 0, sizeof *out);
    if (ca->issuer == NULL) {
        st = issuer_dir(ca, dir);
        if (st == PQI_OK && dir[0] != '\0') {
            st = open_role(ca, dir);
        }
    }
    if (st == PQI_OK && ca->issuer != NULL) {
        const pqi_role_record *r = pqi_host_role_info(ca->issuer);
        out->p = pqi_host_role_provider(ca->issuer);
        out->key = pqi_host_role_key(ca->issuer);
        out->alg = r->alg;
        memcpy(out->kid, r->kid, sizeof out->kid);
    } else if (st == PQI_OK) {
        st = own_key(ca, out);
    }
    return st == PQI_OK && !names_issuer(m, out->kid)
               ? pqi_why(PQI_ERR_POLICY, "the root manifest does not name this issuer key")
               : st;
}

pqi_status pqi_ca_policy_manifest(pqi_host_ca *ca, const pqi_manifest *m)
{
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < m->n_keys && st == PQI_OK; i++) {
        const pqi_manifest_key *k = &m->keys[i];
        if (k->role != PQI_ROLE_ROOT && k->role != PQI_ROLE_ISSUER) {
            continue;
        }
        const pqi_sig *sig = pqi_algs_sig(&ca->algs, k->alg);
        if (sig == NULL) {
            return pqi_why(PQI_ERR_UNSUPPORTED, "the root manifest names an algorithm that this "
                                                "program does not offer");
        }
        st = pqi_ca_policy_sig_why(ca, pqi_ca_str("the CA"), sig);
    }
    return st;
}

/* ---- the next version --------------------------------------------------------------------------- */

typedef struct next_root {
    pqi_manifest m;
    uint8_t bytes[PQI_MANIFEST_MAX];
} next_root;

static pqi_status check_next(pqi_host_ca *ca, const pqi_manifest *m)
{
    const pqi_manifest *old = &ca->manifest;
    if (memcmp(m->fleet_id, old->fleet_id, sizeof m->fleet_id) != 0) {
        return pqi_why(PQI_ERR_AUTH, "the root manifest is of another fleet");
    }
    if (m->root_version != (uint64_t)old->root_version + 1u) {
        return pqi_why(PQI_ERR_AUTH,
            "the root manifest is version %u and the one in force %u: versions are installed one "
            "after the other",
            m->root_version, old->root_version);
    }
    pqi_status st = pqi_manifest_verify(&ca->algs, m, old, ca->tmp);
    if (st != PQI_OK) {
        return pqi_why(st, "the root manifest is not signed by enough root keys of version %u",
            old->root_version);
    }
    st = pqi_manifest_verify(&ca->algs, m, m, ca->tmp);
    return st == PQI_OK
               ? st
               : pqi_why(st, "the root manifest is not signed by enough of its own root keys");
}

/* Active certificates of issuers that m does not name. */
static pqi_status count_without(pqi_host_ca *ca, const pqi_manifest *m, uint64_t *n)
{
    sqlite3_stmt *s = NULL;
    *n = 0;
    pqi_status st =
        pqi_ca_prepare(ca->db, &s, "SELECT encoded FROM certs WHERE state = 'active'", "");
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        pqi_cert c;
        if (pqi_cert_decode(&ca->algs, pqi_ca_col(s, 0), &c) != PQI_OK) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible certificate");
        } else if (!names_issuer(m, c.issuer_kid)) {
            *n += 1;
        }
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status store_next(
    pqi_host_ca *ca, const pqi_manifest *m, const char *dir, pqi_host_ca_rooted *out)
{
    pqi_status st = pqi_ca_log_carry(ca, m->root_version, &out->carried);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "UPDATE meta SET manifest = ?, issuer_dir = ?", "bt", m->encoded,
            pqi_ca_str(dir));
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "INSERT INTO roots(version, manifest, at) VALUES(?, ?, ?)", "ibi",
            (int64_t)m->root_version, m->encoded, pqi_ca_now(ca));
    }
    return st;
}

static pqi_status install(
    pqi_host_ca *ca, const pqi_manifest *m, int force, pqi_host_ca_rooted *out)
{
    char dir[PQI_DIR_PATH_MAX], detail[96];
    const pqi_cspan none = {NULL, 0};
    pqi_ca_issuer issuer;
    pqi_status st = check_next(ca, m);
    if (st == PQI_OK) {
        st = pqi_ca_policy_manifest(ca, m);
    }
    if (st == PQI_OK) {
        st = pqi_ca_issuer_get(ca, m, &issuer);
    }
    if (st == PQI_OK) {
        st = issuer_dir(ca, dir);
    }
    if (st == PQI_OK) {
        st = pqi_ca_begin(ca);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = count_without(ca, m, &out->without);
    if (st == PQI_OK && out->without != 0 && !force) {
        st = pqi_why(PQI_ERR_POLICY,
            "%llu certificates in force are of an issuer that the new root does not name: they "
            "would end",
            (unsigned long long)out->without);
    }
    if (st == PQI_OK) {
        st = store_next(ca, m, dir, out);
    }
    if (st != PQI_OK) {
        return pqi_ca_abort(ca, st);
    }
    (void)snprintf(detail, sizeof detail, "version %u carried %u without %llu", m->root_version,
        out->carried, (unsigned long long)out->without);
    return pqi_ca_commit(ca, "root", none, detail);
}

/* The buffer of ca->manifest gets the new bytes. */
static pqi_status adopt(pqi_host_ca *ca, const next_root *next)
{
    size_t len = next->m.encoded.len;
    memcpy(ca->manifest_bytes, next->bytes, len);
    return pqi_manifest_decode(&ca->algs, (pqi_cspan){ca->manifest_bytes, len}, &ca->manifest);
}

pqi_status pqi_host_ca_new_root(
    pqi_host_ca *ca, pqi_cspan manifest, int force, pqi_host_ca_rooted *out)
{
    pqi_why_clear();
    if (ca == NULL || out == NULL || manifest.ptr == NULL) {
        return pqi_why(PQI_ERR_ARG, "a root manifest is needed");
    }
    memset(out, 0, sizeof *out);
    if (manifest.len > PQI_MANIFEST_MAX) {
        return pqi_why(PQI_ERR_DECODE, "this is no root manifest");
    }
    next_root *next = calloc(1, sizeof *next);
    if (next == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    memcpy(next->bytes, manifest.ptr, manifest.len);
    pqi_status st =
        pqi_manifest_decode(&ca->algs, (pqi_cspan){next->bytes, manifest.len}, &next->m);
    if (st != PQI_OK) {
        st = pqi_why(st, "this is no root manifest");
    } else if (next->m.root_version == ca->manifest.root_version &&
               memcmp(next->m.hash, ca->manifest.hash, sizeof next->m.hash) == 0) {
        out->repeated = 1;
    } else {
        st = install(ca, &next->m, force, out);
        if (st == PQI_OK) {
            st = adopt(ca, next);
        }
    }
    out->root_version = st == PQI_OK ? next->m.root_version : 0;
    free(next);
    return st;
}
