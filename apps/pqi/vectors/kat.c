/* SPDX-License-Identifier: Apache-2.0
 * Computes and checks counts of NIST KAT files. */
#include "kat.h"

#include "falcon.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- signed messages -------------------------------------------------------------------- */

/* signature || message. */
static bool sign_ahead(
    pqi_vec *v, const pqi_kat *k, pqi_cspan sk, pqi_cspan msg, pqi_cspan coins, pqi_span *sm)
{
    const pqi_sig *alg = pqi_vec_sig(v, k->alg);
    const pqi_cspan none = {NULL, 0};
    size_t n = 0;
    *sm = pqi_vec_room(v, alg->sig_len + msg.len);
    pqi_status st = pqi_sig_sign(
        alg, (pqi_span){sm->ptr, alg->sig_len}, &n, sk, none, &msg, 1, coins, pqi_vec_tmp(v));
    if (!pqi_vec_status(v, "sign", st, PQI_OK)) {
        return false;
    }
    memcpy(sm->ptr + n, msg.ptr, msg.len);
    sm->len = n + msg.len;
    return true;
}

static bool open_ahead(pqi_vec *v, const pqi_kat *k, pqi_cspan pk, pqi_cspan msg, pqi_cspan sm)
{
    const pqi_sig *alg = pqi_vec_sig(v, k->alg);
    const pqi_cspan none = {NULL, 0};
    if (sm.len < msg.len) {
        pqi_vec_note(v, "sm is shorter than msg");
        return false;
    }
    const pqi_cspan sig = {sm.ptr, sm.len - msg.len};
    pqi_status st = pqi_sig_verify(alg, pk, none, &msg, 1, sig, pqi_vec_tmp(v));
    return pqi_vec_status(v, "verify", st, PQI_OK);
}

/* ---- the algorithms ---------------------------------------------------------------------- */

/* ML-KEM and ML-DSA as in PQClean and liboqs: d || z in one call, m in one; xi, rnd (hedged). */
static const pqi_kat kats[] = {
    {"ML-KEM-512", {64}, {32}, NULL, NULL, 0, {"ML-KEM-512"}},
    {"ML-KEM-768", {64}, {32}, NULL, NULL, 0, {"ML-KEM-768"}},
    {"ML-KEM-1024", {64}, {32}, NULL, NULL, 0, {"ML-KEM-1024"}},
    {"ML-DSA-44", {32}, {32}, sign_ahead, open_ahead, 0, {"ML-DSA-44"}},
    {"ML-DSA-65", {32}, {32}, sign_ahead, open_ahead, 0, {"ML-DSA-65"}},
    {"ML-DSA-87", {32}, {32}, sign_ahead, open_ahead, 0, {"ML-DSA-87"}},
    /* seed of the key; nonce, seed of the sampler. The padded ones first: guess() tells them. */
    {"Falcon-512", {48}, {40, 48}, pqi_kat_falcon_sign_padded, pqi_kat_falcon_open_padded, 0x39,
        {"Falcon-padded-512"}},
    {"Falcon-1024", {48}, {40, 48}, pqi_kat_falcon_sign_padded, pqi_kat_falcon_open_padded, 0x3a,
        {"Falcon-padded-1024"}},
    {"Falcon-512", {48}, {40, 48}, pqi_kat_falcon_sign, pqi_kat_falcon_open, 0,
        {"Falcon-512", "falcon512"}},
    {"Falcon-1024", {48}, {40, 48}, pqi_kat_falcon_sign, pqi_kat_falcon_open, 0,
        {"Falcon-1024", "falcon1024"}},
    /* seed of the matrix, seed of the secret, z; m */
    {"LightSaber", {32, 32, 32}, {32}, NULL, NULL, 0, {"LightSaber", "LightSaber-KEM"}},
    {"Saber", {32, 32, 32}, {32}, NULL, NULL, 0, {"Saber", "Saber-KEM"}},
    {"FireSaber", {32, 32, 32}, {32}, NULL, NULL, 0, {"FireSaber", "FireSaber-KEM"}},
};

/* Names that are known and not offered: the start of a name, or with '*' its end. */
static const struct {
    const char *name, *reason;
} others[] = {
    {"*-90s", "90s variant"},
    {"*-AES", "AES variant"},
    {"Kyber", "round 3, not ML-KEM/ML-DSA"},
    {"Dilithium", "round 3, not ML-KEM/ML-DSA"},
    {"uLightSaber", "uniform variant of SABER"},
    {"uSaber", "uniform variant of SABER"},
    {"uFireSaber", "uniform variant of SABER"},
};

static bool other_fits(const char *pattern, const char *name)
{
    size_t n = strlen(name), p = strlen(pattern) - 1;
    if (pattern[0] == '*') {
        return n >= p && strcasecmp(name + n - p, pattern + 1) == 0;
    }
    return strncasecmp(pattern, name, p + 1) == 0;
}

const pqi_kat *pqi_kat_find(pqi_vec *v, const char *name)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (other_fits(others[i].name, name)) {
            v->skip = others[i].reason;
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof kats / sizeof kats[0]; i++) {
        const pqi_kat *k = &kats[i];
        for (size_t j = 0; j < 3 && k->names[j] != NULL; j++) {
            if (strcasecmp(k->names[j], name) == 0) {
                bool there = k->sign == NULL ? pqi_vec_kem(v, k->alg) != NULL
                                             : pqi_vec_sig(v, k->alg) != NULL;
                return there ? k : NULL;
            }
        }
    }
    v->skip = PQI_VEC_NOT_BUILT_IN;
    return NULL;
}

/* ---- one count --------------------------------------------------------------------------- */

static pqi_span draw(pqi_vec *v, pqi_drbg *d, const uint16_t calls[PQI_KAT_DRAWS])
{
    size_t n = 0;
    for (size_t i = 0; i < PQI_KAT_DRAWS; i++) {
        n += calls[i];
    }
    pqi_span out = pqi_vec_room(v, n);
    for (size_t i = 0, at = 0; i < PQI_KAT_DRAWS && calls[i] != 0; at += calls[i++]) {
        pqi_drbg_generate(d, out.ptr + at, calls[i]);
    }
    return out;
}

static bool make_kem(pqi_vec *v, const pqi_kat *k, pqi_drbg *d, pqi_kat_count *out)
{
    const pqi_kem *alg = pqi_vec_kem(v, k->alg);
    const pqi_span seed = draw(v, d, k->seed), coins = draw(v, d, k->coins);
    const pqi_span tmp = pqi_vec_tmp(v), got = pqi_vec_room(v, PQI_KEM_SS);
    out->pk = pqi_vec_room(v, alg->pk_len);
    out->sk = pqi_vec_room(v, alg->sk_len);
    out->ct = pqi_vec_room(v, alg->ct_len);
    out->ss = pqi_vec_room(v, PQI_KEM_SS);
    pqi_status st = pqi_kem_keygen(alg, out->pk, out->sk, pqi_vec_c(seed), tmp);
    if (!pqi_vec_status(v, "keygen", st, PQI_OK)) {
        return false;
    }
    st = pqi_kem_encaps(alg, out->ct, out->ss, pqi_vec_c(out->pk), pqi_vec_c(coins), tmp);
    if (!pqi_vec_status(v, "encaps", st, PQI_OK)) {
        return false;
    }
    st = pqi_kem_decaps(alg, got, pqi_vec_c(out->ct), pqi_vec_c(out->sk), tmp);
    return pqi_vec_status(v, "decaps", st, PQI_OK) &&
           pqi_vec_equal(v, "decapsulated ss", pqi_vec_c(got), pqi_vec_c(out->ss));
}

static bool make_sig(pqi_vec *v, const pqi_kat *k, pqi_drbg *d, pqi_cspan msg, pqi_kat_count *out)
{
    const pqi_sig *alg = pqi_vec_sig(v, k->alg);
    const pqi_span seed = draw(v, d, k->seed), coins = draw(v, d, k->coins);
    out->pk = pqi_vec_room(v, alg->pk_len);
    out->sk = pqi_vec_room(v, alg->sk_len);
    pqi_status st = pqi_sig_keygen(alg, out->pk, out->sk, pqi_vec_c(seed), pqi_vec_tmp(v));
    return pqi_vec_status(v, "keygen", st, PQI_OK) &&
           k->sign(v, k, pqi_vec_c(out->sk), msg, pqi_vec_c(coins), &out->sm);
}

bool pqi_kat_make(pqi_vec *v, const pqi_kat *k, const uint8_t seed[PQI_DRBG_SEED], pqi_cspan msg,
    pqi_kat_count *out)
{
    pqi_drbg d;
    memset(out, 0, sizeof *out);
    pqi_drbg_init(&d, seed);
    return k->sign == NULL ? make_kem(v, k, &d, out) : make_sig(v, k, &d, msg, out);
}

/* ---- .rsp files -------------------------------------------------------------------------- */

/* Without a header the lengths of the keys tell the algorithm: PQClean's files of count 0. */
static const pqi_kat *guess(pqi_vec *v)
{
    size_t pk = pqi_vec_hex(v, "pk").len, sk = pqi_vec_hex(v, "sk").len;
    const bool kem = pqi_vec_has(v, "ct");
    const pqi_cspan sm = pqi_vec_hex_opt(v, "sm");
    for (size_t i = 0; i < sizeof kats / sizeof kats[0]; i++) {
        const pqi_kem *e = pqi_vec_kem(v, kats[i].alg);
        const pqi_sig *s = pqi_vec_sig(v, kats[i].alg);
        if (kats[i].first != 0 && (sm.len == 0 || sm.ptr[0] != kats[i].first)) {
            continue;
        }
        if (kem ? e != NULL && e->pk_len == pk && e->sk_len == sk
                : s != NULL && s->pk_len == pk && s->sk_len == sk) {
            v->skip = NULL;
            return &kats[i];
        }
    }
    v->skip = PQI_VEC_NOT_BUILT_IN;
    return NULL;
}

static void compare_sig(pqi_vec *v, const pqi_kat *k, const pqi_kat_count *c, pqi_cspan msg)
{
    const pqi_cspan sm = pqi_vec_hex(v, "sm");
    char text[24];
    (void)snprintf(text, sizeof text, "%zu", sm.len);
    if (strcmp(pqi_vec_text(v, "smlen"), text) != 0) {
        pqi_vec_note(v, "smlen is not the length of sm");
    }
    (void)snprintf(text, sizeof text, "%zu", msg.len);
    if (strcmp(pqi_vec_text(v, "mlen"), text) != 0) {
        pqi_vec_note(v, "mlen is not the length of msg");
    }
    (void)pqi_vec_equal(v, "sm", pqi_vec_c(c->sm), sm);
    (void)k->open(v, k, pqi_vec_hex(v, "pk"), msg, sm);
}

/* Decapsulation from the file's own values, not from those just computed. */
static void compare_kem(pqi_vec *v, const pqi_kat *k, const pqi_kat_count *c)
{
    const pqi_cspan ct = pqi_vec_hex(v, "ct"), ss = pqi_vec_hex(v, "ss");
    pqi_span got = pqi_vec_room(v, PQI_KEM_SS);
    (void)pqi_vec_equal(v, "ct", pqi_vec_c(c->ct), ct);
    (void)pqi_vec_equal(v, "ss", pqi_vec_c(c->ss), ss);
    pqi_status st =
        pqi_kem_decaps(pqi_vec_kem(v, k->alg), got, ct, pqi_vec_hex(v, "sk"), pqi_vec_tmp(v));
    if (pqi_vec_status(v, "decaps of the file's ct", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "decapsulated ss", pqi_vec_c(got), ss);
    }
}

static void test_count(pqi_vec *v)
{
    const pqi_kat *k = v->algorithm[0] != '\0' ? pqi_kat_find(v, v->algorithm) : guess(v);
    const pqi_cspan seed = pqi_vec_hex(v, "seed");
    pqi_cspan msg = {NULL, 0};
    pqi_kat_count c;
    char place[24];
    if (pqi_vec_true(v, "damaged")) {
        pqi_vec_note(v, "a line is no NAME = VALUE, or a name stands twice");
    }
    (void)snprintf(place, sizeof place, "%lu", v->passed + v->failed + v->skipped);
    if (strcmp(pqi_vec_text(v, "count"), place) != 0) {
        pqi_vec_note(v, "count is \"%.20s\", expected %s", pqi_vec_text(v, "count"), place);
    }
    if (seed.len != PQI_DRBG_SEED) {
        pqi_vec_note(v, "seed has %zu bytes", seed.len);
    }
    if (k == NULL || v->note[0] != '\0') {
        return;
    }
    if (k->sign != NULL) {
        msg = pqi_vec_hex(v, "msg");
    }
    if (!pqi_kat_make(v, k, seed.ptr, msg, &c)) {
        return;
    }
    (void)pqi_vec_equal(v, "pk", pqi_vec_c(c.pk), pqi_vec_hex(v, "pk"));
    (void)pqi_vec_equal(v, "sk", pqi_vec_c(c.sk), pqi_vec_hex(v, "sk"));
    if (k->sign != NULL) {
        compare_sig(v, k, &c, msg);
    } else {
        compare_kem(v, k, &c);
    }
}

void pqi_vec_kat_counts(pqi_vec *v, json_t *counts)
{
    size_t i = 0;
    json_t *count = NULL;
    json_array_foreach(counts, i, count)
    {
        (void)json_object_set_new(count, "tcId", json_integer((json_int_t)i));
    }
    pqi_vec_run_each(v, counts, test_count);
}
