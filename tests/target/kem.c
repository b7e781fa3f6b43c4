/* SPDX-License-Identifier: Apache-2.0
 * The program of one KEM: the compiler is told -DALG=<descriptor>, and, where key generation has no
 * rejection sampling, -DKEYGEN_IS_CONSTANT. */
#include "target.h"

#include "kat/digests.h"

#include <pqi/kem.h>

static const pqi_kem *const alg = &ALG;

void tgt_algs(pqi_algs *out)
{
    static const pqi_kem *const kems[] = {&ALG};
    *out = (pqi_algs){.classic = tgt_no_classic(), .kems = kems, .n_kems = 1};
}

typedef struct kem_case {
    pqi_span pk, sk, ct, ss, tmp;
    pqi_span seed, coins, other_sk;
    pqi_status st;
} kem_case;

static bool take_all(kem_case *c)
{
    tgt_reset_arena();
    c->pk = tgt_take(alg->pk_len);
    c->sk = tgt_take(alg->sk_len);
    c->ct = tgt_take(alg->ct_len);
    c->ss = tgt_take(PQI_KEM_SS);
    c->seed = tgt_take(alg->seed_len);
    c->coins = tgt_take(alg->coins_len);
    c->tmp = tgt_take(alg->tmp_len);
    c->st = PQI_OK;
    const size_t needs = alg->pk_len + alg->sk_len + alg->ct_len + alg->tmp_len;
    if (c->tmp.ptr == NULL) {
        tgt_skip("kem", "needs", needs, tgt_memory().len);
        return false;
    }
    tgt_fill(c->seed, 1);
    tgt_fill(c->coins, 2);
    return true;
}

static void keygen(void *arg)
{
    kem_case *c = arg;
    c->st |= pqi_kem_keygen(alg, c->pk, c->sk, tgt_in(c->seed), c->tmp);
}

static void encaps(void *arg)
{
    kem_case *c = arg;
    c->st |= pqi_kem_encaps(alg, c->ct, c->ss, tgt_in(c->pk), tgt_in(c->coins), c->tmp);
}

static void decaps(void *arg)
{
    kem_case *c = arg;
    c->st |= pqi_kem_decaps(alg, c->ss, tgt_in(c->ct), tgt_in(c->sk), c->tmp);
}

/* ---- figures ------------------------------------------------------------------------------ */

static void measure_one(kem_case *c, const char *name, void (*op)(void *))
{
    const tgt_cost cost = tgt_run(op, c);
    tgt_figure(name, "instructions", cost.instructions);
    tgt_figure(name, "stack", cost.stack);
    tgt_figure(name, "tmp", alg->tmp_len);
    tgt_ok(c->st == PQI_OK, "measure", name);
}

void tgt_measure(void)
{
    kem_case c;
    if (take_all(&c)) {
        measure_one(&c, "keygen", keygen);
        measure_one(&c, "encaps", encaps);
        measure_one(&c, "decaps", decaps);
    }
}

/* ---- constant work ------------------------------------------------------------------------ */

/* The last 32 bytes of a seed are the implicit-rejection secret; the rest also makes the public
 * matrix, whose sampling may take more or less. */
static void vary_seed(void *arg, unsigned i)
{
    const kem_case *c = arg;
#if defined(KEYGEN_IS_CONSTANT)
    tgt_fill(c->seed, 100u + i);
#else
    tgt_fill((pqi_span){c->seed.ptr + c->seed.len - 32u, 32}, 100u + i);
#endif
}

static void vary_coins(void *arg, unsigned i)
{
    const kem_case *c = arg;
    tgt_fill(c->coins, 200u + i);
}

static void copy(uint8_t *to, const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = from[i];
    }
}

/* 0: what the key's holder is sent. Then ciphertexts that fail the re-encryption in other places,
 * another rejection secret, and another secret vector beside the same public key. */
static void vary_ciphertext(void *arg, unsigned i)
{
    kem_case *c = arg;
    encaps(c);
    if (i == 1) {
        c->ct.ptr[0] ^= 1u;
    } else if (i == 2) {
        c->ct.ptr[c->ct.len - 1u] ^= 0x80u;
    } else if (i == 3) {
        tgt_fill(c->ct, 300);
    } else if (i == 4) {
        c->sk.ptr[c->sk.len - 1u] ^= 1u;
    } else if (i == 5) {
        copy(c->sk.ptr, c->other_sk.ptr, c->other_sk.len);
    }
}

/* Keeps the secret vector of another key: what stands before pk || H(pk) || z. */
static bool make_other_key(kem_case *c)
{
    if (alg->sk_len <= alg->pk_len + 64u) {
        return false;
    }
    c->other_sk = tgt_take(alg->sk_len - alg->pk_len - 64u);
    if (c->other_sk.ptr == NULL) {
        return false;
    }
    tgt_fill(c->seed, 9);
    keygen(c);
    copy(c->other_sk.ptr, c->sk.ptr, c->other_sk.len);
    return true;
}

void tgt_constant(void)
{
    kem_case c;
    if (!take_all(&c)) {
        return;
    }
    const bool two_keys = make_other_key(&c);
    const tgt_same_work keys = {"keygen", 4, vary_seed, keygen, false};
    const tgt_same_work in = {"encaps", 4, vary_coins, encaps, false};
    const tgt_same_work out = {"decaps", two_keys ? 6 : 5, vary_ciphertext, decaps, false};
    tgt_fill(c.seed, 1);
    tgt_check_constant(&keys, &c);
    tgt_check_constant(&in, &c);
    tgt_check_constant(&out, &c);
    tgt_ok(c.st == PQI_OK, "constant", "statuses");
}

/* ---- known answers ------------------------------------------------------------------------ */

/* As C2SP CCTV's accumulated test in the form of tests/kat/digests.h. */
static void one_round(kem_case *c, pqi_xof *in, pqi_xof *sum)
{
    uint8_t ss[PQI_KEM_SS];
    pqi_xof_squeeze(in, c->seed.ptr, c->seed.len);
    keygen(c);
    pqi_xof_absorb(sum, c->pk.ptr, c->pk.len);
    pqi_xof_squeeze(in, c->coins.ptr, c->coins.len);
    encaps(c);
    pqi_xof_absorb(sum, c->ct.ptr, c->ct.len);
    pqi_xof_absorb(sum, c->ss.ptr, c->ss.len);
    copy(ss, c->ss.ptr, sizeof ss);
    decaps(c);
    if (!tgt_same(ss, c->ss.ptr, sizeof ss)) {
        c->st = PQI_ERR_SELFTEST;
    }
    pqi_xof_squeeze(in, c->ct.ptr, c->ct.len);
    decaps(c);
    pqi_xof_absorb(sum, c->ss.ptr, c->ss.len);
}

void tgt_known_answers(unsigned rounds)
{
    kem_case c;
    pqi_xof in, sum;
    uint8_t digest[32];
    if (!take_all(&c)) {
        return;
    }
    c.st |= pqi_xof_init(&in, PQI_HASH_SHAKE128);
    c.st |= pqi_xof_init(&sum, PQI_HASH_SHAKE128);
    for (unsigned i = 0; i < rounds; i++) {
        one_round(&c, &in, &sum);
    }
    tgt_ok(c.st == PQI_OK, "kat", "rounds");
    pqi_xof_squeeze(&sum, digest, sizeof digest);
    tgt_digest("accumulated", (pqi_cspan){digest, sizeof digest});
    for (size_t i = 0; i < sizeof pqi_kat_kem_sums / sizeof pqi_kat_kem_sums[0]; i++) {
        if (pqi_kat_kem_sums[i].id == alg->id && rounds == 100) {
            tgt_ok(tgt_is_hex(digest, pqi_kat_kem_sums[i].hash100), "kat", "official-digest");
        }
    }
}

/* ---- vectors ------------------------------------------------------------------------------ */

static pqi_status vector_keygen(void)
{
    const pqi_span pk = tgt_output("pk", alg->pk_len);
    const pqi_span sk = tgt_output("sk", alg->sk_len);
    if (sk.ptr == NULL || tgt_rest().len < alg->tmp_len) {
        return PQI_ERR_SPACE;
    }
    return pqi_kem_keygen(alg, pk, sk, tgt_value("seed"), tgt_rest());
}

static pqi_status vector_encaps(void)
{
    const pqi_span ct = tgt_output("ct", alg->ct_len);
    const pqi_span ss = tgt_output("ss", PQI_KEM_SS);
    if (ss.ptr == NULL || tgt_rest().len < alg->tmp_len) {
        return PQI_ERR_SPACE;
    }
    return pqi_kem_encaps(alg, ct, ss, tgt_value("pk"), tgt_value("coins"), tgt_rest());
}

static pqi_status vector_decaps(void)
{
    const pqi_span ss = tgt_output("ss", PQI_KEM_SS);
    if (ss.ptr == NULL || tgt_rest().len < alg->tmp_len) {
        return PQI_ERR_SPACE;
    }
    return pqi_kem_decaps(alg, ss, tgt_value("ct"), tgt_value("sk"), tgt_rest());
}

pqi_status tgt_operation(const char *op)
{
    if (tgt_same_text(op, "keygen")) {
        return vector_keygen();
    }
    if (tgt_same_text(op, "encaps")) {
        return vector_encaps();
    }
    if (tgt_same_text(op, "decaps")) {
        return vector_decaps();
    }
    if (tgt_same_text(op, "check_pk")) {
        return pqi_kem_check_pk(alg, tgt_value("pk"), tgt_rest());
    }
    if (tgt_same_text(op, "check_sk")) {
        return pqi_kem_check_sk(alg, tgt_value("sk"), tgt_rest());
    }
    return PQI_ERR_UNSUPPORTED;
}
