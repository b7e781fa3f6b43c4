/* SPDX-License-Identifier: Apache-2.0
 * The program of hashes and classical primitives: SHA-3 and SHAKE, which the library computes
 * itself, and with -DMCU the table pqi_classic_mcu(). */
#include "target.h"

#include <pqi/classic.h>
#if defined(MCU)
#include <pqi/classic_mcu.h>
#endif

#if defined(MCU)
/* No key is made with these. */
static pqi_status fixed_random(uint8_t *out, size_t len)
{
    static uint32_t calls;
    tgt_fill((pqi_span){out, len}, ++calls);
    return PQI_OK;
}
#endif

static const pqi_classic *table(void)
{
#if defined(MCU)
    static pqi_classic mcu;
    pqi_classic_mcu(&mcu, fixed_random);
    return &mcu;
#else
    return tgt_no_classic();
#endif
}

void tgt_algs(pqi_algs *out)
{
    *out = (pqi_algs){.classic = table()};
}

/* ---- the operations that are measured ------------------------------------------------------- */

typedef struct work {
    const pqi_classic *c;
    pqi_span secret; /* 32 bytes, varied */
    pqi_span in;     /* 1024 bytes, varied */
    pqi_span out;    /* 1024 + 16 bytes */
    pqi_span sealed; /* 1024 + 16 bytes, good under `secret` */
    pqi_status st;
    unsigned aead;
    pqi_hash_id hash;
} work;

static pqi_status any_hash(const pqi_classic *c, pqi_hash_id id, pqi_cspan in, pqi_span out)
{
    return id >= PQI_HASH_SHA3_224 ? pqi_sha3(id, &in, 1, out.ptr, out.len)
                                   : c->hash(id, &in, 1, out.ptr);
}

static void hash(void *arg)
{
    work *w = arg;
    w->st = any_hash(w->c, w->hash, tgt_in(w->in), (pqi_span){w->out.ptr, pqi_hash_len(w->hash)});
}

static void hmac(void *arg)
{
    work *w = arg;
    const pqi_cspan in = tgt_in(w->in);
    w->st = w->c->hmac(w->hash, tgt_in(w->secret), &in, 1, w->out.ptr);
}

static void hkdf(void *arg)
{
    work *w = arg;
    const pqi_cspan in = tgt_in(w->secret);
    uint8_t prk[PQI_HASH_MAX];
    w->st = pqi_hkdf_extract(w->c, PQI_HASH_SHA256, (pqi_cspan){NULL, 0}, &in, 1, prk);
    if (w->st == PQI_OK) {
        w->st = pqi_hkdf_expand(
            w->c, PQI_HASH_SHA256, (pqi_cspan){prk, 32}, NULL, 0, (pqi_span){w->out.ptr, 44});
    }
}

static void x25519_public(void *arg)
{
    work *w = arg;
    w->st = w->c->x25519_public(w->out.ptr, w->secret.ptr);
}

static void x25519(void *arg)
{
    work *w = arg;
    w->st = w->c->x25519(w->out.ptr, w->secret.ptr, w->in.ptr);
}

static void ed25519_sign(void *arg)
{
    work *w = arg;
    w->st = w->c->ed25519_sign(w->out.ptr, w->secret.ptr, tgt_in(w->in));
}

static void ed25519_verify(void *arg)
{
    work *w = arg;
    w->st = w->c->ed25519_verify(w->in.ptr, tgt_in(w->secret), w->out.ptr);
}

static bool is_ccm(unsigned id)
{
    return id == PQI_AEAD_AES_128_CCM_8 || id == PQI_AEAD_AES_128_CCM_16;
}

static pqi_aead_key key_of(const work *w)
{
    static const uint8_t nonce[13] = {1, 2, 3};
    const bool ccm = is_ccm(w->aead);
    return (pqi_aead_key){
        (pqi_aead_id)w->aead, {w->secret.ptr, ccm ? 16 : 32}, {nonce, ccm ? 13 : 12}};
}

static size_t tag_of(unsigned id)
{
    return id == PQI_AEAD_AES_128_CCM_8 ? 8 : 16;
}

static void seal(void *arg)
{
    work *w = arg;
    const pqi_aead_key k = key_of(w);
    const pqi_span out = {w->sealed.ptr, w->in.len + tag_of(w->aead)};
    w->st = w->c->aead_seal(&k, (pqi_cspan){NULL, 0}, tgt_in(w->in), out);
}

static void open(void *arg)
{
    work *w = arg;
    const pqi_aead_key k = key_of(w);
    const pqi_cspan in = {w->sealed.ptr, w->in.len + tag_of(w->aead)};
    w->st = w->c->aead_open(&k, (pqi_cspan){NULL, 0}, in, (pqi_span){w->out.ptr, w->in.len});
}

static void vary(void *arg, unsigned i)
{
    work *w = arg;
    tgt_fill(w->secret, 10u + i);
    tgt_fill(w->in, 20u + i);
    if (i == 1) { /* a secret of few bits */
        for (size_t j = 0; j < w->secret.len; j++) {
            w->secret.ptr[j] = 0;
        }
    }
}

static void vary_good_message(void *arg, unsigned i)
{
    vary(arg, i);
    seal(arg);
}

/* Where a forged tag is wrong must not show. */
static void vary_bad_message(void *arg, unsigned i)
{
    work *w = arg;
    vary(arg, 0);
    seal(arg);
    w->sealed.ptr[w->in.len + i] ^= (uint8_t)(1u << i);
}

static void vary_ed25519(void *arg, unsigned i)
{
    work *w = arg;
    vary(arg, i);
    (void)w->c->ed25519_sign(w->out.ptr, w->secret.ptr, tgt_in(w->secret));
    (void)w->c->ed25519_public(w->in.ptr, w->secret.ptr);
}

typedef struct operation {
    const char *name;
    void (*op)(void *);
    void (*prepare)(void *, unsigned);
    unsigned runs; /* 0: works on public data */
    pqi_hash_id hash;
    unsigned aead;
    pqi_status want;
} operation;

/* clang-format off */
static const operation operations[] = {
    {"SHA3-256-1K", hash, vary, 4, PQI_HASH_SHA3_256, 0, PQI_OK},
    {"SHAKE256-1K", hash, vary, 4, PQI_HASH_SHAKE256, 0, PQI_OK},
    {"SHA-256-1K", hash, vary, 4, PQI_HASH_SHA256, 0, PQI_OK},
    {"SHA-384-1K", hash, vary, 4, PQI_HASH_SHA384, 0, PQI_OK},
    {"SHA-512-1K", hash, vary, 4, PQI_HASH_SHA512, 0, PQI_OK},
    {"HMAC-SHA-256-1K", hmac, vary, 4, PQI_HASH_SHA256, 0, PQI_OK},
    {"HKDF-SHA-256", hkdf, vary, 4, PQI_HASH_SHA256, 0, PQI_OK},
    {"X25519-public", x25519_public, vary, 4, 0, 0, PQI_OK},
    {"X25519", x25519, vary, 4, 0, 0, PQI_OK},
    {"Ed25519-sign", ed25519_sign, vary, 4, 0, 0, PQI_OK},
    {"Ed25519-verify", ed25519_verify, vary_ed25519, 0, 0, 0, PQI_OK},
    {"AES-256-GCM-seal-1K", seal, vary, 4, 0, PQI_AEAD_AES_256_GCM, PQI_OK},
    {"AES-256-GCM-open-1K", open, vary_good_message, 4, 0, PQI_AEAD_AES_256_GCM, PQI_OK},
    {"AES-256-GCM-forged-1K", open, vary_bad_message, 8, 0, PQI_AEAD_AES_256_GCM, PQI_ERR_AUTH},
    {"ChaCha20-Poly1305-seal-1K", seal, vary, 4, 0, PQI_AEAD_CHACHA20_POLY1305, PQI_OK},
    {"ChaCha20-Poly1305-open-1K", open, vary_good_message, 4, 0, PQI_AEAD_CHACHA20_POLY1305, PQI_OK},
    {"ChaCha20-Poly1305-forged-1K", open, vary_bad_message, 8, 0, PQI_AEAD_CHACHA20_POLY1305, PQI_ERR_AUTH},
    {"AES-128-CCM-8-seal-1K", seal, vary, 4, 0, PQI_AEAD_AES_128_CCM_8, PQI_OK},
    {"AES-128-CCM-8-open-1K", open, vary_good_message, 4, 0, PQI_AEAD_AES_128_CCM_8, PQI_OK},
    {"AES-128-CCM-8-forged-1K", open, vary_bad_message, 8, 0, PQI_AEAD_AES_128_CCM_8, PQI_ERR_AUTH},
    {"AES-256-GCM-SIV-seal-1K", seal, vary, 4, 0, PQI_AEAD_AES_256_GCM_SIV, PQI_OK},
    {"AES-256-GCM-SIV-open-1K", open, vary_good_message, 4, 0, PQI_AEAD_AES_256_GCM_SIV, PQI_OK},
    {"AES-256-GCM-SIV-forged-1K", open, vary_bad_message, 8, 0, PQI_AEAD_AES_256_GCM_SIV, PQI_ERR_AUTH},
};
/* clang-format on */

static work make_work(const operation *o)
{
    tgt_reset_arena();
    work w = {.c = table(), .hash = o->hash, .aead = o->aead, .st = PQI_OK};
    w.secret = tgt_take(32);
    w.in = tgt_take(1024);
    w.out = tgt_take(1024 + 16);
    w.sealed = tgt_take(1024 + 16);
    return w;
}

void tgt_measure(void)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        const operation *o = &operations[i];
        work w = make_work(o);
        o->prepare(&w, 0);
        const tgt_cost cost = tgt_run(o->op, &w);
        if (w.st == PQI_ERR_UNSUPPORTED) {
            tgt_skip(o->name, "not offered", 0, 0);
            continue;
        }
        tgt_figure(o->name, "instructions", cost.instructions);
        tgt_figure(o->name, "stack", cost.stack);
        tgt_figure(o->name, "tmp", 0);
        tgt_ok(w.st == o->want, "measure", o->name);
    }
}

void tgt_constant(void)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        const operation *o = &operations[i];
        work w = make_work(o);
        const tgt_same_work same = {o->name, o->runs, o->prepare, o->op, false};
        if (o->runs == 0) {
            continue;
        }
        o->prepare(&w, 0);
        o->op(&w);
        if (w.st == PQI_ERR_UNSUPPORTED) {
            tgt_skip(o->name, "not offered", 0, 0);
            continue;
        }
        tgt_check_constant(&same, &w);
        tgt_ok(w.st == o->want, "constant", "status");
    }
}

void tgt_known_answers(unsigned rounds)
{
    (void)rounds;
    tgt_skip("kat", "the self test and the vectors hold the answers", 0, 0);
}

/* ---- vectors ------------------------------------------------------------------------------ */

/* A big-endian number of a few bytes. */
static size_t size_value(void)
{
    const pqi_cspan v = tgt_value("size");
    size_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        n = n << 8 | v.ptr[i];
    }
    return n;
}

static pqi_status vector_hash(const pqi_classic *c, unsigned id)
{
    const size_t len = id == PQI_HASH_SHAKE128 || id == PQI_HASH_SHAKE256
                           ? size_value()
                           : pqi_hash_len((pqi_hash_id)id);
    const pqi_span md = tgt_output("md", len);
    return md.ptr == NULL ? PQI_ERR_SPACE : any_hash(c, (pqi_hash_id)id, tgt_value("msg"), md);
}

static pqi_status vector_hmac(const pqi_classic *c, unsigned id)
{
    uint8_t mac[PQI_HASH_MAX];
    const pqi_cspan msg = tgt_value("msg"), tag = tgt_value("tag");
    const pqi_status st = c->hmac((pqi_hash_id)id, tgt_value("key"), &msg, 1, mac);
    if (st != PQI_OK) {
        return st;
    }
    return tag.len == size_value() && tag.len <= sizeof mac && tgt_same(mac, tag.ptr, tag.len)
               ? PQI_OK
               : PQI_ERR_AUTH;
}

static pqi_status vector_hkdf(const pqi_classic *c, unsigned id)
{
    uint8_t prk[PQI_HASH_MAX];
    const pqi_hash_id h = (pqi_hash_id)id;
    const pqi_cspan ikm = tgt_value("ikm"), info = tgt_value("info");
    const pqi_span okm = tgt_output("okm", size_value());
    if (okm.ptr == NULL) {
        return PQI_ERR_SPACE;
    }
    const pqi_status st = pqi_hkdf_extract(c, h, tgt_value("salt"), &ikm, 1, prk);
    return st != PQI_OK ? st
                        : pqi_hkdf_expand(c, h, (pqi_cspan){prk, pqi_hash_len(h)}, &info, 1, okm);
}

static pqi_status vector_aead(const pqi_classic *c, unsigned id, bool seals)
{
    const pqi_aead_key k = {(pqi_aead_id)id, tgt_value("key"), tgt_value("nonce")};
    const pqi_cspan plain = tgt_value("plain"), sealed = tgt_value("sealed");
    const size_t len = seals ? plain.len + tag_of(id) : sealed.len - tag_of(id);
    const pqi_span out = tgt_output(seals ? "sealed" : "plain", len);
    if (out.ptr == NULL) {
        return PQI_ERR_SPACE;
    }
    return seals ? c->aead_seal(&k, tgt_value("aad"), plain, out)
                 : c->aead_open(&k, tgt_value("aad"), sealed, out);
}

pqi_status tgt_operation(const char *op)
{
    const pqi_classic *c = table();
    if (tgt_starts(op, "hash-")) {
        return vector_hash(c, tgt_number(op + 5));
    }
    if (tgt_starts(op, "hmac-")) {
        return vector_hmac(c, tgt_number(op + 5));
    }
    if (tgt_starts(op, "hkdf-")) {
        return vector_hkdf(c, tgt_number(op + 5));
    }
    if (tgt_starts(op, "seal-") || tgt_starts(op, "open-")) {
        return vector_aead(c, tgt_number(op + 5), op[0] == 's');
    }
    if (tgt_same_text(op, "x25519")) {
        const pqi_span ss = tgt_output("ss", PQI_X25519_LEN);
        return ss.ptr == NULL ? PQI_ERR_SPACE
                              : c->x25519(ss.ptr, tgt_value("sk").ptr, tgt_value("pk").ptr);
    }
    if (tgt_same_text(op, "ed25519_verify")) {
        return c->ed25519_verify(tgt_value("pk").ptr, tgt_value("msg"), tgt_value("sig").ptr);
    }
    return PQI_ERR_UNSUPPORTED;
}
