/* SPDX-License-Identifier: Apache-2.0
 * The public look at announcements. */
#include "proto/mqtt/announce.h"

#include <pqi/announce.h>

pqi_status pqi_announce_decode(pqi_cspan in, pqi_announcement *out)
{
    pqi_ann m;
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_ann_decode(in, &m);
    if (st == PQI_OK) {
        *out = (pqi_announcement){m.epoch, m.cert, m.sig, m.body};
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
    if (cert->sig_alg == 0) {
        return PQI_ERR_AUTH;
    }
    const pqi_sig *alg = pqi_algs_sig(a, cert->sig_alg);
    if (alg == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_ann_signed s;
    pqi_ann_parts(topic, ann->body, &s);
    return pqi_sig_verify(alg, cert->sig_pk, pqi_ann_domain, s.parts, PQI_ANN_PARTS, ann->sig, tmp);
}
