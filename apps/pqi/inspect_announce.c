/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: announcements, docs/spec/v1.md section 7. */
#include "inspect.h"

#include <pqi/announce.h>
#include <pqi/endpoint.h>

#include <string.h>

/* The id that the topic of an announcement names; empty for any other topic. */
static pqi_cspan topic_id(pqi_cspan topic)
{
    const size_t n = sizeof PQI_TOPIC_ANNOUNCE - 1u;
    if (topic.len <= n || memcmp(topic.ptr, PQI_TOPIC_ANNOUNCE, n) != 0) {
        return (pqi_cspan){NULL, 0};
    }
    return (pqi_cspan){topic.ptr + n, topic.len - n};
}

static void compare_topic(const pqi_inspect_ctx *c, const pqi_cert *cert, pqi_inspect_result *out)
{
    json_t *o = out->fields;
    if (c->topic.len == 0) {
        pqi_inspect_put_state(out, o, "topic_check", PQI_AGAIN, "the topic is not known");
        return;
    }
    pqi_cspan id = topic_id(c->topic);
    bool same = id.len == cert->device_id.len && id.len != 0 &&
                memcmp(id.ptr, cert->device_id.ptr, id.len) == 0;
    pqi_inspect_put_state(out, o, "topic_check", same ? PQI_OK : PQI_ERR_AUTH,
        same ? "it names this device" : "it does not name the device of the certificate");
}

/* The topic is signed too: the one it came from, or the one it belongs to. */
static pqi_status check_signature(
    const pqi_inspect_ctx *c, const pqi_announcement *a, const pqi_cert *cert)
{
    uint8_t own[sizeof PQI_TOPIC_ANNOUNCE + PQI_ID_MAX];
    const size_t n = sizeof PQI_TOPIC_ANNOUNCE - 1u;
    pqi_cspan topic = c->topic;
    if (topic.len == 0) {
        memcpy(own, PQI_TOPIC_ANNOUNCE, n);
        memcpy(own + n, cert->device_id.ptr, cert->device_id.len);
        topic = (pqi_cspan){own, n + cert->device_id.len};
    }
    return pqi_announce_verify(c->algs, a, cert, topic, c->tmp);
}

static void add_checks(const pqi_inspect_ctx *c, const pqi_announcement *a, const pqi_cert *cert,
    pqi_inspect_result *out)
{
    json_t *o = out->fields;
    pqi_status by_root = pqi_inspect_check_cert(c, cert);
    if (by_root == PQI_AGAIN) {
        pqi_inspect_put_state(out, o, "certificate_signature", by_root, PQI_INSPECT_GIVE_ROOT);
        pqi_inspect_put_state(out, o, "signature", by_root, PQI_INSPECT_GIVE_ROOT);
        return;
    }
    pqi_status own = check_signature(c, a, cert);
    pqi_inspect_put_state(out, o, "certificate_signature", by_root,
        by_root == PQI_OK ? NULL : "altered, or its signer is not in the root manifest");
    if (cert->sig_alg == 0) {
        pqi_inspect_put_state(out, o, "signature", own,
            own == PQI_OK
                ? "none: the certificate has no signing key, and it says no more than that"
                : "signed, or of another epoch, though the certificate has no signing key");
        return;
    }
    pqi_inspect_put_state(out, o, "signature", own,
        own == PQI_OK ? "by the key in the certificate" : "not by the key in the certificate");
}

static void add_prekey(
    const pqi_inspect_ctx *c, const pqi_cert *cert, const pqi_announced_prekey *k, json_t *o)
{
    json_t *p = json_object();
    if (k->epoch == 0) {
        json_decref(p);
        return;
    }
    pqi_inspect_put_uint(p, "epoch", k->epoch);
    pqi_inspect_put_hex(p, "id", k->id, PQI_KID_LEN);
    pqi_inspect_put_time(p, "until", k->until);
    pqi_inspect_put_kem_key(c, p, "kem_key", cert->kem_alg, k->kem_pk);
    pqi_inspect_put_x25519_key(c, p, k->x25519_pk);
    pqi_inspect_put(o, "prekey", p);
}

pqi_status pqi_inspect_announce(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_announcement a;
    pqi_cert cert;
    pqi_status st = pqi_announce_decode(in, &a);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cert_decode(c->algs, a.cert, &cert);
    if (st != PQI_OK) {
        (void)snprintf(out->why, sizeof out->why, "the certificate in it is malformed");
        return st;
    }
    pqi_announced_prekey prekey;
    st = pqi_announce_prekey(c->algs, &a, &cert, &prekey);
    if (st != PQI_OK) {
        (void)snprintf(out->why, sizeof out->why, "the prekey in it is malformed");
        return st;
    }
    json_t *inner = json_object();
    pqi_inspect_put_text(out->fields, "device_id", cert.device_id);
    pqi_inspect_put_uint(out->fields, "announcement_epoch", a.epoch);
    pqi_inspect_add_cert(c, inner, &cert);
    pqi_inspect_put(out->fields, "certificate", inner);
    add_prekey(c, &cert, &prekey, out->fields);
    pqi_inspect_put_uint(out->fields, "signature_bytes", a.sig.len);
    compare_topic(c, &cert, out);
    add_checks(c, &a, &cert, out);
    pqi_inspect_put_state(out, out->fields, "revocation", PQI_AGAIN, "needs a snapshot");
    return PQI_OK;
}
