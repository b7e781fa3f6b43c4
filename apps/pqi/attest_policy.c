/* SPDX-License-Identifier: Apache-2.0
 * pqi attest policy: what the fleet's machines may have started, from text to a signed object. */
#include "attest.h"

#include "algs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A policy from a file, be it text or a signed object. */
typedef struct policy_file {
    pqi_span bytes;
    pqi_attest_text *t; /* t->p is the policy in both cases */
    bool object;
} policy_file;

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

static void unload(policy_file *f)
{
    free(f->bytes.ptr);
    free(f->t);
}

static pqi_cli_exit load(const char *path, policy_file *f)
{
    pqi_algs algs;
    char why[PQI_ATTEST_WHY];
    memset(f, 0, sizeof *f);
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_ATTEST_TEXT_MAX, &f->bytes);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    f->t = pqi_cli_alloc(sizeof *f->t);
    f->object = f->bytes.len != 0 && f->bytes.ptr[0] == 0xd8;
    pqi_cli_algs(&algs);
    if (f->object) {
        const pqi_cspan in = {f->bytes.ptr, f->bytes.len};
        if (pqi_attest_policy_decode(&algs, in, &f->t->p) != PQI_OK) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi inspect tells more",
                "%s is no attestation policy, or it is damaged", path);
        }
    } else if (memchr(f->bytes.ptr, 0, f->bytes.len) != NULL ||
               !pqi_attest_text_parse((char *)f->bytes.ptr, f->t, why)) {
        pqi_cli_plain(why);
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi-attest(1) describes the text", "%s: %s", path,
            memchr(f->bytes.ptr, 0, f->bytes.len) != NULL && why[0] == '\0' ? "no text" : why);
    }
    if (rc != PQI_CLI_OK) {
        unload(f);
    }
    return rc;
}

static pqi_cli_exit signers_of(under *u, const pqi_attest_policy *p, uint32_t *mask, unsigned *n)
{
    pqi_status st = pqi_attest_policy_signed_by(&u->algs, p, &u->m, u->tmp, mask);
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

static pqi_cli_exit of_this_root(const under *u, const pqi_attest_policy *p, const char *path)
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

static pqi_cli_exit complete(
    under *u, const pqi_attest_policy *p, const char *path, const char *advice)
{
    uint32_t mask = 0;
    unsigned n = 0, need = u->m.threshold[PQI_ROLE_POLICY];
    pqi_cli_exit rc = of_this_root(u, p, path);
    if (rc == PQI_CLI_OK) {
        rc = signers_of(u, p, &mask, &n);
    }
    return rc == PQI_CLI_OK && n < need
               ? pqi_cli_fail(PQI_CLI_FAILED, advice, "%s has %u of %u signatures by policy keys",
                     path, n, need)
               : rc;
}

/* ---- sign ----------------------------------------------------------------------------------------- */

typedef struct sign_args {
    pqi_cli_list sign;
    pqi_cli_kek_args kek;
    const char *root, *out;
    uint64_t seq;
    bool partial;
} sign_args;

static pqi_cli_exit number(const pqi_cli_command *self, const under *u, policy_file *f,
    const sign_args *a, const char *path)
{
    pqi_attest_policy *p = &f->t->p;
    if (f->object) {
        return a->seq != 0 ? pqi_cli_usage(self, "%s has its number: --seq is for a text", path)
                           : of_this_root(u, p, path);
    }
    if (a->seq == 0) {
        return pqi_cli_usage(self, "a text needs --seq: above that of the policy in force");
    }
    memcpy(p->fleet_id, u->m.fleet_id, PQI_FLEET_ID_LEN);
    p->root_version = u->m.root_version;
    p->seq = (uint32_t)a->seq;
    return of_this_root(u, p, path);
}

static pqi_cli_exit write_signed(under *u, pqi_cspan bytes, const sign_args *a, bool need_all)
{
    pqi_attest_policy p;
    uint32_t mask = 0;
    unsigned n = 0;
    char sum[PQI_CHECKSUM_TEXT];
    pqi_cli_exit rc =
        pqi_cli_status(pqi_attest_policy_decode(&u->algs, bytes, &p), "reading it back");
    if (rc == PQI_CLI_OK && need_all) {
        rc = complete(u, &p, "the policy",
            "give more --sign, or --partial to write it and add signatures later");
    }
    if (rc == PQI_CLI_OK) {
        rc = signers_of(u, &p, &mask, &n);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(a->out, bytes);
    }
    if (rc == PQI_CLI_OK && a->out != NULL && strcmp(a->out, "-") != 0) {
        pqi_checksum_text(p.hash, sum);
        printf("attestation policy %" PRIu32 " in %s, checksum %s, %u of %u signatures\n", p.seq,
            a->out, sum, n, u->m.threshold[PQI_ROLE_POLICY]);
    }
    return rc;
}

static pqi_cli_exit sign_with(
    under *u, const policy_file *f, const pqi_cli_role_set *set, const sign_args *a)
{
    pqi_span room = {pqi_cli_alloc(PQI_ATTEST_POLICY_MAX), PQI_ATTEST_POLICY_MAX};
    pqi_cspan before = {NULL, 0};
    size_t len = 0;
    if (f->object) {
        before = (pqi_cspan){f->bytes.ptr, f->bytes.len};
    }
    const pqi_status st = pqi_host_roles_sign_attest(set->v, set->n, &f->t->p, before, room, &len);
    pqi_cli_exit rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_role_why());
    if (rc == PQI_CLI_OK) {
        rc = write_signed(u, (pqi_cspan){room.ptr, len}, a, !f->object && !a->partial);
    }
    free(room.ptr);
    return rc;
}

static pqi_cli_exit sign_file(const pqi_cli_command *self, const sign_args *a, const char *path)
{
    under *u = NULL;
    policy_file f;
    pqi_cli_role_set set;
    pqi_cli_exit rc = under_load(a->root, &u);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = load(path, &f);
    if (rc == PQI_CLI_OK) {
        rc = number(self, u, &f, a, path);
        if (rc == PQI_CLI_OK) {
            rc = pqi_cli_roles_open(&a->sign, &a->kek, PQI_ROLE_POLICY, &set);
        }
        if (rc == PQI_CLI_OK) {
            rc = sign_with(u, &f, &set, a);
            pqi_cli_roles_close(&set);
        }
        unload(&f);
    }
    under_free(u);
    return rc;
}

static pqi_cli_exit sign(const pqi_cli_command *self, int argc, char **argv)
{
    sign_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("root", "FILE", &a.root, "the root manifest in force"),
        PQI_CLI_LIST("sign", "KEYDIR", &a.sign, "sign with this policy directory; several times"),
        PQI_CLI_KEK_OPTIONS(a.kek),
        PQI_CLI_UINT(
            "seq", "N", &a.seq, UINT32_MAX, "number of a new policy, above the one in force"),
        PQI_CLI_FLAG("partial", &a.partial, "write it although signatures are missing"),
        PQI_CLI_STRING("out", "FILE", &a.out, "the policy (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes an attestation policy of a text and signs it, or adds signatures to "
        "one.\n" PQI_CLI_KEYDIR_ABOUT "\n\n"
        "Example: pqi attest policy sign --root root.cbor --seq 2 --sign p1 --sign p2 \\\n"
        "           -o attest.cbor attest.txt",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || a.root == NULL || a.sign.n == 0) {
        return pqi_cli_usage(self, "sign takes one operand, a text or policy, --root and --sign");
    }
    rc = pqi_cli_require_selftest();
    return rc == PQI_CLI_OK ? sign_file(self, &a, argv[0]) : rc;
}

/* ---- show, verify ----------------------------------------------------------------------------------- */

static pqi_cli_exit show(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false;
    policy_file f;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Prints an attestation policy, text or signed object, as text that sign reads back.\n\n"
        "Example: pqi attest policy show attest.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "show takes one operand: a text or policy");
    }
    rc = load(argv[0], &f);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_attest_policy *p = &f.t->p;
    if (json) {
        rc = pqi_cli_print_json(
            json_pack("{s:I, s:I, s:o}", "root_version", (json_int_t)p->root_version, "seq",
                (json_int_t)p->seq, "classes", pqi_attest_classes_json(p)));
    } else {
        if (f.object) {
            printf("# attestation policy %" PRIu32 " of root version %" PRIu32 "\n", p->seq,
                p->root_version);
        }
        if (p->n_classes == 0) {
            printf("# it has no class: no machine is allowed\n");
        }
        pqi_attest_text_print(stdout, p);
    }
    unload(&f);
    return rc;
}

static pqi_cli_exit verify(const pqi_cli_command *self, int argc, char **argv)
{
    const char *root = NULL;
    under *u = NULL;
    policy_file f;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("root", "FILE", &root, "the root manifest in force"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks that an attestation policy has the signatures of as many policy keys as the root\n"
        "asks for.\n\n"
        "Example: pqi attest policy verify --root root.cbor attest.cbor",
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
    rc = load(argv[0], &f);
    if (rc == PQI_CLI_OK) {
        rc = f.object ? complete(u, &f.t->p, argv[0], "pqi attest policy sign adds a signature")
                      : pqi_cli_fail(PQI_CLI_FAILED, "pqi attest policy sign makes one of it",
                            "%s is a text: nobody signed it", argv[0]);
        if (rc == PQI_CLI_OK) {
            printf("%s: attestation policy %" PRIu32 " is signed as it must be\n", argv[0],
                f.t->p.seq);
        }
        unload(&f);
    }
    under_free(u);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_attest_policy_commands[] = {
    {"sign", NULL, sign, "--root FILE --sign KEYDIR... [--seq N] [--out FILE] FILE",
        "make a policy of a text, or add signatures", NULL, "pqi attest policy sign"},
    {"show", NULL, show, "[--json] FILE",
        "print a policy as text", NULL, "pqi attest policy show"},
    {"verify", NULL, verify, "--root FILE POLICY",
        "check its signatures", NULL, "pqi attest policy verify"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
