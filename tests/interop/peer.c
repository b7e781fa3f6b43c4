/* SPDX-License-Identifier: Apache-2.0
 * Our side of an interoperability test: one operation per line of standard input, one answer line
 * per operation. Everything is hex; "-" is an empty string; an error answers "error NAME". */
#include <pqi/classic_mcu.h>
#include <pqi/falcon.h>
#include <pqi/host.h>
#include <pqi/mldsa.h>
#include <pqi/xwing.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 8, FIELD_MAX = 1 << 17 };

static const pqi_kem *const kems[] = {
    &pqi_kem_ml_kem_512, &pqi_kem_ml_kem_768, &pqi_kem_ml_kem_1024};
static const pqi_sig *const sigs[] = {&pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_87,
    &pqi_sig_falcon_512, &pqi_sig_falcon_1024};

static const struct {
    const char *name;
    pqi_aead_id id;
} aeads[] = {{"AES-256-GCM", PQI_AEAD_AES_256_GCM}, {"AES-256-GCM-SIV", PQI_AEAD_AES_256_GCM_SIV},
    {"ChaCha20-Poly1305", PQI_AEAD_CHACHA20_POLY1305}};

typedef struct field {
    uint8_t *b;
    size_t n;
} field;

static int nibble(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unhex(const char *s, field *f)
{
    f->n = 0;
    if (strcmp(s, "-") == 0) {
        return true;
    }
    for (; s[0] && s[1]; s += 2) {
        int hi = nibble(s[0]), lo = nibble(s[1]);
        if (hi < 0 || lo < 0 || f->n == FIELD_MAX) {
            return false;
        }
        f->b[f->n++] = (uint8_t)(hi * 16 + lo);
    }
    return s[0] == 0;
}

static void hex(const uint8_t *b, size_t n, char end)
{
    for (size_t i = 0; i < n; i++) {
        printf("%02x", b[i]);
    }
    putchar(end);
}

static pqi_cspan c(const field *f)
{
    return (pqi_cspan){f->b, f->n};
}

static uint8_t out1[8192], out2[8192];
static uint64_t scratch[1 << 16];

static pqi_span tmp(void)
{
    return (pqi_span){(uint8_t *)scratch, sizeof scratch};
}

static pqi_status run_kem(const pqi_kem *k, const char *op, const field *f)
{
    pqi_status st = PQI_ERR_UNSUPPORTED;
    if (strcmp(op, "keygen") == 0) {
        st = pqi_kem_keygen(
            k, (pqi_span){out1, k->pk_len}, (pqi_span){out2, k->sk_len}, c(&f[0]), tmp());
        if (st == PQI_OK) {
            hex(out1, k->pk_len, ' ');
            hex(out2, k->sk_len, '\n');
        }
    } else if (strcmp(op, "encaps") == 0) {
        st = pqi_kem_encaps(k, (pqi_span){out1, k->ct_len}, (pqi_span){out2, PQI_KEM_SS}, c(&f[0]),
            c(&f[1]), tmp());
        if (st == PQI_OK) {
            hex(out1, k->ct_len, ' ');
            hex(out2, PQI_KEM_SS, '\n');
        }
    } else if (strcmp(op, "decaps") == 0) {
        st = pqi_kem_decaps(k, (pqi_span){out1, PQI_KEM_SS}, c(&f[0]), c(&f[1]), tmp());
        if (st == PQI_OK) {
            hex(out1, PQI_KEM_SS, '\n');
        }
    }
    return st;
}

static pqi_status run_sig(const pqi_sig *s, const char *op, const field *f)
{
    pqi_status st = PQI_ERR_UNSUPPORTED;
    size_t n = 0;
    if (strcmp(op, "keygen") == 0) {
        st = pqi_sig_keygen(
            s, (pqi_span){out1, s->pk_len}, (pqi_span){out2, s->sk_len}, c(&f[0]), tmp());
        if (st == PQI_OK) {
            hex(out1, s->pk_len, ' ');
            hex(out2, s->sk_len, '\n');
        }
    } else if (strcmp(op, "sign") == 0) { /* sk ctx message rnd */
        const pqi_cspan m = c(&f[2]);
        st = pqi_sig_sign(
            s, (pqi_span){out1, s->sig_len}, &n, c(&f[0]), c(&f[1]), &m, 1, c(&f[3]), tmp());
        if (st == PQI_OK) {
            hex(out1, n, '\n');
        }
    } else if (strcmp(op, "verify") == 0) { /* pk ctx message signature */
        const pqi_cspan m = c(&f[2]);
        st = pqi_sig_verify(s, c(&f[0]), c(&f[1]), &m, 1, c(&f[3]), tmp());
        if (st == PQI_OK) {
            puts("true");
        }
    }
    return st;
}

/* Falcon with the message as it is; the first field is one byte, a pqi_falcon_format. */
static pqi_status run_falcon(const pqi_sig *s, const char *op, const field *f)
{
    pqi_falcon_format format = f[0].n == 1 ? (pqi_falcon_format)f[0].b[0] : (pqi_falcon_format)0;
    const pqi_cspan m = c(&f[2]);
    pqi_span out = {out1, pqi_falcon_sig_len(s, format)};
    pqi_status st = PQI_ERR_UNSUPPORTED;
    size_t n = 0;
    if (strcmp(op, "sign-raw") == 0) { /* format sk message rnd */
        st = pqi_falcon_sign(s, format, out, &n, c(&f[1]), &m, 1, c(&f[3]), tmp());
    } else if (strcmp(op, "sign-seeded") == 0 && f[3].n == PQI_FALCON_NONCE &&
               f[4].n == PQI_FALCON_SEED) { /* format sk message nonce seed */
        st = pqi_falcon_sign_seeded(s, format, out, &n, c(&f[1]), &m, 1, f[3].b, f[4].b, tmp());
    } else if (strcmp(op, "verify-raw") == 0) { /* format pk message signature */
        st = pqi_falcon_verify(s, format, c(&f[1]), &m, 1, c(&f[3]), tmp());
        if (st == PQI_OK) {
            puts("true");
        }
        return st;
    }
    if (st == PQI_OK) {
        hex(out1, n, '\n');
    }
    return st;
}

/* The private key is the seed, so keygen answers with the public key alone. */
static pqi_status run_xwing(const char *op, const field *f)
{
    const pqi_xwing x = {&pqi_kem_ml_kem_768, &pqi_classic_openssl};
    const pqi_span ss = {out2, PQI_XWING_SS};
    pqi_status st = PQI_ERR_UNSUPPORTED;
    if (strcmp(op, "keygen") == 0) {
        st = pqi_xwing_keygen(&x, (pqi_span){out1, PQI_XWING_PK}, c(&f[0]), tmp());
        if (st == PQI_OK) {
            hex(out1, PQI_XWING_PK, '\n');
        }
    } else if (strcmp(op, "encaps") == 0) {
        st = pqi_xwing_encaps(&x, (pqi_span){out1, PQI_XWING_CT}, ss, c(&f[0]), c(&f[1]), tmp());
        if (st == PQI_OK) {
            hex(out1, PQI_XWING_CT, ' ');
            hex(out2, PQI_XWING_SS, '\n');
        }
    } else if (strcmp(op, "decaps") == 0) {
        st = pqi_xwing_decaps(&x, ss, c(&f[0]), c(&f[1]), tmp());
        if (st == PQI_OK) {
            hex(out2, PQI_XWING_SS, '\n');
        }
    }
    return st;
}

/* [mcu-]seal, [mcu-]open: key nonce aad text */
static pqi_status run_aead(pqi_aead_id id, const char *op, const field *f)
{
    static pqi_classic mcu;
    pqi_classic_mcu(&mcu, pqi_classic_openssl.random);
    const bool portable = strncmp(op, "mcu-", 4) == 0, seal = strstr(op, "seal") != NULL;
    const pqi_classic *t = portable ? &mcu : &pqi_classic_openssl;
    const pqi_aead_key k = {id, c(&f[0]), c(&f[1])};
    pqi_span out = {out1, seal ? f[3].n + PQI_AEAD_TAG : f[3].n - PQI_AEAD_TAG};
    if (f[3].n > sizeof out1 - PQI_AEAD_TAG || (!seal && f[3].n < PQI_AEAD_TAG)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = seal ? t->aead_seal(&k, c(&f[2]), c(&f[3]), out)
                         : t->aead_open(&k, c(&f[2]), c(&f[3]), out);
    if (st == PQI_OK) {
        hex(out1, out.len, '\n');
    }
    return st;
}

static pqi_status run(const char *alg, const char *op, const field *f)
{
    for (size_t i = 0; i < sizeof kems / sizeof kems[0]; i++) {
        if (strcmp(alg, kems[i]->name) == 0) {
            return run_kem(kems[i], op, f);
        }
    }
    for (size_t i = 0; i < sizeof sigs / sizeof sigs[0]; i++) {
        if (strcmp(alg, sigs[i]->name) == 0) {
            return strchr(op, '-') != NULL ? run_falcon(sigs[i], op, f) : run_sig(sigs[i], op, f);
        }
    }
    for (size_t i = 0; i < sizeof aeads / sizeof aeads[0]; i++) {
        if (strcmp(alg, aeads[i].name) == 0) {
            return run_aead(aeads[i].id, op, f);
        }
    }
    return strcmp(alg, "X-Wing") == 0 ? run_xwing(op, f) : PQI_ERR_UNSUPPORTED;
}

int main(void)
{
    static char line[8 * FIELD_MAX];
    static uint8_t memory[FIELDS][FIELD_MAX];
    while (fgets(line, sizeof line, stdin)) {
        field f[FIELDS];
        size_t n = 0;
        bool ok = true;
        char *save = NULL;
        line[strcspn(line, "\n")] = 0;
        const char *alg = strtok_r(line, " ", &save), *op = strtok_r(NULL, " ", &save);
        for (; n < FIELDS; n++) {
            f[n] = (field){memory[n], 0};
            const char *s = strtok_r(NULL, " ", &save);
            ok = ok && (!s || unhex(s, &f[n]));
        }
        pqi_status st = alg && op && ok ? run(alg, op, f) : PQI_ERR_ARG;
        if (st != PQI_OK) {
            printf("error %s\n", pqi_status_name(st));
        }
        (void)fflush(stdout);
    }
    return 0;
}
