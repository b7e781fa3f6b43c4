/* SPDX-License-Identifier: Apache-2.0 */
#include "support/attest_rig.h"

#include "pqi_test.h"
#include <pqi/host_attest.h>

static pqi_cspan text(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

size_t rig_cert(rig *g, const fake_tpm *t, const char *id, uint32_t flags, uint8_t *out)
{
    size_t n = 0;
    pqi_ak_cert c = {.root_version = 1,
        .device_id = text(id),
        .roster_index = 4,
        .ak = {.encoded = {t->ak, t->ak_len}},
        .cls = text("pump"),
        .flags = flags,
        .valid_to_epoch = 100};
    memcpy(c.fleet_id, g->f->manifest.fleet_id, sizeof c.fleet_id);
    assert_int_equal(pqi_ak_cert_build(
                         &g->f->algs, g->f->p, CX_ISSUER, &c, (pqi_span){out, PQI_AK_CERT_MAX}, &n),
        PQI_OK);
    return n;
}

void rig_allow_now(rig *g)
{
    pqi_attest_policy *p = &g->fields;
    assert_int_equal(pqi_pcrs_digest(&g->f->algs, &g->tpm.pcrs, RIG_MASK, g->digests), PQI_OK);
    p->n_classes = 1;
    p->classes[0] = (pqi_attest_class){
        .name = text("pump"), .pcr_mask = RIG_MASK, .max_age_s = 3600, .digests = {g->digests, 32}};
}

pqi_status rig_policy(rig *g)
{
    static const pqi_key two[2] = {CX_POLICY1, CX_POLICY3};
    size_t n = 0;
    uint8_t *to = g->policy_mem[g->fields.seq % 2];
    assert_int_equal(pqi_attest_policy_build(&g->f->algs, g->f->p, &g->fields, two, 2,
                         (pqi_span){to, PQI_ATTEST_POLICY_MAX}, &n),
        PQI_OK);
    g->policy_len = n;
    return pqi_verifier_policy(&g->v, (pqi_cspan){to, n});
}

void rig_start(rig *g)
{
    memset(g, 0, sizeof *g);
    g->f = cx_get();
    g->now = (pqi_now){1000000, 1790000000, 3};
    fake_tpm_start(&g->tpm, &g->f->algs, 1);
    fake_tpm_event(&g->tpm, &g->f->algs, 0, 8, "firmware 1");
    fake_tpm_event(&g->tpm, &g->f->algs, 7, 0x80000001u, "secure boot on");
    g->cert_len = rig_cert(g, &g->tpm, "pump-1", PQI_AK_EK_CERTIFIED, g->cert);
    g->pump = (pqi_attest_subject){text("pump-1"), {0xaa, 1}, 4};
    const pqi_verifier_cfg cfg = {.judge = {.algs = &g->f->algs,
                                      .verify = pqi_host_p256_verify,
                                      .manifest = &g->f->manifest,
                                      .tmp = g->f->tmp},
        .own_id = text("control"),
        .peers = g->peers,
        .n_peers = 4};
    assert_int_equal(pqi_verifier_init(&g->v, &cfg, &g->now), PQI_OK);
    memcpy(g->fields.fleet_id, g->f->manifest.fleet_id, sizeof g->fields.fleet_id);
    g->fields.root_version = 1;
    g->fields.seq = 1;
    rig_allow_now(g);
    assert_int_equal(rig_policy(g), PQI_OK);
}

void rig_stop(rig *g)
{
    fake_tpm_stop(&g->tpm);
}

pqi_status rig_ask(rig *g)
{
    uint8_t nonce[PQI_ATTEST_NONCE];
    size_t n = 0;
    memset(nonce, ++g->nonce, sizeof nonce);
    pqi_status st = pqi_verifier_ask(
        &g->v, &g->pump, nonce, &g->now, (pqi_span){g->challenge, sizeof g->challenge}, &n);
    g->challenge_len = st == PQI_OK ? n : g->challenge_len;
    return st;
}

void rig_answer(rig *g, const fake_tpm *t, const pqi_attest_subject *who, int log)
{
    pqi_attest_challenge c;
    pqi_attest_evidence e = {.ak_cert = {g->cert, g->cert_len}};
    uint8_t extra[32], quote[PQI_QUOTE_MAX], values[24 * 32];
    assert_int_equal(
        pqi_attest_challenge_decode((pqi_cspan){g->challenge, g->challenge_len}, &c), PQI_OK);
    assert_int_equal(pqi_attest_qualifying(&g->f->algs, &c, who, extra), PQI_OK);
    memcpy(e.nonce, c.nonce, sizeof e.nonce);
    e.quote = (pqi_cspan){
        quote, fake_tpm_quote(t, &g->f->algs, (pqi_cspan){extra, 32}, c.pcr_mask, quote)};
    e.values = (pqi_cspan){values, (log & 2) == 0 ? fake_tpm_values(t, c.pcr_mask, values) : 0};
    e.log = (log & 1) != 0 ? (pqi_cspan){t->log, t->log_len} : (pqi_cspan){NULL, 0};
    assert_int_equal(pqi_attest_evidence_encode(
                         &e, (pqi_span){g->evidence, sizeof g->evidence}, &g->evidence_len),
        PQI_OK);
}

pqi_status rig_take(rig *g)
{
    return pqi_verifier_take(
        &g->v, &g->pump, (pqi_cspan){g->evidence, g->evidence_len}, &g->now, &g->r);
}

pqi_attest_reason rig_round(rig *g, int log)
{
    g->now.mono_ms += 11 * 60000; /* whatever the pause was */
    assert_int_equal(rig_ask(g), PQI_OK);
    rig_answer(g, &g->tpm, &g->pump, log);
    assert_int_equal(rig_take(g), PQI_OK);
    return g->r.reason;
}

pqi_attest_state rig_state(const rig *g)
{
    pqi_verdict v;
    pqi_verifier_verdict(&g->v, &g->pump, &g->now, &v);
    return v.state;
}
