/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_attest.h"

#include "attest_state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pqi_cspan view(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* When the file was written last; 0: it is not there. */
static int64_t written(const char *path)
{
    struct stat sb;
    return stat(path, &sb) == 0 ? (int64_t)sb.st_mtim.tv_sec * 1000000000 + sb.st_mtim.tv_nsec : 0;
}

pqi_cli_exit pqi_cli_attest_open(
    const pqi_cli_attest_args *a, pqi_cli_attest *x, pqi_node_attest_cfg *out)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    memset(x, 0, sizeof *x);
    memset(out, 0, sizeof *out);
    x->args = *a;
    if (a->state != NULL && a->policy == NULL) {
        return pqi_cli_fail(
            PQI_CLI_USAGE, "give --attest POLICYFILE as well", "--attest-state goes with --attest");
    }
    if (a->policy != NULL) {
        x->written = written(a->policy);
        rc = pqi_cli_read_file(a->policy, PQI_ATTEST_POLICY_MAX, &x->policy);
    }
    if (rc == PQI_CLI_OK && a->log != NULL) {
        rc = pqi_cli_read_file(a->log, PQI_EVENTLOG_MAX, &x->log);
    }
    if (rc == PQI_CLI_OK) {
        out->policy = view(x->policy);
        out->event_log = view(x->log);
    }
    return rc;
}

void pqi_cli_attest_free(pqi_cli_attest *x)
{
    free(x->policy.ptr);
    free(x->log.ptr);
    memset(x, 0, sizeof *x);
}

/* The node's verifier as a state file has it: times of the wall clock. */
static pqi_cli_exit save(const pqi_cli_node *n)
{
    const pqi_verifier *v = pqi_host_node_verifier(n->node);
    const char *path = n->attest.args.state;
    if (v == NULL || path == NULL) {
        return PQI_CLI_OK;
    }
    const pqi_now now = pqi_host_now();
    const uint64_t ahead = now.unix_s * 1000u - now.mono_ms;
    pqi_attest_saved s = {.root_version = v->policy.root_version, .policy_seq = v->policy.seq};
    memcpy(s.policy_hash, v->policy.hash, sizeof s.policy_hash);
    s.peers = pqi_cli_alloc(PQI_ATTEST_STATE_PEERS * sizeof *s.peers);
    for (size_t i = 0; i < v->cfg.n_peers && i < PQI_ATTEST_STATE_PEERS; i++) {
        pqi_attest_peer *p = &s.peers[i];
        *p = v->cfg.peers[i];
        p->asked_ms += p->asked_ms != 0 ? ahead : 0;
        p->until_ms += p->until_ms != 0 ? ahead : 0;
        p->next_ask_ms += p->next_ask_ms != 0 ? ahead : 0;
    }
    const pqi_cli_exit rc = pqi_attest_state_write(path, &s);
    pqi_attest_state_free(&s);
    return rc;
}

/* A policy below the one that the file tells of is none. */
static pqi_cli_exit check_floor(const pqi_cli_node *n)
{
    const pqi_verifier *v = pqi_host_node_verifier(n->node);
    pqi_attest_saved s;
    if (v == NULL || n->attest.args.state == NULL) {
        return PQI_CLI_OK;
    }
    pqi_cli_exit rc = pqi_attest_state_read(n->attest.args.state, &s);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_attest_policy *p = &v->policy;
    const bool level = p->root_version == s.root_version && p->seq == s.policy_seq;
    const bool older = p->root_version < s.root_version ||
                       (p->root_version == s.root_version && p->seq < s.policy_seq);
    if (older || (level && memcmp(p->hash, s.policy_hash, sizeof p->hash) != 0)) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "give the newest policy",
            "%s has number %" PRIu32 ", and number %" PRIu32 "%s was in force here",
            n->attest.args.policy, p->seq, s.policy_seq, older ? "" : " of another content");
    }
    pqi_attest_state_free(&s);
    return rc;
}

pqi_cli_exit pqi_cli_attest_begin(pqi_cli_node *n)
{
    const pqi_cli_exit rc = check_floor(n);
    return rc == PQI_CLI_OK ? save(n) : rc;
}

pqi_cli_exit pqi_cli_attest_care(pqi_cli_node *n)
{
    pqi_cli_attest *x = &n->attest;
    pqi_span in = {NULL, 0};
    if (x->args.policy == NULL || pqi_cli_seconds() < x->look_at) {
        return PQI_CLI_OK;
    }
    x->look_at = pqi_cli_seconds() + 1.0;
    const int64_t at = written(x->args.policy);
    if (at == 0 || at == x->written) {
        return PQI_CLI_OK;
    }
    x->written = at;
    if (pqi_cli_read_file(x->args.policy, PQI_ATTEST_POLICY_MAX, &in) != PQI_CLI_OK) {
        return PQI_CLI_OK; /* told; it comes with the next write */
    }
    const pqi_status st = pqi_host_node_attest_policy(n->node, view(in));
    free(in.ptr);
    if (st != PQI_OK) {
        (void)fprintf(stderr, "pqi: %s: no policy that may follow the one in force: %s\n",
            x->args.policy, pqi_status_text(st));
        return PQI_CLI_OK;
    }
    return save(n);
}

pqi_cli_exit pqi_cli_attest_tell(pqi_cli_node *n, const pqi_node_event *ev, bool quiet)
{
    if (ev->kind != PQI_NODE_ATTEST) {
        return PQI_CLI_OK;
    }
    if (ev->attest == PQI_ATTEST_ASKED) {
        n->attest.answered++;
        return PQI_CLI_OK;
    }
    if (ev->attest == PQI_ATTEST_BAD) {
        (void)fprintf(stderr, "pqi: attestation of %s: refused: %s\n", ev->ev.peer,
            pqi_attest_reason_name(ev->attest_reason));
    } else if (!quiet) {
        (void)fprintf(stderr, "pqi: attestation of %s: good\n", ev->ev.peer);
    }
    return save(n);
}

bool pqi_cli_attest_needed(const pqi_cli_node *n)
{
    const pqi_endpoint *e = pqi_host_node_endpoint(n->node);
    return (e->ctl.policy.rules.flags & PQI_POLICY_ATTEST) != 0;
}

bool pqi_cli_attest_open_for(const pqi_cli_node *n, const char *peer)
{
    const pqi_endpoint *e = pqi_host_node_endpoint(n->node);
    const pqi_verifier *v = pqi_host_node_verifier(n->node);
    const pqi_peer *p = pqi_endpoint_peer(e, pqi_cli_span(peer));
    const pqi_now now = pqi_host_now();
    pqi_verdict verdict;
    if (!pqi_cli_attest_needed(n)) {
        return true;
    }
    if (v == NULL || p == NULL) {
        return false;
    }
    pqi_attest_subject s = {.device_id = pqi_cli_span(peer), .roster_index = p->roster_index};
    memcpy(s.key_id, p->key_id, sizeof s.key_id);
    pqi_verifier_verdict(v, &s, &now, &verdict);
    return verdict.state == PQI_ATTEST_GOOD;
}
