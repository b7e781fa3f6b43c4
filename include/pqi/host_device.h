/* SPDX-License-Identifier: Apache-2.0
 * A device directory: everything a Linux device owns, in one place. docs/man/pqi-device.1
 *
 *   DIR/keys    the provider: private keys and counters, encrypted under a KEK
 *   DIR/state   sealed records: identity (this file), peers and sequence numbers (the endpoint)
 *   DIR/lock    one process at a time
 *
 * Life: init (factory key, pinned root) -> join (challenge in, request out) -> install (grant in,
 * confirmation out) -> open (a running endpoint). join and install repeat for every renewal. Each
 * step may be killed at any point and simply run again (INV-102). There is no permissive mode:
 * without a pinned root and an installed certificate nothing opens, and files that went missing are
 * an error, never a fresh start (INV-22, INV-101, INV-103).
 *
 * Not thread-safe per directory. Private keys never leave the provider; no secret is in a status. */
#ifndef PQI_HOST_DEVICE_H
#define PQI_HOST_DEVICE_H

#include <pqi/endpoint.h>
#include <pqi/host.h>
#include <pqi/join.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_HOST_PEERS_DEFAULT 64u
#define PQI_HOST_NO_PREKEYS    UINT32_MAX

/* When the composite counterpart of an algorithm is taken (composite.h): where the provider keeps the
 * classical half in hardware (PQI_CAP_HALF of pqi_provider_alg_caps()), and the algorithm was left 0 or is
 * one of a profile, as ALSO says. What was named without it stays as it is. */
#define PQI_HOST_ALSO_KEM 0x01u
#define PQI_HOST_ALSO_SIG 0x02u
#define PQI_HOST_PLAIN    0x04u /* never */

typedef struct pqi_host_device_cfg {
    const char *dir;
    pqi_host_kek_source kek;
    size_t max_peers;         /* 0: PQI_HOST_PEERS_DEFAULT; used by open only */
    const pqi_limits *limits; /* NULL: pqi_limits_gateway; used by open only */
    const pqi_suite *suite;   /* for sending; NULL: chosen for each peer, pqi_suite_choose() */
    pqi_alg_policy policy;    /* of ourselves and of peers; used by open only */
    int32_t factory_alg;      /* PQI_SIG_ID_*; 0: ML-DSA-65; used by init only */
    unsigned choice; /* PQI_HOST_ALSO_SIG, PQI_HOST_PLAIN, of factory_alg; used by init only */
    uint32_t prekey_period_s;  /* 0: a week; PQI_HOST_NO_PREKEYS: none; used by open only */
    pqi_prekey_use prekey_use; /* for sending */
    pqi_session_use sessions;  /* used by open only, as the next two */
    uint8_t session_modes;     /* PQI_MODES_*; 0: all */
    const pqi_session_limits *session_limits; /* NULL: pqi_session_limits_ip */
} pqi_host_device_cfg;

/* Creates the directory (0700), its provider and the factory key (cfg->factory_alg), pins the root and
 * writes the factory record for the CA's allow-list.
 * id     in   the device id; final
 * pinned in   32 bytes: pqi_manifest.hash, as `pqi ca init` printed it
 * out    out  the factory record, at most PQI_FACTORY_MAX bytes
 * Run again with the same id and pin it changes nothing and gives a factory record of the same key.
 * PQI_OK; PQI_ERR_ARG: a bad id; PQI_ERR_UNSUPPORTED: factory_alg; PQI_ERR_STATE: the directory belongs
 * to another id, root or factory algorithm, or is in use by another process; PQI_ERR_ROLLBACK: keys or records of an earlier life are missing
 * (INV-101); PQI_ERR_STORAGE, PQI_ERR_RNG; PQI_ERR_AUTH: not this KEK. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_init(const pqi_host_device_cfg *cfg, pqi_cspan id,
    const uint8_t pinned[32], pqi_span out, size_t *out_len);

/* What the device proposes to be certified for. {0} is the default: ML-KEM-768, ML-DSA-65 and the
 * suites of ML-KEM-768. */
typedef struct pqi_host_join_opts {
    uint32_t kem_alg; /* PQI_KEM_ID_* */
    int32_t sig_alg;  /* PQI_SIG_ID_* */
    uint32_t
        suites; /* bitmap of pqi_suite.bitmap; 0: all of that KEM and of its counterpart with no mark
                       * of their own */
    unsigned choice; /* PQI_HOST_ALSO_*, PQI_HOST_PLAIN */
    int kem_only;    /* 1: no signing key */
    pqi_cspan boot;  /* measurement, 0..PQI_BOOT_MAX bytes */
} pqi_host_join_opts;

/* Makes new operational keys beside the installed ones and answers a challenge. The installed
 * certificate and its keys keep working until install. The same challenge again gives a request for
 * the same keys; another challenge replaces the pending keys.
 * opts may be NULL. out: at most PQI_JOIN_REQUEST_MAX bytes.
 * PQI_OK; PQI_ERR_DECODE: not a challenge; PQI_ERR_POLICY: for another device, or another fleet than
 * the installed one; PQI_ERR_MISSING: no initialised device here; PQI_ERR_UNSUPPORTED: algorithm;
 * statuses of init. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_join(const pqi_host_device_cfg *cfg,
    pqi_cspan challenge, const pqi_host_join_opts *opts, pqi_span out, size_t *out_len);

/* Opens a grant, checks it against the pinned root and the pending keys (INV-22), makes it the
 * identity (and pins the version after the pinned root where the grant comes under that), and only then removes the older keys. The same grant again gives the same confirmation.
 * now may have unix_s = 0 on a device without a clock.
 * PQI_OK; PQI_ERR_STATE: no join is pending; PQI_ERR_AUTH: not for these keys, another root, altered;
 * PQI_ERR_REPLAY: its key epoch is not above the installed one; PQI_ERR_POLICY: outside its window;
 * statuses of join. On every error the device is as before. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_install(const pqi_host_device_cfg *cfg,
    pqi_cspan grant, const pqi_now *now, uint8_t confirm[PQI_CONFIRM_LEN]);

/* Takes the next version of the root manifest and pins it, as a grant that comes under it does by itself
 * and a running device does when it hears it. The installed certificate must hold under it.
 * *version: of the root pinned now, also when it was so already.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH: not the next version, not signed by the thresholds of both, or
 * nothing is installed yet; PQI_ERR_POLICY: the certificate; statuses of join. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_new_root(
    const pqi_host_device_cfg *cfg, pqi_cspan manifest, const pqi_now *now, uint32_t *version);

/* What is stored of the fleet: no more than a device knows right after its start. */
typedef struct pqi_host_control_status {
    int present; /* the root names a head key: the fleet has a control plane */
    uint32_t root_version, head_epoch, tick, policy_seq, rev_seq, roster_seq; /* 0: none yet */
    uint32_t revoked;                                                         /* entries in force */
    uint64_t
        age_s; /* how old the newest tick was when that was written, at least; UINT64_MAX: lost */
    uint64_t signed_time; /* unix seconds; 0: none */
    unsigned flags;       /* PQI_GATE_* */
} pqi_host_control_status;

typedef struct pqi_host_device_status {
    char id[PQI_ID_MAX + 1];
    uint8_t pinned[32];
    uint8_t factory_fp[32];
    int installed, join_pending;
    /* of the installed certificate, else 0 */
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint8_t key_id[PQI_KEY_ID_LEN];
    uint32_t key_epoch, roster_index, roles, root_version;
    uint64_t not_before, not_after;
    uint32_t kem_alg, suites;
    int32_t sig_alg;
    uint32_t provider_caps; /* PQI_CAP_* */
    const char *provider;   /* static */
    pqi_host_control_status control;
} pqi_host_device_status;

/* PQI_OK; PQI_ERR_MISSING: no initialised device here; statuses of init. Changes nothing on disk, but that it
 * ends a write which was cut off. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_get_status(
    const pqi_host_device_cfg *cfg, pqi_host_device_status *out);

/* ---- a running device --------------------------------------------------------------------------- */

typedef struct pqi_host_device pqi_host_device;

/* Opens the directory and the endpoint over it; holds the lock until close. On error *out is NULL.
 * PQI_OK; PQI_ERR_MISSING: not initialised; PQI_ERR_STATE: no certificate installed yet, or in use;
 * PQI_ERR_UNSUPPORTED: a certificate of algorithms that this program lacks;
 * PQI_ERR_LIMIT: out of memory; PQI_ERR_AUTH, PQI_ERR_POLICY: certificate or KEK;
 * PQI_ERR_ROLLBACK, PQI_ERR_STORAGE: refuse to start. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_device_open(
    pqi_host_device **out, const pqi_host_device_cfg *cfg, const pqi_now *now);

/* Borrowed; valid until close. */
PQI_API pqi_endpoint *pqi_host_device_endpoint(pqi_host_device *d);
PQI_API pqi_provider *pqi_host_device_provider(pqi_host_device *d);
PQI_API const pqi_nvm *pqi_host_device_nvm(pqi_host_device *d);
PQI_API const pqi_algs *pqi_host_device_algs(const pqi_host_device *d);
PQI_API const char *pqi_host_device_id(const pqi_host_device *d);
PQI_API pqi_cspan pqi_host_device_cert(const pqi_host_device *d);     /* encoded */
PQI_API pqi_cspan pqi_host_device_manifest(const pqi_host_device *d); /* encoded */
PQI_API const uint8_t *pqi_host_device_pinned(const pqi_host_device *d);
PQI_API pqi_endpoint_keys pqi_host_device_keys(const pqi_host_device *d);

/* Wipes and frees everything. NULL is fine. */
PQI_API void pqi_host_device_close(pqi_host_device *d);

/* One sentence for people about the last failure of this thread's last call above; static or
 * thread-local storage, no secret, never NULL. */
PQI_API const char *pqi_host_device_why(void);

#ifdef __cplusplus
}
#endif
#endif
