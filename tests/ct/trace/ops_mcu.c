/* SPDX-License-Identifier: Apache-2.0
 * The classical primitives for microcontrollers: keys, scalars, texts and messages are secret; nonces,
 * associated data and all lengths are public. */
#include "base/mem.h"
#include "ct/trace/trace.h"
#include <pqi/classic_mcu.h>

#define TEXT 75u /* neither whole blocks of AES nor of ChaCha20 */

static uint8_t key[200], nonce[13], aad[21], plain[TEXT], box[TEXT + 16], got[TEXT], out[64];
static uint8_t bad_tag;
static size_t tag_len;
static pqi_aead_key k;

static void secrets(void)
{
    trace_secret(key, sizeof key);
    trace_secret(plain, sizeof plain);
}

/* ---- AEADs: sealing, opening, and opening with a tag that is right or wrong run by run ------ */

static void seal(void)
{
    trace_check(pqi_mcu_aead_seal(&k, (pqi_cspan){aad, sizeof aad}, (pqi_cspan){plain, TEXT},
                    (pqi_span){box, TEXT + tag_len}) == PQI_OK);
}

static void prepare(pqi_aead_id id, size_t key_len, size_t nonce_len, size_t tag)
{
    secrets();
    trace_public(nonce, sizeof nonce, 1);
    trace_public(aad, sizeof aad, 2);
    tag_len = tag;
    k = (pqi_aead_key){id, {key, key_len}, {nonce, nonce_len}};
    seal();
}

static void open(void)
{
    pqi_status want = bad_tag != 0 ? PQI_ERR_AUTH : PQI_OK;
    trace_check(pqi_mcu_aead_open(&k, (pqi_cspan){aad, sizeof aad},
                    (pqi_cspan){box, TEXT + tag_len}, (pqi_span){got, TEXT}) == want);
}

static void spoil(void)
{
    bad_tag = 1;
    box[TEXT + tag_len / 2] ^= 0x10;
}

#define AEAD(label, id, key_len, nonce_len, tag)                                                   \
    static void label##_good(void)                                                                 \
    {                                                                                              \
        prepare((id), (key_len), (nonce_len), (tag));                                              \
    }                                                                                              \
    static void label##_bad(void)                                                                  \
    {                                                                                              \
        prepare((id), (key_len), (nonce_len), (tag));                                              \
        spoil();                                                                                   \
    }
#define AEAD_ROWS(label, name)                                                                     \
    {name " seal", label##_good, seal}, {name " open", label##_good, open},                        \
    {                                                                                              \
        name " open, wrong tag", label##_bad, open                                                 \
    }

AEAD(gcm, PQI_AEAD_AES_256_GCM, 32, 12, 16)
AEAD(chacha, PQI_AEAD_CHACHA20_POLY1305, 32, 12, 16)
AEAD(ccm_8, PQI_AEAD_AES_128_CCM_8, 16, 13, 8)
AEAD(ccm_16, PQI_AEAD_AES_128_CCM_16, 16, 13, 16)
AEAD(siv, PQI_AEAD_AES_256_GCM_SIV, 32, 12, 16)

/* ---- hashes and HMAC ----------------------------------------------------------------------- */

static void hash_all(pqi_hash_id id)
{
    const pqi_cspan parts[] = {{plain, 30}, {key, sizeof key}};
    trace_check(pqi_mcu_hash(id, parts, 2, out) == PQI_OK);
    trace_check(pqi_mcu_hmac(id, (pqi_cspan){key, 32}, parts, 1, out) == PQI_OK);
    trace_check(pqi_mcu_hmac(id, (pqi_cspan){key, sizeof key}, parts, 1, out) == PQI_OK);
}

static void sha256(void)
{
    hash_all(PQI_HASH_SHA256);
}

static void sha384(void)
{
    hash_all(PQI_HASH_SHA384);
}

static void sha512(void)
{
    hash_all(PQI_HASH_SHA512);
}

/* ---- curves -------------------------------------------------------------------------------- */

static void scalars(void)
{
    secrets();
    trace_public(box, 32, 3);
    trace_check(pqi_mcu_x25519_public(got, box) == PQI_OK);
}

static void x25519_public(void)
{
    trace_check(pqi_mcu_x25519_public(out, key) == PQI_OK);
}

static void x25519(void)
{
    trace_check(pqi_mcu_x25519(out, key, got) == PQI_OK);
}

static void ed25519_public(void)
{
    trace_check(pqi_mcu_ed25519_public(out, key) == PQI_OK);
}

static void ed25519_sign(void)
{
    trace_check(pqi_mcu_ed25519_sign(out, key, (pqi_cspan){plain, TEXT}) == PQI_OK);
}

const trace_op trace_mcu[] = {
    AEAD_ROWS(gcm, "AES-256-GCM"),
    AEAD_ROWS(chacha, "ChaCha20-Poly1305"),
    AEAD_ROWS(ccm_8, "AES-128-CCM-8"),
    AEAD_ROWS(ccm_16, "AES-128-CCM"),
    AEAD_ROWS(siv, "AES-256-GCM-SIV"),
    {"SHA-256 and HMAC", secrets, sha256},
    {"SHA-384 and HMAC", secrets, sha384},
    {"SHA-512 and HMAC", secrets, sha512},
    {"X25519 public key", scalars, x25519_public},
    {"X25519", scalars, x25519},
    {"Ed25519 public key", scalars, ed25519_public},
    {"Ed25519 sign", scalars, ed25519_sign},
    {NULL, NULL, NULL},
};
