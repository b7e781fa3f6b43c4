/* SPDX-License-Identifier: Apache-2.0
 * A small fleet over fake providers and fake stores: one manifest, devices with endpoints, and
 * messages carried by hand. Everything is deterministic. */
#ifndef PQI_TESTS_FLEET_H
#define PQI_TESTS_FLEET_H

#include "pqi_test.h"

#include "support/fake_nvm.h"
#include "support/fake_provider.h"
#include <pqi/endpoint.h>
#include <stdbool.h>

#define FLEET_PEERS 4u
#define FLEET_ROOM  16384u

typedef struct fleet {
    pqi_algs algs;
    fake_provider ca;
    uint8_t manifest[16384];
    uint32_t root_version;
    size_t manifest_len;
    uint8_t pinned[32];
    int has_plane;  /* its root names a head key and a policy key: support/plane.h */
    pqi_key issuer; /* 0: FLEET_ISSUER */
    pqi_key head;   /* 0: FLEET_HEAD */
} fleet;

#define FLEET_ISSUER   2u /* handles of keys in fleet.ca */
#define FLEET_REVOKER  3u
#define FLEET_HEAD     4u
#define FLEET_POLICY   5u
#define FLEET_ISSUER_2 6u
#define FLEET_HEAD_2   7u

typedef struct dev_spec {
    const char *id;
    uint32_t epoch, roster;
    const char *pub;                     /* topic prefix it may publish under, NULL: none */
    int only_s;                          /* with class S and no other; else H */
    int also_s;                          /* with class S besides H */
    uint8_t seed;                        /* of its keys and provider */
    uint32_t roles, assurance, valid_to; /* roles besides that of a device; valid_to 0: 100 */
    uint64_t not_before, not_after;
    uint32_t suites; /* bitmap; 0: those of its KEM without X-Wing */
    uint32_t kem;    /* 0: ML-KEM-512 */
    int32_t sig;     /* 0: ML-DSA-44 */
    int kem_only;    /* certified without the signing key, which it has all the same */
    pqi_alg_policy policy;
    const pqi_suite *only;
    pqi_session_use sessions;
    uint8_t modes;
    const pqi_session_limits *session_limits; /* NULL: those of IP */
    uint32_t period;                          /* of prekeys, seconds; 0: none */
    pqi_prekey_use use;
} dev_spec;

typedef struct dev {
    fleet *f;
    dev_spec spec;
    fake_provider prov;
    fake_nvm nvm;
    test_power power;
    pqi_endpoint ep;
    pqi_peer peers[FLEET_PEERS];
    uint8_t cert[PQI_CERT_MAX];
    size_t cert_len;
    uint8_t *scratch;
    size_t scratch_len;
    pqi_span sessions;
    pqi_revoked revoked[PQI_REVOKED_MAX];
    uint8_t manifest_mem[16384], policy_mem[8192], head_mem[PQI_HEAD_MAX];
    pqi_cspan
        root; /* the manifest it was made with, where that is not the fleet's of now; empty: it is */
    const uint8_t *root_pin;
    pqi_limits limits;
    pqi_now now;
    pqi_event ev;
    uint8_t plain[PQI_V1_PACKET_MAX];
} dev;

typedef struct msg {
    char topic[PQI_TOPIC_MAX];
    uint8_t b[FLEET_ROOM];
    size_t len;
} msg;

/* Signature verifications since the start. */
extern uint64_t fleet_verifies;

/* One per program, made at the first call. */
fleet *fleet_get(void);

/* Makes the manifest of another root version, with the same keys: pins and lists follow. */
void fleet_root(fleet *f, uint32_t version);

/* Certificate of a device as the fleet's issuer makes it. */
size_t fleet_cert(fleet *f, fake_provider *keys, const dev_spec *s, uint8_t out[PQI_CERT_MAX]);

dev *dev_new(const dev_spec *s);
void dev_free(dev *d);
/* Opens (again); memory of the last life is overwritten first, as a reset would. */
pqi_status dev_open(dev *d);
void dev_reset(dev *d);

void dev_announce(dev *d, msg *m);
/* pqi_endpoint_prekeys(); whether the announcement changed. */
int dev_prekeys(dev *d);
pqi_status dev_send(dev *from, const char *to, const char *topic, const char *text, msg *m);
/* Is it revoked itself? */
bool dev_is_out(const dev *d);
/* Delivers and returns the kind; d->ev holds the event. The payload is an exact heap copy. */
pqi_event_kind dev_receive(dev *d, const msg *m);
/* a and b learn each other. */
void dev_meet(dev *a, dev *b);
pqi_cspan text_of(const char *s);

/* The next packet that d's sessions send by themselves. false: none. */
bool dev_poll(dev *d, msg *m);
/* Carries what a and b send by themselves until both are silent; returns the packets. Messages of the
 * application must not come. */
unsigned dev_talk(dev *a, dev *b);

/* Entries from + 1 .. n of a log whose n entries are `list`, signed: the whole log with from 0, else
 * what was added. */
void fleet_revoke(fleet *f, uint32_t from, const pqi_revoked *list, size_t n, msg *m);
/* The same, signed by any key of the CA under any header; head->prev counts as it stands. */
void fleet_revoke_as(
    pqi_key signer, const pqi_revocations *head, const pqi_revoked *list, size_t n, msg *m);

/* Clears what refused objects may change: counters, what is to be asked for, and times from which costly ones are
 * looked at. */
void dev_forget_ctl(pqi_ctl *c);
/* Digest of everything that a dropped packet must leave alone: endpoint and peers without counters
 * and buckets, the medium, and the provider's counters. */
void dev_digest(const dev *d, uint8_t out[32]);

/* A message must be delivered / dropped for this reason with nothing else changed. */
void dev_expect(dev *d, const msg *m, const char *text);
void dev_refuses(dev *d, const msg *m, pqi_drop why);

#endif
