/* SPDX-License-Identifier: Apache-2.0
 * A device's part in attestation. A TPM may take one caller at a time, so what goes past the provider is done
 * while the provider is closed. docs/spec/attest.md sections 2 and 5. */
#include "port/linux/device_int.h"
#include "port/linux/file_atomic.h"
#include "port/linux/provider_int.h"

#include <pqi/host_attest.h>
#include <pqi/host_tpm.h>
#include <pqi/wipe.h>

#include <stdlib.h>
#include <string.h>

#define AK_FILE   "ak.cert"
#define TRIES_MAX 3 /* the PCRs may move between quote and reading */

/* Where the device's provider is, if it is a TPM. */
static pqi_status tpm_uri(const pqi_host_device_cfg *cfg, char *uri)
{
    char keys[PQI_DIR_PATH_MAX];
    bool known = false;
    if (cfg == NULL || cfg->dir == NULL) {
        return pqi_why(PQI_ERR_ARG, "a device directory is needed");
    }
    pqi_status st = pqi_dir_path(cfg->dir, "keys", keys);
    if (st == PQI_OK) {
        st = pqi_uri_of_dir(keys, NULL, uri, &known);
    }
    return st == PQI_OK && pqi_uri_scheme(uri) != PQI_SCHEME_TPM
               ? pqi_why(PQI_ERR_UNSUPPORTED,
                     "the keys in %s are not in a TPM: nothing here can quote", cfg->dir)
               : st;
}

static pqi_cspan id_of(const pqi_host_device *d)
{
    return (pqi_cspan){(const uint8_t *)d->record.id, strlen(d->record.id)};
}

static bool same_id(pqi_cspan a, pqi_cspan b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static pqi_status attach(pqi_host_device **d, const pqi_host_device_cfg *cfg)
{
    pqi_status st = pqi_device_attach(d, cfg, 0);
    return st == PQI_OK && (*d)->record.id[0] == '\0'
               ? pqi_why(PQI_ERR_MISSING, "there is no device in %s", cfg->dir)
               : st;
}

/* ---- request -------------------------------------------------------------------------------------- */

static pqi_status sign_request(
    pqi_host_device *d, const pqi_ak_request *from, pqi_span out, size_t *out_len)
{
    pqi_tpm_ak ak;
    pqi_tpm_ek ek;
    pqi_ak_request q = *from;
    q.device_id = id_of(d);
    if (pqi_tpm_ak_decode(&d->algs, q.ak_public, &ak) != PQI_OK) {
        return pqi_why(PQI_ERR_POLICY, "the attestation key is not a restricted signing key of its "
                                       "TPM with ECDSA over P-256");
    }
    if (pqi_tpm_ek_decode(&d->algs, q.ek_public, &ek) != PQI_OK) {
        return pqi_why(PQI_ERR_POLICY, "the endorsement key is none that a TPM has made for that");
    }
    pqi_status st =
        pqi_ak_request_build(&d->algs, d->provider, PQI_HANDLE_FACTORY_SIG, &q, out, out_len);
    return st == PQI_OK ? st : pqi_why(st, "cannot sign the request: %s", pqi_status_text(st));
}

pqi_status pqi_host_device_ak_request(
    const pqi_host_device_cfg *cfg, const pqi_ak_request *from, pqi_span out, size_t *out_len)
{
    char uri[PQI_HOSTP_URI_MAX];
    pqi_tpm_identity *t = NULL;
    pqi_ak_request own;
    pqi_host_device *d = NULL;
    pqi_status st = PQI_OK;
    pqi_why_clear();
    if (cfg == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    memset(&own, 0, sizeof own);
    if (from == NULL) {
        t = calloc(1, sizeof *t);
        st = t == NULL ? pqi_why(PQI_ERR_LIMIT, "out of memory") : tpm_uri(cfg, uri);
        if (st == PQI_OK) {
            st = pqi_host_tpm_identity(uri, t);
            st = st == PQI_OK ? st : pqi_why_else(st, "the TPM: %s", pqi_status_text(st));
        }
        if (st == PQI_OK) {
            own.ek_public = (pqi_cspan){t->ek_public, t->ek_public_len};
            own.ek_cert = (pqi_cspan){t->ek_cert, t->ek_cert_len};
            own.ak_public = (pqi_cspan){t->ak_public, t->ak_public_len};
            from = &own;
        }
    }
    if (st == PQI_OK) {
        st = attach(&d, cfg);
    }
    if (st == PQI_OK) {
        st = sign_request(d, from, out, out_len);
    }
    pqi_host_device_close(d);
    free(t);
    return st;
}

/* ---- activation ------------------------------------------------------------------------------------ */

typedef struct half_room {
    uint8_t sig[PQI_HALF_MAX], kem[PQI_HALF_MAX];
} half_room;

static pqi_status certify(pqi_host_device *d, pqi_key key, const uint8_t extra[PQI_HALF_EXTRA],
    uint8_t mem[PQI_HALF_MAX], pqi_cspan *out)
{
    size_t len = 0;
    pqi_status st = pqi_hostp_certify(d->provider, key, extra, (pqi_span){mem, PQI_HALF_MAX}, &len);
    *out = (pqi_cspan){mem, len};
    return st == PQI_OK ? st
                        : pqi_why_else(st, "the TPM does not certify a key of this device: %s",
                              pqi_status_text(st));
}

/* Both halves of the keys in use, where they have halves. Before the first certificate, and with keys that have
 * none, the proof is without. */
static pqi_status prove_halves(const pqi_host_device_cfg *cfg, pqi_ak_msg *m, half_room *room)
{
    pqi_host_device *d = NULL;
    pqi_cert cert;
    uint8_t extra[PQI_HALF_EXTRA], sig[PQI_TPM_POINT_LEN], kem[PQI_TPM_POINT_LEN];
    pqi_status st = attach(&d, cfg);
    if (st == PQI_OK && !same_id(m->device_id, id_of(d))) {
        st = pqi_why(PQI_ERR_POLICY, "this credential is for the device %.*s",
            (int)m->device_id.len, (const char *)m->device_id.ptr);
    } else if (st == PQI_OK && d->record.cert_len != 0) {
        const pqi_join_keys k = pqi_device_keys(d->record.current, d->record.current_sig);
        st = pqi_cert_decode(&d->algs, (pqi_cspan){d->record.cert, d->record.cert_len}, &cert);
        if (st == PQI_OK && pqi_half_points(&d->algs, &cert, sig, kem) == PQI_OK) {
            m->kind = PQI_AK_HALF_PROOF;
            memcpy(m->key_id, cert.key_id, sizeof m->key_id);
            st = pqi_half_qualifying(&d->algs, m->body.ptr, m->device_id, m->key_id, extra);
            st = st == PQI_OK ? certify(d, k.sig, extra, room->sig, &m->half_sig) : st;
            st = st == PQI_OK ? certify(d, k.kem, extra, room->kem, &m->half_kem) : st;
        }
    }
    pqi_host_device_close(d);
    return st;
}

pqi_status pqi_host_device_ak_activate(const pqi_host_device_cfg *cfg, pqi_cspan credential,
    pqi_cspan secret, pqi_span out, size_t *out_len)
{
    char uri[PQI_HOSTP_URI_MAX];
    uint8_t got[PQI_TPM_SECRET_MAX];
    size_t len = secret.len;
    pqi_ak_msg m;
    half_room room;
    pqi_why_clear();
    if (cfg == NULL || out_len == NULL || secret.len > sizeof got) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    pqi_status st = pqi_ak_msg_decode(credential, &m);
    if (st != PQI_OK || m.kind != PQI_AK_CREDENTIAL) {
        return pqi_why(PQI_ERR_DECODE, "this is no credential for an attestation key");
    }
    if (secret.len != 0) {
        memcpy(got, secret.ptr, secret.len);
    } else {
        st = tpm_uri(cfg, uri);
        if (st == PQI_OK) {
            st = pqi_host_tpm_activate(uri, m.body, got, &len);
            st = st == PQI_ERR_AUTH ? pqi_why(st, "the credential is for another TPM or another "
                                                  "attestation key")
                                    : st;
        }
    }
    if (st == PQI_OK && len != PQI_AK_SECRET_LEN) {
        st = pqi_why(PQI_ERR_AUTH, "the secret of a credential has %u bytes", PQI_AK_SECRET_LEN);
    }
    if (st == PQI_OK) {
        m.kind = PQI_AK_PROOF;
        m.body = (pqi_cspan){got, len};
        st = secret.len == 0 ? prove_halves(cfg, &m, &room) : PQI_OK;
    }
    if (st == PQI_OK) {
        st = pqi_ak_msg_encode(&m, out, out_len);
    }
    pqi_wipe(got, sizeof got);
    return st == PQI_OK ? st : pqi_why_else(st, "cannot activate: %s", pqi_status_text(st));
}

/* ---- certificate ----------------------------------------------------------------------------------- */

static pqi_status check_cert(pqi_host_device *d, pqi_cspan in, const pqi_now *now)
{
    pqi_ak_cert c;
    const pqi_cspan id = id_of(d);
    pqi_manifest *m = malloc(sizeof *m);
    pqi_status st = m == NULL ? PQI_ERR_LIMIT : pqi_ak_cert_decode(&d->algs, in, &c);
    if (st == PQI_OK && d->record.manifest_len == 0) {
        st = pqi_why(PQI_ERR_STATE, "the device has no certificate yet: pqi device join");
    } else if (st == PQI_OK && !same_id(c.device_id, id)) {
        st = pqi_why(PQI_ERR_POLICY, "this AK certificate is of the device %.*s",
            (int)c.device_id.len, (const char *)c.device_id.ptr);
    }
    if (st == PQI_OK) {
        st = pqi_manifest_decode(
            &d->algs, (pqi_cspan){d->record.manifest, d->record.manifest_len}, m);
    }
    if (st == PQI_OK) {
        st = pqi_ak_cert_verify(&d->algs, &c, m, now, d->tmp);
    }
    free(m);
    return st == PQI_OK
               ? st
               : pqi_why_else(st, "the AK certificate does not hold: %s", pqi_status_text(st));
}

pqi_status pqi_host_device_ak_install(
    const pqi_host_device_cfg *cfg, pqi_cspan cert, const pqi_now *now)
{
    pqi_host_device *d = NULL;
    pqi_why_clear();
    if (cfg == NULL || now == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = attach(&d, cfg);
    if (st == PQI_OK) {
        st = check_cert(d, cert, now);
    }
    if (st == PQI_OK) {
        st = pqi_file_write_atomic(cfg->dir, AK_FILE, cert);
        st = st == PQI_OK ? st : pqi_why(st, "cannot write %s/" AK_FILE, cfg->dir);
    }
    pqi_host_device_close(d);
    return st;
}

pqi_status pqi_host_device_ak_cert(const char *dir, pqi_span out, size_t *out_len)
{
    if (dir == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_file_read(dir, AK_FILE, PQI_AK_CERT_MAX, out, out_len);
    return st == PQI_ERR_MISSING ? pqi_why(st, "%s has no AK certificate: pqi attest enroll", dir)
                                 : st;
}

/* ---- evidence -------------------------------------------------------------------------------------- */

typedef struct answer {
    pqi_attest_challenge c;
    pqi_attest_evidence e;
    uint8_t extra[32];
    uint8_t cert[PQI_AK_CERT_MAX], quote[PQI_QUOTE_MAX];
    uint8_t values[PQI_TPM_PCRS * PQI_PCR_LEN];
} answer;

/* Who we are, as the fleet knows us. */
static pqi_status own_subject(pqi_host_device *d, pqi_cert *cert, pqi_attest_subject *s)
{
    pqi_status st =
        d->record.cert_len == 0
            ? pqi_why(PQI_ERR_STATE, "the device has no certificate yet")
            : pqi_cert_decode(&d->algs, (pqi_cspan){d->record.cert, d->record.cert_len}, cert);
    if (st == PQI_OK) {
        s->device_id = cert->device_id;
        s->roster_index = cert->roster_index;
        memcpy(s->key_id, cert->key_id, sizeof s->key_id);
    }
    return st;
}

static pqi_status bind_open(pqi_host_device *d, answer *a, bool quote)
{
    pqi_cert cert;
    pqi_attest_subject s;
    size_t len = 0;
    pqi_status st = own_subject(d, &cert, &s);
    if (st == PQI_OK) {
        st = pqi_attest_qualifying(&d->algs, &a->c, &s, a->extra);
    }
    if (st == PQI_OK && quote) {
        st = pqi_provider_quote(d->provider, (pqi_cspan){a->extra, sizeof a->extra}, a->c.pcr_mask,
            (pqi_span){a->quote, sizeof a->quote}, &len);
        st = st == PQI_OK
                 ? st
                 : pqi_why_else(st, "the provider gives no quote: %s", pqi_status_text(st));
        a->e.quote = (pqi_cspan){a->quote, len};
    }
    return st;
}

static pqi_status bind(const pqi_host_device_cfg *cfg, answer *a, bool quote)
{
    pqi_host_device *d = NULL;
    pqi_status st = attach(&d, cfg);
    if (st == PQI_OK) {
        st = bind_open(d, a, quote);
    }
    pqi_host_device_close(d);
    return st;
}

static uint32_t count(uint32_t mask)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PQI_TPM_PCRS; i++) {
        n += mask >> i & 1u;
    }
    return n;
}

/* Values that go with the quote; another try where something was extended in between. d: the directory where it
 * is open. */
static pqi_status own_quote(const pqi_host_device_cfg *cfg, pqi_host_device *d, answer *a)
{
    char uri[PQI_HOSTP_URI_MAX];
    pqi_algs algs;
    pqi_quote q;
    uint8_t digest[32];
    const size_t n = (size_t)count(a->c.pcr_mask) * PQI_PCR_LEN;
    const pqi_cspan values = {a->values, n};
    pqi_status st = tpm_uri(cfg, uri);
    (void)pqi_host_algs(&algs);
    for (int i = 0; i < TRIES_MAX && st == PQI_OK; i++) {
        st = d != NULL ? bind_open(d, a, true) : bind(cfg, a, true);
        if (st == PQI_OK) {
            st = pqi_host_tpm_pcr_read(uri, a->c.pcr_mask, (pqi_span){a->values, n});
        }
        if (st == PQI_OK) {
            st = pqi_quote_decode(a->e.quote, &q);
        }
        if (st == PQI_OK) {
            st = algs.classic->hash(PQI_HASH_SHA256, &values, 1, digest);
        }
        if (st == PQI_OK && memcmp(digest, q.pcr_digest, sizeof digest) == 0) {
            a->e.values = values;
            return PQI_OK;
        }
    }
    return st == PQI_OK ? pqi_why(PQI_ERR_PROVIDER, "the PCRs change all the time")
                        : pqi_why_else(st, "the TPM: %s", pqi_status_text(st));
}

/* AK certificate and what goes with every evidence. */
static pqi_status put_evidence(
    const char *dir, pqi_cspan log, answer *a, pqi_span out, size_t *out_len)
{
    size_t len = 0;
    pqi_status st = pqi_host_device_ak_cert(dir, (pqi_span){a->cert, sizeof a->cert}, &len);
    if (st == PQI_OK) {
        memcpy(a->e.nonce, a->c.nonce, sizeof a->e.nonce);
        a->e.ak_cert = (pqi_cspan){a->cert, len};
        a->e.log = log;
        st = pqi_attest_evidence_encode(&a->e, out, out_len);
    }
    return st;
}

/* A provider that is no TPM of ours, but has one behind it, quotes and tells no values. */
static pqi_status open_quote(pqi_host_device *d, answer *a)
{
    char uri[PQI_HOSTP_URI_MAX];
    if (tpm_uri(&d->cfg, uri) == PQI_OK) {
        return own_quote(&d->cfg, d, a);
    }
    pqi_why_clear();
    return bind_open(d, a, true);
}

pqi_status pqi_host_device_answer(
    pqi_host_device *d, pqi_cspan challenge, pqi_cspan log, pqi_span out, size_t *out_len)
{
    pqi_why_clear();
    if (d == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    if ((pqi_provider_caps(d->provider) & PQI_CAP_QUOTE) == 0) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "the provider cannot quote");
    }
    answer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    size_t len = 0;
    pqi_status st = pqi_attest_challenge_decode(challenge, &a->c);
    if (st == PQI_OK) { /* no work for the TPM where there is none */
        st = pqi_host_device_ak_cert(d->cfg.dir, (pqi_span){a->cert, sizeof a->cert}, &len);
    }
    if (st == PQI_OK) {
        st = open_quote(d, a);
    }
    if (st == PQI_OK) {
        st = put_evidence(d->cfg.dir, log, a, out, out_len);
    }
    free(a);
    return st == PQI_OK ? st : pqi_why_else(st, "cannot answer: %s", pqi_status_text(st));
}

pqi_status pqi_host_device_attest(const pqi_host_device_cfg *cfg, pqi_cspan challenge,
    pqi_cspan log, const pqi_attest_evidence *from, pqi_span out, size_t *out_len)
{
    size_t len = 0;
    pqi_why_clear();
    if (cfg == NULL || cfg->dir == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    answer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_attest_challenge_decode(challenge, &a->c);
    st = st == PQI_OK ? st : pqi_why(st, "this is no challenge of a verifier");
    if (st == PQI_OK) {
        st = pqi_host_device_ak_cert(cfg->dir, (pqi_span){a->cert, sizeof a->cert}, &len);
    }
    if (st == PQI_OK && from != NULL) {
        a->e.quote = from->quote;
        a->e.values = from->values;
    } else if (st == PQI_OK) {
        st = own_quote(cfg, NULL, a);
    }
    if (st == PQI_OK) {
        st = put_evidence(cfg->dir, log, a, out, out_len);
    }
    free(a);
    return st == PQI_OK ? st : pqi_why_else(st, "cannot answer: %s", pqi_status_text(st));
}

pqi_status pqi_host_device_qualifying(
    const pqi_host_device_cfg *cfg, pqi_cspan challenge, uint8_t out[32], uint32_t *pcr_mask)
{
    pqi_why_clear();
    if (cfg == NULL || out == NULL || pcr_mask == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    answer *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_attest_challenge_decode(challenge, &a->c);
    st = st == PQI_OK ? bind(cfg, a, false) : pqi_why(st, "this is no challenge of a verifier");
    if (st == PQI_OK) {
        memcpy(out, a->extra, 32);
        *pcr_mask = a->c.pcr_mask;
    }
    free(a);
    return st;
}
