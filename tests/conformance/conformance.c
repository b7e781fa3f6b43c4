/* SPDX-License-Identifier: Apache-2.0 */
#include "conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pqi/host.h>

#define BASE 0x00c0f000u
#define TMP  (256u * 1024u)
#define DOMAIN                                                                                     \
    {                                                                                              \
        PQI_LIT("PQI4 conformance")                                                                \
    }

static _Alignas(8) uint8_t tmp[TMP];
static uint8_t pk[PQI_SIG_MAX_PK], sig[PQI_SIG_MAX_SIG + 1], other[PQI_SIG_MAX_SIG + 1];
static uint8_t ct[PQI_KEM_MAX_CT + 32];
static const uint8_t zero[PQI_SIG_MAX_SIG + 1];

static const pqi_span scratch = {tmp, TMP};

/* False: not offered, which the capabilities of the algorithm said before. */
static int make(pqi_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg)
{
    pqi_key_info info;
    uint32_t caps = pqi_provider_alg_caps(p, kind, alg);
    assert_int_equal(pqi_provider_info(p, key, &info), PQI_ERR_MISSING);
    pqi_status st = pqi_provider_generate(p, key, kind, alg);
    assert_true((st == PQI_ERR_UNSUPPORTED) == (caps == 0));
    if (st == PQI_ERR_UNSUPPORTED) {
        assert_int_equal(pqi_provider_info(p, key, &info), PQI_ERR_MISSING);
        return 0;
    }
    assert_int_equal(st, PQI_OK);
    assert_int_equal(pqi_provider_generate(p, key, kind, alg), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_info(p, key, &info), PQI_OK);
    assert_true(info.key == key && info.kind == kind && info.alg == alg && info.caps == caps);
    size_t n = 0;
    assert_int_equal(
        pqi_provider_public_key(p, key, (pqi_span){pk, info.pk_len - 1u}, &n), PQI_ERR_SPACE);
    assert_int_equal(n, info.pk_len);
    assert_int_equal(pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &n), PQI_OK);
    assert_int_equal(n, info.pk_len);
    assert_memory_not_equal(pk, zero, n);
    return 1;
}

static void drop(pqi_provider *p, pqi_key key)
{
    uint8_t ss[32];
    size_t n;
    assert_int_equal(pqi_provider_destroy(p, key), PQI_OK);
    assert_int_equal(pqi_provider_destroy(p, key), PQI_ERR_MISSING);
    assert_int_equal(
        pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &n), PQI_ERR_MISSING);
    assert_int_equal(pqi_provider_dh(p, key, zero, ss), PQI_ERR_MISSING);
}

/* A half that cannot leave is a fact of keys that have two. */
static void half_is_of_composites(pqi_provider *p, pqi_key_kind kind, int32_t alg, int composite)
{
    uint32_t caps = pqi_provider_alg_caps(p, kind, alg);
    if ((caps & PQI_CAP_HALF) != 0) {
        assert_true(composite);
    }
    if (composite && caps != 0) {
        assert_true((caps & (PQI_CAP_HALF | PQI_CAP_NON_EXPORTABLE | PQI_CAP_SEPARATE)) != 0);
    }
}

/* Under a handle that was used before comes another key. */
static void again(pqi_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg)
{
    static uint8_t before[PQI_SIG_MAX_PK];
    memcpy(before, pk, sizeof before);
    assert_int_equal(make(p, key, kind, alg), 1);
    assert_memory_not_equal(before, pk, 32);
    pqi_key_info info;
    assert_int_equal(pqi_provider_info(p, key, &info), PQI_OK);
    assert_memory_not_equal(before + info.pk_len - 32, pk + info.pk_len - 32, 32); /* both halves */
    drop(p, key);
}

/* The signature that a provider makes is verified by the verifier that ships; INV-107. */
static int signing(pqi_provider *p, const pqi_sig *alg)
{
    const pqi_key key = BASE + 1u;
    const pqi_cspan domain = DOMAIN, parts[] = {{PQI_LIT("one")}, {NULL, 0}, {PQI_LIT("two")}};
    const pqi_cspan whole = {PQI_LIT("onetwo")}, wrong = {PQI_LIT("PQI4 other")};
    const pqi_span room = {sig, sizeof sig};
    size_t n = 0, m = 0;
    half_is_of_composites(p, PQI_KEY_SIG, alg->id, pqi_composite_sig_of(alg) != NULL);
    if (!make(p, key, PQI_KEY_SIG, alg->id)) {
        return 0;
    }
    const pqi_cspan own = {pk, alg->pk_len};
    assert_int_equal(pqi_provider_sign(p, key, domain, parts, 3, room, &n), PQI_OK);
    assert_true(n != 0 && n <= alg->sig_len);
    const pqi_cspan s = {sig, n};
    assert_int_equal(pqi_sig_verify(alg, own, domain, &whole, 1, s, scratch), PQI_OK);
    assert_int_equal(pqi_sig_verify(alg, own, wrong, &whole, 1, s, scratch), PQI_ERR_AUTH);
    /* Hedged: two signatures of the same message differ. */
    assert_int_equal(
        pqi_provider_sign(p, key, domain, parts, 3, (pqi_span){other, sizeof other}, &m), PQI_OK);
    assert_memory_not_equal(sig, other, n < m ? n : m);
    for (size_t i = 1; i < n; i += i < n - 80 ? n / 7 : 5) { /* either half of a composite one */
        sig[i] ^= 1;
        assert_int_equal(pqi_sig_verify(alg, own, domain, &whole, 1, s, scratch), PQI_ERR_AUTH);
        sig[i] ^= 1;
    }

    static const char *const bad[] = {"", "PQI4", "PQI4 ", "pqi4 x", "raw bytes", " PQI4 x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const pqi_cspan d = {(const uint8_t *)bad[i], strlen(bad[i])};
        assert_int_equal(pqi_provider_sign(p, key, d, parts, 3, room, &n), PQI_ERR_ARG);
    }
    uint8_t longest[PQI_DOMAIN_MAX + 1];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "PQI4 ", 5);
    assert_int_equal(
        pqi_provider_sign(p, key, (pqi_cspan){longest, PQI_DOMAIN_MAX}, parts, 3, room, &n),
        PQI_OK);
    assert_int_equal(
        pqi_provider_sign(p, key, (pqi_cspan){longest, PQI_DOMAIN_MAX + 1}, parts, 3, room, &n),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_provider_sign(p, key, (pqi_cspan){NULL, 0}, parts, 3, room, &n), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_sign(p, key, domain, NULL, 1, room, &n), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_sign(p, key, domain, NULL, 0, room, &n), PQI_OK);
    memset(sig, 0x5a, sizeof sig);
    assert_int_equal(
        pqi_provider_sign(p, key, domain, parts, 3, (pqi_span){sig, 9}, &n), PQI_ERR_SPACE);
    assert_int_equal(n, alg->sig_len);
    assert_memory_equal(sig, zero, 9);
    assert_int_equal(pqi_provider_decapsulate(p, key, (pqi_cspan){ct, 768}, other), PQI_ERR_ARG);
    drop(p, key);
    again(p, key, PQI_KEY_SIG, alg->id);
    return 1;
}

static int decapsulation(pqi_provider *p, const pqi_kem *alg)
{
    const pqi_key key = BASE + 2u;
    uint8_t coins[64], ss[32], got[32];
    half_is_of_composites(p, PQI_KEY_KEM, alg->id, pqi_composite_kem_of(alg) != NULL);
    if (!make(p, key, PQI_KEY_KEM, alg->id)) {
        return 0;
    }
    assert_int_equal(pqi_provider_random(p, (pqi_span){coins, sizeof coins}), PQI_OK);
    assert_int_equal(pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, 32},
                         (pqi_cspan){pk, alg->pk_len}, (pqi_cspan){coins, alg->coins_len}, scratch),
        PQI_OK);
    const pqi_cspan c = {ct, alg->ct_len};
    assert_int_equal(pqi_provider_decapsulate(p, key, c, got), PQI_OK);
    assert_memory_equal(got, ss, 32);
    ct[alg->ct_len / 2] ^= 1; /* implicit rejection */
    assert_int_equal(pqi_provider_decapsulate(p, key, c, got), PQI_OK);
    assert_memory_not_equal(got, ss, 32);
    memset(got, 0x5a, 32);
    assert_int_equal(
        pqi_provider_decapsulate(p, key, (pqi_cspan){ct, alg->ct_len - 1u}, got), PQI_ERR_ARG);
    assert_memory_equal(got, zero, 32);
    if (pqi_composite_kem_of(alg) != NULL) { /* a point that is not on the curve */
        ct[alg->ct_len / 2] ^= 1;
        ct[alg->ct_len - 1u] ^= 1;
        memset(got, 0x5a, 32);
        assert_int_equal(pqi_provider_decapsulate(p, key, c, got), PQI_ERR_AUTH);
        assert_memory_equal(got, zero, 32);
    }
    drop(p, key);
    again(p, key, PQI_KEY_KEM, alg->id);
    return 1;
}

static int exchange(pqi_provider *p)
{
    const pqi_key key = BASE + 3u;
    uint8_t sk[32], peer[32], a[32], b[32];
    if (!make(p, key, PQI_KEY_X25519, 0)) {
        return 0;
    }
    assert_int_equal(pqi_provider_random(p, (pqi_span){sk, 32}), PQI_OK);
    assert_int_equal(pqi_classic_openssl.x25519_public(peer, sk), PQI_OK);
    assert_int_equal(pqi_classic_openssl.x25519(a, sk, pk), PQI_OK);
    assert_int_equal(pqi_provider_dh(p, key, peer, b), PQI_OK);
    assert_memory_equal(a, b, 32);
    assert_int_equal(pqi_provider_dh(p, key, zero, b), PQI_ERR_AUTH);
    assert_memory_equal(b, zero, 32);
    drop(p, key);
    return 1;
}

/* What the box makes, the provider opens, and nothing else (INV-110, INV-43). */
static int box(pqi_provider *p, const pqi_algs *a, const pqi_suite *s)
{
    static uint8_t kem_pk[PQI_KEM_MAX_PK];
    uint8_t x_pk[32], coins[64], sealed[48], plain[32], bind[PQI_BOX_BIND_MAX];
    const pqi_key kem = BASE + 4u, dh = BASE + 5u;
    const pqi_box_ctx ctx = {
        {PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, {PQI_LIT("head")}, {PQI_LIT("tail")}};
    const pqi_box_ctx moved = {
        {PQI_LIT("PQI4 v1")}, {PQI_LIT("v1 k")}, {PQI_LIT("head")}, {PQI_LIT("tail2")}};
    const pqi_box_peer peer = {{kem_pk, s->kem->pk_len}, {x_pk, 32}};
    const pqi_cspan msg = {PQI_LIT("12345678901234567890123456789012")};
    size_t cap = pqi_box_capsule_len(s);
    if (!make(p, kem, PQI_KEY_KEM, s->kem->id)) {
        return 0;
    }
    memcpy(kem_pk, pk, s->kem->pk_len);
    if (!make(p, dh, PQI_KEY_X25519, 0)) {
        drop(p, kem);
        return 0;
    }
    memcpy(x_pk, pk, 32);
    assert_int_equal(pqi_provider_random(p, (pqi_span){coins, 64}), PQI_OK);
    assert_int_equal(pqi_box_seal(a, s, &peer, &ctx, (pqi_cspan){coins, 64}, msg,
                         (pqi_span){ct, cap}, (pqi_span){sealed, 48}, bind, scratch),
        PQI_OK);
    const pqi_cspan capsule = {ct, cap}, in = {sealed, 48};
    const pqi_span out = {plain, 32};
    assert_int_equal(pqi_provider_decrypt(p, kem, dh, s, &ctx, capsule, in, out), PQI_OK);
    assert_memory_equal(plain, msg.ptr, 32);
    assert_int_equal(pqi_provider_decrypt(p, kem, dh, s, &moved, capsule, in, out), PQI_ERR_AUTH);
    assert_memory_equal(plain, zero, 32);
    assert_int_equal(pqi_provider_decrypt(p, dh, kem, s, &ctx, capsule, in, out), PQI_ERR_ARG);
    for (size_t i = 0; i < cap; i += i < cap - 33 ? 61 : 1) { /* either secret, INV-43 */
        ct[i] ^= 0x40;
        assert_int_equal(pqi_provider_decrypt(p, kem, dh, s, &ctx, capsule, in, out), PQI_ERR_AUTH);
        assert_memory_equal(plain, zero, 32);
        ct[i] ^= 0x40;
    }
    assert_int_equal(
        pqi_provider_decrypt(p, kem, dh, s, &ctx, (pqi_cspan){ct, cap - 1}, in, out), PQI_ERR_ARG);
    drop(p, kem);
    assert_int_equal(pqi_provider_decrypt(p, kem, dh, s, &ctx, capsule, in, out), PQI_ERR_MISSING);
    drop(p, dh);
    return 1;
}

/* INV-3, INV-4 */
static void sealing(pqi_provider *p)
{
    uint8_t plain[40], blob[40 + PQI_SEAL_OVERHEAD], twice[sizeof blob], got[40];
    const pqi_cspan label = {PQI_LIT("conformance")}, moved = {PQI_LIT("conformancf")};
    const pqi_span out = {blob, sizeof blob}, back = {got, sizeof got};
    const pqi_cspan in = {blob, sizeof blob}, secret = {plain, sizeof plain};
    memset(plain, 0x77, sizeof plain);
    assert_int_equal(pqi_provider_seal(p, label, 7, secret, out), PQI_OK);
    assert_int_equal(
        pqi_provider_seal(p, label, 7, secret, (pqi_span){twice, sizeof twice}), PQI_OK);
    assert_memory_not_equal(blob, twice, 12); /* never the same nonce */
    assert_int_equal(pqi_provider_unseal(p, label, 7, in, back), PQI_OK);
    assert_memory_equal(got, plain, sizeof got);
    for (size_t bit = 0; bit < 8 * sizeof blob; bit++) {
        blob[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(pqi_provider_unseal(p, label, 7, in, back), PQI_ERR_AUTH);
        assert_memory_equal(got, zero, sizeof got);
        blob[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(pqi_provider_unseal(p, moved, 7, in, back), PQI_ERR_AUTH);
    assert_int_equal(pqi_provider_unseal(p, label, 8, in, back), PQI_ERR_AUTH);
    assert_int_equal(
        pqi_provider_unseal(p, (pqi_cspan){label.ptr, label.len - 1}, 7, in, back), PQI_ERR_AUTH);
    for (size_t n = 0; n < PQI_SEAL_OVERHEAD; n++) {
        assert_int_equal(pqi_provider_unseal(p, label, 7, (pqi_cspan){blob, n}, (pqi_span){got, 0}),
            PQI_ERR_ARG);
    }
    for (size_t n = PQI_SEAL_OVERHEAD; n < sizeof blob; n++) {
        assert_int_equal(pqi_provider_unseal(p, label, 7, (pqi_cspan){blob, n},
                             (pqi_span){got, n - PQI_SEAL_OVERHEAD}),
            PQI_ERR_AUTH);
    }
    assert_int_equal(pqi_provider_seal(p, label, 7, secret, (pqi_span){blob, 40}), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_seal(p, (pqi_cspan){NULL, 0}, 7, secret, out), PQI_ERR_ARG);
    const pqi_cspan empty = {NULL, 0};
    assert_int_equal(
        pqi_provider_seal(p, label, 0, empty, (pqi_span){blob, PQI_SEAL_OVERHEAD}), PQI_OK);
    assert_int_equal(
        pqi_provider_unseal(p, label, 0, (pqi_cspan){blob, PQI_SEAL_OVERHEAD}, (pqi_span){NULL, 0}),
        PQI_OK);
}

/* INV-6 */
static void counters(pqi_provider *p)
{
    for (uint32_t slot = PQI_COUNTER_SLOTS - 4; slot < PQI_COUNTER_SLOTS; slot++) {
        uint64_t before = 0, now = 0;
        assert_int_equal(pqi_provider_counter_get(p, slot, &before), PQI_OK);
        const uint64_t up[] = {before + 1, before + 1, before, 0, before + 5, before + 2};
        uint64_t want = before;
        for (size_t i = 0; i < sizeof up / sizeof up[0]; i++) {
            assert_int_equal(pqi_provider_counter_advance(p, slot, up[i]), PQI_OK);
            want = up[i] > want ? up[i] : want;
            assert_int_equal(pqi_provider_counter_get(p, slot, &now), PQI_OK);
            assert_int_equal(now, want);
        }
    }
    uint64_t v;
    assert_int_equal(pqi_provider_counter_get(p, PQI_COUNTER_SLOTS, &v), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_counter_advance(p, PQI_COUNTER_SLOTS, 1), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_counter_get(p, 0, NULL), PQI_ERR_ARG);
}

static void randomness(pqi_provider *p)
{
    static uint8_t a[3000], b[3000];
    assert_int_equal(pqi_provider_random(p, (pqi_span){a, sizeof a}), PQI_OK);
    assert_int_equal(pqi_provider_random(p, (pqi_span){b, sizeof b}), PQI_OK);
    for (size_t i = 0; i + 20 <= sizeof a; i += 20) {
        assert_memory_not_equal(a + i, b + i, 20);
    }
    assert_int_equal(pqi_provider_random(p, (pqi_span){NULL, 0}), PQI_OK);
    assert_int_equal(pqi_provider_random(p, (pqi_span){NULL, 1}), PQI_ERR_ARG);
}

static unsigned be16(const uint8_t *b)
{
    return (unsigned)b[0] << 8 | b[1];
}

/* With the capability a quote of the documented shape over this nonce, without it none (INV-109). */
static void quotes(pqi_provider *p)
{
    static uint8_t q[PQI_QUOTE_MAX];
    uint8_t nonce_bytes[64];
    size_t n = 0;
    for (size_t len = 16; len <= 64; len += 24) {
        memset(nonce_bytes, (int)len, sizeof nonce_bytes);
        const pqi_cspan nonce = {nonce_bytes, len};
        memset(q, 0x5a, sizeof q);
        pqi_status st = pqi_provider_quote(p, nonce, 1, (pqi_span){q, sizeof q}, &n);
        if ((pqi_provider_caps(p) & PQI_CAP_QUOTE) == 0) {
            assert_int_equal(st, PQI_ERR_UNSUPPORTED);
            assert_int_equal(n, 0);
            assert_memory_equal(q, zero, sizeof q);
            continue;
        }
        assert_int_equal(st, PQI_OK);
        assert_true(n > 8 && n <= sizeof q);
        size_t attest = be16(q);
        assert_true(attest + 4 < n && attest > 10);
        assert_int_equal(be16(q + 2 + attest), n - attest - 4);
        assert_memory_equal(
            q + 2, "\xff\x54\x43\x47\x80\x18", 6); /* TPM_GENERATED, TPM_ST_ATTEST_QUOTE */
        size_t extra = 2 + 8 + be16(q + 8);        /* behind qualifiedSigner: extraData */
        assert_int_equal(be16(q + extra), len);
        assert_memory_equal(q + extra + 2, nonce_bytes, len);
        assert_int_equal(pqi_provider_quote(p, nonce, 1, (pqi_span){q, 20}, &n), PQI_ERR_SPACE);
        assert_true(n > 20);
    }
}

/* Refusing a call is no reason to refuse the next one: only wrong passwords lock a device, and no call
 * of this interface takes one. */
static void refusals_lock_nothing(pqi_provider *p)
{
    uint8_t blob[PQI_SEAL_OVERHEAD + 4] = {0}, plain[4], ss[32];
    const pqi_cspan label = {PQI_LIT("conformance")};
    for (int i = 0; i < 40; i++) {
        assert_int_equal(pqi_provider_unseal(p, label, 1, (pqi_cspan){blob, sizeof blob},
                             (pqi_span){plain, sizeof plain}),
            PQI_ERR_AUTH);
        assert_int_equal(pqi_provider_dh(p, BASE + 9u, zero, ss), PQI_ERR_MISSING);
        assert_int_equal(pqi_provider_destroy(p, BASE + 9u), PQI_ERR_MISSING);
        assert_int_equal(
            pqi_provider_decapsulate(p, BASE + 9u, (pqi_cspan){ct, 768}, ss), PQI_ERR_MISSING);
    }
    assert_int_equal(pqi_provider_random(p, (pqi_span){plain, sizeof plain}), PQI_OK);
}

static void algorithms_that_are_none(pqi_provider *p)
{
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_KEM, 0x7ffe), 0);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_KEM, -49), 0);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_SIG, 0x7ffe), 0);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_X25519, 1), 0);
    assert_int_equal(pqi_provider_alg_caps(p, PQI_KEY_NONE, 0), 0);
    assert_int_equal(pqi_provider_alg_caps(NULL, PQI_KEY_X25519, 0), 0);
}

static void arguments(pqi_provider *p)
{
    uint8_t b[64];
    size_t n;
    const char *text = NULL;
    const pqi_span out = {b, sizeof b};
    assert_int_equal(pqi_provider_generate(p, 0, PQI_KEY_X25519, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_generate(p, 0x80000000u, PQI_KEY_X25519, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_generate(p, BASE, PQI_KEY_X25519, 1), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_generate(p, BASE, PQI_KEY_NONE, 1), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_generate(p, BASE, PQI_KEY_KEM, 0x7ffe), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_provider_generate(p, BASE, PQI_KEY_SIG, 0x7ffe), PQI_ERR_UNSUPPORTED);
    assert_int_equal(pqi_provider_destroy(p, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_public_key(p, BASE, out, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_dh(p, BASE, b, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_quote(p, (pqi_cspan){b, 15}, 1, out, &n), PQI_ERR_ARG);
    assert_int_equal(pqi_provider_quote(p, (pqi_cspan){b, 65}, 1, out, &n), PQI_ERR_ARG);
    quotes(p);
    assert_true(pqi_provider_name(p)[0] != 0);
    (void)pqi_provider_native_error(p, &text);
    assert_non_null(text);
    (void)pqi_provider_native_error(p, NULL);
}

void pqi_provider_conformance(pqi_provider *p)
{
    pqi_algs a;
    int made = 0;
    (void)pqi_host_algs(&a);
    arguments(p);
    algorithms_that_are_none(p);
    randomness(p);
    for (size_t i = 0; i < a.n_sigs; i++) {
        made += signing(p, a.sigs[i]);
    }
    for (size_t i = 0; i < a.n_kems; i++) {
        made += decapsulation(p, a.kems[i]);
    }
    made += exchange(p);
    assert_true(made > 0);
    for (size_t i = 0; i < a.n_suites; i++) {
        (void)box(p, &a, a.suites[i]);
    }
    sealing(p);
    counters(p);
    refusals_lock_nothing(p);
}

void pqi_provider_conformance_zeroize(pqi_provider *p)
{
    uint8_t b[64] = {0}, got[64];
    size_t n;
    uint64_t v = 9;
    pqi_key_info info;
    const pqi_cspan domain = DOMAIN;
    const pqi_key key = BASE + 6u;
    (void)!pqi_provider_generate(p, key, PQI_KEY_X25519, 0);
    assert_int_equal(pqi_provider_zeroize(p), PQI_OK);
    assert_int_equal(pqi_provider_generate(p, BASE, PQI_KEY_X25519, 0), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_destroy(p, key), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_info(p, key, &info), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_public_key(p, key, (pqi_span){got, 64}, &n), PQI_ERR_STATE);
    assert_int_equal(
        pqi_provider_sign(p, key, domain, NULL, 0, (pqi_span){got, 64}, &n), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_decapsulate(p, key, (pqi_cspan){b, 64}, got), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_dh(p, key, b, got), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_random(p, (pqi_span){got, 64}), PQI_ERR_STATE);
    assert_int_equal(
        pqi_provider_seal(p, domain, 1, (pqi_cspan){b, 8}, (pqi_span){got, 36}), PQI_ERR_STATE);
    assert_int_equal(
        pqi_provider_unseal(p, domain, 1, (pqi_cspan){b, 36}, (pqi_span){got, 8}), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_counter_get(p, 1, &v), PQI_ERR_STATE);
    assert_int_equal(v, 0);
    assert_int_equal(pqi_provider_counter_advance(p, 1, 100), PQI_ERR_STATE);
    assert_int_equal(pqi_provider_zeroize(p), PQI_ERR_STATE);
}
