/* SPDX-License-Identifier: Apache-2.0
 * Role directories, their records, and what several of them sign together. */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <pqi/host_role.h>

#include <sys/stat.h>
#include <unistd.h>

#define N_ROLES 4 /* root-0, root-1, policy, revoker */

typedef struct world {
    fleet f;
    pqi_algs algs;
    pqi_span tmp;
    char dir[N_ROLES][96];
    pqi_host_role *r[N_ROLES];
    pqi_manifest m;
    uint8_t manifest[PQI_MANIFEST_MAX];
    size_t manifest_len;
} world;

static const pqi_role roles[N_ROLES] = {
    PQI_ROLE_ROOT, PQI_ROLE_ROOT, PQI_ROLE_POLICY, PQI_ROLE_REVOKER};

static pqi_host_role_cfg cfg_of(const world *w, int i)
{
    pqi_host_role_cfg c;
    memset(&c, 0, sizeof c);
    c.dir = w->dir[i];
    c.kek.key_file = w->f.key_file;
    return c;
}

static void spec_of(const world *w, pqi_manifest_spec *s, pqi_manifest_key *keys)
{
    memset(s, 0, sizeof *s);
    memset(keys, 0, N_ROLES * sizeof *keys);
    for (int i = 0; i < N_ROLES; i++) {
        const pqi_role_record *r = pqi_host_role_info(w->r[i]);
        keys[i].role = r->role;
        keys[i].alg = r->alg;
        keys[i].pk = r->pk;
        s->threshold[r->role] = r->role == PQI_ROLE_ROOT ? 2 : 1;
    }
    s->root_version = 1;
    s->keys = keys;
    s->n_keys = N_ROLES;
}

static void begin(world *w)
{
    pqi_manifest_key keys[N_ROLES];
    pqi_manifest_spec spec;
    memset(w, 0, sizeof *w);
    fleet_begin(&w->f);
    pqi_algs_all(&w->algs, &pqi_classic_openssl);
    w->tmp.len = 1u << 20;
    w->tmp.ptr = malloc(w->tmp.len);
    assert_non_null(w->tmp.ptr);
    for (int i = 0; i < N_ROLES; i++) {
        (void)snprintf(w->dir[i], sizeof w->dir[i], "%.60s/role-%d", w->f.top, i);
        const pqi_host_role_cfg c = cfg_of(w, i);
        assert_int_equal(pqi_host_role_new(&c, roles[i], PQI_SIG_ID_ML_DSA_44), PQI_OK);
        assert_int_equal(pqi_host_role_open(&w->r[i], &c), PQI_OK);
    }
    spec_of(w, &spec, keys);
    assert_int_equal(pqi_host_roles_sign_root(w->r, 2, &spec, (pqi_cspan){NULL, 0},
                         (pqi_span){w->manifest, sizeof w->manifest}, &w->manifest_len),
        PQI_OK);
    assert_int_equal(
        pqi_manifest_decode(&w->algs, (pqi_cspan){w->manifest, w->manifest_len}, &w->m), PQI_OK);
}

static void end(world *w)
{
    for (int i = 0; i < N_ROLES; i++) {
        pqi_host_role_close(w->r[i]);
    }
    free(w->tmp.ptr);
    fleet_end(&w->f);
}

static world *new_world(void)
{
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    begin(w);
    return w;
}

static void end_world(world *w)
{
    end(w);
    free(w);
}

/* ---- names --------------------------------------------------------------------------------------- */

static void names(void **state)
{
    (void)state;
    for (int i = PQI_ROLE_ROOT; i <= PQI_ROLE_HEAD; i++) {
        assert_int_equal(pqi_role_parse(pqi_role_name((pqi_role)i)), i);
    }
    assert_string_equal(pqi_role_name(PQI_ROLE_NONE), "?");
    assert_string_equal(pqi_role_name(PQI_ROLE_INT32_), "?");
    assert_int_equal(pqi_role_parse("roots"), 0);
    assert_int_equal(pqi_role_parse("roo"), 0);
    assert_int_equal(pqi_role_parse("?"), 0);
    assert_int_equal(pqi_role_parse(""), 0);
    assert_int_equal(pqi_role_parse(NULL), 0);
}

/* ---- directories --------------------------------------------------------------------------------- */

static void directories(void **state)
{
    (void)state;
    world *w = new_world();
    pqi_host_role *again = NULL;
    pqi_role_record before;
    pqi_host_role_cfg c = cfg_of(w, 0);
    uint8_t pk[PQI_SIG_MAX_PK];
    before = *pqi_host_role_info(w->r[0]);
    memcpy(pk, before.pk.ptr, before.pk.len);
    pqi_host_role_close(w->r[0]);
    w->r[0] = NULL;
    /* again: the same key; another role, algorithm or KEK: refused, and it is still the same */
    assert_int_equal(pqi_host_role_new(&c, PQI_ROLE_ROOT, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(pqi_host_role_new(&c, PQI_ROLE_HEAD, PQI_SIG_ID_ML_DSA_44), PQI_ERR_STATE);
    assert_int_equal(pqi_host_role_new(&c, PQI_ROLE_ROOT, PQI_SIG_ID_ML_DSA_65), PQI_ERR_STATE);
    assert_int_equal(pqi_host_role_new(&c, PQI_ROLE_NONE, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_host_role_new(&c, PQI_ROLE_ROOT, 77), PQI_ERR_UNSUPPORTED);
    c.kek.key_file = NULL;
    c.kek.passphrase = (pqi_cspan){(const uint8_t *)"other", 5};
    assert_int_equal(pqi_host_role_open(&again, &c), PQI_ERR_AUTH);
    assert_null(again);
    c = cfg_of(w, 0);
    assert_int_equal(pqi_host_role_open(&w->r[0], &c), PQI_OK);
    const pqi_role_record *now = pqi_host_role_info(w->r[0]);
    assert_int_equal(now->role, PQI_ROLE_ROOT);
    assert_memory_equal(now->kid, before.kid, PQI_KID_LEN);
    assert_memory_equal(now->checksum, before.checksum, 32);
    assert_int_equal(now->pk.len, before.pk.len);
    assert_memory_equal(now->pk.ptr, pk, now->pk.len);
    /* nothing there; open to others */
    c.dir = w->f.top;
    assert_int_equal(pqi_host_role_open(&again, &c), PQI_ERR_MISSING);
    c = cfg_of(w, 1);
    pqi_host_role_close(w->r[1]);
    w->r[1] = NULL;
    assert_int_equal(chmod(w->dir[1], 0755), 0);
    assert_int_equal(pqi_host_role_new(&c, PQI_ROLE_ROOT, PQI_SIG_ID_ML_DSA_44), PQI_ERR_STORAGE);
    end_world(w);
}

/* The directories of a CA are those of a root and an issuer key. */
static void directories_of_a_ca(void **state)
{
    (void)state;
    fleet f;
    pqi_host_role *r = NULL;
    pqi_host_role_cfg c;
    fleet_make(&f);
    memset(&c, 0, sizeof c);
    c.kek.key_file = f.key_file;
    c.dir = f.root_dir;
    assert_int_equal(pqi_host_role_open(&r, &c), PQI_OK);
    assert_int_equal(pqi_host_role_info(r)->role, PQI_ROLE_ROOT);
    assert_int_equal(pqi_host_role_info(r)->alg, PQI_SIG_ID_ML_DSA_87);
    pqi_host_role_close(r);
    c.dir = f.ca_dir;
    assert_int_equal(pqi_host_role_open(&r, &c), PQI_OK);
    assert_int_equal(pqi_host_role_info(r)->role, PQI_ROLE_ISSUER);
    pqi_host_role_close(r);
    fleet_end(&f);
}

/* ---- records ------------------------------------------------------------------------------------- */

static void records(void **state)
{
    (void)state;
    world *w = new_world();
    static uint8_t a[PQI_ROLE_RECORD_MAX + 1], b[PQI_ROLE_RECORD_MAX];
    size_t len = 0, need = 0;
    pqi_role_record r;
    const pqi_role_record *own = pqi_host_role_info(w->r[2]);
    assert_int_equal(
        pqi_host_role_export(w->r[2], (pqi_span){a, PQI_ROLE_RECORD_MAX}, &len), PQI_OK);
    assert_int_equal(pqi_role_record_open(&w->algs, (pqi_cspan){a, len}, &r, w->tmp), PQI_OK);
    assert_int_equal(r.role, PQI_ROLE_POLICY);
    assert_int_equal(r.alg, PQI_SIG_ID_ML_DSA_44);
    assert_memory_equal(r.kid, own->kid, PQI_KID_LEN);
    assert_memory_equal(r.checksum, own->checksum, 32);
    /* too little room tells the need and writes nothing */
    memset(b, 0x55, sizeof b);
    assert_int_equal(pqi_host_role_export(w->r[2], (pqi_span){b, len - 1}, &need), PQI_ERR_SPACE);
    assert_int_equal(need, len);
    for (size_t i = 0; i < sizeof b; i++) {
        assert_int_equal(b[i], 0x55);
    }
    /* every byte counts: decoding or the signature refuses */
    memset(&r, 0x77, sizeof r);
    const pqi_role_record untouched = r;
    for (size_t i = 0; i < len; i += i < 40 ? 1 : 97) {
        a[i] ^= 1;
        assert_int_not_equal(
            pqi_role_record_open(&w->algs, (pqi_cspan){a, len}, &r, w->tmp), PQI_OK);
        assert_memory_equal(&r, &untouched, sizeof r);
        a[i] ^= 1;
    }
    for (size_t cut = 0; cut < len; cut += 31) {
        assert_int_equal(
            pqi_role_record_open(&w->algs, (pqi_cspan){a, cut}, &r, w->tmp), PQI_ERR_DECODE);
    }
    a[len] = 0;
    assert_int_equal(
        pqi_role_record_open(&w->algs, (pqi_cspan){a, len + 1}, &r, w->tmp), PQI_ERR_DECODE);
    assert_int_equal(
        pqi_role_record_open(&w->algs, (pqi_cspan){a, sizeof a}, &r, w->tmp), PQI_ERR_DECODE);
    end_world(w);
}

/* The checksum binds the role: the same key for something else reads differently aloud. */
static void checksums(void **state)
{
    (void)state;
    pqi_algs algs;
    uint8_t pk[32] = {1}, a[32], b[32];
    pqi_algs_all(&algs, &pqi_classic_openssl);
    const pqi_cspan key = {pk, sizeof pk};
    assert_int_equal(pqi_role_checksum(&algs, PQI_ROLE_ROOT, -48, key, a), PQI_OK);
    assert_int_equal(pqi_role_checksum(&algs, PQI_ROLE_HEAD, -48, key, b), PQI_OK);
    assert_memory_not_equal(a, b, 32);
    assert_int_equal(pqi_role_checksum(&algs, PQI_ROLE_ROOT, -49, key, b), PQI_OK);
    assert_memory_not_equal(a, b, 32);
    /* SHA-256("PQI4 role id" || 01 || ffd0 || pk) */
    static const pqi_cspan front = {PQI_LIT("PQI4 role id\x01\xff\xd0")};
    const pqi_cspan parts[] = {front, key};
    assert_int_equal(algs.classic->hash(PQI_HASH_SHA256, parts, 2, b), PQI_OK);
    assert_memory_equal(a, b, 32);
    assert_int_equal(pqi_role_checksum(&algs, PQI_ROLE_NONE, -48, key, a), PQI_ERR_ARG);
    assert_int_equal(pqi_role_checksum(&algs, PQI_ROLE_ROOT, 0, key, a), PQI_ERR_ARG);
    assert_int_equal(
        pqi_role_checksum(&algs, PQI_ROLE_ROOT, -48, (pqi_cspan){pk, 0}, a), PQI_ERR_ARG);
}

static void read_aloud(void **state)
{
    (void)state;
    uint8_t h[32];
    char text[PQI_CHECKSUM_TEXT];
    for (size_t i = 0; i < sizeof h; i++) {
        h[i] = (uint8_t)(17 * i);
    }
    pqi_checksum_text(h, text);
    assert_string_equal(text, "0011 2233 4455 6677 8899 aabb ccdd eeff");
}

static void fleet_ids(void **state)
{
    (void)state;
    pqi_algs algs;
    uint8_t id[16], h[32], name[PQI_FLEET_NAME_MAX + 1] = {'x'};
    pqi_algs_all(&algs, &pqi_classic_openssl);
    assert_int_equal(pqi_fleet_id_of(&algs, (pqi_cspan){PQI_LIT("plant-7")}, id), PQI_OK);
    static const pqi_cspan all = {PQI_LIT("PQI4 fleet idplant-7")};
    assert_int_equal(algs.classic->hash(PQI_HASH_SHA256, &all, 1, h), PQI_OK);
    assert_memory_equal(id, h, 16);
    assert_int_equal(pqi_fleet_id_of(&algs, (pqi_cspan){name, 0}, id), PQI_ERR_ARG);
    assert_int_equal(pqi_fleet_id_of(&algs, (pqi_cspan){name, sizeof name - 1}, id), PQI_OK);
    assert_int_equal(pqi_fleet_id_of(&algs, (pqi_cspan){name, sizeof name}, id), PQI_ERR_ARG);
}

/* ---- signing together ---------------------------------------------------------------------------- */

static uint32_t root_mask(const world *w)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < w->m.n_keys; i++) {
        mask |= w->m.keys[i].role == PQI_ROLE_ROOT ? (uint32_t)1 << i : 0;
    }
    return mask;
}

static void root_one_by_one(void **state)
{
    (void)state;
    world *w = new_world();
    static uint8_t a[PQI_MANIFEST_MAX], b[PQI_MANIFEST_MAX];
    pqi_manifest_key keys[N_ROLES];
    pqi_manifest_spec spec;
    pqi_manifest m;
    size_t n = 0, k = 0;
    uint32_t mask = 0;
    spec_of(w, &spec, keys);
    assert_int_equal(pqi_manifest_verify(&w->algs, &w->m, &w->m, w->tmp), PQI_OK);
    assert_int_equal(pqi_manifest_signed_by(&w->algs, &w->m, &w->m, w->tmp, &mask), PQI_OK);
    assert_int_equal(mask, root_mask(w));
    assert_int_equal(pqi_host_roles_sign_root(
                         &w->r[0], 1, &spec, (pqi_cspan){NULL, 0}, (pqi_span){a, sizeof a}, &n),
        PQI_OK);
    assert_int_equal(pqi_manifest_decode(&w->algs, (pqi_cspan){a, n}, &m), PQI_OK);
    assert_memory_equal(m.hash, w->m.hash, 32);
    assert_int_equal(pqi_manifest_verify(&w->algs, &m, &m, w->tmp), PQI_ERR_AUTH);
    assert_int_equal(pqi_manifest_signed_by(&w->algs, &m, &m, w->tmp, &mask), PQI_OK);
    assert_int_equal(__builtin_popcount(mask), 1);
    assert_int_equal(pqi_host_roles_sign_root(
                         &w->r[1], 1, &spec, (pqi_cspan){a, n}, (pqi_span){b, sizeof b}, &k),
        PQI_OK);
    assert_int_equal(pqi_manifest_decode(&w->algs, (pqi_cspan){b, k}, &m), PQI_OK);
    assert_int_equal(pqi_manifest_verify(&w->algs, &m, &m, w->tmp), PQI_OK);
    /* one byte of a signature: who signed cannot be said any more */
    b[k - 9] ^= 1;
    assert_int_equal(pqi_manifest_decode(&w->algs, (pqi_cspan){b, k}, &m), PQI_OK);
    assert_int_equal(pqi_manifest_signed_by(&w->algs, &m, &m, w->tmp, &mask), PQI_ERR_AUTH);
    assert_int_equal(mask, 0);
    /* what others signed is something else */
    spec.root_version = 2;
    assert_int_equal(pqi_host_roles_sign_root(
                         &w->r[1], 1, &spec, (pqi_cspan){a, n}, (pqi_span){b, sizeof b}, &k),
        PQI_ERR_AUTH);
    assert_int_equal(k, 0);
    /* too little room */
    spec.root_version = 1;
    assert_int_equal(pqi_host_roles_sign_root(w->r, 2, &spec, (pqi_cspan){NULL, 0},
                         (pqi_span){b, w->manifest_len - 1}, &k),
        PQI_ERR_SPACE);
    assert_int_equal(
        pqi_host_roles_sign_root(w->r, 0, &spec, (pqi_cspan){NULL, 0}, (pqi_span){b, sizeof b}, &k),
        PQI_ERR_ARG);
    end_world(w);
}

static void policy_and_revocations(void **state)
{
    (void)state;
    world *w = new_world();
    static uint8_t out[PQI_REVOCATIONS_MAX];
    static pqi_policy p, q;
    const pqi_revoked e = {7, UINT32_MAX, 1};
    pqi_revocations head, r;
    size_t n = 0;
    uint32_t mask = 0;
    int quorum = 0;
    memset(&p, 0, sizeof p);
    memcpy(p.fleet_id, w->m.fleet_id, sizeof p.fleet_id);
    p.version = 2;
    p.root_version = 1;
    p.seq = 5;
    p.rules = pqi_policy_default;
    assert_int_equal(pqi_host_roles_sign_policy(&w->r[2], 1, &p, (pqi_cspan){NULL, 0},
                         (pqi_span){out, PQI_POLICY_MAX}, &n),
        PQI_OK);
    assert_int_equal(pqi_policy_decode(&w->algs, (pqi_cspan){out, n}, &q), PQI_OK);
    assert_int_equal(pqi_policy_verify(&w->algs, &q, &w->m, w->tmp), PQI_OK);
    assert_int_equal(pqi_policy_signed_by(&w->algs, &q, &w->m, w->tmp, &mask), PQI_OK);
    for (uint32_t i = 0; i < w->m.n_keys; i++) {
        assert_int_equal(mask >> i & 1u, w->m.keys[i].role == PQI_ROLE_POLICY);
    }
    memset(&head, 0, sizeof head);
    memcpy(head.fleet_id, w->m.fleet_id, sizeof head.fleet_id);
    head.root_version = 1;
    assert_int_equal(pqi_host_roles_sign_revocations(&w->r[3], 1, &head, &e, 1,
                         (pqi_cspan){NULL, 0}, (pqi_span){out, sizeof out}, &n),
        PQI_OK);
    assert_int_equal(pqi_revocations_decode(&w->algs, (pqi_cspan){out, n}, &r), PQI_OK);
    assert_int_equal(pqi_revocations_verify(&w->algs, &r, &w->m, w->tmp, &quorum), PQI_OK);
    assert_int_equal(quorum, 0);
    assert_int_equal(pqi_host_roles_sign_revocations(&w->r[2], 2, &head, &e, 1,
                         (pqi_cspan){NULL, 0}, (pqi_span){out, sizeof out}, &n),
        PQI_OK);
    assert_int_equal(pqi_revocations_decode(&w->algs, (pqi_cspan){out, n}, &r), PQI_OK);
    assert_int_equal(pqi_revocations_verify(&w->algs, &r, &w->m, w->tmp, &quorum), PQI_OK);
    assert_int_equal(quorum, 1);
    assert_int_equal(pqi_revocations_signed_by(&w->algs, &r, &w->m, w->tmp, &mask), PQI_OK);
    assert_int_equal(__builtin_popcount(mask), 2);
    end_world(w);
}

PQI_TEST_MAIN(cmocka_unit_test(names), cmocka_unit_test(directories),
    cmocka_unit_test(directories_of_a_ca), cmocka_unit_test(records), cmocka_unit_test(checksums),
    cmocka_unit_test(read_aloud), cmocka_unit_test(fleet_ids), cmocka_unit_test(root_one_by_one),
    cmocka_unit_test(policy_and_revocations))
