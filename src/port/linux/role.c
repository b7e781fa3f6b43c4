/* SPDX-License-Identifier: Apache-2.0
 * Role directories. */
#include <pqi/host_role.h>

#include "port/linux/why.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pqi_host_role {
    pqi_algs algs;
    pqi_provider *provider;
    int lock;
    pqi_key key; /* 0: the directory holds none yet */
    pqi_role_record record;
    uint8_t pk[PQI_SIG_MAX_PK];
};

const char *pqi_host_role_why(void)
{
    return pqi_why_get();
}

void pqi_host_role_close(pqi_host_role *r)
{
    if (r == NULL) {
        return;
    }
    pqi_host_provider_close(r->provider);
    if (r->lock >= 0) {
        (void)close(r->lock);
    }
    free(r);
}

const pqi_role_record *pqi_host_role_info(const pqi_host_role *r)
{
    return r != NULL ? &r->record : NULL;
}

pqi_provider *pqi_host_role_provider(const pqi_host_role *r)
{
    return r != NULL ? r->provider : NULL;
}

pqi_key pqi_host_role_key(const pqi_host_role *r)
{
    return r != NULL ? r->key : 0;
}

const pqi_algs *pqi_host_role_algs(const pqi_host_role *r)
{
    return r != NULL ? &r->algs : NULL;
}

/* The directories that pqi_host_ca_init() makes hold one key as well. */
static const struct {
    pqi_key key;
    pqi_role role;
} handles[] = {
    {PQI_HANDLE_ROLE_BASE + PQI_ROLE_ROOT, PQI_ROLE_ROOT},
    {PQI_HANDLE_ROLE_BASE + PQI_ROLE_ISSUER, PQI_ROLE_ISSUER},
    {PQI_HANDLE_ROLE_BASE + PQI_ROLE_POLICY, PQI_ROLE_POLICY},
    {PQI_HANDLE_ROLE_BASE + PQI_ROLE_REVOKER, PQI_ROLE_REVOKER},
    {PQI_HANDLE_ROLE_BASE + PQI_ROLE_HEAD, PQI_ROLE_HEAD},
    {PQI_HANDLE_CA_ROOT, PQI_ROLE_ROOT},
    {PQI_HANDLE_CA_ISSUER, PQI_ROLE_ISSUER},
};

/* PQI_ERR_MISSING: none; PQI_ERR_STATE: two, which no run of ours makes. */
static pqi_status find_key(pqi_host_role *r)
{
    pqi_key_info info;
    r->key = 0;
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        pqi_status st = pqi_provider_info(r->provider, handles[i].key, &info);
        if (st == PQI_ERR_MISSING) {
            continue;
        }
        if (st != PQI_OK || info.kind != PQI_KEY_SIG || r->key != 0) {
            return st != PQI_OK ? st : PQI_ERR_STATE;
        }
        r->key = handles[i].key;
        r->record.role = handles[i].role;
        r->record.alg = info.alg;
    }
    return r->key != 0 ? PQI_OK : PQI_ERR_MISSING;
}

static pqi_status load_record(pqi_host_role *r)
{
    size_t len = 0;
    pqi_span room = {r->pk, sizeof r->pk};
    pqi_status st = pqi_provider_public_key(r->provider, r->key, room, &len);
    r->record.pk = (pqi_cspan){r->pk, len};
    if (st == PQI_OK) {
        st = pqi_signer_kid(&r->algs, r->record.alg, r->record.pk, r->record.kid);
    }
    if (st == PQI_OK) {
        st = pqi_role_checksum(
            &r->algs, r->record.role, r->record.alg, r->record.pk, r->record.checksum);
    }
    return st;
}

/* Lock and provider; the key may not be there yet. */
static pqi_status attach(pqi_host_role **out, const pqi_host_role_cfg *cfg, int create)
{
    char keys[PQI_DIR_PATH_MAX];
    pqi_host_role *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    r->lock = -1;
    (void)pqi_host_algs(&r->algs);
    pqi_status st = create ? pqi_dir_make(cfg->dir) : PQI_OK;
    if (st == PQI_OK && !create && !pqi_dir_has(cfg->dir, "keys")) {
        st = pqi_why(PQI_ERR_MISSING, "there is no role key in %s", cfg->dir);
    }
    if (st == PQI_OK) {
        st = pqi_dir_lock(cfg->dir, &r->lock);
    }
    if (st == PQI_OK) {
        st = pqi_dir_path(cfg->dir, "keys", keys);
    }
    if (st == PQI_OK) {
        pqi_why_clear();
        st = pqi_keys_why(pqi_keys_open(&r->provider, &r->algs, keys, &cfg->kek, create),
            "the role key", cfg->dir);
    }
    if (st != PQI_OK) {
        pqi_host_role_close(r);
        return st;
    }
    *out = r;
    return PQI_OK;
}

static pqi_status check_cfg(const pqi_host_role_cfg *cfg)
{
    return cfg == NULL || cfg->dir == NULL || cfg->dir[0] == '\0'
               ? pqi_why(PQI_ERR_ARG, "a role directory is needed")
               : PQI_OK;
}

static pqi_status make_key(pqi_host_role *r, const char *dir, pqi_role role, int32_t alg)
{
    pqi_status st = find_key(r);
    if (st == PQI_ERR_MISSING) {
        st = pqi_provider_generate(
            r->provider, PQI_HANDLE_ROLE_BASE + (pqi_key)role, PQI_KEY_SIG, alg);
        return st == PQI_OK ? st : pqi_why(st, "cannot make the key: %s", pqi_status_text(st));
    }
    if (st != PQI_OK) {
        return pqi_why(st, "the keys in %s are not those of a role directory", dir);
    }
    if (r->record.role != role) {
        return pqi_why(
            PQI_ERR_STATE, "%s already holds a %s key", dir, pqi_role_name(r->record.role));
    }
    return r->record.alg == alg
               ? PQI_OK
               : pqi_why(PQI_ERR_STATE, "%s already holds a key of another algorithm", dir);
}

pqi_status pqi_host_role_new(const pqi_host_role_cfg *cfg, pqi_role role, int32_t alg)
{
    pqi_host_role *r = NULL;
    pqi_algs algs;
    pqi_why_clear();
    pqi_status st = check_cfg(cfg);
    if (st != PQI_OK) {
        return st;
    }
    if (role < PQI_ROLE_ROOT || role > PQI_ROLE_HEAD) {
        return pqi_why(PQI_ERR_ARG, "a role is root, issuer, policy, revoker or head");
    }
    if (alg == 0) {
        bool top = role == PQI_ROLE_ROOT || role == PQI_ROLE_POLICY;
        alg = top ? PQI_SIG_ID_ML_DSA_87 : PQI_SIG_ID_ML_DSA_65;
    }
    if (pqi_algs_sig(pqi_host_algs(&algs), alg) == NULL) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "this program does not offer that algorithm");
    }
    st = attach(&r, cfg, 1);
    if (st == PQI_OK) {
        st = make_key(r, cfg->dir, role, alg);
    }
    pqi_host_role_close(r);
    return st;
}

pqi_status pqi_host_role_open(pqi_host_role **out, const pqi_host_role_cfg *cfg)
{
    pqi_host_role *r = NULL;
    pqi_why_clear();
    if (out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    *out = NULL;
    pqi_status st = check_cfg(cfg);
    if (st == PQI_OK) {
        st = attach(&r, cfg, 0);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = find_key(r);
    if (st == PQI_OK) {
        st = load_record(r);
    }
    if (st != PQI_OK) {
        pqi_host_role_close(r);
        return pqi_why(
            st == PQI_ERR_STATE ? PQI_ERR_STORAGE : st, "there is no role key in %s", cfg->dir);
    }
    *out = r;
    return PQI_OK;
}

pqi_status pqi_host_role_export(const pqi_host_role *r, pqi_span out, size_t *out_len)
{
    pqi_why_clear();
    if (r == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "a role and room for its record are needed");
    }
    pqi_status st =
        pqi_role_record_build(&r->algs, r->provider, r->key, r->record.role, out, out_len);
    return st == PQI_OK ? st : pqi_why(st, "cannot sign the record: %s", pqi_status_text(st));
}
