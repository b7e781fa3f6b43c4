/* SPDX-License-Identifier: Apache-2.0 */
#include "adversary/watch.h"

#include "prim/keccak/keccak.h"
#include <pqi/classic.h>
#include <pqi/kem.h>
#include <pqi/sig.h>

void (*adv_on_seal)(const uint8_t hash[ADV_HASH]);

static uint64_t ops_, drawn_, seed_;
static int fixed_, in_selftest_; /* which seals known answers under known keys */

extern const pqi_classic __real_pqi_classic_openssl;
extern pqi_classic __wrap_pqi_classic_openssl;
pqi_classic __wrap_pqi_classic_openssl;

uint64_t adv_public_key_ops(void)
{
    return ops_;
}

void adv_fixed_random(uint64_t seed)
{
    fixed_ = 1;
    seed_ = seed;
    drawn_ = 0;
}

static pqi_status random_bytes(uint8_t *out, size_t len)
{
    if (!fixed_) {
        return __real_pqi_classic_openssl.random(out, len);
    }
    const uint64_t in[2] = {seed_, drawn_++};
    pqi_xof x;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, in, sizeof in);
    pqi_xof_squeeze(&x, out, len);
    return PQI_OK;
}

static pqi_status seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    if (adv_on_seal && !in_selftest_) {
        const uint8_t id = (uint8_t)k->id;
        const pqi_cspan parts[] = {{&id, 1}, k->key, k->nonce};
        uint8_t h[32];
        pqi_status st = __real_pqi_classic_openssl.hash(PQI_HASH_SHA256, parts, 3, h);
        if (st != PQI_OK) {
            return st;
        }
        adv_on_seal(h);
    }
    return __real_pqi_classic_openssl.aead_seal(k, aad, in, out);
}

static pqi_status x25519_public(uint8_t pk[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN])
{
    ops_++;
    return __real_pqi_classic_openssl.x25519_public(pk, sk);
}

static pqi_status x25519(
    uint8_t ss[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN], const uint8_t pk[PQI_X25519_LEN])
{
    ops_++;
    return __real_pqi_classic_openssl.x25519(ss, sk, pk);
}

static pqi_status ed25519_sign(uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg)
{
    ops_++;
    return __real_pqi_classic_openssl.ed25519_sign(sig, seed, msg);
}

static pqi_status ed25519_verify(
    const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG])
{
    ops_++;
    return __real_pqi_classic_openssl.ed25519_verify(pk, msg, sig);
}

/* The table is data in both libraries, and each user of it is linked to this copy. */
__attribute__((constructor)) static void fill_table(void)
{
    __wrap_pqi_classic_openssl = __real_pqi_classic_openssl;
    __wrap_pqi_classic_openssl.random = random_bytes;
    __wrap_pqi_classic_openssl.aead_seal = seal;
    __wrap_pqi_classic_openssl.x25519_public = x25519_public;
    __wrap_pqi_classic_openssl.x25519 = x25519;
    __wrap_pqi_classic_openssl.ed25519_sign = ed25519_sign;
    __wrap_pqi_classic_openssl.ed25519_verify = ed25519_verify;
}

pqi_status __real_pqi_soft_selftest(const pqi_classic *c);
pqi_status __wrap_pqi_soft_selftest(const pqi_classic *c);
pqi_status __wrap_pqi_soft_selftest(const pqi_classic *c)
{
    in_selftest_ = 1;
    pqi_status st = __real_pqi_soft_selftest(c);
    in_selftest_ = 0;
    return st;
}

#define COUNTED(name, params, args)                                                                \
    pqi_status __real_##name params;                                                               \
    pqi_status __wrap_##name params;                                                               \
    pqi_status __wrap_##name params                                                                \
    {                                                                                              \
        ops_++;                                                                                    \
        return __real_##name args;                                                                 \
    }

COUNTED(pqi_kem_keygen,
    (const pqi_kem *alg, pqi_span pk, pqi_span sk, pqi_cspan seed, pqi_span tmp),
    (alg, pk, sk, seed, tmp))
COUNTED(pqi_kem_encaps,
    (const pqi_kem *alg, pqi_span ct, pqi_span ss, pqi_cspan pk, pqi_cspan coins, pqi_span tmp),
    (alg, ct, ss, pk, coins, tmp))
COUNTED(pqi_kem_decaps, (const pqi_kem *alg, pqi_span ss, pqi_cspan ct, pqi_cspan sk, pqi_span tmp),
    (alg, ss, ct, sk, tmp))
COUNTED(pqi_sig_sign,
    (const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_cspan sk, pqi_cspan ctx,
        const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd, pqi_span tmp),
    (alg, sig, sig_len, sk, ctx, parts, n_parts, rnd, tmp))
COUNTED(pqi_sig_verify,
    (const pqi_sig *alg, pqi_cspan pk, pqi_cspan ctx, const pqi_cspan *parts, size_t n_parts,
        pqi_cspan sig, pqi_span tmp),
    (alg, pk, ctx, parts, n_parts, sig, tmp))
