/* SPDX-License-Identifier: Apache-2.0 */
#include "support/mem_scan.h"

#include "port/linux/kek.h"

#include <pqi/wipe.h>

#include <fcntl.h>
#include <sys/wait.h>

#define PIECE    32u
#define KNOWN    (MEM_STORED + MEM_TRACES)
#define MASK     0xa5u
#define SHADOW   0x20000000ul /* larger mappings are the shadow of a sanitizer */
#define HEAD     38u          /* of provider.pqi before the ciphertext */
#define OVERHEAD 86u          /* of the saved keys before the first key */

/* Masked, so that the copy is not found itself. */
static uint8_t masked[MEM_MAX][PIECE];
static unsigned known;

static void keep(uint8_t out[PIECE], const uint8_t *from)
{
    for (size_t k = 0; k < PIECE; k++) {
        out[k] = from[k] ^ MASK;
    }
}

void mem_learn(uint8_t secret[32])
{
    assert_true(known < MEM_MAX);
    keep(masked[known], secret);
    known++;
    pqi_wipe(secret, PIECE);
}

/* FIPS 204 algorithm 17 for eta = 4: two coefficients in a byte, 4 - x. As the 32-bit integers that a
 * polynomial is in memory. */
static void coefficients(uint8_t out[PIECE], const uint8_t *packed)
{
    int32_t c[8];
    for (unsigned i = 0; i < 8; i++) {
        c[i] = 4 - (int32_t)((unsigned)packed[i / 2] >> (4u * (i % 2)) & 15u);
    }
    keep(out, (const uint8_t *)c);
}

/* As SHA-256 reads it: words of 32 bits, here little endian, after HMAC's pad (FIPS 198-1 section 4). */
static void words(uint8_t out[PIECE], const uint8_t *from, uint8_t pad)
{
    uint8_t w[PIECE];
    for (unsigned i = 0; i < PIECE; i++) {
        w[i] = from[i / 4 * 4 + 3 - i % 4] ^ pad;
    }
    keep(out, w);
}

/* What hashing leaves behind where it cleans badly: key file and storage secret as messages, and the
 * pseudorandom key of the first, once as it is and twice as a key of HMAC. kek.c: from_bytes(). */
static int traces(
    uint8_t out[MEM_TRACES][PIECE], const host_rig *r, const uint8_t *salt, const uint8_t *storage)
{
    uint8_t raw[64], prk[32];
    FILE *f = fopen(r->key_file, "rb");
    const pqi_cspan in = {raw, f != NULL ? fread(raw, 1, sizeof raw, f) : 0};
    int ok = in.len >= PIECE && pqi_hkdf_extract(&pqi_classic_openssl, PQI_HASH_SHA256,
                                    (pqi_cspan){salt, PQI_KEK_SALT}, &in, 1, prk) == PQI_OK;
    words(out[0], raw, 0);
    words(out[1], storage, 0);
    keep(out[2], prk);
    words(out[3], prk, 0x36);
    words(out[4], prk, 0x5c);
    return ok;
}

/* In a child: opens the file with the key-encryption key and expands the keys. */
static void secrets_from_file(const host_rig *r, int fd)
{
    static uint8_t file[4096], plain[4096], pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];
    static _Alignas(8) uint8_t tmp[262144];
    uint8_t out[KNOWN][PIECE], kek[PQI_KEK_LEN];
    char path[128];
    pqi_kek_params kdf = {.kind = PQI_KEK_FILE};
    const pqi_span scratch = {tmp, sizeof tmp};
    FILE *f = fopen(tmp_dir_file(&r->dir, "provider.pqi", path), "rb");
    size_t n = f != NULL ? fread(file, 1, sizeof file, f) : 0;
    memcpy(kdf.salt, file + 10, PQI_KEK_SALT);
    int ok = n > HEAD && pqi_kek_derive(&r->cfg.kek, &kdf, kek) == PQI_OK;
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM, {kek, 32}, {file + 26, 12}};
    ok = ok && pqi_classic_openssl.aead_open(&k, (pqi_cspan){file, 26},
                   (pqi_cspan){file + HEAD, n - HEAD}, (pqi_span){plain, n - HEAD - 16}) == PQI_OK;
    const uint8_t *sig_seed = plain + OVERHEAD + 10, *kem_seed = sig_seed + 32 + 10;
    keep(out[0], kek);
    keep(out[1], plain + 4);
    keep(out[2], plain + 36);
    keep(out[3], sig_seed);
    ok = ok && pqi_sig_keygen(&pqi_sig_ml_dsa_65, (pqi_span){pk, pqi_sig_ml_dsa_65.pk_len},
                   (pqi_span){sk, pqi_sig_ml_dsa_65.sk_len}, (pqi_cspan){sig_seed, 32},
                   scratch) == PQI_OK;
    keep(out[4], sk + 32);
    keep(out[5], sk + 200);
    coefficients(out[6], sk + 128);
    keep(out[7], sk + 128 + 5 * 128);
    keep(out[8], kem_seed);
    keep(out[9], kem_seed + 32);
    ok = ok && pqi_kem_keygen(&pqi_kem_ml_kem_768, (pqi_span){pk, 1184}, (pqi_span){sk, 2400},
                   (pqi_cspan){kem_seed, 64}, scratch) == PQI_OK;
    keep(out[10], sk + 100);
    keep(out[11], kem_seed + 64 + 10); /* the X25519 scalar */
    ok = ok && traces(out + MEM_STORED, r, kdf.salt, plain + 4);
    ok = ok && write(fd, out, sizeof out) == (ssize_t)sizeof out;
    _exit(ok ? 0 : 1);
}

static void make_keys(host_rig *r)
{
    pqi_provider *p = NULL;
    int ok = pqi_host_provider_open(&p, &r->cfg) == PQI_OK &&
             pqi_provider_generate(p, MEM_SIG, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_65) == PQI_OK &&
             pqi_provider_generate(p, MEM_KEM, PQI_KEY_KEM, PQI_KEM_ID_ML_KEM_768) == PQI_OK &&
             pqi_provider_generate(p, MEM_X25519, PQI_KEY_X25519, 0) == PQI_OK;
    pqi_host_provider_close(p);
    _exit(ok ? 0 : 1);
}

static void wait_for(pid_t child)
{
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

void mem_store(host_rig *r)
{
    int fd[2];
    known = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        make_keys(r);
    }
    wait_for(child);
    assert_int_equal(pipe(fd), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        secrets_from_file(r, fd[1]);
    }
    wait_for(child);
    assert_int_equal(read(fd[0], masked, KNOWN * PIECE), KNOWN * PIECE);
    known = KNOWN;
    (void)close(fd[0]);
    (void)close(fd[1]);
}

static unsigned count_in(const uint8_t *p, size_t n, const char *where)
{
    unsigned found = 0;
    for (unsigned i = 0; i < known; i++) {
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
            if (k == PIECE) {
                found++;
                if (getenv("PQI_SCAN_VERBOSE") != NULL) {
                    fprintf(stderr, "# secret %u at +%zx in %s\n", i, (size_t)(q - p), where);
                }
            }
            at = (size_t)(q - p) + 1;
        }
    }
    return found;
}

/* Through a descriptor that reads the memory or the file from..to. */
static unsigned scan_range(int fd, unsigned long from, unsigned long to, const char *where)
{
    static uint8_t chunk[65536];
    unsigned found = 0;
    for (unsigned long at = from; at < to; at += sizeof chunk - PIECE) {
        size_t n = to - at < sizeof chunk ? to - at : sizeof chunk;
        ssize_t got = pread(fd, chunk, n, (off_t)at);
        if (got > 0) {
            found += count_in(chunk, (size_t)got, where);
        }
        pqi_wipe(chunk, sizeof chunk); /* or the next page with it would find the copy */
        if (n < sizeof chunk) {
            break;
        }
    }
    return found;
}

unsigned mem_scan(pid_t pid)
{
    unsigned found = 0;
    char line[512], path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    FILE *maps = fopen(path, "r");
    assert_non_null(maps);
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int mem = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(mem >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from <= SHADOW) {
            found += scan_range(mem, from, to, line);
        }
    }
    (void)close(mem);
    (void)fclose(maps);
    return found;
}

unsigned mem_scan_secret_pages(void)
{
    unsigned found = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from, to;
        char perms[5];
        if (sscanf(line, "%lx-%lx %4s", &from, &to, perms) == 3 && perms[0] == 'r' &&
            strstr(line, "secretmem") != NULL) {
            found += count_in((const uint8_t *)from, to - from, line);
        }
    }
    (void)fclose(maps);
    return found;
}

unsigned mem_scan_file(const char *path)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &s), 0);
    assert_true(s.st_size > 65536); /* a core, not a stub of one */
    unsigned found = scan_range(fd, 0, (unsigned long)s.st_size, path);
    (void)close(fd);
    return found;
}

static void boxed(host_rig *r, pqi_provider *p)
{
    static uint8_t kem_pk[1184], plain[32], msg[32], sealed[48], bind[PQI_BOX_BIND_MAX], coins[64];
    static uint8_t x_pk[32], capsule[2048];
    static _Alignas(8) uint8_t tmp[262144];
    const pqi_suite *s = &pqi_suite_0002;
    const pqi_box_ctx ctx = {
        {PQI_LIT("PQI4 memory")}, {PQI_LIT("k")}, {PQI_LIT("a")}, {PQI_LIT("b")}};
    size_t n = 0;
    assert_int_equal(
        pqi_provider_public_key(p, MEM_KEM, (pqi_span){kem_pk, sizeof kem_pk}, &n), PQI_OK);
    assert_int_equal(
        pqi_provider_public_key(p, MEM_X25519, (pqi_span){x_pk, sizeof x_pk}, &n), PQI_OK);
    const pqi_box_peer peer = {{kem_pk, sizeof kem_pk}, {x_pk, sizeof x_pk}};
    const pqi_span cap = {capsule, pqi_box_capsule_len(s)};
    assert_int_equal(pqi_provider_random(p, (pqi_span){coins, sizeof coins}), PQI_OK);
    assert_int_equal(pqi_box_seal(&r->algs, s, &peer, &ctx, (pqi_cspan){coins, sizeof coins},
                         (pqi_cspan){msg, sizeof msg}, cap, (pqi_span){sealed, sizeof sealed}, bind,
                         (pqi_span){tmp, sizeof tmp}),
        PQI_OK);
    pqi_wipe(tmp, sizeof tmp);
    assert_int_equal(
        pqi_provider_decrypt(p, MEM_KEM, MEM_X25519, s, &ctx, (pqi_cspan){cap.ptr, cap.len},
            (pqi_cspan){sealed, sizeof sealed}, (pqi_span){plain, sizeof plain}),
        PQI_OK);
}

void mem_use(host_rig *r, pqi_provider *p)
{
    static uint8_t sig[PQI_SIG_MAX_SIG], ct[1088];
    static const uint8_t peer[32] = {10}, plain[64];
    uint8_t ss[32], blob[64 + PQI_SEAL_OVERHEAD], back[64];
    const pqi_cspan d = {PQI_LIT("PQI4 memory")};
    size_t n = 0;
    uint64_t v = 0;
    assert_int_equal(
        pqi_provider_sign(p, MEM_SIG, d, &d, 1, (pqi_span){sig, sizeof sig}, &n), PQI_OK);
    ct[0] = (uint8_t)known; /* another secret each time */
    assert_int_equal(pqi_provider_decapsulate(p, MEM_KEM, (pqi_cspan){ct, sizeof ct}, ss), PQI_OK);
    mem_learn(ss);
    assert_int_equal(pqi_provider_dh(p, MEM_X25519, peer, ss), PQI_OK);
    if (known < KNOWN + 2u) { /* the same each time */
        mem_learn(ss);
    }
    pqi_wipe(ss, sizeof ss);
    boxed(r, p);
    assert_int_equal(
        pqi_provider_seal(p, d, 1, (pqi_cspan){plain, 64}, (pqi_span){blob, sizeof blob}), PQI_OK);
    assert_int_equal(
        pqi_provider_unseal(p, d, 1, (pqi_cspan){blob, sizeof blob}, (pqi_span){back, 64}), PQI_OK);
    assert_int_equal(pqi_provider_counter_get(p, 1, &v), PQI_OK);
    assert_int_equal(pqi_provider_counter_advance(p, 1, v + 1), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, 77, PQI_KEY_X25519, 0), PQI_OK);
    assert_int_equal(pqi_provider_destroy(p, 77), PQI_OK);
    assert_int_equal(pqi_provider_random(p, (pqi_span){ss, sizeof ss}), PQI_OK);
}
