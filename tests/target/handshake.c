/* SPDX-License-Identifier: Apache-2.0
 * The program of a v4 handshake in mode K, both ends: -DALG=<suite>. The provider is a bare table: what
 * its own operations take is in the figures of a step, but its KEM scratch is not in `tmp`. */
#include "target.h"

#include "session/hs_op.h"

#include <pqi/classic_mcu.h>

static const pqi_suite *const suite = &ALG;
static const pqi_suite *const suites[] = {&ALG};

static pqi_status fixed_random(uint8_t *out, size_t len)
{
    static uint32_t calls;
    tgt_fill((pqi_span){out, len}, ++calls);
    return PQI_OK;
}

void tgt_algs(pqi_algs *out)
{
    static pqi_classic mcu;
    static const pqi_kem *kems[1];
    pqi_classic_mcu(&mcu, fixed_random);
    kems[0] = suite->kem;
    *out = (pqi_algs){.classic = &mcu, .suites = suites, .n_suites = 1, .kems = kems, .n_kems = 1};
}

typedef struct end {
    pqi_provider base; /* first */
    pqi_algs algs;
    pqi_span pk, sk, tmp; /* of the KEM key */
    uint8_t x_pk[32], x_sk[32], kid[PQI_KID_LEN], cert[48];
    pqi_hs_self self;
    pqi_hs_peer as_peer;
    pqi_hs_op op;
    pqi_hs_say say;
    uint8_t seed[PQI_HS_SEED];
} end;

static end *of(pqi_provider *p)
{
    return (end *)(void *)p;
}

static pqi_status p_decaps(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    (void)key;
    const pqi_span out = {ss, PQI_KEM_SS};
    return pqi_kem_decaps(suite->kem, out, ct, tgt_in(of(p)->sk), of(p)->tmp);
}

static pqi_status p_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    (void)key;
    return of(p)->algs.classic->x25519(ss, of(p)->x_sk, peer);
}

static const pqi_provider_ops ops = {
    .abi = PQI_PROVIDER_ABI, .name = "target", .decapsulate = p_decaps, .dh = p_dh};

typedef struct both {
    end i, r;
    pqi_hs_pend pend, kept;
    pqi_hs_await await;
    pqi_hs_taken taken;
    pqi_hs_out out;
    pqi_span init, resp, tmp;
    uint8_t conf[PQI_HS_CONF_HDR + PQI_AEAD_TAG], psk[PQI_HS_PSK];
    size_t init_len, resp_len, conf_len;
    pqi_status st;
} both;

static both pair;

static bool take_end(end *e, const char *id, uint8_t n)
{
    const pqi_kem *kem = suite->kem;
    tgt_algs(&e->algs);
    e->base.ops = &ops;
    e->pk = tgt_take(kem->pk_len);
    e->sk = tgt_take(kem->sk_len);
    e->tmp = pair.tmp; /* of nobody while keys are made */
    if (e->sk.ptr == NULL) {
        return false;
    }
    tgt_fill((pqi_span){e->x_sk, 32}, 40u + n);
    tgt_fill((pqi_span){e->kid, sizeof e->kid}, 50u + n);
    tgt_fill((pqi_span){e->seed, sizeof e->seed}, 60u + n);
    uint8_t seed[PQI_KEM_MAX_SEED];
    tgt_fill((pqi_span){seed, sizeof seed}, 70u + n);
    pair.st |= pqi_kem_keygen(kem, e->pk, e->sk, (pqi_cspan){seed, kem->seed_len}, e->tmp);
    pair.st |= e->algs.classic->x25519_public(e->x_pk, e->x_sk);
    e->self = (pqi_hs_self){.provider = &e->base,
        .kem = 1,
        .x25519 = 2,
        .id = {(const uint8_t *)id, tgt_text_len(id)},
        .kid = e->kid,
        .cert256 = e->cert,
        .cert384 = e->cert,
        .kem_pk = tgt_in(e->pk),
        .x25519_pk = {e->x_pk, 32}};
    e->as_peer = (pqi_hs_peer){.id = e->self.id,
        .kid = e->kid,
        .cert256 = e->cert,
        .cert384 = e->cert,
        .kem_pk = e->self.kem_pk,
        .x25519_pk = e->self.x25519_pk};
    e->say = (pqi_hs_say){.suite = suite,
        .mode = PQI_HS_MODE_K,
        .psk = {pair.psk, sizeof pair.psk},
        .counter = 1,
        .rsid = 1u + n,
        .topic_i = {PQI_LIT("pq/4/i/control")},
        .topic_r = {PQI_LIT("pq/4/r/pump-1")},
        .seed = e->seed};
    return true;
}

static bool take_all(void)
{
    const pqi_hs_form f = {.suite = suite, .mode = PQI_HS_MODE_K, .psk = true};
    tgt_reset_arena();
    pair.st = PQI_OK;
    pair.init = tgt_take(pqi_hs_init_len(&f, false));
    pair.resp = tgt_take(pqi_hs_resp_len(&f));
    pair.tmp = tgt_take(pqi_hs_tmp_len(&f));
    const pqi_span kem_tmp = tgt_take(suite->kem->tmp_len);
    if (kem_tmp.ptr == NULL || !take_end(&pair.i, "pump-1", 1) ||
        !take_end(&pair.r, "control", 2)) {
        tgt_skip("handshake", "needs", 2u * tgt_memory().len, tgt_memory().len);
        return false;
    }
    pair.i.tmp = pair.r.tmp = kem_tmp; /* one provider at a time */
    pair.i.op = (pqi_hs_op){&pair.i.algs, &pair.i.self, &pair.r.as_peer, NULL, pair.tmp};
    pair.r.op = (pqi_hs_op){&pair.r.algs, &pair.r.self, &pair.i.as_peer, NULL, pair.tmp};
    return true;
}

static void make_init(void *arg)
{
    both *b = arg;
    b->st |= pqi_hs_make_init(&b->i.op, &b->i.say, &b->pend, b->init, &b->init_len);
}

static void remake_init(void *arg)
{
    both *b = arg;
    b->st |= pqi_hs_remake_init(&b->i.op, &b->pend, b->init, &b->init_len);
}

static void answer(void *arg)
{
    both *b = arg;
    pqi_hs_init p;
    b->st |= pqi_hs_init_read(&b->r.algs, (pqi_cspan){b->init.ptr, b->init_len}, &p);
    b->st |= pqi_hs_answer(&b->r.op, &b->r.say, &p, &b->await, b->resp, &b->resp_len);
}

static void take_resp(void *arg)
{
    both *b = arg;
    b->st |= pqi_hs_take_resp(&b->i.op, &b->pend, (pqi_cspan){b->resp.ptr, b->resp_len}, &b->taken,
        (pqi_span){b->conf, sizeof b->conf}, &b->conf_len);
}

static void take_conf(void *arg)
{
    both *b = arg;
    b->st |= pqi_hs_take_conf(&b->r.op, &b->await, (pqi_cspan){b->conf, b->conf_len}, &b->out);
}

static void measure_one(const char *name, void (*op)(void *))
{
    const tgt_cost cost = tgt_run(op, &pair);
    tgt_figure(name, "instructions", cost.instructions);
    tgt_figure(name, "stack", cost.stack);
    tgt_figure(name, "tmp", (uint32_t)pair.tmp.len);
    tgt_ok(pair.st == PQI_OK, "measure", name);
}

void tgt_measure(void)
{
    if (!take_all()) {
        return;
    }
    measure_one("make-init", make_init);
    measure_one("remake-init", remake_init);
    measure_one("answer", answer);
    measure_one("take-resp", take_resp);
    measure_one("take-conf", take_conf);
    tgt_ok(tgt_same((const uint8_t *)&pair.out, (const uint8_t *)&pair.taken.keys, sizeof pair.out),
        "measure", "same keys");
}

/* ---- constant work ------------------------------------------------------------------------ */

/* Another key of the site, and the same INIT but for what hangs on it. */
static void vary_psk(void *arg, unsigned i)
{
    both *b = arg;
    tgt_fill((pqi_span){b->psk, sizeof b->psk}, 200u + i);
}

/* Static keys of I that are not those of its certificate: each RESP ends at its proof. */
static void vary_static(void *arg, unsigned i)
{
    both *b = arg;
    b->pend = b->kept;
    tgt_fill((pqi_span){b->i.x_sk, 32}, 300u + i);
    b->i.sk.ptr[b->i.sk.len - 1u] = (uint8_t)i; /* the rejection secret */
}

static void refuse_resp(void *arg)
{
    both *b = arg;
    const pqi_status was = b->st;
    take_resp(arg);
    b->st = b->st == PQI_ERR_AUTH ? was : PQI_ERR_SELFTEST;
}

void tgt_constant(void)
{
    if (!take_all()) {
        return;
    }
    const tgt_same_work first = {"make-init", 3, vary_psk, make_init, false};
    const tgt_same_work second = {"answer", 3, vary_psk, answer, false};
    const tgt_same_work third = {"take-resp", 4, vary_static, refuse_resp, false};
    tgt_check_constant(&first, &pair);
    tgt_check_constant(&second, &pair);
    pair.kept = pair.pend;
    tgt_check_constant(&third, &pair);
    tgt_ok(pair.st == PQI_OK, "constant", "statuses");
}

/* Packets and keys of handshakes with other seeds: the same on every machine. */
void tgt_known_answers(unsigned rounds)
{
    pqi_xof sum;
    uint8_t digest[32];
    if (!take_all()) {
        return;
    }
    pair.st |= pqi_xof_init(&sum, PQI_HASH_SHAKE128);
    for (unsigned i = 0; i < rounds; i++) {
        tgt_fill((pqi_span){pair.i.seed, sizeof pair.i.seed}, 400u + i);
        make_init(&pair);
        answer(&pair);
        take_resp(&pair);
        take_conf(&pair);
        pqi_xof_absorb(&sum, pair.init.ptr, pair.init_len);
        pqi_xof_absorb(&sum, pair.resp.ptr, pair.resp_len);
        pqi_xof_absorb(&sum, pair.conf, pair.conf_len);
        pqi_xof_absorb(&sum, &pair.out, sizeof pair.out);
    }
    tgt_ok(pair.st == PQI_OK, "kat", "rounds");
    pqi_xof_squeeze(&sum, digest, sizeof digest);
    tgt_digest("accumulated", (pqi_cspan){digest, sizeof digest});
}

pqi_status tgt_operation(const char *op)
{
    (void)op;
    return PQI_ERR_UNSUPPORTED;
}
