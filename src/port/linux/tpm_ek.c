/* SPDX-License-Identifier: Apache-2.0
 * The endorsement key and its certificate: TCG EK Credential Profile for TPM 2.0, version 2.5, sections
 * 2.2.1.4 (indices), B.3 (L-2), B.4 (H-2, H-3), B.6 (policies). Elliptic curves only. */
#include "port/linux/ossl.h"
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/x509.h>

#define COMMON                                                                                     \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
        TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

/* PolicyA: TPM2_PolicySecret(endorsement), SHA-256. PolicyB: PolicyOR of it and an NV policy. */
static const uint8_t policy_a_256[] = {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90,
    0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1,
    0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
static const uint8_t policy_b_256[] = {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3,
    0x34, 0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd, 0x45, 0x90, 0x89, 0xd1,
    0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0};
static const uint8_t policy_b_384[] = {0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8,
    0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a, 0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c,
    0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca, 0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f,
    0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};

typedef struct ek_template {
    TPM2_HANDLE cert;
    TPM2_ECC_CURVE curve;
    TPM2_ALG_ID hash;
    UINT16 aes_bits;
    UINT16 unique; /* bytes of zero in x and y */
    bool needs_policy;
    pqi_cspan policy;
} ek_template;

static const ek_template templates[] = {
    {0x01c00016u, TPM2_ECC_NIST_P384, TPM2_ALG_SHA384, 256, 0, false,
        {policy_b_384, sizeof policy_b_384}}, /* H-3 */
    {0x01c00014u, TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128, 0, false,
        {policy_b_256, sizeof policy_b_256}}, /* H-2 */
    {0x01c0000au, TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 128, 32, true,
        {policy_a_256, sizeof policy_a_256}}, /* L-2 */
};
#define N_TEMPLATES (sizeof templates / sizeof templates[0])

static void fill(const ek_template *t, TPM2B_PUBLIC *out)
{
    memset(out, 0, sizeof *out);
    TPMT_PUBLIC *p = &out->publicArea;
    p->type = TPM2_ALG_ECC;
    p->nameAlg = t->hash;
    p->objectAttributes = COMMON | (t->needs_policy ? 0u : TPMA_OBJECT_USERWITHAUTH);
    p->authPolicy.size = (UINT16)t->policy.len;
    memcpy(p->authPolicy.buffer, t->policy.ptr, t->policy.len);
    TPMS_ECC_PARMS *e = &p->parameters.eccDetail;
    e->symmetric.algorithm = TPM2_ALG_AES;
    e->symmetric.keyBits.aes = t->aes_bits;
    e->symmetric.mode.aes = TPM2_ALG_CFB;
    e->scheme.scheme = TPM2_ALG_NULL;
    e->curveID = t->curve;
    e->kdf.scheme = TPM2_ALG_NULL;
    p->unique.ecc.x.size = t->unique;
    p->unique.ecc.y.size = t->unique;
}

/* ---- NV ----------------------------------------------------------------------------------------------- */

#define NV_CHUNK 512u /* every TPM reads that much at a time */

static pqi_status nv_read_all(tpm_conn *c, ESYS_TR index, size_t n, uint8_t *out)
{
    pqi_status st = PQI_OK;
    for (size_t at = 0; st == PQI_OK && at < n;) {
        UINT16 part = (UINT16)(n - at < NV_CHUNK ? n - at : NV_CHUNK);
        TPM2B_MAX_NV_BUFFER *d = NULL;
        TSS2_RC rc = Esys_NV_Read(c->esys, index, index, ESYS_TR_PASSWORD, ESYS_TR_NONE,
            ESYS_TR_NONE, part, (UINT16)at, &d);
        st = pqi_tpm_check(c, rc, "reading the TPM's NV memory");
        if (st == PQI_OK && d->size != part) {
            st = PQI_ERR_PROVIDER;
        }
        if (st == PQI_OK) {
            memcpy(out + at, d->buffer, part);
        }
        at += part;
        Esys_Free(d);
    }
    return st;
}

pqi_status pqi_tpm_nv_blob(tpm_conn *c, TPM2_HANDLE index, pqi_span out, size_t *len)
{
    uint64_t there = 0;
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_NV_PUBLIC *pub = NULL;
    *len = 0;
    pqi_status st = pqi_tpm_handles(c, index, 1, &there);
    if (st == PQI_OK && there == 0) {
        return PQI_ERR_MISSING;
    }
    if (st == PQI_OK) {
        TSS2_RC rc =
            Esys_TR_FromTPMPublic(c->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);
        if (rc == TSS2_RC_SUCCESS) {
            rc = Esys_NV_ReadPublic(
                c->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &pub, NULL);
        }
        st = pqi_tpm_check(c, rc, "the TPM's NV memory");
    }
    size_t n = st == PQI_OK ? pub->nvPublic.dataSize : 0;
    if (st == PQI_OK && n > out.len) {
        st = PQI_ERR_SPACE;
    }
    if (st == PQI_OK) {
        st = nv_read_all(c, tr, n, out.ptr);
    }
    *len = st == PQI_OK ? n : 0;
    if (tr != ESYS_TR_NONE) {
        (void)Esys_TR_Close(c->esys, &tr);
    }
    Esys_Free(pub);
    return st;
}

/* ---- certificate --------------------------------------------------------------------------------------- */

/* Is this DER certificate for this point? Bytes after the certificate are padding of the index. */
static bool cert_fits(const uint8_t *der, size_t *len, const TPMS_ECC_POINT *point, size_t field)
{
    const unsigned char *p = der;
    uint8_t key[1 + 2 * 48];
    size_t n = 0;
    X509 *x = *len <= 65536 ? d2i_X509(NULL, &p, (long)*len) : NULL;
    EVP_PKEY *k = x != NULL ? X509_get0_pubkey(x) : NULL;
    bool ok = k != NULL &&
              EVP_PKEY_get_octet_string_param(
                  k, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key, sizeof key, &n) == 1 &&
              n == 1 + 2 * field && key[0] == 4 && point->x.size <= field && point->y.size <= field;
    if (ok) {
        uint8_t want[1 + 2 * 48] = {4};
        memcpy(want + 1 + field - point->x.size, point->x.buffer, point->x.size);
        memcpy(want + 1 + 2 * field - point->y.size, point->y.buffer, point->y.size);
        ok = memcmp(want, key, n) == 0;
        *len = (size_t)(p - der);
    }
    X509_free(x);
    (void)pqi_ossl_fail(PQI_OK);
    return ok;
}

static pqi_status create(tpm_conn *c, const ek_template *t, TPM2B_PUBLIC **pub)
{
    static const TPM2B_SENSITIVE_CREATE no_auth = {.size = 0};
    static const TPM2B_DATA no_info = {.size = 0};
    static const TPML_PCR_SELECTION no_pcrs = {.count = 0};
    TPM2B_PUBLIC want;
    fill(t, &want);
    pqi_status st = pqi_tpm_hierarchy_auth(c, ESYS_TR_RH_ENDORSEMENT);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_CreatePrimary(c->esys, ESYS_TR_RH_ENDORSEMENT, pqi_tpm_with(c, TPM_PLAIN),
            ESYS_TR_NONE, ESYS_TR_NONE, &no_auth, &want, &no_info, &no_pcrs, &c->object[0], pub,
            NULL, NULL, NULL);
        st = pqi_tpm_check(c, rc, "the TPM's endorsement key (endorsement hierarchy)");
    }
    return st;
}

pqi_status pqi_tpm_load_ek(
    tpm_conn *c, TPM2B_PUBLIC **pub, bool *needs_policy, uint8_t *cert, size_t *cert_len)
{
    uint8_t mem[PQI_TPM_CERT_MAX];
    pqi_status st = PQI_OK;
    *pub = NULL;
    *cert_len = 0;
    for (size_t i = 0; i < N_TEMPLATES; i++) {
        const ek_template *t = &templates[i];
        size_t n = 0;
        st = pqi_tpm_nv_blob(c, t->cert, (pqi_span){mem, sizeof mem}, &n);
        if (st == PQI_ERR_MISSING || st == PQI_ERR_SPACE) {
            continue;
        }
        if (st == PQI_OK) {
            st = create(c, t, pub);
        }
        if (st != PQI_OK) {
            return st;
        }
        if (cert_fits(mem, &n, &(*pub)->publicArea.unique.ecc,
                t->curve == TPM2_ECC_NIST_P384 ? 48 : 32)) {
            if (cert != NULL) {
                memcpy(cert, mem, n);
            }
            *cert_len = n;
            *needs_policy = t->needs_policy;
            return PQI_OK;
        }
        pqi_tpm_flush(c, &c->object[0]);
        Esys_Free(*pub);
        *pub = NULL;
    }
    *needs_policy = templates[N_TEMPLATES - 1].needs_policy;
    return create(c, &templates[N_TEMPLATES - 1], pub);
}
