/* SPDX-License-Identifier: Apache-2.0
 * Falcon of round 3: signed messages of its KAT files, and verification vectors. */
#include "falcon.h"

#include "vectors_pq.h"

#include <pqi/falcon.h>

#include <string.h>

#define LEN_BYTES   2u /* sm begins with the length of the signature part, big-endian */
#define HEAD        (1u + PQI_FALCON_NONCE)
#define COMPRESSED  0x30u /* upper half of the header: specification section 3.11.3 */
#define KAT_ENCODED 0x20u /* the same where the nonce stands elsewhere, as in KAT files */

static uint8_t logn_of(const pqi_sig *alg)
{
    return alg->pk_len == PQI_FALCON512_PK ? 9 : 10;
}

static pqi_status sign(pqi_vec *v, const pqi_sig *alg, pqi_falcon_format format, pqi_cspan sk,
    pqi_cspan msg, pqi_cspan coins, pqi_span *sig)
{
    size_t n = 0;
    *sig = pqi_vec_room(v, pqi_falcon_sig_len(alg, format));
    pqi_status st = pqi_falcon_sign_seeded(alg, format, *sig, &n, sk, &msg, 1, coins.ptr,
        coins.ptr + PQI_FALCON_NONCE, pqi_vec_tmp(v));
    sig->len = st == PQI_OK ? n : 0;
    return st;
}

/* length || nonce || msg || header || s2. */
bool pqi_kat_falcon_sign(
    pqi_vec *v, const pqi_kat *k, pqi_cspan sk, pqi_cspan msg, pqi_cspan coins, pqi_span *sm)
{
    const pqi_sig *alg = pqi_vec_sig(v, k->alg);
    pqi_span sig;
    pqi_status st = sign(v, alg, PQI_FALCON_COMPRESSED, sk, msg, coins, &sig);
    if (!pqi_vec_status(v, "sign", st, PQI_OK)) {
        return false;
    }
    size_t tail = sig.len - PQI_FALCON_NONCE;
    *sm = pqi_vec_room(v, LEN_BYTES + sig.len + msg.len);
    uint8_t *at = sm->ptr;
    at[0] = (uint8_t)(tail >> 8);
    at[1] = (uint8_t)tail;
    memcpy(at + LEN_BYTES, sig.ptr + 1, PQI_FALCON_NONCE);
    at += LEN_BYTES + PQI_FALCON_NONCE;
    memcpy(at, msg.ptr, msg.len);
    at[msg.len] = (uint8_t)(KAT_ENCODED | logn_of(alg));
    memcpy(at + msg.len + 1, sig.ptr + HEAD, tail - 1);
    return true;
}

bool pqi_kat_falcon_open(pqi_vec *v, const pqi_kat *k, pqi_cspan pk, pqi_cspan msg, pqi_cspan sm)
{
    const pqi_sig *alg = pqi_vec_sig(v, k->alg);
    const size_t fixed = LEN_BYTES + PQI_FALCON_NONCE + msg.len;
    if (sm.len <= fixed || (size_t)sm.ptr[0] << 8 != ((sm.len - fixed) & ~(size_t)0xff) ||
        sm.ptr[1] != (uint8_t)(sm.len - fixed) || sm.ptr[fixed] != (KAT_ENCODED | logn_of(alg)) ||
        memcmp(sm.ptr + LEN_BYTES + PQI_FALCON_NONCE, msg.ptr, msg.len) != 0) {
        pqi_vec_note(v, "sm is no length, nonce, msg and signature");
        return false;
    }
    pqi_span sig = pqi_vec_room(v, sm.len - LEN_BYTES - msg.len);
    sig.ptr[0] = (uint8_t)(COMPRESSED | logn_of(alg));
    memcpy(sig.ptr + 1, sm.ptr + LEN_BYTES, PQI_FALCON_NONCE);
    memcpy(sig.ptr + HEAD, sm.ptr + fixed + 1, sm.len - fixed - 1);
    pqi_status st =
        pqi_falcon_verify(alg, PQI_FALCON_COMPRESSED, pk, &msg, 1, pqi_vec_c(sig), pqi_vec_tmp(v));
    return pqi_vec_status(v, "verify", st, PQI_OK);
}

/* signature || msg. */
bool pqi_kat_falcon_sign_padded(
    pqi_vec *v, const pqi_kat *k, pqi_cspan sk, pqi_cspan msg, pqi_cspan coins, pqi_span *sm)
{
    pqi_span sig;
    pqi_status st = sign(v, pqi_vec_sig(v, k->alg), PQI_FALCON_PADDED, sk, msg, coins, &sig);
    if (!pqi_vec_status(v, "sign", st, PQI_OK)) {
        return false;
    }
    *sm = pqi_vec_room(v, sig.len + msg.len);
    memcpy(sm->ptr, sig.ptr, sig.len);
    memcpy(sm->ptr + sig.len, msg.ptr, msg.len);
    return true;
}

bool pqi_kat_falcon_open_padded(
    pqi_vec *v, const pqi_kat *k, pqi_cspan pk, pqi_cspan msg, pqi_cspan sm)
{
    const pqi_sig *alg = pqi_vec_sig(v, k->alg);
    if (sm.len < msg.len || memcmp(sm.ptr + sm.len - msg.len, msg.ptr, msg.len) != 0) {
        pqi_vec_note(v, "sm does not end with msg");
        return false;
    }
    const pqi_cspan sig = {sm.ptr, sm.len - msg.len};
    pqi_status st = pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &msg, 1, sig, pqi_vec_tmp(v));
    return pqi_vec_status(v, "verify", st, PQI_OK);
}

/* A padded signature that must verify; with any one of its bits, or the lowest one of the message,
 * inverted it must not. */
void pqi_vec_falcon_verify(pqi_vec *v)
{
    const size_t logn = pqi_vec_number(v, "logn");
    const pqi_sig *alg = pqi_vec_sig(v, logn == 9 ? "Falcon-512" : "Falcon-1024");
    const pqi_cspan pk = pqi_vec_hex(v, "pk"), given = pqi_vec_hex(v, "sig");
    const pqi_cspan text = pqi_vec_hex(v, "msg");
    if ((logn != 9 && logn != 10) || !pqi_vec_true(v, "valid") || text.len == 0) {
        pqi_vec_note(v, "field logn, valid or msg is not as expected");
    }
    if (alg == NULL || v->note[0] != '\0') {
        return;
    }
    pqi_span sig = pqi_vec_room(v, given.len), msg = pqi_vec_room(v, text.len);
    memcpy(sig.ptr, given.ptr, given.len);
    memcpy(msg.ptr, text.ptr, text.len);
    const pqi_cspan part = pqi_vec_c(msg), s = pqi_vec_c(sig);
    const pqi_span tmp = pqi_vec_tmp(v);
    pqi_status st = pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &part, 1, s, tmp);
    if (!pqi_vec_status(v, "verify", st, PQI_OK)) {
        return;
    }
    msg.ptr[0] ^= 1;
    st = pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &part, 1, s, tmp);
    (void)pqi_vec_status(v, "another message", st, PQI_ERR_AUTH);
    msg.ptr[0] ^= 1;
    for (size_t bit = 0; bit < 8 * sig.len && v->note[0] == '\0'; bit++) {
        sig.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        st = pqi_falcon_verify(alg, PQI_FALCON_PADDED, pk, &part, 1, s, tmp);
        if (st != PQI_ERR_AUTH) {
            pqi_vec_note(v, "with bit %zu inverted: %s", bit, pqi_status_name(st));
        }
        sig.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
