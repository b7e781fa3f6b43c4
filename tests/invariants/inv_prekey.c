/* SPDX-License-Identifier: Apache-2.0
 * Prekeys: made, announced, used, replaced, deleted for good; docs/spec/prekeys.md. */
#include "support/fleet.h"

#include "proto/mqtt/announce.h"
#include "session/prekey.h"

#define PERIOD 16800u /* seconds; ages are stored 100 s ahead */
#define AHEAD  100u

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3, .period = PERIOD};

typedef struct pair {
    dev *pump, *ctl;
    msg m, n, old;
} pair;

static pair *pair_new(void)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pump = dev_new(&spec_pump);
    t->ctl = dev_new(&spec_ctl);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    dev_meet(t->pump, t->ctl);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->pump);
    dev_free(t->ctl);
    free(t);
}

static const pqi_peer *ctl_of(const pair *t)
{
    return pqi_endpoint_peer(&t->pump->ep, text_of("control"));
}

static void tell(pair *t) /* the pump learns what control announces now */
{
    t->pump->now.mono_ms += 20000; /* its budget for one peer's announcements */
    dev_announce(t->ctl, &t->n);
    assert_int_equal(dev_receive(t->pump, &t->n), PQI_EV_PEER);
}

static void send(pair *t, const char *text, msg *m)
{
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", text, m), PQI_OK);
}

static void pass(dev *d, uint64_t s) /* uptime and, where there is one, the wall clock */
{
    d->now.mono_ms += s * 1000u;
    d->now.unix_s += d->now.unix_s != 0 ? s : 0;
}

static unsigned prekey_handles(const dev *d)
{
    unsigned n = 0;
    for (size_t i = 0; i < FAKE_KEYS; i++) {
        n += d->prov.keys[i].handle >= PQI_HANDLE_PREKEY_BASE;
    }
    return n;
}

/* The newest prekey is used, the packet opens once, also after restarts of both. */
static void made_and_used(void **state)
{
    (void)state;
    pair *t = pair_new();
    const pqi_peer *p = ctl_of(t);
    assert_int_equal(p->prekey.epoch, 1);
    assert_true(p->prekey.until == t->ctl->now.unix_s + 3u * PERIOD);
    assert_memory_not_equal(p->prekey.kem_pk, p->kem_pk, 32);
    assert_memory_equal(p->prekey.id, t->ctl->ep.prekeys[0].id, PQI_KID_LEN);
    for (int life = 0; life < 3; life++) {
        send(t, "hello", &t->m);
        assert_int_equal(t->m.b[0], PQI_V1_T_PREKEY);
        assert_memory_equal(t->m.b + 12, t->ctl->ep.prekeys[0].id, PQI_KID_LEN);
        dev_expect(t->ctl, &t->m, "hello");
        assert_int_equal(t->ctl->ev.prekey, 1);
        dev_refuses(t->ctl, &t->m, PQI_DROP_REPLAY);
        assert_int_equal(dev_prekeys(t->ctl), 0);
        pqi_endpoint_close(&t->ctl->ep);
        pqi_endpoint_close(&t->pump->ep);
        assert_int_equal(dev_open(t->ctl), PQI_OK);
        assert_int_equal(dev_open(t->pump), PQI_OK);
        dev_refuses(t->ctl, &t->m, PQI_DROP_REPLAY);
        dev_announce(t->ctl, &t->n); /* the same announcement in the next life */
        assert_int_equal(dev_receive(t->pump, &t->n), PQI_EV_NONE);
    }
    /* The other way there is no prekey. */
    assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "hi", &t->m), PQI_OK);
    assert_int_equal(t->m.b[0], PQI_V1_T);
    dev_expect(t->pump, &t->m, "hi");
    assert_int_equal(t->pump->ev.prekey, 0);
    pair_free(t);
}

/* The sender's policy. */
static void by_policy(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->pump->spec.use = PQI_PREKEY_NEVER;
    assert_int_equal(dev_open(t->pump), PQI_OK);
    send(t, "x", &t->m);
    assert_int_equal(t->m.b[0], PQI_V1_T);
    t->pump->spec.use = PQI_PREKEY_REQUIRE;
    assert_int_equal(dev_open(t->pump), PQI_OK);
    send(t, "x", &t->m);
    assert_int_equal(t->m.b[0], PQI_V1_T_PREKEY);
    dev_expect(t->ctl, &t->m, "x");
    /* Past what the recipient promised, by the sender's clock; the recipient alone knows better. */
    t->pump->now.unix_s = ctl_of(t)->prekey.until;
    send(t, "x", &t->m);
    t->pump->now.unix_s++;
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &t->m), PQI_ERR_MISSING);
    t->pump->spec.use = PQI_PREKEY_PREFER;
    assert_int_equal(dev_open(t->pump), PQI_OK);
    send(t, "x", &t->m);
    assert_int_equal(t->m.b[0], PQI_V1_T);
    t->pump->now.unix_s = 0; /* without a clock: what is newest */
    send(t, "x", &t->m);
    assert_int_equal(t->m.b[0], PQI_V1_T_PREKEY);
    pair_free(t);
}

/* New after one period, gone after three; what is gone is dropped before any key is used. */
static void rotation(void **state)
{
    (void)state;
    pair *t = pair_new();
    send(t, "old", &t->old);
    pass(t->ctl, PERIOD - 1u);
    assert_int_equal(dev_prekeys(t->ctl), 0);
    uint32_t ann = t->ctl->ep.ann_epoch;
    for (unsigned i = 2; i <= 6; i++) {
        pass(t->ctl, i == 2 ? 1u : PERIOD);
        assert_int_equal(dev_prekeys(t->ctl), 1);
        assert_int_equal(t->ctl->ep.ann_epoch, ++ann);
        tell(t);
        assert_int_equal(ctl_of(t)->prekey.epoch, i);
        assert_int_equal(t->ctl->ep.n_prekeys, i < 3 ? i : 3);
        assert_int_equal(prekey_handles(t->ctl), 2u * t->ctl->ep.n_prekeys);
        send(t, "new", &t->m);
        dev_expect(t->ctl, &t->m, "new");
        if (i == 3) {
            dev_expect(t->ctl, &t->old, "old");
            send(t, "third", &t->old);
        } else if (i == 6) {
            uint64_t calls = t->ctl->prov.calls;
            fleet_verifies = 0;
            dev_refuses(t->ctl, &t->old, PQI_DROP_PREKEY);
            assert_true(t->ctl->prov.calls == calls && fleet_verifies == 0);
        }
    }
    /* By time alone, before anybody cleaned up. */
    send(t, "last", &t->m);
    pass(t->ctl, 3u * PERIOD);
    dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    assert_int_equal(t->ctl->ep.n_prekeys, 1);
    assert_int_equal(prekey_handles(t->ctl), 2);
    pair_free(t);
}

/* Can the holder of this provider open the packet with any keys in it? */
static int opens(const pair *t, fake_provider *stolen, const msg *m)
{
    pqi_v1_packet k;
    static uint8_t plain[PQI_V1_PACKET_MAX];
    assert_int_equal(pqi_v1_parse(&t->ctl->f->algs, (pqi_cspan){m->b, m->len}, &k), PQI_OK);
    for (size_t i = 0; i < FAKE_KEYS; i++) {
        for (size_t j = 0; j < FAKE_KEYS; j++) {
            const fake_key *a = &stolen->keys[i], *b = &stolen->keys[j];
            if (a->handle == 0 || b->handle == 0 || a->kind != PQI_KEY_KEM ||
                b->kind != PQI_KEY_X25519) {
                continue;
            }
            const pqi_v1_ends e = {text_of("pump-1"), text_of("control"), text_of(m->topic),
                {{a->pk, a->pk_len}, {b->pk, b->pk_len}}, NULL,
                {t->ctl->ep.cert.key_id, PQI_KEY_ID_LEN}};
            size_t n = k.ct.len - PQI_AEAD_TAG;
            if (pqi_v1_open(&t->ctl->f->algs, &stolen->base, a->handle, b->handle, &k, &e,
                    (pqi_span){plain, n}) == PQI_OK) {
                return 1;
            }
        }
    }
    return 0;
}

/* Whoever takes everything after the deletion cannot open what was recorded before; taken earlier it can,
 * which shows that the search would find the keys. */
static void stolen_state(void **state)
{
    (void)state;
    pair *t = pair_new();
    static fake_provider before, after;
    send(t, "secret", &t->old);
    dev_expect(t->ctl, &t->old, "secret");
    memcpy(&before, &t->ctl->prov, sizeof before);
    for (int i = 0; i < 3; i++) {
        pass(t->ctl, PERIOD);
        assert_int_equal(dev_prekeys(t->ctl), 1);
    }
    memcpy(&after, &t->ctl->prov, sizeof after);
    before.base.ops = after.base.ops = t->ctl->prov.base.ops;
    before.power = after.power = NULL;
    assert_true(opens(t, &before, &t->old));
    assert_false(opens(t, &after, &t->old));
    pair_free(t);
}

/* Uptime counts over clean stops exactly, and over crashes at most AHEAD too much each: never too little. */
static void uptime_without_clock(void **state)
{
    (void)state;
    pair *t = pair_new();
    for (int clean = 0; clean < 2; clean++) {
        t->ctl->now.unix_s = 0;
        uint64_t up = 0, lives = 0;
        pass(t->ctl, 3u * PERIOD); /* a new one, of which we know the birth */
        assert_int_equal(dev_prekeys(t->ctl), 1);
        const uint32_t epoch = t->ctl->ep.prekeys[0].epoch;
        while (t->ctl->ep.n_prekeys != 0 && t->ctl->ep.prekeys[0].epoch == epoch) {
            pass(t->ctl, 90);
            up += 90;
            (void)dev_prekeys(t->ctl);
            if (up % 1890 == 0) { /* where a step is not stored yet */
                if (clean) {
                    pqi_endpoint_close(&t->ctl->ep);
                }
                t->ctl->now.mono_ms = 77; /* another life's clock */
                assert_int_equal(dev_open(t->ctl), PQI_OK);
                lives++;
            }
            assert_true(up <= 3u * PERIOD + 180u);
        }
        uint64_t most = clean ? 180u : lives * 2u * AHEAD + 180u;
        assert_true(up + most >= 3u * PERIOD);
    }
    pair_free(t);
}

/* The wall clock ends a prekey earlier, never later; an early end is final. */
static void wall_clock_tightens(void **state)
{
    (void)state;
    pair *t = pair_new();
    const uint64_t real = t->ctl->now.unix_s;
    send(t, "x", &t->m);
    t->ctl->now.mono_ms += 3000u * PERIOD; /* a clock that stands still is no younger uptime */
    t->ctl->now.unix_s = real + 1u;
    dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
    t->ctl->now.mono_ms -= 3000u * PERIOD;
    t->ctl->now.unix_s = real + 3u * PERIOD; /* asleep without uptime, or somebody set the clock */
    dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    t->ctl->now.unix_s = real;
    dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
    /* Made under a clock that ran ahead: the uptime counts, and the right clock from when it is seen. */
    uint32_t epoch = t->ctl->ep.prekey_last;
    pass(t->ctl, 1000);
    assert_int_equal(dev_prekeys(t->ctl), 0);
    assert_true(t->ctl->ep.prekeys[0].made_s <= real);
    for (uint64_t back = 0; back < 4; back++) {
        t->ctl->now.unix_s = 1000 + back; /* always young, says the clock */
        t->ctl->now.mono_ms += PERIOD * 1000u;
        (void)dev_prekeys(t->ctl);
    }
    for (uint32_t i = 0; i < t->ctl->ep.n_prekeys; i++) {
        assert_true(t->ctl->ep.prekeys[i].epoch > epoch);
    }
    /* A clock that comes later counts from then on. */
    t->ctl->now.unix_s = 0;
    pass(t->ctl, 3u * PERIOD);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    assert_true(t->ctl->ep.prekeys[0].made_s == 0 && t->ctl->ep.prekeys[0].until == 0);
    t->ctl->now.unix_s = real;
    assert_int_equal(dev_prekeys(t->ctl), 0);
    t->ctl->now.unix_s = real + PERIOD;
    assert_int_equal(dev_prekeys(t->ctl), 1);
    pair_free(t);
}

/* INV-102, INV-11: power is lost at each durable operation of making and deleting, in each variant. What was
 * announced always opens, no key is left that no record names, no epoch stands for two prekeys. */
static void crashes(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < CUT_MODES_; mode++) {
        for (unsigned kept = 0; kept < 2; kept++) {
            for (uint64_t at = 1, more = 1; more; at++) {
                pair *t = pair_new();
                for (unsigned i = 0; i < 2; i++) { /* three live ones */
                    pass(t->ctl, PERIOD);
                    assert_int_equal(dev_prekeys(t->ctl), 1);
                }
                tell(t);
                send(t, "announced", &t->old);
                const pqi_own_prekey newest = t->ctl->ep.prekeys[2];
                pass(t->ctl, kept ? PERIOD : 3u * PERIOD);
                t->ctl->power = (test_power){.cut_at = at, .mode = (cut_mode)mode};
                int again = 0;
                pqi_status st = pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, &again);
                more = st != PQI_OK;
                t->ctl->power = (test_power){0};
                assert_int_equal(dev_open(t->ctl), PQI_OK);
                (void)dev_prekeys(t->ctl);
                const pqi_endpoint *e = &t->ctl->ep;
                assert_true(e->n_prekeys >= 1 && e->n_prekeys <= 3);
                assert_int_equal(prekey_handles(t->ctl), 2u * e->n_prekeys);
                assert_true(e->prekeys[e->n_prekeys - 1].epoch > newest.epoch);
                if (kept) {
                    dev_expect(t->ctl, &t->old, "announced");
                } else {
                    dev_refuses(t->ctl, &t->old, PQI_DROP_PREKEY);
                }
                tell(t);
                send(t, "after", &t->m);
                dev_expect(t->ctl, &t->m, "after");
                pair_free(t);
            }
        }
    }
}

/* A write of which nobody knows whether it arrived, then a crash at any point of the next attempt: what is
 * announced afterwards opens. The record may name a prekey whose keys were given up. */
static void unsure_write(void **state)
{
    (void)state;
    for (uint64_t first = 1, more = 1; more; first++) {
        for (uint64_t at = 1, cut = 1; cut; at++) {
            pair *t = pair_new();
            int again = 0;
            pass(t->ctl, PERIOD);
            t->ctl->power = (test_power){.cut_at = first, .mode = CUT_COMPLETE, .one_shot = 1};
            more = pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, &again) != PQI_OK;
            t->ctl->power = (test_power){.cut_at = at};
            cut = pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, &again) != PQI_OK;
            t->ctl->power = (test_power){0};
            assert_int_equal(dev_open(t->ctl), PQI_OK);
            (void)dev_prekeys(t->ctl);
            tell(t);
            send(t, "after", &t->m);
            assert_int_equal(t->m.b[0], PQI_V1_T_PREKEY);
            dev_expect(t->ctl, &t->m, "after");
            pair_free(t);
        }
    }
}

/* A full disk: nothing is announced that is not stored, what is over is not used, and it heals. */
static void disk_full(void **state)
{
    (void)state;
    pair *t = pair_new();
    send(t, "x", &t->m);
    pass(t->ctl, 3u * PERIOD);
    uint32_t epoch = t->ctl->ep.prekey_last;
    t->ctl->nvm.room = 16;
    for (int i = 0; i < 3; i++) {
        int again = 0;
        assert_int_not_equal(pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, &again), PQI_OK);
        assert_int_equal(again, 0);
        dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
        assert_int_equal(t->ctl->ep.prekey_last, epoch);
    }
    t->ctl->nvm.room = 0;
    assert_int_equal(dev_prekeys(t->ctl), 1);
    assert_int_equal(prekey_handles(t->ctl), 2);
    tell(t);
    send(t, "y", &t->m);
    dev_expect(t->ctl, &t->m, "y");
    pair_free(t);
}

/* Each call of the provider fails once, while prekeys are replaced and while a packet is opened: nothing is
 * announced or delivered on credit, and the next call mends it. */
static void provider_fails(void **state)
{
    (void)state;
    for (uint64_t at = 1, more = 1; more; at++) {
        pair *t = pair_new();
        pass(t->ctl, 3u * PERIOD);
        int again = 0;
        t->ctl->prov.fail_at = t->ctl->prov.calls + at;
        pqi_status st = pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, &again);
        more = st != PQI_OK;
        t->ctl->prov.fail_at = 0;
        assert_true(again + dev_prekeys(t->ctl) == 1); /* told once, whatever failed */
        assert_int_equal(prekey_handles(t->ctl), 2);
        tell(t);
        send(t, "x", &t->m);
        dev_expect(t->ctl, &t->m, "x");
        pair_free(t);
    }
    pair *t = pair_new();
    for (uint64_t at = 1, more = 1; more; at++) {
        send(t, "x", &t->m);
        t->ctl->prov.fail_at = t->ctl->prov.calls + at;
        more = dev_receive(t->ctl, &t->m) != PQI_EV_MESSAGE;
        t->ctl->prov.fail_at = 0;
        if (more) {
            assert_int_equal(t->ctl->ev.drop, PQI_DROP_STATE);
            assert_int_equal(t->ctl->ev.plain.len, 0);
            t->ctl->now.mono_ms += 10000; /* the budget of the checks that came to nothing */
            dev_expect(t->ctl, &t->m, "x");
        }
    }
    pair_free(t);
}

/* INV-8, INV-10: an old record put back, or deleted, does not bring a prekey back: no start. */
static void record_rollback(void **state)
{
    (void)state;
    pair *t = pair_new();
    fake_nvm old = {0};
    fake_nvm keep = {0};
    fake_nvm_copy(&old, &t->ctl->nvm);
    pass(t->ctl, PERIOD);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    fake_nvm_copy(&keep, &t->ctl->nvm);
    for (unsigned k = 0; k < 2; k++) {
        fake_nvm_erase(&t->ctl->nvm, "prekeys", k);
    }
    assert_int_equal(dev_open(t->ctl), PQI_ERR_ROLLBACK);
    fake_nvm_copy(&t->ctl->nvm, &keep);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    fake_nvm_copy(&t->ctl->nvm, &old);
    assert_int_equal(dev_open(t->ctl), PQI_ERR_ROLLBACK);
    fake_nvm_free(&old);
    fake_nvm_free(&keep);
    pair_free(t);
}

/* Another certificate: the prekeys of the old one go at once, numbers go on. No prekeys wanted any more: the
 * same, and the announcement is another one. */
static void new_certificate(void **state)
{
    (void)state;
    pair *t = pair_new();
    send(t, "x", &t->m);
    t->ctl->spec.epoch = 2;
    t->ctl->cert_len = fleet_cert(t->ctl->f, &t->ctl->prov, &t->ctl->spec, t->ctl->cert);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(t->ctl->ep.n_prekeys, 0);
    dev_refuses(t->ctl, &t->m, PQI_DROP_PREKEY);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    assert_int_equal(t->ctl->ep.prekeys[0].epoch, 2);
    assert_int_equal(prekey_handles(t->ctl), 2);
    tell(t);
    dev_announce(t->pump, &t->n);
    (void)dev_receive(t->ctl, &t->n);
    send(t, "y", &t->m);
    dev_expect(t->ctl, &t->m, "y");
    t->ctl->spec.period = 0;
    pqi_endpoint_close(&t->ctl->ep); /* so that no number is skipped */
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    assert_int_equal(prekey_handles(t->ctl), 0);
    assert_int_equal(dev_prekeys(t->ctl), 0);
    tell(t);
    assert_int_equal(ctl_of(t)->prekey.epoch, 0);
    send(t, "z", &t->m);
    assert_int_equal(t->m.b[0], PQI_V1_T);
    dev_expect(t->ctl, &t->m, "z");
    /* Without a signing key there are none: nobody could believe them. */
    t->ctl->spec.period = PERIOD;
    t->ctl->spec.kem_only = 1;
    t->ctl->spec.epoch = 3;
    t->ctl->cert_len = fleet_cert(t->ctl->f, &t->ctl->prov, &t->ctl->spec, t->ctl->cert);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_prekeys(t->ctl), 0);
    assert_int_equal(prekey_handles(t->ctl), 0);
    pair_free(t);
}

/* INV-99, INV-37, INV-91: type, prekey and topic are bound; nothing asymmetric runs for what is altered. */
static void bound(void **state)
{
    (void)state;
    pair *t = pair_new();
    pass(t->ctl, PERIOD);
    assert_int_equal(dev_prekeys(t->ctl), 1);
    send(t, "one", &t->m); /* to the first */
    uint64_t decrypts = t->ctl->prov.count[FAKE_DECRYPT], publics = t->ctl->prov.count[FAKE_PUBLIC];
    fleet_verifies = 0;
    t->n = t->m;
    memcpy(t->n.b + 12, t->ctl->ep.prekeys[1].id, PQI_KID_LEN);
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    t->n = t->m;
    t->n.b[0] = PQI_V1_T;
    dev_refuses(t->ctl, &t->n, PQI_DROP_NOT_FOR_US);
    memcpy(t->n.b + 12, t->ctl->ep.cert.key_id, PQI_KID_LEN);
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    t->n.b[0] = PQI_V1_T_PREKEY;
    dev_refuses(t->ctl, &t->n, PQI_DROP_PREKEY);
    t->n = t->m;
    memcpy(t->n.topic, "plant/pump-1/x", 15);
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    for (size_t i = 0; i < t->m.len; i++) {
        t->n = t->m;
        t->n.b[i] ^= (uint8_t)(1u << (i % 8));
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
    }
    assert_true(t->ctl->prov.count[FAKE_DECRYPT] == decrypts && fleet_verifies == 0);
    assert_true(t->ctl->prov.count[FAKE_PUBLIC] == publics);
    dev_expect(t->ctl, &t->m, "one");
    pair_free(t);
}

/* An announcement of the body in m with another prekey block, signed by d or not. */
static void announce_block(dev *d, uint8_t sign, pqi_cspan block, msg *m)
{
    size_t body = 0, n = 0;
    memset(m->topic, 0, sizeof m->topic);
    pqi_endpoint_announce_topic(&d->ep, m->topic);
    assert_int_equal(pqi_ann_body(sign, d->ep.ann_epoch, (pqi_cspan){d->cert, d->cert_len}, block,
                         (pqi_span){m->b, FLEET_ROOM}, &body),
        PQI_OK);
    if (sign) {
        pqi_ann_signed s;
        pqi_ann_parts(text_of(m->topic), (pqi_cspan){m->b, body}, &s);
        assert_int_equal(pqi_provider_sign(&d->prov.base, 3, pqi_ann_domain, s.parts, PQI_ANN_PARTS,
                             (pqi_span){m->b + body + 2, 2420}, &n),
            PQI_OK);
    }
    m->b[body] = (uint8_t)(n >> 8);
    m->b[body + 1] = (uint8_t)n;
    m->len = body + 2 + n;
}

/* INV-25: blocks that nobody signed, that are not the one encoding, or that go back. */
static void announced(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->pump->limits.announce = t->pump->limits.announce_peer = (pqi_rate){0, 1000};
    assert_int_equal(dev_open(t->pump), PQI_OK);
    static uint8_t b[PQI_PREKEY_BLOCK_MAX + 1], pk[PQI_KEM_MAX_PK] = {9};
    size_t len = 0;
    pqi_prekey_block block = {7, 0, {pk, 800}, {pk, PQI_X25519_LEN}};
    assert_int_equal(pqi_prekey_write(&block, (pqi_span){b, sizeof b}, &len), PQI_OK);
    announce_block(t->ctl, 0, (pqi_cspan){b, len}, &t->n);
    dev_refuses(t->pump, &t->n, PQI_DROP_DECODE);
    announce_block(t->ctl, PQI_ANN_SIGNED, (pqi_cspan){b, len}, &t->m);
    t->n = t->m;
    t->n.b[10 + t->ctl->cert_len + 20] ^= 1; /* in the key */
    dev_refuses(t->pump, &t->n, PQI_DROP_SIGNATURE);
    announce_block(t->ctl, PQI_ANN_SIGNED, (pqi_cspan){b, len + 1}, &t->n);
    dev_refuses(t->pump, &t->n, PQI_DROP_DECODE);
    announce_block(t->ctl, PQI_ANN_SIGNED, (pqi_cspan){b, len - 1}, &t->n);
    dev_refuses(t->pump, &t->n, PQI_DROP_DECODE);
    block.kem_pk.len = 801;
    assert_int_equal(pqi_prekey_write(&block, (pqi_span){b, sizeof b}, &len), PQI_OK);
    announce_block(t->ctl, PQI_ANN_SIGNED, (pqi_cspan){b, len}, &t->n);
    dev_refuses(t->pump, &t->n, PQI_DROP_DECODE);
    block.kem_pk.len = 800;
    block.epoch = 0;
    assert_int_equal(pqi_prekey_write(&block, (pqi_span){b, sizeof b}, &len), PQI_OK);
    announce_block(t->ctl, PQI_ANN_SIGNED, (pqi_cspan){b, len}, &t->n);
    dev_refuses(t->pump, &t->n, PQI_DROP_DECODE);
    assert_int_equal(dev_receive(t->pump, &t->m), PQI_EV_PEER); /* the good one, epoch 7 */
    dev_announce(t->ctl, &t->n);                                /* the device's own, epoch 1 */
    dev_refuses(t->pump, &t->n, PQI_DROP_EPOCH);
    pair_free(t);
}

/* The id names block and certificate. */
static void ids(void **state)
{
    (void)state;
    pair *t = pair_new();
    uint8_t id[PQI_KID_LEN], other[PQI_KID_LEN], key_id[PQI_KEY_ID_LEN];
    pqi_ann a;
    dev_announce(t->ctl, &t->n);
    assert_int_equal(pqi_ann_decode((pqi_cspan){t->n.b, t->n.len}, &a), PQI_OK);
    const pqi_classic *c = t->ctl->f->algs.classic;
    /* docs/spec/prekeys.md section 2 */
    static uint8_t kem_pk[800], x_pk[32], block[PQI_PREKEY_BLOCK_MAX];
    static const uint8_t example[] = {0x73, 0xd7, 0xef, 0xad, 0x60, 0xe1, 0x92, 0x38};
    size_t len = 0;
    memset(kem_pk, 0x11, sizeof kem_pk);
    memset(x_pk, 0x22, sizeof x_pk);
    for (uint8_t i = 0; i < sizeof key_id; i++) {
        key_id[i] = i;
    }
    const pqi_prekey_block b = {1, 0x65000000, {kem_pk, sizeof kem_pk}, {x_pk, sizeof x_pk}};
    assert_int_equal(pqi_prekey_write(&b, (pqi_span){block, sizeof block}, &len), PQI_OK);
    assert_int_equal(len, 846);
    assert_int_equal(pqi_prekey_id(c, key_id, (pqi_cspan){block, len}, id), PQI_OK);
    assert_memory_equal(id, example, sizeof example);
    memcpy(key_id, t->ctl->ep.cert.key_id, sizeof key_id);
    assert_int_equal(pqi_prekey_id(c, key_id, a.prekeys, id), PQI_OK);
    assert_memory_equal(id, t->ctl->ep.prekeys[0].id, sizeof id);
    for (size_t i = 0; i < sizeof key_id; i++) {
        key_id[i] ^= 1;
        assert_int_equal(pqi_prekey_id(c, key_id, a.prekeys, other), PQI_OK);
        assert_memory_not_equal(id, other, sizeof id);
        key_id[i] ^= 1;
    }
    pair_free(t);
}

/* A peers record of version 1, as programs without prekeys wrote it, is read. */
static void record_of_version_1(void **state)
{
    (void)state;
    pair *t = pair_new();
    dev_announce(t->pump, &t->m);
    static uint8_t plain[65536], buf[65536 + PQI_STORE_OVERHEAD];
    pqi_store s;
    size_t len = 0;
    assert_int_equal(
        pqi_store_open(&s, &t->ctl->prov.base, &t->ctl->nvm.nvm, "peers", PQI_SLOT_PEERS,
            (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &len),
        PQI_OK);
    assert_int_equal(plain[0], 3);
    const size_t tail = 4 + PQI_KID_LEN + 4, front = 1 + 32 + 32;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plain[len - tail + i], 0); /* the one peer has no prekey */
    }
    plain[0] = 1;
    memmove(plain + front + 12, plain + front, len - front); /* a snapshot without entries */
    memset(plain + front, 0, 12);
    assert_int_equal(
        pqi_store_save(&s, (pqi_cspan){plain, len + 12 - tail}, (pqi_span){buf, sizeof buf}),
        PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_NONE); /* known */
    send(t, "x", &t->m);
    dev_expect(t->ctl, &t->m, "x");
    static const uint8_t bad[] = {0, 4};
    for (size_t i = 0; i < sizeof bad; i++) {
        assert_int_equal(
            pqi_store_open(&s, &t->ctl->prov.base, &t->ctl->nvm.nvm, "peers", PQI_SLOT_PEERS,
                (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &len),
            PQI_OK);
        plain[0] = bad[i];
        assert_int_equal(
            pqi_store_save(&s, (pqi_cspan){plain, len}, (pqi_span){buf, sizeof buf}), PQI_OK);
        assert_int_equal(dev_open(t->ctl), PQI_ERR_STORAGE);
    }
    pair_free(t);
}

static void refused_arguments(void **state)
{
    (void)state;
    pair *t = pair_new();
    int again = 7;
    assert_int_equal(pqi_endpoint_prekeys(NULL, &t->ctl->now, &again), PQI_ERR_ARG);
    assert_int_equal(pqi_endpoint_prekeys(&t->ctl->ep, NULL, &again), PQI_ERR_ARG);
    assert_int_equal(pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, NULL), PQI_ERR_ARG);
    pqi_endpoint_close(&t->ctl->ep);
    assert_int_equal(pqi_endpoint_prekeys(&t->ctl->ep, &t->ctl->now, &again), PQI_ERR_STATE);
    assert_int_equal(again, 0);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(made_and_used), cmocka_unit_test(by_policy),
    cmocka_unit_test(rotation), cmocka_unit_test(stolen_state),
    cmocka_unit_test(uptime_without_clock), cmocka_unit_test(wall_clock_tightens),
    cmocka_unit_test(crashes), cmocka_unit_test(unsure_write), cmocka_unit_test(disk_full),
    cmocka_unit_test(provider_fails), cmocka_unit_test(record_rollback),
    cmocka_unit_test(new_certificate), cmocka_unit_test(bound), cmocka_unit_test(announced),
    cmocka_unit_test(ids), cmocka_unit_test(record_of_version_1),
    cmocka_unit_test(refused_arguments))
