/* SPDX-License-Identifier: Apache-2.0
 * pqi device: the life of a device directory. */
#include "algs.h"
#include "cli_control.h"
#include "cli_kek.h"
#include "cli_profile.h"
#include "cmd_util.h"
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct common {
    const char *dir, *out;
    pqi_cli_kek_args kek;
    pqi_host_device_cfg cfg;
} common;

#define COMMON_OPTIONS(c)                                                                          \
    PQI_CLI_STRING("dir", "DIR", &(c).dir, "the device directory"), PQI_CLI_KEK_OPTIONS((c).kek)
#define OUT_OPTION(c, what)                                                                        \
    PQI_CLI_STRING("out", "FILE", &(c).out, what " (default: standard output)")

#define PLAIN_OPTION(b)                                                                            \
    PQI_CLI_FLAG(                                                                                  \
        "no-composite", &(b), "no P-256 halves, although the provider has hardware for them")

/* Checks --dir and the number of operands and reads the KEK. */
static pqi_cli_exit common_ready(
    common *c, const pqi_cli_command *self, int argc, int want, const char *operand)
{
    if (c->dir == NULL) {
        return pqi_cli_usage(self, "--dir is missing");
    }
    if (argc != want) {
        return pqi_cli_usage(self, want == 0 ? "%s takes no operand" : "%s takes one operand: %s",
            self->path, operand);
    }
    c->cfg.dir = c->dir;
    c->kek.what = c->dir;
    return pqi_cli_kek_read(&c->kek, strcmp(self->name, "init") == 0, &c->cfg.kek);
}

static pqi_cli_exit init(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    const char *pin = NULL, *id = NULL;
    bool plain = false;
    pqi_cli_profile_args profile = {0};
    const pqi_profile *row = NULL;
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(c),
        PQI_CLI_STRING("id", "ID", &id, "the device id"),
        PQI_CLI_STRING("root-hash", "HASH", &pin, "what pqi ca init printed, 64 hex digits"),
        PQI_CLI_PROFILE_OPTIONS(profile),
        PLAIN_OPTION(plain),
        OUT_OPTION(c, "factory record for pqi ca allow"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a device: its directory, its factory key, its pinned root. The id is final.\n\n"
        "Example: pqi device init --dir pump-1 --key-file pump-1.key --id pump-1 \\\n"
        "           --root-hash $HASH --out pump-1.factory",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    uint8_t hash[32];
    pqi_span room = {hash, sizeof hash};
    if (pin == NULL || !pqi_cli_hex_decode(pin, &room) || room.len != sizeof hash) {
        return pqi_cli_usage(self, "--root-hash takes the 64 hex digits that pqi ca init printed");
    }
    if (id == NULL) {
        return pqi_cli_usage(self, "--id is missing");
    }
    rc = pqi_cli_profile_read(self, &profile, &row);
    if (rc == PQI_CLI_OK) {
        rc = common_ready(&c, self, argc, 0, "");
    }
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    c.cfg.factory_alg = row->sig_id;
    c.cfg.choice = PQI_HOST_ALSO_SIG | (plain ? PQI_HOST_PLAIN : 0u);
    uint8_t *mem = pqi_cli_alloc(PQI_FACTORY_MAX);
    pqi_span out = {mem, PQI_FACTORY_MAX};
    size_t len = 0;
    pqi_status st = pqi_host_device_init(&c.cfg, pqi_cli_span(id), hash, out, &len);
    pqi_cspan data = {mem, len};
    rc = st == PQI_OK ? pqi_cli_write_file(c.out, data) : pqi_cli_why(st, pqi_host_device_why());
    pqi_cli_kek_wipe(&c.cfg.kek);
    free(mem);
    if (rc == PQI_CLI_OK && c.out != NULL && strcmp(c.out, "-") != 0) {
        printf("%s: factory record in %s\n", id, c.out);
    }
    return rc;
}

typedef struct join_names {
    pqi_cli_profile_args profile;
    const char *kem, *sig, *suite;
    bool kem_only, plain;
} join_names;

/* --kem and --sig go over the profile; --suite brings its KEM. */
static pqi_cli_exit override(
    const pqi_cli_command *self, const join_names *a, pqi_host_join_opts *o)
{
    if (a->suite != NULL) {
        uint16_t suite = pqi_suite_parse(pqi_cli_span(a->suite));
        o->kem_alg = pqi_cli_suite_kem(suite);
        o->suites = pqi_cli_suite_bit(suite);
    }
    if (a->kem != NULL) {
        o->kem_alg = pqi_kem_parse(pqi_cli_span(a->kem));
    }
    if (a->sig != NULL) {
        o->sig_alg = pqi_sig_parse(pqi_cli_span(a->sig));
    }
    if (a->suite != NULL && o->suites == 0) {
        return pqi_cli_usage(self, "--suite does not know \"%.40s\"; pqi version lists", a->suite);
    }
    if (a->kem != NULL && o->kem_alg == 0) {
        return pqi_cli_usage(self, "--kem does not know \"%.40s\"; pqi version lists", a->kem);
    }
    if (a->sig != NULL && o->sig_alg == 0) {
        return pqi_cli_usage(self, "--sig does not know \"%.40s\"; pqi version lists", a->sig);
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit join_opts(
    const pqi_cli_command *self, const join_names *a, pqi_host_join_opts *o)
{
    const pqi_profile *p = NULL;
    pqi_cli_exit rc = pqi_cli_profile_read(self, &a->profile, &p);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (a->sig != NULL && a->kem_only) {
        return pqi_cli_usage(self, "--sig and --kem-only exclude each other");
    }
    o->kem_alg = p->kem_id;
    o->suites = 0; /* those of the KEM that carry no further mark */
    o->sig_alg = a->kem_only ? 0 : p->sig_id;
    o->kem_only = a->kem_only;
    o->choice = (a->kem == NULL && a->suite == NULL ? PQI_HOST_ALSO_KEM : 0u) |
                (a->sig == NULL ? PQI_HOST_ALSO_SIG : 0u) | (a->plain ? PQI_HOST_PLAIN : 0u);
    return override(self, a, o);
}

/* What was asked for; on hardware with P-256 also what has no half there. */
static void say_algorithms(const common *c, pqi_cspan request)
{
    static pqi_join_request r;
    pqi_algs algs;
    char kem[PQI_CLI_ALG_LEN], sig[PQI_CLI_ALG_LEN];
    pqi_cli_algs(&algs);
    if (pqi_join_decode(&algs, request, &r) != PQI_OK) {
        return;
    }
    pqi_cli_kem_name(kem, r.kem_alg);
    pqi_cli_sig_name(sig, r.sig_alg);
    printf("KEM %s, signature %s\n", kem, sig);
    const pqi_kem *k = pqi_algs_kem(&algs, r.kem_alg);
    const pqi_sig *s = pqi_algs_sig(&algs, r.sig_alg);
    const bool plain_kem = (k->flags & PQI_ALG_COMPOSITE) == 0;
    const bool plain_sig = s != NULL && (s->flags & PQI_ALG_COMPOSITE) == 0;
    pqi_host_device_status st;
    if ((plain_kem || plain_sig) && pqi_host_device_get_status(&c->cfg, &st) == PQI_OK &&
        (st.provider_caps & PQI_CAP_HALF) != 0) {
        printf("no P-256 half in hardware: %s%s%s\n", plain_kem ? kem : "",
            plain_kem && plain_sig ? ", " : "", plain_sig ? sig : "");
    }
}

static pqi_cli_exit join(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    join_names names = {0};
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(c),
        PQI_CLI_PROFILE_OPTIONS(names.profile),
        PLAIN_OPTION(names.plain),
        PQI_CLI_STRING("kem", "NAME", &names.kem,
            "another KEM: ml-kem-512, ml-kem-768, ml-kem-1024, ml-kem-768-p256"),
        PQI_CLI_STRING("sig", "NAME", &names.sig,
            "another signature: ml-dsa-44, ml-dsa-65, ml-dsa-87, falcon-512, falcon-1024, or one "
            "of "
            "them but ml-dsa-87 with -p256"),
        PQI_CLI_STRING("suite", "NAME", &names.suite, "only this suite, such as x-wing or gcm-siv"),
        PQI_CLI_FLAG(
            "kem-only", &names.kem_only, "no signing key: it receives messages, and sends none"),
        OUT_OPTION(c, "join request for pqi ca issue"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Answers a challenge of the CA with a request for new operational keys. The installed\n"
        "certificate keeps working until the grant is installed.\n\n"
        "Example: pqi device join --dir pump-1 --key-file pump-1.key --out pump-1.join pump-1.chal",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    pqi_host_join_opts o;
    memset(&o, 0, sizeof o);
    rc = join_opts(self, &names, &o);
    if (rc == PQI_CLI_OK) {
        rc = common_ready(&c, self, argc, 1, "the challenge file, or -");
    }
    pqi_span in = {NULL, 0};
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_read_file(argv[0], PQI_CHALLENGE_MAX, &in);
    }
    if (rc != PQI_CLI_OK) {
        pqi_cli_kek_wipe(&c.cfg.kek);
        return rc;
    }
    uint8_t *mem = pqi_cli_alloc(PQI_JOIN_REQUEST_MAX);
    pqi_span out = {mem, PQI_JOIN_REQUEST_MAX};
    pqi_cspan challenge = {in.ptr, in.len};
    size_t len = 0;
    pqi_status st = pqi_host_device_join(&c.cfg, challenge, &o, out, &len);
    pqi_cspan data = {mem, len};
    rc = st == PQI_OK ? pqi_cli_write_file(c.out, data) : pqi_cli_why(st, pqi_host_device_why());
    if (rc == PQI_CLI_OK && c.out != NULL && strcmp(c.out, "-") != 0) {
        printf("join request in %s\n", c.out);
        say_algorithms(&c, data);
    }
    pqi_cli_kek_wipe(&c.cfg.kek);
    free(mem);
    free(in.ptr);
    return rc;
}

static pqi_cli_exit install(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(c),
        OUT_OPTION(c, "confirmation for pqi ca confirm"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks a grant against the pinned root, installs its certificate, removes the older keys\n"
        "and writes the confirmation.\n\n"
        "Example: pqi device install --dir pump-1 --key-file pump-1.key --out pump-1.ok "
        "pump-1.grant",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    rc = common_ready(&c, self, argc, 1, "the grant file, or -");
    pqi_span in = {NULL, 0};
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_read_file(argv[0], PQI_GRANT_MAX, &in);
    }
    if (rc != PQI_CLI_OK) {
        pqi_cli_kek_wipe(&c.cfg.kek);
        return rc;
    }
    uint8_t confirm[PQI_CONFIRM_LEN];
    pqi_cspan grant = {in.ptr, in.len};
    const pqi_now now = {0, (uint64_t)time(NULL), 0};
    pqi_status st = pqi_host_device_install(&c.cfg, grant, &now, confirm);
    pqi_cspan data = {confirm, sizeof confirm};
    rc = st == PQI_OK ? pqi_cli_write_file(c.out, data) : pqi_cli_why(st, pqi_host_device_why());
    pqi_cli_kek_wipe(&c.cfg.kek);
    free(in.ptr);
    if (rc == PQI_CLI_OK && c.out != NULL && strcmp(c.out, "-") != 0) {
        printf("installed; confirmation in %s\n", c.out);
    }
    return rc;
}

static pqi_cli_exit root(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    const pqi_cli_option options[] = {COMMON_OPTIONS(c), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Takes the next version of the root manifest, which the pinned one must have signed, and\n"
        "pins it. A running device takes it from the control plane, and a grant brings it "
        "along.\n\n"
        "Example: pqi device root --dir pump-1 --key-file pump-1.key root-2.cbor",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    rc = common_ready(&c, self, argc, 1, "the root manifest");
    pqi_span in = {NULL, 0};
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_read_file(argv[0], PQI_MANIFEST_MAX, &in);
    }
    if (rc == PQI_CLI_OK) {
        uint32_t version = 0;
        const pqi_now now = {0, (uint64_t)time(NULL), 0};
        pqi_status st =
            pqi_host_device_new_root(&c.cfg, (pqi_cspan){in.ptr, in.len}, &now, &version);
        rc = st == PQI_OK ? PQI_CLI_OK : pqi_cli_why(st, pqi_host_device_why());
        if (rc == PQI_CLI_OK) {
            printf("root version %" PRIu32 " is pinned\n", version);
        }
    }
    pqi_cli_kek_wipe(&c.cfg.kek);
    free(in.ptr);
    return rc;
}

/* As stored: what the device knows at its next start. */
static json_t *control_json(const pqi_host_control_status *s)
{
    return json_pack("{s:b, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "present",
        s->present, "root_version", (json_int_t)s->root_version, "head_epoch",
        (json_int_t)s->head_epoch, "tick", (json_int_t)s->tick, "age_seconds",
        s->age_s != UINT64_MAX ? json_integer((json_int_t)s->age_s) : json_null(), "policy",
        (json_int_t)s->policy_seq, "revocations", (json_int_t)s->rev_seq, "revoked",
        (json_int_t)s->revoked, "roster", (json_int_t)s->roster_seq, "signed_time",
        (json_int_t)s->signed_time, "gates", pqi_cli_gate_names(s->flags));
}

static void print_control(const pqi_host_control_status *s)
{
    if (!s->present) {
        printf("control:      none in root %" PRIu32 "; %" PRIu32 " revocations\n", s->root_version,
            s->revoked);
        return;
    }
    printf("control:      root %" PRIu32 ", head %" PRIu32 ", tick %" PRIu32, s->root_version,
        s->head_epoch, s->tick);
    if (s->age_s == UINT64_MAX) {
        printf(", its age is lost\n");
    } else {
        printf(", at least %" PRIu64 " s old\n", s->age_s);
    }
    printf("              policy %" PRIu32 ", %" PRIu32 " revocations, roster %" PRIu32 "\n",
        s->policy_seq, s->revoked, s->roster_seq);
    for (unsigned i = 0; i < PQI_GATE_FLAGS; i++) {
        if ((s->flags & (1u << i)) != 0) {
            printf("              closed by %s\n",
                pqi_reason_name((pqi_reason)((unsigned)PQI_REASON_SELF_REVOKED + i)));
        }
    }
}

static pqi_cli_exit print_status_json(const pqi_host_device_status *s)
{
    json_t *j = json_pack("{s:s, s:o, s:o, s:b, s:b, s:s, s:b, s:b}", "id", s->id, "pinned_root",
        pqi_cli_json_hex(s->pinned, sizeof s->pinned), "factory_fingerprint",
        pqi_cli_json_hex(s->factory_fp, sizeof s->factory_fp), "installed", s->installed,
        "join_pending", s->join_pending, "provider", s->provider, "rollback_resistant",
        (s->provider_caps & PQI_CAP_NO_ROLLBACK) != 0, "non_exportable",
        (s->provider_caps & PQI_CAP_NON_EXPORTABLE) != 0);
    if (j != NULL && s->installed) {
        char roles[PQI_CLI_ROLES_LEN], kem[PQI_CLI_ALG_LEN], sig[PQI_CLI_ALG_LEN];
        char suites[PQI_CLI_SUITES_LEN];
        pqi_cli_roles(roles, s->roles);
        pqi_cli_kem_name(kem, s->kem_alg);
        pqi_cli_sig_name(sig, s->sig_alg);
        pqi_cli_suite_names(suites, s->suites);
        json_t *c = json_pack("{s:o, s:o, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s}",
            "fleet_id", pqi_cli_json_hex(s->fleet_id, sizeof s->fleet_id), "key_id",
            pqi_cli_json_hex(s->key_id, sizeof s->key_id), "key_epoch", (json_int_t)s->key_epoch,
            "roster_index", (json_int_t)s->roster_index, "roles", roles, "root_version",
            (json_int_t)s->root_version, "not_before", (json_int_t)s->not_before, "not_after",
            (json_int_t)s->not_after, "kem_alg", (json_int_t)s->kem_alg, "sig_alg",
            (json_int_t)s->sig_alg, "kem", kem, "signature", sig, "suites", suites);
        (void)json_object_set_new(j, "certificate", c);
        (void)json_object_set_new(j, "control", control_json(&s->control));
    }
    return pqi_cli_print_json(j);
}

static pqi_cli_exit print_status(const pqi_host_device_status *s)
{
    char hex[65], date[PQI_CLI_DATE_LEN], roles[PQI_CLI_ROLES_LEN];
    char name[PQI_CLI_ALG_LEN], suites[PQI_CLI_SUITES_LEN];
    printf("id:           %s\n", s->id);
    pqi_cli_hex_encode(hex, s->pinned, sizeof s->pinned);
    printf("pinned root:  %s\n", hex);
    pqi_cli_hex_encode(hex, s->factory_fp, sizeof s->factory_fp);
    printf("factory:      %s\n", hex);
    printf("provider:     %s%s\n", s->provider,
        (s->provider_caps & PQI_CAP_NO_ROLLBACK) != 0 ? "" : " (counters as strong as its disk)");
    if (s->installed) {
        pqi_cli_hex_encode(hex, s->key_id, sizeof s->key_id);
        pqi_cli_date(date, s->not_after);
        pqi_cli_roles(roles, s->roles);
        printf("certificate:  epoch %" PRIu32 ", %s, until %s\n", s->key_epoch, roles, date);
        printf("key id:       %s\n", hex);
        pqi_cli_kem_name(name, s->kem_alg);
        printf("KEM:          %s, X25519\n", name);
        pqi_cli_sig_name(name, s->sig_alg);
        printf("signature:    %s\n", name);
        pqi_cli_suite_names(suites, s->suites);
        printf("suites:       %s\n", suites);
        print_control(&s->control);
    } else {
        printf("certificate:  none\n");
    }
    printf("pending join: %s\n", s->join_pending ? "yes" : "no");
    return PQI_CLI_OK;
}

static pqi_cli_exit status(const pqi_cli_command *self, int argc, char **argv)
{
    common c = {0};
    bool json = false;
    const pqi_cli_option options[] = {
        COMMON_OPTIONS(c),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Tells who the device is and how far it is provisioned. Shows no secret.\n\n"
        "Example: pqi device status --dir pump-1 --key-file pump-1.key",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    rc = common_ready(&c, self, argc, 0, "");
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_host_device_status s;
    pqi_status st = pqi_host_device_get_status(&c.cfg, &s);
    pqi_cli_kek_wipe(&c.cfg.kek);
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_device_why());
    }
    return json ? print_status_json(&s) : print_status(&s);
}

/* clang-format off */
const pqi_cli_command pqi_device_commands[] = {
    {"init", NULL, init, "--dir DIR --id ID --root-hash HASH [--profile NAME] [--level N] [--out FILE]",
        "make a device and its factory record", NULL, "pqi device init"},
    {"join", NULL, join, "--dir DIR [--profile NAME] [--level N] [--out FILE] CHALLENGE",
        "answer a challenge with a join request", NULL, "pqi device join"},
    {"install", NULL, install, "--dir DIR [--out FILE] GRANT",
        "install a grant and write its confirmation", NULL, "pqi device install"},
    {"root", NULL, root, "--dir DIR MANIFEST",
        "take the next root manifest", NULL, "pqi device root"},
    {"status", NULL, status, "--dir DIR [--json]",
        "show who the device is", NULL, "pqi device status"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
