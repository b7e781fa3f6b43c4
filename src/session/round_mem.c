/* SPDX-License-Identifier: Apache-2.0
 * The pool of memory for H rounds: docs/spec/ratchet.md section 7. */
#include "session/ratchet_int.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

enum { FREE = 0, MAY_GO = 1, FIXED = 2 };

/* What is held by a round that can begin its collecting anew, or make its proposal again from the
 * seed. An answer cannot be made again. */
static bool may_go(unsigned state)
{
    return state == PQI_ROUND_P_ASK || state == PQI_ROUND_Q_COLLECT;
}

pqi_round_mem *pqi_round_held(const pqi_ratchet_env *env, const pqi_ratchet *r)
{
    if (r->mem == 0 || env->rounds == NULL || r->mem > env->n_rounds) {
        return NULL;
    }
    pqi_round_mem *m = &env->rounds[r->mem - 1u];
    return m->held != FREE && m->lease == r->lease ? m : NULL;
}

static bool fits(const pqi_round_mem *m, const pqi_suite *s)
{
    return m->buf != NULL &&
           m->len >= PQI_ROUND_BUF(pqi_suite_eph(s)->pk_len, pqi_suite_eph(s)->ct_len);
}

pqi_round_mem *pqi_round_find(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, uint32_t now_s)
{
    pqi_round_mem *own = pqi_round_held(env, r), *idle = NULL;
    if (own != NULL || env->rounds == NULL) {
        return own;
    }
    for (uint32_t i = 0; i < env->n_rounds && i < UINT8_MAX; i++) {
        pqi_round_mem *m = &env->rounds[i];
        if (!fits(m, s)) {
            continue;
        }
        if (m->held == FREE) {
            return m;
        }
        uint32_t unused = now_s - m->used_s;
        if (m->held == MAY_GO && unused >= PQI_ROUND_IDLE_S && unused <= INT32_MAX) {
            idle = m;
        }
    }
    return idle;
}

void pqi_round_take(const pqi_ratchet_env *env, pqi_ratchet *r, pqi_round_mem *m, uint32_t now_s)
{
    if (pqi_round_held(env, r) != m) {
        m->lease++;
        r->mem = (uint8_t)(m - env->rounds + 1);
        r->lease = m->lease;
    }
    m->held = may_go(r->state) ? MAY_GO : FIXED;
    m->used_s = now_s;
}

void pqi_round_release(const pqi_ratchet_env *env, pqi_ratchet *r)
{
    pqi_round_mem *m = pqi_round_held(env, r);
    if (m != NULL) {
        m->held = FREE;
        m->out_len = 0;
        m->used_s = 0;
        memset(&m->in, 0, sizeof m->in);
        memset(m->buf, 0, m->len);
    }
    r->mem = 0;
    r->lease = 0;
}

size_t pqi_round_obj_len(const pqi_suite *s, unsigned kind, unsigned dir)
{
    size_t kem = dir == PQI_CHUNK_OBJ_P ? pqi_suite_eph(s)->pk_len : pqi_suite_eph(s)->ct_len;
    return PQI_X25519_LEN + (kind == PQI_CHUNK_H ? kem : 0);
}

static size_t half(const pqi_suite *s)
{
    size_t pk = pqi_suite_eph(s)->pk_len, ct = pqi_suite_eph(s)->ct_len;
    return PQI_X25519_LEN + (pk > ct ? pk : ct);
}

pqi_span pqi_round_out(const pqi_round_mem *m, const pqi_suite *s)
{
    return (pqi_span){m->buf, half(s)};
}

pqi_span pqi_round_in_buf(const pqi_round_mem *m, const pqi_suite *s)
{
    return (pqi_span){m->buf + half(s), half(s) + PQI_ERASURE_CHUNK_MAX};
}
