/* SPDX-License-Identifier: Apache-2.0
 * Announcements and revocations over a real broker: replaced, aged, renamed, deleted,
 * oversized, made up by the thousand. */
#include "support/hostile.h"
#include <pqi/announce.h>
#include <pqi/control.h>

#include <time.h>

typedef struct cast {
    stage *s;
    station *pump, *control, *late;
} cast;

/* pump and control are at the broker and know each other; late comes when the test says so. */
static cast cast_new(void)
{
    cast c = {.s = stage_new(NULL)};
    c.pump = stage_device(c.s, "pump");
    c.control = stage_device(c.s, "control");
    c.late = stage_device(c.s, "late");
    c.control->filters[0] = "plant/pump/#";
    c.control->filters[1] = "plant/late/#";
    c.late->filters[0] = "plant/pump/#";
    c.pump->version = 5;
    c.s->catching = 1;
    station_on(c.s, c.pump);
    station_on(c.s, c.control);
    stage_settle(c.s);
    c.s->catching = 0;
    assert_int_equal(peers_of(c.pump), 1);
    assert_int_equal(peers_of(c.control), 1);
    return c;
}

static void serves(cast *c, const char *text)
{
    const size_t before = c->control->n_heard;
    assert_int_equal(say(c->pump, "control", "plant/pump/a", text, 1), PQI_OK);
    stage_settle(c->s);
    assert_int_equal(c->control->n_heard, before + 1);
    assert_int_equal(heard(c->control, text), 1);
}

static void silent(station *t)
{
    dropped(t, PQI_DROP_NONE);
}

/* What eve caught last on this topic. */
static const packet *caught_on(const stage *s, const char *topic)
{
    size_t i = s->n_caught;
    while (i > 0 && strcmp(s->caught[i - 1].topic, topic) != 0) {
        i--;
    }
    assert_true(i > 0);
    return &s->caught[i - 1];
}

/* Turns until eve sees what pump announces: the same bytes but for the hedged signature. */
static void until_seen(stage *s, const char *topic, pqi_cspan want)
{
    const time_t end = time(NULL) + 10;
    stage_drop_caught(s);
    s->catching = 1;
    int seen = 0;
    while (!seen && time(NULL) < end) {
        (void)stage_turn(s);
        for (size_t i = 0; i < s->n_caught; i++) {
            const packet *k = &s->caught[i];
            seen |= strcmp(k->topic, topic) == 0 && k->len == want.len &&
                    memcmp(k->p, want.ptr, want.len - pqi_sig_ml_dsa_65.sig_len) == 0;
        }
    }
    s->catching = 0;
    assert_int_equal(seen, 1);
    stage_settle(s);
}

/* An object of another CA's device of the same name. */
typedef struct rogue {
    fleet f;
    node n;
    uint8_t announcement[PQI_ANNOUNCE_MAX];
    size_t len;
} rogue;

static rogue *rogue_new(const char *id)
{
    rogue *r = calloc(1, sizeof *r);
    assert_non_null(r);
    const pqi_now now = pqi_host_now();
    uint32_t epoch = 0;
    pqi_host_device *d = NULL;
    fleet_begin(&r->f);
    r->f.now = now.unix_s;
    assert_int_equal(fleet_init_ca(&r->f), PQI_OK);
    node_make(&r->f, &r->n, id);
    fleet_enrol(&r->f, &r->n);
    assert_int_equal(fleet_provision(&r->f, &r->n, &epoch), PQI_OK);
    assert_int_equal(pqi_host_device_open(&d, &r->n.cfg, &now), PQI_OK);
    const pqi_span room = {r->announcement, sizeof r->announcement};
    assert_int_equal(pqi_endpoint_announce(pqi_host_device_endpoint(d), room, &r->len), PQI_OK);
    pqi_host_device_close(d);
    return r;
}

static void rogue_free(rogue *r)
{
    fleet_end(&r->f);
    free(r);
}

/* Another CA's pump takes the place of ours: nobody accepts it, and ours comes back as soon as its
 * owner is there, also when the attacker was quicker than the owner may answer. */
static void replaced_by_another_ca(void **state)
{
    (void)state;
    cast c = cast_new();
    rogue *r = rogue_new("pump");
    const pqi_cspan forged = {r->announcement, r->len};
    const packet *k = caught_on(c.s, "pq/4/k/pump");
    uint8_t *copy = malloc(k->len);
    assert_non_null(copy);
    memcpy(copy, k->p, k->len);
    const pqi_cspan genuine = {copy, k->len};

    station_off(c.pump);
    eve_says(c.s, "pq/4/k/pump", forged, 1, 1);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_EPOCH, 1, PQI_DROP_NONE);
    station_on(c.s, c.late);
    dropped(c.late, PQI_DROP_CERT, 1, PQI_DROP_NONE);
    assert_null(peer_of(c.late, "pump"));
    assert_int_equal(peers_of(c.late), 1);

    station_on(c.s, c.pump); /* it announces at every connect */
    assert_non_null(peer_of(c.late, "pump"));
    assert_int_equal(peers_of(c.late), 2);
    station_off(c.late);

    for (int round = 0; round < 2; round++) { /* the second is sooner than a new announcement */
        eve_says(c.s, "pq/4/k/pump", forged, 1, 1);
        until_seen(c.s, "pq/4/k/pump", genuine);
    }
    station_on(c.s, c.late);
    silent(c.late);
    assert_int_equal(peers_of(c.late), 2);
    dropped(c.control, PQI_DROP_EPOCH, 2, PQI_DROP_NONE);
    serves(&c, "still here");
    free(copy);
    rogue_free(r);
    stage_free(c.s);
}

/* INV-29: after a renewal the announcement of the older keys is refused wherever the newer one was
 * seen, and packets of the older keys are a stranger's. A newcomer that only ever saw the older one
 * learns the newer one when its owner appears. */
static void older_keys_announced(void **state)
{
    (void)state;
    cast c = cast_new();
    c.s->catching = 1;
    serves(&c, "old keys");
    c.s->catching = 0;
    const packet old = *caught_on(c.s, "pq/4/k/pump"), data = *caught_on(c.s, "plant/pump/a");
    silent(c.control);
    station_off(c.pump);
    uint32_t epoch = 0;
    assert_int_equal(fleet_provision(&c.s->f, &c.pump->n, &epoch), PQI_OK);
    assert_int_equal(epoch, 2);
    station_on(c.s, c.late);
    assert_int_equal(peer_of(c.late, "pump")->key_epoch, 1);
    station_on(c.s, c.pump);
    for (int life = 0; life < 2; life++) {
        eve_says(c.s, "pq/4/k/pump", packet_span(&old), 1, 0);
        eve_repeats(c.s, &data, 1);
        stage_settle(c.s);
        dropped(c.control, PQI_DROP_EPOCH, 1, PQI_DROP_UNKNOWN, 1, PQI_DROP_NONE);
        dropped(c.late, PQI_DROP_EPOCH, 1, PQI_DROP_PREKEY, 1, PQI_DROP_NONE);
        assert_int_equal(peer_of(c.control, "pump")->key_epoch, 2);
        assert_int_equal(peer_of(c.late, "pump")->key_epoch, 2);
        assert_int_equal(peers_of(c.control), 2);
        station_crash(c.control);
        station_on(c.s, c.control);
    }
    serves(&c, "new keys");
    stage_free(c.s);
}

/* INV-26, INV-27: under another id, under ids that are none. */
static void under_another_id(void **state)
{
    (void)state;
    cast c = cast_new();
    const packet pump = *caught_on(c.s, "pq/4/k/pump");
    static const char *const mismatch[] = {"pq/4/k/late", "pq/4/k/ghost", "pq/4/k/Pump"};
    static const char *const no_id[] = {
        "pq/4/k/", "pq/4/k/p ump", "pq/4/k/123456789012345678901234567890123"};
    for (size_t i = 0; i < 3; i++) {
        eve_says(c.s, mismatch[i], packet_span(&pump), 1, 1);
        eve_says(c.s, no_id[i], packet_span(&pump), 1, 1);
    }
    rogue *r = rogue_new("ghost"); /* a stranger's: no other rule stands in the way */
    eve_says(c.s, "pq/4/k/other", (pqi_cspan){r->announcement, r->len}, 1, 1);
    rogue_free(r);
    eve_says(c.s, "pq/4/k/control", packet_span(&pump), 1, 0); /* nothing to learn about oneself */
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_MISMATCH, 4, PQI_DROP_TOPIC, 3, PQI_DROP_NONE);
    assert_int_equal(peers_of(c.control), 1);
    station_on(c.s, c.late); /* retained: a newcomer meets them all, its own name's excepted */
    dropped(c.late, PQI_DROP_MISMATCH, 3, PQI_DROP_TOPIC, 3, PQI_DROP_NONE);
    assert_int_equal(peers_of(c.late), 2);
    assert_non_null(peer_of(c.control, "late"));
    serves(&c, "names");
    stage_free(c.s);
}

/* The retained announcement is deleted: who knows the peer keeps it, and its owner puts it back. */
static void deleted(void **state)
{
    (void)state;
    cast c = cast_new();
    const packet *k = caught_on(c.s, "pq/4/k/pump");
    uint8_t *copy = malloc(k->len);
    assert_non_null(copy);
    memcpy(copy, k->p, k->len);
    const pqi_cspan genuine = {copy, k->len};
    eve_says(c.s, "pq/4/k/pump", (pqi_cspan){NULL, 0}, 1, 1);
    until_seen(c.s, "pq/4/k/pump", genuine);
    dropped(c.control, PQI_DROP_DECODE, 1, PQI_DROP_NONE);
    serves(&c, "deleted");
    station_on(c.s, c.late);
    assert_int_equal(peers_of(c.late), 2);
    silent(c.late);
    free(copy);
    stage_free(c.s);
}

/* INV-70, INV-72, INV-73, INV-75, INV-106: too large ones, and garbage under 3000 ids. */
static void garbage_under_many_ids(void **state)
{
    (void)state;
    cast c = cast_new();
    static uint8_t big[140000];
    const packet pump = *caught_on(c.s, "pq/4/k/pump");
    memcpy(big, pump.p, pump.len);
    const uint64_t work = asymmetric(c.control);
    eve_says(c.s, "pq/4/k/pump", (pqi_cspan){big, PQI_ANNOUNCE_MAX + 1}, 1, 0);
    eve_says(c.s, "pq/4/k/ghost", (pqi_cspan){big, 100000}, 1, 0);
    eve_says(c.s, "pq/4/k/ghost", (pqi_cspan){big, sizeof big}, 1, 0); /* the port stops this one */
    eve_says(c.s, "pq/4/k/pump", (pqi_cspan){big, pump.len + 1}, 1, 0);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_SIZE, 2, PQI_DROP_DECODE, 1, PQI_DROP_NONE);
    const pqi_mqtt_stats stats = pqi_host_mqtt_get_stats(pqi_host_node_mqtt(c.control->link));
    assert_int_equal(stats.dropped_in, 1);

    uint64_t rng = 88172645463325252u;
    for (int i = 0; i < 3000; i++) {
        char topic[64];
        uint8_t noise[300];
        for (size_t k = 0; k < sizeof noise; k++) {
            noise[k] = (uint8_t)dice(&rng);
        }
        memcpy(noise, pump.p, (size_t)(i % 4) * 8u); /* some begin well */
        (void)snprintf(topic, sizeof topic, "pq/4/k/g-%d", i);
        eve_says(c.s, topic, (pqi_cspan){noise, sizeof noise}, 1, i % 2);
        (void)stage_turn(c.s);
        if (i % 500 == 499) {
            serves(&c, i < 500 ? "during 1" : i < 1000 ? "during 2" : "during more");
            c.control->n_heard = 0;
        }
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_DECODE, 3000, PQI_DROP_NONE);
    assert_int_equal(peers_of(c.control), 1);
    assert_int_equal(peers_of(c.pump), 1);
    assert_true(asymmetric(c.control) == work + 2 * 6); /* the six genuine messages */
    station_on(c.s, c.late);                            /* meets 1500 retained ones */
    dropped(c.late, PQI_DROP_DECODE, 1500, PQI_DROP_NONE);
    assert_int_equal(peers_of(c.late), 2);
    stage_free(c.s);
}

/* Where the issuer is named in an announcement: its kid, 8 bytes. */
static void issuer_of(pqi_cspan ann, uint8_t kid[PQI_KID_LEN])
{
    pqi_algs algs;
    pqi_announcement a;
    pqi_cert cert;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    assert_int_equal(pqi_announce_decode(ann, &a), PQI_OK);
    assert_int_equal(pqi_cert_decode(&algs, a.cert, &cert), PQI_OK);
    memcpy(kid, cert.issuer_kid, PQI_KID_LEN);
}

/* Lets it name another issuer, in the header and in the payload of the certificate. */
static void claim_issuer(uint8_t *ann, size_t len, const uint8_t kid[PQI_KID_LEN])
{
    uint8_t own[PQI_KID_LEN];
    unsigned found = 0;
    issuer_of((pqi_cspan){ann, len}, own);
    for (size_t i = 0; i + PQI_KID_LEN <= len; i++) {
        if (memcmp(ann + i, own, PQI_KID_LEN) == 0) {
            memcpy(ann + i, kid, PQI_KID_LEN);
            found++;
        }
    }
    assert_int_equal(found, 2);
}

/* INV-71, INV-72, INV-97: announcements under another CA cost nothing; those that claim to be of our
 * issuer cost signature checks up to the common budget, then nothing; known peers are served and
 * may repeat themselves. */
static void costly_announcements(void **state)
{
    (void)state;
    cast c = cast_new();
    station_off(c.control);
    c.control->limits.announce = (pqi_rate){1, 5};
    station_on(c.s, c.control);
    rogue *r = rogue_new("ghost");
    const uint64_t checks = c.control->verifies;
    for (int i = 0; i < 300; i++) {
        eve_says(c.s, "pq/4/k/ghost", (pqi_cspan){r->announcement, r->len}, 1, 0);
        (void)stage_turn(c.s);
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_CERT, 300, PQI_DROP_NONE);
    assert_true(c.control->verifies == checks);
    uint8_t kid[PQI_KID_LEN];
    issuer_of(packet_span(caught_on(c.s, "pq/4/k/pump")), kid);
    claim_issuer(r->announcement, r->len, kid);
    for (int i = 0; i < 300; i++) {
        eve_says(c.s, "pq/4/k/ghost", (pqi_cspan){r->announcement, r->len}, 1, 0);
        (void)stage_turn(c.s);
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_CERT, 5, PQI_DROP_BUDGET, 295, PQI_DROP_NONE);
    assert_true(c.control->verifies <= checks + 5);
    assert_int_equal(peers_of(c.control), 1);
    const packet pump = *caught_on(c.s, "pq/4/k/pump");
    eve_says(c.s, "pq/4/k/pump", packet_span(&pump), 1, 0);
    serves(&c, "costly");
    silent(c.control);
    rogue_free(r);
    stage_free(c.s);
}

/* ---- revocations ------------------------------------------------------------------------------- */

/* The whole log, after one more revocation; from 1: what was added to its first entry. */
static blob log_of(fleet *f, const char *revoke, uint32_t from)
{
    blob b = {calloc(1, PQI_REVOCATIONS_MAX), 0};
    assert_non_null(b.p);
    pqi_host_ca *ca = NULL;
    uint64_t seq = 0;
    assert_int_equal(pqi_host_ca_open(&ca, &f->ca_cfg), PQI_OK);
    if (revoke != NULL) {
        assert_int_equal(pqi_host_ca_revoke(ca, text_of(revoke), 0, 1, &seq), PQI_OK);
    }
    const pqi_span room = {b.p, PQI_REVOCATIONS_MAX};
    assert_int_equal(pqi_host_ca_revocations_from(ca, from, room, &b.len), PQI_OK);
    pqi_host_ca_close(ca);
    return b;
}

/* A copy of pump's disk and keys, which never listens to the broker. */
static pqi_host_device *steal(cast *c, char dir[128])
{
    pqi_host_device *d = NULL;
    (void)snprintf(dir, 128, "%s/thief", c->s->f.top);
    station_off(c->pump);
    tree_copy(c->pump->n.dir, dir);
    pqi_host_device_cfg cfg = c->pump->n.cfg;
    cfg.dir = dir;
    const pqi_now now = pqi_host_now();
    assert_int_equal(pqi_host_device_open(&d, &cfg, &now), PQI_OK);
    station_on(c->s, c->pump);
    return d;
}

static void thief_says(cast *c, pqi_host_device *thief, const char *text)
{
    static uint8_t out[PQI_V1_PACKET_MAX];
    size_t len = 0;
    const pqi_now now = pqi_host_now();
    const pqi_outbound m = {.peer = text_of("control"),
        .topic = text_of("plant/pump/a"),
        .payload = text_of(text),
        .cls = PQI_CLASS_L};
    assert_int_equal(pqi_endpoint_send(pqi_host_device_endpoint(thief), &now, &m,
                         (pqi_span){out, sizeof out}, &len),
        PQI_OK);
    eve_says(c->s, "plant/pump/a", (pqi_cspan){out, len}, 1, 0);
    stage_settle(c->s);
}

static void eve_revokes(cast *c, const blob *list, int retain)
{
    eve_says(c->s, PQI_TOPIC_REVOCATIONS, blob_span(list), 1, retain);
    stage_settle(c->s);
}

/* Logs that are none: altered anywhere, another CA's that is longer. */
static void forged_logs(void **state)
{
    (void)state;
    cast c = cast_new();
    rogue *r = rogue_new("pump");
    blob list = log_of(&c.s->f, "pump", 0);
    blob other = log_of(&r->f, "pump", 0);
    for (size_t i = list.len - 64; i < list.len; i++) {
        list.p[i] ^= 1;
        eve_says(c.s, PQI_TOPIC_REVOCATIONS, blob_span(&list), 1, 1);
        list.p[i] ^= 1;
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_SIGNATURE, 64, PQI_DROP_NONE);
    eve_revokes(&c, &other, 1);
    dropped(c.control, PQI_DROP_SIGNATURE, 1, PQI_DROP_NONE);
    int n = 0;
    for (size_t len = 0; len < list.len; len += 97) {
        eve_says(c.s, PQI_TOPIC_REVOCATIONS, (pqi_cspan){list.p, len}, 1, 0);
        n++;
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_DECODE, n, PQI_DROP_NONE);
    assert_int_equal(c.control->revocations, 0);
    assert_int_equal(c.pump->revocations, 0);
    serves(&c, "not revoked");
    blob_free(&list);
    blob_free(&other);
    rogue_free(r);
    stage_free(c.s);
}

/* Is it revoked itself? */
static int is_out(const pqi_endpoint *e)
{
    return pqi_ctl_is_revoked(&e->ctl, e->cert.roster_index, e->cert.key_epoch) != 0;
}

/* INV-68: what was added arrives on its own topic at once; before the first log it is a gap, and the retained
 * log fills it, also for who comes later. */
static void gaps_and_retained(void **state)
{
    (void)state;
    cast c = cast_new();
    blob first = log_of(&c.s->f, "pump", 0);
    blob both = log_of(&c.s->f, "late", 0), news = log_of(&c.s->f, NULL, 1);
    eve_says(c.s, PQI_TOPIC_REV_DELTA, blob_span(&news), 1, 0);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_GAP, 1, PQI_DROP_NONE);
    assert_int_equal(c.control->revocations, 0);
    eve_revokes(&c, &first, 1);
    assert_int_equal(c.control->revocations, 1);
    eve_says(c.s, PQI_TOPIC_REV_DELTA, blob_span(&news), 1, 0);
    stage_settle(c.s);
    assert_int_equal(c.control->revocations, 2);
    eve_revokes(&c, &both, 1);
    eve_revokes(&c, &first, 0);
    dropped(c.control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
    assert_int_equal(c.control->revocations, 2);
    assert_true(peer_of(c.control, "pump")->revoked);
    station_on(c.s, c.late);
    assert_int_equal(c.late->revocations, 1);
    assert_int_equal(endpoint_of(c.late)->ctl.rev.seq, 2);
    assert_true(is_out(endpoint_of(c.late)));
    blob_free(&first);
    blob_free(&both);
    blob_free(&news);
    stage_free(c.s);
}

/* INV-42, INV-31: the genuine log cuts pump off, the honest one and the thief's copy; an older one brings
 * nobody back, over restarts, and newcomers do not learn the revoked device. */
static void revoked_by_the_ca(void **state)
{
    (void)state;
    cast c = cast_new();
    char dir[128];
    blob old = log_of(&c.s->f, NULL, 0);
    eve_revokes(&c, &old, 0);
    pqi_host_device *thief = steal(&c, dir);
    thief_says(&c, thief, "a copy"); /* stolen keys are keys: until the CA says so */
    assert_int_equal(heard(c.control, "a copy"), 1);
    silent(c.control);

    blob list = log_of(&c.s->f, "pump", 0);
    eve_revokes(&c, &list, 1);
    assert_int_equal(c.control->revocations, 1); /* an empty log is no news */
    for (int life = 0; life < 2; life++) {
        assert_true(peer_of(c.control, "pump")->revoked);
        assert_int_equal(say(c.pump, "control", "plant/pump/a", "honest", 1), PQI_ERR_POLICY);
        assert_int_equal(say(c.control, "pump", "plant/control/a", "x", 1), PQI_ERR_POLICY);
        thief_says(&c, thief, "thief");
        dropped(c.control, PQI_DROP_REVOKED, 1, PQI_DROP_NONE);
        eve_revokes(&c, &old, 0);
        dropped(c.control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
        eve_revokes(&c, &list, 0); /* the same again says nothing */
        silent(c.control);
        station_crash(c.control);
        station_on(c.s, c.control);
        station_off(c.pump);
        station_on(c.s, c.pump);
        /* The announcement it makes at connecting is no way back. */
        assert_true(peer_of(c.control, "pump")->revoked);
        memset(c.control->drops, 0, sizeof c.control->drops);
        memset(endpoint_of(c.control)->drops, 0, sizeof endpoint_of(c.control)->drops);
        c.control->fence_drops = 0;
    }
    assert_int_equal(heard(c.control, "thief") + heard(c.control, "honest"), 0);
    station_on(c.s, c.late);
    assert_int_equal(c.late->revocations, 1);
    dropped(c.late, PQI_DROP_REVOKED, 1, PQI_DROP_NONE);
    assert_int_equal(peers_of(c.late), 1);
    assert_int_equal(say(c.late, "control", "plant/late/a", "others work", 1), PQI_OK);
    stage_settle(c.s);
    assert_int_equal(heard(c.control, "others work"), 1);
    pqi_host_device_close(thief);
    blob_free(&list);
    blob_free(&old);
    stage_free(c.s);
}

/* INV-75: a broker that says it takes no packet as long as an announcement ends nobody's loop. */
/* Up to the event that it is connected. */
static pqi_mqtt_stats comes_online(stage *s, station *t, uint8_t policy_flags)
{
    const pqi_now now = pqi_host_now();
    assert_int_equal(pqi_host_device_open(&t->dev, &t->n.cfg, &now), PQI_OK);
    const pqi_host_mqtt_cfg mqtt = {.port = (uint16_t)s->b.port, .version = 5};
    const pqi_host_node_cfg cfg = {.device = t->dev, .mqtt = &mqtt};
    assert_int_equal(pqi_host_node_open(&t->link, &cfg), PQI_OK);
    endpoint_of(t)->ctl.policy.rules.flags |= policy_flags;
    int online = 0;
    for (int i = 0; i < 400 && !online; i++) {
        pqi_node_event ev;
        assert_int_equal(pqi_host_node_poll(t->link, 20, &ev), PQI_OK);
        online = ev.kind == PQI_NODE_ONLINE;
    }
    assert_true(online);
    return pqi_host_mqtt_get_stats(pqi_host_node_mqtt(t->link));
}

static void goes(station *t)
{
    pqi_host_node_close(t->link);
    pqi_host_device_close(t->dev);
    t->link = NULL;
    t->dev = NULL;
}

static void a_broker_that_takes_little(void **state)
{
    (void)state;
    stage *s = stage_new("allow_anonymous true\nmax_packet_size 600");
    station *t = stage_device(s, "pump");
    assert_int_equal(comes_online(s, t, 0).dropped_out, 1);
    goes(t);
    stage_free(s);
}

/* Where the policy asks for rosters, a device that has no proof yet does not put its announcement in the place of one
 * that may have it; but it is announced in the end. */
static void no_proof_yet(void **state)
{
    (void)state;
    stage *s = stage_new(NULL);
    station *t = stage_device(s, "pump");
    assert_int_equal(comes_online(s, t, 0).sent, 1);
    goes(t);
    assert_int_equal(comes_online(s, t, PQI_POLICY_ROSTER).sent, 0);
    for (int i = 0; i < 400 && pqi_host_mqtt_get_stats(pqi_host_node_mqtt(t->link)).sent == 0;
         i++) {
        pqi_node_event ev;
        assert_int_equal(pqi_host_node_poll(t->link, 20, &ev), PQI_OK);
    }
    assert_int_equal(pqi_host_mqtt_get_stats(pqi_host_node_mqtt(t->link)).sent, 1);
    goes(t);
    stage_free(s);
}

PQI_TEST_MAIN(cmocka_unit_test(a_broker_that_takes_little), cmocka_unit_test(no_proof_yet),
    cmocka_unit_test(replaced_by_another_ca), cmocka_unit_test(older_keys_announced),
    cmocka_unit_test(under_another_id), cmocka_unit_test(deleted),
    cmocka_unit_test(garbage_under_many_ids), cmocka_unit_test(costly_announcements),
    cmocka_unit_test(forged_logs), cmocka_unit_test(gaps_and_retained),
    cmocka_unit_test(revoked_by_the_ca))
