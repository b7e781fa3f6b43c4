/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes. Every step writes what it is going to do before it does it, and removes only
 * what a durable record no longer names:
 *   join     record {pending = g}  ->  keys of g  ->  request
 *   install  record {current = g, garbage = old}  ->  keys of old removed
 * A crash in between leaves keys that are named as pending or as garbage, never nameless ones; the
 * next run makes the missing or removes the garbage (INV-102). */
#include "port/linux/device_int.h"

#include "ct/ct.h"

#include <pqi/wipe.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static pqi_cspan id_of(const pqi_device_record *r)
{
    pqi_cspan v = {(const uint8_t *)r->id, strlen(r->id)};
    return v;
}

static pqi_status words(pqi_status st, const char *doing)
{
    return st == PQI_OK ? st : pqi_why_else(st, "cannot %s: %s", doing, pqi_status_text(st));
}

/* ---- keys of a generation ----------------------------------------------------------------------- */

static pqi_status need_key(pqi_host_device *d, pqi_key key, pqi_key_kind kind, int32_t alg)
{
    pqi_key_info info;
    pqi_status st = pqi_provider_info(d->provider, key, &info);
    if (st == PQI_ERR_MISSING) {
        return words(pqi_provider_generate(d->provider, key, kind, alg), "make a key");
    }
    if (st == PQI_OK && (info.kind != kind || info.alg != alg)) {
        return pqi_why(PQI_ERR_STATE, "the keys in %s belong to something else", d->cfg.dir);
    }
    return words(st, "read a key");
}

static pqi_status drop_key(pqi_host_device *d, pqi_key key)
{
    pqi_status st = pqi_provider_destroy(d->provider, key);
    return st == PQI_ERR_MISSING ? PQI_OK : words(st, "remove an old key");
}

static pqi_status drop_generation(pqi_host_device *d, uint32_t g)
{
    pqi_join_keys k = pqi_device_keys(g, 1);
    if (g == 0) {
        return PQI_OK;
    }
    pqi_status st = drop_key(d, k.kem);
    if (st == PQI_OK) {
        st = drop_key(d, k.x25519);
    }
    return st == PQI_OK ? drop_key(d, k.sig) : st;
}

static pqi_status sweep(pqi_host_device *d)
{
    pqi_status st = drop_generation(d, d->record.garbage[0]);
    return st == PQI_OK ? drop_generation(d, d->record.garbage[1]) : st;
}

/* ---- init --------------------------------------------------------------------------------------- */

static pqi_status init(
    pqi_host_device *d, pqi_cspan id, const uint8_t pinned[32], pqi_span out, size_t *out_len)
{
    pqi_device_record *r = &d->record;
    if (r->id[0] != '\0') {
        if (strlen(r->id) != id.len || memcmp(r->id, id.ptr, id.len) != 0) {
            return pqi_why(PQI_ERR_STATE, "%s is already the device %s", d->cfg.dir, r->id);
        }
        if (!pqi_ct_eq(r->pinned, pinned, 32)) {
            return pqi_why(PQI_ERR_STATE, "%s is already pinned to another root", d->cfg.dir);
        }
    }
    int32_t alg = pqi_device_factory_alg(d);
    if (pqi_algs_sig(&d->algs, alg) == NULL) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "this program does not offer that algorithm");
    }
    pqi_status st = need_key(d, PQI_HANDLE_FACTORY_SIG, PQI_KEY_SIG, alg);
    if (st == PQI_OK && r->id[0] == '\0') {
        memcpy(r->id, id.ptr, id.len);
        memcpy(r->pinned, pinned, 32);
        st = pqi_device_save(d);
    }
    return st == PQI_OK ? words(pqi_factory_build(&d->algs, d->provider, PQI_HANDLE_FACTORY_SIG, id,
                                    out, out_len),
                              "write the factory record")
                        : st;
}

pqi_status pqi_host_device_init(const pqi_host_device_cfg *cfg, pqi_cspan id,
    const uint8_t pinned[32], pqi_span out, size_t *out_len)
{
    pqi_host_device *d = NULL;
    pqi_why_clear();
    if (pinned == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    if (pqi_id_check(id) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "a device id has 1 to %u of A-Z a-z 0-9 _ . -", PQI_ID_MAX);
    }
    pqi_status st = pqi_device_attach(&d, cfg, 1);
    if (st == PQI_OK) {
        st = init(d, id, pinned, out, out_len);
    }
    pqi_host_device_close(d);
    return st;
}

/* ---- join --------------------------------------------------------------------------------------- */

static pqi_status check_challenge(pqi_host_device *d, pqi_cspan in, pqi_challenge *ch)
{
    pqi_status st = pqi_challenge_decode(in, ch);
    if (st != PQI_OK || in.len > sizeof d->record.challenge) {
        return pqi_why(PQI_ERR_DECODE, "this is not a challenge");
    }
    if (ch->device_id.len != strlen(d->record.id) ||
        memcmp(ch->device_id.ptr, d->record.id, ch->device_id.len) != 0) {
        return pqi_why(PQI_ERR_POLICY, "the challenge is for %.*s and this device is %s",
            (int)ch->device_id.len, ch->device_id.ptr, d->record.id);
    }
    if (d->record.current == 0) {
        return PQI_OK;
    }
    pqi_manifest *m = malloc(sizeof *m);
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = pqi_manifest_decode(&d->algs, pqi_host_device_manifest(d), m);
    if (st != PQI_OK) {
        st = pqi_why(PQI_ERR_STORAGE, "the installed root manifest is damaged");
    } else if (!pqi_ct_eq(m->fleet_id, ch->fleet_id, PQI_FLEET_ID_LEN)) {
        st = pqi_why(PQI_ERR_POLICY, "the challenge is of another fleet than this device's");
    }
    free(m);
    return st;
}

/* Names the new pending generation in a durable record; the old pending one becomes garbage. */
static pqi_status new_pending(pqi_host_device *d, pqi_cspan challenge, const pqi_device_wish *w)
{
    pqi_device_record *r = &d->record;
    uint32_t top = r->pending > r->current ? r->pending : r->current;
    uint32_t g = top + 1;
    if (g % 4096u == r->current % 4096u) {
        g++; /* handles come round: never those of the installed keys */
    }
    if (g < top) {
        return pqi_why(PQI_ERR_LIMIT, "no key generations are left");
    }
    pqi_status st = sweep(d);
    if (st == PQI_OK) {
        st = drop_generation(d, g); /* its keys will be new */
    }
    if (st != PQI_OK) {
        return st;
    }
    r->garbage[0] = r->pending;
    r->garbage[1] = 0;
    r->pending = g;
    r->pending_sig = w->sig != 0;
    r->pending_kem = w->kem;
    r->pending_sig_alg = w->sig;
    r->pending_suites = w->suites;
    memset(r->challenge, 0, sizeof r->challenge);
    memcpy(r->challenge, challenge.ptr, challenge.len);
    r->challenge_len = challenge.len;
    st = pqi_device_save(d);
    return st == PQI_OK ? sweep(d) : st;
}

static int is_pending(const pqi_device_record *r, pqi_cspan challenge, const pqi_device_wish *w)
{
    return r->pending != 0 && r->challenge_len == challenge.len &&
           memcmp(r->challenge, challenge.ptr, challenge.len) == 0 && r->pending_kem == w->kem &&
           r->pending_sig_alg == w->sig && r->pending_suites == w->suites;
}

static pqi_status join(pqi_host_device *d, pqi_cspan challenge, const pqi_host_join_opts *opts,
    pqi_span out, size_t *out_len)
{
    pqi_challenge ch;
    pqi_join_request extra;
    pqi_device_wish w;
    pqi_status st = check_challenge(d, challenge, &ch);
    if (st == PQI_OK) {
        st = pqi_device_make_wish(d, opts, &w);
    }
    if (st == PQI_OK && !is_pending(&d->record, challenge, &w)) {
        st = new_pending(d, challenge, &w);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_join_keys k = pqi_device_keys(d->record.pending, d->record.pending_sig);
    st = need_key(d, k.kem, PQI_KEY_KEM, (int32_t)w.kem);
    if (st == PQI_OK) {
        st = need_key(d, k.x25519, PQI_KEY_X25519, 0);
    }
    if (st == PQI_OK && k.sig != 0) {
        st = need_key(d, k.sig, PQI_KEY_SIG, w.sig);
    }
    if (st != PQI_OK) {
        return st;
    }
    memset(&extra, 0, sizeof extra);
    extra.suites = w.suites;
    st = pqi_device_assurance(d->provider, &k, &extra.assurance);
    if (st != PQI_OK) {
        return words(st, "read a key");
    }
    if (opts != NULL) {
        extra.boot = opts->boot;
    }
    return words(pqi_join_build(&d->algs, d->provider, &k, &ch, &extra, out, out_len),
        "write the join request");
}

pqi_status pqi_host_device_join(const pqi_host_device_cfg *cfg, pqi_cspan challenge,
    const pqi_host_join_opts *opts, pqi_span out, size_t *out_len)
{
    pqi_host_device *d = NULL;
    pqi_why_clear();
    if (out_len == NULL || (challenge.ptr == NULL && challenge.len > 0)) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    pqi_status st = pqi_device_attach(&d, cfg, 0);
    if (st == PQI_OK) {
        st = join(d, challenge, opts, out, out_len);
    }
    pqi_host_device_close(d);
    return st;
}

/* ---- install ------------------------------------------------------------------------------------ */

/* What the grant must be under: the pinned root, or the version after it, which the grant then brings. */
static pqi_status root_of(pqi_host_device *d, pqi_cspan manifest, uint8_t hash[32])
{
    pqi_manifest *m = malloc(sizeof *m);
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    memcpy(hash, d->record.pinned, 32);
    pqi_status st = pqi_manifest_decode(&d->algs, manifest, m);
    bool later = st == PQI_OK && !pqi_ct_eq(m->hash, hash, 32) && d->record.manifest_len != 0;
    st = later ? pqi_device_next_root(d, manifest, m)
               : PQI_OK; /* others pqi_grant_check() refuses */
    if (later && st == PQI_OK) {
        memcpy(hash, m->hash, 32);
    }
    free(m);
    return st;
}

static pqi_status open_grant(pqi_host_device *d, pqi_cspan in, const pqi_now *now, pqi_span plain,
    pqi_grant *g, uint8_t root[32])
{
    pqi_device_record *r = &d->record;
    pqi_join_keys k = pqi_device_keys(r->pending, r->pending_sig);
    pqi_cspan saved = {r->challenge, r->challenge_len};
    pqi_challenge ch;
    pqi_status st = pqi_challenge_decode(saved, &ch);
    if (st != PQI_OK) {
        return pqi_why(PQI_ERR_STORAGE, "the stored challenge is damaged");
    }
    st = pqi_grant_open(&d->algs, d->provider, &k, &ch, in, plain, g);
    if (st == PQI_ERR_DECODE) {
        return pqi_why(st, "this is not a grant");
    }
    if (st == PQI_ERR_AUTH) {
        return pqi_why(st, "the grant is not for the pending request of %s, or was altered", r->id);
    }
    if (st == PQI_OK) {
        st = root_of(d, g->manifest, root);
        if (st != PQI_OK) {
            return st;
        }
        st = pqi_grant_check(&d->algs, d->provider, &k, id_of(r), root, g, now, d->tmp);
        if (st == PQI_ERR_AUTH) {
            return pqi_why(st, "the grant is not from the pinned root, or not for these keys");
        }
        if (st == PQI_ERR_POLICY) {
            return pqi_why(st, "the certificate is outside its validity: check this host's clock");
        }
    }
    return words(st, "open the grant");
}

static pqi_status take_grant(pqi_host_device *d, const pqi_grant *g, const uint8_t hash[32],
    const uint8_t root[32], uint8_t *confirm)
{
    pqi_device_record *r = &d->record;
    pqi_cert c;
    pqi_status st = pqi_cert_decode(&d->algs, g->cert, &c);
    if (st != PQI_OK || g->cert.len > sizeof r->cert || g->manifest.len > sizeof r->manifest) {
        return pqi_why(PQI_ERR_DECODE, "the certificate in the grant does not decode");
    }
    if (c.key_epoch <= r->key_epoch) {
        return pqi_why(PQI_ERR_REPLAY, "the grant has key epoch %u and epoch %u is installed",
            c.key_epoch, r->key_epoch);
    }
    st = pqi_confirm_build(&d->algs, g->confirm_key, id_of(r), c.key_id, confirm);
    if (st == PQI_OK) {
        st = sweep(d);
    }
    if (st != PQI_OK) {
        return words(st, "make the confirmation");
    }
    r->garbage[0] = r->current;
    r->garbage[1] = 0;
    r->current = r->pending;
    r->current_sig = r->pending_sig;
    r->pending = 0;
    r->pending_sig = 0;
    r->challenge_len = 0;
    r->key_epoch = c.key_epoch;
    memcpy(r->grant_hash, hash, 32);
    memcpy(r->pinned, root, 32);
    memcpy(r->confirm, confirm, PQI_CONFIRM_LEN);
    memcpy(r->cert, g->cert.ptr, g->cert.len);
    r->cert_len = g->cert.len;
    memcpy(r->manifest, g->manifest.ptr, g->manifest.len);
    r->manifest_len = g->manifest.len;
    st = pqi_device_save(d);
    return st == PQI_OK ? sweep(d) : st;
}

static pqi_status install(pqi_host_device *d, pqi_cspan in, const pqi_now *now, uint8_t *confirm)
{
    uint8_t hash[32], root[32];
    pqi_device_record *r = &d->record;
    pqi_status st = d->algs.classic->hash(PQI_HASH_SHA256, &in, 1, hash);
    if (st != PQI_OK) {
        return words(st, "hash the grant");
    }
    if (r->current != 0 && pqi_ct_eq(hash, r->grant_hash, sizeof hash)) {
        memcpy(confirm, r->confirm, PQI_CONFIRM_LEN);
        return sweep(d);
    }
    if (r->pending == 0) {
        return pqi_why(PQI_ERR_STATE, "%s has no pending request: run pqi device join", r->id);
    }
    if (in.len == 0 || in.len > PQI_GRANT_MAX) {
        return pqi_why(PQI_ERR_DECODE, "this is not a grant");
    }
    pqi_grant g;
    memset(&g, 0, sizeof g);
    pqi_span plain = {malloc(in.len), in.len};
    if (plain.ptr == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = open_grant(d, in, now, plain, &g, root);
    if (st == PQI_OK) {
        st = take_grant(d, &g, hash, root, confirm);
    }
    pqi_wipe(&g, sizeof g);
    pqi_wipe(plain.ptr, plain.len);
    free(plain.ptr);
    return st;
}

pqi_status pqi_host_device_install(const pqi_host_device_cfg *cfg, pqi_cspan grant,
    const pqi_now *now, uint8_t confirm[PQI_CONFIRM_LEN])
{
    pqi_host_device *d = NULL;
    pqi_why_clear();
    if (now == NULL || confirm == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    memset(confirm, 0, PQI_CONFIRM_LEN);
    pqi_status st = pqi_device_attach(&d, cfg, 0);
    if (st == PQI_OK) {
        st = install(d, grant, now, confirm);
    }
    if (st != PQI_OK) {
        memset(confirm, 0, PQI_CONFIRM_LEN);
    }
    pqi_host_device_close(d);
    return st;
}

/* ---- status ------------------------------------------------------------------------------------- */

static pqi_status factory_fp(pqi_host_device *d, uint8_t fp[32])
{
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t len = 0;
    pqi_key_info info;
    pqi_span room = {pk, sizeof pk};
    pqi_status st = pqi_provider_info(d->provider, PQI_HANDLE_FACTORY_SIG, &info);
    if (st == PQI_OK) {
        st = pqi_provider_public_key(d->provider, PQI_HANDLE_FACTORY_SIG, room, &len);
    }
    if (st == PQI_OK) {
        st = pqi_factory_fp(&d->algs, info.alg, (pqi_cspan){pk, len}, fp);
    }
    return words(st, "read the factory key");
}

static pqi_status fill_status(pqi_host_device *d, pqi_host_device_status *out)
{
    const pqi_device_record *r = &d->record;
    memcpy(out->id, r->id, sizeof out->id);
    memcpy(out->pinned, r->pinned, sizeof out->pinned);
    out->installed = r->current != 0;
    out->join_pending = r->pending != 0;
    out->provider_caps = pqi_provider_caps(d->provider);
    out->provider = pqi_provider_name(d->provider);
    pqi_status st = factory_fp(d, out->factory_fp);
    if (st != PQI_OK || !out->installed) {
        return st;
    }
    pqi_manifest *m = malloc(sizeof *m);
    pqi_cert c;
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = pqi_cert_decode(&d->algs, pqi_host_device_cert(d), &c);
    if (st == PQI_OK) {
        st = pqi_manifest_decode(&d->algs, pqi_host_device_manifest(d), m);
    }
    if (st == PQI_OK) {
        memcpy(out->fleet_id, m->fleet_id, sizeof out->fleet_id);
        memcpy(out->key_id, c.key_id, sizeof out->key_id);
        out->root_version = m->root_version;
        out->key_epoch = c.key_epoch;
        out->roster_index = c.roster_index;
        out->roles = c.roles;
        out->not_before = c.not_before;
        out->not_after = c.not_after;
        out->kem_alg = c.kem_alg;
        out->sig_alg = c.sig_alg;
        out->suites = c.suites;
    }
    free(m);
    return st == PQI_OK ? pqi_device_control_status(d, &c, &out->control)
                        : pqi_why(PQI_ERR_STORAGE, "the installed certificate is damaged");
}

pqi_status pqi_host_device_get_status(const pqi_host_device_cfg *cfg, pqi_host_device_status *out)
{
    pqi_host_device *d = NULL;
    pqi_why_clear();
    if (out == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_device_attach(&d, cfg, 0);
    if (st == PQI_OK) {
        st = fill_status(d, out);
    }
    if (st != PQI_OK) {
        memset(out, 0, sizeof *out);
    }
    pqi_host_device_close(d);
    return st;
}
