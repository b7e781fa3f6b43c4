/* SPDX-License-Identifier: Apache-2.0
 * Role records: ["pqi-role", 1, role, alg, pk, signature]. docs/spec/objects.md */
#include <pqi/role.h>

#include "base/mem.h"
#include "ident/cose.h"
#include "ident/ident.h"

#define ROLE_NAME ((pqi_cspan){PQI_LIT("pqi-role")})

/* The signature covers the array of the first five elements, as it would stand alone. */
static const uint8_t role_head[1] = {0x85};

static const char *const names[] = {"?", "root", "issuer", "policy", "revoker", "head"};

static bool is_role(pqi_role role)
{
    return role >= PQI_ROLE_ROOT && role <= PQI_ROLE_HEAD;
}

const char *pqi_role_name(pqi_role role)
{
    return names[is_role(role) ? (size_t)role : 0u];
}

static bool same(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

pqi_role pqi_role_parse(const char *name)
{
    for (size_t i = PQI_ROLE_ROOT; name != NULL && i <= PQI_ROLE_HEAD; i++) {
        if (same(name, names[i])) {
            return (pqi_role)i;
        }
    }
    return PQI_ROLE_NONE;
}

pqi_status pqi_role_checksum(
    const pqi_algs *a, pqi_role role, int32_t alg, pqi_cspan pk, uint8_t out[32])
{
    if (a == NULL || out == NULL || !is_role(role) || alg == 0 || pk.ptr == NULL || pk.len == 0) {
        return PQI_ERR_ARG;
    }
    static const pqi_cspan label = {PQI_LIT("PQI4 role id")};
    uint8_t front[16];
    memcpy(front, label.ptr, label.len);
    front[label.len] = (uint8_t)role;
    return pqi_ident_key_hash(a, (pqi_cspan){front, label.len + 1u}, alg, pk, out);
}

void pqi_checksum_text(const uint8_t hash[32], char out[PQI_CHECKSUM_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < 16; i++) {
        if (i != 0 && i % 2 == 0) {
            out[at++] = ' ';
        }
        out[at++] = digits[hash[i] >> 4];
        out[at++] = digits[hash[i] & 15u];
    }
    out[at] = '\0';
}

pqi_status pqi_fleet_id_of(const pqi_algs *a, pqi_cspan name, uint8_t out[PQI_FLEET_ID_LEN])
{
    if (a == NULL || out == NULL || name.ptr == NULL || name.len == 0 ||
        name.len > PQI_FLEET_NAME_MAX) {
        return PQI_ERR_ARG;
    }
    uint8_t h[32];
    const pqi_cspan parts[] = {{PQI_LIT("PQI4 fleet id")}, name};
    pqi_status st = a->classic->hash(PQI_HASH_SHA256, parts, 2, h);
    if (st == PQI_OK) {
        memcpy(out, h, PQI_FLEET_ID_LEN);
    }
    return st;
}

static void put_fields(wr *w, pqi_role role, int32_t alg, pqi_cspan pk)
{
    pqi_cbor_put_array(w, 6);
    pqi_cbor_put_tstr(w, ROLE_NAME);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, (uint64_t)role);
    pqi_cbor_put_int(w, alg);
    pqi_cbor_put_bstr(w, pk);
}

pqi_status pqi_role_record_build(
    const pqi_algs *a, pqi_provider *p, pqi_key key, pqi_role role, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!is_role(role)) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer s;
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t pk_len = 0;
    pqi_status st = pqi_cose_signer_load(a, p, key, PQI_DOMAIN_ROLE, &s);
    if (st == PQI_OK) {
        st = pqi_provider_public_key(p, key, (pqi_span){pk, sizeof pk}, &pk_len);
    }
    for (int write = 0; write <= 1 && st == PQI_OK; write++) {
        wr w = write != 0 ? wr_of((pqi_span){out.ptr, *out_len}) : wr_count();
        put_fields(&w, role, s.alg, (pqi_cspan){pk, pk_len});
        const pqi_cspan parts[2] = {
            {role_head, 1}, {w.p != NULL ? w.p + 1 : NULL, w.p != NULL ? w.len - 1 : 0}};
        st = pqi_cose_put_signature(&w, &s, parts, 2);
        if (write != 0 && st != PQI_OK) {
            memset(out.ptr, 0, *out_len);
        }
        *out_len = st == PQI_OK ? w.len : 0;
        if (write == 0 && st == PQI_OK && (out.ptr == NULL || out.len < w.len)) {
            return PQI_ERR_SPACE;
        }
    }
    return st;
}

pqi_status pqi_role_record_open(const pqi_algs *a, pqi_cspan in, pqi_role_record *out, pqi_span tmp)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_ROLE_RECORD_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_role_record m = {0};
    rd r = rd_of(in);
    (void)pqi_cbor_array(&r, 6, 6);
    pqi_cbor_expect_tstr(&r, ROLE_NAME);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    m.role = (pqi_role)pqi_cbor_uint(&r, PQI_ROLE_ROOT, PQI_ROLE_HEAD);
    m.alg = pqi_ident_read_sig_alg(&r);
    m.pk = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_PK);
    const size_t covered = in.len - r.left;
    pqi_cspan sig = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_SIG);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        st = pqi_ident_check_sig_key(a, m.alg, m.pk);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[2] = {{role_head, 1}, {in.ptr + 1, covered - 1}};
        st = pqi_sig_verify(pqi_algs_sig(a, m.alg), m.pk, PQI_DOMAIN_ROLE, parts, 2, sig, tmp);
    }
    if (st == PQI_OK) {
        st = pqi_signer_kid(a, m.alg, m.pk, m.kid);
    }
    if (st == PQI_OK) {
        st = pqi_role_checksum(a, m.role, m.alg, m.pk, m.checksum);
    }
    if (st == PQI_OK) {
        *out = m;
    }
    return st;
}
