/* SPDX-License-Identifier: Apache-2.0
 * The counter of a directory: an NV index of type counter, which only ever goes up by one. Its value is
 * the generation as it is: no offset is stored, as whoever restores a disk could shift it. A counter that
 * is deleted and made again starts above every value that one of the TPM ever had (TPM 2.0 part 1
 * section 37.2.4), so the saved state stays refused. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <string.h>

#include <tss2/tss2_mu.h>

/* Read by the owner too: `pqi tpm show`. Not orderly: such a counter may skip values after a loss of power,
 * and is only kept in RAM until then. */
#define ATTRIBUTES                                                                                 \
    (TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_OWNERREAD |                                    \
        (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT))
#define COUNTER_LEN 8u

bool pqi_tpm_is_counter(const TPM2B_NV_PUBLIC *pub, bool *written)
{
    const TPMS_NV_PUBLIC *p = &pub->nvPublic;
    *written = (p->attributes & TPMA_NV_WRITTEN) != 0;
    return p->nameAlg == TPM2_ALG_SHA256 && p->dataSize == COUNTER_LEN && p->authPolicy.size == 0 &&
           (p->attributes & ~(TPMA_NV_WRITTEN | TPMA_NV_NO_DA)) == ATTRIBUTES;
}

pqi_status pqi_tpm_nv_public(tpm_conn *c, TPM2_HANDLE index, ESYS_TR *tr, TPM2B_NV_PUBLIC **pub)
{
    *pub = NULL;
    *tr = ESYS_TR_NONE;
    TSS2_RC rc =
        Esys_TR_FromTPMPublic(c->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, tr);
    if (rc == TSS2_RC_SUCCESS) {
        rc = Esys_NV_ReadPublic(c->esys, *tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, pub, NULL);
    }
    return pqi_tpm_check(c, rc, "an NV index of the TPM");
}

pqi_status pqi_tpm_nv_undefine(tpm_conn *c, TPM2_HANDLE index)
{
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_NV_PUBLIC *pub;
    pqi_status st = pqi_tpm_nv_public(c, index, &tr, &pub);
    Esys_Free(pub);
    if (st == PQI_OK) {
        st = pqi_tpm_hierarchy_auth(c, ESYS_TR_RH_OWNER);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_NV_UndefineSpace(
            c->esys, ESYS_TR_RH_OWNER, tr, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE);
        st = pqi_tpm_check(c, rc, "removing an NV index (owner hierarchy)");
    }
    return st;
}

/* ---- making it -------------------------------------------------------------------------------------------- */

static void counter_public(const tpm_element *e, TPM2_HANDLE index, TPM2B_NV_PUBLIC *out)
{
    memset(out, 0, sizeof *out);
    out->nvPublic.nvIndex = index;
    out->nvPublic.nameAlg = TPM2_ALG_SHA256;
    out->nvPublic.attributes = ATTRIBUTES | (e->has_secret ? 0u : TPMA_NV_NO_DA);
    out->nvPublic.dataSize = COUNTER_LEN;
}

/* The name that the index has once it was written. */
static pqi_status counter_name(
    const tpm_element *e, TPM2_HANDLE index, uint8_t name[PQI_TPM_NAME_LEN])
{
    TPM2B_NV_PUBLIC pub;
    uint8_t area[sizeof pub];
    size_t n = 0;
    counter_public(e, index, &pub);
    pub.nvPublic.attributes |= TPMA_NV_WRITTEN;
    if (Tss2_MU_TPMS_NV_PUBLIC_Marshal(&pub.nvPublic, area, sizeof area, &n) != TSS2_RC_SUCCESS) {
        return PQI_ERR_PROVIDER;
    }
    const pqi_cspan part = {area, n};
    name[0] = (uint8_t)(TPM2_ALG_SHA256 >> 8);
    name[1] = (uint8_t)(TPM2_ALG_SHA256 & 0xff);
    return pqi_classic_openssl.hash(PQI_HASH_SHA256, &part, 1, name + 2);
}

static pqi_status define(tpm_element *e, tpm_conn *c, TPM2_HANDLE index)
{
    TPM2B_AUTH auth;
    TPM2B_NV_PUBLIC pub;
    ESYS_TR tr = ESYS_TR_NONE;
    counter_public(e, index, &pub);
    pqi_status st = pqi_tpm_copy_secret(e, &auth);
    if (st == PQI_OK) {
        st = pqi_tpm_hierarchy_auth(c, ESYS_TR_RH_OWNER);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_NV_DefineSpace(c->esys, ESYS_TR_RH_OWNER, pqi_tpm_with(c, TPM_IN),
            ESYS_TR_NONE, ESYS_TR_NONE, &auth, &pub, &tr);
        st = pqi_tpm_check(c, rc, "making a counter in the TPM (owner hierarchy)");
    }
    pqi_tpm_drop_secret(e, c, tr);
    pqi_tpm_scrub(c, auth.buffer, auth.size);
    pqi_wipe(&auth, sizeof auth);
    return st;
}

/* The first index that is free, or holds a counter of ours that was never used: a birth that was cut
 * off. One that was used belongs to another directory. */
static pqi_status free_index(tpm_conn *c, TPM2_HANDLE *out)
{
    uint64_t mask = 0;
    pqi_status st = pqi_tpm_handles(c, c->uri->nv, TPM_NV_MAX, &mask);
    for (uint32_t i = 0; st == PQI_OK && i < TPM_NV_MAX; i++) {
        ESYS_TR tr = ESYS_TR_NONE;
        TPM2B_NV_PUBLIC *pub;
        *out = c->uri->nv + i;
        if ((mask >> i & 1u) == 0) {
            return PQI_OK;
        }
        st = pqi_tpm_nv_public(c, *out, &tr, &pub);
        bool written = true, ours = st == PQI_OK && pqi_tpm_is_counter(pub, &written);
        Esys_Free(pub);
        if (ours && !written) {
            return pqi_tpm_nv_undefine(c, *out);
        }
    }
    return st != PQI_OK ? st
                        : pqi_why(PQI_ERR_LIMIT,
                              "all %u counters of the TPM from 0x%08x on are taken: pqi tpm show "
                              "lists them, another nv= or pqi tpm clear makes room",
                              TPM_NV_MAX, c->uri->nv);
}

static pqi_status make(tpm_element *e, tpm_conn *c)
{
    TPM2_HANDLE index;
    tpm_table t = e->table;
    pqi_status st = free_index(c, &index);
    if (st == PQI_OK) {
        st = define(e, c, index);
    }
    t.nv = index;
    if (st == PQI_OK) {
        st = counter_name(e, index, t.nv_name);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_table_save(e->dir, &t);
    }
    if (st == PQI_OK) {
        e->table = t;
    }
    return st;
}

static pqi_status increment(tpm_element *e, tpm_conn *c, ESYS_TR tr)
{
    pqi_status st = pqi_tpm_use_secret(e, c, tr);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_NV_Increment(
            c->esys, tr, tr, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE);
        st = pqi_tpm_check(c, rc, "advancing the TPM's counter");
    }
    pqi_tpm_drop_secret(e, c, tr);
    return st;
}

pqi_status pqi_tpm_counter_ready(tpm_element *e, tpm_conn *c, bool create)
{
    uint64_t there = 0;
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_NV_PUBLIC *pub = NULL;
    bool written = true;
    pqi_status st = PQI_OK;
    if (e->table.nv != 0) {
        st = pqi_tpm_handles(c, e->table.nv, 1, &there);
    }
    if (st == PQI_OK && there == 0) {
        if (!create) {
            return pqi_why(PQI_ERR_MISSING,
                "the counter of these keys is not in the TPM: it was removed, or they were never "
                "complete");
        }
        st = make(e, c);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_nv_public(c, e->table.nv, &tr, &pub);
    }
    if (st == PQI_OK && !pqi_tpm_is_counter(pub, &written)) {
        st = pqi_why(
            PQI_ERR_MISSING, "the TPM's index 0x%08x is no counter of these keys", e->table.nv);
    }
    Esys_Free(pub);
    if (st == PQI_OK && !written) {
        st = increment(e, c, tr);
    }
    return st == PQI_OK ? pqi_tpm_object(c, e->table.nv, e->table.nv_name, &tr) : st;
}

/* ---- using it ----------------------------------------------------------------------------------------------- */

static pqi_status read_counter(tpm_element *e, tpm_conn *c, ESYS_TR tr, uint64_t *value)
{
    TPM2B_MAX_NV_BUFFER *d = NULL;
    pqi_status st = pqi_tpm_use_secret(e, c, tr);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_NV_Read(c->esys, tr, tr, pqi_tpm_with(c, TPM_OUT), ESYS_TR_NONE,
            ESYS_TR_NONE, COUNTER_LEN, 0, &d);
        st = pqi_tpm_check(c, rc, "reading the TPM's counter");
    }
    pqi_tpm_drop_secret(e, c, tr);
    if (st == PQI_OK && d->size != COUNTER_LEN) {
        st = PQI_ERR_PROVIDER;
    }
    *value = 0;
    for (size_t i = 0; st == PQI_OK && i < COUNTER_LEN; i++) {
        *value = *value << 8 | d->buffer[i];
    }
    Esys_Free(d);
    return st;
}

static pqi_status do_generation(tpm_element *e, tpm_conn *c, void *arg)
{
    ESYS_TR tr = ESYS_TR_NONE;
    pqi_status st = pqi_tpm_object(c, e->table.nv, e->table.nv_name, &tr);
    return st == PQI_OK ? read_counter(e, c, tr, arg) : st;
}

pqi_status pqi_tpm_generation(void *arg, uint64_t *value)
{
    *value = 0;
    return pqi_tpm_run(arg, do_generation, value);
}

/* May be run twice: what an interrupted try has done is seen. */
static pqi_status do_advance(tpm_element *e, tpm_conn *c, void *arg)
{
    const uint64_t want = *(const uint64_t *)arg;
    uint64_t now = 0;
    ESYS_TR tr = ESYS_TR_NONE;
    pqi_status st = pqi_tpm_object(c, e->table.nv, e->table.nv_name, &tr);
    if (st == PQI_OK) {
        st = read_counter(e, c, tr, &now);
    }
    if (st != PQI_OK || now == want) {
        return st;
    }
    if (want == 0 || now != want - 1u) {
        return pqi_why(PQI_ERR_STATE, "the TPM's counter moved: something else uses it");
    }
    return increment(e, c, tr);
}

pqi_status pqi_tpm_advance(void *arg, uint64_t value)
{
    return pqi_tpm_run(arg, do_advance, &value);
}
