/* SPDX-License-Identifier: Apache-2.0
 * Attaching to a device directory, and the running device. */
#include "port/linux/device_int.h"

#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *pqi_host_device_why(void)
{
    return pqi_why_get();
}

pqi_join_keys pqi_device_keys(uint32_t generation, int sig)
{
    pqi_key base = PQI_HANDLE_OP_BASE + 16u * (generation % 4096u);
    pqi_join_keys k = {PQI_HANDLE_FACTORY_SIG, base + PQI_HANDLE_OP_KEM,
        base + PQI_HANDLE_OP_X25519, sig ? base + PQI_HANDLE_OP_SIG : 0};
    return k;
}

static pqi_status get_memory(pqi_host_device *d)
{
    size_t n = pqi_host_tmp_len(pqi_host_algs(&d->algs));
    d->tmp.ptr = malloc(n);
    d->plain.ptr = malloc(PQI_DEVICE_RECORD_MAX);
    d->buf.ptr = malloc(PQI_DEVICE_RECORD_MAX + PQI_STORE_OVERHEAD);
    if (d->tmp.ptr == NULL || d->plain.ptr == NULL || d->buf.ptr == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    d->tmp.len = n;
    d->plain.len = PQI_DEVICE_RECORD_MAX;
    d->buf.len = PQI_DEVICE_RECORD_MAX + PQI_STORE_OVERHEAD;
    return PQI_OK;
}

/* Keys that are gone while records exist were not lost by a crash of ours: init makes keys first. */
static pqi_status open_keys(pqi_host_device *d, int create)
{
    char keys[PQI_DIR_PATH_MAX], state[PQI_DIR_PATH_MAX];
    pqi_status st = pqi_dir_path(d->cfg.dir, "keys", keys);
    if (st == PQI_OK) {
        st = pqi_dir_path(d->cfg.dir, "state", state);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_why_clear();
    st = pqi_keys_open(&d->provider, &d->algs, keys, &d->cfg.kek, 0);
    if (st != PQI_ERR_MISSING) {
        return pqi_keys_why(st, "the device's keys", keys);
    }
    if (pqi_dir_has(state, "identity.0") || pqi_dir_has(state, "identity.1")) {
        return pqi_why(PQI_ERR_ROLLBACK,
            "the keys in %s are gone while records of this device remain: it must be provisioned "
            "again in a new directory",
            keys);
    }
    if (!create) {
        return pqi_why(PQI_ERR_MISSING, "there is no device in %s", d->cfg.dir);
    }
    pqi_why_clear();
    return pqi_keys_why(
        pqi_keys_open(&d->provider, &d->algs, keys, &d->cfg.kek, 1), "the device's keys", keys);
}

static pqi_status store_why(pqi_status st, const char *dir)
{
    if (st == PQI_ERR_ROLLBACK) {
        return pqi_why(st,
            "the records in %s are older than its keys remember, or gone: an old copy was restored "
            "or files were deleted",
            dir);
    }
    if (st == PQI_ERR_STORAGE) {
        return pqi_why(st, "the records in %s are damaged or cannot be read", dir);
    }
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st,
            "there are keys but no device in %s: it was made by another command, or pqi device "
            "init was cut off",
            dir);
    }
    return pqi_why(st, "cannot read the records in %s: %s", dir, pqi_status_text(st));
}

/* The directory of the records is gone: was there ever one? */
static pqi_status no_records(pqi_host_device *d)
{
    uint64_t n = 0;
    pqi_status st = pqi_provider_counter_get(d->provider, PQI_SLOT_IDENTITY, &n);
    if (st != PQI_OK) {
        return st;
    }
    return n == 0 ? PQI_ERR_MISSING : PQI_ERR_ROLLBACK;
}

static pqi_status open_record(pqi_host_device *d, int create)
{
    char state[PQI_DIR_PATH_MAX];
    size_t len = 0;
    pqi_status st = pqi_dir_path(d->cfg.dir, "state", state);
    if (st == PQI_OK && create) {
        st = pqi_dir_make(state);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_host_nvm_open(&d->nvm, state);
    if (st == PQI_ERR_MISSING) {
        st = no_records(d);
    }
    if (st != PQI_OK) {
        return store_why(st, st == PQI_ERR_MISSING ? d->cfg.dir : state);
    }
    st = pqi_store_open(
        &d->store, d->provider, &d->nvm.nvm, "identity", PQI_SLOT_IDENTITY, d->buf, d->plain, &len);
    if (st == PQI_ERR_MISSING) {
        return create ? PQI_OK : store_why(st, d->cfg.dir);
    }
    if (st != PQI_OK) {
        return store_why(st, state);
    }
    pqi_cspan plain = {d->plain.ptr, len};
    st = pqi_device_record_decode(plain, &d->record);
    return st == PQI_OK ? st
                        : pqi_why(PQI_ERR_STORAGE,
                              "the identity record in %s is of another program version", state);
}

pqi_status pqi_device_save(pqi_host_device *d)
{
    size_t len = 0;
    pqi_status st = pqi_device_record_encode(&d->record, d->plain, &len);
    if (st == PQI_OK) {
        pqi_cspan plain = {d->plain.ptr, len};
        st = pqi_store_save(&d->store, plain, d->buf);
    }
    return st == PQI_OK ? st
                        : pqi_why(st, "cannot store the identity in %s: %s", d->cfg.dir,
                              pqi_status_text(st));
}

pqi_status pqi_device_attach(pqi_host_device **out, const pqi_host_device_cfg *cfg, int create)
{
    *out = NULL;
    if (cfg == NULL || cfg->dir == NULL || cfg->dir[0] == '\0') {
        return pqi_why(PQI_ERR_ARG, "a device directory is needed");
    }
    pqi_host_device *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    d->cfg = *cfg;
    d->lock = -1;
    pqi_status st = get_memory(d);
    if (st == PQI_OK && create) {
        st = pqi_dir_make(cfg->dir);
    }
    if (st == PQI_OK && !create && !pqi_dir_has(cfg->dir, "keys") &&
        !pqi_dir_has(cfg->dir, "state")) {
        st = pqi_why(PQI_ERR_MISSING, "there is no device in %s", cfg->dir);
    }
    if (st == PQI_OK) {
        st = pqi_dir_lock(cfg->dir, &d->lock);
    }
    if (st == PQI_OK) {
        st = open_keys(d, create);
    }
    if (st == PQI_OK) {
        st = open_record(d, create);
    }
    if (st != PQI_OK) {
        pqi_host_device_close(d);
        return st;
    }
    *out = d;
    return PQI_OK;
}

/* ---- running ------------------------------------------------------------------------------------ */

/* The endpoint asks the same; here it gets words of its own. Bytes that do not decode are the
 * endpoint's to refuse. */
static pqi_status own_policy(pqi_host_device *d)
{
    pqi_cert c;
    pqi_manifest m;
    if (pqi_cert_decode(&d->algs, pqi_host_device_cert(d), &c) == PQI_OK &&
        pqi_cert_policy(&d->algs, &c, &d->cfg.policy) == PQI_ERR_POLICY) {
        return pqi_why(PQI_ERR_POLICY, "the device's own algorithms do not pass the configured "
                                       "policy: join with a profile that does");
    }
    if (pqi_manifest_decode(&d->algs, pqi_host_device_manifest(d), &m) == PQI_OK &&
        pqi_manifest_policy(&d->algs, &m, &d->cfg.policy) == PQI_ERR_POLICY) {
        return pqi_why(
            PQI_ERR_POLICY, "the signers of the fleet do not pass the configured policy");
    }
    return PQI_OK;
}

/* Every peer may have a session and its successor; a handshake at a time for each of a few, and as many
 * H rounds. */
static pqi_status session_memory(pqi_host_device *d, size_t n_peers, pqi_session_cfg *s)
{
    enum { BUSY_MAX = 64 };
    memset(s, 0, sizeof *s);
    if (d->cfg.sessions == PQI_SESSIONS_OFF) {
        return PQI_OK;
    }
    s->use = d->cfg.sessions;
    s->n_sessions = (uint32_t)(2u * n_peers);
    s->n_handshakes = (uint32_t)(n_peers < BUSY_MAX ? n_peers : BUSY_MAX);
    s->n_rounds = s->n_handshakes;
    s->modes = d->cfg.session_modes;
    s->limits = d->cfg.session_limits;
    size_t len = pqi_endpoint_sessions_len(&d->algs, s, n_peers);
    d->sessions.ptr = len != 0 ? malloc(len) : NULL;
    if (d->sessions.ptr == NULL) {
        return pqi_why(len == 0 ? PQI_ERR_ARG : PQI_ERR_LIMIT,
            "no memory for the sessions of %zu peers", n_peers);
    }
    d->sessions.len = len;
    s->mem = d->sessions;
    return PQI_OK;
}

static pqi_status open_endpoint(pqi_host_device *d, const pqi_now *now)
{
    const pqi_limits *limits = d->cfg.limits != NULL ? d->cfg.limits : &pqi_limits_gateway;
    size_t n = d->cfg.max_peers != 0 ? d->cfg.max_peers : PQI_HOST_PEERS_DEFAULT;
    pqi_endpoint_cfg e;
    memset(&e, 0, sizeof e);
    d->peers = calloc(n, sizeof *d->peers);
    if (d->peers == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory for %zu peers", n);
    }
    d->n_peers = n;
    e.algs = &d->algs;
    e.provider = d->provider;
    e.nvm = &d->nvm.nvm;
    e.keys = pqi_host_device_keys(d);
    e.cert = pqi_host_device_cert(d);
    e.manifest = pqi_host_device_manifest(d);
    e.pinned = d->record.pinned;
    e.suite = d->cfg.suite;
    e.policy = d->cfg.policy;
    e.limits = *limits;
    e.peers = d->peers;
    e.n_peers = n;
    e.prekey_period_s = d->cfg.prekey_period_s == PQI_HOST_NO_PREKEYS ? 0u
                        : d->cfg.prekey_period_s != 0                 ? d->cfg.prekey_period_s
                                                                      : PQI_PREKEY_PERIOD_S;
    e.prekey_use = d->cfg.prekey_use;
    pqi_status st = own_policy(d);
    if (st == PQI_OK) {
        st = session_memory(d, n, &e.sessions);
    }
    if (st == PQI_OK) {
        st = pqi_device_control_memory(d, &e);
    }
    if (st == PQI_OK) {
        st = pqi_device_room(&d->scratch, pqi_endpoint_scratch_len(&e));
    }
    if (st != PQI_OK) {
        return st;
    }
    e.scratch = d->scratch;
    st = pqi_endpoint_open(&d->endpoint, &e, now);
    if (st == PQI_ERR_POLICY) {
        return pqi_why(st, "the device's certificate is outside its validity: renew it with pqi "
                           "device join");
    }
    if (st == PQI_ERR_ROLLBACK || st == PQI_ERR_STORAGE) {
        return store_why(st, d->cfg.dir);
    }
    return st == PQI_OK ? st
                        : pqi_why(st, "the device in %s does not start: %s", d->cfg.dir,
                              pqi_status_text(st));
}

pqi_status pqi_host_device_open(
    pqi_host_device **out, const pqi_host_device_cfg *cfg, const pqi_now *now)
{
    pqi_why_clear();
    if (out == NULL || now == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_device_attach(out, cfg, 0);
    if (st != PQI_OK) {
        return st;
    }
    pqi_host_device *d = *out;
    st = d->record.current == 0
             ? pqi_why(PQI_ERR_STATE,
                   "the device in %s has no certificate yet: join and install first", cfg->dir)
             : open_endpoint(d, now);
    if (st != PQI_OK) {
        pqi_host_device_close(d);
        *out = NULL;
    }
    return st;
}

pqi_endpoint *pqi_host_device_endpoint(pqi_host_device *d)
{
    return &d->endpoint;
}

pqi_provider *pqi_host_device_provider(pqi_host_device *d)
{
    return d->provider;
}

const pqi_nvm *pqi_host_device_nvm(pqi_host_device *d)
{
    return &d->nvm.nvm;
}

const pqi_algs *pqi_host_device_algs(const pqi_host_device *d)
{
    return &d->algs;
}

const char *pqi_host_device_id(const pqi_host_device *d)
{
    return d->record.id;
}

pqi_cspan pqi_host_device_cert(const pqi_host_device *d)
{
    pqi_cspan v = {d->record.cert, d->record.cert_len};
    return v;
}

pqi_cspan pqi_host_device_manifest(const pqi_host_device *d)
{
    pqi_cspan v = {d->record.manifest, d->record.manifest_len};
    return v;
}

const uint8_t *pqi_host_device_pinned(const pqi_host_device *d)
{
    return d->record.pinned;
}

pqi_endpoint_keys pqi_host_device_keys(const pqi_host_device *d)
{
    pqi_join_keys k = pqi_device_keys(d->record.current, d->record.current_sig);
    pqi_endpoint_keys e = {k.kem, k.x25519, k.sig};
    return e;
}

static void wipe_free(pqi_span *s)
{
    if (s->ptr != NULL) {
        pqi_wipe(s->ptr, s->len);
    }
    free(s->ptr);
    s->ptr = NULL;
    s->len = 0;
}

void pqi_host_device_close(pqi_host_device *d)
{
    if (d == NULL) {
        return;
    }
    pqi_endpoint_close(&d->endpoint);
    if (d->peers != NULL) {
        pqi_wipe(d->peers, d->n_peers * sizeof *d->peers);
        free(d->peers);
    }
    wipe_free(&d->scratch);
    wipe_free(&d->sessions);
    wipe_free(&d->manifest_mem);
    wipe_free(&d->policy_mem);
    wipe_free(&d->head_mem);
    free(d->revoked);
    wipe_free(&d->tmp);
    wipe_free(&d->plain);
    wipe_free(&d->buf);
    pqi_host_provider_close(d->provider);
    if (d->lock >= 0) {
        (void)close(d->lock);
    }
    pqi_wipe(d, sizeof *d);
    free(d);
}
