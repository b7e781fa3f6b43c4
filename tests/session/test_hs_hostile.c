/* SPDX-License-Identifier: Apache-2.0
 * INV-45, INV-87, INV-90, INV-91: a handshake in which anything is not what both ends mean ends in no key, and
 * what an attacker sends changes nothing in the state of who waits. The gate tag is not checked here:
 * whoever gets past it finds these steps. */
#include "pqi_test.h"

#include "session/hs_rig.h"

#include <pqi/host.h>

static hs_run run, other_run;
static hs_rig rig, other;

static const hs_case small[] = {
    {"S", PQI_HS_MODE_S, &pqi_suite_0001, &pqi_sig_ml_dsa_44, &pqi_sig_falcon_512, true, true},
    {"K", PQI_HS_MODE_K, &pqi_suite_0001, NULL, NULL, false, true},
    {"M", PQI_HS_MODE_M, &pqi_suite_0002, NULL, &pqi_sig_ml_dsa_44, false, false},
    {"K X-Wing", PQI_HS_MODE_K, &pqi_suite_0005, NULL, NULL, true, false},
};
#define N_SMALL (sizeof small / sizeof small[0])

static bool is_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    unsigned any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= b[i];
    }
    return any == 0;
}

/* Runs a new handshake up to a point: 1 after INIT, 2 after RESP, 3 after CONF was made. */
static void begin(const hs_case *c, unsigned steps)
{
    hs_run_case(c, &run);
    hs_rig_make(&rig, &run, NULL);
    if (steps >= 1) {
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
    }
    if (steps >= 2) {
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
    }
    if (steps >= 3) {
        const pqi_hs_pend pend = rig.pend;
        assert_int_equal(hs_rig_resp(&rig), PQI_OK);
        rig.pend = pend; /* the test of a CONF keeps an initiator */
    }
}

/* ---- refusals that change nothing ---------------------------------------------------------------- */

static pqi_status refused_resp(void)
{
    const pqi_hs_pend before = rig.pend;
    memset(&rig.taken, 0xee, sizeof rig.taken);
    memset(rig.conf.b, 0, sizeof rig.conf.b);
    pqi_status st = hs_rig_resp(&rig);
    assert_int_not_equal(st, PQI_OK);
    assert_memory_equal(&rig.pend, &before, sizeof before);
    assert_true(is_zero(&rig.taken, sizeof rig.taken));
    assert_true(is_zero(rig.conf.b, sizeof rig.conf.b));
    assert_true(is_zero(rig.i.tmp, rig.i.op.tmp.len));
    return st;
}

static pqi_status refused_conf(void)
{
    const pqi_hs_await before = rig.await;
    memset(&rig.out_r, 0xee, sizeof rig.out_r);
    pqi_status st = hs_rig_conf(&rig);
    assert_int_not_equal(st, PQI_OK);
    assert_memory_equal(&rig.await, &before, sizeof before);
    assert_true(is_zero(&rig.out_r, sizeof rig.out_r));
    assert_true(is_zero(rig.r.tmp, rig.r.op.tmp.len));
    return st;
}

static pqi_status refused_init(void)
{
    memset(&rig.await, 0xee, sizeof rig.await);
    memset(rig.resp.b, 0, sizeof rig.resp.b);
    rig.resp.len = 0;
    pqi_hs_init p;
    pqi_status st = pqi_hs_init_read(&rig.algs, (pqi_cspan){rig.init.b, rig.init.len}, &p);
    if (st == PQI_OK) {
        st = hs_rig_answer(&rig);
        assert_int_not_equal(st, PQI_OK);
        assert_true(is_zero(&rig.await, sizeof rig.await));
        assert_true(is_zero(rig.resp.b, sizeof rig.resp.b));
        assert_true(is_zero(rig.r.tmp, rig.r.op.tmp.len));
    }
    return st;
}

/* ---- every byte ---------------------------------------------------------------------------------- */

/* Every byte of the fixed parts and of short fields, every 41st of keys and ciphertexts. */
static size_t next_byte(size_t at, size_t fixed, size_t len)
{
    return at + 1 < fixed || at + 64 > len ? at + 1 : at + 41;
}

/* An INIT with one bit changed: R refuses, or answers what I refuses. */
static void init_bytes(const hs_case *c)
{
    begin(c, 1);
    const hs_buf sound = rig.init;
    const size_t body = sound.len - PQI_HS_GATE;
    unsigned answered = 0, refused = 0;
    for (size_t at = 0; at < body; at = next_byte(at, 92 + 16, body)) {
        rig.init.b[at] ^= (uint8_t)(1u << at % 8);
        pqi_hs_init p;
        const pqi_cspan in = {rig.init.b, rig.init.len};
        if (pqi_hs_init_read(&rig.algs, in, &p) == PQI_OK && hs_rig_answer(&rig) == PQI_OK) {
            assert_int_equal(refused_resp(), PQI_ERR_AUTH);
            answered++;
        } else {
            refused++;
        }
        rig.init = sound;
    }
    assert_true(answered > 20 && refused > 10); /* the loop saw both */
    assert_int_equal(hs_rig_answer(&rig), PQI_OK);
    assert_int_equal(hs_rig_resp(&rig), PQI_OK);
    assert_int_equal(hs_rig_conf(&rig), PQI_OK);
}

static void resp_bytes(const hs_case *c)
{
    begin(c, 2);
    const hs_buf sound = rig.resp;
    const size_t body = sound.len - PQI_HS_GATE;
    for (size_t at = 0; at < body; at = next_byte(at, 80, body)) {
        rig.resp.b[at] ^= (uint8_t)(1u << at % 8);
        const pqi_status st = refused_resp();
        assert_true(st == PQI_ERR_AUTH || (st == PQI_ERR_DECODE && at < 80));
        rig.resp = sound;
    }
    assert_int_equal(hs_rig_resp(&rig), PQI_OK);
    assert_int_equal(hs_rig_conf(&rig), PQI_OK);
    assert_memory_equal(&rig.taken.keys, &rig.out_r, sizeof rig.out_r);
}

static void conf_bytes(const hs_case *c)
{
    begin(c, 3);
    const hs_buf sound = rig.conf;
    for (size_t at = 0; at < sound.len; at = next_byte(at, 8, sound.len)) {
        rig.conf.b[at] ^= (uint8_t)(1u << at % 8);
        const pqi_status st = refused_conf();
        assert_true(st == PQI_ERR_AUTH || (st == PQI_ERR_DECODE && at < 8));
        rig.conf = sound;
    }
    assert_int_equal(hs_rig_conf(&rig), PQI_OK);
}

static void every_byte(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        init_bytes(&small[k]);
        resp_bytes(&small[k]);
        conf_bytes(&small[k]);
    }
}

/* Shorter and longer by every length (long packets: sampled). */
static void every_length(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        begin(&small[k], 3);
        hs_buf *const all[] = {&rig.init, &rig.resp, &rig.conf};
        for (size_t p = 0; p < 3; p++) {
            const size_t len = all[p]->len;
            for (size_t n = 0; n < len + 40; n = next_byte(n, 8, len)) {
                if (n == len) {
                    continue;
                }
                const hs_buf was = rig.resp, conf = rig.conf;
                all[p]->len = n;
                assert_int_equal(p == 0   ? refused_init()
                                 : p == 1 ? refused_resp()
                                          : refused_conf(),
                    PQI_ERR_DECODE);
                rig.resp = was;
                rig.conf = conf;
                all[p]->len = len;
                if (p == 0) { /* refused before a step: await is garbage of the test */
                    begin(&small[k], 3);
                }
            }
        }
    }
}

/* ---- another peer, pend, await, role ------------------------------------------------------------- */

/* A second handshake of the same two ends, and of the initiator with someone else. */
static void begin_other(const hs_case *c, uint8_t who)
{
    hs_run_case(c, &other_run);
    other_run.seed_i[5] ^= 0x77;
    other_run.seed_r[5] ^= 0x78;
    hs_rig_make(&other, &other_run, NULL);
    if (who != 0) { /* R is another device with its own keys */
        other.r.kid[3] = who;
        other.r.cert256[0] ^= who;
        other.r.cert384[0] ^= who;
        hs_rig_wrong_keys(&other, &other.r);
        other.r.self.kem_pk.ptr = other.r.as_peer.kem_pk.ptr = other.r.prov.keys[0].pk;
        other.r.self.x25519_pk.ptr = other.r.as_peer.x25519_pk.ptr = other.r.prov.keys[1].pk;
        other.r.as_peer.sig_pk.ptr = other.r.prov.keys[2].pk;
        other.r.self.id = other.r.as_peer.id = (pqi_cspan){(const uint8_t *)"mallory", 7};
    }
    assert_int_equal(hs_rig_init(&other), PQI_OK);
    assert_int_equal(hs_rig_answer(&other), PQI_OK);
}

static void other_packets(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        for (uint8_t who = 0; who < 2; who++) {
            begin(&small[k], 2);
            begin_other(&small[k], who);
            const hs_buf resp = rig.resp;
            rig.resp = other.resp; /* same index, another pend or peer */
            assert_int_equal(refused_resp(), PQI_ERR_AUTH);
            rig.resp.b[4] ^= 1; /* another index */
            const uint64_t spent = rig.i.counts.total;
            assert_int_equal(refused_resp(), PQI_ERR_AUTH);
            assert_int_equal(rig.i.counts.total, spent);
            rig.resp = resp;
            assert_int_equal(hs_rig_resp(&rig), PQI_OK);
            const hs_buf conf = rig.conf;
            assert_int_equal(hs_rig_resp(&other), PQI_OK);
            rig.conf = other.conf; /* a CONF of another await */
            assert_int_equal(refused_conf(), PQI_ERR_AUTH);
            rig.conf = conf;
            assert_int_equal(hs_rig_conf(&rig), PQI_OK);
            /* and once more: there is no await, nor a pend */
            assert_int_equal(hs_rig_conf(&rig), PQI_ERR_STATE);
            assert_int_equal(hs_rig_resp(&rig), PQI_ERR_STATE);
            /* replayed to the await of a later handshake between the same ends */
            begin(&small[k], 2);
            rig.r.say.seed = other_run.seed_r;
            assert_int_equal(hs_rig_answer(&rig), PQI_OK);
            rig.conf = conf;
            assert_int_equal(refused_conf(), PQI_ERR_AUTH);
        }
    }
}

/* A packet that comes back to its sender, or from an end that means the other role. */
static void roles(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        if (small[k].mode == PQI_HS_MODE_M) {
            continue; /* its ends are not alike */
        }
        hs_case c = small[k];
        c.sig_r = c.sig_i;
        begin(&c, 2);
        /* own INIT: the kids are the other way round */
        pqi_hs_init p;
        pqi_hs_say say = rig.i.say;
        say.nonce.len = 0;
        const uint64_t spent = rig.i.counts.total;
        assert_int_equal(
            pqi_hs_init_read(&rig.algs, (pqi_cspan){rig.init.b, rig.init.len}, &p), PQI_OK);
        assert_int_equal(pqi_hs_answer(&rig.i.op, &say, &p, &rig.await,
                             (pqi_span){rig.conf.b, sizeof rig.conf.b}, &rig.conf.len),
            PQI_ERR_AUTH);
        assert_int_equal(rig.i.counts.total, spent);
        assert_true(is_zero(&rig.await, sizeof rig.await));
        /* ends that agree on everything but who began: the same INIT with topics exchanged */
        begin(&c, 1);
        const pqi_cspan t = rig.r.say.topic_i;
        rig.r.say.topic_i = rig.r.say.topic_r;
        rig.r.say.topic_r = t;
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        assert_int_equal(refused_resp(), PQI_ERR_AUTH);
        /* a RESP is no RESP to the responder, who begins at the same time with the same index */
        begin(&c, 2);
        pqi_hs_pend mine;
        size_t n = 0;
        say = rig.r.say;
        say.rsid = rig.i.say.rsid;
        assert_int_equal(
            pqi_hs_make_init(&rig.r.op, &say, &mine, (pqi_span){rig.init.b, sizeof rig.init.b}, &n),
            PQI_OK);
        const pqi_hs_pend before = mine;
        pqi_status st = pqi_hs_take_resp(&rig.r.op, &mine, (pqi_cspan){rig.resp.b, rig.resp.len},
            &rig.taken, (pqi_span){rig.conf.b, sizeof rig.conf.b}, &rig.conf.len);
        assert_int_equal(st, PQI_ERR_AUTH);
        assert_memory_equal(&mine, &before, sizeof mine);
        /* auth_R moved into a CONF (mode K: both are 16 bytes) */
        if (c.mode == PQI_HS_MODE_K) {
            begin(&c, 3);
            memcpy(rig.conf.b + 8, rig.resp.b + rig.resp.len - 32, 16);
            assert_int_equal(refused_conf(), PQI_ERR_AUTH);
        }
    }
}

/* ---- what both must hold ------------------------------------------------------------------------- */

/* One side means something else in any one point: no keys. */
static void one_side_differs(void **state)
{
    (void)state;
    static const uint8_t psk[PQI_HS_PSK] = {0x77}, cert[48] = {0x55};
    static const pqi_cspan word = {(const uint8_t *)"pq/4/x/other", 12};
    for (size_t k = 0; k < N_SMALL; k++) {
        for (unsigned what = 0; what < 9; what++) {
            begin(&small[k], 1);
            pqi_hs_peer *peer = &rig.i.as_peer;
            pqi_hs_self *self = &rig.r.self;
            switch (what) {
            case 0:
                peer->cert256 = peer->cert384 = cert;
                break;
            case 1:
                self->cert256 = self->cert384 = cert;
                break;
            case 2:
                peer->id = word;
                break;
            case 3:
                self->id = word;
                break;
            case 4:
                rig.r.say.topic_i = word;
                break;
            case 5:
                rig.r.say.topic_r = word;
                break;
            case 6:
                rig.r.say.psk = (pqi_cspan){psk, small[k].psk ? sizeof psk : 0};
                break;
            case 7: /* a site key on one side only */
                rig.r.say.psk = (pqi_cspan){psk, small[k].psk ? 0 : sizeof psk};
                assert_int_equal(refused_init(), PQI_ERR_POLICY);
                assert_int_equal(rig.r.counts.total, 0);
                continue;
            default: /* the other's static X25519 key; mode S has none */
                if (small[k].mode == PQI_HS_MODE_S) {
                    continue;
                }
                peer->x25519_pk = self->x25519_pk;
                break;
            }
            if (what == 6 && !small[k].psk) {
                continue;
            }
            assert_int_equal(hs_rig_answer(&rig), PQI_OK);
            assert_int_equal(refused_resp(), PQI_ERR_AUTH);
        }
    }
}

/* ---- stolen and confused keys -------------------------------------------------------------------- */

/* Key compromise impersonation and its mirror: who holds all of one end's secrets, but not the other's,
 * is not taken for the other by that end. */
static void stolen_keys(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        /* the attacker answers I as R. I's own secrets do not help: they enter only by ciphertexts and
         * keys that anybody makes. R's certificate, but not R's keys. */
        begin(&small[k], 1);
        hs_rig_wrong_keys(&rig, &rig.r);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        assert_int_equal(refused_resp(), PQI_ERR_AUTH);
        /* the attacker begins as I against R, whose secrets it may hold */
        begin(&small[k], 2);
        hs_rig_wrong_keys(&rig, &rig.i);
        if (small[k].mode == PQI_HS_MODE_S) { /* R proves itself to anybody; I's proof is in CONF */
            assert_int_equal(hs_rig_resp(&rig), PQI_OK);
            assert_int_equal(refused_conf(), PQI_ERR_AUTH);
            continue;
        }
        assert_int_equal(refused_resp(), PQI_ERR_AUTH); /* so it has no key for a CONF */
        rig.conf.len = pqi_hs_conf_len(&rig.form);
        memset(rig.conf.b, 0, rig.conf.len);
        memcpy(rig.conf.b, run.conf.b, PQI_HS_CONF_HDR);
        assert_int_equal(refused_conf(), PQI_ERR_AUTH);
    }
}

/* Unknown key share: a certified insider E registered the KEM and X25519 keys of I (or of R) as its own.
 * Nobody ends up with a session that the other end means for someone else. */
static void unknown_key_share(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        /* R takes I's INIT, with the kid rewritten, for one of E */
        begin(&small[k], 1);
        rig.i.as_peer.id = (pqi_cspan){(const uint8_t *)"eve", 3};
        static uint8_t kid[PQI_KID_LEN] = {0xe}, cert[48] = {0xe};
        rig.i.as_peer.kid = kid;
        rig.i.as_peer.cert256 = rig.i.as_peer.cert384 = cert;
        memcpy(rig.init.b + 12, kid, sizeof kid);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        assert_int_equal(refused_resp(), PQI_ERR_AUTH);
        /* I means E, whose keys are R's; E hands the INIT to R */
        begin(&small[k], 0);
        const pqi_hs_peer r = rig.r.as_peer;
        rig.r.as_peer.id = (pqi_cspan){(const uint8_t *)"eve", 3};
        rig.r.as_peer.kid = kid;
        rig.r.as_peer.cert256 = rig.r.as_peer.cert384 = cert;
        assert_int_equal(hs_rig_init(&rig), PQI_OK);
        assert_int_equal(refused_init(), PQI_ERR_AUTH);
        memcpy(rig.init.b + 4, r.kid, PQI_KID_LEN);
        assert_int_equal(hs_rig_answer(&rig), PQI_OK);
        assert_int_equal(refused_resp(), PQI_ERR_AUTH);
    }
}

/* ---- keys that are none -------------------------------------------------------------------------- */

/* Points of order 1, 2, 4, 8 and some not reduced: RFC 7748 section 6.1 gives zero for all of them. */
static const uint8_t low_order[][32] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x7f},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
        0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8,
        0x00},
};

static void low_order_points(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_SMALL; k++) {
        for (size_t n = 0; n < sizeof low_order / sizeof low_order[0]; n++) {
            const bool by_kem = small[k].mode != PQI_HS_MODE_S;
            begin(&small[k], 1);
            const size_t x_i = 60u + (small[k].nonce ? 16u : 0u);
            memcpy(rig.init.b + x_i, low_order[n], 32);
            assert_int_equal(refused_init(), PQI_ERR_AUTH);
            begin(&small[k], 2);
            memcpy(rig.resp.b + 48, low_order[n], 32);
            assert_int_equal(refused_resp(), PQI_ERR_AUTH);
            if (by_kem) { /* a certified key of I */
                begin(&small[k], 1);
                rig.i.as_peer.x25519_pk.ptr = low_order[n];
                assert_int_equal(refused_init(), PQI_ERR_AUTH);
            }
            if (small[k].mode == PQI_HS_MODE_K) { /* of R */
                begin(&small[k], 0);
                rig.r.as_peer.x25519_pk.ptr = low_order[n];
                memset(&rig.pend, 0xee, sizeof rig.pend);
                assert_int_equal(hs_rig_init(&rig), PQI_ERR_AUTH);
                assert_true(is_zero(&rig.pend, sizeof rig.pend));
                assert_true(is_zero(rig.init.b, sizeof rig.init.b));
            }
        }
    }
}

/* FIPS 203 section 7.2: a coefficient that is not reduced. Three bytes 0xff are two of 4095. */
static void kem_keys_out_of_range(void **state)
{
    (void)state;
    static uint8_t pk[PQI_KEM_MAX_PK];
    for (size_t k = 0; k < N_SMALL; k++) {
        const size_t pk_len = small[k].suite->kem->pk_len;
        for (size_t at = 0; at + 3 <= pk_len - 32; at += 381) {
            begin(&small[k], 1);
            const size_t ek = 92u + (small[k].nonce ? 16u : 0u);
            memset(rig.init.b + ek + at, 0xff, 3);
            assert_int_equal(refused_init(), PQI_ERR_AUTH);
            if (small[k].mode != PQI_HS_MODE_S) {
                begin(&small[k], 1);
                memcpy(pk, rig.i.as_peer.kem_pk.ptr, pk_len);
                memset(pk + at, 0xff, 3);
                rig.i.as_peer.kem_pk.ptr = pk;
                assert_int_equal(refused_init(), PQI_ERR_AUTH);
            }
            if (small[k].mode == PQI_HS_MODE_K) {
                begin(&small[k], 0);
                memcpy(pk, rig.r.as_peer.kem_pk.ptr, pk_len);
                memset(pk + at, 0xff, 3);
                rig.r.as_peer.kem_pk.ptr = pk;
                assert_int_equal(hs_rig_init(&rig), PQI_ERR_AUTH);
                assert_true(is_zero(rig.init.b, sizeof rig.init.b));
            }
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(every_byte), cmocka_unit_test(every_length),
    cmocka_unit_test(other_packets), cmocka_unit_test(roles), cmocka_unit_test(one_side_differs),
    cmocka_unit_test(stolen_keys), cmocka_unit_test(unknown_key_share),
    cmocka_unit_test(low_order_points), cmocka_unit_test(kem_keys_out_of_range))
