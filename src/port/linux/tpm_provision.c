/* SPDX-License-Identifier: Apache-2.0
 * The two keys that a TPM has once for all directories: storage root key and attestation key. Both are
 * primary keys: the same seed makes the same key again after `pqi tpm clear`. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <string.h>

#define FIXED                                                                                      \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
        TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA)
#define SRK_ATTRIBUTES (FIXED | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define AK_ATTRIBUTES  (FIXED | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT)

/* No password: whoever may talk to the TPM may make keys under it and ask it for quotes. noDA: a wrong
 * password for them is nothing to count. */
static void ecc_template(TPMA_OBJECT attributes, TPM2B_PUBLIC *out)
{
    memset(out, 0, sizeof *out);
    TPMT_PUBLIC *p = &out->publicArea;
    p->type = TPM2_ALG_ECC;
    p->nameAlg = TPM2_ALG_SHA256;
    p->objectAttributes = attributes;
    TPMS_ECC_PARMS *e = &p->parameters.eccDetail;
    e->curveID = TPM2_ECC_NIST_P256;
    e->kdf.scheme = TPM2_ALG_NULL;
    e->symmetric.algorithm = TPM2_ALG_NULL;
    e->scheme.scheme = TPM2_ALG_NULL;
}

static void srk_template(TPM2B_PUBLIC *out)
{
    ecc_template(SRK_ATTRIBUTES, out);
    TPMT_SYM_DEF_OBJECT *s = &out->publicArea.parameters.eccDetail.symmetric;
    s->algorithm = TPM2_ALG_AES;
    s->keyBits.aes = 128;
    s->mode.aes = TPM2_ALG_CFB;
}

static void ak_template(TPM2B_PUBLIC *out)
{
    static const uint8_t label[] = "PQI4 attestation key"; /* parts it from other programs' keys */
    ecc_template(AK_ATTRIBUTES, out);
    TPMT_PUBLIC *p = &out->publicArea;
    p->parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
    p->parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    p->unique.ecc.x.size = sizeof label - 1u;
    memcpy(p->unique.ecc.x.buffer, label, sizeof label - 1u);
}

static bool same_kind(const TPM2B_PUBLIC *a, const TPM2B_PUBLIC *b)
{
    const TPMT_PUBLIC *p = &a->publicArea, *q = &b->publicArea;
    if (p->type != q->type || p->nameAlg != q->nameAlg ||
        p->objectAttributes != q->objectAttributes || p->authPolicy.size != 0) {
        return false;
    }
    const TPMS_ECC_PARMS *e = &p->parameters.eccDetail, *f = &q->parameters.eccDetail;
    return e->curveID == f->curveID && e->scheme.scheme == f->scheme.scheme &&
           e->symmetric.algorithm == f->symmetric.algorithm &&
           (e->scheme.scheme == TPM2_ALG_NULL ||
               e->scheme.details.ecdsa.hashAlg == f->scheme.details.ecdsa.hashAlg);
}

pqi_status pqi_tpm_is_srk(const TPM2B_PUBLIC *pub)
{
    TPM2B_PUBLIC want;
    srk_template(&want);
    return same_kind(pub, &want) ? PQI_OK
                                 : pqi_why(PQI_ERR_STATE,
                                       "the TPM's handle for the storage key holds something else: "
                                       "give another base, as tpm:...?base=0x81019000");
}

pqi_status pqi_tpm_is_ak(const TPM2B_PUBLIC *pub)
{
    TPM2B_PUBLIC want;
    ak_template(&want);
    return same_kind(pub, &want)
               ? PQI_OK
               : pqi_why(PQI_ERR_STATE, "the TPM's handle for the attestation key holds something "
                                        "else: give another base, as tpm:...?base=0x81019000");
}

pqi_status pqi_tpm_bare_session(tpm_conn *c)
{
    const TPMT_SYM_DEF sym = {.algorithm = TPM2_ALG_NULL};
    if (c->session != ESYS_TR_NONE) {
        return PQI_OK;
    }
    TSS2_RC rc = Esys_StartAuthSession(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
        ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_HMAC, &sym, TPM2_ALG_SHA256, &c->session);
    return pqi_tpm_check(c, rc, "a session with the TPM");
}

static pqi_status make_primary(
    tpm_conn *c, ESYS_TR hierarchy, const TPM2B_PUBLIC *template, TPM2_HANDLE at)
{
    static const TPM2B_SENSITIVE_CREATE no_auth = {.size = 0};
    static const TPM2B_DATA no_info = {.size = 0};
    static const TPML_PCR_SELECTION no_pcrs = {.count = 0};
    pqi_status st = pqi_tpm_bare_session(c);
    if (st == PQI_OK) {
        st = pqi_tpm_hierarchy_auth(c, hierarchy);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_CreatePrimary(c->esys, hierarchy, pqi_tpm_with(c, TPM_PLAIN),
            ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, template, &no_info, &no_pcrs, &c->object[0], NULL,
            NULL, NULL, NULL);
        st = pqi_tpm_check(c, rc,
            hierarchy == ESYS_TR_RH_OWNER
                ? "making the TPM's storage key (owner hierarchy)"
                : "making the TPM's attestation key (endorsement hierarchy)");
    }
    if (st == PQI_OK) {
        st = pqi_tpm_persist(c, c->object[0], at);
    }
    pqi_tpm_flush(c, &c->object[0]);
    return st;
}

pqi_status pqi_tpm_provision(tpm_conn *c, unsigned *made)
{
    TPM2B_PUBLIC pub, want;
    uint8_t name[PQI_TPM_NAME_LEN];
    *made = 0;
    pqi_status st = pqi_tpm_read_public(c, c->uri->base + TPM_SRK, &pub, name);
    if (st == PQI_OK) {
        st = pqi_tpm_is_srk(&pub);
    } else if (st == PQI_ERR_MISSING) {
        srk_template(&want);
        st = make_primary(c, ESYS_TR_RH_OWNER, &want, c->uri->base + TPM_SRK);
        *made += st == PQI_OK ? 1u : 0u;
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_tpm_read_public(c, c->uri->base + TPM_AK, &pub, name);
    if (st == PQI_OK) {
        return pqi_tpm_is_ak(&pub);
    }
    if (st == PQI_ERR_MISSING) {
        ak_template(&want);
        st = make_primary(c, ESYS_TR_RH_ENDORSEMENT, &want, c->uri->base + TPM_AK);
        *made += st == PQI_OK ? 1u : 0u;
    }
    return st;
}
