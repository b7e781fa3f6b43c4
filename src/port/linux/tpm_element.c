/* SPDX-License-Identifier: Apache-2.0
 * The element over a TPM 2.0: opening, running one operation, quote and random bytes.
 * docs/providers.md section 3.2. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>

#include <tss2/tss2_mu.h>

typedef struct element_job {
    tpm_element *e;
    tpm_step fn;
    void *arg;
} element_job;

static pqi_status run_step(tpm_conn *c, void *arg)
{
    const element_job *j = arg;
    return j->fn(j->e, c, j->arg);
}

pqi_status pqi_tpm_run(tpm_element *e, tpm_step fn, void *arg)
{
    element_job j = {e, fn, arg};
    (void)pthread_mutex_lock(&e->mutex);
    pqi_status st = pqi_tpm_do(&e->uri, true, e->table.srk_name, run_step, &j);
    (void)pthread_mutex_unlock(&e->mutex);
    return st;
}

/* ---- the password -------------------------------------------------------------------------------------- */

pqi_status pqi_tpm_copy_secret(tpm_element *e, TPM2B_AUTH *out)
{
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_pmem_open(&e->mem);
    if (st == PQI_OK) {
        memcpy(out, e->mem.data.ptr, sizeof *out);
        pqi_pmem_close(&e->mem);
    }
    return st;
}

pqi_status pqi_tpm_use_secret(tpm_element *e, tpm_conn *c, ESYS_TR object)
{
    TPM2B_AUTH auth;
    pqi_status st = pqi_tpm_copy_secret(e, &auth);
    if (st == PQI_OK) {
        st = pqi_tpm_check(c, Esys_TR_SetAuth(c->esys, object, &auth), "a password");
    }
    pqi_wipe(&auth, sizeof auth);
    return st;
}

/* In place of the way to the TPM: takes a command and answers TPM_RC_FAILURE. */
static TSS2_RC nowhere(TSS2_TCTI_CONTEXT *tcti, size_t size, const uint8_t *command)
{
    (void)tcti;
    (void)size;
    (void)command;
    return TSS2_RC_SUCCESS;
}

static TSS2_RC refuse(TSS2_TCTI_CONTEXT *tcti, size_t *size, uint8_t *response, int32_t timeout)
{
    static const uint8_t failure[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x01};
    (void)tcti;
    (void)timeout;
    *size = sizeof failure;
    if (response != NULL) {
        memcpy(response, failure, sizeof failure);
    }
    return TSS2_RC_SUCCESS;
}

/* A session keeps the password of its last command beside its key, and frees it as it is. A command that
 * goes nowhere puts another in that place. */
static void forget_in_session(tpm_conn *c, ESYS_TR session)
{
    static const TPM2B_AUTH zero = {.size = TPM_AUTH_LEN}, none = {.size = 0};
    static const TPM2B_ECC_POINT point = {.size = 0};
    TPMA_SESSION flags = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT;
    TPM2B_ECC_POINT *out = NULL;
    if (session == ESYS_TR_NONE ||
        Esys_TRSess_SetAttributes(c->esys, session, flags, 0xff) != TSS2_RC_SUCCESS ||
        Esys_TR_SetAuth(c->esys, c->srk, &zero) != TSS2_RC_SUCCESS) {
        return;
    }
    TSS2_TCTI_TRANSMIT_FCN transmit = TSS2_TCTI_TRANSMIT(c->tcti);
    TSS2_TCTI_RECEIVE_FCN receive = TSS2_TCTI_RECEIVE(c->tcti);
    TSS2_TCTI_TRANSMIT(c->tcti) = nowhere;
    TSS2_TCTI_RECEIVE(c->tcti) = refuse;
    (void)Esys_ECDH_ZGen(c->esys, c->srk, session, ESYS_TR_NONE, ESYS_TR_NONE, &point, &out);
    TSS2_TCTI_TRANSMIT(c->tcti) = transmit;
    TSS2_TCTI_RECEIVE(c->tcti) = receive;
    (void)Esys_TR_SetAuth(c->esys, c->srk, &none);
    Esys_Free(out);
}

void pqi_tpm_drop_secret(tpm_element *e, tpm_conn *c, ESYS_TR object)
{
    static const TPM2B_AUTH zero = {.size = TPM_AUTH_LEN};
    if (e->has_secret && object != ESYS_TR_NONE) {
        (void)Esys_TR_SetAuth(c->esys, object, &zero);
        forget_in_session(c, c->session);
        forget_in_session(c, c->policy);
    }
}

/* ---- quote, random --------------------------------------------------------------------------------------- */

typedef struct quote_args {
    pqi_cspan nonce;
    uint32_t mask;
    pqi_span out;
    size_t *len;
} quote_args;

/* pqi/provider.h. */
pqi_status pqi_tpm_put_signed(
    const TPM2B_ATTEST *a, const TPMT_SIGNATURE *s, pqi_span out, size_t *len)
{
    uint8_t sig[sizeof *s];
    size_t n = 0, at = 0;
    if (Tss2_MU_TPMT_SIGNATURE_Marshal(s, sig, sizeof sig, &n) != TSS2_RC_SUCCESS) {
        return PQI_ERR_PROVIDER;
    }
    *len = 2u + a->size + 2u + n;
    if (*len > out.len) {
        return PQI_ERR_SPACE;
    }
    uint8_t *p = out.ptr;
    p[at++] = (uint8_t)(a->size >> 8);
    p[at++] = (uint8_t)a->size;
    memcpy(p + at, a->attestationData, a->size);
    at += a->size;
    p[at++] = (uint8_t)(n >> 8);
    p[at++] = (uint8_t)n;
    memcpy(p + at, sig, n);
    return PQI_OK;
}

static pqi_status do_quote(tpm_element *e, tpm_conn *c, void *arg)
{
    const quote_args *q = arg;
    ESYS_TR ak;
    TPM2B_DATA nonce = {.size = (UINT16)q->nonce.len};
    TPML_PCR_SELECTION select;
    TPM2B_ATTEST *attest = NULL;
    TPMT_SIGNATURE *sig = NULL;
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
    memcpy(nonce.buffer, q->nonce.ptr, q->nonce.len);
    pqi_tpm_pcr_select(q->mask, &select);
    pqi_status st = pqi_tpm_object(c, e->uri.base + TPM_AK, e->table.ak_name, &ak);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Quote(c->esys, ak, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE,
            &nonce, &scheme, &select, &attest, &sig);
        st = pqi_tpm_check(c, rc, "a quote");
    }
    if (st == PQI_OK) {
        st = pqi_tpm_put_signed(attest, sig, q->out, q->len);
    }
    Esys_Free(attest);
    Esys_Free(sig);
    return st;
}

pqi_status pqi_tpm_quote(
    void *arg, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len)
{
    quote_args q = {nonce, pcr_mask, out, out_len};
    *out_len = 0;
    if (nonce.len == 0 || nonce.len > 64 || (pcr_mask & ~TPM_PCRS_ALL) != 0) {
        return PQI_ERR_ARG;
    }
    return pqi_tpm_run(arg, do_quote, &q);
}

static pqi_status do_random(tpm_element *e, tpm_conn *c, void *arg)
{
    const pqi_span *out = arg;
    (void)e;
    pqi_status st = PQI_OK;
    for (size_t at = 0; st == PQI_OK && at < out->len;) {
        size_t left = out->len - at;
        TPM2B_DIGEST *d = NULL;
        TSS2_RC rc = Esys_GetRandom(c->esys, pqi_tpm_with(c, TPM_OUT), ESYS_TR_NONE, ESYS_TR_NONE,
            (UINT16)(left < 32 ? left : 32), &d);
        st = pqi_tpm_check(c, rc, "random bytes");
        if (st == PQI_OK && (d->size == 0 || d->size > left)) {
            st = PQI_ERR_PROVIDER;
        }
        if (st == PQI_OK) {
            memcpy(out->ptr + at, d->buffer, d->size);
            at += d->size;
            pqi_tpm_scrub(c, d->buffer, d->size);
        }
        if (d != NULL) {
            pqi_wipe(d, sizeof *d);
        }
        Esys_Free(d);
    }
    return st;
}

pqi_status pqi_tpm_random(void *arg, pqi_span out)
{
    pqi_status st = pqi_tpm_run(arg, do_random, &out);
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
    }
    return st;
}

static uint32_t native_error(void *arg, const char **text)
{
    (void)arg;
    return pqi_tpm_native_error(text);
}

/* ---- opening --------------------------------------------------------------------------------------------- */

static void release(tpm_element *e)
{
    pqi_pmem_unmap(&e->mem);
    (void)pthread_mutex_destroy(&e->mutex);
    free(e->dir);
    free(e);
}

static void close_element(pqi_host_element *h)
{
    if (h != NULL) {
        release(h->element.arg);
    }
}

static pqi_status keep_secret(tpm_element *e, pqi_cspan secret)
{
    TPM2B_AUTH auth;
    pqi_status st = pqi_pmem_map(&e->mem, sizeof auth);
    if (st == PQI_OK) {
        st = pqi_tpm_auth_value(secret, &auth);
        memcpy(e->mem.data.ptr, &auth, sizeof auth);
        pqi_wipe(&auth, sizeof auth);
        pqi_pmem_close(&e->mem);
    }
    e->has_secret = secret.len != 0;
    return st;
}

/* A new directory: keys of the TPM that are missing are made, and their names are pinned here. From now on
 * whatever is between us and the TPM cannot give keys of its own. */
static pqi_status do_pin(tpm_conn *c, void *arg)
{
    tpm_element *e = arg;
    unsigned made;
    e->table.n = 0;
    pqi_status st = pqi_tpm_provision(c, &made);
    if (st == PQI_OK) {
        st = pqi_tpm_read_public(c, e->uri.base + TPM_SRK, NULL, e->table.srk_name);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_read_public(c, e->uri.base + TPM_AK, NULL, e->table.ak_name);
    }
    return st;
}

static pqi_status pin(tpm_element *e)
{
    pqi_status st = pqi_tpm_do(&e->uri, false, NULL, do_pin, e);
    return st == PQI_OK ? pqi_tpm_table_save(e->dir, &e->table) : st;
}

static pqi_status take_approval(const tpm_element *e)
{
    uint8_t file[sizeof(tpm_approval) + 16];
    size_t n = 0;
    if (e->uri.approval[0] == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_tpm_file_read(e->uri.approval, (pqi_span){file, sizeof file}, &n);
    return st == PQI_OK ? pqi_tpm_approvals_add(e->dir, (pqi_cspan){file, n}) : st;
}

static pqi_status ready(tpm_element *e, tpm_conn *c, void *arg)
{
    return pqi_tpm_counter_ready(e, c, *(const int *)arg != 0);
}

/* Names that are there before the first key may be planted: only the counter of a birth that was cut off is
 * taken up again, which nobody can set back. */
static pqi_status start(tpm_element *e, const pqi_element_cfg *cfg)
{
    int create = cfg->create;
    pqi_status st = keep_secret(e, cfg->secret);
    if (st == PQI_OK) {
        st = pqi_tpm_table_load(e->dir, &e->table);
    }
    if (create != 0 && (st == PQI_OK || st == PQI_ERR_MISSING)) {
        st = pin(e);
    } else if (st == PQI_ERR_MISSING) {
        st = pqi_why(st,
            "%.200s has no " TPM_TABLE_FILE ": which keys of the TPM it has is not known", e->dir);
    }
    if (st == PQI_OK && create != 0) {
        st = take_approval(e);
    }
    return st == PQI_OK ? pqi_tpm_run(e, ready, &create) : st;
}

static const pqi_element members = {.name = "tpm",
    .caps = PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK | PQI_CAP_QUOTE | PQI_CAP_HW_RNG,
    .p256_generate = pqi_tpm_p256_generate,
    .p256_destroy = pqi_tpm_p256_destroy,
    .p256_public = pqi_tpm_p256_public,
    .p256_sign = pqi_tpm_p256_sign,
    .p256_dh = pqi_tpm_p256_dh,
    .generation = pqi_tpm_generation,
    .advance = pqi_tpm_advance,
    .quote = pqi_tpm_quote,
    .random = pqi_tpm_random,
    .native_error = native_error};

pqi_status pqi_tpm_element_open(pqi_host_element **out, const pqi_element_cfg *cfg)
{
    *out = NULL;
    tpm_element *e = calloc(1, sizeof *e);
    char *dir = e != NULL ? strdup(cfg->dir) : NULL;
    if (dir == NULL) {
        free(e);
        return PQI_ERR_LIMIT;
    }
    e->dir = dir;
    (void)pthread_mutex_init(&e->mutex, NULL); /* default attributes: cannot fail on Linux */
    e->host.element = members;
    e->host.element.arg = e;
    e->host.wrap = pqi_tpm_wrap;
    e->host.unwrap = pqi_tpm_unwrap;
    e->host.certify = pqi_tpm_certify;
    e->host.close = close_element;
    pqi_status st = pqi_tpm_uri_parse(cfg->uri, &e->uri);
    if (st == PQI_OK) {
        st = start(e, cfg);
    }
    if (st != PQI_OK) {
        release(e);
        return st;
    }
    *out = &e->host;
    return PQI_OK;
}
