/* SPDX-License-Identifier: Apache-2.0
 * The software provider on a Linux host: its files. docs/spec/provider-files.md has every byte.
 *
 * provider.pqi: "PQIP" | version 1 | state 1 | KDF kind 1 | log2 N 1 | r 1 | p 1 | salt 16 |
 * nonce 12 | AES-256-GCM(KEK, saved keys) with everything before the nonce as associated data.
 * The nonce is random; one KEK encrypts one file per key change, far below 2^32 times.
 *
 * Birth: provider.pqi in state "new", counters.pqi, provider.pqi in state "ready". So counters.pqi
 * never exists alone, and a ready provider without it has lost it: both are refused (INV-5). A crash
 * in between leaves "new", which no caller ever got keys from, and the next open finishes it. Over an
 * element provider.uri and root.pqi come before all this: without provider.pqi they are nothing yet. */
#include "port/linux/provider_int.h"

#include "port/linux/file_atomic.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEYS_FILE     "provider.pqi"
#define COUNTERS_FILE "counters.pqi"
#define ROOT_FILE     "root.pqi"

#define VERSION     1u
#define STATE_NEW   1u
#define STATE_READY 2u
#define FIXED_LEN   26u /* before the nonce */
#define NONCE_LEN   PQI_AEAD_NONCE
#define HEADER_LEN  (FIXED_LEN + NONCE_LEN)
#define FILE_CAP    (1024u * 1024u) /* INV-15: keys of 4096 slots need 320 KB */
#define ROOT_HEAD   21u             /* magic 4, version 1, salt 16 */

_Static_assert(PQI_KEK_LEN == PQI_ELEMENT_KEK, "an element wraps a whole KEK");

static const uint8_t magic[4] = {'P', 'Q', 'I', 'P'};
static const uint8_t root_magic[4] = {'P', 'Q', 'I', 'R'};

/* Of the last failed file operation on this thread. */
static _Thread_local int native_errno;

uint8_t *pqi_hostp_kek(const pqi_hostp *h)
{
    return h->mem.data.ptr;
}

static pqi_status note_errno(pqi_status st)
{
    native_errno = st == PQI_ERR_STORAGE ? errno : 0;
    return st;
}

uint32_t pqi_hostp_native_error(void *arg, const char **text)
{
    (void)arg;
    const char *t = native_errno != 0 ? strerrordesc_np(native_errno) : "";
    *text = t != NULL ? t : "";
    return (uint32_t)native_errno;
}

static void put_fixed(const pqi_hostp *h, uint8_t out[FIXED_LEN])
{
    memcpy(out, magic, sizeof magic);
    out[4] = VERSION;
    out[5] = h->state;
    out[6] = h->kdf.kind;
    out[7] = h->kdf.log2_n;
    out[8] = h->kdf.r;
    out[9] = h->kdf.parallel;
    memcpy(out + 10, h->kdf.salt, PQI_KEK_SALT);
}

/* The directory still holds the lock of this provider. Without this check a removed lock file, or
 * another directory under the same name, would let two providers overwrite each other's counters. */
static pqi_status still_ours(const pqi_hostp *h)
{
    int dir;
    if (pqi_file_open_dir(h->dir, &dir) != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    struct stat held, named;
    bool seen = fstat(h->lock_fd, &held) == 0 &&
                fstatat(dir, PQI_HOSTP_LOCK, &named, AT_SYMLINK_NOFOLLOW) == 0;
    (void)close(dir);
    if (seen && held.st_dev == named.st_dev && held.st_ino == named.st_ino) {
        return PQI_OK;
    }
    errno = ESTALE;
    return PQI_ERR_STORAGE;
}

pqi_status pqi_hostp_write(const pqi_hostp *h, const char *name, pqi_cspan data)
{
    pqi_status st = still_ours(h);
    if (st == PQI_OK) {
        st = pqi_file_write_atomic(h->dir, name, data);
    }
    return note_errno(st);
}

pqi_status pqi_hostp_save_keys(void *arg, pqi_cspan plain)
{
    pqi_hostp *h = arg;
    const pqi_classic *c = h->cfg.algs->classic;
    size_t len = HEADER_LEN + plain.len + PQI_AEAD_TAG;
    uint8_t *file = malloc(len);
    if (file == NULL) {
        return PQI_ERR_LIMIT;
    }
    put_fixed(h, file);
    pqi_status st = c->random(file + FIXED_LEN, NONCE_LEN);
    if (st == PQI_OK) {
        const pqi_aead_key k = {
            PQI_AEAD_AES_256_GCM, {pqi_hostp_kek(h), PQI_KEK_LEN}, {file + FIXED_LEN, NONCE_LEN}};
        st = c->aead_seal(&k, (pqi_cspan){file, FIXED_LEN}, plain,
            (pqi_span){file + HEADER_LEN, len - HEADER_LEN});
    }
    if (st == PQI_OK) {
        st = pqi_hostp_write(h, KEYS_FILE, (pqi_cspan){file, len});
    }
    free(file);
    return st;
}

pqi_status pqi_hostp_save_counters(void *arg, pqi_cspan blob)
{
    return pqi_hostp_write(arg, COUNTERS_FILE, blob);
}

/* ---- root.pqi: the KEK as the element wrapped it -------------------------------------------------- */

/* "PQIR" | version 1 | salt 16 of provider.pqi | blob of the element. What it gives is right when
 * provider.pqi opens with it. */
static pqi_status read_root(pqi_hostp *h, uint8_t *file, size_t *len)
{
    const size_t cap = ROOT_HEAD + PQI_ELEMENT_BLOB_MAX;
    pqi_status st = note_errno(pqi_file_read(h->dir, ROOT_FILE, cap, (pqi_span){file, cap}, len));
    if (st != PQI_OK) {
        return st;
    }
    if (*len <= ROOT_HEAD || memcmp(file, root_magic, sizeof root_magic) != 0 ||
        file[4] != VERSION) {
        return pqi_why(PQI_ERR_STORAGE, "%s/" ROOT_FILE " is damaged: restore it", h->dir);
    }
    return PQI_OK;
}

/* What an element does not know does not make this directory a new one. */
static pqi_status unwrap(pqi_hostp *h, pqi_cspan blob)
{
    pqi_status st = h->element->unwrap(h->element, blob, pqi_hostp_kek(h));
    if (st != PQI_OK) {
        pqi_wipe(pqi_hostp_kek(h), PQI_KEK_LEN);
    }
    return st == PQI_ERR_MISSING ? PQI_ERR_STORAGE : st;
}

/* The KEK of an existing provider.pqi, whose salt is in h->kdf. */
static pqi_status open_root(pqi_hostp *h)
{
    uint8_t file[ROOT_HEAD + PQI_ELEMENT_BLOB_MAX];
    size_t len = 0;
    pqi_status st = read_root(h, file, &len);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(PQI_ERR_STORAGE,
            "%s/" ROOT_FILE " is gone, and only it opens " KEYS_FILE ": restore it", h->dir);
    }
    if (st == PQI_OK && memcmp(file + 5, h->kdf.salt, PQI_KEK_SALT) != 0) {
        return pqi_why(PQI_ERR_STORAGE,
            "%s/" ROOT_FILE " belongs to another " KEYS_FILE ": restore both together", h->dir);
    }
    return st == PQI_OK ? unwrap(h, (pqi_cspan){file + ROOT_HEAD, len - ROOT_HEAD}) : st;
}

/* A new KEK and its root.pqi. One that is there already is of a birth that was cut off, or of somebody who
 * knows its KEK: nothing depends on it yet. */
static pqi_status make_root(pqi_hostp *h)
{
    const pqi_classic *c = h->cfg.algs->classic;
    uint8_t file[ROOT_HEAD + PQI_ELEMENT_BLOB_MAX];
    size_t len = 0;
    h->kdf = (pqi_kek_params){.kind = PQI_KEK_ELEMENT};
    pqi_status st = c->random(h->kdf.salt, PQI_KEK_SALT);
    if (st == PQI_OK) {
        st = c->random(pqi_hostp_kek(h), PQI_KEK_LEN);
    }
    if (st == PQI_OK) {
        st = h->element->wrap(
            h->element, pqi_hostp_kek(h), (pqi_span){file + ROOT_HEAD, PQI_ELEMENT_BLOB_MAX}, &len);
    }
    if (st == PQI_OK && (len == 0 || len > PQI_ELEMENT_BLOB_MAX)) {
        st = PQI_ERR_PROVIDER;
    }
    if (st == PQI_OK) {
        memcpy(file, root_magic, sizeof root_magic);
        file[4] = VERSION;
        memcpy(file + 5, h->kdf.salt, PQI_KEK_SALT);
        st = pqi_hostp_write(h, ROOT_FILE, (pqi_cspan){file, ROOT_HEAD + len});
    }
    return st;
}

/* ---- opening ------------------------------------------------------------------------------------ */

static bool counts(const pqi_hostp *h)
{
    return h->element != NULL && (h->element->element.caps & PQI_CAP_NO_ROLLBACK) != 0;
}

static pqi_status read_counters(const pqi_hostp *h, uint8_t out[PQI_SOFT_COUNTERS_MAX], size_t *len)
{
    return note_errno(pqi_file_read(
        h->dir, COUNTERS_FILE, PQI_SOFT_COUNTERS_MAX, (pqi_span){out, PQI_SOFT_COUNTERS_MAX}, len));
}

/* counters.pqi without provider.pqi: the keys are gone, and that is no fresh start. */
static pqi_status nothing_is_there(const pqi_hostp *h)
{
    uint8_t counters[PQI_SOFT_COUNTERS_MAX];
    size_t n = 0;
    return read_counters(h, counters, &n) == PQI_ERR_MISSING ? PQI_OK : PQI_ERR_STORAGE;
}

static pqi_status parse_fixed(pqi_hostp *h, pqi_cspan file)
{
    const uint8_t *p = file.ptr;
    if (file.len < HEADER_LEN + PQI_AEAD_TAG || memcmp(p, magic, sizeof magic) != 0 ||
        p[4] != VERSION || (p[5] != STATE_NEW && p[5] != STATE_READY)) {
        return PQI_ERR_STORAGE;
    }
    h->state = p[5];
    h->kdf.kind = p[6];
    h->kdf.log2_n = p[7];
    h->kdf.r = p[8];
    h->kdf.parallel = p[9];
    memcpy(h->kdf.salt, p + 10, PQI_KEK_SALT);
    return PQI_OK;
}

/* The kind of KEK must be the one that the directory's URI asks for. */
static pqi_status open_kek(pqi_hostp *h, const pqi_host_kek_source *kek)
{
    bool wrapped = h->kdf.kind == PQI_KEK_ELEMENT;
    if (wrapped && h->element == NULL) {
        return pqi_why(PQI_ERR_STORAGE,
            "%s/provider.uri is gone: it tells which hardware opens " KEYS_FILE, h->dir);
    }
    if (!wrapped && h->element != NULL) {
        return pqi_why(PQI_ERR_STORAGE,
            "%s/" KEYS_FILE " is one of software keys, and provider.uri says otherwise", h->dir);
    }
    if (wrapped) {
        bool plain = h->kdf.log2_n == 0 && h->kdf.r == 0 && h->kdf.parallel == 0;
        return plain ? open_root(h) : PQI_ERR_STORAGE;
    }
    pqi_status st = pqi_kek_derive(kek, &h->kdf, pqi_hostp_kek(h));
    return st == PQI_ERR_DECODE ? PQI_ERR_STORAGE : st;
}

/* Decrypts the file into the stage and starts the provider from it. */
static pqi_status load(pqi_hostp *h, const pqi_host_kek_source *kek, pqi_cspan file)
{
    pqi_status st = parse_fixed(h, file);
    if (st == PQI_OK) {
        st = open_kek(h, kek);
    }
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan body = {file.ptr + HEADER_LEN, file.len - HEADER_LEN};
    const pqi_span plain = {h->stage.ptr, body.len - PQI_AEAD_TAG};
    if (plain.len > h->stage.len) {
        return PQI_ERR_LIMIT;
    }
    const pqi_aead_key k = {
        PQI_AEAD_AES_256_GCM, {pqi_hostp_kek(h), PQI_KEK_LEN}, {file.ptr + FIXED_LEN, NONCE_LEN}};
    uint8_t counters[PQI_SOFT_COUNTERS_MAX];
    size_t counters_len = 0, want = counts(h) ? PQI_SOFT_COUNTERS_MAX : PQI_SOFT_COUNTERS_LEN;
    st = h->cfg.algs->classic->aead_open(&k, (pqi_cspan){file.ptr, FIXED_LEN}, body, plain);
    if (st == PQI_OK) {
        st = read_counters(h, counters, &counters_len);
        st = st == PQI_ERR_MISSING ? PQI_OK : st;
    }
    if (st == PQI_OK && h->state == STATE_READY && counters_len != want) {
        st = PQI_ERR_STORAGE; /* gone or cut: never a fresh start */
    }
    if (st == PQI_OK) {
        bool fresh =
            h->state == STATE_NEW && !counts(h); /* the engine knows a birth from a relapse */
        st = pqi_soft_load(&h->soft, &h->cfg, (pqi_cspan){plain.ptr, plain.len},
            (pqi_cspan){counters, fresh ? 0 : counters_len});
    }
    return st;
}

static pqi_status create_new(pqi_hostp *h, const pqi_host_kek_source *kek)
{
    pqi_status st = PQI_OK;
    if (h->element != NULL) {
        st = make_root(h);
    } else {
        st = pqi_kek_new_params(kek, &h->kdf);
        if (st == PQI_OK) {
            st = pqi_kek_derive(kek, &h->kdf, pqi_hostp_kek(h));
        }
    }
    if (st == PQI_OK) {
        h->state = STATE_NEW;
        st = pqi_soft_create(&h->soft, &h->cfg);
    }
    return st;
}

/* The region may be open or closed here, both are fine. */
static void wipe_stage(pqi_hostp *h)
{
    if (pqi_pmem_open(&h->mem) == PQI_OK) {
        pqi_wipe(h->stage.ptr, h->stage.len);
        pqi_pmem_close(&h->mem);
    }
}

pqi_status pqi_hostp_load_or_create(pqi_hostp *h, const pqi_host_provider_cfg *cfg)
{
    size_t len = 0;
    uint8_t *file = malloc(FILE_CAP);
    if (file == NULL) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st =
        note_errno(pqi_file_read(h->dir, KEYS_FILE, FILE_CAP, (pqi_span){file, FILE_CAP}, &len));
    if (st == PQI_OK) {
        st = load(h, &cfg->kek, (pqi_cspan){file, len});
        wipe_stage(h);
    } else if (st == PQI_ERR_MISSING) {
        st = nothing_is_there(h);
        if (st == PQI_OK) {
            st = cfg->create != 0 ? create_new(h, &cfg->kek) : PQI_ERR_MISSING;
        }
    }
    free(file);
    if (st == PQI_OK && h->state == STATE_NEW) {
        h->state = STATE_READY;
        st = pqi_soft_save_keys(&h->soft);
    }
    return st;
}
