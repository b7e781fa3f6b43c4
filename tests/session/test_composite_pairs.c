/* SPDX-License-Identifier: Apache-2.0
 * Composite and plain devices with each other: v1 packets and the three modes of a handshake, both ways.
 * docs/spec/composite.md section 5. */
#include "pqi_test.h"

#include "session/hs_op.h"
#include "support/fake_element.h"

#include <pqi/host.h>
#include <pqi/v1.h>
#include <pqi/wipe.h>

#include <stdalign.h>

#define KEM_KEY 1u
#define DH_KEY  2u
#define SIG_KEY 3u
#define PACKET  16384u

typedef struct end {
    pqi_soft soft;
    pqi_soft_cfg cfg;
    fake_element fake;
    pqi_provider *p;
    const pqi_kem *kem;
    const pqi_sig *sig;
    uint8_t kem_pk[PQI_KEM_MAX_PK], x_pk[32], sig_pk[PQI_SIG_MAX_PK];
    uint8_t kid[PQI_KID_LEN], cert256[32], cert384[48];
    alignas(8) uint8_t mem[262144];
} end;

static pqi_algs algs;
static end ends[2];
static alignas(8) uint8_t tmp_bytes[131072];
static const pqi_span tmp = {tmp_bytes, sizeof tmp_bytes};
static uint8_t packet[PACKET], init[PACKET], resp[PACKET], conf[PACKET];

static void ok(pqi_status st)
{
    assert_int_equal(st, PQI_OK);
}

static pqi_status saved(void *arg, pqi_cspan what)
{
    (void)arg;
    (void)what;
    return PQI_OK;
}

static void make(end *e, bool composite, uint8_t n)
{
    size_t len = 0;
    memset(e, 0, sizeof *e);
    fake_element_init(&e->fake, PQI_CAP_HALF);
    e->cfg = (pqi_soft_cfg){.algs = &algs,
        .platform = {.save_keys = saved, .save_counters = saved},
        .element = &e->fake.element,
        .slots = 3,
        .workers = 1,
        .flags = PQI_SOFT_CACHE,
        .boot = n,
        .mem = {e->mem, sizeof e->mem}};
    ok(pqi_soft_create(&e->soft, &e->cfg));
    e->p = pqi_soft_provider(&e->soft);
    e->kem = composite ? &pqi_kem_ml_kem_768_p256 : &pqi_kem_ml_kem_768;
    e->sig = composite ? &pqi_sig_ml_dsa_44_p256 : &pqi_sig_ml_dsa_44;
    ok(pqi_provider_generate(e->p, KEM_KEY, PQI_KEY_KEM, e->kem->id));
    ok(pqi_provider_generate(e->p, DH_KEY, PQI_KEY_X25519, 0));
    ok(pqi_provider_generate(e->p, SIG_KEY, PQI_KEY_SIG, e->sig->id));
    ok(pqi_provider_public_key(e->p, KEM_KEY, (pqi_span){e->kem_pk, sizeof e->kem_pk}, &len));
    assert_int_equal(len, e->kem->pk_len);
    ok(pqi_provider_public_key(e->p, DH_KEY, (pqi_span){e->x_pk, 32}, &len));
    ok(pqi_provider_public_key(e->p, SIG_KEY, (pqi_span){e->sig_pk, sizeof e->sig_pk}, &len));
    memset(e->kid, n, sizeof e->kid);
    memset(e->cert256, n, sizeof e->cert256);
    memset(e->cert384, n, sizeof e->cert384);
}

static void make_both(unsigned which)
{
    make(&ends[0], (which & 1u) != 0, 1);
    make(&ends[1], (which & 2u) != 0, 2);
}

static void end_both(void)
{
    fake_element_end(&ends[0].fake);
    fake_element_end(&ends[1].fake);
}

/* As pqi_host_device_join() asks for them. */
static uint32_t suites_of(const end *e)
{
    const pqi_kem *other = pqi_algs_other_kem(&algs, e->kem->id);
    return pqi_policy_suites(&algs, NULL, e->kem->id) | pqi_policy_suites(&algs, NULL, other->id);
}

/* ---- v1 ------------------------------------------------------------------------------------------ */

static const pqi_cspan text = {PQI_LIT("open the valve by three turns")};

static pqi_v1_ends v1_ends(const end *from, const end *to, const uint8_t *gk)
{
    static const pqi_cspan topic = {PQI_LIT("plant/a")};
    const pqi_cspan ids[] = {{PQI_LIT("pump-1")}, {PQI_LIT("valve-7")}};
    return (pqi_v1_ends){ids[from != &ends[0]], ids[to != &ends[0]], topic,
        {{to->kem_pk, to->kem->pk_len}, {to->x_pk, 32}}, gk, {NULL, 0}};
}

static void one_message(end *from, end *to, uint64_t seq)
{
    static const pqi_alg_policy any;
    uint8_t gk[PQI_GATE_KEY], plain[64];
    memset(gk, 7, sizeof gk);
    const pqi_suite *s =
        pqi_suite_choose(&algs, &any, suites_of(from) & suites_of(to), to->kem->id, NULL);
    assert_non_null(s);
    assert_int_equal(s->id, to->kem == &pqi_kem_ml_kem_768 ? 2 : 9);
    pqi_v1_seal_in in = {.suite = s,
        .sig_alg = from->sig,
        .sig_key = SIG_KEY,
        .seq = seq,
        .ends = v1_ends(from, to, gk),
        .plain = text};
    memcpy(in.kid_s, from->kid, PQI_KID_LEN);
    memcpy(in.kid_r, to->kid, PQI_KID_LEN);
    size_t len = 0;
    ok(pqi_v1_seal(&algs, from->p, &in, tmp, (pqi_span){packet, PACKET}, &len));
    assert_int_equal(len, pqi_v1_len(s, from->sig, text.len));
    pqi_v1_packet k;
    const pqi_cspan all = {packet, len};
    const pqi_cspan sig_pk = {from->sig_pk, from->sig->pk_len};
    ok(pqi_v1_parse(&algs, all, &k));
    ok(pqi_v1_check_gate(&algs, &k, &in.ends));
    ok(pqi_v1_check_sig(&algs, &k, &in.ends, from->sig, sig_pk, tmp));
    const pqi_span out = {plain, text.len};
    ok(pqi_v1_open(&algs, to->p, KEM_KEY, DH_KEY, &k, &in.ends, out));
    assert_memory_equal(plain, text.ptr, text.len);
    /* another byte of either half of the signature, of the padding, of either half of the capsule */
    const size_t ct = PQI_V1_HDR + PQI_V1_GATE;
    const size_t at[] = {len - from->sig->sig_len, len - 40, len - 1, ct, ct + s->kem->ct_len - 1};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        packet[at[i]] ^= 1;
        ok(pqi_v1_parse(&algs, all, &k));
        assert_int_equal(
            pqi_v1_check_sig(&algs, &k, &in.ends, from->sig, sig_pk, tmp), PQI_ERR_AUTH);
        if (at[i] < len - from->sig->sig_len) {
            assert_int_equal(
                pqi_v1_open(&algs, to->p, KEM_KEY, DH_KEY, &k, &in.ends, out), PQI_ERR_AUTH);
        }
        packet[at[i]] ^= 1;
    }
}

static void messages(void **state)
{
    (void)state;
    for (unsigned which = 0; which < 4; which++) {
        make_both(which);
        for (uint64_t i = 0; i < 6; i++) { /* DER of several lengths */
            one_message(&ends[0], &ends[1], 2 * i + 1);
            one_message(&ends[1], &ends[0], 2 * i + 2);
        }
        end_both();
    }
}

/* ---- handshakes ---------------------------------------------------------------------------------- */

static pqi_hs_self self_of(end *e, bool signs)
{
    return (pqi_hs_self){.provider = e->p,
        .kem = KEM_KEY,
        .x25519 = DH_KEY,
        .sig = signs ? SIG_KEY : 0,
        .sig_alg = signs ? e->sig : NULL,
        .id = {e->kid, 6},
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = {e->kem_pk, e->kem->pk_len},
        .x25519_pk = {e->x_pk, 32}};
}

static pqi_hs_peer peer_of(const end *e, bool signs)
{
    return (pqi_hs_peer){.id = {e->kid, 6},
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = {e->kem_pk, e->kem->pk_len},
        .x25519_pk = {e->x_pk, 32},
        .sig_alg = signs ? e->sig : NULL,
        .sig_pk = {e->sig_pk, signs ? e->sig->pk_len : 0}};
}

static pqi_hs_facts facts(const end *e, bool signs)
{
    return (pqi_hs_facts){suites_of(e), e->kem->id, signs ? e->sig->id : 0};
}

typedef struct talk {
    pqi_hs_self self[2];
    pqi_hs_peer peer[2];
    pqi_hs_op op[2];
    pqi_hs_say say[2];
    pqi_hs_pend pend;
    pqi_hs_await await;
    pqi_hs_taken taken;
    pqi_hs_out out;
    size_t init_len, resp_len, conf_len;
} talk;

/* ends[i] begins. signs: bit 0 of ends[0], bit 1 of ends[1]. */
static pqi_status begin(talk *t, unsigned i, unsigned signs, pqi_hs_choice *choice)
{
    static const pqi_hs_policy any = {{0, 0}, PQI_HS_MODES_ALL};
    static const pqi_cspan topic = {PQI_LIT("plant/a")};
    memset(t, 0, sizeof *t);
    end *a = &ends[i], *b = &ends[1 - i];
    const bool sa = (signs >> i & 1u) != 0, sb = (signs >> (1 - i) & 1u) != 0;
    const pqi_hs_facts fa = facts(a, sa), fb = facts(b, sb);
    pqi_hs_choice mirror;
    pqi_status st = pqi_hs_choose(&algs, &any, &fa, &fb, choice);
    assert_int_equal(pqi_hs_choose(&algs, &any, &fb, &fa, &mirror), st);
    if (st != PQI_OK) {
        return st;
    }
    assert_ptr_equal(choice->suite, mirror.suite);
    t->self[0] = self_of(a, sa);
    t->self[1] = self_of(b, sb);
    t->peer[0] = peer_of(b, sb);
    t->peer[1] = peer_of(a, sa);
    for (unsigned k = 0; k < 2; k++) {
        t->op[k] = (pqi_hs_op){&algs, &t->self[k], &t->peer[k], NULL, tmp};
        t->say[k] = (pqi_hs_say){.suite = choice->suite,
            .mode = choice->mode,
            .counter = k == 0 ? 5 : 0,
            .rsid = 100 + k,
            .topic_i = topic,
            .topic_r = topic};
    }
    return PQI_OK;
}

static pqi_status answer(talk *t)
{
    pqi_hs_init p;
    ok(pqi_hs_init_read(&algs, (pqi_cspan){init, t->init_len}, &p));
    return pqi_hs_answer(
        &t->op[1], &t->say[1], &p, &t->await, (pqi_span){resp, PACKET}, &t->resp_len);
}

static pqi_status take_resp(talk *t)
{
    return pqi_hs_take_resp(&t->op[0], &t->pend, (pqi_cspan){resp, t->resp_len}, &t->taken,
        (pqi_span){conf, PACKET}, &t->conf_len);
}

static void whole(talk *t)
{
    ok(pqi_hs_make_init(&t->op[0], &t->say[0], &t->pend, (pqi_span){init, PACKET}, &t->init_len));
    static uint8_t again[PACKET];
    size_t n = 0;
    ok(pqi_hs_remake_init(&t->op[0], &t->pend, (pqi_span){again, PACKET}, &n));
    assert_int_equal(n, t->init_len);
    assert_memory_equal(again, init, n);
    ok(answer(t));
    ok(take_resp(t));
    ok(pqi_hs_take_conf(&t->op[1], &t->await, (pqi_cspan){conf, t->conf_len}, &t->out));
    assert_memory_equal(&t->taken.keys, &t->out, sizeof t->out);
}

/* Mode S needs no static KEM key, so pairs keep the plain suite; M and K take the composite one as soon
 * as a static key in use is composite. */
static void handshakes(void **state)
{
    (void)state;
    static talk t;
    static const pqi_hs_mode modes[] = {PQI_HS_MODE_K, PQI_HS_MODE_M, PQI_HS_MODE_M, PQI_HS_MODE_S};
    for (unsigned which = 0; which < 4; which++) {
        make_both(which);
        for (unsigned signs = 0; signs < 4; signs++) {
            for (unsigned i = 0; i < 2; i++) {
                pqi_hs_choice c;
                ok(begin(&t, i, signs, &c));
                assert_int_equal(c.mode, modes[signs]);
                const unsigned no_sign = ~signs & which & 3u; /* composite static keys in use */
                assert_int_equal(c.suite->id, no_sign != 0 ? 9 : 2);
                if (c.begins) {
                    whole(&t);
                }
            }
        }
        end_both();
    }
}

/* In a composite suite every part of a handshake counts, and static keys of the other kind are told. */
static void hostile_handshakes(void **state)
{
    (void)state;
    static talk t;
    for (unsigned which = 1; which < 4; which++) {
        make_both(which);
        for (unsigned signs = 0; signs < 3; signs += 2) { /* K; M: ends[0] begins */
            pqi_hs_choice c;
            ok(begin(&t, 0, signs, &c));
            if (c.suite != &pqi_suite_0009) {
                continue;
            }
            whole(&t);
            /* the last byte of the ciphertext to R's static key (or of ek_I) */
            ok(pqi_hs_make_init(
                &t.op[0], &t.say[0], &t.pend, (pqi_span){init, PACKET}, &t.init_len));
            init[t.init_len - PQI_HS_GATE - 1] ^= 1;
            if (answer(&t) == PQI_OK) {
                assert_int_not_equal(take_resp(&t), PQI_OK);
            }
            init[t.init_len - PQI_HS_GATE - 1] ^= 1;
            ok(answer(&t));
            for (size_t at = 80; at < t.resp_len - PQI_HS_GATE; at += 311) {
                resp[at] ^= 1;
                assert_int_equal(take_resp(&t), PQI_ERR_AUTH);
                resp[at] ^= 1;
            }
            ok(take_resp(&t));
            conf[t.conf_len - 1] ^= 1;
            assert_int_equal(
                pqi_hs_take_conf(&t.op[1], &t.await, (pqi_cspan){conf, t.conf_len}, &t.out),
                PQI_ERR_AUTH);
        }
        end_both();
    }
    /* a ciphertext for a key of the other kind */
    make_both(1);
    pqi_hs_choice c;
    ok(begin(&t, 1, 0, &c)); /* the plain end begins: ct_R is composite */
    ok(pqi_hs_make_init(&t.op[0], &t.say[0], &t.pend, (pqi_span){init, PACKET}, &t.init_len));
    const size_t gate = t.init_len - PQI_HS_GATE;
    memmove(init + gate - PQI_P256_PK, init + gate, PQI_HS_GATE);
    t.init_len -= PQI_P256_PK;
    assert_int_equal(answer(&t), PQI_ERR_AUTH);
    end_both();
}

/* Without the hardware the stored half opens nothing: the end that lost its P-256 keys fails. */
static void half_is_not_enough(void **state)
{
    (void)state;
    static talk t;
    pqi_hs_choice c;
    make_both(3);
    ok(begin(&t, 0, 0, &c));
    ok(pqi_hs_make_init(&t.op[0], &t.say[0], &t.pend, (pqi_span){init, PACKET}, &t.init_len));
    fake_element_lose(&ends[1].fake, KEM_KEY);
    assert_int_not_equal(answer(&t), PQI_OK);
    end_both();
}

/* A device without composites takes none of this. */
static void small_device_refuses(void **state)
{
    (void)state;
    pqi_algs small;
    pqi_algs_small(&small, &pqi_classic_openssl);
    make_both(3);
    one_message(&ends[0], &ends[1], 1);
    const size_t len = pqi_v1_len(&pqi_suite_0009, ends[0].sig, text.len);
    pqi_v1_packet k;
    assert_int_equal(pqi_v1_parse(&small, (pqi_cspan){packet, len}, &k), PQI_ERR_UNSUPPORTED);
    static talk t;
    pqi_hs_choice c;
    pqi_hs_init p;
    ok(begin(&t, 0, 0, &c));
    ok(pqi_hs_make_init(&t.op[0], &t.say[0], &t.pend, (pqi_span){init, PACKET}, &t.init_len));
    assert_int_equal(
        pqi_hs_init_read(&small, (pqi_cspan){init, t.init_len}, &p), PQI_ERR_UNSUPPORTED);
    static const pqi_hs_policy any = {{0, 0}, PQI_HS_MODES_ALL};
    const pqi_hs_facts own = {2, PQI_KEM_ID_ML_KEM_768, PQI_SIG_ID_ML_DSA_44};
    const pqi_hs_facts its = facts(&ends[0], true);
    assert_int_equal(pqi_hs_choose(&small, &any, &own, &its, &c), PQI_ERR_UNSUPPORTED);
    end_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages), cmocka_unit_test(handshakes),
        cmocka_unit_test(hostile_handshakes), cmocka_unit_test(half_is_not_enough),
        cmocka_unit_test(small_device_refuses)};
    (void)pqi_host_algs(&algs);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
