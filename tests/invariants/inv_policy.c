/* SPDX-License-Identifier: Apache-2.0
 * Agility without downgrade: what is chosen among several suites (docs/spec/registry.md), what an
 * endpoint refuses by its policy and at what cost, what a broker or an insider can do to a suite id,
 * unknown algorithms, and fleets of mixed ones. INV-41, INV-99. */
#include "support/fleet.h"

#include "session/v1.h"

#define BOTH (0x02u | 0x10u) /* suites 0x0002 and 0x0005 */
#define SIV  0x04u           /* suite 0x0003 */

static const dev_spec pump_768 = {.id = "pump-1",
    .epoch = 1,
    .roster = 1,
    .pub = "plant/pump-1",
    .seed = 1,
    .kem = PQI_KEM_ID_ML_KEM_768,
    .sig = PQI_SIG_ID_ML_DSA_65,
    .suites = BOTH};
static const dev_spec ctl_768 = {.id = "control",
    .epoch = 1,
    .roster = 2,
    .pub = "plant",
    .seed = 2,
    .kem = PQI_KEM_ID_ML_KEM_768,
    .sig = PQI_SIG_ID_ML_DSA_65,
    .suites = BOTH};

typedef struct pair {
    dev *a, *b;
    msg m, n;
} pair;

static pair *pair_new(const dev_spec *a, const dev_spec *b)
{
    pair *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->a = dev_new(a);
    p->b = dev_new(b);
    assert_int_equal(dev_open(p->a), PQI_OK);
    assert_int_equal(dev_open(p->b), PQI_OK);
    return p;
}

static void pair_free(pair *p)
{
    dev_free(p->a);
    dev_free(p->b);
    free(p);
}

static uint16_t suite_of(const msg *m)
{
    return (uint16_t)(m->b[2] << 8 | m->b[3]);
}

static pqi_status send(pair *p)
{
    return dev_send(p->a, "control", "plant/pump-1/x", "hello", &p->m);
}

/* ---- what is chosen ---------------------------------------------------------------------------- */

static uint16_t chosen(const dev_spec *a, const dev_spec *b)
{
    pair *p = pair_new(a, b);
    dev_meet(p->a, p->b);
    uint16_t id = 0;
    if (send(p) == PQI_OK) {
        id = suite_of(&p->m);
        dev_expect(p->b, &p->m, "hello");
    }
    pair_free(p);
    return id;
}

static void choice(void **state)
{
    (void)state;
    dev_spec a = pump_768, b = ctl_768;
    assert_int_equal(chosen(&a, &b), 0x0002); /* X-Wing is never taken over a standardised one */
    a.only = &pqi_suite_0005;                 /* unless the configuration names it */
    assert_int_equal(chosen(&a, &b), 0x0005);
    a.only = NULL;
    b.suites = pqi_suite_0005.bitmap;
    assert_int_equal(chosen(&a, &b), 0x0005);
    a.only = &pqi_suite_0002; /* the one that is named, or none */
    assert_int_equal(chosen(&a, &b), 0);
    a.only = NULL;
    a.suites = pqi_suite_0002.bitmap;
    assert_int_equal(chosen(&a, &b), 0);
    b.suites = BOTH;
    assert_int_equal(chosen(&a, &b), 0x0002);
    a.suites = BOTH | 0x80000000u; /* a bit that nobody here knows */
    assert_int_equal(chosen(&a, &b), 0x0002);
    a.suites = BOTH;
    a.policy.forbid = PQI_ALG_PRE_STANDARD;
    assert_int_equal(chosen(&a, &b), 0x0002);
}

/* A fleet with a device whose storage may go back: its policy alone changes what is chosen. */
static void choice_where_storage_goes_back(void **state)
{
    (void)state;
    dev_spec a = pump_768, b = ctl_768;
    a.suites = b.suites = BOTH | SIV;
    assert_int_equal(chosen(&a, &b), 0x0002); /* never without being asked for */
    a.only = &pqi_suite_0003;
    assert_int_equal(chosen(&a, &b), 0x0003);
    a.only = NULL;
    a.policy.forbid = PQI_ALG_NOT_MISUSE_RESISTANT;
    assert_int_equal(chosen(&a, &b), 0x0003);
    b.policy.forbid = PQI_ALG_NOT_MISUSE_RESISTANT;
    assert_int_equal(chosen(&a, &b), 0x0003);
    a.only = &pqi_suite_0002; /* not even by name */
    assert_int_equal(chosen(&a, &b), 0);
}

/* ---- what a policy refuses --------------------------------------------------------------------- */

/* b refuses a's announcement without a signature check, and cannot send to it. */
static void refuses_peer(pair *p)
{
    dev_announce(p->a, &p->m);
    uint64_t before = fleet_verifies;
    dev_refuses(p->b, &p->m, PQI_DROP_POLICY);
    assert_true(fleet_verifies == before);
    assert_int_equal(dev_send(p->b, "pump-1", "plant/x", "x", &p->n), PQI_ERR_MISSING);
}

static void peers_below_policy(void **state)
{
    (void)state;
    dev_spec a = pump_768, b = ctl_768;
    b.policy.forbid = PQI_ALG_PRE_STANDARD;
    a.suites = pqi_suite_0005.bitmap; /* offers a forbidden suite only */
    pair *p = pair_new(&a, &b);
    refuses_peer(p);
    pair_free(p);

    b.policy.forbid = PQI_ALG_PRE_STANDARD;
    a = pump_768;
    a.sig = PQI_SIG_ID_FALCON_512;
    p = pair_new(&a, &b);
    refuses_peer(p);
    pair_free(p);

    a = pump_768; /* offers no suite that bears a repeated nonce */
    b.suites = BOTH | SIV;
    b.policy.forbid = PQI_ALG_NOT_MISUSE_RESISTANT;
    p = pair_new(&a, &b);
    refuses_peer(p);
    pair_free(p);
    b.suites = BOTH;

    a.sig = PQI_SIG_ID_FALCON_512;
    b.policy.forbid = PQI_ALG_NOT_STANDARD; /* Saber is refused, Falcon is not */
    p = pair_new(&a, &b);
    dev_meet(p->a, p->b);
    pair_free(p);
    a.kem = PQI_KEM_ID_SABER;
    a.suites = 0;
    p = pair_new(&a, &b);
    refuses_peer(p);
    pair_free(p);

    b.policy = (pqi_alg_policy){2, 0}; /* the signers of this fleet are of category 2 */
    a = pump_768;
    a.kem = PQI_KEM_ID_ML_KEM_512;
    a.suites = 0;
    p = pair_new(&a, &b);
    refuses_peer(p);
    pair_free(p);

    a = pump_768;
    a.sig = PQI_SIG_ID_ML_DSA_44; /* category 2 */
    p = pair_new(&a, &b);
    p->b->ep.cfg.policy.min_level = 3;
    refuses_peer(p);
    p->b->ep.cfg.policy.min_level = 2;
    assert_int_equal(dev_receive(p->b, &p->m), PQI_EV_PEER);
    pair_free(p);
}

static void own_keys_below_policy(void **state)
{
    (void)state;
    dev_spec a = pump_768;
    a.policy.min_level = 4;
    dev *d = dev_new(&a);
    assert_int_equal(dev_open(d), PQI_ERR_POLICY);
    d->spec.policy.min_level = 3; /* the signers of this fleet are of category 2 */
    assert_int_equal(dev_open(d), PQI_ERR_POLICY);
    d->spec.policy.min_level = 2;
    assert_int_equal(dev_open(d), PQI_OK);
    dev_free(d);

    a.kem = PQI_KEM_ID_ML_KEM_512;
    a.suites = 0;
    a.policy.min_level = 2;
    d = dev_new(&a);
    assert_int_equal(dev_open(d), PQI_ERR_POLICY);
    dev_free(d);

    a = pump_768;
    a.suites = pqi_suite_0005.bitmap;
    a.policy.forbid = PQI_ALG_PRE_STANDARD;
    d = dev_new(&a);
    assert_int_equal(dev_open(d), PQI_ERR_POLICY);
    dev_free(d);
}

/* Peers were learned, then the configuration became stricter. */
static void policy_raised_later(void **state)
{
    (void)state;
    dev_spec a = pump_768;
    a.suites = pqi_suite_0005.bitmap;
    pair *p = pair_new(&a, &ctl_768);
    dev_meet(p->a, p->b);
    assert_int_equal(send(p), PQI_OK);
    assert_int_equal(suite_of(&p->m), 0x0005);
    pqi_endpoint_close(&p->b->ep);
    p->b->spec.policy.forbid = PQI_ALG_PRE_STANDARD;
    assert_int_equal(dev_open(p->b), PQI_OK);
    uint64_t before = fleet_verifies;
    dev_refuses(p->b, &p->m, PQI_DROP_POLICY); /* by the packet's suite */
    assert_true(fleet_verifies == before);
    assert_int_equal(dev_send(p->b, "pump-1", "plant/x", "x", &p->n), PQI_ERR_POLICY);

    p->b->spec.policy.forbid = 0;
    pqi_endpoint_close(&p->b->ep);
    assert_int_equal(dev_open(p->b), PQI_OK);
    dev_expect(p->b, &p->m, "hello"); /* it was only refused, not used up */
    pair_free(p);

    a = pump_768;
    a.sig = 0;
    p = pair_new(&a, &ctl_768);
    dev_meet(p->a, p->b);
    assert_int_equal(send(p), PQI_OK);
    pqi_endpoint_close(&p->b->ep);
    p->b->spec.policy.min_level = 2;
    assert_int_equal(dev_open(p->b), PQI_OK);
    dev_expect(p->b, &p->m, "hello");
    p->b->ep.cfg.policy.min_level = 3; /* by the sender's signature */
    assert_int_equal(send(p), PQI_OK);
    before = fleet_verifies;
    dev_refuses(p->b, &p->m, PQI_DROP_POLICY);
    assert_true(fleet_verifies == before);
    assert_int_equal(dev_send(p->b, "pump-1", "plant/x", "x", &p->n), PQI_ERR_POLICY);
    pair_free(p);
}

/* ---- altering the suite id --------------------------------------------------------------------- */

/* The ends of a packet from a to b, as b sees them. */
static pqi_v1_ends ends_of(const pair *p)
{
    const pqi_peer *a = pqi_endpoint_peer(&p->b->ep, text_of("pump-1"));
    assert_non_null(a);
    return (pqi_v1_ends){text_of("pump-1"), text_of("control"), text_of(p->m.topic),
        {p->b->ep.cert.kem_pk, p->b->ep.cert.x25519_pk}, a->gk_in, {NULL, 0}};
}

/* docs/spec/v1.md section 3, by somebody who has the gate key. */
static void gate_again(pair *p)
{
    uint8_t tag[PQI_HASH_MAX];
    const pqi_v1_ends e = ends_of(p);
    pqi_v1_post post;
    assert_int_equal(pqi_v1_post_of(&e, &post), PQI_OK);
    const size_t body = PQI_V1_HDR + PQI_V1_GATE;
    const pqi_cspan parts[] = {{PQI_LIT("PQI4 v1 gate")}, {post.b, post.len}, {p->m.b, PQI_V1_HDR},
        {p->m.b + body, p->m.len - body}};
    assert_int_equal(p->b->f->algs.classic->hmac(
                         PQI_HASH_SHA256, (pqi_cspan){e.gk, PQI_GATE_KEY}, parts, 4, tag),
        PQI_OK);
    memcpy(p->m.b + PQI_V1_HDR, tag, PQI_V1_GATE);
}

/* And by the sender itself, which signs what it altered. */
static void sign_again(pair *p)
{
    uint8_t bind[PQI_BOX_BIND_MAX], h[PQI_HASH_MAX];
    const pqi_algs *a = &p->a->f->algs;
    const pqi_v1_ends e = ends_of(p);
    pqi_v1_post post;
    pqi_v1_packet k;
    assert_int_equal(pqi_v1_post_of(&e, &post), PQI_OK);
    assert_int_equal(pqi_v1_parse(a, (pqi_cspan){p->m.b, p->m.len}, &k), PQI_OK);
    const pqi_box_ctx ctx = {{PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, k.hdr, {post.b, post.len}};
    assert_int_equal(pqi_box_bind(a, k.suite, &e.to, &ctx, k.capsule, bind), PQI_OK);
    const pqi_cspan what[] = {{bind, 32}, k.ct}, digest = {h, 32};
    assert_int_equal(a->classic->hash(PQI_HASH_SHA256, what, 2, h), PQI_OK);
    size_t n = 0, at = p->m.len - k.sig.len;
    assert_int_equal(pqi_provider_sign(&p->a->prov.base, p->a->ep.cfg.keys.sig,
                         (pqi_cspan){PQI_LIT("PQI4 v1 sig")}, &digest, 1,
                         (pqi_span){p->m.b + at, k.sig.len}, &n),
        PQI_OK);
    assert_int_equal(n, k.sig.len);
}

static void altered_suite_id(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++) { /* 0002 to 0005 and back: same lengths, same keys */
        dev_spec a = pump_768;
        a.only = way == 0 ? &pqi_suite_0002 : &pqi_suite_0005;
        pair *p = pair_new(&a, &ctl_768);
        dev_meet(p->a, p->b);
        assert_int_equal(send(p), PQI_OK);
        const uint8_t was = p->m.b[3], other = way == 0 ? 5 : 2;
        p->m.b[3] = other;
        uint64_t before = fleet_verifies;
        dev_refuses(p->b, &p->m, PQI_DROP_GATE); /* a broker */
        assert_true(fleet_verifies == before);
        gate_again(p);
        dev_refuses(p->b, &p->m, PQI_DROP_SIGNATURE); /* somebody with the gate key */
        sign_again(p);
        gate_again(p);
        dev_refuses(p->b, &p->m, PQI_DROP_SEALED); /* the sender: another suite is another key */
        p->m.b[3] = was;
        sign_again(p);
        gate_again(p);
        dev_expect(p->b, &p->m, "hello"); /* the tools of this test work */
        assert_int_equal(send(p), PQI_OK);
        p->m.b[3] = 4; /* another KEM's */
        before = fleet_verifies;
        assert_int_equal(dev_receive(p->b, &p->m), PQI_EV_DROP);
        assert_true(fleet_verifies == before);
        p->m.b[3] = 3; /* in neither certificate */
        dev_refuses(p->b, &p->m, PQI_DROP_SUITE);
        p->m.b[3] = 9; /* no suite at all */
        dev_refuses(p->b, &p->m, PQI_DROP_SUITE);
        pair_free(p);
    }
}

/* The bits of a certificate are under the issuer's signature: what is sent is not what was certified. */
static void altered_bitmap(void **state)
{
    (void)state;
    pair *p = pair_new(&pump_768, &ctl_768);
    dev_announce(p->a, &p->m);
    size_t at = 0; /* key 10, the bits, key 11, the role: 0a 12 0b 01 */
    for (size_t i = 0; i + 4 < p->m.len; i++) {
        if (memcmp(p->m.b + i, "\x0a\x12\x0b\x01", 4) == 0) {
            at = i;
        }
    }
    assert_true(at != 0);
    static const uint8_t other[] = {0x02, 0x10, 0x00, 0x13, 0x17};
    for (size_t i = 0; i < sizeof other; i++) {
        p->m.b[at + 1] = other[i];
        dev_refuses(p->b, &p->m, PQI_DROP_CERT);
        p->b->now.mono_ms += 3600000; /* the budget of announcements */
    }
    p->m.b[at + 1] = 0x12;
    assert_int_equal(dev_receive(p->b, &p->m), PQI_EV_PEER);
    pair_free(p);
}

/* A sender that takes a suite which stands in one certificate only: refused before any signature. */
static void uncertified_suite(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        dev_spec a = pump_768, b = ctl_768;
        (way == 0 ? &a : &b)->suites = pqi_suite_0002.bitmap;
        a.only = &pqi_suite_0005;
        pair *p = pair_new(&a, &b);
        dev_meet(p->a, p->b);
        assert_int_equal(send(p), PQI_ERR_POLICY);
        p->a->ep.cert.suites = BOTH; /* what it believes of itself, and of the other */
        for (size_t i = 0; i < FLEET_PEERS; i++) {
            p->a->peers[i].suites = BOTH;
        }
        assert_int_equal(send(p), PQI_OK);
        assert_int_equal(suite_of(&p->m), 0x0005);
        uint64_t before = fleet_verifies;
        dev_refuses(p->b, &p->m, PQI_DROP_SUITE);
        assert_true(fleet_verifies == before);
        pair_free(p);
    }
}

/* ---- algorithms that one side lacks ------------------------------------------------------------ */

/* The pump's program has one signature and one KEM more than the control room's; their ids need four
 * bytes and two. */
static void unknown_algorithms(void **state)
{
    (void)state;
    fleet *f = fleet_get();
    const pqi_algs keep = f->algs;
    pqi_sig wide = pqi_sig_ml_dsa_44;
    pqi_kem kem = pqi_kem_ml_kem_768;
    wide.id = -70000;
    kem.id = 0x7777;
    const pqi_sig *sigs[8];
    const pqi_kem *kems[16];
    memcpy(sigs, keep.sigs, keep.n_sigs * sizeof sigs[0]);
    memcpy(kems, keep.kems, keep.n_kems * sizeof kems[0]);
    sigs[keep.n_sigs] = &wide;
    kems[keep.n_kems] = &kem;
    for (unsigned which = 0; which < 2; which++) {
        pqi_algs more = keep, fewer = keep;
        more.sigs = sigs;
        more.n_sigs = keep.n_sigs + 1;
        more.kems = kems;
        more.n_kems = keep.n_kems + 1;
        dev_spec a = pump_768;
        a.sig = which == 0 ? wide.id : 0;
        a.kem = which == 1 ? kem.id : PQI_KEM_ID_ML_KEM_768;
        f->algs = more;
        pair *p = pair_new(&a, &ctl_768);
        dev_announce(p->a, &p->m);
        p->b->ep.cfg.algs = &fewer;
        uint64_t before = fleet_verifies;
        dev_refuses(p->b, &p->m, PQI_DROP_SUITE);
        assert_true(fleet_verifies == before);
        p->b->ep.cfg.algs = &f->algs; /* with the same algorithms it is a peer */
        assert_int_equal(dev_receive(p->b, &p->m), PQI_EV_PEER);
        pqi_endpoint_close(&p->b->ep);
        assert_int_equal(dev_open(p->b), PQI_OK); /* and it is one after a restart */
        const pqi_peer *peer = pqi_endpoint_peer(&p->b->ep, text_of("pump-1"));
        assert_non_null(peer);
        assert_int_equal(peer->sig->id, which == 0 ? wide.id : PQI_SIG_ID_ML_DSA_44);
        assert_int_equal(peer->kem->id, a.kem);
        pair_free(p);
        f->algs = keep;
    }
}

/* ---- mixed fleets ------------------------------------------------------------------------------ */

static void mixed_signatures(void **state)
{
    (void)state;
    fleet *f = fleet_get();
    for (size_t i = 0; i < f->algs.n_sigs; i++) {
        dev_spec a = pump_768, b = ctl_768;
        a.sig = f->algs.sigs[i]->id;
        b.pub = "plant";
        pair *p = pair_new(&a, &b);
        dev_meet(p->a, p->b);
        assert_int_equal(send(p), PQI_OK);
        dev_expect(p->b, &p->m, "hello");
        assert_int_equal(dev_send(p->b, "pump-1", "plant/pump-1/cmd", "go", &p->m), PQI_OK);
        dev_expect(p->a, &p->m, "go");
        pair_free(p);
    }
}

/* Each KEM with each other: a message needs a suite of the recipient's KEM in both certificates. */
static void mixed_kems(void **state)
{
    (void)state;
    fleet *f = fleet_get();
    for (size_t i = 0; i < f->algs.n_kems; i++) {
        for (size_t j = 0; j < f->algs.n_kems; j++) {
            dev_spec a = pump_768, b = ctl_768;
            a.kem = f->algs.kems[i]->id;
            b.kem = f->algs.kems[j]->id;
            a.suites = b.suites = 0;
            a.sig = b.sig = 0;
            pair *p = pair_new(&a, &b);
            dev_meet(p->a, p->b);
            assert_int_equal(send(p), i == j ? PQI_OK : PQI_ERR_POLICY);
            if (i == j) {
                dev_expect(p->b, &p->m, "hello");
            }
            pair_free(p);
        }
    }
}

/* Two suites that differ in the AEAD alone: the id is under everything that binds a suite, and a policy
 * raised later refuses the packets of before. */
static void altered_aead(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 2; way++) { /* 0002 to 0003 and back */
        dev_spec a = pump_768, b = ctl_768;
        a.suites = b.suites = 0x02u | SIV;
        a.only = way == 0 ? &pqi_suite_0002 : &pqi_suite_0003;
        pair *p = pair_new(&a, &b);
        dev_meet(p->a, p->b);
        assert_int_equal(send(p), PQI_OK);
        const uint8_t was = p->m.b[3];
        p->m.b[3] = was ^ 1u;
        dev_refuses(p->b, &p->m, PQI_DROP_GATE);
        gate_again(p);
        dev_refuses(p->b, &p->m, PQI_DROP_SIGNATURE);
        sign_again(p);
        gate_again(p);
        dev_refuses(p->b, &p->m, PQI_DROP_SEALED);
        p->m.b[3] = was;
        sign_again(p);
        gate_again(p);
        p->b->ep.cfg.policy.forbid = PQI_ALG_NOT_MISUSE_RESISTANT;
        if (way == 0) {
            uint64_t before = fleet_verifies;
            dev_refuses(p->b, &p->m, PQI_DROP_POLICY);
            assert_true(fleet_verifies == before);
            p->b->ep.cfg.policy.forbid = 0;
        }
        dev_expect(p->b, &p->m, "hello");
        pair_free(p);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(choice), cmocka_unit_test(choice_where_storage_goes_back),
    cmocka_unit_test(altered_aead), cmocka_unit_test(peers_below_policy),
    cmocka_unit_test(own_keys_below_policy), cmocka_unit_test(policy_raised_later),
    cmocka_unit_test(altered_suite_id), cmocka_unit_test(altered_bitmap),
    cmocka_unit_test(uncertified_suite), cmocka_unit_test(unknown_algorithms),
    cmocka_unit_test(mixed_signatures), cmocka_unit_test(mixed_kems))
