/* SPDX-License-Identifier: Apache-2.0
 * Making and opening a control directory. */
#include "port/linux/control_int.h"

#include "port/linux/file_atomic.h"

#include <pqi/wipe.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SERVER_FILE "server"
#define SERVER_LEN  8u

const char *pqi_host_control_why(void)
{
    return pqi_why_get();
}

uint64_t pqi_control_now_ms(const pqi_host_control *c)
{
    struct timespec t = {0, 0};
    if (c->cfg.clock_ms != NULL) {
        return c->cfg.clock_ms(c->cfg.clock_ctx);
    }
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec > 0 ? (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u : 0;
}

int64_t pqi_control_now_s(const pqi_host_control *c)
{
    return (int64_t)(pqi_control_now_ms(c) / 1000u);
}

pqi_cspan pqi_control_str(const char *s)
{
    pqi_cspan v = {(const uint8_t *)s, strlen(s)};
    return v;
}

void pqi_control_tell(pqi_host_control *c, const pqi_control_event *ev)
{
    pqi_control_event e = *ev;
    e.text = e.text != NULL ? e.text : "";
    if (c->cfg.io.event != NULL) {
        c->cfg.io.event(c->cfg.io.ctx, &e);
    }
}

pqi_status pqi_control_note(pqi_host_control *c, const char *op, const char *fmt, ...)
{
    char detail[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof detail, fmt, ap);
    va_end(ap);
    return pqi_cdb_run(c->db,
        "INSERT INTO pqi_audit(seq, at, who, op, detail)"
        " SELECT coalesce(max(seq), 0) + 1, $1, $2, $3, $4 FROM pqi_audit",
        "ittt", pqi_control_now_s(c), pqi_control_str(c->name), pqi_control_str(op),
        pqi_control_str(detail));
}

pqi_status pqi_control_changed(pqi_host_control *c)
{
    return pqi_cdb_run(c->db, "UPDATE pqi_state SET changes = changes + 1 WHERE one = 1", "");
}

/* ---- making ------------------------------------------------------------------------------------- */

static pqi_status need_key(pqi_provider *p, int32_t alg)
{
    pqi_key_info info;
    pqi_status st = pqi_provider_info(p, PQI_CONTROL_HANDLE, &info);
    if (st == PQI_ERR_MISSING) {
        return pqi_provider_generate(
            p, PQI_CONTROL_HANDLE, PQI_KEY_SIG, alg != 0 ? alg : PQI_SIG_ID_ML_DSA_65);
    }
    if (st == PQI_OK && (info.kind != PQI_KEY_SIG || (alg != 0 && info.alg != alg))) {
        return pqi_why(PQI_ERR_STATE, "there is a head key of another algorithm already");
    }
    return st;
}

pqi_status pqi_host_control_init(const pqi_host_control_cfg *cfg, int32_t head_alg, pqi_span pk,
    size_t *pk_len, int32_t *alg_out)
{
    char keys[PQI_DIR_PATH_MAX];
    pqi_algs algs;
    pqi_provider *p = NULL;
    pqi_key_info info;
    int lock = -1;
    pqi_why_clear();
    if (cfg == NULL || cfg->dir == NULL || pk_len == NULL || alg_out == NULL) {
        return pqi_why(PQI_ERR_ARG, "a control directory is needed");
    }
    *pk_len = 0;
    if (head_alg != 0 && pqi_algs_sig(pqi_host_algs(&algs), head_alg) == NULL) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "this program does not offer that algorithm");
    }
    pqi_status st = pqi_dir_path(cfg->dir, "keys", keys);
    if (st == PQI_OK) {
        st = pqi_dir_make(cfg->dir);
    }
    if (st == PQI_OK) {
        st = pqi_dir_lock(cfg->dir, &lock);
    }
    if (st == PQI_OK) {
        st = pqi_keys_why(pqi_keys_open(&p, pqi_host_algs(&algs), keys, &cfg->kek, 1),
            "the control plane's keys", keys);
    }
    if (st == PQI_OK) {
        st = need_key(p, head_alg);
    }
    if (st == PQI_OK) {
        st = pqi_provider_info(p, PQI_CONTROL_HANDLE, &info);
        *alg_out = st == PQI_OK ? info.alg : 0;
    }
    if (st == PQI_OK) {
        st = pqi_provider_public_key(p, PQI_CONTROL_HANDLE, pk, pk_len);
    }
    pqi_host_provider_close(p);
    if (lock >= 0) {
        (void)close(lock);
    }
    return st == PQI_OK ? st
                        : pqi_why_else(st, "cannot make the head key: %s", pqi_status_text(st));
}

/* ---- opening ------------------------------------------------------------------------------------ */

static int has_kek(const pqi_host_kek_source *k)
{
    return k->key_file != NULL || k->passphrase_file != NULL || k->credential != NULL ||
           k->passphrase.ptr != NULL;
}

static uint32_t or_default(uint32_t v, uint32_t d)
{
    return v != 0 ? v : d;
}

static void fill_budget(pqi_control_budget *b)
{
    b->device_burst = or_default(b->device_burst, 524288u);
    b->device_rate = or_default(b->device_rate, 8192u);
    b->other_burst = or_default(b->other_burst, 1048576u);
    b->other_rate = or_default(b->other_rate, 65536u);
    b->total_burst = or_default(b->total_burst, 33554432u);
    b->total_rate = or_default(b->total_rate, 8388608u);
}

static pqi_status take_cfg(pqi_host_control *c, const pqi_host_control_cfg *cfg)
{
    c->cfg = *cfg;
    c->cfg.ticks_per_head = or_default(cfg->ticks_per_head, PQI_CONTROL_TICKS_DEFAULT);
    c->cfg.tokens = or_default(cfg->tokens, PQI_CONTROL_TOKENS_DEFAULT);
    c->cfg.rev_window_ticks = or_default(cfg->rev_window_ticks, 24u);
    c->cfg.batch_ms = or_default(cfg->batch_ms, 200u);
    c->cfg.batch_max = or_default(cfg->batch_max, PQI_CONTROL_BATCH_MAX);
    c->cfg.lease_ms = or_default(cfg->lease_ms, PQI_CONTROL_LEASE_MS);
    fill_budget(&c->cfg.budget);
    if (c->cfg.ticks_per_head > PQI_TICKS_MAX || c->cfg.tokens > PQI_CONTROL_TOKENS_MAX ||
        c->cfg.tokens < 2 || c->cfg.batch_max > PQI_CONTROL_BATCH_MAX) {
        return pqi_why(PQI_ERR_ARG,
            "a head has 1 to %u ticks, a root version 2 to %u heads, a "
            "batch 1 to %u questions",
            PQI_TICKS_MAX, PQI_CONTROL_TOKENS_MAX, PQI_CONTROL_BATCH_MAX);
    }
    if (cfg->name != NULL) {
        (void)snprintf(c->name, sizeof c->name, "%s", cfg->name);
    } else if (gethostname(c->name, sizeof c->name - 1) != 0 || c->name[0] == '\0') {
        (void)snprintf(c->name, sizeof c->name, "control");
    }
    for (char *p = c->name; *p != '\0'; p++) { /* it stands in logs */
        *p = (*p > 0x20 && *p < 0x7f) ? *p : '_';
    }
    return PQI_OK;
}

static pqi_status get_memory(pqi_host_control *c)
{
    size_t n = pqi_host_tmp_len(pqi_host_algs(&c->algs));
    c->tmp.ptr = malloc(n);
    c->tmp.len = c->tmp.ptr != NULL ? n : 0;
    c->object = malloc(PQI_MANIFEST_MAX);
    return c->tmp.ptr != NULL && c->object != NULL ? PQI_OK
                                                   : pqi_why(PQI_ERR_LIMIT, "out of memory");
}

/* What names this server in the lease: it comes back after a crash and finds its own lease. */
static pqi_status server_id(pqi_host_control *c)
{
    uint8_t id[SERVER_LEN];
    size_t len = 0;
    pqi_status st = pqi_file_read(c->dir, SERVER_FILE, SERVER_LEN, (pqi_span){id, sizeof id}, &len);
    if (st == PQI_ERR_MISSING) {
        st = pqi_provider_random(c->provider, (pqi_span){id, sizeof id});
        if (st == PQI_OK) {
            st = pqi_file_write_atomic(c->dir, SERVER_FILE, (pqi_cspan){id, sizeof id});
        }
        len = sizeof id;
    }
    if (st != PQI_OK || len != SERVER_LEN) {
        return pqi_why(PQI_ERR_STORAGE, "cannot read or write %s/%s", c->dir, SERVER_FILE);
    }
    int n = snprintf(c->holder, sizeof c->holder, "%s ", c->name);
    for (size_t i = 0; i < SERVER_LEN; i++) {
        n += snprintf(c->holder + n, sizeof c->holder - (size_t)n, "%02x", id[i]);
    }
    return PQI_OK;
}

static pqi_status own_kid(pqi_host_control *c)
{
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t len = 0;
    pqi_key_info info;
    pqi_status st = pqi_provider_info(c->provider, PQI_CONTROL_HANDLE, &info);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st, "%s holds no head key: make one with pqi role new head", c->dir);
    }
    if (st == PQI_OK) {
        st = pqi_provider_public_key(
            c->provider, PQI_CONTROL_HANDLE, (pqi_span){pk, sizeof pk}, &len);
    }
    if (st == PQI_OK) {
        st = pqi_signer_kid(&c->algs, info.alg, (pqi_cspan){pk, len}, c->head_kid);
    }
    return st == PQI_OK ? st : pqi_why_else(st, "cannot read the head key");
}

static pqi_status open_keys(pqi_host_control *c)
{
    char keys[PQI_DIR_PATH_MAX];
    pqi_status st = pqi_dir_lock(c->dir, &c->lock);
    if (st == PQI_OK) {
        st = pqi_dir_path(c->dir, "keys", keys);
    }
    if (st == PQI_OK) {
        pqi_why_clear();
        st = pqi_keys_why(pqi_keys_open(&c->provider, &c->algs, keys, &c->cfg.kek, 0),
            "the control plane's keys", keys);
    }
    if (st == PQI_OK) {
        st = own_kid(c);
    }
    if (st == PQI_OK) {
        st = server_id(c);
    }
    if (st == PQI_OK) {
        st = pqi_pmem_map(&c->secret, sizeof(pqi_control_chains));
        c->chains = st == PQI_OK ? (pqi_control_chains *)(void *)c->secret.data.ptr : NULL;
    }
    if (st == PQI_OK) {
        memset(c->chains, 0, sizeof *c->chains);
        c->questions = calloc(c->cfg.batch_max, sizeof *c->questions);
        c->answer = malloc(PQI_CONTROL_ANSWER_MAX);
        st = c->questions != NULL && c->answer != NULL ? PQI_OK
                                                       : pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    return st;
}

pqi_status pqi_control_attach(pqi_host_control **out, const pqi_host_control_cfg *cfg)
{
    *out = NULL;
    if (cfg == NULL || cfg->dir == NULL || strlen(cfg->dir) >= PQI_DIR_PATH_MAX) {
        return pqi_why(PQI_ERR_ARG, "a control directory is needed");
    }
    pqi_host_control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    *out = c;
    c->lock = -1;
    memcpy(c->dir, cfg->dir, strlen(cfg->dir) + 1);
    pqi_status st = take_cfg(c, cfg);
    if (st == PQI_OK) {
        st = get_memory(c);
    }
    if (st == PQI_OK && access(c->dir, F_OK) != 0) {
        st = pqi_why(PQI_ERR_MISSING, "there is no directory %s", c->dir);
    }
    if (st == PQI_OK && has_kek(&cfg->kek)) {
        st = open_keys(c);
    }
    if (st == PQI_OK) {
        st = pqi_cdb_open(&c->db, c->dir, cfg->store, pqi_control_now_s(c));
    }
    return st;
}

pqi_status pqi_host_control_open(pqi_host_control **out, const pqi_host_control_cfg *cfg)
{
    pqi_why_clear();
    if (out == NULL) {
        return pqi_why(PQI_ERR_ARG, "out is NULL");
    }
    pqi_status st = pqi_control_attach(out, cfg);
    if (st == PQI_OK && !cfg->check_newest) {
        st = pqi_control_check_all(*out);
    }
    if (st == PQI_OK) {
        st = pqi_control_refresh(*out, 1);
    }
    if (st == PQI_OK && (*out)->provider != NULL) {
        st = pqi_control_counter_check(*out);
    }
    if (st != PQI_OK) {
        pqi_host_control_close(*out);
        *out = NULL;
        return pqi_why_else(st, "cannot open the control plane: %s", pqi_status_text(st));
    }
    return PQI_OK;
}

pqi_status pqi_host_control_check(pqi_host_control *c)
{
    pqi_why_clear();
    return c != NULL ? pqi_control_check_all(c) : pqi_why(PQI_ERR_ARG, "no store is open");
}

pqi_status pqi_host_control_recover(const pqi_host_control_cfg *cfg, uint32_t *epoch)
{
    pqi_host_control *c = NULL;
    pqi_why_clear();
    if (epoch == NULL) {
        return pqi_why(PQI_ERR_ARG, "epoch is NULL");
    }
    *epoch = 0;
    pqi_status st = pqi_control_attach(&c, cfg);
    if (st == PQI_OK && c->provider == NULL) {
        st = pqi_why(PQI_ERR_STATE, "this needs the keys of the control plane");
    }
    if (st == PQI_OK) {
        st = pqi_control_check_all(c);
    }
    if (st == PQI_OK) {
        st = pqi_cdb_begin(c->db, 1);
        if (st == PQI_OK) {
            st = pqi_control_load(c);
            if (st == PQI_OK) {
                st = pqi_cdb_run(c->db, "UPDATE pqi_state SET skip = $1 WHERE one = 1", "i",
                    (int64_t)PQI_CONTROL_SKIP);
            }
            if (st == PQI_OK) {
                st = pqi_control_note(
                    c, "recover", "head %u, %u skipped", c->view.head.head_epoch, PQI_CONTROL_SKIP);
            }
            if (st == PQI_OK) {
                st = pqi_control_changed(c);
            }
            st = pqi_cdb_end(c->db, st);
        }
    }
    if (st == PQI_OK) {
        st = pqi_control_refresh(c, 1);
    }
    if (st == PQI_OK) {
        st = pqi_control_next_epoch(c, epoch);
    }
    pqi_host_control_close(c);
    return st;
}

void pqi_host_control_close(pqi_host_control *c)
{
    if (c == NULL) {
        return;
    }
    if (c->leased) {
        pqi_control_lease_give(c);
    }
    pqi_cdb_close(c->db);
    pqi_host_provider_close(c->provider);
    pqi_pmem_unmap(&c->secret);
    pqi_control_view_free(&c->view);
    pqi_control_leaves_free(&c->leaves);
    free(c->device);
    free(c->questions);
    free(c->answer);
    pqi_control_cache_free(c);
    if (c->tmp.ptr != NULL) {
        pqi_wipe(c->tmp.ptr, c->tmp.len);
    }
    free(c->tmp.ptr);
    free(c->object);
    if (c->lock >= 0) {
        (void)close(c->lock);
    }
    pqi_wipe(c, sizeof *c);
    free(c);
}
