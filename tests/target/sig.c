/* SPDX-License-Identifier: Apache-2.0
 * The program of one signature scheme: the compiler is told -DALG=<descriptor>, and -DIS_MLDSA where
 * the interfaces of pqi/mldsa.h take it. */
#include "target.h"

#include "kat/digests.h"

#include <pqi/sig.h>
#if defined(IS_MLDSA)
#include <pqi/mldsa.h>
#endif

static const pqi_sig *const alg = &ALG;

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

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool take_all(sig_case *c)
{
    const size_t work = larger(alg->keygen_tmp, larger(alg->sign_tmp, alg->verify_tmp));
    tgt_reset_arena();
    c->pk = tgt_take(alg->pk_len);
    c->sk = tgt_take(alg->sk_len);
    c->sig = tgt_take(alg->sig_len);
    c->seed = tgt_take(alg->seed_len);
    c->rnd = tgt_take(alg->rnd_len);
    c->tmp = tgt_take(work);
    c->msg = (pqi_cspan){NULL, 0};
    c->st = PQI_OK;
    if (c->tmp.ptr == NULL) {
        const size_t needs = alg->pk_len + alg->sk_len + alg->sig_len + work;
        tgt_skip("signature", "needs", needs, tgt_memory().len);
        return false;
    }
    tgt_fill(c->seed, 1);
    for (size_t i = 0; i < c->rnd.len; i++) {
        c->rnd.ptr[i] = 0; /* the deterministic variant */
    }
    return true;
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
        stack = (uint32_t)larger(stack, cost.stack);
    }
    return (tgt_cost){(uint32_t)(sum / 10u), stack};
}

void tgt_measure(void)
{
    sig_case c;
    if (!take_all(&c)) {
        return;
    }
    figures(&c, "keygen", tgt_run(keygen, &c), alg->keygen_tmp);
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
    if (!take_all(&c)) {
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
static pqi_status mldsa_sign(const char *how, pqi_span sig, size_t *len)
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

static pqi_status mldsa_verify(const char *how)
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
#else
static pqi_status mldsa_sign(const char *how, pqi_span sig, size_t *len)
{
    (void)how;
    (void)sig;
    (void)len;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status mldsa_verify(const char *how)
{
    (void)how;
    return PQI_ERR_UNSUPPORTED;
}
#endif

/* how: "" the interface of pqi/sig.h, else one of pqi/mldsa.h. */
static pqi_status vector_sign(const char *how)
{
    const pqi_cspan msg = tgt_value("msg");
    const pqi_span sig = tgt_output("sig", alg->sig_len);
    size_t len = 0;
    if (sig.ptr == NULL || tgt_rest().len < alg->sign_tmp) {
        return PQI_ERR_SPACE;
    }
    if (how[0] != 0) {
        return mldsa_sign(how, sig, &len);
    }
    return pqi_sig_sign(
        alg, sig, &len, tgt_value("sk"), tgt_value("ctx"), &msg, 1, tgt_value("rnd"), tgt_rest());
}

static pqi_status vector_verify(const char *how)
{
    const pqi_cspan msg = tgt_value("msg");
    if (tgt_rest().len < alg->verify_tmp) {
        return PQI_ERR_SPACE;
    }
    if (how[0] != 0) {
        return mldsa_verify(how);
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
