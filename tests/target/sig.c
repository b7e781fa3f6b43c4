/* SPDX-License-Identifier: Apache-2.0
 * The program of one signature scheme: the compiler is told -DALG=<descriptor>, and -DIS_MLDSA or
 * -DIS_FALCON where the interfaces of pqi/mldsa.h or pqi/falcon.h take it. */
#include "target.h"

#include "kat/digests.h"

#include <pqi/sig.h>
#if defined(IS_MLDSA)
#include <pqi/mldsa.h>
#elif defined(IS_FALCON)
#include <pqi/falcon.h>
#endif

static const pqi_sig *const alg = &ALG;

#if defined(IS_FALCON)
#define SIG_ROOM pqi_falcon_sig_len(alg, PQI_FALCON_COMPRESSED) /* the longest of these tests */
#else
#define SIG_ROOM alg->sig_len
#endif

void tgt_algs(pqi_algs *out)
{
    static const pqi_sig *const sigs[] = {&ALG};
    *out = (pqi_algs){.classic = tgt_no_classic(), .sigs = sigs, .n_sigs = 1};
}

typedef struct sig_case {
    pqi_span pk, sk, sig, seed, rnd, tmp;
    pqi_cspan msg;
    size_t sig_len;
    pqi_status st;
} sig_case;

/* Keys, signature and seeds; tmp is what is left and may be too small for some operations. */
static bool take_all(sig_case *c)
{
    tgt_reset_arena();
    c->pk = tgt_take(alg->pk_len);
    c->sk = tgt_take(alg->sk_len);
    c->sig = tgt_take(alg->sig_len);
    c->seed = tgt_take(alg->seed_len);
    c->rnd = tgt_take(alg->rnd_len);
    c->tmp = tgt_rest();
    c->msg = (pqi_cspan){NULL, 0};
    c->st = PQI_OK;
    if (c->rnd.ptr == NULL) {
        tgt_skip("signature", "needs", alg->pk_len + alg->sk_len + alg->sig_len, tgt_memory().len);
        return false;
    }
    tgt_fill(c->seed, 1);
    for (size_t i = 0; i < c->rnd.len; i++) {
        c->rnd.ptr[i] = 0; /* the deterministic variant */
    }
    return true;
}

static bool has_room(const sig_case *c, const char *op, size_t tmp)
{
    if (c->tmp.len < tmp) {
        const size_t all = tgt_memory().len;
        tgt_skip(op, "needs", all - c->tmp.len + tmp, all);
    }
    return c->tmp.len >= tmp;
}

static void keygen(void *arg)
{
    sig_case *c = arg;
    c->st |= pqi_sig_keygen(alg, c->pk, c->sk, tgt_in(c->seed), c->tmp);
}

static void sign(void *arg)
{
    sig_case *c = arg;
    c->st |= pqi_sig_sign(alg, c->sig, &c->sig_len, tgt_in(c->sk), (pqi_cspan){NULL, 0}, &c->msg, 1,
        tgt_in(c->rnd), c->tmp);
}

static void verify(void *arg)
{
    sig_case *c = arg;
    c->st |= pqi_sig_verify(alg, tgt_in(c->pk), (pqi_cspan){NULL, 0}, &c->msg, 1,
        (pqi_cspan){c->sig.ptr, c->sig_len}, c->tmp);
}

/* ---- figures ------------------------------------------------------------------------------ */

static void figures(sig_case *c, const char *name, tgt_cost cost, uint32_t tmp)
{
    tgt_figure(name, "instructions", cost.instructions);
    tgt_figure(name, "stack", cost.stack);
    tgt_figure(name, "tmp", tmp);
    tgt_ok(c->st == PQI_OK, "measure", name);
}

/* Signing starts anew an unpredictable number of times: the mean over ten messages. */
static tgt_cost mean_sign(sig_case *c)
{
    static uint8_t text[32];
    uint64_t sum = 0;
    uint32_t stack = 0;
    c->msg = (pqi_cspan){text, sizeof text};
    for (uint32_t i = 0; i < 10; i++) {
        tgt_fill((pqi_span){text, sizeof text}, i);
        const tgt_cost cost = tgt_run(sign, c);
        sum += cost.instructions;
        stack = cost.stack > stack ? cost.stack : stack;
    }
    return (tgt_cost){(uint32_t)(sum / 10u), stack};
}

void tgt_measure(void)
{
    sig_case c;
    if (!take_all(&c) || !has_room(&c, "keygen", alg->keygen_tmp)) {
        return;
    }
    figures(&c, "keygen", tgt_run(keygen, &c), alg->keygen_tmp);
    if (!has_room(&c, "sign", alg->sign_tmp) || !has_room(&c, "verify", alg->verify_tmp)) {
        return;
    }
    figures(&c, "sign", mean_sign(&c), alg->sign_tmp);
    figures(&c, "verify", tgt_run(verify, &c), alg->verify_tmp);
}

void tgt_constant(void)
{
    tgt_skip(
        "constant", "signing and key generation reject by design; `make ct` checks them", 0, 0);
}

/* ---- known answers ------------------------------------------------------------------------ */

/* As C2SP CCTV's accumulated test in the form of tests/kat/digests.h. */
void tgt_known_answers(unsigned rounds)
{
    sig_case c;
    pqi_xof in, sum;
    uint8_t digest[32];
    if (!take_all(&c) || !has_room(&c, "kat", alg->keygen_tmp) ||
        !has_room(&c, "kat", alg->sign_tmp) || !has_room(&c, "kat", alg->verify_tmp)) {
        return;
    }
    c.st |= pqi_xof_init(&in, PQI_HASH_SHAKE128);
    c.st |= pqi_xof_init(&sum, PQI_HASH_SHAKE128);
    for (unsigned i = 0; i < rounds; i++) {
        pqi_xof_squeeze(&in, c.seed.ptr, c.seed.len);
        keygen(&c);
        sign(&c);
        verify(&c);
        pqi_xof_absorb(&sum, c.pk.ptr, c.pk.len);
        pqi_xof_absorb(&sum, c.sig.ptr, c.sig_len);
    }
    tgt_ok(c.st == PQI_OK, "kat", "rounds");
    pqi_xof_squeeze(&sum, digest, sizeof digest);
    tgt_digest("accumulated", (pqi_cspan){digest, sizeof digest});
    for (size_t i = 0; i < sizeof pqi_kat_sig_sums / sizeof pqi_kat_sig_sums[0]; i++) {
        if (pqi_kat_sig_sums[i].id == alg->id && rounds == 100) {
            tgt_ok(tgt_is_hex(digest, pqi_kat_sig_sums[i].hash100), "kat", "official-digest");
        }
    }
}

/* ---- vectors ------------------------------------------------------------------------------ */

static pqi_status vector_keygen(void)
{
    const pqi_span pk = tgt_output("pk", alg->pk_len);
    const pqi_span sk = tgt_output("sk", alg->sk_len);
    if (sk.ptr == NULL || tgt_rest().len < alg->keygen_tmp) {
        return PQI_ERR_SPACE;
    }
    return pqi_sig_keygen(alg, pk, sk, tgt_value("seed"), tgt_rest());
}

#if defined(IS_MLDSA)
/* The interfaces beside that of pqi/sig.h. */
static pqi_status other_sign(const char *how, pqi_span sig, size_t *len)
{
    const pqi_cspan sk = tgt_value("sk"), rnd = tgt_value("rnd"), msg = tgt_value("msg");
    const pqi_cspan mu = tgt_value("mu"), hash = tgt_value("hash");
    if (tgt_same_text(how, "_internal")) {
        return pqi_mldsa_sign_internal(alg, sig, len, sk, &msg, 1, rnd, tgt_rest());
    }
    if (tgt_same_text(how, "_mu") && mu.len == PQI_MLDSA_MU) {
        return pqi_mldsa_sign_mu(alg, sig, len, sk, mu.ptr, rnd, tgt_rest());
    }
    if (tgt_same_text(how, "_prehash") && hash.len == 1) {
        return pqi_mldsa_sign_prehash(alg, sig, len, sk, tgt_value("ctx"), (pqi_hash_id)*hash.ptr,
            tgt_value("digest"), PQI_MLDSA_ALLOW_WEAK_HASH, rnd, tgt_rest());
    }
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status other_verify(const char *how)
{
    const pqi_cspan pk = tgt_value("pk"), sig = tgt_value("sig"), msg = tgt_value("msg");
    const pqi_cspan mu = tgt_value("mu"), hash = tgt_value("hash");
    if (tgt_same_text(how, "_internal")) {
        return pqi_mldsa_verify_internal(alg, pk, &msg, 1, sig, tgt_rest());
    }
    if (tgt_same_text(how, "_mu") && mu.len == PQI_MLDSA_MU) {
        return pqi_mldsa_verify_mu(alg, pk, mu.ptr, sig, tgt_rest());
    }
    if (tgt_same_text(how, "_prehash") && hash.len == 1) {
        return pqi_mldsa_verify_prehash(alg, pk, tgt_value("ctx"), (pqi_hash_id)*hash.ptr,
            tgt_value("digest"), sig, tgt_rest());
    }
    return PQI_ERR_UNSUPPORTED;
}
#elif defined(IS_FALCON)
/* As the round-3 known-answer generator: nonce and sampler seed are given. */
static pqi_status other_sign(const char *how, pqi_span sig, size_t *len)
{
    const pqi_cspan msg = tgt_value("msg"), nonce = tgt_value("nonce"), seed = tgt_value("rng");
    if (!tgt_same_text(how, "_seeded") || nonce.len != PQI_FALCON_NONCE ||
        seed.len != PQI_FALCON_SEED) {
        return PQI_ERR_UNSUPPORTED;
    }
    return pqi_falcon_sign_seeded(alg, PQI_FALCON_COMPRESSED, sig, len, tgt_value("sk"), &msg, 1,
        nonce.ptr, seed.ptr, tgt_rest());
}

static pqi_status other_verify(const char *how)
{
    const pqi_cspan msg = tgt_value("msg");
    const pqi_falcon_format format =
        tgt_same_text(how, "_compressed") ? PQI_FALCON_COMPRESSED : PQI_FALCON_PADDED;
    return pqi_falcon_verify(alg, format, tgt_value("pk"), &msg, 1, tgt_value("sig"), tgt_rest());
}
#else
static pqi_status other_sign(const char *how, pqi_span sig, size_t *len)
{
    (void)how;
    (void)sig;
    (void)len;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status other_verify(const char *how)
{
    (void)how;
    return PQI_ERR_UNSUPPORTED;
}
#endif

/* how: "" the interface of pqi/sig.h, else one of pqi/mldsa.h. */
static pqi_status vector_sign(const char *how)
{
    const pqi_cspan msg = tgt_value("msg");
    const pqi_span sig = tgt_output("sig", SIG_ROOM);
    size_t len = 0;
    pqi_status st;
    if (sig.ptr == NULL || tgt_rest().len < alg->sign_tmp) {
        return PQI_ERR_SPACE;
    }
    if (how[0] != 0) {
        st = other_sign(how, sig, &len);
    } else {
        st = pqi_sig_sign(alg, sig, &len, tgt_value("sk"), tgt_value("ctx"), &msg, 1,
            tgt_value("rnd"), tgt_rest());
    }
    tgt_shorten("sig", len);
    return st;
}

static pqi_status vector_verify(const char *how)
{
    const pqi_cspan msg = tgt_value("msg");
    if (tgt_rest().len < alg->verify_tmp) {
        return PQI_ERR_SPACE;
    }
    if (how[0] != 0) {
        return other_verify(how);
    }
    return pqi_sig_verify(
        alg, tgt_value("pk"), tgt_value("ctx"), &msg, 1, tgt_value("sig"), tgt_rest());
}

pqi_status tgt_operation(const char *op)
{
    if (tgt_same_text(op, "keygen")) {
        return vector_keygen();
    }
    if (tgt_starts(op, "sign")) {
        return vector_sign(op + 4);
    }
    if (tgt_starts(op, "verify")) {
        return vector_verify(op + 6);
    }
    return PQI_ERR_UNSUPPORTED;
}
