/* SPDX-License-Identifier: Apache-2.0
 * Directories over an element: provider.uri, root.pqi, who opens what. The element is a fake one. */
#include "conformance/conformance.h"
#include "support/fake_host_element.h"
#include "support/host_rig.h"

#include "port/linux/test_point.h"
#include "port/linux/why.h"

#include <sys/wait.h>

#define URI    "tpm:fake"
#define KILLED 9

static host_rig r;
static fake_chip *chip;

static void make(uint32_t caps)
{
    chip = fake_chip_new(caps);
    host_rig_make(&r);
    (void)pqi_host_algs(&r.algs);
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {PQI_LIT("1234")}, .provider = URI};
}

static pqi_status open_dir(pqi_provider **p)
{
    pqi_why_clear();
    return pqi_host_provider_open(p, &r.cfg);
}

/* Opening fails like this, with a sentence about it, and leaves nothing open. */
static void refused(pqi_status want, const char *word)
{
    pqi_provider *p = NULL;
    pqi_status st = open_dir(&p);
    assert_int_equal(st, want);
    assert_null(p);
    if (strstr(pqi_why_get(), word) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", word, pqi_why_get());
    }
    assert_int_equal(chip->opened, chip->closed);
}

static void works(void)
{
    pqi_provider *p = host_rig_open(&r);
    uint64_t v = 0;
    assert_int_equal(pqi_provider_counter_get(p, 1, &v), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 1, v + 1), PQI_OK);
    pqi_host_provider_close(p);
    assert_int_equal(chip->opened, chip->closed);
}

static void put(const char *name, const char *text, unsigned mode)
{
    char path[128];
    host_rig_write(tmp_dir_file(&r.dir, name, path), text, strlen(text), mode);
}

static size_t get(const char *name, uint8_t *b, size_t room)
{
    char path[128];
    FILE *f = fopen(tmp_dir_file(&r.dir, name, path), "rb");
    if (f == NULL) {
        return 0;
    }
    size_t n = fread(b, 1, room, f);
    assert_int_equal(fclose(f), 0);
    return n;
}

static int has(const char *name)
{
    return pqi_dir_has(r.dir.path, name);
}

/* INV-110, INV-86 */
static void conformance(void **state)
{
    (void)state;
    make(PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK | PQI_CAP_HW_RNG);
    pqi_provider *p = host_rig_open(&r);
    pqi_provider_conformance(p);
    assert_int_equal(fake_element_halves(fake_chip_element()), 0);
    assert_int_equal(chip->closed, 0);
    pqi_provider_conformance_zeroize(p);
    assert_int_equal(chip->closed, 1); /* with what it knew */
    pqi_host_provider_close(p);
    assert_int_equal(chip->closed, 1);
    host_rig_end(&r);
}

static void a_directory_remembers_its_provider(void **state)
{
    (void)state;
    uint8_t b[64];
    struct stat s;
    char path[128];
    make(PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK);
    works();
    assert_int_equal(tmp_dir_count(&r.dir), 5);
    assert_int_equal(get("provider.uri", b, sizeof b), sizeof URI);
    assert_memory_equal(b, URI "\n", sizeof URI);
    assert_int_equal(stat(tmp_dir_file(&r.dir, "provider.uri", path), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    works(); /* named again */
    r.cfg.kek.provider = NULL;
    r.cfg.create = 0;
    works();
    r.cfg.kek.provider = "tpm:other";
    refused(PQI_ERR_STATE, "tpm:other");
    r.cfg.kek.provider = "soft:";
    refused(PQI_ERR_STATE, "make a new directory");
    host_rig_end(&r);
    /* and one of software keys, which has no such file */
    make(0);
    r.cfg.kek = (pqi_host_kek_source){.key_file = r.key_file, .provider = "soft:"};
    works();
    assert_int_equal(tmp_dir_count(&r.dir), 3);
    r.cfg.kek.provider = URI;
    refused(PQI_ERR_STATE, "soft:");
    r.cfg.kek.provider = NULL;
    works();
    assert_int_equal(chip->opened, 0);
    host_rig_end(&r);
}

static void uris_are_checked(void **state)
{
    (void)state;
    static char longest[1200];
    make(0);
    static const char *const bad[] = {"", "tpm", "TPM:x", "file:x", "soft:x", " soft:", "soft"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r.cfg.kek.provider = bad[i];
        refused(PQI_ERR_ARG, bad[i]);
    }
    r.cfg.kek.provider = "tpm:a b";
    refused(PQI_ERR_ARG, "space");
    r.cfg.kek.provider = "tpm:a\nb";
    refused(PQI_ERR_ARG, "control");
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "tpm:", 4);
    longest[1024] = 0;
    r.cfg.kek.provider = longest;
    refused(PQI_ERR_ARG, "1023");
    assert_int_equal(tmp_dir_count(&r.dir), 0);
    longest[1023] = 0;
    works();
    host_rig_end(&r);
}

/* INV-5, INV-12: a damaged directory never opens as another one or as a new one. */
static void damaged_directories_are_refused(void **state)
{
    (void)state;
    char path[128];
    static const char *const bad[] = {"", "\n", "tpm:fake", "tpm:fake\n\n", "tpm:fake\ntpm:other\n",
        "tpm:f ake\n", "what:ever\n", "tpm:fake\r\n"};
    make(PQI_CAP_NO_ROLLBACK);
    works();
    r.cfg.kek.provider = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put("provider.uri", bad[i], 0600);
        refused(PQI_ERR_STORAGE, "provider.uri");
    }
    put("provider.uri", URI "\n", 0644);
    refused(PQI_ERR_STORAGE, "0600");
    put("provider.uri", URI "\n", 0600);
    works();
    /* the keys are here: nobody's agent has them */
    r.cfg.kek = (pqi_host_kek_source){.key_file = NULL};
    put("provider.uri", "agent:/nowhere/socket?store=x\n", 0600);
    refused(PQI_ERR_STORAGE, "provider.pqi");
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {PQI_LIT("1234")}};
    put("provider.uri", URI "\n", 0600);
    /* a link, even to the right text */
    char elsewhere[128];
    (void)snprintf(elsewhere, sizeof elsewhere, "%s/uri", r.keys.path);
    host_rig_write(elsewhere, URI "\n", sizeof URI, 0600);
    (void)tmp_dir_file(&r.dir, "provider.uri", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    refused(PQI_ERR_STORAGE, "provider.uri");
    assert_int_equal(unlink(path), 0);
    r.cfg.kek = (pqi_host_kek_source){.key_file = r.key_file};
    refused(PQI_ERR_STORAGE, "provider.uri is gone");
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {PQI_LIT("1234")}};
    put("provider.uri", URI "\n", 0600);
    works();
    host_rig_end(&r);
}

static void damaged_roots_are_refused(void **state)
{
    (void)state;
    uint8_t b[128];
    char path[128];
    make(PQI_CAP_NO_ROLLBACK);
    works();
    size_t n = get("root.pqi", b, sizeof b);
    assert_int_equal(n, 21 + 36);
    (void)tmp_dir_file(&r.dir, "root.pqi", path);
    for (size_t i = 0; i < n; i++) {
        b[i] ^= 1;
        host_rig_write(path, b, n, 0600);
        refused(i < 25 ? PQI_ERR_STORAGE : PQI_ERR_AUTH, "");
        b[i] ^= 1;
    }
    for (size_t len = 0; len < n; len++) {
        host_rig_write(path, b, len, 0600);
        refused(PQI_ERR_STORAGE, "");
    }
    assert_int_equal(unlink(path), 0);
    refused(PQI_ERR_STORAGE, "root.pqi is gone");
    assert_false(has("root.pqi")); /* no new one beside the old keys */
    host_rig_write(path, b, n, 0600);
    works();
    chip->secret[0] ^= 1; /* another chip */
    refused(PQI_ERR_AUTH, "");
    host_rig_end(&r);
}

/* INV-4: a root.pqi that was there before any key, of somebody who knows what it unwraps to. */
static void planted_roots_are_not_used(void **state)
{
    (void)state;
    uint8_t b[128];
    char path[128];
    make(PQI_CAP_NO_ROLLBACK);
    memset(chip->kek_of_blob, 8, sizeof chip->kek_of_blob);
    put("provider.uri", URI "\n", 0600);
    host_rig_write(tmp_dir_file(&r.dir, "root.pqi", path), "PQIR\1saltsaltsaltsaltblob", 25, 0600);
    works();
    assert_int_equal(get("root.pqi", b, sizeof b), 21 + 36);
    assert_memory_not_equal(b + 5, "saltsaltsaltsalt", 16);
    works();
    host_rig_end(&r);
}

/* INV-15: what power cuts leave of the element's own files goes too, or the disk fills in time. */
static void temporary_files_go(void **state)
{
    (void)state;
    make(PQI_CAP_NO_ROLLBACK);
    works();
    put(".tpm.keys.00112233445566778899aabbccddeeff.tmp", "x", 0600);
    put(".tpm.policy.00112233445566778899aabbccddeeff.tmp", "x", 0600);
    put(".p11.id.00112233445566778899aabbccddeeff.tmp", "x", 0600);
    works();
    assert_int_equal(tmp_dir_count(&r.dir), 5);
    host_rig_end(&r);
}

static void statuses_come_through(void **state)
{
    (void)state;
    static const struct {
        pqi_status open, want;
    } c[] = {{PQI_ERR_AUTH, PQI_ERR_AUTH}, {PQI_ERR_LOCKED, PQI_ERR_LOCKED},
        {PQI_ERR_PROVIDER, PQI_ERR_PROVIDER}, {PQI_ERR_UNSUPPORTED, PQI_ERR_UNSUPPORTED},
        {PQI_ERR_MISSING, PQI_ERR_STORAGE}, {PQI_ERR_LIMIT, PQI_ERR_LIMIT}};
    make(PQI_CAP_NO_ROLLBACK);
    r.cfg.create = 0;
    refused(PQI_ERR_MISSING, ""); /* there is nothing, for no other reason */
    r.cfg.create = 1;
    for (int known = 0; known < 2; known++) {
        for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
            chip->open_with = c[i].open;
            refused(c[i].want, "the fake chip says");
            assert_int_equal(has("provider.uri"), known); /* no birth began */
        }
        chip->open_with = PQI_OK;
        if (!known) {
            chip->wrap_with = PQI_ERR_LIMIT;
            refused(PQI_ERR_LIMIT, "");
            assert_false(has("provider.uri"));
            chip->wrap_with = PQI_OK;
        }
        works();
    }
    static const pqi_status unwrap[] = {PQI_ERR_AUTH, PQI_ERR_LOCKED, PQI_ERR_POLICY};
    for (size_t i = 0; i < 3; i++) {
        chip->unwrap_with = unwrap[i];
        refused(unwrap[i], "");
    }
    chip->unwrap_with = PQI_ERR_MISSING;
    refused(PQI_ERR_STORAGE, "");
    chip->unwrap_with = PQI_OK;
    chip->made = 0; /* it was reset: opening a directory that exists sets nothing up */
    refused(PQI_ERR_STORAGE, "not set up");
    chip->made = 1;
    works();
    host_rig_end(&r);
}

static void passwords_have_one_source(void **state)
{
    (void)state;
    char path[128];
    make(PQI_CAP_NO_ROLLBACK);
    works();
    r.cfg.kek.passphrase = (pqi_cspan){PQI_LIT("12345")};
    refused(PQI_ERR_AUTH, "wants 1234");
    r.cfg.kek.passphrase = (pqi_cspan){NULL, 0};
    refused(PQI_ERR_AUTH, "wants 1234");
    assert_int_equal(chip->password_len, 0);
    host_rig_write(tmp_dir_file(&r.keys, "pin", path), "1234\nmore\n", 10, 0600);
    r.cfg.kek.passphrase_file = path;
    works();
    r.cfg.kek.passphrase_file = NULL;
    r.cfg.kek.key_file = path; /* all of it */
    refused(PQI_ERR_AUTH, "");
    assert_int_equal(chip->password_len, 10);
    host_rig_write(path, "1234", 4, 0600);
    works();
    host_rig_write(path, "1234", 4, 0640);
    refused(PQI_ERR_STORAGE, "");
    host_rig_write(path, "1234", 4, 0600);
    r.cfg.kek.passphrase = (pqi_cspan){PQI_LIT("1234")};
    refused(PQI_ERR_ARG, "one source");
    host_rig_end(&r);
}

/* An agent's directory is its URI; without an agent nothing is made. */
static void agents_need_no_key(void **state)
{
    (void)state;
    pqi_provider *p = NULL;
    make(0);
    r.cfg.kek.provider = "agent:/nonexistent/socket?store=x";
    refused(PQI_ERR_ARG, "takes no key file");
    r.cfg.kek.passphrase = (pqi_cspan){NULL, 0};
    assert_true(open_dir(&p) != PQI_OK);
    assert_null(p);
    assert_true(pqi_why_get()[0] != '\0');
    assert_int_equal(tmp_dir_count(&r.dir), 0);
    host_rig_end(&r);
}

/* ---- power cuts --------------------------------------------------------------------------------- */

static unsigned countdown;

static int kill_hook(unsigned point)
{
    (void)point;
    if (countdown != 0 && --countdown == 0) {
        _exit(KILLED);
    }
    return 0;
}

/* INV-11: a birth dies at every point; the next open finishes it or finds nothing. */
static void a_birth_ends_at_every_point(void **state)
{
    (void)state;
    int killed = 1;
    unsigned n = 1;
    for (; killed; n++) {
        make(PQI_CAP_NO_ROLLBACK);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            pqi_provider *p = NULL;
            pqi_host_set_point_hook(kill_hook);
            countdown = n;
            _exit(pqi_host_provider_open(&p, &r.cfg) == PQI_OK ? 0 : 1);
        }
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
        killed = WEXITSTATUS(status) == KILLED;
        chip->opened = chip->closed = 0;
        pqi_provider *p = NULL;
        r.cfg.create = 0;
        r.cfg.kek.provider = NULL;
        pqi_status st = open_dir(&p);
        if (!has("provider.uri")) { /* it would be one of software keys, and there are none */
            assert_int_equal(st, PQI_ERR_MISSING);
        }
        assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
        pqi_host_provider_close(p);
        r.cfg.create = 1;
        r.cfg.kek.provider = URI;
        works();
        works();
        assert_int_equal(tmp_dir_count(&r.dir), 5); /* no temporary file stays */
        host_rig_end(&r);
    }
    /* provider.uri, root.pqi, keys, counters, keys */
    assert_int_equal(n - 2, 5 * PQI_POINT_FILE_LAST);
}

/* ---- docs/spec/provider-files.md sections 7 to 9, from the text --------------------------------- */

#define SAVED (94u + 42u)

typedef struct example {
    uint8_t root[25], saved[SAVED], keys[38 + SAVED + 16], counters[564];
} example;

static void put_be(uint8_t *p, uint64_t v)
{
    for (size_t i = 0; i < 8; i++) {
        p[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}

/* K of section 3, over the first 532 bytes. */
static void put_mac(uint8_t *file, const uint8_t *storage, const uint8_t *owner)
{
    static const pqi_cspan label = {PQI_LIT("PQI4 provider counters")};
    const pqi_classic *c = &pqi_classic_openssl;
    const pqi_cspan secret = {storage, 32}, info[] = {label, {owner, 16}}, all = {file, 532};
    uint8_t prk[32], key[32];
    assert_int_equal(
        pqi_hkdf_extract(c, PQI_HASH_SHA256, (pqi_cspan){NULL, 0}, &secret, 1, prk), PQI_OK);
    assert_int_equal(
        pqi_hkdf_expand(c, PQI_HASH_SHA256, (pqi_cspan){prk, 32}, info, 2, (pqi_span){key, 32}),
        PQI_OK);
    assert_int_equal(c->hmac(PQI_HASH_SHA256, (pqi_cspan){key, 32}, &all, 1, file + 532), PQI_OK);
}

static void make_example(example *e)
{
    uint8_t kek[32];
    memset(e, 0, sizeof *e);
    memset(kek, 8, sizeof kek);
    memcpy(e->root, "PQIR\x01", 5);
    memset(e->root + 5, 5, 16);
    memcpy(e->root + 21, "blob", 4);
    memcpy(e->saved, "PQK2", 4);
    put_be(e->saved + 4, 9);
    memset(e->saved + 12, 1, 32);
    memset(e->saved + 44, 2, 32);
    memset(e->saved + 76, 3, 16);
    e->saved[93] = 1;
    memcpy(e->saved + 94, "\x02\x00\x00\x12\x03\x00\x00\x00\x00\x20", 10);
    memset(e->saved + 104, 4, 32);
    memcpy(e->keys, "PQIP\x01\x02\x03\x00\x00\x00", 10);
    memset(e->keys + 10, 5, 16);
    memset(e->keys + 26, 6, 12);
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM, {kek, 32}, {e->keys + 26, 12}};
    assert_int_equal(
        pqi_classic_openssl.aead_seal(&k, (pqi_cspan){e->keys, 26}, (pqi_cspan){e->saved, SAVED},
            (pqi_span){e->keys + 38, sizeof e->keys - 38}),
        PQI_OK);
    memcpy(e->counters, "PQC2", 4);
    put_be(e->counters + 4, 9);
    put_be(e->counters + 12, 77);
    e->counters[20 + 8 + 7] = 5;
    put_mac(e->counters, e->saved + 12, e->saved + 76);
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

static void the_example_stands_in_the_text_and_opens(void **state)
{
    (void)state;
    static char text[32768];
    example e;
    uint8_t pk[32], want[32], seed[32], now[600];
    size_t n = 0;
    uint64_t v = 0;
    char path[128];
    make_example(&e);
    FILE *f = fopen(PQI_SOURCE_DIR "/docs/spec/provider-files.md", "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    assert_int_equal(fclose(f), 0);
    stands(text, "root.pqi", e.root, sizeof e.root);
    stands(text, "saved keys over an element", e.saved, sizeof e.saved);
    stands(text, "provider.pqi over an element", e.keys, sizeof e.keys);
    stands(text, "counters.pqi over an element 0..35", e.counters, 36);
    stands(text, "counters.pqi over an element 532..563", e.counters + 532, 32);

    make(PQI_CAP_NO_ROLLBACK);
    chip->made = 1;
    memset(chip->kek_of_blob, 8, sizeof chip->kek_of_blob);
    put("provider.uri", URI "\n", 0600);
    host_rig_write(tmp_dir_file(&r.dir, "root.pqi", path), e.root, sizeof e.root, 0600);
    host_rig_write(tmp_dir_file(&r.dir, "provider.pqi", path), e.keys, sizeof e.keys, 0600);
    host_rig_write(tmp_dir_file(&r.dir, "counters.pqi", path), e.counters, sizeof e.counters, 0600);
    r.cfg.create = 0;
    pqi_provider *p = host_rig_open(&r);
    memset(seed, 4, sizeof seed);
    assert_int_equal(pqi_classic_openssl.x25519_public(want, seed), PQI_OK);
    assert_int_equal(
        pqi_provider_public_key(p, 0x02000012u, (pqi_span){pk, sizeof pk}, &n), PQI_OK);
    assert_memory_equal(pk, want, 32);
    assert_int_equal(pqi_provider_counter_get(p, 1, &v), PQI_OK);
    assert_int_equal(v, 5);
    assert_int_equal(pqi_provider_counter_advance(p, 0, 0x12), PQI_OK);
    pqi_host_provider_close(p);
    put_be(e.counters + 4, 14); /* settled: step 3, 2 */
    put_be(e.counters + 12, 79);
    e.counters[27] = 0x12;
    put_mac(e.counters, e.saved + 12, e.saved + 76);
    assert_int_equal(get("counters.pqi", now, sizeof now), 564);
    assert_memory_equal(now, e.counters, 564);
    assert_int_equal(chip->generation, 79);
    host_rig_end(&r);
}

/* ---- old files ---------------------------------------------------------------------------------- */

typedef struct copy {
    uint8_t keys[4096], counters[1024];
    size_t keys_len, counters_len;
} copy;

static void take(copy *c)
{
    c->keys_len = get("provider.pqi", c->keys, sizeof c->keys);
    c->counters_len = get("counters.pqi", c->counters, sizeof c->counters);
}

static void give(const copy *k, const copy *c)
{
    char path[128];
    host_rig_write(tmp_dir_file(&r.dir, "provider.pqi", path), k->keys, k->keys_len, 0600);
    host_rig_write(tmp_dir_file(&r.dir, "counters.pqi", path), c->counters, c->counters_len, 0600);
}

/* INV-5 */
static void a_disk_image_that_comes_back_is_refused(void **state)
{
    (void)state;
    static copy old, new;
    make(PQI_CAP_NO_ROLLBACK);
    works();
    take(&old);
    assert_int_equal(old.counters_len, PQI_SOFT_COUNTERS_MAX);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 1, 100), PQI_OK);
    pqi_host_provider_close(p);
    take(&new);
    give(&old, &old);
    refused(PQI_ERR_ROLLBACK, "");
    give(&old, &new);
    refused(PQI_ERR_ROLLBACK, "");
    give(&new, &old);
    refused(PQI_ERR_ROLLBACK, "");
    give(&new, &new);
    works();
    char path[128];
    assert_int_equal(unlink(tmp_dir_file(&r.dir, "counters.pqi", path)), 0);
    refused(PQI_ERR_STORAGE, "");
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(conformance), cmocka_unit_test(a_directory_remembers_its_provider),
    cmocka_unit_test(uris_are_checked), cmocka_unit_test(damaged_directories_are_refused),
    cmocka_unit_test(damaged_roots_are_refused), cmocka_unit_test(planted_roots_are_not_used),
    cmocka_unit_test(temporary_files_go), cmocka_unit_test(statuses_come_through),
    cmocka_unit_test(passwords_have_one_source), cmocka_unit_test(agents_need_no_key),
    cmocka_unit_test(a_birth_ends_at_every_point),
    cmocka_unit_test(the_example_stands_in_the_text_and_opens),
    cmocka_unit_test(a_disk_image_that_comes_back_is_refused))
