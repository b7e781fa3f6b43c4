/* SPDX-License-Identifier: Apache-2.0
 * pqi/host_tpm.h: making, showing and removing what this library has in a TPM; approvals. */
#include "port/linux/ossl.h"
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <string.h>

#include <openssl/x509.h>

const char *pqi_host_tpm_why(void)
{
    return pqi_why_get();
}

pqi_status pqi_host_tpm_pcrs(const char *text, uint32_t *mask)
{
    pqi_why_clear();
    return text != NULL && mask != NULL ? pqi_tpm_pcrs_parse(text, mask) : PQI_ERR_ARG;
}

/* ---- init, clear ------------------------------------------------------------------------------------------- */

static pqi_status init(tpm_conn *c, void *arg)
{
    return pqi_tpm_provision(c, arg);
}

static pqi_status with_uri(const char *uri, bool session, tpm_job fn, void *arg)
{
    tpm_uri u;
    if (uri == NULL || arg == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_why_clear();
    pqi_status st = pqi_tpm_uri_parse(uri, &u);
    return st == PQI_OK ? pqi_tpm_do(&u, session, NULL, fn, arg) : st;
}

pqi_status pqi_host_tpm_init(const char *uri, unsigned *made)
{
    return with_uri(uri, false, init, made);
}

/* Removes the object if it is of the kind that we make there. */
static pqi_status remove_if(
    tpm_conn *c, TPM2_HANDLE h, bool (*ours)(const TPM2B_PUBLIC *), unsigned *removed)
{
    TPM2B_PUBLIC pub;
    uint8_t name[PQI_TPM_NAME_LEN];
    pqi_status st = pqi_tpm_read_public(c, h, &pub, name);
    if (st != PQI_OK || !ours(&pub)) {
        return st == PQI_ERR_MISSING || st == PQI_ERR_STATE ? PQI_OK
                                                            : st; /* STATE: no SHA-256 name */
    }
    st = pqi_tpm_evict(c, h);
    *removed += st == PQI_OK ? 1u : 0u;
    return st;
}

static bool is_srk(const TPM2B_PUBLIC *pub)
{
    return pqi_tpm_is_srk(pub) == PQI_OK;
}

static bool is_ak(const TPM2B_PUBLIC *pub)
{
    return pqi_tpm_is_ak(pub) == PQI_OK;
}

static pqi_status counter_at(tpm_conn *c, TPM2_HANDLE index, bool *ours, bool *written)
{
    ESYS_TR tr;
    TPM2B_NV_PUBLIC *pub;
    pqi_status st = pqi_tpm_nv_public(c, index, &tr, &pub);
    *ours = st == PQI_OK && pqi_tpm_is_counter(pub, written);
    Esys_Free(pub);
    return st;
}

static pqi_status clear_counters(tpm_conn *c, unsigned *removed)
{
    uint64_t mask = 0;
    pqi_status st = pqi_tpm_handles(c, c->uri->nv, TPM_NV_MAX, &mask);
    for (uint32_t i = 0; st == PQI_OK && i < TPM_NV_MAX; i++) {
        bool ours = false, written;
        if ((mask >> i & 1u) != 0) {
            st = counter_at(c, c->uri->nv + i, &ours, &written);
        }
        if (st == PQI_OK && ours) {
            st = pqi_tpm_nv_undefine(c, c->uri->nv + i);
            *removed += st == PQI_OK ? 1u : 0u;
        }
    }
    return st;
}

/* The storage key last: the session is salted with it, and a cut off clear can be repeated. */
static pqi_status clear(tpm_conn *c, void *arg)
{
    unsigned *removed = arg;
    uint64_t mask = 0;
    TPM2_HANDLE first = c->uri->base + TPM_KEY_FIRST;
    pqi_status st = pqi_tpm_bare_session(c);
    if (st == PQI_OK) {
        st = clear_counters(c, removed);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_handles(c, first, TPM_KEYS_MAX, &mask);
    }
    for (uint32_t i = 0; st == PQI_OK && i < TPM_KEYS_MAX; i++) {
        if ((mask >> i & 1u) != 0) {
            st = remove_if(c, first + i, pqi_tpm_is_key, removed);
        }
    }
    if (st == PQI_OK) {
        st = remove_if(c, c->uri->base + TPM_AK, is_ak, removed);
    }
    return st == PQI_OK ? remove_if(c, c->uri->base + TPM_SRK, is_srk, removed) : st;
}

pqi_status pqi_host_tpm_clear(const char *uri, unsigned *removed)
{
    if (removed == NULL) {
        return PQI_ERR_ARG;
    }
    *removed = 0;
    return with_uri(uri, false, clear, removed);
}

/* ---- show --------------------------------------------------------------------------------------------------- */

static pqi_status show_firmware(tpm_conn *c, pqi_tpm_facts *f)
{
    uint32_t id = 0;
    pqi_status st = pqi_tpm_property(c, TPM2_PT_MANUFACTURER, &id);
    for (size_t i = 0; i < 4; i++) {
        char ch = (char)(id >> (24 - 8 * i) & 0x7fu);
        f->manufacturer[i] = (char)(ch < ' ' && ch != 0 ? '?' : ch);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_property(c, TPM2_PT_FIRMWARE_VERSION_1, &f->firmware[0]);
    }
    return st == PQI_OK ? pqi_tpm_property(c, TPM2_PT_FIRMWARE_VERSION_2, &f->firmware[1]) : st;
}

static pqi_status show_lockout(tpm_conn *c, pqi_tpm_facts *f)
{
    uint32_t permanent = 0;
    pqi_status st = pqi_tpm_property(c, TPM2_PT_LOCKOUT_COUNTER, &f->da_failed);
    if (st == PQI_OK) {
        st = pqi_tpm_property(c, TPM2_PT_MAX_AUTH_FAIL, &f->da_max);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_property(c, TPM2_PT_LOCKOUT_INTERVAL, &f->da_interval);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_property(c, TPM2_PT_PERMANENT, &permanent);
    }
    f->da_locked = (permanent & TPMA_PERMANENT_INLOCKOUT) != 0;
    f->da_left = f->da_locked != 0 && f->da_failed >= f->da_max
                     ? ((uint64_t)f->da_failed - f->da_max + 1u) * f->da_interval
                     : 0;
    return st;
}

static pqi_status kind_at(tpm_conn *c, TPM2_HANDLE h, bool (*ours)(const TPM2B_PUBLIC *), int *out)
{
    TPM2B_PUBLIC pub;
    uint8_t name[PQI_TPM_NAME_LEN];
    pqi_status st = pqi_tpm_read_public(c, h, &pub, name);
    *out = st == PQI_ERR_MISSING ? 0 : (st == PQI_OK && ours(&pub) ? 1 : -1);
    return st == PQI_ERR_MISSING || st == PQI_ERR_STATE ? PQI_OK : st;
}

static pqi_status show_keys(tpm_conn *c, pqi_tpm_facts *f)
{
    uint64_t mask = 0;
    TPM2_HANDLE first = c->uri->base + TPM_KEY_FIRST;
    pqi_status st = kind_at(c, c->uri->base + TPM_SRK, is_srk, &f->has_srk);
    if (st == PQI_OK) {
        st = kind_at(c, c->uri->base + TPM_AK, is_ak, &f->has_ak);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_handles(c, first, TPM_KEYS_MAX, &mask);
    }
    for (uint32_t i = 0; st == PQI_OK && i < TPM_KEYS_MAX; i++) {
        int kind = 0;
        if ((mask >> i & 1u) != 0) {
            st = kind_at(c, first + i, pqi_tpm_is_key, &kind);
        }
        if (kind == 1) {
            f->keys[f->n_keys++] = first + i;
        }
    }
    return st;
}

/* By the owner: the passwords of the directories are not known here. */
static void read_as_owner(tpm_conn *c, pqi_tpm_counter *out)
{
    ESYS_TR tr;
    TPM2B_NV_PUBLIC *pub;
    TPM2B_MAX_NV_BUFFER *d = NULL;
    pqi_status st = pqi_tpm_nv_public(c, out->index, &tr, &pub);
    Esys_Free(pub);
    if (st == PQI_OK) {
        st = pqi_tpm_hierarchy_auth(c, ESYS_TR_RH_OWNER);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_NV_Read(c->esys, ESYS_TR_RH_OWNER, tr, pqi_tpm_with(c, TPM_PLAIN),
            ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &d);
        st = pqi_tpm_check(c, rc, "a counter");
    }
    out->known = st == PQI_OK && d->size == 8;
    for (size_t i = 0; out->known != 0 && i < 8; i++) {
        out->value = out->value << 8 | d->buffer[i];
    }
    Esys_Free(d);
}

static pqi_status show_counters(tpm_conn *c, pqi_tpm_facts *f)
{
    uint64_t mask = 0;
    pqi_status st = pqi_tpm_handles(c, c->uri->nv, TPM_NV_MAX, &mask);
    for (uint32_t i = 0; st == PQI_OK && i < TPM_NV_MAX; i++) {
        bool ours = false, written = false;
        if ((mask >> i & 1u) != 0) {
            st = counter_at(c, c->uri->nv + i, &ours, &written);
        }
        if (st == PQI_OK && ours) {
            pqi_tpm_counter *k = &f->counters[f->n_counters++];
            k->index = c->uri->nv + i;
            read_as_owner(c, k);
        }
    }
    return st;
}

static void show_cert(const uint8_t *der, size_t len, pqi_tpm_facts *f)
{
    const unsigned char *p = der;
    X509 *x = len != 0 ? d2i_X509(NULL, &p, (long)len) : NULL;
    if (x != NULL) {
        (void)X509_NAME_oneline(X509_get_subject_name(x), f->ek_subject, PQI_TPM_TEXT_MAX);
        (void)X509_NAME_oneline(X509_get_issuer_name(x), f->ek_issuer, PQI_TPM_TEXT_MAX);
    }
    X509_free(x);
    (void)pqi_ossl_fail(PQI_OK);
}

/* What needs the password of the endorsement hierarchy may be missing from the picture. */
static pqi_status show_ek(tpm_conn *c, pqi_tpm_facts *f)
{
    uint8_t cert[PQI_TPM_CERT_MAX];
    size_t len = 0;
    TPM2B_PUBLIC *ek = NULL;
    bool needs_policy;
    pqi_status st = pqi_tpm_load_ek(c, &ek, &needs_policy, cert, &len);
    Esys_Free(ek);
    pqi_tpm_flush(c, &c->object[0]);
    if (st == PQI_OK) {
        show_cert(cert, len, f);
    }
    return st == PQI_ERR_AUTH ? PQI_OK : st;
}

static pqi_status show(tpm_conn *c, void *arg)
{
    pqi_tpm_facts *f = arg;
    memset(f, 0, sizeof *f);
    f->base = c->uri->base;
    f->nv = c->uri->nv;
    f->pcrs = c->uri->pcrs;
    static pqi_status (*const steps[])(tpm_conn *, pqi_tpm_facts *) = {
        show_firmware, show_lockout, show_keys, show_counters, show_ek};
    pqi_status st = pqi_tpm_bare_session(c);
    for (size_t i = 0; st == PQI_OK && i < sizeof steps / sizeof steps[0]; i++) {
        st = steps[i](c, f);
    }
    return st == PQI_OK ? pqi_tpm_pcr_read(
                              c, f->pcrs, (pqi_span){f->values, 32u * pqi_tpm_pcr_count(f->pcrs)})
                        : st;
}

pqi_status pqi_host_tpm_show(const char *uri, pqi_tpm_facts *out)
{
    pqi_status st = with_uri(uri, false, show, out);
    if (st != PQI_OK && out != NULL) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

/* ---- approvals ---------------------------------------------------------------------------------------------- */

pqi_status pqi_host_tpm_approve(const char *pem, pqi_tpm_approval *a, pqi_span out, size_t *len)
{
    tpm_approval in;
    if (pem == NULL || a == NULL || len == NULL || out.ptr == NULL || a->mask == 0 ||
        (a->mask & ~TPM_PCRS_ALL) != 0) {
        return PQI_ERR_ARG;
    }
    pqi_why_clear();
    *len = 0;
    memset(&in, 0, sizeof in);
    in.mask = a->mask;
    memcpy(in.values, a->values, 32u * pqi_tpm_pcr_count(a->mask));
    pqi_status st = pqi_tpm_approval_sign(pem, &in);
    if (st == PQI_OK) {
        memcpy(a->signer, in.signer, sizeof a->signer);
        st = pqi_tpm_approval_put(&in, out, len);
    }
    return st;
}

pqi_status pqi_host_tpm_approval_read(pqi_cspan in, pqi_tpm_approval *out, size_t *used)
{
    tpm_approval a;
    if (in.ptr == NULL || out == NULL || used == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_why_clear();
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_tpm_approval_parse(in, &a, used);
    if (st == PQI_OK) {
        out->mask = a.mask;
        memcpy(out->values, a.values, sizeof out->values);
        memcpy(out->signer, a.signer, sizeof out->signer);
    }
    return st;
}

pqi_status pqi_host_tpm_approval_add(const char *dir, pqi_cspan approval)
{
    if (dir == NULL || approval.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_why_clear();
    pqi_status st = pqi_tpm_approvals_add(dir, approval);
    return st == PQI_OK ? st : pqi_why_else(st, "cannot add an approval to %.200s", dir);
}
