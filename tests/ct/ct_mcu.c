/* SPDX-License-Identifier: Apache-2.0
 * The classical primitives for microcontrollers with keys, scalars, seeds, messages and plain text
 * undefined for valgrind. What is sent or returned is made public here as its caller would. */
#include "ct/secret.h"

#include <pqi/classic_mcu.h>

#include <stdio.h>
#include <string.h>

#define TEXT 75u /* neither whole blocks of AES nor of ChaCha20 */

static int failed(const char *what)
{
    (void)puts(what);
    return 1;
}

static pqi_status no_random(uint8_t *out, size_t len)
{
    memset(out, 0, len);
    return PQI_ERR_RNG;
}

/* Secret text and key; public nonce and data. */
static int aead(const pqi_classic *c, pqi_aead_id id, size_t key_len, size_t nonce_len, size_t tag)
{
    uint8_t key[32], nonce[13], aad[21], plain[TEXT], box[TEXT + 16], got[TEXT];
    memset(key, 0x11, sizeof key);
    memset(nonce, 0x22, sizeof nonce);
    memset(aad, 0x33, sizeof aad);
    memset(plain, 0x44, sizeof plain);
    PQI_SECRET(key, sizeof key);
    PQI_SECRET(plain, sizeof plain);
    const pqi_aead_key k = {id, {key, key_len}, {nonce, nonce_len}};
    const pqi_cspan a = {aad, sizeof aad};
    if (c->aead_seal(&k, a, (pqi_cspan){plain, TEXT}, (pqi_span){box, TEXT + tag}) != PQI_OK) {
        return failed("seal");
    }
    if (c->aead_open(&k, a, (pqi_cspan){box, TEXT + tag}, (pqi_span){got, TEXT}) != PQI_OK) {
        return failed("open");
    }
    PQI_PUBLIC(got, sizeof got);
    PQI_PUBLIC(plain, sizeof plain);
    if (memcmp(got, plain, TEXT) != 0) {
        return failed("round trip");
    }
    box[TEXT] ^= 1;
    return c->aead_open(&k, a, (pqi_cspan){box, TEXT + tag}, (pqi_span){got, TEXT}) != PQI_ERR_AUTH;
}

static int hashes(const pqi_classic *c)
{
    static const pqi_hash_id ids[] = {PQI_HASH_SHA256, PQI_HASH_SHA384, PQI_HASH_SHA512};
    static uint8_t msg[300], key[200];
    int bad = 0;
    for (size_t i = 0; i < 3; i++) {
        uint8_t out[PQI_HASH_MAX], again[PQI_HASH_MAX];
        PQI_SECRET(msg, sizeof msg);
        PQI_SECRET(key, sizeof key);
        const pqi_cspan parts[] = {{msg, 100}, {msg + 100, 200}}, long_key = {key, sizeof key};
        const pqi_cspan short_key = {key, 20};
        bad |= c->hash(ids[i], parts, 2, out) != PQI_OK;
        bad |= c->hmac(ids[i], long_key, parts, 2, out) != PQI_OK;
        bad |= c->hmac(ids[i], short_key, parts, 2, out) != PQI_OK;
        bad |= c->hmac(ids[i], short_key, parts, 2, again) != PQI_OK;
        PQI_PUBLIC(out, sizeof out);
        PQI_PUBLIC(again, sizeof again);
        bad |= memcmp(out, again, pqi_hash_len(ids[i])) != 0;
    }
    return bad != 0 ? failed("hash") : 0;
}

static int x25519(const pqi_classic *c)
{
    uint8_t a[32], b[32], pa[32], pb[32], s1[32], s2[32];
    memset(a, 0x55, sizeof a);
    memset(b, 0x66, sizeof b);
    PQI_SECRET(a, sizeof a);
    PQI_SECRET(b, sizeof b);
    if (c->x25519_public(pa, a) != PQI_OK || c->x25519_public(pb, b) != PQI_OK) {
        return failed("x25519_public");
    }
    /* a peer's public key is public, but nothing in the function relies on it: left undefined */
    if (c->x25519(s1, a, pb) != PQI_OK || c->x25519(s2, b, pa) != PQI_OK) {
        return failed("x25519");
    }
    PQI_PUBLIC(s1, sizeof s1);
    PQI_PUBLIC(s2, sizeof s2);
    static const uint8_t zero[32];
    return memcmp(s1, s2, 32) != 0 || c->x25519(s1, a, zero) != PQI_ERR_AUTH;
}

static int ed25519(const pqi_classic *c)
{
    uint8_t seed[32], msg[50], pk[32], sig[64];
    memset(seed, 0x77, sizeof seed);
    memset(msg, 0x88, sizeof msg);
    PQI_SECRET(seed, sizeof seed);
    PQI_SECRET(msg, sizeof msg); /* what is signed may be secret */
    const pqi_cspan m = {msg, sizeof msg};
    if (c->ed25519_public(pk, seed) != PQI_OK || c->ed25519_sign(sig, seed, m) != PQI_OK) {
        return failed("ed25519");
    }
    PQI_PUBLIC(pk, sizeof pk);
    PQI_PUBLIC(sig, sizeof sig);
    PQI_PUBLIC(msg, sizeof msg);
    return c->ed25519_verify(pk, m, sig) != PQI_OK ? failed("ed25519_verify") : 0;
}

int main(void)
{
    pqi_classic c;
    pqi_classic_mcu(&c, no_random);
    int bad = hashes(&c) + x25519(&c) + ed25519(&c);
    bad += aead(&c, PQI_AEAD_AES_256_GCM, 32, 12, 16);
    bad += aead(&c, PQI_AEAD_CHACHA20_POLY1305, 32, 12, 16);
    bad += aead(&c, PQI_AEAD_AES_128_CCM_8, 16, 13, 8);
    bad += aead(&c, PQI_AEAD_AES_128_CCM_16, 16, 13, 16);
    bad += aead(&c, PQI_AEAD_AES_256_GCM_SIV, 32, 12, 16);
    (void)puts(bad == 0 ? "ct_mcu: ok" : "ct_mcu: wrong answer");
    return bad != 0;
}
