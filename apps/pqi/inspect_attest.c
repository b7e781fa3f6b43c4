/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: what attestation says and asks. */
#include "inspect.h"

#include "attest.h"

#include <string.h>

static void put_pcrs(json_t *o, uint32_t mask)
{
    char text[PQI_ATTEST_PCRS_LEN];
    pqi_attest_pcrs(text, mask);
    pqi_inspect_put_str(o, "pcrs", text);
}

pqi_status pqi_inspect_ak(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_ak_cert k;
    pqi_status st = pqi_ak_cert_decode(c->algs, in, &k);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, k.fleet_id);
    pqi_inspect_put_uint(o, "root_version", k.root_version);
    pqi_inspect_put_text(o, "device", k.device_id);
    pqi_inspect_put_uint(o, "roster_index", k.roster_index);
    pqi_inspect_put_hex(o, "factory_fingerprint", k.factory_fp, sizeof k.factory_fp);
    pqi_inspect_put_text(o, "class", k.cls);
    pqi_inspect_put_hex(o, "ak_name", k.ak.name, sizeof k.ak.name);
    pqi_inspect_put_hex(o, "ek_fingerprint", k.ek_fp, sizeof k.ek_fp);
    pqi_inspect_put_str(o, "ek_certificate",
        (k.flags & PQI_AK_EK_CERTIFIED) != 0 ? "checked by the issuer" : "none");
    if ((k.flags & PQI_AK_HALVES) != 0) {
        pqi_inspect_put_hex(o, "halves_proven", k.half_key_id, sizeof k.half_key_id);
    }
    pqi_inspect_put_uint(o, "valid_from_epoch", k.valid_from_epoch);
    pqi_inspect_put_uint(o, "valid_to_epoch", k.valid_to_epoch);
    pqi_inspect_put_time(o, "not_before", k.not_before);
    pqi_inspect_put_time(o, "not_after", k.not_after);
    if (c->root == NULL) {
        st = PQI_AGAIN;
    } else { /* the signature alone: as if it were now what it says */
        const pqi_now now = {0, k.not_before, k.valid_from_epoch};
        st = pqi_ak_cert_verify(c->algs, &k, c->root, &now, c->tmp);
    }
    pqi_inspect_put_state(out, o, "signature", st, pqi_inspect_note(st));
    return PQI_OK;
}

pqi_status pqi_inspect_ak_request(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_ak_request q;
    pqi_tpm_ek ek;
    pqi_tpm_ak ak;
    pqi_status st = pqi_ak_request_open(c->algs, in, &q, c->tmp);
    if (st == PQI_ERR_AUTH) {
        pqi_inspect_put_state(out, out->fields, "signature", st, "not by the key in the request");
        return PQI_OK;
    }
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_text(o, "device", q.device_id);
    pqi_inspect_put_hex(o, "factory_fingerprint", q.factory_fp, sizeof q.factory_fp);
    pqi_inspect_put_sig_key(c, o, "factory_key", q.factory_alg, q.factory_pk);
    if (pqi_tpm_ek_decode(c->algs, q.ek_public, &ek) == PQI_OK) {
        pqi_inspect_put_hex(o, "ek_fingerprint", ek.fingerprint, sizeof ek.fingerprint);
        pqi_inspect_put_str(o, "ek_type", ek.type == 1 ? "RSA" : ek.curve == 3 ? "P-256" : "P-384");
    } else {
        pqi_inspect_put_str(o, "ek_fingerprint", "not an endorsement key");
    }
    pqi_inspect_put_uint(o, "ek_certificate_bytes", q.ek_cert.len);
    if (pqi_tpm_ak_decode(c->algs, q.ak_public, &ak) == PQI_OK) {
        pqi_inspect_put_hex(o, "ak_name", ak.name, sizeof ak.name);
    } else {
        pqi_inspect_put_str(o, "ak_name", "not an attestation key");
    }
    pqi_inspect_put_state(out, o, "signature", PQI_OK, "by the factory key in the request");
    return PQI_OK;
}

/* By its form; whose signature it is, the CA knows. */
static void put_half(const pqi_inspect_ctx *c, json_t *o, const char *field, pqi_cspan statement)
{
    pqi_half h;
    if (pqi_half_decode(c->algs, statement, &h) == PQI_OK) {
        pqi_inspect_put_hex(o, field, h.pk, sizeof h.pk);
    } else {
        pqi_inspect_put_str(o, field, "no statement about a key that stays in its TPM");
    }
}

pqi_status pqi_inspect_ak_msg(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_ak_msg m;
    pqi_status st = pqi_ak_msg_decode(in, &m);
    if (st != PQI_OK) {
        return st;
    }
    pqi_inspect_put_text(out->fields, "device", m.device_id);
    pqi_inspect_put_hex(out->fields, "ak_name", m.ak_name, sizeof m.ak_name);
    pqi_inspect_put_uint(out->fields, "body_bytes", m.body.len);
    if (m.kind == PQI_AK_HALF_PROOF) {
        pqi_inspect_put_hex(out->fields, "key_id", m.key_id, sizeof m.key_id);
        put_half(c, out->fields, "signing_half", m.half_sig);
        put_half(c, out->fields, "kem_half", m.half_kem);
    }
    return PQI_OK;
}

pqi_status pqi_inspect_attest_policy(
    const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_attest_policy x;
    pqi_status st = pqi_attest_policy_decode(c->algs, in, &x);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, x.fleet_id);
    pqi_inspect_put_uint(o, "root_version", x.root_version);
    pqi_inspect_put_uint(o, "seq", x.seq);
    pqi_inspect_put_hex(o, "hash", x.hash, sizeof x.hash);
    pqi_inspect_put(o, "classes", pqi_attest_classes_json(&x));
    st = c->root == NULL ? PQI_AGAIN : pqi_attest_policy_verify(c->algs, &x, c->root, c->tmp);
    pqi_inspect_put_state(out, o, "signatures", st,
        st == PQI_ERR_AUTH ? "altered, or too few policy keys of the root manifest signed it"
                           : pqi_inspect_note(st));
    return PQI_OK;
}

pqi_status pqi_inspect_attest_ask(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_attest_challenge q;
    (void)c;
    pqi_status st = pqi_attest_challenge_decode(in, &q);
    if (st != PQI_OK) {
        return st;
    }
    pqi_inspect_put_text(out->fields, "verifier", q.verifier_id);
    put_pcrs(out->fields, q.pcr_mask);
    pqi_inspect_put_uint(out->fields, "root_version", q.root_version);
    pqi_inspect_put_uint(out->fields, "policy_seq", q.policy_seq);
    pqi_inspect_put_hex(out->fields, "nonce", q.nonce, sizeof q.nonce);
    return PQI_OK;
}

pqi_status pqi_inspect_evidence(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_attest_evidence e;
    pqi_quote q;
    pqi_ak_cert k;
    pqi_status st = pqi_attest_evidence_decode(in, &e);
    if (st == PQI_OK) {
        st = pqi_quote_decode(e.quote, &q);
    }
    if (st == PQI_OK) {
        st = pqi_ak_cert_decode(c->algs, e.ak_cert, &k);
    }
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_text(o, "device", k.device_id);
    pqi_inspect_put_text(o, "class", k.cls);
    pqi_inspect_put_hex(o, "nonce", e.nonce, sizeof e.nonce);
    pqi_inspect_put_hex(o, "qualifying", q.extra.ptr, q.extra.len);
    put_pcrs(o, q.pcr_mask);
    pqi_inspect_put_hex(o, "pcr_digest", q.pcr_digest, sizeof q.pcr_digest);
    pqi_inspect_put_uint(o, "reset_count", q.reset_count);
    pqi_inspect_put_uint(o, "restart_count", q.restart_count);
    pqi_inspect_put_uint(o, "event_log_bytes", e.log.len);
    pqi_inspect_put_state(
        out, o, "quote", PQI_AGAIN, "pqi attest verify judges it against its challenge");
    return PQI_OK;
}
