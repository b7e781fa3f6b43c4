/* SPDX-License-Identifier: Apache-2.0
 * The public look at announcements. */
#include "proto/mqtt/announce.h"

#include "session/prekey.h"

#include <pqi/announce.h>

pqi_status pqi_announce_decode(pqi_cspan in, pqi_announcement *out)
{
    pqi_ann m;
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_ann_decode(in, &m);
    if (st == PQI_OK) {
        *out = (pqi_announcement){m.epoch, m.cert, m.sig, m.body, m.prekeys, m.proof};
    }
    return st;
}

pqi_status pqi_announce_prekey(
    const pqi_algs *a, const pqi_announcement *ann, const pqi_cert *cert, pqi_announced_prekey *out)
{
    if (a == NULL || ann == NULL || cert == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_announced_prekey k = {0};
    pqi_status st = PQI_OK;
    if (ann->prekeys.len != 0) {
        pqi_prekey_block b;
        st = pqi_prekey_read(ann->prekeys, cert->kem_pk.len, &b);
        if (st == PQI_OK) {
            k = (pqi_announced_prekey){b.epoch, b.until, {0}, b.kem_pk, b.x25519_pk};
            st = pqi_prekey_id(a->classic, cert->key_id, ann->prekeys, k.id);
        }
    }
    if (st == PQI_OK) {
        *out = k;
    }
    return st;
}

pqi_status pqi_announce_verify(const pqi_algs *a, const pqi_announcement *ann, const pqi_cert *cert,
    pqi_cspan topic, pqi_span tmp)
{
    if (a == NULL || ann == NULL || cert == NULL || topic.ptr == NULL || topic.len == 0 ||
        topic.len > PQI_TOPIC_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_ann_fits(ann->sig, ann->epoch, cert);
    if (st != PQI_OK || cert->sig_alg == 0) {
        return st;
    }
    const pqi_sig *alg = pqi_algs_sig(a, cert->sig_alg);
    if (alg == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_ann_signed s;
    pqi_ann_parts(topic, ann->body, &s);
    return pqi_sig_verify(alg, cert->sig_pk, pqi_ann_domain, s.parts, PQI_ANN_PARTS, ann->sig, tmp);
}
