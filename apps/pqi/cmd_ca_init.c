/* SPDX-License-Identifier: Apache-2.0
 * pqi ca init: a CA with a root of its own, one under a root made elsewhere, or one with every role on this
 * machine. */
#include "cmd_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct init_args {
    ca_common c;
    pqi_host_ca_init_opts o;
    pqi_cli_kek_args root;
    pqi_cli_profile_args profile;
    const pqi_profile *row;
    const char *manifest, *root_hash;
    uint64_t min_level;
    bool unstandard, forbid_pre, control;
} init_args;

/* Which of the three, and with nothing of another. */
static pqi_cli_exit check_ways(const pqi_cli_command *self, const init_args *a)
{
    int ways = (a->o.root_dir != NULL) + (a->manifest != NULL) + a->control;
    bool root_kek = a->root.key_file != NULL || a->root.passphrase_file != NULL;
    bool algs = a->profile.profile != NULL || a->profile.level != 0;
    if (ways != 1) {
        return pqi_cli_usage(self, "one of --root-dir, --manifest and --control is needed");
    }
    if ((a->manifest != NULL) != (a->c.issuer != NULL)) {
        return pqi_cli_usage(self, "--manifest and --issuer go together");
    }
    if (root_kek && a->o.root_dir == NULL) {
        return pqi_cli_usage(self, "--root-key-file and --root-passphrase-file need --root-dir");
    }
    if (a->root_hash != NULL && a->manifest == NULL) {
        return pqi_cli_usage(self, "--root-hash needs --manifest");
    }
    if (algs && a->manifest != NULL) {
        return pqi_cli_usage(self, "with --manifest the keys are there: no --profile, no --level");
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit check_algorithms(const pqi_cli_command *self, init_args *a)
{
    pqi_cli_exit rc = pqi_cli_profile_read(self, &a->profile, &a->row);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (a->row->id == PQI_PROFILE_SABER_DILITHIUM && !a->unstandard) {
        return pqi_cli_usage(self,
            "saber-dilithium is not standardised: it needs --allow-not-standardised beside it");
    }
    if (a->unstandard && a->forbid_pre) {
        return pqi_cli_usage(
            self, "--allow-not-standardised and --forbid-pre-standard exclude each other");
    }
    a->o.root_alg = a->row->root_sig_id;
    a->o.issuer_alg = a->row->sig_id;
    a->o.min_level = (uint8_t)a->min_level;
    a->o.allow_unstandard = a->unstandard;
    a->o.forbid_pre = a->forbid_pre;
    return PQI_CLI_OK;
}

static pqi_cli_exit make(init_args *a, uint8_t hash[32])
{
    pqi_status st = pqi_host_ca_init(&a->c.cfg, &a->o, hash);
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_ca_why());
}

/* The root key is made here, and may be encrypted differently. */
static pqi_cli_exit with_root(init_args *a, uint8_t hash[32])
{
    bool own = a->root.key_file != NULL || a->root.passphrase_file != NULL;
    pqi_cli_exit rc = PQI_CLI_OK;
    a->root.what = a->o.root_dir;
    a->o.root_kek = a->c.cfg.kek;
    if (own) {
        rc = pqi_cli_kek_read(&a->root, true, &a->o.root_kek);
    }
    if (rc == PQI_CLI_OK) {
        rc = make(a, hash);
    }
    if (own) {
        pqi_cli_kek_wipe(&a->o.root_kek);
    }
    return rc;
}

static pqi_cli_exit check_hash(const pqi_manifest *m, const char *hex)
{
    uint8_t want[32];
    pqi_span room = {want, sizeof want};
    if (hex == NULL) {
        return PQI_CLI_OK;
    }
    if (!pqi_cli_hex_decode(hex, &room) || room.len != sizeof want) {
        return pqi_cli_fail(PQI_CLI_USAGE, "see pqi ca init --help",
            "--root-hash takes the 64 hex digits of a SHA-256");
    }
    return memcmp(want, m->hash, sizeof want) == 0
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_FAILED, "this is another manifest than the one you mean",
                     "its hash is not %s", hex);
}

static pqi_cli_exit under_manifest(init_args *a, uint8_t hash[32])
{
    pqi_span bytes = {NULL, 0};
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_cli_exit rc = pqi_cli_manifest(a->manifest, &bytes, m);
    if (rc == PQI_CLI_OK) {
        rc = check_hash(m, a->root_hash);
    }
    if (rc == PQI_CLI_OK) {
        a->o.manifest = (pqi_cspan){bytes.ptr, bytes.len};
        rc = make(a, hash);
    }
    free(bytes.ptr);
    free(m);
    return rc;
}

static pqi_cli_exit with_control(init_args *a, uint8_t hash[32])
{
    pqi_span manifest = {NULL, 0};
    char *issuer = NULL;
    pqi_cli_exit rc = pqi_ca_control_roles(&a->c, a->o.fleet, a->row, &manifest, &issuer);
    if (rc == PQI_CLI_OK) {
        a->c.cfg.issuer_dir = issuer;
        a->c.cfg.issuer_kek = a->c.cfg.kek;
        a->o.manifest = (pqi_cspan){manifest.ptr, manifest.len};
        rc = make(a, hash);
        memset(&a->c.cfg.issuer_kek, 0, sizeof a->c.cfg.issuer_kek); /* the CA's, wiped once */
        a->c.cfg.issuer_dir = NULL;
    }
    free(manifest.ptr);
    free(issuer);
    return rc;
}

static pqi_cli_exit run(const pqi_cli_command *self, init_args *a)
{
    uint8_t hash[32];
    char hex[65];
    pqi_cli_exit rc = check_ways(self, a);
    if (rc == PQI_CLI_OK) {
        rc = check_algorithms(self, a);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_ca_kek(&a->c, self, true);
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = a->control            ? with_control(a, hash)
         : a->manifest != NULL ? under_manifest(a, hash)
                               : with_root(a, hash);
    pqi_ca_done(&a->c);
    if (rc == PQI_CLI_OK) {
        pqi_cli_hex_encode(hex, hash, sizeof hash);
        printf("%s\n", hex);
    }
    if (rc == PQI_CLI_OK && a->control) {
        printf("role keys in %s/roles, root manifest in %s/root.cbor\n", a->c.dir, a->c.dir);
    }
    return rc;
}

pqi_cli_exit pqi_cmd_ca_init(const pqi_cli_command *self, int argc, char **argv)
{
    init_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        CA_OPTIONS(a.c),
        PQI_CLI_STRING("root-dir", "ROOT", &a.o.root_dir, "new directory for the root key"),
        PQI_CLI_STRING("root-key-file", "FILE", &a.root.key_file, "encrypts the root key instead"),
        PQI_CLI_STRING("root-passphrase-file", "FILE", &a.root.passphrase_file,
            "encrypts the root key instead"),
        PQI_CLI_STRING(
            "manifest", "FILE", &a.manifest, "root manifest of pqi root, instead of ROOT"),
        PQI_CLI_STRING("issuer", "KEYDIR", &a.c.issuer, "role directory of its issuer key"),
        PQI_CLI_STRING("root-hash", "HEX", &a.root_hash, "SHA-256 that the manifest must have"),
        PQI_CLI_FLAG("control", &a.control,
            "make every role on this machine, to try it out: DIR/roles, 2 of 3 root and policy "
            "keys"),
        PQI_CLI_STRING("fleet", "NAME", &a.o.fleet, "a name for people; that of the manifest"),
        PQI_CLI_PROFILE_OPTIONS(a.profile),
        PQI_CLI_UINT("min-level", "N", &a.min_level, 5, "lowest NIST level that is certified"),
        PQI_CLI_FLAG("allow-not-standardised", &a.unstandard,
            "certify algorithms that are not standardised, such as SABER"),
        PQI_CLI_FLAG("forbid-pre-standard", &a.forbid_pre,
            "certify none without a final standard, such as Falcon"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a CA: the root key in ROOT (keep it offline afterwards), the issuer key and the\n"
        "registry in DIR. Prints the root hash that every device pins: compare it by eye.\n"
        "With --manifest the root was made by pqi root, and the issuer key is in a role "
        "directory.\n"
        "The algorithms of the keys and what the CA certifies are final.\n\n"
        "Example: pqi ca init --dir ca --root-dir /mnt/usb/root --fleet plant-7 --key-file ca.key",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || a.o.fleet == NULL ||
        (a.o.root_dir == NULL && a.manifest == NULL && !a.control)) {
        return pqi_cli_usage(self, "--root-dir and --fleet are needed, and no operand");
    }
    return run(self, &a);
}
