/* SPDX-License-Identifier: Apache-2.0
 * The PKCS#11 driver against SoftHSM: its contract in src/port/linux/element.h. */
#include "p11/p11_rig.h"

#include "port/linux/ossl_p256.h"
#include "port/linux/why.h"

#define CRYPTOKI_GNU
#include <p11-kit/pkcs11.h>

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIG_KEY 7u
#define KEM_KEY 0x02000011u

static p11_rig r;

static int set_up(void **state)
{
    (void)state;
    if (p11_rig_present()) {
        p11_rig_make(&r);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (r.top[0] != '\0') {
        p11_rig_end(&r);
    }
    return 0;
}

static void need(void)
{
    if (r.top[0] == '\0') {
        skip();
    }
}

/* A private object is hidden from who is not logged in. What failed before must not make that state. */
static void removal_is_real(void **state)
{
    (void)state;
    need();
    uint8_t pk[65], ss[32], sig[64];
    pqi_host_element *h = p11_rig_open(r.uri, r.dir, 1);
    const pqi_element *e = &h->element;
    assert_int_equal(e->p256_generate(e->arg, KEM_KEY, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, KEM_KEY, pk), PQI_OK);
    assert_int_equal(e->p256_sign(e->arg, KEM_KEY, (pqi_cspan){pk, 3}, sig), PQI_ERR_MISSING);
    assert_int_equal(e->p256_destroy(e->arg, KEM_KEY), PQI_OK);
    assert_int_equal(e->p256_dh(e->arg, KEM_KEY, pk, ss), PQI_ERR_MISSING);
    h->close(h);
}

static const uint8_t kek[PQI_ELEMENT_KEK] = "thirty-two bytes that are a key";

static size_t wrapped(pqi_host_element *e, uint8_t *blob)
{
    size_t n = 0;
    assert_int_equal(e->wrap(e, kek, (pqi_span){blob, PQI_ELEMENT_BLOB_MAX}, &n), PQI_OK);
    return n;
}

/* The blob opens after a restart, differs each time, and does not open when any byte of it differs. */
static void wrapping(void **state)
{
    (void)state;
    need();
    uint8_t blob[PQI_ELEMENT_BLOB_MAX], other[PQI_ELEMENT_BLOB_MAX], got[PQI_ELEMENT_KEK];
    uint8_t zero[PQI_ELEMENT_KEK] = {0};
    pqi_host_element *e = p11_rig_open(r.uri, r.dir, 1);
    size_t n = wrapped(e, blob);
    assert_int_equal(wrapped(e, other), n);
    assert_memory_not_equal(blob, other, n);
    e->close(e);
    e = p11_rig_open(r.uri, r.dir, 0);
    assert_int_equal(e->unwrap(e, (pqi_cspan){blob, n}, got), PQI_OK);
    assert_memory_equal(got, kek, sizeof kek);
    for (size_t i = 0; i < n; i++) {
        blob[i] ^= 0x10;
        assert_int_equal(e->unwrap(e, (pqi_cspan){blob, n}, got), PQI_ERR_STORAGE);
        assert_memory_equal(got, zero, sizeof zero);
        blob[i] ^= 0x10;
    }
    assert_int_equal(e->unwrap(e, (pqi_cspan){blob, n - 1}, got), PQI_ERR_STORAGE);
    assert_int_equal(e->unwrap(e, (pqi_cspan){blob, 0}, got), PQI_ERR_STORAGE);
    size_t len = 1;
    assert_int_equal(e->wrap(e, kek, (pqi_span){other, n - 1}, &len), PQI_ERR_SPACE);
    assert_int_equal(len, n);
    /* of another directory on the same token */
    pqi_host_element *f = p11_rig_open(r.uri, r.dir_b, 1);
    assert_int_equal(f->unwrap(f, (pqi_cspan){blob, n}, got), PQI_ERR_STORAGE);
    f->close(f);
    assert_int_equal(e->unwrap(e, (pqi_cspan){blob, n}, got), PQI_OK);
    e->close(e);
}

static void keys(void **state)
{
    (void)state;
    need();
    uint8_t pk[65], again[65], sig[64], zero[65] = {0};
    pqi_cspan msg = {PQI_LIT("what is signed")};
    pqi_host_element *h = p11_rig_open(r.uri, r.dir, 1);
    const pqi_element *e = &h->element;
    assert_int_equal(e->p256_public(e->arg, SIG_KEY, pk), PQI_ERR_MISSING);
    assert_memory_equal(pk, zero, sizeof zero);
    assert_int_equal(e->p256_sign(e->arg, SIG_KEY, msg, sig), PQI_ERR_MISSING);
    assert_int_equal(e->p256_generate(e->arg, SIG_KEY, PQI_KEY_X25519), PQI_ERR_ARG);
    assert_int_equal(e->p256_generate(e->arg, SIG_KEY, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, SIG_KEY, pk), PQI_OK);
    assert_int_equal(e->p256_sign(e->arg, SIG_KEY, msg, sig), PQI_OK);
    assert_int_equal(pqi_ossl_p256_verify(pk, msg, sig), PQI_OK);
    msg.len--;
    assert_int_equal(pqi_ossl_p256_verify(pk, msg, sig), PQI_ERR_AUTH);
    static const uint8_t longest[PQI_ELEMENT_MSG_MAX + 1] = {1};
    msg = (pqi_cspan){longest, PQI_ELEMENT_MSG_MAX};
    assert_int_equal(e->p256_sign(e->arg, SIG_KEY, msg, sig), PQI_OK);
    assert_int_equal(pqi_ossl_p256_verify(pk, msg, sig), PQI_OK);
    msg.len++;
    assert_int_equal(e->p256_sign(e->arg, SIG_KEY, msg, sig), PQI_ERR_ARG);
    assert_memory_equal(sig, zero, sizeof sig);
    /* a key that signs does not agree, another handle is another key */
    assert_int_equal(e->p256_dh(e->arg, SIG_KEY, pk, sig), PQI_ERR_MISSING);
    assert_int_equal(e->p256_public(e->arg, SIG_KEY + 1, again), PQI_ERR_MISSING);
    /* durable, and of this directory alone */
    h->close(h);
    h = p11_rig_open(r.uri, r.dir, 0);
    e = &h->element;
    assert_int_equal(e->p256_public(e->arg, SIG_KEY, again), PQI_OK);
    assert_memory_equal(pk, again, sizeof pk);
    pqi_host_element *f = p11_rig_open(r.uri, r.dir_b, 1);
    assert_int_equal(f->element.p256_public(f->element.arg, SIG_KEY, again), PQI_ERR_MISSING);
    f->close(f);
    /* born again in place of the old one */
    assert_int_equal(e->p256_generate(e->arg, SIG_KEY, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, SIG_KEY, again), PQI_OK);
    assert_memory_not_equal(pk, again, sizeof pk);
    assert_int_equal(e->p256_destroy(e->arg, SIG_KEY), PQI_OK);
    assert_int_equal(e->p256_destroy(e->arg, SIG_KEY), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, SIG_KEY, again), PQI_ERR_MISSING);
    h->close(h);
}

/* Often enough that a secret with a leading zero byte comes up. */
static void agreement(void **state)
{
    (void)state;
    need();
    uint8_t pk[65], peer[65], sig[64], sk[32] = {0}, a[32], b[32], zero[32] = {0};
    unsigned leading = 0;
    pqi_host_element *h = p11_rig_open(r.uri, r.dir, 1);
    const pqi_element *e = &h->element;
    assert_int_equal(e->p256_generate(e->arg, KEM_KEY, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, KEM_KEY, pk), PQI_OK);
    for (unsigned i = 0; i < 3000 && (i < 50 || leading == 0); i++) {
        assert_int_equal(pqi_classic_openssl.random(sk + 1, 31), PQI_OK);
        assert_int_equal(pqi_ossl_p256_public(peer, sk), PQI_OK);
        assert_int_equal(pqi_ossl_p256_dh(a, sk, pk), PQI_OK);
        assert_int_equal(e->p256_dh(e->arg, KEM_KEY, peer, b), PQI_OK);
        assert_memory_equal(a, b, sizeof a);
        leading += a[0] == 0 ? 1u : 0u;
    }
    assert_true(leading != 0);
    assert_int_equal(e->p256_sign(e->arg, KEM_KEY, (pqi_cspan){a, 32}, sig), PQI_ERR_MISSING);
    peer[64] ^= 1; /* off the curve */
    assert_int_equal(e->p256_dh(e->arg, KEM_KEY, peer, b), PQI_ERR_AUTH);
    assert_memory_equal(b, zero, sizeof b);
    peer[64] ^= 1;
    peer[0] = 0x06; /* the hybrid form of X9.62 */
    assert_int_equal(e->p256_dh(e->arg, KEM_KEY, peer, b), PQI_ERR_AUTH);
    memset(peer, 0, sizeof peer); /* the point at infinity */
    assert_int_equal(e->p256_dh(e->arg, KEM_KEY, peer, b), PQI_ERR_AUTH);
    assert_int_equal(e->p256_destroy(e->arg, KEM_KEY), PQI_OK);
    assert_int_equal(e->p256_dh(e->arg, KEM_KEY, pk, b), PQI_ERR_MISSING);
    h->close(h);
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        n++;
    }
    return n;
}

/* INV-2: what another program and the module itself say of the keys. */
static void keys_stay(void **state)
{
    (void)state;
    need();
    pqi_host_element *h = p11_rig_open(r.uri, r.dir, 1);
    const pqi_element *e = &h->element;
    assert_int_equal(e->p256_generate(e->arg, SIG_KEY, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(e->p256_generate(e->arg, KEM_KEY, PQI_KEY_KEM), PQI_OK);
    ck_rv_t (*get)(struct ck_function_list **);
    struct ck_function_list *f;
    void *dl = dlopen(PQI_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    void *symbol = dlsym(dl, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get);
    assert_int_equal(get(&f), CKR_OK);
    ck_slot_id_t slots[16];
    unsigned long n = 16, total = 0;
    assert_int_equal(f->C_GetSlotList(1, slots, &n), CKR_OK);
    for (unsigned long i = 0; i < n; i++) {
        ck_session_handle_t s;
        ck_object_handle_t o[32];
        unsigned long found = 0;
        if (f->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &s) != CKR_OK) {
            continue; /* the slot for the next token */
        }
        static ck_object_class_t classes[] = {CKO_PRIVATE_KEY, CKO_SECRET_KEY};
        for (unsigned c = 0; c < 2; c++) {
            struct ck_attribute t = {CKA_CLASS, &classes[c], sizeof classes[c]};
            assert_int_equal(f->C_FindObjectsInit(s, &t, 1), CKR_OK);
            assert_int_equal(f->C_FindObjects(s, o, 32, &found), CKR_OK);
            assert_int_equal(f->C_FindObjectsFinal(s), CKR_OK);
            for (unsigned long k = 0; k < found; k++) {
                unsigned char value[64];
                struct ck_attribute v = {CKA_VALUE, value, sizeof value};
                assert_int_equal(f->C_GetAttributeValue(s, o[k], &v, 1), CKR_ATTRIBUTE_SENSITIVE);
                total++;
            }
        }
        assert_int_equal(f->C_CloseSession(s), CKR_OK);
    }
    assert_true(total >= 3); /* and those of other tests on this token */
    h->close(h);
    (void)dlclose(dl);
    const char *const tool[] = {"pkcs11-tool", "--module", PQI_SOFTHSM, "--token-label", "one",
        "--login", "--pin", P11_PIN, "--list-objects", NULL};
    if (access("/usr/bin/pkcs11-tool", X_OK) != 0) {
        print_message("# no opensc: pkcs11-tool does not look at the keys\n");
        return;
    }
    if (p11_rig_run(&r, tool) != 0) {
        print_message("# %s\n", p11_rig_output(&r));
        fail();
    }
    const char *out = p11_rig_output(&r);
    unsigned secret = count(out, "Private Key Object") + count(out, "Secret Key Object");
    assert_true(secret >= 3);
    assert_int_equal(count(out, "sensitive, always sensitive, never extractable, local"), secret);
    assert_int_equal(count(out, "Usage:      sign\n"), 1);
    assert_int_equal(count(out, "Usage:      derive\n"), 1); /* and nothing else */
    assert_int_equal(count(out, "Usage:      encrypt, decrypt\n"), count(out, "Secret Key Object"));
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    (void)unlink(path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void pins(void **state)
{
    (void)state;
    need();
    pqi_host_element *e, *f = NULL;
    char path[96], uri[256], more[128], big[300];
    assert_int_equal(p11_rig_try(r.uri, r.dir, "4321", 1, &e), PQI_ERR_AUTH);
    assert_non_null(strstr(pqi_why_get(), "the PIN is wrong"));
    assert_null(strstr(pqi_why_get(), "4321"));
    assert_non_null(strstr(pqi_why_get(), "have been counted")); /* not yet the last: it may try */
    assert_int_equal(p11_rig_try(r.uri, r.dir, P11_PIN, 1, &e), PQI_OK);
    e->close(e);
    assert_int_equal(p11_rig_try(r.uri, r.dir, NULL, 1, &e), PQI_ERR_AUTH);
    assert_non_null(strstr(pqi_why_get(), "pin-source"));
    memset(big, '1', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(p11_rig_try(r.uri, r.dir, big, 1, &e), PQI_ERR_AUTH);
    (void)snprintf(path, sizeof path, "%s/pin", r.top);
    (void)snprintf(more, sizeof more, "&pin-source=file:%s", path);
    p11_rig_uri(uri, "one", more);
    assert_int_equal(p11_rig_try(uri, r.dir, NULL, 1, &e), PQI_ERR_STORAGE);
    write_file(path, P11_PIN "\nmore\n", 0600);
    assert_int_equal(p11_rig_try(uri, r.dir, NULL, 1, &e), PQI_OK);
    /* one login for the process: the second one must know the PIN as well */
    assert_int_equal(p11_rig_try(uri, r.dir_b, "4321", 1, &f), PQI_ERR_AUTH);
    assert_int_equal(p11_rig_try(uri, r.dir_b, NULL, 1, &f), PQI_OK);
    f->close(f);
    e->close(e);
    write_file(path, P11_PIN "\n", 0640);
    assert_int_equal(p11_rig_try(uri, r.dir, NULL, 1, &e), PQI_ERR_STORAGE);
    assert_non_null(strstr(pqi_why_get(), "chmod 600"));
    write_file(path, "\n", 0600);
    assert_int_equal(p11_rig_try(uri, r.dir, NULL, 1, &e), PQI_ERR_STORAGE);
    write_file(path, big, 0600);
    assert_int_equal(p11_rig_try(uri, r.dir, NULL, 1, &e), PQI_ERR_STORAGE);
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_OK); /* the caller's PIN first */
    e->close(e);
}

static void tokens(void **state)
{
    (void)state;
    need();
    pqi_host_element *e;
    char uri[256];
    p11_rig_uri(uri, "none", "");
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
    assert_non_null(strstr(pqi_why_get(), "one")); /* names those that are there */
    (void)snprintf(uri, sizeof uri, "pkcs11:?module-path=%s", PQI_SOFTHSM);
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_OK); /* the only one */
    e->close(e);
    p11_rig_token("two", 0);
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_ARG);
    assert_non_null(strstr(pqi_why_get(), "2 tokens"));
    p11_rig_uri(uri, "one;manufacturer=SoftHSM%20project;model=SoftHSM%20v2", "");
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_OK);
    e->close(e);
    p11_rig_uri(uri, "one;serial=00", "");
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
    p11_rig_uri(uri, "one;slot-id=4294967295", "");
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
    /* the directory on another token: nothing of it is there */
    p11_rig_uri(uri, "two", "");
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 0, &e), PQI_ERR_MISSING);
    assert_int_equal(p11_rig_try(r.uri, r.dir, P11_PIN, 0, &e), PQI_OK);
    e->close(e);
    /* a directory that knows no token */
    p11_rig_clear(r.dir_b);
    assert_int_equal(p11_rig_try(r.uri, r.dir_b, P11_PIN, 0, &e), PQI_ERR_MISSING);
    /* initialised again */
    p11_rig_token("one", 1);
    assert_int_equal(p11_rig_try(r.uri, r.dir, P11_PIN, 0, &e), PQI_ERR_MISSING);
    assert_int_equal(p11_rig_try(r.uri, r.dir, P11_PIN, 1, &e), PQI_OK);
    e->close(e);
}

static void modules(void **state)
{
    (void)state;
    need();
    pqi_host_element *e;
    char uri[256], path[96];
    assert_int_equal(p11_rig_try("pkcs11:token=one", r.dir, P11_PIN, 1, &e), PQI_ERR_ARG);
    assert_non_null(strstr(pqi_why_get(), "module-path"));
    assert_int_equal(
        p11_rig_try("pkcs11:token=one?module-name=no-such-module", r.dir, P11_PIN, 1, &e),
        PQI_ERR_PROVIDER);
    assert_int_equal(
        p11_rig_try("pkcs11:token=one?module-path=/none/such.so", r.dir, P11_PIN, 1, &e),
        PQI_ERR_PROVIDER);
    (void)snprintf(path, sizeof path, "%s/module.so", r.top);
    (void)snprintf(uri, sizeof uri, "pkcs11:token=one?module-path=%s", path);
    write_file(path, "no shared object", 0600);
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
    write_file(path, "no shared object", 0622); /* the umask is not asked by chmod */
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
    assert_non_null(strstr(pqi_why_get(), "nobody else can write"));
    assert_int_equal(
        p11_rig_try("pkcs11:token=one?module-name=softhsm2", r.dir, P11_PIN, 1, &e), PQI_OK);
    e->close(e);
    assert_int_equal(p11_rig_try("pkcs11:tokn=one", r.dir, P11_PIN, 1, &e), PQI_ERR_ARG);
    assert_non_null(strstr(pqi_why_get(), "byte 8"));
}

/* One file by two names is one module: who closes the first does not end it under the second. */
static void one_module_by_two_names(void **state)
{
    (void)state;
    need();
    char uri[256], path[96];
    uint8_t blob[PQI_ELEMENT_BLOB_MAX];
    pqi_host_element *a = p11_rig_open(r.uri, r.dir, 1), *b = NULL;
    (void)snprintf(path, sizeof path, "%s/link.so", r.top);
    assert_int_equal(symlink(PQI_SOFTHSM, path), 0);
    (void)snprintf(uri, sizeof uri, "pkcs11:token=one?module-path=%s", path);
    assert_int_equal(p11_rig_try(uri, r.dir_b, P11_PIN, 1, &b), PQI_OK);
    a->close(a);
    assert_int_equal(wrapped(b, blob), 81);
    b->close(b);
}

/* Who can write the folder can put another file there after the look at it. */
static void module_in_an_open_folder(void **state)
{
    (void)state;
    need();
    pqi_host_element *e = NULL;
    char uri[256], dir[96], path[128], link[128];
    const char *const copy[] = {"cp", PQI_SOFTHSM, path, NULL};
    (void)snprintf(dir, sizeof dir, "%s/open", r.top);
    (void)snprintf(path, sizeof path, "%s/m.so", dir);
    (void)snprintf(link, sizeof link, "%s/way.so", r.top);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(p11_rig_run(&r, copy), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(symlink(path, link), 0);
    static const mode_t open_to[] = {0720, 0702};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(chmod(dir, open_to[i]), 0);
        (void)snprintf(uri, sizeof uri, "pkcs11:token=one?module-path=%s", path);
        assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
        assert_non_null(strstr(pqi_why_get(), "folder"));
        (void)snprintf(uri, sizeof uri, "pkcs11:token=one?module-path=%s", link);
        assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
    }
    assert_int_equal(chmod(dir, 0755), 0);
    if (geteuid() == 0) { /* the folder of another user */
        assert_int_equal(chown(dir, 65534, 65534), 0);
        assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_ERR_PROVIDER);
        assert_int_equal(chown(dir, 0, 0), 0);
    }
    assert_int_equal(p11_rig_try(uri, r.dir, P11_PIN, 1, &e), PQI_OK);
    e->close(e);
}

/* A public object needs no PIN: who can only reach the token may put his own in the place of ours. What is
 * encrypted to this key would be for him too. */
static void a_strange_public_key(void **state)
{
    (void)state;
    need();
    uint8_t pk[65], other[65], zero[65] = {0}, scalar[32] = {9};
    static const unsigned char curve[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    pqi_host_element *h = p11_rig_open(r.uri, r.dir, 1);
    const pqi_element *e = &h->element;
    ck_rv_t (*get)(struct ck_function_list **);
    struct ck_function_list *f;
    assert_int_equal(e->p256_generate(e->arg, KEM_KEY, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(e->p256_public(e->arg, KEM_KEY, pk), PQI_OK);
    void *dl = dlopen(PQI_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
    void *symbol = dlsym(dl, "C_GetFunctionList");
    memcpy(&get, &symbol, sizeof get);
    assert_int_equal(get(&f), CKR_OK);
    ck_slot_id_t slots[8];
    unsigned long n = sizeof slots / sizeof slots[0], found = 0;
    ck_session_handle_t s;
    ck_object_handle_t old, new_one;
    ck_object_class_t class = CKO_PUBLIC_KEY;
    ck_key_type_t type = CKK_EC;
    unsigned char yes = 1, no = 0, id[32], der[67] = {4, 65};
    assert_int_equal(f->C_GetSlotList(1, slots, &n), CKR_OK);
    struct ck_token_info info;
    do { /* the token "one" */
        assert_true(n-- != 0);
        assert_int_equal(f->C_GetTokenInfo(slots[n], &info), CKR_OK);
    } while (memcmp(info.label, "one ", 4) != 0);
    assert_int_equal(
        f->C_OpenSession(slots[n], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s), CKR_OK);
    struct ck_attribute which[] = {{CKA_CLASS, &class, sizeof class}};
    assert_int_equal(f->C_FindObjectsInit(s, which, 1), CKR_OK);
    assert_int_equal(f->C_FindObjects(s, &old, 1, &found), CKR_OK);
    assert_int_equal(f->C_FindObjectsFinal(s), CKR_OK);
    assert_int_equal(found, 1);
    struct ck_attribute name[] = {{CKA_ID, id, sizeof id}};
    assert_int_equal(f->C_GetAttributeValue(s, old, name, 1), CKR_OK);
    assert_int_equal(f->C_DestroyObject(s, old), CKR_OK);
    assert_int_equal(pqi_ossl_p256_public(other, scalar), PQI_OK);
    memcpy(der + 2, other, 65);
    unsigned char params[sizeof curve];
    memcpy(params, curve, sizeof curve);
    struct ck_attribute t[] = {{CKA_CLASS, &class, sizeof class},
        {CKA_KEY_TYPE, &type, sizeof type}, {CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &no, 1},
        {CKA_EC_PARAMS, params, sizeof params}, {CKA_EC_POINT, der, sizeof der},
        {CKA_ID, id, name[0].value_len}};
    assert_int_equal(f->C_CreateObject(s, t, 7, &new_one), CKR_OK);
    assert_int_equal(e->p256_public(e->arg, KEM_KEY, pk), PQI_ERR_PROVIDER);
    assert_memory_equal(pk, zero, sizeof zero);
    assert_non_null(strstr(pqi_why_get(), "public key"));
    assert_int_equal(e->p256_generate(e->arg, KEM_KEY, PQI_KEY_KEM), PQI_OK); /* replaces it */
    assert_int_equal(e->p256_public(e->arg, KEM_KEY, pk), PQI_OK);
    assert_int_equal(f->C_CloseSession(s), CKR_OK);
    h->close(h);
    (void)dlclose(dl);
}

/* SoftHSM is no hardware, and is not said to be any. */
static void facts(void **state)
{
    (void)state;
    need();
    pqi_host_element *e = p11_rig_open(r.uri, r.dir, 1);
    assert_int_equal(e->element.caps, PQI_CAP_HALF);
    assert_string_equal(e->element.name, "pkcs11");
    assert_null(e->element.random);
    assert_null(e->element.quote);
    assert_null(e->element.generation);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* its sessions are the parent's */
        uint8_t pk[65];
        pqi_status st = e->element.p256_public(e->element.arg, SIG_KEY, pk);
        e->close(e);
        _exit(st == PQI_ERR_STATE ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    e->close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapping),
        cmocka_unit_test(keys),
        cmocka_unit_test(agreement),
        cmocka_unit_test(removal_is_real),
        cmocka_unit_test(keys_stay),
        cmocka_unit_test(pins),
        cmocka_unit_test(tokens),
        cmocka_unit_test(modules),
        cmocka_unit_test(one_module_by_two_names),
        cmocka_unit_test(module_in_an_open_folder),
        cmocka_unit_test(a_strange_public_key),
        cmocka_unit_test(facts),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
