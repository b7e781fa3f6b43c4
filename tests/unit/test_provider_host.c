/* SPDX-License-Identifier: Apache-2.0
 * The host provider: conformance, restart, sources of the key-encryption key, and every way in which
 * its files can be wrong. INV-5, INV-12, INV-14, INV-15. */
#include "conformance/conformance.h"
#include "support/host_rig.h"

#include <pqi/provider_soft.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/wait.h>

static host_rig r;

static pqi_status try_open(void)
{
    pqi_provider *p = NULL;
    pqi_status st = pqi_host_provider_open(&p, &r.cfg);
    assert_true((st == PQI_OK) == (p != NULL));
    pqi_host_provider_close(p);
    return st;
}

static size_t slurp(const char *name, uint8_t *out, size_t room)
{
    char path[128];
    FILE *f = fopen(tmp_dir_file(&r.dir, name, path), "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    (void)fclose(f);
    return n;
}

static void put(const char *name, const void *p, size_t n)
{
    char path[128];
    host_rig_write(tmp_dir_file(&r.dir, name, path), p, n, 0600);
}

static void drop(const char *name)
{
    char path[128];
    assert_int_equal(unlink(tmp_dir_file(&r.dir, name, path)), 0);
}

/* INV-110, INV-86 */
static void conformance(void **state)
{
    (void)state;
    host_rig_make(&r);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_caps(p), PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT);
    pqi_provider_conformance(p);
    pqi_provider_conformance_threads(p);
    pqi_provider_conformance_zeroize(p);
    pqi_host_provider_close(p);
    p = host_rig_open(&r); /* keys at rest stay */
    pqi_key_info info;
    assert_int_equal(pqi_provider_info(p, 0x00c0f006u, &info), PQI_OK);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

static void keys_and_counters_outlive_the_process(void **state)
{
    (void)state;
    static uint8_t a[PQI_SIG_MAX_PK], b[PQI_SIG_MAX_PK];
    uint8_t blob[10 + PQI_SEAL_OVERHEAD], got[10];
    const pqi_cspan label = {PQI_LIT("state")}, plain = {PQI_LIT("0123456789")};
    size_t n = 0;
    uint64_t v = 0;
    host_rig_make(&r);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 9, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(pqi_provider_public_key(p, 9, (pqi_span){a, sizeof a}, &n), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 5, 77), PQI_OK);
    assert_int_equal(pqi_provider_seal(p, label, 3, plain, (pqi_span){blob, sizeof blob}), PQI_OK);
    pqi_host_provider_close(p);
    r.cfg.create = 0;
    p = host_rig_open(&r);
    assert_int_equal(pqi_provider_public_key(p, 9, (pqi_span){b, sizeof b}, &n), PQI_OK);
    assert_memory_equal(a, b, n);
    assert_int_equal(pqi_provider_counter_get(p, 5, &v), PQI_OK);
    assert_int_equal(v, 77);
    assert_int_equal(pqi_provider_unseal(
                         p, label, 3, (pqi_cspan){blob, sizeof blob}, (pqi_span){got, sizeof got}),
        PQI_OK);
    /* one process at a time, also within one process */
    assert_int_equal(try_open(), PQI_ERR_STATE);
    pqi_host_provider_close(p);
    r.cfg.slots = 0;
    assert_int_equal(try_open(), PQI_OK);
    host_rig_end(&r);
}

/* INV-12: wrong key, no key, truncated, bit-flipped; INV-5: none of it looks like "missing". */
static void a_wrong_file_is_refused(void **state)
{
    (void)state;
    static uint8_t keys[4096], changed[4096];
    uint8_t counters[PQI_SOFT_COUNTERS_LEN + 1];
    host_rig_make(&r);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 9, PQI_KEY_X25519, 0), PQI_OK);
    pqi_host_provider_close(p);
    size_t n = slurp("provider.pqi", keys, sizeof keys);
    assert_int_equal(slurp("counters.pqi", counters, sizeof counters), PQI_SOFT_COUNTERS_LEN);
    for (int create = 0; create < 2; create++) {
        r.cfg.create = create;
        for (size_t i = 0; i < n; i++) {
            memcpy(changed, keys, n);
            changed[i] ^= 1;
            put("provider.pqi", changed, n);
            pqi_status st = try_open();
            assert_true(st == PQI_ERR_AUTH || (i < 10 && st == PQI_ERR_STORAGE));
        }
        for (size_t len = 0; len <= n + 1; len++) {
            if (len != n) {
                put("provider.pqi", keys, len);
                pqi_status st = try_open();
                assert_int_equal(st, len < 54 ? PQI_ERR_STORAGE : PQI_ERR_AUTH);
            }
        }
        put("provider.pqi", keys, n);
        assert_int_equal(try_open(), PQI_OK);
        for (size_t i = 0; i < PQI_SOFT_COUNTERS_LEN; i += 17) {
            counters[i] ^= 1;
            put("counters.pqi", counters, PQI_SOFT_COUNTERS_LEN);
            assert_int_equal(try_open(), PQI_ERR_AUTH);
            counters[i] ^= 1;
        }
        put("counters.pqi", counters, PQI_SOFT_COUNTERS_LEN - 1);
        assert_int_equal(try_open(), PQI_ERR_STORAGE);
        drop("counters.pqi");
        assert_int_equal(try_open(), PQI_ERR_STORAGE);
        put("counters.pqi", counters, PQI_SOFT_COUNTERS_LEN);
        drop("provider.pqi"); /* the keys gone, the counters still there */
        assert_int_equal(try_open(), PQI_ERR_STORAGE);
        put("provider.pqi", keys, n);
        assert_int_equal(try_open(), PQI_OK);
    }
    const uint8_t other[40] = "another key file of forty bytes, same l";
    host_rig_write(r.key_file, other, sizeof other, 0600);
    assert_int_equal(try_open(), PQI_ERR_AUTH);
    host_rig_end(&r);
}

static int contains(const uint8_t *p, size_t n, const uint8_t *what, size_t len)
{
    for (size_t i = 0; i + len <= n; i++) {
        if (memcmp(p + i, what, len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* INV-12: the file is not readable; INV-14: modes. */
static void files_are_private_and_unreadable(void **state)
{
    (void)state;
    static uint8_t keys[4096];
    char path[128];
    struct stat s;
    host_rig_make(&r);
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 0x41424344, PQI_KEY_X25519, 0), PQI_OK);
    pqi_host_provider_close(p);
    size_t n = slurp("provider.pqi", keys, sizeof keys);
    assert_false(contains(keys, n, (const uint8_t *)"ABCD", 4)); /* not even the handle */
    assert_false(contains(keys, n, (const uint8_t *)"PQK1", 4));
    static const char *const names[] = {"provider.pqi", "counters.pqi", "lock"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(tmp_dir_file(&r.dir, names[i], path), &s), 0);
        assert_int_equal(s.st_mode & 07777, 0600);
    }
    for (size_t i = 0; i < 2; i++) {
        (void)tmp_dir_file(&r.dir, names[i], path);
        assert_int_equal(chmod(path, 0604), 0);
        assert_int_equal(try_open(), PQI_ERR_STORAGE);
        assert_int_equal(chmod(path, 0600), 0);
    }
    assert_int_equal(chmod(r.dir.path, 0710), 0);
    assert_int_equal(try_open(), PQI_ERR_STORAGE);
    assert_int_equal(chmod(r.dir.path, 0700), 0);
    assert_int_equal(chmod(r.key_file, 0640), 0);
    assert_int_equal(try_open(), PQI_ERR_STORAGE);
    assert_int_equal(chmod(r.key_file, 0600), 0);
    assert_int_equal(try_open(), PQI_OK);
    host_rig_end(&r);
}

static void missing_is_only_missing(void **state)
{
    (void)state;
    host_rig_make(&r);
    r.cfg.create = 0;
    assert_int_equal(try_open(), PQI_ERR_MISSING);
    r.cfg.dir = "/nonexistent/provider";
    assert_int_equal(try_open(), PQI_ERR_MISSING);
    r.cfg.create = 1;
    assert_int_equal(try_open(), PQI_ERR_STORAGE);
    r.cfg.dir = r.dir.path;
    r.cfg.kek.key_file = "/nonexistent/key";
    assert_int_equal(try_open(), PQI_ERR_MISSING);
    r.cfg.kek.key_file = NULL;
    assert_int_equal(try_open(), PQI_ERR_ARG); /* nothing is stored in clear */
    r.cfg.kek.key_file = r.key_file;
    r.cfg.kek.credential = "x";
    assert_int_equal(try_open(), PQI_ERR_ARG);
    host_rig_end(&r);
}

static void every_source_of_the_kek(void **state)
{
    (void)state;
    char file[128];
    const uint8_t line[] = "correct horse battery\nsecond line", secret[32] = {0x11, 0x22};
    host_rig_make(&r);
    host_rig_write(tmp_dir_file(&r.keys, "pass", file), line, sizeof line - 1, 0600);
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {PQI_LIT("correct horse battery")}};
    assert_int_equal(try_open(), PQI_OK);
    r.cfg.kek = (pqi_host_kek_source){.passphrase_file = file}; /* the same passphrase */
    assert_int_equal(try_open(), PQI_OK);
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {PQI_LIT("correct horse batterz")}};
    assert_int_equal(try_open(), PQI_ERR_AUTH);
    r.cfg.kek = (pqi_host_kek_source){.passphrase = {(const uint8_t *)"", 0}};
    assert_int_equal(try_open(), PQI_ERR_AUTH);
    r.cfg.kek = (pqi_host_kek_source){.key_file = r.key_file};
    assert_int_equal(try_open(), PQI_ERR_AUTH);
    (void)tmp_dir_clear(&r.dir, 0);

    pqi_host_kek_source found;
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(pqi_host_kek_from_env(&found), PQI_ERR_MISSING);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", r.keys.path, 1), 0);
    assert_int_equal(pqi_host_kek_from_env(&found), PQI_ERR_MISSING);
    host_rig_write(tmp_dir_file(&r.keys, "pqi-kek", file), secret, sizeof secret, 0440);
    assert_int_equal(pqi_host_kek_from_env(&found), PQI_OK);
    r.cfg.kek = found;
    assert_int_equal(try_open(), PQI_OK);
    assert_int_equal(try_open(), PQI_OK);
    r.cfg.kek = (pqi_host_kek_source){.credential = "../kek"};
    assert_int_equal(try_open(), PQI_ERR_MISSING);
    (void)tmp_dir_clear(&r.dir, 0);
    host_rig_write(r.key_file, secret, 31, 0600); /* too short */
    r.cfg.kek = (pqi_host_kek_source){.key_file = r.key_file};
    assert_int_equal(try_open(), PQI_ERR_STORAGE);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    host_rig_end(&r);
}

/* Whether every operation says PQI_ERR_STATE. In a child: no assertions, and nothing may fault. */
static bool all_refuse(pqi_provider *p)
{
    static uint8_t big[8192];
    const pqi_cspan d = {PQI_LIT("PQI4 child")}, in = {big, 64}, ct = {big, 1088},
                    cap = {big, 1120};
    const pqi_span out = {big + 4096, 4000};
    const pqi_box_ctx ctx = {d, d, d, d};
    pqi_key_info info;
    size_t n = 0;
    uint64_t v = 0;
    const pqi_status got[] = {pqi_provider_generate(p, 8, PQI_KEY_X25519, 0),
        pqi_provider_info(p, 1, &info), pqi_provider_public_key(p, 1, out, &n),
        pqi_provider_sign(p, 1, d, &d, 1, out, &n), pqi_provider_decapsulate(p, 2, ct, out.ptr),
        pqi_provider_dh(p, 3, big, out.ptr),
        pqi_provider_decrypt(
            p, 2, 3, &pqi_suite_0002, &ctx, cap, in, (pqi_span){big + 4096, in.len - 16}),
        pqi_provider_random(p, out),
        pqi_provider_seal(p, d, 1, in, (pqi_span){out.ptr, in.len + PQI_SEAL_OVERHEAD}),
        pqi_provider_unseal(p, d, 1, in, (pqi_span){out.ptr, in.len - PQI_SEAL_OVERHEAD}),
        pqi_provider_counter_get(p, 0, &v), pqi_provider_counter_advance(p, 0, 9),
        pqi_provider_destroy(p, 1), pqi_provider_zeroize(p)};
    bool all = true;
    for (size_t i = 0; i < sizeof got / sizeof got[0]; i++) {
        if (got[i] != PQI_ERR_STATE) {
            fprintf(stderr, "# operation %zu of a child: %d\n", i, (int)got[i]);
            all = false;
        }
    }
    return all;
}

/* A forked child has no keys, and learns it from every operation; its parent goes on. */
static void a_forked_child_is_refused(void **state)
{
    (void)state;
    for (int secret = 1; secret >= 0; secret--) {
        host_rig_make(&r);
        assert_int_equal(secret ? unsetenv("PQI_SECRET_MEM") : setenv("PQI_SECRET_MEM", "0", 1), 0);
        pqi_provider *p = host_rig_open(&r);
        pqi_host_provider_facts facts;
        assert_int_equal(pqi_host_provider_get_facts(p, &facts), PQI_OK);
        assert_true(facts.not_dumped && facts.wiped_on_fork && facts.bytes > 20000);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            bool ok = all_refuse(p);
            pqi_host_provider_close(p);
            _exit(ok ? 0 : 1);
        }
        int status = 1;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        uint8_t b[8];
        assert_int_equal(pqi_provider_random(p, (pqi_span){b, 8}), PQI_OK);
        pqi_host_provider_close(p);
        pqi_host_provider_close(NULL);
        host_rig_end(&r);
    }
    assert_int_equal(unsetenv("PQI_SECRET_MEM"), 0);
}

/* A provider of another kind is not taken for one of ours, which would read beyond its object. */
static void another_kind_of_provider_is_refused(void **state)
{
    (void)state;
    static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI, .name = "other"};
    pqi_provider *other = malloc(sizeof *other); /* no more than the first member: ASan watches */
    pqi_soft *bare = calloc(1, sizeof *bare);
    pqi_host_provider_facts facts;
    assert_non_null(other);
    assert_non_null(bare);
    other->ops = &ops;
    host_rig_make(&r);
    pqi_provider *p = host_rig_open(&r);
    bare->base.ops = p->ops;
    assert_int_equal(pqi_host_provider_get_facts(other, &facts), PQI_ERR_ARG);
    assert_int_equal(pqi_host_provider_get_facts(&bare->base, &facts), PQI_ERR_ARG);
    assert_int_equal(pqi_host_provider_get_facts(NULL, &facts), PQI_ERR_ARG);
    assert_int_equal(pqi_host_provider_get_facts(p, NULL), PQI_ERR_ARG);
    pqi_host_provider_close(other);
    pqi_host_provider_close(&bare->base);
    pqi_host_provider_close(p);
    free(bare);
    free(other);
    host_rig_end(&r);
}

/* INV-6: when somebody removes the lock file and a second provider opens the directory, the first one
 * writes nothing any more, so neither takes counters of the other back. */
static void without_its_lock_a_provider_writes_nothing(void **state)
{
    (void)state;
    pqi_provider *second = NULL;
    uint64_t v = 0;
    const char *text = "";
    host_rig_make(&r);
    pqi_provider *first = host_rig_open(&r);
    assert_int_equal(pqi_provider_counter_advance(first, 0, 5), PQI_OK);
    drop("lock");
    assert_int_equal(pqi_provider_counter_advance(first, 0, 6), PQI_ERR_STORAGE);
    assert_int_equal(pqi_provider_native_error(first, &text), ESTALE);
    assert_int_equal(pqi_host_provider_open(&second, &r.cfg), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(second, 0, 10), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(first, 1, 1), PQI_ERR_STORAGE);
    assert_int_equal(pqi_provider_generate(first, 9, PQI_KEY_X25519, 0), PQI_ERR_STORAGE);
    pqi_host_provider_close(first);
    pqi_host_provider_close(second);
    first = host_rig_open(&r);
    assert_int_equal(pqi_provider_counter_get(first, 0, &v), PQI_OK);
    assert_int_equal(v, 10);
    pqi_host_provider_close(first);
    host_rig_end(&r);
}

/* A relative path means the directory that it named when the provider was opened. */
static void chdir_leads_nowhere_else(void **state)
{
    (void)state;
    char before[512], path[128];
    host_rig_make(&r);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(r.dir.path), 0);
    assert_int_equal(mkdir("p", 0700), 0);
    r.cfg.dir = "p";
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(chdir(r.keys.path), 0);
    assert_int_equal(pqi_provider_counter_advance(p, 1, 1), PQI_OK);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(pqi_provider_generate(p, 9, PQI_KEY_X25519, 0), PQI_OK);
    pqi_host_provider_close(p);
    static const char *const names[] = {"p/provider.pqi", "p/counters.pqi", "p/lock"};
    for (size_t i = 0; i < 3; i++) {
        drop(names[i]);
    }
    assert_int_equal(rmdir(tmp_dir_file(&r.dir, "p", path)), 0);
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(conformance),
    cmocka_unit_test(keys_and_counters_outlive_the_process),
    cmocka_unit_test(a_wrong_file_is_refused), cmocka_unit_test(files_are_private_and_unreadable),
    cmocka_unit_test(missing_is_only_missing), cmocka_unit_test(every_source_of_the_kek),
    cmocka_unit_test(a_forked_child_is_refused),
    cmocka_unit_test(another_kind_of_provider_is_refused),
    cmocka_unit_test(without_its_lock_a_provider_writes_nothing),
    cmocka_unit_test(chdir_leads_nowhere_else))
