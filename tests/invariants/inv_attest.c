/* SPDX-License-Identifier: Apache-2.0
 * Attestation: who is trusted, for how long, and what never makes anybody trusted. INV-34, INV-35, INV-36,
 * INV-121. */
#include "pqi_test.h"

#include "support/attest_rig.h"
#include <pqi/host_attest.h>

static rig g;

static pqi_cspan text(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

/* ---- INV-35: what is refused ------------------------------------------------------------------------ */

/* Asks, lets `spoil` have its way, and expects this reason and no trust. */
static void refuses(void (*spoil)(void), pqi_attest_reason want)
{
    rig_start(&g);
    assert_int_equal(rig_ask(&g), PQI_OK);
    rig_answer(&g, &g.tpm, &g.pump, 1);
    spoil();
    assert_int_equal(rig_take(&g), want == PQI_ATTEST_UNSOLICITED ? PQI_ERR_REPLAY : PQI_OK);
    assert_int_equal(g.r.reason, want);
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD);
    rig_stop(&g);
}

static void other_nonce(void)
{
    g.evidence[20] ^= 1;
}

/* The right nonce around a quote of another one. */
static void old_quote(void)
{
    uint8_t keep[32];
    memcpy(keep, g.challenge + 4, 32);
    memset(g.challenge + 4, 0x77, 32);
    rig_answer(&g, &g.tpm, &g.pump, 1);
    memcpy(g.evidence + 4, keep, 32);
}

/* Somebody who asked the same device hands on what it said. */
static void other_verifier(void)
{
    g.challenge[49 + 3] ^= 1;
    rig_answer(&g, &g.tpm, &g.pump, 1);
}

static void other_policy_number(void)
{
    g.challenge[47] ^= 2;
    rig_answer(&g, &g.tpm, &g.pump, 1);
}

static void other_key(void)
{
    pqi_attest_subject s = g.pump;
    s.key_id[3] ^= 1;
    rig_answer(&g, &g.tpm, &s, 1);
}

static void other_device(void)
{
    pqi_attest_subject s = g.pump;
    s.device_id = text("pump-2");
    rig_answer(&g, &g.tpm, &s, 1);
}

/* A machine that is well, with its own TPM, for one that is not. */
static void other_tpm(void)
{
    fake_tpm t;
    fake_tpm_start(&t, &g.f->algs, 2);
    t.pcrs = g.tpm.pcrs;
    rig_answer(&g, &t, &g.pump, 0);
    fake_tpm_stop(&t);
}

static void other_certificate(void)
{
    g.cert_len = rig_cert(&g, &g.tpm, "pump-2", PQI_AK_EK_CERTIFIED, g.cert);
    rig_answer(&g, &g.tpm, &g.pump, 1);
}

static void signature(void)
{
    g.evidence[36 + 2 + g.cert_len + 2 + 2 + 145 + 20] ^= 1; /* inside r */
}

static void certificate_bytes(void)
{
    g.evidence[36 + 2 + g.cert_len - 5] ^= 1; /* the issuer's signature */
}

static void other_values(void)
{
    g.tpm.pcrs.v[7][0] ^= 1;
    rig_answer(&g, &g.tpm, &g.pump, 0);
}

/* Good values beside a quote of others. */
static void claimed_values(void)
{
    pqi_pcrs good = g.tpm.pcrs;
    uint8_t values[64];
    g.tpm.pcrs.v[7][0] ^= 1;
    rig_answer(&g, &g.tpm, &g.pump, 0);
    g.tpm.pcrs = good;
    assert_int_equal(fake_tpm_values(&g.tpm, RIG_MASK, values), 64);
    memcpy(g.evidence + g.evidence_len - 4 - 64, values, 64);
}

static void altered_log(void)
{
    g.evidence[g.evidence_len - 40] ^= 1; /* its last event's digest */
}

static void no_log_at_all(void)
{
    g.evidence[g.evidence_len - g.tpm.log_len] ^= 1;
}

static void unsound_quote(void)
{
    g.evidence[36 + 2 + g.cert_len + 2 + 2] ^= 1;
}

static void cut_short(void)
{
    g.evidence_len--;
}

static void refused(void **state)
{
    (void)state;
    refuses(other_nonce, PQI_ATTEST_UNSOLICITED);
    refuses(old_quote, PQI_ATTEST_QUALIFYING);
    refuses(other_verifier, PQI_ATTEST_QUALIFYING);
    refuses(other_policy_number, PQI_ATTEST_QUALIFYING);
    refuses(other_key, PQI_ATTEST_QUALIFYING);
    refuses(other_device, PQI_ATTEST_QUALIFYING);
    refuses(other_tpm, PQI_ATTEST_SIGNATURE);
    refuses(other_certificate, PQI_ATTEST_DEVICE);
    refuses(signature, PQI_ATTEST_SIGNATURE);
    refuses(certificate_bytes, PQI_ATTEST_CERT);
    refuses(other_values, PQI_ATTEST_DIGEST);
    refuses(claimed_values, PQI_ATTEST_PCRS);
    refuses(altered_log, PQI_ATTEST_LOG_DIFFERS);
    refuses(no_log_at_all, PQI_ATTEST_DECODE);
    refuses(unsound_quote, PQI_ATTEST_DECODE);
    refuses(cut_short, PQI_ATTEST_DECODE);
}

/* Nobody asked; the same again; too late; another peer's answer. */
static void unasked(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_ask(&g), PQI_OK);
    rig_answer(&g, &g.tpm, &g.pump, 1);
    const uint64_t asked = g.now.mono_ms;
    g.now.mono_ms = asked + 60001;
    assert_int_equal(rig_take(&g), PQI_ERR_REPLAY);
    assert_int_equal(g.r.reason, PQI_ATTEST_LATE);
    assert_int_equal(rig_state(&g), PQI_ATTEST_BAD);
    g.now.mono_ms = asked + 60000;
    const pqi_attest_subject pump = g.pump;
    g.pump.device_id = text("pump-2"); /* was not asked */
    assert_int_equal(rig_take(&g), PQI_ERR_REPLAY);
    g.pump = pump;
    assert_int_equal(rig_take(&g), PQI_OK);
    assert_int_equal(g.r.reason, PQI_ATTEST_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    assert_int_equal(rig_take(&g), PQI_ERR_REPLAY);
    assert_int_equal(g.r.reason, PQI_ATTEST_UNSOLICITED);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD); /* a replay takes nothing away either */
    memset(g.evidence + 4, 0, 32);                    /* the nonce of nobody's question */
    assert_int_equal(rig_take(&g), PQI_ERR_REPLAY);
    rig_stop(&g);
}

/* The first evidence to a question is the only one, also when it was bad. */
static void one_answer(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_ask(&g), PQI_OK);
    rig_answer(&g, &g.tpm, &g.pump, 1);
    signature();
    assert_int_equal(rig_take(&g), PQI_OK);
    signature(); /* mended */
    assert_int_equal(rig_take(&g), PQI_ERR_REPLAY);
    assert_int_equal(rig_state(&g), PQI_ATTEST_BAD);
    rig_stop(&g);
}

/* ---- INV-34: how long trust lasts -------------------------------------------------------------------- */

static void freshness(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_state(&g), PQI_ATTEST_NONE);
    assert_true(pqi_verifier_due(&g.v, &g.pump, &g.now));
    assert_int_equal(rig_ask(&g), PQI_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_ASKED);
    assert_false(pqi_verifier_due(&g.v, &g.pump, &g.now));
    assert_int_equal(rig_ask(&g), PQI_ERR_STATE); /* one question at a time */
    rig_answer(&g, &g.tpm, &g.pump, 1);
    const uint64_t asked = g.now.mono_ms;
    g.now.mono_ms += 30000;
    assert_int_equal(rig_take(&g), PQI_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    g.now.mono_ms = asked + 3600u * 1000u - 1; /* from the question on, not from the answer */
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    assert_true(pqi_verifier_due(&g.v, &g.pump, &g.now));
    g.now.mono_ms++;
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD);
    rig_stop(&g);
}

/* Another key of the same device is another peer: asked anew, whatever stood. */
static void key_change(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    assert_false(pqi_verifier_due(&g.v, &g.pump, &g.now));
    g.pump.key_id[0] ^= 1;
    assert_int_equal(rig_state(&g), PQI_ATTEST_NONE);
    assert_true(pqi_verifier_due(&g.v, &g.pump, &g.now));
    assert_int_equal(rig_ask(&g), PQI_OK);
    g.pump.key_id[0] ^= 1;
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD); /* the old one does not come back */
    rig_stop(&g);
}

static void policy_change(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    const pqi_cspan same = {g.policy_mem[1], g.policy_len};
    assert_int_equal(pqi_verifier_policy(&g.v, same), PQI_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD); /* the same again */
    assert_int_equal(rig_ask(&g), PQI_ERR_LIMIT);     /* too soon */
    g.fields.seq = 2;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_NONE);
    assert_true(pqi_verifier_due(&g.v, &g.pump, &g.now));
    assert_int_equal(pqi_verifier_policy(&g.v, same), PQI_ERR_REPLAY); /* no way back */
    /* a question of the policy before is nobody's */
    assert_int_equal(rig_ask(&g), PQI_OK);
    rig_answer(&g, &g.tpm, &g.pump, 1);
    g.fields.seq = 3;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_take(&g), PQI_ERR_REPLAY);
    /* and one that forbids what the machine is */
    g.digests[0] ^= 1;
    g.fields.seq = 4;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_DIGEST);
    rig_stop(&g);
}

/* Trust does not outlive the AK certificate that it stands on. */
static void certificate_ends(void **state)
{
    (void)state;
    size_t n = 0;
    rig_start(&g);
    g.now.unix_s = 1000000;
    pqi_ak_cert c;
    assert_int_equal(pqi_ak_cert_decode(&g.f->algs, (pqi_cspan){g.cert, g.cert_len}, &c), PQI_OK);
    c.not_after = g.now.unix_s + 60;
    uint8_t mem[PQI_AK_CERT_MAX];
    assert_int_equal(
        pqi_ak_cert_build(&g.f->algs, g.f->p, CX_ISSUER, &c, (pqi_span){mem, sizeof mem}, &n),
        PQI_OK);
    memcpy(g.cert, mem, n);
    g.cert_len = n;
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    assert_int_equal(g.r.max_age_s, 60);
    const uint64_t asked = g.peers[0].asked_ms;
    g.now.mono_ms = asked + 60000 - 1;
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    g.now.mono_ms++;
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD);
    rig_stop(&g);
}

/* A new root manifest ends what stood under the one before: its AK certificates and policies are no more. */
static void root_change(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    g.f->manifest.root_version++;
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD);
    assert_false(pqi_verifier_due(&g.v, &g.pump, &g.now)); /* no policy of this root yet */
    assert_int_equal(rig_ask(&g), PQI_ERR_STATE);
    g.f->manifest.root_version--;
    rig_stop(&g);
}

/* A machine that started anew inside the time of its verdict: what it says now counts, and only that. */
static void restart(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    g.tpm.reset_count++;
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    assert_int_equal(g.r.reset_count, 8);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    g.tpm.reset_count++;
    fake_tpm_event(&g.tpm, &g.f->algs, 7, 4, "another boot loader");
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_DIGEST);
    assert_int_equal(g.r.pcr, 0);
    assert_int_equal(rig_state(&g), PQI_ATTEST_BAD);
    assert_int_equal(g.peers[0].reset_count, 9);
    /* told from outside, such as a session that was made anew */
    rig_stop(&g);
    rig_start(&g);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    pqi_verifier_forget(&g.v, g.pump.device_id);
    assert_int_equal(rig_state(&g), PQI_ATTEST_NONE);
    rig_stop(&g);
}

/* ---- INV-36 and what a policy may say ----------------------------------------------------------------- */

static void empty_denies(void **state)
{
    (void)state;
    rig_start(&g);
    g.fields.classes[0].digests.len = 0; /* a class that allows nothing */
    g.fields.seq = 2;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_DIGEST);
    g.fields.n_classes = 0;
    g.fields.seq = 3;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_false(pqi_verifier_due(&g.v, &g.pump, &g.now));
    g.now.mono_ms += 700000;
    assert_int_equal(rig_ask(&g), PQI_ERR_STATE);
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD);
    rig_stop(&g);
    /* none at all */
    rig_start(&g);
    assert_int_equal(rig_ask(&g), PQI_OK);
    rig_answer(&g, &g.tpm, &g.pump, 1);
    pqi_attest_judge j = g.v.cfg.judge;
    pqi_attest_challenge c;
    assert_int_equal(
        pqi_attest_challenge_decode((pqi_cspan){g.challenge, g.challenge_len}, &c), PQI_OK);
    const pqi_cspan e = {g.evidence, g.evidence_len};
    pqi_attest_appraise(&j, &c, &g.pump, e, &g.now, &g.r);
    assert_int_equal(g.r.reason, PQI_ATTEST_OK);
    j.policy = NULL;
    pqi_attest_appraise(&j, &c, &g.pump, e, &g.now, &g.r);
    assert_int_equal(g.r.reason, PQI_ATTEST_NO_POLICY);
    rig_stop(&g);
}

static void put_row(uint8_t *rows, size_t i, uint8_t pcr, const uint8_t *v)
{
    rows[33 * i] = pcr;
    memcpy(rows + 33 * i + 1, v, 32);
}

/* Values of single PCRs, golden events, and both together. */
static void golden(void **state)
{
    (void)state;
    rig_start(&g);
    pqi_attest_class *c = &g.fields.classes[0];
    c->digests.len = 0;
    put_row(g.values, 0, 0, g.tpm.pcrs.v[0]);
    put_row(g.values, 1, 7, g.tpm.pcrs.v[7]);
    c->values = (pqi_cspan){g.values, 33};
    g.fields.seq = 2;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_DIGEST); /* PCR 7 is not listed */
    assert_int_equal(g.r.pcr, 7);
    c->values.len = 66;
    g.fields.seq = 3;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 0), PQI_ATTEST_OK);
    /* PCR 7 by its events */
    uint8_t d[32];
    const pqi_cspan on = text("secure boot on"), db = text("db of keys");
    assert_int_equal(g.f->algs.classic->hash(PQI_HASH_SHA256, &on, 1, d), PQI_OK);
    c->values.len = 33;
    put_row(g.events, 0, 7, d);
    c->events = (pqi_cspan){g.events, 33};
    g.fields.seq = 4;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    assert_int_equal(rig_round(&g, 0), PQI_ATTEST_DIGEST); /* without a log there are no events */
    fake_tpm_event(&g.tpm, &g.f->algs, 7, 1, "db of keys");
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_DIGEST);
    assert_int_equal(g.r.pcr, 7);
    assert_int_equal(g.f->algs.classic->hash(PQI_HASH_SHA256, &db, 1, d), PQI_OK);
    put_row(g.events, 1, 7, d);
    if (memcmp(g.events, g.events + 33, 33) > 0) { /* ascending */
        put_row(g.events, 2, 7, g.events + 1);
        put_row(g.events, 0, 7, d);
        put_row(g.events, 1, 7, g.events + 67);
    }
    c->events.len = 66;
    g.fields.seq = 5;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    /* what a class may ask for besides */
    c->flags = PQI_ATTEST_LOG;
    c->values.len = 33;
    g.fields.seq = 6;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 0), PQI_ATTEST_NO_LOG);
    c->flags = PQI_ATTEST_EK_CERT;
    g.fields.seq = 7;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    g.cert_len = rig_cert(&g, &g.tpm, "pump-1", 0, g.cert);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_EK);
    rig_stop(&g);
}

static void new_cert(uint32_t flags, const uint8_t key_id[PQI_KEY_ID_LEN])
{
    static uint8_t mem[PQI_AK_CERT_MAX];
    size_t n = 0;
    pqi_ak_cert c;
    assert_int_equal(pqi_ak_cert_decode(&g.f->algs, (pqi_cspan){g.cert, g.cert_len}, &c), PQI_OK);
    c.flags = flags;
    memcpy(c.half_key_id, key_id, PQI_KEY_ID_LEN);
    assert_int_equal(
        pqi_ak_cert_build(&g.f->algs, g.f->p, CX_ISSUER, &c, (pqi_span){mem, sizeof mem}, &n),
        PQI_OK);
    memcpy(g.cert, mem, n);
    g.cert_len = n;
}

/* INV-121: a class that needs the halves takes no AK certificate without, nor one for keys of before. */
static void halves(void **state)
{
    (void)state;
    uint8_t before[PQI_KEY_ID_LEN];
    rig_start(&g);
    g.fields.classes[0].flags = PQI_ATTEST_HALVES;
    g.fields.seq = 2;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_HALF);
    assert_int_not_equal(rig_state(&g), PQI_ATTEST_GOOD);
    memcpy(before, g.pump.key_id, sizeof before);
    before[15] ^= 1;
    new_cert(PQI_AK_EK_CERTIFIED | PQI_AK_HALVES, before);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_HALF);
    new_cert(PQI_AK_HALVES, g.pump.key_id);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    g.pump.key_id[0] ^= 1; /* joined with new keys */
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_HALF);
    new_cert(0, before); /* nothing is proven, whatever key id that is */
    memset(g.pump.key_id, 0, sizeof g.pump.key_id);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_HALF);
    /* who does not ask for it takes all of them */
    g.fields.classes[0].flags = 0;
    g.fields.seq = 3;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    rig_stop(&g);
}

/* Values that are not named come from the log; without both only the whole is judged. */
static void values_from_the_log(void **state)
{
    (void)state;
    rig_start(&g);
    assert_int_equal(rig_round(&g, 3), PQI_ATTEST_OK);
    assert_int_equal(rig_round(&g, 2), PQI_ATTEST_OK);
    g.fields.n_classes = 2; /* now more is asked for than the class needs */
    g.fields.classes[1] = g.fields.classes[0];
    g.fields.classes[1].name = text("valve");
    g.fields.classes[1].pcr_mask = RIG_MASK | 4;
    g.fields.seq = 2;
    assert_int_equal(rig_policy(&g), PQI_OK);
    assert_int_equal(rig_round(&g, 3), PQI_ATTEST_OK);
    assert_int_equal(rig_round(&g, 0), PQI_ATTEST_OK);
    assert_int_equal(rig_round(&g, 2), PQI_ATTEST_DIGEST);
    g.tpm.log[65 + 14] ^= 1;
    assert_int_equal(rig_round(&g, 3), PQI_ATTEST_LOG_DIFFERS);
    rig_stop(&g);
}

static pqi_status policy_of(const pqi_attest_policy *x, const pqi_key *keys, size_t n)
{
    static uint8_t mem[PQI_ATTEST_POLICY_MAX];
    size_t len = 0;
    pqi_status st =
        pqi_attest_policy_build(&g.f->algs, g.f->p, x, keys, n, (pqi_span){mem, sizeof mem}, &len);
    return st == PQI_OK ? pqi_verifier_policy(&g.v, (pqi_cspan){mem, len}) : st;
}

/* Who may make one, and what none may say. */
static void policies(void **state)
{
    (void)state;
    rig_start(&g);
    const pqi_key two[2] = {CX_POLICY2, CX_POLICY1}, one[1] = {CX_POLICY1},
                  other[2] = {CX_POLICY1, CX_STRANGER}, issuer[2] = {CX_ISSUER, CX_ROOT1};
    pqi_attest_policy x = g.fields;
    x.seq = 9;
    assert_int_equal(policy_of(&x, one, 1), PQI_ERR_AUTH);
    assert_int_equal(policy_of(&x, other, 2), PQI_ERR_AUTH);
    assert_int_equal(policy_of(&x, issuer, 2), PQI_ERR_AUTH);
    x.fleet_id[0] ^= 1;
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_AUTH);
    x.fleet_id[0] ^= 1;
    x.root_version = 2;
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_AUTH);
    x.root_version = 1;
    pqi_attest_class *c = &x.classes[0];
    const pqi_attest_class was = *c;
    c->pcr_mask = 0x1000000;
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_ARG);
    *c = was;
    c->max_age_s = 0;
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_ARG);
    *c = was;
    c->flags = 8;
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_ARG);
    *c = was;
    c->digests.len = 31;
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_ARG);
    *c = was;
    put_row(g.values, 0, 3, g.digests); /* of a PCR outside of the mask */
    c->values = (pqi_cspan){g.values, 33};
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_ARG);
    *c = was;
    x.n_classes = 2;
    x.classes[1] = x.classes[0]; /* twice */
    assert_int_equal(policy_of(&x, two, 2), PQI_ERR_ARG);
    x.classes[1].name = text("valve");
    assert_int_equal(policy_of(&x, two, 2), PQI_OK);
    rig_stop(&g);
}

/* ---- budgets ---------------------------------------------------------------------------------------- */

static void budgets(void **state)
{
    (void)state;
    rig_start(&g);
    /* A peer that answers badly is asked ever more rarely: 10, 20, 40 s, at most 64 times the first. */
    uint64_t pause = 10000;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(rig_ask(&g), PQI_OK);
        const uint64_t asked = g.now.mono_ms;
        rig_answer(&g, &g.tpm, &g.pump, 0);
        g.evidence[g.evidence_len - 5] ^= 1;
        assert_int_equal(rig_take(&g), PQI_OK);
        pause = i < 6 ? pause * 2 : pause;
        g.now.mono_ms = asked + pause - 1;
        assert_int_equal(rig_ask(&g), PQI_ERR_LIMIT);
        g.now.mono_ms = asked + pause;
    }
    assert_true(pause == 640000);
    rig_stop(&g);
    /* All together: 60 a minute, whoever asks for it; a full table loses nobody who is trusted. */
    rig_start(&g);
    assert_int_equal(rig_round(&g, 1), PQI_ATTEST_OK);
    const pqi_attest_subject pump = g.pump;
    unsigned asked = 0;
    for (unsigned i = 0; i < 200; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "p-%u", i);
        g.pump = (pqi_attest_subject){text(id), {(uint8_t)i}, i};
        asked += rig_ask(&g) == PQI_OK;
        pqi_verifier_forget(&g.v, text(id));
    }
    assert_int_equal(asked, 59);
    g.pump = pump;
    assert_int_equal(rig_state(&g), PQI_ATTEST_GOOD);
    rig_stop(&g);
    /* answering */
    pqi_attest_budget b;
    pqi_now now = {5000, 0, 0};
    pqi_attest_budget_init(&b, 2, &now);
    assert_true(pqi_attest_budget_take(&b, &now));
    assert_true(pqi_attest_budget_take(&b, &now));
    assert_false(pqi_attest_budget_take(&b, &now));
    now.mono_ms += 29999;
    assert_false(pqi_attest_budget_take(&b, &now));
    now.mono_ms += 1;
    assert_true(pqi_attest_budget_take(&b, &now));
    assert_false(pqi_attest_budget_take(&b, &now));
}

PQI_TEST_MAIN(cmocka_unit_test(refused), cmocka_unit_test(unasked), cmocka_unit_test(one_answer),
    cmocka_unit_test(freshness), cmocka_unit_test(key_change), cmocka_unit_test(policy_change),
    cmocka_unit_test(certificate_ends), cmocka_unit_test(root_change), cmocka_unit_test(restart),
    cmocka_unit_test(empty_denies), cmocka_unit_test(golden), cmocka_unit_test(halves),
    cmocka_unit_test(values_from_the_log), cmocka_unit_test(policies), cmocka_unit_test(budgets))
