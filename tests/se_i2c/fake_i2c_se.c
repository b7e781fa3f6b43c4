/* SPDX-License-Identifier: Apache-2.0 */
#include "se_i2c/fake_i2c_se.h"

#include "port/linux/ossl_p256.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

static unsigned crc(const uint8_t *p, size_t n)
{
    unsigned c = 0xffff;
    for (size_t i = 0; i < 8 * n; i++) {
        unsigned in = (unsigned)p[i / 8] >> (7 - i % 8) & 1u, top = c >> 15 & 1u;
        c = (c << 1 & 0xffffu) ^ (in != top ? 0x1021u : 0u);
    }
    return c;
}

static void say(fake_i2c_se *f, uint8_t status, const uint8_t *data, size_t n)
{
    f->answer[0] = (uint8_t)(1 + n + 2);
    f->answer[1] = status;
    if (n != 0) {
        memcpy(f->answer + 2, data, n);
    }
    unsigned c = crc(f->answer, 2 + n);
    f->answer[2 + n] = (uint8_t)(c >> 8);
    f->answer[3 + n] = (uint8_t)c;
    f->answer_len = 4 + n;
}

static int power_goes(fake_i2c_se *f)
{
    if (f->cut_at != 0 && ++f->points == f->cut_at) {
        f->off = 1;
    }
    return f->off;
}

static void public_of(fake_i2c_se *f, const fake_i2c_slot *s)
{
    uint8_t point[65];
    size_t n = 0;
    int ok =
        EVP_PKEY_get_octet_string_param(s->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n);
    say(f, ok == 1 && n == 65 ? 0 : 8, point + 1, ok == 1 ? 64 : 0);
}

static void sign(fake_i2c_se *f, const fake_i2c_slot *s, const uint8_t *digest)
{
    uint8_t der[80], sig[64];
    size_t n = sizeof der;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, s->pkey, NULL);
    int ok = c != NULL && EVP_PKEY_sign_init(c) == 1 &&
             EVP_PKEY_sign(c, der, &n, digest, 32) == 1 &&
             pqi_p256_der_decode((pqi_cspan){der, n}, sig) == PQI_OK;
    EVP_PKEY_CTX_free(c);
    say(f, ok ? 0 : 8, sig, ok ? 64 : 0);
}

static void agree(fake_i2c_se *f, const fake_i2c_slot *s, const uint8_t *xy)
{
    uint8_t point[65] = {4}, sk[32], ss[32];
    BIGNUM *d = NULL;
    memcpy(point + 1, xy, 64);
    int ok = EVP_PKEY_get_bn_param(s->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
             BN_bn2binpad(d, sk, 32) == 32;
    pqi_status st = ok ? pqi_ossl_p256_dh(ss, sk, point) : PQI_ERR_PROVIDER;
    BN_clear_free(d);
    say(f, st == PQI_OK ? 0 : st == PQI_ERR_AUTH ? 4 : 8, ss, st == PQI_OK ? 32 : 0);
}

static uint64_t number(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static void forget(fake_i2c_slot *s)
{
    EVP_PKEY_free(s->pkey);
    memset(s, 0, sizeof *s);
}

static void on_slot(fake_i2c_se *f, uint8_t op, fake_i2c_slot *s, const uint8_t *d, size_t n)
{
    uint8_t b[5] = {s->usage, (uint8_t)(s->name >> 24), (uint8_t)(s->name >> 16),
        (uint8_t)(s->name >> 8), (uint8_t)s->name};
    if (op == 0x12 && n == 0) {
        say(f, 0, b, 5);
    } else if (op == 0x10 && n == 5 && (d[0] == 1 || d[0] == 2)) {
        forget(s);
        *s = (fake_i2c_slot){(uint32_t)number(d + 1, 4), d[0], EVP_EC_gen("P-256")};
        say(f, s->pkey != NULL ? 0 : 8, NULL, 0);
    } else if (s->pkey == NULL) {
        say(f, 2, NULL, 0);
    } else if (op == 0x11 && n == 0) {
        forget(s);
        say(f, 0, NULL, 0);
    } else if (op == 0x13 && n == 0) {
        public_of(f, s);
    } else if (op == 0x20 && n == 32 && s->usage == 1) {
        sign(f, s, d);
    } else if (op == 0x21 && n == 64 && s->usage == 2) {
        agree(f, s, d);
    } else {
        say(f, 7, NULL, 0);
    }
}

static void execute(fake_i2c_se *f, const uint8_t *cmd, size_t n)
{
    uint8_t op = cmd[1], slot = cmd[2], b[64];
    const uint8_t *d = cmd + 3;
    f->executed[op]++;
    if (f->say != 0) {
        say(f, f->say, NULL, 0);
    } else if (op == 0x30 && n == 0) {
        for (unsigned i = 0; i < 8; i++) {
            b[i] = (uint8_t)(f->counter >> (56 - 8 * i));
        }
        say(f, 0, b, 8);
    } else if (op == 0x31 && n == 8) {
        uint64_t v = number(d, 8);
        int ok = v == f->counter || v == f->counter + 1;
        f->counter = ok ? v : f->counter;
        say(f, ok ? 0 : 7, NULL, 0);
    } else if (op == 0x40 && n == 1 && d[0] != 0 && d[0] <= 64) {
        int ok = RAND_bytes(b, d[0]) == 1;
        say(f, ok ? 0 : 8, b, ok ? d[0] : 0);
    } else if (slot < SE_I2C_SLOTS) {
        on_slot(f, op, &f->slots[slot], d, n);
    } else {
        say(f, 7, NULL, 0);
    }
}

static int every(unsigned n, unsigned of)
{
    return of != 0 && n % of == 0;
}

static int bus_write(void *arg, const uint8_t *frame, size_t len)
{
    fake_i2c_se *f = arg;
    uint8_t copy[SE_I2C_FRAME];
    f->frames++;
    if (f->off || f->left_ms != 0 || every(f->frames, f->drop_every) || len > sizeof copy) {
        return -1;
    }
    memcpy(copy, frame, len);
    if (every(f->frames, f->flip_every)) {
        copy[f->frames % len] ^= 4;
    }
    f->commands++;
    if (len < 5 || copy[0] != len - 1 ||
        crc(copy, len - 2) != ((unsigned)copy[len - 2] << 8 | copy[len - 1])) {
        say(f, 6, NULL, 0);
        return 0;
    }
    if (power_goes(f)) {
        return -1;
    }
    f->left_ms = f->busy_ms;
    execute(f, copy, len - 5);
    return power_goes(f) ? -1 : 0;
}

static int bus_read(void *arg, uint8_t *frame, size_t len)
{
    static const uint8_t busy[] = {3, 1};
    fake_i2c_se *f = arg;
    f->frames++;
    if (f->off || every(f->frames, f->drop_every)) {
        return -1;
    }
    memset(frame, 0xff, len); /* as a bus on which nobody pulls */
    if (f->left_ms != 0) {
        uint8_t b[4] = {busy[0], busy[1], 0, 0};
        unsigned c = crc(b, 2);
        b[2] = (uint8_t)(c >> 8);
        b[3] = (uint8_t)c;
        memcpy(frame, b, len < 4 ? len : 4);
    } else {
        memcpy(frame, f->answer, len < f->answer_len ? len : f->answer_len);
    }
    if (every(f->frames, f->flip_every)) {
        frame[f->frames % len] ^= 0x20;
    }
    return 0;
}

static void bus_sleep(void *arg, uint32_t ms)
{
    fake_i2c_se *f = arg;
    f->left_ms = f->left_ms > ms ? f->left_ms - ms : 0;
}

void fake_i2c_init(fake_i2c_se *f)
{
    memset(f, 0, sizeof *f);
    f->bus = (se_i2c_bus){f, bus_write, bus_read, bus_sleep, NULL, NULL};
}

void fake_i2c_end(fake_i2c_se *f)
{
    for (unsigned i = 0; i < SE_I2C_SLOTS; i++) {
        forget(&f->slots[i]);
    }
}
