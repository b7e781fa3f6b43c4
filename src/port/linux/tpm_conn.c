/* SPDX-License-Identifier: Apache-2.0
 * Connections to a TPM: TCTI, ESAPI context, salted session, and what has to be undone afterwards. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tss2/tss2_mu.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tctildr.h>

#define BUSY_TRIES 60 /* of 50 ms: another process may have the device for itself */
#define TEXT_MAX   200
#define PATIENCE   50 /* times 100 ms: a TPM may slow down writes */

/* Of the last failure on this thread. */
static _Thread_local TSS2_RC native_rc;
static _Thread_local char native_text[TEXT_MAX];

pqi_status pqi_tpm_note(pqi_status st, TSS2_RC rc)
{
    native_rc = rc;
    (void)snprintf(
        native_text, sizeof native_text, "%s", rc != 0 ? pqi_tpm_error_find(rc)->text : "");
    return st;
}

uint32_t pqi_tpm_native_error(const char **text)
{
    *text = native_text;
    return native_rc;
}

/* How long a lockout lasts at most: the count goes down by one each interval. TPM 2.0 part 1
 * section 19.8.5. */
static void lockout_text(tpm_conn *c)
{
    uint32_t failed = 0, most = 0, interval = 0;
    if (c == NULL || c->esys == NULL ||
        pqi_tpm_property(c, TPM2_PT_LOCKOUT_COUNTER, &failed) != PQI_OK ||
        pqi_tpm_property(c, TPM2_PT_MAX_AUTH_FAIL, &most) != PQI_OK ||
        pqi_tpm_property(c, TPM2_PT_LOCKOUT_INTERVAL, &interval) != PQI_OK) {
        return;
    }
    const char *what = "locked after too many wrong authorisation values";
    if (interval == 0) {
        (void)snprintf(native_text, sizeof native_text,
            "%s, until tpm2_dictionarylockout --clear-lockout", what);
    } else {
        uint64_t over = failed >= most ? (uint64_t)failed - most + 1u : 1u;
        (void)snprintf(native_text, sizeof native_text, "%s: the next try in at most %llu s", what,
            (unsigned long long)(over * interval));
    }
}

pqi_status pqi_tpm_check(tpm_conn *c, TSS2_RC rc, const char *doing)
{
    if (rc == TSS2_RC_SUCCESS) {
        return PQI_OK;
    }
    pqi_status st = pqi_tpm_note(pqi_tpm_error_find(rc)->status, rc);
    if (st == PQI_ERR_LOCKED) {
        lockout_text(c);
        native_rc = rc;
    }
    return pqi_why(st, "%s: %s (TPM code 0x%x)", doing, native_text, (unsigned)rc);
}

/* ---- connecting -------------------------------------------------------------------------------------- */

static pqi_status connect_tpm(tpm_conn *c, const tpm_uri *uri)
{
    memset(c, 0, sizeof *c);
    c->uri = uri;
    c->srk = c->session = c->policy = c->object[0] = c->object[1] = ESYS_TR_NONE;
    (void)pqi_tpm_note(PQI_OK, 0);
    TSS2_RC rc = TSS2_RC_SUCCESS;
    for (int i = 0; i < BUSY_TRIES; i++) {
        errno = 0;
        rc = Tss2_TctiLdr_Initialize(uri->tcti, &c->tcti);
        if (rc == TSS2_RC_SUCCESS || errno != EBUSY) {
            break;
        }
        const struct timespec pause = {0, 50 * 1000 * 1000};
        (void)nanosleep(&pause, NULL);
    }
    if (rc == TSS2_RC_SUCCESS) {
        rc = Esys_Initialize(&c->esys, c->tcti, NULL);
    }
    if (rc != TSS2_RC_SUCCESS) {
        (void)pqi_tpm_note(PQI_ERR_PROVIDER, rc);
        return pqi_why(PQI_ERR_PROVIDER, "cannot reach the TPM %.100s: %s (code 0x%x)", uri->tcti,
            native_text, (unsigned)rc);
    }
    return PQI_OK;
}

/* The TPM came from a power cycle that no firmware has followed up. */
static bool started_again(tpm_conn *c, TSS2_RC rc)
{
    return pqi_tpm_error_base(rc) == TPM2_RC_INITIALIZE &&
           Esys_Startup(c->esys, TPM2_SU_CLEAR) == TSS2_RC_SUCCESS;
}

pqi_status pqi_tpm_property(tpm_conn *c, TPM2_PT pt, uint32_t *value)
{
    TPMI_YES_NO more;
    TPMS_CAPABILITY_DATA *d = NULL;
    *value = 0;
    TSS2_RC rc = Esys_GetCapability(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
        TPM2_CAP_TPM_PROPERTIES, pt, 1, &more, &d);
    pqi_status st = pqi_tpm_check(NULL, rc, "the TPM's properties");
    if (st == PQI_OK &&
        (d->data.tpmProperties.count != 1 || d->data.tpmProperties.tpmProperty[0].property != pt)) {
        st = PQI_ERR_UNSUPPORTED;
    }
    if (st == PQI_OK) {
        *value = d->data.tpmProperties.tpmProperty[0].value;
    }
    Esys_Free(d);
    return st;
}

pqi_status pqi_tpm_open(tpm_conn *c, const tpm_uri *uri)
{
    pqi_status st = connect_tpm(c, uri);
    uint32_t v;
    if (st == PQI_OK) {
        st = pqi_tpm_property(c, TPM2_PT_PERMANENT, &v);
        if (st != PQI_OK && started_again(c, native_rc)) {
            st = pqi_tpm_property(c, TPM2_PT_PERMANENT, &v);
        }
    }
    return st;
}

/* A resource manager shows each client its own objects only; without one we are alone, and what is
 * loaded was left behind by a process that died. */
static void flush_all(tpm_conn *c)
{
    const TPM2_HANDLE first[] = {
        (TPM2_HANDLE)TPM2_HT_TRANSIENT << 24, (TPM2_HANDLE)TPM2_HT_LOADED_SESSION << 24};
    TSS2_SYS_CONTEXT *sys = NULL;
    if (Esys_GetSysContext(c->esys, &sys) != TSS2_RC_SUCCESS) {
        return;
    }
    for (size_t k = 0; k < sizeof first / sizeof first[0]; k++) {
        TPMI_YES_NO more;
        TPMS_CAPABILITY_DATA *d = NULL;
        if (Esys_GetCapability(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                first[k], TPM2_MAX_CAP_HANDLES, &more, &d) == TSS2_RC_SUCCESS) {
            for (uint32_t i = 0; i < d->data.handles.count; i++) {
                (void)Tss2_Sys_FlushContext(sys, d->data.handles.handle[i]);
            }
        }
        Esys_Free(d);
    }
}

static bool crowded(TSS2_RC rc)
{
    TSS2_RC base = pqi_tpm_error_base(rc);
    return base == TPM2_RC_OBJECT_MEMORY || base == TPM2_RC_SESSION_MEMORY ||
           base == TPM2_RC_SESSION_HANDLES || base == TPM2_RC_MEMORY;
}

static TSS2_RC start_session(tpm_conn *c)
{
    const TPMT_SYM_DEF sym = {
        .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};
    return Esys_StartAuthSession(c->esys, c->srk, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
        ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &sym, TPM2_ALG_SHA256, &c->session);
}

/* The salt is encrypted to the public key inside this object, so that key, not only its name, must be
 * the one that was checked. A serialized object ends with its public area. */
static pqi_status holds_public(tpm_conn *c, ESYS_TR tr, const TPM2B_PUBLIC *pub)
{
    uint8_t want[sizeof *pub], *blob = NULL;
    size_t want_len = 0, len = 0;
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(pub, want, sizeof want, &want_len) != TSS2_RC_SUCCESS ||
        Esys_TR_Serialize(c->esys, tr, &blob, &len) != TSS2_RC_SUCCESS) {
        return PQI_ERR_PROVIDER;
    }
    bool same = len >= want_len && memcmp(blob + len - want_len, want, want_len) == 0;
    Esys_Free(blob);
    return same ? PQI_OK
                : pqi_why(PQI_ERR_PROVIDER, "the TPM's storage key changed while it was read");
}

static pqi_status take_srk(tpm_conn *c, const uint8_t *pinned)
{
    TPM2_HANDLE h = c->uri->base + TPM_SRK;
    TPM2B_PUBLIC pub;
    pqi_status st = pqi_tpm_read_public(c, h, &pub, c->srk_name);
    if (st != PQI_OK && started_again(c, native_rc)) {
        st = pqi_tpm_read_public(c, h, &pub, c->srk_name);
    }
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st, "the TPM has no storage key at 0x%08x: pqi tpm init makes it", h);
    }
    if (st == PQI_OK && pinned != NULL && memcmp(pinned, c->srk_name, sizeof c->srk_name) != 0) {
        return pqi_why(PQI_ERR_MISSING,
            "this is another TPM than the one these keys are in, or it was cleared: its storage "
            "key "
            "at 0x%08x is not the one in tpm.keys",
            h);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_is_srk(&pub);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_object(c, h, c->srk_name, &c->srk);
    }
    return st == PQI_OK ? holds_public(c, c->srk, &pub) : st;
}

pqi_status pqi_tpm_open_session(tpm_conn *c, const tpm_uri *uri, const uint8_t *srk_name)
{
    pqi_status st = connect_tpm(c, uri);
    if (st == PQI_OK) {
        st = take_srk(c, srk_name);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = start_session(c);
        st = pqi_tpm_check(c, rc, "a session with the TPM");
    }
    return st;
}

/* After an answer that was not authentic ESAPI takes no command any more; the layer below does. */
void pqi_tpm_flush(tpm_conn *c, ESYS_TR *tr)
{
    TPM2_HANDLE h = 0;
    TSS2_SYS_CONTEXT *sys = NULL;
    if (*tr != ESYS_TR_NONE && c->esys != NULL &&
        Esys_TR_GetTpmHandle(c->esys, *tr, &h) == TSS2_RC_SUCCESS &&
        Esys_FlushContext(c->esys, *tr) != TSS2_RC_SUCCESS &&
        Esys_GetSysContext(c->esys, &sys) == TSS2_RC_SUCCESS) {
        (void)Tss2_Sys_FlushContext(sys, h);
    }
    *tr = ESYS_TR_NONE;
}

void pqi_tpm_close(tpm_conn *c)
{
    pqi_tpm_flush(c, &c->object[0]);
    pqi_tpm_flush(c, &c->object[1]);
    pqi_tpm_flush(c, &c->policy);
    pqi_tpm_flush(c, &c->session);
    if (c->esys != NULL) {
        Esys_Finalize(&c->esys);
    }
    if (c->tcti != NULL) {
        Tss2_TctiLdr_Finalize(&c->tcti);
    }
}

pqi_status pqi_tpm_do(
    const tpm_uri *uri, bool session, const uint8_t *srk_name, tpm_job fn, void *arg)
{
    pqi_status st = PQI_AGAIN;
    bool flushed = false;
    for (int i = 0; st == PQI_AGAIN && i < PATIENCE; i++) {
        tpm_conn c;
        st = session ? pqi_tpm_open_session(&c, uri, srk_name) : pqi_tpm_open(&c, uri);
        if (st == PQI_OK) {
            st = fn(&c, arg);
        }
        bool wait = st == PQI_AGAIN;
        if (st == PQI_ERR_LIMIT && crowded(native_rc) && !flushed) {
            flush_all(&c);
            flushed = true;
            st = PQI_AGAIN;
        }
        pqi_tpm_close(&c);
        if (wait) {
            const struct timespec pause = {0, 100 * 1000 * 1000};
            (void)nanosleep(&pause, NULL);
        }
    }
    return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
}

ESYS_TR pqi_tpm_with(tpm_conn *c, TPMA_SESSION which)
{
    TPMA_SESSION flags = TPMA_SESSION_CONTINUESESSION | which;
    if (Esys_TRSess_SetAttributes(c->esys, c->session, flags, 0xff) != TSS2_RC_SUCCESS) {
        return ESYS_TR_NONE; /* the command fails without its authorisation */
    }
    return c->session;
}

static void wipe_all(uint8_t *mem, size_t n, const uint8_t *secret, size_t len)
{
    for (uint8_t *at = memmem(mem, n, secret, len); at != NULL; at = memmem(mem, n, secret, len)) {
        pqi_wipe(at, len);
    }
}

void pqi_tpm_scrub(tpm_conn *c, const uint8_t *secret, size_t len)
{
    TSS2_SYS_CONTEXT *sys = NULL;
    static const uint8_t zero[16];
    if (c->esys == NULL || len < sizeof zero || memcmp(secret, zero, sizeof zero) == 0) {
        return;
    }
    wipe_all((uint8_t *)c->esys, malloc_usable_size(c->esys), secret, len);
    if (Esys_GetSysContext(c->esys, &sys) == TSS2_RC_SUCCESS) {
        wipe_all((uint8_t *)sys, malloc_usable_size(sys), secret, len);
    }
}
