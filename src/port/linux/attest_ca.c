/* SPDX-License-Identifier: Apache-2.0
 * The CA's part in attestation: credentials, AK certificates. Everything that decides is read inside the
 * transaction that writes the result. docs/spec/attest.md section 2. */
#include "port/linux/attest_ossl.h"
#include "port/linux/ca_int.h"

#include "ct/ct.h"

#include <pqi/wipe.h>

#include <stdio.h>
#include <string.h>

#define DAY_S   86400
#define SLACK_S 3600 /* a device's clock may be this far behind */

#define SECRET_LABEL ((pqi_cspan){PQI_LIT("PQI4 ak secret")})

/* One request in work. */
typedef struct ak_work {
    pqi_ak_request q;
    pqi_ca_device device;
    pqi_tpm_ek ek;
    pqi_tpm_ak ak;
    int certified;
} ak_work;

static pqi_status secret_hash(
    const pqi_host_ca *ca, pqi_cspan id, pqi_cspan secret, uint8_t out[32])
{
    const pqi_cspan parts[3] = {SECRET_LABEL, id, secret};
    return ca->algs.classic->hash(PQI_HASH_SHA256, parts, 3, out);
}

/* ---- challenge ------------------------------------------------------------------------------------ */

/* The device is on the list, and the request is its own. */
static pqi_status check_device(pqi_host_ca *ca, ak_work *w)
{
    const pqi_cspan id = w->q.device_id;
    const int n = (int)id.len;
    pqi_status st = pqi_ca_device_row(ca, id, &w->device);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is not on the allow-list", n, id.ptr);
    }
    if (st == PQI_OK && w->device.revoked) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is revoked", n, id.ptr);
    }
    if (st == PQI_OK && !pqi_ct_eq(w->device.factory_fp, w->q.factory_fp, 32)) {
        return pqi_why(
            PQI_ERR_POLICY, "%.*s: signed by another factory key than the listed one", n, id.ptr);
    }
    return st;
}

/* Who says that this endorsement key is in a TPM: its vendor, or a person. */
static pqi_status check_ek(pqi_host_ca *ca, ak_work *w, const pqi_host_ca_ak_opts *o)
{
    const pqi_cspan id = w->q.device_id;
    if (o->ek_fp != NULL && !pqi_ct_eq(o->ek_fp, w->ek.fingerprint, 32)) {
        return pqi_why(PQI_ERR_POLICY,
            "%.*s: its endorsement key has another fingerprint than the one given", (int)id.len,
            id.ptr);
    }
    if (w->q.ek_cert.len != 0 && o->ek_roots.len != 0) {
        w->certified = 1;
        return pqi_host_ek_verify(w->q.ek_cert, o->ek_roots, &w->ek, (uint64_t)pqi_ca_now(ca));
    }
    if (!o->allow_no_cert || o->ek_fp == NULL) {
        return pqi_why(PQI_ERR_POLICY,
            w->q.ek_cert.len == 0
                ? "%.*s: its TPM has no certificate of an endorsement key; without one its "
                  "fingerprint must be given by hand"
                : "%.*s: the roots of TPM vendors are needed to check the certificate of its "
                  "endorsement key",
            (int)id.len, id.ptr);
    }
    return PQI_OK;
}

/* Of this device, or of none yet. Asked again when the proof comes: only then a TPM is a device's. */
static pqi_status same_ek(
    pqi_host_ca *ca, pqi_cspan id, pqi_cspan fp, pqi_cspan ak_name, int replace)
{
    int64_t n = 0;
    pqi_status st = pqi_ca_int(
        ca->db, &n, "SELECT count(*) FROM eks WHERE ek_fp = ? AND device <> ?", "bt", fp, id);
    if (st == PQI_OK && n != 0) {
        return pqi_why(
            PQI_ERR_POLICY, "%.*s: this TPM is the one of another device", (int)id.len, id.ptr);
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &n, "SELECT count(*) FROM aks WHERE ak_name = ? AND device <> ?",
            "bt", ak_name, id);
    }
    if (st == PQI_OK && n != 0) {
        return pqi_why(PQI_ERR_POLICY, "%.*s: this attestation key is the one of another device",
            (int)id.len, id.ptr);
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(
            ca->db, &n, "SELECT count(*) FROM eks WHERE device = ? AND ek_fp <> ?", "tb", id, fp);
    }
    if (st == PQI_OK && n != 0 && !replace) {
        return pqi_why(PQI_ERR_POLICY,
            "%.*s had another TPM before; new hardware needs --replace-ek", (int)id.len, id.ptr);
    }
    return st;
}

static pqi_status store_open(pqi_host_ca *ca, const ak_work *w, int replace, pqi_cspan hash)
{
    return pqi_ca_run(ca->db,
        "INSERT OR REPLACE INTO ak_open(device, ak_public, ak_name, ek_fp, factory_fp,"
        " certified, replace_ek, secret_hash, created) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tbbbbiibi", w->q.device_id, w->q.ak_public, (pqi_cspan){w->ak.name, sizeof w->ak.name},
        (pqi_cspan){w->ek.fingerprint, 32}, (pqi_cspan){w->device.factory_fp, 32},
        (int64_t)w->certified, (int64_t)(replace != 0), hash, pqi_ca_now(ca));
}

static pqi_status open_request(pqi_host_ca *ca, pqi_cspan request, ak_work *w)
{
    pqi_status st = pqi_ak_request_open(&ca->algs, request, &w->q, ca->tmp);
    if (st != PQI_OK) {
        return pqi_why(st, st == PQI_ERR_AUTH ? "the signature of the request does not verify"
                                              : "this is no request for an attestation key");
    }
    st = pqi_tpm_ek_decode(&ca->algs, w->q.ek_public, &w->ek);
    if (st != PQI_OK) {
        return pqi_why(st, "the endorsement key is none that a TPM has made for that");
    }
    st = pqi_tpm_ak_decode(&ca->algs, w->q.ak_public, &w->ak);
    return st == PQI_OK ? st
                        : pqi_why(st, "the attestation key is not a restricted signing key of its "
                                      "TPM with ECDSA over P-256");
}

/* A secret that only the TPM reads. */
static pqi_status make_credential(
    pqi_host_ca *ca, const ak_work *w, uint8_t hash[32], pqi_span out, size_t *out_len)
{
    uint8_t secret[PQI_AK_SECRET_LEN], body[PQI_AK_CRED_MAX];
    size_t len = 0;
    pqi_status st = pqi_provider_random(ca->provider, (pqi_span){secret, sizeof secret});
    if (st == PQI_OK) {
        st = secret_hash(ca, w->q.device_id, (pqi_cspan){secret, sizeof secret}, hash);
    }
    if (st == PQI_OK) {
        st = pqi_host_make_credential(&w->ek, w->ak.name, (pqi_cspan){secret, sizeof secret},
            (pqi_span){body, sizeof body}, &len);
    }
    pqi_wipe(secret, sizeof secret);
    if (st == PQI_OK) {
        pqi_ak_msg m = {
            .kind = PQI_AK_CREDENTIAL, .device_id = w->q.device_id, .body = {body, len}};
        memcpy(m.ak_name, w->ak.name, sizeof m.ak_name);
        st = pqi_ak_msg_encode(&m, out, out_len);
    }
    return st == PQI_OK ? st : pqi_why(st, "cannot make a credential: %s", pqi_status_text(st));
}

pqi_status pqi_host_ca_ak_challenge(pqi_host_ca *ca, pqi_cspan request,
    const pqi_host_ca_ak_opts *opts, pqi_span out, size_t *out_len)
{
    ak_work w;
    uint8_t hash[32];
    pqi_why_clear();
    if (ca == NULL || opts == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    memset(&w, 0, sizeof w);
    pqi_status st = open_request(ca, request, &w);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    st = check_device(ca, &w);
    if (st == PQI_OK) {
        st = check_ek(ca, &w, opts);
    }
    if (st == PQI_OK) {
        st = same_ek(ca, w.q.device_id, (pqi_cspan){w.ek.fingerprint, 32},
            (pqi_cspan){w.ak.name, sizeof w.ak.name}, opts->replace_ek);
    }
    if (st == PQI_OK) {
        st = make_credential(ca, &w, hash, out, out_len);
    }
    if (st == PQI_OK) {
        st = store_open(ca, &w, opts->replace_ek, (pqi_cspan){hash, sizeof hash});
    }
    if (st == PQI_OK) {
        st = pqi_ca_commit(ca, "ak-challenge", w.q.device_id,
            w.certified ? "endorsement key certified" : "endorsement key vouched for by hand");
    } else {
        st = pqi_ca_abort(ca, st);
    }
    if (st != PQI_OK && *out_len != 0) {
        memset(out.ptr, 0, *out_len);
        *out_len = 0;
    }
    return st;
}

/* ---- issue ---------------------------------------------------------------------------------------- */

typedef struct issue_ak {
    pqi_ak_msg proof;
    pqi_ca_device device;
    pqi_ak_cert cert;
    uint8_t public_mem[PQI_TPM_AK_MAX];
    int certified, replace;
} issue_ak;

static void copy32(pqi_cspan from, uint8_t out[32])
{
    if (from.len == 32) { /* the schema says so */
        memcpy(out, from.ptr, 32);
    }
}

/* What stands open for the device, and is it this proof's? */
static pqi_status read_open(pqi_host_ca *ca, issue_ak *w)
{
    const pqi_cspan id = w->proof.device_id;
    const int n = (int)id.len;
    uint8_t hash[32], want[32] = {0}, factory[32] = {0};
    sqlite3_stmt *s = NULL;
    pqi_status st = secret_hash(ca, id, w->proof.body, hash);
    if (st == PQI_OK) {
        st = pqi_ca_prepare(ca->db, &s,
            "SELECT ak_public, ak_name, ek_fp, factory_fp, secret_hash, created, certified,"
            " replace_ek FROM ak_open WHERE device = ?",
            "t", id);
    }
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_ERR_MISSING) {
        st = pqi_why(PQI_ERR_POLICY, "%.*s answers no challenge of this CA", n, id.ptr);
    } else if (st == PQI_OK) {
        const pqi_cspan pub = pqi_ca_col(s, 0), name = pqi_ca_col(s, 1);
        const int64_t age = pqi_ca_now(ca) - sqlite3_column_int64(s, 5);
        copy32(pqi_ca_col(s, 2), w->cert.ek_fp);
        copy32(pqi_ca_col(s, 3), factory);
        copy32(pqi_ca_col(s, 4), want);
        w->certified = sqlite3_column_int(s, 6);
        w->replace = sqlite3_column_int(s, 7);
        if (!pqi_ct_eq(hash, want, sizeof hash) || name.len != sizeof w->proof.ak_name ||
            !pqi_ct_eq(name.ptr, w->proof.ak_name, name.len)) {
            st = pqi_why(
                PQI_ERR_AUTH, "%.*s: this is not the secret that its TPM was sent", n, id.ptr);
        } else if (age < -PQI_CA_CLOCK_SLACK || age >= (int64_t)PQI_HOST_CA_CHALLENGE_TTL) {
            st = pqi_why(PQI_ERR_POLICY, "the challenge is older than 24 hours");
        } else if (pub.len > sizeof w->public_mem) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible attestation key");
        } else {
            memcpy(w->public_mem, pub.ptr, pub.len);
            w->cert.ak.encoded = (pqi_cspan){w->public_mem, pub.len};
        }
    }
    (void)sqlite3_finalize(s);
    if (st == PQI_OK && !pqi_ct_eq(factory, w->device.factory_fp, sizeof factory)) {
        st = pqi_why(PQI_ERR_POLICY, "%.*s got new hardware meanwhile", n, id.ptr);
    }
    return st;
}

static pqi_status read_device(pqi_host_ca *ca, issue_ak *w)
{
    const pqi_cspan id = w->proof.device_id;
    pqi_status st = pqi_ca_device_row(ca, id, &w->device);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is not on the allow-list", (int)id.len, id.ptr);
    }
    return st == PQI_OK && w->device.revoked
               ? pqi_why(PQI_ERR_POLICY, "%.*s is revoked", (int)id.len, id.ptr)
               : st;
}

/* The certificate that the proof names: of this device, and not yet replaced. */
static pqi_status half_cert(pqi_host_ca *ca, const issue_ak *w, uint8_t sig[PQI_TPM_POINT_LEN],
    uint8_t kem[PQI_TPM_POINT_LEN])
{
    const pqi_cspan id = w->proof.device_id;
    sqlite3_stmt *s = NULL;
    pqi_cert c;
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT encoded FROM certs WHERE key_id = ? AND device = ?"
        " AND state IN ('pending', 'active')",
        "bt", (pqi_cspan){w->proof.key_id, sizeof w->proof.key_id}, id);
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_OK) {
        st = pqi_cert_decode(&ca->algs, pqi_ca_col(s, 0), &c);
        st = st == PQI_OK ? pqi_half_points(&ca->algs, &c, sig, kem) : st;
        if (st == PQI_ERR_POLICY) {
            st = pqi_why(st, "%.*s: the keys of its certificate have no halves in a TPM",
                (int)id.len, id.ptr);
        }
    } else if (st == PQI_ERR_MISSING) {
        st = pqi_why(PQI_ERR_POLICY,
            "%.*s: the proof is for keys that are not its newest ones: confirm those first",
            (int)id.len, id.ptr);
    }
    (void)sqlite3_finalize(s);
    return st;
}

/* The secret is this enrolment's and of this TPM; what the TPM says with it is about the certified keys. */
static pqi_status check_halves(pqi_host_ca *ca, issue_ak *w)
{
    const pqi_cspan id = w->proof.device_id;
    uint8_t sig[PQI_TPM_POINT_LEN], kem[PQI_TPM_POINT_LEN];
    pqi_tpm_ak ak;
    pqi_half_want want = {.kind = PQI_KEY_SIG, .pk = sig, .ak_pk = ak.pk};
    if (w->proof.kind != PQI_AK_HALF_PROOF) {
        return PQI_OK;
    }
    pqi_status st = half_cert(ca, w, sig, kem);
    if (st == PQI_OK) {
        st = pqi_tpm_ak_decode(&ca->algs, w->cert.ak.encoded, &ak);
    }
    if (st == PQI_OK) {
        st = pqi_half_qualifying(&ca->algs, w->proof.body.ptr, id, w->proof.key_id, want.extra);
    }
    if (st == PQI_OK) {
        st = pqi_half_verify(&ca->algs, pqi_host_p256_verify, &want, w->proof.half_sig);
    }
    if (st == PQI_OK) {
        want.kind = PQI_KEY_KEM;
        want.pk = kem;
        st = pqi_half_verify(&ca->algs, pqi_host_p256_verify, &want, w->proof.half_kem);
    }
    if (st == PQI_OK) {
        w->cert.flags |= PQI_AK_HALVES;
        memcpy(w->cert.half_key_id, w->proof.key_id, sizeof w->cert.half_key_id);
    }
    return st == PQI_OK
               ? st
               : pqi_why_else(st,
                     "%.*s: its TPM does not say that the P-256 %s of its certificate is "
                     "in there",
                     (int)id.len, id.ptr, want.kind == PQI_KEY_SIG ? "signing key" : "KEM key");
}

static pqi_status sign_ak(
    pqi_host_ca *ca, issue_ak *w, uint32_t days, pqi_span out, size_t *out_len)
{
    pqi_ca_issuer issuer;
    pqi_ak_cert *c = &w->cert;
    const int64_t now = pqi_ca_now(ca);
    const pqi_now check = {0, (uint64_t)now, 0};
    memcpy(c->fleet_id, ca->manifest.fleet_id, sizeof c->fleet_id);
    memcpy(c->factory_fp, w->device.factory_fp, sizeof c->factory_fp);
    c->root_version = ca->manifest.root_version;
    c->device_id = w->proof.device_id;
    c->roster_index = w->device.roster_index;
    c->flags |= w->certified ? PQI_AK_EK_CERTIFIED : 0;
    c->valid_to_epoch = UINT32_MAX;
    c->not_before = (uint64_t)(now > SLACK_S ? now - SLACK_S : 0);
    c->not_after = days != 0 ? (uint64_t)now + (uint64_t)days * DAY_S : 0;
    pqi_status st = pqi_ca_issuer_get(ca, &ca->manifest, &issuer);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ak_cert_build(&ca->algs, issuer.p, issuer.key, c, out, out_len);
    if (st == PQI_OK) { /* what we sign is what others accept */
        pqi_ak_cert back;
        st = pqi_ak_cert_decode(&ca->algs, (pqi_cspan){out.ptr, *out_len}, &back);
        if (st == PQI_OK) {
            st = pqi_ak_cert_verify(&ca->algs, &back, &ca->manifest, &check, ca->tmp);
        }
    }
    return st == PQI_OK ? st : pqi_why(st, "cannot sign the certificate: %s", pqi_status_text(st));
}

static pqi_status store_ak(pqi_host_ca *ca, const issue_ak *w, pqi_cspan encoded)
{
    const pqi_ak_cert *c = &w->cert;
    const pqi_cspan fp = {c->ek_fp, sizeof c->ek_fp};
    pqi_status st = pqi_ca_run(ca->db,
        "INSERT INTO eks(device, ek_fp, certified) VALUES(?1, ?2, ?3)"
        " ON CONFLICT(device) DO UPDATE SET ek_fp = ?2, certified = ?3",
        "tbi", c->device_id, fp, (int64_t)w->certified);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ca_run(ca->db,
        "INSERT INTO aks(device, ak_name, ek_fp, certified, class, encoded, issued_at, not_after)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        "tbbitbii", c->device_id, (pqi_cspan){w->proof.ak_name, sizeof w->proof.ak_name}, fp,
        (int64_t)w->certified, c->cls, encoded, pqi_ca_now(ca), (int64_t)c->not_after);
    return st == PQI_OK
               ? pqi_ca_run(ca->db, "DELETE FROM ak_open WHERE device = ?", "t", c->device_id)
               : st;
}

static void fill(pqi_host_ca_ak *out, const issue_ak *w, int64_t now)
{
    memset(out, 0, sizeof *out);
    memcpy(out->id, w->cert.device_id.ptr, w->cert.device_id.len);
    memcpy(out->cls, w->cert.cls.ptr, w->cert.cls.len);
    memcpy(out->ak_name, w->proof.ak_name, sizeof out->ak_name);
    memcpy(out->ek_fp, w->cert.ek_fp, sizeof out->ek_fp);
    out->certified = w->certified;
    out->halves = (w->cert.flags & PQI_AK_HALVES) != 0;
    out->issued_at = (uint64_t)now;
    out->not_after = w->cert.not_after;
}

pqi_status pqi_host_ca_ak_issue(pqi_host_ca *ca, pqi_cspan proof, pqi_cspan cls, uint32_t days,
    pqi_span out, size_t *out_len, pqi_host_ca_ak *done)
{
    issue_ak w;
    char detail[96];
    pqi_why_clear();
    if (ca == NULL || out_len == NULL || pqi_id_check(cls) != PQI_OK) {
        return pqi_why(
            PQI_ERR_ARG, "a class of device has 1 to %u of A-Z a-z 0-9 _ . -", PQI_ID_MAX);
    }
    *out_len = 0;
    memset(&w, 0, sizeof w);
    pqi_status st = pqi_ak_msg_decode(proof, &w.proof);
    if (st != PQI_OK || w.proof.kind == PQI_AK_CREDENTIAL) {
        return pqi_why(PQI_ERR_DECODE, "this is no proof of an attestation key");
    }
    w.cert.cls = cls;
    st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    st = read_device(ca, &w);
    if (st == PQI_OK) {
        st = read_open(ca, &w);
    }
    if (st == PQI_OK) {
        st = same_ek(ca, w.proof.device_id, (pqi_cspan){w.cert.ek_fp, sizeof w.cert.ek_fp},
            (pqi_cspan){w.proof.ak_name, sizeof w.proof.ak_name}, w.replace);
    }
    if (st == PQI_OK) {
        st = check_halves(ca, &w);
    }
    if (st == PQI_OK) {
        st = sign_ak(ca, &w, days, out, out_len);
    }
    if (st == PQI_OK) {
        st = store_ak(ca, &w, (pqi_cspan){out.ptr, *out_len});
    }
    if (st == PQI_OK) {
        (void)snprintf(detail, sizeof detail, "class %.*s%s%s", (int)cls.len, (const char *)cls.ptr,
            w.certified ? "" : ", no vendor certificate",
            (w.cert.flags & PQI_AK_HALVES) != 0 ? ", halves proven" : "");
        st = pqi_ca_commit(ca, "ak-issue", w.proof.device_id, detail);
    } else {
        st = pqi_ca_abort(ca, st);
    }
    if (st != PQI_OK) {
        *out_len = 0;
    } else if (done != NULL) {
        fill(done, &w, pqi_ca_now(ca));
    }
    return st;
}

/* ---- list ----------------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t room, pqi_cspan in)
{
    if (in.len < room) {
        memcpy(out, in.ptr, in.len);
    }
}

pqi_status pqi_host_ca_ak_each(
    pqi_host_ca *ca, pqi_cspan id, int (*each)(void *ctx, const pqi_host_ca_ak *ak), void *ctx)
{
    sqlite3_stmt *s = NULL;
    int stop = 0;
    pqi_why_clear();
    if (ca == NULL || each == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT device, class, ak_name, ek_fp, certified, issued_at, not_after, encoded FROM aks"
        " WHERE ?1 = '' OR device = ?1 ORDER BY serial",
        "t", id);
    while (st == PQI_OK && stop == 0 && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        pqi_host_ca_ak a;
        pqi_ak_cert c;
        memset(&a, 0, sizeof a);
        copy_text(a.id, sizeof a.id, pqi_ca_col(s, 0));
        copy_text(a.cls, sizeof a.cls, pqi_ca_col(s, 1));
        const pqi_cspan name = pqi_ca_col(s, 2);
        if (name.len == sizeof a.ak_name) {
            memcpy(a.ak_name, name.ptr, name.len);
        }
        copy32(pqi_ca_col(s, 3), a.ek_fp);
        a.certified = sqlite3_column_int(s, 4);
        a.issued_at = (uint64_t)sqlite3_column_int64(s, 5);
        a.not_after = (uint64_t)sqlite3_column_int64(s, 6);
        a.halves = pqi_ak_cert_decode(&ca->algs, pqi_ca_col(s, 7), &c) == PQI_OK &&
                   (c.flags & PQI_AK_HALVES) != 0;
        stop = each(ctx, &a);
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}
