/* SPDX-License-Identifier: Apache-2.0
 * Vectors of RFC 5869 (HKDF), RFC 7748 (X25519) and of NIST CAVP for AES-GCM. */
#include "vectors_classic.h"

#include <stdlib.h>
#include <string.h>

#define QUICK 1000u /* X25519 iterations without --slow */

void pqi_vec_rfc5869(pqi_vec *v)
{
    const pqi_classic *c = v->algs->classic;
    const pqi_hash_id id = pqi_vec_hash(pqi_vec_text(v, "hash"));
    const pqi_cspan ikm = pqi_vec_hex(v, "ikm"), info = pqi_vec_hex(v, "info");
    const pqi_cspan want = pqi_vec_hex(v, "okm");
    uint8_t prk[PQI_HASH_MAX];
    if (id == PQI_HASH_NONE || pqi_vec_number(v, "L") != want.len) {
        pqi_vec_note(v, "field hash or L is wrong");
        return;
    }
    pqi_span okm = pqi_vec_room(v, want.len);
    pqi_status st = pqi_hkdf_extract(c, id, pqi_vec_hex(v, "salt"), &ikm, 1, prk);
    if (!pqi_vec_status(v, "extract", st, PQI_OK)) {
        return;
    }
    const pqi_cspan key = {prk, pqi_hash_len(id)};
    (void)pqi_vec_equal(v, "prk", key, pqi_vec_hex(v, "prk"));
    st = pqi_hkdf_expand(c, id, key, &info, 1, okm);
    if (pqi_vec_status(v, "expand", st, PQI_OK)) {
        (void)pqi_vec_equal(v, "okm", pqi_vec_c(okm), want);
    }
}

/* ---- X25519 ------------------------------------------------------------------------------ */

/* A field of 32 bytes; NULL: noted. */
static const uint8_t *field32(pqi_vec *v, const char *name)
{
    pqi_cspan s = pqi_vec_hex(v, name);
    if (s.len != PQI_X25519_LEN) {
        pqi_vec_note(v, "field %s has %zu bytes", name, s.len);
        return NULL;
    }
    return s.ptr;
}

static void shared_is(
    pqi_vec *v, const char *name, const uint8_t *sk, const uint8_t *pk, const uint8_t *want)
{
    uint8_t ss[PQI_X25519_LEN];
    if (sk != NULL && pk != NULL && want != NULL &&
        pqi_vec_status(v, name, v->algs->classic->x25519(ss, sk, pk), PQI_OK)) {
        (void)pqi_vec_equal(v, name, (pqi_cspan){ss, sizeof ss}, (pqi_cspan){want, PQI_X25519_LEN});
    }
}

void pqi_vec_rfc7748_mult(pqi_vec *v)
{
    shared_is(v, "out", field32(v, "scalar"), field32(v, "u"), field32(v, "out"));
}

static void public_is(pqi_vec *v, const char *name, const uint8_t *sk, const uint8_t *want)
{
    uint8_t pk[PQI_X25519_LEN];
    if (sk != NULL && want != NULL &&
        pqi_vec_status(v, name, v->algs->classic->x25519_public(pk, sk), PQI_OK)) {
        (void)pqi_vec_equal(v, name, (pqi_cspan){pk, sizeof pk}, (pqi_cspan){want, PQI_X25519_LEN});
    }
}

void pqi_vec_rfc7748_dh(pqi_vec *v)
{
    const uint8_t *a = field32(v, "alice_secret"), *pa = field32(v, "alice_public");
    const uint8_t *b = field32(v, "bob_secret"), *pb = field32(v, "bob_public");
    const uint8_t *shared = field32(v, "shared");
    public_is(v, "alice_public", a, pa);
    public_is(v, "bob_public", b, pb);
    shared_is(v, "shared", a, pb, shared);
    shared_is(v, "shared", b, pa, shared);
}

/* Section 5.2: k and u start as the base point; each step gives (k, u) = (X25519(k, u), k). */
void pqi_vec_rfc7748_iterate(pqi_vec *v)
{
    uint8_t k[PQI_X25519_LEN] = {9}, u[PQI_X25519_LEN] = {9}, next[PQI_X25519_LEN];
    char *end = NULL;
    unsigned long n = strtoul(pqi_vec_text(v, "count"), &end, 10);
    const uint8_t *want = field32(v, "k");
    if (want == NULL || *end != '\0' || n == 0 || n > 1000000) {
        pqi_vec_note(v, "the count is out of range");
        return;
    }
    if (n > QUICK && !v->slow) {
        v->skip = PQI_VEC_SLOW;
        return;
    }
    for (unsigned long i = 0; i < n; i++) {
        if (!pqi_vec_status(v, "x25519", v->algs->classic->x25519(next, k, u), PQI_OK)) {
            return;
        }
        memcpy(u, k, sizeof u);
        memcpy(k, next, sizeof k);
    }
    (void)pqi_vec_equal(v, "k", (pqi_cspan){k, sizeof k}, (pqi_cspan){want, sizeof k});
}
