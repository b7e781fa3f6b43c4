/* SPDX-License-Identifier: Apache-2.0
 * Policies: digests as a TPM computes them (TPM 2.0 part 3 sections 23.7, 23.16, 23.17), and approvals:
 *
 *   "PQTA" | version 1 | PCR mask 4 | value 32 for each bit | signer 65 | signature 64
 *
 * The signature, ECDSA over SHA-256, is over policyDigest of PolicyPCR 32 || "PQI4 tpm approval": what
 * TPM2_VerifySignature and TPM2_PolicyAuthorize want. tpm.policy holds approvals one after the other. */
#include "base/rd.h"
#include "base/wr.h"
#include "port/linux/file_atomic.h"
#include "port/linux/ossl.h"
#include "port/linux/ossl_p256.h"
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/composite.h>
#include <pqi/wipe.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/pem.h>

#include <tss2/tss2_mu.h>

#define VERSION      1u
#define APPROVAL_MAX (4u + 1u + 4u + TPM_PCR_BYTES + 65u + 64u)

static const uint8_t magic[4] = {'P', 'Q', 'T', 'A'};
static const uint8_t ref[] = TPM_APPROVAL_REF;

unsigned pqi_tpm_pcr_count(uint32_t mask)
{
    unsigned n = 0;
    for (; mask != 0; mask &= mask - 1u) {
        n++;
    }
    return n;
}

/* ---- digests ------------------------------------------------------------------------------------------- */

static pqi_status sha256(const pqi_cspan *parts, size_t n, uint8_t out[32])
{
    return pqi_classic_openssl.hash(PQI_HASH_SHA256, parts, n, out);
}

static void put_code(TPM2_CC code, uint8_t out[4])
{
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(code >> (24 - 8 * i));
    }
}

pqi_status pqi_tpm_policy_pcr(uint32_t mask, const uint8_t *values, uint8_t digest[32])
{
    static const uint8_t zero[32];
    uint8_t code[4], select[64], pcrs[32];
    size_t n = 0;
    TPML_PCR_SELECTION s;
    pqi_tpm_pcr_select(mask, &s);
    const pqi_cspan all = {values, 32u * pqi_tpm_pcr_count(mask)};
    if (Tss2_MU_TPML_PCR_SELECTION_Marshal(&s, select, sizeof select, &n) != TSS2_RC_SUCCESS) {
        return PQI_ERR_PROVIDER;
    }
    put_code(TPM2_CC_PolicyPCR, code);
    const pqi_cspan parts[] = {
        {zero, sizeof zero}, {code, sizeof code}, {select, n}, {pcrs, sizeof pcrs}};
    pqi_status st = sha256(&all, 1, pcrs);
    return st == PQI_OK ? sha256(parts, 4, digest) : st;
}

void pqi_tpm_signer_public(const uint8_t signer[65], TPM2B_PUBLIC *out)
{
    memset(out, 0, sizeof *out);
    TPMT_PUBLIC *p = &out->publicArea;
    p->type = TPM2_ALG_ECC;
    p->nameAlg = TPM2_ALG_SHA256;
    p->objectAttributes = TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_USERWITHAUTH;
    TPMS_ECC_PARMS *d = &p->parameters.eccDetail;
    d->symmetric.algorithm = TPM2_ALG_NULL;
    d->scheme.scheme = TPM2_ALG_ECDSA;
    d->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    d->curveID = TPM2_ECC_NIST_P256;
    d->kdf.scheme = TPM2_ALG_NULL;
    p->unique.ecc.x.size = p->unique.ecc.y.size = 32;
    memcpy(p->unique.ecc.x.buffer, signer + 1, 32);
    memcpy(p->unique.ecc.y.buffer, signer + 33, 32);
}

pqi_status pqi_tpm_policy_signed(const uint8_t signer[65], uint8_t digest[32])
{
    static const uint8_t zero[32];
    uint8_t code[4], name[PQI_TPM_NAME_LEN], half[32];
    TPM2B_PUBLIC pub;
    pqi_tpm_signer_public(signer, &pub);
    put_code(TPM2_CC_PolicyAuthorize, code);
    const pqi_cspan first[] = {{zero, sizeof zero}, {code, sizeof code}, {name, sizeof name}};
    const pqi_cspan second[] = {{half, sizeof half}, {ref, sizeof ref - 1u}};
    pqi_status st = pqi_tpm_name_of(&pub, name);
    if (st == PQI_OK) {
        st = sha256(first, 3, half);
    }
    return st == PQI_OK ? sha256(second, 2, digest) : st;
}

pqi_status pqi_tpm_policy_and_secret(uint8_t digest[32])
{
    uint8_t code[4], old[32];
    put_code(TPM2_CC_PolicyAuthValue, code);
    memcpy(old, digest, sizeof old);
    const pqi_cspan parts[] = {{old, sizeof old}, {code, sizeof code}};
    return sha256(parts, 2, digest);
}

pqi_status pqi_tpm_approval_message(const tpm_approval *a, uint8_t out[TPM_APPROVAL_MSG])
{
    memcpy(out + 32, ref, sizeof ref - 1u);
    return pqi_tpm_policy_pcr(a->mask, a->values, out);
}

/* ---- signing and checking ------------------------------------------------------------------------------- */

static pqi_status not_a_key(const char *path, EVP_PKEY *k)
{
    EVP_PKEY_free(k);
    return pqi_why(pqi_ossl_fail(PQI_ERR_DECODE), "%.200s holds no P-256 key in PEM", path);
}

static pqi_status read_key(const char *path, bool private, EVP_PKEY **out)
{
    FILE *f = fopen(path, "re");
    *out = NULL;
    if (f == NULL) {
        return pqi_why(PQI_ERR_STORAGE, "cannot read %.200s: %s", path, strerror(errno));
    }
    *out =
        private ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : PEM_read_PUBKEY(f, NULL, NULL, NULL);
    (void)fclose(f);
    return *out != NULL ? PQI_OK : not_a_key(path, NULL);
}

static bool point_of(const EVP_PKEY *k, uint8_t point[65])
{
    char group[32];
    size_t n = 0;
    return EVP_PKEY_get_utf8_string_param(k, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, &n) ==
               1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "P-256") == 0) &&
           EVP_PKEY_get_octet_string_param(k, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, 65, &n) ==
               1 &&
           n == 65 && point[0] == 4;
}

pqi_status pqi_tpm_signer_read(const char *path, uint8_t signer[65])
{
    EVP_PKEY *k = NULL;
    pqi_status st = read_key(path, false, &k);
    if (st == PQI_OK && !point_of(k, signer)) {
        return not_a_key(path, k);
    }
    EVP_PKEY_free(k);
    return st;
}

static pqi_status ecdsa(EVP_PKEY *k, pqi_cspan msg, uint8_t sig[64])
{
    uint8_t der[PQI_P256_DER];
    size_t n = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, k, NULL) == 1 &&
              EVP_DigestSign(ctx, der, &n, msg.ptr, msg.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? pqi_p256_der_decode((pqi_cspan){der, n}, sig) : pqi_ossl_fail(PQI_ERR_PROVIDER);
}

pqi_status pqi_tpm_approval_sign(const char *pem, tpm_approval *a)
{
    uint8_t msg[TPM_APPROVAL_MSG];
    EVP_PKEY *k = NULL;
    pqi_status st = read_key(pem, true, &k);
    if (st == PQI_OK && !point_of(k, a->signer)) {
        return not_a_key(pem, k);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_approval_message(a, msg);
    }
    if (st == PQI_OK) {
        st = ecdsa(k, (pqi_cspan){msg, sizeof msg}, a->sig);
    }
    EVP_PKEY_free(k);
    return st;
}

/* ---- encoding -------------------------------------------------------------------------------------------- */

pqi_status pqi_tpm_approval_put(const tpm_approval *a, pqi_span out, size_t *len)
{
    wr w = wr_of(out);
    wr_bytes(&w, (pqi_cspan){magic, sizeof magic});
    wr_u8(&w, VERSION);
    wr_u32(&w, a->mask);
    wr_bytes(&w, (pqi_cspan){a->values, 32u * pqi_tpm_pcr_count(a->mask)});
    wr_bytes(&w, (pqi_cspan){a->signer, sizeof a->signer});
    wr_bytes(&w, (pqi_cspan){a->sig, sizeof a->sig});
    *len = w.len;
    return w.len <= out.len ? PQI_OK : PQI_ERR_SPACE;
}

static pqi_status decode(rd *r, tpm_approval *a)
{
    memset(a, 0, sizeof *a);
    pqi_cspan m = rd_bytes(r, sizeof magic);
    uint8_t version = rd_u8(r);
    a->mask = rd_u32(r);
    if (m.ptr == NULL || memcmp(m.ptr, magic, sizeof magic) != 0 || version != VERSION ||
        a->mask == 0 || (a->mask & ~TPM_PCRS_ALL) != 0) {
        return PQI_ERR_DECODE;
    }
    pqi_cspan values = rd_bytes(r, 32u * pqi_tpm_pcr_count(a->mask));
    pqi_cspan signer = rd_bytes(r, sizeof a->signer), sig = rd_bytes(r, sizeof a->sig);
    if (values.ptr == NULL || signer.ptr == NULL || sig.ptr == NULL) {
        return PQI_ERR_DECODE;
    }
    memcpy(a->values, values.ptr, values.len);
    memcpy(a->signer, signer.ptr, signer.len);
    memcpy(a->sig, sig.ptr, sig.len);
    return PQI_OK;
}

pqi_status pqi_tpm_approval_parse(pqi_cspan in, tpm_approval *out, size_t *used)
{
    uint8_t msg[TPM_APPROVAL_MSG];
    rd r = rd_of(in);
    *used = 0;
    pqi_status st = decode(&r, out);
    if (st != PQI_OK) {
        return pqi_why(st, "this is no approval of PCR values: pqi tpm policy sign makes them");
    }
    st = pqi_tpm_approval_message(out, msg);
    if (st == PQI_OK) {
        st = pqi_ossl_p256_verify(out->signer, (pqi_cspan){msg, sizeof msg}, out->sig);
    }
    if (st != PQI_OK) {
        return pqi_why(PQI_ERR_AUTH, "the approval's signature does not verify");
    }
    *used = in.len - r.left;
    return PQI_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------ */

pqi_status pqi_tpm_file_read(const char *path, pqi_span out, size_t *len)
{
    FILE *f = fopen(path, "re");
    *len = 0;
    if (f == NULL) {
        return pqi_why(PQI_ERR_STORAGE, "cannot read %.200s: %s", path, strerror(errno));
    }
    size_t n = fread(out.ptr, 1, out.len, f);
    bool whole = ferror(f) == 0 && fgetc(f) == EOF;
    (void)fclose(f);
    if (!whole) {
        return pqi_why(PQI_ERR_STORAGE, "%.200s is too long or not readable", path);
    }
    *len = n;
    return PQI_OK;
}

static pqi_status load_all(
    const char *dir, uint8_t *file, size_t room, tpm_approval *out, size_t *n)
{
    size_t len = 0;
    *n = 0;
    pqi_status st = pqi_file_read(dir, TPM_POLICY_FILE, room, (pqi_span){file, room}, &len);
    if (st == PQI_ERR_MISSING) {
        return PQI_OK;
    }
    for (size_t at = 0; st == PQI_OK && at < len;) {
        size_t used = 0;
        st = *n < TPM_APPROVALS_MAX
                 ? pqi_tpm_approval_parse((pqi_cspan){file + at, len - at}, &out[*n], &used)
                 : PQI_ERR_STORAGE;
        at += used;
        *n += 1;
    }
    if (st != PQI_OK) {
        *n = 0;
        return pqi_why(PQI_ERR_STORAGE,
            "%.200s/" TPM_POLICY_FILE " is damaged: remove it and add the approvals again", dir);
    }
    return PQI_OK;
}

pqi_status pqi_tpm_approvals_load(const char *dir, tpm_approval out[TPM_APPROVALS_MAX], size_t *n)
{
    size_t room = TPM_APPROVALS_MAX * APPROVAL_MAX;
    uint8_t *file = malloc(room);
    if (file == NULL) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = load_all(dir, file, room, out, n);
    free(file);
    return st;
}

static bool same_state(const tpm_approval *a, const tpm_approval *b)
{
    return a->mask == b->mask && memcmp(a->values, b->values, sizeof a->values) == 0 &&
           memcmp(a->signer, b->signer, sizeof a->signer) == 0;
}

/* The newest last; the oldest goes when there are too many. */
static size_t put_last(tpm_approval *all, size_t n, const tpm_approval *a)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!same_state(&all[i], a)) {
            all[k++] = all[i];
        }
    }
    if (k == TPM_APPROVALS_MAX) {
        memmove(all, all + 1, (k - 1u) * sizeof *all);
        k--;
    }
    all[k++] = *a;
    return k;
}

static pqi_status save_all(const char *dir, const tpm_approval *all, size_t n)
{
    size_t room = TPM_APPROVALS_MAX * APPROVAL_MAX, len = 0;
    uint8_t *file = malloc(room);
    pqi_status st = file != NULL ? PQI_OK : PQI_ERR_LIMIT;
    for (size_t i = 0; st == PQI_OK && i < n; i++) {
        size_t k = 0;
        st = pqi_tpm_approval_put(&all[i], (pqi_span){file + len, room - len}, &k);
        len += k;
    }
    if (st == PQI_OK) {
        st = pqi_file_write_atomic(dir, TPM_POLICY_FILE, (pqi_cspan){file, len});
    }
    free(file);
    return st;
}

pqi_status pqi_tpm_approvals_add(const char *dir, pqi_cspan approval)
{
    tpm_approval a;
    size_t n = 0, used = 0;
    pqi_status st = pqi_tpm_approval_parse(approval, &a, &used);
    if (st == PQI_OK && used != approval.len) {
        st = pqi_why(PQI_ERR_DECODE, "there is something behind the approval");
    }
    if (st != PQI_OK) {
        return st;
    }
    tpm_approval *all = calloc(TPM_APPROVALS_MAX, sizeof *all);
    if (all == NULL) {
        return PQI_ERR_LIMIT;
    }
    st = pqi_tpm_approvals_load(dir, all, &n);
    if (st == PQI_OK) {
        st = save_all(dir, all, put_last(all, n, &a));
    }
    free(all);
    return st;
}
