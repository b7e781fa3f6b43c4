/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/kek.h"

#include "port/linux/ossl.h"
#include "port/linux/why.h"

#include <pqi/wipe.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define CREDENTIAL "pqi-kek"
#define FILE_MIN   32u
#define FILE_MAX   PQI_KEK_SECRET_MAX
#define PATH_ROOM  4096u

/* RFC 7914: N = 2^15, r = 8, p = 1 takes 32 MiB and about a tenth of a second. What is read may be
 * somewhat larger, for stores of later versions: at most 256 MiB. */
#define SCRYPT_LOG2_N     15u
#define SCRYPT_LOG2_N_MAX 18u
#define SCRYPT_R          8u
#define SCRYPT_P          1u
#define SCRYPT_MEM        (UINT64_C(300) << 20)

unsigned pqi_kek_sources(const pqi_host_kek_source *s)
{
    return (s->key_file != NULL ? 1u : 0u) + (s->passphrase_file != NULL ? 1u : 0u) +
           (s->credential != NULL ? 1u : 0u) + (s->passphrase.ptr != NULL ? 1u : 0u);
}

static pqi_kek_kind kind_of(const pqi_host_kek_source *s)
{
    return s->passphrase_file != NULL || s->passphrase.ptr != NULL ? PQI_KEK_PASSPHRASE
                                                                   : PQI_KEK_FILE;
}

pqi_status pqi_kek_new_params(const pqi_host_kek_source *src, pqi_kek_params *out)
{
    memset(out, 0, sizeof *out);
    if (pqi_kek_sources(src) != 1) {
        return PQI_ERR_ARG;
    }
    out->kind = (uint8_t)kind_of(src);
    if (out->kind == PQI_KEK_PASSPHRASE) {
        out->log2_n = SCRYPT_LOG2_N;
        out->r = SCRYPT_R;
        out->parallel = SCRYPT_P;
    }
    return pqi_classic_openssl.random(out->salt, sizeof out->salt);
}

/* Whole small file. `shared` are the mode bits that it must not have. */
static pqi_status read_secret(const char *path, mode_t shared, uint8_t *out, size_t *len)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? PQI_ERR_MISSING : PQI_ERR_STORAGE;
    }
    struct stat s;
    bool good = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) &&
                (s.st_uid == geteuid() || s.st_uid == 0) && (s.st_mode & shared) == 0 &&
                s.st_size > 0 && s.st_size <= (off_t)FILE_MAX;
    size_t want = good ? (size_t)s.st_size : 0, n = 0;
    while (good && n < want) {
        ssize_t done = read(fd, out + n, want - n);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        good = done > 0;
        n += good ? (size_t)done : 0;
    }
    (void)close(fd);
    *len = good ? n : 0;
    return good ? PQI_OK : PQI_ERR_STORAGE;
}

static pqi_status read_credential(const char *name, uint8_t *out, size_t *len)
{
    char path[PATH_ROOM];
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (dir == NULL || dir[0] != '/' || name[0] == 0 || strchr(name, '/') != NULL) {
        return PQI_ERR_MISSING;
    }
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path) {
        return PQI_ERR_ARG;
    }
    /* systemd grants the service user access by an ACL, which shows as a group bit. */
    return read_secret(path, S_IWGRP | S_IXGRP | S_IRWXO, out, len);
}

static pqi_status scrypt(const pqi_kek_params *p, pqi_cspan pass, uint8_t *kek)
{
    if (p->log2_n < SCRYPT_LOG2_N || p->log2_n > SCRYPT_LOG2_N_MAX || p->r != SCRYPT_R ||
        p->parallel != SCRYPT_P) {
        return PQI_ERR_DECODE;
    }
    if (pass.len == 0 || pass.len > FILE_MAX) {
        return PQI_ERR_AUTH;
    }
    uint64_t n = UINT64_C(1) << p->log2_n, mem = SCRYPT_MEM;
    uint32_t r = p->r, parallel = p->parallel;
    uint8_t salt[PQI_KEK_SALT], copy[FILE_MAX]; /* OSSL_PARAM has no const form */
    memcpy(salt, p->salt, sizeof salt);
    memcpy(copy, pass.ptr, pass.len);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, copy, pass.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &parallel),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &mem),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool ok = ctx != NULL && EVP_KDF_derive(ctx, kek, PQI_KEK_LEN, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    pqi_wipe(copy, sizeof copy);
    return ok ? PQI_OK : pqi_ossl_fail(PQI_ERR_PROVIDER);
}

static pqi_status from_bytes(const pqi_kek_params *p, pqi_cspan bytes, uint8_t *kek)
{
    static const pqi_cspan info = {PQI_LIT("PQI4 host kek")};
    uint8_t prk[32];
    if (bytes.len < FILE_MIN) {
        return PQI_ERR_STORAGE;
    }
    if (p->log2_n != 0 || p->r != 0 || p->parallel != 0) {
        return PQI_ERR_DECODE;
    }
    pqi_status st = pqi_hkdf_extract(&pqi_classic_openssl, PQI_HASH_SHA256,
        (pqi_cspan){p->salt, sizeof p->salt}, &bytes, 1, prk);
    if (st == PQI_OK) {
        st = pqi_hkdf_expand(&pqi_classic_openssl, PQI_HASH_SHA256, (pqi_cspan){prk, sizeof prk},
            &info, 1, (pqi_span){kek, PQI_KEK_LEN});
    }
    pqi_wipe(prk, sizeof prk);
    return st;
}

/* The first line of a passphrase file. */
static size_t line_len(const uint8_t *p, size_t n)
{
    size_t len = 0;
    while (len < n && p[len] != '\n' && p[len] != '\r') {
        len++;
    }
    return len;
}

/* A file or credential; nothing for a typed passphrase. */
static pqi_status read_source(const pqi_host_kek_source *src, uint8_t buf[FILE_MAX], size_t *n)
{
    pqi_status st = PQI_OK;
    *n = 0;
    if (src->key_file != NULL) {
        st = read_secret(src->key_file, S_IRWXG | S_IRWXO, buf, n);
    } else if (src->credential != NULL) {
        st = read_credential(src->credential, buf, n);
    } else if (src->passphrase_file != NULL) {
        st = read_secret(src->passphrase_file, S_IRWXG | S_IRWXO, buf, n);
        *n = line_len(buf, *n);
    }
    return st;
}

void pqi_kek_explain(const pqi_host_kek_source *src)
{
    const char *path = src->key_file != NULL ? src->key_file : src->passphrase_file;
    struct stat s;
    if (path == NULL || stat(path, &s) != 0) {
        return;
    }
    if (!S_ISREG(s.st_mode)) {
        (void)pqi_why(PQI_ERR_STORAGE, "the key file %s is not a file", path);
    } else if (s.st_uid != geteuid() && s.st_uid != 0) {
        (void)pqi_why(PQI_ERR_STORAGE, "the key file %s must belong to you or to root", path);
    } else if ((s.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void)pqi_why(PQI_ERR_STORAGE, "the key file %s is open to others (chmod 600)", path);
    } else if (s.st_size > (off_t)FILE_MAX) {
        (void)pqi_why(PQI_ERR_STORAGE, "the key file %s has more than %u bytes", path, FILE_MAX);
    } else if (s.st_size == 0 || (src->key_file != NULL && s.st_size < (off_t)FILE_MIN)) {
        (void)pqi_why(PQI_ERR_STORAGE, "the key file %s has %u bytes, and needs %u or more", path,
            (unsigned)s.st_size, src->key_file != NULL ? FILE_MIN : 1u);
    }
}

pqi_status pqi_kek_secret(const pqi_host_kek_source *src, uint8_t *out, size_t *len)
{
    *len = 0;
    if (pqi_kek_sources(src) > 1 || src->passphrase.len > PQI_KEK_SECRET_MAX) {
        return PQI_ERR_ARG;
    }
    if (src->passphrase.ptr != NULL) {
        memcpy(out, src->passphrase.ptr, src->passphrase.len);
        *len = src->passphrase.len;
        return PQI_OK;
    }
    return read_source(src, out, len);
}

pqi_status pqi_kek_derive(
    const pqi_host_kek_source *src, const pqi_kek_params *params, uint8_t *kek)
{
    memset(kek, 0, PQI_KEK_LEN);
    if (pqi_kek_sources(src) != 1) {
        return PQI_ERR_ARG;
    }
    if (params->kind != PQI_KEK_FILE && params->kind != PQI_KEK_PASSPHRASE) {
        return PQI_ERR_DECODE;
    }
    if (params->kind != kind_of(src)) {
        return PQI_ERR_AUTH;
    }
    uint8_t buf[FILE_MAX];
    size_t n = 0;
    pqi_status st = read_source(src, buf, &n);
    const pqi_cspan bytes = src->passphrase.ptr != NULL ? src->passphrase : (pqi_cspan){buf, n};
    if (st == PQI_OK) {
        st = params->kind == PQI_KEK_PASSPHRASE ? scrypt(params, bytes, kek)
                                                : from_bytes(params, bytes, kek);
    }
    pqi_wipe(buf, sizeof buf);
    if (st != PQI_OK) {
        pqi_wipe(kek, PQI_KEK_LEN);
    }
    return st;
}

pqi_status pqi_host_kek_from_env(pqi_host_kek_source *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    uint8_t buf[FILE_MAX];
    size_t n = 0;
    pqi_status st = read_credential(CREDENTIAL, buf, &n);
    pqi_wipe(buf, sizeof buf);
    if (st == PQI_OK) {
        out->credential = CREDENTIAL;
    }
    return st;
}
