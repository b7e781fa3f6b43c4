/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "session/hs_run.h"

#include <pqi/host.h>
#include <stdalign.h>

const hs_case hs_cases[] = {
    {"S 0x0001 Falcon-512", PQI_HS_MODE_S, &pqi_suite_0001, &pqi_sig_falcon_512,
        &pqi_sig_falcon_512, false, false},
    {"S 0x0002 ML-DSA-44", PQI_HS_MODE_S, &pqi_suite_0002, &pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_44,
        false, true},
    {"S 0x0004 ML-DSA-65", PQI_HS_MODE_S, &pqi_suite_0004, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_65,
        false, false},
    {"K 0x0001", PQI_HS_MODE_K, &pqi_suite_0001, NULL, NULL, false, false},
    {"K 0x0002", PQI_HS_MODE_K, &pqi_suite_0002, NULL, NULL, true, true},
    {"K 0x0004", PQI_HS_MODE_K, &pqi_suite_0004, NULL, NULL, false, false},
    {"K 0x0005", PQI_HS_MODE_K, &pqi_suite_0005, NULL, NULL, false, false},
    {"M 0x0001 ML-DSA-44", PQI_HS_MODE_M, &pqi_suite_0001, NULL, &pqi_sig_ml_dsa_44, false, false},
    {"M 0x0002 Falcon-512", PQI_HS_MODE_M, &pqi_suite_0002, NULL, &pqi_sig_falcon_512, true, false},
    {"M 0x0004 ML-DSA-65", PQI_HS_MODE_M, &pqi_suite_0004, NULL, &pqi_sig_ml_dsa_65, false, true},
};
const size_t hs_n_cases = sizeof hs_cases / sizeof hs_cases[0];

static alignas(8) uint8_t tmp_bytes[131072];
static const pqi_span tmp = {tmp_bytes, sizeof tmp_bytes};
static const pqi_classic *const cl = &pqi_classic_openssl;

static void ok(pqi_status st)
{
    assert_int_equal(st, PQI_OK);
}

static void fill(uint8_t *p, size_t n, uint8_t tag)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(tag + 7u * i);
    }
}

static void set(hs_buf *b, const char *s)
{
    b->len = strlen(s);
    memcpy(b->b, s, b->len);
}

static void put(hs_buf *b, pqi_cspan s)
{
    assert_true(s.len <= sizeof b->b);
    memcpy(b->b, s.ptr, s.len);
    b->len = s.len;
}

static pqi_cspan in(const hs_buf *b)
{
    return (pqi_cspan){b->b, b->len};
}

static void make_static(const pqi_suite *s, const pqi_sig *sig, uint8_t tag, hs_static *k)
{
    fill(k->kem_seed, sizeof k->kem_seed, tag);
    fill(k->x_sk, sizeof k->x_sk, (uint8_t)(tag + 1u));
    fill(k->sig_seed, sizeof k->sig_seed, (uint8_t)(tag + 2u));
    ok(pqi_kem_keygen(s->kem, (pqi_span){k->kem_pk, s->kem->pk_len},
        (pqi_span){k->kem_sk, s->kem->sk_len}, (pqi_cspan){k->kem_seed, s->kem->seed_len}, tmp));
    ok(cl->x25519_public(k->x_pk, k->x_sk));
    if (sig != NULL) {
        assert_true(sig->keygen_tmp <= sizeof tmp_bytes && sig->sign_tmp <= sizeof tmp_bytes);
        ok(pqi_sig_keygen(sig, (pqi_span){k->sig_pk, sig->pk_len},
            (pqi_span){k->sig_sk, sig->sk_len}, (pqi_cspan){k->sig_seed, sig->seed_len}, tmp));
    }
}

/* Section 9, made here from its parts: coins of one packet from its seed. */
static void coin(
    const uint8_t *seed, const char *label, pqi_cspan a, pqi_cspan b, uint8_t *out, size_t n)
{
    char full[40] = "PQI4 hs coin ";
    strcat(full, label);
    const pqi_cspan info[] = {{(const uint8_t *)full, strlen(full)}, a, b};
    ok(pqi_hkdf_expand(cl, PQI_HASH_SHA256, (pqi_cspan){seed, 32}, info, 3, (pqi_span){out, n}));
}

static void encaps(hs_run *h, pqi_hs_exchange x, const uint8_t *pk, uint8_t *ct, uint8_t ss[32])
{
    const pqi_kem *kem = h->c->suite->kem;
    ok(pqi_kem_encaps(kem, (pqi_span){ct, kem->ct_len}, (pqi_span){ss, 32},
        (pqi_cspan){pk, kem->pk_len}, (pqi_cspan){h->coins[x], 32}, tmp));
}

static void decaps(hs_run *h, const uint8_t *sk, pqi_cspan ct, uint8_t ss[32])
{
    const pqi_kem *kem = h->c->suite->kem;
    ok(pqi_kem_decaps(kem, (pqi_span){ss, 32}, ct, (pqi_cspan){sk, kem->sk_len}, tmp));
}

static void mix(
    pqi_hs_sched *s, pqi_hs_exchange x, const uint8_t *k, const uint8_t *x_ct, const uint8_t *x_pk)
{
    const pqi_combine_in c = {k, x_ct, x_pk};
    ok(pqi_hs_mix(cl, s, x, &c));
}

static void start(hs_run *h, pqi_hs_sched *s)
{
    pqi_hs_ends e = hs_ends(&h->rec);
    ok(pqi_hs_start(cl, h->c->suite, h->c->mode, &e, in(&h->rec.psk), s));
}

static pqi_hs_gate_in gate(const hs_run *h, bool i2r)
{
    const hs_record *r = &h->rec;
    return i2r ? (pqi_hs_gate_in){h->gk_i2r, in(&r->id_i), in(&r->id_r), in(&r->topic_i)}
               : (pqi_hs_gate_in){h->gk_r2i, in(&r->id_r), in(&r->id_i), in(&r->topic_r)};
}

/* ---- the steps of the two ends ------------------------------------------------------------------- */

static void i_init(hs_run *h, pqi_hs_sched *s)
{
    static uint8_t ek[PQI_KEM_MAX_PK], ct_r[PQI_KEM_MAX_CT];
    static const uint8_t kid_r[8] = {2, 2}, kid_i[8] = {1, 1}, head[8] = {0xaa}, nonce[16] = {5};
    const pqi_kem *kem = h->c->suite->kem;
    const bool k_mode = h->c->mode == PQI_HS_MODE_K;
    uint8_t k[64], rand_i[16] = {0};
    pqi_hs_init p = {.suite = h->c->suite,
        .mode = h->c->mode,
        .psk = h->c->psk,
        .min_level = 1,
        .seq = 0x0102030405060708u,
        .rsid_i = 0x11223344u,
        .head_epoch = 9,
        .kid_r = {kid_r, 8},
        .kid_i = {kid_i, 8},
        .head_hash = {head, 8},
        .rand_i = {rand_i, 16},
        .nonce = {nonce, h->c->nonce ? 16 : 0},
        .x_i = {h->x_i, 32},
        .ek_i = {ek, kem->pk_len},
        .ct_r = {ct_r, k_mode ? kem->ct_len : 0}};
    ok(pqi_hs_init_write(&p, (pqi_span){h->init.b, sizeof h->init.b}, &h->init.len));
    const pqi_cspan front = {h->init.b, 44};
    coin(h->seed_i, "rand I", front, p.nonce, rand_i, 16);
    coin(h->seed_i, "x I", front, p.nonce, h->x_i_sk, 32);
    coin(h->seed_i, "ek I", front, p.nonce, h->ek_seed, kem->seed_len);
    coin(h->seed_i, "ct R", front, p.nonce, h->coins[PQI_HS_STATIC_R], 32);
    ok(pqi_kem_keygen(kem, (pqi_span){ek, kem->pk_len}, (pqi_span){h->ek_sk, kem->sk_len},
        (pqi_cspan){h->ek_seed, kem->seed_len}, tmp));
    ok(cl->x25519_public(h->x_i, h->x_i_sk));
    if (k_mode) {
        encaps(h, PQI_HS_STATIC_R, h->r.kem_pk, ct_r, k);
        ok(cl->x25519(k + 32, h->x_i_sk, h->r.x_pk));
    }
    ok(pqi_hs_init_write(&p, (pqi_span){h->init.b, sizeof h->init.b}, &h->init.len));
    pqi_hs_gate_in g = gate(h, true);
    ok(pqi_hs_gate_tag(cl, &g, (pqi_span){h->init.b, h->init.len}));
    start(h, s);
    ok(pqi_hs_hear(cl, s, (pqi_cspan){h->init.b, h->init.len - PQI_HS_GATE}));
    if (k_mode) {
        mix(s, PQI_HS_STATIC_R, k, h->x_i, h->r.x_pk);
    }
}

static void keep(
    hs_run *h, pqi_hs_exchange x, const uint8_t *k, const uint8_t *x_ct, const uint8_t *x_pk)
{
    memcpy(h->rec.k[x], k, PQI_COMBINE_SECRETS);
    memcpy(h->rec.x_ct[x], x_ct, 32);
    memcpy(h->rec.x_pk[x], x_pk, 32);
}

static void r_init(hs_run *h, pqi_hs_sched *s, pqi_hs_init *p)
{
    pqi_algs a;
    pqi_algs_all(&a, cl);
    pqi_hs_gate_in g = gate(h, true);
    ok(pqi_hs_init_read(&a, in(&h->init), p));
    ok(pqi_hs_gate_check(cl, &g, in(&h->init)));
    assert_int_equal(p->mode, h->c->mode);
    put(&h->rec.init, p->body);
    start(h, s);
    ok(pqi_hs_hear(cl, s, p->body));
    if (p->mode == PQI_HS_MODE_K) {
        uint8_t k[64];
        decaps(h, h->r.kem_sk, p->ct_r, k);
        ok(cl->x25519(k + 32, h->r.x_sk, p->x_i.ptr));
        mix(s, PQI_HS_STATIC_R, k, p->x_i.ptr, h->r.x_pk);
        keep(h, PQI_HS_STATIC_R, k, p->x_i.ptr, h->r.x_pk);
    }
}

/* Signs what the side has to sign and seals it behind `at`; gives the bytes of auth. */
static pqi_cspan seal_auth(const hs_static *who, const pqi_sig *sig, pqi_hs_side side,
    const pqi_hs_sched *s, pqi_cspan conf, hs_buf *to)
{
    static const uint8_t rnd[PQI_SIG_MAX_RND];
    static uint8_t bytes[PQI_SIG_MAX_SIG];
    size_t n = 0;
    pqi_cspan domain, msg;
    if (sig != NULL) {
        ok(pqi_hs_signed(s, side, &domain, &msg));
        ok(pqi_sig_sign(sig, (pqi_span){bytes, sizeof bytes}, &n,
            (pqi_cspan){who->sig_sk, sig->sk_len}, domain, &msg, 1, (pqi_cspan){rnd, sig->rnd_len},
            tmp));
        assert_int_equal(n, sig->sig_len);
    } else {
        assert_int_equal(pqi_hs_signed(s, side, &domain, &msg), PQI_ERR_STATE);
    }
    const pqi_span auth = {to->b + to->len, n + PQI_AEAD_TAG};
    ok(pqi_hs_auth_seal(cl, s, side, conf, (pqi_cspan){bytes, n}, auth));
    to->len += auth.len;
    return (pqi_cspan){auth.ptr, auth.len};
}

static void open_auth(const hs_static *who, const pqi_sig *sig, pqi_hs_side side,
    const pqi_hs_sched *s, pqi_cspan conf, pqi_cspan auth)
{
    static uint8_t bytes[PQI_SIG_MAX_SIG];
    const pqi_span plain = {bytes, auth.len - PQI_AEAD_TAG};
    ok(pqi_hs_auth_open(cl, s, side, conf, auth, plain));
    if (sig != NULL) {
        pqi_cspan domain, msg;
        ok(pqi_hs_signed(s, side, &domain, &msg));
        ok(pqi_sig_verify(sig, (pqi_cspan){who->sig_pk, sig->pk_len}, domain, &msg, 1,
            (pqi_cspan){plain.ptr, plain.len}, tmp));
    }
}

static void r_resp(hs_run *h, pqi_hs_sched *s, const pqi_hs_init *p)
{
    static uint8_t ct_e[PQI_KEM_MAX_CT], ct_i[PQI_KEM_MAX_CT];
    static const uint8_t head[8] = {0xbb};
    const pqi_kem *kem = h->c->suite->kem;
    const pqi_cspan th1 = {s->th, pqi_hash_len(h->c->suite->hash)}, none = {NULL, 0};
    uint8_t k[64], rand_r[16];
    coin(h->seed_r, "rand R", th1, none, rand_r, 16);
    coin(h->seed_r, "x R", th1, none, h->x_r_sk, 32);
    coin(h->seed_r, "ct e", th1, none, h->coins[PQI_HS_EPHEMERAL], 32);
    coin(h->seed_r, "ct I", th1, none, h->coins[PQI_HS_STATIC_I], 32);
    ok(cl->x25519_public(h->x_r, h->x_r_sk));
    encaps(h, PQI_HS_EPHEMERAL, p->ek_i.ptr, ct_e, k);
    ok(cl->x25519(k + 32, h->x_r_sk, p->x_i.ptr));
    mix(s, PQI_HS_EPHEMERAL, k, h->x_r, p->x_i.ptr);
    keep(h, PQI_HS_EPHEMERAL, k, h->x_r, p->x_i.ptr);
    const bool static_i = h->c->mode != PQI_HS_MODE_S;
    if (static_i) {
        encaps(h, PQI_HS_STATIC_I, h->i.kem_pk, ct_i, k);
        ok(cl->x25519(k + 32, h->x_r_sk, h->i.x_pk));
        mix(s, PQI_HS_STATIC_I, k, h->x_r, h->i.x_pk);
        keep(h, PQI_HS_STATIC_I, k, h->x_r, h->i.x_pk);
    }
    const pqi_hs_resp q = {.min_level = 0,
        .rsid_i = p->rsid_i,
        .rsid_r = 0x55667788u,
        .head_epoch = 10,
        .init_ctr_r = 3,
        .head_hash = {head, 8},
        .rand_r = {rand_r, 16},
        .x_r = {h->x_r, 32},
        .ct_e = {ct_e, kem->ct_len},
        .ct_i = {ct_i, static_i ? kem->ct_len : 0}};
    ok(pqi_hs_resp_write(&h->form, &q, (pqi_span){h->resp.b, sizeof h->resp.b}, &h->resp.len));
    put(&h->rec.resp, in(&h->resp));
    ok(pqi_hs_hear(cl, s, in(&h->rec.resp)));
    pqi_cspan auth =
        seal_auth(&h->r, h->c->sig_r, PQI_HS_SIDE_R, s, (pqi_cspan){NULL, 0}, &h->resp);
    put(&h->rec.auth_r, auth);
    ok(pqi_hs_hear(cl, s, auth));
    h->resp.len += PQI_HS_GATE;
    pqi_hs_gate_in g = gate(h, false);
    ok(pqi_hs_gate_tag(cl, &g, (pqi_span){h->resp.b, h->resp.len}));
}

static void i_resp(hs_run *h, pqi_hs_sched *s)
{
    pqi_hs_resp q;
    uint8_t k[64];
    pqi_hs_gate_in g = gate(h, false);
    ok(pqi_hs_resp_read(&h->form, in(&h->resp), &q));
    ok(pqi_hs_gate_check(cl, &g, in(&h->resp)));
    decaps(h, h->ek_sk, q.ct_e, k);
    ok(cl->x25519(k + 32, h->x_i_sk, q.x_r.ptr));
    mix(s, PQI_HS_EPHEMERAL, k, q.x_r.ptr, h->x_i);
    if (h->c->mode != PQI_HS_MODE_S) {
        decaps(h, h->i.kem_sk, q.ct_i, k);
        ok(cl->x25519(k + 32, h->i.x_sk, q.x_r.ptr));
        mix(s, PQI_HS_STATIC_I, k, q.x_r.ptr, h->i.x_pk);
    }
    ok(pqi_hs_hear(cl, s, q.open));
    open_auth(&h->r, h->c->sig_r, PQI_HS_SIDE_R, s, (pqi_cspan){NULL, 0}, q.auth);
    ok(pqi_hs_hear(cl, s, q.auth));
    ok(pqi_hs_conf_write(
        &h->form, q.rsid_r, (pqi_span){h->conf.b, sizeof h->conf.b}, &h->conf.len));
    seal_auth(&h->i, h->c->sig_i, PQI_HS_SIDE_I, s, in(&h->conf), &h->conf);
}

static void r_conf(hs_run *h, pqi_hs_sched *s)
{
    pqi_hs_conf p;
    ok(pqi_hs_conf_read(&h->form, in(&h->conf), &p));
    open_auth(&h->i, h->c->sig_i, PQI_HS_SIDE_I, s, p.open, p.auth);
    put(&h->rec.auth_i, p.auth);
}

void hs_run_case(const hs_case *c, hs_run *h)
{
    pqi_hs_sched si, sr;
    pqi_hs_init p;
    memset(h, 0, sizeof *h);
    h->c = c;
    h->form = (pqi_hs_form){c->suite, c->mode, c->psk, c->sig_i, c->sig_r, false, false};
    ok(pqi_hs_form_check(&h->form));
    h->rec.suite = c->suite;
    h->rec.mode = c->mode;
    set(&h->rec.id_i, "pump-1");
    set(&h->rec.id_r, "control");
    set(&h->rec.cert_i, "certificate of pump-1");
    set(&h->rec.cert_r, "certificate of control");
    set(&h->rec.topic_i, "pq/4/i/control");
    set(&h->rec.topic_r, "pq/4/r/pump-1");
    if (c->psk) {
        fill(h->rec.psk.b, PQI_HS_PSK, 0x90);
        h->rec.psk.len = PQI_HS_PSK;
    }
    make_static(c->suite, c->sig_i, 0x10, &h->i);
    make_static(c->suite, c->sig_r, 0x20, &h->r);
    fill(h->gk_i2r, 32, 0x30);
    fill(h->gk_r2i, 32, 0x31);
    fill(h->seed_i, 32, 0x32);
    fill(h->seed_r, 32, 0x33);
    i_init(h, &si);
    r_init(h, &sr, &p);
    r_resp(h, &sr, &p);
    i_resp(h, &si);
    r_conf(h, &sr);
    ok(pqi_hs_finish(cl, &si, &h->out_i));
    ok(pqi_hs_finish(cl, &sr, &h->out_r));
    assert_memory_equal(&h->out_i, &h->out_r, sizeof h->out_i);
}

/* ---- from the record ----------------------------------------------------------------------------- */

pqi_hs_ends hs_ends(const hs_record *r)
{
    static uint8_t hash_i[PQI_HASH_MAX], hash_r[PQI_HASH_MAX];
    const size_t n = pqi_hash_len(r->suite->hash);
    const pqi_cspan cert_i = in(&r->cert_i), cert_r = in(&r->cert_r);
    ok(cl->hash(r->suite->hash, &cert_i, 1, hash_i));
    ok(cl->hash(r->suite->hash, &cert_r, 1, hash_r));
    return (pqi_hs_ends){
        in(&r->id_i), in(&r->id_r), {hash_i, n}, {hash_r, n}, in(&r->topic_i), in(&r->topic_r)};
}

/* The key of auth as section 4 has it, made here from its parts. */
static void auth_key(const pqi_hs_sched *s, const char *label, uint8_t out[44])
{
    const size_t n = pqi_hash_len(s->suite->hash);
    const pqi_cspan info[] = {{(const uint8_t *)label, strlen(label)}, {s->th, n}};
    ok(pqi_hkdf_expand(cl, s->suite->hash, (pqi_cspan){s->prk, n}, info, 2, (pqi_span){out, 44}));
}

void hs_derive(const hs_record *r, hs_trace *t)
{
    pqi_hs_sched s;
    const pqi_hs_ends e = hs_ends(r);
    memset(t, 0, sizeof *t);
    ok(pqi_hs_start(cl, r->suite, r->mode, &e, in(&r->psk), &s));
    memcpy(t->th[0], s.th, sizeof s.th);
    memcpy(t->prk[0], s.prk, sizeof s.prk);
    ok(pqi_hs_hear(cl, &s, in(&r->init)));
    memcpy(t->th[1], s.th, sizeof s.th);
    for (unsigned x = 0; x < 3; x++) {
        if (s.next == x) {
            mix(&s, (pqi_hs_exchange)x, r->k[x], r->x_ct[x], r->x_pk[x]);
        }
        memcpy(t->prk[x + 1], s.prk, sizeof s.prk);
    }
    ok(pqi_hs_hear(cl, &s, in(&r->resp)));
    memcpy(t->th[2], s.th, sizeof s.th);
    auth_key(&s, "PQI4 hs auth R", t->key_r);
    ok(pqi_hs_hear(cl, &s, in(&r->auth_r)));
    memcpy(t->th[3], s.th, sizeof s.th);
    auth_key(&s, "PQI4 hs auth I", t->key_i);
    ok(pqi_hs_finish(cl, &s, &t->out));
}
