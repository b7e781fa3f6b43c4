/* SPDX-License-Identifier: Apache-2.0
 * Chains of ticks and tokens, the trees of RFC 9162, questions and answers. The known answers come
 * from tests/unit/control_oracle.py: recursive definitions of RFC 9162 sections 2.1.1 and 2.1.3.1 over
 * the leaves SHA-256("leaf " || i in decimal), and hashlib for the chains. */
#include "pqi_hex.h"
#include "pqi_test.h"

#include "support/control_fixture.h"
#include <stdbool.h>

#define SIZES 70u

static const cx *F(void)
{
    return cx_get();
}

static void sha256(pqi_cspan b, uint8_t out[PQI_HASH_LEN])
{
    assert_int_equal(F()->algs.classic->hash(PQI_HASH_SHA256, &b, 1, out), PQI_OK);
}

/* ---- chains -------------------------------------------------------------------------------------- */

static void steps_by_hand(void **state)
{
    (void)state;
    const pqi_algs *a = &F()->algs;
    uint8_t x[PQI_HASH_LEN], y[PQI_HASH_LEN], hand[64];
    memset(x, 0x31, sizeof x);
    assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TICK, x, 1, y), PQI_OK);
    pqi_assert_hex(y, 32, "fe834460b11ca078927a55c105dc61fb7bb0d26ac108756052f2a0aa58d137e0");
    assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TICK, x, 168, y), PQI_OK);
    pqi_assert_hex(y, 32, "30d14782602c4635626d395443aca809c41a921c08b0d3767b9d3af0232a3913");
    memset(x, 0x32, sizeof x);
    assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TOKEN, x, 993, x), PQI_OK); /* in place */
    pqi_assert_hex(x, 32, "7f9328894f50b07f4bf618ff121377d403663e441639b8aded7bc0660e39302e");
    memcpy(hand, "PQI4 token", 10);
    memcpy(hand + 10, x, 32);
    sha256((pqi_cspan){hand, 42}, y);
    assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TOKEN, x, 0, hand), PQI_OK);
    assert_memory_equal(hand, x, 32);
    assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TOKEN, x, 1, x), PQI_OK);
    assert_memory_equal(x, y, 32);
    assert_int_equal(pqi_hash_steps(a, (pqi_chain_kind)3, x, 1, y), PQI_ERR_ARG);
    assert_int_equal(pqi_hash_steps(a, (pqi_chain_kind)0, x, 1, y), PQI_ERR_ARG);
    assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TICK, NULL, 1, y), PQI_ERR_ARG);
    assert_memory_equal(x, y, 32);
}

/* Over gaps of any length up to the cap; not with another number, another kind, or beyond. */
static void tokens_over_gaps(void **state)
{
    (void)state;
    const pqi_algs *a = &F()->algs;
    static uint8_t t[PQI_TOKEN_STEPS + 2][PQI_HASH_LEN]; /* t[n] is n heads before t[0] */
    memset(t[0], 0x77, PQI_HASH_LEN);
    for (size_t n = 1; n < PQI_TOKEN_STEPS + 2; n++) {
        assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TOKEN, t[n - 1], 1, t[n]), PQI_OK);
    }
    static const uint32_t gaps[] = {1, 2, 3, 168, 4095, PQI_TOKEN_STEPS};
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        uint32_t n = gaps[i];
        assert_int_equal(pqi_token_check(a, t[n], t[0], n), PQI_OK);
        assert_int_equal(pqi_token_check(a, t[n], t[0], n - 1), PQI_ERR_AUTH);
        assert_int_equal(pqi_token_check(a, t[n], t[0], n + 1), PQI_ERR_AUTH);
        assert_int_equal(pqi_token_check(a, t[n], t[1], n), PQI_ERR_AUTH);
        assert_int_equal(pqi_token_check(a, t[0], t[n], n), PQI_ERR_AUTH); /* backwards */
        uint8_t flip[PQI_HASH_LEN];
        memcpy(flip, t[n], sizeof flip);
        flip[n % 32] ^= 0x10;
        assert_int_equal(pqi_token_check(a, flip, t[0], n), PQI_ERR_AUTH);
    }
    uint32_t over = PQI_TOKEN_STEPS + 1;
    assert_int_equal(pqi_token_check(a, t[over], t[0], over), PQI_ERR_AUTH);
    assert_int_equal(pqi_token_check(a, t[over], t[1], PQI_TOKEN_STEPS), PQI_OK);
    assert_int_equal(pqi_token_check(a, t[0], t[0], 0), PQI_ERR_AUTH); /* the same head */
    assert_int_equal(pqi_token_check(a, t[0], t[0], UINT32_MAX), PQI_ERR_AUTH);
}

static void ticks(void **state)
{
    (void)state;
    const cx *f = F();
    const pqi_algs *a = &f->algs;
    static uint8_t h[169][PQI_HASH_LEN]; /* h[0] is the anchor */
    for (uint32_t i = 0; i <= 168; i++) {
        assert_int_equal(pqi_hash_steps(a, PQI_CHAIN_TICK, f->tick_seed, 168 - i, h[i]), PQI_OK);
    }
    assert_memory_equal(h[0], f->head.tick_anchor, PQI_HASH_LEN);
    for (uint32_t at = 0; at <= 168; at += 7) {
        for (uint32_t i = 0; i <= 169; i++) {
            pqi_tick t = {0, 0, 7, i, {0}};
            memcpy(t.h, h[i <= 168 ? i : 168], PQI_HASH_LEN);
            bool good = i > at && i <= 168;
            assert_int_equal(pqi_tick_check(a, &t, at, h[at], 168), good ? PQI_OK : PQI_ERR_AUTH);
            if (good) {
                t.i = i == 168 ? i - 1 : i + 1; /* its preimage under another number */
                assert_int_equal(pqi_tick_check(a, &t, at, h[at], 168), PQI_ERR_AUTH);
                t.i = i;
                assert_int_equal(pqi_tick_check(a, &t, at, h[at], i - 1), PQI_ERR_AUTH);
                t.h[i % 32] ^= 1;
                assert_int_equal(pqi_tick_check(a, &t, at, h[at], 168), PQI_ERR_AUTH);
            }
        }
    }
    pqi_tick t = {0, 0, 7, 1, {0}};
    memcpy(t.h, h[1], PQI_HASH_LEN);
    assert_int_equal(pqi_tick_check(a, &t, 0, h[0], PQI_TICKS_MAX), PQI_OK);
    assert_int_equal(pqi_tick_check(a, &t, 0, h[0], PQI_TICKS_MAX + 1), PQI_ERR_AUTH);
    memcpy(t.h, h[1], PQI_HASH_LEN);
    assert_int_equal(pqi_tick_check(a, &t, 1, h[1], 168), PQI_ERR_AUTH); /* heard before */
}

static pqi_status tick_exact(const uint8_t *p, size_t len, pqi_tick *out)
{
    uint8_t *heap = cx_exact(p, len);
    pqi_tick mark;
    memset(out, 0x5a, sizeof *out);
    memcpy(&mark, out, sizeof mark);
    pqi_status st = pqi_tick_decode((pqi_cspan){heap, len}, out);
    assert_true(st == PQI_OK || memcmp(out, &mark, sizeof mark) == 0);
    free(heap);
    return st;
}

static void tick_bytes(void **state)
{
    (void)state;
    const cx *f = F();
    uint8_t b[PQI_LOCAL_TICK_LEN + 1], again[PQI_LOCAL_TICK_LEN];
    for (int local = 0; local < 2; local++) {
        size_t n = local ? PQI_LOCAL_TICK_LEN : PQI_TICK_LEN;
        const pqi_tick *want = local ? &f->local_tick : &f->tick;
        pqi_tick t;
        memcpy(b, local ? f->local_bytes : f->tick_bytes, n);
        b[n] = 0;
        assert_int_equal(tick_exact(b, n, &t), PQI_OK);
        assert_true(t.local == want->local && t.index == want->index && t.epoch == 7);
        assert_true(t.i == want->i && memcmp(t.h, want->h, PQI_HASH_LEN) == 0);
        for (size_t len = 0; len <= n + 1; len++) {
            assert_int_equal(tick_exact(b, len, &t), len == n ? PQI_OK : PQI_ERR_DECODE);
        }
        for (size_t bit = 0; bit < 8 * n; bit++) { /* what decodes is another tick, and says so */
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (tick_exact(b, n, &t) == PQI_OK) {
                assert_int_equal(pqi_tick_write(&t, again), n);
                assert_memory_equal(again, b, n);
            }
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    static const uint8_t bad[][10] = {
        {0x71, 0, 0, 0, 7, 0, 0, 0, 3},    /* type */
        {0x72, 0, 0, 0, 0, 0, 0, 0, 3},    /* epoch 0 */
        {0x72, 0, 0, 0, 7, 0, 0, 0, 0},    /* tick 0 */
        {0x72, 0, 0, 0, 7, 0, 0, 0x10, 1}, /* beyond the largest head */
        {0x75, 4, 0, 0, 0, 7, 0, 0, 0, 3}, /* no such delegate */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pqi_tick t;
        memset(b, 0, sizeof b);
        memcpy(b, bad[i], i == 4 ? 10 : 9);
        assert_int_equal(
            tick_exact(b, i == 4 ? PQI_LOCAL_TICK_LEN : PQI_TICK_LEN, &t), PQI_ERR_DECODE);
    }
    assert_int_equal(pqi_tick_decode((pqi_cspan){f->tick_bytes, PQI_TICK_LEN}, NULL), PQI_ERR_ARG);
}

/* ---- questions and answers ----------------------------------------------------------------------- */

static pqi_status ask_exact(const uint8_t *p, size_t len)
{
    uint8_t *heap = cx_exact(p, len), again[PQI_ASK_LEN + PQI_ID_MAX];
    pqi_ask q, mark;
    size_t n = 0;
    memset(&q, 0x5a, sizeof q);
    memcpy(&mark, &q, sizeof mark);
    pqi_status st = pqi_ask_decode((pqi_cspan){heap, len}, &q);
    if (st == PQI_OK) {
        assert_int_equal(pqi_ask_write(&q, (pqi_span){again, sizeof again}, &n), PQI_OK);
        assert_int_equal(n, len);
        assert_memory_equal(again, p, len);
    } else {
        assert_memory_equal(&q, &mark, sizeof q);
    }
    free(heap);
    return st;
}

static void questions(void **state)
{
    (void)state;
    const cx *f = F();
    uint8_t b[PQI_ASK_LEN + PQI_ID_MAX + 1];
    pqi_ask q;
    assert_int_equal(pqi_ask_decode((pqi_cspan){f->ask_bytes, f->ask_len}, &q), PQI_OK);
    assert_int_equal(q.want, PQI_ASK_STATEMENT | PQI_ASK_PATH);
    assert_true(q.root_version == 1 && q.head_epoch == 6 && q.tick == 160 && q.policy_seq == 3);
    assert_true(q.rev_seq == 1 && q.roster_seq == 4 && q.roster_index == 42 && q.id.len == 6);
    memcpy(b, f->ask_bytes, f->ask_len);
    memset(b + f->ask_len, 'x', sizeof b - f->ask_len);
    for (size_t len = 0; len <= sizeof b; len++) {
        bool good = len > PQI_ASK_LEN && len <= PQI_ASK_LEN + PQI_ID_MAX;
        assert_int_equal(ask_exact(b, len), good ? PQI_OK : PQI_ERR_DECODE);
    }
    for (unsigned want = 0; want < 256; want++) {
        b[1] = (uint8_t)want;
        assert_int_equal(ask_exact(b, f->ask_len), want != 0 && want < 8 ? PQI_OK : PQI_ERR_DECODE);
    }
    b[1] = 1;
    for (size_t i = 0; i < f->ask_len; i++) {
        b[i] ^= 0x80;
        bool free_field = i >= 4 && i < PQI_ASK_LEN;
        assert_int_equal(ask_exact(b, f->ask_len), free_field ? PQI_OK : PQI_ERR_DECODE);
        b[i] ^= 0x80;
    }
    size_t n = 0;
    assert_int_equal(pqi_ask_write(&f->ask, (pqi_span){b, f->ask_len - 1}, &n), PQI_ERR_SPACE);
    assert_int_equal(n, f->ask_len);
    q = f->ask;
    q.id.len = 0;
    assert_int_equal(pqi_ask_write(&q, (pqi_span){b, sizeof b}, &n), PQI_ERR_ARG);
    q = f->ask;
    q.want = 8;
    assert_int_equal(pqi_ask_write(&q, (pqi_span){b, sizeof b}, &n), PQI_ERR_ARG);
}

static void answers(void **state)
{
    (void)state;
    const cx *f = F();
    uint8_t b[64];
    pqi_object kind = PQI_OBJ_NONE;
    pqi_cspan body = {NULL, 0};
    memcpy(b, f->answer_bytes, f->answer_len);
    assert_int_equal(pqi_answer_decode((pqi_cspan){b, f->answer_len}, &kind, &body), PQI_OK);
    assert_int_equal(kind, PQI_OBJ_TICK);
    assert_true(body.ptr == b + 4 && body.len == PQI_TICK_LEN);
    for (unsigned k = 0; k < 256; k++) {
        b[1] = (uint8_t)k;
        assert_int_equal(pqi_answer_decode((pqi_cspan){b, 5}, &kind, &body),
            k >= 1 && k <= 8 ? PQI_OK : PQI_ERR_DECODE);
    }
    b[1] = PQI_OBJ_PATH;
    kind = PQI_OBJ_NONE;
    body.ptr = NULL;
    for (size_t len = 0; len < 5; len++) {
        uint8_t *heap = cx_exact(b, len);
        assert_int_equal(pqi_answer_decode((pqi_cspan){heap, len}, &kind, &body), PQI_ERR_DECODE);
        free(heap);
    }
    for (size_t i = 0; i < 4; i++) {
        b[i] ^= 0x40;
        assert_int_equal(pqi_answer_decode((pqi_cspan){b, 9}, &kind, &body), PQI_ERR_DECODE);
        b[i] ^= 0x40;
    }
    assert_true(kind == PQI_OBJ_NONE && body.ptr == NULL);
}

/* ---- trees --------------------------------------------------------------------------------------- */

static void make_leaves(uint32_t n, uint8_t (*out)[PQI_HASH_LEN])
{
    for (uint32_t i = 0; i < n; i++) {
        char name[24];
        int len = snprintf(name, sizeof name, "leaf %u", i);
        sha256((pqi_cspan){(const uint8_t *)name, (size_t)len}, out[i]);
    }
}

static void root_of(uint32_t n, uint8_t root[PQI_HASH_LEN])
{
    uint8_t leaves[SIZES + 2][PQI_HASH_LEN];
    make_leaves(n, leaves);
    assert_int_equal(pqi_roster_root(&F()->algs, leaves, n, root), PQI_OK);
}

static void known_roots(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        const char *root;
    } t[] = {
        {0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {1, "20e325f06280f9d0d193fed01a0eda5bef79063f2e602d93e3605cbe825d96ad"},
        {2, "f144df624799925694e508633caa327381203f11ce2ace52fe59180c2765ec8b"},
        {3, "a6a9e7108faffdbc111c27e267292784a41285cf08cd25ef4d9c7b8389a9344a"},
        {7, "54320cdb7b162906c4b42b1a0ee921abc2f78f8c4d370b2ce5f01095eb80e006"},
        {8, "ad2616073f5c384373e3aa5306340f604e46bd13912d5328be76f0286ee6cff8"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        uint8_t root[PQI_HASH_LEN];
        root_of(t[i].n, root);
        pqi_assert_hex(root, 32, t[i].root);
    }
    const pqi_leaf leaf = cx_leaf(F(), 0);
    uint8_t h[PQI_HASH_LEN], nonce[PQI_NONCE_LEN], kid[PQI_KID_LEN];
    assert_int_equal(pqi_leaf_hash(&F()->algs, &leaf, h), PQI_OK);
    pqi_assert_hex(h, 32, "cd62ab396792719a00e612de772b3f15f2e13c8f7c3fc820517d95604dae64c3");
    cx_nonce(0, nonce, kid);
    assert_int_equal(pqi_nonce_leaf(&F()->algs, nonce, kid, h), PQI_OK);
    pqi_assert_hex(h, 32, "cc2a2173a364fabcaf6625aa3b914255fe265d797a643f653a125e6a0de889a8");
    assert_int_equal(pqi_roster_root(&F()->algs, NULL, 1, h), PQI_ERR_ARG);
}

static uint8_t path_mem[PQI_PATH_MAX];

static pqi_path build_path(uint32_t size, uint32_t position, uint32_t seq, uint8_t *root)
{
    uint8_t leaves[SIZES + 2][PQI_HASH_LEN];
    size_t n = 0;
    pqi_path p;
    const pqi_path of = {.roster_seq = seq, .size = size, .position = position};
    make_leaves(size, leaves);
    const pqi_span room = {path_mem, sizeof path_mem};
    assert_int_equal(pqi_path_build(&F()->algs, leaves, &of, root, room, &n), PQI_OK);
    assert_int_equal(pqi_path_decode((pqi_cspan){path_mem, n}, &p), PQI_OK);
    assert_true(p.roster_seq == seq && p.size == size && p.position == position);
    assert_int_equal(n, 12 + 32 * p.n);
    return p;
}

/* The digest of every path and root of every tree of 1 to 70 leaves is that of the recursive
 * definitions; and each leads from its leaf to the root. */
static void every_path(void **state)
{
    (void)state;
    static uint8_t all[1024 * 1024];
    size_t at = 0;
    uint8_t leaves[SIZES][PQI_HASH_LEN], digest[PQI_HASH_LEN], root[PQI_HASH_LEN];
    make_leaves(SIZES, leaves);
    for (uint32_t n = 1; n <= SIZES; n++) {
        uint8_t want[PQI_HASH_LEN];
        root_of(n, want);
        for (uint32_t m = 0; m < n; m++) {
            pqi_path p = build_path(n, m, 9, root);
            assert_memory_equal(root, want, PQI_HASH_LEN);
            size_t len = 12 + (size_t)p.n * 32;
            assert_true(at + len + 32 <= sizeof all);
            memcpy(all + at, path_mem, len);
            memcpy(all + at + len, root, 32);
            at += len + 32;
            p.roster_seq = 0; /* as of a nonce: the same climb, over a leaf hash */
            for (uint32_t leaf = 0; leaf < n; leaf++) {
                assert_int_equal(pqi_nonce_check(&F()->algs, leaves[leaf], &p, root),
                    leaf == m ? PQI_OK : PQI_ERR_AUTH);
            }
        }
    }
    sha256((pqi_cspan){all, at}, digest);
    pqi_assert_hex(digest, 32, "86674d4bc08baecbdb57c39f8f9d3832ee15589095b9ae4a5fc21db14cfa0942");
}

/* The right hashes under any other size or position: the length does not fit or the root differs. */
static void wrong_size_or_position(void **state)
{
    (void)state;
    uint8_t leaves[SIZES][PQI_HASH_LEN], root[PQI_HASH_LEN];
    make_leaves(SIZES, leaves);
    for (uint32_t n = 1; n <= 33; n++) {
        for (uint32_t m = 0; m < n; m++) {
            pqi_path p = build_path(n, m, 0, root);
            for (uint32_t k = 0; k <= 40; k++) {
                for (uint32_t pos = 0; pos <= 40; pos++) {
                    pqi_path q = p;
                    q.size = k;
                    q.position = pos;
                    pqi_status st = pqi_nonce_check(&F()->algs, leaves[m], &q, root);
                    if (st == PQI_OK && (k != n || pos != m)) {
                        /* RFC 9162 binds shape, not size: two positions with the same turns climb
                         * the same way. Then the length of the path is the same as well. */
                        uint8_t other[PQI_HASH_LEN];
                        root_of(k, other);
                        assert_true(k != n && memcmp(other, root, PQI_HASH_LEN) != 0);
                    }
                    assert_true(k != n || pos == m || st == PQI_ERR_AUTH);
                }
            }
        }
    }
}

static void path_bytes(void **state)
{
    (void)state;
    const cx *f = F();
    uint8_t b[PQI_PATH_MAX + 32];
    pqi_path p, mark;
    memcpy(b, f->path_bytes, f->path_len);
    memset(b + f->path_len, 0x11, 64);
    for (size_t len = 0; len <= f->path_len + 64; len++) {
        uint8_t *heap = cx_exact(b, len);
        memset(&p, 0x5a, sizeof p);
        memcpy(&mark, &p, sizeof mark);
        pqi_status st = pqi_path_decode((pqi_cspan){heap, len}, &p);
        assert_int_equal(st, len == f->path_len ? PQI_OK : PQI_ERR_DECODE);
        assert_true(st == PQI_OK || memcmp(&p, &mark, sizeof p) == 0);
        free(heap);
    }
    static const struct {
        uint32_t size, position, n; /* n: hashes; 99: there is no such path */
    } t[] = {{0, 0, 99}, {1, 0, 0}, {1, 1, 99}, {2, 1, 1}, {3, 2, 1}, {5, 4, 1}, {5, 3, 3},
        {5, 5, 99}, {UINT32_MAX, UINT32_MAX, 99}, {UINT32_MAX, UINT32_MAX - 1, 31},
        {UINT32_MAX, 0, 32}, {0x80000001u, 0x80000000u, 1}, {0x80000000u, 5, 31}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        memset(b, 0, sizeof b);
        for (unsigned k = 0; k < 4; k++) {
            b[4 + k] = (uint8_t)(t[i].size >> (24 - 8 * k));
            b[8 + k] = (uint8_t)(t[i].position >> (24 - 8 * k));
        }
        for (uint32_t n = 0; n <= 33; n++) {
            assert_int_equal(pqi_path_decode((pqi_cspan){b, 12 + 32 * (size_t)n}, &p),
                n == t[i].n ? PQI_OK : PQI_ERR_DECODE);
        }
    }
}

/* A member's path, and everything that is not one. */
static void members(void **state)
{
    (void)state;
    const cx *f = F();
    pqi_path p;
    assert_int_equal(pqi_path_decode((pqi_cspan){f->path_bytes, f->path_len}, &p), PQI_OK);
    pqi_leaf leaf = cx_leaf(f, 2);
    const uint8_t *root = f->roster.root;
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_OK);
    for (uint32_t i = 0; i < CX_LEAVES; i++) {
        const pqi_leaf other = cx_leaf(f, i);
        assert_int_equal(
            pqi_path_check(&f->algs, &other, &p, root), i == 2 ? PQI_OK : PQI_ERR_AUTH);
    }
    p.hashes.len -= 32; /* a path that was not decoded: one hash less, then one more */
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_ERR_AUTH);
    uint8_t longer[PQI_PATH_MAX] = {0};
    memcpy(longer, f->path_bytes + 12, f->path_len - 12);
    p.hashes = (pqi_cspan){longer, f->path_len - 12 + 32};
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_ERR_AUTH);
    p.hashes.len -= 32;
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_OK);
    leaf.key_epoch++;
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_ERR_AUTH);
    leaf = cx_leaf(f, 2);
    leaf.roster_index++;
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_ERR_AUTH);
    leaf = cx_leaf(f, 2);
    leaf.cert_hash[31] ^= 1;
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_ERR_AUTH);
    leaf = cx_leaf(f, 2);
    uint8_t b[PQI_PATH_MAX];
    for (size_t i = 4; i < f->path_len; i++) { /* the seq is compared by who holds the head */
        memcpy(b, f->path_bytes, f->path_len);
        b[i] ^= 1;
        pqi_status st = pqi_path_decode((pqi_cspan){b, f->path_len}, &p);
        st = st == PQI_OK ? pqi_path_check(&f->algs, &leaf, &p, root) : st;
        assert_true(st == PQI_ERR_AUTH || st == PQI_ERR_DECODE);
    }
    /* of another roster, whose tree has another member beside it */
    uint8_t leaves[CX_LEAVES][PQI_HASH_LEN], other[PQI_HASH_LEN];
    cx_leaves(f, leaves);
    leaves[4][0] ^= 1;
    const pqi_path of = {.roster_seq = 6, .size = CX_LEAVES, .position = 2};
    size_t n = 0;
    assert_int_equal(
        pqi_path_build(&f->algs, leaves, &of, other, (pqi_span){b, sizeof b}, &n), PQI_OK);
    assert_int_equal(pqi_path_decode((pqi_cspan){b, n}, &p), PQI_OK);
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, other), PQI_OK);
    assert_int_equal(pqi_path_check(&f->algs, &leaf, &p, root), PQI_ERR_AUTH);
}

/* Second preimages: an inner node is no leaf and a leaf's text no node, as each is tagged. */
static void no_second_preimage(void **state)
{
    (void)state;
    const cx *f = F();
    uint8_t leaves[4][PQI_HASH_LEN], node[PQI_HASH_LEN], root[PQI_HASH_LEN];
    make_leaves(4, leaves);
    const pqi_path of = {.size = 4, .position = 0};
    size_t n = 0;
    uint8_t b[PQI_PATH_MAX], pair[65];
    pqi_path p;
    assert_int_equal(
        pqi_path_build(&f->algs, leaves, &of, root, (pqi_span){b, sizeof b}, &n), PQI_OK);
    make_leaves(4, leaves);
    memcpy(pair + 1, leaves[0], 32);
    memcpy(pair + 33, leaves[1], 32);
    pair[0] = 1;
    sha256((pqi_cspan){pair, 65}, node);
    /* A tree of two whose leaf is the node has the same root: the hash of a leaf never is one. */
    uint8_t half[12 + 32] = {0};
    half[7] = 2;
    memcpy(half + 12, b + 12 + 32, 32);
    assert_int_equal(pqi_path_decode((pqi_cspan){half, sizeof half}, &p), PQI_OK);
    assert_int_equal(pqi_nonce_check(&f->algs, node, &p, root), PQI_OK);
    pair[0] = 0; /* what a leaf over the same bytes gives */
    sha256((pqi_cspan){pair, 65}, node);
    assert_int_equal(pqi_nonce_check(&f->algs, node, &p, root), PQI_ERR_AUTH);
    sha256((pqi_cspan){pair + 1, 64}, node); /* without a tag */
    assert_int_equal(pqi_nonce_check(&f->algs, node, &p, root), PQI_ERR_AUTH);
    /* A roster leaf with the fields of a nonce is another one: labels. */
    pqi_leaf leaf = {0};
    uint8_t x[PQI_HASH_LEN], y[PQI_HASH_LEN];
    memset(leaf.cert_hash, 0x42, PQI_HASH_LEN);
    assert_int_equal(pqi_leaf_hash(&f->algs, &leaf, x), PQI_OK);
    assert_int_equal(pqi_nonce_leaf(&f->algs, leaf.cert_hash, leaf.cert_hash, y), PQI_OK);
    assert_memory_not_equal(x, y, PQI_HASH_LEN);
}

static void nonces(void **state)
{
    (void)state;
    const cx *f = F();
    for (uint32_t i = 0; i < CX_NONCES; i++) {
        uint8_t leaves[CX_NONCES][PQI_HASH_LEN], leaf[PQI_HASH_LEN], root[PQI_HASH_LEN], b[128];
        uint8_t nonce[PQI_NONCE_LEN], kid[PQI_KID_LEN];
        pqi_path p, of = {.size = CX_NONCES, .position = i};
        size_t n = 0;
        cx_nonces(f, leaves);
        assert_int_equal(
            pqi_path_build(&f->algs, leaves, &of, root, (pqi_span){b, sizeof b}, &n), PQI_OK);
        assert_memory_equal(root, f->statement.root, PQI_HASH_LEN);
        assert_int_equal(pqi_path_decode((pqi_cspan){b, n}, &p), PQI_OK);
        cx_nonce(i, nonce, kid);
        assert_int_equal(pqi_nonce_leaf(&f->algs, nonce, kid, leaf), PQI_OK);
        assert_int_equal(pqi_nonce_check(&f->algs, leaf, &p, root), PQI_OK);
        kid[0] ^= 1; /* somebody else's question */
        assert_int_equal(pqi_nonce_leaf(&f->algs, nonce, kid, leaf), PQI_OK);
        assert_int_equal(pqi_nonce_check(&f->algs, leaf, &p, root), PQI_ERR_AUTH);
        kid[0] ^= 1;
        assert_int_equal(pqi_nonce_leaf(&f->algs, nonce, kid, leaf), PQI_OK);
        p.roster_seq = 5; /* a path of a roster */
        assert_int_equal(pqi_nonce_check(&f->algs, leaf, &p, root), PQI_ERR_AUTH);
    }
}

static void path_build_refuses(void **state)
{
    (void)state;
    const cx *f = F();
    uint8_t leaves[5][PQI_HASH_LEN], before[5][PQI_HASH_LEN], root[PQI_HASH_LEN] = {0}, b[128];
    pqi_path of = {.size = 5, .position = 5};
    size_t n = 0;
    make_leaves(5, leaves);
    memcpy(before, leaves, sizeof before);
    assert_int_equal(
        pqi_path_build(&f->algs, leaves, &of, root, (pqi_span){b, sizeof b}, &n), PQI_ERR_ARG);
    of.position = 0;
    assert_int_equal(
        pqi_path_build(&f->algs, leaves, &of, root, (pqi_span){b, 107}, &n), PQI_ERR_SPACE);
    assert_int_equal(n, 108);
    assert_memory_equal(before, leaves, sizeof before);
    of.size = 0;
    assert_int_equal(
        pqi_path_build(&f->algs, leaves, &of, root, (pqi_span){b, sizeof b}, &n), PQI_ERR_ARG);
}

PQI_TEST_MAIN(cmocka_unit_test(steps_by_hand), cmocka_unit_test(tokens_over_gaps),
    cmocka_unit_test(ticks), cmocka_unit_test(tick_bytes), cmocka_unit_test(questions),
    cmocka_unit_test(answers), cmocka_unit_test(known_roots), cmocka_unit_test(every_path),
    cmocka_unit_test(wrong_size_or_position), cmocka_unit_test(path_bytes),
    cmocka_unit_test(members), cmocka_unit_test(no_second_preimage), cmocka_unit_test(nonces),
    cmocka_unit_test(path_build_refuses))
