/* SPDX-License-Identifier: Apache-2.0
 * The element over a TPM against swtpm: keys, counter, quote, random bytes, passwords, loss of power,
 * lack of room. INV-2, INV-6. */
#include "rig.h"

#include "port/linux/ossl_p256.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static tpm_rig r;
static pqi_host_element *h;

#define E (&h->element)
#define A (h->element.arg)

static const uint8_t order_half[32] = {0x11, 0x22, 0x33, 1, 2, 3, 4, 5, 6, 7, 8, 9};

static void close_it(void)
{
    if (h != NULL) {
        h->close(h);
        h = NULL;
    }
}

static void open_new(const char *secret)
{
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, secret, 1, &h), PQI_OK);
}

static void reopen(const char *secret)
{
    close_it();
    assert_int_equal(tpm_rig_open(&r, secret, 0, &h), PQI_OK);
}

static void sign_and_verify(pqi_key key)
{
    uint8_t pk[65], sig[64];
    const pqi_cspan msg = {PQI_LIT("what is signed")}, other = {PQI_LIT("what is not")};
    assert_int_equal(E->p256_public(A, key, pk), PQI_OK);
    assert_int_equal(E->p256_sign(A, key, msg, sig), PQI_OK);
    assert_int_equal(pqi_ossl_p256_verify(pk, msg, sig), PQI_OK);
    assert_int_equal(pqi_ossl_p256_verify(pk, other, sig), PQI_ERR_AUTH);
}

static void agree(pqi_key key)
{
    uint8_t pk[65], peer[65], here[32], there[32];
    assert_int_equal(E->p256_public(A, key, pk), PQI_OK);
    assert_int_equal(pqi_ossl_p256_public(peer, order_half), PQI_OK);
    assert_int_equal(pqi_ossl_p256_dh(there, order_half, pk), PQI_OK);
    assert_int_equal(E->p256_dh(A, key, peer, here), PQI_OK);
    assert_memory_equal(here, there, 32);
}

/* INV-2: each key does its one thing, in the TPM; there is nothing loaded afterwards. */
static void keys(void **state)
{
    (void)state;
    uint8_t pk[65], pk2[65], sig[64], ss[32], big[PQI_ELEMENT_MSG_MAX + 1] = {1};
    open_new("a secret");
    unsigned before = tpm_rig_loaded(&r), persistent = tpm_rig_persistent(&r);
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(E->p256_generate(A, 8, PQI_KEY_KEM), PQI_OK);
    assert_int_equal(tpm_rig_persistent(&r), persistent + 2);
    sign_and_verify(7);
    agree(8);
    assert_int_equal(E->p256_dh(A, 7, pk, ss), PQI_ERR_AUTH); /* 00: no point */
    pk[0] = 4;
    memset(pk + 1, 9, 64);
    assert_int_equal(E->p256_dh(A, 8, pk, ss), PQI_ERR_AUTH); /* not on the curve */
    assert_int_equal(E->p256_dh(A, 7, pk, ss), PQI_ERR_MISSING);
    assert_int_equal(E->p256_sign(A, 8, (pqi_cspan){big, 10}, sig), PQI_ERR_MISSING);
    assert_int_equal(E->p256_sign(A, 7, (pqi_cspan){big, PQI_ELEMENT_MSG_MAX}, sig), PQI_OK);
    assert_int_equal(E->p256_sign(A, 7, (pqi_cspan){big, sizeof big}, sig), PQI_ERR_ARG);
    assert_int_equal(E->p256_sign(A, 9, (pqi_cspan){big, 10}, sig), PQI_ERR_MISSING);
    assert_int_equal(E->p256_public(A, 9, pk2), PQI_ERR_MISSING);
    assert_int_equal(E->p256_public(A, 7, pk), PQI_OK);
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK); /* in its place */
    assert_int_equal(tpm_rig_persistent(&r), persistent + 2);
    assert_int_equal(E->p256_public(A, 7, pk2), PQI_OK);
    assert_memory_not_equal(pk, pk2, 65);
    reopen("a secret");
    sign_and_verify(7);
    agree(8);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    assert_int_equal(E->p256_destroy(A, 8), PQI_OK);
    assert_int_equal(tpm_rig_persistent(&r), persistent);
    assert_int_equal(tpm_rig_loaded(&r), before);
    close_it();
}

/* A birth that was cut off before the key was persistent, and one whose handle another object has now. */
static void births_cut_off(void **state)
{
    (void)state;
    open_new(NULL);
    tpm_element *e = A;
    unsigned persistent = tpm_rig_persistent(&r);
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    tpm_table t = e->table;
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    assert_int_equal(pqi_tpm_table_save(e->dir, &t), PQI_OK); /* named, not there */
    reopen(NULL);
    e = A;
    assert_int_equal(
        E->p256_generate(A, 9, PQI_KEY_SIG), PQI_OK); /* not at the handle that is named */
    assert_int_not_equal(pqi_tpm_table_find(&e->table, 9)->handle, t.keys[0].handle);
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    sign_and_verify(7);
    pqi_tpm_table_find(&e->table, 7)->name[5] ^= 1u; /* another's object now */
    pqi_cspan msg = {PQI_LIT("m")};
    uint8_t sig[64];
    assert_int_equal(E->p256_sign(A, 7, msg, sig), PQI_ERR_MISSING);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    assert_int_equal(tpm_rig_persistent(&r), persistent + 2); /* it was left alone */
    assert_int_equal(E->p256_destroy(A, 9), PQI_OK);
    close_it();
    assert_int_equal(tpm_rig_sh(&r, "tpm2_evictcontrol -Q -C o -c 0x%x", t.keys[0].handle), 0);
}

/* INV-6 */
static void counter(void **state)
{
    (void)state;
    uint64_t a = 0, b = 0;
    open_new("a secret");
    assert_int_equal(E->generation(A, &a), PQI_OK);
    assert_true(a != 0);
    assert_int_equal(E->advance(A, a + 1), PQI_OK);
    assert_int_equal(E->advance(A, a + 1), PQI_OK); /* the same try again */
    assert_int_equal(E->advance(A, a + 3), PQI_ERR_STATE);
    assert_int_equal(E->advance(A, a), PQI_ERR_STATE);
    assert_int_equal(E->generation(A, &b), PQI_OK);
    assert_int_equal(b, a + 1);
    tpm_rig_kill(&r); /* loss of power: the counter is in NV memory, not in RAM */
    assert_int_equal(E->generation(A, &b), PQI_ERR_PROVIDER);
    tpm_rig_start(&r);
    assert_int_equal(E->generation(A, &b), PQI_OK);
    assert_int_equal(b, a + 1);
    const tpm_element *e = A;
    TPM2_HANDLE nv = e->table.nv;
    assert_int_equal(tpm_rig_sh(&r, "tpm2_nvundefine -Q -C o 0x%x", nv), 0);
    assert_int_equal(E->generation(A, &b), PQI_ERR_MISSING);
    close_it();
    assert_int_equal(tpm_rig_open(&r, "a secret", 0, &h), PQI_ERR_MISSING);
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "a secret", 1, &h), PQI_OK);
    assert_int_equal(E->generation(A, &b), PQI_OK);
    assert_true(b > a + 1); /* made again: above all it ever was */
    close_it();
}

static void two_directories(void **state)
{
    (void)state;
    uint64_t a = 0, b = 0, c = 0;
    pqi_host_element *one, *two;
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "one", 1, &one), PQI_OK);
    tpm_rig_new_keys(&r);
    assert_int_equal(tpm_rig_open(&r, "two", 1, &two), PQI_OK);
    assert_int_equal(one->element.generation(one->element.arg, &a), PQI_OK);
    assert_int_equal(two->element.generation(two->element.arg, &b), PQI_OK);
    assert_int_equal(two->element.advance(two->element.arg, b + 1), PQI_OK);
    assert_int_equal(one->element.generation(one->element.arg, &c), PQI_OK);
    assert_int_equal(a, c);
    one->close(one);
    two->close(two);
}

static void quote_and_random(void **state)
{
    (void)state;
    uint8_t q[PQI_QUOTE_MAX], nonce[20] = {1, 2, 3}, rnd[100] = {0}, zero[100] = {0};
    char path[120], pub[120];
    size_t n = 0;
    open_new("a secret");
    assert_int_equal(
        E->quote(A, (pqi_cspan){nonce, sizeof nonce}, 0x95, (pqi_span){q, sizeof q}, &n), PQI_OK);
    size_t attest = (size_t)q[0] << 8 | q[1], sig = (size_t)q[2 + attest] << 8 | q[3 + attest];
    assert_int_equal(n, 4 + attest + sig);
    assert_int_equal(
        E->quote(A, (pqi_cspan){nonce, 65}, 0x95, (pqi_span){q, sizeof q}, &n), PQI_ERR_ARG);
    assert_int_equal(
        E->quote(A, (pqi_cspan){nonce, 16}, 0x95, (pqi_span){q, 100}, &n), PQI_ERR_SPACE);
    assert_int_equal(E->random(A, (pqi_span){rnd, sizeof rnd}), PQI_OK);
    assert_memory_not_equal(rnd + 68, zero, 32);
    close_it();
    /* tpm2_checkquote agrees */
    (void)snprintf(path, sizeof path, "%s/quote.bin", r.dir);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(q + 2, 1, attest, f), attest);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(path, sizeof path, "%s/quote.sig", r.dir);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(q + 4 + attest, 1, sig, f), sig);
    assert_int_equal(fclose(f), 0);
    (void)snprintf(pub, sizeof pub, "%s/ak.pem", r.dir);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_readpublic -Q -c 0x81018001 -f pem -o %s", pub), 0);
    assert_int_equal(tpm_rig_sh(&r,
                         "tpm2_checkquote -Q -u %s -m %s/quote.bin -s %s/quote.sig -q "
                         "0102030000000000000000000000000000000000",
                         pub, r.dir, r.dir),
        0);
    assert_int_not_equal(tpm_rig_sh(&r,
                             "tpm2_checkquote -Q -u %s -m %s/quote.bin -s %s/quote.sig -q "
                             "0102040000000000000000000000000000000000 2>/dev/null",
                             pub, r.dir, r.dir),
        0);
}

/* Wrong passwords are counted, lock the TPM, and the text tells for how long. */
static void passwords(void **state)
{
    (void)state;
    const pqi_cspan msg = {PQI_LIT("m")};
    const char *text = "";
    uint8_t sig[64];
    open_new("right");
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    close_it();
    /* a loss of power after use of protected objects has counted as a wrong try each time */
    assert_int_equal(tpm_rig_sh(&r, "tpm2_dictionarylockout -c"), 0);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_dictionarylockout -s -n 3 -t 600 -l 600"), 0);
    pqi_status st = PQI_OK;
    assert_int_equal(tpm_rig_open(&r, "wrong", 0, &h), PQI_OK); /* asks for nothing yet */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(st = E->p256_sign(A, 7, msg, sig), PQI_ERR_AUTH);
        assert_int_equal(E->native_error(A, &text) & 0xbf, TPM2_RC_AUTH_FAIL);
    }
    assert_int_equal(E->p256_sign(A, 7, msg, sig), PQI_ERR_LOCKED);
    assert_int_equal(E->native_error(A, &text), TPM2_RC_LOCKOUT);
    assert_non_null(strstr(text, "in at most 600 s"));
    assert_non_null(strstr(pqi_why_get(), "in at most 600 s"));
    reopen("right");
    assert_int_equal(E->p256_sign(A, 7, msg, sig), PQI_ERR_LOCKED); /* the right one too */
    uint64_t g;
    assert_int_equal(E->generation(A, &g), PQI_ERR_LOCKED);
    assert_int_equal(tpm_rig_loaded(&r), 0);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_dictionarylockout -c"), 0);
    sign_and_verify(7);
    assert_int_equal(tpm_rig_sh(&r, "tpm2_dictionarylockout -s -n 1000 -t 1 -l 1"), 0);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    close_it();
}

/* Without a secret there is nothing to guess and nothing to count. */
static void no_secret(void **state)
{
    (void)state;
    const pqi_cspan msg = {PQI_LIT("m")};
    uint8_t sig[64];
    const char *text = "";
    open_new(NULL);
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    sign_and_verify(7);
    reopen("something");
    assert_int_equal(E->p256_sign(A, 7, msg, sig), PQI_ERR_AUTH);
    assert_int_equal(E->native_error(A, &text) & 0xbf, TPM2_RC_BAD_AUTH);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    close_it();
}

static void loss_of_power(void **state)
{
    (void)state;
    uint8_t kek[32], got[32], blob[PQI_ELEMENT_BLOB_MAX];
    size_t n = 0;
    memset(kek, 0x5a, sizeof kek);
    open_new("s");
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(h->wrap(h, kek, (pqi_span){blob, sizeof blob}, &n), PQI_OK);
    tpm_rig_kill(&r);
    uint8_t sig[64];
    const pqi_cspan msg = {PQI_LIT("m")};
    assert_int_equal(E->p256_sign(A, 7, msg, sig), PQI_ERR_PROVIDER);
    const char *text = "";
    assert_int_not_equal(E->native_error(A, &text), 0);
    assert_int_equal(tpm_rig_open(&r, "s", 0, &h), PQI_ERR_PROVIDER);
    tpm_rig_start(&r);
    reopen("s");
    sign_and_verify(7);
    /* off and on, without firmware that starts it up */
    assert_int_equal(tpm_rig_sh(&r, "swtpm_ioctl --unix %s/sock.ctrl --stop", r.dir), 0);
    assert_int_equal(tpm_rig_sh(&r, "swtpm_ioctl --unix %s/sock.ctrl -i", r.dir), 0);
    assert_int_equal(h->unwrap(h, (pqi_cspan){blob, n}, got), PQI_OK);
    assert_memory_equal(kek, got, 32);
    sign_and_verify(7);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    close_it();
}

static void no_room(void **state)
{
    (void)state;
    const char *text = "";
    open_new("s");
    tpm_element *e = A;
    tpm_table saved = e->table;
    for (uint32_t i = 0; i < TPM_KEYS_MAX; i++) { /* all handles spoken for */
        e->table.keys[i] = (tpm_key){
            .key = 100 + i, .kind = PQI_KEY_SIG, .handle = e->uri.base + TPM_KEY_FIRST + i};
    }
    e->table.n = TPM_KEYS_MAX;
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_ERR_LIMIT);
    e->table = saved;
    for (unsigned i = 0; i < 200; i++) { /* NV memory full but for what it keeps for objects */
        if (tpm_rig_sh(&r,
                "tpm2_nvdefine -Q -C o -s 2048 -a 'ownerread|ownerwrite' 0x%x >/dev/null 2>&1",
                0x01900000u + i) != 0) {
            break;
        }
    }
    pqi_key k = 200;
    pqi_status st = PQI_OK;
    for (; st == PQI_OK && k < 200 + TPM_KEYS_MAX + 1; k++) {
        st = E->p256_generate(A, k, PQI_KEY_SIG);
    }
    assert_int_equal(st, PQI_ERR_LIMIT);
    assert_int_equal(E->native_error(A, &text), TPM2_RC_NV_SPACE);
    assert_non_null(strstr(pqi_why_get(), "full"));
    assert_int_equal(e->table.n, saved.n + (k - 1 - 200)); /* the last one left nothing */
    assert_int_equal(tpm_rig_loaded(&r), 0);
    for (pqi_key i = 200; i < k; i++) {
        assert_int_equal(E->p256_destroy(A, i), PQI_OK);
    }
    assert_int_equal(
        tpm_rig_sh(&r, "for i in $(tpm2_getcap handles-nv-index | grep -io '0x190[0-9a-f]*'); "
                       "do tpm2_nvundefine -Q -C o $i || exit 1; done"),
        0);
    close_it();
}

/* Sessions and objects of somebody who died: without a resource manager they would block the TPM. */
static void left_behind(void **state)
{
    (void)state;
    open_new("s");
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(
        tpm_rig_sh(
            &r, "cd %s && for i in 1 2 3; do tpm2_createprimary -Q -C n -c left.ctx; done", r.dir),
        0);
    assert_true(tpm_rig_loaded(&r) >= 1);
    sign_and_verify(7);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    close_it();
    assert_int_equal(tpm_rig_sh(&r, "tpm2_flushcontext -t && tpm2_flushcontext -l"), 0);
}

static void other_tpm(void **state)
{
    (void)state;
    tpm_rig other;
    tpm_rig_make(&other);
    open_new("s");
    close_it();
    assert_int_equal(tpm_rig_sh(&r, "cp %s/tpm.keys %s/", r.keys, other.keys), 0);
    assert_int_equal(tpm_rig_open(&other, "s", 0, &h), PQI_ERR_MISSING); /* never initialised */
    unsigned made;
    tpm_uri u;
    tpm_conn c;
    assert_int_equal(pqi_tpm_uri_parse(other.uri, &u), PQI_OK);
    assert_int_equal(pqi_tpm_open(&c, &u), PQI_OK);
    assert_int_equal(pqi_tpm_provision(&c, &made), PQI_OK);
    assert_int_equal(made, 2);
    pqi_tpm_close(&c);
    assert_int_equal(tpm_rig_open(&other, "s", 0, &h), PQI_ERR_MISSING);
    assert_non_null(strstr(pqi_why_get(), "another TPM"));
    assert_int_equal(tpm_rig_loaded(&other), 0);
    tpm_rig_end(&other);
}

typedef struct worker {
    pqi_key sig, kem;
    bool good;
} worker;

/* cmocka's assertions belong to the main thread. */
static void *work(void *arg)
{
    worker *w = arg;
    uint8_t pk[65], sig[64], peer[65], here[32], there[32];
    const pqi_cspan msg = {PQI_LIT("what is signed")};
    uint64_t g = 0, last = 0;
    w->good = pqi_ossl_p256_public(peer, order_half) == PQI_OK;
    for (int i = 0; w->good && i < 8; i++) {
        w->good = E->p256_public(A, w->sig, pk) == PQI_OK &&
                  E->p256_sign(A, w->sig, msg, sig) == PQI_OK &&
                  pqi_ossl_p256_verify(pk, msg, sig) == PQI_OK &&
                  E->p256_public(A, w->kem, pk) == PQI_OK &&
                  E->p256_dh(A, w->kem, peer, here) == PQI_OK &&
                  pqi_ossl_p256_dh(there, order_half, pk) == PQI_OK &&
                  memcmp(here, there, 32) == 0 && E->generation(A, &g) == PQI_OK && g >= last;
        last = g;
        pqi_status st = E->advance(A, g + 1); /* or another thread was faster */
        w->good = w->good && (st == PQI_OK || st == PQI_ERR_STATE);
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    pthread_t t[4];
    worker w[4];
    open_new("s");
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(E->p256_generate(A, 8, PQI_KEY_KEM), PQI_OK);
    for (size_t i = 0; i < 4; i++) {
        w[i] = (worker){7, 8, false};
        assert_int_equal(pthread_create(&t[i], NULL, work, &w[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_true(w[i].good);
    }
    assert_int_equal(tpm_rig_loaded(&r), 0);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    assert_int_equal(E->p256_destroy(A, 8), PQI_OK);
    close_it();
}

static void addresses(void **state)
{
    (void)state;
    tpm_uri u;
    static const char *const bad[] = {"", "tpm:", "swtpm:path=x", "tpm:x?base=1", "tpm:x?base=zz",
        "tpm:x?nv=0x81000000", "tpm:x?pcrs=24", "tpm:x?pcrs=", "tpm:x?pcrs=1+", "tpm:x?pcrs=-1",
        "tpm:x?policy=", "tpm:x?policy=relative", "tpm:x?what=1", "tpm:x?base"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pqi_why_clear();
        assert_int_equal(pqi_tpm_uri_parse(bad[i], &u), PQI_ERR_ARG);
        assert_true(pqi_why_get()[0] != 0);
    }
    assert_int_equal(
        pqi_tpm_uri_parse(
            "tpm:device:/dev/tpmrm0?base=0x81019000&nv=0x01801900&pcrs=0+7,23&policy=/p", &u),
        PQI_OK);
    assert_string_equal(u.tcti, "device:/dev/tpmrm0");
    assert_int_equal(u.base, 0x81019000u);
    assert_int_equal(u.nv, 0x01801900u);
    assert_int_equal(u.pcrs, 0x800081u);
    assert_string_equal(u.policy, "/p");
}

/* A directory's provider.uri is data: it runs no program and loads no file. */
static void an_address_runs_nothing(void **state)
{
    (void)state;
    static const char *const before[] = {"tpm:cmd:touch ", "tpm:pcap:cmd:touch ",
        "tpm:", "tpm:../x", "tpm:libtss2-tcti-cmd.so.0:touch ", "tpm:Cmd:touch ", "tpm::"};
    char uri[200], mark[80];
    uint8_t pcr[32];
    tpm_uri u;
    (void)snprintf(mark, sizeof mark, "%s/was-run", r.dir);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        (void)snprintf(uri, sizeof uri, "%s%s", before[i], mark);
        assert_int_not_equal(pqi_host_tpm_pcr_read(uri, 1, (pqi_span){pcr, sizeof pcr}), PQI_OK);
        (void)usleep(100000);
        assert_int_not_equal(access(mark, F_OK), 0);
        assert_int_equal(pqi_tpm_uri_parse(uri, &u), PQI_ERR_ARG);
        assert_true(pqi_why_get()[0] != 0);
    }
    assert_int_equal(pqi_tpm_uri_parse("tpm:tabrmd:", &u), PQI_OK);
    assert_int_equal(pqi_tpm_uri_parse("tpm:tabrmd", &u), PQI_OK);
    assert_int_equal(pqi_tpm_uri_parse("tpm:mssim:host=h,port=1?pcrs=1", &u), PQI_OK);
    assert_int_equal(pqi_tpm_uri_parse("tpm:i2c-helper:x", &u), PQI_OK);
}

static void damaged_table(void **state)
{
    (void)state;
    tpm_table t;
    char path[120];
    uint8_t file[300];
    open_new("s");
    assert_int_equal(E->p256_generate(A, 7, PQI_KEY_SIG), PQI_OK);
    assert_int_equal(E->p256_destroy(A, 7), PQI_OK);
    close_it();
    (void)snprintf(path, sizeof path, "%s/tpm.keys", r.keys);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(file, 1, sizeof file, f);
    (void)fclose(f);
    for (size_t cut = 0; cut < n; cut += 7) {
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(file, 1, cut, f), cut);
        (void)fclose(f);
        assert_int_equal(pqi_tpm_table_load(r.keys, &t), PQI_ERR_STORAGE);
        assert_int_equal(tpm_rig_open(&r, "s", 0, &h), PQI_ERR_STORAGE);
        assert_int_equal(tpm_rig_open(&r, "s", 1, &h), PQI_ERR_STORAGE);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tpm_rig_open(&r, "s", 0, &h), PQI_ERR_MISSING);
}

int main(void)
{
    if (!tpm_rig_have()) {
        (void)printf("1..0 # SKIP no swtpm\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(addresses),
        cmocka_unit_test(an_address_runs_nothing), cmocka_unit_test(keys),
        cmocka_unit_test(births_cut_off), cmocka_unit_test(counter),
        cmocka_unit_test(two_directories), cmocka_unit_test(quote_and_random),
        cmocka_unit_test(passwords), cmocka_unit_test(no_secret), cmocka_unit_test(loss_of_power),
        cmocka_unit_test(no_room), cmocka_unit_test(left_behind), cmocka_unit_test(other_tpm),
        cmocka_unit_test(threads), cmocka_unit_test(damaged_table)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    tpm_rig_make(&r);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (h != NULL) {
        h->close(h);
    }
    tpm_rig_end(&r);
    return rc;
}
