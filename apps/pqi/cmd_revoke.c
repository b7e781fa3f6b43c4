/* SPDX-License-Identifier: Apache-2.0
 * pqi revoke: from the registry to the devices in one command. Each step may be done again: what is there
 * already stays, and the rest follows. */
#include "cli_broker.h"
#include "cli_store.h"
#include "cmd_ca.h"

#include "algs.h"

#include <pqi/endpoint.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct revoke_args {
    ca_common c;
    pqi_cli_list cosign;
    pqi_cli_broker_args broker;
    const char *store;
    uint64_t epoch, reason;
} revoke_args;

/* What is open during the command, and what was found. */
typedef struct revoke_work {
    pqi_cli_role_set roles; /* the revoker, then those who co-sign */
    pqi_host_control *store;
    pqi_host_mqtt *mqtt;
    pqi_control_info info; /* of the store; zero without one */
    pqi_policy_rules rules;
    uint32_t before, after; /* entries of the log */
    bool quorum;            /* enough policy keys are there */
} revoke_work;

/* ---- before anything is changed ----------------------------------------------------------------- */

static pqi_cli_exit open_roles(const revoke_args *a, revoke_work *w)
{
    pqi_cli_list all = a->c.sign;
    for (size_t i = 0; i < a->cosign.n; i++) {
        if (all.n == PQI_CLI_LIST_MAX) {
            return pqi_cli_fail(PQI_CLI_USAGE, NULL, "too many directories");
        }
        all.v[all.n++] = a->cosign.v[i];
    }
    pqi_cli_exit rc = pqi_cli_roles_open(&all, &a->c.kek, PQI_ROLE_NONE, &w->roles);
    for (size_t i = 0; i < w->roles.n && rc == PQI_CLI_OK; i++) {
        pqi_role want = i < a->c.sign.n ? PQI_ROLE_REVOKER : PQI_ROLE_POLICY;
        pqi_role role = pqi_host_role_info(w->roles.v[i])->role;
        if (role != want) {
            rc = pqi_cli_fail(PQI_CLI_USAGE, "--sign takes the revoker, --cosign policy keys",
                "%s holds a %s key, not a %s key", all.v[i], pqi_role_name(role),
                pqi_role_name(want));
        }
    }
    return rc;
}

static pqi_cli_exit open_store(const revoke_args *a, revoke_work *w)
{
    pqi_span policy = {NULL, 0};
    pqi_algs algs;
    w->rules = pqi_policy_default;
    if (a->store == NULL) {
        return PQI_CLI_OK;
    }
    pqi_cli_exit rc = pqi_cli_control_open(a->store, &w->store);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_get_info(w->store, &w->info);
    if (st != PQI_OK) {
        return pqi_cli_control_why(st);
    }
    rc = pqi_cli_control_get(w->store, PQI_OBJ_POLICY, &policy);
    if (rc == PQI_CLI_OK && policy.ptr != NULL) {
        pqi_policy *p = pqi_cli_alloc(sizeof *p);
        pqi_cli_algs(&algs);
        if (pqi_policy_decode(&algs, (pqi_cspan){policy.ptr, policy.len}, p) == PQI_OK) {
            w->rules = p->rules;
        }
        free(p);
    }
    free(policy.ptr);
    return rc;
}

/* The root manifest of the CA tells who must sign. */
static pqi_cli_exit check_roles(const revoke_args *a, revoke_work *w)
{
    pqi_algs algs;
    pqi_span room = {pqi_cli_alloc(PQI_MANIFEST_MAX), PQI_MANIFEST_MAX};
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_cli_exit rc = PQI_CLI_OK;
    size_t len = 0, policies = 0;
    pqi_cli_algs(&algs);
    pqi_status st = pqi_host_ca_manifest(a->c.ca, room, &len);
    if (st == PQI_OK) {
        st = pqi_manifest_decode(&algs, (pqi_cspan){room.ptr, len}, m);
    }
    if (st != PQI_OK) {
        rc = pqi_cli_why(st, pqi_host_ca_why());
    }
    for (size_t i = 0; i < w->roles.n && rc == PQI_CLI_OK; i++) {
        const pqi_role_record *r = pqi_host_role_info(w->roles.v[i]);
        bool named = false;
        for (uint32_t k = 0; k < m->n_keys; k++) {
            named = named || (m->keys[k].role == r->role &&
                                 memcmp(m->keys[k].kid, r->kid, sizeof r->kid) == 0);
        }
        policies += r->role == PQI_ROLE_POLICY;
        if (!named) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi root show lists the keys",
                "the root manifest does not name the %s key that is to sign",
                pqi_role_name(r->role));
        }
    }
    unsigned need = m->threshold[PQI_ROLE_REVOKER];
    if (rc == PQI_CLI_OK && a->c.sign.n < need) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "--sign KEYDIR names the revoker's directory",
            "the root manifest asks for the signature of %u revoker key%s", need,
            need == 1 ? "" : "s");
    }
    w->quorum = m->threshold[PQI_ROLE_POLICY] != 0 && policies >= m->threshold[PQI_ROLE_POLICY];
    if (rc == PQI_CLI_OK && policies != 0 && !w->quorum) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "give more --cosign",
            "%zu policy keys co-sign and %u are needed", policies, m->threshold[PQI_ROLE_POLICY]);
    }
    free(room.ptr);
    free(m);
    return rc;
}

typedef struct open_certs {
    uint64_t epoch; /* 0: all */
    bool any;
} open_certs;

static int find_open(void *ctx, const pqi_host_ca_cert *k)
{
    open_certs *o = ctx;
    o->any =
        o->any || ((o->epoch == 0 || k->key_epoch <= o->epoch) && strcmp(k->state, "revoked") != 0);
    return o->any;
}

/* How many of them are not revoked yet: a repeated command adds nothing to the log. */
static size_t count_new(const revoke_args *a, int n, char **names)
{
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1];
        pqi_host_ca_device d;
        open_certs o = {a->epoch, false};
        const pqi_cspan id = pqi_cli_span(names[i]);
        if (pqi_host_ca_device_get(a->c.ca, id, mem, &d) != PQI_OK) {
            continue; /* the change will say so */
        }
        pqi_status st = pqi_host_ca_each_cert(a->c.ca, id, find_open, &o);
        count += !d.revoked && (a->epoch == 0 || st != PQI_OK || o.any);
    }
    return count;
}

/* Above the revoker's rate devices wait for policy keys: say so before anything is revoked. */
static pqi_cli_exit check_rate(const revoke_args *a, const revoke_work *w, size_t n)
{
    pqi_host_ca_info ca;
    if (w->quorum || a->c.sign.n == 0) {
        return PQI_CLI_OK; /* an issuer that revokes is no revoker with a rate */
    }
    pqi_status st = pqi_host_ca_get_info(a->c.ca, &ca);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_ca_why());
    }
    uint64_t size = w->store != NULL ? w->info.roster_size : ca.active;
    uint64_t may = size * w->rules.rev_ahead_permille / 1000u;
    may = may == 0 ? 1 : may;
    uint64_t ahead =
        w->store != NULL && ca.rev_seq > w->info.head_rev ? ca.rev_seq - w->info.head_rev : 0;
    if (n == 0 || ahead + n <= may) {
        return PQI_CLI_OK;
    }
    return pqi_cli_fail(PQI_CLI_FAILED, "add --cosign KEYDIR for as many policy keys as it takes",
        "a revoker alone may revoke %" PRIu64 " of %" PRIu64 " devices ahead of the next head, and "
        "these are %" PRIu64 ": policy keys must co-sign",
        may, size, ahead + n);
}

/* ---- the change --------------------------------------------------------------------------------- */

static pqi_cli_exit change(revoke_args *a, revoke_work *w, int n, char **names)
{
    pqi_host_ca_info info;
    uint64_t seq = 0;
    size_t failed = 0;
    pqi_status st = pqi_host_ca_get_info(a->c.ca, &info);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_ca_why());
    }
    w->before = (uint32_t)info.rev_seq;
    pqi_cspan *ids = pqi_cli_alloc((size_t)n * sizeof *ids);
    for (int i = 0; i < n; i++) {
        ids[i] = pqi_cli_span(names[i]);
    }
    st = pqi_host_ca_revoke_many(
        a->c.ca, ids, (size_t)n, (uint32_t)a->epoch, (uint8_t)a->reason, &seq, &failed);
    free(ids);
    w->after = (uint32_t)seq;
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_refused(st, pqi_host_ca_why());
}

/* ---- out ---------------------------------------------------------------------------------------- */

static pqi_cli_exit sign(revoke_args *a, const revoke_work *w, uint32_t from, pqi_span *out)
{
    int quorum = 0;
    *out = (pqi_span){pqi_cli_alloc(PQI_REVOCATIONS_MAX), 0};
    pqi_span room = {out->ptr, PQI_REVOCATIONS_MAX};
    pqi_status st = pqi_host_ca_revocations_signed(
        a->c.ca, from, w->roles.v, w->roles.n, room, &out->len, &quorum);
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_refused(st, pqi_host_ca_why());
}

/* The server names no more entries of a revoker alone within its window than the policy's share. */
static void say_held(revoke_work *w)
{
    pqi_control_info info;
    if (pqi_host_control_get_info(w->store, &info) == PQI_OK && info.rev_held != 0) {
        printf("store: heads name the last %" PRIu32
               " later, or at once when policy keys sign: pqi revoke --cosign\n",
            info.rev_held);
    }
}

/* What the store lacks; with a quorum what it has as well, as the quorum counts for that too. */
static pqi_cli_exit to_store(revoke_args *a, revoke_work *w)
{
    pqi_span part = {NULL, 0};
    int is_new = 0;
    if (w->store == NULL || w->after == 0) {
        return PQI_CLI_OK;
    }
    uint32_t from = w->quorum ? 0 : w->info.rev_seq;
    if (from >= w->after) {
        printf("store: has all %" PRIu32 " entries\n", w->after);
        return PQI_CLI_OK;
    }
    pqi_cli_exit rc = sign(a, w, from, &part);
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_control_put(
            w->store, PQI_OBJ_REVOCATIONS, (pqi_cspan){part.ptr, part.len}, &is_new);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_control_why(st);
    }
    free(part.ptr);
    if (rc == PQI_CLI_OK) {
        printf("store: log of %" PRIu32 "%s\n", w->after, is_new ? "" : ", nothing new");
        say_held(w);
    }
    return rc;
}

/* The part takes effect at once; the whole log is for who comes later. */
static pqi_cli_exit to_broker(revoke_args *a, revoke_work *w)
{
    pqi_span part = {NULL, 0}, whole = {NULL, 0};
    if (w->mqtt == NULL || w->after == 0) {
        return PQI_CLI_OK;
    }
    uint32_t from = w->store != NULL && w->info.head_rev < w->before ? w->info.head_rev : w->before;
    from = from >= w->after ? w->after - 1u : from;
    pqi_cli_exit rc = sign(a, w, from, &part);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_broker_publish(
            w->mqtt, PQI_TOPIC_REV_DELTA, (pqi_cspan){part.ptr, part.len}, false);
    }
    if (rc == PQI_CLI_OK) {
        rc = sign(a, w, 0, &whole);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_broker_publish(
            w->mqtt, PQI_TOPIC_REVOCATIONS, (pqi_cspan){whole.ptr, whole.len}, true);
    }
    free(part.ptr);
    free(whole.ptr);
    if (rc == PQI_CLI_OK) {
        printf("broker: entries %" PRIu32 " to %" PRIu32 " published\n", from + 1u, w->after);
    }
    return rc;
}

static pqi_cli_exit to_file(revoke_args *a, const revoke_work *w)
{
    pqi_span whole = {NULL, 0};
    if (a->c.out == NULL) {
        return PQI_CLI_OK;
    }
    pqi_cli_exit rc = sign(a, w, 0, &whole);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(a->c.out, (pqi_cspan){whole.ptr, whole.len});
    }
    free(whole.ptr);
    return rc;
}

static pqi_cli_exit run_open(revoke_args *a, revoke_work *w, int n, char **names)
{
    pqi_cli_exit rc = open_roles(a, w);
    if (rc == PQI_CLI_OK) {
        rc = check_roles(a, w);
    }
    if (rc == PQI_CLI_OK) {
        rc = open_store(a, w);
    }
    if (rc == PQI_CLI_OK) {
        rc = check_rate(a, w, count_new(a, n, names));
    }
    if (rc == PQI_CLI_OK && a->broker.broker != NULL) {
        rc = pqi_cli_broker_open(&a->broker, &w->mqtt);
    }
    if (rc == PQI_CLI_OK) {
        rc = change(a, w, n, names);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    for (int i = 0; i < n; i++) {
        printf("%s: revoked%s\n", names[i], w->after == w->before ? " before" : "");
    }
    /* from here on a failure leaves work that the same command does again */
    pqi_cli_exit broker = to_broker(a, w), store = to_store(a, w), file = to_file(a, w);
    rc = broker != PQI_CLI_OK ? broker : store != PQI_CLI_OK ? store : file;
    if (rc != PQI_CLI_OK) {
        (void)fprintf(stderr, "  the registry has it: run the command again for the rest\n");
    }
    return rc;
}

static pqi_cli_exit run(const pqi_cli_command *self, revoke_args *a, int n, char **names)
{
    char question[96];
    bool keys = a->epoch != 0;
    if (n == 1) {
        (void)snprintf(question, sizeof question,
            keys ? "this revokes the keys of %.32s" : "this revokes %.32s for ever", names[0]);
    } else {
        (void)snprintf(question, sizeof question,
            keys ? "this revokes the keys of %d devices" : "this revokes %d devices for ever", n);
    }
    if (!pqi_cli_sure(a->c.yes, question)) {
        return PQI_CLI_USAGE;
    }
    pqi_cli_exit rc = pqi_ca_ready(&a->c, self);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    revoke_work *w = pqi_cli_alloc(sizeof *w);
    rc = run_open(a, w, n, names);
    pqi_cli_roles_close(&w->roles);
    pqi_host_control_close(w->store);
    pqi_host_mqtt_close(w->mqtt);
    free(w);
    pqi_ca_done(&a->c);
    return rc;
}

pqi_cli_exit pqi_cmd_revoke(const pqi_cli_command *self, int argc, char **argv)
{
    revoke_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("ca", "DIR", &a.c.dir, "the CA directory"),
        PQI_CLI_KEK_OPTIONS(a.c.kek),
        PQI_CLI_LIST(
            "sign", "KEYDIR", &a.c.sign, "the revoker's directory, where the root has one"),
        PQI_CLI_LIST(
            "cosign", "KEYDIR", &a.cosign, "a policy directory that signs too; several times"),
        CA_ISSUER(a.c),
        PQI_CLI_UINT("epoch", "N", &a.epoch, UINT32_MAX - 2u,
            "revoke key epochs up to N only; the device may join again"),
        PQI_CLI_UINT("reason", "N", &a.reason, 255, "a number for your records"),
        PQI_CLI_STORE(&a.store),
        PQI_CLI_BROKER_OPTIONS(a.broker, "publish there, so that it takes effect at once"),
        PQI_CLI_STRING("out", "FILE", &a.c.out, "write the whole log, signed"),
        PQI_CLI_FLAG("yes", &a.c.yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Revokes devices for ever, or their keys up to an epoch: writes the CA's log, signs it, "
        "and\n"
        "gives it to the control plane's store and to the broker. All devices or none. Run it "
        "again\n"
        "when the store or the broker was out of reach.\n" PQI_CLI_KEYDIR_ABOUT "\n\n"
        "Example: pqi revoke --ca ca --key-file ca.key --sign revoker:pass=rev.pass \\\n"
        "           --store control --broker 10.0.0.1 --yes pump-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 1 || a.c.dir == NULL) {
        return pqi_cli_usage(self, "revoke takes device ids, and --ca");
    }
    if (a.store == NULL && a.broker.broker == NULL && a.c.out == NULL) {
        return pqi_cli_usage(
            self, "one of --store, --broker and --out is needed: who should know?");
    }
    return run(self, &a, argc, argv);
}
