/* SPDX-License-Identifier: Apache-2.0
 * INV-2, INV-16: outside of an operation no readable page of the process holds a private key, a
 * seed or a key of the store, and the pages that do hold them are locked, not dumped and not
 * inherited. */
#include "support/host_rig.h"

#include "port/linux/kek.h"

#include <fcntl.h>
#include <sys/wait.h>

#define PIECES   8u
#define PIECE    32u
#define MASK     0xa5u
#define SHADOW   0x20000000ul /* larger mappings are the shadow of a sanitizer */
#define HEAD     38u          /* of provider.pqi before the ciphertext */
#define OVERHEAD 86u          /* of the saved keys before the first key */

/* A sanitizer replaces mlock() by a function that does nothing and succeeds. */
#define MLOCK_IS_FAKE 0
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#undef MLOCK_IS_FAKE
#define MLOCK_IS_FAKE 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef MLOCK_IS_FAKE
#define MLOCK_IS_FAKE 1
#endif

static host_rig r;
static pqi_classic spy;

/* 32 bytes of each secret, masked, so that the copy is not found itself. */
static uint8_t masked[PIECES][PIECE];
static unsigned found_inside;

static void keep(uint8_t out[PIECES][PIECE], unsigned i, const uint8_t *from)
{
    for (size_t k = 0; k < PIECE; k++) {
        out[i][k] = from[k] ^ MASK;
    }
}

/* In a child, so that nothing of it stays in this process: opens the file with the key-encryption
 * key and expands the keys: storage and hedge secret, ML-DSA seed, K and s1, ML-KEM d, s, X25519. */
static void secrets_from_file(int fd)
{
    static uint8_t file[4096], plain[4096], pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];
    static _Alignas(8) uint8_t tmp[262144];
    uint8_t out[PIECES][PIECE], kek[PQI_KEK_LEN];
    char path[128];
    pqi_kek_params kdf = {.kind = PQI_KEK_FILE};
    const pqi_span scratch = {tmp, sizeof tmp};
    FILE *f = fopen(tmp_dir_file(&r.dir, "provider.pqi", path), "rb");
    size_t n = f != NULL ? fread(file, 1, sizeof file, f) : 0;
    memcpy(kdf.salt, file + 10, PQI_KEK_SALT);
    int ok = n > HEAD && pqi_kek_derive(&r.cfg.kek, &kdf, kek) == PQI_OK;
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM, {kek, 32}, {file + 26, 12}};
    ok = ok && pqi_classic_openssl.aead_open(&k, (pqi_cspan){file, 26},
                   (pqi_cspan){file + HEAD, n - HEAD}, (pqi_span){plain, n - HEAD - 16}) == PQI_OK;
    const uint8_t *sig_seed = plain + OVERHEAD + 10, *kem_seed = sig_seed + 32 + 10;
    keep(out, 0, plain + 4);
    keep(out, 1, plain + 36);
    keep(out, 2, sig_seed);
    ok = ok && pqi_sig_keygen(&pqi_sig_ml_dsa_65, (pqi_span){pk, pqi_sig_ml_dsa_65.pk_len},
                   (pqi_span){sk, pqi_sig_ml_dsa_65.sk_len}, (pqi_cspan){sig_seed, 32},
                   scratch) == PQI_OK;
    keep(out, 3, sk + 32);
    keep(out, 4, sk + 200);
    keep(out, 5, kem_seed);
    ok = ok && pqi_kem_keygen(&pqi_kem_ml_kem_768, (pqi_span){pk, 1184}, (pqi_span){sk, 2400},
                   (pqi_cspan){kem_seed, 64}, scratch) == PQI_OK;
    keep(out, 6, sk + 100);
    keep(out, 7, kem_seed + 64 + 10); /* the X25519 scalar */
    ok = ok && write(fd, out, sizeof out) == (ssize_t)sizeof out;
    _exit(ok ? 0 : 1);
}

static unsigned count_in(const uint8_t *p, size_t n)
{
    unsigned found = 0;
    for (unsigned i = 0; i < PIECES; i++) {
        const uint8_t first = masked[i][0] ^ MASK;
        for (size_t at = 0; at + PIECE <= n;) {
            const uint8_t *q = memchr(p + at, first, n - PIECE + 1 - at);
            if (q == NULL) {
                break;
            }
            size_t k = 0;
            while (k < PIECE && q[k] == (masked[i][k] ^ MASK)) {
                k++;
            }
            found += k == PIECE ? 1u : 0u;
            at = (size_t)(q - p) + 1;
        }
    }
    return found;
}

/* How often any of the secrets stands in readable memory. */
static unsigned scan(void)
{
    unsigned found = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    int mem = open("/proc/self/mem", O_RDONLY);
    assert_true(mem >= 0);
    static uint8_t chunk[65536];
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char perms[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, perms) != 3 || perms[0] != 'r' ||
            to - from > SHADOW) {
            continue;
        }
        for (unsigned long at = from; at < to; at += sizeof chunk - PIECE) {
            size_t n = to - at < sizeof chunk ? to - at : sizeof chunk;
            ssize_t got = pread(mem, chunk, n, (off_t)at);
            if (got > 0) {
                found += count_in(chunk, (size_t)got);
            }
            memset(chunk, 0, sizeof chunk); /* or the next page with it would find the copy */
            if (n < sizeof chunk) {
                break;
            }
        }
    }
    (void)close(mem);
    (void)fclose(maps);
    return found;
}

/* Looks from inside of an operation, where the memory is open: shows that the scan can see. */
static pqi_status spying_random(uint8_t *out, size_t len)
{
    found_inside = scan();
    return pqi_classic_openssl.random(out, len);
}

static void learn_secrets(void)
{
    int fd[2], status = 1;
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        secrets_from_file(fd[1]);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(fd[0], masked, sizeof masked), sizeof masked);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

/* INV-2, INV-16 */
static void no_readable_page_holds_a_secret(void **state)
{
    (void)state;
    static uint8_t sig[PQI_SIG_MAX_SIG], ct[1088];
    uint8_t ss[32], blob[64 + PQI_SEAL_OVERHEAD];
    static const uint8_t base[32] = {9}, plain[64];
    const pqi_cspan d = {PQI_LIT("PQI4 memory")};
    size_t n = 0;
    host_rig_make(&r);
    spy = pqi_classic_openssl;
    r.algs.classic = &spy;
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 2, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 3, PQI_KEY_X25519, 0), PQI_OK);
    learn_secrets();
    assert_int_equal(scan(), 0); /* after generation */
    for (int again = 0; again < 2; again++) {
        assert_int_equal(
            pqi_provider_sign(p, 1, d, &d, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
        assert_int_equal(pqi_provider_decapsulate(p, 2, (pqi_cspan){ct, sizeof ct}, ss), PQI_OK);
        assert_int_equal(pqi_provider_dh(p, 3, base, ss), PQI_OK);
        assert_int_equal(
            pqi_provider_seal(p, d, 1, (pqi_cspan){plain, 64}, (pqi_span){blob, sizeof blob}),
            PQI_OK);
        assert_int_equal(pqi_provider_counter_advance(p, 1, (uint64_t)again + 1), PQI_OK);
        assert_int_equal(scan(), 0);
        pqi_host_provider_close(p);
        assert_int_equal(scan(), 0); /* nor after the end */
        p = host_rig_open(&r);
        assert_int_equal(scan(), 0); /* nor after loading */
    }
    spy.random = spying_random;
    assert_int_equal(pqi_provider_random(p, (pqi_span){ss, sizeof ss}), PQI_OK);
    assert_true(found_inside >= PIECES);
    assert_int_equal(scan(), 0);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

/* The flags of the mapping: no access, excluded from dumps (dd), wiped on fork (wf), locked (lo). */
static void the_pages_are_protected(void **state)
{
    (void)state;
    char line[512];
    unsigned long from = 0, to = 0, bytes = 0;
    char perms[5] = "";
    host_rig_make(&r);
    r.algs.classic = &pqi_classic_openssl;
    pqi_provider *p = host_rig_open(&r);
    pqi_host_provider_facts facts;
    assert_int_equal(pqi_host_provider_get_facts(p, &facts), PQI_OK);
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long a, b;
        char x[5];
        if (sscanf(line, "%lx-%lx %4s", &a, &b, x) == 3) {
            from = a;
            to = b;
            memcpy(perms, x, sizeof x);
        }
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") && strstr(line, " wf")) {
            assert_string_equal(perms, "---p");
            assert_true(MLOCK_IS_FAKE || !facts.locked || strstr(line, " lo") != NULL);
            bytes += to - from;
        }
    }
    (void)fclose(f);
    assert_int_equal(bytes, facts.bytes);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

/* Bytes that are not zero in the protected region, which is read past its access rights. */
static size_t bytes_left_inside(void)
{
    char line[512];
    unsigned long from = 0, to = 0;
    size_t left = 0;
    int mem = open("/proc/self/mem", O_RDONLY);
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    assert_true(mem >= 0);
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long a, b;
        char perms[5];
        if (sscanf(line, "%lx-%lx %4s", &a, &b, perms) == 3) {
            from = a;
            to = b;
        }
        if (strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") && strstr(line, " wf")) {
            static uint8_t page[4096];
            for (unsigned long at = from; at < to; at += sizeof page) {
                assert_int_equal(pread(mem, page, sizeof page, (off_t)at), sizeof page);
                for (size_t i = 0; i < sizeof page; i++) {
                    left += page[i] != 0 ? 1u : 0u;
                }
            }
            memset(page, 0, sizeof page);
        }
    }
    (void)fclose(f);
    (void)close(mem);
    return left;
}

/* INV-16, INV-86: after zeroize not even the key-encryption key is left, which opens the file with
 * all the others. What stays are the two canaries of the region. */
static void zeroize_leaves_nothing(void **state)
{
    (void)state;
    host_rig_make(&r);
    r.algs.classic = &pqi_classic_openssl;
    pqi_provider *p = host_rig_open(&r);
    assert_int_equal(pqi_provider_generate(p, 1, PQI_KEY_X25519, 0), PQI_OK);
    assert_true(bytes_left_inside() > 2u * 16u + PQI_KEK_LEN);
    assert_int_equal(pqi_provider_zeroize(p), PQI_OK);
    assert_true(bytes_left_inside() <= 2u * 16u);
    assert_int_equal(pqi_provider_destroy(p, 1), PQI_ERR_STATE);
    pqi_host_provider_close(p);
    host_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(no_readable_page_holds_a_secret),
    cmocka_unit_test(the_pages_are_protected), cmocka_unit_test(zeroize_leaves_nothing))
