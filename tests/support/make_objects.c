/* SPDX-License-Identifier: Apache-2.0
 * make_objects DIR: writes one file per kind of object, always the same bytes, for
 * tests/cli/inspect.sh. Everything comes from the fixtures of the identity tests. */
#include "pqi_test.h"
#include "proto/mqtt/announce.h"
#include "support/control_fixture.h"
#include "support/join_fixture.h"
#include <pqi/v1.h>

static uint8_t buf[PQI_GRANT_MAX];

static pqi_status fixed_random(pqi_provider *p, pqi_span out)
{
    (void)p;
    memset(out.ptr, 0x42, out.len);
    return PQI_OK;
}

static void write_file(const char *dir, const char *name, pqi_cspan bytes)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%.900s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(bytes.ptr, 1, bytes.len, f) != bytes.len || fclose(f) != 0) {
        (void)fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
}

static void must(pqi_status st, const char *what)
{
    if (st != PQI_OK) {
        (void)fprintf(stderr, "%s: %s\n", what, pqi_status_name(st));
        exit(1);
    }
}

static pqi_cspan announcement(fx *f)
{
    static const pqi_cspan topic = {PQI_LIT(PQI_TOPIC_ANNOUNCE "pump-1")};
    pqi_ann_signed s;
    size_t n = 0, sig = 0;
    must(pqi_ann_body(PQI_ANN_SIGNED, 7, f->cert_bytes, (pqi_cspan){NULL, 0},
             (pqi_span){buf, sizeof buf}, &n),
        "announcement");
    pqi_ann_parts(topic, (pqi_cspan){buf, n}, &s);
    must(pqi_provider_sign(f->p, FX_SIG, pqi_ann_domain, s.parts, PQI_ANN_PARTS,
             (pqi_span){buf + n + 2, PQI_SIG_MAX_SIG}, &sig),
        "announcement");
    buf[n] = (uint8_t)(sig >> 8);
    buf[n + 1] = (uint8_t)sig;
    return (pqi_cspan){buf, n + 2 + sig};
}

static pqi_cspan packet(fx *f)
{
    static const uint8_t gk[PQI_GATE_KEY] = {1};
    pqi_v1_seal_in in = {.suite = &pqi_suite_0001,
        .sig_alg = &pqi_sig_ml_dsa_44,
        .sig_key = FX_SIG,
        .seq = 257,
        .plain = {PQI_LIT("{\"rpm\":1450}")}};
    in.ends = (pqi_v1_ends){.id_s = {PQI_LIT("pump-1")},
        .id_r = {PQI_LIT("control")},
        .topic = {PQI_LIT("plant/pump-1/state")},
        .to = {fx_pk(f, FX_KEM2), fx_pk(f, FX_X25519_2)},
        .gk = gk};
    memcpy(in.kid_s, f->cert.key_id, PQI_KID_LEN);
    memset(in.kid_r, 0xee, PQI_KID_LEN);
    size_t n = 0;
    must(pqi_v1_seal(&f->algs, f->p, &in, f->tmp, (pqi_span){buf, sizeof buf}, &n), "v1 packet");
    return (pqi_cspan){buf, n};
}

/* A second manifest, signed by the first: the rotation that --root must accept. */
static pqi_cspan next_manifest(fx *f)
{
    pqi_manifest_key keys[5];
    const pqi_key roots[2] = {FX_ROOT1, FX_ROOT3};
    pqi_manifest_spec s = fx_manifest_spec(f, keys);
    size_t n = 0;
    s.root_version = 2;
    must(pqi_manifest_build(&f->algs, f->p, &s, roots, 2, (pqi_span){buf, sizeof buf}, &n),
        "manifest 2");
    return (pqi_cspan){buf, n};
}

/* Another fleet's manifest: its own signatures are right and nothing of ours verifies under it. */
static pqi_cspan other_manifest(fx *f)
{
    pqi_manifest_key keys[2] = {fx_manifest_key(f, PQI_ROLE_ROOT, FX_STRANGER),
        fx_manifest_key(f, PQI_ROLE_ISSUER, FX_SIG2)};
    const pqi_key root = FX_STRANGER;
    pqi_manifest_spec s = {.root_version = 1, .keys = keys, .n_keys = 2};
    size_t n = 0;
    memcpy(s.fleet_id, "another fleet 01", PQI_FLEET_ID_LEN);
    s.threshold[PQI_ROLE_ROOT] = 1;
    s.threshold[PQI_ROLE_ISSUER] = 1;
    must(pqi_manifest_build(&f->algs, f->p, &s, &root, 1, (pqi_span){buf, sizeof buf}, &n),
        "other manifest");
    return (pqi_cspan){buf, n};
}

/* A certificate for a device that only has KEM keys, with nothing optional in it. */
static pqi_cspan plain_cert(fx *f)
{
    pqi_cert c = fx_cert_fields(f);
    size_t n = 0;
    c.sig_alg = 0;
    c.sig_pk = (pqi_cspan){NULL, 0};
    c.not_before = 0;
    c.not_after = 0;
    c.gwset = 0;
    c.n_scopes = 0;
    must(pqi_cert_build(&f->algs, f->p, FX_ISSUER, &c, (pqi_span){buf, sizeof buf}, &n),
        "KEM-only certificate");
    return (pqi_cspan){buf, n};
}

/* The fleet with a control plane has a manifest of its own. */
static void control_plane(const char *dir)
{
    const cx *f = cx_get();
    write_file(dir, "manifest_control", f->manifest.encoded);
    write_file(dir, "head", f->head.encoded);
    write_file(dir, "roster", f->roster.encoded);
    write_file(dir, "policy", f->policy.encoded);
    write_file(dir, "statement", f->statement.encoded);
    write_file(dir, "tick", (pqi_cspan){f->tick_bytes, sizeof f->tick_bytes});
    write_file(dir, "local_tick", (pqi_cspan){f->local_bytes, sizeof f->local_bytes});
    write_file(dir, "ask", (pqi_cspan){f->ask_bytes, f->ask_len});
    write_file(dir, "answer", (pqi_cspan){f->answer_bytes, f->answer_len});
    buf[0] = PQI_ANSWER_T;
    buf[1] = PQI_OBJ_HEAD;
    buf[2] = buf[3] = 0;
    memcpy(buf + PQI_ANSWER_HEAD, f->head.encoded.ptr, f->head.encoded.len);
    write_file(dir, "answer_head", (pqi_cspan){buf, PQI_ANSWER_HEAD + f->head.encoded.len});
    buf[1] = PQI_OBJ_PATH;
    memcpy(buf + PQI_ANSWER_HEAD, f->path_bytes, f->path_len);
    write_file(dir, "answer_path", (pqi_cspan){buf, PQI_ANSWER_HEAD + f->path_len});
    const size_t n = f->statement.encoded.len;
    static const uint8_t alone[12] = {0, 0, 0, 0, 0, 0, 0, 1}; /* path of a tree of one */
    buf[1] = PQI_OBJ_STATEMENT;
    buf[4] = (uint8_t)(n >> 8);
    buf[5] = (uint8_t)n;
    memcpy(buf + 6, f->statement.encoded.ptr, n);
    memcpy(buf + 6 + n, alone, sizeof alone);
    write_file(dir, "answer_statement", (pqi_cspan){buf, 6 + n + sizeof alone});
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fputs("usage: make_objects DIR\n", stderr);
        return 2;
    }
    jx *j = jx_get();
    fx *f = j->f;
    pqi_provider_ops ops = *f->p->ops;
    ops.random = fixed_random;
    f->p->ops = &ops;
    uint8_t confirm[PQI_CONFIRM_LEN];
    must(pqi_confirm_build(&f->algs, j->confirm_key, f->cert.device_id, f->cert.key_id, confirm),
        "confirmation");
    write_file(argv[1], "cert", f->cert_bytes);
    write_file(argv[1], "manifest", f->manifest_bytes);
    write_file(argv[1], "revocations", f->rev_bytes);
    write_file(argv[1], "factory", j->factory_bytes);
    write_file(argv[1], "challenge", j->challenge_bytes);
    write_file(argv[1], "join", j->join_bytes);
    write_file(argv[1], "grant", j->grant_bytes);
    write_file(argv[1], "confirm", (pqi_cspan){confirm, sizeof confirm});
    write_file(argv[1], "announcement", announcement(f));
    write_file(argv[1], "v1", packet(f));
    write_file(argv[1], "manifest2", next_manifest(f));
    write_file(argv[1], "other", other_manifest(f));
    write_file(argv[1], "kemcert", plain_cert(f));
    control_plane(argv[1]);
    return 0;
}
