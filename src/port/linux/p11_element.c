/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/element.h"
#include "port/linux/why.h"

#ifndef PQI_HAVE_PKCS11

pqi_status pqi_p11_element_open(pqi_host_element **out, const pqi_element_cfg *cfg)
{
    (void)cfg;
    *out = NULL;
    return pqi_why(PQI_ERR_UNSUPPORTED,
        "this program was built without PKCS#11: install libp11-kit-dev and build it again");
}

#else

#include "port/linux/file_atomic.h"
#include "port/linux/p11.h"
#include "port/linux/p11_pin.h"

#include <pqi/host.h>
#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_FILE "p11.id"

pqi_status pqi_p11_element_run(const pqi_p11_element *e, pqi_p11_op op, void *arg)
{
    return e->pid == getpid() ? pqi_p11_run(e->token, op, arg) : PQI_ERR_STATE;
}

/* The random name of the provider in the token. */
static pqi_status read_id(const char *dir, bool create, uint8_t id[PQI_P11_ID])
{
    size_t n = 0;
    pqi_status st = pqi_file_read(dir, ID_FILE, PQI_P11_ID, (pqi_span){id, PQI_P11_ID}, &n);
    if (st == PQI_OK && n != PQI_P11_ID) {
        st = PQI_ERR_STORAGE;
    }
    if (st == PQI_ERR_MISSING && create) {
        st = pqi_file_sweep(dir, ID_FILE);
        if (st == PQI_OK) {
            st = pqi_classic_openssl.random(id, PQI_P11_ID);
        }
        if (st == PQI_OK) {
            st = pqi_file_write_atomic(dir, ID_FILE, (pqi_cspan){id, PQI_P11_ID});
        }
    }
    if (st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE) {
        return pqi_why(st,
            st == PQI_ERR_MISSING ? "%s has no file " ID_FILE ": it was not made over a token"
                                  : "the file " ID_FILE
                                    " of %s is damaged, not readable or open to others",
            dir);
    }
    return st;
}

/* What the token must be able to do at all. */
static pqi_status check_token(pqi_p11_element *e)
{
    const pqi_p11_token *t = e->token;
    e->ecdsa = pqi_p11_has(t, CKM_ECDSA, CKF_SIGN);
    const char *lacks = NULL;
    if (!pqi_p11_has(t, CKM_AES_KEY_GEN, CKF_GENERATE) ||
        !pqi_p11_has(t, CKM_AES_GCM, CKF_ENCRYPT | CKF_DECRYPT)) {
        lacks = "AES-GCM with keys of its own";
    } else if (!pqi_p11_has(t, CKM_ECDSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR)) {
        lacks = "generation of EC keys";
    } else if (!e->ecdsa && !pqi_p11_has(t, CKM_ECDSA_SHA256, CKF_SIGN)) {
        lacks = "ECDSA";
    } else if (!pqi_p11_has(t, CKM_ECDH1_DERIVE, CKF_DERIVE)) {
        lacks = "ECDH (CKM_ECDH1_DERIVE)";
    }
    return lacks == NULL
               ? PQI_OK
               : pqi_why(PQI_ERR_UNSUPPORTED, "the token lacks %s: use another one", lacks);
}

static void element_close(pqi_host_element *h)
{
    pqi_p11_element *e = (pqi_p11_element *)(void *)h;
    if (e->token != NULL && e->pid == getpid()) { /* a forked child has nothing to close */
        pqi_p11_module *m = e->token->module;
        pqi_p11_lock();
        pqi_p11_token_drop(e->token);
        pqi_p11_module_drop(m);
        pqi_p11_unlock();
    }
    pqi_wipe(e, sizeof *e);
    free(e);
}

static pqi_status take_token(pqi_p11_element *e, const pqi_p11_uri *uri, pqi_cspan pin)
{
    pqi_p11_module *m = NULL;
    pqi_p11_lock();
    pqi_status st = pqi_p11_module_take(uri, &m);
    if (st == PQI_OK) {
        st = pqi_p11_token_take(m, uri, pin, &e->token);
        if (st != PQI_OK) {
            pqi_p11_module_drop(m);
        }
    }
    pqi_p11_unlock();
    return st;
}

/* The secret of the caller, or else the PIN file of the URI, or else the token's own PIN pad. */
static pqi_status log_in(pqi_p11_element *e, const pqi_p11_uri *uri, pqi_cspan secret)
{
    pqi_pmem pin;
    if (secret.len != 0 || (uri->has & PQI_P11_PIN_SOURCE) == 0) {
        return take_token(e, uri, secret);
    }
    size_t n = 0;
    memset(&pin, 0, sizeof pin);
    pqi_status st = pqi_pmem_map(&pin, PQI_P11_PIN_MAX + 1);
    if (st == PQI_OK) {
        st = pqi_p11_pin_read(uri->pin_path, (pqi_span){pin.data.ptr, PQI_P11_PIN_MAX + 1}, &n);
    }
    if (st == PQI_OK) {
        st = take_token(e, uri, (pqi_cspan){pin.data.ptr, n});
    }
    pqi_pmem_unmap(&pin);
    return st;
}

/* docs/providers.md section 3.3: what the token says of itself, and no more. */
static void describe(pqi_p11_element *e)
{
    const pqi_p11_token *t = e->token;
    bool rng = t->hw_slot && t->has_rng;
    pqi_p11_pq_look(e);
    e->host.wrap = pqi_p11_wrap;
    e->host.unwrap = pqi_p11_unwrap;
    e->host.element = (pqi_element){.arg = e,
        .name = "pkcs11",
        .caps = PQI_CAP_HALF | (rng ? PQI_CAP_HW_RNG : 0),
        .p256_generate = pqi_p11_p256_generate,
        .p256_destroy = pqi_p11_p256_destroy,
        .p256_public = pqi_p11_p256_public,
        .p256_sign = pqi_p11_p256_sign,
        .p256_dh = pqi_p11_p256_dh,
        .random = rng ? pqi_p11_random : NULL,
        .native_error = pqi_p11_native_error,
        .pq = e->pq_sets != 0 ? &pqi_p11_pq : NULL};
}

static pqi_status open_all(pqi_p11_element *e, const pqi_p11_uri *uri, const pqi_element_cfg *cfg)
{
    pqi_status st = log_in(e, uri, cfg->secret);
    if (st == PQI_OK) {
        st = check_token(e);
    }
    if (st == PQI_OK) {
        st = read_id(cfg->dir, cfg->create != 0, e->id);
    }
    if (st == PQI_OK) {
        describe(e);
        st = pqi_p11_wrap_open(e, cfg->create != 0);
    }
    return st;
}

pqi_status pqi_p11_element_open(pqi_host_element **out, const pqi_element_cfg *cfg)
{
    pqi_p11_uri uri;
    pqi_p11_uri_error bad;
    *out = NULL;
    pqi_p11_note(CKR_OK);
    if (pqi_p11_uri_parse(cfg->uri, strlen(cfg->uri), &uri, &bad) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "PKCS#11 URI, byte %zu: %s", bad.at + 1, bad.what);
    }
    pqi_p11_element *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return PQI_ERR_LIMIT;
    }
    e->pid = getpid();
    e->host.close = element_close;
    pqi_status st = open_all(e, &uri, cfg);
    if (st != PQI_OK) {
        element_close(&e->host);
        return st;
    }
    *out = &e->host;
    return PQI_OK;
}

#endif
