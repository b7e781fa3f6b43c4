/* SPDX-License-Identifier: Apache-2.0
 * pqi policy sign, merge, verify. */
#include "policy.h"

#include "algs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sign_args {
    pqi_cli_list sign;
    pqi_cli_kek_args kek;
    const char *root, *out;
    uint64_t seq, tick_base;
    bool partial;
} sign_args;

/* The manifest that policies are signed under. */
typedef struct under {
    pqi_span bytes, tmp;
    pqi_algs algs;
    pqi_manifest m;
} under;

static pqi_cli_exit under_load(const char *path, under **out)
{
    under *u = pqi_cli_alloc(sizeof *u);
    pqi_cli_exit rc = pqi_cli_manifest(path, &u->bytes, &u->m);
    if (rc != PQI_CLI_OK) {
        free(u);
        return rc;
    }
    pqi_cli_algs(&u->algs);
    u->tmp.len = pqi_cli_tmp_len(&u->algs);
    u->tmp.ptr = pqi_cli_alloc(u->tmp.len);
    *out = u;
    return PQI_CLI_OK;
}

static void under_free(under *u)
{
    free(u->bytes.ptr);
    free(u->tmp.ptr);
    free(u);
}

/* The policy keys that signed; *mask by their place in the manifest. Errors are printed. */
static pqi_cli_exit signers_of(under *u, const pqi_policy *p, uint32_t *mask, unsigned *n)
{
    pqi_status st = pqi_policy_signed_by(&u->algs, p, &u->m, u->tmp, mask);
    *n = 0;
    if (st == PQI_ERR_AUTH) {
        return pqi_cli_fail(PQI_CLI_FAILED, "get the file again from who made it",
            "a signature of a policy key does not verify");
    }
    for (uint32_t i = 0; i < u->m.n_keys && st == PQI_OK; i++) {
        *n += u->m.keys[i].role == PQI_ROLE_POLICY && (*mask >> i & 1u) != 0;
    }
    return pqi_cli_status(st, "checking the signatures");
}

pqi_cli_exit pqi_policy_progress(const pqi_policy *p, const char *root)
{
    under *u = NULL;
    uint32_t mask = 0;
    unsigned n = 0;
    pqi_cli_exit rc = under_load(root, &u);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = signers_of(u, p, &mask, &n);
    if (rc == PQI_CLI_OK) {
        printf(
            "# signed by %u of %u policy keys that it needs\n", n, u->m.threshold[PQI_ROLE_POLICY]);
    }
    under_free(u);
    return rc;
}

static pqi_cli_exit of_this_root(const under *u, const pqi_policy *p, const char *path)
{
    if (u->m.threshold[PQI_ROLE_POLICY] == 0) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi root rotate --add-key policy=FILE",
            "the root manifest names no policy key");
    }
    if (memcmp(p->fleet_id, u->m.fleet_id, PQI_FLEET_ID_LEN) != 0) {
        return pqi_cli_fail(PQI_CLI_FAILED, NULL, "%s is of another fleet", path);
    }
    return p->root_version == u->m.root_version
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_FAILED, "sign the text again under the root in force",
                     "%s is of root version %" PRIu32 ", and the manifest is version %" PRIu32,
                     path, p->root_version, u->m.root_version);
}

static pqi_cli_exit complete(under *u, const pqi_policy *p, const char *path, const char *advice)
{
    uint32_t mask = 0;
    unsigned n = 0, need = u->m.threshold[PQI_ROLE_POLICY];
    pqi_cli_exit rc = of_this_root(u, p, path);
    if (rc == PQI_CLI_OK) {
        rc = signers_of(u, p, &mask, &n);
    }
    if (rc == PQI_CLI_OK && n < need) {
        rc = pqi_cli_fail(
            PQI_CLI_FAILED, advice, "%s has %u of %u signatures by policy keys", path, n, need);
    }
    return rc;
}

/* Each signer is a policy key of the manifest, and none has signed already. */
static pqi_cli_exit check_signers(
    under *u, const pqi_policy_file *f, const pqi_cli_role_set *set, const sign_args *a)
{
    uint32_t mask = 0;
    unsigned n = 0;
    pqi_cli_exit rc = f->object ? signers_of(u, f->p, &mask, &n) : PQI_CLI_OK;
    for (size_t i = 0; i < set->n && rc == PQI_CLI_OK; i++) {
        const uint8_t *kid = pqi_host_role_info(set->v[i])->kid;
        uint32_t k = 0;
        while (k < u->m.n_keys && (u->m.keys[k].role != PQI_ROLE_POLICY ||
                                      memcmp(u->m.keys[k].kid, kid, PQI_KID_LEN) != 0)) {
            k++;
        }
        if (k == u->m.n_keys) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi root show lists the keys",
                "%s holds a policy key that the root manifest does not name", a->sign.v[i]);
        } else if ((mask >> k & 1u) != 0) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi policy show --root tells how many are missing",
                "%s has signed it already", a->sign.v[i]);
        }
    }
    return rc;
}

static pqi_cli_exit write_policy(under *u, pqi_cspan bytes, const sign_args *a, bool need_all)
{
    pqi_policy *p = pqi_cli_alloc(sizeof *p);
    uint32_t mask = 0;
    unsigned n = 0;
    pqi_cli_exit rc = pqi_cli_status(pqi_policy_decode(&u->algs, bytes, p), "reading it back");
    if (rc == PQI_CLI_OK && need_all) {
        rc = complete(u, p, "the policy",
            "give more --sign, or --partial to write it and add signatures later");
    }
    if (rc == PQI_CLI_OK) {
        rc = signers_of(u, p, &mask, &n);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(a->out, bytes);
    }
    if (rc == PQI_CLI_OK && a->out != NULL && strcmp(a->out, "-") != 0) {
        char sum[PQI_CHECKSUM_TEXT];
        pqi_checksum_text(p->hash, sum);
        printf("policy %" PRIu32 " in %s, checksum %s, %u of %u signatures\n", p->seq, a->out, sum,
            n, u->m.threshold[PQI_ROLE_POLICY]);
    }
    free(p);
    return rc;
}

static pqi_cli_exit sign_open(
    under *u, const pqi_policy_file *f, const pqi_cli_role_set *set, const sign_args *a)
{
    pqi_cspan before = {NULL, 0};
    pqi_span room = {pqi_cli_alloc(PQI_POLICY_MAX), PQI_POLICY_MAX};
    size_t len = 0;
    if (f->object) {
        before = (pqi_cspan){f->bytes.ptr, f->bytes.len};
    }
    pqi_cli_exit rc = check_signers(u, f, set, a);
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_roles_sign_policy(set->v, set->n, f->p, before, room, &len);
        rc = st == PQI_OK ? PQI_CLI_OK
             : st == PQI_ERR_ARG
                 ? pqi_cli_fail(PQI_CLI_FAILED, "see pqi-policy(1)",
                       "a value of the policy breaks its rule: an id, or a prefix that is no UTF-8")
                 : pqi_cli_why(st, pqi_host_role_why());
    }
    if (rc == PQI_CLI_OK) {
        rc = write_policy(u, (pqi_cspan){room.ptr, len}, a, !f->object && !a->partial);
    }
    free(room.ptr);
    return rc;
}

/* A text gets its numbers here; an object has them. */
static pqi_cli_exit number(const pqi_cli_command *self, const under *u, pqi_policy_file *f,
    const sign_args *a, const char *path)
{
    if (f->object) {
        return a->seq != 0 || a->tick_base != 0
                   ? pqi_cli_usage(
                         self, "%s has its numbers: --seq and --tick-base are for a text", path)
                   : of_this_root(u, f->p, path);
    }
    if (a->seq == 0) {
        return pqi_cli_usage(self, "a text needs --seq: above that of the policy in force");
    }
    memcpy(f->p->fleet_id, u->m.fleet_id, PQI_FLEET_ID_LEN);
    f->p->root_version = u->m.root_version;
    f->p->seq = (uint32_t)a->seq;
    f->p->tick_base = (uint32_t)a->tick_base;
    return of_this_root(u, f->p, path);
}

static pqi_cli_exit sign(const pqi_cli_command *self, const sign_args *a, const char *path)
{
    under *u = NULL;
    pqi_policy_file f;
    pqi_cli_role_set set;
    pqi_cli_exit rc = under_load(a->root, &u);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = pqi_policy_load(path, &f);
    if (rc == PQI_CLI_OK) {
        rc = number(self, u, &f, a, path);
        if (rc == PQI_CLI_OK) {
            rc = pqi_cli_roles_open(&a->sign, &a->kek, PQI_ROLE_POLICY, &set);
        }
        if (rc == PQI_CLI_OK) {
            rc = sign_open(u, &f, &set, a);
            pqi_cli_roles_close(&set);
        }
        pqi_policy_unload(&f);
    }
    under_free(u);
    return rc;
}

pqi_cli_exit pqi_cmd_policy_sign(const pqi_cli_command *self, int argc, char **argv)
{
    sign_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("root", "FILE", &a.root, "the root manifest in force"),
        PQI_CLI_LIST("sign", "KEYDIR", &a.sign, "sign with this policy directory; several times"),
        PQI_CLI_KEK_OPTIONS(a.kek),
        PQI_CLI_UINT(
            "seq", "N", &a.seq, UINT32_MAX, "number of a new policy, above the one in force"),
        PQI_CLI_UINT("tick-base", "N", &a.tick_base, UINT32_MAX,
            "tick of the fleet now, from which ttl-ticks counts (default 0)"),
        PQI_CLI_FLAG("partial", &a.partial, "write it although signatures are missing"),
        PQI_CLI_STRING("out", "FILE", &a.out, "the policy (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a policy of a text and signs it, or adds signatures to a policy that others have\n"
        "signed. Show and diff it before.\n" PQI_CLI_KEYDIR_ABOUT "\n\n"
        "Example: pqi policy sign --root root.cbor --seq 4 --sign p1 --sign p2 \\\n"
        "           -o policy.cbor policy.txt",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || a.root == NULL || a.sign.n == 0) {
        return pqi_cli_usage(self, "sign takes one operand, a text or policy, --root and --sign");
    }
    return sign(self, &a, argv[0]);
}

/* ---- merge, verify ------------------------------------------------------------------------------ */

static pqi_cli_exit merge_one(pqi_span *all, const char *path, const char *first)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_POLICY_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (all->ptr == NULL) {
        *all = in;
        return PQI_CLI_OK;
    }
    pqi_span both = {pqi_cli_alloc(all->len + in.len), all->len + in.len};
    pqi_status st = pqi_cose_merge(
        (pqi_cspan){all->ptr, all->len}, (pqi_cspan){in.ptr, in.len}, both, &both.len);
    free(in.ptr);
    if (st != PQI_OK) {
        free(both.ptr);
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi policy show FILE shows each of them",
            st == PQI_ERR_AUTH ? "%s is another policy than %s"
                               : "%s and %s cannot be put together",
            path, first);
    }
    free(all->ptr);
    *all = both;
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_policy_merge(const pqi_cli_command *self, int argc, char **argv)
{
    const char *out = NULL;
    pqi_span all = {NULL, 0};
    pqi_algs algs;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("out", "FILE", &out, "the policy (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Puts the signatures of several copies of one policy together.\n\n"
        "Example: pqi policy merge policy-a.cbor policy-b.cbor -o policy.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 2) {
        return pqi_cli_usage(self, "merge takes two policies or more");
    }
    rc = PQI_CLI_OK;
    for (int i = 0; i < argc && rc == PQI_CLI_OK; i++) {
        rc = merge_one(&all, argv[i], argv[0]);
    }
    pqi_policy *p = pqi_cli_alloc(sizeof *p);
    pqi_cli_algs(&algs);
    if (rc == PQI_CLI_OK && pqi_policy_decode(&algs, (pqi_cspan){all.ptr, all.len}, p) != PQI_OK) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi inspect FILE tells what the file is",
            "%s is not a policy", argv[0]);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(out, (pqi_cspan){all.ptr, all.len});
    }
    if (rc == PQI_CLI_OK && out != NULL && strcmp(out, "-") != 0) {
        printf("policy %" PRIu32 " in %s\n", p->seq, out);
    }
    free(all.ptr);
    free(p);
    return rc;
}

pqi_cli_exit pqi_cmd_policy_verify(const pqi_cli_command *self, int argc, char **argv)
{
    const char *root = NULL;
    under *u = NULL;
    pqi_policy_file f;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("root", "FILE", &root, "the root manifest in force"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks that a policy has the signatures of as many policy keys as the root asks for.\n\n"
        "Example: pqi policy verify --root root.cbor policy.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || root == NULL) {
        return pqi_cli_usage(self, "verify takes one operand, the policy, and --root");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = under_load(root, &u);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = pqi_policy_load(argv[0], &f);
    if (rc == PQI_CLI_OK) {
        rc = f.object ? complete(u, f.p, argv[0], "pqi policy sign adds a signature")
                      : pqi_cli_fail(PQI_CLI_FAILED, "pqi policy sign makes a policy of it",
                            "%s is a text: nobody signed it", argv[0]);
        if (rc == PQI_CLI_OK) {
            printf("%s: policy %" PRIu32 " is signed as it must be\n", argv[0], f.p->seq);
        }
        pqi_policy_unload(&f);
    }
    under_free(u);
    return rc;
}
