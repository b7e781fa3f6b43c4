/* SPDX-License-Identifier: Apache-2.0
 * Each operation of the provider interface on each provider that is named: what a call costs where the
 * keys live in this process, in a TPM, a token or an agent. Keys are of the kind that a device would
 * take there: composite ones where the provider offers them. */
#include "../algs.h"
#include "bench.h"

#include <pqi/composite.h>
#include <pqi/host_device.h>
#include <pqi/wipe.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_SIG  0x00b00001u /* no handle of registry.md */
#define KEY_KEM  0x00b00002u
#define KEY_DH   0x00b00003u
#define SLOT     63u
#define PLAIN    64u
#define SIZE     64u /* of what is signed */
#define NAME_LEN 64

typedef struct prov_state {
    pqi_provider *p;
    const pqi_algs *algs;
    const pqi_sig *sig;
    const pqi_suite *suite;
    char name[NAME_LEN], dir[64];
    uint8_t sig_buf[PQI_SIG_MAX_SIG], kem_pk[PQI_KEM_MAX_PK], x_pk[32], ss[32];
    uint8_t capsule[PQI_KEM_MAX_CT + 32], ct[PLAIN + PQI_AEAD_TAG], plain[PLAIN];
    uint8_t sealed[PLAIN + PQI_SEAL_OVERHEAD], quote[PQI_QUOTE_MAX];
    pqi_box_ctx ctx;
    uint64_t counter;
    pqi_span tmp;
} prov_state;

static pqi_status do_sign(void *arg, uint64_t n)
{
    static const pqi_cspan domain = {PQI_LIT("PQI4 bench")};
    prov_state *s = arg;
    uint8_t m[SIZE] = {(uint8_t)n};
    const pqi_cspan part = {m, sizeof m};
    size_t len = 0;
    return pqi_provider_sign(
        s->p, KEY_SIG, domain, &part, 1, (pqi_span){s->sig_buf, sizeof s->sig_buf}, &len);
}

static pqi_status do_decaps(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_decapsulate(
        s->p, KEY_KEM, (pqi_cspan){s->capsule, s->suite->kem->ct_len}, s->ss);
}

static pqi_status do_dh(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_dh(s->p, KEY_DH, s->x_pk, s->ss);
}

static pqi_status do_decrypt(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_decrypt(s->p, KEY_KEM, KEY_DH, s->suite, &s->ctx,
        (pqi_cspan){s->capsule, pqi_box_capsule_len(s->suite)}, (pqi_cspan){s->ct, sizeof s->ct},
        (pqi_span){s->plain, PLAIN});
}

static pqi_status do_public(void *arg, uint64_t n)
{
    prov_state *s = arg;
    size_t len = 0;
    (void)n;
    return pqi_provider_public_key(s->p, KEY_KEM, (pqi_span){s->kem_pk, sizeof s->kem_pk}, &len);
}

static pqi_status do_random(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_random(s->p, (pqi_span){s->ss, sizeof s->ss});
}

static pqi_cspan label(void)
{
    return (pqi_cspan){PQI_LIT("bench")};
}

static pqi_status do_seal(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_seal(
        s->p, label(), 1, (pqi_cspan){s->plain, PLAIN}, (pqi_span){s->sealed, sizeof s->sealed});
}

static pqi_status do_unseal(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_unseal(
        s->p, label(), 1, (pqi_cspan){s->sealed, sizeof s->sealed}, (pqi_span){s->plain, PLAIN});
}

static pqi_status do_counter(void *arg, uint64_t n)
{
    prov_state *s = arg;
    (void)n;
    return pqi_provider_counter_advance(s->p, SLOT, ++s->counter);
}

static pqi_status do_quote(void *arg, uint64_t n)
{
    prov_state *s = arg;
    uint8_t nonce[32] = {(uint8_t)n};
    size_t len = 0;
    return pqi_provider_quote(
        s->p, (pqi_cspan){nonce, sizeof nonce}, 0x15u, (pqi_span){s->quote, sizeof s->quote}, &len);
}

/* What a device would take here. */
static void choose(prov_state *s)
{
    const pqi_sig *sig = pqi_algs_composite_sig(s->algs, PQI_SIG_ID_ML_DSA_65);
    const pqi_kem *kem = pqi_algs_composite_kem(s->algs, PQI_KEM_ID_ML_KEM_768);
    bool half = sig != NULL && kem != NULL &&
                (pqi_provider_alg_caps(s->p, PQI_KEY_SIG, sig->id) & PQI_CAP_HALF) != 0 &&
                (pqi_provider_alg_caps(s->p, PQI_KEY_KEM, kem->id) & PQI_CAP_HALF) != 0;
    s->sig = half ? sig : pqi_algs_sig(s->algs, PQI_SIG_ID_ML_DSA_65);
    s->suite = pqi_algs_suite(s->algs, half ? 0x0009u : 0x0002u); /* registry.md */
}

static void drop_keys(prov_state *s)
{
    for (pqi_key k = KEY_SIG; k <= KEY_DH; k++) {
        pqi_status st = pqi_provider_destroy(s->p, k);
        (void)st; /* of an earlier run in an agent, or not there */
    }
}

static pqi_status make_keys(prov_state *s)
{
    uint8_t coins[64];
    size_t n = 0;
    pqi_status st = pqi_provider_generate(s->p, KEY_SIG, PQI_KEY_SIG, s->sig->id);
    if (st == PQI_OK) {
        st = pqi_provider_generate(s->p, KEY_KEM, PQI_KEY_KEM, (int32_t)s->suite->kem->id);
    }
    if (st == PQI_OK) {
        st = pqi_provider_generate(s->p, KEY_DH, PQI_KEY_X25519, 0);
    }
    if (st == PQI_OK) {
        st = pqi_provider_public_key(s->p, KEY_KEM, (pqi_span){s->kem_pk, sizeof s->kem_pk}, &n);
    }
    if (st == PQI_OK) {
        st = pqi_provider_public_key(s->p, KEY_DH, (pqi_span){s->x_pk, sizeof s->x_pk}, &n);
    }
    if (st == PQI_OK) {
        st = pqi_provider_random(s->p, (pqi_span){coins, sizeof coins});
    }
    if (st != PQI_OK) {
        return st;
    }
    s->ctx = (pqi_box_ctx){{PQI_LIT("PQI4 bench")}, {PQI_LIT("k")}, {NULL, 0}, {NULL, 0}};
    const pqi_box_peer to = {{s->kem_pk, s->suite->kem->pk_len}, {s->x_pk, sizeof s->x_pk}};
    st = pqi_box_seal(s->algs, s->suite, &to, &s->ctx, (pqi_cspan){coins, sizeof coins},
        (pqi_cspan){s->plain, PLAIN}, (pqi_span){s->capsule, pqi_box_capsule_len(s->suite)},
        (pqi_span){s->ct, sizeof s->ct}, NULL, s->tmp);
    pqi_wipe(coins, sizeof coins);
    return st == PQI_OK ? pqi_provider_counter_get(s->p, SLOT, &s->counter) : st;
}

static void measure(pqi_bench *b, prov_state *s)
{
    const char *sig = s->sig->name, *kem = s->suite->kem->name;
    char text[8][NAME_LEN * 2];
    (void)snprintf(text[0], sizeof text[0], "sign %s", sig);
    (void)snprintf(text[1], sizeof text[1], "decaps %s", kem);
    const pqi_bench_case cases[] = {
        {s->name, text[0], 0, do_sign, s, 0},
        {s->name, text[1], 0, do_decaps, s, 0},
        {s->name, "dh X25519", 0, do_dh, s, 0},
        {s->name, "decrypt 64", 0, do_decrypt, s, 0},
        {s->name, "public key", 0, do_public, s, 0},
        {s->name, "random 32", 0, do_random, s, 0},
        {s->name, "seal 64", 0, do_seal, s, 0},
        {s->name, "unseal 64", 0, do_unseal, s, 0},
        {s->name, "counter", 0, do_counter, s, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pqi_bench_run(b, &cases[i]);
    }
    if ((pqi_provider_caps(s->p) & PQI_CAP_QUOTE) != 0) {
        pqi_bench_run(b, &(pqi_bench_case){s->name, "quote", 0, do_quote, s, 0});
    }
}

/* The directory that this run made: plain files in it, one level. */
static void remove_dir(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        (void)unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    (void)rmdir(dir);
}

static void bench_one(pqi_bench *b, const char *uri)
{
    static const char secret[] = "of a directory that is removed at once";
    prov_state *s = pqi_cli_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    s->algs = b->algs;
    s->tmp.len = pqi_cli_tmp_len(b->algs);
    s->tmp.ptr = pqi_cli_alloc(s->tmp.len);
    (void)snprintf(s->name, sizeof s->name, "%.*s", (int)strcspn(uri, ":"), uri);
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/pqi-bench-XXXXXX");
    const bool made = mkdtemp(s->dir) != NULL;
    const bool soft = strcmp(s->name, "soft") == 0;
    const pqi_host_provider_cfg cfg = {.algs = b->algs,
        .dir = s->dir,
        .kek = {.passphrase = {soft ? (const uint8_t *)secret : NULL, soft ? sizeof secret - 1 : 0},
            .provider = uri},
        .create = 1};
    pqi_status st = made ? pqi_host_provider_open(&s->p, &cfg) : PQI_ERR_STORAGE;
    if (st == PQI_OK) {
        choose(s);
        drop_keys(s);
        st = make_keys(s);
        if (st == PQI_OK) {
            measure(b, s);
        }
        drop_keys(s);
    }
    if (st != PQI_OK) {
        const char *text = "";
        const uint32_t code = pqi_provider_native_error(s->p, &text);
        (void)fprintf(stderr, "pqi: %s: %s (%s, 0x%x %s)\n", uri, pqi_host_device_why(),
            pqi_status_text(st), code, text);
        b->failed = true;
    }
    pqi_host_provider_close(s->p);
    if (made) {
        remove_dir(s->dir);
    }
    free(s->tmp.ptr);
    free(s);
}

void pqi_bench_providers(pqi_bench *b)
{
    const pqi_cli_list *list = b->providers;
    if (list == NULL || list->n == 0) {
        bench_one(b, "soft:");
        return;
    }
    for (size_t i = 0; i < list->n; i++) {
        bench_one(b, list->v[i]);
    }
}
