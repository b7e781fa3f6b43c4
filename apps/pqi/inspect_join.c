/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: the objects of provisioning, docs/spec/join.md. */
#include "inspect.h"

#include <string.h>

#define GRANT_HDR 8u /* type, flags, suite u16, length of the sealed part u32 */

pqi_status pqi_inspect_challenge(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_challenge ch;
    (void)c;
    pqi_status st = pqi_challenge_decode(in, &ch);
    if (st != PQI_OK) {
        return st;
    }
    pqi_inspect_put_fleet(out->fields, ch.fleet_id);
    pqi_inspect_put_text(out->fields, "device_id", ch.device_id);
    pqi_inspect_put_hex(out->fields, "nonce", ch.nonce, sizeof ch.nonce);
    pqi_inspect_put_state(out, out->fields, "signature", PQI_AGAIN, "a challenge has none");
    return PQI_OK;
}

pqi_status pqi_inspect_factory(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_factory f;
    pqi_status st = pqi_factory_open(c->algs, in, &f, c->tmp);
    if (st == PQI_ERR_AUTH) {
        /* The library shows no field of a record whose own signature is wrong. */
        pqi_inspect_put_state(out, out->fields, "signature", st, "not by the key in the record");
        return PQI_OK;
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_inspect_put_text(out->fields, "device_id", f.device_id);
    pqi_inspect_put_sig_key(c, out->fields, "factory_key", f.alg, f.pk);
    pqi_inspect_put_hex(out->fields, "fingerprint", f.fingerprint, sizeof f.fingerprint);
    pqi_inspect_put_state(out, out->fields, "signature", PQI_OK, "by the key in the record");
    pqi_inspect_put_state(out, out->fields, "factory", PQI_AGAIN,
        "compare the fingerprint with what the factory says");
    return PQI_OK;
}

static void add_join_keys(const pqi_inspect_ctx *c, json_t *o, const pqi_join_request *r)
{
    pqi_inspect_put_kem_key(c, o, "kem_key", r->kem_alg, r->kem_pk);
    pqi_inspect_put_x25519_key(c, o, r->x25519_pk);
    if (r->sig_alg != 0) {
        pqi_inspect_put_sig_key(c, o, "signing_key", r->sig_alg, r->sig_pk);
    } else {
        pqi_inspect_put(o, "signing_key", json_null());
    }
    pqi_inspect_put_sig_key(c, o, "factory_key", r->factory_alg, r->factory_pk);
}

pqi_status pqi_inspect_join(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_join_request r;
    uint8_t fp[32];
    pqi_status st = pqi_join_decode(c->algs, in, &r);
    if (st == PQI_OK) {
        st = pqi_factory_fp(c->algs, r.factory_alg, r.factory_pk, fp);
    }
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, r.fleet_id);
    pqi_inspect_put_text(o, "device_id", r.device_id);
    pqi_inspect_put_hex(o, "nonce", r.nonce, sizeof r.nonce);
    add_join_keys(c, o, &r);
    pqi_inspect_put_hex(o, "factory_fingerprint", fp, sizeof fp);
    pqi_inspect_put_hex(o, "boot", r.boot.ptr, r.boot.len);
    pqi_inspect_put_suites(c, o, r.suites);
    pqi_inspect_put_assurance(o, r.assurance);
    st = pqi_join_verify(c->algs, &r, fp, c->tmp);
    pqi_inspect_put_state(out, o, "signatures", st, "by the keys in the request");
    pqi_inspect_put_state(out, o, "factory", PQI_AGAIN, "the CA compares it with its allow-list");
    return PQI_OK;
}

/* ---- grant and confirmation: nothing here can be opened or checked without secrets -------------- */

pqi_status pqi_inspect_grant(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    if (in.len < GRANT_HDR || in.ptr[1] != 0) {
        return PQI_ERR_DECODE;
    }
    const pqi_suite *suite = pqi_algs_suite(c->algs, (uint32_t)in.ptr[2] << 8 | in.ptr[3]);
    uint32_t sealed = 0;
    for (size_t i = 4; i < GRANT_HDR; i++) {
        sealed = sealed << 8 | in.ptr[i];
    }
    if (suite == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    uint64_t want = (uint64_t)GRANT_HDR + pqi_box_capsule_len(suite) + sealed;
    if (in.len != want || sealed <= PQI_AEAD_TAG) {
        (void)snprintf(out->why, sizeof out->why, "its header asks for %llu bytes, it has %zu",
            (unsigned long long)want, in.len);
        return PQI_ERR_DECODE;
    }
    pqi_inspect_put(out->fields, "suite", pqi_inspect_alg(suite->name, suite->flags));
    pqi_inspect_put_uint(out->fields, "capsule_bytes", pqi_box_capsule_len(suite));
    pqi_inspect_put_uint(out->fields, "sealed_bytes", sealed);
    pqi_inspect_put_state(
        out, out->fields, "content", PQI_AGAIN, "sealed to the device that sent the join request");
    return PQI_OK;
}

pqi_status pqi_inspect_confirm(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    (void)c;
    if (in.len != PQI_CONFIRM_LEN) {
        (void)snprintf(out->why, sizeof out->why, "it has %zu bytes and must have %u", in.len,
            PQI_CONFIRM_LEN);
        return PQI_ERR_DECODE;
    }
    if (in.ptr[1] != 0 || in.ptr[2] != 0 || in.ptr[3] != 0) {
        return PQI_ERR_DECODE;
    }
    pqi_inspect_put_hex(out->fields, "key_id", in.ptr + 4, PQI_KEY_ID_LEN);
    pqi_inspect_put_hex(out->fields, "kid", in.ptr + 4, PQI_KID_LEN);
    pqi_inspect_put_hex(out->fields, "mac", in.ptr + 4 + PQI_KEY_ID_LEN, 32);
    pqi_inspect_put_state(out, out->fields, "mac_check", PQI_AGAIN, "needs the CA that granted it");
    return PQI_OK;
}
