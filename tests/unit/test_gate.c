/* SPDX-License-Identifier: Apache-2.0
 * The gates: docs/spec/gates.md is read and every answer is compared with what it says. */
#include "pqi_test.h"

#include <pqi/gate.h>

#define ROWS 32u

typedef struct page_row {
    char name[32];
    char cell[4][16]; /* L, M, H, S */
} page_row;

static page_row page[ROWS];
static unsigned n_page;

static void read_page(void)
{
    char line[512];
    FILE *f = fopen(PQI_SOURCE_DIR "/docs/spec/gates.md", "r");
    assert_non_null(f);
    int inside = 0;
    n_page = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        if (strstr(line, "| What is known |") == line) {
            assert_string_equal(line, "| What is known | L | M | H | S |\n");
            inside = 1;
            continue;
        }
        page_row r;
        if (inside &&
            sscanf(line, "| %31s | %15s | %15s | %15s | %15s |", r.name, r.cell[0], r.cell[1],
                r.cell[2], r.cell[3]) == 5 &&
            r.name[0] != '-' && strncmp(r.name, "|", 1) != 0) {
            assert_true(n_page < ROWS);
            page[n_page++] = r;
        }
    }
    (void)fclose(f);
}

/* The printed table is the page's, and names of reasons are the rows'. */
static void table_is_the_page(void **state)
{
    (void)state;
    read_page();
    assert_int_equal(n_page, PQI_GATE_ROWS);
    for (unsigned r = 0; r < PQI_GATE_ROWS; r++) {
        pqi_cell c[4];
        const char *name = pqi_gate_row(r, c);
        assert_string_equal(name, page[r].name);
        print_message("# %-14s", name);
        for (unsigned k = 0; k < 4; k++) {
            assert_string_equal(pqi_cell_name(c[k]), page[r].cell[k]);
            print_message(" %-8s", pqi_cell_name(c[k]));
        }
        print_message("\n");
        if (r > 0) {
            assert_string_equal(pqi_reason_name((pqi_reason)(r + 1u)), name);
        }
    }
    pqi_cell c[4];
    assert_null(pqi_gate_row(PQI_GATE_ROWS, c));
    assert_null(pqi_gate_row(0, NULL));
    assert_string_equal(pqi_cell_name((pqi_cell)6), "?");
    assert_string_equal(pqi_cell_name((pqi_cell)-1), "?");
    assert_string_equal(pqi_reason_name(PQI_REASON_OK), "ok");
    assert_string_equal(pqi_reason_name(PQI_REASON_MARKED), "marked");
    assert_string_equal(pqi_reason_name(PQI_REASON_AGED), "aged");
    assert_string_equal(pqi_reason_name(PQI_REASON_UNKNOWN), "unknown");
    assert_string_equal(pqi_reason_name(PQI_REASON_SELF_REVOKED), "self-revoked");
    assert_string_equal(pqi_reason_name(PQI_REASON_REV_GAP), "rev-gap");
    assert_string_equal(pqi_reason_name(PQI_REASON_NOT_FAIL_SAFE), "not-fail-safe");
    assert_string_equal(pqi_reason_name(PQI_REASON_COUNT_), "?");
    assert_string_equal(pqi_reason_name((pqi_reason)-1), "?");
    for (int r = -2; r < 40; r++) {
        assert_int_equal(
            pqi_reason_allows((pqi_reason)r), r == PQI_REASON_OK || r == PQI_REASON_MARKED);
    }
}

/* Row of the page by name: the test does not count on the order of the enumerations. */
static unsigned row_of(const char *name)
{
    for (unsigned r = 0; r < n_page; r++) {
        if (strcmp(page[r].name, name) == 0) {
            return r;
        }
    }
    fail_msg("no row %s", name);
    return 0;
}

static const char *const fresh_names[] = {NULL, "fresh", "aged", "stale", "expired", "unknown"};
static const struct {
    unsigned bit;
    const char *name;
} flag_names[] = {
    {PQI_GATE_SELF_REVOKED, "self-revoked"},
    {PQI_GATE_PEER_REVOKED, "peer-revoked"},
    {PQI_GATE_ROLLBACK, "rollback"},
    {PQI_GATE_EQUIVOCATION, "equivocation"},
    {PQI_GATE_REV_GAP, "rev-gap"},
    {PQI_GATE_POLICY_GAP, "policy-gap"},
    {PQI_GATE_POLICY_OLD, "policy-old"},
    {PQI_GATE_STORAGE, "storage"},
    {PQI_GATE_ROSTER, "roster"},
    {PQI_GATE_ASSURANCE, "assurance"},
    {PQI_GATE_ATTEST, "attest"},
    {PQI_GATE_HEAL_HIGH, "heal-high"},
    {PQI_GATE_HEAL_STOP, "heal-stop"},
    {PQI_GATE_ACL, "acl"},
    {PQI_GATE_NOT_FAIL_SAFE, "not-fail-safe"},
};
#define N_FLAGS (sizeof flag_names / sizeof flag_names[0])

static unsigned flag_row[N_FLAGS], fresh_row[PQI_FRESH_COUNT_];

static int column_of(const pqi_gate_in *in)
{
    if (in->op == PQI_OP_RECEIVE || in->op == PQI_OP_SEND) {
        return (int)in->cls; /* L, M, H, S */
    }
    if (in->op == PQI_OP_STOP) {
        return 3;
    }
    return in->op == PQI_OP_RESUME ? 0 : 2;
}

/* 0 allow, 1 mark, 2 refuse: the words of the page. */
static int word(const char *cell, const pqi_gate_in *in)
{
    if (strcmp(cell, "allow") == 0) {
        return 0;
    }
    if (strcmp(cell, "mark") == 0) {
        return 1;
    }
    if (strcmp(cell, "known") == 0) {
        return in->known ? 0 : 2;
    }
    if (strcmp(cell, "grace") == 0) {
        return in->grace ? 0 : 2;
    }
    if (strcmp(cell, "witness") == 0) {
        return in->witness && in->op == PQI_OP_HANDSHAKE ? 0 : 2;
    }
    assert_string_equal(cell, "deny");
    return 2;
}

static const char *expected(const pqi_gate_in *in)
{
    unsigned rows[1 + N_FLAGS], n = 0;
    if (in->fresh != PQI_FRESH_NONE) {
        rows[n++] = fresh_row[in->fresh];
    }
    for (unsigned i = 0; i < N_FLAGS; i++) {
        if ((in->flags & flag_names[i].bit) != 0) {
            rows[n++] = flag_row[i];
        }
    }
    const char *out = "ok";
    unsigned first = ROWS;
    for (unsigned i = 0; i < n; i++) {
        int w = word(page[rows[i]].cell[column_of(in)], in);
        if (w == 2 && rows[i] < first) {
            first = rows[i];
            out = page[first].name;
        } else if (w == 1 && first == ROWS) {
            out = "marked";
        }
    }
    return out;
}

static void prepare(void)
{
    read_page();
    for (unsigned i = 0; i < N_FLAGS; i++) {
        flag_row[i] = row_of(flag_names[i].name);
    }
    for (unsigned i = 1; i < PQI_FRESH_COUNT_; i++) {
        fresh_row[i] = row_of(fresh_names[i]);
    }
}

static uint64_t asked;

/* Every freshness, operation, class and answer about the peer, with these flags. */
static void all_with(unsigned flags)
{
    for (unsigned k = 0; k < PQI_FRESH_COUNT_ * 6u * 4u * 8u; k++) {
        const pqi_gate_in in = {.fresh = (pqi_fresh)(k / 192u),
            .flags = flags,
            .op = (pqi_op)(k / 32u % 6u),
            .cls = (pqi_class)(k / 8u % 4u),
            .known = k & 1u,
            .grace = k >> 1 & 1u,
            .witness = k >> 2 & 1u};
        const char *want = expected(&in), *got = pqi_reason_name(pqi_gate(&in));
        if (strcmp(want, got) != 0) {
            fail_msg("fresh %d flags %x op %d cls %d known %d grace %d witness %d: %s, not %s",
                in.fresh, in.flags, in.op, in.cls, in.known, in.grace, in.witness, got, want);
        }
        asked++;
    }
}

/* No flag, each one, each two, each three, and all but each two: the first refusal is the reason. */
static void every_answer_is_the_pages(void **state)
{
    (void)state;
    prepare();
    const unsigned all = (1u << N_FLAGS) - 1u;
    assert_int_equal(N_FLAGS, PQI_GATE_FLAGS);
    asked = 0;
    for (unsigned flags = 0; flags <= all; flags++) {
        int n = __builtin_popcount(flags);
        if (n <= 3 || n >= (int)N_FLAGS - 2) {
            all_with(flags);
        }
    }
    print_message("# %llu questions\n", (unsigned long long)asked);
    assert_true(asked > 500000);
}

/* Fail closed on what nobody should ask. */
static void nonsense_is_refused(void **state)
{
    (void)state;
    const pqi_gate_in good = {.fresh = PQI_FRESH_FRESH, .op = PQI_OP_RECEIVE, .cls = PQI_CLASS_S};
    assert_int_equal(pqi_gate(&good), PQI_REASON_OK);
    assert_int_equal(pqi_gate(NULL), PQI_REASON_UNKNOWN);
    static const int bad_fresh[] = {-1, PQI_FRESH_COUNT_, 7, 255, 256, PQI_FRESH_INT32_};
    for (size_t i = 0; i < sizeof bad_fresh / sizeof bad_fresh[0]; i++) {
        pqi_gate_in in = good;
        in.fresh = (pqi_fresh)bad_fresh[i];
        assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
    }
    static const int bad_op[] = {-1, 6, 256, PQI_OP_INT32_};
    for (size_t i = 0; i < sizeof bad_op / sizeof bad_op[0]; i++) {
        pqi_gate_in in = good;
        in.op = (pqi_op)bad_op[i];
        assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
    }
    static const int bad_cls[] = {-1, 4, 256, PQI_CLASS_INT32_};
    for (size_t i = 0; i < sizeof bad_cls / sizeof bad_cls[0]; i++) {
        pqi_gate_in in = good;
        in.cls = (pqi_class)bad_cls[i];
        assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
    }
    for (unsigned b = PQI_GATE_FLAGS; b < 32; b++) {
        pqi_gate_in in = good;
        in.flags = 1u << b;
        assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
    }
    pqi_gate_in in = {
        .fresh = PQI_FRESH_UNKNOWN, .op = PQI_OP_SEND, .cls = PQI_CLASS_M, .grace = 2};
    assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
    in = (pqi_gate_in){.fresh = PQI_FRESH_UNKNOWN, .op = PQI_OP_HANDSHAKE, .witness = 2};
    assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
    in =
        (pqi_gate_in){.flags = PQI_GATE_REV_GAP, .op = PQI_OP_SEND, .cls = PQI_CLASS_M, .known = 2};
    assert_int_equal(pqi_gate(&in), PQI_REASON_UNKNOWN);
}

/* The page's own words, spelled out: what must never change by an edit of the page alone. */
static void what_the_page_promises(void **state)
{
    (void)state;
    /* an emergency stop arrives whatever is not known */
    const unsigned decisions =
        PQI_GATE_SELF_REVOKED | PQI_GATE_PEER_REVOKED | PQI_GATE_ACL | PQI_GATE_NOT_FAIL_SAFE;
    const unsigned gaps = ((1u << PQI_GATE_FLAGS) - 1u) & ~decisions;
    for (unsigned f = 0; f < PQI_FRESH_COUNT_; f++) {
        for (pqi_op op = PQI_OP_RECEIVE; op <= PQI_OP_SEND; op = (pqi_op)(op + 1)) {
            pqi_gate_in in = {.fresh = (pqi_fresh)f, .flags = gaps, .op = op, .cls = PQI_CLASS_S};
            assert_int_equal(pqi_gate(&in), PQI_REASON_OK);
            for (unsigned b = 0; b < PQI_GATE_FLAGS; b++) {
                in.flags = 1u << b & decisions;
                assert_int_equal(pqi_reason_allows(pqi_gate(&in)), in.flags == 0);
            }
        }
        /* and finds a session to arrive in */
        const pqi_gate_in made = {.fresh = (pqi_fresh)f, .flags = gaps, .op = PQI_OP_STOP};
        assert_int_equal(pqi_gate(&made), PQI_REASON_OK);
    }
    /* nothing is done with or by a revoked device */
    for (unsigned k = 0; k < PQI_FRESH_COUNT_ * 6u * 4u; k++) {
        pqi_gate_in in = {.fresh = (pqi_fresh)(k / 24u),
            .op = (pqi_op)(k / 4u % 6u),
            .cls = (pqi_class)(k % 4u),
            .known = 1,
            .grace = 1,
            .witness = 1};
        in.flags = PQI_GATE_PEER_REVOKED;
        assert_false(pqi_reason_allows(pqi_gate(&in)));
        in.flags = PQI_GATE_SELF_REVOKED;
        assert_false(pqi_reason_allows(pqi_gate(&in)));
    }
    /* class H wants everything to be fresh and nothing else known to be wrong */
    for (unsigned f = PQI_FRESH_AGED; f < PQI_FRESH_COUNT_; f++) {
        pqi_gate_in in = {.fresh = (pqi_fresh)f, .op = PQI_OP_SEND, .cls = PQI_CLASS_H, .known = 1};
        assert_false(pqi_reason_allows(pqi_gate(&in)));
    }
    for (unsigned b = 0; b < PQI_GATE_FLAGS; b++) {
        pqi_gate_in in = {.fresh = PQI_FRESH_FRESH,
            .op = PQI_OP_SEND,
            .cls = PQI_CLASS_H,
            .flags = 1u << b,
            .known = 1};
        assert_int_equal(pqi_reason_allows(pqi_gate(&in)), in.flags == PQI_GATE_NOT_FAIL_SAFE);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(table_is_the_page), cmocka_unit_test(every_answer_is_the_pages),
    cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(what_the_page_promises))
