/* SPDX-License-Identifier: Apache-2.0
 * The cryptographic steps of a v4 handshake, one function for each packet: docs/spec/v4-handshake.md
 * sections 1 to 4 and 9. Who may answer whom, and when, is decided above; gate tags too: packets made
 * here have zeros there, and those taken had theirs checked (pqi_hs_gate_tag(), _check()).
 *
 *   initiator                                   responder
 *   pqi_hs_make_init()    --- INIT --->         pqi_hs_init_read(), pqi_hs_answer()
 *   pqi_hs_take_resp()    <-- RESP ----         keys after CONF: pqi_hs_await
 *   keys                  --- CONF --->         pqi_hs_take_conf(): keys
 *
 * A step that fails changes nothing: pend or await is as it was and may be tried again with another
 * packet, outputs are zero, and its secrets are wiped. A step that succeeds uses pend or await up.
 * Whatever is wrong with a peer's key, ciphertext, signature or proof is PQI_ERR_AUTH, without telling
 * which. Time depends on lengths, suite, mode and on what is public. Thread-safe for different objects;
 * a pqi_hs_op belongs to one thread. */
#ifndef PQI_SESSION_HS_OP_H
#define PQI_SESSION_HS_OP_H

#include "session/hs_keys.h"
#include "session/pk.h"

#include <pqi/profile.h>

#define PQI_HS_SEED 32u

/* ---- suite and mode ------------------------------------------------------------------------------ */

/* What a certificate says of its holder. */
typedef struct pqi_hs_facts {
    uint32_t suites; /* bitmap */
    uint16_t kem_id; /* of the static KEM key */
    int32_t sig_id;  /* 0: it does not sign */
} pqi_hs_facts;

#define PQI_HS_MODE_BIT(m) (1u << (unsigned)(m))
#define PQI_HS_MODES_ALL                                                                           \
    (PQI_HS_MODE_BIT(PQI_HS_MODE_S) | PQI_HS_MODE_BIT(PQI_HS_MODE_K) |                             \
        PQI_HS_MODE_BIT(PQI_HS_MODE_M))

typedef struct pqi_hs_policy {
    pqi_alg_policy algs;
    uint8_t modes; /* PQI_HS_MODE_BIT() of the modes that are allowed */
} pqi_hs_policy;

typedef struct pqi_hs_choice {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    bool begins; /* self may send the INIT; false: the peer must (mode M, self signs) */
} pqi_hs_choice;

/* Suite and mode of a pair: both sign: S; one does: M, the other begins; none: K. When the policy does
 * not allow that mode, K if it does. The suite is the best one (pqi_suite_choose()) that both
 * certificates have, that the policy allows and whose KEM is that of every static key the mode uses; in
 * mode K one of the two may be of the post-quantum half of a composite suite alone.
 * A function of public facts, the same for both ends whichever is `self` (begins apart); nothing a
 * packet says enters.
 * PQI_OK; PQI_ERR_POLICY: no mode or suite is left, or a signature that would be used is below the
 * policy; PQI_ERR_UNSUPPORTED: a signature algorithm is not in the set; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_hs_choose(const pqi_algs *a, const pqi_hs_policy *p,
    const pqi_hs_facts *self, const pqi_hs_facts *peer, pqi_hs_choice *out);

/* ---- the ends ------------------------------------------------------------------------------------ */

/* Certificate hashes are over the certificate's bytes as announced: 32 bytes of SHA-256, 48 of SHA-384.
 * The one that the suite does not use may be NULL. */
typedef struct pqi_hs_self {
    pqi_provider *provider;
    pqi_key kem, x25519, sig; /* those that mode and side use; others may be 0 */
    const pqi_sig *sig_alg;   /* NULL: does not sign */
    pqi_cspan id;
    const uint8_t *kid; /* PQI_KID_LEN */
    const uint8_t *cert256, *cert384;
    pqi_cspan kem_pk, x25519_pk;
    uint32_t
        key_epoch; /* of the certificate; records of sessions stand on it, handshakes do not read it */
} pqi_hs_self;

typedef struct pqi_hs_peer {
    pqi_cspan id;
    const uint8_t *kid;
    const uint8_t *cert256, *cert384;
    pqi_cspan kem_pk, x25519_pk;
    const pqi_sig *sig_alg; /* NULL: does not sign */
    pqi_cspan sig_pk;
} pqi_hs_peer;

/* What a step works with. Everything is borrowed for the call. */
typedef struct pqi_hs_op {
    const pqi_algs *algs;
    const pqi_hs_self *self;
    const pqi_hs_peer *peer;
    pqi_pk_counts *counts; /* may be NULL */
    pqi_span tmp;          /* pqi_hs_tmp_len() bytes, 8-aligned; wiped before return */
} pqi_hs_op;

/* Scratch of any step of this form, bytes. sig_i and sig_r of the form must be those of the ends. */
size_t pqi_hs_tmp_len(const pqi_hs_form *f);

/* What a side says of itself in an INIT or RESP. */
typedef struct pqi_hs_say {
    const pqi_suite *suite; /* of pqi_hs_choose() */
    pqi_hs_mode mode;
    pqi_cspan psk;       /* the site's key, PQI_HS_PSK bytes, or none */
    uint8_t min_level;   /* of this side's policy, at most the suite's */
    uint64_t counter;    /* INIT: init_seq, not 0; RESP: init_ctr_r, 0: never sent one */
    uint32_t rsid;       /* its own index of the session, not 0 */
    uint32_t head_epoch; /* of its control head */
    uint8_t head_hash[PQI_HS_HEAD];
    pqi_cspan nonce;            /* INIT: of the challenge that is answered, or none; RESP: none */
    pqi_cspan topic_i, topic_r; /* of the INIT, of the RESP */
    /* PQI_HS_SEED bytes, uniform, secret, of one packet only; NULL: drawn from the provider. To be given
     * by tests, and where a provider answers PQI_AGAIN: it wants the same call, so the same seed. */
    const uint8_t *seed;
} pqi_hs_say;

/* ---- initiator ----------------------------------------------------------------------------------- */

#define PQI_HS_INIT_FIXED (PQI_HS_INIT_HDR + PQI_HS_NONCE)

/* Between INIT and RESP. Secret but for x_i and head. Holds no private key: they come anew from the seed. */
typedef struct pqi_hs_pend {
    pqi_hs_sched sched; /* th1, prk_b */
    uint8_t seed[PQI_HS_SEED];
    uint8_t x_i[PQI_X25519_LEN];     /* public, as is the next */
    uint8_t head[PQI_HS_INIT_FIXED]; /* the INIT's first bytes: 60, with a nonce 76 */
} pqi_hs_pend;

/* Makes an INIT with zeros for its gate tag.
 * pend  out  drop it with pqi_hs_pend_drop() when it is given up
 * out   out  *len bytes written, or needed; everything but the tag is final
 * PQI_OK; PQI_ERR_SPACE: out or tmp; PQI_ERR_ARG: what an end, the form or a field lacks; PQI_ERR_AUTH: a
 * key of the peer; PQI_ERR_RNG; statuses of the backend. On error pend and out are zero. */
PQI_MUST_CHECK pqi_status pqi_hs_make_init(
    const pqi_hs_op *o, const pqi_hs_say *say, pqi_hs_pend *pend, pqi_span out, size_t *len);

/* The same INIT again, byte for byte (the tag apart, which is the caller's). Same statuses; PQI_ERR_ARG
 * also: the peer is not the one pend was made for. pend is never changed. */
PQI_MUST_CHECK pqi_status pqi_hs_remake_init(
    const pqi_hs_op *o, const pqi_hs_pend *pend, pqi_span out, size_t *len);

/* Public facts of a pend. */
uint32_t pqi_hs_pend_rsid(const pqi_hs_pend *p);
uint64_t pqi_hs_pend_seq(const pqi_hs_pend *p);
const uint8_t *pqi_hs_pend_rand(const pqi_hs_pend *p); /* PQI_HS_RAND bytes */
/* The form with which its RESP is read. PQI_OK; PQI_ERR_ARG; PQI_ERR_STATE: not in use. */
PQI_MUST_CHECK pqi_status pqi_hs_pend_form(
    const pqi_hs_op *o, const pqi_hs_pend *p, pqi_hs_form *f);
void pqi_hs_pend_drop(pqi_hs_pend *p);

typedef struct pqi_hs_taken {
    pqi_hs_out keys;  /* secret; wipe it when done */
    pqi_hs_resp resp; /* spans point into the packet */
} pqi_hs_taken;

/* Takes the RESP to pend, whose gate tag was checked, and makes the CONF.
 * pend   in/out  PQI_OK: wiped, for a second CONF under the same keys must not exist; else as it was
 * packet in      may not overlap out
 * out    out     the CONF: *len bytes written, or needed. Keep the bytes for a retransmission.
 * PQI_OK; PQI_ERR_DECODE: not a RESP of this form; PQI_ERR_AUTH: another index than pend's, or a proof
 * that fails; PQI_ERR_STATE: pend is not in use; PQI_ERR_ARG, PQI_ERR_SPACE, PQI_ERR_RNG, provider and
 * backend statuses as above. On error taken and out are zero. */
PQI_MUST_CHECK pqi_status pqi_hs_take_resp(const pqi_hs_op *o, pqi_hs_pend *pend, pqi_cspan packet,
    pqi_hs_taken *taken, pqi_span out, size_t *len);

/* ---- responder ----------------------------------------------------------------------------------- */

/* Between RESP and CONF. Secret. */
typedef struct pqi_hs_await {
    pqi_hs_sched sched; /* th3, prk_d */
    uint32_t rsid_i, rsid_r;
    const pqi_sig *sig_i, *sig_r; /* of the form */
    uint8_t kid_i[PQI_KID_LEN];   /* of the peer's certificate */
} pqi_hs_await;

/* Answers an INIT that was read with pqi_hs_init_read() and whose gate tag and counters were checked.
 * say    in   suite and mode as chosen here: an INIT of another suite, mode or use of the site's key is
 *             PQI_ERR_POLICY (it makes no difference who asked for what)
 * await  out  drop it with pqi_hs_await_drop() when it is given up
 * out    out  the RESP with zeros for its gate tag. It is never made twice: a repeated INIT gets the
 *             same bytes from the caller's memory, as signatures are hedged.
 * PQI_OK; PQI_ERR_AUTH: kid or keys of the INIT; PQI_ERR_POLICY; the others as for pqi_hs_make_init(). On
 * error await and out are zero. */
PQI_MUST_CHECK pqi_status pqi_hs_answer(const pqi_hs_op *o, const pqi_hs_say *say,
    const pqi_hs_init *init, pqi_hs_await *await, pqi_span out, size_t *len);

/* Takes the CONF. await: PQI_OK: wiped, else as it was. PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH: another
 * index, or a proof that fails; PQI_ERR_STATE: await is not in use; PQI_ERR_ARG: also when the peer is not
 * the one await was made for; PQI_ERR_SPACE: tmp. On error keys is zero. */
PQI_MUST_CHECK pqi_status pqi_hs_take_conf(
    const pqi_hs_op *o, pqi_hs_await *await, pqi_cspan packet, pqi_hs_out *keys);

void pqi_hs_await_drop(pqi_hs_await *await);

#endif
