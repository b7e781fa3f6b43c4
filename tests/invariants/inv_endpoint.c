/* SPDX-License-Identifier: Apache-2.0
 * An endpoint and its state: crashes at every durable operation on both sides, old and deleted
 * state, a full disk, a provider that fails at every call. */
#include "support/fleet.h"

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

typedef struct pair {
    dev *pump, *ctl;
    msg m, n;
} pair;

static pair *pair_new(void)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pump = dev_new(&spec_pump);
    t->ctl = dev_new(&spec_ctl);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_meet(t->pump, t->ctl);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->pump);
    dev_free(t->ctl);
    free(t);
}

static uint64_t number_of(const msg *m)
{
    uint64_t n = 0;
    for (size_t i = 20; i < 28; i++) {
        n = n << 8 | m->b[i];
    }
    return n;
}

#define NUMBERS 8192u

/* INV-96, INV-11, INV-102: the sender loses power at each durable operation, in each variant, and
 * again later: no number is ever used twice, and it starts again by itself. */
static void sender_crashes(void **state)
{
    (void)state;
    static uint8_t used[NUMBERS];
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        for (uint64_t at = 1; at <= 9; at++) {
            pair *t = pair_new();
            memset(used, 0, sizeof used);
            for (int life = 0; life < 3; life++) {
                t->pump->power = (test_power){.cut_at = at, .mode = (cut_mode)mode};
                for (int i = 0; i < 12; i++) {
                    if (dev_send(t->pump, "control", "plant/pump-1", "x", &t->m) != PQI_OK) {
                        break;
                    }
                    uint64_t n = number_of(&t->m);
                    assert_true(n != 0 && n < NUMBERS && !used[n]);
                    used[n] = 1;
                    t->pump->peers[0].send_next += 99; /* as if it had sent that many */
                    t->ctl->now.mono_ms += 1000;       /* such leaps cost tokens */
                    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_MESSAGE);
                }
                t->pump->power = (test_power){0};
                assert_int_equal(dev_open(t->pump), PQI_OK);
            }
            pair_free(t);
        }
    }
}

/* INV-96, INV-39: the same for the receiver, with a history of what was ever delivered: nothing comes
 * twice, whatever is played to it after each restart. */
static void receiver_crashes(void **state)
{
    (void)state;
    static msg box[14];
    pair *t = pair_new();
    for (size_t i = 0; i < 14; i++) {
        assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &box[i]), PQI_OK);
        t->pump->peers[0].send_next += 17;
    }
    pair_free(t);
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        for (uint64_t at = 1; at <= 9; at++) {
            t = pair_new();
            unsigned delivered[14] = {0};
            for (int life = 0; life < 4; life++) {
                t->ctl->power = (test_power){.cut_at = at, .mode = (cut_mode)mode};
                for (size_t i = 0; i < 14; i++) {
                    pqi_event_kind k = dev_receive(t->ctl, &box[(i * 5) % 14]);
                    delivered[(i * 5) % 14] += k == PQI_EV_MESSAGE;
                }
                t->ctl->power = (test_power){0};
                assert_int_equal(dev_open(t->ctl), PQI_OK);
            }
            for (size_t i = 0; i < 14; i++) {
                assert_true(delivered[i] <= 1);
            }
            pair_free(t);
        }
    }
}

/* INV-11: power lost while peers and revocations are stored: the old or the new table, and an
 * applied revocation is never forgotten. */
static void table_crashes(void **state)
{
    (void)state;
    static msg list;
    const pqi_revoked pump = {.roster_index = 1, .min_key_epoch = UINT32_MAX, .reason = 1};
    fleet_revoke(fleet_get(), 0, &pump, 1, &list);
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        for (uint64_t at = 1; at <= 12; at++) {
            pair *t = calloc(1, sizeof *t);
            assert_non_null(t);
            t->pump = dev_new(&spec_pump);
            t->ctl = dev_new(&spec_ctl);
            assert_int_equal(dev_open(t->pump), PQI_OK);
            dev_announce(t->pump, &t->m);
            t->ctl->power = (test_power){.cut_at = at, .mode = (cut_mode)mode};
            int known = 0;
            int gone = 0;
            if (dev_open(t->ctl) == PQI_OK) {
                known = dev_receive(t->ctl, &t->m) == PQI_EV_PEER;
                gone = dev_receive(t->ctl, &list) == PQI_EV_REVOKED;
            }
            t->ctl->power = (test_power){0};
            assert_int_equal(dev_open(t->ctl), PQI_OK);
            const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"));
            assert_true(p != NULL || !known);
            assert_true(!gone || (t->ctl->ep.ctl.rev.seq == 1 && t->ctl->ep.ctl.rev.n == 1));
            assert_true(p == NULL || !gone || p->revoked);
            pair_free(t);
        }
    }
}

/* INV-8, INV-10, INV-9: an old image, a deleted record, a damaged one: it does not start. */
static void old_or_missing_state(void **state)
{
    (void)state;
    pair *t = pair_new();
    fake_nvm old = {0};
    fake_nvm keep = {0};
    fake_nvm_copy(&old, &t->ctl->nvm);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &t->m), PQI_OK);
    dev_expect(t->ctl, &t->m, "x");
    fake_nvm_copy(&keep, &t->ctl->nvm);
    fake_nvm_copy(&t->ctl->nvm, &old);
    assert_int_equal(dev_open(t->ctl), PQI_ERR_ROLLBACK);
    pqi_outbound o = {.peer = text_of("pump-1"),
        .topic = text_of("plant/x"),
        .payload = text_of("x"),
        .cls = PQI_CLASS_L};
    assert_int_equal(pqi_endpoint_send(&t->ctl->ep, &t->ctl->now, &o,
                         (pqi_span){t->n.b, sizeof t->n.b}, &t->n.len),
        PQI_ERR_STATE);
    static const char *const names[] = {"peers", "seq"};
    for (size_t i = 0; i < 2; i++) {
        fake_nvm_copy(&t->ctl->nvm, &keep);
        fake_nvm_erase(&t->ctl->nvm, names[i], 0);
        fake_nvm_erase(&t->ctl->nvm, names[i], 1);
        assert_int_equal(dev_open(t->ctl), PQI_ERR_ROLLBACK);
        fake_nvm_copy(&t->ctl->nvm, &keep);
        fake_slot *s = fake_nvm_find(&t->ctl->nvm, names[i]);
        for (unsigned k = 0; k < 2; k++) {
            if (s->bytes[k] != NULL) {
                s->bytes[k][40] ^= 1;
            }
        }
        assert_int_equal(dev_open(t->ctl), PQI_ERR_STORAGE);
    }
    fake_nvm_copy(&t->ctl->nvm, &keep);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_refuses(t->ctl, &t->m, PQI_DROP_REPLAY);
    fake_nvm_free(&old);
    fake_nvm_free(&keep);
    pair_free(t);
}

/* A full disk: nothing is delivered, sent or learned on credit; with room again all goes on. */
static void disk_full(void **state)
{
    (void)state;
    pair *t = pair_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &t->m), PQI_OK);
    t->ctl->nvm.room = 8;
    for (int i = 0; i < 3; i++) {
        dev_refuses(t->ctl, &t->m, PQI_DROP_STATE);
        assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "x", &t->n), PQI_ERR_STORAGE);
        assert_int_equal(t->n.len, 0);
    }
    t->ctl->nvm.room = 0;
    dev_expect(t->ctl, &t->m, "x");
    assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "y", &t->n), PQI_OK);
    dev_expect(t->pump, &t->n, "y");
    pair_free(t);
}

/* A clean stop loses no number: what was not yet received is received after it. */
static void clean_restart(void **state)
{
    (void)state;
    pair *t = pair_new();
    static msg box[4];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &box[i]), PQI_OK);
    }
    dev_expect(t->ctl, &box[0], "x");
    dev_expect(t->ctl, &box[1], "x");
    pqi_endpoint_close(&t->ctl->ep);
    pqi_endpoint_close(&t->ctl->ep);
    pqi_endpoint_close(NULL);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_refuses(t->ctl, &box[0], PQI_DROP_REPLAY);
    dev_refuses(t->ctl, &box[1], PQI_DROP_REPLAY);
    dev_expect(t->ctl, &box[3], "x");
    dev_expect(t->ctl, &box[2], "x");
    pqi_endpoint_close(&t->pump->ep);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &t->m), PQI_OK);
    assert_true(number_of(&t->m) == 5);
    pair_free(t);
}

typedef enum act { ACT_RECEIVE, ACT_SEND, ACT_PEER, ACT_REVOKE, ACT_COUNT_ } act;

/* Runs one action and tells whether it succeeded; a failure must be ours, never the peer's. */
static int perform(pair *t, act what, const msg *m)
{
    if (what == ACT_SEND) {
        pqi_status st = dev_send(t->ctl, "pump-1", "plant/x", "x", &t->n);
        assert_true(st == PQI_OK || st <= PQI_ERR_RNG);
        return st == PQI_OK;
    }
    pqi_event_kind k = dev_receive(t->ctl, m);
    assert_true(k != PQI_EV_DROP || t->ctl->ev.drop == PQI_DROP_STATE);
    assert_true(k != PQI_EV_DROP || t->ctl->ev.plain.len == 0);
    return k != PQI_EV_DROP;
}

/* Each call into the provider fails once, for each action: fails closed, and the same action works
 * afterwards. */
static void provider_fails(void **state)
{
    (void)state;
    static msg list;
    const pqi_revoked other = {.roster_index = 70, .min_key_epoch = 1};
    fleet_revoke(fleet_get(), 0, &other, 1, &list);
    for (int what = 0; what < ACT_COUNT_; what++) {
        for (uint64_t at = 1;; at++) {
            assert_true(at < 40);
            pair *t = pair_new();
            dev *d = dev_new(&(dev_spec){.id = "new", .epoch = 1, .roster = 8, .seed = 8});
            assert_int_equal(dev_open(d), PQI_OK);
            assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "x", &t->m), PQI_OK);
            const msg *m = what == ACT_REVOKE ? &list : &t->m;
            if (what == ACT_PEER) {
                dev_announce(d, &t->m);
            }
            uint8_t before[32], after[32];
            dev_digest(t->ctl, before);
            t->ctl->prov.calls = 0;
            t->ctl->prov.fail_at = at;
            int ok = perform(t, (act)what, m);
            int reached = t->ctl->prov.calls >= at;
            assert_true(ok == !reached);
            if (!ok && t->ctl->nvm.writes == 0) {
                dev_digest(t->ctl, after);
                assert_memory_equal(before, after, 32);
            }
            t->ctl->prov.fail_at = 0;
            if (reached) {
                assert_true(perform(t, (act)what, m));
            }
            dev_free(d);
            pair_free(t);
            if (!reached) {
                break;
            }
        }
    }
    for (uint64_t at = 1;; at++) { /* and while it opens */
        pair *t = pair_new();
        t->ctl->prov.calls = 0;
        t->ctl->prov.fail_at = at;
        pqi_status st = dev_open(t->ctl);
        int reached = t->ctl->prov.calls >= at;
        assert_true((st == PQI_OK) == !reached);
        t->ctl->prov.fail_at = 0;
        assert_int_equal(dev_open(t->ctl), PQI_OK);
        pair_free(t);
        if (!reached) {
            break;
        }
    }
}

/* What the caller gets wrong is the caller's status. */
static void refused_arguments(void **state)
{
    (void)state;
    pair *t = pair_new();
    pqi_inbound in = {text_of("x"), {t->m.b, 10}, 0};
    pqi_span plain = {t->ctl->plain, sizeof t->ctl->plain};
    pqi_event ev;
    assert_int_equal(pqi_endpoint_receive(NULL, &t->ctl->now, &in, plain, &ev), PQI_ERR_ARG);
    assert_int_equal(pqi_endpoint_receive(&t->ctl->ep, NULL, &in, plain, &ev), PQI_ERR_ARG);
    plain.len = t->ctl->limits.packet_max - 1;
    assert_int_equal(pqi_endpoint_receive(&t->ctl->ep, &t->ctl->now, &in, plain, &ev), PQI_ERR_ARG);
    uint8_t pin = t->ctl->f->pinned[0];
    t->ctl->f->pinned[0] ^= 1;
    assert_int_equal(dev_open(t->ctl), PQI_ERR_AUTH);
    t->ctl->f->pinned[0] = pin;
    t->ctl->scratch_len--;
    assert_int_equal(dev_open(t->ctl), PQI_ERR_SPACE);
    t->ctl->scratch_len++;
    t->ctl->limits.window_bits = 64;
    assert_int_equal(dev_open(t->ctl), PQI_ERR_ARG);
    for (unsigned d = 0; d < PQI_DROP_COUNT_; d++) {
        assert_true(strlen(pqi_drop_name((pqi_drop)d)) > 2);
    }
    pair_free(t);
}

/* INV-13: keys that are not those of the certificate, one kind at a time, or of another device: the
 * endpoint refuses to open, and opens with the right certificate after that. */
static void keys_of_the_certificate(void **state)
{
    (void)state;
    dev *d =
        dev_new(&(dev_spec){.id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant", .seed = 1});
    dev *o =
        dev_new(&(dev_spec){.id = "pump-2", .epoch = 1, .roster = 2, .pub = "plant", .seed = 2});
    static uint8_t own[PQI_CERT_MAX];
    const size_t own_len = d->cert_len;
    memcpy(own, d->cert, own_len);
    pqi_cert a, b;
    assert_int_equal(pqi_cert_decode(&d->f->algs, (pqi_cspan){own, own_len}, &a), PQI_OK);
    assert_int_equal(pqi_cert_decode(&d->f->algs, (pqi_cspan){o->cert, o->cert_len}, &b), PQI_OK);
    for (int kind = 0; kind < 4; kind++) {
        pqi_cert c = kind == 3 ? b : a;
        c.kem_pk = kind == 0 ? b.kem_pk : c.kem_pk;
        c.x25519_pk = kind == 1 ? b.x25519_pk : c.x25519_pk;
        c.sig_pk = kind == 2 ? b.sig_pk : c.sig_pk;
        assert_int_equal(pqi_cert_build(&d->f->algs, &d->f->ca.base, FLEET_ISSUER, &c,
                             (pqi_span){d->cert, sizeof d->cert}, &d->cert_len),
            PQI_OK);
        assert_int_equal(dev_open(d), PQI_ERR_AUTH);
    }
    memcpy(d->cert, own, own_len);
    d->cert_len = own_len;
    assert_int_equal(dev_open(d), PQI_OK);
    dev_free(o);
    dev_free(d);
}

PQI_TEST_MAIN(cmocka_unit_test(keys_of_the_certificate), cmocka_unit_test(sender_crashes),
    cmocka_unit_test(receiver_crashes), cmocka_unit_test(table_crashes),
    cmocka_unit_test(old_or_missing_state), cmocka_unit_test(disk_full),
    cmocka_unit_test(clean_restart), cmocka_unit_test(provider_fails),
    cmocka_unit_test(refused_arguments))
