/* SPDX-License-Identifier: Apache-2.0
 * The KEK of a directory, sealed: an object under the storage key that is given out only while the PCRs
 * are as they were, or as the holder of the policy key has approved, and only for the directory's secret.
 *
 *   "PQTB" | version 1 | kind 1 | PCR mask 4 | value 32 for each bit | [signer 65] |
 *   length 2, TPM2B_PUBLIC | length 2, TPM2B_PRIVATE
 *
 * The values tell people what has changed; the TPM goes by the policy in the object. Inside, beside the KEK,
 * is the name of the directory's counter: an old image must not pass with another counter of the TPM that
 * stands where it did then. */
#include "base/rd.h"
#include "base/wr.h"
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tss2/tss2_mu.h>

#define VERSION     1u
#define INSIDE      (PQI_ELEMENT_KEK + PQI_TPM_NAME_LEN) /* what is sealed: KEK || name of the counter */
#define KIND_PCR    1u
#define KIND_SIGNED 2u

static const uint8_t magic[4] = {'P', 'Q', 'T', 'B'};

typedef struct sealed {
    uint8_t kind;
    uint32_t mask;
    uint8_t values[TPM_PCR_BYTES];
    uint8_t signer[65];
    TPM2B_PUBLIC pub;
    TPM2B_PRIVATE priv;
} sealed;

/* ---- encoding -------------------------------------------------------------------------------------------- */

static pqi_status put(const sealed *s, pqi_span out, size_t *len)
{
    uint8_t pub[sizeof s->pub], priv[sizeof s->priv];
    size_t pub_len = 0, priv_len = 0;
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(&s->pub, pub, sizeof pub, &pub_len) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Marshal(&s->priv, priv, sizeof priv, &priv_len) != TSS2_RC_SUCCESS) {
        return PQI_ERR_PROVIDER;
    }
    wr w = wr_of(out);
    wr_bytes(&w, (pqi_cspan){magic, sizeof magic});
    wr_u8(&w, VERSION);
    wr_u8(&w, s->kind);
    wr_u32(&w, s->mask);
    wr_bytes(&w, (pqi_cspan){s->values, 32u * pqi_tpm_pcr_count(s->mask)});
    wr_bytes(&w, (pqi_cspan){s->signer, s->kind == KIND_SIGNED ? sizeof s->signer : 0});
    wr_vec16(&w, (pqi_cspan){pub, pub_len});
    wr_vec16(&w, (pqi_cspan){priv, priv_len});
    *len = w.len;
    return w.len <= out.len ? PQI_OK : PQI_ERR_SPACE;
}

/* A TPM2B and nothing behind it. The stack does not look at the length in front. */
static bool whole(pqi_cspan b)
{
    rd r = rd_of(b);
    uint16_t rest = rd_u16(&r);
    return rest == r.left && !r.bad;
}

static bool objects(pqi_cspan pub, pqi_cspan priv, sealed *s)
{
    size_t at = 0, end = 0;
    return whole(pub) && whole(priv) &&
           Tss2_MU_TPM2B_PUBLIC_Unmarshal(pub.ptr, pub.len, &at, &s->pub) == TSS2_RC_SUCCESS &&
           at == pub.len &&
           Tss2_MU_TPM2B_PRIVATE_Unmarshal(priv.ptr, priv.len, &end, &s->priv) == TSS2_RC_SUCCESS &&
           end == priv.len;
}

static bool decode(pqi_cspan in, sealed *s)
{
    rd r = rd_of(in);
    memset(s, 0, sizeof *s);
    pqi_cspan m = rd_bytes(&r, sizeof magic);
    uint8_t version = rd_u8(&r);
    s->kind = rd_u8(&r);
    s->mask = rd_u32(&r);
    if (m.ptr == NULL || memcmp(m.ptr, magic, sizeof magic) != 0 || version != VERSION ||
        (s->kind != KIND_PCR && s->kind != KIND_SIGNED) || (s->mask & ~TPM_PCRS_ALL) != 0) {
        return false;
    }
    pqi_cspan values = rd_bytes(&r, 32u * pqi_tpm_pcr_count(s->mask));
    pqi_cspan signer = rd_bytes(&r, s->kind == KIND_SIGNED ? sizeof s->signer : 0);
    pqi_cspan pub = rd_vec16(&r, 1, sizeof s->pub), priv = rd_vec16(&r, 1, sizeof s->priv);
    if (rd_done(&r) != PQI_OK) {
        return false;
    }
    memcpy(s->values, values.ptr, values.len);
    if (signer.len != 0) {
        memcpy(s->signer, signer.ptr, signer.len);
    }
    return objects(pub, priv, s);
}

/* ---- the state of the platform ----------------------------------------------------------------------------- */

static pqi_status pcr_values(tpm_conn *c, uint32_t mask, uint8_t values[TPM_PCR_BYTES])
{
    memset(values, 0, TPM_PCR_BYTES);
    return pqi_tpm_pcr_read(c, mask, (pqi_span){values, 32u * pqi_tpm_pcr_count(mask)});
}

static uint32_t differing(uint32_t mask, const uint8_t *a, const uint8_t *b)
{
    uint32_t out = 0;
    size_t k = 0;
    for (unsigned i = 0; i < 24; i++) {
        if ((mask >> i & 1u) != 0) {
            out |= memcmp(a + 32 * k, b + 32 * k, 32) != 0 ? 1u << i : 0;
            k++;
        }
    }
    return out;
}

static pqi_status changed(const sealed *s, uint32_t which)
{
    char text[TPM_PCRS_TEXT];
    pqi_tpm_pcrs_text(which, text);
    if (s->kind == KIND_SIGNED) {
        return pqi_why(PQI_ERR_POLICY,
            "the platform's state is not approved: PCR %s changed since the keys were made, and no "
            "approval for the present values is there. A signed policy for the new firmware is "
            "needed: pqi tpm policy",
            text);
    }
    return pqi_why(PQI_ERR_POLICY,
        "the platform's state changed: PCR %s is not what the keys were sealed to. Start the old "
        "firmware or make new keys; with a policy key (policy=FILE) a signed policy would do: pqi "
        "tpm policy",
        text);
}

/* The approval whose values are the present ones. */
static pqi_status find_approval(tpm_element *e, tpm_conn *c, const sealed *s, tpm_approval *out)
{
    uint8_t now[TPM_PCR_BYTES];
    size_t n = 0, others = 0;
    bool found = false;
    tpm_approval *all = calloc(TPM_APPROVALS_MAX, sizeof *all);
    pqi_status st = all != NULL ? pqi_tpm_approvals_load(e->dir, all, &n) : PQI_ERR_LIMIT;
    for (size_t i = 0; st == PQI_OK && i < n && !found; i++) {
        st = pcr_values(c, all[i].mask, now);
        found = st == PQI_OK && differing(all[i].mask, all[i].values, now) == 0;
        if (found && memcmp(all[i].signer, s->signer, sizeof s->signer) != 0) {
            found = false;
            others++;
        }
        if (found) {
            *out = all[i];
        }
    }
    free(all);
    if (st == PQI_OK && !found && others != 0) {
        st = pqi_why(PQI_ERR_POLICY,
            "the approval of the platform's present state is signed by another key than the policy "
            "key of these keys");
    } else if (st == PQI_OK && !found) {
        st = pcr_values(c, s->mask, now);
        st = st == PQI_OK ? changed(s, differing(s->mask, s->values, now)) : st;
    }
    return st;
}

/* TPM2_VerifySignature with the signer's key; the ticket proves it to TPM2_PolicyAuthorize. */
static pqi_status verify(
    tpm_conn *c, const tpm_approval *a, TPM2B_NAME **name, TPMT_TK_VERIFIED **ticket)
{
    uint8_t msg[TPM_APPROVAL_MSG];
    TPM2B_PUBLIC pub;
    TPM2B_DIGEST digest = {.size = 32};
    TPMT_SIGNATURE sig = {.sigAlg = TPM2_ALG_ECDSA};
    pqi_tpm_signer_public(a->signer, &pub);
    sig.signature.ecdsa.hash = TPM2_ALG_SHA256;
    sig.signature.ecdsa.signatureR.size = sig.signature.ecdsa.signatureS.size = 32;
    memcpy(sig.signature.ecdsa.signatureR.buffer, a->sig, 32);
    memcpy(sig.signature.ecdsa.signatureS.buffer, a->sig + 32, 32);
    const pqi_cspan part = {msg, sizeof msg};
    pqi_status st = pqi_tpm_approval_message(a, msg);
    if (st == PQI_OK) {
        st = pqi_classic_openssl.hash(PQI_HASH_SHA256, &part, 1, digest.buffer);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_LoadExternal(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL,
            &pub, ESYS_TR_RH_OWNER, &c->object[1]);
        if (rc == TSS2_RC_SUCCESS) {
            rc = Esys_TR_GetName(c->esys, c->object[1], name);
        }
        if (rc == TSS2_RC_SUCCESS) {
            rc = Esys_VerifySignature(c->esys, c->object[1], ESYS_TR_NONE, ESYS_TR_NONE,
                ESYS_TR_NONE, &digest, &sig, ticket);
        }
        st = pqi_tpm_check(c, rc, "the signature of the approval");
        st = st == PQI_ERR_AUTH ? PQI_ERR_POLICY : st;
    }
    pqi_tpm_flush(c, &c->object[1]);
    return st;
}

/* ---- sealing --------------------------------------------------------------------------------------------- */

static pqi_status policy_of(const sealed *s, uint8_t digest[32])
{
    pqi_status st = s->kind == KIND_SIGNED ? pqi_tpm_policy_signed(s->signer, digest)
                                           : pqi_tpm_policy_pcr(s->mask, s->values, digest);
    return st == PQI_OK ? pqi_tpm_policy_and_secret(digest) : st;
}

/* With a policy key, the present state has to be approved already: keys that would not open again are not
 * made. */
static pqi_status choose_policy(tpm_element *e, tpm_conn *c, sealed *s)
{
    tpm_approval a;
    TPM2B_NAME *name = NULL;
    TPMT_TK_VERIFIED *ticket = NULL;
    s->kind = e->uri.policy[0] != 0 ? KIND_SIGNED : KIND_PCR;
    s->mask = e->uri.pcrs;
    pqi_status st = pcr_values(c, s->mask, s->values);
    if (st == PQI_OK && s->kind == KIND_SIGNED) {
        st = pqi_tpm_signer_read(e->uri.policy, s->signer);
        if (st == PQI_OK) {
            st = find_approval(e, c, s, &a);
        }
        if (st == PQI_OK) {
            st = verify(c, &a, &name, &ticket);
        }
    }
    Esys_Free(name);
    Esys_Free(ticket);
    return st;
}

static pqi_status seal(tpm_element *e, tpm_conn *c, const uint8_t *kek, sealed *s)
{
    static const TPM2B_DATA no_info = {.size = 0};
    static const TPML_PCR_SELECTION no_pcrs = {.count = 0};
    TPM2B_SENSITIVE_CREATE in = {.size = 0};
    TPM2B_PUBLIC want, *pub = NULL;
    TPM2B_PRIVATE *priv = NULL;
    memset(&want, 0, sizeof want);
    want.publicArea.type = TPM2_ALG_KEYEDHASH;
    want.publicArea.nameAlg = TPM2_ALG_SHA256;
    want.publicArea.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                       TPMA_OBJECT_ADMINWITHPOLICY |
                                       (e->has_secret ? 0u : TPMA_OBJECT_NODA);
    want.publicArea.authPolicy.size = 32;
    want.publicArea.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
    pqi_status st = policy_of(s, want.publicArea.authPolicy.buffer);
    if (st == PQI_OK) {
        st = pqi_tpm_copy_secret(e, &in.sensitive.userAuth);
    }
    if (st == PQI_OK) {
        in.sensitive.data.size = INSIDE;
        memcpy(in.sensitive.data.buffer, kek, PQI_ELEMENT_KEK);
        memcpy(in.sensitive.data.buffer + PQI_ELEMENT_KEK, e->table.nv_name, PQI_TPM_NAME_LEN);
        TSS2_RC rc = Esys_Create(c->esys, c->srk, pqi_tpm_with(c, TPM_BOTH), ESYS_TR_NONE,
            ESYS_TR_NONE, &in, &want, &no_info, &no_pcrs, &priv, &pub, NULL, NULL, NULL);
        st = pqi_tpm_check(c, rc, "sealing in the TPM");
    }
    if (st == PQI_OK) {
        s->pub = *pub;
        s->priv = *priv;
    }
    pqi_tpm_scrub(c, in.sensitive.userAuth.buffer, in.sensitive.userAuth.size);
    pqi_tpm_scrub(c, kek, PQI_ELEMENT_KEK);
    pqi_wipe(&in, sizeof in);
    Esys_Free(pub);
    Esys_Free(priv);
    return st;
}

typedef struct seal_args {
    const uint8_t *kek;
    uint8_t *out; /* of unwrap */
    pqi_span blob;
    size_t *len;
    sealed *s;
} seal_args;

static pqi_status do_wrap(tpm_element *e, tpm_conn *c, void *arg)
{
    const seal_args *a = arg;
    pqi_status st = choose_policy(e, c, a->s);
    if (st == PQI_OK) {
        st = seal(e, c, a->kek, a->s);
    }
    return st == PQI_OK ? put(a->s, a->blob, a->len) : st;
}

pqi_status pqi_tpm_wrap(
    pqi_host_element *e, const uint8_t kek[PQI_ELEMENT_KEK], pqi_span blob, size_t *len)
{
    seal_args a = {.kek = kek, .blob = blob, .len = len, .s = calloc(1, sizeof(sealed))};
    *len = 0;
    if (a.s == NULL) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = pqi_tpm_run(e->element.arg, do_wrap, &a);
    free(a.s);
    *len = st == PQI_OK ? *len : 0;
    return st;
}

/* ---- unsealing ------------------------------------------------------------------------------------------- */

static TSS2_RC policy_pcr(tpm_conn *c, uint32_t mask)
{
    static const TPM2B_DIGEST any = {.size = 0};
    TPML_PCR_SELECTION select;
    pqi_tpm_pcr_select(mask, &select);
    return Esys_PolicyPCR(
        c->esys, c->policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &any, &select);
}

static pqi_status authorize(tpm_conn *c, const tpm_approval *a)
{
    TPM2B_NAME *name = NULL;
    TPMT_TK_VERIFIED *ticket = NULL;
    TPM2B_DIGEST approved = {.size = 32};
    TPM2B_NONCE policy_ref = {.size = sizeof TPM_APPROVAL_REF - 1u};
    memcpy(policy_ref.buffer, TPM_APPROVAL_REF, policy_ref.size);
    pqi_status st = verify(c, a, &name, &ticket);
    if (st == PQI_OK) {
        st = pqi_tpm_policy_pcr(a->mask, a->values, approved.buffer);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = policy_pcr(c, a->mask);
        if (rc == TSS2_RC_SUCCESS) {
            rc = Esys_PolicyAuthorize(c->esys, c->policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                &approved, &policy_ref, name, ticket);
        }
        /* the PCRs changed since they were read, or the approval is not for this TPM's values */
        st = rc == TSS2_RC_SUCCESS
                 ? PQI_OK
                 : (pqi_tpm_check(c, rc, "the approval of the platform's state") == PQI_ERR_PROVIDER
                           ? PQI_ERR_POLICY
                           : pqi_tpm_error_find(rc)->status);
    }
    Esys_Free(name);
    Esys_Free(ticket);
    return st;
}

static pqi_status satisfy(tpm_element *e, tpm_conn *c, const sealed *s)
{
    const TPMT_SYM_DEF sym = {
        .algorithm = TPM2_ALG_AES, .keyBits = {.aes = 128}, .mode = {.aes = TPM2_ALG_CFB}};
    uint8_t now[TPM_PCR_BYTES];
    tpm_approval a;
    pqi_status st = PQI_OK;
    if (s->kind == KIND_SIGNED) {
        st = find_approval(e, c, s, &a);
    } else {
        st = pcr_values(c, s->mask, now);
        uint32_t diff = st == PQI_OK ? differing(s->mask, s->values, now) : 0;
        st = diff != 0 ? changed(s, diff) : st;
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_StartAuthSession(c->esys, c->srk, ESYS_TR_NONE, ESYS_TR_NONE,
            ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &sym, TPM2_ALG_SHA256, &c->policy);
        st = pqi_tpm_check(c, rc, "a policy session with the TPM");
    }
    if (st == PQI_OK) {
        st = s->kind == KIND_SIGNED
                 ? authorize(c, &a)
                 : pqi_tpm_check(c, policy_pcr(c, s->mask), "the policy of the platform's state");
    }
    if (st == PQI_OK) {
        TSS2_RC rc =
            Esys_PolicyAuthValue(c->esys, c->policy, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
        st = pqi_tpm_check(c, rc, "the policy of the password");
    }
    return st;
}

static pqi_status do_unwrap(tpm_element *e, tpm_conn *c, void *arg)
{
    const seal_args *a = arg;
    TPM2B_SENSITIVE_DATA *out = NULL;
    pqi_status st = satisfy(e, c, a->s);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Load(c->esys, c->srk, pqi_tpm_with(c, TPM_IN), ESYS_TR_NONE, ESYS_TR_NONE,
            &a->s->priv, &a->s->pub, &c->object[0]);
        st = pqi_tpm_check(c, rc, "loading the sealed key");
    }
    if (st == PQI_OK) {
        st = pqi_tpm_use_secret(e, c, c->object[0]);
    }
    if (st == PQI_OK) {
        TPMA_SESSION flags = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_ENCRYPT;
        TSS2_RC rc = Esys_TRSess_SetAttributes(c->esys, c->policy, flags, 0xff);
        if (rc == TSS2_RC_SUCCESS) {
            rc = Esys_Unseal(c->esys, c->object[0], c->policy, ESYS_TR_NONE, ESYS_TR_NONE, &out);
        }
        st = pqi_tpm_check(c, rc, "unsealing in the TPM");
    }
    pqi_tpm_drop_secret(e, c, c->object[0]);
    if (st == PQI_OK && out->size != INSIDE) {
        st = PQI_ERR_STORAGE;
    }
    if (st == PQI_OK &&
        memcmp(out->buffer + PQI_ELEMENT_KEK, e->table.nv_name, PQI_TPM_NAME_LEN) != 0) {
        pqi_tpm_scrub(c, out->buffer, PQI_ELEMENT_KEK);
        st = pqi_why(PQI_ERR_ROLLBACK,
            "the TPM's counter 0x%08x is not the one of these keys: tpm.keys was changed or is "
            "another directory's",
            e->table.nv);
    }
    if (st == PQI_OK) {
        memcpy(a->out, out->buffer, PQI_ELEMENT_KEK);
        pqi_tpm_scrub(c, out->buffer, PQI_ELEMENT_KEK);
    }
    if (out != NULL) {
        pqi_wipe(out, sizeof *out);
    }
    Esys_Free(out);
    return st;
}

pqi_status pqi_tpm_unwrap(pqi_host_element *e, pqi_cspan blob, uint8_t kek[PQI_ELEMENT_KEK])
{
    seal_args a = {.out = kek, .s = calloc(1, sizeof(sealed))};
    memset(kek, 0, PQI_ELEMENT_KEK);
    if (a.s == NULL) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = decode(blob, a.s)
                        ? pqi_tpm_run(e->element.arg, do_unwrap, &a)
                        : pqi_why(PQI_ERR_STORAGE, "the sealed key (root.pqi) is damaged");
    free(a.s);
    if (st != PQI_OK) {
        pqi_wipe(kek, PQI_ELEMENT_KEK);
    }
    return st;
}
