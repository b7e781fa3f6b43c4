/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fleet.h"

#include <pqi/control.h>

#include "prim/keccak/keccak.h"
#include <pqi/host.h>

#define CA_ROOT    1u
#define CA_REVOKER 3u
#define DEV_KEM    1u
#define DEV_DH     2u
#define DEV_SIG    3u

pqi_cspan text_of(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

static pqi_manifest_key ca_key(fleet *f, size_t i, pqi_role role)
{
    pqi_manifest_key k = {.role = role, .alg = PQI_SIG_ID_ML_DSA_44};
    k.pk = (pqi_cspan){f->ca.keys[i].pk, f->ca.keys[i].pk_len};
    return k;
}

uint64_t fleet_verifies;

#define SIGS_MAX 6u

/* The verify functions by their place in the set, each behind a counter: a descriptor is data, so a
 * test can wrap one. */
static pqi_sig counted[SIGS_MAX];
static pqi_status (*real_verify[SIGS_MAX])(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan sig, void *tmp);

#define COUNTED(i)                                                                                 \
    static pqi_status verify_##i(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,         \
        size_t n_parts, pqi_cspan sig, void *tmp)                                                  \
    {                                                                                              \
        fleet_verifies++;                                                                          \
        return real_verify[i](pk, ctx, parts, n_parts, sig, tmp);                                  \
    }
COUNTED(0)
COUNTED(1)
COUNTED(2)
COUNTED(3)
COUNTED(4)
COUNTED(5)

static void count_verifies(fleet *f)
{
    static const pqi_sig *sigs[SIGS_MAX];
    const struct {
        pqi_status (*verify)(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,
            size_t n_parts, pqi_cspan sig, void *tmp);
    } wrap[SIGS_MAX] = {{verify_0}, {verify_1}, {verify_2}, {verify_3}, {verify_4}, {verify_5}};
    assert_true(f->algs.n_sigs <= SIGS_MAX);
    for (size_t i = 0; i < f->algs.n_sigs; i++) {
        counted[i] = *f->algs.sigs[i];
        real_verify[i] = counted[i].verify;
        counted[i].verify = wrap[i].verify;
        sigs[i] = &counted[i];
    }
    f->algs.sigs = sigs;
}

void fleet_root(fleet *f, uint32_t version)
{
    f->root_version = version;
    pqi_manifest_key keys[5] = {ca_key(f, 0, PQI_ROLE_ROOT),
        ca_key(f, (f->issuer != 0 ? f->issuer : FLEET_ISSUER) - 1u, PQI_ROLE_ISSUER),
        ca_key(f, 2, PQI_ROLE_REVOKER),
        ca_key(f, (f->head != 0 ? f->head : FLEET_HEAD) - 1u, PQI_ROLE_HEAD),
        ca_key(f, FLEET_POLICY - 1u, PQI_ROLE_POLICY)};
    pqi_manifest_spec spec = {
        .root_version = version, .keys = keys, .n_keys = f->has_plane ? 5u : 3u};
    spec.threshold[PQI_ROLE_ROOT] = 1;
    spec.threshold[PQI_ROLE_ISSUER] = 1;
    spec.threshold[PQI_ROLE_REVOKER] = 1;
    spec.threshold[PQI_ROLE_HEAD] = f->has_plane ? 1 : 0;
    spec.threshold[PQI_ROLE_POLICY] = f->has_plane ? 1 : 0;
    memset(spec.fleet_id, 0xf1, sizeof spec.fleet_id);
    const pqi_key signer = CA_ROOT;
    assert_int_equal(pqi_manifest_build(&f->algs, &f->ca.base, &spec, &signer, 1,
                         (pqi_span){f->manifest, sizeof f->manifest}, &f->manifest_len),
        PQI_OK);
    pqi_manifest m;
    assert_int_equal(
        pqi_manifest_decode(&f->algs, (pqi_cspan){f->manifest, f->manifest_len}, &m), PQI_OK);
    memcpy(f->pinned, m.hash, sizeof f->pinned);
}

fleet *fleet_get(void)
{
    static fleet *f;
    if (f != NULL) {
        return f;
    }
    f = calloc(1, sizeof *f);
    assert_non_null(f);
    pqi_algs_all(&f->algs, &pqi_classic_openssl);
    count_verifies(f);
    static const uint8_t seed[32] = {0xca};
    fake_provider_init(&f->ca, &f->algs, seed, NULL);
    for (pqi_key k = CA_ROOT; k <= FLEET_HEAD_2; k++) {
        assert_int_equal(fake_provider_key(&f->ca, k, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    }
    fleet_root(f, 1);
    return f;
}

size_t fleet_cert(fleet *f, fake_provider *keys, const dev_spec *s, uint8_t out[PQI_CERT_MAX])
{
    pqi_cert c = {.device_id = text_of(s->id), .key_epoch = s->epoch};
    c.kem_alg = (uint32_t)keys->keys[0].alg;
    c.kem_pk = (pqi_cspan){keys->keys[0].pk, keys->keys[0].pk_len};
    c.x25519_pk = (pqi_cspan){keys->keys[1].pk, 32};
    if (!s->kem_only) {
        c.sig_alg = keys->keys[2].alg;
        c.sig_pk = (pqi_cspan){keys->keys[2].pk, keys->keys[2].pk_len};
    }
    c.valid_to_epoch = s->valid_to != 0 ? s->valid_to : 100u;
    c.assurance = s->assurance;
    c.not_before = s->not_before;
    c.not_after = s->not_after;
    c.suites = s->suites != 0
                   ? s->suites
                   : pqi_policy_suites(&f->algs, NULL, c.kem_alg) & ~pqi_suite_0005.bitmap;
    c.roles = PQI_CERT_ROLE_DEVICE | s->roles;
    c.roster_index = s->roster;
    if (s->pub != NULL) {
        c.scopes[0] =
            (pqi_scope){text_of(s->pub), PQI_RIGHT_PUB, s->only_s ? PQI_CLASS_S : PQI_CLASS_H};
        c.n_scopes = 1;
        if (s->also_s) {
            c.scopes[c.n_scopes] = c.scopes[0];
            c.scopes[c.n_scopes++].cls = PQI_CLASS_S;
        }
    }
    size_t len = 0;
    assert_int_equal(
        pqi_cert_build(&f->algs, &f->ca.base, f->issuer != 0 ? f->issuer : FLEET_ISSUER, &c,
            (pqi_span){out, PQI_CERT_MAX}, &len),
        PQI_OK);
    return len;
}

static void dev_rooms(dev *d, pqi_endpoint_cfg *c)
{
    c->manifest = d->root.len != 0 ? d->root : (pqi_cspan){d->f->manifest, d->f->manifest_len};
    c->revoked = d->revoked;
    c->revoked_max = PQI_REVOKED_MAX;
    c->manifest_mem = (pqi_span){d->manifest_mem, sizeof d->manifest_mem};
    c->policy_mem = (pqi_span){d->policy_mem, sizeof d->policy_mem};
    c->head_mem = (pqi_span){d->head_mem, sizeof d->head_mem};
}

dev *dev_new(const dev_spec *s)
{
    dev *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->f = fleet_get();
    d->spec = *s;
    uint8_t seed[32] = {s->seed};
    fake_provider_init(&d->prov, &d->f->algs, seed, &d->power);
    fake_nvm_init(&d->nvm, &d->power);
    int32_t kem = s->kem != 0 ? (int32_t)s->kem : (int32_t)PQI_KEM_ID_ML_KEM_512;
    int32_t sig = s->sig != 0 ? s->sig : PQI_SIG_ID_ML_DSA_44;
    assert_int_equal(fake_provider_key(&d->prov, DEV_KEM, PQI_KEY_KEM, kem), PQI_OK);
    assert_int_equal(fake_provider_key(&d->prov, DEV_DH, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(fake_provider_key(&d->prov, DEV_SIG, PQI_KEY_SIG, sig), PQI_OK);
    d->cert_len = fleet_cert(d->f, &d->prov, s, d->cert);
    d->limits = pqi_limits_mcu;
    d->limits.packet_max = PQI_V1_PACKET_MAX;
    d->now = (pqi_now){.mono_ms = 1000, .unix_s = 1000000, .control_epoch = 5};
    pqi_endpoint_cfg room = {.algs = &d->f->algs, .n_peers = FLEET_PEERS};
    dev_rooms(d, &room);
    d->scratch_len = pqi_endpoint_scratch_len(&room);
    d->scratch = malloc(d->scratch_len);
    assert_non_null(d->scratch);
    return d;
}

/* Two sessions for each peer, two handshakes and rounds at a time. */
static pqi_session_cfg sessions_of(dev *d)
{
    pqi_session_cfg c = {.use = d->spec.sessions,
        .n_sessions = 2u * FLEET_PEERS,
        .n_handshakes = 2,
        .n_rounds = 2,
        .limits = d->spec.session_limits,
        .modes = d->spec.modes};
    if (c.use != PQI_SESSIONS_OFF && d->sessions.ptr == NULL) {
        d->sessions.len = pqi_endpoint_sessions_len(&d->f->algs, &c, FLEET_PEERS);
        d->sessions.ptr = malloc(d->sessions.len);
        assert_non_null(d->sessions.ptr);
    }
    if (d->sessions.ptr != NULL) {
        memset(d->sessions.ptr, 0xee, d->sessions.len);
    }
    c.mem = d->sessions;
    return c;
}

void dev_free(dev *d)
{
    pqi_endpoint_close(&d->ep);
    free(d->sessions.ptr);
    fake_nvm_free(&d->nvm);
    free(d->scratch);
    free(d);
}

void dev_reset(dev *d)
{
    memset(&d->ep, 0xee, sizeof d->ep);
    memset(d->peers, 0xee, sizeof d->peers);
    memset(d->scratch, 0xee, d->scratch_len);
    memset(d->revoked, 0xee, sizeof d->revoked);
    memset(d->manifest_mem, 0xee, sizeof d->manifest_mem);
    memset(d->policy_mem, 0xee, sizeof d->policy_mem);
    memset(d->head_mem, 0xee, sizeof d->head_mem);
    d->ep.open = 0;
}

pqi_status dev_open(dev *d)
{
    dev_reset(d);
    pqi_endpoint_cfg c = {.algs = &d->f->algs,
        .provider = &d->prov.base,
        .nvm = &d->nvm.nvm,
        .keys = {DEV_KEM, DEV_DH, d->spec.kem_only ? 0 : DEV_SIG},
        .cert = {d->cert, d->cert_len},
        .pinned = d->root.len != 0 ? d->root_pin : d->f->pinned,
        .suite = d->spec.only,
        .policy = d->spec.policy,
        .limits = d->limits,
        .peers = d->peers,
        .n_peers = FLEET_PEERS,
        .scratch = {d->scratch, d->scratch_len},
        .prekey_period_s = d->spec.period,
        .prekey_use = d->spec.use,
        .sessions = sessions_of(d)};
    dev_rooms(d, &c);
    return pqi_endpoint_open(&d->ep, &c, &d->now);
}

void dev_announce(dev *d, msg *m)
{
    memset(m->topic, 0, sizeof m->topic);
    pqi_endpoint_announce_topic(&d->ep, m->topic);
    assert_int_equal(pqi_endpoint_announce(&d->ep, (pqi_span){m->b, sizeof m->b}, &m->len), PQI_OK);
}

int dev_prekeys(dev *d)
{
    int again = 0;
    assert_int_equal(pqi_endpoint_prekeys(&d->ep, &d->now, &again), PQI_OK);
    return again;
}

pqi_status dev_send(dev *from, const char *to, const char *topic, const char *text, msg *m)
{
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    pqi_outbound o = {
        .peer = text_of(to), .topic = text_of(topic), .payload = text_of(text), .cls = PQI_CLASS_L};
    return pqi_endpoint_send(&from->ep, &from->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len);
}

pqi_event_kind dev_receive(dev *d, const msg *m)
{
    uint8_t *heap = malloc(m->len != 0 ? m->len : 1);
    assert_non_null(heap);
    memcpy(heap, m->b, m->len);
    pqi_inbound in = {text_of(m->topic), {heap, m->len}, 0};
    memset(d->plain, 0xee, 4096);
    assert_int_equal(
        pqi_endpoint_receive(&d->ep, &d->now, &in, (pqi_span){d->plain, sizeof d->plain}, &d->ev),
        PQI_OK);
    free(heap);
    return d->ev.kind;
}

bool dev_poll(dev *d, msg *m)
{
    pqi_outpacket o;
    assert_int_equal(pqi_endpoint_poll(&d->ep, &d->now, (pqi_span){m->b, sizeof m->b}, &o), PQI_OK);
    memcpy(m->topic, o.topic, sizeof m->topic);
    m->len = o.len;
    return o.len != 0;
}

unsigned dev_talk(dev *a, dev *b)
{
    msg *m = calloc(1, sizeof *m);
    unsigned n = 0;
    assert_non_null(m);
    for (bool more = true; more;) {
        more = false;
        if (dev_poll(a, m)) {
            assert_int_not_equal(dev_receive(b, m), PQI_EV_MESSAGE);
            more = true;
            n++;
        }
        if (dev_poll(b, m)) {
            assert_int_not_equal(dev_receive(a, m), PQI_EV_MESSAGE);
            more = true;
            n++;
        }
        assert_true(n < 100);
    }
    free(m);
    return n;
}

void dev_meet(dev *a, dev *b)
{
    msg *m = calloc(1, sizeof *m);
    assert_non_null(m);
    dev_announce(a, m);
    assert_int_equal(dev_receive(b, m), PQI_EV_PEER);
    dev_announce(b, m);
    assert_int_equal(dev_receive(a, m), PQI_EV_PEER);
    free(m);
}

void fleet_revoke_as(
    pqi_key signer, const pqi_revocations *head, const pqi_revoked *list, size_t n, msg *m)
{
    fleet *f = fleet_get();
    const char *topic = head->from == 0 ? PQI_TOPIC_REVOCATIONS : PQI_TOPIC_REV_DELTA;
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    assert_int_equal(pqi_revocations_build(&f->algs, &f->ca.base, &signer, 1, head, list, n,
                         (pqi_span){m->b, sizeof m->b}, &m->len),
        PQI_OK);
}

void fleet_revoke(fleet *f, uint32_t from, const pqi_revoked *list, size_t n, msg *m)
{
    pqi_revocations head = {.root_version = f->root_version, .from = from};
    memset(head.fleet_id, 0xf1, sizeof head.fleet_id);
    assert_int_equal(
        pqi_rev_log_start(&f->algs, head.fleet_id, head.root_version, head.prev), PQI_OK);
    assert_true(from <= n);
    for (uint32_t i = 0; i < from; i++) {
        uint8_t e[PQI_REVOKED_LEN];
        pqi_revoked_write(&list[i], e);
        assert_int_equal(pqi_rev_log_fold(&f->algs, (pqi_cspan){e, sizeof e}, head.prev), PQI_OK);
    }
    fleet_revoke_as(CA_REVOKER, &head, list != NULL ? list + from : NULL, n - from, m);
}

bool dev_is_out(const dev *d)
{
    return (pqi_ctl_flags(&d->ep.ctl, &d->now) & PQI_GATE_SELF_REVOKED) != 0;
}

void dev_forget_ctl(pqi_ctl *c)
{
    memset(c->refused, 0, sizeof c->refused);
    memset(c->refused_hash, 0, sizeof c->refused_hash);
    c->evidence_ms = c->steps_ms = c->seen_ms = c->raw_ms = 0;
    c->want = c->want_left = 0; /* something that seems to be missing is asked for */
}

void dev_digest(const dev *d, uint8_t out[32])
{
    static pqi_endpoint e;
    static pqi_peer p;
    pqi_xof x;
    pqi_shake256_start(&x);
    memcpy(&e, &d->ep, sizeof e);
    memset(&e.global_sig, 0, sizeof e.global_sig);
    memset(&e.announce, 0, sizeof e.announce);
    memset(&e.control, 0, sizeof e.control);
    memset(e.drops, 0, sizeof e.drops);
    memset(e.refused_by, 0, sizeof e.refused_by);
    memset(&e.pk, 0, sizeof e.pk);
    memset(&e.seen, 0, sizeof e.seen);
    e.reason = PQI_REASON_OK;
    dev_forget_ctl(&e.ctl);
    pqi_xof_absorb(&x, d->revoked, e.ctl.rev.n * sizeof d->revoked[0]);
    e.peers_store.open = e.seq_store.open = e.prekey_store.open =
        0; /* a store closes itself after a failed write */
    pqi_xof_absorb(&x, &e, sizeof e);
    for (size_t i = 0; i < FLEET_PEERS; i++) {
        memcpy(&p, &d->peers[i], sizeof p);
        memset(&p.sig_bucket, 0, sizeof p.sig_bucket);
        memset(&p.ann_bucket, 0, sizeof p.ann_bucket);
        pqi_xof_absorb(&x, &p, sizeof p);
    }
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        for (unsigned k = 0; k < 2; k++) {
            if (d->nvm.rec[i].bytes[k] != NULL) {
                pqi_xof_absorb(&x, d->nvm.rec[i].bytes[k], d->nvm.rec[i].len[k]);
            }
        }
    }
    pqi_xof_absorb(&x, d->prov.counters, sizeof d->prov.counters);
    pqi_xof_squeeze(&x, out, 32);
}

void dev_expect(dev *d, const msg *m, const char *text)
{
    if (dev_receive(d, m) != PQI_EV_MESSAGE) {
        fail_msg("event %d, dropped as %s", (int)d->ev.kind, pqi_drop_name(d->ev.drop));
    }
    assert_int_equal(d->ev.plain.len, strlen(text));
    assert_memory_equal(d->ev.plain.ptr, text, strlen(text));
}

void dev_refuses(dev *d, const msg *m, pqi_drop why)
{
    uint8_t before[32], after[32];
    dev_digest(d, before);
    uint64_t drops = d->ep.drops[why];
    assert_int_equal(dev_receive(d, m), PQI_EV_DROP);
    if (d->ev.drop != why) {
        fail_msg("dropped as %s, not %s", pqi_drop_name(d->ev.drop), pqi_drop_name(why));
    }
    assert_int_equal(d->ev.plain.len, 0);
    assert_true(d->ep.drops[why] == drops + 1);
    dev_digest(d, after);
    assert_memory_equal(before, after, 32);
    for (size_t i = 0; i < 64; i++) { /* no plaintext is left behind */
        assert_true(d->plain[i] == 0xee || d->plain[i] == 0);
    }
}
