/* SPDX-License-Identifier: Apache-2.0
 * Public areas of attestation and endorsement keys: TPM2B_PUBLIC, TPM 2.0 part 2 section 12.2. What is not
 * exactly such a key is refused. */
#include "ident/tpm.h"

#include "base/mem.h"

#define POLICY_MAX 64u

/* TPMT_PUBLIC up to its parameters. */
typedef struct public_head {
    uint32_t type, name_alg, attributes;
    pqi_cspan policy;
} public_head;

static void read_head(rd *r, public_head *h)
{
    h->type = rd_u16(r);
    h->name_alg = rd_u16(r);
    h->attributes = rd_u32(r);
    h->policy = tpm_2b(r, POLICY_MAX);
}

/* The length in front, and nothing behind. */
static pqi_cspan inner(pqi_cspan in, size_t max)
{
    rd r = rd_of(in);
    pqi_cspan body = rd_vec16(&r, 1, max);
    return rd_done(&r) == PQI_OK ? body : (pqi_cspan){NULL, 0};
}

static bool has(uint32_t attributes, uint32_t must, uint32_t may)
{
    return (attributes & must) == must && (attributes & ~(must | may)) == 0;
}

/* ---- keys on P-256 ------------------------------------------------------------------------------ */

#define KEPT (TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_ORIGIN)

/* What one must be. */
typedef struct ecc_shape {
    uint32_t must, may, scheme;
    bool policy; /* one of 32 bytes is allowed */
} ecc_shape;

static bool fits(const public_head *h, const ecc_shape *s)
{
    return h->type == TPM_ALG_ECC && h->name_alg == TPM_ALG_SHA256 &&
           has(h->attributes, s->must, s->may) &&
           (h->policy.len == 0 || (s->policy && h->policy.len == 32));
}

static pqi_status ecc_key(const pqi_algs *a, pqi_cspan in, const ecc_shape *s,
    uint8_t pk[PQI_TPM_POINT_LEN], uint8_t name[PQI_TPM_NAME_MAX])
{
    static const uint8_t name_alg[2] = {0, TPM_ALG_SHA256};
    pqi_cspan body = inner(in, PQI_TPM_AK_MAX - 2u);
    rd r = rd_of(body);
    public_head h;
    read_head(&r, &h);
    const uint32_t sym = rd_u16(&r), scheme = rd_u16(&r), hash = rd_u16(&r), curve = rd_u16(&r),
                   kdf = rd_u16(&r);
    if (r.bad) {
        return PQI_ERR_DECODE;
    }
    if (!fits(&h, s) || sym != TPM_ALG_NULL || scheme != s->scheme || hash != TPM_ALG_SHA256 ||
        curve != TPM_ECC_P256 || kdf != TPM_ALG_NULL) {
        return PQI_ERR_POLICY;
    }
    pqi_cspan x = rd_vec16(&r, 32, 32), y = rd_vec16(&r, 32, 32);
    pqi_status st = rd_done(&r);
    if (st != PQI_OK) {
        return st;
    }
    pk[0] = 4;
    memcpy(pk + 1, x.ptr, 32);
    memcpy(pk + 33, y.ptr, 32);
    memcpy(name, name_alg, 2);
    return a->classic->hash(PQI_HASH_SHA256, &body, 1, name + 2);
}

pqi_status pqi_tpm_ak_decode(const pqi_algs *a, pqi_cspan in, pqi_tpm_ak *out)
{
    static const ecc_shape shape = {TPMA_RESTRICTED | TPMA_SIGN | KEPT,
        TPMA_USER_AUTH | TPMA_ADMIN_POLICY | TPMA_NO_DA, TPM_ALG_ECDSA, true};
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_tpm_ak k = {.encoded = in};
    pqi_status st = ecc_key(a, in, &shape, k.pk, k.name);
    if (st == PQI_OK) {
        *out = k;
    }
    return st;
}

/* As the driver has them made. Made in this TPM, never out of it, under its password alone. */
static const ecc_shape half_sig = {
    TPMA_RESTRICTED | TPMA_SIGN | TPMA_USER_AUTH | KEPT, TPMA_NO_DA, TPM_ALG_ECDSA, false};
static const ecc_shape half_kem = {
    TPMA_DECRYPT | TPMA_USER_AUTH | KEPT, TPMA_NO_DA, TPM_ALG_ECDH, false};

pqi_status pqi_tpm_half_key(const pqi_algs *a, pqi_cspan in, pqi_half *out)
{
    out->kind = PQI_KEY_SIG;
    pqi_status st = ecc_key(a, in, &half_sig, out->pk, out->name);
    if (st == PQI_ERR_POLICY) {
        out->kind = PQI_KEY_KEM;
        st = ecc_key(a, in, &half_kem, out->pk, out->name);
    }
    return st;
}

/* ---- endorsement key: TCG EK Credential Profile 2.5, templates of annex B --------------------------- */

static bool ek_template(const public_head *h)
{
    const uint32_t must =
        TPMA_RESTRICTED | TPMA_DECRYPT | TPMA_FIXED_TPM | TPMA_FIXED_PARENT | TPMA_ORIGIN;
    return (h->type == TPM_ALG_ECC || h->type == TPM_ALG_RSA) &&
           (h->name_alg == TPM_ALG_SHA256 || h->name_alg == TPM_ALG_SHA384) &&
           has(h->attributes, must, TPMA_USER_AUTH | TPMA_ADMIN_POLICY | TPMA_NO_DA);
}

static void read_symmetric(rd *r, pqi_tpm_ek *k)
{
    rd_expect(r, 2, TPM_ALG_AES);
    k->sym_bits = rd_u16(r);
    rd_expect(r, 2, TPM_ALG_CFB);
    rd_expect(r, 2, TPM_ALG_NULL); /* the scheme of a decryption key */
    if (k->sym_bits != 128 && k->sym_bits != 256) {
        rd_fail(r);
    }
}

static void read_ecc(rd *r, pqi_tpm_ek *k)
{
    k->curve = rd_u16(r);
    rd_expect(r, 2, TPM_ALG_NULL);
    const size_t n = k->curve == TPM_ECC_P256 ? 32 : 48;
    if (k->curve != TPM_ECC_P256 && k->curve != TPM_ECC_P384) {
        rd_fail(r);
    }
    k->x = rd_vec16(r, n, n);
    k->y = rd_vec16(r, n, n);
}

static void read_rsa(rd *r, pqi_tpm_ek *k)
{
    const uint32_t bits = rd_u16(r), exponent = rd_u32(r);
    if ((bits != 2048 && bits != 3072 && bits != 4096) || (exponent != 0 && exponent != 65537)) {
        rd_fail(r);
    }
    k->modulus = rd_vec16(r, bits / 8, bits / 8);
}

/* Over the key alone. The rest of the area is the device's word, and a TPM opens a credential for its key
 * whatever stands there: each spelling would be another fingerprint of one TPM. */
static pqi_status fingerprint(const pqi_algs *a, pqi_tpm_ek *k)
{
    const uint8_t kind[4] = {
        (uint8_t)(k->type >> 8), (uint8_t)k->type, (uint8_t)(k->curve >> 8), (uint8_t)k->curve};
    const pqi_cspan parts[5] = {{PQI_LIT("PQI4 ek")}, {kind, sizeof kind}, k->x, k->y, k->modulus};
    return a->classic->hash(PQI_HASH_SHA256, parts, 5, k->fingerprint);
}

pqi_status pqi_tpm_ek_decode(const pqi_algs *a, pqi_cspan in, pqi_tpm_ek *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_tpm_ek k = {.encoded = in};
    rd r = rd_of(inner(in, PQI_TPM_EK_MAX - 2u));
    public_head h;
    read_head(&r, &h);
    if (r.bad) {
        return PQI_ERR_DECODE;
    }
    if (!ek_template(&h)) {
        return PQI_ERR_POLICY;
    }
    k.type = (uint16_t)h.type;
    k.name_alg = (uint16_t)h.name_alg;
    read_symmetric(&r, &k);
    if (h.type == TPM_ALG_ECC) {
        read_ecc(&r, &k);
    } else {
        read_rsa(&r, &k);
    }
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        st = fingerprint(a, &k);
    }
    if (st == PQI_OK) {
        *out = k;
    }
    return st;
}
