/* SPDX-License-Identifier: Apache-2.0
 * What the steps of both ends of a handshake share; of hs_step.c, for hs_initiator.c and
 * hs_responder.c only. Statuses are those of hs_op.h; a failed function leaves garbage in w, which the
 * step wipes. */
#ifndef PQI_SESSION_HS_STEP_H
#define PQI_SESSION_HS_STEP_H

#include "session/hs_op.h"

/* coins = Exp-SHA-256(seed, label || a || b). Secret; wiped by the caller. */
typedef struct pqi_step_src {
    const uint8_t *seed;
    pqi_cspan a, b; /* what the packet says before its random bytes */
} pqi_step_src;

/* Secrets of one step. */
typedef struct pqi_step_work {
    uint8_t x[PQI_X25519_LEN]; /* own ephemeral X25519 key */
    uint8_t coins[PQI_KEM_MAX_SEED];
    uint8_t k[PQI_COMBINE_SECRETS]; /* of one exchange */
    uint8_t seed[PQI_HS_SEED];
    pqi_hs_sched sched;
} pqi_step_work;

/* Everything a step needs is there, keys and scratch apart. */
bool pqi_step_op_sound(const pqi_hs_op *o);
/* The form of a handshake in which self is this side. */
pqi_hs_form pqi_step_form_of(
    const pqi_hs_op *o, const pqi_suite *s, pqi_hs_mode mode, bool psk, pqi_hs_side self);
/* What every step checks once its form is known. PQI_OK; PQI_ERR_ARG; PQI_ERR_SPACE: tmp. */
PQI_MUST_CHECK pqi_status pqi_step_may_step(
    const pqi_hs_op *o, const pqi_hs_form *f, pqi_hs_side self);
/* th0 and prk_a. */
PQI_MUST_CHECK pqi_status pqi_step_start(
    const pqi_hs_op *o, const pqi_hs_say *say, pqi_hs_side self, pqi_hs_sched *h);
/* What was given, or of the provider. */
PQI_MUST_CHECK pqi_status pqi_step_draw_seed(
    const pqi_hs_op *o, const uint8_t *given, uint8_t seed[PQI_HS_SEED]);
PQI_MUST_CHECK pqi_status pqi_step_coins(
    const pqi_hs_op *o, const pqi_step_src *c, pqi_cspan label, pqi_span out);
/* w->x and its public key. */
PQI_MUST_CHECK pqi_status pqi_step_own_x25519(
    const pqi_hs_op *o, const pqi_step_src *c, pqi_cspan label, uint8_t *pk, pqi_step_work *w);
/* The X25519 half of w->k, with w->x. */
PQI_MUST_CHECK pqi_status pqi_step_ephemeral_dh(
    const pqi_hs_op *o, const uint8_t *peer, pqi_step_work *w);
/* Encapsulates to a key of the peer, static or ephemeral, whose length tells its KEM: ct to its place, the
 * KEM's half of w->k. */
PQI_MUST_CHECK pqi_status pqi_step_encaps_to(const pqi_hs_op *o, const pqi_step_src *c,
    pqi_cspan label, pqi_cspan pk, uint8_t *ct, pqi_step_work *w);
/* w->k of a ciphertext to, and a DH with, the static keys of self. */
PQI_MUST_CHECK pqi_status pqi_step_open_static(
    const pqi_hs_op *o, pqi_cspan ct, pqi_cspan x, pqi_step_work *w);
/* The next prk from w->k. */
PQI_MUST_CHECK pqi_status pqi_step_mix(const pqi_hs_op *o, pqi_hs_exchange x, const uint8_t *x_ct,
    const uint8_t *x_pk, pqi_step_work *w);
/* Signs what the side has to sign, or nothing (alg NULL), and seals it into auth. */
PQI_MUST_CHECK pqi_status pqi_step_prove(const pqi_hs_op *o, const pqi_sig *alg, pqi_hs_side side,
    pqi_cspan conf, pqi_span auth, const pqi_hs_sched *h);
/* Opens auth and verifies what is in it. */
PQI_MUST_CHECK pqi_status pqi_step_check_proof(const pqi_hs_op *o, const pqi_sig *alg,
    pqi_hs_side side, pqi_cspan conf, pqi_cspan auth, const pqi_hs_sched *h);

static inline const pqi_classic *step_classic(const pqi_hs_op *o)
{
    return o->algs->classic;
}

/* Space for what a step's algorithms want: the front doors check it once more. */
static inline pqi_pk_at step_pk_at(const pqi_hs_op *o, size_t tmp)
{
    return (pqi_pk_at){step_classic(o), o->self->provider, o->counts, {o->tmp.ptr, tmp}};
}

static inline size_t step_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Whatever is wrong with what a peer sent or announced has one status. */
static inline pqi_status step_blame_peer(pqi_status st)
{
    return st == PQI_ERR_DECODE ? PQI_ERR_AUTH : st;
}

/* The place in `out` of a field that was read from it. */
static inline uint8_t *step_place(pqi_span out, pqi_cspan field)
{
    return out.ptr + (field.ptr - out.ptr);
}

#endif
