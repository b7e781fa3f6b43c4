/* SPDX-License-Identifier: Apache-2.0
 * Opening a CA, its generation rule and its transactions. */
#include "port/linux/ca_int.h"

#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *pqi_host_ca_why(void)
{
    return pqi_why_get();
}

int64_t pqi_ca_now(const pqi_host_ca *ca)
{
    uint64_t t = ca->cfg.clock != NULL ? ca->cfg.clock(ca->cfg.clock_ctx) : (uint64_t)time(NULL);
    return t > (uint64_t)INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)t;
}

pqi_cspan pqi_ca_str(const char *s)
{
    pqi_cspan v = {(const uint8_t *)s, strlen(s)};
    return v;
}

/* registry == counter, or == counter + 1 after a crash; nothing else (INV-8, INV-19). */
static pqi_status apply_rule(pqi_host_ca *ca)
{
    int64_t generation = 0, restored = 0;
    uint64_t counter = 0;
    pqi_status st = pqi_ca_int(ca->db, &generation, "SELECT generation FROM meta", "");
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &restored, "SELECT restored FROM meta", "");
    }
    if (st == PQI_OK) {
        st = pqi_provider_counter_get(ca->provider, PQI_SLOT_CA_STORE, &counter);
        if (st != PQI_OK) {
            return pqi_why(st, "cannot read the counter of the CA's keys");
        }
    }
    if (st != PQI_OK) {
        return st;
    }
    if (restored != 0) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "this registry is a backup copy: numbers used after it was made must be skipped first");
    }
    if (generation < 0 || (uint64_t)generation < counter) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "the registry is older than its keys remember (generation %lld, counter %llu): an old "
            "copy was restored",
            (long long)generation, (unsigned long long)counter);
    }
    if ((uint64_t)generation == counter + 1) {
        st = pqi_provider_counter_advance(ca->provider, PQI_SLOT_CA_STORE, counter + 1);
        return st == PQI_OK ? st : pqi_why(st, "cannot move the counter of the CA's keys");
    }
    if ((uint64_t)generation != counter) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "the CA's keys are older than the registry (generation %lld, counter %llu): an old "
            "copy "
            "of the keys was restored",
            (long long)generation, (unsigned long long)counter);
    }
    return PQI_OK;
}

pqi_status pqi_ca_begin(pqi_host_ca *ca)
{
    pqi_status st = pqi_ca_run(ca->db, "BEGIN IMMEDIATE", "");
    if (st != PQI_OK) {
        return st;
    }
    st = apply_rule(ca);
    return st == PQI_OK ? PQI_OK : pqi_ca_abort(ca, st);
}

pqi_status pqi_ca_abort(pqi_host_ca *ca, pqi_status st)
{
    if (!sqlite3_get_autocommit(ca->db)) { /* SQLite may have rolled back itself: disk full, I/O */
        (void)sqlite3_exec(ca->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

pqi_status pqi_ca_audit(pqi_host_ca *ca, const char *op, pqi_cspan device, const char *detail)
{
    return pqi_ca_run(ca->db, "INSERT INTO audit(at, op, device, detail) VALUES(?, ?, ?, ?)",
        "ittt", pqi_ca_now(ca), pqi_ca_str(op), device, pqi_ca_str(detail));
}

pqi_status pqi_ca_commit(pqi_host_ca *ca, const char *op, pqi_cspan device, const char *detail)
{
    int64_t generation = 0;
    pqi_status st = pqi_ca_audit(ca, op, device, detail);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "UPDATE meta SET generation = generation + 1", "");
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &generation, "SELECT generation FROM meta", "");
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "COMMIT", "");
    }
    if (st != PQI_OK) {
        return pqi_ca_abort(ca, st);
    }
    st = pqi_provider_counter_advance(ca->provider, PQI_SLOT_CA_STORE, (uint64_t)generation);
    return st == PQI_OK
               ? PQI_OK
               : pqi_why(st, "the change is stored, but the counter of the CA's keys could "
                             "not be moved: run the command again");
}

static pqi_status get_memory(pqi_host_ca *ca)
{
    size_t n = pqi_host_tmp_len(pqi_host_algs(&ca->algs));
    ca->tmp.ptr = malloc(n);
    ca->object.ptr = malloc(PQI_GRANT_MAX);
    ca->manifest_bytes = malloc(PQI_MANIFEST_MAX);
    if (ca->tmp.ptr == NULL || ca->object.ptr == NULL || ca->manifest_bytes == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    ca->tmp.len = n;
    ca->object.len = PQI_GRANT_MAX;
    return PQI_OK;
}

pqi_status pqi_ca_attach(pqi_host_ca **out, const pqi_host_ca_cfg *cfg, int create)
{
    char keys[PQI_DIR_PATH_MAX];
    *out = NULL;
    if (cfg == NULL || cfg->dir == NULL || strlen(cfg->dir) >= PQI_DIR_PATH_MAX) {
        return pqi_why(PQI_ERR_ARG, "a CA directory is needed");
    }
    pqi_host_ca *ca = calloc(1, sizeof *ca);
    if (ca == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    ca->cfg = *cfg;
    ca->lock = -1;
    memcpy(ca->dir, cfg->dir, strlen(cfg->dir) + 1);
    pqi_status st = get_memory(ca);
    if (st == PQI_OK && create) {
        st = pqi_dir_make(ca->dir);
    }
    if (st == PQI_OK && !create && !pqi_dir_has(ca->dir, "ca.db")) {
        st = pqi_why(PQI_ERR_MISSING, "there is no CA in %s", ca->dir);
    }
    if (st == PQI_OK) {
        st = pqi_dir_unshared(ca->dir);
    }
    if (st == PQI_OK) {
        st = pqi_dir_lock(ca->dir, &ca->lock);
    }
    if (st == PQI_OK) {
        st = pqi_dir_path(ca->dir, "keys", keys);
    }
    if (st == PQI_OK) {
        pqi_why_clear();
        st = pqi_keys_why(pqi_keys_open(&ca->provider, &ca->algs, keys, &cfg->kek, create),
            "the CA's keys", keys);
    }
    if (st == PQI_OK) {
        st = pqi_ca_db_open(ca->dir, create, pqi_ca_now(ca), &ca->db);
    }
    if (st != PQI_OK) {
        pqi_host_ca_close(ca);
        return st;
    }
    *out = ca;
    return PQI_OK;
}

static pqi_status load_policy(pqi_host_ca *ca)
{
    int64_t level = 0, forbid = 0;
    pqi_status st = pqi_ca_int(ca->db, &level, "SELECT min_level FROM meta", "");
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &forbid, "SELECT forbid FROM meta", "");
    }
    ca->policy = (pqi_alg_policy){(uint8_t)level, (uint8_t)forbid}; /* the schema bounds both */
    return st;
}

static pqi_status policy_words(
    const pqi_host_ca *ca, pqi_cspan id, const char *name, unsigned level, unsigned flags)
{
    if ((flags & ca->policy.forbid) != 0) {
        return pqi_why(PQI_ERR_POLICY, "%.*s: this CA does not certify %s%s", (int)id.len, id.ptr,
            name, pqi_alg_mark(flags));
    }
    return pqi_why(PQI_ERR_POLICY, "%.*s: %s is of level %u and this CA asks for level %u at least",
        (int)id.len, id.ptr, name, level, ca->policy.min_level);
}

pqi_status pqi_ca_policy_why(pqi_host_ca *ca, pqi_cspan id, const pqi_kem *kem)
{
    return kem == NULL || pqi_policy_kem(&ca->policy, kem) == PQI_OK
               ? PQI_OK
               : policy_words(ca, id, kem->name, kem->level, kem->flags);
}

pqi_status pqi_ca_policy_sig_why(pqi_host_ca *ca, pqi_cspan id, const pqi_sig *sig)
{
    return sig == NULL || pqi_policy_sig(&ca->policy, sig) == PQI_OK
               ? PQI_OK
               : policy_words(ca, id, sig->name, sig->level, sig->flags);
}

pqi_status pqi_ca_load(pqi_host_ca *ca)
{
    size_t len = 0;
    pqi_span room = {ca->manifest_bytes, PQI_MANIFEST_MAX};
    pqi_status st = pqi_ca_blob(ca->db, room, &len, "SELECT manifest FROM meta", "");
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st, "the CA in %s is not complete: run pqi ca init again", ca->dir);
    }
    if (st != PQI_OK) {
        return pqi_why_else(PQI_ERR_STORAGE, "the registry holds an impossible root manifest");
    }
    st = load_policy(ca);
    if (st != PQI_OK) {
        return pqi_why_else(st, "the registry holds an impossible policy");
    }
    pqi_cspan bytes = {ca->manifest_bytes, len};
    st = pqi_manifest_decode(&ca->algs, bytes, &ca->manifest);
    if (st == PQI_OK) {
        st = pqi_manifest_verify(&ca->algs, &ca->manifest, &ca->manifest, ca->tmp);
    }
    return st == PQI_OK ? PQI_OK
                        : pqi_why(PQI_ERR_STORAGE, "the root manifest in the registry is damaged");
}

pqi_status pqi_host_ca_open(pqi_host_ca **out, const pqi_host_ca_cfg *cfg)
{
    pqi_why_clear();
    if (out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    pqi_status st = pqi_ca_attach(out, cfg, 0);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ca_load(*out);
    if (st == PQI_OK) {
        st = apply_rule(*out);
    }
    if (st != PQI_OK) {
        pqi_host_ca_close(*out);
        *out = NULL;
    }
    return st;
}

void pqi_host_ca_close(pqi_host_ca *ca)
{
    if (ca == NULL) {
        return;
    }
    pqi_ca_db_close(ca->db);
    pqi_host_role_close(ca->issuer);
    pqi_host_provider_close(ca->provider);
    if (ca->tmp.ptr != NULL) {
        pqi_wipe(ca->tmp.ptr, ca->tmp.len);
    }
    free(ca->tmp.ptr);
    free(ca->object.ptr);
    free(ca->manifest_bytes);
    if (ca->lock >= 0) {
        (void)close(ca->lock);
    }
    pqi_wipe(ca, sizeof *ca);
    free(ca);
}
