/* SPDX-License-Identifier: Apache-2.0
 * Policy: versions (INV-67), rules, thresholds (INV-60), rows; and signatures that come together. */
#include "pqi_test.h"

#include "ident/cose.h"
#include "ident/ident.h"
#include "support/control_fixture.h"
#include "support/reencode.h"
#include <stdbool.h>

static uint8_t buf[PQI_POLICY_MAX], work[2 * PQI_POLICY_MAX], payload[PQI_POLICY_MAX];

static pqi_span room(void)
{
    return (pqi_span){buf, sizeof buf};
}

static pqi_cspan sign(cx *f, const pqi_policy *x, const pqi_key *keys, size_t n, uint8_t *to)
{
    size_t len = 0;
    assert_int_equal(
        pqi_policy_build(&f->algs, f->p, x, keys, n, (pqi_span){to, PQI_POLICY_MAX}, &len), PQI_OK);
    return (pqi_cspan){to, len};
}

static pqi_status verify_bytes(const cx *f, pqi_cspan in)
{
    pqi_policy x;
    pqi_status st = pqi_policy_decode(&f->algs, in, &x);
    return st == PQI_OK ? pqi_policy_verify(&f->algs, &x, &f->manifest, f->tmp) : st;
}

/* ---- versions ------------------------------------------------------------------------------------ */

static void version_1_is_the_default_where_it_is_silent(void **state)
{
    (void)state;
    cx *f = cx_get();
    const pqi_key two[2] = {CX_POLICY3, CX_POLICY1};
    pqi_policy x = cx_policy_fields(), got;
    size_t n = 0;
    x.version = 1;
    /* what it cannot say must not be lost without a word */
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, two, 2, room(), &n), PQI_ERR_ARG);
    x.rules.rev_ahead_permille = pqi_policy_default.rev_ahead_permille;
    x.rules.local_ticks_max = pqi_policy_default.local_ticks_max;
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, two, 2, room(), &n), PQI_ERR_ARG);
    x.rules.max_step_s = pqi_policy_default.max_step_s;
    pqi_cspan b = sign(f, &x, two, 2, buf);
    assert_int_equal(verify_bytes(f, b), PQI_OK);
    assert_int_equal(pqi_policy_decode(&f->algs, b, &got), PQI_OK);
    assert_int_equal(got.version, 1);
    assert_int_equal(got.rules.rev_ahead_permille, 50);
    assert_int_equal(got.rules.local_ticks_max, 72);
    assert_int_equal(got.rules.max_step_s, 172800);
    assert_int_equal(got.n_acls, 2);
}

typedef struct raw { /* a payload with any number of fields of version 2 */
    uint64_t version;
    unsigned second; /* bit 1 << i: field 15 + i is there */
} raw;

/* From the payload of version 1: map head, version, rest up to key 18, fields, rest. */
static size_t put_raw(const cx *f, const raw *r, uint8_t *out)
{
    pqi_policy x = cx_policy_fields();
    wr one = wr_of((pqi_span){payload, sizeof payload}), w = wr_of((pqi_span){out, 1024});
    x.version = 1;
    pqi_policy_put_payload(&one, &x);
    size_t rows = 0;
    for (size_t i = 3; i < one.len - 2; i++) { /* 18: [2 rows of 4 */
        rows = payload[i] == 0x12 && payload[i + 1] == 0x82 && payload[i + 2] == 0x84 ? i : rows;
    }
    assert_int_equal(payload[0], 0xb0);
    assert_true(rows != 0 && f != NULL);
    unsigned n = (r->second & 1u) + (r->second >> 1 & 1u) + (r->second >> 2 & 1u);
    pqi_cbor_put_map(&w, 16 + n);
    pqi_cbor_put_uint(&w, 1);
    pqi_cbor_put_uint(&w, r->version);
    wr_bytes(&w, (pqi_cspan){payload + 3, rows - 3});
    for (unsigned i = 0; i < 3; i++) {
        if ((r->second >> i & 1u) != 0) {
            pqi_cbor_put_uint(&w, 15 + i);
            pqi_cbor_put_uint(&w, i == 2 ? 3600 : 20);
        }
    }
    wr_bytes(&w, (pqi_cspan){payload + rows, one.len - rows});
    return w.len;
}

/* INV-67: version 1 with a field of version 2, version 2 without one, another version. */
static void inv_67_fields_of_the_other_version(void **state)
{
    (void)state;
    const cx *f = cx_get();
    unsigned accepted = 0;
    for (uint64_t version = 0; version < 5; version++) {
        for (unsigned second = 0; second < 8; second++) {
            const raw r = {version == 4 ? UINT32_MAX : version, second};
            pqi_policy got, mark;
            uint8_t p[1024];
            size_t n = put_raw(f, &r, p);
            memset(&got, 0x5a, sizeof got);
            memcpy(&mark, &got, sizeof mark);
            uint8_t *heap = cx_exact(p, n);
            bool good = (version == 1 && second == 0) || (version == 2 && second == 7);
            assert_int_equal(pqi_policy_payload(&f->algs, (pqi_cspan){heap, n}, &got),
                good ? PQI_OK : PQI_ERR_DECODE);
            assert_true(good || memcmp(&got, &mark, sizeof got) == 0);
            accepted += good ? 1u : 0u;
            free(heap);
        }
    }
    assert_int_equal(accepted, 2);
}

/* ---- rules --------------------------------------------------------------------------------------- */

static void break_rule(pqi_policy *x, int i)
{
    static const pqi_cspan bad_prefix = {PQI_LIT("plant/+")}, bad_id = {PQI_LIT("a b")};
    pqi_policy_rules *u = &x->rules;
    switch (i) {
    case 1:
        x->root_version = 0;
        return;
    case 2:
        x->seq = 0;
        return;
    case 3:
        u->min_level = 6;
        return;
    case 4:
        u->modes = 0x01;
        return;
    case 5:
        u->modes = 0x10;
        return;
    case 6:
        u->sessions = 0;
        return;
    case 7:
        u->sessions = 3;
        return;
    case 8:
        u->flags = 0x20;
        return;
    case 9:
        u->tick_s = 0;
        return;
    case 10:
        u->tick_s = 86401;
        return;
    case 11:
        u->fresh = 0;
        return;
    case 12:
        u->aged = u->fresh;
        return;
    case 13:
        u->stale = u->aged;
        return;
    case 14:
        u->assurance[PQI_CLASS_L] = 0x40;
        return;
    case 15:
        u->assurance[PQI_CLASS_H] = 0x80;
        return;
    case 16:
        u->rev_ahead_permille = 1001;
        return;
    case 17:
        u->max_step_s = 59;
        return;
    case 18:
        x->acls[0].rights = 0;
        return;
    case 19:
        x->acls[0].rights = 4;
        return;
    case 20:
        x->acls[1].classes = 0;
        return;
    case 21:
        x->acls[1].classes = 16;
        return;
    case 22:
        x->acls[1].prefix = bad_prefix;
        return;
    case 23:
        x->acls[1].subject = bad_id;
        return;
    case 24:
        x->fail_safe[0] = bad_prefix;
        return;
    case 25:
        x->fail_safe[0].len = 0;
        return;
    default:
        return;
    }
}

/* Builder and decoder know the same rules. */
static void each_rule(void **state)
{
    (void)state;
    cx *f = cx_get();
    const pqi_key one = CX_POLICY1;
    for (int i = 0; i <= 25; i++) {
        pqi_policy x = cx_policy_fields(), got;
        size_t n = 0;
        break_rule(&x, i);
        assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, &one, 1, room(), &n),
            i == 0 ? PQI_OK : PQI_ERR_ARG);
        wr w = wr_of((pqi_span){payload, sizeof payload});
        pqi_policy_put_payload(&w, &x);
        if (pqi_policy_payload(&f->algs, (pqi_cspan){payload, w.len}, &got) !=
            (i == 0 ? PQI_OK : PQI_ERR_DECODE)) {
            fail_msg("rule %d", i);
        }
    }
    pqi_policy x = cx_policy_fields();
    size_t n = 0;
    x.rules.assurance[PQI_CLASS_S] = 1; /* has no place in the encoding */
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, &one, 1, room(), &n), PQI_ERR_ARG);
    x = cx_policy_fields();
    x.n_acls = PQI_POLICY_ACLS_MAX + 1;
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, &one, 1, room(), &n), PQI_ERR_ARG);
    x = cx_policy_fields();
    x.n_fail_safe = PQI_POLICY_FAIL_SAFE + 1;
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, &one, 1, room(), &n), PQI_ERR_ARG);
    x = cx_policy_fields();
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, &one, 0, room(), &n), PQI_ERR_ARG);
}

static void the_default_is_a_policy(void **state)
{
    (void)state;
    cx *f = cx_get();
    const pqi_key two[2] = {CX_POLICY1, CX_POLICY2};
    pqi_policy x = cx_policy_fields();
    x.rules = pqi_policy_default;
    assert_int_equal(verify_bytes(f, sign(f, &x, two, 2, buf)), PQI_OK);
    assert_int_equal(pqi_policy_default.flags & PQI_POLICY_ROSTER, 0);
    assert_int_equal(pqi_policy_default.tick_s, 3600);
    assert_int_equal(pqi_policy_default.fresh, 4);
    assert_int_equal(pqi_policy_default.aged, 48);
    assert_int_equal(pqi_policy_default.stale, 720);
}

/* The payload alone, as it is stored: the same fields and hash, and it verifies nothing. */
static void payload_alone(void **state)
{
    (void)state;
    const cx *f = cx_get();
    pqi_policy x;
    uint8_t *heap = cx_exact(f->policy.payload.ptr, f->policy.payload.len);
    assert_int_equal(
        pqi_policy_payload(&f->algs, (pqi_cspan){heap, f->policy.payload.len}, &x), PQI_OK);
    assert_memory_equal(x.hash, f->policy.hash, PQI_HASH_LEN);
    assert_memory_equal(&x.rules, &f->policy.rules, sizeof x.rules);
    assert_true(x.encoded.len == 0 && x.signatures.len == 0 && x.payload.ptr == heap);
    assert_int_equal(pqi_policy_verify(&f->algs, &x, &f->manifest, f->tmp), PQI_ERR_AUTH);
    for (size_t i = 0; i < f->policy.payload.len; i++) {
        assert_int_equal(pqi_policy_payload(&f->algs, (pqi_cspan){heap, i}, &x), PQI_ERR_DECODE);
    }
    free(heap);
    static uint8_t big[PQI_POLICY_MAX + 1];
    assert_int_equal(
        pqi_policy_payload(&f->algs, (pqi_cspan){big, sizeof big}, &x), PQI_ERR_DECODE);
}

/* ---- thresholds ---------------------------------------------------------------------------------- */

/* INV-60: 2 of 3 policy keys. Others count nothing, and a bad one of ours refuses all. */
static void inv_60_threshold(void **state)
{
    (void)state;
    cx *f = cx_get();
    const pqi_policy x = cx_policy_fields();
    static const struct {
        pqi_key keys[4];
        size_t n;
        pqi_status want;
    } t[] = {
        {{CX_POLICY1, CX_POLICY2}, 2, PQI_OK},
        {{CX_POLICY3, CX_POLICY2}, 2, PQI_OK},
        {{CX_POLICY1, CX_POLICY2, CX_POLICY3}, 3, PQI_OK},
        {{CX_POLICY1, CX_POLICY3, CX_STRANGER, CX_HEAD}, 4, PQI_OK},
        {{CX_POLICY2}, 1, PQI_ERR_AUTH},
        {{CX_POLICY2, CX_STRANGER}, 2, PQI_ERR_AUTH},
        {{CX_POLICY2, CX_ROOT1, CX_ISSUER, CX_HEAD}, 4, PQI_ERR_AUTH},
        {{CX_ROOT1, CX_ROOT2}, 2, PQI_ERR_AUTH},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        assert_int_equal(verify_bytes(f, sign(f, &x, t[i].keys, t[i].n, buf)), t[i].want);
    }
    const pqi_key three[3] = {CX_POLICY1, CX_POLICY2, CX_POLICY3};
    pqi_cspan b = sign(f, &x, three, 3, buf);
    buf[b.len - 1] ^= 1; /* two good ones are left */
    assert_int_equal(verify_bytes(f, b), PQI_ERR_AUTH);
}

/* INV-60: one signer twice does not make two. By the builder, in the object, by a merge. */
static void inv_60_no_signer_twice(void **state)
{
    (void)state;
    cx *f = cx_get();
    const pqi_policy x = cx_policy_fields();
    const pqi_key twice[2] = {CX_POLICY1, CX_POLICY1}, one = CX_POLICY1;
    size_t n = 0;
    assert_int_equal(pqi_policy_build(&f->algs, f->p, &x, twice, 2, room(), &n), PQI_ERR_ARG);

    pqi_policy got;
    pqi_cspan b = sign(f, &x, &one, 1, buf);
    assert_int_equal(pqi_policy_decode(&f->algs, b, &got), PQI_OK);
    pqi_cspan list = got.signatures; /* 0x81 and the one signature */
    size_t front = (size_t)(list.ptr - buf);
    memcpy(work, buf, front);
    work[front] = 0x82;
    memcpy(work + front + 1, list.ptr + 1, list.len - 1);
    memcpy(work + front + list.len, list.ptr + 1, list.len - 1);
    assert_int_equal(verify_bytes(f, (pqi_cspan){work, front + 2 * list.len - 1}), PQI_ERR_DECODE);
    assert_int_equal(pqi_cose_merge(b, b, (pqi_span){work, sizeof work}, &n), PQI_OK);
    assert_int_equal(n, b.len);
    assert_memory_equal(work, buf, n);
}

/* ---- merging ------------------------------------------------------------------------------------- */

static void merge_gives_what_signing_together_gives(void **state)
{
    (void)state;
    cx *f = cx_get();
    static uint8_t x1[PQI_POLICY_MAX], x2[PQI_POLICY_MAX], x13[PQI_POLICY_MAX];
    const pqi_policy x = cx_policy_fields();
    const pqi_key all[3] = {CX_POLICY1, CX_POLICY2, CX_POLICY3}, k13[2] = {CX_POLICY3, CX_POLICY1};
    pqi_cspan a = sign(f, &x, &all[0], 1, x1), b = sign(f, &x, &all[1], 1, x2);
    pqi_cspan c = sign(f, &x, k13, 2, x13);
    size_t n = 0, m = 0;

    pqi_cspan want = sign(f, &x, all, 2, buf);
    assert_int_equal(pqi_cose_merge(a, b, (pqi_span){work, a.len + b.len}, &n), PQI_OK);
    assert_int_equal(n, want.len);
    assert_memory_equal(work, want.ptr, n);
    assert_int_equal(pqi_cose_merge(b, a, (pqi_span){payload, a.len + b.len}, &m), PQI_OK);
    assert_int_equal(m, n);
    assert_memory_equal(payload, work, n);
    assert_int_equal(verify_bytes(f, (pqi_cspan){work, n}), PQI_OK);

    want = sign(f, &x, all, 3, buf); /* an overlap: 1 2 and 1 3 */
    assert_int_equal(
        pqi_cose_merge((pqi_cspan){work, n}, c, (pqi_span){payload, want.len}, &m), PQI_OK);
    assert_int_equal(m, want.len);
    assert_memory_equal(payload, want.ptr, m);
    assert_int_equal(pqi_cose_merge((pqi_cspan){work, n}, c, (pqi_span){payload, want.len - 1}, &m),
        PQI_ERR_SPACE);
    assert_int_equal(m, want.len);
    assert_int_equal(pqi_cose_merge(a, b, (pqi_span){NULL, 0}, &m), PQI_ERR_SPACE);
    assert_int_equal(m, n);

    /* of a signer in both, the first one's signature */
    memcpy(payload, x1, a.len);
    payload[a.len - 1] ^= 1;
    assert_int_equal(
        pqi_cose_merge((pqi_cspan){payload, a.len}, a, (pqi_span){work, sizeof work}, &m), PQI_OK);
    assert_memory_equal(work, payload, a.len);
}

static void merge_refuses(void **state)
{
    (void)state;
    cx *f = cx_get();
    static uint8_t other[PQI_POLICY_MAX];
    const pqi_key one = CX_POLICY1, two = CX_POLICY2;
    pqi_policy x = cx_policy_fields();
    pqi_cspan a = sign(f, &x, &one, 1, buf), in = a;
    size_t n = 7;
    x.seq++;
    pqi_cspan b = sign(f, &x, &two, 1, other);
    assert_int_equal(pqi_cose_merge(a, b, (pqi_span){work, sizeof work}, &n), PQI_ERR_AUTH);
    assert_int_equal(n, 0);
    assert_int_equal(
        pqi_cose_merge(a, f->manifest.encoded, (pqi_span){work, sizeof work}, &n), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_cose_merge(a, f->head.encoded, (pqi_span){work, sizeof work}, &n), PQI_ERR_DECODE);
    for (in.len = 0; in.len < a.len; in.len++) {
        uint8_t *heap = cx_exact(buf, in.len);
        const pqi_cspan cut = {heap, in.len};
        assert_int_equal(pqi_cose_merge(cut, a, (pqi_span){work, sizeof work}, &n), PQI_ERR_DECODE);
        assert_int_equal(pqi_cose_merge(a, cut, (pqi_span){work, sizeof work}, &n), PQI_ERR_DECODE);
        free(heap);
    }
    assert_int_equal(pqi_cose_merge(a, a, (pqi_span){work, sizeof work}, NULL), PQI_ERR_ARG);
}

/* 17 and 16 signers are one too many. Signatures that nobody checks, for keys that nobody has. */
static pqi_cspan many(uint8_t *to, unsigned from, unsigned n)
{
    wr w = wr_of((pqi_span){to, PQI_POLICY_MAX});
    uint8_t kid[PQI_KID_LEN] = {0};
    wr_bytes(&w, (pqi_cspan){PQI_LIT("\xd8\x62\x84\x44\xa1\x10\x61x\xa0\x41p")});
    pqi_cbor_put_array(&w, n);
    for (unsigned i = from; i < from + n; i++) {
        kid[7] = (uint8_t)i;
        wr_bytes(&w, (pqi_cspan){PQI_LIT("\x83\x4e\xa2\x01\x38\x2f\x04\x48")});
        wr_bytes(&w, (pqi_cspan){kid, sizeof kid});
        wr_bytes(&w, (pqi_cspan){PQI_LIT("\xa0\x41s")});
    }
    return (pqi_cspan){to, w.len};
}

/* In order but for its length: the cap decides. */
static void cap_of_the_whole(void **state)
{
    (void)state;
    const cx *f = cx_get();
    static uint8_t sig[4000];
    pqi_policy got;
    for (unsigned n = 7; n <= 9; n++) {
        wr w = wr_of((pqi_span){work, sizeof work});
        wr_bytes(&w, (pqi_cspan){PQI_LIT("\xd8\x62\x84\x4d\xa1\x10\x6apqi-policy\xa0")});
        pqi_cbor_put_bstr(&w, f->policy.payload);
        pqi_cbor_put_array(&w, n);
        for (unsigned i = 0; i < n; i++) {
            const uint8_t kid[PQI_KID_LEN] = {(uint8_t)i};
            wr_bytes(&w, (pqi_cspan){PQI_LIT("\x83\x4e\xa2\x01\x38\x2f\x04\x48")});
            wr_bytes(&w, (pqi_cspan){kid, sizeof kid});
            wr_bytes(&w, (pqi_cspan){PQI_LIT("\xa0")});
            pqi_cbor_put_bstr(&w, (pqi_cspan){sig, sizeof sig});
        }
        assert_true(w.len <= sizeof work);
        assert_int_equal(pqi_policy_decode(&f->algs, (pqi_cspan){work, w.len}, &got),
            w.len <= PQI_POLICY_MAX ? PQI_OK : PQI_ERR_DECODE);
        assert_true((w.len <= PQI_POLICY_MAX) == (n < 9));
    }
}

static void merge_limit(void **state)
{
    (void)state;
    static uint8_t x[PQI_POLICY_MAX], y[PQI_POLICY_MAX];
    size_t n = 0;
    pqi_cspan a = many(x, 0, 16), b = many(y, 16, 16);
    pqi_cose_sign s;
    assert_int_equal(pqi_cose_merge(a, b, room(), &n), PQI_OK);
    assert_int_equal(
        pqi_cose_sign_decode((pqi_cspan){buf, n}, (pqi_cspan){PQI_LIT("x")}, &s), PQI_OK);
    rd r;
    assert_int_equal(pqi_cose_signatures_begin(&r, s.signatures), PQI_COSE_SIGNATURES_MAX);
    assert_int_equal(pqi_ident_check_signers(s.signatures), PQI_OK);
    b = many(y, 16, 17);
    assert_int_equal(pqi_cose_merge(a, b, room(), &n), PQI_ERR_LIMIT);
    b = many(y, 15, 17); /* one of them in both */
    assert_int_equal(pqi_cose_merge(a, b, room(), &n), PQI_OK);
    pqi_cspan down = many(y, 5, 2);
    y[down.len - 4] = 1; /* not ascending any more */
    assert_int_equal(pqi_cose_merge(a, down, room(), &n), PQI_ERR_DECODE);
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static pqi_cspan text(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

static void rows_allow(void **state)
{
    (void)state;
    const cx *f = cx_get();
    static const struct {
        const char *who, *topic;
        uint8_t right, classes;
    } t[] = {
        {"pump-1", "plant/a", PQI_RIGHT_PUB, 1},
        {"pump-1", "plant/a/x", PQI_RIGHT_SUB, 1},
        {"pump-1", "plant/a/x", PQI_RIGHT_PUB | PQI_RIGHT_SUB, 1},
        {"pump-1", "plant/ab", PQI_RIGHT_PUB, 0},
        {"pump-1", "plant", PQI_RIGHT_PUB, 0},
        {"pump-1", "plant/a/cmd", PQI_RIGHT_PUB, 1},
        {"control", "plant/a/cmd", PQI_RIGHT_PUB, 1 | 2 | 8},
        {"control", "plant/a/cmd", PQI_RIGHT_SUB, 1},
        {"control", "plant/a/cmd", PQI_RIGHT_PUB | PQI_RIGHT_SUB, 1},
        {"contro", "plant/a/cmd", PQI_RIGHT_PUB, 1},
        {"control-2", "plant/a/cmd/x", PQI_RIGHT_PUB, 1},
        {"control", "plant/a/cmds", PQI_RIGHT_PUB, 1},
    };
    uint8_t classes = 0;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        pqi_status st =
            pqi_policy_acl(&f->policy, text(t[i].who), text(t[i].topic), t[i].right, &classes);
        assert_int_equal(classes, t[i].classes);
        assert_int_equal(st, t[i].classes != 0 ? PQI_OK : PQI_ERR_POLICY);
    }
    pqi_policy none = f->policy;
    none.n_acls = 0;
    assert_int_equal(pqi_policy_acl(&none, text("x"), text("t"), PQI_RIGHT_PUB, &classes), PQI_OK);
    assert_int_equal(classes, 15);
    static const char *bad[] = {"", "a/+", "a/#"};
    for (size_t i = 0; i < 3; i++) {
        classes = 15;
        assert_int_equal(
            pqi_policy_acl(&none, text("x"), text(bad[i]), PQI_RIGHT_PUB, &classes), PQI_ERR_ARG);
        assert_int_equal(classes, 0);
    }
    assert_int_equal(pqi_policy_acl(&none, text("x"), text("t"), 0, &classes), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_acl(&none, text("x"), text("t"), 4, &classes), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_acl(&none, text(""), text("t"), 1, &classes), PQI_ERR_ARG);
    assert_int_equal(pqi_policy_acl(NULL, text("x"), text("t"), 1, &classes), PQI_ERR_ARG);
}

static void fail_safe_topics(void **state)
{
    (void)state;
    const cx *f = cx_get();
    assert_int_equal(pqi_policy_is_fail_safe(&f->policy, text("plant/a/cmd/stop")), 1);
    assert_int_equal(pqi_policy_is_fail_safe(&f->policy, text("plant/a/cmd/stop/now")), 1);
    assert_int_equal(pqi_policy_is_fail_safe(&f->policy, text("plant/a/cmd/stops")), 0);
    assert_int_equal(pqi_policy_is_fail_safe(&f->policy, text("plant/a/cmd")), 0);
    pqi_policy none = f->policy;
    none.n_fail_safe = 0;
    assert_int_equal(pqi_policy_is_fail_safe(&none, text("plant/a/cmd")), 1);
}

PQI_TEST_MAIN(cmocka_unit_test(version_1_is_the_default_where_it_is_silent),
    cmocka_unit_test(inv_67_fields_of_the_other_version), cmocka_unit_test(each_rule),
    cmocka_unit_test(the_default_is_a_policy), cmocka_unit_test(payload_alone),
    cmocka_unit_test(inv_60_threshold), cmocka_unit_test(inv_60_no_signer_twice),
    cmocka_unit_test(merge_gives_what_signing_together_gives), cmocka_unit_test(merge_refuses),
    cmocka_unit_test(merge_limit), cmocka_unit_test(cap_of_the_whole), cmocka_unit_test(rows_allow),
    cmocka_unit_test(fail_safe_topics))
