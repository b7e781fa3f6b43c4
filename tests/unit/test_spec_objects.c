/* SPDX-License-Identifier: Apache-2.0
 * The worked examples of docs/spec/objects.md, join.md and v1.md section 7, made again from their
 * fixed seeds: every line must stand in the text. PQI_PRINT_EXAMPLES=1 prints them. */
#include "pqi_test.h"

#include "proto/mqtt/announce.h"
#include "support/join_fixture.h"

#define ENDS 24u /* bytes shown of each end of a large object */

static char *load(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = 0;
    return text;
}

static void must_stand(const char *text, const char *line)
{
    if (getenv("PQI_PRINT_EXAMPLES") != NULL) {
        (void)fprintf(stderr, "%s\n", line);
    } else if (strstr(text, line) == NULL) {
        fail_msg("not in the text: %s", line);
    }
}

static size_t put_hex(char *to, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(to + 2 * i, 3, "%02x", p[i]);
    }
    return 2 * n;
}

/* "name: hex", whole. */
static void small(const char *text, const char *name, pqi_cspan b)
{
    char line[1024];
    int at = snprintf(line, sizeof line, "%s: ", name);
    assert_true(2 * b.len + (size_t)at < sizeof line);
    (void)put_hex(line + at, b.ptr, b.len);
    must_stand(text, line);
}

/* "name: n bytes, SHA-256 hex", then its two ends. */
static void large(const char *text, const char *name, pqi_cspan b)
{
    uint8_t digest[32];
    char line[256];
    assert_int_equal(fx_get()->algs.classic->hash(PQI_HASH_SHA256, &b, 1, digest), PQI_OK);
    int at = snprintf(line, sizeof line, "%s: %zu bytes, SHA-256 ", name, b.len);
    (void)put_hex(line + at, digest, 32);
    must_stand(text, line);
    at = snprintf(line, sizeof line, "  ");
    at += (int)put_hex(line + at, b.ptr, ENDS);
    at += snprintf(line + at, sizeof line - (size_t)at, " .. ");
    (void)put_hex(line + at, b.ptr + b.len - ENDS, ENDS);
    must_stand(text, line);
}

static void objects(void **state)
{
    (void)state;
    const fx *f = fx_get();
    const char *text = load(PQI_SOURCE_DIR "/docs/spec/objects.md");
    large(text, "manifest", f->manifest_bytes);
    large(text, "certificate", f->cert_bytes);
    large(text, "certificate payload", f->cert.payload);
    small(text, "certificate protected header", f->cert.protected_);
    small(text, "certificate key id", (pqi_cspan){f->cert.key_id, PQI_KEY_ID_LEN});
    large(text, "revocations", f->rev_bytes);
    small(text, "revocations payload", f->rev.payload);
    uint8_t hash[32];
    memcpy(hash, f->rev.prev, sizeof hash);
    assert_int_equal(pqi_rev_log_fold(&f->algs, f->rev.entries, hash), PQI_OK);
    small(text, "revocations R(3)", (pqi_cspan){hash, sizeof hash});
}

static void join(void **state)
{
    (void)state;
    jx *j = jx_get();
    const char *text = load(PQI_SOURCE_DIR "/docs/spec/join.md");
    uint8_t confirm[PQI_CONFIRM_LEN];
    assert_int_equal(pqi_confirm_build(&j->f->algs, j->confirm_key, j->challenge.device_id,
                         j->f->cert.key_id, confirm),
        PQI_OK);
    large(text, "factory record", j->factory_bytes);
    small(text, "factory fingerprint", (pqi_cspan){j->factory.fingerprint, 32});
    small(text, "challenge", j->challenge_bytes);
    large(text, "join request", j->join_bytes);
    large(text, "grant", j->grant_bytes);
    small(text, "confirmation", (pqi_cspan){confirm, sizeof confirm});
}

/* The certificate of objects.md, announced by its device. Split by the offsets of the table, not by
 * the parser under test. */
static void announcement(void **state)
{
    (void)state;
    static uint8_t all[PQI_ANNOUNCE_MAX], message[PQI_ANNOUNCE_MAX];
    const fx *f = fx_get();
    const char *text = load(PQI_SOURCE_DIR "/docs/spec/v1.md");
    static const pqi_cspan topic = {PQI_LIT("pq/4/k/pump-1")};
    size_t n = 0, sig = 0, cert = f->cert_bytes.len;
    assert_int_equal(pqi_ann_body(PQI_ANN_SIGNED, 2, f->cert_bytes, (pqi_cspan){NULL, 0},
                         (pqi_span){all, sizeof all}, &n),
        PQI_OK);
    assert_int_equal(n, 10 + cert + 4);
    message[1] = (uint8_t)topic.len;
    memcpy(message + 2, topic.ptr, topic.len);
    memcpy(message + 2 + topic.len, all, n);
    const pqi_cspan signed_ = {message, 2 + topic.len + n};
    static const pqi_cspan domain = {PQI_LIT("PQI4 ann")};
    const pqi_span room = {all + n + 2, sizeof all - n - 2};
    assert_int_equal(pqi_provider_sign(f->p, FX_SIG, domain, &signed_, 1, room, &sig), PQI_OK);
    all[n] = (uint8_t)(sig >> 8);
    all[n + 1] = (uint8_t)sig;
    large(text, "announcement", (pqi_cspan){all, n + 2 + sig});
    small(text, "up to the certificate", (pqi_cspan){all, 10});
    small(text, "after the certificate", (pqi_cspan){all + 10 + cert, 6});
    large(text, "signed message", signed_);
    large(text, "device signature", (pqi_cspan){all + n + 2, sig});

    pqi_ann got;
    assert_int_equal(pqi_ann_decode((pqi_cspan){all, n + 2 + sig}, &got), PQI_OK);
    assert_true(got.epoch == 2 && got.cert.len == cert && got.sig.len == sig);
    assert_memory_equal(got.cert.ptr, f->cert_bytes.ptr, cert);
}

PQI_TEST_MAIN(cmocka_unit_test(objects), cmocka_unit_test(join), cmocka_unit_test(announcement))
