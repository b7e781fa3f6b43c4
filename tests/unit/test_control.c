/* SPDX-License-Identifier: Apache-2.0
 * Control head, roster, policy and statement: one encoding each, and nothing that the right key in
 * the right role did not sign for this fleet and root version. Part of INV-60. */
#include "pqi_test.h"

#include "ident/ident.h"
#include "support/control_fixture.h"
#include "support/reencode.h"
#include <stdbool.h>

enum { HEAD, ROSTER, POLICY, STATEMENT, KINDS };

static uint8_t buf[PQI_POLICY_MAX], again[PQI_POLICY_MAX], work[PQI_POLICY_MAX + 1];

typedef union object {
    pqi_head head;
    pqi_roster roster;
    pqi_policy policy;
    pqi_statement statement;
} object;

/* ---- the same calls for each kind --------------------------------------------------------------- */

static pqi_status decode(const cx *f, int kind, pqi_cspan in, object *o)
{
    switch (kind) {
    case HEAD:
        return pqi_head_decode(&f->algs, in, &o->head);
    case ROSTER:
        return pqi_roster_decode(&f->algs, in, &o->roster);
    case POLICY:
        return pqi_policy_decode(&f->algs, in, &o->policy);
    default:
        return pqi_statement_decode(&f->algs, in, &o->statement);
    }
}

static pqi_status verify_with(
    const pqi_algs *a, int kind, const object *o, const pqi_manifest *m, pqi_span tmp)
{
    switch (kind) {
    case HEAD:
        return pqi_head_verify(a, &o->head, m, tmp);
    case ROSTER:
        return pqi_roster_verify(a, &o->roster, m, tmp);
    case POLICY:
        return pqi_policy_verify(a, &o->policy, m, tmp);
    default:
        return pqi_statement_verify(a, &o->statement, m, tmp);
    }
}

static pqi_status verify(const cx *f, int kind, const object *o, const pqi_manifest *m)
{
    return verify_with(&f->algs, kind, o, m, f->tmp);
}

static size_t reencode(int kind, const object *o, pqi_span out)
{
    switch (kind) {
    case HEAD:
        return reencode_head(&o->head, out);
    case ROSTER:
        return reencode_roster(&o->roster, out);
    case POLICY:
        return reencode_policy(&o->policy, out);
    default:
        return reencode_statement(&o->statement, out);
    }
}

static object of_fixture(const cx *f, int kind)
{
    object o;
    memset(&o, 0, sizeof o);
    switch (kind) {
    case HEAD:
        o.head = f->head;
        break;
    case ROSTER:
        o.roster = f->roster;
        break;
    case POLICY:
        o.policy = f->policy;
        break;
    default:
        o.statement = f->statement;
        break;
    }
    return o;
}

static pqi_cspan bytes_of(const cx *f, int kind)
{
    return kind == HEAD     ? f->head.encoded
           : kind == ROSTER ? f->roster.encoded
           : kind == POLICY ? f->policy.encoded
                            : f->statement.encoded;
}

/* Builds with one key, or for a policy with n. */
static pqi_status build_in(
    cx *f, int kind, const object *o, const pqi_key *keys, size_t n, pqi_span out, size_t *len)
{
    switch (kind) {
    case HEAD:
        return pqi_head_build(&f->algs, f->p, keys[0], &o->head, out, len);
    case ROSTER:
        return pqi_roster_build(&f->algs, f->p, keys[0], &o->roster, out, len);
    case POLICY:
        return pqi_policy_build(&f->algs, f->p, &o->policy, keys, n, out, len);
    default:
        return pqi_statement_build(&f->algs, f->p, keys[0], &o->statement, out, len);
    }
}

static const pqi_key right_keys[KINDS][2] = {
    {CX_HEAD, 0}, {CX_ISSUER, 0}, {CX_POLICY1, CX_POLICY2}, {CX_HEAD, 0}};

/* Builds into buf with the right keys and decodes it again. */
static pqi_status build_right(cx *f, int kind, const object *o, object *got)
{
    size_t n = 0;
    pqi_status st = build_in(f, kind, o, right_keys[kind], 2, (pqi_span){buf, sizeof buf}, &n);
    if (st == PQI_OK) {
        assert_int_equal(decode(f, kind, (pqi_cspan){buf, n}, got), PQI_OK);
    }
    return st;
}

/* Decodes from a block of the exact size; a refusal must leave *out as it was. */
static pqi_status decode_exact(const cx *f, int kind, const uint8_t *p, size_t len)
{
    object o, mark;
    memset(&o, 0x5a, sizeof o);
    memcpy(&mark, &o, sizeof mark);
    uint8_t *heap = cx_exact(p, len);
    pqi_status st = decode(f, kind, (pqi_cspan){heap, len}, &o);
    if (st != PQI_OK) {
        assert_memory_equal(&o, &mark, sizeof o);
    } else {
        assert_int_equal(reencode(kind, &o, (pqi_span){again, sizeof again}), len);
        assert_memory_equal(again, p, len);
    }
    free(heap);
    return st;
}

/* ---- encoding ----------------------------------------------------------------------------------- */

static void round_trips(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int k = 0; k < KINDS; k++) {
        object o = of_fixture(f, k), got;
        assert_int_equal(decode_exact(f, k, bytes_of(f, k).ptr, bytes_of(f, k).len), PQI_OK);
        assert_int_equal(verify(f, k, &o, &f->manifest), PQI_OK);
        assert_int_equal(build_right(f, k, &o, &got), PQI_OK);
        assert_memory_equal(buf, bytes_of(f, k).ptr, bytes_of(f, k).len);
    }
    assert_int_equal(f->head.n_delegates, 1);
    assert_memory_equal(f->head.delegates[0].device_id.ptr, "gateway-1", 9);
    assert_memory_equal(f->head.policy_hash, f->policy.hash, PQI_HASH_LEN);
    assert_true(f->head.time == 1770000000 && f->head.tick_base == 1000);
}

/* Everything that can be said at once, and the largest numbers; then the least. */
static void full_and_empty(void **state)
{
    (void)state;
    cx *f = cx_get();
    object o = of_fixture(f, HEAD), got;
    static const char *ids[PQI_DELEGATES_MAX] = {"A", "AA", "B", "_"};
    o.head.head_epoch = UINT32_MAX;
    o.head.tick_count = PQI_TICKS_MAX;
    o.head.tick_base = UINT32_MAX - PQI_TICKS_MAX;
    o.head.time = UINT64_MAX;
    o.head.n_delegates = PQI_DELEGATES_MAX;
    for (size_t i = 0; i < PQI_DELEGATES_MAX; i++) {
        o.head.delegates[i] = o.head.delegates[0];
        o.head.delegates[i].device_id = (pqi_cspan){(const uint8_t *)ids[i], strlen(ids[i])};
    }
    assert_int_equal(build_right(f, HEAD, &o, &got), PQI_OK);
    assert_int_equal(got.head.n_delegates, PQI_DELEGATES_MAX);
    assert_int_equal(got.head.delegates[3].device_id.ptr[0], '_');
    assert_true(got.head.time == UINT64_MAX && got.head.tick_base == UINT32_MAX - PQI_TICKS_MAX);

    pqi_head least = {.root_version = 1, .head_epoch = 1, .tick_count = 1};
    memcpy(least.fleet_id, f->head.fleet_id, PQI_FLEET_ID_LEN);
    memset(&o, 0, sizeof o);
    o.head = least;
    assert_int_equal(build_right(f, HEAD, &o, &got), PQI_OK);
    assert_int_equal(got.head.policy_seq + got.head.roster_seq + got.head.rev_seq, 0);
    assert_int_equal(verify(f, HEAD, &got, &f->manifest), PQI_OK);

    static char prefix[PQI_PREFIX_MAX + 1], id[PQI_ID_MAX + 1];
    memset(prefix, 'p', PQI_PREFIX_MAX);
    memset(id, 'i', PQI_ID_MAX);
    o.policy = cx_policy_fields();
    o.policy.n_acls = PQI_POLICY_ACLS_MAX;
    o.policy.n_fail_safe = PQI_POLICY_FAIL_SAFE;
    for (size_t i = 0; i < PQI_POLICY_ACLS_MAX; i++) {
        o.policy.acls[i] = (pqi_acl){
            {(const uint8_t *)id, PQI_ID_MAX}, {(const uint8_t *)prefix, PQI_PREFIX_MAX}, 3, 15};
        o.policy.fail_safe[i % PQI_POLICY_FAIL_SAFE] = o.policy.acls[i].prefix;
    }
    assert_int_equal(build_right(f, POLICY, &o, &got), PQI_OK);
    assert_int_equal(got.policy.n_acls, PQI_POLICY_ACLS_MAX);
    assert_int_equal(got.policy.n_fail_safe, PQI_POLICY_FAIL_SAFE);
    o.policy.n_acls = o.policy.n_fail_safe = 0;
    assert_int_equal(build_right(f, POLICY, &o, &got), PQI_OK);
    assert_int_equal(verify(f, POLICY, &got, &f->manifest), PQI_OK);
}

/* INV-115: no strict prefix and no extension decodes, and no kind stands for another. */
static void inv_115_one_encoding(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int k = 0; k < KINDS; k++) {
        pqi_cspan in = bytes_of(f, k);
        memcpy(work, in.ptr, in.len);
        for (size_t len = 0; len < in.len; len++) {
            assert_int_equal(decode_exact(f, k, work, len), PQI_ERR_DECODE);
        }
        for (unsigned x = 0; x < 256; x++) {
            work[in.len] = (uint8_t)x;
            assert_int_equal(decode_exact(f, k, work, in.len + 1), PQI_ERR_DECODE);
        }
        for (int other = 0; other < KINDS; other++) {
            in = bytes_of(f, other);
            assert_int_equal(
                decode_exact(f, k, in.ptr, in.len), k == other ? PQI_OK : PQI_ERR_DECODE);
        }
        assert_int_equal(
            decode_exact(f, k, f->manifest.encoded.ptr, f->manifest.encoded.len), PQI_ERR_DECODE);
    }
}

/* INV-115: a change of any byte is refused by the decoder or does not verify, and what still decodes
 * encodes to itself. Every bit in front of the signature, two bits of each byte in it. */
static void inv_115_any_changed_byte(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int k = 0; k < KINDS; k++) {
        pqi_cspan in = bytes_of(f, k);
        memcpy(work, in.ptr, in.len);
        for (size_t i = 0; i < in.len; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                if (i >= 400 && bit != i % 8 && bit != (i + 3) % 8) {
                    continue;
                }
                work[i] ^= (uint8_t)(1u << bit);
                object o;
                pqi_status st = decode_exact(f, k, work, in.len);
                if (st == PQI_OK) {
                    st = decode(f, k, (pqi_cspan){work, in.len}, &o);
                    assert_int_equal(st, PQI_OK);
                    st = verify(f, k, &o, &f->manifest);
                }
                if (st == PQI_OK) {
                    fail_msg("kind %d: byte %zu bit %u changed and accepted", k, i, bit);
                }
                work[i] ^= (uint8_t)(1u << bit);
            }
        }
    }
}

static void caps_come_before_parsing(void **state)
{
    (void)state;
    cx *f = cx_get();
    static uint8_t big[PQI_POLICY_MAX + 1];
    static const size_t cap[KINDS] = {
        PQI_HEAD_MAX, PQI_ROSTER_MAX, PQI_POLICY_MAX, PQI_STATEMENT_MAX};
    object o;
    pqi_algs broken = f->algs; /* nothing of it may be needed for that */
    broken.classic = NULL;
    for (int k = 0; k < KINDS; k++) {
        assert_int_equal(decode_exact(f, k, big, cap[k] + 1), PQI_ERR_DECODE);
        assert_int_equal(decode_exact(f, k, big, 0), PQI_ERR_DECODE);
    }
    assert_int_equal(
        pqi_head_decode(&broken, (pqi_cspan){big, PQI_HEAD_MAX + 1}, &o.head), PQI_ERR_DECODE);
    assert_int_equal(pqi_head_decode(NULL, bytes_of(f, HEAD), &o.head), PQI_ERR_ARG);
    assert_int_equal(pqi_roster_decode(&f->algs, bytes_of(f, ROSTER), NULL), PQI_ERR_ARG);
}

/* ---- who signed ---------------------------------------------------------------------------------- */

/* INV-60: a key of every other role, and a stranger. The object is in order otherwise. */
static void inv_60_another_role(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int k = 0; k < KINDS; k++) {
        for (pqi_key by = CX_ROOT1; by < CX_KEYS_END; by++) {
            object o = of_fixture(f, k), got;
            size_t n = 0;
            bool right = by == right_keys[k][0];
            assert_int_equal(build_in(f, k, &o, &by, 1, (pqi_span){buf, sizeof buf}, &n), PQI_OK);
            assert_int_equal(decode(f, k, (pqi_cspan){buf, n}, &got), PQI_OK);
            /* one policy key alone is no quorum */
            assert_int_equal(
                verify(f, k, &got, &f->manifest), right && k != POLICY ? PQI_OK : PQI_ERR_AUTH);
        }
    }
}

/* INV-60: signed for another fleet, or under another root version, by the right keys. */
static void inv_60_another_fleet(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int k = 0; k < KINDS; k++) {
        object o = of_fixture(f, k), got;
        pqi_manifest m = f->manifest;
        m.fleet_id[15] ^= 1;
        assert_int_equal(verify(f, k, &o, &m), PQI_ERR_AUTH);
        m = f->manifest;
        m.root_version = 2;
        assert_int_equal(verify(f, k, &o, &m), PQI_ERR_AUTH);
        uint8_t *fleet = k == HEAD     ? o.head.fleet_id
                         : k == ROSTER ? o.roster.fleet_id
                         : k == POLICY ? o.policy.fleet_id
                                       : o.statement.fleet_id;
        fleet[0] ^= 1;
        assert_int_equal(build_right(f, k, &o, &got), PQI_OK);
        assert_int_equal(verify(f, k, &got, &f->manifest), PQI_ERR_AUTH);
        fleet[0] ^= 1;
        uint32_t *version = k == HEAD     ? &o.head.root_version
                            : k == ROSTER ? &o.roster.root_version
                            : k == POLICY ? &o.policy.root_version
                                          : &o.statement.root_version;
        *version = 2;
        assert_int_equal(build_right(f, k, &o, &got), PQI_OK);
        assert_int_equal(verify(f, k, &got, &f->manifest), PQI_ERR_AUTH);
        assert_int_equal(verify(f, k, &got, &m), PQI_OK); /* of that version it is */
    }
}

/* One signature meets a threshold of one; what cannot be checked is not accepted. */
static void thresholds_and_algorithms(void **state)
{
    (void)state;
    cx *f = cx_get();
    static const pqi_role roles[KINDS] = {
        PQI_ROLE_HEAD, PQI_ROLE_ISSUER, PQI_ROLE_POLICY, PQI_ROLE_HEAD};
    for (int k = 0; k < KINDS; k++) {
        const object o = of_fixture(f, k);
        pqi_manifest m = f->manifest;
        m.threshold[roles[k]]++;
        assert_int_equal(verify(f, k, &o, &m), PQI_ERR_AUTH);
        m.threshold[roles[k]] = 0;
        assert_int_equal(verify(f, k, &o, &m), PQI_ERR_AUTH);
        pqi_algs fewer = f->algs;
        fewer.n_sigs = 0;
        assert_int_equal(verify_with(&fewer, k, &o, &f->manifest, f->tmp), PQI_ERR_UNSUPPORTED);
        assert_int_equal(
            verify_with(&f->algs, k, &o, &f->manifest, (pqi_span){f->tmp.ptr, 8}), PQI_ERR_SPACE);
    }
}

/* ---- building ------------------------------------------------------------------------------------ */

static void head_build_refuses(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int i = 0; i < 19; i++) {
        object o = of_fixture(f, HEAD), got;
        pqi_head *h = &o.head;
        h->delegates[1] = h->delegates[0];
        h->delegates[1].device_id = (pqi_cspan){PQI_LIT("gateway-2")};
        h->n_delegates = 2;
        pqi_status want = PQI_ERR_ARG;
        switch (i) {
        case 0:
            want = PQI_OK;
            break;
        case 1:
            h->root_version = 0;
            break;
        case 2:
            h->head_epoch = 0;
            break;
        case 3:
            h->head_epoch = 1; /* the first one has none before it */
            break;
        case 4:
            h->policy_seq = 0; /* with a hash */
            break;
        case 5:
            h->roster_seq = 0;
            break;
        case 6:
            h->roster_seq = h->roster_size = 0;
            break;
        case 7:
            h->tick_count = 0;
            break;
        case 8:
            h->tick_count = PQI_TICKS_MAX + 1;
            break;
        case 9:
            h->tick_base = UINT32_MAX - h->tick_count + 1; /* its last tick would wrap */
            break;
        case 10:
            h->n_delegates = PQI_DELEGATES_MAX + 1;
            break;
        case 11:
            h->delegates[1].device_id = h->delegates[0].device_id;
            break;
        case 12:
            h->delegates[1].device_id.len--; /* "gateway-" before "gateway-1" */
            break;
        case 13:
            h->delegates[0].device_id = (pqi_cspan){PQI_LIT("gate way")};
            break;
        case 14:
            h->delegates[0].prefix = (pqi_cspan){PQI_LIT("plant/#")};
            break;
        case 15:
            h->delegates[0].prefix = (pqi_cspan){PQI_LIT("plant/")};
            break;
        case 16:
            h->delegates[0].count = 0;
            break;
        case 17:
            h->delegates[0].count = PQI_TICKS_MAX + 1;
            break;
        default:
            memset(h->roster_root, 0, PQI_HASH_LEN);
            h->roster_seq = 0; /* with a size */
            break;
        }
        assert_int_equal(build_right(f, HEAD, &o, &got), want);
        if (i == 10) {
            continue; /* there is no fifth one to encode */
        }
        /* The decoder knows the same rules. */
        size_t n = reencode_head(h, (pqi_span){buf, sizeof buf});
        assert_int_equal(
            decode(f, HEAD, (pqi_cspan){buf, n}, &got), want == PQI_OK ? PQI_OK : PQI_ERR_DECODE);
    }
}

static void roster_and_statement_build_refuse(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int i = 0; i < 5; i++) {
        object o = of_fixture(f, i < 2 ? ROSTER : STATEMENT), got;
        switch (i) {
        case 0:
            o.roster.root_version = 0;
            break;
        case 1:
            o.roster.seq = 0;
            break;
        case 2:
            o.statement.root_version = 0;
            break;
        case 3:
            o.statement.head_epoch = 0;
            break;
        default:
            o.statement.size = 0;
            break;
        }
        assert_int_equal(build_right(f, i < 2 ? ROSTER : STATEMENT, &o, &got), PQI_ERR_ARG);
        size_t n = reencode(i < 2 ? ROSTER : STATEMENT, &o, (pqi_span){buf, sizeof buf});
        assert_int_equal(
            decode(f, i < 2 ? ROSTER : STATEMENT, (pqi_cspan){buf, n}, &got), PQI_ERR_DECODE);
    }
}

/* One byte short touches nothing and tells the need; a failed signature leaves zeros. */
static void build_space_and_provider(void **state)
{
    (void)state;
    cx *f = cx_get();
    for (int k = 0; k < KINDS; k++) {
        const object o = of_fixture(f, k);
        size_t n = 0, need = bytes_of(f, k).len;
        memset(buf, 0xee, need);
        assert_int_equal(
            build_in(f, k, &o, right_keys[k], 2, (pqi_span){buf, need - 1}, &n), PQI_ERR_SPACE);
        assert_int_equal(n, need);
        for (size_t i = 0; i < need; i++) {
            assert_int_equal(buf[i], 0xee);
        }
        assert_int_equal(build_in(f, k, &o, right_keys[k], 2, (pqi_span){buf, need}, &n), PQI_OK);
        f->sp.fail_sign_at = f->sp.n_signed + (k == POLICY ? 2 : 1);
        assert_int_equal(
            build_in(f, k, &o, right_keys[k], 2, (pqi_span){buf, need}, &n), PQI_ERR_PROVIDER);
        f->sp.fail_sign_at = 0;
        assert_int_equal(n, 0);
        for (size_t i = 0; i < need; i++) {
            assert_int_equal(buf[i], 0);
        }
        const pqi_key none[2] = {999, 998};
        assert_int_equal(build_in(f, k, &o, none, 2, (pqi_span){buf, need}, &n), PQI_ERR_MISSING);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(round_trips), cmocka_unit_test(full_and_empty),
    cmocka_unit_test(inv_115_one_encoding), cmocka_unit_test(inv_115_any_changed_byte),
    cmocka_unit_test(caps_come_before_parsing), cmocka_unit_test(inv_60_another_role),
    cmocka_unit_test(inv_60_another_fleet), cmocka_unit_test(thresholds_and_algorithms),
    cmocka_unit_test(head_build_refuses), cmocka_unit_test(roster_and_statement_build_refuse),
    cmocka_unit_test(build_space_and_provider))
