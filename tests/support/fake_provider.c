/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_provider.h"

#include "prim/keccak/keccak.h"
#include <stdlib.h>
#include <string.h>

static fake_provider *of(pqi_provider *p)
{
    return (fake_provider *)(void *)p;
}

pqi_status fake_enter(fake_provider *f, fake_op op)
{
    f->calls++;
    f->count[op]++;
    if (f->fail_at != 0 && f->calls == f->fail_at) {
        return f->fail_with != PQI_OK ? f->fail_with : PQI_ERR_PROVIDER;
    }
    return f->power != NULL && f->power->dead ? PQI_ERR_PROVIDER : PQI_OK;
}

fake_key *fake_find(fake_provider *f, pqi_key handle, pqi_key_kind kind)
{
    for (size_t i = 0; i < FAKE_KEYS; i++) {
        if (f->keys[i].handle == handle && handle != 0 &&
            (kind == PQI_KEY_NONE || f->keys[i].kind == kind)) {
            return &f->keys[i];
        }
    }
    return NULL;
}

void fake_derive(const fake_provider *f, const char *label, const uint8_t *in, size_t in_len,
    uint8_t *out, size_t out_len)
{
    pqi_xof x;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, f->seed, 32);
    pqi_xof_absorb(&x, label, strlen(label) + 1);
    pqi_xof_absorb(&x, in, in_len);
    pqi_xof_squeeze(&x, out, out_len);
}

static pqi_status op_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_INFO);
    fake_key *k = fake_find(f, key, PQI_KEY_NONE);
    if (st != PQI_OK) {
        return st;
    }
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    *out =
        (pqi_key_info){.key = key, .kind = k->kind, .alg = k->alg, .pk_len = (uint32_t)k->pk_len};
    return PQI_OK;
}

static pqi_status op_public(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_PUBLIC);
    fake_key *k = fake_find(f, key, PQI_KEY_NONE);
    if (st != PQI_OK) {
        return st;
    }
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    *out_len = k->pk_len;
    if (out.len < k->pk_len) {
        return PQI_ERR_SPACE;
    }
    memcpy(out.ptr, k->pk, k->pk_len);
    return PQI_OK;
}

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_RANDOM);
    if (st != PQI_OK) {
        return st;
    }
    fake_derive(f, "random", (const uint8_t *)&f->drawn, sizeof f->drawn, out.ptr, out.len);
    f->drawn++;
    return PQI_OK;
}

/* tag = SHAKE256(seed, "tag", LV(label) || generation || nonce || ct) */
static void seal_tag(const fake_provider *f, pqi_cspan label, uint64_t generation,
    const uint8_t *blob, size_t n, uint8_t tag[16])
{
    pqi_xof x;
    pqi_shake256_start(&x);
    pqi_xof_absorb(&x, f->seed, 32);
    uint8_t l = (uint8_t)label.len;
    pqi_xof_absorb(&x, &l, 1);
    pqi_xof_absorb(&x, label.ptr, label.len);
    pqi_xof_absorb(&x, &generation, sizeof generation);
    pqi_xof_absorb(&x, blob, n);
    pqi_xof_squeeze(&x, tag, 16);
}

static void seal_stream(
    const fake_provider *f, const uint8_t nonce[12], const uint8_t *in, uint8_t *out, size_t n)
{
    uint8_t *ks = malloc(n != 0 ? n : 1);
    if (ks == NULL) {
        abort();
    }
    fake_derive(f, "stream", nonce, 12, ks, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(in[i] ^ ks[i]);
    }
    free(ks);
}

static pqi_status op_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_SEAL);
    if (st != PQI_OK) {
        return st;
    }
    fake_derive(f, "nonce", (const uint8_t *)&f->drawn, sizeof f->drawn, out.ptr, 12);
    f->drawn++;
    seal_stream(f, out.ptr, plain.ptr, out.ptr + 12, plain.len);
    seal_tag(f, label, generation, out.ptr, 12 + plain.len, out.ptr + 12 + plain.len);
    return PQI_OK;
}

static pqi_status op_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_UNSEAL);
    if (st != PQI_OK) {
        return st;
    }
    uint8_t tag[16];
    size_t n = blob.len - PQI_SEAL_OVERHEAD;
    seal_tag(f, label, generation, blob.ptr, 12 + n, tag);
    if (memcmp(tag, blob.ptr + 12 + n, 16) != 0) {
        memset(plain.ptr, 0, plain.len);
        return PQI_ERR_AUTH;
    }
    seal_stream(f, blob.ptr, blob.ptr + 12, plain.ptr, n);
    return PQI_OK;
}

static pqi_status op_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_COUNTER_GET);
    if (st == PQI_OK) {
        *value = f->counters[slot];
    }
    return st;
}

static pqi_status op_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_COUNTER_ADVANCE);
    if (st != PQI_OK) {
        return st;
    }
    cut_mode how;
    int fails = test_power_step(f->power, &how);
    if ((!fails || how == CUT_COMPLETE) && value > f->counters[slot]) {
        f->counters[slot] = value;
    }
    return fails ? PQI_ERR_PROVIDER : PQI_OK;
}

const pqi_provider_ops fake_ops_keyless = {
    .abi = PQI_PROVIDER_ABI,
    .caps = PQI_CAP_NO_ROLLBACK,
    .name = "fake",
    .info = op_info,
    .public_key = op_public,
    .random = op_random,
    .seal = op_seal,
    .unseal = op_unseal,
    .counter_get = op_counter_get,
    .counter_advance = op_counter_advance,
};

void fake_provider_init(
    fake_provider *f, const pqi_algs *algs, const uint8_t seed[32], test_power *power)
{
    memset(f, 0, sizeof *f);
    f->base.ops = &fake_ops_keyless;
    f->algs = algs;
    f->power = power;
    memcpy(f->seed, seed, 32);
}
