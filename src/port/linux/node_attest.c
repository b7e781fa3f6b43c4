/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/node_attest.h"

#include "port/linux/why.h"

#include <pqi/host_attest.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define T_CHALLENGE       0x78u
#define T_PART            0x7au
#define QUOTES_PER_MINUTE 6u
#define ANSWER_MS         20000u
#define SESSION_MS        3000u /* that a question waits for a session where there may be one */

/* Evidence of one peer on its way. */
typedef struct gather {
    char id[PQI_ID_MAX + 1]; /* "": free */
    pqi_attest_gather g;
} gather;

struct pqi_nattest {
    pqi_nattest_env env;
    pqi_attest_budget budget; /* of quotes */
    pqi_span log, out;
    /* the verifier's */
    bool verifies, stopped; /* stopped: its policy does not hold under the root in force */
    pqi_verifier v;
    pqi_attest_peer *peers;
    uint64_t *since_ms; /* for each peer of the endpoint: a question waits for a session; 0: none */
    pqi_span tmp, policy;
    uint32_t root_version;
    gather gathers[PQI_NATTEST_GATHERS];
};

static pqi_cspan view(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

static pqi_status copy(pqi_cspan in, pqi_span *out)
{
    *out = (pqi_span){malloc(in.len != 0 ? in.len : 1u), in.len};
    if (out->ptr == NULL) {
        return PQI_ERR_LIMIT;
    }
    if (in.len != 0) {
        memcpy(out->ptr, in.ptr, in.len);
    }
    return PQI_OK;
}

/* ---- life ----------------------------------------------------------------------------------------- */

static void drop_gather(gather *x)
{
    free(x->g.mem.ptr);
    memset(x, 0, sizeof *x);
}

void pqi_nattest_close(pqi_nattest *a)
{
    if (a == NULL) {
        return;
    }
    for (size_t i = 0; i < PQI_NATTEST_GATHERS; i++) {
        drop_gather(&a->gathers[i]);
    }
    free(a->log.ptr);
    free(a->out.ptr);
    free(a->peers);
    free(a->since_ms);
    free(a->tmp.ptr);
    free(a->policy.ptr);
    free(a);
}

pqi_status pqi_nattest_policy(pqi_nattest *a, pqi_cspan encoded)
{
    pqi_span mine;
    if (!a->verifies || encoded.len == 0 || encoded.len > PQI_ATTEST_POLICY_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_status st = copy(encoded, &mine);
    if (st != PQI_OK) {
        return st;
    }
    const uint32_t root = a->v.policy.root_version, seq = a->v.policy.seq;
    st = pqi_verifier_policy(&a->v, view(mine));
    const bool same = a->v.policy.root_version == root && a->v.policy.seq == seq;
    if (st != PQI_OK || same) { /* what is in force points into what it came in */
        free(mine.ptr);
        return st;
    }
    free(a->policy.ptr);
    a->policy = mine;
    a->stopped = false;
    a->root_version = a->env.manifest->root_version;
    st = pqi_endpoint_attest_policy(
        a->env.endpoint, 0); /* every verdict ends, whatever the number */
    return st == PQI_OK ? pqi_endpoint_attest_policy(a->env.endpoint, a->v.policy.seq) : st;
}

static pqi_status start_verifier(pqi_nattest *a, const pqi_node_attest_cfg *cfg, const pqi_now *now)
{
    const size_t n = a->env.endpoint->cfg.n_peers;
    a->verifies = true;
    a->tmp.len = pqi_host_tmp_len(a->env.algs);
    a->tmp.ptr = malloc(a->tmp.len);
    a->peers = calloc(n, sizeof *a->peers);
    a->since_ms = calloc(n, sizeof *a->since_ms);
    if (a->tmp.ptr == NULL || a->peers == NULL || a->since_ms == NULL) {
        return PQI_ERR_LIMIT;
    }
    const pqi_verifier_cfg v = {.judge = {.algs = a->env.algs,
                                    .verify = pqi_host_p256_verify,
                                    .manifest = a->env.manifest,
                                    .tmp = a->tmp},
        .own_id = a->env.endpoint->cert.device_id,
        .peers = a->peers,
        .n_peers = n,
        .answer_ms = cfg->answer_ms != 0 ? cfg->answer_ms : ANSWER_MS,
        .retry_ms = cfg->retry_ms,
        .per_minute = cfg->per_minute};
    const pqi_status st = pqi_verifier_init(&a->v, &v, now);
    return st == PQI_OK ? pqi_nattest_policy(a, cfg->policy) : st;
}

pqi_status pqi_nattest_open(pqi_nattest **out, const pqi_nattest_env *env,
    const pqi_node_attest_cfg *cfg, const pqi_now *now)
{
    static const pqi_node_attest_cfg none = {.quotes_per_minute = 0};
    cfg = cfg != NULL ? cfg : &none;
    if (cfg->event_log.len > PQI_EVENTLOG_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_nattest *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return PQI_ERR_LIMIT;
    }
    a->env = *env;
    pqi_attest_budget_init(
        &a->budget, cfg->quotes_per_minute != 0 ? cfg->quotes_per_minute : QUOTES_PER_MINUTE, now);
    pqi_status st = copy(cfg->event_log, &a->log);
    if (st == PQI_OK && cfg->policy.len != 0) {
        st = start_verifier(a, cfg, now);
    }
    if (st != PQI_OK) {
        pqi_nattest_close(a);
        return st;
    }
    *out = a;
    return PQI_OK;
}

const pqi_verifier *pqi_nattest_verifier(const pqi_nattest *a)
{
    return a != NULL && a->verifies ? &a->v : NULL;
}

/* ---- asking --------------------------------------------------------------------------------------- */

static void subject_of(const pqi_peer *p, pqi_attest_subject *s)
{
    s->device_id = (pqi_cspan){(const uint8_t *)p->id, p->id_len};
    s->roster_index = p->roster_index;
    memcpy(s->key_id, p->key_id, sizeof s->key_id);
}

/* A policy holds under the root that it names. */
static void watch_root(pqi_nattest *a)
{
    pqi_attest_policy x;
    if (a->env.manifest->root_version == a->root_version) {
        return;
    }
    a->root_version = a->env.manifest->root_version;
    pqi_status st = pqi_attest_policy_decode(a->env.algs, view(a->policy), &x);
    if (st == PQI_OK) {
        st = pqi_attest_policy_verify(a->env.algs, &x, a->env.manifest, a->tmp);
    }
    a->stopped = st != PQI_OK;
    st = pqi_endpoint_attest_policy(a->env.endpoint, a->stopped ? 0 : a->v.policy.seq);
    a->stopped = a->stopped || st != PQI_OK;
}

/* Can it be reached? A peer that thinks it has a session answers in it, so one is made first; where none is
 * demanded it is waited for shortly. */
static bool reachable(pqi_nattest *a, size_t at, const pqi_now *now)
{
    pqi_endpoint *e = a->env.endpoint;
    const pqi_peer *p = &e->cfg.peers[at];
    const pqi_cspan id = {(const uint8_t *)p->id, p->id_len};
    pqi_session_info info;
    if (e->sessions == NULL || (pqi_endpoint_session(e, now, id, &info) == PQI_OK && info.up)) {
        return true;
    }
    const pqi_status st = pqi_endpoint_connect(e, now, id, 0);
    (void)st; /* asked for again at the next call */
    if (e->cfg.sessions.use == PQI_SESSIONS_REQUIRE) {
        return false;
    }
    a->since_ms[at] = a->since_ms[at] != 0 ? a->since_ms[at] : now->mono_ms;
    return now->mono_ms - a->since_ms[at] >= SESSION_MS;
}

static void ask(pqi_nattest *a, const pqi_attest_subject *s, const pqi_now *now)
{
    uint8_t nonce[PQI_ATTEST_NONCE], out[PQI_ATTEST_CHALLENGE_MAX];
    size_t len = 0;
    pqi_status st = a->env.algs->classic->random(nonce, sizeof nonce);
    if (st == PQI_OK) {
        st = pqi_verifier_ask(&a->v, s, nonce, now, (pqi_span){out, sizeof out}, &len);
    }
    if (st == PQI_OK) {
        st = a->env.say(a->env.arg, now, s->device_id, (pqi_cspan){out, len});
    }
    (void)st; /* what was not said is not answered: asked again as after any other loss */
}

/* Memory of parts is for questions that are open. */
static void sweep(pqi_nattest *a, const pqi_now *now)
{
    for (size_t i = 0; i < PQI_NATTEST_GATHERS; i++) {
        gather *x = &a->gathers[i];
        pqi_attest_subject s;
        const pqi_peer *p = x->id[0] != '\0'
                                ? pqi_endpoint_peer(a->env.endpoint,
                                      (pqi_cspan){(const uint8_t *)x->id, strlen(x->id)})
                                : NULL;
        if (p != NULL) {
            subject_of(p, &s);
        }
        if (x->id[0] != '\0' && (p == NULL || !pqi_verifier_expects(&a->v, &s, x->g.nonce, now))) {
            drop_gather(x);
        }
    }
}

void pqi_nattest_tend(pqi_nattest *a, const pqi_now *now)
{
    if (a == NULL || !a->verifies) {
        return;
    }
    const pqi_endpoint *e = a->env.endpoint;
    sweep(a, now);
    watch_root(a);
    if (a->stopped || (e->ctl.policy.rules.flags & PQI_POLICY_ATTEST) == 0) {
        return;
    }
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        const pqi_peer *p = &e->cfg.peers[i];
        pqi_attest_subject s;
        if (!p->used || !p->ready || p->revoked || (p->assurance & PQI_ASSURE_ATTESTED_BOOT) == 0) {
            continue;
        }
        subject_of(p, &s);
        if (pqi_verifier_due(&a->v, &s, now) && reachable(a, i, now)) {
            a->since_ms[i] = 0;
            ask(a, &s, now);
        }
    }
}

/* ---- taking --------------------------------------------------------------------------------------- */

/* The verdict that stands goes to the gate, also when it ended. */
static void settle(pqi_nattest *a, const pqi_attest_subject *s, const pqi_now *now)
{
    pqi_verdict v;
    pqi_verifier_verdict(&a->v, s, now, &v);
    const pqi_status st = pqi_endpoint_set_attested(a->env.endpoint, s->device_id, s->key_id,
        a->v.policy.seq, v.state == PQI_ATTEST_GOOD && !a->stopped ? v.until_ms : 0);
    (void)st; /* a peer with another key by now: no verdict */
}

static void judge(pqi_nattest *a, const pqi_attest_subject *s, pqi_cspan evidence,
    const pqi_now *now, pqi_nattest_news *out)
{
    pqi_attest_result r;
    pqi_now then = pqi_ctl_now(&a->env.endpoint->ctl, now);
    if (pqi_verifier_take(&a->v, s, evidence, &then, &r) != PQI_OK) {
        out->drop = PQI_DROP_ORDER;
        return;
    }
    settle(a, s, now);
    out->told = 1;
    out->state = r.reason == PQI_ATTEST_OK ? PQI_ATTEST_GOOD : PQI_ATTEST_BAD;
    out->reason = r.reason;
}

/* The place of a peer, or a free one. */
static gather *place_of(pqi_nattest *a, const char *peer)
{
    gather *spare = NULL;
    for (size_t i = 0; i < PQI_NATTEST_GATHERS; i++) {
        gather *x = &a->gathers[i];
        if (strcmp(x->id, peer) == 0) {
            return x;
        }
        spare = spare == NULL && x->id[0] == '\0' ? x : spare;
    }
    return spare;
}

/* A first part makes room for the whole; any other one comes behind one. */
static pqi_drop keep(pqi_nattest *a, const char *peer, const pqi_attest_part *p, gather **out)
{
    gather *x = place_of(a, peer);
    if (p->index == 0 && x != NULL) {
        drop_gather(x);
        x->g.mem = (pqi_span){malloc(p->total), p->total};
        if (x->g.mem.ptr == NULL) {
            return PQI_DROP_STATE;
        }
        memcpy(x->id, peer, strlen(peer) + 1u);
    }
    if (x == NULL || x->id[0] == '\0') {
        return p->index == 0 ? PQI_DROP_BUDGET : PQI_DROP_ORDER;
    }
    *out = x;
    return PQI_DROP_NONE;
}

static void take_part(pqi_nattest *a, const pqi_attest_subject *s, const char *peer,
    pqi_cspan plain, const pqi_now *now, pqi_nattest_news *out)
{
    pqi_attest_part p;
    gather *x = NULL;
    if (!a->verifies || a->stopped) {
        out->drop = PQI_DROP_ORDER;
        return;
    }
    if (pqi_attest_part_decode(plain, &p) != PQI_OK) {
        out->drop = PQI_DROP_DECODE;
        return;
    }
    if (!pqi_verifier_expects(&a->v, s, p.nonce, now)) {
        out->drop = PQI_DROP_ORDER; /* nothing of it is kept (INV-35) */
        return;
    }
    out->drop = keep(a, peer, &p, &x);
    if (out->drop != PQI_DROP_NONE) {
        return;
    }
    const pqi_status st = pqi_attest_gather_add(&x->g, &p);
    if (st == PQI_OK) {
        judge(a, s, (pqi_cspan){x->g.mem.ptr, p.total}, now, out);
    } else if (st != PQI_ERR_MISSING) {
        out->drop = PQI_DROP_ORDER;
    }
    if (st != PQI_ERR_MISSING) {
        drop_gather(x);
    }
}

/* ---- answering ------------------------------------------------------------------------------------ */

static pqi_status send_parts(pqi_nattest *a, const pqi_now *now, pqi_cspan peer,
    const uint8_t nonce[PQI_ATTEST_NONCE], pqi_cspan evidence)
{
    uint8_t part[PQI_ATTEST_PART_MAX];
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; st == PQI_OK; i++) {
        size_t len = 0;
        st = pqi_attest_part_encode(nonce, evidence, i, (pqi_span){part, sizeof part}, &len);
        if (st == PQI_OK) {
            st = a->env.say(a->env.arg, now, peer, (pqi_cspan){part, len});
        } else if (st == PQI_ERR_MISSING) {
            return PQI_OK;
        }
    }
    return st;
}

/* A certified peer's question, which names that peer: what it gets is no answer to somebody else's. */
static void answer(
    pqi_nattest *a, const pqi_now *now, pqi_cspan peer, pqi_cspan challenge, pqi_nattest_news *out)
{
    pqi_attest_challenge c;
    size_t len = 0;
    if (pqi_attest_challenge_decode(challenge, &c) != PQI_OK) {
        out->drop = PQI_DROP_DECODE;
        return;
    }
    if (c.verifier_id.len != peer.len || memcmp(c.verifier_id.ptr, peer.ptr, peer.len) != 0) {
        out->drop = PQI_DROP_MISMATCH;
        return;
    }
    if (a->out.ptr == NULL) {
        a->out = (pqi_span){malloc(PQI_ATTEST_SENT_MAX), PQI_ATTEST_SENT_MAX};
    }
    if (a->out.ptr == NULL) {
        out->drop = PQI_DROP_STATE;
        return;
    }
    if (!pqi_attest_budget_take(&a->budget, now)) {
        out->drop = PQI_DROP_BUDGET;
        return;
    }
    const bool fits = a->log.len <= PQI_NATTEST_LOG_MAX;
    pqi_status st = a->env.answer(
        a->env.arg, challenge, fits ? view(a->log) : (pqi_cspan){NULL, 0}, a->out, &len);
    if (st == PQI_OK) {
        st = send_parts(a, now, peer, c.nonce, (pqi_cspan){a->out.ptr, len});
    }
    if (st == PQI_ERR_UNSUPPORTED || st == PQI_ERR_MISSING) {
        return; /* no TPM, or no certificate for its key: silence is the answer */
    }
    out->drop = st == PQI_OK ? PQI_DROP_NONE : PQI_DROP_STATE;
    out->told = st == PQI_OK;
    out->state = PQI_ATTEST_ASKED;
}

void pqi_nattest_take(
    pqi_nattest *a, const pqi_now *now, const char *peer, pqi_cspan plain, pqi_nattest_news *out)
{
    const pqi_cspan id = {(const uint8_t *)peer, strlen(peer)};
    const pqi_peer *p = pqi_endpoint_peer(a->env.endpoint, id);
    pqi_attest_subject s;
    memset(out, 0, sizeof *out);
    if (p == NULL) {
        out->drop = PQI_DROP_UNKNOWN;
        return;
    }
    subject_of(p, &s);
    if (plain.len != 0 && plain.ptr[0] == T_CHALLENGE) {
        answer(a, now, id, plain, out);
    } else if (plain.len != 0 && plain.ptr[0] == T_PART) {
        take_part(a, &s, peer, plain, now, out);
    } else {
        out->drop = PQI_DROP_DECODE;
    }
}
