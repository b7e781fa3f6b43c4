/* SPDX-License-Identifier: Apache-2.0
 * A CA under a root that is made elsewhere: rosters, the log with a revoker, the next root, a crash between
 * two of them. */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <pqi/host_role.h>

#include <unistd.h>

enum { ROOT, ISSUER_1, ISSUER_2, REVOKER, POLICY, STRANGER, N };

static const pqi_role roles[N] = {PQI_ROLE_ROOT, PQI_ROLE_ISSUER, PQI_ROLE_ISSUER, PQI_ROLE_REVOKER,
    PQI_ROLE_POLICY, PQI_ROLE_ROOT};

typedef struct root {
    uint8_t b[PQI_MANIFEST_MAX];
    size_t len;
} root;

typedef struct world {
    fleet f;
    pqi_algs algs;
    pqi_span tmp;
    char dir[N][96];
    pqi_role_record rec[N];
    uint8_t pk[N][PQI_SIG_MAX_PK];
    root r1, r2, r3; /* issuer 1; both; issuer 2 alone */
    root forged;     /* version 2, by the root key that it names and nobody else */
    node n[3];
} world;

static pqi_host_role *open_role(world *w, int i)
{
    pqi_host_role *r = NULL;
    pqi_host_role_cfg c;
    memset(&c, 0, sizeof c);
    c.dir = w->dir[i];
    c.kek.key_file = w->f.key_file;
    assert_int_equal(pqi_host_role_open(&r, &c), PQI_OK);
    return r;
}

static void make_root(world *w, root *out, uint32_t version, const int *keys, size_t n)
{
    pqi_manifest_key k[N];
    pqi_manifest_spec spec;
    memset(k, 0, sizeof k);
    memset(&spec, 0, sizeof spec);
    for (size_t i = 0; i < n; i++) {
        k[i].role = w->rec[keys[i]].role;
        k[i].alg = w->rec[keys[i]].alg;
        k[i].pk = w->rec[keys[i]].pk;
        spec.threshold[k[i].role] = 1;
    }
    assert_int_equal(
        pqi_fleet_id_of(&w->algs, (pqi_cspan){PQI_LIT("plant-7")}, spec.fleet_id), PQI_OK);
    spec.root_version = version;
    spec.keys = k;
    spec.n_keys = (uint32_t)n;
    pqi_host_role *r = open_role(w, keys[0]);
    assert_int_equal(pqi_host_roles_sign_root(&r, 1, &spec, (pqi_cspan){NULL, 0},
                         (pqi_span){out->b, sizeof out->b}, &out->len),
        PQI_OK);
    pqi_host_role_close(r);
}

static pqi_cspan span_of(const root *r)
{
    return (pqi_cspan){r->b, r->len};
}

static pqi_status init(world *w, const root *r, const char *name)
{
    pqi_host_ca_init_opts o;
    memset(&o, 0, sizeof o);
    o.fleet = name;
    o.manifest = span_of(r);
    return pqi_host_ca_init(&w->f.ca_cfg, &o, w->f.hash);
}

static world *begin(void)
{
    static const int k1[] = {ROOT, ISSUER_1, REVOKER, POLICY};
    static const int k2[] = {ROOT, ISSUER_1, ISSUER_2, REVOKER, POLICY};
    static const int k4[] = {STRANGER, ISSUER_1, ISSUER_2, REVOKER, POLICY};
    static const int k3[] = {ROOT, ISSUER_2, REVOKER, POLICY};
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fleet_begin(&w->f);
    pqi_algs_all(&w->algs, &pqi_classic_openssl);
    w->tmp.len = 1u << 20;
    w->tmp.ptr = malloc(w->tmp.len);
    assert_non_null(w->tmp.ptr);
    for (int i = 0; i < N; i++) {
        (void)snprintf(w->dir[i], sizeof w->dir[i], "%.60s/role-%d", w->f.top, i);
        pqi_host_role_cfg c;
        memset(&c, 0, sizeof c);
        c.dir = w->dir[i];
        c.kek.key_file = w->f.key_file;
        assert_int_equal(pqi_host_role_new(&c, roles[i], PQI_SIG_ID_ML_DSA_44), PQI_OK);
        pqi_host_role *r = open_role(w, i);
        w->rec[i] = *pqi_host_role_info(r);
        memcpy(w->pk[i], w->rec[i].pk.ptr, w->rec[i].pk.len);
        w->rec[i].pk.ptr = w->pk[i];
        pqi_host_role_close(r);
    }
    make_root(w, &w->r1, 1, k1, 4);
    make_root(w, &w->r2, 2, k2, 5);
    make_root(w, &w->r3, 3, k3, 4);
    make_root(w, &w->forged, 2, k4, 5);
    w->f.ca_cfg.issuer_dir = w->dir[ISSUER_1];
    return w;
}

static void end(world *w)
{
    fleet_end(&w->f);
    free(w->tmp.ptr);
    free(w);
}

static pqi_host_ca *open_ca(world *w)
{
    pqi_host_ca *ca = NULL;
    assert_int_equal(pqi_host_ca_open(&ca, &w->f.ca_cfg), PQI_OK);
    return ca;
}

static void enrol(world *w, int n)
{
    for (int i = 0; i < n; i++) {
        char id[16];
        uint32_t epoch = 0;
        (void)snprintf(id, sizeof id, "d-%d", i);
        node_make(&w->f, &w->n[i], id);
        fleet_enrol(&w->f, &w->n[i]);
        assert_int_equal(fleet_provision(&w->f, &w->n[i], &epoch), PQI_OK);
    }
}

static void making(void **state)
{
    (void)state;
    world *w = begin();
    pqi_host_ca_init_opts o;
    memset(&o, 0, sizeof o);
    o.fleet = "plant-7";
    assert_int_equal(
        pqi_host_ca_init(&w->f.ca_cfg, &o, w->f.hash), PQI_ERR_ARG); /* no root at all */
    assert_int_equal(init(w, &w->r3, "plant-7"), PQI_ERR_POLICY);    /* another issuer */
    assert_int_equal(init(w, &w->r1, "plant-8"), PQI_ERR_POLICY);
    w->f.ca_cfg.issuer_dir = w->dir[REVOKER];
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_ERR_POLICY);
    w->f.ca_cfg.issuer_dir = w->dir[ISSUER_1];
    w->r1.b[w->r1.len - 9] ^= 1;
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_ERR_AUTH);
    w->r1.b[w->r1.len - 9] ^= 1;
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_OK);
    assert_int_equal(init(w, &w->r2, "plant-7"), PQI_ERR_STATE);
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_OK);
    /* it remembers where its issuer is */
    w->f.ca_cfg.issuer_dir = NULL;
    enrol(w, 1);
    pqi_host_ca *ca = open_ca(w);
    pqi_host_ca_info info;
    assert_int_equal(pqi_host_ca_get_info(ca, &info), PQI_OK);
    assert_string_equal(info.issuer_dir, w->dir[ISSUER_1]);
    assert_int_equal(info.needs_revoker, 1);
    pqi_host_ca_close(ca);
    end(w);
}

static void rosters(void **state)
{
    (void)state;
    world *w = begin();
    static uint8_t out[PQI_ROSTER_MAX];
    pqi_host_ca_member *m = NULL;
    uint32_t n = 0;
    size_t len = 0;
    pqi_roster r;
    pqi_manifest man;
    uint8_t leaves[3][PQI_HASH_LEN], top[PQI_HASH_LEN];
    uint64_t seq = 0;
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_OK);
    enrol(w, 3);
    pqi_host_ca *ca = open_ca(w);
    /* room that is too small uses up no number */
    assert_int_equal(pqi_host_ca_roster(ca, (pqi_span){out, 10}, &len, &m, &n), PQI_ERR_SPACE);
    assert_null(m);
    assert_int_equal(pqi_host_ca_roster(ca, (pqi_span){out, sizeof out}, &len, &m, &n), PQI_OK);
    assert_int_equal(n, 3);
    assert_int_equal(pqi_roster_decode(&w->algs, (pqi_cspan){out, len}, &r), PQI_OK);
    assert_int_equal(pqi_manifest_decode(&w->algs, span_of(&w->r1), &man), PQI_OK);
    assert_int_equal(pqi_roster_verify(&w->algs, &r, &man, w->tmp), PQI_OK);
    assert_int_equal(r.seq, 1);
    assert_int_equal(r.size, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(m[i].id, w->n[i].id);
        assert_true(i == 0 || m[i].leaf.roster_index > m[i - 1].leaf.roster_index);
        assert_int_equal(pqi_leaf_hash(&w->algs, &m[i].leaf, leaves[i]), PQI_OK);
    }
    assert_int_equal(pqi_roster_root(&w->algs, leaves, 3, top), PQI_OK);
    assert_memory_equal(top, r.root, PQI_HASH_LEN);
    pqi_host_ca_members_free(m);
    /* who is revoked, and whose certificate has ended, is not in it */
    assert_int_equal(pqi_host_ca_revoke(ca, (pqi_cspan){PQI_LIT("d-1")}, 0, 0, &seq), PQI_OK);
    assert_int_equal(pqi_host_ca_roster(ca, (pqi_span){out, sizeof out}, &len, &m, &n), PQI_OK);
    assert_int_equal(n, 2);
    assert_string_equal(m[1].id, "d-2");
    assert_int_equal(pqi_roster_decode(&w->algs, (pqi_cspan){out, len}, &r), PQI_OK);
    assert_int_equal(r.seq, 2);
    pqi_host_ca_members_free(m);
    w->f.now += 400u * 86400u;
    assert_int_equal(pqi_host_ca_roster(ca, (pqi_span){out, sizeof out}, &len, &m, &n), PQI_OK);
    assert_int_equal(n, 0);
    pqi_host_ca_members_free(m);
    pqi_host_ca_close(ca);
    end(w);
}

static void the_log(void **state)
{
    (void)state;
    world *w = begin();
    static uint8_t out[PQI_REVOCATIONS_MAX];
    size_t len = 0;
    uint64_t seq = 0;
    int quorum = 0;
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_OK);
    enrol(w, 2);
    pqi_host_ca *ca = open_ca(w);
    pqi_host_role *both[2] = {open_role(w, REVOKER), open_role(w, POLICY)};
    const pqi_span room = {out, sizeof out};
    assert_int_equal(pqi_host_ca_revoke(ca, (pqi_cspan){PQI_LIT("d-0")}, 0, 3, &seq), PQI_OK);
    assert_int_equal(pqi_host_ca_revocations(ca, room, &len), PQI_ERR_POLICY);
    assert_int_equal(
        pqi_host_ca_revocations_signed(ca, 0, &both[1], 1, room, &len, &quorum), PQI_ERR_POLICY);
    assert_int_equal(len, 0);
    assert_int_equal(pqi_host_ca_revocations_signed(ca, 0, both, 1, room, &len, &quorum), PQI_OK);
    assert_int_equal(quorum, 0);
    assert_int_equal(pqi_host_ca_revocations_signed(ca, 0, both, 2, room, &len, &quorum), PQI_OK);
    assert_int_equal(quorum, 1);
    assert_int_equal(
        pqi_host_ca_revocations_signed(ca, 1, both, 1, room, &len, &quorum), PQI_ERR_MISSING);
    pqi_host_role_close(both[0]);
    pqi_host_role_close(both[1]);
    pqi_host_ca_close(ca);
    end(w);
}

static pqi_status rotate(world *w, const root *r, int force, pqi_host_ca_rooted *done)
{
    pqi_host_ca *ca = open_ca(w);
    pqi_status st = pqi_host_ca_new_root(ca, span_of(r), force, done);
    pqi_host_ca_close(ca);
    return st;
}

static void next_roots(void **state)
{
    (void)state;
    world *w = begin();
    static uint8_t out[PQI_REVOCATIONS_MAX];
    size_t len = 0;
    uint64_t seq = 0;
    int quorum = 0;
    uint32_t epoch = 0;
    pqi_revocations r;
    pqi_host_ca_rooted done;
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_OK);
    enrol(w, 3);
    pqi_host_ca *ca = open_ca(w);
    assert_int_equal(pqi_host_ca_revoke(ca, (pqi_cspan){PQI_LIT("d-2")}, 1, 0, &seq), PQI_OK);
    assert_int_equal(pqi_host_ca_revoke(ca, (pqi_cspan){PQI_LIT("d-1")}, 1, 9, &seq), PQI_OK);
    assert_int_equal(pqi_host_ca_revoke(ca, (pqi_cspan){PQI_LIT("d-2")}, 0, 5, &seq), PQI_OK);
    assert_int_equal(seq, 3);
    pqi_host_ca_close(ca);
    assert_int_equal(rotate(w, &w->r3, 0, &done), PQI_ERR_AUTH); /* leaves a version out */
    assert_int_equal(rotate(w, &w->forged, 1, &done), PQI_ERR_AUTH);
    w->r2.b[w->r2.len - 9] ^= 1;
    assert_int_equal(rotate(w, &w->r2, 0, &done), PQI_ERR_AUTH);
    w->r2.b[w->r2.len - 9] ^= 1;
    w->f.ca_cfg.issuer_dir = w->dir[REVOKER];
    assert_int_equal(rotate(w, &w->r2, 0, &done), PQI_ERR_POLICY);
    w->f.ca_cfg.issuer_dir = w->dir[ISSUER_2];
    assert_int_equal(rotate(w, &w->r2, 0, &done), PQI_OK);
    assert_int_equal(done.root_version, 2);
    assert_int_equal(done.carried, 2); /* of d-2 only what says most */
    assert_int_equal(done.without, 0);
    assert_int_equal(rotate(w, &w->r2, 0, &done), PQI_OK);
    assert_int_equal(done.repeated, 1);
    w->f.ca_cfg.issuer_dir = NULL; /* remembered: the second one */
    /* the new log, under the new version */
    ca = open_ca(w);
    pqi_host_role *rev = open_role(w, REVOKER);
    assert_int_equal(
        pqi_host_ca_revocations_signed(ca, 0, &rev, 1, (pqi_span){out, sizeof out}, &len, &quorum),
        PQI_OK);
    pqi_host_role_close(rev);
    assert_int_equal(pqi_revocations_decode(&w->algs, (pqi_cspan){out, len}, &r), PQI_OK);
    assert_int_equal(r.root_version, 2);
    assert_int_equal(r.count, 2);
    assert_int_equal(pqi_revocations_at(&r, 0).reason, 9);
    assert_int_equal(pqi_revocations_at(&r, 1).min_key_epoch, UINT32_MAX);
    assert_int_equal(pqi_host_ca_manifest_of(ca, 1, (pqi_span){out, sizeof out}, &len), PQI_OK);
    assert_int_equal(len, w->r1.len);
    assert_memory_equal(out, w->r1.b, len);
    assert_int_equal(
        pqi_host_ca_manifest_of(ca, 3, (pqi_span){out, sizeof out}, &len), PQI_ERR_MISSING);
    pqi_host_ca_close(ca);
    /* a device of the first root renews under the second: the grant brings it */
    assert_int_equal(fleet_provision(&w->f, &w->n[1], &epoch), PQI_OK);
    assert_int_equal(epoch, 2);
    pqi_host_device_status s;
    assert_int_equal(pqi_host_device_get_status(&w->n[1].cfg, &s), PQI_OK);
    assert_int_equal(s.root_version, 2);
    /* d-0 has a certificate of the first issuer, which the third version does not name */
    assert_int_equal(rotate(w, &w->r3, 0, &done), PQI_ERR_POLICY);
    assert_int_equal(done.without, 1);
    ca = open_ca(w);
    pqi_host_ca_info info;
    assert_int_equal(pqi_host_ca_get_info(ca, &info), PQI_OK);
    assert_int_equal(info.root_version, 2);
    pqi_host_ca_close(ca);
    assert_int_equal(rotate(w, &w->r3, 1, &done), PQI_OK);
    assert_int_equal(done.without, 1);
    assert_int_equal(done.root_version, 3);
    end(w);
}

static void device_roots(void **state)
{
    (void)state;
    world *w = begin();
    pqi_now now = {0, 0, 0};
    uint32_t version = 0;
    pqi_host_ca_rooted done;
    assert_int_equal(init(w, &w->r1, "plant-7"), PQI_OK);
    enrol(w, 1);
    const pqi_host_device_cfg *c = &w->n[0].cfg;
    assert_int_equal(pqi_host_device_new_root(c, span_of(&w->r3), &now, &version), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_host_device_new_root(c, span_of(&w->forged), &now, &version), PQI_ERR_AUTH);
    w->r2.b[w->r2.len - 9] ^= 1;
    assert_int_equal(pqi_host_device_new_root(c, span_of(&w->r2), &now, &version), PQI_ERR_AUTH);
    w->r2.b[w->r2.len - 9] ^= 1;
    assert_int_equal(pqi_host_device_new_root(c, span_of(&w->r2), &now, &version), PQI_OK);
    assert_int_equal(version, 2);
    assert_int_equal(pqi_host_device_new_root(c, span_of(&w->r2), &now, &version), PQI_OK);
    assert_int_equal(pqi_host_device_new_root(c, span_of(&w->r1), &now, &version), PQI_ERR_AUTH);
    assert_int_equal(pqi_host_device_new_root(c, span_of(&w->r3), &now, &version), PQI_ERR_POLICY);
    assert_int_equal(version, 0);
    /* it still starts, and renews under the version that brings another issuer */
    pqi_host_device *d = NULL;
    now.unix_s = w->f.now;
    assert_int_equal(pqi_host_device_open(&d, c, &now), PQI_OK);
    pqi_host_device_close(d);
    w->f.ca_cfg.issuer_dir = w->dir[ISSUER_2];
    assert_int_equal(rotate(w, &w->r2, 0, &done), PQI_OK);
    assert_int_equal(rotate(w, &w->r3, 1, &done), PQI_OK);
    uint32_t epoch = 0;
    assert_int_equal(fleet_provision(&w->f, &w->n[0], &epoch), PQI_OK);
    assert_int_equal(pqi_host_device_open(&d, c, &now), PQI_OK);
    pqi_host_device_close(d);
    end(w);
}

PQI_TEST_MAIN(cmocka_unit_test(making), cmocka_unit_test(rosters), cmocka_unit_test(the_log),
    cmocka_unit_test(next_roots), cmocka_unit_test(device_roots))
