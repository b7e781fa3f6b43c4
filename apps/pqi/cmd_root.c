/* SPDX-License-Identifier: Apache-2.0
 * pqi root: the ceremony that makes root manifests, offline. */
#include "commands.h"
#include "root.h"

#include "algs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct root_args {
    pqi_root_changes changes;
    pqi_cli_list sign;
    pqi_cli_kek_args kek;
    const char *fleet, *from, *hash, *out;
    bool partial, json;
} root_args;

#define SIGN_OPTIONS(a)                                                                            \
    PQI_CLI_LIST("sign", "KEYDIR", &(a).sign, "sign with this root directory; several times"),     \
        PQI_CLI_KEK_OPTIONS((a).kek),                                                              \
        PQI_CLI_STRING("out", "FILE", &(a).out, "the manifest (default: standard output)")
#define MORE_ADVICE "pqi root sign adds a signature; --partial writes the file without it"

/* ---- signing ------------------------------------------------------------------------------------ */

static bool has_root_key(const pqi_manifest_key *keys, uint32_t n, const uint8_t *kid)
{
    for (uint32_t i = 0; i < n; i++) {
        if (keys[i].role == PQI_ROLE_ROOT && memcmp(keys[i].kid, kid, PQI_KID_LEN) == 0) {
            return true;
        }
    }
    return false;
}

/* A signature that counts nothing is a mistake: the wrong stick was brought. */
static pqi_cli_exit check_signers(const pqi_root_draft *d, const pqi_manifest *from,
    const pqi_cli_role_set *set, const root_args *a)
{
    for (size_t i = 0; i < set->n; i++) {
        const uint8_t *kid = pqi_host_role_info(set->v[i])->kid;
        if (!has_root_key(d->keys, d->spec.n_keys, kid) &&
            (from == NULL || !has_root_key(from->keys, from->n_keys, kid))) {
            return pqi_cli_fail(PQI_CLI_FAILED,
                from == NULL ? "for a key of the version before it give --from" : NULL,
                "%s holds a root key that the manifest does not name: its signature counts nothing",
                a->sign.v[i]);
        }
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit write_manifest(const pqi_manifest *m, const pqi_manifest *from, pqi_cspan bytes,
    const root_args *a, bool complete)
{
    pqi_cli_exit rc =
        complete ? pqi_root_complete(m, from, "the manifest", MORE_ADVICE) : PQI_CLI_OK;
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_write_file(a->out, bytes);
    }
    if (rc == PQI_CLI_OK && a->out != NULL && strcmp(a->out, "-") != 0) {
        char hash[65], sum[PQI_CHECKSUM_TEXT];
        pqi_cli_hex_encode(hash, m->hash, sizeof m->hash);
        pqi_checksum_text(m->hash, sum);
        printf("version %" PRIu32 " in %s\nhash:     %s\nchecksum: %s\n", m->root_version, a->out,
            hash, sum);
        rc = pqi_root_progress(m, from);
    }
    return rc;
}

/* before: the same manifest with the signatures so far; empty: none. */
static pqi_cli_exit sign_draft(const pqi_root_draft *d, const pqi_manifest *from, pqi_cspan before,
    const root_args *a, bool complete)
{
    pqi_cli_role_set set;
    pqi_cli_exit rc = pqi_cli_roles_open(&a->sign, &a->kek, PQI_ROLE_ROOT, &set);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_span room = {pqi_cli_alloc(PQI_MANIFEST_MAX), PQI_MANIFEST_MAX};
    size_t len = 0;
    rc = check_signers(d, from, &set, a);
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_roles_sign_root(set.v, set.n, &d->spec, before, room, &len);
        if (st == PQI_OK) {
            st = pqi_manifest_decode(pqi_host_role_algs(set.v[0]), (pqi_cspan){room.ptr, len}, m);
        }
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_role_why());
    }
    pqi_cli_roles_close(&set);
    if (rc == PQI_CLI_OK) {
        rc = write_manifest(m, from, (pqi_cspan){room.ptr, len}, a, complete);
    }
    free(room.ptr);
    free(m);
    return rc;
}

/* ---- commands ----------------------------------------------------------------------------------- */

static pqi_cli_exit cmd_new(const pqi_cli_command *self, int argc, char **argv)
{
    root_args a;
    pqi_algs algs;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("fleet", "NAME", &a.fleet, "name of the fleet: its id is made of it"),
        PQI_CLI_LIST(
            "key", "ROLE=FILE", &a.changes.keys, "public record of a role key; several times"),
        PQI_CLI_LIST("threshold", "ROLE=N", &a.changes.thresholds,
            "signatures that a role needs (default: 1); several times"),
        SIGN_OPTIONS(a),
        PQI_CLI_FLAG("partial", &a.partial, "write it although signatures are missing"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes root manifest 1 of a fleet: which keys sign what, and how many must. Compare the\n"
        "checksums that pqi root show prints with those of the holders of the keys, "
        "aloud.\n" PQI_CLI_KEYDIR_ABOUT "\n\n"
        "Example: pqi root new --fleet plant-7 --key root=r1.pub --key root=r2.pub \\\n"
        "           --key root=r3.pub --key issuer=ca.pub --threshold root=2 \\\n"
        "           --sign /mnt/r1 --sign /mnt/r2 -o root.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || a.fleet == NULL || a.changes.keys.n == 0 || a.sign.n == 0) {
        return pqi_cli_usage(self, "--fleet, --key and --sign are needed, and no operand");
    }
    pqi_cli_algs(&algs);
    pqi_root_draft *d = pqi_root_draft_new();
    d->spec.root_version = 1;
    rc = PQI_CLI_OK;
    if (pqi_fleet_id_of(&algs, pqi_cli_span(a.fleet), d->spec.fleet_id) != PQI_OK) {
        rc = pqi_cli_usage(self, "a fleet name has 1 to %u characters", PQI_FLEET_NAME_MAX);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_root_draft_fill(self, d, &a.changes);
    }
    if (rc == PQI_CLI_OK) {
        rc = sign_draft(d, NULL, (pqi_cspan){NULL, 0}, &a, !a.partial);
    }
    pqi_root_draft_free(d);
    return rc;
}

/* A manifest from a file and, where --from names one, the version before it. */
typedef struct pair {
    pqi_span bytes, from_bytes;
    pqi_manifest m, from;
    bool has_from;
} pair;

static pqi_cli_exit pair_load(const char *path, const char *from, pair **out)
{
    pair *p = pqi_cli_alloc(sizeof *p);
    pqi_cli_exit rc = pqi_cli_manifest(path, &p->bytes, &p->m);
    if (rc == PQI_CLI_OK && from != NULL) {
        rc = pqi_cli_manifest(from, &p->from_bytes, &p->from);
        p->has_from = rc == PQI_CLI_OK;
    }
    if (rc != PQI_CLI_OK) {
        free(p->bytes.ptr);
        free(p);
        return rc;
    }
    *out = p;
    return rc;
}

static void pair_free(pair *p)
{
    free(p->bytes.ptr);
    free(p->from_bytes.ptr);
    free(p);
}

static const pqi_manifest *pair_from(const pair *p)
{
    return p->has_from ? &p->from : NULL;
}

static pqi_cli_exit cmd_rotate(const pqi_cli_command *self, int argc, char **argv)
{
    root_args a;
    pair *p = NULL;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_LIST(
            "add-key", "ROLE=FILE", &a.changes.keys, "public record of a new key; several times"),
        PQI_CLI_LIST("remove-key", "KID", &a.changes.remove, "take a key out; several times"),
        PQI_CLI_LIST("threshold", "ROLE=N", &a.changes.thresholds,
            "signatures that a role needs (default: as before); several times"),
        SIGN_OPTIONS(a),
        PQI_CLI_FLAG("partial", &a.partial, "write it although signatures are missing"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes the next version of a root manifest. It needs the root threshold of the old "
        "version\n"
        "and its own. Nothing is written unless both are met, or --partial says "
        "so.\n" PQI_CLI_KEYDIR_ABOUT "\n\n"
        "Example: pqi root rotate root.cbor --remove-key 0123456789abcdef \\\n"
        "           --add-key root=r4.pub --sign /mnt/r2 --sign /mnt/r4 -o root-2.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || a.sign.n == 0) {
        return pqi_cli_usage(self, "rotate takes one operand, the manifest in force, and --sign");
    }
    rc = pair_load(argv[0], NULL, &p);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_root_draft *d = pqi_root_draft_new();
    pqi_root_draft_from(d, &p->m);
    d->spec.root_version++;
    if (d->spec.root_version == 0) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, NULL, "there is no version after this one");
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_root_draft_fill(self, d, &a.changes);
    }
    if (rc == PQI_CLI_OK) {
        rc = sign_draft(d, &p->m, (pqi_cspan){NULL, 0}, &a, !a.partial);
    }
    pqi_root_draft_free(d);
    pair_free(p);
    return rc;
}

/* Refuses a key that has signed already: the second signature would change nothing. */
static pqi_cli_exit already(const pair *p, const root_args *a)
{
    pqi_cli_role_set set;
    pqi_algs algs;
    uint32_t mask = 0;
    pqi_cli_exit rc = pqi_cli_roles_open(&a->sign, &a->kek, PQI_ROLE_ROOT, &set);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cli_algs(&algs);
    pqi_span tmp = {pqi_cli_alloc(pqi_cli_tmp_len(&algs)), pqi_cli_tmp_len(&algs)};
    const pqi_manifest *by[2] = {&p->m, pair_from(p)};
    for (size_t b = 0; b < 2 && by[b] != NULL && rc == PQI_CLI_OK; b++) {
        pqi_status st = pqi_manifest_signed_by(&algs, &p->m, by[b], tmp, &mask);
        if (st != PQI_OK) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "get the file again from who made it",
                "a signature of a root key does not verify");
        }
        for (size_t i = 0; i < set.n && rc == PQI_CLI_OK; i++) {
            for (uint32_t k = 0; k < by[b]->n_keys && rc == PQI_CLI_OK; k++) {
                if ((mask >> k & 1u) != 0 &&
                    memcmp(by[b]->keys[k].kid, pqi_host_role_info(set.v[i])->kid, PQI_KID_LEN) ==
                        0) {
                    rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi root show tells who is missing",
                        "%s has signed it already", a->sign.v[i]);
                }
            }
        }
    }
    free(tmp.ptr);
    pqi_cli_roles_close(&set);
    return rc;
}

static pqi_cli_exit cmd_sign(const pqi_cli_command *self, int argc, char **argv)
{
    root_args a;
    pair *p = NULL;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        SIGN_OPTIONS(a),
        PQI_CLI_STRING("from", "OLD", &a.from, "the version before it, whose keys may sign too"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Adds signatures to a manifest that others have signed, where the keys never meet. Look "
        "at\n"
        "pqi root show before. Signatures made side by side are put together by pqi root "
        "merge.\n" PQI_CLI_KEYDIR_ABOUT "\n\n"
        "Example: pqi root sign root.cbor --sign /mnt/r2 -o root.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || a.sign.n == 0) {
        return pqi_cli_usage(self, "sign takes one operand, the manifest, and --sign");
    }
    rc = pair_load(argv[0], a.from, &p);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_root_draft *d = pqi_root_draft_new();
    pqi_root_draft_from(d, &p->m);
    rc = already(p, &a);
    if (rc == PQI_CLI_OK) {
        rc = sign_draft(d, pair_from(p), (pqi_cspan){p->bytes.ptr, p->bytes.len}, &a, false);
    }
    pqi_root_draft_free(d);
    pair_free(p);
    return rc;
}

static pqi_cli_exit merge_all(int argc, char **argv, pqi_span all, pqi_span other, size_t *len)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    for (int i = 0; i < argc && rc == PQI_CLI_OK; i++) {
        pqi_span in = {NULL, 0};
        rc = pqi_cli_read_file(argv[i], PQI_MANIFEST_MAX, &in);
        if (rc != PQI_CLI_OK) {
            break;
        }
        if (i == 0) {
            memcpy(all.ptr, in.ptr, in.len);
            *len = in.len;
            free(in.ptr);
            continue;
        }
        size_t n = 0;
        pqi_status st =
            pqi_cose_merge((pqi_cspan){all.ptr, *len}, (pqi_cspan){in.ptr, in.len}, other, &n);
        free(in.ptr);
        if (st != PQI_OK) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi root show FILE shows each of them",
                st == PQI_ERR_AUTH ? "%s is another manifest than %s"
                                   : "%s and %s cannot be put together",
                argv[i], argv[0]);
        } else if (n > PQI_MANIFEST_MAX) {
            rc = pqi_cli_fail(PQI_CLI_FAILED, NULL, "the manifest would be too large");
        } else {
            memcpy(all.ptr, other.ptr, n);
            *len = n;
        }
    }
    return rc;
}

static pqi_cli_exit cmd_merge(const pqi_cli_command *self, int argc, char **argv)
{
    root_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("out", "FILE", &a.out, "the manifest (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Puts the signatures of several copies of one manifest together.\n\n"
        "Example: pqi root merge root-a.cbor root-b.cbor -o root.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 2) {
        return pqi_cli_usage(self, "merge takes two manifests or more");
    }
    rc = pqi_cli_require_selftest();
    pqi_span all = {pqi_cli_alloc(2u * PQI_MANIFEST_MAX), 2u * PQI_MANIFEST_MAX};
    pqi_span other = {pqi_cli_alloc(2u * PQI_MANIFEST_MAX), 2u * PQI_MANIFEST_MAX};
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_algs algs;
    size_t len = 0;
    pqi_cli_algs(&algs);
    if (rc == PQI_CLI_OK) {
        rc = merge_all(argc, argv, all, other, &len);
    }
    if (rc == PQI_CLI_OK && pqi_manifest_decode(&algs, (pqi_cspan){all.ptr, len}, m) != PQI_OK) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi inspect FILE tells what the file is",
            "%s is not a root manifest", argv[0]);
    }
    if (rc == PQI_CLI_OK) {
        rc = write_manifest(m, NULL, (pqi_cspan){all.ptr, len}, &a, false);
    }
    free(all.ptr);
    free(other.ptr);
    free(m);
    return rc;
}

static pqi_cli_exit cmd_show(const pqi_cli_command *self, int argc, char **argv)
{
    root_args a;
    pair *p = NULL;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("from", "OLD", &a.from, "the version before it"),
        PQI_CLI_FLAG("json", &a.json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows a manifest with the checksum of each key, to be compared aloud with those that\n"
        "pqi role show prints for the holders, and who has signed.\n\n"
        "Example: pqi root show root.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "show takes one operand: the manifest");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = pair_load(argv[0], a.from, &p);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_root_print(&p->m, pair_from(p), a.json);
        pair_free(p);
    }
    return rc;
}

static pqi_cli_exit check_hash(const pqi_cli_command *self, const pqi_manifest *m, const char *hex)
{
    uint8_t want[32];
    pqi_span room = {want, sizeof want};
    if (hex == NULL) {
        return PQI_CLI_OK;
    }
    if (!pqi_cli_hex_decode(hex, &room) || room.len != sizeof want) {
        return pqi_cli_usage(self, "--hash takes the 64 hex digits of a SHA-256");
    }
    return memcmp(want, m->hash, sizeof want) == 0
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_FAILED, "this is another manifest than the one you mean",
                     "its hash is not %s", hex);
}

static pqi_cli_exit cmd_verify(const pqi_cli_command *self, int argc, char **argv)
{
    root_args a;
    pair *p = NULL;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("from", "OLD", &a.from, "the version before it, which you trust"),
        PQI_CLI_STRING("hash", "HEX", &a.hash, "SHA-256 that it must have"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks that a manifest has all signatures that it needs: its own root keys', and those "
        "of\n"
        "the version before it.\n\n"
        "Example: pqi root verify root-2.cbor --from root.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "verify takes one operand: the manifest");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = pair_load(argv[0], a.from, &p);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = check_hash(self, &p->m, a.hash);
    if (rc == PQI_CLI_OK && p->m.root_version != 1 && !p->has_from && a.hash == NULL) {
        rc = pqi_cli_usage(self, "version %" PRIu32 " needs --from or --hash: what leads to it",
            p->m.root_version);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_root_complete(&p->m, pair_from(p), argv[0], "pqi root sign adds a signature");
    }
    if (rc == PQI_CLI_OK) {
        char sum[PQI_CHECKSUM_TEXT];
        pqi_checksum_text(p->m.hash, sum);
        printf("%s: version %" PRIu32 " is signed as it must be; checksum %s\n", argv[0],
            p->m.root_version, sum);
    }
    pair_free(p);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_root_commands[] = {
    {"new", NULL, cmd_new, "--fleet NAME --key ROLE=FILE... --sign KEYDIR... [--out FILE]",
        "make root manifest 1", NULL, "pqi root new"},
    {"sign", NULL, cmd_sign, "--sign KEYDIR... [--from OLD] [--out FILE] FILE",
        "add signatures to a manifest", NULL, "pqi root sign"},
    {"merge", NULL, cmd_merge, "[--out FILE] FILE FILE...",
        "put the signatures of copies together", NULL, "pqi root merge"},
    {"show", NULL, cmd_show, "[--json] [--from OLD] FILE",
        "show keys, checksums and signatures", NULL, "pqi root show"},
    {"rotate", NULL, cmd_rotate,
        "[--add-key ROLE=FILE]... [--remove-key KID]... --sign KEYDIR... [--out FILE] OLD",
        "make the next version", NULL, "pqi root rotate"},
    {"verify", NULL, cmd_verify, "[--from OLD] [--hash HEX] FILE",
        "check that all signatures are there", NULL, "pqi root verify"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
