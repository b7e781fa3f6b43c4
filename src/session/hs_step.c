/* SPDX-License-Identifier: Apache-2.0
 * Steps of a v4 handshake, what both ends share: docs/spec/v4-handshake.md sections 3, 4 and 9.
 *
 * Implementation notes. Packets are laid out in the caller's buffer by the writers of hs_wire.h with
 * zeros for what is not known yet, read again for the places of the fields, and filled there: large
 * keys and ciphertexts exist once. Each step works on a schedule of its own and copies it, or nothing,
 * at the end. Scratch has two uses that never meet: tmp of the KEM, ephemeral secret key, its public
 * key; then tmp of the verifier, signature. */
#include "session/hs_step.h"

#include "base/args.h"
#include "ct/secret.h"
#include "prim/hkdf/sha2_len.h"
#include "suite/packed.h"

bool pqi_step_op_sound(const pqi_hs_op *o)
{
    return o != NULL && o->algs != NULL && o->algs->classic != NULL && o->self != NULL &&
           o->peer != NULL && o->self->provider != NULL && o->self->kid != NULL &&
           o->peer->kid != NULL;
}

static size_t sig_tmp(const pqi_sig *s)
{
    return s == NULL ? 0u : (size_t)s->verify_tmp + s->sig_len;
}

size_t pqi_hs_tmp_len(const pqi_hs_form *f)
{
    if (pqi_hs_form_check(f) != PQI_OK) {
        return 0;
    }
    const pqi_kem *k = f->suite->kem;
    const size_t zeros = step_larger(k->pk_len, k->ct_len); /* what a packet is laid out with */
    const size_t keys = (size_t)k->tmp_len + k->sk_len + k->pk_len;
    return step_larger(step_larger(keys, zeros), step_larger(sig_tmp(f->sig_i), sig_tmp(f->sig_r)));
}

/* A static key in use that is of the suite's post-quantum half alone. */
static bool is_plain(const pqi_suite *s, pqi_cspan pk, bool used)
{
    return used && s != NULL && pk.len != s->kem->pk_len && pk.len == pqi_suite_eph(s)->pk_len;
}

pqi_hs_form pqi_step_form_of(
    const pqi_hs_op *o, const pqi_suite *s, pqi_hs_mode mode, bool psk, pqi_hs_side self)
{
    const pqi_sig *i = self == PQI_HS_SIDE_I ? o->self->sig_alg : o->peer->sig_alg;
    const pqi_sig *r = self == PQI_HS_SIDE_I ? o->peer->sig_alg : o->self->sig_alg;
    const pqi_cspan kem_i = self == PQI_HS_SIDE_I ? o->self->kem_pk : o->peer->kem_pk;
    const pqi_cspan kem_r = self == PQI_HS_SIDE_I ? o->peer->kem_pk : o->self->kem_pk;
    return (pqi_hs_form){s, mode, psk, mode == PQI_HS_MODE_S ? i : NULL,
        mode != PQI_HS_MODE_K ? r : NULL, is_plain(s, kem_i, mode != PQI_HS_MODE_S),
        is_plain(s, kem_r, mode == PQI_HS_MODE_K)};
}

static bool has_static(const pqi_suite *s, pqi_cspan kem_pk, pqi_cspan x25519_pk)
{
    return pqi_args_exact(x25519_pk, PQI_X25519_LEN) && kem_pk.ptr != NULL &&
           pqi_suite_static(s, kem_pk.len) != NULL;
}

/* The keys of both ends that the mode uses are there. */
static bool keys_fit(const pqi_hs_op *o, const pqi_hs_form *f, pqi_hs_side self)
{
    const bool i = self == PQI_HS_SIDE_I, k = f->mode == PQI_HS_MODE_K;
    const bool by_kem = f->mode != PQI_HS_MODE_S;
    const bool own = i ? by_kem : k, others = i ? k : by_kem; /* static keys in use */
    const pqi_sig *signs = i ? f->sig_i : f->sig_r, *proves = i ? f->sig_r : f->sig_i;
    return (!own || has_static(f->suite, o->self->kem_pk, o->self->x25519_pk)) &&
           (!others || has_static(f->suite, o->peer->kem_pk, o->peer->x25519_pk)) &&
           (signs == NULL || o->self->sig != 0) &&
           (proves == NULL || pqi_args_exact(o->peer->sig_pk, proves->pk_len));
}

pqi_status pqi_step_may_step(const pqi_hs_op *o, const pqi_hs_form *f, pqi_hs_side self)
{
    if (pqi_hs_form_check(f) != PQI_OK || !keys_fit(o, f, self)) {
        return PQI_ERR_ARG;
    }
    return pqi_args_tmp(o->tmp, pqi_hs_tmp_len(f));
}

static pqi_cspan cert_of(const uint8_t *cert256, const uint8_t *cert384, const pqi_suite *s)
{
    return (pqi_cspan){s->hash == PQI_HASH_SHA384 ? cert384 : cert256, pqi_sha2_len(s->hash)};
}

pqi_status pqi_step_start(
    const pqi_hs_op *o, const pqi_hs_say *say, pqi_hs_side self, pqi_hs_sched *h)
{
    const pqi_hs_self *a = o->self;
    const pqi_hs_peer *b = o->peer;
    const pqi_cspan own = cert_of(a->cert256, a->cert384, say->suite);
    const pqi_cspan peer = cert_of(b->cert256, b->cert384, say->suite);
    const bool i = self == PQI_HS_SIDE_I;
    const pqi_hs_ends e = {i ? a->id : b->id, i ? b->id : a->id, i ? own : peer, i ? peer : own,
        say->topic_i, say->topic_r};
    return pqi_hs_start(step_classic(o), say->suite, say->mode, &e, say->psk, h);
}

pqi_status pqi_step_coins(const pqi_hs_op *o, const pqi_step_src *c, pqi_cspan label, pqi_span out)
{
    const pqi_cspan info[] = {label, c->a, c->b};
    return pqi_hkdf_expand(
        step_classic(o), PQI_HASH_SHA256, (pqi_cspan){c->seed, PQI_HS_SEED}, info, 3, out);
}

pqi_status pqi_step_encaps_to(const pqi_hs_op *o, const pqi_step_src *c, pqi_cspan label,
    pqi_cspan pk, uint8_t *ct, pqi_step_work *w)
{
    const pqi_kem *kem = pqi_suite_static(w->sched.suite, pk.len);
    if (kem == NULL) {
        return PQI_ERR_ARG;
    }
    const pqi_pk_at at = step_pk_at(o, kem->tmp_len);
    const pqi_span m = {w->coins, kem->coins_len};
    pqi_status st = pqi_step_coins(o, c, label, m);
    if (st == PQI_OK) {
        st = pqi_pk_encaps(
            &at, kem, pk, (pqi_cspan){m.ptr, m.len}, (pqi_span){ct, kem->ct_len}, w->k);
    }
    return st;
}

pqi_status pqi_step_ephemeral_dh(const pqi_hs_op *o, const uint8_t *peer, pqi_step_work *w)
{
    const pqi_pk_at at = step_pk_at(o, 0);
    return pqi_pk_x25519(&at, w->x, peer, w->k + PQI_KEM_SS);
}

pqi_status pqi_step_open_static(const pqi_hs_op *o, pqi_cspan ct, pqi_cspan x, pqi_step_work *w)
{
    const pqi_pk_at at = step_pk_at(o, 0);
    pqi_status st = pqi_pk_key_decaps(&at, o->self->kem, ct, w->k);
    return st == PQI_OK ? pqi_pk_key_dh(&at, o->self->x25519, x.ptr, w->k + PQI_KEM_SS) : st;
}

pqi_status pqi_step_mix(const pqi_hs_op *o, pqi_hs_exchange x, const uint8_t *x_ct,
    const uint8_t *x_pk, pqi_step_work *w)
{
    const pqi_combine_in in = {w->k, x_ct, x_pk};
    return pqi_hs_mix(step_classic(o), &w->sched, x, &in);
}

pqi_status pqi_step_own_x25519(
    const pqi_hs_op *o, const pqi_step_src *c, pqi_cspan label, uint8_t *pk, pqi_step_work *w)
{
    const pqi_pk_at at = step_pk_at(o, 0);
    pqi_status st = pqi_step_coins(o, c, label, (pqi_span){w->x, sizeof w->x});
    return st == PQI_OK ? pqi_pk_x25519_public(&at, w->x, pk) : st;
}

/* ---- proofs -------------------------------------------------------------------------------------- */

pqi_status pqi_step_prove(const pqi_hs_op *o, const pqi_sig *alg, pqi_hs_side side, pqi_cspan conf,
    pqi_span auth, const pqi_hs_sched *h)
{
    pqi_cspan domain, msg;
    const pqi_span sig = {o->tmp.ptr, alg == NULL ? 0u : alg->sig_len};
    size_t n = 0;
    pqi_status st = PQI_OK;
    if (alg != NULL) {
        const pqi_pk_at at = step_pk_at(o, 0);
        st = pqi_hs_signed(h, side, &domain, &msg);
        if (st == PQI_OK) {
            PQI_PUBLIC(msg.ptr, msg.len); /* a transcript hash */
            const pqi_pk_to_sign what = {o->self->sig, domain, &msg, 1};
            st = pqi_pk_key_sign(&at, &what, sig, &n);
        }
        if (st == PQI_OK) {
            st = pqi_sig_pad(alg, sig, n);
        }
    }
    if (st == PQI_OK) {
        st = pqi_hs_auth_seal(step_classic(o), h, side, conf, (pqi_cspan){sig.ptr, sig.len}, auth);
    }
    return st;
}

pqi_status pqi_step_check_proof(const pqi_hs_op *o, const pqi_sig *alg, pqi_hs_side side,
    pqi_cspan conf, pqi_cspan auth, const pqi_hs_sched *h)
{
    const size_t tmp = alg == NULL ? 0u : alg->verify_tmp;
    const pqi_span sig = {o->tmp.ptr + tmp, auth.len - PQI_AEAD_TAG};
    pqi_status st = pqi_hs_auth_open(step_classic(o), h, side, conf, auth, sig);
    if (st != PQI_OK || alg == NULL) {
        return st;
    }
    pqi_cspan domain, msg;
    st = pqi_hs_signed(h, side, &domain, &msg);
    if (st == PQI_OK) {
        PQI_PUBLIC(msg.ptr, msg.len); /* a transcript hash */
        PQI_PUBLIC(sig.ptr, sig.len); /* of a packet that opened; no secret of either end */
        const pqi_pk_at at = step_pk_at(o, tmp);
        pqi_pk_signed s = {alg, o->peer->sig_pk, domain, &msg, 1, {NULL, 0}};
        st = pqi_sig_unpad(alg, (pqi_cspan){sig.ptr, sig.len}, &s.sig);
        st = st == PQI_OK ? step_blame_peer(pqi_pk_verify(&at, &s)) : st;
    }
    return st;
}

pqi_status pqi_step_draw_seed(const pqi_hs_op *o, const uint8_t *given, uint8_t seed[PQI_HS_SEED])
{
    if (given == NULL) {
        return pqi_provider_random(o->self->provider, (pqi_span){seed, PQI_HS_SEED});
    }
    memcpy(seed, given, PQI_HS_SEED);
    return PQI_OK;
}
