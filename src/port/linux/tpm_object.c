/* SPDX-License-Identifier: Apache-2.0
 * Objects of a TPM: public areas, names, persistent handles, passwords, PCRs. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tss2/tss2_mu.h>

/* Part 1 section 16: nameAlg || H(public area). */
pqi_status pqi_tpm_name_of(const TPM2B_PUBLIC *pub, uint8_t name[PQI_TPM_NAME_LEN])
{
    uint8_t area[sizeof pub->publicArea];
    size_t n = 0;
    memset(name, 0, PQI_TPM_NAME_LEN);
    if (pub->publicArea.nameAlg != TPM2_ALG_SHA256 ||
        Tss2_MU_TPMT_PUBLIC_Marshal(&pub->publicArea, area, sizeof area, &n) != TSS2_RC_SUCCESS) {
        return PQI_ERR_STATE;
    }
    const pqi_cspan part = {area, n};
    name[0] = (uint8_t)(TPM2_ALG_SHA256 >> 8);
    name[1] = (uint8_t)(TPM2_ALG_SHA256 & 0xff);
    return pqi_classic_openssl.hash(PQI_HASH_SHA256, &part, 1, name + 2);
}

/* The session, where there is one, for a command that needs no authorisation: its answer is authentic then,
 * for who sits between cannot compute the HMAC. */
static bool audited(tpm_conn *c, ESYS_TR *out)
{
    *out = c->session != ESYS_TR_NONE ? pqi_tpm_with(c, TPMA_SESSION_AUDIT) : ESYS_TR_NONE;
    return *out != ESYS_TR_NONE || c->session == ESYS_TR_NONE;
}

/* That a key is not there is believed when it is destroyed. */
pqi_status pqi_tpm_handles(tpm_conn *c, TPM2_HANDLE first, uint32_t n, uint64_t *mask)
{
    TPMI_YES_NO more;
    TPMS_CAPABILITY_DATA *d = NULL;
    ESYS_TR audit;
    *mask = 0;
    if (!audited(c, &audit)) {
        return PQI_ERR_PROVIDER;
    }
    TSS2_RC rc = Esys_GetCapability(
        c->esys, audit, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, first, n, &more, &d);
    pqi_status st = pqi_tpm_check(c, rc, "the TPM's handles");
    for (uint32_t i = 0; st == PQI_OK && i < d->data.handles.count; i++) {
        TPM2_HANDLE h = d->data.handles.handle[i];
        if (h >= first && h - first < n) {
            *mask |= UINT64_C(1) << (h - first);
        }
    }
    Esys_Free(d);
    return st;
}

/* Asking for a public area that is not there is an error that the stack logs, so the list of handles is
 * asked first. */
static pqi_status is_there(tpm_conn *c, TPM2_HANDLE h)
{
    uint64_t mask = 0;
    pqi_status st = pqi_tpm_handles(c, h, 1, &mask);
    return st == PQI_OK && mask == 0 ? PQI_ERR_MISSING : st;
}

pqi_status pqi_tpm_read_public(
    tpm_conn *c, TPM2_HANDLE h, TPM2B_PUBLIC *pub, uint8_t name[PQI_TPM_NAME_LEN])
{
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_PUBLIC *p = NULL;
    pqi_status st = is_there(c, h);
    if (st != PQI_OK) {
        return st;
    }
    TSS2_RC rc = Esys_TR_FromTPMPublic(c->esys, h, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);
    if (rc == TSS2_RC_SUCCESS) {
        rc = Esys_ReadPublic(c->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &p, NULL, NULL);
    }
    st = pqi_tpm_check(c, rc, "reading a public key of the TPM");
    if (st == PQI_OK) {
        st = pqi_tpm_name_of(p, name);
    }
    if (st == PQI_OK && pub != NULL) {
        *pub = *p;
    }
    if (tr != ESYS_TR_NONE) {
        (void)Esys_TR_Close(c->esys, &tr);
    }
    Esys_Free(p);
    return st;
}

pqi_status pqi_tpm_object(
    tpm_conn *c, TPM2_HANDLE h, const uint8_t name[PQI_TPM_NAME_LEN], ESYS_TR *out)
{
    TPM2B_NAME *got = NULL;
    ESYS_TR tr = ESYS_TR_NONE;
    *out = ESYS_TR_NONE;
    TSS2_RC rc = Esys_TR_FromTPMPublic(c->esys, h, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);
    if (rc == TSS2_RC_SUCCESS) {
        rc = Esys_TR_GetName(c->esys, tr, &got);
    }
    pqi_status st = pqi_tpm_check(c, rc, "an object of the TPM");
    if (st == PQI_OK &&
        (got->size != PQI_TPM_NAME_LEN || memcmp(got->name, name, PQI_TPM_NAME_LEN) != 0)) {
        st = pqi_why(PQI_ERR_MISSING,
            "the TPM has another object at 0x%08x than these keys know: it was replaced", h);
    }
    Esys_Free(got);
    if (st == PQI_OK) {
        *out = tr;
    } else if (tr != ESYS_TR_NONE) {
        (void)Esys_TR_Close(c->esys, &tr);
    }
    return st;
}

/* ---- passwords --------------------------------------------------------------------------------------- */

static pqi_status read_password(const char *path, TPM2B_AUTH *out)
{
    struct stat sb;
    uint8_t buf[TPM_OWNER_MAX + 2];
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool ours = fd >= 0 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) &&
                (sb.st_mode & (S_IRWXG | S_IRWXO)) == 0;
    ssize_t got = ours ? read(fd, buf, sizeof buf) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got < 0) {
        return pqi_why(PQI_ERR_STORAGE,
            "cannot read the TPM password file %.100s (it must be closed to others: chmod 600)",
            path);
    }
    size_t n = 0;
    while (n < (size_t)got && buf[n] != '\n' && buf[n] != '\r') {
        n++;
    }
    pqi_status st = PQI_OK;
    if (n == 0 || n > TPM_OWNER_MAX) {
        st = pqi_why(PQI_ERR_ARG, "the first line of %.100s must have 1 to %u bytes", path,
            (unsigned)TPM_OWNER_MAX);
    } else {
        out->size = (UINT16)n;
        memcpy(out->buffer, buf, n);
    }
    pqi_wipe(buf, sizeof buf);
    return st;
}

pqi_status pqi_tpm_hierarchy_auth(tpm_conn *c, ESYS_TR hierarchy)
{
    TPM2B_AUTH auth = {.size = 0};
    const char *path = hierarchy == ESYS_TR_RH_OWNER ? c->uri->owner : c->uri->endorsement;
    pqi_status st = path[0] != 0 ? read_password(path, &auth) : PQI_OK;
    if (st == PQI_OK) {
        st = pqi_tpm_check(c, Esys_TR_SetAuth(c->esys, hierarchy, &auth), "a password");
    }
    pqi_wipe(&auth, sizeof auth);
    return st;
}

pqi_status pqi_tpm_auth_value(pqi_cspan secret, TPM2B_AUTH *out)
{
    static const pqi_cspan info = {PQI_LIT("PQI4 tpm authorisation")};
    uint8_t prk[32];
    memset(out, 0, sizeof *out);
    if (secret.len == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_hkdf_extract(
        &pqi_classic_openssl, PQI_HASH_SHA256, (pqi_cspan){NULL, 0}, &secret, 1, prk);
    if (st == PQI_OK) {
        st = pqi_hkdf_expand(&pqi_classic_openssl, PQI_HASH_SHA256, (pqi_cspan){prk, sizeof prk},
            &info, 1, (pqi_span){out->buffer, TPM_AUTH_LEN});
    }
    out->size = st == PQI_OK ? TPM_AUTH_LEN : 0;
    pqi_wipe(prk, sizeof prk);
    return st;
}

/* ---- persistent objects ------------------------------------------------------------------------------- */

static pqi_status evict_control(tpm_conn *c, ESYS_TR object, TPM2_HANDLE at)
{
    ESYS_TR new_tr = ESYS_TR_NONE;
    pqi_status st = pqi_tpm_hierarchy_auth(c, ESYS_TR_RH_OWNER);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_EvictControl(c->esys, ESYS_TR_RH_OWNER, object,
            pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE, at, &new_tr);
        st = pqi_tpm_check(c, rc, "a persistent handle of the TPM (owner hierarchy)");
    }
    if (st == PQI_OK && new_tr != ESYS_TR_NONE) {
        (void)Esys_TR_Close(c->esys, &new_tr);
    }
    return st;
}

pqi_status pqi_tpm_persist(tpm_conn *c, ESYS_TR object, TPM2_HANDLE at)
{
    return evict_control(c, object, at);
}

pqi_status pqi_tpm_evict(tpm_conn *c, TPM2_HANDLE h)
{
    ESYS_TR tr = ESYS_TR_NONE;
    pqi_status st = is_there(c, h);
    if (st == PQI_OK) {
        TSS2_RC rc =
            Esys_TR_FromTPMPublic(c->esys, h, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr);
        st = pqi_tpm_check(c, rc, "an object of the TPM");
    }
    if (st == PQI_OK) {
        st = evict_control(c, tr, h);
    }
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* ---- PCRs ---------------------------------------------------------------------------------------------- */

void pqi_tpm_pcr_select(uint32_t mask, TPML_PCR_SELECTION *out)
{
    memset(out, 0, sizeof *out);
    out->count = 1;
    out->pcrSelections[0].hash = TPM2_ALG_SHA256;
    out->pcrSelections[0].sizeofSelect = 3;
    for (size_t i = 0; i < 3; i++) {
        out->pcrSelections[0].pcrSelect[i] = (uint8_t)(mask >> (8 * i));
    }
}

static uint32_t mask_of(const TPML_PCR_SELECTION *s)
{
    uint32_t m = 0;
    for (uint32_t k = 0; k < s->count; k++) {
        const TPMS_PCR_SELECTION *one = &s->pcrSelections[k];
        for (uint32_t i = 0; one->hash == TPM2_ALG_SHA256 && i < one->sizeofSelect && i < 3; i++) {
            m |= (uint32_t)one->pcrSelect[i] << (8 * i);
        }
    }
    return m;
}

static unsigned bits_of(uint32_t m)
{
    unsigned n = 0;
    for (; m != 0; m &= m - 1) {
        n++;
    }
    return n;
}

/* A TPM gives at most eight digests at a time. A key is sealed to them: nothing on the way may choose them. */
static pqi_status read_some(tpm_conn *c, uint32_t *left, uint32_t mask, uint8_t *values)
{
    ESYS_TR audit;
    TPML_PCR_SELECTION want, *got = NULL;
    TPML_DIGEST *d = NULL;
    UINT32 update;
    pqi_tpm_pcr_select(*left, &want);
    if (!audited(c, &audit)) {
        return PQI_ERR_PROVIDER;
    }
    TSS2_RC rc =
        Esys_PCR_Read(c->esys, audit, ESYS_TR_NONE, ESYS_TR_NONE, &want, &update, &got, &d);
    pqi_status st = pqi_tpm_check(c, rc, "reading PCRs");
    uint32_t have = st == PQI_OK ? mask_of(got) & *left : 0;
    if (st == PQI_OK && (have == 0 || d->count != bits_of(have))) {
        st = pqi_why(PQI_ERR_UNSUPPORTED, "the TPM has no SHA-256 bank with all these PCRs");
    }
    uint32_t k = 0;
    for (unsigned i = 0; st == PQI_OK && i < 24; i++) {
        if ((have >> i & 1u) == 0) {
            continue;
        }
        if (d->digests[k].size != 32) {
            st = PQI_ERR_UNSUPPORTED;
            break;
        }
        memcpy(values + 32u * bits_of(mask & ((1u << i) - 1u)), d->digests[k].buffer, 32);
        k++;
    }
    *left &= ~have;
    Esys_Free(got);
    Esys_Free(d);
    return st;
}

pqi_status pqi_tpm_pcr_read(tpm_conn *c, uint32_t mask, pqi_span values)
{
    uint32_t left = mask;
    if (mask == 0 || (mask & ~TPM_PCRS_ALL) != 0 || values.len != 32u * bits_of(mask)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = PQI_OK;
    while (st == PQI_OK && left != 0) {
        st = read_some(c, &left, mask, values.ptr);
    }
    return st;
}
