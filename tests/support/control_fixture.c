/* SPDX-License-Identifier: Apache-2.0 */
#include "support/control_fixture.h"

#include "pqi_test.h"
#include <pqi/host.h>

static cx the_cx;
static _Alignas(16) uint8_t scratch[256 * 1024];

static const char fleet[PQI_FLEET_ID_LEN + 1] = "example fleet 02";

static void sha256(const cx *f, pqi_cspan b, uint8_t out[PQI_HASH_LEN])
{
    assert_int_equal(f->algs.classic->hash(PQI_HASH_SHA256, &b, 1, out), PQI_OK);
}

static void steps(const cx *f, pqi_chain_kind kind, const uint8_t *seed, uint32_t n, uint8_t *out)
{
    assert_int_equal(pqi_hash_steps(&f->algs, kind, seed, n, out), PQI_OK);
}

/* ---- trees --------------------------------------------------------------------------------------- */

pqi_leaf cx_leaf(const cx *f, uint32_t i)
{
    static const uint32_t index[CX_LEAVES] = {1, 4, 42, 43, 70000};
    char name[16];
    int n = snprintf(name, sizeof name, "certificate %u", i);
    pqi_leaf leaf = {index[i], i + 1, {0}};
    sha256(f, (pqi_cspan){(const uint8_t *)name, (size_t)n}, leaf.cert_hash);
    return leaf;
}

void cx_leaves(const cx *f, uint8_t (*out)[PQI_HASH_LEN])
{
    for (uint32_t i = 0; i < CX_LEAVES; i++) {
        const pqi_leaf leaf = cx_leaf(f, i);
        assert_int_equal(pqi_leaf_hash(&f->algs, &leaf, out[i]), PQI_OK);
    }
}

void cx_nonce(uint32_t i, uint8_t nonce[PQI_NONCE_LEN], uint8_t kid[PQI_KID_LEN])
{
    memset(nonce, (int)(0xa0 + i), PQI_NONCE_LEN);
    memset(kid, (int)(0xb0 + i), PQI_KID_LEN);
}

void cx_nonces(const cx *f, uint8_t (*out)[PQI_HASH_LEN])
{
    for (uint32_t i = 0; i < CX_NONCES; i++) {
        uint8_t nonce[PQI_NONCE_LEN], kid[PQI_KID_LEN];
        cx_nonce(i, nonce, kid);
        assert_int_equal(pqi_nonce_leaf(&f->algs, nonce, kid, out[i]), PQI_OK);
    }
}

/* ---- fields -------------------------------------------------------------------------------------- */

pqi_manifest_spec cx_manifest_spec(const cx *f, pqi_manifest_key *keys)
{
    static const pqi_role roles[CX_STRANGER - 1] = {PQI_ROLE_ROOT, PQI_ROLE_ROOT, PQI_ROLE_ISSUER,
        PQI_ROLE_POLICY, PQI_ROLE_POLICY, PQI_ROLE_POLICY, PQI_ROLE_REVOKER, PQI_ROLE_HEAD};
    pqi_manifest_spec s = {.root_version = 1, .keys = keys, .n_keys = CX_STRANGER - 1};
    for (uint32_t i = 0; i < s.n_keys; i++) {
        const seed_key *k = seed_provider_find(&f->sp, (pqi_key)(i + 1));
        assert_non_null(k);
        keys[i] = (pqi_manifest_key){roles[i], k->alg, {k->pk, k->pk_len}, {0}};
        s.threshold[roles[i]] = 1;
    }
    s.threshold[PQI_ROLE_POLICY] = 2;
    memcpy(s.fleet_id, fleet, PQI_FLEET_ID_LEN);
    return s;
}

pqi_policy cx_policy_fields(void)
{
    pqi_policy x = {.version = 2, .root_version = 1, .seq = 3, .tick_base = 900};
    memcpy(x.fleet_id, fleet, PQI_FLEET_ID_LEN);
    x.rules = pqi_policy_default;
    x.rules.min_level = 1;
    x.rules.forbid = PQI_ALG_NOT_STANDARD;
    x.rules.modes = 0x02;
    x.rules.sessions = 2;
    x.rules.flags = PQI_POLICY_ROSTER | PQI_POLICY_GOSSIP | PQI_POLICY_DELEGATES;
    x.rules.assurance[PQI_CLASS_H] = PQI_ASSURE_NO_ROLLBACK | PQI_ASSURE_NON_EXPORTABLE;
    x.rules.min_rev_seq = 2;
    x.rules.ttl_ticks = 2160;
    x.rules.rev_ahead_permille = 20;
    x.rules.local_ticks_max = 24;
    x.rules.max_step_s = 3600;
    x.n_acls = 2;
    x.acls[0] = (pqi_acl){
        {NULL, 0}, {PQI_LIT("plant/a")}, PQI_RIGHT_PUB | PQI_RIGHT_SUB, 1u << PQI_CLASS_L};
    x.acls[1] = (pqi_acl){{PQI_LIT("control")}, {PQI_LIT("plant/a/cmd")}, PQI_RIGHT_PUB,
        (1u << PQI_CLASS_M) | (1u << PQI_CLASS_S)};
    x.n_fail_safe = 1;
    x.fail_safe[0] = (pqi_cspan){PQI_LIT("plant/a/cmd/stop")};
    return x;
}

pqi_roster cx_roster_fields(const cx *f)
{
    pqi_roster r = {.root_version = 1, .seq = 5, .size = CX_LEAVES};
    uint8_t leaves[CX_LEAVES][PQI_HASH_LEN];
    memcpy(r.fleet_id, fleet, PQI_FLEET_ID_LEN);
    cx_leaves(f, leaves);
    assert_int_equal(pqi_roster_root(&f->algs, leaves, CX_LEAVES, r.root), PQI_OK);
    return r;
}

pqi_statement cx_statement_fields(const cx *f)
{
    pqi_statement s = {.root_version = 1, .head_epoch = 7, .tick = 3, .time = 1770010800};
    uint8_t leaves[CX_NONCES][PQI_HASH_LEN];
    memcpy(s.fleet_id, fleet, PQI_FLEET_ID_LEN);
    s.size = CX_NONCES;
    cx_nonces(f, leaves);
    assert_int_equal(pqi_roster_root(&f->algs, leaves, CX_NONCES, s.root), PQI_OK);
    return s;
}

/* Names f->policy and f->roster, which are made before it. */
pqi_head cx_head_fields(const cx *f)
{
    pqi_head h = {.root_version = 1, .head_epoch = 7, .tick_count = 168, .tick_base = 1000};
    memcpy(h.fleet_id, fleet, PQI_FLEET_ID_LEN);
    sha256(f, (pqi_cspan){PQI_LIT("head 6")}, h.prev);
    h.policy_seq = f->policy.seq;
    memcpy(h.policy_hash, f->policy.hash, PQI_HASH_LEN);
    h.rev_seq = 2;
    sha256(f, (pqi_cspan){PQI_LIT("two revocations")}, h.rev_hash);
    h.roster_seq = f->roster.seq;
    h.roster_size = f->roster.size;
    memcpy(h.roster_root, f->roster.root, PQI_HASH_LEN);
    steps(f, PQI_CHAIN_TICK, f->tick_seed, h.tick_count, h.tick_anchor);
    h.time = 1770000000;
    steps(f, PQI_CHAIN_TOKEN, f->token_seed, CX_TOKENS - h.head_epoch, h.token);
    h.n_delegates = 1;
    h.delegates[0] = (pqi_delegate){{PQI_LIT("gateway-1")}, {PQI_LIT("plant/a")}, {0}, 72};
    steps(f, PQI_CHAIN_TICK, f->token_seed, 72, h.delegates[0].anchor);
    return h;
}

/* ---- objects ------------------------------------------------------------------------------------- */

static void make_manifest(cx *f)
{
    pqi_manifest_key keys[CX_STRANGER - 1];
    const pqi_manifest_spec s = cx_manifest_spec(f, keys);
    const pqi_key root = CX_ROOT1;
    const pqi_span room = {f->manifest_mem, sizeof f->manifest_mem};
    size_t n = 0;
    assert_int_equal(pqi_manifest_build(&f->algs, f->p, &s, &root, 1, room, &n), PQI_OK);
    assert_int_equal(
        pqi_manifest_decode(&f->algs, (pqi_cspan){f->manifest_mem, n}, &f->manifest), PQI_OK);
}

static void make_signed(cx *f)
{
    const pqi_key two[2] = {CX_POLICY1, CX_POLICY2};
    const pqi_policy x = cx_policy_fields();
    size_t n = 0;
    assert_int_equal(
        pqi_policy_build(&f->algs, f->p, &x, two, 2, (pqi_span){f->mem[0], 8192}, &n), PQI_OK);
    assert_int_equal(pqi_policy_decode(&f->algs, (pqi_cspan){f->mem[0], n}, &f->policy), PQI_OK);
    const pqi_roster r = cx_roster_fields(f);
    assert_int_equal(
        pqi_roster_build(&f->algs, f->p, CX_ISSUER, &r, (pqi_span){f->mem[1], 8192}, &n), PQI_OK);
    assert_int_equal(pqi_roster_decode(&f->algs, (pqi_cspan){f->mem[1], n}, &f->roster), PQI_OK);
    const pqi_head h = cx_head_fields(f);
    assert_int_equal(
        pqi_head_build(&f->algs, f->p, CX_HEAD, &h, (pqi_span){f->mem[2], 8192}, &n), PQI_OK);
    assert_int_equal(pqi_head_decode(&f->algs, (pqi_cspan){f->mem[2], n}, &f->head), PQI_OK);
    const pqi_statement s = cx_statement_fields(f);
    assert_int_equal(
        pqi_statement_build(&f->algs, f->p, CX_HEAD, &s, (pqi_span){f->mem[3], 8192}, &n), PQI_OK);
    assert_int_equal(
        pqi_statement_decode(&f->algs, (pqi_cspan){f->mem[3], n}, &f->statement), PQI_OK);
}

static void make_ticks(cx *f)
{
    f->tick = (pqi_tick){0, 0, 7, 3, {0}};
    steps(f, PQI_CHAIN_TICK, f->tick_seed, 168 - 3, f->tick.h);
    assert_int_equal(pqi_tick_write(&f->tick, f->local_bytes), PQI_TICK_LEN);
    memcpy(f->tick_bytes, f->local_bytes, PQI_TICK_LEN);
    f->local_tick = (pqi_tick){1, 0, 7, 2, {0}};
    steps(f, PQI_CHAIN_TICK, f->token_seed, 72 - 2, f->local_tick.h);
    assert_int_equal(pqi_tick_write(&f->local_tick, f->local_bytes), PQI_LOCAL_TICK_LEN);
}

static void make_talk(cx *f)
{
    uint8_t leaves[CX_LEAVES][PQI_HASH_LEN], root[PQI_HASH_LEN];
    cx_leaves(f, leaves);
    const pqi_path of = {.roster_seq = 5, .size = CX_LEAVES, .position = 2};
    const pqi_span room = {f->path_bytes, sizeof f->path_bytes};
    assert_int_equal(pqi_path_build(&f->algs, leaves, &of, root, room, &f->path_len), PQI_OK);
    assert_memory_equal(root, f->roster.root, PQI_HASH_LEN);

    pqi_ask q = {.want = PQI_ASK_STATEMENT | PQI_ASK_PATH, .root_version = 1, .head_epoch = 6};
    cx_nonce(0, q.nonce, q.kid);
    q.tick = 160;
    q.policy_seq = 3;
    q.rev_seq = 1;
    q.roster_seq = 4;
    q.roster_index = 42;
    q.id = (pqi_cspan){PQI_LIT("pump-1")};
    f->ask = q;
    assert_int_equal(
        pqi_ask_write(&q, (pqi_span){f->ask_bytes, sizeof f->ask_bytes}, &f->ask_len), PQI_OK);
    f->answer_bytes[0] = PQI_ANSWER_T;
    f->answer_bytes[1] = PQI_OBJ_TICK;
    memcpy(f->answer_bytes + PQI_ANSWER_HEAD, f->tick_bytes, PQI_TICK_LEN);
    f->answer_len = PQI_ANSWER_HEAD + PQI_TICK_LEN;
}

cx *cx_get(void)
{
    cx *f = &the_cx;
    if (f->p == NULL) {
        pqi_algs_all(&f->algs, &pqi_classic_openssl);
        seed_provider_init(&f->sp, &f->algs);
        f->p = &f->sp.base;
        f->tmp = (pqi_span){scratch, sizeof scratch};
        memset(f->tick_seed, 0x31, PQI_HASH_LEN);
        memset(f->token_seed, 0x32, PQI_HASH_LEN);
        for (pqi_key k = CX_ROOT1; k < CX_KEYS_END; k++) {
            seed_provider_add(
                &f->sp, k, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44, (uint8_t)(0x20u + (unsigned)k));
        }
        make_manifest(f);
        make_signed(f);
        make_ticks(f);
        make_talk(f);
    }
    return f;
}

void *cx_exact(const uint8_t *p, size_t len)
{
    uint8_t *heap = malloc(len != 0 ? len : 1);
    assert_non_null(heap);
    if (len != 0) {
        memcpy(heap, p, len);
    }
    return heap;
}
