/* SPDX-License-Identifier: Apache-2.0
 * pqi/host_tpm.h: identity and activation of the attestation key, PCRs. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <string.h>

#include <tss2/tss2_mu.h>

#define FORMAT_ONE 0x80u

static pqi_status put_public(const TPM2B_PUBLIC *pub, uint8_t *out, size_t *len)
{
    *len = 0;
    return Tss2_MU_TPM2B_PUBLIC_Marshal(pub, out, PQI_TPM_PUBLIC_MAX, len) == TSS2_RC_SUCCESS
               ? PQI_OK
               : PQI_ERR_PROVIDER;
}

static pqi_status read_ak(tpm_conn *c, TPM2B_PUBLIC *pub, uint8_t name[PQI_TPM_NAME_LEN])
{
    pqi_status st = pqi_tpm_read_public(c, c->uri->base + TPM_AK, pub, name);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st, "the TPM has no attestation key at 0x%08x: pqi tpm init makes it",
            c->uri->base + TPM_AK);
    }
    return st == PQI_OK ? pqi_tpm_is_ak(pub) : st;
}

static pqi_status identity(tpm_conn *c, void *arg)
{
    pqi_tpm_identity *out = arg;
    TPM2B_PUBLIC ak, *ek = NULL;
    bool needs_policy;
    pqi_status st = read_ak(c, &ak, out->ak_name);
    if (st == PQI_OK) {
        st = put_public(&ak, out->ak_public, &out->ak_public_len);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_load_ek(c, &ek, &needs_policy, out->ek_cert, &out->ek_cert_len);
    }
    if (st == PQI_OK) {
        st = put_public(ek, out->ek_public, &out->ek_public_len);
    }
    Esys_Free(ek);
    return st;
}

pqi_status pqi_host_tpm_identity(const char *uri, pqi_tpm_identity *out)
{
    tpm_uri u;
    if (uri == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    pqi_why_clear();
    pqi_status st = pqi_tpm_uri_parse(uri, &u);
    if (st == PQI_OK) {
        st = pqi_tpm_do(&u, true, NULL, identity, out);
    }
    if (st != PQI_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

/* ---- activation ---------------------------------------------------------------------------------------- */

typedef struct credential {
    TPM2B_ID_OBJECT id;
    TPM2B_ENCRYPTED_SECRET secret;
} credential;

typedef struct activation {
    credential cred;
    uint8_t *out;
    size_t *len;
} activation;

static pqi_status parse(pqi_cspan in, credential *out)
{
    size_t at = 0;
    if (Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(in.ptr, in.len, &at, &out->id) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(in.ptr, in.len, &at, &out->secret) !=
            TSS2_RC_SUCCESS ||
        at != in.len) {
        return pqi_why(PQI_ERR_AUTH, "this is no credential for the attestation key");
    }
    return PQI_OK;
}

/* EK templates of the low range want TPM2_PolicySecret(endorsement). */
static pqi_status endorsement_policy(tpm_conn *c)
{
    const TPMT_SYM_DEF sym = {.algorithm = TPM2_ALG_NULL};
    TSS2_RC rc = Esys_StartAuthSession(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
        ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &sym, TPM2_ALG_SHA256, &c->policy);
    pqi_status st = pqi_tpm_check(c, rc, "a policy session");
    if (st == PQI_OK) {
        st = pqi_tpm_hierarchy_auth(c, ESYS_TR_RH_ENDORSEMENT);
    }
    if (st == PQI_OK) {
        rc = Esys_PolicySecret(c->esys, ESYS_TR_RH_ENDORSEMENT, c->policy,
            pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL,
            NULL);
        st = pqi_tpm_check(c, rc, "the endorsement hierarchy");
    }
    return st;
}

/* What the TPM says about the credential itself is one answer: it is not for this key. */
static pqi_status refused(TSS2_RC rc, pqi_status st)
{
    TSS2_RC base = pqi_tpm_error_base(rc);
    if (st != PQI_OK && st != PQI_ERR_LOCKED && (base & FORMAT_ONE) != 0 &&
        (base & TSS2_RC_LAYER_MASK) == 0 && base != TPM2_RC_HANDLE) {
        return pqi_why(PQI_ERR_AUTH,
            "the credential was made for another TPM or attestation key, or was altered");
    }
    return st;
}

static pqi_status activate(tpm_conn *c, void *arg)
{
    const activation *a = arg;
    TPM2B_PUBLIC ak, *ek = NULL;
    uint8_t name[PQI_TPM_NAME_LEN];
    bool needs_policy = false;
    size_t cert_len;
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_DIGEST *got = NULL;
    pqi_status st = read_ak(c, &ak, name);
    if (st == PQI_OK) {
        st = pqi_tpm_object(c, c->uri->base + TPM_AK, name, &tr);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_load_ek(c, &ek, &needs_policy, NULL, &cert_len);
    }
    if (st == PQI_OK && needs_policy) {
        st = endorsement_policy(c);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_ActivateCredential(c->esys, tr, c->object[0], pqi_tpm_with(c, TPM_BOTH),
            needs_policy ? c->policy : ESYS_TR_PASSWORD, ESYS_TR_NONE, &a->cred.id, &a->cred.secret,
            &got);
        c->policy = rc == TSS2_RC_SUCCESS && needs_policy ? ESYS_TR_NONE : c->policy;
        st = refused(rc, pqi_tpm_check(c, rc, "activating the credential"));
    }
    if (st == PQI_OK && got->size > PQI_TPM_SECRET_MAX) {
        st = pqi_why(PQI_ERR_AUTH, "the credential holds no secret of at most 32 bytes");
    }
    if (st == PQI_OK) {
        *a->len = got->size;
        memcpy(a->out, got->buffer, got->size);
        pqi_tpm_scrub(c, got->buffer, got->size);
    }
    if (got != NULL) {
        pqi_wipe(got, sizeof *got);
    }
    Esys_Free(got);
    Esys_Free(ek);
    return st;
}

pqi_status pqi_host_tpm_activate(
    const char *uri, pqi_cspan cred, uint8_t secret[PQI_TPM_SECRET_MAX], size_t *len)
{
    tpm_uri u;
    activation a = {.out = secret, .len = len};
    if (uri == NULL || secret == NULL || len == NULL || cred.ptr == NULL || cred.len == 0) {
        return PQI_ERR_ARG;
    }
    memset(secret, 0, PQI_TPM_SECRET_MAX);
    *len = 0;
    pqi_why_clear();
    pqi_status st = pqi_tpm_uri_parse(uri, &u);
    if (st == PQI_OK) {
        st = parse(cred, &a.cred);
    }
    return st == PQI_OK ? pqi_tpm_do(&u, true, NULL, activate, &a) : st;
}

typedef struct pcr_args {
    uint32_t mask;
    pqi_span values;
} pcr_args;

static pqi_status read_pcrs(tpm_conn *c, void *arg)
{
    const pcr_args *a = arg;
    return pqi_tpm_pcr_read(c, a->mask, a->values);
}

pqi_status pqi_host_tpm_pcr_read(const char *uri, uint32_t mask, pqi_span values)
{
    tpm_uri u;
    pcr_args a = {mask, values};
    if (uri == NULL || values.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    memset(values.ptr, 0, values.len);
    pqi_why_clear();
    pqi_status st = pqi_tpm_uri_parse(uri, &u);
    if (st == PQI_OK) {
        st = pqi_tpm_do(&u, false, NULL, read_pcrs, &a);
    }
    if (st != PQI_OK) {
        memset(values.ptr, 0, values.len);
    }
    return st;
}
