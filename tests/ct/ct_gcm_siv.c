/* SPDX-License-Identifier: Apache-2.0 -- needs: openssl
 * AES-256-GCM-SIV over OpenSSL's AES, with key and text undefined for valgrind, which sees into the
 * library: its AES, our product and our mode. The same mode over our AES is in ct_mcu.c. */
#include "ct/secret.h"

#include <pqi/host.h>

#include <stdio.h>
#include <string.h>

#define TEXT 555u /* more than a batch of blocks, and a part of one */

static int run(const pqi_classic *c)
{
    static uint8_t key[32], nonce[12], aad[21], plain[TEXT], box[TEXT + 16], got[TEXT];
    memset(key, 0x11, sizeof key);
    memset(plain, 0x44, sizeof plain);
    PQI_SECRET(key, sizeof key);
    PQI_SECRET(plain, sizeof plain);
    const pqi_aead_key k = {PQI_AEAD_AES_256_GCM_SIV, {key, sizeof key}, {nonce, sizeof nonce}};
    const pqi_cspan a = {aad, sizeof aad}, sealed = {box, sizeof box};
    const pqi_span out = {got, sizeof got};
    if (c->aead_seal(&k, a, (pqi_cspan){plain, TEXT}, (pqi_span){box, sizeof box}) != PQI_OK ||
        c->aead_open(&k, a, sealed, out) != PQI_OK) {
        return 1;
    }
    PQI_PUBLIC(got, sizeof got);
    PQI_PUBLIC(plain, sizeof plain);
    if (memcmp(got, plain, TEXT) != 0) {
        return 1;
    }
    box[TEXT] ^= 1;
    return c->aead_open(&k, a, sealed, out) != PQI_ERR_AUTH;
}

int main(void)
{
    int bad = run(&pqi_classic_openssl);
    (void)puts(bad == 0 ? "ct_gcm_siv: ok" : "ct_gcm_siv: wrong answer");
    return bad;
}
