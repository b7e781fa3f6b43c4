/* SPDX-License-Identifier: Apache-2.0
 * A node's attestation without a broker: a fake TPM answers, the endpoint is one of the small fleet
 * (INV-34, INV-35). */
#include "port/linux/node_attest.h"
#include "support/attest_rig.h"
#include "support/plane.h"

#define SAID 24u

static const dev_spec spec_pump = {.id = "pump-1",
    .epoch = 1,
    .roster = 4,
    .seed = 1,
    .assurance = PQI_ASSURE_ATTESTED_BOOT,
    .sessions = PQI_SESSIONS_OFF};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .seed = 3, .sessions = PQI_SESSIONS_OFF};

static struct {
    plane *p;
    dev *pump, *ctl;
    msg m;
    rig g;
    pqi_manifest manifest;
    pqi_nattest *a;
    pqi_now now;
    pqi_nattest_news news;
    uint8_t said[SAID][PQI_ATTEST_PART_MAX];
    size_t len[SAID], n_said;
    uint32_t quotes;
    pqi_status quote_says;
    size_t log_seen;
} w;

static pqi_status say(void *arg, const pqi_now *now, pqi_cspan peer, pqi_cspan payload)
{
    (void)arg;
    (void)now;
    assert_true(peer.len != 0 && w.n_said < SAID && payload.len <= PQI_ATTEST_PART_MAX);
    memcpy(w.said[w.n_said], payload.ptr, payload.len);
    w.len[w.n_said++] = payload.len;
    return PQI_OK;
}

static pqi_status quote(
    void *arg, pqi_cspan challenge, pqi_cspan log, pqi_span out, size_t *out_len)
{
    (void)arg;
    w.quotes++;
    w.log_seen = log.len;
    if (w.quote_says != PQI_OK) {
        return w.quote_says;
    }
    memcpy(w.g.challenge, challenge.ptr, challenge.len);
    w.g.challenge_len = challenge.len;
    rig_answer(&w.g, &w.g.tpm, &w.g.pump, 1);
    assert_true(w.g.evidence_len <= out.len);
    memcpy(out.ptr, w.g.evidence, w.g.evidence_len);
    *out_len = w.g.evidence_len;
    return PQI_OK;
}

static pqi_peer *pump(void)
{
    size_t i = 0;
    while (strcmp(w.ctl->peers[i].id, "pump-1") != 0) {
        assert_true(++i < FLEET_PEERS);
    }
    return &w.ctl->peers[i];
}

static void open_node(size_t log_len)
{
    static uint8_t log[PQI_EVENTLOG_MAX];
    const pqi_nattest_env env = {.endpoint = &w.ctl->ep,
        .algs = &w.g.f->algs,
        .manifest = &w.manifest,
        .say = say,
        .answer = quote};
    const pqi_node_attest_cfg cfg = {
        .policy = {w.g.policy_mem[1], w.g.policy_len}, .event_log = {log, log_len}};
    pqi_nattest_close(w.a);
    assert_int_equal(pqi_nattest_open(&w.a, &env, &cfg, &w.now), PQI_OK);
}

/* A verifier that knows the pump, whose machine started well; its log takes more than one part. */
static void begin(void)
{
    static uint8_t data[6000];
    memset(&w, 0, sizeof w);
    w.p = plane_new();
    w.pump = dev_new(&spec_pump);
    w.ctl = dev_new(&spec_ctl);
    assert_int_equal(dev_open(w.pump), PQI_OK);
    assert_int_equal(dev_open(w.ctl), PQI_OK);
    plane_head(w.p, &w.m);
    assert_int_equal(dev_receive(w.pump, &w.m), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w.ctl, &w.m), PQI_EV_CONTROL);
    plane_tick(w.p, 1, &w.m);
    assert_int_equal(dev_receive(w.pump, &w.m), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w.ctl, &w.m), PQI_EV_CONTROL);
    dev_meet(w.pump, w.ctl);
    rig_start(&w.g);
    uint8_t digest[32] = {7};
    fake_tpm_log(&w.g.tpm, 7, PQI_EV_NO_ACTION, digest, (pqi_cspan){data, sizeof data});
    w.manifest = w.g.f->manifest;
    w.now = w.ctl->now;
    memcpy(w.g.pump.key_id, pump()->key_id, PQI_KEY_ID_LEN);
    w.ctl->ep.ctl.policy.rules.flags |= PQI_POLICY_ATTEST;
    open_node(0);
}

static void end(void)
{
    pqi_nattest_close(w.a);
    rig_stop(&w.g);
    dev_free(w.pump);
    dev_free(w.ctl);
    plane_free(w.p);
}

/* The challenges of one look; the last one is kept for the answer. */
static size_t tend(void)
{
    w.n_said = 0;
    pqi_nattest_tend(w.a, &w.now);
    if (w.n_said != 0) {
        assert_int_equal(w.said[0][0], 0x78);
        memcpy(w.g.challenge, w.said[0], w.len[0]);
        w.g.challenge_len = w.len[0];
    }
    return w.n_said;
}

static size_t part(uint32_t i, uint8_t *out)
{
    size_t n = 0;
    const pqi_status st = pqi_attest_part_encode(w.g.evidence + 4,
        (pqi_cspan){w.g.evidence, w.g.evidence_len}, i, (pqi_span){out, PQI_ATTEST_PART_MAX}, &n);
    assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
    return n;
}

static pqi_drop give(const char *from, const uint8_t *p, size_t n)
{
    pqi_nattest_take(w.a, &w.now, from, (pqi_cspan){p, n}, &w.news);
    return w.news.drop;
}

static pqi_drop give_part(uint32_t i)
{
    uint8_t b[PQI_ATTEST_PART_MAX];
    const size_t n = part(i, b);
    assert_true(n != 0);
    return give("pump-1", b, n);
}

static void give_all(void)
{
    uint8_t b[PQI_ATTEST_PART_MAX];
    size_t n;
    for (uint32_t i = 0; (n = part(i, b)) != 0; i++) {
        assert_int_equal(w.news.told, 0);
        assert_int_equal(give("pump-1", b, n), PQI_DROP_NONE);
    }
    assert_int_equal(w.news.told, 1);
}

static pqi_attest_state round_of(void)
{
    assert_int_equal(tend(), 1);
    rig_answer(&w.g, &w.g.tpm, &w.g.pump, 1);
    memset(&w.news, 0, sizeof w.news);
    give_all();
    return w.news.state;
}

static int opened(void)
{
    return pump()->attest_seq != 0 && pump()->attest_seq == w.ctl->ep.attest_seq &&
           w.now.mono_ms < pump()->attest_until_ms;
}

/* Asked, answered in parts, good: the endpoint has the verdict until its age is over, and the peer is asked again before
 * that. A changed machine ends it. */
static void verdict(void **state)
{
    (void)state;
    begin();
    w.ctl->ep.ctl.policy.rules.flags ^= PQI_POLICY_ATTEST;
    assert_int_equal(tend(), 0); /* nobody demands it */
    w.ctl->ep.ctl.policy.rules.flags |= PQI_POLICY_ATTEST;
    pump()->assurance = 0;
    assert_int_equal(tend(), 0); /* it cannot be */
    pump()->assurance = PQI_ASSURE_ATTESTED_BOOT;
    const uint64_t asked = w.now.mono_ms;
    assert_int_equal(round_of(), PQI_ATTEST_GOOD);
    assert_true(w.g.evidence_len > PQI_ATTEST_PART);
    assert_true(opened());
    assert_int_equal(pump()->attest_until_ms, asked + 3600000);
    assert_int_equal(tend(), 0);
    w.now.mono_ms = asked + 2700000 - 1;
    assert_int_equal(tend(), 0);
    w.now.mono_ms = asked + 2700000; /* the last quarter */
    fake_tpm_event(&w.g.tpm, &w.g.f->algs, 7, 0x80000001u, "evil");
    assert_int_equal(round_of(), PQI_ATTEST_BAD);
    assert_int_equal(w.news.reason, PQI_ATTEST_DIGEST);
    assert_false(opened());
    end();
}

/* What nobody asked for, or comes twice, late, or with another nonce, is dropped and changes nothing. */
static void unawaited(void **state)
{
    (void)state;
    begin();
    assert_int_equal(tend(), 1);
    rig_answer(&w.g, &w.g.tpm, &w.g.pump, 1);
    w.g.evidence[4] ^= 1;
    assert_int_equal(give_part(0), PQI_DROP_ORDER);
    assert_int_equal(give_part(1), PQI_DROP_ORDER);
    w.g.evidence[4] ^= 1;
    assert_int_equal(give("nobody", w.g.evidence, 100), PQI_DROP_UNKNOWN);
    assert_int_equal(
        give("pump-1", w.g.evidence, w.g.evidence_len), PQI_DROP_DECODE); /* not in parts */
    assert_int_equal(give("pump-1", w.g.evidence, 0), PQI_DROP_DECODE);
    memset(&w.news, 0, sizeof w.news);
    give_all();
    assert_int_equal(w.news.state, PQI_ATTEST_GOOD);
    assert_int_equal(give_part(0), PQI_DROP_ORDER); /* twice */
    assert_int_equal(give_part(1), PQI_DROP_ORDER);
    assert_true(opened());
    w.now.mono_ms += 3599000;
    assert_int_equal(tend(), 1);
    rig_answer(&w.g, &w.g.tpm, &w.g.pump, 1);
    assert_int_equal(give_part(0), PQI_DROP_NONE);
    w.now.mono_ms += 20001; /* late, in the middle */
    assert_int_equal(give_part(1), PQI_DROP_ORDER);
    assert_false(opened());
    assert_int_equal(tend(), 1); /* and asked anew */
    end();
}

/* Evidence that is bound to another device, or another key, is a bad answer. */
static void foreign(void **state)
{
    (void)state;
    begin();
    assert_int_equal(tend(), 1);
    pqi_attest_subject other = w.g.pump;
    other.key_id[0] ^= 1;
    rig_answer(&w.g, &w.g.tpm, &other, 1);
    give_all();
    assert_int_equal(w.news.state, PQI_ATTEST_BAD);
    assert_int_equal(w.news.reason, PQI_ATTEST_QUALIFYING);
    assert_false(opened());
    w.now.mono_ms += 30000;
    assert_int_equal(tend(), 1);
    w.g.cert_len = rig_cert(&w.g, &w.g.tpm, "pump-2", PQI_AK_EK_CERTIFIED, w.g.cert);
    rig_answer(&w.g, &w.g.tpm, &w.g.pump, 1);
    memset(&w.news, 0, sizeof w.news);
    give_all();
    assert_int_equal(w.news.reason, PQI_ATTEST_DEVICE);
    assert_false(opened());
    end();
}

/* Out of order is from the start again; a first part always starts. */
static void parts(void **state)
{
    (void)state;
    uint8_t b[PQI_ATTEST_PART_MAX];
    begin();
    assert_int_equal(tend(), 1);
    rig_answer(&w.g, &w.g.tpm, &w.g.pump, 1);
    const size_t n = part(1, b);
    assert_int_equal(give_part(1), PQI_DROP_ORDER); /* without the first */
    assert_int_equal(give_part(0), PQI_DROP_NONE);
    b[4] = 1; /* reserved */
    assert_int_equal(give("pump-1", b, n), PQI_DROP_DECODE);
    b[4] = 0;
    b[41]--; /* another total, with the length that it has */
    assert_int_equal(give("pump-1", b, n - 1), PQI_DROP_ORDER);
    b[41]++;
    assert_int_equal(give("pump-1", b, n), PQI_DROP_ORDER); /* all of it was dropped */
    b[3] = 3;                                               /* of three */
    assert_int_equal(give("pump-1", b, n), PQI_DROP_DECODE);
    b[3] = 2;
    b[2] = 2; /* behind the last */
    assert_int_equal(give("pump-1", b, n), PQI_DROP_DECODE);
    b[2] = 1;
    assert_int_equal(give("pump-1", b, n - 1), PQI_DROP_DECODE);
    assert_int_equal(give_part(0), PQI_DROP_NONE);
    assert_int_equal(give_part(0), PQI_DROP_NONE); /* again from the start */
    assert_int_equal(w.news.told, 0);
    assert_int_equal(give("pump-1", b, n), PQI_DROP_NONE);
    assert_int_equal(w.news.state, PQI_ATTEST_GOOD);
    /* the longest there is, and one byte more */
    static uint8_t long_one[PQI_ATTEST_SENT_MAX + 1];
    size_t len = 0;
    pqi_attest_part p;
    pqi_attest_gather g = {.mem = {long_one, 100}};
    const uint8_t nonce[PQI_ATTEST_NONCE] = {7};
    const pqi_span out = {b, sizeof b};
    assert_int_equal(
        pqi_attest_part_encode(nonce, (pqi_cspan){long_one, PQI_ATTEST_SENT_MAX}, 15, out, &len),
        PQI_OK);
    assert_int_equal(pqi_attest_part_decode((pqi_cspan){b, len}, &p), PQI_OK);
    assert_int_equal(
        pqi_attest_part_encode(nonce, (pqi_cspan){long_one, PQI_ATTEST_SENT_MAX}, 16, out, &len),
        PQI_ERR_MISSING);
    assert_int_equal(
        pqi_attest_part_encode(nonce, (pqi_cspan){long_one, sizeof long_one}, 0, out, &len),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_attest_part_encode(nonce, (pqi_cspan){long_one, 101}, 0, out, &len), PQI_OK);
    assert_int_equal(pqi_attest_part_decode((pqi_cspan){b, len}, &p), PQI_OK);
    assert_int_equal(pqi_attest_gather_add(&g, &p), PQI_ERR_SPACE);
    end();
}

/* A device answers the one whose name the challenge has, so many times a minute, in parts that fit. */
static void answers(void **state)
{
    (void)state;
    begin();
    open_node(PQI_NATTEST_LOG_MAX);
    pqi_attest_challenge c = {
        .pcr_mask = RIG_MASK, .root_version = 1, .policy_seq = 1, .verifier_id = text_of("pump-1")};
    uint8_t b[PQI_ATTEST_CHALLENGE_MAX];
    size_t n = 0;
    assert_int_equal(pqi_attest_challenge_encode(&c, (pqi_span){b, sizeof b}, &n), PQI_OK);
    assert_int_equal(give("pump-1", b, n - 1), PQI_DROP_DECODE);
    w.quote_says = PQI_ERR_UNSUPPORTED;
    assert_int_equal(give("pump-1", b, n), PQI_DROP_NONE);
    assert_int_equal(w.news.told, 0);
    assert_int_equal(w.n_said, 0);
    w.quote_says = PQI_OK;
    for (int i = 1; i < 6; i++) {
        w.n_said = 0;
        assert_int_equal(give("pump-1", b, n), PQI_DROP_NONE);
        assert_int_equal(w.news.state, PQI_ATTEST_ASKED);
        assert_int_equal(w.n_said, 2);
        assert_int_equal(w.log_seen, PQI_NATTEST_LOG_MAX);
    }
    assert_int_equal(w.quotes, 6);
    assert_int_equal(give("pump-1", b, n), PQI_DROP_BUDGET);
    w.now.mono_ms += 10000;
    c.verifier_id = text_of("somebody"); /* costs nothing */
    assert_int_equal(pqi_attest_challenge_encode(&c, (pqi_span){b, sizeof b}, &n), PQI_OK);
    assert_int_equal(give("pump-1", b, n), PQI_DROP_MISMATCH);
    c.verifier_id = text_of("pump-1");
    assert_int_equal(pqi_attest_challenge_encode(&c, (pqi_span){b, sizeof b}, &n), PQI_OK);
    assert_int_equal(give("pump-1", b, n), PQI_DROP_NONE);
    assert_int_equal(give("pump-1", b, n), PQI_DROP_BUDGET);
    assert_int_equal(w.quotes, 7);
    w.n_said = 0;
    open_node(PQI_NATTEST_LOG_MAX + 1); /* too long: left out */
    assert_int_equal(give("pump-1", b, n), PQI_DROP_NONE);
    assert_int_equal(w.log_seen, 0);
    end();
}

/* A new policy and a new key of the peer are asked about at once; a root under which the policy does not hold ends
 * all verdicts. */
static void changes(void **state)
{
    (void)state;
    begin();
    assert_int_equal(round_of(), PQI_ATTEST_GOOD);
    w.g.fields.seq = 2;
    assert_int_equal(rig_policy(&w.g), PQI_OK);
    assert_int_equal(
        pqi_nattest_policy(w.a, (pqi_cspan){w.g.policy_mem[0], w.g.policy_len}), PQI_OK);
    assert_false(opened());
    assert_int_equal(round_of(), PQI_ATTEST_GOOD);
    assert_true(opened());
    assert_int_equal(pump()->attest_seq, 2);
    w.g.fields.seq = 1;
    w.g.policy_mem[1][w.g.policy_len - 1] ^= 1;
    assert_int_not_equal(
        pqi_nattest_policy(w.a, (pqi_cspan){w.g.policy_mem[1], w.g.policy_len}), PQI_OK);
    w.g.policy_mem[1][w.g.policy_len - 1] ^= 1;
    assert_int_equal(
        pqi_nattest_policy(w.a, (pqi_cspan){w.g.policy_mem[1], w.g.policy_len}), PQI_ERR_REPLAY);
    assert_int_equal(
        pqi_nattest_policy(w.a, (pqi_cspan){w.g.policy_mem[0], w.g.policy_len}), PQI_OK);
    assert_true(opened()); /* the same again */
    pump()->key_id[0] ^= 1;
    w.g.pump.key_id[0] ^= 1;
    assert_int_equal(round_of(), PQI_ATTEST_GOOD);
    assert_memory_equal(pump()->attest_key, pump()->key_id, PQI_KEY_ID_LEN);
    w.manifest.root_version = 2;
    w.now.mono_ms += 3599000;
    assert_int_equal(tend(), 0);
    assert_int_equal(w.ctl->ep.attest_seq, 0);
    end();
}

PQI_TEST_MAIN(cmocka_unit_test(verdict), cmocka_unit_test(unawaited), cmocka_unit_test(foreign),
    cmocka_unit_test(parts), cmocka_unit_test(answers), cmocka_unit_test(changes))
