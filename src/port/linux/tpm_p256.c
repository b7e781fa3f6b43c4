/* SPDX-License-Identifier: Apache-2.0
 * P-256 keys in the TPM: made under the storage key, persistent, never outside. */
#include "port/linux/tpm.h"
#include "port/linux/why.h"

#include <pqi/attest.h>
#include <pqi/wipe.h>

#include <string.h>

#include <tss2/tss2_mu.h>

#define FIXED                                                                                      \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |            \
        TPMA_OBJECT_USERWITHAUTH)
#define SIGNS  (FIXED | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT)
#define AGREES (FIXED | TPMA_OBJECT_DECRYPT)

/* A wrong password counts (no noDA) wherever there is one to guess. */
static void key_public(const tpm_element *e, pqi_key_kind kind, TPM2B_PUBLIC *out)
{
    memset(out, 0, sizeof *out);
    TPMT_PUBLIC *p = &out->publicArea;
    p->type = TPM2_ALG_ECC;
    p->nameAlg = TPM2_ALG_SHA256;
    p->objectAttributes =
        (kind == PQI_KEY_SIG ? SIGNS : AGREES) | (e->has_secret ? 0u : TPMA_OBJECT_NODA);
    TPMS_ECC_PARMS *d = &p->parameters.eccDetail;
    d->symmetric.algorithm = TPM2_ALG_NULL;
    d->curveID = TPM2_ECC_NIST_P256;
    d->kdf.scheme = TPM2_ALG_NULL;
    d->scheme.scheme = kind == PQI_KEY_SIG ? TPM2_ALG_ECDSA : TPM2_ALG_ECDH;
    if (kind == PQI_KEY_SIG) {
        d->scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
    } else {
        d->scheme.details.ecdh.hashAlg = TPM2_ALG_SHA256;
    }
}

bool pqi_tpm_is_key(const TPM2B_PUBLIC *pub)
{
    const TPMT_PUBLIC *p = &pub->publicArea;
    TPMA_OBJECT a = p->objectAttributes & ~TPMA_OBJECT_NODA;
    return p->type == TPM2_ALG_ECC && p->nameAlg == TPM2_ALG_SHA256 &&
           p->parameters.eccDetail.curveID == TPM2_ECC_NIST_P256 && p->authPolicy.size == 0 &&
           (a == SIGNS || a == AGREES);
}

/* ---- making and removing ------------------------------------------------------------------------------------- */

typedef struct key_args {
    pqi_key key;
    pqi_key_kind kind;
    pqi_cspan in;
    uint8_t *out;
} key_args;

/* Creates the key and loads it into c->object[0]. */
static pqi_status create(tpm_element *e, tpm_conn *c, pqi_key_kind kind, uint8_t *name)
{
    static const TPM2B_DATA no_info = {.size = 0};
    static const TPML_PCR_SELECTION no_pcrs = {.count = 0};
    TPM2B_SENSITIVE_CREATE s = {.size = 0};
    TPM2B_PUBLIC want, *pub = NULL;
    TPM2B_PRIVATE *priv = NULL;
    key_public(e, kind, &want);
    pqi_status st = pqi_tpm_copy_secret(e, &s.sensitive.userAuth);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Create(c->esys, c->srk, pqi_tpm_with(c, TPM_BOTH), ESYS_TR_NONE,
            ESYS_TR_NONE, &s, &want, &no_info, &no_pcrs, &priv, &pub, NULL, NULL, NULL);
        st = pqi_tpm_check(c, rc, "making a key in the TPM");
    }
    pqi_tpm_scrub(c, s.sensitive.userAuth.buffer, s.sensitive.userAuth.size);
    pqi_wipe(&s, sizeof s);
    if (st == PQI_OK) {
        st = pqi_tpm_name_of(pub, name);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Load(c->esys, c->srk, pqi_tpm_with(c, TPM_IN), ESYS_TR_NONE, ESYS_TR_NONE,
            priv, pub, &c->object[0]);
        st = pqi_tpm_check(c, rc, "loading a key into the TPM");
    }
    Esys_Free(priv);
    Esys_Free(pub);
    return st;
}

static pqi_status free_handle(const tpm_table *t, tpm_conn *c, TPM2_HANDLE *out)
{
    TPM2_HANDLE first = c->uri->base + TPM_KEY_FIRST;
    uint64_t mask;
    pqi_status st = pqi_tpm_handles(c, first, TPM_KEYS_MAX, &mask);
    for (uint32_t i = 0; st == PQI_OK && i < t->n; i++) {
        if (t->keys[i].handle - first < TPM_KEYS_MAX) {
            mask |= UINT64_C(1) << (t->keys[i].handle - first);
        }
    }
    for (uint32_t i = 0; st == PQI_OK && i < TPM_KEYS_MAX; i++) {
        if ((mask >> i & 1u) == 0) {
            *out = first + i;
            return PQI_OK;
        }
    }
    return st != PQI_OK ? st
                        : pqi_why(PQI_ERR_LIMIT,
                              "all %u handles for keys from 0x%08x on are taken: another base=, or "
                              "pqi tpm clear where they belong to directories that are gone",
                              TPM_KEYS_MAX, first);
}

/* Removes what the table names, if the TPM still has it; never another's object. */
static pqi_status remove_key(tpm_table *t, tpm_conn *c, pqi_key key)
{
    uint8_t name[PQI_TPM_NAME_LEN];
    const tpm_key *k = pqi_tpm_table_find(t, key);
    if (k == NULL) {
        return PQI_OK;
    }
    pqi_status st = pqi_tpm_read_public(c, k->handle, NULL, name);
    if (st == PQI_OK && memcmp(name, k->name, sizeof name) == 0) {
        st = pqi_tpm_evict(c, k->handle);
    }
    st = st == PQI_ERR_MISSING || st == PQI_ERR_STATE ? PQI_OK : st;
    if (st == PQI_OK) {
        pqi_tpm_table_drop(t, key);
    }
    return st;
}

/* Created in RAM, then named in the table, then made persistent: a crash leaves a name without an object,
 * which the next birth of the key replaces, and never an object without a name. */
static pqi_status do_generate(tpm_element *e, tpm_conn *c, void *arg)
{
    const key_args *a = arg;
    tpm_table t = e->table;
    tpm_key new_key = {.key = a->key, .kind = (uint8_t)a->kind};
    pqi_status st = remove_key(&t, c, a->key);
    if (st == PQI_OK) {
        st = free_handle(&t, c, &new_key.handle);
    }
    if (st == PQI_OK && t.n == TPM_KEYS_MAX) {
        st = PQI_ERR_LIMIT;
    }
    if (st == PQI_OK) {
        st = create(e, c, a->kind, new_key.name);
    }
    if (st == PQI_OK) {
        t.keys[t.n++] = new_key;
        st = pqi_tpm_table_save(e->dir, &t);
    }
    if (st == PQI_OK) {
        e->table = t;
        st = pqi_tpm_persist(c, c->object[0], new_key.handle);
        if (st != PQI_OK) {
            pqi_tpm_table_drop(&e->table, a->key);
            (void)!pqi_tpm_table_save(
                e->dir, &e->table); /* a name without an object does no harm */
        }
    }
    return st;
}

pqi_status pqi_tpm_p256_generate(void *arg, pqi_key key, pqi_key_kind kind)
{
    key_args a = {.key = key, .kind = kind};
    if (key == 0 || (kind != PQI_KEY_SIG && kind != PQI_KEY_KEM)) {
        return PQI_ERR_ARG;
    }
    return pqi_tpm_run(arg, do_generate, &a);
}

static pqi_status do_destroy(tpm_element *e, tpm_conn *c, void *arg)
{
    const key_args *a = arg;
    tpm_table t = e->table;
    pqi_status st = remove_key(&t, c, a->key);
    if (st == PQI_OK && t.n != e->table.n) {
        st = pqi_tpm_table_save(e->dir, &t);
    }
    if (st == PQI_OK) {
        e->table = t;
    }
    return st;
}

pqi_status pqi_tpm_p256_destroy(void *arg, pqi_key key)
{
    key_args a = {.key = key};
    return pqi_tpm_run(arg, do_destroy, &a);
}

/* ---- using ---------------------------------------------------------------------------------------------------- */

static pqi_status right_aligned(const TPM2B_ECC_PARAMETER *p, uint8_t out[32])
{
    memset(out, 0, 32);
    if (p->size > 32) {
        return PQI_ERR_PROVIDER;
    }
    memcpy(out + 32 - p->size, p->buffer, p->size);
    return PQI_OK;
}

static pqi_status find(tpm_element *e, const key_args *a, const tpm_key **out)
{
    const tpm_key *k = pqi_tpm_table_find(&e->table, a->key);
    *out = k;
    if (k == NULL || (a->kind != PQI_KEY_NONE && k->kind != (uint8_t)a->kind)) {
        return pqi_why(PQI_ERR_MISSING, "the TPM has no such key of this directory");
    }
    return PQI_OK;
}

/* The table is not authenticated: a key that was imported, and that somebody may have, is none of ours. */
static pqi_status do_public(tpm_element *e, tpm_conn *c, void *arg)
{
    const key_args *a = arg;
    const tpm_key *k;
    TPM2B_PUBLIC pub;
    uint8_t name[PQI_TPM_NAME_LEN];
    pqi_status st = find(e, a, &k);
    if (st == PQI_OK) {
        st = pqi_tpm_read_public(c, k->handle, &pub, name);
    }
    if (st == PQI_OK && (memcmp(name, k->name, sizeof name) != 0 || !pqi_tpm_is_key(&pub))) {
        st = pqi_why(PQI_ERR_MISSING, "the TPM has another key at 0x%08x", k->handle);
    }
    if (st == PQI_OK) {
        a->out[0] = 4;
        st = right_aligned(&pub.publicArea.unique.ecc.x, a->out + 1);
    }
    return st == PQI_OK ? right_aligned(&pub.publicArea.unique.ecc.y, a->out + 33) : st;
}

pqi_status pqi_tpm_p256_public(void *arg, pqi_key key, uint8_t pk[65])
{
    key_args a = {.key = key, .out = pk};
    pqi_status st = pqi_tpm_run(arg, do_public, &a);
    if (st != PQI_OK) {
        memset(pk, 0, 65);
    }
    return st;
}

/* The object of a key with its password set. */
static pqi_status take_key(tpm_element *e, tpm_conn *c, const key_args *a, ESYS_TR *tr)
{
    const tpm_key *k;
    *tr = ESYS_TR_NONE;
    pqi_status st = find(e, a, &k);
    if (st == PQI_OK) {
        st = pqi_tpm_object(c, k->handle, k->name, tr);
    }
    return st == PQI_OK ? pqi_tpm_use_secret(e, c, *tr) : st;
}

/* A restricted key signs only what the TPM has hashed itself: TPM2_Hash gives a ticket. The digest is
 * computed here: a message that was swapped on the bus has another, for which the ticket is not. */
static pqi_status hash(tpm_conn *c, pqi_cspan msg, TPM2B_DIGEST *digest, TPMT_TK_HASHCHECK **ticket)
{
    TPM2B_MAX_BUFFER m = {.size = (UINT16)msg.len};
    memcpy(m.buffer, msg.ptr, msg.len);
    digest->size = 32;
    pqi_status st = pqi_classic_openssl.hash(PQI_HASH_SHA256, &msg, 1, digest->buffer);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Hash(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &m,
            TPM2_ALG_SHA256, ESYS_TR_RH_OWNER, NULL, ticket);
        st = pqi_tpm_check(c, rc, "hashing in the TPM");
    }
    return st;
}

static pqi_status do_sign(tpm_element *e, tpm_conn *c, void *arg)
{
    const key_args *a = arg;
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_DIGEST digest;
    TPMT_TK_HASHCHECK *ticket = NULL;
    TPMT_SIGNATURE *sig = NULL;
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
    pqi_status st = hash(c, a->in, &digest, &ticket);
    if (st == PQI_OK) {
        st = take_key(e, c, a, &tr);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Sign(c->esys, tr, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_NONE, ESYS_TR_NONE,
            &digest, &scheme, ticket, &sig);
        st = pqi_tpm_check(c, rc, "signing in the TPM");
    }
    pqi_tpm_drop_secret(e, c, tr);
    if (st == PQI_OK && sig->sigAlg != TPM2_ALG_ECDSA) {
        st = PQI_ERR_PROVIDER;
    }
    if (st == PQI_OK) {
        st = right_aligned(&sig->signature.ecdsa.signatureR, a->out);
    }
    if (st == PQI_OK) {
        st = right_aligned(&sig->signature.ecdsa.signatureS, a->out + 32);
    }
    Esys_Free(ticket);
    Esys_Free(sig);
    return st;
}

pqi_status pqi_tpm_p256_sign(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64])
{
    key_args a = {.key = key, .kind = PQI_KEY_SIG, .in = msg, .out = sig};
    memset(sig, 0, 64);
    if (msg.len == 0 || msg.len > PQI_ELEMENT_MSG_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_tpm_run(arg, do_sign, &a);
    if (st != PQI_OK) {
        memset(sig, 0, 64);
    }
    return st;
}

static pqi_status do_dh(tpm_element *e, tpm_conn *c, void *arg)
{
    const key_args *a = arg;
    ESYS_TR tr = ESYS_TR_NONE;
    TPM2B_ECC_POINT peer = {.size = 0}, *out = NULL;
    peer.point.x.size = peer.point.y.size = 32;
    memcpy(peer.point.x.buffer, a->in.ptr + 1, 32);
    memcpy(peer.point.y.buffer, a->in.ptr + 33, 32);
    pqi_status st = take_key(e, c, a, &tr);
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_ECDH_ZGen(
            c->esys, tr, pqi_tpm_with(c, TPM_BOTH), ESYS_TR_NONE, ESYS_TR_NONE, &peer, &out);
        st = pqi_tpm_check(c, rc, "ECDH in the TPM");
    }
    pqi_tpm_drop_secret(e, c, tr);
    if (st == PQI_OK) {
        st = right_aligned(&out->point.x, a->out);
    }
    if (out != NULL) {
        pqi_tpm_scrub(c, out->point.x.buffer, out->point.x.size);
        pqi_tpm_scrub(c, out->point.y.buffer, out->point.y.size);
        pqi_wipe(out, sizeof *out);
    }
    Esys_Free(out);
    return st;
}

pqi_status pqi_tpm_p256_dh(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32])
{
    key_args a = {.key = key, .kind = PQI_KEY_KEM, .in = {peer, 65}, .out = ss};
    memset(ss, 0, 32);
    if (peer[0] != 4) {
        return PQI_ERR_AUTH;
    }
    pqi_status st = pqi_tpm_run(arg, do_dh, &a);
    if (st != PQI_OK) {
        pqi_wipe(ss, 32);
    }
    return st;
}

/* ---- telling of it ----------------------------------------------------------------------------------------------- */

typedef struct certify_args {
    key_args key;
    const uint8_t *extra;
    pqi_span out;
    size_t *len;
} certify_args;

/* TPM2_Certify wants the authorisation of both keys. One session serves one of them: the half has it; the
 * attestation key has no password, so that an empty one in clear tells nothing. */
static pqi_status do_certify(tpm_element *e, tpm_conn *c, void *arg)
{
    const certify_args *a = arg;
    const tpm_key *k;
    ESYS_TR half = ESYS_TR_NONE, ak = ESYS_TR_NONE;
    TPM2B_PUBLIC pub;
    TPM2B_DATA extra = {.size = PQI_HALF_EXTRA};
    TPM2B_ATTEST *attest = NULL;
    TPMT_SIGNATURE *sig = NULL;
    const TPMT_SIG_SCHEME scheme = {.scheme = TPM2_ALG_NULL};
    uint8_t name[PQI_TPM_NAME_LEN];
    size_t at = 2, n = 0;
    memcpy(extra.buffer, a->extra, PQI_HALF_EXTRA);
    pqi_status st = find(e, &a->key, &k);
    if (st == PQI_OK) {
        st = pqi_tpm_read_public(c, k->handle, &pub, name);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_object(c, e->uri.base + TPM_AK, e->table.ak_name, &ak);
    }
    if (st == PQI_OK) {
        st = take_key(e, c, &a->key, &half);
    }
    if (st == PQI_OK) {
        TSS2_RC rc = Esys_Certify(c->esys, half, ak, pqi_tpm_with(c, TPM_PLAIN), ESYS_TR_PASSWORD,
            ESYS_TR_NONE, &extra, &scheme, &attest, &sig);
        st = pqi_tpm_check(c, rc, "a statement about a key");
    }
    pqi_tpm_drop_secret(e, c, half);
    if (st == PQI_OK && (a->out.len < at || Tss2_MU_TPM2B_PUBLIC_Marshal(&pub, a->out.ptr,
                                                a->out.len, &at) != TSS2_RC_SUCCESS)) {
        st = PQI_ERR_SPACE;
    }
    if (st == PQI_OK) {
        a->out.ptr[0] = (uint8_t)((at - 2u) >> 8);
        a->out.ptr[1] = (uint8_t)(at - 2u);
        st = pqi_tpm_put_signed(attest, sig, (pqi_span){a->out.ptr + at, a->out.len - at}, &n);
    }
    *a->len = st == PQI_OK ? at + n : 0;
    Esys_Free(attest);
    Esys_Free(sig);
    return st;
}

pqi_status pqi_tpm_certify(
    pqi_host_element *e, pqi_key key, const uint8_t extra[32], pqi_span out, size_t *len)
{
    certify_args a = {.key = {.key = key}, .extra = extra, .out = out, .len = len};
    *len = 0;
    return pqi_tpm_run(e->element.arg, do_certify, &a);
}
