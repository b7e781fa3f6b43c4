/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/control-example.txt, made again from fixed seeds. With PQI_WRITE_EXAMPLE set in the environment
 * the file is written. tests/unit/control_oracle.py makes its payloads, chains and trees without this
 * library. */
#include "pqi_test.h"

#include "support/control_fixture.h"

static char got[131072];
static size_t at;

static void text(const char *s)
{
    size_t n = strlen(s);
    assert_true(at + n < sizeof got);
    memcpy(got + at, s, n);
    at += n;
}

static void add(const char *name, const uint8_t *p, size_t n)
{
    char hex[8];
    text(name);
    text(" =");
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(hex, sizeof hex, "%02x", p[i]);
        text(i % 32 == 0 ? "\n    " : "");
        text(hex);
    }
    text("\n");
}

static void span(const char *name, pqi_cspan b)
{
    add(name, b.ptr, b.len);
}

static void public_key(const cx *f, const char *name, pqi_key key)
{
    const seed_key *k = seed_provider_find(&f->sp, key);
    assert_non_null(k);
    add(name, k->pk, k->pk_len);
}

static void same_as_file(const char *path)
{
    static char want[sizeof got];
    FILE *f = NULL;
    if (getenv("PQI_WRITE_EXAMPLE") != NULL) {
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(got, 1, at, f), at);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(want, 1, sizeof want, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(n, at);
    assert_memory_equal(want, got, n);
}

static void add_trees(const cx *f)
{
    uint8_t leaves[CX_LEAVES][PQI_HASH_LEN], nonces[CX_NONCES][PQI_HASH_LEN];
    cx_leaves(f, leaves);
    cx_nonces(f, nonces);
    text("\n[roster]\n"); /* leaves in their order */
    add("leaves", leaves[0], sizeof leaves);
    add("path_of_position_2", f->path_bytes, f->path_len);
    span("payload", f->roster.payload);
    span("object", f->roster.encoded);
    text("\n[statement]\n");
    add("leaves", nonces[0], sizeof nonces);
    span("payload", f->statement.payload);
    span("object", f->statement.encoded);
}

static void worked_example(void **state)
{
    (void)state;
    const cx *f = cx_get();
    text("# docs/spec/control.md: a head that names a policy and a roster, ticks, a statement, a "
         "question.\n"
         "# ML-DSA-44, deterministic signatures; the seed of each key is one byte repeated: issuer "
         "0x23,\n"
         "# policy keys 0x24 and 0x25, head 0x28. Seeds of ticks 0x31, of tokens and local ticks "
         "0x32.\n");
    text("[keys]\n");
    public_key(f, "issuer", CX_ISSUER);
    public_key(f, "policy_1", CX_POLICY1);
    public_key(f, "policy_2", CX_POLICY2);
    public_key(f, "head", CX_HEAD);
    text("\n[policy]\n");
    span("payload", f->policy.payload);
    add("hash", f->policy.hash, PQI_HASH_LEN);
    span("object", f->policy.encoded);
    add_trees(f);
    text("\n[head]\n");
    span("payload", f->head.payload);
    add("hash", f->head.hash, PQI_HASH_LEN);
    span("object", f->head.encoded);
    text("\n[ticks]\n");
    add("tick", f->tick_bytes, sizeof f->tick_bytes);
    add("local_tick", f->local_bytes, sizeof f->local_bytes);
    text("\n[question]\n");
    add("question", f->ask_bytes, f->ask_len);
    add("answer", f->answer_bytes, f->answer_len);
    same_as_file(PQI_SOURCE_DIR "/docs/spec/control-example.txt");
}

PQI_TEST_MAIN(cmocka_unit_test(worked_example))
