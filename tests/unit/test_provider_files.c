/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/provider-files.md and the record of docs/spec/state.md, written and read here from the
 * text, with offsets of their own: the provider must take what this file writes, and this file must
 * read what the provider writes. PQI_PRINT_EXAMPLES=1 prints the lines of the example. */
#include "support/host_rig.h"

#include <pqi/host_store.h>
#include <pqi/provider_soft.h>

#include <openssl/evp.h>

#define KEY     0x02000012u
#define HEADER  38u
#define PREFIX  26u
#define KEYS    86u /* saved keys up to the first key */
#define COUNTED 516u

static host_rig r;
static const char passphrase[] = "correct horse battery staple";

static pqi_cspan bytes(const void *p, size_t n)
{
    return (pqi_cspan){p, n};
}

static uint64_t be(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static size_t slurp(const char *name, uint8_t *out, size_t room)
{
    char path[128];
    FILE *f = fopen(tmp_dir_file(&r.dir, name, path), "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    assert_true(feof(f));
    assert_int_equal(fclose(f), 0);
    return n;
}

static void put(const char *name, const void *p, size_t n)
{
    char path[128];
    host_rig_write(tmp_dir_file(&r.dir, name, path), p, n, 0600);
}

/* HKDF(salt, secret, label || more). */
static void hkdf(
    pqi_cspan salt, pqi_cspan secret, const char *label, pqi_cspan more, uint8_t out[32])
{
    const pqi_classic *c = r.algs.classic;
    const pqi_cspan info[] = {bytes(label, strlen(label)), more};
    uint8_t prk[32];
    assert_int_equal(pqi_hkdf_extract(c, PQI_HASH_SHA256, salt, &secret, 1, prk), PQI_OK);
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA256, bytes(prk, 32), info, 2, (pqi_span){out, 32}), PQI_OK);
}

/* Section 1 backwards: the saved keys of a file under its KEK. */
static size_t decrypt(const uint8_t *file, size_t n, const uint8_t kek[32], uint8_t *out)
{
    assert_true(n >= HEADER + 16);
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM, bytes(kek, 32), bytes(file + PREFIX, 12)};
    assert_int_equal(r.algs.classic->aead_open(&k, bytes(file, PREFIX),
                         bytes(file + HEADER, n - HEADER), (pqi_span){out, n - HEADER - 16}),
        PQI_OK);
    return n - HEADER - 16;
}

/* Section 3: the MAC of a counter file. */
static void counters_mac(
    const uint8_t *storage, const uint8_t *owner, const uint8_t *file, uint8_t mac[32])
{
    uint8_t key[32];
    hkdf(bytes(NULL, 0), bytes(storage, 32), "PQI4 provider counters", bytes(owner, 16), key);
    const pqi_cspan counted = bytes(file, COUNTED);
    assert_int_equal(
        r.algs.classic->hmac(PQI_HASH_SHA256, bytes(key, 32), &counted, 1, mac), PQI_OK);
}

/* Section 4: key and associated data of a blob under the label "peers"; the length of `what`. */
static size_t seal_key(const uint8_t *storage, const uint8_t *owner, uint64_t generation,
    uint8_t *what, uint8_t key[32])
{
    memcpy(what, "\x05peers", 6);
    for (size_t i = 0; i < 8; i++) {
        what[6 + i] = (uint8_t)(generation >> (56 - 8 * i));
    }
    memcpy(what + 14, owner, 16);
    hkdf(bytes(NULL, 0), bytes(storage, 32), "PQI4 provider seal", bytes(what, 30), key);
    return 30;
}

/* ---- what the provider writes ------------------------------------------------------------------- */

/* The keys in the order of their slots; `pk` of the X25519 key proves that the seed is what it says. */
static void check_saved(const uint8_t *p, size_t n, const uint8_t *x25519_pk)
{
    static const struct {
        uint32_t handle;
        uint8_t kind;
        int32_t alg;
        uint8_t seed;
    } want[] = {{KEY, 3, 0, 32}, {17, 1, PQI_KEM_ID_ML_KEM_768, 64}, {18, 2, -48, 32}};
    uint8_t pk[32];
    size_t at = KEYS;
    assert_memory_equal(p, "PQK1", 4);
    assert_int_equal(be(p + 84, 2), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(at + 10 + want[i].seed <= n);
        assert_int_equal(be(p + at, 4), want[i].handle);
        assert_int_equal(p[at + 4], want[i].kind);
        assert_int_equal((int32_t)be(p + at + 5, 4), want[i].alg);
        assert_int_equal(p[at + 9], want[i].seed);
        if (i == 0) {
            assert_int_equal(r.algs.classic->x25519_public(pk, p + at + 10), PQI_OK);
            assert_memory_equal(pk, x25519_pk, 32);
        }
        at += 10u + want[i].seed;
    }
    assert_int_equal(at, n);
}

static void check_counters(const uint8_t *saved)
{
    uint8_t file[600], mac[32];
    assert_int_equal(slurp("counters.pqi", file, sizeof file), 548);
    assert_memory_equal(file, "PQC1", 4);
    for (size_t slot = 0; slot < 64; slot++) {
        assert_true(be(file + 4 + 8 * slot, 8) == (slot == 63 ? 0x0102030405060708u : 0));
    }
    counters_mac(saved + 4, saved + 68, file, mac);
    assert_memory_equal(mac, file + COUNTED, 32);
}

static void check_blob(const uint8_t *saved, const uint8_t *blob, size_t n, const char *text)
{
    uint8_t what[64], key[32], plain[64];
    size_t len = seal_key(saved + 4, saved + 68, 3, what, key);
    assert_int_equal(n, 28 + strlen(text));
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM, bytes(key, 32), bytes(blob, 12)};
    assert_int_equal(r.algs.classic->aead_open(&k, bytes(what, len), bytes(blob + 12, n - 12),
                         (pqi_span){plain, strlen(text)}),
        PQI_OK);
    assert_memory_equal(plain, text, strlen(text));
}

/* Makes a provider with three keys, a counter and a blob; gives its provider.pqi. */
static size_t make_real(uint8_t *file, uint8_t pk[32], uint8_t *blob)
{
    size_t n = 0;
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, KEY, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 17, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 18, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 63, 0x0102030405060708u), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, KEY, (pqi_span){pk, 32}, &n), PQI_OK);
    assert_int_equal(
        pqi_provider_seal(p, bytes("peers", 5), 3, bytes("plain text", 10), (pqi_span){blob, 38}),
        PQI_OK);
    pqi_host_provider_close(p);
    return slurp("provider.pqi", file, 4096);
}

static void a_real_provider_with_a_key_file(void **state)
{
    (void)state;
    static uint8_t file[4096], saved[4096], source[64];
    uint8_t pk[32], blob[38], kek[32];
    host_rig_make(&r);
    size_t n = make_real(file, pk, blob);
    assert_memory_equal(file, "PQIP\x01\x02\x01\x00\x00\x00", 10);
    FILE *f = fopen(r.key_file, "rb");
    assert_non_null(f);
    size_t len = fread(source, 1, sizeof source, f);
    assert_int_equal(fclose(f), 0);
    hkdf(bytes(file + 10, 16), bytes(source, len), "PQI4 host kek", bytes(NULL, 0), kek);
    n = decrypt(file, n, kek, saved);
    check_saved(saved, n, pk);
    check_counters(saved);
    check_blob(saved, blob, sizeof blob, "plain text");
    host_rig_end(&r);
}

static void a_real_provider_with_a_passphrase(void **state)
{
    (void)state;
    static uint8_t file[4096], saved[4096];
    uint8_t pk[32], blob[38], kek[32];
    host_rig_make(&r);
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {PQI_LIT("correct horse battery staple")}};
    size_t n = make_real(file, pk, blob);
    assert_memory_equal(file, "PQIP\x01\x02\x02\x0f\x08\x01", 10);
    assert_int_equal(EVP_PBE_scrypt(passphrase, strlen(passphrase), file + 10, 16, 1u << 15, 8, 1,
                         UINT64_C(64) << 20, kek, 32),
        1);
    n = decrypt(file, n, kek, saved);
    check_saved(saved, n, pk);
    check_counters(saved);
    check_blob(saved, blob, sizeof blob, "plain text");
    host_rig_end(&r);
}

/* ---- what the provider takes: the example ------------------------------------------------------- */

typedef struct example {
    uint8_t kek[32], saved[KEYS + 42], keys[HEADER + KEYS + 42 + 16], counters[548];
    uint8_t seal_key[32], record[60];
} example;

static void make_example(example *e)
{
    uint8_t what[64], source[32];
    memset(source, 7, sizeof source);
    memset(e, 0, sizeof *e);
    memcpy(e->saved, "PQK1", 4);
    memset(e->saved + 4, 1, 32);
    memset(e->saved + 36, 2, 32);
    memset(e->saved + 68, 3, 16);
    e->saved[85] = 1;
    memcpy(e->saved + KEYS, "\x02\x00\x00\x12\x03\x00\x00\x00\x00\x20", 10);
    memset(e->saved + KEYS + 10, 4, 32);

    memcpy(e->keys, "PQIP\x01\x02\x01\x00\x00\x00", 10);
    memset(e->keys + 10, 5, 16);
    memset(e->keys + PREFIX, 6, 12);
    hkdf(bytes(e->keys + 10, 16), bytes(source, 32), "PQI4 host kek", bytes(NULL, 0), e->kek);
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM, bytes(e->kek, 32), bytes(e->keys + PREFIX, 12)};
    assert_int_equal(
        r.algs.classic->aead_seal(&k, bytes(e->keys, PREFIX), bytes(e->saved, sizeof e->saved),
            (pqi_span){e->keys + HEADER, sizeof e->keys - HEADER}),
        PQI_OK);

    memcpy(e->counters, "PQC1", 4);
    e->counters[4 + 8 + 7] = 5;
    counters_mac(e->saved + 4, e->saved + 68, e->counters, e->counters + COUNTED);

    memcpy(e->record, "PQIS\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x28", 20);
    memset(e->record + 20, 6, 12);
    size_t n = seal_key(e->saved + 4, e->saved + 68, 5, what, e->seal_key);
    const pqi_aead_key s = {
        PQI_AEAD_AES_256_GCM, bytes(e->seal_key, 32), bytes(e->record + 20, 12)};
    assert_int_equal(r.algs.classic->aead_seal(&s, bytes(what, n), bytes("state record", 12),
                         (pqi_span){e->record + 32, 28}),
        PQI_OK);
}

/* "name: hex", 48 bytes a line; every line must stand in the text. */
static void stands(const char *text, const char *name, const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n; at += 48) {
        char line[192];
        int k =
            at == 0 ? snprintf(line, sizeof line, "%s: ", name) : snprintf(line, sizeof line, "  ");
        for (size_t i = at; i < n && i < at + 48; i++) {
            k += snprintf(line + k, sizeof line - (size_t)k, "%02x", p[i]);
        }
        (void)snprintf(line + k, sizeof line - (size_t)k, "\n");
        if (getenv("PQI_PRINT_EXAMPLES") != NULL) {
            (void)fprintf(stderr, "%s", line);
        } else if (strstr(text, line) == NULL) {
            fail_msg("not in the text: %s", line);
        }
    }
}

static const char *load(const char *path)
{
    static char text[32768];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    assert_int_equal(fclose(f), 0);
    return text;
}

static void the_example_stands_in_the_text(void **state)
{
    (void)state;
    example e;
    host_rig_make(&r);
    make_example(&e);
    const char *text = load(PQI_SOURCE_DIR "/docs/spec/provider-files.md");
    stands(text, "saved keys", e.saved, sizeof e.saved);
    stands(text, "kek", e.kek, sizeof e.kek);
    stands(text, "provider.pqi", e.keys, sizeof e.keys);
    stands(text, "counters.pqi 0..15", e.counters, 16);
    stands(text, "counters.pqi 516..547", e.counters + COUNTED, 32);
    stands(text, "seal key", e.seal_key, sizeof e.seal_key);
    stands(text, "peers.1", e.record, sizeof e.record);
    /* The same record by fields. */
    text = load(PQI_SOURCE_DIR "/docs/spec/state.md");
    stands(text, "magic", e.record, 4);
    stands(text, "version", e.record + 4, 4);
    stands(text, "G", e.record + 8, 8);
    stands(text, "length", e.record + 16, 4);
    stands(text, "sealed blob", e.record + 20, 40);
    host_rig_end(&r);
}

static void the_provider_takes_the_example(void **state)
{
    (void)state;
    static uint8_t buf[256];
    example e;
    pqi_host_nvm nvm;
    pqi_store s;
    uint8_t pk[32], want[32], plain[64], source[32], counters[600];
    size_t n = 0;
    uint64_t v = 0;
    host_rig_make(&r);
    make_example(&e);
    memset(source, 7, sizeof source);
    host_rig_write(r.key_file, source, sizeof source, 0600);
    put("provider.pqi", e.keys, sizeof e.keys);
    put("counters.pqi", e.counters, sizeof e.counters);
    put("peers.1", e.record, sizeof e.record);
    r.cfg.create = 0;
    pqi_provider *p = host_rig_open(&r);
    memset(source, 4, sizeof source);
    assert_int_equal(r.algs.classic->x25519_public(want, source), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, KEY, (pqi_span){pk, 32}, &n), PQI_OK);
    assert_memory_equal(pk, want, 32);
    assert_int_equal(pqi_provider_counter_get(p, PQI_SLOT_PEERS, &v), PQI_OK);
    assert_int_equal(v, 5);
    assert_int_equal(pqi_host_nvm_open(&nvm, r.dir.path), PQI_OK);
    assert_int_equal(pqi_store_open(&s, p, &nvm.nvm, "peers", PQI_SLOT_PEERS,
                         (pqi_span){buf, sizeof buf}, (pqi_span){plain, sizeof plain}, &n),
        PQI_OK);
    assert_int_equal(n, 12);
    assert_memory_equal(plain, "state record", 12);
    assert_true(s.generation == 5);
    /* What it writes next differs from ours in that one counter and its MAC. */
    assert_int_equal(pqi_provider_counter_advance(p, 0, 0x1234), PQI_OK);
    pqi_host_provider_close(p);
    e.counters[4 + 6] = 0x12;
    e.counters[4 + 7] = 0x34;
    counters_mac(e.saved + 4, e.saved + 68, e.counters, e.counters + COUNTED);
    assert_int_equal(slurp("counters.pqi", counters, sizeof counters), 548);
    assert_memory_equal(counters, e.counters, 548);
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(a_real_provider_with_a_key_file),
    cmocka_unit_test(a_real_provider_with_a_passphrase),
    cmocka_unit_test(the_example_stands_in_the_text),
    cmocka_unit_test(the_provider_takes_the_example))
