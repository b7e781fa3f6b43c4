/* SPDX-License-Identifier: Apache-2.0
 * Questions and answers: batches under one signature, what a device lacks, budgets, what is remembered,
 * and a device that hears nothing but answers. */
#include "control/rig.h"

#include "support/fake_nvm.h"
#include "support/fake_provider.h"

#include <pqi/ctl.h>
#include <pqi/endpoint.h>
#include <unistd.h>

#define ALL (PQI_ASK_STATEMENT | PQI_ASK_PATH | PQI_ASK_NEWEST)

static void ask(rig *r, const char *id, uint8_t want, uint8_t tag, const pqi_ask *has)
{
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t len = rig_question(r, id, want, tag, has, q);
    assert_int_equal(pqi_host_control_ask(r->c, (pqi_cspan){q, len}), PQI_OK);
}

static uint32_t flush(rig *r)
{
    uint32_t n = 0;
    assert_int_equal(pqi_host_control_flush(r->c, &n), PQI_OK);
    return n;
}

/* Answers of a kind to one device. */
static unsigned answers(const rig *r, const char *id, pqi_object kind)
{
    char topic[64];
    unsigned n = 0;
    (void)snprintf(topic, sizeof topic, PQI_TOPIC_ANSWER "%s", id);
    for (size_t i = 0; i < r->n_messages; i++) {
        const rig_message *m = &r->messages[i];
        pqi_object k;
        pqi_cspan body;
        if (strcmp(m->topic, topic) == 0) {
            assert_int_equal(m->retain, 0);
            assert_int_equal(pqi_answer_decode((pqi_cspan){m->bytes, m->len}, &k, &body), PQI_OK);
            n += k == kind;
        }
    }
    return n;
}

static void fleet(rig *r)
{
    rig_make(r);
    assert_int_equal(rig_put(r, PQI_OBJ_POLICY, rig_policy(r, 1, 60, 1000)), PQI_OK);
    assert_int_equal(rig_put_roster(r, 1, 40), PQI_OK);
    assert_int_equal(rig_put(r, PQI_OBJ_REVOCATIONS, rig_revocations(r, 0, 5, 0)), PQI_OK);
    rig_poll(r);
    r->now_ms += 120000;
    rig_poll(r);
    rig_forget(r);
}

/* Checks one statement answer; returns the statement. */
static pqi_statement open_statement(rig *r, const rig_message *m, uint8_t tag, pqi_status want)
{
    pqi_object k;
    pqi_cspan body;
    pqi_statement s;
    pqi_path p;
    uint8_t nonce[PQI_NONCE_LEN], kid[PQI_KID_LEN], leaf[PQI_HASH_LEN];
    assert_int_equal(pqi_answer_decode((pqi_cspan){m->bytes, m->len}, &k, &body), PQI_OK);
    assert_int_equal(k, PQI_OBJ_STATEMENT);
    const size_t n = (size_t)body.ptr[0] << 8 | body.ptr[1];
    assert_true(n + 2 < body.len);
    assert_int_equal(pqi_statement_decode(&r->algs, (pqi_cspan){body.ptr + 2, n}, &s), PQI_OK);
    assert_int_equal(pqi_statement_verify(&r->algs, &s, &r->root[0], r->tmp), PQI_OK);
    assert_int_equal(pqi_path_decode((pqi_cspan){body.ptr + 2 + n, body.len - 2 - n}, &p), PQI_OK);
    assert_int_equal(p.size, s.size);
    memset(nonce, tag, sizeof nonce);
    memset(kid, 0x10, sizeof kid);
    assert_int_equal(pqi_nonce_leaf(&r->algs, nonce, kid, leaf), PQI_OK);
    assert_int_equal(pqi_nonce_check(&r->algs, leaf, &p, s.root), want);
    return s;
}

/* Sizes where the tree is even, odd, a power of two, and one. */
static void batches(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 5, 8, 31, 100, 255};
    rig r;
    (void)state;
    fleet(&r);
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        rig_forget(&r);
        const uint64_t signed_ = pqi_host_control_get_stats(r.c).signatures;
        for (uint32_t i = 0; i < sizes[k]; i++) {
            ask(&r, r.members[i % 40].id, PQI_ASK_STATEMENT, (uint8_t)i, NULL);
        }
        assert_int_equal(r.n_messages, 0);
        assert_int_equal(flush(&r), sizes[k]);
        assert_int_equal(r.n_messages, sizes[k]);
        assert_int_equal(pqi_host_control_get_stats(r.c).signatures, signed_ + 1);
        for (uint32_t i = 0; i < sizes[k]; i++) {
            pqi_statement s = open_statement(&r, &r.messages[i], (uint8_t)i, PQI_OK);
            assert_int_equal(s.size, sizes[k]);
            assert_int_equal(s.head_epoch, 1);
            assert_int_equal(s.tick, 2);
            assert_int_equal(s.time, r.now_ms / 1000);
            if (sizes[k] > 1) { /* somebody else's nonce is not in it here */
                (void)open_statement(&r, &r.messages[i], (uint8_t)(i + 1), PQI_ERR_AUTH);
            }
        }
    }
    assert_int_equal(flush(&r), 0); /* nobody asked */
    rig_end(&r);
}

/* A full batch of strangers: one signature, and what they share runs out. */
static void a_full_batch(void **state)
{
    rig r;
    (void)state;
    fleet(&r);
    for (uint32_t i = 0; i < PQI_CONTROL_BATCH_MAX + 10; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "s%u", i);
        ask(&r, id, PQI_ASK_STATEMENT, (uint8_t)i, NULL);
    }
    assert_int_equal(flush(&r), PQI_CONTROL_BATCH_MAX);
    pqi_control_stats s = pqi_host_control_get_stats(r.c);
    assert_int_equal(s.signatures, 1);
    assert_true(s.bytes <= 1048576);
    assert_true(s.bytes > 1000000);
    assert_int_equal(s.statements + s.over_budget, PQI_CONTROL_BATCH_MAX + 10);
    assert_int_equal(r.n_messages, s.statements);
    assert_int_equal(r.events[PQI_CONTROL_EV_BUDGET], 1);
    (void)open_statement(&r, &r.messages[r.n_messages - 1], (uint8_t)(s.statements - 1), PQI_OK);
    /* devices of the roster have budgets of their own, and the pot fills again */
    rig_forget(&r);
    ask(&r, r.members[3].id, ALL, 1, NULL);
    ask(&r, "stranger", PQI_ASK_STATEMENT, 1, NULL);
    (void)flush(&r);
    assert_int_equal(answers(&r, r.members[3].id, PQI_OBJ_STATEMENT), 1);
    assert_int_equal(answers(&r, "stranger", PQI_OBJ_STATEMENT), 0);
    r.now_ms += 1000;
    ask(&r, "stranger", PQI_ASK_STATEMENT, 1, NULL);
    (void)flush(&r);
    assert_int_equal(answers(&r, "stranger", PQI_OBJ_STATEMENT), 1);
    rig_end(&r);
}

static void what_is_lacking(void **state)
{
    rig r;
    (void)state;
    fleet(&r);
    const char *id = r.members[7].id;
    /* nothing at all */
    ask(&r, id, ALL, 1, NULL);
    (void)flush(&r);
    static const pqi_object each[] = {PQI_OBJ_HEAD, PQI_OBJ_POLICY, PQI_OBJ_ROSTER,
        PQI_OBJ_REVOCATIONS, PQI_OBJ_TICK, PQI_OBJ_PATH, PQI_OBJ_STATEMENT};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        assert_int_equal(answers(&r, id, each[i]), 1);
    }
    assert_int_equal(r.n_messages, 7);
    /* the path is right */
    pqi_object k;
    pqi_cspan body;
    pqi_path p;
    pqi_roster x;
    assert_int_equal(pqi_roster_decode(&r.algs, rig_roster(&r, 1, 40), &x), PQI_OK);
    const rig_message *m = &r.messages[5];
    assert_int_equal(pqi_answer_decode((pqi_cspan){m->bytes, m->len}, &k, &body), PQI_OK);
    assert_int_equal(k, PQI_OBJ_PATH);
    assert_int_equal(pqi_path_decode(body, &p), PQI_OK);
    assert_int_equal(p.roster_seq, 1);
    assert_int_equal(pqi_path_check(&r.algs, &r.members[7].leaf, &p, x.root), PQI_OK);
    assert_int_equal(pqi_path_check(&r.algs, &r.members[8].leaf, &p, x.root), PQI_ERR_AUTH);
    /* everything: nothing more than it asks for */
    const pqi_ask all = {.root_version = 1,
        .head_epoch = 1,
        .tick = 2,
        .policy_seq = 1,
        .rev_seq = 5,
        .roster_seq = 1};
    rig_forget(&r);
    ask(&r, id, PQI_ASK_NEWEST, 2, &all);
    (void)flush(&r);
    assert_int_equal(r.n_messages, 0);
    /* one thing each */
    const pqi_ask lacks[] = {
        {.head_epoch = 1, .tick = 1, .policy_seq = 1, .rev_seq = 5, .roster_seq = 1},
        {.head_epoch = 1, .tick = 2, .rev_seq = 5, .roster_seq = 1},
        {.head_epoch = 1, .tick = 2, .policy_seq = 1, .rev_seq = 3, .roster_seq = 1},
        {.head_epoch = 1, .tick = 2, .policy_seq = 1, .rev_seq = 5}};
    static const pqi_object what[] = {
        PQI_OBJ_TICK, PQI_OBJ_POLICY, PQI_OBJ_REVOCATIONS, PQI_OBJ_ROSTER};
    for (size_t i = 0; i < 4; i++) {
        rig_forget(&r);
        ask(&r, id, PQI_ASK_NEWEST, 3, &lacks[i]);
        (void)flush(&r);
        assert_int_equal(r.n_messages, 1);
        assert_int_equal(answers(&r, id, what[i]), 1);
    }
    /* of another root, numbers do not count; one with more than there is gets nothing */
    rig_forget(&r);
    const pqi_ask ahead = {.root_version = 9, .head_epoch = 1};
    ask(&r, id, PQI_ASK_NEWEST, 4, &ahead);
    (void)flush(&r);
    assert_int_equal(r.n_messages, 0);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 1)), PQI_OK);
    rig_poll(&r);
    rig_forget(&r);
    ask(&r, id, PQI_ASK_NEWEST, 5, &all);
    (void)flush(&r);
    assert_int_equal(answers(&r, id, PQI_OBJ_ROOT), 1);
    assert_int_equal(answers(&r, id, PQI_OBJ_HEAD), 1);
    assert_string_equal(r.messages[0].topic + strlen(PQI_TOPIC_ANSWER), id);
    assert_int_equal(r.messages[0].bytes[1], PQI_OBJ_ROOT); /* first */
    rig_end(&r);
}

/* Parts of the log in turn, the shortest way to the end. */
static void parts_of_the_log(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 1000)), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 1, 40), PQI_OK);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, i, 1, 0)), PQI_OK);
    }
    rig_poll(&r);
    const char *id = r.members[0].id;
    const pqi_ask has = {.head_epoch = 1, .rev_seq = 2};
    rig_forget(&r);
    ask(&r, id, PQI_ASK_NEWEST, 1, &has);
    (void)flush(&r);
    assert_int_equal(answers(&r, id, PQI_OBJ_REVOCATIONS), 4);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 6, 0)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 2, 4, 0)), PQI_OK);
    rig_poll(&r);
    rig_forget(&r);
    ask(&r, id, PQI_ASK_NEWEST, 1, &has);
    (void)flush(&r);
    assert_int_equal(answers(&r, id, PQI_OBJ_REVOCATIONS), 1);
    rig_end(&r);
}

static void budgets(void **state)
{
    rig r;
    (void)state;
    fleet(&r);
    rig_close(&r);
    r.cfg.budget = (pqi_control_budget){.device_burst = 12000,
        .device_rate = 1000,
        .other_burst = 6000,
        .other_rate = 1000,
        .total_burst = 40000,
        .total_rate = 2000};
    rig_open(&r);
    rig_poll(&r);
    rig_forget(&r);
    /* one device: at most its burst, then its rate */
    const char *id = r.members[2].id;
    for (int i = 0; i < 20; i++) {
        ask(&r, id, ALL, (uint8_t)i, NULL);
    }
    (void)flush(&r);
    size_t bytes = 0;
    for (size_t i = 0; i < r.n_messages; i++) {
        bytes += r.messages[i].len;
    }
    assert_true(bytes > 9000 && bytes <= 12000);
    rig_forget(&r);
    r.now_ms += 3000;
    for (int i = 0; i < 20; i++) {
        ask(&r, id, PQI_ASK_STATEMENT, (uint8_t)i, NULL);
    }
    (void)flush(&r);
    assert_true(r.n_messages == 1 || r.n_messages == 2); /* 3000 bytes and what was left */
    /* all together: no more than the total */
    rig_forget(&r);
    r.now_ms += 60000;
    for (uint32_t i = 0; i < 40; i++) {
        ask(&r, r.members[i].id, ALL, (uint8_t)i, NULL);
    }
    (void)flush(&r);
    bytes = 0;
    for (size_t i = 0; i < r.n_messages; i++) {
        bytes += r.messages[i].len;
    }
    assert_true(bytes > 35000 && bytes <= 40000);
    assert_true(pqi_host_control_get_stats(r.c).over_budget > 50);
    rig_end(&r);
}

/* A question that is over its budget costs no more reads of the store: what would still fit is not looked for, but
 * the statement, which is in memory. */
static void spent(void **state)
{
    rig r;
    (void)state;
    fleet(&r);
    rig_close(&r);
    r.cfg.budget.device_burst = 2900; /* no head, but a roster statement or a part of the log */
    r.cfg.budget.device_rate = 1;
    rig_open(&r);
    rig_poll(&r);
    rig_forget(&r);
    ask(&r, r.members[2].id, PQI_ASK_NEWEST, 1, NULL);
    (void)flush(&r);
    for (size_t i = 0; i < r.n_messages; i++) {
        pqi_object k;
        pqi_cspan body;
        assert_int_equal(
            pqi_answer_decode((pqi_cspan){r.messages[i].bytes, r.messages[i].len}, &k, &body),
            PQI_OK);
        assert_true(k == PQI_OBJ_TICK || k == PQI_OBJ_HEAD);
    }
    pqi_control_stats st = pqi_host_control_get_stats(r.c);
    assert_int_equal(st.over_budget, 1);
    rig_end(&r);
}

/* INV-106: what comes in is bytes of anybody. */
static void hostile_questions(void **state)
{
    rig r;
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX + 8];
    (void)state;
    fleet(&r);
    const size_t len = rig_question(&r, r.members[0].id, ALL, 1, NULL, q);
    for (size_t n = 0; n < PQI_ASK_LEN; n++) {
        assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){q, n}), PQI_OK);
    }
    for (int bit = 0; bit < 8; bit++) {
        q[0] ^= (uint8_t)(1 << bit);
        assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){q, len}), PQI_OK);
        q[0] ^= (uint8_t)(1 << bit);
    }
    q[len - 1] = '/';
    assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){q, len}), PQI_OK);
    assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){NULL, 0}), PQI_OK);
    assert_int_equal(pqi_host_control_get_stats(r.c).malformed, PQI_ASK_LEN + 8 + 2);
    assert_int_equal(pqi_host_control_get_stats(r.c).questions, 0);
    assert_int_equal(flush(&r), 0);
    assert_int_equal(r.n_messages, 0);
    rig_end(&r);
}

/* ---- what is remembered -------------------------------------------------------------------------- */

typedef struct seen {
    unsigned n, by_fresh[PQI_FRESH_COUNT_], revoked, soon;
    pqi_control_device of; /* the one with this id */
    const char *id;
} seen;

static int see(void *ctx, const pqi_control_device *d)
{
    seen *s = ctx;
    s->n++;
    s->by_fresh[d->fresh]++;
    s->revoked += d->revoked != 0;
    s->soon += d->expires_soon != 0;
    if (strcmp(d->member->id, s->id) == 0) {
        s->of = *d;
    }
    return 0;
}

static seen look(rig *r, const char *id)
{
    seen s;
    memset(&s, 0, sizeof s);
    s.id = id;
    assert_int_equal(pqi_host_control_fleet_status(r->c, see, &s), PQI_OK);
    return s;
}

static void fleet_status(void **state)
{
    rig r;
    (void)state;
    fleet(&r);
    const char *id = r.members[0].id;
    seen s = look(&r, id);
    assert_int_equal(s.n, 40);
    assert_int_equal(s.by_fresh[PQI_FRESH_UNKNOWN], 40);
    assert_int_equal(s.of.age, UINT32_MAX);
    assert_int_equal(
        s.revoked, 2); /* entries are of indices 1000 to 1004, members of every third */
    assert_int_equal(s.soon, 1);
    assert_int_equal(s.of.revoked, 1);
    /* it asked and was answered: it is as fresh as what it got */
    ask(&r, id, ALL, 1, NULL);
    ask(&r, "nobody", ALL, 1, NULL);
    (void)flush(&r);
    s = look(&r, id);
    assert_int_equal(s.of.fresh, PQI_FRESH_FRESH);
    assert_int_equal(s.of.answered, 1);
    assert_int_equal(s.of.age, 0);
    assert_int_equal(s.of.head_epoch, 0);
    assert_int_equal(s.of.asked_at, r.now_ms / 1000);
    assert_int_equal(s.by_fresh[PQI_FRESH_UNKNOWN], 39);
    assert_int_equal(rig_int(&r, "SELECT count(*) FROM pqi_seen"), 1); /* not the stranger */
    static const pqi_fresh over[] = {PQI_FRESH_FRESH, PQI_FRESH_AGED, PQI_FRESH_STALE};
    static const unsigned minutes[] = {4, 44, 500};
    for (size_t i = 0; i < 3; i++) {
        r.now_ms += minutes[i] * (uint64_t)60000;
        rig_poll(&r);
        assert_int_equal(look(&r, id).of.fresh, over[i]);
    }
    /* a device that knows an old head and wants no statement */
    pqi_ask has = {.head_epoch = 1, .tick = 1};
    ask(&r, r.members[1].id, PQI_ASK_PATH, 1, &has);
    (void)flush(&r);
    s = look(&r, r.members[1].id);
    assert_int_equal(s.of.head_epoch, 1);
    assert_int_equal(s.of.tick, 1);
    assert_int_equal(s.of.answered, 0);
    assert_int_equal(s.of.age, 4 + 44 + 500 + 2 - 1);
    /* and one that makes up a head */
    has.head_epoch = 77;
    ask(&r, r.members[2].id, PQI_ASK_PATH, 1, &has);
    (void)flush(&r);
    assert_int_equal(look(&r, r.members[2].id).of.fresh, PQI_FRESH_UNKNOWN);
    /* devices by roster index, over a restart */
    rig_close(&r);
    rig_open(&r);
    assert_int_equal(look(&r, id).of.fresh, PQI_FRESH_STALE);
    rig_end(&r);
}

/* ---- a device ----------------------------------------------------------------------------------- */

#define REVOKED 64u

typedef struct device {
    test_power power;
    fake_provider prov;
    fake_nvm nvm;
    pqi_ctl_cfg cfg;
    pqi_ctl c;
    pqi_now now;
    pqi_revoked revoked[REVOKED];
    uint8_t manifest_mem[PQI_MANIFEST_MAX], policy_mem[8192];
    _Alignas(16) uint8_t tmp[512 * 1024];
    const char *id;
} device;

static void device_open(device *d, rig *r, uint32_t member)
{
    static const uint8_t seed[32] = {0x5e};
    memset(d, 0, sizeof *d);
    d->id = r->members[member].id;
    d->now.mono_ms = 1000;
    fake_provider_init(&d->prov, &r->algs, seed, &d->power);
    fake_nvm_init(&d->nvm, &d->power);
    d->cfg = (pqi_ctl_cfg){.algs = &r->algs,
        .provider = &d->prov.base,
        .nvm = &d->nvm.nvm,
        .manifest = r->root[0].encoded,
        .pinned = r->root[0].hash,
        .manifest_mem = {d->manifest_mem, sizeof d->manifest_mem},
        .policy_mem = {d->policy_mem, sizeof d->policy_mem},
        .revoked = d->revoked,
        .revoked_max = REVOKED,
        .id = {(const uint8_t *)d->id, strlen(d->id)},
        .kid = {1, 2, 3, 4, 5, 6, 7, 8},
        .leaf = r->members[member].leaf,
        .tmp = {d->tmp, 0}};
    d->cfg.tmp.len =
        pqi_ctl_tmp_len(&r->algs, REVOKED, sizeof d->manifest_mem, sizeof d->policy_mem);
    assert_true(d->cfg.tmp.len <= sizeof d->tmp);
    assert_int_equal(pqi_ctl_open(&d->c, &d->cfg, &d->now), PQI_OK);
}

/* Its next question to the control plane, and all that comes back to it. Returns how many were taken. */
static unsigned converse(device *d, rig *r)
{
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    char topic[64];
    size_t len = 0;
    uint32_t wait = 0;
    unsigned taken = 0;
    int root = 0;
    assert_int_equal(pqi_ctl_ask(&d->c, &d->now, (pqi_span){q, sizeof q}, &len, &wait), PQI_OK);
    if (len == 0) {
        return 0;
    }
    rig_forget(r);
    assert_int_equal(pqi_host_control_ask(r->c, (pqi_cspan){q, len}), PQI_OK);
    (void)flush(r);
    (void)snprintf(topic, sizeof topic, PQI_TOPIC_ANSWER "%s", d->id);
    for (size_t i = 0; i < r->n_messages; i++) {
        pqi_object k;
        pqi_cspan body;
        pqi_ctl_event ev;
        assert_string_equal(r->messages[i].topic, topic);
        assert_int_equal(
            pqi_answer_decode((pqi_cspan){r->messages[i].bytes, r->messages[i].len}, &k, &body),
            PQI_OK);
        assert_int_equal(pqi_ctl_receive(&d->c, &d->now, k, body, &ev), PQI_OK);
        root = root || k == PQI_OBJ_ROOT;
        if (root && k == PQI_OBJ_STATEMENT) { /* the question was one of the root before */
            assert_true(ev.status == PQI_OK || ev.status == PQI_ERR_REPLAY);
            continue;
        }
        assert_int_equal(ev.status, PQI_OK);
        assert_int_equal(
            ev.what & (PQI_CTL_EQUIVOCATION | PQI_CTL_REV_RATE | PQI_CTL_TIME_STEP), 0);
        taken++;
    }
    return taken;
}

/* INV-69: a question is answered with what is signed, and nothing else makes the device fresh. */
static void device_from_nothing(void **state)
{
    static device d;
    rig r;
    (void)state;
    fleet(&r);
    device_open(&d, &r, 9);
    static const pqi_cspan no_topic;
    assert_int_equal(pqi_ctl_fresh(&d.c, &d.now, no_topic), PQI_FRESH_UNKNOWN);
    for (int i = 0; i < 10 && d.c.path_len == 0; i++) {
        (void)converse(&d, &r);
        d.now.mono_ms += 3000;
    }
    assert_int_equal(pqi_ctl_fresh(&d.c, &d.now, no_topic), PQI_FRESH_FRESH);
    assert_int_equal(pqi_ctl_flags(&d.c, &d.now), 0);
    assert_int_equal(d.c.s.head.head_epoch, 1);
    assert_int_equal(d.c.s.tick, 2);
    assert_int_equal(d.c.rev.seq, 5);
    assert_int_equal(d.c.policy.seq, 1);
    assert_int_equal(d.c.s.roster.seq, 1);
    assert_true(d.c.path_len != 0);
    assert_int_equal(d.c.s.time_s, r.now_ms / 1000);
    assert_int_equal(pqi_ctl_is_revoked(&d.c, 1003, 1), 1);
    assert_int_equal(pqi_ctl_is_revoked(&d.c, 1006, 1), 0);
    /* the fleet goes on: three more revocations, a policy, another roster, a new root */
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 5, 3, 0)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 2, 60, 1000)), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 2, 30), PQI_OK);
    rig_poll(&r);
    r.now_ms += 60000;
    d.now.mono_ms += 60000;
    rig_poll(&r);
    pqi_ctl_want(&d.c, &d.now, ALL);
    for (int i = 0; i < 10 && d.c.s.head.head_epoch != 2; i++) {
        d.now.mono_ms += 3000;
        (void)converse(&d, &r);
    }
    assert_int_equal(d.c.s.head.head_epoch, 2);
    assert_int_equal(d.c.rev.seq, 8);
    assert_int_equal(d.c.policy.seq, 2);
    assert_int_equal(d.c.s.roster.seq, 2);
    assert_int_equal(pqi_ctl_is_revoked(&d.c, 1006, 1), 1);
    assert_int_equal(pqi_ctl_fresh(&d.c, &d.now, no_topic), PQI_FRESH_FRESH);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 1)), PQI_OK);
    rig_poll(&r);
    pqi_ctl_want(&d.c, &d.now, ALL);
    for (int i = 0; i < 10 && d.c.s.head.root_version != 2; i++) {
        d.now.mono_ms += 3000;
        (void)converse(&d, &r);
    }
    assert_int_equal(d.c.manifest.root_version, 2);
    assert_int_equal(d.c.s.head.root_version, 2);
    assert_int_equal(d.c.s.head.head_epoch, 1);
    assert_int_equal(pqi_ctl_is_revoked(&d.c, 1006, 1), 1); /* in force over the rotation */
    /* after a restored copy of the store epochs are skipped, and the device follows */
    uint32_t epoch = 0;
    rig_close(&r);
    assert_int_equal(pqi_host_control_recover(&r.cfg, &epoch), PQI_OK);
    rig_open(&r);
    rig_poll(&r);
    pqi_control_made m;
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    pqi_ctl_want(&d.c, &d.now, ALL);
    for (int i = 0; i < 10 && d.c.s.head.head_epoch != m.head_epoch; i++) {
        d.now.mono_ms += 3000;
        (void)converse(&d, &r);
    }
    assert_int_equal(d.c.s.head.head_epoch, epoch);
    pqi_ctl_close(&d.c, &d.now);
    fake_nvm_free(&d.nvm);
    rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(batches), cmocka_unit_test(a_full_batch),
    cmocka_unit_test(what_is_lacking), cmocka_unit_test(parts_of_the_log),
    cmocka_unit_test(budgets), cmocka_unit_test(spent), cmocka_unit_test(hostile_questions),
    cmocka_unit_test(fleet_status), cmocka_unit_test(device_from_nothing))
