/* SPDX-License-Identifier: Apache-2.0
 * Random walks of two peers over a network that keeps every packet: what the models m2 and m3
 * (tests/models) show for their rules, here for the code. After each step: P4 and L1, both open what the
 * other sends; each change of role and slot is one that the rules have; what became of an INIT is
 * what the rule of m2 and m3 says, worked out here once more. At the end: P5 and L2, both agree;
 * P5b, no INIT of the past fills the slot; L3, no INIT was answered twice. */
#include "session/pair_rig.h"

static pr_net g;
static uint64_t seed;
static unsigned walking;
static bool reboots; /* records stay when memory is lost */

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* ---- the rules once more --------------------------------------------------------------------------- */

typedef enum outcome { OTHER, ANSWERED, STORED, CHALLENGED, REFUSED } outcome;

typedef struct before {
    struct pqi_pair_core k;
    uint8_t nonce[PQI_HS_NONCE], live;
    uint8_t rand_i[PQI_HS_RAND];
    uint64_t answered;
} before;

/* gotInit() of m3 with the amendments of m2; it knows the bytes, not the code. */
static outcome rule(unsigned y, const before *b, const pr_packet *k)
{
    uint64_t seq = 0;
    for (unsigned i = 0; i < 8; i++) {
        seq = seq << 8 | k->b[20 + i];
    }
    bool carries = (k->b[1] & PQI_HS_F_NONCE) != 0 && b->live &&
                   memcmp(k->b + 60, b->nonce, PQI_HS_NONCE) == 0;
    if (b->k.role == PQI_PAIR_R && !b->k.resumed &&
        memcmp(k->b + 44, b->rand_i, PQI_HS_RAND) == 0) {
        return STORED;
    }
    if (!carries &&
        (seq <= b->k.last || b->live || b->k.role == PQI_PAIR_R3 || b->k.role == PQI_PAIR_I)) {
        return CHALLENGED;
    }
    if (b->k.role == PQI_PAIR_PEND && y == 0) {
        return REFUSED;
    }
    return ANSWERED;
}

static void take(unsigned y, before *b)
{
    const pqi_pair *p = pr_pair(&g, y, 1 - y);
    b->k = p->core;
    memcpy(b->nonce, p->nonce, sizeof b->nonce);
    b->live = p->nonce_live;
    b->answered = g.e[y].shared.answered;
    if (p->core.hs != 0) {
        memcpy(b->rand_i, g.e[y].hs[p->core.hs - 1].rand_i, sizeof b->rand_i);
    }
}

static bool gate_ok(void)
{
    return !(g.ev.what & PQI_PAIR_EV_DROP) || g.ev.drop != PQI_DROP_GATE;
}

static void check_init(unsigned y, const before *b, const pr_packet *k)
{
    const pqi_pair *p = pr_pair(&g, y, 1 - y);
    outcome want = rule(y, b, k);
    if (!gate_ok()) { /* made under hot keys that one of both has lost */
        return;
    }
    bool made = g.e[y].shared.answered != b->answered;
    bool drop = (g.ev.what & PQI_PAIR_EV_DROP) != 0;
    switch (want) {
    case ANSWERED:
        assert_true(made);
        assert_int_equal(p->core.role, PQI_PAIR_R);
        break;
    case STORED:
        assert_true(!made && (!drop || g.ev.drop == PQI_DROP_BUDGET));
        break;
    case CHALLENGED:
        assert_true(!made && drop && g.ev.drop == PQI_DROP_REPLAY);
        break;
    case REFUSED:
        assert_true(!made && drop && g.ev.drop == PQI_DROP_ORDER);
        break;
    case OTHER:
        break;
    }
}

/* Slots change in these ways only. */
static void check_slots(unsigned y, const before *b, uint8_t type)
{
    const struct pqi_pair_core *a = &pr_pair(&g, y, 1 - y)->core;
    assert_true(a->last >= b->k.last);
    assert_true((a->cand == 0) == (a->role == PQI_PAIR_NONE));
    if (a->stable != b->k.stable) {
        assert_int_equal(
            a->stable, b->k.cand); /* promoted, and from a role that knows the peer has it */
        assert_true((b->k.role == PQI_PAIR_I && type < 0x48) || b->k.role == PQI_PAIR_R3);
    }
    if (a->role == b->k.role) {
        return;
    }
    bool legal = false;
    switch (a->role) {
    case PQI_PAIR_R:
        legal = type == pr_init(&g) || type == PQI_HS_T_RESUME1;
        break;
    case PQI_PAIR_I:
        legal = (type == pr_resp(&g) || type == PQI_HS_T_RESUME2) && b->k.role == PQI_PAIR_PEND;
        break;
    case PQI_PAIR_R3:
        legal = (type == pr_conf(&g) || (type < 0x48 && b->k.resumed)) && b->k.role == PQI_PAIR_R &&
                a->stable == b->k.stable;
        break;
    case PQI_PAIR_NONE:
        legal = (b->k.role == PQI_PAIR_PEND && (type == PQI_HS_T_CHAL || type == PQI_HS_T_REJ ||
                                                   (type == PQI_HS_T_NOSESS && b->k.resumed))) ||
                ((b->k.role == PQI_PAIR_I || b->k.role == PQI_PAIR_R3) &&
                    (type < 0x48 || type == PQI_HS_T_NOSESS)) ||
                (b->k.role == PQI_PAIR_R && type < 0x48); /* ABORT */
        break;
    default:
        break;
    }
    assert_true(legal);
}

/* ---- walks ------------------------------------------------------------------------------------------ */

static void give(size_t at)
{
    before b;
    unsigned y = pr_log[at].to;
    take(y, &b);
    pr_give(&g, at);
    if (pr_log[at].b[0] == pr_init(&g)) {
        check_init(y, &b, &pr_log[at]);
    }
    check_slots(y, &b, pr_log[at].b[0]);
}

/* Messages of sessions that ended are not wanted again. */
static bool is_handshake(size_t at)
{
    return pr_log[at].b[0] >= 0x48;
}

static void step(unsigned losses, unsigned *lost)
{
    unsigned x = draw(2);
    size_t first = 0, made = 0;
    switch (draw(12)) {
    case 0:
        if (pr_pair(&g, x, 1 - x)->core.role == PQI_PAIR_NONE) {
            pqi_pair_want(pr_pair(&g, x, 1 - x), PQI_PAIR_WHY_USER);
        }
        break;
    case 1:
        pr_time(&g, draw(40000));
        break;
    case 2:
        if (losses > *lost && draw(4) == 0) {
            if (reboots) {
                pr_reboot(&g, x);
            } else {
                pr_lose(&g, x);
            }
            (*lost)++;
        }
        break;
    case 3: /* any packet of the past */
        if (g.n != 0) {
            give(draw((uint32_t)g.n));
        }
        break;
    case 4: /* a handshake packet of the past, more often */
        for (unsigned i = 0; g.n != 0 && i < 4; i++) {
            size_t at = draw((uint32_t)g.n);
            if (is_handshake(at)) {
                give(at);
            }
        }
        break;
    default:
        made = pr_pull(&g, x, 1 - x, &first);
        for (size_t i = first; i < first + made; i++) {
            if (draw(10) < 7) {
                give(i);
            }
        }
        break;
    }
}

static void rest(void)
{
    for (unsigned i = 0; i < 12 && !pr_agreed(&g, 0, 1); i++) {
        pr_settle(&g, 0, 1);
        pr_time(&g, 61000);
        if (i >=
            4) { /* an INIT from before a loss may sit in a slot until somebody wants another */
            pqi_pair_want(pr_pair(&g, i % 2u, 1u - i % 2u), PQI_PAIR_WHY_USER);
        }
        if (pr_pair(&g, 0, 1)->core.stable == 0 || pr_pair(&g, 1, 0)->core.stable == 0 ||
            i > 3) { /* somebody has something to say */
            size_t k = 0;
            if (pr_say(&g, 0, 1, "x", &k) == PQI_OK) {
                pr_give(&g, k);
                if (g.ev.drop == PQI_DROP_UNKNOWN) {
                    pqi_pair_unknown(
                        &g.e[1].env, &g.e[1].at[0], (pqi_cspan){pr_log[k].b, pr_log[k].len});
                }
            }
        }
    }
    pr_settle(&g, 0, 1);
    for (unsigned x = 0; x < 2 && !pr_agreed(&g, 0, 1); x++) {
        const pqi_pair *p = pr_pair(&g, x, 1 - x);
        print_message(
            "# walk %u, end %u: role %u why %u gave up %u counter %u last %u nonce %u hold %d\n",
            walking, x, p->core.role, p->why, p->gave_up, (unsigned)p->core.ctr,
            (unsigned)p->core.last, p->nonce_live, (int)(p->not_before_ms - g.now));
    }
    assert_true(pr_agreed(&g, 0, 1));
    pr_open_both(&g, 0, 1);
}

static size_t answers(void)
{
    return pr_count(&g, 0, 1, pr_resp(&g)) + pr_count(&g, 1, 0, pr_resp(&g));
}

/* Every INIT that x ever got, in a row. closed: none may be answered (P5b); after a loss of state one
 * from before it may be, and is without effect on the sessions. */
static void replay_all(unsigned x, bool closed)
{
    uint8_t was[32], now[32];
    pr_digest(&g, x, was);
    for (size_t i = 0; i < g.n; i++) {
        if (pr_log[i].to == x && pr_log[i].b[0] == pr_init(&g)) {
            give(i);
            assert_true(!closed || (g.ev.what & PQI_PAIR_EV_DROP) != 0);
        }
    }
    pr_digest(&g, x, now);
    assert_true(!closed || memcmp(was, now, sizeof was) == 0);
}

static void walk(const pr_case *c, unsigned losses, unsigned steps)
{
    unsigned lost = 0;
    pr_make(&g, c);
    g.limits.work = g.limits.proof = g.limits.work_all = g.limits.cold = g.limits.reply =
        g.limits.reply_all = (pqi_rate){1000000, 100000};
    pr_lose(&g, 0); /* with these buckets */
    pr_lose(&g, 1);
    pr_handshake(&g, 0, 1);
    bool agreed = true;
    for (unsigned i = 0; i < steps; i++) {
        unsigned was = lost;
        step(losses, &lost);
        agreed = lost == was && (agreed || pr_agreed(&g, 0, 1));
        if (agreed) {
            pr_open_both(&g, 0, 1);
            if (draw(4) == 0) {
                pr_talk(&g, 0, 1, "up");
                pr_talk(&g, 1, 0, "down");
            }
        }
    }
    rest();
    size_t was = answers();
    pr_time(&g, 120000); /* pauses are over */
    pr_handshake(&g, 0, 1);
    assert_true(answers() > was);
    for (unsigned x = 0; x < 2; x++) {
        replay_all(x, lost == 0);
    }
    pr_open_both(&g, 0, 1);
    pr_time(&g, 120000);
    pqi_pair_want(pr_pair(&g, 1, 0), PQI_PAIR_WHY_USER);
    rest();
}

static void run(unsigned losses)
{
    const char *n = getenv("PQI_WALKS");
    unsigned walks = n != NULL ? (unsigned)atoi(n) : 60;
    const char *from = getenv("PQI_WALKS_FROM");
    for (unsigned w = from != NULL ? (unsigned)atoi(from) : 0; w < walks; w++) {
        walking = w;
        seed = w * 2654435761u + losses;
        walk(&pr_cases[w % 8 == 7 ? 1 : 0], losses, 120);
    }
}

static void test_walks(void **state)
{
    (void)state;
    run(0);
}

static void test_walks_with_reboots(void **state)
{
    (void)state;
    reboots = true;
    run(3);
    reboots = false;
}

static void test_walks_with_losses(void **state)
{
    (void)state;
    run(2);
}

PQI_TEST_MAIN(cmocka_unit_test(test_walks), cmocka_unit_test(test_walks_with_losses),
    cmocka_unit_test(test_walks_with_reboots))
