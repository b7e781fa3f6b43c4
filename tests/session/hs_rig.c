/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "session/hs_rig.h"

#include <pqi/host.h>

#define KEM_KEY 1u
#define DH_KEY  2u
#define SIG_KEY 3u

static pqi_cspan in(const hs_buf *b)
{
    return (pqi_cspan){b->b, b->len};
}

static pqi_span room(hs_buf *b)
{
    return (pqi_span){b->b, sizeof b->b};
}

static void put_key(
    fake_provider *f, unsigned at, pqi_key_kind kind, int32_t alg, pqi_cspan pk, pqi_cspan sk)
{
    fake_key *k = &f->keys[at];
    k->handle = at + 1;
    k->kind = kind;
    k->alg = alg;
    memcpy(k->pk, pk.ptr, k->pk_len = pk.len);
    memcpy(k->sk, sk.ptr, k->sk_len = sk.len);
}

static void make_end(hs_rig *g, hs_end *e, const hs_static *k, const pqi_sig *sig, uint8_t n)
{
    const uint8_t seed[32] = {n};
    const pqi_kem *kem = g->c->suite->kem;
    fake_provider_init(&e->prov, &g->algs, seed, NULL);
    assert_int_equal(fake_provider_key(&e->prov, DH_KEY, PQI_KEY_X25519, 0), PQI_OK); /* its ops */
    put_key(&e->prov, 0, PQI_KEY_KEM, kem->id, (pqi_cspan){k->kem_pk, kem->pk_len},
        (pqi_cspan){k->kem_sk, kem->sk_len});
    put_key(&e->prov, 1, PQI_KEY_X25519, 0, (pqi_cspan){k->x_pk, 32}, (pqi_cspan){k->x_sk, 32});
    if (sig != NULL) {
        put_key(&e->prov, 2, PQI_KEY_SIG, sig->id, (pqi_cspan){k->sig_pk, sig->pk_len},
            (pqi_cspan){k->sig_sk, sig->sk_len});
    }
    e->kid[0] = e->kid[1] = n;
    e->self = (pqi_hs_self){.provider = &e->prov.base,
        .kem = KEM_KEY,
        .x25519 = DH_KEY,
        .sig = SIG_KEY,
        .sig_alg = sig,
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = {k->kem_pk, kem->pk_len},
        .x25519_pk = {k->x_pk, 32}};
    e->as_peer = (pqi_hs_peer){.kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = e->self.kem_pk,
        .x25519_pk = e->self.x25519_pk,
        .sig_alg = sig,
        .sig_pk = {k->sig_pk, sig == NULL ? 0 : sig->pk_len}};
}

static void name_end(const hs_rig *g, hs_end *e, pqi_cspan id, pqi_cspan cert)
{
    const pqi_classic *c = &pqi_classic_openssl;
    (void)g;
    assert_int_equal(c->hash(PQI_HASH_SHA256, &cert, 1, e->cert256), PQI_OK);
    assert_int_equal(c->hash(PQI_HASH_SHA384, &cert, 1, e->cert384), PQI_OK);
    e->self.id = e->as_peer.id = id;
}

void hs_rig_make(hs_rig *g, const hs_run *run, const pqi_classic *cl)
{
    static const uint8_t nonce[PQI_HS_NONCE] = {5};
    const hs_record *rec = &run->rec;
    memset(g, 0, sizeof *g);
    g->c = run->c;
    g->form = run->form;
    pqi_algs_all(&g->algs, cl != NULL ? cl : &pqi_classic_openssl);
    make_end(g, &g->i, &run->i, g->c->sig_i, 1);
    make_end(g, &g->r, &run->r, g->c->sig_r, 2);
    name_end(g, &g->i, in(&rec->id_i), in(&rec->cert_i));
    name_end(g, &g->r, in(&rec->id_r), in(&rec->cert_r));
    pqi_hs_say say = {.suite = rec->suite,
        .mode = rec->mode,
        .psk = in(&rec->psk),
        .min_level = 1,
        .counter = 0x0102030405060708u,
        .rsid = 0x11223344u,
        .head_epoch = 9,
        .head_hash = {0xaa},
        .nonce = {nonce, g->c->nonce ? sizeof nonce : 0},
        .topic_i = in(&rec->topic_i),
        .topic_r = in(&rec->topic_r),
        .seed = run->seed_i};
    g->i.say = say;
    say.min_level = 0;
    say.counter = 3;
    say.rsid = 0x55667788u;
    say.head_epoch = 10;
    say.head_hash[0] = 0xbb;
    say.nonce.len = 0;
    say.seed = run->seed_r;
    g->r.say = say;
    g->i.op = (pqi_hs_op){
        &g->algs, &g->i.self, &g->r.as_peer, &g->i.counts, {g->i.tmp, pqi_hs_tmp_len(&g->form)}};
    g->r.op = (pqi_hs_op){
        &g->algs, &g->r.self, &g->i.as_peer, &g->r.counts, {g->r.tmp, pqi_hs_tmp_len(&g->form)}};
    assert_true(g->i.op.tmp.len != 0 && g->i.op.tmp.len <= HS_RIG_TMP);
}

pqi_status hs_rig_init(hs_rig *g)
{
    return pqi_hs_make_init(&g->i.op, &g->i.say, &g->pend, room(&g->init), &g->init.len);
}

pqi_status hs_rig_answer(hs_rig *g)
{
    pqi_hs_init p;
    pqi_status st = pqi_hs_init_read(&g->algs, in(&g->init), &p);
    return st == PQI_OK
               ? pqi_hs_answer(&g->r.op, &g->r.say, &p, &g->await, room(&g->resp), &g->resp.len)
               : st;
}

pqi_status hs_rig_resp(hs_rig *g)
{
    return pqi_hs_take_resp(
        &g->i.op, &g->pend, in(&g->resp), &g->taken, room(&g->conf), &g->conf.len);
}

pqi_status hs_rig_conf(hs_rig *g)
{
    return pqi_hs_take_conf(&g->r.op, &g->await, in(&g->conf), &g->out_r);
}

void hs_rig_all(hs_rig *g)
{
    assert_int_equal(hs_rig_init(g), PQI_OK);
    assert_int_equal(hs_rig_answer(g), PQI_OK);
    assert_int_equal(hs_rig_resp(g), PQI_OK);
    assert_int_equal(hs_rig_conf(g), PQI_OK);
    assert_memory_equal(&g->taken.keys, &g->out_r, sizeof g->out_r);
}

void hs_rig_wrong_keys(hs_rig *g, hs_end *e)
{
    const pqi_kem *kem = g->c->suite->kem;
    const pqi_sig *sig = e->self.sig_alg;
    e->prov.seed[31] ^= 0x5a;
    memset(e->prov.keys, 0, sizeof e->prov.keys);
    assert_int_equal(fake_provider_key(&e->prov, KEM_KEY, PQI_KEY_KEM, kem->id), PQI_OK);
    assert_int_equal(fake_provider_key(&e->prov, DH_KEY, PQI_KEY_X25519, 0), PQI_OK);
    if (sig != NULL) {
        assert_int_equal(fake_provider_key(&e->prov, SIG_KEY, PQI_KEY_SIG, sig->id), PQI_OK);
    }
}
