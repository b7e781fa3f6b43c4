/* SPDX-License-Identifier: Apache-2.0
 * What the files of the ratchet share: states of a round, derivations, round memory. Section numbers
 * are those of docs/spec/ratchet.md. Internal to session/. */
#ifndef PQI_SESSION_RATCHET_INT_H
#define PQI_SESSION_RATCHET_INT_H

#include "session/ratchet.h"

#include "base/mem.h"

/* Section 5: where this side stands. P proposes, Q answers. What next and seed hold is said for each;
 * they are zero where it says nothing. */
enum {
    PQI_ROUND_IDLE = 0,
    PQI_ROUND_P_DRAWN,   /* seed: of the proposal; objP is to be made again, memory permitting */
    PQI_ROUND_P_ASK,     /* seed; D: next = x_P; symbols of objP go, those of objQ come */
    PQI_ROUND_P_HAVE,    /* seed; D: next = x_Q; objQ is there: work */
    PQI_ROUND_P_STORE,   /* next = ES of epoch + 1: store */
    PQI_ROUND_P_READY,   /* next = ES; the next message goes in epoch + 1 */
    PQI_ROUND_P_UNHEARD, /* next = chain key of the peer in `epoch`, seed = RMS of epoch - 1 */
    PQI_ROUND_Q_COLLECT, /* H only: symbols of objP come */
    PQI_ROUND_Q_HAVE,    /* D: seed = x_P; objP is there: work */
    PQI_ROUND_Q_STORE,   /* next = ES of epoch + 1; D: seed = x_Q: store */
    PQI_ROUND_Q_ANSWER,  /* as before; symbols of objQ go, epoch + 1 can be received */
    PQI_ROUND_STATES
};

/* pqi_ratchet.flags */
#define PQI_R_FIN     0x01u /* every message carries FIN */
#define PQI_R_ASKED   0x02u /* the peer waits for a message of ours */
#define PQI_R_STORE   0x04u /* an old RMS is to leave the medium; nothing waits for it */
#define PQI_R_SAID    0x08u /* pqi_ratchet_secrets() gave what the medium needs */
#define PQI_R_HEAL    0x10u /* an H round as soon as possible */
#define PQI_R_WANT    0x20u /* a message went, and a round is due */
#define PQI_R_HEARD   0x40u /* a symbol of objQ came: objP is complete over there */
#define PQI_R_COMPACT 0x80u

#define PQI_LEVEL_STOP 3u

/* ---- ratchet.c ----------------------------------------------------------------------------------- */

bool pqi_ratchet_is_live(const pqi_ratchet_env *env, const pqi_ratchet_view *v);
/* The epoch of the receive chain. */
uint32_t pqi_ratchet_recv_epoch(const pqi_ratchet *r);
/* Late nodes are past their time. */
bool pqi_ratchet_late_over(const pqi_ratchet *r, uint32_t now_s);
unsigned pqi_ratchet_level(const pqi_ratchet_limits *l, const pqi_ratchet *r, uint32_t now_s);
/* State of the round, with what lasts as long: store wants, said. */
void pqi_round_to(pqi_ratchet *r, unsigned state);

/* "PQI4 d" || header || LV(ctx), section 3. */
#define PQI_RATCHET_AAD (6u + PQI_HS_DATA_HDR_MAX + 2u + PQI_RATCHET_CTX_MAX)
bool pqi_ratchet_ctx_ok(const pqi_ratchet_ctx *ctx);
pqi_cspan pqi_ratchet_aad(pqi_cspan hdr, const pqi_ratchet_ctx *ctx, uint8_t buf[PQI_RATCHET_AAD]);

/* Section 3: the nonce of message n. */
static inline void pqi_ratchet_nonce(uint32_t n, uint8_t nonce[PQI_AEAD_NONCE])
{
    memset(nonce, 0, PQI_AEAD_NONCE);
    for (unsigned i = 0; i < 4u; i++) {
        nonce[PQI_AEAD_NONCE - 1u - i] = (uint8_t)(n >> 8u * i);
    }
}

/* ---- round_keys.c: section 6 --------------------------------------------------------------------- */

typedef struct pqi_epoch_keys {
    uint8_t rk[PQI_HS_KEY], rms[PQI_HS_KEY];
    uint8_t ck_own[PQI_HS_KEY], ck_peer[PQI_HS_KEY];
} pqi_epoch_keys;

/* All of ES; only the chain key of what the peer sends; only the resumption secret. */
PQI_MUST_CHECK pqi_status pqi_round_epoch(
    const pqi_classic *c, unsigned side, const uint8_t es[PQI_HS_KEY], pqi_epoch_keys *out);
PQI_MUST_CHECK pqi_status pqi_round_ck_peer(
    const pqi_classic *c, unsigned side, const uint8_t es[PQI_HS_KEY], uint8_t out[PQI_HS_KEY]);
PQI_MUST_CHECK pqi_status pqi_round_rms(
    const pqi_classic *c, const uint8_t es[PQI_HS_KEY], uint8_t out[PQI_HS_KEY]);

/* From 32 uniform bytes: the X25519 secret key; the KEM's seed; the KEM's coins. */
typedef enum pqi_round_use {
    PQI_ROUND_X = 0,
    PQI_ROUND_KEM = 1,
    PQI_ROUND_ENC = 2,
    PQI_ROUND_USE_INT32_ = 2147483647
} pqi_round_use;
PQI_MUST_CHECK pqi_status pqi_round_coins(
    const pqi_classic *c, const uint8_t seed[PQI_HS_KEY], pqi_round_use use, pqi_span out);

typedef struct pqi_round_in {
    const pqi_suite *suite;
    const uint8_t *rk, *sid;
    uint32_t epoch; /* that the round leads to */
    unsigned kind;
    pqi_cspan obj_p, obj_q; /* both begin with the X25519 key */
    const uint8_t *k;       /* H: K_pq || K_x; D: K_x */
} pqi_round_in;
/* ES. */
PQI_MUST_CHECK pqi_status pqi_round_secret(
    const pqi_classic *c, const pqi_round_in *in, uint8_t es[PQI_HS_KEY]);

/* ---- round_mem.c: section 7 ---------------------------------------------------------------------- */

/* The memory that r holds, NULL if none or if it was taken. */
pqi_round_mem *pqi_round_held(const pqi_ratchet_env *env, const pqi_ratchet *r);
/* One that r could have: its own, a free one, one whose holder may lose it; NULL. Changes nothing. */
pqi_round_mem *pqi_round_find(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, uint32_t now_s);
void pqi_round_take(const pqi_ratchet_env *env, pqi_ratchet *r, pqi_round_mem *m, uint32_t now_s);
void pqi_round_release(const pqi_ratchet_env *env, pqi_ratchet *r);

size_t pqi_round_obj_len(const pqi_suite *s, unsigned kind, unsigned dir);
/* Places in buf. */
pqi_span pqi_round_out(const pqi_round_mem *m, const pqi_suite *s);
pqi_span pqi_round_in_buf(const pqi_round_mem *m, const pqi_suite *s);

/* ---- round.c ------------------------------------------------------------------------------------- */

/* Which round is to be proposed: a kind, or -1. */
int pqi_round_wanted(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, uint32_t now_s);
/* pqi_ratchet_work() would do something. */
bool pqi_round_has_work(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, uint32_t now_s);
/* The round is over on this side: counts it. */
void pqi_round_settled(const pqi_ratchet_env *env, pqi_ratchet *r);

/* ---- round_frames.c ------------------------------------------------------------------------------ */

/* State of the round; a session whose memory went to another has begun anew, or must. */
unsigned pqi_round_state(const pqi_ratchet_env *env, const pqi_ratchet *r);
/* Begins the pacing of the object that is sent in this state. */
void pqi_round_pace(pqi_ratchet *r, const pqi_suite *s);

/* Writes the CHUNK frame that is to go now, if any, at most out.len bytes; *len 0: none. */
void pqi_round_frame(const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s,
    pqi_span out, size_t *len);
/* A message went, with that frame or without (0). */
void pqi_round_sent(
    const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s, size_t frame, uint32_t now_s);

/* A message came while this side has an object to send: asks for one to go if a symbol is due. */
void pqi_round_heard(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s);

/* What a CHUNK frame that came does, decided before anything changes. */
typedef struct pqi_round_plan {
    uint8_t act;
    pqi_round_mem *mem;
} pqi_round_plan;
/* state: that the message leaves this side in before its CHUNK counts; live: it is of the epoch that
 * this side then is in. PQI_OK; PQI_ERR_DECODE: the frame contradicts what came. */
PQI_MUST_CHECK pqi_status pqi_round_check(const pqi_ratchet_env *env, const pqi_ratchet *r,
    const pqi_suite *s, unsigned state, const pqi_chunk *c, uint32_t now_s, pqi_round_plan *plan);
void pqi_round_apply(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s,
    const pqi_chunk *c, uint32_t now_s, const pqi_round_plan *plan);

#endif
