/* SPDX-License-Identifier: Apache-2.0
 * Announcements, docs/spec/v1.md section 7, for tools that look at them. A device or gateway takes
 * them with pqi_endpoint_receive(), which also knows peers, epochs, revocations and budgets.
 *
 * Nothing here is secret. Thread-safe: functions touch only their arguments. */
#ifndef PQI_ANNOUNCE_H
#define PQI_ANNOUNCE_H

#include <pqi/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pqi_announcement {
    uint32_t epoch;      /* 1, 2, ... of this device's announcements; unsigned: its key epoch */
    pqi_cspan cert, sig; /* the encoded certificate; the device's signature, empty without one */
    pqi_cspan
        body; /* everything before the signature's length; signed is the body without its proof */
    pqi_cspan prekeys; /* prekey block, docs/spec/prekeys.md; empty: none */
    pqi_cspan
        proof; /* path in the roster, pqi_path_decode(); not signed, it proves itself; empty: none */
} pqi_announcement;

/* Splits an announcement; the spans in *out point into `in`. The certificate is not looked at.
 * PQI_OK; PQI_ERR_ARG: out is NULL; PQI_ERR_DECODE: not the one encoding, over PQI_ANNOUNCE_MAX,
 * a signature without its flag or the flag without one; PQI_ERR_UNSUPPORTED: a flag of a later version. On error *out is untouched. */
PQI_API PQI_MUST_CHECK pqi_status pqi_announce_decode(pqi_cspan in, pqi_announcement *out);

/* What an announcement says of the device's newest prekey, docs/spec/prekeys.md. */
typedef struct pqi_announced_prekey {
    uint32_t epoch; /* 1, 2, ...; 0: it announces none */
    uint64_t until; /* unix seconds, 0: not said: until then a packet to it is surely opened */
    uint8_t id[PQI_KID_LEN];
    pqi_cspan kem_pk, x25519_pk;
} pqi_announced_prekey;

/* Reads the prekey of an announcement; cert is the decoded ann->cert. The announcement's signature vouches for
 * it. PQI_OK; PQI_ERR_ARG: a pointer is NULL; PQI_ERR_DECODE: not the one encoding, a key of another length;
 * statuses of the classical back end. */
PQI_API PQI_MUST_CHECK pqi_status pqi_announce_prekey(const pqi_algs *a,
    const pqi_announcement *ann, const pqi_cert *cert, pqi_announced_prekey *out);

/* Checks the device's signature over topic and body, less its proof. A certificate without a signing key has none: then
 * the announcement must be unsigned and carry the certificate's key epoch, so that it says nothing but the
 * certificate, which the issuer signed.
 * a      in  knows the certificate's signature algorithm
 * ann    in  from pqi_announce_decode()
 * cert   in  decoded from ann->cert; its own signature is the caller's to check
 * topic  in  that it was published on, 1..PQI_TOPIC_MAX bytes
 * tmp    -   verify_tmp of the algorithm
 * PQI_OK; PQI_ERR_ARG: a pointer is NULL, the topic's length; PQI_ERR_AUTH: another key, topic or
 * content, signed where it must not be or the reverse; PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_announce_verify(const pqi_algs *a,
    const pqi_announcement *ann, const pqi_cert *cert, pqi_cspan topic, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
