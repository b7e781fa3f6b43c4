/* SPDX-License-Identifier: Apache-2.0
 * Whatever a step calls fails once, at each call: the step fails, its state is as before, outputs and
 * scratch are zero, and the same step then succeeds with the same packets. And arguments that a step
 * refuses. */
#include "pqi_test.h"

#include "session/hs_rig.h"

#include <pqi/host.h>

static hs_run run;
static hs_rig rig;

static bool is_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    unsigned any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= b[i];
    }
    return any == 0;
}

/* ---- calls that fail ----------------------------------------------------------------------------- */

static uint64_t calls, fail_at; /* of backend, KEM and verifier together */
static pqi_classic failing;
static pqi_kem kem;
static pqi_suite suite;
static pqi_sig sig;
static const pqi_kem *real_kem;
static const pqi_sig *real_sig;

static bool fails(void)
{
    return ++calls == fail_at;
}

static pqi_status f_hash(pqi_hash_id id, const pqi_cspan *p, size_t n, uint8_t *out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.hash(id, p, n, out);
}
static pqi_status f_hmac(pqi_hash_id id, pqi_cspan k, const pqi_cspan *p, size_t n, uint8_t *out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.hmac(id, k, p, n, out);
}
static pqi_status f_public(uint8_t *pk, const uint8_t *sk)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.x25519_public(pk, sk);
}
static pqi_status f_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.x25519(ss, sk, pk);
}
static pqi_status f_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.aead_seal(k, aad, in, out);
}
static pqi_status f_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    return fails() ? PQI_ERR_PROVIDER : pqi_classic_openssl.aead_open(k, aad, in, out);
}
static pqi_status f_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    return fails() ? PQI_ERR_PROVIDER : real_kem->keygen(pk, sk, seed, tmp);
}
static pqi_status f_encaps(
    uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp)
{
    return fails() ? PQI_ERR_PROVIDER : real_kem->encaps(ct, ss, pk, coins, tmp);
}
static pqi_status f_decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    return fails() ? PQI_ERR_PROVIDER : real_kem->decaps(ss, ct, sk, tmp);
}
static pqi_status f_verify(
    const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts, size_t n, pqi_cspan s, void *tmp)
{
    return fails() ? PQI_ERR_PROVIDER : real_sig->verify(pk, ctx, parts, n, s, tmp);
}

/* The case with everything a step calls behind the functions above. */
static void begin(const hs_case *c)
{
    calls = fail_at = 0;
    hs_run_case(c, &run);
    failing = pqi_classic_openssl;
    failing.hash = f_hash;
    failing.hmac = f_hmac;
    failing.x25519_public = f_public;
    failing.x25519 = f_x25519;
    failing.aead_seal = f_seal;
    failing.aead_open = f_open;
    hs_rig_make(&rig, &run, &failing);
    real_kem = c->suite->kem;
    kem = *real_kem;
    kem.keygen = f_keygen;
    kem.encaps = f_encaps;
    kem.decaps = f_decaps;
    suite = *c->suite;
    suite.kem = &kem;
    rig.i.say.suite = rig.r.say.suite = &suite;
    if (c->sig_r != NULL) {
        real_sig = c->sig_r;
        sig = *real_sig;
        sig.verify = f_verify;
        rig.r.self.sig_alg = rig.r.as_peer.sig_alg = &sig;
        if (c->sig_i != NULL) {
            rig.i.self.sig_alg = rig.i.as_peer.sig_alg = &sig;
        }
    }
    rig.i.say.seed = rig.r.say.seed = NULL; /* of the provider */
}

typedef pqi_status (*step)(hs_rig *g);
static const step steps[4] = {hs_rig_init, hs_rig_answer, hs_rig_resp, hs_rig_conf};

static void poison(unsigned s)
{
    memset(rig.i.tmp, 0, sizeof rig.i.tmp);
    memset(rig.r.tmp, 0, sizeof rig.r.tmp);
    if (s == 0) {
        memset(rig.init.b, 0, sizeof rig.init.b);
        memset(&rig.pend, 0xee, sizeof rig.pend);
    } else if (s == 1) {
        memset(rig.resp.b, 0, sizeof rig.resp.b);
        memset(&rig.await, 0xee, sizeof rig.await);
    } else if (s == 2) {
        memset(rig.conf.b, 0, sizeof rig.conf.b);
        memset(&rig.taken, 0xee, sizeof rig.taken);
    } else {
        memset(&rig.out_r, 0xee, sizeof rig.out_r);
    }
}

static void nothing_came_out(unsigned s, const pqi_hs_pend *pend, const pqi_hs_await *await)
{
    assert_true(is_zero(rig.i.tmp, sizeof rig.i.tmp) && is_zero(rig.r.tmp, sizeof rig.r.tmp));
    if (s == 0) {
        assert_true(is_zero(rig.init.b, sizeof rig.init.b) && is_zero(&rig.pend, sizeof *pend));
    } else if (s == 1) {
        assert_true(is_zero(rig.resp.b, sizeof rig.resp.b) && is_zero(&rig.await, sizeof *await));
    } else if (s == 2) {
        assert_true(is_zero(rig.conf.b, sizeof rig.conf.b));
        assert_true(is_zero(&rig.taken, sizeof rig.taken));
        assert_memory_equal(&rig.pend, pend, sizeof *pend);
    } else {
        assert_true(is_zero(&rig.out_r, sizeof rig.out_r));
        assert_memory_equal(&rig.await, await, sizeof *await);
    }
}

/* Fails the step's calls one after the other, then lets it pass. Gives the number of calls. */
static unsigned each_call(unsigned s, uint64_t *count, uint64_t *at)
{
    for (unsigned n = 1;; n++) {
        const pqi_hs_pend pend = rig.pend;
        const pqi_hs_await await = rig.await;
        poison(s);
        *at = *count + n;
        pqi_status st = steps[s](&rig);
        if (st == PQI_OK) {
            *at = 0;
            return n - 1;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
        nothing_came_out(s, &pend, &await);
        assert_true(n < 200);
    }
}

static void every_call_fails_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < hs_n_cases; k++) {
        unsigned own = 0, provider = 0;
        begin(&hs_cases[k]);
        for (unsigned s = 0; s < 4; s++) {
            own += each_call(s, &calls, &fail_at);
        }
        assert_memory_equal(&rig.taken.keys, &rig.out_r, sizeof rig.out_r);
        begin(&hs_cases[k]);
        for (unsigned s = 0; s < 4; s++) {
            fake_provider *p = s % 2 == 0 ? &rig.i.prov : &rig.r.prov;
            provider += each_call(s, &p->calls, &p->fail_at);
        }
        assert_memory_equal(&rig.taken.keys, &rig.out_r, sizeof rig.out_r);
        /* two seeds, and a decapsulation with a DH or a signature for each proof */
        static const unsigned want[] = {0, 4, 6, 5};
        assert_int_equal(provider, want[hs_cases[k].mode]);
        assert_true(own > 40);
    }
}

/* Making an INIT again: its calls fail too, and pend is as it was. */
static void remake_fails_once(void **state)
{
    (void)state;
    static hs_buf again;
    begin(&hs_cases[4]);
    assert_int_equal(hs_rig_init(&rig), PQI_OK);
    const pqi_hs_pend pend = rig.pend;
    const pqi_span room = {again.b, sizeof again.b};
    unsigned n = 0;
    for (;; n++) {
        memset(again.b, 0, sizeof again.b);
        fail_at = calls + n + 1;
        pqi_status st = pqi_hs_remake_init(&rig.i.op, &rig.pend, room, &again.len);
        assert_memory_equal(&rig.pend, &pend, sizeof pend);
        if (st == PQI_OK) {
            break;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
        assert_true(is_zero(again.b, sizeof again.b) && is_zero(rig.i.tmp, sizeof rig.i.tmp));
    }
    assert_true(n > 6);
    assert_int_equal(again.len, rig.init.len);
    assert_memory_equal(again.b, rig.init.b, again.len);
}

/* A generator that fails, and one that answers what a step must hand on. */
static void statuses_come_through(void **state)
{
    (void)state;
    static const pqi_status all[] = {PQI_ERR_RNG, PQI_ERR_STATE, PQI_AGAIN, PQI_ERR_MISSING};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        begin(&hs_cases[1]);
        rig.i.prov.fail_at = 1 + rig.i.prov.calls;
        rig.i.prov.fail_with = all[i];
        assert_int_equal(hs_rig_init(&rig), all[i]);
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        rig.r.prov.fail_at = 2 + rig.r.prov.calls; /* sign */
        rig.r.prov.fail_with = all[i];
        assert_int_equal(hs_rig_answer(&rig), all[i]);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
    }
}

/* Two INITs of one end, and two RESPs, have nothing random in common; and a generator that repeats
 * itself gives other coins for another init_seq. */
static void fresh_coins(void **state)
{
    (void)state;
    for (size_t k = 0; k < hs_n_cases; k++) {
        for (unsigned repeat = 0; repeat < 2; repeat++) {
            static hs_buf first;
            begin(&hs_cases[k]);
            if (repeat != 0) {
                rig.i.say.seed = rig.r.say.seed = run.seed_i;
            }
            const size_t x = 60u + (hs_cases[k].nonce ? 16u : 0u);
            const size_t ek = x + 32u, ct = ek + kem.pk_len;
            assert_int_equal(hs_rig_init(&rig), PQI_OK);
            first = rig.init;
            rig.i.say.counter++;
            assert_int_equal(hs_rig_init(&rig), PQI_OK);
            assert_memory_not_equal(first.b + 44, rig.init.b + 44, 16);
            assert_memory_not_equal(first.b + x, rig.init.b + x, 32);
            assert_memory_not_equal(first.b + ek, rig.init.b + ek, 32);
            assert_memory_not_equal(first.b + ct - 32, rig.init.b + ct - 32, 32); /* rho */
            if (hs_cases[k].mode == PQI_HS_MODE_K) {
                assert_memory_not_equal(first.b + ct, rig.init.b + ct, 32);
            }
            assert_int_equal(hs_rig_answer(&rig), PQI_OK);
            const hs_buf second = rig.init;
            static hs_buf resp;
            resp = rig.resp;
            rig.init = first;
            assert_int_equal(hs_rig_answer(&rig), PQI_OK);
            assert_memory_not_equal(resp.b + 32, rig.resp.b + 32, 16);
            assert_memory_not_equal(resp.b + 48, rig.resp.b + 48, 32);
            assert_memory_not_equal(resp.b + 80, rig.resp.b + 80, 32);
            rig.init = second;
            if (repeat == 0) { /* the same INIT answered twice */
                resp = rig.resp;
                rig.init = first;
                assert_int_equal(hs_rig_answer(&rig), PQI_OK);
                assert_memory_not_equal(resp.b + 48, rig.resp.b + 48, 32);
            }
        }
    }
}

/* ---- arguments ----------------------------------------------------------------------------------- */

static void refused_op(const hs_case *c, unsigned what)
{
    begin(c);
    const pqi_hs_op was = rig.i.op;
    const pqi_hs_self self = rig.i.self;
    const pqi_hs_peer peer = rig.r.as_peer;
    pqi_status want = PQI_ERR_ARG;
    switch (what) {
    case 0:
        rig.i.op.algs = NULL;
        break;
    case 1:
        rig.i.op.self = NULL;
        break;
    case 2:
        rig.i.op.peer = NULL;
        break;
    case 3:
        rig.i.self.provider = NULL;
        break;
    case 4:
        rig.i.self.kid = NULL;
        break;
    case 5:
        rig.i.op.tmp.ptr++;
        break;
    case 6:
        rig.i.op.tmp.len--;
        want = PQI_ERR_SPACE;
        break;
    case 7:
        rig.r.as_peer.kem_pk.len--;
        break;
    case 8:
        rig.r.as_peer.x25519_pk.ptr = NULL;
        break;
    case 9:
        rig.i.self.kem_pk.len = 0;
        break;
    case 10:
        rig.i.self.cert256 = rig.i.self.cert384 = NULL;
        break;
    case 11:
        rig.i.say.counter = 0;
        break;
    case 12:
        rig.i.say.rsid = 0;
        break;
    case 13:
        rig.i.say.psk = (pqi_cspan){run.seed_i, 31};
        break;
    case 14:
        rig.i.say.topic_i.len = 0;
        break;
    case 15:
        rig.i.say.nonce.len = 15;
        break;
    default:
        rig.i.say.suite = NULL;
        break;
    }
    poison(0);
    assert_int_equal(hs_rig_init(&rig), want);
    assert_true(is_zero(rig.init.b, sizeof rig.init.b) && is_zero(&rig.pend, sizeof rig.pend));
    rig.i.op = was;
    rig.i.self = self;
    rig.r.as_peer = peer;
}

static void arguments(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 17; what++) {
        refused_op(&hs_cases[3], what);
    }
    for (size_t k = 0; k < hs_n_cases; k++) { /* exactly the scratch and room that is asked for */
        begin(&hs_cases[k]);
        size_t n = 0;
        const pqi_span none = {rig.init.b, 10};
        assert_int_equal(
            pqi_hs_make_init(&rig.i.op, &rig.i.say, &rig.pend, none, &n), PQI_ERR_SPACE);
        assert_int_equal(n, pqi_hs_init_len(&rig.form, hs_cases[k].nonce));
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        assert_int_equal(rig.init.len, n);
        pqi_hs_init p;
        assert_int_equal(pqi_hs_init_read(&rig.algs, (pqi_cspan){rig.init.b, n}, &p), PQI_OK);
        assert_int_equal(
            pqi_hs_answer(&rig.r.op, &rig.r.say, &p, &rig.await, none, &n), PQI_ERR_SPACE);
        assert_int_equal(n, pqi_hs_resp_len(&rig.form));
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        assert_int_equal(pqi_hs_take_resp(&rig.i.op, &rig.pend,
                             (pqi_cspan){rig.resp.b, rig.resp.len}, &rig.taken, none, &n),
            PQI_ERR_SPACE);
        assert_int_equal(n, pqi_hs_conf_len(&rig.form));
        /* pend belongs to one pair */
        rig.r.kid[0] ^= 1;
        assert_int_equal(hs_rig_resp(&rig), PQI_ERR_ARG);
        assert_int_equal(
            pqi_hs_remake_init(&rig.i.op, &rig.pend, (pqi_span){rig.conf.b, sizeof rig.conf.b}, &n),
            PQI_ERR_ARG);
        rig.r.kid[0] ^= 1;
        assert_int_equal(hs_rig_resp(&rig), PQI_OK);
        rig.i.kid[0] ^= 1; /* and so does await */
        assert_int_equal(hs_rig_conf(&rig), PQI_ERR_ARG);
        rig.i.kid[0] ^= 1;
        assert_int_equal(hs_rig_conf(&rig), PQI_OK);
        assert_int_equal(
            pqi_hs_remake_init(&rig.i.op, &rig.pend, (pqi_span){rig.conf.b, sizeof rig.conf.b}, &n),
            PQI_ERR_STATE);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(every_call_fails_once), cmocka_unit_test(remake_fails_once),
    cmocka_unit_test(statuses_come_through), cmocka_unit_test(fresh_coins),
    cmocka_unit_test(arguments))
