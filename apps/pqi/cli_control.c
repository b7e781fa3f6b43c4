/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_control.h"

const char *pqi_cli_fresh_name(pqi_fresh f)
{
    static const char *const names[] = {"none", "fresh", "aged", "stale", "expired", "unknown"};
    return (unsigned)f < sizeof names / sizeof names[0] ? names[f] : "?";
}

static const struct {
    unsigned bit;
    const char *name, *alarm;
} news[] = {
    {PQI_CTL_NEW_ROOT, "new-root", NULL},
    {PQI_CTL_NEW_HEAD, "new-head", NULL},
    {PQI_CTL_NEW_TICK, "new-tick", NULL},
    {PQI_CTL_NEW_ROSTER, "new-roster", NULL},
    {PQI_CTL_NEW_POLICY, "new-policy", NULL},
    {PQI_CTL_NEW_REVOCATIONS, "new-revocations", NULL},
    {PQI_CTL_NEW_PATH, "new-path", NULL},
    {PQI_CTL_NEW_TIME, "new-time", NULL},
    {PQI_CTL_EQUIVOCATION, "equivocation",
        "two heads of one epoch were signed: class H stops until the root is rotated"},
    {PQI_CTL_REV_GAP, "rev-gap", NULL},
    {PQI_CTL_REV_RATE, "rev-rate",
        "a revoker wants to revoke more than it may alone: the rest waits for the next head"},
    {PQI_CTL_TIME_STEP, "time-step", "signed time jumps farther than the policy allows"},
};

json_t *pqi_cli_control_names(unsigned what)
{
    json_t *j = json_array();
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        if ((what & news[i].bit) != 0) {
            (void)json_array_append_new(j, json_string(news[i].name));
        }
    }
    return j;
}

json_t *pqi_cli_gate_names(unsigned flags)
{
    json_t *j = json_array();
    for (unsigned i = 0; i < PQI_GATE_FLAGS; i++) {
        if ((flags & (1u << i)) != 0) {
            const pqi_reason r = (pqi_reason)((unsigned)PQI_REASON_SELF_REVOKED + i);
            (void)json_array_append_new(j, json_string(pqi_reason_name(r)));
        }
    }
    return j;
}

json_t *pqi_cli_control_json(const pqi_endpoint *e, const pqi_now *now, const pqi_event *ev)
{
    static const pqi_cspan none = {NULL, 0};
    const pqi_ctl *c = &e->ctl;
    return json_pack("{s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "control",
        pqi_cli_control_names(ev->control), "fresh",
        pqi_cli_fresh_name(pqi_ctl_fresh(c, now, none)), "gates",
        pqi_cli_gate_names(pqi_ctl_flags(c, now)), "root", (json_int_t)c->manifest.root_version,
        "head", (json_int_t)c->s.head.head_epoch, "tick", (json_int_t)c->s.tick, "policy",
        (json_int_t)c->policy.seq, "revocations", (json_int_t)c->rev.seq, "roster",
        (json_int_t)c->s.roster.seq);
}

void pqi_cli_control_print(
    const pqi_endpoint *e, const pqi_now *now, const pqi_event *ev, FILE *out)
{
    static const pqi_cspan none = {NULL, 0};
    const pqi_ctl *c = &e->ctl;
    (void)fprintf(out, "control (%s)", pqi_cli_fresh_name(pqi_ctl_fresh(c, now, none)));
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        if ((ev->control & news[i].bit) != 0) {
            (void)fprintf(out, " %s", news[i].name);
        }
    }
    (void)fprintf(out, ": root %u, head %u, tick %u, policy %u, revocations %u\n",
        c->manifest.root_version, c->s.head.head_epoch, c->s.tick, c->policy.seq, c->rev.seq);
}

void pqi_cli_control_alarm(const pqi_event *ev)
{
    for (size_t i = 0; i < sizeof news / sizeof news[0]; i++) {
        if ((ev->control & news[i].bit & PQI_CLI_ALARMS) != 0) {
            (void)fprintf(stderr, "pqi: alarm: %s: %s\n", news[i].name, news[i].alarm);
        }
    }
}

const char *pqi_cli_reason_help(pqi_reason r)
{
    switch ((unsigned)r) {
    case PQI_REASON_AGED:
    case PQI_REASON_STALE:
    case PQI_REASON_EXPIRED:
    case PQI_REASON_UNKNOWN:
        return "is the control plane running? --wait SECONDS waits longer for its newest tick";
    case PQI_REASON_ROLLBACK:
    case PQI_REASON_REV_GAP:
    case PQI_REASON_POLICY_GAP:
        return "what is missing is asked for: is the control plane running? --wait SECONDS waits "
               "longer";
    case PQI_REASON_SELF_REVOKED:
    case PQI_REASON_PEER_REVOKED:
        return "a revoked device comes back with a new certificate: pqi device join";
    case PQI_REASON_EQUIVOCATION:
        return "rotate the root, and find out who signed two heads";
    default:
        return "docs/spec/gates.md says what each reason means and what ends it";
    }
}
