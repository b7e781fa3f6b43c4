/* SPDX-License-Identifier: Apache-2.0 */
#include "session/pair_rig.h"

#include <pqi/host.h>

#define KEM_KEY 1u
#define DH_KEY  2u
#define SIG_KEY 3u

const pr_case pr_cases[] = {
    {"K 0x0001", PQI_HS_MODE_K, &pqi_suite_0001, NULL, NULL, false},
    {"S 0x0001", PQI_HS_MODE_S, &pqi_suite_0001, &pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_44, true},
    {"M 0x0002", PQI_HS_MODE_M, &pqi_suite_0002, NULL, &pqi_sig_ml_dsa_44, false},
    {"K 0x0004", PQI_HS_MODE_K, &pqi_suite_0004, NULL, NULL, true},
};
const size_t pr_n_cases = sizeof pr_cases / sizeof pr_cases[0];

pr_packet pr_log[PR_PACKETS];
uint8_t pr_plain[PR_PACKET];

/* Scratch of both kinds: calls do not overlap, and nothing is left in it between them. */
static uint8_t hs_tmp[PR_TMP] __attribute__((aligned(64)));
static uint8_t ratchet_tmp[PR_TMP] __attribute__((aligned(64)));

static const pqi_chain_profile *const profile = &pqi_chain_tiny;

static pqi_cspan text(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

/* ---- making -------------------------------------------------------------------------------------- */

static void make_keys(pr_net *g, pr_end *e)
{
    const pqi_sig *sig = e->n == 0 ? g->c->sig_a : g->c->sig_b;
    const pqi_kem *kem = g->c->suite->kem;
    const uint8_t seed[32] = {(uint8_t)(e->n + 1u)};
    fake_provider_init(&e->prov, &g->algs, seed, NULL);
    assert_int_equal(fake_provider_key(&e->prov, KEM_KEY, PQI_KEY_KEM, kem->id), PQI_OK);
    assert_int_equal(fake_provider_key(&e->prov, DH_KEY, PQI_KEY_X25519, 0), PQI_OK);
    memcpy(e->kem_pk, fake_find(&e->prov, KEM_KEY, PQI_KEY_KEM)->pk, kem->pk_len);
    memcpy(e->x25519_pk, fake_find(&e->prov, DH_KEY, PQI_KEY_X25519)->pk, 32);
    if (sig != NULL) {
        assert_int_equal(fake_provider_key(&e->prov, SIG_KEY, PQI_KEY_SIG, sig->id), PQI_OK);
        memcpy(e->sig_pk, fake_find(&e->prov, SIG_KEY, PQI_KEY_SIG)->pk, sig->pk_len);
    }
    e->self = (pqi_hs_self){.provider = &e->prov.base,
        .kem = KEM_KEY,
        .x25519 = DH_KEY,
        .sig = SIG_KEY,
        .sig_alg = sig,
        .id = text(e->id),
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = {e->kem_pk, kem->pk_len},
        .x25519_pk = {e->x25519_pk, 32}};
    e->as_peer = (pqi_hs_peer){.id = e->self.id,
        .kid = e->kid,
        .cert256 = e->cert256,
        .cert384 = e->cert384,
        .kem_pk = e->self.kem_pk,
        .x25519_pk = e->self.x25519_pk,
        .sig_alg = sig,
        .sig_pk = {e->sig_pk, sig == NULL ? 0 : sig->pk_len}};
}

/* Memory as after a reset: no session, no counter. */
static void start(pr_net *g, pr_end *e)
{
    memset(&e->shared, 0, sizeof e->shared);
    memset(e->hs, 0, sizeof e->hs);
    memset(e->rounds, 0, sizeof e->rounds);
    for (unsigned i = 0; i < PR_HS; i++) {
        e->hs[i].buf = (pqi_span){e->hs_buf[i], PR_BUF};
    }
    for (unsigned i = 0; i < 2; i++) {
        e->rounds[i].buf = e->round_buf[i];
        e->rounds[i].len = PQI_ROUND_BUF_MAX;
    }
    size_t size = pqi_session_size(profile);
    assert_true(pqi_table_len(PR_SESSIONS, size) <= sizeof e->sessions);
    assert_int_equal(pqi_table_init(&e->table, PR_SESSIONS, size, PQI_TABLE_RSID,
                         (pqi_span){e->sessions, sizeof e->sessions}),
        PQI_OK);
    e->ratchet = (pqi_ratchet_env){&g->algs, &e->prov.base, &e->counts, &g->rounds, e->rounds, 2,
        &e->messages, {ratchet_tmp, sizeof ratchet_tmp}};
    e->env = (pqi_pair_env){.ratchet = &e->ratchet,
        .profile = profile,
        .self = &e->self,
        .limits = &g->limits,
        .shared = &e->shared,
        .table = &e->table,
        .pairs = e->pairs,
        .n_pairs = PR_ENDS,
        .hs = e->hs,
        .n_hs = PR_HS,
        .tmp = {hs_tmp, sizeof hs_tmp},
        .starts = &e->starts,
        .chunk = 32};
    assert_int_equal(pqi_starts_open(&e->starts, &e->prov.base), PQI_OK);
    pqi_pair_env_init(&e->env, g->now);
    for (unsigned y = 0; y < PR_ENDS; y++) {
        pqi_pair_init(&e->env, &e->pairs[y], g->now);
    }
}

static void meet(pr_net *g, unsigned x, unsigned y)
{
    pr_end *e = &g->e[x];
    const pqi_gate_end me = {e->self.id, 1}, other = {g->e[y].self.id, 1};
    assert_int_equal(pqi_v1_gate_key(&g->algs, &e->prov.base, DH_KEY, g->e[y].x25519_pk, &other,
                         &me, e->cold[y][0]),
        PQI_OK);
    assert_int_equal(pqi_v1_gate_key(&g->algs, &e->prov.base, DH_KEY, g->e[y].x25519_pk, &me,
                         &other, e->cold[y][1]),
        PQI_OK);
    bool signs = e->self.sig_alg != NULL;
    e->at[y] = (pqi_pair_at){.index = y,
        .peer = &g->e[y].as_peer,
        .key_id = g->e[y].key_id,
        .key_epoch = 1,
        .cold_in = e->cold[y][0],
        .cold_out = e->cold[y][1],
        .choice = {g->c->suite, g->c->mode, g->c->mode != PQI_HS_MODE_M || !signs},
        .psk = {g->psk, g->c->psk ? sizeof g->psk : 0},
        .head_epoch = 7 + x,
        .head_hash = {(uint8_t)(x + 1u)},
        .now_ms = g->now};
}

void pr_make(pr_net *g, const pr_case *c)
{
    static const char *const ids[PR_ENDS] = {"a-device", "b-gateway", "c-other"};
    memset(g, 0, sizeof *g);
    g->c = c;
    g->now = 1000000;
    pqi_algs_all(&g->algs, &pqi_classic_openssl);
    g->limits = pqi_pair_limits_mcu;
    g->rounds = pqi_ratchet_ip;
    memset(g->psk, 0x5a, sizeof g->psk);
    for (unsigned x = 0; x < PR_ENDS; x++) {
        pr_end *e = &g->e[x];
        e->n = x;
        strcpy(e->id, ids[x]);
        memset(e->kid, (int)x + 1, sizeof e->kid);
        memset(e->key_id, (int)x + 1, sizeof e->key_id);
        memset(e->cert256, (int)x + 1, sizeof e->cert256);
        memset(e->cert384, (int)x + 1, sizeof e->cert384);
        make_keys(g, e);
        start(g, e);
    }
    for (unsigned x = 0; x < PR_ENDS; x++) {
        for (unsigned y = 0; y < PR_ENDS; y++) {
            if (x != y) {
                meet(g, x, y);
            }
        }
    }
}

void pr_lose(pr_net *g, unsigned x)
{
    memset(g->e[x].medium, 0, sizeof g->e[x].medium);
    memset(g->e[x].prov.counters, 0, sizeof g->e[x].prov.counters);
    start(g, &g->e[x]);
}

void pr_reboot(pr_net *g, unsigned x)
{
    pr_end *e = &g->e[x];
    start(g, e);
    for (unsigned y = 0; y < PR_ENDS; y++) {
        pqi_sess_record rec;
        const pqi_cspan in = {e->medium[y], sizeof e->medium[y]};
        if (y != x && pqi_sess_record_read(in, &rec) == PQI_OK) {
            assert_int_equal(pqi_pair_restore(&e->env, &e->at[y], &rec), PQI_OK);
        }
    }
}

void pr_time(pr_net *g, uint64_t ms)
{
    g->now += ms;
    for (unsigned x = 0; x < PR_ENDS; x++) {
        for (unsigned y = 0; y < PR_ENDS; y++) {
            g->e[x].at[y].now_ms = g->now;
        }
    }
}

pqi_pair *pr_pair(pr_net *g, unsigned x, unsigned y)
{
    return &g->e[x].pairs[y];
}

/* ---- packets ------------------------------------------------------------------------------------- */

static pr_packet *new_packet(pr_net *g, unsigned from, unsigned to)
{
    assert_true(g->n < PR_PACKETS);
    pr_packet *k = &pr_log[g->n];
    k->from = from;
    k->to = to;
    k->given = 0;
    k->len = 0;
    return k;
}

/* The medium: ceilings of counters, secrets of the ratchet. */
static void store(pr_net *g, unsigned x, unsigned y)
{
    pr_end *e = &g->e[x];
    if (e->no_store) {
        return;
    }
    pqi_sess_record rec;
    assert_int_equal(pqi_pair_record(&e->env, &e->at[y], &rec), PQI_OK);
    assert_int_equal(pqi_sess_record_write(&rec, e->medium[y]), PQI_OK);
    pqi_pair_stored(&e->env, &e->at[y]);
}

size_t pr_pull(pr_net *g, unsigned from, unsigned to, size_t *first)
{
    pr_end *e = &g->e[from];
    const pqi_pair_at *at = &e->at[to];
    size_t made = 0;
    *first = g->n;
    for (unsigned rounds = 0;; rounds++) {
        uint64_t next = 0;
        unsigned due = pqi_pair_due(&e->env, at, &next);
        assert_true(rounds < 30);
        assert_true(next > g->now); /* who sleeps until then does not spin */
        if (due & PQI_PAIR_DUE_WORK) {
            assert_int_equal(pqi_pair_work(&e->env, at), PQI_OK);
        }
        if (due & PQI_PAIR_DUE_STORE) {
            store(g, from, to);
        }
        if (!(due & PQI_PAIR_DUE_POLL)) {
            if (!(due & (PQI_PAIR_DUE_WORK | PQI_PAIR_DUE_STORE)) || e->no_store) {
                return made;
            }
            continue;
        }
        pr_packet *k = new_packet(g, from, to);
        pqi_pair_topic where = PQI_PAIR_TOPIC_NONE;
        pqi_status st = pqi_pair_poll(&e->env, at, (pqi_span){k->b, sizeof k->b}, &k->len, &where);
        assert_int_equal(st, PQI_OK);
        if (k->len == 0) {
            continue;
        }
        k->topic_len = pqi_pair_topic_write(where, g->e[to].self.id, e->self.id, k->topic);
        assert_true(k->topic_len != 0);
        g->n++;
        made++;
    }
}

void pr_digest(const pr_net *g, unsigned x, uint8_t out[32])
{
    const pr_end *e = &g->e[x];
    pqi_cspan parts[PR_ENDS + 4 + PR_HS + 2];
    size_t n = 0;
    for (unsigned y = 0; y < PR_ENDS; y++) {
        parts[n++] = (pqi_cspan){(const uint8_t *)&e->pairs[y].core, sizeof e->pairs[y].core};
    }
    parts[n++] = (pqi_cspan){e->sessions, PR_SESSIONS * (size_t)e->table.stride};
    parts[n++] = (pqi_cspan){(const uint8_t *)e->hs, sizeof e->hs};
    parts[n++] = (pqi_cspan){(const uint8_t *)e->rounds, sizeof e->rounds};
    for (unsigned i = 0; i < PR_HS; i++) { /* what is free is zero */
        if (e->hs[i].owner != 0) {
            parts[n++] = (pqi_cspan){e->hs_buf[i], PR_BUF};
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        if (e->rounds[i].held != 0) {
            parts[n++] = (pqi_cspan){e->round_buf[i], PQI_ROUND_BUF_MAX};
        }
    }
    assert_int_equal(g->algs.classic->hash(PQI_HASH_SHA256, parts, n, out), PQI_OK);
}

/* <from> of a topic of sessions: which end, or PR_ENDS. */
static unsigned named(const pr_net *g, pqi_cspan topic)
{
    for (unsigned x = 0; x < PR_ENDS; x++) {
        size_t len = strlen(g->e[x].id);
        if (topic.len > len + 7 && memcmp(topic.ptr, "pq/4/s/", 7) == 0 &&
            memcmp(topic.ptr + topic.len - len, g->e[x].id, len) == 0) {
            return x;
        }
    }
    return PR_ENDS;
}

static unsigned whose(pr_net *g, unsigned to, pqi_cspan topic, pqi_cspan bytes)
{
    pr_end *e = &g->e[to];
    pqi_pair_route r = {0};
    pqi_status st = pqi_pair_find(&e->env, bytes, &r);
    if (st == PQI_ERR_MISSING) {
        unsigned x = named(g, topic);
        if (x < PR_ENDS && x != to) {
            pqi_pair_unknown(&e->env, &e->at[x], bytes);
        }
        return PR_ENDS;
    }
    if (st != PQI_OK) {
        return PR_ENDS;
    }
    if (r.by == PQI_PAIR_BY_INDEX) {
        return r.index;
    }
    if (r.by == PQI_PAIR_BY_TOPIC) {
        return named(g, topic);
    }
    for (unsigned x = 0; x < PR_ENDS; x++) {
        if (x != to && memcmp(r.kid, g->e[x].kid, PQI_KID_LEN) == 0) {
            return x;
        }
    }
    return PR_ENDS;
}

void pr_give_bytes(pr_net *g, unsigned from, unsigned to, pqi_cspan topic, pqi_cspan bytes)
{
    (void)from;
    pr_end *e = &g->e[to];
    uint8_t before[32], after[32];
    uint8_t *copy = malloc(bytes.len == 0 ? 1 : bytes.len);
    assert_non_null(copy);
    memcpy(copy, bytes.ptr, bytes.len);
    const pqi_cspan in = {copy, bytes.len};
    g->ev = (pqi_pair_event){.what = PQI_PAIR_EV_DROP, .drop = PQI_DROP_UNKNOWN};
    pr_digest(g, to, before);
    unsigned x = whose(g, to, topic, in);
    if (x < PR_ENDS && x != to) {
        memset(pr_plain, 0xee, sizeof pr_plain);
        assert_int_equal(pqi_pair_receive(&e->env, &e->at[x], topic, in,
                             (pqi_span){pr_plain, sizeof pr_plain}, &g->ev),
            PQI_OK);
    }
    if (g->ev.what & PQI_PAIR_EV_DROP) {
        pr_digest(g, to, after);
        assert_memory_equal(before, after, sizeof before);
    }
    free(copy);
}

void pr_give(pr_net *g, size_t packet)
{
    assert_true(packet < g->n);
    pr_packet *k = &pr_log[packet];
    k->given++;
    pr_give_bytes(
        g, k->from, k->to, (pqi_cspan){k->topic, k->topic_len}, (pqi_cspan){k->b, k->len});
}

void pr_settle(pr_net *g, unsigned x, unsigned y)
{
    for (unsigned i = 0; i < 40; i++) {
        size_t first = 0;
        size_t made = pr_pull(g, x, y, &first);
        for (size_t k = first; k < first + made; k++) {
            pr_give(g, k);
        }
        size_t more = pr_pull(g, y, x, &first);
        for (size_t k = first; k < first + more; k++) {
            pr_give(g, k);
        }
        if (made + more == 0) {
            return;
        }
    }
    fail_msg("%s: does not come to rest", g->c->name);
}

void pr_handshake(pr_net *g, unsigned x, unsigned y)
{
    pqi_pair_want(pr_pair(g, x, y), PQI_PAIR_WHY_USER);
    pr_settle(g, x, y);
    assert_true(pr_agreed(g, x, y));
}

pqi_status pr_say(pr_net *g, unsigned from, unsigned to, const char *what, size_t *packet)
{
    pr_end *e = &g->e[from];
    uint64_t next = 0;
    if (pqi_pair_due(&e->env, &e->at[to], &next) & PQI_PAIR_DUE_STORE) {
        store(g, from, to);
    }
    pr_packet *k = new_packet(g, from, to);
    k->topic_len = (size_t)snprintf((char *)k->topic, sizeof k->topic, "plant/%s/x", e->id);
    const pqi_pair_msg m = {.topic = {k->topic, k->topic_len}, .payload = text(what)};
    pqi_status st = pqi_pair_send(&e->env, &e->at[to], &m, (pqi_span){k->b, sizeof k->b}, &k->len);
    *packet = g->n;
    g->n += st == PQI_OK ? 1u : 0u;
    return st;
}

static void expect(pr_net *g, size_t packet, const char *what)
{
    pr_give(g, packet);
    assert_true((g->ev.what & PQI_PAIR_EV_MESSAGE) != 0);
    assert_int_equal(g->ev.payload.len, strlen(what));
    assert_memory_equal(g->ev.payload.ptr, what, strlen(what));
}

void pr_talk(pr_net *g, unsigned from, unsigned to, const char *what)
{
    size_t packet = 0;
    assert_int_equal(pr_say(g, from, to, what, &packet), PQI_OK);
    expect(g, packet, what);
}

void pr_open_both(pr_net *g, unsigned x, unsigned y)
{
    static pr_net copy;
    memcpy(&copy, g, sizeof copy);
    for (unsigned k = 0; k < 2; k++) {
        unsigned from = k == 0 ? x : y, to = k == 0 ? y : x;
        size_t packet = 0;
        pqi_status st = pr_say(g, from, to, "now", &packet);
        if (st == PQI_ERR_MISSING) {
            continue;
        }
        assert_int_equal(st, PQI_OK);
        expect(g, packet, "now");
        memcpy(g, &copy, sizeof copy);
    }
    memcpy(g, &copy, sizeof copy);
}

/* ---- asking -------------------------------------------------------------------------------------- */

uint8_t pr_init(const pr_net *g)
{
    return g->c->mode == PQI_HS_MODE_K ? PQI_HS_T_INIT_K : PQI_HS_T_INIT_S;
}

uint8_t pr_resp(const pr_net *g)
{
    return g->c->mode == PQI_HS_MODE_K ? PQI_HS_T_RESP_K : PQI_HS_T_RESP_S;
}

uint8_t pr_conf(const pr_net *g)
{
    return g->c->mode == PQI_HS_MODE_K ? PQI_HS_T_CONF_K : PQI_HS_T_CONF_S;
}

size_t pr_last(const pr_net *g, unsigned from, unsigned to, uint8_t type)
{
    for (size_t i = g->n; i-- > 0;) {
        if (pr_log[i].from == from && pr_log[i].to == to && pr_log[i].b[0] == type) {
            return i;
        }
    }
    fail_msg("%s: no packet 0x%02x from %u to %u", g->c->name, type, from, to);
    return 0;
}

size_t pr_count(const pr_net *g, unsigned from, unsigned to, uint8_t type)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        n += pr_log[i].from == from && pr_log[i].to == to && pr_log[i].b[0] == type;
    }
    return n;
}

static const pqi_ratchet *head_of(pr_net *g, unsigned x, pqi_table_ref ref)
{
    return pqi_session_view(profile, pqi_table_at(&g->e[x].table, ref)).r;
}

bool pr_agreed(pr_net *g, unsigned x, unsigned y)
{
    const struct pqi_pair_core *a = &pr_pair(g, x, y)->core, *b = &pr_pair(g, y, x)->core;
    if (a->role != PQI_PAIR_NONE || b->role != PQI_PAIR_NONE || a->cand != 0 || b->cand != 0 ||
        a->hs != 0 || b->hs != 0 || a->stable == 0 || b->stable == 0) {
        return false;
    }
    return memcmp(head_of(g, x, a->stable)->sid, head_of(g, y, b->stable)->sid, PQI_HS_SID) == 0;
}

bool pr_is_init(uint8_t type)
{
    return type == PQI_HS_T_INIT_S || type == PQI_HS_T_INIT_K;
}
