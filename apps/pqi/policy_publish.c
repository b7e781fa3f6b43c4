/* SPDX-License-Identifier: Apache-2.0
 * pqi policy publish: a policy goes into force with the next head. */
#include "cli_store.h"
#include "policy.h"

#include "algs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What changes for the fleet, against the newest policy or the default. */
static pqi_cli_exit show_change(pqi_host_control *c, const pqi_policy *next)
{
    pqi_algs algs;
    pqi_span in = {NULL, 0};
    bool any = false;
    pqi_cli_exit rc = pqi_cli_control_get(c, PQI_OBJ_POLICY, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_policy *now = pqi_cli_alloc(sizeof *now);
    now->version = next->version;
    now->rules = pqi_policy_default;
    pqi_cli_algs(&algs);
    if (in.ptr != NULL && pqi_policy_decode(&algs, (pqi_cspan){in.ptr, in.len}, now) != PQI_OK) {
        rc = pqi_cli_fail(PQI_CLI_ENV, "pqi control check", "the policy in the store is damaged");
    }
    if (rc == PQI_CLI_OK) {
        printf("policy %" PRIu32 " after %" PRIu32 ":\n", next->seq, now->seq);
        rc = pqi_policy_diff(now, next, &any);
    }
    if (rc == PQI_CLI_OK && !any) {
        printf("nothing changes\n");
    }
    (void)fflush(stdout); /* before the question */
    free(in.ptr);
    free(now);
    return rc;
}

static pqi_cli_exit publish(const char *store, const pqi_policy_file *f, bool yes)
{
    pqi_host_control *c = NULL;
    int is_new = 0;
    pqi_cli_exit rc = pqi_cli_control_open(store, &c);
    if (rc == PQI_CLI_OK) {
        rc = show_change(c, f->p);
    }
    if (rc == PQI_CLI_OK &&
        !pqi_cli_sure(yes, "this changes what every device of the fleet allows")) {
        rc = PQI_CLI_USAGE;
    }
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_control_put(
            c, PQI_OBJ_POLICY, (pqi_cspan){f->bytes.ptr, f->bytes.len}, &is_new);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_control_why(st);
    }
    if (rc == PQI_CLI_OK) {
        printf("policy %" PRIu32 " %s\n", f->p->seq,
            is_new ? "is in the store; the next head names it" : "was there already");
    }
    pqi_host_control_close(c);
    return rc;
}

pqi_cli_exit pqi_cmd_policy_publish(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    pqi_policy_file f;
    bool yes = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_FLAG("yes", &yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows what a signed policy changes and puts it into the control plane's store, which "
        "takes\n"
        "it with enough signatures alone. It is in force once a head names it.\n\n"
        "Example: pqi policy publish --store control policy.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || store == NULL) {
        return pqi_cli_usage(self, "publish takes one operand, the policy, and --store");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = pqi_policy_load(argv[0], &f);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (f.object) {
        rc = publish(store, &f, yes);
    } else {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi policy sign makes a policy of it",
            "%s is a text: nobody signed it", argv[0]);
    }
    pqi_policy_unload(&f);
    return rc;
}
