/* SPDX-License-Identifier: Apache-2.0
 * The checked front door of every provider. A driver sees sound arguments only, and whatever it
 * leaves behind when it fails, the caller's outputs are zero. */
#include "base/mem.h"
#include "ct/ct.h"

#include <pqi/provider.h>
#include <pqi/wipe.h>

#include <stdbool.h>

#define HANDLE_MAX     0x7fffffffu
#define QUOTE_NONCE_LO 16u
#define QUOTE_NONCE_HI 64u

static const pqi_cspan domain_prefix = {PQI_LIT("PQI4 ")};

static bool is_span(pqi_cspan s)
{
    return s.ptr != NULL || s.len == 0;
}

static bool is_key(pqi_key key)
{
    return key != 0 && key <= HANDLE_MAX;
}

static bool is_kind(pqi_key_kind kind, int32_t alg)
{
    return kind == PQI_KEY_KEM || kind == PQI_KEY_SIG || (kind == PQI_KEY_X25519 && alg == 0);
}

static bool is_label(pqi_cspan label)
{
    return label.ptr != NULL && label.len != 0 && label.len <= PQI_LABEL_MAX;
}

/* A driver's table of our ABI, or NULL with the status to return. */
static const pqi_provider_ops *ops_of(const pqi_provider *p, pqi_status *st)
{
    *st = PQI_OK;
    if (p == NULL || p->ops == NULL) {
        *st = PQI_ERR_ARG;
        return NULL;
    }
    if (p->ops->abi != PQI_PROVIDER_ABI) {
        *st = PQI_ERR_UNSUPPORTED;
        return NULL;
    }
    return p->ops;
}

/* Zeroes an output when the operation did not succeed. */
static pqi_status settle(pqi_status st, uint8_t *out, size_t len)
{
    if (st != PQI_OK && out != NULL) {
        pqi_wipe(out, len);
    }
    return st;
}

pqi_status pqi_provider_generate(pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(want) || !is_kind(kind, alg)) {
        return PQI_ERR_ARG;
    }
    return ops->generate == NULL ? PQI_ERR_UNSUPPORTED : ops->generate(p, want, kind, alg);
}

pqi_status pqi_provider_destroy(pqi_provider *p, pqi_key key)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(key)) {
        return PQI_ERR_ARG;
    }
    return ops->destroy == NULL ? PQI_ERR_UNSUPPORTED : ops->destroy(p, key);
}

pqi_status pqi_provider_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(key) || out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    st = ops->info == NULL ? PQI_ERR_UNSUPPORTED : ops->info(p, key, out);
    if (st != PQI_OK) {
        memset(out, 0, sizeof *out);
    }
    return st;
}

pqi_status pqi_provider_public_key(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(key) || out_len == NULL || (out.ptr == NULL && out.len != 0)) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    st = ops->public_key == NULL ? PQI_ERR_UNSUPPORTED : ops->public_key(p, key, out, out_len);
    if (st != PQI_OK && st != PQI_ERR_SPACE) {
        *out_len = 0;
    }
    return settle(st, out.ptr, out.len);
}

static bool is_domain(pqi_cspan d)
{
    return d.ptr != NULL && d.len > domain_prefix.len && d.len <= PQI_DOMAIN_MAX &&
           pqi_ct_eq(d.ptr, domain_prefix.ptr, domain_prefix.len) == 1;
}

static bool are_parts(const pqi_cspan *parts, size_t n_parts)
{
    bool good = parts != NULL || n_parts == 0;
    for (size_t i = 0; good && i < n_parts; i++) {
        good = is_span(parts[i]);
    }
    return good;
}

pqi_status pqi_provider_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(key) || !is_domain(domain) || !are_parts(parts, n_parts) || sig_len == NULL ||
        (sig.ptr == NULL && sig.len != 0)) {
        return PQI_ERR_ARG;
    }
    *sig_len = 0;
    st = ops->sign == NULL ? PQI_ERR_UNSUPPORTED
                           : ops->sign(p, key, domain, parts, n_parts, sig, sig_len);
    if (st != PQI_OK && st != PQI_ERR_SPACE) {
        *sig_len = 0;
    }
    return settle(st, sig.ptr, sig.len);
}

pqi_status pqi_provider_decapsulate(
    pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t ss[PQI_KEM_SS])
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(key) || ct.ptr == NULL || ct.len == 0 || ct.len > PQI_KEM_MAX_CT || ss == NULL) {
        return PQI_ERR_ARG;
    }
    st = ops->decapsulate == NULL ? PQI_ERR_UNSUPPORTED : ops->decapsulate(p, key, ct, ss);
    return settle(st, ss, PQI_KEM_SS);
}

pqi_status pqi_provider_dh(
    pqi_provider *p, pqi_key key, const uint8_t peer[PQI_X25519_LEN], uint8_t ss[PQI_X25519_LEN])
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(key) || peer == NULL || ss == NULL) {
        return PQI_ERR_ARG;
    }
    st = ops->dh == NULL ? PQI_ERR_UNSUPPORTED : ops->dh(p, key, peer, ss);
    return settle(st, ss, PQI_X25519_LEN);
}

pqi_status pqi_provider_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_key(kem) || !is_key(dh) || suite == NULL || suite->kem == NULL || ctx == NULL ||
        capsule.ptr == NULL || capsule.len != pqi_box_capsule_len(suite) || ct.ptr == NULL ||
        ct.len < PQI_AEAD_TAG || ct.len - PQI_AEAD_TAG != plain.len ||
        (plain.ptr == NULL && plain.len != 0)) {
        return PQI_ERR_ARG;
    }
    st = ops->decrypt == NULL ? PQI_ERR_UNSUPPORTED
                              : ops->decrypt(p, kem, dh, suite, ctx, capsule, ct, plain);
    return settle(st, plain.ptr, plain.len);
}

pqi_status pqi_provider_random(pqi_provider *p, pqi_span out)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (out.ptr == NULL && out.len != 0) {
        return PQI_ERR_ARG;
    }
    st = ops->random == NULL ? PQI_ERR_UNSUPPORTED : ops->random(p, out);
    return settle(st, out.ptr, out.len);
}

pqi_status pqi_provider_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_label(label) || !is_span(plain) || out.ptr == NULL || out.len < PQI_SEAL_OVERHEAD ||
        out.len - PQI_SEAL_OVERHEAD != plain.len) {
        return PQI_ERR_ARG;
    }
    st = ops->seal == NULL ? PQI_ERR_UNSUPPORTED : ops->seal(p, label, generation, plain, out);
    return settle(st, out.ptr, out.len);
}

pqi_status pqi_provider_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (!is_label(label) || blob.ptr == NULL || blob.len < PQI_SEAL_OVERHEAD ||
        blob.len - PQI_SEAL_OVERHEAD != plain.len || (plain.ptr == NULL && plain.len != 0)) {
        return PQI_ERR_ARG;
    }
    st = ops->unseal == NULL ? PQI_ERR_UNSUPPORTED : ops->unseal(p, label, generation, blob, plain);
    return settle(st, plain.ptr, plain.len);
}

pqi_status pqi_provider_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (slot >= PQI_COUNTER_SLOTS || value == NULL) {
        return PQI_ERR_ARG;
    }
    *value = 0;
    st = ops->counter_get == NULL ? PQI_ERR_UNSUPPORTED : ops->counter_get(p, slot, value);
    if (st != PQI_OK) {
        *value = 0;
    }
    return st;
}

pqi_status pqi_provider_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (slot >= PQI_COUNTER_SLOTS) {
        return PQI_ERR_ARG;
    }
    return ops->counter_advance == NULL ? PQI_ERR_UNSUPPORTED
                                        : ops->counter_advance(p, slot, value);
}

pqi_status pqi_provider_quote(
    pqi_provider *p, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    if (nonce.ptr == NULL || nonce.len < QUOTE_NONCE_LO || nonce.len > QUOTE_NONCE_HI ||
        out_len == NULL || (out.ptr == NULL && out.len != 0)) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    /* Without a hardware root there is no quote, whatever the table holds (INV-109). */
    if (ops->quote == NULL || (ops->caps & PQI_CAP_QUOTE) == 0) {
        return settle(PQI_ERR_UNSUPPORTED, out.ptr, out.len);
    }
    st = ops->quote(p, nonce, pcr_mask, out, out_len);
    if (st != PQI_OK && st != PQI_ERR_SPACE) {
        *out_len = 0;
    }
    return settle(st, out.ptr, out.len);
}

pqi_status pqi_provider_zeroize(pqi_provider *p)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    if (ops == NULL) {
        return st;
    }
    return ops->zeroize == NULL ? PQI_ERR_UNSUPPORTED : ops->zeroize(p);
}

uint32_t pqi_provider_caps(const pqi_provider *p)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    return ops == NULL ? 0 : ops->caps;
}

uint32_t pqi_provider_alg_caps(pqi_provider *p, pqi_key_kind kind, int32_t alg)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    bool good = ops != NULL && ops->alg_caps != NULL && is_kind(kind, alg);
    return good ? ops->alg_caps(p, kind, alg) : 0;
}

const char *pqi_provider_name(const pqi_provider *p)
{
    pqi_status st;
    const pqi_provider_ops *ops = ops_of(p, &st);
    return ops == NULL || ops->name == NULL ? "" : ops->name;
}

uint32_t pqi_provider_native_error(pqi_provider *p, const char **text)
{
    pqi_status st;
    const char *none = "";
    const char **to = text != NULL ? text : &none;
    *to = "";
    const pqi_provider_ops *ops = ops_of(p, &st);
    return ops == NULL || ops->native_error == NULL ? 0 : ops->native_error(p, to);
}
