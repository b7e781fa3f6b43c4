/* SPDX-License-Identifier: Apache-2.0
 * Making a CA, and recovering one after a rollback. */
#include "port/linux/ca_int.h"

#include <pqi/wipe.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pqi_status need_key(pqi_provider *p, pqi_key key, int32_t alg)
{
    pqi_key_info info;
    pqi_status st = pqi_provider_info(p, key, &info);
    if (st == PQI_ERR_MISSING) {
        return pqi_provider_generate(p, key, PQI_KEY_SIG, alg);
    }
    if (st == PQI_OK && (info.kind != PQI_KEY_SIG || info.alg != alg)) {
        return pqi_why(PQI_ERR_STATE, "these keys belong to something else");
    }
    return st;
}

typedef struct key_bytes {
    uint8_t root[PQI_SIG_MAX_PK], issuer[PQI_SIG_MAX_PK];
} key_bytes;

static pqi_status public_of(
    pqi_provider *p, pqi_key key, uint8_t buf[PQI_SIG_MAX_PK], pqi_cspan *pk)
{
    size_t len = 0;
    pqi_span room = {buf, PQI_SIG_MAX_PK};
    pqi_status st = pqi_provider_public_key(p, key, room, &len);
    pk->ptr = buf;
    pk->len = len;
    return st;
}

/* Options with their defaults filled in. */
typedef struct wish {
    int32_t root_alg, issuer_alg;
    pqi_alg_policy policy;
} wish;

static wish wish_of(const pqi_host_ca_init_opts *o)
{
    unsigned forbid = (o->allow_unstandard ? 0u : PQI_ALG_NOT_STANDARD) |
                      (o->forbid_pre ? PQI_ALG_PRE_STANDARD : 0u);
    wish w = {o->root_alg != 0 ? o->root_alg : PQI_SIG_ID_ML_DSA_87,
        o->issuer_alg != 0 ? o->issuer_alg : PQI_SIG_ID_ML_DSA_65, {o->min_level, (uint8_t)forbid}};
    return w;
}

/* The CA keeps its own rule. */
static pqi_status check_wish(pqi_host_ca *ca, const wish *w)
{
    const pqi_cspan who = {PQI_LIT("the CA")};
    const pqi_sig *root = pqi_algs_sig(&ca->algs, w->root_alg);
    const pqi_sig *issuer = pqi_algs_sig(&ca->algs, w->issuer_alg);
    if (root == NULL || issuer == NULL) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "this program does not offer that algorithm");
    }
    ca->policy = w->policy;
    pqi_status st = pqi_ca_policy_sig_why(ca, who, root);
    return st == PQI_OK ? pqi_ca_policy_sig_why(ca, who, issuer) : st;
}

/* Root manifest 1: root 1 of 1, issuer 1 of 1; the issuer also signs revocations. */
static pqi_status build_manifest(pqi_host_ca *ca, pqi_provider *root, const wish *w, size_t *len)
{
    key_bytes *mem = calloc(1, sizeof *mem);
    if (mem == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_manifest_key keys[2];
    pqi_manifest_spec spec;
    memset(keys, 0, sizeof keys);
    memset(&spec, 0, sizeof spec);
    keys[0].role = PQI_ROLE_ROOT;
    keys[0].alg = w->root_alg;
    keys[1].role = PQI_ROLE_ISSUER;
    keys[1].alg = w->issuer_alg;
    spec.root_version = 1;
    spec.threshold[PQI_ROLE_ROOT] = 1;
    spec.threshold[PQI_ROLE_ISSUER] = 1;
    spec.keys = keys;
    spec.n_keys = 2;
    pqi_span id = {spec.fleet_id, sizeof spec.fleet_id};
    pqi_status st = pqi_provider_random(ca->provider, id);
    if (st == PQI_OK) {
        st = public_of(root, PQI_HANDLE_CA_ROOT, mem->root, &keys[0].pk);
    }
    if (st == PQI_OK) {
        st = public_of(ca->provider, PQI_HANDLE_CA_ISSUER, mem->issuer, &keys[1].pk);
    }
    if (st == PQI_OK) {
        const pqi_key handle = PQI_HANDLE_CA_ROOT;
        pqi_span out = {ca->manifest_bytes, PQI_MANIFEST_MAX};
        st = pqi_manifest_build(&ca->algs, root, &spec, &handle, 1, out, len);
    }
    free(mem);
    return st == PQI_OK
               ? st
               : pqi_why_else(st, "cannot sign the root manifest: %s", pqi_status_text(st));
}

/* ca->manifest is decoded from the first `len` bytes of its buffer. */
static pqi_status store_registry(pqi_host_ca *ca, const char *fleet, const wish *w, size_t len)
{
    char issuer[PQI_DIR_PATH_MAX];
    pqi_cspan bytes = {ca->manifest_bytes, len};
    pqi_cspan none = {NULL, 0};
    pqi_status st = pqi_ca_issuer_path(ca, issuer);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "BEGIN IMMEDIATE", "");
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_cspan id = {ca->manifest.fleet_id, PQI_FLEET_ID_LEN};
    st = pqi_ca_run(ca->db,
        "INSERT INTO meta(one, fleet, fleet_id, root_version, manifest, generation, next_roster,"
        " restored, min_level, forbid, issuer_dir) VALUES(1, ?, ?, ?, ?, 0, 1, 0, ?, ?, ?)",
        "tbibiit", pqi_ca_str(fleet), id, (int64_t)ca->manifest.root_version, bytes,
        (int64_t)w->policy.min_level, (int64_t)w->policy.forbid, pqi_ca_str(issuer));
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "INSERT INTO roots(version, manifest, at) VALUES(?, ?, ?)", "ibi",
            (int64_t)ca->manifest.root_version, bytes, pqi_ca_now(ca));
    }
    return st == PQI_OK ? pqi_ca_commit(ca, "init", none, fleet) : pqi_ca_abort(ca, st);
}

static pqi_status check_manifest(pqi_host_ca *ca, size_t len)
{
    pqi_cspan bytes = {ca->manifest_bytes, len};
    pqi_status st = pqi_manifest_decode(&ca->algs, bytes, &ca->manifest);
    if (st != PQI_OK) {
        return pqi_why(st, "this is no root manifest");
    }
    st = pqi_manifest_verify(&ca->algs, &ca->manifest, &ca->manifest, ca->tmp);
    return st == PQI_OK ? st
                        : pqi_why(st, "the root manifest is not signed by as many of its root keys "
                                      "as it asks for");
}

/* The fleet's id is made of its name in a root ceremony. */
static pqi_status check_name(const pqi_host_ca *ca, const char *fleet)
{
    uint8_t id[PQI_FLEET_ID_LEN];
    pqi_status st = pqi_fleet_id_of(&ca->algs, pqi_ca_str(fleet), id);
    return st == PQI_OK && memcmp(id, ca->manifest.fleet_id, sizeof id) != 0
               ? pqi_why(PQI_ERR_POLICY, "the root manifest is not of a fleet named %s", fleet)
               : st;
}

/* A CA under a root that was made elsewhere. */
static pqi_status make_under(pqi_host_ca *ca, const pqi_host_ca_init_opts *o)
{
    const wish w = wish_of(o);
    pqi_ca_issuer issuer;
    if (o->manifest.len > PQI_MANIFEST_MAX) {
        return pqi_why(PQI_ERR_DECODE, "this is no root manifest");
    }
    memcpy(ca->manifest_bytes, o->manifest.ptr, o->manifest.len);
    ca->policy = w.policy;
    pqi_status st = check_manifest(ca, o->manifest.len);
    if (st == PQI_OK) {
        st = check_name(ca, o->fleet);
    }
    if (st == PQI_OK) {
        st = pqi_ca_policy_manifest(ca, &ca->manifest);
    }
    if (st == PQI_OK) {
        st = pqi_ca_issuer_get(ca, &ca->manifest, &issuer);
    }
    return st == PQI_OK ? store_registry(ca, o->fleet, &w, o->manifest.len) : st;
}

static pqi_status no_old_counter(pqi_host_ca *ca)
{
    uint64_t counter = 0;
    pqi_status st = pqi_provider_counter_get(ca->provider, PQI_SLOT_CA_STORE, &counter);
    return st == PQI_OK && counter != 0
               ? pqi_why(PQI_ERR_ROLLBACK,
                     "the keys in %s remember a registry (generation %llu) that is gone: restore a "
                     "backup",
                     ca->dir, (unsigned long long)counter)
               : st;
}

static pqi_status make(pqi_host_ca *ca, const pqi_host_ca_init_opts *o)
{
    char keys[PQI_DIR_PATH_MAX];
    pqi_provider *root = NULL;
    size_t len = 0;
    const wish w = wish_of(o);
    pqi_status st = check_wish(ca, &w);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_dir_make(o->root_dir);
    if (st == PQI_OK) {
        st = pqi_dir_path(o->root_dir, "keys", keys);
    }
    if (st == PQI_OK) {
        pqi_why_clear();
        st = pqi_keys_why(
            pqi_keys_open(&root, &ca->algs, keys, &o->root_kek, 1), "the root key", o->root_dir);
    }
    if (st == PQI_OK) {
        st = need_key(root, PQI_HANDLE_CA_ROOT, w.root_alg);
    }
    if (st == PQI_OK) {
        st = need_key(ca->provider, PQI_HANDLE_CA_ISSUER, w.issuer_alg);
    }
    if (st == PQI_OK) {
        st = build_manifest(ca, root, &w, &len);
    }
    pqi_host_provider_close(root);
    if (st == PQI_OK) {
        st = check_manifest(ca, len);
    }
    if (st == PQI_OK) {
        st = store_registry(ca, o->fleet, &w, len);
    }
    return st == PQI_OK ? st : pqi_why_else(st, "cannot make the CA: %s", pqi_status_text(st));
}

static pqi_status check_fleet(const char *fleet)
{
    size_t n = fleet != NULL ? strlen(fleet) : 0;
    if (n == 0 || n > PQI_HOST_CA_FLEET_MAX) {
        return pqi_why(PQI_ERR_ARG, "a fleet name has 1 to %u characters", PQI_HOST_CA_FLEET_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)fleet[i] < 0x20 || (unsigned char)fleet[i] == 0x7f) {
            return pqi_why(PQI_ERR_ARG, "a fleet name has no control characters");
        }
    }
    return PQI_OK;
}

static pqi_status same_fleet(pqi_host_ca *ca, const char *fleet)
{
    uint8_t name[PQI_HOST_CA_FLEET_MAX];
    size_t len = 0;
    pqi_span room = {name, sizeof name};
    pqi_status st = pqi_ca_blob(ca->db, room, &len, "SELECT fleet FROM meta", "");
    if (st != PQI_OK) {
        return st;
    }
    return len == strlen(fleet) && memcmp(name, fleet, len) == 0
               ? PQI_OK
               : pqi_why(PQI_ERR_STATE, "%s is already the CA of another fleet", ca->dir);
}

/* Algorithms and policy are final: a second init with other ones would seem to change them. */
static pqi_status same_wish(pqi_host_ca *ca, const pqi_host_ca_init_opts *o)
{
    const wish w = wish_of(o);
    bool same = w.policy.min_level == ca->policy.min_level && w.policy.forbid == ca->policy.forbid;
    if (o->manifest.len != 0) {
        pqi_cspan have = ca->manifest.encoded;
        same =
            same && have.len == o->manifest.len && memcmp(have.ptr, o->manifest.ptr, have.len) == 0;
    }
    for (uint32_t i = 0; i < ca->manifest.n_keys && o->manifest.len == 0; i++) {
        const pqi_manifest_key *k = &ca->manifest.keys[i];
        same = same && (k->role != PQI_ROLE_ROOT || k->alg == w.root_alg);
        same = same && (k->role != PQI_ROLE_ISSUER || k->alg == w.issuer_alg);
    }
    if (same) {
        return PQI_OK;
    }
    return pqi_why(PQI_ERR_STATE, "%s is already a CA with %s or another policy", ca->dir,
        o->manifest.len != 0 ? "another root" : "other algorithms");
}

static pqi_status check_opts(const pqi_host_ca_cfg *cfg, const pqi_host_ca_init_opts *o)
{
    if (o->min_level > 5) {
        return pqi_why(PQI_ERR_ARG, "levels are 1 to 5");
    }
    if (o->allow_unstandard && o->forbid_pre) {
        return pqi_why(PQI_ERR_ARG, "a CA that certifies none without a final standard does not "
                                    "certify what is not standardised");
    }
    if ((o->manifest.len != 0) == (o->root_dir != NULL)) {
        return pqi_why(PQI_ERR_ARG, "a root directory or a root manifest is needed");
    }
    if ((o->manifest.len != 0) != (cfg->issuer_dir != NULL)) {
        return pqi_why(PQI_ERR_ARG, "a root manifest and an issuer directory go together");
    }
    return check_fleet(o->fleet);
}

pqi_status pqi_host_ca_init(
    const pqi_host_ca_cfg *cfg, const pqi_host_ca_init_opts *opts, uint8_t hash[32])
{
    pqi_host_ca *ca = NULL;
    int64_t made = 0;
    pqi_why_clear();
    if (cfg == NULL || opts == NULL || hash == NULL) {
        return pqi_why(PQI_ERR_ARG, "a CA directory, a root directory and a fleet name are needed");
    }
    memset(hash, 0, 32);
    pqi_status st = check_opts(cfg, opts);
    if (st == PQI_OK) {
        st = pqi_ca_attach(&ca, cfg, 1);
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &made, "SELECT count(*) FROM meta", "");
    }
    if (st == PQI_OK && made == 0) {
        st = no_old_counter(ca);
        if (st == PQI_OK) {
            st = opts->manifest.len != 0 ? make_under(ca, opts) : make(ca, opts);
        }
    } else if (st == PQI_OK) {
        st = same_fleet(ca, opts->fleet);
        if (st == PQI_OK) {
            st = pqi_ca_load(ca);
        }
        if (st == PQI_OK) {
            st = same_wish(ca, opts);
        }
        if (st == PQI_OK) { /* heals a crash between commit and counter */
            st = pqi_ca_begin(ca);
            st = st == PQI_OK ? pqi_ca_abort(ca, PQI_OK) : st;
        }
    }
    if (st == PQI_OK) {
        memcpy(hash, ca->manifest.hash, 32);
    }
    pqi_host_ca_close(ca);
    return st;
}

/* ---- recovery ----------------------------------------------------------------------------------- */

/* Numbers that the lost copy may have used are never used again. */
static pqi_status skip_numbers(pqi_host_ca *ca, pqi_host_ca_recovered *out)
{
    int64_t n = 0, top = 0;
    const int64_t skip = PQI_HOST_CA_SKIP;
    pqi_status st = pqi_ca_int(ca->db, &n, "SELECT count(*) FROM devices", "");
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &top, "SELECT ifnull(max(last_epoch), 0) FROM devices", "");
    }
    if (st != PQI_OK) {
        return st;
    }
    if (top + skip >= (int64_t)PQI_CA_FOREVER) {
        return pqi_why(PQI_ERR_LIMIT, "a device has no key epochs left");
    }
    st = pqi_ca_run(ca->db, "UPDATE devices SET last_epoch = last_epoch + ?", "i", skip);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db,
            "UPDATE meta SET next_roster = next_roster + ?1, roster_seq = roster_seq + ?1", "i",
            skip);
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "DELETE FROM challenges", "");
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db,
            "UPDATE certs SET state = 'superseded', granted = NULL WHERE state = 'pending'", "");
    }
    out->devices = (uint32_t)n;
    return st;
}

static pqi_status recover(pqi_host_ca *ca, pqi_cspan newest, pqi_host_ca_recovered *out)
{
    char detail[160];
    uint32_t seq = 0;
    int64_t generation = 0;
    pqi_cspan none = {NULL, 0};
    pqi_status st = pqi_ca_int(ca->db, &generation, "SELECT generation FROM meta", "");
    if (st == PQI_OK) {
        st = pqi_provider_counter_get(ca->provider, PQI_SLOT_CA_STORE, &out->counter);
    }
    if (st != PQI_OK) {
        return st;
    }
    out->registry = (uint64_t)generation;
    uint64_t top = out->registry > out->counter ? out->registry : out->counter;
    /* From here until the commit below the registry counts as a backup copy, so that a crash cannot
     * leave it looking healthy with its old numbers. */
    st = pqi_ca_run(ca->db, "UPDATE meta SET restored = 1, generation = ?", "i", (int64_t)top);
    if (st == PQI_OK) {
        st = pqi_provider_counter_advance(ca->provider, PQI_SLOT_CA_STORE, top);
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "BEGIN IMMEDIATE", "");
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ca_log_merge(ca, newest, &out->merged);
    if (st == PQI_OK) {
        st = pqi_ca_log_seq(ca, &seq);
    }
    if (st == PQI_OK) {
        st = skip_numbers(ca, out);
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "UPDATE meta SET restored = 0", "");
    }
    if (st != PQI_OK) {
        return pqi_ca_abort(ca, st);
    }
    out->rev_seq = seq;
    out->generation = top + 1;
    (void)snprintf(detail, sizeof detail, "registry %llu counter %llu skipped %u merged %u",
        (unsigned long long)out->registry, (unsigned long long)out->counter, PQI_HOST_CA_SKIP,
        out->merged);
    return pqi_ca_commit(ca, "recover", none, detail);
}

pqi_status pqi_host_ca_recover(
    const pqi_host_ca_cfg *cfg, pqi_cspan newest_revocations, pqi_host_ca_recovered *out)
{
    pqi_host_ca *ca = NULL;
    pqi_why_clear();
    if (out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_ca_attach(&ca, cfg, 0);
    if (st == PQI_OK) {
        st = pqi_ca_load(ca);
    }
    if (st == PQI_OK) {
        st = recover(ca, newest_revocations, out);
    }
    pqi_host_ca_close(ca);
    if (st != PQI_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}
